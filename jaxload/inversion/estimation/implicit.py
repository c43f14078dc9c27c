"""The data-space systems as linear maps, differentiated as such.

The derivative of a solution follows from the system it solves, whichever way it was
solved: the reverse pass is one more solution with the same matrices, and nothing that
a method makes on its way is kept.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

from jaxload.inversion.estimation.cost_model import Method
from jaxload.inversion.estimation.epoch_inverse import EpochInverse
from jaxload.inversion.estimation.preconditioning import preconditioner
from jaxload.inversion.estimation.shared_inverse import make_shared_inverse
from jaxload.inversion.linalg.iterative_refinement import Refinement, refined
from jaxload.inversion.linalg.pcg import ConjugateGradient, conjugate_gradient
from jaxload.inversion.linalg.spd import determined_inverse, einsum
from jaxload.inversion.missing.pattern import MissingPattern
from jaxload.inversion.noise import Noise, noise_times
from jaxload.inversion.problem import Problem

__all__ = ["System", "system_multiplier", "system_times"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class System:
    """The matrices ``A_oo`` of all epochs, none of them written out.

    Attributes:
      problem: Design matrix and prior.
      noise: Of covariance ``beta^2 R``.
      seen: Where there are observations, shape (epoch, row).
      used: Rows that count, shape (row,); None for all.
      pattern: Where observations are missing; None where it is unknown or of no use.
    """

    problem: Problem
    noise: Noise
    seen: Array
    used: Array | None
    pattern: MissingPattern | None


def system_times(system: System, values: Array) -> Array:
    """The product of every epoch's matrix with its values.

    Args:
      system: The matrices.
      values: Zero where nothing was observed, shape (..., epoch, row).

    Returns:
      The products, same shape.
    """
    flat = values.reshape(-1, *system.seen.shape)
    noise = jax.vmap(lambda one: noise_times(system.noise, one))(flat)
    whole = einsum("ker,rs->kes", flat, system.problem.gram) + noise
    return jnp.where(system.seen[None], whole, 0).reshape(values.shape)


def system_multiplier(
    system: System, data: Array, method: Method
) -> tuple[Array, Array]:
    """The multipliers ``A_oo^-1 d_o``, with the drift estimated beside.

    Args:
      system: The matrices.
      data: Observations, zero where there are none, shape (epoch, row).
      method: How to solve.

    Returns:
      The multipliers, shape (epoch, row), and whether they were found, shape (epoch,).
    """
    null_space_response = system.problem.null_space_response
    columns = jnp.where(system.seen[None], null_space_response.T[:, None, :], 0)
    right = jnp.concatenate([data[None], columns])
    solutions, solved = jax.lax.custom_linear_solve(
        lambda values: system_times(system, values),
        right,
        lambda _, values: _solved(system, values, method),
        symmetric=True,
        has_aux=True,
    )
    solved = solved.all(axis=0)
    if not len(columns):
        return solutions[0], solved
    normal = einsum("ker,rl->ekl", solutions[1:], null_space_response)
    inverted, known = determined_inverse(normal)
    level = einsum("er,rl->el", solutions[0], null_space_response)
    amount = einsum("ekl,el->ke", inverted, level)
    return solutions[0] - einsum("ke,ker->er", amount, solutions[1:]), solved & known


def _solved(system: System, right: Array, method: Method) -> tuple[Array, Array]:
    right = jnp.where(system.seen[None], right, 0)
    times = lambda values: system_times(system, values)
    if isinstance(method, ConjugateGradient):
        nearly = preconditioner(system.problem.gram, system.noise, system.seen)
        return conjugate_gradient(times, nearly, right, method)
    if isinstance(method, Refinement):
        # What all epochs share is inverted as it is, and lowered then.
        low = _lowered(system) if system.pattern is None else system
        return refined(times, lambda values: _direct(low, values), right, method)
    return _direct(system, right), jnp.ones(right.shape[:2], bool)


def _direct(system: System, right: Array) -> Array:
    # The free fields are estimated beside, by `system_multiplier`.
    fixed = dataclasses.replace(
        system.problem,
        null_space=system.problem.null_space[:, :0],
        null_space_response=system.problem.null_space_response[:, :0],
    )
    if system.pattern is None:
        return EpochInverse(fixed, system.noise, system.seen).solve(right)
    return make_shared_inverse(
        fixed, system.noise, system.seen, system.used, system.pattern
    ).solve(right)


def _lowered(system: System) -> System:
    low = lambda values: values.astype(jnp.float32)
    gram = low(system.problem.gram)
    return dataclasses.replace(
        system,
        problem=dataclasses.replace(
            system.problem,
            gram=gram,
            null_space_response=low(system.problem.null_space_response),
        ),
        noise=jax.tree.map(low, system.noise),
    )

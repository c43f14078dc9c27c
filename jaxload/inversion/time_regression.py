"""A prior mean made of known functions of time, whose maps the data choose.

Water follows the seasons: ``x_t = sum_k f_k(t) b_k + z_t`` with maps ``b_k ~ N(0, C /
a^2)`` and the rest ``z_t ~ N(0, C / beta^2)`` anew at every epoch. Maps and rest are
estimated together, exactly: given the maps every epoch is a problem of its own, and
what all epochs say of the maps adds up to a system of (functions x rows) unknowns.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import check_shapes
from jaxload.inversion.binding import Observations, bind
from jaxload.inversion.estimation.factor import factorise
from jaxload.inversion.hyperparameters.evidence import log_evidence
from jaxload.inversion.linalg.saddle_point import observed_inverse
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.noise import (
    Noise,
    each_epoch,
    map_epochs,
    noise_covariance,
    scaled_noise,
)
from jaxload.inversion.problem import Problem
from jaxload.inversion.sharding import require_one_device
from jaxload.inversion.uncertainty.functionals import Functionals

__all__ = ["TimeMean", "time_function_mean", "time_function_variance"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TimeMean:
    """Maps of functions of time, and how well the data know what they move.

    ``functions @ maps`` is the mean for `solve`; with it `solve` gives the estimate of
    the load under both parts of the prior.

    Attributes:
      maps: Estimated maps b [mm per unit of the function], shape (function, cell).
      taken: What the data take from the covariance of the maps: with S the prior
        covariance of their displacement u = G b, that of u is ``S - S taken S`` after
        them [1/mm2]; shape (function row, function row), functions outermost.
      log_evidence: Of all data, both parts integrated out, scalar.
    """

    maps: Array
    taken: Array
    log_evidence: Array


def time_function_mean(
    problem: Problem,
    data: Observations,
    weights: tuple[ArrayLike, ArrayLike],
    functions: ArrayLike,
) -> TimeMean:
    """Estimate the maps of functions of time under a smooth prior.

    Every epoch costs an inverse of its own, and all together one of the size (function
    row), which two matrices of that size have to be kept for.

    Not for: priors that leave fields free.

    Args:
      problem: Design matrix and prior, which rest and maps share.
      data: From `observations`.
      weights: Of the prior of the rest, beta, and of that of the maps, a; scalars.
      functions: Values of the functions, shape (epoch, function).

    Returns:
      The `TimeMean`.

    Raises:
      ValueError: As `solve`, and if the prior leaves fields free.

    Example:
      >>> season = series.seasonal_basis(time)[:, 2:]
      >>> fit = inversion.time_function_mean(problem, data, (0.02, 0.01), season)
      >>> water = inversion.solve(problem, data, 0.02, mean=season @ fit.maps)

    Source:
      Universal kriging with a proper prior for the drift: Omre & Halvorsen (1989),
      doi:10.1007/BF00893318; Gaussian process beside a linear model: Rasmussen
      & Williams (2006), Gaussian Processes for Machine Learning, section 2.7.
    """
    beta, amplitude = weights
    factor = factorise(problem, data, beta)
    require_one_device(data)
    data, beta = factor.data, factor.beta
    amplitude = jnp.asarray(amplitude, beta.dtype)
    functions = jnp.asarray(functions, beta.dtype)
    check_shapes(
        data=(data.values, "epoch row"),
        functions=(functions, "epoch function"),
    )
    if problem.null_space_response.shape[1]:
        raise ValueError(
            "the prior leaves fields free, so that the maps of functions of time have "
            "no amplitude; use the boundary 'zero', or a ridge"
        )
    weights, evidence = (beta, amplitude), log_evidence(factor)
    return _regressed(problem, data, weights, functions, evidence)


@jax.jit
def _regressed(
    problem: Problem,
    data: Observations,
    weights: tuple[Array, Array],
    functions: Array,
    evidence: Array,
) -> TimeMean:
    beta, amplitude = weights
    weighted_data, information = _map_information(
        problem, data.counted, data.noise, beta, functions
    )
    count, rows = weighted_data.shape
    flat, same = weighted_data.ravel(), jnp.eye(count * rows, dtype=weighted_data.dtype)
    prior = (
        jnp.kron(jnp.eye(count, dtype=weighted_data.dtype), problem.gram) / amplitude**2
    )
    # (S^-1 + H)^-1 is S (1 + H S)^-1: two stations at one place leave S no inverse.
    system = same + einsum("ij,jk->ik", information, prior)
    sides = jnp.concatenate([information, flat[:, None]], axis=1)
    solved = jnp.linalg.solve(system, sides)
    taken, pull = (solved[:, :-1] + solved[:, :-1].T) / 2, solved[:, -1]
    maps = einsum("kr,cr->kc", pull.reshape(count, rows), problem.cross) / amplitude**2
    gain = einsum("i,ij,j->", flat, prior, pull) - jnp.linalg.slogdet(system)[1]
    return TimeMean(maps, taken, evidence + gain / 2)


def _map_information(
    problem: Problem, displacement: Array, noise: Noise, beta: Array, functions: Array
) -> tuple[Array, Array]:
    """``sum f V^-1 d``, (function, row), and ``sum f f' x V^-1``, flat in both.

    V is the covariance of the observations of an epoch given the maps.
    """
    seen = jnp.isfinite(displacement)
    noise = scaled_noise(noise, beta, seen)
    count, rows = functions.shape[1], displacement.shape[1]

    def add(sums: tuple[Array, Array], epoch: Any) -> tuple[tuple[Array, Array], None]:
        (sigma, common), displacement, functions = epoch
        epoch_noise = dataclasses.replace(noise, sigma=sigma, common=common)
        seen = jnp.isfinite(displacement)
        inverse, _ = observed_inverse(
            problem.gram + noise_covariance(epoch_noise), seen
        )
        image = einsum("rs,s->r", inverse, jnp.where(seen, displacement, 0))
        pairs = functions[:, None] * functions[None, :]
        more = (
            functions[:, None] * image[None, :],
            pairs[:, None, :, None] * inverse[None, :, None, :],
        )
        return jax.tree.map(jnp.add, sums, more), None

    nothing = jnp.zeros((count, rows), displacement.dtype)
    start = (nothing, jnp.zeros((count, rows, count, rows), displacement.dtype))
    epochs = (each_epoch(noise, len(seen)), displacement, functions)
    weighted_data, information = jax.lax.scan(jax.checkpoint(add), start, epochs)[0]
    size = count * rows
    return beta**2 * weighted_data, beta**2 * information.reshape(size, size)


def time_function_variance(
    problem: Problem,
    data: Observations,
    weights: tuple[ArrayLike, ArrayLike],
    functions: ArrayLike,
    *,
    functionals: Functionals,
) -> Array:
    """Compute the posterior variance of functionals under maps and rest together.

    Args:
      problem: As for `time_function_mean`.
      data: Likewise; only which are missing counts, and their noise.
      weights: Likewise.
      functions: Likewise.
      functionals: From `averages`, `some_cells` or `every_cell`.

    Returns:
      Variance of the estimate [mm2], shape (epoch, functional).

    Raises:
      ValueError: As `time_function_mean`.
    """
    fit = time_function_mean(problem, data, weights, functions)
    data, beta = bind(problem, data, weights[0])
    require_one_device(data)
    amplitude = jnp.asarray(weights[1], beta.dtype)
    functions = jnp.asarray(functions, beta.dtype)
    weights = (beta, amplitude)
    return _variance(problem, data, weights, fit.taken, functions, functionals)


@jax.jit
def _variance(
    problem: Problem,
    data: Observations,
    weights: tuple[Array, Array],
    taken: Array,
    functions: Array,
    functionals: Functionals,
) -> Array:
    beta, amplitude = weights
    side, prior_variance = functionals.cross, functionals.variance
    displacement = data.counted
    noise = scaled_noise(data.noise, beta, jnp.isfinite(displacement))

    def one(noise: Noise, epoch: tuple[Array, Array]) -> Array:
        displacement, function = epoch
        seen = jnp.isfinite(displacement)
        inverse, _ = observed_inverse(problem.gram + noise_covariance(noise), seen)
        # By how much a mean follows the rest's displacement, and is moved by the maps'.
        share = einsum("mr,rs->ms", side, inverse)
        moved = (side - einsum("mr,rs->ms", share, problem.gram)) / amplitude**2
        rest = (prior_variance - einsum("mr,mr->m", share, side)) / beta**2
        both = einsum("mr,mr->m", share, side / amplitude**2 + moved)
        maps = jnp.sum(function**2) * (prior_variance / amplitude**2 - both)
        pull = (moved[:, None, :] * function[None, :, None]).reshape(
            len(prior_variance), -1
        )
        return rest + maps - einsum("mi,ij,mj->m", pull, taken, pull)

    wide = functions.shape[1] * side.size
    size = 6 * problem.gram.size + 4 * side.size + 2 * wide
    return map_epochs(one, noise, (displacement, functions), size)

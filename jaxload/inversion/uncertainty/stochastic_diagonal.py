"""Variances by random probes, where an exact one is too dear."""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

from jaxload._platform import form_at
from jaxload.inversion.binding import Observations
from jaxload.inversion.estimation.data_space import diagonal
from jaxload.inversion.estimation.factor import prior_reduction
from jaxload.inversion.linalg.saddle_point import observed_saddle_inverse
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.missing.pattern import find_pattern
from jaxload.inversion.noise import (
    Noise,
    each_epoch,
    map_epochs,
    noise_covariance,
    scaled_noise,
)
from jaxload.inversion.problem import Problem
from jaxload.inversion.sharding import by_shards, reshard, without_shards
from jaxload.inversion.uncertainty.functionals import Functionals

__all__ = [
    "BUDGETS",
    "Probing",
    "affordable",
    "budget_at",
    "mean_noise",
    "probed_reduction",
]


#: Operations that exact variances may take, by form: some eight minutes of two cores
#: that do 4e10 a second, and of an accelerator that does 2e13.
BUDGETS = {"cpu": 2e13, "accelerator": 1e16}


@dataclasses.dataclass(frozen=True)
class Probing:
    """When to probe and how.

    Attributes:
      budget: Floating-point operations up to which a variance is computed exactly:
        infinite for never probing, 0 for always where noise varies in time; that of
        `BUDGETS` where the data lie if None.
      count: Probes, two or more; the error falls with its square root.
      seed: From which they are drawn.
    """

    budget: float | None = None
    count: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        if self.count < 2:
            raise ValueError(
                f"count is {self.count}, expected 2 probes or more, which it takes to "
                "know their error"
            )
        if self.budget is not None and not self.budget >= 0:
            raise ValueError(
                f"budget is {self.budget:g}, expected a number of operations, zero or "
                "more"
            )


def budget_at(probing: Probing, values: Array) -> float:
    """Floating-point operations up to which a variance is computed exactly.

    Args:
      probing: With a budget, or none.
      values: The record, where it lies.
    """
    return BUDGETS[form_at(values)] if probing.budget is None else probing.budget


def affordable(epochs: int, functionals: Functionals, budget: float) -> bool:
    """Whether an inverse of each epoch and its products stay within the budget.

    Args:
      epochs: Their number.
      functionals: What is to be known.
      budget: From `budget_at`.
    """
    count, rows = functionals.cross.shape
    return epochs * (2.0 * rows**2 * count + 4.0 * rows**3) <= budget


def mean_noise(noise: Noise, seen: Array) -> Noise:
    """Noise that does not vary in time, with the mean variances of one that does.

    Args:
      noise: Any.
      seen: Where there are observations, shape (epoch, row).

    Returns:
      The `Noise`, sigma of shape (row,).
    """
    sigma, common = each_epoch(noise, len(seen))
    count = jnp.maximum(seen.sum(axis=0), 1).astype(sigma.dtype)
    square = jnp.where(seen, sigma, 0) ** 2
    return dataclasses.replace(
        noise,
        sigma=jnp.sqrt(square.sum(axis=0) / count),
        common=None if common is None else common.mean(),
    )


def probed_reduction(
    problem: Problem,
    data: Observations,
    beta: Array,
    functionals: Functionals,
    probing: Probing,
) -> tuple[Array, Array]:
    """Estimate by how much the data reduce the prior variances at every epoch.

    Under the mean noise it is known exactly, gaps and all; what probes estimate is the
    change that an epoch's own noise makes to it. With h the covariance of a functional
    with the rows, P and Q the inverses under the mean noise L L' and the epoch's own,
    and D the difference of the two covariances,
    ``h' (P - Q) h = h' P D Q h = E[(h' P L z) (h' Q D L'^-1 z)]`` for z of independent
    signs. The first factor is the error that a draw of the noise makes, the second the
    same times the relative change: both are of the size of the posterior, however much
    larger the prior is. An epoch pays ``4 row`` operations a functional and probe.

    Args:
      problem: Design matrix and prior.
      data: Not traced.
      beta: Weight of the prior, scalar.
      functionals: What is to be known.
      probing: Number of probes and their seed.

    Returns:
      The estimate, without bias, and its standard error, both of shape (epoch,
      functional).

    Source:
      Diagonals from signs: Bekas, Kokiopoulou & Saad (2007),
      doi:10.1016/j.apnum.2007.01.003.
    """
    local = without_shards(data)
    middle = mean_noise(local.noise, local.seen)
    pattern = find_pattern(local.values)
    steady = dataclasses.replace(local, noise=middle, pattern=pattern)
    if data.sharding is not None:
        steady = reshard(steady, data.sharding)
    known = prior_reduction(problem, steady, beta, functionals.fields, diagonal)
    shape = (data.values.shape[1], probing.count)
    sign = jax.random.rademacher(jax.random.key(probing.seed), shape, known.dtype)
    change, error = _change(problem, data, middle, beta, functionals, sign)
    return known + change, error


@jax.jit
def _change(
    problem: Problem,
    data: Observations,
    middle: Noise,
    beta: Array,
    functionals: Functionals,
    sign: Array,
) -> tuple[Array, Array]:
    """Mean over the probes of what an epoch's own noise changes, and its error."""
    alike = (problem, middle, beta, functionals, sign)
    return by_shards(_own_change, data, alike=alike)


def _own_change(
    data: Observations,
    _: tuple,
    alike: tuple[Problem, Noise, Array, Functionals, Array],
) -> tuple[Array, Array]:
    problem, middle, beta, functionals, sign = alike
    seen = data.seen
    noise, middle = (scaled_noise(each, beta, seen) for each in (data.noise, middle))
    covariance = functionals.fields
    rows, count = sign.shape
    steady = noise_covariance(middle)
    left, right = _probes(steady, sign)

    def inverse(covariance: Array, seen: Array) -> Array:
        matrix = problem.gram + covariance
        return observed_saddle_inverse(matrix, problem.null_space_response, seen)[1][
            :, :rows
        ]

    def one(noise: Noise, seen: Array) -> tuple[Array, Array]:
        daily = noise_covariance(noise)
        before, after = (
            inverse(covariance_of, seen) for covariance_of in (steady, daily)
        )
        # Where nothing is seen either noise is a place-holder.
        change = jnp.where(seen[:, None] & seen[None, :], daily - steady, 0)
        first = einsum("rs,sk->kr", before, left)
        second = einsum("rs,sk->kr", after, einsum("st,tk->sk", change, right))
        product = -einsum("kr,rf->kf", first, covariance) * einsum(
            "kr,rf->kf", second, covariance
        )
        return product.mean(axis=0), product.std(axis=0, ddof=1) / count**0.5

    size = 12 * rows**2 + 3 * count * covariance.shape[1]
    return map_epochs(one, noise, seen, size)


def _probes(covariance: Array, sign: Array) -> tuple[Array, Array]:
    """``L z`` and ``L'^-1 z`` for a covariance ``L L'``, each of shape (row, probe)."""
    factor = jnp.linalg.cholesky(covariance)
    right = jax.scipy.linalg.solve_triangular(factor, sign, lower=True, trans=1)
    return einsum("rs,sk->rk", factor, sign), right

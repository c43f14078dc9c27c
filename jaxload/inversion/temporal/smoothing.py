"""The load of a whole record at once, correlated from epoch to epoch.

The prior covariance of the load is T x C, an epoch matrix by a cell matrix, and that of
the displacement T x G C G'.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import check_shapes
from jaxload.inversion.binding import Observations, about_mean, bind
from jaxload.inversion.estimation.factor import factorise
from jaxload.inversion.estimation.representers import RepresenterSolution, Term
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.noise import (
    Noise,
    common_estimate,
    is_uncorrelated,
    scaled_noise,
)
from jaxload.inversion.problem import Problem, Solution
from jaxload.inversion.sharding import require_one_device
from jaxload.inversion.temporal.inverse_noise import (
    NoiseWeight,
    noise_weight,
    null_space_normal,
)
from jaxload.inversion.temporal.markov import (
    TemporalPrior,
    check_temporal_prior,
    time_covariance,
)
from jaxload.inversion.temporal.space_time import (
    null_space_normal_inverse,
    solve_space_time,
)

__all__ = [
    "hold_out",
    "solve_in_time",
    "solve_in_time_representers",
    "temporal_residual",
]


def solve_in_time(
    problem: Problem,
    data: Observations,
    beta: ArrayLike,
    temporal_prior: TemporalPrior,
    *,
    mean: ArrayLike | None = None,
) -> Solution:
    """Estimate the load of all epochs together, each helped by those around it.

    Minimises ``(G x - d)' R^-1 (G x - d) + beta^2 (x - m)' (T x C)^-1 (x - m)`` over
    the whole record, with T the covariance of the epochs under `temporal_prior` and R
    that of the noise, which is independent between epochs. Where the load is so too,
    this is `solve`. Fields that the prior leaves free are free at every epoch anew.
    Differentiable in every array, to any order.

    Args:
      problem: Design matrix and prior.
      data: From `observations`.
      beta: Weight of the prior [1/mm per unit of L], scalar, positive.
      temporal_prior: From `autoregression` or `random_walk`.
      mean: Prior mean m of the load [mm], shape (epoch, cell); zero if not given.

    Returns:
      The `Solution`. An epoch without data is filled from its neighbours, unless the
      prior leaves fields free. `ok` is False, and values are NaN, where those are
      undetermined and, everywhere, should the iteration not converge.

    Raises:
      ValueError: If shapes disagree, or beta is not positive.

    Example:
      >>> temporal_prior = inversion.autoregression(times, time_scale=60.0)
      >>> water = inversion.solve_in_time(problem, data, beta, temporal_prior)

    Source:
      Rauch, Tung & Striebel (1965), doi:10.2514/3.3166, in the modes of the spatial
      covariance; conjugate gradients: Hestenes & Stiefel (1952),
      doi:10.6028/jres.049.044.
    """
    factor = factorise(problem, data, beta, mean=mean)
    require_one_device(data)
    values, noise = factor.data.counted, factor.data.noise
    check_temporal_prior(temporal_prior, values)
    solution = _solve(
        problem, values, noise, factor.beta, _cast(temporal_prior, problem)
    )
    if factor.mean is None:
        return solution
    # Every epoch helps the others: a mean that is not finite anywhere spoils them all.
    known = jnp.broadcast_to(factor.mean.known.all(), factor.mean.known.shape)
    return about_mean(solution, dataclasses.replace(factor.mean, known=known))


def _cast(temporal_prior: TemporalPrior, problem: Problem) -> TemporalPrior:
    return jax.tree.map(lambda x: jnp.asarray(x, problem.design.dtype), temporal_prior)


def solve_in_time_representers(
    problem: Problem,
    data: Observations,
    beta: ArrayLike,
    temporal_prior: TemporalPrior,
) -> RepresenterSolution:
    """Estimate the load as `solve_in_time`, and keep it as coefficients.

    Args:
      problem: As of `solve_in_time`.
      data: Likewise.
      beta: Likewise.
      temporal_prior: Likewise.

    Returns:
      The `RepresenterSolution`.

    Raises:
      ValueError: As `solve_in_time`.
    """
    factor = factorise(problem, data, beta)
    require_one_device(data)
    values, noise = factor.data.counted, factor.data.noise
    check_temporal_prior(temporal_prior, values)
    temporal_prior = _cast(temporal_prior, problem)
    coefficients, amounts, (fitted, ok, common) = _coefficients(
        problem, values, noise, factor.beta, temporal_prior
    )
    known = lambda x: jnp.where(ok[:, None], x, jnp.nan)
    terms = (Term(known(coefficients), problem.cross),)
    if amounts.shape[1]:
        terms += (Term(known(amounts), problem.null_space),)
    common = jnp.where(ok, common, jnp.nan)
    return RepresenterSolution(terms, known(fitted), ok, common)


@jax.jit
def _solve(
    problem: Problem,
    displacement: Array,
    noise: Noise,
    beta: Array,
    temporal_prior: TemporalPrior,
) -> Solution:
    coefficients, amounts, (fitted, ok, common) = _coefficients(
        problem, displacement, noise, beta, temporal_prior
    )
    load = einsum("er,cr->ec", coefficients, problem.cross)
    load = load + einsum("ek,ck->ec", amounts, problem.null_space)
    load, fitted = (jnp.where(ok[:, None], x, jnp.nan) for x in (load, fitted))
    return Solution(load, fitted, ok, jnp.where(ok, common, jnp.nan))


@jax.jit
def _coefficients(
    problem: Problem,
    displacement: Array,
    noise: Noise,
    beta: Array,
    temporal_prior: TemporalPrior,
) -> tuple[Array, Array, tuple[Array, Array, Array]]:
    """Coefficients of ``C G'`` and of free fields; what they fit, and which are ok."""
    seen = jnp.isfinite(displacement)
    noise = scaled_noise(noise, beta, seen)
    if is_uncorrelated(noise):
        weight = noise_weight(noise, seen)
    else:
        weight = NoiseWeight(seen.astype(beta.dtype))
    normal = null_space_normal_inverse(
        null_space_normal(weight, problem.null_space_response)
    )
    solved = solve_space_time(problem, temporal_prior, noise, normal, displacement)
    multiplier, amount = solved
    carried = time_covariance(temporal_prior, multiplier)
    fitted = einsum("er,rs->es", carried, problem.gram)
    fitted = fitted + einsum("ek,rk->er", amount, problem.null_space_response)
    known = jnp.isfinite(carried).all(axis=1) & jnp.isfinite(amount).all(axis=1)
    ok = known & jnp.isfinite(normal).all(axis=(1, 2))
    common = common_estimate(noise, multiplier)
    return carried, amount, (fitted, ok, common)


def temporal_residual(
    problem: Problem,
    data: Observations,
    beta: ArrayLike,
    temporal_prior: TemporalPrior,
    *,
    hidden: ArrayLike,
) -> Array:
    """Compute observations minus their prediction from those that are not hidden.

    A score to choose the temporal prior and beta by; differentiable in both. Hide what
    the estimate is judged on: a single observation, or a stretch of a station, is told
    by that station's own noise before and after too, which is correlated as well. Hide
    whole stations (`hold_out`) where water away from them matters.

    Args:
      problem: Design matrix and prior.
      data: From `observations`.
      beta: Weight of the prior, scalar, positive.
      temporal_prior: From `autoregression` or `random_walk`.
      hidden: True where an observation is not used, shape (epoch, row).

    Returns:
      Residual [mm], shape (epoch, row); NaN where nothing is hidden or observed.

    Raises:
      ValueError: As `solve_in_time`.
    """
    data, beta = bind(problem, data, beta)
    require_one_device(data)
    hidden = jnp.asarray(hidden, bool)
    check_shapes(data=(data.values, "epoch row"), hidden=(hidden, "epoch row"))
    values = jnp.where(hidden, jnp.nan, data.values)
    # The whole record is solved at once, whatever is missing.
    used = dataclasses.replace(data, values=values, pattern=None, fits=None)
    solution = solve_in_time(problem, used, beta, temporal_prior)
    return jnp.where(hidden, data.counted - solution.fitted, jnp.nan)


def hold_out(
    values: ArrayLike, key: Array, share: float = 0.1, stretch: int | None = None
) -> Array:
    """Choose observations to hide: whole rows, or stretches of rows, at random.

    Args:
      values: Observations, shape (epoch, row); NaN if missing.
      key: A `jax.random.key`.
      share: About which share to hide, above 0 and below 1.
      stretch: Epochs in a stretch; whole rows if not given.

    Returns:
      True where an observation is hidden, shape (epoch, row).

    Raises:
      ValueError: If the share or the stretch is out of range.
    """
    seen = jnp.isfinite(jnp.asarray(values))
    epochs, rows = seen.shape
    stretch = max(epochs, 1) if stretch is None else stretch
    if not (0 < share < 1 and stretch >= 1):
        raise ValueError(
            f"share is {share:g} and stretch {stretch}, expected a share between 0 and "
            "1 and a stretch of 1 or more epochs"
        )
    count = -(-epochs // stretch)
    chosen = jax.random.uniform(key, (count, rows)) < share
    return jnp.repeat(chosen, stretch, axis=0)[:epochs] & seen

"""Principal components inverted in place of epochs, and put together again."""

import math

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import check_shapes
from jaxload.inversion.binding import Observations
from jaxload.inversion.estimation.factor import Factor, factor_of
from jaxload.inversion.estimation.least_squares import solve
from jaxload.inversion.estimation.representers import RepresenterSolution, Term
from jaxload.inversion.hyperparameters.criteria import leave_one_out_residual
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.problem import Problem, Solution

__all__ = [
    "leave_one_out_by_components",
    "represent_components",
    "solve_by_components",
]


def solve_by_components(
    problem: Problem,
    patterns: Observations,
    beta: ArrayLike,
    amplitudes: ArrayLike,
) -> Solution:
    """Invert the spatial pattern of each component, then recombine in time.

    With ``d = sum_k a_k p_k`` the load is ``sum_k a_k x_k``, where `solve` finds x_k
    from p_k as if it were an epoch. The inversion is linear: where sigma is the same
    for all patterns this is exactly `solve` of the displacement that the components
    rebuild. What it adds is what leaving components out takes away, noise and signal,
    and that gaps were filled by the correlation of stations rather than by the prior.

    Not for: errors of the load, which have to know what was left out.

    Args:
      problem: Design matrix and prior.
      patterns: From `observations`: displacement by each component at unit amplitude
        [mm], shape (component, row), NaN where a row has none, in the place of epochs.
        If their errors are those of observations, beta means what it means in `solve`.
      beta: Weight of the prior, scalar, positive.
      amplitudes: Amplitude in time [-], shape (epoch, component). The mean that
        components are counted from is one more pattern, of amplitude one.

    Returns:
      The `Solution`, epoch by epoch. `ok` is False, and values are NaN, where an
      amplitude is not finite, and everywhere should a pattern not be invertible.

    Raises:
      ValueError: If shapes disagree, or sigma or beta are not positive.

    Example:
      >>> parts = series.principal_components(up, 3)
      >>> patterns = inversion.observations(parts.patterns, sigma)
      >>> water = inversion.solve_by_components(
      ...     problem, patterns, beta, parts.amplitudes
      ... )

    Source:
      Kositsky & Avouac (2010), doi:10.1029/2009JB006535, for slip on faults; Jiang et
      al. (2021), doi:10.1016/j.rse.2020.112249, for water, with sigma = 1 throughout,
      patterns of unit length and no mean, as their program GNSS2TWS does.
    """
    amplitudes = _checked(problem, patterns, amplitudes)
    return _recombined(solve(problem, patterns, beta), amplitudes)


def represent_components(
    problem: Problem,
    patterns: Observations,
    beta: ArrayLike,
    amplitudes: ArrayLike,
) -> RepresenterSolution:
    """Invert components as `solve_by_components`, and keep the load of their patterns.

    Args:
      problem: As of `solve_by_components`.
      patterns: Likewise.
      beta: Likewise.
      amplitudes: Likewise.

    Returns:
      The `RepresenterSolution`, whose coefficients are the amplitudes.

    Raises:
      ValueError: As `solve_by_components`.
    """
    amplitudes = _checked(problem, patterns, amplitudes)
    parts = solve(problem, patterns, beta)
    fitted, ok, common = _in_time(parts, amplitudes)
    known = jnp.where(ok[:, None], amplitudes, jnp.nan)
    terms = (Term(known, parts.load.T),)
    return RepresenterSolution(terms, fitted, ok, common)


@jax.jit
def _recombined(parts: Solution, amplitudes: Array) -> Solution:
    fitted, ok, common = _in_time(parts, amplitudes)
    amplitudes = jnp.where(ok[:, None], amplitudes, jnp.nan)
    return Solution(einsum("ek,kc->ec", amplitudes, parts.load), fitted, ok, common)


@jax.jit
def _in_time(parts: Solution, amplitudes: Array) -> tuple[Array, Array, Array]:
    """What the components fit, which epochs are ok, and their offset."""
    ok = jnp.isfinite(amplitudes).all(axis=1) & parts.ok.all()
    amplitudes = jnp.where(ok[:, None], amplitudes, jnp.nan)
    fitted = einsum("ek,kr->er", amplitudes, parts.fitted)
    return fitted, ok, einsum("ek,k->e", amplitudes, parts.common)


def leave_one_out_by_components(
    solution: Factor | Solution, amplitudes: ArrayLike
) -> Array:
    """Compute the rms of rows predicted from the patterns of the others.

    Counts the rebuilt displacement, at all epochs, less what the other rows predict.
    Where amplitudes are uncorrelated and of unit mean square, it is `leave_one_out` of
    the patterns taken as epochs, which `scan` evaluates at many weights at once.

    Not for: comparison with `leave_one_out` of observations. The patterns have seen the
    row that is left out, and what they do not rebuild is not counted.

    Args:
      solution: Of patterns bound as `solve_by_components` takes them.
      amplitudes: Shape (epoch, component), finite.

    Returns:
      The root mean square [mm], scalar; NaN if nothing can be predicted.

    Raises:
      ValueError: As `solve_by_components`.

    Source:
      Jiang et al. (2021), doi:10.1016/j.rse.2020.112249; its square is the CVSS of
      their program GNSS2TWS, found there by inverting anew without each station.
    """
    factor = factor_of(solution)
    amplitudes = _checked(factor.problem, factor.data, amplitudes)
    return _rms(leave_one_out_residual(factor), amplitudes)


@jax.jit
def _rms(residual: Array, amplitudes: Array) -> Array:
    known = jnp.isfinite(residual).all(axis=0)
    residual = jnp.where(known, residual, 0)
    moment = einsum("ek,el->kl", amplitudes, amplitudes) / len(amplitudes)
    total = einsum("kr,kl,lr->", residual, moment, residual)
    count = jnp.sum(known)
    square = total / jnp.where(count > 0, count, 1).astype(total.dtype)
    return jnp.where(count > 0, jnp.sqrt(square), math.nan)


def _checked(problem: Problem, patterns: Observations, amplitudes: ArrayLike) -> Array:
    """The amplitudes in the dtype of the problem."""
    amplitudes = jnp.asarray(amplitudes, problem.design.dtype)
    check_shapes(
        patterns=(patterns.values, "component row"),
        amplitudes=(amplitudes, "epoch component"),
    )
    return amplitudes

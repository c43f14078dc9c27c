"""What every criterion is made of: a few sums over the epochs of a record."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import is_concrete
from jaxload.inversion.estimation.data_space import Dual
from jaxload.inversion.estimation.least_squares import dual
from jaxload.inversion.linalg.saddle_point import drift_log_determinant
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.missing.patterns import Gaps
from jaxload.inversion.noise import Noise, noise_times, scaled_noise
from jaxload.inversion.observations import checked_arguments, known_gaps
from jaxload.inversion.problem import Problem

__all__ = [
    "Sums",
    "at_epochs",
    "epoch_sums",
    "residual",
    "total",
]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Sums:
    """What the criteria are made of; each may have an axis of epochs or of betas.

    All of it is additive, so that parts of a record may be computed in different ways.

    Attributes:
      squares: Squared leave-one-out residuals [mm2].
      predicted: Number of observations that the others determine.
      misfit: ``(d - G x)' R^-1 (d - G x)`` [-].
      roughness: ``|L (x - m)|^2``, in the units of L.
      redundancy: Trace of one minus the hat matrix: observations that are not used up.
      log_determinant: Of ``A_oo``, restricted to what the free fields do not explain.
      observations: Their number.
      contrasts: Observations less free fields, where there are more of them.
    """

    squares: Array
    predicted: Array
    misfit: Array
    roughness: Array
    redundancy: Array
    log_determinant: Array
    observations: Array
    contrasts: Array


def residual(solved: Dual) -> Array:
    """Leave-one-out residuals of solved systems.

    Args:
      solved: From `dual`.

    Returns:
      Residual [mm], shape (epoch, row); NaN where nothing is observed or determined.
    """
    known = solved.precision > 0
    multiplier = jnp.where(known, solved.multiplier, jnp.nan)
    return multiplier / jnp.where(known, solved.precision, 1)


def epoch_sums(
    problem: Problem,
    displacement: ArrayLike,
    sigma: ArrayLike | Noise,
    beta: ArrayLike,
    *,
    gaps: Gaps | None = None,
    redundancy: bool = True,
) -> Sums:
    """The sums of every epoch, at one weight of the prior.

    The multiplier gives them all: with ``alpha = A_oo^-1 d_o`` the residual of the fit
    is ``beta^2 R alpha`` and the roughness ``alpha' G C G' alpha``. An epoch with no
    more observations than the prior has free fields says nothing: its sums are zero.

    Args:
      problem: Design matrix and prior.
      displacement: Observed uplift [mm], shape (epoch, row); NaN if missing.
      sigma: Standard error [mm], shape (row,) or (epoch, row), or a `Noise`.
      beta: Weight of the prior, scalar.
      gaps: As in `solve`.
      redundancy: Whether that is wanted where rows are correlated: it then costs as
        much again as all else. NaN if not.

    Returns:
      The `Sums`, each of shape (epoch,).

    Raises:
      ValueError: As `solve`.
    """
    displacement, noise, beta = checked_arguments(problem, displacement, sigma, beta)
    gaps = known_gaps(displacement, noise, gaps)
    some = _informative(problem, displacement)
    if some is not None:
        empty = jnp.zeros(len(displacement), beta.dtype)
        if not len(some):
            return Sums(*(empty for _ in dataclasses.fields(Sums)))
        part = (problem, displacement[some], at_epochs(noise, some), beta)
        sums = epoch_sums(*part, redundancy=redundancy)
        return jax.tree.map(lambda values: empty.at[some].set(values), sums)
    solved = dual(problem, displacement, noise, beta, gaps=gaps)
    sums = _sums(problem, displacement, noise, beta, solved)
    if (noise.correlation is None and noise.common is None) or not redundancy:
        return sums
    slope = lambda b: dual(problem, displacement, noise, b, gaps=gaps).log_determinant
    change = jax.jvp(slope, (beta,), (jnp.ones_like(beta),))[1]
    traced = jnp.where(sums.contrasts > 0, beta / 2 * change, 0)
    return dataclasses.replace(sums, redundancy=traced)


def _informative(problem: Problem, displacement: Array) -> NDArray[np.int64] | None:
    """The epochs that determine the free fields and more; None if that is all of them.

    The systems of the others are singular, and so would be every derivative.
    """
    drift = problem.drift.shape[1]
    if not drift or not is_concrete(displacement):
        return None
    some = np.isfinite(np.asarray(displacement)).sum(axis=1) > drift
    return None if some.all() else np.flatnonzero(some)


def at_epochs(noise: Noise, epoch: Array | NDArray[np.int64]) -> Noise:
    """The noise of some epochs.

    Args:
      noise: From `as_noise`.
      epoch: Their numbers.

    Returns:
      The `Noise`, with what has an axis of epochs taken at those.
    """
    sigma, common = noise.sigma, noise.common
    if sigma.ndim == 2:
        sigma = sigma[epoch]
    if common is not None and common.ndim == 1:
        common = common[epoch]
    return dataclasses.replace(noise, sigma=sigma, common=common)


def total(sums: Sums) -> Sums:
    """Add up over the epochs.

    Args:
      sums: Of every epoch.

    Returns:
      Of the record, each a scalar.
    """
    return jax.tree.map(jnp.sum, sums)


@jax.jit
def _sums(
    problem: Problem, displacement: Array, noise: Noise, beta: Array, solved: Dual
) -> Sums:
    seen = jnp.isfinite(displacement)
    noise = scaled_noise(noise, beta, seen)
    left_out = residual(solved)
    known = jnp.isfinite(left_out)
    multiplier = solved.multiplier
    counted = jnp.where(known, left_out, 0)
    gaussian_nll = noise.correlation is None and noise.common is None
    variance = jnp.broadcast_to(noise.sigma**2, seen.shape)
    used = variance * solved.precision if gaussian_nll else jnp.nan * multiplier
    contrasts = jnp.sum(seen, axis=1) - problem.drift.shape[1]
    sums = Sums(
        squares=jnp.sum(counted**2, axis=1),
        predicted=jnp.sum(known, axis=1).astype(beta.dtype),
        misfit=beta**2 * jnp.sum(multiplier * noise_times(noise, multiplier), axis=1),
        roughness=jnp.sum(multiplier * _times(problem.gram, multiplier), axis=1),
        redundancy=jnp.sum(used, axis=1),
        log_determinant=solved.log_determinant
        - drift_log_determinant(problem.drift, seen),
        observations=jnp.sum(seen, axis=1).astype(beta.dtype),
        contrasts=contrasts.astype(beta.dtype),
    )
    return jax.tree.map(lambda values: jnp.where(contrasts > 0, values, 0), sums)


def _times(matrix: Array, values: Array) -> Array:
    return einsum("er,rs->es", values, matrix)

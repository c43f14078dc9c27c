"""What every criterion is made of: a few sums over the epochs of a record."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
from jax import Array

from jaxload.inversion.binding import Observations
from jaxload.inversion.estimation.data_space import DataSpaceSolution, residual
from jaxload.inversion.estimation.factor import Factor, evaluate
from jaxload.inversion.estimation.long_records import goes_by_parts, solved_parts
from jaxload.inversion.linalg.saddle_point import null_space_log_determinant
from jaxload.inversion.noise import noise_times, scaled_noise, shares_noise
from jaxload.inversion.problem import Problem
from jaxload.inversion.sharding import by_shards

__all__ = ["Sums", "epoch_sums", "record_sums"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Sums:
    """What the criteria are made of; each may have an axis of epochs or of betas.

    All of it is additive, so that parts of a record may be computed in different ways.

    Attributes:
      loo_sum_of_squares: Squared leave-one-out residuals [mm2].
      loo_count: Number of observations that the others determine.
      misfit: ``(d - G x)' R^-1 (d - G x)`` [-].
      roughness: ``|L (x - m)|^2``, in the units of L.
      redundancy: Trace of one minus the hat matrix: observations that are not used up.
      log_determinant: Of ``A_oo``, restricted to what the free fields do not explain.
      observations: Their number.
      contrast_count: Observations less free fields, where there are more of them.
    """

    loo_sum_of_squares: Array
    loo_count: Array
    misfit: Array
    roughness: Array
    redundancy: Array
    log_determinant: Array
    observations: Array
    contrast_count: Array


def epoch_sums(factor: Factor, *, redundancy: bool = True) -> Sums:
    """Compute the sums of every epoch.

    The multiplier gives them all: with ``alpha = A_oo^-1 d_o`` the residual of the fit
    is ``beta^2 R alpha`` and the roughness ``alpha' G C G' alpha``. An epoch with no
    more observations than the prior has free fields says nothing: its sums are zero.

    Args:
      factor: From `factorise`.
      redundancy: Whether that is wanted where rows are correlated: it then costs as
        much again as all else. NaN if not.

    Returns:
      The `Sums`, each of shape (epoch,).
    """
    problem, data, beta = factor.problem, factor.data, factor.beta
    sums = _sums(problem, data, beta, factor.solved)
    if not (redundancy and _has_shared_noise(data)):
        return sums
    slope = lambda beta: evaluate(problem, data, beta).log_determinant
    change = jax.jvp(slope, (beta,), (jnp.ones_like(beta),))[1]
    trace = jnp.where(sums.contrast_count > 0, beta / 2 * change, 0)
    return dataclasses.replace(sums, redundancy=trace)


def record_sums(factor: Factor, *, redundancy: bool = True) -> Sums:
    """Compute the sums of a record.

    Args:
      factor: From `factorise`.
      redundancy: As in `epoch_sums`.

    Returns:
      The `Sums`, each a scalar.
    """
    dear = redundancy and _has_shared_noise(factor.data)
    if not dear and goes_by_parts(factor):
        problem, data, beta = factor.problem, factor.data, factor.beta
        parts = (
            jax.tree.map(jnp.sum, _sums(problem, part.data, beta, part.solved))
            for part in solved_parts(problem, data, beta)
        )
        return functools.reduce(lambda *sums: jax.tree.map(jnp.add, *sums), parts)
    sums = epoch_sums(factor, redundancy=redundancy)
    if factor.data.sharding is None:
        return jax.tree.map(jnp.sum, sums)
    return _added_at_once(sums)


def _has_shared_noise(data: Observations) -> bool:
    """Whether rows share noise, which makes redundancy dear."""
    return shares_noise(data.noise)


@jax.jit
def _added_at_once(sums: Sums) -> Sums:
    """Add up over epochs by one exchange between devices."""
    leaves, structure = jax.tree.flatten(sums)
    return jax.tree.unflatten(structure, list(jnp.sum(jnp.stack(leaves), axis=1)))


@jax.jit
def _sums(
    problem: Problem, data: Observations, beta: Array, solved: DataSpaceSolution
) -> Sums:
    return by_shards(_own_sums, data, solved, (problem, beta))


def _own_sums(
    data: Observations, solved: DataSpaceSolution, alike: tuple[Problem, Array]
) -> Sums:
    problem, beta = alike
    seen, noise = data.seen, scaled_noise(data.noise, beta, data.seen)
    left_out = residual(solved)
    known = jnp.isfinite(left_out)
    multiplier = solved.multiplier
    counted = jnp.where(known, left_out, 0)
    independent = not shares_noise(noise)
    variance = jnp.broadcast_to(noise.sigma**2, seen.shape)
    used = variance * solved.inverse_diagonal if independent else jnp.nan * multiplier
    contrast_count = jnp.sum(seen, axis=1) - problem.null_space_response.shape[1]
    of_noise = jnp.sum(multiplier * noise_times(noise, multiplier), axis=1)
    # ``alpha' d = alpha' A alpha``, since the free fields leave ``D' alpha = 0``.
    of_both = jnp.sum(multiplier * jnp.where(seen, data.values, 0), axis=1)
    sums = Sums(
        loo_sum_of_squares=jnp.sum(counted**2, axis=1),
        loo_count=jnp.sum(known, axis=1).astype(beta.dtype),
        misfit=beta**2 * of_noise,
        roughness=jnp.maximum(of_both - of_noise, 0),
        redundancy=jnp.sum(used, axis=1),
        log_determinant=solved.log_determinant
        - null_space_log_determinant(problem.null_space_response, seen),
        observations=jnp.sum(seen, axis=1).astype(beta.dtype),
        contrast_count=contrast_count.astype(beta.dtype),
    )
    return jax.tree.map(lambda values: jnp.where(contrast_count > 0, values, 0), sums)

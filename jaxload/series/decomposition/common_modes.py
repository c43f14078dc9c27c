"""What the stations of a network have in common."""

import functools

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxload.series.decomposition.pca import Components
from jaxload.series.weights import checked_weights, weighted_mean

__all__ = ["common_mode", "stacked_mode"]

# TF32 would cost half the digits of a float32 series.
einsum = functools.partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)


def common_mode(
    parts: Components,
    *,
    response: float = 0.25,
    share: float = 0.5,
    explained: float = 0.01,
) -> Array:
    """Compute what most stations do together in components; subtract to remove it.

    A component is common if more than `share` of the stations answer to it with more
    than `response` of the largest answer, in the same sense, and it explains more than
    `explained` of the variance.

    Not for: water over the whole network, which is a common mode too.

    Args:
      parts: From `principal_components`, of series less what is not to be removed.
      response: Answer that counts, relative to the largest.
      share: Stations that have to answer.
      explained: Share of variance that is worth removing.

    Returns:
      The common mode in the unit of the series, gaps filled, shape (epoch, station);
      zero if no component is common, NaN where a station was never observed.

    Source:
      Dong et al. (2006), doi:10.1029/2005JB003806; here answers of opposite sense do
      not count together.
    """
    known = jnp.isfinite(parts.patterns)
    patterns = jnp.where(known, parts.patterns, 0)
    largest = jnp.max(jnp.abs(patterns), axis=1, keepdims=True)
    toward = jnp.sum(patterns > response * largest, axis=1)
    against = jnp.sum(patterns < -response * largest, axis=1)
    most = jnp.maximum(toward, against).astype(patterns.dtype)
    enough = most > share * jnp.sum(known, axis=1).astype(patterns.dtype)
    common = enough & (parts.explained > explained)
    amplitudes = jnp.where(common[None, :], parts.amplitudes, 0)
    return einsum("ek,ks->es", amplitudes, parts.patterns)


def stacked_mode(
    values: ArrayLike, *, weights: ArrayLike | None = None, least: int = 3
) -> Array:
    """The weighted mean of stations at each epoch; subtract it to remove it.

    Args:
      values: Series, shape (epoch, station); NaN if missing. The mean of each station
        is taken out first, lest its gaps move the stack.
      weights: Such as ``1 / sigma**2``, shape (station,) or (epoch, station); the same
        for all if not given.
      least: Stations that a stack needs at least.

    Returns:
      The mean over stations, the same for each, shape (epoch, station); NaN at epochs
      with fewer than `least`.

    Raises:
      ValueError: If shapes disagree, or weights are negative or not finite.

    Source:
      Wdowinski et al. (1997), doi:10.1029/97JB01378; weights: Nikolaidis (2002),
      Observation of Geodetic and Seismic Deformation with the GPS, UC San Diego.
    """
    values = jnp.asarray(values)
    weights = checked_weights(values, weights)
    values = jnp.where(weights > 0, values, 0)
    residual = values - weighted_mean(values, weights, axis=0)
    stack = weighted_mean(residual, weights, axis=1)
    enough = jnp.sum(weights > 0, axis=1, keepdims=True) >= max(least, 1)
    return jnp.broadcast_to(jnp.where(enough, stack, jnp.nan), values.shape)

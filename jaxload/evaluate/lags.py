"""By how many epochs one series follows another."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload.evaluate.metrics import pcc

__all__ = ["Lag", "best_lag", "lag_correlations"]


#: Correlations that agree in so many digits are equal.
EQUAL_DIGITS = 9


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Lag:
    """By how much series follow others.

    Attributes:
      lag: Epochs by which each follows, negative where it leads, shape (...).
      before: Correlation at no lag [-], shape (...).
      after: Correlation at the best one [-], shape (...); NaN where there is none.
      lags: Lags that were tried, shape (lag,).
      correlations: At each of them [-], shape (lag, ...).
    """

    lag: Array
    before: Array
    after: Array
    lags: Array
    correlations: Array


def lag_correlations(
    leading: ArrayLike, following: ArrayLike, lags: ArrayLike
) -> Array:
    """Correlate series with others that are shifted in time.

    Args:
      leading: Series at equal steps, shape (epoch, ...); NaN if missing.
      following: Others, same shape.
      lags: By how many epochs the latter are taken to be late, integers, shape (lag,).

    Returns:
      Correlations over the epochs that both have then [-], shape (lag, ...); NaN for
      fewer than 3 of them, or a constant series.

    Raises:
      ValueError: If shapes differ, or a lag is no integer or longer than the record.
    """
    leading, following = jnp.asarray(leading), jnp.asarray(following)
    steps = np.asarray(lags)
    if leading.shape != following.shape or leading.ndim < 1:
        raise ValueError(
            f"leading has shape {leading.shape}, but following {following.shape}, "
            "expected series on the same epochs; put NaN where one has none"
        )
    if steps.ndim != 1 or steps.dtype.kind not in "iu":
        raise ValueError(f"lags are {lags!r}, expected a list of integers")
    if abs(steps).max(initial=0) >= len(leading):
        raise ValueError(
            f"lags reach {abs(steps).max()} epochs, but the series have "
            f"{len(leading)}; try shorter ones"
        )
    moved = _advanced(following, steps)
    return pcc(jnp.broadcast_to(leading[None], moved.shape), moved, axis=1)


def best_lag(
    leading: ArrayLike, following: ArrayLike, most: int = 6, negative: bool = False
) -> Lag:
    """Find by how much series follow others: where they correlate best.

    Not for: lags of half a period and more. Seasonal series correlate again after a
    year; of monthly ones `most` should not exceed 6.

    Args:
      leading: Series at equal steps, such as monthly, shape (epoch, ...); NaN if
        missing.
      following: Others, same shape.
      most: The longest lag tried.
      negative: Whether the latter may lead too.

    Returns:
      The `Lag`; of lags that are equally good, the shortest.

    Raises:
      ValueError: If shapes differ or the longest lag is not within the record.

    Example:
      >>> found = best_lag(groundwater, gravity)
      >>> found.lag, found.before, found.after
    """
    if most < 0:
        raise ValueError(f"most is {most}, expected 0 epochs or more")
    # The first of equals is taken: shorter ones come first.
    lags = np.arange(-most if negative else 0, most + 1)
    lags = lags[np.argsort(abs(lags), kind="stable")]
    by_lag = lag_correlations(leading, following, lags)
    known = jnp.where(jnp.isnan(by_lag), jnp.full_like(by_lag, -jnp.inf), by_lag)
    best = jnp.argmax(jnp.round(known, EQUAL_DIGITS), axis=0)
    after = jnp.take_along_axis(by_lag, best[None], axis=0)[0]
    return Lag(jnp.asarray(lags)[best], by_lag[0], after, jnp.asarray(lags), by_lag)


def _advanced(values: Array, steps: NDArray[np.int64]) -> Array:
    """What comes some epochs later, NaN beyond the ends, shape (lag, epoch, ...)."""
    row = np.arange(len(values)) + steps[:, None]
    outside = (row < 0) | (row >= len(values))
    moved = values[np.where(outside, 0, row)]
    outside = outside.reshape(*outside.shape, *[1] * (values.ndim - 1))
    outside = np.broadcast_to(outside, moved.shape)
    return jnp.where(outside, jnp.full_like(moved, jnp.nan), moved)

"""Means over calendar or other periods."""

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import check_shapes

__all__ = ["period_mean"]


def period_mean(
    values: ArrayLike,
    time: NDArray[np.datetime64],
    start: NDArray[np.datetime64],
    stop: NDArray[np.datetime64],
    least: int = 1,
) -> Array:
    """Average series over periods; linear, so differentiable.

    Args:
      values: Series, shape (epoch, column); NaN if missing.
      time: Epochs, ascending, shape (epoch,).
      start: First instant of each period, shape (period,).
      stop: First instant after it, shape (period,).
      least: Values that a mean needs at least.

    Returns:
      Means, shape (period, column); NaN with fewer than `least` values.

    Raises:
      ValueError: If shapes disagree or time does not ascend.
    """
    values = jnp.asarray(values)
    check_shapes(
        values=(values, "epoch column"),
        time=(time, "epoch"),
        start=(start, "period"),
        stop=(stop, "period"),
    )
    if len(time) > 1 and not (np.diff(time) > np.timedelta64(0)).all():
        raise ValueError("time does not ascend; sort the series first")
    first, last = np.searchsorted(time, start), np.searchsorted(time, stop)
    seen = jnp.isfinite(values)
    total = _between(jnp.where(seen, values, 0), first, last)
    count = _between(seen.astype(values.dtype), first, last)
    enough = count >= max(least, 1)
    return jnp.where(enough, total / jnp.where(enough, count, 1), jnp.nan)


def _between(values: Array, first: NDArray, last: NDArray) -> Array:
    """Sum of rows first to last, each of shape (period,), exclusive of the last."""
    inside = np.arange(len(values))[None, :]
    member = (inside >= first[:, None]) & (inside < last[:, None])
    return jnp.einsum("pe,ec->pc", jnp.asarray(member, values.dtype), values)

"""Running means and medians of series with gaps, and the Hampel filter."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import check_shapes
from jaxload.series.batches import by_station

__all__ = ["hampel", "moving_average", "running_median"]

#: Stations whose windows are laid out side by side.
BATCH = 4

#: Standard deviation of a Gaussian over its median absolute deviation.
GAUSSIAN = 1.4826


def moving_average(values: ArrayLike, window: int, *, least: int = 1) -> Array:
    """Centred running mean over epochs; linear, so differentiable.

    Args:
      values: Series, shape (epoch, station); NaN if missing.
      window: Number of epochs, odd; at the ends of a record fewer are there.
      least: Values that a mean needs at least.

    Returns:
      Means, same shape, in gaps too; NaN where fewer than `least` values are seen.

    Raises:
      ValueError: If the window is not odd and positive.
    """
    values = _checked(values, window)
    seen = jnp.isfinite(values)
    total = _moving_sum(jnp.where(seen, values, 0), window)
    count = _moving_sum(seen.astype(values.dtype), window)
    enough = count >= max(least, 1)
    return jnp.where(enough, total / jnp.where(enough, count, 1), jnp.nan)


def _moving_sum(values: Array, window: int) -> Array:
    # Not differences of running sums, which leave the rounding of all epochs behind.
    # A sum has a derivative where JAX sees that it begins at zero, so not a tracer.
    zero = np.zeros((), values.dtype)
    half = window // 2
    return jax.lax.reduce_window(
        values, zero, jax.lax.add, (window, 1), (1, 1), ((half, half), (0, 0))
    )


def running_median(values: ArrayLike, window: int, *, least: int = 1) -> Array:
    """Centred running median over epochs.

    Args:
      values: Series, shape (epoch, station); NaN if missing.
      window: Number of epochs, odd; at the ends of a record fewer are there.
      least: Values that a median needs at least.

    Returns:
      Medians, same shape, in gaps too; NaN where fewer than `least` values are seen.

    Raises:
      ValueError: If the window is not odd and positive.
    """
    return _running_median(_checked(values, window), window, max(least, 1))


@functools.partial(jax.jit, static_argnames=("window", "least"))
def _running_median(values: Array, window: int, least: int) -> Array:
    half = window // 2

    def one(series: Array) -> Array:
        padded = jnp.pad(series, half, constant_values=jnp.nan)
        shifts = jnp.arange(window)[:, None] + jnp.arange(len(series))[None, :]
        return _median(padded[shifts], least)

    each = 3.0 * values.itemsize * len(values) * window
    return by_station(one, values.T, most=BATCH, each=each).T


def _median(windows: Array, least: int) -> Array:
    """Median along the first axis, gaps left out."""
    # Gaps are NaN, which are sorted to the end.
    ordered = jnp.sort(windows, axis=0)
    count = jnp.isfinite(windows).sum(axis=0)
    lower = jnp.maximum((count - 1) // 2, 0)[None]
    upper = jnp.maximum(count // 2, 0)[None]
    take = functools.partial(jnp.take_along_axis, ordered, axis=0)
    middle = (take(jnp.minimum(lower, len(windows) - 1)) + take(upper))[0] / 2
    return jnp.where(count >= least, middle, jnp.nan)


def hampel(values: ArrayLike, window: int = 31, *, limit: float = 3.0) -> Array:
    """Replace what is far from the running median by that median.

    Args:
      values: Series, shape (epoch, station); NaN if missing.
      window: Number of epochs, odd.
      limit: Largest distance, in standard deviations as they follow from the running
        median of absolute deviations.

    Returns:
      Series, same shape; NaN if missing.

    Raises:
      ValueError: If the window is not odd and positive, or the limit not positive.

    Source:
      Davies & Gather (1993), doi:10.1080/01621459.1993.10476339.
    """
    if not limit > 0:
        raise ValueError(f"limit is {limit:g}, expected a positive number")
    values = _checked(values, window)
    middle = running_median(values, window)
    away = jnp.abs(values - middle)
    scatter = GAUSSIAN * running_median(away, window)
    return jnp.where(away > limit * scatter, middle, values)


def _checked(values: ArrayLike, window: int) -> Array:
    values = jnp.asarray(values)
    check_shapes(values=(values, "epoch station"))
    if window < 1 or window % 2 == 0:
        raise ValueError(f"window is {window}, expected an odd number of epochs")
    return values

"""Means over weeks, months or other periods."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._calendar import MONTH, month_bounds
from jaxload._check import check_shapes

__all__ = [
    "PeriodMeans",
    "monthly_means",
    "months_of",
    "period_mean",
    "period_means",
    "weekly_means",
    "weeks_of",
]

#: A Sunday on which a week of GPS time begins; its middle is a Wednesday.
SUNDAY = np.datetime64("1980-01-06", "D")


@dataclasses.dataclass(frozen=True, eq=False)
class PeriodMeans:
    """Means over periods.

    Attributes:
      time: Date that stands for each period, shape (period,).
      values: Means, shape (period, column); NaN where too few were seen.
      sigma: Standard error that follows from that of the values, same shape; None if
        that was not given.
      count: Number of values in each mean, same shape.
    """

    time: NDArray[np.datetime64]
    values: Array
    sigma: Array | None
    count: Array


def weekly_means(
    values: ArrayLike,
    time: NDArray[np.datetime64],
    *,
    sigma: ArrayLike | None = None,
    least: int = 4,
    weighted: bool = False,
) -> PeriodMeans:
    """Means over weeks from Sunday to Saturday, dated by their Wednesday.

    Args:
      values: Series, shape (epoch, column); NaN if missing.
      time: Epochs, ascending, shape (epoch,).
      sigma: Standard error of the values, same shape.
      least: Values that a mean needs at least.
      weighted: Whether to weight by ``1 / sigma**2``.

    Returns:
      The `PeriodMeans`, of all weeks from the first epoch to the last.

    Raises:
      ValueError: If shapes disagree, time does not ascend, or weights are asked for
        without sigma.
    """
    start, stop = weeks_of(time)
    days = start + np.timedelta64(3, "D")
    return period_means(
        values, time, (days, start, stop), sigma=sigma, least=least, weighted=weighted
    )


def monthly_means(
    values: ArrayLike,
    time: NDArray[np.datetime64],
    *,
    sigma: ArrayLike | None = None,
    least: int = 10,
    weighted: bool = False,
) -> PeriodMeans:
    """Means over calendar months, dated by their 15th day.

    Args:
      values: Series, shape (epoch, column); NaN if missing.
      time: Epochs, ascending, shape (epoch,).
      sigma: Standard error of the values, same shape.
      least: Values that a mean needs at least.
      weighted: Whether to weight by ``1 / sigma**2``.

    Returns:
      The `PeriodMeans`, of all months from the first epoch to the last.

    Raises:
      ValueError: If shapes disagree, time does not ascend, or weights are asked for
        without sigma.
    """
    start, stop = months_of(time)
    days = start + np.timedelta64(14, "D")
    return period_means(
        values, time, (days, start, stop), sigma=sigma, least=least, weighted=weighted
    )


def weeks_of(
    time: NDArray[np.datetime64],
) -> tuple[NDArray[np.datetime64], NDArray[np.datetime64]]:
    """The Sundays that begin the weeks of a record, and those after them.

    Args:
      time: Epochs, ascending, shape (epoch,).

    Returns:
      First day of each week and first day after it, shape (week,).
    """
    week = np.timedelta64(7, "D")
    first, last = ((day - SUNDAY) // week for day in _ends(time))
    start = SUNDAY + week * np.arange(first, last + 1)
    return start, start + week


def months_of(
    time: NDArray[np.datetime64],
) -> tuple[NDArray[np.datetime64], NDArray[np.datetime64]]:
    """The first days of the months of a record, and those of the months after them.

    Args:
      time: Epochs, ascending, shape (epoch,).

    Returns:
      First day of each month and first day after it, shape (month,).
    """
    first, last = (day.astype("M8[M]") for day in _ends(time))
    return month_bounds(np.arange(first, last + MONTH))


def _ends(time: NDArray[np.datetime64]) -> tuple[np.datetime64, np.datetime64]:
    if not len(time):
        raise ValueError("time is empty, so it has no weeks and no months")
    days = np.asarray(time).astype("M8[D]")
    return days[0], days[-1]


def period_means(
    values: ArrayLike,
    time: NDArray[np.datetime64],
    periods: tuple[NDArray, NDArray, NDArray],
    *,
    sigma: ArrayLike | None = None,
    least: int = 1,
    weighted: bool = False,
) -> PeriodMeans:
    """Means over any periods, with the standard error that follows from the values'.

    Not for: noise with a memory, which leaves the mean more uncertain than this says.

    Args:
      values: Series, shape (epoch, column); NaN if missing.
      time: Epochs, ascending, shape (epoch,).
      periods: The date of each period, its first instant, and the first after it, each
        of shape (period,).
      sigma: Standard error of the values, same shape; a value without one is missing.
      least: Values that a mean needs at least.
      weighted: Whether to weight by ``1 / sigma**2``.

    Returns:
      The `PeriodMeans`.

    Raises:
      ValueError: If shapes disagree, time does not ascend, or weights are asked for
        without sigma.
    """
    values = jnp.asarray(values)
    dates, start, stop = periods
    first, last = _rows(values, time, start, stop)
    weight = jnp.isfinite(values).astype(values.dtype)
    if sigma is not None:
        sigma = jnp.asarray(sigma, values.dtype)
        check_shapes(values=(values, "epoch column"), sigma=(sigma, "epoch column"))
        usable = jnp.isfinite(sigma) & (sigma > 0)
        weight, sigma = jnp.where(usable, weight, 0), jnp.where(usable, sigma, 1)
    count = _between(weight, first, last)
    if weighted:
        if sigma is None:
            raise ValueError("weighted means need sigma; give it or do without weights")
        weight = weight / sigma**2
    mean, variance = _weighted(values, sigma, weight, (first, last))
    enough = count >= max(least, 1)
    error = None if variance is None else jnp.sqrt(jnp.where(enough, variance, jnp.nan))
    return PeriodMeans(
        dates, jnp.where(enough, mean, jnp.nan), error, count.astype(int)
    )


def _weighted(
    values: Array, sigma: Array | None, weight: Array, rows: tuple[NDArray, NDArray]
) -> tuple[Array, Array | None]:
    """Means, one where nothing was seen, and their variance."""
    total = _between(weight, *rows)
    total = jnp.where(total > 0, total, 1)
    mean = _between(jnp.where(weight > 0, weight * values, 0), *rows) / total
    if sigma is None:
        return mean, None
    return mean, _between((weight * sigma) ** 2, *rows) / total**2


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
    return period_means(values, time, (start, start, stop), least=least).values


def _rows(
    values: Array, time: NDArray, start: NDArray, stop: NDArray
) -> tuple[NDArray, NDArray]:
    """The first row of each period and the first after it."""
    check_shapes(
        values=(values, "epoch column"),
        time=(time, "epoch"),
        start=(start, "period"),
        stop=(stop, "period"),
    )
    if len(time) > 1 and not (np.diff(time) > np.timedelta64(0, "ns")).all():
        raise ValueError("time does not ascend; sort the series first")
    return np.searchsorted(time, start), np.searchsorted(time, stop)


def _between(values: Array, first: NDArray, last: NDArray) -> Array:
    """Sum of rows first to last, each of shape (period,), exclusive of the last."""
    inside = np.arange(len(values))[None, :]
    member = (inside >= first[:, None]) & (inside < last[:, None])
    return jnp.matmul(
        jnp.asarray(member, values.dtype), values, precision=jax.lax.Precision.HIGHEST
    )

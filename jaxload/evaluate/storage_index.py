"""Standardised storage index: how rare a storage is for its month, at any time scale.

The mean over the last months is ranked among the same months of other years, and its
plotting position becomes a deviation of the standard normal distribution, as with the
standardised precipitation index. No distribution is fitted, so that nothing is assumed
of the tails: with n years the index ends at that of the driest of n.

Sources:
  Young, Martens, Hoylman & Gardner (2024), doi:10.1029/2024WR037404, for an index of
  water storage by GNSS at 1 to 48 months (they fit a log-logistic distribution);
  Hao & AghaKouchak (2014), doi:10.1175/JHM-D-13-0160.1, for empirical plotting
  positions in its place; Gringorten (1963), doi:10.1029/JZ068i003p00813.
"""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from jaxload.evaluate.drought import DROUGHT_LIMITS, LEAST_YEARS, MONTHS

__all__ = [
    "LONGEST_SCALE",
    "MonthlyRecord",
    "limiting_storage",
    "limiting_storage_of_record",
    "plotting_position",
    "standardised_index",
    "trailing_mean",
]

Floats = NDArray[np.float64]

#: The longest time scale [months].
LONGEST_SCALE = 48

#: Of plotting positions (rank - a) / (n + 1 - 2 a); Gringorten (1963).
GRINGORTEN = 0.44


@dataclasses.dataclass(frozen=True, eq=False)
class MonthlyRecord:
    """Consecutive months of a series.

    Attributes:
      values: Shape (epoch, ...); NaN if missing.
      month: Calendar month of each, 1 to 12, shape (epoch,).
    """

    values: Floats
    month: NDArray[np.integer]


def trailing_mean(values: ArrayLike, scale: int) -> Floats:
    """Average each month and those before it.

    Args:
      values: Consecutive months, shape (epoch, ...); NaN if missing.
      scale: Number of months, from 1 to 48.

    Returns:
      Means, same shape; NaN where one of the months is missing or before the first.

    Raises:
      ValueError: If the scale is not 1 to 48, or longer than the record.
    """
    values = np.asarray(values, np.float64)
    if not 1 <= scale <= LONGEST_SCALE:
        raise ValueError(f"scale is {scale}, expected 1 to {LONGEST_SCALE} months")
    if scale > len(values):
        raise ValueError(
            f"scale is {scale} months, but the record has {len(values)}; take a "
            "shorter one"
        )
    means = np.full(values.shape, np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(values, scale, axis=0)
    means[scale - 1 :] = windows.mean(axis=-1)
    return means


def plotting_position(
    values: ArrayLike, month: ArrayLike, climatology: MonthlyRecord | None = None
) -> Floats:
    """Rank each month among the same calendar month of other years.

    Args:
      values: Shape (epoch, ...); NaN if missing.
      month: Calendar month of each, 1 to 12, shape (epoch,).
      climatology: Other years, of a shape that broadcasts behind its first axis; the
        other years of `values` themselves if not given.

    Returns:
      Positions between 0 and 1, driest first, same shape; values that are equal share
      the mean of their ranks. NaN where a value is missing, or ranked among fewer than
      two years.

    Raises:
      ValueError: If months are not 1 to 12, or as many as the values.
    """
    values = np.asarray(values, np.float64)
    months = _checked_months(values, month)
    others = climatology
    of_others = (
        months if others is None else _checked_months(others.values, others.month)
    )
    position = np.full(values.shape, np.nan)
    for each in range(1, MONTHS + 1):
        rows = np.flatnonzero(months == each)
        among = values if others is None else np.asarray(others.values, np.float64)
        position[rows] = _positions(
            values[rows], among[of_others == each], among_themselves=others is None
        )
    return position


def _positions(values: Floats, among: Floats, among_themselves: bool) -> Floats:
    """Positions of years among others; of their own, itself is left out."""
    seen = np.isfinite(among)
    rank, years = np.ones(values.shape), np.ones(values.shape)
    for other, known in zip(among, seen):
        rank += np.where(known, (other < values) + 0.5 * (other == values), 0.0)
        years += known
    if among_themselves:
        rank, years = rank - 0.5, years - 1
    position = (rank - GRINGORTEN) / (years + 1 - 2 * GRINGORTEN)
    return np.where(np.isfinite(values) & (years >= LEAST_YEARS), position, np.nan)


def standardised_index(
    values: ArrayLike,
    month: ArrayLike,
    scale: int = 1,
    climatology: MonthlyRecord | None = None,
) -> Floats:
    """Compute how rare the storage of the last months is for the time of the year.

    Args:
      values: Storage of consecutive months, shape (epoch, ...); NaN if missing.
      month: Calendar month of each, 1 to 12, shape (epoch,).
      scale: Number of months that are averaged, from 1 to 48.
      climatology: Storage of a longer record, of consecutive months too and about the
        same mean, of a shape that broadcasts behind its first axis; that of `values`
        themselves if not given.

    Returns:
      The index [-], same shape, negative where it is drier than usual; NaN where a
      month is missing or ranked among fewer than two years.

    Raises:
      ValueError: If the scale is longer than the record or than 48 months, or months
        are not consecutive.

    Example:
      >>> index = standardised_index(storage, month, scale=12)

    Source:
      Young et al. (2024), doi:10.1029/2024WR037404; Hao & AghaKouchak (2014),
      doi:10.1175/JHM-D-13-0160.1.
    """
    _check_consecutive(np.asarray(month))
    means = trailing_mean(values, scale)
    if climatology is not None:
        _check_consecutive(np.asarray(climatology.month))
        others = trailing_mean(climatology.values, scale)
        climatology = dataclasses.replace(climatology, values=others)
    return ndtri(plotting_position(means, month, climatology))


def limiting_storage(
    month: ArrayLike,
    scale: int,
    climatology: MonthlyRecord,
    limits: tuple[float, ...] = DROUGHT_LIMITS,
) -> Floats:
    """Find the storage at which each class of drought begins, by a climatology.

    The index of a storage against other years is at most a limit if and only if the
    storage is at most this. With it, the probability of a class under a normal error
    is exact.

    Args:
      month: Calendar months, 1 to 12, shape (epoch,).
      scale: Number of months that are averaged, from 1 to 48.
      climatology: As for `standardised_index`, of shape (epoch,).
      limits: The largest index of each class.

    Returns:
      Mean storage over the months of the scale, shape (limit, epoch): minus infinity
      where the years are too few for the class, NaN where they are fewer than two.
    """
    months = np.asarray(month)
    others = trailing_mean(climatology.values, scale)
    storage = np.full((len(limits), len(months)), np.nan)
    for each in range(1, MONTHS + 1):
        years = np.sort(others[(climatology.month == each) & np.isfinite(others)])
        if len(years) + 1 < LEAST_YEARS:
            continue
        edges = np.concatenate([[-np.inf], years, [np.inf]])
        ranks = GRINGORTEN + ndtr(limits) * (len(years) + 2 - 2 * GRINGORTEN)
        storage[:, months == each] = edges[np.floor(ranks).astype(int)][:, None]
    return storage


def limiting_storage_of_record(
    means: ArrayLike, month: ArrayLike, limit: float = DROUGHT_LIMITS[0]
) -> Floats:
    """Find the storage at which drought begins, by the years of the record itself.

    Halfway between the last year that is dry and the first that is not.

    Args:
      means: From `trailing_mean`, shape (epoch, ...); NaN if missing.
      month: Calendar month of each, 1 to 12, shape (epoch,).
      limit: The largest index that is a drought.

    Returns:
      Mean storage over the months of the scale, same shape: minus infinity where the
      years are too few for a drought, NaN where they are fewer than two.
    """
    means = np.asarray(means, np.float64)
    months = _checked_months(means, month)
    storage = np.full(means.shape, np.nan)
    for each in range(1, MONTHS + 1):
        rows = np.flatnonzero(months == each)
        if not len(rows):
            continue
        years = np.isfinite(means[rows]).sum(axis=0)
        # Missing years sort last.
        ordered = np.sort(means[rows], axis=0)
        none = np.full_like(ordered[:1], -np.inf)
        edges = np.concatenate([none, ordered, none])
        rank = np.floor(GRINGORTEN + ndtr(limit) * (years + 1 - 2 * GRINGORTEN))
        rank = rank.astype(int)[None]
        ends = [np.take_along_axis(edges, rank + step, axis=0)[0] for step in (0, 1)]
        middle = np.where(rank[0] > 0, (ends[0] + ends[1]) / 2, -np.inf)
        storage[rows] = np.where(years >= LEAST_YEARS, middle, np.nan)
    return storage


def _checked_months(values: ArrayLike, month: ArrayLike) -> NDArray[np.integer]:
    months, shape = np.asarray(month), np.shape(values)
    if not shape or months.shape != shape[:1]:
        raise ValueError(
            f"month has shape {months.shape}, but values {shape}, expected one month "
            "for each of the first axis"
        )
    wrong = ~np.isin(months, np.arange(1, MONTHS + 1))
    if wrong.any():
        raise ValueError(
            f"month holds {months[wrong][0]}, expected calendar months, 1 to 12"
        )
    return months


def _check_consecutive(month: NDArray) -> None:
    steps = np.diff(month) % MONTHS
    if (steps != 1).any():
        row = int(np.argmax(steps != 1))
        raise ValueError(
            f"month {month[row]} is followed by {month[row + 1]}; give every month, "
            "with NaN for those without a value"
        )

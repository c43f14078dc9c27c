"""Missing months of one series estimated from another."""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["BridgedSeries", "bridge_gaps"]

Floats = NDArray[np.float64]

#: Common months from which a regression is made, and from which an error is estimated.
LEAST_MONTHS = 24

#: Years that are held out for it, at least.
LEAST_YEARS = 3


@dataclasses.dataclass(frozen=True, eq=False)
class BridgedSeries:
    """A series whose missing months were estimated.

    Attributes:
      estimate: What the other series makes of it, wherever that is known, shape
        (month, column).
      sd: Standard error of an estimated month, shape (column,): the root mean square
        of the errors for years that were held out.
      scale: Of the other series [-], shape (column,).
      scale_sd: Its standard error by the jackknife over years, whose months may err
        alike [-], shape (column,).
      held_out: Estimate of every observed month from other years, shape (month,
        column).
      season_sd: As `sd` of offset, trend and seasons alone, without the other series,
        shape (column,).
      months: Common months, shape (column,).
    """

    estimate: Floats
    sd: Floats
    scale: Floats
    scale_sd: Floats
    held_out: Floats
    season_sd: Floats
    months: NDArray[np.int64]


def bridge_gaps(
    target: ArrayLike, predictor: ArrayLike, years: ArrayLike
) -> BridgedSeries:
    """Estimate missing months of series by regression on others over common months.

    The target is an offset, a trend, an annual and a semi-annual term, and the other
    series times a scale. Seasons of the two may differ, as may their trends; the scale
    is that of their deviations from these. Errors are those for whole years that were
    held out one by one.

    Not for: trends through a gap at the end of the record, which are extrapolated.

    Args:
      target: Series with gaps, shape (month, column); NaN if missing.
      predictor: Series that bridge them, same shape; NaN if missing.
      years: Time of each month [a], shape (month,).

    Returns:
      The `BridgedSeries`; NaN in columns with fewer than 24 common months or with these
      in fewer than three years.

    Raises:
      ValueError: If shapes disagree.

    Example:
      >>> bridged = bridge_gaps(grace, gnss, years)
      >>> whole = np.where(np.isfinite(grace), grace, bridged.estimate)
    """
    target, predictor = np.asarray(target, float), np.asarray(predictor, float)
    years = np.asarray(years, np.float64)
    if target.shape != predictor.shape or target.shape[:1] != years.shape:
        raise ValueError(
            f"target has shape {target.shape}, predictor {predictor.shape} and years "
            f"{years.shape}, expected (month, column) twice and (month,)"
        )
    common = np.isfinite(target) & np.isfinite(predictor)
    bridged = _empty(common)
    patterns, which = np.unique(common, axis=1, return_inverse=True)
    for number, months in enumerate(patterns.T):
        in_years = np.unique(np.floor(years[months]))
        if months.sum() >= LEAST_MONTHS and len(in_years) >= LEAST_YEARS:
            columns = which.reshape(-1) == number
            _bridge((target, predictor, years), months, columns, bridged)
    return bridged


def _empty(common: NDArray[np.bool_]) -> BridgedSeries:
    whole, column = (np.full(x, np.nan) for x in (common.shape, common.shape[1]))
    numbers = (column.copy() for _ in range(4))
    sd, scale, scale_sd, season_sd = numbers
    estimate, held_out = whole, whole.copy()
    count = common.sum(axis=0)
    return BridgedSeries(estimate, sd, scale, scale_sd, held_out, season_sd, count)


def _bridge(
    record: tuple[Floats, Floats, Floats],
    months: NDArray[np.bool_],
    columns: NDArray[np.bool_],
    bridged: BridgedSeries,
) -> None:
    """Enter columns with the same common months."""
    target, predictor = (x[:, columns] for x in record[:2])
    seasons, year = _seasons(record[2]), np.floor(record[2])
    estimate, scale = _regressed(seasons, target, predictor, months)
    held_out, of_season = np.full(target.shape, np.nan), np.full(target.shape, np.nan)
    scales = []
    for left in np.unique(year[months]):
        here, others = months & (year == left), months & (year != left)
        whole, without = _regressed(seasons, target, predictor, others)
        held_out[here] = whole[here]
        scales.append(without)
        fitted = np.linalg.lstsq(seasons[others], target[others], rcond=None)[0]
        of_season[here] = seasons[here] @ fitted
    bridged.estimate[:, columns] = estimate
    bridged.held_out[:, columns] = held_out
    bridged.scale[columns] = scale
    bridged.sd[columns] = _rms((held_out - target)[months])
    bridged.season_sd[columns] = _rms((of_season - target)[months])
    # The jackknife over years: months that follow each other err alike.
    bridged.scale_sd[columns] = np.sqrt(len(scales) - 1) * np.std(scales, axis=0)


def _regressed(
    seasons: Floats, target: Floats, predictor: Floats, months: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Estimate by months that count, and scale."""
    inverse = np.linalg.pinv(seasons[months])
    of_target = seasons @ (inverse @ target[months])
    left = predictor - seasons @ (inverse @ predictor[months])
    spread = (left[months] ** 2).sum(axis=0)
    safe = np.where(spread > 0, spread, np.nan)
    scale = (left * (target - of_target))[months].sum(axis=0) / safe
    return of_target + scale * left, scale


def _seasons(years: Floats) -> Floats:
    """Offset, trend, annual and semi-annual terms, shape (month, 6)."""
    turn = 2 * np.pi * years
    waves = [wave(n * turn) for n in (1, 2) for wave in (np.cos, np.sin)]
    return np.column_stack([np.ones_like(years), years - years.mean(), *waves])


def _rms(values: Floats) -> Floats:
    return np.sqrt(np.mean(values**2, axis=0))

"""Means of water over months, of gravimetry and wells, that train a network too."""

import dataclasses
import logging
from typing import Any

import numpy as np
import scipy.linalg
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, inversion, series, sphere
from jaxload.pipeline.estimation.gravity_update import tune_gravimetry
from jaxload.pipeline.evaluate.groundwater import read_wells_of
from jaxload.pipeline.evaluate.regions import reference_means
from jaxload.pipeline.inputs.gravity_means import (
    ObservedPeriods,
    periods_of,
    read_gravity_means,
)
from jaxload.pipeline.inputs.observations import read_gravity
from jaxload.pipeline.inputs.study_area import StudyArea
from jaxload.pipeline.inputs.time_spans import epoch_spans

__all__ = [
    "StudyMeans",
    "WeighedMeans",
    "first_weights",
    "less_load",
    "read_study_means",
    "weigh_means",
]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]

#: Months by which observations may end before the heights unsaid.
MONTHS_UNSAID = 1

#: Wells that a message lists.
SHOWN = 5


@dataclasses.dataclass(frozen=True, eq=False)
class StudyMeans:
    """Observed means of a study, each kind by itself, over the same periods.

    Attributes:
      gravity: Of gravimetry; None for none.
      wells: Of wells; None for none.
      settings: How gravimetry persists, as `inversion.grace` sets it; None where the
        errors of means are those that the study gives, independent of each other.
      summary: Numbers of means and periods, and when, for `summary.json`.
    """

    gravity: inversion.ObservedMeans | None
    wells: inversion.ObservedMeans | None
    settings: config.Gravimetry | None
    summary: dict[str, Any]


def read_study_means(
    study: config.Study, gnss: xr.Dataset, area: StudyArea
) -> StudyMeans | None:
    """Read the means that a study names beside its heights.

    Args:
      study: Its `gapfill.grace`, `inversion.grace` and `gapfill.wells` name them.
      gnss: The heights, which have the epochs.
      area: Regions and cells.

    Returns:
      The means; None where a study names none.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If one does not reach the region or has no month in common with the
        heights.
    """
    filling = study.gapfill
    assert filling is not None
    settings = config.gravimetry_table(study.inversion.grace)
    gravity, summary, named = None, {}, ""
    periods = periods_of(epoch_spans(gnss), np.zeros((0, 2), "M8[ns]"))
    if settings is not None:
        by_footprint = read_gravity_means(study, gnss, area.grid)
        assert by_footprint is not None
        gravity, periods = by_footprint.means, by_footprint.periods
        named = f"inversion.grace {config.grid_names(settings.files)}"
    elif filling.grace:
        named = f"gapfill.grace {config.grid_names(filling.grace)}"
        gravity, periods = _of_regions(study, gnss, area, named)
    if gravity is not None:
        summary["gravity"] = _described(gravity, periods)
        _say_when_missing(named, gravity, periods, gnss)
    wells = None
    if filling.wells:
        wells = _of_wells(study, gnss, area.grid, periods)
        summary["wells"] = _described(wells, periods)
        _say_when_missing("gapfill.wells", wells, periods, gnss)
    if gravity is None and wells is None:
        return None
    return StudyMeans(gravity, wells, settings, summary)


@dataclasses.dataclass(frozen=True, eq=False)
class WeighedMeans:
    """Means of all kinds, and how they are weighed beside the heights.

    Attributes:
      means: The observations.
      model: How load and noise persist, and the factor on all standard errors.
    """

    means: inversion.ObservedMeans
    model: inversion.PeriodModel


def less_load(
    means: inversion.ObservedMeans, load: Floats | None, to_cells: Any
) -> inversion.ObservedMeans:
    """Subtract the means of a load from observed ones.

    Args:
      means: The observations.
      load: At places [mm], shape (epoch, place); None for zero.
      to_cells: Interpolation from places to cells, shape (cell, place).

    Returns:
      The means of what is left.
    """
    if load is None:
        return means
    each = load @ np.asarray(to_cells.T @ means.design.T)
    total = np.zeros(means.values.shape)
    np.add.at(total, means.period, each)
    count = np.bincount(means.period, minlength=len(total))
    predicted = total / np.maximum(count, 1)[:, None]
    return dataclasses.replace(means, values=means.values - predicted)


def weigh_means(
    means: StudyMeans,
    by_heights: inversion.RepresenterSolution,
    prior: inversion.Prior,
    load: Floats | None = None,
    to_cells: Any = None,
) -> WeighedMeans:
    """Estimate how means are weighed beside the heights, as far as a study leaves it.

    Args:
      means: Of the study.
      by_heights: What heights say beside the prior mean, with its factor.
      prior: Of the inversion.
      load: Prior mean at places [mm], shape (epoch, place); None for zero.
      to_cells: Interpolation from places to cells, shape (cell, place).

    Returns:
      The `WeighedMeans`.
    """
    if means.settings is None or means.gravity is None:
        return WeighedMeans(_joined(means, 1.0), inversion.PeriodModel())
    left = less_load(means.gravity, load, to_cells)
    compared = inversion.innovations(by_heights, prior, left)
    model = tune_gravimetry(means.settings, compared).model
    if means.wells is None:
        return WeighedMeans(means.gravity, model)
    # The factor is that of gravimetry; wells keep the error that the study states.
    joined = _joined(means, model.error_factor)
    return WeighedMeans(joined, dataclasses.replace(model, error_factor=1.0))


def first_weights(means: StudyMeans) -> WeighedMeans:
    """Weigh means by the errors that they begin with.

    Args:
      means: Of the study.

    Returns:
      The `WeighedMeans`, of days that are independent of each other.
    """
    return WeighedMeans(_joined(means, 1.0), inversion.PeriodModel())


def _joined(means: StudyMeans, factor: float) -> inversion.ObservedMeans:
    """Gravimetry, its errors by a factor, and wells as one kind of observations."""
    if means.gravity is None or means.wells is None:
        only = means.gravity if means.wells is None else means.wells
        assert only is not None
        return only
    gravity, wells, beyond = means.gravity, means.wells, None
    if gravity.beyond is not None:
        none = np.zeros((len(wells.design),) * 2)
        beyond = scipy.linalg.block_diag(gravity.beyond, none)
    return dataclasses.replace(
        gravity,
        design=np.concatenate([gravity.design, wells.design]),
        values=np.concatenate([gravity.values, wells.values], axis=1),
        covariance=scipy.linalg.block_diag(
            factor**2 * gravity.covariance, wells.covariance
        ),
        beyond=beyond,
    )


def _of_regions(
    study: config.Study, gnss: xr.Dataset, area: StudyArea, named: str
) -> tuple[inversion.ObservedMeans, ObservedPeriods]:
    """Monthly gravimetry of the regions of ``[evaluation]``, or the study region."""
    filling = study.gapfill
    assert filling is not None
    product = {"grace": read_gravity(study, "gapfill.grace", filling.grace)}
    monthly = reference_means(study, area.outlines, area.grid, product)["grace"]
    names = list(area.outlines)
    listed = range(1, len(names)) if len(names) > 1 else range(1)
    spans = np.stack([monthly.start.values, monthly.stop.values], axis=1)
    periods = periods_of(epoch_spans(gnss), spans.astype("M8[ns]"))
    if not (periods.covered & np.isfinite(monthly.water.values).any(axis=1)).any():
        raise ValueError(
            f"{named} has no month in common with the heights, which span "
            f"{_day(gnss.time.values[0])} to {_day(gnss.time.values[-1])}; get data of "
            "one period"
        )
    weights = area.basins.weights[listed]
    values = np.full((len(periods.years), len(weights)), np.nan)
    values[: len(spans)][periods.covered] = monthly.water.values[:, listed][
        periods.covered
    ]
    design = weights / weights.sum(axis=1, keepdims=True)
    return _observed(design, values, periods, filling.grace_sigma), periods


def _of_wells(
    study: config.Study, gnss: xr.Dataset, grid: sphere.Grid, periods: ObservedPeriods
) -> inversion.ObservedMeans:
    """Months of wells as the water of the cells that they are in."""
    filling = study.gapfill
    assert filling is not None
    wells = read_wells_of(study, filling, "gapfill")
    cell = sphere.cell_at(grid, wells.lon.values, wells.lat.values)
    water = wells.gwsa.transpose("time", "well").values
    values = np.full((len(periods.years), len(cell)), np.nan)
    time = wells.time.values.astype("M8[ns]")
    # A calendar month may overlap a product's: each reading counts in the first.
    free = np.ones(len(time), bool)
    for number, (start, stop) in enumerate(periods.spans):
        here = free & (time >= start) & (time < stop)
        free &= ~here
        inside = water[here]
        seen = np.isfinite(inside)
        total, count = np.where(seen, inside, 0).sum(axis=0), seen.sum(axis=0)
        values[number] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    there = np.bincount(periods.of_epoch, minlength=len(values)) > 0
    values[~there] = np.nan
    kept = (cell >= 0) & np.isfinite(values).any(axis=0)
    _say_what_is_left_out(wells.well.values, kept, gnss)
    design = (cell[kept, None] == np.arange(len(grid.lon))).astype(float)
    return _observed(design, values[:, kept], periods, filling.wells_sigma)


def _say_what_is_left_out(
    names: NDArray, kept: NDArray[np.bool], gnss: xr.Dataset
) -> None:
    if not kept.any():
        raise ValueError(
            f"none of the {len(names)} wells of gapfill.wells is on a cell of the "
            f"study and has a month between {_day(gnss.time.values[0])} and "
            f"{_day(gnss.time.values[-1])}; get wells of this place and time"
        )
    if not kept.all():
        out = list(map(str, names[~kept]))
        logger.warning(
            "%d of %d wells of gapfill.wells are off the cells or have no month with "
            "heights, and are left out: %s",
            len(out),
            len(names),
            ", ".join(out[:SHOWN]) + (" ..." if len(out) > SHOWN else ""),
        )


def _observed(
    design: Floats, values: Floats, periods: ObservedPeriods, sigma: float
) -> inversion.ObservedMeans:
    """Means with independent errors and a constant difference of each."""
    return inversion.ObservedMeans(
        design=design,
        values=values - np.nanmean(values, axis=0),
        covariance=sigma**2 * np.eye(len(design)),
        period=periods.of_epoch,
        years=periods.years,
        drift=np.ones((len(periods.years), 1)),
    )


def _months_seen(means: inversion.ObservedMeans) -> NDArray[np.int64]:
    there = np.bincount(means.period, minlength=len(means.years)) > 0
    return np.flatnonzero(np.isfinite(means.values).any(axis=1) & there)


def _described(
    means: inversion.ObservedMeans, periods: ObservedPeriods
) -> dict[str, Any]:
    spans = periods.spans[_months_seen(means)]
    return {
        "means": len(means.design),
        "months": len(spans),
        "first": str(spans[:, 0].min().astype("M8[M]")),
        "last": str(spans[:, 0].max().astype("M8[M]")),
    }


def _say_when_missing(
    named: str,
    means: inversion.ObservedMeans,
    periods: ObservedPeriods,
    gnss: xr.Dataset,
) -> None:
    """Warn where observations end before the heights."""
    end = periods.spans[_months_seen(means), 1].max().astype("M8[M]")
    last = series.span_middles(epoch_spans(gnss))[-1].astype("M8[M]")
    if (last - end).astype(int) >= MONTHS_UNSAID:
        logger.warning(
            "%s ends before the heights: it is missing since %s, and they go on until "
            "%s; water of that time is learned and corrected by the heights alone",
            named,
            end,
            last,
        )


def _day(time: np.datetime64) -> str:
    return str(time.astype("M8[D]"))

"""Means of gravity over regions as further observations of water."""

import dataclasses

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, series
from jaxload.pipeline.evaluate.regions import reference_means
from jaxload.pipeline.inputs.observations import read_gravity
from jaxload.pipeline.inputs.study_area import StudyArea
from jaxload.pipeline.inputs.time_spans import epoch_spans

__all__ = ["GravityRows", "gravity_rows"]

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class GravityRows:
    """Means over regions as rows of an inversion.

    Attributes:
      names: Of the regions.
      design: Share of each cell in the mean [-], shape (row, cell).
      water: Anomaly of the mean [mm], shape (epoch, row); NaN where there is no month.
      sigma: Standard error at an epoch [mm], shape (row,): such that all epochs of a
        month together have the weight of one month.
    """

    names: list[str]
    design: Floats
    water: Floats
    sigma: Floats


def gravity_rows(
    study: config.Study, gnss: xr.Dataset, area: StudyArea
) -> GravityRows | None:
    """Lay monthly means of gravity out on the epochs of heights.

    Regions are those of ``[evaluation]``, or the study region where none are listed.

    Args:
      study: Its `gapfill.grace` is the file.
      gnss: The heights, which have the epochs.
      area: The regions.

    Returns:
      The rows; None where no file is named.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it does not reach a region, or has no month in common with the
        heights.
    """
    filling = study.gapfill
    if filling is None or not filling.grace:
        return None
    product = {"grace": read_gravity(study, "gapfill.grace", filling.grace)}
    monthly = reference_means(study, area.outlines, area.grid, product)["grace"]
    names = list(area.outlines)
    listed = range(1, len(names)) if len(names) > 1 else range(1)
    middles = series.span_middles(epoch_spans(gnss))
    water, epochs = _at_epochs(monthly, middles)
    if not np.isfinite(water).any():
        raise ValueError(
            f"gapfill.grace {config.grid_names(filling.grace)} has no month in common "
            "with the heights, "
            f"which span {gnss.time.values[0].astype('M8[D]')} to "
            f"{gnss.time.values[-1].astype('M8[D]')}; get data of one period"
        )
    weights = area.basins.weights[listed]
    water = water[:, listed]
    return GravityRows(
        names=[names[number] for number in listed],
        design=weights / weights.sum(axis=1, keepdims=True),
        water=water - np.nanmean(water, axis=0),
        sigma=np.full(len(weights), filling.grace_sigma * np.sqrt(epochs)),
    )


def _at_epochs(
    monthly: xr.Dataset, time: NDArray[np.datetime64]
) -> tuple[Floats, float]:
    """The month of the middle of every epoch, and how many epochs a month has."""
    start, stop = monthly.start.values, monthly.stop.values
    month = np.searchsorted(start, time, side="right") - 1
    inside = (month >= 0) & (time < stop[np.maximum(month, 0)])
    values = monthly.water.values[np.maximum(month, 0)]
    counts = np.bincount(month[inside]) if inside.any() else np.ones(1)
    return np.where(inside[:, None], values, np.nan), float(
        np.median(counts[counts > 0])
    )

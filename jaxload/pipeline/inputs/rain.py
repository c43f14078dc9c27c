"""Precipitation of regions by month, and on cells by season."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from jaxload import config, io
from jaxload._calendar import DAY
from jaxload.pipeline.inputs.gridded import read_grid_source
from jaxload.pipeline.inputs.observations import Outline
from jaxload.pipeline.inputs.region_series import means_over_regions
from jaxload.pipeline.messages import error_context

__all__ = ["precipitation_source", "read_precipitation"]

logger = logging.getLogger(__name__)

#: Months of each season, and of the whole year, as 1 for January.
SEASONS = {
    "March to May": (3, 4, 5),
    "June to August": (6, 7, 8),
    "September to November": (9, 10, 11),
    "December to February": (12, 1, 2),
    "year": tuple(range(1, 13)),
}

#: Degrees around the regions in which cells are kept.
MARGIN = 3.0

#: The setting that comes last, whose files serve another purpose.
OF_WEATHER = "weather.precipitation"


def precipitation_source(study: config.Study) -> tuple[str, config.GridSource] | None:
    """Find the grid of precipitation of a study.

    Args:
      study: The study.

    Returns:
      The setting that names it and the grid: that of ``[groundwater]``, else of
      ``[evaluation]``, else of ``[weather]``; None where no grid is named.
    """
    if study.groundwater is not None and study.groundwater.rain is not None:
        return "groundwater.precipitation", study.groundwater.rain
    if study.evaluation.precipitation:
        source = config.grid_source(study.evaluation.precipitation)
        return "evaluation.precipitation", source
    if study.weather is None:
        return None
    variable = study.weather.variables.get("precipitation")
    if variable is None or variable.is_table:
        return None
    return OF_WEATHER, variable.grid


def read_precipitation(
    study: config.Study, outlines: Mapping[str, Outline], months: io.Periods
) -> xr.Dataset | None:
    """Average precipitation over regions and months, and over seasons on its cells.

    Args:
      study: Names the grid.
      outlines: Regions by name.
      months: Calendar months.

    Returns:
      ``precipitation`` (month, region), amounts of months [mm], and
      ``precipitation_season`` (season, lat, lon), mean amounts of a month [mm] around
      the regions, of seasons of which every month of the year is there; None where no
      grid is named, or the weather of a study does not reach its regions.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If it cannot be read, or does not reach the regions.
    """
    source = precipitation_source(study)
    if source is None:
        return None
    try:
        return _read(study, source, outlines, months)
    except ValueError as error:
        if source[0] != OF_WEATHER:
            raise
        # A study whose weather is good enough to fill cells runs without this.
        logger.warning("precipitation of regions is left out: %s", error)
        return None


def _read(
    study: config.Study,
    source: tuple[str, config.GridSource],
    outlines: Mapping[str, Outline],
    months: io.Periods,
) -> xr.Dataset:
    setting, files = source
    settings = _near(outlines, months)
    grid = read_grid_source(study, setting, files, "precipitation", settings)
    where = f"{setting} {files}"
    with error_context(where):
        grid = io.square_cells(grid)
        daily = io.period_means(grid, months)["precipitation"]
    days = (months.stop - months.start) / DAY
    over = means_over_regions(daily, outlines, where) * days[:, None]
    labels = {"units": "mm", "long_name": "precipitation in a month"}
    variables: dict[str, Any] = {"precipitation": (("month", "region"), over, labels)}
    fields = daily.transpose("time", "lat", "lon").values * days[:, None, None]
    calendar = months.start.astype("M8[M]").astype(int) % 12 + 1
    seasons = _seasons(fields, calendar)
    if seasons:
        first, last = np.datetime_as_string(months.start[[0, -1]], "M")
        labels = {"units": "mm", "long_name": "mean precipitation of a month"}
        labels["comment"] = f"months of {first} to {last}"
        values = np.stack(list(seasons.values())).astype(np.float32)
        variables["precipitation_season"] = ("season", "lat", "lon"), values, labels
    coords = {"month": months.stamp, "region": list(outlines), "season": list(seasons)}
    return xr.Dataset(variables, coords | {x: daily[x].values for x in ("lat", "lon")})


def _seasons(fields: np.ndarray, calendar: np.ndarray) -> dict[str, np.ndarray]:
    """Means over the months of each season, every month of the year counting once."""
    known = {
        month: _mean(some)
        for month in range(1, 13)
        if np.isfinite(some := fields[calendar == month]).any()
    }
    return {
        name: np.mean([known[month] for month in parts], axis=0)
        for name, parts in SEASONS.items()
        if set(parts) <= set(known)
    }


def _mean(fields: np.ndarray) -> np.ndarray:
    """Mean over the first axis; NaN where no value is a number, as at sea."""
    known = np.isfinite(fields)
    count = np.where(known.any(axis=0), known.sum(axis=0), np.nan)
    return np.where(known, fields, 0.0).sum(axis=0) / count


def _near(outlines: Mapping[str, Outline], months: io.Periods) -> io.GridSettings:
    """The part of a grid around the regions, in these months."""
    bounds = np.array([outline.bounds for outline in outlines.values()])
    west, south = bounds[:, :2].min(axis=0) - MARGIN
    east, north = bounds[:, 2:].max(axis=0) + MARGIN
    box = (float(west), max(float(south), -90.0), float(east), min(float(north), 90.0))
    start, stop = (str(x.astype("M8[D]")) for x in (months.start[0], months.stop[-1]))
    return io.GridSettings(box=box, start=start, stop=stop)

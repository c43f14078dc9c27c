"""Figures of maps of water: amplitude, errors, dates, months, seasons."""

import functools
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

from jaxload import config
from jaxload.labelled import seasonal_fits
from jaxload.pipeline.chunks import blocks
from jaxload.pipeline.report.datasets import SHORTEST, Result, record_length

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "Makers",
    "drawn_stations",
    "has_values",
    "spread_names",
    "water_figures",
    "without_belt",
]

logger = logging.getLogger(__name__)

#: What makes figures, by their names.
Makers = dict[str, "Callable[[], Figure]"]

#: Epochs of which means and medians of maps are drawn, and values that these hold.
EPOCHS, VALUES = 512, 1 << 26

#: Years from which means over months of the year are drawn.
WHOLE_YEAR = 0.99

#: Cells from the outer edge in which the boundary condition may make standard errors
#: small, and the share of that of the nearest cell further in below which it does.
RIM, LEAST = 2, 0.85

#: Stations, wells or other places that a figure shows.
PANELS = 4


def water_figures(result: Result, settings: config.Figures) -> Makers:
    """Name the figures of maps that a result holds.

    Args:
      result: The result.
      settings: Dates to draw, and whether with the belt.

    Returns:
      What makes each figure.
    """
    from jaxload import plot

    name, outline, stations = result.quantity, result.outline, result.stations
    what = "groundwater storage" if name == "gwsa" else "water storage"
    shown = functools.partial(without_belt, result.water, settings)
    makers: Makers = {}
    amplitude = result.water.get("annual_amplitude")
    if amplitude is not None and has_values("annual_amplitude", amplitude):
        title = f"annual amplitude of {what}"
        makers["annual_amplitude"] = lambda: plot.map_of(
            shown(amplitude), title, outline, stations
        )
    sd = f"{name}_sd"
    if sd in result.water and has_values("standard_error", result.water[sd]):
        makers["standard_error"] = lambda: _median_error(result, shown, what)
    if result.resolution is not None:
        trace, radius = (
            result.resolution.resolution,
            result.resolution.resolution_radius,
        )
        makers["resolution"] = lambda: plot.resolution_maps(
            shown(trace), shown(radius), outline, stations
        )
    if name in result.water and has_values(f"{name}_maps", result.water[name]):
        makers |= _of_dates(result, settings, shown)
    return makers


def without_belt(
    water: xr.Dataset, settings: config.Figures, field: xr.DataArray
) -> xr.DataArray:
    """Leave cells of the belt out of a field, unless a study wants them.

    Args:
      water: With `cell_mask`, 2 in the region.
      settings: Of the figures.
      field: With dimensions lat and lon.

    Returns:
      The field, NaN in the belt; all of it where no cell is in the region.
    """
    region = water.cell_mask == 2
    if settings.belt or not region.values.any():
        return field
    return field.where(region).assign_attrs(field.attrs)


def _of_dates(
    result: Result,
    settings: config.Figures,
    shown: Callable[[xr.DataArray], xr.DataArray],
) -> Makers:
    """Maps of single epochs, of months of the year, and of the season."""
    from jaxload import plot

    name, outline = result.quantity, result.outline
    water, epochs = result.water[name], _solved_epochs(result)
    some = functools.cache(lambda: shown(_thinned(water, epochs)))
    makers: Makers = {f"{name}_maps": lambda: plot.dated_maps(some(), outline)}
    if settings.dates:
        makers[f"{name}_dates"] = lambda: plot.dated_maps(
            *_nearest(result, shown, settings.dates)
        )
    length = record_length(result.water.time.values[epochs])
    if length >= WHOLE_YEAR:
        makers[f"{name}_months"] = lambda: plot.month_maps(some(), outline)
    if length >= SHORTEST:
        makers["seasons"] = lambda: plot.season_maps(
            {"GNSS": seasonal_fits(some())}, outline
        )
    return makers


def _nearest(
    result: Result,
    shown: Callable[[xr.DataArray], xr.DataArray],
    dates: Sequence[str],
) -> tuple[xr.DataArray, list[NDArray[np.float64]]]:
    """Water of the solved epochs nearest to some dates, and the outline."""
    epochs = _solved_epochs(result)
    time = result.water.time.values[epochs]
    wanted = np.array(dates, "M8[ns]")
    rows = np.unique(np.abs(time[:, None] - wanted).argmin(axis=0))
    return shown(result.water[result.quantity].isel(time=epochs[rows])), result.outline


def _median_error(
    result: Result, shown: Callable[[xr.DataArray], xr.DataArray], what: str
) -> "Figure":
    from jaxload import plot

    epochs = _solved_epochs(result)
    some = _thinned(result.water[f"{result.quantity}_sd"], epochs)
    count = some.sizes["time"]
    which = "all epochs"
    if count < len(epochs):
        which = f"{count} of {len(epochs):,} epochs"
    field = shown(some.median("time", keep_attrs=True))
    title = f"standard error of {what}, median of {which}"
    places = result.outline, result.stations
    bound = _bound_by_the_edge(field)
    why = "small by the boundary condition"
    shown_error = field.where(~bound).assign_attrs(field.attrs)
    return plot.map_of(shown_error, title, *places, "cividis", hatched=(bound, why))


def _bound_by_the_edge(sd: xr.DataArray) -> xr.DataArray:
    """Cells at the outer edge whose water the prior holds near zero.

    Their standard errors are smaller than those further in, although no station is
    nearer: that is what was assumed beyond the edge, and no knowledge.
    """
    sd = sd.transpose("lat", "lon")
    there = np.isfinite(sd.values)
    inner: Any = ndimage.binary_erosion(there, iterations=RIM)
    if not inner.any():
        return sd.copy(data=np.zeros_like(there))
    nearest: Any = ndimage.distance_transform_edt(
        ~inner, return_distances=False, return_indices=True
    )
    row, column = nearest
    smaller = np.nan_to_num(sd.values, nan=np.inf) < LEAST * sd.values[row, column]
    return sd.copy(data=there & ~inner & smaller)


def has_values(name: str, field: xr.DataArray) -> bool:
    """Find whether there is anything to draw; a warning names the figure if not.

    Args:
      name: Of the figure.
      field: What it shows.

    Returns:
      Whether any value is a number.
    """
    parts = [field]
    if "time" in field.dims:
        parts = (field.isel(time=epochs) for epochs in blocks(field.sizes["time"]))
    if any(bool(np.isfinite(part.values).any()) for part in parts):
        return True
    logger.warning(
        "the figure %s was not drawn: %s has no value at any place or time",
        name,
        field.name,
    )
    return False


def _solved_epochs(result: Result) -> NDArray[np.intp]:
    """Epochs that were solved: other maps have no values."""
    return np.flatnonzero(result.water.solved.values == 1)


def _thinned(field: xr.DataArray, epochs: NDArray[np.intp]) -> xr.DataArray:
    """Some of these epochs, spread over the record; all where they are few."""
    count = len(epochs)
    most = max(VALUES // (field.sizes["lat"] * field.sizes["lon"]), 1)
    rows = np.linspace(0, count - 1, min(count, EPOCHS, most))
    some = epochs[rows.round().astype(int)]
    parts = [field.isel(time=some[few]).load() for few in blocks(len(some), 64)]
    return parts[0] if len(parts) == 1 else xr.concat(parts, "time")


def drawn_stations(settings: config.Figures, names: Any) -> list[str]:
    """Take the stations that a study names, or a few of all.

    Args:
      settings: Of the figures.
      names: Of all stations.

    Returns:
      Those that are drawn.
    """
    there = set(map(str, np.asarray(names)))
    return [x for x in settings.stations if x in there] or spread_names(names)


def spread_names(names: Any) -> list[str]:
    """Take a few names, from the first to the last.

    Args:
      names: Names of places.

    Returns:
      At most `PANELS` of them.
    """
    names = list(map(str, np.asarray(names)))
    rows = np.linspace(0, len(names) - 1, min(PANELS, len(names))).round().astype(int)
    return [names[row] for row in rows]

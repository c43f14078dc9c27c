"""Weather at places and at the epochs of the heights, without a gap."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial import KDTree

from jaxload import config, io, sphere
from jaxload._calendar import DAY
from jaxload.pipeline.inputs.gridded import LARGE_FILES, read_grid_source
from jaxload.pipeline.inputs.time_spans import bring_to_epochs, epoch_spans
from jaxload.pipeline.messages import error_context

__all__ = ["WeatherPlaces", "WeatherSeries", "read_weather"]

Floats = NDArray[np.float64]

#: By how much grids are read beyond the outer places [degrees].
MARGIN = 3.0

#: Days before the first epoch and after the last that are read, so that months reach
#: beyond them.
AROUND = 40 * DAY


@dataclasses.dataclass(frozen=True, eq=False)
class WeatherPlaces:
    """Places at which weather is read.

    Attributes:
      name: For messages, shape (place,).
      lon: Longitude [degrees], shape (place,).
      lat: Latitude [degrees], shape (place,).
      nearest: Whether places without any weather, as land-surface models leave the sea,
        take that of the nearest place which has some.
    """

    name: Sequence[str]
    lon: Floats
    lat: Floats
    nearest: bool = False


@dataclasses.dataclass(frozen=True, eq=False)
class WeatherSeries:
    """Weather of each place, complete.

    Attributes:
      temperature: Of the air [K], shape (epoch, place).
      pressure: Of the air at the surface [Pa], shape (epoch, place).
      precipitation: In a day [mm], shape (epoch, place); None where none is named.
    """

    temperature: Floats
    pressure: Floats
    precipitation: Floats | None = None


def read_weather(
    study: config.Study, places: WeatherPlaces, gnss: xr.Dataset
) -> WeatherSeries:
    """Read the weather of places, and bring it to the epochs of the heights.

    Bilinear between the centres of the grids. It is averaged over what heights are
    means of, a day or their ``time_bnds``; weather of longer means, as months, is
    interpolated between their middles so that its means stay.

    Args:
      study: Names the grids in its table ``[weather]``.
      places: Where.
      gnss: The heights: when.

    Returns:
      The `WeatherSeries`.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If a grid cannot be read, does not cover a place, or is without data
        at an epoch; the message says which.
    """
    assert study.weather is not None
    fields = {}
    for quantity, source in study.weather.sources.items():
        grid = _read(study, quantity, source, places, gnss)
        with error_context(f"weather.{quantity} {source}"):
            at = io.sample_grid(grid, places.lon, places.lat, names=places.name)
            values = io.loaded_values(at[quantity], slice(None)).astype(np.float64)
            series, _ = bring_to_epochs(
                values, grid.time_bnds.values, epoch_spans(gnss)
            )
            if quantity == "precipitation":
                series = np.maximum(series, 0.0)  # a curve through means may undershoot
            if places.nearest:
                series = _filled(series, places)
            _check_complete(series, places, gnss)
            fields[quantity] = series
    return WeatherSeries(**fields)


def _read(
    study: config.Study,
    quantity: str,
    source: config.GridSource,
    places: WeatherPlaces,
    gnss: xr.Dataset,
) -> xr.Dataset:
    time = gnss.time.values.astype("M8[D]")
    south, north = places.lat.min() - MARGIN, places.lat.max() + MARGIN
    settings = io.GridSettings(
        box=(
            float(places.lon.min() - MARGIN),
            float(max(south, -90.0)),
            float(places.lon.max() + MARGIN),
            float(min(north, 90.0)),
        ),
        start=str(time[0] - AROUND),
        stop=str(time[-1] + AROUND),
        largest=LARGE_FILES,
    )
    return read_grid_source(study, f"weather.{quantity}", source, quantity, settings)


def _filled(series: Floats, places: WeatherPlaces) -> Floats:
    """Places that have nothing at all take the weather of the nearest that has."""
    some = np.isfinite(series).any(axis=0)
    if some.all() or not some.any():
        return series
    known = np.flatnonzero(some)
    tree = KDTree(np.asarray(sphere.unit_vectors(places.lon[some], places.lat[some])))
    empty = np.flatnonzero(~some)
    where = np.asarray(sphere.unit_vectors(places.lon[empty], places.lat[empty]))
    series = series.copy()
    series[:, empty] = series[:, known[tree.query(where)[1]]]
    return series


def _check_complete(series: Floats, places: WeatherPlaces, gnss: xr.Dataset) -> None:
    missing = ~np.isfinite(series)
    if not missing.any():
        return
    bad = np.flatnonzero(missing.any(axis=0))
    first = int(bad[0])
    days = gnss.time.values[missing[:, first]].astype("M8[D]")
    raise ValueError(
        f"has no data at {len(days)} of {len(series)} epochs of the heights at "
        f"{places.name[first]} ({places.lon[first]:g} E, {places.lat[first]:g} N), "
        f"from {days[0]} to {days[-1]} ({len(bad)} such places of "
        f"{series.shape[1]}); get weather without gaps that lasts as long as the "
        "heights, or narrow gnss.start and gnss.end"
    )

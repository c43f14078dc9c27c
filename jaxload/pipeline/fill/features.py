"""Features of the network for all places: weather, season, climate."""

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, gapfill, sphere
from jaxload.pipeline.fill.drivers import driver_features, features_record
from jaxload.pipeline.inputs.weather import WeatherPlaces, WeatherSeries, read_weather

__all__ = ["NetworkFeatures", "network_features", "weather_raster"]

#: Features of the time of the year, as of `gapfill.calendar_features`.
SEASONS = ("cos of year", "sin of year", "cos of half-year", "sin of half-year")


def weather_raster(study: config.Study, grid: sphere.Grid) -> sphere.Grid:
    """Lay a raster over the cells, such that every cell lies between its nodes.

    Args:
      study: Its `gapfill.spacing` is the distance between nodes.
      grid: The cells.

    Returns:
      The raster, its nodes in the middles between multiples of the spacing.
    """
    assert study.gapfill is not None
    step = study.gapfill.spacing
    axes = []
    for axis in (grid.lon_axis, grid.lat_axis):
        first, last = np.floor(axis[0] / step - 0.5), np.ceil(axis[-1] / step - 0.5)
        axes.append((np.arange(first, max(last, first + 1) + 1) + 0.5) * step)
    return sphere.raster_grid(*axes)


@dataclasses.dataclass(frozen=True, eq=False)
class NetworkFeatures:
    """Features of the network for all places.

    Attributes:
      values: Shape (epoch, place, feature) [-].
      names: What each is, shape (feature,).
      weather: The weather they are made of, before any transformation.
    """

    values: NDArray[np.floating]
    names: tuple[str, ...]
    weather: WeatherSeries

    @property
    def record(self) -> dict[str, Any]:
        """What they are, for the summary."""
        return features_record(self.names, self.weather)


def network_features(
    study: config.Study,
    places: WeatherPlaces,
    gnss: xr.Dataset,
    folder: pathlib.Path | None,
    watch: Callable[[float], None],
) -> NetworkFeatures:
    """Read the weather of places and join it with season and climate.

    In this order: the variables of the weather as of `driver_features`, the time of the
    year, and the features that are constant in time: position, mean and standard
    deviation of each variable, which depend on height and climate, and static fields.

    Args:
      study: Its tables ``[weather]`` and ``[features]`` have files and settings.
      places: The places.
      gnss: The heights, which have the epochs.
      folder: Where components are kept; None keeps none.
      watch: Called with the share that is done.

    Returns:
      The `NetworkFeatures`.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: As `read_weather` and `driver_features`.
    """
    weather, time = read_weather(study, places, gnss), gnss.time.values
    parts, names = [], ()
    if weather.variables:
        drivers = driver_features(study, weather, time, folder, watch)
        parts, names = [drivers.values], drivers.names
    series, static = list(weather.variables.values()), list(weather.static.values())
    still = gapfill.place_features(places.lon, places.lat, series, static)
    moments = [f"{m} of {name}" for name in weather.variables for m in ("mean", "sd")]
    return NetworkFeatures(
        gapfill.joined_features(parts, still, time),
        (*names, *SEASONS, "longitude", "latitude", *moments, *weather.static),
        weather,
    )

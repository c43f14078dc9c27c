"""Features of the network for all places: weather, season, climate."""

import pathlib
from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, gapfill, sphere
from jaxload.pipeline.fill.published import decomposed
from jaxload.pipeline.inputs.weather import WeatherPlaces, read_weather

__all__ = ["network_features", "weather_raster"]


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


def network_features(
    study: config.Study,
    places: WeatherPlaces,
    gnss: xr.Dataset,
    folder: pathlib.Path | None,
    watch: Callable[[float], None],
) -> NDArray[np.float32]:
    """Read the weather of places and join it with season and climate.

    In this order: temperature and pressure decomposed as in `config.Features`,
    precipitation where there is some, the time of the year, and the features that are
    constant in time: position, and mean and standard deviation of the weather, which
    depend on height and climate.

    Args:
      study: Its tables ``[weather]`` and ``[features]`` have files and settings.
      places: The places.
      gnss: The heights, which have the epochs.
      folder: Where components are kept; None keeps none.
      watch: Called with the share that is done.

    Returns:
      Features [-], shape (epoch, place, feature).

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: As `read_weather`, or if a series of weather is constant.
    """
    weather = read_weather(study, places, gnss)
    parts = [decomposed(study, weather, folder, watch)]
    series = [weather.temperature, weather.pressure]
    if weather.precipitation is not None:
        series.append(weather.precipitation)
        parts.append(gapfill.normalised(weather.precipitation)[0][..., None])
    still = gapfill.place_features(places.lon, places.lat, series)
    return gapfill.joined_features(parts, still, gnss.time.values)

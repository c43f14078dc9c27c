"""What a network that serves all places reads of each: weather, season, climate."""

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
      study: Says in `gapfill.spacing` how far its nodes are apart.
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
    """Read the weather of places, and put all that is known of them beside each other.

    In this order: temperature and pressure as `config.Features` says, precipitation
    where there is some, the time of the year, and what does not change: position, and
    mean and standard deviation of the weather, which tell height and climate.

    Args:
      study: Names the files and says how weather is taken apart.
      places: Where.
      gnss: The heights: when.
      folder: Where components are kept; None keeps none.
      watch: Told of the share that is done.

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

"""What a network that serves all places reads of each: weather, season, climate."""

import pathlib
from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, gapfill, sphere
from jaxload.pipeline.filling import decomposed
from jaxload.pipeline.weather import Places, WeatherSeries, read_weather

__all__ = ["network_features", "weather_raster"]

Floats = NDArray[np.float64]


def weather_raster(study: config.Study, grid: sphere.Grid) -> sphere.Grid:
    """Lay a raster over the cells, such that every cell lies between its nodes.

    Args:
      study: Says in `filler.spacing` how far its nodes are apart.
      grid: The cells.

    Returns:
      The raster, its nodes in the middles between multiples of the spacing.
    """
    assert study.filler is not None
    step = study.filler.spacing
    axes = []
    for axis in (grid.lon_axis, grid.lat_axis):
        first, last = np.floor(axis[0] / step - 0.5), np.ceil(axis[-1] / step - 0.5)
        axes.append((np.arange(first, max(last, first + 1) + 1) + 0.5) * step)
    return sphere.raster_grid(*axes)


def network_features(
    study: config.Study,
    places: Places,
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
    if weather.precipitation is not None:
        parts.append(gapfill.normalised(weather.precipitation)[0][..., None])
    shape = parts[0].shape[:2]
    season = gapfill.calendar_features(gnss.time.values)[:, None, :]
    still = _climate(places, weather)[None]
    parts += [np.broadcast_to(x, (*shape, x.shape[2])) for x in (season, still)]
    return np.concatenate([part.astype(np.float32) for part in parts], axis=2)


def _climate(places: Places, weather: WeatherSeries) -> Floats:
    """Numbers of places, of mean zero and unit variance, shape (place, number)."""
    series = [weather.temperature, weather.pressure]
    if weather.precipitation is not None:
        series.append(weather.precipitation)
    moments = [x for one in series for x in (one.mean(axis=0), one.std(axis=0))]
    columns = np.stack([places.lon, places.lat, *moments], axis=1)
    spread = columns.std(axis=0)
    # What all places share tells them not apart.
    return (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1)

"""Figures of how cells without a station were filled, and of the weather behind it."""

import logging
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from jaxload import config
from jaxload.pipeline.inputs.drawn_places import nearest_places
from jaxload.pipeline.messages import listed
from jaxload.pipeline.report.datasets import Result
from jaxload.pipeline.report.figures_of_water import Makers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["filling_figures"]

logger = logging.getLogger(__name__)

#: Kilometres of a degree of a great circle.
DEGREE = 111.2

#: What names begin with in weather.nc.
WEATHER, COMPONENT = "weather_", "component_"


def filling_figures(result: Result, settings: config.Figures) -> Makers:
    """Name the figures of filled cells and of their filler that a result holds.

    Args:
      result: The result.
      settings: Which cells are drawn.

    Returns:
      What makes each figure.
    """
    from jaxload import plot

    stations, outline = result.stations, result.outline
    makers: Makers = {}
    if "filler_pcc" in stations and np.isfinite(stations.filler_pcc.values).any():
        pcc, rmse = stations.filler_pcc.values, stations.filler_rmse.values
        makers["filling_leave_one_out"] = lambda: plot.station_score_maps(
            stations, pcc, rmse, outline
        )
        sd = stations.filler_predicted_sd.values, stations.filler_observed_sd.values
        makers["filling_taylor"] = lambda: plot.station_taylor(pcc, *sd)
        makers["filling_mean"] = lambda: _mean_of_filler(stations)
    cells = result.virtual_stations
    if cells is not None and np.isfinite(cells.displacement.values).any():
        makers["filled_series"] = lambda: _filled_series(cells, stations, settings)
    return makers | _of_weather(result)


def _mean_of_filler(stations: xr.Dataset) -> "Figure":
    from jaxload import plot

    # The filler predicts heights with all loads in, about the mean of each station.
    heights = stations.get("up_cleaned", stations.up)
    about = heights - heights.mean("time")
    return plot.mean_over_stations(
        about, stations.filler_prediction, "predicted by the filler"
    )


def _filled_series(
    cells: xr.Dataset, stations: xr.Dataset, settings: config.Figures
) -> "Figure":
    from jaxload import plot

    rows = _cells_to_draw(cells, settings)
    some = cells.isel(cell=rows).load()
    near = nearest_places((stations.lon, stations.lat), some.lon, some.lat)
    titles = []
    for number, station in enumerate(near):
        one, other = some.isel(cell=number), stations.isel(station=station)
        away = DEGREE * _degrees_between(one, other)
        error = float(one.sigma.mean())
        titles.append(
            f"{one.cell.item()} at {_degrees(one)}, "
            f"{away:.0f} km from {other.station.item()}, standard error {error:.1f} mm"
        )
    return plot.filled_series(some, titles)


def _degrees(place: xr.Dataset) -> str:
    """Longitude and latitude with their sides of the Earth."""
    lon, lat = (float(place.lon) + 180) % 360 - 180, float(place.lat)
    east, north = "E" if lon >= 0 else "W", "N" if lat >= 0 else "S"
    return f"{abs(lon):.2f}°{east} {abs(lat):.2f}°{north}"


def _degrees_between(one: xr.Dataset, other: xr.Dataset) -> float:
    """Great-circle distance of two places."""
    lat, other_lat = np.radians([float(one.lat), float(other.lat)])
    across = np.radians(float(one.lon) - float(other.lon))
    half = (
        np.sin((lat - other_lat) / 2) ** 2
        + np.cos(lat) * np.cos(other_lat) * np.sin(across / 2) ** 2
    )
    return float(np.degrees(2 * np.arcsin(np.sqrt(half))))


def _cells_to_draw(cells: xr.Dataset, settings: config.Figures) -> list[int]:
    """Those that a study names; else by their standard errors: least, median, most."""
    names, rows, absent = [str(x) for x in cells.cell.values], [], []
    for wanted in settings.filled_cells:
        place = wanted.replace(",", " ").split()
        if wanted in names:
            rows.append(names.index(wanted))
        elif len(place) == 2 and all(map(_is_number, place)):
            lon, lat = ([float(x)] for x in place)
            rows.append(int(nearest_places((cells.lon, cells.lat), lon, lat)[0]))
        else:
            absent.append(wanted)
    if absent:
        logger.warning(
            "figures.filled_cells names %s, no filled cell; take names of "
            "virtual_stations.nc, such as %s, or longitude and latitude",
            listed(absent),
            names[0],
        )
    if rows:
        return list(dict.fromkeys(rows))
    order = np.argsort(cells.sigma.mean("time").values, kind="stable")
    return [int(x) for x in dict.fromkeys(order[[0, len(order) // 2, -1]])]


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _of_weather(result: Result) -> Makers:
    """Stations with their weather, and its components at the first of them."""
    from jaxload import plot

    weather = result.weather
    if weather is None:
        return {}
    there = [str(x) for x in weather.place.values]
    there = [x for x in there if x in result.stations.station.values]
    series = {
        str(name).removeprefix(WEATHER): values
        for name, values in weather.data_vars.items()
        if str(name).startswith(WEATHER)
    }
    makers: Makers = {}
    if there:
        shown = _in_hectopascal(xr.Dataset(series).sel(place=there))
        makers["station_weather"] = lambda: plot.station_weather(result.stations, shown)
    parts = {
        str(name).removeprefix(COMPONENT): values
        for name, values in weather.data_vars.items()
        if str(name).startswith(COMPONENT)
    }
    if parts:
        place = str(weather.place.values[0])
        makers["weather_components"] = lambda: plot.component_series(
            {name: _named(values.sel(place=place)) for name, values in parts.items()},
            f"components of the weather at {place}, normalised",
        )
    return makers


def _in_hectopascal(weather: xr.Dataset) -> xr.Dataset:
    """Pressure in the unit that people read."""
    for name, values in weather.data_vars.items():
        if values.attrs.get("units") == "Pa":
            weather[name] = (values / 100).assign_attrs(units="hPa")
    return weather


def _named(values: xr.DataArray) -> xr.DataArray:
    """Components called by their numbers, the fastest first."""
    dim = next(str(x) for x in values.dims if x != "time")
    names = [f"component {n + 1}" for n in range(values.sizes[dim])]
    return values.rename({dim: "component"}).assign_coords(component=names)

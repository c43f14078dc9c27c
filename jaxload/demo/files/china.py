"""A world of China as files of the formats that a real study comes with."""

import os
import pathlib

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import io, sphere
from jaxload._calendar import month_bounds
from jaxload.demo.files.common import (
    gridded,
    northern_first,
    rounded,
    write_outline,
    write_parts,
)
from jaxload.synthetic.networks import Network
from jaxload.synthetic.satellites import month_means
from jaxload.synthetic.world_with_weather import WeatherWorld

__all__ = ["write_weather_world"]

Floats = NDArray[np.float64]

#: Last digits of gridded files, binary fractions that compress well: of temperature
#: [K], pressure [Pa], precipitation [mm/day] and water [mm].
KELVIN, PASCAL, RAIN, MILLIMETRE = 1 / 64, 1.0, 1 / 64, 1 / 16

#: Water that the model of the land holds on average [mm]: it gives storage, not its
#: anomaly.
HELD = 650.0

#: Columns of a series of the Nevada Geodetic Laboratory.
TENV3 = (
    "site YYMMMDD yyyy.yyyy __MJD week d reflon _e0(m) __east(m) ____n0(m) _north(m) "
    "u0(m) ____up(m) _ant(m) sig_e(m) sig_n(m) sig_u(m) __corr_en __corr_eu __corr_nu "
    "_latitude(deg) _longitude(deg) __height(m)"
)

#: Parts of the region over which water is averaged.
PROVINCES, BASINS = 5, 10

#: Day from which those of GRACE are counted.
GRAVITY_BEGIN = np.datetime64("2002-01-01")

MONTHS = (
    *("JAN", "FEB", "MAR", "APR", "MAY", "JUN"),
    *("JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
)

#: Standard error of components that were not measured [m]: the format has columns for
#: them, and more would be taken for false units.
UNKNOWN = 0.99999

#: Modified Julian date of the first of January 1970, and day on which weeks of GPS are
#: counted from.
EPOCH_MJD, GPS_BEGIN = 40587, np.datetime64("1980-01-06")

#: Columns of the service of displacement by loads of GFZ Potsdam.
LOADING = "vertical,north,east,Date"


def write_weather_world(world: WeatherWorld, folder: str | os.PathLike[str]) -> None:
    """Write what was measured in a world of China, and beside it the truth.

    Written are ``gnss/*.tenv3`` and ``gnss/steps.txt`` as of the Nevada Geodetic
    Laboratory; ``loads/stations/NTAL.*.txt`` and ``NTOL.*.txt`` as of ESMGFZ, in
    metres, and likewise in ``loads/cells/`` for the cells without a station, which
    ``cells.txt`` names (NAME lon lat height); daily ``temperature.nc`` and
    ``storage.nc`` as of GLDAS-2.2, ``pressure.nc`` as of ERA5 and
    ``precipitation.nc``; monthly ``grace_csr.nc`` and ``grace_jpl.nc``;
    ``region.geojson``, and its parts in ``provinces.geojson`` and ``basins.geojson``;
    and ``truth.nc``, which a study must not see.

    Args:
      world: The world.
      folder: Where to; made if it is not there.

    Raises:
      ValueError: If the folder cannot be written to or the netCDF library is missing.

    Example:
      >>> write_weather_world(synthetic.weather_world(), "data")
      >>> gnss = io.read_gnss("data/gnss/*.tenv3")
    """
    io.require_netcdf()
    folder = io.prepare_folder(folder)
    write_outline(world.region, folder / "region.geojson")
    write_parts(world.region, PROVINCES, "Province", folder / "provinces.geojson")
    write_parts(world.region, BASINS, "Basin", folder / "basins.geojson")
    _write_heights(world, io.prepare_folder(folder / "gnss"))
    _write_loading(world, folder)
    _write_weather(world, folder)
    _write_water(world, folder)
    io.write_dataset(_truth(world), folder / "truth.nc")


def _write_heights(world: WeatherWorld, folder: pathlib.Path) -> None:
    calendar = _calendar(world.time)
    for index in range(len(world.stations.name)):
        text = "\n".join([TENV3, *_tenv3_lines(world, index, calendar)])
        io.write_text(folder / f"{world.stations.name[index]}.tenv3", text + "\n")
    heights = world.heights["up"]
    names = world.stations.name[heights.step_station]
    days = [_short(day) for day in heights.step_day]
    lines = [f"{name}  {day}  1  Antenna_Changed" for name, day in zip(names, days)]
    io.write_text(folder / "steps.txt", "".join(f"{line}\n" for line in lines))


def _short(day: np.datetime64) -> str:
    """A day as 11JAN31."""
    year, month, date = str(day).split("-")
    return f"{year[2:]}{MONTHS[int(month) - 1]}{date}"


def _calendar(time: NDArray[np.datetime64]) -> list[str]:
    """What a line says of its day: date, year, MJD, week and day of GPS."""
    weeks, days = np.divmod((time - GPS_BEGIN).astype(int), 7)
    number = time.astype(int) + EPOCH_MJD
    years = 2000 + (time - np.datetime64("2000-01-01")).astype(int) / 365.25
    return [
        f"{_short(day)} {year:.4f} {mjd} {week:4d} {weekday}"
        for day, year, mjd, week, weekday in zip(time, years, number, weeks, days)
    ]


def _tenv3_lines(world: WeatherWorld, index: int, calendar: list[str]) -> list[str]:
    """Days of one station on which its height is known."""
    name, lon, lat, height = (
        getattr(world.stations, field)[index]
        for field in ("name", "lon", "lat", "height")
    )
    seen = np.flatnonzero(np.isfinite(world.displacement[:, index]))
    east, north, up = (
        _metres(world, part, index, seen) for part in ("east", "north", "up")
    )
    whole = int(height)
    # The height of the mark is in the whole part and the rest.
    up = (up[0] + height - whole, up[1])
    where = f"{lat:.10f} {lon:.10f} {height:.5f}"
    meridian = f"{round(lon):.1f}"
    columns = (x.tolist() for x in (seen, *east, *north, *up))
    return [
        f"{name} {calendar[day]} {meridian} 0 {e:.6f} 0 {n:.6f} {whole} {u:.6f} 0.0000 "
        f"{se:.6f} {sn:.6f} {su:.6f} 0.000000 0.000000 0.000000 {where}"
        for day, e, se, n, sn, u, su in zip(*columns)
    ]


def _metres(
    world: WeatherWorld, component: str, index: int, seen: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Displacement and its standard error [m]; none where it was not measured."""
    if component not in world.heights:
        return np.zeros(len(seen)), np.full(len(seen), UNKNOWN)
    heights = world.heights[component]
    moved, sigma = heights.displacement[seen, index], heights.sigma[seen, index]
    return moved / 1000, sigma / 1000


def _write_loading(world: WeatherWorld, folder: pathlib.Path) -> None:
    stations = io.prepare_folder(folder / "loads" / "stations")
    cells = io.prepare_folder(folder / "loads" / "cells")
    dates = np.datetime_as_string(world.time, unit="D").tolist()
    empty = np.flatnonzero(world.empty)
    for product in ("ntal", "ntol"):
        parts = {
            name: getattr(load, product) for name, load in world.modelled_loads.items()
        }
        for index, name in enumerate(world.stations.name):
            moved = {part: values[:, index] for part, values in parts.items()}
            path = stations / f"{product.upper()}.{name}.txt"
            io.write_text(path, _loading_text(moved, dates))
        up = getattr(world.modelled_centre_loads, product)
        for index in empty:
            path = cells / f"{product.upper()}.{world.centres.name[index]}.txt"
            io.write_text(path, _loading_text({"up": up[:, index]}, dates))
    io.write_text(folder / "cells.txt", _site_lines(world.centres, empty))


def _loading_text(moved: dict[str, Floats], dates: list[str]) -> str:
    """Metres; components that are not known are left empty."""
    blank = [""] * len(dates)
    columns = [
        [f"{x:.8f}" for x in (moved[part] / 1000).tolist()] if part in moved else blank
        for part in ("up", "north", "east")
    ]
    lines = map(",".join, zip(*columns, dates, strict=True))
    return "\n".join([LOADING, *lines]) + "\n"


def _site_lines(places: Network, which: NDArray[np.int64]) -> str:
    return "".join(
        f"{places.name[i]} {places.lon[i]:.4f} {places.lat[i]:.4f} "
        f"{places.height[i]:.1f}\n"
        for i in which
    )


def _write_weather(world: WeatherWorld, folder: pathlib.Path) -> None:
    weather, time = world.weather, world.time
    axes = (world.places.lat_axis, world.places.lon_axis)

    def field(name: str, values: Floats, digit: float, units: str) -> xr.Dataset:
        raster = sphere.to_raster(world.places, rounded(values, digit))
        return gridded(axes, time, {name: (raster, units)})

    temperature = field("Tair_f_tavg", weather.temperature, KELVIN, "K")
    io.write_dataset(temperature, folder / "temperature.nc")
    pressure = field("sp", weather.pressure, PASCAL, "Pa")
    io.write_dataset(northern_first(pressure), folder / "pressure.nc")
    rain = field("precipitation", weather.precipitation, RAIN, "mm/day")
    io.write_dataset(rain, folder / "precipitation.nc")
    storage = field("TWS_tavg", world.model + HELD, MILLIMETRE, "mm")
    io.write_dataset(storage, folder / "storage.nc")


def _write_water(world: WeatherWorld, folder: pathlib.Path) -> None:
    """Water of each centre, in centimetres and dated in the middle of its month."""
    month = world.gravity.month
    bounds = np.stack(month_bounds(month), axis=1)
    days = (bounds - GRAVITY_BEGIN).astype(np.float64)
    time = {"units": f"days since {GRAVITY_BEGIN}", "bounds": "time_bounds"}
    axes = (world.places.lat_axis, world.places.lon_axis)
    for name, water in world.gravity.centres.items():
        raster = sphere.to_raster(world.places, rounded(water, MILLIMETRE)) / 10
        data = gridded(axes, bounds[:, 0], {"lwe_thickness": (raster, "cm")})
        data = data.assign_coords(time=("time", days.mean(axis=1), time))
        data["time_bounds"] = (("time", "bounds"), days)
        io.write_dataset(data, folder / f"grace_{name.lower()}.nc")


def _truth(world: WeatherWorld) -> xr.Dataset:
    """Monthly water on cells, its daily mean over the region, uplift of places."""
    month, storage = month_means(world.storage, world.time)
    cells = world.cells
    water = sphere.to_raster(cells, storage @ world.to_cells)
    axes = (cells.lat_axis, cells.lon_axis)
    truth = gridded(axes, month.astype("M8[D]"), {"twsa": (water, "mm")})
    inside = sphere.basin_weights(cells, {"region": world.region}).weights[0]
    mean = world.storage @ (world.to_cells @ inside)
    truth["region_twsa"] = (("day",), mean, {"units": "mm"})
    for place, load in (("station", world.loads["up"]), ("centre", world.centre_loads)):
        for part in ("loading", "ntal", "ntol"):
            values = getattr(load, part)
            truth[f"{place}_{part}"] = (("day", place), values, {"units": "mm"})
    return truth.assign_coords(
        day=world.time.astype("M8[ns]"),
        station=world.stations.name,
        station_lon=("station", world.stations.lon),
        station_lat=("station", world.stations.lat),
        centre=world.centres.name,
        centre_lon=("centre", world.centres.lon),
        centre_lat=("centre", world.centres.lat),
    )

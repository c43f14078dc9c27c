"""The groundwater world as files of the formats that a real study comes with."""

import os
import pathlib

import numpy as np
import xarray as xr

from jaxload import io, synthetic
from jaxload.demo.files.common import write_outline, write_parts
from jaxload.demo.files.groundwater_grids import (
    box_cells,
    globe_cells,
    gravity_field,
    land_field,
    pressure_field,
    rain_field,
    sea_level_field,
    soil_field,
    true_field,
)

__all__ = ["write_world"]

#: As in the article: GRACE Follow-On, from its first whole autumn.
GRACE_START = "2018-10"

#: Parts of the region whose groundwater and droughts are looked at.
AREAS = 4


def write_world(
    world: synthetic.GroundwaterWorld, folder: str | os.PathLike[str], seed: int = 1
) -> None:
    """Write what was measured in a groundwater world, and beside it the truth.

    Written are ``gnss/*.up`` with ``sites.txt`` and ``offsets.csv``, and
    ``region.geojson`` with its parts in ``areas.geojson``; weekly in ``loads/``,
    pressure as of ERA5, soil water as of GLDAS and sea level as of CMEMS, on the globe,
    and the first two finely around the region; ``grace.nc``, ``wells.csv``,
    ``precipitation.nc``; and ``truth.nc``, which a study must not see.

    Args:
      world: The world.
      folder: Where to; made if it is not there.
      seed: From which the errors of gravity are drawn.

    Raises:
      ValueError: If the folder cannot be written to.
    """
    folder = io.prepare_folder(folder)
    _write_heights(world, io.prepare_folder(folder / "gnss"))
    write_outline(world.region, folder / "region.geojson")
    write_parts(world.region, AREAS, "Area", folder / "areas.geojson")
    _write_loads(world, io.prepare_folder(folder / "loads"))
    rng = np.random.default_rng(seed)
    io.write_dataset(gravity_field(world, GRACE_START, rng), folder / "grace.nc")
    io.write_dataset(rain_field(world), folder / "precipitation.nc")
    io.write_text(folder / "wells.csv", _well_lines(world))
    io.write_dataset(_truth(world), folder / "truth.nc")


def _write_heights(world: synthetic.GroundwaterWorld, folder: pathlib.Path) -> None:
    dims = ("time", "station")
    seen = np.isfinite(world.displacement).any(axis=1)
    observed = xr.Dataset(
        {
            "up": (dims, world.displacement[seen]),
            "up_sigma": (dims, world.sigma[seen]),
        },
        coords={
            "time": world.time[seen].astype("M8[ns]"),
            "station": world.station,
            "lon": ("station", world.lon),
            "lat": ("station", world.lat),
            "height": ("station", np.zeros(len(world.lon))),
        },
    )
    io.write_up(io.label_dataset(observed), folder)
    lines = [
        f"{world.station[index]},{day},equipment,antenna"
        for index, day in zip(world.step_station, world.step_day)
    ]
    text = "\n".join(["station,day,kind,note", *lines])
    io.write_text(folder / "offsets.csv", text + "\n")


def _write_loads(world: synthetic.GroundwaterWorld, folder: pathlib.Path) -> None:
    for name, cells in (("global", globe_cells(world)), ("regional", box_cells(world))):
        io.write_dataset(pressure_field(world, cells), folder / f"pressure_{name}.nc")
        io.write_dataset(soil_field(world, cells), folder / f"soil_{name}.nc")
    io.write_dataset(sea_level_field(world, globe_cells(world)), folder / "ocean.nc")
    io.write_dataset(land_field(world, globe_cells(world)), folder / "land.nc")


def _well_lines(world: synthetic.GroundwaterWorld) -> str:
    wells, days = world.wells, np.datetime_as_string(world.time, unit="D")
    lines = ["well,date,lon,lat,depth (m)"]
    for index, name in enumerate(wells.name):
        where = f"{wells.lon[index]:.4f},{wells.lat[index]:.4f}"
        depth = wells.depth[:, index]
        lines += [
            f"{name},{days[day]},{where},{depth[day]:.3f}"
            for day in np.flatnonzero(np.isfinite(depth))
        ]
    return "\n".join(lines) + "\n"


def _truth(world: synthetic.GroundwaterWorld) -> xr.Dataset:
    """Groundwater on cells and at stations, and what each load does to stations."""
    truth = true_field(world)
    dims = ("time", "station")
    at = {"station_gwsa": world.gwsa} | {
        f"uplift_{name}": uplift for name, uplift in world.loading.items()
    }
    for name, values in at.items():
        weekly = synthetic.week_means(values)
        truth[name] = (dims, weekly - weekly.mean(axis=0), {"units": "mm"})
    places = {"lon": world.lon, "lat": world.lat}
    truth = truth.assign_coords(station=world.station)
    return truth.assign_coords(
        {f"station_{name}": ("station", x) for name, x in places.items()}
    )

"""What the files of every simulated world have in common."""

import contextlib
import dataclasses
import json
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import shapely
import shapely.geometry
import xarray as xr
from numpy.typing import NDArray

from jaxload import io
from jaxload.synthetic.outlines import divided_outline

__all__ = [
    "gridded",
    "northern_first",
    "rounded",
    "simulated_folder",
    "write_outline",
    "write_parts",
]

Floats = NDArray[np.floating]

#: The file that says what a folder of simulated files is of.
ABOUT = "simulated.json"

#: Files of simulated worlds from before that was written.
OLDER = {"study.toml", "truth.nc"}


@contextlib.contextmanager
def simulated_folder(
    folder: str | os.PathLike[str], world: str, settings: Any
) -> Iterator[pathlib.Path]:
    """Hold a folder for the files of one world, whose settings are kept in it.

    Stations of two worlds in one folder would pass for one network.

    Args:
      folder: Made if it is not there.
      world: What kind of world.
      settings: A dataclass, all that it is made of.

    Yields:
      The folder.

    Raises:
      ValueError: If it is in use, cannot be written to, or holds anything else.
    """
    folder = io.prepare_folder(folder)
    about = {"world": world, "settings": dataclasses.asdict(settings)}
    with io.locked_folder(folder):
        _check_same(folder, json.loads(json.dumps(about)))
        for each in (folder, *filter(pathlib.Path.is_dir, folder.rglob("*"))):
            io.remove_left_overs(each)
        io.write_json(about, folder / ABOUT)
        yield folder


def _check_same(folder: pathlib.Path, about: dict[str, Any]) -> None:
    there = sorted(x.name for x in folder.iterdir() if not x.name.startswith("."))
    if not there:
        return
    if ABOUT not in there and OLDER & set(there):
        what = f"what an earlier version simulated, without the {ABOUT} of this one"
    elif ABOUT not in there:
        what = f"files that are no simulated world, such as {there[0]}"
    elif io.read_json(folder / ABOUT) != about:
        what = "another simulated world, or one of other settings"
    else:
        return
    raise ValueError(
        f"{folder} holds {what}; remove {folder} to have it simulated anew, or choose "
        "another folder"
    )


def write_outline(
    region: shapely.Polygon, path: str | os.PathLike[str], name: str = "region"
) -> None:
    """Write the outline of a region as GeoJSON.

    Args:
      region: The outline [degrees].
      path: The file.
      name: What the region is called there.

    Raises:
      ValueError: If it cannot be written.
    """
    outline = {
        "type": "Feature",
        "properties": {"NAME": name},
        "geometry": shapely.geometry.mapping(region),
    }
    io.write_json(outline, path)


def write_parts(
    region: shapely.Polygon, count: int, kind: str, path: str | os.PathLike[str]
) -> None:
    """Write parts of a region as GeoJSON, such as its provinces.

    Args:
      region: The outline [degrees].
      count: Number of parts.
      kind: What their names begin with.
      path: The file.

    Raises:
      ValueError: If it cannot be written.
    """
    parts = divided_outline(region, count, kind)
    features = [
        {
            "type": "Feature",
            "properties": {"NAME": name},
            "geometry": shapely.geometry.mapping(part),
        }
        for name, part in parts.items()
    ]
    io.write_json({"type": "FeatureCollection", "features": features}, path)


def rounded(values: Floats, digit: float) -> NDArray[np.float64]:
    """Round to a last digit; to binary fractions, files compress well.

    Args:
      values: Any.
      digit: Value of the last digit, in the unit of the values.

    Returns:
      The values, same shape.
    """
    return np.round(np.asarray(values, np.float64) / digit) * digit


def gridded(
    axes: tuple[Floats, Floats],
    time: NDArray[np.datetime64],
    fields: Mapping[str, tuple[Floats, str]],
) -> xr.Dataset:
    """Lay fields out with their units on time, lat and lon.

    Args:
      axes: Latitude of the rows and longitude of the columns [degrees].
      time: Days, shape (time,).
      fields: Values, shape (time, lat, lon), and units, by the name in the file.

    Returns:
      The dataset.
    """
    lat, lon = axes
    dims = ("time", "lat", "lon")
    coords = {
        "time": time.astype("M8[ns]"),
        "lat": ("lat", lat, {"units": "degrees_north"}),
        "lon": ("lon", lon, {"units": "degrees_east"}),
    }
    data = {name: (dims, x, {"units": unit}) for name, (x, unit) in fields.items()}
    return xr.Dataset(data, coords, {"title": "a simulated world"})


def northern_first(data: xr.Dataset) -> xr.Dataset:
    """Turn a field to the layout of ERA5.

    Args:
      data: Of `gridded`.

    Returns:
      The same with northern rows first, longitudes from Greenwich eastward, and axes
      called latitude and longitude.
    """
    data = data.assign_coords(lon=data.lon % 360).sortby("lon").sortby("lat", False)
    return data.rename(lat="latitude", lon="longitude")

"""What the files of every simulated world have in common."""

import os
from collections.abc import Mapping

import numpy as np
import shapely
import shapely.geometry
import xarray as xr
from numpy.typing import NDArray

from jaxload import io

__all__ = ["gridded", "northern_first", "rounded", "write_outline"]

Floats = NDArray[np.floating]


def write_outline(region: shapely.Polygon, path: str | os.PathLike[str]) -> None:
    """Write the outline of a region as GeoJSON.

    Args:
      region: The outline [degrees].
      path: The file.

    Raises:
      ValueError: If it cannot be written.
    """
    outline = {
        "type": "Feature",
        "properties": {"NAME": "region"},
        "geometry": shapely.geometry.mapping(region),
    }
    io.write_json(outline, path)


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

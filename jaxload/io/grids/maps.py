"""One map of a gridded file, or the mean or spread of a record of maps."""

import contextlib
import os
import pathlib

import xarray as xr

from jaxload.io.files.netcdf import reading_netcdf
from jaxload.io.files.paths import at_home
from jaxload.io.grids.axes import canonical_axes
from jaxload.io.grids.fillers import without_stated, without_undeclared
from jaxload.io.grids.hints import setting
from jaxload.io.grids.open import open_content

__all__ = ["read_map"]

#: What the axis of a record may be called, in lower case.
TIMES = ("time", "valid_time", "date", "month")


def read_map(
    path: str | os.PathLike[str],
    variable: str = "",
    fill: float | None = None,
    *,
    statistic: str = "sd",
) -> xr.DataArray:
    """Read one map, of a record its standard deviation or mean.

    Args:
      path: A netCDF file.
      variable: What the file calls the map; empty for the only one that it has.
      fill: A number that stands for no data though the file does not say so.
      statistic: What is taken of a record: "sd" or "mean".

    Returns:
      The map along ``lat`` and ``lon``, as of `canonical_axes`, in the units of the
      file; NaN where it has no value.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it is no netCDF, or has no map, several, or none of that name.
    """
    file = pathlib.Path(at_home(path))
    with contextlib.closing(open_content(file)) as opened:
        content = canonical_axes(opened, str(file), ("lat", "lon"))
        maps = {
            str(name): array
            for name, array in content.data_vars.items()
            if {"lat", "lon"} <= set(array.dims)
            and len(_others(array)) < 2
            and array.dtype.kind in "iuf"
        }
        named = [n for n in maps if n.lower() == variable.lower()]
        names = named if variable else list(maps)
        if len(names) != 1:
            held = ", ".join(map(str, content.data_vars)) or "nothing"
            absent = f" and no {variable!r} among them" if variable else ""
            raise ValueError(
                f"{file} holds {held}{absent}, expected one variable on lat and lon, "
                "or on time, lat and lon; name it by " + setting("variable")
            )
        with reading_netcdf(file):
            field = maps[names[0]].load()
    packing = dict(field.encoding)
    kept = {"lat", "lon", *_others(field)}
    field = field.squeeze([d for d in field.dims if d not in kept], drop=True)
    if fill is not None:
        field = without_stated(field, fill, packing)
    field = without_undeclared(field.astype(float), f"{file}: {field.name}", packing)
    for dim in _others(field):
        reduce = field.mean if statistic == "mean" else field.std
        field = reduce(dim, skipna=True, keep_attrs=True)
    return field.transpose("lat", "lon")


def _others(array: xr.DataArray) -> list[str]:
    """Axes beside lat and lon along which there is more than one entry, or time."""
    spare = [str(d) for d in array.dims if d not in ("lat", "lon")]
    return [d for d in spare if array.sizes[d] > 1 or d.lower() in TIMES]

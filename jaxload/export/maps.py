"""Maps of a result, some epochs at a time, and means of them over months."""

import math
from collections.abc import Iterator

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import labelled

__all__ = ["half_sides", "map_blocks", "map_names", "months_of_maps"]

#: Values that are read at a time.
VALUES = 1 << 22

#: Days that a monthly mean needs at least.
LEAST_DAYS = 10


def map_names(dataset: xr.Dataset) -> list[str]:
    """List the variables that are maps of numbers.

    Args:
      dataset: With the axes lat and lon.

    Returns:
      Their names, those with time first.
    """
    names = [
        str(name)
        for name, x in dataset.data_vars.items()
        if x.dims in (("time", "lat", "lon"), ("lat", "lon")) and x.dtype.kind == "f"
    ]
    return sorted(names, key=lambda name: dataset[name].ndim, reverse=True)


def half_sides(dataset: xr.Dataset) -> tuple[float, float]:
    """Find how far cells reach from their centres.

    Args:
      dataset: Maps with the axes lon and lat.

    Returns:
      Halves of their sides in longitude and latitude [degrees].

    Raises:
      ValueError: If a single cell does not state its size.
    """
    lon, lat = labelled.cell_sides(dataset)
    if not np.isfinite(lon):
        raise ValueError(
            "the maps have a single cell, and neither lon_bnds nor region.spacing in "
            "their settings says how wide it is; export them from the files of a run"
        )
    return lon / 2, lat / 2


def map_blocks(array: xr.DataArray) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Read maps of some epochs at a time.

    Args:
      array: Maps, dimensions (time, lat, lon).

    Yields:
      Epochs, and their maps.
    """
    count, rows, columns = array.shape
    together = max(1, VALUES // max(rows * columns, 1))
    for first in range(0, count, together):
        epochs = slice(first, min(first + together, count))
        yield epochs, np.asarray(array[epochs].values, np.float32)


def months_of_maps(
    array: xr.DataArray,
) -> Iterator[tuple[np.datetime64, NDArray[np.float32]]]:
    """Average maps over months, one month at a time.

    Args:
      array: Maps, dimensions (time, lat, lon).

    Yields:
      First day of each month, and the mean of its epochs; NaN where fewer than ten days
      are known. Of a record of months they are the epochs themselves.
    """
    time = array["time"].values
    step = np.median(np.diff(time)) / np.timedelta64(1, "D") if len(time) > 1 else 1.0
    least = max(1, math.ceil(LEAST_DAYS / float(step)))
    month = time.astype("M8[M]")
    for one in np.unique(month):
        epochs = np.flatnonzero(month == one)
        maps = array[epochs[0] : epochs[-1] + 1].values.astype(np.float64)
        known = np.isfinite(maps)
        count = known.sum(axis=0)
        sums = np.where(known, maps, 0.0).sum(axis=0)
        mean = np.where(count >= least, sums / np.maximum(count, 1), np.nan)
        yield one, mean.astype(np.float32)

"""The axes of gridded files: found by any name, ascending, lon from -180 to 180."""

import logging
from collections.abc import Hashable, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload.io.grids.forecasts import along_one_time

__all__ = ["canonical_axes", "cut_box", "merge_versions", "step_of"]

logger = logging.getLogger(__name__)

#: What an axis may be called, in lower case, and the CF units that give it away.
_NAMES = {
    "time": ("time", "valid_time", "date"),
    "lat": ("lat", "latitude"),
    "lon": ("lon", "longitude"),
}
_UNITS = {
    "lat": ("degrees_north", "degree_north", "degrees_n", "degreesn"),
    "lon": ("degrees_east", "degree_east", "degrees_e", "degreese"),
}


def canonical_axes(
    content: xr.Dataset, where: str, wanted: Sequence[str] = ("time", "lat", "lon")
) -> xr.Dataset:
    """Rename the axes and put longitude and latitude in order.

    Args:
      content: A file's content; nothing of its fields is read.
      where: The file, for the messages.
      wanted: The axes that must be there.

    Returns:
      The same with ``lon`` ascending from -180 to 180, each meridian once, and ``lat``
      ascending. Time keeps its numbers and its order.

    Raises:
      ValueError: If an axis is not there.
    """
    content = _straightened(content, where)
    if "time" in wanted:
        content = along_one_time(content)
    for axis in wanted:
        content = _renamed(content, axis, where)
    if "time" in wanted and not content.sizes["time"]:
        raise ValueError(f"{where} has no entries along time; is it complete?")
    for name in ("lat", "lon"):
        if content[name].dtype.kind not in "iuf":
            words = str(content[name].values.flat[0])[:40] if content[name].size else ""
            raise ValueError(
                f"{where} has {name} that is no number, such as {words!r}; expected "
                "degrees"
            )
    lat = content["lat"].values.astype(np.float64)
    lon = content["lon"].values.astype(np.float64)
    for name, values, limit in (("lat", lat, 90), ("lon", lon, 360)):
        if not values.size or not (np.abs(values) <= limit).all():
            raise ValueError(
                f"{where} has {name} {_span(values)}, expected degrees within "
                f"-{limit} and {limit}; is the grid projected?"
            )
        _check_order(values, f"{where} has {name}")
    lon = np.where(np.abs(lon) > 180, (lon + 180) % 360 - 180, lon)
    content = content.assign_coords(lat=lat, lon=lon)
    return content.isel(lat=_order(lat), lon=_order(lon, period=360.0))


def cut_box(content: xr.Dataset, box: Sequence[float], where: str) -> xr.Dataset:
    """Keep the cells whose centres are in a box.

    Args:
      content: With canonical axes.
      box: West, south, east, north [degrees]; west may be the greater of the two, or
        east beyond 180, for a box across the dateline.
      where: The file, for the messages.

    Returns:
      The cells inside.

    Raises:
      ValueError: If there are none.
    """
    west, south, east, north = box
    width = (east - west) % 360 if abs(east - west) < 360 else 360.0
    lat, lon = content["lat"].values, content["lon"].values
    rows = np.flatnonzero((lat >= south) & (lat <= north))
    columns = np.flatnonzero((lon - west) % 360 <= width)
    if not rows.size or not columns.size:
        raise ValueError(
            f"{where} has no cell in the box {', '.join(f'{x:g}' for x in box)} (west, "
            f"south, east, north); its lon is {_span(lon)} and its lat {_span(lat)}"
        )
    return content.isel(lat=_as_slice(rows), lon=_as_slice(columns))


def merge_versions(array: xr.DataArray, where: str) -> xr.DataArray:
    """Drop axes of one entry, and merge ERA5 with its preliminary continuation.

    Args:
      array: A field with more axes than time, lat and lon, perhaps.
      where: The file and field, for the message.

    Returns:
      The field along time, lat and lon, or those of them that it had.

    Raises:
      ValueError: If there is another axis.
    """
    if "expver" in array.dims and array.sizes["expver"] > 1:
        merged = array.isel(expver=0, drop=True)
        for index in range(1, array.sizes["expver"]):
            merged = merged.fillna(array.isel(expver=index, drop=True))
        array = merged.assign_attrs(array.attrs)
    spare = [d for d in array.dims if d not in ("time", "lat", "lon")]
    more = [f"{d} ({array.sizes[d]})" for d in spare if array.sizes[d] > 1]
    if more:
        raise ValueError(
            f"{where} has the axis {', '.join(more)} beside time, lat and lon; select "
            "one entry of it and save that"
        )
    return array.squeeze(spare, drop=True)


def step_of(values: NDArray[np.float64]) -> float:
    """The usual step of an axis [degrees]; one degree if it has one entry only."""
    # The lower median: a grid across the dateline has a hole between its ends.
    steps = np.sort(np.abs(np.diff(values)))
    return float(steps[(len(steps) - 1) // 2]) if len(steps) else 1.0


def _straightened(content: xr.Dataset, where: str) -> xr.Dataset:
    """Axes of one dimension in place of a table of each cell's lat and lon."""
    held = {str(name).lower(): name for name in content.variables}
    for axis in ("lat", "lon"):
        names = [held[name] for name in _NAMES[axis] if name in held]
        bent = next((n for n in names if content[n].ndim == 2), None)
        if bent is None or any(content[n].ndim == 1 for n in names):
            continue
        table = content[bent]
        along = [d for d in table.dims if not _varies(table, d)]
        (dim,) = set(table.dims) - set(along) if len(along) == 1 else ("",)
        if not dim:
            rows = " and ".join(map(str, table.dims))
            raise ValueError(
                f"{where} has {bent} along {rows}: its grid is curved or turned "
                "against parallels and meridians, or a swath; interpolate it to axes "
                "of lat and lon, and name that file"
            )
        line = table.isel({along[0]: 0}, drop=True).variable
        content = content.drop_vars([bent]).assign_coords({bent: line})
    return content


def _varies(table: xr.DataArray, dim: Hashable) -> bool:
    """Whether the numbers of a table differ along one of its dimensions."""
    values = table.transpose(dim, ...).values
    if values.dtype.kind not in "iuf" or not len(values):
        return True
    apart = np.abs(values - values[0])
    return not bool((apart <= 1e-4).all())


def _renamed(content: xr.Dataset, axis: str, where: str) -> xr.Dataset:
    names = {
        str(n).lower(): str(n) for n, v in content.variables.items() if v.ndim <= 1
    }
    present = next((names[alias] for alias in _NAMES[axis] if alias in names), None)
    if axis == "time":
        present = _valid_time(content, names) or present
    if present is None:
        units = _UNITS.get(axis, ())
        stated = ((n, content[n].attrs.get("units", "")) for n in names.values())
        present = next((n for n, unit in stated if str(unit).lower() in units), None)
    if present is None or not _own_dimension(content, present):
        raise ValueError(
            f"{where} has no axis {axis}; its dimensions are "
            f"{', '.join(map(str, content.sizes))}, expected time, lat and lon"
        )
    if axis == "time" and not content[present].dims:
        content = content.expand_dims(present)
    (dim,) = content[present].dims
    if present not in content.coords:
        content = content.set_coords(present)
    if dim != present:
        content = content.swap_dims({dim: present})
    if present == axis:
        return content
    content = content.drop_vars(axis, errors="ignore")
    return content.rename({present: axis})


def _valid_time(content: xr.Dataset, names: dict[str, str]) -> str | None:
    """The times that values are valid at, where others lie along them.

    GRIB has the times at which forecasts began beside those.
    """
    times = [names[alias] for alias in _NAMES["time"] if alias in names]
    along = [n for n in times if content[n].dims]
    if len(along) == 1 and len(times) > 1:
        return along[0]  # one forecast: when it began, beside its steps
    if len(along) < 2 or len({content[n].dims for n in along}) > 1:
        return None
    stated = [n for n in along if content[n].attrs.get("standard_name") == "time"]
    dimensions = [n for n in along if content[n].dims == (n,)]
    return next(iter(stated or dimensions), None)


def _check_order(values: NDArray[np.float64], what: str) -> None:
    """A meridian may come twice, as at the seam; ends that were lost are all zeros."""
    steps = np.sign(np.diff(values))
    # A turn that begins elsewhere goes back once.
    if min((steps > 0).sum(), (steps < 0).sum()) > 1:
        logger.warning(
            "%s that goes up and down; its cells are put in order, but is the file "
            "undamaged?",
            what,
        )
    distinct, count = np.unique(values, return_counts=True)
    if count.max() > 2:
        raise ValueError(
            f"{what} {distinct[count.argmax()]:g} {count.max()} times, expected every "
            "one once; is the file complete?"
        )


def _own_dimension(content: xr.Dataset, name: str) -> bool:
    """Whether no other axis lies along the same dimension, as with lists of places."""
    dims = content[name].dims
    if not dims:
        return str(name).lower() in _NAMES["time"]
    axis = next((a for a, names in _NAMES.items() if str(name).lower() in names), "")
    known = {
        x for a, names in _NAMES.items() if a != axis or a != "time" for x in names
    }
    return not any(
        content[other].dims == dims
        for other in content.variables
        if other != name and str(other).lower() in known and other not in content.dims
    )


def _order(
    values: NDArray[np.float64], period: float = np.inf
) -> NDArray[np.intp] | slice:
    """Indices that sort an axis and leave out what comes a second time."""
    order = np.argsort(values, kind="stable")
    kept = order[np.diff(values[order], prepend=-np.inf) > 1e-6]
    closed = len(kept) > 1 and values[kept[-1]] - values[kept[0]] > period - 1e-6
    return _as_slice(kept[1:] if closed else kept)


def _as_slice(index: NDArray[np.intp]) -> NDArray[np.intp] | slice:
    """A slice where one will do: files are read much faster by them."""
    steps = np.diff(index)
    if not len(steps) or not (np.abs(steps) == 1).all() or steps.min() != steps.max():
        return index
    stop = int(index[-1] + steps[0])
    return slice(int(index[0]), stop if stop >= 0 else None, int(steps[0]))


def _span(values: NDArray[np.float64]) -> str:
    if not values.size:
        return "of no entries"
    return f"from {np.min(values):g} to {np.max(values):g}"

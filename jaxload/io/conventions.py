"""Attributes, limits of cells and the datum of datasets by the CF conventions."""

import datetime
import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import jaxload
from jaxload.io.schema import AXES

__all__ = [
    "BOUNDS_DIM",
    "GRID_MAPPING",
    "MAKER",
    "bounds_names",
    "grid_mapping_of",
    "history_line",
    "time_units",
    "with_convention",
    "with_names",
]

#: What says of a file that it is one of ours.
MAKER = f"jaxload {jaxload.__version__}"

#: Version of the conventions.
CONVENTIONS = "CF-1.11"

#: Name of the variable that holds the datum.
GRID_MAPPING = "crs"

#: Dimension of the two ends of a cell.
BOUNDS_DIM = "bnds"

#: Units of time, the first in which all times are whole numbers.
UNITS = {"D": "days since 1970-01-01", "s": "seconds since 1970-01-01"}

#: WGS 84 in well-known text, as EPSG defines code 4326.
WKT = (
    'GEOGCRS["WGS 84",ENSEMBLE["World Geodetic System 1984 ensemble",'
    'MEMBER["World Geodetic System 1984 (Transit)"],'
    'MEMBER["World Geodetic System 1984 (G730)"],'
    'MEMBER["World Geodetic System 1984 (G873)"],'
    'MEMBER["World Geodetic System 1984 (G1150)"],'
    'MEMBER["World Geodetic System 1984 (G1674)"],'
    'MEMBER["World Geodetic System 1984 (G1762)"],'
    'MEMBER["World Geodetic System 1984 (G2139)"],'
    'MEMBER["World Geodetic System 1984 (G2296)"],'
    'ELLIPSOID["WGS 84",6378137,298.257223563,LENGTHUNIT["metre",1]],'
    'ENSEMBLEACCURACY[2.0]],PRIMEM["Greenwich",0,'
    'ANGLEUNIT["degree",0.0174532925199433]],CS[ellipsoidal,2],'
    'AXIS["geodetic latitude (Lat)",north,ORDER[1],'
    'ANGLEUNIT["degree",0.0174532925199433]],'
    'AXIS["geodetic longitude (Lon)",east,ORDER[2],'
    'ANGLEUNIT["degree",0.0174532925199433]],'
    'USAGE[SCOPE["Horizontal component of 3D system."],AREA["World."],'
    'BBOX[-90,-180,90,180]],ID["EPSG",4326]]'
)

#: Attributes of that variable; GDAL reads the one text, other programs the other.
DATUM = {
    "grid_mapping_name": "latitude_longitude",
    "long_name": "coordinate reference system",
    "longitude_of_prime_meridian": 0.0,
    "semi_major_axis": 6378137.0,
    "inverse_flattening": 298.257223563,
    "crs_wkt": WKT,
    "spatial_ref": WKT,
}

#: Letters by which programs know axes.
LETTERS = {"lon": "X", "lat": "Y"}


def with_convention(dataset: xr.Dataset) -> xr.Dataset:
    """Add what every file has by the CF conventions.

    Args:
      dataset: Any. Times of means have their intervals as ``time_bnds`` (time, 2),
        likewise for other names of time.

    Returns:
      The same values with attributes, limits of the cells of regular axes, units of
      time and the datum of longitudes and latitudes.
    """
    dataset = _with_bounds(dataset.copy())
    dataset.attrs.setdefault("Conventions", CONVENTIONS)
    dataset.attrs.setdefault("source", MAKER)
    dataset.attrs.setdefault("history", history_line("written"))
    dataset = _with_datum(with_names(dataset))
    for part in (dataset, *dataset.variables.values()):
        part.attrs = {k: _unicode(v) for k, v in part.attrs.items()}
    return dataset


def with_names(dataset: xr.Dataset) -> xr.Dataset:
    """Name variables and axes as other programs know them.

    Args:
      dataset: Any.

    Returns:
      The same with standard names and units of longitudes, latitudes, heights and
      times, letters of axes, and a long name for whatever has no name at all.
    """
    dataset = dataset.copy()
    for name, array in dataset.variables.items():
        _label(str(name), array, is_axis=array.dims == (name,))
    return dataset


def history_line(event: str) -> str:
    """Make a line of the history of a file.

    Args:
      event: What happened.

    Returns:
      The line; its time is that of the variable ``SOURCE_DATE_EPOCH`` where it is set,
      so that the same bytes can be written again.
    """
    stated = os.environ.get("SOURCE_DATE_EPOCH", "")
    utc = datetime.UTC
    now = datetime.datetime.now(utc)
    if stated.isdigit():
        now = datetime.datetime.fromtimestamp(int(stated), utc)
    return f"{now:%Y-%m-%dT%H:%M:%SZ} {MAKER}: {event}"


def bounds_names(dataset: xr.Dataset) -> set[str]:
    """List the variables that hold limits of cells.

    Args:
      dataset: Any.

    Returns:
      Their names.
    """
    return {
        str(place["bounds"])
        for array in dataset.variables.values()
        for place in (array.attrs, array.encoding)
        if place.get("bounds") in dataset.variables
    }


def grid_mapping_of(dataset: xr.Dataset, dims: Iterable[str]) -> dict[str, str]:
    """Label a variable with the datum of its places.

    Args:
      dataset: With ``lon`` and ``lat``, or without.
      dims: Dimensions of the variable.

    Returns:
      Its attribute ``grid_mapping``; nothing where it has no places.
    """
    if not {"lon", "lat"} <= set(dataset.coords):
        return {}
    along = {*dataset["lon"].dims, *dataset["lat"].dims}
    return {"grid_mapping": GRID_MAPPING} if along and along <= set(dims) else {}


def time_units(*times: NDArray[np.datetime64]) -> str:
    """Choose units in which times are whole numbers.

    Args:
      times: Any number of arrays.

    Returns:
      Days, or seconds where these are not enough.
    """
    whole = all((x == x.astype("M8[D]"))[~np.isnat(x)].all() for x in times)
    return UNITS["D" if whole else "s"]


def _with_bounds(dataset: xr.Dataset) -> xr.Dataset:
    """Add limits of cells, and make them data that axes name."""
    for name in LETTERS:
        if f"{name}_{BOUNDS_DIM}" not in dataset.variables and name in dataset.dims:
            limits = _limits(dataset, name)
            if limits is not None:
                new = {f"{name}_{BOUNDS_DIM}": ((name, BOUNDS_DIM), limits)}
                dataset = dataset.assign(new)
    held = [
        str(name)
        for name in dataset.variables
        if str(name).endswith(f"_{BOUNDS_DIM}")
        and str(name).removesuffix(f"_{BOUNDS_DIM}") in dataset.coords
    ]
    dataset = dataset.reset_coords([name for name in held if name in dataset.coords])
    for name in held:
        axis = dataset[name.removesuffix(f"_{BOUNDS_DIM}")].variable
        axis.encoding.pop("bounds", None)
        axis.attrs["bounds"] = name
        # By the conventions limits have the attributes of their axis.
        dataset[name].attrs = {}
    for name, axis in dataset.coords.items():
        if axis.dtype.kind == "M" and axis.dims == (name,):
            both = [axis, *(dataset[x] for x in held if x == f"{name}_{BOUNDS_DIM}")]
            units = time_units(*(x.values for x in both))
            for array in both:
                array.encoding = {
                    "units": units,
                    "calendar": "proleptic_gregorian",
                    "dtype": "int64",
                }
    return dataset


def _limits(dataset: xr.Dataset, name: str) -> NDArray[np.float64] | None:
    """Limits of the cells of a regular axis; None where they are not known."""
    if name not in dataset.coords or dataset[name].dtype.kind != "f":
        return None
    steps = [
        np.diff(dataset[axis].values)
        for axis in (name, *LETTERS)
        if axis in dataset.coords and dataset[axis].dims == (axis,)
    ]
    widths = next((x for x in steps if len(x)), None)
    if widths is None or np.ptp(widths) > 1e-4 * abs(widths[0]):
        return None
    middles = dataset[name].values.astype(np.float64)
    half = np.mean(widths) / 2
    limits = np.stack([middles - half, middles + half], axis=-1)
    return limits if name == "lon" else np.clip(limits, -90, 90)


def _label(name: str, array: xr.Variable, is_axis: bool) -> None:
    """Name a variable, and the letter of an axis."""
    ending = name.rsplit("_", 1)[-1]
    is_bounds = ending == BOUNDS_DIM
    if name in AXES and array.dtype.kind == "f":
        place = AXES[name]
        array.attrs.setdefault("units", place.units)
        array.attrs.setdefault("standard_name", place.standard_name)
        array.attrs.setdefault("long_name", place.long_name)
    elif ending in LETTERS and array.attrs.get("units") == AXES[ending].units:
        # A file has one longitude and one latitude of its datum.
        array.attrs["units"] = "degrees"
    if name == "height":
        array.attrs.setdefault("positive", "up")
    if is_axis and name in LETTERS:
        array.attrs.setdefault("axis", LETTERS[name])
    if is_axis and array.dtype.kind == "M":
        array.attrs.setdefault("standard_name", "time")
        array.attrs.setdefault("axis", "T")
        array.attrs.setdefault("units_metadata", "leap_seconds: none")
    if not is_bounds and "standard_name" not in array.attrs:
        array.attrs.setdefault("long_name", name.replace("_", " "))


def _with_datum(dataset: xr.Dataset) -> xr.Dataset:
    """Add the datum, and its name to all that have places."""
    limits = bounds_names(dataset)
    dataset = dataset.drop_vars(GRID_MAPPING, errors="ignore")
    has_places = False
    for name, array in dataset.variables.items():
        array.encoding.pop("grid_mapping", None)
        if name in dataset.coords or name in limits or array.dtype.kind not in "fiu":
            continue
        label = grid_mapping_of(dataset, map(str, array.dims))
        array.attrs |= label
        has_places = has_places or bool(label)
    if not has_places and not {"lon", "lat"} <= set(dataset.dims):
        return dataset
    return dataset.assign({GRID_MAPPING: ((), np.int32(0), dict(DATUM))})


def _unicode(value: Any) -> Any:
    """Text as files can hold it, though it is of file names that are no UTF-8."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "backslashreplace").decode("utf-8")

"""Stokes coefficients in one layout, from netCDF and to it.

All coefficients are fully normalised and without the Condon-Shortley phase, as the
centres distribute them. Datasets have ``cosine`` and ``sine`` [1] along time, degree
and order, zero where a file says nothing, and state ``gm`` [m3 s-2] and ``radius`` [m].
Readers of text are in `gravity_fields`.
"""

import pathlib
from collections.abc import Iterable

import numpy as np
import xarray as xr

from jaxload.io.files.netcdf import as_numbers, reading_netcdf, save_netcdf
from jaxload.io.files.paths import PathLike, nearest
from jaxload.io.gravity.stokes_records import with_degrees
from jaxload.io.results import require_netcdf
from jaxload.io.schema import VARIABLES, label_dataset

__all__ = ["read_stokes", "write_stokes"]

#: No fully normalised coefficient of the Earth is as large: that of degree 0 is 1.
LARGEST = 10.0

#: What netCDF files call the coefficients and their axes.
_PAIRS = (("cosine", "sine"), ("clm", "slm"))
_AXES = {"degree": ("degree", "n", "l"), "order": ("order", "m")}


def read_stokes(
    path: PathLike,
    prefix: str = "",
    gm: float | None = None,
    radius: float | None = None,
) -> xr.Dataset:
    """Read Stokes coefficients from netCDF.

    Args:
      path: A file with cosine and sine, or clm and slm, along time, degree and order;
        degree and order may be called n or l, and m.
      prefix: What stands before both names, such as "gaa_".
      gm: GM [m3/s2], for a file that does not say.
      radius: Reference radius [m], for a file that does not say.

    Returns:
      A dataset as `read_level2` returns it, in float64.

    Raises:
      FileNotFoundError: If it is not there.
      ValueError: If it is no netCDF or only a part, or lacks something.

    Example:
      >>> gaa = io.read_stokes("gaa.nc", "gaa_", gm=3.986004415e14, radius=6378136.3)
    """
    path = pathlib.Path(path)
    content = _load(path)
    names = _names(path, content, prefix)
    content = content.rename(_renamed(path, content, names))
    dims = tuple(d for d in ("time", "degree", "order") if d in content["cosine"].dims)
    arrays = {wave: _scaled(path, content[wave], dims) for wave in ("cosine", "sine")}
    for wave in ("cosine_sigma", "sine_sigma"):
        if wave in content:
            # Errors may be those of all months.
            along = tuple(d for d in dims if d in content[wave].dims)
            arrays[wave] = _scaled(path, content[wave], along)
    dataset = xr.Dataset(arrays)
    _check_size(path, dataset)
    dataset = with_degrees(dataset)
    if "time" in content.coords:
        dataset = dataset.assign_coords(time=content["time"])
        dataset = _with_bounds(dataset, content)
    gm = _stated(path, content, "gm", gm, 3.986004415e14)
    radius = _stated(path, content, "radius", radius, 6378136.3)
    return label_dataset(dataset.assign_attrs(gm=gm, radius=radius, source=path.name))


def write_stokes(dataset: xr.Dataset, path: PathLike) -> None:
    """Write Stokes coefficients as netCDF in float64, for `read_stokes`.

    A month changes the ninth digit of a coefficient: float32 would not do.

    Args:
      dataset: As the readers return it.
      path: The file; an old one is replaced when the new one is whole.

    Raises:
      ValueError: If something is missing, the netCDF library is not installed, or the
        file cannot be written.
    """
    require_netcdf()
    absent = [x for x in ("cosine", "sine") if x not in dataset.data_vars]
    absent += [x for x in ("gm", "radius") if x not in dataset.attrs]
    if absent:
        raise ValueError(
            f"the dataset for {path} has no {', '.join(absent)}, expected what "
            "read_level2 returns"
        )
    dataset = label_dataset(dataset)
    dataset.attrs.setdefault("Conventions", "CF-1.11")
    packing = {"zlib": True, "complevel": 1, "dtype": "float64", "_FillValue": None}
    encoding = {name: packing for name in VARIABLES if name in dataset.data_vars}
    clock = {"units": "seconds since 2002-01-01", "dtype": "int64"}
    encoding |= {x: clock for x in ("time", "time_bnds") if x in dataset.variables}
    save_netcdf(dataset, pathlib.Path(path), encoding)


def _load(path: pathlib.Path) -> xr.Dataset:
    """The whole file in memory, so that a broken one fails here and nowhere else."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist{nearest(path)}")
    with reading_netcdf(path), xr.open_dataset(path) as dataset:
        return dataset.load()


def _names(path: pathlib.Path, content: xr.Dataset, prefix: str) -> dict[str, str]:
    """What the file calls the coefficients, to what they are called here."""
    for pair in _PAIRS:
        present = [f"{prefix}{name}" for name in pair]
        if all(name in content for name in present):
            names = dict(zip(present, _PAIRS[0]))
            errors = {f"{name}_sigma": f"{new}_sigma" for name, new in names.items()}
            return names | {k: v for k, v in errors.items() if k in content}
    raise ValueError(
        f"{path} holds {', '.join(map(str, content.data_vars)) or 'nothing'}, but not "
        f"{prefix}clm and {prefix}slm; name what stands before them by prefix="
    )


def _renamed(
    path: pathlib.Path, content: xr.Dataset, names: dict[str, str]
) -> dict[str, str]:
    dims = content[next(iter(names))].dims
    renamed = dict(names)
    for name, aliases in _AXES.items():
        present = [alias for alias in aliases if alias in dims]
        if not present:
            raise ValueError(
                f"{path} has coefficients along {', '.join(map(str, dims))}, expected "
                "degree and order, or n and m"
            )
        renamed[present[0]] = name
    return {old: new for old, new in renamed.items() if old != new}


def _scaled(path: pathlib.Path, array: xr.DataArray, dims: tuple[str, ...]):
    """Coefficients as pure numbers in float64."""
    units = str(array.attrs.get("units", "1"))
    try:
        factor = float(units)
    except ValueError:
        raise ValueError(
            f"{path}: {array.name} is in {units!r}, expected a number like 1e-10"
        ) from None
    numbers = as_numbers(array.values, f"{path}: {array.name}")
    return array.copy(data=numbers).transpose(*dims).variable * factor


def _check_size(path: pathlib.Path, dataset: xr.Dataset) -> None:
    """Find what a file holds where it was never written, or was lost."""
    for name, array in dataset.data_vars.items():
        largest = float(np.nanmax(np.abs(array.values), initial=0.0))
        if largest > LARGEST:
            raise ValueError(
                f"{path}: {name} runs to {largest:g}, expected {LARGEST:g} at most; is "
                "the file complete?"
            )


def _with_bounds(dataset: xr.Dataset, content: xr.Dataset) -> xr.Dataset:
    """Add the bounds of the months, if the file has them."""
    time = content["time"]
    names: Iterable[str] = (time.attrs.get("bounds", ""), "time_bnds", "time_bounds")
    name = next((n for n in names if n in content), None)
    if name is None or content[name].shape != (len(time), 2):
        return dataset
    bounds = content[name]
    if bounds.dtype.kind != "M":
        units = {
            k: time.encoding[k] for k in ("units", "calendar") if k in time.encoding
        }
        bounds = xr.decode_cf(bounds.assign_attrs(units).to_dataset(name="b"))["b"]
    dataset["time"].attrs["bounds"] = "time_bnds"
    return dataset.assign(time_bnds=(("time", "bnds"), bounds.values))


def _stated(
    path: pathlib.Path,
    content: xr.Dataset,
    name: str,
    explicit: float | None,
    grace: float,
) -> float:
    value = content.attrs.get(name) if explicit is None else explicit
    if value is None:
        raise ValueError(
            f"{path} does not say its {name}; give {name}=, which is {grace:.10g} for "
            "GRACE"
        )
    return float(value)

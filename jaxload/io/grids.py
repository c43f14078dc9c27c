"""Gridded products of water on land to one canonical layout."""

import dataclasses
import os
import pathlib

import numpy as np
import xarray as xr

from jaxload.io.schema import VARIABLES, WATER, check_dataset, label_dataset

__all__ = ["PRODUCTS", "Product", "read_grid"]


@dataclasses.dataclass(frozen=True)
class Product:
    """How one variable of a distributed file becomes a canonical one.

    Attributes:
      source: What the file calls it, in lower case.
      name: What it is called here.
      factors: Its canonical units per unit that a file may state.
    """

    source: str
    name: str
    factors: dict[str, float]


#: Equivalent water height in mm per unit; 1 kg of fresh water on 1 m2 stands 1 mm high.
WATER_HEIGHT = {
    "mm": 1.0,
    "cm": 10.0,
    "m": 1000.0,
    "kg m-2": 1.0,
    "kg/m2": 1.0,
    "kg/m^2": 1.0,
}

#: What can be read, by the variable that a file holds.
PRODUCTS: tuple[Product, ...] = (
    Product("lwe_thickness", "twsa", WATER_HEIGHT),
    Product("twsa", "twsa", WATER_HEIGHT),
)

_AXIS_NAMES = {
    "time": ("time",),
    "lat": ("lat", "latitude"),
    "lon": ("lon", "longitude"),
}


def read_grid(
    path: str | os.PathLike[str],
    variable: str | None = None,
    units: str | None = None,
) -> xr.Dataset:
    """Read a gridded product of terrestrial water storage.

    Args:
      path: A netCDF file with dimensions time, lat and lon.
      variable: What the file calls the quantity; needed only where it holds several
        that are known, or calls it something else.
      units: The units of the values, for a file that does not say.

    Returns:
      A dataset of layout `jaxload.io.schema.WATER`: ``twsa`` [mm], shape (time, lat,
      lon), with lon ascending from -180 to 180 and lat ascending. Months without data
      are not there. Bounds of the months are kept as ``time_bnds`` where the file has
      them.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If the file is no netCDF or only a part of one, holds nothing that is
        known, or does not say its units.

    Example:
      >>> grace = io.read_grid("CSR_GRACE_GRACE-FO_RL06_Mascons_all-corrections.nc")
    """
    path = pathlib.Path(path)
    content = _canonical_axes(_load(path), path)
    source, product = _choose(content, variable, path)
    array = content[source]
    stated = array.attrs.get("units") if units is None else units
    # A Python float does not widen float32.
    values = array * _factor(product, stated, f"{path}: {source}")
    values.attrs = {"source_variable": source, "source_units": stated}
    dataset = xr.Dataset({product.name: values.transpose("time", "lat", "lon")})
    dataset = _with_bounds(dataset, content)
    dataset.attrs = {"source": path.name} | _provenance(content)
    dataset = label_dataset(dataset)
    check_dataset(dataset, WATER)
    return dataset


def _load(path: pathlib.Path) -> xr.Dataset:
    """The whole file in memory, so that a broken one fails here and nowhere else."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; check the path")
    try:
        with xr.open_dataset(path) as dataset:
            return dataset.load()
    except (OSError, ValueError, RuntimeError, LookupError, TypeError) as error:
        reason = (
            str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        )
        raise ValueError(
            f"{path} cannot be read as netCDF ({reason}); is it complete, and is "
            "jaxload[netcdf] installed?"
        ) from None


def _canonical_axes(dataset: xr.Dataset, path: pathlib.Path) -> xr.Dataset:
    """Axes by their canonical names and ascending, lon from -180 to 180."""
    names = {str(name).lower(): name for name in dataset.coords}
    renamed = {}
    for name, aliases in _AXIS_NAMES.items():
        found = next((names[alias] for alias in aliases if alias in names), None)
        if found is None or dataset[found].dims != (found,):
            raise ValueError(
                f"{path} has no axis {name}; its dimensions are "
                f"{', '.join(map(str, dataset.sizes))}, expected time, lat and lon"
            )
        renamed[found] = name
    dataset = dataset.rename({old: new for old, new in renamed.items() if old != new})
    lon = dataset["lon"].values.astype(np.float64)
    wrapped = np.where(np.abs(lon) > 180, (lon + 180) % 360 - 180, lon)
    lat = dataset["lat"].values.astype(np.float64)
    return dataset.assign_coords(lon=wrapped, lat=lat).sortby(["time", "lat", "lon"])


def _choose(
    dataset: xr.Dataset, variable: str | None, path: pathlib.Path
) -> tuple[str, Product]:
    """The variable to read and what is known of it."""
    gridded = [
        str(name)
        for name in dataset.data_vars
        if set(dataset[name].dims) == {"time", "lat", "lon"}
    ]
    known = {product.source: product for product in PRODUCTS}
    if variable is not None and variable in gridded:
        return variable, known.get(variable.lower(), known["twsa"])
    if variable is None:
        found = [name for name in gridded if name.lower() in known]
        if len(found) == 1:
            return found[0], known[found[0].lower()]
    raise ValueError(
        f"{path} holds {', '.join(gridded) or 'nothing'} on time, lat and lon; "
        f"{variable or 'one of ' + ', '.join(known)} was wanted: name one by variable="
    )


def _factor(product: Product, units: object, where: str) -> float:
    if units is None:
        raise ValueError(
            f"{where} states no units; say them by units=, one of "
            f"{', '.join(product.factors)}"
        )
    factor = product.factors.get(" ".join(str(units).split()))
    if factor is None:
        raise ValueError(
            f"{where} is in {units!r}, which is not one of "
            f"{', '.join(product.factors)}, so it cannot become "
            f"{VARIABLES[product.name].units}"
        )
    return factor


def _with_bounds(dataset: xr.Dataset, content: xr.Dataset) -> xr.Dataset:
    """Add the bounds of the months, if the file has them as dates."""
    name = content["time"].attrs.get("bounds", "time_bnds")
    if name not in content or content[name].dtype.kind != "M":
        return dataset
    bounds = content[name]
    if bounds.dims[0] != "time" or bounds.shape[1:] != (2,):
        return dataset
    return dataset.assign(time_bnds=(("time", "bnds"), bounds.values))


def _provenance(content: xr.Dataset) -> dict[str, str]:
    wanted = ("title", "institution", "source", "history")
    return {f"source_{k}": str(content.attrs[k]) for k in wanted if k in content.attrs}

"""Gridded products, of water, air and sea, to one canonical layout."""

import dataclasses
import functools
import logging
import os
import pathlib
from collections.abc import Sequence

import numpy as np
import xarray as xr

from jaxload._calendar import DAY, month_bounds
from jaxload.io.files.netcdf import reading_netcdf, with_numbers
from jaxload.io.files.paths import PathLike, at_home, expand, is_pattern, nearest
from jaxload.io.grids.axes import merge_versions
from jaxload.io.grids.fillers import without_stated, without_undeclared
from jaxload.io.grids.hints import setting
from jaxload.io.grids.land_sea import LAND_NAMES
from jaxload.io.grids.lazily import in_pieces
from jaxload.io.grids.open import GridSettings, has_dask, open_grid, read_static
from jaxload.io.grids.product_choice import choose_product
from jaxload.io.grids.products import (
    LIMITS,
    Conversion,
    Product,
    find_conversion,
)
from jaxload.io.grids.spans import (
    Span,
    complete_spans,
    grid_remark,
    parse_span,
    stated_method,
)
from jaxload.io.grids.times import mid_times
from jaxload.io.listing import some_of
from jaxload.io.schema import check_dataset, grid_layout, label_dataset

__all__ = ["GRID", "gridded_names", "named_grid_files", "read_grid", "stated_units"]

Names = str | Sequence[str] | None

logger = logging.getLogger(__name__)

#: Dimensions of a canonical field.
GRID = ("time", "lat", "lon")

_GAINS = ("scale_factor",)


def read_grid(
    path: PathLike | Sequence[PathLike],
    quantity: Names = None,
    variable: Names = None,
    units: str | None = None,
    settings: GridSettings | None = None,
) -> xr.Dataset:
    """Read a gridded product.

    Known are the GRACE mascons of CSR, JPL and GSFC and gridded Level-3 products,
    GLDAS-2.1 and 2.2, ERA5, ERA5-Land and MERRA-2, sea level of CMEMS and AVISO, and
    precipitation; of others, name the variable.

    Args:
      path: A netCDF file; several, or a pattern like "GLDAS_*.nc4", are joined in
        time.
      quantity: "twsa", "tws", "groundwater", "soil_water" (soil, snow and canopy),
        "pressure", "temperature", "sea_level", "precipitation", "snow_water",
        "soil_moisture", "evapotranspiration" or "variable" (any, in the units of the
        file), or several of which the first that is there is taken; needed where a file
        holds several, and for the last four.
      variable: What the file calls the quantity, or a list of variables to add up;
        needed only where it holds several that are known, or calls it something else.
      units: The units of the values, for a file that does not say.
      settings: What to keep of the files, and how.

    Returns:
      A dataset of layout `jaxload.io.schema.grid_layout`: the quantity along time, lat
      and lon, with lon ascending from -180 to 180 and lat ascending: water and sea
      level in mm, precipitation in mm a day, pressure in Pa, temperature in K. Beside
      it ``<quantity>_sigma``, if the file has it, and ``time_bnds``: what each entry is
      a mean of, first instant and first after it (the same twice for an instant), by
      the bounds of the file, or as `GridSettings` and `stamped_spans` say; its
      attribute ``origin`` names which. Months without
      data are not there.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If a file is no netCDF or only a part of one, holds nothing that is
        known, does not say its units, or holds what such a quantity cannot be; or if
        files have other cells, or the same times.

    Example:
      >>> grace = io.read_grid("CSR_GRACE_GRACE-FO_RL06_Mascons_all-corrections.nc")
      >>> soil = io.read_grid("GLDAS_NOAH025_3H*.nc4", "soil_water")
    """
    files = named_grid_files(path)
    settings = _fitting(files, GridSettings() if settings is None else settings)
    pieces = [_read_file(file, quantity, variable, units, settings) for file in files]
    dataset = _without_duplicates(_joined(pieces), settings.duplicates)
    if not dataset.sizes["time"]:
        raise ValueError(
            f"{some_of([file.name for file in files], 3)} holds nothing from "
            f"{settings.start or 'its begin'} to {settings.stop or 'its end'}; get "
            "data of that time, or read another"
        )
    dataset = label_dataset(_with_spans(dataset, settings))
    check_dataset(dataset, grid_layout(str(dataset.attrs["quantity"])))
    if settings.chunks == {} and dataset.nbytes <= (settings.largest or 0):
        with reading_netcdf(files[0]):
            return dataset.load()
    return dataset


def _fitting(files: Sequence[pathlib.Path], settings: GridSettings) -> GridSettings:
    """Settings by which large files are read in chunks."""
    size = sum(file.stat().st_size for file in files if file.is_file())
    if settings.chunks is not None or size <= (settings.largest or size):
        return settings
    if has_dask():
        return dataclasses.replace(settings, chunks={})
    logger.warning(
        "%s%s hold %.1f GiB, all of which is read into memory; install jaxload[lazy], "
        "with which large grids are read some entries at a time, or set gnss.start and "
        "gnss.end to a shorter period",
        files[0].name,
        f" and {len(files) - 1} more files" if len(files) > 1 else "",
        size / 2**30,
    )
    return settings


def _with_spans(dataset: xr.Dataset, settings: GridSettings) -> xr.Dataset:
    """What each entry is a mean of, and a remark where no file states it."""
    method = str(dataset.attrs.pop("method", ""))
    span = parse_span(settings.span)
    if span is None and dataset.sizes["time"] == 1:
        # A lone file of GRACE is of a month.
        span = "month" if dataset.attrs["quantity"] == "twsa" else None
    dataset = complete_spans(dataset, settings.stamp, span, method)
    for origin in str(dataset["time_bnds"].attrs["origin"]).split(", "):
        doubtful, words = grid_remark(origin, method)
        if words:
            level = logging.WARNING if doubtful else logging.INFO
            logger.log(level, "%s %s", dataset.attrs["source"], words)
    return dataset


def named_grid_files(path: PathLike | Sequence[PathLike]) -> list[pathlib.Path]:
    """Find the gridded files that names and patterns stand for.

    Args:
      path: As of `read_grid`.

    Returns:
      The files; one that is named and missing too.

    Raises:
      FileNotFoundError: If no file is called like a pattern.
      ValueError: If nothing is named.
    """
    if not isinstance(path, str | os.PathLike):
        files = [file for one in path for file in named_grid_files(one)]
        if not files:
            raise ValueError("path is an empty list, expected files")
        return files
    plain = at_home(path)
    if plain.exists() or not is_pattern(path):
        return [plain]
    try:
        return expand(path)
    except FileNotFoundError:
        missing = f"no file is called like {plain}{nearest(path)}"
        raise FileNotFoundError(missing) from None


def _read_file(
    path: pathlib.Path,
    quantity: Names,
    variable: Names,
    units: str | None,
    settings: GridSettings,
) -> xr.Dataset:
    with open_grid(path, settings) as content:
        product = choose_product(gridded_names(content), quantity, variable, str(path))
        dataset = _converted(path, content, product, units, settings)
        dataset = _masked(path, content, dataset, settings)
        if "time_bnds" in content:
            dataset = dataset.assign(time_bnds=content["time_bnds"].variable)
        else:
            unknown = np.full((content.sizes["time"], 2), "NaT", "M8[ns]")
            dataset = dataset.assign(time_bnds=(("time", "bnds"), unknown))
        attrs = {"quantity": product.quantity, "source": path.name}
        attrs["method"] = stated_method(content)
        dataset.attrs = attrs | _provenance(content)
    if not dataset.sizes["time"]:
        return dataset
    check = functools.partial(_checked, path=path, quantity=product.quantity)
    field = dataset[product.quantity]
    return dataset.assign({product.quantity: in_pieces(check, field)})


def gridded_names(content: xr.Dataset) -> dict[str, str]:
    """List the variables on time, lat and lon.

    Args:
      content: From `open_grid`.

    Returns:
      Standard names by name; empty for variables without one.
    """
    return {
        str(name): str(array.attrs.get("standard_name", ""))
        for name, array in content.data_vars.items()
        if set(GRID) <= set(array.dims)
    }


def _converted(
    path: pathlib.Path,
    content: xr.Dataset,
    product: Product,
    units: str | None,
    settings: GridSettings,
) -> xr.Dataset:
    """The quantity and its error in canonical units, in memory unless in chunks."""
    total, stated = None, []
    for part in product.parts:
        array = _field(path, content, part.source, settings)
        stated.append(stated_units(array) if units is None else units)
        how = find_conversion(
            product.quantity, stated[-1], f"{path}: {part.source}", part.depth
        )
        values = _apply(
            array, how, content, f"{path}: {part.source}", parse_span(settings.span)
        )
        total = values if total is None else total + values
    assert total is not None
    total.attrs = {
        "source_variable": " + ".join(part.source for part in product.parts),
        "source_units": ", ".join(dict.fromkeys(map(str, stated))),
    }
    fields = {product.quantity: total}
    if product.sigma:
        array = _field(path, content, product.sigma, settings)
        sigma_units = stated_units(array) if units is None else units
        where = f"{path}: {product.sigma}"
        how = find_conversion(product.quantity, sigma_units, where)
        sigma = _apply(array, Conversion(how.factor, 0.0, how.per), content, where)
        sigma.attrs = {"source_variable": product.sigma, "source_units": sigma_units}
        fields[f"{product.quantity}_sigma"] = sigma
    return xr.Dataset(fields)


def _field(
    path: pathlib.Path, content: xr.Dataset, name: str, settings: GridSettings
) -> xr.DataArray:
    with reading_netcdf(path):
        array = content[name] if settings.chunks is not None else content[name].load()
    packing = dict(array.encoding)
    array = merge_versions(array, f"{path}: {name}").transpose(*GRID)
    if not np.issubdtype(array.dtype, np.floating):
        numbers = with_numbers(array, f"{path}: {name}")
        array = numbers.astype(np.float64).assign_attrs(array.attrs)
    if settings.fill is not None:
        array = without_stated(array, settings.fill, packing)
    remove = functools.partial(
        without_undeclared, where=f"{path}: {name}", packing=packing
    )
    array = in_pieces(remove, array)
    return array.drop_vars([name for name in array.coords if name not in GRID])


def stated_units(array: xr.DataArray) -> str | None:
    """Look up the units of a variable, however their attribute is spelled.

    Args:
      array: The variable.

    Returns:
      The units; None where none are stated.
    """
    return next((v for k, v in array.attrs.items() if str(k).lower() == "units"), None)


def _apply(
    array: xr.DataArray,
    how: Conversion,
    content: xr.Dataset,
    where: str,
    span: Span = None,
) -> xr.DataArray:
    # Python floats do not widen float32.
    values = array * float(how.factor)
    if how.offset:
        values = values + how.offset
    if not how.per:
        return values
    days = _days(how.per, content, where, span)
    return values / xr.DataArray(days.astype(array.dtype), dims="time")


def _days(per: str, content: xr.Dataset, where: str, span: Span) -> np.ndarray:
    """In how many days each amount was gathered, shape (time,)."""
    time = content["time"].values
    if isinstance(span, np.timedelta64):
        return np.full(len(time), span / DAY)
    if per == "month":
        first, after = month_bounds(mid_times(content))
        return (after - first) / DAY
    stated = content["time_bnds"].attrs["origin"] if "time_bnds" in content else ""
    if stated != "file" and span is None:
        raise ValueError(
            f"{where} is an amount, and the file has no bounds of time that say in "
            f"what it was gathered; state that by {setting('span', '1 hour')}, or by "
            "precipitation_hours beside it"
        )
    bounds = content["time_bnds"].values
    return (bounds[:, 1] - bounds[:, 0]) / DAY


def _masked(
    path: pathlib.Path,
    content: xr.Dataset,
    dataset: xr.Dataset,
    settings: GridSettings,
) -> xr.Dataset:
    if settings.gain is not False:
        gain = _static(path, content, _GAINS, settings.gain)
        # Fillers of the sea are not always declared.
        known = np.isfinite(gain.values) & (np.abs(gain.values) < 1e3)
        gain = gain.where(known, 1.0).drop_vars(("lat", "lon"))
        dataset = dataset.map(lambda x: x * gain.astype(x.dtype), keep_attrs=True)
    if settings.land is not False:
        mask = _static(path, content, LAND_NAMES, settings.land).drop_vars(
            ("lat", "lon")
        )
        dataset = dataset.where(mask > 0.5)
    return dataset.transpose(*GRID)


def _static(
    path: pathlib.Path,
    content: xr.Dataset,
    names: Sequence[str],
    source: bool | PathLike,
) -> xr.DataArray:
    """A field on the very cells of a file, from it or another one."""
    if isinstance(source, bool):
        return read_static(path, names, content)
    other = pathlib.Path(source)
    field = read_static(other, names)
    axes = {axis: content[axis].values for axis in ("lat", "lon")}
    try:
        return field.sel(axes, method="nearest", tolerance=1e-3)
    except KeyError:
        raise ValueError(
            f"{other} is not on the cells of {path}; get the one made for them"
        ) from None


def _checked(values: xr.DataArray, path: pathlib.Path, quantity: str) -> xr.DataArray:
    """A field that holds what such a quantity can be."""
    low, high = LIMITS[quantity]
    least, most = float(values.min()), float(values.max())
    if least < low or most > high:
        source, units = (values.attrs[f"source_{k}"] for k in ("variable", "units"))
        raise ValueError(
            f"{path}: {source} in {units} makes {quantity} run from {least:g} to "
            f"{most:g}, expected {low:g} to {high:g}; name a filler by "
            f"{setting('fill', '-9999', text=False)}, or the true units by units"
        )
    if quantity not in ("precipitation", "snow_water", "variable"):
        _look_for_zeros(path, values)
    return values


def _look_for_zeros(path: pathlib.Path, values: xr.DataArray) -> None:
    """Warn of entries that are zero everywhere, as where a download ended early."""
    held = values.values.reshape(values.sizes["time"], -1)
    empty = (np.nan_to_num(held) == 0).all(axis=1) & np.isfinite(held).any(axis=1)
    if empty.any() and not empty.all():
        first = np.datetime_as_string(values["time"].values[empty.argmax()], "D")
        logger.warning(
            "%s: %s is 0 everywhere at %d of %d times, from %s on; is the file "
            "complete?",
            path,
            values.attrs["source_variable"],
            int(empty.sum()),
            len(empty),
            first,
        )


def _provenance(content: xr.Dataset) -> dict[str, str]:
    wanted = ("title", "institution", "source", "history")
    return {f"source_{k}": str(content.attrs[k]) for k in wanted if k in content.attrs}


def _joined(pieces: list[xr.Dataset]) -> xr.Dataset:
    first = pieces[0]
    for other in pieces[1:]:
        _check_alike(first, other)
    if len(pieces) == 1:
        return first
    origins = {piece["time_bnds"].attrs.get("origin") for piece in pieces}
    joined = xr.concat(pieces, "time", join="override", combine_attrs="drop_conflicts")
    joined["time_bnds"].attrs["origin"] = ", ".join(sorted(filter(None, origins)))
    source = f"{pieces[0].attrs['source']} and {len(pieces) - 1} more"
    return joined.assign_attrs(source=source)


def _check_alike(first: xr.Dataset, other: xr.Dataset) -> None:
    names = f"{first.attrs['source']} and {other.attrs['source']}"
    if set(first.data_vars) - {"time_bnds"} != set(other.data_vars) - {"time_bnds"}:
        raise ValueError(
            f"{names} hold {', '.join(map(str, first.data_vars))} and "
            f"{', '.join(map(str, other.data_vars))}; read them apart"
        )
    for axis in ("lat", "lon"):
        one, two = first[axis].values, other[axis].values
        if len(one) != len(two) or not np.allclose(one, two, rtol=0, atol=1e-4):
            raise ValueError(
                f"{names} have other cells along {axis}: {len(one)} from {one[0]:g} "
                f"and {len(two)} from {two[0]:g}; read them apart and regrid them"
            )


def _without_duplicates(dataset: xr.Dataset, rule: str) -> xr.Dataset:
    time = dataset["time"].values
    dataset = dataset.isel(time=np.argsort(time, kind="stable"))
    time, counts = np.unique(time, return_counts=True)
    if (counts == 1).all():
        return dataset
    if rule == "error":
        raise ValueError(
            f"{dataset.attrs['source']} holds {time[counts > 1][0]} more than once, as "
            f"{int((counts > 1).sum())} times in all; leave out a file, or state which "
            f'to take, "first", "last" or "mean", by {setting("duplicates", "last")}'
        )
    first = np.cumsum(counts) - counts
    if rule != "mean":
        return dataset.isel(time=first if rule == "first" else first + counts - 1)
    means = dataset.drop_vars("time_bnds").groupby("time").mean()
    merged = means.transpose(*GRID)
    for name in merged.data_vars:
        merged[name].attrs = dataset[name].attrs
    merged["time_bnds"] = dataset["time_bnds"].isel(time=first)
    return merged.assign_attrs(dataset.attrs)

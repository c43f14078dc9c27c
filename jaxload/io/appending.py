"""Epochs of results set or appended in place, in netCDF files and Zarr folders."""

import dataclasses
import pathlib
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray import conventions

from jaxload.io.conventions import history_line, with_names
from jaxload.io.files.netcdf import reading_netcdf, small_caches
from jaxload.io.files.writing import reason_of
from jaxload.io.files.zarr_folders import is_zarr
from jaxload.io.results import unlimited_of

__all__ = ["EpochChange", "append_variables", "change_epochs"]

#: Units in which any time of a result is a whole number.
SECONDS = "seconds since 1970-01-01"


@dataclasses.dataclass(frozen=True, eq=False)
class EpochChange:
    """Epochs of a result that change.

    Attributes:
      axis: Name of the dimension of time.
      time: All epochs afterwards, those of the file first, shape (epoch,).
      places: Numbers of the epochs that change, ascending, shape (changed,).
      values: New values of each variable with that dimension, shape (changed, ...).
      whole: New values of variables without it, such as an annual amplitude.
      attributes: Attributes of the file that change.
      bounds: Intervals of all epochs, shape (epoch, 2), for files that hold them; None
        leaves those of a file as they are.
      event: What happened, for the attribute ``history``; empty for nothing.
    """

    axis: str
    time: NDArray[np.datetime64]
    places: NDArray[np.intp]
    values: Mapping[str, NDArray[Any]]
    whole: Mapping[str, NDArray[Any]] = dataclasses.field(default_factory=dict)
    attributes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    bounds: NDArray[np.datetime64] | None = None
    event: str = ""


def append_variables(dataset: xr.Dataset, path: pathlib.Path) -> None:
    """Add variables to a netCDF file, floats in float64.

    Args:
      dataset: The variables; coordinates that the file has already are the same.
      path: The file.

    Raises:
      ValueError: If it cannot be written.
    """
    try:
        with small_caches():
            growing = unlimited_of(dataset)
            with_names(dataset).to_netcdf(
                path, "a", engine="netcdf4", unlimited_dims=growing
            )
    except (RuntimeError, OSError) as error:
        raise _not_written(path, error) from None


def change_epochs(path: pathlib.Path, change: EpochChange) -> None:
    """Set and append epochs of a result in place.

    Not for: the only copy of a result, which is broken if this is interrupted.

    Args:
      path: A netCDF file with an unlimited dimension of time, or the folder of a Zarr
        group.
      change: What changes.

    Raises:
      ValueError: If the file lacks a variable, or cannot be written.
    """
    edit = _change_zarr if is_zarr(path) else _change_netcdf
    try:
        edit(path, change)
    except (RuntimeError, OSError, LookupError) as error:
        raise _not_written(path, error) from None


def _not_written(path: pathlib.Path, error: Exception) -> ValueError:
    reason = reason_of(error) if isinstance(error, OSError) else str(error)
    return ValueError(f"{path} cannot be written ({reason})")


def _change_netcdf(path: pathlib.Path, change: EpochChange) -> None:
    import netCDF4

    with reading_netcdf(path), netCDF4.Dataset(path, "a") as file:
        file.set_auto_maskandscale(False)
        axis = file[change.axis]
        bounds = change.bounds if f"{change.axis}_bnds" in file.variables else None
        units, numbers, limits = _encoded_times(
            change.time, bounds, (axis.units, axis.calendar)
        )
        axis[:] = numbers
        axis.units = units
        if limits is not None:
            file[f"{change.axis}_bnds"][:] = limits
        for name, values in change.values.items():
            for places, part in _runs(change.places, values):
                file[name][places] = part
        for name, values in change.whole.items():
            file[name][...] = values
        attributes = {name: file.getncattr(name) for name in file.ncattrs()}
        file.setncatts({**change.attributes, **_history(attributes, change)})


def _change_zarr(path: pathlib.Path, change: EpochChange) -> None:
    import zarr  # pyright: ignore[reportMissingImports]

    with warnings.catch_warnings():
        # The format has no final word on text yet.
        warnings.filterwarnings("ignore", category=UserWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        group: Any = zarr.open_group(str(path), mode="r+")
        axis, count = group[change.axis], len(change.time)
        labels = dict(axis.attrs)
        bounds = change.bounds if f"{change.axis}_bnds" in group else None
        units, numbers, limits = _encoded_times(
            change.time, bounds, (str(labels["units"]), str(labels["calendar"]))
        )
        axis.resize((count,))
        axis[:] = numbers
        axis.attrs["units"] = units
        if limits is not None:
            of_bounds = group[f"{change.axis}_bnds"]
            of_bounds.resize(limits.shape)
            of_bounds[:] = limits
        for name, values in change.values.items():
            array = group[name]
            array.resize((count, *array.shape[1:]))
            for places, part in _runs(change.places, values):
                array[places] = part
        for name, values in change.whole.items():
            group[name][...] = values
        attributes = {**change.attributes, **_history(dict(group.attrs), change)}
        group.attrs.update(attributes)


def _history(attributes: Mapping[str, Any], change: EpochChange) -> dict[str, str]:
    """The history of a file with what happens to it now."""
    if not change.event:
        return {}
    lines = [str(attributes.get("history", "")), history_line(change.event)]
    return {"history": "\n".join(filter(None, lines))}


def _encoded_times(
    time: NDArray[np.datetime64],
    bounds: NDArray[np.datetime64] | None,
    stated: tuple[str, str],
) -> tuple[str, NDArray[np.int64], NDArray[np.int64] | None]:
    """Times in the units of a file, or in seconds where these are no whole numbers."""
    both = time if bounds is None else np.concatenate([time, bounds.ravel()])
    for trial in (stated[0], SECONDS):
        variable = xr.Variable(("time",), both.astype("M8[ns]"))
        variable.encoding = {"units": trial, "calendar": stated[1]}
        with warnings.catch_warnings():
            # Times that are no whole numbers are then written as decimals.
            warnings.simplefilter("ignore")
            encoded = conventions.encode_cf_variable(variable, name="time")
        numbers = np.asarray(encoded.values)
        whole = np.rint(numbers).astype(np.int64)
        if (whole == numbers).all():
            times, limits = whole[: len(time)], whole[len(time) :].reshape(-1, 2)
            return trial, times, None if bounds is None else limits
    raise ValueError(f"times up to {time[-1]} are no whole number of seconds")


def _runs(places: NDArray[np.intp], values: NDArray[Any]) -> list[tuple[slice, Any]]:
    """Changed epochs in runs of neighbours, each with its values."""
    if not len(places):
        return []
    cuts = np.flatnonzero(np.diff(places) > 1) + 1
    parts = zip(np.split(places, cuts), np.split(np.asarray(values), cuts))
    return [(slice(int(run[0]), int(run[-1]) + 1), part) for run, part in parts]

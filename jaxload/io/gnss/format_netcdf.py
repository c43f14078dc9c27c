"""Series in netCDF: what `write_gnss` writes, and what is laid out like it."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload.io.files.netcdf import as_numbers
from jaxload.io.gnss.options import Reading, check_units
from jaxload.io.gnss.sites import Site, check_site
from jaxload.io.gnss.source import Source
from jaxload.io.gnss.station_series import SERIES_COMPONENTS, Series
from jaxload.io.results import read_dataset

__all__ = ["is_netcdf", "read_netcdf"]


def is_netcdf(source: Source) -> bool:
    """Whether it is netCDF."""
    return source.netcdf


def read_netcdf(source: Source, reading: Reading) -> list[Series]:
    """Read ``up``, ``east`` and ``north`` of dimensions (time, station)."""
    with read_dataset(source.path, load=True) as opened:
        dataset = _checked(source, opened)
        day = dataset["time"].values.astype("datetime64[D]")
        fields = _fields(source, dataset, reading)
        return [
            Series(
                str(name).upper(),
                day,
                {k: fields[k][:, i] for k in SERIES_COMPONENTS if k in fields},
                {
                    k: fields[f"{k}_sigma"][:, i]
                    for k in SERIES_COMPONENTS
                    if f"{k}_sigma" in fields
                },
                _site(source, dataset, i),
                str(dataset.attrs.get("displacement_reference", "as in the file")),
            )
            for i, name in enumerate(dataset["station"].values)
        ]


def _checked(source: Source, dataset: xr.Dataset) -> xr.Dataset:
    absent = [n for n in ("up", "time", "station") if n not in dataset.variables]
    if absent or set(dataset["up"].dims) != {"time", "station"}:
        there = ", ".join(map(str, dataset.variables)) or "nothing"
        raise ValueError(
            f"{source.path} has no up (time, station) with its coordinates; it holds "
            f"{there}"
        )
    if not np.issubdtype(dataset["time"].dtype, np.datetime64):
        raise ValueError(
            f"{source.path} has times of {dataset['time'].dtype}, expected dates of "
            "the standard calendar"
        )
    return dataset.transpose("time", "station", ...)


def _fields(
    source: Source, dataset: xr.Dataset, reading: Reading
) -> dict[str, NDArray[np.float64]]:
    names = [n for one in SERIES_COMPONENTS for n in (one, f"{one}_sigma")]
    fields = {}
    for name in names:
        if name in dataset and dataset[name].dims == ("time", "station"):
            units = dataset[name].attrs.get("units", reading.units)
            if units is None:
                raise ValueError(
                    f"{source.path} has {name} without units; state them by units"
                )
            where = f"{source.path}: {name}"
            factor = check_units(str(units), where)
            fields[name] = factor * as_numbers(dataset[name].values, where)
    return fields


def _site(source: Source, dataset: xr.Dataset, index: int) -> Site | None:
    if not all(
        name in dataset.variables and dataset[name].dims == ("station",)
        for name in ("lon", "lat")
    ):
        return None
    lon, lat = (_coordinate(source, dataset, name, index) for name in ("lon", "lat"))
    height = np.nan
    if "height" in dataset.variables and dataset["height"].dims == ("station",):
        height = _coordinate(source, dataset, "height", index)
    return check_site(lon, lat, height, str(source.path))


def _coordinate(source: Source, dataset: xr.Dataset, name: str, index: int) -> float:
    return float(as_numbers(dataset[name].values[index], f"{source.path}: {name}"))

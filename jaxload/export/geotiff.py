"""Maps of a result as GeoTIFF."""

import contextlib
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import labelled
from jaxload.export.maps import half_sides, map_blocks, map_names, months_of_maps
from jaxload.export.opened import open_part, require, targets, writing
from jaxload.export.options import ExportOptions
from jaxload.pipeline.progress import Watch

__all__ = ["export_geotiff"]

#: Bands that a file can have.
MOST_BANDS = 65535

#: Code of WGS 84.
DATUM = "EPSG:4326"


def export_geotiff(
    parts: dict[str, pathlib.Path],
    out: pathlib.Path,
    what: tuple[str, ...],
    options: ExportOptions,
    watch: Watch,
) -> list[pathlib.Path]:
    """Write maps as GeoTIFF.

    Args:
      parts: From `find_parts`.
      out: Where files go.
      what: Variables of the maps; all of numbers by default.
      options: From `ExportOptions`: one band an epoch, or one file a month.
      watch: Called with the progress.

    Returns:
      The files.

    Raises:
      ValueError: If rasterio is missing, a variable is no map, or a file cannot be
        written or is there already.
    """
    require(["rasterio"], "export", "GeoTIFF")
    with open_part(parts, "maps") as dataset:
        monthly = options.by == "month"
        names = _chosen(dataset, what, monthly)
        inside = labelled.in_region(dataset, options.belt)
        plans = {name: _plan(dataset[name], monthly) for name in names}
        files = [file for plan in plans.values() for file in plan]
        paths = targets(out, files, options.overwrite)
        for name in names:
            progress = lambda share, name=name: watch(f"{name}.tif", share)
            _write_variable(dataset, name, (out, inside, monthly), progress)
    return paths


def _chosen(
    dataset: xr.Dataset, what: tuple[str, ...], monthly: bool
) -> tuple[str, ...]:
    there = map_names(dataset)
    for name in what:
        if name not in there:
            raise ValueError(
                f"{name!r} is no map of the result; --what can name "
                f"{', '.join(there) or 'nothing, as output.store left maps out'}"
            )
        if monthly and name.endswith("_sd") and "time" in dataset[name].dims:
            raise ValueError(
                f"standard errors of days have no mean that is one of months; leave "
                f"{name} out of --what, or leave out --by month"
            )
    if not there:
        raise ValueError(
            'the result has no maps; run the study with "twsa" in output.store'
        )
    dated = lambda name: "time" in dataset[name].dims
    kept = [n for n in there if not (monthly and n.endswith("_sd") and dated(n))]
    return what or tuple(kept)


def _plan(array: xr.DataArray, monthly: bool) -> list[str]:
    """Names of the files of a variable."""
    if "time" not in array.dims or not monthly:
        return [f"{array.name}.tif"]
    months = np.unique(array["time"].values.astype("M8[M]"))
    return [f"{array.name}_{month}.tif" for month in months]


def _write_variable(
    dataset: xr.Dataset,
    name: str,
    where: tuple[pathlib.Path, NDArray[np.bool_], bool],
    watch: Callable[[float], None],
) -> None:
    out, inside, monthly = where
    array, masked = dataset[name], lambda maps: np.where(inside, maps, np.nan)
    if "time" not in array.dims:
        with _raster(out / f"{name}.tif", dataset, name, [""]) as raster:
            raster.write(_northern_first(masked(array.values)), 1)
        return
    if monthly:
        files = _plan(array, monthly)
        for number, (month, mean) in enumerate(months_of_maps(array)):
            path = out / f"{name}_{month}.tif"
            with _raster(path, dataset, name, [str(month)]) as raster:
                raster.write(_northern_first(masked(mean)), 1)
            watch((number + 1) / len(files))
        return
    days = np.datetime_as_string(dataset["time"].values, "auto").tolist()
    if len(days) > MOST_BANDS:
        raise ValueError(
            f"GeoTIFF has {MOST_BANDS} bands at most, and the record {len(days)} "
            "epochs; use --by month"
        )
    with _raster(out / f"{name}.tif", dataset, name, days) as raster:
        for epochs, maps in map_blocks(array):
            for epoch, one in zip(range(epochs.start, epochs.stop), masked(maps)):
                raster.write(_northern_first(one), epoch + 1)
            watch(epochs.stop / len(days))


def _northern_first(values: NDArray) -> NDArray[np.float32]:
    return np.ascontiguousarray(values[::-1], np.float32)


@contextlib.contextmanager
def _raster(
    path: pathlib.Path, dataset: xr.Dataset, name: str, dates: list[str]
) -> Iterator[Any]:
    """An open GeoTIFF with its datum, units and the dates of its bands."""
    import rasterio  # pyright: ignore[reportMissingImports]

    labels, profile = dataset[name].attrs, _profile(dataset, len(dates))
    stated = ("title", "source", "institution")
    tags = {k: str(dataset.attrs[k]) for k in stated if k in dataset.attrs}
    units, meaning = str(labels.get("units", "")), str(labels.get("long_name", name))
    with (
        writing(path) as temporary,
        rasterio.open(temporary, "w", **profile) as raster,
    ):
        raster.update_tags(**tags, units=units, long_name=meaning)
        raster.units = [units] * len(dates)
        for band, date in enumerate(dates, start=1):
            raster.set_band_description(band, date or meaning)
        yield raster


def _profile(dataset: xr.Dataset, bands: int) -> dict[str, Any]:
    from rasterio.transform import (  # pyright: ignore[reportMissingImports]
        from_bounds,
    )

    lon, lat = dataset["lon"].values, dataset["lat"].values
    east, north = half_sides(dataset)
    edges = (lon[0] - east, lat[0] - north, lon[-1] + east, lat[-1] + north)
    size = len(lon), len(lat)
    return {
        "driver": "GTiff",
        "dtype": "float32",
        "count": bands,
        "width": size[0],
        "height": size[1],
        "crs": DATUM,
        "transform": from_bounds(*edges, *size),
        "nodata": np.nan,
        "compress": "deflate",
        "predictor": 3,
        "interleave": "band",
        "BIGTIFF": "IF_SAFER",
    }

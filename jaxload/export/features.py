"""Stations and cells as features with their statistics: GeoJSON and GeoParquet."""

import json
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray

from jaxload import labelled
from jaxload.export.maps import half_sides, map_blocks
from jaxload.export.opened import open_part, require, targets, writing
from jaxload.export.options import ExportOptions
from jaxload.pipeline.progress import Watch

__all__ = ["export_geojson", "export_geoparquet"]

#: Digits of degrees, a tenth of a metre, and of values.
DEGREES, DIGITS = 6, 6

#: How far a cell may reach over the date line by rounding [degrees].
EDGE = 1e-6

#: Properties by name, and what lies where.
Features = tuple[dict[str, NDArray[Any]], NDArray[Any]]


def export_geojson(
    parts: dict[str, pathlib.Path],
    out: pathlib.Path,
    what: tuple[str, ...],
    options: ExportOptions,
    watch: Watch,
) -> list[pathlib.Path]:
    """Write stations and cells with their statistics as GeoJSON.

    Args:
      parts: From `find_parts`.
      out: Where files go.
      what: "stations", "cells"; both by default, as far as there are.
      options: Whether cells of the belt are features too, and whether files that are
        there are replaced.
      watch: Called with the progress.

    Returns:
      The files.

    Raises:
      ValueError: If there is no such part, or a file cannot be written or is there.
    """
    return _export(parts, (out, "geojson", _write_geojson), what, options, watch)


def export_geoparquet(
    parts: dict[str, pathlib.Path],
    out: pathlib.Path,
    what: tuple[str, ...],
    options: ExportOptions,
    watch: Watch,
) -> list[pathlib.Path]:
    """Write stations and cells with their statistics as GeoParquet.

    Args:
      parts: As of `export_geojson`.
      out: Likewise.
      what: Likewise.
      options: Likewise.
      watch: Likewise.

    Returns:
      The files.

    Raises:
      ValueError: As `export_geojson`, or if geopandas or pyarrow are missing.
    """
    require(["geopandas", "pyarrow"], "export", "GeoParquet")
    return _export(parts, (out, "parquet", _write_parquet), what, options, watch)


def _export(
    parts: dict[str, pathlib.Path],
    where: tuple[pathlib.Path, str, Callable[[Features, pathlib.Path], None]],
    what: tuple[str, ...],
    options: ExportOptions,
    watch: Watch,
) -> list[pathlib.Path]:
    out, suffix, write = where
    chosen = what or _default(parts)
    for name in chosen:
        if name not in ("stations", "cells"):
            raise ValueError(f"{name!r} has no features; there are stations and cells")
    if options.belt and "cells" not in chosen:
        raise ValueError(
            "stations alone are exported, but --belt is about cells; add --what cells, "
            "or leave out --belt"
        )
    paths = targets(out, [f"{name}.{suffix}" for name in chosen], options.overwrite)
    for name, path in zip(chosen, paths):
        progress = lambda share, path=path: watch(path.name, share)
        part = "maps" if name == "cells" else name
        with open_part(parts, part) as dataset:
            if name == "cells":
                features = _cells(dataset, options.belt, progress)
            else:
                features = _stations(dataset)
        with writing(path) as temporary:
            write(features, temporary)
        progress(1.0)
    return paths


def _default(parts: dict[str, pathlib.Path]) -> tuple[str, ...]:
    names = ["stations"] if "stations" in parts else []
    if "maps" in parts:
        with open_part(parts, "maps") as dataset:
            names += ["cells"] if {"twsa", "gwsa"} & set(dataset.data_vars) else []
    return tuple(names)


def _stations(dataset: xr.Dataset) -> Features:
    up = dataset.up.transpose("time", "station")
    seen = np.isfinite(up.values)
    lon: Any = _turned(dataset.lon.values)
    values: dict[str, NDArray[Any]] = {
        "station": dataset.station.values.astype(str),
        **{x: dataset[x].values for x in ("lon", "lat", "height") if x in dataset},
        "lon": lon,
        "epochs": seen.sum(axis=0),
    }
    dates = np.datetime_as_string(dataset.time.values, "D")
    first = np.where(seen.any(0), dates[seen.argmax(0)], "")
    last = np.where(seen.any(0), dates[len(dates) - 1 - seen[::-1].argmax(0)], "")
    values |= {"first_day": first, "last_day": last}
    values |= _statistics(up)
    of_names = {
        "up_sigma_effective": "sigma_rms_mm",
        "leave_one_out_residual": "leave_one_out_rms_mm",
    }
    for name, key in of_names.items():
        if name in dataset:
            values[key] = _rms(dataset[name].transpose("time", "station").values)
    return values, shapely.points(lon, dataset.lat.values)


def _cells(dataset: xr.Dataset, belt: bool, watch: Callable[[float], None]) -> Features:
    name = labelled.water_name(dataset)
    inside = labelled.in_region(dataset, belt)
    row, column = np.nonzero(inside & _ever_known(dataset[name]))
    lon, lat = dataset.lon.values, dataset.lat.values
    values: dict[str, NDArray[Any]] = {"lon": _turned(lon[column]), "lat": lat[row]}
    values["in_region"] = labelled.in_region(dataset, False)[row, column]
    of_maps = labelled.seasonal_fits(dataset[name], lambda share: watch(0.8 * share))
    values |= {k: x[row, column] for k, x in _named(of_maps).items()}
    if f"{name}_sd" in dataset:
        values["sd_rms_mm"] = _rms_of_maps(dataset[f"{name}_sd"])[row, column]
    return values, _boxes(values["lon"], values["lat"], half_sides(dataset))


def _turned(lon: NDArray[np.float64]) -> NDArray[np.float64]:
    """Longitudes from -180 to 180; those that are there already stay as they are."""
    return np.where(np.abs(lon) > 180, (lon + 180) % 360 - 180, lon)


def _boxes(
    lon: NDArray[np.float64], lat: NDArray[np.float64], halves: tuple[float, float]
) -> NDArray[Any]:
    """Cells as polygons, cut in two where they cross the date line (RFC 7946)."""
    west, east = lon - halves[0], lon + halves[0]
    south, north = np.maximum(lat - halves[1], -90), np.minimum(lat + halves[1], 90)
    shapes = shapely.box(west, south, east, north)
    over = np.flatnonzero((west < -180 - EDGE) | (east > 180 + EDGE))
    for cell in over:
        first = west[cell] + 360 if west[cell] < -180 else west[cell]
        last = east[cell] - 360 if east[cell] > 180 else east[cell]
        parts = [
            shapely.box(first, south[cell], 180, north[cell]),
            shapely.box(-180, south[cell], last, north[cell]),
        ]
        shapes[cell] = shapely.MultiPolygon(parts)
    return shapes


def _ever_known(array: xr.DataArray) -> NDArray[np.bool_]:
    known = np.zeros(array.shape[1:], bool)
    for _, maps in map_blocks(array):
        known |= np.isfinite(maps).any(axis=0)
    return known


def _rms_of_maps(array: xr.DataArray) -> NDArray[np.float64]:
    total, count = np.zeros(array.shape[1:]), np.zeros(array.shape[1:])
    for _, maps in map_blocks(array):
        known = np.isfinite(maps)
        total += np.where(known, maps.astype(np.float64), 0.0).__pow__(2).sum(axis=0)
        count += known.sum(axis=0)
    return np.sqrt(total / np.where(count > 0, count, np.nan))


def _rms(values: NDArray) -> NDArray[np.float64]:
    known = np.isfinite(values)
    total = np.where(known, values.astype(np.float64), 0.0).__pow__(2).sum(axis=0)
    count = known.sum(axis=0)
    return np.sqrt(total / np.where(count > 0, count, np.nan))


def _statistics(array: xr.DataArray) -> dict[str, NDArray[np.float64]]:
    return _named(labelled.seasonal_fits(array))


def _named(fits: xr.Dataset) -> dict[str, NDArray[np.float64]]:
    """Statistics with their units in their names, as tables have no others."""
    ends = {"mm": "_mm", "mm year-1": "_mm_per_year", "day": "_days"}
    named = {}
    for name, array in fits.data_vars.items():
        end = ends.get(str(array.attrs["units"]), "")
        stem, sd = str(name).removesuffix("_sd"), str(name).endswith("_sd")
        named[f"{stem}{'_sd' if sd else ''}{end}"] = array.values
    return named


def _write_geojson(features: Features, path: pathlib.Path) -> None:
    """Write a feature a line."""
    values, places = features
    shapes = shapely.to_geojson(shapely.transform(places, lambda x: x.round(DEGREES)))
    with path.open("w", encoding="utf-8") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        for number, shape in enumerate(shapes):
            of_one = {name: _plain(column[number]) for name, column in values.items()}
            text = json.dumps(of_one, ensure_ascii=False, allow_nan=False)
            file.write(",\n" if number else "\n")
            file.write(
                f'{{"type": "Feature", "geometry": {shape}, "properties": {text}}}'
            )
        file.write("\n]}\n")


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None
    return value


def _write_parquet(features: Features, path: pathlib.Path) -> None:
    import geopandas  # pyright: ignore[reportMissingImports]

    values, places = features
    frame = geopandas.GeoDataFrame(values, geometry=list(places), crs="EPSG:4326")
    frame.to_parquet(path)

"""Water at places and over basins, from labelled maps."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from shapely import MultiPolygon, Polygon

from jaxload import config, io, sphere

__all__ = ["basin_means", "cell_sides", "in_region", "nearest_cells", "water_name"]

Outline = Polygon | MultiPolygon

#: Names of water, in the order in which they are looked for.
WATER = ("twsa", "gwsa")

#: Where cells are results, in ``cell_mask``.
REGION = 2

#: Epochs that are averaged at a time.
EPOCHS = 256

#: Why means over basins have no standard errors.
NO_ERRORS = (
    "without standard errors: maps have those of cells, but not how errors of cells "
    "go together, so that only a largest value follows; regions.nc has those of the "
    "regions of the study"
)


def water_name(dataset: xr.Dataset) -> str:
    """Find what water is called.

    Args:
      dataset: A result.

    Returns:
      "twsa", or "gwsa".

    Raises:
      ValueError: If it has neither.
    """
    for name in WATER:
        if name in dataset:
            return name
    raise ValueError(
        f"the dataset has {', '.join(map(str, dataset.data_vars)) or 'nothing'}, but "
        "neither twsa nor gwsa; name the variable that is meant"
    )


def in_region(dataset: xr.Dataset, belt: bool) -> NDArray[np.bool_]:
    """Find the cells that are results.

    Args:
      dataset: With ``cell_mask``, or without.
      belt: Whether those of the belt around the region count too.

    Returns:
      Which cells count, shape (lat, lon).
    """
    if belt or "cell_mask" not in dataset:
        return np.ones((dataset.sizes["lat"], dataset.sizes["lon"]), bool)
    return dataset.cell_mask.transpose("lat", "lon").values == REGION


def cell_sides(dataset: xr.Dataset) -> tuple[float, float]:
    """Find how wide and how high the cells of maps are.

    Args:
      dataset: Maps with the axes lon and lat.

    Returns:
      Sides in longitude and latitude [degrees]: the spacing of an axis; if it has one
      entry only, the limits of the cell, the spacing of the other axis, or that of the
      study; infinite if none of them is known.
    """
    sides = _side(dataset, "lon"), _side(dataset, "lat")
    usual = next((x for x in sides if np.isfinite(x)), _spacing_of_study(dataset))
    lon, lat = (x if np.isfinite(x) else usual for x in sides)
    return lon, lat


def _side(dataset: xr.Dataset, axis: str) -> float:
    steps = np.diff(dataset[axis].values)
    if not len(steps) and f"{axis}_bnds" in dataset:
        steps = np.diff(dataset[f"{axis}_bnds"].values)
    return float(np.abs(steps).mean()) if steps.size else np.inf


def _spacing_of_study(dataset: xr.Dataset) -> float:
    study = config.plain_settings(str(dataset.attrs.get("settings", "")))
    return float(study.get("region", {}).get("spacing", np.inf))


def nearest_cells(dataset: xr.Dataset, lon: ArrayLike, lat: ArrayLike) -> xr.Dataset:
    """Select the cells in which places lie.

    Args:
      dataset: Maps with the axes lon and lat.
      lon: Longitude [degrees], a number or shape (place,); any turn.
      lat: Latitude [degrees], likewise.

    Returns:
      The dataset at these cells, with the dimension ``place`` for several.

    Raises:
      ValueError: If a place lies outside the maps, or there are none.
    """
    _check_maps(dataset)
    lon, lat = np.asarray(lon, float), np.asarray(lat, float)
    if lon.shape != lat.shape or lon.ndim > 1:
        raise ValueError(
            f"lon has shape {lon.shape} and lat {lat.shape}; give two numbers, or two "
            "lists of one length"
        )
    axis, sides = dataset.lon.values, cell_sides(dataset)
    middle = (axis[0] + axis[-1]) / 2
    turned = middle + (lon - middle + 180) % 360 - 180
    indices = {
        "lon": _nearest(axis, turned, (sides[0], "longitude")),
        "lat": _nearest(dataset.lat.values, lat, (sides[1], "latitude")),
    }
    dims = ("place",) if lon.ndim else ()
    return dataset.isel({k: xr.DataArray(x, dims=dims) for k, x in indices.items()})


def basin_means(
    dataset: xr.Dataset,
    polygons: Mapping[str, Outline] | Outline | str | os.PathLike[str],
    name: str = "",
    belt: bool = False,
) -> xr.Dataset:
    """Average maps over basins, by the exact area of each cell in each.

    Cells of the belt around the region of the study, in which water is no result, are
    left out where the dataset has ``cell_mask``.

    Args:
      dataset: Maps with the axes lon and lat, and time or not.
      polygons: Outlines [degrees] by name, one outline, or a file of outlines.
      name: Of the variable; water by default.
      belt: Whether cells of the belt are averaged as well.

    Returns:
      The mean (time, region) in the units of the maps, the fraction of each region in
      cells that have a value at any epoch, ``coverage_fraction``, and, where the maps
      have standard errors, ``<name>_sd_largest``: the standard error if errors of all
      cells were the same, which no correlation of theirs exceeds.

    Raises:
      FileNotFoundError: If the file is missing.
      ValueError: If a region does not touch the maps, no cell of it has a value, or
        there is no such variable.
    """
    _check_maps(dataset)
    name = name or water_name(dataset)
    if name not in dataset:
        held = ", ".join(map(str, dataset.data_vars))
        raise ValueError(f"the dataset has no {name}; it has {held}")
    outlines = _outlines(polygons)
    grid = sphere.raster_grid(dataset.lon.values, dataset.lat.values)
    basins = sphere.basin_weights(grid, outlines)
    inside = in_region(dataset, belt).ravel()
    means: dict[str, Any] = {}
    kept = {k: x for k, x in dataset[name].coords.items() if _is_of_time(x)}
    for variable in (name, f"{name}_sd"):
        if variable in dataset and {"lat", "lon"} <= set(dataset[variable].dims):
            array = dataset[variable].transpose(..., "lat", "lon")
            dims = (*array.dims[:-2], "region")
            mean, known = _averaged(array, basins.weights, inside)
            if variable == name:
                means["coverage_fraction"] = _coverage(basins, known, name)
            key, about = _about(variable, name, array.attrs)
            means[key] = dims, mean, about
    return xr.Dataset(means, coords={**kept, "region": list(basins.names)})


def _is_of_time(array: xr.DataArray) -> bool:
    return bool(array.dims) and not {"lat", "lon"} & set(array.dims)


def _about(variable: str, name: str, attrs: Mapping[str, Any]) -> tuple[str, Any]:
    """What a mean is called, and its labels."""
    labels = {"units": attrs.get("units", "1")}
    if variable == name:
        meaning = f"regional mean of {attrs.get('long_name', name)}"
        return name, labels | {"long_name": meaning, "comment": NO_ERRORS}
    meaning = "largest standard error of the regional mean"
    comment = "that if errors of all cells were the same; the true one is smaller"
    return f"{variable}_largest", labels | {"long_name": meaning, "comment": comment}


def _coverage(
    basins: sphere.BasinWeights, known: NDArray[np.bool_], name: str
) -> tuple[str, NDArray[np.float64], dict[str, str]]:
    """Share of each basin in cells that have a value at any epoch."""
    covered = basins.covered * (basins.weights @ known)
    for basin, share in zip(basins.names, covered):
        if share <= 0:
            raise ValueError(
                f"{basin} has no cell with {name} in the region of the maps; check its "
                "outline, or average the belt around the region as well by belt=True"
            )
    meaning = "share of the region in cells that have a value"
    return "region", covered, {"units": "1", "long_name": meaning}


def _averaged(
    array: xr.DataArray, weights: NDArray[np.float64], inside: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Means over basins, shape (..., region), and the cells that ever have a value."""
    if array.ndim == 2:
        cells = _cells(array.values[None], inside)
        return _mean(cells, weights)[0], np.isfinite(cells[0])
    known = np.zeros(inside.shape, bool)
    parts = [np.empty((0, len(weights)))]
    for first in range(0, array.shape[0], EPOCHS):
        cells = _cells(array[first : first + EPOCHS].values, inside)
        known |= np.isfinite(cells).any(axis=0)
        parts.append(_mean(cells, weights))
    return np.concatenate(parts), known


def _cells(values: NDArray, inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Maps as rows of cells, shape (epoch, cell); NaN in cells that do not count."""
    flat = np.asarray(values, np.float64).reshape(len(values), inside.size)
    return np.where(inside, flat, np.nan)


def _mean(
    cells: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    known = np.isfinite(cells)
    total = known @ weights.T
    sums = np.where(known, cells, 0.0) @ weights.T
    return np.where(total > 0, sums / np.where(total > 0, total, 1), np.nan)


def _outlines(polygons: Any) -> dict[str, Outline]:
    if isinstance(polygons, Polygon | MultiPolygon):
        return {"region": polygons}
    if isinstance(polygons, str | os.PathLike):
        return dict(io.read_regions(polygons))
    outlines = {str(name): outline for name, outline in dict(polygons).items()}
    for name, outline in outlines.items():
        if not isinstance(outline, Polygon | MultiPolygon):
            raise ValueError(
                f"{name} is {type(outline).__name__}, expected a polygon of shapely"
            )
        if not shapely.is_valid(outline):
            raise ValueError(
                f"the outline of {name} is not valid ("
                f"{shapely.is_valid_reason(outline)}); mend it by shapely.make_valid"
            )
    return outlines


def _check_maps(dataset: xr.Dataset) -> None:
    for axis in ("lon", "lat"):
        if axis not in dataset.dims or axis not in dataset.coords:
            raise ValueError(
                f"the dataset has no axis {axis}; maps are in twsa.nc or twsa.zarr"
            )


def _nearest(
    axis: NDArray, places: NDArray, of_axis: tuple[float, str]
) -> NDArray[np.intp]:
    """Index of the cells of places, by the side of a lone cell and the axis' name."""
    side, what = of_axis
    index = np.abs(axis - places[..., None]).argmin(axis=-1)
    step = np.abs(np.diff(axis)).max(initial=0.0) or side
    outside = ~(np.abs(axis[index] - places) <= 0.5001 * step)
    if outside.any():
        raise ValueError(
            f"{what} {np.atleast_1d(places)[np.atleast_1d(outside)][0]:g} lies outside "
            f"the maps, which span {axis.min() - step / 2:g} to "
            f"{axis.max() + step / 2:g}"
        )
    return index

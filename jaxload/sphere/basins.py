"""Averages over basins whose outlines cut through cells."""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
import shapely
from jax import Array
from numpy.typing import ArrayLike, NDArray
from shapely import MultiPolygon, Polygon

from jaxload.constants import DEGREE, EARTH_RADIUS
from jaxload.sphere.grid import Grid

__all__ = ["BasinWeights", "area_mean", "basin_areas", "basin_weights"]


@dataclasses.dataclass(frozen=True, eq=False)
class BasinWeights:
    """How much of each basin lies in each cell.

    Attributes:
      names: Names of the basins.
      weights: Share of the covered part of the basin [-], shape (basin, cell); each
        row adds up to 1.
      covered: Share of the basin that the grid covers [-], shape (basin,).
    """

    names: tuple[str, ...]
    weights: NDArray[np.float64]
    covered: NDArray[np.float64]


def basin_weights(
    grid: Grid, regions: Mapping[str, Polygon | MultiPolygon]
) -> BasinWeights:
    """Intersect basins with the cells of a grid.

    Areas are exact on the sphere: outlines, straight in lon and lat, are mapped to the
    equal-area plane of lon and sin(lat), where a cell is a rectangle again. A basin
    may be given on another turn of longitude than the grid.

    Args:
      grid: The grid.
      regions: Outline of each basin [degrees] by name.

    Returns:
      The weights; a basin that is partly covered is averaged over that part.

    Raises:
      ValueError: If there is no basin, or one does not touch the grid.
    """
    if not regions:
        raise ValueError("regions are empty; give at least one basin by name")
    cells = _cells(grid)
    tree = shapely.STRtree(cells)
    rows, covered = [], []
    for name, region in regions.items():
        basin = _equal_area(region, grid.spacing)
        overlap = _overlap(tree, cells, basin)
        total = overlap.sum()
        if total <= 0:
            raise ValueError(f"basin {name} does not touch {_extent(grid)}")
        rows.append(overlap / total)
        covered.append(min(total / basin.area, 1.0))
    return BasinWeights(tuple(regions), np.stack(rows), np.array(covered))


def basin_areas(
    regions: Mapping[str, Polygon | MultiPolygon],
) -> NDArray[np.float64]:
    """Compute the areas of basins on the sphere.

    Args:
      regions: Outline of each [degrees] by name.

    Returns:
      Areas [km2], shape (basin,).
    """
    solid = [_equal_area(region, 1.0).area for region in regions.values()]
    return np.array(solid) * (EARTH_RADIUS / 1e3) ** 2


def _cells(grid: Grid) -> NDArray:
    """Cells as rectangles in the equal-area plane, shape (cell,)."""
    half = grid.spacing / 2
    south, north = (np.sin((grid.lat + d) * DEGREE) for d in (-half, half))
    west, east = ((grid.lon + d) * DEGREE for d in (-half, half))
    return shapely.box(west, south, east, north)


def _equal_area(
    region: Polygon | MultiPolygon, spacing: float
) -> Polygon | MultiPolygon:
    """A region in the plane of lon [rad] and sin(lat) [-]."""
    # An edge straight in lat bends there: by step^2 / 8, under 1e-6 of a cell.
    fine = shapely.segmentize(region, min(spacing, 0.25) / 4)
    return shapely.transform(
        fine, lambda x: np.column_stack([x[:, 0] * DEGREE, np.sin(x[:, 1] * DEGREE)])
    )


def _overlap(
    tree: shapely.STRtree, cells: NDArray, basin: Polygon | MultiPolygon
) -> NDArray[np.float64]:
    """Area of each cell inside a basin, on whichever turn of longitude [sr]."""
    area = np.zeros(len(cells))
    for turns in range(-2, 3):
        east = 2 * np.pi * turns
        moved = shapely.transform(basin, lambda x, t=east: x + np.array([t, 0.0]))
        touched = tree.query(moved, predicate="intersects")
        shapely.prepare(moved)
        whole = shapely.contains_properly(moved, cells[touched])
        area[touched[whole]] += shapely.area(cells[touched[whole]])
        cut = touched[~whole]
        area[cut] += shapely.area(shapely.intersection(cells[cut], moved))
    return area


def _extent(grid: Grid) -> str:
    lon, lat = grid.lon_axis, grid.lat_axis
    return (
        f"the grid, which spans {lon[0]:g} to {lon[-1]:g} in lon and {lat[0]:g} to "
        f"{lat[-1]:g} in lat; is its outline elsewhere, or lon and lat swapped?"
    )


def area_mean(weights: ArrayLike, values: ArrayLike) -> Array:
    """Average values of cells over basins; differentiable.

    Args:
      weights: Share of each cell in each basin [-], shape (basin, cell).
      values: Values, shape (..., cell); NaN cells are left out, and the others count
        for them.

    Returns:
      The averages in the dtype of `values`, shape (..., basin); NaN where a basin has
      no cell with a value.

    Raises:
      ValueError: If the numbers of cells differ.
    """
    values = jnp.asarray(values)
    weights = jnp.asarray(weights, dtype=values.dtype)
    if values.shape[-1:] != weights.shape[-1:]:
        raise ValueError(
            f"values have shape {values.shape}, but weights {weights.shape}; cells are "
            "the last axis of both"
        )
    return _area_mean(weights, values)


@jax.jit
def _area_mean(weights: Array, values: Array) -> Array:
    seen = jnp.isfinite(values)
    total = _average(weights, jnp.where(seen, values, jnp.zeros_like(values)))
    share = _average(weights, seen.astype(values.dtype))
    some = share > 0
    mean = total / jnp.where(some, share, jnp.ones_like(share))
    return jnp.where(some, mean, jnp.full_like(mean, jnp.nan))


def _average(weights: Array, values: Array) -> Array:
    return jnp.einsum(
        "bc,...c->...b", weights, values, precision=jax.lax.Precision.HIGHEST
    )

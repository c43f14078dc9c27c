"""Fractions of a region that the cells and the references cover."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray

from jaxload import sphere
from jaxload.pipeline.inputs.observations import Outline

__all__ = [
    "covered_by_values",
    "describe_coverage",
    "inside_grid",
    "warn_of_coverage",
]

logger = logging.getLogger(__name__)

#: Share of a region below which its mean may be that of another place.
ENOUGH = 0.9

#: Whole turns by which an outline and a grid may differ in longitude.
TURNS = range(-2, 3)


def inside_grid(
    outlines: Mapping[str, Outline], grid: sphere.Grid
) -> dict[str, Outline]:
    """Cut regions off at the outline of all cells.

    Args:
      outlines: Regions by name, on any turn of longitude.
      grid: The cells.

    Returns:
      The part of each region that lies on a cell, on the turn of the cells.
    """
    half = grid.spacing / 2
    west, south, east, north = (
        axis + side for side in (-half, half) for axis in (grid.lon, grid.lat)
    )
    cells = shapely.union_all(shapely.box(west, south, east, north))
    return {name: _inside(shape, cells) for name, shape in outlines.items()}


def _inside(shape: Outline, cells: shapely.Geometry) -> Outline:
    pieces = []
    for turn in TURNS:
        moved = shapely.transform(
            shape, lambda vertex, east=360.0 * turn: vertex + np.array([east, 0.0])
        )
        pieces.append(shapely.intersection(moved, cells))
    whole = shapely.get_parts(shapely.union_all(pieces))
    return shapely.MultiPolygon([p for p in whole if isinstance(p, shapely.Polygon)])


def covered_by_values(
    fields: NDArray, raster: sphere.Grid, outlines: Mapping[str, Outline]
) -> NDArray[np.float64]:
    """Find how much of each region has values.

    Args:
      fields: Values, shape (epoch, cell); NaN if missing.
      raster: Their cells.
      outlines: Regions by name.

    Returns:
      Share of the area of each [-], shape (region,), the mean of all epochs that have
      a value somewhere; NaN if none has.
    """
    weights = sphere.basin_weights(raster, outlines)
    known = np.isfinite(fields)
    known = known[known.any(axis=1)]
    if not len(known):
        return np.full(len(weights.names), np.nan)
    share = known.mean(axis=0) @ weights.weights.T
    return np.minimum(share * weights.covered, 1.0)


def warn_of_coverage(what: str, names: Iterable[str], share: NDArray) -> None:
    """Warn of regions of which a part is missing that may matter.

    Args:
      what: What covers them, for the message.
      names: Of the regions.
      share: Of each that is covered [-], shape (region,).
    """
    for name, part in zip(names, share):
        if part < ENOUGH:
            logger.warning(
                "%s covers only %.1f%% of region %s; its mean is that of this part",
                what,
                100 * part,
                name,
            )


def describe_coverage(regions: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Gather the fractions of each region that cells and references cover.

    Args:
      regions: From `region_means`.

    Returns:
      Shares by region, for "cells", and "grace" and "land_model" where there are.
    """
    names = list(map(str, regions.region.values))
    variables = {
        "cells": "coverage_fraction",
        "grace": "twsa_grace_coverage_fraction",
        "land_model": "tws_land_model_coverage_fraction",
    }
    return {
        what: dict(zip(names, map(float, regions[variable].values)))
        for what, variable in variables.items()
        if variable in regions
    }

"""Grids of the globe that end before its poles, carried on without mass."""

import logging

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import io

__all__ = ["to_poles"]

logger = logging.getLogger(__name__)

#: Share of the land, without Antarctica, or of the sea that may lie beyond a grid [-].
BEYOND = {"soil": 0.05, "ocean": 0.15}

#: Latitude south of which land is Antarctica [degrees].
ANTARCTICA = -60.0


def to_poles(grid: xr.Dataset, kind: str, name: str) -> xr.Dataset:
    """Carry a grid on to the poles with rows without data.

    Models of land end at 60 S, before Antarctica, and altimeters before the poles.

    Args:
      grid: Fields all around the globe.
      kind: "soil" or "ocean"; grids of other loads are returned as they are.
      name: What the study calls it, for messages.

    Returns:
      The grid, with rows to both poles; as it was if it reaches them, or leaves out
      more than a grid of the globe does.
    """
    lat = grid.lat.values
    if kind not in BEYOND or len(lat) < 2:
        return grid
    step = float(np.diff(lat).max())
    south = np.arange(lat[0] - step, -90 - step / 4, -step)[::-1]
    north = np.arange(lat[-1] + step, 90 + step / 4, step)
    if not len(south) and not len(north):
        return grid
    beyond = _beyond(kind, lat[0] - step / 2, lat[-1] + step / 2)
    if beyond > BEYOND[kind]:
        return grid
    logger.warning(
        "%s spans %g to %g in lat: what lies beyond, %.1f%% of the %s, carries nothing",
        name,
        lat[0] - step / 2,
        lat[-1] + step / 2,
        100 * beyond,
        "land without Antarctica" if kind == "soil" else "sea",
    )
    return grid.reindex(lat=np.concatenate([south, lat, north]))


def _beyond(kind: str, south: float, north: float) -> float:
    """Share of the land or sea that lies beyond two parallels [-]."""
    land = io.read_land()["land"]
    lat: NDArray[np.float64] = land["lat"].values
    share = land.mean("lon").values
    share = np.where(lat < ANTARCTICA, 0, share) if kind == "soil" else 1 - share
    weight = share * np.cos(np.radians(lat))
    outside = (lat < south) | (lat > north)
    return float(weight[outside].sum() / weight.sum())

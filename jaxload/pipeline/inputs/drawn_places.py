"""Stations and other places of which figures show series."""

import logging
from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from jaxload import sphere
from jaxload.pipeline.messages import listed

__all__ = ["nearest_places", "stations_to_draw"]

logger = logging.getLogger(__name__)

#: Stations that are chosen where a study names none.
CHOSEN = 3


def stations_to_draw(names: Sequence[str], gnss: xr.Dataset) -> list[str]:
    """Choose stations of which series are drawn.

    Args:
      names: Those that a study names, of which absent ones are warned of.
      gnss: With `lon`, `lat` and heights `up`, dimensions (time, station).

    Returns:
      Their names; where none is named, of the half of the stations with most heights
      the one with most, and then twice the one farthest from those chosen.
    """
    there = [str(name) for name in gnss.station.values]
    absent = [name for name in names if name not in there]
    if absent:
        logger.warning(
            "figures.stations names %s, no station of the result; figures leave %s out",
            listed(absent),
            "it" if len(absent) == 1 else "them",
        )
    named = [name for name in names if name in there]
    if named:
        return named
    count = np.isfinite(gnss.up.transpose("time", "station").values).sum(axis=0)
    order = np.argsort(-count, kind="stable")[: max(len(there) // 2, CHOSEN)]
    places = np.asarray(sphere.unit_vectors(gnss.lon.values, gnss.lat.values))[order]
    chosen = [0]
    for _ in range(min(CHOSEN, len(order)) - 1):
        apart = 1 - (places @ places[chosen].T).max(axis=1)
        chosen.append(int(np.argmax(apart)))
    return [there[order[row]] for row in chosen]


def nearest_places(
    places: tuple[ArrayLike, ArrayLike], lon: ArrayLike, lat: ArrayLike
) -> NDArray[np.intp]:
    """Find the nearest of some places.

    Args:
      places: Longitudes and latitudes to choose from [degrees], shape (place,) each.
      lon: Longitudes [degrees], shape (point,).
      lat: Latitudes [degrees], shape (point,).

    Returns:
      Number of the nearest place, shape (point,).
    """
    of_places, of_points = (
        np.asarray(sphere.unit_vectors(np.asarray(x), np.asarray(y)))
        for x, y in (places, (lon, lat))
    )
    return np.argmax(of_points @ of_places.T, axis=1)

"""Places at which weather is read, and what a place takes from the nearest other."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from jaxload import sphere
from jaxload.pipeline.messages import listed

__all__ = ["WeatherPlaces", "named_places", "nearest_known"]

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class WeatherPlaces:
    """Places at which weather is read.

    Attributes:
      name: For messages, shape (place,).
      lon: Longitude [degrees], shape (place,).
      lat: Latitude [degrees], shape (place,).
      nearest: Whether places without any weather, as land-surface models leave the sea,
        take that of the nearest place which has some.
    """

    name: Sequence[str]
    lon: Floats
    lat: Floats
    nearest: bool = False


def named_places(places: WeatherPlaces, which: NDArray[np.bool_]) -> str:
    """Name some places, with their number.

    Args:
      places: All of them.
      which: Which are meant, shape (place,).

    Returns:
      Such as "2 of 40 places: G001 (100.5 E, 24.5 N), G002 (101.5 E, 24.5 N)".
    """
    rows = np.flatnonzero(which).tolist()
    names = [
        f"{places.name[i]} ({places.lon[i]:g} E, {places.lat[i]:g} N)" for i in rows
    ]
    return f"{len(rows)} of {len(which)} places: {listed(names)}"


def nearest_known(
    places: WeatherPlaces, known: NDArray[np.bool_]
) -> NDArray[np.integer]:
    """Find for every place the nearest that has data.

    Args:
      places: The places.
      known: Which have data, shape (place,); at least one.

    Returns:
      Indices of places, each place that has data its own, shape (place,).
    """
    chosen = np.arange(len(known))
    if known.all():
        return chosen
    tree = KDTree(np.asarray(sphere.unit_vectors(places.lon[known], places.lat[known])))
    where = np.asarray(sphere.unit_vectors(places.lon[~known], places.lat[~known]))
    chosen[~known] = np.flatnonzero(known)[tree.query(where)[1]]
    return chosen

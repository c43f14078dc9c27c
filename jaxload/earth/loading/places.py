"""Where the ground moves, and in which direction."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from jaxload.constants import DEGREE

__all__ = [
    "COMPONENTS",
    "Places",
    "check_components",
    "coordinates",
    "local_frames",
    "responses_of",
]

#: Components of displacement, each positive in the direction of its name.
COMPONENTS = ("up", "north", "east")


class Places(Protocol):
    """Anything with coordinates: a `Grid`, a Dataset of stations, a named tuple."""

    @property
    def lon(self) -> Any:
        """Longitude [degrees], shape (place,)."""

    @property
    def lat(self) -> Any:
        """Latitude [degrees], shape (place,)."""


def check_components(components: Sequence[str]) -> tuple[str, ...]:
    """Check that components are some of `COMPONENTS`, each once.

    Args:
      components: Names, in the order wanted.

    Returns:
      The same as a tuple.

    Raises:
      ValueError: If they are none, unknown or repeated, or a string.
    """
    if isinstance(components, str):
        raise ValueError(
            f"components is the string {components!r}, expected a tuple; "
            f"write ({components!r},)"
        )
    components = tuple(components)
    if not components:
        raise ValueError(f"components is empty, expected some of {COMPONENTS}")
    for component in components:
        if component not in COMPONENTS:
            raise ValueError(
                f"components holds {component!r}, expected some of {COMPONENTS}"
            )
    if len(set(components)) < len(components):
        raise ValueError(f"components is {components}, expected each at most once")
    return components


def responses_of(components: tuple[str, ...]) -> tuple[str, ...]:
    """Name the responses of the Earth that components are made of.

    Args:
      components: From `check_components`.

    Returns:
      "uplift" for "up", "tangential" for "north" and "east".
    """
    uplift = ("uplift",) if "up" in components else ()
    return uplift + (("tangential",) if set(components) - {"up"} else ())


def coordinates(name: str, places: Places) -> NDArray[np.float64]:
    """Take lon and lat of places and check them.

    Args:
      name: What the places are, as the subject of a message.
      places: The places.

    Returns:
      Longitude and latitude [degrees], shape (2, place).

    Raises:
      ValueError: If coordinates are missing, not finite or out of range.
    """
    lon, lat = (np.asarray(axis, np.float64) for axis in (places.lon, places.lat))
    if lon.ndim != 1 or lon.shape != lat.shape or lon.size == 0:
        raise ValueError(
            f"{name} has lon of shape {lon.shape} and lat of shape {lat.shape}, "
            "expected one of each per place"
        )
    # Written so that a NaN fails it.
    fine = (np.abs(lat) <= 90) & (np.abs(lon) <= 360)
    if not fine.all():
        worst = np.flatnonzero(~fine)[0]
        raise ValueError(
            f"{name} has lon {lon[worst]:g}, lat {lat[worst]:g} at index {worst}, "
            "expected degrees, lat within 90 and lon within 360; are they swapped?"
        )
    return np.stack([lon, lat])


def local_frames(lon: NDArray[Any], lat: NDArray[Any]) -> NDArray[np.float64]:
    """Unit vectors up, north and east at places, in the order of `COMPONENTS`.

    At a pole north and east are those of the meridian that `lon` names.

    Args:
      lon: Longitude [degrees], shape (place,).
      lat: Latitude [degrees], shape (place,).

    Returns:
      Cartesian unit vectors [-], shape (place, component, 3).
    """
    # In NumPy: under a jit the matrix may be traced, but never where its places are.
    lon, lat = np.asarray(lon) * DEGREE, np.asarray(lat) * DEGREE
    zero = np.zeros_like(lon)
    outward = np.stack([np.cos(lon), np.sin(lon), zero], axis=-1)
    axis = np.stack([zero, zero, zero + 1], axis=-1)
    level, rise = np.cos(lat)[:, None], np.sin(lat)[:, None]
    east = np.stack([-np.sin(lon), np.cos(lon), zero], axis=-1)
    up, north = level * outward + rise * axis, level * axis - rise * outward
    return np.stack([up, north, east], axis=1)

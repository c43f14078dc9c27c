"""The ellipsoid WGS 84 and the local north, east and up on it."""

import numpy as np
from numpy.typing import NDArray

from jaxload.io.gnss.sites import Site

__all__ = ["geodetic", "local_axes", "metres_per_degree"]

#: WGS 84: equatorial radius [m] and squared eccentricity (NIMA TR8350.2, 2000).
RADIUS = 6378137.0
ECCENTRICITY = 6.69437999014e-3


def local_axes(site: Site) -> NDArray[np.float64]:
    """Find the unit vectors to the north, east and up.

    Args:
      site: Where.

    Returns:
      Them as rows in geocentric coordinates, shape (3, 3).
    """
    lon, lat = np.radians([site.lon, site.lat])
    return np.array(
        [
            [-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)],
            [-np.sin(lon), np.cos(lon), 0.0],
            [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)],
        ]
    )


def metres_per_degree(site: Site) -> dict[str, float]:
    """Find the lengths of a degree at a site.

    Args:
      site: Where.

    Returns:
      Metres in a degree of latitude ("north") and of longitude ("east"), and 1 for
      "up", which is in metres.
    """
    lat = np.radians(site.lat)
    bend = 1 - ECCENTRICITY * np.sin(lat) ** 2
    across = RADIUS / np.sqrt(bend)
    along = RADIUS * (1 - ECCENTRICITY) / bend**1.5
    height = 0.0 if np.isnan(site.height) else site.height
    north = np.radians(1.0) * (along + height)
    east = np.radians(1.0) * (across + height) * np.cos(lat)
    return {"north": float(north), "east": float(east), "up": 1.0}


def geodetic(position: NDArray[np.float64]) -> Site:
    """Find where on the ellipsoid WGS 84 a geocentric position is.

    Args:
      position: x, y, z [m].

    Returns:
      Longitude, latitude and height; exact to a micrometre near the surface.

    Source:
      Bowring (1976), Transformation from spatial to geographical coordinates, Survey
      Review 23 (181), 323-327, doi:10.1179/sre.1976.23.181.323.
    """
    x, y, z = position
    axis = np.hypot(x, y)
    polar = np.sqrt(1 - ECCENTRICITY)
    # Bowring's auxiliary angle, improved once.
    angle = np.arctan2(z, polar * axis)
    for _ in range(2):
        above = z + ECCENTRICITY / polar * RADIUS * np.sin(angle) ** 3
        beside = axis - ECCENTRICITY * RADIUS * np.cos(angle) ** 3
        angle = np.arctan2(polar * above, beside)
    lat = np.arctan2(np.sin(angle), polar * np.cos(angle))
    normal = RADIUS / np.sqrt(1 - ECCENTRICITY * np.sin(lat) ** 2)
    height = axis * np.cos(lat) + z * np.sin(lat) - RADIUS**2 / normal
    return Site(
        float(np.degrees(np.arctan2(y, x))), float(np.degrees(lat)), float(height)
    )

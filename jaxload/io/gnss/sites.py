"""Where a station stands."""

import dataclasses
import math
import re

from jaxload.constants import EARTH_RADIUS

__all__ = ["Site", "check_site", "distance_km", "short_name"]


@dataclasses.dataclass(frozen=True)
class Site:
    """Where one station stands.

    Attributes:
      lon: Longitude [degrees], -180 to 180.
      lat: Latitude [degrees].
      height: Height above the ellipsoid [m]; NaN if unknown.
    """

    lon: float
    lat: float
    height: float


def short_name(station: str) -> str:
    """Write a station's name in the shortest of the ways in use.

    ``ABCD00FRA``, ``ABCD_GPS`` and ``abcd`` are one station, as are ``0842`` and
    ``000842``.

    Args:
      station: The name.
    """
    name = station.upper().removesuffix("_GPS")
    if re.fullmatch(r"[A-Z0-9]{4}[0-9]{2}[A-Z]{3}", name):
        return name[:4]
    return (name.lstrip("0") or name) if name.isdecimal() else name


def distance_km(one: Site, other: Site) -> float:
    """Find how far two places are apart along the surface, heights aside.

    Args:
      one: One place.
      other: The other.

    Returns:
      The distance [km] on a sphere.
    """
    lat, lon, other_lat, other_lon = map(
        math.radians, (one.lat, one.lon, other.lat, other.lon)
    )
    half = math.sin((other_lat - lat) / 2) ** 2
    half += math.cos(lat) * math.cos(other_lat) * math.sin((other_lon - lon) / 2) ** 2
    return 2e-3 * EARTH_RADIUS * math.asin(math.sqrt(min(half, 1.0)))


def check_site(lon: float, lat: float, height: float, where: str) -> Site:
    """Check a position and bring its longitude to -180..180.

    Args:
      lon: Longitude [degrees], -360 to 360.
      lat: Latitude [degrees].
      height: Height [m]; NaN if unknown.
      where: File and line or station, for the message.

    Returns:
      The position.

    Raises:
      ValueError: If it is not on the Earth.
    """
    if not abs(lat) <= 90:
        swapped = "; are lon and lat swapped?" if abs(lon) <= 90 else ""
        raise ValueError(f"{where}: lat is {lat:g}, expected -90 to 90{swapped}")
    if not abs(lon) <= 360:
        raise ValueError(f"{where}: lon is {lon:g}, expected -360 to 360 degrees")
    inside = abs(lon) <= 180
    return Site(lon if inside else (lon + 180) % 360 - 180, lat, height)

"""Where a station stands."""

import dataclasses
import math
import re
from collections.abc import Sequence

from jaxload.constants import EARTH_RADIUS
from jaxload.io.text.words import parse_number

__all__ = ["Site", "check_site", "distance_km", "short_name", "site_of_angles"]


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


def site_of_angles(words: Sequence[str], where: str) -> Site:
    """Make a position of the seven last words of a line of SITE/ID in SINEX.

    Args:
      words: Longitude and latitude in degrees, minutes and seconds each, and height
        [m].
      where: File and line, for messages.

    Returns:
      The position.

    Raises:
      ValueError: If a word is no number, or it is not on the Earth.
    """
    *angles, height = (parse_number(word, "a coordinate", where) for word in words)
    lon, lat = (_degrees(*angles[i : i + 3]) for i in (0, 3))
    return check_site(lon, lat, height, where)


def _degrees(degrees: float, minutes: float, seconds: float) -> float:
    # Of -0 degrees the sign still counts.
    return math.copysign(abs(degrees) + minutes / 60 + seconds / 3600, degrees)


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

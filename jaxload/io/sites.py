"""Where stations stand: the sites file and its checks."""

import dataclasses
import pathlib

import numpy as np

from jaxload.io.text import data_lines, parse_number, read_lines

__all__ = ["Site", "check_site", "read_sites"]


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


def read_sites(path: str | pathlib.Path) -> dict[str, Site]:
    """Read station positions from lines of ``NAME lon lat [height]``.

    Lines that are blank or begin with ``#`` or ``%`` are left out.

    Args:
      path: The sites file.

    Returns:
      The position of each station, by upper-cased name, in the order of the file.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If a line does not parse, a position is impossible, or a station
        stands in two places. The message names the line.
    """
    path = pathlib.Path(path)
    sites: dict[str, Site] = {}
    for number, line in data_lines(read_lines(path)):
        name, site = _parse_site(line, f"{path} line {number}")
        if sites.setdefault(name, site) != site:
            raise ValueError(
                f"{path} line {number}: {name} stands elsewhere on an earlier line; "
                "keep one of the two"
            )
    if not sites:
        raise ValueError(f"{path} holds no stations; expected NAME lon lat [height]")
    return sites


def _parse_site(line: str, where: str) -> tuple[str, Site]:
    name, *fields = line.split()
    if len(fields) not in (2, 3):
        raise ValueError(
            f"{where} has {len(fields) + 1} columns, expected NAME lon lat [height]"
        )
    numbers = [
        parse_number(token, column, where)
        for token, column in zip(fields, ("lon", "lat", "height"))
    ]
    lon, lat, height = (*numbers, np.nan)[:3]
    return name.upper(), check_site(lon, lat, height, where)


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

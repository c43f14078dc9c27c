"""Series, places and steps of stations from the Nevada Geodetic Laboratory."""

import re
from collections.abc import Sequence

from jaxload.fetch.hosts import HOSTS
from jaxload.fetch.remote_files import RemoteFile

__all__ = ["SearchBox", "site_file", "stations_in", "step_file", "tenv3_files"]

#: West, south, east and north [degrees].
SearchBox = tuple[float, float, float, float]

#: Names of stations: of four letters and digits.
NAME = re.compile(r"[A-Z0-9]{4}", re.A)


def site_file() -> RemoteFile:
    """Name the list of all stations and their places.

    Returns:
      The file, "llh.out", of lines with name, latitude, longitude and height.
    """
    return RemoteFile(f"{HOSTS['ngl'].address}/NGLStationPages/llh.out", "llh.out")


def step_file() -> RemoteFile:
    """Name the list of steps by changes of equipment and earthquakes.

    Returns:
      The file, "steps.txt".
    """
    return RemoteFile(f"{HOSTS['ngl'].address}/NGLStationPages/steps.txt", "steps.txt")


def tenv3_files(stations: Sequence[str], frame: str = "IGS20") -> list[RemoteFile]:
    """Name the series of stations.

    Args:
      stations: Names of four letters.
      frame: Reference frame, "IGS20"; or "IGS14", which is not continued.

    Returns:
      Files in "gnss".

    Raises:
      ValueError: If a name is none, or the frame is another.
    """
    folders = {"IGS20": "IGS20/tenv3/IGS20", "IGS14": "tenv3/IGS14"}
    if frame not in folders:
        raise ValueError(f"frame is {frame!r}, expected {' or '.join(folders)}")
    names = [name.strip().upper() for name in stations]
    wrong = [name for name in names if not NAME.fullmatch(name)]
    if wrong:
        raise ValueError(
            f"{wrong[0]!r} is no name of a station of the {HOSTS['ngl'].centre}, which "
            "have four letters and digits"
        )
    base = f"{HOSTS['ngl'].address}/gps_timeseries/{folders[frame]}"
    return [
        RemoteFile(f"{base}/{name}.tenv3", f"gnss/{name}.tenv3")
        for name in dict.fromkeys(names)
    ]


def stations_in(text: str, box: SearchBox) -> list[str]:
    """List the stations in a box.

    Args:
      text: Content of the file of `site_file`.
      box: West, south, east and north [degrees]; across the date line where west is
        larger than east.

    Returns:
      Their names, sorted.

    Raises:
      ValueError: If the file has no stations, or none stands in the box.
    """
    west, south, east, north = box
    names, count = [], 0
    for line in text.splitlines():
        words = line.split()
        if len(words) < 3 or not NAME.fullmatch(words[0]):
            continue
        try:
            lat, lon = float(words[1]), float(words[2])
        except ValueError:
            continue
        count += 1
        across = (lon - west) % 360 <= (east - west) % 360 or east - west >= 360
        if south <= lat <= north and across:
            names.append(words[0])
    if not count:
        raise ValueError(
            "the list of stations, llh.out, has no lines of name, lat and lon; try "
            "again later, or name stations"
        )
    if not names:
        raise ValueError(
            f"none of {count} stations stands between {west:g} and {east:g} degrees "
            f"east, {south:g} and {north:g} degrees north; check the box"
        )
    return sorted(names)

"""Displacement by loads of air, ocean and land, of ESMGFZ at places."""

import urllib.parse
from collections.abc import Mapping, Sequence

from jaxload.fetch.hosts import HOSTS
from jaxload.fetch.periods import parse_days
from jaxload.fetch.remote_files import RemoteFile

__all__ = ["LOADS", "load_files"]

#: Loads: air, ocean bottom pressure, water on land, and the sea level that follows.
LOADS = ("NTAL", "NTOL", "HYDL", "SLEL")

#: First day of those on the repository's entries "2000-now".
BEGIN = "2000-01-01"


def load_files(
    places: Mapping[str, tuple[float, float]],
    loads: Sequence[str],
    days: tuple[str, str],
    frame: str = "CF",
) -> list[RemoteFile]:
    """Name series of displacement at places.

    Args:
      places: Longitude and latitude [degrees] by the name of a station.
      loads: Of `LOADS`.
      days: First and last day, ISO.
      frame: "CF" or "CM".

    Returns:
      Files in "loads", of time and displacement up, north and east [m].

    Raises:
      ValueError: If a load or the frame is none, a day is missing or none, or the
        days are in the wrong order or outside of what is there.
    """
    for load in loads:
        if load not in LOADS:
            raise ValueError(f"load is {load!r}, expected some of {', '.join(LOADS)}")
    if frame not in ("CF", "CM"):
        raise ValueError(f"frame is {frame!r}, expected CF or CM")
    if not all(days):
        raise ValueError("loads need --start and --end, as 2015-01-31")
    first, last = parse_days(days, BEGIN, "loads of ESMGFZ")
    days = first.isoformat(), last.isoformat()
    return [
        RemoteFile(_address(load, place, days, frame), f"loads/{load}.{name}.csv")
        for load in loads
        for name, place in places.items()
    ]


def _address(
    load: str, place: tuple[float, float], days: tuple[str, str], frame: str
) -> str:
    """Where the repository extracts a series, as its form for points does."""
    query = {
        "submit": "Get Point",
        "output": "data.gridaspoint",
        "location.latitude": f"{place[1]:.4f}",
        "location.longitude": f"{place[0]:.4f}",
        "format": "csv",
        "calendar": "proleptic_gregorian",
        "fromdate": f"{days[0]} 00:00:00 UTC",
        "todate": f"{days[1]} 23:59:59 UTC",
        "variable": "duV,duNS,duEW",
    }
    entry = (
        f"repository/entry/show/Home/Elastic+Surface+Loading/{load}/{frame}/2000-now"
    )
    words = urllib.parse.urlencode(query, quote_via=urllib.parse.quote)
    return f"{HOSTS['esmgfz'].address}/{entry}?{words}"

"""Polygons in GMT's multi-segment text, with labels and OGR attributes."""

import csv
import dataclasses
import pathlib
import re
from collections.abc import Iterator, Sequence

import numpy as np

from jaxload.io.text import parse_number

__all__ = ["Ring", "read_rings"]

_LABEL = re.compile(r"""-L(?:"([^"]*)"|'([^']*)'|(\S+))""")


@dataclasses.dataclass
class Ring:
    """One segment of a file.

    Attributes:
      line: Number of the line of its first vertex.
      lon: Longitudes [degrees].
      lat: Latitudes [degrees].
      properties: What the header of its polygon says: the label, as ``name``, and
        attributes; those of the polygon that it is a hole of, for a hole.
    """

    line: int
    lon: list[float]
    lat: list[float]
    properties: dict[str, str]


def read_rings(path: pathlib.Path, lines: Sequence[str]) -> Iterator[Ring]:
    """Read rings set apart by blank, ``>`` or ``NaN NaN`` lines.

    Labels are read of segment headers (``> -L"Upper Basin"``), attributes of the
    comments that OGR writes (``# @Nname|id``, ``# @D"Upper Basin"|3``, ``# @H``).

    Args:
      path: The file, for the messages.
      lines: Its lines.

    Yields:
      The rings, in order.

    Raises:
      ValueError: If a line is no vertex.
    """
    names: list[str] = []
    properties: dict[str, str] = {}
    previous: dict[str, str] = {}
    ring = Ring(0, [], [], properties)
    for number, line in enumerate(lines, start=1):
        fields = line.replace(",", " ").split()
        if fields and fields[0].startswith(("#", "%")):
            names, ring.properties = _attributes(line, names, ring.properties, previous)
        elif _separates(fields):
            if ring.lon:
                yield ring
                previous = ring.properties
            ring = Ring(0, [], [], _label(line))
        else:
            lon, lat = _vertex(fields, f"{path} line {number}")
            ring.line = ring.line or number
            ring.lon.append(lon)
            ring.lat.append(lat)
    if ring.lon:
        yield ring


def _separates(fields: Sequence[str]) -> bool:
    return (
        not fields
        or fields[0].startswith(">")
        or all(field.lower() == "nan" for field in fields)
    )


def _label(line: str) -> dict[str, str]:
    found = _LABEL.search(line) if line.lstrip().startswith(">") else None
    return {"name": next(x for x in found.groups() if x is not None)} if found else {}


def _attributes(
    line: str, names: list[str], properties: dict[str, str], previous: dict[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Names of attributes and their values, after one more comment."""
    for key, text in re.findall(r"@([NDH])([^@]*)", line):
        if key == "H":
            properties = previous
            continue
        values = next(csv.reader([text.strip()], delimiter="|"), [])
        if key == "N":
            names = values
        else:
            properties = properties | dict(zip(names, values))
    return names, properties


def _vertex(fields: Sequence[str], where: str) -> tuple[float, float]:
    if len(fields) != 2:
        raise ValueError(f"{where} has {len(fields)} columns, expected 2: lon lat")
    lon, lat = (parse_number(*pair, where) for pair in zip(fields, ("lon", "lat")))
    if np.isnan(lon) or np.isnan(lat):
        raise ValueError(f"{where} has half a vertex; expected lon lat or NaN NaN")
    return lon, lat

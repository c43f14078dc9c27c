"""Outlines as well-known text: one geometry a line, or in a column of a table."""

import pathlib
import re
from collections.abc import Iterator, Sequence

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from jaxload.io.outlines.features import Feature
from jaxload.io.text.words import split_quoted, width_error

__all__ = ["is_wkt", "read_wkt_features"]

GEOMETRY = (
    r"(?:SRID\s?=\s?\d{1,9}\s?;\s?)?"
    r"(?:MULTI)?(?:POLYGON|LINESTRING|POINT|GEOMETRYCOLLECTION)"
    r"\s{0,9}(?:Z?M?\s{0,9}\(|EMPTY)"
)
_BEGIN = re.compile(GEOMETRY, re.IGNORECASE)
_SRID = re.compile(r"SRID\s?=\s?(\d{1,9})\s?;", re.IGNORECASE)

#: What tables call the column.
COLUMNS = ("wkt", "wkt_geom", "the_geom", "geom", "geometry")


def is_wkt(lines: Sequence[str]) -> bool:
    """Whether lines are well-known text, or a table with a column of it.

    Args:
      lines: Of a file.
    """
    there = [line for line in lines[:50] if line.strip()][:1]
    return bool(there and (_begins(there[0]) or _column(there[0])))


def _begins(line: str) -> bool:
    return _BEGIN.match(line.lstrip(' \t"')) is not None


def _column(header: str) -> tuple[str, int] | None:
    """The delimiter of a header, and the place of the column of geometries."""
    for mark in "\t;,":
        names = [name.strip(' "').lower() for name in header.split(mark)]
        place = next((n for n, name in enumerate(names) if name in COLUMNS), None)
        if place is not None:
            return mark, place
    return None


def read_wkt_features(
    path: pathlib.Path, lines: Sequence[str]
) -> tuple[list[Feature], str | None]:
    """Read geometries, and beside them the properties of each in a table.

    Args:
      path: The file, for messages.
      lines: Its lines.

    Returns:
      The features, and the coordinate system if the text names one (``SRID=``).

    Raises:
      ValueError: If a geometry is broken, or they are of several coordinate systems.
    """
    first = next(line for line in lines if line.strip())
    rows = _rows(lines) if _begins(first) else _of_table(path, lines)
    features, systems = [], set()
    for line, text, properties in rows:
        text = text.strip()
        srid = _SRID.match(text)
        systems.add(srid[1] if srid else None)
        where = f"{path} line {line}"
        features.append(Feature(properties, _geometry(text, srid, where), where))
    if not features:
        raise ValueError(f"{path} has a column of geometries, but no line below it")
    if len(systems) > 1:
        raise ValueError(
            f"{path} has geometries of several coordinate systems (SRID); write one "
            "file for each"
        )
    (system,) = systems
    return features, f"EPSG:{system}" if system and system != "0" else None


def _geometry(text: str, srid: re.Match | None, where: str) -> BaseGeometry | None:
    if not text.strip():
        return None
    try:
        with np.errstate(all="ignore"):  # what is not finite gets its sentence later
            return shapely.force_2d(shapely.from_wkt(text[srid.end() if srid else 0 :]))
    except (shapely.GEOSException, TypeError, ValueError):
        raise ValueError(
            f"{where} begins as well-known text, but cannot be read as such; is it cut "
            "short?"
        ) from None


def _rows(lines: Sequence[str]) -> Iterator[tuple[int, str, dict[str, str]]]:
    """Geometries by the line on which each begins, over several lines perhaps."""
    start, parts = 0, []
    for number, line in enumerate(lines, start=1):
        if _begins(line) and _balanced(parts):
            if parts:
                yield start, " ".join(parts), {}
            start, parts = number, []
        if line.strip():
            parts.append(line.strip().strip('"').rstrip(";"))
    if parts:
        yield start, " ".join(parts), {}


def _balanced(parts: Sequence[str]) -> bool:
    return sum(part.count("(") - part.count(")") for part in parts) <= 0


def _of_table(
    path: pathlib.Path, lines: Sequence[str]
) -> Iterator[tuple[int, str, dict[str, str]]]:
    numbered = [(n, line) for n, line in enumerate(lines, start=1) if line.strip()]
    mark, place = _column(numbered[0][1]) or (",", 0)
    names, *rows = split_quoted([line for _, line in numbered], mark)
    for (number, _), row in zip(numbered[1:], rows):
        if len(row) <= place:
            raise width_error(f"{path} line {number}", len(row), len(names))
        others = {k: v for k, v in zip(names, row) if k != names[place]}
        yield number, row[place], others

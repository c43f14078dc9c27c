"""Which columns of an outline in text are lon and lat, and which separate rings."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxload.io.outlines.features import NAME_PROPERTIES
from jaxload.io.text.words import parse_number, width_error

__all__ = ["OutlineColumns", "Row", "columns_of", "header_columns"]

#: What headers call the columns, in lower case.
LON = (
    "lon",
    "long",
    "longitude",
    "lng",
    "x",
    "lon_deg",
    "long_deg",
    "xcoord",
    "x_coord",
)
LAT = ("lat", "latitude", "y", "lat_deg", "ycoord", "y_coord")
#: Columns whose changes set rings apart, beside those of names.
RINGS = ("fid", "pid", "sid", "ring", "part", "piece", "group", "polygon", "poly")


class Row(NamedTuple):
    """A line of a file: its number and its fields."""

    line: int
    fields: list[str]


@dataclasses.dataclass(frozen=True)
class OutlineColumns:
    """Where things stand in a line.

    Attributes:
      lon: Position of the longitude, from 0.
      lat: Position of the latitude.
      width: Number of columns of every line.
      keys: Positions of columns that tell rings apart, by name.
    """

    lon: int
    lat: int
    width: int
    keys: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def expected(self) -> str:
        """What a line should hold, for a message."""
        return "2: lon lat" if self.width == 2 else f"{self.width}, as in the others"


def header_columns(fields: Sequence[str]) -> OutlineColumns | None:
    """Read the names of columns.

    Args:
      fields: Those of the first line.

    Returns:
      The columns; None if the line does not name lon and lat.
    """
    names = [field.strip().lower() for field in fields]
    lon = next((n for n, name in enumerate(names) if name in LON), None)
    lat = next((n for n, name in enumerate(names) if name in LAT), None)
    if lon is None or lat is None:
        return None
    keys = {
        name: n for n, name in enumerate(names) if name in (*NAME_PROPERTIES, *RINGS)
    }
    return OutlineColumns(lon, lat, len(names), keys)


def columns_of(
    path: pathlib.Path, rows: Sequence[Row], header: OutlineColumns | None
) -> OutlineColumns:
    """Find the columns of a table, and leave out those that number its vertices.

    Args:
      path: The file, for messages.
      rows: All vertices.
      header: From `header_columns`.

    Returns:
      The columns.

    Raises:
      ValueError: If a line has another number of them, or without a header three
        columns may be read in two ways.
    """
    columns = header or OutlineColumns(0, 1, 2)
    if header is None and len(rows[0].fields) == 3:
        columns = OutlineColumns(0, 1, 3)
    for row in rows:
        if len(row.fields) != columns.width:
            where = f"{path} line {row.line}"
            raise width_error(where, len(row.fields), columns.expected)
    if header is None and columns.width == 3:
        columns = _of_three(path, rows)
    keys = {
        name: place
        for name, place in columns.keys.items()
        if len({row.fields[place] for row in rows}) < len(rows)
    }
    return dataclasses.replace(columns, keys=keys)


def _of_three(path: pathlib.Path, rows: Sequence[Row]) -> OutlineColumns:
    """Whether lines are lon, lat and height, or an identifier, lon and lat."""
    table = np.array(
        [
            [
                parse_number(text, f"column {n}", f"{path} line {row.line}")
                for n, text in enumerate(row.fields, start=1)
            ]
            for row in rows
        ]
    )
    first, middle, last = table.T
    numbered = bool((first % 1 == 0).all() and (first >= 0).all())
    as_height = _on_earth(first, middle)
    as_number = numbered and _on_earth(middle, last)
    # Vertices are numbered one by one, polygons by the same number for a while.
    runs = (np.diff(first) == 1).all() or (np.diff(first) == 0).mean() > 0.5
    if as_height and as_number and runs != (np.ptp(last) == 0):
        as_height, as_number = not runs, bool(runs)
    if as_height and as_number:
        raise ValueError(
            f"{path} has three columns, which may be lon, lat and height or a number, "
            "lon and lat; add a first line that names them, as 'id lon lat'"
        )
    return OutlineColumns(1, 2, 3, {"id": 0}) if as_number else OutlineColumns(0, 1, 3)


def _on_earth(lon: NDArray, lat: NDArray) -> bool:
    return bool(np.abs(lon).max() <= 360 and np.abs(lat).max() <= 90)

"""Rings in text: lon lat lines, segments of GMT, Surfer's counts, tables."""

import itertools
import pathlib
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import shapely

from jaxload.io.outlines.columns import OutlineColumns, Row, columns_of, header_columns
from jaxload.io.outlines.features import NAME_PROPERTIES, Feature
from jaxload.io.text.lines import COMMENT
from jaxload.io.text.words import find_mark, parse_number, shorten, split_row

__all__ = ["read_text_features"]

_LABEL = re.compile(r"""-L(?:"([^"]*)"|'([^']*)'|(\S+))""")


class Segment(NamedTuple):
    """Rows of one ring, and what is said of it."""

    rows: list[Row]
    properties: dict[str, str]


def read_text_features(path: pathlib.Path, lines: Sequence[str]) -> list[Feature]:
    """Read rings set apart by blank, ``>`` or ``NaN NaN`` lines, or by counts.

    Lines hold lon and lat, and perhaps a height behind or an identifier before them; a
    header line, as ``lat,lon,name``, says which column is which. Counts are those of
    Surfer's blanking files (``5,1`` before five vertices). Rings that say the same of
    themselves are one feature, by the even-odd rule.

    Args:
      path: The file, for the messages.
      lines: Its lines.

    Returns:
      The features, whose geometries are collections of LinearRings.

    Raises:
      ValueError: If a line is no vertex, or it cannot be known which column is which.
    """
    header, rows = _table(lines)
    segments = None if header else _counted(path, rows)
    if segments is None:
        segments = list(_separated(rows, lines))
    numbered = [row for segment in segments for row in segment.rows]
    if not numbered:
        raise ValueError(f"{path} holds no polygon; expected lines of lon lat")
    columns = columns_of(path, numbered, header)
    groups: dict[tuple, list[tuple[int, shapely.LinearRing]]] = {}
    for segment in segments:
        for properties, part in _parts(segment, columns):
            ring = part[0].line, _ring(path, part, columns)
            groups.setdefault(tuple(properties.items()), []).append(ring)
    return [
        Feature(
            dict(properties),
            shapely.GeometryCollection([ring for _, ring in rings]),
            str(path),
            tuple(line for line, _ in rings),
        )
        for properties, rings in groups.items()
    ]


def _table(lines: Sequence[str]) -> tuple[OutlineColumns | None, list[Row]]:
    """What the first line names, and the fields of all others but comments."""
    there = [
        (number, line)
        for number, line in enumerate(lines, start=1)
        if not line.lstrip().startswith(COMMENT)
    ]
    first = next((n for n, (_, line) in enumerate(there) if line.strip()), 0)
    text = there[first][1] if there else ""
    delimiter = find_mark(text)
    header = header_columns(_fields(text, delimiter))
    if header is not None:
        there = there[first + 1 :]
    elif delimiter != ";":
        delimiter = None
    return header, [Row(n, _fields(line, delimiter)) for n, line in there]


def _fields(line: str, delimiter: str | None) -> list[str]:
    """The fields of a line, between any spaces and commas if no delimiter is named."""
    if line.lstrip().startswith(">") or not line.strip():
        return line.split(maxsplit=0)
    if '"' in line:
        return split_row(line, delimiter or find_mark(line, ","))
    if delimiter is None:
        return line.replace(",", " ").split()
    fields = split_row(line, delimiter)
    return [part.replace(",", ".") for part in fields] if delimiter == ";" else fields


def _counted(path: pathlib.Path, rows: Sequence[Row]) -> list[Segment] | None:
    """Segments of a file in which each begins with the number of its vertices."""
    rows = [row for row in rows if row.fields]
    surfer = path.suffix.lower() == ".bln"
    segments, at = [], 0
    while at < len(rows):
        head = rows[at].fields
        count = _count(head)
        body = list(rows[at + 1 : at + 1 + (count or 0)])
        whole = count is not None and len(body) == count
        if not surfer and whole and len(head) > 1:  # 5 1 may be a vertex too
            whole = body[0].fields[:2] == body[-1].fields[:2]
        if not whole and not surfer and (at or count is None or len(head) > 1):
            return None
        if count is None or not whole:
            raise ValueError(
                f"{path} line {rows[at].line} is {shorten(' '.join(head))}, expected "
                f"the number of vertices that follow, where {len(rows) - at - 1} do"
            )
        segments.append(Segment(body, {"name": head[2]} if len(head) > 2 else {}))
        at += 1 + count
    return segments or None


def _count(fields: Sequence[str]) -> int | None:
    """The number of vertices of ``5``, ``5,1`` or ``5,1,"a name"``."""
    if not re.fullmatch(r"[1-9]\d{0,8}", fields[0]) or len(fields) > 4:
        return None
    return int(fields[0]) if len(fields) == 1 or fields[1] in ("0", "1", "-1") else None


def _separated(rows: Sequence[Row], lines: Sequence[str]) -> Iterator[Segment]:
    segment = Segment([], {})
    for row in rows:
        if not _separates(row.fields):
            segment.rows.append(row)
            continue
        if segment.rows:
            yield segment
        segment = Segment([], _label(lines[row.line - 1]))
    if segment.rows:
        yield segment


def _separates(fields: Sequence[str]) -> bool:
    return (
        not any(fields)
        or fields[0].startswith(">")
        or all(field.lower() == "nan" for field in fields)
    )


def _label(line: str) -> dict[str, str]:
    match = _LABEL.search(line) if line.lstrip().startswith(">") else None
    return {"name": next(x for x in match.groups() if x is not None)} if match else {}


def _parts(
    segment: Segment, columns: OutlineColumns
) -> Iterator[tuple[dict[str, str], list[Row]]]:
    """Rows among which the columns that tell rings apart do not change."""
    key = lambda row: tuple(row.fields[place] for place in columns.keys.values())
    for values, rows in itertools.groupby(segment.rows, key):
        named = dict(zip(columns.keys, values))
        properties = {k: v for k, v in named.items() if k in NAME_PROPERTIES}
        yield segment.properties | properties, list(rows)


def _ring(
    path: pathlib.Path, rows: Sequence[Row], columns: OutlineColumns
) -> shapely.LinearRing:
    vertices = [_vertex(row, columns, f"{path} line {row.line}") for row in rows]
    distinct = len(set(vertices))
    if distinct < 3:
        raise ValueError(
            f"{path} line {rows[0].line}: this ring has {distinct} distinct vertices, "
            "expected 3 or more"
        )
    return shapely.LinearRing(vertices)


def _vertex(row: Row, columns: OutlineColumns, where: str) -> tuple[float, float]:
    places = ((columns.lon, "lon"), (columns.lat, "lat"))
    lon, lat = (parse_number(row.fields[n], name, where) for n, name in places)
    if np.isnan(lon) or np.isnan(lat):
        raise ValueError(f"{where} has half a vertex; expected lon lat or NaN NaN")
    return lon, lat

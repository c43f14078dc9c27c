"""Series in files of named blocks: SINEX TMS, DORIS .stcd, and F5 of GSI Japan."""

import dataclasses
import re
from collections.abc import Sequence

import numpy as np

from jaxload.io.gnss.cartesian import column_mean, position_series
from jaxload.io.gnss.format_headed import HeadedTable, read_table
from jaxload.io.gnss.frames import geodetic
from jaxload.io.gnss.headers import HEAD, length_unit, parse_header
from jaxload.io.gnss.options import Reading
from jaxload.io.gnss.sites import Site, site_of_angles
from jaxload.io.gnss.source import Source, station_name
from jaxload.io.gnss.station_series import Series
from jaxload.io.text.table import number_column, split_table, value_column
from jaxload.io.text.time_columns import time_days
from jaxload.io.text.words import parse_number

__all__ = ["is_f5", "is_stcd", "is_tms", "read_f5", "read_stcd", "read_tms"]

#: What begins a line of a block that holds no data.
MARKS = ("*", "#", "%", "+", "-")

#: Degrees, minutes, seconds or the height of a place.
_PLACE = re.compile(r"-?\d{1,9}(?:\.\d{1,9})?", re.A)

#: Columns of .stcd files that do not name theirs.
STCD = (
    "modified julian date, dX, dY, dZ, sX, sY, sZ",
    "dEast, dNorth, dUp, sEast, sNorth, sUp",
)


def _block(lines: Sequence[str], name: str) -> tuple[int, int] | None:
    """Positions of the lines between ``+name`` and ``-name``; to the end if open."""
    bare = [line.strip() for line in lines]
    if f"+{name}" not in bare:
        return None
    start = bare.index(f"+{name}") + 1
    end = bare.index(f"-{name}", start) if f"-{name}" in bare[start:] else len(bare)
    return start, end


def _inside(source: Source, name: str) -> list[str]:
    """The lines of a block that hold data."""
    block = _block(source.lines, name)
    lines = source.lines[slice(*block)] if block else []
    return [line for line in lines if line.strip() and line[0] not in MARKS]


def _only(source: Source, name: str) -> Source:
    """The file with nothing but one block, whose lines keep their numbers."""
    block = _block(source.lines, name)
    if block is None:
        raise ValueError(f"{source.path} has no block +{name}; it is cut short")
    start, end = block
    lines = [
        line if start <= number < end and line[:1] not in MARKS else ""
        for number, line in enumerate(source.lines[:end])
    ]
    return dataclasses.replace(source, lines=lines)


def is_tms(source: Source) -> bool:
    """Whether it begins as a SINEX file of time series."""
    return bool(source.lines) and source.lines[0].startswith("%=TMS")


def read_tms(source: Source, reading: Reading) -> list[Series]:
    """Read a SINEX TMS file, by its block of columns and their units.

    Raises:
      ValueError: If it has no such block or none of data.

    Source:
      Norwegian Mapping Authority, format description SINEX TMS 1.00.
    """
    names = []
    for line in _inside(source, "TIMESERIES/COLUMNS"):
        # After the number and the name comes the unit, or the description if it is
        # blank.
        words = [*line.split(), "", "", ""]
        unit = length_unit(words[2])
        names.append(f"{words[1]} ({unit})" if unit else words[1])
    header = parse_header(names)
    if header is None:
        raise ValueError(
            f"{source.path} names no columns of time and displacement in its block "
            "+TIMESERIES/COLUMNS"
        )
    body = _only(source, "TIMESERIES/DATA")
    layout = HeadedTable(header, names, 0, 0, None, len(names))
    station, site = _reference(source)
    return [
        dataclasses.replace(
            one,
            station=station if header.station is None else one.station,
            site=site if header.station is None else one.site,
        )
        for one in read_table(body, layout, reading)
    ]


def _reference(source: Source) -> tuple[str, Site | None]:
    """The station and where it stands, as its block of coordinates has them."""
    last = "".join(source.lines[:1]).split()[-1:] or [station_name(source.path)]
    for line in _inside(source, "TIMESERIES/REF_COORDINATE"):
        words = line.split()
        if len(words) >= 8:
            where = f"{source.path}, +TIMESERIES/REF_COORDINATE"
            position = [parse_number(word, "x, y or z", where) for word in words[5:8]]
            return words[0].upper(), geodetic(np.array(position))
    return last[0].upper(), None


def is_stcd(source: Source) -> bool:
    """Whether it has blocks, and rows of 13 numbers that begin with a day."""
    head = "".join(source.lines[:10])
    return "+FILE/REFERENCE" in head and any(
        "+FILE/COMMENT" in line or "+SITE/ID" in line for line in source.lines[:40]
    )


def read_stcd(source: Source, reading: Reading) -> list[Series]:
    """Read residuals of a DORIS station, usually weekly and in millimetres."""
    head = [line.strip() for line in source.lines[:HEAD]]
    fields = next((x for x in head if x.startswith("FIELDS")), "")
    listed = fields.partition(" - ")[2] or ", ".join(STCD)
    names = [str(word.strip()) for word in listed.split(",")]
    header = parse_header(names)
    if header is None:
        raise ValueError(f"{source.path} has FIELDS without time or displacement")
    lines = [line if _is_row(line) else "" for line in source.lines]
    body = dataclasses.replace(source, lines=lines)
    units = next((x for x in head if x.startswith("UNITS")), "")
    unit = "mm" if "milli" in units or not units else reading.units
    layout = HeadedTable(header, names, 0, 0, None, len(names))
    series = read_table(body, layout, dataclasses.replace(reading, units=unit))
    code, site = _identity(source)
    return [
        dataclasses.replace(one, station=code or one.station, site=site or one.site)
        for one in series
    ]


def _is_row(line: str) -> bool:
    words = line.split(maxsplit=1)
    return len(words) > 1 and bool(re.fullmatch(r"\d{5}(\.\d*)?", words[0]))


def _identity(source: Source) -> tuple[str, Site | None]:
    """Code of the station, and where it stands in degrees, minutes and seconds."""
    for line in _inside(source, "SITE/ID"):
        last = line.split()[-7:]
        if len(last) == 7 and all(map(_PLACE.fullmatch, last)):
            site = site_of_angles(last, f"{source.path}, +SITE/ID")
            return line.split()[0].upper(), site
    return "", None


def is_f5(source: Source) -> bool:
    """Whether it begins with the blocks of GSI's daily coordinates."""
    head = [line.strip() for line in source.lines[:60]]
    return "+SITE/INF" in head or "+DATA" in head


def read_f5(source: Source, reading: Reading) -> list[Series]:
    """Read a year of a station of GEONET: positions in metres, without errors.

    North and east come from geocentric coordinates, up from the height. Files of
    several years are joined.

    Raises:
      ValueError: If it has no block of data, or a row does not parse.
    """
    del reading  # The format fixes its units.
    body = _only(source, "DATA")
    layout = ": yyyy mm dd HH:MM:SS x y z latitude longitude height"
    table = split_table(source.path, body.lines, (10,), layout)
    day = time_days(table, (0, 1, 2), "%Y %m %d")
    position = np.stack([number_column(table, i, "xyz"[i - 4]) for i in (4, 5, 6)], 1)
    series = position_series(table, _identifier(source), day, position)
    height = value_column(table, 9, "height")
    mean = column_mean(table, height, "height")
    return [
        dataclasses.replace(
            series,
            displacement=series.displacement | {"up": 1000.0 * (height - mean)},
            part="f5",
            zero=series.zero | {"up": mean},
        )
    ]


def _identifier(source: Source) -> str:
    for line in _inside(source, "SITE/INF"):
        words = line.split()
        if len(words) > 1 and words[0] == "ID":
            return words[1].upper()
    return station_name(source.path)

"""Tables whose header names their columns, as most csv files of series have it."""

import dataclasses
import itertools
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jaxload.io.gnss.cartesian import column_mean, geodetic_series, position_series
from jaxload.io.gnss.format_described import (
    STEADY,
    constant_site,
    rows_by_station,
)
from jaxload.io.gnss.frames import geodetic
from jaxload.io.gnss.headers import (
    HEAD,
    Header,
    header_site,
    header_station,
    header_units,
    length_unit,
    parse_header,
)
from jaxload.io.gnss.options import Reading, check_units
from jaxload.io.gnss.sites import Site
from jaxload.io.gnss.source import Source, station_name
from jaxload.io.gnss.station_series import ONE_COMPONENT, SERIES_COMPONENTS, Series
from jaxload.io.text.table import (
    Table,
    number_column,
    split_table,
    value_column,
    with_points,
)
from jaxload.io.text.time_columns import time_days, time_format_of
from jaxload.io.text.words import find_mark, has_decimal_comma

__all__ = ["HeadedTable", "is_headed", "read_headed", "read_table"]

#: Longest line that a table and what is above it can have [characters].
LONGEST = 2000

#: What parts the stations of a file.
BETWEEN = re.compile(r"\*{3,}\s*")

NUMBER = re.compile(
    r"[-+]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eEdD][-+]?\d+)?|nan", re.IGNORECASE
)

#: A position that changes by less over a file is that of its station [degrees].
MOVED = 1e-9


@dataclasses.dataclass(frozen=True)
class HeadedTable:
    """Where the table of a file is, and what its columns are.

    Attributes:
      header: What the columns are.
      names: The names of the columns.
      above: Number of lines before that of the names.
      skip: Number of lines before the rows.
      delimiter: What parts the columns; blanks if None.
      width: Number of words in a row.
    """

    header: Header
    names: list[str]
    above: int
    skip: int
    delimiter: str | None
    width: int


def is_headed(source: Source) -> bool:
    """Whether a line above the rows names time and displacement."""
    return _layout(source.lines) is not None


def read_headed(source: Source, reading: Reading) -> list[Series]:
    """Read a table with a header, of one station or of several.

    Names, units and the position of the station are looked for above the table. Rows of
    several stations are parted by a column of names, or by lines of asterisks.

    Raises:
      ValueError: If it has no header, leaves its units open, or a row does not parse.
    """
    return [
        one
        for part in _parts(source)
        for one in read_table(part, _known_layout(part), reading)
    ]


def _parts(source: Source) -> list[Source]:
    """The tables of a file, each with the number of lines that its own have."""
    cuts = [i for i, line in enumerate(source.lines) if BETWEEN.fullmatch(line.strip())]
    edges = [-1, *cuts, len(source.lines)]
    parts = [
        [""] * (start + 1) + source.lines[start + 1 : end]
        for start, end in itertools.pairwise(edges)
        if any(line.strip() for line in source.lines[start + 1 : end])
    ]
    return [dataclasses.replace(source, lines=lines) for lines in parts]


def _known_layout(source: Source) -> HeadedTable:
    layout = _layout(source.lines)
    if layout is None:
        raise ValueError(
            f"{source.path} has no header that names its time and displacement; "
            "describe it by columns"
        )
    return layout


def _layout(lines: Sequence[str]) -> HeadedTable | None:
    above: list[int] = []
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        if len(line) > LONGEST:
            return None
        delimiter = find_mark(line)
        words = line.split(delimiter)
        if _is_row(words) and line.lstrip()[0] not in "#%*!":
            return _named(lines, above, number, delimiter, len(words))
        above.append(number)
        if len(above) > HEAD:
            return None
    return None


def _is_row(words: Sequence[str]) -> bool:
    """Whether words are those of a row: a time, and numbers."""
    bare = [word.strip().strip('"') for word in words]
    numbers = sum(bool(NUMBER.fullmatch(word)) for word in bare)
    timed = any(
        time_format_of([word]) or re.fullmatch(r"(19|20)\d\d|\d+/\d+/\d+", word)
        for word in bare
    )
    dates = sum(bool(time_format_of([word])) for word in bare if "-" in word)
    return timed and numbers >= (1 if dates else 2)


def _named(
    lines: Sequence[str],
    above: Sequence[int],
    row: int,
    delimiter: str | None,
    width: int,
) -> HeadedTable | None:
    """The layout by the nearest line above the rows that names their columns."""
    filled = len(_filled(lines[row].split(delimiter)))
    for number in reversed(above):
        for names in _names(lines[number], delimiter):
            header = parse_header(names) if len(names) == filled else None
            if header is not None:
                return HeadedTable(header, names, number, row, delimiter, width)
    return None


def _filled(words: Sequence[str]) -> list[str]:
    """Words without the empty ones at the end, which a last comma makes."""
    end = max((i for i, word in enumerate(words, 1) if word.strip()), default=0)
    return list(words[:end])


def _names(line: str, delimiter: str | None) -> list[list[str]]:
    """The names that a line may hold."""
    text = line.strip().lstrip("#%*! ").strip()
    if delimiter is not None:
        return [[name.strip() for name in _filled(text.split(delimiter))]]
    # A unit in brackets belongs to the name before it.
    single = " ".join(text.split()).replace(" (", "(").replace(" [", "[")
    ways = [single.split(), re.split(r"\s{2,}|\t", text)]
    if "," in text:
        ways.insert(0, [name.strip() for name in text.split(",")])
    return ways


def read_table(source: Source, layout: HeadedTable, reading: Reading) -> list[Series]:
    """Read a table whose columns are known.

    Args:
      source: The file.
      layout: Where its table is, and what its columns are.
      reading: What the user says of it.

    Returns:
      One series, or one for each name in the column of stations.

    Raises:
      ValueError: If it leaves its units open, or a row does not parse.
    """
    widths = tuple({layout.width, len(layout.names)})
    what = ", as the header names them"
    table = split_table(
        source.path, source.lines, widths, what, layout.skip, layout.delimiter
    )
    if layout.delimiter in (";", "\t") and has_decimal_comma(table.rows[0]):
        table = with_points(table)
    place = _station_place(table, layout.header)
    if place is None:
        return [_series(source, table, layout, _station(source, table), reading)]
    parts = rows_by_station(table, place)
    return [_series(source, t, layout, n, reading) for n, t in parts.items()]


def _station_place(table: Table, header: Header) -> int | None:
    """The column of stations, unless it numbers the rows."""
    if header.station is None:
        return None
    names = {row[header.station] for row in table.rows}
    counts = len(names) == len(table.rows) > 1
    return (
        None
        if counts and all(re.fullmatch(r"\s*\d+\s*", n) for n in names)
        else (header.station)
    )


def _station(source: Source, table: Table) -> str:
    """The station: of the header, of a column of one word, or of the file's name."""
    named = header_station(source)
    if named:
        return named
    name = source.path.name.upper()
    for column in zip(*(row[: len(table.rows[0])] for row in table.rows)):
        word = column[0].strip().strip('"').upper()
        usual = re.fullmatch(r"(?=.*[A-Z])\w{4,9}", word) and name.startswith(word)
        if usual and len(set(column)) == 1:
            return word
    return station_name(source.path)


def _series(
    source: Source, table: Table, layout: HeadedTable, station: str, reading: Reading
) -> Series:
    header = layout.header
    day = time_days(table, header.time, header.time_format, reading.time_format)
    if "up" not in header.place and "x" in header.place:
        return _geocentric(table, layout, station, day)
    moved = _moving(table, header)
    usual = "m" if moved else ""
    scale = _scales(source, layout, reading, usual)
    values = {
        name: scale[name] * value_column(table, header.place[name], name)
        for name in scale
    }
    if moved and not {"north", "east"} & set(values):
        heights = {k: v / 1000 for k, v in values.items() if k in ("up", "up_sigma")}
        return geodetic_series(table, station, day, moved | heights)
    return Series(
        station,
        day,
        {k: values[k] for k in SERIES_COMPONENTS if k in values},
        {k: values[f"{k}_sigma"] for k in SERIES_COMPONENTS if f"{k}_sigma" in values},
        _site(source, table, header, station),
        part=ONE_COMPONENT if len(set(SERIES_COMPONENTS) & set(values)) == 1 else "",
    )


def _scales(
    source: Source, layout: HeadedTable, reading: Reading, usual: str
) -> dict[str, float]:
    """Millimetres in the units of each column of displacement or its error."""
    header = layout.header
    general = header_units(source.lines[: layout.above]) or reading.units or usual
    scales = {}
    for name in header.place:
        component = name.removesuffix("_sigma")
        if component in SERIES_COMPONENTS:
            of_it = header.units.get(name) or header.units.get(component) or general
            if not of_it:
                raise ValueError(
                    f"{source.path} names its columns "
                    f"({', '.join(layout.names)[:60]}), but not their units; say them "
                    'by units, as units = "mm"'
                )
            scales[name] = check_units(length_unit(of_it) or of_it, str(source.path))
    return scales


def _moving(table: Table, header: Header) -> dict[str, NDArray[np.float64]]:
    """Latitudes and longitudes that move with the station, with their errors."""
    if not {"lat", "lon", "up"} <= set(header.place):
        return {}
    names = [n for n in ("lat", "lon", "lat_sigma", "lon_sigma") if n in header.place]
    values = {name: value_column(table, header.place[name], name) for name in names}
    both = [values[name][np.isfinite(values[name])] for name in ("lat", "lon")]
    spread = max(float(np.ptp(one)) if len(one) else np.inf for one in both)
    return values if MOVED < spread < STEADY else {}


def _site(source: Source, table: Table, header: Header, station: str) -> Site | None:
    if {"lat", "lon"} <= set(header.place):
        lon, lat = (number_column(table, header.place[n], n) for n in ("lon", "lat"))
        return constant_site(table, lon, lat, station)
    known = header_site(source)
    if known is None and {"x", "y", "z"} <= set(header.place):
        position = _position(table, header).T
        middle = [column_mean(table, one, name) for one, name in zip(position, "xyz")]
        return geodetic(np.array(middle))
    return known


def _position(table: Table, header: Header) -> NDArray[np.float64]:
    """Geocentric positions [m], shape (row, 3)."""
    columns = [
        _metres(table, header, name) * number_column(table, header.place[name], name)
        for name in "xyz"
    ]
    return np.stack(columns, axis=1)


def _metres(table: Table, header: Header, name: str) -> float:
    """Metres in the units of a column of positions."""
    unit = length_unit(header.units.get(name, "m"))
    return check_units(unit, str(table.path)) / 1000


def _geocentric(
    table: Table, layout: HeadedTable, station: str, day: NDArray[np.datetime64]
) -> Series:
    header = layout.header
    if not {"x", "y", "z"} <= set(header.place):
        raise ValueError(f"{table.path} has x, but not y and z beside it")
    position = _position(table, header)
    names = [f"{name}_sigma" for name in "xyz"]
    if not set(names) <= set(header.place):
        return position_series(table, station, day, position)
    errors = [number_column(table, header.place[name], name) for name in names]
    scale = _metres(table, header, "x_sigma")
    return position_series(
        table, station, day, position, scale * np.stack(errors, axis=1)
    )

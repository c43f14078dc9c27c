"""Tables whose columns are described: by the user, or by the file itself."""

import dataclasses
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jaxload.io.gnss.options import Columns, Reading, check_units
from jaxload.io.gnss.sites import Site, check_site
from jaxload.io.gnss.source import Source, station_name
from jaxload.io.gnss.station_series import SERIES_COMPONENTS, Series
from jaxload.io.text.lines import data_lines
from jaxload.io.text.table import (
    Table,
    number_column,
    split_table,
    value_column,
    with_points,
)
from jaxload.io.text.time_columns import time_days, time_format_of
from jaxload.io.text.words import find_mark, parse_number, shorten

__all__ = [
    "STEADY",
    "constant_site",
    "is_described",
    "is_scec",
    "read_columns",
    "read_described",
    "read_scec",
    "rows_by_station",
    "suggested",
]

#: Columns of time that a file names without saying so, and how those of several are
#: written.
TIME_NAMES = ("ymd", "date", "mjd", "years", "year", "time")
PARTS = {"year": "%Y", "doy": "%j", "month": "%m", "day": "%d"}
PARTS |= {"ymd": "%Y%m%d", "hms": "%H%M%S", "date": "%Y-%m-%d"}

#: By how much a position may change over a file [degrees].
STEADY = 0.01


def read_columns(source: Source, columns: Columns) -> list[Series]:
    """Read a table as its user describes it.

    Args:
      source: The file.
      columns: Where it has what.

    Returns:
      One series, or one for each name in the column of stations.

    Raises:
      ValueError: If a column is not there, or does not parse.
    """
    source = _without_footer(source, columns.footer)
    if columns.delimiter == "":
        delimiter = _delimiter(source, columns.skip)
        columns = dataclasses.replace(columns, delimiter=delimiter)
    places, skip = _places(source, columns)
    table = _split(source, columns, skip)
    highest = max(max(place) for place in places.values())
    if highest >= len(table.rows[0]):
        raise ValueError(
            f"{source.path} line {table.numbers[0]} has {len(table.rows[0])} columns, "
            f"but one at position {highest} (from 0) is described"
        )
    if columns.decimal == ",":
        table = with_points(table)
    if "station" not in places:
        return [_series(table, places, columns, station_name(source.path))]
    return [
        _series(part, places, columns, name)
        for name, part in rows_by_station(table, places["station"][0]).items()
    ]


def _delimiter(source: Source, skip: int) -> str | None:
    """What parts the columns of the last row; blanks if it is none of the usual."""
    lines = [line for _, line in data_lines(source.lines, skip)]
    return find_mark("".join(lines[-1:]))


def _without_footer(source: Source, footer: int) -> Source:
    if not footer:
        return source
    return dataclasses.replace(source, lines=source.lines[:-footer])


def _split(source: Source, columns: Columns, skip: int) -> Table:
    first = next((line for _, line in data_lines(source.lines, skip)), "")
    width = len(first.split(columns.delimiter))
    return split_table(
        source.path,
        source.lines,
        (width,),
        ", as on the first line",
        skip,
        columns.delimiter,
    )


def _places(source: Source, columns: Columns) -> tuple[dict[str, tuple[int, ...]], int]:
    """Positions of what is described, and the number of lines before the table."""
    time = columns.time if isinstance(columns.time, tuple) else (columns.time,)
    wanted: dict[str, tuple[str | int, ...]] = {"time": time}
    wanted |= {name: (getattr(columns, name),) for name in _wanted(columns)}
    names = [name for group in wanted.values() for name in group]
    header, skip = _header(source, columns, names)
    return {
        key: tuple(_place(source, header, name) for name in group)
        for key, group in wanted.items()
    }, skip


def _wanted(columns: Columns) -> list[str]:
    names = [n for one in SERIES_COMPONENTS for n in (one, f"{one}_sigma")]
    names += ["station", "lon", "lat"]
    return [name for name in names if getattr(columns, name) is not None]


def _header(
    source: Source, columns: Columns, names: Sequence[str | int]
) -> tuple[list[str], int]:
    if all(isinstance(name, int) for name in names):
        return [], columns.skip
    for number, line in enumerate(source.lines[columns.skip :], columns.skip + 1):
        if line.strip():
            words = line.strip().lstrip("#% ").split(columns.delimiter)
            return [word.strip().strip('"') for word in words], number
    raise ValueError(f"{source.path} holds no data; expected a line of column names")


def _place(source: Source, header: list[str], name: str | int) -> int:
    if isinstance(name, int):
        if name < 0:
            raise ValueError(f"column {name} is described, expected a position from 0")
        return name
    if name not in header:
        raise ValueError(
            f"{source.path} has no column {name!r}; it has {shorten(', '.join(header))}"
        )
    return header.index(name)


def rows_by_station(table: Table, place: int) -> dict[str, Table]:
    """Part the rows of a table by the station that they name.

    Args:
      table: The table.
      place: Position of the column of names, from 0.

    Returns:
      The rows of each station, by its upper-cased name.
    """
    parts: dict[str, Table] = {}
    for number, row in zip(table.numbers, table.rows):
        name = row[place].strip().strip('"').upper()
        part = parts.setdefault(name, Table(table.path, [], []))
        part.numbers.append(number)
        part.rows.append(row)
    return parts


def _series(
    table: Table, places: dict[str, tuple[int, ...]], columns: Columns, station: str
) -> Series:
    scale = check_units(columns.units, f"units of {table.path}")
    values = {
        name: scale * value_column(table, places[name][0], name)
        for name in places
        if name not in ("time", "station", "lon", "lat")
    }
    return Series(
        station,
        time_days(table, places["time"], columns.time_format),
        {k: values[k] for k in SERIES_COMPONENTS if k in values},
        {k: values[f"{k}_sigma"] for k in SERIES_COMPONENTS if f"{k}_sigma" in values},
        _site(table, places, columns, station),
    )


def _site(
    table: Table, places: dict[str, tuple[int, ...]], columns: Columns, station: str
) -> Site | None:
    if columns.lon is None and columns.lat is None:
        return None
    if columns.lon is None or columns.lat is None:
        raise ValueError(
            f"columns of {table.path} name lon or lat only; a position takes both"
        )
    lon, lat = (number_column(table, places[name][0], name) for name in ("lon", "lat"))
    return constant_site(table, lon, lat, station)


def constant_site(
    table: Table,
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    station: str,
    height: float = np.nan,
) -> Site:
    """Take a position from columns that have it on every row.

    Args:
      table: The table, for messages.
      lon: Longitudes [degrees], shape (row,).
      lat: Latitudes [degrees], shape (row,).
      station: The station, for messages.
      height: Its height [m], if known.

    Returns:
      The position.

    Raises:
      ValueError: If it changes from row to row, as displacement does.
    """
    both = [values[np.isfinite(values)] for values in (lon, lat)]
    if not all(len(values) for values in both):
        raise ValueError(f"{table.path} has no position of {station} in lon and lat")
    if max(np.ptp(values) for values in both) > STEADY:
        raise ValueError(
            f"{table.path} has columns lon and lat that change by "
            f"{max(np.ptp(values) for values in both):.4g} over the rows of {station}; "
            "they are no position in degrees. If they are displacement, describe them "
            'by columns, as { time = "time", east = "lon", north = "lat", up = "ver" }'
        )
    middle = [float(np.median(values)) for values in both]
    return check_site(middle[0], middle[1], height, f"{table.path}, {station}")


def suggested(source: Source) -> str:
    """Write a description of columns that a file may need, as a study has it.

    Args:
      source: The file.

    Returns:
      An inline table of TOML, with the first column of time and one after it.
    """
    line = next((line for _, line in reversed(list(data_lines(source.lines)))), "")
    delimiter = find_mark(line)
    words = line.split(delimiter)
    time = next((i for i, w in enumerate(words) if time_format_of([w.strip()])), 0)
    up = min(time + 1, max(len(words) - 1, 1))
    shown = f'"{delimiter or ""}"'.replace("\t", "\\t")
    return (
        f"{{ time = {time}, up = {up}, up_sigma = {up + 1}, delimiter = {shown} }} "
        "(positions from 0, or names of the header), with units and missing_sigma "
        "where there is no column of errors"
    )


def is_described(source: Source) -> bool:
    """Whether comments name the columns: ``# column_names: ...``."""
    return "column_names" in _described(source)


def _described(source: Source) -> dict[str, str]:
    description = {}
    for line in source.lines[:60]:
        hit = re.match(r"\s*#\s*(\w+)\s*:\s*(.*)", line)
        if hit:
            description[hit[1].lower()] = hit[2].strip()
    return description


def read_described(source: Source, reading: Reading) -> list[Series]:
    """Read a table whose comments give ``column_names``, ``unit`` and formats."""
    description = _described(source)
    if "column_names" not in description:
        raise ValueError(f"{source.path} has no line '# column_names: ...'")
    names = _words(description["column_names"])
    in_order = " ".join(map(str, range(len(names))))
    index = _words(description.get("columns_index", in_order))
    place = dict(zip(names, _integers(source, index)))
    return read_columns(source, _self_described(source, description, place, reading))


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _integers(source: Source, words: list[str]) -> list[int]:
    if not all(re.fullmatch(r"\d{1,4}", word) for word in words):
        raise ValueError(
            f"{source.path} has columns_index {shorten(' '.join(words))}, expected "
            "positions from 0"
        )
    return [int(word) for word in words]


def _self_described(
    source: Source, description: dict[str, str], place: dict[str, int], reading: Reading
) -> Columns:
    units = description.get("unit", reading.units)
    if units is None:
        raise ValueError(f"{source.path} gives no unit; state it by units")
    scale = check_units(units, f"the unit of {source.path}")
    if reading.units and check_units(reading.units, "units") != scale:
        raise ValueError(
            f"{source.path} gives its unit as {units!r}, but units is "
            f"{reading.units!r}; leave that out"
        )
    factor = description.get("scale", "1")
    if parse_number(factor, "scale", str(source.path)) != 1:
        raise ValueError(
            f"{source.path} has scale {factor}; describe it by columns instead"
        )
    time, time_format = _time(source, description, place, reading)
    if "up" not in place:
        raise ValueError(f"{source.path} names no column up in column_names")
    names = [
        n for one in SERIES_COMPONENTS for n in (one, f"{one}_sigma") if n in place
    ]
    first = next((line for _, line in data_lines(source.lines)), "")
    known = Columns(
        up=place["up"],
        units=units,
        time=time,
        time_format=time_format,
        delimiter=find_mark(first, ","),
    )
    return dataclasses.replace(known, **{name: place[name] for name in names})


def _time(
    source: Source, description: dict[str, str], place: dict[str, int], reading: Reading
) -> tuple[tuple[int, ...], str]:
    """Positions of the columns of time, and how they write it."""
    names = _words(description.get("index_cols", ""))
    names = names or [name for name in TIME_NAMES if name in place][:1] or ["ymd"]
    absent = [name for name in names if name not in place]
    if absent:
        raise ValueError(
            f"{source.path} names no column {' or '.join(absent)} in column_names"
        )
    formats = description.get("index_formats", "").split()
    if formats and len(formats) != len(names):
        raise ValueError(
            f"{source.path} has {len(names)} names in index_cols, but {len(formats)} "
            "in index_formats; describe the file by columns instead"
        )
    if not formats and len(names) > 1:
        formats = [PARTS.get(name.lower(), "") for name in names]
        if not all(formats):
            raise ValueError(
                f"{source.path} has index_cols {' '.join(names)}, but no index_formats "
                "that says how they write time; describe the file by columns instead"
            )
    time_format = " ".join(formats) or reading.time_format
    return tuple(place[name] for name in names), time_format


def is_scec(source: Source) -> bool:
    """Whether the first line is ``Station name, lat, lon, height``."""
    return bool(source.lines) and bool(
        re.match(r"Station \w+\s*(,[^,]*){3}$", source.lines[0])
    )


def read_scec(source: Source, reading: Reading) -> list[Series]:
    """Read a csv of the SCEC transient exercise: east, north, up in mm, no errors."""
    del reading  # The format fixes its units.
    if not is_scec(source):
        raise ValueError(
            f"{source.path} does not begin with 'Station name, lat, lon, height'"
        )
    name, *words = source.lines[0].removeprefix("Station ").split(",")
    where = f"{source.path} line 1"
    lat, lon, height = (
        parse_number(word.strip(), column, where)
        for word, column in zip(words, ("lat", "lon", "height"))
    )
    columns = Columns(up=3, east=1, north=2, units="mm", time=0, skip=1)
    (series,) = read_columns(source, columns)
    site = check_site(lon, lat, height, where)
    return [Series(name.strip().upper(), series.day, series.displacement, {}, site)]

"""Tables whose columns are described: by the user, or by the file itself."""

import dataclasses
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jaxload.io.dates import (
    checked_days,
    days_of_dates,
    days_of_julian_years,
    days_of_mjd,
    days_of_texts,
)
from jaxload.io.formats_plain import year_days
from jaxload.io.reading import Columns, Reading, check_units
from jaxload.io.sites import check_site
from jaxload.io.source import Source, station_name
from jaxload.io.station_series import COMPONENTS, Series
from jaxload.io.table import (
    Table,
    number_column,
    split_table,
    text_column,
    value_column,
)
from jaxload.io.text import data_lines, parse_number, shorten

__all__ = ["is_described", "is_scec", "read_columns", "read_described", "read_scec"]

_NUMBERS = {"mjd": days_of_mjd, "yyyymmdd": days_of_dates} | {
    "julian_year": days_of_julian_years
}


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
    places, skip = _places(source, columns)
    table = _split(source, columns, skip)
    highest = max(max(place) for place in places.values())
    if highest >= len(table.rows[0]):
        raise ValueError(
            f"{source.path} line {table.numbers[0]} has {len(table.rows[0])} columns, "
            f"but one at position {highest} (from 0) is described"
        )
    if "station" not in places:
        return [_series(table, places, columns, station_name(source.path))]
    return [
        _series(part, places, columns, name)
        for name, part in _by_station(table, places["station"][0]).items()
    ]


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
    """Positions of the columns, and the number of lines before the table."""
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
    names = [n for one in COMPONENTS for n in (one, f"{one}_sigma")] + ["station"]
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


def _by_station(table: Table, place: int) -> dict[str, Table]:
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
    if columns.decimal == ",":
        table = Table(
            table.path,
            table.numbers,
            [[word.replace(",", ".") for word in row] for row in table.rows],
        )
    values = {
        name: scale * value_column(table, places[name][0], name)
        for name in places
        if name not in ("time", "station")
    }
    return Series(
        station,
        _days(table, places["time"], columns.time_format),
        {k: values[k] for k in COMPONENTS if k in values},
        {k: values[f"{k}_sigma"] for k in COMPONENTS if f"{k}_sigma" in values},
    )


def _days(
    table: Table, places: tuple[int, ...], pattern: str
) -> NDArray[np.datetime64]:
    if pattern == "decimal_year":
        return year_days(table, places[0])
    if pattern in _NUMBERS:
        shown = number_column(table, places[0], "time").tolist()
        day = _NUMBERS[pattern](np.array(shown))
    else:
        words = [text_column(table, place) for place in places]
        shown = [" ".join(word.strip('"') for word in row) for row in zip(*words)]
        day = days_of_texts(shown, pattern)
    return checked_days(table.path, table.numbers, shown, day)


def is_described(source: Source) -> bool:
    """Whether comments name the columns: ``# column_names: ...``."""
    return "column_names" in _described(source)


def _described(source: Source) -> dict[str, str]:
    found = {}
    for line in source.lines[:60]:
        hit = re.match(r"\s*#\s*(\w+)\s*:\s*(.*)", line)
        if hit:
            found[hit[1]] = hit[2].strip()
    return found


def read_described(source: Source, reading: Reading) -> list[Series]:
    """Read a table whose comments give ``column_names``, ``unit`` and formats."""
    said = _described(source)
    if "column_names" not in said:
        raise ValueError(f"{source.path} has no line '# column_names: ...'")
    names = said["column_names"].split()
    index = said.get("columns_index", " ".join(map(str, range(len(names))))).split()
    place = dict(zip(names, _integers(source, index)))
    return read_columns(source, _self_described(source, said, place, reading))


def _integers(source: Source, words: list[str]) -> list[int]:
    if not all(re.fullmatch(r"\d{1,4}", word) for word in words):
        raise ValueError(
            f"{source.path} has columns_index {shorten(' '.join(words))}, expected "
            "positions from 0"
        )
    return [int(word) for word in words]


def _self_described(
    source: Source, said: dict[str, str], place: dict[str, int], reading: Reading
) -> Columns:
    units = said.get("unit", reading.units)
    if units is None:
        raise ValueError(f"{source.path} gives no unit; state it by units")
    scale = check_units(units, f"the unit of {source.path}")
    if reading.units and check_units(reading.units, "units") != scale:
        raise ValueError(
            f"{source.path} gives its unit as {units!r}, but units is "
            f"{reading.units!r}; leave that out"
        )
    if "scale" in said and parse_number(said["scale"], "scale", str(source.path)) != 1:
        raise ValueError(
            f"{source.path} has scale {said['scale']}; describe it instead"
        )
    time = said.get("index_cols", "ymd").split()[0]
    absent = [name for name in (time, "up") if name not in place]
    if absent:
        raise ValueError(
            f"{source.path} names no column {' or '.join(absent)} in column_names"
        )
    names = [n for one in COMPONENTS for n in (one, f"{one}_sigma") if n in place]
    known = Columns(
        up=place["up"],
        units=units,
        time=place[time],
        time_format=said.get("index_formats", "%Y%m%d").split()[0],
        delimiter=None,
    )
    return dataclasses.replace(known, **{name: place[name] for name in names})


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

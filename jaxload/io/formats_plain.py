"""Series as bare columns: .up, .neu, short .pos, .enu, and .dat with a name."""

import re

import numpy as np
from numpy.typing import NDArray

from jaxload.io.dates import (
    checked_days,
    days_of_dates,
    days_of_ordinals,
    days_of_years,
    keeps_the_calendar,
)
from jaxload.io.packed import plain_name
from jaxload.io.reading import Reading
from jaxload.io.sites import Site, check_site
from jaxload.io.source import Source, scale_of, station_name
from jaxload.io.station_series import Series
from jaxload.io.table import (
    Table,
    number_column,
    number_table,
    split_table,
    text_column,
    value_column,
)
from jaxload.io.text import parse_number

__all__ = [
    "header_site",
    "header_station",
    "is_enu",
    "is_named_dat",
    "is_neu",
    "is_short_pos",
    "is_up",
    "read_enu",
    "read_named_dat",
    "read_neu",
    "read_short_pos",
    "read_up",
    "year_days",
]

NEU = ("north", "east", "up")
ENU = ("east", "north", "up")


def is_up(source: Source) -> bool:
    """Whether lines are ``yyyymmdd up sigma``."""
    return _dated(source, 3)


def is_short_pos(source: Source) -> bool:
    """Whether lines are ``yyyymmdd`` and three components with their errors."""
    return _dated(source, 7)


def is_neu(source: Source) -> bool:
    """Whether lines are a decimal year, perhaps year and day, and six numbers."""
    return _yearly(source, 7) or (
        _yearly(source, 9)
        and all(re.fullmatch(r"\d{4}", row[1]) for row in source.rows)
    )


def is_enu(source: Source) -> bool:
    """Whether lines are a decimal year and six numbers."""
    return _yearly(source, 7)


def is_named_dat(source: Source) -> bool:
    """Whether lines are a decimal year, six numbers and a name."""
    return _yearly(source, 8) and all(row[7][0].isalnum() for row in source.rows)


def _dated(source: Source, width: int) -> bool:
    return bool(source.rows) and all(
        len(row) == width and re.fullmatch(r"(19|20)\d{6}", row[0])
        for row in source.rows
    )


def _yearly(source: Source, width: int) -> bool:
    return bool(source.rows) and all(
        len(row) == width and re.fullmatch(r"(19|20)\d\d\.\d{3,}", row[0])
        for row in source.rows
    )


def read_up(source: Source, reading: Reading) -> list[Series]:
    """Read ``yyyymmdd up sigma``, usually in millimetres.

    The whole of the file's name up to its suffix is the station.
    """
    table = number_table(source.path, source.lines, 3, ": yyyymmdd up sigma")
    name = plain_name(source.path).upper()
    station = name.rpartition(".")[0] or name
    scale = scale_of(reading, "mm")
    up, sigma = (
        scale * value_column(table, i, n) for i, n in ((1, "up"), (2, "sigma"))
    )
    return [Series(station, _dates(table, 0), {"up": up}, {"up": sigma})]


def read_short_pos(source: Source, reading: Reading) -> list[Series]:
    """Read ``yyyymmdd north east up`` and three errors, usually in millimetres."""
    table = split_table(
        source.path, source.lines, (7,), ": yyyymmdd north east up and their sigmas"
    )
    return [_components(source, table, 1, NEU, scale_of(reading, "mm"))]


def _dates(table: Table, index: int) -> NDArray[np.datetime64]:
    date = number_column(table, index, "yyyymmdd")
    return checked_days(table.path, table.numbers, date.tolist(), days_of_dates(date))


def read_neu(source: Source, reading: Reading) -> list[Series]:
    """Read a decimal year, perhaps year and day, ``north east up`` and errors.

    Usually in metres: those of SOPAC and iGPS have nine columns and a header, those
    of CMONOC seven and none.
    """
    table = split_table(
        source.path,
        source.lines,
        (7, 9),
        ": decimal year (year day) north east up and their sigmas",
    )
    first = len(table.rows[0]) - 6
    return [_components(source, table, first, NEU, scale_of(reading, "m"))]


def read_enu(source: Source, reading: Reading) -> list[Series]:
    """Read a decimal year, ``east north up`` and errors, usually in metres."""
    table = split_table(
        source.path, source.lines, (7,), ": decimal year east north up and their sigmas"
    )
    return [_components(source, table, 1, ENU, scale_of(reading, "m"))]


def read_named_dat(source: Source, reading: Reading) -> list[Series]:
    """Read a decimal year, ``north east up``, errors and a name, in millimetres."""
    table = split_table(
        source.path,
        source.lines,
        (8,),
        ": decimal year north east up, their sigmas and the station",
    )
    names = {name.upper() for name in text_column(table, 7)}
    if len(names) > 1:
        raise ValueError(
            f"{source.path} holds {len(names)} stations; give each a file of its own"
        )
    series = _components(source, table, 1, NEU, scale_of(reading, "mm"))
    return [Series(names.pop(), series.day, series.displacement, series.sigma)]


def _components(
    source: Source, table: Table, first: int, order: tuple[str, ...], scale: float
) -> Series:
    width = len(table.rows[0])
    for number, row in zip(table.numbers, table.rows):
        if len(row) != width:
            raise ValueError(
                f"{table.path} line {number} has {len(row)} columns, expected {width} "
                "as on the first line"
            )
    columns = enumerate(order, start=first)
    places = {name: place for place, name in columns}
    return Series(
        header_station(source) or station_name(source.path),
        _row_days(table, first),
        {k: scale * value_column(table, i, k) for k, i in places.items()},
        {
            k: scale * value_column(table, i + 3, f"{k} sigma")
            for k, i in places.items()
        },
        header_site(source),
    )


def _row_days(table: Table, first: int) -> NDArray[np.datetime64]:
    """Days from dates, from year and day of the year, or from decimal years."""
    if len(table.rows[0][0].partition(".")[0]) == 8:
        return _dates(table, 0)
    if first == 1:
        return year_days(table, 0)
    year, day = (number_column(table, i, n) for i, n in ((1, "year"), (2, "day")))
    shown = [f"{row[1]} {row[2]}" for row in table.rows]
    return checked_days(table.path, table.numbers, shown, days_of_ordinals(year, day))


def year_days(table: Table, index: int) -> NDArray[np.datetime64]:
    """Parse a column of decimal years of the calendar.

    Args:
      table: The table.
      index: Position of the column, from 0.

    Returns:
      The days, shape (row,).

    Raises:
      ValueError: If one is no day, or they are of 365.25 days.
    """
    year = number_column(table, index, "decimal year")
    day = checked_days(table.path, table.numbers, year.tolist(), days_of_years(year))
    if not keeps_the_calendar(year):
        raise ValueError(
            f"{table.path} has decimal years that fall neither on noon nor on the "
            "beginning of days; if they are of 365.25 days, describe the file by "
            'Columns(time_format="julian_year", ...)'
        )
    return day


def header_station(source: Source) -> str:
    """Find the station that a header as of .pos files names; "" if none does.

    Args:
      source: The file.
    """
    for line in source.lines[:60]:
        found = re.search(r"4-character ID:\s*(\w+)", line)
        if found:
            return found[1].upper()
    return ""


def header_site(source: Source) -> Site | None:
    """Find the position that a header as of .pos files gives; None if none does.

    Args:
      source: The file.

    Raises:
      ValueError: If it is not on the Earth.
    """
    for number, line in enumerate(source.lines[:60], 1):
        found = re.search(r"NEU Reference position\s*:\s*(\S+)\s+(\S+)\s+(\S+)", line)
        if found:
            where = f"{source.path} line {number}"
            names = ("latitude", "longitude", "height")
            lat, lon, height = (
                parse_number(word, name, where)
                for word, name in zip(found.groups(), names)
            )
            return check_site(lon, lat, height, where)
    return None

"""Series as bare columns: .up, .neu, short .pos, .enu, and .dat with a name."""

import dataclasses
import re

import numpy as np
from numpy.typing import NDArray

from jaxload.io.files.packed import plain_name
from jaxload.io.gnss.headers import header_site, header_station, stated_scale
from jaxload.io.gnss.options import Reading
from jaxload.io.gnss.source import Source, component_in_name, plain_suffix, station_name
from jaxload.io.gnss.station_series import ONE_COMPONENT, Series, only_station
from jaxload.io.text.table import (
    Table,
    number_table,
    split_table,
    table_of_rows,
    value_column,
)
from jaxload.io.text.time_columns import ANY_YEAR, date_days, time_days, time_format_of

__all__ = [
    "is_enu",
    "is_named_dat",
    "is_neu",
    "is_rneu",
    "is_short_pos",
    "is_spotgins",
    "is_up",
    "read_enu",
    "read_named_dat",
    "read_neu",
    "read_rneu",
    "read_short_pos",
    "read_spotgins",
    "read_up",
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
    """Whether lines are a time, perhaps year and day, and six numbers."""
    return _timed(source, 7) or (
        _timed(source, 9) and all(re.fullmatch(r"\d{4}", row[1]) for row in source.rows)
    )


def is_enu(source: Source) -> bool:
    """Whether lines are a time and six numbers."""
    return _timed(source, 7)


def is_named_dat(source: Source) -> bool:
    """Whether lines are a decimal year, six numbers and a name."""
    return _timed(source, 8) and all(row[7][0].isalpha() for row in source.rows)


def is_rneu(source: Source) -> bool:
    """Whether lines are ``yyyymmdd year``, seven numbers and perhaps a flag."""
    return bool(source.rows) and all(
        len(row) in (9, 10)
        and re.fullmatch(r"(19|20)\d{6}", row[0])
        and re.fullmatch(r"(19|20)\d\d\.\d{3,}", row[1])
        for row in source.rows
    )


def is_spotgins(source: Source) -> bool:
    """Whether a comment at the top names SPOTGINS."""
    return any("SPOTGINS" in line for line in source.lines[:3])


def _dated(source: Source, width: int) -> bool:
    return bool(source.rows) and all(
        len(row) == width and re.fullmatch(r"(19|20)\d{6}", row[0])
        for row in source.rows
    )


def _timed(source: Source, width: int) -> bool:
    return bool(source.rows) and all(
        len(row) == width and time_format_of([row[0]]) in (ANY_YEAR, "mjd", "iso")
        for row in source.rows
    )


def read_up(source: Source, reading: Reading) -> list[Series]:
    """Read ``yyyymmdd up sigma``, usually in millimetres.

    The whole of the file's name up to its suffix is the station, unless it ends in a
    component (``p123_east.dat``), which is what the file holds then.
    """
    table = number_table(source.path, source.lines, 3, ": yyyymmdd up sigma")
    name = plain_name(source.path).upper()
    station = name.rpartition(".")[0] or name
    component, part = "up", ""
    if plain_suffix(source.path) != ".up" and component_in_name(source.path):
        component, part = component_in_name(source.path), ONE_COMPONENT
        station = station_name(source.path)
    scale = stated_scale(source, reading, "mm")
    value, sigma = (
        scale * value_column(table, i, n) for i, n in ((1, component), (2, "sigma"))
    )
    day = date_days(table, 0)
    return [Series(station, day, {component: value}, {component: sigma}, part=part)]


def read_short_pos(source: Source, reading: Reading) -> list[Series]:
    """Read ``yyyymmdd north east up`` and three errors, usually in millimetres."""
    table = split_table(
        source.path, source.lines, (7,), ": yyyymmdd north east up and their sigmas"
    )
    scale = stated_scale(source, reading, "mm")
    return [_components(source, table, _after(1, NEU), date_days(table, 0), scale)]


def read_neu(source: Source, reading: Reading) -> list[Series]:
    """Read a time, perhaps year and day, ``north east up`` and errors.

    Usually a decimal year, and metres: those of SOPAC and iGPS have nine columns and a
    header, those of CMONOC seven and none.
    """
    table = split_table(
        source.path,
        source.lines,
        (7, 9),
        ": decimal year (year day) north east up and their sigmas",
    )
    width = len(table.rows[0])
    rows = list(zip(table.numbers, table.rows))
    table_of_rows(table.path, rows, (width,), " as on the first line")
    first = width - 6
    if first == 3:
        day = time_days(table, (1, 2), "%Y %j")
    else:
        day = time_days(table, (0,), "", reading.time_format)
    scale = stated_scale(source, reading, "m")
    return [_components(source, table, _after(first, NEU), day, scale)]


def read_enu(source: Source, reading: Reading) -> list[Series]:
    """Read a time, ``east north up`` and errors, usually in metres."""
    table = split_table(
        source.path, source.lines, (7,), ": decimal year east north up and their sigmas"
    )
    day = time_days(table, (0,), "", reading.time_format)
    scale = stated_scale(source, reading, "m")
    return [_components(source, table, _after(1, ENU), day, scale)]


def read_spotgins(source: Source, reading: Reading) -> list[Series]:
    """Read a modified Julian date, ``east north up``, errors, and what follows.

    Its header has the units, usually metres, and the place of the station.
    """
    layout = ": MJD east north up, their sigmas, date, decimal year and origin"
    widths = tuple(range(7, 16))
    table = split_table(source.path, source.lines, widths, layout)
    scale = stated_scale(source, reading, "m")
    return [
        _components(source, table, _after(1, ENU), time_days(table, (0,), "mjd"), scale)
    ]


def read_rneu(source: Source, reading: Reading) -> list[Series]:
    """Read ``yyyymmdd year north east up``, a correlation, errors and perhaps a flag.

    So the USGS has them, in millimetres.
    """
    layout = ": yyyymmdd year north east up correlation, sigmas and perhaps a flag"
    table = split_table(source.path, source.lines, (9, 10), layout)
    places = {name: (i, i + 4) for i, name in enumerate(NEU, start=2)}
    scale = stated_scale(source, reading, "mm")
    return [_components(source, table, places, date_days(table, 0), scale)]


def read_named_dat(source: Source, reading: Reading) -> list[Series]:
    """Read a time, ``north east up``, errors and a name, in millimetres."""
    table = split_table(
        source.path,
        source.lines,
        (8,),
        ": decimal year north east up, their sigmas and the station",
    )
    station = only_station(table, 7)
    day = time_days(table, (0,), "", reading.time_format)
    scale = stated_scale(source, reading, "mm")
    series = _components(source, table, _after(1, NEU), day, scale)
    return [dataclasses.replace(series, station=station)]


def _after(first: int, order: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    """Positions of three components, the first of them at one, and of their errors."""
    return {name: (i, i + 3) for i, name in enumerate(order, start=first)}


def _components(
    source: Source,
    table: Table,
    places: dict[str, tuple[int, int]],
    day: NDArray[np.datetime64],
    scale: float,
) -> Series:
    return Series(
        header_station(source) or station_name(source.path),
        day,
        {k: scale * value_column(table, i, k) for k, (i, _) in places.items()},
        {
            k: scale * value_column(table, i, f"{k} sigma")
            for k, (_, i) in places.items()
        },
        header_site(source),
    )

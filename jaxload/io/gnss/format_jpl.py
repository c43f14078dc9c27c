"""Series of the Jet Propulsion Laboratory: .series, and .lat, .lon and .rad."""

import logging
import re

import numpy as np
from numpy.typing import NDArray

from jaxload.io.gnss.options import Reading
from jaxload.io.gnss.source import Source, station_name
from jaxload.io.gnss.station_series import Series
from jaxload.io.text.table import Table, number_column, split_table, value_column
from jaxload.io.text.time_columns import time_days

__all__ = ["is_lat_lon_rad", "is_series", "read_lat_lon_rad", "read_series"]

_SERIES = {"east": (1, 4), "north": (2, 5), "up": (3, 6)}
_DIRECTIONS = {"LAT": "north", "LON": "east", "RAD": "up"}

log = logging.getLogger(__name__)

#: Seconds of a day.
DAY = 86400.0


def is_series(source: Source) -> bool:
    """Whether lines are a decimal year, nine numbers, seconds, and a date in six."""
    return bool(source.rows) and all(
        len(row) == 17 and re.fullmatch(r"\d{4}\.\d+", row[0]) for row in source.rows
    )


def read_series(source: Source, reading: Reading) -> list[Series]:
    """Read a .series file: east, north, up and their errors in metres.

    Its decimal years have 365.25 days and do not tell the calendar day; the seconds
    past noon of 1 January 2000 do. Of a day with a second arc, about midnight, the one
    nearest to noon is taken.
    """
    del reading  # The format fixes its units.
    table = split_table(source.path, source.lines, (17,), ", as .series has them")
    seconds = number_column(table, 10, "seconds")
    day = time_days(table, (10,), "j2000")
    table, day = _nearest_to_noon(table, day, seconds)
    return [
        Series(
            station_name(source.path),
            day,
            {k: 1e3 * value_column(table, i, k) for k, (i, _) in _SERIES.items()},
            {
                k: 1e3 * value_column(table, i, f"{k} sigma")
                for k, (_, i) in _SERIES.items()
            },
        )
    ]


def _nearest_to_noon(
    table: Table, day: NDArray[np.datetime64], seconds: NDArray[np.float64]
) -> tuple[Table, NDArray[np.datetime64]]:
    """Take out the rows of a day that has another nearer to noon."""
    if len(np.unique(day)) == len(day):
        return table, day
    from_noon = np.abs((seconds + DAY / 2) % DAY - DAY / 2)
    order = np.lexsort((from_noon, day))
    is_nearest = np.ones(len(day), dtype=bool)
    is_nearest[order[1:]] = np.diff(day[order]) > np.timedelta64(0, "D")
    # Rows that are as near are several of one day, and no arc about midnight.
    is_nearest |= from_noon < DAY / 4
    log.warning(
        "%s has %d arcs about midnight beside those of the day; they are left out",
        table.path,
        int((~is_nearest).sum()),
    )
    kept = np.flatnonzero(is_nearest)
    rows = [table.rows[i] for i in kept]
    return Table(table.path, [table.numbers[i] for i in kept], rows), day[kept]


def is_lat_lon_rad(source: Source) -> bool:
    """Whether lines are ``year value sigma NAME LAT|LON|RAD yyMMMdd``."""
    return bool(source.rows) and all(
        len(row) == 6 and row[4] in _DIRECTIONS for row in source.rows
    )


def read_lat_lon_rad(source: Source, reading: Reading) -> list[Series]:
    """Read one of three files of a station: one component in centimetres."""
    del reading
    table = split_table(
        source.path, source.lines, (6,), ": year value sigma NAME LAT|LON|RAD yyMMMdd"
    )
    name, direction = table.rows[0][3], table.rows[0][4]
    for number, row in zip(table.numbers, table.rows):
        if row[3:5] != [name, direction] or direction not in _DIRECTIONS:
            raise ValueError(
                f"{source.path} line {number} is of {row[3]} {row[4]}, expected {name} "
                f"{direction} and one of {', '.join(_DIRECTIONS)}"
            )
    day = time_days(table, (5,), "yyMMMdd")
    component = _DIRECTIONS[direction]
    return [
        Series(
            name.upper(),
            day,
            {component: 10.0 * value_column(table, 1, component)},
            {component: 10.0 * value_column(table, 2, "sigma")},
            part="lat_lon_rad",
        )
    ]

"""Series as geocentric positions: SOPAC, IGS, and txyz2 of the Nevada laboratory."""

import re

from jaxload.io.gnss.cartesian import CORRELATIONS, is_geocentric, local_series
from jaxload.io.gnss.options import Reading
from jaxload.io.gnss.source import Source
from jaxload.io.gnss.station_series import Series, only_station
from jaxload.io.text.table import split_table
from jaxload.io.text.time_columns import time_days

__all__ = ["is_igs_xyz", "is_txyz", "is_xyz", "read_igs_xyz", "read_txyz", "read_xyz"]

_TIME = re.compile(r"\d{4}-\d\d-\d\dT")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def is_xyz(source: Source) -> bool:
    """Whether lines are ``name yyyy-mm-ddThh:mm:ss x y z``, sigmas, correlations."""
    return bool(source.rows) and all(
        len(row) == 11 and _TIME.match(row[1]) for row in source.rows
    )


def read_xyz(source: Source, reading: Reading) -> list[Series]:
    """Read SOPAC's raw geocentric positions in metres, relative to their mean."""
    del reading  # The format fixes its units.
    return _read(source, (11,), (1, 2), ": name time x y z, sigmas, correlations")


def is_igs_xyz(source: Source) -> bool:
    """Whether lines are ``name point yyyy-mm-dd mjd x y z``, sigmas, correlations."""
    return bool(source.rows) and all(
        len(row) == 13 and _DATE.fullmatch(row[2]) for row in source.rows
    )


def read_igs_xyz(source: Source, reading: Reading) -> list[Series]:
    """Read geocentric positions of the IGS in metres, relative to their mean."""
    del reading
    layout = ": name point date mjd x y z, sigmas, correlations"
    return _read(source, (13,), (2, 4), layout)


def is_txyz(source: Source) -> bool:
    """Whether lines are ``NAME yyMMMdd year x y z``, sigmas, correlations, antenna."""
    return bool(source.rows) and all(
        len(row) in (12, 13)
        and re.fullmatch(r"\d\d[A-Z]{3}\d\d", row[1])
        and re.fullmatch(r"\d{4}\.\d+", row[2])
        and is_geocentric(row[3:6])
        for row in source.rows
    )


def read_txyz(source: Source, reading: Reading) -> list[Series]:
    """Read .txyz2: geocentric positions in metres, relative to their mean.

    Of the correlations that of y and z stands before that of x and z: only so does the
    vertical have the largest error, as it has everywhere.
    """
    del reading
    layout = ": NAME yyMMMdd year x y z, sigmas, correlations and antenna"
    return _read(source, (12, 13), (1, 3), layout, ("xy", "yz", "xz"))


def _read(
    source: Source,
    widths: tuple[int, ...],
    places: tuple[int, int],
    layout: str,
    correlations: tuple[str, str, str] = CORRELATIONS,
) -> list[Series]:
    """Read rows of one station, with its time and x at `places`."""
    table = split_table(source.path, source.lines, widths, layout)
    station = only_station(table, 0)
    time, first = places
    day = time_days(table, (time,))
    return [local_series(table, station, day, first, correlations)]

"""Series of the Nevada Geodetic Laboratory: .tenv, .tenv3, csv of daily positions."""

import pathlib
import re

import numpy as np
from numpy.typing import NDArray

from jaxload.io.gnss.cartesian import geodetic_series
from jaxload.io.gnss.headers import stated_scale
from jaxload.io.gnss.options import Reading
from jaxload.io.gnss.sites import Site, check_site
from jaxload.io.gnss.source import Source, station_name
from jaxload.io.gnss.station_series import Series, only_station
from jaxload.io.text.dates import checked_days, days_of_mjd
from jaxload.io.text.lines import data_lines
from jaxload.io.text.table import (
    Table,
    number_column,
    split_table,
    value_column,
)
from jaxload.io.text.time_columns import time_days
from jaxload.io.text.words import shorten

__all__ = [
    "is_llh",
    "is_tenv",
    "is_tenv3",
    "is_unr_csv",
    "read_llh",
    "read_tenv",
    "read_tenv3",
    "read_unr_csv",
]

#: NGL writes 9.99999 m where a standard error is that or larger.
LARGEST_SIGMA = 9.99999

_PARTS = {"east": ("e0(m)", "east(m)"), "north": ("n0(m)", "north(m)")} | {
    "up": ("u0(m)", "up(m)")
}
_SIGMA = {"east": "sig_e(m)", "north": "sig_n(m)", "up": "sig_u(m)"}
_SITE = ("longitude(deg)", "latitude(deg)", "height(m)")

_TENV = {"east": (6, 10), "north": (7, 11), "up": (8, 12)}
_UNR = {"east": (1, 4), "north": (2, 5), "up": (3, 6)}
_UNR_HEADER = "date,east,north,vertical,e_std,n_std,v_std"


def is_tenv(source: Source) -> bool:
    """Whether lines are ``NAME yyMMMdd year MJD week day e n u ...``, 16 words."""
    return bool(source.rows) and all(
        len(row) == 16 and re.fullmatch(r"\d\d[A-Z]{3}\d\d", row[1])
        for row in source.rows
    )


def read_tenv(source: Source, reading: Reading) -> list[Series]:
    """Read a .tenv file: metres, relative to its first day."""
    del reading  # The format fixes its units.
    table = split_table(source.path, source.lines, (16,), ", as .tenv has them")
    return [
        Series(
            only_station(table, 0),
            _days(table, 3),
            {k: 1e3 * value_column(table, i, k) for k, (i, _) in _TENV.items()},
            {k: _sigma(number_column(table, i, k)) for k, (_, i) in _TENV.items()},
            reference="first day of the file",
        )
    ]


def _days(table: Table, index: int) -> NDArray[np.datetime64]:
    number = number_column(table, index, "MJD")
    day = np.where(number % 1 == 0, days_of_mjd(number), np.datetime64("NaT", "D"))
    return checked_days(table.path, table.numbers, number.tolist(), day)


def _sigma(sigma: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(sigma < LARGEST_SIGMA, 1000.0 * sigma, np.nan)


#: Columns of .tenv3 files that have lost their header; older ones have no position.
_TENV3 = [
    *("site", "YYMMMDD", "yyyy.yyyy", "MJD", "week", "d", "reflon", "e0(m)", "east(m)"),
    *("n0(m)", "north(m)", "u0(m)", "up(m)", "ant(m)", "sig_e(m)", "sig_n(m)"),
    *("sig_u(m)", "corr_en", "corr_eu", "corr_nu", *_SITE[1::-1], _SITE[2]),
]


def is_tenv3(source: Source) -> bool:
    """Whether a header names the columns of .tenv3, or rows are such without one."""
    first = " ".join(source.rows[0]) if source.rows else ""
    return ("YYMMMDD" in first and "reflon" in first) or _is_bare_tenv3(source)


def _is_bare_tenv3(source: Source) -> bool:
    return bool(source.rows) and all(
        len(row) in (20, 23)
        and re.fullmatch(r"\d\d[A-Z]{3}\d\d", row[1])
        and re.fullmatch(r"\d{5}", row[3])
        for row in source.rows
    )


def read_tenv3(source: Source, reading: Reading) -> list[Series]:
    """Read a .tenv3 file: metres, returned relative to the mean of each component.

    Source:
      Blewitt, Hammond and Kreemer (2018), Harnessing the GPS data explosion for
      interdisciplinary science, Eos 99, doi:10.1029/2018EO104623; columns as in the
      header line that the files carry.
    """
    del reading
    path = source.path
    header, skip = _tenv3_header(source)
    columns = _columns(path, header)
    table = split_table(path, source.lines, (len(header),), ", as in the header", skip)
    column = {k: number_column(table, i, k) for k, i in columns.items()}
    return [
        Series(
            station=only_station(table, 0),
            day=_days(table, columns["MJD"]),
            displacement={k: _position(column, k) for k in _PARTS},
            sigma={k: _sigma(column[v]) for k, v in _SIGMA.items()},
            site=_site(path, column),
            reference="mean over the file",
        )
    ]


def _tenv3_header(source: Source) -> tuple[list[str], int]:
    """Names of the columns, and the number of lines before the rows."""
    if _is_bare_tenv3(source):
        return _TENV3[: len(source.rows[0])], 0
    number, first = next(data_lines(source.lines), (0, ""))
    return [name.strip("_") for name in first.split()], number


def _columns(path: pathlib.Path, header: list[str]) -> dict[str, int]:
    wanted = ["MJD", *sum(_PARTS.values(), ()), *_SIGMA.values()]
    # Files from before 2020 have no position at the end of the line.
    wanted += [name for name in _SITE if name in header]
    absent = [name for name in wanted if name not in header]
    if absent:
        raise ValueError(
            f"{path} has no column {', '.join(absent)}; a .tenv3 file begins with a "
            f"line of column names, but this one with {shorten(' '.join(header))}"
        )
    return {name: header.index(name) for name in wanted}


def _position(column: dict, component: str) -> NDArray[np.float64]:
    whole, fraction = (column[name] for name in _PARTS[component])
    # The integer part changes when a station has drifted by 10 m: keep the sum.
    origin = whole[np.isfinite(whole)][:1].sum()
    position = 1000.0 * ((whole - origin) + fraction)
    seen = np.isfinite(position)
    return position - (position[seen].mean() if seen.any() else 0.0)


def _site(path: pathlib.Path, column: dict) -> Site | None:
    if not all(name in column for name in _SITE):
        return None
    lon, lat, height = (float(np.median(column[name])) for name in _SITE)
    return check_site(lon, lat, height, str(path))


def is_llh(source: Source) -> bool:
    """Whether lines are ``NAME yyMMMdd year lat lon height``, sigmas and antenna."""
    return bool(source.rows) and all(
        len(row) == 10
        and re.fullmatch(r"\d\d[A-Z]{3}\d\d", row[1])
        and re.fullmatch(r"\d{4}\.\d+", row[2])
        for row in source.rows
    )


def read_llh(source: Source, reading: Reading) -> list[Series]:
    """Read latitudes, longitudes and heights in metres, relative to their mean."""
    del reading
    layout = ": NAME yyMMMdd year lat lon height, sigmas and antenna"
    table = split_table(source.path, source.lines, (10,), layout)
    day = time_days(table, (1,), "yyMMMdd")
    names = ("lat", "lon", "up", "lat_sigma", "lon_sigma", "up_sigma")
    position = {name: value_column(table, i, name) for i, name in enumerate(names, 3)}
    return [geodetic_series(table, only_station(table, 0), day, position)]


def is_unr_csv(source: Source) -> bool:
    """Whether the header is that of the laboratory's positions as csv."""
    return bool(source.rows) and "".join(source.rows[0]).lower() == _UNR_HEADER


def read_unr_csv(source: Source, reading: Reading) -> list[Series]:
    """Read ``Date,east,north,vertical,e_std,n_std,v_std``, usually in millimetres."""
    table = split_table(
        source.path, source.lines, (7,), f": {_UNR_HEADER}", _body(source), ","
    )
    day = time_days(table, (0,), "%Y-%m-%d")
    scale = stated_scale(source, reading, "mm")
    return [
        Series(
            station_name(source.path),
            day,
            {k: scale * value_column(table, i, k) for k, (i, _) in _UNR.items()},
            {
                k: scale * value_column(table, i, f"{k} sigma")
                for k, (_, i) in _UNR.items()
            },
        )
    ]


def _body(source: Source) -> int:
    """Number of lines up to the header, itself included."""
    return next(
        (
            number
            for number, line in enumerate(source.lines, 1)
            if "".join(line.split()).lower() == _UNR_HEADER
        ),
        0,
    )

"""Series of GAMIT and GLOBK: PBO's .pos, mb_ files, and lines of .org files."""

import dataclasses
import re

import numpy as np
from numpy.typing import NDArray

from jaxload.io.gnss.cartesian import local_series
from jaxload.io.gnss.format_columns import (
    is_short_pos,
    read_short_pos,
)
from jaxload.io.gnss.headers import header_station
from jaxload.io.gnss.options import Reading
from jaxload.io.gnss.sites import check_site
from jaxload.io.gnss.source import Source, station_name
from jaxload.io.gnss.station_series import Series
from jaxload.io.text.table import Table, number_column, split_table, value_column
from jaxload.io.text.time_columns import date_days, time_days, year_days
from jaxload.io.text.words import parse_number

__all__ = ["is_mb", "is_org", "is_pos", "read_mb", "read_org", "read_pos"]

_POS = {"north": (15, 18), "east": (16, 19), "up": (17, 20)}
# A word begins where none goes on, lest one long word is looked at from each letter.
#: Lines among which the first row is looked for, and how it begins.
HEAD = 150
_ROW = re.compile(r"\s*(?:19|20)\d{6}\s+\d{1,6}\s+\d{5}\.")

_MB = re.compile(r"(?<!\S)(\S+)\s+to\s+([NEU])\s+Solution")
#: Values that differ from their zero by less include it [m].
NEAR = 10.0

_MB_COMPONENT = {"N": "north", "E": "east", "U": "up"}


def is_pos(source: Source) -> bool:
    """Whether it is PBO's table of 24 or 25 columns, or the short one of seven."""
    return _is_pbo(source) or is_short_pos(source)


def _is_pbo(source: Source) -> bool:
    head = source.lines[:HEAD]
    return any(
        line.startswith(("PBO Station Position", "*YYYYMMDD HHMMSS")) for line in head
    ) and not any("," in line for line in head[1:3])


def read_pos(source: Source, reading: Reading) -> list[Series]:
    """Read a .pos file; PBO's is in metres relative to its reference position."""
    if not _is_pbo(source):
        return read_short_pos(source, reading)
    lines = source.lines
    first = [i for i, line in enumerate(lines[:HEAD]) if _ROW.match(line)]
    if not first:
        raise ValueError(
            f"{source.path} has no row 'YYYYMMDD HHMMSS ...' of data; it is cut short "
            "or no .pos file"
        )
    table = split_table(source.path, lines, (24, 25), ", as .pos has them", first[0])
    lon, lat, height = (_median(table, i) for i in (13, 12, 14))
    return [
        Series(
            header_station(source) or station_name(source.path),
            date_days(table, 0),
            {k: 1e3 * value_column(table, i, k) for k, (i, _) in _POS.items()},
            {
                k: 1e3 * value_column(table, i, f"{k} sigma")
                for k, (_, i) in _POS.items()
            },
            check_site(lon, lat, height, str(source.path)),
            "reference position of the file",
        )
    ]


def _median(table: Table, index: int) -> float:
    return float(np.median(number_column(table, index, "position")))


def is_mb(source: Source) -> bool:
    """Whether one of the first lines holds ``NAME to N Solution``."""
    return any(_MB.search(line[:200]) for line in source.lines[:5])


def read_mb(source: Source, reading: Reading) -> list[Series]:
    """Read one of three mb_ files of a station: one component in metres.

    A station that is renamed after a change of equipment (P403_GPS, P403_2PS) has
    files of each name, which are joined.
    """
    head = [_MB.search(line[:200]) for line in source.lines[:5]]
    first = next((number for number, hit in enumerate(head) if hit), None)
    if first is None:
        raise ValueError(f"{source.path} has no line 'NAME to N Solution' at its top")
    hit = head[first]
    assert hit is not None
    table = split_table(
        source.path, source.lines, (3,), ": decimal year value sigma", first + 1
    )
    component = _MB_COMPONENT[hit[2]]
    name = hit[1].upper()
    _check_kept(source, name)
    metres, zero = _relative(source.lines[first], value_column(table, 1, component))
    return [
        Series(
            _renamed(name),
            year_days(table, 0, reading.time_format),
            {component: 1e3 * metres},
            {component: 1e3 * value_column(table, 2, "sigma")},
            part="mb",
            zero={component: zero},
            name=name,
        )
    ]


def _renamed(name: str) -> str:
    """The station of a name of GLOBK: its first four letters."""
    known = re.fullmatch(r"(\w{4})_\w{3}", name)
    return known[1] if known else name


def _check_kept(source: Source, name: str) -> None:
    """Refuse what GLOBK names so as to leave it out."""
    if name.endswith(("_XPS", "_XCL")):
        raise ValueError(
            f"{source.path} is of {name}, as GLOBK names what is to be left out"
        )


def _relative(
    line: str, metres: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Values less their zero, and that zero [m], which the line of the name has."""
    hit = re.search(r"Solution\s+\d+\s*\+\s*(-?[\d.]+)\s*m", line[:200])
    zero = parse_number(hit[1], "reference", line[:60]) if hit else 0.0
    seen = metres[np.isfinite(metres)]
    # Some files have it in their values.
    absolute = len(seen) and abs(zero) > NEAR > abs(float(np.median(seen)) - zero)
    return (metres - zero if absolute else metres), zero


def is_org(source: Source) -> bool:
    """Whether there are lines ``pbo. NAME ... x y z ...``, or a heading of GLORG.

    Such lines may begin after more than the first lines of a file.
    """
    # Most files have neither anywhere, which is found faster in one text than by line.
    text = "\n".join(source.lines)
    return ("pbo. " in text or "+ GLORG" in text) and any(
        line.lstrip().startswith(("pbo. ", "+ GLORG")) for line in source.lines
    )


def read_org(source: Source, reading: Reading) -> list[Series]:
    """Read positions from the lines ``pbo.`` of a .org file of GLORG.

    A line has names, a date, a modified Julian date, x, y, z with sigmas and
    correlations, and after a bar the geodetic position. Files are of one day as a rule:
    those of several days are joined, relative to the mean of the first.
    """
    del reading
    rows: dict[str, tuple[list[int], list[list[str]]]] = {}
    for number, line in enumerate(source.lines, 1):
        if line.lstrip().startswith("pbo. "):
            words = line.split()
            row = _from_date(source, number, words)
            line_numbers, rows_of_station = rows.setdefault(words[1].upper(), ([], []))
            line_numbers.append(number)
            rows_of_station.append(row)
    if not rows:
        raise ValueError(f"{source.path} has no line that begins with 'pbo.'")
    return [
        _of_org(Table(source.path, *entry), name)
        for name, entry in rows.items()
        if not name.endswith(("_XPS", "_XCL"))
    ]


def _of_org(table: Table, name: str) -> Series:
    series = local_series(table, _renamed(name), time_days(table, (0,), "mjd"), 1)
    return dataclasses.replace(series, part="org", name=name)


def _from_date(source: Source, number: int, words: list[str]) -> list[str]:
    """The modified Julian date and the nine numbers after it.

    The date before it is written as one word or as five.
    """
    for place, word in enumerate(words[2:], 2):
        if re.fullmatch(r"[4-6]\d{4}\.\d*", word) and len(words) >= place + 10:
            return words[place : place + 10]
    raise ValueError(
        f"{source.path} line {number} is no 'pbo. NAME date mjd x y z' with sigmas and "
        "correlations"
    )

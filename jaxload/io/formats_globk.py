"""Series of GAMIT and GLOBK: PBO's .pos, mb_ files, and lines of .org files."""

import re

import numpy as np

from jaxload.io.cartesian import local_series
from jaxload.io.dates import checked_days, days_of_dates
from jaxload.io.formats_plain import (
    header_station,
    is_short_pos,
    read_short_pos,
    year_days,
)
from jaxload.io.reading import Reading
from jaxload.io.sites import check_site
from jaxload.io.source import Source, station_name
from jaxload.io.station_series import Series
from jaxload.io.table import Table, number_column, split_table, value_column

__all__ = ["is_mb", "is_org", "is_pos", "read_mb", "read_org", "read_pos"]

_POS = {"north": (15, 18), "east": (16, 19), "up": (17, 20)}
# A word begins where none goes on, lest one long word is looked at from each letter.
_MB = re.compile(r"(?<!\S)(\S+)\s+to\s+([NEU])\s+Solution")
_MB_COMPONENT = {"N": "north", "E": "east", "U": "up"}


def is_pos(source: Source) -> bool:
    """Whether it is PBO's table of 24 or 25 columns, or the short one of seven."""
    return _is_pbo(source) or is_short_pos(source)


def _is_pbo(source: Source) -> bool:
    return any(
        line.startswith(("PBO Station Position", "*YYYYMMDD HHMMSS"))
        for line in source.lines[:60]
    )


def read_pos(source: Source, reading: Reading) -> list[Series]:
    """Read a .pos file; PBO's is in metres relative to its reference position."""
    if not _is_pbo(source):
        return read_short_pos(source, reading)
    lines = source.lines
    header = [i for i, line in enumerate(lines[:80], 1) if line.startswith("*YYYY")]
    if not header:
        raise ValueError(
            f"{source.path} has no line '*YYYYMMDD HHMMSS ...' before its data; it is "
            "cut short or no .pos file"
        )
    table = split_table(source.path, lines, (24, 25), ", as .pos has them", header[0])
    lon, lat, height = (_median(table, i) for i in (13, 12, 14))
    return [
        Series(
            header_station(source) or station_name(source.path),
            _dates(table, 0),
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


def _dates(table: Table, index: int) -> np.ndarray:
    date = number_column(table, index, "yyyymmdd")
    return checked_days(table.path, table.numbers, date.tolist(), days_of_dates(date))


def is_mb(source: Source) -> bool:
    """Whether one of the first lines says ``NAME to N Solution``."""
    return any(_MB.search(line[:200]) for line in source.lines[:5])


def read_mb(source: Source, reading: Reading) -> list[Series]:
    """Read one of three mb_ files of a station: one component in metres."""
    del reading  # The format fixes its units.
    head = [_MB.search(line[:200]) for line in source.lines[:5]]
    found = next((number for number, hit in enumerate(head) if hit), None)
    if found is None:
        raise ValueError(f"{source.path} has no line 'NAME to N Solution' at its top")
    hit = head[found]
    assert hit is not None
    table = split_table(
        source.path, source.lines, (3,), ": decimal year value sigma", found + 1
    )
    component = _MB_COMPONENT[hit[2]]
    return [
        Series(
            hit[1].upper().removesuffix("_GPS"),
            year_days(table, 0),
            {component: 1e3 * value_column(table, 1, component)},
            {component: 1e3 * value_column(table, 2, "sigma")},
            part="mb",
        )
    ]


def is_org(source: Source) -> bool:
    """Whether there are lines ``pbo. NAME ... yyyymmdd hhmmss mjd x y z ...``."""
    return any(line.lstrip().startswith("pbo. ") for line in source.lines)


def read_org(source: Source, reading: Reading) -> list[Series]:
    """Read positions from the lines ``pbo.`` of one or more .org files in one.

    From the date on such a line is as in a .pos file. Displacements are relative to
    the mean of each station, so that days have to stand in one file: join them first
    (``cat *.org > all.org``).
    """
    del reading
    rows: dict[str, tuple[list[int], list[list[str]]]] = {}
    for number, line in enumerate(source.lines, 1):
        if line.lstrip().startswith("pbo. "):
            words = line.split()
            row = _from_date(source, number, words)
            numbers, found = rows.setdefault(words[1][:4].upper(), ([], []))
            numbers.append(number)
            found.append(row)
    if not rows:
        raise ValueError(f"{source.path} has no line that begins with 'pbo.'")
    return [
        local_series(
            Table(source.path, *entry), name, _dates(Table(source.path, *entry), 0), 3
        )
        for name, entry in rows.items()
    ]


def _from_date(source: Source, number: int, words: list[str]) -> list[str]:
    for place, word in enumerate(words[2:], 2):
        if re.fullmatch(r"(19|20)\d{6}", word) and len(words) >= place + 12:
            return words[place : place + 12]
    raise ValueError(
        f"{source.path} line {number} is no 'pbo. NAME yyyymmdd hhmmss mjd x y z' with "
        "sigmas and correlations"
    )

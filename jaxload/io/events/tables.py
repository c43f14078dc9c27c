"""Events of stations from tables: csv with a header, lines of station and day."""

import pathlib
import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from jaxload.io.events.offset_events import Event, choice_of
from jaxload.io.gnss.site_columns import STATIONS, bare_name
from jaxload.io.text.dates import (
    checked_days,
    days_of_dates,
    days_of_mjd,
    days_of_texts,
    days_of_years,
)
from jaxload.io.text.lines import data_lines
from jaxload.io.text.table import (
    Table,
    number_column,
    split_table,
    table_of_rows,
    text_column,
)
from jaxload.io.text.words import shorten, split_row

__all__ = ["read_event_table", "read_rows"]

#: What columns are called, best first.
NAMES = {
    "station": STATIONS,
    "day": (
        *("day", "date", "time", "epoch", "datetime", "mjd", "year", "decimalyear"),
        *("日期", "时间"),
    ),
    "kind": ("kind", "type", "event", "eventtype", "cause", "类型"),
    "component": ("component", "comp", "direction"),
    "relaxation": ("relaxation", "tau", "relaxationtime"),
    "note": ("note", "notes", "comment", "remark", "description", "备注"),
}

#: How days may be written, with the pattern that a fast look tells them by.
_YEAR, _DATE = re.compile(r"\d{4}\.\d+"), re.compile(r"\d{8}")
_SLASHED = re.compile(r"\d{4}[/.]\d{1,2}[/.]\d{1,2}\b.*")
_TURNED = re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}\b.*")


def read_event_table(
    path: pathlib.Path, lines: Sequence[str], mark: str
) -> Iterable[Event]:
    """Read a table whose header names ``station`` and ``day``, and perhaps more.

    Args:
      path: The file.
      lines: Its lines.
      mark: What parts the columns.

    Returns:
      The events.

    Raises:
      ValueError: If a column is not there, or a line does not parse.
    """
    skip, first = next(data_lines(lines))
    header = split_row(first, mark)
    place = _places(path, header)
    numbered = list(data_lines(lines, skip))
    if not numbered:
        raise ValueError(f"{path} holds no data below its header")
    rows = [(number, split_row(line, mark)) for number, line in numbered]
    table = table_of_rows(path, rows, (len(header),), ", as in the header")
    column = {name: text_column(table, index) for name, index in place.items()}
    modified = bare_name(header[place["day"]]) == "mjd"
    return _events(path, table.numbers, column, modified)


def _places(path: pathlib.Path, header: Sequence[str]) -> dict[str, int]:
    plain = [bare_name(name) for name in header]
    place = {
        role: next(plain.index(name) for name in names if name in plain)
        for role, names in NAMES.items()
        if any(name in plain for name in names)
    }
    absent = [name for name in ("station", "day") if name not in place]
    if absent:
        raise ValueError(
            f"{path} has no column {', '.join(absent)}; it has "
            f"{', '.join(header).lower()[:99]}"
        )
    return place


def _events(
    path: pathlib.Path,
    numbers: Sequence[int],
    column: dict[str, list[str]],
    modified: bool,
) -> Iterable[Event]:
    days = _days(path, numbers, column["day"], modified)
    blank = [""] * len(numbers)
    decay = column.get("relaxation", blank)
    rows = zip(
        numbers,
        column["station"],
        days,
        column.get("kind", blank),
        column.get("component", blank),
        column.get("note", blank),
        _relaxations(path, numbers, decay),
    )
    for number, station, day, kind, component, note, relaxation in rows:
        if not station:
            raise ValueError(f"{path} line {number} names no station")
        yield Event(
            station.upper(),
            day,
            choice_of(path, number, "kind", kind),
            choice_of(path, number, "component", component),
            relaxation,
            note,
        )


def _relaxations(
    path: pathlib.Path, numbers: Sequence[int], texts: Sequence[str]
) -> list[float]:
    table = Table(path, list(numbers), [[text] for text in texts])
    return number_column(table, 0, "relaxation").tolist()


def _days(
    path: pathlib.Path, numbers: Sequence[int], texts: list[str], modified: bool
) -> NDArray[np.datetime64]:
    day = np.array([_day(text, modified) for text in texts], dtype="datetime64[D]")
    for number, text, one in zip(numbers, texts, day):
        if np.isnat(one) and _TURNED.fullmatch(text[:40]):
            raise ValueError(
                f"{path} line {number}: {shorten(text)} may be of two days; write the "
                "year first, as 2015-02-28"
            )
    return checked_days(path, numbers, texts, day)


def _day(text: str, modified: bool) -> np.datetime64:
    if _YEAR.fullmatch(text) or (modified and re.fullmatch(r"\d+(\.\d*)?", text)):
        number = np.array([float(text)])
        return (days_of_mjd if modified else days_of_years)(number)[0]
    if _DATE.fullmatch(text):
        return days_of_dates(np.array([float(text)]))[0]
    if _SLASHED.fullmatch(text[:40]):
        parts = re.split(r"[/.]", text[:40].split()[0].partition("T")[0])
        text = "-".join([parts[0], parts[1].zfill(2), parts[2].zfill(2)])
    return days_of_texts([text], "%Y-%m-%d")[0]


def read_rows(path: pathlib.Path, lines: Sequence[str]) -> Iterable[Event]:
    """Read lines of ``NAME 2010-01-31``, perhaps with a kind behind.

    Args:
      path: The file.
      lines: Its lines.

    Returns:
      The events.

    Raises:
      ValueError: If a line does not parse.
    """
    table = split_table(path, lines, (2, 3), ": NAME year-month-day and perhaps a kind")
    column = {
        "station": [row[0] for row in table.rows],
        "day": [row[1] for row in table.rows],
        "kind": [row[2] if len(row) > 2 else "" for row in table.rows],
    }
    return _events(path, table.numbers, column, modified=False)

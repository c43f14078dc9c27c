"""Days from one or more columns of a table, in any usual way of writing time."""

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from jaxload.io.text.dates import (
    checked_days,
    days_of_dates,
    days_of_mjd,
    days_of_ordinals,
    days_of_parts,
    days_of_texts,
)
from jaxload.io.text.decimal_years import YEAR_FORMATS, days_of_decimals
from jaxload.io.text.table import Table, number_column, text_column
from jaxload.io.text.words import shorten

__all__ = [
    "ANY_YEAR",
    "date_days",
    "days_in_format",
    "time_days",
    "time_format_of",
    "year_days",
]

Days = NDArray[np.datetime64]
Numbers = NDArray[np.float64]

#: Modified Julian date of the day on which Julian dates begin at noon.
JULIAN_DATE = 2400000.5

#: What seconds are counted from.
UNIX = np.datetime64("1970-01-01T00:00:00")
J2000 = np.datetime64("2000-01-01T12:00:00")


def _from_seconds(seconds: Numbers, start: np.datetime64) -> Days:
    valid = np.abs(seconds) < 1e10
    whole = np.floor(np.where(valid, seconds, 0)).astype(np.int64)
    day = (start + whole).astype("datetime64[D]")
    return np.where(valid, day, np.datetime64("NaT", "D"))


def _days_of_decimal_dates(date: Numbers) -> Days:
    """Days from yyyymmdd, perhaps with a fraction of the day."""
    return days_of_dates(np.floor(date))


_NUMBERS: dict[str, Callable[[Numbers], Days]] = {
    "mjd": days_of_mjd,
    "jd": lambda date: days_of_mjd(date - JULIAN_DATE),
    "yyyymmdd": _days_of_decimal_dates,
    "unix": lambda seconds: _from_seconds(seconds, UNIX),
    "j2000": lambda seconds: _from_seconds(seconds, J2000),
}

#: Decimal years of a convention that is to be recognised.
ANY_YEAR = "decimal years"

#: A pattern of the time of day alone, which does not matter here.
CLOCK = re.compile(r"(?:%[HMSfzZIp]|[^%])+")

#: Columns that make up a day as numbers.
ORDINAL, DATE = ("%Y", "%j"), ("%Y", "%m", "%d")

#: What the words of a column of times look like.
_LOOKS = (
    ("iso", r"(?:19|20)\d\d-\d{1,2}-\d{1,2}(?:[T ].*)?"),
    ("%Y/%m/%d", r"(?:19|20)\d\d/\d{1,2}/\d{1,2}"),
    ("%Y.%m.%d", r"(?:19|20)\d\d\.\d{1,2}\.\d{1,2}"),
    ("yyyy:doy", r"(?:19|20)\d\d[:-]\d{3}(?:[:T].*)?"),
    ("yyMMMdd", r"\d\d[A-Za-z]{3}\d\d"),
    ("yyyymmdd", r"(?:19|20)\d{6}(?:\.\d*)?"),
    (ANY_YEAR, r"(?:19|20)\d\d\.\d{3,}"),
    ("jd", r"24\d{5}(?:\.\d*)?"),
    ("mjd", r"(?:4[4-9]|5\d|6\d)\d{3}(?:\.\d*)?"),
    ("unix", r"\d{9,10}(?:\.\d*)?"),
    ("%d.%m.%Y", r"\d{1,2}\.\d{1,2}\.(?:19|20)\d\d"),
)


def time_format_of(words: Sequence[str]) -> str:
    """Recognise how a column writes time.

    Args:
      words: Some of its words.

    Returns:
      A pattern, one of `jaxload.io.gnss.options.TIMES` or `ANY_YEAR`; empty if it is
      not recognised, as 03/04/2010 of which the month may come first or second.
    """
    bare = [word.strip().strip('"') for word in words]
    for name, look in _LOOKS:
        if bare and all(re.fullmatch(look, word) for word in bare):
            return name
    return ""


def time_days(
    table: Table, places: Sequence[int], time_format: str = "", otherwise: str = ""
) -> Days:
    """Find the days of the rows of a table.

    Args:
      table: The table.
      places: Positions of the columns that write the time, from 0.
      time_format: A pattern as ``"%Y %j"``, a part for each column, or one of
        `jaxload.io.gnss.options.TIMES`; empty to recognise it. A day of the year may
        have decimals.
      otherwise: What decimal years are, and what is not recognised.

    Returns:
      The days, shape (row,).

    Raises:
      ValueError: If the way of writing is not recognised, or a row has no such day.
        The message names its line.
    """
    name = time_format or _recognised(table, places, otherwise)
    if name == ANY_YEAR or name in YEAR_FORMATS:
        return year_days(table, places[0], otherwise if name == ANY_YEAR else name)
    day, shown = days_in_format(table, places, name)
    return checked_days(table.path, table.numbers, shown, day)


def days_in_format(
    table: Table, places: Sequence[int], time_format: str
) -> tuple[Days, Sequence[object]]:
    """Find the days of the rows of a table, however long ago they are.

    Args:
      table: The table.
      places: Positions of the columns that write the time, from 0.
      time_format: A pattern or a name as of `time_days`, but for decimal years.

    Returns:
      The days, NaT where a row has no such day, and what the file has in their place;
      both of shape (row,).
    """
    if time_format in _NUMBERS:
        number = number_column(table, places[0], "time")
        return _NUMBERS[time_format](number), number.tolist()
    return _of_words(table, *_without_clock(places, time_format))


def date_days(table: Table, index: int) -> Days:
    """Find the days of a column of dates as numbers, yyyymmdd.

    Args:
      table: The table.
      index: Position of the column, from 0.

    Returns:
      The days, shape (row,).

    Raises:
      ValueError: If one is no day. The message names its line.
    """
    date = number_column(table, index, "yyyymmdd")
    return checked_days(table.path, table.numbers, date.tolist(), days_of_dates(date))


def year_days(table: Table, index: int, time_format: str = "") -> Days:
    """Find the days of a column of decimal years.

    Args:
      table: The table.
      index: Position of the column, from 0.
      time_format: Their convention, one of `YEAR_FORMATS`; empty to recognise it.

    Returns:
      The days, shape (row,).

    Raises:
      ValueError: If one is no day, or their convention is not clear.
    """
    year = number_column(table, index, "decimal year")
    try:
        day = days_of_decimals(year, time_format)
    except ValueError as error:
        raise ValueError(f"{table.path} {error}") from None
    return checked_days(table.path, table.numbers, year.tolist(), day)


def _words(table: Table, place: int) -> list[str]:
    if table.matrix is not None:
        return [f"{value:.15g}" for value in table.matrix[:, place]]
    return [word.strip('"').strip() for word in text_column(table, place)]


def _recognised(table: Table, places: Sequence[int], otherwise: str) -> str:
    first, *others = (_words(table, place) for place in places)
    recognised = time_format_of(first[:5] + first[-5:]) or _with_slashes(first)
    if (
        not recognised
        and others
        and all(re.fullmatch(r"(19|20)\d\d", w) for w in first)
    ):
        recognised = " ".join(ORDINAL if len(places) == 2 else DATE)
    recognised = recognised or otherwise
    if not recognised:
        shown = " ".join([first[0], *(words[0] for words in others)])
        raise ValueError(
            f"{table.path} line {table.numbers[0]}: {shorten(shown)} is not a day in a "
            "way that can be recognised; say in which by time_format, perhaps "
            '"%d/%m/%Y"'
        )
    return recognised


def _with_slashes(words: list[str]) -> str:
    """The order of day and month where a number above 12 shows it."""
    hits = [re.fullmatch(r"(\d{1,2})/(\d{1,2})/(?:19|20)\d\d", word) for word in words]
    if not all(hits):
        return ""
    first, second = (max(int(hit[n]) for hit in hits if hit) for n in (1, 2))
    if (first > 12) == (second > 12):
        return ""
    return "%d/%m/%Y" if first > 12 else "%m/%d/%Y"


def _without_clock(
    places: Sequence[int], pattern: str
) -> tuple[tuple[int, ...], list[str]]:
    """The columns of the day, without those of the hour, and the pattern of each."""
    parts = pattern.split()
    if len(parts) != len(places):
        return tuple(places), [pattern]
    pairs = [
        (place, part)
        for place, part in zip(places, parts)
        if "%" not in part or not CLOCK.fullmatch(part)
    ]
    return tuple(place for place, _ in pairs), [part for _, part in pairs]


def _of_words(
    table: Table, places: tuple[int, ...], parts: list[str]
) -> tuple[Days, Sequence[object]]:
    """The days, and what the file has in their place."""
    shown = [" ".join(row) for row in zip(*(_words(table, place) for place in places))]
    if tuple(parts) == ORDINAL:
        year, day = (number_column(table, place, "time") for place in places)
        return days_of_ordinals(year, np.floor(day)), shown
    if tuple(parts) == DATE:
        year, month, day = (number_column(table, place, "time") for place in places)
        return days_of_parts(year, month, day), shown
    return days_of_texts(shown, " ".join(parts)), shown

"""Calendar days from the ways in which files write them."""

import datetime
import pathlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jaxload.io.text.words import shorten

__all__ = [
    "MONTHS",
    "NOT_A_DAY",
    "checked_days",
    "days_of_dates",
    "days_of_julian_years",
    "days_of_mjd",
    "days_of_ordinals",
    "days_of_parts",
    "days_of_texts",
    "days_of_years",
    "year_limits",
]

#: GNSS has been observed since 1980; a day far off is a slip, and would make the
#: daily axis of the whole network endless.
FIRST_DAY, LAST_DAY = np.datetime64("1980-01-01"), np.datetime64("2100-12-31")

#: Day 0 of the modified Julian date.
MODIFIED_JULIAN = np.datetime64("1858-11-17")

NOT_A_DAY = np.datetime64("NaT", "D")

#: Two digits of a year from here on belong to the 20th century.
PIVOT = 80

MONTHS = [
    "JAN",
    "FEB",
    "MAR",
    "APR",
    "MAY",
    "JUN",
    "JUL",
    "AUG",
    "SEP",
    "OCT",
    "NOV",
    "DEC",
]


def days_of_dates(date: NDArray[np.float64]) -> NDArray[np.datetime64]:
    """Days from yyyymmdd numbers; NaT where there is no such date."""
    valid = (date >= 1e7) & (date < 1e8) & (date % 1 == 0)
    number = np.where(valid, date, 19800101).astype(np.int64)
    year, month, day = number // 10000, number // 100 % 100, number % 100
    first = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    result = first.astype("datetime64[D]") + (day - 1).astype("m8[D]")
    valid &= (month >= 1) & (month <= 12) & (day >= 1)
    valid &= result.astype("datetime64[M]") == first
    return np.where(valid, result, NOT_A_DAY)


def days_of_parts(
    year: NDArray[np.float64], month: NDArray[np.float64], day: NDArray[np.float64]
) -> NDArray[np.datetime64]:
    """Days from years, months and days of the month; NaT where there is no such day.

    Days of the month may have the time of the day as decimals.
    """
    whole = (year % 1 == 0) & (month % 1 == 0)
    # What is beyond two digits would count for another year or month.
    whole &= (month >= 1) & (month < 100) & (day >= 1) & (day < 100)
    return days_of_dates(
        np.where(whole, 10_000 * year + 100 * month + np.floor(day), np.nan)
    )


def days_of_mjd(number: NDArray[np.float64]) -> NDArray[np.datetime64]:
    """Days from modified Julian dates, at any hour; NaT where there is no such day."""
    valid = (number >= 0) & (number < 1e6)
    day = MODIFIED_JULIAN + np.where(valid, number, 0).astype("m8[D]")
    return np.where(valid, day, NOT_A_DAY)


def days_of_ordinals(
    year: NDArray[np.float64], day: NDArray[np.float64]
) -> NDArray[np.datetime64]:
    """Days from years and days of the year, from 1; NaT where there is none."""
    valid = (year % 1 == 0) & (day % 1 == 0) & (year >= 1) & (year <= 9999)
    first, after = year_limits(np.where(valid, year, 2000))
    length = (after - first).astype(np.float64)
    valid &= (day >= 1) & (day <= length)
    since = (np.where(valid, day, 1) - 1).astype("m8[D]")
    return np.where(valid, first + since, NOT_A_DAY)


def days_of_years(decimal: NDArray[np.float64]) -> NDArray[np.datetime64]:
    """Days from calendar years with decimals: 2010.5 is the middle of 2010.

    The fraction is of the length of that very year. Programs date a day by its noon
    or by its beginning, and cut the number after four or five decimals; a quarter of
    a day is added before it is rounded down, which brings all these to the right day.

    Args:
      decimal: Decimal years, shape (epoch,).

    Returns:
      Days; NaT where there is no such year.
    """
    valid = (decimal >= 1) & (decimal < 9999)
    year = np.floor(np.where(valid, decimal, 2000))
    first, after = year_limits(year)
    length = (after - first).astype(np.float64)
    day = (np.where(valid, decimal, 2000) - year) * length
    since = np.floor(day + 0.25).astype("m8[D]")
    return np.where(valid, first + since, NOT_A_DAY)


def year_limits(year: NDArray[np.float64]) -> tuple[NDArray[np.datetime64], ...]:
    """The first day of each year, and of the one after."""
    since = year.astype(np.int64) - 1970
    return tuple(
        (since + more).astype("datetime64[Y]").astype("datetime64[D]")
        for more in (0, 1)
    )


def days_of_julian_years(decimal: NDArray[np.float64]) -> NDArray[np.datetime64]:
    """Days from years of 365.25 days since noon of 1 January 2000, as JPL counts."""
    valid = (decimal >= 1900) & (decimal < 2200)
    since = 365.25 * (np.where(valid, decimal, 2000) - 2000) + 0.5
    # A day before noon is still that day; rounding errs by minutes only.
    day = np.datetime64("2000-01-01") + np.floor(since + 1e-2).astype(np.int64)
    return np.where(valid, day, NOT_A_DAY)


def days_of_texts(texts: Sequence[str], pattern: str) -> NDArray[np.datetime64]:
    """Days from texts.

    Args:
      texts: One text a day.
      pattern: ``"yyMMMdd"`` for 95MAY19, ``"yyyy:doy"`` for 1995:139 and for
        1995:139:43200, ``"iso"`` or ``"%Y-%m-%d"`` for 2010-01-31 and what follows it,
        as in 2010-01-31T12:00, otherwise as `datetime.datetime.strptime` has it.

    Returns:
      Days; NaT where the text is no such day.
    """
    known = {text: _day_of_text(text, pattern) for text in set(texts)}
    return np.array([known[text] for text in texts], dtype="datetime64[D]")


def _day_of_text(text: str, pattern: str) -> np.datetime64:
    try:
        if pattern == "yyMMMdd":
            return _short_day(text)
        if pattern in ("iso", "%Y-%m-%d"):
            return _iso_day(text)
        if pattern == "yyyy:doy":
            return _ordinal_day(text)
        return np.datetime64(datetime.datetime.strptime(text, pattern).date(), "D")
    # The latter where a number is too large for any calendar.
    except (ValueError, OverflowError):
        return NOT_A_DAY


def _iso_day(text: str) -> np.datetime64:
    # Some programs write months and days without their zeros.
    words = re.match(r"\s*(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)", text)
    if not words:
        raise ValueError(text)
    return np.datetime64(datetime.date(*map(int, words.groups())), "D")


def _ordinal_day(text: str) -> np.datetime64:
    year, day = re.split(r"[:-]", text.strip())[:2]
    start = datetime.datetime.strptime(f"{int(year):04d} {int(day[:3]):03d}", "%Y %j")
    return np.datetime64(start.date(), "D")


def _short_day(text: str) -> np.datetime64:
    short, month = int(text[:2]), MONTHS.index(text[2:5].upper()) + 1
    year = short + (1900 if short >= PIVOT else 2000)
    return np.datetime64(datetime.date(year, month, int(text[5:])), "D")


def checked_days(
    path: pathlib.Path,
    numbers: Sequence[int],
    shown: Sequence[object],
    day: NDArray[np.datetime64],
) -> NDArray[np.datetime64]:
    """Check that all are days on which GNSS can have been observed.

    Args:
      path: The file, for the message.
      numbers: Number of the line of each.
      shown: What the file says, for the message.
      day: The days, shape (epoch,).

    Returns:
      The days.

    Raises:
      ValueError: If one is not.
    """
    bad = ~((day >= FIRST_DAY) & (day <= LAST_DAY))
    if bad.any():
        row = int(np.argmax(bad))
        text = shown[row]
        text = f"{text:.10g}" if isinstance(text, float) else shorten(str(text))
        raise ValueError(
            f"{path} line {numbers[row]}: {text} is not a day between {FIRST_DAY} and "
            f"{LAST_DAY}"
        )
    return day

"""Days from texts whose way of writing is known from all of them."""

import calendar
import datetime
import functools
import pathlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jaxload.io.text.dates import (
    MONTHS,
    NOT_A_DAY,
    days_of_mjd,
    days_of_ordinals,
    days_of_parts,
    days_of_texts,
    days_of_years,
)
from jaxload.io.text.words import shorten

__all__ = ["days_as_written", "days_of_fields", "parse_decimal_years", "written_days"]

Days = NDArray[np.datetime64]

#: Texts whose days are kept, some centuries of them.
MOST_WORDS = 2**17

#: What may follow a day: the time of the day, which is left out.
_CLOCK = (
    r"(?:[T ,:_-]\s*\d{1,2}(?:[:h.]?\d{2}(?:[:.]\d{2}(?:\.\d+)?)?)?\s*(?:[AP]M)?\s*"
    r"(?:Z|UTC|GMT|[+-]00:?00)?)?"
)

_DATE = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})" + _CLOCK, re.I | re.A)
_CHINESE = re.compile(r"(\d{4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日?" + _CLOCK, re.A)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})" + _CLOCK, re.I | re.A)
_NAMED = re.compile(r"(\d{4})[-/ ]?([A-Za-z]{3})[-/ ]?(\d{1,2})" + _CLOCK, re.I | re.A)
_NAMED_SHORT = re.compile(r"\d{2}[A-Za-z]{3}\d{2}", re.A)
_NAMED_LAST = re.compile(
    r"(\d{1,2})[-/ ]([A-Za-z]{3})[A-Za-z]*[-/ ,]+(\d{4})" + _CLOCK, re.I | re.A
)
_ORDINAL = re.compile(r"(\d{4})[-/]?(\d{3})", re.A)
_NUMBER = re.compile(r"\d+(?:\.\d*)?", re.A)
_MONTH = re.compile(r"(\d{4})[-/](\d{1,2})", re.A)

#: Decimal years and modified Julian dates between which records lie.
_YEARS, _MJD = (1800.0, 2200.0), (15_000.0, 90_000.0)


def days_as_written(
    path: pathlib.Path, numbers: Sequence[int], texts: Sequence[str]
) -> Days:
    """Read days however they are written, provided that no other day can be meant.

    Known are 2010-01-31, 2010/1/31, 2010.01.31, 20100131, 2010jan31, 10JAN31,
    31-Jan-2010, 2010-031, decimal years, modified Julian dates and Chinese dates, each
    with the time of the day or without. A month alone, 2010-01, is its 15th. Not known
    are 01/02/2010 and its like, which mean one day here and another there.

    Args:
      path: The file, for messages.
      numbers: Number of the line of each.
      texts: One text a day.

    Returns:
      The days, shape (epoch,).

    Raises:
      ValueError: If one is no day, or written in a way that has two meanings.
    """
    days = written_days(texts)
    if np.isnat(days).any():
        row = int(np.argmax(np.isnat(days)))
        word = texts[row].strip()
        raise ValueError(
            f"{path} line {numbers[row]}: {word if word.isdigit() else shorten(word)} "
            "is not a day that is known, such as 2010-01-31 or 2010.0833"
        )
    return days


def written_days(texts: Sequence[str]) -> Days:
    """Read days as `days_as_written` does, those that cannot be read as NaT.

    Args:
      texts: One text a day.

    Returns:
      The days, shape (epoch,).
    """
    words = [text.strip().strip('"').strip() for text in texts]
    # Files of a network, and columns of one, name the same days again and again.
    different = list(dict.fromkeys(words))
    known = dict(zip(different, _read(different)))
    return np.array([known[word] for word in words], "M8[D]")


def days_of_fields(fields: dict[str, NDArray[np.float64]]) -> Days:
    """Make days of columns for year, month and day, or year and day of the year.

    Args:
      fields: Columns of numbers by what they are: "year" with "doy", or with "month"
        and "day", or alone "mjd" or "decimal_year".

    Returns:
      The days; NaT where there is none.
    """
    if "mjd" in fields:
        return days_of_mjd(fields["mjd"])
    if "decimal_year" in fields:
        return days_of_years(fields["decimal_year"])
    if "doy" in fields:
        # Days of the year may have the time of the day as decimals.
        return days_of_ordinals(fields["year"], np.floor(fields["doy"]))
    return days_of_parts(*(fields[name] for name in ("year", "month", "day")))


def parse_decimal_years(texts: Sequence[str]) -> NDArray[np.float64] | None:
    """Read decimal years.

    Args:
      texts: One text a day.

    Returns:
      The years, shape (epoch,); None if any is no year, or all are whole.
    """
    words = [text.strip().strip('"').strip() for text in texts]
    if not words or not all(map(_NUMBER.fullmatch, words)):
        return None
    years = np.array(words, np.float64)
    low, high = _YEARS
    fits = (years >= low) & (years < high)
    return years if fits.all() and (years % 1).any() else None


def _read(words: Sequence[str]) -> Days:
    """Days of texts, read as most of them are to be."""
    # Years alone, without decimals, are no days.
    if (years := parse_decimal_years(words)) is not None:
        return days_of_years(years)
    low, high = _MJD
    numeric = bool(words) and all(map(_NUMBER.fullmatch, words))
    if numeric and all(low <= float(word) < high for word in words):
        return days_of_mjd(np.array(words, np.float64))
    return np.array([_day(word) for word in words], "M8[D]")


@functools.lru_cache(MOST_WORDS)
def _day(word: str) -> np.datetime64:
    """A day by its text alone."""
    for pattern, order in (
        (_DATE, (0, 2, 3)),
        (_CHINESE, (0, 1, 2)),
        (_COMPACT, (0, 1, 2)),
        (_NAMED, (0, 1, 2)),
        (_NAMED_LAST, (2, 1, 0)),
    ):
        match = pattern.fullmatch(word)
        if match:
            return _of_parts(*(match.groups()[i] for i in order))
    if _NAMED_SHORT.fullmatch(word):
        return days_of_texts([word], "yyMMMdd")[0]
    match = _ORDINAL.fullmatch(word)
    if match:
        return _of_ordinal(int(match[1]), int(match[2]))
    match = _MONTH.fullmatch(word)
    return _of_parts(match[1], match[2], "15") if match else NOT_A_DAY


def _of_parts(year: str, month: str, day: str) -> np.datetime64:
    if month.isalpha():
        if month.upper() not in MONTHS:
            return NOT_A_DAY
        month = str(MONTHS.index(month.upper()) + 1)
    if int(year) < 1000:
        return NOT_A_DAY
    try:
        return np.datetime64(datetime.date(int(year), int(month), int(day)), "D")
    except ValueError:
        return NOT_A_DAY


def _of_ordinal(year: int, day: int) -> np.datetime64:
    if year < 1 or not 1 <= day <= 365 + calendar.isleap(year):
        return NOT_A_DAY
    first = datetime.date(year, 1, 1)
    return np.datetime64(first + datetime.timedelta(days=day - 1), "D")

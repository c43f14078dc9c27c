"""Of which month a gravity field is, by its header or its name."""

import pathlib
import re
from collections.abc import Iterator, Sequence

import numpy as np

from jaxload.io.text.words import shorten

__all__ = ["month_span"]

Span = tuple[np.datetime64, np.datetime64]

#: Years in which fields of months have been seen from space.
FIRST_YEAR, LAST_YEAR = 1975, 2100

#: Longest span of a field that is one of a month [days].
LONGEST = 190

_HEADER = re.compile(r"\s*(time_period_of_data|time_coverage\w*|time_period)\b", re.I)
_DAY = re.compile(r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})(?!\d)", re.A)
_ORDINALS = re.compile(r"(?<!\d)(\d{4})(\d{3})-(\d{4})?(\d{3})(?!\d)", re.A)
_DAYS = re.compile(r"(?<!\d)(\d{8})(?:T\d{6})?[-_](\d{8})(?:T\d{6})?(?!\d)", re.A)
_MONTH = re.compile(r"(?<!\d)(\d{4})[-_.]?(\d{2})(?:[-_.]?(\d{2}))?(?!\d)", re.A)


def month_span(path: pathlib.Path, head: Sequence[str], title: str) -> tuple:
    """Find the span of a monthly field.

    Args:
      path: The file, whose name may hold it.
      head: Lines of its header.
      title: What the field calls itself.

    Returns:
      Begin and end, which is the begin of the day after the last; empty for a field
      that says no month.

    Raises:
      ValueError: If the name of the file is of another month than the field.
    """
    header = _of_header(head)
    if header is not None and _span(*header) is None:
        return ()
    by_title = _span(*header) if header else _of_name(title)
    by_file = _of_name(path.name)
    if not by_title:
        return by_file or ()
    if by_file and not (by_file[0] < by_title[1] and by_title[0] < by_file[1]):
        months = [np.datetime_as_string(span[0], "D") for span in (by_file, by_title)]
        raise ValueError(
            f"{path} is called after a month from {months[0]} on, but says that it is "
            f"{shorten(title)} of one from {months[1]} on; give it its own name"
        )
    return by_title


def _of_header(head: Sequence[str]) -> Span | None:
    """The first and the last day that lines about the period of data name."""
    days = [
        day
        for line in head
        if _HEADER.match(line)
        for match in list(_DAY.finditer(line.partition("(")[0]))[:2]
        if (day := _day(*match.groups())) is not None
    ]
    return (min(days), max(days)) if len(days) > 1 else None


def _of_name(name: str) -> Span | None:
    return next(_spans(name), None)


def _spans(name: str) -> Iterator[Span]:
    """Spans that parts of a name may mean, the surest first."""
    for match in _ORDINALS.finditer(name):
        year, first, other, last = match.groups()
        days = _ordinal(year, first), _ordinal(other or year, last)
        if days[0] is not None and days[1] is not None:
            span = _span(days[0], days[1])
            yield from [span] if span else []
    for match in _DAYS.finditer(name):
        ends = [_day(x[:4], x[4:6], x[6:]) for x in match.groups()]
        if ends[0] is not None and ends[1] is not None:
            span = _span(ends[0], ends[1])
            yield from [span] if span else []
    if _ORDINALS.search(name) or _DAYS.search(name):
        return  # of years, not of months
    for match in _MONTH.finditer(name):
        first = _day(match[1], match[2], match[3] or "01")
        if first is None:
            continue
        if match[3]:
            yield first, first + np.timedelta64(1, "D")
        else:
            after = (first.astype("M8[M]") + 1).astype("M8[ns]")
            yield first, after


def _span(first: np.datetime64, last: np.datetime64) -> Span | None:
    """A span of days, both included, if it is one of about a month."""
    stop = last + np.timedelta64(1, "D")
    days = (stop - first) / np.timedelta64(1, "D")
    return (first, stop) if 0 < days <= LONGEST else None


def _day(year: str, month: str, day: str) -> np.datetime64 | None:
    if not FIRST_YEAR <= int(year) <= LAST_YEAR:
        return None
    try:
        return np.datetime64(f"{year}-{month}-{day}", "ns")
    except ValueError:
        return None


def _ordinal(year: str, day: str) -> np.datetime64 | None:
    first = _day(year, "01", "01")
    if first is None or not 1 <= int(day) <= 366:
        return None
    return first + np.timedelta64(int(day) - 1, "D")

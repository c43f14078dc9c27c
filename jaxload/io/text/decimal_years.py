"""Days from decimal years, by whichever of the usual conventions they keep."""

import dataclasses
import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from jaxload.io.text.dates import (
    FIRST_DAY,
    LAST_DAY,
    NOT_A_DAY,
    days_of_julian_years,
    year_limits,
)

__all__ = ["YEAR_FORMATS", "days_of_decimals"]

Days = NDArray[np.datetime64]
Years = NDArray[np.float64]

#: Day from which years of 365.25 days are counted.
EPOCH = np.datetime64("2000-01-01")

#: Share of the rows that a convention must meet, and of the rows of each year.
SHARE, YEAR_SHARE = 0.8, 0.5

#: Rows of a year that are enough to judge it by.
JUDGED = 10

#: What epochs may be off by in addition to rounding [days]: some programs date a day by
#: the middle of what was observed, or in the time of satellites.
SLACK = 0.02

#: Rounding [days] that leaves most days of any convention near.
COARSE = 0.1

#: Rows over which a drift is looked for: their mean miss is known to 0.02 days.
PIECE = 60

#: Differences of those means that are a drift [days].
DRIFT = 0.15

#: Days in the years of conventions that have the same for all, and from which number
#: the day of the year is counted in the numerator.
_LENGTHS = {"365": 365.0, "365.25": 365.25, "366": 366.0}
_FIRST = {"doy": 1.0, "(doy-0.5)": 0.5, "(doy-1)": 0.0}

#: Names of the conventions that a user can ask for.
YEAR_FORMATS = (
    "decimal_year",
    "julian_year",
    "julian_year_midnight",
    *(f"{first}/{length}" for length in _LENGTHS for first in _FIRST),
    "doy/length",
)


@dataclasses.dataclass(frozen=True)
class _Match:
    """The nearest days that a convention has for decimal years.

    Attributes:
      day: Those days, shape (epoch,).
      miss: By how much the years differ from theirs [days], shape (epoch,).
    """

    day: Days
    miss: NDArray[np.float64]


def days_of_decimals(year: Years, time_format: str = "") -> Days:
    """Find the days of decimal years.

    Without a convention, years of the calendar are tried, whose fraction is of the
    length of that very year, and years of 365.25 days counted from the beginning of
    2000, both with epochs at noon and at midnight. One that nearly all rows meet is
    taken.

    Args:
      year: Decimal years in the order of the file, shape (epoch,).
      time_format: One of `YEAR_FORMATS`; empty to recognise the convention.

    Returns:
      The days; NaT where a number is no year that GNSS was observed in.

    Raises:
      ValueError: If the years meet no convention, or several that differ. The message
        names those that they could be.
    """
    valid = (year >= 1900) & (year < 2200)
    day = np.full(year.shape, NOT_A_DAY)
    if not valid.any():
        return day
    seen = year[valid]
    day[valid] = _stated(seen, time_format) if time_format else _recognised(seen)
    return day


def _stated(year: Years, name: str) -> Days:
    if name == "julian_year":
        return days_of_julian_years(year)
    if name == "julian_year_midnight":
        since = np.floor(365.25 * (year - 2000) + SLACK)
        return EPOCH + since.astype("m8[D]")
    if name == "decimal_year":
        # Several rows a day are no convention's; the day they are in is still known.
        return _beginning(year) if _is_subdaily(year) else _calendar(year)
    if name == "doy/length":
        return _met(year, _fixed(year, None, 1.0), name)
    hit = re.fullmatch(r"(\(?doy[-\d.]*\)?)/([\d.]+)", name)
    if not hit or hit[1] not in _FIRST or hit[2] not in _LENGTHS:
        raise ValueError(f"time_format is {name!r}")
    return _met(year, _fixed(year, _LENGTHS[hit[2]], _FIRST[hit[1]]), name)


def _met(year: Years, match: _Match, name: str) -> Days:
    if not _is_met(match, _rounding(year) + SLACK):
        raise ValueError(f'has decimal years that are not of time_format "{name}"')
    return match.day


def _calendar(year: Years) -> Days:
    best = _best(year, [_of_calendar(year, 0.0), _of_calendar(year, 0.5)])
    if best is None:
        raise ValueError(_unmet(year))
    return best.day


def _recognised(year: Years) -> Days:
    if _is_subdaily(year):
        raise ValueError(
            "has several rows a day dated by decimal years; if they are of the "
            'calendar, set time_format = "decimal_year"'
        )
    candidates = [_of_calendar(year, 0.0), _of_calendar(year, 0.5), _julian(year, 0.0)]
    best = _best(year, candidates)
    if best is None:
        raise ValueError(_unmet(year))
    return best.day


def _is_subdaily(year: Years) -> bool:
    steps = np.diff(np.unique(year)) * 365.25
    return len(steps) > 1 and float(np.median(steps)) < 0.7


def _best(year: Years, candidates: list[_Match]) -> _Match | None:
    """The convention that most rows meet best; the first where several are as good."""
    allowed = _rounding(year) + SLACK
    met = [one for one in candidates if _is_met(one, allowed)]
    if not met:
        return None
    misses = [float(np.sqrt(np.mean(one.miss**2))) for one in met]
    return met[int(np.argmax(np.array(misses) <= min(misses) + SLACK))]


def _is_met(match: _Match, allowed: float) -> bool:
    near = np.abs(match.miss) <= allowed
    of_year = match.day.astype("datetime64[Y]")
    for one in np.unique(of_year):
        rows = near[of_year == one]
        if len(rows) >= JUDGED and rows.mean() < YEAR_SHARE:
            return False
    # Where decimals are so few that most days of any convention are near, only those
    # of the right one do not drift.
    steady = allowed <= COARSE or _drift(match.miss) < DRIFT
    return bool(near.mean() >= SHARE) and steady


def _drift(miss: NDArray[np.float64]) -> float:
    """By how much the mean miss of some successive rows differs from that of others."""
    pieces = np.array_split(miss, max(1, len(miss) // PIECE))
    means = [np.angle(np.exp(2j * np.pi * piece).mean()) for piece in pieces]
    return float(np.ptp(np.unwrap(means))) / (2 * np.pi)


def _rounding(year: Years) -> float:
    """What rounding or cutting decimals may have moved an epoch by [days]."""
    places = next(
        (n for n in range(2, 10) if np.allclose(np.round(year, n), year, 0, 1e-10)), 10
    )
    return 365.25 * 10.0**-places


def _nearest(year: Years, value: Years, day: Days) -> _Match:
    """The candidates nearest to decimal years.

    Args:
      year: Decimal years, shape (epoch,).
      value: Those that a convention has for some days, shape (day,).
      day: Those days.
    """
    order = np.argsort(value, kind="stable")
    value, day = value[order], day[order]
    right = np.clip(np.searchsorted(value, year), 1, len(value) - 1)
    left_is_nearer = year - value[right - 1] <= value[right] - year
    index = np.where(left_is_nearer, right - 1, right)
    return _Match(day[index], 365.25 * (year - value[index]))


def _all_days(year: Years) -> Days:
    """Every day from a year before the first to a year after the last."""
    first, last = (int(f(year)) - 1970 for f in (np.min, np.max))
    first, last = (
        np.datetime64(n, "Y").astype("datetime64[D]") for n in (first - 1, last + 2)
    )
    days = np.arange(first, last)
    return days[(days >= FIRST_DAY) & (days <= LAST_DAY)] if len(days) else days


def _parts(day: Days) -> tuple[Years, Years, Years]:
    """The year of each day, its number in the year from 0, and the year's length."""
    year = 1970.0 + day.astype("datetime64[Y]").astype(np.float64)
    first, after = year_limits(year)
    return year, (day - first).astype(np.float64), (after - first).astype(np.float64)


def _from(year: Years, value_of: Callable[[Days], Years]) -> _Match:
    day = _all_days(year)
    if len(day) < 2:
        return _Match(np.full(year.shape, NOT_A_DAY), np.full(year.shape, np.inf))
    return _nearest(year, value_of(day), day)


def _of_calendar(year: Years, hour: float) -> _Match:
    def value_of(day: Days) -> Years:
        start, number, length = _parts(day)
        return start + (number + hour) / length

    return _from(year, value_of)


def _julian(year: Years, hour: float) -> _Match:
    return _from(
        year, lambda day: 2000 + ((day - EPOCH).astype(np.float64) + hour) / 365.25
    )


def _fixed(year: Years, length: float | None, first: float) -> _Match:
    """Years of one length for all; of the calendar's if None, but counted from 1."""

    def value_of(day: Days) -> Years:
        start, number, actual = _parts(day)
        return start + (number + first) / (length or actual)

    match = _from(year, value_of)
    return dataclasses.replace(match, day=_apart(year, match.day))


def _apart(year: Years, day: Days) -> Days:
    """Part 31 December of a leap year from the 1 January that has the same number."""
    twice = np.flatnonzero((np.diff(year) == 0) & (day[1:] == day[:-1]))
    result = day.copy()
    for row in twice:
        start = day[row].astype("datetime64[Y]").astype("datetime64[D]")
        in_december = day[row] != start
        result[row + 1 if in_december else row] += 1 if in_december else -1
    return result


def _beginning(year: Years) -> Days:
    """The day of the calendar that a moment is in."""
    start = np.floor(year)
    first, after = year_limits(start)
    length = (after - first).astype(np.float64)
    # A minute, which is more than the fifth decimal of an hour rounds away.
    since = np.floor((year - start) * length + 1e-3)
    return first + since.astype("m8[D]")


def _unmet(year: Years) -> str:
    """Say which conventions the years could be of."""
    allowed = _rounding(year) + SLACK
    conventions = [
        f"{first}/{name}"
        for name, length in _LENGTHS.items()
        for first, from_number in _FIRST.items()
        if _is_met(_fixed(year, length, from_number), allowed)
    ]
    if conventions:
        listed = " or ".join(f'"{name}"' for name in conventions)
        return (
            "has decimal years that are not of the calendar; they may be the year and "
            f"{listed}: set time_format to what they are"
        )
    phase = float(np.angle(np.exp(2j * np.pi * 365.25 * (year - 2000)).mean()))
    hour = 24 * (phase / (2 * np.pi) % 1)
    return (
        "has decimal years that fall neither on noon nor on the beginning of days of "
        f"the calendar; of 365.25 days they fall on {hour:.0f} hours past the "
        'beginning of 2000: set time_format = "julian_year" if those are counted from '
        'noon of 1 January 2000, "julian_year_midnight" if from its midnight, or '
        "describe another column as time in columns"
    )

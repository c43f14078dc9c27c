"""What stamps mean that come without bounds: the days, weeks or months around them."""

import numpy as np
from numpy.typing import NDArray

from jaxload._calendar import DAY, month_bounds

__all__ = ["CALENDAR", "STAMPS", "stamp_bounds", "usual_step"]

Times = NDArray[np.datetime64]

#: Where the stamps of a product stand in their spans.
STAMPS = ("auto", "start", "middle", "end", "instant")

#: Spans of the calendar, by name.
CALENDAR = ("day", "week", "month", "year")

#: How far stamps of calendar spans are apart [days].
STEPS = {"day": (0.96, 1.04), "week": (6.5, 7.5), "month": (27, 32), "year": (364, 367)}

#: How far those of a quarter of a year are, whose months none must be taken for.
QUARTER = (89, 93)

#: 1970-01-04, a Sunday, on which GPS weeks begin.
SUNDAY = np.datetime64("1970-01-04", "D")

WEEK, HALF_DAY, MINUTE = 7 * DAY, np.timedelta64(12, "h"), np.timedelta64(1, "m")

#: Days by which the stamp of a whole month may miss its middle.
OFF_MIDDLE = 2.5

#: Minutes of a mean month.
MONTH_MINUTES = np.timedelta64(43830, "m")


def stamp_bounds(
    stamps: Times, stamp: str, span: str | np.timedelta64 | None, method: str
) -> tuple[Times, str]:
    """Find what entries are means of by their stamps.

    Args:
      stamps: Ascending, each once, shape (time,).
      stamp: Where they stand in their spans, one of `STAMPS`.
      span: One of `CALENDAR`, or a length; None to find it from their distance.
      method: "mean", "sum" or "point" where the product states it; else empty.

    Returns:
      Begin and end of each entry, shape (time, 2), and what they were taken for:
      "instant", "hours", one of `CALENDAR`, "centred" or, of one stamp alone, "single".
    """
    if stamp == "instant":
        return _instants(stamps), "instant"
    if isinstance(span, str):
        return _calendar(stamps, span, stamp), span
    if span is not None:
        where = _place_in_step(stamps, span, method) if stamp == "auto" else stamp
        return _fixed(stamps, span, where), "hours"
    if len(stamps) < 2:
        return _calendar(stamps, "day", stamp), "single"
    return _by_distance(stamps, stamp, method)


def usual_step(stamps: Times) -> np.timedelta64:
    """How far stamps are apart as a rule, whatever is missing between some.

    Args:
      stamps: Ascending, two or more, shape (time,).
    """
    apart = np.sort(np.diff(stamps))
    return apart[(len(apart) - 1) // 2].astype("m8[ns]")


def _by_distance(stamps: Times, stamp: str, method: str) -> tuple[Times, str]:
    step = usual_step(stamps)
    kind = _kind(stamps, step / DAY)
    if kind == "month":
        return _months(stamps, stamp), kind
    if kind:
        return _calendar(stamps, kind, stamp), kind
    if step > DAY:
        where = "middle" if stamp == "auto" else stamp
        return _neighbouring(stamps, step, where), "centred"
    if stamp == "auto" and method not in ("mean", "sum"):
        return _instants(stamps), "instant"
    where = _place_in_step(stamps, step, method) if stamp == "auto" else stamp
    return _fixed(stamps, step, where), "hours"


def _kind(stamps: Times, days: float) -> str:
    """The span of the calendar that stamps so far apart are of; empty for none."""
    for name, (least, most) in STEPS.items():
        if least <= days <= most:
            return name
    # Months may be few, with gaps between them.
    apart = np.diff(stamps).min() / DAY >= STEPS["month"][0]
    quarters = QUARTER[0] <= days <= QUARTER[1] and len(stamps) > 3
    return "month" if apart and not quarters and _place_in_month(stamps) else ""


def _instants(stamps: Times) -> Times:
    return np.stack([stamps, stamps], axis=1)


def _place_in_step(stamps: Times, step: np.timedelta64, method: str) -> str:
    """Where stamps of means and sums stand in hours: sums of ERA5 end with them."""
    since = (stamps - stamps.astype("M8[D]")).astype("m8[ns]")
    phase = np.remainder(since, step)
    if (abs(phase - step / 2) <= MINUTE).all():
        return "middle"
    return "end" if method == "sum" else "start"


def _fixed(stamps: Times, length: np.timedelta64, stamp: str) -> Times:
    share = {"start": 0, "middle": 1, "end": 2}[stamp]
    begin = stamps - length * share // 2
    return np.stack([begin, begin + length], axis=1).astype("M8[ns]")


def _neighbouring(stamps: Times, step: np.timedelta64, stamp: str) -> Times:
    """From stamp to stamp, or from half-way to half-way between them; over no gap."""
    apart = np.diff(stamps)
    apart = np.where(2 * apart > 3 * step, step, apart)
    before, after = np.append(step, apart), np.append(apart, step)
    if stamp == "middle":
        begin, end = stamps - before // 2, stamps + after // 2
    elif stamp == "end":
        begin, end = stamps - before, stamps
    else:
        begin, end = stamps, stamps + after
    return np.stack([begin, end], axis=1).astype("M8[ns]")


def _calendar(stamps: Times, kind: str, stamp: str) -> Times:
    """The span of the calendar that each stamp is in, or at whose end it is."""
    if kind == "week":
        begin = _weeks(stamps, stamp)
        end = begin + WEEK
    elif kind == "day":
        begin = _days(stamps, stamp)
        end = begin + DAY
    else:
        unit = kind[0].upper()
        begin = (stamps - DAY if stamp == "end" else stamps).astype(f"M8[{unit}]")
        end = begin + np.timedelta64(1, unit)
    return np.stack([begin.astype("M8[ns]"), end.astype("M8[ns]")], axis=1)


def _days(stamps: Times, stamp: str) -> Times:
    """Begin of UTC days, or of days in which the stamps stand where they are said to.

    A stamp at midnight is the date of its day, unless it is said to end one.
    """
    midnight = stamps.astype("M8[D]").astype("M8[ns]")
    if stamp == "start":
        return stamps
    if stamp == "middle":
        later = np.where(stamps > midnight, HALF_DAY, 0 * DAY)
        return stamps - later
    if stamp == "end":
        return (stamps - MINUTE).astype("M8[D]")
    return midnight


def _weeks(stamps: Times, stamp: str) -> Times:
    """First days of weeks: GPS weeks from Sunday on, if the stamps do not tell."""
    day = stamps.astype("M8[D]")
    weekday = (day - SUNDAY).astype(int) % 7
    if stamp == "start" or (stamp == "auto" and (weekday == 1).all()):
        return day
    if stamp == "middle":
        return (day - 3 * DAY).astype("M8[D]")
    if stamp == "end":
        # Saturday is the date of the last day; midnight of another ends the day before.
        dated = (weekday == 6) | (stamps > day)
        return day - np.where(dated, 6 * DAY, WEEK)
    return day - weekday.astype("m8[D]")


def _place_in_month(stamps: Times) -> str:
    """Where most stamps stand in their months: "start", "middle", "end"; or nowhere."""
    first, after = (x.astype("M8[ns]") for x in month_bounds(stamps))
    day = stamps.astype("M8[D]").astype("M8[ns]")
    places = {
        "start": day == first,
        "middle": ~_off_middle(stamps, np.stack([first, after], axis=1)),
        "end": after - day <= 2 * DAY,
    }
    counts = {name: float(inside.mean()) for name, inside in places.items()}
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] > 0.5 else ""


def _off_middle(stamps: Times, bounds: Times) -> NDArray[np.bool_]:
    twice = (stamps - bounds[:, 0]) - (bounds[:, 1] - stamps)
    return abs(twice / DAY) > 2 * OFF_MIDDLE


def _months(stamps: Times, stamp: str) -> Times:
    """Calendar months; among middles of months, those of other days are centred.

    GRACE has such months, dated by the middle of the days that were observed.
    """
    bounds = _calendar(stamps, "month", stamp)
    dates = np.unique(stamps.astype("M8[D]") - stamps.astype("M8[M]"))
    if stamp not in ("auto", "middle") or len(dates) == 1:
        return bounds
    if stamp == "auto" and _place_in_month(stamps) in ("start", "end"):
        return bounds
    centred = _fixed(stamps, MONTH_MINUTES, "middle")
    return np.where(_off_middle(stamps, bounds)[:, None], centred, bounds)

"""What each entry of a gridded product is a mean of: its span of time."""

import re

import numpy as np

__all__ = ["STAMPS", "Span", "parse_span"]

#: Where the stamps of a product stand in their spans.
STAMPS = ("auto", "start", "middle", "end", "instant")

#: Spans of the calendar, by name.
CALENDAR = ("day", "week", "month", "year")

#: Seconds in each unit of a length.
UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}

#: A span of the calendar, a length, or None for what the file and its stamps say.
Span = str | np.timedelta64 | None


def parse_span(span: str | float | np.timedelta64 | None) -> Span:
    """Parse what a product is said to be a mean of.

    Args:
      span: "day", "week" (GPS week), "month" or "year" of the calendar; a length as
        "3 hours", a number of hours or a timedelta; "auto", "" or None for what the
        file and its stamps say.

    Returns:
      One of the names, a length, or None for "auto".

    Raises:
      ValueError: If it is none of these.
    """
    if span is None or isinstance(span, np.timedelta64):
        length = span
    elif isinstance(span, str):
        length = _parsed(span)
    else:
        length = np.timedelta64(round(3600e3 * float(span)), "ms")
    if isinstance(length, np.timedelta64) and not length > np.timedelta64(0, "s"):
        raise ValueError(f"span is {span}, expected a positive length")
    return length


def _parsed(text: str) -> Span:
    words = text.strip().lower()
    if words in ("", "auto"):
        return None
    parts = re.fullmatch(r"(\d*\.?\d*)\s*([a-z]+?)s?", words)
    count = float(parts[1]) if parts and parts[1].strip(".") else 1.0
    if parts and count == 1 and parts[2] in CALENDAR:
        return parts[2]
    if not parts or parts[2] not in UNITS:
        raise ValueError(
            f"span is {text!r}, expected {', '.join(CALENDAR)}, a length such as "
            '"3 hours", or "auto"'
        )
    return np.timedelta64(round(1e3 * count * UNITS[parts[2]]), "ms")

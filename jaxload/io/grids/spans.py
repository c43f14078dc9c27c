"""What each entry of a gridded product is a mean of: its span of time."""

import dataclasses
import re

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload.io.grids.hints import setting
from jaxload.io.grids.stamps import CALENDAR, STAMPS, stamp_bounds, usual_step

__all__ = [
    "STAMPS",
    "Span",
    "Spans",
    "complete_spans",
    "file_spans",
    "grid_remark",
    "parse_span",
    "span_remark",
    "stamped_spans",
    "stated_method",
]

Times = NDArray[np.datetime64]

#: Seconds in each unit of a length.
UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}

#: A span of the calendar, a length, or None for what the file and its stamps say.
Span = str | np.timedelta64 | None

#: What CF and GRIB call what values are, as far as it matters here.
METHODS = {"point": "point", "instant": "point", "sum": "sum", "accum": "sum"}

#: What stamps without bounds are taken for, and whether that is doubtful.
REMARKS = {
    "instant": (False, "values are taken for those at the very times"),
    "hours": (False, "values are taken for means between the times"),
    "day": (False, "times are taken for the UTC days that they are in"),
    "week": (True, "times are taken for the weeks that they are in"),
    "month": (False, "times are taken for the months that they are in"),
    "year": (True, "times are taken for the years that they are in"),
    "centred": (True, "times are taken for the middles of what values are means of"),
    "single": (True, "the only time is taken for a day"),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Spans:
    """Begin and end of entries, and where these come from.

    Attributes:
      bounds: First instant of each entry and first after it, shape (time, 2); the same
        twice for an instant.
      origin: "file" by bounds in the file, "asked" by settings, or what stamps were
        taken for: a key of `REMARKS`.
    """

    bounds: Times
    origin: str


def parse_span(span: str | float | np.timedelta64 | None) -> Span:
    """Parse the period that entries of a product are means of.

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


def stated_method(content: xr.Dataset) -> str:
    """Find what a file states its values to be: means, sums or instants.

    Args:
      content: The file, with an axis ``time``.

    Returns:
      "mean", "sum" or "point", by ``cell_methods`` (CF), ``GRIB_stepType`` or the
      ``avg_period`` of NOAA's Physical Sciences Laboratory; empty if it does not say,
      or its fields differ.
    """
    methods = {"mean"} if "avg_period" in content["time"].attrs else set()
    for array in content.data_vars.values():
        if "time" not in array.dims or array.ndim < 3:
            continue
        stated = {str(key).lower(): str(x).lower() for key, x in array.attrs.items()}
        method = re.search(r"\btime: *([a-z]+)", stated.get("cell_methods", ""))
        word = method[1] if method else stated.get("grib_steptype", "")
        if word:
            methods.add("mean" if word.startswith("avg") else METHODS.get(word, word))
    return methods.pop() if len(methods) == 1 else ""


def stamped_spans(
    time: Times, stamp: str = "auto", span: Span = None, method: str = ""
) -> Spans:
    """Find what entries are means of by their stamps.

    What settings leave open, the distance of the stamps decides: a stamp of a daily,
    weekly, monthly or yearly product means the UTC day, GPS week, month or year that
    it is in, wherever in it (one on every Monday, the week from there on). Less than a
    day apart, values are instants, unless the product states means or sums. Other
    stamps are middles; and so are those near no middle of a month among others that
    are, as GRACE has them.

    Args:
      time: The stamps, in any order, shape (time,).
      stamp: Where they stand in their spans, one of `STAMPS`.
      span: Of what entries are means, from `parse_span`. A length of less than half the
        distance of the stamps is what an amount was gathered in, and no span.
      method: From `stated_method`.

    Returns:
      The `Spans`.
    """
    stamps, back = np.unique(time.astype("M8[ns]"), return_inverse=True)
    if isinstance(span, np.timedelta64) and len(stamps) > 1:
        span = None if 2 * span < usual_step(stamps) else span
    bounds, origin = stamp_bounds(stamps, stamp, span, method)
    is_set = span is not None or stamp != "auto"
    return Spans(bounds[back.ravel()], "asked" if is_set else origin)


def span_remark(origin: str) -> tuple[bool, str]:
    """Put in words what stamps without bounds are taken for.

    Args:
      origin: Of `Spans`.

    Returns:
      Whether that is doubtful, and the words; empty where spans are stated.
    """
    return REMARKS.get(origin, (False, ""))


def grid_remark(origin: str, method: str) -> tuple[bool, str]:
    """Put in words how far the spans of a product follow from its stamps alone.

    Args:
      origin: Of its `Spans`.
      method: From `stated_method`.

    Returns:
      Whether that is doubtful, and the words; empty where the product states enough.
    """
    doubtful, meaning = span_remark(origin)
    alike = origin in ("day", "month")
    if not meaning or (method == "mean" and alike):
        return False, ""
    if method == "point" and alike:
        return True, (
            f"has one value a {origin} and calls it an instant; it is taken for the "
            f"mean of the {origin}. If it is the value of one hour, what lies between "
            "is unknown: get all hours, or means, or have it interpolated by "
            f"{setting('stamp', 'instant')}; if it is the mean, state that by "
            f"{setting('span', origin)}"
        )
    remedy = f"if it means others, state {setting('stamp', 'end')} or the like"
    return doubtful, f"has no bounds of time: {meaning}; {remedy}"


def file_spans(content: xr.Dataset, stamp: str, span: Span) -> xr.Dataset:
    """Add what the entries of one file are means of, as far as the file shows it.

    Args:
      content: The file, its times decoded, with ``time_bnds`` if it has bounds.
      stamp: One of `STAMPS`; like `span` it goes before bounds.
      span: From `parse_span`.

    Returns:
      The same with ``time_bnds`` and, as its attribute ``origin``, what says so;
      without them if the file has one time only, which others must be seen beside.
    """
    time = content["time"].values
    spans = stamped_spans(time, stamp, span, stated_method(content))
    if spans.origin != "asked" and "time_bnds" in content:
        spans = Spans(content["time_bnds"].values, "file")
    lone = len(np.unique(time)) < 2 and not isinstance(span, str)
    if lone and spans.origin != "file":
        return content.drop_vars("time_bnds", errors="ignore")
    return _with_bounds(content, spans)


def complete_spans(
    dataset: xr.Dataset, stamp: str, span: Span, method: str
) -> xr.Dataset:
    """Add what the entries of all files are means of, where one file is not enough.

    Args:
      dataset: All entries, ``time_bnds`` missing for some.
      stamp: One of `STAMPS`.
      span: From `parse_span`.
      method: From `stated_method`.

    Returns:
      The same with all ``time_bnds``; their attribute ``origin`` lists what says so.
    """
    known = dataset["time_bnds"].attrs.get("origin", "file").split(", ")
    bounds = dataset["time_bnds"].values.astype("M8[ns]")
    open_rows = np.asarray(np.isnat(bounds).any(axis=1))
    if not open_rows.any():
        return dataset
    spans = stamped_spans(dataset["time"].values, stamp, span, method)
    origins = {spans.origin} | (set(known) if not open_rows.all() else set())
    bounds = np.where(open_rows[:, None], spans.bounds, bounds)
    return _with_bounds(dataset, Spans(bounds, ", ".join(sorted(origins))))


def _with_bounds(dataset: xr.Dataset, spans: Spans) -> xr.Dataset:
    labels = {"origin": spans.origin}
    return dataset.assign(time_bnds=(("time", "bnds"), spans.bounds, labels))

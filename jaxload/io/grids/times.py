"""The times of gridded files, in whatever units and calendar, as datetime64."""

import re
import warnings
from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from jaxload._calendar import MONTH
from jaxload.io.grids.hints import setting

__all__ = ["decode_times", "mid_times", "time_bounds"]

Times = NDArray[np.datetime64]

_SINCE = re.compile(r"\s*([A-Za-z]+)\s+since\s+(.+?)\s*$", re.IGNORECASE)

#: The zone behind a date with the time of the day.
_ZONE = re.compile(r"(?<=\d)\s*(?:Z|UTC|(\+|-(?=\d\d:)|(?<=:\d\d)-)(\d\d):?(\d\d))\s*$")

#: Year, month and day, which many write without leading zeros.
_DATE = re.compile(r"\s*(\d{1,4})-(\d{1,2})(?:-(\d{1,2}))?(?!\d)")


def decode_times(
    values: ArrayLike, units: str | None, calendar: str | None, where: str
) -> Times:
    """Turn the numbers of a time axis into dates.

    Dates of other calendars keep their year, month and day. Months count as calendar
    months, and a part of one as that part of it.

    Args:
      values: Numbers as the file holds them, or texts that are dates.
      units: Such as "days since 2002-01-01", "months since 2002-01-01", "yyyymmdd",
        "yyyymm", "day as %Y%m%d.%f" or "decimal year".
      calendar: As CF names it; the standard one if None.
      where: What the times belong to, for the messages.

    Returns:
      The dates, in the shape of `values`.

    Raises:
      ValueError: If there are no units, they are not understood, a time is missing, or
        a date does not exist.
    """
    numbers = np.asarray(values)
    if numbers.dtype.kind not in "iuf":
        return _from_texts(numbers, where)
    if units is None or not units.strip():
        raise ValueError(
            f"{where} states no units of time, its values begin with "
            f"{', '.join(f'{x:g}' for x in numbers.ravel()[:3])}; state them by "
            + setting("time_units", "days since 2002-01-01")
        )
    if not np.isfinite(numbers).all():
        raise ValueError(
            f"{where} lacks {int((~np.isfinite(numbers)).sum())} of its times"
        )
    try:
        return _decoded(numbers, " ".join(units.split()), calendar or "standard")
    except (ValueError, OverflowError, TypeError, KeyError, ImportError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:100]
        raise ValueError(
            f"{where} has times in {units.strip()!r}, calendar {calendar or 'standard'}"
            f", that cannot be read as dates ({reason}); state others by "
            + setting("time_units", "days since 2002-01-01")
        ) from None


def time_bounds(content: xr.Dataset, units: str | None, where: str) -> Times | None:
    """Find the bounds of a file's times.

    Args:
      content: The file, its times not decoded, along an axis ``time``.
      units: Units of time, if the file's own do not hold.
      where: What the times belong to, for the messages.

    Returns:
      Begin and end, shape (time, 2), or None if there are none, or none that make
      sense: each must end after it begins.
    """
    time = content["time"]
    stated = {key.lower(): value for key, value in time.attrs.items()}
    names = (stated.get("bounds", ""), "time_bnds", "time_bounds")
    name = next((n for n in names if n in content.variables), None)
    if name is None or sorted(content[name].shape) != sorted((time.size, 2)):
        return None
    pairs = content[name].transpose("time", ..., missing_dims="ignore")
    if pairs.shape != (time.size, 2):
        return None
    attributes = {key.lower(): value for key, value in pairs.attrs.items()}
    calendar = attributes.get("calendar", stated.get("calendar"))
    units = units or attributes.get("units") or stated.get("units")
    try:
        bounds = decode_times(pairs.values, units, calendar, where)
    except ValueError:
        return None
    return bounds if (bounds[:, 1] > bounds[:, 0]).all() else None


def mid_times(dataset: xr.Dataset) -> Times:
    """When the entries of a dataset are valid: mid of their bounds, or their time."""
    if "time_bnds" not in dataset:
        return dataset["time"].values
    bounds = dataset["time_bnds"].values
    return bounds[:, 0] + (bounds[:, 1] - bounds[:, 0]) // 2


def _from_texts(texts: NDArray, where: str) -> Times:
    if texts.dtype.kind == "S":
        texts = np.char.decode(texts, "ascii", "replace")
    try:
        with warnings.catch_warnings():
            # NumPy warns of zones that it does not keep.
            warnings.simplefilter("error")
            instants = [_instant(str(text)) for text in texts.flat]
        return np.array(instants, "M8[ns]").reshape(texts.shape)
    except (ValueError, TypeError, UserWarning, DeprecationWarning):
        raise ValueError(
            f"{where} has times that are no dates, such as {str(texts.flat[0])[:40]!r}"
        ) from None


def _instant(text: str) -> np.datetime64:
    """An instant in UTC, whatever zone it is written in."""
    zone = _ZONE.search(text)
    if zone is None:
        return np.datetime64(text.strip(), "ns")
    instant = np.datetime64(text[: zone.start()], "ns")
    if zone[1] is None:
        return instant
    minutes = 60 * int(zone[2]) + int(zone[3])
    ahead = np.timedelta64(minutes, "m")
    return instant - ahead if zone[1] == "+" else instant + ahead


def _decoded(numbers: NDArray, units: str, calendar: str) -> Times:
    absolute = _ABSOLUTE.get(units.lower())
    if absolute is not None:
        return absolute(numbers.astype(np.float64))
    since = _SINCE.match(units)
    if since is None:
        raise ValueError("no unit since a date")
    if since[1].lower() in ("month", "months"):
        return _months(numbers.astype(np.float64), since[2])
    if since[1].lower() in ("year", "years"):
        raise ValueError("a year has no fixed length")
    return _by_xarray(numbers, f"{since[1].lower()} since {since[2]}", calendar)


def _by_xarray(numbers: NDArray, units: str, calendar: str) -> Times:
    attrs = {"units": units, "calendar": calendar.lower()}
    coded = xr.Dataset({"t": (tuple("xyz"[: numbers.ndim]), numbers, attrs)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has to go by way of cftime
        dates = xr.decode_cf(coded)["t"].values
    if dates.dtype.kind == "M":
        return dates.astype("M8[ns]")
    texts = [date.isoformat() for date in dates.ravel()]
    return np.array(texts, "M8[ns]").reshape(dates.shape)


def _months(numbers: NDArray[np.float64], origin: str) -> Times:
    written = _DATE.match(origin)
    if written is None:
        raise ValueError(f"{origin!r} is no date")
    year, month, day = (int(part or 1) for part in written.groups())
    start = np.datetime64(f"{year:04d}-{month:02d}-{day:02d}", "D")
    whole = np.floor(numbers)
    months = start.astype("M8[M]") + whole.astype("m8[M]")
    offset = start - start.astype("M8[M]").astype("M8[D]")
    first, after = months.astype("M8[ns]"), (months + MONTH).astype("M8[ns]")
    part = ((numbers - whole) * (after - first).astype(np.float64)).round()
    return first + offset.astype("m8[ns]") + part.astype(np.int64).astype("m8[ns]")


def _written_days(numbers: NDArray[np.float64]) -> Times:
    """20020417.5 is noon of 17 April 2002."""
    day = np.floor(numbers).astype(np.int64)
    texts = [f"{x // 10000:04d}-{x // 100 % 100:02d}-{x % 100:02d}" for x in day.flat]
    dates = np.array(texts, "M8[D]").reshape(numbers.shape).astype("M8[ns]")
    seconds = np.round((numbers - day) * 86400).astype(np.int64)
    return dates + seconds.astype("m8[s]")


def _written_months(numbers: NDArray[np.float64]) -> Times:
    return _written_days(np.floor(numbers) * 100 + 1)


def _decimal_years(numbers: NDArray[np.float64]) -> Times:
    year = (np.floor(numbers).astype(np.int64) - 1970).astype("M8[Y]")
    first, after = year.astype("M8[s]"), (year + np.timedelta64(1, "Y")).astype("M8[s]")
    part = (numbers - np.floor(numbers)) * (after - first).astype(np.float64)
    dates = first + np.round(part).astype(np.int64).astype("m8[s]")
    return dates.astype("M8[ns]")


_ABSOLUTE: dict[str, Callable[[NDArray[np.float64]], Times]] = {
    "day as %y%m%d.%f": _written_days,
    "day as %y%m%d": _written_days,
    "yyyymmdd": _written_days,
    "%y%m%d": _written_days,
    "yyyymm": _written_months,
    "month as %y%m.%f": _written_months,
    "decimal year": _decimal_years,
    "decimal years": _decimal_years,
    "decimal_year": _decimal_years,
}

"""One station's time series, in each file format that GNSS centres use."""

import dataclasses
import logging
import pathlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from jaxload.io.sites import Site, check_site
from jaxload.io.text import data_lines, line_number, parse_numbers, read_lines, shorten

__all__ = ["FORMATS", "Format", "Series", "format_of", "tidy"]

log = logging.getLogger(__name__)

#: GNSS has been observed since 1980; a day far off is a slip, and would make the
#: daily axis of the whole network endless.
FIRST_DAY, LAST_DAY = np.datetime64("1980-01-01"), np.datetime64("2100-12-31")

#: Day 0 of the modified Julian date.
MODIFIED_JULIAN = np.datetime64("1858-11-17")

#: No daily height is this good [mm]; the same number in metres is a common one.
SMALLEST_SIGMA = 0.05

#: NGL writes 9.99999 m where a standard error is that or larger.
LARGEST_TENV3_SIGMA = 9.99999


@dataclasses.dataclass(frozen=True)
class Series:
    """The time series of one station, as its file has it.

    Attributes:
      station: Name of the station, upper case.
      day: Days, shape (epoch,); in any order, perhaps twice, until `tidy`.
      displacement: Displacement [mm] by component ("up", and perhaps "east" and
        "north"), each of shape (epoch,); NaN if missing.
      sigma: Its standard error [mm], likewise.
      site: Where the station stands; None if the file does not say.
      reference: What the displacement is relative to.
    """

    station: str
    day: NDArray[np.datetime64]
    displacement: dict[str, NDArray[np.float64]]
    sigma: dict[str, NDArray[np.float64]]
    site: Site | None = None
    reference: str = "as in the file"


@dataclasses.dataclass(frozen=True)
class Format:
    """How to know a file format and how to read it.

    Attributes:
      name: What its users call it.
      recognise: Whether a path is likely of this format.
      read: Reads one such file.
    """

    name: str
    recognise: Callable[[pathlib.Path], bool]
    read: Callable[[pathlib.Path], Series]


def _has_suffix(suffix: str) -> Callable[[pathlib.Path], bool]:
    return lambda path: path.suffix.lower() == suffix


def format_of(path: pathlib.Path) -> Format | None:
    """Find the format of a file.

    Args:
      path: The file.

    Returns:
      The first of `FORMATS` that recognises it, or None.
    """
    return next((known for known in FORMATS if known.recognise(path)), None)


def _read_up(path: pathlib.Path) -> Series:
    """Read ``yyyymmdd up sigma`` [mm] lines; the file's stem names the station."""
    lines = read_lines(path)
    columns = {"yyyymmdd": 0, "up": 1, "sigma": 2}
    date, up, sigma = parse_numbers(path, lines, columns, width=3).T
    day = _checked_days(path, lines, date, _days_of_dates(date))
    if (sigma > 0).any() and np.median(sigma[sigma > 0]) < SMALLEST_SIGMA:
        log.warning(
            "%s has standard errors below %g mm; is it in metres?", path, SMALLEST_SIGMA
        )
    return Series(path.stem.upper(), day, {"up": up}, {"up": sigma})


def _days_of_dates(date: NDArray[np.float64]) -> NDArray[np.datetime64]:
    """Days from yyyymmdd numbers; NaT where there is no such date."""
    valid = (date >= 1e7) & (date < 1e8) & (date % 1 == 0)
    number = np.where(valid, date, 19800101).astype(np.int64)
    year, month, day = number // 10000, number // 100 % 100, number % 100
    first = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    result = first.astype("datetime64[D]") + (day - 1)
    valid &= (month >= 1) & (month <= 12) & (day >= 1)
    valid &= result.astype("datetime64[M]") == first
    return np.where(valid, result, np.datetime64("NaT"))


def _checked_days(
    path: pathlib.Path,
    lines: Sequence[str],
    date: NDArray[np.float64],
    day: NDArray[np.datetime64],
    skip: int = 0,
) -> NDArray[np.datetime64]:
    bad = ~((day >= FIRST_DAY) & (day <= LAST_DAY))
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(
            f"{path} line {line_number(lines, row, skip)}: {date[row]:.10g} is not a "
            f"day between {FIRST_DAY} and {LAST_DAY}"
        )
    return day


_TENV3_PARTS = {"east": ("e0(m)", "east(m)"), "north": ("n0(m)", "north(m)")} | {
    "up": ("u0(m)", "up(m)")
}
_TENV3_SIGMA = {"east": "sig_e(m)", "north": "sig_n(m)", "up": "sig_u(m)"}
_TENV3_SITE = ("longitude(deg)", "latitude(deg)", "height(m)")


def _read_tenv3(path: pathlib.Path) -> Series:
    """Read the Nevada Geodetic Laboratory's daily positions [m].

    A coordinate is an integer and a fractional part; what is returned is their sum
    relative to its mean over the file, in mm.
    """
    lines = read_lines(path)
    header = [name.lstrip("_") for name in lines[0].split()] if lines else []
    columns = _tenv3_columns(path, header)
    table = parse_numbers(path, lines, columns, len(header), skip=1)
    column = dict(zip(columns, table.T))
    return Series(
        station=next(data_lines(lines, 1))[1].split()[0].upper(),
        day=_checked_days(
            path, lines, column["MJD"], _days_of_mjd(column["MJD"]), skip=1
        ),
        displacement={k: _tenv3_position(column, k) for k in _TENV3_PARTS},
        sigma={k: _tenv3_sigma(column[v]) for k, v in _TENV3_SIGMA.items()},
        site=_tenv3_site(path, column),
        reference="mean over the file",
    )


def _days_of_mjd(number: NDArray[np.float64]) -> NDArray[np.datetime64]:
    """Days from modified Julian dates; NaT where there is no such day."""
    valid = (number >= 0) & (number < 1e6) & (number % 1 == 0)
    day = MODIFIED_JULIAN + np.where(valid, number, 0).astype(np.int64)
    return np.where(valid, day, np.datetime64("NaT"))


def _tenv3_columns(path: pathlib.Path, header: list[str]) -> dict[str, int]:
    wanted = ["MJD", *sum(_TENV3_PARTS.values(), ()), *_TENV3_SIGMA.values()]
    # Files from before 2020 have no position at the end of the line.
    wanted += [name for name in _TENV3_SITE if name in header]
    absent = [name for name in wanted if name not in header]
    if absent:
        raise ValueError(
            f"{path} has no column {', '.join(absent)}; a .tenv3 file begins with a "
            f"line of column names, but this one with {shorten(' '.join(header))}"
        )
    return {name: header.index(name) for name in wanted}


def _tenv3_position(column: dict, component: str) -> NDArray[np.float64]:
    whole, fraction = (column[name] for name in _TENV3_PARTS[component])
    # The integer part changes when a station has drifted by 10 m: keep the sum.
    origin = whole[np.isfinite(whole)][:1].sum()
    position = 1000.0 * ((whole - origin) + fraction)
    seen = np.isfinite(position)
    return position - (position[seen].mean() if seen.any() else 0.0)


def _tenv3_sigma(sigma: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(sigma < LARGEST_TENV3_SIGMA, 1000.0 * sigma, np.nan)


def _tenv3_site(path: pathlib.Path, column: dict) -> Site | None:
    if not all(name in column for name in _TENV3_SITE):
        return None
    lon, lat, height = (float(np.median(column[name])) for name in _TENV3_SITE)
    return check_site(lon, lat, height, str(path))


def tidy(series: Series, path: pathlib.Path) -> Series:
    """Put a series in order: days ascending and once each, no value without sigma.

    Of a day that is there twice the last line is kept. A value whose standard error
    is not positive is missing. Both are logged with the file's name. Days on which
    everything is missing are dropped.

    Args:
      series: As its file has it.
      path: The file, for the log.

    Returns:
      The series in order.

    Raises:
      ValueError: If no day is left.
    """
    # Reversed and stable, so that the first of each day is the last in the file.
    day, kept = np.unique(series.day[::-1], return_index=True)
    kept = len(series.day) - 1 - kept
    if len(day) < len(series.day):
        log.warning(
            "%s has %d lines for days it has already; the last of each is kept",
            path,
            len(series.day) - len(day),
        )
    pairs = {
        name: _with_sigma(path, values[kept], series.sigma[name][kept])
        for name, values in series.displacement.items()
    }
    seen = np.any([np.isfinite(pair[0]) for pair in pairs.values()], axis=0)
    if not seen.any():
        raise ValueError(
            f"{path} has no day with a value and a positive standard error"
        )
    displacement = {name: pair[0][seen] for name, pair in pairs.items()}
    sigma = {name: pair[1][seen] for name, pair in pairs.items()}
    return dataclasses.replace(
        series, day=day[seen], displacement=displacement, sigma=sigma
    )


def _with_sigma(
    path: pathlib.Path, values: NDArray[np.float64], sigma: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    usable = sigma > 0
    dropped = int((~usable & np.isfinite(values)).sum())
    if dropped:
        log.warning(
            "%s has %d values without a positive standard error; they are missing",
            path,
            dropped,
        )
    usable &= np.isfinite(values)
    return np.where(usable, values, np.nan), np.where(usable, sigma, np.nan)


#: Every format that can be read, the most specific first.
FORMATS: tuple[Format, ...] = (
    Format("up (yyyymmdd up sigma, mm)", _has_suffix(".up"), _read_up),
    Format("tenv3 (Nevada Geodetic Laboratory)", _has_suffix(".tenv3"), _read_tenv3),
)

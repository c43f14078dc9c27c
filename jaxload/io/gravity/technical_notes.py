"""What replaces the lowest degrees of GRACE: technical notes 13 and 14."""

import pathlib
import re
from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from jaxload.io.files.paths import PathLike
from jaxload.io.gravity.stokes_records import middle, record_time, split_columns
from jaxload.io.listing import some_of
from jaxload.io.text.dates import MODIFIED_JULIAN
from jaxload.io.text.lines import read_lines
from jaxload.io.text.words import parse_number, shorten, width_error

__all__ = ["match_months", "read_tn07", "read_tn13", "read_tn14"]

#: How lines of degree 1 begin that are older than technical note 13: yyyymm, 1, order.
_MONTH_KEY = re.compile(r"\d{6}\s{1,8}1\s{1,8}[01]")

#: How a line of C20 begins: two numbers with a point.
_ROW = re.compile(r"\s{0,8}\d{4,5}\.\d+\s+-?\d+\.\d+")

#: A modified Julian date from here on is none [d]; it is in the year 2132.
LAST_MJD = 1e5

#: Day 0 of the modified Julian date, to the nanosecond.
_MJD = MODIFIED_JULIAN.astype("M8[ns]")


def read_tn13(path: PathLike) -> xr.Dataset:
    """Read degree 1 of the geopotential, technical note 13 or its forerunners.

    The values are anomalies in the frame CF, which GRACE's own coefficients lack.

    Args:
      path: The file as distributed.

    Returns:
      ``c10``, ``c11``, ``s11`` and their ``_sigma`` [1], shape (time,), with
      ``time_bnds``.

    Raises:
      FileNotFoundError: If it is not there.
      ValueError: If it is empty, cut short or of another format.

    Source:
      Swenson, Chambers & Wahr (2008), doi:10.1029/2007JB005338; Sun, Riva & Ditmar
      (2016), doi:10.1002/2016JB013073.
    """
    path = pathlib.Path(path)
    months: dict[tuple[str, str], dict[int, tuple[float, ...]]] = {}
    number = 0
    for number, line in enumerate(read_lines(path), start=1):
        fields = split_columns(line)
        # The header names the key too, at the end of a line; older files have a month.
        if fields[:1] == ["GRCOF2"] or _MONTH_KEY.fullmatch(line[:16]):
            order, values = _degree_one(f"{path} line {number}", fields)
            months.setdefault((fields[7], fields[8]), {})[order] = values
    _check_filled(path, months, "lines of GRCOF2 1 order clm slm ...")
    odd = [begin for (begin, _), orders in months.items() if len(orders) != 2]
    if odd:
        raise ValueError(
            f"{path} has only one order of the span from {odd[0]}, expected orders 0 "
            f"and 1; it ends on line {number}: get it again"
        )
    rows = [(*orders[0], *orders[1]) for orders in months.values()]
    bounds = [[record_time(t, str(path)) for t in span] for span in months]
    picked = {"c10": 0, "c10_sigma": 2, "c11": 4, "s11": 5}
    picked |= {"c11_sigma": 6, "s11_sigma": 7}
    return _note(path, np.array(rows), np.array(bounds), picked)


def read_tn14(path: PathLike) -> xr.Dataset:
    """Read C20 and C30 from satellite laser ranging, technical note 14.

    Args:
      path: The file as distributed.

    Returns:
      ``c20``, ``c30`` and their ``_sigma`` [1], shape (time,), with ``time_bnds``; C30
      is NaN before the satellites saw it. GRACE's own C30 is worse only since August
      2016, when one accelerometer was switched off: keep it until then by
      ``note.c30.where(note.time >= np.datetime64("2016-08-01"))``.

    Raises:
      FileNotFoundError: If it is not there.
      ValueError: If it is empty, cut short or of another format.

    Source:
      Loomis et al. (2020), doi:10.1029/2019GL085488.
    """
    path = pathlib.Path(path)
    lines = read_lines(path)
    starts = [i for i, line in enumerate(lines) if line.strip() == "Product:"]
    skip = starts[0] + 1 if starts else len(lines)
    rows = [
        _ranged(f"{path} line {number}", line.split())
        for number, line in enumerate(lines[skip:], start=skip + 1)
        if line.strip()
    ]
    _check_filled(
        path, rows, "10 columns below a line 'Product:'; read_tn07 reads older notes"
    )
    table = np.array(rows)
    minutes = np.round(table[:, [0, 8]] * 1440).astype("m8[m]")
    # Errors, and they alone, are in units of 1e-10.
    table[:, [4, 7]] *= 1e-10
    picked = {"c20": 2, "c20_sigma": 4, "c30": 5, "c30_sigma": 7}
    return _note(path, table, _MJD + minutes, picked)


def read_tn07(path: PathLike) -> xr.Dataset:
    """Read C20 from satellite laser ranging of releases 05 and 06: TN-07, TN-11, CSR.

    Of a month that GRACE cut otherwise than the calendar, the note has a line of its
    own, which begins with the month as GRACE cut it.

    Args:
      path: The file as distributed: lines of MJD, year, C20, its anomaly and error, or
        CSR's own, which end with two dates.

    Returns:
      ``c20`` and its ``c20_sigma`` [1], shape (time,), with ``time_bnds``, and ``c30``,
      NaN, which leaves that of GRACE where it is.

    Raises:
      FileNotFoundError: If it is not there.
      ValueError: If it is empty, cut short or of another format.

    Source:
      Cheng, Tapley & Ries (2013), doi:10.1002/jgrb.50058.
    """
    path = pathlib.Path(path)
    rows = [
        _flattening(f"{path} line {number}", line.partition("*")[0].split())
        for number, line in enumerate(read_lines(path), start=1)
        if _ROW.match(line)
    ]
    _check_filled(path, rows, "lines of MJD, year, C20, its anomaly and error")
    table = np.array([[c20, np.nan, sigma, np.nan] for c20, sigma, _ in rows])
    bounds = np.array([span for _, _, span in rows])
    picked = {"c20": 0, "c30": 1, "c20_sigma": 2, "c30_sigma": 3}
    return _note(path, table, bounds, picked)


def _flattening(
    where: str, fields: Sequence[str]
) -> tuple[float, float, list[np.datetime64]]:
    """C20, its error and the span of a line of numbers."""
    if len(fields) not in (5, 7):
        expected = (
            "5: MJD, year, C20, its anomaly and error, or 7: year, C20, its anomaly, "
            "two more and two dates"
        )
        raise width_error(where, len(fields), expected)
    if len(fields) == 7 and re.fullmatch(r"\d{8}\.\d{4}", fields[5]):
        c20, sigma, air_and_sea = (
            parse_number(fields[i], "C20", where) for i in (1, 3, 4)
        )
        span = [record_time(t, where) for t in fields[5:]]
        return c20 - 1e-10 * air_and_sea, 1e-10 * sigma, span
    c20, sigma = (parse_number(fields[i], "C20", where) for i in (2, 4))
    day = _julian(fields[0], where)
    begin = _MJD + np.timedelta64(round(1440 * day), "m")
    if len(fields) == 7:
        stop = _MJD + np.timedelta64(round(1440 * _julian(fields[5], where)), "m")
        return c20, 1e-10 * sigma, [begin, stop]
    month = begin.astype("M8[M]")
    # A line of the calendar lasts to the end of its month, others thirty days.
    first = month.astype("M8[ns]") == begin
    stop = (month + 1).astype("M8[ns]") if first else begin + np.timedelta64(30, "D")
    return c20, 1e-10 * sigma, [begin, stop]


def _julian(token: str, where: str) -> float:
    day = parse_number(token, "MJD", where)
    if not 40_000 < day < 100_000:
        raise ValueError(f"{where}: {day:g} is no Julian date that is modified")
    return day


def match_months(
    note: xr.Dataset, time: ArrayLike | xr.DataArray, tolerance: float = 10.0
) -> xr.Dataset:
    """Find the values of a technical note for the months of a series.

    Args:
      note: From `read_tn13` or `read_tn14`.
      time: The middle of each month of the series, shape (time,).
      tolerance: How far the middles of two spans may lie apart [days]: months of
        GRACE are irregular, and the centres cut them differently.

    Returns:
      The note at these times; a value that is NaN in the note stays NaN.

    Raises:
      ValueError: If a month has no counterpart.

    Example:
      >>> low = io.match_months(io.read_tn14("TN-14_C30_C20_GSFC_SLR.txt"), gsm.time)
    """
    wanted = np.asarray(time, "M8[ns]")
    allowed = np.timedelta64(round(tolerance * 1440), "m")
    nearest = np.abs(note["time"].values[None] - wanted[:, None]).argmin(axis=1)
    apart = np.abs(note["time"].values[nearest] - wanted)
    if (apart > allowed).any():
        months = some_of(
            wanted[apart > allowed].astype("M8[D]").astype(str).tolist(), 5
        )
        raise ValueError(
            f"{note.attrs.get('source', 'the note')} has nothing within {tolerance:g} "
            f"days of {months}; get a newer one or leave these out"
        )
    return note.isel(time=nearest).assign_coords(time=wanted)


def _degree_one(where: str, fields: Sequence[str]) -> tuple[int, tuple[float, ...]]:
    if len(fields) < 9 or fields[1] != "1" or fields[2] not in ("0", "1"):
        raise ValueError(
            f"{where} is {shorten(' '.join(fields))}, expected GRCOF2 1 order clm slm, "
            "two errors, begin and stop"
        )
    names = ("clm", "slm", "error of clm", "error of slm")
    values = (parse_number(t, k, where) for k, t in zip(names, fields[3:7]))
    return int(fields[2]), tuple(values)


def _ranged(where: str, fields: Sequence[str]) -> list[float]:
    if len(fields) != 10:
        expected = (
            "10: begin, year, C20, its anomaly and error, the same of C30, end, year"
        )
        raise width_error(where, len(fields), expected)
    values = [parse_number(t, f"column {i}", where) for i, t in enumerate(fields, 1)]
    for name, index in (("begin", 0), ("end", 8)):
        if not 0 <= values[index] < LAST_MJD:
            raise ValueError(
                f"{where}: {name} is {fields[index]}, expected a modified Julian date"
            )
    return values


def _check_filled(path: pathlib.Path, rows: object, what: str) -> None:
    if not rows:
        raise ValueError(f"{path} holds no data; expected {what}")


def _note(
    path: pathlib.Path, table: NDArray, bounds: NDArray, columns: dict[str, int]
) -> xr.Dataset:
    variables = {
        name: ("time", table[:, column], {"units": "1"})
        for name, column in columns.items()
    }
    note = xr.Dataset(variables, {"time": middle(bounds)}, {"source": path.name})
    note = note.assign(time_bnds=(("time", "bnds"), bounds))
    return note.sortby("time")

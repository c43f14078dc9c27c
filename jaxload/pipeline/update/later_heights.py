"""Heights as they are read now, beside those that a study was computed from."""

import dataclasses
import datetime
import logging
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, io
from jaxload._calendar import DAY, days_from
from jaxload.io.gnss.later_readings import (
    FileMark,
    LaterSeries,
    read_later,
)
from jaxload.pipeline.inputs.files_of_series import series_files
from jaxload.pipeline.inputs.observations import read_observations
from jaxload.pipeline.messages import listed

__all__ = ["LaterHeights", "latency_of", "read_later_heights", "row_columns"]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]

#: Heights that differ by less are the same [mm]; zeros of a reading are rounded so.
SAME = 1e-6

#: Days without a row after which a day is a slip of the pen.
FAR = np.timedelta64(5 * 365, "D")

#: By how much a station may stand elsewhere than before [degrees].
MOVED = 1e-4


@dataclasses.dataclass(frozen=True, eq=False)
class LaterHeights:
    """Heights of all days, as they are read now.

    Attributes:
      day: Days, those of the state first, shape (day,).
      up: Vertical displacement [mm], shape (day, station); NaN if missing.
      up_sigma: Its standard error [mm], same shape.
      changed: Numbers of the days on which a station of the inversion differs,
        ascending.
      entered: Those, and the days behind the state's last.
      new_stations: Stations that the state does not have.
      zeros: By how much stations were moved to their zero in the state [mm].
    """

    day: NDArray[np.datetime64]
    up: Floats
    up_sigma: Floats
    changed: NDArray[np.intp]
    entered: NDArray[np.intp]
    new_stations: tuple[str, ...]
    zeros: dict[str, float]


def read_later_heights(
    study: config.Study,
    state: xr.Dataset,
    marks: Mapping[pathlib.Path, FileMark],
    now: Mapping[pathlib.Path, FileMark] | None = None,
) -> LaterHeights:
    """Read the heights that are new or changed, and put them beside the others.

    Args:
      study: The study, until the last day wanted.
      state: Arrays of the state.
      marks: What the files of series were.
      now: What they are, as far as it is known.

    Returns:
      The `LaterHeights`.

    Raises:
      FileNotFoundError: If a file is gone.
      ValueError: If a file cannot be read, a station has moved, or there are days
        before the first of the state.
    """
    settings = study.gnss
    sites = study.path(settings.sites) if settings.sites else None
    reading = io.Reading(
        strict=settings.strict,
        sites_order=settings.sites_order,
        sites_columns=settings.sites_columns,
    )
    files = series_files(study)
    series, gone = read_later(files, marks, now=now, sites=sites, reading=reading)
    if gone:
        raise FileNotFoundError(
            f"{listed(list(map(str, gone)))} was read by the run and is gone; bring it "
            "back, or run the study again without it"
        )
    known = {str(name): n for n, name in enumerate(state.station.values)}
    new = {one.station for one in _wanted(study, series)} - set(known)
    used = {str(row) for row in state.row.values}
    series = [one for one in series if one.station in used]
    if _needs_whole(series, known, state):
        series = [one for one in _whole_network(study) if one.station in used]
    later = _wanted(study, series)
    _check_places(later, known, state)
    return _joined(later, known, state, tuple(sorted(new)))


def _needs_whole(
    series: Sequence[LaterSeries], known: Mapping[str, int], state: xr.Dataset
) -> bool:
    """Whether only all files together say what a station has.

    Some of its days may be in files that did not change.
    """
    days = state.day.values.astype("M8[D]")
    for one in series:
        if not one.whole:
            continue
        before = np.isfinite(state.up_read.values[:, known[one.station]])
        if one.new_file or not np.isin(days[before], one.day).all():
            return True
    return False


def _whole_network(study: config.Study) -> list[LaterSeries]:
    gnss = read_observations(study)
    floats = "as in the file" not in str(gnss.attrs["displacement_reference"])
    days = gnss.time.values.astype("M8[D]")
    return [
        LaterSeries(
            str(name),
            float(gnss.lon[n]),
            float(gnss.lat[n]),
            days,
            gnss.up.values[:, n],
            gnss.up_sigma.values[:, n],
            floats,
            True,
            False,
        )
        for n, name in enumerate(gnss.station.values)
    ]


def _wanted(study: config.Study, series: Sequence[LaterSeries]) -> list[LaterSeries]:
    """Days between the first and the last wanted, of stations that are named."""
    first, last = (
        np.datetime64(datetime.date.fromisoformat(day)) if day else None
        for day in (study.gnss.start, study.gnss.end)
    )
    excluded = {entry.partition(":")[0].strip().upper() for entry in study.gnss.exclude}
    included = {name.strip().upper() for name in study.gnss.include}
    wanted = []
    for one in series:
        if one.station in excluded or (included and one.station not in included):
            continue
        keep = np.isfinite(one.up)
        keep &= True if first is None else one.day >= first
        keep &= True if last is None else one.day <= last
        if keep.any():
            wanted.append(
                dataclasses.replace(
                    one,
                    day=one.day[keep],
                    up=one.up[keep],
                    up_sigma=one.up_sigma[keep],
                )
            )
    return wanted


def _check_places(
    series: Sequence[LaterSeries], known: Mapping[str, int], state: xr.Dataset
) -> None:
    lon, lat = state.lon.values, state.lat.values
    for one in series:
        n = known[one.station]
        east = (one.lon - lon[n] + 180) % 360 - 180
        if max(abs(east), abs(one.lat - lat[n])) > MOVED:
            raise ValueError(
                f"station {one.station} stands at {one.lon:g} E, {one.lat:g} N now and "
                f"stood at {lon[n]:g} E, {lat[n]:g} N in the run; run the study again"
            )


def _joined(
    series: Sequence[LaterSeries],
    known: Mapping[str, int],
    state: xr.Dataset,
    new_stations: tuple[str, ...],
) -> LaterHeights:
    before = state.day.values.astype("M8[D]")
    series = [_without_far(one, before[-1]) for one in series]
    _check_first(series, state.epoch.values[0].astype("M8[D]"), before[0])
    last = max([before[-1], *(one.day[-1] for one in series if len(one.day))])
    day = days_from(before[0], last).astype("M8[D]")
    shape = len(day), len(known)
    up, sigma = np.full(shape, np.nan), np.full(shape, np.nan)
    up[: len(before)] = state.up_read.values
    sigma[: len(before)] = state.up_sigma_read.values
    changed, zeros = np.zeros(len(day), bool), {}
    for one in series:
        zero = _enter(one, known[one.station], (day[0], up, sigma), changed)
        if zero:
            zeros[one.station] = zero
    days = np.flatnonzero(changed)
    entered = np.flatnonzero(changed | (np.arange(len(day)) >= len(before)))
    return LaterHeights(day, up, sigma, days, entered, new_stations, zeros)


def _without_far(one: LaterSeries, last: np.datetime64) -> LaterSeries:
    far = one.day > last + FAR
    if not far.any():
        return one
    logger.warning(
        "left out %d rows of %s dated %s and later, more than five years after the "
        "record's last day, %s",
        far.sum(),
        one.station,
        one.day[far][0],
        last,
    )
    kept = {name: getattr(one, name)[~far] for name in ("day", "up", "up_sigma")}
    return dataclasses.replace(one, **kept)


def _check_first(
    series: Sequence[LaterSeries], result: np.datetime64, record: np.datetime64
) -> None:
    """Refuse days of which the results have no epoch."""
    early = [one for one in series if len(one.day) and one.day[0] < record]
    if early:
        shown = [f"{one.station} from {one.day[0]}" for one in early]
        raise ValueError(
            f"there are heights of {listed(shown)}, before the results begin on "
            f"{result}; an update adds no days before them: run the study again"
        )


def _enter(
    one: LaterSeries,
    column: int,
    record: tuple[np.datetime64, Floats, Floats],
    changed: NDArray[np.bool_],
) -> float:
    """Enter what differs of one station; by how much its zero was moved [mm]."""
    first, up, sigma = record
    rows = ((one.day - first) / DAY).astype(np.int64)
    old, new = up[rows, column], one.up
    zero = 0.0
    both = np.isfinite(old)
    if one.floats and both.any():
        zero = float(np.median(new[both] - old[both]))
        new = new - zero
    differs = ~(np.abs(new - old) <= SAME)
    differs |= ~(np.abs(one.up_sigma - sigma[rows, column]) <= SAME)
    up[rows[differs], column] = new[differs]
    sigma[rows[differs], column] = one.up_sigma[differs]
    changed[rows[differs]] = True
    if one.whole:
        lost = np.isfinite(up[:, column])
        lost[rows] = False
        up[lost, column], sigma[lost, column] = np.nan, np.nan
        changed |= lost
    return zero


def latency_of(heights: LaterHeights, state: xr.Dataset) -> dict[str, Any]:
    """Describe how late stations are.

    Args:
      heights: The heights.
      state: Arrays of the state.

    Returns:
      The last day, the number of stations that have it, and by how many days others
      are behind it.
    """
    columns = row_columns(state)
    seen = np.isfinite(heights.up[:, columns])
    last = int(np.flatnonzero(seen.any(axis=1))[-1])
    behind = np.argmax(seen[last::-1], axis=0)
    names = map(str, state.row.values)
    late = {name: int(days) for name, days in zip(names, behind) if days}
    return {
        "last_day": str(heights.day[last]),
        "stations": len(columns) - len(late),
        "days_behind": late,
    }


def row_columns(state: xr.Dataset) -> NDArray[np.intp]:
    """Find the stations of the inversion among those that were read.

    Args:
      state: Arrays of the state.

    Returns:
      Their numbers, in the order of the rows.
    """
    known = {str(name): n for n, name in enumerate(state.station.values)}
    return np.array([known[str(row)] for row in state.row.values])

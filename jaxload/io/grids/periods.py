"""Means of grids over weeks, months and other periods, and entries matched in time."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload._calendar import DAY, MONTH, month_bounds
from jaxload.io.grids.times import mid_times

__all__ = [
    "Periods",
    "align_times",
    "centred_periods",
    "month_periods",
    "period_means",
    "week_periods",
]

Times = NDArray[np.datetime64]


@dataclasses.dataclass(frozen=True, eq=False)
class Periods:
    """Spans of time to average over.

    Attributes:
      start: First instant of each, shape (period,), ascending.
      stop: First instant after it, shape (period,).
      stamp: The time that stands for it, shape (period,), ascending.
    """

    start: Times
    stop: Times
    stamp: Times


def month_periods(start: str, stop: str) -> Periods:
    """Calendar months, dated in their middle.

    Args:
      start: A date in the first month, such as "2018-01".
      stop: A date in the last month.

    Returns:
      The months.

    Raises:
      ValueError: If they are no dates, or the last is before the first.
    """
    first, last = (_date(text, "M") for text in (start, stop))
    begin, end = map(_exact, month_bounds(np.arange(first, last + MONTH)))
    return _periods(begin, end, (start, stop))


def week_periods(start: str, stop: str) -> Periods:
    """GPS weeks, Sunday to Saturday, dated on their Wednesday.

    Args:
      start: A date in the first week, such as "2018-01-03".
      stop: A date in the last week.

    Returns:
      The weeks.

    Raises:
      ValueError: If they are no dates, or the last is before the first.
    """
    # 1970-01-01 was a Thursday, the Sunday after it day 3.
    first, last = (
        (day - np.timedelta64((day.astype(int) - 3) % 7, "D"))
        for day in (_date(text, "D") for text in (start, stop))
    )
    sunday = np.arange(first, last + DAY, 7 * DAY)
    weeks = _periods(_exact(sunday), _exact(sunday + 7 * DAY), (start, stop))
    # Their middle is noon; the day is what they are known by.
    return dataclasses.replace(weeks, stamp=_exact(sunday + 3 * DAY))


def centred_periods(time: Times | xr.DataArray, days: float) -> Periods:
    """Spans of one length centred on given times: running means, if they overlap.

    Args:
      time: The centres, ascending, shape (period,).
      days: How long each is [days].

    Returns:
      The spans.

    Raises:
      ValueError: If the length is not positive.
    """
    if not days > 0:
        raise ValueError(f"days is {days:g}, expected a positive length")
    stamp = np.asarray(time).astype("M8[ns]")
    half = np.timedelta64(round(days * 43200e3), "ms")
    return Periods(_exact(stamp - half), _exact(stamp + half), stamp)


def period_means(
    dataset: xr.Dataset, periods: Periods, least: float = 0.5
) -> xr.Dataset:
    """Average grids over periods.

    Entries with bounds (``time_bnds``) count by the part of them that lies in the
    period, instants and entries without bounds wholly where their time falls. One
    period is in memory at a time, if the data are in dask's chunks, as the means are
    then.

    Args:
      dataset: Fields along time; others are passed on.
      periods: What to average over.
      least: Share of a period that must have data: with 0.5, a week needs 4 days. A
        cell with less is NaN.

    Returns:
      The means, with ``time_bnds`` as given. An error (``_sigma``) is averaged as a
      variance, as if entries were wholly correlated: means do not lower it.

    Raises:
      ValueError: If the data and the periods have no time in common.

    Example:
      >>> months = io.month_periods("2018-01", "2020-12")
      >>> soil = io.period_means(io.read_grid("GLDAS*.nc4", "soil_water"), months)
    """
    bounds, exact = _spans(dataset)
    _check_overlap(bounds, periods)
    fields = [n for n, x in dataset.data_vars.items() if "time" in x.dims]
    fields = [name for name in fields if name != "time_bnds"]
    shares = [
        _weights(bounds, exact, start, stop)
        for start, stop in zip(periods.start, periods.stop)
    ]
    enough = least * ((periods.stop - periods.start) / DAY)
    means = {name: _means(dataset[name], shares, enough) for name in fields}
    others = dataset.drop_vars(fields).drop_dims("time", errors="ignore").coords
    joined = xr.Dataset(means, {**others, "time": periods.stamp})
    pair = np.stack([periods.start, periods.stop], axis=1)
    rest = dataset.drop_vars([*fields, "time_bnds", "time"], errors="ignore")
    joined = joined.assign(rest.data_vars).assign(time_bnds=(("time", "bnds"), pair))
    return joined.assign_attrs(dataset.attrs)


def align_times(
    first: xr.Dataset, second: xr.Dataset, tolerance: float = 10.0
) -> tuple[xr.Dataset, xr.Dataset]:
    """Take the entries that two datasets have in common.

    Two belong together if each is the other's nearest and the middles of their bounds
    (their times, without bounds) are not far apart. Nothing is interpolated: a month
    that either lacks is a gap.

    Args:
      first: Fields along time.
      second: The same, of another origin.
      tolerance: How far the middles may lie apart [days]: months of GRACE are
        irregular, and the centres cut them differently.

    Returns:
      Both at their common times, which are those of the first.

    Raises:
      ValueError: If there are none.

    Example:
      >>> grace, soil = io.align_times(grace, soil)
      >>> groundwater = grace.twsa - soil.soil_water
    """
    one, two = mid_times(first), mid_times(second)
    if not len(one) or not len(two):
        raise ValueError("one of the datasets has no times at all")
    apart = np.abs(one[:, None] - two[None, :])
    match = apart.argmin(axis=1)
    mutual = apart.argmin(axis=0)[match] == np.arange(len(one))
    near = apart[np.arange(len(one)), match] <= np.timedelta64(
        round(tolerance * 1440), "m"
    )
    rows = np.flatnonzero(mutual & near)
    if not rows.size:
        raise ValueError(
            f"{_name(first)} spans {_span(one)} and {_name(second)} {_span(two)}, and "
            f"no two of their times are within {tolerance:g} days; get data of one "
            "period, or average one of them over the periods of the other"
        )
    left = first.isel(time=rows)
    right = second.isel(time=match[rows]).assign_coords(time=left["time"].values)
    return left, right


def _date(text: str, unit: str) -> np.datetime64:
    try:
        return np.datetime64(text, unit)
    except (ValueError, TypeError):
        raise ValueError(f"{text!r} is no date like 2018-01-31") from None


def _exact(time: NDArray) -> Times:
    return time.astype("M8[ns]")


def _periods(start: Times, stop: Times, limits: tuple[str, str]) -> Periods:
    if not len(start):
        raise ValueError(f"{limits[1]} is before {limits[0]}; swap start and stop")
    return Periods(start, stop, start + (stop - start) // 2)


def _spans(dataset: xr.Dataset) -> tuple[Times, bool]:
    """Begin and end of each entry, and whether the data say so themselves."""
    if "time_bnds" in dataset:
        return dataset["time_bnds"].values.astype("M8[ns]"), True
    time = dataset["time"].values.astype("M8[ns]")
    step = np.median(np.diff(time)) if len(time) > 1 else DAY.astype("m8[ns]")
    return np.stack([time, time + step], axis=1), False


def _weights(
    bounds: Times, exact: bool, start: np.datetime64, stop: np.datetime64
) -> NDArray[np.float64]:
    """What each entry adds to a period [days]."""
    begin, end = bounds.T
    if not exact:
        return np.where((begin >= start) & (begin < stop), (end - begin) / DAY, 0.0)
    overlap = np.minimum(end, stop) - np.maximum(begin, start)
    days = np.maximum(overlap / DAY, 0.0)
    instant = begin == end
    if not instant.any():
        return days
    inside = (begin >= start) & (begin < stop)
    apart = np.diff(np.sort(begin)).astype("m8[ns]") / DAY
    step = np.median(apart) if len(apart) else 1.0
    return np.where(instant, np.where(inside, step, 0.0), days)


def _means(
    array: xr.DataArray,
    shares: list[NDArray[np.float64]],
    enough: NDArray[np.float64],
) -> xr.DataArray:
    """Means of one field, of which each period must have so many days."""
    dims = [dim for dim in array.dims if dim != "time"]
    fields = array.transpose("time", *dims)
    power = 2 if str(array.name).endswith("_sigma") else 1
    mean = functools.partial(_mean, power=power)
    if array.chunks:
        means = _in_chunks(mean, fields, shares, enough)
    else:
        means = np.full((len(shares), *fields.shape[1:]), np.nan, array.dtype)
        for period, share in enumerate(shares):
            rows = np.flatnonzero(share)
            if rows.size:
                part = fields.values[_slice(rows)]
                means[period] = mean(part, share[rows], enough[period])
    coords = {name: array[name] for name in dims if name in array.coords}
    averaged = xr.DataArray(means, coords, ("time", *dims), attrs=array.attrs)
    return averaged.transpose(*array.dims)


def _in_chunks(
    mean: Callable[..., NDArray],
    fields: xr.DataArray,
    shares: list[NDArray[np.float64]],
    enough: NDArray[np.float64],
) -> Any:
    """Means of a field in dask's chunks, one period in each of theirs."""
    import dask.array as da
    from dask.delayed import delayed

    later = delayed(mean, pure=True)
    shape, kind = fields.shape[1:], fields.dtype
    means = []
    for share, least in zip(shares, enough):
        rows = np.flatnonzero(share)
        if rows.size:
            part = later(fields.isel(time=_slice(rows)).data, share[rows], least)
            means.append(da.from_delayed(part, shape, kind))
        else:
            means.append(da.full(shape, np.nan, kind, chunks=shape))
    return da.stack(means)


def _mean(
    part: NDArray, weight: NDArray[np.float64], least: float, power: int = 1
) -> NDArray:
    part = part if power == 1 else part**power
    mean = _weighted(part, weight, least)
    return mean if power == 1 else mean ** (1 / power)


def _weighted(part: NDArray, weight: NDArray[np.float64], least: float) -> NDArray:
    weight, seen = weight.astype(part.dtype), np.isfinite(part)
    count = np.tensordot(weight, seen.astype(part.dtype), axes=1)
    total = np.tensordot(weight, np.where(seen, part, 0), axes=1)
    # Rounding must not make a full week fall short of seven days.
    known = (count >= least * (1 - 1e-6)) & (count > 0)
    return np.where(known, total / np.where(known, count, 1), np.nan)


def _slice(rows: NDArray[np.intp]) -> slice | NDArray[np.intp]:
    together = rows[-1] - rows[0] + 1 == len(rows)
    return slice(int(rows[0]), int(rows[-1]) + 1) if together else rows


def _check_overlap(bounds: Times, periods: Periods) -> None:
    if not len(bounds) or not len(periods.start):
        raise ValueError("there are no times to average, or no periods")
    begin, end = bounds[:, 0].min(), bounds[:, 1].max()
    start, stop = periods.start.min(), periods.stop.max()
    if end < start or begin >= stop or (end == start and begin < end):
        raise ValueError(
            f"the data span {_span(bounds)} and the periods "
            f"{_span(np.array([start, stop]))}; they have no time in common"
        )


def _name(dataset: xr.Dataset) -> str:
    return str(dataset.attrs.get("source", "a dataset"))


def _span(time: Times) -> str:
    first, last = (x.astype("M8[D]") for x in (time.min(), time.max()))
    return f"{first} to {last}"

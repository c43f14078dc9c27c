"""Cleaning of heights: outliers, steps, trends, common mode, means."""

import logging
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, io, series
from jaxload.pipeline.messages import SHOWN, listed
from jaxload.pipeline.prepare.frozen_cleaning import (
    STEPS,
    TREND,
    event_parameters,
    outlier_parameters,
    outlier_rule,
    removal_parameters,
    removed_kinds,
)
from jaxload.pipeline.prepare.height_means import average_heights
from jaxload.pipeline.team import by_stations, gather_stations

__all__ = [
    "PER_STATION",
    "ShortRecords",
    "clean",
    "cleaning_summary",
    "find_events",
    "needs_cleaning",
    "without_trend",
]

logger = logging.getLogger(__name__)

DIMS = ("time", "station")

#: Days in a mean Gregorian year.
DAYS_PER_YEAR = 365.2425

#: Variables that `clean` adds where it removes trends or steps: units and meaning.
PER_STATION = {
    "trend_determined": (
        "1",
        "1 where the record determines what was taken out, 0 where rate and seasons "
        "were held toward zero",
    ),
    "rate_removed": ("mm year-1", "rate that was taken out"),
    "record_months": ("1", "times of 30 days in which there is a height"),
}

#: Precision to which each term was held, relative to that of all heights of a station.
SHRINKAGE = "trend_shrinkage"

#: Stations from which a common mode can be taken.
FEWEST = 3

#: Principal components that are searched for common modes.
COMPONENTS = 4


class ShortRecords(ValueError):
    """No station has a record that determines its trend, and such are dropped."""


def needs_cleaning(study: config.Study) -> bool:
    """Check whether a study sets any cleaning of its heights.

    Args:
      study: The study.
    """
    return study.cleaning != config.Cleaning()


def clean(
    study: config.Study,
    gnss: xr.Dataset,
    watch: Callable[[float], None],
    happened: series.Events | None = None,
    component: str = "up",
) -> xr.Dataset:
    """Clean heights as a study sets.

    Args:
      study: Its table ``[cleaning]`` has the settings.
      gnss: Heights, layout `io.GNSS`.
      watch: Called with the share that is done.
      happened: From `find_events`, if they are known already.
      component: Which component stands under the names of heights.

    Returns:
      The heights in the same layout. With means, ``time_bnds`` has the interval of
      each, first instant and first after it; where heights were reconstructed,
      ``up_observed`` has those before. Attributes ``outliers`` and ``steps`` count the
      removed ones; with trends or steps removed, `PER_STATION` and ``trend_shrinkage``
      describe how far the record of each station determines them.

    Raises:
      ValueError: If a file of offsets does not parse, or there are fewer epochs than
        periods to keep; a `ShortRecords` if every record is too short.
    """
    settings = study.cleaning
    years = series.decimal_years(gnss.time.values)
    up, sigma = gnss.up.values, gnss.up_sigma.values
    happened = find_events(study, gnss) if happened is None else happened
    if settings.steps:
        gnss = gnss.assign_attrs(steps=int(np.isfinite(happened.steps).sum()))
    if settings.outliers != "none":
        up, gone = _without_outliers(settings, (up, sigma), years, happened)
        kept = outlier_parameters(settings, (up, sigma), years, happened)
        gnss = gnss.assign_attrs(outliers=gone).assign(kept)
        logger.info("%d outliers of %d heights", gone, np.isfinite(gnss.up).sum())
    watch(0.5)
    gnss = gnss.assign(up=(DIMS, up, gnss.up.attrs))
    gnss = gnss.assign(event_parameters(happened))
    gnss = _without_terms(settings, gnss, years, happened)
    if "trend_determined" in gnss:
        gnss = _with_short_records(settings, gnss, component)
    up = _without_common_mode(settings, gnss.up.values, gnss.up_sigma.values, years)
    gnss = gnss.assign(up=(DIMS, up, gnss.up.attrs))
    if settings.average != "none":
        gnss = average_heights(settings.average, gnss)
    gnss = _with_data(gnss)
    watch(0.9)
    if settings.reconstruct:
        gnss = _with_data(_reconstructed(settings.reconstruct, gnss))
    return gnss


def cleaning_summary(gnss: xr.Dataset) -> dict[str, Any]:
    """Summarise in numbers what cleaning did.

    Args:
      gnss: From `clean`.

    Returns:
      Counts of ``outliers`` and ``steps``; ``annual_range_mm``, the median over
      stations of the largest less the smallest height in a year; ``short_records``, by
      station the months with heights where these do not determine trend or steps.
    """
    counts: dict[str, Any] = {
        k: int(gnss.attrs[k]) for k in ("outliers", "steps") if k in gnss.attrs
    }
    if "trend_determined" in gnss:
        short = gnss.isel(station=np.flatnonzero(gnss.trend_determined.values == 0))
        months = short.record_months.values.astype(int).tolist()
        counts["short_records"] = dict(zip(map(str, short.station.values), months))
    yearly = gnss.up.groupby("time.year")
    span = (yearly.max() - yearly.min()).median("year")
    return counts | {"annual_range_mm": float(span.median())}


def without_trend(values: NDArray[np.float64], gnss: xr.Dataset) -> NDArray[np.float64]:
    """Remove offset and rate from a load as they were removed from heights.

    They are fitted together with seasons, which stay, at the epochs with heights, and
    held toward zero as those of the heights were.

    Args:
      values: Load [mm], shape (epoch, station); NaN if missing.
      gnss: The heights, from `clean`, perhaps with virtual stations.

    Returns:
      The load, shape (epoch, station).
    """
    years = series.decimal_years(gnss.time.values)
    seen = gnss.up.notnull().values & np.isfinite(values)
    precision = _shares(gnss, years) * np.maximum(seen.sum(axis=0), 1)[:, None]
    load = np.where(seen, values, np.nan)
    fit = series.fit_trajectory(load, years, precision=precision)
    return values - np.asarray(series.evaluate_trajectory(fit, years, TREND))


def _shares(gnss: xr.Dataset, years: NDArray[np.float64]) -> NDArray[np.float64]:
    """Precision to which terms of each row are held, per height."""
    rows, terms = gnss.sizes["station"], 2 + 2 * len(series.Terms().periods)
    known = np.full((rows, terms), np.nan)
    if SHRINKAGE in gnss:
        known = gnss[SHRINKAGE].values
    if not np.isnan(known).any():
        return known
    up = gnss.up.values
    held = np.asarray(series.shrinkage(up, years, TREND).precision)
    count = np.maximum(np.isfinite(up).sum(axis=0), 1)[:, None]
    return np.where(np.isnan(known), held / count, known)


def find_events(
    study: config.Study, gnss: xr.Dataset, component: str = "up"
) -> series.Events:
    """Find steps and relaxations of every station, in a file or in the heights.

    Args:
      study: Its `cleaning.steps` is a file, or "detect".
      gnss: Heights, layout `io.GNSS`, or another component under their names.
      component: Which component it is.

    Returns:
      The events; none where `cleaning.steps` is empty.

    Raises:
      ValueError: If a file of offsets does not parse.
    """
    steps, count = study.cleaning.steps, gnss.sizes["station"]
    years = series.decimal_years(gnss.time.values)
    if not steps:
        return series.events(count)
    if steps == "detect":
        return _detected(gnss, years)
    table = io.read_offsets(study.path(steps))
    names = [str(name) for name in gnss.station.values]
    days = [io.offset_days(table, name, component) for name in names]
    turned = lambda name: io.offset_days(table, name, component, ["rate"])
    bends = [name for name in names if len(turned(name))]
    if bends:
        logger.warning(
            "%s has changes of rate, which stay in the heights of %s",
            steps,
            ", ".join(bends[:SHOWN]),
        )
    if not any(io.is_of(table, name).any() for name in names):
        logger.warning(
            "%s has no event of any of %d stations (%s); are its names theirs?",
            steps,
            count,
            ", ".join(names[:SHOWN]),
        )
    times = {"steps": _filled([series.decimal_years(day) for day in days], ())}
    for kind in STEPS[1:]:
        rows = [_relaxations(table, name, kind, component) for name in names]
        _warn_of_endless(steps, names, rows)
        times[kind] = _filled(rows, (2,))
    return series.events(count, **times)


def _warn_of_endless(steps: str, names: list[str], rows: list[NDArray]) -> None:
    """Name stations whose post-seismic terms have no relaxation time."""
    endless = [name for name, row in zip(names, rows) if np.isnan(row).any()]
    if endless:
        logger.warning(
            "%s has relaxations without a time, which stay in the heights of %s; give "
            "the time in days",
            steps,
            ", ".join(endless[:SHOWN]),
        )


def _relaxations(
    table: xr.Dataset, station: str, kind: str, component: str
) -> NDArray[np.float64]:
    """Begin and relaxation time [years] of one kind of event, shape (event, 2)."""
    chosen = io.is_of(table, station) & (table.kind.values == kind)
    chosen &= np.isin(table.component.values, ("all", component))
    begin = series.decimal_years(table.day.values[chosen])
    return np.stack([begin, table.relaxation.values[chosen] / DAYS_PER_YEAR], axis=1)


def _filled(rows: list[NDArray], tail: tuple[int, ...]) -> NDArray[np.float64]:
    """Rows of different lengths side by side, NaN where there are fewer."""
    most = max(len(row) for row in rows)
    filled = np.full((len(rows), most, *tail), np.nan)
    for index, row in enumerate(rows):
        filled[index, : len(row)] = row
    return filled


def _detected(gnss: xr.Dataset, years: NDArray[np.float64]) -> series.Events:
    up, sigma = gnss.up.values, gnss.up_sigma.values

    def detect(part: slice) -> dict[str, Any]:
        steps = series.find_steps(up[:, part], years, sigma=sigma[:, part])
        return {"years": steps.years}

    steps = by_stations(detect, gnss.sizes["station"])["years"]
    days = np.datetime_as_string(gnss.time.values, "D")
    for name, times in zip(gnss.station.values, steps):
        begin = days[np.searchsorted(years, times[np.isfinite(times)])]
        if len(begin):
            logger.info("%s steps on %s", name, ", ".join(begin))
    return series.events(gnss.sizes["station"], steps=steps)


def _without_outliers(
    settings: config.Cleaning,
    heights: tuple[NDArray[np.float64], NDArray[np.float64]],
    years: NDArray[np.float64],
    happened: series.Events,
) -> tuple[NDArray[np.float64], int]:
    """Heights without those that stand far from the rest, and how many these are."""
    up, sigma = heights
    rule = outlier_rule(settings)

    def reject(part: slice) -> dict[str, Any]:
        cleaned = series.reject_outliers(
            up[:, part],
            years,
            sigma=sigma[:, part],
            events=_events_of(happened, part),
            settings=rule,
        )
        return {"values": cleaned.values.T, "count": cleaned.count}

    cleaned = by_stations(reject, up.shape[1])
    return np.ascontiguousarray(cleaned["values"].T), int(cleaned["count"].sum())


def _events_of(happened: series.Events, part: slice) -> series.Events:
    return jax.tree.map(lambda times: times[part], happened)


def _without_terms(
    settings: config.Cleaning,
    gnss: xr.Dataset,
    years: NDArray[np.float64],
    happened: series.Events,
) -> xr.Dataset:
    """Remove trend and steps, and record how far each record determines them."""
    kinds = removed_kinds(settings)
    if not kinds:
        return gnss
    up = gnss.up.values
    removed = _removed(kinds, gnss, years, happened)
    count = np.isfinite(up).sum(axis=0)
    terms = 2 + 2 * len(series.Terms().periods)
    shares = removed["precision"][:, :terms] / np.maximum(count, 1)[:, None]
    rate = removed["rate"] if settings.trend == "remove" else 0 * count
    values = {
        "trend_determined": removed["determined"].astype(np.int8),
        "rate_removed": np.nan_to_num(rate),
        "record_months": removed["months"].astype(np.int32),
    }
    gnss = gnss.assign(
        {
            name: ("station", x, _labels(*PER_STATION[name]))
            for name, x in values.items()
        }
    )
    return gnss.assign(
        up=(DIMS, np.ascontiguousarray(removed["values"].T), gnss.up.attrs),
        trend_shrinkage=(("station", "term"), shares),
        **removal_parameters(removed["estimates"], years),
    )


def _removed(
    kinds: tuple[str, ...],
    gnss: xr.Dataset,
    years: NDArray[np.float64],
    happened: series.Events,
) -> dict[str, NDArray]:
    """Heights without some terms and what is known of these, stations first."""
    up, sigma = gnss.up.values, gnss.up_sigma.values
    stations = up.shape[1]

    def remove(part: slice) -> dict[str, Any]:
        removed = series.remove_terms(
            up[:, part],
            years,
            kinds,
            sigma=sigma[:, part],
            events=_events_of(happened, part),
            gather=lambda arrays: gather_stations(arrays, stations),
        )
        held = removed.shrinkage
        return {
            "values": removed.values.T,
            "rate": removed.fit.rate,
            "estimates": removed.fit.estimates.T,
            "precision": held.precision,
            "determined": held.determined,
            "months": held.months,
        }

    return by_stations(remove, stations)


def _labels(units: str, meaning: str) -> dict[str, str]:
    return {"units": units, "long_name": meaning}


def _with_short_records(
    settings: config.Cleaning, gnss: xr.Dataset, component: str
) -> xr.Dataset:
    """Warn of stations that do not determine their trend, and drop them where set."""
    good = gnss.trend_determined.values.astype(bool)
    if good.all():
        return gnss
    # Records of horizontals are as long as those of heights.
    level = logging.WARNING if component == "up" else logging.INFO
    short = gnss.isel(station=np.flatnonzero(~good))
    named = [
        f"{name} with {months}"
        for name, months in zip(short.station.values, short.record_months.values)
    ]
    what = f"{len(named)} of {len(good)} stations ({listed(named)} months of heights)"
    if settings.short_records == "keep":
        logger.log(
            level,
            "the records of %s are too short to tell rate and seasons apart: what they "
            "do not determine stays in the heights, about the mean of their own days; "
            'cleaning.short_records = "drop" leaves such stations out, gnss.exclude '
            "some of them",
            what,
        )
        return gnss
    if not good.any():
        raise ShortRecords(
            f"the records of {what} are too short to tell rate and seasons apart, and "
            'cleaning.short_records is "drop"; set it to "keep", or take a longer '
            "period"
        )
    logger.log(level, "left out the short records of %s", what)
    return gnss.isel(station=np.flatnonzero(good))


def _without_common_mode(
    settings: config.Cleaning,
    up: NDArray[np.float64],
    sigma: NDArray[np.float64],
    years: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Remove the common mode of residuals without seasons, which may be water."""
    if settings.common_mode == "none":
        return up
    fit = series.fit_trajectory(up, years, sigma=sigma)
    left = up - np.asarray(series.evaluate_trajectory(fit, years))
    weights = 1 / np.where(sigma > 0, sigma, np.inf) ** 2
    if settings.common_mode == "stack":
        mode = series.stacked_mode(left, weights=weights, least=FEWEST)
    else:
        count = min(COMPONENTS, *up.shape)
        parts = series.principal_components(left, count, weights=weights)
        mode = series.common_mode(parts)
    return up - _known_mode(np.asarray(mode), up)


def _known_mode(mode: NDArray[np.float64], up: NDArray[np.float64]) -> NDArray:
    """A common mode, zero where there are too few stations to have one."""
    undefined = np.isnan(mode) & np.isfinite(up)
    if undefined.any():
        logger.warning(
            "no common mode was taken out of %d heights on %d epochs: at fewer than %d "
            "stations there is none; start where more of them have begun",
            undefined.sum(),
            undefined.any(axis=1).sum(),
            FEWEST,
        )
    return np.nan_to_num(mode)


def _reconstructed(count: int, gnss: xr.Dataset) -> xr.Dataset:
    """Reconstruct heights from their strongest periods; gaps stay gaps."""
    epochs = gnss.sizes["time"]
    if count > epochs // 2:
        raise ValueError(
            f"cleaning.reconstruct is {count}, but {epochs} epochs hold {epochs // 2} "
            "periods; keep fewer, or take a longer record"
        )
    up = gnss.up.values

    def reconstruct(part: slice) -> dict[str, Any]:
        return {"values": series.reconstruct(up[:, part], count).values.T}

    reconstructed = by_stations(reconstruct, up.shape[1])["values"].T
    values = np.where(gnss.up.notnull(), reconstructed, np.nan)
    labels = {"units": "mm", "long_name": "up displacement before its reconstruction"}
    observed = (DIMS, gnss.up.values, labels)
    return gnss.assign(up=(DIMS, values, gnss.up.attrs), up_observed=observed)


def _with_data(gnss: xr.Dataset) -> xr.Dataset:
    """Leave out epochs and stations without heights, and warn of the stations."""
    seen = gnss.up.notnull()
    stations, epochs = (seen.any(dim).values for dim in DIMS)
    if not stations.any():
        raise ValueError(
            "nothing is left of any station after cleaning; are the series too short "
            "for the means or the periods that are asked for?"
        )
    if not stations.all():
        gone = list(map(str, gnss.station.values[~stations]))
        logger.warning(
            "left out %d stations with too few heights for the means or periods that "
            "cleaning.average and cleaning.reconstruct ask for: %s",
            len(gone),
            listed(gone),
        )
    first, last = np.flatnonzero(epochs)[[0, -1]]
    return gnss.isel(station=np.flatnonzero(stations), time=slice(first, last + 1))

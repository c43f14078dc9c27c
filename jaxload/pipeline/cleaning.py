"""Heights made ready: no outliers, steps or trends, at the epochs that are wanted."""

import logging
from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, io, series

__all__ = ["clean", "describe", "is_asked", "without_trend"]

logger = logging.getLogger(__name__)

DIMS = ("time", "station")

#: What `clean` takes out of a trajectory, by what is asked for.
STEPS = ("steps", "exponential", "logarithmic")
TREND = ("offset", "trend")

#: Days in a mean Gregorian year.
DAYS_PER_YEAR = 365.2425

#: Principal components among which common ones are looked for.
COMPONENTS = 4

#: Names of stations that a message lists.
SHOWN = 5


def is_asked(study: config.Study) -> bool:
    """Say whether a study wants anything done to its heights.

    Args:
      study: The study.
    """
    return study.cleaning != config.Cleaning()


def clean(
    study: config.Study,
    gnss: xr.Dataset,
    watch: Callable[[float], None],
) -> xr.Dataset:
    """Clean heights as a study asks for.

    Args:
      study: Says how in its table ``[cleaning]``.
      gnss: Heights, layout `io.GNSS`.
      watch: Told of the share that is done.

    Returns:
      The heights in the same layout. With means, ``time_bnds`` says what they are of,
      first instant and first after it; where heights were reconstructed,
      ``up_observed`` is what from. Attributes ``outliers`` and ``steps`` count what
      went.

    Raises:
      ValueError: If a file of offsets does not parse, or there are fewer epochs than
        periods to keep.
    """
    settings = study.cleaning
    years = series.decimal_years(gnss.time.values)
    up, sigma = gnss.up.values, gnss.up_sigma.values
    happened = _events(study, gnss, years)
    if settings.steps:
        gnss = gnss.assign_attrs(steps=int(np.isfinite(happened.steps).sum()))
    if settings.outliers != "none":
        rule = "iqr" if settings.outliers == "iqr" else "sigma"
        cleaned = series.reject_outliers(
            up,
            years,
            sigma=sigma,
            events=happened,
            settings=series.Rejection(rule=rule),
        )
        up, gone = np.asarray(cleaned.values), int(np.asarray(cleaned.count).sum())
        gnss = gnss.assign_attrs(outliers=gone)
        logger.info("%d outliers of %d heights", gone, np.isfinite(gnss.up).sum())
    watch(0.5)
    up = _without_terms(settings, up, (years, sigma, happened))
    up = _without_common_mode(settings, up, sigma, years)
    gnss = gnss.assign(up=(DIMS, up, gnss.up.attrs))
    if settings.mean != "none":
        gnss = _averaged(settings.mean, gnss)
    gnss = _with_data(gnss)
    watch(0.9)
    if settings.reconstruct:
        gnss = _with_data(_reconstructed(settings.reconstruct, gnss))
    return gnss


def describe(gnss: xr.Dataset) -> dict[str, float]:
    """Say in numbers what cleaning did.

    Args:
      gnss: From `clean`.

    Returns:
      Counts of ``outliers`` and ``steps``; ``annual_range_mm``, the median over
      stations of the largest less the smallest height in a year.
    """
    counts = {k: int(gnss.attrs[k]) for k in ("outliers", "steps") if k in gnss.attrs}
    yearly = gnss.up.groupby("time.year")
    span = (yearly.max() - yearly.min()).median("year")
    return counts | {"annual_range_mm": float(span.median())}


def without_trend(
    values: NDArray[np.float64],
    time: NDArray[np.datetime64],
    seen: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Take out offset and rate, fitted beside seasons, which stay.

    Args:
      values: Series, shape (epoch, station); NaN if missing.
      time: Epochs, shape (epoch,).
      seen: Which values to fit to, shape (epoch, station).

    Returns:
      The series, shape (epoch, station).
    """
    years = series.decimal_years(time)
    fit = series.fit_trajectory(np.where(seen, values, np.nan), years)
    return values - np.asarray(series.evaluate_trajectory(fit, years, TREND))


def _events(
    study: config.Study, gnss: xr.Dataset, years: NDArray[np.float64]
) -> series.Events:
    """Steps and relaxations of every station, from a file or looked for."""
    steps, count = study.cleaning.steps, gnss.sizes["station"]
    if not steps:
        return series.events(count)
    if steps == "detect":
        return _detected(gnss, years)
    table = io.read_offsets(study.path(steps))
    names = [str(name) for name in gnss.station.values]
    days = [io.offset_days(table, name, "up") for name in names]
    bends = [name for name in names if len(io.offset_days(table, name, "up", ["rate"]))]
    if bends:
        logger.warning(
            "%s has changes of rate, which stay in the heights of %s",
            steps,
            ", ".join(bends[:SHOWN]),
        )
    found = {"steps": _filled([series.decimal_years(day) for day in days], ())}
    for kind in STEPS[1:]:
        rows = [_relaxations(table, name, kind) for name in names]
        found[kind] = _filled(rows, (2,))
    return series.events(count, **found)


def _relaxations(table: xr.Dataset, station: str, kind: str) -> NDArray[np.float64]:
    """Begin and relaxation time [years] of one kind of event, shape (event, 2)."""
    chosen = (table.station.values == station.upper()) & (table.kind.values == kind)
    chosen &= np.isin(table.component.values, ("all", "up"))
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
    found = series.find_steps(gnss.up.values, years, sigma=gnss.up_sigma.values)
    days = np.datetime_as_string(gnss.time.values, "D")
    for name, epochs in zip(gnss.station.values, found.epoch):
        if (epochs >= 0).any():
            logger.info("%s steps on %s", name, ", ".join(days[epochs[epochs >= 0]]))
    return series.events(gnss.sizes["station"], steps=found.years)


def _without_terms(
    settings: config.Cleaning,
    up: NDArray[np.float64],
    given: tuple[NDArray, NDArray, series.Events],
) -> NDArray[np.float64]:
    kinds = STEPS if settings.steps else ()
    kinds += TREND if settings.trend == "remove" else ()
    if not kinds:
        return up
    years, sigma, happened = given
    fit = series.fit_trajectory(up, years, sigma=sigma, events=happened)
    return up - np.asarray(series.evaluate_trajectory(fit, years, kinds))


def _without_common_mode(
    settings: config.Cleaning,
    up: NDArray[np.float64],
    sigma: NDArray[np.float64],
    years: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Water of a whole region is seasonal, so that seasons are not common here."""
    if settings.common_mode == "none":
        return up
    fit = series.fit_trajectory(up, years, sigma=sigma)
    left = up - np.asarray(series.evaluate_trajectory(fit, years))
    weights = 1 / np.where(sigma > 0, sigma, np.inf) ** 2
    if settings.common_mode == "stack":
        mode = series.stacked_mode(left, weights=weights)
    else:
        count = min(COMPONENTS, *up.shape)
        parts = series.principal_components(left, count, weights=weights)
        mode = series.common_mode(parts)
    return up - np.asarray(mode)


def _averaged(mean: str, gnss: xr.Dataset) -> xr.Dataset:
    """Means of heights, with bounds; other components and their errors go."""
    averages, spans = {
        "weekly": (series.weekly_means, series.weeks_of),
        "monthly": (series.monthly_means, series.months_of),
    }[mean]
    time = gnss.time.values
    means = averages(gnss.up.values, time, sigma=gnss.up_sigma.values)
    values = {"up": means.values, "up_sigma": means.sigma}
    bounds = np.stack(spans(time), axis=1).astype("M8[ns]")
    names = ("station", "lon", "lat", "height")
    coords = {name: gnss[name] for name in names if name in gnss.coords}
    averaged = xr.Dataset(
        {name: (DIMS, np.asarray(array)) for name, array in values.items()},
        {**coords, "time": means.time.astype("M8[ns]")},
        gnss.attrs,
    )
    return io.label_dataset(averaged).assign(time_bnds=(("time", "bnds"), bounds))


def _reconstructed(count: int, gnss: xr.Dataset) -> xr.Dataset:
    """Strongest periods of the heights, where these are: gaps stay gaps."""
    epochs = gnss.sizes["time"]
    if count > epochs // 2:
        raise ValueError(
            f"cleaning.reconstruct is {count}, but {epochs} epochs hold {epochs // 2} "
            "periods; keep fewer, or take a longer record"
        )
    found = series.reconstruct(gnss.up.values, count)
    values = np.where(gnss.up.notnull(), np.asarray(found.values), np.nan)
    labels = {"units": "mm", "long_name": "up displacement before its reconstruction"}
    observed = (DIMS, gnss.up.values, labels)
    return gnss.assign(up=(DIMS, values, gnss.up.attrs), up_observed=observed)


def _with_data(gnss: xr.Dataset) -> xr.Dataset:
    """Epochs and stations that have anything; the others are named."""
    seen = gnss.up.notnull()
    stations, epochs = (seen.any(dim).values for dim in DIMS)
    if not stations.any():
        raise ValueError(
            "nothing is left of any station after cleaning; are the series too short "
            "for the means or the periods that are asked for?"
        )
    if not stations.all():
        gone = list(map(str, gnss.station.values[~stations]))
        more = " ..." if len(gone) > SHOWN else ""
        logger.warning(
            "left out %d stations of which cleaning left nothing: %s%s",
            len(gone),
            ", ".join(gone[:SHOWN]),
            more,
        )
    first, last = np.flatnonzero(epochs)[[0, -1]]
    return gnss.isel(station=np.flatnonzero(stations), time=slice(first, last + 1))

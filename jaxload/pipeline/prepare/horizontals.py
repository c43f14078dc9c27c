"""Horizontal components, made ready as heights are."""

import logging
from typing import Any

import numpy as np
import xarray as xr

from jaxload import config, series
from jaxload.pipeline.messages import listed
from jaxload.pipeline.prepare import cleaning
from jaxload.pipeline.prepare.heights import ready_component

__all__ = [
    "as_heights",
    "check_horizontals",
    "clean_horizontals",
    "ready_horizontals",
    "with_component",
]

logger = logging.getLogger(__name__)

#: Rates of a network [mm/year] and offsets of a station [mm] that no water explains.
PLATE_RATE, OFFSET = 2.0, 1000.0

#: Years below which a record has a season rather than a rate.
SHORTEST = 1.5


def as_heights(gnss: xr.Dataset, component: str) -> xr.Dataset:
    """Show a horizontal component under the names of heights.

    Args:
      gnss: Layout `io.GNSS`.
      component: "north" or "east".

    Returns:
      The dataset with that component as ``up`` and ``up_sigma``, and no other.
    """
    values, sigma = gnss[component], gnss[f"{component}_sigma"]
    return gnss[[]].assign(up=values, up_sigma=sigma)


def with_component(gnss: xr.Dataset, component: str, shown: xr.Dataset) -> xr.Dataset:
    """Put a component back under its own name.

    Args:
      gnss: Heights, by which stations and epochs are chosen.
      component: "north" or "east".
      shown: From `as_heights`, perhaps changed.

    Returns:
      `gnss` with the component; NaN where `shown` has no such station or epoch.
    """
    there = shown.drop_vars("time_bnds", errors="ignore")
    there = there.reindex(time=gnss.time.values, station=gnss.station.values)
    dims = gnss.up.dims
    values = there.up.where(there.up_sigma > 0)
    attrs = {"units": "mm"}
    return gnss.assign(
        {
            component: (dims, values.values, attrs | shown.up.attrs),
            f"{component}_sigma": (
                dims,
                there.up_sigma.values,
                attrs | shown.up_sigma.attrs,
            ),
        }
    )


def ready_horizontals(
    study: config.Study, gnss: xr.Dataset
) -> tuple[xr.Dataset, dict[str, Any]]:
    """Leave out days of large sigma, and refer to means where a study sets that.

    Args:
      study: Its `gnss.components` names the horizontals.
      gnss: Displacement of stations with heights, layout `io.GNSS`.

    Returns:
      The dataset, and days of large sigma by station for each component.

    Raises:
      ValueError: If no station has a component that the study names.
    """
    counts: dict[str, Any] = {}
    for component in study.gnss.horizontals:
        _check_there(gnss, component)
        ready, large = ready_component(study, as_heights(gnss, component), component)
        gnss = with_component(gnss, component, ready)
        counts[f"days_of_large_sigma_{component}"] = large
    return gnss, counts


def _check_there(gnss: xr.Dataset, component: str) -> None:
    """Refuse a component that no file has, and count the stations without it."""
    count = gnss.sizes["station"]
    seen = np.zeros(count, bool)
    if component in gnss:
        seen = gnss[component].notnull().any("time").values
    if not seen.any():
        raise ValueError(
            f"gnss.components names {component}, but none of {count} stations of "
            f"gnss.files has it; take it out, or name its column in gnss.columns"
        )
    without = list(map(str, gnss.station.values[~seen]))
    if without:
        logger.warning(
            "%d of %d stations have no %s and contribute without it: %s",
            len(without),
            count,
            component,
            listed(without),
        )


def clean_horizontals(
    study: config.Study, gnss: xr.Dataset, cleaned: xr.Dataset
) -> tuple[xr.Dataset, dict[str, Any]]:
    """Clean horizontals as a study sets, each by itself, as heights were.

    Args:
      study: Its tables ``[gnss]`` and ``[cleaning]`` have the settings.
      gnss: Displacement before any cleaning.
      cleaned: The heights after it, whose stations and epochs count.

    Returns:
      `cleaned` with the horizontals, and counts of outliers and steps of each.

    Raises:
      ValueError: As `cleaning.clean`.
    """
    counts: dict[str, Any] = {}
    gnss = gnss.sel(station=cleaned.station.values)
    for component in study.gnss.horizontals:
        shown = as_heights(gnss, component)
        seen = shown.up.notnull().any("time").values
        if not seen.any():
            cleaned = with_component(cleaned, component, shown)
            logger.warning("no station that is left has %s", component)
            continue
        shown = shown.isel(station=np.flatnonzero(seen))
        happened = cleaning.find_events(study, shown, component)
        try:
            shown = cleaning.clean(study, shown, lambda _: None, happened, component)
        except cleaning.ShortRecords as error:
            logger.warning("%s is not inverted: %s", component, error)
            shown = shown.where(False)
        cleaned = with_component(cleaned, component, shown)
        removed = {k: shown.attrs[k] for k in ("outliers", "steps") if k in shown.attrs}
        counts[component] = {name: int(count) for name, count in removed.items()}
    return cleaned, counts


def check_horizontals(study: config.Study, gnss: xr.Dataset) -> dict[str, float]:
    """Refuse absolute positions, and warn of the motion of plates.

    Args:
      study: Its `gnss.components` names the horizontals.
      gnss: Displacement that will be inverted.

    Returns:
      The median rate of each component [mm/year].

    Raises:
      ValueError: If a component is no anomaly.
    """
    rates: dict[str, float] = {}
    for component in study.gnss.horizontals:
        values = gnss[component].values
        known = np.isfinite(values).any(axis=0)
        if not known.any():
            continue
        middle = np.nanmedian(values[:, known], axis=0)
        worst = int(np.argmax(np.abs(middle)))
        if abs(middle[worst]) > OFFSET:
            raise ValueError(
                f"the {component} component of {gnss.station.values[known][worst]} is "
                f"no anomaly but absolute: its median is {middle[worst] / 1000:.3g} m; "
                'use gnss.reference = "mean" or cleaning.trend = "remove"'
            )
        rates[component] = _median_rate(gnss, component)
        if abs(rates[component]) > PLATE_RATE:
            logger.warning(
                "stations move %s at %.1f mm/year (median), which is the motion of a "
                'plate and no water; cleaning.trend = "remove" takes it out',
                component,
                rates[component],
            )
    return rates


def _median_rate(gnss: xr.Dataset, component: str) -> float:
    """Median over stations of the rate [mm/year]; zero of records with a season."""
    years = series.decimal_years(gnss.time.values)
    if len(years) < 2 or np.ptp(years) < SHORTEST:
        return 0.0
    rates = series.linear_rates(gnss[component].values, gnss.time.values)
    return float(np.nanmedian(rates))

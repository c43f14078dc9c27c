"""Cleaning whose parameters are kept, so that later days are cleaned alike.

Parameters are variables of the heights that have no time. Their names begin with
``kept_``.
"""

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, series

__all__ = [
    "PREFIX_OF_KEPT",
    "STEPS",
    "TREND",
    "clean_by_parameters",
    "event_parameters",
    "outlier_parameters",
    "outlier_rule",
    "removal_parameters",
    "removed_kinds",
]

Floats = NDArray[np.float64]

#: Terms of a trajectory that are removed with steps, and with the trend.
STEPS = ("steps", "exponential", "logarithmic")
TREND = ("offset", "trend")

#: How names of parameters begin.
PREFIX_OF_KEPT = "kept_"

#: Kinds of events, and the dimensions of their times behind the station.
EVENTS = {"steps": (), "exponential": ("begin_and_time",)}
EVENTS["logarithmic"] = EVENTS["exponential"]

#: Variables with one number for each station.
OF_STATION = ("station",)


def outlier_rule(settings: config.Cleaning) -> series.Rejection:
    """Choose how outliers are rejected.

    Args:
      settings: Its `outliers` names the rule.

    Returns:
      The settings of `series.reject_outliers`.
    """
    return series.Rejection(rule="iqr" if settings.outliers == "iqr" else "sigma")


def removed_kinds(settings: config.Cleaning) -> tuple[str, ...]:
    """List the terms of trajectories that are taken out of heights.

    Args:
      settings: Whether steps and trends are.
    """
    steps = STEPS if settings.steps else ()
    return steps + (TREND if settings.trend == "remove" else ())


def event_parameters(happened: series.Events) -> dict[str, Any]:
    """Label the times of steps and relaxations.

    Args:
      happened: Of all stations.

    Returns:
      Variables for a dataset of heights.
    """
    return {
        f"{PREFIX_OF_KEPT}{kind}": (
            ("station", f"{kind}_event", *tail),
            np.asarray(getattr(happened, kind), np.float64),
        )
        for kind, tail in EVENTS.items()
    }


def outlier_parameters(
    settings: config.Cleaning,
    heights: tuple[Floats, Floats],
    years: Floats,
    happened: series.Events,
) -> dict[str, Any]:
    """Compute the bounds beyond which later heights are outliers.

    Args:
      settings: Its `outliers` names the rule.
      heights: Those without outliers, and their standard errors, each of shape (epoch,
        station).
      years: Time [years], shape (epoch,).
      happened: Steps and relaxations.

    Returns:
      Variables for a dataset of heights.
    """
    bounds = series.outlier_bounds(
        heights[0],
        years,
        sigma=heights[1],
        events=happened,
        settings=outlier_rule(settings),
    )
    return {
        **_trajectory_parameters("outlier", bounds.fit.estimates.T, years),
        "kept_outlier_offset": (OF_STATION, np.asarray(bounds.middle)),
        "kept_outlier_limit": (OF_STATION, np.asarray(bounds.limit)),
    }


def removal_parameters(estimates: NDArray[Any], years: Floats) -> dict[str, Any]:
    """Label the trajectories whose trend or steps were taken out.

    Args:
      estimates: Terms, shape (station, term).
      years: Time [years], shape (epoch,).

    Returns:
      Variables for a dataset of heights.
    """
    return _trajectory_parameters("removal", estimates, years)


def _trajectory_parameters(
    name: str, estimates: NDArray[Any] | jnp.ndarray, years: Floats
) -> dict[str, Any]:
    terms = (("station", f"{name}_term"), np.asarray(estimates, np.float64))
    middle = ((), float((years[0] + years[-1]) / 2))
    return {f"kept_{name}_terms": terms, f"kept_{name}_middle": middle}


def clean_by_parameters(
    study: config.Study,
    gnss: xr.Dataset,
    parameters: xr.Dataset,
) -> xr.Dataset:
    """Clean heights of some days by the parameters of a whole record.

    Args:
      study: Its table ``[cleaning]`` has the settings.
      gnss: Heights of some days, layout `io.GNSS`.
      parameters: Of the same stations.

    Returns:
      The heights, without outliers and those terms.
    """
    up, sigma = gnss.up.values, gnss.up_sigma.values
    years = series.decimal_years(gnss.time.values)
    trajectory = functools.partial(_trajectory, parameters)
    if study.cleaning.outliers != "none":
        bounds = series.OutlierBounds(
            trajectory("outlier"),
            jnp.asarray(parameters["kept_outlier_offset"].values),
            jnp.asarray(parameters["kept_outlier_limit"].values),
        )
        far = series.beyond_bounds(up, years, bounds, sigma=sigma)
        # Cleaning also leaves out what has no positive standard error.
        up = np.where(np.asarray(far) | ~(sigma > 0), np.nan, up)
    kinds = removed_kinds(study.cleaning)
    if kinds:
        removed = series.evaluate_trajectory(trajectory("removal"), years, kinds)
        up = up - np.asarray(removed)
    return gnss.assign(up=(("time", "station"), up, gnss.up.attrs))


def _trajectory(parameters: xr.Dataset, name: str) -> series.Trajectory:
    """A trajectory of which nothing but its values can be used."""
    estimates = jnp.asarray(parameters[f"kept_{name}_terms"].values.T)
    unknown = jnp.full(estimates.shape[1], jnp.nan)
    happened = {
        kind: jnp.asarray(parameters[f"{PREFIX_OF_KEPT}{kind}"].values)
        for kind in EVENTS
    }
    return series.Trajectory(
        estimates=estimates,
        covariance=unknown[:, None, None],
        scatter=unknown,
        freedom=unknown,
        events=series.Events(**happened),
        middle=jnp.asarray(float(parameters[f"kept_{name}_middle"].values)),
        terms=series.Terms(),
    )

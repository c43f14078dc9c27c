"""Gain of gap filling over the stations-only baseline, with the same scores."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config
from jaxload.pipeline.evaluate.published_scores import ARTICLES
from jaxload.pipeline.evaluate.regions import (
    REFERENCE_VARIABLES,
    reference_month_means,
    score_series,
    within_record,
)

__all__ = ["gain_over_stations_only", "with_stations_only"]

#: Scores that are compared, and whether a larger one is better.
SCORES = {"pcc": True, "r2": True, "nse": True, "rmse_mm": False}

#: Skill of stations alone below which a change in percent of it means nothing.
LEAST_SKILL = 0.1


def with_stations_only(
    regions: xr.Dataset,
    daily: NDArray[np.float64],
    references: Mapping[str, xr.Dataset],
) -> xr.Dataset:
    """Add regional means of the stations-only baseline to the estimates.

    Args:
      regions: From `region_means`.
      daily: Means over the regions by stations alone [mm], shape (epoch, region).
      references: From `reference_means`.

    Returns:
      The dataset with `twsa_stations_only` (time, region), and
      ``twsa_stations_only_monthly`` and ``twsa_stations_only_monthly_land_model`` over
      the months of each reference.
    """
    what = "regional mean of water storage anomaly from stations alone"
    labels = {"units": "mm", "long_name": what}
    regions = regions.assign(twsa_stations_only=(("time", "region"), daily, labels))
    for name, whole in references.items():
        reference = within_record(whole, regions.time.values)
        values = reference_month_means(daily, regions.time.values, reference)
        month, ours, _ = REFERENCE_VARIABLES[name]
        new = {_of_stations(ours): ((month, "region"), values, labels)}
        regions = regions.assign(new)
    return regions


def gain_over_stations_only(study: config.Study, regions: xr.Dataset) -> dict[str, Any]:
    """Score estimate and baseline against every reference.

    Args:
      study: Its tables ``[evaluation]`` and ``[gapfill]`` have the settings.
      regions: From `with_stations_only`.

    Returns:
      By reference and region the scores of both, their difference, and the change in
      percent of the baseline's score, where that is larger than `LEAST_SKILL`; over all
      of these the median difference, the number of regions in which each score is
      better, and the mean of the changes in percent with their number; and the changes
      that the article published, where there is one.
    """
    assert study.gapfill is not None
    scores: dict[str, Any] = {}
    for name, (month, ours, theirs) in REFERENCE_VARIABLES.items():
        if theirs not in regions:
            continue
        with_filling, baseline = (
            score_series(
                study,
                (regions[mine].values, regions[theirs].values),
                regions[month].values,
                regions.region.values,
            )
            for mine in (ours, _of_stations(ours))
        )
        scores[name] = {
            region: {
                "filled": with_filling[region],
                "stations_only": baseline[region],
                "difference": _difference(with_filling[region], baseline[region]),
                "change_percent": _change(with_filling[region], baseline[region]),
            }
            for region in with_filling
        }
    if scores:
        scores |= _over_regions(scores)
    if study.gapfill.method in ARTICLES:
        article = ARTICLES[study.gapfill.method].change_percent
        scores["article_change_percent"] = article
    return scores


def _of_stations(name: str) -> str:
    """The variable of stations only that belongs to one of ours."""
    return name.replace("twsa", "twsa_stations_only")


def _difference(new: Mapping[str, float], old: Mapping[str, float]) -> dict[str, float]:
    return {key: new[key] - old[key] for key in SCORES}


def _change(new: Mapping[str, float], old: Mapping[str, float]) -> dict[str, float]:
    """Changes in percent; NaN where the old score is near zero."""
    meaningful = {
        key: old[key] > (LEAST_SKILL if SCORES[key] else 0.0) for key in SCORES
    }
    return {
        key: 100 * (new[key] - old[key]) / old[key] if meaningful[key] else np.nan
        for key in SCORES
    }


def _over_regions(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Differences and changes over all references and regions."""
    regions = [region for name in scores.values() for region in name.values()]
    apart = {key: _known(regions, "difference", key) for key in SCORES}
    changes = {key: _known(regions, "change_percent", key) for key in SCORES}
    better = {k: int((v > 0 if SCORES[k] else v < 0).sum()) for k, v in apart.items()}
    return {
        "compared": {key: len(values) for key, values in apart.items()},
        "better": better,
        "median_difference": {k: _or_nan(np.median, v) for k, v in apart.items()},
        "mean_change_percent": {k: _or_nan(np.mean, v) for k, v in changes.items()},
        "changes": {key: len(values) for key, values in changes.items()},
    }


def _known(regions: list[Any], what: str, key: str) -> NDArray[np.float64]:
    values = np.array([region[what][key] for region in regions], np.float64)
    return values[np.isfinite(values)]


def _or_nan(function: Callable[[Any], Any], values: NDArray[np.float64]) -> float:
    return float(function(values)) if len(values) else np.nan

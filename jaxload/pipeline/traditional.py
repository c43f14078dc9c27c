"""What filling gains: the same study by its stations alone, scored the same way."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config
from jaxload.pipeline.articles import ARTICLES
from jaxload.pipeline.regions import VARIABLES, monthly_means, score_series

__all__ = ["against_traditional", "with_traditional"]

#: Scores of which a change is told.
SCORES = ("pcc", "r2", "nse", "rmse_mm")


def with_traditional(
    regions: xr.Dataset,
    daily: NDArray[np.float64],
    references: Mapping[str, xr.Dataset],
) -> xr.Dataset:
    """Put what stations alone say of regions beside what was found.

    Args:
      regions: From `region_means`.
      daily: Means over the regions by stations alone [mm], shape (epoch, region).
      references: From `reference_means`.

    Returns:
      The dataset with `traditional` (time, region), and ``traditional_<name>`` over the
      months of each reference.
    """
    what = "regional mean of water storage anomaly from stations alone"
    labels = {"units": "mm", "long_name": what}
    regions = regions.assign(traditional=(("time", "region"), daily, labels))
    for name, given in references.items():
        values = monthly_means(daily, regions.time.values, given)
        along = (VARIABLES[name][0], "region")
        regions = regions.assign({f"traditional_{name}": (along, values, labels)})
    return regions


def against_traditional(study: config.Study, regions: xr.Dataset) -> dict[str, Any]:
    """Score both against every reference.

    Args:
      study: Says how to compare, and by which method places were filled.
      regions: From `with_traditional`.

    Returns:
      By reference and region the scores of both and the change from stations alone, in
      percent of their score; the mean of all changes; and what the article reports,
      where there is one.
    """
    assert study.filler is not None
    found: dict[str, Any] = {}
    for name, (month, ours, theirs) in VARIABLES.items():
        if theirs not in regions:
            continue
        years = regions[month].values.astype("M8[D]").astype(float) / 365.2425
        filled, alone = (
            score_series(
                study,
                (regions[mine].values, regions[theirs].values),
                years,
                regions.region.values,
            )
            for mine in (ours, f"traditional_{name}")
        )
        found[name] = {
            region: {
                "filled": filled[region],
                "traditional": alone[region],
                "change_percent": _change(filled[region], alone[region]),
            }
            for region in filled
        }
    if found:
        found["mean_change_percent"] = _mean_change(found)
    if study.filler.method in ARTICLES:
        article = ARTICLES[study.filler.method].change_percent
        found["article_change_percent"] = article
    return found


def _change(new: Mapping[str, float], old: Mapping[str, float]) -> dict[str, float]:
    return {
        key: 100 * (new[key] - old[key]) / abs(old[key]) if old[key] else np.nan
        for key in SCORES
    }


def _mean_change(found: Mapping[str, Any]) -> dict[str, float]:
    changes = [
        region["change_percent"] for name in found.values() for region in name.values()
    ]
    known = {key: [c[key] for c in changes if np.isfinite(c[key])] for key in SCORES}
    return {k: float(np.mean(v)) if v else np.nan for k, v in known.items()}

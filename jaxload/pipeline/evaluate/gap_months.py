"""Satellite gravimetry whose missing months are estimated from heights."""

import logging
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, evaluate, series, sphere
from jaxload.pipeline.evaluate.product_scores import AlikeProducts
from jaxload.pipeline.evaluate.products import BY_HEIGHTS

__all__ = ["bridge_product", "describe_bridge"]

logger = logging.getLogger(__name__)

Floats = NDArray[np.floating]

#: What a month is.
COMMENT = (
    "where the product has a month, that; elsewhere offset, trend and seasons of the "
    "product, and a scale times water by heights, fitted to common months"
)

#: Units and meaning of what is written beside the water.
MEANINGS = {
    "scale": ("1", "scale of water by heights in deviations from trend and seasons"),
    "scale_sd": ("1", "standard error of the scale"),
    "held_out_rmse": ("mm", "root mean square error for years that were held out"),
    "season_rmse": ("mm", "the same of trend and seasons alone, without heights"),
    "month_count": ("1", "number of months that heights and product both have"),
}


def bridge_product(
    study: config.Study, alike: AlikeProducts, months: NDArray[np.datetime64]
) -> xr.Dataset:
    """Estimate missing months of a product from heights, over regions and on cells.

    Args:
      study: Its `evaluation.bridge` names the product.
      alike: The products.
      months: First instant of each month and first after it, shape (month, 2).

    Returns:
      ``water`` (month, region) [mm], its standard error and where it was estimated,
      with ``cell_water`` (month, lat, lon) of products on a grid.
    """
    ours, theirs = alike.pair(BY_HEIGHTS, study.evaluation.bridge)
    time, grid = series.span_middles(months), alike.area.grid
    years = series.decimal_years(time)
    variables = _bridged(theirs.regions, ours.regions, years, "region")
    if not np.isfinite(variables["scale"][1]).any():
        logger.warning(
            "evaluation.bridge is %s, which has fewer than 24 months in common with "
            "water by heights over each region, or these in fewer than three years; "
            "no month was estimated",
            study.evaluation.bridge,
        )
    coords: dict[str, Any] = {
        "month": time,
        "month_bnds": (("month", "bnds"), months),
        "region": list(alike.area.outlines),
    }
    if theirs.cells is not None and ours.cells is not None:
        of_cells = _bridged(theirs.cells, ours.cells, years, "cell")
        for name, (dims, values, labels) in of_cells.items():
            new = (*dims[:-1], "lat", "lon")
            raster = sphere.to_raster(grid, np.asarray(values, np.float32))
            variables[f"cell_{name}"] = new, raster, labels
        coords |= {"lat": grid.lat_axis, "lon": grid.lon_axis}
    about: dict[str, Any] = {"product": study.evaluation.bridge, "comment": COMMENT}
    about["smoothing_km"] = ours.smoothing_km
    return xr.Dataset(variables, coords, attrs=about)


def _bridged(target: Floats, predictor: Floats, years: Floats, dim: str) -> Any:
    bridged = evaluate.bridge_gaps(target, predictor, years)
    known = np.isfinite(target)
    water = np.where(known, target, bridged.estimate)
    filled = ~known & np.isfinite(water)
    sd = np.where(filled, bridged.sd, np.nan)
    mm, dims = {"units": "mm"}, ("month", dim)
    values = {
        "scale": bridged.scale,
        "scale_sd": bridged.scale_sd,
        "held_out_rmse": bridged.sd,
        "season_rmse": bridged.season_sd,
        "month_count": bridged.months,
    }
    labels = {
        name: dict(zip(("units", "long_name"), x)) for name, x in MEANINGS.items()
    }
    flags = {"long_name": "1 where a month was estimated from heights"}
    meaning = "estimate of the month from heights and other years"
    return {
        "water": (dims, water, mm | {"long_name": "water storage anomaly"}),
        "water_sd": (
            dims,
            sd,
            mm | {"long_name": "standard error of months that were estimated"},
        ),
        "held_out": (dims, bridged.held_out, mm | {"long_name": meaning}),
        "is_estimated": (dims, filled.astype(np.int8), flags),
        **{name: ((dim,), x, labels[name]) for name, x in values.items()},
    }


def describe_bridge(bridged: xr.Dataset) -> dict[str, Any]:
    """Summarise how well missing months were estimated.

    Args:
      bridged: From `bridge_product`.

    Returns:
      By region scale, root mean square error for years that were held out, with and
      without heights [mm], and number of months that were estimated.
    """
    count = bridged.is_estimated.sum("month")
    by_region = {
        str(region): {
            "scale": float(bridged.scale.sel(region=region)),
            "held_out_rmse_mm": float(bridged.held_out_rmse.sel(region=region)),
            "season_rmse_mm": float(bridged.season_rmse.sel(region=region)),
            "months_estimated": int(count.sel(region=region)),
        }
        for region in bridged.region.values
    }
    about = {"product": bridged.attrs["product"]}
    return about | {"smoothing_km": bridged.attrs["smoothing_km"], "regions": by_region}

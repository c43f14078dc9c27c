"""Water of a study beside other products: seasons, scores, wavelets, bridged gaps."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config
from jaxload.pipeline.estimation.inversion import InversionResult
from jaxload.pipeline.evaluate.gap_months import bridge_product, describe_bridge
from jaxload.pipeline.evaluate.product_scores import (
    AlikeProducts,
    compare_products,
    describe_products,
)
from jaxload.pipeline.evaluate.product_seasons import fit_products
from jaxload.pipeline.evaluate.products import MonthlyProduct, own_products
from jaxload.pipeline.evaluate.wavelet_maps import compare_wavelets
from jaxload.pipeline.inputs.study_area import StudyArea
from jaxload.pipeline.monthly_cells import calendar_months, monthly_fields
from jaxload.pipeline.report.datasets import SHORTEST, Result, record_length

__all__ = ["with_precipitation", "with_products"]


def with_products(
    study: config.Study,
    result: Result,
    area: StudyArea,
    inverted: InversionResult,
    others: Mapping[str, MonthlyProduct],
) -> Result:
    """Fit seasons to water and other products, and compare them.

    Args:
      study: Its table ``[evaluation]`` has the settings.
      result: With stations and what belongs to maps.
      area: Cells and regions.
      inverted: The water, and that by stations alone.
      others: From `read_products`.

    Returns:
      The result with `seasons` of records of a year and a half or more, and with
      `products`, `wavelets` and `bridged` where the study names products for them; and
      entries of its summary.
    """
    time = result.stations.time.values
    months = calendar_months(time)
    cells = monthly_fields(inverted.estimate.solution, time)
    products = own_products(area, months, cells, inverted.stations_only_cells)
    products |= {name: other.in_months(months) for name, other in others.items()}
    if record_length(time) >= SHORTEST:
        seasons = fit_products(products, area, months, result.stations)
        seasons = seasons.assign(cell_mask=result.water.cell_mask)
        result = dataclasses.replace(result, seasons=_dated(seasons, months))
    if not others:
        return result
    alike = AlikeProducts(products, area)
    compared = compare_products(study, alike, months)
    result.summary["products"] = describe_products(compared)
    result = dataclasses.replace(result, products=compared)
    if study.evaluation.wavelets:
        wavelets = compare_wavelets(alike, months)
        result = dataclasses.replace(result, wavelets=wavelets)
    if study.evaluation.bridge:
        bridged = bridge_product(study, alike, months)
        result.summary["bridge"] = describe_bridge(bridged)
        result = dataclasses.replace(result, bridged=bridged)
    return result


def with_precipitation(result: Result, rain: xr.DataArray | None) -> Result:
    """Put precipitation beside the products.

    Args:
      result: With `products`.
      rain: Of months and regions [mm].

    Returns:
      The result, whose products have ``precipitation``.
    """
    if result.products is None or rain is None:
        return result
    products = result.products.assign(
        precipitation=(("month", "region"), rain.values, dict(rain.attrs))
    )
    return dataclasses.replace(result, products=products)


def _dated(seasons: xr.Dataset, months: NDArray[np.datetime64]) -> xr.Dataset:
    first, last = np.datetime_as_string(months[[0, -1], 0], "M")
    return seasons.assign_attrs(first_month=str(first), last_month=str(last))

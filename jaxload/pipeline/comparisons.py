"""Water of a study beside other products: seasons, scores, wavelets, bridged gaps."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

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
from jaxload.pipeline.progress import ignore_share
from jaxload.pipeline.report.datasets import SHORTEST, Result, record_length

__all__ = [
    "MonthlyWater",
    "WaterComparison",
    "beside_products",
    "compare_water",
    "with_precipitation",
    "with_products",
]

#: Work of each step, relative to the fit of seasons to one product: that of products,
#: and wavelets, by each other product.
WORK = {"seasons": 1.0, "products": 2.0, "wavelets": 1.0, "bridged": 0.5}


@dataclasses.dataclass(frozen=True, eq=False)
class MonthlyWater:
    """Water of a study by calendar months.

    Attributes:
      months: First instant of each month and first after it, shape (month, 2).
      cells: Water of every cell [mm], shape (month, cell); NaN if missing.
      stations_only: The same by stations alone; None where no cell was filled.
    """

    months: NDArray[np.datetime64]
    cells: NDArray[np.float32]
    stations_only: NDArray[np.float32] | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class WaterComparison:
    """Water beside other products.

    Attributes:
      parts: Datasets by the names of the parts of a `Result`: "seasons" of records of a
        year and a half or more, and "products", "wavelets" and "bridged" where a study
        names products for them.
      summary: Entries of the summary.
    """

    parts: dict[str, xr.Dataset]
    summary: dict[str, Any]


def compare_water(
    study: config.Study,
    area: StudyArea,
    water: MonthlyWater,
    others: Mapping[str, MonthlyProduct],
    beside: tuple[xr.Dataset, xr.DataArray],
    watch: Callable[[float], None] = ignore_share,
) -> WaterComparison:
    """Fit seasons to water and other products, and compare them.

    Args:
      study: Its table ``[evaluation]`` has the settings.
      area: Cells and regions.
      water: The water of the study.
      others: From `read_products`.
      beside: Heights of the stations with what water and loads explain of them, and
        where cells are results.
      watch: Called with the share that is done.

    Returns:
      The `WaterComparison`.
    """
    months, (stations, mask) = water.months, beside
    products = own_products(area, months, water.cells, water.stations_only)
    products |= {name: other.in_months(months) for name, other in others.items()}
    parts, summary, steps = {}, {}, _steps(study, others)
    watch_step = lambda name: watch(steps[name])
    if record_length(stations.time.values) >= SHORTEST:
        seasons = fit_products(products, area, months, stations)
        parts["seasons"] = _dated(seasons.assign(cell_mask=mask), months)
        watch_step("seasons")
    if not others:
        return WaterComparison(parts, summary)
    alike = AlikeProducts(products, area)
    compared = compare_products(study, alike, months)
    summary["products"] = describe_products(compared)
    parts["products"] = compared
    watch_step("products")
    if study.evaluation.wavelets:
        wavelets = compare_wavelets(alike, months)
        if wavelets is not None:
            parts["wavelets"] = wavelets
        watch_step("wavelets")
    if study.evaluation.bridge:
        parts["bridged"] = bridge_product(study, alike, months)
        summary["bridge"] = describe_bridge(parts["bridged"])
    return WaterComparison(parts, summary)


def _steps(
    study: config.Study, others: Mapping[str, MonthlyProduct]
) -> dict[str, float]:
    """Share of the work that is done after each step."""
    settings = study.evaluation
    work = {
        "seasons": WORK["seasons"] * (1 + len(others)),
        "products": WORK["products"] * len(others),
        "wavelets": WORK["wavelets"] * len(others) * settings.wavelets,
        "bridged": WORK["bridged"] * bool(settings.bridge),
    }
    done = np.cumsum(list(work.values())) / sum(work.values())
    return dict(zip(work, done.tolist()))


def with_products(
    study: config.Study,
    result: Result,
    area: StudyArea,
    inverted: InversionResult,
    others: Mapping[str, MonthlyProduct],
    watch: Callable[[float], None] = ignore_share,
) -> Result:
    """Fit seasons to water and other products, and compare them.

    Args:
      study: Its table ``[evaluation]`` has the settings.
      result: With stations and what belongs to maps.
      area: Cells and regions.
      inverted: The water, and that by stations alone.
      others: From `read_products`.
      watch: Called with the share that is done.

    Returns:
      The result with the parts of a `WaterComparison`, and entries of its summary.
    """
    time = result.stations.time.values
    fields = monthly_fields(inverted.estimate.solution, time)
    only = inverted.stations_only_cells
    water = MonthlyWater(calendar_months(time), fields, only)
    beside = result.stations, result.water.cell_mask
    compared = compare_water(study, area, water, others, beside, watch)
    result.summary.update(compared.summary)
    return dataclasses.replace(result, **compared.parts)


def with_precipitation(
    study: config.Study, result: Result, rain: xr.Dataset | None
) -> Result:
    """Add precipitation to a result, and to its products where these name it.

    Args:
      study: The study.
      result: With `products`, if there are any.
      rain: From `read_precipitation`; None for none.

    Returns:
      The result with `precipitation`.
    """
    products = result.products
    if products is not None:
        products = beside_products(study, products, rain)
    return dataclasses.replace(result, products=products, precipitation=rain)


def beside_products(
    study: config.Study, products: xr.Dataset, rain: xr.Dataset | None
) -> xr.Dataset:
    """Put precipitation beside products, where a study names it in ``[evaluation]``.

    Args:
      study: The study.
      products: From `compare_products`.
      rain: From `read_precipitation`; None for none.

    Returns:
      The products, with ``precipitation`` (month, region) where both are there.
    """
    if rain is None or not study.evaluation.precipitation:
        return products
    amounts = rain.precipitation
    values = ("month", "region"), amounts.values, dict(amounts.attrs)
    return products.assign(precipitation=values)


def _dated(seasons: xr.Dataset, months: NDArray[np.datetime64]) -> xr.Dataset:
    first, last = np.datetime_as_string(months[[0, -1], 0], "M")
    return seasons.assign_attrs(first_month=str(first), last_month=str(last))

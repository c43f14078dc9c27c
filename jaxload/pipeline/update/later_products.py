"""Water beside other products with later months: seasons, scores, wavelets, bridges."""

import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from jaxload import config, io
from jaxload.pipeline.comparisons import (
    MonthlyWater,
    beside_products,
    compare_water,
)
from jaxload.pipeline.evaluate.products import MonthlyProduct
from jaxload.pipeline.inputs.rain import read_precipitation
from jaxload.pipeline.inputs.study_area import StudyArea
from jaxload.pipeline.monthly_cells import calendar_months, monthly_fields_of_maps
from jaxload.pipeline.results.files import DATASETS

__all__ = ["product_results"]


def product_results(
    study: config.Study,
    area: StudyArea,
    others: Mapping[str, MonthlyProduct],
    files: tuple[pathlib.Path, pathlib.Path],
    watch: Callable[[float], None],
) -> tuple[dict[str, xr.Dataset], dict[str, Any]]:
    """Fit seasons to all months of water, and compare it with other products.

    Args:
      study: Its table ``[evaluation]`` has the settings.
      area: Cells and regions.
      others: From `read_products`, for all months.
      files: Maps of water and heights of the stations, with all days.
      watch: Called with the share that is done.

    Returns:
      Datasets by the name of their file, and entries of the summary.
    """
    maps, stations = files
    with io.read_dataset(maps) as dataset:
        time, mask = dataset.time.values, dataset.cell_mask.load()
    fields = monthly_fields_of_maps(maps, area.grid)
    water = MonthlyWater(calendar_months(time), fields)
    with io.read_dataset(stations) as heights:
        beside = heights.load(), mask
    compared = compare_water(study, area, water, others, beside, watch)
    parts = dict(compared.parts)
    first, last = np.datetime_as_string(time[[0, -1]], "M")
    months = io.month_periods(str(first), str(last))
    rain = read_precipitation(study, area.outlines, months)
    if rain is not None:
        parts["precipitation"] = rain
    if "products" in parts:
        parts["products"] = beside_products(study, parts["products"], rain)
    names = {part: name for name, part in DATASETS.items()}
    return {names[part]: dataset for part, dataset in parts.items()}, compared.summary

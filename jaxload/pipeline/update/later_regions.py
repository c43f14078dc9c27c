"""Means over regions and what follows from them, with later epochs."""

import dataclasses
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config
from jaxload.pipeline.estimation.error_correlation import MeanErrors
from jaxload.pipeline.estimation.uncertainty import Errors
from jaxload.pipeline.evaluate.drought import (
    compute_drought,
    drought_of_record,
    read_climatology,
)
from jaxload.pipeline.evaluate.monthly_water import monthly_storage
from jaxload.pipeline.evaluate.regions import region_means, score_regions
from jaxload.pipeline.evaluate.water_balance import (
    areas_on_grid,
    compute_water_balance,
    read_water_balance,
)
from jaxload.pipeline.inputs.coverage import describe_coverage
from jaxload.pipeline.inputs.study_area import StudyArea
from jaxload.pipeline.report.datasets import with_errors
from jaxload.pipeline.report.summary import describe_errors

__all__ = ["RegionRecord", "extended_record", "region_results", "water_tables_of"]

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class RegionRecord:
    """Means over regions of all epochs.

    Attributes:
      time: Epochs, shape (epoch,).
      mean: Means [mm], shape (epoch, region).
      sd: Their standard errors [mm], same shape; None where there are none.
      provisional: Numbers of epochs that later days will change.
      errors: How errors go together in time; None where epochs are independent.
    """

    time: NDArray[np.datetime64]
    mean: Floats
    sd: Floats | None
    provisional: NDArray[np.intp]
    errors: MeanErrors | None = None


def extended_record(values: Floats, count: int, places: NDArray, new: Floats) -> Floats:
    """Set and append epochs of a record.

    Args:
      values: The record, shape (epoch, column).
      count: Number of epochs afterwards.
      places: Numbers of the epochs that change.
      new: Their values, shape (changed, column).

    Returns:
      The record, shape (count, column).
    """
    extended = np.full((count, values.shape[1]), np.nan)
    extended[: len(values)] = values
    extended[places] = new
    return extended


def region_results(
    study: config.Study, area: StudyArea, record: RegionRecord, before: xr.Dataset
) -> tuple[xr.Dataset, dict[str, Any]]:
    """Label means over regions, and compare them with references.

    Args:
      study: The study.
      area: With its regions and references.
      record: The means.
      before: The results that are updated, whose labels stay.

    Returns:
      The dataset, and entries of the summary.
    """
    references, outlines = area.references, area.outlines
    regions = region_means(area.basins, record.mean, record.time, references, outlines)
    regions.attrs["title"] = study.title
    kind = "none" if record.sd is None else "regions"
    errors = Errors(kind, record.sd, means=record.errors)
    regions = with_errors(regions, errors, area.references)
    for name, values in regions.data_vars.items():
        if str(name).endswith("_sd") and name in before:
            values.attrs["method"] = before[name].attrs.get("method", "exact")
    flags = np.zeros(len(record.time), np.int8)
    flags[record.provisional] = 1
    labels = {"long_name": "1 where days that are still to come change the value"}
    regions["provisional"] = ("time", flags, labels)
    summary: dict[str, Any] = {
        "coverage_fraction": describe_coverage(regions),
        "evaluation": score_regions(study, regions),
    }
    medians = describe_errors(errors, regions).get("region_sd_mm")
    if medians is not None:
        summary["region_sd_mm"] = medians
    if "land_model" in area.references:
        scores = score_regions(study, regions, "land_model")
        summary["evaluation_land_model"] = scores
    return regions, summary


def water_tables_of(
    study: config.Study, area: StudyArea, regions: xr.Dataset
) -> tuple[dict[str, xr.Dataset], dict[str, Any]]:
    """Judge droughts and hold storage change against fluxes, with later months.

    Args:
      study: Its tables ``[drought]`` and ``[water_balance]``.
      area: The regions.
      regions: From `region_results`.

    Returns:
      Datasets by the name of their file, and entries of the summary.
    """
    if study.drought is None and study.water_balance is None:
        return {}, {}
    time, made, summary = regions.time.values, {}, {}
    if study.drought is not None:
        drought = drought_of_record(study.drought, time)
        study = dataclasses.replace(study, drought=drought)
    memory = 0.0 if study.drought is None else study.drought.error_memory_days
    storage = monthly_storage(regions, memory)
    on_grid = areas_on_grid(area)
    if study.drought is not None:
        climatology = read_climatology(study, area, time)
        made["drought.nc"], scores = compute_drought(
            study, storage, climatology, on_grid
        )
        summary |= scores
    if study.water_balance is not None:
        balance = read_water_balance(study, area, time)
        made["water_balance.nc"], scores = compute_water_balance(
            storage, balance, on_grid
        )
        summary |= scores
    about = {"title": study.title, "settings": config.to_toml(study)}
    return {name: part.assign_attrs(about) for name, part in made.items()}, summary

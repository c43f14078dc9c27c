"""A study up to its inversion."""

import dataclasses
import pathlib
from typing import Any

import xarray as xr

from jaxload.pipeline.evaluate.drought import Reference
from jaxload.pipeline.evaluate.groundwater import References
from jaxload.pipeline.evaluate.products import MonthlyProduct
from jaxload.pipeline.fill.station_models import Filled
from jaxload.pipeline.inputs.region_series import RegionSeries
from jaxload.pipeline.inputs.study_area import StudyArea

__all__ = ["Prepared"]


@dataclasses.dataclass(frozen=True, eq=False)
class Prepared:
    """A study up to its inversion, from `prepare`.

    Attributes:
      area: The study area.
      rows: Heights of stations without their loads, and of virtual stations.
      gnss: The stations of them.
      filled: Gap filling before the inversion, if there was one.
      comparisons: What groundwater is compared with.
      climatology: Water of a longer record, by which drought is judged.
      balance: Fluxes and parts of storage of the regions.
      screening: What screening says of each station.
      summary: Plain numbers so far.
      products: Monthly water of other products, by name.
      readings: File with the heights as they were read; None where nothing is kept of
        them.
    """

    area: StudyArea
    rows: xr.Dataset
    gnss: xr.Dataset
    filled: Filled | None
    comparisons: References
    climatology: Reference | None
    balance: dict[str, RegionSeries]
    screening: xr.Dataset
    summary: dict[str, Any]
    products: dict[str, MonthlyProduct]
    readings: pathlib.Path | None = None

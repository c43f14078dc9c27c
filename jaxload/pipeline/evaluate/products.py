"""Monthly water of other products on the cells and over the regions of a study."""

import dataclasses
import logging

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, io, sphere
from jaxload.pipeline.evaluate.regions import over_months
from jaxload.pipeline.evaluate.water_balance import areas_on_grid
from jaxload.pipeline.inputs.coverage import inside_grid, warn_of_coverage
from jaxload.pipeline.inputs.region_series import MonthlyRegions, read_region_series
from jaxload.pipeline.inputs.study_area import StudyArea
from jaxload.pipeline.inputs.time_spans import month_spans
from jaxload.pipeline.messages import error_context
from jaxload.pipeline.monthly_cells import calendar_months

__all__ = [
    "BY_HEIGHTS",
    "BY_STATIONS_ONLY",
    "MonthlyProduct",
    "own_products",
    "read_products",
]

logger = logging.getLogger(__name__)

Floats = NDArray[np.floating]

#: What water by heights is called among products, and that by stations alone.
BY_HEIGHTS, BY_STATIONS_ONLY = "gnss", "gnss_stations_only"

#: Cells beyond the grid that are read of a product, for means over the edge [degrees].
MARGIN = 3.0


@dataclasses.dataclass(frozen=True, eq=False)
class MonthlyProduct:
    """Monthly water by one product.

    Attributes:
      months: First instant of each month and first after it, shape (month, 2).
      kind: "gnss", "gravimetry" or "land_model".
      smoothing_km: Radius of the Gaussian that it was smoothed with [km]; 0 for none.
      regions: Means over the regions [mm], shape (month, region); NaN if missing.
      cells: Water on the cells [mm], shape (month, cell); None for tables by region.
    """

    months: NDArray[np.datetime64]
    kind: str
    smoothing_km: float
    regions: Floats
    cells: Floats | None

    def in_months(self, months: NDArray[np.datetime64]) -> "MonthlyProduct":
        """Bring the product to other months.

        Args:
          months: As `months`.

        Returns:
          The product, NaN in months that it does not have.
        """
        if np.array_equal(months, self.months):
            return self
        place = np.searchsorted(self.months[:, 0], months[:, 0])
        place = np.minimum(place, len(self.months) - 1)
        there = self.months[place, 0] == months[:, 0]
        parts = {
            name: np.where(there[:, None], values[place], np.nan).astype(values.dtype)
            for name, values in (("regions", self.regions), ("cells", self.cells))
            if values is not None
        }
        return dataclasses.replace(self, months=months, **parts)


def own_products(
    area: StudyArea, months: NDArray, cells: Floats, stations_only: Floats | None
) -> dict[str, MonthlyProduct]:
    """Describe the water of a study as products.

    Args:
      area: The regions.
      months: First instant of each month and first after it, shape (month, 2).
      cells: Monthly water [mm], shape (month, cell).
      stations_only: The same by stations alone; None where no cell was filled.

    Returns:
      The products by name.
    """
    fields = {BY_HEIGHTS: cells, BY_STATIONS_ONLY: stations_only}
    return {
        name: MonthlyProduct(months, "gnss", 0.0, _region_means(area, field), field)
        for name, field in fields.items()
        if field is not None
    }


def read_products(
    study: config.Study, area: StudyArea, time: NDArray[np.datetime64]
) -> dict[str, MonthlyProduct]:
    """Bring the products that a study names to its months, cells and regions.

    Args:
      study: Its table ``[evaluation]`` names them.
      area: With the products as they were read.
      time: Epochs of the heights.

    Returns:
      The products by name: "grace", "land_model", and those of `evaluation.products`.

    Raises:
      FileNotFoundError: If a table is missing.
      ValueError: If a product does not reach the cells.
    """
    settings, months = study.evaluation, calendar_months(time)
    about = {
        "grace": ("gravimetry", settings.grace_smoothing_km),
        "land_model": ("land_model", 0.0),
    }
    about |= {k: (x.kind, x.smoothing_km) for k, x in settings.references.items()}
    products = {}
    for name, (kind, smoothing) in about.items():
        if name in area.products:
            setting = f"evaluation.{name}"
            if name in settings.references:
                setting = f"evaluation.products.{name}"
            with error_context(setting):
                cells = _on_cells(area.products[name], area.grid, months)
            _warn_of_missing(setting, cells, months, area)
            means = _region_means(area, cells)
            product = MonthlyProduct(months, kind, smoothing, means, cells)
            products[name] = product
        elif name in settings.references:
            means = _from_table(study, name, area, time)
            product = MonthlyProduct(months, kind, smoothing, means, None)
            products[name] = product
    return products


def _on_cells(product: xr.Dataset, grid: sphere.Grid, months: NDArray) -> Floats:
    """Means over months and cells, shape (month, cell)."""
    quantity = str(product.attrs["quantity"])
    near = io.square_cells(_near(product[[quantity]], grid))
    fields = near[quantity].transpose("time", "lat", "lon").values
    spans = month_spans(product)
    flat = over_months(fields.reshape(len(fields), -1).astype(float), spans, months)
    dims = ("month", "lat", "lon")
    shape = (len(months), *fields.shape[1:])
    monthly = xr.Dataset(
        {quantity: (dims, flat.reshape(shape).astype(np.float32))},
        {"lat": near.lat, "lon": near.lon},
    )
    raster = io.regrid(monthly, grid.lon_axis, grid.lat_axis)[quantity]
    return raster.values[:, grid.row, grid.column]


def _warn_of_missing(
    setting: str, cells: Floats, months: NDArray, area: StudyArea
) -> None:
    known = np.isfinite(cells)
    some = known.any(axis=1)
    if not some.any():
        first, last = months[[0, -1], 0].astype("M8[M]")
        logger.warning(
            "%s has no value in the months of the heights, %s to %s, and no scores",
            setting,
            first,
            last,
        )
    elif setting.startswith("evaluation.products."):
        # Those with settings of their own are references, which are checked as such.
        share = known[some].mean(axis=0) @ area.basins.weights.T
        warn_of_coverage(setting, area.outlines, share)


def _near(product: xr.Dataset, grid: sphere.Grid) -> xr.Dataset:
    """The part of a product around the cells."""
    lat, lon = product.lat.values, product.lon.values
    middle = (grid.lon.min() + grid.lon.max()) / 2
    half = np.ptp(grid.lon) / 2 + MARGIN
    columns = abs((lon - middle + 180) % 360 - 180) <= half
    rows = (lat >= grid.lat.min() - MARGIN) & (lat <= grid.lat.max() + MARGIN)
    if not rows.any() or not columns.any():
        raise ValueError(
            "it has no water on the cells of the study, which span "
            f"{grid.lon_axis[0]:g} to {grid.lon_axis[-1]:g} in lon and "
            f"{grid.lat_axis[0]:g} to {grid.lat_axis[-1]:g} in lat; get a product that "
            "reaches them"
        )
    return product.isel(lat=np.flatnonzero(rows), lon=np.flatnonzero(columns))


def _region_means(area: StudyArea, cells: Floats) -> Floats:
    values = np.asarray(cells, np.float64)
    return np.asarray(sphere.area_mean(area.basins.weights, values))


def _from_table(
    study: config.Study, name: str, area: StudyArea, time: NDArray[np.datetime64]
) -> Floats:
    """Anomalies of a table with a column for each region, shape (month, region)."""
    first, last = np.datetime_as_string(time[[0, -1]], "M")
    months = io.month_periods(str(first), str(last))
    outlines = inside_grid(area.outlines, area.grid)
    places = MonthlyRegions(outlines, areas_on_grid(area), months)
    source = (study.evaluation.references[name].table,)
    setting = f"evaluation.products.{name}"
    return read_region_series(study, setting, source, places).values[0]

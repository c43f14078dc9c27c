"""Monthly water of regions, from tables of regions or averaged over grids."""

import dataclasses
import logging
from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, io, sphere
from jaxload._calendar import DAY
from jaxload.io.files.paths import expand
from jaxload.pipeline.inputs.coverage import covered_by_values, warn_of_coverage
from jaxload.pipeline.inputs.gridded import read_grid_source
from jaxload.pipeline.inputs.observations import Outline
from jaxload.pipeline.messages import error_context, listed

__all__ = [
    "MonthlyRegions",
    "RegionSeries",
    "means_over_regions",
    "named_columns",
    "read_region_series",
    "regional_means",
]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class MonthlyRegions:
    """Regions and months that series are wanted for.

    Attributes:
      outlines: The parts of the regions on the grid, by name.
      area: Their areas [km2], shape (region,).
      months: The calendar months.
    """

    outlines: Mapping[str, Outline]
    area: Floats
    months: io.Periods


@dataclasses.dataclass(frozen=True, eq=False)
class RegionSeries:
    """One quantity by several products.

    Attributes:
      values: Amounts in each month or storage [mm], shape (product, month, region); NaN
        if missing.
      error: Standard error of each product as the study states it [mm].
      relative_error: The same as a share of the value [-].
    """

    values: Floats
    error: tuple[float, ...]
    relative_error: tuple[float, ...]

    @property
    def stated(self) -> bool:
        """Whether the study states any error."""
        return any(self.error) or any(self.relative_error)

    def sd_of(self, values: Floats) -> Floats:
        """Standard errors as the study states them [mm].

        Args:
          values: Those of the series or their anomalies [mm], shape (product, ...).
        """
        by_product = (-1, *(1,) * (values.ndim - 1))
        absolute = np.reshape(self.error, by_product)
        relative = np.reshape(self.relative_error, by_product)
        return np.hypot(absolute, relative * np.abs(values))


def read_region_series(
    study: config.Study,
    setting: str,
    sources: tuple[config.RegionSource, ...],
    places: MonthlyRegions,
) -> RegionSeries:
    """Read all products of a flux or a part of storage.

    Args:
      study: Its `folder` is that of relative paths.
      setting: What the study calls it, such as "water_balance.snow".
      sources: The products.
      places: Regions and months.

    Returns:
      The `RegionSeries`.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If one cannot be read, has no units, or no region and month of the
        study.
    """
    flux = setting.rpartition(".")[2] in config.FLUXES
    values = []
    for source in sources:
        read = _from_tables if source.is_table else _from_grid
        water = read(study, setting, source, places, flux)
        if not np.isfinite(water).any():
            first, last = np.datetime_as_string(places.months.start[[0, -1]], "M")
            raise ValueError(
                f"{setting} {source} has no value of the regions from {first} to "
                f"{last}; get data of that time"
            )
        values.append(water)
    error = tuple(source.error for source in sources)
    relative = tuple(source.relative_error for source in sources)
    return RegionSeries(np.stack(values), error, relative)


def _from_tables(
    study: config.Study,
    setting: str,
    source: config.RegionSource,
    places: MonthlyRegions,
    flux: bool,
) -> Floats:
    values = np.full((len(places.months.start), len(places.outlines)), np.nan)
    with error_context(f"{setting} {source}"):
        units = io.water_units(source.units, flux, "the table")
        for name in source.paths:
            for path in expand(study.path(name)):
                table = io.read_region_table(path, source.time, source.time_format)
                _enter(values, table, source, places)
    if units.per_day:
        values *= ((places.months.stop - places.months.start) / DAY)[:, None]
        values /= units.per_day
    values *= units.factor
    # A cubic kilometre on a square kilometre is a million millimetres.
    return values * 1e6 / places.area if units.is_volume else values


def _enter(
    values: Floats,
    table: io.RegionTable,
    source: config.RegionSource,
    places: MonthlyRegions,
) -> None:
    """Enter the columns of regions of the study under their months."""
    columns = _columns(table, source, list(places.outlines))
    months = places.months.start.astype("M8[M]")
    _, rows, others = np.intersect1d(months, table.month, return_indices=True)
    for region, column in columns.items():
        place = list(places.outlines).index(region)
        new = table.values[others, table.columns.index(column)]
        # An empty field takes nothing from what another file has.
        known = np.isfinite(new)
        earlier = values[rows, place]
        other = known & np.isfinite(earlier) & (new != earlier)
        if other.any():
            raise ValueError(
                f"the tables have for {region} several values of "
                f"{months[rows[other][0]]}; leave out a file"
            )
        values[rows[known], place] = new[known]


def _columns(
    table: io.RegionTable, source: config.RegionSource, regions: list[str]
) -> dict[str, str]:
    """The column of each region that has one."""
    for region, column in source.columns.items():
        if region not in regions:
            raise ValueError(
                f"regions names {region!r}, which is no region of the study "
                f"({listed(regions)}); name one of evaluation.regions"
            )
        if column not in table.columns:
            raise ValueError(
                f"there is no column {column!r}; there are {listed(table.columns)}"
            )
    kind = "region of the study", 'regions = ["REGION: COLUMN"]'
    return named_columns(table, source.columns, regions, kind)


def named_columns(
    table: io.RegionTable,
    stated: dict[str, str],
    names: list[str],
    kind: tuple[str, str],
) -> dict[str, str]:
    """Take the columns that are stated, or those that are called as regions.

    Args:
      table: The table.
      stated: Columns by region, as far as a study names them.
      names: Of the regions.
      kind: What a region is called, and the setting that names columns.

    Returns:
      The columns by region.

    Raises:
      ValueError: If there is none.
    """
    alike = {name.strip().lower(): name for name in table.columns}
    same = {name: alike[name.lower()] for name in names if name.lower() in alike}
    columns = stated or same
    if not columns:
        raise ValueError(
            f"no column ({listed(table.columns)}) is called as a {kind[0]} "
            f"({listed(names)}); say which by {kind[1]}"
        )
    return columns


def _from_grid(
    study: config.Study,
    setting: str,
    source: config.RegionSource,
    places: MonthlyRegions,
    flux: bool,
) -> Floats:
    files = config.GridSource(
        files=source.files,
        variable=source.variable,
        units=source.units,
        span=source.span,
    )
    quantity = "precipitation" if flux else "soil_water"
    if source.variable and not flux:
        quantity = "tws"
    grid = read_grid_source(study, setting, files, quantity)
    means = regional_means(grid, quantity, places, f"{setting} {source}")
    if flux:
        means *= ((places.months.stop - places.months.start) / DAY)[:, None]
    return means


def regional_means(
    grid: xr.Dataset, quantity: str, places: MonthlyRegions, where: str
) -> Floats:
    """Average a grid over months and regions.

    Args:
      grid: As of `io.read_grid`.
      quantity: Its variable.
      places: Regions and months.
      where: The setting and its files, for messages.

    Returns:
      Means, shape (month, region).

    Raises:
      ValueError: If it does not reach a region or a month.
    """
    with error_context(where):
        grid = io.square_cells(grid)
        means = io.period_means(grid, places.months)[quantity]
    return means_over_regions(means, places.outlines, where)


def means_over_regions(
    means: xr.DataArray, outlines: Mapping[str, Outline], where: str
) -> Floats:
    """Average means of months over regions.

    Args:
      means: Dimensions (time, lat, lon), of cells that are squares.
      outlines: Regions by name.
      where: The setting and its files, for messages.

    Returns:
      Means, shape (month, region).

    Raises:
      ValueError: If a region is not reached.
    """
    with error_context(where):
        raster = sphere.raster_grid(means.lon.values, means.lat.values)
        over = sphere.basin_weights(raster, outlines)
    fields = means.values.reshape(len(means.time), -1).astype(np.float64)
    share = covered_by_values(fields, raster, outlines)
    warn_of_coverage(where, outlines, share)
    return np.array(sphere.area_mean(over.weights, fields))

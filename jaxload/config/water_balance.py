"""The table of a study file for the water balance of regions, and its components."""

import dataclasses
import math

from jaxload.config.checks import REQUIRED, check_files
from jaxload.config.named_files import (
    NamedFiles,
    check_pairs,
    split_pairs,
    wrong_kind,
)

__all__ = ["FLUXES", "STORAGE_PARTS", "RegionSource", "WaterBalance", "region_sources"]

#: What comes in or goes out, and with which sign it changes storage.
FLUXES = {"precipitation": 1, "evapotranspiration": -1, "runoff": -1}

#: Parts of storage whose rest is groundwater.
STORAGE_PARTS = ("snow", "soil", "reservoirs")

#: Settings that mean nothing for tables, and those that mean nothing for grids.
OF_GRIDS = ("variable", "span")
OF_TABLES = ("regions", "time", "time_format")


@dataclasses.dataclass(frozen=True)
class RegionSource(NamedFiles):
    """Files of monthly water of regions: tables by region, or grids to average.

    A table has a header, a column of dates, or columns of year and month, and a column
    for each region; any other file is a grid.

    Attributes:
      files: A table (csv, txt, tsv or dat), or netCDF files or a pattern of them.
      units: Units of the values: of fluxes "mm/month", "mm/day", "km3/month" and the
        like, of storage "mm", "m", "km3" and the like; required for tables, and those
        of the file if empty for grids.
      regions: Columns of regions of the study, each as ``"REGION: COLUMN"``; those of
        the same names if empty.
      time: Column of the dates of a table; recognised if empty.
      time_format: Format of these dates, as of `gnss.time_format`; empty for any format
        that has one meaning.
      variable: Name of the variable of a grid; recognised if empty.
      span: Span over which amounts of a grid gathered, as in `loads.atmosphere`.
      error: Standard error of a value [mm in a month of fluxes, mm of storage].
      relative_error: Standard error as a share of the value [-], of storage as a share
        of its anomaly.
    """

    files: str | tuple[str, ...] = dataclasses.field(default="", metadata=REQUIRED)
    units: str = ""
    regions: tuple[str, ...] = ()
    time: str = ""
    time_format: str = ""
    variable: str = ""
    span: str = ""
    error: float = 0.0
    relative_error: float = 0.0

    def __post_init__(self) -> None:
        check_files(self.files)
        for name in ("error", "relative_error"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} is {value:g}, expected 0 or more")
        check_pairs("regions", self.regions, "region")
        for name in OF_GRIDS if self.is_table else OF_TABLES:
            if getattr(self, name):
                raise ValueError(wrong_kind(name, self.is_table, "region"))

    @property
    def columns(self) -> dict[str, str]:
        """The columns of regions, as far as they are stated."""
        return split_pairs(self.regions)


#: Files of one quantity, or of several products of it.
RegionSources = str | RegionSource | tuple[str | RegionSource, ...]


def region_sources(value: RegionSources) -> tuple[RegionSource, ...]:
    """Complete the names of one or more products to tables.

    Args:
      value: As the study has it; empty for none.

    Returns:
      A table for each of them.
    """
    several = value if isinstance(value, tuple) else (value,)
    return tuple(
        each if isinstance(each, RegionSource) else RegionSource(each)
        for each in several
        if each
    )


@dataclasses.dataclass(frozen=True)
class WaterBalance:
    """Table ``[water_balance]``: fluxes beside storage change, and parts of storage.

    Each is a file, a table such as ``{ files = "P.csv", units = "mm/month", regions =
    ["SACRAMENTO RIVER: SACRAMENTO"] }``, or a list of several products, whose mean
    counts and whose standard deviation is an error of it. The files water_balance.nc
    and water_balance.csv are written.

    Attributes:
      precipitation: Precipitation; empty for none.
      evapotranspiration: Evapotranspiration, positive upward; empty for none.
      runoff: Runoff that leaves the region; empty for none.
      snow: Water in snow; empty for none.
      soil: Water in the soil; empty for none.
      reservoirs: Water in reservoirs and lakes; empty for none. What is left of water
        storage without these three is groundwater, and what of them is not named.
    """

    precipitation: RegionSources = ""
    evapotranspiration: RegionSources = ""
    runoff: RegionSources = ""
    snow: RegionSources = ""
    soil: RegionSources = ""
    reservoirs: RegionSources = ""

    def __post_init__(self) -> None:
        if not self.fluxes and not self.components:
            raise ValueError(
                "water_balance is empty; name precipitation and evapotranspiration, or "
                "one of snow, soil and reservoirs"
            )
        missing = {"precipitation", "evapotranspiration"} - set(self.fluxes)
        if self.fluxes and missing:
            raise ValueError(
                f"water_balance.{min(missing)} is missing, without which the fluxes of "
                f"{' and '.join(self.fluxes)} are no balance; name it"
            )

    @property
    def fluxes(self) -> dict[str, tuple[RegionSource, ...]]:
        """The products of each flux that there is."""
        return self._named(tuple(FLUXES))

    @property
    def components(self) -> dict[str, tuple[RegionSource, ...]]:
        """The products of each part of storage that there is."""
        return self._named(STORAGE_PARTS)

    def _named(self, names: tuple[str, ...]) -> dict[str, tuple[RegionSource, ...]]:
        by_name = {name: region_sources(getattr(self, name)) for name in names}
        return {name: sources for name, sources in by_name.items() if sources}

"""Tables of a study file from raw heights to groundwater."""

import dataclasses
from typing import Literal

from jaxload.config.checks import check_choices, check_zero_or_more
from jaxload.config.sources import Grids, GridSource, grid_source, with_hours
from jaxload.config.station_loads import StationLoad
from jaxload.config.well_sources import WellSource

__all__ = ["Cleaning", "Groundwater", "Loads"]

Stamp = Literal["auto", "start", "middle", "end", "instant"]

KINDS = ("atmosphere", "soil", "ocean")


@dataclasses.dataclass(frozen=True)
class Cleaning:
    """Table ``[cleaning]``: what is done to the heights before anything else.

    In this order: outliers, steps and trend, common mode, averages, reconstruction.
    With the defaults nothing is done.

    Attributes:
      outliers: Rule by which outliers about a trajectory with rate and seasons are
        removed: "none", "3-sigma" or "iqr" (3 interquartile ranges).
      steps: File of the times of steps; steps and postseismic relaxations are fitted
        and removed. "detect" finds the times in the heights. Empty for none.
      trend: "keep", or "remove" to subtract offset and rate, which are fitted together
        with the seasons; the seasons stay. The same is then removed from loads.
      short_records: What to do about stations with too few months of data (fewer than
        about 30) to separate rate and seasons, where trends or steps are removed:
        "keep" leaves what is not determined in their heights, "drop" leaves the
        stations out.
      common_mode: Common-mode error of the network to be removed, after rates and
        seasons: "none", the mean over the stations ("stack"), or the leading principal
        "components".
      average: Averaging in time: "none", "weekly" (Sunday to Saturday, dated Wednesday)
        or "monthly".
      reconstruct: Number of strongest periods from which the heights are reconstructed;
        0 keeps the heights as they are.
    """

    outliers: Literal["none", "3-sigma", "iqr"] = "none"
    steps: str = ""
    trend: Literal["keep", "remove"] = "keep"
    short_records: Literal["keep", "drop"] = "keep"
    common_mode: Literal["none", "stack", "components"] = "none"
    average: Literal["none", "weekly", "monthly"] = "none"
    reconstruct: int = 0

    def __post_init__(self) -> None:
        check_choices(self, "cleaning")
        if self.reconstruct < 0:
            raise ValueError(
                f"cleaning.reconstruct is {self.reconstruct}, expected a number of "
                "periods, or 0 to keep heights as they are"
            )


@dataclasses.dataclass(frozen=True)
class Loads:
    """Table ``[loads]``: loads whose displacement is removed from the heights.

    Grids are netCDF files, patterns of several, or tables as `GridSource`. A cell
    without values carries no load. Under air pressure the sea responds as an inverted
    barometer.

    Attributes:
      atmosphere: Grid of global surface pressure.
      atmosphere_regional: Finer grid of surface pressure in a region, which replaces
        the global one there.
      soil: Global grid of water in soil, snow and canopy.
      soil_regional: Finer grid of the same in a region, which replaces the global one
        there.
      ocean: Global grid of the sea-level anomaly without its steric part.
      ocean_regional: Finer grid of the same in a region, which replaces the global one
        there.
      land_mask: Global grid of land, 1 on land and 0 at sea or fractions of land, as
        netCDF or a table of which files and variable count. Empty for the mask of 0.25
        degrees in the package, in which lakes, ice sheets and the Caspian Sea are land
        and ice shelves are sea.
      displacement: Displacement of the stations by loads, as computed by others, one
        load an entry: ``"loading/*.ntal"``, or ``"soil: loading/*.hydl"`` with a name
        of its own, or a table such as ``{ files = "loading/*.txt", name = "soil" }``.
      displacement_units: Units of these files where they state none: "mm", "cm", "m" or
        any other unit of length.
      displacement_stamp: Position of the dates of these files in the weeks or months of
        which they hold means: "start", "middle", "end", "instant" for values at the
        very times, "auto" for the week or month around each date. It does not matter
        for daily files.
      max_degree: Last degree of the expansion of global grids; 0 takes the highest that
        each grid resolves.
    """

    atmosphere: str | GridSource = ""
    atmosphere_regional: str | GridSource = ""
    soil: str | GridSource = ""
    soil_regional: str | GridSource = ""
    ocean: str | GridSource = ""
    ocean_regional: str | GridSource = ""
    land_mask: str | GridSource = ""
    displacement: tuple[str | StationLoad, ...] = ()
    displacement_units: str = ""
    displacement_stamp: Stamp = "auto"
    max_degree: int = 0

    def __post_init__(self) -> None:
        for kind in KINDS:
            if getattr(self, f"{kind}_regional") and not getattr(self, kind):
                raise ValueError(
                    f"loads.{kind}_regional refines loads.{kind}, which is missing; "
                    "name a grid of the globe"
                )
        check_choices(self, "loads")
        if self.max_degree < 0:
            raise ValueError(
                f"loads.max_degree is {self.max_degree}, expected 1 or more, or 0 for "
                "the highest that the grids resolve"
            )

    @property
    def grids(self) -> dict[str, tuple[str | GridSource, str | GridSource]]:
        """Global and regional grid of each kind that there is."""
        by_kind = {k: (getattr(self, k), getattr(self, f"{k}_regional")) for k in KINDS}
        return {kind: files for kind, files in by_kind.items() if files[0]}


@dataclasses.dataclass(frozen=True)
class Groundwater:
    """Table ``[groundwater]``: declares that the remaining water is groundwater.

    With this table, even an empty one, water is called ``gwsa`` in the results, not
    ``twsa``, and groundwater storage anomaly.

    Attributes:
      grace: Monthly TWSA as netCDF, or a list of the files of several centres as in
        `evaluation.grace`; less the water of `loads.soil` it is compared with the
        result. Empty for none.
      wells: Water tables of wells as csv or RDB files, or a table such as ``{ files =
        "wells.csv", value = "stage", quantity = "level" }``; empty for none.
      specific_yield: Specific yield of wells whose file has none [-].
      precipitation: Grid of precipitation as netCDF; empty for none.
      precipitation_hours: Hours over which an amount of precipitation accumulated, for
        files that do not state it: 1 for hourly ERA5. 0 for rates, and for files with
        time bounds. The same as ``span`` in a table.
      drought: Whether drought indices of the regions are computed.
    """

    grace: Grids = ""
    wells: str | WellSource = ""
    specific_yield: float = 0.05
    precipitation: str | GridSource = ""
    precipitation_hours: float = 0.0
    drought: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.specific_yield <= 1:
            raise ValueError(
                f"groundwater.specific_yield is {self.specific_yield:g}, expected "
                "above 0 to 1"
            )
        check_zero_or_more(
            "groundwater.precipitation_hours",
            self.precipitation_hours,
            "the hours in which an amount gathered, or 0 for files that say so",
        )
        _ = self.rain  # refuses what is stated twice

    @property
    def rain(self) -> GridSource | None:
        """The grid of precipitation with what `precipitation_hours` says of it."""
        if not self.precipitation:
            return None
        source = grid_source(self.precipitation)
        hours = self.precipitation_hours
        return with_hours(source, "groundwater.precipitation", hours)

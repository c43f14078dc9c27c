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
    """Table ``[cleaning]``: what is done to heights before anything else.

    In this order: outliers, steps and trend, common mode, means, reconstruction. With
    the defaults nothing is done.

    Attributes:
      outliers: "none", "3-sigma" or "iqr" (3 interquartile ranges), about a trajectory
        with rate and seasons.
      steps: A file of offsets, whose steps and relaxations are fitted and taken out;
        "detect" to look for them; empty for none.
      trend: "keep", or "remove" for offset and rate, fitted beside seasons, which
        stay. Loads then lose theirs too.
      short_records: What becomes of stations whose heights are too few months (about
        30) to tell rate and seasons apart where trends or steps are taken out: "keep"
        leaves in them what they do not determine, "drop" leaves the stations out.
      common_mode: What stations share beside rates and seasons, to be taken out:
        "none", their mean ("stack"), or of "components" those that most share.
      average: "none", "weekly" (Sunday to Saturday, dated Wednesday) or "monthly".
      reconstruct: Number of strongest periods that are kept; 0 keeps heights as they
        are.
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
    """Table ``[loads]``: what moves stations and is not sought.

    Grids are netCDF files, patterns of several, or tables as `GridSource`. A cell
    without values carries nothing. Under air the sea gives way as an inverted barometer
    does.

    Attributes:
      atmosphere: Surface pressure on the globe.
      atmosphere_regional: The same on finer cells in a region, which refines it.
      soil: Water in soil, snow and canopy on the globe.
      soil_regional: The same on finer cells.
      ocean: Sea-level anomaly on the globe, without its steric part.
      ocean_regional: The same on finer cells.
      land_mask: Where land is on the globe, as netCDF: 1 on land and 0 at sea, or
        shares of land; text or a table of which files and variable count.
        Empty for the mask of a quarter of a degree that the package carries, to which
        lakes, ice sheets and the Caspian are land and ice shelves are sea.
      displacement: Displacement of the stations by loads, as computed by others, one
        load an entry: ``"loading/*.ntal"`` or, with a name of its own,
        ``"soil: loading/*.hydl"``, or a table as `StationLoad`.
      displacement_units: Units of these files where they state none: "mm", "cm", "m" or
        any other unit of length.
      displacement_stamp: Position of the dates of these files in the weeks or months of
        which they hold means: "start", "middle", "end", "instant" for values at the
        very times, "auto" for the week or month around each date. It does not matter
        for daily files.
      max_degree: Last degree of the expansion of global grids; 0 takes the highest that
        each resolves.
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
        found = {k: (getattr(self, k), getattr(self, f"{k}_regional")) for k in KINDS}
        return {kind: files for kind, files in found.items() if files[0]}


@dataclasses.dataclass(frozen=True)
class Groundwater:
    """Table ``[groundwater]``: says that what is left to heights is groundwater.

    With this table, even an empty one, water is called ``gwsa`` in the results, not
    ``twsa``, and groundwater storage anomaly.

    Attributes:
      grace: Monthly total water as netCDF, or a list of several centres as
        `Evaluation.grace`; with the soil water of `Loads` taken out it
        is compared with the result.
      wells: Water tables as csv or RDB, or a table as `WellSource`.
      specific_yield: Of wells for which the file has none.
      precipitation: Grid of precipitation as netCDF.
      precipitation_hours: Hours in which an amount of precipitation gathered, for files
        that do not say: 1 for hourly ERA5. 0 for rates, and for bounds of time. The
        same as ``span`` in a table.
      drought: Whether drought indices of the regions are wanted.
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

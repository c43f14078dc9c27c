"""Tables of a study file: what was observed, where, on which Earth, judged by what."""

import dataclasses
import math
from typing import Literal

from jaxload.config.checks import REQUIRED, check_choices, check_day, check_given
from jaxload.config.series import (
    SameDay,
    SeriesColumns,
    SeriesFiles,
    SeriesSource,
    series_sources,
)
from jaxload.config.sources import Grids, GridSource

__all__ = ["Earth", "Evaluation", "Gnss", "Region"]


@dataclasses.dataclass(frozen=True)
class Gnss:
    """Table ``[gnss]``: what was observed.

    Attributes:
      files: A folder or a pattern, such as ``"gnss/*.up"``, a list of them, or of
        tables as `SeriesSource` where files of several kinds are to be read.
      sites: A list of where stations stand, for formats that do not hold it.
      sites_order: "lon lat" or "lat lon", for a list that does not name its columns; if
        empty, what its values show, or else longitudes first.
      sites_columns: What the columns of the list are, in their order, as
        ``["station", "lat", "lon", "height"]``; "x", "y" and "z" are geocentric, any
        other word is of no matter.
      start: First day, ISO; that of the data if empty.
      end: Last day, itself included; that of the data if empty.
      sigma: "station" takes the median formal error of each station for all its days,
        "daily" the error of each observation.
      include: Names of the only stations that are used; all of them if empty.
      exclude: Names of stations that are left out, each alone or with the reason, as
        ``"CRCN: pumped aquifer"``.
      largest_sigma: Times the median formal error of a station beyond which its day is
        missing where `sigma` is "station", which would weigh it as any other; 0 keeps
        all days.
      reference: What heights are relative to: "keep" leaves them as they are, anomalies
        or not; "mean" takes the mean of each station out.
      outside_grid: What becomes of a station outside the grid: "error" or "drop".
      format: Name of the files' format, as "pos"; their content tells if empty.
      units: Of files whose format leaves them open, "mm", "cm", "m" or any other of
        length.
      missing_sigma: Standard error [mm] of files that have none; 0 refuses them.
      time_format: How files write time whose content leaves it open: for decimal years
        "decimal_year" (of the calendar), "julian_year" (365.25 days each since noon of
        1 January 2000), "julian_year_midnight" (since its beginning), "doy/365",
        "(doy-1)/365", "doy/365.25" and their like, or "doy/length"; for other columns
        a pattern as "%d/%m/%Y". What content shows is recognised if it is empty.
      same_day: What becomes of several rows of one day that differ: "error" refuses the
        file, "first" or "last" takes one of them, "mean" their mean.
      columns: Where the files have what, as `SeriesColumns`, if they are tables of no
        known format.
      strict: Whether a file that cannot be read stops everything, or is left out.
    """

    files: SeriesFiles = dataclasses.field(default="", metadata=REQUIRED)
    sites: str = ""
    sites_order: Literal["", "lon lat", "lat lon"] = ""
    sites_columns: tuple[str, ...] = ()
    start: str = ""
    end: str = ""
    sigma: Literal["station", "daily"] = "station"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    largest_sigma: float = 10.0
    reference: Literal["keep", "mean"] = "keep"
    outside_grid: Literal["error", "drop"] = "error"
    format: str = ""
    units: str = ""
    missing_sigma: float = 0.0
    time_format: str = ""
    same_day: SameDay = "error"
    columns: SeriesColumns | None = None
    strict: bool = False

    def __post_init__(self) -> None:
        check_given("gnss.files", self.files)
        check_choices(self, "gnss")
        if not 0 <= self.missing_sigma < math.inf:
            raise ValueError(
                f"gnss.missing_sigma is {self.missing_sigma:g}, expected millimetres, "
                "or 0 where every file holds standard errors"
            )
        _ = self.sources  # refuses what contradicts itself
        if not (self.largest_sigma == 0 or 1 < self.largest_sigma < math.inf):
            raise ValueError(
                f"gnss.largest_sigma is {self.largest_sigma:g}, expected a factor "
                "above 1, or 0 to keep all days"
            )
        for name in ("start", "end"):
            check_day(f"gnss.{name}", getattr(self, name))
        if self.start and self.end and self.start > self.end:
            raise ValueError(
                f"gnss.start {self.start} is after gnss.end {self.end}; swap them"
            )

    @property
    def sources(self) -> tuple[SeriesSource, ...]:
        """Each entry of `files`, with what this table says of it."""
        try:
            usual = SeriesSource(
                "*",
                self.format,
                self.units,
                self.missing_sigma,
                self.time_format,
                self.same_day,
                self.columns,
            )
            return series_sources(self.files, usual)
        except ValueError as error:
            raise ValueError(f"gnss.{error}") from None


@dataclasses.dataclass(frozen=True)
class Region:
    """Table ``[region]``: where water is sought.

    Attributes:
      boundary: Outline, as ``"file"`` for all that it encloses, or ``"file: NAME,
        NAME"`` for some of its features, in any format: text, GeoJSON, well-known
        text, and with ``jaxload[outlines]`` shapefiles, GeoPackages, KML and others.
      name_property: Property of the features in which the name after the colon is
        looked for; the likeliest if empty.
      crs: Coordinate system of outlines that are not in degrees and do not say in
        which, such as ``"EPSG:32647"``; none if empty. It holds for those of
        `evaluation.regions` too.
      spacing: Side of a cell [degrees].
      buffer: Belt of cells around the outline [degrees of arc].
      offset: 0 puts cell centres on multiples of `spacing`, 0.5 cell edges.
    """

    boundary: str = dataclasses.field(default="", metadata=REQUIRED)
    name_property: str = ""
    crs: str = ""
    spacing: float = 0.25
    buffer: float = 0.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        check_given("region.boundary", self.boundary)


@dataclasses.dataclass(frozen=True)
class Earth:
    """Table ``[earth]``: how the ground answers a load.

    Attributes:
      model: "prem", "iasp91", "ak135", or a file with columns of radius or depth, vp,
        vs and density, as those of TauP (.nd, .tvel), AxiSEM (.bm) and LoadDef; order
        and units are known by a header, or by the mass of the Earth.
      frame: Origin of the reference frame: "CE", "CM" or "CF".
      max_degree: Last degree of the loading series.
      disc_radius_km: One disc radius for all cells; 0 takes discs of the cells' areas.
      cells: "disc" everywhere, or "rectangle" for the true outline of the cells near a
        station.
      max_distance_deg: Distance between a station and a cell's centre [degrees of arc]
        beyond which its water is taken to do nothing, as some published systems have
        it; 0 for none. What far water does is then put on near cells.
      love: A table of load Love numbers by degree in place of `model`: columns of n, h,
        l and k; empty for none.
      ocean: What becomes of water on top of a model of a file: "crust" puts the rock of
        its floor in its place, "water" keeps it, with every load on the floor; empty
        refuses such a model.
    """

    model: str = "prem"
    frame: Literal["CE", "CM", "CF"] = "CF"
    max_degree: int = 40_000
    disc_radius_km: float = 0.0
    cells: Literal["disc", "rectangle"] = "disc"
    max_distance_deg: float = 0.0
    love: str = ""
    ocean: Literal["", "crust", "water"] = ""

    def __post_init__(self) -> None:
        if self.love and self.model != "prem":
            raise ValueError(
                f"earth.love {self.love} stands in place of a model, but earth.model "
                f"is {self.model}; give one of them"
            )
        check_choices(self, "earth")
        if self.cells == "rectangle" and self.disc_radius_km:
            raise ValueError(
                'earth.cells is "rectangle", but earth.disc_radius_km is '
                f"{self.disc_radius_km:g}; give one of them"
            )
        if self.max_degree < 100:
            raise ValueError(
                f"earth.max_degree is {self.max_degree}, expected 100 or more; a disc "
                "of 0.25 degrees needs 10,000"
            )
        if not 0 <= self.disc_radius_km < math.inf:
            raise ValueError(
                f"earth.disc_radius_km is {self.disc_radius_km:g}, expected a positive "
                "radius, or 0 for discs of the cells' areas"
            )
        if not 0 <= self.max_distance_deg <= 180:
            raise ValueError(
                f"earth.max_distance_deg is {self.max_distance_deg:g}, expected "
                "degrees of arc, or 0 for all distances"
            )


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Table ``[evaluation]``: what the result is held against.

    Attributes:
      grace: Monthly TWSA as netCDF, or a list of several centres, each text or a table
        as `GridSource`, whose mean is taken; empty for none.
      land_model: Total water storage of a land-surface model as netCDF, such as
        GLDAS-2.2, or a pattern of files; empty for none.
      regions: Outlines to average over, as ``"file"`` for all of its features by their
        names, or ``"file: NAME, NAME"`` for some of them, in any format.
      name_property: Property of the features that holds their names; the likeliest if
        empty.
      detrend: Whether straight lines are taken out before comparing.
    """

    grace: Grids = ""
    land_model: str | GridSource = ""
    regions: tuple[str, ...] = ()
    name_property: str = ""
    detrend: bool = True

"""Tables of a study file: what was observed, where, on which Earth, judged by what."""

import dataclasses
import math
from typing import Literal

from jaxload.config.checks import (
    REQUIRED,
    check_choices,
    check_day,
    check_given,
    check_zero_or_more,
    unknown_word,
)
from jaxload.config.compared_products import (
    OWN_PRODUCTS,
    ReferenceProduct,
    parse_periods,
    reference_product,
)
from jaxload.config.local_earth import LocalEarth
from jaxload.config.series import (
    SameDay,
    SeriesColumns,
    SeriesFiles,
    SeriesSource,
    series_sources,
)
from jaxload.config.sources import Grids, GridSource

__all__ = ["Earth", "Evaluation", "Gnss", "Region"]

#: Components of displacement, in the order of the rows of the inversion.
COMPONENTS = ("up", "north", "east")


@dataclasses.dataclass(frozen=True)
class Gnss:
    """Table ``[gnss]``: the observed heights.

    Attributes:
      files: Files of heights: a folder, a pattern such as ``"gnss/*.up"``, or a list of
        these. Each of them may be a table, such as ``{ files = "b/*.txt", units = "mm"
        }``, with what holds for these files only.
      sites: File with the coordinates of the stations, for formats that do not hold
        them.
      sites_order: Order of the coordinates in a list without column names: "lon lat" or
        "lat lon". If empty, the order follows from the values, and is "lon lat" where
        both are possible.
      sites_columns: Names of the columns of that list in their order, such as
        ``["station", "lat", "lon", "height"]``. "x", "y" and "z" are geocentric
        coordinates; columns of any other name are ignored.
      components: Components of displacement that are inverted: "up", or with the
        horizontal ones of the same files ``["up", "north", "east"]``. Stations without
        horizontals contribute their heights. Errors of the reference frame are
        estimated with them, see `inversion.frame_translation_mm`.
      start: First day, as 2006-01-01; the first day of the data if empty.
      end: Last day, which is included; the last day of the data if empty.
      sigma: Standard errors of the heights: "station" takes the median formal error of
        each station for all of its days, "daily" the formal error of each day.
      include: Names of the stations to be used; all stations if empty.
      exclude: Names of stations to be left out, each alone or with a reason, as
        ``"CRCN: pumped aquifer"``.
      largest_sigma: Largest formal error of a day, as a multiple of the station's
        median, where `sigma` is "station"; days with a larger one are removed. 0 keeps
        all days.
      reference: "keep" leaves the heights as they are; "mean" subtracts the mean of
        each station.
      outside_grid: What to do about a station outside the grid: "error" stops, "drop"
        leaves the station out.
      format: Name of the files' format, such as "pos"; recognised from their content if
        empty.
      units: Units of heights and errors in formats without fixed units: "mm", "cm", "m"
        or any other unit of length.
      missing_sigma: Standard error of heights in files without errors [mm]; with 0 such
        files are refused.
      time_format: Format of times that the content of the files leaves open. For
        decimal years: "decimal_year" (of the calendar), "julian_year" (365.25 days
        each, from noon of 1 January 2000), "julian_year_midnight" (from midnight of
        that day), "doy/365", "(doy-1)/365", "doy/365.25" and the like, or "doy/length".
        For other columns a pattern such as "%d/%m/%Y". Recognised if empty.
      same_day: What to do about different rows of one day: "error" refuses the file,
        "first" and "last" take one of the rows, "mean" takes their mean.
      columns: Columns of tables in no known format, such as ``{ time = "date", up =
        "dU" }``.
      strict: Whether a file that cannot be read stops the run; otherwise it is left out
        with a warning.
    """

    files: SeriesFiles = dataclasses.field(default="", metadata=REQUIRED)
    sites: str = ""
    sites_order: Literal["", "lon lat", "lat lon"] = ""
    sites_columns: tuple[str, ...] = ()
    components: tuple[str, ...] = ("up",)
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
        _check_components(self.components)
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
    def horizontals(self) -> tuple[str, ...]:
        """The horizontal ones of `components`, north first."""
        return tuple(name for name in COMPONENTS[1:] if name in self.components)

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


def _check_components(components: tuple[str, ...]) -> None:
    for name in components:
        if name not in COMPONENTS:
            raise ValueError(unknown_word("one of gnss.components", name, COMPONENTS))
    if len(set(components)) < len(components):
        raise ValueError(
            f"gnss.components is {', '.join(components)}; name each component once"
        )
    if "up" not in components:
        named = ", ".join(components) or "empty"
        raise ValueError(
            f'gnss.components is {named}, without "up": stations are screened and '
            "compared by their heights; add it"
        )


@dataclasses.dataclass(frozen=True)
class Region:
    """Table ``[region]``: where water is estimated.

    Attributes:
      boundary: Outline of the region, as ``"file"`` for everything inside it, or
        ``"file: NAME, NAME"`` for some of its features. Formats are text, GeoJSON and
        well-known text, and with ``jaxload[outlines]`` shapefiles, GeoPackages, KML and
        others.
      name_property: Property of the features that holds their names; recognised if
        empty.
      crs: Coordinate system of outlines that are not in degrees and do not state it,
        such as ``"EPSG:32647"``; it also holds for `evaluation.regions`. Empty for
        degrees.
      spacing: Side of a cell [degrees].
      buffer: Width of the belt of cells around the outline [degrees of arc].
      offset: Position of the cells: 0 puts their centres on multiples of `spacing`, 0.5
        puts their edges there.
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
    """Table ``[earth]``: the response of the Earth to a load.

    Attributes:
      model: Model of the Earth: "prem", "iasp91", "ak135", or a file with columns of
        radius or depth, vp, vs and density, such as those of TauP (.nd, .tvel), AxiSEM
        (.bm) and LoadDef. Order and units of its columns follow from its header, or
        from the mass of the Earth.
      frame: Origin of the reference frame: "CE" (centre of mass of the solid Earth),
        "CM" (of the whole Earth) or "CF" (centre of figure).
      max_degree: Last degree of the loading series.
      disc_radius_km: Radius of the discs that stand for cells [km]; 0 takes discs with
        the areas of the cells.
      cells: Shape of a cell in the Green's functions: "disc" everywhere, or "rectangle"
        for the true outline of cells near a station.
      max_distance_deg: Distance between a station and the centre of a cell beyond which
        the cell has no effect on the station, as in some published systems [degrees of
        arc]; 0 for no limit. With a limit the effect of distant water is attributed to
        near cells.
      love: Table of load Love numbers by degree in place of `model`, with columns n, h,
        l and k; empty for none.
      ocean: Treatment of an ocean on top of a model from a file: "crust" replaces it by
        the rock of its floor, "water" keeps it and puts every load on the floor; empty
        refuses such a model.
      local: Ground beneath some stations that is softer or harder than the model: a
        list of tables with layers that replace its top there. Rows of these stations
        are those of a sphere with these layers everywhere, which holds for loads near
        them, where layers matter. Loads of the table ``[loads]`` are not changed.
    """

    model: str = "prem"
    frame: Literal["CE", "CM", "CF"] = "CF"
    max_degree: int = 40_000
    disc_radius_km: float = 0.0
    cells: Literal["disc", "rectangle"] = "disc"
    max_distance_deg: float = 0.0
    love: str = ""
    ocean: Literal["", "crust", "water"] = ""
    local: tuple[LocalEarth, ...] = ()

    def __post_init__(self) -> None:
        if self.local and (self.love or self.ocean == "water"):
            raise ValueError(
                "earth.local puts layers on a solid model, but "
                + (f"earth.love is {self.love}" if self.love else "water is on top")
                + "; leave one of them out"
            )
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
    """Table ``[evaluation]``: observations with which the result is compared.

    Attributes:
      grace: Monthly TWSA as netCDF, or a list of the files of several centres, whose
        mean is taken; each is text or a table with the keys of `loads.atmosphere`.
        Empty for none.
      land_model: Total water storage of a land-surface model such as GLDAS-2.2, as
        netCDF or a pattern of files; empty for none.
      products: Further products by names of your own, each a file or a table, such as
        ``[evaluation.products.CSR]`` with ``files = "csr.nc"``: other centres and other
        land-surface models, as grids or as tables by region.
      grace_smoothing_km: Radius of the Gaussian that the product of `grace` was
        smoothed with, where the bell has fallen to one half [km]; 0 for mascons. In the
        comparison of products (products.nc) water is smoothed alike.
      periods: Periods for which scores are computed beside those of the whole record,
        each as ``"NAME: start..end"``, such as ``"GRACE: 2002-04..2017-06"``.
      bridge: Name of the product whose missing months are estimated from heights:
        "grace", or one of `products`; empty for none.
      wavelets: Whether cross-wavelet transforms and wavelet coherences of regional
        means and products are computed.
      regions: Outlines over which water is averaged, as ``"file"`` for all features by
        their names, or ``"file: NAME, NAME"`` for some of them, in the formats of
        `region.boundary`.
      name_property: Property of the features that holds their names; recognised if
        empty.
      detrend: Whether linear trends are removed from both series before they are
        compared.
      precipitation: Precipitation as netCDF, drawn as bars above the series of regions
        and kept beside the products, of which there must be one; empty for none.
    """

    grace: Grids = ""
    land_model: str | GridSource = ""
    products: dict[str, str | ReferenceProduct] = dataclasses.field(
        default_factory=dict
    )
    grace_smoothing_km: float = 0.0
    periods: tuple[str, ...] = ()
    bridge: str = ""
    wavelets: bool = False
    regions: tuple[str, ...] = ()
    name_property: str = ""
    detrend: bool = True
    precipitation: str | GridSource = ""

    def __post_init__(self) -> None:
        if self.precipitation and not (self.grace or self.land_model or self.products):
            raise ValueError(
                "evaluation.precipitation stands beside products, of which none is "
                "named; name evaluation.grace, land_model or products"
            )
        parse_periods(self.periods)  # refuses what is none
        meaning = "a radius in km, or 0 for mascons"
        check_zero_or_more(
            "evaluation.grace_smoothing_km", self.grace_smoothing_km, meaning
        )
        for name in self.products:
            if name in OWN_PRODUCTS:
                raise ValueError(
                    f"evaluation.products has {name!r}, which is the name of water "
                    "that has it already; rename it"
                )
        known = [*(("grace",) if self.grace else ()), *self.products]
        if self.bridge and self.bridge not in known:
            named = f"is none of {', '.join(known)}" if known else "is not named"
            raise ValueError(
                f"evaluation.bridge is {self.bridge!r}, which {named}; name "
                '"grace" or one of evaluation.products, and its files'
            )

    @property
    def references(self) -> dict[str, ReferenceProduct]:
        """The products of `products`, each as a table."""
        return {name: reference_product(x) for name, x in self.products.items()}

"""What distributed grids call their quantities, and in which units they come.

Sources: the headers of the files of CSR RL06 mascons (Save et al., 2016,
doi:10.1002/2016JB013007), JPL RL06M (Wiese et al., 2016, doi:10.1002/2016WR019344),
GSFC RL06 mascons (Loomis et al., 2019, doi:10.1007/s00190-019-01252-y), GLDAS-2.1 and
2.2 (Rodell et al., 2004, doi:10.1175/BAMS-85-3-381; Li et al., 2019,
doi:10.1029/2018WR024618), ERA5 (Hersbach et al., 2020, doi:10.1002/qj.3803), MERRA-2
(Gelaro et al., 2017, doi:10.1175/JCLI-D-16-0758.1).
"""

import dataclasses
import math
import re
from collections.abc import Sequence

from jaxload.io.grids.hints import setting
from jaxload.io.schema import VARIABLES
from jaxload.io.units import known_conversion

__all__ = [
    "LIMITS",
    "NAMED_ONLY",
    "OTHERS",
    "PRODUCTS",
    "STANDARD_NAMES",
    "Conversion",
    "Part",
    "Product",
    "find_conversion",
]


@dataclasses.dataclass(frozen=True)
class Part:
    """One variable of a file.

    Attributes:
      source: What the file calls it; upper and lower case count as one.
      depth: Thickness of the layer that it fills [m], for water by volume.
      needed: Whether a sum without it is not the sum.
    """

    source: str
    depth: float = 0.0
    needed: bool = True


@dataclasses.dataclass(frozen=True)
class Product:
    """Variables of a file that add up to one quantity.

    Attributes:
      quantity: What it is called here, as in `jaxload.io.schema.VARIABLES`.
      parts: What is added.
      sigma: What the file calls the standard error, if it may have one.
    """

    quantity: str
    parts: tuple[Part, ...]
    sigma: str = ""


@dataclasses.dataclass(frozen=True)
class Conversion:
    """From the units of a file to canonical ones: ``factor * value + offset``.

    Attributes:
      factor: Canonical units per unit.
      offset: What is added then.
      per: "" as a rule; "month" or "span" where values are amounts that must still be
        divided by the days of their month, or of what they were gathered in.
    """

    factor: float
    offset: float = 0.0
    per: str = ""


def _layers(names: Sequence[str], *optional: str) -> tuple[Part, ...]:
    return tuple(map(Part, names)) + tuple(Part(n, needed=False) for n in optional)


def _plain(quantity: str, *names: str, sigma: str = "") -> tuple[Product, ...]:
    return tuple(Product(quantity, (Part(name),), sigma) for name in names)


_NOAH = ("SoilMoi0_10cm", "SoilMoi10_40cm", "SoilMoi40_100cm", "SoilMoi100_200cm")
#: Depths of ERA5's layers of soil [m]; IFS documentation CY41R2, part IV, chapter 8.
_ERA5 = {"swvl1": 0.07, "swvl2": 0.21, "swvl3": 0.72, "swvl4": 1.89}

#: What can be read, by the variables that a file holds.
PRODUCTS: tuple[Product, ...] = (
    *_plain("twsa", "lwe_thickness", sigma="uncertainty"),
    *_plain("twsa", "twsa", sigma="twsa_sigma"),
    *_plain("tws", "TWS_tavg", "TWS_inst", "TWLAND"),
    *_plain("tws", "tws", sigma="std_tws"),
    *_plain("groundwater", "GWS_tavg", "GWS_inst"),
    # Noah: four layers, snow and canopy.
    Product(
        "soil_water",
        _layers([f"{n}_inst" for n in _NOAH] + ["SWE_inst", "CanopInt_inst"]),
    ),
    # Catchment: the profile holds the root zone, and that the surface.
    Product("soil_water", _layers(["SoilMoist_P_tavg", "SWE_tavg", "CanopInt_tavg"])),
    Product("soil_water", _layers(["SoilMoist_P_inst", "SWE_inst", "CanopInt_inst"])),
    # ERA5 knows no water on the canopy; ERA5-Land does.
    Product(
        "soil_water",
        (*(Part(n, d) for n, d in _ERA5.items()), *_layers(["sd"], "src")),
    ),
    *_plain("soil_water", "soil_water"),
    *_plain("pressure", "sp", "ps", "Psurf_f_inst", "Psurf_f_tavg", "pressure"),
    *_plain("temperature", "t2m", "tas", "Tair_f_inst", "Tair_f_tavg", "temperature"),
    *_plain("sea_level", "sla", sigma="err_sla"),
    *_plain("sea_level", "sea_level", sigma="sea_level_sigma"),
    *_plain("precipitation", "tp", "pr", "PRECTOTCORR", "PRECTOT", "Rainf_f_tavg"),
    *_plain("precipitation", "precip", "precipitation", "precipitationCal"),
    *_plain("snow_water", "SWE_inst", "SWE_tavg", "sd", "snw", "swe", "SNOMAS"),
    Product("soil_moisture", _layers([f"{n}_inst" for n in _NOAH])),
    *_plain("soil_moisture", "SoilMoist_P_tavg", "SoilMoist_P_inst", "mrso"),
    Product("soil_moisture", tuple(Part(n, d) for n, d in _ERA5.items())),
    *_plain("evapotranspiration", "Evap_tavg", "evspsbl", "EVLAND", "e", "et"),
)

#: Quantities that are read only where they are asked for by name: parts of others.
NAMED_ONLY = ("snow_water", "soil_moisture", "evapotranspiration", "variable")

#: Names that many use, for files that hold none of the above.
OTHERS: tuple[Product, ...] = (
    *_plain("twsa", "ewh", "tws_anomaly", "water_thickness", "lwe", "ewt"),
    *_plain("tws", "total_water_storage", "terrestrial_water_storage", "twstore"),
    Product("soil_water", _layers(["mrso", "snw"])),
    *_plain("pressure", "pres", "surface_pressure", "psfc", "psurf"),
    *_plain("temperature", "temp", "tmp", "air", "t2", "air_temperature"),
    *_plain("precipitation", "prec", "prcp", "ppt", "pre", "rain", "rainfall"),
    *_plain("precipitation", "prate", "total_precipitation"),
    *_plain("sea_level", "sea_level_anomaly", "ssha"),
    *_plain(
        "snow_water", "snow_water_equivalent", "snow_depth_water_equivalent", "snow"
    ),
    *_plain("soil_moisture", "soil_moisture", "soilw", "soil_water", "sm"),
    *_plain("evapotranspiration", "evapotranspiration", "evaporation", "evap", "aet"),
    *_plain("evapotranspiration", "eta", "total_evaporation", "actual_et"),
)

#: Quantities by the standard names of CF, for files that hold none of these either.
STANDARD_NAMES = {
    "lwe_thickness_of_gravity_anomaly": "twsa",
    "surface_air_pressure": "pressure",
    "air_temperature": "temperature",
    "precipitation_flux": "precipitation",
    "precipitation_amount": "precipitation",
    "lwe_precipitation_rate": "precipitation",
    "lwe_thickness_of_precipitation_amount": "precipitation",
    "sea_surface_height_above_sea_level": "sea_level",
    "sea_surface_height_above_mean_sea_level": "sea_level",
    "surface_snow_amount": "snow_water",
    "lwe_thickness_of_surface_snow_amount": "snow_water",
    "mass_content_of_water_in_soil": "soil_moisture",
    "water_evapotranspiration_flux": "evapotranspiration",
    "water_evaporation_flux": "evapotranspiration",
    "lwe_water_evaporation_rate": "evapotranspiration",
}

#: What is a depth of water by its mass: one millimetre is as much as one kg m-2.
_BY_MASS = {"mm": "kg m-2", "mm d-1": "kg m-2 d-1"}

_MONTH = re.compile(r"(?<![a-z])mon(th)?s?(?![a-z])", re.IGNORECASE)

#: Canonical values beyond which a filler or false units are at work, not nature.
LIMITS: dict[str, tuple[float, float]] = {
    "twsa": (-9e4, 9e4),
    "tws": (-9e4, 1e6),
    "groundwater": (-9e4, 1e6),
    "soil_water": (-1.0, 1e6),
    "pressure": (3e4, 1.1e5),
    "temperature": (150.0, 350.0),
    "sea_level": (-1e4, 1e4),
    "precipitation": (-10.0, 5e3),
    "evapotranspiration": (-200.0, 200.0),
    "snow_water": (-1.0, 1e6),
    "soil_moisture": (-1.0, 1e6),
    "variable": (-math.inf, math.inf),
}


def find_conversion(
    quantity: str, units: object, where: str, depth: float = 0.0
) -> Conversion:
    """Find how units of a file become canonical ones.

    Args:
      quantity: What is converted.
      units: What the file states or the caller says; None if neither does.
      where: File and variable, for the messages.
      depth: Thickness of the layer [m], for water by volume.

    Returns:
      The conversion.

    Raises:
      ValueError: If there are no units, or others than are known.
    """
    canonical = "m3 m-3" if depth else VARIABLES[quantity].units
    if not canonical:
        return Conversion(1.0)
    if units is None or not str(units).strip():
        raise ValueError(
            f"{where} states no units; state them by {setting('units', canonical)}"
        )
    if depth:
        volume = known_conversion(str(units), "1")
        conversion = None if volume is None else Conversion(1000.0 * depth * volume[0])
    elif canonical == "mm d-1":
        conversion = _rain(str(units))
    else:
        conversion = _plain_conversion(str(units), canonical)
    if conversion is None:
        raise ValueError(
            f"{where} is in {str(units)!r}, which cannot become {canonical}; state "
            f"others, as UDUNITS writes them, by {setting('units', canonical)}"
        )
    return conversion


def _plain_conversion(units: str, canonical: str, per: str = "") -> Conversion | None:
    for target in (canonical, _BY_MASS.get(canonical)):
        factors = known_conversion(units, target) if target else None
        if factors is not None:
            return Conversion(*factors, per)
    return None


def _rain(units: str) -> Conversion | None:
    """Rates, amounts by month of the calendar, and amounts of other spans."""
    if _MONTH.search(units):
        return _plain_conversion(_MONTH.sub("day", units), "mm d-1", "month")
    rate = _plain_conversion(units, "mm d-1")
    return _plain_conversion(units, "mm", "span") if rate is None else rate

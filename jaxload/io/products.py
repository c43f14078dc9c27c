"""What distributed grids call their quantities, and in which units they come.

Sources: the headers of the files of CSR RL06 mascons (Save et al., 2016,
doi:10.1002/2016JB013007), JPL RL06M (Wiese et al., 2016, doi:10.1002/2016WR019344),
GSFC RL06 mascons (Loomis et al., 2019, doi:10.1007/s00190-019-01252-y), GLDAS-2.1 and
2.2 (Rodell et al., 2004, doi:10.1175/BAMS-85-3-381; Li et al., 2019,
doi:10.1029/2018WR024618), ERA5 (Hersbach et al., 2020, doi:10.1002/qj.3803), MERRA-2
(Gelaro et al., 2017, doi:10.1175/JCLI-D-16-0758.1).
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence

from jaxload.io.grid_hints import setting
from jaxload.io.schema import VARIABLES
from jaxload.io.units import known_conversion

__all__ = [
    "LIMITS",
    "PRODUCTS",
    "Conversion",
    "Part",
    "Product",
    "choose_product",
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
    *_plain("tws", "TWS_tavg", "TWS_inst", "TWLAND", "tws"),
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
)

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
}


def choose_product(
    held: Sequence[str],
    quantity: str | None,
    variable: str | Sequence[str] | None,
    where: str,
) -> Product:
    """Choose what to read of a file.

    Args:
      held: What the file holds on time, lat and lon.
      quantity: What is wanted, by its name here; None for the one that is there.
      variable: What the file calls it, or calls its parts; None to go by what is known.
      where: The file, for the messages.

    Returns:
      The product, its parts and its error named as the file does; parts that may be
      missing are left out where they are.

    Raises:
      ValueError: If it is not there, not whole, or not the only one.
    """
    names = {name.lower(): name for name in held}
    if quantity is not None and quantity not in LIMITS:
        raise ValueError(f"{quantity!r} is no quantity; choose of {', '.join(LIMITS)}")
    if variable is not None:
        return _named_product(names, quantity, variable, where)
    wanted = [p for p in PRODUCTS if quantity in (None, p.quantity)]
    whole = [p for p in wanted if not _missing(p, names)]
    # A sum that is there whole says all that its parts would.
    found = {p.quantity for p in whole}
    if len(whole) == 1:
        return _as_held(whole[0], names)
    if len(found) > 1:
        raise ValueError(
            f"{where} holds {', '.join(sorted(found))}; name the variable of one by "
            f"{setting('variable')}"
        )
    if found:
        several = [part.source for p in whole for part in p.parts]
        raise ValueError(
            f"{where} holds {', '.join(several)}, each of which is {found.pop()}; name "
            f"one by {setting('variable', several[0])}"
        )
    raise ValueError(_not_there(wanted, names, where))


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
    if units is None or not str(units).strip():
        raise ValueError(
            f"{where} states no units; state them by {setting('units', canonical)}"
        )
    if depth:
        volume = known_conversion(str(units), "1")
        found = None if volume is None else Conversion(1000.0 * depth * volume[0])
    elif canonical == "mm d-1":
        found = _rain(str(units))
    else:
        found = _plain_conversion(str(units), canonical)
    if found is None:
        raise ValueError(
            f"{where} is in {str(units)!r}, which cannot become {canonical}; state "
            f"others, as UDUNITS writes them, by {setting('units', canonical)}"
        )
    return found


def _plain_conversion(units: str, canonical: str, per: str = "") -> Conversion | None:
    for target in (canonical, _BY_MASS.get(canonical)):
        found = known_conversion(units, target) if target else None
        if found is not None:
            return Conversion(*found, per)
    return None


def _rain(units: str) -> Conversion | None:
    """Rates, amounts by month of the calendar, and amounts of other spans."""
    if _MONTH.search(units):
        return _plain_conversion(_MONTH.sub("day", units), "mm d-1", "month")
    rate = _plain_conversion(units, "mm d-1")
    return _plain_conversion(units, "mm", "span") if rate is None else rate


def _named_product(
    names: Mapping[str, str],
    quantity: str | None,
    variable: str | Sequence[str],
    where: str,
) -> Product:
    wanted = [variable] if isinstance(variable, str) else list(variable)
    absent = [name for name in wanted if name.lower() not in names]
    if absent or not wanted:
        raise ValueError(
            f"{where} holds {', '.join(names.values()) or 'nothing'} on time, lat and "
            f"lon; {', '.join(absent) or 'something'} was wanted: name one by "
            f"{setting('variable')}"
        )
    lower = {name.lower() for name in wanted}
    known = [p for p in PRODUCTS if lower <= {part.source.lower() for part in p.parts}]
    known = [p for p in known if quantity in (None, p.quantity)]
    depths = {x.source.lower(): x.depth for p in known for x in p.parts}
    parts = tuple(Part(name, depths.get(name.lower(), 0.0)) for name in wanted)
    # What nobody knows is taken for water storage, as far as its units allow it.
    found = known[0] if known else Product(quantity or "twsa", ())
    return _as_held(Product(found.quantity, parts, found.sigma), names)


def _missing(product: Product, names: Mapping[str, str]) -> list[str]:
    return [
        part.source
        for part in product.parts
        if part.needed and part.source.lower() not in names
    ]


def _as_held(product: Product, names: Mapping[str, str]) -> Product:
    parts = tuple(
        dataclasses.replace(part, source=names[part.source.lower()])
        for part in product.parts
        if part.source.lower() in names
    )
    sigma = names.get(product.sigma.lower(), "")
    return Product(product.quantity, parts, sigma)


def _not_there(wanted: Sequence[Product], names: Mapping[str, str], where: str) -> str:
    for product in wanted:
        absent = _missing(product, names)
        here = [p.source for p in product.parts if p.source.lower() in names]
        soil = [name for name in here if name.lower().startswith(("soil", "swvl"))]
        if soil:
            return (
                f"{where} holds {', '.join(here)}, but of {product.quantity} not "
                f"{', '.join(absent)}; to add up what is there, name all of it by "
                + setting("variable", '["' + '", "'.join(here) + '"]', text=False)
            )
    known = (part.source for p in wanted for part in p.parts)
    return (
        f"{where} holds {', '.join(names.values()) or 'nothing'} on time, lat and lon; "
        f"one of {', '.join(dict.fromkeys(known))} was wanted: name one by "
        f"{setting('variable')}"
    )

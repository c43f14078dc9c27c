"""Headers: which column holds what, in which units, and of which place."""

import dataclasses
import re
from collections.abc import Sequence

from jaxload.io.gnss.options import UNITS, Reading, check_units
from jaxload.io.gnss.sites import Site, check_site
from jaxload.io.gnss.source import Source
from jaxload.io.text.words import parse_number
from jaxload.io.units import known_conversion

__all__ = [
    "Header",
    "header_site",
    "header_station",
    "header_units",
    "length_unit",
    "parse_header",
    "stated_scale",
]

#: Lines of a file among which its header is looked for.
HEAD = 150

#: Longest line that can say something [characters]; patterns take their time on longer.
LONGEST = 400

#: Words for what a column of a series can hold.
_COMPONENTS = {
    "up": "up u vertical ver vert v uplift du dup rad radial",
    "height": "height hgt h",
    "north": "north n northing ns dn dnorth",
    "east": "east e easting ew de deast",
    "lat": "lat latitude nlat",
    "lon": "lon long longitude elon elong lng",
    "x": "x",
    "y": "y",
    "z": "z",
}
_COMPONENT = {w: name for name, words in _COMPONENTS.items() for w in words.split()}


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


#: Words for a standard error, and what they are written together with.
_SIGMAS = _set(
    "sigma sig std stddev sd dev deviation err error errors unc uncertainty se "
    "standard formal rms 1sigma"
)
_SHORT = re.compile(r"(?:sigma|sig|std|err|s|d)(up|north|east|[uneh])")

#: Words that add nothing to the name of a component.
_PLAIN = _set(
    "delta displacement displ disp component comp position pos coordinate coord raw "
    "value offset local of the daily"
)

#: Names of columns of time; those of `_FULL` hold a whole date.
_FULL = _set(
    "date datetime time timestamp epoch epochs yyyymmdd ymd yymmmdd t utc dateutc "
    "datetimeutc yyyymmmdd yyyydoy"
)
_MJD = _set("mjd jjjjj jjjjjjjjj modifiedjulianday modifiedjuliandate")
_DECIMAL = _set(
    "decimalyear decyear yeardecimal decyr years yyyydecm yyyyyyyy yrdec yyyydec "
    "decimalyears decimaldate dyear yearfraction fractionalyear"
)
_YEAR, _MONTH = _set("year yyyy yr y"), _set("month mm mon mo")
_DOY = _set("doy ddd dayofyear jday yday ordinal")
_DAY = _set("day dd dom dayofmonth days")
_STATION = _set(
    "station site sta name stn code marker stationid siteid id stationname sitename "
    "markername"
)


@dataclasses.dataclass(frozen=True)
class Header:
    """Which columns of a table hold what.

    Attributes:
      place: Position of each component ("up", "east", "north", "lat", "lon", "x", "y",
        "z") and of its standard error ("up_sigma", ...), from 0, by name.
      units: Units of those columns as the header has them; none where it has none.
      time: Positions of the columns of time.
      time_format: How those write it; empty if their words tell.
      station: Position of the column of names of stations, or None.
    """

    place: dict[str, int]
    units: dict[str, str]
    time: tuple[int, ...]
    time_format: str
    station: int | None = None


def parse_header(names: Sequence[str]) -> Header | None:
    """Find what the columns of a table are by their names.

    Args:
      names: The names, with their units in brackets.

    Returns:
      Which is which; None if there is no time or no component, or if two columns could
      be the same.
    """
    bare = [_bare(name) for name in names]
    time = _time([re.sub(r"\W|_", "", word) for word in bare])
    if time is None:
        return None
    roles = {i: _role(name, bare) for i, name in enumerate(bare) if i not in time[0]}
    place: dict[str, int] = {}
    for i, role in roles.items():
        if role and place.setdefault(role, i) != i:
            return None
    _take_height(place)
    if "sigma" in place and not _adopt(place):
        return None
    if not {"up", "east", "north", "x"} & set(place):
        return None
    units = {role: unit for role, i in place.items() if (unit := _unit(names[i]))}
    words = [re.sub(r"\W|_", "", word) for word in bare]
    station = next((i for i, word in enumerate(words) if word in _STATION), None)
    return Header(place, units, *time, station)


def _take_height(place: dict[str, int]) -> None:
    """Take the height for the vertical component where there is no other."""
    for suffix in ("", "_sigma"):
        column = place.pop(f"height{suffix}", None)
        if column is not None:
            place.setdefault(f"up{suffix}", column)


def _adopt(place: dict[str, int]) -> bool:
    """Give an error without a name to the only component there is."""
    others = [one for one in ("up", "east", "north") if one in place]
    if len(others) != 1 or f"{others[0]}_sigma" in place:
        return False
    place[f"{others[0]}_sigma"] = place.pop("sigma")
    return True


def _bare(name: str) -> str:
    """A name without its units, quotes and leading marks, in lower case."""
    word = re.sub(r"sigma\s*\((\w+)\)", r"sigma_\1", name, flags=re.IGNORECASE)
    word = re.sub(r"\([^)]*\)|\[[^\]]*\]", " ", word)
    word = re.sub(r"[_\s](mm|cm|m|deg|degrees|meters?|metres?)\s*$", "", word.strip())
    return word.strip(" \"'*#%_:").lower()


def _role(name: str, names: Sequence[str]) -> str:
    """The role of one column; "" for one that is none of a series."""
    tokens = [word for word in re.split(r"[\W_]+", name) if word]
    if not tokens:
        return ""
    short = _SHORT.fullmatch("".join(tokens)) if len(tokens) == 1 else None
    if short and not (name.startswith("d") and _is_difference(short[1], names)):
        return f"{_COMPONENT[short[1]]}_sigma"
    tokens = [word for word in tokens if word not in _PLAIN]
    is_sigma = any(word in _SIGMAS or word == "s" for word in tokens)
    tokens = [word for word in tokens if word not in _SIGMAS and word != "s"]
    if not tokens:
        return "sigma" if is_sigma else ""
    if len(tokens) != 1 or tokens[0] not in _COMPONENT:
        return ""
    component = _COMPONENT[tokens[0]]
    return f"{component}_sigma" if is_sigma else component


def _is_difference(letter: str, names: Sequence[str]) -> bool:
    """Whether "du" is a displacement, as there is no "u" beside it."""
    whole = _COMPONENT[letter]
    return not any(_COMPONENT.get(name) == whole for name in names if name[:1] != "d")


def _time(words: Sequence[str]) -> tuple[tuple[int, ...], str] | None:
    """Positions of the columns of time, and how they write it."""

    def where(known: frozenset[str]) -> int | None:
        return next((i for i, word in enumerate(words) if word in known), None)

    full, mjd, decimal = where(_FULL), where(_MJD), where(_DECIMAL)
    year, doy, month, day = where(_YEAR), where(_DOY), where(_MONTH), where(_DAY)
    if mjd is not None:
        return (mjd,), "mjd"
    if full is not None:
        return (full,), ""
    if year is not None and month is not None and day is not None:
        return (year, month, day), "%Y %m %d"
    if year is not None and (doy if doy is not None else day) is not None:
        return (year, doy if doy is not None else day or 0), "%Y %j"
    single = decimal if decimal is not None else year
    return ((single,), "") if single is not None else None


def _unit(name: str) -> str:
    """Units that stand in the name of a column; "" if none do."""
    hits = [*re.findall(r"[(\[]([^)\]]*)[)\]]", name)]
    hits += re.findall(r"[_\s](mm|cm|m|meters?|metres?)\s*$", name.strip())
    return next((hit.strip() for hit in hits if length_unit(hit)), "")


def length_unit(text: str) -> str:
    """Bring the name of a unit of length to one that can be converted.

    Args:
      text: As a file has it, such as ``"Meters"``.

    Returns:
      "mm", "cm", "m", or the text as it is; "" if it is no unit of length.
    """
    word = text.strip().strip(".").lower().removesuffix("**1")
    word = word.replace("metre", "meter")
    word = word.removesuffix("s") if len(word) > 3 else word
    known = {"millimeter": "mm", "centimeter": "cm", "meter": "m"}
    word = known.get(word, word)
    if word in UNITS:
        return word
    return text.strip() if known_conversion(text.strip(), "mm") else ""


def _is_short(line: str) -> bool:
    return len(line) <= LONGEST


def header_units(lines: Sequence[str]) -> str:
    """Find the units that the lines above a table state; "" if none do.

    Args:
      lines: Those lines.
    """
    for line in filter(_is_short, lines):
        hit = re.match(r"[\s#%*]*units?\s*[,:=]?\s*([A-Za-z]+)", line, re.IGNORECASE)
        if hit and length_unit(hit[1]):
            return length_unit(hit[1])
        hit = re.match(r"[\s#%*]*units?\b.*\bin (\w+)\s*$", line, re.IGNORECASE)
        if hit and length_unit(hit[1]):
            return length_unit(hit[1])
    return ""


def stated_scale(source: Source, reading: Reading, usual: str) -> float:
    """Find millimetres in the units of a file whose format leaves them open.

    Args:
      source: The file, of which comments may state them.
      reading: What the user says of files that do not.
      usual: The units that the format usually has.
    """
    comments = [line for line in source.lines[:HEAD] if line.lstrip()[:1] in "#%*"]
    units = header_units(comments) or reading.units or usual
    return check_units(units, f"units of {source.path}")


_STATIONS = (
    r"4-character id\s*[:,]\s*(\w+)",
    r"site name\s*[:,]?\s*(\w+)",
    r"(?:station|site|marker)(?: name| id| code)?\s*[:,=]\s*(\w+)\s*$",
)


def header_station(source: Source) -> str:
    """Find the station that the header of a file names; "" if none does.

    Args:
      source: The file.
    """
    head = list(filter(_is_short, source.lines[:HEAD]))
    for pattern in _STATIONS:
        for line in head:
            hit = re.search(pattern, line, re.IGNORECASE)
            if hit:
                return hit[1].upper()
    return ""


_NUMBER = r"([-+]?\d[\d.eE+-]*)"


def header_site(source: Source) -> Site | None:
    """Find the position that the header of a file gives; None if none does.

    Args:
      source: The file.

    Raises:
      ValueError: If it is not on the Earth.
    """
    coordinates: dict[str, float] = {}
    for number, line in enumerate(source.lines[:HEAD], 1):
        if not _is_short(line):
            continue
        where = f"{source.path} line {number}"
        hit = re.search(r"NEU Reference position\s*:\s*(\S+)\s+(\S+)\s+(\S+)", line)
        hit = hit or re.search(
            rf"Reference position\s*,\s*{_NUMBER} North Latitude\s*,\s*{_NUMBER} East "
            rf"Longitude\s*,\s*{_NUMBER}",
            line,
        )
        if hit:
            names = ("latitude", "longitude", "height")
            lat, lon, height = (
                parse_number(word, name, where)
                for word, name in zip(hit.groups(), names)
            )
            return check_site(lon, lat, height, where)
        _collect(coordinates, line, where)
    if {"longitude", "latitude"} <= set(coordinates):
        height = coordinates.get("height", float("nan"))
        return check_site(
            coordinates["longitude"], coordinates["latitude"], height, str(source.path)
        )
    return None


def _collect(coordinates: dict[str, float], line: str, where: str) -> None:
    """Take a line that gives one coordinate, such as ``longitude, 83.74 W``."""
    pattern = rf"[\s#%*]*(lon|lat|hei)\w*\s*[,:=]\s*{_NUMBER}\s*([NSEWnsew]?)\w*\s*$"
    hit = re.match(pattern, line, re.IGNORECASE)
    if hit:
        name = {"lon": "longitude", "lat": "latitude", "hei": "height"}[hit[1].lower()]
        value = parse_number(hit[2], name, where)
        opposite = hit[3].upper() in ("S", "W")
        coordinates.setdefault(name, -value if opposite else value)

"""Which column of a list of stations is what: by its name, or by its values."""

import dataclasses
import re
from collections.abc import Sequence

from jaxload.io.text.lines import COMMENT
from jaxload.io.text.words import find_mark, is_number, split_row

__all__ = [
    "COORDINATE_ORDERS",
    "SITE_ROLES",
    "SiteColumns",
    "bare_layout",
    "bare_name",
    "column_names",
    "complete",
    "find_header",
]

#: Orders in which a list without names of columns may have its coordinates.
COORDINATE_ORDERS = ("lon lat", "lat lon")

#: What columns can hold, and what they are called: letters alone, without units.
NAMES = {
    "lon": "lon long longitude lng elon eastlongitude longitudeeast lambda 经度 东经",
    "lat": "lat latitude nlat northlatitude latitudenorth phi 纬度 北纬",
    "height": "height hight hgt ht h elev elevation alt altitude ellh "
    "ellipsoidalheight ellheight hell 高程 大地高 高度",
    "x": "x",
    "y": "y",
    "z": "z",
}
#: What columns of names are called, best first: an identifier is what files of series
#: are called by.
_STATIONS = """station sta stn site stationcode sitecode stationid siteid code id
characterid charid marker markername point stationname sitename name
测站 站点 站名 站号 台站 点名 测站名"""
STATIONS = tuple(_STATIONS.split())

#: Words that stand beside those in headers of columns that are of no matter.
OTHERS = {"num", "no", "nr", "number", "index", "domes", "net", "network", "flag"}

UNITS = {"deg", "degree", "degrees", "dd", "m", "meter", "meters", "metre", "metres"}

SITE_ROLES = ("station", *NAMES)

_ROLE = {word: role for role, words in NAMES.items() for word in words.split()}

#: Lines among which a header is looked for, and characters of each.
HEAD, LONGEST = 60, 2000


@dataclasses.dataclass(frozen=True)
class SiteColumns:
    """Where each line of a list has what.

    Attributes:
      place: Position of each of `SITE_ROLES` that is there, from 0.
      mark: What parts the columns; blanks if None.
      skip: Number of lines before the first station.
      width: Number of columns that are named; 0 if none are.
      source: What the order of coordinates is known from: "header", "setting", or
        "" where it is taken for lon before lat.
    """

    place: dict[str, int]
    mark: str | None
    skip: int = 0
    width: int = 0
    source: str = ""


def find_header(lines: Sequence[str], widths: Sequence[int]) -> SiteColumns | None:
    """Find a line that names the columns of a list of stations.

    Args:
      lines: The lines of the file.
      widths: In how many words, parted by blanks, lines of data are.

    Returns:
      The layout; None if no line names a station and where it is.
    """
    for number, line in enumerate(lines[:HEAD], 1):
        text = line[:LONGEST].strip()
        comment = text.startswith((*COMMENT, "*", "!"))
        text = text.lstrip("#%*!> ")
        if not text:
            continue
        mark = find_mark(text)
        words = split_row(text, mark)
        words = words if mark else _in_columns(words, widths)
        place = _roles(words)
        if place and (not comment or _only_names(words, place)):
            return SiteColumns(place, mark, number, len(words), "header")
        if not comment:
            return None
    return None


def column_names(line: str, layout: SiteColumns, widths: Sequence[int]) -> list[str]:
    """Take the header of a list apart.

    Args:
      line: The line that names the columns.
      layout: From `find_header`.
      widths: As for `find_header`.

    Returns:
      The name of each column.
    """
    text = line[:LONGEST].strip().lstrip("#%*!> ")
    words = split_row(text, layout.mark)
    return words if layout.mark else _in_columns(words, widths)


def _in_columns(words: Sequence[str], widths: Sequence[int]) -> list[str]:
    """One word a column: units go, and two words of one name are joined."""
    single = [w for w in words if not _is_unit(w)]
    joined: list[str] = []
    for word in single:
        pair = (joined[-1] + word) if joined else ""
        if bare_name(pair) in STATIONS and bare_name(word) in STATIONS:
            joined[-1] = pair
        else:
            joined.append(word)
    return joined if len(single) not in widths and len(joined) in widths else single


def _is_unit(word: str) -> bool:
    letters = re.findall(r"[a-z]+", word.lower())
    return word.startswith(("(", "[")) and set(letters) <= UNITS | {"e", "n"}


def bare_name(word: str) -> str:
    """Take units, marks and case off the name of a column.

    Args:
      word: The name.
    """
    # What is in brackets is a unit, but where it is all there is.
    text = word.partition("(")[0].partition("[")[0] or word
    parts = re.findall(r"[^\W\d_]+", text.lower())
    return "".join(part for part in parts if part not in UNITS or len(parts) == 1)


def _roles(words: Sequence[str]) -> dict[str, int]:
    """Positions of the columns; none if they do not say where a station is."""
    plain = [bare_name(word) for word in words]
    place = {}
    for index, name in enumerate(plain):
        if name in _ROLE:
            place.setdefault(_ROLE[name], index)
    station = next((plain.index(name) for name in STATIONS if name in plain), None)
    place = complete(place)
    return {} if station is None or not place else {"station": station, **place}


def complete(place: dict[str, int]) -> dict[str, int]:
    """Leave out of the columns what lacks its companion.

    Args:
      place: Position of each of `SITE_ROLES` that is there.

    Returns:
      Those of longitude and latitude or of x, y and z, with the others beside them;
      none if both are incomplete.
    """
    groups = ({"lon", "lat"}, set("xyz"))
    lacking = {role for group in groups if not group <= set(place) for role in group}
    if lacking == set.union(*groups):
        return {}
    return {role: index for role, index in place.items() if role not in lacking}


def _only_names(words: Sequence[str], place: dict[str, int]) -> bool:
    """Whether a comment names columns, and is no sentence with such words in it."""
    needed = [place[role] for role in place if role != "height"]
    known = {*_ROLE, *STATIONS, *OTHERS}
    return all(bare_name(word) in known for word in words[: max(needed) + 1])


def bare_layout(
    words: Sequence[str], mark: str | None, order: str
) -> SiteColumns | None:
    """Find what the columns of a list without names of columns are.

    Args:
      words: Those of its first line.
      mark: What parts them.
      order: One of `COORDINATE_ORDERS`, as far as it is known.

    Returns:
      The layout of ``NAME lon lat [height]`` or ``lon lat [height] ... NAME``; None if
      it is neither.
    """
    numbers = [is_number(word) for word in words]
    first, second = order.split()
    if len(words) > 2 and numbers[0] and numbers[1] and not all(numbers):
        name = numbers.index(False)
        whole = "." not in words[0] and name == 3
        if not whole:
            place = {first: 0, second: 1, "station": name}
            return SiteColumns(place | ({"height": 2} if name > 2 else {}), mark)
    if len(words) < 3 or not any(numbers[1:3]):
        return None
    place = {"station": 0, first: 1, second: 2}
    if len(words) > 3 and numbers[3]:
        place["height"] = 3
    return SiteColumns(place, mark)

"""Lists of stations and where they stand: tables, Bernese's .CRD, SINEX."""

import dataclasses
import logging
import math
import pathlib
import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from jaxload.io.files.paths import PathLike
from jaxload.io.gnss.cartesian import FARTHEST, NEAREST, geodetic, is_geocentric
from jaxload.io.gnss.site_columns import (
    COORDINATE_ORDERS,
    SITE_ROLES,
    SiteColumns,
    bare_layout,
    complete,
    find_header,
)
from jaxload.io.gnss.sites import Site, check_site, distance_km, site_of_angles
from jaxload.io.text.lines import data_lines, read_lines
from jaxload.io.text.words import (
    find_mark,
    has_decimal_comma,
    is_number,
    parse_number,
    shorten,
    split_row,
    width_error,
)

__all__ = ["SiteList", "load_sites", "read_sites"]

log = logging.getLogger(__name__)

EXPECTED = "NAME lon lat [height]"
REMEDY = 'say gnss.sites_order = "lat lon", or by gnss.sites_columns what is where'

#: How names of lists say that latitudes come first.
LATITUDE_FIRST = re.compile(r"llh|lat.?lon", re.IGNORECASE)

#: Beyond this two places of one station are two places [km].
APART = 100.0


@dataclasses.dataclass(frozen=True)
class SiteList:
    """Where stations stand according to a file.

    Attributes:
      path: The file.
      sites: The position of each station, by upper-cased name, in its order.
      certain: Whether the file, its values or a setting say which coordinate is which;
        otherwise longitudes are taken to come first.
    """

    path: pathlib.Path
    sites: dict[str, Site]
    certain: bool


@dataclasses.dataclass(frozen=True)
class _Row:
    number: int
    name: str
    coordinates: dict[str, str]


def read_sites(
    path: PathLike, order: str = "", columns: Sequence[str] = ()
) -> dict[str, Site]:
    """Read where stations stand.

    The content of a file tells its layout: a table whose first line or comment names
    the columns, as the lists of the Nevada Geodetic Laboratory and of GEONET and csv
    have it; lines of ``NAME lon lat [height]``, ``lon lat ... NAME`` or ``NAME x y z``;
    Bernese's .CRD; the block SITE/ID of SINEX. Lines that are blank or begin with ``#``
    or ``%`` are left out. Files may be packed.

    Args:
      path: The file.
      order: "lon lat" or "lat lon", for lines without names of columns.
      columns: What the columns are, in their order: "station", "lon", "lat", "height",
        "x", "y", "z"; any other word for what is of no matter.

    Returns:
      The position of each station, by upper-cased name, in the order of the file.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If a line does not parse, a position is impossible, a station stands
        in two places, or latitude and longitude seem to be exchanged. The message
        names the line.
    """
    return load_sites(path, order, columns).sites


def load_sites(
    path: PathLike, order: str = "", columns: Sequence[str] = ()
) -> SiteList:
    """Read where stations stand, and how sure it is which coordinate is which.

    Args:
      path: As of `read_sites`.
      order: Likewise.
      columns: Likewise.

    Returns:
      The list.

    Raises:
      FileNotFoundError: As of `read_sites`.
      ValueError: Likewise.
    """
    path = pathlib.Path(path)
    _check_settings(order, columns)
    lines = read_lines(path)
    known = _special(path, lines)
    if known is not None:
        return SiteList(path, _unique(path, known), certain=True)
    layout, rows = _table(path, lines, order, columns)
    if not rows:
        raise ValueError(f"{path} holds no stations; expected {EXPECTED}")
    source = layout.source
    if not source and "x" not in layout.place:
        rows, source = _ordered(path, rows)
    entries = [(row.number, row.name, _site(path, row)) for row in rows]
    certain = source not in ("", "name") or "x" in layout.place
    return SiteList(path, _unique(path, entries), certain)


def _check_settings(order: str, columns: Sequence[str]) -> None:
    if order not in ("", *COORDINATE_ORDERS):
        raise ValueError(
            f"the order of a list of stations is {order!r}, expected "
            f"{' or '.join(map(repr, COORDINATE_ORDERS))}"
        )
    place = {word: index for index, word in enumerate(columns)}
    if columns and not ("station" in place and complete(place)):
        raise ValueError(
            f"the columns of a list of stations are {', '.join(columns)}, expected "
            "station with lon and lat, or with x, y and z, in the order of the file"
        )


def _unique(
    path: pathlib.Path, entries: Iterable[tuple[int, str, Site]]
) -> dict[str, Site]:
    sites: dict[str, Site] = {}
    for number, name, site in entries:
        if _elsewhere(sites.setdefault(name, site), site):
            raise ValueError(
                f"{path} line {number}: {name} stands elsewhere on an earlier line; "
                "keep one of the two"
            )
    return sites


def _elsewhere(one: Site, other: Site) -> bool:
    # Several points of one station, a few metres apart, are one place here.
    return one != other and distance_km(one, other) > 1


def _table(
    path: pathlib.Path, lines: Sequence[str], order: str, columns: Sequence[str]
) -> tuple[SiteColumns, list[_Row]]:
    numbered = [pair for pair in data_lines(lines) if pair[1].lstrip()[0] not in "*!"]
    if not numbered:
        return SiteColumns({}, None), []
    widths = [len(line.split()) for _, line in numbered[1:50]] or [0]
    layout = find_header(lines, widths)
    if columns:
        layout = _described(columns, numbered, layout)
    elif layout is None:
        layout = _bare(path, numbered, order)
    elif order and "lon" in layout.place:
        _check_order(path, layout, order)
    rows = [
        _row(path, number, line, layout)
        for number, line in numbered
        if number > layout.skip
    ]
    return layout, rows


def _described(
    columns: Sequence[str],
    numbered: Sequence[tuple[int, str]],
    header: SiteColumns | None,
) -> SiteColumns:
    place = complete({r: columns.index(r) for r in SITE_ROLES if r in columns})
    number, first = numbered[0]
    mark = find_mark(numbered[-1][1])
    # A header in words of its own has no number where a coordinate should be.
    words = split_row(first, mark)
    at = place.get("lon", place.get("x", 0))
    named = at < len(words) and not re.search(r"\d", words[at])
    skip = header.skip if header else number * named
    return SiteColumns(place, mark, skip, len(columns), "setting")


def _bare(
    path: pathlib.Path, numbered: Sequence[tuple[int, str]], order: str
) -> SiteColumns:
    number, first = numbered[0]
    mark = find_mark(first)
    words = split_row(first, mark)
    layout = bare_layout(words, mark, order or COORDINATE_ORDERS[0])
    where = f"{path} line {number}"
    if layout is None:
        expected = f"{EXPECTED}, or a line that names the columns station, lon and lat"
        raise width_error(where, len(words), expected)
    if is_geocentric(words[1:4]):
        place = {"station": 0, "x": 1, "y": 2, "z": 3}
        return dataclasses.replace(layout, place=place)
    if layout.place["station"] == 0 and _all_numbers(words[4:5]):
        expected = f"{EXPECTED}; say by gnss.sites_columns what is where"
        raise width_error(where, len(words), expected)
    return dataclasses.replace(layout, source="setting" if order else "")


def _check_order(path: pathlib.Path, layout: SiteColumns, order: str) -> None:
    first = "lon" if layout.place["lon"] < layout.place["lat"] else "lat"
    if not order.startswith(first):
        raise ValueError(
            f'{path} line {layout.skip} names {first} first, but "{order}" is asked '
            "for; leave gnss.sites_order out, or give gnss.sites_columns"
        )


def _row(path: pathlib.Path, number: int, line: str, layout: SiteColumns) -> _Row:
    words = split_row(line, layout.mark)
    place = layout.place
    # The height may be absent from a line, as what is of no matter at its end.
    needed = max(place[role] for role in place if role != "height")
    named = layout.width and not layout.mark and place["station"] == layout.width - 1
    extra = words[layout.width :] if layout.source == "header" else []
    if len(words) <= needed or (not layout.mark and not named and _all_numbers(extra)):
        expected = f"{layout.width} as in the header" if layout.width else EXPECTED
        raise width_error(f"{path} line {number}", len(words), expected)
    name = " ".join(words[place["station"] :]) if named else words[place["station"]]
    if not name:
        raise ValueError(f"{path} line {number} names no station")
    coordinates = {
        role: words[place[role]]
        for role in place
        if role != "station" and place[role] < len(words)
    }
    return _Row(number, name.upper(), coordinates)


def _site(path: pathlib.Path, row: _Row) -> Site:
    where = f"{path} line {row.number}"
    number = {k: _number(text, k, where) for k, text in row.coordinates.items()}
    centred = [number[axis] for axis in "xyz" if axis in number]
    if "lon" not in number:
        return _from_centre(np.array(centred), where)
    try:
        height = number.get("height", np.nan)
        site = check_site(number["lon"], number["lat"], height, where)
    except ValueError as error:
        swapped = f" if they are on every line, {REMEDY}" * ("swapped" in str(error))
        raise ValueError(f"{error}{swapped}") from None
    if NEAREST < math.hypot(*centred) < FARTHEST:
        other = geodetic(np.array(centred))
        if distance_km(site, other) > APART:
            raise ValueError(
                f"{where}: lon {site.lon:g} and lat {site.lat:g} are not where x, y "
                f"and z are, {other.lon:.4g} E {other.lat:.4g} N; {REMEDY}"
            )
    return site


def _number(text: str, role: str, where: str) -> float:
    if role == "height" and text.strip("-") in ("", "nan", "NaN"):
        return np.nan
    # Where columns are not parted by commas, one in a number is the decimal sign.
    number = text.replace(",", ".") if has_decimal_comma([text]) else text
    return parse_number(number, role, where)


def _all_numbers(words: Sequence[str]) -> bool:
    """Whether there are words and all are numbers."""
    return bool(words) and all(map(is_number, words))


def _from_centre(position: np.ndarray, where: str) -> Site:
    if not NEAREST < math.hypot(*position) < FARTHEST:
        listed = ", ".join(f"{value:g}" for value in position)
        raise ValueError(f"{where}: x, y, z are {listed} m, not on the Earth's surface")
    return geodetic(position)


def _ordered(path: pathlib.Path, rows: list[_Row]) -> tuple[list[_Row], str]:
    """Exchange coordinates that can only be latitude and longitude; how that is known.

    Longitudes beyond 90 degrees tell which column they are in. Where there are none,
    the name of the file may (Nevada's ``llh.out``).
    """
    lon, lat = (
        np.array([_degrees(row.coordinates[role]) for row in rows])
        for role in ("lon", "lat")
    )
    first, second = (np.abs(x) > 90 for x in (lon, lat))
    if first.any():
        # A latitude beyond 90 gets its sentence where it is checked.
        return rows, "values"
    if (
        second.sum() > 1
        and 2 * second.sum() >= len(rows)
        and (np.abs(lat) <= 360).all()
    ):
        example = rows[int(np.argmax(second))]
        log.warning(
            "%s has latitudes before longitudes, as %s on line %d shows",
            path,
            example.coordinates["lat"],
            example.number,
        )
        return [_exchanged(row) for row in rows], "values"
    if not second.any() and LATITUDE_FIRST.search(path.stem):
        log.warning(
            "%s is taken to have latitudes before longitudes, as its name says; if it "
            'has not, say gnss.sites_order = "lon lat"',
            path,
        )
        return [_exchanged(row) for row in rows], "name"
    return rows, ""


def _degrees(text: str) -> float:
    number = text.replace(",", ".")
    return float(number) if is_number(number) else np.nan


def _exchanged(row: _Row) -> _Row:
    lon, lat = row.coordinates["lon"], row.coordinates["lat"]
    return dataclasses.replace(
        row, coordinates=row.coordinates | {"lon": lat, "lat": lon}
    )


def _special(
    path: pathlib.Path, lines: Sequence[str]
) -> Iterator[tuple[int, str, Site]] | None:
    """Entries of a file whose layout is its own; None if it is not."""
    if any(line.startswith("+SITE/ID") for line in lines):
        return _sinex(path, lines)
    for number, line in enumerate(lines[:20], 1):
        if "STATION NAME X (M) Y (M) Z (M)" in " ".join(line[:99].split()).upper():
            return _bernese(path, lines, number)
    return None


def _bernese(
    path: pathlib.Path, lines: Sequence[str], skip: int
) -> Iterator[tuple[int, str, Site]]:
    """Entries of .CRD: number, name, x, y, z and flags."""
    unknown = 0
    for number, line in enumerate(lines[skip:], skip + 1):
        words = line.split()
        if len(words) < 5 or not words[0].isdigit():
            continue
        at = next(
            (i for i in range(2, len(words) - 2) if _all_numbers(words[i : i + 3])), 0
        )
        if not at:
            raise ValueError(
                f"{path} line {number} is {shorten(line.strip())}, expected number, "
                "name, X, Y and Z"
            )
        position = np.array([float(word) for word in words[at : at + 3]])
        if not position.any():
            unknown += 1
            continue
        yield number, words[1].upper(), _from_centre(position, f"{path} line {number}")
    if unknown:
        log.warning("%s has no coordinates of %d stations", path, unknown)


def _sinex(path: pathlib.Path, lines: Sequence[str]) -> Iterator[tuple[int, str, Site]]:
    """Entries of SITE/ID: code, point, names, longitude, latitude, height."""
    inside = False
    for number, line in enumerate(lines, 1):
        if line[:1] in "+-":
            inside = line.startswith("+SITE/ID")
        elif inside and line.strip() and not line.startswith("*"):
            words = line.split()
            where = f"{path} line {number}"
            if len(words) < 9:
                expected = (
                    "code, point, names, longitude and latitude in degrees, minutes "
                    "and seconds, and height"
                )
                raise width_error(where, len(words), expected)
            yield number, words[0].upper(), site_of_angles(words[-7:], where)

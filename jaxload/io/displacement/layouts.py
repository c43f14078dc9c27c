"""What the columns of files of loading displacement are, by their headers or widths."""

import dataclasses
import re
from collections.abc import Sequence

from jaxload.io.gnss.options import check_units
from jaxload.io.gnss.source import Source
from jaxload.io.text.lines import COMMENT, data_lines
from jaxload.io.text.words import find_mark, is_number, shorten

__all__ = ["COLUMN_WORDS", "LoadingColumns", "described_layout", "layout_of"]

#: What columns are called, in lower case and without units.
NAMES = {
    "up": (
        *("up", "u", "v", "vertical", "radial", "r", "height"),
        *("new_v", "new_u", "dz", "duv"),
    ),
    "north": ("north", "n", "ns", "new_n", "duns"),
    "east": ("east", "e", "ew", "new_e", "duew"),
    "date": ("date", "time", "timestamp", "epoch", "yyyymmdd", "datetime"),
    "decimal_year": ("decimal_year", "decyear", "yyyy.yyyy", "decimalyear", "dec_year"),
    "mjd": ("mjd",),
    "year": ("year", "yyyy"),
    "month": ("month", "mm", "mon"),
    "doy": ("doy", "ddd"),
    "day": ("day", "dd", "dom"),
    "station": ("station", "site", "sta"),
}
_ROLE = {word: role for role, words in NAMES.items() for word in words}

#: Words of a description, and those of which a day is made.
COLUMN_WORDS = ("up", "north", "east", "station", "-")
TIMES = ({"date"}, {"mjd"}, {"decimal_year"}, {"year", "doy"}, {"year", "month", "day"})
COLUMN_WORDS += tuple(sorted(set().union(*TIMES)))

#: Columns of files without a header: those of .ntal and .ntol, and of .gia.
BARE = {4: ("date", "north", "east", "up"), 2: ("date", "up")}

#: The header and the rows of the predictions of the Nevada Geodetic Laboratory.
_NGL = re.compile(r"\s*(\w{4})\s+-?[\d.]+\s+-?[\d.]+\s+[A-Za-z]\S*(\s+\S+)*\s*", re.A)
_NGL_ROLES = ("station", "date", "-", "east", "north", "up")

#: Rows of the time series of Onsala: a number of the day's quarter behind "#".
_ONSALA = re.compile(r"\s*#\d\s+\d{4}[A-Za-z]{3}\d{2}:\d{2}(\s+-?\d*\.\d+){3}\s*", re.A)

_UNIT = re.compile(r"(?:[\[(]\s*|units?\s*[:=]\s*[\x22]?)(mm|cm|m)\b", re.I)
_UNITS_IN_NAMES = re.compile(r"[\[(][^\[\]()]{0,20}[\])]")

#: How a study describes columns.
_REMEDY = (
    'describe it by columns (in a study: { files = "...", columns = "date north east '
    'up" })'
)

#: Lines in which a header is looked for.
HEAD = 60


@dataclasses.dataclass(frozen=True)
class LoadingColumns:
    """Where a table has what.

    Attributes:
      roles: What each column is, one of `COLUMN_WORDS`.
      lines: The lines of the file, those that hold no row blank.
      delimiter: What parts the columns; blanks if None.
      units: Units that the file states; empty if it does not.
    """

    roles: tuple[str, ...]
    lines: list[str]
    delimiter: str | None
    units: str = ""


def layout_of(source: Source) -> LoadingColumns:
    """Know a file by its header, or by its columns.

    Args:
      source: The file.

    Returns:
      Where it has what.

    Raises:
      ValueError: If neither says it.
    """
    lines = source.lines
    if lines and lines[0].startswith("EPHEDISP"):
        raise ValueError(
            f"{source.path} is an EPHEDISP file, which does not state whether its "
            "displacements are up, east and north or geocentric; write lines of "
            "yyyymmdd north east up"
        )
    onsala = [line.lstrip(" #") if _ONSALA.fullmatch(line) else "" for line in lines]
    if any(onsala):
        return LoadingColumns(("-", "date", "up", "east", "north"), onsala, None, "m")
    first = next((i for i, _ in data_lines(lines)), 0)
    if first and _is_ngl(lines[first - 1 :]):
        return LoadingColumns(
            _NGL_ROLES, ["" for _ in lines[:first]] + lines[first:], None, "m"
        )
    return _table(source)


def described_layout(source: Source, description: str) -> LoadingColumns:
    """Lay out a file as its user describes it.

    Args:
      source: The file.
      description: One of `COLUMN_WORDS` for each column, parted by blanks.

    Returns:
      Where it has what; lines before the first row are left out.

    Raises:
      ValueError: If the description is none, or no line has as many columns.
    """
    roles = tuple(description.split())
    check_roles(roles, f"columns {shorten(description)}")
    for number, line in enumerate(source.lines):
        for delimiter in (None, ",", ";"):
            words = line.split(delimiter)
            if len(words) == len(roles) and _is_row(words, roles):
                lines = ["" for _ in source.lines[:number]] + source.lines[number:]
                # A row may begin with a sign of comments.
                kept = [line.lstrip(" #%") for line in lines]
                return LoadingColumns(
                    roles, kept, delimiter, _stated(source.lines, source)
                )
    raise ValueError(
        f"{source.path} has no line of {len(roles)} columns with numbers where columns "
        f"{shorten(description)} has displacements"
    )


def check_roles(roles: Sequence[str], where: str) -> None:
    """Check that columns make displacement by day.

    Args:
      roles: What each column is.
      where: Whose they are, for the message.

    Raises:
      ValueError: If one is unknown or twice there, or day or uplift are missing.
    """
    named = [role for role in roles if role != "-"]
    unknown = [role for role in named if role not in COLUMN_WORDS]
    if unknown:
        raise ValueError(
            f"{where} has {shorten(unknown[0])}, expected words of "
            f"{', '.join(COLUMN_WORDS)}"
        )
    days = any(parts <= set(named) for parts in TIMES)
    if len(set(named)) < len(named) or "up" not in named or not days:
        raise ValueError(
            f"{where} must have up once, and date, mjd, decimal_year, year and doy, or "
            "year, month and day"
        )


def _is_ngl(lines: Sequence[str]) -> bool:
    header = _NGL.fullmatch(lines[0])
    row = lines[1].split() if len(lines) > 1 else []
    return bool(header) and len(row) == len(_NGL_ROLES) and row[0] == header[1]


def _table(source: Source) -> LoadingColumns:
    number, line = next(data_lines(source.lines), (0, ""))
    first = line.strip()
    delimiter = find_mark(first, (",", ";"))
    words, units = first.split(delimiter), _stated(source.lines[:HEAD], source)
    if not _begins_with_letters(first):
        return LoadingColumns(
            _bare(source, len(words), number), source.lines, delimiter, units
        )
    roles = _named(words)
    if "up" not in roles or not any(parts <= set(roles) for parts in TIMES):
        raise ValueError(
            f"{source.path} line {number} names no day or no vertical component; "
            f"{_REMEDY}"
        )
    lines = ["" for _ in source.lines[:number]] + source.lines[number:]
    return LoadingColumns(roles, lines, delimiter, units)


def _begins_with_letters(line: str) -> bool:
    """Whether a line is a header; a T may part day and time."""
    return any(char.isalpha() for char in line.partition(" ")[0].replace("T", ""))


def _bare(source: Source, width: int, number: int) -> tuple[str, ...]:
    """Roles by a comment that names them, or by the number of columns."""
    for line in source.lines[: max(number - 1, 0)]:
        text = _UNITS_IN_NAMES.sub(" ", line.strip(" #%\t"))
        for words in (text, text.rpartition(":")[2]):
            roles = _named(re.split(r"[\s,;]+", words.strip()))
            if len(roles) == width and _is_whole(roles):
                return roles
    if width not in BARE:
        raise ValueError(
            f"{source.path} has {width} columns and no header, expected 4: day north "
            f"east up, or 2: day up; {_REMEDY}"
        )
    return BARE[width]


def _is_whole(roles: Sequence[str]) -> bool:
    named = [role for role in roles if role != "-"]
    days = any(parts <= set(named) for parts in TIMES)
    return "up" in named and days and len(set(named)) == len(named)


def _named(header: Sequence[str]) -> tuple[str, ...]:
    """Roles of columns by their names; the first of several of one role counts."""
    words = [re.sub(r"[\[(].*", "", word).strip().strip('"').lower() for word in header]
    roles = [_ROLE.get(word, "-") for word in words]
    # A day by itself is a date; beside year and month it is one of its parts.
    if "day" in roles and not {"year", "month"} <= set(roles):
        roles = ["date" if role == "day" else role for role in roles]
    first = {role: place for place, role in reversed(list(enumerate(roles)))}
    return tuple(r if first[r] == place else "-" for place, r in enumerate(roles))


def _is_row(words: Sequence[str], roles: Sequence[str]) -> bool:
    for word, role in zip(words, roles):
        if role in ("up", "north", "east") and not is_number(word):
            return False
    return True


def _stated(lines: Sequence[str], source: Source) -> str:
    """Units that lines before the data state."""
    head = [line for line in lines[:HEAD] if line.lstrip().startswith(COMMENT)]
    head += [line for _, line in list(data_lines(lines[:HEAD]))[:1]]
    stated = sorted({unit.lower() for unit in _UNIT.findall(" ".join(head))})
    if len({check_units(unit, "units") for unit in stated}) > 1:
        raise ValueError(
            f"{source.path} states {' and '.join(stated)} as its units; describe the "
            "file by columns and units"
        )
    return stated[0] if stated else ""

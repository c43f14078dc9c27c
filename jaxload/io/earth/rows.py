"""Lines of an Earth model: rows of numbers between titles, comments and names."""

import dataclasses
import pathlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jaxload.io.text.lines import read_lines
from jaxload.io.text.words import (
    is_number,
    parse_number,
    shorten,
    width_error,
    with_exponents,
)

__all__ = ["PROFILE_COLUMNS", "EarthRows", "read_earth_rows"]

#: What columns are called, in lower case and without units.
PROFILE_COLUMNS = {
    "radius": {"r", "rad", "radius", "radii"},
    "depth": {"z", "d", "dep", "depth", "depths"},
    "density": {"rho", "ro", "dens", "density"},
    "vp": {"vp", "alpha", "v_p", "p"},
    "vpv": {"vpv"},
    "vph": {"vph"},
    "vs": {"vs", "beta", "v_s", "s"},
    "vsv": {"vsv"},
    "vsh": {"vsh"},
}

#: Fewest columns of a row: where, and three properties.
FEWEST = 4

_COMMENT = re.compile(r"\s*(?:[#%!*]|//|--)")
_UNIT = re.compile(r"[\[({][^\[\](){}]{0,40}[\])}]")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9/_-]*(?:\s+[A-Za-z][A-Za-z/_-]*){0,2}")


@dataclasses.dataclass(frozen=True)
class EarthRows:
    """The rows of an Earth model.

    Attributes:
      path: The file.
      numbers: Number of the line of each row, from 1, shape (row,).
      table: Those rows, shape (row, column); NaN where a word stands for a missing
        number.
      names: Role of each column as a header has it, one of `PROFILE_COLUMNS` or
        empty; empty if no header names place, density and both velocities.
    """

    path: pathlib.Path
    numbers: NDArray[np.int64]
    table: NDArray[np.float64]
    names: tuple[str, ...] = ()


def read_earth_rows(path: pathlib.Path) -> EarthRows:
    """Read the rows of an Earth model, and the header above them.

    Columns are parted by blanks, commas or semicolons; exponents may be Fortran's. Left
    out are titles before the rows, comments, and lines that name a discontinuity, as
    ``mantle``. Numbers above the rows are a header if one of them counts the rows.

    Args:
      path: The file.

    Returns:
      The rows.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If a line does not parse, or a row has another number of columns.
    """
    lines = read_lines(path)
    words = [(number, _words(line)) for number, line in enumerate(lines, 1)]
    data = [(number, row) for number, row in words if row and is_number(row[0])]
    width = _width(path, data)
    first = next(i for i, (_, row) in enumerate(data) if len(row) == width)
    rows = data[first:]
    _check_above(path, data[:first], len(rows), width)
    _check_between(path, lines, rows[0][0])
    for number, row in rows:
        if len(row) != width:
            expected = f"{width}, as line {rows[0][0]} has"
            raise width_error(f"{path} line {number}", len(row), expected)
    table = [_parsed_row(f"{path} line {number}", row) for number, row in rows]
    names = _names(lines[: rows[0][0] - 1], width)
    return EarthRows(path, np.array([n for n, _ in rows]), np.array(table), names)


def _words(line: str) -> list[str]:
    """The words of a line that is no comment, with decimal points."""
    if _COMMENT.match(line):
        return []
    if ";" in line:
        line = line.replace(",", ".").replace(";", " ")
    return with_exponents(line.replace(",", " ")).split()


def _width(path: pathlib.Path, data: Sequence[tuple[int, list[str]]]) -> int:
    """The number of columns that most rows have."""
    widths = [len(row) for _, row in data]
    if not widths:
        raise ValueError(f"{path} holds no data; expected lines of radius, vp, vs, rho")
    width = max(sorted(set(widths), reverse=True), key=widths.count)
    if width < FEWEST:
        expected = f"{FEWEST} or more: radius or depth, vp, vs, rho"
        raise width_error(f"{path} line {data[0][0]}", width, expected)
    return width


def _check_above(
    path: pathlib.Path, above: Sequence[tuple[int, list[str]]], rows: int, width: int
) -> None:
    """Check that numbers above the rows are no row that lacks a column."""
    counts = [word for _, row in above for word in row]
    if above and str(rows) not in counts:
        number, row = above[0]
        expected = f"{width}, as most lines have"
        raise width_error(f"{path} line {number}", len(row), expected)


def _check_between(path: pathlib.Path, lines: Sequence[str], first: int) -> None:
    """Check that lines without a leading number name discontinuities."""
    for number, line in enumerate(lines[first:], first + 1):
        words = _words(line)
        if words and not is_number(words[0]) and not _NAME.fullmatch(" ".join(words)):
            raise ValueError(
                f"{path} line {number} is {shorten(line.strip())}, expected numbers, "
                "or the name of a discontinuity"
            )


def _parsed_row(where: str, row: Sequence[str]) -> list[float]:
    return [parse_number(x, f"column {i}", where) for i, x in enumerate(row, 1)]


def _names(head: Sequence[str], width: int) -> tuple[str, ...]:
    """The roles of columns by the last line of the head that names all it must."""
    for line in reversed(head):
        words = re.split(r"[\s,;|:=]+", _UNIT.sub(" ", line).strip(" \t#%!*/-|,;"))
        words = [word.strip("\"'_").lower() for word in words if word.strip("\"'_")]
        # AxiSEM's line begins with a keyword.
        words = words[1:] if words[:1] == ["columns"] else words
        roles = tuple(_role(word) for word in words)
        if len(roles) == width and _is_complete(roles):
            return roles
    return ()


def _role(word: str) -> str:
    return next((role for role, known in PROFILE_COLUMNS.items() if word in known), "")


def _is_complete(roles: Sequence[str]) -> bool:
    named = [role for role in roles if role]
    place = {"radius", "depth"} & set(named)
    speeds = all({w, f"{w}v", f"{w}h"} & set(named) for w in ("vp", "vs"))
    return bool(place) and speeds and "density" in named and _is_once(named)


def _is_once(names: Sequence[str]) -> bool:
    return len(set(names)) == len(names)

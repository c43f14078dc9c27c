"""Tables of load Love numbers: columns by a header, or by what they are like."""

import itertools
import pathlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jaxload.io.text.lines import read_lines
from jaxload.io.text.table import number_matrix, number_table
from jaxload.io.text.words import begins_with_number, shorten, with_exponents

__all__ = ["read_love_numbers"]

#: The order of columns that tables have as a rule.
USUAL = {"n": 0, "h": 1, "l": 2, "k": 3}

#: Between which numbers of degree 2 are on every Earth, and twice them, in tables of
#: n l and n k.
DEGREE_2 = {"h": ((-1.3, -0.7),), "l": ((0.01, 0.06), (0.02, 0.12))}
DEGREE_2 |= {"k": ((-0.4, -0.2), (-0.8, -0.4))}

_DEGREE = {"n", "deg", "degree"}


def read_love_numbers(path: str | pathlib.Path) -> tuple[NDArray[np.float64], ...]:
    """Read load Love numbers from lines of degree, h, l and k in any order.

    A header that names the columns is believed, ``l h k l`` with the degree first
    included. Without one, the usual order n, h, l, k is taken if h is about -1 at
    degree 2, k about -0.3 and l about 0.02, and else the only other order in which they
    are. Columns are parted by blanks or commas; exponents may be Fortran's
    (``-0.99D+00``). Lines before the first that begins with a number are a header.
    Further columns are left out, and so are lines that are blank or begin with ``#`` or
    ``%``.

    Args:
      path: The file.

    Returns:
      Degree, h, l and k [-], each of shape (row,), in the order of the file's rows, as
      `earth.love_numbers_from_table` takes them; n l and n k where it has no l and k.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If a line does not parse, or the numbers of degree 2 are no load Love
        numbers of the Earth.

    Example:
      >>> degree, h, l, k = io.read_love_numbers("love.txt")
    """
    path = pathlib.Path(path)
    lines = [with_exponents(line.replace(",", " ")) for line in read_lines(path)]
    skip = next((i for i, line in enumerate(lines) if begins_with_number(line)), 0)
    first = lines[skip] if lines else ""
    width = max(len(first.split()), len(USUAL))
    named = _named(lines[:skip], width)
    layout = f": {' '.join(USUAL)}" if width == len(USUAL) else ", as in the header"
    rows = number_table(path, lines, width, layout, skip)
    table = number_matrix(rows, named or USUAL)
    _check_degrees(path, table[:, 0])
    if not named:
        table = _in_order(path, table)
    else:
        _check_load(path, table)
    degree, h, l, k = table.T
    return degree, h, l, k


def _named(head: Sequence[str], width: int) -> dict[str, int]:
    """Positions of degree, h, l and k as the last header line with all of them says."""
    for line in reversed(head):
        words = [_plain(word) for word in line.strip(" \t#%!*").split()]
        if len(words) != width:
            continue
        # Where the degree is called l, it stands first.
        known = [i for i, word in enumerate(words) if word in _DEGREE]
        start = known[0] if known else 0 if words[0] == "l" else width
        others = ["" if i == start else word for i, word in enumerate(words)]
        places = {"n": start}
        for name in ("h", "l", "k"):
            # Where a table has n l beside l, l is meant.
            for word in (name, f"n{name}"):
                if word in others:
                    places.setdefault(name, others.index(word))
        if len(places) == len(USUAL) and start < width:
            return {name: places[name] for name in USUAL}
    return {}


def _plain(word: str) -> str:
    """A name without primes, indices and brackets: h_n', h'(n) and hload are h."""
    word = re.sub(r"\(n\)|\[[^\[\]]{0,40}\]|['’`\"_*^.:]", "", word.lower())
    return re.sub(r"^(n?[hlk])(?:n|load)$", r"\1", word)


def _check_degrees(path: pathlib.Path, degree: NDArray[np.float64]) -> None:
    whole = (degree >= 0) & (degree == np.floor(degree))
    if not whole.all():
        raise ValueError(
            f"{path} has {degree[~whole][0]:g} where a table of Love numbers has a "
            "degree; expected lines of n h l k, or a header that names these columns"
        )


def _in_order(path: pathlib.Path, table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns without names as degree, h, l, k."""
    row = _degree_2(table)
    if row is None or _is_load(row):
        return table
    orders = [
        order
        for order in itertools.permutations((1, 2, 3))
        if _is_load(row[[0, *order]])
    ]
    if len(orders) != 1:
        _refuse(path, row)
    return table[:, [0, *orders[0]]]


def _check_load(path: pathlib.Path, table: NDArray[np.float64]) -> None:
    row = _degree_2(table)
    if row is not None and not _is_load(row):
        _refuse(path, row)


def _degree_2(table: NDArray[np.float64]) -> NDArray[np.float64] | None:
    rows = table[table[:, 0] == 2]
    return rows[0] if len(rows) == 1 and np.all(np.isfinite(rows)) else None


def _is_load(row: NDArray[np.float64]) -> bool:
    """Whether degree, h, l and k of degree 2 are those of an Earth under a load."""
    numbers = dict(zip(USUAL, row))
    return all(
        any(low <= numbers[name] <= high for low, high in ranges)
        for name, ranges in DEGREE_2.items()
    )


def _refuse(path: pathlib.Path, row: NDArray[np.float64]) -> None:
    shown = shorten(" ".join(f"{number:g}" for number in row[1:]))
    raise ValueError(
        f"{path} has {shown} at degree 2, expected load Love numbers of the Earth, h "
        "of about -1, l of 0.02 and k of -0.3; write a first line that names the "
        "columns, as 'n h l k', if they are"
    )

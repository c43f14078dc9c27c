"""Earth models and Love numbers from text files, in SI units."""

import pathlib
import re

import numpy as np
from numpy.typing import NDArray

from jaxload.io.text import data_lines, parse_numbers, read_lines

__all__ = ["read_earth_profile", "read_love_numbers"]

_COLUMNS = {"r": 0, "vp": 1, "vs": 2, "rho": 3}
_LOVE_COLUMNS = {"n": 0, "h": 1, "l": 2, "k": 3}
_FORTRAN = re.compile(r"(\d\.?)[dD]([+-]?\d)")


def read_earth_profile(
    path: str | pathlib.Path,
) -> tuple[NDArray[np.float64], ...]:
    """Read an Earth model from lines of ``r vp vs rho``, in km, km/s and g/cm3.

    Further columns, such as quality factors, are left out, and so are lines that are
    blank or begin with ``#`` or ``%``. Lines may run upward or downward; a radius that
    stands on two lines is a discontinuity.

    Args:
      path: The file.

    Returns:
      Radius [m], vp [m/s], vs [m/s] and density [kg/m3], each of shape (row,), in the
      order of the file, as `earth.earth_model` takes them.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If a line does not parse or the units are others.

    Example:
      >>> model = earth.earth_model(*io.read_earth_profile("prem.txt"), name="mine")
    """
    path = pathlib.Path(path)
    lines = read_lines(path)
    first = next((line for _, line in data_lines(lines)), "")
    width = max(len(first.split()), len(_COLUMNS))
    table = parse_numbers(path, lines, _COLUMNS, width)
    _check_units(path, table)
    radius, vp, vs, density = 1e3 * table.T
    return radius, vp, vs, density


def read_love_numbers(
    path: str | pathlib.Path,
) -> tuple[NDArray[np.float64], ...]:
    """Read Love numbers from lines of ``n h l k``, parted by blanks or commas.

    Exponents may be Fortran's (``-0.99D+00``). Lines before the first that begins with
    a number are a header. Further columns are left out, and so are lines that are blank
    or begin with ``#`` or ``%``.

    Args:
      path: The file.

    Returns:
      Degree, h, l and k [-], each of shape (row,), in the order of the file, as
      `earth.love_numbers_from_table` takes them.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If a line does not parse.

    Example:
      >>> degree, h, l, k = io.read_love_numbers("love.txt")
    """
    path = pathlib.Path(path)
    lines = [_modern(line) for line in read_lines(path)]
    skip = next((i for i, line in enumerate(lines) if _begins_with_number(line)), 0)
    first = lines[skip] if lines else ""
    width = max(len(first.split()), len(_LOVE_COLUMNS))
    degree, h, l, k = parse_numbers(path, lines, _LOVE_COLUMNS, width, skip).T
    return degree, h, l, k


def _modern(line: str) -> str:
    """Write exponents with E and part columns by blanks."""
    return _FORTRAN.sub(r"\1E\2", line.replace(",", " "))


def _begins_with_number(line: str) -> bool:
    try:
        float(line.split()[0])
    except (IndexError, ValueError):
        return False
    return True


def _check_units(path: pathlib.Path, table: NDArray[np.float64]) -> None:
    # No planet is this large, and no rock this fast or dense.
    for name, column, limit, unit in zip(
        _COLUMNS, table.T, (1e5, 100, 100, 100), ("km", "km/s", "km/s", "g/cm3")
    ):
        largest = np.max(np.abs(np.nan_to_num(column)))
        if largest > limit:
            raise ValueError(
                f"{path}: {name} reaches {largest:g}, expected {unit}; "
                "divide the columns by 1000 if they are in SI units"
            )

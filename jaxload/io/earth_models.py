"""Earth models from text files: radius, velocities and density, in SI units."""

import pathlib

import numpy as np
from numpy.typing import NDArray

from jaxload.io.text import data_lines, parse_numbers, read_lines

__all__ = ["read_earth_profile"]

_COLUMNS = {"r": 0, "vp": 1, "vs": 2, "rho": 3}


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

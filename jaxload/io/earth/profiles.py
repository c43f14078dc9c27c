"""Earth models and Love numbers from text files, in SI units."""

import pathlib

import numpy as np
from numpy.typing import NDArray

from jaxload.io.earth.columns import EarthProfile, profile_of
from jaxload.io.earth.love_tables import read_love_columns
from jaxload.io.earth.rows import read_earth_rows

__all__ = ["EarthProfile", "read_earth_profile", "read_love_numbers"]


def read_earth_profile(path: str | pathlib.Path) -> EarthProfile:
    """Read an Earth model from text.

    Read are rows of radius or depth, velocities and density in any order and in SI
    units or km and g/cm3: models of TauP (.nd, .tvel), AxiSEM (.bm), MINEOS, LoadDef
    and their like. Columns are those that a header names; without one, those with which
    the model has the mass and the moment of inertia of the Earth. Further columns, such
    as quality factors, are left out, and so are titles, comments and names of
    discontinuities. Rows may run upward or downward; a radius that stands on two lines
    is a discontinuity.

    Args:
      path: The file.

    Returns:
      Radius [m], vp [m/s], vs [m/s] and density [kg/m3], each of shape (row,), in the
      order of the file, as `earth.earth_model` takes them.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If a line does not parse, or the columns do not make the Earth.

    Example:
      >>> model = earth.earth_model(*io.read_earth_profile("prem.txt"), name="mine")
    """
    return profile_of(read_earth_rows(pathlib.Path(path)))


def read_love_numbers(
    path: str | pathlib.Path,
) -> tuple[NDArray[np.float64], ...]:
    """Read load Love numbers from lines of degree, h, l and k in any order.

    Columns are those that a header names, ``l h k l`` with the degree first included;
    without one they are n, h, l, k, unless degree 2 shows another order. They are
    parted by blanks or commas; exponents may be Fortran's (``-0.99D+00``). Lines before
    the first that begins with a number are a header. Further columns are left out, and
    so are lines that are blank or begin with ``#`` or ``%``.

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
    return read_love_columns(pathlib.Path(path))

"""Load Love numbers from a user's own table, complete or sparse."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from jaxload._check import require_float64
from jaxload.earth.love.from_model import LoveNumbers, check_frame

__all__ = ["is_times_degree", "love_numbers_from_table", "table_frame"]

# How far printed numbers of degree 1 may be from what their frame demands.
_ROUNDING = 5e-3

# k' of degree 2 on an Earth is -0.305; below the first it is none, below the second it
# is n k'.
_LARGEST, _TIMES = -0.2, -0.42


def love_numbers_from_table(
    columns: Sequence[ArrayLike],
    frame: str,
    radius: float,
    gravity: float,
    times_degree: bool = False,
    source: str = "user",
) -> LoveNumbers:
    """Make Love numbers from columns of degree, h', l' and k'.

    Degrees that a sparse table leaves out are interpolated, h', n l' and n k' by a
    cubic spline in ln n from degree 2 on. For PREM and the 29 degrees 2 to 10, 12, 15,
    20, 30, ..., 10,000 that textbooks print, the error is 5e-4 in h' and 2e-3 in l'.
    Beyond the last degree of the table nothing is made up. Where degree 0 is missing,
    as in tables for loads that keep their mass, its numbers are 0.

    Args:
      columns: Degree, h', l' and k' [-], each of shape (row,), as
        `io.read_love_numbers` returns them, in any order of rows.
      frame: Reference frame of the table's degree 1, one of `FRAMES`.
      radius: Radius of the Earth that the numbers are of [m].
      gravity: Gravity on its surface [m/s2].
      times_degree: Whether the columns hold n l' and n k' in place of l' and k'.
      source: Whence the numbers are.

    Returns:
      The Love numbers, every degree from 0 to the last of the table, in `frame`.

    Raises:
      ValueError: If degree 1 or 2 is missing, degrees repeat or are no whole numbers, a
        number is not finite, degree 1 is not in the frame named, k' of degree 2 shows
        that columns are multiplied by the degree against what `times_degree` says,
        radius or gravity are not positive, or JAX computes in single precision.

    Example:
      >>> columns = io.read_love_numbers("my_earth.txt")
      >>> love = love_numbers_from_table(columns, "CE", 6.371e6, 9.82)
    """
    require_float64("Love numbers")
    check_frame(frame)
    degree, *numbers = _sorted(columns)
    _check_size("radius", radius)
    _check_size("gravity", gravity)
    _check_factor(float(numbers[2][degree == 2][0]), times_degree)
    factor = np.ones_like(degree) if times_degree else degree
    h, l, k = (x * f for x, f in zip(numbers, (1, factor, factor)))
    _check_first(frame, *(float(x[degree == 1][0]) for x in (h, l, k)))
    every = np.arange(degree[-1] + 1)
    h, l, k = (_complete(degree, x, every) for x in (h, l, k))
    scale = np.maximum(every, 1)
    h, l, k, surface, pull = (
        jnp.asarray(x, dtype=float) for x in (h, l / scale, k / scale, radius, gravity)
    )
    return LoveNumbers(h, l, k, surface, pull, frame, source)


def table_frame(columns: Sequence[ArrayLike]) -> str:
    """Find the reference frame of a table by its degree 1.

    Args:
      columns: Degree, h', l' and k' [-], each of shape (row,).

    Returns:
      The one of `FRAMES` whose demands on degree 1 it meets.

    Raises:
      ValueError: If degree 1 is missing, or in no such frame.

    Source:
      Blewitt (2003), table 1, doi:10.1029/2002JB002082.
    """
    degree, *numbers = _sorted(columns)
    first = [float(x[degree == 1][0]) for x in numbers]
    met = [name for name, miss in _misses(*first).items() if miss <= _ROUNDING]
    if len(met) != 1:
        raise ValueError(
            f"degree 1 is h = {first[0]:g}, l = {first[1]:g}, k = {first[2]:g}, in "
            f"none of the frames {', '.join(_DEMANDS)}; mend it, or take another table"
        )
    return met[0]


def is_times_degree(columns: Sequence[ArrayLike]) -> bool:
    """Check whether columns hold n l' and n k', by k' of degree 2.

    Args:
      columns: Degree, h', l' and k' [-], each of shape (row,).
    """
    degree, _, _, k = _sorted(columns)
    return float(k[degree == 2][0]) < _TIMES


def _check_factor(k: float, times_degree: bool) -> None:
    """Check k' of degree 2 where it is that of an Earth, or twice that."""
    if not 2 * _TIMES < k < _LARGEST or times_degree == (k < _TIMES):
        return
    held, wanted = ("n k'", "True") if k < _TIMES else ("k'", "False")
    raise ValueError(
        f"k of degree 2 is {k:g}, which is {held} of the Earth; give "
        f"times_degree={wanted}"
    )


def _sorted(columns: Sequence[ArrayLike]) -> list[NDArray[np.float64]]:
    """Return the columns by rising degree, checked."""
    table = [np.asarray(column, dtype=float) for column in columns]
    if len(table) != 4 or any(x.ndim != 1 or x.shape != table[0].shape for x in table):
        raise ValueError(
            f"columns came with shapes {[x.shape for x in table]}, expected degree, h, "
            "l and k of one length (row,)"
        )
    for name, column in zip(("degree", "h", "l", "k"), table):
        if not np.all(np.isfinite(column)):
            row = int(np.flatnonzero(~np.isfinite(column))[0])
            raise ValueError(
                f"{name} is {column[row]} in row {row}; give a number or leave the "
                "row out"
            )
    order = np.argsort(table[0], kind="stable")
    _check_degrees(table[0][order])
    return [column[order] for column in table]


def _check_degrees(degree: NDArray[np.float64]) -> None:
    if not np.all((degree >= 0) & (degree == np.floor(degree))):
        wrong = degree[(degree < 0) | (degree != np.floor(degree))][0]
        raise ValueError(f"degree {wrong:g} is in the table, expected whole numbers")
    if np.any(np.diff(degree) == 0):
        twice = degree[1:][np.diff(degree) == 0][0]
        raise ValueError(f"degree {twice:g} is in the table twice; leave one row out")
    for needed, why in ((1, "it holds the frame"), (2, "it follows from no other")):
        if needed not in degree:
            raise ValueError(f"degree {needed} is not in the table; give it, for {why}")


#: What degree 1 is in each frame.
_DEMANDS = {"CE": ("k", 0), "CM": ("k", -1), "CF": ("h + 2 l", 0)}


def _misses(h: float, l: float, k: float) -> dict[str, float]:
    """How far degree 1 is from what each frame demands."""
    values = {"k": k, "h + 2 l": h + 2 * l}
    return {name: abs(values[what] - x) for name, (what, x) in _DEMANDS.items()}


def _check_first(frame: str, h: float, l: float, k: float) -> None:
    """Check that degree 1 is in the frame that is said to be its own."""
    what, expected = _DEMANDS[frame]
    if _misses(h, l, k)[frame] > _ROUNDING:
        value = {"k": k, "h + 2 l": h + 2 * l}[what]
        raise ValueError(
            f"{what} of degree 1 is {value:g}, but {expected} in the frame {frame!r}; "
            "name the frame the table is in, or mend its degree 1"
        )


def _check_size(name: str, value: float) -> None:
    if not 0 < value < np.inf:
        raise ValueError(f"{name} is {value}, expected a positive number in SI units")


def _complete(
    degree: NDArray[np.float64],
    numbers: NDArray[np.float64],
    every: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Fill in the degrees that a table leaves out; those it has stay as they are."""
    smooth = degree >= 2
    full = np.zeros_like(every)
    if smooth.sum() > 1:
        knots = np.log(degree[smooth])
        spline = CubicSpline(knots, numbers[smooth], bc_type="natural")
        full[2:] = spline(np.log(every[2:]))
    full[degree.astype(int)] = numbers
    return full

"""Numbers that stand for missing values although no header declares them."""

import logging
import re

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["IMPOSSIBLE", "find_fillers", "without_fillers"]

logger = logging.getLogger(__name__)

#: No displacement, water table, pressure or water storage is as large in any unit.
IMPOSSIBLE = 1e10

#: Ends of the ranges of integers, and the number below the one of 16 bits.
LIMITS = {32766.0, 32767.0, 32768.0, 65535.0, 2147483647.0, 2147483648.0}

#: Digits of a number that nobody measured: 999, 99.99, -9999.9, 8888.
INVENTED = re.compile(r"9{3,}|8{4,}|7{4,}")

#: All numbers of up to seven such digits, with a point anywhere after the first.
LIKE_INVENTED = np.array(
    sorted(
        float(digit * count) / 10**places
        for digit, fewest in (("9", 3), ("8", 4), ("7", 4))
        for count in range(fewest, 8)
        for places in range(count)
    )
)

#: A number of another kind is a filler if it stands this often, ...
REPEATS = 3

#: beside this many others, ...
COMPANY = 10

#: and is farther from all of them than this many of their ranges.
APART = 20.0


def find_fillers(values: ArrayLike, group: ArrayLike | None = None) -> list[float]:
    """Find the numbers that stand for missing values.

    A filler lies alone outside the range of all other values, and either looks like one
    (999, -9999.9, 1e20, 32767) or is repeated exactly. A number that looks like a
    filler among others of its size is a value.

    Not for: values that are constant but for a step, or that are mostly zero.

    Args:
      values: Values in the unit of their file, any shape; NaN if missing.
      group: Which series each value belongs to, of the shape of `values`, where series
        of different levels stand together; a filler of one is a filler of all.

    Returns:
      The fillers, ascending.

    Example:
      >>> find_fillers([12.3, -999.0, 12.5])
      [-999.0]
    """
    flat = np.asarray(values, dtype=np.float64).ravel()
    seen = ~np.isnan(flat)
    fillers = set(_of_series(flat[seen]))
    if group is not None:
        members = np.asarray(group).ravel()[seen]
        _, index = np.unique(members, return_inverse=True)
        order = np.argsort(index, kind="stable")
        cuts = np.flatnonzero(np.diff(index[order])) + 1
        for part in np.split(flat[seen][order], cuts):
            fillers.update(_of_series(part, may_be_all=False))
    return sorted(map(float, fillers))


def without_fillers(
    values: ArrayLike, source: str, group: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Replace the numbers that stand for missing values by NaN, with a warning.

    Args:
      values: Values in the unit of their file, any shape.
      source: The file and what is in the column, for the warning.
      group: As of `find_fillers`.

    Returns:
      The values in float64, NaN in place of each filler.

    Example:
      >>> depth = without_fillers(depth, "wells.csv, depth")
    """
    result = np.array(values, dtype=np.float64)
    for filler in find_fillers(result, group):
        places = result == filler
        logger.warning(
            "%s: %.10g stands %d times for a missing value, which the file does not "
            "declare; it is left out",
            source,
            filler,
            int(places.sum()),
        )
        result[places] = np.nan
    return result


def _of_series(values: NDArray[np.float64], may_be_all: bool = True) -> list[float]:
    """Fillers of one series; `may_be_all` says if nothing but fillers may be there."""
    distinct, count = np.unique(values, return_counts=True)
    looks = _look_like_fillers(distinct)
    rest = distinct[~looks]
    if not len(rest):
        return distinct[looks].tolist() if may_be_all and len(distinct) == 1 else []
    apart = [x for x in distinct[looks] if _is_apart(float(x), rest)]
    return apart + _repeated(rest, count[~looks])


def _look_like_fillers(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which numbers look like fillers; only those near one are written out."""
    size = np.abs(values)
    looks = (size >= IMPOSSIBLE) | np.isin(size, list(LIMITS))
    after = np.searchsorted(LIKE_INVENTED, size).clip(1, len(LIKE_INVENTED) - 1)
    near = np.zeros(len(size), bool)
    for known in (LIKE_INVENTED[after - 1], LIKE_INVENTED[after]):
        near |= np.abs(size - known) < 1e-6 * known
    for index in np.flatnonzero(near & ~looks):
        looks[index] = _looks_like_filler(float(values[index]))
    return looks


def _looks_like_filler(value: float) -> bool:
    size = abs(float(value))
    if size >= IMPOSSIBLE or size in LIMITS:
        return True
    # Seven digits are what single precision holds.
    digits = f"{size:.7g}"
    return "e" not in digits and bool(INVENTED.fullmatch(digits.replace(".", "")))


def _is_apart(value: float, rest: NDArray[np.float64]) -> bool:
    """Whether a number that looks like a filler lies alone, the rest being sorted."""
    low, high = float(rest[0]), float(rest[-1])
    gap, width = max(low - value, value - high), high - low
    if abs(value) >= IMPOSSIBLE:
        return gap > 0
    far = gap > max(abs(low), abs(high)) / 2
    narrow = len(rest) >= REPEATS and gap > APART * width
    return gap > width and (far or narrow)


def _repeated(distinct: NDArray[np.float64], count: NDArray[np.intp]) -> list[float]:
    """The lowest or highest number, if it is repeated and far from all others."""
    repeated = []
    for end, others in ((0, slice(1, None)), (-1, slice(None, -1))):
        rest = distinct[others]
        if count[end] < REPEATS or len(rest) < COMPANY:
            continue
        gap = min(abs(rest[0] - distinct[end]), abs(rest[-1] - distinct[end]))
        if gap > APART * (rest[-1] - rest[0]):
            repeated.append(float(distinct[end]))
    return repeated

"""Envelopes of oscillating series: cubic splines through maxima and through minima.

Everything here is NumPy, and series are rows beside each other: the knots of all of
them are one array, since a call costs more than the arithmetic of one series.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

__all__ = ["Knots", "Turns", "find_turns", "mean_envelope"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Turning points mirrored at each end, two maxima and two minima.
MIRRORED = 4

#: Records by which the epochs of neighbouring envelopes are apart, so that what is
#: mirrored at the end of one stays away from the next.
APART = 3


@dataclasses.dataclass(frozen=True)
class Turns:
    """Turning points of series, one series after the other.

    Attributes:
      at: Position in the flattened series, shape (turn,).
      top: Whether it is a maximum, same shape.
      start: Where those of each series begin, and their end, shape (series + 1,).
    """

    at: Integers
    top: NDArray[np.bool_]
    start: Integers


@dataclasses.dataclass(frozen=True)
class Knots:
    """Through what envelopes go, one envelope after the other.

    Attributes:
      at: Epoch, `APART` records further for each envelope, rising, shape (knot,).
      value: Of the series there, same shape.
      start: Where those of each envelope begin, and their end, shape (envelope + 1,).
    """

    at: Floats
    value: Floats
    start: Integers


def find_turns(values: Floats) -> Turns:
    """Find maxima and minima, of a flat one the last epoch; ends are none.

    Args:
      values: Complete series, shape (series, epoch).

    Returns:
      The turning points; maxima and minima alternate.
    """
    rising = np.zeros(values.shape, bool)
    np.greater(values[:, 1:], values[:, :-1], out=rising[:, :-1])
    flat = values[:, 1:] == values[:, :-1]
    if flat.any():
        rising[:, :-1] = _across_flats(rising[:, :-1], flat)
    turning = np.zeros(values.shape, bool)
    np.not_equal(rising[:, 1:-1], rising[:, :-2], out=turning[:, 1:-1])
    at = np.flatnonzero(turning)
    start = np.searchsorted(at, np.arange(len(values) + 1) * values.shape[1])
    return Turns(at, rising.ravel()[at - 1], start)


def _across_flats(rising: NDArray, flat: NDArray) -> NDArray:
    """Directions that go on through flat pieces, from behind one at the start."""
    last = np.maximum.accumulate(np.where(flat, 0, np.arange(flat.shape[1])), axis=1)
    first = np.argmin(flat, axis=1)[:, None]
    return np.take_along_axis(rising, np.maximum(last, first), axis=1)


def mean_envelope(values: Floats) -> Floats:
    """Mean of the natural cubic splines through the maxima and through the minima.

    At either end a series is mirrored about its outermost turning point. It is mirrored
    about the end itself where the turning points do not reach as far, and where the end
    lies beyond the nearest turning point of the other kind; then it counts as one.

    Args:
      values: Complete series, shape (series, epoch).

    Returns:
      The mean, zero for a series without a maximum or a minimum, same shape.

    Source:
      Rilling, Flandrin and Goncalves (2003), On empirical mode decomposition and its
      algorithms, IEEE-EURASIP Workshop on Nonlinear Signal and Image Processing.
    """
    turns = find_turns(values)
    curved = np.diff(turns.start) > 1
    if curved.all():
        # Splines are linear in the values: those of their halves add up to the mean.
        halves = _splines(_knots(values / 2, turns), values.shape[1])
        halves[: len(values)] += halves[len(values) :]
        return halves[: len(values)]
    mean = np.zeros_like(values)
    if curved.any():
        mean[curved] = mean_envelope(values[curved])
    return mean


def _knots(values: Floats, turns: Turns) -> Knots:
    """Those of the upper envelopes of all series, then those of the lower ones."""
    series, epochs = values.shape
    shift = np.repeat(np.arange(series), np.diff(turns.start)) * (APART - 1) * epochs
    head, tail = _mirrored(values, turns, 1), _mirrored(values, turns, -1)
    at = np.concatenate([head[0], turns.at + shift, tail[0]])
    value = np.concatenate([head[1], values.ravel()[turns.at], tail[1]])
    top = np.concatenate([head[2], turns.top, tail[2]])
    kinds = np.concatenate([np.flatnonzero(top), np.flatnonzero(~top)])
    at = (at + np.where(top, 0, APART * series * epochs))[kinds]
    # What is sorted consists of six runs that are, for which this is fast.
    order = np.argsort(at, kind="stable")
    at = at[order].astype(np.float64)
    between = (APART * np.arange(2 * series + 1) - 1) * epochs
    return Knots(at, value[kinds[order]], np.searchsorted(at, between))


def _mirrored(
    values: Floats, turns: Turns, side: int
) -> tuple[Integers, Floats, NDArray[np.bool_]]:
    """Positions, values and kinds of knots beyond the starts (1) or the ends (-1)."""
    end, near, exists = _outermost(values.shape, turns, side)
    far = side * (turns.at[near] - end)
    value, top = values.ravel()[turns.at[near]], turns.top[near]
    edge = values.ravel()[end]
    beyond = np.where(top[:, 1:2], edge > value[:, 1:2], edge < value[:, 1:2])
    about_end = beyond | ~_reaches(far, exists)
    axis = np.where(about_end, 0, far[:, :1])
    rank = np.arange(MIRRORED + 1)
    used = exists & np.where(about_end, rank < MIRRORED - beyond, rank > 0)
    end = end + (APART - 1) * values.shape[1] * np.arange(len(values))[:, None]
    # After them the end itself, a turning point where it lies beyond the second one.
    used = np.append(used, beyond, axis=1)
    at = np.append(end + side * (2 * axis - far), end, axis=1)[used]
    value, top = np.append(value, edge, axis=1), np.append(top, top[:, 1:2], axis=1)
    return at, value[used], top[used]


def _outermost(
    shape: tuple[int, ...], turns: Turns, side: int
) -> tuple[Integers, Integers, NDArray[np.bool_]]:
    """Position of each end; which turns are next to it, nearest first, and exist."""
    series, epochs = shape
    count = np.diff(turns.start)[:, None]
    rank = np.arange(MIRRORED + 1)
    end = (epochs * np.arange(series) + (0 if side == 1 else epochs - 1))[:, None]
    first = (turns.start[:-1] if side == 1 else turns.start[1:] - 1)[:, None]
    return end, first + side * np.minimum(rank, count - 1), rank < count


def _reaches(far: Integers, exists: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether both kinds, mirrored about the outermost turn, reach the end or beyond.

    They do if the second farthest does, since the kinds alternate.
    """
    second = exists.sum(axis=1, keepdims=True) - 2
    return np.take_along_axis(far, second, axis=1) >= 2 * far[:, :1]


def _splines(knots: Knots, epochs: int) -> Floats:
    """Natural cubic splines at all epochs, shape (envelope, epoch)."""
    last = knots.start[1:] - 1
    step = np.diff(knots.at, append=0)
    step[last] = 1
    slope = np.diff(knots.value, append=0) / step
    bend = _bends(knots, step, slope)
    change = np.diff(bend, append=0)
    length = _lengths(knots, epochs)
    # What is the same between two knots is spread over the epochs between them.
    spread = lambda values: np.repeat(values, length)
    origin = APART * epochs * np.arange(len(last), dtype=np.float64)
    since = (origin[:, None] + np.arange(epochs, dtype=np.float64)).ravel()
    since -= spread(knots.at)
    spline = spread(change / (6 * step))
    for term in (bend / 2, slope - step * (3 * bend + change) / 6, knots.value):
        spline *= since
        spline += spread(term)
    return spline.reshape(len(last), epochs)


def _lengths(knots: Knots, epochs: int) -> Integers:
    """Epochs of the record from each knot to the next, none from the last."""
    origin = APART * epochs * np.arange(len(knots.start) - 1)
    inside = knots.at - np.repeat(origin, np.diff(knots.start))
    inside = np.clip(inside, 0, epochs).astype(np.intp)
    last = knots.start[1:] - 1
    inside[last] = epochs
    length = np.diff(inside, append=0)
    length[last] = 0
    return length


def _bends(knots: Knots, step: Floats, slope: Floats) -> Floats:
    """Second derivatives at the knots, zero at the first and last of an envelope."""
    first, last = knots.start[:-1], knots.start[1:] - 1
    banded = np.zeros((2, len(step)))
    above, diagonal = banded
    above[1:] = step[:-1]
    diagonal[1:] = 2 * (step[:-1] + step[1:])
    right = 6 * np.diff(slope, prepend=0)
    for end in (first, last):
        diagonal[end], right[end], above[end] = 1, 0, 0
    above[first + 1] = 0
    return solveh_banded(banded, right, overwrite_ab=True, check_finite=False)

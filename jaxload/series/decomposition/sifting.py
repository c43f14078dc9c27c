"""Sifting: series as oscillations from fast to slow, many series side by side."""

import numpy as np
from numpy.typing import NDArray

from jaxload.series.decomposition.envelopes import find_turns, mean_envelope

__all__ = ["fastest", "rounding", "sifted"]

Floats = NDArray[np.float64]

#: Turning points of a series that is still an oscillation.
OSCILLATES = 3

#: Range of a series, relative to what it is left of, that is rounding errors.
FAINT = 1e-10


def sifted(values: Floats, count: int, siftings: int) -> Floats:
    """Take series apart into oscillations, each slower than the one before.

    Args:
      values: Complete series, shape (series, epoch).
      count: Number of components.
      siftings: How often the mean of the envelopes is taken out of each component.

    Returns:
      Components whose sum is the series, shape (count, series, epoch). The last is
      what is left; between it and the slowest oscillation they are zero.
    """
    components = np.zeros((count, *values.shape))
    rest = values.copy()
    faint = rounding(values)
    for component in components[:-1]:
        component[:] = fastest(rest, siftings, faint)
        rest -= component
    components[-1] = rest
    return components


def rounding(values: Floats) -> Floats:
    """Range up to which what is left of a series is nothing but rounding errors.

    Args:
      values: Complete series, shape (series, epoch).

    Returns:
      The range in the unit of the series, shape (series,).
    """
    return FAINT * np.ptp(values, axis=1)


def fastest(values: Floats, siftings: int, faint: Floats) -> Floats:
    """Find the fastest oscillation of every series.

    Args:
      values: Complete series, shape (series, epoch).
      siftings: How often the mean of the envelopes is taken out.
      faint: Range up to which a series is nothing but rounding errors, shape (series,).

    Returns:
      The oscillation, zero where a series has none, shape (series, epoch).
    """
    component = np.zeros_like(values)
    turns = np.diff(find_turns(values).start)
    some = (turns >= OSCILLATES) & (np.ptp(values, axis=1) > faint)
    if some.any():
        one = values[some]
        for _ in range(siftings):
            one -= mean_envelope(one)
        component[some] = one
    return component

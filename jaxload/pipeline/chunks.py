"""Records of water reduced without their maps, or some epochs at a time."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from jaxload import series
from jaxload.inversion.estimation.representers import (
    RepresenterSolution,
    functionals_of,
    sums_over_epochs,
)

__all__ = [
    "EPOCHS_PER_CHUNK",
    "annual_amplitudes",
    "blocks",
    "means_over",
    "regrouped",
]

Floats = NDArray[np.float64]

#: Epochs that are worked on at a time.
EPOCHS_PER_CHUNK = 256


def blocks(count: int, size: int = EPOCHS_PER_CHUNK) -> list[slice]:
    """Divide a range of indices into slices.

    Args:
      count: Length of the range.
      size: Length of a slice; the last may be shorter.

    Returns:
      The parts, in order.
    """
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]


def regrouped(
    parts: Iterable[tuple[slice, NDArray]], size: int
) -> Iterator[tuple[slice, NDArray]]:
    """Put consecutive parts of a record together to parts of another length.

    Args:
      parts: Epochs, and what belongs to them, shape (epoch, ...); from the first epoch
        to the last.
      size: Epochs of the new parts; the last may be shorter.

    Yields:
      Epochs, and what belongs to them.
    """
    first, held = 0, []
    for _, part in parts:
        while len(part):
            room = size - sum(map(len, held))
            held.append(part[:room])
            part = part[room:]
            if sum(map(len, held)) == size:
                yield slice(first, first + size), np.concatenate(held)
                first, held = first + size, []
    if held:
        last = np.concatenate(held)
        yield slice(first, first + len(last)), last


def means_over(weights: Floats, solution: RepresenterSolution) -> Floats:
    """Average water over regions.

    Args:
      weights: Share of each cell in each region [-], shape (region, cell).
      solution: The water.

    Returns:
      The means [mm], shape (epoch, region); NaN where an epoch was not solved, or a
      region has no cell.
    """
    total = np.asarray(weights).sum(axis=1)
    sums = functionals_of(solution, weights)
    return np.where(total > 0, sums / np.where(total > 0, total, 1), np.nan)


def annual_amplitudes(
    solution: RepresenterSolution, time: NDArray[np.datetime64]
) -> Floats:
    """Compute the annual amplitude of the water of every cell.

    The amplitude is that of `series.annual_amplitude`. The regression is linear in the
    water, so that it is done on the coefficients.

    Args:
      solution: The water.
      time: Epochs, shape (epoch,).

    Returns:
      The amplitudes [mm], shape (cell,).
    """
    known = [np.isfinite(np.asarray(x.coefficients)).all(1) for x in solution.terms]
    basis = series.seasonal_basis(time) * np.all(known, axis=0)[:, None]
    annual = np.linalg.pinv(basis)[2:4]
    return np.hypot(*sums_over_epochs(solution, annual))

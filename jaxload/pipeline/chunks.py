"""Whole records of water reduced in parts, so that memory holds few of them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxload import series, sphere

__all__ = ["EPOCHS_PER_CHUNK", "annual_amplitudes", "blocks", "means_over"]

Floats = NDArray[np.float64]

#: Epochs, and cells, that are worked on at a time.
EPOCHS_PER_CHUNK, CELLS = 256, 1024


def blocks(count: int, size: int = EPOCHS_PER_CHUNK) -> list[slice]:
    """Divide a range of indices into slices.

    Args:
      count: Length of the range.
      size: Length of a slice; the last may be shorter.

    Returns:
      The parts, in order.
    """
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]


def means_over(weights: Floats, load: ArrayLike) -> Floats:
    """Average water over regions.

    Args:
      weights: Share of each cell in each region [-], shape (region, cell).
      load: Water [mm], shape (epoch, cell).

    Returns:
      The means [mm], shape (epoch, region).
    """
    values = np.asarray(load)
    parts = [sphere.area_mean(weights, values[some]) for some in blocks(len(values))]
    return np.concatenate([np.asarray(part) for part in parts])


def annual_amplitudes(load: ArrayLike, time: NDArray[np.datetime64]) -> Floats:
    """Annual amplitude of the water of every cell.

    Args:
      load: Water [mm], shape (epoch, cell).
      time: Epochs, shape (epoch,).

    Returns:
      The amplitudes [mm], shape (cell,).
    """
    values = np.asarray(load)
    parts = [
        series.annual_amplitude(values[:, some], time)
        for some in blocks(values.shape[1], CELLS)
    ]
    return np.concatenate([np.asarray(part) for part in parts])

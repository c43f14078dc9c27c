"""Numbers in two bytes each, as the page of a report reads them."""

import base64
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["BYTES_A_NUMBER", "pack_numbers", "thinning_step", "unpack_numbers"]

#: What stands for a missing number, and the largest count of steps.
MISSING, LARGEST = -32768, 32767

#: Bytes that a number takes in the page: two, as base64.
BYTES_A_NUMBER = 8 / 3


def pack_numbers(values: ArrayLike) -> dict[str, Any]:
    """Pack numbers as multiples of a step, which is 1, 2 or 5 times a power of ten.

    Numbers are kept to half a step, which is 1/13,000 of the largest one at most.

    Args:
      values: Of any shape; NaN for nothing.

    Returns:
      The step, and the numbers as base64 of 16-bit integers, little end first.
    """
    array = np.asarray(values, np.float64)
    finite = np.isfinite(array)
    step = _round_step(float(np.abs(array[finite]).max(initial=0.0)) / LARGEST)
    counts = np.full(array.shape, MISSING, "<i2")
    counts[finite] = np.rint(array[finite] / step)
    return {"step": step, "data": base64.b64encode(counts.tobytes()).decode()}


def _round_step(least: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is large enough."""
    if not least > 0:
        return 1.0
    power = math.floor(math.log10(least))
    # 10.0**-4 is not the number that "1e-4" reads as.
    steps = (float(f"{digit}e{power}") for digit in (1, 2, 5, 10))
    return next(step for step in steps if step >= least)


def unpack_numbers(packed: dict[str, Any], shape: tuple[int, ...]) -> np.ndarray:
    """Unpack numbers.

    Args:
      packed: From `pack_numbers`.
      shape: Of the array.

    Returns:
      The numbers, NaN where there was none.
    """
    counts = np.frombuffer(base64.b64decode(packed["data"]), "<i2").reshape(shape)
    return np.where(counts == MISSING, np.nan, counts * packed["step"])


def thinning_step(epochs: int, numbers_an_epoch: int, megabytes: float) -> int:
    """Find which epochs are kept so that what they hold fits into a size.

    Args:
      epochs: How many there are.
      numbers_an_epoch: How many numbers each holds.
      megabytes: Room for all of them in a page.

    Returns:
      A step: 1 for every epoch, 2 for each second one.
    """
    room = megabytes * 1e6 / BYTES_A_NUMBER
    return max(1, math.ceil(epochs / max(1, int(room / max(1, numbers_an_epoch)))))

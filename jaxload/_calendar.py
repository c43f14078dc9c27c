"""Days and months in NumPy's own units, for which it will take no bare numbers."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["DAY", "MONTH", "days_from", "month_bounds"]

Times = NDArray[np.datetime64]

DAY, MONTH = np.timedelta64(1, "D"), np.timedelta64(1, "M")


def days_from(first: np.datetime64, last: np.datetime64) -> Times:
    """All days from one to another, both included."""
    return np.arange(first.astype("M8[D]"), last.astype("M8[D]") + DAY)


def month_bounds(time: Times) -> tuple[Times, Times]:
    """The first day of the month of each time, and of the month after.

    Args:
      time: Any instants, shape (epoch,).

    Returns:
      Days, of the same shape each.
    """
    month = time.astype("M8[M]")
    return month.astype("M8[D]"), (month + MONTH).astype("M8[D]")

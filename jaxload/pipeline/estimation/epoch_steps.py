"""Epochs at equal steps of time, which spectra need."""

import numpy as np
from numpy.typing import NDArray

from jaxload._calendar import DAY
from jaxload.inversion.spectral.whittle import UnsuitableRecord

__all__ = ["MONTH_DAYS", "equal_steps", "positions_at_steps"]

#: Days of a step from month to month.
MONTH_DAYS = 365.25 / 12


def equal_steps(time: NDArray[np.datetime64]) -> tuple[NDArray[np.int64], float]:
    """Find the equal steps of time at which epochs stand.

    Args:
      time: Epochs, shape (epoch,).

    Returns:
      Position of each epoch, shape (epoch,), and days in a step.

    Raises:
      UnsuitableRecord: If epochs are at equal steps neither in days nor in months.
    """
    days = (time - time[0]) / DAY
    step = float(np.median(np.diff(days))) if len(days) > 1 else 1.0
    position = positions_at_steps(time, step)
    if len(np.unique(position)) != len(position):
        step = MONTH_DAYS
        position = positions_at_steps(time, step)
    if len(np.unique(position)) != len(position):
        raise UnsuitableRecord(
            'inversion.noise "network" needs epochs at equal steps of time; average '
            'days with cleaning.average = "weekly", or use inversion.noise = '
            '"independent"'
        )
    return position, step


def positions_at_steps(time: NDArray[np.datetime64], days: float) -> NDArray[np.int64]:
    """Count the steps from the first epoch to each.

    Args:
      time: Epochs, shape (epoch,).
      days: In a step; those of a mean month for months of the calendar.

    Returns:
      Numbers, shape (epoch,).
    """
    if days == MONTH_DAYS:
        months = time.astype("M8[M]").astype(np.int64)
        return months - months[0]
    return np.round((time - time[0]) / DAY / days).astype(np.int64)

"""Water of every cell averaged over calendar months."""

import numpy as np
from numpy.typing import NDArray

from jaxload import series
from jaxload._calendar import month_bounds
from jaxload.inversion.estimation.representers import (
    RepresenterSolution,
    sums_over_epochs,
)
from jaxload.pipeline.inputs.time_spans import DAYS_IN_A_MONTH, spans_of

__all__ = ["calendar_months", "monthly_fields"]


def calendar_months(time: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """List the calendar months of a record, without a gap.

    Args:
      time: Epochs, ascending, shape (epoch,).

    Returns:
      First instant of each month and first after it, shape (month, 2).
    """
    first, last = time[[0, -1]].astype("M8[M]")
    months = np.arange(first, last + np.timedelta64(1, "M"))
    return np.stack(month_bounds(months), axis=1).astype("M8[ns]")


def monthly_fields(
    solution: RepresenterSolution, time: NDArray[np.datetime64]
) -> NDArray[np.float32]:
    """Average the water of every cell over the calendar months of a record.

    Args:
      solution: The water.
      time: Epochs, ascending, shape (epoch,).

    Returns:
      Means [mm], shape (month, cell); NaN in months with fewer than ten days.
    """
    spans, months = spans_of(time), calendar_months(time)
    known = [np.isfinite(np.asarray(x.coefficients)).all(1) for x in solution.terms]
    days = series.overlap_days(spans, months).toarray() * np.all(known, axis=0)
    total = days.sum(axis=1, keepdims=True)
    enough = total >= DAYS_IN_A_MONTH
    means = sums_over_epochs(solution, days / np.where(total > 0, total, 1.0))
    return np.where(enough, means, np.nan).astype(np.float32)

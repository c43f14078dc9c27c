"""Water of every cell averaged over calendar months."""

import pathlib

import numpy as np
from numpy.typing import NDArray

from jaxload import io, series, sphere
from jaxload._calendar import month_bounds
from jaxload.inversion.estimation.representers import (
    RepresenterSolution,
    sums_over_epochs,
)
from jaxload.pipeline.chunks import blocks
from jaxload.pipeline.inputs.time_spans import DAYS_IN_A_MONTH, spans_of

__all__ = ["calendar_months", "monthly_fields", "monthly_fields_of_maps"]


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
    known = [np.isfinite(np.asarray(x.coefficients)).all(1) for x in solution.terms]
    weights, enough = _month_weights(time, np.all(known, axis=0))
    means = sums_over_epochs(solution, weights)
    return np.where(enough, means, np.nan).astype(np.float32)


def monthly_fields_of_maps(
    path: pathlib.Path, grid: sphere.Grid
) -> NDArray[np.float32]:
    """Average maps of water over the calendar months of their record.

    Args:
      path: File of the maps.
      grid: The cells.

    Returns:
      As `monthly_fields`.
    """
    with io.read_dataset(path) as maps:
        solved = maps.solved.values == 1
        weights, enough = _month_weights(maps.time.values, solved)
        means = np.zeros((len(weights), len(grid.lon)))
        for part in blocks(len(solved)):
            values = maps.twsa[part].values[:, grid.row, grid.column]
            means += weights[:, part] @ np.where(solved[part, None], values, 0.0)
    return np.where(enough, means, np.nan).astype(np.float32)


def _month_weights(
    time: NDArray[np.datetime64], known: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Weight of each epoch in each month, and which months have enough days."""
    spans, months = spans_of(time), calendar_months(time)
    days = series.overlap_days(spans, months).toarray() * known
    total = days.sum(axis=1, keepdims=True)
    return days / np.where(total > 0, total, 1.0), total >= DAYS_IN_A_MONTH

"""Intervals that heights are means over, and other series averaged over them."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import io, series
from jaxload._calendar import DAY, month_bounds

__all__ = [
    "DAYS_IN_A_MONTH",
    "bring_to_epochs",
    "epoch_spans",
    "month_spans",
    "spans_of",
]

Floats = NDArray[np.float64]
Times = NDArray[np.datetime64]

#: Days that a monthly mean needs at least.
DAYS_IN_A_MONTH = 10


def epoch_spans(gnss: xr.Dataset) -> Times:
    """Find the interval that each height is a mean over.

    Args:
      gnss: Heights, with ``time_bnds`` if they were averaged.

    Returns:
      First instant of each epoch and first after it, shape (epoch, 2).
    """
    if "time_bnds" in gnss:
        return gnss.time_bnds.values.astype("M8[ns]")
    return spans_of(gnss.time.values)


def spans_of(time: Times) -> Times:
    """Find the intervals of epochs by their dates: UTC days, GPS weeks or months.

    Args:
      time: The dates, ascending, shape (epoch,).

    Returns:
      First instant of each and first after it, shape (epoch, 2).
    """
    step = np.median(np.diff(time)) / DAY if len(time) > 1 else 1.0
    span = "week" if 6.5 <= step <= 7.5 else "month" if 27 <= step <= 32 else "day"
    return io.stamped_spans(time, span=span).bounds


def bring_to_epochs(
    values: Floats, bounds: Times, epochs: Times
) -> tuple[Floats, Floats]:
    """Bring series to epochs: averaged over them, or interpolated between longer means.

    Args:
      values: The series, shape (time, column); NaN if missing.
      bounds: What each value is of, shape (time, 2).
      epochs: From `epoch_spans`.

    Returns:
      The series, shape (epoch, column), NaN where less than half of an epoch is known,
      or its middle is in no span with a value; and the share of each epoch that is
      known, of the same shape.
    """
    if series.are_finer(bounds, epochs):
        return series.span_means(values, bounds, epochs)
    interpolated = series.between_spans(values, bounds, epochs)
    known = np.zeros(interpolated.shape)
    for column, seen in enumerate(np.isfinite(values).T):
        if seen.any():
            known[:, column] = series.known_times(bounds[seen], epochs)
    return np.where(known > 0, interpolated, np.nan), known


def month_spans(reference: xr.Dataset) -> NDArray:
    """Find the intervals of the monthly means of a product.

    Args:
      reference: With its `time`, and `time_bnds` if it has them.

    Returns:
      First instant of each and first instant after it, shape (month, 2).
    """
    if "time_bnds" in reference:
        return reference.time_bnds.values.astype("M8[ns]")
    return np.stack(month_bounds(reference.time.values), axis=1).astype("M8[ns]")

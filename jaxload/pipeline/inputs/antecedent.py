"""Means over days before the end of each epoch, with a mean year beyond the data."""

import logging

import numpy as np
from numpy.typing import NDArray

from jaxload import series
from jaxload._calendar import DAY
from jaxload.gapfill.drivers import mean_year
from jaxload.pipeline.inputs.time_spans import bring_to_epochs
from jaxload.pipeline.inputs.weather_files import AtPlaces

__all__ = ["antecedent_means"]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Times = NDArray[np.datetime64]

#: Share of a window that may be unknown by rounding.
ROUNDING = 1e-6


def antecedent_means(at: AtPlaces, ends: Times, days: int, source: str) -> Floats:
    """Average a variable over some days before the end of each epoch.

    An entry of the data counts by the days of it that are in the window. Days beyond
    the data, as before the first of them, have mean and seasons of the variable.

    Args:
      at: The variable at places.
      ends: First instant after each epoch, shape (epoch,).
      days: Length of the windows [days].
      source: The setting and its files, for messages.

    Returns:
      Means, shape (epoch, place).

    Raises:
      ValueError: If less than a year is known where days are beyond the data.
    """
    ends = ends.astype("M8[ns]")
    windows = np.stack([ends - days * DAY, ends], axis=1)
    if series.are_finer(at.bounds, windows):
        means, share = series.span_means(at.values, at.bounds, windows, 0.0)
    else:
        means, share = bring_to_epochs(at.values, at.bounds, windows)
    share = np.minimum(share, 1.0)
    short = share < 1 - ROUNDING
    if not short.any():
        return means
    logger.warning(
        "%s: %d of %d windows of %d days before the end of an epoch reach beyond the "
        "data, by up to %.0f days, which have its mean and seasons",
        source,
        int(short.any(axis=1).sum()),
        len(ends),
        days,
        float((1 - share).max() * days),
    )
    beyond = _mean_year_beyond(at, windows)
    return np.where(short, np.nan_to_num(means) * share + beyond, means)


def _mean_year_beyond(at: AtPlaces, windows: Times) -> Floats:
    """Sum of the mean year over the days of windows without data, by all their days."""
    first = windows[:, 0].min().astype("M8[D]")
    day = np.arange(first, windows[:, 1].max().astype("M8[D]") + DAY)
    spans = np.stack([day, day + DAY], axis=1).astype("M8[ns]")
    if series.are_finer(at.bounds, windows):
        known = series.span_means(at.values, at.bounds, spans, 0.0)[1]
    else:
        known = bring_to_epochs(at.values, at.bounds, spans)[1]
    usual = _mean_year_of_days(at, day) * (1 - np.minimum(known, 1.0))
    total = np.concatenate([np.zeros((1, usual.shape[1])), np.cumsum(usual, axis=0)])
    start, stop = ((edge.astype("M8[D]") - first) // DAY for edge in windows.T)
    return (total[stop] - total[start]) / (stop - start)[:, None]


def _mean_year_of_days(at: AtPlaces, day: Times) -> Floats:
    """Mean and seasons of the data, on other days."""
    middles = series.span_middles(at.bounds)
    noon = day.astype("M8[ns]") + np.timedelta64(12, "h")
    time = np.concatenate([middles, noon]).astype("M8[ns]")
    unknown = np.full((len(day), at.values.shape[1]), np.nan)
    return mean_year(np.concatenate([at.values, unknown]), time)[len(middles) :]

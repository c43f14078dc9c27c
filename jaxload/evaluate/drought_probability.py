"""Probability of each class of drought, and of when droughts begin and end."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from jaxload.evaluate.drought import DROUGHT_LIMITS, Climatology, DroughtEvent

__all__ = [
    "EventUncertainty",
    "class_frequencies",
    "class_probabilities",
    "event_uncertainties",
    "limiting_severity",
]

Floats = NDArray[np.float64]

#: Quantiles of what is uncertain of an event: its 90% interval, and the middle.
QUANTILES = (0.05, 0.5, 0.95)


@dataclasses.dataclass(frozen=True, eq=False)
class EventUncertainty:
    """Quantiles of a drought over the draws that have it, of 5%, 50% and 95%.

    Attributes:
      probability: Share of the draws that have a drought at the time [-].
      start: Index of its first month, shape (3,).
      stop: Index of the month after its last, shape (3,).
      least: Index of drought in its driest month [-], shape (3,).
      severity: Sum of the index over its dry months [-], shape (3,).
    """

    probability: float
    start: Floats
    stop: Floats
    least: Floats
    severity: Floats


def class_frequencies(
    draws: ArrayLike, limits: tuple[float, ...] = DROUGHT_LIMITS
) -> Floats:
    """Compute the share of draws in each class of drought.

    Args:
      draws: Indices of drought, shape (epoch, draw).
      limits: The largest index of each class, from the mildest on.

    Returns:
      Shares [-], shape (class, epoch), of no drought first; they add up to 1. NaN in
      months without an index.
    """
    draws = np.asarray(draws, np.float64)
    known = np.isfinite(draws)
    count = known.sum(axis=-1)
    below = [(known & (draws <= limit)).sum(axis=-1) for limit in limits]
    share = np.stack(below) / np.where(count, count, 1)
    return _classes(np.where(count, share, np.nan))


def class_probabilities(mean: ArrayLike, sd: ArrayLike, storage: ArrayLike) -> Floats:
    """Compute the probability of each class of drought under a normal error.

    Exact where the climatology is not of the record itself: a class is then an interval
    of storage.

    Args:
      mean: Storage [mm], shape (epoch,).
      sd: Its standard error [mm], same shape.
      storage: The largest storage of each class [mm], from the mildest on, shape
        (limit, epoch), from `limiting_severity` or `limiting_storage`.

    Returns:
      Probabilities [-], shape (class, epoch), of no drought first; they add up to 1.
      NaN where something is not known.
    """
    mean, sd, storage = (np.asarray(x, np.float64) for x in (mean, sd, storage))
    with np.errstate(divide="ignore", invalid="ignore"):
        below = ndtr((storage - mean) / sd)
    certain = np.where(np.isnan(storage - mean), np.nan, storage >= mean)
    return _classes(np.where(sd > 0, below, np.where(sd == 0, certain, np.nan)))


def limiting_severity(
    normal: Climatology,
    month: ArrayLike,
    limits: tuple[float, ...] = DROUGHT_LIMITS,
) -> Floats:
    """Find the storage at which each class of the drought severity index begins.

    Args:
      normal: Mean and spread of calendar months, shape (12,).
      month: Calendar months, 1 to 12, shape (epoch,).
      limits: The largest index of each class.

    Returns:
      Storage [mm], shape (limit, epoch).
    """
    rows = np.asarray(month) - 1
    mean, sd = (np.asarray(x, np.float64)[rows] for x in (normal.mean, normal.sd))
    return mean + np.asarray(limits)[:, None] * np.where(sd > 0, sd, np.nan)


def _classes(below: Floats) -> Floats:
    """Shares of classes from those at or below each limit."""
    edges = np.concatenate([np.ones_like(below[:1]), below, np.zeros_like(below[:1])])
    return np.where(np.isnan(below).any(axis=0), np.nan, edges[:-1] - edges[1:])


def event_uncertainties(
    draws: ArrayLike,
    events: Sequence[DroughtEvent],
    limit: float = DROUGHT_LIMITS[0],
    least_months: int = 1,
) -> list[EventUncertainty]:
    """Describe how well start, end and depth of droughts are known.

    In each draw a drought is what is dry in the months of the event, from the first
    month of the first spell to the last of the last one, which may reach beyond them.

    Args:
      draws: Indices of drought, shape (epoch, draw).
      events: From `drought_events`.
      limit: The largest index that is a drought.
      least_months: Months that a drought lasts at least.

    Returns:
      Of each event, NaN where no draw has a drought.
    """
    values = np.asarray(draws, np.float64)
    dry = values <= limit
    begin, end = _spells(dry)
    column = np.arange(values.shape[1])
    known = []
    for event in events:
        inside = dry[event.start : event.stop]
        first = event.start + inside.argmax(axis=0)
        last = event.stop - 1 - inside[::-1].argmax(axis=0)
        start, stop = begin[first, column], end[last, column]
        has = inside.any(axis=0) & (stop - start >= least_months)
        depth = _depths(np.where(dry, values, 0.0)[:, has], start[has], stop[has])
        quantiles = (_quantiles(x) for x in (start[has], stop[has], *depth))
        known.append(EventUncertainty(float(has.mean()), *quantiles))
    return known


def _depths(
    values: Floats, start: NDArray[np.intp], stop: NDArray[np.intp]
) -> tuple[Floats, Floats]:
    """Least and sum of dry months from start to stop, of each draw."""
    first, last = start.min(initial=len(values)), stop.max(initial=0)
    epoch = np.arange(first, max(first, last))[:, None]
    part = values[first : max(first, last)]
    part = np.where((epoch >= start) & (epoch < stop), part, 0.0)
    return part.min(axis=0, initial=0.0), part.sum(axis=0)


def _quantiles(values: NDArray) -> Floats:
    if not len(values):
        return np.full(len(QUANTILES), np.nan)
    return np.quantile(values, QUANTILES)


def _spells(dry: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First dry month of the spell of each, and the month after its last."""
    epoch = np.arange(len(dry))[:, None]
    begin = np.maximum.accumulate(np.where(dry, 0, epoch + 1), axis=0)
    end = np.minimum.accumulate(np.where(dry, len(dry), epoch)[::-1], axis=0)[::-1]
    return begin, end

"""Series of means over spans of time, brought to other spans.

What is known over spans as short as those wanted, or shorter, is averaged. What is
known over longer ones is the mean of a curve, straight from middle to middle, whose
means over the spans are the values: a month's mean is no value of its middle, and a
curve through means would make a season smaller by 3%.

Source:
  Killworth (1996), Time interpolation of forcing fields in ocean models, J. Phys.
  Oceanogr. 26, 136-143.
"""

import numpy as np
import scipy.linalg
import scipy.sparse
from numpy.typing import NDArray

from jaxload._calendar import DAY

__all__ = ["are_finer", "between_spans", "known_times", "span_means", "span_middles"]

Times = NDArray[np.datetime64]
Floats = NDArray[np.float64]

#: By how much longer than what is wanted a span may be that is averaged.
LONGER = 1.1

#: How far half a span may reach towards the middle of the next one, which is half-way
#: where spans follow each other: means over spans that overlap leave a curve open.
OVERLAP = 0.75

#: Share of its length by which a span reaches beyond itself: some end a day early.
REACH = 0.1

#: Rounding must not make a full week fall short of seven days.
ROUNDING = 1e-6


def span_middles(bounds: Times) -> Times:
    """Find the middles of spans.

    Args:
      bounds: First instant of each and first after it, shape (span, 2).

    Returns:
      The middles, shape (span,).
    """
    bounds = bounds.astype("M8[ns]")
    return bounds[:, 0] + (bounds[:, 1] - bounds[:, 0]) // 2


def usual_step(bounds: Times) -> np.timedelta64:
    """How far the middles of spans are apart as a rule; a day for one alone."""
    middles = np.sort(span_middles(bounds))
    if len(middles) < 2:
        return max(bounds[0, 1] - bounds[0, 0], DAY).astype("m8[ns]")
    return np.median(np.diff(middles)).astype("m8[ns]")


def are_finer(bounds: Times, wanted: Times) -> bool:
    """Say whether values are known as finely as they are wanted, or more finely.

    Args:
      bounds: What the values are of, shape (span, 2); the same twice for instants, of
        which a mean needs two.
      wanted: What they are wanted for, shape (epoch, 2).
    """
    length = np.median(bounds[:, 1] - bounds[:, 0])
    whole = np.median(wanted[:, 1] - wanted[:, 0])
    if length > np.timedelta64(0, "ns"):
        return bool(length / DAY <= LONGER * (whole / DAY))
    return bool(2 * usual_step(bounds) <= whole)


def span_means(
    values: Floats, bounds: Times, wanted: Times, least: float | Floats = 0.5
) -> tuple[Floats, Floats]:
    """Average series over spans, each value by the part of it that lies in them.

    An instant counts where it falls, for as long as instants are apart.

    Args:
      values: Means over spans, or instants, shape (span, column); NaN if missing.
      bounds: First instant of each span and first after it, shape (span, 2).
      wanted: The same of what is averaged over, shape (epoch, 2).
      least: Share of it that must be known, for all or of shape (epoch,).

    Returns:
      Means, shape (epoch, column), NaN where less is known; and the share of each
      epoch that is known, of the same shape.
    """
    weights = _overlap(bounds.astype("M8[ns]"), wanted.astype("M8[ns]"))
    seen = np.isfinite(values)
    days = weights @ seen.astype(np.float64)
    total = weights @ np.where(seen, values, 0.0)
    length = (wanted[:, 1] - wanted[:, 0]) / DAY
    share = days / length[:, None]
    enough = share >= np.reshape(least, (-1, 1)) * (1 - ROUNDING)
    enough &= days > 0
    return np.where(enough, total / np.where(days > 0, days, 1.0), np.nan), share


def _overlap(bounds: Times, wanted: Times) -> scipy.sparse.csr_array:
    """Days that each span has in common with what is wanted, shape (epoch, span)."""
    order = np.argsort(bounds[:, 0], kind="stable")
    begin, end = bounds[order].T
    instant = end == begin
    # What ends last so far, so that a long span before a short one is not missed.
    last = np.maximum.accumulate(np.where(instant, end + np.timedelta64(1, "ns"), end))
    first = np.searchsorted(last, wanted[:, 0], side="right")
    stop = np.maximum(np.searchsorted(begin, wanted[:, 1], side="left"), first)
    count = stop - first
    rows = np.repeat(np.arange(len(wanted)), count)
    columns = np.arange(count.sum()) - np.repeat(
        np.cumsum(count) - count - first, count
    )
    start, after = wanted[rows].T
    common = np.minimum(end[columns], after) - np.maximum(begin[columns], start)
    inside = (begin[columns] >= start) & (begin[columns] < after)
    step = usual_step(bounds) / DAY
    days = np.where(instant[columns], np.where(inside, step, 0), common / DAY)
    entries = (np.maximum(days, 0.0), (rows, order[columns]))
    return scipy.sparse.csr_array(entries, shape=(len(wanted), len(bounds)))


def between_spans(values: Floats, bounds: Times, wanted: Times) -> Floats:
    """Find means over short spans of a curve with given means over long ones.

    The curve is straight between the middles of the spans, and level before the first
    and after the last. Where spans overlap far, and for instants, it goes through the
    values.

    Args:
      values: Means over spans, or instants, shape (span, column); NaN if missing.
      bounds: First instant of each span and first after it, shape (span, 2).
      wanted: The same of what is wanted, shape (epoch, 2).

    Returns:
      Means over the epochs, shape (epoch, column); NaN in columns without any value.
      Nothing says where there was no span: see `known_times`.
    """
    order = np.argsort(span_middles(bounds), kind="stable")
    values, bounds = values[order], bounds[order].astype("M8[ns]")
    origin = bounds[0, 0]
    spans = (bounds - origin) / DAY
    epochs = (wanted.astype("M8[ns]") - origin) / DAY
    found = np.full((len(wanted), values.shape[1]), np.nan)
    seen = np.isfinite(values)
    for pattern in np.unique(seen, axis=1).T:
        columns = (seen == pattern[:, None]).all(axis=0)
        if pattern.any():
            known = values[np.ix_(pattern, columns)]
            found[:, columns] = _curve_means(known, spans[pattern], epochs)
    return found


def known_times(bounds: Times, wanted: Times) -> NDArray[np.bool_]:
    """Say which epochs have their middle in a span of a series.

    Args:
      bounds: Of spans with a value, shape (span, 2); instants reach half-way to those
        beside them.
      wanted: The epochs, shape (epoch, 2).

    Returns:
      Whether each has, shape (epoch,).
    """
    middles, step = span_middles(wanted), usual_step(bounds)
    length = bounds[:, 1] - bounds[:, 0]
    reach = np.where(length > np.timedelta64(0), REACH * length, (0.5 + REACH) * step)
    order = np.argsort(bounds[:, 0], kind="stable")
    begin = (bounds[:, 0] - reach)[order]
    end = np.maximum.accumulate((bounds[:, 1] + reach)[order])
    row = np.searchsorted(begin, middles, side="right") - 1
    return (row >= 0) & (middles <= end[np.maximum(row, 0)])


def _curve_means(values: Floats, spans: Floats, epochs: Floats) -> Floats:
    """Means over epochs of the curve whose means over spans are given."""
    middles = spans.mean(axis=1)
    kept = np.append(True, np.diff(middles) > 0)
    values, spans, middles = values[kept], spans[kept], middles[kept]
    if len(middles) < 2:
        return np.broadcast_to(values[0], (len(epochs), values.shape[1])).copy()
    nodes = scipy.linalg.solve_banded((1, 1), _means_of_curve(spans, middles), values)
    start, stop = (_integral(middles, nodes, time) for time in epochs.T)
    return (stop - start) / np.diff(epochs, axis=1)


def _means_of_curve(spans: Floats, middles: Floats) -> Floats:
    """The tridiagonal matrix from a curve's values at middles to its means over spans.

    Rows: above the diagonal, on it, and below, as `scipy.linalg.solve_banded` has them.
    """
    apart = np.diff(middles)
    half = (spans[:, 1] - spans[:, 0]) / 2
    # A straight line is a quarter of the way of half a span off its middle on average.
    before = np.append(0.0, half[1:] / 4 / apart)
    after = np.append(half[:-1] / 4 / apart, 0.0)
    before = np.where(4 * before <= OVERLAP, before, 0.0)
    after = np.where(4 * after <= OVERLAP, after, 0.0)
    bands = np.zeros((3, len(middles)))
    bands[0, 1:] = after[:-1]
    bands[1] = 1 - before - after
    bands[2, :-1] = before[1:]
    return bands


def _integral(nodes: Floats, values: Floats, time: Floats) -> Floats:
    """The integral of a curve from its first node on, shape (time, column)."""
    pieces = np.diff(nodes)[:, None] * (values[1:] + values[:-1]) / 2
    whole = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(pieces, axis=0)])
    piece = np.clip(np.searchsorted(nodes, time) - 1, 0, len(nodes) - 2)
    share = np.clip((time - nodes[piece]) / np.diff(nodes)[piece], 0, 1)[:, None]
    here = values[piece] + share * (values[piece + 1] - values[piece])
    inside = np.clip(time, nodes[0], nodes[-1])
    found = whole[piece] + (inside - nodes[piece])[:, None] * (values[piece] + here) / 2
    return found + (time - inside)[:, None] * here

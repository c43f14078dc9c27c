"""Series of means over spans of time, brought to other spans.

What is known over spans as short as those wanted, or shorter, is averaged. What is
known over longer ones is interpolated by a smooth curve whose means over the spans are
the values: the mean of a month is no value of its middle, and lines between the middles
of months would take 3% off a season.

Source:
  Boneva, Kendall and Stefanov (1971), Spline transformations: three new diagnostic aids
  for the statistical data-analyst, J. R. Stat. Soc. B 33, 1-71 (histosplines).
"""

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from jaxload._calendar import DAY

__all__ = [
    "are_finer",
    "between_spans",
    "known_times",
    "overlap_days",
    "span_means",
    "span_middles",
]

Times = NDArray[np.datetime64]
Floats = NDArray[np.float64]

#: By how much longer than what is wanted a span may be that is averaged.
LONGER = 1.1

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
    """Check whether values are as fine in time as is wanted, or finer.

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
    weights = overlap_days(bounds.astype("M8[ns]"), wanted.astype("M8[ns]"))
    seen = np.isfinite(values)
    days = weights @ seen.astype(np.float64)
    total = weights @ np.where(seen, values, 0.0)
    length = (wanted[:, 1] - wanted[:, 0]) / DAY
    share = days / length[:, None]
    enough = share >= np.reshape(least, (-1, 1)) * (1 - ROUNDING)
    enough &= days > 0
    return np.where(enough, total / np.where(days > 0, days, 1.0), np.nan), share


def overlap_days(bounds: Times, wanted: Times) -> scipy.sparse.csr_array:
    """Compute how long spans lie in others.

    Args:
      bounds: First instant of each span and first after it, shape (span, 2); an instant
        counts where it falls, for as long as instants are apart.
      wanted: The same of the others, shape (epoch, 2).

    Returns:
      Days that they have in common, shape (epoch, span).
    """
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

    The integral of the curve is a cubic spline through the edges of the spans, level
    beyond them; over a gap its mean is that of both its sides. Between instants it is a
    straight line.

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
    means = np.full((len(wanted), values.shape[1]), np.nan)
    seen = np.isfinite(values)
    for pattern in np.unique(seen, axis=1).T:
        columns = (seen == pattern[:, None]).all(axis=0)
        if pattern.any():
            known = values[np.ix_(pattern, columns)]
            means[:, columns] = _curve_means(known, spans[pattern], epochs)
    return means


def known_times(bounds: Times, wanted: Times) -> NDArray[np.bool_]:
    """Mark the epochs that have their middle in a span of a series.

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
    if len(values) < 2:
        return np.broadcast_to(values[0], (len(epochs), values.shape[1])).copy()
    if (spans[:, 1] > spans[:, 0]).all():
        edges, values = _closed(spans, values)
        start, stop = (_spline_integral(edges, values, time) for time in epochs.T)
    else:
        middles, first = np.unique(spans.mean(axis=1), return_index=True)
        start, stop = (_integral(middles, values[first], time) for time in epochs.T)
    return (stop - start) / np.diff(epochs, axis=1)


def _closed(spans: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Edges of spans that follow each other, gaps among them, and means over them."""
    begin, end = spans.T
    apart = begin[1:] - end[:-1]
    gap = apart > REACH * np.minimum(
        np.diff(spans, axis=1)[1:, 0], end[:-1] - begin[:-1]
    )
    inner = (begin[1:] + end[:-1]) / 2
    left, right = np.where(gap, end[:-1], inner), np.where(gap, begin[1:], inner)
    edges = np.stack([np.append(begin[0], right), np.append(left, end[-1])], axis=1)
    if (np.diff(edges, axis=1) <= 0).any():  # one within another
        middles = spans.mean(axis=1)
        inner = (middles[1:] + middles[:-1]) / 2
        return np.concatenate([[begin[0]], inner, [max(end[-1], middles[-1])]]), values
    where = np.flatnonzero(gap) + 1
    bridges = (values[where] + values[where - 1]) / 2
    return np.unique(edges), np.insert(values, where, bridges, axis=0)


def _spline_integral(edges: Floats, values: Floats, time: Floats) -> Floats:
    """The integral of a curve with given means between edges, shape (time, column)."""
    pieces = values * np.diff(edges)[:, None]
    whole = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(pieces, axis=0)])
    ends = "not-a-knot" if len(edges) > 3 else "natural"
    spline = CubicSpline(edges, whole, bc_type=ends)
    inside = np.clip(time, edges[0], edges[-1])
    return spline(inside) + (time - inside)[:, None] * spline(inside, 1)


def _integral(nodes: Floats, values: Floats, time: Floats) -> Floats:
    """The integral of straight lines between nodes, shape (time, column)."""
    pieces = np.diff(nodes)[:, None] * (values[1:] + values[:-1]) / 2
    whole = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(pieces, axis=0)])
    piece = np.clip(np.searchsorted(nodes, time) - 1, 0, len(nodes) - 2)
    share = np.clip((time - nodes[piece]) / np.diff(nodes)[piece], 0, 1)[:, None]
    here = values[piece] + share * (values[piece + 1] - values[piece])
    inside = np.clip(time, nodes[0], nodes[-1])
    integral = (
        whole[piece] + (inside - nodes[piece])[:, None] * (values[piece] + here) / 2
    )
    return integral + (time - inside)[:, None] * here

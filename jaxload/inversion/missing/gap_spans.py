"""A record divided into spans of time, down to epochs, by what they miss in common.

What all epochs of a span miss can be eliminated once for all of them, and then only
from the rows that some epoch of the span misses too: no other row is asked for again.
Nothing is padded to equal shapes, as compiled programs need it.
"""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["GapGroup", "GapSpan", "divide_record", "groups_of"]

Rows = NDArray[np.intp]


@dataclasses.dataclass(frozen=True, eq=False)
class GapGroup:
    """Neighbouring epochs with gaps of their own, whose eliminations are one product.

    Attributes:
      number: Of each missing observation, shape (missing,).
      epoch: Its epoch, ascending, shape (missing,).
      slot: Its number among those of its epoch, shape (missing,).
      padded: Rows that each epoch misses, the number of rows where there are no more,
        shape (epoch, slot).
      columns: `padded` of the epoch of each missing observation, shape (missing, slot).
      padding: Where blocks of shape (epoch, slot, slot) have a diagonal of padding.
      pivot: Where such a block has its diagonal.
    """

    number: Rows
    epoch: Rows
    slot: Rows
    padded: Rows
    columns: Rows
    padding: tuple[Rows, Rows, Rows]
    pivot: tuple[Rows, Rows]


@dataclasses.dataclass(frozen=True, eq=False)
class GapSpan:
    """A span of time and what its epochs miss.

    Attributes:
      epochs: The span.
      gone: Rows that all its epochs miss, among those of the span around it.
      kept: Rows that some of them miss, likewise.
      parts: Of the span; empty where `group` is not None, or nothing is kept.
      group: Its epochs one by one; None where it has parts.
    """

    epochs: slice
    gone: Rows
    kept: Rows
    parts: "tuple[GapSpan, ...]" = ()
    group: GapGroup | None = None


def divide_record(
    missing: NDArray[np.bool_], sizes: Sequence[int]
) -> tuple[GapSpan, ...]:
    """Divide a record into spans of time that share gaps.

    Args:
      missing: Where rows that count are to be eliminated, shape (epoch, row).
      sizes: Epochs of the longest spans, of their parts, and so on; of groups at last.

    Returns:
      Consecutive spans.
    """
    first, *others = sizes
    return tuple(
        _span(missing[part], part.start, others) for part in _parts(len(missing), first)
    )


def groups_of(span: GapSpan) -> Iterator[tuple[int, GapGroup]]:
    """Go through the groups of a span.

    Args:
      span: From `divide_record`.

    Yields:
      Number of rows that a group is eliminated from, and the group.
    """
    if span.group is not None:
        yield len(span.kept), span.group
    for part in span.parts:
        yield from groups_of(part)


def _parts(epochs: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, epochs)) for start in range(0, epochs, size)]


def _span(missing: NDArray[np.bool_], first: int, sizes: Sequence[int]) -> GapSpan:
    epochs = slice(first, first + len(missing))
    common = missing.all(axis=0)
    gone = np.flatnonzero(common)
    kept = np.flatnonzero(missing.any(axis=0) & ~common)
    if not len(kept):
        return GapSpan(epochs, gone, kept)
    some = missing[:, kept]
    if not sizes:
        return GapSpan(epochs, gone, kept, group=_group(some))
    parts = _parts(len(missing), sizes[0])
    each = (_span(some[part], first + part.start, sizes[1:]) for part in parts)
    return GapSpan(epochs, gone, kept, tuple(each))


def _group(missing: NDArray[np.bool_]) -> GapGroup:
    epoch, row = np.nonzero(missing)
    counts = missing.sum(axis=1)
    slot = np.arange(len(epoch)) - (np.cumsum(counts) - counts)[epoch]
    padded = np.full((len(missing), counts.max()), missing.shape[1])
    padded[epoch, slot] = row
    at_epoch, at_slot = np.nonzero(padded == missing.shape[1])
    slots, number = np.arange(padded.shape[1]), np.arange(len(epoch))
    return GapGroup(
        number,
        epoch,
        slot,
        padded,
        padded[epoch],
        (at_epoch, at_slot, at_slot),
        (slots, slots),
    )

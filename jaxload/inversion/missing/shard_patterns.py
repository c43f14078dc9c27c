"""Patterns of missing data of parts of a record, padded to the same shapes.

Devices that each hold some epochs run one program, which asks for equal shapes. The
groups of each part are sorted by what they miss; those of one rank share a width.
"""

import numpy as np
from numpy.typing import NDArray

from jaxload.inversion.missing.pattern import (
    BATCH,
    BLOCK,
    BLOCK_SHAPES,
    INVERSES,
    SHAPES,
    SMALL,
    EpochGaps,
    EpochGroups,
    MissingPattern,
    PaddedBlocks,
    merged_widths,
    padded_indices,
    pattern_digest,
    split_by_size,
)

__all__ = ["find_shard_patterns"]


def find_shard_patterns(
    missing: NDArray[np.bool_], counts: NDArray[np.int64]
) -> MissingPattern:
    """Lay out the missing data of every part of a record, all in the same shapes.

    Args:
      missing: Where observations are missing, shape (shard, epoch, row).
      counts: Epochs of each part, at its beginning; the others are padding and belong
        to no group, shape (shard,).

    Returns:
      A `MissingPattern` whose arrays have an axis of parts first, and number the epochs
      of each part from 0.
    """
    _, epochs, rows = missing.shape
    real = np.arange(epochs) < counts[:, None]
    member = max(64, -(-epochs * rows**2 * 8 // INVERSES))
    small = epochs * rows**2 < SMALL
    kinds = 1 if small else SHAPES
    groups, common = _groups(missing, real, min(member, epochs), kinds)
    rest = missing & ~common[1] & real[:, :, None]
    blocks = _blocks(missing, real, min(BLOCK, epochs), 1 if small else BLOCK_SHAPES)
    here = missing & real[:, :, None]
    return MissingPattern(
        groups,
        _gaps(rest, common[0], kinds),
        blocks,
        here.sum(axis=(1, 2)),
        np.array([pattern_digest(part) for part in here]),  # pyright: ignore[reportArgumentType]
        (epochs, rows),
    )


def _common(
    missing: NDArray[np.bool_], real: NDArray[np.bool_], starts: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Rows missing in all epochs of a group, (shard, group, row); none in padding."""
    neutral = missing | ~real[:, :, None]
    common = np.logical_and.reduceat(neutral, starts, axis=1)
    return common & np.logical_or.reduceat(real, starts, axis=1)[:, :, None]


def _members(
    real: NDArray[np.bool_], first: NDArray[np.int64], member: int
) -> NDArray[np.int32]:
    """Epochs of groups that begin at `first`, shape (shard, group, member)."""
    epochs = real.shape[1]
    epoch = np.minimum(first[:, :, None] + np.arange(member), epochs)
    padded = np.concatenate([real, np.zeros((len(real), 1), bool)], axis=1)
    there = _each(padded, epoch)
    return np.where(there, epoch, epochs).astype(np.int32)


def _each(values: NDArray, index: NDArray) -> NDArray:
    """Of every part the values at its own indices."""
    shards = np.arange(len(values)).reshape(-1, *[1] * (index.ndim - 1))
    return values[shards, index]


def _groups(
    missing: NDArray[np.bool_], real: NDArray[np.bool_], member: int, kinds: int
) -> tuple[tuple[EpochGroups, ...], tuple[NDArray[np.int64], NDArray[np.bool_]]]:
    """The groups; of each epoch the number of its group, and what that misses."""
    _, epochs, rows = missing.shape
    starts = np.arange(0, epochs, member)
    common = _common(missing, real, starts)
    size = common.sum(axis=2)
    order = np.argsort(-size, axis=1, kind="stable")
    width = _each(size, order).max(axis=0)
    parts = split_by_size(width, lambda c: c * rows * (rows + c) + 1.0, kinds)
    groups = tuple(
        EpochGroups(
            _members(real, starts[order[:, part]], member),
            padded_indices(_each(common, order[:, part]), int(width[part].max())),
        )
        for part in parts
    )
    order = order[:, np.concatenate(parts)]
    block = np.arange(epochs) // member
    number = np.argsort(order, axis=1)[:, block]
    return groups, (number, common[:, block])


def _gaps(
    rest: NDArray[np.bool_], number: NDArray[np.int64], kinds: int
) -> tuple[EpochGaps, ...]:
    shards, epochs, rows = rest.shape
    size = rest.sum(axis=2)
    order = np.argsort(-size, axis=1, kind="stable")
    width = _each(size, order).max(axis=0)
    width = width[width > 0]
    gaps = []
    for part in split_by_size(width, lambda r: rows * r * (r + 8.0), kinds):
        chosen, most = order[:, part], int(width[part].max())
        batch = min(max(BATCH // (most * rows), 4), len(part))
        fill = ((0, 0), (0, -len(part) % batch))
        some = _each(size, chosen) > 0
        epoch = np.pad(np.where(some, chosen, epochs), fill, constant_values=epochs)
        index = padded_indices(_each(rest, chosen), most)
        gaps.append(
            EpochGaps(
                epoch.reshape(shards, -1, batch).astype(np.int32),
                np.pad(_each(number, chosen), fill)
                .reshape(shards, -1, batch)
                .astype(np.int32),
                np.pad(index, (*fill, (0, 0)), constant_values=rows).reshape(
                    shards, -1, batch, most
                ),
            )
        )
    return tuple(gaps)


def _blocks(
    missing: NDArray[np.bool_], real: NDArray[np.bool_], member: int, shapes: int
) -> tuple[PaddedBlocks, ...]:
    shards, epochs, rows = missing.shape
    starts = np.arange(0, epochs, member)
    common = _common(missing, real, starts)
    block = np.arange(epochs) // member
    rest = missing & ~common[:, block] & real[:, :, None]
    widest = np.maximum.reduceat(rest.sum(axis=2), starts, axis=1)
    widths = np.stack([common.sum(axis=2), widest], axis=2)
    # The dearest of every part side by side.
    dear = widths[..., 0] * (rows + widths[..., 0]) + member * widths[..., 1] ** 2
    order = np.argsort(-dear, axis=1, kind="stable")
    width = _each(widths, order).max(axis=0)
    padded = np.concatenate([rest, np.zeros((shards, 1, rows), bool)], axis=1)
    blocks = []
    for part, most in merged_widths(width, rows, member, shapes):
        epoch = _members(real, starts[order[:, part]], member)
        blocks.append(
            PaddedBlocks(
                epoch,
                padded_indices(_each(common, order[:, part]), most[0]),
                padded_indices(_each(padded, epoch), most[1]),
            )
        )
    return tuple(blocks)

"""The pattern of missing data, laid out on the host so that epochs can share work."""

import dataclasses
import zlib
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import is_concrete, on_host

__all__ = [
    "EpochGaps",
    "EpochGroups",
    "MissingPattern",
    "PaddedBlocks",
    "blocks_in_time",
    "check_pattern",
    "find_pattern",
    "merged_widths",
    "missing_rows",
    "padded_indices",
    "pattern_digest",
    "split_by_size",
    "stacked_blocks",
]

#: Bytes that the inverses of all groups may take together.
INVERSES = 2**30

#: Floats that a batch of eliminations may hold: what a core's cache does. Accelerators
#: join batches.
BATCH = 2**18

#: Epochs of a block, and what its widths are rounded up to before they are merged.
BLOCK, STEP = 32, 4

#: Largest number of padded shapes of groups and gaps, and of blocks. Each is compiled,
#: which takes longer than a small record does.
SHAPES, BLOCK_SHAPES = 4, 6
SMALL = 1e7


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class EpochGroups:
    """Groups of consecutive epochs whose common gaps are padded to one length.

    An index equal to the number of epochs or rows is padding.

    Attributes:
      epoch: Epochs of each group, shape (group, epoch of group).
      common: Rows missing in every epoch of a group, shape (group, common).
    """

    epoch: NDArray[np.int32]
    common: NDArray[np.int32]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class EpochGaps:
    """Epochs with what they miss beyond their group, padded to one length.

    Attributes:
      epoch: Epochs of each batch, shape (batch, epoch of batch).
      group: Their groups, counted through all `EpochGroups`, same shape.
      missing: Rows missing beside the common ones, shape (batch, epoch of batch,
        missing).
    """

    epoch: NDArray[np.int32]
    group: NDArray[np.int32]
    missing: NDArray[np.int32]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class PaddedBlocks:
    """Blocks of consecutive epochs with their gaps, padded to one shape.

    Attributes:
      epoch: Epochs of each block, shape (block, epoch of block).
      common: Rows missing in every epoch of a block, shape (block, common).
      missing: Rows missing beside those, shape (block, epoch of block, missing).
    """

    epoch: NDArray[np.int32]
    common: NDArray[np.int32]
    missing: NDArray[np.int32]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class MissingPattern:
    """Every epoch with its missing rows, in a few parts of like shape.

    Laid out in two ways. Sums over rows are cheap: `groups` and `gaps` spread the
    epochs of a group over batches of like size. A variance of many functionals is dear
    in what a group shares: in `blocks` an epoch stays with its group.

    A pytree of integer arrays: pass it into a jitted function as an argument.

    Attributes:
      groups: Each epoch stands in exactly one of them.
      gaps: Each epoch that misses more than its group stands in exactly one of them.
      blocks: Each epoch stands in exactly one of them.
      missing: Number of missing observations.
      digest: Of where they are missing, to recognise the record.
      shape: Epochs and rows of the record.
    """

    groups: tuple[EpochGroups, ...]
    gaps: tuple[EpochGaps, ...]
    blocks: tuple[PaddedBlocks, ...]
    missing: np.int64
    digest: np.int32
    shape: tuple[int, int] = dataclasses.field(metadata={"static": True})


def find_pattern(
    values: ArrayLike, *, member: int | None = None, kinds: int | None = None
) -> MissingPattern:
    """Lay out the missing data of a record for `observations` under `jit`.

    Outside `jit` there is no need to: `observations` does it.

    What consecutive epochs miss in common is eliminated once for a group of them, the
    rest once per epoch. Each padded shape is compiled: a new record costs compilation
    if its shapes are new. Random minibatches are better bound without a pattern.

    Args:
      values: Observations, shape (epoch, row); not finite where missing. Concrete,
        since shapes depend on it.
      member: Epochs in a group; 64, or more where memory asks for it, if not given.
      kinds: Largest number of padded shapes of groups, and again of gaps; 4, or 1 for a
        small record, if not given.

    Returns:
      The `MissingPattern`.

    Raises:
      ValueError: If `values` has not two axes or is traced, or a number is not
        positive.

    Example:
      >>> up = np.array([[1.0, np.nan, 2.0], [np.nan, np.nan, 1.5]])
      >>> inversion.find_pattern(up).groups[0].common
      array([[1]], dtype=int32)
    """
    if not is_concrete(values):
        raise ValueError(
            "find_pattern needs the values of the observations; call it outside jit "
            "and pass its result as pattern="
        )
    missing = np.logical_not(np.isfinite(on_host(values)))
    if missing.ndim != 2:
        raise ValueError(f"values has shape {missing.shape}, expected (epoch row)")
    epochs, rows = missing.shape
    if member is None:
        member = max(64, -(-epochs * rows**2 * 8 // INVERSES))
    small = epochs * rows**2 < SMALL
    if kinds is None:
        kinds = 1 if small else SHAPES
    for name, value in (("member", member), ("kinds", kinds)):
        if value < 1:
            raise ValueError(f"{name} is {value}, expected a positive number")
    groups, common, number = _groups(missing, min(member, max(epochs, 1)), kinds)
    gaps = _gaps(missing & ~common[number], number, kinds)
    digest = pattern_digest(missing)
    blocks = _blocks(missing, BLOCK, 1 if small else BLOCK_SHAPES)
    return MissingPattern(groups, gaps, blocks, missing.sum(), digest, missing.shape)


def check_pattern(values: Array, pattern: MissingPattern) -> None:
    """Check, where values can be seen, that a pattern was found in them.

    Args:
      values: Observations, shape (epoch, row).
      pattern: From `find_pattern`.

    Raises:
      ValueError: If it was not.
    """
    same = pattern.shape == values.shape
    if same and is_concrete(values) and is_concrete(pattern.digest):
        missing = np.logical_not(np.isfinite(on_host(values)))
        same = (
            missing.sum() == pattern.missing
            and pattern_digest(missing) == pattern.digest
        )
    if not same:
        raise ValueError(
            f"pattern was found in another record, of shape {pattern.shape}, than "
            f"these observations, of shape {values.shape}; call find_pattern again"
        )


def missing_rows(pattern: MissingPattern) -> Array:
    """Where a pattern has missing data.

    Args:
      pattern: From `find_pattern`; may be traced.

    Returns:
      Boolean, shape (epoch, row).
    """
    epochs, rows = pattern.shape
    # One row and one epoch more, which padding writes to.
    missing = jnp.zeros((epochs + 1, rows + 1), bool)
    for blocks in pattern.blocks:
        common = jnp.broadcast_to(
            blocks.common[:, None, :],
            (*blocks.epoch.shape, blocks.common.shape[-1]),
        )
        for index in (common, jnp.asarray(blocks.missing)):
            epoch = jnp.broadcast_to(blocks.epoch[..., None], index.shape)
            missing = missing.at[epoch, index].set(True)
    return missing[:epochs, :rows]


def blocks_in_time(
    missing: NDArray[np.bool_], member: int
) -> Iterator[tuple[slice, PaddedBlocks]]:
    """Go through blocks of epochs one by one, from the first epoch to the last.

    Args:
      missing: Where observations are missing, shape (epoch, row).
      member: Epochs of a block, positive.

    Yields:
      The epochs of a block, and the block without its leading axis.

    Raises:
      ValueError: If `member` is not positive.
    """
    if member < 1:
        raise ValueError(f"member is {member}, expected a positive number")
    kinds = _blocks(missing, member, BLOCK_SHAPES)
    places = [
        (int(epoch[0]), number, place)
        for number, blocks in enumerate(kinds)
        for place, epoch in enumerate(blocks.epoch)
    ]
    for first, number, place in sorted(places):
        block = jax.tree.map(lambda index, place=place: index[place], kinds[number])
        yield slice(first, min(first + len(block.epoch), len(missing))), block


def stacked_blocks(blocks: list[PaddedBlocks], count: int, rows: int) -> PaddedBlocks:
    """Pad blocks to one shape, side by side.

    Args:
      blocks: From `blocks_in_time`, of equal numbers of epochs.
      count: How many there are to be; the last one is repeated.
      rows: Number of rows.

    Returns:
      The `PaddedBlocks`, of `count` blocks.
    """
    blocks = blocks + blocks[-1:] * (count - len(blocks))

    def joined(indices: list[NDArray[np.int32]]) -> NDArray[np.int32]:
        width = max(index.shape[-1] for index in indices)
        spare = lambda index: (
            [(0, 0)] * (index.ndim - 1) + [(0, width - index.shape[-1])]
        )
        return np.stack(
            [np.pad(index, spare(index), constant_values=rows) for index in indices]
        )

    return PaddedBlocks(
        np.stack([block.epoch for block in blocks]),
        joined([block.common for block in blocks]),
        joined([block.missing for block in blocks]),
    )


def pattern_digest(missing: NDArray[np.bool_]) -> np.int32:
    """Compute a checksum of where data are missing.

    Args:
      missing: Shape (epoch, row).

    Returns:
      The checksum.
    """
    number = zlib.crc32(np.packbits(missing, axis=1).tobytes())
    return np.uint32(number).astype(np.int32)


def _groups(
    missing: NDArray[np.bool_], member: int, kinds: int
) -> tuple[tuple[EpochGroups, ...], NDArray[np.bool_], NDArray[np.int64]]:
    """The groups; what each misses, in their order; the group of each epoch."""
    epochs, rows = missing.shape
    starts = np.arange(0, epochs, member)
    common = np.logical_and.reduceat(missing, starts, axis=0)
    size = common.sum(axis=1)
    parts = split_by_size(size, lambda c: c * rows * (rows + c) + 1.0, kinds)
    groups = []
    for chosen in parts:
        epoch = starts[chosen, None] + np.arange(member)
        width = int(size[chosen].max())
        groups.append(
            EpochGroups(
                np.minimum(epoch, epochs).astype(np.int32),
                padded_indices(common[chosen], width),
            )
        )
    order = np.concatenate([np.zeros(0, int), *parts])
    rank = np.argsort(order)
    return tuple(groups), common[order], rank[np.arange(epochs) // member]


def _gaps(
    rest: NDArray[np.bool_], number: NDArray[np.int64], kinds: int
) -> tuple[EpochGaps, ...]:
    epochs, rows = rest.shape
    size = rest.sum(axis=1)
    some = np.flatnonzero(size)
    gaps = []
    for part in split_by_size(size[some], lambda r: rows * r * (r + 8.0), kinds):
        chosen = some[part]
        width = int(size[chosen].max())
        batch = min(max(BATCH // (width * rows), 4), len(chosen))
        fill = -len(chosen) % batch
        epoch = np.pad(chosen, (0, fill), constant_values=epochs)
        index = np.pad(
            padded_indices(rest[chosen], width),
            ((0, fill), (0, 0)),
            constant_values=rows,
        )
        gaps.append(
            EpochGaps(
                epoch.reshape(-1, batch).astype(np.int32),
                np.pad(number[chosen], (0, fill)).reshape(-1, batch).astype(np.int32),
                index.reshape(-1, batch, width),
            )
        )
    return tuple(gaps)


def _blocks(
    missing: NDArray[np.bool_], member: int, shapes: int
) -> tuple[PaddedBlocks, ...]:
    epochs, rows = missing.shape
    member = min(member, max(epochs, 1))
    starts = np.arange(0, epochs, member)
    common = np.logical_and.reduceat(missing, starts, axis=0)
    rest = missing & ~np.repeat(common, member, axis=0)[:epochs]
    widest = np.maximum.reduceat(rest.sum(axis=1), starts) if epochs else starts
    widths = np.stack([common.sum(axis=1), widest], axis=1)
    padded = np.concatenate([rest, np.zeros((1, rows), bool)])
    blocks = []
    for chosen, width in merged_widths(widths, rows, member, shapes):
        epoch = np.minimum(chosen[:, None] * member + np.arange(member), epochs)
        blocks.append(
            PaddedBlocks(
                epoch.astype(np.int32),
                padded_indices(common[chosen], width[0]),
                padded_indices(padded[epoch], width[1]),
            )
        )
    return tuple(blocks)


def padded_indices(mask: NDArray[np.bool_], width: int) -> NDArray[np.int32]:
    """Compute the positions of True along the last axis, padded to a width.

    Args:
      mask: Shape (..., row), no more than `width` of them True along the last axis.
      width: Length of the result.

    Returns:
      Positions in order, the number of rows where there are no more, shape (...,
      width).
    """
    rows = mask.shape[-1]
    flat = mask.reshape(-1, rows)
    item, place = np.nonzero(flat)
    count = flat.sum(axis=1)
    rank = np.arange(len(item)) - np.repeat(np.cumsum(count) - count, count)
    index = np.full((len(flat), width), rows, np.int32)
    index[item, rank] = place
    return index.reshape(*mask.shape[:-1], width)


def split_by_size(
    size: NDArray[np.int64], cost: Callable[[NDArray], NDArray], kinds: int
) -> list[NDArray[np.int64]]:
    """Split items by size where padding each part to its largest costs least in all.

    Args:
      size: Of each item, shape (item,).
      cost: Of an item of some sizes.
      kinds: Largest number of parts.

    Returns:
      The items of each part, by their numbers.
    """
    levels, counts = np.unique(size, return_counts=True)
    total = np.concatenate([[0], np.cumsum(counts)])
    best = np.full((kinds + 1, len(levels) + 1), np.inf)
    best[:, 0] = 0
    cut = np.zeros((kinds + 1, len(levels) + 1), int)
    for stop in range(1, len(levels) + 1):
        padded = (total[stop] - total[:stop]) * cost(levels[stop - 1])
        split = best[:-1, :stop] + padded
        cut[1:, stop] = split.argmin(axis=1)
        best[1:, stop] = split.min(axis=1)
    parts, stop, left = [], len(levels), kinds
    while stop > 0:
        start = cut[left, stop]
        inside = (size >= levels[start]) & (size <= levels[stop - 1])
        parts.append(np.flatnonzero(inside))
        stop, left = start, left - 1
    return parts


def merged_widths(
    widths: NDArray[np.int64], rows: int, member: int, shapes: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Group blocks by their two widths, merged where that costs least.

    Args:
      widths: Rows that a block misses throughout, and the most that an epoch of it
        misses beside them, shape (block, 2).
      rows: Number of rows.
      member: Epochs of a block.
      shapes: Largest number of groups.

    Returns:
      The numbers of the blocks of each group, and both widths they are padded to.
    """
    level, part = np.unique(-(-widths // STEP) * STEP, axis=0, return_inverse=True)
    members = [np.flatnonzero(part.ravel() == number) for number in range(len(level))]

    def cost(width: NDArray) -> NDArray:
        common, missing = width[..., 0], width[..., 1]
        return common * (rows + common) + member * missing * (missing + 8.0)

    while len(level) > shapes:
        count = np.array([len(blocks) for blocks in members])
        apart = count * cost(level)
        joint = np.maximum(level[:, None], level[None, :])
        growth = (count[:, None] + count) * cost(joint) - apart[:, None] - apart
        growth[np.tril_indices(len(level))] = np.inf
        first, second = np.unravel_index(growth.argmin(), growth.shape)
        level[first] = joint[first, second]
        members[first] = np.concatenate([members[first], members.pop(second)])
        level = np.delete(level, second, axis=0)
    return [(np.sort(blocks), width) for blocks, width in zip(members, level)]

"""Gaps of consecutive epochs beside each other, for what costs more than a multiplier.

`Gaps` serves sums over rows, which are cheap: it spreads the epochs of a group over
batches of like size. A variance of many functionals is dear in what a group shares, so
that here an epoch stays with its group.
"""

import dataclasses
from collections.abc import Iterator

import jax
import numpy as np
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import is_concrete

__all__ = ["Blocks", "Kind", "blocks_in_time", "find_blocks"]

#: Widths are rounded up to multiples of this before they are merged into kinds.
STEP = 4


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Kind:
    """Blocks of consecutive epochs, padded to one shape.

    An index equal to the number of epochs or rows is padding.

    Attributes:
      epoch: Epochs of each block, shape (block, member).
      common: Rows missing in every epoch of a block, shape (block, common).
      missing: Rows missing beside those, shape (block, member, missing).
    """

    epoch: NDArray[np.int32]
    common: NDArray[np.int32]
    missing: NDArray[np.int32]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Blocks:
    """Every epoch with its missing rows, in blocks of a few shapes.

    A pytree of integer arrays: pass it into a jitted function as an argument.

    Attributes:
      kinds: Each block stands in exactly one of them.
      missing: Number of observations missing, to know the record again.
      shape: Epochs and rows of the record.
    """

    kinds: tuple[Kind, ...]
    missing: np.int64
    shape: tuple[int, int] = dataclasses.field(metadata={"static": True})


def find_blocks(displacement: ArrayLike, *, member: int = 32, kinds: int = 6) -> Blocks:
    """Lay out the gaps of a record for variances and covariances.

    Args:
      displacement: Observations, shape (epoch, row); not finite where missing.
        Concrete, since shapes depend on it.
      member: Consecutive epochs in a block, positive.
      kinds: Largest number of shapes to which blocks are padded, each of which is
        compiled, positive.

    Returns:
      The `Blocks`.

    Raises:
      ValueError: If `displacement` has not two axes or is traced, or a number is not
        positive.

    Example:
      >>> up = np.array([[1.0, np.nan, 2.0], [np.nan, np.nan, 1.5]])
      >>> find_blocks(up).kinds[0].common
      array([[1, 3, 3, 3]], dtype=int32)
    """
    if not is_concrete(displacement):
        raise ValueError(
            "find_blocks needs the values of displacement; call it outside jit and "
            "pass its result as blocks="
        )
    missing = np.logical_not(np.isfinite(np.asarray(displacement)))
    if missing.ndim != 2:
        raise ValueError(
            f"displacement has shape {missing.shape}, expected (epoch row)"
        )
    for name, value in (("member", member), ("kinds", kinds)):
        if value < 1:
            raise ValueError(f"{name} is {value}, expected a positive number")
    member = min(member, max(len(missing), 1))
    starts = np.arange(0, len(missing), member)
    common = np.logical_and.reduceat(missing, starts, axis=0)
    rest = missing & ~np.repeat(common, member, axis=0)[: len(missing)]
    widest = np.maximum.reduceat(rest.sum(axis=1), starts)
    widths = np.stack([common.sum(axis=1), widest], axis=1)
    parts = _merged(widths, missing.shape[1], member, kinds)
    return Blocks(
        tuple(_kind(common, rest, member, *part) for part in parts),
        missing.sum(),
        missing.shape,
    )


def blocks_in_time(blocks: Blocks) -> Iterator[tuple[slice, Kind]]:
    """The blocks one by one, from the first epoch to the last.

    Args:
      blocks: Not traced.

    Yields:
      The epochs of a block, and the block without its leading axis.
    """
    places = [
        (int(epoch[0]), number, place)
        for number, kind in enumerate(blocks.kinds)
        for place, epoch in enumerate(kind.epoch)
    ]
    for first, number, place in sorted(places):
        block = jax.tree.map(
            lambda index, place=place: index[place], blocks.kinds[number]
        )
        stop = min(first + len(block.epoch), blocks.shape[0])
        yield slice(first, stop), block


def _kind(
    common: NDArray[np.bool_],
    rest: NDArray[np.bool_],
    member: int,
    chosen: NDArray[np.int64],
    width: NDArray[np.int64],
) -> Kind:
    epochs, rows = rest.shape
    epoch = np.minimum(chosen[:, None] * member + np.arange(member), epochs)
    padded = np.concatenate([rest, np.zeros((1, rows), bool)])
    return Kind(
        epoch.astype(np.int32),
        _indices(common[chosen], width[0]),
        _indices(padded[epoch], width[1]),
    )


def _indices(mask: NDArray[np.bool_], width: int) -> NDArray[np.int32]:
    """The positions of True along the last axis, padded to `width`."""
    rows = mask.shape[-1]
    order = np.argsort(~mask, axis=-1, kind="stable")[..., :width]
    found = np.where(np.take_along_axis(mask, order, axis=-1), order, rows)
    spare = [(0, 0)] * (mask.ndim - 1) + [(0, max(width - rows, 0))]
    return np.pad(found, spare, constant_values=rows).astype(np.int32)


def _merged(
    widths: NDArray[np.int64], rows: int, member: int, kinds: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Blocks of each kind and their two widths, merged where that costs least."""
    level, part = np.unique(-(-widths // STEP) * STEP, axis=0, return_inverse=True)
    members = [np.flatnonzero(part.ravel() == number) for number in range(len(level))]

    def cost(width: NDArray) -> NDArray:
        common, missing = width[..., 0], width[..., 1]
        return common * (rows + common) + member * missing * (missing + 8.0)

    while len(level) > kinds:
        count = np.array([len(blocks) for blocks in members])
        alone = count * cost(level)
        joint = np.maximum(level[:, None], level[None, :])
        growth = (count[:, None] + count) * cost(joint) - alone[:, None] - alone
        growth[np.tril_indices(len(level))] = np.inf
        first, second = np.unravel_index(growth.argmin(), growth.shape)
        level[first] = joint[first, second]
        members[first] = np.concatenate([members[first], members.pop(second)])
        level = np.delete(level, second, axis=0)
    return [(np.sort(blocks), width) for blocks, width in zip(members, level)]

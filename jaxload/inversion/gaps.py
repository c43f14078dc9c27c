"""The pattern of missing data, laid out on the host so that epochs can share work."""

import dataclasses

import jax
import numpy as np
from jax.typing import ArrayLike

from jaxload._check import is_concrete

__all__ = ["Block", "Gaps", "find_gaps"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Block:
    """Groups of consecutive epochs, padded to one shape.

    An index equal to the number of epochs or stations is padding.

    Attributes:
      epoch: Epochs of each group, shape (group, member).
      common: Stations missing in every epoch of a group, shape (group, common).
      missing: Further stations missing in each epoch, shape (group, member, missing).
    """

    epoch: np.ndarray
    common: np.ndarray
    missing: np.ndarray


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Gaps:
    """Every epoch with its missing stations, in a few blocks of like shape.

    A pytree of integer arrays: pass it into a jitted function as an argument.

    Attributes:
      blocks: Each epoch stands in exactly one of them.
    """

    blocks: tuple[Block, ...]


def find_gaps(displacement: ArrayLike, *, member: int = 32, kinds: int = 4) -> Gaps:
    """Lay out the gaps of a record for `solve` and its criteria.

    A receiver that fails is silent for days, one not yet built for years: of the
    stations missing on a day most are missing on its neighbours too. Those are
    eliminated once per group of `member` consecutive epochs, only the rest once per
    epoch. Groups are sorted by cost into `kinds` of equal padded shape, since each
    shape is compiled.

    Args:
      displacement: Observations, shape (epoch, station); not finite where missing.
        Concrete, since shapes depend on it.
      member: Epochs in a group.
      kinds: Largest number of padded shapes.

    Returns:
      The `Gaps`.

    Raises:
      ValueError: If `displacement` has not two axes.
    """
    if not is_concrete(displacement):
        raise ValueError(
            "find_gaps needs the values of displacement; call it outside jit and pass "
            "its result as gaps="
        )
    missing = np.logical_not(np.isfinite(np.asarray(displacement)))
    if missing.ndim != 2:
        raise ValueError(
            f"displacement has shape {missing.shape}, expected (epoch station)"
        )
    epochs, stations = missing.shape
    member = min(member, max(epochs, 1))
    groups = -(-epochs // member)
    padding = np.ones((groups * member - epochs, stations), bool)
    # A padding epoch misses what its group misses, so it adds no work.
    table = np.concatenate([missing, padding]).reshape(groups, member, stations)
    epoch = np.minimum(np.arange(groups * member), epochs).reshape(groups, member)
    common = table.all(axis=1)
    rest = table & ~common[:, None, :] & (epoch < epochs)[:, :, None]
    sizes = np.stack([common.sum(-1), rest.sum(-1).max(-1, initial=0)], axis=-1)
    blocks = [
        Block(
            epoch[chosen].astype(np.int32),
            _indices(common[chosen], shape[0]),
            _indices(rest[chosen], shape[1]),
        )
        for chosen, shape in _kinds(sizes, stations, member, kinds)
    ]
    return Gaps(tuple(blocks))


def _indices(mask: np.ndarray, width: int) -> np.ndarray:
    """The positions of True along the last axis, padded to `width`."""
    order = np.argsort(~mask, axis=-1, kind="stable")[..., :width]
    found = np.take_along_axis(mask, order, axis=-1)
    return np.where(found, order, mask.shape[-1]).astype(np.int32)


def _kinds(
    sizes: np.ndarray, stations: int, member: int, kinds: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split groups, sorted by cost, where padding each part costs least in all."""

    def cost(size: np.ndarray) -> np.ndarray:
        common, rest = size[..., 0].astype(float), size[..., 1].astype(float)
        return stations * (common * (stations + common) + member * (1 + rest) ** 2)

    order = np.argsort(cost(sizes), kind="stable")
    count = len(order)
    ordered = sizes[order]
    best = np.full((kinds + 1, count + 1), np.inf)
    best[:, 0] = 0
    cut = np.zeros((kinds + 1, count + 1), int)
    for stop in range(1, count + 1):
        largest = np.maximum.accumulate(ordered[stop - 1 :: -1], axis=0)[::-1]
        padded = (stop - np.arange(stop)) * cost(largest)
        total = best[:-1, :stop] + padded
        cut[1:, stop] = total.argmin(axis=1)
        best[1:, stop] = total.min(axis=1)
    parts, stop, left = [], count, kinds
    while stop > 0:
        start = cut[left, stop]
        chosen = np.sort(order[start:stop])
        parts.append((chosen, sizes[chosen].max(axis=0)))
        stop, left = start, left - 1
    return parts

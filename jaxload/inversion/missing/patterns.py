"""The pattern of missing data, laid out on the host so that epochs can share work."""

import dataclasses
from collections.abc import Callable

import jax
import numpy as np
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import is_concrete

__all__ = ["Gaps", "Groups", "Rest", "find_gaps"]

#: Bytes that the inverses of all groups may take together.
INVERSES = 2**30

#: Floats that a batch of eliminations may hold: what a core's cache does, and on an
#: accelerator what keeps it busy.
BATCH = {"cpu": 2**18}
LARGE_BATCH = 2**26


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Groups:
    """Groups of consecutive epochs whose common gaps have been padded to one length.

    An index equal to the number of epochs or stations is padding.

    Attributes:
      epoch: Epochs of each group, shape (group, member).
      common: Stations missing in every epoch of a group, shape (group, common).
    """

    epoch: NDArray[np.int32]
    common: NDArray[np.int32]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Rest:
    """Epochs with what they miss beyond their group, padded to one length.

    Attributes:
      epoch: Epochs of each batch, shape (batch, member).
      group: Their groups, counted through all `Groups`, shape (batch, member).
      missing: Stations missing beside the common ones, shape (batch, member, missing).
    """

    epoch: NDArray[np.int32]
    group: NDArray[np.int32]
    missing: NDArray[np.int32]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Gaps:
    """Every epoch with its missing stations, in a few parts of like shape.

    A pytree of integer arrays: pass it into a jitted function as an argument.

    Attributes:
      groups: Each epoch stands in exactly one of them.
      rests: Each epoch that misses more than its group stands in exactly one of them.
      missing: Number of observations missing, to know the record again.
      shape: Epochs and stations of the record.
    """

    groups: tuple[Groups, ...]
    rests: tuple[Rest, ...]
    missing: np.int64
    shape: tuple[int, int] = dataclasses.field(metadata={"static": True})


def find_gaps(
    displacement: ArrayLike, *, member: int | None = None, kinds: int = 4
) -> Gaps:
    """Lay out the gaps of a record for `solve` and its criteria.

    A receiver that fails is silent for days, one not yet built for years: of the
    stations missing on a day most are missing on its neighbours too. Those are
    eliminated once per group of `member` consecutive epochs, and only the rest once per
    epoch. Both are sorted into a few padded shapes, since each shape is compiled.

    Args:
      displacement: Observations, shape (epoch, station); not finite where missing.
        Concrete, since shapes depend on it.
      member: Epochs in a group; 64, or more where memory asks for it, if not given.
      kinds: Largest number of padded shapes of groups, and again of rests.

    Returns:
      The `Gaps`.

    Raises:
      ValueError: If `displacement` has not two axes or is traced.
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
    if member is None:
        member = max(64, -(-epochs * stations**2 * 8 // INVERSES))
    groups, common, number = _groups(missing, min(member, max(epochs, 1)), kinds)
    rest = missing & ~common[number]
    return Gaps(groups, _rests(rest, number, kinds), missing.sum(), missing.shape)


def _groups(
    missing: NDArray[np.bool_], member: int, kinds: int
) -> tuple[tuple[Groups, ...], NDArray[np.bool_], NDArray[np.int64]]:
    """The groups; what each misses, in their order; the group of each epoch."""
    epochs, stations = missing.shape
    starts = np.arange(0, epochs, member)
    common = np.logical_and.reduceat(missing, starts, axis=0)
    size = common.sum(axis=1)
    parts = _kinds(size, lambda c: c * stations * (stations + c) + 1.0, kinds)
    groups = []
    for chosen in parts:
        epoch = starts[chosen, None] + np.arange(member)
        width = int(size[chosen].max())
        groups.append(
            Groups(
                np.minimum(epoch, epochs).astype(np.int32),
                _indices(common[chosen], width),
            )
        )
    order = np.concatenate([np.zeros(0, int), *parts])
    rank = np.argsort(order)
    return tuple(groups), common[order], rank[np.arange(epochs) // member]


def _rests(
    rest: NDArray[np.bool_], number: NDArray[np.int64], kinds: int
) -> tuple[Rest, ...]:
    epochs, stations = rest.shape
    size = rest.sum(axis=1)
    some = np.flatnonzero(size)
    room = BATCH.get(jax.default_backend(), LARGE_BATCH)
    rests = []
    for part in _kinds(size[some], lambda r: stations * r * (r + 8.0), kinds):
        chosen = some[part]
        width = int(size[chosen].max())
        batch = min(max(room // (width * stations), 4), len(chosen))
        fill = -len(chosen) % batch
        epoch = np.pad(chosen, (0, fill), constant_values=epochs)
        index = np.pad(
            _indices(rest[chosen], width), ((0, fill), (0, 0)), constant_values=stations
        )
        rests.append(
            Rest(
                epoch.reshape(-1, batch).astype(np.int32),
                np.pad(number[chosen], (0, fill)).reshape(-1, batch).astype(np.int32),
                index.reshape(-1, batch, width),
            )
        )
    return tuple(rests)


def _indices(mask: NDArray[np.bool_], width: int) -> NDArray[np.int32]:
    """The positions of True along the last axis, padded to `width`."""
    order = np.argsort(~mask, axis=-1, kind="stable")[..., :width]
    found = np.take_along_axis(mask, order, axis=-1)
    return np.where(found, order, mask.shape[-1]).astype(np.int32)


def _kinds(
    size: NDArray[np.int64], cost: Callable[[NDArray], NDArray], kinds: int
) -> list[NDArray[np.int64]]:
    """Split items by size where padding each part to its largest costs least in all."""
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

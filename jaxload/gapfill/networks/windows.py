"""Training data of an ensemble: windows of a record, and spans held out of it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

__all__ = [
    "TrainingWindows",
    "Windows",
    "hold_out_spans",
    "make_training_windows",
    "make_windows",
]

Bools = NDArray[np.bool_]

#: Most observations that are held out in a row, if the record is long enough.
SPAN = 30


@dataclasses.dataclass(frozen=True, eq=False)
class Windows:
    """Windows of a record, each of the same length.

    Attributes:
      epoch: Which epoch each reads, shape (row, window).
      judged: Whether the loss of a window counts it; every epoch is counted once, same
        shape.
    """

    epoch: NDArray[np.int64]
    judged: Bools


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainingWindows:
    """Training data of the members, cut to windows.

    Weights sum to one for each member.

    Attributes:
      inputs: Features, shape (member, row, window, feature).
      target: Standardised, zero if missing, shape (member, row, window).
      train_weight: Weight of each target in the loss, same shape.
      validation_weight: Likewise in the validation loss.
    """

    inputs: Array
    target: Array
    train_weight: Array
    validation_weight: Array


def make_windows(epochs: int, window: int | None, warm_up: int) -> Windows:
    """Cut a record to windows that can be run side by side.

    Args:
      epochs: Length of the record.
      window: Epochs that the loss of each counts; None for the whole record as one.
      warm_up: Epochs read before those, where the record has them.

    Returns:
      The `Windows`.
    """
    size = epochs if window is None else min(window, epochs)
    number = np.arange(-(-epochs // size))
    start = np.maximum(number * size - warm_up, 0)
    length = epochs if len(number) == 1 else min(size + warm_up, epochs)
    epoch = start + np.arange(length)[:, None]
    judged = (epoch // size == number) & (epoch < epochs)
    return Windows(np.minimum(epoch, epochs - 1), judged)


def hold_out_spans(seen: Bools, every: int, seed: int) -> Bools:
    """Choose spans of observations, one in so many, for each member by itself.

    Noise of receivers is correlated from day to day: single epochs held out would be
    half known from their neighbours.

    Args:
      seen: What was observed, shape (epoch, member).
      every: One in how many spans is held out.
      seed: Decides which is the first.

    Returns:
      Whether an observation is held out, same shape; some are, of each member with at
      least two observations for every span.
    """
    count = seen.sum(axis=0)
    span = np.clip(count // (2 * every), 1, SPAN)
    number = (np.cumsum(seen, axis=0) - 1) // span
    first = [
        np.random.default_rng((seed, member)).integers(every)
        for member in range(len(count))
    ]
    return seen & (number % every == np.asarray(first))


def make_training_windows(
    features: NDArray, target: NDArray, out: Bools, windows: Windows, dtype: str
) -> TrainingWindows:
    """Lay out the training data of the members.

    Args:
      features: Shape (epoch, member, feature).
      target: Standardised, shape (epoch, member); NaN if missing.
      out: What is held out, same shape.
      windows: Of the record.
      dtype: Precision of what is returned.

    Returns:
      The `TrainingWindows`.
    """
    seen = np.isfinite(target)

    def cut(values: NDArray) -> Array:
        return jnp.asarray(np.moveaxis(values[windows.epoch], 2, 0), dtype)

    def weight(chosen: Bools) -> Array:
        counted = chosen[windows.epoch] & windows.judged[..., None]
        share = counted / counted.sum(axis=(0, 1))
        return jnp.asarray(np.moveaxis(share, 2, 0), dtype)

    return TrainingWindows(
        inputs=cut(features),
        target=cut(np.where(seen, target, 0)),
        train_weight=weight(seen & ~out),
        validation_weight=weight(out),
    )

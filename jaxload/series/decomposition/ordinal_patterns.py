"""How irregular series are, by the order of neighbouring values."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxload._check import check_shapes

__all__ = ["permutation_entropy"]


def permutation_entropy(
    values: ArrayLike, order: int = 6, delay: int = 1
) -> NDArray[np.float64]:
    """Entropy of the orders in which neighbouring values stand.

    Every run of `order` values is sorted; p is the share of the runs that are sorted by
    the same permutation, and the entropy is that of p over all permutations,
    -sum p log p / log(order!): 0 for a series that only rises, 1 for long white noise.
    A record with few more runs than there are permutations stays below.

    Args:
      values: Complete series, shape (epoch, series).
      order: Number of values in a run.
      delay: Epochs between the values of a run.

    Returns:
      Entropy from 0 to 1 [-], shape (series,).

    Raises:
      ValueError: If `order` is below 2, `delay` below 1, or no run fits in the record.

    Source:
      Bandt and Pompe (2002), Permutation entropy: a natural complexity measure for time
      series, doi:10.1103/PhysRevLett.88.174102.
    """
    values = np.asarray(values)
    check_shapes(values=(values, "epoch series"))
    span = (order - 1) * delay + 1
    if order < 2 or delay < 1 or span > len(values):
        raise ValueError(
            f"order {order} and delay {delay} need runs of {span} epochs, expected an "
            f"order from 2, a delay from 1 and at most the {len(values)} epochs given"
        )
    return np.array([_entropy(one, order, delay) for one in values.T])


def _entropy(values: NDArray, order: int, delay: int) -> float:
    span = (order - 1) * delay + 1
    runs = np.lib.stride_tricks.sliding_window_view(values, span)[:, ::delay]
    # Ties are sorted by time, as if a later value were larger.
    ranks = np.argsort(runs, axis=1, kind="stable")
    names = ranks @ order ** np.arange(order)
    share = np.unique(names, return_counts=True)[1] / len(names)
    return float(-(share * np.log(share)).sum() / math.log(math.factorial(order)))

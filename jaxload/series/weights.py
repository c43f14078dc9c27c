"""Weights of observations, and means with them."""

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import check_shapes, is_concrete

__all__ = ["checked_weights", "weighted_mean"]


def weighted_mean(values: Array, weights: Array, axis: int) -> Array:
    """Average along an axis.

    Args:
      values: Finite wherever the weight is not zero, any shape.
      weights: Not negative, same shape.
      axis: The axis, which stays with size 1.

    Returns:
      The mean; zero where all weights are.
    """
    total = weights.sum(axis=axis, keepdims=True)
    mean = (weights * values).sum(axis=axis, keepdims=True)
    return mean / jnp.where(total > 0, total, 1)


def checked_weights(values: Array, weights: ArrayLike | None) -> Array:
    """Weights of all observations, zero where there is none.

    Args:
      values: Series, shape (epoch, station); NaN if missing.
      weights: Shape (station,) or (epoch, station); one everywhere if not given.

    Returns:
      Weights, shape (epoch, station).

    Raises:
      ValueError: If shapes disagree, or weights are negative or not finite.
    """
    check_shapes(values=(values, "epoch station"))
    seen = jnp.isfinite(values)
    if weights is None:
        return seen.astype(values.dtype)
    weights = jnp.asarray(weights, values.dtype)
    axes = "station" if weights.ndim == 1 else "epoch station"
    check_shapes(values=(values, "epoch station"), weights=(weights, axes))
    weights = jnp.broadcast_to(weights, values.shape)
    if is_concrete(weights) and is_concrete(seen):
        used = np.asarray(weights)[np.asarray(seen)]
        bad = used[~(np.isfinite(used) & (used >= 0))]
        if len(bad):
            raise ValueError(
                f"weights holds {bad[0]:g}, expected finite numbers that are not "
                "negative; mask the observation with NaN instead"
            )
    return jnp.where(seen, weights, 0)

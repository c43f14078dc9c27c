"""Predictions at stations compared with their observations."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import check_shapes
from jaxload.evaluate import TaylorStatistics, rmse, taylor_statistics

__all__ = ["Validation", "check_complete", "score"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Validation:
    """How well stations are predicted, each from others.

    Attributes:
      predicted: Displacement [mm], shape (epoch, station).
      pcc: Correlation with the observations [-], shape (station,); NaN for a station
        with fewer than 3 values, as in the others.
      rmse: Root mean square error [mm], shape (station,).
      taylor: What a Taylor diagram shows, each of shape (station,).
    """

    predicted: Array
    pcc: Array
    rmse: Array
    taylor: TaylorStatistics


def score(predicted: ArrayLike, displacement: ArrayLike) -> Validation:
    """Compare predictions with observations.

    Args:
      predicted: Displacement [mm], shape (epoch, station).
      displacement: Observations [mm], likewise; NaN if missing.

    Returns:
      The `Validation`.

    Raises:
      ValueError: If the shapes differ.
    """
    displacement = jnp.asarray(displacement)
    predicted = jnp.asarray(predicted, dtype=displacement.dtype)
    check_shapes(
        predicted=(predicted, "epoch station"),
        displacement=(displacement, "epoch station"),
    )
    taylor = taylor_statistics(predicted, displacement, axis=0)
    error = rmse(predicted, displacement, axis=0)
    return Validation(predicted, taylor.pcc, error, taylor)


def check_complete(name: str, values: np.ndarray, place: str) -> None:
    """Check that features have no gaps.

    Args:
      name: Of the features, for the message.
      values: Shape (epoch, place, feature).
      place: What the second axis is, for the message.

    Raises:
      ValueError: If any is missing or infinite; the first is named.
    """
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        epoch, number, feature = bad[0]
        raise ValueError(
            f"{name} has {len(bad)} values that are NaN or infinite, the first at "
            f"epoch {epoch}, {place} {number}, feature {feature}; fill the gaps of the "
            "weather first, or leave these out"
        )

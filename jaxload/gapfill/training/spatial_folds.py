"""Spatial block cross-validation: stations held out together with those near them.

A station beside another is predicted well by anything that follows its neighbour. The
error at a place without a station shows only where the neighbours are held out too.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import check_shapes

__all__ = ["centres_for_fraction", "neighbourhoods", "sample_neighbourhoods"]


def sample_neighbourhoods(
    distance: ArrayLike, radius: ArrayLike, centres: int, key: Array
) -> Array:
    """Draw stations, and hold them out with their neighbours.

    Args:
      distance: Between stations, in any unit, shape (station, station).
      radius: Up to where a station is a neighbour, in the same unit.
      centres: Number of stations drawn.
      key: Of `jax.random.key`.

    Returns:
      Whether a station is held out, boolean, shape (station,).
    """
    distance = jnp.asarray(distance)
    check_shapes(distance=(distance, "station station"))
    drawn = jax.random.choice(key, len(distance), (centres,), replace=False)
    return jnp.any(distance[drawn] <= radius, axis=0)


def centres_for_fraction(distance: ArrayLike, radius: float, share: float) -> int:
    """How many neighbourhoods hold out a share of the stations.

    Args:
      distance: Between stations, in any unit, shape (station, station).
      radius: Up to where a station is a neighbour, in the same unit.
      share: Share of the stations that is to be held out, between 0 and 1.

    Returns:
      Number of centres for `sample_neighbourhoods`: at least one, and such that most
      stations stay.

    Raises:
      ValueError: If the share is not between 0 and 1, or one neighbourhood alone holds
        more than half of the stations.
    """
    if not 0 < share < 1:
        raise ValueError(f"share is {share:g}, expected a number between 0 and 1")
    near = np.asarray(distance) <= radius
    size = float(near.sum(axis=1).mean())
    if size > len(near) / 2:
        raise ValueError(
            f"a neighbourhood of radius {radius:g} holds {size:.0f} of {len(near)} "
            "stations, so that too few are left; take a smaller radius"
        )
    # Neighbourhoods overlap: with n of them a share 1 - (1 - size / all)^n is out.
    needed = np.log1p(-share) / np.log1p(-size / len(near))
    return int(max(1, round(needed)))


def neighbourhoods(
    distance: ArrayLike, radius: float, count: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Divide the stations into neighbourhoods, each to be predicted in its turn.

    The first centre is the first station, every further one the station farthest from
    all centres so far; stations belong to the nearest centre.

    Args:
      distance: Between stations, in any unit, shape (station, station).
      radius: Within it of a predicted station all others are held out, same unit.
      count: Number of neighbourhoods.

    Returns:
      Stations predicted with each, boolean, shape (neighbourhood, station), every one
      once; and stations held out for it, likewise.

    Raises:
      ValueError: If `count` is not from 2 to the number of stations.

    Source:
      Farthest-point sampling: Gonzalez (1985), doi:10.1016/0304-3975(85)90224-5.
    """
    distance = np.asarray(distance)
    if not 2 <= count <= len(distance):
        raise ValueError(
            f"count is {count}, expected 2 to {len(distance)}, the number of stations"
        )
    centres = [0]
    while len(centres) < count:
        centres.append(int(distance[centres].min(axis=0).argmax()))
    nearest = distance[centres].argmin(axis=0)
    predicted = nearest[None, :] == np.arange(count)[:, None]
    around = predicted.astype(int) @ (distance <= radius).astype(int) > 0
    return predicted, predicted | around

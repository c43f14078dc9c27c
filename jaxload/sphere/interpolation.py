"""Values between the nodes of a grid, as sparse matrices."""

import numpy as np
import scipy.sparse as sparse
from numpy.typing import ArrayLike, NDArray

__all__ = ["linear_weights"]

#: Share of a step by which a place may miss the grid and be taken to its edge.
ROUNDING = 1e-6


def linear_weights(
    lon_axis: ArrayLike, lat_axis: ArrayLike, lon: ArrayLike, lat: ArrayLike
) -> sparse.csr_array:
    """Weights that interpolate linearly in longitude and latitude.

    ``weights @ values`` are values at the places, for values of shape (node, ...) whose
    nodes go row by row of latitude. Places within half a step beyond the outer nodes,
    which their cells still cover, take the value of the edge.

    Not for: grids across which longitude jumps; shift them first.

    Args:
      lon_axis: Longitudes of the nodes [degrees], ascending, shape (lon,).
      lat_axis: Latitudes of them [degrees], ascending, shape (lat,).
      lon: Longitudes of the places [degrees], shape (place,).
      lat: Latitudes of them [degrees], shape (place,).

    Returns:
      The weights [-], shape (place, node), rows of sum one.

    Raises:
      ValueError: If an axis does not ascend, or the grid does not cover a place.

    Example:
      >>> linear_weights([0.0, 1.0], [0.0, 1.0], [0.25], [0.5]).toarray()
      array([[0.375, 0.125, 0.375, 0.125]])
    """
    column, across = _between(lon_axis, lon, "longitude")
    row, up = _between(lat_axis, lat, "latitude")
    width = np.size(lon_axis)
    corner = row * width + column
    nodes = corner[:, None] + np.array([0, 1, width, width + 1])
    share = np.stack(
        [(1 - up) * (1 - across), (1 - up) * across, up * (1 - across), up * across],
        axis=1,
    )
    # On the last node there is no further one; its weight is zero, its number is not.
    size = width * np.size(lat_axis)
    nodes = np.minimum(nodes, size - 1)
    start = 4 * np.arange(len(nodes) + 1)
    matrix = sparse.csr_array(
        (share.ravel(), nodes.ravel(), start), shape=(len(nodes), size)
    )
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


def _between(
    axis: ArrayLike, place: ArrayLike, name: str
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The node before each place, and how far it is to the next."""
    axis, place = (np.atleast_1d(np.asarray(x, np.float64)) for x in (axis, place))
    if len(axis) < 2 or not (np.diff(axis) > 0).all():
        raise ValueError(
            f"the grid's axis of {name} does not ascend over two nodes or more; sort it"
        )
    reach = (0.5 + ROUNDING) * np.array([axis[1] - axis[0], axis[-1] - axis[-2]])
    outside = ~((place >= axis[0] - reach[0]) & (place <= axis[-1] + reach[1]))
    if outside.any():
        raise ValueError(
            f"{outside.sum()} of {len(place)} places lie outside the grid in {name}, "
            f"the first at {place[outside][0]:g}, where the grid covers "
            f"{axis[0] - reach[0]:g} to {axis[-1] + reach[1]:g} degrees; take a larger "
            "grid or fewer places"
        )
    inside = place.clip(axis[0], axis[-1])
    before = (np.searchsorted(axis, inside, side="right") - 1).clip(0, len(axis) - 2)
    part = (inside - axis[before]) / (axis[before + 1] - axis[before])
    return before, part

"""Land and sea of the Earth on a coarse grid that this package carries.

Land is what Natural Earth's outlines of land at 1:50 million enclose, lakes, ice sheets
and enclosed seas, such as the Caspian, included; ice shelves are sea. See README.md.
"""

import functools
import pathlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["LAND", "land_cells", "pack_cells", "rasterise"]

#: The mask.
LAND = pathlib.Path(__file__).with_name("land.npz")

#: Points along each side of a cell at which it is asked whether they are on land.
POINTS = 5

Floats = NDArray[np.float64]


@functools.cache
def land_cells() -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Read the mask of land.

    Returns:
      Latitude of the centres of the cells [degrees], shape (lat,), ascending, their
      longitude, shape (lon,), from -180, and whether each is land, shape (lat, lon).
    """
    with np.load(LAND) as kept:
        rows, columns = (int(x) for x in kept["shape"])
        bits = np.unpackbits(kept["bits"], count=rows * columns)
    lat = -90 + (np.arange(rows) + 0.5) * 180 / rows
    lon = -180 + (np.arange(columns) + 0.5) * 360 / columns
    return lat, lon, bits.reshape(rows, columns).astype(bool)


def pack_cells(path: pathlib.Path, land: NDArray[np.bool_]) -> None:
    """Write a mask of land, a bit a cell.

    Args:
      path: The file, ending in ".npz".
      land: Whether each cell is land, from the south-west, shape (lat, lon).
    """
    np.savez_compressed(path, bits=np.packbits(land), shape=np.array(land.shape))


def rasterise(rings: list[Floats], rows: int) -> NDArray[np.bool_]:
    """Find the cells of which at least half lies within outlines.

    Along each of several parallels a cell, crossings with the outlines are counted.

    Args:
      rings: Outer rings, lon and lat [degrees] from -180 to 180, shape (corner, 2)
        each; they do not overlap.
      rows: Number of cells from pole to pole; twice as many go around.

    Returns:
      Whether each cell is land, from the south-west, shape (lat, lon).
    """
    west, east = (np.concatenate([r[s] for r in rings]) for s in _ends())
    step = 180 / rows / POINTS
    lon = -180 + (np.arange(2 * rows * POINTS) + 0.5) * step
    count = np.zeros((rows, 2 * rows), dtype=np.int64)
    for number in range(rows * POINTS):
        lat = -90 + (number + 0.5) * step
        cut = (west[:, 1] <= lat) != (east[:, 1] <= lat)
        one, two = west[cut], east[cut]
        part = (lat - one[:, 1]) / (two[:, 1] - one[:, 1])
        crossings = np.sort(one[:, 0] + part * (two[:, 0] - one[:, 0]))
        inside = np.searchsorted(crossings, lon) % 2 == 1
        count[number // POINTS] += inside.reshape(-1, POINTS).sum(axis=1)
    return 2 * count >= POINTS**2


def _ends() -> tuple[slice, slice]:
    return slice(None, -1), slice(1, None)

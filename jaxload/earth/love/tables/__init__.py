"""Tables of load Love numbers that this package computed itself.

A table holds h, n l and n k of every degree n in the CE frame, as whole multiples of a
quantum. They change so smoothly with the degree that their second differences compress
to a few bits each.
"""

import dataclasses
import pathlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["LOVE_TABLES", "QUANTUM", "LoveTable", "read_love_table", "write_table"]

#: What the numbers are whole multiples of [-], about what rounding leaves uncertain.
QUANTUM = 1e-11

#: The tables by name.
LOVE_TABLES = {"prem": pathlib.Path(__file__).with_name("prem.npz")}


@dataclasses.dataclass(frozen=True)
class LoveTable:
    """Load Love numbers as they are stored, degree 1 in the CE frame.

    Attributes:
      h: Of radial displacement [-], shape (degree,), from degree 0.
      l: Of horizontal displacement [-], shape (degree,).
      k: Of the potential [-], shape (degree,).
      radius: Radius of the Earth [m].
      gravity: Gravity on its surface [m/s2].
    """

    h: NDArray[np.float64]
    l: NDArray[np.float64]
    k: NDArray[np.float64]
    radius: float
    gravity: float


def write_table(path: pathlib.Path, table: LoveTable) -> None:
    """Write a table, rounded to `QUANTUM`.

    Args:
      path: The file, ending in ".npz".
      table: What to write.
    """
    degree = np.arange(len(table.h))
    rows = np.stack([table.h, degree * table.l, degree * table.k])
    whole = np.rint(rows / QUANTUM).astype(np.int64)
    before = np.zeros((3, 2), np.int64)
    np.savez_compressed(
        path,
        second_difference=np.diff(whole, n=2, prepend=before),
        radius=table.radius,
        gravity=table.gravity,
    )


def read_love_table(name: str) -> LoveTable:
    """Read a table by its name.

    Args:
      name: One of `LOVE_TABLES`.

    Returns:
      The table.
    """
    with np.load(LOVE_TABLES[name], allow_pickle=False) as file:
        whole = file["second_difference"].cumsum(axis=1).cumsum(axis=1)
        radius, gravity = float(file["radius"]), float(file["gravity"])
    h, degree_l, degree_k = whole * QUANTUM
    degree = np.maximum(np.arange(len(h)), 1)
    return LoveTable(h, degree_l / degree, degree_k / degree, radius, gravity)

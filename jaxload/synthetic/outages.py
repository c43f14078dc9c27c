"""When receivers run."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["running"]

#: Mean length of an outage [days].
OUTAGE = 8.0


def running(
    shape: tuple[int, int], missing: float, rng: Generator
) -> NDArray[np.bool_]:
    """Draw when receivers run: a fifth is built late, and all fail in runs of days.

    Args:
      shape: Days and stations.
      missing: Share of days lost to failures, late beginnings apart.
      rng: From which they are drawn.

    Returns:
      False before a receiver is built and while it is out of order, (epoch, station).
    """
    days, stations = shape
    late = rng.permutation(stations) < stations // 5
    first = np.where(late, rng.integers(0, max(days // 2, 1), size=stations), 0)
    seen = np.arange(days)[:, None] >= first[None, :]
    for station in range(stations):
        lost = rng.poisson(missing * days / OUTAGE)
        for start in rng.integers(0, days, size=lost):
            seen[start : start + 1 + int(rng.exponential(OUTAGE)), station] = False
    return seen

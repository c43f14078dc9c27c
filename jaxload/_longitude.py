"""Longitudes are angles: intervals of them brought onto one turn."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["common_turn", "spans_globe"]

#: By which two ranges must differ for one to be the narrower [degrees].
ROUNDING = 1e-6

#: Intervals whose outer ends are further apart than this the other way round belong to
#: different sides of the Earth, and none is moved [degrees].
APART = 45.0


def common_turn(west: ArrayLike, east: ArrayLike) -> NDArray[np.float64]:
    """Move intervals of longitude by whole turns so that together they are narrow.

    What stands on both sides of the date line, or of Greenwich, is brought together.
    Intervals that are already as narrow together as they can be stay as they are, on
    whichever turn that is, and so do those that have much of the Earth between them
    both ways.

    Args:
      west: Western ends [degrees], shape (interval,).
      east: Eastern ends [degrees], none west of its western end.

    Returns:
      What to add to each [degrees], multiples of 360, so that the union begins at -180
      or more and below 180, shape (interval,); zeros where nothing is gained.
    """
    west, east = (np.asarray(x, dtype=np.float64) for x in (west, east))
    start = west % 360
    end = start + (east - west)
    order = np.argsort(start, kind="stable")
    # How far the intervals reach that begin before each, the last turn's among them.
    reach = np.concatenate([[end.max() - 360], end[order][:-1]])
    gap = start[order] - np.maximum.accumulate(reach)
    cut = start[order[np.argmax(gap)]]
    moved = np.where(start >= cut, start, start + 360)
    span, before = (moved + east - west).max() - cut, east.max() - west.min()
    if span > before - ROUNDING or before < 360 - APART:
        return np.zeros_like(west)
    return np.round((moved - west) / 360) * 360 - 360 * np.floor((cut + 180) / 360)


def spans_globe(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> bool:
    """Whether the cells of a grid cover the globe, its poles included.

    Args:
      lon: Longitude of the centres [degrees], ascending, shape (lon,).
      lat: Latitude of the centres [degrees], ascending, shape (lat,).
    """
    around = np.ptp(lon) + np.diff(lon).max(initial=0.0)
    across = np.ptp(lat) + 2 * np.diff(lat).max(initial=0.0)
    return bool(around >= 359 and across >= 180)

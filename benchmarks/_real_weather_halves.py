"""Whether standard errors of regions hold on real heights: halves of the network.

Stations are parted at random. Water by each half has its own training and its own
standard errors, and by how much the two differ, is seen. What both halves share, as
weather, what a network makes of it and noise of the whole region, cancels.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

__all__ = ["HALVES", "compare_halves", "halves_table", "part_stations"]

#: Methods and drivers whose halves are compared.
HALVES = (
    ("stations alone, network noise", ""),
    ("water, operator alone, network noise", "T, p, rain"),
    ("joint water", "T, p, rain"),
)

SEED = 5


def part_stations(count: int) -> NDArray[np.bool_]:
    """Draw the first half of some stations, shape (station,).

    Args:
      count: Number of stations.
    """
    first = np.zeros(count, bool)
    first[np.random.default_rng(SEED).permutation(count)[: count // 2]] = True
    return first


def compare_halves(
    invert: Callable[[NDArray[np.bool_]], xr.Dataset], first: NDArray[np.bool_]
) -> dict[str, dict[str, float]]:
    """Compare the means over regions by two halves with their standard errors.

    Args:
      invert: From which stations are left out to `regions` of a result.
      first: Which stations the first half has, shape (station,).

    Returns:
      By region: rms of the difference, as it is (``observed_mm``) and as standard
      errors state it (``stated_mm``).
    """
    halves = [invert(~first), invert(first)]
    ours, other = (x.twsa.transpose("time", "region").values for x in halves)
    variance = sum(x.twsa_sd.transpose("time", "region").values ** 2 for x in halves)
    observed = np.sqrt(np.nanmean((ours - other) ** 2, axis=0))
    stated = np.sqrt(np.nanmean(variance, axis=0))
    names = halves[0].region.values.tolist()
    return {
        name: {"observed_mm": float(a), "stated_mm": float(b)}
        for name, a, b in zip(names, observed, stated, strict=True)
    }


def halves_table(
    halves: Mapping[str, Any], regions: Mapping[str, str]
) -> tuple[list[str], list[list[str]]]:
    """Make the table of halves.

    Args:
      halves: By method and drivers, of `compare_halves`.
      regions: What regions are called in tables, by their names.

    Returns:
      Its head, and its rows.
    """
    rows = []
    for method, drivers in HALVES:
        scores = halves.get(f"{method} | {drivers}")
        if scores is not None:
            each = [scores[name] for name in regions]
            shown = [
                f"{x['observed_mm']:.1f} / {x['stated_mm']:.1f}"
                f" = {x['observed_mm'] / x['stated_mm']:.2f}"
                for x in each
            ]
            rows.append([method, drivers, *shown])
    return ["method", "drivers", *regions.values()], rows

"""What the processes of a run agree on, and how they divide stations."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload import series
from jaxload._exchange import from_first, gather_arrays

__all__ = ["agree_to_compute", "by_stations", "gather_stations"]


def agree_to_compute(computes: bool = False) -> bool:
    """Learn from the first process whether a study is computed, or taken up.

    Args:
      computes: Whether it is; that of the first process counts.

    Returns:
      Whether it is.
    """
    return bool(from_first(np.asarray(computes)))


def by_stations(
    function: Callable[[slice], Mapping[str, ArrayLike]], stations: int
) -> dict[str, NDArray[Any]]:
    """Compute something for every station, each process and device for some of them.

    Args:
      function: Of the range of stations that a process has, to arrays with a first
        axis of these stations.
      stations: Their number.

    Returns:
      The arrays of all stations, in every process; other axes that are shorter in one
      part than in another are filled up with NaN.
    """
    with series.stations_over(jax.local_devices()):
        part = function(_station_range(stations))
        return gather_stations(part, stations)


def gather_stations(
    part: Mapping[str, ArrayLike], stations: int
) -> dict[str, NDArray[Any]]:
    """Collect arrays of stations of which each process has some.

    Args:
      part: Arrays with a first axis of the stations of this process.
      stations: Number of all.

    Returns:
      The arrays of all stations, as from `by_stations`.
    """
    arrays = [np.asarray(array) for array in part.values()]
    if not _are_divided(stations):
        return dict(zip(part, arrays))
    gathered = zip(*gather_arrays(arrays))
    return {name: _joined(list(parts)) for name, parts in zip(part, gathered)}


def _are_divided(stations: int) -> bool:
    return 1 < jax.process_count() <= stations


def _station_range(stations: int) -> slice:
    """The stations of this process: all where there are fewer than processes."""
    if not _are_divided(stations):
        return slice(0, stations)
    bounds = np.linspace(0, stations, jax.process_count() + 1).astype(int)
    return slice(*bounds[jax.process_index() :][:2].tolist())


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    tail = np.max([part.shape[1:] for part in parts], axis=0).astype(int)
    return np.concatenate([_widened(part, tail.tolist()) for part in parts])


def _widened(part: NDArray[Any], tail: list[int]) -> NDArray[Any]:
    if list(part.shape[1:]) == tail:
        return part
    spare = [(0, more - here) for more, here in zip(tail, part.shape[1:])]
    return np.pad(part, [(0, 0), *spare], constant_values=np.nan)

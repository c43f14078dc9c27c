"""One function for every station, some side by side, on one device or on several."""

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from jaxload._platform import by_chunks, on_platform

__all__ = ["by_station", "stations_over"]

AXIS = "station"

#: Devices among which stations are shared out; None for the one where arrays lie.
_DEVICES = jax.make_user_context(None)


@contextlib.contextmanager
def stations_over(devices: Sequence[Any]) -> Iterator[None]:
    """Share stations out among devices, in all that is computed for each of them.

    Not for: derivatives, and results that are mixed with arrays of one device before
    they are copied to the host.

    Args:
      devices: Those of this process, such as `jax.local_devices()`. One device changes
        nothing, nor do CPUs where there are no more stations than one does side by
        side.

    Example:
      >>> with series.stations_over(jax.local_devices()):
      ...     steps = series.find_steps(up, years)
    """
    with _DEVICES(tuple(devices) if len(devices) > 1 else None):
        yield


def by_station(function: Callable, *series: Any, most: int, each: float) -> Any:
    """Map a function over stations, which bounds its memory.

    Within `stations_over` each device has some of them.

    Args:
      function: Of the series of one station.
      *series: Trees of arrays whose first axis is that of stations.
      most: Stations that a CPU does side by side.
      each: Temporary memory of one station on an accelerator [bytes], roughly, which
        does as many side by side as it holds.

    Returns:
      What the function returns, each array with a first axis of stations.
    """

    def here(series: Any) -> Any:
        return on_platform(
            series,
            cpu=lambda series: _in_batches(function, series, most),
            accelerator=lambda series: by_chunks(
                lambda series: jax.vmap(function)(*series), series, each
            ),
        )

    devices, stations = _DEVICES.value, len(jax.tree.leaves(series)[0])
    if devices is None or stations < len(devices):
        return here(series)
    if devices[0].platform == "cpu" and stations <= most:
        # What one does at once takes no time to speak of.
        return here(series)
    return _over(devices, here, series)


def _over(devices: Sequence[Any], function: Callable, series: Any) -> Any:
    """Apply a function of any number of stations to some of them on each device."""
    stations = len(jax.tree.leaves(series)[0])
    size = math.ceil(stations / len(devices))
    # The last station fills up the last devices.
    rows = jnp.minimum(jnp.arange(size * len(devices)), stations - 1)
    spread = jax.shard_map(
        function,
        mesh=Mesh(np.asarray(devices), (AXIS,)),
        in_specs=PartitionSpec(AXIS),
        out_specs=PartitionSpec(AXIS),
        # Scans begin with zeros that every device has alike.
        check_vma=False,
    )
    results = spread(jax.tree.map(lambda x: jnp.asarray(x)[rows], series))
    return jax.tree.map(lambda x: x[:stations], results)


def _in_batches(function: Callable, series: Any, most: int) -> Any:
    stations = len(jax.tree.leaves(series)[0])
    if stations <= most:
        return jax.vmap(function)(*series)
    batches = math.ceil(stations / most)
    size = math.ceil(stations / batches)
    # Batches of one size are compiled once; the last is filled with the last station.
    rows = jnp.minimum(jnp.arange(batches * size), stations - 1)
    rows = rows.reshape(batches, size)

    def batch(rows: jax.Array) -> Any:
        return jax.vmap(function)(*jax.tree.map(lambda x: x[rows], series))

    results = jax.lax.map(batch, rows)
    join = lambda x: x.reshape(-1, *x.shape[2:])[:stations]
    return jax.tree.map(join, results)

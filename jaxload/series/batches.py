"""One function for every station, some stations side by side."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxload._platform import by_chunks, on_platform

__all__ = ["by_station"]


def by_station(function: Callable, *series: Any, most: int, each: float) -> Any:
    """Map a function over stations, which bounds its memory.

    Args:
      function: Of the series of one station.
      *series: Trees of arrays whose first axis is that of stations.
      most: Stations that a CPU does side by side.
      each: Temporary memory of one station on an accelerator [bytes], roughly, which
        does as many side by side as it holds.

    Returns:
      What the function returns, each array with a first axis of stations.
    """
    return on_platform(
        series,
        cpu=lambda series: _in_batches(function, series, most),
        accelerator=lambda series: by_chunks(
            lambda series: jax.vmap(function)(*series), series, each
        ),
    )


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

"""From water on cells to displacement at stations."""

from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from jaxload._check import require_float64
from jaxload.constants import DEGREE
from jaxload.earth.discs import DiscKernel
from jaxload.earth.kernel_table import KernelTable, read_table, tabulate
from jaxload.sphere.geometry import unit_vectors

__all__ = ["Places", "design_matrix"]

#: Entries computed at a time: enough for every core, few enough to stay in cache.
ENTRIES = 2**15


class Places(Protocol):
    """Anything with coordinates: a `Grid`, a Dataset of stations, a named tuple."""

    @property
    def lon(self) -> Any:
        """Longitude [degrees], shape (place,)."""

    @property
    def lat(self) -> Any:
        """Latitude [degrees], shape (place,)."""


def design_matrix(kernel: DiscKernel, stations: Places, grid: Places) -> Array:
    """Uplift at every station by a unit of water on every cell.

    The water of a cell lies on a disc about its centre. The kernel is summed at the
    nodes of one table per distinct disc radius and interpolated there: entries agree
    with `disc_uplift`, ringing and all, to a relative 1e-6 where the series resolves
    the discs (q of `disc_kernel` above 10), mostly to 1e-8. Differentiable with respect
    to the Love numbers.

    Args:
      kernel: From `disc_kernel`, with the radius of each cell or one for all.
      stations: Where the ground moves: `lon` and `lat` [degrees], shape (station,).
      grid: Where the water lies: `lon` and `lat` [degrees], shape (cell,).

    Returns:
      Uplift per equivalent water height [mm/mm], shape (station, cell); negative
      within reach of the load.

    Raises:
      ValueError: If coordinates are missing, not finite or out of range, if the
        kernel was made for another number of cells, or float64 is off.

    Example:
      >>> kernel = disc_kernel(love, radius=grid.cell_radius)
      >>> design = design_matrix(kernel, stations, grid)
    """
    require_float64("design matrices")
    station, cell = _vectors("stations", stations), _vectors("grid", grid)
    if kernel.index.ndim and len(kernel.index) != len(cell):
        raise ValueError(
            f"kernel has {len(kernel.index)} along 'cell', but grid has {len(cell)}; "
            "make it with radius=grid.cell_radius"
        )
    disc = np.broadcast_to(kernel.index, len(cell))
    table = tabulate(kernel, _reach(station, cell))
    return _read(table, jnp.asarray(station), jnp.asarray(cell), jnp.asarray(disc))


def _vectors(name: str, places: Places) -> NDArray[np.float64]:
    """Unit vectors, shape (place, 3), of checked coordinates."""
    lon, lat = (np.asarray(axis, np.float64) for axis in (places.lon, places.lat))
    if lon.ndim != 1 or lon.shape != lat.shape or lon.size == 0:
        raise ValueError(
            f"{name} has lon of shape {lon.shape} and lat of shape {lat.shape}, "
            "expected one of each per place"
        )
    # Written so that a NaN fails it.
    fine = (np.abs(lat) <= 90) & (np.abs(lon) <= 360)
    if not fine.all():
        worst = np.flatnonzero(~fine)[0]
        raise ValueError(
            f"{name} has lon {lon[worst]:g}, lat {lat[worst]:g} at index {worst}, "
            "expected degrees, lat within 90 and lon within 360; are they swapped?"
        )
    # Under a jit the matrix may be traced, but never where its places are.
    with jax.ensure_compile_time_eval():
        return np.asarray(unit_vectors(lon, lat))


def _reach(station: NDArray[np.float64], cell: NDArray[np.float64]) -> float:
    """The largest distance between a station and a cell [degrees], rounded up."""
    cosine = min((cell @ vector).min() for vector in station)
    return min(float(np.arccos(np.clip(cosine, -1, 1))) / DEGREE + 1e-3, 180.0)


@jax.jit
def _read(table: KernelTable, station: Array, cell: Array, disc: Array) -> Array:
    """Read the table for a few stations at a time, shape (station, cell)."""

    # Going back, a row is computed again: its weights would outweigh the result.
    @jax.checkpoint
    def row(vector: Array) -> Array:
        chord = jnp.sqrt(((cell - vector[None, :]) ** 2).sum(axis=1))
        return read_table(table, chord, disc)

    # Chunks of one size, so that there is one loop to compile.
    steps = -(-len(station) // max(ENTRIES // len(cell), 1))
    together = -(-len(station) // steps)
    missing = steps * together - len(station)
    padded = jnp.pad(station, ((0, missing), (0, 0)), mode="edge")
    rows = jax.lax.map(jax.vmap(row), padded.reshape(steps, together, 3))
    return rows.reshape(-1, len(cell))[: len(station)]

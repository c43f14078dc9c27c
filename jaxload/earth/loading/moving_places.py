"""Uplift by water on cells as a function of where a station stands, differentiable."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import require_float64
from jaxload.earth.kernels.disc import DiscKernel
from jaxload.earth.kernels.table import interpolate_table, tabulate
from jaxload.earth.loading.places import Places, coordinates
from jaxload.sphere.geometry import unit_vectors

__all__ = ["uplift_at"]


def uplift_at(
    kernel: DiscKernel, grid: Places, reach: float = 180.0
) -> Callable[[ArrayLike, ArrayLike], Array]:
    """Prepare the design matrix of stations whose places are sought.

    The entries are those of `design_matrix`, discs everywhere, and can be
    differentiated by the places, as the design of a network by gradients needs it.

    Args:
      kernel: From `disc_kernel`, with the radius of each cell or one for all.
      grid: Where the water lies: `lon` and `lat` [degrees], shape (cell,).
      reach: Largest distance between a place and a cell [degrees of arc]; beyond it
        entries mean nothing. The table is the smaller for a short one.

    Returns:
      A function of longitude and latitude of stations [degrees], each of shape
      (station,), that gives their uplift per equivalent water height [mm/mm], shape
      (station, cell).

    Raises:
      ValueError: If coordinates are not finite or out of range, the reach is not in
        (0, 180], the kernel was made for another number of cells, or float64 is off.

    Example:
      >>> response = earth.uplift_at(kernel, grid)
      >>> east = jnp.ones_like(lon), jnp.zeros_like(lat)
      >>> design, by_lon = jax.jvp(response, (lon, lat), east)
    """
    require_float64("design matrices")
    cell = coordinates("grid", grid)
    if kernel.index.ndim and len(kernel.index) != cell.shape[1]:
        raise ValueError(
            f"kernel has {len(kernel.index)} along 'cell', but grid has "
            f"{cell.shape[1]}; make it with radius=grid.cell_radius"
        )
    if not 0 < reach <= 180:
        raise ValueError(f"reach is {reach:g}, expected degrees above 0 up to 180")
    table = tabulate(kernel, reach)
    centre = unit_vectors(*cell)
    disc = jnp.asarray(np.broadcast_to(kernel.index, cell.shape[1]))

    def row(upward: Array) -> Array:
        square = jnp.sum((centre - upward[None, :]) ** 2, axis=1)
        # In the very middle of a disc the ground is level.
        away = square > 0
        chord = jnp.where(away, jnp.sqrt(jnp.where(away, square, 1)), 0)
        return interpolate_table(table, chord, disc)[0]

    @jax.jit
    def response(lon: ArrayLike, lat: ArrayLike) -> Array:
        return jax.vmap(row)(unit_vectors(lon, lat))

    return response

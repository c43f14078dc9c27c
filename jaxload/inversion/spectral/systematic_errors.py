"""Errors of trend and seasons that neighbouring stations share.

Motion of the reference frame, water beyond the study area, expansion of the ground and
errors of orbits move all stations of a region alike, year after year. Heights cannot
tell such a season from that of the region's water: how large it is must be known.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import check_shapes
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.noise import exponential_correlation
from jaxload.inversion.spectral.spectra import NetworkCovariance
from jaxload.inversion.spectral.time_functions import FunctionMaps
from jaxload.inversion.uncertainty.functionals import Functionals

__all__ = ["systematic_variance"]


def systematic_variance(
    network: NetworkCovariance,
    maps: FunctionMaps,
    functionals: Functionals,
    sd: ArrayLike,
    length: float,
) -> NDArray[np.float64]:
    """Compute the variance of functionals by displacement that is taken for water.

    Args:
      network: From `network_covariance`.
      maps: From `map_functions`, of the heights.
      functionals: From `averages`, `some_cells` or `every_cell`.
      sd: Standard deviation of the displacement in each function [mm], shape
        (function,).
      length: Distance at which its correlation has fallen to 1/e, in the unit of those
        of the network; infinite for displacement that is the same everywhere.

    Returns:
      Variance [mm2], shape (function, functional).

    Raises:
      ValueError: If shapes disagree.
    """
    sd = jnp.asarray(sd, network.gram.dtype)
    check_shapes(sd=(sd, "function"), load=(maps.load, "function"))
    correlation = exponential_correlation(network.distance, length)
    cross = functionals.cross / network.sigma[None, :]
    shared = correlation / network.sigma[:, None] / network.sigma[None, :]
    return np.asarray(_variance(maps, cross, shared, sd))


@jax.jit
def _variance(maps: FunctionMaps, cross: Array, shared: Array, sd: Array) -> Array:
    def one(function: tuple[Array, Array, Array]) -> Array:
        load, weight, sd = function
        # What the maps make of the displacement of each row.
        gain = load * einsum("mr,rs->ms", cross, weight)
        return sd**2 * jnp.sum(einsum("mr,rs->ms", gain, shared) * gain, axis=1)

    return jax.lax.map(one, (maps.load, maps.inverses, sd))

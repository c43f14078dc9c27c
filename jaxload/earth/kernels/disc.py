"""Response of the Earth to a disc of water.

Per metre of water on a disc of angular radius a, at the distance theta from its middle,

    uplift = 4 pi G R rho_w / g  sum_n h_n Gamma_n / (2n + 1) P_n(cos theta)

with Gamma_n = (P_{n-1}(cos a) - P_{n+1}(cos a)) / 2 and Gamma_0 = (1 - cos a) / 2. The
tangential displacement takes l_n and dP_n/dtheta instead, the geoid 1 + k_n and P_n,
and the elastic part of gravity (2 h_n - (n + 1) k_n) g / R and P_n.

The attraction of the water itself is n g / R. As n / (2n + 1) is 1/2 - 1/2 / (2n + 1),
it is half of what a sheet attracts where there is water, a step at the edge without
ringing, less the water's own potential over 2 R: its series is never summed.

Source: Farrell (1972), doi:10.1029/RG010i003p00761; Bevis et al. (2016), eqs 7 and 8,
doi:10.1093/gji/ggw115.
"""

import dataclasses
import functools
import logging

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike, NDArray

from jaxload._check import check_shapes, require_float64
from jaxload.constants import DEGREE, GRAVITATIONAL_CONSTANT, WATER_DENSITY
from jaxload.earth.kernels.legendre import (
    check_angles,
    legendre_derivative_series,
    legendre_derivatives,
    legendre_series,
)
from jaxload.earth.kernels.point import Parts
from jaxload.earth.love.from_model import LoveNumbers

__all__ = [
    "DiscKernel",
    "disc_geoid",
    "disc_gravity",
    "disc_kernel",
    "disc_tangential",
    "disc_uplift",
]

logger = logging.getLogger(__name__)

#: Radii that agree to so many digits after the point [degrees] share a disc: 0.1 mm.
RADIUS_DIGITS = 9

#: Least max_degree times radius [radians] by which a series resolves a disc.
RESOLVED = 10


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class DiscKernel:
    """Discs of water and the Earth that carries them.

    Each response holds, per degree, what a unit of `load` does, as a length per length
    of water. `radius` and `index` are NumPy arrays: they shape the computation, so make
    a kernel inside a function that is jitted or differentiated, do not pass it in.

    Attributes:
      uplift: 4 pi G R rho_w / g times h_n [m/m], shape (degree,).
      tangential: The same times l_n [m/m], shape (degree,).
      geoid: The same times 1 + k_n [m/m], shape (degree,).
      gravity: 4 pi G rho_w times 2 h_n - (n + 1) k_n [m/s2/m], shape (degree,).
      load: Gamma_n / (2n + 1) [-], shape (degree, disc).
      radius: Distinct angular radii, ascending [degrees], shape (disc,).
      index: Disc of each cell, shape (cell,), or () where one serves all cells.
      frame: Reference frame of the Love numbers.
    """

    uplift: Array
    tangential: Array
    geoid: Array
    gravity: Array
    load: Array
    radius: NDArray[np.float64]
    index: NDArray[np.int64]
    frame: str = dataclasses.field(metadata={"static": True})


def disc_kernel(
    love: LoveNumbers,
    radius: ArrayLike,
    max_degree: int | None = None,
    compensated: bool = False,
) -> DiscKernel:
    """Prepare the response to discs of uniform water.

    The series ends sharply at `max_degree`, so it rings about the true response: by up
    to a relative 0.5 / q at the edge of a disc, 2 / q^1.5 in its very middle and
    2 / q^2 elsewhere, where q is `max_degree` times the radius in radians. For 0.25
    degree cells and degree 40,000, q is 80 or so. A warning is logged where q is below
    10.

    Args:
      love: Load Love numbers from degree 0.
      radius: Angular radius of the disc of each cell, shape (cell,), or of all cells,
        scalar [degrees]; from metres by `jaxload.sphere.arc_from_length`.
      max_degree: Where the series ends; at the last degree of `love` if not given.
      compensated: Spread the opposite mass over the rest of the sphere, so that no
        mass is added.

    Returns:
      The kernel, with one disc per distinct radius.

    Raises:
      ValueError: If a radius is not in (0, 90], `max_degree` is not in `love`, or
        float64 is off.

    Example:
      >>> kernel = disc_kernel(love, radius=grid.cell_radius)

    Source:
      Bevis et al. (2016), eqs 7 and 8, doi:10.1093/gji/ggw115.
    """
    require_float64("disc kernels")
    check_shapes(h=(love.h, "degree"), l=(love.l, "degree"), k=(love.k, "degree"))
    last = _last_degree(love, max_degree)
    distinct, index = _distinct(radius)
    _check_resolution(float(distinct[0]), last)
    attraction = 4 * np.pi * GRAVITATIONAL_CONSTANT * WATER_DENSITY
    scale = attraction * love.radius / love.gravity
    h, l, k = (x[: last + 1] for x in (love.h, love.l, love.k))
    return DiscKernel(
        uplift=scale * h,
        tangential=scale * l,
        geoid=scale * (1 + k),
        gravity=attraction * (2 * h - (jnp.arange(last + 1.0) + 1) * k),
        load=_load(jnp.asarray(distinct), last, compensated),
        radius=distinct,
        index=index,
        frame=love.frame,
    )


def disc_uplift(kernel: DiscKernel, theta: Array) -> Array:
    """Sum the vertical displacement degree by degree.

    Args:
      kernel: The discs.
      theta: Distances from the middle of a disc [degrees], shape (node,).

    Returns:
      Displacement per length of water, up positive [m/m], shape (node, disc).

    Source:
      Bevis et al. (2016), section 2, doi:10.1093/gji/ggw115.
    """
    check_angles(theta)
    return legendre_series(kernel.uplift[:, None] * kernel.load, theta)


def disc_tangential(kernel: DiscKernel, theta: Array) -> Array:
    """Sum the horizontal displacement degree by degree.

    Args:
      kernel: The discs.
      theta: Distances from the middle of a disc [degrees], shape (node,).

    Returns:
      Displacement per length of water, away from the disc positive [m/m], shape
      (node, disc).

    Source:
      Bevis et al. (2016), section 2, doi:10.1093/gji/ggw115.
    """
    check_angles(theta)
    return legendre_derivative_series(kernel.tangential[:, None] * kernel.load, theta)


def disc_geoid(kernel: DiscKernel, theta: Array) -> Array:
    """Sum the change of the geoid, by the water and by the Earth it deforms.

    Args:
      kernel: The discs.
      theta: Distances from the middle of a disc [degrees], shape (node,).

    Returns:
      Geoid height per length of water [m/m], shape (node, disc).

    Source:
      Bevis et al. (2016), section 2, doi:10.1093/gji/ggw115.
    """
    check_angles(theta)
    return legendre_series(kernel.geoid[:, None] * kernel.load, theta)


def disc_gravity(kernel: DiscKernel, theta: Array, under_water: bool = True) -> Parts:
    """Sum the change of gravity at the ground.

    Upward acceleration is positive: a gravimeter reads the opposite. Water over the
    instrument lightens it, water under it weighs it down, by 2 pi G rho_w each; beyond
    the disc it does not matter which. On the edge itself half of that is taken.

    Args:
      kernel: The discs.
      theta: Distances from the middle of a disc [degrees], shape (node,).
      under_water: Whether the water, where there is any, lies over the instrument.

    Returns:
      Acceleration per length of water, upward positive [m/s2/m], shape (node, disc)
      each.

    Source:
      Farrell (1972), section 3, doi:10.1029/RG010i003p00761.
    """
    check_angles(theta)
    elastic = legendre_series(kernel.gravity[:, None] * kernel.load, theta)
    attraction = 4 * np.pi * GRAVITATIONAL_CONSTANT * WATER_DENSITY
    water = _water(kernel, theta) * (1 if under_water else -1)
    potential = legendre_series(kernel.load, theta)
    return Parts(elastic, attraction / 2 * (water - potential))


def _water(kernel: DiscKernel, theta: Array) -> Array:
    """Length of water at a distance per that on the disc [-], shape (node, disc)."""
    radius = jnp.asarray(kernel.radius)
    mean = jnp.sin(radius * (DEGREE / 2)) ** 2
    # Degree 0 of the load is the mean over the sphere, be there water beyond or not.
    beyond = (kernel.load[0] - mean) / (1 - mean)
    inside = jnp.heaviside(radius[None, :] - theta[:, None], 0.5)
    return beyond[None, :] + inside * (1 - beyond)[None, :]


def _check_resolution(radius: float, last: int) -> None:
    quality = last * radius * DEGREE
    if quality < RESOLVED:
        logger.warning(
            "a disc of radius %g degrees is not resolved by degrees up to %d, whose "
            "product with it is %.2g radians; take Love numbers to degree %d or beyond",
            radius,
            last,
            quality,
            int(RESOLVED / (radius * DEGREE)) + 1,
        )


def _last_degree(love: LoveNumbers, max_degree: int | None) -> int:
    known = love.h.shape[0] - 1
    last = known if max_degree is None else max_degree
    if not 1 <= last <= known:
        raise ValueError(
            f"max_degree is {last}, expected 1 to {known}, the last degree of the "
            "Love numbers"
        )
    return last


def _distinct(radius: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distinct radii [degrees], shape (disc,), and which of them each cell has."""
    radius = np.asarray(radius, np.float64)
    if radius.ndim > 1 or radius.size == 0:
        raise ValueError(
            f"radius has shape {radius.shape}, expected (cell) or a scalar"
        )
    if not np.all((radius > 0) & (radius <= 90)):
        wrong = radius[~((radius > 0) & (radius <= 90))].flat[0]
        raise ValueError(
            f"radius holds {wrong:g}, expected above 0 and up to 90 degrees; "
            "is it in km?"
        )
    _, first, index = np.unique(
        np.round(radius, RADIUS_DIGITS), return_index=True, return_inverse=True
    )
    return radius.ravel()[first], index.reshape(radius.shape)


@functools.partial(jax.jit, static_argnames=("last", "compensated"))
def _load(radius: Array, last: int, compensated: bool) -> Array:
    """Gamma_n / (2n + 1), shape (degree, disc), without cancellation at small radii.

    (P_{n-1} - P_{n+1}) / (2n + 1) is -sin(a) dP_n/da / (n (n + 1)).
    """
    degree = jnp.arange(1, last + 1, dtype=radius.dtype)[:, None]
    slope = legendre_derivatives(radius, last)[1:]
    load = -jnp.sin(radius * DEGREE)[None, :] * slope / (2 * degree * (degree + 1))
    mean = jnp.sin(radius * (DEGREE / 2))[None, :] ** 2
    if compensated:
        # Water of depth w on the disc and -w mean / (1 - mean) beyond it.
        return jnp.concatenate([jnp.zeros_like(mean), load / (1 - mean)])
    return jnp.concatenate([mean, load])

"""Loads on the surface of a homogeneous, elastic half-space, in closed form.

What an Earth does near a load tends to this, with the moduli and the gravity of its top
layer: uplift by a point mass differs from it by 0.7 times the distance over the depth
of PREM's crust, 5e-4 at 11 m. It serves to check what is summed over degrees, and for
loads within some hundred metres; there is neither curvature nor layering, nor does mass
attract.

With pressure p, Lame parameters L and M, and all distances in the plane,

    up = -(L + 2M) / (4 pi M (L + M)) * integral of p / r
    outward = -1 / (4 pi (L + M)) * integral of p / r, along r

Source: Boussinesq (1885), Application des potentiels; Love (1929),
doi:10.1098/rsta.1929.0009; Farrell (1972), section 2, doi:10.1029/RG010i003p00761.
"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from jaxload.constants import WATER_DENSITY
from jaxload.earth.interior.model import EarthModel
from jaxload.earth.interior.structure import gravity, material_at

__all__ = [
    "HalfSpace",
    "half_space",
    "half_space_disc",
    "half_space_point",
    "half_space_rectangle",
]

#: Steps of the arithmetic-geometric mean: it doubles its digits with each, once the two
#: means are of one size.
STEPS = 12


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class HalfSpace:
    """One material, and the gravity that makes mass a load.

    Attributes:
      lame: First Lame parameter [Pa], scalar.
      shear: Shear modulus [Pa], scalar.
      gravity: Gravity [m/s2], scalar.
    """

    lame: Array
    shear: Array
    gravity: Array


def half_space(model: EarthModel) -> HalfSpace:
    """Return the half-space that an Earth looks like from very near its surface.

    Args:
      model: The Earth; the material on its surface is used.

    Returns:
      The half-space.
    """
    surface = jnp.asarray(model.radius[-1])
    _, bulk, shear = material_at(model, surface)
    return HalfSpace(bulk - 2 / 3 * shear, shear, gravity(model, surface))


def half_space_point(space: HalfSpace, distance: Array) -> tuple[Array, Array]:
    """Displacement by a point mass.

    Args:
      space: The half-space.
      distance: Distances from the mass [m], any shape, above 0.

    Returns:
      Displacement up and away from the mass, per mass [m/kg], each of the same shape.

    Source:
      Boussinesq (1885); Farrell (1972), section 2, doi:10.1029/RG010i003p00761.
    """
    lift, push = _compliance(space)
    return -lift / distance, -push / distance


def half_space_disc(
    space: HalfSpace, distance: Array, radius: Array
) -> tuple[Array, Array]:
    """Displacement by a disc of water.

    Args:
      space: The half-space.
      distance: Distances from the middle of the disc [m], any shape.
      radius: Radius of the disc [m], a shape that broadcasts.

    Returns:
      Displacement up and away from the middle, per length of water [m/m].

    Source:
      Love (1929), doi:10.1098/rsta.1929.0009; Johnson (1985), Contact Mechanics,
      section 3.4.
    """
    lift, push = (WATER_DENSITY * x for x in _compliance(space))
    inside = distance <= radius
    # The smaller of the two over the larger, so that the integrals exist.
    small = jnp.where(inside, distance, radius)
    large = jnp.where(inside, radius, distance)
    first, second = _elliptic(small / large)
    outside = second - (1 - (small / large) ** 2) * first
    up = -4 * lift * large * jnp.where(inside, second, outside)
    return up, -jnp.pi * push * small * jnp.where(inside, 1, small / large)


def half_space_rectangle(
    space: HalfSpace, east: Array, north: Array, width: Array, height: Array
) -> tuple[Array, Array, Array]:
    """Displacement by water on a rectangle.

    Args:
      space: The half-space.
      east: How far the station is to the east of the middle [m], any shape.
      north: How far it is to the north [m], same shape.
      width: Size of the rectangle from west to east [m], a shape that broadcasts.
      height: Size from south to north [m], a shape that broadcasts.

    Returns:
      Displacement up, north and east per length of water [m/m].

    Source:
      Love (1929), doi:10.1098/rsta.1929.0009.
    """
    lift, push = (WATER_DENSITY * x for x in _compliance(space))

    def over_corners(function: Callable[[Array, Array], Array]) -> Array:
        (west, far_east), (south, far_north) = (
            (at - size / 2, at + size / 2)
            for at, size in ((east, width), (north, height))
        )
        right = function(far_east, far_north) - function(far_east, south)
        return right - function(west, far_north) + function(west, south)

    up = -lift * over_corners(_inverse_distance)
    to_north = -push * over_corners(lambda x, y: _inverse_square(y, x))
    return up, to_north, -push * over_corners(_inverse_square)


def _compliance(space: HalfSpace) -> tuple[Array, Array]:
    """Sinking and pull per mass at unit distance [m2/kg]."""
    stiff = space.lame + space.shear
    push = space.gravity / (4 * jnp.pi * stiff)
    return push * (stiff + space.shear) / space.shear, push


def _elliptic(modulus: Array) -> tuple[Array, Array]:
    """Complete elliptic integrals of the first and second kind.

    Source: Abramowitz & Stegun (1964), 17.6.3 and 17.6.4. The first, infinite at 1,
    is only large there: it is wanted times what vanishes.
    """
    # At 1 the mean would never be reached.
    modulus = jnp.minimum(modulus, 1 - 1e-15)
    a, b = jnp.ones_like(modulus), jnp.sqrt((1 - modulus) * (1 + modulus))
    missing, power = modulus**2 / 2, 0.5
    for _ in range(STEPS):
        a, b, c = (a + b) / 2, jnp.sqrt(a * b), (a - b) / 2
        power *= 2
        missing = missing + power * c**2
    first = jnp.pi / (2 * a)
    return first, first * (1 - missing)


def _inverse_distance(x: Array, y: Array) -> Array:
    """Integral of 1 / r over the rectangle from the origin to x, y."""
    return x * _asinh_ratio(y, x) + y * _asinh_ratio(x, y)


def _inverse_square(x: Array, y: Array) -> Array:
    """Integral of x / r**2 over the rectangle from the origin to x, y, or so.

    But for a function of y, which goes out in the difference of two x.
    """
    square = x**2 + y**2
    log = jnp.log(jnp.where(square > 0, square, 1))
    return y * log / 2 + x * jnp.arctan2(y * jnp.sign(x), jnp.abs(x))


def _asinh_ratio(y: Array, x: Array) -> Array:
    """asinh(y / abs(x)), and anything finite where x is 0."""
    return jnp.arcsinh(y / jnp.where(x == 0, 1, jnp.abs(x)))

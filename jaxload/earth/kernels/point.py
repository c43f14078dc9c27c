"""Green's functions: response of the Earth to a point mass on its surface.

Every one is a series over degrees whose terms need not even become small, since what
is near a point mass grows without bounds. Its terms of high degree are continued and
summed in closed form (see `kummer`), so that for Love numbers of PREM to degree 10,000
or beyond no series error is left at any distance; Love numbers that end earlier have
not yet come down to their asymptote, and leave 1e-3 or more below 0.01 degrees.

What all of them share: theta is the distance from the mass [degrees], above 0 and up to
180; at 0 they have no value. The mass is not balanced by another: degree 0 is included.
Gravity, tilt and strain do not depend on the frame of the Love numbers.

Source: Farrell (1972), section 3 and appendix, doi:10.1029/RG010i003p00761.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

from jaxload._check import require_float64
from jaxload.constants import DEGREE, GRAVITATIONAL_CONSTANT
from jaxload.earth.kernels.kummer import continue_series, derivative_sum, value_sum
from jaxload.earth.kernels.legendre import check_angles
from jaxload.earth.love.from_model import LoveNumbers

__all__ = [
    "Parts",
    "Strain",
    "point_geoid",
    "point_gravity",
    "point_strain",
    "point_tangential",
    "point_tilt",
    "point_uplift",
]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Parts:
    """What the mass itself does, and what the Earth does that it deforms.

    Attributes:
      elastic: By the deformation of the Earth.
      newtonian: By the attraction of the mass; the same on every Earth of one size.
    """

    elastic: Array
    newtonian: Array

    @property
    def total(self) -> Array:
        """Both together."""
        return self.elastic + self.newtonian


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Strain:
    """Strain of the surface, extension positive.

    Attributes:
      along: Toward the mass and away from it, theta-theta.
      across: At right angles to that, lambda-lambda.
      areal: Of area, their sum; near the mass, where they are opposite, it has digits
        that the sum has not.
    """

    along: Array
    across: Array
    areal: Array


def point_uplift(love: LoveNumbers, theta: Array) -> Array:
    """Vertical displacement by a point mass on the surface.

    Args:
      love: Load Love numbers from degree 0.
      theta: Distances from the mass [degrees], shape (node,), above 0.

    Returns:
      Displacement per mass, up positive [m/kg], shape (node,).

    Raises:
      ValueError: If a distance is not above 0 and up to 180, or float64 is off.

    Source:
      Farrell (1972), eq. 37, doi:10.1029/RG010i003p00761.
    """
    _check(theta)
    return _uplift(love, theta)


def point_tangential(love: LoveNumbers, theta: Array) -> Array:
    """Horizontal displacement by a point mass on the surface.

    Args:
      love: Load Love numbers from degree 0.
      theta: Distances from the mass [degrees], shape (node,), above 0.

    Returns:
      Displacement per mass, away from the mass positive [m/kg], shape (node,).

    Raises:
      ValueError: If a distance is not above 0 and up to 180, or float64 is off.

    Source:
      Farrell (1972), eq. 38, doi:10.1029/RG010i003p00761.
    """
    _check(theta)
    return _tangential(love, theta)


def point_geoid(love: LoveNumbers, theta: Array) -> Array:
    """Change of the geoid by a point mass and by the Earth it deforms.

    Times the gravity of `love` it is the change of the potential [m2/s2/kg].

    Args:
      love: Load Love numbers from degree 0.
      theta: Distances from the mass [degrees], shape (node,), above 0.

    Returns:
      Geoid height per mass, up positive [m/kg], shape (node,).

    Raises:
      ValueError: If a distance is not above 0 and up to 180, or float64 is off.

    Source:
      Farrell (1972), section 3, doi:10.1029/RG010i003p00761.
    """
    _check(theta)
    return _geoid(love, theta)


def point_gravity(love: LoveNumbers, theta: Array) -> Parts:
    """Change of gravity at the ground by a point mass on the surface.

    Upward acceleration is positive, as in Farrell's tables and SPOTL's: a gravimeter,
    which counts gravity downward, reads the opposite. The elastic part holds that the
    ground has moved through the field of the Earth, and the mass that moved in it.

    Args:
      love: Load Love numbers from degree 0.
      theta: Distances from the mass [degrees], shape (node,), above 0.

    Returns:
      Acceleration per mass, upward positive [m/s2/kg], shape (node,) each.

    Raises:
      ValueError: If a distance is not above 0 and up to 180, or float64 is off.

    Source:
      Farrell (1972), section 3, doi:10.1029/RG010i003p00761: the terms are
      2 h_n - (n + 1) k_n, and n for the mass itself.
    """
    _check(theta)
    return _gravity(love, theta)


def point_tilt(love: LoveNumbers, theta: Array) -> Parts:
    """Tilt of the ground, against the plumb line, by a point mass on the surface.

    Positive where a pendulum that hangs from the ground swings toward the mass: the
    mass attracts it, and the ground dips toward the mass.

    Args:
      love: Load Love numbers from degree 0.
      theta: Distances from the mass [degrees], shape (node,), above 0.

    Returns:
      Tilt per mass [rad/kg], shape (node,) each.

    Raises:
      ValueError: If a distance is not above 0 and up to 180, or float64 is off.

    Source:
      Farrell (1972), section 3, doi:10.1029/RG010i003p00761: the terms are
      -(k_n - h_n) dP_n/dtheta, and -dP_n/dtheta for the mass itself.
    """
    _check(theta)
    return _tilt(love, theta)


def point_strain(love: LoveNumbers, theta: Array) -> Strain:
    """Strain of the surface by a point mass on it.

    Args:
      love: Load Love numbers from degree 0.
      theta: Distances from the mass [degrees], shape (node,), above 0.

    Returns:
      Strain per mass, extension positive [1/kg], shape (node,) each.

    Raises:
      ValueError: If a distance is not above 0 and up to 180, or float64 is off.

    Source:
      Farrell (1972), section 3, doi:10.1029/RG010i003p00761.
    """
    _check(theta)
    return _strain(love, theta)


def _check(theta: Array) -> None:
    require_float64("Green's functions")
    check_angles(theta, above_zero=True)


def _degree(love: LoveNumbers) -> Array:
    return jnp.arange(love.h.shape[0], dtype=love.h.dtype)


def _per_mass(love: LoveNumbers) -> Array:
    """One over the mass of the Earth [1/kg]."""
    return GRAVITATIONAL_CONSTANT / (love.gravity * love.radius**2)


@jax.jit
def _uplift(love: LoveNumbers, theta: Array) -> Array:
    total = value_sum(continue_series(love.h, 0), theta)
    return _per_mass(love) * love.radius * total


@jax.jit
def _tangential(love: LoveNumbers, theta: Array) -> Array:
    total = derivative_sum(continue_series(love.l, 1), theta)
    return _per_mass(love) * love.radius * total


@jax.jit
def _geoid(love: LoveNumbers, theta: Array) -> Array:
    direct = 1 / (2 * jnp.sin(theta * (DEGREE / 2)))
    total = direct + value_sum(continue_series(love.k, 1), theta)
    return _per_mass(love) * love.radius * total


@jax.jit
def _gravity(love: LoveNumbers, theta: Array) -> Parts:
    terms = 2 * love.h - (_degree(love) + 1) * love.k
    elastic = value_sum(continue_series(terms, 0), theta)
    newtonian = -1 / (4 * jnp.sin(theta * (DEGREE / 2)))
    scale = love.gravity * _per_mass(love)
    return Parts(scale * elastic, scale * newtonian)


@jax.jit
def _tilt(love: LoveNumbers, theta: Array) -> Parts:
    elastic = derivative_sum(continue_series(love.h - love.k, 0), theta)
    half = theta * (DEGREE / 2)
    # cos(theta / 2) from the antipode: it keeps its digits where it vanishes.
    cosine = jnp.sin((180 - theta) * (DEGREE / 2))
    newtonian = cosine / (4 * jnp.sin(half) ** 2)
    scale = _per_mass(love)
    return Parts(scale * elastic, scale * newtonian)


@jax.jit
def _strain(love: LoveNumbers, theta: Array) -> Strain:
    degree = _degree(love)
    terms = 2 * love.h - degree * (degree + 1) * love.l
    areal = _per_mass(love) * value_sum(continue_series(terms, -1), theta)
    # At the antipode, where all directions are one, each has half of the areal strain.
    opposite = theta == 180
    tangent = jnp.tan(jnp.where(opposite, 45, theta) * DEGREE)
    sideways = _uplift(love, theta) + _tangential(love, theta) / tangent
    across = jnp.where(opposite, areal / 2, sideways / love.radius)
    return Strain(areal - across, across, areal)

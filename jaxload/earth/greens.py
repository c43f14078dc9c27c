"""Green's functions: response of the Earth to a point mass on its surface.

Source: Farrell (1972), doi:10.1029/RG010i003p00761.
"""

import jax.numpy as jnp
from jax import Array

from jaxload.constants import DEGREE, GRAVITATIONAL_CONSTANT
from jaxload.earth.legendre import legendre_derivative_series, legendre_series
from jaxload.earth.love import LoveNumbers

__all__ = ["point_tangential", "point_uplift"]


def point_uplift(love: LoveNumbers, theta: Array) -> Array:
    """Vertical displacement by a point mass on the surface.

    Beyond the last degree h_n is continued as a + b / (n + 1), whose sum is known.

    Args:
      love: Load Love numbers from degree 0.
      theta: Distances from the mass [degrees], shape (node,), above 0.

    Returns:
      Displacement per mass, up positive [m/kg], shape (node,).

    Source:
      Farrell (1972), doi:10.1029/RG010i003p00761.
    """
    degree = jnp.arange(love.h.shape[0], dtype=love.h.dtype)
    limit, slope = _tail(love.h)
    rest = love.h - limit - slope / (degree + 1)
    sine = jnp.sin(theta * (DEGREE / 2))
    # The sums of P_n and of P_n / (n + 1) from n = 0.
    known = limit / (2 * sine) + slope * jnp.log1p(1 / sine)
    total = known + legendre_series(rest[:, None], theta)[:, 0]
    return GRAVITATIONAL_CONSTANT / (love.gravity * love.radius) * total


def point_tangential(love: LoveNumbers, theta: Array) -> Array:
    """Horizontal displacement by a point mass on the surface.

    Beyond the last degree n l_n is continued as a + b / (n + 1), whose sum is known.

    Args:
      love: Load Love numbers from degree 0.
      theta: Distances from the mass [degrees], shape (node,), above 0.

    Returns:
      Displacement per mass, away from the mass positive [m/kg], shape (node,).

    Source:
      Farrell (1972), doi:10.1029/RG010i003p00761.
    """
    degree = jnp.arange(love.l.shape[0], dtype=love.l.dtype)
    limit, slope = _tail(degree * love.l)
    rest = love.l - (limit + slope / (degree + 1)) / jnp.maximum(degree, 1)
    half = theta * (DEGREE / 2)
    sine = jnp.sin(half)
    # The sums of dP_n/dtheta / n and of dP_n/dtheta / (n (n + 1)) from n = 1.
    first = -jnp.cos(half) * (1 + 2 * sine) / (2 * sine * (1 + sine))
    second = -jnp.cos(half) / (1 + sine)
    known = limit * first + slope * second
    total = known + legendre_derivative_series(rest[:, None], theta)[:, 0]
    return GRAVITATIONAL_CONSTANT / (love.gravity * love.radius) * total


def _tail(love: Array) -> tuple[Array, Array]:
    """Limit a and slope b of a + b / (n + 1) through the last degree and its half."""
    last = love.shape[0] - 1
    half = last // 2
    slope = (love[half] - love[last]) / (1 / (half + 1) - 1 / (last + 1))
    return love[last] - slope / (last + 1), slope

"""Stokes coefficients to equivalent water height and displacement, and back.

A layer of water on a sphere of radius a changes the geopotential, and its potential
moves the ground. With Stokes coefficients C_nm that belong to GM and a,

    water_nm = GM / (4 pi G a^2) (2 n + 1) / (1 + k_n) C_nm        [kg/m2 = mm]
    up_nm    = a h_n / (1 + k_n) C_nm
    shift_nm = a l_n / (1 + k_n) C_nm,   its surface gradient is east and north

GM / (4 pi G a^2) is a third of a times the mean density of a sphere of radius a, so
that density is always the one that GM and a imply.

Degree 1 depends on where the frame's origin is: coefficients are taken to be in the
frame of the Love numbers. It is CF for what GRACE's technical note 13 holds.

Source: Wahr, Molenaar & Bryan (1998), doi:10.1029/98JB02844; Davis et al. (2004),
doi:10.1029/2004GL021435.
"""

import dataclasses
import math

import jax
import jax.numpy as jnp
from jax import Array

from jaxload.constants import GRAVITATIONAL_CONSTANT
from jaxload.earth.love.from_model import LoveNumbers
from jaxload.sphere.harmonics.coefficients import Harmonics, last_degree, scale_degrees

__all__ = [
    "Stokes",
    "displacement_from_stokes",
    "gm_from_density",
    "stokes_from_uplift",
    "stokes_from_water",
    "water_from_stokes",
]

#: Millimetres in a metre.
MILLI = 1000.0


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Stokes:
    """Stokes coefficients, one set or one for each of some epochs.

    Attributes:
      harmonics: Fully normalised coefficients [-], shape (..., degree, order).
      gm: Gravitational constant times mass of the Earth [m3/s2], scalar.
      radius: Radius that the coefficients refer to [m], scalar.
    """

    harmonics: Harmonics
    gm: Array | float
    radius: Array | float


def water_from_stokes(stokes: Stokes, love: LoveNumbers) -> Harmonics:
    """Find the layer of water that makes a change of the geopotential.

    Args:
      stokes: Changes of Stokes coefficients, shape (..., degree, order).
      love: Load Love numbers, as far as the coefficients go or farther.

    Returns:
      Harmonics of equivalent water height [mm], shape (..., degree, order).

    Raises:
      ValueError: If the Love numbers end too early or are in the frame CM, or the
        coefficients are none.

    Example:
      >>> water = water_from_stokes(anomaly, in_frame(love, "CF"))
      >>> twsa = synthesise(smooth(water, 300e3, constants.EARTH_RADIUS), lat, lon)

    Source:
      Wahr, Molenaar & Bryan (1998), eqs 9 and 14, doi:10.1029/98JB02844.
    """
    return scale_degrees(stokes.harmonics, _water_factor(stokes, love))


def stokes_from_water(
    water: Harmonics, love: LoveNumbers, gm: Array | float, radius: Array | float
) -> Stokes:
    """Find the change of the geopotential by a layer of water.

    Args:
      water: Harmonics of equivalent water height [mm], shape (..., degree, order).
      love: Load Love numbers, as far as the harmonics go or farther.
      gm: Gravitational constant times mass of the Earth [m3/s2].
      radius: Radius that the coefficients are to refer to [m].

    Returns:
      The change, shape (..., degree, order).

    Raises:
      ValueError: If the Love numbers end too early or are in the frame CM, or the
        harmonics are none.

    Source:
      Wahr, Molenaar & Bryan (1998), eq. 12, doi:10.1029/98JB02844.
    """
    stokes = Stokes(water, gm, radius)
    return Stokes(scale_degrees(water, 1 / _water_factor(stokes, love)), gm, radius)


def displacement_from_stokes(
    stokes: Stokes, love: LoveNumbers
) -> tuple[Harmonics, Harmonics]:
    """Find how the load behind a change of the geopotential moves the ground.

    Args:
      stokes: Changes of Stokes coefficients, shape (..., degree, order).
      love: Load Love numbers, as far as the coefficients go or farther.

    Returns:
      Harmonics of the uplift [mm], and of a potential [mm] whose surface gradient on
      the unit sphere, `gradient_at`, is the displacement to the east and to the north;
      each of shape (..., degree, order).

    Raises:
      ValueError: If the Love numbers end too early or are in the frame CM, or the
        coefficients are none.

    Example:
      >>> up, potential = displacement_from_stokes(anomaly, love)
      >>> synthesise_at(up, lat=stations.lat, lon=stations.lon)

    Source:
      Davis et al. (2004), doi:10.1029/2004GL021435.
    """
    unit = MILLI * stokes.radius / _rise(stokes.harmonics, love)
    h, l = (x[: len(unit)] for x in (love.h, love.l))
    return scale_degrees(stokes.harmonics, unit * h), scale_degrees(
        stokes.harmonics, unit * l
    )


def stokes_from_uplift(
    up: Harmonics, love: LoveNumbers, gm: Array | float, radius: Array | float
) -> Stokes:
    """Find the change of the geopotential by the load that lifts the ground so.

    Args:
      up: Harmonics of the uplift [mm], shape (..., degree, order).
      love: Load Love numbers, as far as the harmonics go or farther.
      gm: Gravitational constant times mass of the Earth [m3/s2].
      radius: Radius that the coefficients are to refer to [m].

    Returns:
      The change, shape (..., degree, order). Where h_n is 0 it is 0: such a load
      cannot be seen in the uplift.

    Raises:
      ValueError: If the Love numbers end too early or are in the frame CM, or the
        harmonics are none.
    """
    rise = _rise(up, love)
    h = jnp.asarray(love.h)[: len(rise)]
    seen = h != 0
    factor = jnp.where(seen, rise / jnp.where(seen, h, 1), 0) / (MILLI * radius)
    return Stokes(scale_degrees(up, factor), gm, radius)


def gm_from_density(density: float, radius: float) -> float:
    """Return GM of a homogeneous sphere, for formulas that are written with a density.

    ``Stokes(harmonics, gm_from_density(5500.0, 6371390.0), 6371390.0)`` turns into
    water as ``A rho_e / (3 rho_w) (2 n + 1) / (1 + k_n)`` with A = 6371.39 km and
    rho_e = 5500 kg/m3 does.

    Args:
      density: Mean density [kg/m3].
      radius: Radius [m].

    Returns:
      GM [m3/s2].
    """
    return 4 / 3 * math.pi * GRAVITATIONAL_CONSTANT * density * radius**3


def _water_factor(stokes: Stokes, love: LoveNumbers) -> Array:
    """Water [mm] per Stokes coefficient, shape (degree,)."""
    rise = _rise(stokes.harmonics, love)
    area = 4 * math.pi * GRAVITATIONAL_CONSTANT * stokes.radius**2
    return stokes.gm / area * (2 * jnp.arange(len(rise), dtype=rise.dtype) + 1) / rise


def _rise(harmonics: Harmonics, love: LoveNumbers) -> Array:
    """1 + k_n, checked, shape (degree,)."""
    last, there = last_degree(harmonics), len(love.k) - 1
    if last > there:
        raise ValueError(
            f"the coefficients go to degree {last}, but the Love numbers end at "
            f"{there}; load more of them, or cut the coefficients"
        )
    if love.frame == "CM" and last > 0:
        raise ValueError(
            "Love numbers are in the frame CM, where 1 + k_1 is 0 and the geopotential "
            "tells nothing of degree 1; use in_frame(love, 'CF')"
        )
    return 1 + jnp.asarray(love.k, jnp.float64)[: last + 1]

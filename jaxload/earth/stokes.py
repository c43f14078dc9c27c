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
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from jaxload.constants import GRAVITATIONAL_CONSTANT
from jaxload.earth.coefficients import Harmonics, last_degree
from jaxload.earth.love import LoveNumbers

__all__ = [
    "LowDegrees",
    "Stokes",
    "displacement_from_stokes",
    "gaussian_weights",
    "gm_from_density",
    "remove_mean",
    "remove_rate",
    "replace_low_degrees",
    "smooth",
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
    gm: ArrayLike
    radius: ArrayLike


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class LowDegrees:
    """Coefficients known better from elsewhere; NaN leaves what there is.

    Attributes:
      c10: Fully normalised [-], shape (epoch,), as are all.
      c11: Cosine of degree 1, order 1.
      s11: Sine of degree 1, order 1.
      c20: Flattening.
      c30: Zonal of degree 3.
    """

    c10: ArrayLike
    c11: ArrayLike
    s11: ArrayLike
    c20: ArrayLike
    c30: ArrayLike


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
      >>> twsa = synthesise(smooth(water, 300e3, EARTH_RADIUS), lat, lon)

    Source:
      Wahr, Molenaar & Bryan (1998), eqs 9 and 14, doi:10.1029/98JB02844.
    """
    return _scale(stokes.harmonics, _water_factor(stokes, love))


def stokes_from_water(
    water: Harmonics, love: LoveNumbers, gm: ArrayLike, radius: ArrayLike
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
    return Stokes(_scale(water, 1 / _water_factor(stokes, love)), gm, radius)


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
      >>> synthesise_at(up, lon, lat), gradient_at(potential, lon, lat)

    Source:
      Davis et al. (2004), doi:10.1029/2004GL021435.
    """
    unit = MILLI * stokes.radius / _rise(stokes.harmonics, love)
    h, l = (x[: len(unit)] for x in (love.h, love.l))
    return _scale(stokes.harmonics, unit * h), _scale(stokes.harmonics, unit * l)


def stokes_from_uplift(
    up: Harmonics, love: LoveNumbers, gm: ArrayLike, radius: ArrayLike
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
    return Stokes(_scale(up, factor), gm, radius)


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


def smooth(harmonics: Harmonics, radius: float, earth_radius: float) -> Harmonics:
    """Average with a Gaussian bell.

    Args:
      harmonics: Coefficients of any field, shape (..., degree, order).
      radius: Distance on the sphere at which the bell has fallen to one half [m].
      earth_radius: Radius of the sphere [m].

    Returns:
      The smoothed coefficients.

    Raises:
      ValueError: If the radius is not positive, or the coefficients are none.

    Example:
      >>> smooth(water, 300e3, constants.EARTH_RADIUS)

    Source:
      Jekeli (1981), Ohio State University report 327; Wahr, Molenaar & Bryan (1998),
      eq. 34, doi:10.1029/98JB02844.
    """
    weights = gaussian_weights(last_degree(harmonics), radius / earth_radius)
    return _scale(harmonics, weights)


def gaussian_weights(max_degree: int, angle: float) -> Array:
    """Weights by degree of a Gaussian bell on the sphere.

    The bell is exp(-b (1 - cos(theta))), one half at `angle`, and its weights are
    ratios of modified spherical Bessel functions of b. The usual recursion climbs in
    degree, along which errors grow until the weights explode; here the continued
    fraction of the ratios goes down in degree, along which errors vanish.

    Args:
      max_degree: The last degree.
      angle: Where the bell has fallen to one half [radians]: the radius of smoothing
        over the radius of the Earth.

    Returns:
      The weights [-], shape (degree,), 1 at degree 0.

    Raises:
      ValueError: If the angle is not between 0 and pi.

    Example:
      >>> gaussian_weights(60, 300e3 / 6371e3)

    Source:
      Jekeli (1981), Ohio State University report 327; ratios of Bessel
      functions: Gautschi (1967), doi:10.1137/1009002.
    """
    if not 0 < angle <= math.pi:
        raise ValueError(
            f"the smoothing radius is {angle:g} radians of arc, expected more than 0 "
            "and at most pi; give metres to smooth(), not kilometres or degrees"
        )
    sharpness = math.log(2) / (2 * math.sin(angle / 2) ** 2)
    # So far above, whatever the fraction began with is forgotten.
    start = max_degree + 50 + int(10 * math.sqrt(sharpness))
    ratio, ratios = 0.0, np.empty(start + 1)
    for degree in range(start, 0, -1):
        ratio = 1 / ((2 * degree + 1) / sharpness + ratio)
        ratios[degree] = ratio
    return jnp.asarray(np.cumprod([1.0, *ratios[1 : max_degree + 1]]))


def replace_low_degrees(stokes: Stokes, low: LowDegrees) -> Stokes:
    """Put in degree 1, C20 and C30 from elsewhere.

    They must be of the kind that is replaced: full values into full values, changes
    into changes since the same date.

    Args:
      stokes: Coefficients to degree 3 at least, shape (epoch, degree, order).
      low: The others, shape (epoch,); where NaN, what there is stays.

    Returns:
      The coefficients, replaced.

    Raises:
      ValueError: If there are not as many epochs, or the degree is below 3.
    """
    given, last = stokes.harmonics, last_degree(stokes.harmonics)
    epochs = jnp.shape(given.cosine)[0]
    shapes = {x.name: jnp.shape(getattr(low, x.name)) for x in dataclasses.fields(low)}
    wrong = [name for name, shape in shapes.items() if shape != (epochs,)]
    if jnp.ndim(given.cosine) != 3 or last < 3 or wrong:
        raise ValueError(
            f"stokes has shape {jnp.shape(given.cosine)} and the replacements have "
            f"{shapes}, expected (epoch, degree, order) to degree 3 at least and "
            "(epoch,): match them by time first"
        )
    cosine, sine = jnp.asarray(given.cosine), jnp.asarray(given.sine)
    for degree, order, values in (
        (1, 0, low.c10),
        (1, 1, low.c11),
        (2, 0, low.c20),
        (3, 0, low.c30),
    ):
        cosine = _put(cosine, degree, order, values)
    harmonics = Harmonics(cosine, _put(sine, 1, 1, low.s11))
    return dataclasses.replace(stokes, harmonics=harmonics)


def remove_mean(stokes: Stokes, baseline: ArrayLike | None = None) -> Stokes:
    """Refer coefficients to their mean over some epochs.

    Args:
      stokes: Coefficients, shape (epoch, degree, order).
      baseline: Which epochs make the mean, shape (epoch,), boolean; all if None.

    Returns:
      The anomalies.

    Raises:
      ValueError: If no epoch is chosen, or not every one is said to be or not.
    """
    epochs = jnp.shape(stokes.harmonics.cosine)[0]
    chosen = np.ones(epochs, bool) if baseline is None else np.asarray(baseline)
    if chosen.shape != (epochs,) or chosen.dtype != bool or not chosen.any():
        raise ValueError(
            f"baseline has shape {chosen.shape}, type {chosen.dtype} and "
            f"{np.count_nonzero(chosen)} epochs chosen, expected ({epochs},) of bool "
            "with at least one True"
        )
    anomaly = lambda x: x - x[chosen].mean(axis=0, keepdims=True)
    return jax.tree.map(_epochwise(anomaly), stokes)


def remove_rate(stokes: Stokes, rate: Harmonics, years: ArrayLike) -> Stokes:
    """Take away a steady change, such as that of glacial isostatic adjustment.

    Args:
      stokes: Coefficients, shape (epoch, degree, order).
      rate: Change [1/year], shape (degree, order), of the same degree.
      years: Time from a common origin [years], shape (epoch,).

    Returns:
      What is left.

    Raises:
      ValueError: If shapes disagree.
    """
    given = stokes.harmonics
    years = jnp.asarray(years, jnp.float64)
    expected = (*years.shape, *jnp.shape(rate.cosine))
    if last_degree(rate) != last_degree(given) or given.cosine.shape != expected:
        raise ValueError(
            f"stokes has shape {given.cosine.shape}, but rate and years ask for "
            f"{expected}; cut them to one degree"
        )
    left = lambda x, r: jnp.asarray(x) - years[:, None, None] * jnp.asarray(r)[None]
    harmonics = Harmonics(left(given.cosine, rate.cosine), left(given.sine, rate.sine))
    return dataclasses.replace(stokes, harmonics=harmonics)


def _epochwise(function):
    """Act on arrays that have epochs, leave scalars as they are."""
    return lambda x: function(jnp.asarray(x)) if jnp.ndim(x) > 0 else x


def _put(array: Array, degree: int, order: int, values: ArrayLike) -> Array:
    values = jnp.asarray(values, array.dtype)
    kept = jnp.where(jnp.isnan(values), array[:, degree, order], values)
    return array.at[:, degree, order].set(kept)


def _scale(harmonics: Harmonics, factor: Array) -> Harmonics:
    """Multiply each degree by a number."""

    def scaled(array: ArrayLike) -> Array:
        array = jnp.asarray(array, jnp.float64)
        lead = (1,) * (array.ndim - 2)
        return array * factor.reshape(*lead, -1, 1)

    return Harmonics(scaled(harmonics.cosine), scaled(harmonics.sine))


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

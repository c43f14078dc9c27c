"""Smoothing on the sphere with a Gaussian bell."""

import math

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxload.sphere.harmonics.coefficients import Harmonics, last_degree, scale_degrees

__all__ = ["gaussian_weights", "smooth"]


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
    return scale_degrees(harmonics, weights)


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

"""Distances, directions, areas and weights on the sphere.

Latitude is taken as it is given: a geodetic latitude used as a spherical one moves a
point by up to 0.19 degrees, but the distance of two neighbours by 0.7% at most.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxload.constants import DEGREE, EARTH_RADIUS

__all__ = [
    "angular_distance",
    "arc_from_length",
    "azimuth",
    "cell_area",
    "disc_radius",
    "inverse_distance_weights",
    "unit_vectors",
]


def unit_vectors(lon: ArrayLike, lat: ArrayLike) -> Array:
    """Point from the Earth's centre to places on the sphere.

    Args:
      lon: Longitude [degrees], any shape.
      lat: Latitude [degrees], same shape.

    Returns:
      Cartesian unit vectors [-], shape (..., 3): toward lon 0 on the equator, lon 90
      on the equator, and the north pole.
    """
    lon, lat = _radians(lon), _radians(lat)
    level = jnp.cos(lat)
    return jnp.stack([level * jnp.cos(lon), level * jnp.sin(lon), jnp.sin(lat)], -1)


def angular_distance(
    lon: ArrayLike, lat: ArrayLike, other_lon: ArrayLike, other_lat: ArrayLike
) -> Array:
    """Length of the great-circle arc between places.

    With h the haversine of the arc, the arc is ``2 atan2(sqrt(h), sqrt(1 - h))``, and
    1 - h is summed from its own squares: nothing cancels near 0 or near 180 degrees.

    Args:
      lon: Longitude [degrees], any shape.
      lat: Latitude [degrees], same shape.
      other_lon: Longitude of the other end [degrees], a shape that broadcasts.
      other_lat: Latitude of the other end [degrees], same shape.

    Returns:
      Arc [degrees], 0 to 180. Its gradient is 0 where the two ends coincide.

    Source:
      Sinnott (1984), Virtues of the haversine, Sky and Telescope 68, 158.
    """
    east, north, mean = _half_differences(lon, lat, other_lon, other_lat)
    across = jnp.cos(_radians(lat)) * jnp.cos(_radians(other_lat))
    near = jnp.sin(north) ** 2 + across * jnp.sin(east) ** 2
    far = jnp.sin(mean) ** 2 + across * jnp.cos(east) ** 2
    return 2 * jnp.arctan2(_safe_sqrt(near), _safe_sqrt(far)) / DEGREE


def azimuth(
    lon: ArrayLike, lat: ArrayLike, other_lon: ArrayLike, other_lat: ArrayLike
) -> Array:
    """Direction in which an arc sets out, clockwise from north.

    Args:
      lon: Longitude where the arc begins [degrees], any shape.
      lat: Latitude where the arc begins [degrees], same shape.
      other_lon: Longitude where it ends [degrees], a shape that broadcasts.
      other_lat: Latitude where it ends [degrees], same shape.

    Returns:
      Azimuth [degrees], 0 to 360; 0, with gradient 0, where the ends coincide.

    Source:
      Sinnott (1984), Virtues of the haversine, Sky and Telescope 68, 158.
    """
    east, north, _ = _half_differences(lon, lat, other_lon, other_lat)
    level = jnp.cos(_radians(other_lat))
    eastward = level * jnp.sin(2 * east)
    # cos a sin b - sin a cos b cos c, without the cancellation of near places.
    bulge = 2 * jnp.sin(_radians(lat)) * level * jnp.sin(east) ** 2
    northward = jnp.sin(2 * north) + bulge
    same = (eastward == 0) & (northward == 0)
    angle = jnp.arctan2(jnp.where(same, 0, eastward), jnp.where(same, 1, northward))
    angle = angle / DEGREE
    return jnp.where(angle < 0, angle + 360, angle)


def cell_area(south: ArrayLike, north: ArrayLike, width: ArrayLike) -> Array:
    """Area between two parallels and two meridians.

    Args:
      south: Latitude of the southern edge [degrees], any shape.
      north: Latitude of the northern edge [degrees], same shape.
      width: Longitudes covered [degrees], same shape or a scalar.

    Returns:
      Area on the sphere [m2], same shape.
    """
    south, north, width = map(_radians, (south, north, width))
    # sin(b) - sin(a) as a product: a thin cell loses no digits.
    rise = 2 * jnp.cos((north + south) / 2) * jnp.sin((north - south) / 2)
    return EARTH_RADIUS**2 * width * rise


def disc_radius(area: ArrayLike) -> Array:
    """Angular radius of the disc (spherical cap) that has a given area.

    Args:
      area: Area on the sphere [m2], any shape.

    Returns:
      Angle at the Earth's centre between the disc's middle and its edge [degrees].
    """
    area = _float(area)
    # A cap of angular radius a covers 4 pi sin^2(a / 2) of the unit sphere.
    return 2 * jnp.arcsin(jnp.sqrt(area / (4 * np.pi * EARTH_RADIUS**2))) / DEGREE


def arc_from_length(length: ArrayLike) -> Array:
    """Angle at the Earth's centre under an arc of a given length.

    Args:
      length: Length along the surface [m], any shape.

    Returns:
      Angle [degrees], same shape.

    Example:
      >>> radius = arc_from_length(13_900.0)  # 0.12501 degrees
    """
    return _float(length) / (EARTH_RADIUS * DEGREE)


def inverse_distance_weights(distance: ArrayLike, power: float = 2.0) -> Array:
    """Weights ``distance**-power`` that sum to one over the sources.

    Sources at distance zero share the whole weight. A source that must not count is
    put at infinite distance; where all are, every weight is zero.

    Args:
      distance: Distance to each source, in any unit, not negative, shape (..., source).
      power: Exponent [-], positive.

    Returns:
      Weights [-], same shape; never NaN.

    Raises:
      ValueError: If `power` is not positive.

    Source:
      Shepard (1968), doi:10.1145/800186.810616.
    """
    if not power > 0:
        raise ValueError(f"power is {power}, expected above 0; the usual choice is 2")
    distance = _float(distance)
    here = distance == 0
    there = ~here & jnp.isfinite(distance)
    nearest = jnp.min(jnp.where(there, distance, jnp.inf), axis=-1, keepdims=True)
    # Relative to the nearest source, so that no power overflows.
    ratio = jnp.where(there, nearest, 0) / jnp.where(there, distance, 1)
    some = here.any(axis=-1, keepdims=True)
    weight = jnp.where(some, here.astype(distance.dtype), ratio**power)
    total = weight.sum(axis=-1, keepdims=True)
    return weight / jnp.where(total == 0, 1, total)


def _float(values: ArrayLike) -> Array:
    """Keep a float dtype; whole numbers become the default one."""
    values = jnp.asarray(values)
    if jnp.issubdtype(values.dtype, jnp.floating):
        return values
    return values.astype(jnp.result_type(float))


def _half_differences(
    lon: ArrayLike, lat: ArrayLike, other_lon: ArrayLike, other_lat: ArrayLike
) -> tuple[Array, Array, Array]:
    """Half the differences eastward and northward, and the mean latitude [radians]."""
    lon, lat, other_lon, other_lat = map(_float, (lon, lat, other_lon, other_lat))
    # Subtracted in degrees: the difference of two near numbers is exact.
    differences = (other_lon - lon, other_lat - lat, other_lat + lat)
    east, north, mean = (x * (DEGREE / 2) for x in differences)
    return east, north, mean


def _radians(angle: ArrayLike) -> Array:
    return _float(angle) * DEGREE


def _safe_sqrt(square: Array) -> Array:
    """Square root whose gradient at zero is zero."""
    above = square > 0
    return jnp.where(above, jnp.sqrt(jnp.where(above, square, 1)), 0)

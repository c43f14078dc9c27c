"""What a filtered field is a mean of: weights of cells in its value at places."""

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxload.constants import DEGREE, EARTH_RADIUS
from jaxload.sphere.harmonics.gaussian import gaussian_weights

__all__ = [
    "FieldFilter",
    "filter_correlation",
    "filter_kernel",
    "footprint_weights",
]

Floats = NDArray[np.float64]

#: Angles at which a kernel is computed, between which it is interpolated.
ANGLES = 20_000

#: Largest degree that counts, times the angle of a Gaussian: its weight there is 1e-13.
LAST = 9.0


@dataclasses.dataclass(frozen=True)
class FieldFilter:
    """What a field was filtered by, isotropic.

    Attributes:
      smoothing: Distance at which a Gaussian bell has fallen to one half [m]; 0 for
        none.
      max_degree: Last degree of spherical harmonics; 0 for no limit.
      min_degree: First degree; 2 where degrees 0 and 1 are missing.
    """

    smoothing: float = 0.0
    max_degree: int = 0
    min_degree: int = 0

    def __post_init__(self) -> None:
        if not (self.smoothing > 0 or self.max_degree > 0):
            raise ValueError(
                "a filter has neither a smoothing radius nor a last degree; give one"
            )
        if self.min_degree > self.degrees:
            raise ValueError(
                f"a filter passes degrees {self.min_degree} to {self.degrees}, which "
                "are none"
            )

    @property
    def degrees(self) -> int:
        """The last degree that counts."""
        if not self.smoothing:
            return self.max_degree
        last = math.ceil(LAST * EARTH_RADIUS / self.smoothing)
        return min(last, self.max_degree) if self.max_degree else last


def _weights(field_filter: FieldFilter) -> Floats:
    """Weights by degree [-], shape (degree,)."""
    last = field_filter.degrees
    weights = np.ones(last + 1)
    if field_filter.smoothing:
        angle = field_filter.smoothing / EARTH_RADIUS
        weights = np.array(gaussian_weights(last, angle))
    weights[: field_filter.min_degree] = 0
    return weights


def _kernel(weights: Floats) -> Floats:
    """``sum (2 n + 1) / (4 pi) w_n P_n``, at equally spaced angles [1/sr]."""
    cosine = np.cos(np.linspace(0, np.pi, ANGLES))
    before, here = np.ones(ANGLES), cosine
    total = weights[0] * before
    for degree in range(1, len(weights)):
        total += (2 * degree + 1) * weights[degree] * here
        after = (2 * degree + 1) * cosine * here - degree * before
        before, here = here, after / (degree + 1)
    return total / (4 * np.pi)


def _at(kernel: Floats, places: Floats, others: Floats) -> Floats:
    """A kernel between places, each of shape (place, 2): lon and lat [degrees]."""
    lon, lat = DEGREE * places.T[:, :, None]
    east, north = DEGREE * others.T[:, None, :]
    half = np.sin((lat - north) / 2) ** 2
    half = half + np.cos(lat) * np.cos(north) * np.sin((lon - east) / 2) ** 2
    angle = 2 * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
    return np.interp(angle, np.linspace(0, np.pi, ANGLES), kernel)


def filter_kernel(field_filter: FieldFilter, angle: ArrayLike) -> Floats:
    """Compute the kernel of a filter by distance.

    Args:
      field_filter: The filter.
      angle: Distances [rad], any shape.

    Returns:
      The kernel [1/sr], whose integral over the sphere is 1, or 0 for a filter without
      degree 0.
    """
    kernel = _kernel(_weights(field_filter))
    return np.interp(np.asarray(angle), np.linspace(0, np.pi, ANGLES), kernel)


def footprint_weights(
    field_filter: FieldFilter, places: ArrayLike, cells: ArrayLike, area: ArrayLike
) -> Floats:
    """Weights of cells in a filtered field at places.

    The kernel is taken at the middles of cells, which have to be small beside it.

    Args:
      field_filter: What the field was filtered by.
      places: Longitude and latitude of each [degrees], shape (place, 2).
      cells: Those of the middles of cells, shape (cell, 2).
      area: Of the cells [m2], shape (cell,).

    Returns:
      The weights [-], shape (place, cell); over the whole sphere they add up to 1, or
      to 0 for a filter without degree 0.

    Source:
      Wahr, Molenaar & Bryan (1998), eqs 30 to 34, doi:10.1029/98JB02844.
    """
    kernel = _kernel(_weights(field_filter))
    solid = np.asarray(area, np.float64) / EARTH_RADIUS**2
    places, cells = np.asarray(places, np.float64), np.asarray(cells, np.float64)
    return _at(kernel, places, cells) * solid[None]


def filter_correlation(field_filter: FieldFilter, places: ArrayLike) -> Floats:
    """Correlation between places of white noise on the sphere that a filter smoothed.

    Args:
      field_filter: The filter.
      places: Longitude and latitude [degrees], shape (place, 2).

    Returns:
      The correlation [-], shape (place, place).
    """
    kernel = _kernel(_weights(field_filter) ** 2)
    places = np.asarray(places, np.float64)
    return _at(kernel / kernel[0], places, places)

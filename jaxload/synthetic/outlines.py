"""Outlines of regions."""

import numpy as np
import shapely
from numpy.random import Generator

from jaxload.constants import DEGREE

__all__ = ["lobed_outline"]


def lobed_outline(
    centre: tuple[float, float], radius: float, rng: Generator
) -> shapely.Polygon:
    """Draw a lobed outline, as basins have.

    Args:
      centre: Its middle, lon and lat [degrees].
      radius: Its mean radius [degrees of arc].
      rng: From which its lobes are drawn.

    Returns:
      The outline [degrees].
    """
    angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    lobes = sum(
        rng.normal(0, 0.12 / order) * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
        for order in range(2, 6)
    )
    reach = radius * (1 + lobes)
    lat = centre[1] + reach * np.sin(angle)
    lon = centre[0] + reach * np.cos(angle) / np.cos(lat * DEGREE)
    return shapely.Polygon(np.stack([lon, lat], axis=1))

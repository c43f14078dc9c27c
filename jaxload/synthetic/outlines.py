"""Outlines of regions."""

import numpy as np
import shapely
from numpy.random import Generator
from numpy.typing import NDArray

from jaxload.constants import DEGREE

__all__ = ["divided_outline", "lobed_outline"]

#: Points across a region by which its parts are made, and how often they are balanced.
ACROSS, ROUNDS = 60, 30


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


def divided_outline(
    region: shapely.Polygon, count: int, kind: str
) -> dict[str, shapely.Polygon | shapely.MultiPolygon]:
    """Divide a region into parts of about one size, as provinces or basins are.

    Each part holds what is nearest to its middle, on a map with the scale of the
    region's mean latitude. Nothing is random.

    Args:
      region: The outline [degrees].
      count: Number of parts.
      kind: What their names begin with; numbers follow, from north to south.

    Returns:
      The parts by name [degrees]: they do not overlap, and make the region together.
    """
    points = _points_in(region)
    middles = points[_spread_out(points, count)]
    for _ in range(ROUNDS):
        part = _nearest(points, middles)
        middles = np.stack([points[part == n].mean(axis=0) for n in range(count)])
    middles = middles[np.argsort(-middles[:, 1])]
    shrink = _shrink(region)
    cells = shapely.voronoi_polygons(
        shapely.MultiPoint(middles), extend_to=_on_map(region, shrink)
    )
    outlines = {}
    for number, middle in enumerate(middles, 1):
        (cell,) = (x for x in cells.geoms if x.contains(shapely.Point(middle)))
        cell = _on_map(cell, 1 / shrink)
        outlines[f"{kind} {number}"] = shapely.intersection(cell, region)
    return outlines


def _shrink(region: shapely.Polygon) -> float:
    """By how much a degree of longitude is shorter than one of latitude."""
    return float(np.cos(region.centroid.y * DEGREE))


def _on_map(outline: shapely.Geometry, scale: float) -> shapely.Geometry:
    """Longitudes multiplied by a scale."""
    return shapely.transform(outline, lambda corners: corners * [scale, 1.0])


def _points_in(region: shapely.Polygon) -> NDArray[np.float64]:
    """Points of a raster inside a region, on the map, shape (point, 2)."""
    west, south, east, north = region.bounds
    lon, lat = np.meshgrid(
        np.linspace(west, east, ACROSS), np.linspace(south, north, ACROSS)
    )
    inside = shapely.contains_xy(region, lon, lat)
    return np.stack([lon[inside] * _shrink(region), lat[inside]], axis=1)


def _spread_out(points: NDArray[np.float64], count: int) -> list[int]:
    """Points of which each is as far from those before it as can be."""
    chosen = [0]
    while len(chosen) < count:
        apart = np.linalg.norm(points[:, None] - points[chosen], axis=2)
        chosen.append(int(np.argmax(apart.min(axis=1))))
    return chosen


def _nearest(
    points: NDArray[np.float64], middles: NDArray[np.float64]
) -> NDArray[np.intp]:
    apart = np.linalg.norm(points[:, None] - middles, axis=2)
    return np.argmin(apart, axis=1)

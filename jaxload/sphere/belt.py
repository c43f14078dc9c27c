"""Which points lie in a region, on its outline, or within a belt around it."""

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree
from shapely import MultiPolygon, Polygon

from jaxload._longitude import common_turn
from jaxload.constants import DEGREE

__all__ = ["EDGE", "is_near", "lies_in", "on_common_turn", "ring_vectors"]

#: What is as near as this to an outline or to the rim of a belt lies on it [degrees]: a
#: centimetre, far more than rounding and far less than a cell.
EDGE = 1e-7

#: Points that are made into geometries at once.
BLOCK = 200_000


def on_common_turn(region: Polygon | MultiPolygon) -> Polygon | MultiPolygon:
    """Join the parts of a region that the date line sets apart.

    Args:
      region: Outline [degrees].

    Returns:
      The region itself where its parts are as close as they can be, or with some of
      them moved by whole turns and merged.
    """
    parts = shapely.get_parts(region)
    bounds = shapely.bounds(parts)
    turns = common_turn(bounds[:, 0], bounds[:, 2])
    if not turns.any():
        return region
    moved = [
        shapely.transform(part, lambda vertex, turn=turn: vertex + np.array([turn, 0]))
        for part, turn in zip(parts, turns)
    ]
    merged = shapely.get_parts(shapely.union_all(moved))
    return merged[0] if len(merged) == 1 else MultiPolygon(list(merged))


def lies_in(
    region: Polygon | MultiPolygon, lon: NDArray, lat: NDArray
) -> NDArray[np.bool_]:
    """Find the points in a region or on its outline.

    Args:
      region: Outline [degrees].
      lon: Longitude of the points [degrees], on the turn of the region.
      lat: Latitude [degrees], same shape.

    Returns:
      Whether each belongs, same shape.
    """
    shapely.prepare(region)
    inside = shapely.intersects_xy(region, lon, lat)
    west, south, east, north = region.bounds
    around = ~inside & (lon >= west - EDGE) & (lon <= east + EDGE)
    around &= (lat >= south - EDGE) & (lat <= north + EDGE)
    place = np.flatnonzero(around)
    for part in np.split(place, range(BLOCK, len(place), BLOCK)):
        points = shapely.points(lon.ravel()[part], lat.ravel()[part])
        inside.ravel()[part] = shapely.dwithin(region, points, EDGE)
    return inside


def is_near(
    region: Polygon | MultiPolygon,
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    buffer: float,
    step: float,
) -> NDArray[np.bool_]:
    """Find the points within a distance of an outline along great circles.

    Args:
      region: Outline [degrees], straight in lon and lat.
      lon: Longitude of the points [degrees], any turn, shape (point,).
      lat: Latitude [degrees], shape (point,).
      buffer: The distance [degrees of arc].
      step: Longest piece of the outline that is looked at at once [degrees].

    Returns:
      Whether each is as near as that, shape (point,).
    """
    lines = shapely.get_parts(region.boundary.segmentize(step))
    vertex, line = shapely.get_coordinates(lines, return_index=True)
    tree = KDTree(ring_vectors(*vertex.T))
    points = ring_vectors(lon, lat)
    # No nearer than the rim by its vertices, an outline may still be so between them.
    reach = np.hypot(buffer + EDGE, step / 2) * 1.001
    distance, _ = tree.query(points, distance_upper_bound=_chord(reach))
    near = distance <= _chord(buffer + EDGE)
    unsure = np.flatnonzero(~near & np.isfinite(distance))
    around = tree.query_ball_point(points[unsure], _chord(reach))
    for point, vertices in zip(unsure, around):
        piece = np.unique(np.concatenate([vertices, np.subtract(vertices, 1)]))
        piece = piece[(piece >= 0) & (piece < len(line) - 1)]
        piece = piece[line[piece] == line[piece + 1]]
        pieces = vertex[piece], vertex[piece + 1]
        near[point] = _least_distance(lon[point], lat[point], *pieces) <= buffer + EDGE
    return near


def _least_distance(lon: float, lat: float, start: NDArray, end: NDArray) -> float:
    """Distance of a point from short pieces of an outline [degrees]."""

    def haversine(share: ArrayLike) -> NDArray[np.float64]:
        east, north = (start + np.reshape(share, (-1, 1)) * (end - start)).T * DEGREE
        across = np.cos(lat * DEGREE) * np.cos(north)
        return (
            np.sin((north - lat * DEGREE) / 2) ** 2
            + across * np.sin((east - lon * DEGREE) / 2) ** 2
        )

    share = np.full(len(start), 0.5)
    for width in (0.5, 0.05):  # twice the vertex of a parabola
        before, here, after = (haversine(share + d) for d in (-width, 0.0, width))
        bend = before - 2 * here + after
        safe = np.where(bend > 0, bend, 1.0)
        share = np.clip(share + width * (before - after) / (2 * safe), 0, 1)
    least = min(haversine(where).min() for where in (share, 0.0, 1.0))
    return 2 * np.arcsin(min(np.sqrt(least), 1.0)) / DEGREE


def _chord(arc: float) -> float:
    return 2 * np.sin(min(arc, 180.0) * DEGREE / 2)


def ring_vectors(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.float64]:
    """Directions from the centre of the Earth, shape (point, 3).

    Args:
      lon: Longitude [degrees], shape (point,).
      lat: Latitude [degrees], shape (point,).
    """
    east, north = (np.asarray(x, dtype=np.float64) * DEGREE for x in (lon, lat))
    x, y = np.cos(north) * np.cos(east), np.cos(north) * np.sin(east)
    return np.stack([x, y, np.sin(north)], axis=-1)

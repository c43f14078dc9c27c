"""Rings of longitude and latitude: across the date line, and around a pole."""

import logging
from collections.abc import Callable

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

__all__ = ["ring_polygon"]

log = logging.getLogger(__name__)

Vertices = NDArray[np.float64]

#: Sides that span the whole circle do so to within this [degrees].
ROUNDING = 1e-6


def ring_polygon(
    vertices: Vertices, convert: Callable[[Vertices], Vertices] | None, where: str
) -> tuple[BaseGeometry, bool]:
    """Make a polygon of a ring as it lies on the Earth.

    A side of more than 180 degrees of longitude goes the other, shorter way round, for
    which the vertices behind it are moved by a turn. A ring that thereby goes round the
    Earth encloses the pole of its hemisphere. A side of 360 degrees is a whole
    parallel, as the rim of a cap or the line at a pole; but where it is all that closes
    a coast around a pole, the coast is closed by the pole instead.

    Args:
      vertices: Of the ring, open or closed, shape (vertex, 2).
      convert: From `to_degrees`; None for lon and lat [degrees].
      where: The file and ring, for messages.

    Returns:
      The polygon, which may cross itself where the ring does, and whether it encloses a
      pole that the ring goes around.

    Raises:
      ValueError: If a vertex is not on the Earth, or the ring goes round it otherwise.
    """
    if not len(vertices) or not np.isfinite(vertices).all():
        raise ValueError(f"{where} has no vertices, or some that are not finite")
    closed = vertices if (vertices[0] == vertices[-1]).all() else _closed(vertices)
    if convert is not None:
        closed = convert(closed)
    _check_bounds(closed, where)
    lon, lat = closed.T
    step = _steps(lon, lat)
    if np.array_equal(step, np.diff(lon)):
        return _polygon(closed, where), False
    net = step.sum()
    path = np.column_stack([np.cumsum([lon[0], *step]), lat])
    log.warning(
        "%s jumps from one side of the date line to the other; it is taken to go the "
        "short way, over longitudes %g to %g",
        where,
        path[:, 0].min(),
        path[:, 0].max(),
    )
    if abs(net) < 1:
        return _on_first_turn(_polygon(path, where)), False
    return _around_pole(path, net, where), True


def _closed(vertices: Vertices) -> Vertices:
    return np.concatenate([vertices, vertices[:1]])


def _steps(lon: NDArray, lat: NDArray) -> NDArray[np.float64]:
    """Eastward step along each side, the short way round [degrees]."""
    step = np.diff(lon)
    whole = np.abs(np.abs(step) - 360) < ROUNDING
    short = np.where(step > 180, step - 360, np.where(step < -180, step + 360, step))
    at_pole = np.minimum(np.abs(lat[:-1]), np.abs(lat[1:])) > 90 - ROUNDING
    kept = whole & (at_pole | (np.sum(whole & ~at_pole) > 1))
    if np.sum(whole & ~at_pole) == 1:
        kept |= whole & _on_seam(lon, int(np.flatnonzero(whole & ~at_pole)[0]))
    return np.where((np.abs(step) > 180) & ~kept, short, step)


def _on_seam(lon: NDArray, side: int) -> bool:
    """Whether a side between two ends of a map is met by one along such an end."""
    sides = len(lon) - 1
    before, after = (side - 1) % sides, (side + 2) % sides
    return lon[before] == lon[side] or lon[after] == lon[side + 1]


def _around_pole(path: Vertices, net: float, where: str) -> BaseGeometry:
    """What lies between a closed path and the pole, on longitudes -180 to 180."""
    lat = path[:, 1]
    if abs(abs(net) - 360) > 1:
        raise ValueError(f"{where} goes round the Earth {abs(net) / 360:.0f} times")
    if lat.min() < 0 < lat.max():
        raise ValueError(
            f"{where} goes round the Earth across the equator, so that it may enclose "
            "either pole; add the pole to it, along a meridian there and back"
        )
    pole = 90.0 if lat.max() > 0 else -90.0
    # No part of the path crosses the meridian between its nearest vertex and the pole.
    nearest = int(np.abs(lat[:-1]).argmax())
    later = path[: nearest + 1] + np.array([net, 0.0])
    turned = np.concatenate([path[nearest:-1], later])
    ends = np.array([[turned[-1, 0], pole], [turned[0, 0], pole]])
    region = shapely.make_valid(Polygon(np.concatenate([turned, ends])))
    west = 360 * np.floor((region.bounds[0] + 180) / 360) - 180
    pieces = []
    for start in (west, west + 360, west + 720):
        piece = region & shapely.box(start, -90, start + 360, 90)
        pieces.append(_moved(piece, -180 - start))
    return shapely.union_all(pieces)


def _moved(region: BaseGeometry, east: float) -> BaseGeometry:
    return shapely.transform(region, lambda vertex: vertex + np.array([east, 0.0]))


def _on_first_turn(polygon: Polygon) -> BaseGeometry:
    """A polygon whose western end lies between -180 and 180."""
    return _moved(polygon, -360 * np.floor((polygon.bounds[0] + 180) / 360))


def _polygon(vertices: Vertices, where: str) -> Polygon:
    count = len({*map(tuple, vertices[:9].tolist())})
    if count < 3 and len(vertices) < 10:
        raise ValueError(
            f"{where}: this ring has {count} distinct vertices, expected 3 or more"
        )
    return Polygon(vertices)


def _check_bounds(vertices: Vertices, where: str) -> None:
    lon, lat = vertices.T
    if np.abs(lat).max() > 90 + 1e-9:
        north = lat[np.abs(lat).argmax()]
        hint = (
            "are lon and lat swapped?"
            if np.abs(lon).max() <= 90
            else "if these are coordinates of a map, name it in region.crs, as "
            '"EPSG:32647"'
        )
        raise ValueError(f"{where}: lat reaches {north:g}, expected -90 to 90; {hint}")
    if np.abs(lon).max() > 360 or np.ptp(lon) > 360 + ROUNDING:
        east = lon[np.abs(lon).argmax()]
        raise ValueError(f"{where}: lon reaches {east:g}, expected -360 to 360")

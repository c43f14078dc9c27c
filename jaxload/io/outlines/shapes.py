"""Outlines of any kind to valid polygons in longitude and latitude."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from jaxload._longitude import common_turn
from jaxload.io.outlines.features import Feature
from jaxload.io.outlines.rings import ring_polygon

__all__ = ["Outline", "geometry_kinds", "merge_outlines", "polygons_of"]

log = logging.getLogger(__name__)

Outline = Polygon | MultiPolygon
Vertices = NDArray[np.float64]
Convert = Callable[[Vertices], Vertices] | None


def polygons_of(feature: Feature, convert: Convert, lines: bool) -> list[Outline]:
    """Take what a feature encloses.

    Args:
      feature: As it was read.
      convert: From `to_degrees`.
      lines: Whether closed lines enclose, as where a file has no polygon.

    Returns:
      Polygons [degrees], valid, each as continuous in longitude as it is on the Earth;
      none where the feature has points or lines alone.

    Raises:
      ValueError: If an outline is not on the Earth, encloses nothing, or, of lines, is
        not closed.
    """
    parts = _flat(feature.geometry)
    areas = [p for p in parts if isinstance(p, Polygon)]
    shapes = [_polygon(part, convert, feature.where) for part in areas]
    polygons = _without_overlap(shapes, feature.where)
    rings = [part for part in parts if part.geom_type == "LinearRing"]
    if lines:
        rings += _closed([p for p in parts if p.geom_type == "LineString"], feature)
    if rings:
        polygons.append(_even_odd(rings, convert, feature))
    return polygons


def _without_overlap(shapes: list[Outline], where: str) -> list[Outline]:
    """Parts of one feature, of which none should lie in another.

    Where one does, a hole was drawn in the direction of an outline.
    """
    if len(shapes) < 2:
        return shapes
    union = shapely.union_all(shapes)
    twice = sum(shape.area for shape in shapes) - union.area
    if twice <= 1e-9 * union.area:
        return shapes
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    one, other = (np.array(shapes, object)[k[one < other]] for k in (one, other))
    nested = shapely.contains(one, other) ^ shapely.contains(other, one)
    if (nested | shapely.touches(one, other)).all():
        log.warning("%s has outlines within outlines, taken as holes", where)
        return [_clean(_odd(list(shapes)), where)]
    log.warning("%s has outlines that overlap, which are merged", where)
    return [_clean(union, where)]


def _odd(regions: list[BaseGeometry]) -> BaseGeometry:
    """What lies in an odd number of regions."""
    while len(regions) > 1:  # pairs of pairs, since thousands one by one take long
        pairs = zip(regions[::2], regions[1::2])
        left = regions[-1:] if len(regions) % 2 else []
        regions = [shapely.symmetric_difference(*pair) for pair in pairs] + left
    return regions[0]


def geometry_kinds(geometry: BaseGeometry | None) -> list[str]:
    """List the kinds of the parts of a geometry.

    Args:
      geometry: Any geometry, or None.

    Returns:
      "polygon", "ring", "line" or "point" for each part.
    """
    names = {"LinearRing": "ring", "LineString": "line"}
    kinds = (part.geom_type for part in _flat(geometry))
    return [names.get(kind, kind.lower()) for kind in kinds]


def _flat(geometry: BaseGeometry | None) -> list[BaseGeometry]:
    """Simple geometries of one that may be nested."""
    if geometry is None or geometry.is_empty:
        return []
    parts = list(shapely.get_parts(geometry))
    if len(parts) == 1 and not hasattr(parts[0], "geoms"):
        return parts
    return [simple for part in parts for simple in _flat(part)]


def _polygon(part: Polygon, convert: Convert, where: str) -> Outline:
    shell, *holes = shapely.get_rings(part)
    outer, around = ring_polygon(shapely.get_coordinates(shell), convert, where)
    inner = [ring_polygon(shapely.get_coordinates(h), convert, where) for h in holes]
    inside = [(_onto(outer, hole), turns) for hole, turns in inner]
    if around or any(turns for _, turns in inside):
        region: BaseGeometry = _clean(outer, where)
        for hole, _ in inside:
            region = shapely.difference(region, _clean(hole, where))
        return _clean(region, where)
    rings = [shapely.get_coordinates(one) for one in (outer, *(h for h, _ in inside))]
    return _clean(Polygon(rings[0], rings[1:]), where)


def _onto(outer: BaseGeometry, inner: BaseGeometry) -> BaseGeometry:
    """An outline on the turn of longitude on which it lies in another, if any."""
    west, _, east, _ = outer.bounds
    low, _, high, _ = inner.bounds
    for turn in (0.0, 360.0, -360.0):
        if west <= low + turn and high + turn <= east:
            return _shifted(inner, turn) if turn else inner
    return inner


def _shifted(region: BaseGeometry, turn: float) -> BaseGeometry:
    """A region moved eastward [degrees]."""
    return shapely.transform(region, lambda vertex: vertex + np.array([turn, 0.0]))


def _closed(lines: Sequence[BaseGeometry], feature: Feature) -> list:
    """Lines as rings, pieces of one joined."""
    if not lines:
        return []
    if not np.isfinite(shapely.get_coordinates(lines)).all():
        raise ValueError(f"{feature.where} has some vertices that are not finite")
    whole: Any = shapely.multilinestrings(lines)
    merged = _flat(shapely.line_merge(whole))
    if not all(line.is_closed for line in merged):
        raise ValueError(
            f"{feature.where} is a line that is not closed, which encloses nothing; "
            "expected a Polygon, or a line that ends where it begins"
        )
    return [shapely.LinearRing(line.coords) for line in merged]


def _even_odd(
    rings: Sequence[BaseGeometry], convert: Convert, feature: Feature
) -> Outline:
    """What lies inside an odd number of rings: two make a hole, three an island."""
    path = feature.where
    lines = feature.lines or (0,) * len(rings)
    places = [f"{path} line {line}" if line else path for line in lines]
    outlines = [
        (ring_polygon(shapely.get_coordinates(ring), convert, place)[0], place)
        for ring, place in zip(rings, places)
    ]
    largest = max((outline for outline, _ in outlines), key=lambda one: one.area)
    regions: list[BaseGeometry] = [
        _clean(_onto(largest, outline), place) for outline, place in outlines
    ]
    return _clean(_odd(regions), path)


def _clean(region: BaseGeometry, where: str) -> Outline:
    """The polygons of a geometry, made valid; a repair is logged.

    Args:
      region: Any geometry.
      where: The file and feature, for messages.

    Returns:
      Its polygons, merged.

    Raises:
      ValueError: If there is no area.
    """
    if not shapely.is_valid(region):
        reason = shapely.is_valid_reason(region)
        region = shapely.make_valid(region)
        log.warning("%s was repaired: %s", where, reason)
    polygons = [part for part in _flat(region) if isinstance(part, Polygon)]
    merged = polygons[0] if len(polygons) == 1 else shapely.union_all(polygons)
    if not isinstance(merged, Outline) or not merged.area > 0:
        raise ValueError(f"{where} encloses no area; expected a polygon")
    return merged


def merge_outlines(parts: Sequence[Outline], where: str) -> Outline:
    """Merge regions, those on both sides of the date line too.

    Args:
      parts: Regions [degrees].
      where: The file, for messages.

    Returns:
      The region.

    Raises:
      ValueError: If there is no area.
    """
    merged = _clean(shapely.union_all(parts), where)
    pieces = shapely.get_parts(merged)
    bounds = shapely.bounds(pieces)
    turns = common_turn(bounds[:, 0], bounds[:, 2])
    if not turns.any():
        return merged
    moved = [_shifted(one, turn) for one, turn in zip(pieces, turns)]
    return _clean(shapely.union_all(moved), where)

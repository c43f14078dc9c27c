"""Outlines of study regions and basins, as polygons in lon and lat."""

import functools
import json
import logging
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from jaxload.io.gmt import Ring, read_rings
from jaxload.io.shapefiles import is_shapefile, read_shapes
from jaxload.io.text import read_lines, shorten

__all__ = ["read_region", "read_regions"]

log = logging.getLogger(__name__)

Region = Polygon | MultiPolygon
PathLike = str | os.PathLike[str]

#: Where a feature's name is looked for, best first; compared in lower case.
NAME_PROPERTIES = ("name", "basinname", "basin_name", "basin", "region", "label", "id")


def read_region(path: PathLike) -> Region:
    """Read one region: everything that the file encloses.

    Text files hold ``lon lat`` lines; rings are set apart by blank, ``>`` or
    ``NaN NaN`` lines, and a ring inside another is a hole. GeoJSON may be a geometry,
    a Feature or a FeatureCollection. Features of GeoJSON and of shapefiles, and
    segments of different labels, are merged and keep their holes.

    Args:
      path: The file, text, GeoJSON or shapefile (with pyshp, ``jaxload[shapefile]``);
        its content tells which.

    Returns:
      The region [degrees], valid in the sense of OGC. Longitudes are those of the
      file, so that a region across the dateline is best written as 170 to 190.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If the file holds no polygon, or one that is not on the Earth.

    Example:
      >>> grid = sphere.regional_grid(io.read_region("region.txt"), spacing=0.25)
    """
    path = pathlib.Path(path)
    parts = [region for _, region in _features(path)]
    return _clean(shapely.union_all(parts), str(path))


def read_regions(path: PathLike, name_property: str | None = None) -> dict[str, Region]:
    """Read the regions of a file by name.

    Features of one name are merged. A text file is one region, named by its stem,
    unless its segments have GMT's labels (``> -L"Upper Basin"``) or attributes.

    Args:
      path: The file, as for `read_region`.
      name_property: The property that holds the names; by default one called name,
        basin or the like.

    Returns:
      The region [degrees] of each name, in the order of the file; runs of spaces in
      names become one.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: As for `read_region`, or if the features have no such property.
    """
    path = pathlib.Path(path)
    features = list(_features(path))
    naming = _naming(path, [properties for properties, _ in features], name_property)
    parts: dict[str, list[Region]] = {}
    for properties, region in features:
        parts.setdefault(naming(properties), []).append(region)
    return {
        name: _clean(shapely.union_all(group), f"{path}: {name}")
        for name, group in parts.items()
    }


def _is_json(lines: Sequence[str]) -> bool:
    return next((line.lstrip() for line in lines if line.strip()), "").startswith("{")


def _text_features(
    path: pathlib.Path, lines: Sequence[str]
) -> Iterator[tuple[dict, Region]]:
    """Properties and region of the rings that say the same of themselves."""
    groups: dict[tuple, list[Ring]] = {}
    for ring in read_rings(path, lines):
        groups.setdefault(tuple(ring.properties.items()), []).append(ring)
    if not groups:
        raise ValueError(f"{path} holds no polygon; expected lines of lon lat")
    for properties, rings in groups.items():
        polygons = [_polygon(path, ring) for ring in rings]
        # Even-odd: what lies inside two rings is a hole, in three an island.
        region = functools.reduce(shapely.symmetric_difference, polygons)
        yield dict(properties), _clean(region, str(path))


def _polygon(path: pathlib.Path, ring: Ring) -> Region:
    where = f"{path} line {ring.line}"
    vertices = np.column_stack([ring.lon, ring.lat])
    if len(np.unique(vertices, axis=0)) < 3:
        raise ValueError(
            f"{where}: this ring has {len(np.unique(vertices, axis=0))} distinct "
            "vertices, expected 3 or more"
        )
    _check_bounds(ring.lon, ring.lat, where)
    return _clean(Polygon(vertices), where)


def _check_bounds(lon: Sequence[float], lat: Sequence[float], where: str) -> None:
    north = max(lat, key=abs)
    if abs(north) > 90:
        swapped = max(map(abs, lon)) <= 90
        hint = "are lon and lat swapped?" if swapped else "is the file projected?"
        raise ValueError(f"{where}: lat reaches {north:g}, expected -90 to 90; {hint}")
    east = max(lon, key=abs)
    if abs(east) > 360 or max(lon) - min(lon) > 360:
        raise ValueError(f"{where}: lon reaches {east:g}, expected -360 to 360")


def _clean(region: shapely.Geometry, where: str) -> Region:
    """The polygons of a geometry, made valid; a repair is logged."""
    if not shapely.is_valid(region):
        reason = shapely.is_valid_reason(region)
        region = shapely.make_valid(region)
        log.warning("%s was repaired: %s", where, reason)
    parts = shapely.get_parts(region)
    if any(part.geom_type == "GeometryCollection" for part in parts):
        parts = shapely.get_parts(parts)
    polygons = [part for part in parts if isinstance(part, Polygon | MultiPolygon)]
    merged = shapely.union_all(polygons)
    if not isinstance(merged, Region) or not merged.area > 0:
        raise ValueError(f"{where} encloses no area; expected a polygon")
    return merged


def _features(path: pathlib.Path) -> Iterator[tuple[dict, Region]]:
    """Properties and region of each feature; the content tells the format."""
    if is_shapefile(path):
        shapes = read_shapes(path)
        if not shapes:
            raise ValueError(f"{path} is a shapefile without shapes")
        for number, (properties, geometry) in enumerate(shapes, start=1):
            yield properties, _shape(geometry, f"{path} shape {number}")
        return
    lines = read_lines(path)
    read = _json_features if _is_json(lines) else _text_features
    yield from read(path, lines)


def _json_features(
    path: pathlib.Path, lines: Sequence[str]
) -> Iterator[tuple[dict, Region]]:
    content = _load(path, lines)
    features = content.get("features") if "features" in content else [content]
    if not isinstance(features, list) or not features:
        raise ValueError(f"{path} is a FeatureCollection without features")
    for number, feature in enumerate(features, start=1):
        where = f"{path} feature {number}"
        if not isinstance(feature, dict):
            raise ValueError(f"{where} is {shorten(str(feature))}, expected a Feature")
        geometry = feature.get("geometry") if "geometry" in feature else feature
        yield _properties(feature), _shape(geometry, where)


def _load(path: pathlib.Path, lines: Sequence[str]) -> dict:
    try:
        content = json.loads("\n".join(lines))
    except (ValueError, RecursionError) as error:
        reason = str(error) or "nested too deep"
        raise ValueError(f"{path} is not valid GeoJSON ({reason})") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a {type(content).__name__}, expected GeoJSON")
    return content


def _properties(feature: dict) -> dict:
    properties = feature.get("properties")
    return properties if isinstance(properties, dict) else {}


#: What shapely raises where coordinates are nested too little, too much, or absent.
_BROKEN = (
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    OverflowError,
    shapely.GEOSException,
)


def _shape(geometry: object, where: str) -> Region:
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if not isinstance(geometry, dict) or kind not in ("Polygon", "MultiPolygon"):
        raise ValueError(
            f"{where} is a {shorten(str(kind))}, expected a Polygon or MultiPolygon"
        )
    try:
        with np.errstate(invalid="ignore"):  # NaN vertices get their sentence below
            region = shapely.force_2d(shapely.geometry.shape(geometry))
    except _BROKEN:
        raise ValueError(f"{where} has broken coordinates or none") from None
    vertices = shapely.get_coordinates(region)
    if not len(vertices) or not np.isfinite(vertices).all():
        raise ValueError(f"{where} has no vertices, or some that are not finite")
    _check_bounds(vertices[:, 0].tolist(), vertices[:, 1].tolist(), where)
    return _clean(region, where)


def _naming(
    path: pathlib.Path, properties: Sequence[dict], wanted: str | None
) -> Callable[[dict], str]:
    """How to get a feature's name from its properties."""
    shared = [key for key in properties[0] if all(key in other for other in properties)]
    key = wanted if wanted is not None else _guess(properties, shared)
    if key is None and len(properties) == 1:
        return lambda _: path.stem
    if key not in shared:
        raise ValueError(
            f"{path} has no property {wanted or 'that names its features'}, only "
            f"{', '.join(shared) or 'features without any'}; set name_property"
        )
    return lambda one: " ".join(str(one[key]).split())


def _guess(properties: Sequence[dict], shared: Sequence[str]) -> str | None:
    """The shared property whose texts most likely are names."""
    texts = [k for k in shared if all(isinstance(one[k], str) for one in properties)]
    by_name = {key.lower(): key for key in reversed(texts)}
    known = [by_name[name] for name in NAME_PROPERTIES if name in by_name]
    distinct = [k for k in texts if len({one[k] for one in properties}) > 1]
    return next(iter(known + distinct), None)

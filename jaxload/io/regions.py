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

from jaxload.io.text import parse_number, read_lines, shorten

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
    a Feature or a FeatureCollection, whose polygons are merged and keep their holes.

    Args:
      path: The file, text or GeoJSON; its content tells which.

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
    lines = read_lines(path)
    if _is_json(lines):
        parts = [region for _, region in _features(path, lines)]
        return _clean(shapely.union_all(parts), str(path))
    return _text_region(path, lines)


def read_regions(path: PathLike, name_property: str | None = None) -> dict[str, Region]:
    """Read the regions of a file by name.

    Features of one name are merged. A text file is one region, named by its stem.

    Args:
      path: The file, as for `read_region`.
      name_property: The GeoJSON property that holds the names; by default one called
        name, basin or the like.

    Returns:
      The region [degrees] of each name, in the order of the file; runs of spaces in
      names become one.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: As for `read_region`, or if the features have no such property.
    """
    path = pathlib.Path(path)
    lines = read_lines(path)
    if not _is_json(lines):
        return {path.stem: _text_region(path, lines)}
    features = list(_features(path, lines))
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


def _text_region(path: pathlib.Path, lines: Sequence[str]) -> Region:
    rings = [_polygon(path, ring) for ring in _rings(path, lines)]
    if not rings:
        raise ValueError(f"{path} holds no polygon; expected lines of lon lat")
    # Even-odd: what lies inside two rings is a hole, in three an island.
    return _clean(functools.reduce(shapely.symmetric_difference, rings), str(path))


def _rings(
    path: pathlib.Path, lines: Sequence[str]
) -> Iterator[list[tuple[int, float, float]]]:
    """Runs of vertices, each with its line number, between separators."""
    ring: list[tuple[int, float, float]] = []
    for number, line in enumerate(lines, start=1):
        fields = line.replace(",", " ").split()
        if fields and fields[0].startswith(("#", "%")):
            continue
        if _separates(fields):
            if ring:
                yield ring
            ring = []
        else:
            ring.append((number, *_vertex(fields, f"{path} line {number}")))
    if ring:
        yield ring


def _separates(fields: Sequence[str]) -> bool:
    return (
        not fields
        or fields[0].startswith(">")
        or all(field.lower() == "nan" for field in fields)
    )


def _vertex(fields: Sequence[str], where: str) -> tuple[float, float]:
    if len(fields) != 2:
        raise ValueError(f"{where} has {len(fields)} columns, expected 2: lon lat")
    lon, lat = (parse_number(*pair, where) for pair in zip(fields, ("lon", "lat")))
    if np.isnan(lon) or np.isnan(lat):
        raise ValueError(f"{where} has half a vertex; expected lon lat or NaN NaN")
    return lon, lat


def _polygon(path: pathlib.Path, ring: list[tuple[int, float, float]]) -> Region:
    lines, lon, lat = zip(*ring)
    where = f"{path} line {lines[0]}"
    vertices = np.column_stack([lon, lat])
    if len(np.unique(vertices, axis=0)) < 3:
        raise ValueError(
            f"{where}: this ring has {len(np.unique(vertices, axis=0))} distinct "
            "vertices, expected 3 or more"
        )
    _check_bounds(lon, lat, where)
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


def _features(
    path: pathlib.Path, lines: Sequence[str]
) -> Iterator[tuple[dict, Region]]:
    """Properties and region of each feature of a GeoJSON file."""
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

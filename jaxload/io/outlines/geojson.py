"""Outlines in GeoJSON."""

import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from jaxload.io.outlines.features import Feature
from jaxload.io.text.words import shorten

__all__ = ["load_json", "read_json_features"]

#: What shapely raises where coordinates are nested too little, too much, or absent.
BROKEN = (
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    OverflowError,
    RecursionError,
    shapely.GEOSException,
)


def load_json(path: pathlib.Path, lines: Sequence[str]) -> dict[str, Any]:
    """Parse GeoJSON, or features of it line by line.

    Args:
      path: The file, for messages.
      lines: Its lines.

    Returns:
      The object; a FeatureCollection of lines that are one object each.

    Raises:
      ValueError: If it is neither.
    """
    try:
        content = json.loads("\n".join(lines))
    except (ValueError, RecursionError) as error:
        features = _by_line(lines)
        if features is not None:
            return {"type": "FeatureCollection", "features": features}
        reason = str(error) or "nested too deep"
        raise ValueError(f"{path} is not valid GeoJSON ({reason})") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a {type(content).__name__}, expected GeoJSON")
    return content


def _by_line(lines: Sequence[str]) -> list[Any] | None:
    there = [line.strip("\x1e \t\r") for line in lines]
    there = [line for line in there if line]
    if len(there) < 2 or not all(line[0] == "{" and line[-1] == "}" for line in there):
        return None
    try:
        return [json.loads(line) for line in there]
    except (ValueError, RecursionError):
        return None


def read_json_features(
    path: pathlib.Path, content: dict[str, Any]
) -> tuple[list[Feature], str | None]:
    """Read the features of GeoJSON.

    Args:
      path: The file, for messages.
      content: From `load_json`: a geometry, a Feature or a FeatureCollection.

    Returns:
      The features, and the coordinate system that its member ``crs`` names, if any.

    Raises:
      ValueError: If there is no feature, or one has broken coordinates.
    """
    features = content.get("features") if "features" in content else [content]
    if not isinstance(features, list) or not features:
        raise ValueError(f"{path} is a FeatureCollection without features")
    return [
        _feature(feature, f"{path} feature {number}")
        for number, feature in enumerate(features, start=1)
    ], _crs(content)


def _crs(content: dict[str, Any]) -> str | None:
    crs = content.get("crs")
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    return name if isinstance(name, str) else None


def _feature(feature: Any, where: str) -> Feature:
    if not isinstance(feature, dict):
        raise ValueError(f"{where} is {shorten(str(feature))}, expected a Feature")
    geometry = feature.get("geometry") if "geometry" in feature else feature
    properties = feature.get("properties")
    named = dict(properties) if isinstance(properties, dict) else {}
    number = feature.get("id")
    if isinstance(number, str | int) and "geometry" in feature:
        named.setdefault("id", number)
    return Feature(named, None if geometry is None else _shape(geometry, where), where)


#: Geometries of GeoJSON.
KINDS = (
    "Polygon",
    "MultiPolygon",
    "GeometryCollection",
    "Point",
    "MultiPoint",
    "LineString",
    "MultiLineString",
)


def _shape(geometry: Any, where: str) -> BaseGeometry:
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind not in KINDS:
        raise ValueError(
            f"{where} is a {shorten(str(kind))}, expected a Polygon or MultiPolygon"
        )
    try:
        with np.errstate(invalid="ignore"):  # NaN vertices get their sentence later
            return shapely.force_2d(shapely.geometry.shape(geometry))
    except BROKEN:
        raise ValueError(f"{where} has broken coordinates or none") from None

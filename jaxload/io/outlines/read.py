"""Outlines of study regions and basins, as polygons in lon and lat."""

import collections
import logging
import pathlib
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import shapely

from jaxload.io.files.paths import PathLike, at_home
from jaxload.io.outlines.features import Feature, by_name, pick
from jaxload.io.outlines.geojson import load_json, read_json_features
from jaxload.io.outlines.projections import to_degrees
from jaxload.io.outlines.shapes import (
    Outline,
    geometry_kinds,
    merge_outlines,
    polygons_of,
)
from jaxload.io.outlines.text import read_text_features
from jaxload.io.outlines.vector import find_vector, read_vector
from jaxload.io.outlines.wkt import is_wkt, read_wkt_features
from jaxload.io.text.lines import read_lines

__all__ = ["read_region", "read_regions"]

log = logging.getLogger(__name__)

Names = str | Sequence[str] | None


def read_region(
    path: PathLike,
    names: Names = None,
    name_property: str | None = None,
    crs: str | None = None,
) -> Outline:
    """Read one region: everything that the file encloses, or some of its features.

    Text files hold ``lon lat`` lines, well-known text or GeoJSON; see
    `jaxload.io.outlines.text` for what tells rings apart. Shapefiles, GeoPackages, KML
    and other files of maps need ``jaxload[outlines]``. The content tells the format.
    Features are merged and keep their holes; points, and lines beside polygons, are
    left out.

    Args:
      path: The file.
      names: Wanted features by a text among their properties, in whatever case: a
        list, or one text with commas between names; all of them by default.
      name_property: The property to look in; the likeliest by default.
      crs: Coordinate system of a file that names none and is not in degrees, such as
        ``"EPSG:32647"``.

    Returns:
      The region [degrees], valid in the sense of OGC. Longitudes are those of the
      file; what crosses the date line is continuous there, as 170 to 190.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If the file holds no polygon, one that is not on the Earth, or no
        feature of a name.

    Example:
      >>> grid = sphere.regional_grid(io.read_region("region.txt"), spacing=0.25)
    """
    path = at_home(path)
    source = _read(path)
    if names is None:
        return _merged(source, _enclosing(source), crs, str(path))
    picked = pick(path, source.features, names, name_property)
    merged = [
        _merged(source, group, crs, f"{path}: {n}") for n, group in picked.items()
    ]
    return merge_outlines(merged, str(path))


def read_regions(
    path: PathLike,
    name_property: str | None = None,
    names: Names = None,
    crs: str | None = None,
) -> dict[str, Outline]:
    """Read the regions of a file by name.

    Features of one name are merged, and those without a name left out. What has no
    properties at all, as plain text, is one region named by the file's stem.

    Args:
      path: The file, as for `read_region`.
      name_property: The property that holds the names; by default one called name,
        basin or the like.
      names: Wanted ones, as for `read_region`.
      crs: As for `read_region`.

    Returns:
      The region [degrees] of each name, in the order of the file; runs of spaces in
      names become one.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: As for `read_region`, or if nothing names the features.
    """
    path = at_home(path)
    source = _read(path)
    if names is None:
        groups = by_name(path, _enclosing(source), name_property)
    else:
        groups = pick(path, source.features, names, name_property)
    return {
        name: _merged(source, group, crs, f"{path}: {name}")
        for name, group in groups.items()
    }


class _Source(NamedTuple):
    """What a file holds: its features, and the coordinates that it names."""

    path: pathlib.Path
    features: list[Feature]
    crs: str | None


def _read(path: pathlib.Path) -> _Source:
    vector = find_vector(path)
    if vector is not None:
        return _Source(path, *read_vector(vector))
    lines = read_lines(path)
    begin = next((line.strip() for line in lines if line.strip()), "")
    if begin.startswith("<"):
        raise ValueError(
            f"{path} is XML that is no KML; expected an outline as text, GeoJSON or a "
            "shapefile"
        )
    if begin.startswith(("{", "\x1e")):
        return _Source(path, *read_json_features(path, load_json(path, lines)))
    if is_wkt(lines):
        return _Source(path, *read_wkt_features(path, lines))
    return _Source(path, read_text_features(path, lines), None)


def _merged(
    source: _Source, features: Sequence[Feature], crs: str | None, where: str
) -> Outline:
    """The polygons of features, or the closed lines of a file without polygons."""
    projected = source.crs or (crs if _beyond_degrees(source) else None)
    convert = to_degrees(projected, str(source.path))
    lines = not any(
        "polygon" in geometry_kinds(one.geometry) for one in source.features
    )
    parts = [one for each in features for one in polygons_of(each, convert, lines)]
    if not parts:
        raise ValueError(
            f"{where} holds no polygon but {_counted(features)}; expected an outline"
        )
    return merge_outlines(parts, where)


def _beyond_degrees(source: _Source) -> bool:
    bounds = shapely.bounds([one.geometry for one in source.features])
    west, south, east, north = np.abs(bounds).T
    return bool(
        (np.maximum(south, north) > 90).any() or (np.maximum(west, east) > 360).any()
    )


def _enclosing(source: _Source) -> list[Feature]:
    """Features that enclose something; what else there is is counted in the log."""
    layers = list(dict.fromkeys(feature.layer for feature in source.features))
    if len(layers) > 1:
        raise ValueError(
            f"{source.path} has several layers of outlines, {', '.join(layers[:20])}; "
            f"name one, as '{source.path.name}: {layers[0]}'"
        )
    kinds = [geometry_kinds(feature.geometry) for feature in source.features]
    wanted = {"polygon", "ring"}
    if not any(wanted & set(each) for each in kinds):
        wanted = {"line"}
    kept = [f for f, each in zip(source.features, kinds) if wanted & set(each)]
    others = _counted(source.features, wanted)
    if kept and others:
        log.warning(
            "%s: %s left out; only polygons enclose something", source.path, others
        )
    return kept or source.features


def _counted(features: Sequence[Feature], wanted: Collection[str] = ()) -> str:
    """How many geometries there are of each kind but the wanted ones, in words."""
    count: collections.Counter[str] = collections.Counter()
    for feature in features:
        count.update(geometry_kinds(feature.geometry) or ["empty feature"])
    words = [
        f"{number} {kind}{'s' * (number > 1)}"
        for kind, number in count.items()
        if kind not in wanted
    ]
    return " and ".join(words)

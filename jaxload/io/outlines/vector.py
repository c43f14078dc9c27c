"""Outlines in the files of maps, by way of pyogrio: shapefiles, GeoPackages, KML."""

import dataclasses
import importlib
import logging
import pathlib
import warnings
from typing import Any, NamedTuple

import numpy as np
import shapely

from jaxload.io.files.packed import is_archive, members, read_content
from jaxload.io.outlines.features import Feature

__all__ = ["Vector", "find_vector", "read_vector"]

log = logging.getLogger(__name__)

SHAPEFILE, KML = "a shapefile", "KML"

#: How files begin, and what they are.
MAGIC = {
    (9994).to_bytes(4, "big"): SHAPEFILE,
    b"SQLite format 3\0": "a GeoPackage",
    b"fgb\x03": "a FlatGeobuf",
}
ESRI, TOPOLOGY = "ESRI JSON", "TopoJSON"
#: By what GDAL is named the format of a file.
DRIVERS = {ESRI: "ESRIJSON:", TOPOLOGY: "TopoJSON:"}
#: What of a shapefile's parts holds no geometry.
BESIDE = (".shx", ".dbf", ".prj", ".cpg", ".sbn", ".sbx", ".qpj")
#: Bytes for the code page in a .dbf that say nothing; 0x57 is "that of the computer".
UNSTATED = (b"", b"\0", b"\x57")
#: What texts are tried to be in, and how much of them is looked at [bytes].
ENCODINGS, TABLE = ("UTF-8", "GB2312"), 1 << 20
#: What is looked for in an archive.
INSIDE = (".shp", ".gpkg", ".kml", ".fgb")
#: How much of a file tells what it is [bytes].
START = 1 << 16
#: Where GeoJSON says that it is a collection [bytes].
BEGIN = 4000


class Vector(NamedTuple):
    """A file that pyogrio reads.

    Attributes:
      path: The file, or a path within an archive.
      kind: What it is, such as "a shapefile".
      place: Where GDAL finds it, or its content.
    """

    path: pathlib.Path
    kind: str
    place: str | bytes


def find_vector(path: pathlib.Path) -> Vector | None:
    """Find whether a file is one that pyogrio reads, by its first bytes.

    Args:
      path: The file, an archive with one such file, or a path within an archive.

    Returns:
      The file; None for what is text, or cannot be read.

    Raises:
      ValueError: If it is a part of a shapefile without its geometries, or there are
        several in an archive.
    """
    if path.suffix.lower() == ".gdb" and path.is_dir():
        return Vector(path, "a file geodatabase", str(path.absolute()))
    if path.suffix.lower() in BESIDE:
        raise ValueError(
            f"{path} is a part of a shapefile; name {path.stem}.shp, and keep "
            f"{path.stem}.shx and {path.stem}.dbf beside it"
        )
    path = _only_one(path)
    try:
        start = read_content(path, START)
    except (ValueError, OSError):
        return None
    kind = next((kind for magic, kind in MAGIC.items() if start.startswith(magic)), "")
    kind = kind or _kind_of_text(start, path.suffix.lower())
    return Vector(path, kind, _place(path, kind, start)) if kind else None


def _only_one(path: pathlib.Path) -> pathlib.Path:
    """The one file of outlines in an archive; the file itself if it is none."""
    if not is_archive(path):
        return path
    layers = [one for one in members(path) if one.suffix.lower() in INSIDE]
    if len(layers) > 1:
        names = ", ".join(str(one.relative_to(path)) for one in layers[:10])
        raise ValueError(
            f"{path} is an archive with {len(layers)} files of outlines ({names}); "
            f"name one, as {path.name}/{layers[0].relative_to(path)}"
        )
    return layers[0] if layers else path


def _kind_of_text(start: bytes, suffix: str) -> str:
    text = start.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    if text.startswith(b"<") and (b"<kml" in text or b":kml" in text):
        return KML
    if text.startswith(b"#") and b"@VGMT" in text[:200]:
        return "a vector file of GMT"
    mapinfo = text[:7].lower() in (b"version", b"!table\n", b"!table\r")
    if mapinfo and suffix in (".mif", ".tab"):
        return "a file of MapInfo"
    # A collection of GeoJSON may have properties of any name.
    if text.startswith(b"{") and b'"FeatureCollection"' not in text[:BEGIN]:
        if b'"esriGeometry' in text or b'"rings"' in text:
            return ESRI
        if b'"Topology"' in text or b'"arcs"' in text:
            return TOPOLOGY
    return ""


def _place(path: pathlib.Path, kind: str, start: bytes) -> str | bytes:
    if path.is_file():
        with path.open("rb") as file:
            if file.read(START) == start:
                # GDAL itself looks at less of a file.
                return DRIVERS.get(kind, "") + str(path.absolute())
    if kind != SHAPEFILE:
        return read_content(path)
    archive = next((one for one in path.parents if one.is_file()), None)
    if archive is None:
        raise ValueError(
            f"{path} is a packed shapefile; unpack it, and what belongs to it"
        )
    return f"/vsizip/{archive.absolute()}/{path.relative_to(archive)}"


def read_vector(vector: Vector) -> tuple[list[Feature], str | None]:
    """Read the features of all layers.

    Args:
      vector: From `find_vector`.

    Returns:
      The features, each with a property "layer" where there are several layers of
      outlines, and their coordinate system, None if the file does not say.

    Raises:
      ValueError: If pyogrio is not installed, the file is broken, or its layers are in
        several coordinate systems.
    """
    path, kind, _ = vector
    try:
        pyogrio = importlib.import_module("pyogrio")
    except ImportError:
        raise ValueError(
            f"{path} is {kind}, which needs pyogrio; install jaxload[outlines], or "
            "convert it by ogr2ogr to GeoJSON"
        ) from None
    _check(vector)
    try:
        layers = _layers(pyogrio, vector)
    except Exception as error:  # a broken file can make GDAL raise nearly anything
        reason = " ".join((str(error) or type(error).__name__).split())
        reason = reason.replace(f"{path.absolute().parent}/", "")[:160]
        raise ValueError(
            f"{path} cannot be read as {kind} ({reason}); is it complete?"
        ) from None
    features = [one for _, features, _ in layers for one in features]
    systems = {crs for _, _, crs in layers}
    if not features:
        raise ValueError(f"{path} is {kind} without shapes")
    if len(systems) > 1:
        raise ValueError(
            f"{path} has layers in several coordinate systems; write one file for each"
        )
    return features, systems.pop()


def _check(vector: Vector) -> None:
    """Refuse what GDAL reads in part, or under another name, without a word."""
    path, kind, place = vector
    if isinstance(place, str) and "!" in place:
        raise ValueError(
            f"{path.absolute()} has a '!' in its name, which stands for archives; "
            "rename it"
        )
    if kind != SHAPEFILE:
        return
    stated = 2 * int.from_bytes(read_content(path, 28)[24:28], "big")
    size = path.stat().st_size if path.is_file() else len(read_content(path))
    if stated > size:
        raise ValueError(
            f"{path} cannot be read as a shapefile: it is cut short at {size} of "
            f"{stated} bytes; fetch or copy it again"
        )


def _layers(
    pyogrio: Any, vector: Vector
) -> list[tuple[str, list[Feature], str | None]]:
    """Name, features and coordinate system of each layer with outlines."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read = [
            (str(name), *_layer(pyogrio, vector, number))
            for number, (name, geometry) in enumerate(pyogrio.list_layers(vector.place))
            if geometry is not None
        ]
    for message in dict.fromkeys(str(one.message) for one in caught):
        log.warning("%s: %s", vector.path, " ".join(message.split())[:200])
    read = [layer for layer in read if layer[1]]
    areas = [layer for layer in read if any(map(_is_area, layer[1]))]
    if len(areas) > 1 and vector.kind != KML:
        return [
            (name, [_in_layer(feature, name) for feature in features], crs)
            for name, features, crs in areas
        ]
    return areas or read


def _in_layer(feature: Feature, name: str) -> Feature:
    properties = {"layer": name} | feature.properties
    return dataclasses.replace(feature, properties=properties, layer=name)


def _is_area(feature: Feature) -> bool:
    kind = getattr(feature.geometry, "geom_type", "")
    return "Polygon" in kind or kind == "GeometryCollection"


def _layer(
    pyogrio: Any, vector: Vector, number: int
) -> tuple[list[Feature], str | None]:
    path, kind, place = vector
    encoding = _encoding(path, kind)
    meta, _, shapes, columns = pyogrio.raw.read(
        place, layer=number, encoding=encoding, force_2d=True
    )
    names = [str(name) for name in meta["fields"]]
    features = []
    with np.errstate(all="ignore"):  # what is not finite gets its sentence later
        geometries = shapely.from_wkb(shapes)
    for row, geometry in enumerate(geometries):
        values = {name: _plain(column[row]) for name, column in zip(names, columns)}
        if kind == KML:  # beside names it has settings of the display
            values = {k: v for k, v in values.items() if isinstance(v, str)}
        features.append(Feature(values, geometry, f"{path} feature {row + 1}"))
    return features, meta["crs"]


def _plain(value: Any) -> Any:
    """A text or number; None for what is missing or neither."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if isinstance(value, str | int | float) else None


def _encoding(path: pathlib.Path, kind: str) -> str | None:
    """In which a shapefile has its texts; None if it says so itself."""
    if kind != SHAPEFILE:
        return None
    archive = next((one for one in path.parents if one.is_file()), None)
    near = members(archive) if archive else path.parent.iterdir()
    same = [one for one in near if one.with_suffix("") == path.with_suffix("")]
    beside = {one.suffix.lower(): one for one in same}
    table = read_content(beside[".dbf"], TABLE) if ".dbf" in beside else b""
    if ".cpg" in beside or table[29:30] not in UNSTATED:
        return None
    rows = table[int.from_bytes(table[8:10], "little") :]
    return next((name for name in ENCODINGS if _is_in(rows, name)), "ISO-8859-1")


def _is_in(text: bytes, encoding: str) -> bool:
    """Whether nearly all letters are of an encoding; the last of a field may be cut."""
    letters = text.decode(encoding, "replace")
    foreign = sum(letter > "\x7f" for letter in letters)
    return letters.count("\ufffd") <= 0.2 * foreign

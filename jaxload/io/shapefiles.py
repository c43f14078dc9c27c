"""Polygons in ESRI shapefiles, by way of pyshp."""

import codecs
import contextlib
import importlib
import pathlib
from typing import Any

__all__ = ["is_shapefile", "read_shapes"]

#: The first four bytes of .shp and .shx.
_MAGIC = (9994).to_bytes(4, "big")


def is_shapefile(path: pathlib.Path) -> bool:
    """Whether a file begins as a shapefile does; False if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(4) == _MAGIC
    except OSError:
        return False


def read_shapes(path: pathlib.Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Read the shapes of a shapefile.

    Args:
      path: The file; those with its name and .dbf, .prj and .cpg are read too.

    Returns:
      Properties and GeoJSON geometry of each shape.

    Raises:
      ValueError: If pyshp is not installed, the file is broken, or its coordinates
        are not longitude and latitude.
    """
    try:
        shapefile = importlib.import_module("shapefile")
    except ImportError:
        raise ValueError(
            f"{path} is a shapefile, which needs pyshp; install jaxload[shapefile], or "
            "convert it by ogr2ogr to GeoJSON"
        ) from None
    _check_projection(path)
    try:
        with contextlib.ExitStack() as opened:
            # Parts by themselves, since of a .cpg beside the file pyshp knows less.
            parts = {
                part: opened.enter_context(_beside(path, part).open("rb"))
                for part in ("shp", "dbf")
            }
            reader = shapefile.Reader(
                **parts, encoding=_encoding(path), encodingErrors="replace"
            )
            return [
                (each.record.as_dict(), dict(each.shape.__geo_interface__))
                for each in reader.iterShapeRecords()
            ]
    except Exception as error:  # a broken file can make pyshp raise nearly anything
        reason = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise ValueError(
            f"{path} cannot be read as a shapefile ({reason}); is it complete, and is "
            f"{path.stem}.dbf beside it?"
        ) from None


def _beside(path: pathlib.Path, suffix: str) -> pathlib.Path:
    """The part of a shapefile with a suffix, in capitals where the file's are."""
    suffix = suffix.upper() if path.suffix.isupper() else suffix
    return path.with_suffix(f".{suffix}")


def _check_projection(path: pathlib.Path) -> None:
    prj = _beside(path, "prj")
    text = prj.read_text("utf-8", "replace") if prj.is_file() else ""
    if text.lstrip().upper().startswith(("PROJCS", "PROJCRS")):
        name = text.split('"')[1][:60] if '"' in text else "a projection"
        raise ValueError(
            f"{path} is in {name}, expected longitude and latitude; convert it by "
            "ogr2ogr -t_srs EPSG:4326"
        )


def _encoding(path: pathlib.Path) -> str:
    """What the .cpg beside the file says, which may be a bare code page."""
    cpg = _beside(path, "cpg")
    text = cpg.read_text("ascii", "replace").strip() if cpg.is_file() else ""
    for name in (text, f"cp{text}"):
        with contextlib.suppress(LookupError, ValueError):
            return codecs.lookup(name).name
    return "utf-8"

"""Coordinates of maps to longitude and latitude, by way of pyproj."""

import importlib
from collections.abc import Callable

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["to_degrees"]

Vertices = NDArray[np.float64]

#: What stands for longitude and latitude in degrees, in capitals.
DEGREES = ("", "CRS84", "OGC:CRS84", "EPSG:4326", "EPSG:4490", "EPSG:4269")

#: A straight side on a map is straight here to within a metre if cut this fine [m].
STEP = 5e3

#: No map of the Earth is wider [m].
WIDEST = 1e8


def to_degrees(crs: str | None, where: str) -> Callable[[Vertices], Vertices] | None:
    """Find how the coordinates of a file become longitude and latitude.

    Args:
      crs: Its coordinate system, in whatever way pyproj understands, such as
        ``"EPSG:32647"``; None for degrees.
      where: The file, for messages.

    Returns:
      What takes the vertices of a line, shape (vertex, 2), to degrees, with vertices in
      between where a straight side becomes a curve; None where nothing is to be done.

    Raises:
      ValueError: If the system is not known, or pyproj is not installed.
    """
    if _plain(crs or "") in DEGREES:
        return None
    try:
        pyproj = importlib.import_module("pyproj")
    except ImportError:
        raise ValueError(
            f"{where} is in the coordinates {_short(crs)}, which need pyproj; install "
            "jaxload[outlines], or convert it by ogr2ogr -t_srs EPSG:4326"
        ) from None
    try:
        system = pyproj.CRS.from_user_input(crs)
        if _is_plain_degrees(system):
            return None
        if not (system.is_projected or system.is_geographic):
            raise ValueError("it is that of neither a map nor longitude and latitude")
        transformer = pyproj.Transformer.from_crs(system, "EPSG:4326", always_xy=True)
        metres = float(system.axis_info[0].unit_conversion_factor)
    except Exception as error:  # of several classes, all about one text
        reason = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise ValueError(
            f"{where}: the coordinates {_short(crs)} cannot be converted to longitude "
            f"and latitude ({reason}); give another region.crs, or convert the file by "
            "ogr2ogr -t_srs EPSG:4326"
        ) from None
    step = None if system.is_geographic else STEP / metres
    return lambda vertices: _transformed(vertices, transformer, step, where)


def _plain(crs: str) -> str:
    """EPSG:4326 for all the ways in which GeoJSON may write it."""
    parts = [part for part in crs.strip().upper().split(":") if part]
    return ":".join([parts[-2], parts[-1]] if len(parts) > 1 else parts).replace(
        "1.3:CRS84", "CRS84"
    )


def _short(crs: str | None) -> str:
    text = " ".join(str(crs).split())
    name = text.split('"')[1] if text.count('"') > 1 else text
    return name[:60]


def _is_plain_degrees(system) -> bool:
    """Whether this is degrees east of Greenwich, on whichever ellipsoid."""
    meridian = system.prime_meridian
    return bool(
        system.is_geographic
        and (meridian is None or meridian.longitude == 0)
        and system.axis_info[0].unit_name == "degree"
    )


def _transformed(
    vertices: Vertices,
    transformer,
    step: float | None,
    where: str,
) -> Vertices:
    if step is not None:
        if np.abs(vertices).max() > WIDEST * step / STEP:
            raise ValueError(
                f"{where}: a coordinate reaches {np.abs(vertices).max():g}, which is "
                "on no map of the Earth; are they those of its system, or region.crs?"
            )
        line = shapely.segmentize(shapely.linestrings(vertices), step)
        vertices = shapely.get_coordinates(line)
    degrees = np.stack(transformer.transform(*vertices.T), axis=1)
    if not np.isfinite(degrees).all():
        raise ValueError(
            f"{where}: some of its coordinates are outside its map; are they those of "
            "its system, or region.crs?"
        )
    return degrees

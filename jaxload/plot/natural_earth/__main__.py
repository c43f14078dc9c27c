"""Thin lines of Natural Earth to those that this package carries.

python -m jaxload.plot.natural_earth FOLDER
"""

import json
import pathlib
import sys
from typing import Any

import numpy as np
import shapely
import shapely.geometry
from numpy.typing import NDArray

from jaxload.plot.natural_earth import LINES, PARTS, pack_lines

__all__ = ["main"]

#: Files by layer and scale.
FILES = {
    "coast_110m": "ne_110m_coastline.json",
    "borders_110m": "ne_110m_admin_0_boundary_lines_land.json",
    "coast_50m": "ne_50m_coastline.json",
    "borders_50m": "ne_50m_admin_0_boundary_lines_land.json",
    "provinces_50m": "ne_50m_admin_1_states_provinces_lines.json",
    "rivers_50m": "ne_50m_rivers_lake_centerlines.json",
    "lakes_50m": "ne_50m_lakes.json",
}


def main(arguments: list[str]) -> int:
    """Write the lines that the package carries.

    Args:
      arguments: The folder of the files in GeoJSON.

    Returns:
      Zero.
    """
    (folder,) = map(pathlib.Path, arguments)
    layers: dict[str, list[NDArray[np.float64]]] = {}
    for name, file in FILES.items():
        for feature in json.loads((folder / file).read_text())["features"]:
            kind = str(feature["properties"].get("featurecla") or "")
            layer, scale = name.split("_")
            if layer == "borders" and not kind.startswith("International"):
                layer = "disputed"
            if layer == "rivers" and "Lake" in kind:
                continue
            layers.setdefault(f"{layer}_{scale}", []).extend(_thinned(feature))
    pack_lines(LINES, dict(layers))
    return 0


def _thinned(feature: dict[str, Any]) -> list[NDArray[np.float64]]:
    """Lines, or the rings of an outline, within a hundredth of a degree."""
    if not feature["geometry"]:
        return []
    geometry = shapely.geometry.shape(feature["geometry"])
    if "Polygon" in geometry.geom_type:
        geometry = geometry.boundary
    geometry = shapely.simplify(geometry, 1 / PARTS)
    parts = [np.asarray(part.coords)[:, :2] for part in shapely.get_parts(geometry)]
    return [part for part in parts if len(part) > 1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

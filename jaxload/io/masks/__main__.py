"""Remake the mask: python -m jaxload.io.masks ne_50m_land.json."""

import json
import pathlib
import sys

import numpy as np

from jaxload.io.masks import LAND, pack_cells, rasterise

__all__ = ["main"]

#: Cells of a quarter of a degree.
ROWS = 720


def main(path: str) -> None:
    """Write the mask from outlines of land.

    Args:
      path: GeoJSON of polygons of land, as Natural Earth's.
    """
    features = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))["features"]
    rings = []
    for feature in features:
        geometry = feature["geometry"]
        several = geometry["type"] == "MultiPolygon"
        parts = geometry["coordinates"] if several else [geometry["coordinates"]]
        # Holes are waters that no strait joins to the ocean, such as the Caspian.
        rings += [np.asarray(part[0], np.float64) for part in parts]
    pack_cells(LAND, rasterise(rings, ROWS))


if __name__ == "__main__":
    main(sys.argv[1])

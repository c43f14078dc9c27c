"""Lines of base maps that this package carries: coasts, borders, rivers, lakes.

They are of Natural Earth, public domain, thinned. See README.md.
"""

import functools
import pathlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["LAYERS", "LINES", "SCALES", "base_lines", "lines_within", "pack_lines"]

#: The lines.
LINES = pathlib.Path(__file__).with_name("lines.npz")

#: What lines there are of.
LAYERS = ("coast", "borders", "disputed", "provinces", "rivers", "lakes")

#: Their scales, one to so many millions.
SCALES = ("110m", "50m")

#: Parts of a degree that coordinates count.
PARTS = 100

#: Vertices further apart than this lie on two sides of the map [degrees].
APART = 180.0

Floats = NDArray[np.float64]


def pack_lines(path: pathlib.Path, layers: dict[str, Sequence[Floats]]) -> None:
    """Write lines in hundredths of a degree.

    Args:
      path: The file, ending in ".npz".
      layers: By names such as "coast_50m", lines of lon and lat [degrees], of shape
        (vertex, 2) each.
    """
    arrays = {}
    for name, lines in layers.items():
        whole = [np.round(line * PARTS).astype(np.int16) for line in lines]
        vertices = np.concatenate([np.zeros((1, 2), np.int16), *whole])
        # Differences wrap around as their sums do.
        arrays[name] = np.diff(vertices, axis=0)
        arrays[f"{name}_sizes"] = np.array(list(map(len, whole)), np.uint16)
    np.savez_compressed(path, allow_pickle=False, **arrays)


@functools.cache
def base_lines(layer: str, scale: str) -> tuple[Floats, NDArray[np.int64]]:
    """Read the lines of a layer.

    Args:
      layer: One of `LAYERS`.
      scale: One of `SCALES`.

    Returns:
      Longitude and latitude of all vertices [degrees], shape (vertex, 2), and the
      number of the line of each, shape (vertex,); none where the scale does not have
      the layer.
    """
    name = f"{layer}_{scale}"
    with np.load(LINES) as kept:
        if name not in kept:
            return np.zeros((0, 2)), np.zeros(0, np.int64)
        steps, sizes = kept[name], kept[f"{name}_sizes"]
    vertices = np.cumsum(steps, axis=0, dtype=np.int16) / PARTS
    return vertices, np.repeat(np.arange(len(sizes)), sizes)


def lines_within(
    layer: str, scale: str, box: tuple[float, float, float, float]
) -> list[Floats]:
    """Cut the lines of a layer to a box.

    Args:
      layer: One of `LAYERS`.
      scale: One of `SCALES`.
      box: West, east, south and north [degrees]; longitudes of any turn.

    Returns:
      Parts of lines in the box, each with the next vertex outside, shape (vertex, 2);
      longitudes lie within half a turn of the middle of the box.
    """
    west, east, south, north = box
    vertices, line = base_lines(layer, scale)
    middle = (west + east) / 2
    lon, lat = vertices.T
    lon = lon - 360 * np.round((lon - middle) / 360)
    inside = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    # Whether each vertex is joined to the next one.
    joined = (np.diff(line) == 0) & (np.abs(np.diff(lon)) < APART)
    drawn = joined & (inside[:-1] | inside[1:])
    start = np.flatnonzero(drawn & ~np.append(False, drawn[:-1]))
    stop = np.flatnonzero(drawn & ~np.append(drawn[1:], False)) + 2
    points = np.stack([lon, lat], axis=1)
    return [points[one:other] for one, other in zip(start, stop)]

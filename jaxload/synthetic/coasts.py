"""Land and sea, as coarse as a twin world needs them.

Outlines drawn by hand to a degree or two: enough for the sea to stand where it does and
for its load to come from there, not enough for a map.
"""

import functools

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

__all__ = ["land_share"]

#: Corners, lon and lat [degrees]: one line per stretch of coast.
_OLD_WORLD = """
25 71 40 67 60 69 70 73 105 77 140 73 170 70 180 68.5 180 65 163 60 162 56 157 51
156 57 143 59 136 55 141 52 140 48 132 43 128 39 129 35.5 126.5 34.5 125 39 121 40.5
118 39 122 37 119.5 35 122 31 120 27 117 23.5 110.5 21 108 21.5 106 20 106 18 109 13.5
109 11.5 105 9 104.5 10.5 101 13 100 13 99.3 10 100.5 7 103.4 4 104 1.5 101 3 99 7
98.3 10 98.6 13 97.6 16.5 95.3 16 94.3 16 94.5 18.5 92.3 21 91.5 22.6 88.5 21.7
86.5 20 82.3 16.7 80.2 15.5 80.3 13 79.8 10.3 77.5 8.1 74.8 13 72.8 19 72.5 21.2
70 21 68.5 23.5 66.5 25.3 61.5 25.1 57 27 51 28 48 30 50 26.5 51.6 25 54 24.2
56.4 26 58.6 23.6 59.8 22.3 57 18.8 52 15.8 45 12.8 43.2 13 42.5 16 39 21.5 35 28
33 29.5 35 26 37 21 38 18 43 11.7 51 11.8 47 4 41 -2 39.2 -7 40.6 -15 35 -20 35.5 -24
32.8 -27 28 -33 20 -34.8 18.3 -33 15 -27 12 -18 13.8 -11 9 -1 9.5 4 4 6.3 -4 5.2
-8 4.5 -13 8.5 -16.7 12 -17.3 15 -16 20 -16 24 -10 30 -6 35.7 10 37.2 10.5 34
15 32.3 20 31 22 32.8 32 31.3 35 32 36 36.5 30 36.5 27 37 27 40 23 40.5 24 38
22.5 36.7 19.5 41 13 45.5 14 42.5 18.4 40 16 38 12 42 8.5 44.3 3.2 43 0 39 -2 36.8
-6 36.8 -9 37.2 -9 43.2 -1.5 43.4 -1.5 46 -4.7 48.4 1.5 50.2 5 53 8.5 54 8.2 57
11 56.5 11 54.2 19 54.5 21.5 57.3 24 59.3 30 60 22 60 21.5 63 25 65.5 17 61
18.5 60 16 56.3 12.9 55.5 11 59 7 58 5 61.5 14 67.5
"""
_NEW_WORLD = """
-168 66 -156 71 -128 70 -95 72 -94 60 -82 55 -79 52 -78 62 -65 60 -56 52 -65 45
-70 42 -76 35 -81 31 -80 25.5 -83 29.5 -90 29.5 -97 27 -97 20 -91 18.5 -88 21 -88 16
-83.5 15 -83 9.5 -77.5 8.7 -72 12 -62 10.5 -51 3 -50 0 -35 -6 -39 -15 -41 -22 -48.5 -26
-53 -34 -58 -38.5 -65 -43 -69 -52 -74 -52 -73 -40 -70.5 -18 -76 -14 -81 -5 -80 1
-77.8 7 -83 8.3 -88 13 -97 15.8 -105 20 -109 26 -114.5 31 -117 32.5 -121 35 -124 40
-124 48 -135 58 -150 60 -165 54.5 -158 58.5 -166 62
"""
_ISLANDS = (
    # Greenland, Great Britain, Madagascar
    "-45 60 -22 70 -20 80 -35 83.5 -68 79 -55 70",
    "-5.5 50 1.5 51.5 -2 56 -4 58.5 -6 57 -3 54",
    "44 -25 47 -25 50 -16 49 -12 44 -17",
    # Japan, the Philippines, Hainan
    "130 31 136 33.5 140.5 35.5 142 40 145 43.5 142 45.5 140 42 139.5 38 132 35.5",
    "120.5 14 122 18.5 124 13 126.5 7.5 125 6 122 7.5 122.5 11",
    "108.7 19 110.8 20 109.5 18.2",
    # Sumatra and Java, Borneo, Sulawesi, New Guinea
    "95.3 5.6 98 4.5 106 -3 106 -6 114.5 -7.5 114 -8.7 105 -6.8 100 -2",
    "109 1.5 117 7 119 5 116 -4 110.5 -3",
    "119.5 -5.5 121 -1 125 1.5 120 1 119 -3",
    "131 -1 141 -2.6 150.5 -10.5 142 -9.2 138 -8.3 134 -4",
    # Australia, New Zealand, Antarctica
    "114 -22 122 -17.5 130 -12 136.5 -12 136 -15 140.5 -17.5 142.3 -11 146 -19 153 -26 "
    "150 -37 140 -38 135 -34.5 131 -31.5 124 -33.5 115 -34.5",
    "173 -35 178.5 -38 174 -42 170.5 -46 166.5 -46 172 -41",
    "-180 -90 -180 -78 -160 -78 -130 -74 -100 -73 -75 -72 -60 -64 -62 -74 -40 -78 "
    "-20 -73 0 -70 50 -67 90 -67 140 -66.5 170 -72 165 -78 180 -78 180 -90",
)

#: Points per side of a cell that are looked at.
POINTS = 4


def land_share(
    lat: NDArray[np.float64], lon: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Find how much of each cell of a raster is land.

    Args:
      lat: Latitude of the rows [degrees], equally spaced, shape (lat,).
      lon: Longitude of the columns [degrees], -180 to 180, shape (lon,).

    Returns:
      The share of land, to a sixteenth, shape (lat, lon).
    """
    part = ((np.arange(POINTS) + 0.5) / POINTS - 0.5) * abs(lat[1] - lat[0])
    rows, columns = ((axis[:, None] + part[None, :]).ravel() for axis in (lat, lon))
    east, north = np.meshgrid(columns, rows)
    land = shapely.contains_xy(_land(), east, north)
    blocks = land.reshape(len(lat), POINTS, len(lon), POINTS)
    return blocks.mean(axis=(1, 3))


@functools.cache
def _land() -> BaseGeometry:
    texts = (_OLD_WORLD, _NEW_WORLD, *_ISLANDS)
    outlines = [np.array(text.split(), float).reshape(-1, 2) for text in texts]
    # Hand-drawn coasts may cross themselves.
    land = shapely.union_all([shapely.make_valid(Polygon(x)) for x in outlines])
    shapely.prepare(land)
    return land

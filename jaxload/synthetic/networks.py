"""Networks of receivers in southwest and in all mainland China, made up.

Neither comes from a list of stations or of borders: outlines have corners every degree
or two, and stations stand where a rule of a few constants puts them, densely where the
real networks are dense. They are the same in every world.
"""

import dataclasses

import numpy as np
import shapely
from numpy.typing import NDArray

from jaxload import sphere

__all__ = [
    "REGIONS",
    "Network",
    "cell_network",
    "elevation",
    "region_outline",
    "station_network",
    "without_station",
]

Floats = NDArray[np.float64]

#: Corners, lon and lat [degrees].
_SOUTHWEST = """
97.4 34.1 98.6 34.1 99.8 33.1 100.8 32.8 101.2 33.5 102.4 34.2 103.3 33.8 104.4 33.2
105.5 32.8 107.0 32.4 108.4 32.2 109.6 31.6 110.1 31.0 109.5 30.2 108.7 29.9 109.2 29.0
109.3 28.2 109.4 27.2 110.3 26.3 111.3 26.1 111.3 25.0 112.0 24.6 111.5 23.4 110.8 22.4
109.8 21.5 108.6 21.6 107.9 21.5 106.9 22.0 106.6 22.9 105.5 23.2 104.7 22.9 103.5 22.6
102.4 22.6 101.7 22.3 101.6 21.3 100.3 21.4 99.9 22.1 99.2 22.3 98.91 23.3 97.7 23.9
97.6 24.7 98.7 25.9 98.6 27.5 98.2 28.2 98.9 29.4 99.0 30.6 98.4 31.8 97.5 32.7
"""
_MAINLAND = """
108 21.5 109.8 21.4 110.4 20.4 111 21.4 114 22.4 117 23.5 119.3 25.2 120 27 121.8 29.2
122 31 121 32.8 119.5 35 122.4 37 119 37.3 117.8 39 121 40.8 121.7 39.1 124.3 40
126.5 41.6 128.1 42 129.7 42.5 130.8 42.8 131.2 44.8 133.1 45.1 134.6 48.2 131 47.8
130.6 48.9 127.5 49.8 126 52.8 123.5 53.4 121 53.2 120.4 52.3 119.5 50.4 117.8 49.5
116.7 49.8 115.6 47.9 118.5 47.9 119.8 46.7 116.5 46.3 113.6 44.8 111.8 43.7 110.4 42.7
105 41.7 100 42.6 96.4 42.7 95.4 44.2 93.5 44.9 91 45.2 90.9 46.9 88 48.6 87.3 49.1
85.7 48.3 85.6 47.1 82.9 47 82.4 45.3 80.3 45 80.2 42.2 78.5 41.2 76.4 40.4 73.8 39.6
74.9 37.3 76 35.9 78.2 34.6 78.9 32.9 78.8 31.3 81 30.2 83.9 29.1 86 28.1 88.8 28
91.6 27.9 94 29.1 97.3 28.2 98.6 27.5 98.7 25.9 97.6 24.7 97.7 23.9 98.91 23.3 99.2 22.3
99.9 22.1 100.3 21.4 101.6 21.3 101.7 22.3 102.4 22.6 103.5 22.6 104.7 22.9 105.5 23.2
106.6 22.9 106.9 22
"""

#: Of the golden ratio g, 1 / g, whose multiples by squares look drawn by lot; and of
#: its counterpart in the plane, 1 / g and 1 / g^2, whose multiples fill a square evenly
#: (Roberts, 2018, The unreasonable effectiveness of quasirandom sequences).
_LINE, _SQUARE = 0.618_033_988_75, (0.754_877_666_25, 0.569_840_290_99)

#: Stations stand no closer than this [degrees], nor closer to the edge of their cell.
APART, EDGE = 0.25, 0.06


@dataclasses.dataclass(frozen=True)
class _Plan:
    """How stations are laid out.

    Attributes:
      outline: Corners of the region, lon and lat [degrees].
      letter: With which names begin.
      stations: How many.
      occupied: In how many cells of 1 degree.
      base: Weight of any place.
      hubs: Where there are more or, if negative, fewer: lon and lat of the middle,
        widths in lon and lat [degrees], weight.
    """

    outline: str
    letter: str
    stations: int
    occupied: int
    base: float
    hubs: tuple[tuple[float, float, float, float, float], ...]


_PLANS = {
    "southwest_china": _Plan(
        outline=_SOUTHWEST,
        letter="S",
        stations=57,
        occupied=40,
        base=0.03,
        hubs=(
            (100.3, 25.2, 2.2, 1.9, 1.0),
            (102.3, 29.2, 1.4, 2.4, 0.7),
            (103.0, 24.3, 1.6, 1.4, 0.7),
            (100.2, 22.6, 1.4, 1.0, 0.5),
        ),
    ),
    "mainland_china": _Plan(
        outline=_MAINLAND,
        letter="M",
        stations=263,
        occupied=203,
        base=0.16,
        hubs=(
            (101.0, 25.2, 3.2, 2.6, 1.5),
            (102.6, 30.0, 2.6, 3.2, 1.2),
            (104.5, 35.8, 4.5, 2.8, 0.5),
            (115.5, 38.3, 4.0, 3.0, 0.35),
            (117.0, 27.0, 6.0, 6.0, 0.08),
            (88.0, 34.0, 9.0, 3.5, -0.15),
            (86.0, 40.0, 9.0, 3.0, -0.10),
            (116.0, 46.0, 9.0, 4.0, -0.08),
        ),
    ),
}

#: Regions that there are.
REGIONS = tuple(_PLANS)

#: Hills by which the ground is made: middle in lon and lat, widths [degrees], height
#: [m], and whether the top is flat.
_HILLS = (
    (89.0, 33.2, 12.5, 5.8, 4700.0, True),
    (100.5, 31.5, 3.5, 3.0, 3600.0, False),
    (101.0, 26.0, 4.5, 3.0, 2000.0, False),
    (106.5, 27.0, 3.0, 2.5, 1100.0, False),
    (106.0, 37.0, 7.0, 5.0, 1500.0, False),
    (105.0, 44.0, 13.0, 5.0, 1100.0, True),
    (83.0, 42.8, 7.0, 1.8, 2300.0, False),
    (82.0, 41.0, 10.0, 6.0, 1000.0, True),
    (128.0, 47.0, 5.0, 6.0, 350.0, False),
    (114.0, 26.5, 5.0, 3.5, 350.0, False),
)

#: Height of the plains [m].
_PLAIN = 60.0


@dataclasses.dataclass(frozen=True, eq=False)
class Network:
    """Places with names.

    Attributes:
      name: Names, shape (place,).
      lon: Longitude [degrees], shape (place,).
      lat: Latitude [degrees], shape (place,).
      height: Height of the ground [m], shape (place,).
    """

    name: NDArray[np.str_]
    lon: Floats
    lat: Floats
    height: Floats


def region_outline(region: str) -> shapely.Polygon:
    """Get the outline of a region, coarse to a degree.

    Args:
      region: One of `REGIONS`.

    Returns:
      The outline [degrees].

    Raises:
      ValueError: If there is no such region.
    """
    corners = np.array(_plan(region).outline.split(), float).reshape(-1, 2)
    return shapely.Polygon(corners)


def cell_network(region: str) -> Network:
    """Get the cells of 1 degree whose centres lie in a region.

    Args:
      region: One of `REGIONS`.

    Returns:
      Their centres, by rows from the south, named G001 and on.

    Raises:
      ValueError: If there is no such region.
    """
    grid = _cells(region)
    return _named("G", grid.lon, grid.lat)


def station_network(region: str) -> Network:
    """Get the stations of a region.

    A fixed number of cells of 1 degree is taken, those near hubs first, and the rest
    of the stations are second ones in cells that were.

    Args:
      region: One of `REGIONS`.

    Returns:
      Stations by rows of cells from the south.

    Raises:
      ValueError: If there is no such region.
    """
    plan, grid = _plan(region), _cells(region)
    weight = _weights(plan, grid.lon, grid.lat)
    first = _first_come(weight, plan.occupied)
    second = first[_first_come(weight[first], plan.stations - plan.occupied)]
    cell = np.sort(np.concatenate([first, second]))
    places = _spread(region_outline(region), grid.lon[cell], grid.lat[cell])
    return _named(plan.letter, *places)


def without_station(cells: Network, stations: Network) -> NDArray[np.bool_]:
    """Find the cells in which no station stands.

    Args:
      cells: Centres of cells of 1 degree.
      stations: The stations.

    Returns:
      True for the empty ones, shape (cell,).
    """
    near = np.abs(cells.lon[:, None] - stations.lon[None, :]) <= 0.5
    near &= np.abs(cells.lat[:, None] - stations.lat[None, :]) <= 0.5
    return near.sum(axis=1) == 0


def elevation(lon: Floats, lat: Floats) -> Floats:
    """Height of a ground as smooth as the weather needs: high in the west.

    Args:
      lon: Longitude [degrees].
      lat: Latitude [degrees], same shape.

    Returns:
      Height [m], same shape.
    """
    # A smooth maximum: where hills overlap they do not pile up.
    total = np.full(np.shape(lon), _PLAIN**4)
    for east, north, wide, high, top, flat in _HILLS:
        power = 4 if flat else 2
        slope = np.abs((lon - east) / wide) ** power
        slope += np.abs((lat - north) / high) ** power
        total += (top * np.exp(-slope)) ** 4
    return total**0.25


def _plan(region: str) -> _Plan:
    if region not in _PLANS:
        raise ValueError(f"region is {region!r}, expected one of {REGIONS}")
    return _PLANS[region]


def _cells(region: str) -> sphere.Grid:
    return sphere.regional_grid(region_outline(region), 1.0, offset=0.5)


def _named(letter: str, lon: Floats, lat: Floats) -> Network:
    name = np.array([f"{letter}{number + 1:03d}" for number in range(len(lon))])
    return Network(name, lon, lat, np.round(elevation(lon, lat), 1))


def _weights(plan: _Plan, lon: Floats, lat: Floats) -> Floats:
    weight = np.full(lon.shape, plan.base)
    for east, north, wide, high, more in plan.hubs:
        weight += more * np.exp(
            -(((lon - east) / wide) ** 2 + ((lat - north) / high) ** 2)
        )
    return np.maximum(weight, 0.02)


def _first_come(weight: Floats, count: int) -> NDArray[np.int64]:
    """Indices that come first when each comes at a rate that is its weight."""
    share = (np.arange(len(weight)) + 1) ** 2 * _LINE % 1
    return np.argsort(-np.log(share) / weight, kind="stable")[:count]


def _spread(
    outline: shapely.Polygon, lon: Floats, lat: Floats
) -> tuple[Floats, Floats]:
    """A place within each cell, inside the outline and apart from the others."""
    shapely.prepare(outline)
    chosen, step = np.empty((0, 2)), 0
    while len(chosen) < len(lon):
        step += 1
        cell = np.array([lon[len(chosen)], lat[len(chosen)]])
        inside = (step * np.array(_SQUARE) % 1 - 0.5) * (1 - 2 * EDGE)
        point = np.round(cell + inside, 4)
        clear = (np.hypot(*(chosen - point).T) > APART).all()
        if clear and shapely.contains_xy(outline, *point):
            chosen = np.vstack([chosen, point])
    return chosen[:, 0], chosen[:, 1]

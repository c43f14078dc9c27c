"""Maps of one style: local and equal-area, with coasts, borders, rivers and lakes.

With cartopy installed maps are in Lambert's azimuthal equal-area projection about their
middle, or Equal Earth where they go around most of the globe; without it in longitude
and latitude, scaled for the middle. Nothing is downloaded: lines come from
`plot.natural_earth`.
"""

import importlib
import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection, QuadMesh
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from jaxload.plot.natural_earth import lines_within
from jaxload.plot.style import INK

__all__ = [
    "Box",
    "add_map",
    "box_around",
    "draw_cells",
    "draw_dots",
    "draw_outline",
    "draw_stations",
    "hatch_cells",
    "map_panels",
    "positions",
]

Floats = NDArray[np.float64]

#: West, east, south and north [degrees].
Box = tuple[float, float, float, float]

#: Room around what a map shows, as a share of its size, and at least [degrees].
ROOM, LEAST_ROOM = 0.04, 0.3

#: Heights or widths from which a map takes the coarse lines, and from which it goes
#: around most of the globe [degrees].
COARSE, AROUND = 75.0, 150.0

#: Points along each side of a box, by which its projection is framed.
ALONG = 33

#: Inches of a map by itself, and of one of several.
ALONE, ABREAST = 5.6, 2.9

#: Inches that a map is high at most by itself, and as one of several.
HIGH, LOW = 7.0, 3.6

#: Colour, width and style of lines of base maps.
STYLES: dict[str, dict[str, Any]] = {
    "rivers": {"colors": "#5b93bf", "linewidths": 0.45},
    "lakes": {"colors": "#5b93bf", "linewidths": 0.45},
    "provinces": {"colors": "#9a9a9a", "linewidths": 0.4},
    "borders": {"colors": "#6a6a6a", "linewidths": 0.6},
    "disputed": {"colors": "#6a6a6a", "linewidths": 0.6, "linestyles": "dashed"},
    "coast": {"colors": "#4d4d4d", "linewidths": 0.65},
}


def box_around(*places: tuple[ArrayLike, ArrayLike]) -> Box:
    """Find a box with some room around places.

    Args:
      *places: Longitudes and latitudes [degrees], each pair of one shape; all are taken
        on the turn of the first.

    Returns:
      The box.
    """
    parts = [(np.ravel(lon).astype(float), np.ravel(lat)) for lon, lat in places]
    parts = [part for part in parts if len(part[0])]
    middle = (parts[0][0].min() + parts[0][0].max()) / 2
    lon = np.concatenate([_near(part[0], middle) for part in parts])
    lat = np.concatenate([part[1] for part in parts]).astype(float)
    across, along = (max(ROOM * np.ptp(x), LEAST_ROOM) for x in (lon, lat))
    south, north = max(lat.min() - along, -90.0), min(lat.max() + along, 90.0)
    west, east = lon.min() - across, lon.max() + across
    if east - west > 360:
        west, east = (west + east) / 2 - 180, (west + east) / 2 + 180
    return float(west), float(east), float(south), float(north)


def _near(lon: Floats, middle: float) -> Floats:
    """Longitudes within half a turn of one."""
    # Those half a turn away stay on their side.
    return lon - 360 * np.round((lon - middle) / 360 * (1 - 1e-9))


def map_panels(box: Box, count: int = 1, across: int = 4) -> tuple[Figure, list[Axes]]:
    """Make a figure of maps of one box, each with its base map.

    Args:
      box: What they show.
      count: Number of maps.
      across: Of which so many lie side by side at most.

    Returns:
      The figure, and the axes of the maps.
    """
    columns = min(count, across)
    rows = -(-count // columns)
    projection = _projection(box)
    frame = _frame(box, projection)
    wide, high = (ALONE, HIGH) if count == 1 else (ABREAST, LOW)
    shape = (frame[3] - frame[2]) / (frame[1] - frame[0])
    if projection is None:
        shape *= _aspect(box)
    wide = min(wide if columns > 2 or count == 1 else 1.4 * wide, high / shape)
    size = columns * wide + 1.5, rows * (wide * shape + 0.3) + 0.3
    figure = Figure(figsize=(max(size[0], 5), max(size[1], 3)), layout="compressed")
    cells = figure.add_gridspec(rows, columns)
    panels = []
    for number in range(count):
        sides = number % columns == 0, number + columns >= count
        cell = cells[number // columns, number % columns]
        panels.append(add_map(figure, cell, box, sides))
    return figure, panels


def add_map(
    figure: Figure, cell: SubplotSpec, box: Box, labelled: tuple[bool, bool]
) -> Axes:
    """Add a map with its base map to a figure.

    Args:
      figure: The figure.
      cell: Where it goes.
      box: What it shows.
      labelled: Whether latitudes are written at its left, and longitudes below.

    Returns:
      Its axes.
    """
    projection = _projection(box)
    axes = figure.add_subplot(cell, projection=projection)
    _set_frame(axes, box, _frame(box, projection), labelled)
    _draw_lines(axes, box)
    return axes


def _projection(box: Box) -> Any:
    """The projection of a box; None without cartopy."""
    if importlib.util.find_spec("cartopy") is None:
        return None
    crs: Any = importlib.import_module("cartopy.crs")

    west, east, south, north = box
    if east - west > AROUND:
        return crs.EqualEarth(central_longitude=(west + east) / 2)
    return crs.LambertAzimuthalEqualArea((west + east) / 2, (south + north) / 2)


def _frame(box: Box, projection: Any) -> Box:
    """Limits of the axes of a box, in their coordinates."""
    west, east, south, north = box
    if projection is None:
        return box
    part = np.linspace(0, 1, ALONG)
    lon = np.concatenate([west + part * (east - west)] * 2 + [0 * part + west] * 2)
    lon[-ALONG:] = east
    lat = np.concatenate([0 * part + south, 0 * part + north])
    lat = np.concatenate([lat, *[south + part * (north - south)] * 2])
    x, y = _projected(projection, lon, lat)
    return float(x.min()), float(x.max()), float(y.min()), float(y.max())


def _projected(projection: Any, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    from cartopy import crs

    # Not onto the other side of the cut.
    middle = projection.proj4_params.get("lon_0", 0.0)
    lon = np.clip(_near(lon, middle), middle - 180 + 1e-6, middle + 180 - 1e-6)
    points = projection.transform_points(crs.Geodetic(), lon, lat)
    return points[..., 0], points[..., 1]


def _aspect(box: Box) -> float:
    return 1 / max(np.cos(np.radians((box[2] + box[3]) / 2)), 0.1)


def _set_frame(axes: Any, box: Box, frame: Box, labelled: tuple[bool, bool]) -> None:
    """Limits and graticule, with labels at the left and below where these are set."""
    left, below = labelled
    if not hasattr(axes, "projection"):
        axes.set(xlim=frame[:2], ylim=frame[2:], aspect=_aspect(box))
        axes.tick_params(labelleft=left, labelbottom=below, labelsize=8)
        axes.set_xlabel("longitude [degrees]" if below else "", fontsize=8)
        axes.set_ylabel("latitude [degrees]" if left else "", fontsize=8)
        return
    axes.set_xlim(*frame[:2])
    axes.set_ylim(*frame[2:])
    _draw_graticule(axes, box, frame, left, below)


def _draw_graticule(axes: Any, box: Box, frame: Box, left: bool, below: bool) -> None:
    """Meridians and parallels, with labels where they meet the sides of the frame."""
    west, east, south, north = box
    ticks = MaxNLocator(5, steps=[1, 2, 5, 10])
    room = 0.2 * (north - south), 0.2 * (east - west)
    along = np.linspace(max(south - room[0], -90), min(north + room[0], 90), 99)
    across = np.linspace(west - room[1], east + room[1], 99)
    lines, at_bottom, at_left = [], [], []
    for lon in ticks.tick_values(west - room[1], east + room[1]):
        x, y = positions(axes, np.full(99, lon), along)
        lines.append(np.stack([x, y], axis=1))
        at_bottom.append((np.interp(frame[2], y, x, np.nan, np.nan), lon))
    for lat in ticks.tick_values(south - room[0], north + room[0]):
        x, y = positions(axes, across, np.full(99, np.clip(lat, -90, 90)))
        lines.append(np.stack([x, y], axis=1))
        at_left.append((np.interp(frame[0], x, y, np.nan, np.nan), lat))
    style = {"linewidths": 0.3, "colors": "#b8b8b8", "zorder": 0.5}
    axes.add_collection(LineCollection(lines, **style), autolim=False)
    for number, (crossings, shown, names) in enumerate(
        ((at_bottom, below, "WE"), (at_left, left, "SN"))
    ):
        first, last = frame[2 * number : 2 * number + 2]
        inside = [x for x in crossings if shown and first <= x[0] <= last]
        labels = [_degrees(value, names) for _, value in inside]
        places = [place for place, _ in inside]
        (axes.set_yticks if number else axes.set_xticks)(places)
        axis = axes.yaxis if number else axes.xaxis
        axis.set_ticklabels(labels, fontsize=8)


def _degrees(value: float, names: str) -> str:
    """A longitude from -180 to 180, or a latitude, with its side of the Earth."""
    value = (value + 180) % 360 - 180 if names == "WE" else value
    side = "" if value in (0, -180) else names[int(value > 0)]
    return f"{abs(value):g}°{side}"


def _draw_lines(axes: Axes, box: Box) -> None:
    """Coasts, borders, rivers and lakes."""
    coarse = max(box[1] - box[0], box[3] - box[2]) > COARSE
    # A projected frame shows somewhat more than its box.
    room = 0.15 * max(box[1] - box[0], box[3] - box[2])
    wide = (box[0] - room, box[1] + room, box[2] - room, box[3] + room)
    for number, (layer, style) in enumerate(STYLES.items()):
        lines = lines_within(layer, "110m" if coarse else "50m", wide)
        whole = [np.stack(positions(axes, *line.T), axis=1) for line in lines]
        drawn = LineCollection(
            whole, label=f"_{layer}", zorder=2 + 0.01 * number, **style
        )
        axes.add_collection(drawn, autolim=False)


def positions(axes: Any, lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
    """Compute where places lie on a map.

    Args:
      axes: Of the map, from `map_panels`.
      lon: Longitudes [degrees], of any shape.
      lat: Latitudes [degrees], of the same shape.

    Returns:
      Coordinates of the axes, of that shape.
    """
    lon, lat = np.asarray(lon, float), np.asarray(lat, float)
    if hasattr(axes, "projection"):
        return _projected(axes.projection, lon, lat)
    return _near(lon, float(np.mean(axes.get_xlim()))), lat


def draw_cells(
    axes: Axes,
    field: xr.DataArray,
    colours: str | Colormap,
    limits: tuple[float, float],
) -> QuadMesh:
    """Draw a field of a regular grid of longitude and latitude.

    Args:
      axes: Of a map.
      field: Dimensions (lat, lon).
      colours: A Matplotlib colour map, or its name.
      limits: Ends of the colour scale.

    Returns:
      The cells as they are drawn.
    """
    field = field.transpose("lat", "lon")
    lon, lat = (_corners(field[x].values.astype(float)) for x in ("lon", "lat"))
    x, y = positions(axes, *np.meshgrid(lon, np.clip(lat, -90, 90)))
    return axes.pcolormesh(
        x,
        y,
        np.ma.masked_invalid(field.values),
        cmap=colours,
        vmin=limits[0],
        vmax=limits[1],
        shading="flat",
        rasterized=True,
        zorder=1,
    )


def hatch_cells(axes: Axes, cells: xr.DataArray, label: str) -> None:
    """Hatch cells on white, over whatever they show.

    Args:
      axes: Of a map.
      cells: Whether each is hatched, dimensions (lat, lon).
      label: What a legend calls them.
    """
    row, column = np.nonzero(cells.transpose("lat", "lon").values)
    lon, lat = (_corners(cells[x].values.astype(float)) for x in ("lon", "lat"))
    corner = ((0, 0), (0, 1), (1, 1), (1, 0))
    x, y = positions(
        axes,
        np.stack([lon[column + a] for _, a in corner], axis=1),
        np.stack([lat[row + b] for b, _ in corner], axis=1),
    )
    style: Any = {"facecolors": "white", "edgecolors": "#909090", "hatch": "////"}
    shapes = list(np.stack([x, y], axis=-1))
    axes.add_collection(
        PolyCollection(shapes, linewidths=0, zorder=1.2, label=label, **style)
    )


def _corners(centres: Floats) -> Floats:
    """Limits of cells between their centres."""
    if len(centres) == 1:
        return centres[0] + np.array([-0.5, 0.5])
    middle = (centres[:-1] + centres[1:]) / 2
    first, last = centres[0] - middle[0], centres[-1] - middle[-1]
    return np.concatenate([[centres[0] + first], middle, [centres[-1] + last]])


def draw_outline(axes: Axes, outline: Sequence[Floats]) -> None:
    """Draw the outline of a region.

    Args:
      axes: Of a map.
      outline: Rings of lon and lat [degrees], each of shape (vertex, 2).
    """
    for ring in outline:
        axes.plot(*positions(axes, *ring.T), color=INK, lw=1.0, zorder=3)


def draw_stations(
    axes: Axes, lon: ArrayLike, lat: ArrayLike, label: str = "stations"
) -> None:
    """Mark stations.

    Args:
      axes: Of a map.
      lon: Their longitudes [degrees], shape (station,).
      lat: Their latitudes [degrees].
      label: What a legend calls them.
    """
    axes.plot(
        *positions(axes, lon, lat),
        "o",
        color=INK,
        mec="white",
        mew=0.35,
        ms=2.9,
        ls="",
        label=label,
        zorder=4,
    )


def draw_dots(
    axes: Axes,
    places: tuple[ArrayLike, ArrayLike],
    values: ArrayLike,
    scale: tuple[str, tuple[float, float]],
) -> None:
    """Draw a number of each place as the colour of a dot; crosses where it has none.

    Args:
      axes: Of a map.
      places: Longitudes and latitudes [degrees], shape (place,) each.
      values: What each has, shape (place,); NaN for nothing.
      scale: Name of a Matplotlib colour map, and the ends of the scale.
    """
    x, y = positions(axes, *places)
    values = np.asarray(values, float)
    known = np.isfinite(values)
    axes.plot(x[~known], y[~known], "x", color=INK, ms=3.5, mew=0.6, zorder=4)
    axes.scatter(
        x[known],
        y[known],
        c=values[known],
        s=24,
        cmap=scale[0],
        vmin=scale[1][0],
        vmax=scale[1][1],
        edgecolors=INK,
        linewidths=0.3,
        zorder=4,
    )

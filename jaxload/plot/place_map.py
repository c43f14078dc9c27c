"""A map of stations, wells and weather stations, over the relief of the land."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LightSource, ListedColormap
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from jaxload.plot.base_map import (
    box_around,
    draw_cells,
    draw_outline,
    map_panels,
    positions,
)
from jaxload.plot.style import INK, SEVERAL, add_scale, spread_limits

__all__ = ["station_map"]

#: Marks of kinds of places, their sizes and colours.
MARKS: tuple[tuple[str, float, str], ...] = (
    ("o", 4.2, INK),
    ("s", 4.4, SEVERAL[1]),
    ("^", 5.6, SEVERAL[2]),
    ("D", 4.2, SEVERAL[3]),
)

#: Stations up to which each has its name beside it.
NAMED = 25

#: Kilometres of a degree of latitude.
DEGREE = 111.2

#: Slope that the ground has on average where it is lit.
SLOPE = 0.7

#: Share of colour that heights keep, and of light that slopes lose.
PALE, DARK = 0.55, 0.45

#: Cells along each axis of a relief, at most.
CELLS = 600


def station_map(
    places: Mapping[str, tuple[ArrayLike, ArrayLike]],
    outline: Sequence[NDArray[np.float64]] = (),
    names: Sequence[str] = (),
    topography: xr.DataArray | None = None,
) -> Figure:
    """Draw where stations and other places of observation are.

    Args:
      places: By what they are, such as "GNSS stations", longitudes and latitudes
        [degrees], shape (place,) each; the first kind is named.
      outline: Rings of lon and lat [degrees], each of shape (vertex, 2).
      names: Of the first kind of places, shape (place,), written beside up to 25 of
        them; none by default.
      topography: Height of the ground with `units`, dimensions (lat, lon), to be shaded
        beneath; None for none.

    Returns:
      The figure.
    """
    rings = [(ring[:, 0], ring[:, 1]) for ring in outline]
    box = box_around(*places.values(), *rings)
    figure, (axes,) = map_panels(box)
    if topography is not None:
        drawn = _draw_relief(axes, _within(topography, box))
        units = str(topography.attrs.get("units", ""))
        label = f"height of the ground [{units}]" if units else "height of the ground"
        add_scale(figure, axes, drawn, label)
    draw_outline(axes, outline)
    for (kind, (lon, lat)), (mark, size, colour) in zip(places.items(), MARKS):
        x, y = positions(axes, lon, lat)
        style: Any = {"ls": "", "color": colour, "mec": "white", "mew": 0.5}
        style |= {"ms": size, "label": f"{kind} ({len(x)})", "zorder": 4}
        axes.plot(x, y, mark, **style)
    if len(names) <= NAMED:
        lon, lat = next(iter(places.values()))
        for name, at in zip(names, np.transpose(positions(axes, lon, lat))):
            axes.annotate(
                str(name),
                at,
                textcoords="offset points",
                xytext=(4, 3),
                fontsize=6.5,
                zorder=5,
            )
    axes.set_title("stations" if len(places) == 1 else "observations", fontsize=10)
    axes.legend(loc="best", fontsize=8, framealpha=0.85, edgecolor="none")
    return figure


def _within(field: xr.DataArray, box: tuple[float, ...]) -> xr.DataArray:
    """The part of a field that a map shows, on the turn of its box."""
    west, east, south, north = box
    middle = (west + east) / 2
    lon = middle + (field.lon.values - middle + 180) % 360 - 180
    field = field.transpose("lat", "lon").assign_coords(lon=lon)
    field = field.sortby("lon").sortby("lat")
    room = 0.15 * max(east - west, north - south)
    columns = (field.lon >= west - room) & (field.lon <= east + room)
    rows = (field.lat >= south - room) & (field.lat <= north + room)
    row, column = (np.flatnonzero(x) for x in (rows, columns))
    thin = [max(len(x) // CELLS, 1) for x in (row, column)]
    return field.isel(lat=row[:: thin[0]], lon=column[:: thin[1]])


def _draw_relief(axes: Axes, field: xr.DataArray) -> NDArray:
    """Heights in pale colours, so that marks stand out, lit from the north-west."""
    values = field.values.astype(float)
    limits = spread_limits(np.where(values < 0, 0, values))
    earth = colormaps["gist_earth"](np.linspace(0, 1, 256))[:, :3]
    pale = ListedColormap(1 - PALE * (1 - earth))
    mesh = draw_cells(axes, field, pale, limits)
    mesh.set_zorder(0.8)
    if min(values.shape) > 2:
        # The colours of the scale, darker on slopes away from the light.
        colours = mesh.to_rgba(np.ma.masked_invalid(values))
        bright = 1 - DARK + DARK * _brightness(field)
        colours[..., :3] *= bright[..., None]
        mesh.set_array(colours)
    return values


def _brightness(field: xr.DataArray) -> NDArray[np.float64]:
    """How bright slopes are, 0 to 1, shape (lat, lon)."""
    step = DEGREE * np.diff(field.lat.values[:2])[0]
    wide = step * np.cos(np.radians(field.lat.values.mean()))
    ground = np.nan_to_num(field.values.astype(float))
    along, across = np.gradient(ground, step, wide)
    steep = SLOPE / max(float(np.hypot(along, across).mean()), 1e-12)
    light = LightSource(azdeg=315, altdeg=45)
    return light.hillshade(ground, steep, dx=wide, dy=-step)

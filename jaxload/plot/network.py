"""Where new stations gain most, and which existing ones matter least."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jaxload.plot.base_map import (
    Box,
    box_around,
    draw_cells,
    draw_outline,
    map_panels,
    positions,
)
from jaxload.plot.style import BELIEF, COLOURS, INK, OTHER, arrows_of

__all__ = ["network_plan"]

#: Gains are drawn up to this percentile: beside that of a lone place all others pale.
HIGHEST = 99.5

#: Whose places a map has to show.
KINDS = ("candidate", "station", "chosen")

#: Regions that the title names.
NAMED = 3

#: Nodes of a raster for each candidate, up to which candidates are those of a grid.
SPARSE = 8


def network_plan(
    network: xr.Dataset, outline: Sequence[NDArray[np.float64]] = ()
) -> Figure:
    """Draw the gain of every candidate, the chosen ones and the existing network.

    Args:
      network: With `gain`, `order`, `removal` and the places of candidates, chosen
        stations and existing ones, as the file network.nc has them.
      outline: Rings of lon and lat [degrees], each of shape (vertex, 2).

    Returns:
      The figure.
    """
    figure, (axes,) = map_panels(_box(network))
    dots = _gains(axes, network)
    draw_outline(axes, outline)
    _stations(axes, network)
    _chosen(axes, network)
    arrows = arrows_of(network.gain, dots.get_clim())
    label = "fall of the variance [%]"
    figure.colorbar(dots, ax=axes, label=label, shrink=0.85, extend=arrows)
    axes.set_title(_title(network), fontsize=10)
    axes.legend(loc="best", fontsize=8, framealpha=0.85, edgecolor="none")
    return figure


def _gains(axes: Axes, network: xr.Dataset) -> ScalarMappable:
    """Draw gains as a map where candidates stand on a grid, else as dots."""
    lon, lat = network.candidate_lon.values, network.candidate_lat.values
    gain = network.gain.values
    scale = Normalize(0.0, max(float(np.percentile(gain, HIGHEST)), 1e-9))
    across, column = _axis(lon)
    along, row = _axis(lat)
    if min(len(across), len(along)) < 2 or len(across) * len(along) > SPARSE * len(lon):
        places = positions(axes, lon, lat)
        colours = COLOURS["amplitude"]
        return axes.scatter(*places, c=gain, s=26, cmap=colours, norm=scale)
    field = np.full((len(along), len(across)), np.nan)
    field[row, column] = gain
    cells = xr.DataArray(field, {"lat": along, "lon": across}, ("lat", "lon"))
    return draw_cells(axes, cells, COLOURS["amplitude"], (0.0, float(scale.vmax or 1)))


def _axis(values: NDArray) -> tuple[NDArray, NDArray[np.int64]]:
    """Evenly spaced nodes that hold all values, and the number of each."""
    nodes, number = np.unique(np.round(values, 4), return_inverse=True)
    step = np.min(np.diff(nodes)) if len(nodes) > 1 else 1.0
    number = np.round((nodes - nodes[0]) / step).astype(int)[number]
    return nodes[0] + step * np.arange(number.max() + 1), number


def _stations(axes: Axes, network: xr.Dataset) -> None:
    lon, lat = network.station_lon.values, network.station_lat.values
    there = network.observed_share.values > 0
    x, y = positions(axes, lon, lat)
    axes.plot(
        x[there],
        y[there],
        ".",
        color="white",
        ms=4.5,
        mec=INK,
        mew=0.4,
        label="existing",
        zorder=4,
    )
    if not there.all():
        axes.plot(
            x[~there],
            y[~there],
            "x",
            color=INK,
            ms=3.5,
            mew=0.6,
            label="without data",
            zorder=4,
        )
    least = network.removal.values > 0
    if least.any():
        axes.plot(
            x[least],
            y[least],
            "v",
            color=BELIEF,
            mec=INK,
            mew=0.7,
            ms=7,
            ls="",
            label="matter least",
            zorder=4,
        )


def _chosen(axes: Axes, network: xr.Dataset) -> None:
    """Draw new stations with their numbers, the first on top."""
    places = positions(axes, network.chosen_lon.values, network.chosen_lat.values)
    style = {"color": OTHER, "mec": "white", "mew": 0.9, "ms": 11, "zorder": 5}
    for number, place in reversed(list(enumerate(zip(*places), 1))):
        label = "new, in their order" if number == 1 else None
        axes.plot(*place, "o", label=label, **style)
        axes.annotate(
            str(number),
            place,
            ha="center",
            va="center_baseline",
            fontsize=7,
            fontweight="bold",
            color="white",
            zorder=6,
        )


def _box(network: xr.Dataset) -> Box:
    lon, lat = (
        np.concatenate([network[f"{kind}_{x}"].values for kind in KINDS])
        for x in ("lon", "lat")
    )
    return box_around((lon, lat))


def _title(network: xr.Dataset) -> str:
    """Standard errors of the first regions, now and with the new stations."""
    now, then = network.sd.values, network.sd_planned.isel(chosen=-1).values
    names = list(map(str, network.region.values))
    lines = [
        f"{name}: {before:.2f} to {after:.2f} mm"
        for name, before, after in zip(names, now, then)
    ]
    more = [f"and {len(lines) - NAMED} more"] if len(lines) > NAMED else []
    count = network.sizes["chosen"]
    which = f"with {count} new station{'s' * (count > 1)}"
    heading = f"standard error of a daily mean, {which}"
    return "\n".join([heading, *lines[:NAMED], *more])

"""Where new stations gain most, and which existing ones matter least."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jaxload.plot.style import BELIEF, INK, OTHER, arrows_of, fit_size

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
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    dots = _gains(axes, network)
    for ring in outline:
        axes.plot(*ring.T, color="white", lw=1.8, alpha=0.7)
        axes.plot(*ring.T, color=INK, lw=0.9)
    _stations(axes, network)
    _chosen(axes, network)
    _frame(axes, network)
    fit_size(figure, axes)
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
        return axes.scatter(lon, lat, c=gain, s=26, cmap="viridis", norm=scale)
    field = np.full((len(along), len(across)), np.nan)
    field[row, column] = gain
    return axes.pcolormesh(
        across,
        along,
        field,
        cmap="viridis",
        norm=scale,
        shading="nearest",
        rasterized=True,
    )


def _axis(values: NDArray) -> tuple[NDArray, NDArray[np.int64]]:
    """Evenly spaced nodes that hold all values, and the number of each."""
    nodes, number = np.unique(np.round(values, 4), return_inverse=True)
    step = np.min(np.diff(nodes)) if len(nodes) > 1 else 1.0
    number = np.round((nodes - nodes[0]) / step).astype(int)[number]
    return nodes[0] + step * np.arange(number.max() + 1), number


def _stations(axes: Axes, network: xr.Dataset) -> None:
    lon, lat = network.station_lon.values, network.station_lat.values
    there = network.observed_share.values > 0
    axes.plot(
        lon[there],
        lat[there],
        ".",
        color="white",
        ms=4.5,
        mec=INK,
        mew=0.4,
        label="existing",
    )
    if not there.all():
        axes.plot(
            lon[~there],
            lat[~there],
            "x",
            color=INK,
            ms=3.5,
            mew=0.6,
            label="without data",
        )
    least = network.removal.values > 0
    if least.any():
        axes.plot(
            lon[least],
            lat[least],
            "v",
            color=BELIEF,
            mec=INK,
            mew=0.7,
            ms=7,
            ls="",
            label="matter least",
        )


def _chosen(axes: Axes, network: xr.Dataset) -> None:
    """Draw new stations with their numbers, the first on top."""
    lon, lat = network.chosen_lon.values, network.chosen_lat.values
    for number, place in reversed(list(enumerate(zip(lon, lat), 1))):
        label = "new, in their order" if number == 1 else None
        axes.plot(*place, "o", color=OTHER, mec="white", mew=0.9, ms=11, label=label)
        axes.annotate(
            str(number),
            place,
            ha="center",
            va="center_baseline",
            fontsize=7,
            fontweight="bold",
            color="white",
        )


def _frame(axes: Axes, network: xr.Dataset) -> None:
    lon, lat = (
        np.concatenate([network[f"{kind}_{x}"].values for kind in KINDS])
        for x in ("lon", "lat")
    )
    axes.set_aspect(1 / max(np.cos(np.radians(np.mean(lat))), 0.1))
    axes.set(
        xlim=(lon.min() - 0.5, lon.max() + 0.5),
        ylim=(lat.min() - 0.5, lat.max() + 0.5),
        xlabel="longitude [degrees]",
        ylabel="latitude [degrees]",
    )


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

"""Maps of water."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jaxload.plot.style import INK, arrows_of, fit_size

__all__ = ["map_of", "twin_maps", "weekly_maps"]


def map_of(
    field: xr.DataArray,
    title: str,
    outline: Sequence[NDArray[np.float64]] = (),
    stations: xr.Dataset | None = None,
    colours: str = "viridis",
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Draw one map of water.

    Args:
      field: Values with `units`, dimensions (lat, lon).
      title: What it shows.
      outline: Rings of lon and lat [degrees], each of shape (vertex, 2).
      stations: Dataset with `lon` and `lat` of the stations, to mark them.
      colours: Name of a Matplotlib colour map.
      limits: Ends of the colour scale; nearly all values lie between them by default.

    Returns:
      The figure.
    """
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    first, last = np.nanpercentile(field, [1, 99]) if limits is None else limits
    _draw_map(axes, field, outline, colours, (first, last))
    if stations is not None:
        axes.plot(stations.lon, stations.lat, ".", color=INK, ms=2.5, label="stations")
        axes.legend(loc="lower left", frameon=False)
    axes.set_title(title)
    units = field.attrs.get("units", "")
    arrows = arrows_of(field, (first, last))
    figure.colorbar(
        axes.collections[0], ax=axes, label=units, shrink=0.85, extend=arrows
    )
    fit_size(figure, axes)
    return figure


def _draw_map(
    axes: Axes,
    field: xr.DataArray,
    outline: Sequence[NDArray[np.float64]],
    colours: str,
    limits: tuple[float, float],
) -> None:
    axes.pcolormesh(
        field.lon,
        field.lat,
        field.transpose("lat", "lon"),
        cmap=colours,
        vmin=limits[0],
        vmax=limits[1],
        shading="nearest",
        rasterized=True,
    )
    for ring in outline:
        axes.plot(*ring.T, color=INK, lw=0.9)
    middle = float(field.lat.mean())
    axes.set_aspect(1 / np.cos(np.radians(middle)))
    west, east = float(field.lon.min()), float(field.lon.max())
    south, north = float(field.lat.min()), float(field.lat.max())
    axes.set(
        xlim=(west - 0.5, east + 0.5),
        ylim=(south - 0.5, north + 0.5),
        xlabel="longitude [degrees]",
        ylabel="latitude [degrees]",
    )


def twin_maps(
    truth: xr.DataArray,
    estimate: xr.DataArray,
    stations: xr.Dataset,
    outline: Sequence[NDArray[np.float64]],
) -> Figure:
    """Draw true and estimated water beside each other in one colour scale.

    Args:
      truth: True field with `units` and `long_name`, dimensions (lat, lon).
      estimate: Estimated field, dimensions (lat, lon).
      stations: Dataset with `lon` and `lat`.
      outline: Rings of lon and lat [degrees].

    Returns:
      The figure.
    """
    figure = Figure(figsize=(11.5, 5.2), layout="compressed")
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    top = float(np.nanpercentile(truth, 99))
    for axes, field, title in zip(panels, (truth, estimate), ("truth", "estimate")):
        _draw_map(axes, field, outline, "viridis", (0.0, top))
        axes.plot(stations.lon, stations.lat, ".", color="white", ms=3)
        axes.set_title(f"{truth.attrs.get('long_name', 'annual amplitude')}, {title}")
    west, south = np.min([ring.min(axis=0) for ring in outline], axis=0) - 2.5
    east, north = np.max([ring.max(axis=0) for ring in outline], axis=0) + 2.5
    panels[0].set(xlim=(west, east), ylim=(south, north))
    # Truth and estimate need not lie on the same cells.
    both = np.concatenate([np.ravel(truth), np.ravel(estimate)])
    arrows = arrows_of(both, (0.0, top))
    figure.colorbar(
        panels[0].collections[0], ax=panels, label="mm", shrink=0.85, extend=arrows
    )
    return figure


def weekly_maps(
    water: xr.DataArray,
    outline: Sequence[NDArray[np.float64]],
    count: int = 12,
    epochs: NDArray[np.intp] | None = None,
) -> Figure:
    """Draw water at epochs spread over a record, in one colour scale.

    Args:
      water: Values [mm], dimensions (time, lat, lon).
      outline: Rings of lon and lat [degrees].
      count: Number of maps.
      epochs: Which of the record may be drawn, at least one, shape (epoch,); all if
        not given.

    Returns:
      The figure.
    """
    epochs = np.arange(water.sizes["time"]) if epochs is None else epochs
    count = min(count, len(epochs))
    rows = epochs[np.linspace(0, len(epochs) - 1, count).round().astype(int)]
    across = min(4, count)
    down = -(-count // across)
    figure = Figure(figsize=(3 * across + 0.8, 2.9 * down), layout="compressed")
    panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    drawn = water.isel(time=rows).load()
    top = float(np.nanpercentile(np.abs(drawn), 99))
    for axes, field in zip(panels.flat, drawn):
        _draw_map(axes, field, outline, "RdBu", (-top, top))
        axes.set_title(str(field.time.values)[:10], fontsize=9)
        axes.set(xlabel="", ylabel="")
    for axes in panels.flat[count:]:
        axes.set_visible(False)
    arrows = arrows_of(drawn, (-top, top))
    figure.colorbar(
        panels[0, 0].collections[0], ax=panels, label="mm", shrink=0.8, extend=arrows
    )
    return figure

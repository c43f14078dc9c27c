"""Probabilities of drought, the water balance, and parts of storage."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jaxload.plot.style import (
    BELIEF,
    INK,
    OTHER,
    WATER_COLOUR,
    date_axis,
    legend_above,
    letter_panels,
    span_of,
)

__all__ = ["drought_probability", "storage_parts", "water_balance_series"]

#: Colours of classes of drought, mildest first.
DRY = ("#fbe3a2", "#f2b25c", "#d9722f", "#8c2d04")

#: Of parts of storage.
PARTS = {"snow": "#9fb8d9", "soil": "#8a6d3b", "reservoirs": "#3d8f5f"}

#: Regions up to which panels stand in one column.
ONE_COLUMN = 6

#: Half the width of a band that holds 95% of a normal distribution, in its sd.
BAND = 1.96


def drought_probability(
    index: xr.DataArray, probability: xr.DataArray, limits: Sequence[float]
) -> Figure:
    """Draw the probabilities of classes of drought, with an index above them.

    Args:
      index: Indices of drought [-], dimensions (index, month, region); each is drawn in
        a column.
      probability: Of classes, no drought first, dimensions (index, class, month,
        region).
      limits: The largest index of each class.

    Returns:
      The figure, two panels for each region and index.
    """
    regions, names = (list(map(str, index[x].values)) for x in ("region", "index"))
    # Many regions stand in two columns.
    abreast = 1 if len(regions) <= ONE_COLUMN else 2
    rows, columns = -(-len(regions) // abreast), abreast * len(names)
    size = 1.5 + 4.5 * columns / (1 + 0.2 * (abreast - 1)), 0.8 + 1.9 * rows
    figure = Figure(figsize=size, layout="constrained")
    ratios = [2, 1.3] * rows
    grid = figure.subplots(
        2 * rows, columns, sharex=True, squeeze=False, height_ratios=ratios
    )
    for number, region in enumerate(regions):
        row, side = number % rows, number // rows
        for column, name in enumerate(names):
            at: dict[str, Any] = {"region": region, "index": name}
            above, below = grid[2 * row : 2 * row + 2, side * len(names) + column]
            _draw_index(above, index.sel(at), limits)
            _draw_classes(below, probability.sel(at))
            above.set_title(f"{region}, {_title(name)}", loc="left", fontsize=9)
    for axes in grid.flat:
        axes.set_visible(axes.has_data())
    for column in grid.T:
        [axes for axes in column if axes.get_visible()][-1].tick_params(
            labelbottom=True
        )
    date_axis(grid[0, 0])
    letter_panels([axes for axes in grid[::2].flat if axes.get_visible()])
    legend_above(figure, grid[1, 0])
    return figure


def _title(name: str) -> str:
    return "severity index" if name == "dsi" else f"index over {name}"


def _draw_index(axes: Axes, index: xr.DataArray, limits: Sequence[float]) -> None:
    time, values = index.month.values, index.values
    axes.plot(time, values, color=WATER_COLOUR, lw=1.2)
    axes.fill_between(
        time, values, max(limits), where=values <= max(limits), color=OTHER, alpha=0.6
    )
    for limit in limits:
        axes.axhline(limit, color=INK, lw=0.4, ls=":")
    axes.axhline(0, color=INK, lw=0.4)
    axes.set_ylim(-3, 3)
    axes.set_ylabel("index", fontsize=8)


def _draw_classes(axes: Axes, probability: xr.DataArray) -> None:
    """Stacked probabilities, the driest class at the bottom."""
    month = probability.month.values
    bottom = np.zeros(len(month))
    classes = list(map(str, probability["class"].values))[1:]
    for name, colour in reversed(list(zip(classes, DRY))):
        share = np.nan_to_num(probability.sel({"class": name}).values)
        top = bottom + share
        axes.fill_between(
            month, bottom, top, color=colour, label=name, lw=0, step="mid"
        )
        bottom = top
    axes.set_ylim(0, 1)
    axes.set(xlim=span_of(probability.month.values))
    axes.set_ylabel("probability", fontsize=8)


def water_balance_series(balance: xr.Dataset, scores: Mapping[str, Mapping]) -> Figure:
    """Draw net flux beside storage change.

    Args:
      balance: With ``net_flux``, ``storage_change`` and their ``_sd`` [mm], dimensions
        (month, region).
      scores: `correlation` and `rms_imbalance_mm` by region.

    Returns:
      The figure, a panel for each region with both.
    """
    names = _with_values(balance.net_flux - balance.storage_change)
    figure, panels = _panels(len(names))
    for (axes,), name in zip(panels, names):
        one = balance.sel(region=name)
        _draw_band(axes, one, "storage_change", WATER_COLOUR, "storage change by GNSS")
        _draw_band(axes, one, "net_flux", OTHER, one.net_flux.attrs["long_name"])
        score = scores.get(name, {})
        title = name
        if score.get("correlation") is not None:
            rms = score["rms_imbalance_mm"]
            title += (
                f"   r = {score['correlation']:.2f}, rms of difference {rms:.0f} mm"
            )
        _finish(axes, title, "mm a month")
        axes.set_xlim(*span_of(_known_months(one.net_flux)))
    letter_panels(list(panels.flat))
    legend_above(figure, panels[0, 0])
    return figure


def storage_parts(balance: xr.Dataset) -> Figure:
    """Draw water storage, its parts, and groundwater as what is left.

    Args:
      balance: With ``water`` and ``groundwater`` and their ``_sd``, and parts [mm],
        dimensions (month, region).

    Returns:
      The figure, two panels for each region with groundwater.
    """
    names = _with_values(balance.groundwater)
    figure, panels = _panels(len(names), 2)
    for (above, below), name in zip(panels, names):
        one = balance.sel(region=name)
        _draw_band(above, one, "water", WATER_COLOUR, "water storage by GNSS")
        for part, colour in PARTS.items():
            if part in one:
                _draw_band(above, one, part, colour, part)
        _finish(above, name, "mm")
        _draw_band(below, one, "groundwater", INK, "groundwater")
        _finish(below, f"{name}, groundwater as what is left", "mm")
        above.set_xlim(*span_of(_known_months(one.groundwater)))
        below.set_xlim(*above.get_xlim())
    letter_panels(list(panels.flat))
    legend_above(figure, panels[0, 0])
    return figure


def _panels(count: int, parts: int = 1) -> tuple[Figure, NDArray]:
    """Panels of regions, shape (region, part); in two columns where they are many."""
    columns = 1 if count <= ONE_COLUMN else 2
    rows = -(-count // columns)
    size = 9 + 5 * (columns - 1), 1.2 + 1.8 * parts * rows
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows * parts, columns, squeeze=False)
    order = grid.reshape(rows, parts, columns).transpose(2, 0, 1).reshape(-1, parts)
    for axes in order[count:].flat:
        axes.set_visible(False)
    return figure, order[:count]


def _with_values(field: xr.DataArray) -> list[str]:
    some = np.isfinite(field.transpose("month", "region").values).any(axis=0)
    return list(map(str, field.region.values[some]))


def _known_months(field: xr.DataArray) -> NDArray[np.datetime64]:
    return field.month.values[np.isfinite(field.values)]


def _draw_band(axes: Axes, one: xr.Dataset, name: str, colour: str, label: str) -> None:
    """A series with the band that should hold 95% of the truth."""
    time, values = one.month.values, one[name].values
    half = BAND * np.nan_to_num(one[f"{name}_sd"].values)
    band = BELIEF if colour in (WATER_COLOUR, INK) else colour
    alpha = 0.9 if band == BELIEF else 0.25
    axes.fill_between(time, values - half, values + half, color=band, lw=0, alpha=alpha)
    axes.plot(time, values, color=colour, lw=1.2, label=label)


def _finish(axes: Axes, title: str, unit: str) -> None:
    axes.axhline(0, color=INK, lw=0.4)
    axes.set_title(title, loc="left", fontsize=9)
    axes.set_ylabel(unit)

"""Series of filled cells, and of stations beside their weather."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxload.plot.series import region_panels
from jaxload.plot.style import (
    INK,
    OTHER,
    SEVERAL,
    WATER_COLOUR,
    date_axis,
    legend_above,
    letter_panels,
    span_of,
)

__all__ = ["filled_series", "station_weather"]

#: Half the width of a band that holds 95% of a normal distribution, in its sd.
BAND = 1.96

#: Colour of that band.
BAND_COLOUR = "#c9dde4"


def filled_series(cells: xr.Dataset, titles: Sequence[str]) -> Figure:
    """Draw uplift of cells without a station, as predicted and without loads.

    Args:
      cells: With `displacement` and its standard error `sigma` [mm], dimensions (time,
        cell), and `predicted`, all loads in, where loads were removed.
      titles: Of the cells, shape (cell,).

    Returns:
      The figure, one panel per cell.
    """
    figure, panels = region_panels(len(titles))
    time = cells.time.values
    for number, (axes, title) in enumerate(zip(panels, titles)):
        one = cells.isel(cell=number)
        up, half = one.displacement.values, BAND * one.sigma.values
        style: Any = {"color": BAND_COLOUR, "lw": 0, "label": "95% interval"}
        axes.fill_between(time, up - half, up + half, **style)
        label = "predicted from weather"
        if "predicted" in one:
            axes.plot(time, one.predicted, color=OTHER, lw=1, label=label)
            label = "the same without loads, as inverted"
        axes.plot(time, up, color=WATER_COLOUR, lw=1.2, label=label)
        axes.axhline(0, color=INK, lw=0.4)
        axes.set_title(title, loc="left", fontsize=9)
        axes.set_ylabel("uplift [mm]")
    panels[0].set(xlim=span_of(time))
    letter_panels(panels)
    legend_above(figure, panels[0])
    return figure


def station_weather(stations: xr.Dataset, weather: xr.Dataset) -> Figure:
    """Draw the heights of stations above the weather there.

    Args:
      stations: With `up` [mm], dimensions (time, station), or with `up_cleaned` where
        loads were removed.
      weather: Variables with `long_name` and `units`, dimensions (time, place), at
        stations of these names.

    Returns:
      The figure: a column a station; in the first row heights, below them the weather,
      each with its correlation with the heights.
    """
    heights = stations.get("up_cleaned", stations.up)
    names = [str(name) for name in weather.place.values]
    variables = [str(name) for name in weather.data_vars]
    rows = 1 + len(variables)
    size = 1.2 + (7.8 if len(names) == 1 else 3.9 * len(names)), 0.6 + 1.5 * rows
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows, len(names), squeeze=False, sharex=True)
    for column, name in zip(grid.T, names):
        up = heights.sel(station=name)
        column[0].plot(up.time.values, up.values, color=INK, lw=0.9)
        column[0].axhline(0, color=INK, lw=0.4)
        column[0].set_title(f"{name}, heights", loc="left", fontsize=9)
        for number, (axes, variable) in enumerate(zip(column[1:], variables)):
            series = weather[variable].sel(place=name)
            colour = SEVERAL[number % len(SEVERAL)]
            axes.plot(series.time.values, series.values, color=colour, lw=0.9)
            title = f"{name}, {variable}{_alike(up.values, series.values)}"
            axes.set_title(title, loc="left", fontsize=9)
    _label_rows(list(grid[:, 0]), weather, variables)
    grid[0, 0].set(xlim=span_of(weather.time.values))
    for axes in grid[0, 1:]:
        axes.sharey(grid[0, 0])
    for axes in grid.flat:
        axes.tick_params(labelsize=8)
    date_axis(grid[0, 0])
    letter_panels(list(grid.flat))
    return figure


def _label_rows(
    first: Sequence[Axes], weather: xr.Dataset, variables: Sequence[str]
) -> None:
    first[0].set_ylabel("uplift [mm]", fontsize=8)
    for axes, name in zip(first[1:], variables):
        units = str(weather[name].attrs.get("units", ""))
        axes.set_ylabel(f"{name} [{units}]" if units else name, fontsize=8)


def _alike(up: np.ndarray, weather: np.ndarray) -> str:
    """How well heights and weather go together."""
    both = np.isfinite(up) & np.isfinite(weather)
    if both.sum() < 3 or min(up[both].std(), weather[both].std()) == 0:
        return ""
    return f", r = {np.corrcoef(up[both], weather[both])[0, 1]:.2f}"

"""Series of regions, wells, droughts and components."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jaxload.plot.style import (
    INK,
    OTHER,
    WATER_COLOUR,
    date_axis,
    legend_above,
    letter_panels,
    span_of,
)

__all__ = [
    "comparison",
    "component_series",
    "draw_rain",
    "drought_index",
    "region_panels",
    "region_series",
]

#: Half the width of a band that holds 95% of a normal distribution, in its sd.
BAND = 1.96

#: Colour of that band, which the lines of days do not cover.
BAND_COLOUR = "#e8c66a"

#: Regions up to which panels stand in one column.
ONE_COLUMN = 8

#: Colour of precipitation.
RAIN = "#4a7fb5"


def region_series(
    water: xr.DataArray,
    reference: xr.DataArray | None,
    scores: Mapping[str, Mapping],
    sd: xr.DataArray | None = None,
    monthly: xr.DataArray | None = None,
    rain: xr.DataArray | None = None,
) -> Figure:
    """Draw the mean water of each region, beside a reference where there is one.

    Args:
      water: Daily means [mm], dimensions (time, region).
      reference: Monthly means [mm], dimensions (month, region), with the variable's
        `long_name` for the legend, and `scores` for what the scores are of; None for
        none.
      scores: `pcc` and `rmse_mm` by region, as in a summary.
      sd: Standard error of the daily means [mm], dimensions (time, region), for a band
        that should hold 95% of the truth; None for none.
      monthly: Means of the water over the months of the reference [mm], of its
        dimensions, which the scores are of; a running mean of 31 days if not there.
      rain: Precipitation of months [mm], dimensions (month, region), as bars from
        above; None for none.

    Returns:
      The figure, one panel per region.
    """
    names = [str(name) for name in water.region.values]
    figure, panels = region_panels(len(names))
    for axes, name in zip(panels, names):
        daily = water.sel(region=name)
        if sd is not None:
            half = BAND * sd.sel(region=name)
            axes.fill_between(
                water.time.values,
                daily - half,
                daily + half,
                color=BAND_COLOUR,
                lw=0,
                label="95% interval of an epoch",
            )
        _draw_record(axes, daily, monthly is None)
        if monthly is not None:
            months = _with_gaps(monthly.sel(region=name))
            style = {"color": WATER_COLOUR, "ms": 2.5, "lw": 1.3}
            axes.plot(*months, "o-", label="GNSS, mean of the month", **style)
        title = name
        if reference is not None:
            label = str(reference.attrs.get("long_name", "reference"))
            series = _with_gaps(reference.sel(region=name))
            axes.plot(*series, "o-", color=OTHER, ms=2.5, lw=1, label=label)
            score = scores.get(name, {})
            if score.get("pcc") is not None:
                of_what = f" {reference.attrs.get('scores', '')}".rstrip()
                title += f"   r = {score['pcc']:.2f}{of_what}, {score['months']} months"
        axes.axhline(0, color=INK, lw=0.4)
        axes.set(xlim=span_of(water.time.values))
        axes.set_title(title, loc="left", fontsize=9)
        axes.set_ylabel("mm")
        if rain is not None and name in rain.region.values:
            draw_rain(axes, rain.sel(region=name))
    letter_panels(list(panels))
    legend_above(figure, panels[0])
    return figure


def region_panels(count: int, high: float = 1.7) -> tuple[Figure, list[Axes]]:
    """Make a figure with a panel a region, in two columns where they are many.

    Args:
      count: Number of regions.
      high: Inches that a panel is high.

    Returns:
      The figure, and the axes of the panels.
    """
    columns = 1 if count <= ONE_COLUMN else 2
    rows = -(-count // columns)
    size = 9 + 5 * (columns - 1), 1.2 + high * rows
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, squeeze=False)
    for axes in grid.flat[count:]:
        axes.set_visible(False)
        grid[-2, -1].tick_params(labelbottom=True)
    return figure, list(grid.flat[:count])


def draw_rain(axes: Axes, rain: xr.DataArray) -> None:
    """Draw precipitation as bars from above, over a third of a panel.

    Args:
      axes: Of the panel, with its series drawn.
      rain: Of months [mm], dimension ``month``; it has an axis at the right.
    """
    # Room for them above the series.
    bottom, above = axes.get_ylim()
    axes.set_ylim(bottom, above + (above - bottom) / 3)
    beside = axes.twinx()
    month, values = rain.month.values.astype("M8[D]"), rain.values
    width = np.timedelta64(25, "D")
    label = "precipitation of the month"
    beside.bar(month, values, width=width, color=RAIN, alpha=0.55, lw=0, label=label)
    top = max(float(np.nanmax(values, initial=0)), 1e-9)
    beside.set_ylim(3 * top, 0)
    beside.set_yticks([0, float(f"{top:.1g}")])
    beside.tick_params(labelsize=7, colors=RAIN)
    beside.set_ylabel("rain [mm]", fontsize=7, color=RAIN, loc="top")
    # The series lie over the bars, and the legend of the panel names both.
    axes.set_zorder(beside.get_zorder() + 1)
    axes.patch.set_visible(False)
    axes.fill_between([], [], [], color=RAIN, alpha=0.55, lw=0, label=label)


def _draw_record(axes: Axes, water: xr.DataArray, smoothed: bool) -> None:
    """Days, beside their running mean if set; longer means as they are."""
    time = water.time.values
    if len(time) > 1 and np.median(np.diff(time)) > np.timedelta64(2, "D"):
        axes.plot(time, water, color=WATER_COLOUR, lw=1.3, label="GNSS")
        return
    axes.plot(time, water, color=WATER_COLOUR, lw=0.5, alpha=0.35, label="GNSS, daily")
    if not smoothed:
        return
    smooth = water.rolling(time=31, center=True, min_periods=10).mean()
    axes.plot(time, smooth, color=WATER_COLOUR, lw=1.3, label="GNSS, 31-day mean")


def _with_gaps(series: xr.DataArray) -> tuple[NDArray, NDArray]:
    """Time and values with a break wherever two months are far apart."""
    time, values = series.month.values, series.values
    after = np.flatnonzero(np.diff(time) > np.timedelta64(45, "D")) + 1
    breaks = time[after - 1] + np.timedelta64(15, "D")
    return np.insert(time, after, breaks), np.insert(values, after, np.nan)


def drought_index(index: xr.DataArray, limits: Sequence[float]) -> Figure:
    """Draw the drought severity index of each region.

    Args:
      index: Values [-], dimensions (month, region).
      limits: Below which drought is mild, moderate and so on.

    Returns:
      The figure, one panel per region.
    """
    names = list(map(str, index.region.values))
    figure, panels = region_panels(len(names), 1.6)
    top = 1.1 * max(float(np.nanmax(np.abs(index.values), initial=0)), 2.0)
    for axes, name in zip(panels, names):
        values = index.sel(region=name).values
        colours = np.where(values < max(limits), OTHER, WATER_COLOUR)
        # Widths count in the unit of the dates.
        month = index.month.values.astype("M8[D]")
        axes.bar(month, values, width=np.timedelta64(25, "D"), color=colours)
        for limit in limits:
            axes.axhline(limit, color=INK, lw=0.5, ls=":")
        axes.axhline(0, color=INK, lw=0.4)
        axes.set_title(name, loc="left", fontsize=9)
        axes.set_ylabel("index")
        axes.set_ylim(-top, top)
    letter_panels(list(panels))
    return figure


def comparison(
    ours: xr.DataArray,
    theirs: xr.DataArray,
    titles: Mapping[str, str],
    shifts: Mapping[str, int] | None = None,
) -> Figure:
    """Draw series at some places beside references.

    Args:
      ours: Groundwater [mm], dimensions (time, place), any names.
      theirs: The same by another observation, same dimensions, with `long_name`.
      titles: By the name of each place that is drawn.
      shifts: Entries by which theirs follow ours at each place, to draw them moved too.

    Returns:
      The figure, one panel per place.
    """
    figure = Figure(figsize=(9, 1.2 + 1.7 * len(titles)), layout="constrained")
    panels = np.atleast_1d(figure.subplots(len(titles), 1, sharex=True))
    place, label = str(ours.dims[1]), str(theirs.attrs.get("long_name", "other"))
    time = ours[ours.dims[0]].values
    for axes, (name, title) in zip(panels, titles.items()):
        one, other = (x.sel({place: name}).values for x in (ours, theirs))
        axes.plot(time, one, color=WATER_COLOUR, lw=1.3, label="GNSS")
        shift = shifts[name] if shifts else 0
        style = {"color": OTHER, "ms": 2.5, "lw": 1}
        axes.plot(time, other, "o:" if shift else "o-", **style, label=label)
        if shift:
            moved = np.append(other[shift:], np.full(shift, np.nan))
            axes.plot(time, moved, "-", **style, label=f"{label}, moved to fit")
        axes.axhline(0, color=INK, lw=0.4)
        axes.set_title(title, loc="left", fontsize=9)
        axes.set_ylabel("mm")
        axes.set_xlim(*span_of(time))
    letter_panels(list(panels))
    legend_above(figure, panels[0])
    return figure


def component_series(components: Mapping[str, xr.DataArray], title: str = "") -> Figure:
    """Draw the components that series were decomposed into, one below the other.

    Args:
      components: By the name of each series, with `units`, dimensions (component,
        time), the components named.
      title: Of what place.

    Returns:
      The figure: a column a series, a panel a component with its share of the sum of
      their variances.
    """
    count = max(parts.sizes["component"] for parts in components.values())
    size = 1.8 + (7.2 if len(components) == 1 else 4.6 * len(components))
    figure = Figure(figsize=(size, 0.9 + 1.1 * count), layout="constrained")
    grid = figure.subplots(count, len(components), sharex=True, squeeze=False)
    for column, (series, parts) in zip(grid.T, components.items()):
        parts = parts.transpose("component", "time")
        values = parts.values.astype(float)
        variance = np.nanvar(values, axis=1)
        share = 100 * variance / max(float(variance.sum()), 1e-300)
        units = str(parts.attrs.get("units", ""))
        for number, axes in enumerate(column):
            if number >= len(values):
                axes.set_visible(False)
                continue
            axes.plot(parts.time.values, values[number], color=WATER_COLOUR, lw=0.9)
            axes.axhline(0, color=INK, lw=0.4)
            name = str(parts.component.values[number])
            text = f"{series}, {name}, {share[number]:.0f}% of the variance"
            axes.set_title(text, loc="left", fontsize=9)
            axes.set_ylabel("" if units == "1" else units, fontsize=8)
        column[len(values) - 1].tick_params(labelbottom=True)
        column[0].set_xlim(*span_of(parts.time.values))
    date_axis(grid[0, 0])
    letter_panels([axes for axes in grid.flat if axes.get_visible()])
    if title:
        figure.suptitle(title, fontsize=10)
    return figure

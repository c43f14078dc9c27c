"""Records of stations: when they observe, how well they are predicted, their range."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from jaxload.plot.base_map import (
    add_map,
    box_around,
    draw_dots,
    draw_outline,
    map_panels,
    positions,
)
from jaxload.plot.style import (
    COLOURS,
    INK,
    OTHER,
    WATER_COLOUR,
    add_scale,
    legend_above,
    letter_panels,
    span_of,
    spread_limits,
)

__all__ = [
    "availability",
    "filled_cells",
    "left_out_maps",
    "left_out_scores",
    "load_amplitudes",
    "mean_over_stations",
    "station_score_maps",
    "yearly_range",
]

Outline = Sequence[NDArray[np.float64]]

#: Stations up to which each has a line with its name.
NAMED = 40

#: Intervals of time of an image of availability, at most.
INTERVALS = 400

#: Limits of classes of correlation.
CLASSES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def availability(stations: xr.Dataset) -> Figure:
    """Draw when each station observes, and how many do.

    Args:
      stations: With `up` [mm], dimensions (time, station); NaN where there is nothing.

    Returns:
      The figure: the share of epochs with a height by station and interval of time,
      stations in the order of their first heights, and their number below.
    """
    up = stations.up.transpose("time", "station")
    seen, time = np.isfinite(up.values), up.time.values
    first = np.where(seen.any(axis=0), seen.argmax(axis=0), len(time))
    order = np.argsort(first, kind="stable")
    start = np.linspace(0, len(time), min(INTERVALS, len(time)) + 1).astype(int)[:-1]
    counts = np.diff(np.append(start, len(time)))
    share = np.add.reduceat(seen[:, order].astype(float), start, axis=0)
    share = 100 * share / counts[:, None]
    height = min(2.6 + 0.16 * len(order), 7.5)
    figure = Figure(figsize=(9, height), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    edges = np.append(time[start], time[-1] + np.timedelta64(1, "D"))
    rows = np.arange(len(order) + 1) - 0.5
    style = {"cmap": "Greens", "vmin": 0, "vmax": 100, "rasterized": True}
    above.pcolormesh(edges, rows, share.T, **style)
    above.set_ylim(len(order) - 0.5, -0.5)
    if len(order) <= NAMED:
        names = [str(name) for name in up.station.values[order]]
        above.set_yticks(range(len(order)), names, fontsize=6)
    above.set_ylabel("station" if len(order) > NAMED else "")
    total = 100 * seen.mean()
    title = f"{len(order)} stations, {total:.0f}% of their epochs observed"
    above.set_title(title, loc="left")
    below.plot(time, seen.sum(axis=1), color=WATER_COLOUR, lw=0.9)
    below.set_ylim(bottom=0)
    below.set(ylabel="stations", xlim=span_of(time))
    below.set_title("stations with a height", loc="left")
    below.grid(alpha=0.25, lw=0.5)
    letter_panels([above, below])
    add_scale(figure, above, share, "epochs observed [%]")
    return figure


def left_out_maps(stations: xr.Dataset, outline: Outline = ()) -> Figure:
    """Draw correlation and error of each station's prediction from the others.

    Args:
      stations: With `lon`, `lat`, `up` and `leave_one_out_residual` [mm], dimensions
        (time, station).
      outline: Rings of lon and lat [degrees], each of shape (vertex, 2).

    Returns:
      The figure: maps of correlation and root mean square error, and below them the
      shares of stations in classes of both.
    """
    return station_score_maps(stations, *left_out_scores(stations), outline)


def station_score_maps(
    stations: xr.Dataset, pcc: ArrayLike, rmse: ArrayLike, outline: Outline = ()
) -> Figure:
    """Draw correlation and error of predictions of stations, with their shares.

    Args:
      stations: With `lon` and `lat` [degrees], dimension ``station``.
      pcc: Correlation with the heights [-], shape (station,); NaN if unknown.
      rmse: Root mean square error [mm], shape (station,).
      outline: Rings of lon and lat [degrees], each of shape (vertex, 2).

    Returns:
      The figure: a map of each, and below them the shares of stations in classes.
    """
    pcc, rmse = np.asarray(pcc, float), np.asarray(rmse, float)
    rings = [(ring[:, 0], ring[:, 1]) for ring in outline]
    box = box_around((stations.lon.values, stations.lat.values), *rings)
    figure = Figure(figsize=(10.5, 7.6), layout="constrained")
    cells = figure.add_gridspec(2, 2, height_ratios=[2.2, 1])
    maps = [add_map(figure, cells[0, n], box, (n == 0, True)) for n in (0, 1)]
    bars = [figure.add_subplot(cells[1, n]) for n in (0, 1)]
    top = max(spread_limits(rmse)[1], 1e-6)
    errors = np.asarray(MaxNLocator(len(CLASSES)).tick_values(0.0, top))
    classes = np.array(CLASSES), errors[errors >= 0]
    names = ("correlation", "root mean square error [mm]")
    scales = ((0.0, 1.0), (0.0, top))
    for n, (values, name) in enumerate(zip((pcc, rmse), names)):
        colours = COLOURS["score" if n == 0 else "error"]
        draw_dots(maps[n], (stations.lon, stations.lat), values, (colours, scales[n]))
        draw_outline(maps[n], outline)
        short = name.removesuffix(" [mm]")
        middle = f"{np.nanmedian(values):.2f}"
        maps[n].set_title(f"{short}, median {middle}{' mm' if n else ''}")
        add_scale(figure, maps[n], values, name)
        _draw_shares(bars[n], values, classes[n], name)
    letter_panels([*maps, *bars])
    return figure


def left_out_scores(
    stations: xr.Dataset,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Score the prediction of each station from the others.

    Args:
      stations: With `up` and `leave_one_out_residual` [mm], dimensions (time, station).

    Returns:
      Correlation and root mean square error [mm], shape (station,); NaN where there are
      fewer than three epochs.
    """
    up = stations.up.transpose("time", "station").values.astype(float)
    left = stations.leave_one_out_residual.transpose("time", "station").values
    both = np.isfinite(up) & np.isfinite(left)
    count = both.sum(axis=0)
    enough = np.where(count > 2, count, np.nan)
    one, other = (np.where(both, x, 0.0) for x in (up, up - left))
    mean = lambda values: np.where(both, values, 0.0).sum(axis=0) / enough
    one, other = one - mean(one), other - mean(other)
    with np.errstate(invalid="ignore", divide="ignore"):
        pcc = mean(one * other) / np.sqrt(mean(one**2) * mean(other**2))
    return pcc, np.sqrt(mean(left.astype(float) ** 2))


def _draw_shares(
    axes: Axes, values: NDArray[np.float64], classes: NDArray, name: str
) -> None:
    """Bars of the shares of stations between limits, those outside at the ends."""
    known = values[np.isfinite(values)]
    inside = np.clip(known, classes[0], np.nextafter(classes[-1], 0))
    share = 100 * np.histogram(inside, classes)[0] / max(len(known), 1)
    places = np.arange(len(share))
    bars = axes.bar(places, share, color=WATER_COLOUR, width=0.8)
    axes.bar_label(bars, [f"{x:.0f}%" for x in share], fontsize=8)
    texts = [f"{a:.2g} to {b:.2g}" for a, b in itertools.pairwise(classes)]
    if (known < classes[0]).any():
        texts[0] = f"below {classes[1]:.2g}"
    if (known > classes[-1]).any():
        texts[-1] = f"over {classes[-2]:.2g}"
    axes.set_xticks(places, texts, fontsize=7)
    axes.set_ylim(0, 1.2 * max(share.max(initial=0), 1))
    axes.set(xlabel=name, ylabel="stations [%]", title="share of the stations")


def mean_over_stations(
    observed: xr.DataArray, simulated: xr.DataArray, label: str = "simulated"
) -> Figure:
    """Draw the mean over stations of observed and simulated uplift.

    Args:
      observed: Uplift [mm], dimensions (time, station); NaN if missing.
      simulated: The same of a prediction that has not seen each station.
      label: What it is called.

    Returns:
      The figure: means over the stations and epochs with both, and their difference.
    """
    both = observed.notnull() & simulated.notnull()
    one, other = (x.where(both).mean("station").values for x in (observed, simulated))
    known = np.isfinite(one)
    pcc = np.corrcoef(one[known], other[known])[0, 1] if known.sum() > 2 else np.nan
    rmse = np.sqrt(np.nanmean((one - other) ** 2)) if known.any() else np.nan
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    time = observed.time.values
    above.plot(time, one, color=INK, lw=1, label="observed")
    above.plot(time, other, color=OTHER, lw=1, label=label)
    count = int(both.any("time").sum())
    text = (
        f"mean uplift of {count} stations, r = {pcc:.2f}, rms difference {rmse:.2f} mm"
    )
    above.set_title(text, loc="left")
    below.plot(time, one - other, color=WATER_COLOUR, lw=0.8)
    below.set_title(f"observed minus {label}", loc="left")
    for axes in (above, below):
        axes.axhline(0, color=INK, lw=0.4)
        axes.set_ylabel("mm")
    below.set_xlim(*span_of(time))
    letter_panels([above, below])
    legend_above(figure, above)
    return figure


def yearly_range(
    up: xr.DataArray, outline: Outline = (), label: str = "range of heights"
) -> Figure:
    """Draw the difference of the largest and smallest height of each year.

    Args:
      up: Heights [mm] with `lon` and `lat`, dimensions (time, station).
      outline: Rings of lon and lat [degrees].
      label: What it is of.

    Returns:
      The figure, a map a year; stations with fewer than half of a year's epochs are
      crosses.
    """
    up = up.transpose("time", "station")
    year = up.time.values.astype("M8[Y]").astype(int) + 1970
    years = [y for y in np.unique(year) if np.isfinite(up.values[year == y]).any()]
    ranges = []
    for one in years:
        values = up.values[year == one].astype(float)
        known = np.isfinite(values)
        top = np.where(known, values, -np.inf).max(axis=0)
        bottom = np.where(known, values, np.inf).min(axis=0)
        enough = known.mean(axis=0) >= 0.5
        ranges.append(
            np.subtract(top, bottom, where=enough, out=np.full_like(top, np.nan))
        )
    rings = [(ring[:, 0], ring[:, 1]) for ring in outline]
    figure, panels = map_panels(
        box_around((up.lon.values, up.lat.values), *rings), len(years)
    )
    limits = 0.0, spread_limits(ranges)[1]
    for axes, one, values in zip(panels, years, ranges):
        draw_dots(axes, (up.lon, up.lat), values, (COLOURS["amplitude"], limits))
        draw_outline(axes, outline)
        axes.set_title(str(one), fontsize=9)
    letter_panels(panels)
    add_scale(figure, panels, ranges, f"{label} [mm]")
    return figure


def load_amplitudes(
    amplitudes: Mapping[str, xr.DataArray],
    outline: Outline = (),
    label: str = "annual amplitude [mm]",
) -> Figure:
    """Draw annual amplitudes at stations, such as of the displacement by each load.

    Args:
      amplitudes: By the name of each load, amplitude [mm] with `lon` and `lat`,
        dimension ``station``.
      outline: Rings of lon and lat [degrees].
      label: What they are.

    Returns:
      The figure, a map a load, each with its mean over the stations and a colour scale
      of its own.
    """
    first = next(iter(amplitudes.values()))
    rings = [(ring[:, 0], ring[:, 1]) for ring in outline]
    box = box_around((first.lon.values, first.lat.values), *rings)
    figure, panels = map_panels(box, len(amplitudes), 3)
    for axes, (name, values) in zip(panels, amplitudes.items()):
        scale = COLOURS["amplitude"], spread_limits(values)
        draw_dots(axes, (values.lon.values, values.lat.values), values.values, scale)
        draw_outline(axes, outline)
        axes.set_title(f"{name}, mean {float(values.mean()):.2f} mm")
        add_scale(figure, axes, values, label)
    letter_panels(panels)
    return figure


def filled_cells(rows: xr.Dataset, outline: Outline = ()) -> Figure:
    """Draw stations, and cells without one that were filled.

    Args:
      rows: With `row_lon` and `row_lat` [degrees] and `is_virtual`, dimension ``row``.
      outline: Rings of lon and lat [degrees].

    Returns:
      The figure.
    """
    lon, lat = rows.row_lon.values, rows.row_lat.values
    virtual = rows.is_virtual.values.astype(bool)
    rings = [(ring[:, 0], ring[:, 1]) for ring in outline]
    figure, (axes,) = map_panels(box_around((lon, lat), *rings))
    x, y = positions(axes, lon, lat)
    draw_outline(axes, outline)
    for some, mark, colour, size, label in (
        (virtual, "s", OTHER, 2.6, "cells without a station, filled"),
        (~virtual, "o", INK, 3.4, "stations"),
    ):
        label = f"{int(some.sum())} {label}"
        style = {"ls": "", "color": colour, "ms": size, "label": label, "zorder": 4}
        axes.plot(x[some], y[some], mark, **style)
    axes.set_title("stations, and cells without one", fontsize=10)
    axes.legend(loc="best", fontsize=8, framealpha=0.8, edgecolor="none")
    return figure

"""Figures of stations: how they are fitted, what loads move them."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jaxload.plot.base_map import (
    Box,
    add_map,
    box_around,
    draw_dots,
    draw_outline,
    map_panels,
    positions,
)
from jaxload.plot.style import (
    BELIEF,
    COLOURS,
    INK,
    OTHER,
    WATER_COLOUR,
    add_scale,
    legend_above,
    letter_panels,
    span_of,
)

__all__ = ["mean_loads", "screening", "station_fit", "station_loads"]

#: Colours of loads.
LOADS = ["#7a5195", "#3f7f4c", "#2f7fc1", "#c98a1b"]


def station_fit(stations: xr.Dataset, outline: Sequence[NDArray[np.float64]]) -> Figure:
    """Draw how well each station is predicted by the others.

    Args:
      stations: Dataset with `up` and `leave_one_out_residual` [mm], dimensions
        (time, station); without the latter `predicted` is taken, which has seen the
        station.
      outline: Rings of lon and lat [degrees].

    Returns:
      The figure: share of each station's variance that is explained.
    """
    left, title = _unexplained(stations)
    explained = 1 - (left**2).mean("time") / (stations.up**2).mean("time")
    box = _box_of_stations(stations.lon, stations.lat, outline)
    figure, (axes,) = map_panels(box)
    scale = COLOURS["score"], (0.0, 100.0)
    places = stations.lon.values, stations.lat.values
    draw_dots(axes, places, 100 * explained.values, scale)
    draw_outline(axes, outline)
    axes.set_title(title, fontsize=10)
    add_scale(figure, axes, 100 * explained, "%")
    return figure


def _box_of_stations(
    lon: xr.DataArray, lat: xr.DataArray, outline: Sequence[NDArray[np.float64]]
) -> Box:
    rings = [(ring[:, 0], ring[:, 1]) for ring in outline]
    return box_around((lon.values, lat.values), *rings)


def _unexplained(stations: xr.Dataset) -> tuple[xr.DataArray, str]:
    if "leave_one_out_residual" in stations:
        title = "variance predicted from the other stations"
        return stations.leave_one_out_residual, title
    left = stations.up - stations.predicted
    return left, "variance explained by the water, station included"


def station_loads(stations: xr.Dataset, names: Sequence[str]) -> Figure:
    """Draw heights and what known loads do to them.

    Args:
      stations: Dataset with `up_cleaned` and ``load_<name>`` [mm], dimensions (time,
        station), and `up_observed` where heights were reconstructed.
      names: Stations to draw, one panel each.

    Returns:
      The figure.
    """
    loads = [n for n in map(str, stations.data_vars) if n.startswith("load_")]
    figure = Figure(figsize=(9, 1.2 + 1.9 * len(names)), layout="constrained")
    panels = np.atleast_1d(figure.subplots(len(names), 1, sharex=True))
    for axes, name in zip(panels, names):
        one = stations.sel(station=name)
        time = one.time.values
        if "up_observed" in one:
            axes.plot(time, one.up_observed, ".", color=BELIEF, ms=3.5, label="heights")
        label = "reconstructed" if "up_observed" in one else "heights"
        axes.plot(time, one.up_cleaned, color=INK, lw=1.4, label=label)
        for load, colour in zip(loads, LOADS * len(loads)):
            if load != "load_total":
                axes.plot(
                    time,
                    one[load],
                    color=colour,
                    lw=1,
                    label=load.removeprefix("load_"),
                )
        axes.set_title(name, loc="left", fontsize=9)
        axes.set_ylabel("mm")
        axes.axhline(0, color=INK, lw=0.4)
        axes.set_xlim(*span_of(time))
    letter_panels(list(panels))
    legend_above(figure, panels[0])
    return figure


def mean_loads(stations: xr.Dataset) -> Figure:
    """Draw the mean over stations of heights before and after loads are removed.

    Args:
      stations: Dataset with `up_cleaned` and ``load_<name>`` [mm], dimensions (time,
        station), `load_total` among them.

    Returns:
      The figure: heights before and after, and below them the loads; means over the
      stations that have a height at an epoch.
    """
    seen = stations.up_cleaned.notnull()
    mean = lambda values: values.where(seen).mean("station").values
    before = mean(stations.up_cleaned)
    after = mean(stations.up_cleaned - stations.load_total)
    time = stations.time.values
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, sharey=True)
    for values, colour, label in (
        (before, INK, "heights"),
        (after, WATER_COLOUR, "heights without the loads"),
    ):
        about = values - np.nanmean(values)
        above.plot(time, about, color=colour, lw=1.1, label=label)
    spread = [float(np.nanstd(x)) for x in (before, after)]
    above.set_title(
        f"mean of {seen.any('time').values.sum()} stations, standard deviation "
        f"{spread[0]:.1f} mm before, {spread[1]:.1f} mm after",
        loc="left",
        fontsize=9,
    )
    loads = [n for n in map(str, stations.data_vars) if n.startswith("load_")]
    parts = [n for n in loads if n != "load_total"] or loads
    for load, colour in zip(parts, LOADS * len(parts)):
        values = mean(stations[load])
        label = load.removeprefix("load_")
        below.plot(time, values - np.nanmean(values), color=colour, lw=1.1, label=label)
    below.set_title("displacement by the loads", loc="left", fontsize=9)
    for axes in (above, below):
        axes.axhline(0, color=INK, lw=0.4)
        axes.set_ylabel("mm")
        axes.set_xlim(*span_of(time))
        axes.legend(loc="best", ncols=3, frameon=False, fontsize=8)
    letter_panels([above, below])
    return figure


#: What stations are screened by, their axes, and the limits' name as attributes.
SCREENED = {
    "rate_z": "rate",
    "amplitude_z": "annual amplitude",
    "scatter_z": "slow scatter",
    "season_z": "annual term",
    "grace_z": "annual term against GRACE",
}


def screening(
    stations: xr.Dataset, outline: Sequence[NDArray[np.float64]] = ()
) -> Figure:
    """Draw where stations are screened, and how far each is from its neighbours.

    Args:
      stations: With `lon`, `lat`, `suspect` and scores by the names of `SCREENED`, each
        with its `limit`, of dimension ``candidate``.
      outline: Rings of lon and lat [degrees], each of shape (vertex, 2).

    Returns:
      A map of the stations, the suspects named; and beside it the scores.
    """
    figure = Figure(figsize=(11, 4.8), layout="constrained")
    cells = figure.add_gridspec(1, 2)
    box = _box_of_stations(stations.candidate_lon, stations.candidate_lat, outline)
    place = add_map(figure, cells[0, 0], box, (True, True))
    scores = figure.add_subplot(cells[0, 1])
    draw_outline(place, outline)
    bad = stations.suspect.values.astype(bool)
    x, y = positions(place, stations.candidate_lon, stations.candidate_lat)
    for some, mark, size, colour, label in (
        (~bad, "o", 3, WATER_COLOUR, "like their neighbours"),
        (bad, "D", 5, OTHER, "suspect"),
    ):
        label = f"{np.sum(some)} {label}"
        style = {"color": colour, "markersize": size, "label": label, "zorder": 4}
        place.plot(x[some], y[some], mark, **style)
    for at, name in zip(zip(x[bad], y[bad]), stations.candidate.values[bad]):
        place.annotate(
            str(name), at, textcoords="offset points", xytext=(4, 4), fontsize=7
        )
    place.legend(loc="best", fontsize=8, framealpha=0.8, edgecolor="none")
    there = {name: label for name, label in SCREENED.items() if name in stations}
    for row, name in enumerate(there):
        values = np.abs(stations[name].values)
        known = np.isfinite(values)
        shown = np.clip(values / stations[name].attrs["limit"], 1e-2, None)
        for some, colour in ((known & ~bad, WATER_COLOUR), (known & bad, OTHER)):
            scores.plot(
                shown[some], np.full(some.sum(), row), "|", color=colour, markersize=16
            )
    scores.axvline(1, color=INK, linewidth=0.8)
    scores.set_xscale("log")
    scores.set_yticks(range(len(there)), there.values())
    scores.set(xlabel="distance from the neighbours over its limit [-]")
    scores.set_ylim(len(there) - 0.5, -0.5)
    letter_panels([place, scores])
    return figure

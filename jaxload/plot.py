"""Figures of a study, from datasets as `pipeline` makes them."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "beta_curve",
    "comparison",
    "drought_index",
    "l_curve",
    "learning_curves",
    "map_of",
    "region_series",
    "station_fit",
    "station_loads",
    "twin_maps",
    "weekly_maps",
]

WATER = "#1f6f8b"
OTHER = "#d1603d"
INK = "#333333"
BELIEF = "#e3d9b8"

#: Colours of loads.
LOADS = ["#7a5195", "#3f7f4c", "#2f7fc1", "#c98a1b"]

#: Members of an ensemble up to which each has a colour of its own.
FEW = 6

#: Parts of a training, by how the names of their curves end.
PARTS = {"_alone": "by itself", "": "through the inversion"}

#: Half the width of a band that holds 95% of a normal distribution, in its sd.
BAND = 1.96


def map_of(
    field: xr.DataArray,
    title: str,
    outline: Sequence[NDArray[np.float64]] = (),
    stations: xr.Dataset | None = None,
    colours: str = "viridis",
) -> Figure:
    """Draw one map of water.

    Args:
      field: Values with `units`, dimensions (lat, lon).
      title: What it shows.
      outline: Rings of lon and lat [degrees], each of shape (vertex, 2).
      stations: Dataset with `lon` and `lat` of the stations, to mark them.
      colours: Name of a Matplotlib colour map.

    Returns:
      The figure.
    """
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    limits = np.nanpercentile(field, [1, 99])
    _draw_map(axes, field, outline, colours, (limits[0], limits[1]))
    if stations is not None:
        axes.plot(stations.lon, stations.lat, ".", color=INK, ms=2.5, label="stations")
        axes.legend(loc="lower left", frameon=False)
    axes.set_title(title)
    units = field.attrs.get("units", "")
    figure.colorbar(axes.collections[0], ax=axes, label=units, shrink=0.85)
    _fit_size(figure, axes)
    return figure


def _fit_size(figure: Figure, axes: Axes) -> None:
    """Leave no more room around a map than words and its scale need."""
    (west, east), (south, north) = axes.get_xlim(), axes.get_ylim()
    shape = float(axes.get_aspect()) * (north - south) / (east - west)
    across = min(5.5, 8 / shape)
    figure.set_size_inches(max(across + 1.7, 5), max(across * shape + 1.1, 3))


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


def region_series(
    water: xr.DataArray,
    reference: xr.DataArray | None,
    scores: Mapping[str, Mapping],
    sd: xr.DataArray | None = None,
) -> Figure:
    """Draw the mean water of each region, beside a reference where there is one.

    Args:
      water: Daily means [mm], dimensions (time, region).
      reference: Monthly means [mm], dimensions (month, region), with the variable's
        `long_name` for the legend; None for none.
      scores: `pcc` and `rmse_mm` by region, as in a summary.
      sd: Standard error of the daily means [mm], dimensions (time, region), for a band
        that should hold 95% of the truth; None for none.

    Returns:
      The figure, one panel per region.
    """
    names = [str(name) for name in water.region.values]
    figure = Figure(figsize=(9, 1.2 + 1.7 * len(names)), layout="constrained")
    panels = np.atleast_1d(figure.subplots(len(names), 1, sharex=True))
    for axes, name in zip(panels, names):
        daily = water.sel(region=name)
        if sd is not None:
            half = BAND * sd.sel(region=name)
            axes.fill_between(
                water.time.values,
                daily - half,
                daily + half,
                color=BELIEF,
                lw=0,
                label="95% interval of an epoch",
            )
        _draw_record(axes, daily)
        title = name
        if reference is not None:
            label = str(reference.attrs.get("long_name", "reference"))
            series = _with_gaps(reference.sel(region=name))
            axes.plot(*series, "o-", color=OTHER, ms=2.5, lw=1, label=label)
            score = scores.get(name, {})
            if score.get("pcc") is not None:
                title += f"   r = {score['pcc']:.2f}, {score['months']} months"
        axes.axhline(0, color=INK, lw=0.4)
        axes.set_xlim(*_span(water.time.values))
        axes.set_title(title, loc="left", fontsize=9)
        axes.set_ylabel("mm")
    _legend_above(figure, panels[0])
    return figure


def _draw_record(axes: Axes, water: xr.DataArray) -> None:
    """Days beside their running mean; longer means as they are."""
    time = water.time.values
    if len(time) > 1 and np.median(np.diff(time)) > np.timedelta64(2, "D"):
        axes.plot(time, water, color=WATER, lw=1.3, label="GNSS")
        return
    axes.plot(time, water, color=WATER, lw=0.5, alpha=0.35, label="GNSS, daily")
    smooth = water.rolling(time=31, center=True, min_periods=10).mean()
    axes.plot(time, smooth, color=WATER, lw=1.3, label="GNSS, 31-day mean")


def _span(time: NDArray[np.datetime64]) -> tuple[np.datetime64, np.datetime64]:
    """From the first to the last day, with room for a series of one."""
    room = np.timedelta64(12, "h")
    return time[0] - room, time[-1] + room


def _with_gaps(series: xr.DataArray) -> tuple[NDArray, NDArray]:
    """Time and values with a break wherever two months are far apart."""
    time, values = series.month.values, series.values
    after = np.flatnonzero(np.diff(time) > np.timedelta64(45, "D")) + 1
    breaks = time[after - 1] + np.timedelta64(15, "D")
    return np.insert(time, after, breaks), np.insert(values, after, np.nan)


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
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    for ring in outline:
        axes.plot(*ring.T, color=INK, lw=0.9)
    dots = axes.scatter(
        stations.lon,
        stations.lat,
        c=100 * explained,
        s=22,
        cmap="viridis",
        vmin=0,
        vmax=100,
        edgecolors=INK,
        linewidths=0.3,
    )
    axes.set_aspect(1 / np.cos(np.radians(float(stations.lat.mean()))))
    axes.set(title=title, xlabel="longitude [degrees]", ylabel="latitude [degrees]")
    figure.colorbar(dots, ax=axes, label="%", shrink=0.85, extend="min")
    _fit_size(figure, axes)
    return figure


def _unexplained(stations: xr.Dataset) -> tuple[xr.DataArray, str]:
    if "leave_one_out_residual" in stations:
        title = "variance predicted from the other stations"
        return stations.leave_one_out_residual, title
    left = stations.up - stations.predicted
    return left, "variance explained by the water, station included"


def beta_curve(betas: ArrayLike, values: ArrayLike, best: float, name: str) -> Figure:
    """Draw the criterion by which the weight of the prior was chosen.

    Args:
      betas: Weights, shape (beta,).
      values: Criterion, shape (beta,).
      best: The one that was taken.
      name: What the criterion is, with its units.

    Returns:
      The figure.
    """
    figure = Figure(figsize=(6, 3.8), layout="constrained")
    axes = figure.subplots()
    axes.semilogx(betas, values, "o-", color=WATER, ms=3.5, lw=1.2)
    axes.axvline(best, color=OTHER, lw=1, label=f"beta = {best:.3g}")
    axes.set(xlabel="beta", ylabel=name)
    axes.legend(frameon=False)
    axes.grid(alpha=0.25, lw=0.5)
    return figure


def l_curve(
    betas: ArrayLike, misfit: ArrayLike, norm: ArrayLike, best: float
) -> Figure:
    """Draw what a rougher solution gains in fit, and the corner that was taken.

    Args:
      betas: Weights, ascending, shape (beta,).
      misfit: Norm of the misfit at each [sigma], shape (beta,).
      norm: Norm of the solution at each, shape (beta,).
      best: The weight that was taken.

    Returns:
      The figure.
    """
    figure = Figure(figsize=(6, 3.8), layout="constrained")
    axes = figure.subplots()
    axes.loglog(misfit, norm, "o-", color=WATER, ms=3.5, lw=1.2)
    at = [
        np.exp(np.interp(np.log(best), np.log(betas), np.log(values)))
        for values in (misfit, norm)
    ]
    axes.plot(*at, "o", color=OTHER, ms=8, mfc="none", label=f"beta = {best:.3g}")
    axes.set(xlabel="norm of the misfit [sigma]", ylabel="norm of the solution")
    axes.legend(frameon=False)
    axes.grid(alpha=0.25, lw=0.5, which="both")
    return figure


def twin_maps(
    truth: xr.DataArray,
    estimate: xr.DataArray,
    stations: xr.Dataset,
    outline: Sequence[NDArray[np.float64]],
) -> Figure:
    """Draw true and estimated water beside each other in one colour scale.

    Args:
      truth: True field with `units`, dimensions (lat, lon).
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
        axes.set_title(f"annual amplitude, {title}")
    west, south = np.min([ring.min(axis=0) for ring in outline], axis=0) - 2.5
    east, north = np.max([ring.max(axis=0) for ring in outline], axis=0) + 2.5
    panels[0].set(xlim=(west, east), ylim=(south, north))
    figure.colorbar(panels[0].collections[0], ax=panels, label="mm", shrink=0.85)
    return figure


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
        axes.set_xlim(*_span(time))
    _legend_above(figure, panels[0])
    return figure


def _legend_above(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside upper right", ncols=6, frameon=False, fontsize=8
    )


def weekly_maps(
    water: xr.DataArray, outline: Sequence[NDArray[np.float64]], count: int = 12
) -> Figure:
    """Draw water at epochs spread over a record, in one colour scale.

    Args:
      water: Values [mm], dimensions (time, lat, lon).
      outline: Rings of lon and lat [degrees].
      count: Number of maps.

    Returns:
      The figure.
    """
    count = min(count, water.sizes["time"])
    rows = np.linspace(0, water.sizes["time"] - 1, count).round().astype(int)
    across = min(4, count)
    down = -(-count // across)
    figure = Figure(figsize=(3 * across + 0.8, 2.9 * down), layout="compressed")
    panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    top = float(np.nanpercentile(np.abs(water), 99))
    for axes, row in zip(panels.flat, rows):
        field = water.isel(time=row)
        _draw_map(axes, field, outline, "RdBu", (-top, top))
        axes.set_title(str(field.time.values)[:10], fontsize=9)
        axes.set(xlabel="", ylabel="")
    for axes in panels.flat[count:]:
        axes.set_visible(False)
    figure.colorbar(
        panels[0, 0].collections[0], ax=panels, label="mm", shrink=0.8, extend="both"
    )
    return figure


def drought_index(index: xr.DataArray, limits: Sequence[float]) -> Figure:
    """Draw the drought severity index of each region.

    Args:
      index: Values [-], dimensions (month, region).
      limits: Below which drought is mild, moderate and so on.

    Returns:
      The figure, one panel per region.
    """
    names = list(map(str, index.region.values))
    figure = Figure(figsize=(9, 1.0 + 1.6 * len(names)), layout="constrained")
    panels = np.atleast_1d(figure.subplots(len(names), 1, sharex=True, sharey=True))
    for axes, name in zip(panels, names):
        values = index.sel(region=name).values
        colours = np.where(values < max(limits), OTHER, WATER)
        # Widths count in the unit of the dates.
        month = index.month.values.astype("M8[D]")
        axes.bar(month, values, width=np.timedelta64(25, "D"), color=colours)
        for limit in limits:
            axes.axhline(limit, color=INK, lw=0.5, ls=":")
        axes.axhline(0, color=INK, lw=0.4)
        axes.set_title(name, loc="left", fontsize=9)
        axes.set_ylabel("index")
    return figure


def comparison(
    ours: xr.DataArray,
    theirs: xr.DataArray,
    titles: Mapping[str, str],
    shifts: Mapping[str, int] | None = None,
) -> Figure:
    """Draw series at some places beside what others say of them.

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
        axes.plot(time, one, color=WATER, lw=1.3, label="GNSS")
        shift = shifts[name] if shifts else 0
        style = {"color": OTHER, "ms": 2.5, "lw": 1}
        axes.plot(time, other, "o:" if shift else "o-", **style, label=label)
        if shift:
            moved = np.append(other[shift:], np.full(shift, np.nan))
            axes.plot(time, moved, "-", **style, label=f"{label}, moved to fit")
        axes.axhline(0, color=INK, lw=0.4)
        axes.set_title(title, loc="left", fontsize=9)
        axes.set_ylabel("mm")
        axes.set_xlim(*_span(time))
    _legend_above(figure, panels[0])
    return figure


def learning_curves(curves: xr.Dataset) -> Figure:
    """Draw loss and held-out score of every member, the best step marked.

    Args:
      curves: `loss` and `held_out` (step, member) and `best_step` (member); in a row
        above those of a part before it, whose names end in `_alone`, if there are any.

    Returns:
      The figure.
    """
    parts = [part for part in PARTS if f"loss{part}" in curves]
    figure = Figure(figsize=(9, 0.4 + 3.4 * len(parts)), layout="constrained")
    rows = figure.subplots(len(parts), 2, squeeze=False, sharex="row")
    for row, part in zip(rows, parts):
        best = curves[f"best_step{part}"].values
        for axes, name in zip(row, ("loss", "held_out")):
            curve = curves[name + part]
            _draw_learning(axes, curve, best)
            axes.set(xlabel="step", ylabel=str(curve.attrs["long_name"]))
            axes.grid(alpha=0.25, lw=0.5)
        if len(parts) > 1:
            row[0].set_title(PARTS[part], loc="left", fontsize=10)
        handles, labels = row[1].get_legend_handles_labels()
        row[1].legend(handles[:FEW], labels[:FEW], frameon=False, fontsize=8)
    return figure


def _draw_learning(axes: Axes, curve: xr.DataArray, best: NDArray) -> None:
    """One line a member, a dot where it was best; of many, the median as well."""
    step, members = curve[curve.dims[0]].values, curve.sizes["member"]
    many = members > FEW
    width, alpha, size = (0.5, 0.35, 3) if many else (1.3, 1.0, 5)
    for member in range(members):
        values = curve.values[:, member]
        row = int(np.searchsorted(step, best[member]))
        label = None if many else f"member {member + 1}, best after {best[member]}"
        colour = WATER if many else f"C{member}"
        axes.plot(step, values, label=label, color=colour, lw=width, alpha=alpha)
        axes.plot(best[member], values[row], "o", ms=size, color=colour, alpha=alpha)
    if many:
        label = f"median of {members} members, best after {np.median(best):.0f}"
        axes.plot(step, np.median(curve.values, axis=1), "k", lw=1.5, label=label)

"""Maps of water: one field, dates, months of the year, seasons of products."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from jaxload.plot.base_map import (
    Box,
    box_around,
    draw_cells,
    draw_outline,
    draw_stations,
    hatch_cells,
    map_panels,
)
from jaxload.plot.style import COLOURS, add_scale, letter_panels, spread_limits

__all__ = [
    "dated_maps",
    "field_maps",
    "map_of",
    "month_maps",
    "resolution_maps",
    "season_maps",
    "twin_maps",
]

Outline = Sequence[NDArray[np.float64]]

#: Names of the months, and the day of the year on which each begins.
MONTHS = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
FIRST_DAYS = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)

#: Days in a mean Gregorian year.
YEAR = 365.2425

#: Waves of the seasons: what figures call them, and their periods [days].
WAVES = {"annual": ("annual", YEAR), "semiannual": ("semi-annual", YEAR / 2)}


def map_of(
    field: xr.DataArray,
    title: str,
    outline: Outline = (),
    stations: xr.Dataset | None = None,
    colours: str = COLOURS["amplitude"],
    limits: tuple[float, float] | None = None,
    hatched: tuple[xr.DataArray, str] | None = None,
) -> Figure:
    """Draw one map of water.

    Args:
      field: Values with `units`, dimensions (lat, lon).
      title: What it shows.
      outline: Rings of lon and lat [degrees], each of shape (vertex, 2).
      stations: Dataset with `lon` and `lat` of the stations, to mark them.
      colours: Name of a Matplotlib colour map.
      limits: Ends of the colour scale; nearly all values lie between them by default.
      hatched: Cells that are hatched in place of their colour, (lat, lon), and why.

    Returns:
      The figure.
    """
    figure, (axes,) = map_panels(_box(field, outline))
    limits = spread_limits(field) if limits is None else limits
    draw_cells(axes, field, colours, limits)
    if hatched is not None and hatched[0].values.any():
        hatch_cells(axes, *hatched)
    draw_outline(axes, outline)
    if stations is not None:
        draw_stations(axes, stations.lon, stations.lat)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best", fontsize=8, framealpha=0.8, edgecolor="none")
    axes.set_title(title, fontsize=10)
    add_scale(figure, axes, field, str(field.attrs.get("units", "")))
    return figure


def _box(field: xr.DataArray, outline: Outline) -> Box:
    """A box around cells with values, and the outline."""
    known = np.isfinite(field.transpose(..., "lat", "lon").values)
    known = known.reshape(-1, *known.shape[-2:]).any(axis=0)
    known = known if known.any() else ~known
    row, column = np.nonzero(known)
    half = [np.abs(np.diff(field[x].values[:2])).sum() / 2 for x in ("lon", "lat")]
    lon, lat = (
        np.concatenate([field[x].values[n] - h, field[x].values[n] + h])
        for x, n, h in (("lon", column, half[0]), ("lat", row, half[1]))
    )
    return box_around((lon, lat), *[(ring[:, 0], ring[:, 1]) for ring in outline])


def twin_maps(
    truth: xr.DataArray,
    estimate: xr.DataArray,
    stations: xr.Dataset,
    outline: Outline,
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
    west, south = np.min([ring.min(axis=0) for ring in outline], axis=0) - 0.7
    east, north = np.max([ring.max(axis=0) for ring in outline], axis=0) + 0.7
    figure, panels = map_panels((west, east, south, north), 2)
    top = float(np.nanpercentile(truth, 99))
    for axes, field, title in zip(panels, (truth, estimate), ("truth", "estimate")):
        draw_cells(axes, field, COLOURS["amplitude"], (0.0, top))
        draw_outline(axes, outline)
        draw_stations(axes, stations.lon, stations.lat)
        axes.set_title(f"{truth.attrs.get('long_name', 'annual amplitude')}, {title}")
    # Truth and estimate need not lie on the same cells.
    both = np.concatenate([np.ravel(truth), np.ravel(estimate)])
    letter_panels(panels)
    add_scale(figure, panels, both, str(truth.attrs.get("units", "mm")))
    return figure


def field_maps(
    fields: Mapping[str, xr.DataArray],
    label: str,
    outline: Outline = (),
    kind: str = "anomaly",
    across: int = 4,
) -> Figure:
    """Draw several fields in one colour scale.

    Args:
      fields: By their titles, dimensions (lat, lon); the grids may differ.
      label: What all of them are, with units.
      outline: Rings of lon and lat [degrees].
      kind: What they show: a key of `COLOURS`; anomalies have zero in the middle.
      across: Panels side by side, at most.

    Returns:
      The figure, a panel a field.
    """
    whole = max(fields.values(), key=lambda field: int(np.isfinite(field).sum()))
    figure, panels = map_panels(_box(whole, outline), len(fields), across)
    values = np.concatenate([np.ravel(field) for field in fields.values()])
    limits = spread_limits(values, kind == "anomaly")
    for axes, (title, field) in zip(panels, fields.items()):
        draw_cells(axes, field, COLOURS[kind], limits)
        draw_outline(axes, outline)
        axes.set_title(title, fontsize=9)
    letter_panels(panels)
    add_scale(figure, panels, values, label)
    return figure


def dated_maps(
    water: xr.DataArray,
    outline: Outline = (),
    dates: ArrayLike | None = None,
    epochs: NDArray[np.intp] | None = None,
    count: int = 12,
) -> Figure:
    """Draw water at some epochs of a record, in one colour scale.

    Args:
      water: Values with `units` and `long_name`, dimensions (time, lat, lon).
      outline: Rings of lon and lat [degrees].
      dates: Dates, of each of which the nearest epoch is drawn; epochs spread over the
        record if not given.
      epochs: Which of the record may be drawn, at least one, shape (epoch,); all if
        not given.
      count: Number of maps without dates.

    Returns:
      The figure.
    """
    epochs = np.arange(water.sizes["time"]) if epochs is None else epochs
    time = water.time.values[epochs]
    if dates is None:
        rows = np.linspace(0, len(epochs) - 1, min(count, len(epochs)))
        rows = rows.round().astype(int)
    else:
        wanted = np.atleast_1d(np.asarray(dates, "M8[ns]"))
        apart = np.abs(time[:, None] - wanted)
        rows = np.unique(np.argmin(apart, axis=0))
    drawn = water.isel(time=epochs[rows]).load()
    fields = {str(field.time.values)[:10]: field for field in drawn}
    return field_maps(fields, _label(water), outline)


def month_maps(water: xr.DataArray, outline: Outline = ()) -> Figure:
    """Draw the mean water of each month of the year, in one colour scale.

    Args:
      water: Values with `units` and `long_name`, dimensions (time, lat, lon).
      outline: Rings of lon and lat [degrees].

    Returns:
      The figure, a panel for each month of which there is an epoch.
    """
    month = water.time.values.astype("M8[M]").astype(int) % 12
    whole = water.transpose("time", "lat", "lon")
    fields = {
        f"{MONTHS[number]} ({np.sum(month == number)} epochs)": whole.isel(
            time=np.flatnonzero(month == number)
        ).mean("time")
        for number in range(12)
        if (month == number).any()
    }
    return field_maps(fields, f"mean {_label(water)}", outline)


def _label(field: xr.DataArray) -> str:
    name = field.attrs.get("long_name", field.name or "water")
    return f"{name} [{field.attrs.get('units', 'mm')}]"


def season_maps(
    products: Mapping[str, xr.Dataset], outline: Outline = (), wave: str = "annual"
) -> Figure:
    """Draw amplitude and phase of a wave of all products side by side.

    Args:
      products: By name, each with `annual_amplitude` with `units` and `annual_phase`,
        the day of the maximum after the first of January, dimensions (lat, lon); of
        the semi-annual wave `semiannual_amplitude` and `semiannual_phase`.
      outline: Rings of lon and lat [degrees].
      wave: "annual" or "semiannual".

    Returns:
      The figure: amplitudes in the upper row, phases below, a column a product; of one
      product side by side.
    """
    sets = list(products.values())
    title, period = WAVES[wave]
    amplitudes, phases = (
        [x[f"{wave}_{part}"] for x in sets] for part in ("amplitude", "phase")
    )
    count, box = len(sets), _box(amplitudes[0], outline)
    figure, panels = map_panels(box, 2 * count, max(count, 2))
    values = np.concatenate([np.ravel(x) for x in amplitudes])
    top = spread_limits(values)[1]
    for column, name in enumerate(products):
        for row, part, kind, limits in (
            (0, amplitudes[column], "amplitude", (0.0, top)),
            (1, phases[column] % period, "phase", (0.0, period)),
        ):
            axes = panels[row * count + column]
            draw_cells(axes, part, COLOURS[kind], limits)
            draw_outline(axes, outline)
            axes.set_title(f"{name}, {'amplitude' if row == 0 else 'phase'}")
    letter_panels(panels)
    units = amplitudes[0].attrs.get("units", "mm")
    above, below = panels[:count], panels[count:]
    add_scale(figure, above, values, f"{title} amplitude [{units}]")
    scale = add_scale(figure, below, [], f"month of the {title} maximum")
    first = range(0, 12, 2) if wave == "annual" else range(6)
    names = [_month_names(n, wave) for n in first]
    scale.set_ticks([FIRST_DAYS[n] for n in first], labels=names)
    return figure


def _month_names(number: int, wave: str) -> str:
    """The month in which a maximum falls; of half a year both months."""
    return MONTHS[number] + (f", {MONTHS[number + 6]}" if wave == "semiannual" else "")


def resolution_maps(
    resolution: xr.DataArray,
    spread: xr.DataArray,
    outline: Outline = (),
    stations: xr.Dataset | None = None,
) -> Figure:
    """Draw how much of each cell data determine, and over which distance.

    Args:
      resolution: Diagonal of the resolution matrix [-], dimensions (lat, lon).
      spread: Distance over which water of a cell is spread [km], dimensions (lat, lon).
      outline: Rings of lon and lat [degrees].
      stations: Dataset with `lon` and `lat`, to mark them.

    Returns:
      The figure.
    """
    figure, panels = map_panels(_box(resolution, outline), 2)
    for axes, field, kind, title, label in (
        (panels[0], resolution, "amplitude", "resolution", "share by the data [-]"),
        (panels[1], spread, "error", "radius of resolution", "distance [km]"),
    ):
        limits = (0.0, spread_limits(field)[1])
        draw_cells(axes, field, COLOURS[kind], limits)
        draw_outline(axes, outline)
        if stations is not None:
            draw_stations(axes, stations.lon, stations.lat)
        axes.set_title(title)
        add_scale(figure, axes, field, label)
    letter_panels(panels)
    return figure

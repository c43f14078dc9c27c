"""Figures of a result."""

import importlib.util
import logging
import pathlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from jaxload import evaluate, io
from jaxload.pipeline.chunks import blocks
from jaxload.pipeline.report.datasets import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURES", "draw", "rings"]

logger = logging.getLogger(__name__)

#: What figures can be called; "twin" where the truth is known.
FIGURES = (
    "annual_amplitude",
    "regions",
    "station_fit",
    "beta",
    "standard_error",
    "loads",
    "gwsa_maps",
    "drought",
    "drought_probability",
    "drought_map",
    "water_balance",
    "components",
    "grace",
    "wells",
    "learning",
    "screening",
    "network",
    "twin",
)

#: Letters without a font that a message lists.
LETTERS = 20

#: Epochs of which a median of maps is drawn.
EPOCHS = 512

#: Ends of the colour scale of indices of drought.
INDEX_RANGE = (-2.0, 2.0)

#: Stations or wells that a figure shows.
PANELS = 4


def rings(region: Polygon | MultiPolygon) -> list[NDArray[np.float64]]:
    """Take the rings of an outline, to draw them.

    Args:
      region: The outline.

    Returns:
      Vertices of each ring, holes included, shape (vertex, 2).
    """
    parts: list[Polygon] = list(getattr(region, "geoms", [region]))
    closed = [ring for part in parts for ring in (part.exterior, *part.interiors)]
    return [np.asarray(ring.coords)[:, :2] for ring in closed]


def draw(result: Result, folder: pathlib.Path) -> list[str]:
    """Draw the figures of a result, if Matplotlib is there.

    Args:
      result: What was found.
      folder: Where the pictures go.

    Returns:
      Names of the files.

    Raises:
      ValueError: If the folder cannot be written to.
    """
    outline = result.outline
    if importlib.util.find_spec("matplotlib") is None:
        logger.warning("no figures were drawn; install jaxload[plot]")
        return []
    from jaxload import plot

    name, sd = result.quantity, f"{result.quantity}_sd"
    what = "groundwater storage" if name == "gwsa" else "water storage"
    figures = {"station_fit": plot.station_fit(result.stations, outline)}
    if name in result.regions and _has_values("regions", result.regions[name]):
        figures["regions"] = plot.region_series(
            result.regions[name],
            result.regions.get("twsa_grace"),
            result.summary["evaluation"],
            result.regions.get(sd),
        )
    if "rate_z" in result.stations:
        figures["screening"] = plot.screening(result.stations, outline)
    if result.network is not None:
        figures["network"] = plot.network_plan(result.network, outline)
    amplitude = result.water.get("annual_amplitude")
    if amplitude is not None and _has_values("annual_amplitude", amplitude):
        figures["annual_amplitude"] = plot.map_of(
            amplitude,
            f"annual amplitude of {what}",
            outline,
            result.stations,
        )
    if len(result.summary["criterion"]) > 1:
        figures["beta"] = _beta_figure(result)
    if sd in result.water and _has_values("standard_error", result.water[sd]):
        epochs = _solved_epochs(result)
        some = _thinned(result.water[sd], epochs)
        every = some.sizes["time"] == len(epochs)
        which = "all epochs"
        if not every:
            which = f"{some.sizes['time']} of {len(epochs):,} epochs"
        figures["standard_error"] = plot.map_of(
            some.median("time", keep_attrs=True),
            f"standard error of {what}, median of {which}",
            outline,
            result.stations,
        )
    figures |= _of_loads(result) | _of_groundwater(result)
    figures |= _of_drought(result) | _of_water_balance(result)
    if result.learning is not None:
        figures["learning"] = plot.learning_curves(result.learning)
    _look_for_letters(figures.values())
    for name, figure in figures.items():
        io.write_figure(figure, folder / f"{name}.png")
    return [f"{name}.png" for name in figures]


def _has_values(name: str, field: xr.DataArray) -> bool:
    """Whether there is anything to draw; a warning says that there is not."""
    parts = [field]
    if "time" in field.dims:
        parts = (field.isel(time=epochs) for epochs in blocks(field.sizes["time"]))
    if any(bool(np.isfinite(part.values).any()) for part in parts):
        return True
    logger.warning(
        "the figure %s was not drawn: %s has no value at any place or time",
        name,
        field.name,
    )
    return False


def _solved_epochs(result: Result) -> NDArray[np.intp]:
    """Epochs that were solved: other maps have no values."""
    return np.flatnonzero(result.water.solved.values == 1)


def _thinned(field: xr.DataArray, epochs: NDArray[np.intp]) -> xr.DataArray:
    """Some of these epochs, spread over the record; all where they are few."""
    count = len(epochs)
    some = epochs[np.linspace(0, count - 1, min(count, EPOCHS)).round().astype(int)]
    parts = [field.isel(time=some[few]).load() for few in blocks(len(some), 64)]
    return parts[0] if len(parts) == 1 else xr.concat(parts, "time")


def _look_for_letters(figures: "Iterable[Figure]") -> None:
    """Find fonts for the names of stations and regions, whatever their script."""
    from jaxload import plot

    missing = "".join(plot.use_fonts_with_letters(figure) for figure in figures)
    letters = "".join(dict.fromkeys(missing))
    if letters:
        logger.warning(
            "no installed font has the letters %s, which figures show as boxes; "
            "install one that has, such as Noto Sans CJK",
            letters[:LETTERS] + (" ..." if len(letters) > LETTERS else ""),
        )


def _of_loads(result: Result) -> "dict[str, Figure]":
    from jaxload import plot

    if "load_total" not in result.stations:
        return {}
    names = _spread(result.stations.station.values)
    return {"loads": plot.station_loads(result.stations, names)}


def _of_groundwater(result: Result) -> "dict[str, Figure]":
    from jaxload import plot

    beside = result.groundwater
    if beside is None:
        return {}
    water, summary = result.water.get(result.quantity), result.summary
    figures = {}
    if water is not None and _has_values("gwsa_maps", water):
        epochs = _solved_epochs(result)
        figures["gwsa_maps"] = plot.weekly_maps(water, result.outline, epochs=epochs)
    if "dsi" in beside and _has_values("drought", beside.dsi):
        limits = evaluate.DROUGHT_LIMITS
        figures["drought"] = plot.drought_index(beside.dsi, limits)
    if "grace" in beside and _has_values("grace", beside.grace):
        lags = summary["lag_months"]
        titles = {name: _lag_title(name, lags) for name in _spread(beside.station)}
        shifts = {name: lags[name]["months"] for name in titles}
        figures["grace"] = plot.comparison(
            beside.gwsa_month, beside.grace, titles, shifts
        )
    if "gwsa_well" in beside and _has_values("wells", beside.gwsa_well):
        scores = summary["wells"]
        titles = {
            name: f"{name}   r = {_two_digits(scores[name]['correlation'])}"
            for name in _spread(beside.well)
        }
        figures["wells"] = plot.comparison(
            beside.gwsa_estimate_at_well, beside.gwsa_well, titles
        )
    return figures


def _of_drought(result: Result) -> "dict[str, Figure]":
    from jaxload import plot

    dry, figures = result.drought, {}
    if dry is None:
        return {}
    if "cell_index" in dry and _has_values("drought_map", dry.cell_index):
        figures["drought_map"] = _driest_month(result, dry)
    if not _has_values("drought_probability", dry.probability):
        return figures
    # The shortest time scale, and a year where there is one, or else the next.
    months = np.array([int(str(x).split()[0]) for x in dry["index"].values[1:]])
    rows = 1 + np.unique([months.argmin(), abs(months - 12).argmin()])
    some = dry.isel(index=rows)
    figure = plot.drought_probability(
        some.drought_index, some.probability, evaluate.DROUGHT_LIMITS
    )
    return figures | {"drought_probability": figure}


def _driest_month(result: Result, dry: xr.Dataset) -> "Figure":
    """Cells in the month in which most of them are dry, at the longest time scale."""
    from jaxload import plot

    index = dry.cell_index.isel(cell_scale=int(np.argmax(dry.cell_scale.values)))
    mean = index.mean(("lat", "lon"), skipna=True).fillna(np.inf).values
    month = index.isel(month=int(np.argmin(mean))).assign_attrs(units="index")
    scale, date = int(month.cell_scale), str(month.month.values)[:7]
    what = f"index of drought over {scale} months, {date}, the driest month"
    places = result.outline, result.stations
    return plot.map_of(month, what, *places, "RdBu", INDEX_RANGE)


def _of_water_balance(result: Result) -> "dict[str, Figure]":
    from jaxload import plot

    balance, figures = result.water_balance, {}
    if balance is None:
        return {}
    if "imbalance" in balance and _has_values("water_balance", balance.imbalance):
        scores = result.summary["water_balance"]
        figures["water_balance"] = plot.water_balance_series(balance, scores)
    if "groundwater" in balance and _has_values("components", balance.groundwater):
        figures["components"] = plot.storage_parts(balance)
    return figures


def _spread(names: Any) -> list[str]:
    """A few names, from the first to the last."""
    names = list(map(str, np.asarray(names)))
    rows = np.linspace(0, len(names) - 1, min(PANELS, len(names))).round().astype(int)
    return [names[row] for row in rows]


def _lag_title(name: str, lags: dict[str, dict[str, float]]) -> str:
    score = lags[name]
    title = f"{name}   r = {_two_digits(score['before'])}"
    if score["months"]:
        title += f", {_two_digits(score['after'])} moved by {score['months']} months"
    return title


def _two_digits(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"


def _beta_figure(result: Result) -> "Figure":
    from jaxload import plot

    summary = result.summary
    rows, best = summary["criterion"], summary["beta"]
    betas, values = ([row[key] for row in rows] for key in ("beta", "value"))
    if "norm" in rows[0]:
        norms = [row["norm"] for row in rows]
        return plot.l_curve(betas, values, norms, best)
    unit = summary["criterion_unit"]
    name = summary["criterion_name"] + (f" [{unit}]" if unit != "1" else "")
    return plot.beta_curve(betas, values, best, name)

"""Figures of a result."""

import dataclasses
import functools
import importlib.util
import logging
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from jaxload import config, evaluate, io
from jaxload.labelled import seasonal_fits
from jaxload.pipeline.report.datasets import SHORTEST, Result, record_length
from jaxload.pipeline.report.figures_of_earth import earth_figures
from jaxload.pipeline.report.figures_of_filling import filling_figures
from jaxload.pipeline.report.figures_of_products import WAVELETS, product_figures
from jaxload.pipeline.report.figures_of_stations import station_figures
from jaxload.pipeline.report.figures_of_water import (
    Makers,
    drawn_stations,
    has_values,
    spread_names,
    water_figures,
    without_belt,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "FIGURES",
    "FIGURES_OF_REGIONS",
    "FIGURE_FORMATS",
    "draw",
    "is_figure",
    "rings",
]

logger = logging.getLogger(__name__)

#: What figures can be called; "twin" where the truth is known.
FIGURES = (
    "annual_amplitude",
    *("twsa_maps", "twsa_months", "twsa_dates", "seasons"),
    *("gwsa_maps", "gwsa_months", "gwsa_dates"),
    *("seasons_semiannual", "trends", "precipitation_seasons"),
    *("scores", "taylor", "wavelets", "bridged", "products", "scatter"),
    "regions",
    "station_fit",
    *("availability", "leave_one_out", "station_mean", "yearly_range", "filled_cells"),
    *("filling_leave_one_out", "filling_taylor", "filling_mean", "filled_series"),
    *("station_map", "station_weather", "weather_components"),
    "beta",
    "kernel",
    *("standard_error", "resolution"),
    *("loads", "loads_mean", "load_amplitudes"),
    "drought",
    "drought_probability",
    "drought_map",
    "water_balance",
    "components",
    *("grace", "grace_amplitude"),
    "wells",
    "learning",
    "screening",
    "network",
    "twin",
)

#: Beginnings of names that end in that of a region.
FIGURES_OF_REGIONS = (WAVELETS,)

#: Formats that they may have.
FIGURE_FORMATS = ("png", "pdf", "svg")

#: Maps of seasons side by side.
ABREAST = 3

#: Letters without a font that a message lists.
LETTERS = 20

#: Ends of the colour scale of indices of drought.
INDEX_RANGE = (-2.0, 2.0)


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


def is_figure(name: str) -> bool:
    """Check whether a file of a result is one of its figures.

    Args:
      name: Of the file.

    Returns:
      Whether it is.
    """
    path = pathlib.PurePath(name)
    named = path.stem in FIGURES or path.stem.startswith(FIGURES_OF_REGIONS)
    return named and path.suffix[1:] in FIGURE_FORMATS


def draw(
    result: Result,
    folder: pathlib.Path,
    settings: config.Figures | None = None,
    watch: Callable[[float], None] | None = None,
    study: config.Study | None = None,
) -> list[str]:
    """Draw the figures of a result, if Matplotlib is there.

    Args:
      result: What was found.
      folder: Where the pictures go.
      settings: What they look like.
      watch: Called with the share that is drawn.
      study: Of what Earth the response is drawn; that is not without it.

    Returns:
      Names of the files.

    Raises:
      ValueError: If the folder cannot be written to.
    """
    if importlib.util.find_spec("matplotlib") is None:
        logger.warning("no figures were drawn; install jaxload[plot]")
        return []
    from jaxload import plot

    settings = settings or config.Figures()
    missing, files = "", []
    makers = _makers(result, settings)
    if study is not None:
        makers |= earth_figures(study, result)
    for name, make in makers.items():
        figure = make()
        missing += plot.use_fonts_with_letters(figure)
        files.append(f"{name}.{settings.format}")
        io.write_figure(figure, folder / files[-1])
        if watch is not None:
            watch(len(files) / len(makers))
    _warn_of_letters(missing)
    return files


def _makers(result: Result, settings: config.Figures) -> Makers:
    """What makes each figure, by its name."""
    result = _with_regions(result, settings)
    return (
        station_figures(result, settings)
        | filling_figures(result, settings)
        | _of_regions(result)
        | water_figures(result, settings)
        | product_figures(result, settings)
        | _of_criterion(result)
        | _of_precipitation(result)
        | _of_groundwater(result, settings)
        | _of_drought(result, settings)
        | _of_water_balance(result)
    )


def _with_regions(result: Result, settings: config.Figures) -> Result:
    """The result with those regions alone that are drawn."""
    if not settings.regions:
        return result
    parts = {}
    for field in dataclasses.fields(result):
        part = getattr(result, field.name)
        if isinstance(part, xr.Dataset) and "region" in part.dims:
            there = set(map(str, part.region.values))
            some = [name for name in settings.regions if name in there]
            parts[field.name] = part.sel(region=some) if some else part
    return dataclasses.replace(result, **parts)


def _around(field: xr.DataArray, outline: list[NDArray[np.float64]]) -> xr.DataArray:
    """Cells of a grid that lie in the box of an outline, or beside it."""
    places = np.concatenate(outline)
    for name, ends in zip(("lon", "lat"), (places[:, 0], places[:, 1])):
        axis = field[name].values.astype(float)
        room = float(np.abs(np.diff(axis[:2])).sum()) or 1.0
        middle = (ends.min() + ends.max()) / 2
        near = middle + (axis - middle + 180) % 360 - 180 if name == "lon" else axis
        inside = (near >= ends.min() - room) & (near <= ends.max() + room)
        field = field.isel({name: np.flatnonzero(inside)}) if inside.any() else field
    return field


def _of_precipitation(result: Result) -> Makers:
    from jaxload import plot

    rain = result.precipitation
    if rain is None or "precipitation_season" not in rain:
        return {}
    seasons = _around(rain.precipitation_season, result.outline)
    if not has_values("precipitation_seasons", seasons):
        return {}
    fields = {str(name): seasons.sel(season=name) for name in rain.season.values}
    label = "mean precipitation of a month [mm]"
    about = fields, label, result.outline, "rain", ABREAST
    return {"precipitation_seasons": functools.partial(plot.field_maps, *about)}


def _of_regions(result: Result) -> Makers:
    from jaxload import plot

    name, regions = result.quantity, result.regions
    if name not in regions or not has_values("regions", regions[name]):
        return {}
    reference, ours = regions.get("twsa_grace"), f"{name}_monthly"
    monthly = regions.get(ours) if reference is not None else None
    scores = result.summary["evaluation"]
    about = reference, scores, regions.get(f"{name}_sd"), monthly, _rain(result)
    return {"regions": lambda: plot.region_series(regions[name], *about)}


def _rain(result: Result) -> xr.DataArray | None:
    """Precipitation of months over regions, from whichever part has it."""
    parts = result.water_balance, result.groundwater, result.precipitation
    for part in (*parts, result.products):
        if part is not None and "precipitation" in part:
            return part.precipitation
    return None


def _of_criterion(result: Result) -> Makers:
    from jaxload import plot

    makers: Makers = {}
    if len(result.summary["criterion"]) > 1:
        makers["beta"] = lambda: _beta_figure(result)
    learning, network = result.learning, result.network
    if network is not None:
        makers["network"] = lambda: plot.network_plan(network, result.outline)
    if learning is not None:
        makers["learning"] = lambda: plot.learning_curves(learning)
    return makers


def _warn_of_letters(missing: str) -> None:
    letters = "".join(dict.fromkeys(missing))
    if letters:
        logger.warning(
            "no installed font has the letters %s, which figures show as boxes; "
            "install one that has, such as Noto Sans CJK",
            letters[:LETTERS] + (" ..." if len(letters) > LETTERS else ""),
        )


def _of_groundwater(result: Result, settings: config.Figures) -> Makers:
    from jaxload import plot

    beside = result.groundwater
    if beside is None:
        return {}
    summary, figures = result.summary, {}
    if "dsi" in beside and has_values("drought", beside.dsi):
        limits = evaluate.DROUGHT_LIMITS
        figures["drought"] = functools.partial(plot.drought_index, beside.dsi, limits)
    if "grace" in beside and has_values("grace", beside.grace):
        lags = summary["lag_months"]
        some = drawn_stations(settings, beside.station.values)
        titles = {name: _lag_title(name, lags) for name in some}
        shifts = {name: lags[name]["months"] for name in titles}
        figures["grace"] = functools.partial(
            plot.comparison, beside.gwsa_month, beside.grace, titles, shifts
        )
        if record_length(beside.month.values) >= SHORTEST:
            figures["grace_amplitude"] = lambda: _amplitudes_beside(result, beside)
    if "gwsa_well" in beside and has_values("wells", beside.gwsa_well):
        scores = summary["wells"]
        titles = {
            name: f"{name}   r = {_two_digits(scores[name]['correlation'])}"
            for name in spread_names(beside.well)
        }
        figures["wells"] = functools.partial(
            plot.comparison, beside.gwsa_estimate_at_well, beside.gwsa_well, titles
        )
    return figures


def _amplitudes_beside(result: Result, beside: xr.Dataset) -> "Figure":
    """Annual amplitude of groundwater at stations by heights and by gravimetry."""
    from jaxload import plot

    series = {"GNSS": beside.gwsa_month, "GRACE": beside.grace}
    fits = {
        name: seasonal_fits(values.rename(month="time")).annual_amplitude
        for name, values in series.items()
    }
    what = "annual amplitude of groundwater [mm]"
    return plot.load_amplitudes(fits, result.outline, what)


def _of_drought(result: Result, settings: config.Figures) -> Makers:
    from jaxload import plot

    dry, figures = result.drought, {}
    if dry is None:
        return {}
    if "cell_index" in dry and has_values("drought_map", dry.cell_index):
        figures["drought_map"] = lambda: _driest_month(result, dry, settings)
    if not has_values("drought_probability", dry.probability):
        return figures
    # The shortest time scale, and a year where there is one, or else the next.
    months = np.array([int(str(x).split()[0]) for x in dry["index"].values[1:]])
    rows = 1 + np.unique([months.argmin(), abs(months - 12).argmin()])
    some = dry.isel(index=rows)
    about = some.drought_index, some.probability, evaluate.DROUGHT_LIMITS
    make = functools.partial(plot.drought_probability, *about)
    return figures | {"drought_probability": make}


def _driest_month(
    result: Result, dry: xr.Dataset, settings: config.Figures
) -> "Figure":
    """Cells in the month in which most of them are dry, at the longest time scale."""
    from jaxload import plot

    index = dry.cell_index.isel(cell_scale=int(np.argmax(dry.cell_scale.values)))
    mean = index.mean(("lat", "lon"), skipna=True).fillna(np.inf).values
    month = index.isel(month=int(np.argmin(mean))).assign_attrs(units="index")
    scale, date = int(month.cell_scale), str(month.month.values)[:7]
    what = f"index of drought over {scale} months, {date}, the driest month"
    places = result.outline, result.stations
    shown = without_belt(result.water, settings, month)
    return plot.map_of(shown, what, *places, "RdBu", INDEX_RANGE)


def _of_water_balance(result: Result) -> Makers:
    from jaxload import plot

    balance, figures = result.water_balance, {}
    if balance is None:
        return {}
    if "imbalance" in balance and has_values("water_balance", balance.imbalance):
        scores = result.summary["water_balance"]
        figures["water_balance"] = functools.partial(
            plot.water_balance_series, balance, scores
        )
    if "groundwater" in balance and has_values("components", balance.groundwater):
        figures["components"] = functools.partial(plot.storage_parts, balance)
    return figures


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

"""Scores of water beside other products by period, and months that were bridged."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jaxload.plot.series import region_panels
from jaxload.plot.style import (
    INK,
    OTHER,
    arrows_of,
    legend_above,
    letter_panels,
    span_of,
)

__all__ = ["bridged_series", "product_title", "score_tables"]

#: What products are called in figures.
TITLES = {
    "gnss": "GNSS",
    "gnss_stations_only": "GNSS, stations only",
    "grace": "GRACE",
    "land_model": "land-surface model",
}

#: Scores, their titles, colour maps and ends of the scale; None for the largest value.
SCORES: dict[str, tuple[str, str, tuple[float, float | None]]] = {
    "pcc": ("PCC", "viridis", (0.0, 1.0)),
    "nse": ("NSE", "viridis", (0.0, 1.0)),
    "rmse": ("RMSE [mm]", "cividis_r", (0.0, None)),
}

#: Half the width of a band that holds 95% of a normal distribution, in its sd.
BAND = 1.96


def product_title(name: str) -> str:
    """Take the name of a product for figures.

    Args:
      name: As datasets have it.

    Returns:
      The name of a mission or kind of model; a study's name as it is.
    """
    return TITLES.get(name, name)


def score_tables(products: xr.Dataset, product: str = "gnss") -> Figure:
    """Draw scores of a product by every other one, region and period, as heat maps.

    Args:
      products: With `pcc`, `nse` [-] and `rmse` [mm], dimensions (period, product,
        other, region), NaN where there are too few months.
      product: Which product they are of.

    Returns:
      The figure: a row a score, a column a period, in each region by other product.
    """
    some = products.sel(product=product)
    others = [name for name in some.other.values if name != product]
    some = some.sel(other=others)
    known = np.isfinite(some.pcc.transpose("period", ...).values)
    periods = some.period.values[known.reshape(len(known), -1).any(axis=1)]
    regions = [str(name) for name in some.region.values]
    size = (
        2.4 + (0.5 + 0.75 * len(others)) * len(periods),
        3 * (0.8 + 0.22 * len(regions)),
    )
    figure = Figure(figsize=(max(size[0], 5), max(size[1], 4.5)), layout="constrained")
    grid = figure.subplots(
        len(SCORES), len(periods), squeeze=False, sharex=True, sharey=True
    )
    for row, (score, (title, colours, limits)) in enumerate(SCORES.items()):
        values = some[score].transpose("period", "region", "other")
        drawn: Any = None
        top = limits[1] or max(float(np.nanmax(values, initial=0)), 1e-9)
        for axes, period in zip(grid[row], periods):
            table = values.sel(period=period).values
            drawn = _draw_table(axes, table, colours, (limits[0], top))
            axes.set_title(f"{title.removesuffix(' [mm]')}, {period}", fontsize=9)
        arrows = arrows_of(values, (limits[0], top))
        style: Any = {"fraction": 0.05, "pad": 0.01, "extend": arrows}
        figure.colorbar(drawn, ax=list(grid[row]), label=title, **style)
    for axes in grid[:, 0]:
        axes.set_yticks(range(len(regions)), regions, fontsize=8)
    names = [product_title(str(name)) for name in others]
    for axes in grid[-1]:
        axes.set_xticks(range(len(names)), names, fontsize=8, rotation=35, ha="right")
    letter_panels(list(grid.flat))
    return figure


def _draw_table(
    axes: Axes, table: NDArray, colours: str, limits: tuple[float, float]
) -> Any:
    """Cells with their numbers; those without are empty."""
    drawn = axes.imshow(
        np.ma.masked_invalid(table),
        cmap=colours,
        vmin=limits[0],
        vmax=limits[1],
        aspect="auto",
    )
    for (row, column), value in np.ndenumerate(table):
        if np.isfinite(value):
            shade = drawn.norm(np.clip(value, *limits))
            light = sum(drawn.cmap(shade)[:3]) > 1.5
            text = f"{value:.0f}" if limits[1] > 2 else f"{value:.2f}"
            style: Any = {"ha": "center", "va": "center", "fontsize": 7}
            axes.text(column, row, text, color=INK if light else "white", **style)
    return drawn


def bridged_series(bridged: xr.Dataset) -> Figure:
    """Draw a product whose missing months were estimated, region by region.

    Args:
      bridged: With `water` and `water_sd` [mm], and `is_estimated`, dimensions (month,
        region), and the name of the product as the attribute `product`.

    Returns:
      The figure: observed months, and estimated ones with a band that should hold 95%
      of the truth.
    """
    names = [str(name) for name in bridged.region.values]
    title = product_title(str(bridged.attrs.get("product", "product")))
    figure, panels = region_panels(len(names))
    for axes, name in zip(panels, names):
        one = bridged.sel(region=name)
        time, water = one.month.values, one.water.values
        made = one.is_estimated.values.astype(bool)
        half = BAND * np.where(made, one.water_sd.values, np.nan)
        style: Any = {"color": OTHER, "ms": 3, "capsize": 0, "elinewidth": 2.5}
        known = made & np.isfinite(water)
        axes.errorbar(
            time[known],
            water[known],
            half[known],
            fmt="o",
            ecolor="#f0b9a4",
            label="estimated by heights, 95% interval",
            **style,
        )
        seen = np.where(made, np.nan, water)
        axes.plot(time, seen, "o-", color=INK, ms=2.2, lw=0.9, label=title)
        axes.axhline(0, color=INK, lw=0.4)
        axes.set_title(f"{name}, {int(known.sum())} months estimated", loc="left")
        axes.set_ylabel("mm")
    panels[0].set(xlim=span_of(bridged.month.values))
    letter_panels(panels)
    legend_above(figure, panels[0])
    return figure

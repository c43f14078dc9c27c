"""Taylor diagrams of products, and of stations that a filler predicts."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from jaxload.plot.product_scores import product_title
from jaxload.plot.style import INK, SEVERAL, WATER_COLOUR, letter_panels

__all__ = ["station_taylor", "taylor_diagram"]

#: Panels side by side, and marks of products.
ACROSS, MARKS = 3, "osD^vP*X"


def taylor_diagram(
    products: xr.Dataset, product: str = "gnss", period: str | None = None
) -> Figure:
    """Draw spread and correlation of products beside one of them, region by region.

    Args:
      products: With `pcc` [-] and `standard_deviation` of the product over the months
        that it has in common with the other [mm], dimensions (period, product, other,
        region).
      product: The reference, which lies at one on the horizontal axis.
      period: Which period; the first if not given.

    Returns:
      The figure, a panel a region: the angle is by the correlation, the distance from
      the origin the standard deviation over that of the reference, and that from the
      reference the centred root mean square difference.

    Source:
      Taylor (2001), doi:10.1029/2000JD900719.
    """
    period = str(products.period.values[0]) if period is None else period
    some = products.sel(period=period)
    others = [str(name) for name in some.other.values if name != product]
    regions = [str(name) for name in some.region.values]
    columns = min(ACROSS, len(regions))
    rows = -(-len(regions) // columns)
    figure = Figure(figsize=(4.1 * columns, 4.6 * rows + 0.6), layout="constrained")
    panels = []
    for number, region in enumerate(regions):
        axes: Any = figure.add_subplot(rows, columns, number + 1, projection="polar")
        here = some.sel(region=region)
        pcc = here.pcc.sel(product=product, other=others).values
        theirs = np.array(
            [here.standard_deviation.sel(product=x, other=product) for x in others]
        )
        ours = here.standard_deviation.sel(product=product, other=others).values
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = np.where(np.isfinite(pcc), theirs / ours, np.nan)
            _draw_taylor(axes, pcc, spread, others)
        axes.set_title(region, fontsize=9)
        panels.append(axes)
    title = product_title(product)
    for axes in panels:
        style: Any = {"color": INK, "ms": 11, "clip_on": False, "zorder": 5}
        axes.plot([0], [1], "*", label=title, **style)
        axes.set_xlabel(f"standard deviation over that of {title}", labelpad=14)
        axes.xaxis.label.set_size(8)
    letter_panels(panels)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return figure


def _draw_taylor(axes: Any, pcc: NDArray, spread: NDArray, names: list[str]) -> None:
    _draw_frame(axes, pcc, spread)
    for number, name in enumerate(names):
        place = [np.arccos(np.clip(pcc[number], -1, 1))], [spread[number]]
        mark, colour = MARKS[number % len(MARKS)], SEVERAL[1:][number % 4]
        axes.plot(*place, mark, ms=7, color=colour, label=product_title(name))


def _draw_frame(axes: Any, pcc: NDArray, spread: NDArray) -> None:
    """Rays of correlation, circles of spread and of the centred difference."""
    top = max(1.6, 1.1 * float(np.nanmax(spread, initial=0)))
    wide = bool((pcc < 0).any())
    axes.set_thetamin(0)
    axes.set_thetamax(180 if wide else 90)
    axes.set_rlim(0, top)
    angle, radius = np.meshgrid(np.linspace(0, np.pi, 181), np.linspace(0, top, 91))
    distance = np.sqrt(1 + radius**2 - 2 * radius * np.cos(angle))
    style: Any = {"colors": "#9a9a9a", "linewidths": 0.5, "linestyles": "dashed"}
    lines = axes.contour(angle, radius, distance, levels=(0.5, 1.0, 1.5), **style)
    axes.clabel(lines, fontsize=6)
    around = np.linspace(0, np.pi if wide else np.pi / 2, 91)
    axes.plot(around, np.ones_like(around), color=INK, lw=0.6)
    ticks = np.array([0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99, 1])
    ticks = np.concatenate([-ticks[:0:-1], ticks]) if wide else ticks
    axes.set_thetagrids(np.degrees(np.arccos(ticks)), [f"{x:g}" for x in ticks])
    axes.tick_params(labelsize=7)
    middle = np.pi / (2 if wide else 4)
    turned: Any = {"rotation": np.degrees(middle) - 90, "ha": "center", "va": "center"}
    axes.text(middle, 1.13 * top, "correlation", fontsize=8, **turned)
    axes.grid(alpha=0.3, lw=0.4)


def station_taylor(
    pcc: ArrayLike, predicted_sd: ArrayLike, observed_sd: ArrayLike
) -> Figure:
    """Draw spread and correlation of the prediction of each station from others.

    Args:
      pcc: Correlation of prediction and heights [-], shape (station,); NaN if unknown.
      predicted_sd: Standard deviation of the prediction [mm], shape (station,).
      observed_sd: That of the heights [mm], shape (station,).

    Returns:
      The figure: as `taylor_diagram`, each station beside its own heights, which lie at
      the star.

    Source:
      Taylor (2001), doi:10.1029/2000JD900719.
    """
    pcc, predicted, observed = (
        np.asarray(x, float) for x in (pcc, predicted_sd, observed_sd)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.where(np.isfinite(pcc), predicted / observed, np.nan)
    figure = Figure(figsize=(6.2, 5.6), layout="constrained")
    axes: Any = figure.add_subplot(projection="polar")
    _draw_frame(axes, pcc, spread)
    known = np.isfinite(spread)
    place = np.arccos(np.clip(pcc[known], -1, 1)), spread[known]
    style: Any = {"mew": 0.3, "mec": "white", "color": WATER_COLOUR, "ls": ""}
    axes.plot(*place, "o", ms=5, label=f"{known.sum()} stations, predicted", **style)
    star: Any = {"color": INK, "ms": 12, "clip_on": False, "zorder": 5, "ls": ""}
    axes.plot([0], [1], "*", label="heights of the station", **star)
    axes.set_xlabel("standard deviation over that of the heights", labelpad=16)
    middle = np.nanmedian(pcc) if np.isfinite(pcc).any() else np.nan
    axes.set_title(f"stations predicted from others, median r = {middle:.2f}")
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure

"""Water of regions by all products: their series, and scatter plots of pairs."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxload.plot.product_scores import product_title
from jaxload.plot.series import draw_rain, region_panels
from jaxload.plot.style import (
    INK,
    SEVERAL,
    legend_above,
    letter_panels,
    span_of,
)

__all__ = ["product_scatter", "product_series"]

#: Inches of a panel of a scatter plot.
PANEL = 2.7

#: Regions whose scores a panel has room for.
WRITTEN = 6


def product_scatter(products: xr.Dataset, regions: Sequence[str]) -> Figure:
    """Draw monthly water by heights against every other product, period by period.

    Args:
      products: With `compared_gnss` and `compared_other` [mm], as scores are of,
        dimensions (month, other, region), `in_period` (period, month) and `pcc`
        (period, product, other, region).
      regions: Names of the regions that are drawn.

    Returns:
      The figure: a row a product, a column a period in which any region has a score,
      or a column a product where there is one period;
      each region with its regression of water by heights on the product, and its
      correlation; dashed is where both are the same.
    """
    others = [
        str(name)
        for name in products.other.values
        if np.isfinite(_scores(products, str(name), regions)).any()
    ]
    if not others:
        raise ValueError(
            f"no product has a score over {', '.join(regions)}; choose other regions"
        )
    known = np.isfinite([_scores(products, name, regions) for name in others])
    periods = [str(x) for x in products.period.values[known.any(axis=(0, 2))]]
    # Products beside each other where there is one period.
    turned = len(periods) == 1
    high, wide = (len(others), len(periods))[:: -1 if turned else 1]
    size = max(0.9 + PANEL * wide, 4.5), 0.7 + PANEL * high
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(high, wide, squeeze=False)
    for row, other in zip(grid.T if turned else grid, others):
        some = products.sel(other=other, region=list(regions))
        for axes, period in zip(row, periods):
            _draw_scatter(axes, some, period)
            title = product_title(other)
            if not turned or period != "all":
                title += f", {period}"
            axes.set_title(title, fontsize=9)
            axes.tick_params(labelsize=8)
        limits = [x.get_xlim() for x in row if x.has_data()]
        for axes in row:
            _set_square(axes, min(x[0] for x in limits), max(x[1] for x in limits))
        row[0].set_ylabel(f"{product_title('gnss')} [mm]", fontsize=8)
        for axes in row:
            axes.set_xlabel(f"{product_title(other)} [mm]", fontsize=8)
    letter_panels(list(grid.flat))
    marks = [
        grid[0, 0].plot([], [], "o", ms=4, color=SEVERAL[n % len(SEVERAL)])[0]
        for n in range(len(regions))
    ]
    style = {"ncols": 4, "frameon": False, "fontsize": 8}
    figure.legend(marks, list(regions), loc="outside upper center", **style)
    return figure


def _scores(products: xr.Dataset, other: str, regions: Sequence[str]) -> np.ndarray:
    """Correlations with water by heights, shape (period, region)."""
    if other == "gnss":
        return np.full((products.sizes["period"], len(regions)), np.nan)
    pcc = products.pcc.sel(product="gnss", other=other, region=list(regions))
    return pcc.transpose("period", "region").values


def _draw_scatter(axes: Axes, some: xr.Dataset, period: str) -> None:
    """Points, regressions and correlations of the regions in one period."""
    inside = some.in_period.sel(period=period).values.astype(bool)
    for number, region in enumerate(map(str, some.region.values)):
        pcc = float(some.pcc.sel(product="gnss", period=period, region=region))
        if not np.isfinite(pcc):
            continue
        ours, theirs = (
            some[name].sel(region=region).values[inside]
            for name in ("compared_gnss", "compared_other")
        )
        both = np.isfinite(ours) & np.isfinite(theirs)
        ours, theirs = ours[both].astype(float), theirs[both].astype(float)
        colour = SEVERAL[number % len(SEVERAL)]
        axes.plot(theirs, ours, "o", ms=2.6, mew=0, alpha=0.6, color=colour)
        slope = pcc * ours.std() / max(theirs.std(), 1e-12)
        ends = np.array([theirs.min(), theirs.max()])
        line = ours.mean() + slope * (ends - theirs.mean())
        axes.plot(ends, line, color=colour, lw=1.1)
        if number < WRITTEN:
            text = f"r = {pcc:.2f}, slope {slope:.2f}"
            style = {"va": "top", "fontsize": 7, "color": colour}
            where = 0.03, 0.97 - 0.075 * number
            axes.text(*where, text, transform=axes.transAxes, zorder=5, **style)
    axes.grid(alpha=0.25, lw=0.5)
    # Limits that hold both axes.
    ends = np.array([axes.get_xlim(), axes.get_ylim()])
    axes.set_xlim(ends.min(), ends.max())


def _set_square(axes: Axes, low: float, high: float) -> None:
    axes.plot([low, high], [low, high], "--", color=INK, lw=0.6, zorder=1)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")


def product_series(
    water: xr.DataArray, regions: Sequence[str], rain: xr.DataArray | None = None
) -> Figure:
    """Draw the monthly water of regions by every product.

    Args:
      water: Means over regions [mm], dimensions (month, product, region), NaN if
        missing; each is drawn about its mean over the months that all products have,
        or about its own where they have none in common.
      regions: Names of the regions that are drawn.
      rain: Precipitation of months [mm], dimensions (month, region); None for none.

    Returns:
      The figure, one panel per region.
    """
    figure, panels = region_panels(len(regions))
    names = [str(name) for name in water["product"].values]
    for axes, region in zip(panels, regions):
        series = {x: water.sel(product=x, region=region).values for x in names}
        for number, (name, values) in enumerate(_aligned(series).items()):
            style = {"color": SEVERAL[number % len(SEVERAL)], "ms": 2}
            # The first product lies above the others.
            style |= {"lw": 1.0 if number else 1.6, "zorder": 3 - 0.1 * number}
            axes.plot(
                water.month.values, values, "o-", label=product_title(name), **style
            )
        axes.axhline(0, color=INK, lw=0.4)
        axes.set(xlim=span_of(water.month.values))
        axes.set_title(region, loc="left", fontsize=9)
        axes.set_ylabel("mm")
        if rain is not None and region in rain.region.values:
            draw_rain(axes, rain.sel(region=region))
    letter_panels(list(panels))
    legend_above(figure, panels[0])
    return figure


def _aligned(series: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Series about their means over the months that all of them have."""
    with_values = {k: x for k, x in series.items() if np.isfinite(x).any()}
    if not with_values:
        return {}
    common = np.all([np.isfinite(x) for x in with_values.values()], axis=0)
    aligned = {}
    for name, values in with_values.items():
        about = values[common] if common.any() else values
        aligned[name] = values - np.nanmean(about)
    return aligned

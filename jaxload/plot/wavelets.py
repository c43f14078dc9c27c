"""Cross-wavelet power and coherence of water and other products."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jaxload.plot.product_scores import product_title
from jaxload.plot.style import INK, arrows_of, letter_panels

__all__ = ["wavelet_panels"]

#: Arrows of phase along time and along periods, at most.
ARROWS = 24, 12

#: Octaves of power that have colours, downward from the largest.
OCTAVES = 8.0


def wavelet_panels(wavelets: xr.Dataset, region: str) -> Figure:
    """Draw cross-wavelet power and coherence of a region in time and period.

    Args:
      wavelets: With `cross_power`, `phase` [rad] and `coherence`, dimensions (other,
        region, wave_period, month), `cross_power_limit` and `coherence_limit` of
        significance, and `cone_of_influence` (other, region, month); periods in
        months.
      region: Which region.

    Returns:
      The figure: for each other product power at the left and squared coherence at the
      right. Black lines enclose what unrelated red noise exceeds in 5% of cases; pale
      is what ends and gaps affect; arrows are phases, to the right in phase, up where
      water by heights leads by a quarter.
    """
    others = [
        str(name)
        for name in wavelets.other.values
        if np.isfinite(wavelets.cross_power.sel(other=name, region=region)).any()
    ]
    if not others:
        raise ValueError(
            f"no product has wavelets over {region}; choose a region with four years "
            "in common"
        )
    figure = Figure(figsize=(11, 0.6 + 2.9 * len(others)), layout="constrained")
    rows = figure.subplots(len(others), 2, squeeze=False, sharex=True, sharey=True)
    for row, other in zip(rows, others):
        one = wavelets.sel(other=other, region=region)
        power = np.log2(one.cross_power.where(one.cross_power > 0))
        top = float(np.nanmax(power))
        title = f"GNSS and {product_title(other)}, {region}"
        for axes, field, limit, colours, ends, label in (
            (
                row[0],
                power,
                np.log2(one.cross_power_limit),
                "viridis",
                (top - OCTAVES, top),
                "cross-wavelet power, log2 [-]",
            ),
            (
                row[1],
                one.coherence,
                one.coherence_limit,
                "viridis",
                (0.0, 1.0),
                "squared coherence [-]",
            ),
        ):
            drawn = _draw_plane(axes, field, (colours, ends))
            _draw_limit(axes, field, limit)
            _draw_cone(axes, one)
            arrows = arrows_of(field, ends)
            figure.colorbar(drawn, ax=axes, label=label, pad=0.01, extend=arrows)
            axes.set_title(title, fontsize=9)
        _draw_phase(row[1], one)
        row[0].set_ylabel("period [months]")
    letter_panels(list(rows.flat))
    return figure


def _plane(field: xr.DataArray) -> tuple[NDArray, NDArray, NDArray]:
    """Months, periods and values, shape (period, month)."""
    values = field.transpose("wave_period", "month").values
    return field.month.values, field.wave_period.values, values


def _draw_plane(
    axes: Axes, field: xr.DataArray, scale: tuple[str, tuple[float, float]]
) -> Any:
    month, period, values = _plane(field)
    drawn = axes.pcolormesh(
        month,
        period,
        np.ma.masked_invalid(values),
        cmap=scale[0],
        vmin=scale[1][0],
        vmax=scale[1][1],
        shading="nearest",
        rasterized=True,
    )
    axes.set_yscale("log", base=2)
    ticks = 2.0 ** np.arange(np.ceil(np.log2(period[0])), np.log2(period[-1]) + 0.01)
    ticks = np.append(ticks, 12) if period[0] < 12 < period[-1] else ticks
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    # Long periods at the bottom, as the field draws them.
    axes.set_ylim(period[-1], period[0])
    return drawn


def _draw_limit(axes: Axes, field: xr.DataArray, limit: xr.DataArray) -> None:
    month, period, values = _plane(field)
    over = values - limit.values[:, None]
    if (over > 0).any() and (over < 0).any():
        axes.contour(month, period, over, levels=[0], colors="black", linewidths=0.9)


def _draw_cone(axes: Axes, one: xr.Dataset) -> None:
    cone, period = one.cone_of_influence.values, one.wave_period.values
    bottom = np.full(len(cone), period[-1])
    start = np.clip(np.nan_to_num(cone), period[0], period[-1])
    style: Any = {"color": "white", "alpha": 0.6, "lw": 0}
    axes.fill_between(one.month.values, start, bottom, **style)
    axes.plot(one.month.values, start, color=INK, lw=0.6, ls="--")


def _draw_phase(axes: Axes, one: xr.Dataset) -> None:
    """Arrows where the coherence is significant and no end or gap matters."""
    month, period, phase = _plane(one.phase)
    coherence = _plane(one.coherence)[2]
    strong = coherence > one.coherence_limit.values[:, None]
    strong &= period[:, None] <= np.nan_to_num(one.cone_of_influence.values)
    step = [max(n // most, 1) for n, most in zip(strong.shape[::-1], ARROWS)]
    row, column = np.nonzero(strong)
    some = (row % step[1] == 0) & (column % step[0] == 0)
    row, column = row[some], column[some]
    angle = phase[row, column]
    style: Any = {"scale": 34, "width": 0.0022, "color": "black", "pivot": "middle"}
    # Angles on the page, whichever way its axes run.
    axes.quiver(month[column], period[row], np.cos(angle), np.sin(angle), **style)

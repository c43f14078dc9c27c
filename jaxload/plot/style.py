"""What figures have in common: colours, sizes, legends."""

import string
import textwrap
from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "BELIEF",
    "COLOURS",
    "INK",
    "OTHER",
    "SEVERAL",
    "WATER_COLOUR",
    "add_scale",
    "arrows_of",
    "date_axis",
    "legend_above",
    "letter_panels",
    "span_of",
    "spread_limits",
]

WATER_COLOUR = "#1f6f8b"
OTHER = "#d1603d"
INK = "#333333"
BELIEF = "#e3d9b8"

#: Colours of several series in one panel, apart for the colour-blind too.
SEVERAL = (WATER_COLOUR, OTHER, "#7a5195", "#3f7f4c", "#c98a1b", "#8a8a8a")

#: Colour maps by what they show; all can be read by the colour-blind.
COLOURS = {
    # From dry through nothing to wet.
    "anomaly": "RdBu",
    "amplitude": "viridis",
    "error": "cividis",
    "score": "viridis",
    "rain": "YlGnBu",
    # The end of a year has the colour of its beginning.
    "phase": "twilight_shifted",
}

#: Letters of a label in an inch.
LETTERS = 9.0

#: Ends of a colour bar with an arrow.
_Extend = Literal["neither", "min", "max", "both"]


def arrows_of(values: ArrayLike, limits: tuple[float, float]) -> _Extend:
    """Find the ends of a colour scale beyond which there are values.

    Args:
      values: What is drawn, of any shape; NaN where there is nothing.
      limits: Ends of the scale.

    Returns:
      As Matplotlib's colour bars take it.
    """
    known = np.asarray(values, np.float64)
    below, above = bool((known < limits[0]).any()), bool((known > limits[1]).any())
    if below and above:
        return "both"
    return "min" if below else "max" if above else "neither"


def spread_limits(values: ArrayLike, about_zero: bool = False) -> tuple[float, float]:
    """Find limits of a colour scale between which nearly all values lie.

    Args:
      values: What is drawn, of any shape; NaN where there is nothing.
      about_zero: Whether the scale has zero in its middle, as for anomalies.

    Returns:
      Its ends, which differ.
    """
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return (-1.0, 1.0) if about_zero else (0.0, 1.0)
    if about_zero:
        top = float(np.percentile(np.abs(known), 99)) or 1.0
        return -top, top
    first, last = map(float, np.percentile(known, [1, 99]))
    return (first, last) if last > first else (first - 0.5, last + 0.5)


def add_scale(
    figure: Figure, axes: Axes | Sequence[Axes], values: ArrayLike, label: str
) -> Colorbar:
    """Add the colour scale of maps, with arrows where values go beyond it.

    Args:
      figure: The figure.
      axes: Of the maps, which share a scale; that of the last cells or dots of the
        first of them.
      values: All that is drawn, of any shape.
      label: What it is, with its units.

    Returns:
      The scale.
    """
    axes = [axes] if isinstance(axes, Axes) else list(axes)
    # A long label has several lines beside its scale.
    ends = np.array([x.get_position().extents for x in axes])
    high = float(figure.get_figheight() * (ends[:, 3].max() - ends[:, 1].min()))
    (drawn,) = [x for x in axes[0].collections if x.get_array() is not None][-1:]
    return figure.colorbar(
        drawn,
        ax=axes,
        label=textwrap.fill(label, max(int(LETTERS * high), 16)),
        shrink=0.85,
        aspect=25,
        fraction=0.08 if len(axes) == 1 else 0.04,
        pad=0.02,
        extend=arrows_of(values, drawn.get_clim()),
    )


def letter_panels(panels: Sequence[Axes]) -> None:
    """Put (a), (b) and so on before the titles of panels.

    Args:
      panels: Axes in their order, at most 26 of which get a letter.
    """
    if len(panels) < 2:
        return
    for letter, axes in zip(string.ascii_lowercase, panels):
        where = "left" if axes.get_title(loc="left") else "center"
        text = f"({letter}) {axes.get_title(loc=where)}".rstrip()
        axes.set_title(text, loc=where, fontsize=9)


def span_of(time: NDArray[np.datetime64]) -> tuple[np.datetime64, np.datetime64]:
    """Find the limits of an axis of time, with room for a series of one day.

    Args:
      time: Ascending, shape (epoch,).

    Returns:
      First and last.
    """
    room = np.timedelta64(12, "h")
    return time[0] - room, time[-1] + room


def date_axis(axes: Axes) -> None:
    """Write few and short dates, for which narrow panels have room.

    Args:
      axes: A panel, with those that share its axis of time.
    """
    dates = AutoDateLocator(minticks=3, maxticks=8)
    axes.xaxis.set_major_locator(dates)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(dates))


def legend_above(figure: Figure, axes: Axes) -> None:
    """Put the legend of one panel above all of them.

    Args:
      figure: The figure.
      axes: The panel whose lines it explains.
    """
    handles, labels = axes.get_legend_handles_labels()
    legend = figure.legend(
        handles, labels, loc="outside upper right", ncols=6, frameon=False, fontsize=8
    )
    # A faint line of many days would not be seen beside its name.
    for line in legend.get_lines():
        line.set(
            alpha=max(line.get_alpha() or 1, 0.6),
            linewidth=max(line.get_linewidth(), 1),
        )

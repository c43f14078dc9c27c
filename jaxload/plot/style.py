"""What figures have in common: colours, sizes, legends."""

from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "BELIEF",
    "INK",
    "OTHER",
    "WATER_COLOUR",
    "arrows_of",
    "fit_size",
    "legend_above",
    "span_of",
]

WATER_COLOUR = "#1f6f8b"
OTHER = "#d1603d"
INK = "#333333"
BELIEF = "#e3d9b8"

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


def fit_size(figure: Figure, axes: Axes) -> None:
    """Leave no more room around a map than words and its scale need.

    Args:
      figure: With one map.
      axes: Of the map, its limits and aspect set.
    """
    (west, east), (south, north) = axes.get_xlim(), axes.get_ylim()
    shape = float(axes.get_aspect()) * (north - south) / (east - west)
    across = min(5.5, 8 / shape)
    figure.set_size_inches(max(across + 1.7, 5), max(across * shape + 1.1, 3))


def span_of(time: NDArray[np.datetime64]) -> tuple[np.datetime64, np.datetime64]:
    """Find the limits of an axis of time, with room for a series of one day.

    Args:
      time: Ascending, shape (epoch,).

    Returns:
      First and last.
    """
    room = np.timedelta64(12, "h")
    return time[0] - room, time[-1] + room


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

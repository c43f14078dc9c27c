"""How training went, drawn."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["learning_figure"]

#: Members up to which each has a colour of its own.
FEW = 6


def learning_figure(curves: xr.Dataset) -> "Figure":
    """Draw loss and held-out score of every member, the best step marked.

    Args:
      curves: `loss` and `held_out` (step, member) and `best_step` (member), as of
        `curve_dataset`.

    Returns:
      The figure.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    panels = figure.subplots(1, 2, sharex=True)
    for axes, name in zip(panels, ("loss", "held_out")):
        _draw(axes, curves[name], curves.best_step.values)
        axes.set(xlabel="step", ylabel=str(curves[name].attrs["long_name"]))
        axes.grid(alpha=0.25, lw=0.5)
    handles, labels = panels[1].get_legend_handles_labels()
    panels[1].legend(handles[:FEW], labels[:FEW], frameon=False, fontsize=8)
    return figure


def _draw(axes: "Axes", curve: xr.DataArray, best: np.ndarray) -> None:
    """One line a member; a dot where it was best."""
    step, members = curve.step.values, curve.sizes["member"]
    many = members > FEW
    for member in range(members):
        values = curve.values[:, member]
        row = int(np.searchsorted(step, best[member]))
        style = {
            "color": "#1f6f8b" if many else f"C{member}",
            "lw": 0.5 if many else 1.3,
        }
        label = f"member {member + 1}, best after {best[member]}"
        axes.plot(step, values, label=None if many else label, **style)
        axes.plot(
            best[member], values[row], "o", ms=3 if many else 5, color=style["color"]
        )

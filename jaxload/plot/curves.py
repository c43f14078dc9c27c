"""Curves of criteria and of training."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from jaxload.plot.style import OTHER, WATER_COLOUR, letter_panels

__all__ = ["beta_curve", "kernel_curve", "l_curve", "learning_curves"]

#: Members of an ensemble up to which each has a colour of its own.
FEW = 6

#: Parts of a training, by how the names of their curves end.
PARTS = {"_pretraining": "pretraining", "": "joint training"}


def beta_curve(betas: ArrayLike, values: ArrayLike, best: float, name: str) -> Figure:
    """Draw the criterion by which the weight of the prior was chosen.

    Args:
      betas: Weights, shape (beta,).
      values: Criterion, shape (beta,).
      best: The one that was taken.
      name: What the criterion is, with its units.

    Returns:
      The figure.
    """
    figure = Figure(figsize=(6, 3.8), layout="constrained")
    axes = figure.subplots()
    axes.semilogx(betas, values, "o-", color=WATER_COLOUR, ms=3.5, lw=1.2)
    axes.axvline(best, color=OTHER, lw=1, label=f"beta = {best:.3g}")
    axes.set(xlabel="beta", ylabel=name)
    axes.legend(frameon=False)
    axes.grid(alpha=0.25, lw=0.5)
    return figure


def l_curve(
    betas: ArrayLike, misfit: ArrayLike, norm: ArrayLike, best: float
) -> Figure:
    """Draw what a rougher solution gains in fit, and the corner that was taken.

    Args:
      betas: Weights, ascending, shape (beta,).
      misfit: Norm of the misfit at each [sigma], shape (beta,).
      norm: Norm of the solution at each, shape (beta,).
      best: The weight that was taken.

    Returns:
      The figure.
    """
    figure = Figure(figsize=(6, 3.8), layout="constrained")
    axes = figure.subplots()
    axes.loglog(misfit, norm, "o-", color=WATER_COLOUR, ms=3.5, lw=1.2)
    at = [
        np.exp(np.interp(np.log(best), np.log(betas), np.log(values)))
        for values in (misfit, norm)
    ]
    axes.plot(*at, "o", color=OTHER, ms=8, mfc="none", label=f"beta = {best:.3g}")
    axes.set(xlabel="norm of the misfit [sigma]", ylabel="norm of the solution")
    axes.legend(frameon=False)
    axes.grid(alpha=0.25, lw=0.5, which="both")
    return figure


def kernel_curve(
    distance: ArrayLike, responses: Mapping[str, ArrayLike], load: str
) -> Figure:
    """Draw how the displacement by a load falls off with distance.

    Args:
      distance: From the middle of the load [km], positive and ascending, shape
        (distance,).
      responses: By name, displacement of each kind or Earth [mm], shape (distance,).
      load: What load it is by.

    Returns:
      The figure: displacement, and at the right its size as a share of the largest.
    """
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True)
    for name, values in responses.items():
        values = np.asarray(values, float)
        left.semilogx(distance, values, lw=1.4, label=name)
        right.loglog(
            distance, np.abs(values) / np.max(np.abs(values)), lw=1.4, label=name
        )
    left.axhline(0, color=OTHER, lw=0.5)
    left.set(xlabel="distance [km]", ylabel="displacement [mm]")
    right.set(xlabel="distance [km]", ylabel="share of the largest [-]")
    left.set_title(f"displacement by {load}")
    right.set_title("relative to the largest")
    for axes in (left, right):
        axes.grid(alpha=0.25, lw=0.5, which="both")
    left.legend(frameon=False, fontsize=8)
    letter_panels([left, right])
    return figure


def learning_curves(curves: xr.Dataset) -> Figure:
    """Draw the training and validation loss of every member, the best step marked.

    Args:
      curves: `loss` and `validation_loss` (step, member) and `best_step` (member); in a
        row above those of pretraining, whose names end in `_pretraining`, if there are
        any.

    Returns:
      The figure.
    """
    parts = [part for part in PARTS if f"loss{part}" in curves]
    figure = Figure(figsize=(9, 0.4 + 3.4 * len(parts)), layout="constrained")
    rows = figure.subplots(len(parts), 2, squeeze=False, sharex="row")
    for row, part in zip(rows, parts):
        best = curves[f"best_step{part}"].values
        for axes, name in zip(row, ("loss", "validation_loss")):
            curve = curves[name + part]
            _draw_learning(axes, curve, best)
            axes.set(xlabel="step", ylabel=str(curve.attrs["long_name"]))
            axes.grid(alpha=0.25, lw=0.5)
        if len(parts) > 1:
            row[0].set_title(PARTS[part], loc="left", fontsize=10)
        handles, labels = row[1].get_legend_handles_labels()
        row[1].legend(handles[:FEW], labels[:FEW], frameon=False, fontsize=8)
    return figure


def _draw_learning(axes: Axes, curve: xr.DataArray, best: NDArray) -> None:
    """One line a member, a dot where it was best; of many, the median as well."""
    step, members = curve[curve.dims[0]].values, curve.sizes["member"]
    many = members > FEW
    width, alpha, size = (0.5, 0.35, 3) if many else (1.3, 1.0, 5)
    for member in range(members):
        values = curve.values[:, member]
        row = int(np.searchsorted(step, best[member]))
        label = None if many else f"member {member + 1}, best after {best[member]}"
        colour = WATER_COLOUR if many else f"C{member}"
        axes.plot(step, values, label=label, color=colour, lw=width, alpha=alpha)
        axes.plot(best[member], values[row], "o", ms=size, color=colour, alpha=alpha)
    if many:
        label = f"median of {members} members, best after {np.median(best):.0f}"
        axes.plot(step, np.median(curve.values, axis=1), "k", lw=1.5, label=label)

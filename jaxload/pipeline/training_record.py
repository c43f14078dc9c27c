"""The record of a training: hyperparameters and learning curves."""

import dataclasses
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload.gapfill.training.optimise import Curve

__all__ = ["TrainingRecord", "curve_dataset"]


#: What scores are that are recorded beside the validation loss.
RECORDED = {
    "rmse": "error of the network alone at stations held out",
    "nll_by_themselves": "negative log density of stations held out, by the network",
    "nll_given_others": "that given the other stations too",
}


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingRecord:
    """A network that was trained through the inversion.

    Attributes:
      curves: Learning curves, as of `curve_dataset`.
      summary: Content of ``learning`` in `summary.json`.
      rows: Virtual stations by the network, layout `io.GNSS`; None for none.
      filling: Content of ``filling`` in the summary; empty without virtual stations.
      left_out: Uplift of stations by networks that did not learn from them [mm], shape
        (epoch, station), NaN where none held it out; None where there are none.
      features: Weather and features of places; None where they are not kept.
      weather: Weather of a few stations, to draw it; None likewise.
    """

    curves: xr.Dataset
    summary: dict[str, Any]
    rows: xr.Dataset | None = None
    filling: dict[str, Any] = dataclasses.field(default_factory=dict)
    left_out: NDArray[np.floating] | None = None
    features: xr.Dataset | None = None
    weather: xr.Dataset | None = None


def curve_dataset(curve: Curve, best: NDArray[np.int64], part: str = "") -> xr.Dataset:
    """Label the learning curves of a training.

    Args:
      curve: The curves.
      best: After how many steps each member was best, shape (member,).
      part: Name of this part of the training, if it had several.

    Returns:
      `loss`, `validation_loss` and other scores that were recorded (step, member) and
      `best_step` (member); all of them and `step` with the part behind their names, if
      one is given.
    """
    end = f"_{part}" if part else ""
    dims = (f"step{end}", "member")
    unit = {"units": "1"}
    values = {
        f"loss{end}": (dims, curve.loss, {**unit, "long_name": "loss"}),
        f"validation_loss{end}": (
            dims,
            curve.held_out,
            {**unit, "long_name": "validation loss"},
        ),
        f"best_step{end}": (
            "member",
            np.asarray(best),
            {**unit, "long_name": "steps after which a member is best"},
        ),
    }
    for name, recorded in curve.others.items():
        name, unit_of = (name[:-3], "mm") if name.endswith("_mm") else (name, "1")
        labels = {"units": unit_of, "long_name": RECORDED.get(name, name)}
        values[f"{name}{end}"] = (dims, recorded, labels)
    return xr.Dataset(values, coords={dims[0]: curve.step})

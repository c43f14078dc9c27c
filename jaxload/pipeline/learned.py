"""What training left: numbers, curves, and how they are told."""

import dataclasses
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload.gapfill.training import Curve

__all__ = ["Learned", "curve_dataset"]


@dataclasses.dataclass(frozen=True, eq=False)
class Learned:
    """A network that was trained through the inversion.

    Attributes:
      curve: What became of the training.
      best: After how many steps each member was best, shape (member,).
      summary: Plain numbers: what `summary.json` holds under ``learning``.
      rows: Cells that the network filled, layout `io.GNSS`; None where it filled none.
      filling: For ``filling`` in the summary; empty where it filled none.
    """

    curve: Curve
    best: NDArray[np.int64]
    summary: dict[str, Any]
    rows: xr.Dataset | None = None
    filling: dict[str, Any] = dataclasses.field(default_factory=dict)


def curve_dataset(curve: Curve, best: NDArray[np.int64]) -> xr.Dataset:
    """Label the curves of a training.

    Args:
      curve: What became of it.
      best: After how many steps each member was best, shape (member,).

    Returns:
      `loss` and `held_out` (step, member) and `best_step` (member).
    """
    dims = ("step", "member")
    unit = {"units": "1"}
    values = {
        "loss": (dims, curve.loss, {**unit, "long_name": "loss"}),
        "held_out": (dims, curve.held_out, {**unit, "long_name": "score held out"}),
        "best_step": (
            "member",
            np.asarray(best),
            {**unit, "long_name": "steps after which a member is best"},
        ),
    }
    return xr.Dataset(values, coords={"step": curve.step})

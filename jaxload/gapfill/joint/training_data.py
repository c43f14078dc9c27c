"""Observations and features that a network is trained on through the inversion."""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import check_shapes
from jaxload.gapfill.joint.held_out_rows import Folds
from jaxload.gapfill.joint.mean_rows import MeanRows
from jaxload.gapfill.models.protocol import Drivers, checked_drivers
from jaxload.inversion import MissingPattern, Problem, find_pattern

__all__ = ["TrainingData", "make_training_data"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainingData:
    """Observations and features that a network is trained on.

    Rows are the stations first, then other observations at every epoch; last, in the
    form of displacement, the virtual stations, whose displacement is not used.

    Attributes:
      problem: Design matrix and prior of the rows.
      displacement: Observations [mm], shape (epoch, row); NaN if missing.
      sigma: Standard error [mm], shape (row,).
      pattern: Where `displacement` is missing, without virtual stations.
      features: Input of the network [-], shape (epoch, place, feature). In the form of
        displacement places are the stations, then the virtual stations.
      moved: Displacement of each row by a unit of load at a place [mm/mm], shape
        (row, place); of no row in the form of displacement.
      folds: Rows that are held out.
      drivers: Weather in its units for models that need it, by the name of the
        variable, shape (epoch, place); "days" is the length of epochs [days], shape
        (epoch, 1).
      means: Means of water over periods that are observed; None for none.
      perturbation: What is added to the heights that each member learns from [mm],
        shape (member, epoch, station); None for none.
    """

    problem: Problem
    displacement: Array
    sigma: Array
    pattern: MissingPattern
    features: Array
    moved: Array
    folds: Folds
    drivers: Drivers = dataclasses.field(default_factory=dict)
    means: MeanRows | None = None
    perturbation: Array | None = None

    @property
    def observed(self) -> int:
        """Number of rows before the virtual stations."""
        stations, rows = self.folds.distance.shape[0], self.sigma.shape[0]
        virtual = 0 if len(self.moved) else self.features.shape[1] - stations
        return rows - virtual


def make_training_data(
    problem: Problem,
    displacement: ArrayLike,
    sigma: ArrayLike,
    features: ArrayLike,
    folds: Folds,
    *,
    moved: ArrayLike | None = None,
    drivers: Mapping[str, ArrayLike] | None = None,
    means: MeanRows | None = None,
    perturbation: ArrayLike | None = None,
) -> TrainingData:
    """Check training data and lay them out.

    Args:
      problem: Design matrix and prior of the rows.
      displacement: Observations [mm], shape (epoch, row); NaN if missing. Rows of
        virtual stations hold zeros.
      sigma: Standard error [mm], shape (row,).
      features: Input of the network [-], shape (epoch, place, feature).
      folds: Rows that are held out.
      moved: As in `TrainingData`, for the form of water; None for that of displacement.
      drivers: As in `TrainingData`; None for none.
      means: Likewise, from `make_mean_rows`.
      perturbation: Likewise; None for none.

    Returns:
      The `TrainingData`.

    Raises:
      ValueError: If shapes disagree or a feature or driver is not finite.
    """
    displacement = np.asarray(displacement)
    features = jnp.asarray(features, jnp.float32)
    load_response = (
        jnp.zeros((0, features.shape[1])) if moved is None else jnp.asarray(moved)
    )
    named = {
        "displacement": (displacement, "epoch row"),
        "sigma": (np.asarray(sigma), "row"),
        "features": (features, "epoch place feature"),
        "held_out": (folds.held_out, "member row"),
        "moved": (load_response, "row place" if moved is not None else "_ place"),
        "design": (problem.design, "row cell"),
    }
    if means is not None:
        named["means.place"] = (means.observed.place, "epoch")
        named["means.design"] = (means.observed.design, "mean cell")
        if moved is not None:
            named["means.of_places"] = (means.of_places, "mean place")
    if folds.early_stopping_rows is not None:
        named["early_stopping_rows"] = (folds.early_stopping_rows, "member row")
    if perturbation is not None:
        perturbation = jnp.asarray(perturbation, problem.design.dtype)
        named["perturbation"] = (perturbation, "member epoch station")
        named["distance"] = (folds.distance, "station station")
    sizes = check_shapes(**named)
    stations = len(folds.distance)
    if moved is None and not stations <= sizes["place"] <= sizes["row"]:
        raise ValueError(
            f"features has {sizes['place']} places, expected those of {stations} "
            f"stations and of virtual stations, among {sizes['row']} rows"
        )
    bad = ~np.isfinite(np.asarray(features)).all(axis=0)
    if bad.any():
        place, feature = map(int, np.argwhere(bad)[0])
        raise ValueError(
            f"feature {feature} of place {place} is not finite at every epoch; fill "
            "its gaps, or leave the feature out"
        )
    dtype = problem.design.dtype
    virtual = 0 if moved is not None else sizes["place"] - stations
    return TrainingData(
        problem,
        jnp.asarray(displacement, dtype),
        jnp.asarray(sigma, dtype),
        find_pattern(displacement[:, : sizes["row"] - virtual]),
        features,
        load_response.astype(dtype),
        folds,
        checked_drivers(drivers or {}, sizes["epoch"], sizes["place"]),
        means,
        perturbation,
    )

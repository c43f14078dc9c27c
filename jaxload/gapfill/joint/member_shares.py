"""Members of a joint training shared out among devices that have all other data."""

import dataclasses
from typing import Any

import jax.numpy as jnp
from jax.sharding import PartitionSpec

from jaxload.gapfill.joint.joint_model import TrainingData
from jaxload.gapfill.training.sharding import along

__all__ = ["shared_out"]


def shared_out(training_data: TrainingData) -> tuple[TrainingData, TrainingData]:
    """Let members be shared out among devices, each of which has all other data.

    Args:
      training_data: Of all members.

    Returns:
      The data whose members know their places, and how they are cut.
    """
    folds, alike = training_data.folds, PartitionSpec()
    count = len(folds.held_out)
    folds = dataclasses.replace(folds, position=jnp.arange(count), members=count)
    early = None if folds.early_stopping_rows is None else along()
    cut_folds = dataclasses.replace(
        folds,
        held_out=along(),
        distance=alike,
        radius=alike,
        early_stopping_rows=early,
        position=along(),
    )
    fields = dataclasses.fields(training_data)
    cut: dict[str, Any] = {field.name: alike for field in fields}
    cut["folds"] = cut_folds
    if training_data.perturbation is not None:
        cut["perturbation"] = along()
    return dataclasses.replace(training_data, folds=folds), TrainingData(**cut)

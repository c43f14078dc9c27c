"""Displacement as networks predict it at all places, and the water that it implies."""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxload import inversion
from jaxload.gapfill.joint import joint_model
from jaxload.pipeline.fill.ensemble_posterior import PriorMeanEnsemble
from jaxload.pipeline.fill.training import member_variance

__all__ = ["DisplacementEnsemble", "implied_water", "predict_displacements"]

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class DisplacementEnsemble:
    """Displacement of places as predicted by the members.

    Attributes:
      members: Displacement [mm], shape (member, epoch, place).
      within: Its standard deviation by the members [mm], shape (place,).
    """

    members: Floats
    within: Floats

    @property
    def mean(self) -> Floats:
        """Mean over the members [mm], shape (epoch, place)."""
        return self.members.mean(axis=0)

    @property
    def sd(self) -> Floats:
        """Standard deviation, with the differences of members [mm], shape (place,)."""
        between = member_variance(self.members).mean(axis=0)
        return np.sqrt(self.within**2 + between)


def predict_displacements(
    members: Sequence[joint_model.Parameters], training_data: joint_model.TrainingData
) -> DisplacementEnsemble:
    """Predict the displacement of stations and virtual stations.

    Args:
      members: Parameters of each.
      training_data: In the form of displacement.

    Returns:
      The predictions, of the stations first.
    """
    run = jax.jit(
        lambda one, data: joint_model.predict_displacement(
            one, data.features, drivers=data.drivers
        )
    )
    predictions = [run(one, training_data) for one in members]
    joint_model.check_predictions([mean for mean, _ in predictions])
    within = np.mean([np.asarray(sd) ** 2 for _, sd in predictions], axis=0)
    return DisplacementEnsemble(
        np.stack([np.asarray(x) for x, _ in predictions]), np.sqrt(within)
    )


def implied_water(
    problem: inversion.Problem,
    predicted: DisplacementEnsemble,
    beta: float,
    stations: int,
) -> PriorMeanEnsemble:
    """Invert the predictions of each member, and no heights.

    The water is a prior mean for heights: that of a member contains nothing of the
    stations that the member held out.

    Args:
      problem: Of the rows of all places.
      predicted: Displacement of these places.
      beta: Weight of the prior.
      stations: Number of the rows that are stations, which are the first.

    Returns:
      The water of the members, as coefficients of the fields of the prior.
    """
    noise = inversion.Noise(jnp.asarray(predicted.sd))
    members = []
    for displacement in predicted.members:
        data = inversion.observations(displacement, noise)
        solved = inversion.solve_representers(problem, data, beta, method="shared")
        parts = [np.asarray(term.coefficients) for term in solved.terms]
        members.append(np.concatenate(parts, axis=1))
    fields = np.concatenate([problem.cross, problem.null_space], axis=1)
    moved = np.concatenate([problem.gram, problem.null_space_response], axis=1)
    return PriorMeanEnsemble(np.stack(members), fields, moved[:stations])

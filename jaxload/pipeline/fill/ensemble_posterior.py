"""Inversion about an ensemble of prior means, with between-member variance.

The prior mean is never in memory on all cells and epochs at once.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator

import jax.numpy as jnp
import numpy as np
import scipy.sparse as sparse
from jax import Array
from numpy.typing import NDArray

from jaxload import config, inversion
from jaxload.gapfill.joint import joint_model
from jaxload.pipeline.chunks import blocks
from jaxload.pipeline.estimation.problem import Model
from jaxload.pipeline.estimation.record_shards import bind_record
from jaxload.pipeline.estimation.solution import Estimate
from jaxload.pipeline.estimation.uncertainty import (
    CellErrors,
    Errors,
    standard_deviations,
)
from jaxload.pipeline.fill.training import JointTraining, member_variance

__all__ = [
    "CalibratedPrior",
    "EnsembleEstimate",
    "PriorMeanEnsemble",
    "VirtualDataEnsemble",
    "solve_about_mean",
    "total_uncertainty",
]

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class PriorMeanEnsemble:
    """Prior means of the load by the members of an ensemble.

    Attributes:
      members: Load at the nodes of the raster [mm], shape (member, epoch, place).
      to_cells: Interpolation from the raster to cells, shape (cell, place).
      moved: Displacement of rows by a unit of load at a node, shape (row, place).
    """

    members: Floats
    to_cells: sparse.csr_array
    moved: Floats

    def residuals(self, up: Floats) -> Iterator[Floats]:
        """Residuals of `up` about each member's prior mean [mm], shape (epoch, row)."""
        return (up - mean @ self.moved.T for mean in self.members)

    def prior_load(self, member: int, epochs: slice) -> Floats:
        """Prior mean of a member [mm], shape (epoch, cell)."""
        return self.members[member][epochs] @ self.to_cells.T


@dataclasses.dataclass(frozen=True, eq=False)
class VirtualDataEnsemble:
    """Displacement of virtual stations by the members of an ensemble.

    Attributes:
      members: Displacement [mm], shape (member, epoch, place).
    """

    members: Floats

    def residuals(self, up: Floats) -> Iterator[Floats]:
        """Heights with each member's virtual rows [mm], shape (epoch, row)."""
        seen = up.shape[1] - self.members.shape[2]
        return (np.concatenate([up[:, :seen], x], axis=1) for x in self.members)

    def prior_load(self, member: int, epochs: slice) -> Floats:
        """Prior mean of the load: zero, shape (1, 1)."""
        del member, epochs
        return np.zeros((1, 1))


@dataclasses.dataclass(frozen=True, eq=False)
class EnsembleEstimate:
    """The inversion about the mean of an ensemble, and the ensemble.

    Attributes:
      estimate: For all rows.
      beta: Weight of the prior that it was made with.
      ensemble: Predictions of the members.
    """

    estimate: Estimate
    beta: float
    ensemble: PriorMeanEnsemble | VirtualDataEnsemble


@dataclasses.dataclass(frozen=True, eq=False)
class CalibratedPrior:
    """Noise model and weight of the prior, calibrated for standard errors.

    Attributes:
      noise: Of the rows.
      beta: Weight of the prior.
    """

    noise: inversion.Noise
    beta: float


def solve_about_mean(
    training_data: joint_model.TrainingData,
    trained: JointTraining,
    prior_mean: PriorMeanEnsemble | None = None,
) -> Estimate:
    """Invert residuals about the prior mean and add the mean to the load.

    Args:
      training_data: With the rows.
      trained: With the hyperparameters of the inversion.
      prior_mean: The prior mean; None for zero.

    Returns:
      The estimate, for all rows.
    """
    noise = joint_model.noise_of(training_data, trained.hyperparameters)
    up = np.asarray(training_data.displacement)
    mean, moved = np.zeros((len(up), 0)), np.zeros_like(up)
    if prior_mean is not None:
        mean = prior_mean.members.mean(axis=0)
        moved = mean @ prior_mean.moved.T
    beta = jnp.exp(trained.hyperparameters.log_beta)
    data = bind_record(up - moved, noise)
    solution = inversion.solve_representers(training_data.problem, data, beta)
    left_out = inversion.leave_one_out_residual(solution)
    fitted = np.asarray(solution.fitted) + moved
    terms = solution.terms
    if prior_mean is not None:
        terms = (*terms, inversion.Term(mean, prior_mean.to_cells))
    solution = dataclasses.replace(solution, fitted=fitted, terms=terms)
    return Estimate(solution, noise, inversion.gather_epochs(left_out, data))


def total_uncertainty(
    study: config.Study,
    model: Model,
    estimated: EnsembleEstimate,
    calibrated: CalibratedPrior,
    weights: Floats,
) -> Errors:
    """Compute standard errors by the law of total variance over the ensemble.

    Args:
      study: Its `inversion.errors` says which are wanted.
      model: Of all rows.
      estimated: The estimate, and the predictions of the members.
      calibrated: Noise and weight of the prior.
      weights: Weight of each cell in the regions, shape (region, cell).

    Returns:
      The errors.
    """
    ensemble = estimated.ensemble
    within = dataclasses.replace(estimated.estimate, noise=calibrated.noise)
    errors = standard_deviations(study, model, within, calibrated.beta, weights)
    count = len(ensemble.members)
    if errors.regions is None or count < 2:
        return errors
    bound = inversion.observations(model.up, estimated.estimate.noise)
    multipliers = [
        np.asarray(_multiplier(model, bound, up, estimated.beta))
        for up in ensemble.residuals(model.up)
    ]
    cross = np.asarray(model.problem.cross)

    def loads(epochs: slice) -> Floats:
        """Of the members [mm], shape (member, epoch, cell)."""
        each = [
            ensemble.prior_load(n, epochs) + multipliers[n][epochs] @ cross.T
            for n in range(count)
        ]
        return np.stack(each)

    means = [
        member_variance(loads(epochs) @ weights.T)
        for epochs in blocks(len(errors.regions))
    ]
    regions = np.sqrt(errors.regions**2 + np.concatenate(means))
    cells = errors.cells and functools.partial(_total_of_cells, errors.cells, loads)
    return dataclasses.replace(errors, regions=regions, cells=cells)


def _total_of_cells(
    within: Callable[[], Iterator[CellErrors]], loads: Callable[[slice], Floats]
) -> Iterator[CellErrors]:
    for part in within():
        spread = np.sqrt(member_variance(loads(part.epochs)))
        sd = np.hypot(part.sd, spread).astype(np.float32)
        yield dataclasses.replace(part, sd=sd)


def _multiplier(
    model: Model, bound: inversion.Observations, up: Floats, beta: float
) -> Array:
    """Multipliers of the data-space system for other values of the observations."""
    data = dataclasses.replace(bound, values=jnp.asarray(up, bound.values.dtype))
    return inversion.factorise(model.problem, data, beta).solved.multiplier

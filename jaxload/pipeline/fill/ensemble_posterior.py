"""Inversion about an ensemble of prior means, with between-member variance.

The prior mean is never in memory on all cells and epochs at once.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import scipy.sparse as sparse
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, inversion
from jaxload.gapfill.joint import joint_model
from jaxload.pipeline.chunks import blocks
from jaxload.pipeline.estimation.gravity_update import (
    reduced_errors,
    reduction_by_epoch,
)
from jaxload.pipeline.estimation.problem import Model
from jaxload.pipeline.estimation.record_shards import bind_record
from jaxload.pipeline.estimation.solution import Estimate
from jaxload.pipeline.estimation.uncertainty import (
    CellErrors,
    Errors,
    standard_deviations,
)
from jaxload.pipeline.fill.observed_means import (
    StudyMeans,
    WeighedMeans,
    less_load,
    weigh_means,
)
from jaxload.pipeline.fill.training import JointTraining, member_variance

__all__ = [
    "CalibratedPrior",
    "EnsembleEstimate",
    "MeansUpdate",
    "PriorMeanEnsemble",
    "VirtualDataEnsemble",
    "add_member_variance",
    "solve_about_mean",
    "total_uncertainty",
    "updated_by_means",
]

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class PriorMeanEnsemble:
    """Prior means of the load by the members of an ensemble.

    Attributes:
      members: Load at places [mm], or coefficients of other maps, shape (member, epoch,
        place).
      to_cells: Interpolation from places to cells, or these maps, shape (cell, place).
      moved: Displacement of rows by a unit of each, shape (row, place).
    """

    members: Floats
    to_cells: sparse.csr_array | Floats
    moved: Floats

    def residuals(self, up: Floats) -> Iterator[Floats]:
        """Residuals of `up` about each member's prior mean [mm], shape (epoch, row)."""
        return (up - mean @ self.moved.T for mean in self.members)

    def prior_load(self, member: int, epochs: slice) -> Floats:
        """Prior mean of a member [mm], shape (epoch, cell)."""
        return self.members[member][epochs] @ self.to_cells.T

    def of_regions(self, weights: Floats, time: NDArray[np.datetime64]) -> xr.Dataset:
        """Label the mean of all members over regions.

        Args:
          weights: Share of each cell in each region [-], shape (region, cell).
          time: Epochs, shape (epoch,).

        Returns:
          `twsa_prior_mean` (time, region) [mm].
        """
        values = self.members.mean(axis=0) @ (self.to_cells.T @ weights.T)
        labels = {
            "units": "mm",
            "long_name": "regional mean of water that the network predicts of weather",
        }
        means = {"twsa_prior_mean": (("time", "region"), values, labels)}
        return xr.Dataset(means, coords={"time": time})


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


@dataclasses.dataclass(frozen=True, eq=False)
class MeansUpdate:
    """Observed means that correct an estimate by heights.

    Attributes:
      study: The means of the study.
      prior: Of the inversion.
      weighed: How they are weighed; None where that is to be estimated first.
    """

    study: StudyMeans
    prior: inversion.Prior
    weighed: WeighedMeans | None = None


def solve_about_mean(
    training_data: joint_model.TrainingData,
    trained: JointTraining,
    prior_mean: PriorMeanEnsemble | None = None,
    means: MeansUpdate | None = None,
) -> tuple[Estimate, MeansUpdate | None]:
    """Invert residuals about the prior mean and add the mean to the load.

    Args:
      training_data: With the rows.
      trained: With the hyperparameters of the inversion.
      prior_mean: The prior mean; None for zero.
      means: Observed means over periods; None for none.

    Returns:
      The estimate, for all rows; and the means with their weights.
    """
    noise = joint_model.noise_of(training_data, trained.hyperparameters)
    up = np.asarray(training_data.displacement)
    mean, moved = np.zeros((len(up), 0)), np.zeros_like(up)
    if prior_mean is not None:
        mean = prior_mean.members.mean(axis=0)
        moved = mean @ prior_mean.moved.T
    beta = jnp.exp(trained.hyperparameters.log_beta)
    left = up - moved
    # Means over periods couple the epochs, which are on one device then.
    bind = bind_record if means is None else inversion.observations
    data = bind(left, noise)
    solution = inversion.solve_representers(training_data.problem, data, beta)
    left_out = inversion.leave_one_out_residual(solution)
    if means is not None:
        places = (None, None) if prior_mean is None else (mean, prior_mean.to_cells)
        weighed = weigh_means(means.study, solution, means.prior, *places)
        means = dataclasses.replace(means, weighed=weighed)
        solution = updated_by_means(solution, means, *places).solution
    fitted = np.asarray(solution.fitted) + moved
    terms = solution.terms
    if prior_mean is not None:
        terms = (*terms, inversion.Term(mean, prior_mean.to_cells))
    solution = dataclasses.replace(solution, fitted=fitted, terms=terms)
    estimate = Estimate(solution, noise, inversion.gather_epochs(left_out, data))
    return estimate, means


def updated_by_means(
    by_heights: inversion.RepresenterSolution,
    means: MeansUpdate,
    load: Floats | None,
    to_cells: Any,
) -> inversion.Assimilation:
    """Update an estimate by heights, about a prior mean, with observed means.

    Args:
      by_heights: With its factor, on one device.
      means: With their weights.
      load: The prior mean at places [mm], shape (epoch, place); None for zero.
      to_cells: Interpolation from places to cells, shape (cell, place).

    Returns:
      The `inversion.Assimilation`.
    """
    assert means.weighed is not None
    left = less_load(means.weighed.means, load, to_cells)
    compared = inversion.innovations(by_heights, means.prior, left)
    return inversion.assimilate(compared, means.weighed.model)


def total_uncertainty(
    study: config.Study,
    model: Model,
    estimated: EnsembleEstimate,
    calibrated: CalibratedPrior,
    weights: Floats,
    means: MeansUpdate | None = None,
) -> Errors:
    """Compute standard errors by the law of total variance over the ensemble.

    Args:
      study: Its `inversion.errors` says which are wanted.
      model: Of all rows.
      estimated: The estimate, and the predictions of the members.
      calibrated: Noise and weight of the prior.
      weights: Weight of each cell in the regions, shape (region, cell).
      means: Observed means over periods, with their weights; None for none.

    Returns:
      The errors.
    """
    ensemble = estimated.ensemble
    within = dataclasses.replace(estimated.estimate, noise=calibrated.noise)
    errors = standard_deviations(study, model, within, calibrated.beta, weights)
    if means is not None and errors.regions is not None:
        errors = _less_by_means(model, errors, calibrated, weights, means)
    if errors.regions is None or len(ensemble.members) < 2:
        return errors
    bound = inversion.observations(model.up, estimated.estimate.noise)
    solutions = [
        _member_solution(model, bound, up, estimated, (number, means))
        for number, up in enumerate(ensemble.residuals(model.up))
    ]
    return add_member_variance(errors, ensemble, solutions, weights)


def add_member_variance(
    errors: Errors,
    ensemble: PriorMeanEnsemble | VirtualDataEnsemble,
    solutions: Sequence[inversion.RepresenterSolution],
    weights: Floats,
) -> Errors:
    """Add the variance between members to standard errors.

    Args:
      errors: Within a member, with those of regions.
      ensemble: Predictions of the members.
      solutions: About the prior mean of each member.
      weights: Weight of each cell in the regions, shape (region, cell).

    Returns:
      The errors by the law of total variance.
    """
    assert errors.regions is not None

    def loads(epochs: slice) -> Floats:
        """Of the members [mm], shape (member, epoch, cell)."""
        each = [
            ensemble.prior_load(number, epochs) + inversion.load_at(solution, epochs)
            for number, solution in enumerate(solutions)
        ]
        return np.stack(each)

    between = np.concatenate(
        [
            member_variance(loads(epochs) @ weights.T)
            for epochs in blocks(len(errors.regions))
        ]
    )
    regions = np.sqrt(errors.regions**2 + between)
    cells = errors.cells and functools.partial(_total_of_cells, errors.cells, loads)
    means = errors.means
    if means is not None:
        # Members differ from month to month about as long as the rest does.
        rest_sd = np.sqrt(means.rest_sd**2 + between)
        means = dataclasses.replace(means, rest_sd=rest_sd)
    return dataclasses.replace(errors, regions=regions, cells=cells, means=means)


def _total_of_cells(
    within: Callable[[], Iterator[CellErrors]], loads: Callable[[slice], Floats]
) -> Iterator[CellErrors]:
    for part in within():
        spread = np.sqrt(member_variance(loads(part.epochs)))
        sd = np.hypot(part.sd, spread).astype(np.float32)
        yield dataclasses.replace(part, sd=sd)


def _less_by_means(
    model: Model,
    errors: Errors,
    calibrated: CalibratedPrior,
    weights: Floats,
    means: MeansUpdate,
) -> Errors:
    """Standard errors of heights, less what observed means take from them."""
    data = inversion.observations(np.asarray(model.up), calibrated.noise)
    solution = inversion.solve_representers(model.problem, data, calibrated.beta)
    # Variances do not depend on values.
    joint = updated_by_means(solution, means, None, None)
    target = inversion.averages(model.problem, model.prior, weights)
    reduction = reduction_by_epoch(joint, target, weights)
    return reduced_errors(model, errors, joint, reduction)


def _member_solution(
    model: Model,
    bound: inversion.Observations,
    up: Floats,
    estimated: EnsembleEstimate,
    member: tuple[int, MeansUpdate | None],
) -> inversion.RepresenterSolution:
    """What heights and means say beside the prior mean of one member."""
    data = dataclasses.replace(bound, values=jnp.asarray(up, bound.values.dtype))
    solution = inversion.solve_representers(model.problem, data, estimated.beta)
    (number, means), ensemble = member, estimated.ensemble
    if means is None:
        return solution
    places = (None, None)
    if isinstance(ensemble, PriorMeanEnsemble):
        places = ensemble.members[number], ensemble.to_cells
    return updated_by_means(solution, means, *places).solution

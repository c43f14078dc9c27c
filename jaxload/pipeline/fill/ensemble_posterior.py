"""Inversion about an ensemble of prior means, with between-member variance.

The prior mean is never held on all cells and epochs at once.
"""

import dataclasses
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
from jaxload.pipeline.estimation.solution import Estimate
from jaxload.pipeline.estimation.uncertainty import Errors, standard_deviations
from jaxload.pipeline.fill.training import JointTraining, member_variance

__all__ = [
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

    def left(self, up: Floats) -> Iterator[Floats]:
        """Residuals of `up` about each member's prior mean [mm], shape (epoch, row)."""
        return (up - told @ self.moved.T for told in self.members)

    def water(self, member: int, epochs: slice) -> Floats:
        """Prior mean of a member [mm], shape (epoch, cell)."""
        return self.members[member][epochs] @ self.to_cells.T


@dataclasses.dataclass(frozen=True, eq=False)
class VirtualDataEnsemble:
    """Displacement of virtual stations by the members of an ensemble.

    Attributes:
      members: Displacement [mm], shape (member, epoch, place).
    """

    members: Floats

    def left(self, up: Floats) -> Iterator[Floats]:
        """Heights with each member's virtual rows [mm], shape (epoch, row)."""
        seen = up.shape[1] - self.members.shape[2]
        return (np.concatenate([up[:, :seen], x], axis=1) for x in self.members)

    def water(self, member: int, epochs: slice) -> Floats:
        """Prior mean of the load: zero, shape (1, 1)."""
        del member, epochs
        return np.zeros((1, 1))


def solve_about_mean(
    training_data: joint_model.TrainingData,
    trained: JointTraining,
    expected: PriorMeanEnsemble | None = None,
) -> Estimate:
    """Invert residuals about the prior mean and add the mean to the load.

    Args:
      training_data: With the rows.
      trained: With the hyperparameters of the inversion.
      expected: The prior mean; None for zero.

    Returns:
      The estimate, for all rows.
    """
    noise = joint_model.noise_of(training_data, trained.numbers)
    up = np.asarray(training_data.displacement)
    mean = np.zeros((len(up), 0)) if expected is None else expected.members.mean(axis=0)
    moved = np.zeros_like(up) if expected is None else mean @ expected.moved.T
    beta = jnp.exp(trained.numbers.log_beta)
    data = inversion.observations(up - moved, noise)
    solution = inversion.solve(training_data.problem, data, beta)
    left_out = inversion.leave_one_out_residual(solution)
    fitted = np.asarray(solution.fitted) + moved
    solution = dataclasses.replace(solution, fitted=fitted)
    if expected is not None:
        # In place, and some epochs at a time: two whole records in memory, not more.
        load = np.array(solution.load)
        for epochs in blocks(len(load)):
            load[epochs] += mean[epochs] @ expected.to_cells.T
        solution = dataclasses.replace(solution, load=load)  # pyright: ignore[reportArgumentType]
    return Estimate(solution, noise, np.asarray(left_out))


def total_uncertainty(
    study: config.Study,
    model: Model,
    given: tuple[Estimate, JointTraining, PriorMeanEnsemble | VirtualDataEnsemble],
    believed: tuple[inversion.Noise, float],
    weights: Floats,
    watch: Callable[[float], None],
) -> Errors:
    """Compute standard errors by the law of total variance over the ensemble.

    Args:
      study: Says which are wanted.
      model: Of all rows.
      given: The estimate, the training, and the predictions of the members.
      believed: Calibrated noise and weight of the prior.
      weights: Weight of each cell in the regions, shape (region, cell).
      watch: Called with the share that is done.

    Returns:
      The errors.
    """
    found, trained, told = given
    noise, own = believed
    asked = (dataclasses.replace(found, noise=noise), own)
    errors = standard_deviations(study, model, asked, weights, watch)
    members = range(len(told.members))
    if errors.regions is None or len(members) < 2:
        return errors
    beta = float(jnp.exp(trained.numbers.log_beta))
    bound = inversion.observations(model.up, found.noise)
    multipliers = [
        np.asarray(_multiplier(model, bound, up, beta)) for up in told.left(model.up)
    ]
    cross = np.asarray(model.problem.cross)
    means, cells = [], errors.cells
    for epochs in blocks(len(errors.regions)):
        loads = np.stack(
            [told.water(n, epochs) + multipliers[n][epochs] @ cross.T for n in members]
        )
        means.append(member_variance(loads @ weights.T))
        if cells is not None:
            spread = np.sqrt(member_variance(loads))
            cells[epochs] = np.hypot(cells[epochs], spread)
    regions = np.sqrt(errors.regions**2 + np.concatenate(means))
    return dataclasses.replace(errors, regions=regions, cells=cells)


def _multiplier(
    model: Model, bound: inversion.Observations, up: Floats, beta: float
) -> Array:
    """The multipliers of other values of the same observations."""
    data = dataclasses.replace(bound, values=jnp.asarray(up, bound.values.dtype))
    return inversion.factorise(model.problem, data, beta).solved.multiplier

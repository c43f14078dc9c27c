"""Virtual stations, whose displacement a network predicts, among the training data."""

import dataclasses
from collections.abc import Callable

import jax.numpy as jnp
from jax import Array
from jax.lax import Precision

from jaxload.gapfill.joint.joint_model import (
    Hyperparameters,
    Parameters,
    TrainingData,
    gaussian_nll,
    predict_displacement,
)
from jaxload.gapfill.joint.mean_rows import MeanRows, less_predicted
from jaxload.inversion import Problem, given_last_rows

__all__ = [
    "condition_on_virtual_rows",
    "fill_with_network",
    "of_stations_only",
    "with_virtual_rows",
]


def fill_with_network(
    parameters: Parameters, training_data: TrainingData, segment: int | None = None
) -> tuple[TrainingData, Callable[[Hyperparameters, Array], Array]]:
    """Predict virtual stations by a network, with its likelihood at stations.

    Args:
      parameters: Of one member.
      training_data: In the form of displacement.
      segment: As in `Predictor`.

    Returns:
      The `TrainingData` with virtual rows; and a function of the negative log
      likelihood per observation of stations by the network alone, from hyperparameters
      and which rows count.
    """
    mean, sd = predict_displacement(
        parameters,
        training_data.features,
        drivers=training_data.drivers,
        segment=segment,
    )
    # A prediction that is not finite is no missing datum: every density is NaN then.
    finite = jnp.isfinite(mean).all()
    mean, sd = jnp.where(finite, mean, 0), jnp.where(finite, sd, jnp.nan)
    count = len(training_data.folds.distance)
    with_virtual = with_virtual_rows(training_data, mean[:, count:], sd[count:])

    def network_nll(hyperparameters: Hyperparameters, rows: Array) -> Array:
        error = training_data.sigma[:count] * jnp.exp(hyperparameters.log_noise_factor)
        rest = training_data.displacement[:, :count] - mean[:, :count]
        return gaussian_nll(rest, sd[:count] ** 2 + error**2, rows[:count])

    return with_virtual, network_nll


def of_stations_only(training_data: TrainingData) -> TrainingData:
    """Leave the places of virtual stations out, where only stations are compared.

    Args:
      training_data: In the form of displacement.

    Returns:
      The `TrainingData` whose places and rows are those of the stations.
    """
    count = len(training_data.folds.distance)
    drivers = {
        name: values if name == "days" else values[:, :count]
        for name, values in training_data.drivers.items()
    }
    return dataclasses.replace(
        training_data,
        displacement=training_data.displacement[:, :count],
        sigma=training_data.sigma[:count],
        features=training_data.features[:, :count],
        drivers=drivers,
    )


def with_virtual_rows(
    training_data: TrainingData, mean: Array, sd: Array
) -> TrainingData:
    """Put displacement and its standard deviation into the virtual rows.

    Args:
      training_data: In the form of displacement.
      mean: Displacement of the virtual stations [mm], shape (epoch, place).
      sd: Its standard deviation [mm], shape (place,).

    Returns:
      The `TrainingData` with virtual rows.
    """
    seen = training_data.observed
    up = jnp.concatenate([training_data.displacement[:, :seen], mean], axis=1)
    sigma = jnp.concatenate([training_data.sigma[:seen], sd])
    return dataclasses.replace(training_data, displacement=up, sigma=sigma)


def condition_on_virtual_rows(
    filled: TrainingData, hyperparameters: Hyperparameters
) -> TrainingData:
    """Condition prior and training data on the virtual rows.

    Args:
      filled: From `fill_with_network`.
      hyperparameters: Of one member.

    Returns:
      The `TrainingData` of all other rows, less their mean given the virtual rows.
    """
    seen = filled.observed
    if seen == len(filled.sigma):
        return filled
    means = filled.means
    count = 0 if means is None else len(means.observed.design)
    problem, predicted = given_last_rows(
        filled.problem if means is None else _with_means(filled.problem, means),
        filled.displacement[:, seen:],
        filled.sigma[seen:],
        jnp.exp(hyperparameters.log_beta),
    )
    if means is not None:
        problem, means = _parted(problem, means, predicted)
        predicted = predicted[:, count:]
    return dataclasses.replace(
        filled,
        problem=problem,
        displacement=filled.displacement[:, :seen] - predicted,
        sigma=filled.sigma[:seen],
        features=filled.features[:, : len(filled.folds.distance)],
        means=means,
    )


def _with_means(problem: Problem, means: MeanRows) -> Problem:
    """A problem whose first rows are the observed means, and nothing else changed."""
    design, cross = means.observed.design, means.observed.cross
    whole = jnp.concatenate([design, problem.design])
    across = jnp.concatenate([cross, problem.cross], axis=1)
    return Problem(
        whole,
        across,
        jnp.einsum("rc,cs->rs", whole, across, precision=Precision.HIGHEST),
        problem.null_space,
        jnp.concatenate([design @ problem.null_space, problem.null_space_response]),
    )


def _parted(
    problem: Problem, means: MeanRows, predicted: Array
) -> tuple[Problem, MeanRows]:
    """The rows of a conditioned problem, and the means less their prediction."""
    count = len(means.observed.design)
    observed = dataclasses.replace(means.observed, cross=problem.cross[:, :count])
    rows = Problem(
        problem.design[count:],
        problem.cross[:, count:],
        problem.gram[count:, count:],
        problem.null_space,
        problem.null_space_response[count:],
    )
    means = dataclasses.replace(means, observed=observed)
    return rows, less_predicted(means, predicted[:, :count])

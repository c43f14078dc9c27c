"""Uncertainty of an inversion with a network, calibrated on held-out neighbourhoods.

The hyperparameters of the training are overconfident: network and inversion were fitted
to the same heights, and training stations carry no information on errors that the
network makes over a whole neighbourhood. Held-out neighbourhoods do. Hyperparameters
that minimise the held-out negative log predictive density are used for standard errors;
those of the training remain better for the mean, which they keep from following noise
that lasts longer than an epoch.
"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
from jax import Array
from numpy.typing import NDArray

from jaxload.gapfill.joint.joint_model import (
    Hyperparameters,
    Parameters,
    TrainingData,
    negative_log_predictive_density,
    predict_displacement,
    subtract_prior_mean,
    unstack_members,
)
from jaxload.gapfill.joint.virtual_rows import (
    condition_on_virtual_rows,
    with_virtual_rows,
)
from jaxload.inversion import find_pattern

__all__ = ["calibrate", "calibrate_virtual"]

#: Bounds of a hyperparameter, as a factor up or down from its initial value.
BOUND_FACTOR = 100.0

MOST_ITERATIONS = 40


def calibrate(
    training_data: TrainingData, parameters: Parameters, *, every: int = 1
) -> Hyperparameters:
    """Find the hyperparameters of the largest held-out predictive density.

    Args:
      training_data: In the form of water.
      parameters: Of all members, an axis of members first; their networks stay as they
        are.
      every: Stride of the epochs that are used.

    Returns:
      The hyperparameters for all members together, each of shape ().

    Example:
      >>> best = calibrate(training_data, learned.last.parameters)
      >>> noise, beta = noise_of(training_data, best), jnp.exp(best.log_beta)
    """
    rest = jax.jit(
        lambda one, training_data: subtract_prior_mean(one, training_data).displacement
    )
    residuals = [
        (rest(one, training_data)[::every],) for one in unstack_members(parameters)
    ]
    thin = _thinned(training_data, every)
    best = _minimise(_held_out_nlpd, thin, residuals, _begin(parameters))
    return Hyperparameters(*(jnp.asarray(x) for x in best))


def calibrate_virtual(
    training_data: TrainingData, parameters: Parameters, *, every: int = 1
) -> tuple[Hyperparameters, Array]:
    """Find hyperparameters and the uncertainty of virtual stations likewise.

    Args:
      training_data: In the form of displacement, with virtual stations.
      parameters: As in `calibrate`.
      every: Likewise.

    Returns:
      The hyperparameters for all members together, and the factor on the standard
      deviations of virtual stations, each of shape ().
    """
    predict = jax.jit(predict_displacement)
    count, filled = len(training_data.folds.distance), []
    for one in unstack_members(parameters):
        mean, sd = predict(one, training_data.features, drivers=training_data.drivers)
        filled.append((mean[::every, count:], sd[count:]))
    begin = np.append(_begin(parameters), 0.0)
    best = _minimise(
        _held_out_nlpd_virtual, _thinned(training_data, every), filled, begin
    )
    return Hyperparameters(*(jnp.asarray(x) for x in best[:3])), jnp.exp(best[3])


def _begin(parameters: Parameters) -> NDArray[np.float64]:
    of_members = dataclasses.astuple(parameters.inversion)
    return np.array([float(jnp.mean(logarithms)) for logarithms in of_members])


def _thinned(training_data: TrainingData, every: int) -> TrainingData:
    """Some of the epochs; which values are missing is the same for all members.

    Observed means over periods are left out: weight and noise are those of heights.
    """
    some = training_data.displacement[::every]
    return dataclasses.replace(
        training_data,
        displacement=some,
        features=training_data.features[:1],
        drivers={},
        means=None,
        pattern=find_pattern(np.asarray(some)[:, : training_data.observed]),
    )


def _minimise(
    loss: Callable[..., Array],
    training_data: TrainingData,
    member_inputs: list[tuple[Array, ...]],
    begin: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Minimise the mean loss of the members over logarithms of hyperparameters."""
    slope = jax.jit(jax.value_and_grad(loss))
    held_out, target_rows = (
        training_data.folds.held_out,
        training_data.folds.target_rows,
    )
    rows = [(a, h & ~a) for a, h in zip(target_rows, held_out)]

    def mean(
        log_hyperparameters: NDArray[np.float64],
    ) -> tuple[float, NDArray[np.float64]]:
        values_and_slopes = [
            slope(
                jnp.asarray(log_hyperparameters),
                training_data,
                *inputs,
                *rows_of_member,
            )
            for inputs, rows_of_member in zip(member_inputs, rows)
        ]
        value = np.mean([float(value) for value, _ in values_and_slopes])
        return float(value), np.mean(
            [np.asarray(by) for _, by in values_and_slopes], axis=0
        )

    reach = np.log(BOUND_FACTOR)
    best = scipy.optimize.minimize(
        mean,
        begin,
        jac=True,
        method="L-BFGS-B",
        bounds=[(x - reach, x + reach) for x in begin],
        options={"maxiter": MOST_ITERATIONS},
    )
    return best.x


def _held_out_nlpd(
    log_values: Array,
    training_data: TrainingData,
    residuals: Array,
    target_rows: Array,
    masked: Array,
) -> Array:
    rest = dataclasses.replace(training_data, displacement=residuals)
    return negative_log_predictive_density(
        rest, Hyperparameters(*log_values), target_rows, masked
    )


def _held_out_nlpd_virtual(
    log_values: Array,
    training_data: TrainingData,
    mean: Array,
    sd: Array,
    target_rows: Array,
    masked: Array,
) -> Array:
    hyperparameters = Hyperparameters(*log_values[:3])
    rest = condition_on_virtual_rows(
        with_virtual_rows(training_data, mean, sd * jnp.exp(log_values[3])),
        hyperparameters,
    )
    seen = len(rest.sigma)
    return negative_log_predictive_density(
        rest, hyperparameters, target_rows[:seen], masked[:seen]
    )

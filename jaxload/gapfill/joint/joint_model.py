"""A network trained through the inversion: data, parameters, predictions, densities.

In both forms one network serves all places. It reads weather and place and never sees
water: it is trained on the displacement of stations alone.

* *Load* ("water"): the network predicts the prior mean m of the load at every place and
  epoch, and the inversion updates it. It is trained by the evidence of the heights,
  ``log N(d; G m, G C G' / beta^2 + factor^2 Sigma + tau^2 11')``, together with beta,
  the noise factor and tau, and by its likelihood at each station by itself. A signal
  that all stations share counts for little in the evidence, which can take it for a
  common mode or leave it to the update; neither reaches cells far from all stations.
* *Displacement*: the network predicts mean and standard deviation of displacement at
  virtual stations, which enter the inversion as further rows. It is trained by the
  predictive density of held-out neighbourhoods, drawn anew at every step, and by its
  likelihood at the stations. *Two stages* use the latter alone.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxload.gapfill.joint.held_out_rows import Folds
from jaxload.gapfill.joint.inversion_numbers import (
    Hyperparameters,
    InitialHyperparameters,
)
from jaxload.gapfill.joint.mean_rows import means_less_load
from jaxload.gapfill.joint.training_data import TrainingData, make_training_data
from jaxload.gapfill.models.protocol import (
    LOAD_SCALE_MM,
    UPLIFT_SCALE_MM,
    Drivers,
    ModelSizes,
    Predictor,
    run_network,
)
from jaxload.gapfill.models.recurrent import Recurrent
from jaxload.gapfill.networks.lstm import NetworkSize
from jaxload.inversion import (
    Noise,
    factorise,
    log_evidence,
    means_log_evidence,
    observations,
)

__all__ = [
    "Folds",
    "Hyperparameters",
    "InitialHyperparameters",
    "Parameters",
    "TrainingData",
    "check_predictions",
    "count_all_observations",
    "count_observations",
    "gaussian_nll",
    "initial_parameters",
    "is_station",
    "make_training_data",
    "masked_log_evidence",
    "negative_log_predictive_density",
    "noise_of",
    "predict_displacement",
    "predict_load",
    "subtract_prior_mean",
    "unstack_members",
]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Parameters:
    """Parameters that are trained.

    Attributes:
      network: The network for all places, a `Predictor` of any architecture.
      inversion: Hyperparameters of the inversion.
    """

    network: Any
    inversion: Hyperparameters


def initial_parameters(
    network: NetworkSize | Callable[[Array], Predictor],
    hyperparameters: InitialHyperparameters,
    keys: Array,
) -> Parameters:
    """Draw initial parameters.

    Args:
      network: Draws a network from a key, as `Architecture.build` does; or the size of
        a long short-term memory. Those that come with jaxload begin with zero, or with
        what their physics predict, so that the first step starts from the inversion
        without a network.
      hyperparameters: Of the inversion.
      keys: Of `jax.random.split`, one for each member, shape (member,).

    Returns:
      The `Parameters`, an axis of members first.
    """
    drawn = jax.vmap(_drawing(network))(keys)
    initial = (
        hyperparameters.beta,
        hyperparameters.noise_factor,
        hyperparameters.common_mode_sd,
    )
    logarithm = jnp.log(jnp.asarray(initial, jnp.float64))
    each = (jnp.broadcast_to(value, keys.shape) for value in logarithm)
    return Parameters(drawn, Hyperparameters(*each))


def _drawing(
    network: NetworkSize | Callable[[Array], Predictor],
) -> Callable[[Array], Predictor]:
    if not isinstance(network, NetworkSize):
        return network
    sizes = ModelSizes(network.features, network.outputs)
    return lambda key: Recurrent(network.hidden).build(sizes, key)


def unstack_members(parameters: Parameters) -> list[Parameters]:
    """Split the parameters of an ensemble into those of its members.

    Args:
      parameters: An axis of members first.

    Returns:
      The parameters of each.
    """
    take = lambda number: jax.tree.map(lambda values: values[number], parameters)
    return [take(number) for number in range(len(parameters.inversion.log_beta))]


def predict_load(
    parameters: Parameters,
    features: Array,
    *,
    drivers: Drivers | None = None,
    segment: int | None = None,
) -> Array:
    """Predict the prior mean of the load by one network.

    Args:
      parameters: Of one member.
      features: Shape (epoch, place, feature).
      drivers: As in `TrainingData`; None for none.
      segment: As in `Predictor`.

    Returns:
      Anomaly of the load [mm], of mean zero in time, shape (epoch, place), float64.
    """
    output = run_network(parameters.network, features, drivers, segment)[..., 0]
    return _anomaly(LOAD_SCALE_MM * output.astype(jnp.float64))


def predict_displacement(
    parameters: Parameters,
    features: Array,
    *,
    drivers: Drivers | None = None,
    segment: int | None = None,
) -> tuple[Array, Array]:
    """Predict displacement and its standard deviation by one network.

    Args:
      parameters: Of one member, with two outputs.
      features: Shape (epoch, place, feature).
      drivers: As in `TrainingData`; None for none.
      segment: As in `Predictor`.

    Returns:
      Anomaly of the displacement [mm], of mean zero in time, shape (epoch, place), and
      its standard deviation [mm], the same at all epochs, shape (place,); float64.
    """
    output = run_network(parameters.network, features, drivers, segment)
    output = output.astype(jnp.float64)
    size = jnp.exp(jnp.mean(output[..., 1], axis=0))
    return _anomaly(UPLIFT_SCALE_MM * output[..., 0]), UPLIFT_SCALE_MM * size


def _anomaly(values: Array) -> Array:
    return values - jnp.mean(values, axis=0, keepdims=True)


def noise_of(training_data: TrainingData, hyperparameters: Hyperparameters) -> Noise:
    """Make the noise model of the rows from hyperparameters.

    Args:
      training_data: With standard errors.
      hyperparameters: Of one member.

    Returns:
      The `Noise`.
    """
    of_station = is_station(training_data)
    factor = jnp.where(of_station, jnp.exp(hyperparameters.log_noise_factor), 1)
    common = jnp.exp(2 * hyperparameters.log_common_mode_sd)
    return Noise(training_data.sigma * factor, common=common, common_rows=of_station)


def subtract_prior_mean(
    parameters: Parameters, training_data: TrainingData, segment: int | None = None
) -> TrainingData:
    """Subtract the displacement by the prior mean that a network predicts.

    Args:
      parameters: Of one member.
      training_data: In the form of water.
      segment: As in `Predictor`.

    Returns:
      The `TrainingData` with the residual displacement, for the inversion.
    """
    load = predict_load(
        parameters,
        training_data.features,
        drivers=training_data.drivers,
        segment=segment,
    )
    # A prediction that is not finite is no missing datum: every density is NaN then.
    finite = jnp.isfinite(load).all()
    load = jnp.where(finite, load, 0)
    moved = jnp.einsum("ep,rp->er", load, training_data.moved)
    means = training_data.means
    return dataclasses.replace(
        training_data,
        displacement=training_data.displacement - moved,
        sigma=jnp.where(finite, training_data.sigma, jnp.nan),
        means=None if means is None else means_less_load(means, load),
    )


def check_predictions(members: Sequence[ArrayLike]) -> None:
    """Check that what members of an ensemble predict is finite.

    Args:
      members: Prediction of each member, any shape.

    Raises:
      ValueError: If one is not.
    """
    bad = [n for n, one in enumerate(members) if not np.isfinite(one).all()]
    if bad:
        raise ValueError(
            f"network {bad[0] + 1} of {len(members)} predicts values that are not "
            "finite; use a smaller gapfill.learning_rate, or see whether the weather "
            "has missing values"
        )


def negative_log_predictive_density(
    training_data: TrainingData,
    hyperparameters: Hyperparameters,
    target_rows: Array,
    masked: Array | None = None,
) -> Array:
    """Compute the negative log predictive density of rows given all others.

    Args:
      training_data: With residuals about the prior mean.
      hyperparameters: Of one member.
      target_rows: Rows that are predicted, boolean, shape (row,).
      masked: Rows that are excluded, boolean, shape (row,); None for none.

    Returns:
      The negative log predictive density per observation, ().
    """
    masked = jnp.zeros_like(target_rows) if masked is None else masked
    both = masked_log_evidence(training_data, hyperparameters, masked)
    others = masked_log_evidence(training_data, hyperparameters, masked | target_rows)
    return -(both - others) / count_observations(training_data, target_rows)


def masked_log_evidence(
    training_data: TrainingData, hyperparameters: Hyperparameters, masked: Array
) -> Array:
    """Compute the log marginal likelihood of all rows except the masked ones.

    It is the joint one of these rows and of the observed means over periods.

    Args:
      training_data: With residuals about the prior mean.
      hyperparameters: Of one member.
      masked: Rows that are excluded, boolean, shape (row,).

    Returns:
      Log marginal likelihood of the other rows, ().
    """
    data = observations(
        training_data.displacement,
        noise_of(training_data, hyperparameters),
        pattern=training_data.pattern,
    )
    data = dataclasses.replace(data, used=~masked)
    beta = jnp.exp(hyperparameters.log_beta)
    factor = factorise(training_data.problem, data, beta)
    means = training_data.means
    if means is None:
        return log_evidence(factor)
    return log_evidence(factor) + means_log_evidence(
        factor, means.observed, means.model
    )


def gaussian_nll(rest: Array, variance: Array, rows: Array) -> Array:
    """Compute the Gaussian negative log likelihood of rows with independent errors.

    Args:
      rest: Residuals [mm], shape (epoch, row); NaN if missing.
      variance: Of each row [mm^2], shape (row,).
      rows: Which ones count, boolean, shape (row,).

    Returns:
      The negative log likelihood per observation, ().
    """
    seen, variance = jnp.isfinite(rest) & rows[None, :], variance[None, :]
    density = jnp.where(seen, rest, 0) ** 2 / variance + jnp.log(2 * jnp.pi * variance)
    count = jnp.maximum(jnp.sum(seen), 1).astype(rest.dtype)
    return jnp.sum(jnp.where(seen, density, 0)) / 2 / count


def is_station(training_data: TrainingData) -> Array:
    """Mark the rows that are stations.

    Args:
      training_data: Any.

    Returns:
      Boolean, shape (row,).
    """
    return jnp.arange(len(training_data.sigma)) < len(training_data.folds.distance)


def count_observations(training_data: TrainingData, rows: Array) -> Array:
    """Count the observations of rows.

    Args:
      training_data: Any.
      rows: Which ones, boolean, shape (row,).

    Returns:
      Their number, 1 if there are none, ().
    """
    seen = jnp.isfinite(training_data.displacement) & rows[None, :]
    return jnp.maximum(jnp.sum(seen), 1).astype(training_data.sigma.dtype)


def count_all_observations(training_data: TrainingData, rows: Array) -> Array:
    """Count the observations of rows, and the observed means over periods.

    Args:
      training_data: Any.
      rows: Which ones, boolean, shape (row,).

    Returns:
      Their number, ().
    """
    count = count_observations(training_data, rows)
    if training_data.means is None:
        return count
    known = jnp.isfinite(training_data.means.observed.values)
    return count + jnp.sum(known).astype(count.dtype)

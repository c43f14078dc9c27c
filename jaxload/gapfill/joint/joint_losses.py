"""Training and validation losses of networks trained through the inversion."""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from jaxload.gapfill.joint.joint_model import (
    Parameters,
    TrainingData,
    count_all_observations,
    gaussian_nll,
    masked_log_evidence,
    negative_log_predictive_density,
    subtract_prior_mean,
)
from jaxload.gapfill.joint.mean_rows import station_like_residuals
from jaxload.gapfill.joint.virtual_rows import (
    condition_on_virtual_rows,
    fill_with_network,
)
from jaxload.gapfill.models.protocol import log_prior
from jaxload.gapfill.training.optimise import Objective
from jaxload.gapfill.training.spatial_folds import sample_neighbourhoods

__all__ = [
    "joint_displacement_losses",
    "joint_load_losses",
    "network_only_losses",
    "pretraining_load_losses",
]


@functools.cache
def joint_load_losses(
    segment: int | None = None, likelihood_weight: float = 1.0
) -> tuple[Objective, Objective]:
    """Make training and validation loss of joint training on the load.

    Args:
      segment: As in `Predictor`.
      likelihood_weight: Weight of the network's own likelihood beside the evidence; 0
        for the exact evidence alone.

    Returns:
      Minus the log evidence of a member's training rows, plus `likelihood_weight` times
      the loss of `pretraining_load_losses`; and minus the log density of the held-out
      rows given those; both per observation. For `optimise.train_members`, with
      `TrainingData` as data.
    """

    def loss(
        parameters: Parameters, training_data: TrainingData, held_out: Array, key: Array
    ) -> Array:
        del key
        rest = subtract_prior_mean(parameters, training_data, segment)
        log_evidence = masked_log_evidence(rest, parameters.inversion, held_out)
        count = count_all_observations(training_data, ~held_out)
        network = likelihood_weight * _station_nll(rest, ~held_out)
        return network - log_evidence / count

    def score(
        parameters: Parameters,
        training_data: TrainingData,
        held_out: Array,
        target_rows: Array,
    ) -> Array:
        rest = subtract_prior_mean(parameters, training_data, segment)
        return negative_log_predictive_density(
            rest, parameters.inversion, target_rows, held_out & ~target_rows
        )

    return _member_losses(loss), _validation_losses(score)


@functools.cache
def pretraining_load_losses(
    segment: int | None = None,
) -> tuple[Objective, Objective]:
    """Make training and validation loss of pre-training on the load.

    Args:
      segment: As in `Predictor`.

    Returns:
      Negative log likelihood per observation of a member's training rows with
      independent errors, each of the most likely variance, at least its standard error
      squared: rows that weather does not predict then count for little. And the same
      of the held-out rows. For `optimise.train_members`, with `TrainingData` as data.
    """

    def nll(
        parameters: Parameters,
        training_data: TrainingData,
        rows: Array,
        *,
        training: bool,
    ) -> Array:
        rest = subtract_prior_mean(parameters, training_data, segment)
        return _station_nll(rest, rows, with_means=training)

    return _training_and_validation(nll)


@functools.cache
def joint_displacement_losses(
    segment: int | None = None, likelihood_weight: float = 1.0
) -> tuple[Objective, Objective]:
    """Make training and validation loss of joint training on displacement.

    Args:
      segment: As in `Predictor`.
      likelihood_weight: Weight of the network's own likelihood beside the predictive
        density.

    Returns:
      Negative log predictive density per observation of neighbourhoods held out at this
      step, plus `likelihood_weight` times the negative log likelihood of all stations
      by the network alone; and the former for the held-out rows. For
      `optimise.train_members`.
    """

    def loss(
        parameters: Parameters, training_data: TrainingData, held_out: Array, key: Array
    ) -> Array:
        with_virtual, network_nll = fill_with_network(
            parameters, training_data, segment
        )
        folds = training_data.folds
        fold = sample_neighbourhoods(
            folds.distance, folds.radius, folds.neighbourhoods_per_step, key
        )
        rest = condition_on_virtual_rows(with_virtual, parameters.inversion)
        fold = jnp.pad(fold, (0, len(rest.sigma) - len(fold)))
        masked = held_out[: len(fold)]
        nll = negative_log_predictive_density(
            rest, parameters.inversion, fold & ~masked, masked
        )
        nll = nll + _means_nll(rest, parameters, masked)
        return nll + likelihood_weight * network_nll(parameters.inversion, ~held_out)

    def score(
        parameters: Parameters,
        training_data: TrainingData,
        held_out: Array,
        target_rows: Array,
    ) -> Array:
        with_virtual = fill_with_network(parameters, training_data, segment)[0]
        rest = condition_on_virtual_rows(with_virtual, parameters.inversion)
        rows, masked = (
            x[: len(rest.sigma)] for x in (target_rows, held_out & ~target_rows)
        )
        return negative_log_predictive_density(rest, parameters.inversion, rows, masked)

    return _member_losses(loss), _validation_losses(score)


@functools.cache
def network_only_losses(segment: int | None = None) -> tuple[Objective, Objective]:
    """Make training and validation loss of the network alone, to be inverted later.

    Args:
      segment: As in `Predictor`.

    Returns:
      Negative log likelihood per observation of stations by the network: of training
      rows, and of held-out rows. For `optimise.train_members`.
    """

    def nll(
        parameters: Parameters,
        training_data: TrainingData,
        rows: Array,
        *,
        training: bool,
    ) -> Array:
        del training  # means over periods are none of what is predicted here
        return fill_with_network(parameters, training_data, segment)[1](
            parameters.inversion, rows
        )

    return _training_and_validation(nll)


def _means_nll(rest: TrainingData, parameters: Parameters, masked: Array) -> Array:
    """Negative log density of observed means given the heights, per mean."""
    if rest.means is None:
        return jnp.zeros((), rest.sigma.dtype)
    without = dataclasses.replace(rest, means=None)
    both, heights = (
        masked_log_evidence(one, parameters.inversion, masked)
        for one in (rest, without)
    )
    known = jnp.sum(jnp.isfinite(rest.means.observed.values))
    return -(both - heights) / known.astype(both.dtype)


def _station_nll(
    training_data: TrainingData, rows: Array, *, with_means: bool = True
) -> Array:
    """Negative log likelihood of rows, each with its most likely variance.

    That of observed means over periods is added as if these were rows too.
    """
    rest = training_data.displacement
    variance = _likely_variance(rest, training_data.sigma, rows)
    nll = gaussian_nll(rest, variance, rows)
    if training_data.means is None or not with_means:
        return nll
    left, sigma = station_like_residuals(training_data.means)
    each = jnp.ones(len(sigma), bool)
    of_means = gaussian_nll(left, _likely_variance(left, sigma, each), each)
    whole = count_all_observations(training_data, rows)
    share = jnp.sum(jnp.isfinite(left)).astype(whole.dtype) / whole
    return (1 - share) * nll + share * of_means


def _likely_variance(rest: Array, sigma: Array, rows: Array) -> Array:
    """Mean square of each row, at least that of its standard error, (row,)."""
    seen = jnp.isfinite(rest) & rows[None, :]
    number = jnp.maximum(jnp.sum(seen, axis=0), 1).astype(rest.dtype)
    mean = jnp.sum(jnp.where(seen, rest, 0) ** 2, axis=0) / number
    return jnp.maximum(mean, sigma**2)


def _training_and_validation(
    nll: Callable[..., Array],
) -> tuple[Objective, Objective]:
    """One loss of a member's training rows, and of its validation rows."""

    def loss(
        parameters: Parameters, training_data: TrainingData, held_out: Array, key: Array
    ) -> Array:
        del key
        return nll(parameters, training_data, ~held_out, training=True)

    def score(
        parameters: Parameters,
        training_data: TrainingData,
        held_out: Array,
        target_rows: Array,
    ) -> Array:
        del held_out
        return nll(parameters, training_data, target_rows, training=False)

    return _member_losses(loss), _validation_losses(score)


def _member_losses(one: Callable[..., Array]) -> Objective:
    """The training loss of every member, with the prior of its parameters."""

    def with_prior(
        parameters: Parameters, training_data: TrainingData, held_out: Array, key: Array
    ) -> Array:
        loss = one(parameters, training_data, held_out, key)
        data = (training_data.features, training_data.drivers)
        density = log_prior(parameters.network, *data)
        if density is None:
            return loss
        count = count_all_observations(training_data, ~held_out)
        return loss - density.astype(loss.dtype) / count

    def every(parameters: Parameters, training_data: TrainingData, key: Array) -> Array:
        held_out = training_data.folds.held_out
        keys = training_data.folds.keys(key)
        return jax.vmap(with_prior, in_axes=(0, None, 0, 0))(
            parameters, training_data, held_out, keys
        )

    return every


def _validation_losses(one: Callable[..., Array]) -> Objective:
    def every(parameters: Parameters, training_data: TrainingData, key: Array) -> Array:
        del key
        held_out, target_rows = (
            training_data.folds.held_out,
            training_data.folds.target_rows,
        )
        return jax.vmap(one, in_axes=(0, None, 0, 0))(
            parameters, training_data, held_out, target_rows
        )

    return every

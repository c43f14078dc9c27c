"""Training and validation losses of networks trained through the inversion."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from jaxload.gapfill.joint.joint_model import (
    Parameters,
    TrainingData,
    count_observations,
    gaussian_nll,
    masked_log_evidence,
    negative_log_predictive_density,
    subtract_prior_mean,
)
from jaxload.gapfill.joint.virtual_rows import (
    condition_on_virtual_rows,
    fill_with_network,
)
from jaxload.gapfill.training.optimise import Objective
from jaxload.gapfill.training.spatial_folds import sample_neighbourhoods

__all__ = [
    "joint_displacement_losses",
    "joint_load_losses",
    "network_only_losses",
    "pretraining_load_losses",
]


def joint_load_losses(
    segment: int | None = None, own: float = 1.0
) -> tuple[Objective, Objective]:
    """Make training and validation loss of joint training on the load.

    Args:
      segment: As in `lstm.apply`.
      own: Weight of the network's own likelihood beside the evidence; 0 for the exact
        evidence alone.

    Returns:
      Minus the log evidence of a member's training rows, plus `own` times what
      `pretraining_load_losses` minimises; and minus the log density of the held-out
      rows given those; both per observation. For `optimise.train_members`, with
      `TrainingData` as data.
    """

    def loss(
        parameters: Parameters, training_data: TrainingData, held: Array, key: Array
    ) -> Array:
        del key
        rest = subtract_prior_mean(parameters, training_data, segment)
        said = masked_log_evidence(rest, parameters.inversion, held)
        return own * _station_nll(rest, ~held) - said / count_observations(
            training_data, ~held
        )

    def score(
        parameters: Parameters, training_data: TrainingData, held: Array, watched: Array
    ) -> Array:
        rest = subtract_prior_mean(parameters, training_data, segment)
        return negative_log_predictive_density(
            rest, parameters.inversion, watched, held & ~watched
        )

    return _member_losses(loss), _validation_losses(score)


def pretraining_load_losses(
    segment: int | None = None,
) -> tuple[Objective, Objective]:
    """Make training and validation loss of pre-training on the load.

    Args:
      segment: As in `lstm.apply`.

    Returns:
      Negative log likelihood per observation of a member's training rows with
      independent errors, each of the most likely variance, at least its standard error
      squared: rows that weather does not predict then count for little. And the same
      of the held-out rows. For `optimise.train_members`, with `TrainingData` as data.
    """

    def missed(
        parameters: Parameters, training_data: TrainingData, rows: Array
    ) -> Array:
        return _station_nll(
            subtract_prior_mean(parameters, training_data, segment), rows
        )

    return _training_and_validation(missed)


def joint_displacement_losses(
    segment: int | None = None, own: float = 1.0
) -> tuple[Objective, Objective]:
    """Make training and validation loss of joint training on displacement.

    Args:
      segment: As in `lstm.apply`.
      own: Weight of the network's own likelihood beside the predictive density.

    Returns:
      Negative log predictive density per observation of neighbourhoods held out at this
      step, plus `own` times the negative log likelihood of all stations by the network
      alone; and the former for the held-out rows. For `optimise.train_members`.
    """

    def loss(
        parameters: Parameters, training_data: TrainingData, held: Array, key: Array
    ) -> Array:
        filled, by_itself = fill_with_network(parameters, training_data, segment)
        folds = training_data.folds
        fold = sample_neighbourhoods(folds.distance, folds.radius, folds.centres, key)
        rest = condition_on_virtual_rows(filled, parameters.inversion)
        fold = jnp.pad(fold, (0, len(rest.sigma) - len(fold)))
        masked = held[: len(fold)]
        missed = negative_log_predictive_density(
            rest, parameters.inversion, fold & ~masked, masked
        )
        return missed + own * by_itself(parameters.inversion, ~held)

    def score(
        parameters: Parameters, training_data: TrainingData, held: Array, watched: Array
    ) -> Array:
        filled = fill_with_network(parameters, training_data, segment)[0]
        rest = condition_on_virtual_rows(filled, parameters.inversion)
        target_rows, masked = (x[: len(rest.sigma)] for x in (watched, held & ~watched))
        return negative_log_predictive_density(
            rest, parameters.inversion, target_rows, masked
        )

    return _member_losses(loss), _validation_losses(score)


def network_only_losses(segment: int | None = None) -> tuple[Objective, Objective]:
    """Make training and validation loss of the network alone, to be inverted later.

    Args:
      segment: As in `lstm.apply`.

    Returns:
      Negative log likelihood per observation of stations by the network: of training
      rows, and of held-out rows. For `optimise.train_members`.
    """

    def missed(
        parameters: Parameters, training_data: TrainingData, rows: Array
    ) -> Array:
        return fill_with_network(parameters, training_data, segment)[1](
            parameters.inversion, rows
        )

    return _training_and_validation(missed)


def _station_nll(training_data: TrainingData, rows: Array) -> Array:
    """Negative log likelihood of rows, each with its most likely variance."""
    rest = training_data.displacement
    seen = jnp.isfinite(rest) & rows[None, :]
    number = jnp.maximum(jnp.sum(seen, axis=0), 1).astype(rest.dtype)
    mean = jnp.sum(jnp.where(seen, rest, 0) ** 2, axis=0) / number
    return gaussian_nll(rest, jnp.maximum(mean, training_data.sigma**2), rows)


def _training_and_validation(
    missed: Callable[..., Array],
) -> tuple[Objective, Objective]:
    """One loss of a member's training rows, and of its validation rows."""

    def loss(
        parameters: Parameters, training_data: TrainingData, held: Array, key: Array
    ) -> Array:
        del key
        return missed(parameters, training_data, ~held)

    def score(
        parameters: Parameters, training_data: TrainingData, held: Array, watched: Array
    ) -> Array:
        del held
        return missed(parameters, training_data, watched)

    return _member_losses(loss), _validation_losses(score)


def _member_losses(one: Callable[..., Array]) -> Objective:
    def every(parameters: Parameters, training_data: TrainingData, key: Array) -> Array:
        held = training_data.folds.held
        keys = jax.random.split(key, len(held))
        return jax.vmap(one, in_axes=(0, None, 0, 0))(
            parameters, training_data, held, keys
        )

    return every


def _validation_losses(one: Callable[..., Array]) -> Objective:
    def every(parameters: Parameters, training_data: TrainingData, key: Array) -> Array:
        del key
        held, target_rows = training_data.folds.held, training_data.folds.target_rows
        return jax.vmap(one, in_axes=(0, None, 0, 0))(
            parameters, training_data, held, target_rows
        )

    return every

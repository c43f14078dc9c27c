"""Training and validation losses of networks trained through the inversion."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxload.gapfill.joint.joint_model import (
    Parameters,
    TrainingData,
    count_all_observations,
    count_observations,
    gaussian_nll,
    masked_log_evidence,
    negative_log_predictive_density,
    subtract_prior_mean,
)
from jaxload.gapfill.joint.mean_rows import station_like_residuals
from jaxload.gapfill.joint.virtual_rows import (
    condition_on_virtual_rows,
    fill_with_network,
    of_stations_only,
)
from jaxload.gapfill.models.protocol import log_prior
from jaxload.gapfill.training.optimise import Objective, Records
from jaxload.gapfill.training.spatial_folds import sample_neighbourhoods

__all__ = [
    "joint_displacement_losses",
    "joint_load_losses",
    "load_records",
    "network_only_losses",
    "pretraining_load_losses",
    "repetition",
]

#: Largest correlation of an epoch with the next that is believed.
MOST_CORRELATED = 0.99


@functools.cache
def joint_load_losses(
    segment: int | None = None,
    likelihood_weight: float = 1.0,
    kept_apart: bool = False,
) -> tuple[Objective, Objective]:
    """Make training and validation loss of joint training on the load.

    Args:
      segment: As in `Predictor`.
      likelihood_weight: Weight of the network's own likelihood beside the evidence; 0
        for the exact evidence alone.
      kept_apart: Whether hyperparameters of the inversion stay as they are. Learned by
        the same gradient they grow to fit what the network has fitted already; kept
        apart, the loss is that of generalised least squares for the network, and
        held-out rows are scored by themselves, not given the others, as places far from
        all stations are.

    Returns:
      Minus the log evidence of a member's training rows, plus `likelihood_weight` times
      the loss of `pretraining_load_losses`; and minus the log density of the held-out
      rows, given those or by themselves; both per observation. For
      `optimise.train_members`, with `TrainingData` as data.
    """

    def loss(
        parameters: Parameters, training_data: TrainingData, held_out: Array, key: Array
    ) -> Array:
        del key
        rest = subtract_prior_mean(parameters, training_data, segment)
        inverted = parameters.inversion
        if kept_apart:
            inverted = jax.tree.map(jax.lax.stop_gradient, inverted)
        log_evidence = masked_log_evidence(rest, inverted, held_out)
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
        if kept_apart:
            return _nll_by_themselves(rest, parameters, target_rows)
        return negative_log_predictive_density(
            rest, parameters.inversion, target_rows, held_out & ~target_rows
        )

    return _member_losses(loss), _validation_losses(score)


@functools.cache
def load_records(segment: int | None = None) -> Records:
    """Make what is recorded of training on the load beside its validation loss.

    Args:
      segment: As in `Predictor`.

    Returns:
      Of the held-out rows the root mean square error of the network alone ("rmse_mm",
      [mm]), and minus the log density by themselves ("nll_by_themselves") and given the
      training rows ("nll_given_others"), per observation. For
      `optimise.train_members`.
    """

    def one(
        parameters: Parameters,
        training_data: TrainingData,
        held_out: Array,
        target_rows: Array,
    ) -> dict[str, Array]:
        rest = subtract_prior_mean(parameters, training_data, segment)
        seen = jnp.isfinite(rest.displacement) & target_rows[None, :]
        count = jnp.maximum(jnp.sum(seen), 1).astype(rest.sigma.dtype)
        square = jnp.sum(jnp.where(seen, rest.displacement, 0) ** 2) / count
        given_others = negative_log_predictive_density(
            rest, parameters.inversion, target_rows, held_out & ~target_rows
        )
        return {
            "rmse_mm": jnp.sqrt(square),
            "nll_by_themselves": _nll_by_themselves(rest, parameters, target_rows),
            "nll_given_others": given_others,
        }

    return _validation_losses(one)


def _nll_by_themselves(
    rest: TrainingData, parameters: Parameters, target_rows: Array
) -> Array:
    """Minus the log density of rows by the network, without all other data."""
    heights = dataclasses.replace(rest, means=None)
    density = masked_log_evidence(heights, parameters.inversion, ~target_rows)
    return -density / count_observations(rest, target_rows)


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
        stations = of_stations_only(training_data)
        return fill_with_network(parameters, stations, segment)[1](
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


def _as_learned(
    training_data: TrainingData, perturbation: Array | None
) -> TrainingData:
    """The training data of one member, with what is added to its heights."""
    if perturbation is None:
        return training_data
    up, stations = training_data.displacement, perturbation.shape[1]
    up = up.at[:, :stations].add(perturbation)
    return dataclasses.replace(training_data, displacement=up, perturbation=None)


def _member_losses(one: Callable[..., Array]) -> Objective:
    """The training loss of every member, with the prior of its parameters."""

    def with_prior(
        parameters: Parameters,
        training_data: TrainingData,
        perturbation: Array | None,
        held_out: Array,
        key: Array,
    ) -> Array:
        training_data = _as_learned(training_data, perturbation)
        loss = one(parameters, training_data, held_out, key)
        data = (training_data.features, training_data.drivers)
        density = log_prior(parameters.network, *data)
        if density is None:
            return loss
        count = count_all_observations(training_data, ~held_out)
        # Epochs that resemble each other determine less than as many others would.
        count = count / repetition(training_data.displacement)
        return loss - density.astype(loss.dtype) / count

    def every(parameters: Parameters, training_data: TrainingData, key: Array) -> Array:
        held_out = training_data.folds.held_out
        keys, added = training_data.folds.keys(key), training_data.perturbation
        return jax.vmap(with_prior, in_axes=(0, None, 0, 0, 0))(
            parameters, training_data, added, held_out, keys
        )

    return every


def repetition(values: Array) -> Array:
    """Estimate the number of epochs that are worth one independent epoch.

    For a first-order autoregression, of the correlation r of one epoch with the next,
    ``(1 + r) / (1 - r)``.

    Args:
      values: Observations, shape (epoch, row); NaN if missing.

    Returns:
      The number, 1 or more, ().

    Source:
      Thiebaux and Zwiers (1984), The interpretation and estimation of effective sample
      size, doi:10.1175/1520-0450(1984)023<0800:TIAEOE>2.0.CO;2.
    """
    both = jnp.isfinite(values[1:]) & jnp.isfinite(values[:-1])
    now, before = (jnp.where(both, x, 0) for x in (values[1:], values[:-1]))
    scale = jnp.sqrt(jnp.sum(now**2) * jnp.sum(before**2))
    correlation = jnp.sum(now * before) / jnp.maximum(scale, 1e-30)
    correlation = jnp.clip(correlation, 0, MOST_CORRELATED)
    return (1 + correlation) / (1 - correlation)


def _validation_losses(one: Callable[..., Any]) -> Any:
    def of_member(
        parameters: Parameters,
        training_data: TrainingData,
        perturbation: Array | None,
        held_out: Array,
        target_rows: Array,
    ) -> Any:
        training_data = _as_learned(training_data, perturbation)
        return one(parameters, training_data, held_out, target_rows)

    def every(parameters: Parameters, training_data: TrainingData, key: Array) -> Any:
        del key
        held_out, target_rows = (
            training_data.folds.held_out,
            training_data.folds.target_rows,
        )
        added = training_data.perturbation
        return jax.vmap(of_member, in_axes=(0, None, 0, 0, 0))(
            parameters, training_data, added, held_out, target_rows
        )

    return every

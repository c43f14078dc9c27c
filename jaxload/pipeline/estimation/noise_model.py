"""Unknown parameters of the noise: the common mode, weights of stations."""

import dataclasses
import logging
import math

import numpy as np
from numpy.typing import NDArray

from jaxload import config, inversion, series
from jaxload.inversion.hyperparameters.empirical_bayes import scaled_model
from jaxload.pipeline.estimation.component_layout import ComponentRows
from jaxload.pipeline.estimation.problem import Model
from jaxload.pipeline.estimation.record_shards import bind_record

__all__ = ["with_common_mode", "with_station_weights", "without_seasons"]

logger = logging.getLogger(__name__)

#: Epochs from which the common mode is estimated; more improve it little.
EPOCHS = 250


def with_common_mode(
    study: config.Study, model: Model, time: NDArray[np.datetime64]
) -> Model:
    """Estimate the variance of the common mode by maximum marginal likelihood.

    The likelihood is that of heights without linear trends and seasons; beta is
    estimated with it, sigma is kept. Water of a whole region follows its season, which
    has little probability under the prior: with the season in the heights, it would be
    taken for a common mode.

    Args:
      study: Its `inversion.beta_min` and `beta_max` bound the initial weight.
      model: Without a common mode.
      time: Epochs, shape (epoch,).

    Returns:
      The model with it.
    """
    settings = study.inversion
    beta = math.sqrt(settings.beta_min * settings.beta_max)
    start = {"beta": beta, "common": 1.0}
    scaled = scaled_model(model.problem, model.noise)
    fast = without_seasons(model.up, time)
    every = math.ceil(len(fast) / EPOCHS)
    tuned = inversion.tune(scaled, start, fast, every=every)
    if not tuned.converged:
        logger.warning("the common mode could not be estimated to the last digit")
    common = tuned.estimate["common"]
    logger.info("common mode of %.3g mm", math.sqrt(common))
    noise = dataclasses.replace(model.noise, common=common)
    return dataclasses.replace(model, noise=noise)


def without_seasons(
    up: NDArray[np.float64], time: NDArray[np.datetime64]
) -> NDArray[np.float64]:
    """Remove linear trend and seasons from heights.

    Args:
      up: Heights [mm], shape (epoch, station); NaN if missing.
      time: Epochs, shape (epoch,).

    Returns:
      Residuals of each station [mm], shape (epoch, station).
    """
    basis = np.asarray(series.seasonal_basis(time))
    rest = np.full_like(up, np.nan)
    for station, seen in enumerate(np.isfinite(up).T):
        here, there = basis[seen], up[seen, station]
        rest[seen, station] = there - here @ np.linalg.lstsq(here, there)[0]
    return rest


def with_station_weights(model: Model, beta: float) -> Model:
    """Raise the sigma of stations that the others predict badly.

    Args:
      model: With equal weights.
      beta: Weight of the prior to predict with.

    Returns:
      The model with weighted stations.
    """
    data = bind_record(model.up, model.noise)
    factor = inversion.factorise(model.problem, data, beta)
    if model.rows is None:
        left_out = inversion.leave_one_out_residual(factor)
        left_out = inversion.gather_epochs(left_out, data)
        weights = inversion.weights_from_residuals(left_out)
    else:
        left_out = inversion.leave_group_out_residual(factor, model.rows.station)
        left_out = np.asarray(inversion.gather_epochs(left_out, data))
        weights = _weights_by_component(left_out, model.rows)
    sigma = np.asarray(model.noise.sigma) / np.sqrt(np.asarray(weights))
    noise = dataclasses.replace(model.noise, sigma=sigma)
    return dataclasses.replace(model, noise=noise)


def _weights_by_component(
    left_out: NDArray[np.float64], rows: ComponentRows
) -> NDArray[np.float64]:
    """Weights of rows among those of their own component, shape (row,)."""
    weights = np.ones(len(rows.station))
    for name in rows.names:
        some = rows.component == name
        weights[some] = inversion.weights_from_residuals(left_out[:, some])
    return weights

"""Unknown parameters of the noise: the common mode, weights of stations."""

import dataclasses
import logging
import math
from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.tree_util import Partial
from numpy.typing import NDArray

from jaxload import config, earth, inversion, series
from jaxload.inversion.hyperparameters.empirical_bayes import scaled_model
from jaxload.inversion.noise import as_noise
from jaxload.pipeline.estimation.component_layout import ComponentRows
from jaxload.pipeline.estimation.problem import Model
from jaxload.pipeline.estimation.record_shards import bind_record

__all__ = [
    "has_unknown_noise",
    "with_shared_noise",
    "with_station_weights",
    "without_seasons",
]

logger = logging.getLogger(__name__)

#: Epochs from which the common mode is estimated; more improve it little.
EPOCHS = 250

#: Epochs from which errors of the frame are estimated at least, each of which has seven
#: of them, and their number times the cube of the rows at most.
FEWEST_EPOCHS, WORK = 20, 2e10

#: Between which sizes errors of the frame are sought [mm]; the smallest is none.
SIZES = (1e-2, 1e2)


def has_unknown_noise(study: config.Study) -> bool:
    """Check whether noise that stations share is to be estimated from the data.

    Args:
      study: The study.
    """
    return bool(_unknown(study))


def _unknown(study: config.Study) -> list[str]:
    """Names of what is to be estimated: "common", and parts of the frame."""
    settings = study.inversion
    common = ["common"] if settings.common_mode_mm == "estimate" else []
    if not study.gnss.horizontals:
        return common
    names = zip(earth.FrameErrors._fields, config.FRAME_SETTINGS)
    frame = [part for part, name in names if getattr(settings, name) == "estimate"]
    return common + frame


def with_shared_noise(
    study: config.Study, model: Model, time: NDArray[np.datetime64]
) -> Model:
    """Estimate noise that stations share by maximum marginal likelihood.

    That is the variance of the common mode, and with horizontals the sizes of errors of
    the reference frame. The likelihood is that of displacement without linear trends
    and seasons; beta is estimated with it, sigma is kept. Water of a whole region
    follows its season, which has little probability under the prior: with the season in
    the heights, it would be taken for a common mode.

    Args:
      study: Its `inversion.beta_min` and `beta_max` bound the initial weight.
      model: Without what is to be estimated.
      time: Epochs, shape (epoch,).

    Returns:
      The model with it.
    """
    settings = study.inversion
    beta, names = math.sqrt(settings.beta_min * settings.beta_max), _unknown(study)
    start = {"beta": beta, **dict.fromkeys(names, 1.0)}
    parts = [name for name in names if name != "common"]
    fast = without_seasons(model.up, time)
    every = math.ceil(len(fast) / (_epochs(model) if parts else EPOCHS))
    scaled = scaled_model(model.problem, model.noise)
    if parts:
        scaled = Partial(_with_sizes, model.problem, model.noise, _part_of(model))
    limits = dict.fromkeys(parts, SIZES)
    tuned = inversion.tune(scaled, start, fast, limits=limits, every=every)
    if not tuned.converged:
        logger.warning("shared noise could not be estimated to the last digit")
    if "common" in names:
        common = tuned.estimate["common"]
        logger.info("common mode of %.3g mm", math.sqrt(common))
        noise = dataclasses.replace(model.noise, common=common)
        model = dataclasses.replace(model, noise=noise)
    return _with_frame(model, {name: tuned.estimate[name] for name in parts})


def _epochs(model: Model) -> int:
    """Number of epochs that are evaluated in seconds, each with gaps of its own."""
    rows = len(model.problem.gram)
    return int(np.clip(WORK / rows**3, FEWEST_EPOCHS, EPOCHS))


def _part_of(model: Model) -> NDArray[np.int64]:
    """Of which part of the frame each pattern is, shape (pattern,)."""
    assert model.rows is not None
    parts = np.repeat(np.arange(3), [3, 3, 1])
    return parts[np.repeat(model.rows.frame, [3, 3, 1]) > 0]


def _with_sizes(
    problem: inversion.Problem,
    noise: inversion.Noise,
    part: Array,
    sizes: Mapping[str, Array],
) -> tuple[inversion.Problem, inversion.Noise]:
    """Multiply patterns of the frame by sizes, and set the common mode."""
    noise = as_noise(noise, problem.design.dtype)
    assert noise.patterns is not None
    unit = jnp.ones((), problem.design.dtype)
    factors = [sizes.get(name, unit) for name in earth.FrameErrors._fields]
    patterns = noise.patterns * jnp.stack(factors)[part][None, :]
    common = sizes.get("common", noise.common)
    return problem, dataclasses.replace(noise, common=common, patterns=patterns)


def _with_frame(model: Model, sizes: Mapping[str, float]) -> Model:
    """The model with errors of the frame of other sizes [mm]."""
    if not sizes:
        return model
    assert model.rows is not None
    assert model.noise.patterns is not None
    logger.info(
        "errors of the frame: %s mm", {k: round(x, 2) for k, x in sizes.items()}
    )
    frame = model.rows.frame
    factors = np.array([sizes.get(name, 1.0) for name in frame._fields])
    patterns = np.asarray(model.noise.patterns) * factors[_part_of(model)]
    noise = dataclasses.replace(model.noise, patterns=patterns)
    rows = dataclasses.replace(model.rows, frame=frame._replace(**sizes))
    return dataclasses.replace(model, noise=noise, rows=rows)


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

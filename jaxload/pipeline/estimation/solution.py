"""Estimate of the water from heights, with the settings of a study."""

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from jaxload import config, inversion
from jaxload.inversion.estimation.robust import reweight_representers
from jaxload.inversion.principal_components import represent_components
from jaxload.inversion.temporal.smoothing import solve_in_time_representers
from jaxload.pipeline.estimation.problem import Model
from jaxload.pipeline.estimation.record_shards import bind_record
from jaxload.pipeline.progress import ignore_share
from jaxload.series.decomposition.pca import Components

__all__ = [
    "LOSSES",
    "Estimate",
    "estimate",
    "estimate_robustly",
    "patterns_and_mean",
]

#: Losses of residuals by the name in a study file.
LOSSES = {"huber": inversion.Huber(), "student-t": inversion.StudentT()}


@dataclasses.dataclass(frozen=True, eq=False)
class Estimate:
    """The estimate, and the noise that it was made with.

    Attributes:
      solution: Water as coefficients, and its displacement of the stations.
      noise: With the sigma that weighted each observation in the end.
      left_out: Observed displacement minus its prediction from the other stations [mm],
        shape (epoch, row); None where it would need another solution for each.
      weights: Of each observation by a robust loss [-], shape (epoch, station); None
        if there was none.
    """

    solution: inversion.RepresenterSolution
    noise: inversion.Noise
    left_out: NDArray[np.floating] | None = None
    weights: NDArray[np.float64] | None = None


def estimate(
    study: config.Study,
    model: Model,
    time: NDArray[np.datetime64],
    beta: float,
    watch: Callable[[float], None] = ignore_share,
) -> Estimate:
    """Estimate the water of every epoch.

    Args:
      study: Its table ``[inversion]`` has the settings.
      model: Problem, heights and noise.
      time: Epochs, shape (epoch,).
      beta: Weight of the prior.
      watch: Called with the share of the epochs of a long record that is solved.

    Returns:
      The estimate.
    """
    if model.parts is not None:
        return _by_components(model, model.parts, beta)
    if study.inversion.correlation_time_days:
        temporal_prior = inversion.autoregression(
            time, study.inversion.correlation_time_days
        )
        data = inversion.observations(model.up, model.noise, share_inverse=False)
        solution = solve_in_time_representers(model.problem, data, beta, temporal_prior)
        return Estimate(solution, model.noise)
    data = bind_record(model.up, model.noise, precision=study.inversion.precision)
    if study.inversion.robust != "none":
        return estimate_robustly(model, data, beta, LOSSES[study.inversion.robust])
    solution, left_out = inversion.solve_record(model.problem, data, beta, watch=watch)
    if model.rows is not None:
        # A station is left out with all of its components.
        groups = model.rows.station
        left_out = inversion.leave_group_out_residual(solution.factor, groups)
        left_out = inversion.gather_epochs(left_out, data)
    return Estimate(solution, model.noise, left_out)


def _by_components(model: Model, parts: Components, beta: float) -> Estimate:
    data = inversion.observations(patterns_and_mean(parts), model.noise)
    always = np.ones((len(parts.amplitudes), 1))
    amplitudes = np.concatenate([parts.amplitudes, always], axis=1)
    solution = represent_components(model.problem, data, beta, amplitudes)
    return Estimate(solution, model.noise)


def patterns_and_mean(parts: Components) -> NDArray[np.float64]:
    """Put the mean of a record beside its patterns, as one more of them.

    Args:
      parts: Principal components.

    Returns:
      Displacement [mm], shape (component + 1, row).
    """
    return np.concatenate([np.asarray(parts.patterns), np.asarray(parts.mean)[None]])


def estimate_robustly(
    model: Model,
    data: inversion.Observations,
    beta: float,
    loss: inversion.Huber | inversion.StudentT,
) -> Estimate:
    """Reweight robustly; leave-one-out residuals keep the final weights.

    Args:
      model: Problem and heights.
      data: The heights bound to their noise.
      beta: Weight of the prior.
      loss: Of the residuals.

    Returns:
      The estimate.
    """
    solution, weights = reweight_representers(model.problem, data, beta, loss)
    weights = np.where(np.isfinite(model.up), np.asarray(weights), np.nan)
    left_out = inversion.leave_one_out_residual(solution)
    left_out = inversion.gather_epochs(left_out, data)
    noise = inversion.gather_noise(solution.factor.data)
    return Estimate(solution, noise, left_out, weights)

"""Water from heights, in the way that a study sets."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from jaxload import config, inversion
from jaxload.inversion.principal_components import solve_by_components
from jaxload.pipeline.estimation.problem import Model
from jaxload.series.decomposition.pca import Components

__all__ = ["Estimate", "estimate"]

LOSSES = {"huber": inversion.Huber(), "student-t": inversion.StudentT()}


@dataclasses.dataclass(frozen=True, eq=False)
class Estimate:
    """What was found, and with which noise.

    Attributes:
      solution: Water and what it does to the stations.
      noise: With sigma as it weighed each observation in the end.
      left_out: Observed uplift minus its prediction from the other stations [mm], shape
        (epoch, station); None where only leaving out and solving anew would tell.
      weights: Of each observation by a robust loss [-], shape (epoch, station); None
        if there was none.
    """

    solution: inversion.Solution
    noise: inversion.Noise
    left_out: NDArray[np.float64] | None = None
    weights: NDArray[np.float64] | None = None


def estimate(
    study: config.Study, model: Model, time: NDArray[np.datetime64], beta: float
) -> Estimate:
    """Estimate the water of every epoch.

    Args:
      study: Says how.
      model: What is given.
      time: Epochs, shape (epoch,).
      beta: Weight of the prior.

    Returns:
      The estimate.
    """
    if model.parts is not None:
        return _by_components(model, model.parts, beta)
    if study.inversion.correlation_time_days:
        memory = inversion.autoregression(time, study.inversion.correlation_time_days)
        given = (model.problem, model.up, model.noise, beta)
        return Estimate(inversion.solve_in_time(*given, memory), model.noise)
    if study.inversion.robust != "none":
        return _robust(model, beta, LOSSES[study.inversion.robust])
    given = (model.problem, model.up, model.noise, beta)
    gaps = inversion.find_gaps(model.up) if np.ndim(model.noise.sigma) == 1 else None
    solution = inversion.solve(*given, gaps=gaps)
    left_out = inversion.leave_one_out_residual(*given, gaps=gaps)
    return Estimate(solution, model.noise, np.asarray(left_out))


def _by_components(model: Model, parts: Components, beta: float) -> Estimate:
    solution = solve_by_components(
        model.problem,
        parts.patterns,
        parts.amplitudes,
        model.noise,
        beta,
        mean=parts.mean,
    )
    return Estimate(solution, model.noise)


def _robust(
    model: Model, beta: float, loss: inversion.Huber | inversion.StudentT
) -> Estimate:
    """Left out with the weights as they came out; they are not found anew."""
    found = inversion.reweight(model.problem, model.up, model.noise, beta, loss)
    weights = np.asarray(found.weights)
    seen = np.isfinite(model.up)
    sigma = np.broadcast_to(model.noise.sigma, seen.shape)
    sigma = sigma / np.sqrt(np.where(seen, weights, 1))
    noise = dataclasses.replace(model.noise, sigma=sigma)  # pyright: ignore[reportArgumentType]
    left_out = inversion.leave_one_out_residual(model.problem, model.up, noise, beta)
    return Estimate(
        found.solution,
        noise,
        np.asarray(left_out),
        np.where(seen, weights, np.nan),
    )

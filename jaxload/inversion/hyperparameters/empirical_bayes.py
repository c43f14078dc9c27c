"""Find several hyperparameters at once where the evidence of the data is largest."""

import dataclasses
import functools
import logging
from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
from jax import Array
from jax.tree_util import Partial
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import on_host
from jaxload.inversion.binding import Observations, bind, observations
from jaxload.inversion.estimation.factor import factorise
from jaxload.inversion.hyperparameters.eigen_sweep import recurring_patterns
from jaxload.inversion.hyperparameters.evidence import log_evidence
from jaxload.inversion.linalg.saddle_point import (
    null_space_log_determinant,
    observed_saddle_inverse,
)
from jaxload.inversion.noise import (
    Noise,
    as_noise,
    is_steady,
    noise_at,
    noise_covariance,
    scaled_noise,
)
from jaxload.inversion.problem import Problem
from jaxload.inversion.temporal.evidence import temporal_log_evidence
from jaxload.inversion.temporal.markov import TemporalPrior, check_temporal_prior

__all__ = ["Tuned", "scaled_model", "tune"]

logger = logging.getLogger(__name__)

#: From named hyperparameters to the problem and the noise that they make, and to the
#: temporal prior where there is one.
Model = Callable[
    [Mapping[str, Array]], tuple[Problem, Noise] | tuple[Problem, Noise, TemporalPrior]
]

#: How far from its start a hyperparameter may go, up or down, if no limit is given.
REACH = 1e4

#: Step in the logarithm of a hyperparameter by which gradients are differenced.
STEP = 1e-3

NAMES = ("beta", "noise_factor", "common")


@dataclasses.dataclass(frozen=True)
class Tuned:
    """Hyperparameters with the largest evidence.

    Attributes:
      estimate: Each by its name.
      relative_error: Standard error of the logarithm of each, from the curvature of the
        log evidence; NaN for one that ran into its limit.
      correlation: Between the errors, in the order of `estimate`, shape (name, name).
      log_evidence: Of the epochs that were used, at the estimate.
      iterations: Steps taken.
      converged: Whether the gradient vanished, or no step could gain any more.
    """

    estimate: dict[str, float]
    relative_error: dict[str, float]
    correlation: NDArray[np.float64]
    log_evidence: float
    iterations: int
    converged: bool


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class _Patterns:
    """Epochs that recur in what they observe, summed up; an axis of patterns first."""

    seen: Array
    count: Array
    scatter: Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class _Record:
    """Observations: the recurring ones, and the other epochs with their numbers."""

    patterns: _Patterns | None
    others: Observations
    epoch: Array
    contrast_count: float


def scaled_model(problem: Problem, sigma: ArrayLike | Noise) -> Model:
    """The `Model` in which what is known up to scale gets its scale.

    Args:
      problem: Design matrix and prior.
      sigma: Standard error [mm], shape (row,) or (epoch, row), or a `Noise`.

    Returns:
      A function of any of these hyperparameters: ``beta``, the weight of the prior;
      ``noise_factor``, by which sigma is multiplied; ``common``, the variance of an
      offset common to the rows [mm2].
    """
    return Partial(_scaled, problem, sigma)


def _scaled(
    problem: Problem, sigma: ArrayLike | Noise, hyperparameters: Mapping[str, Array]
) -> tuple[Problem, Noise]:
    unknown = set(hyperparameters) - set(NAMES)
    if unknown:
        raise ValueError(
            f"hyperparameter {min(unknown)!r} is unknown, expected some of "
            f"{NAMES}; for others write a function that makes (Problem, Noise)"
        )
    noise = as_noise(sigma, problem.design.dtype)
    factor = hyperparameters.get("noise_factor", 1)
    common = hyperparameters.get("common", noise.common)
    scaled = dataclasses.replace(noise, sigma=noise.sigma * factor, common=common)
    return problem, scaled


def tune(
    model: Model,
    start: Mapping[str, float],
    displacement: ArrayLike,
    *,
    limits: Mapping[str, tuple[float, float]] | None = None,
    every: int = 1,
    most_iterations: int = 100,
) -> Tuned:
    """Maximise the evidence over hyperparameters, by its gradient.

    Climbs in the logarithms by L-BFGS-B, gradients through the exact log evidence, gaps
    and all. Epochs that observe the same rows cost one inverse together, however many.
    Where the prior leaves fields free the likelihood is the restricted one.

    Not for: hyperparameters that move the free fields, since restricted likelihoods of
    different fields cannot be compared.

    Args:
      model: From the hyperparameters, scalars by name, to a `Problem` and a `Noise`;
        can be traced and differentiated. With a `TemporalPrior` as a third, what is
        maximised is `temporal_log_evidence`, which filters epoch after epoch.
        ``beta`` is also the weight of the prior; it is one where there is none of that
        name. `scaled_model` makes a simple one. A function that is given anew compiles
        anew; as ``jax.tree_util.Partial(function, arrays)`` it compiles once for all
        arrays of a shape.
      start: Where to begin, positive, by name.
      displacement: Observed uplift [mm], shape (epoch, row); NaN if missing. A prior
        mean m is taken into account by giving ``displacement - G m``. One that lies on
        the devices of several processes is collected, and each tunes with all of it.
      limits: Smallest and largest value of some or all, by name.
      every: Use every how-manyth epoch: neighbours say much the same, and the errors
        below take all that are used as independent.
      most_iterations: Steps after which to give up.

    Returns:
      The `Tuned` hyperparameters.

    Raises:
      ValueError: If `start` or `limits` are not positive numbers, limits are of unknown
        names, `every` is not a positive whole number, or not one under a temporal
        prior, no epoch has more observations than there are free fields, or the
        evidence is not a number at the start.

    Example:
      >>> model = inversion.scaled_model(problem, sigma)
      >>> start = {"beta": 0.02, "common": 1.0, "noise_factor": 1.0}
      >>> tuned = inversion.tune(model, start, up, every=10)
      >>> def remembering(values):
      ...     temporal_prior = inversion.autoregression(times, values["time_scale"])
      ...     return problem, Noise(sigma), temporal_prior
      >>> tuned = inversion.tune(remembering, {"beta": 0.02, "time_scale": 30.0}, up)

    Source:
      MacKay (1992), doi:10.1162/neco.1992.4.3.415; optimiser: Byrd et al. (1995),
      doi:10.1137/0916069.
    """
    names, bounds = list(start), _bounds(start, limits)
    record = _record(model, start, on_host(displacement), every)
    climb = _descent(model, names, record)
    begin = np.log([float(start[name]) for name in names])
    if not np.isfinite(climb(begin)[0]):
        raise ValueError(
            f"the evidence is not a number at the start, {dict(start)}; start nearer "
            "to the truth"
        )
    optimum = scipy.optimize.minimize(
        climb,
        begin,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds.T,
        options={"maxiter": most_iterations, "ftol": 1e-12, "gtol": 1e-6},
    )
    logger.info("%s after %d steps", optimum.message, optimum.nit)
    hessian = record.contrast_count * _hessian(lambda place: climb(place)[1], optimum.x)
    inside = (optimum.x > bounds[0] + STEP) & (optimum.x < bounds[1] - STEP)
    error, correlation = _errors(hessian, inside)
    return Tuned(
        estimate=dict(zip(names, np.exp(optimum.x).tolist())),
        relative_error=dict(zip(names, error.tolist())),
        correlation=correlation,
        log_evidence=-float(optimum.fun) * record.contrast_count,
        iterations=int(optimum.nit),
        converged=bool(optimum.success),
    )


def _bounds(
    start: Mapping[str, float], limits: Mapping[str, tuple[float, float]] | None
) -> NDArray[np.float64]:
    """The logarithms of the smallest and largest values, shape (2, name)."""
    limits = {} if limits is None else limits
    for name, at in start.items():
        if np.ndim(at):
            raise ValueError(
                f"start of {name!r} has shape {np.shape(at)}, expected a number; name "
                "each of several hyperparameters"
            )
    unknown = set(limits) - set(start)
    if unknown or not start:
        raise ValueError(
            f"limits are given for {sorted(unknown)} but start names {sorted(start)}; "
            "start every hyperparameter somewhere"
        )
    bounds = np.array(
        [limits.get(name, (at / REACH, at * REACH)) for name, at in start.items()],
        float,
    ).T
    initial = np.array(list(start.values()), float)
    inside = (bounds[0] > 0) & (bounds[0] <= initial) & (initial <= bounds[1])
    if not (inside & np.isfinite(initial)).all():
        raise ValueError(
            f"start is {dict(start)} with limits {dict(limits)}, expected positive "
            "numbers, each start within its limits"
        )
    return np.log(bounds)


def _record(
    model: Model, start: Mapping[str, float], displacement: NDArray, every: int
) -> _Record:
    """Sort the epochs that say something by the cheapest way to use them."""
    if every < 1 or int(every) != every:
        raise ValueError(f"every is {every}, expected 1 or more, whole")
    problem, noise, temporal_prior = _parts(
        model, _scalars(list(start), list(start.values()))
    )
    if displacement.ndim != 2 or displacement.shape[1] != problem.gram.shape[0]:
        raise ValueError(
            f"displacement has shape {displacement.shape}, expected (epoch, "
            f"{problem.gram.shape[0]}) for this model; is it transposed?"
        )
    displacement = displacement.astype(problem.gram.dtype)
    bind(problem, observations(displacement, noise), start.get("beta", 1.0))
    contrast_count = (
        np.isfinite(displacement).sum(axis=1) - problem.null_space_response.shape[1]
    )
    epoch = np.flatnonzero(contrast_count > 0)
    epoch = epoch[epoch % int(every) == 0]
    if not len(epoch):
        raise ValueError(
            "no epoch has more observations than the prior has free fields, so that "
            "there is no evidence; is displacement masked?"
        )
    noise = as_noise(noise, displacement.dtype)
    if temporal_prior is not None:
        return _remembered(displacement, noise, contrast_count, temporal_prior, every)
    return _sorted(displacement, noise, epoch, float(contrast_count[epoch].sum()))


def _remembered(
    displacement: NDArray,
    noise: Noise,
    contrast_count: NDArray,
    temporal_prior: TemporalPrior,
    every: int,
) -> _Record:
    """All epochs in their order."""
    if every != 1:
        raise ValueError(
            f"every is {every}, expected 1 for a model with a temporal prior; thin the "
            "record and the times of that prior instead"
        )
    check_temporal_prior(temporal_prior, jnp.asarray(displacement))
    data = observations(displacement, noise, share_inverse=False)
    count = float(contrast_count.clip(0).sum())
    return _Record(None, data, jnp.arange(len(displacement)), count)


def _parts(
    model: Model, values: Mapping[str, Array]
) -> tuple[Problem, Noise, TemporalPrior | None]:
    problem, noise, *temporal_prior = model(values)
    return problem, noise, temporal_prior[0] if temporal_prior else None


def _sorted(
    displacement: NDArray,
    noise: Noise,
    epoch: NDArray[np.int64],
    contrast_count: float,
) -> _Record:
    patterns = None
    if is_steady(noise):
        recurring = recurring_patterns(displacement[epoch])
        count = recurring.count.astype(displacement.dtype)
        parts = (recurring.seen, count, recurring.scatter)
        patterns = _Patterns(*map(jnp.asarray, parts)) if len(count) else None
        epoch = epoch[recurring.others]
    if len(epoch):
        others = observations(displacement[epoch], noise_at(noise, epoch))
    else:
        others = Observations(jnp.asarray(displacement[epoch]), noise)
    return _Record(patterns, others, jnp.asarray(epoch), contrast_count)


def _scalars(names: list[str], values: Sequence[float] | Array) -> dict[str, Array]:
    return {name: jnp.asarray(value) for name, value in zip(names, values)}


def _descent(
    model: Model, names: list[str], record: _Record
) -> Callable[[NDArray], tuple[float, NDArray]]:
    """What is minimised and its gradient, as NumPy sees them."""
    # Arrays that a `Partial` carries are arguments of the program, not parts of it.
    model = model if isinstance(model, Partial) else Partial(model)

    def climb(place: NDArray) -> tuple[float, NDArray]:
        value, slope = _loss(jnp.asarray(place), model, tuple(names), record)
        shown = ", ".join(f"{name} {at:.4g}" for name, at in zip(names, np.exp(place)))
        logger.debug("%s: log evidence %.8g a contrast", shown, -value)
        return float(value), np.asarray(slope, float)

    return climb


@functools.partial(jax.jit, static_argnames="names")
@jax.value_and_grad
def _loss(place: Array, model: Model, names: tuple[str, ...], record: _Record) -> Array:
    """Minus the log evidence a contrast, at logarithms of the hyperparameters."""
    values = _scalars(list(names), jnp.exp(place))
    problem, noise, temporal_prior = _parts(model, values)
    beta = values.get("beta", jnp.ones(())).astype(problem.gram.dtype)
    if temporal_prior is None:
        evidence = _log_evidence(problem, as_noise(noise, beta.dtype), beta, record)
    else:
        noise = as_noise(noise, beta.dtype)
        data = dataclasses.replace(record.others, noise=noise)
        evidence = temporal_log_evidence(problem, data, beta, temporal_prior)
    return -evidence / record.contrast_count


def _log_evidence(
    problem: Problem, noise: Noise, beta: Array, record: _Record
) -> Array:
    total = jnp.zeros((), beta.dtype)
    if record.patterns is not None:
        at = lambda pattern: _pattern_log_evidence(problem, noise, beta, pattern)
        total += jnp.sum(jax.lax.map(at, record.patterns))
    if len(record.epoch):
        here = noise_at(noise, record.epoch)
        data = dataclasses.replace(record.others, noise=here)
        total += log_evidence(factorise(problem, data, beta))
    return total


def _pattern_log_evidence(
    problem: Problem, noise: Noise, beta: Array, pattern: _Patterns
) -> Array:
    """Of epochs that observe the same, from the sum of their products.

    With P of `epoch_log_evidence` the same for all, the sum of ``d' P d`` over epochs
    is the trace of P times the sum of ``d d'``.
    """
    seen, null_space_response = pattern.seen, problem.null_space_response
    scaled = scaled_noise(noise, beta, seen[None, :])
    matrix = problem.gram + noise_covariance(scaled)
    _, whole, log_determinant = observed_saddle_inverse(
        matrix, null_space_response, seen
    )
    rows = len(seen)
    quadratic = jnp.sum(whole[:rows, :rows] * pattern.scatter)
    log_determinant -= null_space_log_determinant(null_space_response, seen[None, :])[0]
    contrast_count = jnp.sum(seen, dtype=beta.dtype) - null_space_response.shape[1]
    scaled_determinant = log_determinant - contrast_count * jnp.log(beta**2)
    each = contrast_count * jnp.log(2 * jnp.pi) + scaled_determinant
    return -(pattern.count * each + beta**2 * quadratic) / 2


def _hessian(
    slope: Callable[[NDArray], NDArray], place: NDArray[np.float64]
) -> NDArray[np.float64]:
    """By differences of the gradient, which asks for no second derivative."""
    rows = [
        (slope(place + step) - slope(place - step)) / (2 * STEP)
        for step in STEP * np.eye(len(place))
    ]
    return (np.array(rows) + np.array(rows).T) / 2


def _errors(
    hessian: NDArray[np.float64], inside: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Standard errors and correlation; NaN for what is not inside its limits."""
    covariance = np.full(hessian.shape, np.nan)
    some = np.ix_(inside, inside)
    if inside.any() and (np.linalg.eigvalsh(hessian[some]) > 0).all():
        covariance[some] = np.linalg.inv(hessian[some])
    error = np.sqrt(np.diag(covariance))
    return error, covariance / np.outer(error, error)

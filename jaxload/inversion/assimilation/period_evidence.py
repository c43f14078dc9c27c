"""How load and noise persist, and how good means over periods are, by evidence."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
from jax import Array
from numpy.typing import NDArray

from jaxload.inversion.assimilation.mean_innovations import (
    UNKNOWN,
    Innovations,
    covariance_parts,
    joined_covariance,
)
from jaxload.inversion.assimilation.period_means import PeriodModel

__all__ = ["TunedPeriods", "period_log_evidence", "tune_periods"]

Floats = NDArray[np.float64]

#: Innovations whose covariance is inverted together; more are divided into spans of
#: time, each with some of the means, whose evidences are added. Periods of a span: as
#: many as a season takes to differ from a drift.
LARGEST, PERIODS = 240, 30

#: What says how load and errors persist.
PERSISTENT = ("seasonal", "slow", "decay_years", "noise", "common", "common_seasonal")

#: Bounds of what is estimated: shares as logits and logarithms of the others, within
#: which the evidence still changes.
LOGIT, DECAY, FACTOR, BEYOND = (-6.0, 6.0), (0.1, 5.0), (0.02, 50.0), (0.1, 1e3)
COMMON = (0.01, 30.0)

#: Relative step of the log evidence below which the search ends, and its length.
TOLERANCE, EVALUATIONS = 1e-7, 100

#: Weights below this share of the range of their bounds from one of them are at it.
AT_BOUND = 1e-3


@dataclasses.dataclass(frozen=True)
class TunedPeriods:
    """A model of largest evidence.

    Attributes:
      model: The model.
      log_evidence: Of the innovations.
      at_bounds: Names of what ran to a bound of the search, and which.
      converged: Whether the search came to its end.
    """

    model: PeriodModel
    log_evidence: float
    at_bounds: tuple[str, ...]
    converged: bool


def period_log_evidence(innovations: Innovations, model: PeriodModel) -> float:
    """Compute the logarithm of the density of innovations under a model.

    Args:
      innovations: From `innovations`.
      model: How load and noise persist.

    Returns:
      The log density, of spans of time with some of the means each as if they were
      independent.
    """
    spans = _spans(innovations)
    return float(_log_density(_parameters_of(model), spans))


def tune_periods(
    innovations: Innovations,
    start: PeriodModel | None = None,
    *,
    persistent: bool = True,
    fixed_error: bool = False,
) -> TunedPeriods:
    """Estimate a model by the evidence of innovations.

    Args:
      innovations: From `innovations`.
      start: Where the search begins, and what it leaves alone.
      persistent: Whether shares and decay are estimated; if not, those of `start`.
      fixed_error: Whether the factor of the means' errors is that of `start`.

    Returns:
      The `TunedPeriods`.

    Source:
      Koch & Kusche (2002), doi:10.1007/s00190-002-0245-x, for relative weights of kinds
      of data by variance components.
    """
    start = start or PeriodModel(0.3, 0.3, 0.5, 0.1, 1.0, 30.0, 1.0, 1.0)
    spans = _spans(innovations)
    names = _free(innovations, persistent, fixed_error)
    place, bounds = _place_of(start), _bounds()
    names = tuple(name for name in bounds if name in names)
    free = [name in names for name in bounds]
    index, limits = np.flatnonzero(free), np.array(list(bounds.values()))

    def objective(some: Floats) -> tuple[float, Floats]:
        whole = place.copy()
        whole[index] = some
        value, slope = _objective(jnp.asarray(whole), spans)
        return float(value), np.asarray(slope)[index]

    first = np.clip(place[index], *limits[index].T)
    best = scipy.optimize.minimize(
        objective,
        first,
        jac=True,
        method="L-BFGS-B",
        bounds=limits[index],
        options={"ftol": TOLERANCE, "maxfun": EVALUATIONS},
    )
    place[index] = best.x
    ends = _ends(names, best.x, limits[index])
    values = {k: float(v) for k, v in _model_parameters(jnp.asarray(place)).items()}
    values |= {k: getattr(start, k) for k in values if k not in names}
    return TunedPeriods(PeriodModel(**values), -float(best.fun), ends, best.success)


def _free(
    innovations: Innovations, persistent: bool, fixed_error: bool
) -> tuple[str, ...]:
    names = [*PERSISTENT] if persistent else []
    names += [] if fixed_error else ["error_factor"]
    return (*names, *(["beyond"] if innovations.means.beyond is not None else []))


def _ends(names: tuple[str, ...], place: Floats, limits: Floats) -> tuple[str, ...]:
    near = AT_BOUND * (limits[:, 1] - limits[:, 0])
    ends = []
    for name, value, (low, high), margin in zip(names, place, limits, near):
        if value < low + margin:
            ends.append(f"{name} at its smallest")
        elif value > high - margin:
            ends.append(f"{name} at its largest")
    return tuple(ends)


def _bounds() -> dict[str, tuple[float, float]]:
    log = lambda pair: (float(np.log(pair[0])), float(np.log(pair[1])))
    return {
        "seasonal": LOGIT,
        "slow": LOGIT,
        "decay_years": log(DECAY),
        "noise": LOGIT,
        "error_factor": log(FACTOR),
        "beyond": log(BEYOND),
        "common": log(COMMON),
        "common_seasonal": log(COMMON),
    }


def _place_of(model: PeriodModel) -> Floats:
    """Unconstrained parameters: shares of load relative to what does not persist."""
    tiny = np.exp(LOGIT[0])
    daily = max(1 - model.seasonal - model.slow, tiny)
    share = min(max(model.noise, tiny), 1 - tiny)
    logs = [
        max(model.seasonal, tiny) / daily,
        max(model.slow, tiny) / daily,
        model.decay_years,
        share / (1 - share),
        model.error_factor,
        max(model.beyond, BEYOND[0]),
        max(model.common, COMMON[0]),
        max(model.common_seasonal, COMMON[0]),
    ]
    return np.log(logs)


def _model_parameters(place: Array) -> dict[str, Array]:
    seasonal, slow, decay, noise, factor, beyond, common, cycle = place
    shares = jax.nn.softmax(jnp.stack([seasonal, slow, jnp.zeros_like(slow)]))
    return {
        "seasonal": shares[0],
        "slow": shares[1],
        "decay_years": jnp.exp(decay),
        "noise": jax.nn.sigmoid(noise),
        "error_factor": jnp.exp(factor),
        "beyond": jnp.exp(beyond),
        "common": jnp.exp(common),
        "common_seasonal": jnp.exp(cycle),
    }


def _parameters_of(model: PeriodModel) -> dict[str, Array]:
    return {k: jnp.asarray(v, float) for k, v in dataclasses.asdict(model).items()}


def _spans(innovations: Innovations) -> dict[str, Any]:
    """Spans of consecutive used periods, of one length, each with some of the means."""
    size, count = len(innovations.means.design), len(innovations.used)
    length = min(count, PERIODS) if count * size > LARGEST else count
    every = -(-size * length // LARGEST)
    number = -(-count // length)
    starts = np.linspace(0, count - length, number).round().astype(int)
    periods = starts[:, None] + np.arange(length)
    some = size // every
    first = np.arange(number)[:, None] % every
    means = first + every * np.arange(some)[None, :]
    places = (periods[:, :, None] * size + means[:, None, :]).reshape(number, -1)
    parts = covariance_parts(innovations)
    pick = lambda matrix: matrix[places[:, :, None], places[:, None, :]]
    of_means = lambda matrix: jnp.asarray(matrix)[means[:, :, None], means[:, None, :]]
    of_periods = lambda blocks: blocks[
        periods[:, :, None, None], means[:, None, :, None], means[:, None, None, :]
    ]
    beyond = innovations.means.beyond
    return {
        "values": jnp.asarray(innovations.values.reshape(-1)[places]),
        **{key: pick(parts[key]) for key in ("load", "noise")},
        **{key: of_periods(parts[key]) for key in ("daily_load", "daily_noise")},
        **{key: parts[key][periods] for key in ("years", "squares")},
        "moved": parts["moved"][periods[:, :, None], means[:, None, :]],
        "known": parts["known"][periods[:, :, None], means[:, None, :]],
        "drift": parts["drift"][periods[:, :, None], periods[:, None, :]],
        "covariance": of_means(innovations.means.covariance),
        "beyond": of_means(0 * innovations.prior if beyond is None else beyond),
        "share": jnp.full(number, count * size / places.size),
    }


@jax.jit
def _objective(place: Array, spans: dict[str, Any]) -> tuple[Array, Array]:
    value = lambda place: -_log_density(_model_parameters(place), spans)
    return jax.value_and_grad(value)(place)


@jax.jit
def _log_density(parameters: dict[str, Array], spans: dict[str, Any]) -> Array:
    model = PeriodModel(**parameters)  # pyright: ignore[reportArgumentType]
    one = functools.partial(_of_span, model)
    return jnp.sum(jax.lax.map(jax.checkpoint(one), spans))


def _of_span(model: PeriodModel, span: dict[str, Array]) -> Array:
    total = joined_covariance(model, span, (span["covariance"], span["beyond"]))
    factor = jnp.linalg.cholesky(total)
    white = jax.scipy.linalg.solve_triangular(factor, span["values"], lower=True)
    log_determinant = 2 * jnp.sum(jnp.log(jnp.diagonal(factor)))
    known = jnp.sum(span["known"]).astype(white.dtype)
    unknown = np.log(UNKNOWN) * (len(white) - known)
    constant = known * np.log(2 * np.pi) - unknown
    return -(constant + log_determinant + white @ white) / 2 * span["share"]

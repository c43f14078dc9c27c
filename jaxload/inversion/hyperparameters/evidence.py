"""The likelihood of the data once the load is integrated out, and what follows from it.

With the prior ``x ~ N(m, C / beta^2)`` the observed rows of an epoch are
``d_o ~ N(G m, A_oo / beta^2)``. Fields that the prior leaves free have no prior to
integrate over: the likelihood is then that of all contrasts that those fields do not
move, the restricted likelihood.
"""

import dataclasses
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import on_host
from jaxload.inversion.binding import Observations, bind
from jaxload.inversion.estimation.data_space import DataSpaceSolution
from jaxload.inversion.estimation.factor import Factor, evaluate, factor_of
from jaxload.inversion.hyperparameters.sufficient_statistics import Sums, epoch_sums
from jaxload.inversion.noise import shares_noise
from jaxload.inversion.problem import Problem, Solution
from jaxload.inversion.sharding import gather_epochs, place_epochs

__all__ = [
    "VarianceComponents",
    "abic",
    "abic_of",
    "epoch_log_evidence",
    "log_evidence",
    "log_evidence_of",
    "variance_components",
]

MOST_ITERATIONS = 100

#: By how much an extrapolation may change the logarithm of a factor beyond its step.
FARTHEST = 1.0


def epoch_log_evidence(solution: Factor | Solution) -> Array:
    """Compute the logarithm of the marginal likelihood of every epoch's data.

    With n rows observed and p free fields D,
    ``-1/2 ((n - p) log(2 pi) + log det V + log det D' V^-1 D - log det D'D + d' P d)``,
    ``V = A_oo / beta^2`` and P what is left of its inverse when D is estimated beside:
    the density of any n - p orthonormal contrasts of d that D does not move.

    Differentiable in all arrays and in beta.

    Args:
      solution: From `solve` or `factorise`.

    Returns:
      Log density [log of 1/mm^(n - p)], shape (epoch,); 0 where n is not above p, NaN
      where a mean under `jit` is not finite.

    Raises:
      ValueError: As `leave_one_out_residual`.

    Source:
      Patterson & Thompson (1971), doi:10.1093/biomet/58.3.545; Harville (1974),
      doi:10.1093/biomet/61.2.383.
    """
    factor = factor_of(solution)
    density = log_evidence_of(epoch_sums(factor, redundancy=False), factor.beta)
    if factor.mean is None:
        return density
    return jnp.where(factor.mean.known, density, jnp.nan)


def log_evidence(solution: Factor | Solution) -> Array:
    """Compute the logarithm of the marginal likelihood of all data.

    Args:
      solution: From `solve` or `factorise`.

    Returns:
      The sum of `epoch_log_evidence` over the epochs, scalar; larger is better.

    Raises:
      ValueError: As `leave_one_out_residual`.
    """
    return jnp.sum(epoch_log_evidence(solution))


def log_evidence_of(sums: Sums, beta: Array) -> Array:
    """The log evidence from sums over an epoch or a record, at their weight."""
    scaled = sums.log_determinant - sums.contrast_count * jnp.log(beta**2)
    quadratic = sums.misfit + beta**2 * sums.roughness
    return -(sums.contrast_count * jnp.log(2 * jnp.pi) + scaled + quadratic) / 2


def abic(solution: Factor | Solution) -> Array:
    """Compute Akaike's Bayesian information criterion, for `select`.

    ``-2 log evidence + 2``, for the one hyperparameter beta. To compare models of k
    hyperparameters add ``2 (k - 1)``.

    Args:
      solution: From `solve` or `factorise`.

    Returns:
      The criterion [-], scalar; smaller is better.

    Raises:
      ValueError: As `leave_one_out_residual`.

    Source:
      Akaike (1980), Likelihood and the Bayes procedure, Trabajos de Estadistica 31;
      Yabuki & Matsu'ura (1992), doi:10.1111/j.1365-246X.1992.tb00102.x.
    """
    return 2 - 2 * log_evidence(solution)


def abic_of(sums: Sums, beta: Array) -> Array:
    """`abic` from sums over a record, at their weight."""
    return 2 - 2 * log_evidence_of(sums, beta)


@dataclasses.dataclass(frozen=True)
class VarianceComponents:
    """Estimated variances of the prior and of groups of data.

    Attributes:
      beta: One over the standard deviation of the prior, as `solve` takes it.
      factor: By which the standard errors of each group are to be multiplied [-],
        shape (group,).
      sigma: The standard errors so multiplied [mm], shape of those given.
      iterations: Number of times the systems were solved.
      converged: Whether the last step was below the tolerance. Where a component
        vanishes it is not, and all are NaN.
    """

    beta: float
    factor: NDArray[np.float64]
    sigma: NDArray[np.float64]
    iterations: int
    converged: bool


def variance_components(
    problem: Problem,
    data: Observations,
    *,
    groups: ArrayLike | None = None,
    beta: float = 0.1,
    tolerance: float = 1e-4,
) -> VarianceComponents:
    """Estimate the variance of the prior and of groups of data together.

    Iterates ``s^2 = e' R^-1 e / r`` for each group of data and for the prior, e what
    the fit leaves of it and r its share of the redundancy, until the factors stand
    still. There they maximise the restricted likelihood. The iteration alone may take
    a hundred steps; extrapolated from its last ones it takes ten or so.

    Not for: rows correlated by their noise, whose redundancy is not each row's own; use
    `tune` there.

    Args:
      problem: Design matrix and prior.
      data: From `observations`, of independent errors.
      groups: Number of the group of each row, from 0, shape (row,); one if not given.
      beta: Weight of the prior to start from.
      tolerance: Relative step of all factors below which it has converged.

    Returns:
      The `VarianceComponents`.

    Raises:
      ValueError: As `solve`, and for noise with correlation or a common mode, or a
        group that no observation belongs to.

    Source:
      Koch & Kusche (2002), doi:10.1007/s00190-002-0245-x.
    """
    data, _ = bind(problem, data, beta)
    if shares_noise(data.noise):
        raise ValueError(
            "variance components need independent rows; bind the standard errors "
            "instead of a Noise, or use tune"
        )
    steady = data.noise.sigma.ndim == 1
    sigma = on_host(data.noise.sigma)
    sigma = sigma if steady else gather_epochs(sigma, data)
    values = gather_epochs(data.values, data)
    labels = _labels(groups, values)

    def growth(place: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(over="ignore"):
            beta, scaled = np.exp(-place[0]), sigma * np.exp(place[1:])[labels]
        if not (0 < beta < np.inf and (scaled > 0).all() and (scaled < np.inf).all()):
            # A component that wants to vanish never settles.
            return np.full(place.shape, np.nan)
        placed = jnp.asarray(scaled, sigma.dtype)
        if not steady and data.sharding is not None:
            placed = place_epochs(placed, data.sharding, 1)
        noise = dataclasses.replace(data.noise, sigma=placed)
        here = dataclasses.replace(data, noise=noise)
        solved = evaluate(problem, here, jnp.asarray(beta, sigma.dtype))
        solved = gather_epochs(solved, data)
        parts = _parts(problem, values, beta * scaled, solved)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(_components(parts, beta, labels)) / 2

    start = np.zeros(labels.max() + 2)
    start[0] = -np.log(beta)
    place, iterations, ok = _settled(growth, start, tolerance)
    factor = np.exp(place[1:])
    return VarianceComponents(
        float(np.exp(-place[0])), factor, sigma * factor[labels], iterations, ok
    )


def _settled(
    step: Callable[[NDArray], NDArray], place: NDArray[np.float64], tolerance: float
) -> tuple[NDArray[np.float64], int, bool]:
    """Follow steps until they vanish, extrapolated from the last ones.

    Source:
      Walker & Ni (2011), Anderson acceleration for fixed-point iterations,
      doi:10.1137/10078356X.
    """
    places, steps = [], []
    for iteration in range(1, MOST_ITERATIONS + 1):
        change = step(place)
        if not np.isfinite(change).all():
            return np.full(place.shape, np.nan), iteration, False
        places.append(place)
        steps.append(change)
        place = place + change
        if abs(change).max() <= tolerance:
            return place, iteration, True
        place = place + _extrapolation(places, steps, place.size)
    return place, MOST_ITERATIONS, False


def _extrapolation(
    places: list[NDArray[np.float64]], steps: list[NDArray[np.float64]], size: int
) -> NDArray[np.float64]:
    """By how much the sequence of places is going to go on, nearly."""
    bends = np.diff(steps[-size - 1 :], axis=0).T
    ways = np.diff(places[-size - 1 :], axis=0).T
    if not bends.size:
        return np.zeros(size)
    share = np.linalg.lstsq(bends, steps[-1], rcond=1e-8)[0]
    further = -(ways + bends) @ share
    return further * min(1, FARTHEST / abs(further).max(initial=FARTHEST))


def _labels(groups: ArrayLike | None, values: NDArray) -> NDArray[np.int64]:
    rows = values.shape[1]
    labels = np.zeros(rows, int) if groups is None else np.asarray(groups)
    if labels.shape != (rows,) or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise ValueError(
            f"groups has shape {labels.shape} and dtype {labels.dtype}, expected one "
            f"whole number from 0 for each of the {rows} rows"
        )
    observed = np.isfinite(values).any(axis=0)
    empty = np.setdiff1d(np.arange(labels.max() + 1), labels[observed])
    if len(empty):
        raise ValueError(
            f"no observation belongs to group {empty[0]}; number the groups without "
            "holes and leave out what was never observed"
        )
    return labels


@dataclasses.dataclass(frozen=True)
class _Parts:
    """What an estimate is made of; misfit and redundancy are each row's, (row,)."""

    misfit: NDArray[np.float64]
    redundancy: NDArray[np.float64]
    roughness: float
    contrast_count: int


def _parts(
    problem: Problem, values: NDArray, scaled: NDArray, solved: DataSpaceSolution
) -> _Parts:
    """The parts, in units of beta, from systems with noise of `scaled` errors."""
    seen = np.isfinite(values)
    contrast_count = seen.sum(axis=1) - problem.null_space_response.shape[1]
    # What has no more observations than free fields says nothing.
    seen = seen & (contrast_count > 0)[:, None]
    weight = np.where(seen, scaled**2, 0)
    multiplier = np.where(seen, solved.multiplier, 0)
    return _Parts(
        misfit=(weight * multiplier**2).sum(axis=0),
        redundancy=(weight * np.where(seen, solved.inverse_diagonal, 0)).sum(axis=0),
        roughness=float(np.sum((multiplier @ np.asarray(problem.gram)) * multiplier)),
        contrast_count=int(contrast_count.clip(0).sum()),
    )


def _components(
    parts: _Parts, beta: float, labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """By how much the variance of the prior and then of each group is to grow."""
    redundancy = np.bincount(labels, parts.redundancy)
    share = parts.contrast_count - redundancy.sum()
    data = np.bincount(labels, parts.misfit) / redundancy
    return beta**2 * np.array([parts.roughness / share, *data])

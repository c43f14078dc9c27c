"""Estimates of all epochs corrected by observed means over periods."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from jaxload.inversion.assimilation.mean_innovations import (
    Innovations,
    drift_terms,
    drift_variance,
    innovation_covariance,
    moved_means,
)
from jaxload.inversion.assimilation.period_means import (
    PeriodModel,
    common_kernel,
    period_kernels,
)
from jaxload.inversion.estimation.factor import factor_of
from jaxload.inversion.estimation.least_squares import solve_representers
from jaxload.inversion.estimation.representers import (
    RepresenterSolution,
    Term,
    functionals_of,
)

__all__ = ["Assimilation", "assimilate"]

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Assimilation:
    """Epochs' estimates with observed means over periods in them.

    Attributes:
      solution: The load; its `factor` is that of the epochs' own data.
      innovations: What the means added.
      model: How load and noise persist.
      predicted: Means over the periods by `solution` [mm], shape (period, mean).
      covariance: Of the innovations [mm2], shape (used x mean, used x mean), without
        that of drifts.
      drift: Of the amounts of drifts once they are estimated [mm2], shape
        (function x mean, function x mean).
    """

    solution: RepresenterSolution
    innovations: Innovations
    model: PeriodModel
    predicted: Floats
    covariance: Floats
    drift: Floats


def assimilate(innovations: Innovations, model: PeriodModel) -> Assimilation:
    """Bring observed means over periods into the estimates of all epochs.

    The best linear unbiased combination of each epoch's estimate with all observed
    means: the posterior mean of the load where neither load nor noise persists. Epochs
    learn from the means what their own data do not determine, but not from the data of
    other epochs.

    The correction is that of another prior mean, ``C (H' p - G' g) / beta^2``, from
    what the innovations make of load that persists, and of a mean of the noise.

    Args:
      innovations: From `innovations`.
      model: How load and noise persist, as from `tune_periods`.

    Returns:
      The `Assimilation`.

    Raises:
      ValueError: If the covariance of the innovations is not positive definite.

    Source:
      Tarantola (2005), Inverse Problem Theory, ch. 3, doi:10.1137/1.9780898717921.
    """
    covariance = innovation_covariance(innovations, model)
    shape, terms = innovations.values.shape, drift_terms(innovations)
    right = np.column_stack([innovations.values.reshape(-1), terms])
    solved = _cho_solve(covariance, right)
    variance = drift_variance(innovations.means)
    amounts = _amounts(innovations, model, solved[:, 0].reshape(shape))
    solution = _corrected(innovations, amounts)
    means = innovations.means
    predicted = np.zeros((len(means.years), len(means.design)))
    known = innovations.weights > 0
    each = innovations.weights[:, None] * functionals_of(solution, means.design)
    np.add.at(predicted, means.period[known], each[known])
    drift = variance * np.eye(terms.shape[1]) - variance**2 * terms.T @ solved[:, 1:]
    covariance = covariance - variance * terms @ terms.T
    return Assimilation(solution, innovations, model, predicted, covariance, drift)


def _cho_solve(covariance: Floats, right: Floats) -> Floats:
    try:
        factor = scipy.linalg.cho_factor(covariance, lower=True)
    except np.linalg.LinAlgError:
        raise ValueError(
            "the covariance of the observed means less those of the epochs is not "
            "positive definite; give each mean more error of its own"
        ) from None
    return scipy.linalg.cho_solve(factor, right)


@dataclasses.dataclass(frozen=True)
class _Amounts:
    """What corrects each epoch.

    Attributes:
      means: p, shape (epoch, mean).
      rows: g, shape (epoch, row).
      noise: That of the noise, shape (epoch, row).
      common: What an error that shifts all rows alike lacks [mm], shape (epoch,).
    """

    means: Floats
    rows: Floats
    noise: Floats
    common: Floats


def _amounts(
    innovations: Innovations, model: PeriodModel, weighted: Floats
) -> _Amounts:
    means, used, systems = innovations.means, innovations.used, innovations.systems
    kernels = period_kernels(model, means.years, means.years[used])
    load, noise = map(np.asarray, kernels)
    images = np.einsum("urm,um->ur", innovations.images[used], weighted)
    of_means = (load @ weighted)[means.period]
    of_rows, of_noise = (load @ images)[means.period], (noise @ images)[means.period]
    common = np.asarray(common_kernel(model, means.years, means.years[used]))
    shifts = np.sum(moved_means(innovations, used) * weighted, axis=1)
    place = np.full(len(means.years), -1)
    place[used] = np.arange(len(used))
    daily = 1 - model.seasonal - model.slow
    inside = innovations.weights * (place[means.period] >= 0)
    for epoch in map(int, np.flatnonzero(inside)):
        share = innovations.weights[epoch] * weighted[place[means.period[epoch]]]
        image = systems.solve(epoch, (innovations.cross @ share)[:, None])
        image = image[: len(systems.gram), 0]
        of_means[epoch] += daily * share
        of_rows[epoch] += daily * image
        of_noise[epoch] += (1 - model.noise) * image
    return _Amounts(of_means, of_rows, of_noise, (common @ shifts)[means.period])


def _corrected(innovations: Innovations, amounts: _Amounts) -> RepresenterSolution:
    """Solve about the prior mean and mean noise that the innovations make."""
    factor = factor_of(innovations.solution)
    problem, data, systems = factor.problem, factor.data, innovations.systems
    variance = innovations.beta**-2
    rows = len(systems.gram)
    in_rows = amounts.means @ innovations.cross[:rows].T - amounts.rows @ systems.gram
    shift = variance * in_rows - variance * _times_noise(innovations, amounts.noise)
    shift = shift - amounts.common[:, None] * systems.moved
    values = data.values - jnp.asarray(shift, data.values.dtype)
    moved = dataclasses.replace(data, values=values)
    solved = solve_representers(problem, moved, factor.beta)
    terms = (
        *solved.terms,
        Term(-variance * amounts.rows, problem.cross),
        Term(variance * amounts.means, innovations.covariances),
    )
    return RepresenterSolution(
        _merged(terms),
        np.asarray(solved.fitted) + variance * in_rows,
        solved.ok,
        np.asarray(solved.common) - amounts.common,
        factor,
    )


def _times_noise(innovations: Innovations, amounts: Floats) -> Floats:
    """Covariance of the noise times ``beta^2``, times amounts."""
    systems = innovations.systems
    if systems.steady is not None:
        return amounts @ systems.steady
    each = enumerate(amounts[:, :, None])
    return np.array([systems.noise_times(e, amount)[:, 0] for e, amount in each])


def _merged(terms: tuple[Term, ...]) -> tuple[Term, ...]:
    """Terms of the same fields as one."""
    merged: list[Term] = []
    for term in terms:
        for number, other in enumerate(merged):
            if other.representers is term.representers:
                both = np.asarray(other.coefficients) + np.asarray(term.coefficients)
                merged[number] = Term(both, term.representers)
                break
        else:
            merged.append(term)
    return tuple(merged)

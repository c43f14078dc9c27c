"""By how much observed means over periods reduce the variance of functionals."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

from jaxload.inversion.assimilation.mean_innovations import (
    drift_terms,
    drift_variance,
    moved_means,
)
from jaxload.inversion.assimilation.period_means import common_kernel, period_kernels
from jaxload.inversion.assimilation.update import Assimilation
from jaxload.inversion.uncertainty.functionals import Functionals

__all__ = ["assimilated_reduction"]

Floats = NDArray[np.float64]

#: Periods whose observations count, at most: the epoch's own and those whose load is
#: most like its.
PERIODS = 6


def assimilated_reduction(
    assimilation: Assimilation,
    functionals: Functionals,
    weights: ArrayLike | None = None,
    *,
    by_period: bool = False,
) -> Iterator[tuple[NDArray[np.int64], Floats]]:
    """Compute by how much observed means reduce the variance of functionals.

    Of the observations those of the epoch's own period count and of up to five others,
    whose load is most correlated with its: a variance less this reduction is an upper
    bound of that given all of them, exact where there are no more.

    Args:
      assimilation: From `assimilate`.
      functionals: From `averages` or `every_cell`.
      weights: As given to `averages`, shape (functional, cell); None for every cell.
      by_period: Whether the epochs of a period have the reduction of the one that
        misses the median number of rows: exact where they miss the same ones. For
        days in months it costs a thirtieth.

    Yields:
      Numbers of epochs, and their reduction [mm2], shape (functional,); zero where
      epochs were not solved. An error that all rows share, which the variance without
      the means does not hold, is taken off, so that it may be negative.
    """
    of_means = assimilation.innovations.covariances
    if weights is not None:
        of_means = np.asarray(weights, np.float64) @ of_means
    target = np.asarray(functionals.fields, np.float64), of_means
    seen = assimilation.innovations.systems.seen
    means, ok = (
        assimilation.innovations.means,
        np.asarray(assimilation.solution.ok),
    )
    whole = assimilation.innovations.systems.image(target[0])
    yield np.flatnonzero(~ok), np.zeros(len(of_means))
    for number in range(len(means.years)):
        epochs = np.flatnonzero((means.period == number) & ok)
        if not len(epochs):
            continue
        near, factor = _factor_near(assimilation, number)
        if by_period:
            order = np.argsort(seen[epochs].sum(axis=1), kind="stable")
            typical = int(epochs[order[len(order) // 2]])
            spread = _of_many(assimilation, typical, near, target)
            yield epochs, _net(assimilation, factor, spread)
            continue
        for epoch in epochs:
            spread = _of_few(assimilation, int(epoch), near, (*target, whole))
            yield np.array([epoch]), _net(assimilation, factor, spread)


def _net(
    assimilation: Assimilation, factor: Floats, spread: tuple[Floats, Floats]
) -> Floats:
    """By how much a variance is smaller than without means and common error."""
    covariance, shifts = spread
    white = scipy.linalg.solve_triangular(factor, covariance.T, lower=True)
    model = assimilation.model
    common = (model.common**2 + model.common_seasonal**2) * shifts**2
    return np.asarray(np.sum(white**2, axis=0) - common, np.float64)


def _factor_near(
    assimilation: Assimilation, period: int
) -> tuple[NDArray[np.int64], Floats]:
    """Places of the periods that count among those used, and their factor."""
    innovations, model = assimilation.innovations, assimilation.model
    years, used = innovations.means.years, innovations.used
    load = np.asarray(period_kernels(model, years[period : period + 1], years[used])[0])
    apart = np.abs(years[used] - years[period])
    likeness = load[0] - 1e-6 * apart + 10.0 * (used == period)
    near = np.sort(np.argsort(-likeness, kind="stable")[:PERIODS])
    size = innovations.prior.shape[0]
    place = (near[:, None] * size + np.arange(size)).ravel()
    terms = drift_terms(innovations)[place]
    drift = assimilation.drift
    if len(near) == len(used):
        # What the observations say of drifts is not to count twice.
        drift = drift_variance(innovations.means) * np.eye(terms.shape[1])
    covariance = assimilation.covariance[np.ix_(place, place)] + terms @ drift @ terms.T
    factor = np.asarray(np.linalg.cholesky(covariance), np.float64)
    return near.astype(np.int64), factor


@dataclasses.dataclass(frozen=True, eq=False)
class _Columns:
    """What an epoch sees of means: columns of periods that count, and of its own.

    Attributes:
      images: Weights of rows in a mean, shape (row, column).
      load: Correlation of the load with that of the epoch [-], shape (column,).
      noise: That of the noise [-], likewise.
      place: Column of the periods that each belongs to, shape (column,).
    """

    images: Floats
    load: Floats
    noise: Floats
    place: NDArray[np.int64]

    def folded(self, values: Floats) -> Floats:
        """Add the epoch's own columns to those of its period."""
        result = np.zeros((len(values), self.place.max() + 1))
        np.add.at(result.T, self.place, values.T)
        return result


def _columns(
    assimilation: Assimilation, epoch: int, near: NDArray[np.int64]
) -> _Columns:
    innovations, model = assimilation.innovations, assimilation.model
    means, size = innovations.means, innovations.prior.shape[0]
    used, here = innovations.used[near], means.period[epoch]
    first = means.years[here : here + 1]
    kernels = period_kernels(model, first, means.years[used])
    load, noise = (np.asarray(kernel)[0] for kernel in kernels)
    inside = np.flatnonzero(used == here)
    cross = innovations.cross
    daily = innovations.systems.solve(epoch, cross)[: len(innovations.systems.gram)]
    blocks = [*innovations.images[used], *(daily for _ in inside)]
    weight = innovations.weights[epoch] * np.ones(len(inside))
    load = np.append(load, weight * (1 - model.seasonal - model.slow))
    noise = np.append(noise, weight * (1 - model.noise))
    number = np.append(np.arange(len(used)), inside)
    return _Columns(
        np.concatenate(blocks, axis=1),
        np.repeat(load, size),
        np.repeat(noise, size),
        (number[:, None] * size + np.arange(size)).ravel(),
    )


def _of_few(
    assimilation: Assimilation,
    epoch: int,
    near: NDArray[np.int64],
    target: tuple[Floats, Floats, Floats | None],
) -> tuple[Floats, Floats]:
    """Covariance of few functionals with the means, and by how much they shift.

    Shapes (functional, column) and (functional,).
    """
    innovations, (fields, of_means, whole) = assimilation.innovations, target
    systems, cross = innovations.systems, innovations.cross
    rows, columns = len(systems.gram), _columns(assimilation, epoch, near)
    weights = systems.solve(epoch, fields, whole)[:rows]
    times = len(columns.load) // cross.shape[1]
    direct = np.tile(of_means - weights.T @ cross[:rows], (1, times))
    of_rows = weights.T @ systems.gram - fields[:rows].T
    of_noise = systems.noise_times(epoch, weights).T
    spread = columns.load * (direct + of_rows @ columns.images)
    spread += columns.noise * (of_noise @ columns.images)
    shifts = weights.T @ systems.moved
    covariance = innovations.beta**-2 * columns.folded(spread)
    return covariance + shifts[:, None] * _common(assimilation, epoch, near), shifts


def _of_many(
    assimilation: Assimilation,
    epoch: int,
    near: NDArray[np.int64],
    target: tuple[Floats, Floats],
) -> tuple[Floats, Floats]:
    """The same of many functionals."""
    innovations, (fields, of_means) = assimilation.innovations, target
    systems, cross = innovations.systems, innovations.cross
    rows, columns = len(systems.gram), _columns(assimilation, epoch, near)
    times = len(columns.load) // cross.shape[1]
    short = np.tile(cross[:rows], (1, times)) - systems.gram @ columns.images
    short = columns.load * short
    short -= columns.noise * systems.noise_times(epoch, columns.images)
    right = np.zeros((len(cross), len(near) * cross.shape[1]))
    right[:rows] = columns.folded(short)
    of_rows = systems.solve(epoch, right)
    of_rows[:rows] += columns.folded(columns.load * columns.images)
    direct = columns.folded(columns.load[None])[0]
    spread = np.tile(of_means, (1, len(near))) * direct - fields.T @ of_rows
    unit = np.append(systems.moved, np.zeros(len(cross) - rows))
    shifts = (fields.T @ systems.solve(epoch, unit[:, None]))[:, 0]
    covariance = innovations.beta**-2 * spread
    return covariance + shifts[:, None] * _common(assimilation, epoch, near), shifts


def _common(assimilation: Assimilation, epoch: int, near: NDArray[np.int64]) -> Floats:
    """Covariance of an error that all rows share with the means that count [mm2]."""
    innovations, model = assimilation.innovations, assimilation.model
    means, used = innovations.means, innovations.used[near]
    first = means.years[means.period[epoch] : means.period[epoch] + 1]
    kernel = np.asarray(common_kernel(model, first, means.years[used]))[0]
    return (kernel[:, None] * moved_means(innovations, used)).ravel()

"""By how much means over periods differ from what epochs alone make them, and why."""

import dataclasses

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from jaxload._check import check_shapes
from jaxload.inversion.assimilation.epoch_weights import EpochSystems, epoch_systems
from jaxload.inversion.assimilation.period_means import (
    ObservedMeans,
    PeriodModel,
    common_kernel,
    period_kernels,
)
from jaxload.inversion.estimation.factor import factor_of
from jaxload.inversion.estimation.representers import (
    RepresenterSolution,
    functionals_of,
)
from jaxload.inversion.noise import noise_covariance
from jaxload.inversion.prior.smoothness import Prior, prior_covariance

__all__ = [
    "DRIFT",
    "UNKNOWN",
    "Innovations",
    "average_noise",
    "covariance_parts",
    "drift_terms",
    "drift_variance",
    "innovation_covariance",
    "innovations",
    "joined_covariance",
    "moved_means",
]

Floats = NDArray[np.float64]

#: Standard deviation of the amount of a drift, in those of the means' errors.
DRIFT = 1e2

#: Variance of the innovation of a mean that is not observed [mm2].
UNKNOWN = 1e20


@dataclasses.dataclass(frozen=True, eq=False)
class Innovations:
    """Observed means less those of the epochs' estimates, and their covariances.

    Those of the load hold ``1 / beta^2``.

    Attributes:
      means: The observations.
      solution: The epochs' estimates.
      systems: Those of the epochs.
      beta: Weight of the prior.
      weights: Of each epoch in the mean of its period, shape (epoch,); zero where it
        was not solved.
      used: Numbers of the periods with observations and epochs, shape (used,).
      estimated: Means of the epochs' estimates [mm], shape (period, mean).
      values: The innovations [mm], shape (used, mean); zero where there is none.
      known: Which means are observed, shape (used, mean).
      covariances: Of the means with cells, ``C H'``, shape (cell, mean).
      cross: Of the means with rows and amounts of free fields in them, shape
        (row + null, mean).
      prior: ``H C H'``, shape (mean, mean).
      images: Weights of an epoch's rows in the means, averaged over the epochs of each
        period, shape (period, row, mean).
      daily_load: Covariance of the means' errors that the load makes if it does not
        persist from epoch to epoch [mm2], shape (period, mean, mean).
      daily_noise: That which noise makes [mm2], likewise.
    """

    means: ObservedMeans
    solution: RepresenterSolution
    systems: EpochSystems
    beta: float
    weights: Floats
    used: NDArray[np.int64]
    estimated: Floats
    values: Floats
    known: NDArray[np.bool]
    covariances: Floats
    cross: Floats
    prior: Floats
    images: Floats
    daily_load: Floats
    daily_noise: Floats


def innovations(
    solution: RepresenterSolution, prior: Prior, means: ObservedMeans
) -> Innovations:
    """Compare observed means over periods with those of the epochs' estimates.

    Args:
      solution: From `solve_representers`, with its factor, on one device.
      prior: The prior that its problem was made with.
      means: The observations.

    Returns:
      The `Innovations`.

    Raises:
      ValueError: If shapes disagree, there is a prior mean, or no period with
        observations holds an epoch that was solved.
    """
    factor = factor_of(solution)
    check_shapes(
        values=(factor.data.values, "epoch row"),
        period=(means.period, "epoch"),
        problem=(factor.problem.design, "row cell"),
        design=(means.design, "mean cell"),
    )
    if factor.mean is not None or factor.data.sharding is not None:
        raise ValueError(
            "means over periods are brought into solutions about a prior mean of zero "
            "on one device; solve without mean and shards"
        )
    weights = _weights(means, np.asarray(solution.ok))
    used = _used(means, weights)
    problem, beta = factor.problem, float(factor.beta)
    covariances = np.asarray(prior_covariance(prior, jnp.asarray(means.design.T)))
    amounts = np.asarray(problem.null_space).T @ means.design.T
    cross = np.concatenate([np.asarray(problem.design) @ covariances, amounts])
    of_prior = means.design @ covariances
    systems = epoch_systems(factor)
    parts = _averaged(systems, cross, (of_prior + of_prior.T) / 2, (means, weights))
    images, load, noise = parts
    estimated = np.zeros((len(means.years), len(means.design)))
    each = functionals_of(solution, means.design)
    known = weights > 0
    np.add.at(estimated, means.period[known], weights[known, None] * each[known])
    values = (means.values - estimated)[used]
    return Innovations(
        means=means,
        solution=solution,
        systems=systems,
        beta=beta,
        weights=weights,
        used=used,
        estimated=estimated,
        values=np.where(np.isfinite(values), values, 0.0),
        known=np.isfinite(values),
        covariances=covariances,
        cross=cross,
        prior=(of_prior + of_prior.T) / 2,
        images=images,
        daily_load=load / beta**2,
        daily_noise=noise / beta**2,
    )


def _weights(means: ObservedMeans, ok: NDArray[np.bool]) -> Floats:
    counts = np.bincount(means.period[ok], minlength=len(means.years))
    return np.where(ok, 1 / np.maximum(counts, 1)[means.period], 0.0)


def _used(means: ObservedMeans, weights: Floats) -> NDArray[np.int64]:
    there = np.bincount(means.period, weights, minlength=len(means.years)) > 0
    used = np.flatnonzero(np.isfinite(means.values).any(axis=1) & there)
    if not len(used):
        raise ValueError(
            "no period with observed means holds an epoch that was solved; give means "
            "and epochs of one time"
        )
    return used


def _averaged(
    systems: EpochSystems,
    cross: Floats,
    prior: Floats,
    record: tuple[ObservedMeans, Floats],
) -> tuple[Floats, Floats, Floats]:
    """Weights of rows averaged over periods; what does not persist, times beta^2."""
    means, weights = record
    rows, count, size = len(systems.gram), len(means.years), cross.shape[1]
    images = np.zeros((count, rows, size))
    load, noise = np.zeros((count, size, size)), np.zeros((count, size, size))
    whole = systems.image(cross)
    for epoch in map(int, np.flatnonzero(weights)):
        period, weight = means.period[epoch], weights[epoch]
        image = systems.solve(epoch, cross, whole)[:rows]
        images[period] += weight * image
        part = image.T @ cross[:rows]
        of_noise = image.T @ systems.noise_times(epoch, image)
        # Weights that solve the epoch's system have W' (G C G' + R) W = W' G C H'.
        free = len(cross) > rows
        of_rows = image.T @ (systems.gram @ image) if free else part - of_noise
        load[period] += weight**2 * (prior - part - part.T + of_rows)
        noise[period] += weight**2 * of_noise
    return images, load, noise


def innovation_covariance(
    innovations: Innovations, model: PeriodModel
) -> NDArray[np.float64]:
    """Covariance of all innovations under a model.

    Args:
      innovations: From `innovations`.
      model: How load and noise persist.

    Returns:
      The covariance [mm2], shape (used x mean, used x mean), means fastest.
    """
    means = innovations.means
    alike = means.covariance, means.beyond
    return np.asarray(joined_covariance(model, covariance_parts(innovations), alike))


def joined_covariance(
    model: PeriodModel,
    parts: dict[str, Array],
    alike: tuple[Array | Floats, Array | Floats | None],
) -> Array:
    """Covariance of innovations from its parts.

    Args:
      model: How load and noise persist; may hold traced numbers.
      parts: From `covariance_parts`.
      alike: Covariance of the means' errors and of load outside the cells, as of
        `ObservedMeans`.

    Returns:
      The covariance [mm2], shape (used x mean, used x mean).
    """
    covariance, beyond = alike
    load, noise = period_kernels(model, parts["years"], parts["years"])
    count, size = len(load), len(covariance)
    daily = 1 - model.seasonal - model.slow
    spread = lambda kernel: jnp.repeat(jnp.repeat(kernel, size, 0), size, 1)
    total = spread(load) * parts["load"] + spread(noise) * parts["noise"]
    inside = daily * parts["daily_load"] + (1 - model.noise) * parts["daily_noise"]
    inside = inside + (model.error_factor**2 * jnp.asarray(covariance))[None]
    moved = parts["moved"].reshape(-1)
    common = common_kernel(model, parts["years"], parts["years"])
    total = total + spread(common) * moved[:, None] * moved[None, :]
    blocks = jnp.zeros((count, size, count, size), total.dtype)
    index = jnp.arange(count)
    total = total + blocks.at[index, :, index, :].set(inside).reshape(total.shape)
    if beyond is not None:
        lasting = load + jnp.diag(daily * parts["squares"])
        total = total + model.beyond**2 * jnp.kron(lasting, jnp.asarray(beyond))
    total = total + jnp.kron(parts["drift"], jnp.eye(size, dtype=total.dtype))
    known = parts["known"].reshape(-1)
    inside = jnp.where(known[:, None] & known[None, :], total, 0)
    return inside + jnp.diag(jnp.where(known, 0, UNKNOWN).astype(total.dtype))


def covariance_parts(innovations: Innovations) -> dict[str, Array]:
    """What the covariance of innovations is a weighted sum of.

    Args:
      innovations: From `innovations`.

    Returns:
      "load" and "noise" [mm2] if they persist for ever, shape (used x mean,
      used x mean); "daily_load" and "daily_noise" if they do not, shape (used, mean,
      mean); "years", middles of periods, and "squares", the sums of squared weights
      of epochs, shape (used,); "moved", from `moved_means`; "drift", the prior
      covariance of drifts between periods [mm2], shape (used, used); "known", as of
      `Innovations`.
    """
    used, means, systems = innovations.used, innovations.means, innovations.systems
    rows, scale = len(systems.gram), innovations.beta**-2
    flat = np.swapaxes(innovations.images[used], 1, 2).reshape(-1, rows)
    part = np.tile(flat @ innovations.cross[:rows], (1, len(used)))
    load = np.tile(innovations.prior, (len(used),) * 2) - part - part.T
    load += flat @ systems.gram @ flat.T
    squares = np.bincount(means.period, innovations.weights**2, len(means.years))
    drift = means.drift[used]
    variance = drift_variance(means)
    parts = {
        "years": means.years[used],
        "load": scale * load,
        "noise": scale * flat @ average_noise(systems) @ flat.T,
        "daily_load": innovations.daily_load[used],
        "daily_noise": innovations.daily_noise[used],
        "squares": squares[used],
        "moved": moved_means(innovations, used),
        "drift": variance * drift @ drift.T,
        "known": innovations.known,
    }
    return {name: jnp.asarray(part) for name, part in parts.items()}


def moved_means(innovations: Innovations, periods: NDArray[np.int64]) -> Floats:
    """By how much means of the epochs' estimates move if all rows move alike.

    Args:
      innovations: From `innovations`.
      periods: Numbers of periods, shape (period,).

    Returns:
      Means by a common displacement of one [mm/mm], shape (period, mean).
    """
    return np.einsum(
        "prm,r->pm", innovations.images[periods], innovations.systems.moved
    )


def drift_terms(innovations: Innovations) -> Floats:
    """Drifts in the innovations.

    Args:
      innovations: From `innovations`.

    Returns:
      Innovation by a drift of one, shape (used x mean, function x mean); zero where
      nothing is observed.
    """
    size = innovations.prior.shape[0]
    terms = np.kron(innovations.means.drift[innovations.used], np.eye(size))
    return np.where(innovations.known.reshape(-1, 1), terms, 0.0)


def drift_variance(means: ObservedMeans) -> float:
    """Prior variance of the amount of a drift, as good as unlimited [mm2].

    Args:
      means: The observations.
    """
    return float(DRIFT**2 * np.diag(means.covariance).mean())


def average_noise(systems: EpochSystems) -> Floats:
    """Covariance of noise averaged over a record, times ``beta^2``.

    Args:
      systems: Those of the epochs.

    Returns:
      Shape (row, row); exact where noise is the same at all epochs.
    """
    if systems.steady is not None:
        return systems.steady
    seen, noise = systems.seen, systems.noise
    counts = np.maximum(seen.sum(axis=0), 1)
    square = np.where(seen, np.asarray(noise.sigma) ** 2, 0).sum(axis=0) / counts
    common = None if noise.common is None else jnp.mean(noise.common)
    mean = dataclasses.replace(
        noise, sigma=jnp.sqrt(jnp.asarray(square)), common=common
    )
    return np.asarray(noise_covariance(mean))

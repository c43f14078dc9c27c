"""The likelihood of observed means over periods given the heights, differentiable."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxload._check import check_shapes
from jaxload.inversion.assimilation.mean_innovations import DRIFT, joined_covariance
from jaxload.inversion.assimilation.period_means import ObservedMeans, PeriodModel
from jaxload.inversion.estimation.factor import Factor, data_space_inverse
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.noise import (
    common_rows,
    is_steady,
    noise_covariance,
    scaled_noise,
)
from jaxload.inversion.prior.smoothness import Prior, prior_covariance
from jaxload.inversion.uncertainty.functionals import Functionals
from jaxload.inversion.uncertainty.posterior import (
    posterior_covariance,
    posterior_mean,
)

__all__ = [
    "BoundMeans",
    "bind_means",
    "lasts",
    "means_log_evidence",
    "period_averages",
]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class BoundMeans:
    """Observed means over periods, laid out for what is jitted and differentiated.

    Attributes:
      design: Share of each cell in a mean [-], shape (mean, cell).
      cross: Prior covariance with the cells up to 1/beta^2, ``C H'``, shape
        (cell, mean).
      values: Observed means [mm], shape (period, mean); NaN where there is none.
      covariance: Of their errors in one period [mm2], shape (mean, mean).
      place: Period of every epoch, the number of periods where it has none, shape
        (epoch,).
      years: Middle of every period [a], shape (period,).
      drift: As of `ObservedMeans`, shape (period, function).
      beyond: Likewise, shape (mean, mean).
    """

    design: Array
    cross: Array
    values: Array
    covariance: Array
    place: Array
    years: Array
    drift: Array
    beyond: Array | None = None


def bind_means(means: ObservedMeans, prior: Prior) -> BoundMeans:
    """Keep the periods that have observations and epochs, and lay them out.

    Args:
      means: The observations.
      prior: The prior of the problem.

    Returns:
      The `BoundMeans`.

    Raises:
      ValueError: If no period has both.
    """
    there = np.bincount(means.period, minlength=len(means.years)) > 0
    used = np.flatnonzero(np.isfinite(means.values).any(axis=1) & there)
    if not len(used):
        raise ValueError(
            "no period with observed means holds an epoch; give means and epochs of "
            "one time"
        )
    place = np.full(len(means.years), len(used))
    place[used] = np.arange(len(used))
    design = jnp.asarray(means.design)
    return BoundMeans(
        design=design,
        cross=prior_covariance(prior, design.T),
        values=jnp.asarray(means.values[used]),
        covariance=jnp.asarray(means.covariance),
        place=jnp.asarray(place[means.period]),
        years=jnp.asarray(means.years[used]),
        drift=jnp.asarray(means.drift[used]),
        beyond=None if means.beyond is None else jnp.asarray(means.beyond),
    )


def period_averages(means: BoundMeans, values: Array) -> Array:
    """Average values of epochs over the periods.

    Args:
      means: Which epochs belong to which period.
      values: Shape (epoch, ...).

    Returns:
      The averages, shape (period, ...).
    """
    return _sums(means, _weighted(_weights(means), values))


def lasts(model: PeriodModel) -> bool:
    """Whether any load or noise persists from epoch to epoch.

    Args:
      model: Not traced.
    """
    lasting = (model.seasonal, model.slow, model.noise)
    return any((*lasting, model.common, model.common_seasonal))


def means_log_evidence(factor: Factor, means: BoundMeans, model: PeriodModel) -> Array:
    """Compute the log density of observed means given the heights of all epochs.

    With `epoch_log_evidence` of the heights the joint density of both, where neither
    load nor noise persists. Where they do, that of the means given each epoch's
    estimate, of which the heights' own is independent of other epochs.

    Differentiable in all arrays and in beta.

    Args:
      factor: From `factorise`, of the heights without a prior mean.
      means: From `bind_means`, less those of a prior mean.
      model: How load and noise persist; not traced.

    Returns:
      The log density, ().

    Raises:
      ValueError: If load or noise persists and the prior leaves fields free.

    Source:
      Tarantola (2005), Inverse Problem Theory, ch. 3, doi:10.1137/1.9780898717921.
    """
    check_shapes(
        values=(factor.data.values, "epoch row"),
        place=(means.place, "epoch"),
        problem=(factor.problem.design, "row cell"),
        design=(means.design, "mean cell"),
        cross=(means.cross, "cell mean"),
    )
    functionals = _functionals(factor, means)
    estimated = period_averages(means, posterior_mean(factor, functionals))
    known = jnp.isfinite(means.values).reshape(-1)
    rest = jnp.where(known, (means.values - estimated).reshape(-1), 0)
    if not lasts(model):
        return _independent_log_density(
            _inside(factor, means, functionals, model),
            jnp.sqrt(_drift_variance(means)) * means.drift,
            rest.reshape(means.values.shape),
            known.reshape(means.values.shape),
        )
    parts = _lasting_parts(factor, means, functionals)
    total = joined_covariance(model, parts, (means.covariance, means.beyond))
    # What is not observed has no share in the density.
    both = known[:, None] & known[None, :]
    total = jnp.where(both, total, jnp.eye(len(total), dtype=total.dtype))
    root = jnp.linalg.cholesky(total)
    white = jax.scipy.linalg.solve_triangular(root, rest, lower=True)
    log_determinant = 2 * jnp.sum(jnp.log(jnp.diagonal(root)))
    constant = jnp.sum(known).astype(total.dtype) * np.log(2 * np.pi)
    return -(constant + log_determinant + white @ white) / 2


def _independent_log_density(
    inside: Array, drift: Array, rest: Array, known: Array
) -> Array:
    """Log density of means whose periods have nothing but drifts in common.

    The covariance is ``B + U U'`` with one block of `inside` a period in B, and
    ``U = drift x I``; its inverse and determinant are those of the blocks and of
    ``I + U' B^-1 U``, of one row a drift and mean.

    Args:
      inside: Covariance within periods [mm2], shape (period, mean, mean).
      drift: Drifts by their prior standard deviations [mm], shape (period, function).
      rest: Means less what is expected of them [mm], shape (period, mean).
      known: Which means are observed, shape (period, mean).

    Returns:
      The log density, ().
    """
    size, functions = rest.shape[1], drift.shape[1]
    one = jnp.eye(size, dtype=inside.dtype)
    # What is not observed has no share in the density.
    root = jnp.linalg.cholesky(
        jnp.where(known[:, :, None] & known[:, None, :], inside, one[None])
    )
    right = jnp.concatenate(
        [jnp.where(known[:, :, None], one[None], 0), rest[:, :, None]], axis=2
    )
    solved = jax.scipy.linalg.solve_triangular(root, right, lower=True)
    image, white = solved[:, :, :size], solved[:, :, size]
    inner = einsum("pf,pg,pmi,pmj->figj", drift, drift, image, image)
    inner = inner.reshape(functions * size, functions * size)
    inner_root = jnp.linalg.cholesky(inner + jnp.eye(len(inner), dtype=inner.dtype))
    moved = einsum("pf,pmi,pm->fi", drift, image, white).reshape(-1)
    moved = jax.scipy.linalg.solve_triangular(inner_root, moved, lower=True)
    roots = (root, inner_root)
    log_determinant = 2 * sum(
        jnp.sum(jnp.log(jnp.diagonal(each, axis1=-2, axis2=-1))) for each in roots
    )
    square = jnp.sum(white**2) - jnp.sum(moved**2)
    constant = jnp.sum(known).astype(inside.dtype) * np.log(2 * np.pi)
    return -(constant + log_determinant + square) / 2


def _functionals(factor: Factor, means: BoundMeans) -> Functionals:
    problem = factor.problem
    covariance = einsum("mc,cn->mn", means.design, means.cross)
    return Functionals(
        einsum("cm,rc->mr", means.cross, problem.design),
        einsum("mc,ck->mk", means.design, problem.null_space),
        jnp.diagonal(covariance),
        (covariance + covariance.T) / 2,
    )


def _weights(means: BoundMeans) -> Array:
    """Of each epoch in the mean of its period, (epoch,)."""
    one = jnp.ones_like(means.place, means.values.dtype)
    counts = _sums(means, one)
    return jnp.append(1 / jnp.maximum(counts, 1), jnp.zeros(1, one.dtype))[means.place]


def _weighted(weights: Array, values: Array) -> Array:
    return weights.reshape(-1, *[1] * (values.ndim - 1)).astype(values.dtype) * values


def _sums(means: BoundMeans, values: Array) -> Array:
    count = len(means.years)
    return jax.ops.segment_sum(values, means.place, count + 1)[:count]


def _drift_variance(means: BoundMeans) -> Array:
    """Prior variance of the amount of a drift, as good as unlimited [mm2], ()."""
    return DRIFT**2 * jnp.mean(jnp.diagonal(means.covariance))


def _inside(
    factor: Factor, means: BoundMeans, functionals: Functionals, model: PeriodModel
) -> Array:
    """Covariance of innovations within periods, of which nothing lasts."""
    squares = _weights(means) ** 2
    covariance = posterior_covariance(factor, functionals)
    inside = _sums(means, _weighted(squares, covariance))
    inside = inside + (model.error_factor**2 * means.covariance)[None]
    if means.beyond is not None:
        outside = _sums(means, squares)[:, None, None] * means.beyond[None]
        inside = inside + model.beyond**2 * outside
    return inside


def _lasting_parts(
    factor: Factor, means: BoundMeans, functionals: Functionals
) -> dict[str, Array]:
    """What `joined_covariance` takes, as of `covariance_parts`."""
    problem, data, beta = factor.problem, factor.data, factor.beta
    if problem.null_space.shape[1] or not is_steady(data.noise):
        raise ValueError(
            "load that persists needs a prior that leaves no field free and errors "
            "that are the same at all epochs; take persistence none"
        )
    weights, count = _weights(means), len(means.years)
    size = len(means.design)
    fields, prior = functionals.cross.T, functionals.covariance
    assert prior is not None
    right = jnp.broadcast_to(
        fields.T[:, None, :], (fields.shape[1], len(weights), len(fields))
    )
    inverse = data_space_inverse(problem, data, beta, steady=True)
    image = inverse.solve(jnp.where(data.seen[None], right, 0))
    noise = noise_covariance(scaled_noise(data.noise, beta, data.seen))
    part = einsum("mer,rn->emn", image, fields)
    of_rows = einsum("mer,rs,nes->emn", image, problem.gram, image)
    of_noise = einsum("mer,rs,nes->emn", image, noise, image)
    load = prior[None] - part - jnp.swapaxes(part, 1, 2) + of_rows
    flat = _sums(means, _weighted(weights, jnp.swapaxes(image, 0, 1)))
    moved = einsum("pmr,r->pm", flat, common_rows(data.noise).astype(flat.dtype))
    flat = flat.reshape(-1, len(fields))
    part = jnp.tile(einsum("kr,rm->km", flat, fields), (1, count))
    whole = jnp.tile(prior, (count, count)) - part - part.T
    squares, scale = weights**2, beta**-2
    return {
        "years": means.years,
        "squares": _sums(means, squares),
        "drift": _drift_variance(means) * means.drift @ means.drift.T,
        "known": jnp.ones((count, size), bool),
        "load": scale * (whole + einsum("kr,rs,ls->kl", flat, problem.gram, flat)),
        "noise": scale * einsum("kr,rs,ls->kl", flat, noise, flat),
        "daily_load": scale * _sums(means, _weighted(squares, load)),
        "daily_noise": scale * _sums(means, _weighted(squares, of_noise)),
        "moved": moved,
    }

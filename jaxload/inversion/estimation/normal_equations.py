"""Normal equations, one system of the size of the load per epoch."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from jaxload.inversion.linalg.spd import einsum, inverse
from jaxload.inversion.noise import (
    Noise,
    common_rows,
    map_epochs,
    noise_covariance,
)

__all__ = ["primal_load"]

Weighing = Callable[[Array], Array]


def primal_load(
    design: Array,
    prior: tuple[Array, Array],
    noise: Noise,
    data: tuple[Array, Array],
) -> tuple[Array, Array, Array]:
    """Solve ``(G' N_oo^-1 G + L'L) x = G' N_oo^-1 d`` for every epoch.

    Cheaper than the systems in data space where cells are fewer than rows.

    Not for: noise with correlations, unless rows are few; each epoch then inverts the
    noise of its rows too.

    Args:
      design: Displacement per unit load G, shape (row, cell).
      prior: ``L'L``, shape (cell, cell), and the fields that it does not see,
        orthonormal, shape (cell, null).
      noise: Of covariance ``N = beta^2 R``.
      data: Observations, NaN where missing, shape (epoch, row), and whether they
        determine those fields, shape (epoch,). Where not, the load means nothing.

    Returns:
      The load, shape (epoch, cell); ``N_oo^-1 (d - G x)``, the multiplier of the
      data-space system, shape (epoch, row); by how much one more correction would move
      the fit, which is what rounding did, shape (epoch, row).
    """
    penalty, null_space = prior
    # Where data leave these open, penalised they keep derivatives finite.
    held = jnp.mean(jnp.diag(penalty)) * einsum("ck,dk->cd", null_space, null_space)

    def one(noise: Noise, epoch: tuple[Array, Array]) -> tuple[Array, Array, Array]:
        displacement, known = epoch
        seen = jnp.isfinite(displacement)
        weighted = _weighting(noise, seen)
        data = jnp.where(seen, displacement, 0)
        rows = weighted(design)
        normal = einsum("rc,rd->cd", design, rows) + penalty
        inverted = inverse(normal + jnp.where(known, 0, held))
        load = einsum("cd,rd,r->c", inverted, rows, data)
        left = jnp.where(seen, data - einsum("rc,c->r", design, load), 0)
        multiplier = weighted(left[:, None])[:, 0]
        rest = einsum("rc,r->c", design, multiplier) - einsum("cd,d->c", penalty, load)
        move = einsum("rc,cd,d->r", design, inverted, rest)
        return load, multiplier, jax.lax.stop_gradient(move)

    rows, cells = design.shape
    size = 6 * cells**2 + 3 * rows * cells
    if noise.correlation is not None:
        size += 6 * rows**2
    return map_epochs(one, noise, data, size)


def _weighting(noise: Noise, seen: Array) -> Weighing:
    """The map of columns, shape (row, column), by ``N_oo^-1`` with zeros around it."""
    independent = dataclasses.replace(noise, common=None, patterns=None)
    if noise.correlation is None:
        weight = jnp.where(seen, noise.sigma**-2, 0)
        without_offset = lambda values: weight[:, None] * values
    else:
        both = seen[:, None] & seen[None, :]
        unit = jnp.eye(len(seen), dtype=noise.sigma.dtype)
        covariance = jnp.where(both, noise_covariance(independent), unit)
        inverted = jnp.where(both, inverse(covariance), 0)
        without_offset = lambda values: einsum("rs,sc->rc", inverted, values)
    if noise.common is not None:
        without_offset = _with_offset(noise, without_offset)
    if noise.patterns is None:
        return without_offset
    return _with_patterns(noise.patterns, without_offset)


def _with_offset(noise: Noise, weighing: Weighing) -> Weighing:
    """Sherman & Morrison (1950), doi:10.1214/aoms/1177729893."""
    image = weighing(common_rows(noise)[:, None])
    growth = 1 + noise.common * einsum("rc,r->", image, common_rows(noise))

    def weighted(values: Array) -> Array:
        amount = noise.common / growth * einsum("rk,rc->kc", image, values)
        return weighing(values) - einsum("rk,kc->rc", image, amount)

    return weighted


def _with_patterns(patterns: Array, weighing: Weighing) -> Weighing:
    """The same for several columns: Woodbury's identity."""
    image = weighing(patterns)
    unit = jnp.eye(patterns.shape[1], dtype=patterns.dtype)
    inverted = inverse(unit + einsum("rp,rq->pq", image, patterns))

    def weighted(values: Array) -> Array:
        amounts = einsum("pq,rq,rc->pc", inverted, image, values)
        return weighing(values) - einsum("rp,pc->rc", image, amounts)

    return weighted

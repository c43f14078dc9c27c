"""Normal equations, one system of the size of the load per epoch."""

import dataclasses
from collections.abc import Callable

import jax.numpy as jnp
import scipy.sparse as sp
from jax import Array

from jaxload._check import check_shapes
from jaxload.inversion.definite import einsum, inverse
from jaxload.inversion.noise import (
    Noise,
    common_rows,
    noise_covariance,
    over_epochs,
)

__all__ = ["normal_matrix", "primal_load"]


def normal_matrix(operator: sp.spmatrix | sp.sparray, design: Array) -> Array:
    """``L'L`` written out, for a `Problem` that may be solved by normal equations.

    Args:
      operator: Roughness L, sparse, shape (any, cell).
      design: Displacement per unit load, shape (row, cell); its dtype is kept.

    Returns:
      The matrix, shape (cell, cell).

    Raises:
      ValueError: If they disagree on the number of cells.
    """
    operator = sp.csc_array(operator)
    check_shapes(design=(design, "row cell"), operator=(operator, "any cell"))
    return jnp.asarray((operator.T @ operator).toarray(), design.dtype)


def primal_load(
    design: Array, penalty: Array, noise: Noise, displacement: Array
) -> tuple[Array, Array]:
    """Solve ``(G' N_oo^-1 G + L'L) x = G' N_oo^-1 d`` for every epoch.

    Cheaper than the systems in data space where cells are fewer than rows. Fields that
    L does not see need no attention: the data determine them, or they do not.

    Not for: noise with correlations, unless rows are few; each epoch then inverts the
    noise of its rows too.

    Args:
      design: Displacement per unit load G, shape (row, cell).
      penalty: ``L'L``, shape (cell, cell).
      noise: Of covariance ``N = beta^2 R``.
      displacement: Observations, NaN where missing, shape (epoch, row).

    Returns:
      The load, shape (epoch, cell), and ``N_oo^-1 (d - G x)``, the multiplier of the
      data-space system, shape (epoch, row).
    """

    def one(noise: Noise, displacement: Array) -> tuple[Array, Array]:
        seen = jnp.isfinite(displacement)
        weighted = _weighting(noise, seen)
        data = jnp.where(seen, displacement, 0)
        rows = weighted(design)
        inverted = inverse(einsum("rc,rd->cd", design, rows) + penalty)
        load = einsum("cd,rd,r->c", inverted, rows, data)
        left = jnp.where(seen, data - einsum("rc,c->r", design, load), 0)
        return load, weighted(left[:, None])[:, 0]

    return over_epochs(one, noise, displacement)


def _weighting(noise: Noise, seen: Array) -> Callable[[Array], Array]:
    """The map of columns, shape (row, column), by ``N_oo^-1`` with zeros around it."""
    own = dataclasses.replace(noise, common=None)
    if noise.correlation is None:
        weight = jnp.where(seen, noise.sigma**-2, 0)
        alone = lambda values: weight[:, None] * values
    else:
        both = seen[:, None] & seen[None, :]
        alone_there = jnp.eye(len(seen), dtype=noise.sigma.dtype)
        covariance = jnp.where(both, noise_covariance(own), alone_there)
        inverted = jnp.where(both, inverse(covariance), 0)
        alone = lambda values: einsum("rs,sc->rc", inverted, values)
    if noise.common is None:
        return alone
    image = alone(common_rows(noise)[:, None])
    growth = 1 + noise.common * einsum("rc,r->", image, common_rows(noise))

    def weighted(values: Array) -> Array:
        amount = noise.common / growth * einsum("rk,rc->kc", image, values)
        return alone(values) - einsum("rk,kc->rc", image, amount)

    return weighted

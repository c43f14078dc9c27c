"""Small regressions, some of whose terms nothing determines."""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

__all__ = ["Regression", "products", "regress"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Regression:
    """The terms of one series.

    Attributes:
      estimates: Shape (term,); NaN for terms that the data or the terms before them
        leave undetermined.
      covariance: For observations of variance 1 / weight, shape (term, term); zero in
        rows and columns of what is undetermined.
      squares: Weighted sum of squared residuals, scalar.
      freedom: Observations less determined terms, scalar.
    """

    estimates: Array
    covariance: Array
    squares: Array
    freedom: Array


def products(basis: Array, values: Array, weight: Array) -> Array:
    """Weighted products of all terms and of the values, all that a regression needs.

    Args:
      basis: Terms as columns, shape (epoch, term).
      values: Shape (epoch,); anything finite where the weight is zero.
      weight: Shape (epoch,); zero if missing.

    Returns:
      Shape (term + 1, term + 1), that of the values last.
    """
    columns = jnp.concatenate([basis, values[:, None]], axis=1)
    weighted = columns * weight[:, None]
    return jnp.matmul(weighted.T, columns, precision=jax.lax.Precision.HIGHEST)


def regress(square: Array, count: Array) -> Regression:
    """Solve the normal equations of `products`, without terms that depend on others.

    Args:
      square: From `products`, shape (term + 1, term + 1).
      count: Number of observations, scalar.

    Returns:
      The `Regression`.

    Source:
      Goodnight (1979), A Tutorial on the SWEEP Operator, The American Statistician 33,
      doi:10.1080/00031305.1979.10482685.
    """
    size = len(square) - 1
    diagonal = jnp.diagonal(square)[:size]
    scale = jnp.where(
        diagonal > 0, jax.lax.rsqrt(jnp.where(diagonal > 0, diagonal, 1)), 0
    )
    whole = jnp.concatenate([scale, jnp.ones_like(square[0, :1])])
    square = square * whole[:, None] * whole[None, :]
    square, used = _swept(square, size)
    estimates = jnp.where(used, square[:size, size] * scale, jnp.nan)
    covariance = square[:size, :size] * scale[:, None] * scale[None, :]
    freedom = count.astype(square.dtype) - used.sum().astype(square.dtype)
    return Regression(estimates, covariance, jnp.maximum(square[-1, -1], 0), freedom)


def _swept(square: Array, size: int) -> tuple[Array, Array]:
    """Sweep the first columns, of unit length; and which of them could be.

    XLA on a CPU can deadlock in batched calls of LAPACK, and those know no rank.
    """
    least = jnp.finfo(square.dtype).eps ** 0.5
    rows = jnp.arange(size + 1)

    def sweep(index: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        square, used = state
        here = rows == index
        column, row = square[:, index], square[index, :]
        free = row[index] > least
        pivot = jnp.where(free, row[index], 1)
        new = square - column[:, None] * (row / pivot)[None, :]
        new = jnp.where(here[:, None], (row / pivot)[None, :], new)
        new = jnp.where(here[None, :], (-column / pivot)[:, None], new)
        new = jnp.where(here[:, None] & here[None, :], 1 / pivot, new)
        none = jnp.where(here[:, None] | here[None, :], 0, square)
        return jnp.where(free, new, none), used | (here & free)

    none = jnp.zeros(size + 1, bool)
    square, used = jax.lax.fori_loop(0, size, sweep, (square, none))
    return square, used[:size]

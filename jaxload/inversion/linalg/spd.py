"""Inverses of positive definite matrices, many at a time, from matrix products."""

import functools

import jax
import jax.numpy as jnp
from jax import Array

__all__ = [
    "determined_inverse",
    "einsum",
    "inverse",
    "inverse_and_log_determinant",
]

# TF32 would cost half the digits of a float32 matrix product.
einsum = functools.partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)

#: Matrices up to this size are inverted row by row, larger ones by halves.
LEAF = 52


def inverse(matrix: Array) -> Array:
    """Invert symmetric positive definite matrices.

    Args:
      matrix: Symmetric matrices, shape (..., row, row).

    Returns:
      The inverses, same shape; NaN where a matrix is not positive definite.
    """
    return inverse_and_log_determinant(matrix)[0]


def determined_inverse(matrix: Array) -> tuple[Array, Array]:
    """Invert small normal matrices, but not those that are singular but for rounding.

    Args:
      matrix: Symmetric positive semidefinite matrices, shape (..., row, row).

    Returns:
      The inverses, same shape, and whether the unknowns can be told apart, shape
      (...): not where one of them is, to rounding, a combination of the others. There
      the inverse is finite and means nothing, so that derivatives stay finite.
    """
    scale = jnp.sqrt(jax.lax.stop_gradient(_diagonal(matrix)))
    scale = jnp.where(scale > 0, scale, 1)
    scale = scale[..., :, None] * scale[..., None, :]
    unit = matrix / scale
    inflation = _diagonal(inverse(jax.lax.stop_gradient(unit))).max(axis=-1)
    known = inflation * 1e3 * float(jnp.finfo(matrix.dtype).eps) < 1
    same = jnp.broadcast_to(jnp.eye(matrix.shape[-1], dtype=matrix.dtype), unit.shape)
    return inverse(jnp.where(known[..., None, None], unit, same)) / scale, known


def _diagonal(matrix: Array) -> Array:
    return jnp.diagonal(matrix, axis1=-2, axis2=-1)


@jax.custom_jvp
def inverse_and_log_determinant(matrix: Array) -> tuple[Array, Array]:
    """Invert symmetric positive definite matrices, with their log determinants.

    By halves, ``[[A, B], [B', D]]`` with the Schur complement of A, down to small
    blocks that are swept. LAPACK is left out on purpose: batched factorisations or
    triangular solves that run side by side can stop XLA's CPU runtime for ever, each
    waiting for the other's threads (seen with jax 0.10.2 on two cores).

    Args:
      matrix: Symmetric matrices, shape (..., row, row).

    Returns:
      The inverses, same shape, and the logarithms of the determinants, shape (...);
      NaN where a matrix is not positive definite.

    Source:
      Golub & Van Loan (2013), Matrix Computations, section 3.2.11; sweep operator:
      Goodnight (1979), doi:10.1080/00031305.1979.10482685.
    """
    size = matrix.shape[-1]
    if size <= LEAF:
        return _swept(matrix)
    half = -(-size // 2)
    first, log_first = inverse_and_log_determinant(matrix[..., :half, :half])
    side = matrix[..., :half, half:]
    image = einsum("...ij,...jk->...ik", first, side)
    rest = matrix[..., half:, half:] - einsum("...ji,...jk->...ik", side, image)
    second, log_second = inverse_and_log_determinant(_symmetric(rest))
    corner = -einsum("...ij,...jk->...ik", image, second)
    first = first - einsum("...ij,...kj->...ik", corner, image)
    rows = [
        jnp.concatenate([first, corner], axis=-1),
        jnp.concatenate([jnp.swapaxes(corner, -1, -2), second], axis=-1),
    ]
    return _symmetric(jnp.concatenate(rows, axis=-2)), log_first + log_second


@inverse_and_log_determinant.defjvp
def _jvp(
    primals: tuple[Array], tangents: tuple[Array]
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    result, log_determinant = inverse_and_log_determinant(primals[0])
    change = einsum("...ij,...jk,...kl->...il", result, tangents[0], result)
    log_change = einsum("...ij,...ij->...", result, tangents[0])
    return (result, log_determinant), (-change, log_change)


def _symmetric(matrix: Array) -> Array:
    return (matrix + jnp.swapaxes(matrix, -1, -2)) / 2


def _swept(matrix: Array) -> tuple[Array, Array]:
    """Gauss-Jordan elimination in place, without the pivoting it does not need here."""
    size = matrix.shape[-1]

    def sweep(k: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        matrix, log_determinant = state
        column = jax.lax.dynamic_index_in_dim(matrix, k, -1, keepdims=False)
        pivot = jax.lax.dynamic_index_in_dim(column, k, -1)
        pivot = jnp.where(pivot > 0, pivot, jnp.nan)
        here = (jnp.arange(size) == k).reshape((1,) * (column.ndim - 1) + (-1,))
        column = jnp.where(here, -1, column)
        kept = jnp.where(here[..., :, None] | here[..., None, :], 0, matrix)
        matrix = kept - column[..., :, None] * (column / pivot)[..., None, :]
        return matrix, log_determinant + jnp.log(pivot[..., 0])

    nothing = jnp.zeros(matrix.shape[:-2], matrix.dtype)
    swept, log_determinant = jax.lax.fori_loop(0, size, sweep, (matrix, nothing))
    return -swept, log_determinant

"""Inverses of positive definite matrices, many at a time, from matrix products."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from jaxload._platform import current_form, on_platform

__all__ = [
    "determined_inverse",
    "einsum",
    "inverse",
    "inverse_and_log_determinant",
]

# TF32 would cost half the digits of a float32 matrix product.
einsum = functools.partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)

#: Inverses and log determinants of matrices.
Inversion = Callable[[Array], tuple[Array, Array]]

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


def inverse_and_log_determinant(matrix: Array) -> tuple[Array, Array]:
    """Invert symmetric positive definite matrices, with their log determinants.

    On CPUs by halves, ``[[A, B], [B', D]]`` with the Schur complement of A, down to
    small blocks that are swept. LAPACK is left out there on purpose: batched
    factorisations or triangular solves that run side by side can stop XLA's CPU runtime
    for ever, each waiting for the other's threads (seen with jax 0.10.2 on two cores).
    On accelerators by Cholesky factors, which a library makes in few launches.

    Args:
      matrix: Symmetric matrices, shape (..., row, row).

    Returns:
      The inverses, same shape, and the logarithms of the determinants, shape (...);
      NaN where a matrix is not positive definite.

    Source:
      Golub & Van Loan (2013), Matrix Computations, section 3.2.11; sweep operator:
      Goodnight (1979), doi:10.1080/00031305.1979.10482685.
    """
    forms = {"cpu": _halved, "accelerator": _factorised, None: _chosen}
    return forms[current_form()](matrix)


def _by_halves(matrix: Array) -> tuple[Array, Array]:
    size = matrix.shape[-1]
    if size <= LEAF:
        return _swept(matrix)
    half = -(-size // 2)
    first, log_first = _by_halves(matrix[..., :half, :half])
    side = matrix[..., :half, half:]
    image = einsum("...ij,...jk->...ik", first, side)
    rest = matrix[..., half:, half:] - einsum("...ji,...jk->...ik", side, image)
    second, log_second = _by_halves(_symmetric(rest))
    corner = -einsum("...ij,...jk->...ik", image, second)
    first = first - einsum("...ij,...kj->...ik", corner, image)
    rows = [
        jnp.concatenate([first, corner], axis=-1),
        jnp.concatenate([jnp.swapaxes(corner, -1, -2), second], axis=-1),
    ]
    return _symmetric(jnp.concatenate(rows, axis=-2)), log_first + log_second


def _by_cholesky(matrix: Array) -> tuple[Array, Array]:
    factor = jax.lax.linalg.cholesky(matrix, symmetrize_input=False)
    eye = jnp.broadcast_to(jnp.eye(matrix.shape[-1], dtype=matrix.dtype), matrix.shape)
    root = jax.lax.linalg.triangular_solve(factor, eye, left_side=True, lower=True)
    log_determinant = 2 * jnp.sum(jnp.log(_diagonal(factor)), axis=-1)
    return einsum("...ki,...kj->...ij", root, root), log_determinant


def _with_derivative(function: Inversion) -> Inversion:
    """Give an inversion its derivative, which needs no other inverse."""
    inverted = jax.custom_jvp(function)

    def change(
        primals: tuple[Array], tangents: tuple[Array]
    ) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        result, log_determinant = inverted(primals[0])
        change = einsum("...ij,...jk,...kl->...il", result, tangents[0], result)
        log_change = einsum("...ij,...ij->...", result, tangents[0])
        return (result, log_determinant), (-change, log_change)

    inverted.defjvp(change)
    return inverted


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


_halved = _with_derivative(_by_halves)
_factorised = _with_derivative(_by_cholesky)
_chosen = _with_derivative(
    lambda matrix: on_platform(matrix, cpu=_by_halves, accelerator=_by_cholesky)
)

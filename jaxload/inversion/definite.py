"""Inverses of positive definite matrices, many at a time, from matrix products."""

import functools

import jax
import jax.numpy as jnp
from jax import Array

__all__ = ["einsum", "inverse"]

# TF32 would cost half the digits of a float32 matrix product.
einsum = functools.partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)

#: Matrices up to this size are inverted by one factor, larger ones by halves.
LEAF = 48

#: Above any entry of an inverse that is not lost to rounding.
LARGE = 1e30


@jax.custom_jvp
def inverse(matrix: Array) -> Array:
    """Invert symmetric positive definite matrices.

    By halves, ``[[A, B], [B', D]]`` with the Schur complement of A, down to small
    blocks that are factorised. A triangular solve is left out on purpose: several
    batched ones at a time can stop XLA's CPU runtime for ever (seen with jax 0.10.2).

    Args:
      matrix: Symmetric matrices, shape (..., row, row).

    Returns:
      The inverses, same shape; NaN where a matrix is not positive definite.

    Source:
      Golub & Van Loan (2013), Matrix Computations, section 3.2.11.
    """
    size = matrix.shape[-1]
    if size <= LEAF:
        return _small_inverse(matrix)
    half = -(-size // 2)
    first = inverse(matrix[..., :half, :half])
    side = matrix[..., :half, half:]
    image = einsum("...ij,...jk->...ik", first, side)
    rest = matrix[..., half:, half:] - einsum("...ji,...jk->...ik", side, image)
    second = inverse(_symmetric(rest))
    corner = -einsum("...ij,...jk->...ik", image, second)
    first = first - einsum("...ij,...kj->...ik", corner, image)
    rows = [
        jnp.concatenate([first, corner], axis=-1),
        jnp.concatenate([jnp.swapaxes(corner, -1, -2), second], axis=-1),
    ]
    return _symmetric(jnp.concatenate(rows, axis=-2))


@inverse.defjvp
def _inverse_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    result = inverse(primals[0])
    change = einsum("...ij,...jk,...kl->...il", result, tangents[0], result)
    return result, -change


def _symmetric(matrix: Array) -> Array:
    return (matrix + jnp.swapaxes(matrix, -1, -2)) / 2


def _small_inverse(matrix: Array) -> Array:
    """The inverse from one Cholesky factor.

    That of ``[[A, 1], [1, t]]``, with t so large that the whole is definite, holds the
    inverse of that of A below it.
    """
    size = matrix.shape[-1]
    eye = jnp.broadcast_to(jnp.eye(size, dtype=matrix.dtype), matrix.shape)
    rows = [
        jnp.concatenate([matrix, eye], axis=-1),
        jnp.concatenate([eye, LARGE * eye], axis=-1),
    ]
    factor = jnp.linalg.cholesky(jnp.concatenate(rows, axis=-2))[..., size:, :size]
    return einsum("...ik,...jk->...ij", factor, factor)

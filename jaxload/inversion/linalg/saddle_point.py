"""Inverses of ``[[A, D], [D', 0]]``, D the displacement by fields without a prior.

The block of rows is ``A^-1`` less what drops out when those fields are estimated beside
the load. Rows that an epoch misses are eliminated from it as from any inverse.
"""

import jax
import jax.numpy as jnp
from jax import Array

from jaxload.inversion.linalg.spd import einsum, inverse, inverse_and_log_determinant

__all__ = [
    "determined",
    "eliminated",
    "gap_weights",
    "null_space_log_determinant",
    "observed_inverse",
    "observed_saddle_inverse",
    "saddle_inverse",
    "take",
]


def saddle_inverse(
    inverted: Array, null_space_response: Array, enough: Array | bool = True
) -> tuple[Array, Array]:
    """Compute the inverse of ``[[A, D], [D', 0]]`` from that of A.

    Args:
      inverted: ``A^-1``, zero where a row is missing, shape (row, row).
      null_space_response: D, shape (row, null).
      enough: Whether there are as many rows as free fields. Where not, the result means
        nothing, but has derivatives.

    Returns:
      The inverse, shape (row + null, row + null); `inverted` where null is 0. And
      ``log det D' A^-1 D``, zero there, scalar.

    Source:
      Benzi, Golub & Liesen (2005), Numerical solution of saddle point problems,
      section 3.3, doi:10.1017/S0962492904000212.
    """
    if not null_space_response.shape[1]:
        return inverted, jnp.zeros((), inverted.dtype)
    image = einsum("rs,sk->rk", inverted, null_space_response)
    normal = einsum("rk,rl->kl", null_space_response, image)
    normal = jnp.where(enough, normal, jnp.eye(len(normal), dtype=normal.dtype))
    normal, log_determinant = inverse_and_log_determinant(normal)
    amount = einsum("rk,kl->rl", image, normal)
    left = inverted - einsum("rk,sk->rs", amount, image)
    above = jnp.concatenate([left, amount], axis=1)
    below = jnp.concatenate([amount.T, -normal], axis=1)
    return jnp.concatenate([above, below]), log_determinant


def observed_inverse(matrix: Array, seen: Array) -> tuple[Array, Array]:
    """Compute the inverse of the block of observed rows, and its log determinant.

    Args:
      matrix: A of all rows, shape (row, row).
      seen: Which rows there are, shape (row,).

    Returns:
      ``A_oo^-1`` with zeros around it, shape (row, row), and ``log det A_oo``.
    """
    both = seen[:, None] & seen[None, :]
    unit = jnp.diag(jnp.where(seen, 0, 1).astype(matrix.dtype))
    inverted, log_determinant = inverse_and_log_determinant(
        jnp.where(both, matrix, unit)
    )
    return jnp.where(both, inverted, 0), log_determinant


def observed_saddle_inverse(
    matrix: Array, null_space_response: Array, seen: Array
) -> tuple[Array, Array, Array]:
    """Compute both inverses of the block of observed rows.

    Args:
      matrix: A of all rows, shape (row, row).
      null_space_response: D of all rows, shape (row, null).
      seen: Which rows there are, shape (row,).

    Returns:
      ``A_oo^-1`` as of `observed_inverse`, the inverse of ``[[A_oo, D_o], [D_o', 0]]``
      as of `saddle_inverse`, and ``log det A_oo + log det D_o' A_oo^-1 D_o``.
    """
    inverted, log_determinant = observed_inverse(matrix, seen)
    null_space_response = jnp.where(seen[:, None], null_space_response, 0)
    enough = jnp.sum(seen) >= null_space_response.shape[1]
    whole, log_drift = saddle_inverse(inverted, null_space_response, enough)
    return inverted, whole, log_determinant + log_drift


def take(matrix: Array, index: Array) -> Array:
    """Rows of a matrix, zero where the index is padding."""
    return matrix.at[index].get(mode="fill", fill_value=0)


def gap_weights(rows: Array, missing: Array, padding: Array) -> tuple[Array, Array]:
    """Compute ``P_mm^-1 P_m:`` and ``log det P_mm`` for missing rows m.

    Args:
      rows: ``P_m:``, shape (missing, row).
      missing: Their numbers, shape (missing,).
      padding: Where there is no such row, or it is not used, shape (missing,).

    Returns:
      The weights, shape (missing, row), zero where there is padding, and the logarithm.
    """
    block = rows.at[..., missing].get(mode="fill", fill_value=0)
    inverted, log_determinant = inverse_and_log_determinant(
        block + jnp.diag(padding.astype(rows.dtype))
    )
    return einsum("jk,ks->js", inverted, rows), log_determinant


def eliminated(inverted: Array, missing: Array, padding: Array) -> tuple[Array, Array]:
    """Compute the inverse without some rows, which are near zero in it.

    Args:
      inverted: Shape (row, row).
      missing: Numbers of the rows, shape (missing,).
      padding: Where there is no such row, or it is not used, shape (missing,).

    Returns:
      The inverse of the block of the other rows, shape (row, row), and what the log
      determinant grows by, scalar.
    """
    if not len(missing):
        return inverted, jnp.zeros((), inverted.dtype)
    rows = take(inverted, missing)
    weights, log_gap = gap_weights(rows, missing, padding)
    return inverted - einsum("kr,ks->rs", rows, weights), log_gap


def determined(null_space_response: Array, seen: Array) -> Array:
    """Whether the rows of an epoch determine the amounts of the free fields.

    Args:
      null_space_response: Displacement by those fields, shape (row, null).
      seen: Which rows there are, shape (epoch, row).

    Returns:
      Shape (epoch,); True where null is 0.
    """
    if not null_space_response.shape[1]:
        return jnp.ones(len(seen), bool)
    null_space_response = jax.lax.stop_gradient(null_space_response)
    unit = null_space_response / jnp.sqrt(
        jnp.sum(null_space_response**2, axis=0, keepdims=True)
    )
    normal = einsum("er,rk,rl->ekl", seen.astype(unit.dtype), unit, unit)
    # Positive definite beyond rounding, or else the inverse is not a number.
    rounding = (
        1e3 * jnp.finfo(unit.dtype).eps * jnp.eye(unit.shape[1], dtype=unit.dtype)
    )
    return jnp.isfinite(inverse(normal - rounding[None])).all(axis=(1, 2))


def null_space_log_determinant(null_space_response: Array, seen: Array) -> Array:
    """Compute ``log det D_o' D_o``, which frees a likelihood from the basis of D.

    Args:
      null_space_response: Displacement by free fields, shape (row, null).
      seen: Where there are observations, boolean, shape (epoch, row).

    Returns:
      Shape (epoch,); 0 where there is no drift or there are too few rows, NaN where
      they do not determine it.
    """
    if null_space_response.shape[1] == 0:
        return jnp.zeros(len(seen), null_space_response.dtype)
    pairs = null_space_response[:, :, None] * null_space_response[:, None, :]
    normal = einsum("er,rkl->ekl", seen.astype(null_space_response.dtype), pairs)
    # Where there are too few rows the result means nothing, but has derivatives.
    enough = jnp.sum(seen, axis=1) >= null_space_response.shape[1]
    eye = jnp.eye(null_space_response.shape[1], dtype=null_space_response.dtype)[None]
    return inverse_and_log_determinant(jnp.where(enough[:, None, None], normal, eye))[1]

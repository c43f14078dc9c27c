"""Inverses of ``[[A, D], [D', 0]]``, D the displacement by fields without a prior."""

import jax.numpy as jnp
from jax import Array

from jaxload.inversion.linalg.spd import einsum, inverse, inverse_and_log_determinant

__all__ = ["determined", "drift_log_determinant", "masked_inverse", "saddle_inverse"]


def saddle_inverse(inverted: Array, drift: Array) -> Array:
    """The inverse of ``[[A, D], [D', 0]]`` from that of A.

    Args:
      inverted: ``A^-1``, zero where a row is missing, shape (row, row).
      drift: D, shape (row, drift).

    Returns:
      The inverse, shape (row + drift, row + drift); `inverted` where drift is 0.

    Source:
      Benzi, Golub & Liesen (2005), Numerical solution of saddle point problems,
      section 3.3, doi:10.1017/S0962492904000212.
    """
    if not drift.shape[1]:
        return inverted
    image = einsum("rs,sk->rk", inverted, drift)
    normal = inverse(einsum("rk,rl->kl", drift, image))
    amount = einsum("rk,kl->rl", image, normal)
    left = inverted - einsum("rk,sk->rs", amount, image)
    above = jnp.concatenate([left, amount], axis=1)
    return jnp.concatenate([above, jnp.concatenate([amount.T, -normal], axis=1)])


def masked_inverse(matrix: Array, drift: Array, seen: Array) -> Array:
    """The saddle inverse of one epoch's rows, zero at the missing ones.

    Args:
      matrix: A of all rows, shape (row, row).
      drift: D of all rows, shape (row, drift).
      seen: Which rows there are, shape (row,).

    Returns:
      The inverse, shape (row + drift, row + drift).
    """
    both = seen[:, None] & seen[None, :]
    alone = jnp.diag(jnp.where(seen, 0, 1).astype(matrix.dtype))
    inverted = inverse(jnp.where(both, matrix, alone))
    return saddle_inverse(jnp.where(both, inverted, 0), drift)


def determined(drift: Array, seen: Array) -> Array:
    """Whether the rows of an epoch determine the amounts of the free fields.

    Args:
      drift: Displacement by those fields, shape (row, drift).
      seen: Which rows there are, shape (epoch, row).

    Returns:
      Shape (epoch,); True where drift is 0.
    """
    if not drift.shape[1]:
        return jnp.ones(len(seen), bool)
    unit = drift / jnp.sqrt(jnp.sum(drift**2, axis=0, keepdims=True))
    normal = einsum("er,rk,rl->ekl", seen.astype(unit.dtype), unit, unit)
    # Positive definite beyond rounding, or else the inverse is not a number.
    rounding = (
        1e3 * jnp.finfo(unit.dtype).eps * jnp.eye(unit.shape[1], dtype=unit.dtype)
    )
    return jnp.isfinite(inverse(normal - rounding[None])).all(axis=(1, 2))


def drift_log_determinant(drift: Array, seen: Array) -> Array:
    """The logarithm of ``det D_o' D_o``, which frees a likelihood from the basis of D.

    Args:
      drift: Displacement by free fields, shape (row, drift).
      seen: Where there are observations, boolean, shape (epoch, row).

    Returns:
      Shape (epoch,); 0 where there is no drift, NaN where it is undetermined.
    """
    if drift.shape[1] == 0:
        return jnp.zeros(len(seen), drift.dtype)
    pairs = drift[:, :, None] * drift[:, None, :]
    normal = einsum("er,rkl->ekl", seen.astype(drift.dtype), pairs)
    return inverse_and_log_determinant(normal)[1]

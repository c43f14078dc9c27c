"""Data-space systems: their solution, and the protocol of ways to invert them.

An epoch observes the rows o and misses the rest. What every estimate needs is the
multiplier ``A_oo^-1 d_o`` of the observed block of ``A = G C G' + beta^2 R``; what
leave-one-out needs beside it is the diagonal of ``A_oo^-1``, and what the likelihood
needs is ``log det A_oo``. All three come from one elimination.
"""

import dataclasses
from collections.abc import Callable
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from jaxload.inversion.linalg.spd import einsum, inverse

__all__ = [
    "DataSpaceInverse",
    "DataSpaceSolution",
    "LeftOut",
    "diagonal",
    "left_out_residual",
    "outer",
    "residual",
    "without_rounding",
]

#: Joins rows, shape (row, functional), with weighted ones: `diagonal` or `outer`.
Contract = Callable[[Array, Array], Array]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class DataSpaceSolution:
    """The solution of the data-space systems; zero where a row is missing.

    Where the prior leaves fields free, D their displacement, ``A_oo^-1`` stands for
    what is left of it when they are estimated beside, and ``log det A_oo`` for
    ``log det A_oo + log det (D_o' A_oo^-1 D_o)``: the limits as the prior variance of
    those fields grows, but for a constant in the determinant.

    Attributes:
      multiplier: ``A_oo^-1 d_o`` [1/mm in units of beta], shape (epoch, row).
      inverse_diagonal: Diagonal of ``A_oo^-1``, shape (epoch, row).
      log_determinant: ``log det A_oo``, shape (epoch,).
    """

    multiplier: Array
    inverse_diagonal: Array
    log_determinant: Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class LeftOut:
    """The rows of each group that is left out, padded by the number of rows.

    Attributes:
      index: Rows that are left out together, shape (group, row of group).
      wanted: Those whose residual is taken from this group; else the number of rows.
    """

    index: NDArray[np.int32]
    wanted: NDArray[np.int32]


class DataSpaceInverse(Protocol):
    """A way to invert the systems of all epochs: `SharedInverse` or `EpochInverse`."""

    def evaluate(self, values: Array) -> DataSpaceSolution:
        """Solve for the observations, with diagonals and determinants."""
        ...

    def solve(self, right: Array) -> Array:
        """Solve for several right sides, shape (side, epoch, row)."""
        ...

    def left_out(self, multiplier: Array, groups: LeftOut) -> Array:
        """Residuals of rows predicted from those outside their group."""
        ...

    def reduction(self, fields: Array, contract: Contract) -> Array:
        """By how much the data reduce the prior variance of functionals."""
        ...


def diagonal(weighted: Array, rows: Array) -> Array:
    """Compute ``diag(X' Y)`` for two matrices of shape (row, functional).

    Args:
      weighted: Y.
      rows: X.

    Returns:
      Shape (functional,).
    """
    return jnp.sum(weighted * rows, axis=0)


def outer(weighted: Array, rows: Array) -> Array:
    """Compute ``X' Y`` for two matrices of shape (row, functional).

    Args:
      weighted: Y.
      rows: X.

    Returns:
      Shape (functional, functional).
    """
    return einsum("kf,kg->fg", rows, weighted)


def without_rounding(
    solved: DataSpaceSolution, largest: Array, contrast_count: Array
) -> DataSpaceSolution:
    """Set to zero what is zero but for rounding: what free fields use up.

    Args:
      solved: Of systems with free fields.
      largest: Diagonal of the inverse before those are estimated, shape (row,) or
        (epoch, row).
      contrast_count: Observations less free fields, shape (epoch,). Where it is not
        positive, the free fields explain the data entirely.

    Returns:
      The solution.
    """
    dtype = solved.inverse_diagonal.dtype
    rounding = 1e3 * float(jnp.finfo(dtype).eps) * largest.astype(dtype)
    rounding = jnp.broadcast_to(rounding, solved.inverse_diagonal.shape)
    left = (contrast_count > 0)[:, None]
    there = left & ~(solved.inverse_diagonal < rounding)
    return DataSpaceSolution(
        jnp.where(left, solved.multiplier, 0),
        jnp.where(there, solved.inverse_diagonal, 0),
        jnp.where(contrast_count > 0, solved.log_determinant, 0),
    )


def residual(solved: DataSpaceSolution) -> Array:
    """Leave-one-out residuals of solved systems.

    Args:
      solved: Of a factor.

    Returns:
      Residual [mm], shape (epoch, row); NaN where nothing is observed or determined.
    """
    known = solved.inverse_diagonal > 0
    multiplier = jnp.where(known, solved.multiplier, jnp.nan)
    return multiplier / jnp.where(known, solved.inverse_diagonal, 1)


def left_out_residual(
    inverted: Array,
    null_space_response: Array,
    seen: Array,
    multiplier: Array,
    groups: LeftOut,
) -> Array:
    """Predict groups from all other rows, at epochs that observe the same rows.

    With K the inverse and B the observed rows of a group, ``r_B = K_BB^-1 (K d)_B``.

    Args:
      inverted: K, shape (row, row).
      null_space_response: Displacement by free fields, shape (row, null).
      seen: Which rows there are, shape (row,).
      multiplier: ``K d``, shape (epoch, row).
      groups: What is left out together.

    Returns:
      Residual [mm], shape (epoch, row).
    """
    index = groups.index
    known = seen.at[index].get(mode="fill", fill_value=False)
    both = known[:, :, None] & known[:, None, :]
    block = inverted.at[index[:, :, None], index[:, None, :]].get(
        mode="fill", fill_value=0
    )
    eye = jnp.eye(index.shape[1], dtype=inverted.dtype)[None]
    fixed = _still_determined(
        null_space_response, seen, jnp.where(known, index, len(seen))
    )
    block = jnp.where(both & fixed[:, None, None], block, eye)
    right = multiplier.at[:, index].get(mode="fill", fill_value=0)
    residual = einsum("gmn,egn->egm", inverse(block), jnp.where(known[None], right, 0))
    residual = jnp.where(fixed[None, :, None], residual, jnp.nan)
    nothing = jnp.full(multiplier.shape, jnp.nan, multiplier.dtype)
    result = nothing.at[:, groups.wanted].set(residual, mode="drop")
    return jnp.where(seen[None], result, jnp.nan)


def _still_determined(null_space_response: Array, seen: Array, index: Array) -> Array:
    """Whether an epoch determines the free fields without a group, shape (group,)."""
    if null_space_response.shape[1] == 0:
        return jnp.ones(len(index), bool)
    rows = jax.lax.stop_gradient(jnp.where(seen[:, None], null_space_response, 0))
    pairs = rows[:, :, None] * rows[:, None, :]
    whole = jnp.sum(pairs, axis=0)
    lost = jnp.sum(pairs.at[index].get(mode="fill", fill_value=0), axis=1)
    scale = jnp.sqrt(jnp.diag(whole))
    left = (whole[None] - lost) / (scale[:, None] * scale[None, :])[None]
    inflation = jnp.diagonal(inverse(left), axis1=1, axis2=2).max(axis=1)
    return inflation * 1e3 * float(jnp.finfo(null_space_response.dtype).eps) < 1

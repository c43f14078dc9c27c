"""What is to be solved, and what comes out."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import scipy.sparse as sp
from jax import Array

from jaxload._check import check_shapes

__all__ = ["Problem", "Solution", "normal_matrix", "with_normal_matrix"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Problem:
    """The part of the inverse problem that every epoch shares.

    C is the covariance of the load up to the factor 1/beta^2; `smooth_problem` makes
    it from a roughness operator. Nothing here has shape (cell, cell), but for `normal`
    where it is smaller than the rest.

    Attributes:
      design: Displacement per unit load G [mm/mm], shape (row, cell).
      cross: ``C G'``, shape (cell, row).
      gram: ``G C G'``, shape (row, row).
      null_space: Orthonormal load fields that the prior does not penalise, called free
        fields, shape (cell, null); null is 0 where there are none.
      null_space_response: Displacement by those fields, ``G null_space``, shape
        (row, null).
      normal: ``L'L``, shape (cell, cell), where cells are fewer than rows and L is
        known, or from `with_normal_matrix`; else None.
    """

    design: Array
    cross: Array
    gram: Array
    null_space: Array
    null_space_response: Array
    normal: Array | None = None


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


def with_normal_matrix(problem: Problem, operator: sp.spmatrix | sp.sparray) -> Problem:
    """Let a problem be solved by normal equations, where cells are fewer than rows.

    Args:
      problem: From the same operator.
      operator: Roughness L, sparse, shape (any, cell); of a prior with amplitudes S it
        is ``L S^-1``.

    Returns:
      The problem, able to be solved by the method "primal".

    Raises:
      ValueError: If they disagree on the number of cells.
    """
    normal = normal_matrix(operator, problem.design)
    return dataclasses.replace(problem, normal=normal)


@dataclasses.dataclass(frozen=True)
class Solution:
    """The load given data and prior.

    A pytree of its arrays; the factor does not leave a compiled function with them.

    Attributes:
      load: Equivalent water height [mm], shape (epoch, cell).
      fitted: Displacement by `load` at every row [mm], shape (epoch, row).
      ok: False where the system could not be solved, shape (epoch,).
      common: Estimate of the offset common to the rows of an epoch [mm], shape
        (epoch,); zero where the noise has none.
      factor: The `Factor` it was found with, of which criteria and errors are asked;
        None where there is none.
    """

    load: Array
    fitted: Array
    ok: Array
    common: Array
    factor: Any = dataclasses.field(default=None, compare=False, repr=False)


jax.tree_util.register_dataclass(
    Solution,
    data_fields=["load", "fitted", "ok", "common"],
    meta_fields=[],
    drop_fields=["factor"],
)

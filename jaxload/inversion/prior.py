"""From a design matrix and a roughness operator to a problem in data space."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp
import scipy.sparse.csgraph
import scipy.sparse.linalg
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import check_shapes
from jaxload.inversion.data_space import einsum
from jaxload.inversion.least_squares import Problem

__all__ = ["smooth_problem", "unpenalised_fields"]


def smooth_problem(
    design: ArrayLike, operator: sp.spmatrix | sp.sparray, free: ArrayLike | None = None
) -> Problem:
    """Prepare ``min |(G x - d) / sigma|^2 + beta^2 |L x|^2`` for `solve`.

    ``L'L`` is factorised once, sparse and on the host; what is kept is ``C G'`` and
    ``G C G'`` with ``C = (L'L)^-1``. An operator that leaves some fields unpenalised,
    as a Laplacian with a free boundary leaves a constant, has no such inverse: those
    fields are then estimated beside the load, exactly, as a drift is in kriging.

    Differentiable in `design`.

    Args:
      design: Displacement per unit load G [mm/mm], shape (station, cell).
      operator: Roughness L, sparse, shape (row, cell): a Laplacian, first
        differences, the identity for ridge regression.
      free: Fields with ``L x = 0``, shape (cell, drift). Constants on each connected
        part of the grid are found without being named.

    Returns:
      The `Problem`.

    Raises:
      ValueError: If shapes disagree, or L is singular beyond the free fields.
    """
    design = jnp.asarray(design)
    operator = sp.csc_array(operator)
    check_shapes(design=(design, "station cell"), operator=(operator, "row cell"))
    fields = unpenalised_fields(operator) if free is None else np.asarray(free, float)
    check_shapes(operator=(operator, "row cell"), free=(fields, "cell drift"))
    basis = np.linalg.qr(fields)[0] if fields.shape[1] else fields
    covariance = _covariance(operator, basis)
    free_cells = jnp.asarray(basis, design.dtype)
    # The free fields are estimated apart: the covariance need not contain them.
    level = einsum("sc,ck->sk", design, free_cells)
    rough = design - einsum("sk,ck->sc", level, free_cells)
    cross = covariance(rough.T)
    cross = cross - einsum(
        "ck,ks->cs", free_cells, einsum("ck,cs->ks", free_cells, cross)
    )
    gram = einsum("sc,ct->st", rough, cross)
    return Problem(design, cross, (gram + gram.T) / 2, free_cells, level)


def unpenalised_fields(operator: sp.spmatrix | sp.sparray) -> np.ndarray:
    """The constants on connected parts of the grid that an operator does not see.

    Args:
      operator: Roughness L, sparse, shape (row, cell).

    Returns:
      Indicator of each such part, shape (cell, drift); drift may be 0.
    """
    operator = sp.csr_array(operator)
    linked = abs(operator).T @ abs(operator)
    count, part = scipy.sparse.csgraph.connected_components(linked, directed=False)
    indicator = sp.csr_array(
        (np.ones(len(part)), (np.arange(len(part)), part)), (len(part), count)
    )
    seen = abs(operator @ indicator).max(axis=0).toarray().ravel()
    largest = abs(operator).max()
    return indicator[:, np.flatnonzero(seen <= 1e-12 * largest)].toarray()


def _covariance(operator: sp.csc_array, basis: np.ndarray) -> Callable[[Array], Array]:
    """The linear map ``b -> (L'L)^-1 b`` for fields b of shape (cell, column)."""
    square = operator.shape[0] == operator.shape[1]
    if square and not basis.shape[1]:
        forward = _factorised(operator)

        def solve(fields: np.ndarray) -> np.ndarray:
            return forward.solve(forward.solve(fields, "T"))

    else:
        normal = operator.T @ operator
        # Pinning one cell for each free field picks one of the equal solutions.
        pivots = scipy.linalg.qr(basis.T, mode="r", pivoting=True)[1]
        pin = np.zeros(normal.shape[0])
        pin[pivots[: basis.shape[1]]] = normal.diagonal().mean()
        inner = _factorised(sp.csc_array(normal + sp.diags_array(pin)))

        def solve(fields: np.ndarray) -> np.ndarray:
            return inner.solve(fields)

    def apply(fields: np.ndarray) -> np.ndarray:
        return operator.T @ (operator @ fields)

    return lambda fields: jax.lax.custom_linear_solve(
        _on_host(apply), fields, lambda _, b: _on_host(solve)(b), symmetric=True
    )


def _factorised(matrix: sp.csc_array) -> scipy.sparse.linalg.SuperLU:
    try:
        factor = scipy.sparse.linalg.splu(matrix)
    except RuntimeError:
        factor = None
    if factor is None or _nearly_singular(factor):
        raise ValueError(
            "the roughness operator is singular: some field is not penalised; pass it "
            "as free=, or take an operator that fixes the boundary"
        )
    return factor


def _nearly_singular(factor: scipy.sparse.linalg.SuperLU) -> bool:
    pivots = abs(factor.U.diagonal())
    return not pivots.min() > 1e-13 * pivots.max()


def _on_host(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[Array], Array]:
    """Run a NumPy function of one array, in float64, as part of a JAX program."""

    def call(fields: Array) -> Array:
        shape = jax.ShapeDtypeStruct(fields.shape, fields.dtype)
        return jax.pure_callback(
            lambda x: function(np.asarray(x, np.float64)).astype(shape.dtype),
            shape,
            fields,
            vmap_method="sequential",
        )

    return call

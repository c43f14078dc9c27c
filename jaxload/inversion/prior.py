"""From a design matrix and a roughness operator to a problem in data space."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
import scipy.sparse as sp
from jax import Array
from jax.typing import ArrayLike
from scipy.sparse import csgraph
from scipy.sparse.linalg import SuperLU, eigsh, splu

from jaxload._check import check_shapes, is_concrete
from jaxload.inversion.definite import einsum
from jaxload.inversion.least_squares import Problem

__all__ = ["smooth_problem", "unpenalised_fields"]

#: A network tells apart a handful of fields that the prior leaves free, not many.
MOST_FREE_FIELDS = 16

#: Relative size below which an entry or an eigenvalue is zero.
ROUNDING = 1e-13


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
      free: Fields with ``L x = 0``, shape (cell, drift); found if not given.

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
    """The fields that an operator does not see.

    Mostly these are the constants on connected parts of the grid. Where more is left
    free, the null space is found as eigenvectors of ``L'L``.

    Args:
      operator: Roughness L, sparse, shape (row, cell).

    Returns:
      A basis of the fields with ``L x = 0``, shape (cell, drift); drift may be 0.

    Raises:
      ValueError: If there are more of them than `MOST_FREE_FIELDS`.
    """
    operator = sp.csc_array(operator)
    constants = _constants(operator)
    try:
        _pinned(operator, constants)
    except ValueError:
        return _null_space(operator)
    return constants


def _constants(operator: sp.csc_array) -> np.ndarray:
    """Indicators of the connected parts whose constants are free."""
    linked = abs(operator).T @ abs(operator)
    count, part = csgraph.connected_components(linked, directed=False)
    indicator = sp.csc_array(
        (np.ones(len(part)), (np.arange(len(part)), part)), (len(part), count)
    )
    seen = np.asarray(abs(operator @ indicator).max(axis=0).todense()).ravel()
    largest = abs(operator).max()
    return indicator[:, np.flatnonzero(seen <= ROUNDING * largest)].toarray()


def _null_space(operator: sp.csc_array) -> np.ndarray:
    normal = sp.csc_array(operator.T @ operator)
    scale = normal.diagonal().max()
    cells = len(normal.diagonal())
    count = min(MOST_FREE_FIELDS + 1, cells - 1)
    start = np.ones(cells)
    values, vectors = eigsh(normal, k=count, sigma=-1e-9 * scale, v0=start)
    free = values < ROUNDING * scale
    if free.sum() > MOST_FREE_FIELDS:
        raise ValueError(
            f"the roughness operator leaves more than {MOST_FREE_FIELDS} fields "
            "unpenalised; take one that sees them"
        )
    return vectors[:, free]


def _covariance(operator: sp.csc_array, basis: np.ndarray) -> Callable[[Array], Array]:
    """The linear map ``b -> (L'L)^-1 b`` for fields b of shape (cell, column)."""
    rows, cells = operator.shape  # pyright: ignore[reportGeneralTypeIssues]
    if rows == cells and not basis.shape[1]:
        factor = _factorised(operator)
        solve = lambda fields: factor.solve(factor.solve(fields, "T"))
    else:
        solve = _pinned(operator, basis).solve

    def apply(fields: Array) -> Array:
        if is_concrete(fields):
            found = solve(np.asarray(fields, np.float64))
            return jnp.asarray(found, fields.dtype)
        return jax.lax.custom_linear_solve(
            _on_host(lambda b: operator.T @ (operator @ b)),
            fields,
            lambda _, b: _on_host(solve)(b),
            symmetric=True,
        )

    return apply


def _pinned(operator: sp.csc_array, basis: np.ndarray) -> SuperLU:
    """Factorise ``L'L`` with one cell held for each free field.

    That picks one of the solutions that differ by free fields alone.
    """
    normal = operator.T @ operator
    pin = np.zeros(len(basis))
    if basis.shape[1]:
        pivots = scipy.linalg.qr(basis.T, mode="r", pivoting=True)[-1]
        pin[pivots[: basis.shape[1]]] = normal.diagonal().mean()
    return _factorised(sp.csc_array(normal + sp.diags_array(pin)))


def _factorised(matrix: sp.csc_array) -> SuperLU:
    try:
        factor = splu(matrix)
    except RuntimeError:
        factor = None
    if factor is None or _nearly_singular(factor):
        raise ValueError(
            "the roughness operator is singular: some field is not penalised; pass it "
            "as free=, or take an operator that fixes the boundary"
        )
    return factor


def _nearly_singular(factor: SuperLU) -> bool:
    pivots = abs(factor.U.diagonal())
    return not pivots.min() > ROUNDING * pivots.max()


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

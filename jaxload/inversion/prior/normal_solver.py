"""The normal equations of a sparse roughness operator, solved for many fields."""

import functools
from collections.abc import Callable, Sequence

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse import csgraph
from scipy.sparse.linalg import SuperLU, splu

from jaxload.inversion.linalg.nested_dissection import Front, dissect
from jaxload.inversion.linalg.sparse_cholesky import SparseFactor, factorised, solved

__all__ = ["ROUNDING", "Fields", "combined", "pinned_normal", "prepare_solver"]

Fields = NDArray[np.float64]
Fronts = Callable[[bool], list[Front]]

#: Relative size below which an entry, a pivot or an eigenvalue is zero.
ROUNDING = 1e-13


def prepare_solver(
    terms: Sequence[sp.csc_array], null: Fields
) -> Callable[[tuple[float, ...]], Callable[[Fields], Fields]]:
    """Prepare solutions of ``L'L x = b`` for operators ``L = sum_k a_k M_k``.

    An operator ``L = D^-1 A``, with D diagonal and A symmetric and positive definite,
    as Laplacians with a fixed boundary and diffusion on grids are, is solved twice with
    A, which loses half as many digits as L'L and fills in less.

    Args:
      terms: The matrices M_k, each of shape (row, cell).
      null: Fields with ``L x = 0`` whatever the coefficients, shape (cell, null).

    Returns:
      From coefficients to a function from fields b, shape (cell, column), orthogonal
      to the free ones, to one of the solutions x. It raises ValueError where L is
      singular beyond the free fields.
    """

    # The order of elimination depends on where entries are, not on their values.
    @functools.cache
    def fronts(squared: bool) -> list[Front]:
        pattern = functools.reduce(lambda a, b: a + b, [abs(term) for term in terms])
        pattern = pattern.T @ pattern if squared else pattern + pattern.T
        return dissect(sp.csr_array(pattern))

    # One factor at a time: a program that differentiates asks for the same one twice.
    @functools.lru_cache(maxsize=1)
    def solver(values: tuple[float, ...]) -> Callable[[Fields], Fields]:
        operator = combined(terms, values)
        rows, cells = operator.shape  # pyright: ignore[reportGeneralTypeIssues]
        if rows == cells and not null.shape[1]:
            return _twice(operator, fronts) or _square(operator)
        return _once(pinned_normal(operator, null), fronts)

    return solver


def combined(terms: Sequence[sp.csc_array], values: Sequence[float]) -> sp.csc_array:
    """Sum matrices times their coefficients.

    Args:
      terms: The matrices, of one shape.
      values: The coefficients.

    Returns:
      ``sum_k a_k M_k``.
    """
    parts = [value * term for value, term in zip(values, terms)]
    return sp.csc_array(functools.reduce(lambda a, b: a + b, parts))


def pinned_normal(operator: sp.csc_array, null: Fields) -> sp.csc_array:
    """``L'L`` with one cell held for each free field, so that it can be inverted.

    That picks one of the solutions that differ by free fields alone.

    Args:
      operator: Roughness L, shape (row, cell).
      null: Basis of the free fields, shape (cell, null).

    Returns:
      The matrix, shape (cell, cell).
    """
    normal = operator.T @ operator
    pin = np.zeros(len(null))
    if null.shape[1]:
        pivots = scipy.linalg.qr(null.T, mode="r", pivoting=True)[-1]
        pin[pivots[: null.shape[1]]] = normal.diagonal().mean()
    return sp.csc_array(normal + sp.diags_array(pin))


def _twice(operator: sp.csc_array, fronts: Fronts) -> Callable[[Fields], Fields] | None:
    """Solve ``A D^-2 A x = b``; None where L is not ``D^-1 A`` of such an A."""
    scaled = _symmetrised(operator)
    if scaled is None:
        return None
    weight, matrix = scaled
    factor = _definite(matrix, fronts(False), ROUNDING**0.5)
    if factor is None:
        return None
    return lambda fields: solved(factor, fields, weight**2)


def _symmetrised(operator: sp.csc_array) -> tuple[Fields, sp.csc_array] | None:
    """Positive weights of the rows that make an operator symmetric, if there are any.

    Args:
      operator: L, shape (cell, cell).

    Returns:
      The diagonal of D, shape (cell,), and ``D L``, of a positive trace; or None.
    """
    weight = _row_weights(operator)
    if weight is None:
        return None
    matrix = sp.csc_array(operator * weight[:, None])
    transposed = sp.csc_array(matrix.T)
    if abs(matrix - transposed).max() > ROUNDING * abs(matrix).max():
        return None
    sign = -1 if matrix.diagonal().sum() < 0 else 1
    return weight, sp.csc_array(sign * (matrix + transposed) / 2)


def _row_weights(operator: sp.csc_array) -> Fields | None:
    """Weights by which entries on both sides of the diagonal agree along a tree."""
    rows = sp.csr_array(operator)
    cells = len(rows.indptr) - 1
    _, label = csgraph.connected_components(rows, directed=False)
    first = np.unique(label, return_index=True)[1]
    # One tree has all cells: its root is a node linked to one cell of each part.
    links = sp.csr_array((np.ones(len(first)), ([0] * len(first), first)), (1, cells))
    graph = sp.block_array([[abs(rows), links.T], [links, None]], format="csr")
    _, before = csgraph.breadth_first_order(graph, cells, directed=False)
    before[cells] = cells
    inner = np.flatnonzero(before[:cells] < cells)
    weight = np.ones(cells + 1)
    if not len(inner):
        return weight[:cells]
    up, down = rows[before[inner], inner], rows[inner, before[inner]]
    if not (up * down > 0).all():
        return None
    weight[inner] = up / down
    # Products along the tree: each step doubles how far they reach.
    for _ in range(int(cells).bit_length()):
        weight, before = weight * weight[before], before[before]
    return weight[:cells]


def _square(operator: sp.csc_array) -> Callable[[Fields], Fields]:
    factor = _by_pivoting(operator)
    return lambda fields: factor.solve(factor.solve(fields, "T"))


def _once(matrix: sp.csc_array, fronts: Fronts) -> Callable[[Fields], Fields]:
    factor = _definite(matrix, fronts(True), ROUNDING)
    if factor is None:
        return _by_pivoting(matrix).solve
    return lambda fields: solved(factor, fields)


def _definite(
    matrix: sp.csc_array, fronts: list[Front], smallest: float
) -> SparseFactor | None:
    """Factorise without pivoting; None if not positive definite, or nearly singular."""
    try:
        factor = factorised(sp.csr_array(matrix), fronts)
    except np.linalg.LinAlgError:
        return None
    return factor if factor.pivot.min() > smallest * factor.pivot.max() else None


def _by_pivoting(matrix: sp.csc_array) -> SuperLU:
    try:
        factor = splu(matrix)
    except RuntimeError:
        factor = None
    if factor is None or _nearly_singular(factor):
        raise ValueError(
            "the roughness operator is singular: some field is not penalised; pass it "
            "as null_space=, or take an operator that fixes the boundary"
        )
    return factor


def _nearly_singular(factor: SuperLU) -> bool:
    pivots = abs(factor.U.diagonal())
    return not pivots.min() > ROUNDING * pivots.max()

"""A sparse roughness operator: what it leaves free, and its normal equations solved.

The operator may be a sum ``L(a) = sum_k a_k M_k`` whose coefficients are traced. The
factorisation then runs on the host as part of the JAX program, and derivatives with
respect to the coefficients come from the products with L and L', which are JAX code.
"""

import dataclasses
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray
from scipy.sparse import csgraph
from scipy.sparse.linalg import eigsh

from jaxload._check import is_concrete
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.prior.normal_solver import ROUNDING, combined, prepare_solver

__all__ = [
    "Roughness",
    "apply_transposed",
    "assembled",
    "free_roughness",
    "make_roughness",
    "null_space_of",
    "solve_normal",
]

#: A network tells apart a handful of fields that the prior leaves free, not many.
MOST_FREE_FIELDS = 16


@dataclasses.dataclass(frozen=True, eq=False)
class _Entries:
    """The places where any of the matrices has an entry, in parts of one length.

    Attributes:
      row: Shape (part, entry); the number of rows where it is padding.
      column: Likewise, 0 where it is padding.
      value: Of each matrix, shape (part, term, entry).
    """

    row: NDArray[np.int32]
    column: NDArray[np.int32]
    value: NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Roughness:
    """An operator ``L = sum_k a_k M_k`` ready to be inverted.

    Attributes:
      terms: The matrices M_k, each of shape (row, cell).
      coefficients: The numbers a_k, shape (term,); may be traced.
      null: Fields with ``L x = 0`` whatever the coefficients, shape (cell, null).
      entries: The matrices as JAX multiplies by them.
      solver: From coefficients to a function that solves the normal equations.
    """

    terms: tuple[sp.csc_array, ...]
    coefficients: ArrayLike
    null: NDArray[np.float64]
    entries: _Entries
    solver: Callable[[tuple[float, ...]], Callable[[NDArray], NDArray]]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and cells of the operator."""
        rows, cells = self.terms[0].shape  # pyright: ignore[reportGeneralTypeIssues]
        return int(rows), int(cells)


def make_roughness(
    terms: Sequence[sp.csc_array], coefficients: ArrayLike, null: NDArray[np.float64]
) -> Roughness:
    """Prepare an operator, and factorise it if its coefficients are known.

    Args:
      terms: The matrices M_k, each of shape (row, cell).
      coefficients: The numbers a_k, shape (term,); may be traced.
      null: Fields with ``L x = 0``, shape (cell, null).

    Returns:
      The `Roughness`.

    Raises:
      ValueError: If L is singular beyond those fields.
    """
    terms = tuple(sp.csc_array(term) for term in terms)

    solver = prepare_solver(terms, null)
    roughness = Roughness(terms, coefficients, null, _entries(terms), solver)
    if is_concrete(coefficients):
        solver(_known(coefficients))
    return roughness


def solve_normal(roughness: Roughness, fields: Array) -> Array:
    """Solve ``L'L x = b``; any one of the solutions where L leaves fields free.

    Differentiable in b and in the coefficients of L. What is concrete is solved at
    once; else the solution is a callback to the host, for which JAX must be set to
    float64 globally if b is float64.

    Args:
      roughness: The operator.
      fields: Right-hand sides b, shape (cell, column), orthogonal to the free fields.

    Returns:
      The solutions x, same shape; NaN where L turns out singular in a callback.
    """
    coefficients = roughness.coefficients
    if is_concrete(fields) and is_concrete(coefficients):
        solve = roughness.solver(_known(coefficients))
        return jnp.asarray(solve(np.asarray(fields, np.float64)), fields.dtype)
    weights = jnp.asarray(coefficients, fields.dtype)
    return jax.lax.custom_linear_solve(
        lambda x: apply_transposed(roughness, _applied(roughness, x)),
        fields,
        lambda _, b: _on_host(roughness, weights, b),
        symmetric=True,
    )


def apply_transposed(roughness: Roughness, values: Array) -> Array:
    """Multiply by ``L'``.

    Args:
      roughness: The operator.
      values: Shape (row, column).

    Returns:
      ``L' values``, shape (cell, column).
    """
    entries = roughness.entries
    cells = roughness.shape[1]
    return _product(roughness, (entries.column, entries.row), values, cells)


def _applied(roughness: Roughness, fields: Array) -> Array:
    entries = roughness.entries
    rows = roughness.shape[0]
    return _product(roughness, (entries.row, entries.column), fields, rows)


def _product(
    roughness: Roughness,
    places: tuple[NDArray, NDArray],
    fields: Array,
    size: int,
) -> Array:
    """Add value times ``fields[source]`` to each target, a part of the entries each."""
    coefficients = jnp.asarray(roughness.coefficients, fields.dtype)

    # Kept for the reverse pass, what is gathered would fill memory.
    @jax.checkpoint
    def add(total: Array, part: tuple[Array, Array, Array]) -> tuple[Array, None]:
        target, source, value = part
        weight = einsum("k,ke->e", coefficients, value)
        taken = fields.at[source].get(mode="fill", fill_value=0)
        return total.at[target].add(weight[:, None] * taken, mode="drop"), None

    value = jnp.asarray(roughness.entries.value, fields.dtype)
    parts = (*(jnp.asarray(place) for place in places), value)
    start = jnp.zeros((size, fields.shape[1]), fields.dtype)
    return jax.lax.scan(add, start, parts)[0]


def _entries(terms: Sequence[sp.csc_array]) -> _Entries:
    rows, cells = terms[0].shape  # pyright: ignore[reportGeneralTypeIssues]
    triplets = [sp.coo_array(term) for term in terms]
    keys = [t.coords[0].astype(np.int64) * cells + t.coords[1] for t in triplets]
    places = np.unique(np.concatenate(keys))
    value = np.zeros((len(terms), len(places)))
    for values, key, triplet in zip(value, keys, triplets):
        np.add.at(values, np.searchsorted(places, key), triplet.data)
    row, column = np.divmod(places, cells)
    # Rounded up to whole parts; an index of neither axis is dropped by both products.
    fill, beyond = -len(places) % cells, max(rows, cells)
    pad = lambda x, by: np.pad(x, (0, fill), constant_values=by).reshape(-1, cells)
    value = np.pad(value, ((0, 0), (0, fill))).reshape(len(terms), -1, cells)
    return _Entries(
        pad(row, beyond).astype(np.int32),
        pad(column, beyond).astype(np.int32),
        value.transpose(1, 0, 2),
    )


def _on_host(roughness: Roughness, coefficients: Array, fields: Array) -> Array:
    """Factorise and solve in float64, as part of a JAX program."""
    shape = jax.ShapeDtypeStruct(fields.shape, fields.dtype)

    def call(coefficients: ArrayLike, fields: ArrayLike) -> NDArray:
        try:
            solve = roughness.solver(_known(coefficients))
        except ValueError:
            return np.full(shape.shape, np.nan, shape.dtype)
        return solve(np.asarray(fields, np.float64)).astype(shape.dtype)

    return jax.pure_callback(
        call, shape, coefficients, fields, vmap_method="sequential"
    )


def _known(coefficients: ArrayLike) -> tuple[float, ...]:
    return tuple(np.asarray(coefficients, np.float64).tolist())


def assembled(roughness: Roughness) -> sp.csc_array:
    """The operator as one sparse matrix.

    Args:
      roughness: The operator, with coefficients that are known.

    Returns:
      L, shape (row, cell).
    """
    return combined(roughness.terms, _known(roughness.coefficients))


def null_space_of(operator: sp.spmatrix | sp.sparray) -> np.ndarray:
    """The fields that an operator does not see.

    Mostly these are the constants on connected parts of the grid. Where more is left
    free, the null space is found as eigenvectors of ``L'L``.

    Args:
      operator: Roughness L, sparse, shape (row, cell).

    Returns:
      A basis of the fields with ``L x = 0``, shape (cell, null); null may be 0.

    Raises:
      ValueError: If there are more of them than `MOST_FREE_FIELDS`.
    """
    return free_roughness(operator).null


def free_roughness(operator: sp.spmatrix | sp.sparray) -> Roughness:
    """Prepare an operator whose free fields are to be found.

    Args:
      operator: Roughness L, sparse, shape (row, cell).

    Returns:
      The `Roughness`, with the fields of `null_space_of`.

    Raises:
      ValueError: If there are more of them than `MOST_FREE_FIELDS`.
    """
    operator = sp.csc_array(operator)
    try:
        return make_roughness((operator,), np.ones(1), _constants(operator))
    except ValueError:
        return make_roughness((operator,), np.ones(1), _null_space(operator))


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
    # A shift of nothing would leave an operator of zeros singular.
    shift = -1e-9 * scale if scale > 0 else -1.0
    values, vectors = eigsh(normal, k=count, sigma=shift, v0=np.ones(cells))
    unpenalised = values <= ROUNDING * scale
    if unpenalised.sum() > MOST_FREE_FIELDS:
        raise ValueError(
            f"the roughness operator leaves more than {MOST_FREE_FIELDS} fields "
            "unpenalised; take one that sees them"
        )
    return vectors[:, unpenalised]

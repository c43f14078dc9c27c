"""The load of a record as coefficients of fields that its epochs share.

The load that data and prior determine is a sum of representers, the columns of
``C G'``, whatever the number of cells. Its coefficients are of the size of the data, so
that a record of maps need never be in memory as a whole.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp
from jax import Array
from numpy.typing import ArrayLike, NDArray

from jaxload._check import check_shapes
from jaxload.inversion.linalg.spd import einsum

__all__ = [
    "LazyProduct",
    "RepresenterSolution",
    "Term",
    "as_dense",
    "functionals_of",
    "load_at",
    "sums_over_epochs",
]

#: Epochs whose load is computed at a time where that of all is asked for.
EPOCHS = 256


@dataclasses.dataclass(frozen=True, eq=False)
class Term:
    """A part of the load, ``coefficients @ representers.T``.

    Attributes:
      coefficients: Shape (epoch, representer); NaN where an epoch was not solved.
      representers: Fields, shape (cell, representer), dense or sparse; None where the
        coefficients are the load of each cell itself.
    """

    coefficients: Array | NDArray[np.floating]
    representers: Array | NDArray[np.floating] | sp.sparray | None


@dataclasses.dataclass(frozen=True, eq=False)
class LazyProduct:
    """A sum of products of matrices, computed some epochs at a time where it is used.

    Attributes:
      factors: Pairs of arrays of shape (epoch, k) and (row, k), of whose products it is
        the sum.
    """

    factors: Sequence[tuple[NDArray[np.floating], NDArray[np.floating]]]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of epochs and of rows."""
        return len(self.factors[0][0]), len(self.factors[0][1])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All of it; a span of epochs at a time is in the precision of the factors."""
        if copy is False:
            raise ValueError("what is computed has no memory of its own to share")
        result = np.empty(self.shape, np.float64 if dtype is None else dtype)
        for epochs in _spans(len(result)):
            parts = [left[epochs] @ right.T for left, right in self.factors]
            result[epochs] = sum(parts)
        return result


@dataclasses.dataclass(frozen=True, eq=False)
class RepresenterSolution:
    """A `Solution` whose load is kept as coefficients.

    Attributes:
      terms: The load is their sum.
      fitted: Displacement by the load at every row [mm], shape (epoch, row); computed
        from the coefficients where it is used if the record is long.
      ok: False where the system could not be solved, shape (epoch,).
      common: Estimate of the offset common to the rows of an epoch [mm], shape
        (epoch,).
      factor: As of a `Solution`.
    """

    terms: tuple[Term, ...]
    fitted: Array | NDArray[np.floating] | LazyProduct
    ok: Array | NDArray[np.bool]
    common: Array | NDArray[np.floating]
    factor: Any = dataclasses.field(default=None, repr=False)

    @property
    def load(self) -> NDArray[np.floating]:
        """Load of all epochs and cells [mm], shape (epoch, cell), computed anew."""
        parts = _spans(max(len(self.ok), 1))
        return np.concatenate([load_at(self, epochs) for epochs in parts])


def _spans(count: int) -> list[slice]:
    return [slice(first, first + EPOCHS) for first in range(0, count, EPOCHS)]


def load_at(solution: RepresenterSolution, epochs: slice) -> NDArray[np.floating]:
    """Compute the load of some epochs.

    Args:
      solution: From `solve_representers`.
      epochs: Which.

    Returns:
      The load [mm], shape (epoch, cell).
    """
    parts = [_part(term, epochs) for term in solution.terms]
    return parts[0] if len(parts) == 1 else np.sum(parts, axis=0)


def _part(term: Term, epochs: slice) -> NDArray[np.floating]:
    coefficients, fields = term.coefficients[epochs], term.representers
    if fields is None:
        return np.asarray(coefficients)
    if sp.issparse(fields):
        return np.asarray((fields @ np.asarray(coefficients).T).T)
    return np.asarray(_product(jnp.asarray(coefficients), jnp.asarray(fields)))


@jax.jit
def _product(coefficients: Array, representers: Array) -> Array:
    return einsum("er,cr->ec", coefficients, representers)


def functionals_of(
    solution: RepresenterSolution, weights: ArrayLike
) -> NDArray[np.floating]:
    """Compute weighted sums over cells, without the load of the cells.

    Args:
      solution: From `solve_representers`.
      weights: Weight of each cell in each sum [-], shape (sum, cell).

    Returns:
      The sums [mm], shape (epoch, sum); NaN where an epoch was not solved.

    Raises:
      ValueError: If shapes disagree.
    """
    weights = np.asarray(weights)
    total = np.zeros((len(solution.ok), len(weights)))
    for term in solution.terms:
        coefficients, fields = np.asarray(term.coefficients), term.representers
        if fields is None:
            total = total + coefficients @ weights.T
            continue
        check_shapes(weights=(weights, "sum cell"), fields=(fields, "cell representer"))
        total = total + coefficients @ (weights @ _on_host(fields)).T
    return total


def sums_over_epochs(
    solution: RepresenterSolution, weights: ArrayLike
) -> NDArray[np.floating]:
    """Compute weighted sums over epochs of the load of every cell.

    Args:
      solution: From `solve_representers`.
      weights: Weight of each epoch in each sum [-], shape (sum, epoch); epochs that
        were not solved are left out.

    Returns:
      The sums [mm], shape (sum, cell).

    Raises:
      ValueError: If shapes disagree.
    """
    weights = np.asarray(weights)
    sums = []
    for term in solution.terms:
        coefficients = np.asarray(term.coefficients)
        check_shapes(
            weights=(weights, "sum epoch"),
            coefficients=(coefficients, "epoch representer"),
        )
        of_term = np.zeros((len(weights), coefficients.shape[1]))
        for epochs in _spans(len(coefficients)):
            known = np.isfinite(coefficients[epochs]).all(axis=1)
            of_term += weights[:, epochs][:, known] @ coefficients[epochs][known]
        part = Term(of_term, term.representers)
        sums.append(_part(part, slice(None)))
    return np.sum(sums, axis=0)


def as_dense(term: Term) -> NDArray[np.floating]:
    """Write the representers of a term out.

    Args:
      term: Of a solution.

    Returns:
      Fields, shape (cell, representer).
    """
    if term.representers is None:
        return np.eye(term.coefficients.shape[1])
    fields = _on_host(term.representers)
    return fields.toarray() if sp.issparse(fields) else fields


def _on_host(fields: Any) -> Any:
    return fields if sp.issparse(fields) else np.asarray(fields)

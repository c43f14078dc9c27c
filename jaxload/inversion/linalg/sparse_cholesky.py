"""Sparse positive definite systems with many right sides, solved by dense blocks."""

import concurrent.futures
import dataclasses
from collections.abc import Sequence

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from jaxload._cores import available_cores
from jaxload._platform import aligned_empty
from jaxload.inversion.linalg.nested_dissection import Front, dissect

__all__ = ["SparseFactor", "factorised", "solved"]

#: Right sides that are solved together: as many as stay in a core's cache beside the
#: blocks of a front.
COLUMNS = 256


@dataclasses.dataclass(frozen=True, eq=False)
class SparseFactor:
    """The Cholesky factor K of a permuted matrix, as blocks of its inverse.

    Attributes:
      order: Unknowns in the order of elimination, shape (unknown,).
      interior: Places in that order that each front eliminates.
      border: Places of its border, each of shape (border,).
      block: ``[K_ii^-1; -K_bi K_ii^-1]`` of each front's interior i and border b,
        each of shape (interior + border, interior).
      pivot: Squares of the diagonal of K, shape (unknown,).
    """

    order: NDArray[np.intp]
    interior: tuple[slice, ...]
    border: tuple[NDArray[np.intp], ...]
    block: tuple[NDArray[np.float64], ...]
    pivot: NDArray[np.float64]


@threadpool_limits.wrap(limits=1, user_api="blas")
def factorised(
    matrix: sp.csr_array | sp.csc_array, fronts: Sequence[Front] | None = None
) -> SparseFactor:
    """Factorise a sparse symmetric matrix, a dense front after the other.

    Args:
      matrix: Positive definite, shape (unknown, unknown).
      fronts: From `dissect` of a matrix with entries where this one has them; of the
        matrix itself if not given.

    Returns:
      The `SparseFactor`.

    Raises:
      LinAlgError: If the matrix is not positive definite.

    Source:
      Multifrontal method: Duff & Reid (1983), doi:10.1145/356044.356047.
    """
    matrix = sp.csr_array(matrix)
    fronts = dissect(matrix) if fronts is None else fronts
    order = np.concatenate(
        [np.empty(0, np.intp), *(front.interior for front in fronts)]
    )
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    permuted = sp.csr_array(matrix[order][:, order])
    stops = np.cumsum([len(front.interior) for front in fronts]).tolist()
    interior = tuple(slice(e - len(f.interior), e) for e, f in zip(stops, fronts))
    border = tuple(place[front.border] for front in fronts)
    owner = np.repeat(np.arange(len(fronts)), [len(front.interior) for front in fronts])
    updates: list[list[tuple[NDArray, NDArray]]] = [[] for _ in fronts]
    blocks, pivots = [], []
    for number, (here, beyond) in enumerate(zip(interior, border)):
        front = _assembled(permuted, here, beyond, updates[number])
        updates[number] = []
        block, pivot, update = _eliminated(front, here.stop - here.start)
        if len(beyond):
            updates[owner[beyond[0]]].append((beyond, update))
        blocks.append(block)
        pivots.append(pivot)
    pivot = np.concatenate([np.empty(0), *pivots])
    return SparseFactor(order, interior, border, tuple(blocks), pivot)


def _assembled(
    matrix: sp.csr_array,
    interior: slice,
    border: NDArray[np.intp],
    updates: list[tuple[NDArray, NDArray]],
) -> NDArray[np.float64]:
    """Own rows of the matrix, plus what the elimination of earlier fronts left."""
    places = np.concatenate([np.arange(interior.start, interior.stop), border])
    front = np.zeros((len(places), len(places)))
    begin, end = matrix.indptr[interior.start], matrix.indptr[interior.stop]
    row = np.repeat(
        np.arange(interior.stop - interior.start),
        np.diff(matrix.indptr[interior.start : interior.stop + 1]),
    )
    column, value = matrix.indices[begin:end], matrix.data[begin:end]
    later = column >= interior.start
    at = np.searchsorted(places, column[later])
    front[row[later], at] = value[later]
    front[at, row[later]] = value[later]
    for beyond, update in updates:
        at = np.searchsorted(places, beyond)
        front[at[:, None], at] += update
    return front


def _eliminated(
    front: NDArray[np.float64], size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Block of the inverse factor, pivots, and what is left for the border."""
    lower = scipy.linalg.cholesky(front[:size, :size], lower=True, check_finite=False)
    inverse = scipy.linalg.solve_triangular(
        lower, np.eye(size), lower=True, check_finite=False
    )
    side = front[size:, :size] @ inverse.T
    block = np.concatenate([inverse, -side @ inverse])
    return block, np.diag(lower) ** 2, front[size:, size:] - side @ side.T


def solved(
    factor: SparseFactor,
    right: NDArray[np.float64],
    between: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Solve ``A x = b`` or ``A W A x = b`` for many right sides, some on each core.

    Args:
      factor: Of A.
      right: Right sides b, shape (unknown, column).
      between: The diagonal of W^-1, shape (unknown,), for the second equation.

    Returns:
      The solutions x, shape (unknown, column).
    """
    result = aligned_empty(right.shape)
    tallest = max((len(block) for block in factor.block), default=0)
    weight = None if between is None else between[factor.order][:, None]

    def solve(start: int) -> None:
        columns = slice(start, start + COLUMNS)
        values = np.array(right[:, columns][factor.order], np.float64, order="C")
        work = np.empty((tallest, values.shape[1]))
        _substitute(factor, values, work)
        if weight is not None:
            values *= weight
            _substitute(factor, values, work)
        result[factor.order, columns] = values

    starts = range(0, right.shape[1], COLUMNS)
    # Each core has columns of its own; threads of BLAS besides would wait for others.
    with (
        threadpool_limits(1, "blas"),
        concurrent.futures.ThreadPoolExecutor(available_cores()) as pool,
    ):
        list(pool.map(solve, starts))
    return result


def _substitute(
    factor: SparseFactor, values: NDArray[np.float64], work: NDArray[np.float64]
) -> None:
    """Solve in place, forwards and back again."""
    steps = list(zip(factor.interior, factor.border, factor.block))
    for interior, border, block in steps:
        taken = np.matmul(block, values[interior], out=work[: len(block)])
        size = block.shape[1]
        values[interior] = taken[:size]
        values[border] += taken[size:]
    for interior, border, block in reversed(steps):
        taken, size = work[: len(block)], block.shape[1]
        taken[:size] = values[interior]
        np.take(values, border, axis=0, out=taken[size:], mode="clip")
        np.matmul(block.T, taken, out=values[interior])

"""The diagonal of the inverse of a sparse matrix, without the rest of the inverse."""

import collections

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from jaxload.inversion.linalg.sparse_cholesky import SparseFactor

__all__ = ["inverse_diagonal"]


@threadpool_limits.wrap(limits=1, user_api="blas")
def inverse_diagonal(factor: SparseFactor) -> NDArray[np.float64]:
    """The diagonal of the inverse of a sparse, symmetric, positive definite matrix.

    Entries of the inverse between the unknowns of a front follow from those between
    the unknowns of its border, which belong to a later front. Exact, and as dear as
    the factor.

    Args:
      factor: Of the matrix.

    Returns:
      The diagonal, shape (unknown,).

    Source:
      Takahashi, Fagan & Chin (1973); by fronts: Lin et al. (2011),
      doi:10.1145/1916461.1916464.
    """
    owner = np.repeat(
        np.arange(len(factor.interior)), [block.shape[1] for block in factor.block]
    )
    above = [int(owner[border[0]]) if len(border) else -1 for border in factor.border]
    below = collections.Counter(above)
    known: dict[int, tuple[NDArray, NDArray]] = {}
    diagonal = np.empty(len(factor.order))
    for number in range(len(above))[::-1]:
        interior, border = factor.interior[number], factor.border[number]
        beyond = _among(known.get(above[number]), border)
        front = _front_inverse(factor.block[number], beyond)
        diagonal[interior] = np.diag(front)[: interior.stop - interior.start]
        if below[number]:
            known[number] = np.concatenate([np.r_[interior], border]), front
        below[above[number]] -= 1
        if not below[above[number]]:
            known.pop(above[number], None)
    result = np.empty_like(diagonal)
    result[factor.order] = diagonal
    return result


def _among(known: tuple[NDArray, NDArray] | None, border: NDArray) -> NDArray:
    """Entries of the inverse between the unknowns of a border."""
    if known is None:
        return np.zeros((0, 0))
    places, inverse = known
    at = np.searchsorted(places, border)
    return inverse[at[:, None], at]


def _front_inverse(block: NDArray, beyond: NDArray) -> NDArray:
    """Entries of the inverse between all unknowns of a front."""
    size = block.shape[1]
    side = beyond @ block[size:]
    interior = block.T @ np.concatenate([block[:size], side])
    return np.block([[interior, side.T], [side, beyond]])

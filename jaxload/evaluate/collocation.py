"""Errors of three products of one quantity, from what they have in common."""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Collocation", "triple_collocation"]

Floats = NDArray[np.float64]

#: Common values from which covariances are estimated.
LEAST_VALUES = 12


@dataclasses.dataclass(frozen=True, eq=False)
class Collocation:
    """Errors and scaling of three products, each of shape (product, ...).

    NaN where the products have too few values in common, or covariances contradict the
    model: a product that is not correlated with the others, or a negative variance.

    Attributes:
      error_sd: Standard deviation of the error [in units of the product].
      scaling: Response to the common signal beside that of the first product [-].
      correlation: With the common signal [-].
      count: Values that all three have, shape (...).
    """

    error_sd: Floats
    scaling: Floats
    correlation: Floats
    count: NDArray[np.int64]


def triple_collocation(products: ArrayLike) -> Collocation:
    """Estimate errors and scaling of three products whose errors are independent.

    Each product is taken as ``offset + scaling * signal + error``. Its variance is that
    of the signal, which follows from the covariances of the products, and of its error.

    Not for: products whose errors go together, such as two centres of one mission, or
    two models driven by one reanalysis; their common error counts as signal.

    Args:
      products: Series of the same epochs, shape (3, epoch, ...); NaN if missing.

    Returns:
      The `Collocation`.

    Raises:
      ValueError: If there are not three products.

    Source:
      Stoffelen (1998), doi:10.1029/97JC03180; McColl et al. (2014), eqs. 5 and 9,
      doi:10.1002/2014GL061322.
    """
    products = np.asarray(products, np.float64)
    if products.ndim < 2 or len(products) != 3:
        raise ValueError(
            f"products have shape {products.shape}, expected three series, (3, epoch)"
        )
    known = np.isfinite(products).all(axis=0)
    count = known.sum(axis=0)
    enough = count >= LEAST_VALUES
    total = np.where(enough, count, np.nan)
    filled = np.where(known, products, 0.0)
    mean = filled.sum(axis=1) / total
    anomaly = np.where(known, products - mean[:, None], 0.0)
    covariance = np.einsum("ae...,be...->ab...", anomaly, anomaly) / total
    first, second, third = (_positive(covariance[p]) for p in ((0, 1), (0, 2), (1, 2)))
    signal = np.stack([first * second / third, first * third / second])
    signal = np.concatenate([signal, (second * third / first)[None]])
    variance = np.stack([covariance[p, p] for p in range(3)])
    error = variance - signal
    scaling = np.stack([np.ones_like(first) + 0 * first, third / second, third / first])
    return Collocation(
        np.sqrt(_positive(error)),
        scaling,
        np.sqrt(np.where(error > 0, signal / _positive(variance), np.nan)),
        count,
    )


def _positive(values: Floats) -> Floats:
    """What is positive; NaN elsewhere."""
    return np.where(values > 0, values, np.nan)

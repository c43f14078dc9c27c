"""Standard deviations on a CPU, where nothing is traced."""

from collections.abc import Iterator

import jax
import numpy as np
from jax import Array
from numpy.typing import NDArray

from jaxload.inversion.estimation.data_space import diagonal
from jaxload.inversion.estimation.eliminated_systems import Eliminations
from jaxload.inversion.estimation.elimination_tree import VARIANCE, variance_increase
from jaxload.inversion.estimation.factor import Factor
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.uncertainty.functionals import Functionals

__all__ = ["eliminated_sd"]

#: Spans of `VARIANCE` whose eliminations are held at a time where none are kept.
SPANS = 2


def eliminated_sd(
    factor: Factor, functionals: Functionals, member: int
) -> Iterator[NDArray[np.floating]]:
    """Compute standard deviations of some epochs after the other.

    A variance is that of an epoch without gaps, and what its gaps add to it.

    Args:
      factor: Of which `is_eliminated` is true.
      functionals: What is to be known.
      member: Epochs at a time: whole spans of `VARIANCE`, or all.

    Yields:
      Standard deviation [mm], shape (epoch, functional); NaN where the data leave the
      free fields of the prior undetermined.
    """
    eliminations, beta = factor.eliminations, float(factor.beta)
    least, image = _without_missing(eliminations.inverse, functionals)
    least, image = np.asarray(least, np.float64), np.asarray(image, np.float64)
    known = eliminations.known
    for first in range(0, len(known), member):
        epochs = slice(first, min(first + member, len(known)))
        variance = _increase(eliminations, image, epochs)
        variance += least
        sd = np.sqrt(np.maximum(variance, 0, out=variance), out=variance)
        sd /= beta
        sd[~known[epochs]] = np.nan
        yield sd.astype(functionals.variance.dtype, copy=False)


def _increase(
    eliminations: Eliminations, image: NDArray[np.float64], epochs: slice
) -> NDArray[np.float64]:
    """By how much gaps raise variances; what is not kept goes part by part."""
    if eliminations.steps is not None:
        return variance_increase(list(eliminations.of(epochs)), image, epochs)
    starts = range(epochs.start, epochs.stop, SPANS * VARIANCE[0])
    parts = [slice(n, min(n + SPANS * VARIANCE[0], epochs.stop)) for n in starts]
    return np.concatenate(
        [variance_increase(list(eliminations.of(n)), image, n) for n in parts]
    )


@jax.jit
def _without_missing(inverse: Array, functionals: Functionals) -> tuple[Array, Array]:
    """Posterior variance up to 1/beta^2 if no row were missing, and ``Q h``."""
    fields = functionals.fields
    image = einsum("rs,sf->rf", inverse, fields)
    return functionals.variance - diagonal(image, fields), image

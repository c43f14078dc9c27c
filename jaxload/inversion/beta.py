"""Choose the weight of the prior from the data themselves."""

import logging
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxload.inversion.data_space import Dual
from jaxload.inversion.gaps import Gaps, find_gaps
from jaxload.inversion.least_squares import Problem, dual

__all__ = ["best", "leave_one_out", "leave_one_out_residual", "scan", "select"]

logger = logging.getLogger(__name__)

Criterion = Callable[..., Array]


def leave_one_out_residual(
    problem: Problem,
    displacement: ArrayLike,
    sigma: ArrayLike,
    beta: ArrayLike,
    *,
    gaps: Gaps | None = None,
) -> Array:
    """Each observation minus its prediction from the others of its epoch.

    Exact without solving anything twice: with K the inverse of the epoch's data-space
    matrix, ``r_i = (K d)_i / K_ii``.

    Args:
      problem: Design matrix and prior.
      displacement: Observed uplift [mm], shape (epoch, station); NaN if missing.
      sigma: Standard error [mm], shape (station,) or (epoch, station).
      beta: Weight of the prior, scalar.
      gaps: As in `solve`.

    Returns:
      Residual [mm], shape (epoch, station); NaN where there is no observation, or where
      without it the free fields of the prior are undetermined.

    Raises:
      ValueError: As `solve`.

    Source:
      Rasmussen & Williams (2006), Gaussian Processes for Machine Learning, eq. 5.12.
    """
    return _residual(dual(problem, displacement, sigma, beta, gaps=gaps))


@jax.jit
def _residual(solved: Dual) -> Array:
    known = solved.precision > 0
    multiplier = jnp.where(known, solved.multiplier, jnp.nan)
    return multiplier / jnp.where(known, solved.precision, 1)


@jax.jit
def _rms(residual: Array) -> Array:
    return jnp.sqrt(jnp.nanmean(residual**2))


def leave_one_out(
    problem: Problem,
    displacement: ArrayLike,
    sigma: ArrayLike,
    beta: ArrayLike,
    *,
    gaps: Gaps | None = None,
) -> Array:
    """Root mean square of the leave-one-out residuals, a criterion for `select`.

    Args:
      problem: Design matrix and prior.
      displacement: Observed uplift [mm], shape (epoch, station); NaN if missing.
      sigma: Standard error [mm], shape (station,) or (epoch, station).
      beta: Weight of the prior, scalar.
      gaps: As in `solve`.

    Returns:
      The rms over all observations [mm], scalar; smaller is better.

    Raises:
      ValueError: As `solve`.
    """
    residual = leave_one_out_residual(problem, displacement, sigma, beta, gaps=gaps)
    return _rms(residual)


def scan(
    problem: Problem,
    displacement: ArrayLike,
    sigma: ArrayLike,
    betas: Sequence[float] | np.ndarray,
    *,
    criterion: Criterion = leave_one_out,
    gaps: Gaps | None = None,
    watch: Callable[[float, float], None] | None = None,
) -> np.ndarray:
    """Evaluate a criterion at several weights of the prior.

    Args:
      problem: Design matrix and prior.
      displacement: Observed uplift [mm], shape (epoch, station); NaN if missing.
      sigma: Standard error [mm], shape (station,) or (epoch, station).
      betas: Weights to try, shape (beta,).
      criterion: Called like `leave_one_out`.
      gaps: As in `solve`.
      watch: Called with each weight and its value, to show progress.

    Returns:
      The criterion, shape (beta,).

    Raises:
      ValueError: As `solve`.
    """
    if gaps is None and np.ndim(sigma) == 1:
        gaps = find_gaps(displacement)
    values = []
    for beta in betas:
        value = float(criterion(problem, displacement, sigma, float(beta), gaps=gaps))
        if watch is not None:
            watch(float(beta), value)
        values.append(value)
    return np.array(values)


def select(
    problem: Problem,
    displacement: ArrayLike,
    sigma: ArrayLike,
    *,
    criterion: Criterion = leave_one_out,
    betas: Sequence[float] | np.ndarray | None = None,
    gaps: Gaps | None = None,
) -> float:
    """The weight of the prior for which a criterion is smallest.

    Args:
      problem: Design matrix and prior.
      displacement: Observed uplift [mm], shape (epoch, station); NaN if missing.
      sigma: Standard error [mm], shape (station,) or (epoch, station).
      criterion: Called like `leave_one_out`.
      betas: Weights to try; 25 from 1e-4 to 1, equally spaced in the logarithm, if not
        given.
      gaps: As in `solve`.

    Returns:
      The best of `betas`. A warning is logged where it is the first or the last.

    Raises:
      ValueError: As `solve`, and if the criterion is nowhere a number.
    """
    betas = np.geomspace(1e-4, 1, 25) if betas is None else np.asarray(betas, float)
    values = scan(problem, displacement, sigma, betas, criterion=criterion, gaps=gaps)
    return best(betas, values)


def best(betas: np.ndarray, values: np.ndarray) -> float:
    """The weight whose criterion is smallest.

    Args:
      betas: Weights, shape (beta,).
      values: Criterion of each, shape (beta,); NaN where it failed.

    Returns:
      The best weight. A warning is logged where it is the first or the last.

    Raises:
      ValueError: If no value is a number.
    """
    if not np.isfinite(values).any():
        raise ValueError(
            f"the criterion is not a number for any of the {len(betas)} betas tried; "
            "has every epoch at least two stations?"
        )
    index = int(np.nanargmin(values))
    if len(betas) > 1 and index in (0, len(betas) - 1):
        logger.warning(
            "the best beta, %g, is at the end of the range tried; widen it",
            betas[index],
        )
    return float(betas[index])

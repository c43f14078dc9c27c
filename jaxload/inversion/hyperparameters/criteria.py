"""Criteria that a weight of the prior is judged by, all exact and gaps and all.

Each is called like `leave_one_out`, and `select` minimises it. The likelihood and its
kin are in `evidence`, leaving out more than one row at a time in `left_out`.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy import typing as npt
from scipy.interpolate import CubicSpline

from jaxload.inversion.estimation.least_squares import dual
from jaxload.inversion.hyperparameters.sufficient_statistics import (
    Sums,
    epoch_sums,
    residual,
    total,
)
from jaxload.inversion.missing.patterns import Gaps
from jaxload.inversion.noise import Noise
from jaxload.inversion.problem import Problem

__all__ = [
    "LCurve",
    "gcv",
    "gcv_of",
    "l_curve",
    "l_curve_corner",
    "l_curve_of",
    "leave_one_out",
    "leave_one_out_of",
    "leave_one_out_residual",
]

#: Points between two weights at which the curvature of the L-curve is looked at.
FINER = 16


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class LCurve:
    """Both sides of the bargain that a weight of the prior strikes.

    Attributes:
      misfit: ``|(d - G x) / sigma|`` [-], scalar or shape (beta,).
      norm: ``|L (x - m)|``, in the units of L, same shape.
    """

    misfit: Array
    norm: Array


def leave_one_out_residual(
    problem: Problem,
    displacement: ArrayLike,
    sigma: ArrayLike | Noise,
    beta: ArrayLike,
    *,
    gaps: Gaps | None = None,
) -> Array:
    """Each observation minus its prediction from the others of its epoch.

    Exact without solving anything twice: with K the inverse of the epoch's data-space
    matrix, ``r_i = (K d)_i / K_ii``. Noise that a row shares with others, a common
    offset for one, is predicted with the load.

    Args:
      problem: Design matrix and prior.
      displacement: Observed uplift [mm], shape (epoch, row); NaN if missing.
      sigma: Standard error [mm], shape (row,) or (epoch, row), or a `Noise`.
      beta: Weight of the prior, scalar.
      gaps: As in `solve`.

    Returns:
      Residual [mm], shape (epoch, row); NaN where there is no observation, or where
      without it the free fields of the prior are undetermined.

    Raises:
      ValueError: As `solve`.

    Source:
      Rasmussen & Williams (2006), Gaussian Processes for Machine Learning, eq. 5.12.
    """
    return _residual(dual(problem, displacement, sigma, beta, gaps=gaps))


_residual = jax.jit(residual)


def leave_one_out(
    problem: Problem,
    displacement: ArrayLike,
    sigma: ArrayLike | Noise,
    beta: ArrayLike,
    *,
    gaps: Gaps | None = None,
) -> Array:
    """Root mean square of the leave-one-out residuals, a criterion for `select`.

    Args:
      problem: Design matrix and prior.
      displacement: Observed uplift [mm], shape (epoch, row); NaN if missing.
      sigma: Standard error [mm], shape (row,) or (epoch, row), or a `Noise`.
      beta: Weight of the prior, scalar.
      gaps: As in `solve`.

    Returns:
      The rms over all observations [mm], scalar; smaller is better.

    Raises:
      ValueError: As `solve`.
    """
    left_out = leave_one_out_residual(problem, displacement, sigma, beta, gaps=gaps)
    return _rms(left_out)


@jax.jit
def _rms(left_out: Array) -> Array:
    return jnp.sqrt(jnp.nanmean(left_out**2))


def leave_one_out_of(sums: Sums, beta: Array) -> Array:
    """`leave_one_out` from sums over a record; `beta` plays no part."""
    del beta
    return jnp.sqrt(sums.squares / sums.predicted)


def gcv(
    problem: Problem,
    displacement: ArrayLike,
    sigma: ArrayLike | Noise,
    beta: ArrayLike,
    *,
    gaps: Gaps | None = None,
) -> Array:
    """Generalised cross-validation, a criterion for `select`.

    ``N |R^-1/2 (d - G x)|^2 / trace(1 - H)^2`` over the N observations of all epochs, H
    the hat matrix that makes ``G x`` from d; free fields and a common offset count as
    fitted by the former and as noise by the latter. The trace is exact under gaps.

    Args:
      problem: Design matrix and prior.
      displacement: Observed uplift [mm], shape (epoch, row); NaN if missing.
      sigma: Standard error [mm], shape (row,) or (epoch, row), or a `Noise`.
      beta: Weight of the prior, scalar.
      gaps: As in `solve`.

    Returns:
      The criterion [-], scalar; smaller is better. Near one where sigma is right.

    Raises:
      ValueError: As `solve`.

    Source:
      Golub, Heath & Wahba (1979), doi:10.1080/00401706.1979.10489751.
    """
    sums = epoch_sums(problem, displacement, sigma, beta, gaps=gaps)
    return gcv_of(total(sums), jnp.asarray(beta))


def gcv_of(sums: Sums, beta: Array) -> Array:
    """`gcv` from sums over a record; `beta` plays no part."""
    del beta
    return sums.observations * sums.misfit / sums.redundancy**2


def l_curve(
    problem: Problem,
    displacement: ArrayLike,
    sigma: ArrayLike | Noise,
    beta: ArrayLike,
    *,
    gaps: Gaps | None = None,
) -> LCurve:
    """The misfit and the roughness of the solution, over all epochs.

    For `scan`, which gives both for every weight, and `select`, which finds the corner.

    Args:
      problem: Design matrix and prior.
      displacement: Observed uplift [mm], shape (epoch, row); NaN if missing.
      sigma: Standard error [mm], shape (row,) or (epoch, row), or a `Noise`.
      beta: Weight of the prior, scalar.
      gaps: As in `solve`.

    Returns:
      Both norms.

    Raises:
      ValueError: As `solve`.

    Source:
      Hansen (1992), doi:10.1137/1034115.
    """
    sums = epoch_sums(problem, displacement, sigma, beta, gaps=gaps, redundancy=False)
    return l_curve_of(total(sums), jnp.asarray(beta))


def l_curve_of(sums: Sums, beta: Array) -> LCurve:
    """`l_curve` from sums over a record; `beta` plays no part."""
    del beta
    return LCurve(jnp.sqrt(sums.misfit), jnp.sqrt(sums.roughness))


def l_curve_corner(
    betas: npt.ArrayLike, misfit: npt.ArrayLike, norm: npt.ArrayLike
) -> float:
    """The weight at which the L-curve bends most.

    The curve of both logarithms over that of beta is a cubic spline; its curvature is
    looked at between the weights too.

    Not for: data whose misfit or norm hardly changes over `betas`; the bend that is
    then found means nothing.

    Args:
      betas: Weights, ascending, shape (beta,); five or more.
      misfit: Norm of the misfit at each, shape (beta,).
      norm: Norm of the solution at each, shape (beta,).

    Returns:
      The weight at the corner, between the first and the last.

    Raises:
      ValueError: If there are too few weights, not ascending, or norms that are not
        positive, or the curve has no corner.

    Source:
      Hansen & O'Leary (1993), doi:10.1137/0914086.
    """
    betas, misfit, norm = (np.asarray(x, float) for x in (betas, misfit, norm))
    _check_curve(betas, misfit, norm)
    place = np.log(betas)
    curve = CubicSpline(place, np.stack([np.log(misfit), np.log(norm)], axis=1))
    steps = np.linspace(0, len(betas) - 1, FINER * (len(betas) - 1) + 1)
    fine = np.interp(steps, np.arange(len(betas)), place)
    (x1, y1), (x2, y2) = curve(fine, 1).T, curve(fine, 2).T
    curvature = (x1 * y2 - x2 * y1) / (x1**2 + y1**2) ** 1.5
    # The ends of a spline are guesses.
    inside = slice(FINER, -FINER)
    corner = int(np.argmax(curvature[inside]))
    if not curvature[inside][corner] > 0:
        raise ValueError(
            f"the L-curve has no corner between beta {betas[0]:g} and {betas[-1]:g}; "
            "try other betas or another criterion"
        )
    return float(np.exp(fine[inside][corner]))


def _check_curve(betas: np.ndarray, misfit: np.ndarray, norm: np.ndarray) -> None:
    if not betas.shape == misfit.shape == norm.shape or betas.ndim != 1:
        raise ValueError(
            f"betas, misfit and norm have shapes {betas.shape}, {misfit.shape} and "
            f"{norm.shape}, expected (beta,) each"
        )
    if len(betas) < 5 or not (np.diff(betas) > 0).all() or not betas[0] > 0:
        raise ValueError(
            f"the L-curve's corner needs five or more positive, ascending betas; got "
            f"{len(betas)}"
        )
    if not ((misfit > 0) & (norm > 0)).all():
        raise ValueError(
            "misfit or norm has values that are not positive, where the L-curve has "
            "no logarithm; leave those betas out"
        )

"""Criteria for the weight of the prior: predictions, cross-validation, the L-curve."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy import typing as npt
from scipy.interpolate import CubicSpline

from jaxload.inversion.estimation.data_space import residual
from jaxload.inversion.estimation.factor import Factor, factor_of
from jaxload.inversion.estimation.long_records import (
    goes_by_parts,
    residual_by_parts,
)
from jaxload.inversion.estimation.representers import RepresenterSolution
from jaxload.inversion.hyperparameters.sufficient_statistics import (
    Sums,
    record_sums,
)
from jaxload.inversion.problem import Solution

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
    "root_mean_square",
]

#: Points between two weights at which the curvature of the L-curve is looked at.
FINER = 16


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class LCurve:
    """The two norms between which a weight of the prior decides.

    Attributes:
      misfit: ``|(d - G x) / sigma|`` [-], scalar or shape (beta,).
      norm: ``|L (x - m)|``, in the units of L, same shape.
    """

    misfit: Array
    norm: Array


def leave_one_out_residual(
    solution: Factor | Solution | RepresenterSolution,
) -> Array:
    """Compute each observation minus its prediction from the others of its epoch.

    Exact without solving anything twice: with K the inverse of the epoch's data-space
    matrix, ``r_i = (K d)_i / K_ii``. Noise that a row shares with others, a common
    offset for one, is predicted with the load.

    Args:
      solution: From `solve` or `factorise`.

    Returns:
      Residual [mm], shape (epoch, row); NaN where there is no observation, or where
      without it the free fields of the prior are undetermined.

    Raises:
      ValueError: If a solution holds no factor.

    Source:
      Rasmussen & Williams (2006), Gaussian Processes for Machine Learning, eq. 5.12.
    """
    factor = factor_of(solution)
    if goes_by_parts(factor):
        return residual_by_parts(factor)
    return _residual(factor.solved)


_residual = jax.jit(residual)


def leave_one_out(solution: Factor | Solution) -> Array:
    """Compute the rms of the leave-one-out residuals, a criterion for `select`.

    Args:
      solution: From `solve` or `factorise`.

    Returns:
      The rms over all observations [mm], scalar; smaller is better.

    Raises:
      ValueError: As `leave_one_out_residual`.
    """
    return root_mean_square(leave_one_out_residual(solution))


@jax.jit
def root_mean_square(left_out: Array) -> Array:
    """Compute the rms of residuals that are numbers.

    Args:
      left_out: Residual [mm], any shape; NaN where there is none.

    Returns:
      The rms [mm], scalar.
    """
    # A square of NaN has a derivative of NaN, masked or not.
    known = jnp.isfinite(left_out)
    squares = jnp.where(known, left_out, 0) ** 2
    return jnp.sqrt(jnp.sum(squares) / jnp.sum(known, dtype=squares.dtype))


def leave_one_out_of(sums: Sums, beta: Array) -> Array:
    """`leave_one_out` from sums over a record; `beta` plays no part."""
    del beta
    return jnp.sqrt(sums.loo_sum_of_squares / sums.loo_count)


def gcv(solution: Factor | Solution) -> Array:
    """Compute generalised cross-validation, a criterion for `select`.

    ``N |R^-1/2 (d - G x)|^2 / trace(1 - H)^2`` over the N observations of all epochs, H
    the hat matrix that makes ``G x`` from d; free fields and a common offset count as
    fitted by the former and as noise by the latter. The trace is exact under gaps.

    Args:
      solution: From `solve` or `factorise`.

    Returns:
      The criterion [-], scalar; smaller is better. Near one where sigma is right.

    Raises:
      ValueError: As `leave_one_out_residual`.

    Source:
      Golub, Heath & Wahba (1979), doi:10.1080/00401706.1979.10489751.
    """
    factor = factor_of(solution)
    return gcv_of(record_sums(factor), factor.beta)


def gcv_of(sums: Sums, beta: Array) -> Array:
    """`gcv` from sums over a record; `beta` plays no part."""
    del beta
    return sums.observations * sums.misfit / sums.redundancy**2


def l_curve(solution: Factor | Solution) -> LCurve:
    """Compute the misfit and the roughness of the solution, over all epochs.

    For `scan`, which gives both for every weight, and `select`, which finds the corner.

    Args:
      solution: From `solve` or `factorise`.

    Returns:
      Both norms.

    Raises:
      ValueError: As `leave_one_out_residual`.

    Source:
      Hansen (1992), doi:10.1137/1034115.
    """
    factor = factor_of(solution)
    return l_curve_of(record_sums(factor, redundancy=False), factor.beta)


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

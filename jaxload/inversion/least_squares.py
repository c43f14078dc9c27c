"""Solve the regularised least-squares problem of every epoch at once."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import check_shapes, is_concrete
from jaxload.inversion.data_space import Dual, epoch_dual, shared_dual
from jaxload.inversion.definite import einsum
from jaxload.inversion.gaps import Gaps, find_gaps
from jaxload.inversion.noise import (
    Noise,
    as_noise,
    check_noise,
    common_estimate,
    is_shared,
    noise_times,
    scaled_noise,
)

__all__ = ["Problem", "Solution", "dual", "solve"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Problem:
    """The part of the inverse problem that every epoch shares.

    C is the covariance of the load up to the factor 1/beta^2; `smooth_problem` makes
    it from a roughness operator. Nothing here has shape (cell, cell).

    Attributes:
      design: Displacement per unit load G [mm/mm], shape (row, cell).
      cross: ``C G'``, shape (cell, row).
      gram: ``G C G'``, shape (row, row).
      free: Orthonormal load fields that the prior leaves free, shape (cell, drift);
        drift is 0 where it leaves none.
      drift: Displacement by those fields, ``G free``, shape (row, drift).
    """

    design: Array
    cross: Array
    gram: Array
    free: Array
    drift: Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Solution:
    """What the data and the prior say together.

    Attributes:
      load: Equivalent water height [mm], shape (epoch, cell).
      fitted: Displacement by `load` at every row [mm], shape (epoch, row).
      ok: False where the system could not be solved, shape (epoch,).
      common: Estimate of the offset common to the rows of an epoch [mm], shape
        (epoch,); zero where the noise has none.
    """

    load: Array
    fitted: Array
    ok: Array
    common: Array


def solve(
    problem: Problem,
    displacement: ArrayLike,
    sigma: ArrayLike | Noise,
    beta: ArrayLike,
    *,
    mean: ArrayLike | None = None,
    gaps: Gaps | None = None,
) -> Solution:
    """Estimate the load of every epoch by regularised least squares.

    Minimises ``|(G x - d) / sigma|^2 + beta^2 |L (x - m)|^2`` in data space,
    ``x = m + C G' (G C G' + beta^2 Sigma)^-1 (d - G m)``, so that the cost of an epoch
    does not depend on the number of cells but for the last product. A NaN displacement
    is a missing observation. Where sigma is constant in time, one inverse serves all
    epochs and each pays for its gap only (`shared_dual`); otherwise each epoch has its
    own inverse (`epoch_dual`). Both are exact.

    Args:
      problem: Design matrix and prior, from `smooth_problem`.
      displacement: Observed uplift d [mm], shape (epoch, row); NaN if missing.
      sigma: Standard error [mm], positive, shape (row,) or (epoch, row).
      beta: Weight of the prior [1/mm per unit of L], scalar, positive.
      mean: Prior mean m of the load [mm], shape (epoch, cell); zero if not given.
      gaps: `find_gaps(displacement)`; needed under `jit` for the faster way, found
        here otherwise.

    Returns:
      The `Solution`. An epoch without data gives the prior mean. Where a system is
      not positive definite `ok` is False and the values are NaN.

    Raises:
      ValueError: If shapes disagree, or sigma or beta are not positive.

    Source:
      Tarantola (2005), Inverse Problem Theory, ch. 3, doi:10.1137/1.9780898717921;
      Argus et al. (2014), doi:10.1002/2014GL059570, for the smoothed GNSS inversion.
    """
    displacement, noise, beta = _checked(problem, displacement, sigma, beta)
    if mean is not None:
        mean = jnp.asarray(mean, problem.design.dtype)
        check_shapes(
            displacement=(displacement, "epoch row"),
            mean=(mean, "epoch cell"),
            design=(problem.design, "row cell"),
        )
    gaps = _layout(displacement, noise, gaps)
    residual, expected = displacement, None
    if mean is not None:
        expected = einsum("ec,sc->es", mean, problem.design)
        residual = displacement - expected
    # Apart from the rest, so that a criterion and the solution compile it once.
    multiplier = _dual(problem, residual, noise, beta, gaps).multiplier
    solution = _primal(problem, residual, noise, beta, multiplier)
    if mean is None:
        return solution
    return dataclasses.replace(
        solution, load=mean + solution.load, fitted=expected + solution.fitted
    )


def dual(
    problem: Problem,
    displacement: ArrayLike,
    sigma: ArrayLike | Noise,
    beta: ArrayLike,
    *,
    gaps: Gaps | None = None,
) -> Dual:
    """Solve the data-space systems alone, for criteria and predictions.

    Args:
      problem: Design matrix and prior.
      displacement: Observed uplift [mm], shape (epoch, row); NaN if missing.
      sigma: Standard error [mm], positive, shape (row,) or (epoch, row).
      beta: Weight of the prior, scalar, positive.
      gaps: As in `solve`.

    Returns:
      The `Dual`: multipliers and diagonals of the inverses, zero where missing.

    Raises:
      ValueError: As `solve`.
    """
    displacement, noise, beta = _checked(problem, displacement, sigma, beta)
    return _dual(problem, displacement, noise, beta, _layout(displacement, noise, gaps))


@jax.jit
def _dual(
    problem: Problem, displacement: Array, noise: Noise, beta: Array, gaps: Gaps | None
) -> Dual:
    noise = scaled_noise(noise, beta, jnp.isfinite(displacement))
    if gaps is not None:
        return shared_dual(problem.gram, problem.drift, noise, displacement, gaps)
    return epoch_dual(problem.gram, problem.drift, noise, displacement)


@jax.jit
def _primal(
    problem: Problem, residual: Array, noise: Noise, beta: Array, multiplier: Array
) -> Solution:
    load = einsum("es,cs->ec", multiplier, problem.cross)
    fitted = einsum("es,st->et", multiplier, problem.gram)
    noise = scaled_noise(noise, beta, jnp.isfinite(residual))
    if problem.drift.shape[1]:
        rest = residual - fitted - noise_times(noise, multiplier)
        weights = _drift(problem.drift, rest)
        load = load + einsum("ek,ck->ec", weights, problem.free)
        fitted = fitted + einsum("ek,sk->es", weights, problem.drift)
    common = common_estimate(noise, multiplier)
    return Solution(load, fitted, jnp.isfinite(load).all(axis=-1), common)


def _drift(drift: Array, rest: Array) -> Array:
    """Amounts of the free fields that reproduce `rest`, shape (epoch, drift)."""
    seen = jnp.isfinite(rest)
    rest = jnp.where(seen, rest, 0)
    normal = einsum("es,sk,sl->ekl", seen.astype(drift.dtype), drift, drift)
    right = einsum("es,sk->ek", rest, drift)
    return jnp.linalg.solve(normal, right[..., None])[..., 0]


def _layout(displacement: Array, noise: Noise, gaps: Gaps | None) -> Gaps | None:
    """The gaps, where the shared inverse applies and they can be known."""
    if not is_shared(noise):
        return None
    if gaps is None and is_concrete(displacement):
        return find_gaps(displacement)
    if gaps is not None:
        _check_layout(displacement, gaps)
    return gaps


def _check_layout(displacement: Array, gaps: Gaps) -> None:
    same = gaps.shape == displacement.shape
    if same and is_concrete(displacement) and is_concrete(gaps.missing):
        missing = displacement.size - np.isfinite(np.asarray(displacement)).sum()
        same = missing == gaps.missing
    if not same:
        raise ValueError(
            f"gaps were found in another record, of shape {gaps.shape}, than "
            f"displacement, of shape {displacement.shape}; call find_gaps again"
        )


def _checked(
    problem: Problem,
    displacement: ArrayLike,
    sigma: ArrayLike | Noise,
    beta: ArrayLike,
) -> tuple[Array, Noise, Array]:
    dtype = problem.design.dtype
    displacement, beta = jnp.asarray(displacement, dtype), jnp.asarray(beta, dtype)
    noise = as_noise(sigma, dtype)
    check_shapes(
        design=(problem.design, "row cell"),
        cross=(problem.cross, "cell row"),
        gram=(problem.gram, "row row"),
        displacement=(displacement, "epoch row"),
        beta=(beta, ""),
    )
    check_noise(noise, displacement)
    _check_positive("beta", beta, "it weighs the prior against the data")
    if is_concrete(displacement):
        seen = np.isfinite(np.asarray(displacement))
        seen = seen.any(axis=0) if is_shared(noise) else seen
        _check_positive(
            "sigma", noise.sigma, "mask the observation with NaN instead", seen
        )
    return displacement, noise, beta


def _check_positive(
    name: str, value: Array, advice: str, where: NDArray | np.bool | None = None
) -> None:
    if not is_concrete(value):
        return
    bad = ~(np.isfinite(value) & (np.asarray(value) > 0))
    bad = bad if where is None else bad & where
    if bad.any():
        place = (
            ""
            if value.ndim == 0
            else f" at index {tuple(map(int, np.argwhere(bad)[0]))}"
        )
        given = float(np.asarray(value)[bad].ravel()[0])
        raise ValueError(
            f"{name} is {given:g}{place}, expected a positive number; {advice}"
        )

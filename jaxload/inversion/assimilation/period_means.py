"""Observed means of the load over periods, and how the load and the noise persist.

An epoch's heights ``d_e = G x_e + n_e`` are inverted by themselves to ``L_e d_e``. A
mean over the epochs of a period, ``y_m = H sum_e w_e x_e + error``, couples them. How
depends on what the errors of the epochs' estimates have in common, which follows
from how long load and noise persist:

    Cov(x_e, x_f) = k(e, f) C / beta^2,   Cov(n_e, n_f) = r(e, f) R,
    k(e, f) = (1 - c) [e = f] + K(M_e, M_f)

with M_e the period of an epoch, K a function of the time between periods, c = K(M, M),
and r of the same form. With K = 0 all epochs are independent.
"""

import dataclasses

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike, NDArray

from jaxload._check import check_shapes, is_concrete

__all__ = ["ObservedMeans", "PeriodModel", "common_kernel", "period_kernels"]

Floats = NDArray[np.float64]

#: Years of a turn of the annual cycle, in radians.
TURN = 2 * np.pi


@dataclasses.dataclass(frozen=True, eq=False)
class ObservedMeans:
    """Means of the load over periods, such as months of satellite gravimetry.

    Attributes:
      design: Share of each cell in a mean [-], shape (mean, cell): the footprint, with
        whatever smoothing the observations went through.
      values: Observed means [mm], shape (period, mean); NaN where there is none.
      covariance: Of their errors in one period [mm2], shape (mean, mean).
      period: Number of the period of every epoch, from 0, shape (epoch,).
      years: Middle of every period [a], shape (period,).
      drift: Functions of time that may differ between both kinds of observations and
        are no load, as a constant and a trend, shape (period, function); each mean has
        its own amount of each.
      beyond: Covariance between the means by load outside the cells whose variance is
        one, shape (mean, mean); None where there is none.
    """

    design: Floats
    values: Floats
    covariance: Floats
    period: NDArray[np.int64]
    years: Floats
    drift: Floats
    beyond: Floats | None = None

    def __post_init__(self) -> None:
        named = {
            "design": (self.design, "mean cell"),
            "values": (self.values, "period mean"),
            "covariance": (self.covariance, "mean mean"),
            "period": (self.period, "epoch"),
            "years": (self.years, "period"),
            "drift": (self.drift, "period function"),
        }
        if self.beyond is not None:
            named["beyond"] = (self.beyond, "mean mean")
        check_shapes(**named)
        _check_covariance(np.asarray(self.covariance))
        first, last = self.period.min(initial=0), self.period.max(initial=0)
        if first < 0 or last >= len(self.years):
            raise ValueError(
                f"period holds {first} to {last}, but there are {len(self.years)} "
                "periods, numbered from 0"
            )


def _check_covariance(covariance: ArrayLike) -> None:
    covariance = np.asarray(covariance)
    if not np.isfinite(covariance).all():
        raise ValueError("the covariance of the means holds what is no number")
    uneven = abs(covariance - covariance.T).max() > 1e-9 * abs(covariance).max()
    least = np.linalg.eigvalsh(covariance).min() if not uneven else 0.0
    if uneven or least <= 0:
        reason = "not symmetric" if uneven else f"has an eigenvalue of {least:.3g} mm2"
        raise ValueError(
            f"the covariance of the means is not positive definite ({reason}); give "
            "each mean some error of its own"
        )


@dataclasses.dataclass(frozen=True)
class PeriodModel:
    """How load and noise persist, and how good means over periods are.

    Attributes:
      seasonal: Share of the load's variance in annual cycles that recur [-].
      slow: Share of it that persists for a time [-].
      decay_years: Time after which that has fallen to 1/e [a].
      noise: Share of the variance of the heights' noise that persists alike [-].
      error_factor: By which the standard errors of the means are multiplied [-].
      beyond: Standard deviation of the load outside the cells [mm].
      common: Standard deviation of an error that shifts all rows of an epoch alike and
        persists for a time [mm]. The epochs' estimates need not have it in their noise.
      common_seasonal: That of one in annual cycles that recur [mm].
    """

    seasonal: float = 0.0
    slow: float = 0.0
    decay_years: float = 0.5
    noise: float = 0.0
    error_factor: float = 1.0
    beyond: float = 0.0
    common: float = 0.0
    common_seasonal: float = 0.0

    def __post_init__(self) -> None:
        if not all(is_concrete(value) for value in dataclasses.astuple(self)):
            return
        shares = (self.seasonal, self.slow, self.noise, self.seasonal + self.slow)
        if not all(0 <= share <= 1 + 1e-12 for share in shares):
            raise ValueError(
                f"the load persists by shares of {self.seasonal:g} and {self.slow:g} "
                f"and the noise by {self.noise:g}, expected shares from 0 to 1"
            )
        sizes = (self.beyond, self.common, self.common_seasonal)
        if not (self.decay_years > 0 and self.error_factor > 0 and min(sizes) >= 0):
            raise ValueError(
                f"decay_years is {self.decay_years:g}, error_factor "
                f"{self.error_factor:g}, beyond, common and common_seasonal are "
                f"{', '.join(f'{size:g}' for size in sizes)}, expected positive numbers"
            )


def period_kernels(
    model: PeriodModel, first: ArrayLike | Array, second: ArrayLike | Array
) -> tuple[Array, Array]:
    """Correlation of load and of noise between periods.

    Args:
      model: How they persist; may hold traced numbers.
      first: Middles of periods [a], shape (period,).
      second: Of others, shape (other,).

    Returns:
      K of the load and of the noise [-], each of shape (period, other).
    """
    apart = jnp.asarray(first)[:, None] - jnp.asarray(second)[None, :]
    slow = jnp.exp(-jnp.abs(apart) / model.decay_years)
    load = model.seasonal * jnp.cos(TURN * apart) + model.slow * slow
    return load, model.noise * slow


def common_kernel(
    model: PeriodModel, first: ArrayLike | Array, second: ArrayLike | Array
) -> Array:
    """Covariance between periods of the error that shifts all rows alike.

    Args:
      model: How it persists; may hold traced numbers.
      first: Middles of periods [a], shape (period,).
      second: Of others, shape (other,).

    Returns:
      The covariance [mm2], shape (period, other).
    """
    apart = jnp.asarray(first)[:, None] - jnp.asarray(second)[None, :]
    slow = jnp.exp(-jnp.abs(apart) / model.decay_years)
    return model.common**2 * slow + model.common_seasonal**2 * jnp.cos(TURN * apart)

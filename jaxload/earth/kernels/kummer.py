"""Legendre series continued beyond the last degree that is known.

What an Earth does at high degrees is a power series in 1/n, for only the material at
its surface is felt there. So the coefficients c_n of a series of P_n, or of its
derivative, are continued as

    c_n = w_0 f_p(n) + w_1 f_{p+1}(n) + w_2 f_{p+2}(n) + w_3 f_{p+3}(n)

fitted to the upper third of the degrees, with the ladder

    f_{-1} = n + 1/2,  f_0 = 1,  f_1 = 1 / (n + 1),  f_2 = 1 / ((n + 1) (n + 2)),  ...

of which all sums are known in closed form. As the generating function of P_n gives,
with s = sin(theta / 2) and R(y)^2 = y^2 + 4 s^2 (1 - y),

    sum f_{-1} P_n = 0,  sum f_0 P_n = 1 / (2 s),  sum f_{j+1} P_n = K_j / j!
    K_j = integral of y^j / R(y) over y from 0 to 1,  K_0 = log(1 + 1 / s)
    j K_j = 1 - 2 s [j = 1] + (2j - 1) 2 s^2 K_{j-1} - (j - 1) 4 s^2 K_{j-2}

where nothing cancels, neither at 0 nor at 180 degrees. Then only what is left of c_n is
summed degree by degree (Kummer's transformation).

Source: Farrell (1972), appendix, doi:10.1029/RG010i003p00761, goes one step down the
ladder; Abramowitz & Stegun (1964), 22.9.12, generating function.
"""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from jaxload.constants import DEGREE
from jaxload.earth.kernels.legendre import legendre_derivative_series, legendre_series

__all__ = [
    "Continued",
    "continue_series",
    "derivative_sum",
    "derivative_tail",
    "tail",
    "value_sum",
]

#: Steps of the ladder that are fitted: with four, PREM to degree 10,000 gives what PREM
#: to degree 40,000 gives.
STEPS = 4

#: Degrees the fit looks at: the noise of a table averages out, the fit stays small.
FITTED = 4096

HIGHEST = jax.lax.Precision.HIGHEST


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Continued:
    """Coefficients of a series to any degree.

    Attributes:
      rest: What is left of c_n once the ladder is taken away, shape (degree,).
      weights: w_j, in the unit of c_n, shape (step,).
      first: p, the step that the ladder starts on.
    """

    rest: Array
    weights: Array
    first: int = dataclasses.field(metadata={"static": True})


def continue_series(coefficients: Array, first: int) -> Continued:
    """Fit the ladder to the upper third of the degrees, and take it away from all.

    What is left fades out over the upper half of the degrees: there it is the rounding
    of a table, or, where a table ends too early for the ladder, what would ring.

    Args:
      coefficients: c_n from degree 0, shape (degree,).
      first: The step that c_n follows at high degrees: they grow as n**-first; at
        least -1.

    Returns:
      The coefficients, continued.
    """
    last = coefficients.shape[0] - 1
    fit, chosen = _fit(last, first)
    weights = jnp.matmul(fit, coefficients[chosen], precision=HIGHEST)
    ladder = jnp.asarray(_ladder(np.arange(last + 1.0), first))
    rest = coefficients - jnp.matmul(ladder, weights, precision=HIGHEST)
    return Continued(rest * _fade(last), weights, first)


def value_sum(series: Continued, theta: Array) -> Array:
    """Sum ``c_n P_n(cos(theta))`` over all degrees.

    Args:
      series: The coefficients.
      theta: Angles [degrees], shape (node,), above 0.

    Returns:
      The sum, in the unit of the coefficients, shape (node,).
    """
    sine = jnp.sin(theta * (DEGREE / 2))
    rest = legendre_series(series.rest[:, None], theta)[:, 0]
    return tail(series.weights, series.first, sine) + rest


def derivative_sum(series: Continued, theta: Array) -> Array:
    """Sum ``c_n dP_n(cos(theta))/dtheta`` over all degrees.

    Args:
      series: The coefficients.
      theta: Angles [degrees], shape (node,), above 0.

    Returns:
      The sum per radian, in the unit of the coefficients, shape (node,).
    """
    sine = jnp.sin(theta * (DEGREE / 2))
    # cos(theta / 2) from the antipode: it keeps its digits where it vanishes.
    cosine = jnp.sin((180 - theta) * (DEGREE / 2))
    rest = legendre_derivative_series(series.rest[:, None], theta)[:, 0]
    return derivative_tail(series.weights, series.first, sine, cosine) + rest


def tail(weights: Array, first: int, sine: Array) -> Array:
    """Sum the ladder alone, in closed form.

    Args:
      weights: w_j, in any unit, shape (step,).
      first: p, the step that the ladder starts on.
      sine: sin(theta / 2) [-], any shape, above 0.

    Returns:
      The sum, in the unit of the weights, shaped as `sine`.
    """
    chosen = _sums(sine, first + weights.shape[0])[first + 1 :]
    return sum((w * s for w, s in zip(weights, chosen)), jnp.zeros_like(sine))


def derivative_tail(weights: Array, first: int, sine: Array, cosine: Array) -> Array:
    """Sum the ladder with dP_n/dtheta in the place of P_n, in closed form.

    Args:
      weights: w_j, in any unit, shape (step,).
      first: p, the step that the ladder starts on.
      sine: sin(theta / 2) [-], any shape, above 0.
      cosine: cos(theta / 2) [-], same shape.

    Returns:
      The sum per radian, in the unit of the weights, shaped as `sine`.
    """
    along = functools.partial(tail, weights, first)
    _, slope = jax.jvp(along, (sine,), (jnp.ones_like(sine),))
    return slope * cosine / 2


def _sums(sine: Array, end: int) -> list[Array]:
    """Sums of f_{-1} P_n, f_0 P_n, and so on before f_end."""
    square = 2 * sine**2
    integrals = [jnp.log1p(1 / sine), 1 - 2 * sine + square * jnp.log1p(1 / sine)]
    for j in range(2, max(end - 1, 2)):
        near, far = integrals[-1], integrals[-2]
        total = 1 + (2 * j - 1) * square * near - 2 * (j - 1) * square * far
        integrals.append(total / j)
    ladder = [k / math.factorial(j) for j, k in enumerate(integrals)]
    return [jnp.zeros_like(sine), 1 / (2 * sine), *ladder][: end + 1]


def _ladder(degree: NDArray[np.float64], first: int) -> NDArray[np.float64]:
    """f_first(n), f_{first+1}(n), ..., shape (degree, step)."""

    def step(j: int) -> NDArray[np.float64]:
        if j < 0:
            return degree + 0.5
        factors = [1 / (degree + i) for i in range(1, j + 1)]
        return np.prod([np.ones_like(degree), *factors], axis=0)

    return np.stack([step(first + j) for j in range(STEPS)], axis=1)


def _fade(last: int) -> NDArray[np.float64]:
    """1 up to half of the degrees, and down to 0 beyond the last, shape (degree,)."""
    beyond = np.maximum(2 * np.arange(last + 1) / (last + 1) - 1, 0)
    return np.cos(np.pi / 2 * beyond) ** 2


@functools.lru_cache(maxsize=16)
def _fit(last: int, first: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Least squares as a matrix, shape (step, fitted), and the degrees it takes."""
    lowest = 2 * last // 3
    count = min(FITTED, last - lowest + 1)
    chosen = np.linspace(lowest, last, count).round().astype(int)
    # Relative misfits count, and columns of one size make a well conditioned matrix.
    weight = np.maximum(chosen, 1.0) ** first
    columns = weight[:, None] * _ladder(chosen.astype(float), first)
    scale = np.linalg.norm(columns, axis=0)
    inverse = np.linalg.pinv(columns / scale)
    return inverse / scale[:, None] * weight, chosen

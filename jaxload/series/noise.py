"""Noise with a memory: white, flicker and random walk, gaps and all."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

__all__ = ["Noise", "whitened_products"]

DAYS_PER_YEAR = 365.2425

#: Relaxation times [years] of the processes that together are flicker noise: a factor
#: of six apart, from a third of a day to 1,700 years.
MEMORIES = 0.001 * 6.0 ** np.arange(9)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Noise:
    """How large each kind of noise is at a station.

    Attributes:
      white: Relative to the standard errors given (or to 1 without) [-], shape
        (station,).
      flicker: Amplitude [unit of the series per year^(1/4)], shape (station,).
      walk: Random walk [unit of the series per year^(1/2)], shape (station,).
    """

    white: Array
    flicker: Array
    walk: Array


def flicker_variance() -> float:
    """Variance of each of `MEMORIES` for flicker noise of unit amplitude.

    A process of variance v and memory m has the power ``2 v m / (1 + (2 pi f m)^2)``;
    summed over memories a factor r apart that is ``v / (2 f log r)`` on average, to
    equal ``1 / (2 pi f)``, the power of flicker noise at frequencies far below that of
    the epochs.

    Source:
      Amplitudes as in Williams (2003), doi:10.1007/s00190-002-0283-4; the sum:
      Dmitrieva et al. (2015), doi:10.1007/s00190-015-0801-9.
    """
    return float(np.log(MEMORIES[1] / MEMORIES[0]) / np.pi)


def whitened_products(
    basis: Array, values: Array, weight: Array, years: Array, noise: Noise
) -> tuple[Array, Array]:
    """Products of terms and values under the covariance of the noise.

    A Kalman filter over the states of the noise turns each column into innovations that
    are independent; its cost grows with the number of epochs, whatever the gaps.

    Args:
      basis: Terms as columns, shape (epoch, term).
      values: Shape (epoch,); anything finite where the weight is zero.
      weight: ``1 / sigma**2``, shape (epoch,); zero if missing.
      years: Time [years], shape (epoch,).
      noise: Of this station: scalars.

    Returns:
      What `products` returns, of shape (term + 1, term + 1), and the logarithm of the
      determinant of the covariance.
    """
    columns = jnp.concatenate([basis, values[:, None]], axis=1)
    variance = jnp.where(weight > 0, 1 / jnp.where(weight > 0, weight, 1), 0)
    variance = noise.white**2 * variance
    elapsed = jnp.diff(years, prepend=years[:1])
    memories = jnp.asarray(MEMORIES, years.dtype)
    each = noise.flicker**2 * jnp.asarray(flicker_variance(), years.dtype)
    none = jnp.zeros_like(each)
    start = jnp.concatenate([jnp.full_like(memories, 1) * each, none[None]])
    steady = start

    def step(state: tuple, now: tuple) -> tuple:
        predicted, spread, square, logarithm = state
        row, error, passed, seen = now
        keep = jnp.concatenate(
            [jnp.exp(-passed / memories), jnp.ones_like(memories[:1])]
        )
        drift = (1 - keep**2) * steady
        drift = drift.at[-1].set(noise.walk**2 * passed)
        spread = spread * keep[:, None] * keep[None, :] + jnp.diag(drift)
        predicted = predicted * keep[:, None]
        gain = spread.sum(axis=1)
        total = gain.sum() + error
        total = jnp.where(seen, total, 1)
        gain = jnp.where(seen, gain, 0)
        innovation = jnp.where(seen, row - predicted.sum(axis=0), 0)
        predicted = predicted + (gain / total)[:, None] * innovation[None, :]
        spread = spread - gain[:, None] * (gain / total)[None, :]
        square = square + innovation[:, None] * (innovation / total)[None, :]
        return (predicted, spread, square, logarithm + jnp.log(total)), None

    size = columns.shape[1]
    zeros = jnp.zeros((len(memories) + 1, size), values.dtype)
    square = jnp.zeros((size, size), values.dtype)
    state = (zeros, jnp.diag(start), square, jnp.zeros((), values.dtype))
    rows = (columns, variance, elapsed, weight > 0)
    (_, _, square, logarithm), _ = jax.lax.scan(step, state, rows)
    return square, logarithm

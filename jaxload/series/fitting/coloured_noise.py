"""Noise with a memory: white, flicker and random walk, gaps and all."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxload._platform import on_platform
from jaxload.series.fitting.block_filter import (
    BLOCK,
    Epochs,
    Filtered,
    States,
    filter_block,
    make_blocks,
)

__all__ = [
    "MEMORIES",
    "NoiseAmplitudes",
    "block_noise",
    "flicker_variance",
    "whitened_memory",
    "whitened_products",
]

#: Days in a mean Gregorian year.
DAYS_PER_YEAR = 365.2425

#: Standard deviation of a Gaussian over its median absolute deviation.
GAUSSIAN = 1.4826

#: Epochs in the means whose differences are taken.
BLOCKS = (1, 32)

#: Relaxation times [years] of the processes that together are flicker noise: a factor
#: of six apart, from a third of a day to 1,700 years.
MEMORIES = 0.001 * 6.0 ** np.arange(9)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class NoiseAmplitudes:
    """How large each kind of noise is at a station.

    Attributes:
      white: Relative to the standard errors given (or to 1 without) [-], shape
        (station,).
      flicker: Amplitude [unit of the series per year^(1/4)], as it is given for daily
        series; the same noise whatever the interval, shape (station,).
      walk: Random walk [unit of the series per year^(1/2)], shape (station,).
    """

    white: Array
    flicker: Array
    walk: Array


def flicker_variance() -> float:
    """Variance of each of `MEMORIES` for flicker noise of unit amplitude.

    A process of variance v and memory m has the power ``2 v m / (1 + (2 pi f m)^2)``;
    summed over memories a factor r apart that is ``v / (2 f log r)`` on average, to
    equal ``1 / (2 pi f sqrt(s))``, the power of flicker noise of unit amplitude at
    frequencies far below s, the number of days in a year.

    Source:
      Amplitudes as in Williams (2003), doi:10.1007/s00190-002-0283-4; the sum:
      Dmitrieva et al. (2015), doi:10.1007/s00190-015-0801-9.
    """
    memory = np.log(MEMORIES[1] / MEMORIES[0])
    return float(memory / np.pi / np.sqrt(DAYS_PER_YEAR))


def whitened_products(
    basis: Array, values: Array, weight: Array, years: Array, noise: NoiseAmplitudes
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
    return on_platform(
        (columns, variance, weight > 0),
        years,
        noise,
        cpu=_epoch_by_epoch,
        accelerator=_block_by_block,
    )


def whitened_memory(epochs: int, terms: int, itemsize: int) -> float:
    """Temporary memory of `whitened_products` on an accelerator.

    Args:
      epochs: Number of epochs.
      terms: Number of terms.
      itemsize: Of a number [bytes].

    Returns:
      Memory of one station [bytes], roughly.
    """
    return itemsize * (4.0 * BLOCK**2 + 3.0 * epochs * (terms + len(MEMORIES)))


def _epoch_by_epoch(
    rows: tuple[Array, Array, Array], years: Array, noise: NoiseAmplitudes
) -> tuple[Array, Array]:
    columns, variance, seen = rows
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
    zeros = jnp.zeros((len(memories) + 1, size), columns.dtype)
    square = jnp.zeros((size, size), columns.dtype)
    state = (zeros, jnp.diag(start), square, jnp.zeros((), columns.dtype))
    each_epoch = (columns, variance, elapsed, seen)
    (_, _, square, logarithm), _ = jax.lax.scan(step, state, each_epoch)
    return square, logarithm


def _block_by_block(
    rows: tuple[Array, Array, Array], years: Array, noise: NoiseAmplitudes
) -> tuple[Array, Array]:
    columns, variance, seen = rows
    dtype = columns.dtype
    each = noise.flicker**2 * jnp.asarray(flicker_variance(), dtype)
    rates = jnp.asarray(np.append(1 / MEMORIES, 0), dtype)
    states = States(rates, each, len(MEMORIES))
    design = jnp.ones((len(years), len(rates)), dtype)
    growth = noise.walk**2 * (years - years[:1])
    blocks = make_blocks(columns, variance, seen, design, years, growth)

    def step(state: tuple, block: Epochs) -> tuple:
        predicted, square, logarithm = state
        predicted, whitened = filter_block(states, predicted, block)
        more = whitened.innovations
        square = square + jnp.matmul(more.T, more, precision=jax.lax.Precision.HIGHEST)
        logarithm = logarithm + 2 * jnp.log(jnp.diagonal(whitened.root)).sum()
        return (predicted, square, logarithm), None

    size = columns.shape[1]
    start = jnp.where(rates > 0, each, 0)
    none = Filtered(jnp.zeros((len(rates), size), dtype), jnp.diag(start))
    state = (none, jnp.zeros((size, size), dtype), jnp.zeros((), dtype))
    (_, square, logarithm), _ = jax.lax.scan(step, state, blocks)
    return square, logarithm


def block_noise(values: Array, years: Array, weight: Array) -> NoiseAmplitudes:
    """White and flicker noise from differences of neighbouring means.

    Differences of neighbouring values are mostly white noise and those of means over
    weeks mostly flicker noise; their medians say both, whatever steps a series has.

    Args:
      values: Series less trend and seasons, shape (epoch, station); finite.
      years: Time [years], shape (epoch,).
      weight: ``1 / sigma**2``, zero if missing, shape (epoch, station).

    Returns:
      The `NoiseAmplitudes` of each station.
    """
    interval = jnp.median(jnp.diff(years))
    short, long = (_differences(values, weight, interval, size) for size in BLOCKS)
    (first, white_first, flicker_first), (last, white_last, flicker_last) = short, long
    both = white_first * flicker_last - white_last * flicker_first
    flicker = jnp.maximum((white_first * last - white_last * first) / both, 0)
    white = (first - flicker_first * flicker) / white_first
    # A series all of flicker noise still has some that is white.
    white = jnp.maximum(white, 0.05 * first / white_first)
    flicker = jnp.where(jnp.isfinite(flicker), flicker, 0)
    white = jnp.where(jnp.isfinite(white) & (white > 0), white, 1)
    return NoiseAmplitudes(jnp.sqrt(white), jnp.sqrt(flicker), jnp.zeros_like(white))


def _differences(
    values: Array, weight: Array, interval: Array, size: int
) -> tuple[Array, Array, Array]:
    """Variance of differences of means over `size` epochs, of each station.

    Also what it would be for white and for flicker noise of unit amplitude.
    """
    blocks = len(values) // size
    cut = lambda x: x[: blocks * size].reshape(blocks, size, -1)
    seen = cut(weight > 0)
    count = seen.sum(axis=1).astype(values.dtype)
    full = jnp.maximum(count, 1)
    mean = jnp.where(seen, cut(values), 0).sum(axis=1) / full
    spread = jnp.where(seen, 1 / jnp.where(seen, cut(weight), 1), 0).sum(axis=1)
    enough = count >= (size + 1) // 2
    pair = enough[1:] & enough[:-1]
    white = spread / full**2
    white = jnp.where(pair, white[1:] + white[:-1], jnp.nan)
    step = jnp.where(pair, jnp.abs(mean[1:] - mean[:-1]), jnp.nan)
    variance = (GAUSSIAN * jnp.nanmedian(step, axis=0)) ** 2
    flicker = jnp.full_like(variance, 1) * _flicker_difference(interval, size)
    return variance, jnp.nanmedian(white, axis=0), flicker


def _flicker_difference(interval: Array, size: int) -> Array:
    """Variance of the difference of neighbouring means of unit flicker noise."""
    lags = jnp.abs(jnp.arange(size)[:, None] - jnp.arange(2 * size)[None, :])
    elapsed = lags[..., None].astype(interval.dtype) * interval
    memories = jnp.asarray(MEMORIES, interval.dtype)[None, None, :]
    covariance = flicker_variance() * jnp.exp(-elapsed / memories).sum(axis=-1)
    return 2 * (covariance[:, :size].mean() - covariance[:, size:].mean())

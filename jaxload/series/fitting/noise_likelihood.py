"""Amplitudes of noise with a memory, by their likelihood."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxload._platform import map_parts
from jaxload.series.batches import by_station
from jaxload.series.fitting.block_filter import BLOCK
from jaxload.series.fitting.coloured_noise import NoiseAmplitudes, whitened_products
from jaxload.series.fitting.regression import regress
from jaxload.series.fitting.trajectory import (
    BATCH,
    Events,
    Terms,
    fit_memory,
    prepared,
    trajectory_basis,
)

__all__ = ["estimate_noise"]

#: Bounds of flicker noise and random walk over white noise; the lower is none.
RATIOS = (1e-2, 1e3)

#: Values tried between the bounds, and steps of the golden section after them.
GRID, STEPS = 11, 12

GOLDEN = (np.sqrt(5) - 1) / 2


def estimate_noise(
    values: ArrayLike,
    years: ArrayLike,
    *,
    sigma: ArrayLike | None = None,
    terms: Terms | None = None,
    events: Events | None = None,
    walk: bool = False,
) -> NoiseAmplitudes:
    """Find the amplitudes of the noise that make the series most likely.

    Beside a trajectory whose terms are fitted anew for each ratio of flicker to white
    noise; their common scale follows in closed form.

    Not for: series with outliers or steps that are not among `events`, which pass for
    noise.

    Args:
      values: Series, shape (epoch, station); NaN if missing.
      years: Time [years], ascending, shape (epoch,).
      sigma: Standard error of the values, same shape or (station,).
      terms: Trend and seasons.
      events: Steps and relaxations.
      walk: Whether there is a random walk too; few series are long enough to tell.

    Returns:
      The `NoiseAmplitudes`, for `fit_trajectory`; NaN where a station has too few data.

    Raises:
      ValueError: If shapes disagree.

    Source:
      Williams (2008), CATS, doi:10.1007/s10291-007-0086-4; Bos et al. (2013),
      doi:10.1007/s00190-012-0605-0.
    """
    data, years, weight, known = prepared(values, years, sigma, events)
    terms = Terms() if terms is None else terms
    return _estimate(terms, walk, data, years, weight, known)


@functools.partial(jax.jit, static_argnames=("terms", "walk"))
def _estimate(
    terms: Terms, walk: bool, values: Array, years: Array, weight: Array, known: Events
) -> NoiseAmplitudes:
    one = functools.partial(_estimate_one, terms, walk, years)
    # Of ratios side by side, all but the terms and the series.
    each = fit_memory(terms, values, known)
    each += 6.0 * GRID * values.dtype.itemsize * BLOCK**2
    return by_station(one, values.T, weight.T, known, most=BATCH, each=each)


def _estimate_one(
    terms: Terms, walk: bool, years: Array, values: Array, weight: Array, known: Events
) -> NoiseAmplitudes:
    basis = trajectory_basis(terms, years, (years[0] + years[-1]) / 2, known)
    seen = weight > 0
    total = jnp.where(seen.any(), weight.sum(), 1)
    values = jnp.where(seen, values - jnp.sum(weight * values) / total, 0)
    # Ratios are relative to a typical standard error.
    typical = jnp.sqrt(jnp.maximum(seen.sum(), 1).astype(total.dtype) / total)
    least = jnp.asarray(np.log(RATIOS[0]), values.dtype)

    def amplitudes(ratios: Array) -> NoiseAmplitudes:
        size = jnp.where(ratios > least, jnp.exp(ratios), 0) * typical
        return NoiseAmplitudes(jnp.ones_like(size[0]), size[0], size[1])

    def cost(ratios: Array) -> tuple[Array, Array]:
        noise = amplitudes(ratios)
        square, logarithm = whitened_products(basis, values, weight, years, noise)
        regression = regress(square, seen.sum())
        count = seen.sum().astype(values.dtype)
        freedom = jnp.where(regression.freedom > 0, regression.freedom, jnp.nan)
        scale = regression.squares / freedom
        return count * jnp.log(scale) + logarithm, jnp.sqrt(scale)

    ratios = jnp.stack([least, least])
    for index in (0, 1, 0, 1) if walk else (0,):
        along = lambda x, i=index, r=ratios: cost(r.at[i].set(x))[0]
        ratios = ratios.at[index].set(_least(along, values.dtype))
    noise, scale = amplitudes(ratios), cost(ratios)[1]
    return jax.tree.map(lambda x: x * scale, noise)


def _least(cost: Callable[[Array], Array], dtype: jnp.dtype) -> Array:
    """Where a function of the logarithm of a ratio is least."""
    grid = jnp.asarray(np.linspace(np.log(RATIOS[0]), np.log(RATIOS[1]), GRID), dtype)
    best = grid[jnp.argmin(_each(cost, grid))]
    width = grid[1] - grid[0]

    def once(_: int, state: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = state
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        costs = _each(cost, jnp.stack([left, right]))
        lower = costs[0] < costs[1]
        return jnp.where(lower, low, left), jnp.where(lower, right, high)

    bounds = jnp.maximum(best - width, grid[0]), jnp.minimum(best + width, grid[-1])
    low, high = jax.lax.fori_loop(0, STEPS, once, bounds)
    minimum = (low + high) / 2
    return jnp.where(minimum - grid[0] < 0.05, grid[0], minimum)


def _each(cost: Callable[[Array], Array], tried: Array) -> Array:
    """Costs of some ratios, on an accelerator side by side."""
    return map_parts(cost, tried, each=1.0, remake=False)

"""Fields on the sphere as sums of spherical harmonics, and back.

    field(lat, lon) = sum_nm (cosine_nm cos(m lon) + sine_nm sin(m lon)) P_nm(sin lat)

with real, fully (4 pi) normalised harmonics without the Condon-Shortley phase, as in
geodesy: a coefficient is the mean over the sphere of the field times its harmonic, and
the mean square of a field is the sum of the squares of its coefficients.

Source: Heiskanen & Moritz (1967), Physical Geodesy, sections 1-10 and 1-14.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike, NDArray

from jaxload._check import is_concrete
from jaxload._platform import by_chunks, on_platform
from jaxload.constants import DEGREE
from jaxload.sphere.harmonics.coefficients import (
    Harmonics,
    from_tiles,
    last_degree,
    pad_zeros,
    stack_columns,
    to_tiles,
)
from jaxload.sphere.harmonics.legendre_functions import (
    DEGREES,
    ORDERS_PER_TILE,
    Slab,
    State,
    Tile,
    blocks_of,
    check_degree,
    chunk_count,
    cosine_power,
    first_state,
    firsts_of,
    next_tile,
)
from jaxload.sphere.harmonics.quadrature import latitude_rows, longitude_start

__all__ = ["analyse", "synthesise"]

einsum = functools.partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Parallels:
    """Rows of a grid by their distance from the equator, which two may share.

    Attributes:
      sine: Of the distinct absolute latitudes, shape (parallel,).
      cosine: Same shape.
      index: Which of them a row is, shape (lat,).
      sign: -1 where a row lies south, shape (lat,).
      pair: The first and the last row on each, shape (2, parallel).
      share: How much of each of the two counts, 1 or, where the last is the first, 0 of
        it, shape (2, parallel).
    """

    sine: Array
    cosine: Array
    index: Array
    sign: Array
    pair: Array
    share: Array


def synthesise(harmonics: Harmonics, lat: ArrayLike, lon: ArrayLike) -> Array:
    """Sum harmonics on a grid.

    Rows and columns may lie anywhere. Columns in equal steps around the Earth are
    summed by FFT, rows that mirror each other share their Legendre functions, and every
    epoch shares all of them. Differentiable with respect to the coefficients.

    Args:
      harmonics: Coefficients, shape (..., degree, order).
      lat: Latitudes [degrees], shape (lat,), known while tracing.
      lon: Longitudes [degrees], shape (lon,), known while tracing.

    Returns:
      The field, shape (..., lat, lon), in the unit of the coefficients.

    Raises:
      ValueError: If shapes or axes are none, or float64 is off.

    Example:
      >>> synthesise(water, lat=np.arange(-89.5, 90), lon=np.arange(0.5, 360))

    Source:
      Holmes & Featherstone (2002), doi:10.1007/s00190-002-0216-2.
    """
    last = last_degree(harmonics)
    rows, columns = _axis("lat", lat), _axis("lon", lon)
    by_fft = _goes_around(columns) and last <= len(columns) // 2
    turn = _turn_by_fft if by_fft else _turn_by_product
    lead = harmonics.cosine.shape[:-2]
    coefficients = stack_columns(harmonics)
    field = _synthesise(coefficients, _parallels(rows), jnp.asarray(columns), turn)
    return field.reshape(*lead, len(rows), len(columns))


def analyse(
    field: ArrayLike, lat: ArrayLike, lon: ArrayLike, max_degree: int
) -> Harmonics:
    """Find the harmonics of a field on a global grid.

    Exact for a field without harmonics above `max_degree`; of any other it is the
    quadrature of the grid. Differentiable with respect to the field.

    Args:
      field: The field, shape (..., lat, lon), without gaps.
      lat: Latitudes [degrees], shape (lat,), in either direction: equally spaced with
        both poles, one or none, or Gaussian.
      lon: Longitudes [degrees], shape (lon,), eastward in equal steps around the Earth
        from anywhere.
      max_degree: The last degree; at most half the number of rows, less one for
        Gaussian ones, and less than half the number of columns.

    Returns:
      The coefficients, shape (..., degree, order), in the unit of the field.

    Raises:
      ValueError: If the grid is another, has too few rows or columns, the field has
        gaps, or float64 is off.

    Example:
      >>> analyse(field, np.arange(-89.5, 90), np.arange(0.5, 360), max_degree=89)

    Source:
      Driscoll & Healy (1994), doi:10.1006/aama.1994.1008.
    """
    check_degree(max_degree)
    rows, start = latitude_rows(lat), longitude_start(lon)
    field = jnp.asarray(field, jnp.float64)
    _check_field(field, np.size(lat), np.size(lon))
    _check_reach(max_degree, rows.max_degree, field.shape)
    flat = field.reshape(-1, *field.shape[-2:])
    weighted = flat * jnp.asarray(rows.weights / 2)[None, :, None]
    tiles = _analyse(weighted, _parallels(rows.lat), jnp.asarray(start), max_degree)
    cosine, sine = tiles
    shape = (*field.shape[:-2], max_degree + 1, max_degree + 1)
    return Harmonics(cosine.reshape(shape), sine.reshape(shape))


def _parallels(lat: NDArray[np.float64]) -> Parallels:
    # Rows that mirror each other may do so only up to rounding: they share a parallel,
    # the one of the first of them.
    rounded = np.round(np.abs(lat), 12)
    _, first, index = np.unique(rounded, return_index=True, return_inverse=True)
    last = len(lat) - 1 - np.unique(rounded[::-1], return_index=True)[1]
    distance = np.abs(lat)[first]
    sine, cosine = np.sin(distance * DEGREE), np.sin((90 - distance) * DEGREE)
    sign = np.where(lat < 0, -1.0, 1.0)
    pair = np.stack([first, last])
    share = np.stack([np.ones(len(first)), (first != last).astype(float)])
    return Parallels(*map(jnp.asarray, (sine, cosine, index, sign, pair, share)))


@functools.partial(jax.jit, static_argnames="turn")
def _synthesise(coefficients: Array, rows: Parallels, lon: Array, turn) -> Array:
    last = coefficients.shape[-1] - 1

    def block(part: tuple[Array, Array, Array]) -> Slab:
        order, factor, tiles = part
        power = cosine_power(order, rows.cosine)[:, None, None, :]
        even, odd = _sum_degrees(tiles, order, factor, rows.sine, last)
        return power * even, power * odd

    parts = (*blocks_of(last), to_tiles(coefficients))
    sums = _each_block(block, parts, rows.sine, coefficients.shape[:2])
    # What is even in latitude mirrors at the equator, what is odd changes sign there.
    even, odd = (x.reshape(-1, *x.shape[2:])[: last + 1] for x in sums)
    sign = rows.sign[None, None, None, :]
    return turn(even[..., rows.index] + sign * odd[..., rows.index], lon)


def _sum_degrees(tiles: Array, order: Array, factor: Array, sine: Array, last: int):
    """Sum over the degrees of a block, by parity, shape (order, 2, epoch, parallel)."""

    def full(carry: tuple[State, Slab], first: Array, tile: Array):
        state, totals = carry
        state, slab = next_tile(state, Tile(order, factor, first), sine)
        pairs = zip(totals, slab, _by_parity(tile))
        return state, tuple(x + einsum("bmr,bmce->mcer", q, c) for x, q, c in pairs)

    # Going back, a tile is computed again rather than remembered.
    @functools.partial(jax.checkpoint, prevent_cse=False)
    def chunk(carry: tuple[State, Slab], part: tuple[Array, Array]):
        first, tile = part
        held = order[0] + first <= last
        skip = lambda carry, *_: carry
        return jax.lax.cond(held, full, skip, carry, first, tile), None

    total = jnp.zeros((ORDERS_PER_TILE, *tiles.shape[3:], len(sine)), tiles.dtype)
    carry = (first_state(ORDERS_PER_TILE, sine), (total, total))
    return jax.lax.scan(chunk, carry, (firsts_of(last), tiles))[0][1]


def _by_parity(tile: Array) -> tuple[Array, Array]:
    """Coefficients at even and at odd degrees above the order."""
    return tile[0::2], tile[1::2]


def _turn_by_product(waves: Array, lon: Array) -> Array:
    """Sum over orders at any longitudes, shape (epoch, lat, lon)."""
    turn = _trigonometry(len(waves), lon)
    return einsum("mcer,cml->erl", waves, turn)


def _turn_by_fft(waves: Array, lon: Array) -> Array:
    """The same at equal steps around the Earth."""
    count, order = len(lon), np.arange(len(waves))
    # An inverse transform counts each order twice, but for the first and the last.
    share = np.where((order == 0) | (2 * order == count), 1.0, 0.5) * count
    cosine, sine = share[None, :] * _trigonometry(len(waves), lon[:1])[:, :, 0]
    phase = jax.lax.complex(cosine, sine)
    spectrum = jax.lax.complex(waves[:, 0], -waves[:, 1]) * phase[:, None, None]
    spectrum = jnp.moveaxis(spectrum, 0, -1)
    return jnp.fft.irfft(spectrum, count, axis=-1)


def _trigonometry(orders: int, lon: Array) -> Array:
    """cos(m lon) and sin(m lon), shape (2, order, lon)."""
    angle = jnp.arange(orders, dtype=lon.dtype)[:, None] * (lon * DEGREE)[None, :]
    return jnp.stack([jnp.cos(angle), jnp.sin(angle)])


@functools.partial(jax.jit, static_argnames="max_degree")
def _analyse(weighted: Array, rows: Parallels, start: Array, max_degree: int) -> Array:
    """Coefficients of a field times its weights, shape (2, epoch, degree, order)."""
    waves = _waves(weighted, rows, start, max_degree)

    def block(part: tuple[Array, Array, Slab]) -> Array:
        order, factor, waves = part
        power = cosine_power(order, rows.cosine)[:, None, None, :]
        scaled = power * waves[0], power * waves[1]
        return _project(scaled, order, factor, rows.sine, max_degree)

    parts = (*blocks_of(max_degree), waves)
    tiles = _each_block(block, parts, rows.sine, (2, len(weighted)))
    return from_tiles(tiles, max_degree)


def _each_block(
    block: Callable[[Any], Any], parts: Any, sine: Array, fields: tuple[int, ...]
) -> Any:
    """Blocks of orders one after the other on a CPU, together on an accelerator."""
    functions = DEGREES + 6 * math.prod(fields)
    each = 3 * ORDERS_PER_TILE * functions * sine.nbytes
    one_by_one = lambda parts: jax.lax.scan(
        lambda _, part: (None, block(part)), None, parts
    )
    return on_platform(
        parts,
        cpu=lambda parts: one_by_one(parts)[1],
        accelerator=lambda parts: by_chunks(jax.vmap(block), parts, each),
    )


def _waves(weighted: Array, rows: Parallels, start: Array, max_degree: int) -> Slab:
    """Waves along parallels by parity, shape (block, order, 2, epoch, parallel)."""
    cosine, sine = _trigonometry(max_degree + 1, start[None])[:, :, 0]
    spectrum = jnp.fft.rfft(weighted, axis=-1)[..., : max_degree + 1]
    spectrum = spectrum * jax.lax.complex(cosine, -sine)[None, None, :]
    both = jnp.stack([spectrum.real, -spectrum.imag]) / weighted.shape[-1]
    both = jnp.moveaxis(both, -1, 0)
    blocks = chunk_count(max_degree)[0]
    both = pad_zeros(both, blocks * ORDERS_PER_TILE - max_degree - 1)
    both = both.reshape(blocks, ORDERS_PER_TILE, *both.shape[1:])
    signed = rows.share * rows.sign[rows.pair]
    one, other = (both[..., rows.pair[i]] for i in (0, 1))
    fold = lambda x: one * x[0][(None,) * 4] + other * x[1][(None,) * 4]
    return fold(rows.share), fold(signed)


def _project(waves: Slab, order: Array, factor: Array, sine: Array, last: int) -> Array:
    """Degrees of a block, shape (chunk, degree, order, 2, epoch)."""

    def full(state: State, first: Array) -> tuple[State, Array]:
        state, slab = next_tile(state, Tile(order, factor, first), sine)
        both = [einsum("bmr,mcer->bmce", q, wave) for q, wave in zip(slab, waves)]
        return state, jnp.stack(both, axis=1).reshape(empty.shape)

    @functools.partial(jax.checkpoint, prevent_cse=False)
    def chunk(state: State, first: Array) -> tuple[State, Array]:
        held = order[0] + first <= last
        return jax.lax.cond(held, full, lambda state, _: (state, empty), state, first)

    empty = jnp.zeros((DEGREES, ORDERS_PER_TILE, *waves[0].shape[1:-1]), sine.dtype)
    return jax.lax.scan(chunk, first_state(ORDERS_PER_TILE, sine), firsts_of(last))[1]


def _axis(name: str, values: ArrayLike) -> NDArray[np.float64]:
    axis = np.asarray(values, np.float64)
    limit = 90 if name == "lat" else 720
    if axis.ndim != 1 or axis.size == 0 or not (np.abs(axis) <= limit).all():
        raise ValueError(
            f"{name} has shape {axis.shape} and is not one axis of degrees within "
            f"{limit}; are lat and lon swapped?"
        )
    return axis


def _goes_around(lon: NDArray[np.float64]) -> bool:
    # No rounding is forgiven here: a sum can be taken anywhere.
    expected = (lon[0] + np.arange(len(lon)) * 360 / len(lon) - lon) % 360
    return bool((np.minimum(expected, 360 - expected) < 1e-9).all())


def _check_field(field: Array, rows: int, columns: int) -> None:
    if field.ndim < 2 or field.shape[-2:] != (rows, columns):
        raise ValueError(
            f"field has shape {field.shape}, expected (..., lat, lon) with {rows} rows "
            f"and {columns} columns; is it transposed?"
        )
    if is_concrete(field) and not bool(jnp.isfinite(field).all()):
        missing = int((~jnp.isfinite(field)).sum())
        raise ValueError(
            f"field has {missing} of {field.size} values that are NaN or infinite, "
            "but every value counts in an analysis; fill them, with 0 where there is "
            "no mass"
        )


def _check_reach(max_degree: int, by_rows: int, shape: tuple[int, ...]) -> None:
    reach = min(by_rows, (shape[-1] - 1) // 2)
    if max_degree > reach:
        raise ValueError(
            f"max_degree is {max_degree}, but {shape[-2]} rows and {shape[-1]} columns "
            f"resolve degree {reach} at most; lower it or take a finer grid"
        )

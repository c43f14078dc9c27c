"""Fully normalised associated Legendre functions, streamed tile by tile.

Normalised so that the square of ``P_nm(sin lat) cos(m lon)`` has a mean of 1 over the
sphere, and without the Condon-Shortley phase (-1)^m: the convention of geodesy.

A tile holds some orders and some degrees above each, so that a transform never keeps
all of them. With u = cos(lat), the recurrence in degree runs on

    Q_nm = 1e-280 P_nm / u^m

which starts from a number that does not depend on latitude and stays in the range of
float64 up to degree 2,700 at every latitude, the poles included. u^m is multiplied back
where a tile is used.

Source: Holmes & Featherstone (2002), section 2.7, doi:10.1007/s00190-002-0216-2.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from jaxload._check import require_float64
from jaxload.constants import DEGREE

__all__ = [
    "DEGREES",
    "MAX_DEGREE",
    "ORDERS_PER_TILE",
    "Slab",
    "State",
    "Tile",
    "associated_legendre",
    "blocks_of",
    "check_degree",
    "chunk_count",
    "cosine_power",
    "first_state",
    "firsts_of",
    "next_tile",
    "sector_factors",
]

#: Where the scaled functions would leave the range of float64.
MAX_DEGREE = 2700

#: Orders and degrees of one tile: few enough for a tile to stay in cache.
ORDERS_PER_TILE, DEGREES = 16, 32

#: By what the functions are scaled.
SCALE = 1e-280


class Tile(NamedTuple):
    """Which functions a tile holds: degree ``order + first``, and so on up.

    Attributes:
      order: Orders, shape (order,), floating.
      factor: Their `sector_factors`, shape (order,).
      first: Degree of the first row less the order, scalar, floating.
    """

    order: Array
    factor: Array
    first: Array


#: Q of the two degrees before a tile, each of shape (order, latitude).
State = tuple[Array, Array]

#: Q of a tile at even and at odd degrees above the order, which are even and odd in
#: latitude, each of shape (pair of degrees, order, latitude).
Slab = tuple[Array, Array]


def check_degree(max_degree: int) -> None:
    """Check that a degree can be reached.

    Args:
      max_degree: The last degree.

    Raises:
      ValueError: If it is negative or above `MAX_DEGREE`, or float64 is off.
    """
    require_float64("spherical harmonics")
    if not 0 <= max_degree <= MAX_DEGREE:
        raise ValueError(
            f"max_degree is {max_degree}, expected 0 to {MAX_DEGREE}: beyond, the "
            "scaled Legendre functions leave the range of float64"
        )


def chunk_count(max_degree: int) -> tuple[int, int]:
    """Return how many tiles of orders, and of degrees, hold every function.

    Args:
      max_degree: The last degree.
    """
    return -(-(max_degree + 1) // ORDERS_PER_TILE), -(-(max_degree + 1) // DEGREES)


def sector_factors(count: int) -> np.ndarray:
    """Return Q_mm of orders from 0, shape (count,).

    Args:
      count: Number of orders.

    Source:
      Holmes & Featherstone (2002), eq. 13, doi:10.1007/s00190-002-0216-2.
    """
    order = np.arange(2, count)
    ratios = np.sqrt((2 * order + 1) / (2 * order))
    return SCALE * np.cumprod([1.0, math.sqrt(3), *ratios])[:count]


def first_state(orders: int, sine: Array) -> State:
    """Return the state before the first tile of some orders.

    Args:
      orders: Number of orders in a tile.
      sine: Sines of latitude, shape (latitude,).
    """
    zeros = jnp.zeros((orders, len(sine)), sine.dtype)
    return zeros, zeros


def next_tile(state: State, tile: Tile, sine: Array) -> tuple[State, Slab]:
    """Compute a tile from the one below it.

    Args:
      state: From `first_state`, or of the tile of the same orders below this one.
      tile: Which functions.
      sine: Sines of latitude, shape (latitude,).

    Returns:
      The state for the next tile, and Q_nm of the tile.

    Source:
      Holmes & Featherstone (2002), eqs 11 and 12, doi:10.1007/s00190-002-0216-2.
    """

    def one(state: State, above: Array) -> State:
        near, far = _coefficients(tile.order, above)
        start = jnp.where(above == 0, tile.factor, 0)[:, None]
        there = near[:, None] * sine[None, :] * state[0] - far[:, None] * state[1]
        return there + start, state[0]

    def two(state: State, above: Array) -> tuple[State, Slab]:
        middle = one(state, above[0])
        state = one(middle, above[1])
        return state, (middle[0], state[0])

    above = tile.first + jnp.arange(DEGREES, dtype=sine.dtype)
    return jax.lax.scan(two, state, above.reshape(-1, 2))


def _coefficients(order: Array, above: Array) -> tuple[Array, Array]:
    """Of P_{n-1} and P_{n-2} in P_n, where n is so far above the order."""
    degree = order + above
    # At the start there is nothing to multiply, but nothing may be divided by 0.
    above = jnp.maximum(above, 1)
    whole = above * jnp.maximum(degree + order, 1)
    near = jnp.sqrt(jnp.maximum((2 * degree - 1) * (2 * degree + 1), 0) / whole)
    top = (2 * degree + 1) * (degree + order - 1) * (above - 1)
    far = jnp.sqrt(top / (whole * jnp.maximum(2 * degree - 3, 1)))
    return near, jnp.where(above > 1, far, 0)


def cosine_power(order: Array, cosine: Array) -> Array:
    """Return what makes P_nm of Q_nm, 1e280 u^m, shape (order, latitude).

    Args:
      order: Powers, shape (order,), not negative.
      cosine: Cosines of latitude u, shape (latitude,), not negative.
    """
    # In two halves, for neither leaves the range of float64.
    half = jnp.floor(order / 2)[:, None]
    root = 1 / math.sqrt(SCALE)
    low, high = cosine[None, :] ** half, cosine[None, :] ** (order[:, None] - half)
    return (root * low) * (root * high)


def blocks_of(max_degree: int, extra: int = 0) -> tuple[Array, Array]:
    """Return the orders of each block of tiles and their `sector_factors`.

    Args:
      max_degree: The last degree.
      extra: How many orders of the next block each is to hold as well.

    Returns:
      Two arrays of shape (block, order).
    """
    blocks = chunk_count(max_degree)[0]
    order = (
        ORDERS_PER_TILE * np.arange(blocks)[:, None]
        + np.arange(ORDERS_PER_TILE + extra)[None, :]
    )
    factor = sector_factors(blocks * ORDERS_PER_TILE + extra)[order]
    return jnp.asarray(order, jnp.float64), jnp.asarray(factor)


def firsts_of(max_degree: int) -> Array:
    """Return where each chunk of a block begins, in degrees above the order.

    Args:
      max_degree: The last degree.
    """
    return DEGREES * jnp.arange(chunk_count(max_degree)[1], dtype=jnp.float64)


def associated_legendre(lat: ArrayLike, max_degree: int) -> Array:
    """Fully normalised associated Legendre functions, all at once.

    Not for: transforms of high degree, which need no such large array.

    Args:
      lat: Latitudes [degrees], shape (latitude,).
      max_degree: The last degree, up to `MAX_DEGREE`.

    Returns:
      P_nm(sin lat) without the Condon-Shortley phase [-], shape (degree, order,
      latitude); 0 where the order exceeds the degree.

    Raises:
      ValueError: If the degree cannot be reached, or float64 is off.

    Example:
      >>> associated_legendre([90.0], 1)[:, 0, 0]  # 1, sqrt(3)
    """
    check_degree(max_degree)
    return _every_function(jnp.asarray(lat, jnp.float64), max_degree)


@functools.partial(jax.jit, static_argnames="max_degree")
def _every_function(lat: Array, max_degree: int) -> Array:
    sine, cosine = jnp.sin(lat * DEGREE), jnp.cos(lat * DEGREE)
    count, chunks = max_degree + 1, chunk_count(max_degree)[1]
    order = jnp.arange(count, dtype=lat.dtype)
    factor = jnp.asarray(sector_factors(count))

    def chunk(state: State, first: Array) -> tuple[State, Array]:
        state, slab = next_tile(state, Tile(order, factor, first), sine)
        return state, jnp.stack(slab, axis=1)

    first = DEGREES * jnp.arange(chunks, dtype=lat.dtype)
    scaled = jax.lax.scan(chunk, first_state(count, sine), first)[1]
    scaled = scaled.reshape(-1, count, len(lat))
    # From degrees above the order to degrees.
    above = np.arange(count)[:, None] - np.arange(count)[None, :]
    values = scaled[np.maximum(above, 0), np.arange(count)[None, :]]
    values = values * cosine_power(order, cosine)[None]
    return jnp.where((above >= 0)[:, :, None], values, 0)

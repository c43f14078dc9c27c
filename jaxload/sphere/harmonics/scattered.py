"""Sums of spherical harmonics, and their gradients, at scattered places."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from jaxload._check import is_concrete
from jaxload.constants import DEGREE
from jaxload.sphere.harmonics.coefficients import (
    Harmonics,
    last_degree,
    stack_columns,
    to_tiles,
)
from jaxload.sphere.harmonics.legendre_functions import (
    DEGREES,
    ORDERS_PER_TILE,
    State,
    Tile,
    blocks_of,
    cosine_power,
    first_state,
    firsts_of,
    next_tile,
)

__all__ = ["gradient_at", "synthesise_at"]

#: Places times epochs at a time, so that their sums stay in cache, but neither so few
#: places that the recurrence is all overhead, nor so many that a tile leaves the cache.
ENTRIES, FEWEST, MOST = 2**14, 64, 512

einsum = functools.partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)


def synthesise_at(harmonics: Harmonics, *, lat: ArrayLike, lon: ArrayLike) -> Array:
    """Sum harmonics at scattered places.

    Functions of some orders and degrees are made at a time and serve every epoch at
    once, in one matrix product.

    Args:
      harmonics: Coefficients, shape (..., degree, order).
      lat: Latitudes [degrees], shape (place,); by name, as is `lon`, so that the two
        are not exchanged.
      lon: Longitudes [degrees], shape (place,).

    Returns:
      The field, shape (..., place), in the unit of the coefficients.

    Raises:
      ValueError: If shapes or coordinates are none, or float64 is off.

    Example:
      >>> synthesise_at(water, lat=[34.1], lon=[-118.2])
    """
    return _sum_at(harmonics, lon, lat, _values)[0]


def gradient_at(
    harmonics: Harmonics, *, lat: ArrayLike, lon: ArrayLike
) -> tuple[Array, Array]:
    """Surface gradient of harmonics at scattered places on the unit sphere.

    At a pole the gradient is as well known as anywhere; east and north are there what
    they are just beside it on the meridian of the place.

    Args:
      harmonics: Coefficients, shape (..., degree, order).
      lat: Latitudes [degrees], shape (place,); by name, as is `lon`, so that the two
        are not exchanged.
      lon: Longitudes [degrees], shape (place,).

    Returns:
      The components to the east and to the north, each of shape (..., place), in the
      unit of the coefficients per radian.

    Raises:
      ValueError: If shapes or coordinates are none, or float64 is off.

    Example:
      >>> east, north = gradient_at(potential, lat=[34.1], lon=[-118.2])

    Source:
      Derivative of P_nm by P_n,m+1: Abramowitz & Stegun (1964), 8.5.4 and 8.6.6.
    """
    east, north = _sum_at(harmonics, lon, lat, _slopes)
    return east, north


class Places(NamedTuple):
    """Longitudes [degrees], sines and cosines of latitudes, each of shape (place,)."""

    lon: Array
    sine: Array
    cosine: Array


#: One array or two.
Sums = tuple[Array, ...]

#: From places, the orders of a block, and sums over degrees of coefficients times Q and
#: times its derivative, each of shape (order, 2, epoch, place), to fields of shape
#: (kind, epoch, place).
Turn = Callable[[Places, Array, Sums], Array]


def _sum_at(harmonics: Harmonics, lon: ArrayLike, lat: ArrayLike, turn: Turn) -> Array:
    """Sum harmonics in every way that `turn` does, shape (kind, ..., place)."""
    last_degree(harmonics)
    lon, lat = jnp.asarray(lon, jnp.float64), jnp.asarray(lat, jnp.float64)
    _check_places(lon, lat)
    lead = harmonics.cosine.shape[:-2]
    total = _in_parts(stack_columns(harmonics), lon, lat, turn)
    return total.reshape(len(total), *lead, len(lon))


@functools.partial(jax.jit, static_argnames="turn")
def _in_parts(coefficients: Array, lon: Array, lat: Array, turn: Turn) -> Array:
    """Sum for some places after others, shape (kind, epoch, place)."""
    _, epochs, count, _ = coefficients.shape
    together = min(max(ENTRIES // max(epochs, 1), FEWEST), MOST)
    parts = -(-len(lon) // together)
    size = -(-len(lon) // parts)
    missing = parts * size - len(lon)
    # Counted from the pole, a cosine is exact beside it.
    cosine = jnp.sin((90 - jnp.abs(lat)) * DEGREE)
    places = Places(lon, jnp.sin(lat * DEGREE), cosine)
    split = [jnp.pad(x, (0, missing), mode="edge").reshape(parts, size) for x in places]
    tiles = to_tiles(coefficients)
    part = lambda places: _sum_orders(tiles, Places(*places), count - 1, turn)
    total = jnp.moveaxis(jax.lax.map(part, tuple(split)), 0, -2)
    return total.reshape(*total.shape[:-2], -1)[..., : len(lon)]


def _sum_orders(tiles: Array, places: Places, last: int, turn: Turn) -> Array:
    """Add what each block of orders contributes, shape (kind, epoch, place)."""

    def block(total: Array, part: tuple[Array, Array, Array]) -> tuple[Array, None]:
        order, factor, tiles = part
        sums = _sum_degrees(tiles, order, factor, places.sine, last, turn is _slopes)
        return total + turn(places, order[:ORDERS_PER_TILE], sums), None

    kinds = 2 if turn is _slopes else 1
    total = jnp.zeros((kinds, tiles.shape[-1], len(places.lon)), tiles.dtype)
    # A derivative takes the next order, so blocks overlap by one.
    return jax.lax.scan(block, total, (*blocks_of(last, extra=1), tiles))[0]


def _sum_degrees(
    tiles: Array, order: Array, factor: Array, sine: Array, last: int, slopes: bool
) -> Sums:
    """Sum over the degrees of a block; the second sum is empty if not asked for."""

    def full(carry, first: Array, coefficients: Array):
        state, sums = carry
        tile = Tile(order, factor, first)
        after, slab = next_tile(state, tile, sine)
        rows = jnp.stack(slab, axis=1).reshape(DEGREES, *state[0].shape)
        functions = [rows[:, :ORDERS_PER_TILE]]
        functions += [_derivative(state, tile, rows)] if slopes else []
        pairs = zip(sums, functions)
        added = (x + einsum("bmp,bmce->mcep", q, coefficients) for x, q in pairs)
        return after, tuple(added)

    # Going back, a tile is computed again rather than remembered.
    @functools.partial(jax.checkpoint, prevent_cse=False)
    def chunk(carry, part):
        first, coefficients = part
        skip = lambda carry, *_: carry
        held = order[0] + first <= last
        return jax.lax.cond(held, full, skip, carry, first, coefficients), None

    empty = jnp.zeros((ORDERS_PER_TILE, *tiles.shape[3:], len(sine)), tiles.dtype)
    carry = (first_state(len(order), sine), (empty,) * (2 if slopes else 1))
    return jax.lax.scan(chunk, carry, (firsts_of(last), tiles))[0][1]


def _values(places: Places, order: Array, sums: Sums) -> Array:
    power = cosine_power(order, places.cosine)
    turn = _trigonometry(order, places.lon) * power[None]
    return einsum("mcep,cmp->ep", sums[0], turn)[None]


def _slopes(places: Places, order: Array, sums: Sums) -> Array:
    value, derivative = sums
    cosine, sine = _trigonometry(order, places.lon)
    power = cosine_power(order, places.cosine) * places.cosine[None]
    # m u^(m-1): no division by u, which is 0 at a pole.
    lower = order[:, None] * cosine_power(jnp.maximum(order - 1, 0), places.cosine)
    along = jnp.stack([cosine, sine])
    east = einsum("mcep,cmp->ep", value, jnp.stack([-sine, cosine]) * lower[None])
    north = einsum("mcep,cmp->ep", derivative, along * power[None])
    lower = along * (lower * places.sine[None])[None]
    return jnp.stack([east, north - einsum("mcep,cmp->ep", value, lower)])


def _derivative(before: State, tile: Tile, rows: Array) -> Array:
    """dQ/dsin(lat), which is Q of the next order times a number."""
    order = tile.order[:ORDERS_PER_TILE]
    above = (tile.first + jnp.arange(DEGREES, dtype=order.dtype))[:, None]
    # The same degree stands one row lower where the order is one more.
    lower = jnp.concatenate([before[0][None], rows[:-1]])[:, 1:]
    zonal = jnp.where(order == 0, 0.5, 1)[None, :]
    ratio = jnp.sqrt(above * (2 * order[None, :] + above + 1) * zonal)
    return lower * ratio[:, :, None]


def _trigonometry(order: Array, lon: Array) -> Array:
    """cos(m lon) and sin(m lon), shape (2, order, place)."""
    angle = order[:, None] * (lon * DEGREE)[None, :]
    return jnp.stack([jnp.cos(angle), jnp.sin(angle)])


def _check_places(lon: Array, lat: Array) -> None:
    if lon.ndim != 1 or lon.shape != lat.shape or lon.size == 0:
        raise ValueError(
            f"lon has shape {lon.shape} and lat has shape {lat.shape}, expected one of "
            "each per place"
        )
    if not (is_concrete(lon) and is_concrete(lat)):
        return
    fine = np.asarray((jnp.abs(lat) <= 90) & (jnp.abs(lon) <= 720))
    if not fine.all():
        worst = int(np.flatnonzero(~fine)[0])
        raise ValueError(
            f"place {worst} has lon {lon[worst]:g} and lat {lat[worst]:g}, expected "
            "degrees, lat within 90; are they swapped?"
        )

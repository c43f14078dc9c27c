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
from jaxload.earth.associated_legendre import (
    DEGREES,
    ORDERS,
    State,
    Tile,
    advance,
    blocks_of,
    cosine_power,
    first_state,
    firsts_of,
)
from jaxload.earth.coefficients import (
    Harmonics,
    last_degree,
    stack_columns,
    to_tiles,
)

__all__ = ["gradient_at", "synthesise_at"]

#: Places at a time: a tile of their functions stays in cache.
TOGETHER = 512

einsum = functools.partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)


def synthesise_at(harmonics: Harmonics, lon: ArrayLike, lat: ArrayLike) -> Array:
    """Sum harmonics at scattered places.

    Functions of some orders and degrees are made at a time and multiplied with the
    coefficients of every epoch at once.

    Args:
      harmonics: Coefficients, shape (..., degree, order).
      lon: Longitudes [degrees], shape (place,).
      lat: Latitudes [degrees], shape (place,).

    Returns:
      The field, shape (..., place), in the unit of the coefficients.

    Raises:
      ValueError: If shapes or coordinates are none, or float64 is off.

    Example:
      >>> synthesise_at(water, lon=[-118.2], lat=[34.1])
    """
    return _sum_at(harmonics, lon, lat, _values)[0]


def gradient_at(
    harmonics: Harmonics, lon: ArrayLike, lat: ArrayLike
) -> tuple[Array, Array]:
    """Surface gradient of harmonics at scattered places on the unit sphere.

    At a pole the gradient is as well known as anywhere; east and north are there what
    they are just beside it on the meridian of the place.

    Args:
      harmonics: Coefficients, shape (..., degree, order).
      lon: Longitudes [degrees], shape (place,).
      lat: Latitudes [degrees], shape (place,).

    Returns:
      The components to the east and to the north, each of shape (..., place), in the
      unit of the coefficients per radian.

    Raises:
      ValueError: If shapes or coordinates are none, or float64 is off.

    Example:
      >>> east, north = gradient_at(potential, lon=[-118.2], lat=[34.1])

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


#: From places, the state before a tile, the tile and its Q of one order more than it
#: multiplies, shape (degree, order, place), to functions of shape (kind, 2, degree,
#: order, place).
Basis = Callable[[Places, State, Tile, Array], Array]


def _sum_at(harmonics: Harmonics, lon: ArrayLike, lat: ArrayLike, basis: Basis):
    """Sum every kind of function, shape (kind, ..., place)."""
    last_degree(harmonics)
    lon, lat = jnp.asarray(lon, jnp.float64), jnp.asarray(lat, jnp.float64)
    _check_places(lon, lat)
    lead = harmonics.cosine.shape[:-2]
    total = _in_parts(stack_columns(harmonics), lon, lat, basis)
    return total.reshape(len(total), *lead, len(lon))


@functools.partial(jax.jit, static_argnames="basis")
def _in_parts(coefficients: Array, lon: Array, lat: Array, basis: Basis) -> Array:
    """Sum for some places after others, shape (kind, epoch, place)."""
    parts = -(-len(lon) // TOGETHER)
    size = -(-len(lon) // parts)
    missing = parts * size - len(lon)
    # Counted from the pole, a cosine is exact beside it.
    cosine = jnp.sin((90 - jnp.abs(lat)) * DEGREE)
    places = Places(lon, jnp.sin(lat * DEGREE), cosine)
    split = [jnp.pad(x, (0, missing), mode="edge").reshape(parts, size) for x in places]
    tiles, last = to_tiles(coefficients), coefficients.shape[-1] - 1
    part = lambda places: _stream(tiles, Places(*places), last, basis)
    total = jax.lax.map(part, tuple(split))
    joined = jnp.moveaxis(total, 0, -2)
    return joined.reshape(*joined.shape[:-2], -1)[..., : len(lon)]


def _stream(tiles: Array, places: Places, last: int, basis: Basis) -> Array:
    """Add what each tile contributes, shape (kind, epoch, place)."""

    def full(carry, tile: Tile, coefficients: Array):
        state, total = carry
        after, slab = advance(state, tile, places.sine)
        rows = jnp.stack(slab, axis=1).reshape(DEGREES, *slab[0].shape[1:])
        functions = basis(places, state, tile, rows)
        return after, total + einsum("kcbmp,bmce->kep", functions, coefficients)

    # Going back, a tile is computed again rather than remembered.
    @functools.partial(jax.checkpoint, prevent_cse=False)
    def chunk(carry, part):
        order, factor, first, coefficients = part
        skip = lambda carry, *_: carry
        held, tile = order[0] + first <= last, Tile(order, factor, first)
        return jax.lax.cond(held, full, skip, carry, tile, coefficients), None

    def block(total: Array, part):
        order, factor, tiles = part
        chunks = len(tiles)
        each = [jnp.broadcast_to(x[None], (chunks, len(x))) for x in (order, factor)]
        carry = (first_state(len(order), places.sine), total)
        return jax.lax.scan(chunk, carry, (*each, firsts_of(last), tiles))[0][1], None

    kinds = 1 if basis is _values else 2
    total = jnp.zeros((kinds, tiles.shape[-1], len(places.lon)), tiles.dtype)
    # A derivative takes the next order, so blocks overlap by one.
    return jax.lax.scan(block, total, (*blocks_of(last, extra=1), tiles))[0]


def _values(places: Places, before: State, tile: Tile, slab: Array) -> Array:
    del before
    order = tile.order[:ORDERS]
    turn = _trigonometry(order, places.lon) * cosine_power(order, places.cosine)[None]
    return (slab[None, :, :ORDERS] * turn[:, None])[None]


def _slopes(places: Places, before: State, tile: Tile, slab: Array) -> Array:
    order = tile.order[:ORDERS]
    turn = _trigonometry(order, places.lon)
    cosine, sine = turn
    power = cosine_power(order, places.cosine)
    # m u^(m-1): no division by u, which is 0 at a pole.
    lower = order[:, None] * cosine_power(jnp.maximum(order - 1, 0), places.cosine)
    value = slab[:, :ORDERS]
    east = jnp.stack([-sine, cosine])[:, None] * (value * lower[None])[None]
    up = _next_order(before, tile, slab) * (power * places.cosine[None])[None]
    meridian = up - value * (lower * places.sine[None])[None]
    return jnp.stack([east, turn[:, None] * meridian[None]])


def _next_order(before: State, tile: Tile, slab: Array) -> Array:
    """dQ/dsin(lat), which is Q of the next order times a number."""
    order, rows = tile.order[:ORDERS], jnp.arange(DEGREES, dtype=slab.dtype)
    above = (tile.first + rows)[:, None]
    # The same degree stands one row lower where the order is one more.
    lower = jnp.concatenate([before[0][None], slab[:-1]])[:, 1:]
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

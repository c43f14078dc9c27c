"""Coefficients of spherical harmonics, and how they are sorted for a transform."""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from numpy.typing import ArrayLike

from jaxload.sphere.harmonics.legendre_functions import (
    DEGREES,
    ORDERS_PER_TILE,
    check_degree,
    chunk_count,
)

__all__ = [
    "Harmonics",
    "from_tiles",
    "last_degree",
    "pad_zeros",
    "scale_degrees",
    "stack_columns",
    "to_tiles",
]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Harmonics:
    """Coefficients of spherical harmonics, fully normalised, no Condon-Shortley phase.

    Attributes:
      cosine: Of cos(m lon), in the unit of the field, shape (..., degree, order); what
        stands above the diagonal, where order exceeds degree, is not looked at.
      sine: Of sin(m lon), same shape; the order 0 is not looked at.
    """

    cosine: Array
    sine: Array


def last_degree(harmonics: Harmonics) -> int:
    """Check coefficients and return their last degree.

    Args:
      harmonics: Coefficients, shape (..., degree, order).

    Raises:
      ValueError: If the shape is another or the degree cannot be reached.
    """
    shape, other = jnp.shape(harmonics.cosine), jnp.shape(harmonics.sine)
    if len(shape) < 2 or shape[-1] != shape[-2] or shape != other:
        raise ValueError(
            f"harmonics have cosine of shape {shape} and sine of shape {other}, "
            "expected the same (..., degree, order) with as many orders as degrees"
        )
    check_degree(shape[-1] - 1)
    return shape[-1] - 1


def stack_columns(harmonics: Harmonics) -> Array:
    """Lay all epochs side by side, shape (2, epoch, degree, order).

    Args:
      harmonics: Coefficients, shape (..., degree, order).
    """
    both = (harmonics.cosine, harmonics.sine)
    return jnp.stack(
        [jnp.asarray(x, jnp.float64).reshape(-1, *x.shape[-2:]) for x in both]
    )


def to_tiles(coefficients: Array) -> Array:
    """Sort coefficients into tiles, zeros where a tile reaches beyond the last degree.

    Args:
      coefficients: Of shape (..., degree, order), lower triangular or not.

    Returns:
      Shape (block, chunk, degree, order, ...), where degrees count from the order.
    """
    count = coefficients.shape[-1]
    blocks, chunks = chunk_count(count - 1)
    by_order = jnp.moveaxis(jnp.tril(coefficients), (-1, -2), (0, 1))
    lead = by_order.shape[2:]
    # One more column a row moves the diagonal to the first column. What moves in from
    # the next row stood above the diagonal there, so it is zero.
    flat = by_order.reshape(count * count, *lead)
    skewed = pad_zeros(flat, count).reshape(count, count + 1, *lead)[:, :count]
    padded = pad_zeros(skewed, blocks * ORDERS_PER_TILE - count)
    padded = pad_zeros(jnp.swapaxes(padded, 0, 1), chunks * DEGREES - count)
    tiles = padded.reshape(chunks, DEGREES, blocks, ORDERS_PER_TILE, *lead)
    return jnp.moveaxis(tiles, 2, 0)


def from_tiles(tiles: Array, max_degree: int) -> Array:
    """Undo `to_tiles`.

    Args:
      tiles: Shape (block, chunk, degree, order, ...).
      max_degree: The last degree.

    Returns:
      Shape (..., degree, order), zero above the diagonal.
    """
    count, lead = max_degree + 1, tiles.shape[4:]
    skewed = jnp.moveaxis(tiles, 0, 2)
    skewed = skewed.reshape(-1, tiles.shape[0] * ORDERS_PER_TILE, *lead)[:count, :count]
    wide = jnp.moveaxis(pad_zeros(skewed, 1), 0, 1)
    square = wide.reshape(count * (count + 1), *lead)[: count * count]
    by_order = square.reshape(count, count, *lead)
    return jnp.tril(jnp.moveaxis(by_order, (0, 1), (-1, -2)))


def pad_zeros(array: Array, count: int) -> Array:
    """Append zeros along the first axis.

    Args:
      array: Any array.
      count: How many.
    """
    return jnp.pad(array, ((0, count), *((0, 0),) * (array.ndim - 1)))


def scale_degrees(harmonics: Harmonics, factor: Array) -> Harmonics:
    """Multiply each degree by a number.

    Args:
      harmonics: Coefficients, shape (..., degree, order).
      factor: Shape (degree,).
    """

    def scaled(array: ArrayLike) -> Array:
        array = jnp.asarray(array, jnp.float64)
        lead = (1,) * (array.ndim - 2)
        return array * factor.reshape(*lead, -1, 1)

    return Harmonics(scaled(harmonics.cosine), scaled(harmonics.sine))

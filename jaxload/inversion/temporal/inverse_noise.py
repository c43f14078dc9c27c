"""The inverse of the noise covariance of what each epoch observes."""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.noise import Noise, common_rows

__all__ = ["NoiseWeight", "noise_weight", "null_space_normal", "weigh"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class NoiseWeight:
    """``R_oo^-1`` of every epoch as a diagonal and a term of rank one.

    ``R_oo^-1 = W - gain (W c)(W c)'`` with W the diagonal of each row's own weight and
    c the rows that share an offset.

    Attributes:
      diagonal: ``1 / sigma^2``, zero where nothing was observed, shape (epoch, row).
      common: ``diagonal`` at the rows that share the offset, shape (epoch, row), or
        None.
      gain: ``tau^2 / (1 + tau^2 c' W c)``, shape (epoch,), or None.
    """

    diagonal: Array
    common: Array | None = None
    gain: Array | None = None


def noise_weight(noise: Noise, seen: Array) -> NoiseWeight:
    """Invert the noise of rows that share nothing but an offset.

    Args:
      noise: Without correlation, scaled by beta or not.
      seen: Where there are observations, shape (epoch, row).

    Returns:
      The `NoiseWeight`.

    Source:
      Sherman & Morrison (1950), doi:10.1214/aoms/1177729893.
    """
    diagonal = jnp.where(seen, 1 / jnp.broadcast_to(noise.sigma, seen.shape) ** 2, 0)
    if noise.common is None:
        return NoiseWeight(diagonal)
    shared = diagonal * common_rows(noise)[None, :]
    size = einsum("er,r->e", shared, common_rows(noise))
    return NoiseWeight(diagonal, shared, noise.common / (1 + noise.common * size))


def weigh(weight: NoiseWeight, values: Array) -> Array:
    """Multiply every epoch's values by the inverse of its noise covariance.

    Args:
      weight: From `noise_weight`.
      values: Shape (epoch, row); what was not observed counts nothing.

    Returns:
      ``R_oo^-1 values``, zero where nothing was observed, shape (epoch, row).
    """
    independent = weight.diagonal * values
    if weight.common is None or weight.gain is None:
        return independent
    offset = weight.gain * jnp.sum(weight.common * values, axis=1)
    return independent - offset[:, None] * weight.common


def null_space_normal(weight: NoiseWeight, null_space_response: Array) -> Array:
    """Form ``F' R_oo^-1 F`` of each epoch.

    Args:
      weight: From `noise_weight`.
      null_space_response: Displacement F by the free fields, shape (row, null).

    Returns:
      The normal matrices, shape (epoch, null, null).
    """
    normal = einsum(
        "er,rk,rl->ekl", weight.diagonal, null_space_response, null_space_response
    )
    if weight.common is None or weight.gain is None:
        return normal
    shared = einsum("er,rk->ek", weight.common, null_space_response)
    return normal - einsum("e,ek,el->ekl", weight.gain, shared, shared)

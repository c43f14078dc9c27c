"""An approximate inverse of every epoch's system, for conjugate gradients."""

import dataclasses
from collections.abc import Callable

import jax.numpy as jnp
from jax import Array

from jaxload.inversion.linalg.spd import einsum, inverse
from jaxload.inversion.noise import Noise, is_shared, noise_covariance

__all__ = ["preconditioner", "typical_sigma"]

LinearMap = Callable[[Array], Array]


def preconditioner(gram: Array, noise: Noise, seen: Array) -> LinearMap:
    """An approximate inverse of every epoch's system, one matrix product for all.

    With s the standard errors of an epoch and t typical ones, ``(t / s) P (t / s)``,
    P the inverse of the system of all rows with t: exact where nothing is missing and
    s is t. On 17 years of daily heights of 332 stations, whose sigma changes by a tenth
    from day to day and by a factor of eight at worst, 37 iterations reach 1e-10; P by
    itself takes 48, the diagonal 136.

    Args:
      gram: Covariance of the predicted displacement, shape (row, row).
      noise: Of covariance ``beta^2 R``.
      seen: Where there are observations, shape (epoch, row).

    Returns:
      The map of arrays of shape (..., epoch, row).
    """
    common = None if noise.common is None else jnp.mean(noise.common)
    typical = noise.sigma if is_shared(noise) else typical_sigma(noise.sigma, seen)
    usual = dataclasses.replace(noise, sigma=typical, common=common)
    inverted = inverse(gram + noise_covariance(usual))
    sigma = jnp.broadcast_to(noise.sigma, seen.shape)
    scale = jnp.where(seen, typical[None, :] / sigma, 0)

    def apply(values: Array) -> Array:
        each = jnp.broadcast_to(scale, values.shape)
        return each * einsum("...er,rs->...es", each * values, inverted)

    return apply


def typical_sigma(sigma: Array, seen: Array) -> Array:
    """The harmonic mean of variances over the epochs that see a row, shape (row,)."""
    weight = jnp.sum(jnp.where(seen, sigma**-2, 0), axis=0)
    count = jnp.sum(seen, axis=0).astype(sigma.dtype)
    return jnp.where(count > 0, jnp.sqrt(count / jnp.where(count > 0, weight, 1)), 1)

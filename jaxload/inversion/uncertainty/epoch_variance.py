"""What the data take from the prior variance, with the noise of every epoch."""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxload._check import is_concrete
from jaxload.inversion.linalg.saddle_point import (
    determined,
    masked_inverse,
    saddle_inverse,
)
from jaxload.inversion.linalg.spd import einsum, inverse
from jaxload.inversion.missing.blocks import Blocks, find_blocks
from jaxload.inversion.noise import Noise, noise_covariance, scaled_noise
from jaxload.inversion.problem import Problem
from jaxload.inversion.uncertainty.functionals import Target
from jaxload.inversion.uncertainty.variance_reduction import (
    Contract,
    Start,
    record_reduction,
    start,
)

__all__ = [
    "each_epoch",
    "each_inverse",
    "fields",
    "layout",
    "noise_at",
    "one_inverse",
    "reduction_by_data",
    "shared_start",
]


@functools.partial(jax.jit, static_argnames="contract")
def reduction_by_data(
    target: Target,
    seen: Array,
    noise: Noise,
    beta: Array,
    blocks: Blocks | None,
    contract: Contract,
) -> Array:
    """What the data take at every epoch.

    Args:
      target: The functionals.
      seen: Where there are observations, shape (epoch, row).
      noise: Their noise, not scaled by beta.
      beta: Weight of the prior, scalar.
      blocks: Where one inverse serves all epochs; None for an inverse of each.
      contract: `diagonal` for variances, `outer` for covariances.

    Returns:
      Shape (epoch, functional) or (epoch, functional, functional).
    """
    if blocks is not None:
        shared = shared_start(target, seen, noise, beta, contract)
        return record_reduction(shared, blocks, contract)
    covariance = fields(target)

    def one(whole: Array, _: Array) -> Array:
        return contract(einsum("rs,sf->rf", whole, covariance), covariance)

    return each_inverse(target.problem, seen, noise, beta, one)


def each_inverse(
    problem: Problem,
    seen: Array,
    noise: Noise,
    beta: Array,
    function: Callable[[Array, Array], Array],
) -> Array:
    """Do something with the saddle inverse of every epoch.

    Args:
      problem: Design matrix and prior.
      seen: Where there are observations, shape (epoch, row).
      noise: Their noise, not scaled by beta.
      beta: Weight of the prior, scalar.
      function: Of the inverse, shape (row + drift, row + drift), zero where a row is
        missing, and of ``beta^2 R``, shape (row, row).

    Returns:
      Its results, one for each epoch; NaN where the rows leave the free fields
      undetermined.
    """
    noise = scaled_noise(noise, beta, seen)

    def one(epoch: tuple[Array, Array | None, Array, Array]) -> Array:
        sigma, common, seen, known = epoch
        here = dataclasses.replace(noise, sigma=sigma, common=common)
        covariance = noise_covariance(here)
        whole = masked_inverse(problem.gram + covariance, problem.drift, seen)
        return jnp.where(known, function(whole, covariance), jnp.nan)

    known = determined(problem.drift, seen)
    parts = (*each_epoch(noise, seen), seen, known)
    return jax.lax.map(jax.checkpoint(one), parts)


@functools.partial(jax.jit, static_argnames="contract")
def shared_start(
    target: Target, seen: Array, noise: Noise, beta: Array, contract: Contract
) -> Start:
    """What all blocks of epochs start from, where one inverse serves them.

    Args:
      target: The functionals.
      seen: Where there are observations, shape (epoch, row).
      noise: With `one_inverse`.
      beta: Weight of the prior, scalar.
      contract: As in `reduction_by_data`.

    Returns:
      The `Start`.
    """
    problem = target.problem
    matrix = problem.gram + noise_covariance(scaled_noise(noise, beta, seen))
    whole = saddle_inverse(inverse(matrix), problem.drift)
    return start(whole, fields(target), contract)


def fields(target: Target) -> Array:
    """Covariance with the rows and amounts of the free fields.

    Args:
      target: The functionals.

    Returns:
      Shape (row + drift, functional).
    """
    return jnp.concatenate([target.cross, target.free], axis=1).T


def one_inverse(noise: Noise) -> bool:
    """Whether the noise is the same at all epochs.

    Args:
      noise: From `as_noise`.
    """
    return noise.sigma.ndim == 1 and (noise.common is None or noise.common.ndim == 0)


def each_epoch(noise: Noise, seen: Array) -> tuple[Array, Array | None]:
    """What of the noise may differ between epochs.

    Args:
      noise: Any.
      seen: Where there are observations, shape (epoch, row).

    Returns:
      Standard errors, shape (epoch, row), and variance of the common offset, shape
      (epoch,), or None.
    """
    common = noise.common
    if common is not None:
        common = jnp.broadcast_to(common, seen.shape[:1])
    return jnp.broadcast_to(noise.sigma, seen.shape), common


def noise_at(noise: Noise, epochs: slice) -> Noise:
    """The noise of some epochs.

    Args:
      noise: From `as_noise`.
      epochs: Which.

    Returns:
      Their `Noise`.
    """
    sigma = noise.sigma[epochs] if noise.sigma.ndim == 2 else noise.sigma
    common = noise.common
    if common is not None and common.ndim:
        common = common[epochs]
    return dataclasses.replace(noise, sigma=sigma, common=common)


def layout(displacement: Array, noise: Noise, blocks: Blocks | None) -> Blocks | None:
    """The blocks, where one inverse serves all epochs and they can be known.

    Args:
      displacement: Observations, shape (epoch, row).
      noise: Their noise.
      blocks: What the caller gave.

    Returns:
      The `Blocks` or None.

    Raises:
      ValueError: If `blocks` are of another record.
    """
    if not one_inverse(noise):
        return None
    if blocks is None:
        return find_blocks(displacement) if is_concrete(displacement) else None
    same = blocks.shape == displacement.shape
    if same and is_concrete(displacement) and is_concrete(blocks.missing):
        missing = displacement.size - np.isfinite(np.asarray(displacement)).sum()
        same = missing == blocks.missing
    if not same:
        raise ValueError(
            f"blocks were found in another record, of shape {blocks.shape}, than "
            f"displacement, of shape {displacement.shape}; call find_blocks again"
        )
    return blocks

"""Loads drawn from the posterior, gaps and all."""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxload.inversion.estimation.factor import Factor, factor_of
from jaxload.inversion.estimation.least_squares import solve
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.noise import Noise, as_noise, common_rows
from jaxload.inversion.prior.smoothness import Prior, prior_samples
from jaxload.inversion.problem import Solution

__all__ = ["Sampling", "noise_samples", "posterior_samples"]


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How many draws, and from which seed.

    Attributes:
      count: Draws at each epoch, positive.
      seed: From which they come; the same one gives the same draws.
    """

    count: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"count is {self.count}, expected one sample or more")


def posterior_samples(
    solution: Factor | Solution, prior: Prior, sampling: Sampling
) -> Array:
    """Draw loads from the posterior at every epoch.

    Perturb and solve: with u a draw from the prior and e one of the noise,
    ``x + u - solve(G u + e)`` is a draw from the posterior about its mean x, exactly
    and without a factor of any matrix of the cells. With them any function of the load
    gets its error, such as the extent of a drought.

    Not for: `jit`, since draws from the prior are made on the host.

    Args:
      solution: From `solve` or `factorise`.
      prior: The prior that the problem was made with.
      sampling: How many.

    Returns:
      Loads [mm], shape (epoch, count, cell), independent in epoch and count; NaN where
      `solve` gives NaN.

    Raises:
      ValueError: If a solution holds no factor.

    Source:
      Papandreou & Yuille (2010), Gaussian sampling by local perturbations, NIPS 23;
      Orieux, Feron & Giovannelli (2012), doi:10.1109/LSP.2012.2189104.
    """
    factor = factor_of(solution)
    problem, data, beta = factor.problem, factor.data, factor.beta
    centre = solution.load if isinstance(solution, Solution) else _mean(factor)
    draws = []
    for key in jax.random.split(jax.random.key(sampling.seed), sampling.count):
        of_prior, of_noise = jax.random.split(key)
        load = prior_samples(prior, of_prior, len(data.values))
        load = load.astype(data.values.dtype) / beta
        made = einsum("ec,rc->er", load, problem.design)
        made = made + noise_samples(data.noise, of_noise, data.values.shape)
        made = jnp.where(jnp.isfinite(data.values), made, jnp.nan)
        drawn = dataclasses.replace(data, values=made)
        draws.append(centre + load - solve(problem, drawn, beta).load)
    return jnp.stack(draws, axis=1)


def _mean(factor: Factor) -> Array:
    load = solve(factor.problem, factor.data, factor.beta).load
    return load if factor.mean is None else load + factor.mean.load


def noise_samples(
    sigma: ArrayLike | Noise, key: Array, shape: tuple[int, ...]
) -> Array:
    """Draw what the observations miss the truth by.

    Args:
      sigma: As in `solve`.
      key: A `jax.random.key`.
      shape: Epochs and rows.

    Returns:
      Noise [mm], shape (epoch, row).
    """
    dtype = jnp.result_type(sigma.sigma if isinstance(sigma, Noise) else sigma)
    noise = as_noise(sigma, dtype)
    of_rows, of_epochs = jax.random.split(key)
    white = jax.random.normal(of_rows, shape, dtype)
    if noise.correlation is not None:
        factor = jnp.linalg.cholesky(noise.correlation)
        white = einsum("er,sr->es", white, factor)
    independent = jnp.broadcast_to(noise.sigma, shape) * white
    if noise.patterns is not None:
        of_patterns = jax.random.fold_in(of_epochs, 1)
        size = shape[0], noise.patterns.shape[1]
        amounts = jax.random.normal(of_patterns, size, dtype)
        independent += einsum("ep,rp->er", amounts, noise.patterns)
    if noise.common is None:
        return independent
    offset = jnp.sqrt(noise.common) * jax.random.normal(of_epochs, shape[:1], dtype)
    return independent + offset[:, None] * common_rows(noise)[None, :]

"""Loads drawn from the posterior, gaps and all."""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxload.inversion.estimation.least_squares import solve
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.missing.patterns import find_gaps
from jaxload.inversion.noise import Noise, as_noise, common_rows
from jaxload.inversion.prior.smoothness import Prior, prior_samples
from jaxload.inversion.problem import Problem

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
    problem: Problem,
    prior: Prior,
    displacement: ArrayLike,
    sigma: ArrayLike | Noise,
    beta: ArrayLike,
    sampling: Sampling,
) -> Array:
    """Draw loads that the data and the prior allow, at every epoch.

    Perturb and solve: with u a draw from the prior and e one of the noise,
    ``x + u - solve(G u + e)`` is a draw from the posterior about its mean x, exactly
    and without a factor of any matrix of the cells. With them any function of the load
    gets its error, such as the extent of a drought.

    For a prior mean m, pass ``displacement - m @ design.T`` and add m.

    Not for: `jit`, since draws from the prior are made on the host.

    Args:
      problem: From `prior_problem`.
      prior: The prior that it was made with.
      displacement: Observed uplift [mm], shape (epoch, row); NaN if missing.
      sigma: As in `solve`.
      beta: Weight of the prior, scalar, positive.
      sampling: How many.

    Returns:
      Loads [mm], shape (epoch, count, cell), independent in epoch and count; NaN where
      `solve` gives NaN.

    Raises:
      ValueError: As `solve`.

    Source:
      Papandreou & Yuille (2010), Gaussian sampling by local perturbations, NIPS 23;
      Orieux, Feron & Giovannelli (2012), doi:10.1109/LSP.2012.2189104.
    """
    displacement = jnp.asarray(displacement, problem.design.dtype)
    noise = as_noise(sigma, displacement.dtype)
    gaps = find_gaps(displacement) if noise.sigma.ndim == 1 else None
    centre = solve(problem, displacement, noise, beta, gaps=gaps).load
    draws = []
    for key in jax.random.split(jax.random.key(sampling.seed), sampling.count):
        of_prior, of_noise = jax.random.split(key)
        load = prior_samples(prior, of_prior, len(displacement)) / jnp.asarray(beta)
        load = load.astype(displacement.dtype)
        made = einsum("ec,rc->er", load, problem.design)
        made = made + noise_samples(noise, of_noise, displacement.shape)
        made = jnp.where(jnp.isfinite(displacement), made, jnp.nan)
        draws.append(centre + load - solve(problem, made, noise, beta, gaps=gaps).load)
    return jnp.stack(draws, axis=1)


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
    own = jnp.broadcast_to(noise.sigma, shape) * white
    if noise.common is None:
        return own
    offset = jnp.sqrt(noise.common) * jax.random.normal(of_epochs, shape[:1], dtype)
    return own + offset[:, None] * common_rows(noise)[None, :]

"""A record correlated in time whose rows share noise: correlations, common offsets.

Noise that rows share has no weight of each observation. The system is solved in data
space, where a product with the covariance of every epoch is all that is asked for.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

from jaxload.inversion.linalg.pcg import (
    ConjugateGradient,
    LinearMap,
    conjugate_gradient,
)
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.noise import Noise, noise_covariance, noise_times
from jaxload.inversion.problem import Problem
from jaxload.inversion.temporal.markov import (
    TemporalPrior,
    smooth_chain,
    smoother,
    time_covariance,
)

__all__ = ["shared_noise_solve", "typical_noise"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class _Modes:
    """Turns a record without gaps into independent series with unit noise.

    Attributes:
      weight: Inverse of the noise with the free fields taken out, shape (row, row).
      vector: From data to series, shape (row, series).
      variance: Of the signal of each series, shape (series,).
    """

    weight: Array
    vector: Array
    variance: Array


def _modes(problem: Problem, noise: Noise) -> _Modes:
    """Diagonalise signal and noise together; Golub & Van Loan (2013), section 8.7.2."""
    root = jnp.linalg.cholesky(noise_covariance(noise))
    eye = jnp.eye(len(root), dtype=root.dtype)
    white = jax.scipy.linalg.solve_triangular(root, eye, lower=True)
    if problem.null_space_response.shape[1]:
        level = jnp.linalg.qr(einsum("rs,sk->rk", white, problem.null_space_response))[
            0
        ]
        white = white - einsum("rk,sk,st->rt", level, level, white)
    signal = einsum("rs,st,ut->ru", white, problem.gram, white)
    variance, vector = jnp.linalg.eigh((signal + signal.T) / 2)
    return _Modes(
        einsum("rs,rt->st", white, white),
        einsum("rs,rk->sk", white, vector),
        jnp.maximum(variance, 0),
    )


def typical_noise(noise: Noise, seen: Array) -> Noise:
    """Find one noise for all epochs: a row's sigma is that of its mean weight.

    Args:
      noise: Any, from `as_noise`.
      seen: Where there are observations, shape (epoch, row).

    Returns:
      The `Noise` of one epoch; sigma is one at rows that never observe.
    """
    sigma = jnp.broadcast_to(noise.sigma, seen.shape)
    count = jnp.sum(seen, axis=0).astype(sigma.dtype)
    weight = jnp.sum(jnp.where(seen, sigma**-2, 0), axis=0)
    some = count > 0
    usual = jnp.sqrt(jnp.where(some, count, 1) / jnp.where(some, weight, 1))
    common = None if noise.common is None else jnp.mean(noise.common)
    return dataclasses.replace(noise, sigma=usual, common=common)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class _System:
    """What the iteration multiplies by; `normal` is of `null_space_normal_inverse`."""

    problem: Problem
    temporal_prior: TemporalPrior
    noise: Noise
    seen: Array
    normal: Array


def shared_noise_solve(
    problem: Problem,
    temporal_prior: TemporalPrior,
    noise: Noise,
    normal: Array,
    right: tuple[Array, Array, Array],
    iterations: int,
) -> Array:
    """Solve ``A_oo a + F_o w = d_o`` with ``F_o' a = b``, whatever noise rows share.

    By conjugate gradients on the multipliers that F does not see. With s the standard
    errors of an epoch and t typical ones, the inverse is near ``(t / s) P (t / s)``,
    P that of the record without gaps and with typical noise. P is exact: a smoother of
    each mode of signal and noise.

    Args:
      problem: The spatial part.
      temporal_prior: The temporal part.
      noise: Of covariance ``beta^2 R``.
      normal: Inverse of ``F_o' F_o``, zero where singular, shape (epoch, null, null).
      right: Where there are observations, d, both of shape (epoch, row), and b, shape
        (epoch, null).
      iterations: Most of them.

    Returns:
      a and w beside each other, shape (epoch, row + null); NaN where the iteration did
      not converge.
    """
    seen, data, constraint = right
    system = _System(problem, temporal_prior, noise, seen, normal)
    start = _along(system, constraint)
    rest = _allowed(system, data - _times(system, start))
    flattened = lambda values: values.reshape(seen.shape)
    flat = lambda function: lambda values: function(flattened(values)).reshape(-1)
    solution, ok = conjugate_gradient(
        flat(lambda values: _allowed(system, _times(system, values))),
        flat(_nearly(system)),
        rest.reshape(-1),
        ConjugateGradient(iterations=iterations),
    )
    multiplier = start + flattened(jnp.where(ok, solution, jnp.nan))
    left = data - _times(system, multiplier)
    amount = _amount(system, left)
    return jnp.concatenate([multiplier, amount], axis=1)


def _times(system: _System, values: Array) -> Array:
    carried = time_covariance(system.temporal_prior, values)
    signal = einsum("er,rs->es", carried, system.problem.gram)
    return jnp.where(system.seen, signal + noise_times(system.noise, values), 0)


def _amount(system: _System, values: Array) -> Array:
    """By least squares, the amounts of the free fields in what was observed."""
    inside = jnp.where(system.seen, values, 0)
    return einsum(
        "ekl,rl,er->ek", system.normal, system.problem.null_space_response, inside
    )


def _along(system: _System, amount: Array) -> Array:
    """The least multiplier a with ``F_o' a`` as given."""
    fields = einsum(
        "ekl,rl,ek->er", system.normal, system.problem.null_space_response, amount
    )
    return jnp.where(system.seen, fields, 0)


def _allowed(system: _System, values: Array) -> Array:
    """What is left of values without the free fields."""
    if system.problem.null_space_response.shape[1] == 0:
        return values
    fields = einsum(
        "ek,rk->er", _amount(system, values), system.problem.null_space_response
    )
    return values - jnp.where(system.seen, fields, 0)


def _nearly(system: _System) -> LinearMap:
    usual = typical_noise(system.noise, system.seen)
    modes = _modes(system.problem, usual)
    series = smoother(system.temporal_prior, modes.variance)
    sigma = jnp.broadcast_to(system.noise.sigma, system.seen.shape)
    scale = jnp.where(system.seen, usual.sigma[None, :] / sigma, 0)

    def whole(values: Array) -> Array:
        signal = smooth_chain(series, einsum("er,rk->ek", values, modes.vector))
        direct = einsum("er,rs->es", values, modes.weight)
        return direct - einsum("ek,rk->er", signal, modes.vector)

    return lambda values: _allowed(system, scale * whole(scale * values))

"""The data-space system of a whole record whose epochs are correlated.

Its matrix is ``A = T x gram + beta^2 R``, observations by observations. Were every
row's weight constant in time, the eigenvectors of the weighted gram matrix would turn
the record into independent series, each a Markov chain in noise that a smoother solves
in one pass. Gaps and daily weights are the departure from that; conjugate gradients
take them in. They iterate on the displacement, not on the multipliers: what an
observation that is absent adds to the condition number is the variance of its
prediction from the others over its noise, not the variance of the prior over that.
"""

import dataclasses
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from jaxload.inversion.linalg.spd import einsum, inverse
from jaxload.inversion.noise import (
    Noise,
    common_rows,
    is_uncorrelated,
    noise_covariance,
    noise_times,
)
from jaxload.inversion.problem import Problem
from jaxload.inversion.temporal.correlated_noise import (
    shared_noise_solve,
    typical_noise,
)
from jaxload.inversion.temporal.inverse_noise import NoiseWeight, noise_weight, weigh
from jaxload.inversion.temporal.markov import (
    Smoother,
    TemporalPrior,
    smooth_chain,
    smoother,
    time_covariance,
)

__all__ = ["null_space_normal_inverse", "solve_space_time"]

#: Iterations of conjugate gradients. Stations that came late ask for fifty, whatever
#: the common mode; correlated noise, whose iteration is another one, for thousands.
MOST_ITERATIONS = 10_000


def null_space_normal_inverse(normal: Array) -> Array:
    """Invert the normal matrix of the free fields of each epoch.

    Args:
      normal: ``F' W F`` with the weights W of an epoch, shape (epoch, null, null).

    Returns:
      The inverses, NaN where an epoch does not determine those fields, shape (epoch,
      null, null).
    """
    if normal.shape[1] == 0:
        return normal
    rounding = 1e2 * jnp.finfo(normal.dtype).eps
    size = jnp.trace(normal, axis1=1, axis2=2)[:, None, None]
    eye = jnp.eye(normal.shape[1], dtype=normal.dtype)[None]
    certain = jnp.isfinite(inverse(normal - rounding * size * eye)).all(axis=(1, 2))
    certain = certain & (size[:, 0, 0] > 0)
    safe = jnp.where(certain[:, None, None], normal, eye)
    return jnp.where(certain[:, None, None], inverse(safe), jnp.nan)


def solve_space_time(
    problem: Problem,
    temporal_prior: TemporalPrior,
    noise: Noise,
    normal: Array,
    displacement: Array,
) -> tuple[Array, Array]:
    """Multipliers and amounts of the free fields, as a differentiable function.

    Solves ``A_oo a + F_o w = d_o`` with ``F_o' a = 0``. Derivatives follow from this
    system alone, whatever way it is solved.

    Args:
      problem: The spatial part.
      temporal_prior: The temporal part.
      noise: Of covariance ``beta^2 R``.
      normal: From `null_space_normal_inverse`.
      displacement: Observations, NaN where missing, shape (epoch, row).

    Returns:
      a, zero where nothing was observed, shape (epoch, row), and w, shape (epoch,
      null); NaN if the iteration does not converge.

    Source:
      Rauch, Tung & Striebel (1965), doi:10.2514/3.3166, in the modes of the spatial
      covariance; conjugate gradients: Hestenes & Stiefel (1952),
      doi:10.6028/jres.049.044.
    """
    rows, seen = displacement.shape[1], jnp.isfinite(displacement)
    known = jnp.isfinite(normal).all(axis=(1, 2))[:, None]

    def system(unknown: Array) -> Array:
        multiplier, amount = unknown[:, :rows], unknown[:, rows:]
        inside = jnp.where(seen, multiplier, 0)
        signal = einsum(
            "er,rs->es", time_covariance(temporal_prior, inside), problem.gram
        )
        signal = signal + einsum("ek,rk->er", amount, problem.null_space_response)
        of_noise = noise_times(noise, inside)
        constraint = einsum("er,rk->ek", inside, problem.null_space_response)
        return _beside(
            jnp.where(seen, signal + of_noise, multiplier),
            jnp.where(known, constraint, amount),
        )

    solved = _way(
        *jax.lax.stop_gradient((problem, temporal_prior, noise, normal, seen))
    )
    data = jnp.where(seen, displacement, 0)
    right = jnp.pad(data, ((0, 0), (0, problem.null_space_response.shape[1])))
    unknown = jax.lax.custom_linear_solve(
        system, right, lambda _, b: solved(b), symmetric=True
    )
    return unknown[:, :rows], unknown[:, rows:]


def _way(
    problem: Problem,
    temporal_prior: TemporalPrior,
    noise: Noise,
    normal: Array,
    seen: Array,
) -> Callable[[Array], Array]:
    """How to solve the saddle-point system: by weights, or where rows correlate."""
    if is_uncorrelated(noise):
        solver = _prepare(problem, temporal_prior, noise, normal, seen)
        return lambda right: _solved(solver, right)
    rows, finite = seen.shape[1], jnp.where(jnp.isfinite(normal), normal, 0)

    def solved(right: Array) -> Array:
        data = jnp.where(seen, right[:, :rows], 0)
        parts = (seen, data, right[:, rows:])
        solution = shared_noise_solve(
            problem, temporal_prior, noise, finite, parts, MOST_ITERATIONS
        )
        return _beside(
            jnp.where(seen, solution[:, :rows], right[:, :rows]), solution[:, rows:]
        )

    return solved


def _beside(multiplier: Array, amount: Array) -> Array:
    return jnp.concatenate([multiplier, amount], axis=1)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class _Solver:
    """What the iteration needs beside noise that is the same at all epochs.

    With ``R_0 = V V'`` the covariance of that noise, its series are ``V^-1 d`` turned
    into the eigenvectors of ``V^-1 gram V^-T``.

    Attributes:
      problem: The spatial part.
      temporal_prior: The temporal part.
      weight: ``R_oo^-1`` of every epoch.
      constant: That of the same noise at all epochs and rows, for one epoch.
      modes: V times the eigenvectors, shape (row, series).
      level: V times the displacement by the free fields, made orthonormal in units of
        noise, shape (row, null).
      series: How each is smoothed.
      normal: Inverse of ``F' W F``, zero where singular, shape (epoch, null, null).
    """

    problem: Problem
    temporal_prior: TemporalPrior
    weight: NoiseWeight
    constant: NoiseWeight
    modes: Array
    level: Array
    series: Smoother
    normal: Array


def _prepare(
    problem: Problem,
    temporal_prior: TemporalPrior,
    noise: Noise,
    normal: Array,
    seen: Array,
) -> _Solver:
    """Diagonalise signal and noise together; Golub & Van Loan (2013), section 8.7.2."""
    used = seen.any(axis=0)
    shared = jnp.where(used, common_rows(noise), 0)
    usual = dataclasses.replace(typical_noise(noise, seen), common_rows=shared)
    root = jnp.linalg.cholesky(noise_covariance(usual))
    white = partial(jax.scipy.linalg.solve_triangular, root, lower=True)
    # A row that never observes has no part in any series.
    gram = jnp.where(used[:, None] & used[None, :], problem.gram, 0)
    level = white(jnp.where(used[:, None], problem.null_space_response, 0))
    level = jnp.linalg.qr(level)[0] if level.shape[1] else level
    whitened = _without(level, _without(level, white(white(gram).T)).T)
    variance, modes = jnp.linalg.eigh((whitened + whitened.T) / 2)
    back = lambda series: jnp.where(used[:, None], root @ series, 0)
    return _Solver(
        problem,
        temporal_prior,
        noise_weight(noise, seen),
        noise_weight(usual, used[None, :]),
        back(modes),
        back(level),
        smoother(temporal_prior, jnp.maximum(variance, 0)),
        jnp.where(jnp.isfinite(normal), normal, 0),
    )


def _without(level: Array, values: Array) -> Array:
    if level.shape[1] == 0:
        return values
    return values - einsum("rk,sk,st->rt", level, level, values)


def _solved(solver: _Solver, right: Array) -> Array:
    """Solve the saddle-point system for any right-hand side."""
    weight, null_space_response = solver.weight, solver.problem.null_space_response
    seen, rows = weight.diagonal > 0, weight.diagonal.shape[1]
    data, start = jnp.where(seen, right[:, :rows], 0), jnp.zeros_like(weight.diagonal)
    if null_space_response.shape[1]:
        # Any multiplier with the wanted constraint; the rest is solved for without one.
        amount = einsum("ekl,el->ek", solver.normal, right[:, rows:])
        push = einsum("ek,rk->er", amount, null_space_response)
        start = weigh(weight, push)
        data = jnp.where(seen, data - _signal(solver, start) - push, 0)
    multiplier = weigh(weight, data - _fitted(solver, data))
    rest = weigh(weight, data - _signal(solver, multiplier))
    amount = einsum("ekl,rl,er->ek", solver.normal, null_space_response, rest)
    # An unobserved row stands alone in the system: its solution is the right-hand side.
    return _beside(jnp.where(seen, start + multiplier, right[:, :rows]), amount)


def _signal(solver: _Solver, multiplier: Array) -> Array:
    carried = time_covariance(solver.temporal_prior, multiplier)
    return einsum("er,rs->es", carried, solver.problem.gram)


def _fitted(solver: _Solver, data: Array) -> Array:
    """The displacement y that solves ``(K^-1 + W) y = W d``, K = T x gram + free.

    By conjugate gradients with H = (K^-1 + W_0)^-1 as preconditioner, W_0 the constant
    weights. ``K^-1 p`` is never formed: with ``u = H^-1 p`` carried along,
    ``(K^-1 + W) p = u + (W - W_0) p``.
    """
    extra = lambda p: weigh(solver.weight, p) - weigh(solver.constant, p)
    right = weigh(solver.weight, data)
    # Of the squared energy: 2e-12 in float64, 6e-6 in float32 of the energy itself.
    tolerance = jnp.finfo(data.dtype).eps ** 1.5
    dot = lambda a, b: jnp.sum(a * b)
    image = _smoothed(solver, right)
    first = dot(right, image)

    def unfinished(state: tuple) -> Array:
        *_, size, count = state
        return (size > tolerance * first) & (count < MOST_ITERATIONS)

    def step(state: tuple) -> tuple:
        fitted, rest, direction, pull, size, count = state
        change = pull + extra(direction)
        length = size / dot(direction, change)
        fitted, rest = fitted + length * direction, rest - length * change
        image = _smoothed(solver, rest)
        new = dot(rest, image)
        turn = new / size
        return (
            fitted,
            rest,
            image + turn * direction,
            rest + turn * pull,
            new,
            count + 1,
        )

    state = (jnp.zeros_like(data), right, image, right, first, 0)
    fitted, *_, size, _ = jax.lax.while_loop(unfinished, step, state)
    return jnp.where(size <= tolerance * first, fitted, jnp.nan)


def _smoothed(solver: _Solver, values: Array) -> Array:
    """``(K^-1 + W_0)^-1 values``: exact, series by series."""
    series = smooth_chain(solver.series, einsum("er,rk->ek", values, solver.modes))
    back = einsum("ek,rk->er", series, solver.modes)
    if solver.level.shape[1]:
        level = einsum("er,rk->ek", values, solver.level)
        back = back + einsum("ek,rk->er", level, solver.level)
    return back

"""The load of a whole record at once, with a memory from epoch to epoch.

The prior covariance of the load is T x C, an epoch matrix by a cell matrix, and that of
the displacement T x G C G'. Were every station's weight constant in time, the
eigenvectors of its spatial part would turn the record into independent series, each a
Markov chain in noise that a Kalman smoother solves in one pass. Gaps and daily weights
are the departure from that; conjugate gradients take them in.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import check_shapes, is_concrete
from jaxload.inversion.definite import einsum, inverse
from jaxload.inversion.least_squares import (
    Problem,
    Solution,
    _checked as check_arguments,
)
from jaxload.inversion.memory import (
    Memory,
    Smoother,
    smooth,
    smoother,
    time_covariance,
)
from jaxload.inversion.noise import Noise

__all__ = ["hold_out", "solve_in_time", "temporal_residual"]

#: Iterations of conjugate gradients; a few dozen do even where half the data are gaps.
MOST_ITERATIONS = 500


def solve_in_time(
    problem: Problem,
    displacement: ArrayLike,
    sigma: ArrayLike | Noise,
    beta: ArrayLike,
    memory: Memory,
    *,
    mean: ArrayLike | None = None,
) -> Solution:
    """Estimate the load of all epochs together, each helped by those around it.

    Minimises ``|(G x - d) / sigma|^2 + beta^2 (x - m)' (T x C)^-1 (x - m)`` over the
    whole record, with T the covariance of the epochs under `memory`. Where the epochs
    share no memory this is `solve`. Fields that the prior leaves free are free at every
    epoch anew. Differentiable in every array, to any order.

    Args:
      problem: Design matrix and prior.
      displacement: Observed uplift d [mm], shape (epoch, row); NaN if missing.
      sigma: Standard error [mm], positive, shape (row,) or (epoch, row), or a `Noise`
        without correlation between rows.
      beta: Weight of the prior [1/mm per unit of L], scalar, positive.
      memory: From `autoregression` or `random_walk`.
      mean: Prior mean m of the load [mm], shape (epoch, cell); zero if not given.

    Returns:
      The `Solution`. An epoch without data is filled from its neighbours, unless the
      prior leaves fields free. `ok` is False, and values are NaN, where those are
      undetermined and, everywhere, should the iteration not converge.

    Raises:
      ValueError: If shapes disagree, sigma or beta are not positive, or the noise of
        rows is correlated.

    Example:
      >>> memory = autoregression(gnss.time.values, time_scale=60.0)
      >>> water = solve_in_time(problem, up, sigma, beta, memory)

    Source:
      Rauch, Tung & Striebel (1965), doi:10.2514/3.3166, in the modes of the spatial
      covariance; conjugate gradients: Hestenes & Stiefel (1952),
      doi:10.6028/jres.049.044.
    """
    _check_independent(sigma)
    displacement, noise, beta = check_arguments(problem, displacement, sigma, beta)
    _check_memory(displacement, memory)
    expected = None
    if mean is not None:
        mean = jnp.asarray(mean, problem.design.dtype)
        check_shapes(
            displacement=(displacement, "epoch row"),
            mean=(mean, "epoch cell"),
            design=(problem.design, "row cell"),
        )
        expected = einsum("ec,rc->er", mean, problem.design)
        displacement = displacement - expected
    solution = _solve(problem, displacement, noise.sigma, beta, _cast(memory, problem))
    if mean is None:
        return solution
    return dataclasses.replace(
        solution, load=mean + solution.load, fitted=expected + solution.fitted
    )


def _check_memory(displacement: Array, memory: Memory) -> None:
    check_shapes(
        displacement=(displacement, "epoch row"),
        keep=(memory.keep, "epoch"),
        fresh=(memory.fresh, "epoch"),
    )


def _check_independent(sigma: ArrayLike | Noise) -> None:
    if not isinstance(sigma, Noise):
        return
    common = sigma.common
    common = common is not None and not (is_concrete(common) and not np.any(common))
    if sigma.correlation is not None or common:
        raise ValueError(
            "the noise has a correlation or a common offset, which solve_in_time does "
            "not take; give standard errors alone, and take a common offset out before"
        )


def _cast(memory: Memory, problem: Problem) -> Memory:
    return jax.tree.map(lambda x: jnp.asarray(x, problem.design.dtype), memory)


@jax.jit
def _solve(
    problem: Problem, displacement: Array, sigma: Array, beta: Array, memory: Memory
) -> Solution:
    seen = jnp.isfinite(displacement)
    data = jnp.where(seen, displacement, 0)
    weight = _weight(seen, sigma, beta)
    normal = _drift_inverse(problem.drift, weight)
    multiplier, amount = _saddle(problem, memory, weight, normal, data)
    carried = time_covariance(memory, multiplier)
    load = einsum("er,cr->ec", carried, problem.cross)
    fitted = einsum("er,rs->es", carried, problem.gram)
    load = load + einsum("ek,ck->ec", amount, problem.free)
    fitted = fitted + einsum("ek,rk->er", amount, problem.drift)
    ok = jnp.isfinite(load).all(axis=1) & jnp.isfinite(normal).all(axis=(1, 2))
    load, fitted = (jnp.where(ok[:, None], x, jnp.nan) for x in (load, fitted))
    return Solution(load, fitted, ok, jnp.zeros_like(load[:, 0]))


def _weight(seen: Array, sigma: Array, beta: Array) -> Array:
    """``1 / (beta sigma)^2``, zero where nothing was observed, shape (epoch, row)."""
    sigma = jnp.broadcast_to(jnp.atleast_2d(sigma), seen.shape)
    return jnp.where(seen, 1 / (beta * jnp.where(seen, sigma, 1)) ** 2, 0)


def _drift_inverse(drift: Array, weight: Array) -> Array:
    """Inverse of ``F' W F`` of each epoch, NaN if singular, (epoch, drift, drift)."""
    if drift.shape[1] == 0:
        return jnp.zeros((len(weight), 0, 0), drift.dtype)
    normal = einsum("er,rk,rl->ekl", weight, drift, drift)
    rounding = 1e2 * jnp.finfo(drift.dtype).eps
    size = jnp.trace(normal, axis1=1, axis2=2)[:, None, None]
    eye = jnp.eye(drift.shape[1], dtype=drift.dtype)[None]
    certain = jnp.isfinite(inverse(normal - rounding * size * eye)).all(axis=(1, 2))
    certain = certain & (size[:, 0, 0] > 0)
    safe = jnp.where(certain[:, None, None], normal, eye)
    return jnp.where(certain[:, None, None], inverse(safe), jnp.nan)


def _saddle(
    problem: Problem, memory: Memory, weight: Array, normal: Array, data: Array
) -> tuple[Array, Array]:
    """Multipliers and amounts of the free fields, as a differentiable function.

    Solves ``A_oo a + F_o w = d_o`` with ``F_o' a = 0``. Derivatives follow from this
    system alone, whatever way it is solved.
    """
    rows = data.shape[1]
    seen = weight > 0
    known = jnp.isfinite(normal).all(axis=(1, 2))[:, None]

    def system(unknown: Array) -> Array:
        multiplier, amount = unknown[:, :rows], unknown[:, rows:]
        inside = jnp.where(seen, multiplier, 0)
        signal = einsum("er,rs->es", time_covariance(memory, inside), problem.gram)
        signal = signal + einsum("ek,rk->er", amount, problem.drift)
        noise = inside / jnp.where(seen, weight, 1)
        constraint = einsum("er,rk->ek", inside, problem.drift)
        return _beside(
            jnp.where(seen, signal + noise, multiplier),
            jnp.where(known, constraint, amount),
        )

    solver = _prepare(*jax.lax.stop_gradient((problem, memory, weight, normal)))
    right = jnp.pad(data, ((0, 0), (0, problem.drift.shape[1])))
    unknown = jax.lax.custom_linear_solve(
        system, right, lambda _, b: _solved(solver, b), symmetric=True
    )
    return unknown[:, :rows], unknown[:, rows:]


def _beside(multiplier: Array, amount: Array) -> Array:
    return jnp.concatenate([multiplier, amount], axis=1)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class _Solver:
    """What the iteration needs, for weights that are constant in time.

    Attributes:
      problem: The spatial part.
      memory: The temporal part.
      weight: Of every observation, shape (epoch, row).
      constant: Its mean over the epochs, shape (row,).
      modes: From weighted rows to independent series, shape (row, series).
      level: Weighted displacement by the free fields, orthonormal, shape (row, drift).
      series: How each is smoothed.
      normal: Inverse of ``F' W F``, zero where singular, shape (epoch, drift, drift).
    """

    problem: Problem
    memory: Memory
    weight: Array
    constant: Array
    modes: Array
    level: Array
    series: Smoother
    normal: Array


def _prepare(problem: Problem, memory: Memory, weight: Array, normal: Array) -> _Solver:
    mean = weight.mean(axis=0)
    used = mean > 0
    root = jnp.sqrt(mean)
    level = root[:, None] * problem.drift
    level = jnp.linalg.qr(level)[0] if level.shape[1] else level
    whitened = root[:, None] * problem.gram * root[None, :]
    whitened = _without(level, _without(level, whitened).T)
    variance, modes = jnp.linalg.eigh((whitened + whitened.T) / 2)
    return _Solver(
        problem,
        memory,
        weight,
        jnp.where(used, mean, 1),
        jnp.where(used[:, None], modes, 0),
        level,
        smoother(memory, jnp.maximum(variance, 0)),
        jnp.where(jnp.isfinite(normal), normal, 0),
    )


def _without(level: Array, values: Array) -> Array:
    if level.shape[1] == 0:
        return values
    return values - einsum("rk,sk,st->rt", level, level, values)


def _solved(solver: _Solver, right: Array) -> Array:
    """Solve the saddle-point system for any right-hand side."""
    weight, drift = solver.weight, solver.problem.drift
    seen, rows = weight > 0, weight.shape[1]
    data, start = jnp.where(seen, right[:, :rows], 0), jnp.zeros_like(weight)
    if drift.shape[1]:
        # Any multiplier with the wanted constraint; the rest is solved for without one.
        amount = einsum("ekl,el->ek", solver.normal, right[:, rows:])
        push = einsum("ek,rk->er", amount, drift)
        start = weight * push
        data = jnp.where(seen, data - _signal(solver, start) - push, 0)
    multiplier = weight * (data - _fitted(solver, data))
    rest = weight * (data - _signal(solver, multiplier))
    amount = einsum("ekl,rl,er->ek", solver.normal, drift, rest)
    # An unobserved row stands alone in the system: its solution is the right-hand side.
    return _beside(jnp.where(seen, start + multiplier, right[:, :rows]), amount)


def _signal(solver: _Solver, multiplier: Array) -> Array:
    carried = time_covariance(solver.memory, multiplier)
    return einsum("er,rs->es", carried, solver.problem.gram)


def _fitted(solver: _Solver, data: Array) -> Array:
    """The displacement y that solves ``(K^-1 + W) y = W d``, K = T x gram + free.

    By conjugate gradients with H = (K^-1 + W_0)^-1 as preconditioner, W_0 the constant
    weights. ``K^-1 p`` is never formed: with ``u = H^-1 p`` carried along,
    ``(K^-1 + W) p = u + (W - W_0) p``.
    """
    extra = solver.weight - solver.constant[None, :]
    right = solver.weight * data
    tolerance = (1e3 * jnp.finfo(data.dtype).eps) ** 2
    dot = lambda a, b: jnp.sum(a * b)
    image = _smoothed(solver, right)
    first = dot(right, image)

    def unfinished(state: tuple) -> Array:
        *_, size, count = state
        return (size > tolerance * first) & (count < MOST_ITERATIONS)

    def step(state: tuple) -> tuple:
        fitted, rest, direction, pull, size, count = state
        change = pull + extra * direction
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
    root = jnp.sqrt(solver.constant)[None, :]
    weighted = values / root
    series = smooth(solver.series, einsum("er,rk->ek", weighted, solver.modes))
    back = einsum("ek,rk->er", series, solver.modes)
    if solver.level.shape[1]:
        level = einsum("er,rk->ek", weighted, solver.level)
        back = back + einsum("ek,rk->er", level, solver.level)
    return back / root


def temporal_residual(
    problem: Problem,
    displacement: ArrayLike,
    sigma: ArrayLike | Noise,
    beta: ArrayLike,
    memory: Memory,
    hidden: ArrayLike,
) -> Array:
    """Observations minus their prediction from those that are not hidden.

    In time the error of leaving out a single observation says little, for the day
    before tells of it: hide what the estimate is to be judged on, such as stretches of
    a station. Differentiable in `memory` and `beta`, to choose them by.

    Args:
      problem: Design matrix and prior.
      displacement: Observed uplift [mm], shape (epoch, row); NaN if missing.
      sigma: As in `solve_in_time`.
      beta: Weight of the prior, scalar, positive.
      memory: From `autoregression` or `random_walk`.
      hidden: True where an observation is not used, shape (epoch, row).

    Returns:
      Residual [mm], shape (epoch, row); NaN where nothing is hidden or observed.

    Raises:
      ValueError: As `solve_in_time`.
    """
    displacement = jnp.asarray(displacement, problem.design.dtype)
    hidden = jnp.asarray(hidden, bool)
    check_shapes(displacement=(displacement, "epoch row"), hidden=(hidden, "epoch row"))
    used = jnp.where(hidden, jnp.nan, displacement)
    solution = solve_in_time(problem, used, sigma, beta, memory)
    return jnp.where(hidden, displacement - solution.fitted, jnp.nan)


def hold_out(
    displacement: ArrayLike, key: Array, share: float = 0.1, stretch: int = 30
) -> Array:
    """Choose observations to hide: stretches of single stations, at random.

    Args:
      displacement: Observed uplift, shape (epoch, row); NaN if missing.
      key: A `jax.random.key`.
      share: About which share to hide, above 0 and below 1.
      stretch: Epochs in a stretch, so that neighbours in time do not give it away.

    Returns:
      True where an observation is hidden, shape (epoch, row).

    Raises:
      ValueError: If the share or the stretch is out of range.
    """
    if not (0 < share < 1 and stretch >= 1):
        raise ValueError(
            f"share is {share:g} and stretch {stretch}, expected a share between 0 and "
            "1 and a stretch of 1 or more epochs"
        )
    seen = jnp.isfinite(jnp.asarray(displacement))
    epochs, rows = seen.shape
    count = -(-epochs // stretch)
    chosen = jax.random.uniform(key, (count, rows)) < share
    return jnp.repeat(chosen, stretch, axis=0)[:epochs] & seen

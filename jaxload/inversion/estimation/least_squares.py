"""Solve the regularised least-squares problem of every epoch at once."""

import dataclasses
import functools
import warnings

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import is_concrete
from jaxload.inversion.binding import Observations, about_mean
from jaxload.inversion.estimation.cost_model import Method
from jaxload.inversion.estimation.factor import Factor, factorise
from jaxload.inversion.estimation.implicit import System, system_multiplier
from jaxload.inversion.estimation.method import planned
from jaxload.inversion.estimation.normal_equations import primal_load
from jaxload.inversion.estimation.representers import RepresenterSolution, Term
from jaxload.inversion.linalg.spd import determined_inverse, einsum
from jaxload.inversion.noise import Noise, common_estimate, noise_times, scaled_noise
from jaxload.inversion.problem import Problem, Solution
from jaxload.inversion.sharding import by_shards, gather_epochs

__all__ = [
    "Problem",
    "Solution",
    "coefficients_of",
    "load_of",
    "solve",
    "solve_representers",
]

#: Share of sigma that rounding may move a result by before a warning is given.
TOLERABLE = 0.01


def solve(
    problem: Problem,
    data: Observations,
    beta: ArrayLike,
    *,
    mean: ArrayLike | None = None,
    method: Method | None = None,
) -> Solution:
    """Estimate the load of every epoch by regularised least squares.

    Minimises ``(G x - d)' R^-1 (G x - d) + beta^2 |L (x - m)|^2`` over the rows that an
    epoch observes, with R the covariance of the noise: ``diag(sigma^2)``, or what a
    `Noise` says. In data space, ``x = m + C G' (G C G' + beta^2 R)^-1 (d - G m)``, the
    cost of an epoch does not depend on the number of cells but for the last product.

    The methods find the same:
      * ``"shared"``: sigma constant in time. One inverse serves all epochs, and each
        pays for its gap only.
      * ``"epoch"``: each epoch has its own inverse.
      * ``"conjugate_gradient"``, or a `ConjugateGradient`: all epochs iterate together,
        in large matrix products.
      * ``"primal"``: the normal equations of all cells, where these are fewer than rows
        or `with_normal_matrix` was asked for.
      * ``"refined"``, or a `Refinement`: the first two in float32, their residuals in
        the dtype of the problem.

    Derivatives with respect to all arrays follow from the system, not from the way it
    was solved, and take little more memory than the solution itself.

    Args:
      problem: Design matrix and prior, from `smooth_problem`.
      data: From `observations`.
      beta: Weight of the prior [1/mm per unit of L], scalar, positive.
      mean: Prior mean m of the load [mm], shape (epoch, cell); zero if not given.
      method: As above; the one of least cost by `method.costs` if not given.

    Returns:
      The `Solution`. An epoch without data gives the prior mean. Where a system is not
      positive definite, does not determine the fields that the prior leaves free, or
      has not converged, or a mean under `jit` is not finite, `ok` is False and the
      values are NaN. A `RuntimeWarning` is given where the rounding of float32 moves a
      result by more than 1% of sigma.

    Raises:
      ValueError: If shapes disagree, beta is not positive, the mean is not finite, or
        the method cannot be used.

    Source:
      Tarantola (2005), Inverse Problem Theory, ch. 3, doi:10.1137/1.9780898717921;
      Argus et al. (2014), doi:10.1002/2014GL059570, for the smoothed GNSS inversion.
    """
    factor = factorise(problem, data, beta, mean=mean)
    method, system = _planned(factor, method)
    if method == "primal":
        solution, left = _by_normal_equations(problem, system.data, system.beta)
    else:
        factor, solved = _solved(factor, system, method)
        solution = load_of(problem, system.data, system.beta, solved)
        left = _left(system, solution.fitted, solved[0])
    _warn_of_rounding(left, solution.ok, system.data)
    if factor.mean is not None:
        solution = about_mean(solution, factor.mean)
    return dataclasses.replace(solution, factor=factor)


def solve_representers(
    problem: Problem,
    data: Observations,
    beta: ArrayLike,
    *,
    method: Method | None = None,
) -> RepresenterSolution:
    """Estimate the load of every epoch, as `solve`, and keep it as coefficients.

    For records whose load of all epochs and cells is larger than memory: `load_at`
    gives that of some epochs.

    Not for: derivatives, or use under `jit`. Of sharded observations the coefficients
    are collected on the host.

    Args:
      problem: As of `solve`.
      data: Likewise.
      beta: Likewise.
      method: Likewise.

    Returns:
      The `RepresenterSolution`.

    Raises:
      ValueError: As `solve`.

    Source:
      Bennett (1992), Inverse Methods in Physical Oceanography, ch. 5,
      doi:10.1017/CBO9780511600807.
    """
    factor = factorise(problem, data, beta)
    method, system = _planned(factor, method)
    if method == "primal":
        cells, left = _by_normal_equations(problem, system.data, system.beta)
        rest = cells.fitted, cells.ok, cells.common
        parts = ((None, cells.load),)
    else:
        factor, solved = _solved(factor, system, method)
        coefficients, amounts, rest = coefficients_of(
            problem, system.data, system.beta, solved
        )
        parts = (problem.cross, coefficients), (problem.null_space, amounts)
        left = _left(system, rest[0], solved[0])
    # Before epochs that fill up devices are left out.
    _warn_of_rounding(left, rest[1], system.data)
    return _represented(parts, rest, factor)


def _represented(
    parts: tuple[tuple[Array | None, Array], ...],
    rest: tuple[Array, Array, Array],
    factor: Factor,
) -> RepresenterSolution:
    """Fields with coefficients, fit, ok and offset, NaN where they are not ok."""
    fitted, ok, common = rest
    known = lambda values: jnp.where(ok[:, None], values, jnp.nan)
    terms = tuple(Term(known(x), fields) for fields, x in parts if x.shape[1])
    common = jnp.where(ok, common, jnp.nan)
    if factor.data.sharding is not None:
        collect = lambda values: gather_epochs(values, factor.data)
        terms = tuple(Term(collect(x.coefficients), x.representers) for x in terms)
        fitted, ok, common = collect((known(fitted), ok, common))
        return RepresenterSolution(terms, fitted, ok, common, factor)
    return RepresenterSolution(terms, known(fitted), ok, common, factor)


def _planned(factor: Factor, method: Method | None) -> tuple[Method, Factor]:
    """The method, and the factor with a pattern of gaps only if that is used."""
    method, shared = planned(factor.problem, factor.data, method)
    if shared:
        return method, factor
    data = dataclasses.replace(factor.data, pattern=None, fits=None)
    return method, dataclasses.replace(factor, data=data)


def _solved(
    factor: Factor, system: Factor, method: Method
) -> tuple[Factor, tuple[Array, Array]]:
    """Multipliers and which epochs have them; the factor that keeps what it solved."""
    if isinstance(method, str) and all(map(is_concrete, _arrays(system))):
        # The program that criteria run too, whose result they share.
        multiplier = system.solved.multiplier
        ok = jnp.ones(len(multiplier), bool)
        return factor.with_solution(system.solved), (multiplier, ok)
    return factor, _implicit(factor.problem, system.data, system.beta, method)


def _left(system: Factor, fitted: Array, multiplier: Array) -> Array:
    """What rounding may have left [mm]; any values where none is looked for."""
    if system.data.values.dtype != jnp.float32:
        return multiplier
    return _unexplained(fitted, system.data, system.beta, multiplier)


def _arrays(factor: Factor) -> list[Array]:
    return jax.tree.leaves((factor.problem, factor.data, factor.beta))


@functools.partial(jax.jit, static_argnames="method")
def _implicit(
    problem: Problem, data: Observations, beta: Array, method: Method
) -> tuple[Array, Array]:
    def multiplier(
        data: Observations, _: tuple, alike: tuple[Problem, Array]
    ) -> tuple[Array, Array]:
        problem, beta = alike
        seen = data.seen
        noise = scaled_noise(data.noise, beta, seen)
        system = System(problem, noise, seen, data.used, data.pattern)
        right = jnp.where(seen, data.values, 0)
        multiplier, ok = system_multiplier(system, right, method)
        return multiplier, ok if data.fits is None else ok & data.fits

    return by_shards(multiplier, data, alike=(problem, beta))


@jax.jit
def load_of(
    problem: Problem,
    data: Observations,
    beta: Array,
    solved: tuple[Array, Array],
) -> Solution:
    """Compute the load from solved data-space systems.

    Args:
      problem: Of its arrays only the rows of `cross` and `null_space` have to do with
        cells; others, such as sums over them, give the same sums of the load.
      data: From `bind`.
      beta: Weight of the prior, scalar.
      solved: Multiplier, shape (epoch, row), and whether it is one, shape (epoch,).

    Returns:
      The `Solution`, without its factor.
    """
    return by_shards(_own_primal, data, solved, (problem, beta))


def _own_primal(
    data: Observations, solved: tuple[Array, Array], alike: tuple[Problem, Array]
) -> Solution:
    problem = alike[0]
    coefficients, amounts, rest = _own_coefficients(data, solved, alike)
    fitted, ok, common = rest
    load = einsum("es,cs->ec", coefficients, problem.cross)
    if problem.null_space_response.shape[1]:
        load = load + einsum("ek,ck->ec", amounts, problem.null_space)
    return _flagged(load, fitted, common, ok)


@jax.jit
def coefficients_of(
    problem: Problem,
    data: Observations,
    beta: Array,
    solved: tuple[Array, Array],
) -> tuple[Array, Array, tuple[Array, Array, Array]]:
    """Compute the load as coefficients from solved data-space systems.

    Args:
      problem: Design matrix and prior.
      data: From `bind`.
      beta: Weight of the prior, scalar.
      solved: Multiplier, shape (epoch, row), and whether it is one, shape (epoch,).

    Returns:
      Coefficients of ``C G'``, shape (epoch, row), and of free fields, shape (epoch,
      null); their displacement [mm], shape (epoch, row), whether an epoch was solved
      and its common offset [mm], shape (epoch,).
    """
    return by_shards(_own_coefficients, data, solved, (problem, beta))


def _own_coefficients(
    data: Observations, solved: tuple[Array, Array], alike: tuple[Problem, Array]
) -> tuple[Array, Array, tuple[Array, Array, Array]]:
    """Coefficients of ``C G'`` and of free fields; what they fit, and which are ok."""
    (multiplier, ok), (problem, beta) = solved, alike
    # Looked for here, since the load is many times larger.
    ok = ok & jnp.isfinite(multiplier).all(axis=-1)
    fitted = einsum("es,st->et", multiplier, problem.gram)
    noise = scaled_noise(data.noise, beta, data.seen)
    common = common_estimate(noise, multiplier)
    amounts = jnp.zeros((len(multiplier), 0), multiplier.dtype)
    if problem.null_space_response.shape[1]:
        rest = data.values - fitted - noise_times(noise, multiplier)
        amounts, known = _null_space_amounts(
            problem.null_space_response, jnp.where(data.seen, rest, jnp.nan)
        )
        fitted = fitted + einsum("ek,sk->es", amounts, problem.null_space_response)
        ok = ok & known
    return multiplier, amounts, (fitted, ok, common)


def _flagged(load: Array, fitted: Array, common: Array, ok: Array) -> Solution:
    return Solution(
        jnp.where(ok[:, None], load, jnp.nan),
        jnp.where(ok[:, None], fitted, jnp.nan),
        ok,
        jnp.where(ok, common, jnp.nan),
    )


def _null_space_amounts(null_space_response: Array, rest: Array) -> tuple[Array, Array]:
    """Amounts of the free fields that reproduce `rest`, and whether they are known."""
    seen = jnp.isfinite(rest)
    rest = jnp.where(seen, rest, 0)
    normal = einsum(
        "es,sk,sl->ekl",
        seen.astype(null_space_response.dtype),
        null_space_response,
        null_space_response,
    )
    inverted, known = determined_inverse(normal)
    return einsum("ekl,es,sl->ek", inverted, rest, null_space_response), known


@jax.jit
def _by_normal_equations(
    problem: Problem, data: Observations, beta: Array
) -> tuple[Solution, Array]:
    return by_shards(_normal_equations, data, alike=(problem, beta))


def _normal_equations(
    data: Observations, _: tuple, alike: tuple[Problem, Array]
) -> tuple[Solution, Array]:
    problem, beta = alike
    residual = data.counted
    noise = scaled_noise(data.noise, beta, data.seen)
    known = jnp.ones(len(residual), bool)
    if problem.null_space_response.shape[1]:
        known = _null_space_amounts(problem.null_space_response, residual)[1]
    prior = (jnp.asarray(problem.normal), problem.null_space)
    load, multiplier, left = primal_load(
        problem.design, prior, noise, (residual, known)
    )
    fitted = einsum("ec,rc->er", load, problem.design)
    common = common_estimate(noise, multiplier)
    ok = known & jnp.isfinite(load).all(axis=-1)
    return _flagged(load, fitted, common, ok), left


def _warn_of_rounding(left: Array, ok: Array, data: Observations) -> None:
    """Warn where a result is that of data moved by more than a share of sigma."""
    if data.values.dtype != jnp.float32:
        return
    most = _largest_share(left, ok, data.values, data.noise)
    if is_concrete(most) and float(most) > TOLERABLE:
        warnings.warn(
            f"float32 rounding moves the result as an error of {float(most):.2g} sigma "
            "in the data would; use float64 or a larger beta",
            RuntimeWarning,
            stacklevel=3,
        )


@jax.jit
def _largest_share(left: Array, ok: Array, residual: Array, noise: Noise) -> Array:
    share = jnp.abs(left) / jnp.broadcast_to(noise.sigma, left.shape)
    used = jnp.isfinite(residual) & ok[:, None]
    return jnp.max(jnp.where(used, share, 0), initial=0)


@jax.jit
def _unexplained(
    fitted: Array, data: Observations, beta: Array, multiplier: Array
) -> Array:
    """What the data-space equations are short of, [mm]."""

    def left(data: Observations, solved: tuple[Array, Array], beta: Array) -> Array:
        fitted, multiplier = solved
        scaled = scaled_noise(data.noise, beta, data.seen)
        return data.values - fitted - noise_times(scaled, multiplier)

    return by_shards(left, data, (fitted, multiplier), beta)

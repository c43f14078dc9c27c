"""Weights that keep outliers and poor stations from deciding."""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import check_shapes, is_concrete
from jaxload.inversion.binding import Observations, bind, prior_mean
from jaxload.inversion.estimation.cost_model import Method
from jaxload.inversion.estimation.factor import factorise
from jaxload.inversion.estimation.least_squares import solve, solve_representers
from jaxload.inversion.estimation.representers import RepresenterSolution
from jaxload.inversion.noise import Noise
from jaxload.inversion.problem import Problem, Solution
from jaxload.inversion.sharding import gather_epochs

__all__ = [
    "Huber",
    "Reweighted",
    "StudentT",
    "loss_weight",
    "reweight",
    "reweight_representers",
    "station_weights",
    "weighted_sigma",
    "weights_from_residuals",
]


@dataclasses.dataclass(frozen=True)
class Huber:
    """Squares of small residuals, absolute values of large ones.

    Attributes:
      threshold: Where large begins [sigma]; 1.345 keeps 95% of the efficiency of least
        squares where there are no outliers.
      tolerance: Weights have converged when none changes by more.
      iterations: Most solutions.
      method: As in `solve`.
    """

    threshold: float = 1.345
    tolerance: float = 1e-4
    iterations: int = 50
    method: Method | None = None

    def __post_init__(self) -> None:
        _check_settings("threshold", self.threshold, self)


@dataclasses.dataclass(frozen=True)
class StudentT:
    """The logarithm of Student's distribution: far outliers count for nothing.

    Its sum may have several minima; the one reached from equal weights is taken.

    Attributes:
      freedom: Degrees of freedom; fewer have longer tails.
      tolerance: Weights have converged when none changes by more.
      iterations: Most solutions.
      method: As in `solve`.
    """

    freedom: float = 4.0
    tolerance: float = 1e-4
    iterations: int = 50
    method: Method | None = None

    def __post_init__(self) -> None:
        _check_settings("freedom", self.freedom, self)


Loss = Huber | StudentT


def _check_settings(name: str, value: float, loss: Loss) -> None:
    for what, number in ((name, value), ("tolerance", loss.tolerance)):
        if not 0 < number < float("inf"):
            raise ValueError(f"{what} is {number:g}, expected a positive number")
    if loss.iterations < 1:
        raise ValueError(f"iterations is {loss.iterations}, expected 1 or more")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Reweighted:
    """A robust solution and what it made of the observations.

    Attributes:
      solution: With ``sigma / sqrt(weights)`` in the place of sigma; also not `ok`
        where the weights of the epoch have not converged.
      weights: Of each observation, shape (epoch, row); 0 where there is none.
      iterations: Number of solutions it took, scalar.
    """

    solution: Solution
    weights: Array
    iterations: Array


def loss_weight(loss: Loss, residual: ArrayLike) -> Array:
    """The weight of an observation under a loss.

    With rho the loss, ``rho'(u) / u``: for `Huber` ``min(1, k / |u|)``, for `StudentT`
    ``(nu + 1) / (nu + u^2)``.

    Args:
      loss: Which.
      residual: u, in units of sigma, any shape.

    Returns:
      The weight, same shape.

    Source:
      Huber (1964), doi:10.1214/aoms/1177703732; Lange, Little & Taylor (1989),
      doi:10.1080/01621459.1989.10478852.
    """
    residual = jnp.asarray(residual)
    if isinstance(loss, Huber):
        # Above the threshold only, or the derivative at zero is that of 1 / 0.
        size = jnp.maximum(jnp.abs(residual), loss.threshold)
        return loss.threshold / size
    return (loss.freedom + 1) / (loss.freedom + residual**2)


def reweight(
    problem: Problem,
    data: Observations,
    beta: ArrayLike,
    loss: Loss,
    *,
    mean: ArrayLike | None = None,
) -> Reweighted:
    """Estimate the load of every epoch with outliers held down.

    Minimises ``2 sum rho((G x + c - d) / sigma) + beta^2 |L (x - m)|^2 + c^2 / tau^2``
    by iteratively reweighted least squares, all epochs at once; c is the common offset,
    where the noise has one. Where it has correlations, each row's sigma is raised by
    its weight and the correlation stays.

    Where sigma is constant in time, the first solution takes one inverse for all
    epochs; the weights of the later ones differ from epoch to epoch. Derivatives take
    the weights as the fixed point that they are, not as constants.

    Args:
      problem: Design matrix and prior.
      data: From `observations`.
      beta: Weight of the prior, scalar.
      loss: `Huber` or `StudentT`, with their settings.
      mean: Prior mean of the load [mm], shape (epoch, cell); zero if not given.

    Returns:
      The `Reweighted`. Its solution holds the factor of the last weights.

    Raises:
      ValueError: As `solve`.

    Source:
      Holland & Welsch (1977), doi:10.1080/03610927708827533.
    """
    data, beta = bind(problem, data, beta)
    _check_patterns(data.noise)
    if mean is not None:
        mean = jnp.asarray(mean, problem.design.dtype)
        prior_mean(problem, data, mean)
    reweighted = _reweighted(problem, data, beta, mean, loss)
    weighted = _weighted(data, reweighted.weights)
    factor = factorise(problem, weighted, beta, mean=mean)
    solution = dataclasses.replace(reweighted.solution, factor=factor)
    return dataclasses.replace(reweighted, solution=solution)


def reweight_representers(
    problem: Problem, data: Observations, beta: ArrayLike, loss: Loss
) -> tuple[RepresenterSolution, Array]:
    """Reweight robustly as `reweight`, and keep the load as coefficients.

    Args:
      problem: As of `reweight`.
      data: Likewise.
      beta: Likewise.
      loss: Likewise.

    Returns:
      The `RepresenterSolution`, and the weights, shape (epoch, row).

    Raises:
      ValueError: As `solve`.
    """
    data, beta = bind(problem, data, beta)
    _check_patterns(data.noise)
    weights, converged = _weights(problem, data, beta, loss)
    weighted = _weighted(data, weights)
    solution = solve_representers(problem, weighted, beta, method=loss.method)
    if data.sharding is not None:
        converged, weights = gather_epochs((converged, weights), data)
    ok = jnp.asarray(solution.ok) & converged
    return dataclasses.replace(solution, ok=ok), weights


@functools.partial(jax.jit, static_argnames="loss")
def _weights(
    problem: Problem, data: Observations, beta: Array, loss: Loss
) -> tuple[Array, Array]:
    """Only what weights need is computed, which leaves the load out."""
    reweighted, converged = _iterated(problem, data, beta, None, loss)
    return reweighted.weights, converged


def _check_patterns(noise: Noise) -> None:
    if noise.patterns is not None:
        raise ValueError(
            "robust weights are not computed for noise with patterns that rows share; "
            "leave Noise.patterns out, or solve without a loss"
        )


def _weighted(data: Observations, weights: Array) -> Observations:
    noise = _lowered(data, weights)
    return dataclasses.replace(data, noise=noise, pattern=None, fits=None)


def _lowered(data: Observations, weights: Array) -> Noise:
    """The noise with standard errors raised by the weights, shape (epoch, row)."""
    sigma = jnp.where(data.seen, jnp.broadcast_to(data.noise.sigma, weights.shape), 1)
    sigma = sigma / jnp.sqrt(jnp.where(data.seen, weights, 1))
    return dataclasses.replace(data.noise, sigma=sigma)


@functools.partial(jax.jit, static_argnames="loss")
def _reweighted(
    problem: Problem,
    data: Observations,
    beta: Array,
    mean: Array | None,
    loss: Loss,
) -> Reweighted:
    reweighted, converged = _iterated(problem, data, beta, mean, loss)
    return dataclasses.replace(
        reweighted, solution=_flagged(reweighted.solution, converged)
    )


def _iterated(
    problem: Problem,
    data: Observations,
    beta: Array,
    mean: Array | None,
    loss: Loss,
) -> tuple[Reweighted, Array]:
    """The solution by the last weights, and which epochs' weights have converged."""
    seen = data.seen
    each = jnp.where(seen, jnp.broadcast_to(data.noise.sigma, seen.shape), 1)

    def solved(weights: Array) -> Solution:
        lowered = _weighted(data, weights)
        return solve(problem, lowered, beta, mean=mean, method=loss.method)

    def update(weights: Array) -> Array:
        return weighed(solved(weights))

    def weighed(solution: Solution) -> Array:
        left = data.values - solution.fitted - solution.common[:, None]
        # Epochs that cannot be solved keep the weights they began with.
        known = seen & solution.ok[:, None]
        weight = loss_weight(loss, jnp.where(known, left, 0) / each)
        return jnp.where(known, weight, seen.astype(each.dtype))

    start, begun = seen.astype(each.dtype), 0
    if data.pattern is not None:
        # All weights are one yet: the noise is still the same at all epochs.
        first = solve(problem, data, beta, mean=mean)
        start, begun = jax.lax.stop_gradient(weighed(first)), 1
    most = loss.iterations - begun
    weights, count = _fixed_point(update, start, loss.tolerance, most)
    change = jnp.abs(update(weights) - weights).max(axis=1, initial=0)
    # The last step met the tolerance; what is left now holds the solver's rounding too.
    reweighted = Reweighted(solved(weights), weights, begun + count.astype(int))
    return reweighted, change <= 10 * loss.tolerance


def _flagged(solution: Solution, converged: Array) -> Solution:
    return dataclasses.replace(solution, ok=solution.ok & converged)


def _fixed_point(
    update: Callable[[Array], Array], start: Array, tolerance: float, iterations: int
) -> tuple[Array, Array]:
    """Where an update changes nothing, differentiated by the implicit function theorem.

    Once converged the update contracts, so that its own repetition solves the linear
    system of the derivative.
    """

    def repeat(
        change: Callable[[Array], Array], start: Array, size: ArrayLike
    ) -> tuple[Array, Array]:
        def going(state: tuple[Array, Array, Array]) -> Array:
            _, step, count = state
            return (step > size) & (count < iterations)

        def once(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            values, _, count = state
            step = change(values)
            return values + step, jnp.abs(step).max(), count + 1

        far = jnp.asarray(jnp.inf, start.dtype)
        # custom_root asks for a count that could have a derivative.
        state = jax.lax.while_loop(going, once, (start, far, jnp.zeros_like(far)))
        return state[0], state[2]

    def linear(change: Callable[[Array], Array], right: Array) -> Array:
        # With J the derivative of the update, change(z) is J z - z.
        size = tolerance * jnp.abs(right).max(initial=0)
        return repeat(lambda values: change(values) - right, -right, size)[0]

    return jax.lax.custom_root(
        lambda values: update(values) - values,
        start,
        lambda change, start: repeat(change, start, tolerance),
        lambda change, right: jax.lax.custom_linear_solve(
            change, right, linear, transpose_solve=linear
        ),
        has_aux=True,
    )


def station_weights(rms: ArrayLike, typical: ArrayLike | None = None) -> Array:
    """Weights of stations: one, but less for those whose rms is above the typical.

    ``min(1, (typical / rms)^2)``, which amounts to raising their sigma to their rms.

    Args:
      rms: Root mean square of a station's residuals or series [mm], positive, shape
        (row,); NaN where unknown, for a weight of one.
      typical: What a good station has [mm], scalar; the median if not given.

    Returns:
      The weights, shape (row,).

    Raises:
      ValueError: If an rms is not positive.

    Source:
      The rule that weights start at one and fall with the rms of low-quality stations,
      without a formula: groundwater from CORS heights (2022), doi:10.3390/rs14164032.
    """
    rms = jnp.asarray(rms)
    check_shapes(rms=(rms, "row"))
    if is_concrete(rms) and not (np.isnan(rms) | (np.asarray(rms) > 0)).all():
        raise ValueError(
            f"rms is {float(np.nanmin(rms)):g} at a row, expected positive numbers; "
            "does its series hold nothing but zeros?"
        )
    typical = jnp.nanmedian(rms) if typical is None else jnp.asarray(typical, rms.dtype)
    ratio = typical / jnp.where(jnp.isnan(rms), typical, rms)
    return jnp.minimum(1, ratio**2)


def weights_from_residuals(
    residual: ArrayLike, typical: ArrayLike | None = None
) -> Array:
    """Weights of stations from what a solution leaves of their series.

    Args:
      residual: Observed minus predicted, best with the station left out [mm], shape
        (epoch, row); NaN if missing.
      typical: As in `station_weights`.

    Returns:
      The weights, shape (row,); one for rows without any residual.

    Raises:
      ValueError: As `station_weights`.
    """
    residual = jnp.asarray(residual)
    check_shapes(residual=(residual, "epoch row"))
    seen = jnp.isfinite(residual)
    count = seen.sum(axis=0).astype(residual.dtype)
    total = jnp.sum(jnp.where(seen, residual, 0) ** 2, axis=0)
    some = count > 0
    square = jnp.where(some, total, 1) / jnp.where(some, count, 1)
    return station_weights(jnp.where(some, jnp.sqrt(square), jnp.nan), typical)


def weighted_sigma(sigma: ArrayLike, weights: ArrayLike) -> Array:
    """The standard errors that give observations their weights.

    Args:
      sigma: Standard error [mm], shape (row,) or (epoch, row).
      weights: Positive, shape (row,) or (epoch, row).

    Returns:
      ``sigma / sqrt(weights)`` [mm], shape (row,), or (epoch, row) if one is.

    Raises:
      ValueError: If shapes disagree or a weight is not positive.
    """
    sigma, weights = jnp.asarray(sigma), jnp.asarray(weights)
    axes = lambda values: "row" if values.ndim == 1 else "epoch row"
    check_shapes(sigma=(sigma, axes(sigma)), weights=(weights, axes(weights)))
    weights = weights.astype(sigma.dtype)
    if is_concrete(weights):
        bad = ~(np.isfinite(weights) & (np.asarray(weights) > 0))
        if bad.any():
            place = tuple(map(int, np.argwhere(bad)[0]))
            raise ValueError(
                f"weights is {float(np.asarray(weights)[place]):g} at index {place}, "
                "expected a positive number; mask the observation with NaN instead"
            )
    if sigma.ndim < weights.ndim:
        sigma = sigma[None, :]
    elif weights.ndim < sigma.ndim:
        weights = weights[None, :]
    return sigma / jnp.sqrt(weights)

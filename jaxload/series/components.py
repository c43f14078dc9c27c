"""Principal components of series with gaps."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import check_shapes, is_concrete

__all__ = ["Components", "Expectation", "components", "reconstructed"]

# TF32 would cost half the digits of a float32 covariance.
einsum = functools.partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Components:
    """Series as ``mean + amplitudes @ patterns`` and noise.

    Patterns carry the unit of the series, amplitudes have none. Without gaps amplitudes
    are uncorrelated and of unit mean square. Components come by falling variance; the
    entry of a pattern that is largest beside its noise is positive.

    Attributes:
      patterns: Series of a station at unit amplitude, shape (component, station); NaN
        where it was never observed.
      amplitudes: Shape (epoch, component); zero at epochs without data.
      mean: Mean of a station, shape (station,); zero if it was not to be taken out, NaN
        where it was never observed.
      explained: Share of the (weighted) variance of all stations, shape (component,).
      sigma: Standard error of `patterns` were the amplitudes known, shape (component,
        station).
      noise: Variance of what no component holds, of an observation of weight one,
        scalar.
      iterations: Number of iterations.
      converged: Whether the last changed less than asked for.
    """

    patterns: Array
    amplitudes: Array
    mean: Array
    explained: Array
    sigma: Array
    noise: Array
    iterations: Array
    converged: Array


@dataclasses.dataclass(frozen=True)
class Expectation:
    """Settings of the iteration.

    Attributes:
      center: Whether the mean of each station is estimated and taken out.
      noise: Noise variance of an observation of weight one; estimated if not given.
        Zero fills gaps by least squares.
      tolerance: Relative change of the covariance at which to stop.
      most: Iterations after which to stop all the same.
    """

    center: bool = True
    noise: float | None = None
    tolerance: float = 1e-5
    most: int = 500

    def __post_init__(self) -> None:
        if self.noise is not None and not 0 <= self.noise < np.inf:
            raise ValueError(
                f"noise is {self.noise:g}, expected a variance or None to estimate it"
            )
        if not (self.tolerance > 0 and self.most >= 1):
            raise ValueError(
                f"tolerance is {self.tolerance:g} and most {self.most}, expected a "
                "positive number and 1 or more iterations"
            )


def components(
    values: ArrayLike,
    count: int | float,
    *,
    weights: ArrayLike | None = None,
    settings: Expectation | None = None,
) -> Components:
    """Principal components of series, some of whose values are missing.

    The most likely model ``y = mean + W z + e`` with z of unit variance and e of
    variance ``noise / weight``, by expectation maximisation over what is missing: the
    expected covariance of the whole series under the last model, missing values and
    their uncertainty included, gives the next one by its eigenvectors. Without gaps the
    first iteration ends at the singular value decomposition. An observation of low
    weight is in part missing.

    Not for: thousands of stations, as an iteration decomposes a matrix of that size.

    Args:
      values: Series, shape (epoch, station); NaN if missing.
      count: Number of components; or, between 0 and 1, the share of variance that they
        are to explain, which has to be known outside `jit`.
      weights: Relative weights, such as ``1 / sigma**2``, shape (station,) or (epoch,
        station); the same for all if not given. Zero is missing.
      settings: Of the iteration.

    Returns:
      The `Components`.

    Raises:
      ValueError: If shapes disagree, there are more components than stations or epochs,
        or weights are not finite and positive.

    Example:
      >>> parts = components(up, 3, weights=1 / sigma**2)
      >>> filled = jnp.where(jnp.isfinite(up), up, reconstructed(parts))

    Source:
      Tipping & Bishop (1999), doi:10.1111/1467-9868.00196; weights: Srebro & Jaakkola
      (2003), Weighted Low-Rank Approximations, ICML. With `noise` zero what it finds is
      that of Roweis (1998), EM Algorithms for PCA and SPCA, NIPS 10, and of Beckers &
      Rixen (2003), doi:10.1175/1520-0426(2003)020<1839:ECADFF>2.0.CO;2.
    """
    settings = Expectation() if settings is None else settings
    values = jnp.asarray(values)
    if not jnp.issubdtype(values.dtype, jnp.floating):
        values = values.astype(float)
    weights = _checked_weights(values, weights)
    return _fit(values, weights, _checked_count(values, count), settings)


def reconstructed(parts: Components) -> Array:
    """The series that components make, gaps and all.

    Args:
      parts: From `components`.

    Returns:
      Series in their unit, shape (epoch, station).
    """
    return parts.mean[None, :] + einsum("ek,ks->es", parts.amplitudes, parts.patterns)


def _checked_weights(values: Array, weights: ArrayLike | None) -> Array:
    """Weights of all observations, zero where there is none."""
    check_shapes(values=(values, "epoch station"))
    seen = jnp.isfinite(values)
    if weights is None:
        return seen.astype(values.dtype)
    weights = jnp.asarray(weights, values.dtype)
    axes = "station" if weights.ndim == 1 else "epoch station"
    check_shapes(values=(values, "epoch station"), weights=(weights, axes))
    weights = jnp.broadcast_to(weights, values.shape)
    if is_concrete(weights) and is_concrete(seen):
        used = np.asarray(weights)[np.asarray(seen)]
        bad = used[~(np.isfinite(used) & (used >= 0))]
        if len(bad):
            raise ValueError(
                f"weights holds {bad[0]:g}, expected finite numbers that are not "
                "negative; mask the observation with NaN instead"
            )
    return jnp.where(seen, weights, 0)


def _checked_count(values: Array, count: int | float) -> int:
    most = min(values.shape)
    if not (isinstance(count, int | np.integer) and 1 <= count <= most):
        raise ValueError(
            f"count is {count}, expected 1 to {most} components of {values.shape[0]} "
            f"epochs and {values.shape[1]} stations"
        )
    return int(count)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class _Data:
    """Series scaled by the root of the largest weight of each station.

    Attributes:
      values: Zero where missing, shape (epoch, station).
      weights: 0 to 1, shape (epoch, station).
      scale: Shape (station,); zero where a station was never observed.
      counted: One at epochs with data, else zero, shape (epoch,).
    """

    values: Array
    weights: Array
    scale: Array
    counted: Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class _Model:
    """Mean, covariance and what follows from its eigenvectors.

    Attributes:
      mean: Shape (station,).
      covariance: Expected of whole series, shape (station, station).
      axes: Leading eigenvectors, shape (station, component).
      variance: Their eigenvalues, descending, shape (component,).
      noise: Scalar.
    """

    mean: Array
    covariance: Array
    axes: Array
    variance: Array
    noise: Array


@functools.partial(jax.jit, static_argnames=("count", "settings"))
def _fit(
    values: Array, weights: Array, count: int, settings: Expectation
) -> Components:
    data = _scaled(values, weights)
    step = functools.partial(_step, data, count, settings)
    again = lambda state: (state[2] > settings.tolerance) & (state[1] < settings.most)

    def once(state: tuple[_Model, Array, Array]) -> tuple[_Model, Array, Array]:
        new = step(state[0])
        change = jnp.linalg.norm(new.covariance - state[0].covariance)
        return new, state[1] + 1, change / jnp.linalg.norm(new.covariance)

    start = _start(data, count, settings)
    state = once(once((start, jnp.array(0), jnp.array(jnp.inf, values.dtype))))
    model, iterations, change = jax.lax.while_loop(again, once, state)
    return _result(data, model, iterations, change <= settings.tolerance)


def _scaled(values: Array, weights: Array) -> _Data:
    scale = jnp.sqrt(weights.max(axis=0))
    most = jnp.where(scale > 0, scale, 1)
    values = jnp.where(weights > 0, values, 0) * scale[None, :]
    counted = (weights > 0).any(axis=1).astype(values.dtype)
    return _Data(values, weights / most[None, :] ** 2, scale, counted)


def _start(data: _Data, count: int, settings: Expectation) -> _Model:
    """Mean of what was observed, its variance, and nothing that stations share."""
    total = data.weights.sum(axis=0)
    total = jnp.where(total > 0, total, 1)
    mean = (data.weights * data.values).sum(axis=0) / total
    mean = mean if settings.center else jnp.zeros_like(mean)
    square = data.weights * (data.values - mean[None, :]) ** 2
    return _model(mean, jnp.diag(square.sum(axis=0) / total), data, count, settings)


def _model(
    mean: Array, covariance: Array, data: _Data, count: int, settings: Expectation
) -> _Model:
    """The most likely model of a covariance."""
    values, vectors = jnp.linalg.eigh(covariance)
    variance = jnp.maximum(values[::-1][:count], 0)
    rest = jnp.sum(data.scale > 0).astype(values.dtype) - count
    left = jnp.maximum(jnp.trace(covariance) - variance.sum(), 0)
    noise = jnp.where(rest > 0, left / jnp.maximum(rest, 1), 0)
    if settings.noise is not None:
        noise = jnp.asarray(settings.noise, values.dtype)
    return _Model(mean, covariance, vectors[:, ::-1][:, :count], variance, noise)


def _expected(data: _Data, model: _Model) -> tuple[Array, Array, Array, Array]:
    """W, the noise, z and its covariance, given the data."""
    least = jnp.sqrt(jnp.finfo(model.noise.dtype).eps)
    tiny = jnp.finfo(model.noise.dtype).tiny
    noise = jnp.maximum(model.noise, least * model.variance[0]) + tiny
    signal = jnp.sqrt(jnp.maximum(model.variance - model.noise, 0))
    root = model.axes * signal[None, :]
    normal = einsum("es,sk,sl->ekl", data.weights, root, root)
    normal = normal + noise * jnp.eye(root.shape[1], dtype=root.dtype)[None]
    inverse = _inverse(normal)
    residual = data.weights * (data.values - model.mean[None, :])
    hidden = einsum("ekl,es,sl->ek", inverse, residual, root)
    return root, noise, hidden, noise * inverse


def _inverse(matrices: Array) -> Array:
    """Inverses of small positive definite matrices by sweeps, shape (any, k, k)."""

    def sweep(index: Array, matrix: Array) -> Array:
        column, row = matrix[:, :, index], matrix[:, index, :]
        pivot = row[:, index]
        matrix = matrix - column[:, :, None] * (row / pivot[:, None])[:, None, :]
        matrix = matrix.at[:, index, :].set(row / pivot[:, None])
        matrix = matrix.at[:, :, index].set(-column / pivot[:, None])
        return matrix.at[:, index, index].set(1 / pivot)

    # XLA on a CPU can deadlock in batched calls of LAPACK.
    return jax.lax.fori_loop(0, matrices.shape[-1], sweep, matrices)


def _filled(data: _Data, mean: Array, root: Array, hidden: Array) -> Array:
    """Expected series without the noise that low weights add."""
    model = mean[None, :] + einsum("ek,sk->es", hidden, root)
    return data.weights * data.values + (1 - data.weights) * model


def _step(data: _Data, count: int, settings: Expectation, model: _Model) -> _Model:
    root, noise, hidden, spread = _expected(data, model)
    filled = _filled(data, model.mean, root, hidden)
    epochs = jnp.maximum(data.counted.sum(), 1)
    mean = model.mean
    if settings.center:
        mean = einsum("e,es->s", data.counted, filled) / epochs
    residual = data.counted[:, None] * (filled - mean[None, :])
    covariance = einsum("es,et->st", residual, residual)
    covariance = covariance + _uncertainty(data, root, noise, spread)
    seen = data.scale > 0
    covariance = jnp.where(seen[:, None] & seen[None, :], covariance / epochs, 0)
    return _model(mean, covariance, data, count, settings)


def _uncertainty(data: _Data, root: Array, noise: Array, spread: Array) -> Array:
    """Sum over epochs of the covariance of what is missing, given the data."""
    missing = data.counted[:, None] * (1 - data.weights)

    def add(index: Array, total: Array) -> Array:
        shared = missing * einsum("ek,sk->es", spread[:, :, index], root)
        return total + einsum("es,et->st", shared, missing) * root[None, :, index]

    own = jnp.diag(noise * missing.sum(axis=0))
    return jax.lax.fori_loop(0, root.shape[1], add, own)


def _result(
    data: _Data, model: _Model, iterations: Array, converged: Array
) -> Components:
    root, noise, hidden, _ = _expected(data, model)
    filled = _filled(data, model.mean, root, hidden) - model.mean[None, :]
    length = jnp.sqrt(model.variance)
    largest = jnp.argmax(jnp.abs(model.axes), axis=0)
    sign = jnp.sign(jnp.take_along_axis(model.axes, largest[None, :], axis=0)[0])
    axes = model.axes * sign[None, :]
    amplitudes = einsum("es,sk->ek", data.counted[:, None] * filled, axes)
    amplitudes = amplitudes / jnp.where(length > 0, length, 1)[None, :]
    scale = jnp.where(data.scale > 0, data.scale, jnp.nan)
    return Components(
        patterns=(length[None, :] * axes / scale[:, None]).T,
        amplitudes=amplitudes,
        mean=model.mean / scale,
        explained=model.variance / jnp.trace(model.covariance),
        sigma=_pattern_sigma(data, amplitudes, noise) / scale[None, :],
        noise=model.noise,
        iterations=iterations,
        converged=converged,
    )


def _pattern_sigma(data: _Data, amplitudes: Array, noise: Array) -> Array:
    normal = einsum("es,ek,el->skl", data.weights, amplitudes, amplitudes)
    # Stations seen at fewer epochs than there are components are known by the prior.
    normal = normal + jnp.eye(amplitudes.shape[1], dtype=noise.dtype)[None]
    return jnp.sqrt(noise * jnp.diagonal(_inverse(normal), axis1=1, axis2=2)).T

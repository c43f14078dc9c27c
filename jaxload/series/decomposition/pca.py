"""Principal components of series with gaps."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import is_concrete
from jaxload.series.weights import checked_weights, weighted_mean

__all__ = [
    "Components",
    "Expectation",
    "principal_components",
    "reconstructed",
]

# TF32 would cost half the digits of a float32 covariance.
einsum = functools.partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)

#: Regressions, of which one costs 1% of a decomposition, between two decompositions.
REGRESSIONS = 20


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
      noise: Variance at weight one; estimated if not given. Zero is least squares.
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


def principal_components(
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
        or weights are negative or not finite.

    Example:
      >>> parts = principal_components(up, 3, weights=1 / sigma**2)
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
    weights = checked_weights(values, weights)
    if isinstance(count, float) and 0 < count < 1:
        count = _count_that_explains(values, weights, count, settings)
    return _fit(values, weights, _checked_count(values, count), settings)


def reconstructed(parts: Components) -> Array:
    """The series that components make, gaps and all.

    Args:
      parts: From `principal_components`.

    Returns:
      Series in their unit, shape (epoch, station).
    """
    return parts.mean[None, :] + einsum("ek,ks->es", parts.amplitudes, parts.patterns)


def _count_that_explains(
    values: Array, weights: Array, share: float, settings: Expectation
) -> int:
    if not (is_concrete(values) and is_concrete(weights)):
        raise ValueError(
            f"count is {share:g}, a share of variance, which cannot be looked up under "
            "jit; give a number of components"
        )
    count = 1
    while True:
        explained = np.cumsum(_fit(values, weights, count, settings).explained)
        enough = np.flatnonzero(explained >= share)
        if len(enough) or count == min(values.shape):
            return int(enough[0]) + 1 if len(enough) else count
        count = min(2 * count, *values.shape)


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

    Values are zero where missing, scale where all are; counted is 1 where any is not.
    """

    values: Array
    weights: Array
    scale: Array
    counted: Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class _Model:
    """Mean (station,), W (station, component) and noise variance, as scaled."""

    mean: Array
    root: Array
    noise: Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class _Axes:
    """A covariance of stations, and its leading eigenvectors and eigenvalues."""

    covariance: Array
    vectors: Array
    variance: Array


@functools.partial(jax.jit, static_argnames=("count", "settings"))
def _fit(
    values: Array, weights: Array, count: int, settings: Expectation
) -> Components:
    data = _scaled(values, weights)

    def once(state: tuple) -> tuple:
        old, axes, number, _ = state
        regress = lambda _, model: _regressed(data, settings, model)
        model = jax.lax.fori_loop(0, REGRESSIONS, regress, old)
        model, new = _decomposed(data, count, settings, model)
        change = jnp.linalg.norm(new.covariance - axes.covariance)
        change = change / jnp.linalg.norm(new.covariance)
        return model, new, number + 1, change

    again = lambda state: (state[3] > settings.tolerance) & (state[2] < settings.most)
    model = _start(data, count, settings)
    none = jnp.zeros((values.shape[1],) * 2, values.dtype)
    axes = _Axes(none, model.root, none[0, :count])
    state = model, axes, jnp.array(0), jnp.array(jnp.inf, values.dtype)
    model, axes, number, change = jax.lax.while_loop(again, once, state)
    return _result(data, model, axes, number, change <= settings.tolerance)


def _scaled(values: Array, weights: Array) -> _Data:
    scale = jnp.sqrt(weights.max(axis=0))
    most = jnp.where(scale > 0, scale, 1)
    values = jnp.where(weights > 0, values, 0) * scale[None, :]
    counted = (weights > 0).any(axis=1).astype(values.dtype)
    return _Data(values, weights / most[None, :] ** 2, scale, counted)


def _start(data: _Data, count: int, settings: Expectation) -> _Model:
    """Mean and variance of what was observed, and nothing that stations share."""
    mean = weighted_mean(data.values, data.weights, axis=0)[0]
    mean = mean if settings.center else jnp.zeros_like(mean)
    square = data.weights * (data.values - mean[None, :]) ** 2
    noise = square.sum() / data.weights.sum()
    if settings.noise is not None:
        noise = jnp.asarray(settings.noise, mean.dtype)
    return _Model(mean, jnp.zeros((len(mean), count), mean.dtype), noise)


def _expected(data: _Data, model: _Model) -> tuple[Array, Array, Array]:
    """The noise as it is used, z, and the covariance of z, given the data."""
    limits = jnp.finfo(model.noise.dtype)
    signal = jnp.sum(model.root**2)
    noise = jnp.maximum(model.noise, limits.eps**0.5 * signal) + limits.tiny
    normal = einsum("es,sk,sl->ekl", data.weights, model.root, model.root)
    inverse = _inverse(normal + noise * _identity(model.root))
    residual = data.weights * (data.values - model.mean[None, :])
    hidden = einsum("ekl,el->ek", inverse, einsum("es,sl->el", residual, model.root))
    return noise, hidden, noise * inverse


def _identity(columns: Array) -> Array:
    return jnp.eye(columns.shape[-1], dtype=columns.dtype)[None]


def _inverse(matrices: Array) -> Array:
    """Inverses of small positive definite matrices by sweeps, shape (any, k, k)."""

    def sweep(index: Array, matrix: Array) -> Array:
        column, row = matrix[:, :, index], matrix[:, index, :]
        pivot = row[:, index, None]
        matrix = matrix - column[:, :, None] * (row / pivot)[:, None, :]
        matrix = matrix.at[:, index, :].set(row / pivot)
        matrix = matrix.at[:, :, index].set(-column / pivot)
        return matrix.at[:, index, index].set(1 / pivot[:, 0])

    # XLA on a CPU can deadlock in batched calls of LAPACK.
    return jax.lax.fori_loop(0, matrices.shape[-1], sweep, matrices)


def _regressed(data: _Data, settings: Expectation, model: _Model) -> _Model:
    """The next model, from a regression of each station on z: cheap, but slow."""
    _, basis, spread = _expected(data, model)
    count = basis.shape[1]
    if settings.center:
        basis = jnp.concatenate([basis, jnp.ones_like(basis[:, :1])], axis=1)
        spread = jnp.pad(spread, ((0, 0), (0, 1), (0, 1)))
    square = basis[:, :, None] * basis[:, None, :] + spread
    unseen = (data.scale == 0).astype(basis.dtype)[:, None, None]
    normal = einsum("es,ekl->skl", data.weights, square) + unseen * _identity(basis)
    right = einsum("es,ek->sk", data.weights * data.values, basis)
    solved = einsum("skl,sl->sk", _inverse(normal), right)
    noise = model.noise
    if settings.noise is None:
        left = jnp.sum(data.weights * data.values**2) - jnp.sum(solved * right)
        noise = jnp.maximum(left, 0) / jnp.sum(data.weights > 0).astype(left.dtype)
    mean = solved[:, count] if settings.center else model.mean
    return _Model(mean, solved[:, :count], noise)


def _decomposed(
    data: _Data, count: int, settings: Expectation, model: _Model
) -> tuple[_Model, _Axes]:
    """The next model, from the expected covariance: dear, exact without gaps."""
    noise, hidden, spread = _expected(data, model)
    filled = _filled(data, model, hidden)
    epochs = jnp.maximum(data.counted.sum(), 1)
    mean = model.mean
    if settings.center:
        mean = einsum("e,es->s", data.counted, filled) / epochs
    residual = data.counted[:, None] * (filled - mean[None, :])
    covariance = einsum("es,et->st", residual, residual)
    covariance = covariance + _uncertainty(data, model.root, noise, spread)
    seen = data.scale > 0
    covariance = jnp.where(seen[:, None] & seen[None, :], covariance / epochs, 0)
    values, vectors = jnp.linalg.eigh(covariance)
    variance = jnp.maximum(values[::-1][:count], 0)
    axes = _Axes(covariance, vectors[:, ::-1][:, :count], variance)
    new = _noise(data, model, axes, (noise, hidden, spread))
    noise = new if settings.noise is None else model.noise
    root = axes.vectors * jnp.sqrt(jnp.maximum(variance - noise, 0))[None, :]
    return _Model(mean, root, noise), axes


def _filled(data: _Data, model: _Model, hidden: Array) -> Array:
    """Expected series without the noise that low weights add."""
    fitted = model.mean[None, :] + einsum("ek,sk->es", hidden, model.root)
    return data.weights * data.values + (1 - data.weights) * fitted


def _uncertainty(data: _Data, root: Array, noise: Array, spread: Array) -> Array:
    """Sum over epochs of the covariance of what is missing, given the data."""
    missing = data.counted[:, None] * (1 - data.weights)

    def add(index: Array, total: Array) -> Array:
        shared = missing * einsum("ek,sk->es", spread[:, :, index], root)
        return total + einsum("es,et->st", shared, missing) * root[None, :, index]

    of_noise = jnp.diag(noise * missing.sum(axis=0))
    return jax.lax.fori_loop(0, root.shape[1], add, of_noise)


def _noise(
    data: _Data, model: _Model, axes: _Axes, expected: tuple[Array, Array, Array]
) -> Array:
    """Noise variance, of which what low weights add is a multiple."""
    noise, hidden, spread = expected
    weights = data.weights
    partly = ((weights > 0) & (weights < 1)).astype(noise.dtype)
    residual = data.values - model.mean[None, :]
    residual = residual - einsum("ek,sk->es", hidden, model.root)
    spread = einsum("ekl,sk,sl->es", spread, model.root, model.root)
    added = (1 - weights) * (residual**2 + spread) + noise
    epochs = data.counted.sum()
    rest = jnp.trace(axes.covariance) - axes.variance.sum()
    total = epochs * jnp.maximum(rest, 0) + jnp.sum(partly * weights * added)
    free = jnp.sum(data.scale > 0) - axes.variance.shape[0]
    free = epochs * jnp.maximum(free, 0).astype(noise.dtype) + partly.sum()
    return jnp.where(free > 0, total / jnp.maximum(free, 1), 0)


def _result(
    data: _Data, model: _Model, axes: _Axes, number: Array, converged: Array
) -> Components:
    noise, hidden, _ = _expected(data, model)
    filled = data.counted[:, None] * (_filled(data, model, hidden) - model.mean[None])
    length, vectors = jnp.sqrt(axes.variance), axes.vectors
    largest = jnp.argmax(jnp.abs(vectors), axis=0)[None, :]
    vectors = vectors * jnp.sign(jnp.take_along_axis(vectors, largest, axis=0))
    amplitudes = einsum("es,sk->ek", filled, vectors)
    amplitudes = amplitudes / jnp.where(length > 0, length, 1)[None, :]
    scale = jnp.where(data.scale > 0, data.scale, jnp.nan)
    return Components(
        patterns=(length[None, :] * vectors / scale[:, None]).T,
        amplitudes=amplitudes,
        mean=model.mean / scale,
        explained=axes.variance / jnp.trace(axes.covariance),
        sigma=_pattern_sigma(data, amplitudes, noise) / scale[None, :],
        noise=model.noise,
        iterations=number,
        converged=converged,
    )


def _pattern_sigma(data: _Data, amplitudes: Array, noise: Array) -> Array:
    normal = einsum("es,ek,el->skl", data.weights, amplitudes, amplitudes)
    # Stations seen at fewer epochs than there are components are known by the prior.
    normal = normal + _identity(amplitudes)
    return jnp.sqrt(noise * jnp.diagonal(_inverse(normal), axis1=1, axis2=2)).T

"""Offset, trend and seasons of a network: fitted to each station, inverted as maps.

Functions of time that are known hold what recurs or goes on: the load's part in them is
told from a station's own by its shape in space alone. Noise that stations share has no
part in them, so that the season of a whole region stays with its water.
"""

import dataclasses
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import check_shapes
from jaxload.inversion.linalg.spd import inverse_and_log_determinant
from jaxload.inversion.spectral.spectra import NetworkCovariance

__all__ = [
    "FunctionMaps",
    "StationFits",
    "fit_stations",
    "map_functions",
    "map_known_functions",
    "map_other_heights",
]

#: Logarithms of variances are sought this far from where they begin.
FAR = 14.0

#: Share of a normal matrix's largest entry that is added to its diagonal.
RIDGE = 1e-9


@dataclasses.dataclass(frozen=True)
class StationFits:
    """Functions of time fitted to each station by least squares.

    Attributes:
      coefficients: Shape (function, row).
      variance: Of each, for noise of unit density, shape (function, row); infinite at
        rows with fewer observations than functions.
      residual: What they leave [mm], shape (epoch, row); NaN if missing.
    """

    coefficients: NDArray[np.float64]
    variance: NDArray[np.float64]
    residual: NDArray[np.float64]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class FunctionMaps:
    """Maps of functions of time, from `map_functions`.

    Attributes:
      coefficients: Of the representers ``C G'``, shape (function, row).
      displacement: By the maps [mm], shape (function, row).
      smoothed: That and a station's own part [mm], shape (function, row).
      left_out: Displacement predicted from all other rows [mm], shape (function, row).
      load: Prior variance of each map, times C, shape (function,).
      local: Prior variance of a station's own part, in units of sigma squared, shape
        (function,).
      uncertain: Variance of the fits, in units of sigma squared, shape (function, row).
      inverses: Of the covariance of the fits in units of sigma, shape (function, row,
        row).
    """

    coefficients: Array
    displacement: Array
    smoothed: Array
    left_out: Array
    load: Array
    local: Array
    uncertain: Array
    inverses: Array


def fit_stations(values: ArrayLike, functions: ArrayLike) -> StationFits:
    """Fit functions of time to each station.

    Args:
      values: Displacement [mm], shape (epoch, row); NaN if missing.
      functions: Shape (epoch, function).

    Returns:
      The `StationFits`.

    Raises:
      ValueError: If shapes disagree.
    """
    values, functions = np.asarray(values, np.float64), np.asarray(functions)
    check_shapes(values=(values, "epoch row"), functions=(functions, "epoch function"))
    count, rows = functions.shape[1], values.shape[1]
    coefficients, residual = np.zeros((count, rows)), np.full(values.shape, np.nan)
    variance = np.full((count, rows), np.inf)
    for row, series in enumerate(values.T):
        seen = np.isfinite(series)
        if seen.sum() <= count:
            continue
        basis = functions[seen]
        normal = basis.T @ basis
        normal += RIDGE * normal.max() * np.eye(count)
        inverse = np.linalg.inv(normal)
        coefficients[:, row] = inverse @ (basis.T @ series[seen])
        variance[:, row] = np.diag(inverse)
        residual[seen, row] = series[seen] - basis @ coefficients[:, row]
    return StationFits(coefficients, variance, residual)


def map_functions(
    network: NetworkCovariance,
    fits: StationFits,
    density: ArrayLike,
    groups: Sequence[Sequence[int]],
    apart: ArrayLike | None = None,
    watch: Callable[[float], None] | None = None,
) -> FunctionMaps:
    """Invert the functions of time of all stations as maps of load.

    Variances of the maps and of what is each station's own are those of the greatest
    likelihood, one pair for the functions of a group.

    Args:
      network: From `network_covariance`.
      fits: From `fit_stations`.
      density: Of all that a station observes, in units of sigma squared, at the period
        of each function, by which fits are uncertain; shape (function, row).
      groups: Functions whose maps are alike, such as those of all seasons.
      apart: Variance of what else moves each row in units of sigma squared, known for
        the search of variances and no part of the maps, shape (function, row).
      watch: Called with the share of the functions that is done.

    Returns:
      The `FunctionMaps`.

    Raises:
      ValueError: If shapes disagree.

    Source:
      Kriging with a proper prior: Rasmussen & Williams (2006), eq. 2.23; left out:
      eq. 5.12; Whole-record functions of gappy stations: Williams (2003),
      doi:10.1007/s00190-002-0283-4.
    """
    fitted, uncertain = _in_sigma(network, fits, density)
    whole = uncertain if apart is None else uncertain + jnp.asarray(apart)
    load, local, done = np.zeros(len(fitted)), np.zeros(len(fitted)), 0
    for group in groups:
        which = np.array(group)
        load[which], local[which] = _variances(network, fitted[which], whole[which])
        done += len(which)
        if watch is not None:
            watch(done / sum(map(len, groups)))
    return _maps(network, fitted, uncertain, jnp.asarray(load), jnp.asarray(local))


def map_known_functions(
    network: NetworkCovariance,
    fits: StationFits,
    density: ArrayLike,
    maps: FunctionMaps,
) -> FunctionMaps:
    """Invert other fits of the same functions with the variances of earlier maps.

    Args:
      network: From `network_covariance`.
      fits: From `fit_stations`, less what moves rows besides.
      density: As for `map_functions`.
      maps: From it.

    Returns:
      The `FunctionMaps`.
    """
    fitted, uncertain = _in_sigma(network, fits, density)
    return _maps(network, fitted, uncertain, maps.load, maps.local)


def map_other_heights(
    network: NetworkCovariance, fits: StationFits, maps: FunctionMaps
) -> FunctionMaps:
    """Invert fits to other heights, seen at the same epochs, as earlier ones were.

    Args:
      network: From `network_covariance`.
      fits: From `fit_stations`, to heights that are missing where those of `maps` are.
      maps: From `map_functions` or `map_known_functions`, with variances of all parts.

    Returns:
      The `FunctionMaps`.
    """
    fitted = jnp.asarray(fits.coefficients) / network.sigma[None, :]
    return _maps(network, fitted, maps.uncertain, maps.load, maps.local)


def _in_sigma(
    network: NetworkCovariance, fits: StationFits, density: ArrayLike
) -> tuple[Array, Array]:
    """Fits and their variances in units of sigma."""
    fitted = jnp.asarray(fits.coefficients) / network.sigma[None, :]
    uncertain = jnp.minimum(jnp.asarray(fits.variance), 1e12) * jnp.asarray(density)
    check_shapes(fitted=(fitted, "function row"), uncertain=(uncertain, "function row"))
    return fitted, uncertain


def _variances(
    network: NetworkCovariance, fitted: Array, uncertain: Array
) -> tuple[float, float]:
    """Variances of maps and of stations' own parts with the greatest likelihood."""

    def misfit(free: Array) -> Array:
        load, local = jnp.exp(free)

        def one(function: tuple[Array, Array]) -> Array:
            fitted, uncertain = function
            matrix = load * network.gram + jnp.diag(local + uncertain)
            weight, log_determinant = inverse_and_log_determinant(matrix)
            return log_determinant + fitted @ weight @ fitted

        return jax.lax.map(jax.checkpoint(one), (fitted, uncertain)).sum()

    known = np.asarray(uncertain) < 1e6
    power = np.mean(np.asarray(fitted)[known] ** 2) if known.any() else 1.0
    power = max(float(power), 1e-12)
    gram = float(jnp.mean(jnp.diag(network.gram)))
    start = np.log([power / gram / 2, power / 4])
    value = jax.jit(jax.value_and_grad(misfit))

    def evaluate(free: NDArray) -> tuple[float, NDArray]:
        total, slope = value(free)
        return float(total), np.asarray(slope, np.float64)

    bounds = [(x - FAR, x + FAR) for x in start]
    result = scipy.optimize.minimize(
        evaluate, start, jac=True, method="L-BFGS-B", bounds=bounds
    )
    load, local = np.exp(result.x)
    return float(load), float(local)


@jax.jit
def _maps(
    network: NetworkCovariance,
    fitted: Array,
    uncertain: Array,
    load: Array,
    local: Array,
) -> FunctionMaps:
    def one(function: tuple[Array, ...]) -> FunctionMaps:
        fitted, uncertain, load, local = function
        matrix = load * network.gram + jnp.diag(local + uncertain)
        inverse, _ = inverse_and_log_determinant(matrix)
        multiplier = inverse @ fitted
        displacement = load * network.gram @ multiplier
        # Of a row's own part and its uncertainty nothing is known without it.
        others = fitted - multiplier / jnp.diag(inverse)
        sigma = network.sigma
        return FunctionMaps(
            load * multiplier / sigma,
            displacement * sigma,
            (displacement + local * multiplier) * sigma,
            others * sigma,
            load,
            local,
            uncertain,
            inverse,
        )

    return jax.lax.map(one, (fitted, uncertain, load, local))

"""Errors of the load at every frequency, and those of its means over time."""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import check_shapes
from jaxload.inversion.linalg.spd import einsum, inverse
from jaxload.inversion.spectral.spectra import (
    Bands,
    Densities,
    NetworkCovariance,
    NetworkSpectra,
    band_means,
    cosine_bands,
)
from jaxload.inversion.spectral.time_functions import FunctionMaps
from jaxload.inversion.uncertainty.functionals import Functionals

__all__ = [
    "ErrorSpectrum",
    "epoch_variance",
    "error_spectrum",
    "function_errors",
    "gappy_inverses",
    "mean_variance",
    "prior_spectrum",
]

#: Least share of a span's epochs in which a row counts.
LEAST = 0.02


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ErrorSpectrum:
    """Spectral density of the error of functionals of the load.

    Attributes:
      density: Of the error of the estimate [mm2], shape (band, functional).
      bands: The frequencies taken as one.
    """

    density: Array
    bands: Bands = dataclasses.field(metadata={"static": True})


def error_spectrum(
    network: NetworkCovariance,
    spectra: NetworkSpectra,
    functionals: Functionals,
    share: ArrayLike,
    epochs: int,
) -> ErrorSpectrum:
    """Compute the spectrum of the error of functionals, for a network as in one span.

    Exact for rows that observe always. A row that observes a share of the epochs counts
    as one whose own noise is larger by that.

    Args:
      network: From `network_covariance`.
      spectra: Amplitudes and shapes.
      functionals: From `averages`, `some_cells` or `every_cell`.
      share: Of the epochs in which a row observes, shape (row,).
      epochs: Of the record.

    Returns:
      The `ErrorSpectrum`.

    Raises:
      ValueError: If shapes disagree.
    """
    parts, bands = _parts(network, functionals, share), cosine_bands(epochs)
    densities = band_means(spectra, bands)
    return ErrorSpectrum(_density(network, spectra, densities, parts), bands)


def prior_spectrum(
    spectra: NetworkSpectra, functionals: Functionals, epochs: int
) -> ErrorSpectrum:
    """Compute the spectrum of functionals of the load itself, their error without data.

    Args:
      spectra: Amplitudes and shapes.
      functionals: From `averages`, `some_cells` or `every_cell`.
      epochs: Of the record.

    Returns:
      The `ErrorSpectrum`.
    """
    bands = cosine_bands(epochs)
    load = band_means(spectra, bands).load
    return ErrorSpectrum(load[:, None] * functionals.variance[None, :], bands)


def _parts(
    network: NetworkCovariance, functionals: Functionals, share: ArrayLike
) -> tuple[Array, Array, Array]:
    """Share of each row, cross-covariances in units of sigma, and variances."""
    share = jnp.asarray(share, network.gram.dtype)
    check_shapes(share=(share, "row"), cross=(functionals.cross, "functional row"))
    return share, functionals.cross / network.sigma[None, :], functionals.variance


@jax.jit
def _density(
    network: NetworkCovariance,
    spectra: NetworkSpectra,
    densities: Densities,
    parts: tuple[Array, Array, Array],
) -> Array:
    share, cross, variance = parts

    def one(density: Densities) -> Array:
        weight = density.load**2 * _weight(network, spectra, density, share)
        known = jnp.sum(einsum("mr,rs->ms", cross, weight) * cross, axis=1)
        return density.load * variance - known

    return jax.lax.map(one, densities)


def _weight(
    network: NetworkCovariance,
    spectra: NetworkSpectra,
    density: Densities,
    share: Array,
) -> Array:
    """Invert the covariance of the rows that observe, zero at the others."""
    used = share > LEAST
    more = jnp.where(used, 1 / jnp.where(used, share, 1) - 1, 0)
    both = used[:, None] & used[None, :]
    matrix = network.matrix(spectra, density) + jnp.diag(more * spectra.white)
    matrix = jnp.where(both, matrix, jnp.diag(jnp.ones_like(share)))
    return jnp.where(both, inverse(matrix), 0)


def gappy_inverses(
    network: NetworkCovariance, spectra: NetworkSpectra, share: ArrayLike, epochs: int
) -> tuple[Array, Bands]:
    """Invert the covariance of every band, for rows that observe a share of epochs.

    Args:
      network: From `network_covariance`.
      spectra: Amplitudes and shapes.
      share: Of the epochs in which a row observes, shape (row,).
      epochs: Of the record.

    Returns:
      The inverses in units of sigma, zero at rows that hardly observe, shape (band,
      row, row), and the bands.
    """
    share, bands = jnp.asarray(share, network.gram.dtype), cosine_bands(epochs)
    return _gappy_inverses(network, spectra, band_means(spectra, bands), share), bands


@jax.jit
def _gappy_inverses(
    network: NetworkCovariance,
    spectra: NetworkSpectra,
    densities: Densities,
    share: Array,
) -> Array:
    one = lambda density: _weight(network, spectra, density, share)
    return jax.lax.map(one, densities)


def epoch_variance(
    network: NetworkCovariance,
    spectra: NetworkSpectra,
    functionals: Functionals,
    share: ArrayLike,
    epochs: int,
) -> Array:
    """Compute the variance of the error of functionals at an epoch.

    The same as that of means over one epoch from `error_spectrum`, by one product for
    all bands: for many functionals.

    Args:
      network: From `network_covariance`.
      spectra: Amplitudes and shapes.
      functionals: From `averages`, `some_cells` or `every_cell`.
      share: Of the epochs in which a row observes, shape (row,).
      epochs: Of the record.

    Returns:
      Variance [mm2], shape (functional,).

    Raises:
      ValueError: If shapes disagree.
    """
    parts, bands = _parts(network, functionals, share), cosine_bands(epochs)
    part = jnp.asarray(bands.sizes / bands.samples, network.gram.dtype)
    densities = band_means(spectra, bands)
    return _variance(network, spectra, (densities, part), parts)


@jax.jit
def _variance(
    network: NetworkCovariance,
    spectra: NetworkSpectra,
    bands: tuple[Densities, Array],
    parts: tuple[Array, Array, Array],
) -> Array:
    share, cross, variance = parts

    def add(total: Array, band: tuple[Densities, Array]) -> tuple[Array, None]:
        density, part = band
        weight = _weight(network, spectra, density, share)
        return total + part * density.load**2 * weight, None

    weight, _ = jax.lax.scan(add, jnp.zeros_like(network.gram), bands)
    known = jnp.sum(einsum("mr,rs->ms", cross, weight) * cross, axis=1)
    return jnp.sum(bands[1] * bands[0].load) * variance - known


def mean_variance(
    spectrum: ErrorSpectrum, length: int, lags: Sequence[int] = (0,)
) -> NDArray[np.float64]:
    """Compute the covariance of errors of means over equal spans of time.

    Args:
      spectrum: From `error_spectrum`.
      length: Epochs in a span.
      lags: By how many epochs a span is later than the other.

    Returns:
      Covariance [mm2], shape (lag, functional).
    """
    bands = spectrum.bands
    frequency = np.arange(bands.samples) / (2 * bands.samples)
    angle = np.pi * frequency
    with np.errstate(invalid="ignore"):
        smoothing = np.sin(length * angle) / (length * np.sin(angle))
    smoothing = np.where(frequency == 0, 1, smoothing) ** 2
    starts = np.array(bands.edges[:-1])
    rows = [
        np.add.reduceat(smoothing * np.cos(2 * angle * lag), starts) for lag in lags
    ]
    return np.array(rows) @ np.asarray(spectrum.density) / bands.samples


def function_errors(
    network: NetworkCovariance, maps: FunctionMaps, functionals: Functionals
) -> NDArray[np.float64]:
    """Compute the variance of functionals of the maps of functions of time.

    Args:
      network: From `network_covariance`.
      maps: From `map_functions`.
      functionals: From `averages`, `some_cells` or `every_cell`.

    Returns:
      Variance [mm2], shape (function, functional).
    """
    cross = functionals.cross / network.sigma[None, :]
    return np.asarray(_function_variance(maps, cross, functionals.variance))


@jax.jit
def _function_variance(maps: FunctionMaps, cross: Array, variance: Array) -> Array:
    def one(function: tuple[Array, Array]) -> Array:
        load, weight = function
        side = load * cross
        known = jnp.sum(einsum("mr,rs->ms", side, weight) * side, axis=1)
        return load * variance - known

    return jax.lax.map(one, (maps.load, maps.inverses))

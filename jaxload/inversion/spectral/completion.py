"""Records completed where nothing was observed, by what the rest of them predicts.

One linear system over stations and epochs, solved by conjugate gradients whose products
are cosine transforms in time and products with one matrix a band.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, cg

from jaxload._check import is_concrete
from jaxload._cores import available_cores
from jaxload._platform import form_at
from jaxload.inversion.linalg.pcg import ConjugateGradient, conjugate_gradient
from jaxload.inversion.spectral.spectra import (
    Bands,
    Densities,
    NetworkCovariance,
    NetworkSpectra,
    band_inverses,
    band_means,
)
from jaxload.inversion.spectral.transform import by_bands, cosine_sum, cosines

__all__ = [
    "BandFilters",
    "CompletedRecord",
    "StationTerm",
    "band_filters",
    "complete_record",
    "series_information",
    "station_term",
]

#: Data with zeros in gaps, the share observed, and a first guess of what can be
#: predicted, each of shape (sample, row), in units of sigma.
Record = tuple[Array, Array, Array]

Operator = Callable[[Any], Any]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class BandFilters:
    """Filters of a complete record, ``1 - white A^-1`` with the covariance A of a band.

    Attributes:
      densities: Of each band.
      inverses: Of the covariances in units of sigma, shape (band, row, row).
      white: Variance of the part of a sample that nothing predicts, scalar.
      bands: The frequencies taken as one.
    """

    densities: Densities
    inverses: Array
    white: Array
    bands: Bands = dataclasses.field(metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class CompletedRecord:
    """A record without gaps, in units of sigma.

    Attributes:
      predicted: All but what nothing predicts, shape (sample, row).
      values: Data, and predictions where there are none, shape (sample, row).
      residual: Residual of the system relative to its right side, scalar.
    """

    predicted: Array
    values: Array
    residual: Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class StationTerm:
    """Known series of rows with unknown amplitudes, as a part of the covariance.

    With B the series, A the covariance without them and Q the precision of the
    amplitudes, ``(A + B Q^-1 B')^-1 = A^-1 - A^-1 B (Q + B' A^-1 B)^-1 B' A^-1``.

    Attributes:
      amplitude: Of the cosines of B in units of sigma, shape (frequency, row).
      covariance: ``(Q + B' A^-1 B)^-1``, shape (row, row).
    """

    amplitude: Array
    covariance: Array

    def change(self, image: Any) -> Any:
        """Estimate amplitudes from cosines of a record times ``A^-1``.

        Args:
          image: Shape (frequency, row).

        Returns:
          The amplitudes, shape (row,).
        """
        return self.covariance @ (self.amplitude * image).sum(axis=0)


def series_information(
    amplitude: ArrayLike, inverses: ArrayLike, bands: Bands
) -> NDArray[np.float64]:
    """Compute ``B' A^-1 B`` for series of rows B, one column a row.

    Args:
      amplitude: Of their cosines, shape (frequency, row).
      inverses: A^-1 of each band, shape (band, row, row).
      bands: The bands.

    Returns:
      Shape (row, row).
    """
    amplitude, inverses = np.asarray(amplitude), np.asarray(inverses)
    total = np.zeros(inverses.shape[1:])
    for inverse, a, b in zip(inverses, bands.edges[:-1], bands.edges[1:]):
        total += (amplitude[a:b].T @ amplitude[a:b]) * inverse
    return total


def station_term(
    series: ArrayLike, precision: ArrayLike, filters: "BandFilters"
) -> StationTerm:
    """Make known series a part of the covariance.

    Args:
      series: In units of sigma, shape (sample, row).
      precision: Q, shape (row, row).
      filters: Of the record.

    Returns:
      The `StationTerm`.
    """
    amplitude = cosines(jnp.asarray(series, filters.inverses.dtype))
    information = series_information(amplitude, filters.inverses, filters.bands)
    covariance = np.linalg.inv(np.asarray(precision) + information)
    return StationTerm(amplitude, jnp.asarray(covariance, amplitude.dtype))


@functools.partial(jax.jit, static_argnames=("bands", "record"))
def band_filters(
    network: NetworkCovariance,
    spectra: NetworkSpectra,
    bands: Bands,
    record: int | None = None,
) -> BandFilters:
    """Compute the filters of a complete record.

    Args:
      network: From `network_covariance`.
      spectra: Amplitudes and shapes.
      bands: From `cosine_bands`.
      record: As for `band_means`.

    Returns:
      The `BandFilters`.
    """
    densities = band_means(spectra, bands, record)
    inverses = band_inverses(network, spectra, densities)
    white = jnp.asarray(spectra.white, inverses.dtype) / bands.step
    return BandFilters(densities, inverses, white, bands)


def complete_record(
    record: Record,
    filters: BandFilters,
    settings: ConjugateGradient,
    term: StationTerm | None = None,
) -> CompletedRecord:
    """Complete a record.

    With M the share observed and W the filter of a complete record, what can be
    predicted is ``s = W (M d + (1 - M) s)``; sought is ``(1 - M)^1/2 s``. On CPUs by
    SciPy, which has nothing to compile; elsewhere, and where traced, by XLA.

    Args:
      record: Data, share observed and first guess.
      filters: From `band_filters`.
      settings: How long to iterate.
      term: Known series of rows, which add to the covariance of the filters.

    Returns:
      The `CompletedRecord`.
    """
    concrete = all(map(is_concrete, jax.tree.leaves((record, filters))))
    if concrete and form_at(record[0]) == "cpu":
        return _by_scipy(record, filters, settings, term)
    return _by_xla(record, filters, settings, term)


@functools.partial(jax.jit, static_argnames="settings")
def _by_xla(
    record: Record,
    filters: BandFilters,
    settings: ConjugateGradient,
    term: StationTerm | None,
) -> CompletedRecord:
    data, share, start = record
    lost = jnp.sqrt(1 - share)

    def weigh(x: Array) -> Array:
        image = by_bands(cosines(x), filters.inverses, filters.bands)
        if term is not None:
            moved = term.amplitude * term.change(image)[None, :]
            image = image - by_bands(moved, filters.inverses, filters.bands)
        return cosine_sum(image)

    smooth, times = _operators(weigh, filters.white, lost)
    right = lost * smooth(share * data)
    # One system over all epochs and rows.
    solution, _ = conjugate_gradient(
        lambda x: times(x.reshape(data.shape)).ravel(),
        lambda x: x,
        right.ravel(),
        settings,
        (lost * start).ravel(),
    )
    solution = solution.reshape(data.shape)
    whole, left = (jnp.linalg.norm(x) for x in (right, right - times(solution)))
    complete = share * data + lost * solution
    residual = left / jnp.where(whole > 0, whole, 1)
    return CompletedRecord(smooth(complete), complete, residual)


def _operators(weigh: Operator, white: Any, lost: Any) -> tuple[Operator, Operator]:
    """The filter of a complete record, and the system, for arrays of either library."""
    smooth = lambda x: x - white * weigh(x)
    return smooth, lambda x: x - lost * smooth(lost * x)


def _by_scipy(
    record: Record,
    filters: BandFilters,
    settings: ConjugateGradient,
    term: StationTerm | None,
) -> CompletedRecord:
    data, share, start = map(np.asarray, record)
    lost, white = np.sqrt(1 - share), float(filters.white)
    inverses, bands = np.asarray(filters.inverses), filters.bands
    term = None if term is None else jax.tree.map(np.asarray, term)
    weigh = lambda x: _weighed(x, inverses, bands, term)
    smooth, times = _operators(weigh, white, lost)
    right = lost * smooth(share * data)
    finest = float(np.finfo(data.dtype).eps)
    times_flat = lambda x: times(x.reshape(data.shape)).ravel()
    shape = (data.size, data.size)
    solution, _ = cg(
        LinearOperator(shape, times_flat, dtype=data.dtype),  # pyright: ignore[reportCallIssue]
        right.ravel(),
        (lost * start).ravel(),
        rtol=max(settings.tolerance, finest),
        maxiter=settings.iterations,
    )
    solution = solution.reshape(data.shape)
    whole, left = (np.linalg.norm(x) for x in (right, right - times(solution)))
    complete = share * data + lost * solution
    parts = smooth(complete), complete, left / (whole or 1.0)
    return CompletedRecord(*(jnp.asarray(x, data.dtype) for x in parts))


def _weighed(
    values: NDArray, inverses: NDArray, bands: Bands, term: StationTerm | None
) -> NDArray:
    """Multiply the cosines of each band by its matrix, as `by_bands` does."""
    transform = {"axis": 0, "norm": "ortho", "workers": available_cores()}
    amplitude = np.asarray(scipy.fft.dct(values, **transform))
    of_bands = list(zip(inverses, bands.edges[:-1], bands.edges[1:]))
    for matrix, a, b in of_bands:
        amplitude[a:b] = amplitude[a:b] @ matrix
    if term is not None:
        moved = np.asarray(term.amplitude) * term.change(amplitude)
        for matrix, a, b in of_bands:
            amplitude[a:b] -= moved[a:b] @ matrix
    return np.asarray(scipy.fft.idct(amplitude, overwrite_x=True, **transform))

"""Amplitudes of known series of stations, under spectra of a network, gaps and all.

What a station follows, such as temperature, falls apart into offset, trend and seasons,
which are maps of their own, and the rest. Both say something of its amplitude: the
seasons by how they differ from the load's in space, the rest at every frequency.
"""

import dataclasses

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import check_shapes
from jaxload.inversion.linalg.pcg import ConjugateGradient
from jaxload.inversion.spectral.completion import series_information
from jaxload.inversion.spectral.error_spectra import gappy_inverses
from jaxload.inversion.spectral.spectra import (
    NetworkCovariance,
    NetworkSpectra,
    band_means,
)
from jaxload.inversion.spectral.time_functions import FunctionMaps, StationFits
from jaxload.inversion.spectral.transform import by_bands, cosines
from jaxload.inversion.spectral.wiener import completed_record
from jaxload.inversion.station_regression import (
    AmplitudePrior,
    StationAmplitudes,
    posterior_amplitudes,
)
from jaxload.inversion.uncertainty.functionals import Functionals

__all__ = [
    "NetworkSeries",
    "amplitude_errors",
    "network_amplitudes",
    "season_information",
]

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class NetworkSeries:
    """A known series of each station, parted as its heights are.

    Attributes:
      coefficients: Of functions of time, fitted at the epochs of the heights, shape
        (function, row).
      rest: What they leave, at equal steps of time and where heights are missing too,
        shape (step, row).
      share: Of the steps in which a row has heights, shape (row,).
    """

    coefficients: Floats
    rest: Floats
    share: Floats


def season_information(
    network: NetworkCovariance,
    maps: FunctionMaps,
    fits: StationFits,
    coefficients: ArrayLike,
) -> tuple[Floats, Floats]:
    """Compute the information of functions of time on the amplitudes of series.

    Args:
      network: From `network_covariance`.
      maps: Of the functions.
      fits: Of the heights, about the prior mean of the amplitudes.
      coefficients: Of the series, shape (function, row).

    Returns:
      Weighted data, shape (row,), and information, shape (row, row), as the arguments
      of `posterior_amplitudes`.
    """
    sigma, weights = np.asarray(network.sigma), np.asarray(maps.inverses)
    known = np.asarray(coefficients) / sigma
    return (
        np.einsum("kr,krs,ks->r", known, weights, fits.coefficients / sigma),
        np.einsum("kr,krs,ks->rs", known, weights, known),
    )


def network_amplitudes(
    network: NetworkCovariance,
    spectra: NetworkSpectra,
    heights: tuple[FunctionMaps, StationFits, ArrayLike],
    series: NetworkSeries,
    prior: AmplitudePrior,
    settings: ConjugateGradient | None = None,
) -> StationAmplitudes:
    """Estimate amplitudes of known series by the seasons and the rest of heights.

    For given spectra their mean is exact but for the tolerance of the iteration. In
    their covariance a row that observes a share of the steps counts as one whose own
    noise is larger by that.

    Args:
      network: From `network_covariance`.
      spectra: Amplitudes and shapes.
      heights: Maps and fits of the functions of time, and what the fits leave at equal
        steps of time [mm], shape (step, row), NaN if missing; all of heights less the
        prior mean of the amplitudes times the series.
      series: Parted likewise.
      prior: Of the amplitudes.
      settings: How long to iterate, as of `separate_record`.

    Returns:
      The `StationAmplitudes`.

    Raises:
      ValueError: If shapes disagree.

    Source:
      As `station_amplitudes`; covariance with a term of low rank: Woodbury (1950).
    """
    maps, fits, rest = heights
    check_shapes(rest=(rest, "step row"), series=(series.rest, "step row"))
    right, of_seasons = season_information(network, maps, fits, series.coefficients)
    about_zero = dataclasses.replace(prior, mean=0.0)
    first = posterior_amplitudes(right, of_seasons, about_zero)
    if prior.sd == 0:
        return dataclasses.replace(first, amplitude=first.amplitude + prior.mean)
    precision = np.eye(len(right)) / prior.sd**2 + of_seasons
    left = np.asarray(rest) - series.rest * first.amplitude
    completed, filters, term = completed_record(
        network, left, spectra, settings, (series.rest, precision)
    )
    assert term is not None
    image = by_bands(cosines(completed.values), filters.inverses, filters.bands)
    change = first.amplitude + np.asarray(term.change(image), np.float64)
    information = precision + _rest_information(network, spectra, series)
    gain = change @ information @ change
    gain -= np.linalg.slogdet(prior.sd**2 * information)[1]
    covariance = np.linalg.inv(information)
    covariance = (covariance + covariance.T) / 2
    return StationAmplitudes(prior.mean + change, covariance, float(gain) / 2)


def _rest_information(
    network: NetworkCovariance, spectra: NetworkSpectra, series: NetworkSeries
) -> Floats:
    """What the rest says of the amplitudes, shape (row, row)."""
    steps = len(series.rest)
    inverses, bands = gappy_inverses(network, spectra, series.share, steps)
    amplitude = cosines(jnp.asarray(series.rest) / network.sigma[None, :])
    return series_information(amplitude, inverses, bands)


def amplitude_errors(
    network: NetworkCovariance,
    spectra: NetworkSpectra,
    maps: FunctionMaps,
    series: tuple[NetworkSeries, Floats],
    functionals: Functionals,
) -> tuple[Floats, Floats]:
    """Compute by how much unknown amplitudes raise the variance of functionals.

    Covariances between functions of time are left out; that of the rest is the mean
    over the record.

    Args:
      network: From `network_covariance`.
      spectra: Amplitudes and shapes.
      maps: Of the functions of time.
      series: The series, and the covariance of their amplitudes, shape (row, row).
      functionals: From `averages`, `some_cells` or `every_cell`.

    Returns:
      What adds to `function_errors` [mm2], shape (function, functional), and to the
      variance of the rest of an epoch [mm2], shape (functional,).
    """
    parted, covariance = series
    sigma = np.asarray(network.sigma)
    cross, known = np.asarray(functionals.cross) / sigma, parted.coefficients / sigma
    of_functions = []
    for load, weight, moves in zip(*map(np.asarray, (maps.load, maps.inverses)), known):
        pull = load * (cross @ weight) * moves
        of_functions.append(np.einsum("mr,mr->m", pull @ covariance, pull))
    steps = len(parted.rest)
    inverses, bands = gappy_inverses(network, spectra, parted.share, steps)
    amplitude = np.asarray(cosines(jnp.asarray(parted.rest / sigma)))
    loads = np.asarray(band_means(spectra, bands).load)
    total = np.zeros(covariance.shape)
    ends = zip(bands.edges[:-1], bands.edges[1:])
    for load, inverse, (a, b) in zip(loads, np.asarray(inverses), ends):
        moved = (amplitude[a:b].T @ amplitude[a:b]) * covariance
        total += load**2 * (inverse @ moved @ inverse)
    of_rest = np.einsum("mr,mr->m", cross @ total, cross) / steps
    return np.stack(of_functions), of_rest

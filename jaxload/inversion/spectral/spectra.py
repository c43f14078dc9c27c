"""Spectra of a network: of its load, of each station's noise, and of shared noise.

A record that is stationary in time falls apart into frequencies. At each, the
covariance of the stations' displacement is ``l G C G' + w diag(sigma^2) + c 11' + r E``
with the densities of the load l, of each station's own noise w, of a common mode c, and
of regional modes r, whose correlation E falls off exponentially with distance.
"""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import check_shapes, is_concrete
from jaxload.inversion.linalg.spd import inverse
from jaxload.inversion.noise import exponential_correlation

__all__ = [
    "BANDS",
    "Bands",
    "Densities",
    "NetworkCovariance",
    "NetworkSpectra",
    "band_inverses",
    "band_means",
    "cosine_bands",
    "network_covariance",
    "spectral_densities",
]

#: Bands of a record; spectra change by about a quarter from one to the next.
BANDS = 40


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class NetworkSpectra:
    """Amplitudes of the spectra of a network, from `fit_spectra` or given.

    Spectral densities are variances of an epoch if a spectrum is white. Periods are in
    epochs.

    Attributes:
      load: Density of the prior of the load at the period `reference`, scalar; times C
        it is in mm2.
      slope: The load's density grows with the period to this power, scalar.
      white: Density of a station's white noise, in units of its sigma squared [-].
      flicker: By how much a station's density grows with each epoch of the period, in
        units of its sigma squared [-].
      random_walk: By how much it grows with the square of the period, likewise [-].
      common_white: Density of the white part of the common mode [mm2].
      common_flicker: By how much it grows with each epoch of the period [mm2].
      regional_white: The same of regional modes [mm2].
      regional_flicker: Likewise [mm2].
      length: At which the correlation of regional modes has fallen to 1/e, in the unit
        of the distances.
      memory: Longest period up to which noise that stations share grows, in epochs.
      reference: Period of `load`, in epochs.
    """

    load: Array | float
    slope: Array | float
    white: Array | float
    flicker: Array | float
    random_walk: Array | float
    common_white: Array | float
    common_flicker: Array | float
    regional_white: Array | float
    regional_flicker: Array | float
    length: Array | float
    memory: float = dataclasses.field(metadata={"static": True})
    reference: float = dataclasses.field(metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Densities:
    """Spectral densities at some frequencies, each of shape (frequency,).

    Attributes:
      load: Of the load, before C.
      station: Of each station's own noise, in units of its sigma squared [-].
      common: Of the common mode [mm2].
      regional: Of regional modes [mm2].
    """

    load: Array
    station: Array
    common: Array
    regional: Array


@dataclasses.dataclass(frozen=True)
class Bands:
    """Neighbouring frequencies of a cosine transform, taken as one.

    Attributes:
      edges: First frequency of each band, and the number of frequencies at the end.
      step: Epochs of the record in one sample.
    """

    edges: tuple[int, ...]
    step: int = 1

    @property
    def samples(self) -> int:
        """Number of samples, and of frequencies."""
        return self.edges[-1]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Number of frequencies of each band."""
        return np.diff(self.edges)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class NetworkCovariance:
    """What of a network's covariance has a place, in units of each row's sigma.

    Attributes:
      sigma: Standard error of each row [mm], shape (row,).
      gram: ``G C G'``, shape (row, row).
      common: One over sigma at the rows with a common mode, zero at others [1/mm],
        shape (row,).
      distance: Between the rows, in any unit, shape (row, row).
    """

    sigma: Array
    gram: Array
    common: Array
    distance: Array

    def matrix(self, spectra: NetworkSpectra, density: Densities) -> Array:
        """Add the parts up at one frequency.

        Args:
          spectra: Has the length of regional modes.
          density: At it, scalars.

        Returns:
          The covariance, shape (row, row).
        """
        shared = self.common[:, None] * self.common[None, :]
        regional = shared * exponential_correlation(self.distance, spectra.length)
        station = jnp.diag(jnp.broadcast_to(density.station, self.sigma.shape))
        return (
            density.load * self.gram
            + station
            + density.common * shared
            + density.regional * regional
        )


def network_covariance(
    gram: ArrayLike,
    sigma: ArrayLike,
    distance: ArrayLike,
    rows: ArrayLike | None = None,
) -> NetworkCovariance:
    """Bring the covariances of a network into units of each row's sigma.

    Args:
      gram: ``G C G'``, shape (row, row).
      sigma: Standard errors [mm], shape (row,).
      distance: Between rows, in any unit, shape (row, row).
      rows: Which rows have common and regional modes, boolean, shape (row,); all by
        default.

    Returns:
      The `NetworkCovariance`.

    Raises:
      ValueError: If shapes disagree, or a sigma is not positive.
    """
    gram = jnp.asarray(gram)
    sigma, distance = (jnp.asarray(x, gram.dtype) for x in (sigma, distance))
    check_shapes(
        gram=(gram, "row row"), sigma=(sigma, "row"), distance=(distance, "row row")
    )
    if is_concrete(sigma) and not (np.asarray(sigma) > 0).all():
        raise ValueError("sigma is not positive at every row; leave such rows out")
    shared = jnp.ones_like(sigma) if rows is None else jnp.asarray(rows, gram.dtype)
    unit = sigma[:, None] * sigma[None, :]
    return NetworkCovariance(sigma, gram / unit, shared / sigma, distance)


def spectral_densities(spectra: NetworkSpectra, period: ArrayLike) -> Densities:
    """Compute spectral densities.

    Args:
      spectra: Amplitudes and shapes.
      period: Periods [epochs], shape (frequency,).

    Returns:
      The `Densities`.

    Source:
      Flicker noise in positions of stations: Williams et al. (2004),
      doi:10.1029/2003JB002741; noise that a network shares: Dong et al. (2006),
      doi:10.1029/2005JB003806.
    """
    period = jnp.asarray(period)
    kept = jnp.minimum(period, spectra.memory)
    return Densities(
        spectra.load * (period / spectra.reference) ** spectra.slope,
        spectra.white + spectra.flicker * period + spectra.random_walk * period**2,
        spectra.common_white + spectra.common_flicker * kept,
        spectra.regional_white + spectra.regional_flicker * kept,
    )


def cosine_bands(samples: int, step: int = 1, count: int = BANDS) -> Bands:
    """Divide the frequencies of a cosine transform into bands, evenly in the logarithm.

    Args:
      samples: Number of samples.
      step: Epochs in one sample.
      count: Most bands; low ones hold at least one frequency.

    Returns:
      The `Bands`; the first is the mean alone.
    """
    edges = np.unique(np.geomspace(1, samples, count).round().astype(int))
    return Bands((0, *map(int, edges)), step)


def band_means(
    spectra: NetworkSpectra, bands: Bands, record: int | None = None
) -> Densities:
    """Average spectral densities over the frequencies of each band.

    Args:
      spectra: Amplitudes and shapes.
      bands: From `cosine_bands`.
      record: Epochs of the record of which these are a window; None where they are all
        of it.

    Returns:
      Densities of one sample, each of shape (band,); the mean of a record has those of
      its lowest frequency, and that of a window the variance that it has in the record.
    """
    period = 2 * bands.samples * bands.step / np.maximum(np.arange(bands.samples), 1)
    density = spectral_densities(spectra, period)
    band = np.repeat(np.arange(len(bands.sizes)), bands.sizes)

    def average(values: Array) -> Array:
        values = jnp.broadcast_to(values, period.shape)
        total = jax.ops.segment_sum(values, band, len(bands.sizes))
        return total / jnp.asarray(bands.sizes * bands.step, total.dtype)

    means = jax.tree.map(average, density)
    if record is None or record <= bands.samples * bands.step:
        return means
    of_mean = _mean_of_window(spectra, bands, record)
    return jax.tree.map(lambda mean, first: mean.at[0].set(first), means, of_mean)


def _mean_of_window(spectra: NetworkSpectra, bands: Bands, record: int) -> Densities:
    """Densities of a window's mean: its variance in a record, times the samples."""
    number, length = np.arange(record), bands.samples * bands.step
    density = spectral_densities(spectra, 2 * record / np.maximum(number, 1))
    angle = np.pi * np.maximum(number, 1) / (2 * record)
    passed = (np.sin(length * angle) / (length * np.sin(angle))) ** 2
    passed[0] = 1
    share = jnp.asarray(passed * bands.samples / record)

    def total(values: Array) -> Array:
        return jnp.sum(share * jnp.broadcast_to(values, share.shape))

    return jax.tree.map(total, density)


def band_inverses(
    network: NetworkCovariance, spectra: NetworkSpectra, densities: Densities
) -> Array:
    """Invert the covariance of every band.

    Args:
      network: From `network_covariance`.
      spectra: Amplitudes and shapes.
      densities: From `band_means`.

    Returns:
      The inverses, shape (band, row, row).
    """
    one = lambda density: inverse(network.matrix(spectra, density))
    return jax.lax.map(one, densities)


def check_spectra(spectra: NetworkSpectra) -> None:
    """Refuse amplitudes that no spectrum has.

    Args:
      spectra: Of plain numbers.

    Raises:
      ValueError: If one is negative or not finite, or white noise, load, length, memory
        or reference are not positive.
    """
    positive = ("load", "white", "length", "memory", "reference")
    for field in dataclasses.fields(spectra):
        value = float(getattr(spectra, field.name))
        least = 0.0 if field.name in positive else -math.ulp(0.0)
        if not (math.isfinite(value) and value > least):
            kind = "a positive number" if field.name in positive else "zero or more"
            raise ValueError(f"{field.name} is {value:g}, expected {kind}")

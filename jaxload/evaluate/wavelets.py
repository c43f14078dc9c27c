"""Wavelet and cross-wavelet transforms, and wavelet coherence, of series."""

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "CrossWavelet",
    "WaveletScales",
    "WaveletTransform",
    "coherence_limit",
    "cone_of_influence",
    "cross_wavelet",
    "first_autocorrelation",
    "red_noise_power",
    "wavelet_scales",
    "wavelet_transform",
]

Floats = NDArray[np.float64]

#: Nondimensional frequency of the Morlet wavelet.
FREQUENCY = 6.0

#: Fourier period of the wavelet over its scale (Torrence & Compo 1998, table 1).
PERIOD_OF_SCALE = 4 * math.pi / (FREQUENCY + math.sqrt(2 + FREQUENCY**2))

#: Scales to an octave, and the smallest scale in steps.
SCALES_IN_OCTAVE, SMALLEST = 12, 2.0

#: Decorrelation length of the Morlet wavelet in scale [octaves] (same, table 2).
DECORRELATION = 0.6

#: The 95th percentile of the product of two transforms of white noise (same, eq. 31).
LIMIT_OF_CROSS = 3.999 / 2

#: Level of significance, and surrogates transformed at a time.
LEVEL, TOGETHER = 0.95, 32

#: Shortest series of which a transform means anything.
SHORTEST = 16


@dataclasses.dataclass(frozen=True, eq=False)
class WaveletScales:
    """Scales of a transform, and where its ends matter.

    Attributes:
      scale: Scales of the wavelet [steps], ascending, shape (scale,).
      period: Their Fourier periods [steps], shape (scale,).
      influence: Longest period that the ends do not affect [steps], the cone of
        influence, shape (epoch,).
    """

    scale: Floats
    period: Floats
    influence: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class WaveletTransform:
    """A wavelet transform.

    Attributes:
      coefficient: Complex coefficients [as the series], shape (..., scale, epoch).
      scales: Of the transform.
    """

    coefficient: NDArray[np.complex128]
    scales: WaveletScales

    @property
    def power(self) -> Floats:
        """Squared size [series squared], shape (..., scale, epoch)."""
        return np.abs(self.coefficient) ** 2


@dataclasses.dataclass(frozen=True, eq=False)
class CrossWavelet:
    """Two standardised series in time and period.

    Attributes:
      scales: Of the transforms.
      power: Size of the cross-wavelet transform [-], shape (scale, epoch).
      phase: Its angle [rad], positive where the first series leads, same shape.
      coherence: Squared wavelet coherence [-], 0 to 1, same shape.
      power_limit: Power that two unrelated series of red noise exceed in 5% of cases
        [-], shape (scale,).
    """

    scales: WaveletScales
    power: Floats
    phase: Floats
    coherence: Floats
    power_limit: Floats


def wavelet_scales(length: int) -> WaveletScales:
    """Lay out scales for a series: twelve to an octave, from two steps on.

    Args:
      length: Number of epochs.

    Returns:
      The scales, up to that whose period is half the record.

    Raises:
      ValueError: If there are fewer than 16 epochs.
    """
    if length < SHORTEST:
        raise ValueError(
            f"the series has {length} epochs, expected {SHORTEST} or more for a "
            "wavelet transform"
        )
    octaves = math.log2(length / 2 / PERIOD_OF_SCALE / SMALLEST)
    exponents = np.arange(int(octaves * SCALES_IN_OCTAVE) + 1) / SCALES_IN_OCTAVE
    scale = SMALLEST * 2.0**exponents
    influence = cone_of_influence(np.ones(length, bool))
    return WaveletScales(scale, PERIOD_OF_SCALE * scale, influence)


def cone_of_influence(observed: ArrayLike) -> Floats:
    """Find the longest period that neither ends nor gaps affect.

    Args:
      observed: Which epochs are observed, and not filled across a gap, shape (epoch,).

    Returns:
      Periods [steps], shape (epoch,); 0 in gaps.

    Source:
      Torrence & Compo (1998), section 3g,
      doi:10.1175/1520-0477(1998)079<0061:APGTWA>2.0.CO;2.
    """
    observed = np.asarray(observed, bool)
    epochs = np.arange(len(observed))
    walls = np.concatenate([[-1], epochs[~observed], [len(observed)]])
    distance = np.abs(epochs[:, None] - walls).min(axis=1)
    return PERIOD_OF_SCALE / math.sqrt(2) * np.where(observed, distance - 0.5, 0.0)


def wavelet_transform(values: ArrayLike) -> WaveletTransform:
    """Transform series by the Morlet wavelet.

    Args:
      values: Series at equal steps without gaps, shape (..., epoch).

    Returns:
      The `WaveletTransform` of each less its mean. White noise of variance 1 has an
      expected power of 1, but 0.65 to 0.95 at periods below 2.6 steps, where the
      wavelet reaches beyond the shortest wave that steps resolve.

    Raises:
      ValueError: If a value is missing, or there are too few.

    Source:
      Torrence & Compo (1998), eqs. 4 and 6, table 1,
      doi:10.1175/1520-0477(1998)079<0061:APGTWA>2.0.CO;2.
    """
    values = np.asarray(values, np.float64)
    if not np.isfinite(values).all():
        raise ValueError(
            f"{(~np.isfinite(values)).sum()} values are missing, but a wavelet "
            "transform needs all; interpolate short gaps, or cut the series"
        )
    length = values.shape[-1]
    scales = wavelet_scales(length)
    padded = 2 ** math.ceil(math.log2(length) + 1)
    spectrum = np.fft.fft(values - values.mean(axis=-1, keepdims=True), padded)
    angular = 2 * np.pi * np.fft.fftfreq(padded)
    scaled = scales.scale[:, None] * angular
    daughter = np.where(angular > 0, np.exp(-((scaled - FREQUENCY) ** 2) / 2), 0.0)
    daughter *= np.sqrt(2 * np.pi * scales.scale)[:, None] * np.pi**-0.25
    whole = np.fft.ifft(spectrum[..., None, :] * daughter)
    return WaveletTransform(whole[..., :length], scales)


def cross_wavelet(first: ArrayLike, second: ArrayLike) -> CrossWavelet:
    """Transform two series together: common power, phase and coherence.

    Not for: causes. Series that share a season are coherent at its period.

    Args:
      first: Series at equal steps without gaps, shape (epoch,).
      second: Another of the same epochs.

    Returns:
      The `CrossWavelet`.

    Raises:
      ValueError: If shapes differ, a value is missing, or a series is constant.

    Example:
      >>> both = cross_wavelet(water, rain)
      >>> inside = both.scales.period[:, None] < both.scales.influence
      >>> common = inside & (both.power > both.power_limit[:, None])

    Source:
      Torrence & Compo (1998), eqs. 30 and 31,
      doi:10.1175/1520-0477(1998)079<0061:APGTWA>2.0.CO;2; Grinsted, Moore & Jevrejeva
      (2004), eqs. 4 to 8, doi:10.5194/npg-11-561-2004.
    """
    pair = _standardised(first, second)
    both = wavelet_transform(pair)
    product = both.coefficient[0] * np.conj(both.coefficient[1])
    noise = [red_noise_power(first_autocorrelation(x), both.scales) for x in pair]
    return CrossWavelet(
        both.scales,
        np.abs(product),
        np.angle(product),
        _coherence(both),
        LIMIT_OF_CROSS * np.sqrt(noise[0] * noise[1]),
    )


def _standardised(first: ArrayLike, second: ArrayLike) -> Floats:
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(
            f"first has shape {first.shape} and second {second.shape}, expected two "
            "series of the same epochs"
        )
    pair = np.stack([first, second])
    for name, values in zip(("first", "second"), pair):
        if np.ptp(values) == 0:
            raise ValueError(f"{name} is constant, and has no waves to compare")
    return (pair - pair.mean(axis=1, keepdims=True)) / pair.std(axis=1, keepdims=True)


def _coherence(both: WaveletTransform) -> Floats:
    """Squared coherence of transforms, the first axis of which is the pair."""
    scale = both.scales.scale[:, None]
    first, second = both.coefficient
    common = _smooth(first * np.conj(second) / scale, both.scales)
    powers = [
        _smooth(np.abs(x) ** 2 / scale, both.scales).real for x in (first, second)
    ]
    return np.abs(common) ** 2 / (powers[0] * powers[1])


def _smooth(values: NDArray, scales: WaveletScales) -> NDArray[np.complex128]:
    """Averages over the decorrelation time and scale of the wavelet."""
    length = values.shape[-1]
    padded = 2 ** math.ceil(math.log2(length) + 1)
    angular = 2 * np.pi * np.fft.fftfreq(padded)
    bell = np.exp(-((scales.scale[:, None] * angular) ** 2) / 2)
    smoothed = np.fft.ifft(np.fft.fft(values, padded) * bell)[..., :length]
    reach = DECORRELATION * SCALES_IN_OCTAVE / 2
    shifts = np.arange(-math.ceil(reach), math.ceil(reach) + 1)
    window = np.clip(reach + 0.5 - np.abs(shifts), 0, 1)
    total, count = np.zeros_like(smoothed), smoothed.shape[-2]
    for shift, weight in zip(shifts, window / window.sum()):
        source = np.clip(np.arange(count) + shift, 0, count - 1)
        total += weight * smoothed[..., source, :]
    return total


def first_autocorrelation(values: ArrayLike) -> float:
    """Compute the correlation of a series with itself a step later.

    Args:
      values: Without gaps, shape (epoch,).

    Returns:
      The correlation [-], 0 where it is negative.
    """
    values = np.asarray(values, np.float64)
    anomaly = values - values.mean()
    total = float(anomaly @ anomaly)
    return max(float(anomaly[1:] @ anomaly[:-1]) / total, 0.0) if total > 0 else 0.0


def red_noise_power(correlation: float, scales: WaveletScales) -> Floats:
    """Compute the expected power of standardised red noise by scale.

    Args:
      correlation: Of the noise from step to step [-]; 0 for white noise.
      scales: Of the transform.

    Returns:
      Power [-], shape (scale,).

    Source:
      Torrence & Compo (1998), eq. 16,
      doi:10.1175/1520-0477(1998)079<0061:APGTWA>2.0.CO;2.
    """
    turn = np.cos(2 * np.pi / scales.period)
    return (1 - correlation**2) / (1 + correlation**2 - 2 * correlation * turn)


def coherence_limit(
    correlations: tuple[float, float], length: int, count: int = 300, seed: int = 0
) -> Floats:
    """Estimate the coherence that unrelated series of red noise exceed in 5% of cases.

    Args:
      correlations: Of either series from step to step [-].
      length: Number of epochs.
      count: Pairs of series that are simulated.
      seed: Of the random numbers.

    Returns:
      Squared coherence [-], shape (scale,); NaN where the cone of influence leaves no
      epoch.

    Source:
      Grinsted, Moore & Jevrejeva (2004), section 2.4, doi:10.5194/npg-11-561-2004.
    """
    random, scales = np.random.default_rng(seed), wavelet_scales(length)
    inside = scales.period[:, None] < scales.influence
    values: list[Floats] = []
    for first in range(0, count, TOGETHER):
        shape = (min(TOGETHER, count - first), length)
        pair = np.stack([_red_noise(random, c, shape) for c in correlations])
        values.append(_coherence(wavelet_transform(pair)))
    every = np.concatenate(values)
    return np.array(
        [
            np.quantile(every[:, row, known], LEVEL) if known.any() else np.nan
            for row, known in enumerate(inside)
        ]
    )


def _red_noise(
    random: np.random.Generator, correlation: float, shape: tuple[int, int]
) -> Floats:
    """Standardised series of red noise, shape (series, epoch)."""
    noise = random.standard_normal(shape)
    fresh = math.sqrt(1 - correlation**2)
    for epoch in range(1, shape[1]):
        noise[:, epoch] = correlation * noise[:, epoch - 1] + fresh * noise[:, epoch]
    return noise

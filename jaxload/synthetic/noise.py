"""Noise of station series."""

import dataclasses

import numpy as np
import scipy.signal
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["HeightNoise", "flicker_noise", "height_noise", "remembered"]

#: Share of its value of the day before that the common mode keeps.
COMMON_MEMORY = 0.8


@dataclasses.dataclass(frozen=True)
class HeightNoise:
    """Standard deviations of the noise of heights.

    Attributes:
      white: Median over the stations of what differs from day to day [mm].
      flicker: Of flicker noise [mm].
      common: Of what the network has in common [mm].
    """

    white: float
    flicker: float
    common: float


def height_noise(
    shape: tuple[int, int], levels: HeightNoise, rng: Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw the noise of heights.

    Args:
      shape: Days and stations.
      levels: How much of which kind.
      rng: From which it is drawn.

    Returns:
      The noise [mm], and the formal error that comes with it [mm], which is that of the
      white part alone, each of shape (epoch, station).
    """
    days, stations = shape
    white = levels.white * rng.lognormal(0, 0.2, size=stations)
    formal = white * rng.lognormal(0, 0.08, size=shape)
    noise = formal * rng.normal(size=shape)
    noise += levels.flicker * flicker_noise(shape, rng)
    keep = COMMON_MEMORY
    common = scipy.signal.lfilter([1.0], [1.0, -keep], rng.normal(size=days))
    noise += levels.common * np.sqrt(1 - keep**2) * np.asarray(common)[:, None]
    return noise, formal


def flicker_noise(shape: tuple[int, int], rng: Generator) -> NDArray[np.float64]:
    """Draw noise whose power falls as 1 / frequency.

    Args:
      shape: Days and stations.
      rng: From which it is drawn.

    Returns:
      Noise of unit variance, shape (epoch, station).
    """
    frequency = np.fft.rfftfreq(shape[0])
    frequency[0] = np.inf
    spectrum = np.fft.rfft(rng.normal(size=shape), axis=0) / np.sqrt(frequency)[:, None]
    noise = np.fft.irfft(spectrum, n=shape[0], axis=0)
    return noise / noise.std(axis=0)


def remembered(noise: NDArray[np.float64], time_scale: float) -> NDArray[np.float64]:
    """Let what comes go slowly: each day keeps a share of the day before.

    Args:
      noise: What comes, shape (epoch, ...).
      time_scale: Days in which it falls to 1 / e.

    Returns:
      What is there [unit of `noise`], nothing before the first day, same shape.
    """
    return np.asarray(
        scipy.signal.lfilter([1.0], [1.0, -np.exp(-1 / time_scale)], noise, axis=0)
    )

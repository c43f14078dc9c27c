"""Smooth random fields and series."""

import numpy as np
import scipy.ndimage
from numpy.random import Generator
from numpy.typing import NDArray

from jaxload._calendar import DAY
from jaxload.constants import DEGREE

__all__ = ["draw_waves", "slow", "smooth_noise", "sphere_noise", "years_of"]

DAYS_PER_YEAR = 365.2425
KM_PER_DEGREE = 111.2

#: Standard deviation of the Gaussian that makes a series slow [days].
SLOWNESS = 180

#: Plane waves per field.
WAVES = 24


def years_of(time: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Count years since the begin of 2000, so that seasons keep their place.

    Args:
      time: Days, shape (epoch,).

    Returns:
      Years, shape (epoch,).
    """
    days = (time - np.datetime64("2000-01-01")) / DAY
    return days / DAYS_PER_YEAR


def smooth_noise(
    shape: tuple[int, int],
    spacing: float,
    lat: float,
    length: float,
    rng: Generator,
) -> NDArray[np.float64]:
    """Draw a smooth field on a raster.

    Args:
      shape: Rows and columns.
      spacing: Side of a cell [degrees].
      lat: Latitude whose degrees of longitude stand for all [degrees].
      length: Length of correlation [km]: standard deviation of a Gaussian.
      rng: From which it is drawn.

    Returns:
      The field, of unit variance, shape (lat, lon).
    """
    north = length / KM_PER_DEGREE / spacing
    east = north / np.cos(lat * DEGREE)
    # A Gaussian of width s keeps 1 / (2 sqrt(pi) s) of the variance, per axis.
    gain = np.sqrt(4 * np.pi * north * east)
    noise = rng.normal(size=shape)
    return gain * scipy.ndimage.gaussian_filter(noise, (north, east), mode="wrap")


def sphere_noise(
    places: tuple[NDArray[np.float64], NDArray[np.float64]],
    waves: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Evaluate a smooth random field on the sphere.

    Args:
      places: Latitude and longitude [degrees], of shapes that broadcast.
      waves: From `draw_waves`.

    Returns:
      The field, of unit variance.
    """
    lat, lon = (np.asarray(axis) * DEGREE for axis in places)
    x, y, z = np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)
    total = np.zeros(np.broadcast_shapes(lat.shape, lon.shape))
    for (east, north, up), phase in zip(*waves):
        total += np.cos(east * x + north * y + (up * z + phase))
    return total * np.sqrt(2 / len(waves[1]))


def draw_waves(
    degrees: tuple[float, float], rng: Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw plane waves that cut the unit sphere.

    A plane wave of wave number k is a sum of spherical harmonics of degrees up to
    about k, and of next to nothing above. Power falls as one over the degree squared.

    Args:
      degrees: Smallest and largest wave number.
      rng: From which they are drawn.

    Returns:
      Wave vectors, shape (wave, 3), and phases, shape (wave,).
    """
    smallest, largest = degrees
    size = 1 / rng.uniform(1 / largest, 1 / smallest, size=WAVES)
    vector = rng.normal(size=(WAVES, 3))
    vector *= (size / np.linalg.norm(vector, axis=1))[:, None]
    return vector, rng.uniform(0, 2 * np.pi, size=WAVES)


def slow(days: int, rng: Generator) -> NDArray[np.float64]:
    """Draw a series of unit variance that changes over a year or so.

    Args:
      days: Its length.
      rng: From which it is drawn.

    Returns:
      The series, shape (epoch,).
    """
    margin = 1000
    noise = rng.normal(size=days + 2 * margin)
    smoothed = scipy.ndimage.gaussian_filter1d(noise, SLOWNESS)
    return smoothed[margin : margin + days] * np.sqrt(2 * np.sqrt(np.pi) * SLOWNESS)

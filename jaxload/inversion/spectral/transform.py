"""Cosine transforms in time, and products within bands of their frequencies."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.spectral.spectra import Bands

__all__ = ["by_bands", "cosine_sum", "cosines", "smooth_length"]

#: Factors of lengths for which transforms are fast, beside 64.
FACTORS = (2, 3, 5, 7)


def cosines(values: Array) -> Array:
    """Transform series into amplitudes of orthonormal cosines.

    Args:
      values: Shape (epoch, row).

    Returns:
      Amplitudes, the mean first, shape (frequency, row), as many as epochs.

    Source:
      DCT-II by one real FFT of the same length: Makhoul (1980),
      doi:10.1109/TASSP.1980.1163351.
    """
    count = len(values)
    order = np.r_[0:count:2, (count - 1 - count % 2) : 0 : -2]
    spectrum = jnp.fft.rfft(values[order].T).T
    turned = spectrum * _turn(count, values.dtype, -1)[: len(spectrum), None]
    last = -turned.imag[1 : (count + 1) // 2][::-1]
    amplitude = jnp.concatenate([turned.real, last]) * jnp.sqrt(2 / count)
    return amplitude.at[0].multiply(np.sqrt(0.5))


def cosine_sum(amplitude: Array) -> Array:
    """Sum up cosines, the inverse of `cosines`.

    Args:
      amplitude: Shape (frequency, row).

    Returns:
      Series, shape (epoch, row).
    """
    count = len(amplitude)
    half = count // 2 + 1
    scaled = amplitude.at[0].multiply(np.sqrt(2)) / jnp.sqrt(2 / count)
    mirrored = jnp.concatenate([jnp.zeros_like(scaled[:1]), scaled[:0:-1]])[:half]
    turn = _turn(count, amplitude.dtype, 1)[:half, None]
    spectrum = jax.lax.complex(scaled[:half], -mirrored) * turn
    ordered = jnp.fft.irfft(spectrum.T, count).T
    order = np.r_[0:count:2, (count - 1 - count % 2) : 0 : -2]
    return ordered[np.argsort(order)]


def _turn(count: int, dtype: np.dtype, sign: int) -> Array:
    angle = sign * np.pi * np.arange(count) / (2 * count)
    whole = jnp.complex64 if dtype == jnp.float32 else jnp.complex128
    return jnp.asarray(np.exp(1j * angle), whole)


def by_bands(
    amplitude: Array, matrices: Array | Sequence[Array], bands: Bands
) -> Array:
    """Multiply the frequencies of each band by a matrix of its own.

    Args:
      amplitude: From `cosines`, shape (frequency, row).
      matrices: Shape (band, row, any).
      bands: The bands.

    Returns:
      The products, shape (frequency, any).
    """
    ends = enumerate(zip(bands.edges[:-1], bands.edges[1:]))
    parts = [einsum("fr,rs->fs", amplitude[a:b], matrices[i]) for i, (a, b) in ends]
    return jnp.concatenate(parts)


def smooth_length(count: int) -> int:
    """Find the next length whose transforms are fast, for records of some size.

    Args:
      count: Number of epochs.

    Returns:
      The same if they are few; else the next multiple of 64 without large factors.
    """
    if count < 512:
        return count
    parts = -(-count // 64)
    while not _is_smooth(parts):
        parts += 1
    return 64 * parts


def _is_smooth(number: int) -> bool:
    for factor in FACTORS:
        while number % factor == 0:
            number //= factor
    return number == 1

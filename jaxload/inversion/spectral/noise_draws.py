"""Noise that stations share, drawn from its spectra."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.noise import exponential_correlation
from jaxload.inversion.spectral.spectra import (
    NetworkCovariance,
    NetworkSpectra,
    spectral_densities,
)
from jaxload.inversion.spectral.transform import cosine_sum

__all__ = ["draw_shared_noise"]

#: Is added to the diagonal of a correlation.
RIDGE = 1e-6


def draw_shared_noise(
    network: NetworkCovariance, spectra: NetworkSpectra, steps: int, key: Array
) -> NDArray[np.float64]:
    """Draw common and regional modes of a record.

    Args:
      network: From `network_covariance`.
      spectra: From `fit_spectra`.
      steps: Equal steps of time.
      key: Of `jax.random.key`.

    Returns:
      Displacement [mm], shape (step, row); of the common mode at rows that have one.
    """
    period = 2 * steps / np.maximum(np.arange(steps), 1)
    density = spectral_densities(spectra, period)
    rows = len(network.sigma)
    correlation = exponential_correlation(network.distance, spectra.length)
    root = jnp.linalg.cholesky(
        correlation + RIDGE * jnp.eye(rows, dtype=correlation.dtype)
    )
    of_common, of_regions = jax.random.split(key)
    dtype = network.gram.dtype
    common = jax.random.normal(of_common, (steps, 1), dtype)
    regional = jax.random.normal(of_regions, (steps, rows), dtype)
    regional = einsum("tr,sr->ts", regional, root)
    parts = (density.common, common), (density.regional, regional)
    amplitude = sum(jnp.sqrt(part)[:, None] * drawn for part, drawn in parts)
    shared = cosine_sum(jnp.where(network.common > 0, amplitude, 0))
    return np.asarray(shared, np.float64)

"""Spectra of a network in plain numbers."""

from typing import Any

import numpy as np

from jaxload.pipeline.estimation.network_noise import NetworkModel

__all__ = ["describe_spectra"]


def describe_spectra(network: NetworkModel) -> dict[str, Any]:
    """Write spectra down as plain numbers, periods in days.

    Args:
      network: From `network_model`.

    Returns:
      Entries of `summary.json`.
    """
    spectra, days = network.spectra, network.days
    sigma = float(np.median(np.asarray(network.network.sigma)))
    return {
        "station_white_mm": sigma * float(np.sqrt(spectra.white)),
        "station_flicker_mm2_per_day": sigma**2 * float(spectra.flicker) / days,
        "station_random_walk_mm2_per_day2": sigma**2
        * float(spectra.random_walk)
        / days**2,
        "common_white_mm": float(np.sqrt(spectra.common_white)),
        "common_flicker_mm2_per_day": float(spectra.common_flicker) / days,
        "regional_white_mm": float(np.sqrt(spectra.regional_white)),
        "regional_flicker_mm2_per_day": float(spectra.regional_flicker) / days,
        "regional_length_km": float(spectra.length),
        "memory_days": float(spectra.memory) * days,
        "load_density_at_a_year": float(spectra.load),
        "load_slope": float(spectra.slope),
    }

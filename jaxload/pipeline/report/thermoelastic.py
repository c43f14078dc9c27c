"""What temperature moves: labelled, and in plain numbers."""

from typing import Any

import numpy as np
import xarray as xr

from jaxload.pipeline.estimation.thermoelastic import Expansion, prior_of

__all__ = ["describe_expansion", "with_expansion"]


def with_expansion(stations: xr.Dataset, expansion: Expansion) -> xr.Dataset:
    """Add expansion with temperature to the heights of stations.

    Args:
      stations: From `station_results`.
      expansion: The expansion.

    Returns:
      The dataset, with ``thermoelastic_amplitude`` and its standard error
      ``thermoelastic_amplitude_sd`` (station) [mm/K], the uplift ``thermoelastic``
      (time, station) [mm], which ``predicted`` then holds too; both NaN where there is
      no temperature.
    """
    known = expansion.temperature.known
    uplift = np.where(known, expansion.uplift, np.nan).astype(np.float32)
    predicted = stations.predicted + uplift
    predicted.attrs = {
        "units": "mm",
        "long_name": "uplift by the estimated water and by thermal expansion",
    }
    values = {
        "thermoelastic_amplitude": (
            "station",
            expansion.amplitudes.amplitude,
            {"units": "mm K-1", "long_name": "uplift with temperature"},
        ),
        "thermoelastic_amplitude_sd": (
            "station",
            expansion.amplitudes.sd,
            {"units": "mm K-1", "long_name": "standard error of it"},
        ),
        "thermoelastic": (
            ("time", "station"),
            uplift,
            {"units": "mm", "long_name": "uplift by thermal expansion"},
        ),
    }
    return stations.assign(values | {"predicted": predicted})


def describe_expansion(expansion: Expansion, correlation: float) -> dict[str, Any]:
    """Summarise expansion with temperature in plain numbers.

    Args:
      expansion: The expansion.
      correlation: Of temperature and uplift by water.

    Returns:
      Entries of `summary.json`.
    """
    amplitudes, prior = expansion.amplitudes, prior_of(expansion.temperature)
    count = len(amplitudes.amplitude)
    return {
        "files": list(expansion.temperature.settings.paths),
        "lag_days": expansion.temperature.settings.lag_days,
        "prior_mean_mm_per_kelvin": prior.mean,
        "prior_sd_mm_per_kelvin": prior.sd,
        "amplitude_mean_mm_per_kelvin": float(np.mean(amplitudes.amplitude)),
        "amplitude_mean_sd_mm_per_kelvin": float(
            np.sqrt(amplitudes.covariance.sum()) / count
        ),
        "amplitude_scatter_mm_per_kelvin": float(np.std(amplitudes.amplitude)),
        "amplitude_sd_mm_per_kelvin": float(np.median(amplitudes.sd)),
        "uplift_rms_mm": float(np.sqrt(np.mean(expansion.uplift**2))),
        "correlation_with_water": correlation,
        "evidence_gain": amplitudes.evidence_gain,
    }

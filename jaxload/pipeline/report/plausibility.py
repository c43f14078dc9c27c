"""What of a result no water on Earth does."""

import logging
from typing import Any

import numpy as np
import xarray as xr

from jaxload.pipeline.chunks import blocks

__all__ = ["check_water"]

logger = logging.getLogger(__name__)

#: Water [mm] beyond which a cell is doubtful, and an annual amplitude: that of the
#: Amazon is about 500 mm, and snow of the wettest mountains has twice that.
CELL, AMPLITUDE = 2000.0, 1000.0


def check_water(water: xr.Dataset) -> dict[str, Any]:
    """Count the cells whose water is beyond what is plausible, and warn of them.

    Args:
      water: From `water_results`.

    Returns:
      ``bound_mm`` and ``cells_beyond`` it at any epoch; ``largest_mm``, where and when;
      the same of the annual amplitude, if there is one.
    """
    largest = _largest(water)
    beyond = int((np.abs(largest) > CELL).sum())
    row, column = np.unravel_index(np.argmax(np.abs(largest)), largest.shape)
    series = water.twsa.values[:, row, column]
    epoch = int(np.argmax(np.abs(np.nan_to_num(series))))
    found: dict[str, Any] = {
        "bound_mm": CELL,
        "cells_beyond": beyond,
        "largest_mm": float(series[epoch]),
        "largest_at": [float(water.lon[column]), float(water.lat[row])],
        "largest_on": str(water.time.values[epoch])[:10],
    }
    if "annual_amplitude" in water:
        size = np.nan_to_num(water.annual_amplitude.values)
        found |= {
            "amplitude_bound_mm": AMPLITUDE,
            "amplitudes_beyond": int((size > AMPLITUDE).sum()),
            "largest_amplitude_mm": float(size.max()),
        }
    _warn(found)
    return found


def _largest(water: xr.Dataset) -> np.ndarray:
    """Water that is farthest from zero at any epoch, shape (lat, lon)."""
    values = water.twsa.values
    found = np.zeros(values.shape[1:], values.dtype)
    for epochs in blocks(len(values)):
        part = np.nan_to_num(values[epochs])
        for extreme in (part.max(axis=0), part.min(axis=0)):
            found = np.where(np.abs(extreme) > np.abs(found), extreme, found)
    return found


def _warn(found: dict[str, Any]) -> None:
    if found["cells_beyond"]:
        lon, lat = found["largest_at"]
        logger.warning(
            "water beyond %.0f mm in %d cells, %.0f mm at %g E, %g N on %s: no water "
            "does so; look for heights of stations near there that are no load",
            CELL,
            found["cells_beyond"],
            found["largest_mm"],
            lon,
            lat,
            found["largest_on"],
        )
    if found.get("amplitudes_beyond"):
        logger.warning(
            "annual amplitude of water beyond %.0f mm in %d cells, up to %.0f mm: no "
            "water does so",
            AMPLITUDE,
            found["amplitudes_beyond"],
            found["largest_amplitude_mm"],
        )

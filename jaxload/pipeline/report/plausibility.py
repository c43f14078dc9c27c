"""Check of estimated water against plausible amounts on Earth."""

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
    summary: dict[str, Any] = {
        "bound_mm": CELL,
        "cells_beyond": beyond,
        "largest_mm": float(series[epoch]),
        "largest_at": [float(water.lon[column]), float(water.lat[row])],
        "largest_on": str(water.time.values[epoch])[:10],
    }
    if "annual_amplitude" in water:
        size = np.nan_to_num(water.annual_amplitude.values)
        summary |= {
            "amplitude_bound_mm": AMPLITUDE,
            "amplitudes_beyond": int((size > AMPLITUDE).sum()),
            "largest_amplitude_mm": float(size.max()),
        }
    _warn(summary)
    return summary


def _largest(water: xr.Dataset) -> np.ndarray:
    """Water that is farthest from zero at any epoch, shape (lat, lon)."""
    values = water.twsa.values
    largest = np.zeros(values.shape[1:], values.dtype)
    for epochs in blocks(len(values)):
        part = np.nan_to_num(values[epochs])
        for extreme in (part.max(axis=0), part.min(axis=0)):
            largest = np.where(np.abs(extreme) > np.abs(largest), extreme, largest)
    return largest


def _warn(summary: dict[str, Any]) -> None:
    if summary["cells_beyond"]:
        lon, lat = summary["largest_at"]
        logger.warning(
            "water beyond %.0f mm in %d cells, %.0f mm at %g E, %g N on %s: no water "
            "does so; look for heights of stations near there that are no load",
            CELL,
            summary["cells_beyond"],
            summary["largest_mm"],
            lon,
            lat,
            summary["largest_on"],
        )
    if summary.get("amplitudes_beyond"):
        logger.warning(
            "annual amplitude of water beyond %.0f mm in %d cells, up to %.0f mm: no "
            "water does so",
            AMPLITUDE,
            summary["amplitudes_beyond"],
            summary["largest_amplitude_mm"],
        )

"""Check of estimated water against plausible amounts on Earth."""

import logging
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

__all__ = ["Extremes"]

logger = logging.getLogger(__name__)

#: Water [mm] beyond which a cell is doubtful, and an annual amplitude: that of the
#: Amazon is about 500 mm, and snow of the wettest mountains has twice that.
CELL, AMPLITUDE = 2000.0, 1000.0


class Extremes:
    """Water that is farthest from zero at each cell, of maps as they are computed."""

    def __init__(self) -> None:
        self._largest: NDArray[np.float32] | None = None
        self._when: NDArray[np.int64] | None = None

    def take(self, epochs: slice, maps: xr.DataArray) -> None:
        """Look at maps of some epochs.

        Args:
          epochs: Which.
          maps: Water [mm], dimensions (time, lat, lon).
        """
        part = np.nan_to_num(maps.values)
        if self._largest is None or self._when is None:
            self._largest = np.zeros(part.shape[1:], part.dtype)
            self._when = np.zeros(part.shape[1:], np.int64)
        for place in (part.argmax(axis=0), part.argmin(axis=0)):
            extreme = np.take_along_axis(part, place[None], axis=0)[0]
            farther = np.abs(extreme) > np.abs(self._largest)
            self._largest[farther] = extreme[farther]
            self._when[farther] = place[farther] + epochs.start

    def check(self, water: xr.Dataset) -> dict[str, Any]:
        """Count the cells whose water is beyond what is plausible, and warn of them.

        Args:
          water: Its time, lat and lon, and its annual amplitude if there is one.

        Returns:
          ``bound_mm`` and ``cells_beyond`` it at any epoch; ``largest_mm``, where and
          when; the same of the annual amplitude, if there is one.
        """
        assert self._largest is not None
        assert self._when is not None
        size = np.abs(self._largest)
        row, column = np.unravel_index(np.argmax(size), size.shape)
        epoch = int(self._when[row, column])
        summary: dict[str, Any] = {
            "bound_mm": CELL,
            "cells_beyond": int((size > CELL).sum()),
            "largest_mm": float(self._largest[row, column]),
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

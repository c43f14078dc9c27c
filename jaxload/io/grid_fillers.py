"""Fillers that gridded files do not declare."""

import logging

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload.io.fillers import find_fillers
from jaxload.io.grid_hints import setting

__all__ = ["without_undeclared"]

logger = logging.getLogger(__name__)

#: Values of a grid among which a filler has to stand alone; more say no more.
SAMPLE = 20_000

#: Fillers that one variable may have at each end of its values.
MOST = 3


def without_undeclared(array: xr.DataArray, where: str) -> xr.DataArray:
    """Take the fillers out of a field whose file does not declare them.

    A filler looks like one (-9999, -999, 1e20) and lies alone beyond all other values.

    Args:
      array: The field, in memory, in the units of its file; NaN if missing.
      where: The file and the variable, for the warning.

    Returns:
      The field with NaN in place of fillers, of which a warning names each.
    """
    values = array.values
    for _ in range(2 * MOST):
        filler = _filler(values)
        if filler is None:
            break
        places = values == filler
        logger.warning(
            "%s: %.10g stands in %d of %d values for no data, which the file does not "
            "declare; it is left out; state it by %s",
            where,
            filler,
            int(places.sum()),
            values.size,
            setting("fill", f"{filler:.10g}", text=False),
        )
        values = np.where(places, np.asarray(np.nan, values.dtype), values)
    return array if values is array.values else array.copy(data=values)


def _filler(values: NDArray) -> float | None:
    """The least or the greatest value, if it is a filler."""
    known = values[np.isfinite(values)]
    if not known.size:
        return None
    ends = float(known.min()), float(known.max())
    rest = known[(known > ends[0]) & (known < ends[1])]
    if not rest.size:
        return next(iter(_alike(find_fillers(np.array(ends)), ends)), None)
    sample = rest[:: max(1, rest.size // SAMPLE)]
    inner = (*map(float, (rest.min(), rest.max())), *sample.astype(np.float64))
    return next(iter(_alike(find_fillers(np.array([*ends, *inner])), ends)), None)


def _alike(fillers: list[float], ends: tuple[float, float]) -> list[float]:
    return [filler for filler in fillers if filler in ends]

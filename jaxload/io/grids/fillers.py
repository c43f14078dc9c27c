"""Fillers that gridded files do not declare."""

import logging
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload.io.fillers import find_fillers
from jaxload.io.grids.hints import setting

__all__ = ["without_stated", "without_undeclared"]

logger = logging.getLogger(__name__)

#: Values of a grid among which a filler has to stand alone; more say no more.
SAMPLE = 20_000

#: Fillers that one variable may have at each end of its values.
MOST = 3


def without_stated(
    array: xr.DataArray, fill: float, packing: Mapping[Hashable, Any]
) -> xr.DataArray:
    """Take a filler out of a field that its user states.

    Args:
      array: The field, in the units of its file.
      fill: The filler, as a value or, if it is none, as the whole number that the file
        holds in its place.
      packing: How the file holds the field, the ``encoding`` that xarray has of it.

    Returns:
      The field with NaN in place of the filler.
    """
    scale, offset = _scale_and_offset(packing)
    if scale:
        # Unpacked in single precision, no number is quite what it is in double.
        places = abs(array - fill) <= abs(scale) / 4
        if not bool(places.any()):
            places = abs(array - (fill * scale + offset)) <= abs(scale) / 4
    else:
        places = array == fill
    return array.where(~places).assign_attrs(array.attrs)


def without_undeclared(
    array: xr.DataArray, where: str, packing: Mapping[Hashable, Any] | None = None
) -> xr.DataArray:
    """Take the fillers out of a field whose file does not declare them.

    A filler looks like one (-9999, -999, 1e20) and lies alone beyond all other values.
    Of numbers that are packed as integers it is looked for in both forms, unless they
    declare one.

    Args:
      array: The field, in memory, in the units of its file; NaN if missing.
      where: The file and the variable, for the warning.
      packing: How the file holds the field, the ``encoding`` that xarray has of it.

    Returns:
      The field with NaN in place of fillers, of which a warning names each.
    """
    values = array.values
    for filler in _fillers(values):
        values = _without(values, filler, f"{where}: {filler:.10g}")
    packing = packing or {}
    scale, offset = _scale_and_offset(packing)
    if scale and not {"_FillValue", "missing_value"} & set(packing):
        for whole in _fillers(np.round((values.astype(np.float64) - offset) / scale)):
            filler = whole * scale + offset
            # Sea, desert and dry days are zero, whatever that is packed as.
            if abs(filler) > abs(scale):
                near = values[np.abs(values - filler) <= abs(scale) / 4]
                text = f"{where}: {whole:.10g}, unpacked {filler:.6g},"
                values = _without(values, float(near[0]), text)
    return array if values is array.values else array.copy(data=values)


def _scale_and_offset(packing: Mapping[Hashable, Any]) -> tuple[float, float]:
    """What integers of a file are multiplied by and raised by; 0 if there are none."""
    whole = np.dtype(packing.get("dtype", float)).kind in "iu"
    packed = whole and ("scale_factor" in packing or "add_offset" in packing)
    scale = float(packing.get("scale_factor", 1.0)) if packed else 0.0
    return scale, float(packing.get("add_offset", 0.0))


def _without(values: NDArray, filler: float, text: str) -> NDArray:
    """Values without a filler, of which a warning gives the number."""
    places = values == filler
    logger.warning(
        "%s stands in %d of %d values for no data, which the file does not declare; "
        "it is left out; state it by %s",
        text,
        int(places.sum()),
        values.size,
        setting("fill", f"{filler:.10g}", text=False),
    )
    return np.where(places, np.asarray(np.nan, values.dtype), values)


def _fillers(values: NDArray) -> list[float]:
    """The values that are fillers, those farthest out first."""
    fillers = []
    for _ in range(2 * MOST):
        filler = _filler(values)
        if filler is None:
            break
        fillers.append(filler)
        values = np.where(values == filler, np.asarray(np.nan, values.dtype), values)
    return fillers


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

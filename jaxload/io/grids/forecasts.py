"""Forecasts of several steps, as GRIB has them, along one axis of time."""

import numpy as np
import xarray as xr

__all__ = ["along_one_time"]

#: What the times that values are valid at may be called, in lower case.
VALID = ("valid_time", "time")


def along_one_time(content: xr.Dataset) -> xr.Dataset:
    """Put values of several steps of several forecasts one after the other.

    Args:
      content: A file's content, its times not decoded; nothing of its fields is read.

    Returns:
      The same with the times of validity along one axis ``time`` in place of the times
      at which forecasts began and the steps since; as it was where there are no such
      two axes.
    """
    valid = _times_of_two_axes(content)
    if valid is None:
        return content
    rows = np.indices(valid.shape).reshape(2, -1)
    pick = {dim: xr.DataArray(row, dims="all") for dim, row in zip(valid.dims, rows)}
    # What lies along one of both axes says when forecasts began and how long they ran.
    axes = set(valid.dims)
    spare = [n for n, x in content.variables.items() if set(x.dims) & axes]
    spare = [n for n in spare if not axes <= set(content[n].dims)]
    flat = content.drop_vars(spare).isel(pick)
    flat = flat.drop_vars("time", errors="ignore") if valid.name != "time" else flat
    return flat.rename({str(valid.name): "time"}).swap_dims({"all": "time"})


def _times_of_two_axes(content: xr.Dataset) -> xr.DataArray | None:
    """The times that values are valid at, where they need two axes.

    Those of a swath lie along its rows and columns, as latitudes do.
    """
    held = {str(name).lower(): name for name in content.variables}
    for name in VALID:
        times = content[held[name]] if name in held else None
        if times is None or times.ndim != 2 or times.dtype.kind not in "iuf":
            continue
        fields = [x for x in content.data_vars.values() if x.ndim > 2]
        if any(set(times.dims) < set(field.dims) for field in fields):
            return times
    return None

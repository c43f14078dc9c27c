"""Trend and seasons of labelled series, some columns at a time."""

import dataclasses
from collections.abc import Callable

import numpy as np
import xarray as xr

from jaxload import series

__all__ = ["seasonal_fits"]

#: Values that are held at a time.
VALUES = 1 << 19

#: What each part of a fit is, and its units beside those of the series.
MEANINGS = {
    "mean": ("value in the middle of the record, without seasons", "{}"),
    "trend": ("linear trend", "{} year-1"),
    "annual_amplitude": ("annual amplitude", "{}"),
    "annual_phase": ("annual maximum, days after the first of January", "day"),
    "semiannual_amplitude": ("semi-annual amplitude", "{}"),
    "semiannual_phase": ("semi-annual maximum, days after the first of January", "day"),
}

#: What standard errors are by.
COMMENT = (
    "by the residuals and their memory; errors that last longer than the record, or "
    "that all epochs share, are not in it"
)


def seasonal_fits(
    array: xr.DataArray, watch: Callable[[float], None] | None = None
) -> xr.Dataset:
    """Fit trend and seasons to every series of an array.

    Args:
      array: With the dimension ``time`` and up to two others; read in parts along the
        first of these.
      watch: Called with the share that is done.

    Returns:
      For each part of `series.SeasonalFit` a variable over the other dimensions, and
      ``<part>_sd``.

    Raises:
      ValueError: If there is no time.
    """
    if "time" not in array.dims:
        raise ValueError(
            f"{array.name} has dimensions {', '.join(map(str, array.dims))}, but "
            "seasons need time"
        )
    array = array.transpose("time", ...)
    shape, time = array.shape[1:], array["time"].values
    names = [field.name for field in dataclasses.fields(series.SeasonalFit)]
    fits = {name: np.full(shape, np.nan) for name in names}
    for part in _parts(array.shape):
        # Those of rows that lie beside each other are read at once.
        values = np.asarray(array[(slice(None), *part)].values, np.float64)
        columns = values.reshape(len(time), -1)
        some = np.isfinite(columns).any(axis=0)
        fit = series.fit_seasons(columns[:, some], time)
        for name in names:
            flat = np.full(columns.shape[1], np.nan)
            flat[some] = getattr(fit, name)
            fits[name][part] = flat.reshape(values.shape[1:])
        if watch is not None:
            watch(part[0].stop / max(shape[0], 1) if part else 1.0)
    dims = array.dims[1:]
    coords = {k: x for k, x in array.coords.items() if "time" not in x.dims}
    labels = {name: _labels(name, array) for name in names}
    variables = {name: (dims, x, labels[name]) for name, x in fits.items()}
    return xr.Dataset(variables, coords)


def _parts(shape: tuple[int, ...]) -> list[tuple[slice, ...]]:
    """Slices of the first of the other dimensions that hold `VALUES` at most."""
    if len(shape) == 1:
        return [()]
    row = int(np.prod(shape)) // max(shape[1], 1)
    together = max(1, VALUES // max(row, 1))
    starts = range(0, shape[1], together)
    return [(slice(first, min(first + together, shape[1])),) for first in starts]


def _labels(name: str, array: xr.DataArray) -> dict[str, str]:
    part = name.removesuffix("_sd")
    meaning, units = MEANINGS[part]
    labels = {"units": units.format(array.attrs.get("units", "1")).strip()}
    if part == name:
        return labels | {"long_name": meaning}
    return labels | {"long_name": f"standard error: {meaning}", "comment": COMMENT}

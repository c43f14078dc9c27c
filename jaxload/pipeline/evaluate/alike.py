"""Water of cells smoothed as satellite gravimetry is."""

import dataclasses
import math

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import io, sphere
from jaxload.constants import DEGREE, EARTH_RADIUS
from jaxload.pipeline.chunks import blocks
from jaxload.pipeline.inputs.land_sea import sea_share
from jaxload.sphere.harmonics.footprints import FieldFilter, filter_kernel

__all__ = ["smoothed_alike"]

Floats = NDArray[np.floating]

#: Months that are smoothed at a time.
MONTHS = 32

#: Rows of cells that are smoothed at a time.
ROWS = 16

#: Angles at which the kernel is computed, between which it is interpolated.
ANGLES = 20_000

#: How far sea around the grid counts, in radii of the filter.
REACH = 3.5

#: Weight in cells with water or at sea without which a value is that of elsewhere.
LEAST_WEIGHT = 0.3


@dataclasses.dataclass(frozen=True, eq=False)
class _Around:
    """The raster of a grid and what lies around it.

    Attributes:
      lat: Rows [degrees], shape (lat,).
      lon: Columns [degrees], shape (lon,).
      rows: Those of the grid.
      columns: Likewise.
      spacing: Side of a cell [degrees].
    """

    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    rows: slice
    columns: slice
    spacing: float


def smoothed_alike(grid: sphere.Grid, values: Floats, radius_km: float) -> Floats:
    """Smooth water on cells with a Gaussian.

    The mean is over cells with water and over sea without a value, in the grid or
    around it, which has none: land without a value is taken to be as the cells near it.

    Args:
      grid: The cells.
      values: Water [mm], shape (month, cell); NaN if missing.
      radius_km: Where the bell has fallen to one half [km].

    Returns:
      Smoothed water [mm], same shape; NaN where less than 0.3 of the weight is in cells
      with water or at sea, and in months without any value.
    """
    around = _around(grid, radius_km)
    raster = sphere.to_raster(grid, np.asarray(values, np.float64))
    known = np.isfinite(raster)
    patterns, which = np.unique(
        known.reshape(len(known), -1), axis=0, return_inverse=True
    )
    total = _weight_of_cells(around, patterns, radius_km)
    smoothed = np.full(values.shape, np.nan, np.float32)
    for part in blocks(len(raster), MONTHS):
        whole = np.zeros((len(raster[part]), len(around.lat), len(around.lon)))
        inner = np.where(known[part], raster[part], 0.0)
        whole[:, around.rows, around.columns] = inner
        mean = _filtered(around, whole, radius_km) / total[which.reshape(-1)[part]]
        mean[~known[part].any(axis=(1, 2))] = np.nan
        smoothed[part] = mean[:, grid.row, grid.column]
    return smoothed


def _around(grid: sphere.Grid, radius_km: float) -> _Around:
    margin = REACH * 1e3 * radius_km / (DEGREE * EARTH_RADIUS)
    lat, lon, side = grid.lat_axis, grid.lon_axis, grid.spacing
    half = side / 2 - 1e-9
    south = int(min(margin, lat[0] - half + 90) / side)
    north = int(min(margin, 90 - half - lat[-1]) / side)
    wide = margin / np.cos(np.deg2rad(min(abs(lat).max() + margin, 80.0)))
    beside = int(min(wide, max(360 - side * len(lon), 0) / 2) / side)
    rows = np.arange(-south, len(lat) + north)
    columns = np.arange(-beside, len(lon) + beside)
    return _Around(
        lat[0] + side * rows,
        lon[0] + side * columns,
        slice(south, south + len(lat)),
        slice(beside, beside + len(lon)),
        side,
    )


def _weight_of_cells(
    around: _Around, patterns: NDArray[np.bool_], radius_km: float
) -> Floats:
    """Weight of cells with water over that of all land, shape (pattern, lat, lon).

    NaN where too little of the whole weight is in them or at sea.
    """
    axes = xr.Dataset(coords={"lat": around.lat, "lon": around.lon})
    share = sea_share(io.read_land(), axes)
    sea = np.broadcast_to(share, (len(patterns), *share.shape)).copy()
    shape = sea[:, around.rows, around.columns].shape
    sea[:, around.rows, around.columns][patterns.reshape(shape)] = 0.0
    cells = np.zeros_like(sea)
    cells[:, around.rows, around.columns] = patterns.reshape(shape)
    whole = _filtered(around, np.ones((1, *share.shape)), radius_km)
    at_sea, in_cells = (_filtered(around, x, radius_km) / whole for x in (sea, cells))
    enough = (in_cells > 0) & (in_cells + at_sea > LEAST_WEIGHT)
    land = np.where(enough, 1 - at_sea, np.nan)
    return whole * in_cells / np.where(land > 0, land, np.nan)


def _filtered(around: _Around, fields: Floats, radius_km: float) -> Floats:
    """Integrals of fields times the kernel, at the cells of the grid.

    The kernel depends on longitude by differences alone: rows are convolved.
    """
    angles = np.linspace(0, np.pi, ANGLES)
    table = filter_kernel(FieldFilter(1e3 * radius_km), angles)
    count = len(around.lon)
    padded = 2 ** math.ceil(math.log2(2 * count))
    steps = np.minimum(np.arange(padded), padded - np.arange(padded))
    east = np.sin(steps * around.spacing * DEGREE / 2) ** 2
    north = around.lat * DEGREE
    half = around.spacing * DEGREE / 2
    solid = 2 * np.sin(half) * np.cos(north) * 2 * half
    latitudes = north[around.rows]
    some = fields.any(axis=(0, 2))
    parts = np.moveaxis(np.fft.rfft(fields[:, some] * solid[some, None], padded), 2, 0)
    spectra = np.concatenate([parts.real, parts.imag], axis=1)
    result = np.empty((len(fields), len(latitudes), count))
    for part in blocks(len(latitudes), ROWS):
        square = np.sin((north[some] - latitudes[part, None]) / 2)[..., None] ** 2
        both = np.cos(latitudes[part, None]) * np.cos(north[some])
        square = square + both[..., None] * east
        angle = 2 * np.arcsin(np.sqrt(np.clip(square, 0, 1)))
        # It is even in longitude, and its transform real.
        kernel = np.fft.rfft(np.interp(angle, angles, table)).real
        product = spectra @ kernel.transpose(2, 1, 0)
        whole = product[:, : len(fields)] + 1j * product[:, len(fields) :]
        series = np.fft.irfft(np.moveaxis(whole, 0, 2), padded)
        result[:, part] = series[:, :, :count]
    return result[:, :, around.columns]

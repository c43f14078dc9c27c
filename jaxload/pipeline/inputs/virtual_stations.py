"""Virtual stations: cells without a station, laid out like stations."""

import logging

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, io, sphere
from jaxload.pipeline.inputs.observations import Outline

__all__ = [
    "append_virtual_stations",
    "as_virtual_stations",
    "cells_without_station",
    "is_virtual",
    "without_virtual_stations",
]

logger = logging.getLogger(__name__)

DIMS = ("time", "station")

#: Variables of cleaned heights that virtual stations do not have.
OF_STATIONS = (
    "up_observed",
    "trend_shrinkage",
    "trend_determined",
    "rate_removed",
    "record_months",
)


def cells_without_station(
    study: config.Study, region: Outline, gnss: xr.Dataset
) -> xr.Dataset:
    """Find the cells of a region in which no station stands.

    Args:
      study: Its `gapfill.spacing` is the side of a cell.
      region: The outline.
      gnss: The stations.

    Returns:
      Coordinates `station`, the name of each cell (G001 and on, over all cells of the
      region, row by row from the south, each from the west), `lon` and `lat` of its
      centre [degrees] and `height`, which is not known.

    Raises:
      ValueError: If no centre lies in the region, or every cell has a station.
    """
    assert study.gapfill is not None
    cells = sphere.regional_grid(region, study.gapfill.spacing, offset=0.5)
    occupied = sphere.cell_at(cells, gnss.lon.values, gnss.lat.values)
    empty = np.setdiff1d(np.arange(len(cells.lon)), occupied)
    if not len(empty):
        raise ValueError(
            f"a station stands in each of {len(cells.lon)} cells of "
            f"{study.gapfill.spacing:g} degrees; make gapfill.spacing smaller, or "
            "leave the table [gapfill] out"
        )
    logger.info("%d of %d cells have no station", len(empty), len(cells.lon))
    return xr.Dataset(
        coords={
            "station": [f"G{number + 1:03d}" for number in empty],
            "lon": ("station", cells.lon[empty]),
            "lat": ("station", cells.lat[empty]),
            "height": ("station", np.full(len(empty), np.nan)),
        }
    )


def as_virtual_stations(
    cells: xr.Dataset,
    gnss: xr.Dataset,
    displacement: NDArray[np.float64],
    sigma: NDArray[np.float64],
) -> xr.Dataset:
    """Lay out the predictions for cells like observations.

    Args:
      cells: From `cells_without_station`.
      gnss: Has the epochs.
      displacement: Upward [mm], shape (epoch, cell).
      sigma: Standard error [mm], the same at all epochs, shape (cell,).

    Returns:
      A dataset of layout `io.GNSS`.
    """
    error = np.broadcast_to(sigma, displacement.shape)
    values = {"up": (DIMS, displacement), "up_sigma": (DIMS, error)}
    rows = cells.assign_coords(time=gnss.time).assign(values)
    return io.label_dataset(rows)


def append_virtual_stations(gnss: xr.Dataset, filled: xr.Dataset) -> xr.Dataset:
    """Append virtual stations to the stations.

    Args:
      gnss: The stations.
      filled: From `as_virtual_stations`.

    Returns:
      Both along ``station``, with ``filled``, true for cells.

    Raises:
      ValueError: If a station is called as a cell.
    """
    twice = np.intersect1d(gnss.station.values, filled.station.values)
    if len(twice):
        raise ValueError(
            f"station {twice[0]} has the name of a cell that is to be filled; rename "
            "the station's file"
        )
    names = [name for name in ("up", "up_sigma") if name in filled]
    parts = [gnss[names], filled[names]]
    rows = xr.concat(parts, "station", join="override", combine_attrs="override")
    counts = (gnss.sizes["station"], filled.sizes["station"])
    rows = rows.assign(filled=("station", np.repeat([False, True], counts)))
    others = [n for n, x in gnss.data_vars.items() if "station" not in x.dims]
    # What is known of stations alone is not known of cells.
    for name in set(OF_STATIONS) & set(gnss.data_vars):
        rows = rows.assign({name: gnss[name].reindex(station=rows.station.values)})
    return rows.assign(gnss[others].data_vars).assign_attrs(gnss.attrs)


def is_virtual(gnss: xr.Dataset) -> NDArray[np.bool_]:
    """Mark the rows that are virtual stations.

    Args:
      gnss: Stations, perhaps from `append_virtual_stations`.

    Returns:
      True for filled cells, shape (row,).
    """
    if "filled" in gnss:
        return gnss.filled.values
    return np.zeros(gnss.sizes["station"], bool)


def without_virtual_stations(rows: xr.Dataset) -> xr.Dataset:
    """Take the stations among rows.

    Args:
      rows: Stations, perhaps with virtual stations.

    Returns:
      The stations; the same dataset, and no copy, where there are no others.
    """
    filled = is_virtual(rows)
    return rows.isel(station=np.flatnonzero(~filled)) if filled.any() else rows

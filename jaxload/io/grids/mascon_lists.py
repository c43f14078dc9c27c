"""Mascons as lists of boxes, as GSFC distributes them in HDF5, laid on cells."""

import pathlib
from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload.io.files.netcdf import as_numbers, reading_netcdf
from jaxload.io.grids.axes import cut_box

__all__ = ["GROUPS", "read_mascons"]

#: Groups by which such a file is known.
GROUPS = {"mascon", "solution", "time"}

#: Side of the cells, that of GSFC's own grids [degrees].
SIDE = 0.5

#: Share of the cells that may lie in two boxes, by rounding at their edges.
TWICE = 0.01

#: Day 1 is 1 January 2002.
UNITS = "days since 2001-12-31"

#: Where a file has the boxes and the days of its solutions.
BOXES = ("lat_center", "lat_span", "lon_center", "lon_span")
DAYS = ("ref_days_first", "ref_days_middle", "ref_days_last")


def read_mascons(path: pathlib.Path, box: Sequence[float] | None = None) -> xr.Dataset:
    """Open a list of mascons as a grid.

    A cell has the water of the mascon that its centre lies in.

    Args:
      path: The file, with groups ``mascon``, ``solution`` and ``time``.
      box: As of `cut_box`: the cells that are wanted; all that have water if None.

    Returns:
      ``lwe_thickness`` [cm] of dimensions (lat, lon, time), NaN where there is no
      mascon; ``time`` and ``time_bnds``, not decoded.

    Raises:
      ValueError: If boxes, days or values are missing or do not fit together, or boxes
        overlap.

    Source:
      Loomis, Luthcke and Sabaka (2019), Regularization and error characterization of
      GRACE mascons, J. Geodesy 93, doi:10.1007/s00190-019-01252-y.
    """
    boxes = _group(path, "mascon", BOXES)
    first, middle, last = _group(path, "time", DAYS)
    cells = _cells(path, *boxes)
    index = (cells if box is None else cut_box(cells, box, str(path)))["index"]
    water = _water(path, (len(boxes[0]), len(middle)))
    laid = np.where(index.values[..., None] >= 0, water[index.values], np.nan)
    content = index.coords.to_dataset().assign_coords(time=middle)
    content["lwe_thickness"] = (("lat", "lon", "time"), laid, {"units": "cm"})
    content["time"].attrs = {"units": UNITS, "bounds": "time_bnds"}
    # The last day belongs to the span.
    bounds = np.stack([first, last + 1.0], axis=1)
    content["time_bnds"] = (("time", "bnds"), bounds)
    return content


def _group(
    path: pathlib.Path, group: str, names: tuple[str, ...]
) -> list[NDArray[np.float64]]:
    with (
        reading_netcdf(path),
        xr.open_dataset(path, group=group, decode_times=False) as content,
    ):
        held = {name: content[name].values for name in names if name in content}
    absent = [name for name in names if name not in held]
    sizes = {values.size for values in held.values()}
    if absent or len(sizes) > 1 or 0 in sizes:
        raise ValueError(
            f"{path} holds mascons of GSFC as a list, but its group {group} has "
            f"{'no ' + ', '.join(absent) if absent else 'parts of unequal length'}; "
            "fetch it again, or the same solution as gridded netCDF"
        )
    return [as_numbers(held[x], f"{path}: {group}/{x}").ravel() for x in names]


def _cells(
    path: pathlib.Path,
    lat_center: NDArray[np.float64],
    lat_span: NDArray[np.float64],
    lon_center: NDArray[np.float64],
    lon_span: NDArray[np.float64],
) -> xr.Dataset:
    """Cells that boxes cover, and in ``index`` the box of each; -1 if it has none."""
    _check_boxes(path, (lat_center, 90.0), (lon_center, 360.0))
    _check_boxes(path, (lat_span, 180.0), (lon_span, 360.0))
    lat = np.arange(-90 + SIDE / 2, 90, SIDE)
    lon = np.arange(-180 + SIDE / 2, 180, SIDE)
    index = np.full((len(lat), len(lon)), -1)
    south, north = _between(lat, lat_center, lat_span)
    west, east = _between(lon, lon_center, lon_span)
    twice = 0
    for number in range(len(lat_center)):
        rows = slice(max(south[number], 0), max(north[number], 0))
        columns = np.arange(west[number], east[number])[: len(lon)] % len(lon)
        twice += int((index[rows, columns] >= 0).sum())
        index[rows, columns] = number
    covered = index >= 0
    if not covered.any() or twice > TWICE * covered.sum():
        raise ValueError(
            f"{path} holds mascons of GSFC as a list whose boxes "
            f"{'overlap' if covered.any() else 'hold no cell'}, so that they make no "
            "grid; get the same solution as gridded netCDF, which GSFC distributes "
            "beside it"
        )
    rows, columns = covered.any(axis=1), covered.any(axis=0)
    index = _without_slits(index)[np.ix_(rows, columns)]
    axes = {"lat": lat[rows], "lon": lon[columns]}
    return xr.Dataset({"index": (("lat", "lon"), index)}, axes)


def _check_boxes(path: pathlib.Path, *sides: tuple[NDArray[np.float64], float]) -> None:
    """Find places and spans that no box on the Earth has [degrees]."""
    for values, limit in sides:
        wrong = values[~(np.abs(values) <= limit)]
        if wrong.size:
            raise ValueError(
                f"{path} holds mascons of GSFC as a list with boxes at or over "
                f"{wrong[0]:g} degrees, expected {limit:g} at most; fetch it again"
            )


def _between(
    axis: NDArray[np.float64], center: NDArray[np.float64], span: NDArray[np.float64]
) -> NDArray[np.intp]:
    """Numbers of the first cells within boxes, and of the first ones beyond."""
    edges = np.stack([center - span / 2, center + span / 2])
    # Edges that fall on centres do so up to rounding.
    return np.ceil((edges - axis[0]) / SIDE - 1e-6).astype(np.intp)


def _without_slits(index: NDArray[np.intp]) -> NDArray[np.intp]:
    """Boxes of cells whose centres rounding left between two neighbours."""
    west, east = np.roll(index, 1, axis=1), np.roll(index, -1, axis=1)
    slit = (index < 0) & (west >= 0) & (east >= 0)
    return np.where(slit, west, index)


def _water(path: pathlib.Path, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Water of each mascon [cm], shape (mascon, time)."""
    with (
        reading_netcdf(path),
        xr.open_dataset(path, group="solution", decode_times=False) as content,
    ):
        values = content["cmwe"].values if "cmwe" in content else np.empty(0)
    values = values.T if values.shape == shape[::-1] else values
    if values.shape != shape:
        raise ValueError(
            f"{path} holds mascons of GSFC as a list, but no cmwe of {shape[0]} "
            f"mascons and {shape[1]} times; fetch it again"
        )
    with np.errstate(over="ignore", invalid="ignore"):  # refused with its file
        return as_numbers(values, f"{path}: solution/cmwe").astype(np.float32)

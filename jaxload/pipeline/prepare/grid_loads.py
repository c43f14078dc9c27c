"""Displacement of stations by gridded air, soil water and sea."""

import dataclasses
import logging
import typing
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, earth, io, series
from jaxload._longitude import spans_globe
from jaxload.pipeline.chunks import blocks
from jaxload.pipeline.inputs.gridded import LARGE_FILES, read_grid_source
from jaxload.pipeline.inputs.land_sea import sea_share, study_land
from jaxload.pipeline.messages import error_context
from jaxload.pipeline.prepare.polar_rows import to_poles

__all__ = ["QUANTITIES", "at_common_times", "grid_load", "read_load_grid"]

logger = logging.getLogger(__name__)

#: What the grids of each kind of load hold.
QUANTITIES = {"atmosphere": "pressure", "soil": "soil_water", "ocean": "sea_level"}

#: Values of a grid that are in memory as float64 at a time.
VALUES = 50_000_000

#: Days before the first epoch and after the last that are read, so that a monthly grid
#: can be interpolated there.
MARGIN = np.timedelta64(40, "D")

Known = NDArray[np.bool_]


@dataclasses.dataclass(frozen=True, eq=False)
class _Record:
    """What is known of all epochs of a grid.

    Attributes:
      mean: Mean over time, shape (lat, lon); NaN where there is none.
      seen: Where there is a value at any time, shape (lat, lon).
    """

    mean: NDArray[np.float64]
    seen: Known


def grid_load(
    study: config.Study,
    kind: str,
    gnss: xr.Dataset,
    love: earth.LoveNumbers | None,
    watch: Callable[[float], None],
) -> tuple[NDArray[np.float64], tuple[NDArray, NDArray]]:
    """Find the uplift of stations by one kind of mass on the globe.

    Loads are anomalies from the mean over the times that are read. By spherical
    harmonics, and where there is a regional grid by remove and restore.

    Args:
      study: Names the grids in its table ``[loads]``.
      kind: "atmosphere", "soil" or "ocean".
      gnss: The heights: where, and when.
      love: Load Love numbers of the study.
      watch: Called with the share that is done.

    Returns:
      Uplift [mm], shape (time, station), and the times of the grids with what they are
      means of.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If a grid cannot be read, does not cover the globe or the stations, or
        has no time in common with the heights or the other grid.
    """
    files = study.loads.grids[kind]
    globe = read_load_grid(study, f"loads.{kind}", files[0], gnss)
    globe = to_poles(globe, kind, f"loads.{kind} {files[0]}")
    _check_globe(globe, files[0], kind)
    regional = None
    if files[1]:
        regional = read_load_grid(study, f"loads.{kind}_regional", files[1], gnss)
        regional = io.on_one_turn(regional)
        _check_stations(regional, gnss, files[1], kind)
        globe, regional = at_common_times(globe, regional, files)
    land = study_land(study) if kind == "atmosphere" else None
    sea = None if land is None else sea_share(land, globe)
    degree = study.loads.max_degree or None
    how = (earth.Harmonic(degree), earth.Convolution())
    places = typing.cast(earth.Places, gnss)
    parts = []
    record, fine_record = _record(kind, globe, f"loads.{kind} {files[0]}"), None
    if regional is not None:
        name = f"loads.{kind}_regional {files[1]}"
        fine_record = _record(kind, regional, name)
    known = _known((globe, record), (regional, fine_record), land)
    with error_context(f"loads.{kind} {files[0]}"):
        for epochs in _blocks(globe, regional):
            field = _mass(kind, globe, epochs, sea, record)
            if regional is None or fine_record is None:
                moved = earth.displacement(field, places, love, how[0])
            else:
                fine = _mass(kind, regional, epochs, None, fine_record)
                fine = dataclasses.replace(fine, known=jnp.asarray(known))
                moved = earth.remove_restore(field, fine, places, love, how)
            parts.append(np.asarray(moved)[:, 0])
            watch(min(epochs.stop / globe.sizes["time"], 1.0))
    return np.concatenate(parts), (globe.time.values, globe.time_bnds.values)


def read_load_grid(
    study: config.Study,
    setting: str,
    source: str | config.GridSource,
    gnss: xr.Dataset,
) -> xr.Dataset:
    """Read the grid of a load about the time of the heights.

    Args:
      study: Its `folder` is that of relative paths.
      setting: "loads.soil", "loads.soil_regional" or the like.
      source: What the study names there.
      gnss: The heights.

    Returns:
      The grid, with the quantity of its kind.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it cannot be read, has no time in common with the heights, or no
        value at all.
    """
    time = gnss.time.values.astype("M8[D]")
    span = (time[0] - MARGIN, time[-1] + MARGIN)
    settings = io.GridSettings(
        start=str(span[0]), stop=str(span[1]), largest=LARGE_FILES
    )
    kind = setting.removeprefix("loads.").removesuffix("_regional")
    quantity = QUANTITIES[kind]
    grid = read_grid_source(study, setting, source, quantity, settings)
    if grid[quantity].chunks is None:
        there = bool(grid[quantity].notnull().any())
        _check_any(there, kind, f"{setting} {source}")
    if grid.sizes["time"] < 2:
        raise ValueError(
            f"{setting} {source} has one time from {span[0]} to {span[1]}, which has "
            "no anomaly; get two or more"
        )
    return grid


def _check_globe(grid: xr.Dataset, file: object, kind: str) -> None:
    lon, lat = grid.lon.values, grid.lat.values
    if not spans_globe(lon, lat):
        raise ValueError(
            f"loads.{kind} {file} spans {lon[0]:g} to {lon[-1]:g} in lon and "
            f"{lat[0]:g} to {lat[-1]:g} in lat, expected the globe; name it as "
            f"loads.{kind}_regional beside a grid of the globe"
        )


def _check_stations(
    grid: xr.Dataset, gnss: xr.Dataset, file: object, kind: str
) -> None:
    try:
        marks = grid[["lat", "lon"]].assign(
            there=(("lat", "lon"), np.zeros((grid.sizes["lat"], grid.sizes["lon"])))
        )
        io.sample_grid(marks, gnss.lon, gnss.lat)
    except ValueError as error:
        raise ValueError(f"loads.{kind}_regional {file}: {error}") from None


def at_common_times(
    globe: xr.Dataset, regional: xr.Dataset, files: tuple[object, object]
) -> tuple[xr.Dataset, xr.Dataset]:
    """Bring a regional grid to the spans of a global one: by means, or in between.

    Args:
      globe: The global grid, with ``time_bnds``.
      regional: The regional one, likewise.
      files: What both are called, for the message.

    Returns:
      Both over the spans that they have in common, under the times of the globe.

    Raises:
      ValueError: If they have fewer than two in common.
    """
    ours, theirs = globe.time_bnds.values, regional.time_bnds.values
    inside = series.known_times(theirs, ours)
    if inside.sum() < 2:
        both = [np.datetime_as_string([x.min(), x.max()], "D") for x in (ours, theirs)]
        spans = [f"{first} to {last}" for first, last in both]
        raise ValueError(
            f"{files[0]} spans {spans[0]} and {files[1]} {spans[1]}, which have fewer "
            "than two times in common; get data of one period"
        )
    globe = globe.isel(time=np.flatnonzero(inside))
    ours, middles = ours[inside], io.mid_times(globe)
    known = io.mid_times(regional)
    rows = np.minimum(np.searchsorted(known, middles), len(known) - 1)
    lengths = [(x[:, 1] - x[:, 0]) / np.timedelta64(1, "h") for x in (ours, theirs)]
    alike = np.allclose(lengths[0], lengths[1][rows], rtol=0.1)
    if alike and (known[rows] == middles).all():
        return globe, regional.isel(time=rows).assign_coords(time=globe.time.values)
    if series.are_finer(theirs, ours):
        periods = io.Periods(ours[:, 0], ours[:, 1], globe.time.values)
        return globe, io.period_means(regional, periods)
    regional = regional.drop_vars("time_bnds").assign_coords(time=known)
    options = {"fill_value": "extrapolate"}
    regional = regional.interp(time=middles, kwargs=options)
    return globe, regional.assign_coords(time=globe.time.values)


def _blocks(globe: xr.Dataset, regional: xr.Dataset | None) -> list[slice]:
    """Epochs that fit into memory together."""
    cells = globe.sizes["lat"] * globe.sizes["lon"]
    if regional is not None:
        cells += regional.sizes["lat"] * regional.sizes["lon"]
    count = globe.sizes["time"]
    size = max(1, min(count, VALUES // cells))
    return blocks(count, size)


def _record(kind: str, grid: xr.Dataset, name: str) -> _Record:
    """Mean of all epochs, of which no more than a block is in memory.

    Ice comes and goes, so that of the sea it is the mean of the values that are there;
    another load has none where a value is missing.

    Raises:
      ValueError: If no cell has a value.
    """
    field = grid[QUANTITIES[kind]]
    total = np.zeros(field.shape[1:])
    count = np.zeros(field.shape[1:], np.int64)
    for epochs in _blocks(grid, None):
        values = io.loaded_values(field, epochs)
        known = ~np.isnan(values)
        total += np.where(known, values, 0).sum(axis=0, dtype=np.float64)
        count += known.sum(axis=0)
    _check_any(bool(count.any()), kind, name)
    enough = count > 0 if kind == "ocean" else count == len(field)
    mean = np.where(enough, total / np.maximum(count, 1), np.nan)
    return _Record(mean, count > 0)


def _check_any(there: bool, kind: str, name: str) -> None:
    if there:
        return
    where = {"soil": "land", "ocean": "sea"}.get(kind, "data")
    raise ValueError(
        f"{name} has no {where}: {QUANTITIES[kind]} is missing in every cell; is it "
        "the right variable, and its mask the right way round?"
    )


def _mass(
    kind: str,
    grid: xr.Dataset,
    epochs: slice,
    sea: NDArray[np.float64] | None,
    record: _Record,
) -> earth.MassField:
    """Anomalies of some epochs from the mean of all."""
    values = io.loaded_values(grid[QUANTITIES[kind]], epochs).astype(np.float64)
    axes = (grid.lat.values, grid.lon.values)
    if kind == "ocean":
        # A cell without a value has no anomaly then.
        gaps = np.isnan(values) & record.seen
        return earth.from_sea_level(np.where(gaps, 0, values - record.mean), *axes)
    if kind == "soil":
        return earth.from_soil_moisture(values[:, None], *axes, record.mean)
    return earth.from_pressure(values, *axes, sea, record.mean)


def _share(
    marks: xr.Dataset, lat: NDArray[np.float64], lon: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Marks of zero and one as shares of other cells, shape (lat, lon)."""
    share = next(iter(io.regrid(marks, lon, lat, least=0.0).data_vars.values()))
    return np.clip(np.nan_to_num(share.values), 0.0, 1.0)


def _known(
    globe: tuple[xr.Dataset, _Record],
    regional: tuple[xr.Dataset | None, _Record | None],
    land: xr.Dataset | None,
) -> Known | None:
    """Cells in which the regional grid replaces the global one, shape (lat, lon).

    A cell without values in either grid has no load: for soil it is sea, for the ocean
    land. A cell with values in the global grid alone is beyond the regional one. Air
    over the sea is taken from the global grid, whose inverted barometer uses all
    oceans.
    """
    fine, record = regional
    if fine is None or record is None:
        return None
    if land is not None:
        return record.seen & (sea_share(land, fine) < 0.5)
    grid, coarse = globe
    marks = xr.DataArray(
        coarse.seen.astype(np.float64), {n: grid[n] for n in ("lat", "lon")}
    )
    axes = (fine.lat.values, fine.lon.values)
    return record.seen | (_share(xr.Dataset({"there": marks}), *axes) < 0.5)

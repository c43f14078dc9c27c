"""Means over regions, and how they compare with another observation of water."""

import math
from typing import Any

import jax
import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from jaxload import config, evaluate, series, sphere

__all__ = ["least_epochs", "reference_means", "region_means", "score_regions"]

#: Days that a monthly mean needs at least.
DAYS_IN_A_MONTH = 10


def reference_means(
    study: config.Study,
    outlines: dict[str, Polygon | MultiPolygon],
    grid: sphere.Grid,
    reference: xr.Dataset,
) -> xr.Dataset:
    """Average a reference over the parts of regions that the grid covers.

    Args:
      study: Names the file of the reference, for messages.
      outlines: Regions by name.
      grid: The cells of the study.
      reference: Monthly water on another grid, of layout `io.WATER`.

    Returns:
      `reference` (month, region) [mm], and `start` and `stop` of each month.

    Raises:
      ValueError: If the reference does not reach a region.
    """
    footprint = _footprint(grid)
    inside = {name: _covered(shape, footprint) for name, shape in outlines.items()}
    try:
        other = sphere.raster_grid(reference.lon.values, reference.lat.values)
        over = sphere.basin_weights(other, inside)
    except ValueError as error:
        raise ValueError(f"{study.evaluation.grace}: {error}") from None
    fields = reference.twsa.values.reshape(len(reference.time), -1)
    means = np.asarray(sphere.area_mean(over.weights, fields.astype(np.float64)))
    start, stop = _months(reference)
    return xr.Dataset(
        {
            "reference": (
                ("month", "region"),
                means,
                {"units": "mm", "long_name": "GRACE"},
            )
        },
        coords={
            "month": reference.time.values,
            "region": list(outlines),
            "start": ("month", start),
            "stop": ("month", stop),
        },
    )


def region_means(
    basins: sphere.BasinWeights,
    load: jax.Array,
    time: NDArray[np.datetime64],
    reference: xr.Dataset | None,
) -> xr.Dataset:
    """Average water over regions.

    Args:
      basins: The regions on the grid.
      load: Water [mm], shape (epoch, cell).
      time: Epochs, shape (epoch,).
      reference: From `reference_means`, or None.

    Returns:
      `twsa` (time, region) and the `covered` share of each region; with a reference
      also `monthly` and `reference` (month, region). All in mm.
    """
    daily = np.asarray(sphere.area_mean(basins.weights, load))
    labels = {"units": "mm", "long_name": "regional mean of water storage anomaly"}
    share = {"units": "1", "long_name": "share of the region inside the grid"}
    means = xr.Dataset(
        {
            "twsa": (("time", "region"), daily, labels),
            "covered": ("region", basins.covered, share),
        },
        coords={"time": time, "region": list(basins.names)},
    )
    if reference is None:
        return means
    monthly = series.period_mean(
        daily,
        time,
        reference.start.values,
        reference.stop.values,
        least=least_epochs(time),
    )
    return means.assign(
        monthly=(("month", "region"), np.asarray(monthly), labels),
        reference=reference.reference.drop_vars(["start", "stop"]),
    )


def least_epochs(time: NDArray[np.datetime64]) -> int:
    """Say how many epochs a monthly mean needs at least.

    Args:
      time: Epochs, shape (epoch,).

    Returns:
      As many as cover ten days.
    """
    if len(time) < 2:
        return DAYS_IN_A_MONTH
    days = float(np.median(np.diff(time)) / np.timedelta64(1, "D"))
    return math.ceil(DAYS_IN_A_MONTH / max(days, 1.0))


def _months(reference: xr.Dataset) -> tuple[NDArray, NDArray]:
    """First instant of each month of a product and first instant after it."""
    if "time_bnds" in reference:
        bounds = reference.time_bnds.values.astype("M8[ns]")
        return bounds[:, 0], bounds[:, 1]
    month = reference.time.values.astype("M8[M]")
    return month.astype("M8[ns]"), (month + 1).astype("M8[ns]")


def _footprint(grid: sphere.Grid) -> shapely.Geometry:
    """The union of all cells."""
    half = grid.spacing / 2
    return shapely.union_all(
        shapely.box(grid.lon - half, grid.lat - half, grid.lon + half, grid.lat + half)
    )


def _covered(
    shape: Polygon | MultiPolygon, footprint: shapely.Geometry
) -> Polygon | MultiPolygon:
    """The part of a region that lies on the grid."""
    part = shapely.intersection(shape, footprint)
    areas = [p for p in getattr(part, "geoms", [part]) if isinstance(p, Polygon)]
    return MultiPolygon(areas)


def score_regions(
    study: config.Study, regions: xr.Dataset
) -> dict[str, dict[str, Any]]:
    """Compare monthly means with the reference.

    Args:
      study: Says in `evaluation.detrend` whether lines are taken out first.
      regions: From `region_means`.

    Returns:
      `pcc`, `nse`, `rmse_mm`, `months` and `covered` by region; empty without a
      reference.
    """
    if "reference" not in regions:
        return {}
    found = {}
    for number, name in enumerate(regions.region.values):
        ours, theirs = (
            regions[variable].values[:, number] for variable in ("monthly", "reference")
        )
        both = np.isfinite(ours) & np.isfinite(theirs)
        ours, theirs = ours[both], theirs[both]
        if study.evaluation.detrend and both.sum() > 2:
            years = regions.month.values[both].astype("M8[D]").astype(float) / 365.2425
            ours, theirs = (
                np.asarray(evaluate.detrend(x, years)) for x in (ours, theirs)
            )
        found[str(name)] = {
            "pcc": float(evaluate.pcc(ours, theirs)),
            "nse": float(evaluate.nse(ours, theirs)),
            "rmse_mm": float(evaluate.rmse(ours, theirs)),
            "months": int(both.sum()),
            "covered": float(regions.covered.values[number]),
        }
    return found

"""Means over regions, and how they compare with another observation of water."""

from typing import Any

import jax
import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from jaxload import config, evaluate, series, sphere

__all__ = ["region_means", "score_regions"]

#: Days that a monthly mean needs at least.
DAYS_IN_A_MONTH = 10


def region_means(
    study: config.Study,
    grid: sphere.Grid,
    outlines: dict[str, Polygon | MultiPolygon],
    load: jax.Array,
    gnss: xr.Dataset,
    reference: xr.Dataset | None,
) -> xr.Dataset:
    """Average water over regions.

    Args:
      study: Its title labels the result.
      grid: The cells.
      outlines: Regions by name.
      load: Water [mm], shape (epoch, cell).
      gnss: Has the epochs as `time`.
      reference: Monthly water on another grid, or None.

    Returns:
      `twsa` (time, region) and the `covered` share of each region; with a reference
      also `monthly` and `reference` (month, region), over the covered part. All in mm.
    """
    weights = sphere.basin_weights(grid, outlines)
    daily = np.asarray(sphere.area_mean(weights.weights, load))
    labels = {"units": "mm", "long_name": "regional mean of water storage anomaly"}
    means = xr.Dataset(
        {
            "twsa": (("time", "region"), daily, labels),
            "covered": (
                "region",
                weights.covered,
                {"units": "1", "long_name": "share of the region inside the grid"},
            ),
        },
        coords={"time": gnss.time, "region": list(weights.names)},
        attrs={"title": study.title},
    )
    if reference is None:
        return means
    start, stop = _months(reference)
    monthly = series.period_mean(
        daily, gnss.time.values, start, stop, least=DAYS_IN_A_MONTH
    )
    footprint = _footprint(grid)
    inside = {name: _covered(shape, footprint) for name, shape in outlines.items()}
    try:
        other = sphere.raster_grid(reference.lon.values, reference.lat.values)
        over = sphere.basin_weights(other, inside)
    except ValueError as error:
        raise ValueError(f"{study.evaluation.grace}: {error}") from None
    fields = reference.twsa.values.reshape(len(reference.time), -1)
    seen = np.asarray(sphere.area_mean(over.weights, fields.astype(np.float64)))
    return means.assign(
        monthly=(("month", "region"), np.asarray(monthly), labels),
        reference=(("month", "region"), seen, {"units": "mm", "long_name": "GRACE"}),
    ).assign_coords(month=reference.time.values)


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

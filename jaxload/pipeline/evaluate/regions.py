"""Regional means of water, and their scores against reference products."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, evaluate, io, series, sphere
from jaxload._calendar import DAY, month_bounds
from jaxload.pipeline.inputs.coverage import covered_by_values, inside_grid
from jaxload.pipeline.inputs.observations import Outline
from jaxload.pipeline.inputs.time_spans import DAYS_IN_A_MONTH, month_spans, spans_of

__all__ = [
    "DAYS_IN_A_MONTH",
    "REFERENCE_VARIABLES",
    "over_months",
    "reference_means",
    "reference_month_means",
    "region_means",
    "score_regions",
    "score_series",
    "within_record",
]

#: Names of references in figures.
LABELS = {"grace": "GRACE", "land_model": "land-surface model"}

#: Of what scores are, by whether trends are removed.
TRENDS = {True: "without linear trends", False: "with linear trends"}

#: Their months, our means over these, and their water, in the dataset of the regions.
REFERENCE_VARIABLES = {
    "grace": ("month", "twsa_monthly", "twsa_grace"),
    "land_model": ("land_model_month", "twsa_monthly_land_model", "tws_land_model"),
}

#: Fraction of a region that cells or a reference cover.
COVERAGE = "coverage_fraction"

#: How far outlines in results may be from those of the study [degrees].
NEAR_OUTLINE = 0.01

#: How far the date of a month may be from its middle.
NEAR = 5 * DAY


def reference_means(
    study: config.Study,
    outlines: dict[str, Outline],
    grid: sphere.Grid,
    references: Mapping[str, xr.Dataset],
) -> dict[str, xr.Dataset]:
    """Average references over the parts of regions that the grid covers.

    Args:
      study: Has the names of the files, for messages.
      outlines: Regions by name.
      grid: The cells of the study.
      references: From `read_comparisons`, on other grids; "grace" by months, others at
        any times, whose anomalies from their mean are averaged over months.

    Returns:
      For each reference its anomaly `water` (month, region) [mm], the share of each
      region with values, `covered` (region) [-], and `start` and `stop` of each month.

    Raises:
      ValueError: If a reference does not reach a region.
    """
    inside = inside_grid(outlines, grid)
    files = {n: getattr(study.evaluation, n) for n in references}
    means = {
        name: _of_regions(name, product, inside, outlines, files[name])
        for name, product in references.items()
    }
    for of_reference in means.values():
        of_reference.water.attrs["scores"] = TRENDS[study.evaluation.detrend]
    return means


def _of_regions(
    name: str,
    product: xr.Dataset,
    inside: dict[str, Outline],
    whole: dict[str, Outline],
    file: config.Grids,
) -> xr.Dataset:
    try:
        product = io.square_cells(product)
        water = product[str(product.attrs["quantity"])]
        fields = water.values.reshape(len(product.time), -1)
        other = sphere.raster_grid(product.lon.values, product.lat.values)
        over = sphere.basin_weights(other, inside)
        covered = covered_by_values(fields, other, whole)
    except ValueError as error:
        named = config.grid_names(file) if file else name
        raise ValueError(f"{named}: {error}") from None
    means = np.asarray(sphere.area_mean(over.weights, fields.astype(np.float64)))
    bounds = month_spans(product)
    dates = _dates(product.time.values, bounds)
    if name != "grace":
        months = _calendar_months(series.span_middles(bounds))
        means = over_months(means, bounds, months)
        means, bounds = means - np.nanmean(means, axis=0), months
        dates = series.span_middles(bounds)
    labels = {"units": "mm", "long_name": LABELS[name]}
    return xr.Dataset(
        {
            "water": (("month", "region"), means, labels),
            "covered": ("region", covered),
        },
        coords={
            "month": dates,
            "region": list(inside),
            "start": ("month", bounds[:, 0]),
            "stop": ("month", bounds[:, 1]),
        },
    )


def _dates(stamps: NDArray, bounds: NDArray) -> NDArray:
    """The middles of months, or their stamps where these are near the middles."""
    middles, stamps = series.span_middles(bounds), stamps.astype("M8[ns]")
    return np.where(abs(stamps - middles) <= NEAR, stamps, middles)


def _calendar_months(time: NDArray) -> NDArray:
    """First instant of each month, and first after it, shape (month, 2)."""
    bounds = np.stack(month_bounds(np.unique(time.astype("M8[M]"))), axis=1)
    return bounds.astype("M8[ns]")


def over_months(
    values: NDArray[np.float64], spans: NDArray, months: NDArray
) -> NDArray[np.float64]:
    """Average series over months.

    Args:
      values: The series, shape (epoch, column); NaN if missing.
      spans: What its epochs are means of, shape (epoch, 2).
      months: First instant of each month and first after it, shape (month, 2).

    Returns:
      Means, shape (month, column); NaN where fewer than ten days are known.
    """
    least = DAYS_IN_A_MONTH * DAY / (months[:, 1] - months[:, 0])
    return series.span_means(values, spans, months, least)[0]


def region_means(
    basins: sphere.BasinWeights,
    daily: NDArray[np.float64],
    time: NDArray[np.datetime64],
    references: Mapping[str, xr.Dataset],
    outlines: Mapping[str, Outline] | None = None,
) -> xr.Dataset:
    """Label means of water over regions, and average them over months.

    Args:
      basins: The regions on the grid.
      daily: Means over the regions [mm], shape (epoch, region).
      time: Epochs, shape (epoch,).
      references: From `reference_means`.
      outlines: The regions by name; None leaves outlines and areas out.

    Returns:
      `twsa` (time, region) and `coverage_fraction`, the fraction of each region that
      the cells cover; with GRACE also `twsa_monthly` and `twsa_grace` (month, region),
      with a land-surface model `twsa_monthly_land_model` and `tws_land_model`
      (land_model_month, region), for the months that the record touches, whose limits
      are `month_bnds` and `land_model_month_bnds`. All in mm. The fractions that the
      references cover are `twsa_grace_coverage_fraction` and
      `tws_land_model_coverage_fraction`; each mean has its fraction as the attribute
      `coverage_fraction` too. With outlines `region_outline` (region), as well-known
      text, and `region_area` (region) [km2] of the part that the cells cover.
    """
    labels = {"units": "mm", "long_name": "regional mean of water storage anomaly"}
    share = {"units": "1", "long_name": "share of the region inside the grid"}
    means = xr.Dataset(
        {
            "twsa": (("time", "region"), daily, labels | {COVERAGE: basins.covered}),
            COVERAGE: ("region", basins.covered, share),
        },
        coords={"time": time, "region": list(basins.names)},
    )
    for name, whole in references.items():
        reference = within_record(whole, time)
        month, ours, theirs = REFERENCE_VARIABLES[name]
        monthly = (
            (month, "region"),
            reference_month_means(daily, time, reference),
            labels,
        )
        covered = reference.covered.values
        labels_of = reference.water.attrs | {COVERAGE: covered}
        water = (month, "region"), reference.water.values, labels_of
        known = share | {"long_name": f"share of the region that {LABELS[name]} covers"}
        part = "region", covered, known
        new = {ours: monthly, theirs: water, f"{theirs}_{COVERAGE}": part}
        means = means.assign(new)
        spans = np.stack([reference.start.values, reference.stop.values], axis=1)
        limits = (month, "bnds"), spans
        coords = {month: reference.month.values, f"{month}_bnds": limits}
        means = means.assign_coords(coords)
    return means if outlines is None else _with_outlines(means, outlines)


def _with_outlines(means: xr.Dataset, outlines: Mapping[str, Outline]) -> xr.Dataset:
    """Outlines and areas of regions, to draw them and to take sums of water."""
    shapes = [outlines[str(name)] for name in means.region.values]
    simple = shapely.simplify(np.array(shapes, object), NEAR_OUTLINE)
    texts = shapely.to_wkt(simple, rounding_precision=3)
    area = sphere.basin_areas(dict(zip(map(str, means.region.values), shapes)))
    area = area * means[COVERAGE].values
    about = "outline in lon and lat as well-known text, simplified"
    size = "area of the part of the region that the cells cover"
    return means.assign(
        region_outline=("region", np.asarray(texts, str), {"long_name": about}),
        region_area=("region", area, {"units": "km2", "long_name": size}),
    )


def within_record(reference: xr.Dataset, time: NDArray[np.datetime64]) -> xr.Dataset:
    """Select the months of a reference that a record touches.

    Args:
      reference: One of `reference_means`.
      time: Epochs of the record, ascending, shape (epoch,).

    Returns:
      The reference without months that end before it or begin after it.
    """
    spans = spans_of(time)
    started = reference.start.values < spans[-1, 1]
    return reference.isel(month=started & (reference.stop.values > spans[0, 0]))


def reference_month_means(
    daily: NDArray[np.float64], time: NDArray[np.datetime64], reference: xr.Dataset
) -> NDArray[np.float64]:
    """Average series over the months of a reference.

    Args:
      daily: Water [mm], shape (epoch, region).
      time: Epochs, shape (epoch,).
      reference: One of `reference_means`.

    Returns:
      Water [mm], shape (month, region); NaN in months with fewer than ten days.
    """
    months = np.stack([reference.start.values, reference.stop.values], axis=1)
    return over_months(np.asarray(daily), spans_of(time), months)


def score_regions(
    study: config.Study, regions: xr.Dataset, reference: str = "grace"
) -> dict[str, dict[str, Any]]:
    """Compare monthly means with a reference.

    Args:
      study: Its `evaluation.detrend` says whether to remove linear trends first.
      regions: From `region_means`.
      reference: "grace" or "land_model".

    Returns:
      `pcc`, `r2`, `nse`, `rmse_mm`, `months`, and `coverage_fraction` and
      `reference_coverage_fraction`, the fractions of the region that cells and the
      reference cover, by region; empty without the reference.
    """
    month, ours, theirs = REFERENCE_VARIABLES[reference]
    if theirs not in regions:
        return {}
    pair = (regions[ours].values, regions[theirs].values)
    scores = score_series(study, pair, regions[month].values, regions.region.values)
    for number, name in enumerate(scores):
        scores[name][COVERAGE] = float(regions[COVERAGE].values[number])
        theirs_covered = regions[f"{theirs}_{COVERAGE}"].values[number]
        scores[name][f"reference_{COVERAGE}"] = float(theirs_covered)
    return scores


def score_series(
    study: config.Study,
    pair: tuple[NDArray[np.float64], NDArray[np.float64]],
    months: NDArray[np.datetime64],
    names: Iterable[Any],
) -> dict[str, dict[str, Any]]:
    """Compare two records, region by region.

    Args:
      study: Its `evaluation.detrend` says whether to remove linear trends first.
      pair: Ours and theirs [mm], each of shape (month, region); NaN if missing.
      months: When they are, shape (month,).
      names: Of the regions.

    Returns:
      `pcc`, `r2`, `nse`, `rmse_mm` and number of `months` by region.
    """
    years = months.astype("M8[D]").astype(float) / 365.2425
    scores = {}
    for name, ours, theirs in zip(names, pair[0].T, pair[1].T):
        both = np.isfinite(ours) & np.isfinite(theirs)
        ours, theirs = ours[both], theirs[both]
        if study.evaluation.detrend and both.sum() > 2:
            ours, theirs = (
                np.asarray(evaluate.detrend(x, years[both])) for x in (ours, theirs)
            )
        scores[str(name)] = {
            "pcc": float(evaluate.pcc(ours, theirs)),
            "r2": float(evaluate.r2(ours, theirs)),
            "nse": float(evaluate.nse(ours, theirs)),
            "rmse_mm": float(evaluate.rmse(ours, theirs)),
            "months": int(both.sum()),
        }
    return scores

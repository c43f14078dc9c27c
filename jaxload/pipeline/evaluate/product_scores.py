"""Scores of every pair of products, by period, region and cell."""

import dataclasses
import itertools
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
import xarray as xr
from jax import Array
from numpy.typing import NDArray

from jaxload import config, evaluate, series, sphere
from jaxload.pipeline.chunks import blocks
from jaxload.pipeline.evaluate.alike import smoothed_alike
from jaxload.pipeline.evaluate.products import BY_HEIGHTS, MonthlyProduct
from jaxload.pipeline.inputs.study_area import StudyArea

__all__ = ["WHOLE", "AlikeProducts", "compare_products", "describe_products"]

logger = logging.getLogger(__name__)

Floats = NDArray[np.floating]

#: Name of the period of all months.
WHOLE = "all"

#: Cells that are judged at a time.
CELLS = 2048

#: Longest lag that is tried [months].
LONGEST_LAG = 6

#: Common months for each term that is taken off, without which what is left measures
#: nothing: residuals of as many months as terms and one correlate perfectly.
MONTHS_A_TERM = 3

#: Common months without which no lag is tried: twelve are left at the longest one.
LAGGED_MONTHS = 18

#: Scores of pairs: units and meaning.
SCORES = {
    "pcc": ("1", "correlation of product with other"),
    "nse": ("1", "Nash-Sutcliffe efficiency of product, by other"),
    "rmse": ("mm", "root mean square difference of product and other"),
    "pcc_deseasonalised": ("1", "correlation without trends and seasons"),
    "standard_deviation": ("mm", "standard deviation of product in months of both"),
    "centred_rmse": ("mm", "root mean square difference less means of the period"),
    "month_count": ("1", "number of months that both have"),
}

#: Those of cells.
OF_CELLS = ("pcc", "nse", "rmse", "pcc_deseasonalised")


class AlikeProducts:
    """Products, smoothed alike where two are compared; each smoothed once.

    Attributes:
      products: By name.
      area: Cells and regions.
    """

    def __init__(self, products: Mapping[str, MonthlyProduct], area: StudyArea) -> None:
        self.products, self.area = products, area
        self._smoothed: dict[tuple[str, float], MonthlyProduct] = {}

    def at(self, name: str, radius_km: float) -> MonthlyProduct:
        """Smooth a product to a resolution, as far as that is possible.

        Args:
          name: Of the product.
          radius_km: Radius of the Gaussian that it shall have been smoothed with [km].

        Returns:
          The product; as it is where it is smoother, or a table by region.
        """
        product = self.products[name]
        if product.cells is None or product.smoothing_km >= radius_km:
            return product
        key = name, radius_km
        if key not in self._smoothed:
            # Two Gaussians one after the other are one whose radii add in squares.
            more = float(np.sqrt(radius_km**2 - product.smoothing_km**2))
            cells = smoothed_alike(self.area.grid, product.cells, more)
            weights = self.area.basins.weights
            means = np.asarray(sphere.area_mean(weights, cells.astype(np.float64)))
            self._smoothed[key] = dataclasses.replace(
                product, smoothing_km=radius_km, regions=means, cells=cells
            )
        return self._smoothed[key]

    def pair(self, name: str, other: str) -> tuple[MonthlyProduct, MonthlyProduct]:
        """Bring two products to the resolution of the smoother one, on common cells.

        Args:
          name: Of one.
          other: Of the other.

        Returns:
          Both, as from `together`.
        """
        one, two = self.together(name, other)
        return one, two

    def together(self, *names: str) -> list[MonthlyProduct]:
        """Bring products to the resolution of the smoothest one, on common cells.

        Args:
          names: Of the products.

        Returns:
          The products, whose means over regions are of the cells that all of them have
          in a month, tables by region apart. Where one has no cell in a month, the
          others are averaged over cells that it has in any month.
        """
        radius = max(self.products[x].smoothing_km for x in names)
        products = [self.at(name, radius) for name in names]
        known = [_known_cells(x.cells) for x in products if x.cells is not None]
        if not known or all(np.array_equal(x, known[0]) for x in known[1:]):
            return products
        common = np.all(known, axis=0)
        return [self._over(x, common) for x in products]

    def _over(self, product: MonthlyProduct, common: NDArray) -> MonthlyProduct:
        if product.cells is None:
            return product
        cells = np.where(common, product.cells, np.nan).astype(np.float64)
        means = np.asarray(sphere.area_mean(self.area.basins.weights, cells))
        return dataclasses.replace(product, regions=means)


def _known_cells(cells: Floats) -> NDArray[np.bool_]:
    """Which cells have water; in months without any, which have it in another."""
    known = np.isfinite(cells)
    some = known.any(axis=1, keepdims=True)
    return np.where(some, known, known.any(axis=0))


def compare_products(
    study: config.Study, alike: AlikeProducts, months: NDArray[np.datetime64]
) -> xr.Dataset:
    """Compare every pair of products.

    Args:
      study: Its table ``[evaluation]`` has the periods, and whether linear trends are
        removed first; constant differences are removed in any case.
      alike: The products.
      months: First instant of each month and first after it, shape (month, 2).

    Returns:
      ``water`` (month, product, region) [mm], scores (period, product, other, region),
      lags and triple collocation; and with grids scores of cells (period, other, lat,
      lon) of water by heights.
    """
    time = series.span_middles(months)
    periods = _months_of_periods(study, time)
    names, regions = list(alike.products), list(alike.area.outlines)
    pairs = [alike.pair(a, b) for a in names for b in names]
    ours, theirs = (np.stack([p[k].regions for p in pairs], axis=1) for k in (0, 1))
    shape = (len(names), len(names), len(regions))
    flat = len(time), -1
    scores = _scores(
        study, time, (ours.reshape(flat), theirs.reshape(flat)), tuple(periods.values())
    )
    dims = ("period", "product", "other", "region")
    variables: dict[str, Any] = {
        name: (dims, values.reshape(-1, *shape), _labels(name))
        for name, values in scores.items()
    }
    radii = np.reshape([pair[0].smoothing_km for pair in pairs], shape[:2])
    meaning = "radius of the Gaussian with which product was smoothed to compare it"
    variables["smoothing_radius"] = (
        ("product", "other"),
        radii,
        {"units": "km", "long_name": f"{meaning} with other; 0 for none"},
    )
    water = np.stack([alike.products[name].regions for name in names], axis=1)
    labels = {"units": "mm", "long_name": "regional mean of water storage anomaly"}
    variables["water"] = ("month", "product", "region"), water, labels
    variables |= _compared(study, time, (ours, theirs), shape)
    inside = np.stack(list(periods.values())).astype(np.int8)
    labels = {"units": "1", "long_name": "1 where a month is in a period"}
    variables["in_period"] = ("period", "month"), inside, labels
    variables |= _lags(study, time, (ours, theirs), shape)
    variables |= _of_cells(study, time, alike, periods)
    coords: dict[str, Any] = {"product": names, "other": names, "period": list(periods)}
    coords |= {"region": regions, "month": time}
    coords["month_bnds"] = (("month", "bnds"), months)
    dataset = xr.Dataset(variables, coords)
    dataset = dataset.merge(_collocation(alike, time, regions))
    if "lat" in dataset.dims:
        grid = alike.area.grid
        dataset = dataset.assign_coords(lat=grid.lat_axis, lon=grid.lon_axis)
    return dataset


def _months_of_periods(
    study: config.Study, time: NDArray
) -> dict[str, NDArray[np.bool_]]:
    days = time.astype("M8[D]")
    periods = {WHOLE: np.ones(len(days), bool)}
    for period in config.parse_periods(study.evaluation.periods):
        first, last = np.datetime64(period.first), np.datetime64(period.last)
        inside = (days >= first) & (days <= last)
        if not inside.any():
            logger.warning(
                "evaluation.periods has %s, in which there is no middle of a month of "
                "the record, %s to %s; it has no scores",
                period.name,
                *np.datetime_as_string(time[[0, -1]], "M"),
            )
        periods[period.name] = inside
    return periods


def _scores(
    study: config.Study,
    time: NDArray,
    pair: tuple[Floats, Floats],
    periods: tuple[NDArray[np.bool_], ...],
) -> dict[str, Floats]:
    """Scores of series, shape (month, column), each of shape (period, column)."""
    ready, bare = _ready(study, time, pair)
    nothing = np.full(ready[0].shape, np.nan)
    ours, theirs, ours_bare, theirs_bare = (
        np.stack([np.where(inside[:, None], x, nothing) for inside in periods])
        for x in (*ready, *bare)
    )
    values = _computed(ours, theirs, ours_bare, theirs_bare)
    count = np.isfinite(ours + theirs).sum(axis=1)
    return {name: np.asarray(x) for name, x in values.items()} | {"month_count": count}


@jax.jit
def _computed(
    ours: Array, theirs: Array, ours_bare: Array, theirs_bare: Array
) -> dict[str, Array]:
    """Scores along the second axis."""
    taylor = evaluate.taylor_statistics(ours, theirs, axis=1)
    return {
        "pcc": taylor.pcc,
        "nse": evaluate.nse(ours, theirs, axis=1),
        "rmse": evaluate.rmse(ours, theirs, axis=1),
        "pcc_deseasonalised": evaluate.pcc(ours_bare, theirs_bare, axis=1),
        "standard_deviation": taylor.std,
        "centred_rmse": taylor.centred_rmse,
    }


@jax.jit
def _best_lag(leading: Array, following: Array) -> evaluate.Lag:
    return evaluate.best_lag(leading, following, most=LONGEST_LAG, negative=True)


def _ready(
    study: config.Study, time: NDArray, pair: tuple[Floats, Floats]
) -> tuple[list[Floats], list[Floats]]:
    """Common months of both without offset or trend, and without seasons too."""
    common = np.isfinite(pair[0]) & np.isfinite(pair[1])
    basis = np.asarray(series.seasonal_basis(time), np.float64)
    count = 2 if study.evaluation.detrend else 1
    ready = [_without(x, common, basis[:, :count]) for x in pair]
    return ready, [_without(x, common, basis) for x in pair]


def _without(values: Floats, known: NDArray[np.bool_], basis: Floats) -> Floats:
    """Residuals of regressions over known months; NaN for too few of them."""
    filled = np.where(known, values, 0.0).astype(np.float64)
    square = (basis[:, :, None] * basis[:, None, :]).reshape(len(basis), -1)
    # Packed, as comparing columns of single months takes longer than the rest.
    packed = np.packbits(known, axis=0)
    _, first, which = np.unique(packed, axis=1, return_index=True, return_inverse=True)
    patterns, terms = known[:, first], basis.shape[1]
    normal = (square.T @ patterns).T.reshape(-1, terms, terms)
    inverse = np.linalg.pinv(normal, hermitian=True)[which.reshape(-1)]
    fitted = np.einsum("cij,cj->ci", inverse, (basis.T @ filled).T)
    enough = known & (known.sum(axis=0) >= MONTHS_A_TERM * terms)
    return np.where(enough, filled - basis @ fitted.T, np.nan)


def _labels(name: str) -> dict[str, str]:
    units, meaning = SCORES[name]
    return {"units": units, "long_name": meaning}


def _compared(
    study: config.Study,
    time: NDArray,
    pairs: tuple[Floats, Floats],
    shape: tuple[int, int, int],
) -> dict[str, Any]:
    """Water by heights and by every other product, as scores are of both."""
    # Water by heights is the first product, so that its pairs come first.
    some = tuple(x[:, : shape[1]].reshape(len(time), -1) for x in pairs)
    (ours, theirs), _ = _ready(study, time, (some[0], some[1]))
    dims = ("month", "other", "region")
    meaning = "in common months, less what was removed to compare both, smoothed alike"
    return {
        name: (
            dims,
            values.reshape(-1, *shape[1:]),
            {"units": "mm", "long_name": f"{what} {meaning}"},
        )
        for name, values, what in (
            ("compared_gnss", ours, "water by heights"),
            ("compared_other", theirs, "water by other"),
        )
    }


def _lags(
    study: config.Study,
    time: NDArray,
    pairs: tuple[Floats, Floats],
    shape: tuple[int, int, int],
) -> dict[str, Any]:
    """By how many months products follow others."""
    if len(time) <= 2 * LONGEST_LAG:
        return {}
    flat = len(time), -1
    ready, _ = _ready(study, time, (pairs[0].reshape(flat), pairs[1].reshape(flat)))
    lag = _best_lag(ready[1], ready[0])
    common = np.isfinite(ready[0] + ready[1]).sum(axis=0)
    after = np.where(common >= LAGGED_MONTHS, np.asarray(lag.after), np.nan)
    after = after.reshape(shape)
    months = np.where(np.isfinite(after), np.asarray(lag.lag).reshape(shape), np.nan)
    dims = ("product", "other", "region")
    meaning = "months by which product follows other, where they correlate best"
    best = "correlation of product with other at that lag"
    return {
        "lag": (dims, months, {"units": "1", "long_name": meaning}),
        "pcc_at_lag": (dims, after, {"units": "1", "long_name": best}),
    }


def _of_cells(
    study: config.Study,
    time: NDArray,
    alike: AlikeProducts,
    periods: Mapping[str, NDArray[np.bool_]],
) -> dict[str, Any]:
    """Scores of water by heights on cells, by every product on these."""
    others = [
        name
        for name, product in alike.products.items()
        if product.kind != "gnss" and product.cells is not None
    ]
    if not others:
        return {}
    grid = alike.area.grid
    size = len(periods), len(alike.products), len(grid.lon)
    values = {name: np.full(size, np.nan, np.float32) for name in OF_CELLS}
    for other in others:
        place = list(alike.products).index(other)
        pair = alike.pair(BY_HEIGHTS, other)
        ours, theirs = (np.asarray(x.cells) for x in pair)
        for part in blocks(len(grid.lon), CELLS):
            both = ours[:, part], theirs[:, part]
            scores = _scores(study, time, both, tuple(periods.values()))
            for name in OF_CELLS:
                values[name][:, place, part] = scores[name]
    dims = ("period", "other", "lat", "lon")
    return {
        f"cell_{name}": (dims, sphere.to_raster(grid, x), _cell_labels(name))
        for name, x in values.items()
    }


def _cell_labels(name: str) -> dict[str, str]:
    units, meaning = SCORES[name]
    return {
        "units": units,
        "long_name": meaning.replace("product", "water by heights"),
    }


def _triples(alike: AlikeProducts) -> Iterator[tuple[str, str, str]]:
    """Water by heights, gravimetry and a land-surface model, whose errors differ."""
    by_kind = {
        kind: [name for name, x in alike.products.items() if x.kind == kind]
        for kind in ("gravimetry", "land_model")
    }
    return itertools.product(
        (BY_HEIGHTS,), by_kind["gravimetry"], by_kind["land_model"]
    )


def _collocation(alike: AlikeProducts, time: NDArray, regions: list[str]) -> xr.Dataset:
    """Errors of three products of different kinds, by what they have in common."""
    triples = list(_triples(alike))
    if not triples:
        return xr.Dataset()
    basis = np.asarray(series.seasonal_basis(time), np.float64)[:, :2]
    results = []
    for names in triples:
        water = np.stack([product.regions for product in alike.together(*names)])
        common = np.asarray(np.isfinite(water).all(axis=0))
        bare = np.stack([_without(x, common, basis) for x in water])
        results.append(evaluate.triple_collocation(bare))
    meanings = {
        "error_sd": ("collocation_error", "mm", "standard deviation of the error"),
        "scaling": ("collocation_scaling", "1", "response beside that of gnss"),
        "correlation": ("collocation_pcc", "1", "correlation with the common signal"),
    }
    comment = (
        "triple collocation of monthly means without linear trends, smoothed alike; "
        "errors of the three are taken to be independent"
    )
    variables: dict[str, Any] = {
        name: (
            ("triple", "member", "region"),
            np.stack([getattr(x, field) for x in results]),
            {"units": units, "long_name": meaning, "comment": comment},
        )
        for field, (name, units, meaning) in meanings.items()
    }
    member = ("triple", "member"), np.array(triples, dtype=str)
    labels = {"long_name": "names of the three products"}
    variables["collocated_product"] = (*member, labels)
    return xr.Dataset(variables, {"region": regions})


def describe_products(products: xr.Dataset) -> dict[str, Any]:
    """Summarise scores of water by heights.

    Args:
      products: From `compare_products`.

    Returns:
      By product, period and region `pcc`, `nse`, `rmse_mm`, `pcc_deseasonalised` and
      `months`; and by product `smoothing_km`, with which water was smoothed to be
      compared with it.
    """
    names = {
        "pcc": "pcc",
        "nse": "nse",
        "rmse": "rmse_mm",
        "pcc_deseasonalised": "pcc_deseasonalised",
        "month_count": "months",
    }
    described: dict[str, Any] = {}
    for other in map(str, products.other.values):
        if other == BY_HEIGHTS:
            continue
        pair = products.sel(product=BY_HEIGHTS, other=other)
        described[other] = {"smoothing_km": float(pair.smoothing_radius)}
        for period in map(str, products.period.values):
            of_period = pair.sel(period=period)
            described[other][period] = {
                str(region): {
                    name: _plain(of_period[variable].sel(region=region).item())
                    for variable, name in names.items()
                }
                for region in products.region.values
            }
    return described


def _plain(value: float) -> float | int:
    return value if isinstance(value, int) else float(value)

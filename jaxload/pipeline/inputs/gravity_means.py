"""Monthly water of satellite gravimetry as means over footprints."""

import dataclasses

import numpy as np
import scipy.sparse as sp
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, inversion, io, series, sphere
from jaxload._calendar import DAY, month_bounds
from jaxload.constants import DEGREE, EARTH_RADIUS
from jaxload.pipeline.inputs.gravity_coefficients import read_coefficients
from jaxload.pipeline.inputs.observations import read_gravity
from jaxload.pipeline.inputs.time_spans import (
    DAYS_IN_A_MONTH,
    epoch_spans,
    month_spans,
)
from jaxload.sphere.harmonics.footprints import (
    FieldFilter,
    filter_correlation,
    footprint_weights,
)

__all__ = ["GravityMeans", "ObservedPeriods", "periods_of", "read_gravity_means"]

Floats = NDArray[np.float64]

#: Standard error of a footprint's month where none is known, to begin with [mm].
SIGMA = 15.0

#: Length of correlation of water outside the cells [km], and how far it counts, in
#: radii of the product's smoothing.
BEYOND_LENGTH, REACH = 300.0, 3.5

#: Side of the cells of that water [degrees].
BEYOND_SPACING = 1.0

#: Places of a filtered product in a radius of its filter that are enough.
PLACES_IN_A_RADIUS = 3

#: Kilometres in a degree of arc.
KM_PER_DEGREE = DEGREE * EARTH_RADIUS / 1e3

#: Half the circumference of the Earth [km].
HALF_TURN = 180 * KM_PER_DEGREE

#: Share of a footprint that has to be known.
LEAST = 1 / 3

#: Share of a footprint's error that is its own.
APART = 0.02


@dataclasses.dataclass(frozen=True, eq=False)
class GravityMeans:
    """Means over footprints as observations, and what was left out of them.

    Attributes:
      means: The observations; periods with none come after those of the product.
      left_out: Observed means of the periods that are to be predicted [mm], shape
        (period, mean); NaN elsewhere.
      periods: When they are.
      lon: Of the middles of footprints [degrees], shape (mean,).
      lat: Likewise.
    """

    means: inversion.ObservedMeans
    left_out: Floats
    periods: "ObservedPeriods"
    lon: Floats
    lat: Floats


def read_gravity_means(
    study: config.Study, gnss: xr.Dataset, grid: sphere.Grid
) -> GravityMeans | None:
    """Read the product of ``inversion.grace`` and average it over footprints.

    Args:
      study: Names and describes the product.
      gnss: The heights, which have the epochs.
      grid: The cells.

    Returns:
      The `GravityMeans`; None where no product is named.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If the product does not reach the cells, or has no month in common
        with the heights.
    """
    settings = config.gravimetry_table(study.inversion.grace)
    if settings is None:
        return None
    named = f"inversion.grace {config.grid_names(settings.files)}"
    if settings.coefficients:
        coefficients = read_coefficients(study, settings)
        product = coefficients.product(grid)
    else:
        coefficients = None
        water = read_gravity(study, "inversion.grace", settings.files)
        product = io.square_cells(water)
    places, values = _nodes(product, grid, _stride(settings, product), named)
    shares = _footprints(places, product, settings.footprint_deg)
    spans = month_spans(product)
    periods = periods_of(epoch_spans(gnss), spans)
    years, covered = periods.years, periods.covered
    if not covered.any():
        raise ValueError(
            f"{named} has no month in common with the heights, which span "
            f"{gnss.time.values[0].astype('M8[D]')} to "
            f"{gnss.time.values[-1].astype('M8[D]')}; get data of one period"
        )
    observed = np.full((len(years), _count(shares)), np.nan)
    observed[: len(spans)][covered] = (values @ shares.T)[covered]
    observed -= np.nanmean(observed, axis=0)
    left = np.isin(np.floor(years), settings.leave_out_years)
    if np.isnan(observed[~left]).all():
        raise ValueError(
            f"{named} has no month in common with the heights outside "
            "inversion.grace.leave_out_years; leave out fewer years"
        )
    middle = shares @ places
    inside = _weights(settings, places, grid, product)
    drift = years - years.mean()
    covariance = _covariance(settings, places, shares)
    if coefficients is not None and coefficients.sigma is not None:
        covariance = coefficients.covariance(places, shares)
        # Footprints closer than the degrees resolve differ by rounding alone.
        covariance = (1 - APART) * covariance + APART * np.diag(np.diag(covariance))
    terms = [np.ones_like(years)] if settings.trend else [np.ones_like(years), drift]
    means = inversion.ObservedMeans(
        design=_dense(shares @ inside),
        values=np.where(left[:, None], np.nan, observed),
        covariance=covariance,
        period=periods.of_epoch,
        years=years,
        drift=np.stack(terms, axis=1),
        beyond=_beyond(settings, places, shares, grid),
    )
    kept = np.where(left[:, None], observed, np.nan)
    return GravityMeans(means, kept, periods, *middle.T)


def _stride(settings: config.Gravimetry, product: xr.Dataset) -> int:
    """Every how many places of a smooth product are enough."""
    if not settings.filtered:
        return 1
    side = _radius_km(settings) / KM_PER_DEGREE / PLACES_IN_A_RADIUS
    return max(1, int(side / float(np.median(np.diff(product.lat.values)))))


def _radius_km(settings: config.Gravimetry) -> float:
    return settings.smoothing_km or HALF_TURN / settings.max_degree


def _nodes(
    product: xr.Dataset, grid: sphere.Grid, stride: int, named: str
) -> tuple[Floats, Floats]:
    """Places of the product on the cells, and its water there, (month, place)."""
    water = product[str(product.attrs["quantity"])]
    water = water.transpose("time", "lat", "lon").values.astype(np.float64)
    lon, lat = (x.ravel() for x in np.meshgrid(product.lon.values, product.lat.values))
    values = water.reshape(len(water), -1)
    months = np.isfinite(values).any(axis=1)
    columns, rows = np.meshgrid(
        np.arange(product.lon.size), np.arange(product.lat.size)
    )
    thin = ((rows % stride == 0) & (columns % stride == 0)).ravel()
    known = np.isfinite(values[months]).all(axis=0) & months.any()
    there = known & (sphere.cell_at(grid, lon, lat) >= 0) & thin
    if not there.any():
        raise ValueError(
            f"{named} has no water on the cells of the study, which span "
            f"{grid.lon_axis[0]:g} to {grid.lon_axis[-1]:g} in lon and "
            f"{grid.lat_axis[0]:g} to {grid.lat_axis[-1]:g} in lat; get a product that "
            "reaches them"
        )
    middle = np.mean(grid.lon)
    turned = lon + 360 * np.round((middle - lon) / 360)
    return np.stack([turned, lat], axis=1)[there], values[:, there]


def _footprints(places: Floats, product: xr.Dataset, side: float) -> sp.csr_array:
    """Shares of places in footprints of about a side, shape (mean, place)."""
    lon, lat = places.T
    step = float(np.median(np.diff(product.lat.values)))
    south, width = lat.min() - step / 2, np.ptp(lat) + step
    bands = max(1, round(width / side))
    band = np.minimum(((lat - south) / width * bands).astype(int), bands - 1)
    label = np.full(len(lat), -1)
    for number in range(bands):
        inside = np.flatnonzero(band == number)
        west, wide = lon[inside].min() - step / 2, np.ptp(lon[inside]) + step
        arc = wide * np.cos(np.deg2rad(lat[inside].mean()))
        columns = max(1, round(arc / side))
        column = ((lon[inside] - west) / wide * columns).astype(int)
        label[inside] = 10_000 * number + np.minimum(column, columns - 1)
    area = np.cos(np.deg2rad(lat))
    index = np.unique(label, return_inverse=True)[1]
    total = np.bincount(index, area)
    kept = total >= LEAST * np.median(total)
    place = np.cumsum(kept) - 1
    good = kept[index]
    entries = (area / total[index])[good]
    position = (place[index[good]], np.flatnonzero(good))
    return sp.csr_array((entries, position), shape=(kept.sum(), len(lat)))


@dataclasses.dataclass(frozen=True, eq=False)
class ObservedPeriods:
    """Periods of observed means, and the epochs in them.

    Attributes:
      of_epoch: Number of the period of every epoch, shape (epoch,).
      spans: First instant of each and first after it, shape (period, 2).
      years: Middles [a], shape (period,).
      covered: Whether heights cover a period that was named, shape (named,).
    """

    of_epoch: NDArray[np.int64]
    spans: NDArray
    years: Floats
    covered: NDArray[np.bool]


def periods_of(epochs: NDArray, spans: NDArray) -> ObservedPeriods:
    """Find the period of every epoch.

    Args:
      epochs: Spans of the epochs, shape (epoch, 2).
      spans: Those of a product, shape (month, 2).

    Returns:
      The `ObservedPeriods`: the spans of the product, and behind them calendar months
      for other epochs.
    """
    middles = series.span_middles(epochs)
    period = np.full(len(middles), -1)
    for number, (start, stop) in enumerate(spans):
        period[(period < 0) & (middles >= start) & (middles < stop)] = number
    length = (epochs[:, 1] - epochs[:, 0]) / DAY
    days = np.bincount(period[period >= 0], length[period >= 0], len(spans))
    months, index = np.unique(middles[period < 0].astype("M8[M]"), return_inverse=True)
    period[period < 0] = len(spans) + index
    others = np.stack(month_bounds(months), axis=1).astype("M8[ns]")
    whole = np.concatenate([spans, others]) if len(others) else spans
    years = np.asarray(series.decimal_years(series.span_middles(whole)))
    return ObservedPeriods(period, whole, years, days >= DAYS_IN_A_MONTH)


def _filter(settings: config.Gravimetry) -> FieldFilter:
    radius = 1e3 * settings.smoothing_km
    return FieldFilter(radius, settings.max_degree, settings.min_degree)


def _weights(
    settings: config.Gravimetry, places: Floats, grid: sphere.Grid, product: xr.Dataset
) -> Floats | sp.csr_array:
    """Weights of cells in the product at places, shape (place, cell)."""
    cells = np.stack([grid.lon, grid.lat], axis=1)
    if settings.filtered:
        return footprint_weights(_filter(settings), places, cells, grid.cell_area)
    raster = sphere.raster_grid(product.lon.values, product.lat.values)
    place = np.full(len(raster.lon), -1)
    place[sphere.cell_at(raster, *places.T)] = np.arange(len(places))
    there = sphere.cell_at(raster, *cells.T)
    index = np.where(there >= 0, place[there], -1)
    good = np.flatnonzero(index >= 0)
    total = np.bincount(index[good], grid.cell_area[good], len(places))
    entries = grid.cell_area[good] / total[index[good]]
    # Cells may be larger than those of the product.
    empty = np.flatnonzero(total == 0)
    entries = np.append(entries, np.ones(len(empty)))
    rows = np.append(index[good], empty)
    columns = np.append(good, sphere.cell_at(grid, *places[empty].T))
    size = len(places), len(cells)
    return sp.csr_array((entries, (rows, columns)), shape=size)


def _count(shares: sp.csr_array) -> int:
    return shares.toarray().shape[0]


def _dense(matrix: Floats | sp.csr_array) -> Floats:
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()


def _covariance(
    settings: config.Gravimetry, places: Floats, shares: sp.csr_array
) -> Floats:
    """Of the errors of footprints, of equal variance on the average [mm2]."""
    sigma = SIGMA if isinstance(settings.sigma_mm, str) else settings.sigma_mm
    alike = np.eye(_count(shares))
    if not settings.filtered:
        return sigma**2 * alike
    correlation = filter_correlation(_filter(settings), places)
    whole = shares @ (shares @ correlation).T
    whole = (whole + whole.T) / 2 / np.diag(whole).mean()
    return sigma**2 * ((1 - APART) * whole + APART * alike)


def _beyond(
    settings: config.Gravimetry,
    places: Floats,
    shares: sp.csr_array,
    grid: sphere.Grid,
) -> Floats | None:
    """Covariance of footprints by water of unit variance outside the cells."""
    if settings.beyond == "none" or not settings.filtered:
        return None
    margin = REACH * _radius_km(settings) / KM_PER_DEGREE
    north = min(places[:, 1].max() + margin, 90.0)
    south = max(places[:, 1].min() - margin, -90.0)
    lat = np.arange(south + BEYOND_SPACING / 2, north, BEYOND_SPACING)
    wide = margin / np.cos(np.deg2rad(np.clip(np.abs(lat).max(), 0, 80)))
    west, east = places[:, 0].min() - wide, places[:, 0].max() + wide
    lon = np.arange(west, min(east, west + 360 - BEYOND_SPACING), BEYOND_SPACING)
    east_of, north_of = (x.ravel() for x in np.meshgrid(lon, lat))
    outside = sphere.cell_at(grid, east_of, north_of) < 0
    cells = np.stack([east_of, north_of], axis=1)[outside]
    side = np.deg2rad(BEYOND_SPACING) * EARTH_RADIUS
    area = side**2 * np.cos(np.deg2rad(cells[:, 1]))
    weights = shares @ footprint_weights(_filter(settings), places, cells, area)
    arc = sphere.angular_distance(
        cells[:, None, 0], cells[:, None, 1], cells[None, :, 0], cells[None, :, 1]
    )
    correlation = np.exp(-np.asarray(arc) * KM_PER_DEGREE / BEYOND_LENGTH)
    covariance = weights @ correlation @ weights.T
    return (covariance + covariance.T) / 2

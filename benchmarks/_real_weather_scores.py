"""What water of the western United States is judged by: GRACE, fluxes and snow."""

import dataclasses
import pathlib
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jaxload import evaluate, series, sphere
from jaxload.pipeline.evaluate.monthly_water import monthly_storage
from jaxload.pipeline.evaluate.regions import reference_month_means, region_means
from jaxload.pipeline.evaluate.water_balance import (
    areas_on_grid,
    compute_water_balance,
)
from jaxload.pipeline.inputs.study_area import StudyArea
from jaxload.pipeline.prepared_study import Prepared
from jaxload.sphere.harmonics.footprints import FieldFilter, footprint_weights

__all__ = [
    "Judges",
    "Pillows",
    "make_judges",
    "range_anomalies",
    "read_pillows",
    "score_agreement",
    "score_water",
]

Floats = NDArray[np.float64]

#: By what the maps of GRACE were smoothed; degree 0 does not vary.
GRACE_FILTER = FieldFilter(smoothing=300e3, max_degree=60, min_degree=1)

#: Mountains by longitude and latitude: west, east, south and north [degrees].
MOUNTAINS = {
    "Cascades": (-122.5, -120.3, 40.5, 49.0),
    "Sierra Nevada": (-121.0, -118.0, 35.5, 40.5),
    "northern Rockies": (-117.0, -109.5, 43.0, 49.0),
    "Wasatch and Uinta": (-112.3, -109.2, 38.5, 42.3),
    "southern Rockies": (-109.2, -104.8, 36.0, 41.5),
}

#: Months in which most of the snow lies.
MONTHS = (3, 4)

INCH = 25.4

#: Values of a pillow that make the mean of a month, and years that make its usual snow.
LEAST_WEEKS, LEAST_YEARS = 2, 7


@dataclasses.dataclass(frozen=True, eq=False)
class Pillows:
    """Snow water equivalent at snow pillows, monthly.

    Attributes:
      lon: Of the pillows [degrees], shape (pillow,).
      lat: Likewise.
      month: Shape (month,), some of March and April.
      snow: Snow water equivalent [mm], shape (month, pillow); NaN if missing.
    """

    lon: Floats
    lat: Floats
    month: NDArray[np.datetime64]
    snow: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class Judges:
    """Observations with which water is compared.

    Attributes:
      prepared: The study, with GRACE and fluxes of the regions.
      smoothed: Weights of cells in means over regions of the smoothed field, shape
        (region, cell).
      pillows: Snow.
    """

    prepared: Prepared
    smoothed: Floats
    pillows: Pillows


def make_judges(prepared: Prepared, data: pathlib.Path) -> Judges:
    """Read and lay out what water is compared with.

    Args:
      prepared: The study, with GRACE and fluxes.
      data: Folder of the observations.

    Returns:
      The `Judges`.
    """
    grid = prepared.area.grid
    places = np.stack([grid.lon, grid.lat], axis=1)
    kernel = footprint_weights(GRACE_FILTER, places, places, grid.cell_area)
    smoothed = prepared.area.basins.weights @ kernel
    return Judges(prepared, smoothed, read_pillows(data / "met" / "westus_snotel"))


def score_water(load: Floats, judges: Judges) -> dict[str, Any]:
    """Compare water with GRACE, with fluxes and with snow.

    Args:
      load: Water of all cells [mm], shape (epoch, cell).
      judges: From `make_judges`.

    Returns:
      `grace` by region, `fluxes` by basin and `snow` by mountains.
    """
    prepared = judges.prepared
    time = prepared.gnss.time.values
    return {
        "grace": _with_grace(load @ judges.smoothed.T, time, prepared.area),
        "fluxes": _with_fluxes(load, time, prepared),
        "snow": _with_snow(load, time, judges),
    }


def _with_grace(
    means: Floats, time: NDArray[np.datetime64], area: StudyArea
) -> dict[str, dict[str, float]]:
    reference = area.references["grace"]
    ours = reference_month_means(means, time, reference)
    theirs, months = reference.water.values, reference.month.values
    return {
        name: score_agreement(ours[:, column], theirs[:, column], months)
        for column, name in enumerate(area.basins.names)
    }


def score_agreement(
    ours: Floats, theirs: Floats, months: NDArray[np.datetime64]
) -> dict[str, float]:
    """Compare two monthly series without their trends, and without their seasons.

    Args:
      ours: Our series, shape (month,); NaN if missing.
      theirs: The other one.
      months: When they are, shape (month,).

    Returns:
      `rmse_mm` and `r` without trends, `deseasonalised_r` without trends and seasons,
      `amplitude_ratio` of the annual terms, ours over theirs, and number of `months`.
    """
    both = np.isfinite(ours) & np.isfinite(theirs)
    pair = np.stack([ours[both], theirs[both]], axis=1)
    basis = np.asarray(series.seasonal_basis(months[both]))
    line, seasons = basis[:, :2], np.linalg.lstsq(basis, pair, rcond=None)[0]
    rest = pair - basis @ seasons
    straight = pair - line @ np.linalg.lstsq(line, pair, rcond=None)[0]
    amplitude = np.hypot(seasons[2], seasons[3])
    return {
        "rmse_mm": float(evaluate.rmse(*straight.T)),
        "r": float(evaluate.pcc(*straight.T)),
        "deseasonalised_r": float(evaluate.pcc(*rest.T)),
        "amplitude_ratio": float(amplitude[0] / amplitude[1]),
        "months": int(both.sum()),
    }


def _with_fluxes(
    load: Floats, time: NDArray[np.datetime64], prepared: Prepared
) -> dict[str, dict[str, float]]:
    """Storage change beside precipitation less evapotranspiration and runoff."""
    area = prepared.area
    means = region_means(area.basins, load @ area.basins.weights.T, time, {})
    storage, areas = monthly_storage(means), areas_on_grid(area)
    parts = compute_water_balance(storage, prepared.balance, areas)[0]
    net, change = parts.net_flux.values, parts.storage_change.values
    months = storage.months.start
    known = np.isfinite(net + change).any(axis=0)
    return {
        name: score_agreement(change[:, column], net[:, column], months)
        for column, name in enumerate(storage.regions)
        if known[column]
    }


def _with_snow(
    load: Floats, time: NDArray[np.datetime64], judges: Judges
) -> dict[str, dict[str, float]]:
    """Water of the cells with pillows beside the snow on these, year by year."""
    pillows, grid = judges.pillows, judges.prepared.area.grid
    epochs = time.astype("M8[M]")
    _, ours, theirs = np.intersect1d(epochs, pillows.month, return_indices=True)
    scores = {}
    for name, box in MOUNTAINS.items():
        inside = _inside(pillows, box)
        cells = sphere.cell_at(grid, pillows.lon[inside], pillows.lat[inside])
        water = load[ours][:, cells[cells >= 0]].mean(axis=1)
        snow = range_anomalies(pillows.snow[:, inside], pillows.month)[theirs]
        months = pillows.month[theirs]
        both = np.isfinite(snow)
        pair = np.stack([water[both], snow[both]], axis=1)
        pair = _about_calendar_month(pair, months[both])
        years = months[both].astype(float)[:, None] ** [0, 1]
        pair = pair - years @ np.linalg.lstsq(years, pair, rcond=None)[0]
        scores[name] = {
            "r": float(evaluate.pcc(*pair.T)),
            "water_per_snow": float(pair[:, 0] @ pair[:, 1] / (pair[:, 1] ** 2).sum()),
            "snow_sd_mm": float(pair[:, 1].std()),
            "pillows": int(inside.sum()),
            "months": int(both.sum()),
        }
    return scores


def _inside(pillows: Pillows, box: tuple[float, ...]) -> NDArray[np.bool_]:
    west, east, south, north = box
    lon, lat = pillows.lon, pillows.lat
    return (lon >= west) & (lon < east) & (lat >= south) & (lat < north)


def range_anomalies(snow: Floats, month: NDArray[np.datetime64]) -> Floats:
    """Average the snow of pillows about its usual amount in each month of the year.

    Args:
      snow: Shape (month, pillow); NaN if missing.
      month: Shape (month,).

    Returns:
      The mean anomaly, shape (month,). Pillows with fewer than seven years count
      nowhere.
    """
    calendar = month.astype("M8[M]").astype(int) % 12
    anomaly = np.full(snow.shape, np.nan)
    for one in np.unique(calendar):
        rows = calendar == one
        enough = np.isfinite(snow[rows]).sum(axis=0) >= LEAST_YEARS
        usual = np.nanmean(snow[np.ix_(rows, enough)], axis=0)
        anomaly[np.ix_(rows, enough)] = snow[np.ix_(rows, enough)] - usual
    seen = np.isfinite(anomaly)
    total = np.where(seen, anomaly, 0).sum(axis=1)
    return np.where(seen.any(axis=1), total / np.maximum(seen.sum(axis=1), 1), np.nan)


def _about_calendar_month(pair: Floats, month: NDArray[np.datetime64]) -> Floats:
    calendar = month.astype("M8[M]").astype(int) % 12
    result = pair.copy()
    for one in np.unique(calendar):
        result[calendar == one] -= pair[calendar == one].mean(axis=0)
    return result


def read_pillows(folder: pathlib.Path) -> Pillows:
    """Read the pillows of 2013 to 2021, and of the same until 2011.

    Args:
      folder: With the weekly tables and those by water year, in inches.

    Returns:
      March and April of every year that has them; pillows are those of the weekly
      tables.
    """
    weekly = folder / "weekly_2013_2021"
    places = pd.read_csv(weekly / "ground_measures_metadata.csv", index_col=0)
    tables = [
        pd.read_csv(weekly / f"ground_measures_{part}_features.csv", index_col=0)
        for part in ("train", "test")
    ]
    late: Any = pd.concat(tables, axis=1).T
    late.index = pd.DatetimeIndex(late.index)
    months = late.resample("MS")
    late = months.mean().where(months.count() >= LEAST_WEEKS)
    early: Any = _by_water_year(folder / "wyear_1990_2011/wyear_climatesummary.txt")
    site_number = places.index.str.extract(r"^SNOTEL:(\d+)_")[0]
    names = dict(zip(site_number.dropna(), places.index[site_number.notna()]))
    early = early[[n for n in names if n in early]].rename(columns=names)
    both: Any = pd.concat([early, late]).reindex(columns=places.index)
    both = both[both.index.month.isin(MONTHS)].dropna(how="all")
    return Pillows(
        places.longitude.to_numpy(float),
        places.latitude.to_numpy(float),
        both.index.to_numpy().astype("M8[M]"),
        INCH * both.to_numpy(float),
    )


def _by_water_year(path: pathlib.Path) -> pd.DataFrame:
    """Monthly means of SNOTEL sites by their number, without those of later tables."""
    table = pd.read_csv(path).rename(columns={"siteClim": "site", "yearClim": "year"})
    parts = []
    for number, column in zip(MONTHS, ("marSWEmean", "aprSWEmean"), strict=True):
        part = table.pivot_table(index="year", columns="site", values=column)
        part.index = pd.DatetimeIndex([f"{y}-{number:02}-01" for y in part.index])
        parts.append(part)
    whole = pd.concat(parts).sort_index()
    return whole.rename(columns=str)

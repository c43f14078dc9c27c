"""Temperature of stations at the epochs of their heights."""

import dataclasses

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, io
from jaxload._calendar import DAY, month_bounds
from jaxload.io.files.paths import expand
from jaxload.io.grids.products import find_conversion
from jaxload.pipeline.inputs.gridded import LARGE_FILES, read_grid_source
from jaxload.pipeline.inputs.time_spans import bring_to_epochs, epoch_spans
from jaxload.pipeline.messages import error_context, listed
from jaxload.pipeline.prepare.cleaning import without_trend

__all__ = ["StationTemperature", "read_temperature"]

Floats = NDArray[np.float64]

#: Days before the first epoch and after the last that are read, so that months reach
#: beyond them, and by how much grids are read beyond the outer stations [degrees].
AROUND, MARGIN = 40 * DAY, 3.0

#: Standard deviation of a station's temperature above which its scale is doubtful [K].
LARGEST = 40.0


@dataclasses.dataclass(frozen=True, eq=False)
class StationTemperature:
    """Temperature that stations follow, about its mean over their heights.

    Attributes:
      values: Temperature [K], shape (epoch, station); without trends where heights have
        none, and 0 where it is not known, as it may be where there are no heights.
      settings: The table of the study.
      known: Where it is known, shape (epoch, station).
    """

    values: Floats
    settings: config.Thermoelastic
    known: NDArray[np.bool_]


@dataclasses.dataclass(frozen=True, eq=False)
class _Means:
    """Temperature of stations in the steps of its files.

    Attributes:
      values: Shape (time, station); NaN if missing.
      bounds: What each is a mean of, shape (time, 2).
    """

    values: Floats
    bounds: NDArray[np.datetime64]


def read_temperature(
    study: config.Study, gnss: xr.Dataset
) -> StationTemperature | None:
    """Read the temperature with which stations expand.

    It is averaged over what heights are means of; of longer means, as months, it is
    the curve between their middles that has the same means.

    Args:
      study: Its `inversion.thermoelastic` names the files.
      gnss: The heights.

    Returns:
      The `StationTemperature`; None where none is named.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If it cannot be read, or does not cover a height.
    """
    settings = config.thermoelastic_table(study.inversion.thermoelastic)
    if settings is None:
        return None
    with error_context(f"inversion.thermoelastic {settings}"):
        read = _from_tables if settings.is_table else _from_grid
        means = read(study, settings, gnss)
        lag = np.timedelta64(round(settings.lag_days * 86400), "s")
        bounds = (means.bounds + lag).astype("M8[ns]")
        values, _ = bring_to_epochs(means.values, bounds, epoch_spans(gnss))
        known = np.isfinite(values)
        _check_complete(known, gnss)
        if study.cleaning.trend == "remove":
            values = without_trend(values, gnss)
        seen = gnss.up.notnull().values
        total = np.where(seen, values, 0).sum(axis=0)
        values = values - total / np.maximum(seen.sum(axis=0), 1)
        values = np.where(known, values, 0.0)
        scatter = np.sqrt(np.mean(values**2, axis=0))
        if scatter.max() > LARGEST:
            raise ValueError(
                f"temperature of {gnss.station.values[np.argmax(scatter)]} has a "
                f"standard deviation of {scatter.max():.0f} K, which is no temperature "
                "of air or ground; check variable and units"
            )
    return StationTemperature(values, settings, known)


def _from_grid(
    study: config.Study, settings: config.Thermoelastic, gnss: xr.Dataset
) -> _Means:
    lon, lat = gnss.lon.values.astype(float), gnss.lat.values.astype(float)
    days = gnss.time.values.astype("M8[D]")
    before = int(np.ceil(settings.lag_days)) * DAY
    box = (
        float(lon.min() - MARGIN),
        float(max(lat.min() - MARGIN, -90)),
        float(lon.max() + MARGIN),
        float(min(lat.max() + MARGIN, 90)),
    )
    kept = io.GridSettings(
        box=box,
        start=str(days[0] - AROUND - before),
        stop=str(days[-1] + AROUND),
        largest=LARGE_FILES,
    )
    grid = read_grid_source(study, "", settings.grid, "temperature", kept)
    names = list(map(str, gnss.station.values))
    at = io.sample_grid(grid, lon, lat, "bilinear", "nan", names)["temperature"]
    values = io.loaded_values(at, slice(None)).astype(np.float64)
    return _Means(values, grid.time_bnds.values)


def _from_tables(
    study: config.Study, settings: config.Thermoelastic, gnss: xr.Dataset
) -> _Means:
    """Monthly means, of which each station has a column of its name, in any case."""
    tables = [
        io.read_region_table(path, settings.time, settings.time_format)
        for name in settings.paths
        for path in expand(study.path(name))
    ]
    month = np.unique(np.concatenate([table.month for table in tables]))
    names = list(map(str, gnss.station.values))
    values = np.full((len(month), len(names)), np.nan)
    for table in tables:
        rows = np.searchsorted(month, table.month)
        for place, name in enumerate(names):
            column = _column_of(name, table.columns, names)
            if column is None:
                continue
            new = table.values[:, column]
            known, earlier = np.isfinite(new), values[rows, place]
            if (known & np.isfinite(earlier) & (new != earlier)).any():
                raise ValueError(
                    f"the tables have several values of {name}; leave out a file"
                )
            values[rows[known], place] = new[known]
    if settings.units:
        where = "the table of temperature"
        conversion = find_conversion("temperature", settings.units, where)
        values = conversion.factor * values + conversion.offset
    return _Means(values, np.stack(month_bounds(month), axis=1).astype("M8[ns]"))


def _column_of(name: str, columns: tuple[str, ...], stations: list[str]) -> int | None:
    """Number of the column of a station, which another station may not have."""
    if name in columns:
        return columns.index(name)
    alike = [
        number
        for number, column in enumerate(columns)
        if column.strip().lower() == name.strip().lower() and column not in stations
    ]
    if len(alike) > 1:
        raise ValueError(
            f"the table has several columns of {name} "
            f"({', '.join(columns[number] for number in alike)}); leave out one"
        )
    return alike[0] if alike else None


def _check_complete(known: NDArray[np.bool_], gnss: xr.Dataset) -> None:
    """Refuse temperature that some heights are without."""
    missing = ~known & gnss.up.notnull().values
    if not missing.any():
        return
    names = gnss.station.values.astype(str)
    empty = missing.any(axis=0) & ~known.any(axis=0)
    if empty.any():
        raise ValueError(
            f"there is no temperature of {empty.sum()} of {len(names)} stations "
            f"({listed(names[empty])}); get data of a larger area, a column for each "
            "station, or leave the stations out by gnss.exclude"
        )
    days = gnss.time.values[missing.any(axis=1)].astype("M8[D]")
    first, last = (str(day) for day in days[[0, -1]])
    raise ValueError(
        f"temperature is missing at {len(days)} of {len(known)} epochs of the "
        f"heights, from {first} to {last}, of {missing.any(axis=0).sum()} of "
        f"{len(names)} stations ({listed(names[missing.any(axis=0)])}); get "
        "temperature of all their time and of lag_days before, or narrow gnss.start "
        "and gnss.end"
    )

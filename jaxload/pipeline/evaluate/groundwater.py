"""Groundwater beside what else is known of it: gravity, wells, rain, droughts."""

import dataclasses
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from jaxload import config, evaluate, io, series
from jaxload.io.gnss.sites import Site
from jaxload.pipeline.evaluate.regions import over_months
from jaxload.pipeline.inputs.observations import read_gravity
from jaxload.pipeline.inputs.rain import read_precipitation
from jaxload.pipeline.inputs.time_spans import month_spans, spans_of
from jaxload.pipeline.messages import error_context
from jaxload.pipeline.prepare.grid_loads import read_load_grid

__all__ = [
    "PlaceSeries",
    "References",
    "compare",
    "read_references",
    "read_wells_of",
]

logger = logging.getLogger(__name__)

#: Months by which one series may follow another.
MOST_LAG = 6

#: Names that a message lists.
SHOWN = 5

Outlines = Mapping[str, Polygon | MultiPolygon]


@dataclasses.dataclass(frozen=True, eq=False)
class References:
    """What groundwater is held against; None for what is not named.

    Attributes:
      grace: Total water less soil and snow water [mm] at stations by calendar month,
        (month, station).
      wells: ``gwsa`` [mm] (time, well), as of `io.read_wells`.
      rain: From `read_precipitation`.
    """

    grace: xr.DataArray | None = None
    wells: xr.Dataset | None = None
    rain: xr.Dataset | None = None


def read_references(
    study: config.Study, gnss: xr.Dataset, outlines: Outlines
) -> References:
    """Read what groundwater is to be compared with.

    Args:
      study: Names it in its tables ``[groundwater]``, ``[loads]`` and
        ``[evaluation]``.
      gnss: The heights: where, and when.
      outlines: Regions by name.

    Returns:
      All that is named.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If one cannot be used, or does not reach the stations or regions.
    """
    settings, months = study.groundwater, _months(gnss.time.values)
    rain = read_precipitation(study, outlines, months)
    if settings is None:
        return References(rain=rain)
    grace = _grace(study, gnss, months) if settings.grace else None
    wells = read_wells_of(study, settings) if settings.wells else None
    return References(grace, wells, rain)


def _months(time: NDArray[np.datetime64]) -> io.Periods:
    first, last = np.datetime_as_string(time[[0, -1]], "M")
    return io.month_periods(str(first), str(last))


def _grace(study: config.Study, gnss: xr.Dataset, months: io.Periods) -> xr.DataArray:
    """Total water less soil and snow water on the same cells, read off at stations."""
    assert study.groundwater is not None
    named = f"groundwater.grace {config.grid_names(study.groundwater.grace)}"
    total = read_gravity(study, "groundwater.grace", study.groundwater.grace)
    globe, regional = study.loads.grids["soil"]
    of_soil = ("loads.soil_regional", regional) if regional else ("loads.soil", globe)
    soil = read_load_grid(study, *of_soil, gnss)
    try:
        start, stop = month_spans(total).T
        stamps = total.time.values.astype("M8[ns]")
        soil = io.period_means(soil, io.Periods(start, stop, stamps))
        soil = io.regrid(soil, total.lon.values, total.lat.values)
        residual = total[["twsa"]].assign(
            twsa=total.twsa - soil.soil_water.assign_coords(time=total.time)
        )
        residual = residual.assign_coords(time=io.mid_times(total))
        at = io.sample_grid(residual, gnss.lon, gnss.lat).twsa
    except ValueError as error:
        raise ValueError(f"{named}: {error}") from None
    groundwater = _by_month(at, months)
    if not groundwater.notnull().any():
        raise ValueError(
            f"{named} and loads.soil have no month and station in "
            "common; get data of one period and place"
        )
    groundwater = groundwater - groundwater.mean("month")
    labels = {"units": "mm", "long_name": "GRACE less soil and snow water"}
    return groundwater.assign_attrs(labels)


def _by_month(array: xr.DataArray, months: io.Periods) -> xr.DataArray:
    """Entries under the calendar months of their middles; NaN in the others."""
    labels = months.start.astype("M8[M]")
    month = array.time.values.astype("M8[M]")
    array = array.transpose("time", "station")
    values = np.full((len(labels), array.sizes["station"]), np.nan)
    for index, label in enumerate(labels):
        inside = array.values[month == label]
        if len(inside):
            values[index] = inside.mean(axis=0)
    coords = {"month": months.stamp, "station": array.station.values}
    return xr.DataArray(values, coords, ("month", "station"))


def read_wells_of(
    study: config.Study,
    settings: config.Groundwater | config.Gapfill,
    table: str = "groundwater",
) -> xr.Dataset:
    """Read the wells that a study names, and where they stand.

    Args:
      study: Its `folder` is that of relative paths.
      settings: Names the wells, and the specific yield where their file has none.
      table: Of the study that names them, for the messages.

    Returns:
      A dataset as `io.read_wells` returns it, with ``lon`` and ``lat``.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If one cannot be read, or nothing says where a well is.
    """
    source = config.well_source(settings.wells)
    columns = io.WellColumns(
        **{f.name: getattr(source, f.name) for f in dataclasses.fields(io.WellColumns)}
    )
    with error_context(f"{table}.wells"):
        files = [study.path(path) for path in source.paths]
        wells = io.read_wells(files, settings.specific_yield, columns)
    if source.sites:
        wells = _placed(wells, io.read_sites(study.path(source.sites)), source.sites)
    if not {"lon", "lat"} <= set(wells.coords):
        raise ValueError(
            f"{table}.wells {source} does not say where its wells are; add "
            "columns lon and lat, or a list of them, as wells = { files = "
            '"...", sites = "..." }'
        )
    return wells


def _placed(wells: xr.Dataset, sites: Mapping[str, Site], file: str) -> xr.Dataset:
    """Wells with the places of a list."""
    names = [str(name).upper() for name in wells.well.values]
    absent = [name for name in names if name not in sites]
    if absent:
        more = " ..." if len(absent) > SHOWN else ""
        raise ValueError(
            f"{file} has no place of {len(absent)} of {len(names)} wells "
            f"({', '.join(absent[:SHOWN])}{more}); add them, or leave the wells out"
        )
    places = {x: [getattr(sites[name], x) for name in names] for x in ("lon", "lat")}
    return wells.assign_coords({x: ("well", values) for x, values in places.items()})


class PlaceSeries:
    """Water at stations and wells, read off maps as these are computed.

    Attributes:
      stations: Water between the centres of cells [mm], shape (time, station); NaN
        outside.
      wells: The same at wells, shape (time, well).
    """

    def __init__(self, gnss: xr.Dataset, wells: xr.Dataset | None) -> None:
        lon, lat = gnss.lon.values, gnss.lat.values
        count = 0 if wells is None else wells.sizes["well"]
        if wells is not None:
            lon = np.concatenate([lon, wells.lon.values])
            lat = np.concatenate([lat, wells.lat.values])
        self._places, self._count = (lon, lat), gnss.sizes["station"]
        shape = gnss.sizes["time"], self._count + count
        self._values = np.full(shape, np.nan)

    def take(self, epochs: slice, maps: xr.DataArray) -> None:
        """Read off maps of some epochs.

        Args:
          epochs: Which.
          maps: Water [mm], dimensions (time, lat, lon).
        """
        sampled = io.sample_grid(
            maps.to_dataset(name="water"),
            *self._places,
            outside="nan",
            names=list(map(str, range(self._values.shape[1]))),
        )
        self._values[epochs] = sampled.water.transpose("time", "station").values

    @property
    def stations(self) -> NDArray[np.float64]:
        """Water at the stations."""
        return self._values[:, : self._count]

    @property
    def wells(self) -> NDArray[np.float64]:
        """Water at the wells."""
        return self._values[:, self._count :]


def compare(
    study: config.Study,
    references: References,
    sampled: PlaceSeries,
    regions: xr.Dataset,
    gnss: xr.Dataset,
) -> tuple[xr.Dataset, dict[str, Any]]:
    """Compare groundwater with the references.

    Args:
      study: Its `groundwater.drought` says whether to compute drought indices.
      references: From `read_references`.
      sampled: Water at the stations, and at the wells if there are any.
      regions: With ``twsa`` (time, region) [mm].
      gnss: The stations.

    Returns:
      Series at stations, wells and of regions as a dataset, and for the summary
      ``station_statistics``, ``lag_months``, ``wells``, ``precipitation`` and ``dsi``,
      as far as there are.
    """
    dataset = _series(sampled.stations, regions, gnss)
    stations, areas = gnss.station.values, regions.region.values
    summary: dict[str, Any] = {
        "station_statistics": _statistics(dataset.gwsa.values, stations)
    }
    of_stations, of_regions = dataset.gwsa_month.values, dataset.gwsa_region.values
    if references.grace is not None:
        dataset["grace"] = references.grace
        summary["lag_months"] = _lags(of_stations, references.grace.values, stations)
    if references.rain is not None:
        dataset["precipitation"] = references.rain.precipitation
        rain = references.rain.precipitation.values
        summary["precipitation"] = _lags(rain, of_regions, areas)
    if study.groundwater is not None and study.groundwater.drought:
        index, summary["dsi"] = _drought(of_regions, dataset)
        labels = {"units": "1", "long_name": "groundwater drought severity index"}
        dataset["dsi"] = (("month", "region"), index, labels)
    if references.wells is not None:
        wells = references.wells
        dataset, summary["wells"] = _beside_wells(dataset, wells, sampled.wells, gnss)
    return dataset, summary


def _series(
    at: NDArray[np.float64], regions: xr.Dataset, gnss: xr.Dataset
) -> xr.Dataset:
    """Groundwater at stations, by epoch and month, and of regions by month."""
    time, months = gnss.time.values, _months(gnss.time.values)
    values = {
        "gwsa": (("time", "station"), at, "at the station"),
        "gwsa_month": (
            ("month", "station"),
            _monthly(at, time, months),
            "at the station, monthly",
        ),
        "gwsa_region": (
            ("month", "region"),
            _monthly(regions.twsa.values, time, months),
            "of the region, monthly",
        ),
    }
    mm, name = {"units": "mm"}, "groundwater storage anomaly"
    coords: dict[str, Any] = {
        **{name: gnss[name] for name in ("time", "station", "lon", "lat")},
        "month": months.stamp,
        "region": regions.region.values,
    }
    labelled = {
        key: (dims, array, mm | {"long_name": f"{name} {where}"})
        for key, (dims, array, where) in values.items()
    }
    return xr.Dataset(labelled, coords)


def _monthly(
    values: NDArray, time: NDArray[np.datetime64], months: io.Periods
) -> NDArray[np.float64]:
    bounds = np.stack([months.start, months.stop], axis=1)
    return over_months(values, spans_of(time), bounds)


def _statistics(values: NDArray, names: NDArray) -> dict[str, dict[str, float]]:
    """Extremes, mean and standard deviation [mm] by station."""
    statistics = {}
    for name, column in zip(map(str, names), values.T):
        column = column[np.isfinite(column)]
        if len(column):
            statistics[name] = {
                "max": float(column.max()),
                "min": float(column.min()),
                "mean": float(column.mean()),
                "sd": float(column.std(ddof=1)) if len(column) > 1 else 0.0,
            }
    return statistics


def _lags(
    leading: NDArray, following: NDArray, names: NDArray
) -> dict[str, dict[str, float]]:
    """Lags in months, and correlations before and after the shift."""
    most = min(MOST_LAG, len(leading) - 1)
    best = evaluate.best_lag(leading, following, most)
    rows = zip(*(np.asarray(x).tolist() for x in (best.lag, best.before, best.after)))
    return {
        str(name): {"months": lag, "before": before, "after": after}
        for name, (lag, before, after) in zip(names, rows)
    }


def _drought(
    values: NDArray[np.float64], dataset: xr.Dataset
) -> tuple[NDArray[np.float64], dict[str, Any]]:
    """Indices by month and region; and in the other order, with the class of each."""
    calendar = dataset.month.values.astype("M8[M]").astype(int) % 12 + 1
    index = np.asarray(evaluate.drought_severity(values, calendar))
    kinds = np.asarray(evaluate.drought_class(index))
    months = np.datetime_as_string(dataset.month.values, "M").tolist()
    months_of_drought: dict[str, Any] = {}
    for column, name in enumerate(map(str, dataset.region.values)):
        months_of_drought[name] = {
            month: {"dsi": float(value), "class": evaluate.DROUGHT_CLASSES[kind - 1]}
            for month, value, kind in zip(months, index[:, column], kinds[:, column])
            if kind
        }
    return index, months_of_drought


def _beside_wells(
    dataset: xr.Dataset,
    wells: xr.Dataset,
    ours: NDArray[np.float64],
    gnss: xr.Dataset,
) -> tuple[xr.Dataset, dict[str, dict[str, float]]]:
    """Water at wells, and its correlation with the wells over the epochs."""
    lon, lat = wells.lon.values, wells.lat.values
    theirs = _well_means(wells, gnss)
    outside = wells.well.values[~np.isfinite(ours).any(axis=0)]
    if len(outside):
        logger.warning(
            "%d of %d wells are outside the grid: %s",
            len(outside),
            len(lon),
            ", ".join(map(str, outside[:SHOWN])),
        )
    scores = {}
    for index, name in enumerate(map(str, wells.well.values)):
        both = np.isfinite(ours[:, index]) & np.isfinite(theirs[:, index])
        pair = ours[both, index], theirs[both, index]
        scores[name] = {
            "correlation": float(evaluate.pcc(*pair)),
            "epochs": int(both.sum()),
            "sd_mm": float(pair[0].std()) if both.any() else np.nan,
            "well_sd_mm": float(pair[1].std()) if both.any() else np.nan,
        }
    dims, mm = ("time", "well"), {"units": "mm"}
    name = "groundwater storage anomaly at the well"
    coords = {
        "well": wells.well.values,
        "well_lon": ("well", lon, wells.lon.attrs),
        "well_lat": ("well", lat, wells.lat.attrs),
        "specific_yield": ("well", wells.specific_yield.values),
    }
    return dataset.assign_coords(coords).assign(
        gwsa_estimate_at_well=(dims, ours, mm | {"long_name": name}),
        gwsa_well=(dims, theirs, mm | {"long_name": "water table of the well"}),
    ), scores


def _well_means(wells: xr.Dataset, gnss: xr.Dataset) -> NDArray[np.float64]:
    """Water of wells as means over the intervals of heights, or on their days."""
    time = gnss.time.values
    if "time_bnds" not in gnss:
        return wells.gwsa.reindex(time=time).values
    start, stop = gnss.time_bnds.values.T
    days = wells.time.values.astype("M8[ns]")
    return np.asarray(series.period_mean(wells.gwsa.values, days, start, stop))

"""Weather at places and at the epochs of the heights, without a gap."""

import dataclasses
import logging
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config
from jaxload._calendar import DAY
from jaxload.gapfill.drivers import mean_year
from jaxload.pipeline.inputs.antecedent import antecedent_means
from jaxload.pipeline.inputs.static_fields import read_static_fields
from jaxload.pipeline.inputs.time_spans import bring_to_epochs, epoch_spans
from jaxload.pipeline.inputs.weather_files import AtPlaces, ReadingSpan, read_at_places
from jaxload.pipeline.inputs.weather_places import WeatherPlaces, nearest_known
from jaxload.pipeline.messages import error_context

__all__ = ["WeatherPlaces", "WeatherSeries", "read_weather"]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Days before the first epoch and after the last that are read, so that months reach
#: beyond them.
AROUND = 40 * DAY

#: Quantities that are never negative, and those that are rates, whose sums are amounts.
AMOUNTS = ("precipitation", "snow", "soil_moisture")
RATES = ("precipitation", "evapotranspiration")


@dataclasses.dataclass(frozen=True, eq=False)
class WeatherSeries:
    """Weather of each place, complete, before any transformation.

    Attributes:
      variables: Series by name, in the units that jaxload keeps: temperature [K],
        pressure [Pa], precipitation and evapotranspiration [mm in a day], water [mm],
        others as in their files; shape (epoch, place) each.
      antecedent: By name and number of days, sums of rates [mm] and means of all other
        quantities over that many days before the end of each epoch, shape (epoch,
        place) each.
      observed: Of variables whose gaps have their mean year, whether there are data,
        shape (epoch, place).
      static: Fields that do not change in time, by name, shape (place,) each.
      record: What was read of each variable, in plain numbers.
      static_record: What was read of each field that does not change in time.
    """

    variables: dict[str, Floats]
    antecedent: dict[str, dict[int, Floats]] = dataclasses.field(default_factory=dict)
    observed: dict[str, Bools] = dataclasses.field(default_factory=dict)
    static: dict[str, Floats] = dataclasses.field(default_factory=dict)
    record: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    static_record: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, eq=False)
class _Epochs:
    """Epochs of the heights.

    Attributes:
      time: Their dates, shape (epoch,).
      spans: What they are means over, shape (epoch, 2).
    """

    time: NDArray[np.datetime64]
    spans: NDArray[np.datetime64]


def read_weather(
    study: config.Study, places: WeatherPlaces, gnss: xr.Dataset
) -> WeatherSeries:
    """Read the weather of places, and bring it to the epochs of the heights.

    It is averaged over what heights are means of, a day or their ``time_bnds``; weather
    of longer means, as months, is interpolated between their middles so that its means
    stay.

    Args:
      study: Names the files in its table ``[weather]``.
      places: Where.
      gnss: The heights: when.

    Returns:
      The `WeatherSeries`.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If a variable cannot be read, does not cover a place, or is without
        data at an epoch and may not be filled; the message says which.
    """
    assert study.weather is not None
    epochs = _Epochs(gnss.time.values, epoch_spans(gnss))
    weather = WeatherSeries({})
    for name, variable in study.weather.variables.items():
        with error_context(f"weather.{name} {variable}"):
            _read_variable(study, name, (places, epochs), weather)
    static, record = read_static_fields(study, places)
    weather.static.update(static)
    weather.static_record.update(record)
    return weather


def _read_variable(
    study: config.Study,
    name: str,
    where: tuple[WeatherPlaces, _Epochs],
    weather: WeatherSeries,
) -> None:
    """Read one variable and enter it."""
    assert study.weather is not None
    places, epochs = where
    variable = study.weather.variables[name]
    kind = variable.quantity or name
    at = read_at_places(study, name, places, _reading_span(variable, epochs.time))
    at = _upward(at, name) if kind == "evapotranspiration" else at
    series, _ = bring_to_epochs(at.values, at.bounds, epochs.spans)
    if kind in AMOUNTS:
        series = np.maximum(series, 0.0)  # a curve through means may undershoot
    if places.nearest or variable.outside == "nearest":
        some = np.asarray(np.isfinite(series).any(axis=0))
        if some.any():
            chosen = nearest_known(places, some)
            series = series[:, chosen]
            at = dataclasses.replace(at, values=at.values[:, chosen])
    observed = np.isfinite(series)
    if variable.missing == "error" or not observed.any(axis=0).all():
        _check_complete(series, places, epochs)
    elif not observed.all():
        series = _completed(series, epochs, f"weather.{name} {variable}")
        series = np.maximum(series, 0.0) if kind in AMOUNTS else series
        weather.observed[name] = observed
    weather.variables[name] = series
    ends = epochs.spans[:, 1]
    for days in variable.days:
        means = antecedent_means(at, ends, days, f"weather.{name} {variable}")
        means = np.maximum(means, 0.0) if kind in AMOUNTS else means
        sums = means * days if kind in RATES else means
        weather.antecedent.setdefault(name, {})[days] = sums
    weather.record[name] = _described(variable, at, observed)


def _reading_span(
    variable: config.WeatherVariable, time: NDArray[np.datetime64]
) -> ReadingSpan:
    days = time.astype("M8[D]")
    start = days[0] - AROUND - max(variable.days, default=0) * DAY
    stop = days[-1] + AROUND
    if variable.start:
        start = max(start, np.datetime64(variable.start, "D"))
    if variable.end:
        stop = min(stop, np.datetime64(variable.end, "D") + DAY)
    return ReadingSpan(start, stop)


def _upward(at: AtPlaces, name: str) -> AtPlaces:
    """Evapotranspiration counts upward; some models count all fluxes downward."""
    if not np.nansum(at.values) < 0:
        return at
    logger.info(
        "weather.%s is negative on average and taken with its sign turned", name
    )
    return dataclasses.replace(at, values=-at.values)


def _check_complete(series: Floats, places: WeatherPlaces, epochs: _Epochs) -> None:
    missing = ~np.isfinite(series)
    if not missing.any():
        return
    # No season fills a place that has nothing at all, so that it is named first.
    empty = missing.all(axis=0)
    bad = np.flatnonzero(empty if empty.any() else missing.any(axis=0))
    first = int(bad[0])
    days = epochs.time[missing[:, first]].astype("M8[D]")
    remedy = (
        "get weather without gaps that lasts as long as the heights, fill it by "
        'missing = "climatology" in its table, or narrow gnss.start and gnss.end'
    )
    if empty.all():
        remedy = "get a file with data there"
    elif empty.any():
        remedy = (
            'take the nearest place that has data by outside = "nearest" in its '
            "table, or get a file with data there"
        )
    raise ValueError(
        f"has no data at {len(days)} of {len(series)} epochs of the heights at "
        f"{places.name[first]} ({places.lon[first]:g} E, {places.lat[first]:g} N), "
        f"from {days[0]} to {days[-1]}{_which_end(missing[:, first])} ({len(bad)} such "
        f"places of {series.shape[1]}); {remedy}"
    )


def _which_end(missing: Bools) -> str:
    """Whether a record begins late or ends early."""
    known = np.flatnonzero(~missing)
    if not len(known) or missing[known[0] : known[-1] + 1].any():
        return ""
    late = ["begins late"] if known[0] > 0 else []
    early = ["ends early"] if known[-1] < len(missing) - 1 else []
    return f", as it {' and '.join(late + early)}"


def _completed(series: Floats, epochs: _Epochs, source: str) -> Floats:
    """Mean and seasons of the epochs that are known, where others are not."""
    missing = ~np.isfinite(series)
    some, everywhere = (np.asarray(f(missing, axis=1)) for f in (np.any, np.all))
    known = epochs.time[~everywhere].astype("M8[D]")
    logger.warning(
        "%s has data from %s to %s%s: %d of %d epochs of the heights have its mean and "
        "seasons of the others",
        source,
        known[0],
        known[-1],
        " with gaps" if _which_end(everywhere) == "" else "",
        int(some.sum()),
        len(some),
    )
    return np.where(missing, mean_year(series, epochs.time), series)


def _described(
    variable: config.WeatherVariable, at: AtPlaces, observed: Bools
) -> dict[str, Any]:
    """What was read, for the summary."""
    length = np.median(at.bounds[:, 1] - at.bounds[:, 0]) / DAY
    return {
        "files": list(variable.paths),
        "units": at.units,
        "places_take": at.how,
        "days_of_an_entry": round(float(length), 3),
        "first_day": str(at.bounds[0, 0].astype("M8[D]")),
        "last_day": str((at.bounds[-1, 1] - np.timedelta64(1, "ns")).astype("M8[D]")),
        "epochs_filled": int((~observed).any(axis=1).sum()),
        "places_from_nearest": int(at.outside.sum()),
    }

"""Drought of regions and cells: indices, classes with probabilities, events."""

import dataclasses
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, evaluate, io
from jaxload.pipeline.estimation.uncertainty import Errors
from jaxload.pipeline.evaluate.monthly_water import MonthlyStorage, months_of_record
from jaxload.pipeline.inputs.coverage import inside_grid
from jaxload.pipeline.inputs.observations import read_gravity
from jaxload.pipeline.inputs.region_series import MonthlyRegions, regional_means
from jaxload.pipeline.inputs.study_area import StudyArea

__all__ = [
    "Reference",
    "compute_drought",
    "drought_of_record",
    "read_climatology",
    "warn_of_independent_days",
]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]

#: Years below which a climatology knows too little of rare months.
ENOUGH_YEARS = 10

#: Months that a climatology and the record need in common to be about one mean.
COMMON = 12

#: Ratio of standard deviations beyond which a climatology judges another storage.
UNLIKE = 2.0

#: Name of the drought severity index among indices.
SEVERITY = "dsi"


@dataclasses.dataclass(frozen=True, eq=False)
class Reference:
    """Water of a longer record.

    Attributes:
      name: The setting and its files.
      months: Its calendar months, without a gap.
      values: Water of each region [mm], shape (month, region); NaN if missing.
      match_amplitude: Whether it is made to vary as much as the study.
    """

    name: str
    months: io.Periods
    values: Floats
    match_amplitude: bool = False


def read_climatology(
    study: config.Study, area: StudyArea, time: NDArray[np.datetime64]
) -> Reference | None:
    """Check the settings of drought against the record, and read its climatology.

    Args:
      study: Its table ``[drought]`` counts.
      area: The regions.
      time: Epochs of the heights.

    Returns:
      The climatology; None where the record is its own.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If a time scale is longer than the record, or the climatology cannot
        be read, or has too few months in common with it.
    """
    if study.drought is None:
        return None
    settings, months = study.drought, months_of_record(time)
    fitting = drought_of_record(settings, time)
    left_out = sorted({*settings.scales} - {*fitting.scales})
    if left_out:
        named = " and ".join(map(str, left_out))
        span = len(months.start)
        logger.warning(
            "time scales of drought of %s months are left out, as heights span %d; "
            "drought.scales names others",
            named,
            span,
        )
    if study.cleaning.trend == "remove":
        logger.warning(
            'cleaning.trend is "remove", so that droughts are judged about a line, and '
            "none is as long as the record"
        )
    if not settings.climatology:
        _warn_of_years("the record", len(months.start) / 12)
        return None
    where = f"drought.climatology {config.grid_names(settings.climatology)}"
    product = read_gravity(study, "drought.climatology", settings.climatology)
    theirs = months_of_record(product.time.values)
    places = MonthlyRegions(inside_grid(area.outlines, area.grid), np.array([]), theirs)
    values = regional_means(product, "twsa", places, where)
    known = theirs.start[np.isfinite(values).any(axis=1)]
    common = np.intersect1d(known, months.start)
    if len(common) < COMMON:
        first, last = np.datetime_as_string(months.start[[0, -1]], "M")
        raise ValueError(
            f"{where} has {len(common)} months in common with the heights, {first} to "
            f"{last}, but needs {COMMON} to be about the same mean; name a record that "
            "reaches into them"
        )
    _warn_of_years(where, len(known) / 12)
    return Reference(where, theirs, values, settings.match_amplitude)


def drought_of_record(
    settings: config.Drought, time: NDArray[np.datetime64]
) -> config.Drought:
    """Leave usual time scales out that are longer than the record.

    Args:
      settings: The table ``[drought]``.
      time: Epochs of the heights.

    Returns:
      The table, without usual time scales that the record is too short for.

    Raises:
      ValueError: If a time scale that the study names is longer than the record.
    """
    months, usual = len(months_of_record(time).start), config.Drought()
    kept = {}
    for name in ("scales", "cell_scales"):
        scales = getattr(settings, name)
        longer = [scale for scale in scales if scale > months]
        if longer and scales != getattr(usual, name):
            raise ValueError(
                f"drought.{name} has {longer[0]} months, but the heights span "
                f"{months}; leave it out"
            )
        kept[name] = tuple(scale for scale in scales if scale <= months)
    return dataclasses.replace(settings, **kept)


def warn_of_independent_days(settings: config.Drought, errors: Errors) -> None:
    """Warn that errors of days which are taken as independent average out too fast.

    Args:
      settings: The table ``[drought]``.
      errors: Standard errors of the regions.
    """
    correlated = settings.error_memory_days or errors.means is not None
    if errors.regions is not None and not correlated:
        logger.warning(
            "drought.error_memory_days is 0, so that errors of days average out as if "
            "they were independent; noise of stations has a memory, and probabilities "
            "are nearer to 0 and 1 than they should be; name the memory, or use "
            'inversion.noise = "network" where the study allows it'
        )


def _warn_of_years(what: str, years: float) -> None:
    if years < ENOUGH_YEARS:
        logger.warning(
            "drought is judged by %.1f years of %s; fewer than %d years hold no "
            "extreme drought, so that classes are those of a short record",
            years,
            what,
            ENOUGH_YEARS,
        )


def compute_drought(
    study: config.Study,
    storage: MonthlyStorage,
    reference: Reference | None,
    area_km2: Floats,
) -> tuple[xr.Dataset, dict[str, Any]]:
    """Compute indices of drought of regions, their classes and events.

    Args:
      study: Its table ``[drought]`` has the settings.
      storage: Monthly water.
      reference: From `read_climatology`.
      area_km2: Area of each region on the grid [km2].

    Returns:
      The dataset of drought.nc, without maps; and for the summary the droughts by
      region and index.
    """
    assert study.drought is not None
    indices = [SEVERITY, *map(_scale_name, study.drought.scales)]
    parts = []
    for column, _ in enumerate(storage.regions):
        parts.append(_of_region(study.drought, storage, reference, column))
    dataset = _dataset(storage, indices, parts, area_km2)
    events = [
        {"region": name, "index": index} | row
        for name, part in zip(storage.regions, parts)
        for index, rows in zip(indices, part.events)
        for row in rows
    ]
    return dataset.merge(_event_table(events)), {"drought": _by_region(storage, events)}


def _scale_name(scale: int) -> str:
    return "1 month" if scale == 1 else f"{scale} months"


@dataclasses.dataclass(frozen=True, eq=False)
class _Region:
    """What is computed of one region.

    Attributes:
      index: Indices [-], shape (index, month).
      share: Probabilities of classes [-], shape (index, class, month).
      anomaly: Water less the mean of its calendar month [mm], shape (month,).
      percentile: Its plotting position [%], shape (month,).
      events: Droughts of each index.
    """

    index: Floats
    share: Floats
    anomaly: Floats
    percentile: Floats
    events: list[list[dict[str, Any]]]


def _of_region(
    settings: config.Drought,
    storage: MonthlyStorage,
    reference: Reference | None,
    column: int,
) -> _Region:
    mean, calendar = storage.mean[:, column], storage.calendar
    covariance = None if storage.covariance is None else storage.covariance[column]
    draws = None
    if covariance is not None:
        draws = evaluate.normal_draws(
            mean, covariance, settings.draws, settings.seed + column
        )
    record = None
    if reference is not None:
        name = storage.regions[column]
        record = _aligned(reference, column, storage, name)
    normal = evaluate.climatology(
        *((mean, calendar) if record is None else (record.values, record.month))
    )
    anomaly = mean - np.asarray(normal.mean)[calendar - 1]
    percentile = 100 * evaluate.plotting_position(mean, calendar, record)
    scales = (0, *settings.scales)
    indices, shares, events = [], [], []
    for scale in scales:
        index = _index(mean, calendar, scale, record)
        drawn = None if draws is None else _index(draws, calendar, scale, record)
        share = np.full((len(evaluate.DROUGHT_CLASSES), len(mean)), np.nan)
        if drawn is not None and covariance is not None:
            share = evaluate.class_frequencies(drawn)
            if record is not None:
                limiting = _limiting(calendar, scale, record)
                share = _exact(mean, covariance, max(scale, 1), limiting)
        share = np.where(np.isfinite(index), share, np.nan)
        indices.append(index)
        shares.append(share)
        events.append(_events(settings, index, drawn, storage.months))
    return _Region(np.stack(indices), np.stack(shares), anomaly, percentile, events)


def _index(
    values: Floats,
    calendar: NDArray[np.integer],
    scale: int,
    record: evaluate.MonthlyRecord | None,
) -> Floats:
    """An index of a series or of draws of it; the severity index for scale 0."""
    if scale:
        if record is not None and values.ndim > 1:
            record = dataclasses.replace(record, values=record.values[:, None])
        return evaluate.standardised_index(values, calendar, scale, record)
    if record is None:
        return np.asarray(evaluate.drought_severity(values, calendar))
    normal = evaluate.climatology(record.values, record.month)
    if values.ndim > 1:
        normal = evaluate.Climatology(
            *(x[:, None] for x in (normal.mean, normal.sd, normal.years))
        )
    return np.asarray(evaluate.drought_severity(values, calendar, normal))


def _limiting(
    calendar: NDArray[np.integer], scale: int, record: evaluate.MonthlyRecord
) -> Floats:
    if scale:
        return evaluate.limiting_storage(calendar, scale, record)
    normal = evaluate.climatology(record.values, record.month)
    return evaluate.limiting_severity(normal, calendar)


def _exact(mean: Floats, covariance: Floats, scale: int, limiting: Floats) -> Floats:
    """Classes of means over the last months under their normal error."""
    weights = np.zeros((len(mean), len(mean)))
    for row in range(scale - 1, len(mean)):
        weights[row, row - scale + 1 : row + 1] = 1 / scale
    sd = np.sqrt(np.einsum("ri,ij,rj->r", weights, covariance, weights, optimize=True))
    return evaluate.class_probabilities(
        evaluate.trailing_mean(mean, scale), sd, limiting
    )


def _aligned(
    reference: Reference, column: int, storage: MonthlyStorage, name: str
) -> evaluate.MonthlyRecord:
    """The longer record about the mean of ours over the months of both."""
    theirs, ours = reference.values[:, column], storage.mean[:, column]
    month = reference.months.start.astype("M8[M]").astype(int) % 12 + 1
    _, rows, others = np.intersect1d(
        storage.months.start, reference.months.start, return_indices=True
    )
    both = np.isfinite(ours[rows]) & np.isfinite(theirs[others])
    pair = ours[rows][both], theirs[others][both]
    if not both.any():
        return evaluate.MonthlyRecord(np.full(theirs.shape, np.nan), month)
    ratio = pair[1].std() / max(pair[0].std(), np.finfo(float).tiny)
    anomaly = theirs - pair[1].mean()
    if reference.match_amplitude and ratio > 0:
        return evaluate.MonthlyRecord(anomaly / ratio + pair[0].mean(), month)
    if not 1 / UNLIKE < ratio < UNLIKE:
        logger.warning(
            "%s varies %.2g times as much as the water of %s over the same months; its "
            "classes of drought are those of another amplitude, unless "
            "drought.match_amplitude is true",
            reference.name,
            ratio,
            name,
        )
    return evaluate.MonthlyRecord(anomaly + pair[0].mean(), month)


def _events(
    settings: config.Drought, index: Floats, draws: Floats | None, months: io.Periods
) -> list[dict[str, Any]]:
    """Droughts of one index, with what is known of them."""
    limit, least = settings.limit, settings.least_months
    stamps = months.start.astype("M8[M]")
    events, rows = evaluate.drought_events(index, limit, least), []
    known: list[dict[str, Any]] = [{} for _ in events]
    if draws is not None:
        each = evaluate.event_uncertainties(draws, events, limit, least)
        known = [_known(about, stamps) for about in each]
    for event, about in zip(events, known):
        row = {
            "start": str(stamps[event.start]),
            "end": str(stamps[event.stop - 1]),
            "months": event.months,
            "driest": str(stamps[event.peak]),
            "depth": event.least,
            "severity": event.severity,
            "class": event.kind,
            "cut_off": _cut_off(index, event),
        }
        rows.append(row | about)
    return rows


def _cut_off(index: Floats, event: evaluate.DroughtEvent) -> str:
    """Which of its ends the record does not have: it begins or ends, or a gap does."""
    before = event.start == 0 or not np.isfinite(index[event.start - 1])
    after = event.stop == len(index) or not np.isfinite(index[event.stop])
    ends = [name for name, cut in (("start", before), ("end", after)) if cut]
    return " and ".join(ends)


def _known(
    about: evaluate.EventUncertainty, stamps: NDArray[np.datetime64]
) -> dict[str, Any]:
    """Probability of a drought, and the 90% intervals of its dates and depth."""
    known: dict[str, Any] = {"probability": about.probability}
    for name, place, shift in (("start", about.start, 0), ("end", about.stop, 1)):
        for which, quantile in (("05", place[0]), ("95", place[2])):
            row = None if np.isnan(quantile) else round(float(quantile)) - shift
            known[f"{name}_{which}"] = "" if row is None else str(stamps[row])
    for name, values in (("depth", about.least), ("severity", about.severity)):
        known |= {f"{name}_05": float(values[0]), f"{name}_95": float(values[2])}
    return known


def _event_table(events: list[dict[str, Any]]) -> xr.Dataset:
    """Events as columns, all of one dimension."""
    names = dict.fromkeys(name for event in events for name in event)
    columns = {}
    for name in names:
        values = np.array([event[name] for event in events])
        if values.dtype.kind == "U":
            values = values.astype(object)
        columns[f"event_{name}"] = ("event", values)
    return xr.Dataset(columns)


def _by_region(
    storage: MonthlyStorage, events: list[dict[str, Any]]
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    table: dict[str, dict[str, list[dict[str, Any]]]] = {n: {} for n in storage.regions}
    for event in events:
        rest = {k: v for k, v in event.items() if k not in ("region", "index")}
        table[event["region"]].setdefault(event["index"], []).append(rest)
    return table


def _dataset(
    storage: MonthlyStorage, indices: list[str], parts: list[_Region], area: Floats
) -> xr.Dataset:
    mm, one = {"units": "mm"}, {"units": "1"}
    of_month = ("month", "region")
    index = np.stack([part.index for part in parts], axis=-1)
    share = np.stack([part.share for part in parts], axis=-1)
    variables: Mapping[str, Any] = {
        "water": (of_month, storage.mean, mm | {"long_name": "monthly mean"}),
        "water_sd": (of_month, storage.sd, mm | {"long_name": "its standard error"}),
        "anomaly": (
            of_month,
            np.stack([part.anomaly for part in parts], axis=-1),
            mm | {"long_name": "less the mean of the calendar month"},
        ),
        "percentile": (
            of_month,
            np.stack([part.percentile for part in parts], axis=-1),
            {"units": "%", "long_name": "plotting position in the calendar month"},
        ),
        "drought_index": (
            ("index", *of_month),
            index,
            one | {"long_name": "drought severity index and standardised index"},
        ),
        "probability": (
            ("index", "class", *of_month),
            share,
            one | {"long_name": "probability of the class of drought"},
        ),
        "area": ("region", area, {"units": "km2", "long_name": "area on the grid"}),
    }
    coords = {
        "month": storage.months.stamp,
        "region": list(storage.regions),
        "index": indices,
        "class": list(evaluate.DROUGHT_CLASSES),
    }
    return xr.Dataset(dict(variables), coords)

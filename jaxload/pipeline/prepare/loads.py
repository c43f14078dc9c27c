"""Known loads: their displacement of stations, its removal, and its scores."""

import logging
from collections.abc import Callable, Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, evaluate, io, series
from jaxload._calendar import DAY
from jaxload.pipeline.inputs.earth import study_love_numbers
from jaxload.pipeline.inputs.time_spans import bring_to_epochs, epoch_spans
from jaxload.pipeline.inputs.virtual_stations import is_virtual
from jaxload.pipeline.messages import error_context
from jaxload.pipeline.prepare.cleaning import without_trend
from jaxload.pipeline.prepare.grid_loads import grid_load

__all__ = [
    "load_scores",
    "loads_at_epochs",
    "loads_at_stations",
    "needs_loads",
    "remove_loads",
]

logger = logging.getLogger(__name__)

DIMS = ("time", "station")

#: Times of a load that are farther apart than this many of its usual steps have a gap
#: between them.
GAP = 1.5

#: Share of an epoch of which a load is known, below which that is remarked.
PART = 0.9

#: Names that a message lists.
SHOWN = 5

#: What stands for loads in the results.
PREFIX = "load_"


def needs_loads(study: config.Study) -> bool:
    """Check whether a study removes loads.

    Args:
      study: The study.
    """
    return bool(study.loads.grids or study.loads.displacement)


def loads_at_stations(
    study: config.Study,
    gnss: xr.Dataset,
    watch: Callable[[float], None],
) -> dict[str, NDArray[np.float64]]:
    """Compute the displacement of stations by known loads at their epochs.

    Args:
      study: Names files of displacement and grids of mass.
      gnss: The heights, perhaps with virtual stations behind the stations.
      watch: Called with the share that is done.

    Returns:
      Displacement upward [mm] by the name of the load, shape (epoch, station); NaN at
      epochs that a load does not reach.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If a file cannot be used, does not reach the stations or has no time
        in common with them.
    """
    loads, of_cells = {}, _cell_loads(study, gnss)
    for load in map(config.station_load, study.loads.displacement):
        values, time = _read_stations(study, load, of_cells.get(load.name, []), gnss)
        source = f"loads.displacement {load}"
        bounds = _station_spans(study, time, source)
        _add(loads, load.name, loads_at_epochs(values, time, gnss, source, bounds))
    grids = study.loads.grids
    love = study_love_numbers(study) if grids else None
    for number, (kind, files) in enumerate(grids.items()):
        report_progress = lambda share, done=number: watch((done + share) / len(grids))
        values, (time, bounds) = grid_load(study, kind, gnss, love, report_progress)
        source = f"loads.{kind} {files[0]}"
        _add(loads, kind, loads_at_epochs(values, time, gnss, source, bounds))
    watch(1.0)
    return loads


def _add(loads: dict[str, NDArray], name: str, values: NDArray) -> None:
    if name in loads:
        raise ValueError(
            f"two loads are called {name}; give one of loads.displacement a name of "
            'its own, as "name: files"'
        )
    loads[name] = values


def _cell_loads(
    study: config.Study, gnss: xr.Dataset
) -> dict[str, list[config.StationLoad]]:
    """The loads of filled cells by name; the names are those of stations'."""
    if study.gapfill is None or not is_virtual(gnss).any():
        return {}
    of_cells: dict[str, list[config.StationLoad]] = {}
    for load in map(config.station_load, study.gapfill.virtual_station_loads):
        of_cells.setdefault(load.name, []).append(load)
    wanted = {config.station_load(entry).name for entry in study.loads.displacement}
    if wanted != set(of_cells):
        raise ValueError(
            f"loads.displacement takes {', '.join(sorted(wanted)) or 'nothing'} out of "
            "stations, but gapfill.virtual_station_loads "
            f"{', '.join(sorted(of_cells)) or 'nothing'} out of filled cells; give the "
            "same loads in both"
        )
    return of_cells


def _read_stations(
    study: config.Study,
    load: config.StationLoad,
    of_cells: list[config.StationLoad],
    gnss: xr.Dataset,
) -> tuple[NDArray[np.float64], NDArray[np.datetime64]]:
    """One load of stations and cells, shape (time, row), and its times."""
    names = gnss.station.values
    parts = [_read_files(study, part, names) for part in (load, *of_cells)]
    known = xr.concat(parts, "station", join="outer").sortby("time")
    absent = ~np.isin(names, known.station.values)
    filled = is_virtual(gnss)
    for setting, rows in (
        ("loads.displacement", ~filled),
        ("gapfill.virtual_station_loads", filled),
    ):
        if (absent & rows).any():
            files = load if setting == "loads.displacement" else of_cells[-1]
            raise ValueError(_not_there(f"{setting} {files}", gnss, absent & rows))
    return known.sel(station=names).values, known.time.values


def _read_files(
    study: config.Study, load: config.StationLoad, names: NDArray[np.str_]
) -> xr.DataArray:
    with error_context(f"loads.displacement {load}"):
        return io.read_loading(
            [study.path(pattern) for pattern in load.paths],
            load.units or study.loads.displacement_units or None,
            load.columns or None,
            list(map(str, names)),
            load.time_format,
        )["up"]


def _station_spans(study: config.Study, time: NDArray, source: str) -> NDArray:
    """What values of days, weeks or months are means of, by their dates."""
    daily = len(time) < 2 or _step(time) <= DAY
    stamp = "auto" if daily else study.loads.displacement_stamp
    spans = io.stamped_spans(time, stamp)
    doubtful, meaning = io.span_remark(spans.origin)
    if doubtful:
        logger.warning(
            "%s: %s; if they mean others, state loads.displacement_stamp",
            source,
            meaning,
        )
    return spans.bounds


def _not_there(source: str, gnss: xr.Dataset, absent: NDArray[np.bool_]) -> str:
    lon, lat = gnss.lon.values, gnss.lat.values
    named = [
        f"{gnss.station.values[row]} at {lon[row]:g} E, {lat[row]:g} N"
        for row in np.flatnonzero(absent)[:SHOWN]
    ]
    more = " ..." if absent.sum() > SHOWN else ""
    same = is_virtual(gnss) == is_virtual(gnss)[absent][0]
    return (
        f"{source} has nothing of {absent.sum()} of {same.sum()} places "
        f"({', '.join(named)}{more}); get their files, or leave the places out"
    )


def loads_at_epochs(
    values: NDArray[np.float64],
    time: NDArray[np.datetime64],
    gnss: xr.Dataset,
    source: str,
    bounds: NDArray[np.datetime64] | None = None,
) -> NDArray[np.float64]:
    """Bring a load to the epochs of heights.

    Means are taken over what the heights are means of, where the load is known as
    often as they or more often; else a curve between the middles of its spans has the
    means that the load has. Warnings name gaps over which it was interpolated, and
    count epochs of which only a part is known.

    Args:
      values: The load, shape (time, station); NaN if missing.
      time: Its times, ascending, shape (time,).
      gnss: The heights, with ``time_bnds`` if they are means.
      source: Where the load comes from, for messages.
      bounds: What its values are means of, first instant and first after it, shape
        (time, 2); what the times are taken for by their distance, if None.

    Returns:
      The load, shape (epoch, station); NaN where it ends before the heights.

    Raises:
      ValueError: If it has no time in common with the heights.
    """
    epochs = epoch_spans(gnss)
    if bounds is None:
        bounds = io.stamped_spans(time).bounds
    _check_overlap(bounds, epochs, source)
    at_epochs, share = bring_to_epochs(values, bounds, epochs)
    unknown = np.isnan(at_epochs)
    if series.are_finer(bounds, epochs):
        _warn_of_parts(source, share, unknown)
    if unknown.any():
        at_epochs = _bridged(values, at_epochs, bounds, epochs)
    gaps: dict[tuple, int] = {}
    middles = series.span_middles(epochs)
    for index, column in enumerate(values.T):
        inside = middles[unknown[:, index] & np.isfinite(at_epochs[:, index])]
        for gap in _gaps(time[np.isfinite(column)], inside):
            gaps[gap] = gaps.get(gap, 0) + 1
    _warn(source, gaps, at_epochs)
    return at_epochs


def _bridged(
    values: NDArray, at_epochs: NDArray, bounds: NDArray, epochs: NDArray
) -> NDArray[np.float64]:
    """Epochs in gaps of a load, between what is known; none before and after it."""
    finer = series.are_finer(bounds, epochs)
    curve = (
        np.nan * at_epochs if finer else series.between_spans(values, bounds, epochs)
    )
    middles, at_epochs = series.span_middles(epochs), at_epochs.copy()
    clock = middles.astype(np.int64).astype(np.float64)
    for index, column in enumerate(at_epochs.T):
        seen = np.isfinite(values[:, index])
        if not seen.any():
            continue
        spans = bounds[seen]
        within = (middles >= spans[:, 0].min()) & (middles <= spans[:, 1].max())
        lost, known = np.isnan(column) & within, np.isfinite(column)
        if finer and known.any():
            curve[lost, index] = np.interp(clock[lost], clock[known], column[known])
        at_epochs[lost, index] = curve[lost, index]
    return at_epochs


def _step(time: NDArray) -> np.timedelta64:
    """How far times are apart as a rule."""
    return np.median(np.diff(time.astype("M8[ns]"))).astype("m8[ns]")


def _check_overlap(bounds: NDArray, epochs: NDArray, source: str) -> None:
    if epochs[-1, 1] <= bounds[:, 0].min() or epochs[0, 0] > bounds[:, 1].max():
        theirs, ours = (
            " to ".join(np.datetime_as_string([x.min(), x.max()], "D"))
            for x in (bounds, epochs)
        )
        raise ValueError(
            f"{source} spans {theirs} and the heights {ours}, which have no time in "
            "common; get data of one period"
        )


def _gaps(time: NDArray, epochs: NDArray) -> list[tuple]:
    """Neighbouring times far apart with epochs between them."""
    if len(time) < 3:
        return []
    wide = np.flatnonzero(np.diff(time) > GAP * _step(time))
    pairs = [(time[index], time[index + 1]) for index in wide]
    return [(a, b) for a, b in pairs if ((epochs > a) & (epochs < b)).any()]


def _warn_of_parts(source: str, share: NDArray, unknown: NDArray) -> None:
    least = np.where(unknown, 1.0, share).min(axis=1)
    parts = least < PART
    if parts.any():
        logger.warning(
            "%s is known in part of %d of %d epochs only, of which its mean is taken "
            "all the same (%.0f%% of the shortest)",
            source,
            parts.sum(),
            len(least),
            100 * least.min(),
        )


def _warn(source: str, gaps: Mapping[tuple, int], at_epochs: NDArray) -> None:
    if gaps:
        shown = [
            " to ".join(np.datetime_as_string(np.array(gap), "D"))
            for gap in sorted(gaps)[:SHOWN]
        ]
        more = " ..." if len(gaps) > SHOWN else ""
        logger.warning(
            "%s was interpolated over gaps: %s%s", source, ", ".join(shown), more
        )
    lost = int((~np.isfinite(at_epochs).all(axis=1)).sum())
    if lost:
        logger.warning(
            "%s does not reach %d of %d epochs; heights there are not used",
            source,
            lost,
            len(at_epochs),
        )


def remove_loads(
    study: config.Study, gnss: xr.Dataset, loads: Mapping[str, NDArray[np.float64]]
) -> xr.Dataset:
    """Remove loads from heights, and keep the heights before and the loads.

    Where trends were removed from heights, they are removed from loads to the same
    degree.

    Args:
      study: Its `cleaning.trend` says whether trends were removed.
      gnss: The heights.
      loads: From `loads_at_stations`.

    Returns:
      The heights without the loads as ``up``, with as ``up_cleaned``, and the loads as
      ``load_<name>`` and ``load_total`` [mm].

    Raises:
      ValueError: If no height is left.
    """
    if study.cleaning.trend == "remove":
        loads = {name: without_trend(x, gnss) for name, x in loads.items()}
    total = np.sum(list(loads.values()), axis=0)
    new = {
        f"{PREFIX}{name}": (DIMS, values, _labels(f"uplift by the load of {name}"))
        for name, values in {**loads, "total": total}.items()
    }
    cleaned = (DIMS, gnss.up.values, _labels("up displacement, cleaned, all loads in"))
    left = gnss.up.values - total
    if not np.isfinite(left).any():
        raise ValueError(
            "no height is left at which all loads are known; give loads of one period"
        )
    new |= {"up_cleaned": cleaned, "up": (DIMS, left, gnss.up.attrs)}
    return gnss.assign(new)


def _labels(meaning: str) -> dict[str, str]:
    return {"units": "mm", "long_name": meaning}


def load_scores(gnss: xr.Dataset) -> dict[str, dict[str, dict[str, float]]]:
    """Compute how much of the heights each load explains.

    Args:
      gnss: From `remove_loads`.

    Returns:
      ``wrms_reduction_percent``, by how much less heights scatter without the load, and
      ``load_correlation``, that of heights and load; both by station and load.

    Source:
      van Dam et al. (2007), doi:10.1029/2006JB004335.
    """
    names = [str(n) for n in gnss.data_vars if str(n).startswith(PREFIX)]
    up, sigma = gnss.up_cleaned.values, gnss.up_sigma.values
    stations = list(map(str, gnss.station.values))
    reductions: dict[str, dict[str, float]] = {station: {} for station in stations}
    correlations: dict[str, dict[str, float]] = {station: {} for station in stations}
    for name in names:
        load = gnss[name].values
        reduction = 100 * np.asarray(evaluate.wrms_reduction(up, up - load, sigma, 0))
        alike = np.asarray(evaluate.pcc(up, load, 0))
        for station, less, r in zip(stations, reduction.tolist(), alike.tolist()):
            short = name.removeprefix(PREFIX)
            reductions[station][short] = less
            correlations[station][short] = r
    return {"wrms_reduction_percent": reductions, "load_correlation": correlations}

"""Stations that a study leaves out, and those that do not follow elastic loading."""

import dataclasses
import difflib
import logging
import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, io, series, sphere
from jaxload.pipeline.inputs.observations import make_design
from jaxload.pipeline.prepare.soft_ground import act_on_soft_ground, soft_ground_flags
from jaxload.pipeline.progress import ignore_share
from jaxload.pipeline.team import by_stations

__all__ = ["Screened", "screen", "select_stations"]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]

#: Span of data below which rate and season say nothing of a station [years].
SHORTEST = 1.5

#: Fewest stations among which one can be out of family.
FEWEST = 4

#: Stations that are assessed together, about.
TOGETHER = 128

#: Names of stations that a message lists.
SHOWN = 10

MONTHS = 12

#: What the scores of `Screened.table` are.
LABELS = {
    "rate": ("mm year-1", "rate of the heights as they were read"),
    "annual_amplitude": ("mm", "annual amplitude"),
    "slow_scatter": ("mm", "scatter about the trajectory without daily noise"),
    "span": ("year", "from the first observation to the last"),
    "rate_z": ("1", "robust z-score of the rate among the neighbours"),
    "amplitude_z": ("1", "robust z-score of the annual amplitude"),
    "scatter_z": ("1", "robust z-score of the slow scatter"),
    "season_z": ("1", "robust z-score of the annual term as a vector"),
    "phase": ("month", "annual maximum after that of the neighbours"),
    "grace_z": ("1", "robust z-score of the annual term less that by GRACE"),
    "grace_phase": ("month", "annual maximum after that of the uplift by GRACE"),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Screened:
    """The stations that a study goes on with, and why not with others.

    Attributes:
      gnss: The stations that are left, with larger standard errors where they are
        weighed down.
      table: Every station that was looked at, of dimension ``candidate``: where it
        stands, its scores, whether it is `suspect`, its `status` and the `reason`.
      summary: The action, how many stations were looked at, and reasons by station.
    """

    gnss: xr.Dataset
    table: xr.Dataset
    summary: dict[str, Any]


def select_stations(study: config.Study, gnss: xr.Dataset) -> xr.Dataset:
    """Take the stations that a study names, and leave out those that it excludes.

    Args:
      study: Names them in `gnss.include` and `gnss.exclude`.
      gnss: All stations that were read.

    Returns:
      Those that are used; the attribute ``excluded`` names the others with reasons.

    Raises:
      ValueError: If `gnss.include` names a station that is not there, or none is left.
    """
    names = [str(name) for name in gnss.station.values]
    wanted = [name.strip().upper() for name in study.gnss.include]
    _check_there("gnss.include", wanted, names)
    reasons = dict(map(_excluded, study.gnss.exclude))
    unknown = sorted(set(reasons) - set(names))
    if unknown:
        logger.warning(
            "gnss.exclude names %s, of which there are no data", _listed(unknown)
        )
    kept = [n not in reasons and (not wanted or n in wanted) for n in names]
    if not any(kept):
        raise ValueError(
            "gnss.include and gnss.exclude leave no station of "
            f"{len(names)}; name fewer in gnss.exclude"
        )
    left_out = {
        name: reasons.get(name, "not named in gnss.include")
        for name, keep in zip(names, kept)
        if not keep
    }
    if not left_out:
        return gnss
    text = "; ".join(f"{name} ({reason})" for name, reason in left_out.items())
    return gnss.isel(station=np.flatnonzero(kept)).assign_attrs(excluded=text)


def _excluded(entry: str) -> tuple[str, str]:
    name, _, reason = entry.partition(":")
    return name.strip().upper(), reason.strip() or "named in gnss.exclude"


def _check_there(setting: str, wanted: list[str], names: list[str]) -> None:
    for name in wanted:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=3)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise ValueError(
                f"{setting} names {name}, which is not among the {len(names)} stations "
                f"that were read{hint}"
            )


def screen(
    study: config.Study,
    gnss: xr.Dataset,
    grid: sphere.Grid,
    gravity: xr.Dataset | None = None,
    happened: series.Events | None = None,
    watch: Callable[[float], None] = ignore_share,
) -> Screened:
    """Look for stations that do not move as elastic ground under a load.

    Heights are compared as they were read, with rates and all, but for known steps.

    Args:
      study: Its table ``[screening]`` has the checks, and the action on suspects.
      gnss: Heights, layout `io.GNSS`.
      grid: The cells.
      gravity: Monthly `twsa` [mm] of GRACE, if there is one.
      happened: Steps and relaxations of the stations.
      watch: Called with the share of the stations that is done.

    Returns:
      The `Screened`.

    Raises:
      FileNotFoundError: If the table of soft ground is missing.
      ValueError: If no station is left, or that table cannot be read.
    """
    settings, count = study.screening, gnss.sizes["station"]
    years = series.decimal_years(gnss.time.values)
    table = xr.Dataset(coords={"candidate": gnss.station.values})
    for name, units in (("lon", "degrees_east"), ("lat", "degrees_north")):
        labels = {"units": units, "long_name": f"{name} of the station"}
        table[f"candidate_{name}"] = ("candidate", gnss[name].values, labels)
    reasons = [""] * count
    long_enough = np.ptp(years) >= SHORTEST if len(years) else False
    if settings.action != "none" and count >= FEWEST and long_enough:
        quality = _without_short(_assessed(gnss, years, happened, watch))
        table, reasons = _judged(study, gnss, grid, gravity, quality, table)
    suspect = np.array([bool(reason) for reason in reasons])
    word = {"drop": "left out", "downweight": "weighed down"}
    status = np.where(suspect, word.get(settings.action, "kept"), "used")
    soft = soft_ground_flags(study, gnss)
    if settings.soft_ground:
        there = soft & (status != "left out")
        status = np.where(there, word[settings.soft_ground_action], status)
        meaning = "marked as soft ground"
        table = table.assign(soft_ground=_flag(soft.astype(np.int8), meaning))
    table = table.assign(
        suspect=_flag(suspect.astype(np.int8), "does not move as elastic ground"),
        status=_flag(status.astype(object), "what became of the station"),
        reason=_flag(np.array(reasons, object), "why it is suspected"),
    )
    flagged = {n: r for n, r in zip(map(str, gnss.station.values), reasons) if r}
    summary = {
        "action": settings.action,
        "stations": count,
        "suspects": flagged,
        "excluded": gnss.attrs.get("excluded", ""),
    }
    _warn(settings, flagged)
    if settings.soft_ground:
        summary["soft_ground"] = [str(name) for name in gnss.station.values[soft]]
    left = _acted(settings, gnss, suspect)
    soft = soft[np.isin(gnss.station.values, left.station.values)]
    return Screened(act_on_soft_ground(study, left, soft), table, summary)


def _flag(values: NDArray, meaning: str) -> tuple[str, NDArray, dict[str, str]]:
    return "candidate", values, {"long_name": meaning}


def _judged(
    study: config.Study,
    gnss: xr.Dataset,
    grid: sphere.Grid,
    gravity: xr.Dataset | None,
    quality: series.Quality,
    table: xr.Dataset,
) -> tuple[xr.Dataset, list[str]]:
    """Scores of every station, and why it is suspected; an empty text if it is not."""
    settings = study.screening
    lon, lat = gnss.lon.values, gnss.lat.values
    apart = sphere.angular_distance(lon[:, None], lat[:, None], lon[None], lat[None])
    suspicion = series.suspects(quality, apart, _family(settings))
    slow = np.sqrt(np.maximum(quality.scatter**2 - quality.noise**2, 0))
    scores = {
        "rate": quality.rate,
        "annual_amplitude": quality.amplitude,
        "slow_scatter": slow,
        "span": quality.span,
        "rate_z": suspicion.rate,
        "amplitude_z": suspicion.amplitude,
        "scatter_z": suspicion.scatter,
        "season_z": suspicion.season,
        "phase": MONTHS * suspicion.phase,
    }
    by: dict[str, tuple[Any, str]] = {
        "rate": (suspicion.by_rate, "rate {rate:.1f} mm/year (z = {rate_z:.1f})"),
        "amplitude": (
            suspicion.by_amplitude,
            "annual amplitude {annual_amplitude:.1f} mm (z = {amplitude_z:.1f})",
        ),
        "scatter": (
            suspicion.by_scatter,
            "slow scatter {slow_scatter:.1f} mm (z = {scatter_z:.1f})",
        ),
        "phase": (
            suspicion.by_phase,
            "annual maximum {phase:+.1f} months from that of its neighbours",
        ),
    }
    if gravity is not None and "grace" in settings.checks:
        of_gravity, bad = _beside_gravity(study, gnss, grid, gravity, quality)
        scores |= of_gravity
        by["grace"] = (
            bad,
            "annual maximum {grace_phase:+.1f} months from that by GRACE",
        )
    for name, values in scores.items():
        units, meaning = LABELS[name]
        labels: dict[str, Any] = {"units": units, "long_name": meaning}
        if name.endswith("_z"):
            of_season = name in ("season_z", "grace_z")
            labels["limit"] = settings.season_limit if of_season else settings.limit
        table[name] = ("candidate", np.asarray(values, np.float64), labels)
    plain = {name: np.asarray(values) for name, values in scores.items()}
    # Arrays of JAX take a moment for every number that is asked of them.
    checks = [(np.asarray(b), t) for k, (b, t) in by.items() if k in settings.checks]
    by_station = []
    for row in range(len(lon)):
        at = {name: float(values[row]) for name, values in plain.items()}
        reasons = [text.format(**at) for bad, text in checks if bad[row]]
        by_station.append(", ".join(reasons))
    return table, by_station


def _assessed(
    gnss: xr.Dataset,
    years: Floats,
    happened: series.Events | None,
    watch: Callable[[float], None],
) -> series.Quality:
    up = gnss.up.values

    def assess(part: slice) -> dict[str, Any]:
        rows = np.arange(up.shape[1])[part]
        groups = _alike(len(rows))
        parts = []
        for done, group in enumerate(groups, 1):
            some = rows[group]
            known = jax.tree.map(lambda times, some=some: times[some], happened)
            scores = series.assess(up[:, some], years, events=known)
            parts.append([np.asarray(x) for x in jax.tree.leaves(scores)])
            watch(done / len(groups))
        names = [field.name for field in dataclasses.fields(series.Quality)]
        joined = (np.concatenate(x)[: len(rows)] for x in zip(*parts))
        return dict(zip(names, joined))

    scores = by_stations(assess, up.shape[1])
    return series.Quality(**{k: jax.numpy.asarray(v) for k, v in scores.items()})


def _alike(count: int) -> list[NDArray[np.int64]]:
    """Divide stations into groups of one size, for which one program is compiled.

    The last group is filled up with the last station.
    """
    groups = max(round(count / TOGETHER), 1)
    size = math.ceil(count / groups)
    index = np.minimum(np.arange(groups * size), count - 1)
    return list(index.reshape(groups, size))


def _without_short(quality: series.Quality) -> series.Quality:
    """Scores of records too short to have a rate and a season are unknown."""
    short = np.asarray(quality.span) < SHORTEST
    unknown = lambda values: np.where(short, np.nan, values)
    names = ("scatter", "rate", "amplitude", "peak")
    return dataclasses.replace(
        quality,
        **{n: jax.numpy.asarray(unknown(getattr(quality, n))) for n in names},
    )


def _family(settings: config.Screening) -> series.Family:
    return series.Family(
        neighbours=settings.neighbours,
        limit=settings.limit,
        rate=settings.least_rate,
        amplitude=settings.least_amplitude,
        phase=settings.phase_months / MONTHS,
        season=settings.season_limit,
    )


def _beside_gravity(
    study: config.Study,
    gnss: xr.Dataset,
    grid: sphere.Grid,
    gravity: xr.Dataset,
    quality: series.Quality,
) -> tuple[dict[str, Floats], NDArray[np.bool_]]:
    """Compare annual terms with those of the uplift that GRACE predicts."""
    settings = study.screening
    design = np.asarray(make_design(study, gnss, grid))
    predicted = design @ _annual_water(gravity, grid)
    turn = np.exp(2j * np.pi * np.asarray(quality.peak))
    observed = np.asarray(quality.amplitude) * turn
    away = observed - predicted
    middle = np.nanmedian(away.real) + 1j * np.nanmedian(away.imag)
    spread = 1.4826 * np.nanmedian(np.abs(away - middle))
    score = np.abs(away - middle) / max(spread, settings.least_amplitude)
    phase = MONTHS * np.angle(observed * predicted.conj()) / (2 * np.pi)
    clear = np.abs(predicted) > settings.least_amplitude
    clear &= np.abs(observed) > 0.1 * np.asarray(quality.scatter)
    bad = (np.abs(phase) >= settings.phase_months) & (score > settings.season_limit)
    return {"grace_z": score, "grace_phase": phase}, bad & clear


def _annual_water(gravity: xr.Dataset, grid: sphere.Grid) -> NDArray[np.complex128]:
    """Annual term of GRACE on the cells [mm], zero where it has none, (cell,)."""
    fine = io.regrid(gravity[["twsa"]], grid.lon_axis, grid.lat_axis, least=0.0)
    water = fine.twsa.values[:, grid.row, grid.column].astype(np.float64)
    whole = np.isfinite(water).all(axis=0)
    basis = series.seasonal_basis(gravity.time.values)
    terms = np.linalg.lstsq(basis, np.where(whole, water, 0), rcond=None)[0]
    return terms[2] + 1j * terms[3]


def _acted(
    settings: config.Screening, gnss: xr.Dataset, suspect: NDArray[np.bool_]
) -> xr.Dataset:
    if not suspect.any():
        return gnss
    if settings.action == "drop":
        if suspect.all():
            raise ValueError(
                'screening.action is "drop", and every station is suspected; raise '
                'screening.limit, or use "warn"'
            )
        return gnss.isel(station=np.flatnonzero(~suspect))
    if settings.action == "downweight":
        factor = xr.where(xr.DataArray(suspect, dims="station"), settings.factor, 1.0)
        names = [f"{name}_sigma" for name in ("up", "north", "east")]
        raised = {
            name: (gnss[name] * factor)
            .transpose(*gnss[name].dims)
            .assign_attrs(gnss[name].attrs)
            for name in names
            if name in gnss
        }
        return gnss.assign(raised)
    return gnss


def _warn(settings: config.Screening, flagged: dict[str, str]) -> None:
    if not flagged:
        return
    named = [f"{name}: {reason}" for name, reason in flagged.items()]
    what = {
        "drop": "are left out",
        "downweight": f"have {settings.factor:g} times their standard error",
    }
    action = what.get(
        settings.action,
        'are kept; set screening.action = "drop" or "downweight", or name them in '
        "gnss.exclude",
    )
    logger.warning(
        "%d of the stations do not move as elastic ground under a load and %s (%s)",
        len(flagged),
        action,
        _listed(named, "; "),
    )


def _listed(names: list[str], between: str = ", ") -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return between.join(names[:SHOWN]) + more

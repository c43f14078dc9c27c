"""Cells filled as the published systems do: by forests, or by networks of stations."""

import dataclasses
import logging
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, evaluate, gapfill, io, series, sphere
from jaxload.gapfill.networks import ensemble
from jaxload.gapfill.published import dwlim, mllim
from jaxload.gapfill.scores import Validation
from jaxload.gapfill.training import optimise
from jaxload.pipeline.evaluate.published_scores import ARTICLES
from jaxload.pipeline.inputs.virtual_stations import as_virtual_stations
from jaxload.pipeline.inputs.weather import WeatherPlaces, WeatherSeries, read_weather

__all__ = ["Filled", "decomposed", "describe_validation", "fill"]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Hear = Callable[[float], None]

#: Share of the stage that taking the weather apart is taken to be.
FEATURES = 0.4

#: Looks at what is held out without a gain after which networks of stations are ready.
PATIENCE = 5

#: Coordinates of `Places`.
PLACE = ("station", "lon", "lat")


@dataclasses.dataclass(frozen=True, eq=False)
class Filled:
    """Cells as they were filled, and how well stations would have been.

    Attributes:
      rows: Layout `io.GNSS`, a cell for a station.
      summary: Plain numbers: what `summary.json` holds under ``filling``.
      curve: Of the training, where there was one.
      best: Steps after which each network was best, shape (member,), or None.
    """

    rows: xr.Dataset
    summary: dict[str, Any]
    curve: optimise.Curve | None = None
    best: NDArray[np.int64] | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class _Told:
    """What was said of cells, and of stations by the others.

    Attributes:
      cells: Displacement [mm], shape (epoch, cell).
      sigma: Error to be expected [mm], shape (cell,).
      stations: How well stations were predicted.
      extra: For the summary.
      curve: Of the training.
      best: Of the networks.
    """

    cells: Floats
    sigma: Floats
    stations: Validation
    extra: dict[str, Any]
    curve: optimise.Curve | None = None
    best: NDArray[np.int64] | None = None


def fill(
    study: config.Study,
    gnss: xr.Dataset,
    cells: xr.Dataset,
    folder: pathlib.Path | None,
    watch: Hear,
) -> Filled:
    """Predict the displacement of cells from their weather.

    Heights count as anomalies from the mean of each station. Nothing is taken out of
    them before: a cell is filled with all that moves stations, and loses the same loads
    as they do afterwards. Its standard error is what stations were missed by when each
    was predicted from the others, weighed as the stations are in its prediction; it
    holds the noise of the stations too.

    Args:
      study: Says how in its tables ``[features]`` and ``[gapfill]``.
      gnss: Heights of the stations, cleaned.
      cells: From `cells_without_station`.
      folder: Where the results go, and components of the weather are kept; None keeps
        none.
      watch: Told of the share that is done.

    Returns:
      The `Filled`.

    Raises:
      FileNotFoundError: If a file of the weather is missing.
      ValueError: If weather does not cover a station or a cell, or has gaps; if no
        station moves with the weather; or if scikit-learn is not there.

    Source:
      MLLIM (2021), Remote Sensing 13, 3358, doi:10.3390/rs13173358; DWLIM (2022),
      Remote Sensing 14, 535, doi:10.3390/rs14030535.
    """
    assert study.gapfill is not None
    name, lon, lat = (
        np.concatenate([x[n].values for x in (gnss, cells)]) for n in PLACE
    )
    weather = read_weather(study, WeatherPlaces(name.tolist(), lon, lat), gnss)
    report_progress = lambda share: watch(FEATURES * share)
    features = decomposed(study, weather, folder, report_progress)
    up = gnss.up.values - np.nanmean(gnss.up.values, axis=0)
    rest = lambda share: watch(FEATURES + (1 - FEATURES) * share)
    if study.gapfill.method == "mllim":
        told = _by_forests(study.gapfill, features, up, gnss, rest)
    else:
        told = _by_networks(study.gapfill, (features, weather), up, (gnss, cells), rest)
    rows = as_virtual_stations(cells, gnss, told.cells, told.sigma)
    summary = describe_validation(study.gapfill.method, gnss, up, told.stations)
    summary |= {"cells": cells.sizes["station"], **told.extra}
    return Filled(rows, summary, told.curve, told.best)


def decomposed(
    study: config.Study,
    weather: WeatherSeries,
    folder: pathlib.Path | None,
    watch: Hear,
) -> Floats:
    """Decompose the weather as a study sets.

    Args:
      study: Says how in its table ``[features]``.
      weather: Of the places.
      folder: Where the results go, and components are kept as a rule.
      watch: Told of the share that is done.

    Returns:
      Features [-], shape (epoch, place, feature).

    Raises:
      ValueError: If a series of weather is constant or too short.
    """
    asked = study.features
    given = (weather.temperature, weather.pressure)
    if asked.method == "none":
        return gapfill.weather_features(*given)
    settings = series.Decomposition(
        method=asked.method,
        components=asked.components,
        trials=asked.ensemble_size,
        noise=asked.noise_ratio,
        seed=asked.seed,
    )
    kept = study.path(asked.cache) if asked.cache else folder and folder / "features"
    return gapfill.weather_features(
        *given,
        settings,
        workers=asked.workers,
        cache=io.ArrayCache(kept) if kept else None,
        watch=lambda done, total: watch(done / total),
    )


def _by_forests(
    filling: config.Gapfill, features: Floats, up: Floats, gnss: xr.Dataset, watch: Hear
) -> _Told:
    """The mean of all forests, which err on average as they do at stations."""
    settings = mllim.ForestSettings(trees=filling.trees, seed=filling.seed)
    stations = up.shape[1]
    try:
        own_features = features[:, :stations]
        forests = mllim.fit_forests(own_features, up, settings, names=_called(gnss))
    except ModuleNotFoundError as error:
        raise ValueError(str(error)) from None
    watch(0.3)
    found = mllim.leave_one_station_out(forests, features[:, :stations], up)
    watch(0.6)
    report_progress = lambda share: watch(0.6 + 0.4 * share)
    cells = mllim.predict(forests, features[:, stations:], watch=report_progress)
    error = np.sqrt(np.nanmean(np.asarray(found.rmse) ** 2))
    return _Told(cells, np.full(cells.shape[1], error), found, {})


def _by_networks(
    filling: config.Gapfill,
    given: tuple[Floats, WeatherSeries],
    up: Floats,
    places: tuple[xr.Dataset, xr.Dataset],
    watch: Hear,
) -> _Told:
    """Networks of the control stations, weighted by inverse distance."""
    features, weather = given
    count = up.shape[1]
    control = dwlim.control_stations(
        up,
        weather.temperature[:, :count],
        weather.pressure[:, :count],
        filling.control_correlation,
    )
    settings = ensemble.Training(
        hidden=filling.hidden,
        window=filling.window_epochs or None,
        seed=filling.seed,
        descent=optimise.OptimiserSettings(
            filling.steps, filling.learning_rate, patience=PATIENCE
        ),
    )
    own_features = features[:, :count][:, control]
    report_progress = lambda share: watch(0.7 * share)
    called = _called(places[0].isel(station=control))
    networks = ensemble.train(
        own_features, up[:, control], settings, names=called, watch=report_progress
    )
    told = ensemble.predict(networks, features, watch=lambda x: watch(0.7 + 0.3 * x))
    distance, own = _to_members(places, control, filling.spacing)
    found = dwlim.validate(told[:, :, :count], distance[:count], own[:count], up)
    names = map(str, places[0].station.values[control])
    return _Told(
        cells=dwlim.inverse_distance_mean(told[:, :, count:], distance[count:]).astype(
            np.float64
        ),
        sigma=_weighed(np.asarray(found.rmse)[control], distance[count:]),
        stations=found,
        extra={
            "control_stations": list(names),
            "steps": int(networks.curve.step[-1]),
            "diverged_at": networks.stopped_at,
        },
        curve=networks.curve,
        best=networks.step,
    )


def _called(gnss: xr.Dataset) -> list[str]:
    """What a message calls stations."""
    return [f"station {name}" for name in gnss.station.values]


def _to_members(
    places: tuple[xr.Dataset, xr.Dataset], control: NDArray[np.bool_], spacing: float
) -> tuple[Floats, NDArray[np.bool_]]:
    """Arcs from all places to control stations [degrees], and who shares their cell."""
    lon, lat = (np.concatenate([x[n].values for x in places]) for n in ("lon", "lat"))
    members = np.flatnonzero(control)
    arc = sphere.angular_distance(
        lon[:, None], lat[:, None], lon[None, members], lat[None, members]
    )
    cell = np.stack([np.floor(lon / spacing), np.floor(lat / spacing)], axis=1)
    own = (cell[:, None] == cell[None, members]).all(axis=2)
    return np.asarray(arc), own


def _weighed(errors: Floats, distance: Floats) -> Floats:
    """Root of the mean square error of members, weighted as their predictions."""
    squares = np.broadcast_to(errors[None, :, None] ** 2, (1, *distance.T.shape))
    return np.sqrt(dwlim.inverse_distance_mean(squares, distance)[0])


def describe_validation(
    method: str, gnss: xr.Dataset, up: Floats, found: Validation
) -> dict[str, Any]:
    """Summarise how well stations are predicted from others.

    Args:
      method: As in `config.Gapfill`.
      gnss: The stations.
      up: What they saw [mm], shape (epoch, station); NaN if missing.
      found: Each station predicted by others.

    Returns:
      `pcc`, `rmse_mm` and what else a Taylor diagram shows by station; mean, largest
      and shares beyond the bounds that the articles have; the former two of the mean
      over all stations; and what the article found on its own data, where there is one.
    """
    r, error = np.asarray(found.pcc), np.asarray(found.rmse)
    known = np.isfinite(r)
    summary: dict[str, Any] = {
        "method": method,
        "mean_pcc": float(r[known].mean()) if known.any() else np.nan,
        "largest_pcc": float(r[known].max()) if known.any() else np.nan,
        "share_of_pcc_above_0.5": float((r[known] > 0.5).mean()),
        "share_of_rmse_below_5_mm": float((error[known] < 5).mean()),
        "share_of_rmse_below_6_mm": float((error[known] < 6).mean()),
        "network_mean": _network_mean(up, np.asarray(found.predicted)),
        "stations": _by_station(gnss, found),
    }
    if method in ARTICLES:
        summary["article"] = ARTICLES[method].filling
    return summary


def _by_station(gnss: xr.Dataset, found: Validation) -> dict[str, dict[str, float]]:
    scores = {
        "pcc": found.pcc,
        "rmse_mm": found.rmse,
        "centred_rmse_mm": found.taylor.centred_rmse,
        "predicted_sd_mm": found.taylor.std,
        "observed_sd_mm": found.taylor.reference_std,
    }
    each = np.stack([np.asarray(values) for values in scores.values()], axis=1)
    names = map(str, gnss.station.values)
    return {name: dict(zip(scores, row)) for name, row in zip(names, each.tolist())}


def _network_mean(up: Floats, predicted: Floats) -> dict[str, float]:
    """Scores of the mean over the stations that were there."""
    seen = np.isfinite(up) & np.isfinite(predicted)
    count = np.maximum(seen.sum(axis=1), 1)
    ours, theirs = (np.where(seen, x, 0).sum(axis=1) / count for x in (predicted, up))
    ours, theirs = (np.where(seen.any(axis=1), x, np.nan) for x in (ours, theirs))
    return {
        "pcc": float(evaluate.pcc(ours, theirs)),
        "rmse_mm": float(evaluate.rmse(ours, theirs)),
    }

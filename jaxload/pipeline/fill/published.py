"""Virtual stations by the published methods: random forests, or LSTMs of stations."""

import dataclasses
import logging
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, evaluate, sphere
from jaxload.gapfill.networks import ensemble
from jaxload.gapfill.published import dwlim, mllim
from jaxload.gapfill.scores import Validation
from jaxload.gapfill.training import optimise
from jaxload.pipeline.evaluate.published_scores import ARTICLES
from jaxload.pipeline.fill.drivers import driver_features, features_record
from jaxload.pipeline.inputs.virtual_stations import as_virtual_stations
from jaxload.pipeline.inputs.weather import WeatherPlaces, WeatherSeries, read_weather

__all__ = ["Filled", "describe_validation", "fill"]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Watch = Callable[[float], None]

#: Share of the stage that the decomposition of the weather is taken to be.
FEATURES = 0.4

#: Evaluations without a gain after which the training of station networks ends.
PATIENCE = 5

#: Coordinates of `Places`.
PLACE = ("station", "lon", "lat")


@dataclasses.dataclass(frozen=True, eq=False)
class Filled:
    """Virtual stations, and scores of the method at the stations.

    Attributes:
      rows: Layout `io.GNSS`, a cell for a station.
      summary: Content of ``filling`` in `summary.json`.
      curve: Of the training, where there was one.
      best: Steps after which each network was best, shape (member,), or None.
    """

    rows: xr.Dataset
    summary: dict[str, Any]
    curve: optimise.Curve | None = None
    best: NDArray[np.int64] | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class _Prediction:
    """Prediction for cells, and for each station by the others.

    Attributes:
      cells: Displacement [mm], shape (epoch, cell).
      sigma: Expected error [mm], shape (cell,).
      stations: Scores of the stations.
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
    watch: Watch,
) -> Filled:
    """Predict the displacement of cells from their weather.

    Heights count as anomalies from the mean of each station. No load is removed before:
    the prediction for a cell contains all that moves stations, and the same loads are
    removed from cells and stations afterwards. The standard error of a cell is the
    error of stations predicted from the others, weighted as in the prediction of the
    cell; it includes the noise of the stations.

    Args:
      study: Its tables ``[features]`` and ``[gapfill]`` have the settings.
      gnss: Heights of the stations, cleaned.
      cells: From `cells_without_station`.
      folder: Where the results go, and components of the weather are kept; None keeps
        none.
      watch: Called with the share that is done.

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
    places = WeatherPlaces(name.tolist(), lon, lat)
    weather = read_weather(study, places, gnss)
    report_progress = lambda share: watch(FEATURES * share)
    drivers = driver_features(study, weather, gnss.time.values, folder, report_progress)
    features = drivers.values
    _warn_of_static(study)
    up = gnss.up.values - np.nanmean(gnss.up.values, axis=0)
    rest = lambda share: watch(FEATURES + (1 - FEATURES) * share)
    if study.gapfill.method == "mllim":
        prediction = _by_forests(study.gapfill, features, up, gnss, rest)
    else:
        control = _control_stations(study.gapfill, weather, up)
        prediction = _by_networks(study.gapfill, features, up, places, control, rest)
    rows = as_virtual_stations(cells, gnss, prediction.cells, prediction.sigma)
    summary = describe_validation(study.gapfill.method, gnss, up, prediction.stations)
    summary |= {"cells": cells.sizes["station"], **prediction.extra}
    summary |= features_record(drivers.names, weather)
    return Filled(rows, summary, prediction.curve, prediction.best)


def _by_forests(
    filling: config.Gapfill,
    features: Floats,
    up: Floats,
    gnss: xr.Dataset,
    watch: Watch,
) -> _Prediction:
    """Predict by the mean of all forests, with its average error at stations."""
    settings = mllim.ForestSettings(trees=filling.trees, seed=filling.seed)
    stations = up.shape[1]
    try:
        names = [f"station {name}" for name in gnss.station.values]
        forests = mllim.fit_forests(features[:, :stations], up, settings, names=names)
    except ModuleNotFoundError as error:
        raise ValueError(str(error)) from None
    watch(0.3)
    scores = mllim.leave_one_station_out(forests, features[:, :stations], up)
    watch(0.6)
    report_progress = lambda share: watch(0.6 + 0.4 * share)
    cells = mllim.predict(forests, features[:, stations:], watch=report_progress)
    error = np.sqrt(np.nanmean(np.asarray(scores.rmse) ** 2))
    return _Prediction(cells, np.full(cells.shape[1], error), scores, {})


def _control_stations(
    filling: config.Gapfill, weather: WeatherSeries, up: Floats
) -> NDArray[np.bool_]:
    count = up.shape[1]
    of_stations = {name: x[:, :count] for name, x in weather.variables.items()}
    return dwlim.correlated_stations(up, of_stations, filling.control_correlation)


def _warn_of_static(study: config.Study) -> None:
    """Networks of one station each cannot learn from what never changes there."""
    assert study.weather is not None
    assert study.gapfill is not None
    if study.weather.static:
        logger.warning(
            'weather.static (%s) is left out, as gapfill.method "%s" learns from each '
            "station by itself, where it does not change",
            ", ".join(study.weather.static),
            study.gapfill.method,
        )


def _by_networks(
    filling: config.Gapfill,
    features: Floats,
    up: Floats,
    places: WeatherPlaces,
    control: NDArray[np.bool_],
    watch: Watch,
) -> _Prediction:
    """Predict by networks of the control stations, weighted by inverse distance."""
    count = up.shape[1]
    settings = ensemble.Training(
        hidden=filling.hidden,
        window=filling.window_epochs or None,
        seed=filling.seed,
        descent=optimise.OptimiserSettings(
            filling.steps, filling.learning_rate, patience=PATIENCE
        ),
    )
    report_progress = lambda share: watch(0.7 * share)
    names = [str(name) for name, chosen in zip(places.name, control) if chosen]
    networks = ensemble.train(
        features[:, :count][:, control],
        up[:, control],
        settings,
        names=[f"station {name}" for name in names],
        watch=report_progress,
    )
    predictions = ensemble.predict(
        networks, features, watch=lambda x: watch(0.7 + 0.3 * x)
    )
    distance, shares_cell = _to_members(places, control, filling.spacing)
    scores = dwlim.validate(
        predictions[:, :, :count], distance[:count], shares_cell[:count], up
    )
    return _Prediction(
        cells=dwlim.inverse_distance_mean(
            predictions[:, :, count:], distance[count:]
        ).astype(np.float64),
        sigma=_weighed(np.asarray(scores.rmse)[control], distance[count:]),
        stations=scores,
        extra={
            "control_stations": names,
            "steps": int(networks.curve.step[-1]),
            "diverged_at": networks.stopped_at,
        },
        curve=networks.curve,
        best=networks.step,
    )


def _to_members(
    places: WeatherPlaces, control: NDArray[np.bool_], spacing: float
) -> tuple[Floats, NDArray[np.bool_]]:
    """Arcs from places to control stations [degrees], and whether they share a cell."""
    lon, lat = places.lon, places.lat
    members = np.flatnonzero(control)
    arc = sphere.angular_distance(
        lon[:, None], lat[:, None], lon[None, members], lat[None, members]
    )
    cell = np.stack([np.floor(lon / spacing), np.floor(lat / spacing)], axis=1)
    shares_cell = (cell[:, None] == cell[None, members]).all(axis=2)
    return np.asarray(arc), shares_cell


def _weighed(errors: Floats, distance: Floats) -> Floats:
    """Root of the mean square error of members, weighted as their predictions."""
    squares = np.broadcast_to(errors[None, :, None] ** 2, (1, *distance.T.shape))
    return np.sqrt(dwlim.inverse_distance_mean(squares, distance)[0])


def describe_validation(
    method: str, gnss: xr.Dataset, up: Floats, scores: Validation
) -> dict[str, Any]:
    """Summarise how well stations are predicted from others.

    Args:
      method: As in `config.Gapfill`.
      gnss: The stations.
      up: Their heights [mm], shape (epoch, station); NaN if missing.
      scores: Each station predicted by others.

    Returns:
      `pcc`, `rmse_mm` and the statistics of a Taylor diagram by station; mean, largest
      and shares beyond the bounds of the articles; `pcc` and `rmse_mm` of the mean over
      all stations; and the scores that the article published, where there is one.
    """
    r, error = np.asarray(scores.pcc), np.asarray(scores.rmse)
    known = np.isfinite(r)
    summary: dict[str, Any] = {
        "method": method,
        "mean_pcc": float(r[known].mean()) if known.any() else np.nan,
        "largest_pcc": float(r[known].max()) if known.any() else np.nan,
        "share_of_pcc_above_0.5": float((r[known] > 0.5).mean()),
        "share_of_rmse_below_5_mm": float((error[known] < 5).mean()),
        "share_of_rmse_below_6_mm": float((error[known] < 6).mean()),
        "network_mean": _network_mean(up, np.asarray(scores.predicted)),
        "stations": _by_station(gnss, scores),
    }
    if method in ARTICLES:
        summary["article"] = ARTICLES[method].filling
    return summary


def _by_station(gnss: xr.Dataset, scores: Validation) -> dict[str, dict[str, float]]:
    columns = {
        "pcc": scores.pcc,
        "rmse_mm": scores.rmse,
        "centred_rmse_mm": scores.taylor.centred_rmse,
        "predicted_sd_mm": scores.taylor.std,
        "observed_sd_mm": scores.taylor.reference_std,
    }
    each = np.stack([np.asarray(values) for values in columns.values()], axis=1)
    names = map(str, gnss.station.values)
    return {name: dict(zip(columns, row)) for name, row in zip(names, each.tolist())}


def _network_mean(up: Floats, predicted: Floats) -> dict[str, float]:
    """Scores of the mean over the stations observed at an epoch."""
    seen = np.isfinite(up) & np.isfinite(predicted)
    count = np.maximum(seen.sum(axis=1), 1)
    ours, theirs = (np.where(seen, x, 0).sum(axis=1) / count for x in (predicted, up))
    ours, theirs = (np.where(seen.any(axis=1), x, np.nan) for x in (ours, theirs))
    return {
        "pcc": float(evaluate.pcc(ours, theirs)),
        "rmse_mm": float(evaluate.rmse(ours, theirs)),
    }

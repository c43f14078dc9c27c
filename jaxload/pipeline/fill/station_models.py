"""Virtual stations by any model that is fitted to the heights of stations."""

import dataclasses
import logging
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, evaluate
from jaxload.config.model_choice import STATION_MODELS
from jaxload.gapfill.models.protocol import first_line
from jaxload.gapfill.scores import Validation
from jaxload.gapfill.stations.fitting import train
from jaxload.gapfill.stations.inverse_distance import InverseDistance
from jaxload.gapfill.stations.place_network import PlaceNetwork
from jaxload.gapfill.stations.protocol import (
    FittedStationModel,
    Positions,
    PredictedUplift,
    StationHeights,
)
from jaxload.gapfill.training import optimise
from jaxload.pipeline.evaluate.published_scores import ARTICLES
from jaxload.pipeline.fill.drivers import driver_features
from jaxload.pipeline.fill.features import NetworkFeatures, network_features
from jaxload.pipeline.fill.kept_features import feature_results, sampled_weather
from jaxload.pipeline.fill.study_model import study_station_model
from jaxload.pipeline.inputs.virtual_stations import as_virtual_stations
from jaxload.pipeline.inputs.weather import (
    WeatherPlaces,
    WeatherSeries,
    read_weather,
)

__all__ = ["Filled", "describe_validation", "fill"]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Watch = Callable[[float], None]

#: Share of the stage that the decomposition of the weather is taken to be, and of the
#: rest that of the fit.
FEATURES, FIT = 0.4, 0.6

#: What a fitted model has, see `gapfill.FittedStationModel`.
OFFERED = ("predict", "validation", "record", "curve", "best")

#: Coordinates of `WeatherPlaces`.
PLACE = ("station", "lon", "lat")


@dataclasses.dataclass(frozen=True, eq=False)
class Filled:
    """Virtual stations, and scores of the method at the stations.

    Attributes:
      rows: Layout `io.GNSS`, a cell for a station.
      summary: Content of ``filling`` in `summary.json`.
      curve: Of the training, where there was one.
      best: Steps after which each network was best, shape (member,), or None.
      left_out: Uplift of each station predicted from others [mm], shape (epoch,
        station).
      features: From `feature_results`.
      weather: From `sampled_weather`.
    """

    rows: xr.Dataset
    summary: dict[str, Any]
    curve: optimise.Curve | None = None
    best: NDArray[np.int64] | None = None
    left_out: NDArray[np.floating] | None = None
    features: xr.Dataset | None = None
    weather: xr.Dataset | None = None


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
        station moves with the weather; if scikit-learn is not there; or if a model of
        the user's fails or predicts something else than displacement.

    Source:
      MLLIM (2021), Remote Sensing 13, 3358, doi:10.3390/rs13173358; DWLIM (2022),
      Remote Sensing 14, 535, doi:10.3390/rs14030535.
    """
    assert study.gapfill is not None
    model = study_station_model(study)
    name, lon, lat = (
        np.concatenate([x[n].values for x in (gnss, cells)]) for n in PLACE
    )
    places = WeatherPlaces(name.tolist(), lon, lat)
    report_progress = lambda share: watch(FEATURES * share)
    features = _features(study, places, gnss, folder, report_progress)
    up = gnss.up.values - np.nanmean(gnss.up.values, axis=0)
    count = up.shape[1]
    variables = features.weather.variables
    heights = StationHeights(
        up,
        Positions(lon[:count], lat[:count]),
        tuple(map(str, name[:count])),
        {variable: x[:, :count] for variable, x in variables.items()},
    )
    rest = lambda share: watch(FEATURES + (1 - FEATURES) * share)
    at_stations, at_cells = np.split(features.values, [count], axis=1)
    cell_places = Positions(lon[count:], lat[count:])
    outside = None
    if not (isinstance(model, PlaceNetwork) or _is_own(study)):
        outside = study.gapfill.station_model
    fitted = _called(
        outside,
        "fit",
        lambda: train(heights, model, at_stations, watch=lambda x: rest(FIT * x)),
    )
    if outside is not None:
        _check_fitted(outside, fitted)
    watch_cells = lambda x: rest(FIT + (1 - FIT) * x)
    predicted = _called(
        outside, "predict", lambda: fitted.predict(cell_places, at_cells, watch_cells)
    )
    if outside is not None:
        predicted = _checked(outside, predicted, at_cells.shape[:2])
    rows = as_virtual_stations(cells, gnss, predicted.mean, predicted.sigma)
    summary = describe_validation(study.gapfill.method, gnss, up, fitted.validation)
    summary |= {"model": study.gapfill.station_model, "cells": cells.sizes["station"]}
    summary |= fitted.record | features.record
    left_out = np.asarray(fitted.validation.predicted)
    kept = feature_results(study, features, places, gnss.time.values)
    weather = sampled_weather(study, features, places, gnss)
    return Filled(rows, summary, fitted.curve, fitted.best, left_out, kept, weather)


def _is_own(study: config.Study) -> bool:
    """Whether what is fitted to stations comes with jaxload."""
    assert study.gapfill is not None
    return study.gapfill.station_model in STATION_MODELS


def _called(outside: str | None, name: str, call: Callable[[], Any]) -> Any:
    """Call a method of a model; what goes wrong in code of a user is said as such."""
    if outside is None:
        return call()
    try:
        return call()
    except Exception as error:
        kind = "" if type(error) is ValueError else f"{type(error).__name__}: "
        raise ValueError(
            f"gapfill.model {outside}: {name} fails: {kind}{first_line(error)}"
        ) from error


def _check_fitted(outside: str, fitted: FittedStationModel) -> None:
    """Refuse what a model of a user returns from ``fit`` without what is needed."""
    lacking = _called(
        outside, "fit", lambda: [x for x in OFFERED if not hasattr(fitted, x)]
    )
    if lacking:
        raise ValueError(
            f"gapfill.model {outside}: fit returns a {type(fitted).__name__} without "
            f"{' and '.join(lacking)}; see jaxload/gapfill/stations/protocol.py"
        )
    for name, kind in (("validation", Validation), ("record", dict)):
        value = getattr(fitted, name)
        if not isinstance(value, kind):
            raise ValueError(
                f"gapfill.model {outside}: {name} of what fit returns is a "
                f"{type(value).__name__}, expected a {kind.__name__}"
            )


def _checked(outside: str, predicted: Any, shape: tuple[int, ...]) -> PredictedUplift:
    """What a model of a user predicts, of the right shapes and complete."""
    parts = {}
    for name, expected in (("mean", shape), ("sigma", shape[1:])):
        try:
            values = np.asarray(getattr(predicted, name), np.float64)
        except (AttributeError, TypeError, ValueError):
            raise ValueError(
                f"gapfill.model {outside}: predict returns a "
                f"{type(predicted).__name__} without numbers in {name}, expected a "
                "PredictedUplift"
            ) from None
        if values.shape != expected:
            raise ValueError(
                f"gapfill.model {outside}: {name} of what predict returns has shape "
                f"{values.shape}, expected {expected}"
            )
        wrong = ~np.isfinite(values) | ((values <= 0) if name == "sigma" else False)
        if wrong.any():
            raise ValueError(
                f"gapfill.model {outside}: {wrong.sum()} of {wrong.size} values of "
                f"{name} that predict returns are "
                + ("not positive numbers" if name == "sigma" else "not finite")
            )
        parts[name] = values
    return PredictedUplift(**parts)


def _features(
    study: config.Study,
    places: WeatherPlaces,
    gnss: xr.Dataset,
    folder: pathlib.Path | None,
    watch: Watch,
) -> NetworkFeatures:
    """Weather for models of single stations; for others season and place as well."""
    if isinstance(study_station_model(study), InverseDistance):
        nothing = np.zeros((gnss.sizes["time"], len(places.lon), 0), np.float32)
        return NetworkFeatures(nothing, (), WeatherSeries({}))
    if not _is_own(study):
        return network_features(study, places, gnss, folder, watch)
    weather = read_weather(study, places, gnss)
    drivers = driver_features(study, weather, gnss.time.values, folder, watch)
    _warn_of_static(study)
    return NetworkFeatures(drivers.values, drivers.names, weather)


def _warn_of_static(study: config.Study) -> None:
    """Models of one station each cannot learn from what never changes there."""
    assert study.weather is not None
    assert study.gapfill is not None
    if study.weather.static:
        logger.warning(
            'weather.static (%s) is left out, as gapfill.method "%s" learns from each '
            "station by itself, where it does not change",
            ", ".join(study.weather.static),
            study.gapfill.method,
        )


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

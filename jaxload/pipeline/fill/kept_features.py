"""Weather and features of places, kept as results."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config
from jaxload.pipeline.fill.features import NetworkFeatures
from jaxload.pipeline.inputs.drawn_places import nearest_places, stations_to_draw
from jaxload.pipeline.inputs.weather import WeatherPlaces

__all__ = ["feature_results", "sampled_weather", "with_left_out"]

#: Scores of that prediction in the summary: names, units and meaning as results.
SCORES = {
    "pcc": ("filler_pcc", "1", "correlation of filler_prediction and heights"),
    "rmse_mm": ("filler_rmse", "mm", "root mean square error of filler_prediction"),
    "centred_rmse_mm": ("filler_centred_rmse", "mm", "the same about both means"),
    "predicted_sd_mm": (
        "filler_predicted_sd",
        "mm",
        "standard deviation of filler_prediction",
    ),
    "observed_sd_mm": ("filler_observed_sd", "mm", "standard deviation of heights"),
}

#: What a filler predicts for stations from others, in the dataset of stations.
LEFT_OUT = "filler_prediction"


def feature_results(
    study: config.Study,
    features: NetworkFeatures,
    places: WeatherPlaces,
    time: NDArray[np.datetime64],
) -> xr.Dataset | None:
    """Label the weather of places, and the features that are made of it.

    Args:
      study: Its `output.store` says whether they are kept.
      features: The features.
      places: The stations and cells, or the nodes of a raster.
      time: Epochs, shape (epoch,).

    Returns:
      ``weather_<variable>`` (time, place), as it was read, and ``feature`` (time,
      place, name), as a model reads it; None where they are not kept.
    """
    if "features" not in study.output.store:
        return None
    degrees = {"units": "degrees", "long_name": "position"}
    variables: dict[str, Any] = {
        f"weather_{name}": (
            ("time", "place"),
            np.asarray(values, np.float32),
            {"long_name": f"{name} before any transformation"},
        )
        for name, values in features.weather.variables.items()
    }
    labels = {"units": "1", "long_name": "features that a model reads"}
    values = np.asarray(features.values, np.float32)
    variables["feature"] = ("time", "place", "name"), values, labels
    coords = {
        "time": time,
        "place": list(places.name),
        "name": list(features.names),
        "place_lon": ("place", np.asarray(places.lon), degrees),
        "place_lat": ("place", np.asarray(places.lat), degrees),
    }
    return xr.Dataset(variables, coords)


def with_left_out(
    stations: xr.Dataset,
    predicted: NDArray[np.floating] | None,
    scores: Mapping[str, Mapping[str, float]],
    with_loads: bool,
) -> xr.Dataset:
    """Add what a filler predicts for each station from others.

    Args:
      stations: The results of stations.
      predicted: Uplift [mm], shape (epoch, station); None where a method has none.
      scores: Of the prediction of each station, as in `summary.json`; may be empty.
      with_loads: Whether heights had all loads when the filler learned from them.

    Returns:
      The dataset with ``filler_prediction`` (time, station) and ``filler_<score>``
      (station), if there are any.
    """
    if predicted is None:
        return stations
    labels = {
        "units": "mm",
        "long_name": "uplift predicted by the filler without the station's heights",
        "comment": "less the mean of the station, all loads in"
        if with_loads
        else "after known loads were taken out of heights",
    }
    values = np.asarray(predicted, np.float32)
    variables: dict[str, Any] = {LEFT_OUT: (("time", "station"), values, labels)}
    for key, (name, units, meaning) in SCORES.items() if scores else ():
        each = [scores[str(x)][key] for x in stations.station.values]
        labels = {"units": units, "long_name": meaning}
        variables[name] = "station", np.asarray(each, np.float64), labels
    return stations.assign(variables)


def sampled_weather(
    study: config.Study,
    features: NetworkFeatures,
    places: WeatherPlaces,
    gnss: xr.Dataset,
) -> xr.Dataset | None:
    """Take the weather of a few stations, and its components, to draw them.

    Args:
      study: Its `figures.stations` names stations; some are chosen if it is empty.
      features: The features.
      places: The stations and cells, or the nodes of a raster, of which the nearest to
        a station is taken.
      gnss: The stations.

    Returns:
      ``weather_<variable>`` (time, place), and ``component_<variable>`` (component,
      time, place) of variables that were decomposed; None without weather.
    """
    if not features.weather.variables:
        return None
    names = stations_to_draw(study.figures.stations, gnss)
    some = gnss.sel(station=names)
    nearest = nearest_places((places.lon, places.lat), some.lon, some.lat)
    variables: dict[str, Any] = {}
    for name, values in features.weather.variables.items():
        record = features.weather.record.get(name, {})
        labels = {"units": str(record.get("units", "")) or "1", "long_name": name}
        series = np.asarray(values)[:, nearest]
        variables[f"weather_{name}"] = ("time", "place"), series, labels
        ours = [n for n, x in enumerate(features.names) if _component_of(x) == name]
        if ours:
            parts = np.asarray(features.values)[:, nearest][..., ours]
            labels = {"units": "1", "long_name": f"components of {name}"}
            dims = f"component_of_{name}", "time", "place"
            variables[f"component_{name}"] = dims, parts.transpose(2, 0, 1), labels
    degrees = {"units": "degrees", "long_name": "where the weather is of"}
    coords = {
        "time": gnss.time.values,
        "place": names,
        "place_lon": ("place", np.asarray(places.lon)[nearest], degrees),
        "place_lat": ("place", np.asarray(places.lat)[nearest], degrees),
    }
    return xr.Dataset(variables, coords)


def _component_of(feature: str) -> str:
    """The variable that a feature is a component of; empty for others."""
    name, word, number = feature.rpartition(" component ")
    bare = re.sub(r"^(?:\w+\()+|\)+$", "", name)
    return bare if word and number.isdigit() else ""

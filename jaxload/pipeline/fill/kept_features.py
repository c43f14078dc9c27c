"""Weather and features of places, kept as results."""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config
from jaxload.pipeline.fill.features import NetworkFeatures
from jaxload.pipeline.inputs.weather import WeatherPlaces

__all__ = ["feature_results", "with_left_out"]

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
    stations: xr.Dataset, predicted: NDArray[np.floating] | None
) -> xr.Dataset:
    """Add what a filler predicts for each station from others.

    Args:
      stations: The results of stations.
      predicted: Uplift [mm], shape (epoch, station); None where a method has none.

    Returns:
      The dataset with ``filler_prediction`` (time, station), if there is one.
    """
    if predicted is None:
        return stations
    labels = {
        "units": "mm",
        "long_name": "uplift predicted by the filler without the station's heights",
        "comment": "less the mean of the station, all loads in",
    }
    values = np.asarray(predicted, np.float32)
    return stations.assign({LEFT_OUT: (("time", "station"), values, labels)})

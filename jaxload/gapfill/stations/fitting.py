"""Fit any model of displacement to the heights of stations."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jax.typing import ArrayLike

from jaxload._check import check_shapes
from jaxload.gapfill.scores import check_complete
from jaxload.gapfill.stations.place_network import PlaceNetwork
from jaxload.gapfill.stations.protocol import (
    FittedStationModel,
    StationHeights,
    StationModel,
    no_progress,
)

__all__ = ["as_station_model", "train"]


def train(
    heights: StationHeights,
    model: Any,
    features: ArrayLike,
    *,
    watch: Callable[[float], None] = no_progress,
) -> FittedStationModel:
    """Fit a model of displacement to the heights of stations.

    Every model is fitted and predicts alike, be it one forest or network for each
    station or one network for all places, trained by gradient steps.

    Args:
      heights: Of the stations.
      model: A `StationModel`, such as `StationForests`; or what `as_architecture`
        takes, such as a class of modules of Flax, of which an ensemble for all places
        is trained.
      features: Of the places of the stations, shape (epoch, station, feature), without
        gaps.
      watch: Called with the share that is done.

    Returns:
      The fitted model, which predicts any place from its features.

    Raises:
      ValueError: If shapes disagree, features have gaps, or the model cannot be fitted.

    Example:
      >>> fitted = gapfill.train(heights, gapfill.StationForests(), features)
      >>> filled = fitted.predict(gapfill.Positions(lon, lat), features_of_cells)
    """
    features = np.asarray(features)
    check_shapes(
        up=(np.asarray(heights.up), "epoch station"),
        features=(features, "epoch station feature"),
    )
    check_complete("features", features, "station")
    return as_station_model(model).fit(heights, features, watch)


def as_station_model(model: Any) -> StationModel:
    """Take a station model as it is, and train an ensemble of anything else.

    Args:
      model: As in `train`.

    Returns:
      The `StationModel`.
    """
    return model if hasattr(model, "fit") else PlaceNetwork(model)

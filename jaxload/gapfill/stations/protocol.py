"""What a model of displacement has to offer, however it is fitted.

A *station model* is fitted to the heights of stations and the features of their places:
``fit(heights, features)``. What comes back predicts the displacement of any place from
its features. Forests and networks of one station each are such models, and so is one
network for all places, which is trained by gradient steps (`place_network`).
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from jaxload._check import check_shapes
from jaxload.gapfill.scores import Validation
from jaxload.gapfill.training.optimise import Curve
from jaxload.sphere import angular_distance

__all__ = [
    "FittedStationModel",
    "Positions",
    "PredictedUplift",
    "StationHeights",
    "StationModel",
    "arcs_between",
    "check_positive_setting",
    "check_whole_setting",
    "no_progress",
    "uniform_sigma",
]

Floats = NDArray[np.float64]


def no_progress(share: float) -> None:
    """Watch nothing.

    Args:
      share: Unused.
    """
    del share


def check_positive_setting(name: str, value: Any) -> None:
    """Refuse a setting that is no positive number.

    Args:
      name: Of the setting.
      value: Its value.

    Raises:
      ValueError: If it is none.
    """
    is_number = isinstance(value, (int, float, np.number)) and not isinstance(
        value, bool
    )
    if not (is_number and 0 < value < math.inf):
        raise ValueError(f"{name} is {value!r}, expected a positive number")


def check_whole_setting(name: str, value: Any, least: int) -> None:
    """Refuse a setting that is no whole number, or too small.

    Args:
      name: Of the setting.
      value: Its value.
      least: Smallest that is allowed.

    Raises:
      ValueError: If it is none.
    """
    is_whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not (is_whole and value >= least):
        raise ValueError(f"{name} is {value!r}, expected a whole number from {least}")


@dataclasses.dataclass(frozen=True, eq=False)
class Positions:
    """Where displacement is observed, or predicted.

    Attributes:
      lon: Longitude [degrees], shape (place,).
      lat: Latitude [degrees], shape (place,).
    """

    lon: Floats
    lat: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class StationHeights:
    """Heights that a model is fitted to.

    Attributes:
      up: Uplift as anomalies [mm], shape (epoch, station); NaN if missing.
      places: Where the stations stand.
      names: Of the stations, for messages; empty to number them.
      weather: Variables at the stations in their units by name, each of shape (epoch,
        station), for models that choose stations by them.
    """

    up: Floats
    places: Positions
    names: tuple[str, ...] = ()
    weather: Mapping[str, Floats] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        check_shapes(
            up=(np.asarray(self.up), "epoch station"),
            lon=(np.asarray(self.places.lon), "station"),
            lat=(np.asarray(self.places.lat), "station"),
        )

    def called(self, number: int) -> str:
        """What messages call a station.

        Args:
          number: Of the station.
        """
        return f"station {self.names[number] if self.names else number}"


@dataclasses.dataclass(frozen=True, eq=False)
class PredictedUplift:
    """Displacement of places.

    Attributes:
      mean: Uplift [mm], shape (epoch, place).
      sigma: Its expected error, the same at all epochs [mm], shape (place,).
    """

    mean: Floats
    sigma: Floats


def arcs_between(places: Positions, others: Positions) -> Floats:
    """Compute the arcs from places to others.

    Args:
      places: Any.
      others: Any.

    Returns:
      Arcs [degrees], shape (place, other).
    """
    lon, lat = places.lon[:, None], places.lat[:, None]
    return np.asarray(angular_distance(lon, lat, others.lon[None], others.lat[None]))


def uniform_sigma(validation: Validation, places: int) -> Floats:
    """Give all places the root mean square error of stations that others predict.

    Args:
      validation: Each station, predicted without its heights.
      places: Their number.

    Returns:
      The error [mm], shape (place,).
    """
    error = np.sqrt(np.nanmean(np.asarray(validation.rmse) ** 2))
    return np.full(places, error)


class FittedStationModel(Protocol):
    """A model that was fitted to the heights of stations."""

    @property
    def validation(self) -> Validation:
        """Each station, predicted without its heights; NaN where nothing does so."""
        ...

    @property
    def record(self) -> dict[str, Any]:
        """Plain numbers and names for a summary."""
        ...

    @property
    def curve(self) -> Curve | None:
        """Of the training; None where there was none."""
        ...

    @property
    def best(self) -> NDArray[np.int64] | None:
        """Steps after which each network was best, shape (member,), or None."""
        ...

    def predict(
        self,
        places: Positions,
        features: NDArray[np.floating],
        watch: Callable[[float], None] = no_progress,
    ) -> PredictedUplift:
        """Predict the displacement of places.

        Args:
          places: Where.
          features: Made as those that the model was fitted with, shape (epoch, place,
            feature).
          watch: Called with the share that is done.
        """
        ...


class StationModel(Protocol):
    """A model of displacement with its settings, not fitted yet."""

    def fit(
        self,
        heights: StationHeights,
        features: NDArray[np.floating],
        watch: Callable[[float], None] = no_progress,
    ) -> FittedStationModel:
        """Fit the model to the heights of stations.

        Args:
          heights: Of the stations.
          features: Of their places, shape (epoch, station, feature), without gaps.
          watch: Called with the share that is done.

        Returns:
          The fitted model.

        Raises:
          ValueError: If heights or features cannot be used.
        """
        ...

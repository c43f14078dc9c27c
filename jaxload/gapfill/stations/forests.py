"""Random forests of stations, each of which predicts any place (MLLIM)."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxload.gapfill.published import mllim
from jaxload.gapfill.scores import Validation
from jaxload.gapfill.stations.protocol import (
    Positions,
    PredictedUplift,
    StationHeights,
    check_whole_setting,
    no_progress,
    uniform_sigma,
)

__all__ = ["FittedStationForests", "StationForests"]


@dataclasses.dataclass(frozen=True)
class StationForests:
    """A random forest for every station, whose mean predicts a place.

    Attributes:
      trees: Of each forest.
      min_leaf: Fewest epochs in a leaf.
      seed: From which everything random is drawn.

    Source:
      MLLIM (2021), Remote Sensing 13, 3358, doi:10.3390/rs13173358.
    """

    trees: int = 100
    min_leaf: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("trees", 1), ("min_leaf", 1), ("seed", 0)):
            check_whole_setting(name, getattr(self, name), least)

    def fit(
        self,
        heights: StationHeights,
        features: NDArray[np.floating],
        watch: Callable[[float], None] = no_progress,
    ) -> "FittedStationForests":
        """Grow the forests, and predict each station by those of the others.

        Args:
          heights: Of the stations.
          features: Of their places, shape (epoch, station, feature).
          watch: Called with the share that is done.

        Returns:
          The forests.

        Raises:
          ValueError: As `mllim.fit_forests`, and if scikit-learn is not installed.
        """
        settings = mllim.ForestSettings(self.trees, self.min_leaf, self.seed)
        names = [heights.called(number) for number in range(heights.up.shape[1])]
        try:
            grown = mllim.fit_forests(features, heights.up, settings, names=names)
        except ModuleNotFoundError as error:
            raise ValueError(str(error)) from None
        watch(0.5)
        validation = mllim.leave_one_station_out(grown, features, heights.up)
        watch(1.0)
        return FittedStationForests(grown, validation)


@dataclasses.dataclass(frozen=True, eq=False)
class FittedStationForests:
    """Grown forests of stations.

    Attributes:
      forests: The forests.
      validation: Each station, predicted by the forests of all others.
    """

    forests: mllim.FittedForests
    validation: Validation

    #: Nothing is trained by steps.
    curve = None
    best = None

    @property
    def record(self) -> dict[str, Any]:
        """Nothing beyond the scores."""
        return {}

    def predict(
        self,
        places: Positions,
        features: NDArray[np.floating],
        watch: Callable[[float], None] = no_progress,
    ) -> PredictedUplift:
        """Predict places by the mean of all forests.

        Args:
          places: Where; only their features matter.
          features: Of them, shape (epoch, place, feature).
          watch: Called with the share that is done.

        Returns:
          The `PredictedUplift`; its sigma is the average error of stations that the
          others predict, and includes their noise.
        """
        del places
        mean = mllim.predict(self.forests, features, watch=watch)
        return PredictedUplift(mean, uniform_sigma(self.validation, mean.shape[1]))

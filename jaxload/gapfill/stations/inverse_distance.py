"""What stations observe, weighted by inverse distance: no weather is read."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxload.gapfill.scores import Validation, score
from jaxload.gapfill.stations.protocol import (
    Positions,
    PredictedUplift,
    StationHeights,
    arcs_between,
    check_positive_setting,
    no_progress,
    uniform_sigma,
)
from jaxload.sphere import inverse_distance_weights

__all__ = ["FittedInverseDistance", "InverseDistance"]

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class InverseDistance:
    """The mean of what stations observe at an epoch, near ones weighted more.

    Attributes:
      power: Of the distance in the weight.

    Source:
      Shepard (1968), doi:10.1145/800186.810616.
    """

    power: float = 2.0

    def __post_init__(self) -> None:
        check_positive_setting("power", self.power)

    def fit(
        self,
        heights: StationHeights,
        features: NDArray[np.floating],
        watch: Callable[[float], None] = no_progress,
    ) -> "FittedInverseDistance":
        """Keep the heights, and predict each station by all others.

        Args:
          heights: Of the stations.
          features: Not used.
          watch: Called with the share that is done.

        Returns:
          The fitted model.
        """
        del features
        apart = np.ones((len(heights.places.lon),) * 2, bool)
        np.fill_diagonal(apart, False)
        predicted = _weighted(heights, heights.places, self.power, apart)
        watch(1.0)
        return FittedInverseDistance(heights, self.power, score(predicted, heights.up))


@dataclasses.dataclass(frozen=True, eq=False)
class FittedInverseDistance:
    """Heights that are averaged.

    Attributes:
      heights: Of the stations.
      power: Of the distance in the weight.
      validation: Each station, predicted by all others.
    """

    heights: StationHeights
    power: float
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
        """Average the stations observed at an epoch.

        Args:
          places: Where.
          features: Not used but for their shape, (epoch, place, feature).
          watch: Called with the share that is done.

        Returns:
          The `PredictedUplift`, NaN at epochs at which no station observed; its sigma
          includes the noise of the stations.
        """
        del features
        mean = _weighted(self.heights, places, self.power)
        watch(1.0)
        return PredictedUplift(mean, uniform_sigma(self.validation, mean.shape[1]))


def _weighted(
    heights: StationHeights,
    places: Positions,
    power: float,
    counted: NDArray[np.bool_] | None = None,
) -> Floats:
    """Weighted means of stations at places, shape (epoch, place); NaN without any."""
    arc = arcs_between(places, heights.places)
    counted = np.ones(arc.shape, bool) if counted is None else counted
    distance = np.where(counted, arc, np.inf)
    weights = np.asarray(inverse_distance_weights(distance, power))
    seen = np.isfinite(heights.up)
    total = np.where(seen, heights.up, 0.0) @ weights.T
    share = seen.astype(np.float64) @ weights.T
    return np.where(share > 0, total / np.where(share > 0, share, 1.0), np.nan)

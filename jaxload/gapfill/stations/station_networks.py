"""Networks of control stations, weighted by distance (DWLIM)."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxload.gapfill.networks import ensemble
from jaxload.gapfill.published import dwlim
from jaxload.gapfill.scores import Validation
from jaxload.gapfill.stations.protocol import (
    Positions,
    PredictedUplift,
    StationHeights,
    arcs_between,
    check_positive_setting,
    no_progress,
)
from jaxload.gapfill.training.optimise import Curve

__all__ = ["FittedStationNetworks", "StationNetworks"]

Floats = NDArray[np.float64]

#: Share of a fit that is training; the rest predicts stations.
TRAINING = 0.8


@dataclasses.dataclass(frozen=True)
class StationNetworks:
    """A long short-term memory for every station that moves with the weather.

    Attributes:
      training: How the networks are trained.
      control_correlation: Least absolute correlation of uplift with a variable of the
        weather of a station that gets a network [-].
      cell_deg: Side of cells; a network does not validate stations of its own cell
        [degrees].

    Source:
      DWLIM (2022), Remote Sensing 14, 535, doi:10.3390/rs14030535.
    """

    training: ensemble.Training = dataclasses.field(default_factory=ensemble.Training)
    control_correlation: float = 0.5
    cell_deg: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.training, ensemble.Training):
            raise ValueError(
                f"training is {self.training!r}, expected a `Training`; a study sets "
                "it by hidden, steps, learning_rate, window_epochs and seed in "
                "[gapfill]"
            )
        check_positive_setting("control_correlation", self.control_correlation)
        check_positive_setting("cell_deg", self.cell_deg)

    def fit(
        self,
        heights: StationHeights,
        features: NDArray[np.floating],
        watch: Callable[[float], None] = no_progress,
    ) -> "FittedStationNetworks":
        """Train the networks, and predict each station by those of others.

        Args:
          heights: Of the stations, with the weather that chooses control stations.
          features: Of their places, shape (epoch, station, feature).
          watch: Called with the share that is done.

        Returns:
          The networks.

        Raises:
          ValueError: If no station moves with the weather, or as `ensemble.train`.
        """
        up, places = heights.up, heights.places
        control = dwlim.correlated_stations(
            up, heights.weather, self.control_correlation
        )
        chosen = np.flatnonzero(control)
        listed = chosen.tolist()
        networks = ensemble.train(
            features[:, control],
            up[:, control],
            self.training,
            names=[heights.called(number) for number in listed],
            watch=lambda share: watch(TRAINING * share),
        )
        at_stations = ensemble.predict(
            networks,
            features,
            watch=lambda share: watch(TRAINING + (1 - TRAINING) * share),
        )
        members = Positions(places.lon[control], places.lat[control])
        alike = _cell_of(places, self.cell_deg)[:, None]
        shares_cell = (alike == alike[control].swapaxes(0, 1)).all(axis=2)
        validation = dwlim.validate(
            at_stations, arcs_between(places, members), shares_cell, up
        )
        names = [heights.names[n] if heights.names else str(n) for n in listed]
        return FittedStationNetworks(networks, members, chosen, names, validation)


@dataclasses.dataclass(frozen=True, eq=False)
class FittedStationNetworks:
    """Trained networks of control stations.

    Attributes:
      networks: One for each.
      members: Where these stations stand.
      chosen: Which of all stations they are, shape (member,).
      names: Of them.
      validation: Each station, predicted by networks of other cells.
    """

    networks: ensemble.Ensemble
    members: Positions
    chosen: NDArray[np.int64]
    names: list[str]
    validation: Validation

    @property
    def record(self) -> dict[str, Any]:
        """Names of the control stations, and steps of the training."""
        return {
            "control_stations": self.names,
            "steps": int(self.networks.curve.step[-1]),
            "diverged_at": self.networks.stopped_at,
        }

    @property
    def curve(self) -> Curve:
        """Of the training."""
        return self.networks.curve

    @property
    def best(self) -> NDArray[np.int64]:
        """Steps after which each network was best, shape (member,)."""
        return self.networks.step

    def predict(
        self,
        places: Positions,
        features: NDArray[np.floating],
        watch: Callable[[float], None] = no_progress,
    ) -> PredictedUplift:
        """Predict places by all networks, weighted by inverse distance.

        Args:
          places: Where.
          features: Of them, shape (epoch, place, feature).
          watch: Called with the share that is done.

        Returns:
          The `PredictedUplift`; its sigma is the error of the control stations,
          weighted as the prediction is, and includes their noise.
        """
        predictions = ensemble.predict(self.networks, features, watch=watch)
        distance = arcs_between(places, self.members)
        mean = dwlim.inverse_distance_mean(predictions, distance).astype(np.float64)
        errors = np.asarray(self.validation.rmse)[self.chosen]
        squares = np.broadcast_to(errors[None, :, None] ** 2, (1, *distance.T.shape))
        sigma = np.sqrt(dwlim.inverse_distance_mean(squares, distance)[0])
        return PredictedUplift(mean, sigma)


def _cell_of(places: Positions, side: float) -> Floats:
    """Column and row of the cell of each place, shape (place, 2)."""
    return np.stack([np.floor(x / side) for x in (places.lon, places.lat)], axis=1)

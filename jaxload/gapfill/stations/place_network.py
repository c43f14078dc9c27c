"""One network for all places, trained on the heights of stations by gradient steps."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray
from scipy import sparse

from jaxload.constants import DEGREE, EARTH_RADIUS
from jaxload.gapfill.joint import joint_model
from jaxload.gapfill.joint.schedule import make_schedule, train_ensemble
from jaxload.gapfill.scores import Validation, score
from jaxload.gapfill.stations.protocol import (
    Positions,
    PredictedUplift,
    StationHeights,
    no_progress,
)
from jaxload.gapfill.training import spatial_folds
from jaxload.gapfill.training.optimise import Curve, Fitted
from jaxload.inversion import smooth_problem
from jaxload.sphere import angular_distance

__all__ = ["FittedPlaceNetwork", "PlaceNetwork"]

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class PlaceNetwork:
    """An ensemble of one architecture, each member of it for all places.

    Attributes:
      model: Anything that `as_architecture` takes.
      members: Number of networks.
      steps: Most steps of training.
      learning_rate: Of Adam.
      weight_decay: Decoupled weight decay.
      validation_fraction: Of the stations, which each member holds out.
      neighbourhood_km: Radius within which stations are held out together [km].
      seed: From which everything random is drawn.
    """

    model: Any
    members: int = 3
    steps: int = 400
    learning_rate: float = 0.01
    weight_decay: float = 1.0
    validation_fraction: float = 0.2
    neighbourhood_km: float = 150.0
    seed: int = 0

    def fit(
        self,
        heights: StationHeights,
        features: NDArray[np.floating],
        watch: Callable[[float], None] = no_progress,
    ) -> "FittedPlaceNetwork":
        """Train the members, each without the neighbourhoods that it holds out.

        Args:
          heights: Of the stations.
          features: Of their places, shape (epoch, station, feature): weather, season,
            and what does not change in time, by which places differ.
          watch: Called with the share that is done.

        Returns:
          The trained ensemble.

        Raises:
          ValueError: If stations stand too close to each other to hold some out, or as
            `train_ensemble`.
        """
        keys = jax.random.split(jax.random.key(self.seed), self.members)
        folds = self._folds(heights.places, keys)
        data = _training_data(heights, features, folds)
        schedule = make_schedule(
            self.steps,
            None,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
        )
        # The loss of a network alone uses the noise factor only.
        initial = joint_model.InitialHyperparameters(1.0, 1.0, 1.0)
        fitted = train_ensemble(
            "displacement",
            data,
            self.model,
            initial,
            keys,
            training_schedule=schedule,
            watch=watch,
        ).last
        mean, sd = _by_members(fitted, data.features)
        validation = _held_out(mean, np.asarray(folds.held_out), heights.up)
        factor = _calibrated(validation, _sigma(mean, sd), heights.up)
        return FittedPlaceNetwork(fitted, factor, validation)

    def _folds(self, places: Positions, keys: Array) -> joint_model.Folds:
        lon, lat = places.lon, places.lat
        arc = angular_distance(lon[:, None], lat[:, None], lon[None], lat[None])
        distance = jnp.asarray(arc) * (DEGREE * EARTH_RADIUS / 1e3)
        radius = self.neighbourhood_km
        try:
            centres = spatial_folds.centres_for_fraction(
                distance, radius, self.validation_fraction
            )
        except ValueError as error:
            raise ValueError(f"gapfill.neighbourhood_km: {error}") from None
        draw = lambda key: spatial_folds.sample_neighbourhoods(
            distance, radius, centres, key
        )
        held_out = jnp.stack([draw(key) for key in keys])
        near = jnp.asarray(radius, distance.dtype)
        return joint_model.Folds(held_out, distance, near, max(1, centres // 2))


@dataclasses.dataclass(frozen=True, eq=False)
class FittedPlaceNetwork:
    """A trained ensemble of networks for all places.

    Attributes:
      fitted: Members, and their training.
      factor: By which their standard deviations are multiplied, so that they are those
        of stations that were held out [-].
      validation: Each station by the members that held it out; NaN where none did.
    """

    fitted: Fitted
    factor: float
    validation: Validation

    @property
    def record(self) -> dict[str, Any]:
        """Steps of the training, and the factor on standard deviations."""
        return {
            "steps": int(self.fitted.curve.step[-1]),
            "diverged_at": self.fitted.diverged_at,
            "sigma_factor": self.factor,
        }

    @property
    def curve(self) -> Curve:
        """Of the training."""
        return self.fitted.curve

    @property
    def best(self) -> NDArray[np.int64]:
        """Steps after which each network was best, shape (member,)."""
        return self.fitted.step

    def predict(
        self,
        places: Positions,
        features: NDArray[np.floating],
        watch: Callable[[float], None] = no_progress,
    ) -> PredictedUplift:
        """Predict places by the mean of the members.

        Args:
          places: Where; only their features matter.
          features: Of them, shape (epoch, place, feature).
          watch: Called with the share that is done.

        Returns:
          The `PredictedUplift`; its sigma joins what members predict of their own
          errors with their spread, and includes the noise of stations.
        """
        del places
        mean, sd = _by_members(self.fitted, jnp.asarray(features, jnp.float32))
        watch(1.0)
        return PredictedUplift(mean.mean(axis=0), self.factor * _sigma(mean, sd))


def _training_data(
    heights: StationHeights, features: NDArray[np.floating], folds: joint_model.Folds
) -> joint_model.TrainingData:
    """Training data of a network that is not inverted: a problem of one cell a row."""
    count = heights.up.shape[1]
    nothing = smooth_problem(jnp.eye(count, dtype=jnp.float64), sparse.eye_array(count))
    typical = np.nanstd(heights.up, axis=0)
    sigma = np.maximum(SIGMA_SHARE * typical, LEAST_SIGMA_MM)
    return joint_model.make_training_data(nothing, heights.up, sigma, features, folds)


#: Standard error of a height before anything is known, as a share of the standard
#: deviation of its series, and at least [mm]; a factor on it is trained.
SIGMA_SHARE, LEAST_SIGMA_MM = 0.1, 1e-3


def _by_members(fitted: Fitted, features: Array) -> tuple[Floats, Floats]:
    """Mean (member, epoch, place) and standard deviation (member, place) [mm]."""
    run = jax.jit(joint_model.predict_displacement)
    members = joint_model.unstack_members(fitted.parameters)
    predicted = [run(one, features) for one in members]
    joint_model.check_predictions([mean for mean, _ in predicted])
    means, sds = zip(*predicted)
    return np.stack(list(map(np.asarray, means))), np.stack(list(map(np.asarray, sds)))


def _sigma(mean: Floats, sd: Floats) -> Floats:
    """Own errors of the members, and their spread [mm], shape (place,)."""
    between = mean.var(axis=0, ddof=1).mean(axis=0) if len(mean) > 1 else 0.0
    return np.sqrt((sd**2).mean(axis=0) + between)


def _held_out(mean: Floats, held_out: NDArray[np.bool_], up: Floats) -> Validation:
    counted = held_out.astype(np.float64)
    total, number = np.einsum("mes,ms->es", mean, counted), counted.sum(axis=0)
    predicted = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    return score(predicted, up)


def _calibrated(validation: Validation, sigma: Floats, up: Floats) -> float:
    """Root mean square of held-out residuals in standard deviations."""
    missed = (np.asarray(validation.predicted) - up) / sigma
    return float(np.sqrt(np.nanmean(missed**2)))

"""Physical parameters of each place, from its static features, with a prior on them.

A small network maps the features that do not change in time to the parameters. Each
lies between bounds; the network begins at zero, which stands for the typical value at
all places. The prior is normal about the typical value, on the scale on which the
bounds are at infinity: of two places that the heights tell nothing of both are typical.
"""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxload.gapfill.models.layers import Dense, dense, zero_dense
from jaxload.gapfill.models.protocol import Drivers

__all__ = [
    "Bounded",
    "NetworkOfPlaces",
    "PlaceParameters",
    "check_place_settings",
    "draw_place_parameters",
]

#: Share of the way to a bound from which on a parameter is at it.
AT_BOUND = 0.02


@dataclasses.dataclass(frozen=True)
class Bounded:
    """A parameter and its bounds, all in its unit.

    Attributes:
      typical: Value of the prior.
      low: Lower bound.
      high: Upper bound.
      is_ratio: Whether factors count, not differences.
    """

    typical: float
    low: float
    high: float
    is_ratio: bool = True

    def value(self, position: Array) -> Array:
        """Map any number to a value between the bounds, zero to the typical one."""
        share = jax.nn.sigmoid(position + self._middle)
        low, high = self._scaled(self.low), self._scaled(self.high)
        value = low + (high - low) * share
        return jnp.exp(value) if self.is_ratio else value

    @property
    def _middle(self) -> float:
        low, typical, high = map(self._scaled, (self.low, self.typical, self.high))
        return math.log((typical - low) / (high - typical))

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.is_ratio else value

    def share(self, value: Array) -> Array:
        """Compute which share of the way from the lower bound to the upper one it is.

        Args:
          value: In the unit of the parameter, any shape.
        """
        low, high = self._scaled(self.low), self._scaled(self.high)
        scaled = jnp.log(value) if self.is_ratio else value
        return (scaled - low) / (high - low)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class PlaceParameters:
    """Network of the parameters of each place.

    Attributes:
      first: From static features to hidden units.
      readout: From these to one position for each parameter.
      bounds: Of each parameter, by name.
      prior_sd: Standard deviation of a position in the prior.
    """

    first: Dense
    readout: Dense
    bounds: tuple[tuple[str, Bounded], ...] = dataclasses.field(
        metadata={"static": True}
    )
    prior_sd: float = dataclasses.field(metadata={"static": True})

    def values(self, features: Array) -> dict[str, Array]:
        """Compute the parameters of all places.

        Args:
          features: Shape (epoch, place, feature); means over time are read, which are
            the static features themselves, and about zero of normalised weather.

        Returns:
          Of each parameter, in its unit, shape (place,).
        """
        position = self._positions(features)
        return {
            name: bounded.value(position[:, number])
            for number, (name, bounded) in enumerate(self.bounds)
        }

    def log_prior(self, features: Array) -> Array:
        """Compute the log density of all parameters of all places, but for a constant.

        Args:
          features: As in `values`.

        Returns:
          The log density, ().
        """
        return -jnp.sum((self._positions(features) / self.prior_sd) ** 2) / 2

    def describe(self, features: Array) -> dict[str, Any]:
        """Summarise the parameters over the places.

        Args:
          features: As in `values`.

        Returns:
          Of each parameter smallest, median and largest value, and the share of the
          places where it is at a bound.
        """
        values, bounds = self.values(features), dict(self.bounds)
        summary = {}
        for name, value in values.items():
            share = np.asarray(bounds[name].share(value))
            at_bound = (share < AT_BOUND) | (share > 1 - AT_BOUND)
            summary[name] = {
                "smallest": float(value.min()),
                "median": float(np.median(value)),
                "largest": float(value.max()),
                "share_at_bounds": float(at_bound.mean()),
            }
        return summary

    def _positions(self, features: Array) -> Array:
        still = jnp.mean(features, axis=0)
        return self.readout(jnp.tanh(self.first(still)))


class NetworkOfPlaces:
    """Base of models that are physics with parameters of each place."""

    places: PlaceParameters

    def log_prior(self, features: Array, drivers: Drivers) -> Array:
        """Log density of the parameters before training; see `Predictor`."""
        del drivers
        return self.places.log_prior(features)

    def describe(self, features: Array, drivers: Drivers) -> dict[str, Any]:
        """Summarise the parameters; see `Predictor`."""
        del drivers
        return self.places.describe(features)


def check_place_settings(hidden: int, prior_sd: float) -> None:
    """Check the settings of a network of parameters.

    Args:
      hidden: Its units.
      prior_sd: Standard deviation of the prior.

    Raises:
      ValueError: If one is not positive.
    """
    if hidden < 1 or not 0 < prior_sd < float("inf"):
        raise ValueError(
            f"hidden and prior_sd are {hidden} and {prior_sd:g}, expected a whole "
            "number from 1 and a positive number"
        )


def draw_place_parameters(
    bounds: dict[str, Bounded], features: int, key: Array, hidden: int, prior_sd: float
) -> PlaceParameters:
    """Draw a network with which all parameters are typical.

    Args:
      bounds: Of each parameter.
      features: Number of features.
      key: Of `jax.random.key`.
      hidden: Units of the network.
      prior_sd: As in `PlaceParameters`.

    Returns:
      The network.
    """
    first, readout = dense(key, features, hidden), zero_dense(hidden, len(bounds))
    return PlaceParameters(first, readout, tuple(bounds.items()), prior_sd)

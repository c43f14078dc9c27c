"""A physical model as the skeleton that a network corrects."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxload.gapfill.models.protocol import (
    Architecture,
    Drivers,
    ModelSizes,
    describe_parameters,
    log_prior,
)

__all__ = ["Corrected", "CorrectedNetwork"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class CorrectedNetwork:
    """A skeleton, and a network that adds to it.

    Attributes:
      skeleton: Any `Predictor`.
      correction: Another, which reads the output of the skeleton as further features.
    """

    skeleton: Any
    correction: Any

    def __call__(
        self, features: Array, *, drivers: Drivers, segment: int | None
    ) -> Array:
        """Predict all places at all epochs; see `Predictor`."""
        physical = self.skeleton(features, drivers=drivers, segment=segment)
        both = [features, physical.astype(features.dtype)]
        read = jnp.concatenate(both, axis=-1)
        added = self.correction(read, drivers=drivers, segment=segment)
        return physical + added.astype(physical.dtype)

    def log_prior(self, features: Array, drivers: Drivers) -> Array:
        """Log density of the skeleton's parameters before training; see `Predictor`."""
        density = log_prior(self.skeleton, features, drivers)
        return jnp.zeros((), features.dtype) if density is None else density

    def describe(self, features: Array, drivers: Drivers) -> dict[str, Any]:
        """Summarise the parameters of the skeleton; see `Predictor`."""
        return describe_parameters(self.skeleton, features, drivers)


@dataclasses.dataclass(frozen=True)
class Corrected:
    """A skeleton that a network corrects, which begins as the skeleton.

    Attributes:
      skeleton: Architecture of the physical model.
      correction: Architecture of the network; one that begins with zero.
    """

    skeleton: Architecture
    correction: Architecture

    def build(self, sizes: ModelSizes, key: Array) -> CorrectedNetwork:
        """Draw the first weights; see `Architecture`."""
        first, second = jax.random.split(key)
        wider = dataclasses.replace(sizes, features=sizes.features + sizes.outputs)
        return CorrectedNetwork(
            self.skeleton.build(sizes, first), self.correction.build(wider, second)
        )

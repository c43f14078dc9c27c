"""The long short-term memory among the models."""

import dataclasses

import jax.numpy as jnp
from jax import Array

from jaxload.gapfill.models.protocol import ModelSizes
from jaxload.gapfill.networks.lstm import NetworkSize, Weights, initialise

__all__ = ["Recurrent"]


@dataclasses.dataclass(frozen=True)
class Recurrent:
    """Long short-term memory that begins with an output of zero.

    Attributes:
      hidden: Units of the hidden state.
    """

    hidden: int = 32

    def build(self, sizes: ModelSizes, key: Array) -> Weights:
        """Draw the first weights; see `Architecture`."""
        size = NetworkSize(sizes.features, self.hidden, sizes.outputs)
        drawn = initialise(size, key)
        return dataclasses.replace(drawn, readout=jnp.zeros_like(drawn.readout))

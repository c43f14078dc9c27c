"""A multilayer perceptron of the weather and the season of the epoch itself.

It has no memory: what it is to remember has to be among its features, such as sums of
antecedent precipitation. The season is, as `calendar_features`.
"""

import dataclasses
import itertools

import jax
from jax import Array

from jaxload.gapfill.models.layers import Dense, dense, zero_dense
from jaxload.gapfill.models.protocol import Drivers, ModelSizes

__all__ = ["Perceptron", "PerceptronWeights"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class PerceptronWeights:
    """Weights of a multilayer perceptron.

    Attributes:
      layers: Hidden layers.
      readout: From the last of them to the output.
    """

    layers: tuple[Dense, ...]
    readout: Dense

    def __call__(
        self, features: Array, *, drivers: Drivers, segment: int | None
    ) -> Array:
        """Predict all places at all epochs; see `Predictor`."""
        del drivers, segment
        values = features
        for layer in self.layers:
            values = jax.nn.gelu(layer(values))
        return self.readout(values)


@dataclasses.dataclass(frozen=True)
class Perceptron:
    """Multilayer perceptron that begins with an output of zero.

    Attributes:
      hidden: Units of each hidden layer.
      layers: Number of hidden layers.
    """

    hidden: int = 32
    layers: int = 2

    def __post_init__(self) -> None:
        if self.hidden < 1 or self.layers < 1:
            raise ValueError(
                f"hidden and layers are {self.hidden} and {self.layers}, expected 1 or "
                "more"
            )

    def build(self, sizes: ModelSizes, key: Array) -> PerceptronWeights:
        """Draw the first weights; see `Architecture`."""
        widths = [sizes.features, *[self.hidden] * self.layers]
        keys = jax.random.split(key, self.layers)
        pairs = zip(keys, itertools.pairwise(widths))
        layers = tuple(dense(one, *pair) for one, pair in pairs)
        return PerceptronWeights(layers, zero_dense(self.hidden, sizes.outputs))

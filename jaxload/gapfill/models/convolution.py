"""A causal temporal convolution: all epochs side by side, none before its past.

A level reads `kernel` epochs that lie kernel**level apart, so that an output depends on
the last kernel**levels epochs. Each level is one product of matrices for all epochs and
places, where a recurrent network needs one for every epoch.

Source:
  Bai, Kolter and Koltun (2018): an empirical evaluation of generic convolutional and
  recurrent networks for sequence modeling, arXiv:1803.01271.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
from jax import Array

from jaxload.gapfill.models.layers import Dense, dense, zero_dense
from jaxload.gapfill.models.protocol import Drivers, ModelSizes

__all__ = ["TemporalConvolution", "TemporalConvolutionWeights"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TemporalConvolutionWeights:
    """Weights of a causal temporal convolution.

    Attributes:
      first: From features to channels.
      levels: Of each level, from the channels of `kernel` epochs to channels.
      readout: From channels to the output.
      kernel: Number of epochs that a level reads.
    """

    first: Dense
    levels: tuple[Dense, ...]
    readout: Dense
    kernel: int = dataclasses.field(metadata={"static": True})

    def __call__(
        self, features: Array, *, drivers: Drivers, segment: int | None
    ) -> Array:
        """Predict all places at all epochs; see `Predictor`."""
        del drivers
        epochs, places, _ = features.shape
        # Epochs and places are the last, long axis: a delay is a shift along it.
        values = _across(self.first, features.reshape(epochs * places, -1).T)
        for number, level in enumerate(self.levels):
            shift = places * self.kernel**number
            step = functools.partial(_level, self.kernel, shift)
            # What a record is too long to keep is computed a second time.
            step = step if segment is None else jax.checkpoint(step)
            values = step(level, values)
        return _across(self.readout, values).T.reshape(epochs, places, -1)


@dataclasses.dataclass(frozen=True)
class TemporalConvolution:
    """Causal temporal convolution that begins with an output of zero.

    Attributes:
      channels: Numbers that pass from level to level.
      kernel: Number of epochs that a level reads.
      levels: Number of levels; the output depends on the last kernel**levels epochs.
    """

    channels: int = 8
    kernel: int = 4
    levels: int = 4

    def __post_init__(self) -> None:
        for name, least in (("channels", 1), ("kernel", 2), ("levels", 1)):
            if getattr(self, name) < least:
                raise ValueError(
                    f"{name} is {getattr(self, name)}, expected {least} or more"
                )

    def build(self, sizes: ModelSizes, key: Array) -> TemporalConvolutionWeights:
        """Draw the first weights; see `Architecture`."""
        first, *keys = jax.random.split(key, self.levels + 1)
        read = self.kernel * self.channels
        return TemporalConvolutionWeights(
            dense(first, sizes.features, self.channels),
            tuple(dense(one, read, self.channels) for one in keys),
            zero_dense(self.channels, sizes.outputs),
            self.kernel,
        )


def _across(layer: Dense, values: Array) -> Array:
    """Map the first axis of values, shape (input, row) to (output, row)."""
    kernel = layer.kernel
    return jnp.matmul(kernel.T, values.astype(kernel.dtype)) + layer.bias[:, None]


def _level(kernel: int, shift: int, level: Dense, values: Array) -> Array:
    """One level, shape (channel, row) to the same; zero before the record."""
    rows = values.shape[1]
    padded = jnp.pad(values, ((0, 0), (shift * (kernel - 1), 0)))
    delayed = [padded[:, shift * n : shift * n + rows] for n in range(kernel)]
    return values + jax.nn.relu(_across(level, jnp.concatenate(delayed, axis=0)))

"""A long short-term memory network from weather to displacement or water.

Layers of flax draw the first weights. What runs is a scan of our own, of which many can
be trained side by side.
"""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import check_shapes
from jaxload._platform import chunk_size, on_platform
from jaxload.gapfill.networks.lstm_gates import Carry, einsum
from jaxload.gapfill.networks.lstm_scan import recur

__all__ = ["NetworkSize", "Weights", "apply", "hidden_states", "initialise"]


#: Numbers that a place and epoch take on their way through a network and back, for each
#: of its units.
HELD = 16


@dataclasses.dataclass(frozen=True)
class NetworkSize:
    """Size of a network.

    Attributes:
      features: Numbers read at every epoch.
      hidden: Units of the hidden state.
      outputs: Numbers predicted at every epoch.
    """

    features: int
    hidden: int = 32
    outputs: int = 1

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value < 1:
                raise ValueError(f"{field.name} is {value}, expected 1 or more")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Weights:
    """Weights of a network, which are trained.

    Gates stand in the order input, forget, proposal, output, as in
    `flax.nnx.OptimizedLSTMCell`.

    Attributes:
      features: Weights of the features, shape (feature, 4 hidden).
      recurrent: Weights of the hidden state, shape (hidden, 4 hidden).
      bias: Added to both, shape (4 hidden,).
      readout: Weights of the hidden state in the output, shape (hidden, output).
      offset: Added to the output, shape (output,).
    """

    features: Array
    recurrent: Array
    bias: Array
    readout: Array
    offset: Array

    def __call__(
        self,
        features: ArrayLike,
        *,
        drivers: object = None,
        segment: int | None = None,
    ) -> Array:
        """Run the network over many places, as `apply`; no driver is read."""
        del drivers
        return apply(self, features, segment=segment)


@functools.partial(jax.jit, static_argnames=("network", "dtype"))
def initialise(network: NetworkSize, key: Array, dtype: str = "float32") -> Weights:
    """Draw the weights with which training begins.

    Recurrent weights are orthogonal, the others scaled by the number of their inputs;
    the forget gate begins mostly open, so that the first networks remember.

    Args:
      network: Size of the network.
      key: Of `jax.random.key`; the same key draws the same weights.
      dtype: "float32", or "float64" where JAX has it.

    Returns:
      The `Weights`.

    Source:
      The forget gate's bias: Jozefowicz et al. (2015), proceedings.mlr.press/v37.
    """
    # Slow to import, and of use only where something is trained.
    from flax import nnx

    rngs, kind = nnx.Rngs(key), jnp.dtype(dtype)
    cell = nnx.OptimizedLSTMCell(
        network.features, network.hidden, param_dtype=kind, rngs=rngs
    )
    linear = nnx.Linear(network.hidden, network.outputs, param_dtype=kind, rngs=rngs)
    forget = slice(network.hidden, 2 * network.hidden)
    return Weights(
        features=cell.dense_i.kernel[...],
        recurrent=cell.dense_h.kernel[...],
        bias=jnp.zeros(4 * network.hidden, kind).at[forget].set(1),
        readout=linear.kernel[...],
        offset=jnp.zeros(network.outputs, kind),
    )


def apply(weights: Weights, inputs: ArrayLike, *, segment: int | None = None) -> Array:
    """Run one network over many places, from an empty memory.

    Args:
      weights: Of the network; their precision is that of the computation.
      inputs: Features, shape (epoch, place, feature), without gaps.
      segment: Epochs that are kept for derivatives at a time; what lies between is
        computed a second time, so that memory grows with `segment` and with
        epochs / `segment`, not with all epochs. None keeps all; an accelerator keeps
        as many as its memory holds.

    Returns:
      Output, shape (epoch, place, output).

    Raises:
      ValueError: If the inputs have other features than the network, or `segment` is
        not positive.

    Example:
      >>> weights = initialise(NetworkSize(features=20), jax.random.key(0))
      >>> displacement = apply(weights, features)[..., 0]
    """

    def read(hidden: Array) -> Array:
        product = einsum("tph,ho->tpo", hidden, weights.readout)
        return product + weights.offset[None, None, :]

    return _run(weights, inputs, segment, read)


def hidden_states(
    weights: Weights, inputs: ArrayLike, *, segment: int | None = None
) -> Array:
    """Run one network and return its hidden states, before they are read out.

    Args:
      weights: As in `apply`.
      inputs: Features, shape (epoch, place, feature), without gaps.
      segment: As in `apply`.

    Returns:
      Hidden states [-], shape (epoch, place, hidden).

    Raises:
      ValueError: As `apply`.
    """
    return _run(weights, inputs, segment, lambda hidden: hidden)


def _run(
    weights: Weights,
    inputs: ArrayLike,
    segment: int | None,
    read: Callable[[Array], Array],
) -> Array:
    inputs = jnp.asarray(inputs, dtype=weights.bias.dtype)
    sizes = check_shapes(
        inputs=(inputs, "epoch place feature"), weights=(weights.features, "feature _")
    )
    empty = jnp.zeros((sizes["place"], len(weights.recurrent)), inputs.dtype)
    epochs = sizes["epoch"]
    kernel = jnp.concatenate([weights.features, weights.recurrent])

    def some(carry: Carry, inputs: Array) -> tuple[Carry, Array]:
        carry, hidden = recur(inputs, kernel, weights.bias, carry)
        return carry, read(hidden)

    def whole(inputs: Array) -> Array:
        return some((empty, empty), inputs)[1]

    def pieces(inputs: Array, segment: int) -> Array:
        if segment >= epochs:
            return whole(inputs)
        again = jax.checkpoint(some, prevent_cse=False)
        outputs = jax.lax.scan(again, (empty, empty), _cut(inputs, segment))[1]
        return outputs.reshape(-1, *outputs.shape[2:])[:epochs]

    if segment is None:
        return whole(inputs)
    _check_segment(segment)
    # What an accelerator holds is not computed again.
    width = HELD * len(weights.recurrent) + 3 * sizes["feature"]
    held = chunk_size(sizes["place"] * width * inputs.dtype.itemsize)
    alike = -(-epochs // -(-epochs // held))
    return on_platform(
        inputs,
        cpu=functools.partial(pieces, segment=segment),
        accelerator=functools.partial(pieces, segment=max(segment, alike)),
    )


def _check_segment(segment: int) -> None:
    if segment < 1:
        raise ValueError(f"segment is {segment}, expected 1 epoch or more, or None")


def _cut(inputs: Array, segment: int) -> Array:
    """Segments of equal length; the last is padded, which changes no earlier epoch."""
    filled = jnp.pad(inputs, ((0, -len(inputs) % segment), (0, 0), (0, 0)))
    return filled.reshape(-1, segment, *inputs.shape[1:])

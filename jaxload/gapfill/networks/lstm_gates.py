"""One epoch of a long short-term memory, and by how much it passes slopes on.

Networks side by side are an axis of their own, before that of epochs.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

__all__ = [
    "Carry",
    "Matrices",
    "at_epoch",
    "einsum",
    "halved_weights",
    "make_matrices",
    "next_state",
    "put_epochs",
    "slopes_of",
]

#: Memory cell and hidden state, each of shape (place, hidden).
Carry = tuple[Array, Array]

#: In full precision on any device.
einsum = functools.partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)


class Matrices(NamedTuple):
    """Weights that derivatives are carried back by.

    Attributes:
      halved: From the inputs of the gates to the gates, as of `halved_weights`.
      to_inputs: From gates to features.
      to_hidden: From gates to the hidden state.
    """

    halved: Array
    to_inputs: Array
    to_hidden: Array


def make_matrices(weights: Array, hidden: int) -> Matrices:
    """Cut the weights of networks to matrices that carry derivatives back.

    Args:
      weights: Those of features and hidden state, and bias, shape (network, feature +
        hidden + 1, 4 hidden).
      hidden: Units of a network.

    Returns:
      The `Matrices`.
    """
    features = weights.shape[1] - hidden - 1
    return Matrices(
        halved_weights(weights), weights[:, :features], weights[:, features:-1].mT
    )


def at_epoch(record: Array, epoch: Array) -> Array:
    """Values of a record, shape (network, epoch, place, ...), at an epoch."""
    return jax.lax.dynamic_index_in_dim(record, epoch, axis=1, keepdims=False)


def put_epochs(
    record: Array, values: Array, epoch: Array | int = 0, last: int = 0
) -> Array:
    """A record with other values from an epoch and a place of its last axis on."""
    return jax.lax.dynamic_update_slice(record, values, (0, epoch, 0, last))


def next_state(summed: Array, cell: Array) -> Carry:
    """State after an epoch.

    Args:
      summed: What reached its gates, by `halved_weights`, shape (..., 4 hidden).
      cell: Memory before it, shape (..., hidden).
    """
    entry, keep, proposal, leave = _gates(summed)
    cell = keep * cell + entry * proposal
    return cell, leave * jnp.tanh(cell)


def slopes_of(summed: Array, cells: Array) -> tuple[Array, Array, Array]:
    """By how much each epoch passes derivatives on.

    Args:
      summed: What reached the gates as `halved_weights`, shape (..., 4 hidden).
      cells: Memory before each epoch, shape (..., hidden).

    Returns:
      From what follows the gates to what reached them (..., 4 hidden); from hidden
      state to memory, and from memory to the memory before, (..., hidden) each.
    """
    entry, keep, proposal, leave = _gates(summed)
    shown = jnp.tanh(keep * cells + entry * proposal)
    gates = (
        proposal * entry * (1 - entry),
        cells * keep * (1 - keep),
        entry * (1 - proposal**2),
        shown * leave * (1 - leave),
    )
    return jnp.concatenate(gates, axis=-1), leave * (1 - shown**2), keep


def _gates(summed: Array) -> tuple[Array, Array, Array, Array]:
    """Input gate, forget gate, proposal and output gate, (..., hidden) each."""
    # A sigmoid is half a tanh and a half: one tanh for all is twice as fast as two
    # functions in turn.
    half, middle = _halves(summed.shape[-1] // 4, summed.dtype, summed.ndim)
    entry, keep, proposal, leave = jnp.split(
        half * jnp.tanh(summed) + middle, 4, axis=-1
    )
    return entry, keep, proposal, leave


def halved_weights(weights: Array) -> Array:
    """Weights of the gates for one tanh, shape (..., 4 hidden)."""
    return weights * _halves(weights.shape[-1] // 4, weights.dtype, weights.ndim)[0]


def _halves(hidden: int, dtype: np.dtype, rank: int) -> tuple[NDArray, NDArray]:
    shape = (1,) * (rank - 1) + (4 * hidden,)
    spread = lambda values: np.repeat(np.asarray(values, dtype), hidden).reshape(shape)
    return spread([0.5, 0.5, 1, 0.5]), spread([0.5, 0.5, 0, 0.5])

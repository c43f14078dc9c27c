"""The recurrence of a long short-term memory, and its derivative written out.

Left to itself, the derivative of a scan adds a gradient of the weights at every epoch
and stores everything that an epoch computes. Here only memory and hidden state are
stored; the gates are computed again for a block of epochs at a time, the backward scan
carries only what epochs hand to each other, and the gradient of the weights is one
matrix product for each block.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

__all__ = ["Carry", "einsum", "recur"]

#: Memory cell and hidden state, each of shape (place, hidden).
Carry = tuple[Array, Array]

#: Epochs whose gates are computed again together; few enough to stay in a cache.
BLOCK = 32

#: In full precision on any device.
einsum = functools.partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)


@jax.custom_vjp
def recur(
    inputs: Array, kernel: Array, bias: Array, carry: Carry
) -> tuple[Carry, Array]:
    """Run through the epochs.

    With i, f, o the gates and g the proposal, all from ``[x, h] K + b``: the memory
    becomes ``c = f c + i g``, then the hidden state ``h = o tanh(c)``.

    Not for: forward-mode derivatives, or second ones.

    Args:
      inputs: Features (x), shape (epoch, place, feature).
      kernel: Weights of features and hidden state (K), shape
        (feature + hidden, 4 hidden), for i, f, g and o.
      bias: Likewise (b), shape (4 hidden,).
      carry: State before the first epoch.

    Returns:
      The state after the last epoch, and the hidden states, (epoch, place, hidden).

    Source:
      Hochreiter & Schmidhuber (1997), doi:10.1162/neco.1997.9.8.1735; the forget gate
      of Gers et al. (2000), doi:10.1162/089976600300015015.
    """
    (last, hidden), _ = _forward(inputs, kernel, bias, carry)
    return last, hidden


def _forward(inputs: Array, kernel: Array, bias: Array, carry: Carry) -> tuple:
    """As `recur`, and what its derivative starts from."""

    def step(carry: Carry, inputs: Array) -> tuple[Carry, Carry]:
        cell, hidden = carry
        joined = jnp.concatenate([inputs, hidden], axis=-1)
        entry, keep, proposal, leave = _gates(
            einsum("pi,ig->pg", joined, kernel) + bias[None, :]
        )
        new = keep * cell + entry * proposal
        hidden = leave * jnp.tanh(new)
        return (new, hidden), (cell, hidden)

    last, (cells, hidden) = jax.lax.scan(step, carry, inputs)
    return (last, hidden), ((inputs, kernel, bias), (carry[1], cells, hidden))


def _backward(saved: tuple, given: tuple[Carry, Array]) -> tuple:
    (inputs, kernel, bias), (first, cells, hidden) = saved
    ends, every = given
    before = jnp.concatenate([first[None], hidden[:-1]])
    block = functools.partial(_block, kernel=kernel, bias=bias)
    epochs = (inputs, before, cells, every)
    state = (ends, jnp.zeros_like(kernel), jnp.zeros_like(bias))
    # Whole blocks from the last epoch on; the first epochs are what is left.
    left = len(inputs) % BLOCK
    cut = lambda x: x[left:].reshape(-1, BLOCK, *x.shape[1:])
    state, late = jax.lax.scan(block, state, jax.tree.map(cut, epochs), reverse=True)
    state, early = block(state, jax.tree.map(lambda x: x[:left], epochs))
    by_inputs = jnp.concatenate([early, late.reshape(-1, *inputs.shape[1:])])
    start, by_kernel, by_bias = state
    return by_inputs, by_kernel, by_bias, start


recur.defvjp(_forward, _backward)


def _block(
    state: tuple, epochs: tuple[Array, ...], *, kernel: Array, bias: Array
) -> tuple[tuple, Array]:
    """Derivatives carried back through a few epochs, those of the weights added up."""
    carry, by_kernel, by_bias = state
    inputs, before, cells, every = epochs
    joined = jnp.concatenate([inputs, before], axis=-1)
    slopes = _slopes(einsum("tpi,ig->tpg", joined, kernel) + bias[None, None, :], cells)
    from_hidden = kernel[inputs.shape[-1] :].T

    def step(carry: Carry, epoch: tuple) -> tuple[Carry, Array]:
        by_cell, by_hidden = carry
        given, slopes, shown, keep = epoch
        by_hidden = by_hidden + given
        by_cell = by_cell + by_hidden * shown
        # Only the output gate acts on the hidden state past the memory.
        spread = jnp.concatenate([by_cell, by_cell, by_cell, by_hidden], axis=-1)
        by_gates = spread * slopes
        return (by_cell * keep, einsum("pg,gh->ph", by_gates, from_hidden)), by_gates

    carry, by_gates = jax.lax.scan(step, carry, (every, *slopes), reverse=True)
    by_kernel = by_kernel + einsum("tpi,tpg->ig", joined, by_gates)
    by_bias = by_bias + by_gates.sum(axis=(0, 1))
    by_inputs = einsum("tpg,ig->tpi", by_gates, kernel[: inputs.shape[-1]])
    return (carry, by_kernel, by_bias), by_inputs


def _slopes(summed: Array, cells: Array) -> tuple[Array, Array, Array]:
    """By how much each epoch passes derivatives on.

    Args:
      summed: What reached the gates, shape (epoch, place, 4 hidden).
      cells: Memory before each epoch, shape (epoch, place, hidden).

    Returns:
      From what follows the gates to what reached them (epoch, place, 4 hidden); from
      hidden state to memory, and from memory to the memory before, (epoch, place,
      hidden) each.
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
        half * jnp.tanh(half * summed) + middle, 4, axis=-1
    )
    return entry, keep, proposal, leave


def _halves(hidden: int, dtype: np.dtype, rank: int) -> tuple[NDArray, NDArray]:
    shape = (1,) * (rank - 1) + (4 * hidden,)
    spread = lambda values: np.repeat(np.asarray(values, dtype), hidden).reshape(shape)
    return spread([0.5, 0.5, 1, 0.5]), spread([0.5, 0.5, 0, 0.5])

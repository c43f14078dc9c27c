"""The recurrence of a long short-term memory, and its derivative written out.

Left to itself, the derivative of a scan adds a gradient of the weights at every epoch
and stores everything that an epoch computes. Here only the memory and what the gates
read are stored; the gates are computed again for a block of epochs at a time, the
backward loop carries only what epochs hand to each other, and the gradient of the
weights is one matrix product for each block.

Networks side by side are an axis of their own, before that of epochs, as matrix
products take them: nothing is transposed on the way from one to the other.

On an accelerator every epoch costs the launch of its kernels, however small. What
features do to the gates is computed for all epochs first, which leaves the product with
the hidden state to each; for the way back see `lstm_blocks`.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_batching import custom_vmap

from jaxload._platform import on_platform
from jaxload.gapfill.networks import lstm_blocks
from jaxload.gapfill.networks.lstm_blocks import back_through_blocks, count_blocks
from jaxload.gapfill.networks.lstm_gates import (
    Carry,
    Matrices,
    at_epoch,
    einsum,
    halved_weights,
    make_matrices,
    next_state,
    put_epochs,
    slopes_of,
)

__all__ = ["recur", "recur_by_autodiff"]

#: Epochs whose gates are computed again together; few enough to stay in a cache.
BLOCK = 32

#: Epochs of a turn of the loop on an accelerator.
UNROLL = 16


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
    cell, hidden, every = _one(_predict)(inputs, kernel, bias, *carry)
    return (cell, hidden), every


def recur_by_autodiff(
    inputs: Array, kernel: Array, bias: Array, carry: Carry
) -> tuple[Carry, Array]:
    """As `recur`, with a derivative that is left to JAX.

    Args:
      inputs: As there.
      kernel: As there.
      bias: As there.
      carry: As there.

    Returns:
      As there.
    """
    kernel, bias = halved_weights(kernel), halved_weights(bias)

    def step(carry: Carry, inputs: Array) -> tuple[Carry, Array]:
        cell, hidden = carry
        joined = jnp.concatenate([inputs, hidden], axis=-1)
        summed = einsum("pi,ig->pg", joined, kernel) + bias[None, :]
        carry = next_state(summed, cell)
        return carry, carry[1]

    return jax.lax.scan(step, carry, inputs)


def _forward(inputs: Array, kernel: Array, bias: Array, carry: Carry) -> tuple:
    """As `recur`, and what its derivative starts from."""
    weights = jnp.concatenate([kernel, bias[None]])
    read, cells = _one(_walk)(inputs, weights, *carry)
    hidden = read[:, :, inputs.shape[-1] : -1]
    return ((cells[-1], hidden[-1]), hidden[1:]), (weights, read, cells)


def _backward(saved: tuple, cotangent: tuple[Carry, Array]) -> tuple:
    (by_cell, by_hidden), every = cotangent
    by_inputs, by_weights, *start = _one(_walk_back)(*saved, every, by_cell, by_hidden)
    return by_inputs, by_weights[:-1], by_weights[-1], tuple(start)


recur.defvjp(_forward, _backward)


def _one(function: Callable[..., Any]) -> Callable[..., Any]:
    """One network of a function of many."""
    take = functools.partial(jax.tree.map, lambda x: x[0])
    return lambda *arrays: take(function(*(x[None] for x in arrays)))


def _side_by_side(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let `jax.vmap` lengthen the first axis, that of networks.

    Left to itself, it would make scatters of all that a loop writes.
    """
    many = custom_vmap(function)

    @many.def_vmap
    def _(size: int, mapped: list[bool], *arrays: Array) -> tuple:
        wide = [
            x if is_mapped else jnp.broadcast_to(x, (size, *x.shape))
            for x, is_mapped in zip(arrays, mapped)
        ]
        results = many(*(x.reshape(-1, *x.shape[2:]) for x in wide))
        split = [x.reshape(size, -1, *x.shape[1:]) for x in results]
        return tuple(split), (True,) * len(split)

    return many


@_side_by_side
def _predict(
    inputs: Array, kernel: Array, bias: Array, cell: Array, hidden: Array
) -> tuple[Array, Array, Array]:
    """Hidden states, and the state after the last epoch, of networks side by side.

    Their axis comes first, as in `_walk`: once `jax.vmap` has met the prediction, it
    expects the same of the training.
    """
    return on_platform(
        inputs,
        kernel,
        bias,
        cell,
        hidden,
        cpu=jax.vmap(_predict_by_epochs),
        accelerator=_predict_unrolled,
    )


def _predict_by_epochs(
    inputs: Array, kernel: Array, bias: Array, cell: Array, hidden: Array
) -> tuple[Array, Array, Array]:
    (cell, hidden), every = recur_by_autodiff(inputs, kernel, bias, (cell, hidden))
    return cell, hidden, every


def _predict_unrolled(
    inputs: Array, kernel: Array, bias: Array, cell: Array, hidden: Array
) -> tuple[Array, Array, Array]:
    weights = jnp.concatenate([kernel, bias[:, None]], axis=1)
    hidden_states, cells = _states(inputs, weights, cell, hidden)
    return cells[:, -1], hidden_states[:, -1], hidden_states


def _states(
    inputs: Array, weights: Array, cell: Array, hidden: Array
) -> tuple[Array, Array]:
    """Hidden state and memory after each epoch, (network, epoch, place, hidden)."""
    networks, epochs, places, features = inputs.shape
    halved = halved_weights(weights)
    flat = inputs.reshape(networks, -1, features)
    driven = einsum("nti,nig->ntg", flat, halved[:, :features]) + halved[:, -1:]
    driven = driven.reshape(networks, epochs, places, -1)
    recurrent = halved[:, features:-1]

    def step(state: Carry, driven: Array) -> tuple[Carry, Carry]:
        cell, hidden = state
        summed = driven + einsum("nph,nhg->npg", hidden, recurrent)
        # One kernel makes both: fused across epochs, the memory would be made again.
        state = jax.lax.optimization_barrier(next_state(summed, cell))
        return state, state

    by_epoch = jnp.swapaxes(driven, 0, 1)
    each = jax.lax.scan(step, (cell, hidden), by_epoch, unroll=UNROLL)[1]
    cells, hidden_states = (jnp.swapaxes(x, 0, 1) for x in each)
    return hidden_states, cells


@_side_by_side
def _walk(
    inputs: Array, weights: Array, cell: Array, hidden: Array
) -> tuple[Array, Array]:
    """Run networks through the epochs, for `_walk_back`.

    Args:
      inputs: Features, shape (network, epoch, place, feature).
      weights: Those of features and hidden state, and bias, shape
        (network, feature + hidden + 1, 4 hidden).
      cell: Memory before the first epoch, shape (network, place, hidden).
      hidden: Hidden state, likewise.

    Returns:
      Inputs of the gates: features, hidden state and one, shape (network, epoch + 1,
      place, feature + hidden + 1); and memory before each epoch, (network, epoch + 1,
      place, hidden). Both include the state after the last epoch.
    """
    return on_platform(
        inputs,
        weights,
        cell,
        hidden,
        cpu=_walk_by_epochs,
        accelerator=_walk_unrolled,
    )


def _walk_unrolled(
    inputs: Array, weights: Array, cell: Array, hidden: Array
) -> tuple[Array, Array]:
    states = _states(inputs, weights, cell, hidden)
    starts = hidden, cell
    before, cells = (
        jnp.concatenate([start[:, None], each], axis=1)
        for start, each in zip(starts, states)
    )
    filled = jnp.concatenate([inputs, jnp.ones_like(inputs[:, :1])], axis=1)
    one = jnp.ones_like(before[..., :1])
    return jnp.concatenate([filled, before, one], axis=-1), cells


def _walk_by_epochs(
    inputs: Array, weights: Array, cell: Array, hidden: Array
) -> tuple[Array, Array]:
    networks, epochs, places, features = inputs.shape
    halved = halved_weights(weights)
    read = jnp.ones((networks, epochs + 1, places, weights.shape[1]), inputs.dtype)
    read = put_epochs(put_epochs(read, inputs), hidden[:, None], last=features)
    cells = jnp.zeros((networks, epochs + 1, *cell.shape[1:]), inputs.dtype)

    def step(epoch: Array, state: tuple) -> tuple:
        cell, read, cells = state
        summed = einsum("npi,nig->npg", at_epoch(read, epoch), halved)
        cell, hidden = next_state(summed, cell)
        read = put_epochs(read, hidden[:, None], epoch + 1, last=features)
        return cell, read, put_epochs(cells, cell[:, None], epoch + 1)

    state = (cell, read, put_epochs(cells, cell[:, None]))
    return jax.lax.fori_loop(0, epochs, step, state)[1:]


@_side_by_side
def _walk_back(
    weights: Array,
    read: Array,
    cells: Array,
    every: Array,
    by_cell: Array,
    by_hidden: Array,
) -> tuple[Array, Array, Array, Array]:
    """Derivatives by all that `_walk` is given.

    Args:
      weights: As there.
      read: From there.
      cells: From there.
      every: Derivatives by the hidden states, shape (network, epoch, place, hidden).
      by_cell: By the memory after the last epoch, shape (network, place, hidden).
      by_hidden: By the hidden state, likewise.

    Returns:
      Derivatives by its arguments.
    """
    operands = weights, read, cells, every, by_cell, by_hidden
    return on_platform(
        *operands, cpu=_walk_back_by_epochs, accelerator=_walk_back_side_by_side
    )


def _walk_back_by_epochs(
    weights: Array,
    read: Array,
    cells: Array,
    every: Array,
    by_cell: Array,
    by_hidden: Array,
) -> tuple[Array, Array, Array, Array]:
    networks, epochs, places, hidden = every.shape
    features = weights.shape[1] - hidden - 1
    matrices = make_matrices(weights, hidden)
    back = functools.partial(_block, matrices, _Records(read, cells, every))
    by_inputs = jnp.zeros((networks, epochs, places, features), read.dtype)
    state = (by_inputs, jnp.zeros_like(weights), by_cell, by_hidden)
    # Whole blocks from the last epoch on; the first epochs are what is left.
    blocks, left = divmod(epochs, BLOCK)
    if blocks:
        begin = lambda passed: epochs - (passed + 1) * BLOCK
        whole = lambda passed, state: back(begin(passed), BLOCK, state)
        state = jax.lax.fori_loop(0, blocks, whole, state)
    return back(0, left, state) if left else state


class _Records(NamedTuple):
    """What the way forward leaves behind of every epoch.

    Attributes:
      read: Inputs of the gates.
      cells: Memory.
      by_hidden_states: Derivatives by the hidden states.
    """

    read: Array
    cells: Array
    by_hidden_states: Array


def _block(
    matrices: Matrices,
    records: _Records,
    first: Array | int,
    length: int,
    state: tuple[Array, Array, Array, Array],
) -> tuple[Array, Array, Array, Array]:
    """Carry derivatives back through a few epochs, those by the weights added up.

    Args:
      matrices: The weights.
      records: Of all epochs.
      first: Epoch with which the block begins.
      length: Its epochs.
      state: Derivatives by features, weights, memory and hidden state, from the epochs
        after the block.

    Returns:
      The state before the block.
    """
    by_inputs, by_weights, *carry = state
    halved, to_inputs, to_hidden = matrices
    cut = lambda x: jax.lax.dynamic_slice_in_dim(x, first, length, axis=1)
    read, cells, by_hidden_states = map(cut, records)
    # Epochs and places are one axis of every product.
    flat = lambda x: x.reshape(len(x), -1, x.shape[-1])
    apart = lambda x: x.reshape(*read.shape[:3], -1)
    summed = apart(einsum("nti,nig->ntg", flat(read), halved))
    slopes, shown, keep = slopes_of(summed, cells)

    def step(passed: Array, state: tuple) -> tuple:
        by_cell, by_hidden, by_gates = state
        epoch = length - 1 - passed
        by_hidden = by_hidden + at_epoch(by_hidden_states, epoch)
        by_cell = by_cell + by_hidden * at_epoch(shown, epoch)
        # Only the output gate acts on the hidden state past the memory.
        spread = jnp.concatenate([by_cell, by_cell, by_cell, by_hidden], axis=-1)
        here = spread * at_epoch(slopes, epoch)
        by_cell = by_cell * at_epoch(keep, epoch)
        by_hidden = einsum("npg,ngh->nph", here, to_hidden)
        return by_cell, by_hidden, put_epochs(by_gates, here[:, None], epoch)

    start = (*carry, jnp.zeros_like(slopes))
    *carry, by_gates = jax.lax.fori_loop(0, length, step, start)
    by_gates = flat(by_gates)
    more = apart(einsum("ntg,nig->nti", by_gates, to_inputs))
    by_weights = by_weights + einsum("nti,ntg->nig", flat(read), by_gates)
    return put_epochs(by_inputs, more, first), by_weights, *carry


def _walk_back_side_by_side(
    weights: Array,
    read: Array,
    cells: Array,
    every: Array,
    by_cell: Array,
    by_hidden: Array,
) -> tuple[Array, Array, Array, Array]:
    """As `_walk_back_by_epochs`, with blocks of epochs side by side."""
    networks, epochs, places, hidden = every.shape
    blocks = count_blocks(epochs, networks * places, hidden, weights.dtype.itemsize)
    if not blocks:
        return _walk_back_by_epochs(weights, read, cells, every, by_cell, by_hidden)
    matrices, left = make_matrices(weights, hidden), epochs % lstm_blocks.LONG_BLOCK
    late = read[:, left:epochs], cells[:, left:epochs], every[:, left:]
    last = by_cell, by_hidden
    more, by_weights, before = back_through_blocks(matrices, late, last, blocks)
    by_inputs = jnp.zeros((networks, epochs, places, more.shape[-1]), read.dtype)
    state = put_epochs(by_inputs, more, left), by_weights, *before
    records = _Records(read, cells, every)
    return _block(matrices, records, 0, left, state) if left else state

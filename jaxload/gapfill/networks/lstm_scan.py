"""The recurrence of a long short-term memory, and its derivative written out.

Left to itself, the derivative of a scan adds a gradient of the weights at every epoch
and stores everything that an epoch computes. Here only the memory and what the gates
read are stored; the gates are computed again for a block of epochs at a time, the
backward loop carries only what epochs hand to each other, and the gradient of the
weights is one matrix product for each block.

Networks side by side are an axis of their own, before that of epochs, as matrix
products take them: nothing is transposed on the way from one to the other.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.custom_batching import custom_vmap
from numpy.typing import NDArray

__all__ = ["Carry", "einsum", "recur", "recur_by_autodiff"]

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
    kernel, bias = _halved(kernel), _halved(bias)

    def step(carry: Carry, inputs: Array) -> tuple[Carry, Array]:
        cell, hidden = carry
        joined = jnp.concatenate([inputs, hidden], axis=-1)
        summed = einsum("pi,ig->pg", joined, kernel) + bias[None, :]
        carry = _next(summed, cell)
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
@jax.vmap
def _predict(
    inputs: Array, kernel: Array, bias: Array, cell: Array, hidden: Array
) -> tuple[Array, Array, Array]:
    """Hidden states, and the state after the last epoch, of networks side by side.

    Their axis comes first, as in `_walk`: once `jax.vmap` has met the prediction, it
    expects the same of the training.
    """
    (cell, hidden), every = recur_by_autodiff(inputs, kernel, bias, (cell, hidden))
    return cell, hidden, every


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
    networks, epochs, places, features = inputs.shape
    halved = _halved(weights)
    read = jnp.ones((networks, epochs + 1, places, weights.shape[1]), inputs.dtype)
    read = _put(_put(read, inputs), hidden[:, None], last=features)
    cells = jnp.zeros((networks, epochs + 1, *cell.shape[1:]), inputs.dtype)

    def step(epoch: Array, state: tuple) -> tuple:
        cell, read, cells = state
        summed = einsum("npi,nig->npg", _at(read, epoch), halved)
        cell, hidden = _next(summed, cell)
        read = _put(read, hidden[:, None], epoch + 1, last=features)
        return cell, read, _put(cells, cell[:, None], epoch + 1)

    state = (cell, read, _put(cells, cell[:, None]))
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
    networks, epochs, places, hidden = every.shape
    features = weights.shape[1] - hidden - 1
    matrices = _Matrices(
        _halved(weights), weights[:, :features], weights[:, features:-1].mT
    )
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


class _Matrices(NamedTuple):
    """Weights that derivatives are carried back by.

    Attributes:
      halved: From the inputs of the gates to the gates, as of `_halved`.
      to_inputs: From gates to features.
      to_hidden: From gates to the hidden state.
    """

    halved: Array
    to_inputs: Array
    to_hidden: Array


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
    matrices: _Matrices,
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
    slopes, shown, keep = _slopes(summed, cells)

    def step(passed: Array, state: tuple) -> tuple:
        by_cell, by_hidden, by_gates = state
        epoch = length - 1 - passed
        by_hidden = by_hidden + _at(by_hidden_states, epoch)
        by_cell = by_cell + by_hidden * _at(shown, epoch)
        # Only the output gate acts on the hidden state past the memory.
        spread = jnp.concatenate([by_cell, by_cell, by_cell, by_hidden], axis=-1)
        here = spread * _at(slopes, epoch)
        by_cell = by_cell * _at(keep, epoch)
        by_hidden = einsum("npg,ngh->nph", here, to_hidden)
        return by_cell, by_hidden, _put(by_gates, here[:, None], epoch)

    start = (*carry, jnp.zeros_like(slopes))
    *carry, by_gates = jax.lax.fori_loop(0, length, step, start)
    by_gates = flat(by_gates)
    more = apart(einsum("ntg,nig->nti", by_gates, to_inputs))
    by_weights = by_weights + einsum("nti,ntg->nig", flat(read), by_gates)
    return _put(by_inputs, more, first), by_weights, *carry


def _at(record: Array, epoch: Array) -> Array:
    """Values of a record, shape (network, epoch, place, ...), at an epoch."""
    return jax.lax.dynamic_index_in_dim(record, epoch, axis=1, keepdims=False)


def _put(record: Array, values: Array, epoch: Array | int = 0, last: int = 0) -> Array:
    """A record with other values from an epoch and a place of its last axis on."""
    return jax.lax.dynamic_update_slice(record, values, (0, epoch, 0, last))


def _next(summed: Array, cell: Array) -> Carry:
    """State after an epoch, from what reached its gates as `_halved` and the memory."""
    entry, keep, proposal, leave = _gates(summed)
    cell = keep * cell + entry * proposal
    return cell, leave * jnp.tanh(cell)


def _slopes(summed: Array, cells: Array) -> tuple[Array, Array, Array]:
    """By how much each epoch passes derivatives on.

    Args:
      summed: What reached the gates as `_halved`, shape (..., 4 hidden).
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


def _halved(weights: Array) -> Array:
    """Weights of the gates for one tanh, shape (..., 4 hidden)."""
    return weights * _halves(weights.shape[-1] // 4, weights.dtype, weights.ndim)[0]


def _halves(hidden: int, dtype: np.dtype, rank: int) -> tuple[NDArray, NDArray]:
    shape = (1,) * (rank - 1) + (4 * hidden,)
    spread = lambda values: np.repeat(np.asarray(values, dtype), hidden).reshape(shape)
    return spread([0.5, 0.5, 1, 0.5]), spread([0.5, 0.5, 0, 0.5])

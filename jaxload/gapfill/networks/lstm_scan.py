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
the hidden state to each. The way back is linear in the derivatives that epochs hand to
each other: blocks of epochs go side by side, with what they make of each unit
derivative, and again once it is known with which derivatives each block begins.
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

from jaxload._platform import holds, on_platform

__all__ = ["Carry", "einsum", "recur", "recur_by_autodiff"]

#: Memory cell and hidden state, each of shape (place, hidden).
Carry = tuple[Array, Array]

#: Epochs whose gates are computed again together; few enough to stay in a cache.
BLOCK = 32

#: Epochs of a turn of the loop on an accelerator, and of a block on its way back.
UNROLL, LONG_BLOCK = 16, 64

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
    halved = _halved(weights)
    flat = inputs.reshape(networks, -1, features)
    driven = einsum("nti,nig->ntg", flat, halved[:, :features]) + halved[:, -1:]
    driven = driven.reshape(networks, epochs, places, -1)
    recurrent = halved[:, features:-1]

    def step(state: Carry, driven: Array) -> tuple[Carry, Carry]:
        cell, hidden = state
        summed = driven + einsum("nph,nhg->npg", hidden, recurrent)
        # One kernel makes both: fused across epochs, the memory would be made again.
        state = jax.lax.optimization_barrier(_next(summed, cell))
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
    operands = weights, read, cells, every, by_cell, by_hidden
    return on_platform(
        *operands, cpu=_walk_back_by_epochs, accelerator=_walk_back_side_by_side
    )


def _matrices(weights: Array, hidden: int) -> "_Matrices":
    features = weights.shape[1] - hidden - 1
    return _Matrices(
        _halved(weights), weights[:, :features], weights[:, features:-1].mT
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
    matrices = _matrices(weights, hidden)
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
    blocks, left = divmod(epochs, LONG_BLOCK)
    units = networks * blocks * places * (2 * hidden + 1)
    if blocks < 2 or not holds(6 * hidden * units * weights.dtype.itemsize):
        return _walk_back_by_epochs(weights, read, cells, every, by_cell, by_hidden)
    matrices = _matrices(weights, hidden)
    flat = lambda x: x.reshape(networks, -1, x.shape[-1])
    late = read[:, left:epochs], cells[:, left:epochs], every[:, left:]
    summed = einsum("nti,nig->ntg", flat(late[0]), matrices.halved)
    slopes = _slopes(summed.reshape(*late[0].shape[:3], -1), late[1])
    steps = _in_blocks((*slopes, late[2]), blocks)
    carries = _carries(matrices, steps, (by_cell, by_hidden), blocks)
    by_gates, (by_cell, by_hidden) = _gates_of_blocks(matrices, steps, carries, places)
    by_gates = _out_of_blocks(by_gates, blocks)
    more = einsum("ntg,nig->nti", by_gates, matrices.to_inputs)
    by_weights = einsum("nti,ntg->nig", flat(late[0]), by_gates)
    features = more.shape[-1]
    by_inputs = jnp.zeros((networks, epochs, places, features), read.dtype)
    more = more.reshape(networks, -1, places, features)
    state = _put(by_inputs, more, left), by_weights, by_cell, by_hidden
    records = _Records(read, cells, every)
    return _block(matrices, records, 0, left, state) if left else state


class _Steps(NamedTuple):
    """By how much each epoch passes derivatives on, as `_slopes`.

    Each of shape (epoch of the block, network, block and place, ...).
    """

    slopes: Array
    shown: Array
    keep: Array
    by_hidden_states: Array


def _in_blocks(records: tuple[Array, ...], blocks: int) -> _Steps:
    def cut(record: Array) -> Array:
        networks, epochs, places, size = record.shape
        split = record.reshape(networks, blocks, epochs // blocks, places, size)
        first = jnp.moveaxis(split, 2, 0)
        return first.reshape(len(first), networks, blocks * places, size)

    return _Steps(*map(cut, records))


def _out_of_blocks(record: Array, blocks: int) -> Array:
    """Epochs and places as one axis again, shape (network, epoch and place, ...)."""
    length, networks, _, size = record.shape
    split = record.reshape(length, networks, blocks, -1, size)
    return jnp.moveaxis(split, 0, 2).reshape(networks, -1, size)


def _carries(
    matrices: _Matrices, steps: _Steps, last: tuple[Array, Array], blocks: int
) -> tuple[Array, Array]:
    """Derivatives by the state after each block, (network, block and place, hidden)."""
    _, networks, both, hidden = steps.shown.shape
    # A unit derivative by each part of the state, and none with that of the epochs.
    count = 2 * hidden + 1
    units = jnp.eye(count, 2 * hidden, dtype=steps.shown.dtype)
    units = jnp.broadcast_to(units, (networks, both, count, 2 * hidden))
    last_one = jnp.arange(count) == 2 * hidden
    wide = lambda x: x[:, :, None, :]

    def step(state: tuple[Array, Array], now: _Steps) -> tuple:
        more = jnp.where(last_one[:, None], wide(now.by_hidden_states), 0)
        now = _Steps(wide(now.slopes), wide(now.shown), wide(now.keep), more)
        return _passed_on(matrices, state, now)[0], None

    state = units[..., :hidden], units[..., hidden:]
    through = jax.lax.scan(step, state, steps, reverse=True)[0]
    through = jnp.concatenate(through, axis=-1)
    through = through.reshape(networks, blocks, -1, count, 2 * hidden)
    one = jnp.ones_like(last[0][..., :1])

    def over(state: Array, through: Array) -> tuple[Array, Array]:
        whole = jnp.concatenate([state, one], axis=-1)
        return einsum("npj,npjk->npk", whole, through), state

    start = jnp.concatenate(last, axis=-1)
    through = jnp.swapaxes(through, 0, 1)
    carries = jax.lax.scan(over, start, through, reverse=True)[1]
    carries = jnp.swapaxes(carries, 0, 1).reshape(networks, both, -1)
    return carries[..., :hidden], carries[..., hidden:]


def _gates_of_blocks(
    matrices: _Matrices, steps: _Steps, carries: tuple[Array, Array], places: int
) -> tuple[Array, tuple[Array, Array]]:
    """Derivatives by what reaches the gates, and by the state before the blocks."""
    step = functools.partial(_passed_on, matrices)
    before, by_gates = jax.lax.scan(step, carries, steps, reverse=True)
    return by_gates, (before[0][:, :places], before[1][:, :places])


def _passed_on(
    matrices: _Matrices, state: tuple[Array, Array], now: _Steps
) -> tuple[tuple[Array, Array], Array]:
    """Derivatives by the state before an epoch, and by what reaches its gates."""
    by_cell, by_hidden = state
    by_hidden = by_hidden + now.by_hidden_states
    by_cell = by_cell + by_hidden * now.shown
    spread = jnp.concatenate([by_cell, by_cell, by_cell, by_hidden], axis=-1)
    by_gates = spread * now.slopes
    flat = by_gates.reshape(len(by_gates), -1, by_gates.shape[-1])
    by_hidden = einsum("nqg,ngh->nqh", flat, matrices.to_hidden)
    return (by_cell * now.keep, by_hidden.reshape(by_cell.shape)), by_gates


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

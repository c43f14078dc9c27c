"""Derivatives of a long short-term memory through blocks of epochs side by side.

On an accelerator every epoch costs the launch of its kernels, however small. What
epochs make of the derivatives that they hand to each other is linear: blocks of epochs
go side by side, with what they make of each unit derivative, and again once it is known
with which derivatives each block begins.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxload._platform import holds
from jaxload.gapfill.networks.lstm_gates import Carry, Matrices, einsum, slopes_of

__all__ = ["back_through_blocks", "count_blocks"]

#: Epochs of a block.
LONG_BLOCK = 64


def count_blocks(epochs: int, places: int, hidden: int, itemsize: int) -> int:
    """Compute how many blocks of epochs go side by side.

    Args:
      epochs: Number of epochs.
      places: Places of all networks together.
      hidden: Units of a network.
      itemsize: Of a number [bytes].

    Returns:
      Their number; zero where there are too few, or more than memory takes.
    """
    blocks = epochs // LONG_BLOCK
    each = 6 * hidden * (2 * hidden + 1) * itemsize
    return blocks if blocks > 1 and holds(each * blocks * places) else 0


def back_through_blocks(
    matrices: Matrices,
    records: tuple[Array, Array, Array],
    last: Carry,
    blocks: int,
) -> tuple[Array, Array, Carry]:
    """Carry derivatives back through some blocks of epochs.

    Args:
      matrices: The weights.
      records: Inputs of the gates, memory, and derivatives by the hidden states, shape
        (network, epoch, place, ...) each, of all blocks.
      last: Derivatives by memory and hidden state after them, shape (network, place,
        hidden).
      blocks: Number of blocks.

    Returns:
      Derivatives by the features, by the weights, and by the state before the blocks.
    """
    read, cells, by_hidden_states = records
    networks, _, places, _ = read.shape
    flat = read.reshape(networks, -1, read.shape[-1])
    summed = einsum("nti,nig->ntg", flat, matrices.halved)
    slopes = slopes_of(summed.reshape(*read.shape[:3], -1), cells)
    steps = _in_blocks((*slopes, by_hidden_states), blocks)
    carries = _carries(matrices, steps, last, blocks)
    by_gates, before = _gates_of_blocks(matrices, steps, carries, places)
    by_gates = _out_of_blocks(by_gates, blocks)
    by_inputs = einsum("ntg,nig->nti", by_gates, matrices.to_inputs)
    by_weights = einsum("nti,ntg->nig", flat, by_gates)
    by_inputs = by_inputs.reshape(networks, -1, places, by_inputs.shape[-1])
    return by_inputs, by_weights, before


class Steps(NamedTuple):
    """By how much each epoch passes derivatives on, as `slopes_of`.

    Each of shape (epoch of the block, network, block and place, ...).
    """

    slopes: Array
    shown: Array
    keep: Array
    by_hidden_states: Array


def _in_blocks(records: tuple[Array, ...], blocks: int) -> Steps:
    def cut(record: Array) -> Array:
        networks, epochs, places, size = record.shape
        split = record.reshape(networks, blocks, epochs // blocks, places, size)
        first = jnp.moveaxis(split, 2, 0)
        return first.reshape(len(first), networks, blocks * places, size)

    return Steps(*map(cut, records))


def _out_of_blocks(record: Array, blocks: int) -> Array:
    """Epochs and places as one axis again, shape (network, epoch and place, ...)."""
    length, networks, _, size = record.shape
    split = record.reshape(length, networks, blocks, -1, size)
    return jnp.moveaxis(split, 0, 2).reshape(networks, -1, size)


def _carries(
    matrices: Matrices, steps: Steps, last: tuple[Array, Array], blocks: int
) -> tuple[Array, Array]:
    """Derivatives by the state after each block, (network, block and place, hidden)."""
    _, networks, both, hidden = steps.shown.shape
    # A unit derivative by each part of the state, and none with that of the epochs.
    count = 2 * hidden + 1
    units = jnp.eye(count, 2 * hidden, dtype=steps.shown.dtype)
    units = jnp.broadcast_to(units, (networks, both, count, 2 * hidden))
    last_one = jnp.arange(count) == 2 * hidden
    wide = lambda x: x[:, :, None, :]

    def step(state: tuple[Array, Array], now: Steps) -> tuple:
        more = jnp.where(last_one[:, None], wide(now.by_hidden_states), 0)
        now = Steps(wide(now.slopes), wide(now.shown), wide(now.keep), more)
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
    matrices: Matrices, steps: Steps, carries: tuple[Array, Array], places: int
) -> tuple[Array, tuple[Array, Array]]:
    """Derivatives by what reaches the gates, and by the state before the blocks."""
    step = functools.partial(_passed_on, matrices)
    before, by_gates = jax.lax.scan(step, carries, steps, reverse=True)
    return by_gates, (before[0][:, :places], before[1][:, :places])


def _passed_on(
    matrices: Matrices, state: tuple[Array, Array], now: Steps
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

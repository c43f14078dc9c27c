"""The recurrence of a long short-term memory, and its derivative written out.

Left to itself, the derivative of a scan adds up a gradient of the weights at every
epoch. Here the backward scan only carries what epochs hand to each other; the gradient
of the weights is one matrix product over all epochs afterwards.
"""

import jax
import jax.numpy as jnp
from jax import Array

__all__ = ["Carry", "gates", "recur"]

#: Memory cell and hidden state, each of shape (place, hidden).
Carry = tuple[Array, Array]


def product(left: Array, right: Array) -> Array:
    """Matrix product in full precision on any device."""
    return jnp.matmul(left, right, precision=jax.lax.Precision.HIGHEST)


def gates(summed: Array) -> tuple[Array, Array, Array, Array]:
    """Open the input, forget and output gates, and propose what to remember.

    Args:
      summed: What reaches them [-], shape (..., 4 hidden), in the order of
        `flax.nnx.OptimizedLSTMCell`.

    Returns:
      Input gate, forget gate, proposal and output gate [-], each (..., hidden).
    """
    entry, keep, proposal, exit_ = jnp.split(summed, 4, axis=-1)
    sigmoid = jax.nn.sigmoid
    return sigmoid(entry), sigmoid(keep), jnp.tanh(proposal), sigmoid(exit_)


@jax.custom_vjp
def recur(projected: Array, recurrent: Array, carry: Carry) -> tuple[Carry, Array]:
    """Run through the epochs.

    With i, f, o the gates and g the proposal, all from ``z + h U``: the memory becomes
    ``c = f c + i g`` and the hidden state ``h = o tanh(c)``.

    Not for: forward-mode derivatives, or second ones.

    Args:
      projected: Inputs times their weights, plus the bias (z), shape
        (epoch, place, 4 hidden).
      recurrent: Weights of the hidden state (U), shape (hidden, 4 hidden).
      carry: State before the first epoch.

    Returns:
      The state after the last epoch, and the hidden states, (epoch, place, hidden).

    Source:
      Hochreiter & Schmidhuber (1997), doi:10.1162/neco.1997.9.8.1735; the forget gate
      of Gers et al. (2000), doi:10.1162/089976600300015015.
    """

    def step(carry: Carry, projected: Array) -> tuple[Carry, Array]:
        cell, hidden = carry
        entry, keep, proposal, exit_ = gates(projected + product(hidden, recurrent))
        cell = keep * cell + entry * proposal
        hidden = exit_ * jnp.tanh(cell)
        return (cell, hidden), hidden

    return jax.lax.scan(step, carry, projected)


def _forward(projected: Array, recurrent: Array, carry: Carry) -> tuple:
    """As `recur`, and by how much every epoch passes derivatives on."""

    def step(carry: Carry, projected: Array) -> tuple[Carry, tuple]:
        cell, hidden = carry
        summed = projected + product(hidden, recurrent)
        entry, keep, proposal, exit_ = gates(summed)
        new = keep * cell + entry * proposal
        shown = jnp.tanh(new)
        by_cell = (
            proposal * entry * (1 - entry),
            cell * keep * (1 - keep),
            entry * (1 - proposal**2),
        )
        by_hidden = shown * exit_ * (1 - exit_)
        slopes = jnp.concatenate([*by_cell, by_hidden], axis=-1)
        hidden = exit_ * shown
        return (new, hidden), (hidden, slopes, exit_ * (1 - shown**2), keep)

    last, (hidden, *slopes) = jax.lax.scan(step, carry, projected)
    return (last, hidden), (hidden, slopes, recurrent, carry[1])


def _backward(saved: tuple, given: tuple[Carry, Array]) -> tuple:
    hidden, slopes, recurrent, first = saved
    (cell, last), every = given

    def step(carry: Carry, epoch: tuple) -> tuple[Carry, Array]:
        by_cell, by_hidden = carry
        given, slopes, shown, keep = epoch
        by_hidden = by_hidden + given
        by_cell = by_cell + by_hidden * shown
        # The output gate alone acts on the hidden state and not on the memory.
        spread = jnp.concatenate([by_cell, by_cell, by_cell, by_hidden], axis=-1)
        summed = spread * slopes
        return (by_cell * keep, product(summed, recurrent.T)), summed

    start, summed = jax.lax.scan(step, (cell, last), (every, *slopes), reverse=True)
    before = jnp.concatenate([first[None], hidden[:-1]])
    weights = jnp.einsum(
        "tph,tpg->hg", before, summed, precision=jax.lax.Precision.HIGHEST
    )
    return summed, weights, start


recur.defvjp(_forward, _backward)

"""A Kalman filter that takes many epochs at a time, for accelerators.

One epoch after the other is thousands of tiny steps. Here the epochs of a block are one
observation: given the past, their covariance is that of the predicted state, of what
the states gain within the block, and of the errors, and its Cholesky factor gives what
the epochs one by one give. States either keep their value, or forget it at a rate and
return to one variance, as the processes do that together are flicker noise; one of the
former may gain variance from epoch to epoch.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

__all__ = [
    "Epochs",
    "Filtered",
    "States",
    "Whitened",
    "divide",
    "filter_block",
    "make_blocks",
]

#: Epochs of a block: their number squared is computed for each of them.
BLOCK = 128


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class States:
    """What is hidden.

    Attributes:
      rates: At which states forget [per year], zero for those that do not, shape
        (state,).
      returns: Variance to which those return that forget, scalar.
      growing: Index of the state that gains variance.
    """

    rates: Array
    returns: Array
    growing: int = dataclasses.field(metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Epochs:
    """Epochs of one station, or a block of them.

    Attributes:
      columns: Values that are filtered side by side, shape (epoch, column).
      error: Variance of their errors, shape (epoch,).
      seen: Whether there is an observation, shape (epoch,).
      design: What each state adds to a value, shape (epoch, state).
      gained: Variance that the growing state has gained since the last epoch of the
        block before, shape (epoch,).
      since: Time since the first epoch of the block [years], shape (epoch,).
      until: Time from there to the next block [years], scalar.
    """

    columns: Array
    error: Array
    seen: Array
    design: Array
    gained: Array
    since: Array
    until: Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Filtered:
    """Predicted states at the first epoch of a block, before one of them grows there.

    Attributes:
      mean: Shape (state, column).
      spread: Covariance, shape (state, state).
    """

    mean: Array
    spread: Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Whitened:
    """A block, divided by the Cholesky factor of its covariance given the past.

    Attributes:
      root: The factor; one where there is no observation, shape (epoch, epoch).
      innovations: Columns less their prediction, shape (epoch, column).
      ahead: Covariance with the states at the next block, shape (epoch, state).
      response: How the block follows from the states at its first epoch, shape (epoch,
        state), not divided.
      end: What is left of these at the next block, shape (state,).
    """

    root: Array
    innovations: Array
    ahead: Array
    response: Array
    end: Array


def make_blocks(
    columns: Array,
    error: Array,
    seen: Array,
    design: Array,
    years: Array,
    growth: Array,
) -> Epochs:
    """Cut a record to blocks, the last of which is filled with missing epochs.

    Args:
      columns: Shape (epoch, column).
      error: Shape (epoch,).
      seen: Shape (epoch,).
      design: Shape (epoch, state).
      years: Time [years], ascending, shape (epoch,).
      growth: Variance that the growing state has gained up to each observation since
        the record began with none, ascending, shape (epoch,).

    Returns:
      The `Epochs`, an axis of blocks first.
    """
    count = len(years)
    blocks = -(-count // BLOCK)
    missing = blocks * BLOCK - count

    def cut(values: Array) -> Array:
        widths = [(0, missing)] + [(0, 0)] * (values.ndim - 1)
        return jnp.pad(values, widths).reshape(blocks, BLOCK, *values.shape[1:])

    last = lambda values: jnp.pad(values, (0, missing), mode="edge").reshape(blocks, -1)
    time, gained = last(years), last(growth)
    before = jnp.concatenate([jnp.zeros_like(growth[:1]), gained[:-1, -1]])
    following = jnp.concatenate([time[1:, 0], time[-1:, -1]])
    return Epochs(
        columns=cut(columns),
        error=cut(error),
        seen=cut(seen),
        design=cut(design),
        gained=gained - before[:, None],
        since=time - time[:, :1],
        until=following - time[:, 0],
    )


def filter_block(
    states: States, predicted: Filtered, block: Epochs
) -> tuple[Filtered, Whitened]:
    """Take one block.

    Args:
      states: What is hidden.
      predicted: At the first epoch of the block.
      block: The block.

    Returns:
      The prediction for the next block, and the block whitened.
    """
    rates, seen = states.rates, block.seen[:, None]
    keep = jnp.exp(-block.since[:, None] * rates[None, :])
    end = jnp.exp(-block.until * rates)
    response = jnp.where(seen, block.design * keep, 0)
    covariance = _covariance_within(states, block) + _product(
        response, _product(predicted.spread, response.T)
    )
    ahead = _covariance_ahead(states, block) + _product(
        response, predicted.spread * end[None, :]
    )
    root = jnp.linalg.cholesky(covariance, symmetrize_input=False)
    innovations = block.columns - _product(response, predicted.mean)
    both = jnp.concatenate([innovations, ahead], axis=1)
    both = divide(root, jnp.where(seen, both, 0))
    innovations, ahead = jnp.split(both, [block.columns.shape[1]], axis=1)
    mean = end[:, None] * predicted.mean + _product(ahead.T, innovations)
    spread = end[:, None] * end[None, :] * predicted.spread - _product(ahead.T, ahead)
    gained = -jnp.expm1(-2 * block.until * rates) * states.returns
    gained = gained.at[states.growing].add(block.gained[-1])
    following = Filtered(mean, spread + jnp.diag(gained))
    return following, Whitened(root, innovations, ahead, response, end)


def divide(root: Array, values: Array) -> Array:
    """Solve ``root x = values``.

    Args:
      root: A Cholesky factor, shape (epoch, epoch).
      values: Shape (epoch, column).

    Returns:
      x, shape (epoch, column).
    """
    return jax.lax.linalg.triangular_solve(root, values, left_side=True, lower=True)


def _covariance_within(states: States, block: Epochs) -> Array:
    """Covariance of a block whose first states are known, shape (epoch, epoch)."""
    since, rates = block.since, states.rates[None, None, :]
    apart = jnp.abs(since[:, None] - since[None, :])[..., None]
    earlier = jnp.minimum(since[:, None], since[None, :])[..., None]
    # The same at all stations, which are beside one another from here on.
    unit = (jnp.exp(-apart * rates) * -jnp.expm1(-2 * earlier * rates)).sum(axis=-1)
    grown = jnp.minimum(block.gained[:, None], block.gained[None, :])
    both = block.seen[:, None] & block.seen[None, :]
    inner = jnp.where(both, states.returns * unit + grown, 0)
    return inner + jnp.diag(jnp.where(block.seen, block.error, 1))


def _covariance_ahead(states: States, block: Epochs) -> Array:
    """Covariance of such a block with the states at the next, shape (epoch, state)."""
    rates, since = states.rates[None, :], block.since[:, None]
    left = jnp.exp(-(block.until - since) * rates)
    gained = states.returns * left * -jnp.expm1(-2 * since * rates)
    return gained.at[:, states.growing].add(block.gained)


def _product(one: Array, other: Array) -> Array:
    return jnp.matmul(one, other, precision=jax.lax.Precision.HIGHEST)

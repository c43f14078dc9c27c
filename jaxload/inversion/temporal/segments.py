"""The likelihood of a record by segments of epochs that are filtered side by side.

What a segment of a Markov chain makes of the state before it is linear and Gaussian:
``x = A x0 + b + N(0, C)`` at its end, and data whose likelihood is quadratic in x0. All
segments find theirs together, one epoch after the other; then one segment is joined to
the next. That takes as many steps as twice the root of the epochs, each of them large.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.linalg
from jax import Array

from jaxload._platform import accelerator_memory
from jaxload.inversion.linalg.spd import einsum

__all__ = ["chunked_scan", "filtered_by_segments"]

#: Inverse of the covariance of an epoch's innovation, zero where nothing is seen, and
#: its log determinant, from an epoch and the covariance of the state.
Weigh = Callable[[Any, Array], tuple[Array, Array]]

#: Matrices that a segment holds at a time.
MATRICES = 20


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class _Segment:
    """What epochs make of the state x0 before them.

    Attributes:
      gain: A, shape (row, row).
      level: b [mm], shape (row,).
      covariance: C, shape (row, row).
      information: J of ``x0' J x0 - 2 x0' pull``, shape (row, row).
      pull: Of the same, shape (row,).
      log_determinant: Of the data's covariance where x0 is known, scalar.
      quadratic: Of the data where x0 is zero, scalar.
    """

    gain: Array
    level: Array
    covariance: Array
    information: Array
    pull: Array
    log_determinant: Array
    quadratic: Array


def filtered_by_segments(
    weigh: Weigh, covariance: Array, epochs: Any
) -> tuple[Array, Array]:
    """Compute ``log det A`` and ``d' A^-1 d`` of a record of correlated epochs.

    Args:
      weigh: See `Weigh`.
      covariance: Of the state where it is new, up to a factor of the epoch, shape (row,
        row).
      epochs: With `keep`, `fresh`, `seen` and `data`, epoch first.

    Returns:
      Both, scalars.

    Source:
      Elements of a Kalman filter in parallel: Saerkkae & Garcia-Fernandez (2021),
      doi:10.1109/TAC.2020.2976316.
    """
    rows, dtype = len(covariance), covariance.dtype
    count = len(epochs.keep)
    held = MATRICES * covariance.size * dtype.itemsize
    segments = max(min(round(count**0.5), accelerator_memory() // held), 1)
    # A square, which `chunked_scan` does not fill up.
    part = math.ceil((-(-count // segments)) ** 0.5) ** 2
    across = jax.tree.map(lambda values: jnp.swapaxes(values, 0, 1), _cut(epochs, part))
    zero, matrix = jnp.zeros((), dtype), jnp.zeros((rows, rows), dtype)
    nothing = _Segment(
        jnp.eye(rows, dtype=dtype), matrix[0], matrix, matrix, matrix[0], zero, zero
    )
    number = len(jax.tree.leaves(across)[0][0])
    start = jax.tree.map(
        lambda values: jnp.broadcast_to(values, (number, *values.shape)), nothing
    )
    step = jax.vmap(lambda segment, now: _longer(weigh, covariance, segment, now))
    filtered = chunked_scan(lambda state, now: (step(state, now), None), start, across)
    joined = chunked_scan(_joined, (matrix[0], matrix, zero, zero), filtered)
    return joined[2], joined[3]


def _longer(weigh: Weigh, new: Array, segment: _Segment, now: Any) -> _Segment:
    """A segment and the epoch behind it."""
    level, gain = now.keep * segment.level, now.keep * segment.gain
    covariance = now.keep**2 * segment.covariance + now.fresh * new
    weight, size = weigh(now, covariance)
    innovation = now.data - jnp.where(now.seen, level, 0)
    pull = einsum("rs,s->r", weight, innovation)
    weighted = einsum("rs,st->rt", weight, gain)
    reduced = einsum("rs,st,tu->ru", covariance, weight, covariance)
    covariance_after = covariance - (reduced + reduced.T) / 2
    return _Segment(
        gain - einsum("rs,st->rt", covariance, weighted),
        level + einsum("rs,s->r", covariance, pull),
        covariance_after,
        segment.information + einsum("sr,st->rt", gain, weighted),
        segment.pull + einsum("sr,s->r", gain, pull),
        segment.log_determinant + size,
        segment.quadratic + jnp.sum(innovation * pull),
    )


def _joined(state: tuple, segment: _Segment) -> tuple[tuple, None]:
    """The state and the sums behind a segment from those before it."""
    mean, covariance, log_determinant, quadratic = state
    missed = segment.pull - einsum("rs,s->r", segment.information, mean)
    growth = jnp.eye(len(mean), dtype=mean.dtype) + einsum(
        "rs,st->rt", covariance, segment.information
    )
    factors = jax.scipy.linalg.lu_factor(growth)
    known = jax.scipy.linalg.lu_solve(factors, covariance)
    known = (known + known.T) / 2
    move = einsum("rs,s->r", known, missed)
    size = jnp.sum(jnp.log(jnp.abs(jnp.diagonal(factors[0]))))
    square = jnp.sum((segment.pull + missed) * mean) + jnp.sum(missed * move)
    after = einsum("rs,st,ut->ru", segment.gain, known, segment.gain)
    return (
        einsum("rs,s->r", segment.gain, mean + move) + segment.level,
        (after + after.T) / 2 + segment.covariance,
        log_determinant + segment.log_determinant + size,
        quadratic + segment.quadratic - square,
    ), None


def _cut(values: Any, part: int) -> Any:
    """Parts of equal length; what is added at the end is zero, and has seen nothing."""

    def cut(values: Array) -> Array:
        fill = -len(values) % part
        pad = jnp.zeros((fill, *values.shape[1:]), values.dtype)
        whole = jnp.concatenate([values, pad])
        return whole.reshape(-1, part, *values.shape[1:])

    return jax.tree.map(cut, values)


def chunked_scan(step: Callable, start: Any, values: Any) -> Any:
    """Scan, and keep the state at every root of the steps only for the reverse pass.

    Args:
      step: From a state and values to a state and None. Zeros, which fill up the last
        part, must leave unchanged what counts of the state.
      start: The first state.
      values: A pytree of arrays, step first.

    Returns:
      The last state.
    """
    count = len(jax.tree.leaves(values)[0])
    part = max(round(count**0.5), 1)
    inner = lambda state, some: jax.lax.scan(jax.checkpoint(step), state, some)
    return jax.lax.scan(jax.checkpoint(inner), start, _cut(values, part))[0]

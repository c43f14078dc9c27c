"""Systems whose epochs are solved in float32, corrected by residuals in float64.

What all epochs share, and what a group of them misses in common, is eliminated in the
type of the problem, so that float32 has only the rows that single epochs miss beside
it. The correction of a solution measures the error that it had.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

from jaxload.inversion.estimation.data_space import DataSpaceSolution
from jaxload.inversion.estimation.implicit import System, system_times
from jaxload.inversion.estimation.shared_inverse import SharedInverse

__all__ = ["TOLERANCE", "corrected", "lowered"]

#: An epoch is solved when a correction moves its fit by no more than this share of its
#: observations, in the Euclidean norm. What is left is smaller still.
TOLERANCE = 1e-8

#: Corrections after the first solution.
STEPS = 12


def lowered(inverse: SharedInverse, values: Array) -> DataSpaceSolution:
    """Solve for the observations in float32.

    Args:
      inverse: Of all epochs.
      values: Observations, shape (epoch, row).

    Returns:
      The `DataSpaceSolution`, in the type of `values`.
    """
    solved = inverse.evaluate(values.astype(jnp.float32))
    return jax.tree.map(lambda each: each.astype(values.dtype), solved)


def corrected(inverse: SharedInverse, values: Array) -> tuple[DataSpaceSolution, Array]:
    """Solve in float32, and correct the multipliers by their residuals.

    Args:
      inverse: Of all epochs.
      values: Observations, shape (epoch, row).

    Returns:
      The `DataSpaceSolution`, and which epochs' multipliers have settled, shape
      (epoch,).

    Source:
      Higham (2002), Accuracy and Stability of Numerical Algorithms, ch. 12,
      doi:10.1137/1.9780898718027.
    """
    data = jnp.where(inverse.seen, values, 0)
    solved = lowered(inverse, values)
    system = System(inverse.problem, inverse.noise, inverse.seen, inverse.used, None)
    times = lambda multiplier: system_times(system, multiplier)
    goal = TOLERANCE**2 * jnp.sum(data**2, axis=1)

    def unsettled(state: tuple[Array, Array, Array, Array]) -> Array:
        _, _, moved, count = state
        return (count < STEPS) & (moved > goal).any()

    def correct(
        state: tuple[Array, Array, Array, Array],
    ) -> tuple[Array, Array, Array, Array]:
        multiplier, residual, _, count = state
        change = _roughly(inverse, residual)
        image = times(change)
        moved = jnp.sum(image**2, axis=1)
        return multiplier + change, residual - image, moved, count + 1

    # What free fields explain of a residual, the saddle inverse does not answer to.
    start = (
        solved.multiplier,
        data - times(solved.multiplier),
        jnp.full(len(data), jnp.inf, data.dtype),
        jnp.zeros((), int),
    )
    multiplier, _, moved, _ = jax.lax.while_loop(unsettled, correct, start)
    return dataclasses.replace(solved, multiplier=multiplier), moved <= goal


def _roughly(inverse: SharedInverse, residual: Array) -> Array:
    # Scaled, since what is left after a few corrections may underflow in float32.
    size = jnp.max(jnp.abs(residual), axis=1, keepdims=True)
    size = jnp.where(size > 0, size, 1)
    unit = (residual / size).astype(jnp.float32)
    return size * inverse.solve(unit[None])[0].astype(residual.dtype)

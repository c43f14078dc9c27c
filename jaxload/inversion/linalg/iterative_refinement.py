"""Solutions in low precision, made exact by residuals in high precision."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

__all__ = ["Refinement", "refined"]

LinearMap = Callable[[Array], Array]


@dataclasses.dataclass(frozen=True)
class Refinement:
    """Invert in float32, refine in the dtype of the data.

    For accelerators whose float64 is slow, and where memory is short; where both
    precisions are at home, as on a CPU, the plain methods are as fast.

    Attributes:
      tolerance: An epoch is solved when its residual has fallen below this share of its
        data, in the Euclidean norm.
      steps: Corrections after the first solution; each divides the error by 1e7 over
        the condition number of the system. Epochs not solved by then are not `ok`.
    """

    tolerance: float = 1e-10
    steps: int = 5

    def __post_init__(self) -> None:
        if not 0 < self.tolerance < 1:
            raise ValueError(
                f"tolerance is {self.tolerance:g}, expected a number between 0 and 1"
            )
        if self.steps < 0:
            raise ValueError(f"steps is {self.steps}, expected 0 or more")


def refined(
    times: LinearMap, roughly: LinearMap, right: Array, settings: Refinement
) -> tuple[Array, Array]:
    """Solve linear systems by an inexact solver and a few corrections.

    Args:
      times: The product with each matrix, of arrays of shape (..., row).
      roughly: The inexact solver, of the same arrays in a lower precision.
      right: Right sides, shape (..., row).
      settings: How many corrections.

    Returns:
      The solutions, shape (..., row), and whether each was found, shape (...).

    Source:
      Higham (2002), Accuracy and Stability of Numerical Algorithms, ch. 12,
      doi:10.1137/1.9780898718027.
    """
    goal = _goal(right, settings.tolerance)

    def unsolved(state: tuple[Array, Array, Array]) -> Array:
        _, residual, count = state
        return (count <= settings.steps) & (_square(residual) > goal).any()

    def correct(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        solution, residual, count = state
        solution = solution + _lowered(roughly, residual)
        return solution, right - times(solution), count + 1

    start = (jnp.zeros_like(right), right, jnp.zeros((), int))
    solution, residual, _ = jax.lax.while_loop(unsolved, correct, start)
    return solution, _square(residual) <= goal


def _goal(right: Array, tolerance: float) -> Array:
    # In float32 itself residuals are not better than the rounding of their terms.
    finest = 1e3 * float(jnp.finfo(right.dtype).eps)
    return max(tolerance, finest) ** 2 * _square(right)


def _square(values: Array) -> Array:
    return jnp.sum(values**2, axis=-1)


def _lowered(roughly: LinearMap, residual: Array) -> Array:
    # Scaled, since what is left after a few corrections may underflow in float32.
    size = jnp.max(jnp.abs(residual), axis=-1, keepdims=True)
    size = jnp.where(size > 0, size, 1)
    return size * roughly((residual / size).astype(jnp.float32)).astype(residual.dtype)

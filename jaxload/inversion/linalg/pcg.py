"""One preconditioned conjugate gradient over the systems of all epochs at once."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

__all__ = ["ConjugateGradient", "conjugate_gradient"]

LinearMap = Callable[[Array], Array]


@dataclasses.dataclass(frozen=True)
class ConjugateGradient:
    """How long to iterate.

    Attributes:
      tolerance: An epoch is solved when its residual has fallen below this share of its
        data, in the Euclidean norm; below the rounding of the dtype, it is that.
      iterations: Most iterations; epochs that are not solved by then are not `ok`.
    """

    tolerance: float = 1e-11
    iterations: int = 1000

    def __post_init__(self) -> None:
        if not 0 < self.tolerance < 1:
            raise ValueError(
                f"tolerance is {self.tolerance:g}, expected a number between 0 and 1"
            )
        if self.iterations < 1:
            raise ValueError(f"iterations is {self.iterations}, expected 1 or more")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class _State:
    solution: Array
    residual: Array
    direction: Array
    product: Array
    count: Array


def conjugate_gradient(
    times: LinearMap,
    nearly: LinearMap,
    right: Array,
    settings: ConjugateGradient,
    start: Array | None = None,
) -> tuple[Array, Array]:
    """Solve many symmetric positive definite systems side by side.

    Each system has its own step lengths; an iteration is one call of each map. It goes
    on until the slowest is solved, which costs nothing but products of zeros.

    Args:
      times: The product with each matrix, of arrays of shape (..., row).
      nearly: An approximate inverse, symmetric positive definite.
      right: Right sides, shape (..., row).
      settings: How long to iterate.
      start: A first guess, shape (..., row); zero by default.

    Returns:
      The solutions, shape (..., row), and whether each was found, shape (...).

    Source:
      Golub & Van Loan (2013), Matrix Computations, section 11.5.2.
    """
    finest = float(jnp.finfo(right.dtype).eps)
    goal = max(settings.tolerance, finest) ** 2 * _dot(right, right)
    solution, residual = jnp.zeros_like(right), right
    if start is not None:
        solution, residual = start, right - times(start)
    first = nearly(residual)
    product = _dot(residual, first)
    state = _State(solution, residual, first, product, jnp.zeros((), int))

    def unsolved(state: _State) -> Array:
        left = (_dot(state.residual, state.residual) > goal) & (state.product > 0)
        return (state.count < settings.iterations) & left.any()

    state = jax.lax.while_loop(unsolved, lambda s: _step(times, nearly, s, goal), state)
    return state.solution, _dot(state.residual, state.residual) <= goal


def _step(times: LinearMap, nearly: LinearMap, state: _State, goal: Array) -> _State:
    image = times(state.direction)
    curvature = _dot(state.direction, image)
    # A solved system rests; one that is not positive definite stops where it is.
    going = (_dot(state.residual, state.residual) > goal) & (curvature > 0)
    length = jnp.where(going, state.product / jnp.where(going, curvature, 1), 0)
    solution = state.solution + length[..., None] * state.direction
    residual = state.residual - length[..., None] * image
    towards = nearly(residual)
    product = jnp.where(going, _dot(residual, towards), 0)
    turn = jnp.where(going, product / jnp.where(going, state.product, 1), 0)
    direction = towards + turn[..., None] * state.direction
    return _State(solution, residual, direction, product, state.count + 1)


def _dot(first: Array, second: Array) -> Array:
    return jnp.sum(first * second, axis=-1)

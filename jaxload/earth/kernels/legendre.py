"""Legendre polynomials of cos(theta) and sums over their degrees.

With t = tan(theta / 2), the recurrence advances P_n and the slope
E_n = (P_n - P_{n-1}) / sin(theta):

    E_{n+1} = (n E_n - (2n + 1) t P_n) / (n + 1),    P_{n+1} = P_n + sin(theta) E_{n+1}

This is Bonnet's recurrence written for differences: theta enters through t and
sin(theta), not through cos(theta), which cannot tell small angles apart, and
dP_n/dtheta = n (E_n - t P_n) holds at every angle without a division. Beyond 90 degrees
theta is counted from the other pole and P_n changes sign with every odd n.

A CPU goes through the degrees one after the other. An accelerator goes through blocks
of them side by side: what a block makes of the two states of the recurrence is linear,
a 2 x 2 matrix of entries of the order of one, and the product of those before it gives
the state that it begins with.

Source: Abramowitz & Stegun (1964), 8.5.3 and 8.5.4.
"""

import functools
import logging
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxload._check import check_shapes, is_concrete
from jaxload._platform import by_chunks, on_platform
from jaxload.constants import DEGREE, EARTH_RADIUS

__all__ = [
    "check_angles",
    "legendre_derivative_series",
    "legendre_derivatives",
    "legendre_polynomials",
    "legendre_series",
]

logger = logging.getLogger(__name__)

#: Degrees per matrix product: enough to keep it busy, few enough to stay in cache.
BLOCK = 128

#: Angles that are all below this are taken for radians [degrees].
SUSPICIOUS = 1e-3

#: Degrees per turn of the inner loop on a CPU, where more make it slower and longer to
#: compile, and on an accelerator, which starts every turn anew.
UNROLL, UNROLL_WIDE = 4, 8

#: Numbers that an accelerator holds of each angle and degree on its way, roughly.
HELD = 6


def check_angles(theta: Array, above_zero: bool = False) -> None:
    """Check angles whose values can be looked at, as those under `jit` cannot.

    Logs a warning where all of them are below 1e-3 degrees, as if in radians.

    Args:
      theta: Angles [degrees], any shape.
      above_zero: Whether 0 is no angle to ask for.

    Raises:
      ValueError: If an angle is not a number, negative, 0 and may not be, or above 180.
    """
    if not is_concrete(theta):
        return
    angles = np.asarray(theta)
    # Written so that a NaN fails it.
    fine = ((angles > 0) if above_zero else (angles >= 0)) & (angles <= 180)
    if not fine.all():
        raise ValueError(
            f"theta holds {angles[~fine].flat[0]:g}, expected degrees "
            f"{'above' if above_zero else 'from'} 0 and up to 180"
        )
    if 0 < angles.max(initial=0) < SUSPICIOUS:
        logger.warning(
            "theta is at most %g degrees, %.2g m on the ground; if it is in radians, "
            "convert it to degrees",
            angles.max(),
            angles.max() * DEGREE * EARTH_RADIUS,
        )


class Arc(NamedTuple):
    """What the recurrence needs of theta, from the nearer pole, shape (node,)."""

    sign: Array
    tangent: Array
    sine: Array


class State(NamedTuple):
    """P_n and sign^n E_n, shape (node,)."""

    value: Array
    slope: Array


def legendre_polynomials(theta: Array, max_degree: int) -> Array:
    """Legendre polynomials P_n(cos(theta)) of every degree.

    Args:
      theta: Angles [degrees], shape (node,), 0 to 180.
      max_degree: The highest degree.

    Returns:
      P_n [-], shape (degree, node), in the dtype of `theta`.

    Source:
      Abramowitz & Stegun (1964), 8.5.3.
    """
    return _every_degree(theta, max_degree, _polynomial)


def legendre_derivatives(theta: Array, max_degree: int) -> Array:
    """Derivatives dP_n(cos(theta))/dtheta of every degree.

    Args:
      theta: Angles [degrees], shape (node,), 0 to 180.
      max_degree: The highest degree.

    Returns:
      dP_n/dtheta [per radian], shape (degree, node), in the dtype of `theta`.

    Source:
      Abramowitz & Stegun (1964), 8.5.4.
    """
    return _every_degree(theta, max_degree, _derivative)


@jax.jit
def legendre_series(coefficients: Array, theta: Array) -> Array:
    """Sum ``c_n P_n(cos(theta))`` over the degrees, many series at once.

    Degrees stream through in blocks: a block of P_n, one matrix product, the next. The
    memory needed beyond the arguments does not grow with the number of degrees, nor
    does it when the sum is differentiated.

    Args:
      coefficients: c_n, shape (degree, disc).
      theta: Angles [degrees], shape (node,), 0 to 180.

    Returns:
      The sums, shape (node, disc), in the unit of the coefficients.

    Raises:
      ValueError: If an argument has the wrong rank.
    """
    return _stream(coefficients, theta, _polynomial)


@jax.jit
def legendre_derivative_series(coefficients: Array, theta: Array) -> Array:
    """Sum ``c_n dP_n(cos(theta))/dtheta`` over the degrees, many series at once.

    Args:
      coefficients: c_n, shape (degree, disc).
      theta: Angles [degrees], shape (node,), 0 to 180.

    Returns:
      The sums per radian, shape (node, disc); see `legendre_series`.

    Raises:
      ValueError: If an argument has the wrong rank.
    """
    return _stream(coefficients, theta, _derivative)


Term = Callable[[Arc, State, Array], Array]


def _arc(theta: Array) -> Arc:
    beyond = theta > 90
    angle = jnp.where(beyond, 180 - theta, theta) * DEGREE
    sign = jnp.where(beyond, -1, 1).astype(theta.dtype)
    return Arc(sign, sign * jnp.tan(angle / 2), jnp.sin(angle))


def _start(theta: Array) -> State:
    return State(jnp.ones_like(theta), jnp.zeros_like(theta))


def _advance(arc: Arc, state: State, degree: Array) -> State:
    kept = degree / (degree + 1) * arc.sign * state.slope
    slope = kept - (2 * degree + 1) / (degree + 1) * arc.tangent * state.value
    return State(arc.sign * state.value + arc.sine * slope, slope)


def _polynomial(arc: Arc, state: State, degree: Array) -> Array:
    del arc, degree
    return state.value


def _derivative(arc: Arc, state: State, degree: Array) -> Array:
    return degree * (arc.sign * state.slope - arc.tangent * state.value)


def _slab(arc: Arc, state: State, degrees: Array, term: Term) -> tuple[State, Array]:
    """Go through some degrees, collecting a term of each, shape (degree, node)."""

    def step(state: State, degree: Array) -> tuple[State, Array]:
        return _advance(arc, state, degree), term(arc, state, degree)

    return jax.lax.scan(step, state, degrees, unroll=UNROLL)


@functools.partial(jax.jit, static_argnames=("max_degree", "term"))
def _every_degree(theta: Array, max_degree: int, term: Term) -> Array:
    return on_platform(
        theta,
        cpu=functools.partial(_degree_by_degree, max_degree=max_degree, term=term),
        accelerator=functools.partial(
            _every_degree_in_blocks, max_degree=max_degree, term=term
        ),
    )


def _degree_by_degree(theta: Array, *, max_degree: int, term: Term) -> Array:
    degrees = jnp.arange(max_degree + 1, dtype=theta.dtype)
    return _slab(_arc(theta), _start(theta), degrees, term)[1]


def _every_degree_in_blocks(theta: Array, *, max_degree: int, term: Term) -> Array:
    slab = _side_by_side(theta, -(-(max_degree + 1) // BLOCK), term)
    every = jnp.swapaxes(slab, 0, 1).reshape(-1, theta.shape[0])
    return every[: max_degree + 1]


def _stream(coefficients: Array, theta: Array, term: Term) -> Array:
    check_shapes(coefficients=(coefficients, "degree disc"), theta=(theta, "node"))
    return on_platform(
        coefficients,
        theta,
        cpu=functools.partial(_block_by_block, term=term),
        accelerator=functools.partial(_all_blocks, term=term),
    )


def _block_by_block(coefficients: Array, theta: Array, *, term: Term) -> Array:
    """Sum over one block of degrees after the other, shape (node, disc)."""
    arc = _arc(theta)

    # Going back, a block is computed again rather than remembered.
    @functools.partial(jax.checkpoint, prevent_cse=False)
    def block(carry: tuple[State, Array], part: tuple[Array, Array]):
        state, total = carry
        degrees, weights = part
        state, slab = _slab(arc, state, degrees, term)
        product = jnp.einsum(
            "bn,bd->nd", slab, weights, precision=jax.lax.Precision.HIGHEST
        )
        return (state, total + product), None

    weights = _in_blocks(coefficients)
    degrees = jnp.arange(weights.shape[0] * BLOCK, dtype=theta.dtype)
    total = jnp.zeros((theta.shape[0], coefficients.shape[1]), coefficients.dtype)
    parts = (degrees.reshape(-1, BLOCK), weights)
    return jax.lax.scan(block, (_start(theta), total), parts)[0][1]


def _all_blocks(coefficients: Array, theta: Array, *, term: Term) -> Array:
    """Sum over all blocks of degrees at once, shape (node, disc)."""
    weights = _in_blocks(coefficients)

    def some(theta: Array) -> Array:
        slab = _side_by_side(theta, len(weights), term)
        return jnp.einsum(
            "kbn,bkd->nd", slab, weights, precision=jax.lax.Precision.HIGHEST
        )

    each = HELD * weights.shape[0] * BLOCK * theta.dtype.itemsize
    return by_chunks(some, theta, each)


def _side_by_side(theta: Array, blocks: int, term: Term) -> Array:
    """A term of every degree, shape (degree of the block, block, node)."""
    arc = _arc(theta)
    wide = jax.tree.map(lambda x: x[None, :], arc)
    first = BLOCK * jnp.arange(blocks, dtype=theta.dtype)[:, None]
    within = jnp.arange(BLOCK, dtype=theta.dtype)

    def step(state: State, passed: Array) -> tuple[State, Array]:
        degree = first + passed
        return _advance(wide, state, degree), term(wide, state, degree)

    state = _block_starts(arc, blocks)
    return jax.lax.scan(step, state, within, unroll=UNROLL_WIDE)[1]


def _block_starts(arc: Arc, blocks: int) -> State:
    """The state at the first degree of each block, shape (block, node) each."""
    by_value, by_slope = _transitions(arc, blocks)

    def step(state: State, block: tuple[State, State]) -> tuple[State, State]:
        one, other = block
        return State(
            one.value * state.value + other.value * state.slope,
            one.slope * state.value + other.slope * state.slope,
        ), state

    start = _start(arc.sine)
    return jax.lax.scan(step, start, (by_value, by_slope), unroll=UNROLL_WIDE)[1]


def _transitions(arc: Arc, blocks: int) -> tuple[State, State]:
    """What each block makes of a unit of the value and of the slope it begins with."""
    wide = jax.tree.map(lambda x: x[None, :], arc)
    first = BLOCK * jnp.arange(blocks, dtype=arc.sine.dtype)[:, None]
    ones = jnp.ones((blocks, len(arc.sine)), arc.sine.dtype)
    units = State(ones, 0 * ones), State(0 * ones, ones)

    def step(states: tuple[State, State], passed: Array):
        one, other = states
        degree = first + passed
        return (_advance(wide, one, degree), _advance(wide, other, degree)), None

    within = jnp.arange(BLOCK, dtype=arc.sine.dtype)
    return jax.lax.scan(step, units, within, unroll=UNROLL_WIDE)[0]


def _in_blocks(coefficients: Array) -> Array:
    """Pad with zeros to whole blocks, shape (block, degree in it, disc)."""
    missing = -coefficients.shape[0] % BLOCK
    padded = jnp.pad(coefficients, ((0, missing), (0, 0)))
    return padded.reshape(-1, BLOCK, coefficients.shape[1])

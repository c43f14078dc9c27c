"""A forcing with a period: inertia in the solid, and a core that flows.

States in a solid are those of `spheroidal`. A fluid that moves bears pressure and is
compressed, has no shear stress, and slips along its boundaries. Its rows are

    0  y1    radial displacement
    2  y3    horizontal displacement, the factor of the surface gradient
    4  y5    potential
    5  r y6  as in `spheroidal`

and the rows 1 and 3 are zero: the pressure follows from the momentum along the surface.
With y3 in its place the equations hold the frequency only in its ratio to the one at
which the fluid is buoyant, and stay harmless at long periods. Two of the three
solutions are left in a fluid, in the columns 0 and 2.

The spin below is the squared angular frequency of the forcing in units of surface
gravity over surface radius.

Source:
  Takeuchi & Saito (1972), Seismic surface waves, eq. 82, in Methods in Computational
  Physics 11, doi:10.1016/B978-0-12-460811-5.50010-6, whose second row of a fluid is
  eliminated here by the definition of its pressure.
"""

import jax.numpy as jnp
from jax import Array

from jaxload.earth.interior import spheroidal
from jaxload.earth.interior.spheroidal import Material

__all__ = [
    "dynamic_fluid_start",
    "enter_dynamic_fluid",
    "fluid_rate",
    "keep_apart",
    "leave_dynamic_fluid",
    "solid_rate",
]


def solid_rate(state: Array, material: Material, spin: Array, degree: Array) -> Array:
    """Return the derivative of a state with respect to ln r in a solid.

    Args:
      state: The state, shape (row, solution, degree).
      material: The material there; at degree 0 it may be fluid.
      spin: Squared frequency of the forcing, shape (degree,).
      degree: Spherical harmonic degree, shape (degree,).

    Returns:
      The derivative, of the shape of `state`.
    """
    inertia = (spin * material.density * material.radius**2)[None]
    at_rest = jnp.zeros(degree.shape, bool)
    slope = spheroidal.rate(state, material, degree, at_rest)
    return slope.at[1].add(-inertia * state[0]).at[3].add(-inertia * state[2])


def fluid_rate(
    state: Array, material: Material, gradient: Array, spin: Array, degree: Array
) -> Array:
    """Return the derivative of a state with respect to ln r in a fluid.

    Args:
      state: The state, shape (row, solution, degree).
      material: The material there.
      gradient: Derivative of the density by the radius, shape (degree,).
      spin: Squared frequency of the forcing, shape (degree,).
      degree: Spherical harmonic degree, shape (degree,), at least 1.

    Returns:
      The derivative, of the shape of `state`.
    """
    n, spin, gravity = degree[None], spin[None], material.gravity[None]
    attraction = (material.density * material.radius)[None]
    compliance = 1 / material.bulk[None]
    # Squared frequency at which a parcel of the fluid would bob.
    buoyancy = -gravity * (
        (gradient / material.density)[None]
        + material.density[None] * gravity * compliance
    )
    y1, _, y3, _, y5, y6 = state
    moved = y5 + spin * material.radius[None] * y3
    none = jnp.zeros_like(y1)
    return jnp.stack(
        [
            compliance * attraction * (gravity * y1 - moved)
            - 2 * y1
            + n * (n + 1) * y3,
            none,
            y1 - y3 - buoyancy / spin * (y1 - moved / gravity),
            none,
            attraction * y1 - (n + 1) * y5 + y6,
            attraction * ((n + 1) * y1 - n * (n + 1) * y3) + n * y6,
        ]
    )


def dynamic_fluid_start(material: Material, degree: Array) -> Array:
    """Return the states that are regular at the centre, on a homogeneous fluid ball.

    As in `spheroidal.solid_start`, the ball is taken to hold its own weight easily:
    it flows without being compressed.

    Args:
      material: The material of the ball.
      degree: Spherical harmonic degree, shape (degree,), at least 1.

    Returns:
      The states on its surface, a unit of flow in solution 0 and of potential in 2,
      shape (6, 3, degree); solution 1 is zero.
    """
    one, zero = jnp.ones_like(degree), jnp.zeros_like(degree)
    attraction = material.density * material.radius
    flow = [degree, zero, one, zero, zero, -degree * attraction]
    potential = [zero, zero, zero, zero, one, 2 * degree + 1]
    columns = (flow, [zero] * 6, potential)
    return jnp.stack([jnp.stack(column) for column in columns], axis=1)


def enter_dynamic_fluid(state: Array, material: Material, spin: Array) -> Array:
    """Carry a state from a solid up into a fluid that moves.

    Of three solutions in the solid two combinations exert no drag on the fluid: a
    reflection gathers all drag in the column 1, which ends there.

    Args:
      state: The state at the top of the solid, shape (6, 3, degree).
      material: The material of the fluid there.
      spin: Squared frequency of the forcing, shape (degree,).

    Returns:
      The state at the bottom of the fluid, shape (6, 3, degree).
    """
    drag = state[3]
    length = jnp.sqrt(jnp.sum(drag**2, axis=0))
    # Away from zero, whichever the sign of the column's own drag.
    mirror = drag.at[1].add(jnp.where(drag[1] < 0, -length, length))
    square = jnp.sum(mirror**2, axis=0)
    along = jnp.sum(state * mirror[None], axis=1, keepdims=True)
    y = state - 2 * along * (mirror / jnp.where(square > 0, square, 1)[None])[None]
    attraction = (material.density * material.radius)[None]
    driven = material.gravity[None] * y[0] - y[4] - y[1] / attraction
    y3 = driven / (spin * material.radius)[None]
    return y.at[1].set(0).at[2].set(y3).at[3].set(0).at[:, 1].set(0)


def leave_dynamic_fluid(
    state: Array, material: Material, density_below: Array, spin: Array
) -> Array:
    """Carry a state from a fluid that moves up into a solid, which may slip over it.

    Args:
      state: The state at the top of the fluid, shape (6, 3, degree).
      material: The material of the solid there.
      density_below: Density of the fluid there, shape (degree,).
      spin: Squared frequency of the forcing, shape (degree,).

    Returns:
      The states at the bottom of the solid, a unit of y3 as solution 1, shape
      (6, 3, degree).
    """
    moved = state[4] + (spin * material.radius)[None] * state[2]
    attraction = (density_below * material.radius)[None]
    stress = attraction * (material.gravity[None] * state[0] - moved)
    return state.at[1].set(stress).at[2].set(0).at[2, 1].set(1)


def keep_apart(state: Array) -> Array:
    """Combine the two solutions in a fluid into two that are orthogonal.

    Where the fluid is buoyant, or turns over, some motions grow faster through it than
    any potential does; without this both solutions would become such a motion.

    Args:
      state: The state in a fluid, shape (6, 3, degree).

    Returns:
      The same solutions in other combinations, each of length 1.
    """
    first, second = state[:, 0], state[:, 2]
    first = _normalised(first)
    second = _normalised(second - jnp.sum(first * second, axis=0)[None] * first)
    return state.at[:, 0].set(first).at[:, 2].set(second)


def _normalised(column: Array) -> Array:
    square = jnp.sum(column**2, axis=0)
    return column / jnp.sqrt(jnp.where(square > 0, square, 1))[None]

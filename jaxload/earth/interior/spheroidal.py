"""Equations of a static spheroidal deformation of a self-gravitating sphere.

Everything is dimensionless. With surface radius a, surface gravity g and the constant
of gravitation G, lengths are counted in a, gravity in g, density in g / (4 pi G a),
stress in g^2 / (4 pi G) and potential in g a; neither G nor g then appears below.

A state has six rows, each multiplying a surface harmonic of the degree:

    0  y1    radial displacement
    1  r y2  radial stress times radius
    2  y3    horizontal displacement, the factor of the surface gradient
    3  r y4  shear stress times radius
    4  y5    potential of the load, the tide and the moved masses
    5  r y6  radius times (dy5/dr - density y1 + (degree + 1) y5 / r)

so that in s = ln r the equations of a homogeneous, weightless material have constant
coefficients. In a fluid at rest only the last two rows mean anything: y5, and
r y7 = r y6 + r y2 / gravity in place of r y6.

Arrays are laid out with the degree last, along which the processor vectorises: states
are (row, solution, degree), everything else is (degree,).

Source:
  Takeuchi & Saito (1972), Seismic surface waves, eq. 82, in Methods in Computational
  Physics 11, doi:10.1016/B978-0-12-460811-5.50010-6; Saito (1974), Some problems of
  static deformation of the Earth, doi:10.4294/jpe1952.22.123.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

__all__ = [
    "Material",
    "enter_fluid",
    "enter_solid",
    "fluid_start",
    "rate",
    "solid_start",
]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Material:
    """What the sphere is made of at one radius for each degree, dimensionless.

    Attributes:
      radius: Distance from the centre, shape (degree,).
      density: Density, shape (degree,).
      bulk: Bulk modulus, shape (degree,).
      shear: Shear modulus, shape (degree,); 0 in a fluid.
      gravity: Gravity, shape (degree,).
    """

    radius: Array
    density: Array
    bulk: Array
    shear: Array
    gravity: Array


def rate(state: Array, material: Material, degree: Array, at_rest: Array) -> Array:
    """Return the derivative of a state with respect to ln r.

    A fluid at rest yields until density, pressure and potential are constant on the
    same surfaces, so the potential alone describes it: the first four rows, which must
    be zero there, stay zero.

    Args:
      state: The state, shape (row, solution, degree).
      material: The material there.
      degree: Spherical harmonic degree, shape (degree,).
      at_rest: True where the material is a fluid at rest, shape (degree,). At degree
        0 a fluid is compressed instead, which the equations of a solid describe; the
        rows 2 and 3 then mean nothing.

    Returns:
      The derivative, of the shape of `state`.

    Source:
      Takeuchi & Saito (1972), eq. 82, at zero frequency; Saito (1974) for the fluid.
    """
    n, shear, bulk = degree[None], material.shear[None], material.bulk[None]
    attraction = material.density * material.radius
    crowding = jnp.where(at_rest, attraction / material.gravity, 0)[None]
    attraction = jnp.where(at_rest, 0, attraction)[None]
    weight = attraction * material.gravity[None]
    square = n * (n + 1)
    lame = bulk - 2 / 3 * shear
    yielding = 1 / (bulk + 4 / 3 * shear)
    stiffness = 3 * shear * bulk * yielding
    slip = jnp.where(shear > 0, 1 / jnp.where(shear > 0, shear, 1), 0)
    y1, y2, y3, y4, y5, y6 = state
    return jnp.stack(
        [
            yielding * (y2 + lame * (square * y3 - 2 * y1)),
            (4 * stiffness - 4 * weight) * y1
            + (1 - 4 * shear * yielding) * y2
            + square * ((weight - 2 * stiffness) * y3 + y4)
            + attraction * ((n + 1) * y5 - y6),
            y3 - y1 + slip * y4,
            (weight - 2 * stiffness) * y1
            - lame * yielding * y2
            + (4 * square * (lame + shear) * yielding - 2) * shear * y3
            - 2 * y4
            - attraction * y5,
            attraction * y1 + (crowding - n - 1) * y5 + y6,
            attraction * ((n + 1) * y1 - square * y3)
            + crowding * (2 * (n - 1) * y5 - y6)
            + n * y6,
        ]
    )


def solid_start(material: Material, degree: Array) -> Array:
    """Return the three states that are regular at the centre, on a homogeneous ball.

    Displacement and potential of solution 0, 1 and 2 are a unit of y1, y3 and y5. The
    ball is so small, or the degree so high, that it holds its own weight easily: what
    is of the order of weight over stiffness is left out, except that the ball may be
    moved as a whole without stress.

    Args:
      material: The material of the ball; a fluid is taken for a solid, which is
        exact at degree 0.
      degree: Spherical harmonic degree, shape (degree,).

    Returns:
      The states on the surface of the ball, shape (6, 3, degree).

    Source:
      The displacements r^(n-1) and r^(n+1) of Love (1911), Some problems of
      geodynamics, ch. 8, combined so that none is lost to cancellation at high degree.
    """
    unit = jnp.broadcast_to(jnp.eye(3)[:, :, None], (3, 3, len(degree)))
    n, density, bulk = degree[None], material.density[None], material.bulk[None]
    shear = jnp.where(material.shear > 0, material.shear, material.bulk)[None]
    lame, attraction = bulk - 2 / 3 * shear, density * material.radius[None]
    # y1 and y3 of the solution that compresses; those of the harmonic one are n and 1.
    y1 = (n + 1) * (n * lame + (n - 2) * shear)
    y3 = (n + 3) * lame + (n + 5) * shear
    common = 2 * n * lame + (6 * n + 2) * shear
    compressing = (n * unit[1] - unit[0]) / common
    harmonic = unit[1] - y3 * compressing
    # The harmonic displacement is in balance with a potential; the rest strains.
    pulled = attraction * (unit[2] - n / 3 * attraction * harmonic) / common
    squeezed = (n + 3) * y1 - n * (n + 1) * y3
    radial = 2 * (n + 1) * shear * y1 + lame * squeezed
    drawn = (y1 + (n + 1) * y3) / (2 * n + 3)
    stress = 2 * shear * n * (n - 1) * harmonic + radial * compressing
    stress = stress - 2 * n * (lame + 2 * shear) * pulled
    drag = 2 * shear * (n - 1) * harmonic + shear * (n * y3 + y1) * compressing
    drag = drag - 2 * shear * pulled
    flux = (2 * n + 1) * unit[2] - attraction * n * (harmonic + drawn * compressing)
    return jnp.stack([unit[0], stress, unit[1], drag, unit[2], flux])


def fluid_start(material: Material, degree: Array) -> Array:
    """Return the state that is regular at the centre, on a homogeneous fluid ball.

    Args:
      material: The material of the ball.
      degree: Spherical harmonic degree, shape (degree,), at least 1.

    Returns:
      The state on the surface of the ball as solution 2, shape (6, 3, degree); the
      solutions 0 and 1 are zero.
    """
    crowding = material.density * material.radius / material.gravity
    growth = jnp.sqrt((degree + 0.5) ** 2 + crowding * (crowding - 3)) - 0.5
    return _in_fluid(jnp.ones_like(degree), growth - crowding + degree + 1)


def enter_fluid(state: Array, material: Material) -> Array:
    """Carry a state from a solid up into a fluid at rest.

    Of three solutions in the solid one combination exerts no drag on the fluid and no
    stress but the fluid's own weight; it alone goes on, with y5 = 1.

    Args:
      state: The state at the top of the solid, shape (6, 3, degree).
      material: The material of the fluid there.

    Returns:
      The state at the bottom of the fluid as solution 2, shape (6, 3, degree).

    Source:
      Saito (1974), doi:10.4294/jpe1952.22.123.
    """
    weight = (material.density * material.radius)[None]
    excess = state[1] - weight * (material.gravity[None] * state[0] - state[4])
    share = jnp.cross(state[3], excess, axis=0)
    stress, y5, y6 = (jnp.sum(state[row] * share, axis=0) for row in (1, 4, 5))
    y7 = y6 + stress / material.gravity
    return _in_fluid(jnp.ones_like(y5), y7 / jnp.where(y5 == 0, 1, y5))


def enter_solid(state: Array, material: Material, density_below: Array) -> Array:
    """Carry a state from a fluid at rest up into a solid.

    The fluid fixes the stress on the boundary by the boundary's displacement, and lets
    it slip: its one solution becomes three.

    Args:
      state: The state at the top of the fluid, shape (6, 3, degree).
      material: The material of the solid there.
      density_below: Density of the fluid there, shape (degree,).

    Returns:
      The states at the bottom of the solid, a unit of y1, of y3 and the fluid's own
      solution, shape (6, 3, degree).

    Source:
      Saito (1974), doi:10.4294/jpe1952.22.123.
    """
    y5, y7 = state[4, 2], state[5, 2]
    one, zero = jnp.ones_like(y5), jnp.zeros_like(y5)
    lifted, slipped = jnp.stack([one, zero, zero]), jnp.stack([zero, one, zero])
    potential = jnp.stack([zero, zero, y5])
    weight = (density_below * material.radius)[None]
    stress = weight * (material.gravity[None] * lifted - potential)
    flux = jnp.stack([zero, zero, y7]) - stress / material.gravity[None]
    drag = jnp.zeros_like(stress)
    return jnp.stack([lifted, stress, slipped, drag, potential, flux])


def _in_fluid(y5: Array, y7: Array) -> Array:
    state = jnp.zeros((6, 3, len(y5)), y5.dtype)
    return state.at[4, 2].set(y5).at[5, 2].set(y7)

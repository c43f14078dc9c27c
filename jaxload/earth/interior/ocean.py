"""What water at rest on top of the Earth does to its floor.

A load cannot rest on water: it sinks, or floats with its weight spread evenly, and in
the end lies on the floor. The water above stays at rest, its surfaces those of constant
potential; where the floor sinks or the potential rises it gathers, and it presses and
attracts the floor in proportion to the floor's displacement and potential. These
proportions are all that the Earth below needs to know.

Source:
  Saito (1974), Some problems of static deformation of the Earth,
  doi:10.4294/jpe1952.22.123, for the equations of a fluid at rest.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
from jax import Array

from jaxload.earth.interior.layers import Layers, layers_of, split_layers
from jaxload.earth.interior.model import EarthModel
from jaxload.earth.interior.propagation import Integration, runge_kutta_step

__all__ = ["Water", "water_on"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Water:
    """What the water does at its floor, dimensionless as in `spheroidal`.

    Just above the floor, with y1 and y5 those of the floor,
    ``r y2 = lift[0] y1 + lift[1] y5 + pull L`` and
    ``r y6 = draw[0] y1 + draw[1] y5 + tide T / (2 n + 1)``, where L is the load on the
    floor and T the potential from outside, 1 for a unit of them.

    Attributes:
      lift: Radial stress of the water by the floor's y1 and y5, shape (2, degree).
      draw: Its attraction by y1 and y5, shape (2, degree).
      pull: Stress of the water that a load on the floor attracts, shape (degree,); 0
        but at degree 0, where the water moves as a whole.
      tide: What a unit potential from outside is at the floor, shape (degree,), times
        2 n + 1, which it would be without the water.
    """

    lift: Array
    draw: Array
    pull: Array
    tide: Array


def water_on(
    model: EarthModel, degree: Array, settings: Integration | None = None
) -> Water:
    """Return what the water on top of a model does to its floor.

    Args:
      model: The Earth; without an ocean its water does nothing.
      degree: Spherical harmonic degrees, float64, shape (degree,).
      settings: How to integrate; each layer of water takes `steps` steps.

    Returns:
      The response of the water.
    """
    if not model.ocean:
        nothing = jnp.zeros((2, len(degree)))
        return Water(nothing, nothing, nothing[0], 2 * degree + 1)
    nameless = dataclasses.replace(model, name="")
    return _water_on(nameless, degree, settings or Integration())


@functools.partial(jax.jit, static_argnames="settings")
def _water_on(model: EarthModel, degree: Array, settings: Integration) -> Water:
    _, layers = split_layers(layers_of(model), model.ocean)
    state = _surface(degree)
    for number in reversed(range(model.ocean)):
        state = _sink(state, _layer(layers, number, degree), degree, settings.steps)
    return _response(state, layers.density[0, 0], degree)


def _layer(layers: Layers, number: int, degree: Array) -> Layers:
    """Index the layers by one and the same layer for all degrees."""
    everywhere = jnp.full(degree.shape, number)
    return jax.tree.map(lambda leaf: leaf[..., everywhere], layers)


def _surface(degree: Array) -> Array:
    """Return the states of a surface without pressure, shape (6, 2, degree).

    Solution 0 is a unit of potential and without flux; at degree 0 a unit of
    displacement instead, and solution 1 the attraction of a mass below.
    """
    whole = (degree == 0).astype(degree.dtype)
    state = jnp.zeros((6, 2, len(degree)), degree.dtype)
    return state.at[0, 0].set(whole).at[4, 0].set(1 - whole).at[4, 1].set(whole)


def _sink(state: Array, here: Layers, degree: Array, steps: int) -> Array:
    """Carry states down through a layer of water.

    They are divided by the growth of a potential from below, without which high degrees
    would leave the range of numbers.
    """
    top = jnp.log(here.top)
    length = (jnp.log(here.bottom) - top) / steps
    growth = jnp.exp((degree + 1) * length)[None, None]

    def step(state: Array, number: Array) -> tuple[Array, None]:
        start = top + number * length
        return growth * runge_kutta_step(state, here, start, length, degree), None

    return jax.lax.scan(step, state, jnp.arange(steps, dtype=degree.dtype))[0]


def _response(state: Array, density: Array, degree: Array) -> Water:
    whole = degree == 0
    rise = jnp.where(whole, state[0, 0], 1)
    stiffness = state[1, 0] / rise
    pull = state[1, 1] - stiffness * state[0, 1]
    potential = jnp.where(whole, 1, state[4, 0])
    flux = state[5, 0] / potential
    floating = jnp.where(whole, 0, density)
    return Water(
        lift=jnp.stack([jnp.where(whole, stiffness, density), -floating]),
        draw=jnp.stack([-floating, jnp.where(whole, 0, flux + density)]),
        pull=jnp.where(whole, pull, 0),
        # The Wronskian of the two solutions of a fluid at rest grows as 1 / r.
        tide=(2 * degree + 1) / potential,
    )

"""An Earth model in the dimensionless units of `spheroidal`, layer by layer."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
from jax import Array

from jaxload.constants import GRAVITATIONAL_CONSTANT
from jaxload.earth.interior.model import EarthModel
from jaxload.earth.interior.spheroidal import Material
from jaxload.earth.interior.structure import (
    fluid_layers,
    ground_radius,
    mass_polynomial,
)

__all__ = ["Layers", "density_gradient", "layers_of", "material_in", "split_layers"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Layers:
    """An Earth model as the integration reads it, scaled by its solid surface.

    Indexed by a layer number per degree, ``[..., layer]``, every array becomes one of
    that layer's for each degree.

    Attributes:
      bottom: Radius of the bottom, shape (layer,).
      top: Radius of the top, shape (layer,).
      density: Coefficients in the layer coordinate, shape (power, layer).
      bulk: Likewise of the bulk modulus.
      shear: Likewise of the shear modulus.
      mass: Likewise of the enclosed mass, as a fraction of the whole.
      fluid: True where shear is not resisted, shape (layer,).
      fluid_below: The same of the next layer below, shape (layer,).
      density_below: Density on the other side of the bottom, shape (layer,).
      spin: Square of the angular frequency of the forcing, in units of surface gravity
        over surface radius, shape (layer,); None if all is at rest.
    """

    bottom: Array
    top: Array
    density: Array
    bulk: Array
    shear: Array
    mass: Array
    fluid: Array
    fluid_below: Array
    density_below: Array
    spin: Array | None = None


def layers_of(model: EarthModel, period: Array | None = None) -> Layers:
    """Scale a model by radius and gravity of its solid surface.

    Args:
      model: The Earth.
      period: Period of the forcing [s], scalar; None if all is at rest.

    Returns:
      Its layers, those of an ocean last.
    """
    density, mass = jnp.asarray(model.density), mass_polynomial(model)
    fluid, ground = fluid_layers(model), ground_radius(model)
    weighed = jnp.sum(mass[len(density) - 1 - model.ocean])
    unit = weighed / (4 * jnp.pi * ground**3)
    pressure = 4 * jnp.pi * GRAVITATIONAL_CONSTANT * (unit * ground) ** 2
    at_top = jnp.sum(density, axis=1) / unit
    scaled = jnp.asarray(model.radius) / ground
    return Layers(
        bottom=scaled[:-1],
        top=scaled[1:],
        density=density.T / unit,
        bulk=jnp.asarray(model.bulk_modulus).T / pressure,
        shear=jnp.asarray(model.shear_modulus).T / pressure,
        mass=mass.T / weighed,
        fluid=fluid,
        fluid_below=jnp.concatenate([fluid[:1], fluid[:-1]]),
        density_below=jnp.concatenate([at_top[:1], at_top[:-1]]),
        spin=None if period is None else _spin(unit, period, fluid.shape),
    )


def _spin(unit: Array, period: Array, shape: tuple[int, ...]) -> Array:
    # Gravity over radius is 4 pi G times the unit of density.
    squared = (2 * jnp.pi / period) ** 2
    return jnp.broadcast_to(
        squared / (4 * jnp.pi * GRAVITATIONAL_CONSTANT * unit), shape
    )


def split_layers(layers: Layers, ocean: int) -> tuple[Layers, Layers]:
    """Part the layers up to the solid surface from the ocean's above it.

    Args:
      layers: All layers.
      ocean: How many of them are the ocean's.

    Returns:
      Those of the solid Earth, core included, and those of the ocean.
    """
    floor = len(layers.top) - ocean
    below = jax.tree.map(lambda leaf: leaf[..., :floor], layers)
    return below, jax.tree.map(lambda leaf: leaf[..., floor:], layers)


def material_in(here: Layers, log_radius: Array) -> Material:
    """Return the material at a radius of each degree.

    Args:
      here: Layers indexed by one layer per degree.
      log_radius: ln r within that layer, shape (degree,).

    Returns:
      The material there.
    """
    radius = jnp.exp(log_radius)
    t = (radius - here.bottom) / (here.top - here.bottom)
    rows = (here.density, here.bulk, here.shear, here.mass)
    density, bulk, shear, mass = (
        functools.reduce(lambda value, c: value * t + c, row[::-1]) for row in rows
    )
    return Material(radius, density, bulk, shear, mass / radius**2)


def density_gradient(here: Layers, log_radius: Array) -> Array:
    """Return the derivative of the density by the radius, shape (degree,).

    Args:
      here: Layers indexed by one layer per degree.
      log_radius: ln r within that layer, shape (degree,).
    """
    width = here.top - here.bottom
    t = (jnp.exp(log_radius) - here.bottom) / width
    terms = [power * c for power, c in enumerate(here.density)][1:]
    none = jnp.zeros_like(t)
    return functools.reduce(lambda value, c: value * t + c, terms[::-1], none) / width

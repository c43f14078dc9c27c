"""What follows from a layered Earth at any radius: mass, gravity, material."""

import logging

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxload.constants import GRAVITATIONAL_CONSTANT
from jaxload.earth.interior.model import EarthModel

__all__ = [
    "check_earth",
    "enclosed_mass",
    "fluid_layers",
    "gravity",
    "ground_radius",
    "mass_polynomial",
    "material_at",
    "moment_of_inertia",
]

logger = logging.getLogger(__name__)

#: Mass [kg] and moment of inertia [mass times radius squared] of the Earth;
#: Chambat, Ricard & Valette (2010), doi:10.1111/j.1365-246X.2010.04771.x.
EARTH_MASS, EARTH_MOMENT = 5.9722e24, 0.3307

#: Gravity on its surface in a spherical model [m/s2].
EARTH_GRAVITY = 9.82

#: By what part a model of the Earth may miss them; beyond the first, with a warning.
DOUBTFUL, IMPOSSIBLE = 0.005, 0.03

#: Points of quadrature, exact for the 4th power of the radius times a density of the
#: 11th power.
POINTS = 8


def ground_radius(model: EarthModel) -> Array:
    """Return the radius of the solid surface [m], which is the floor of an ocean."""
    return jnp.asarray(model.radius)[-1 - model.ocean]


def fluid_layers(model: EarthModel) -> Array:
    """Find the layers that are fluid, that is without shear modulus, shape (layer,)."""
    return jnp.all(jnp.asarray(model.shear_modulus) == 0, axis=1)


def mass_polynomial(model: EarthModel) -> Array:
    """Return the mass below as a polynomial in each layer, integrated exactly.

    Args:
      model: The Earth.

    Returns:
      Coefficients of the enclosed mass [kg] in the layer coordinate t of
      `EarthModel`, shape (layer, power), three powers more than the density.
    """
    bottom, width = (
        model.radius[:-1, None],
        jnp.diff(jnp.asarray(model.radius))[:, None],
    )
    density = jnp.asarray(model.density)
    square = (bottom**2, 2 * bottom * width, width**2)
    shell = jnp.zeros((), density.dtype)
    for shift, factor in enumerate(square):
        shell = shell + factor * jnp.pad(density, ((0, 0), (shift, 2 - shift)))
    above = 4 * jnp.pi * width * shell / jnp.arange(1.0, shell.shape[1] + 1)[None, :]
    below = jnp.cumsum(jnp.sum(above, axis=1)) - jnp.sum(above, axis=1)
    return jnp.concatenate([below[:, None], above], axis=1)


def enclosed_mass(model: EarthModel, radius: ArrayLike) -> Array:
    """Return the mass within `radius` [kg], an exact integral of the density.

    Args:
      model: The Earth.
      radius: Distance from the centre [m], any shape, between 0 and the surface.

    Returns:
      The mass [kg], of the shape of `radius`.
    """
    return _evaluate(mass_polynomial(model), model, jnp.asarray(radius))


def gravity(model: EarthModel, radius: ArrayLike) -> Array:
    """Return gravity at a radius inside the Earth or on its surface.

    Args:
      model: The Earth.
      radius: Distance from the centre [m], any shape.

    Returns:
      Gravity [m/s2], of the shape of `radius`; 0 at the centre.
    """
    r = jnp.asarray(radius)
    safe = jnp.where(r > 0, r, 1)
    pull = GRAVITATIONAL_CONSTANT * enclosed_mass(model, r) / safe**2
    return jnp.where(r > 0, pull, 0)


def moment_of_inertia(model: EarthModel) -> float:
    """Return the moment of inertia about an axis [kg m2], an exact integral.

    Args:
      model: The Earth.

    Returns:
      Its moment of inertia, 8 pi / 3 times the integral of density and r**4.
    """
    return 8 * np.pi / 3 * _density_moment(model, 4)


def _density_moment(model: EarthModel, power: int) -> float:
    """Integral of density and a power of the radius from the centre to the surface."""
    bounds, rows = np.asarray(model.radius), np.asarray(model.density)
    node, weight = np.polynomial.legendre.leggauss(POINTS)
    t, width = (node + 1) / 2, np.diff(bounds)[:, None]
    radius = bounds[:-1, None] + width * t[None]
    density = np.polynomial.polynomial.polyval(t, rows.T)
    return float(np.sum(weight[None] / 2 * width * density * radius**power))


def check_earth(model: EarthModel, source: str) -> None:
    """Check that a model has the mass, gravity and moment of inertia of the Earth.

    Args:
      model: The model.
      source: Where it is from, for messages.

    Raises:
      ValueError: If it has not.
    """
    surface = float(np.asarray(model.radius)[-1])
    mass = 4 * np.pi * _density_moment(model, 2)
    pull = GRAVITATIONAL_CONSTANT * mass / surface**2
    moment = moment_of_inertia(model) / (mass * surface**2)
    computed = {
        "a mass of {:.4g} kg": (mass, EARTH_MASS),
        "a gravity of {:.4g} m/s2": (pull, EARTH_GRAVITY),
        "a moment of inertia of {:.4g} M R2": (moment, EARTH_MOMENT),
    }
    for name, (value, expected) in computed.items():
        off = abs(value / expected - 1)
        if off > IMPOSSIBLE:
            raise ValueError(
                f"{source} has {name.format(value)}, but the Earth {expected:.4g}; "
                "check columns and units, or take another model"
            )
        if off > DOUBTFUL:
            shown = name.format(value)
            logger.warning("%s has %s, but the Earth %.4g", source, shown, expected)


def material_at(model: EarthModel, radius: ArrayLike) -> tuple[Array, Array, Array]:
    """Return density, bulk modulus and shear modulus at a radius.

    On a discontinuity they are those above it.

    Args:
      model: The Earth.
      radius: Distance from the centre [m], any shape.

    Returns:
      Density [kg/m3], bulk modulus [Pa] and shear modulus [Pa], each of the shape of
      `radius`.
    """
    r = jnp.asarray(radius)
    rows = (model.density, model.bulk_modulus, model.shear_modulus)
    density, bulk, shear = (_evaluate(jnp.asarray(row), model, r) for row in rows)
    return density, bulk, shear


def _evaluate(coefficient: Array, model: EarthModel, radius: Array) -> Array:
    boundary = jnp.asarray(model.radius)
    layer = jnp.searchsorted(boundary, radius, side="right") - 1
    layer = jnp.clip(layer, 0, len(boundary) - 2)
    t = (radius - boundary[layer]) / jnp.diff(boundary)[layer]
    value = jnp.zeros_like(t)
    for power in reversed(range(coefficient.shape[1])):
        value = value * t + coefficient[layer, power]
    return value

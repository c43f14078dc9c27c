"""Earths that differ from another in layers: soft ground on top, other moduli."""

import dataclasses

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxload.earth.interior.model import EarthModel, refine

__all__ = ["scale_layers", "with_top_layers"]


def with_top_layers(
    model: EarthModel,
    thickness: ArrayLike,
    vp: ArrayLike,
    vs: ArrayLike,
    density: ArrayLike,
) -> EarthModel:
    """Replace the top of an Earth by layers of one material each.

    Args:
      model: The Earth, without an ocean.
      thickness: Of each layer [m], from the surface down, shape (layer,).
      vp: Compressional velocity [m/s], shape (layer,).
      vs: Shear velocity [m/s], shape (layer,).
      density: Density [kg/m3], shape (layer,).

    Returns:
      The Earth, of the same radius; below the layers it is as it was.

    Raises:
      ValueError: If shapes differ, a number is not positive, a velocity belongs to no
        solid, the Earth has an ocean, or the layers reach below its solid outer part.

    Example:
      >>> soft = with_top_layers(prem(), [2e3], [2200.0], [900.0], [2100.0])
    """
    properties = (thickness, vp, vs, density)
    columns = [np.atleast_1d(np.asarray(values, float)) for values in properties]
    if len({column.shape for column in columns}) > 1 or columns[0].ndim != 1:
        raise ValueError(
            f"layers have shapes {[column.shape for column in columns]}, expected one "
            "thickness, vp, vs and density for each"
        )
    if not all(np.all((x > 0) & np.isfinite(x)) for x in columns):
        raise ValueError("a layer has a number that is not positive, expected SI units")
    thick, p, s, d = columns
    if np.any(p**2 <= 4 / 3 * s**2):
        raise ValueError("vp is below sqrt(4/3) vs in a layer: no such solid exists")
    if model.ocean:
        raise ValueError("the Earth has an ocean on top; take a model without one")
    surface = float(np.asarray(model.radius)[-1])
    tops = surface - np.concatenate([[0.0], np.cumsum(thick)])
    fluid = np.flatnonzero(~np.asarray(model.shear_modulus).any(axis=1))
    outer = float(np.asarray(model.radius)[fluid[-1] + 1]) if len(fluid) else 0.0
    if tops[-1] <= outer:
        raise ValueError(
            f"layers reach {np.sum(thick) / 1e3:g} km deep, below the solid outer part "
            f"of the Earth, which is {(surface - outer) / 1e3:g} km thick"
        )
    below = refine(model, tops[-1:])
    kept = np.flatnonzero(np.asarray(below.radius)[1:] <= tops[-1] + 1e-6)
    shear = d * s**2
    rows = {
        "density": d,
        "bulk_modulus": d * p**2 - 4 / 3 * shear,
        "shear_modulus": shear,
    }
    joined = {}
    for name, values in rows.items():
        old = np.asarray(getattr(below, name))[kept]
        new = np.zeros((len(values), old.shape[1]))
        new[:, 0] = values[::-1]
        joined[name] = np.concatenate([old, new])
    radius = np.concatenate([np.asarray(below.radius)[: len(kept) + 1], tops[-2::-1]])
    name = f"{model.name}, {len(thick)} local layers"
    return dataclasses.replace(below, radius=radius, name=name, **joined)


def scale_layers(
    model: EarthModel,
    density: ArrayLike = 1.0,
    bulk_modulus: ArrayLike = 1.0,
    shear_modulus: ArrayLike = 1.0,
) -> EarthModel:
    """Multiply properties of each layer by a factor, which may be traced.

    Gravity follows a change of density. Love numbers, and what is made of them up to
    the evidence of heights, can be differentiated in the factors.

    Args:
      model: The Earth.
      density: Factor of the density [-], shape (layer,) or scalar.
      bulk_modulus: Of the bulk modulus [-], likewise.
      shear_modulus: Of the shear modulus [-], likewise.

    Returns:
      The Earth with the same layers.

    Example:
      >>> softer = scale_layers(prem(), shear_modulus=0.9)
    """
    count = len(model.radius) - 1
    wide = lambda factor: jnp.broadcast_to(jnp.asarray(factor, float), count)[:, None]
    return dataclasses.replace(
        model,
        density=jnp.asarray(model.density) * wide(density),
        bulk_modulus=jnp.asarray(model.bulk_modulus) * wide(bulk_modulus),
        shear_modulus=jnp.asarray(model.shear_modulus) * wide(shear_modulus),
    )

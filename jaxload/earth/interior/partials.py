"""How Love numbers depend on density and moduli at depth."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import require_float64
from jaxload.earth.interior.local_layers import scale_layers
from jaxload.earth.interior.model import EarthModel, refine
from jaxload.earth.interior.propagation import Integration
from jaxload.earth.interior.response import load_response

__all__ = ["Sensitivity", "sensitivity"]

# Degrees differentiated together: memory against speed.
_BATCH = 16


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Sensitivity:
    """Partial derivatives of load Love numbers by the properties of layers.

    A property that is larger by a small fraction f in one layer changes the number by f
    times the derivative. The numbers are h', l' and k', in this order, degree 1 in the
    frame CE; gravity follows a change of density, and they are counted in it.

    Attributes:
      radius: Radii of the layer boundaries [m], shape (boundary,).
      density: By the logarithm of the density [-], shape (number, degree, layer).
      bulk_modulus: By that of the bulk modulus [-], of the same shape.
      shear_modulus: By that of the shear modulus [-], of the same shape; 0 in fluids.
    """

    radius: Array
    density: Array
    bulk_modulus: Array
    shear_modulus: Array


def sensitivity(
    model: EarthModel,
    degree: ArrayLike,
    depth: ArrayLike | None = None,
    settings: Integration | None = None,
    period: ArrayLike | None = None,
) -> Sensitivity:
    """Return the derivatives of h', l' and k' by density and moduli of each layer.

    They are exact derivatives of the integration, by reverse differentiation, at about
    15 times the cost of the numbers themselves however many layers there are. Divide by
    the thickness of a layer for a kernel with depth.

    Args:
      model: The Earth, not traced.
      degree: Spherical harmonic degrees, shape (degree,).
      depth: Depths below the surface at which layers are cut beforehand [m], shape
        (cut,), so that kernels resolve them; the layers of the model if None.
      settings: How to integrate; the defaults of `Integration` if None.
      period: Period of the load [s]; None if all is at rest.

    Returns:
      The derivatives, by layer.

    Raises:
      ValueError: If a depth is not inside the Earth, the period is not positive, or JAX
        computes in single precision.

    Example:
      >>> kernel = sensitivity(prem(), [2, 100], depth=1e3 * np.arange(10, 2890, 10))
      >>> kernel.shear_modulus[0, 1]  # of h' at degree 100

    Source:
      Martens et al. (2016), J. Geophys. Res. Solid Earth 121,
      doi:10.1002/2015JB012653, for what they are used for.
    """
    require_float64("Love numbers")
    if depth is not None:
        model = refine(model, model.radius[-1] - jnp.asarray(depth, dtype=float))
    settings = dataclasses.replace(settings or Integration(), chunk=1)
    nameless = dataclasses.replace(model, name="")
    n = jnp.asarray(degree).astype(float)
    # Whole batches: what is compiled once serves again.
    padded = jnp.pad(n, (0, -len(n) % _BATCH), mode="edge").reshape(-1, _BATCH)
    parts = _partials(nameless, padded, settings, period)
    rows = (p.reshape(-1, *p.shape[2:])[: len(n)] for p in parts)
    return Sensitivity(
        jnp.asarray(model.radius), *(jnp.moveaxis(r, 0, 1) for r in rows)
    )


@functools.partial(jax.jit, static_argnames="settings")
def _partials(
    model: EarthModel, degree: Array, settings: Integration, period: ArrayLike | None
) -> tuple[Array, Array, Array]:
    """Return one array for each property, shape (batch, degree, number, layer)."""
    factors = (jnp.ones(len(model.radius) - 1),) * 3

    def love_numbers(factors: tuple[Array, ...], n: Array) -> Array:
        scaled = scale_layers(model, *factors)
        return jnp.concatenate(load_response(scaled, n[None], settings, period))

    slopes = jax.vmap(functools.partial(jax.jacrev(love_numbers), factors))
    return jax.lax.map(slopes, degree)

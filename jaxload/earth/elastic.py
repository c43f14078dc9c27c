"""Love numbers of an Earth model: its response to loads, tides and shear by degree."""

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import require_float64
from jaxload.earth.model import EarthModel
from jaxload.earth.propagation import Integration, propagate

__all__ = ["load_response", "shear_response", "tidal_response"]


def load_response(
    model: EarthModel, degree: ArrayLike, settings: Integration | None = None
) -> tuple[Array, Array, Array]:
    """Return the load Love numbers h', l' and k' of any degrees.

    A surface mass whose potential is V lifts the ground by ``h' V / g``, moves it
    along the surface gradient of ``l' V / g``, and changes the potential to
    ``(1 + k') V``. l' and k' are not multiplied by the degree.

    Degree 1 is given in the frame of the solid Earth's centre of mass (CE), where k'
    is 0. At degree 0, a uniform load, l' and k' are 0.

    Args:
      model: The Earth.
      degree: Spherical harmonic degrees, whole numbers from 0, shape (degree,).
      settings: How to integrate; the defaults of `Integration` if None.

    Returns:
      h', l' and k' [-], each of shape (degree,).

    Raises:
      ValueError: If JAX computes in single precision.

    Source:
      Farrell (1972), section 3, doi:10.1029/RG010i003p00761.
    """
    n = _degrees(degree)
    zero, width = jnp.zeros_like(n), 2 * n + 1
    forcing = jnp.stack([-width, zero, jnp.where(n == 1, 1, width)], axis=1)
    h, l, k = _respond(model, n, forcing, settings)
    return h, jnp.where(n > 0, l, 0), jnp.where(n > 1, k, 0)


def tidal_response(
    model: EarthModel, degree: ArrayLike, settings: Integration | None = None
) -> tuple[Array, Array, Array]:
    """Return the Love numbers h, l and k of any degrees, of a potential from outside.

    Args:
      model: The Earth.
      degree: Spherical harmonic degrees, whole numbers from 2, shape (degree,).
      settings: How to integrate; the defaults of `Integration` if None.

    Returns:
      h, l and k [-], each of shape (degree,); NaN at degrees 0 and 1, where such a
      potential does not deform.

    Raises:
      ValueError: If JAX computes in single precision.

    Source:
      Farrell (1972), section 3, doi:10.1029/RG010i003p00761.
    """
    n = _degrees(degree)
    zero = jnp.zeros_like(n)
    forcing = jnp.stack([zero, zero, jnp.where(n > 1, 2 * n + 1, jnp.nan)], axis=1)
    return _respond(model, n, forcing, settings)


def shear_response(
    model: EarthModel, degree: ArrayLike, settings: Integration | None = None
) -> tuple[Array, Array, Array]:
    """Return the shear Love numbers h'', l'' and k'' of any degrees.

    The traction is the surface gradient of a potential, scaled by
    ``(2 n + 1) / (n (n + 1))`` such that ``k'' = l`` and ``h'' = l - l'``, with l the
    tidal and l' the load Love number.

    Args:
      model: The Earth.
      degree: Spherical harmonic degrees, whole numbers from 2, shape (degree,).
      settings: How to integrate; the defaults of `Integration` if None.

    Returns:
      h'', l'' and k'' [-], each of shape (degree,); NaN at degrees 0 and 1, where such
      a traction does not exist or has a net force.

    Raises:
      ValueError: If JAX computes in single precision.

    Source:
      Okubo & Saito (1983), Bull. Geod. 57, 128, doi:10.1007/BF02520918.
    """
    n = _degrees(degree)
    zero, square = jnp.zeros_like(n), jnp.where(n > 1, n * (n + 1), jnp.nan)
    forcing = jnp.stack([zero, (2 * n + 1) / square, zero], axis=1)
    h, l, k = _respond(model, n, forcing, settings)
    return h, l, k + 1


def _degrees(degree: ArrayLike) -> Array:
    require_float64("Love numbers")
    return jnp.asarray(degree).astype(float)


def _respond(
    model: EarthModel, degree: Array, forcing: Array, settings: Integration | None
) -> tuple[Array, Array, Array]:
    return _combine(propagate(model, degree, settings), degree, forcing)


@jax.jit
def _combine(state: Array, degree: Array, forcing: Array) -> tuple[Array, Array, Array]:
    """Combine the solutions such that radial stress, shear and flux are `forcing`."""
    demanded = jnp.stack([state[:, 1], _drag(state, degree), _flux(state, degree)], 1)
    share = jnp.linalg.solve(demanded, forcing[:, :, None])[:, :, 0]
    h, l, potential = jnp.einsum(
        "drs,ds->rd", state[:, ::2], share, precision=jax.lax.Precision.HIGHEST
    )
    return h, l, potential - 1


def _drag(state: Array, degree: Array) -> Array:
    # A uniform load cannot shear; what it must not do is to slip.
    return jnp.where((degree == 0)[:, None], state[:, 2], state[:, 3])


def _flux(state: Array, degree: Array) -> Array:
    # At degree 1 moving the whole Earth changes neither stress nor flux, and the flux
    # follows from the other two; instead the frame is fixed, by the total potential.
    return jnp.where((degree == 1)[:, None], state[:, 4], state[:, 5])

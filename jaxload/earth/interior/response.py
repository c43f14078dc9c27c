"""Love numbers of an Earth model: its response to loads, tides and shear by degree.

**At rest or with a period.** By default all is at rest: there is no inertia, and the
fluid core follows the potential. With a period the mantle has inertia and the core
moves as a compressible fluid. For PREM the period of the semidiurnal tide changes k' of
degree 2 by 5e-3, h' by 3.5e-3, all by less than 1e-3 from degree 6 on, and less the
longer the period. At long ones a core that is buoyant, as PREM's is in parts, has
resonances of its own, narrow and no other Earth's; beside one of them a number means
little. Beyond some 1,000 h the integration no longer resolves them: take the core at
rest.
A period leaves the moduli as they are; `prem` can give those of another period.

**With an ocean.** A load lies on the ocean's floor, and h, l and k are those of the
floor: its displacement, and the potential there, in units of the load's own potential
and of gravity at the floor. The water stays at rest whatever the period. What gathers
over a sunken floor, or under a risen potential, presses and attracts in turn, and is
part of the response; this does not fade as the water gets shallower, only as it gets
lighter. An Earth wholly covered by water is thus not one with oceans and continents:
for that, take a model without an ocean and count the water as a load.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import is_concrete, require_float64
from jaxload.earth.interior.model import EarthModel
from jaxload.earth.interior.ocean import Water, water_on
from jaxload.earth.interior.propagation import Integration, propagate

__all__ = ["load_response", "shear_response", "tidal_response"]

HIGHEST = jax.lax.Precision.HIGHEST


def load_response(
    model: EarthModel,
    degree: ArrayLike,
    settings: Integration | None = None,
    period: ArrayLike | None = None,
) -> tuple[Array, Array, Array]:
    """Return the load Love numbers h', l' and k' of any degrees.

    A surface mass whose potential is V lifts the ground by ``h' V / g``, moves it
    along the surface gradient of ``l' V / g``, and changes the potential to
    ``(1 + k') V``. l' and k' are not multiplied by the degree.

    Degree 1 is given in the frame of the Earth's own centre of mass (CE), without the
    load, where k' is 0. At degree 0, a uniform load, l' and k' are 0.

    Args:
      model: The Earth.
      degree: Spherical harmonic degrees, whole numbers from 0, shape (degree,).
      settings: How to integrate; the defaults of `Integration` if None.
      period: Period of the forcing [s]; None if all is at rest.

    Returns:
      h', l' and k' [-], each of shape (degree,).

    Raises:
      ValueError: If JAX computes in single precision, or the period is not positive.

    Source:
      Farrell (1972), section 3, doi:10.1029/RG010i003p00761.
    """
    n = _degrees(degree)
    water = water_on(model, n, settings)
    push = -(2 * n + 1) + water.pull
    flux = jnp.where(n == 1, 1, 2 * n + 1)
    forcing = jnp.stack([push, jnp.zeros_like(n), flux], axis=1)
    h, l, k = _respond(model, n, forcing, water, settings, period)
    return h, jnp.where(n > 0, l, 0), jnp.where(n > 1, k, 0)


def tidal_response(
    model: EarthModel,
    degree: ArrayLike,
    settings: Integration | None = None,
    period: ArrayLike | None = None,
) -> tuple[Array, Array, Array]:
    """Return the Love numbers h, l and k of any degrees, of a potential from outside.

    Args:
      model: The Earth.
      degree: Spherical harmonic degrees, whole numbers from 2, shape (degree,).
      settings: How to integrate; the defaults of `Integration` if None.
      period: Period of the forcing [s]; None if all is at rest.

    Returns:
      h, l and k [-], each of shape (degree,); NaN at degrees 0 and 1, where such a
      potential does not deform.

    Raises:
      ValueError: If JAX computes in single precision, or the period is not positive.

    Source:
      Farrell (1972), section 3, doi:10.1029/RG010i003p00761.
    """
    n = _degrees(degree)
    water = water_on(model, n, settings)
    zero, flux = jnp.zeros_like(n), jnp.where(n > 1, water.tide, jnp.nan)
    forcing = jnp.stack([zero, zero, flux], axis=1)
    return _respond(model, n, forcing, water, settings, period)


def shear_response(
    model: EarthModel,
    degree: ArrayLike,
    settings: Integration | None = None,
    period: ArrayLike | None = None,
) -> tuple[Array, Array, Array]:
    """Return the shear Love numbers h'', l'' and k'' of any degrees.

    The traction is the surface gradient of a potential, scaled by
    ``(2 n + 1) / (n (n + 1))`` such that ``k'' = l`` and ``h'' = l - l'``, with l the
    tidal and l' the load Love number.

    Args:
      model: The Earth.
      degree: Spherical harmonic degrees, whole numbers from 2, shape (degree,).
      settings: How to integrate; the defaults of `Integration` if None.
      period: Period of the forcing [s]; None if all is at rest.

    Returns:
      h'', l'' and k'' [-], each of shape (degree,); NaN at degrees 0 and 1, where such
      a traction does not exist or has a net force.

    Raises:
      ValueError: If JAX computes in single precision, or the period is not positive.

    Source:
      Okubo & Saito (1983), Bull. Geod. 57, 128, doi:10.1007/BF02520918.
    """
    n = _degrees(degree)
    zero, square = jnp.zeros_like(n), jnp.where(n > 1, n * (n + 1), jnp.nan)
    forcing = jnp.stack([zero, (2 * n + 1) / square, zero], axis=1)
    water = water_on(model, n, settings)
    h, l, k = _respond(model, n, forcing, water, settings, period)
    return h, l, k + 1


def _degrees(degree: ArrayLike) -> Array:
    require_float64("Love numbers")
    return jnp.asarray(degree).astype(float)


def _respond(
    model: EarthModel,
    degree: Array,
    forcing: Array,
    water: Water,
    settings: Integration | None,
    period: ArrayLike | None,
) -> tuple[Array, Array, Array]:
    state = propagate(model, degree, settings, _period(period))
    return _combine(state, water, degree, forcing)


def _period(period: ArrayLike | None) -> Array | None:
    if period is None:
        return None
    seconds = jnp.asarray(period, dtype=float)
    if is_concrete(seconds) and not (seconds.ndim == 0 and 0 < seconds < jnp.inf):
        raise ValueError(
            f"period is {period}, expected one positive number of seconds, or None "
            "for an Earth at rest"
        )
    return seconds


@jax.jit
def _combine(
    state: Array, water: Water, degree: Array, forcing: Array
) -> tuple[Array, Array, Array]:
    """Combine the solutions such that radial stress, shear and flux are `forcing`.

    What the water does in turn is no part of the forcing, so it is taken away first.
    """
    floor = state[:, ::4]
    stress = state[:, 1] - _through(water.lift, floor)
    flux = state[:, 5] - _through(water.draw, floor)
    demanded = [stress, _drag(state, degree), _framed(flux, state, degree)]
    share = jnp.linalg.solve(jnp.stack(demanded, 1), forcing[:, :, None])[:, :, 0]
    h, l, potential = jnp.einsum("drs,ds->rd", state[:, ::2], share, precision=HIGHEST)
    return h, l, potential - 1


def _through(answer: Array, floor: Array) -> Array:
    return jnp.einsum("rd,drs->ds", answer, floor, precision=HIGHEST)


def _drag(state: Array, degree: Array) -> Array:
    # A uniform load cannot shear; what it must not do is to slip.
    return jnp.where((degree == 0)[:, None], state[:, 2], state[:, 3])


def _framed(flux: Array, state: Array, degree: Array) -> Array:
    # At degree 1 moving the whole Earth changes neither stress nor flux, and the flux
    # follows from the other two; instead the frame is fixed, by the total potential.
    return jnp.where((degree == 1)[:, None], state[:, 4], flux)

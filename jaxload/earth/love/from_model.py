"""Load Love numbers with the reference frame and the Earth they belong to."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxload._check import require_float64
from jaxload.constants import GRAVITATIONAL_CONSTANT
from jaxload.earth.interior.model import EarthModel
from jaxload.earth.interior.propagation import Integration
from jaxload.earth.interior.response import load_response
from jaxload.earth.interior.structure import gravity, ground_radius, material_at
from jaxload.earth.love.tables import LOVE_TABLES, read_love_table

__all__ = [
    "FRAMES",
    "Asymptotes",
    "LoveNumbers",
    "asymptotes",
    "check_frame",
    "in_frame",
    "load_love_numbers",
    "love_numbers",
]

#: Reference frames by where they are fixed: the centre of mass of the solid Earth (CE),
#: of the Earth with its load (CM), the centre of the surface figure (CF).
FRAMES = ("CE", "CM", "CF")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class LoveNumbers:
    """Load Love numbers by degree.

    A surface mass whose potential is V lifts the ground by ``h V / gravity``, moves it
    along the surface gradient of ``l V / gravity``, and changes the potential to
    ``(1 + k) V``. l and k are not multiplied by the degree.

    Attributes:
      h: Of radial displacement [-], shape (degree,), from degree 0.
      l: Of horizontal displacement [-], shape (degree,).
      k: Of the potential [-], shape (degree,).
      radius: Radius of the Earth's solid surface, on which the loads lie [m], scalar.
      gravity: Gravity there [m/s2], scalar.
      frame: Reference frame of degree 1, one of `FRAMES`.
      source: Whence the numbers are.
    """

    h: Array
    l: Array
    k: Array
    radius: Array
    gravity: Array
    frame: str = dataclasses.field(metadata={"static": True})
    source: str = dataclasses.field(default="", metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Asymptotes:
    """Load Love numbers of high degree n in closed form, to first order in 1/n.

    ``h' = h[0] + h[1] / n``, ``n l' = l[0] + l[1] / n``, ``n k' = k[0] + k[1] / n``.

    Attributes:
      h: Limit and next coefficient of h' [-], shape (2,).
      l: Of n l' [-], shape (2,).
      k: Of n k' [-], shape (2,).
    """

    h: Array
    l: Array
    k: Array


def love_numbers(
    model: EarthModel,
    max_degree: int,
    frame: str = "CF",
    settings: Integration | None = None,
    period: float | None = None,
) -> LoveNumbers:
    """Compute the load Love numbers of an Earth, every degree from 0.

    Args:
      model: The Earth.
      max_degree: Last degree, at least 1.
      frame: Reference frame of degree 1, one of `FRAMES`.
      settings: How to integrate; the defaults of `Integration` if None.
      period: Period of the load [s]; None if all is at rest. `load_response` says what
        it changes.

    Returns:
      The Love numbers of an elastic Earth.

    Raises:
      ValueError: If the frame is unknown, `max_degree` is below 1, the period is not
        positive, or JAX computes in single precision.

    Example:
      >>> love = love_numbers(prem(), 10_000, frame="CF")
      >>> love.h[2]

    Source:
      Farrell (1972), doi:10.1029/RG010i003p00761.
    """
    check_frame(frame)
    _check_max_degree(max_degree)
    h, l, k = load_response(model, np.arange(max_degree + 1), settings, period)
    ground = ground_radius(model)
    pull = gravity(model, ground)
    love = LoveNumbers(h, l, k, ground, pull, "CE", f"{model.name}, integrated")
    return in_frame(love, frame)


def load_love_numbers(
    name: str = "prem", frame: str = "CF", max_degree: int | None = None
) -> LoveNumbers:
    """Read load Love numbers that come with the package.

    Args:
      name: Name of the table; "prem" is `prem()`, to degree 40,000.
      frame: Reference frame of degree 1, one of `FRAMES`.
      max_degree: Last degree, at least 1; all there are if None.

    Returns:
      The Love numbers, as `love_numbers` computes them, to 1e-10.

    Raises:
      ValueError: If table or frame are unknown, the table does not reach
        `max_degree`, or JAX computes in single precision.

    Example:
      >>> load_love_numbers("prem", frame="CF", max_degree=10_000)
    """
    require_float64("Love numbers")
    check_frame(frame)
    if name not in LOVE_TABLES:
        raise ValueError(
            f"there is no table {name!r}; there is {', '.join(LOVE_TABLES)}"
        )
    table = read_love_table(name)
    last = len(table.h) - 1
    if max_degree is not None:
        _check_max_degree(max_degree)
        if max_degree > last:
            raise ValueError(
                f"max_degree is {max_degree}, but table {name!r} ends at {last}; "
                "compute more with love_numbers(model, max_degree)"
            )
    kept = slice(None if max_degree is None else max_degree + 1)
    h, l, k = (jnp.asarray(x[kept]) for x in (table.h, table.l, table.k))
    radius, pull = jnp.asarray(table.radius), jnp.asarray(table.gravity)
    love = LoveNumbers(h, l, k, radius, pull, "CE", f"table {name!r}")
    return in_frame(love, frame)


def in_frame(love: LoveNumbers, frame: str) -> LoveNumbers:
    """Express Love numbers in another reference frame.

    Frames differ by a translation alone, so only degree 1 changes: h, l and k drop by
    one and the same number, which is 0 in CE, 1 in CM and (h + 2 l) / 3 in CF with h
    and l of CE.

    Args:
      love: Love numbers in any frame, at least to degree 1.
      frame: The frame wanted, one of `FRAMES`.

    Returns:
      The same Love numbers in `frame`.

    Raises:
      ValueError: If the frame is unknown.

    Source:
      Blewitt (2003), eqs. 38 to 40 and table 1, doi:10.1029/2002JB002082.
    """
    check_frame(frame)
    # k is 0 in CE, so that of any other frame tells how far it is from CE.
    h, l = love.h[1] - love.k[1], love.l[1] - love.k[1]
    origins = {"CE": jnp.zeros_like(h), "CM": jnp.ones_like(h), "CF": (h + 2 * l) / 3}
    shift = origins[frame]
    return dataclasses.replace(
        love,
        h=jnp.asarray(love.h).at[1].set(h - shift),
        l=jnp.asarray(love.l).at[1].set(l - shift),
        k=jnp.asarray(love.k).at[1].set(0 - shift),
        frame=frame,
    )


def asymptotes(model: EarthModel) -> Asymptotes:
    """Return the closed form of the load Love numbers at high degree.

    A load of degree n feels the Earth down to about a/n. Where the topmost layer is
    deeper than that and homogeneous, the numbers follow from its material alone.

    Args:
      model: The Earth; the material on its surface is used.

    Returns:
      The limits and the terms of the next order in 1/n.

    Raises:
      ValueError: If the model has an ocean, or JAX computes in single precision.

    Source:
      Limits: Farrell (1972), section 3, doi:10.1029/RG010i003p00761. Next order: Guo
      et al. (2004), Geophys. J. Int. 159, 53; here as the expansion of the Riccati
      equation of the surface impedance.
    """
    require_float64("Love numbers")
    if model.ocean:
        raise ValueError(
            f"{model.name or 'the model'} has an ocean, for which there is no closed "
            "form; use the same Earth without it"
        )
    rho, lame, shear = _surface_material(model)
    stiff = lame + shear
    squeeze = shear * stiff**2 + lame * stiff - shear**2
    h = (
        -(stiff + shear) / (shear * stiff),
        (rho * squeeze - 2 * shear**3) / (2 * shear**2 * stiff**2),
    )
    slope = rho * (stiff + shear) - 3 * lame**2 - 8 * lame * shear - 3 * shear**2
    l = (1 / stiff, slope / (2 * shear * stiff**2))
    pull = 2 * rho * (shear * stiff + lame) + rho * shear + 2 * lame * shear
    k = (-rho / (2 * shear), rho * pull / (8 * shear**2 * stiff))
    return Asymptotes(jnp.stack(h), jnp.stack(l), jnp.stack(k))


def _surface_material(model: EarthModel) -> tuple[Array, Array, Array]:
    """Return surface density and Lame parameters in the units of `spheroidal`."""
    surface = jnp.asarray(model.radius[-1])
    density, bulk, shear = material_at(model, surface)
    pull, factor = gravity(model, surface), 4 * jnp.pi * GRAVITATIONAL_CONSTANT
    unit = pull**2 / factor
    lame = bulk - 2 / 3 * shear
    return density * factor * surface / pull, lame / unit, shear / unit


def check_frame(frame: str) -> None:
    """Check that a reference frame is one of `FRAMES`.

    Args:
      frame: The name of a frame.

    Raises:
      ValueError: If it is another.
    """
    if frame not in FRAMES:
        raise ValueError(
            f"frame is {frame!r}, expected one of {', '.join(map(repr, FRAMES))}"
        )


def _check_max_degree(max_degree: int) -> None:
    if max_degree < 1:
        raise ValueError(
            f"max_degree is {max_degree}, expected at least 1: degree 1 holds the frame"
        )

"""Displacement of stations by a field of mass.

A field on the globe is best carried by spherical harmonics, which know all of its long
waves and none shorter than its cells; the short waves of a regional field of fine cells
are best carried by a convolution with Green's functions, which knows where each cell
is. Remove and restore joins them: the long waves of the globe are taken out of the
regional field, what is left is convolved, and both displacements are added.
"""

import dataclasses
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxload._check import check_shapes, require_float64
from jaxload.constants import GRAVITATIONAL_CONSTANT, WATER_DENSITY
from jaxload.earth.loading.convolution import Convolution, convolve
from jaxload.earth.loading.mass_field import MassField
from jaxload.earth.loading.places import Places, check_components
from jaxload.earth.love.from_model import LoveNumbers, load_love_numbers
from jaxload.sphere.harmonics.coefficients import Harmonics
from jaxload.sphere.harmonics.scattered import gradient_at, synthesise_at
from jaxload.sphere.harmonics.transform import analyse, synthesise

__all__ = ["Harmonic", "displacement", "harmonic_displacement", "remove_restore"]


@dataclasses.dataclass(frozen=True)
class Harmonic:
    """Carry a field on the globe by spherical harmonics.

    Attributes:
      max_degree: The last degree; the highest that the field's rows resolve if None,
        which is a little below half their number.
    """

    max_degree: int | None = None

    def __post_init__(self) -> None:
        if self.max_degree is not None and self.max_degree < 1:
            raise ValueError(
                f"max_degree is {self.max_degree}, expected at least 1, or None for "
                "the highest that the field resolves"
            )


def displacement(
    field: MassField,
    stations: Places,
    love: LoveNumbers | None = None,
    how: Harmonic | Convolution | None = None,
    components: Sequence[str] = ("up",),
) -> Array:
    """Displacement of stations by a field of mass.

    Not for: fields that end at a border beyond which there is load too; see
    `remove_restore`.

    Args:
      field: The mass, of the whole globe for `Harmonic`; `masked` leaves land or sea.
      stations: Where the ground moves: `lon` and `lat` [degrees], shape (station,).
      love: Load Love numbers; those of PREM in the frame CF if not given.
      how: `Harmonic` or `Convolution`, and its settings; `Harmonic()` if not given.
      components: Which of "up", "north" and "east", in the order wanted.

    Returns:
      Displacement [mm], shape (epoch, component, station).

    Raises:
      ValueError: If the field is not on a regular grid, coordinates are out of range,
        a component is unknown, or float64 is off.

    Example:
      >>> air = from_pressure(pressure, lat, lon, ocean)
      >>> up = displacement(air, stations)[:, 0]

    Source:
      Farrell (1972), doi:10.1029/RG010i003p00761, for both ways.
    """
    require_float64("displacements by a field")
    love = load_love_numbers() if love is None else love
    if isinstance(how, Convolution):
        axes = (field.lat, field.lon)
        return convolve(love, field.load, axes, stations, components, how)
    return harmonic_displacement(_analysed(field, how), stations, love, components)


def remove_restore(
    field: MassField,
    regional: MassField,
    stations: Places,
    love: LoveNumbers | None = None,
    how: tuple[Harmonic, Convolution] | None = None,
    components: Sequence[str] = ("up",),
) -> Array:
    """Compute displacement by a global field, refined where there is a regional one.

    The global field is expanded in spherical harmonics. Its expansion gives the
    displacement by the long waves, and is taken from the regional field; what is left
    there, the short waves, acts by convolution. Where `regional` is not known, and
    beyond its grid, the global field stands.

    The short waves of the global field itself, between its expansion and its cells, are
    left out beyond the region: stations should stand at least a cell of the global
    field, better two, within its border.

    Args:
      field: The mass on the globe.
      regional: The mass in a region on finer cells, at the same epochs.
      stations: Where the ground moves: `lon` and `lat` [degrees], shape (station,).
      love: Load Love numbers; those of PREM in the frame CF if not given.
      how: How to do the one and the other; `(Harmonic(), Convolution())` if not given.
      components: Which of "up", "north" and "east", in the order wanted.

    Returns:
      Displacement [mm], shape (epoch, component, station).

    Raises:
      ValueError: As `displacement`, and if the fields have not the same epochs.
    """
    require_float64("displacements by a field")
    if len(field.load) != len(regional.load):
        raise ValueError(
            f"the regional field has {len(regional.load)} epochs, but the global one "
            f"{len(field.load)}; interpolate one of them in time"
        )
    love = load_love_numbers() if love is None else love
    harmonic, convolution = (Harmonic(), Convolution()) if how is None else how
    waves = _analysed(field, harmonic)
    long = harmonic_displacement(waves, stations, love, components)
    known = synthesise(waves, regional.lat, regional.lon)
    rest = jnp.where(regional.known[None], regional.load - known, 0)
    axes = (regional.lat, regional.lon)
    return long + convolve(love, rest, axes, stations, components, convolution)


def harmonic_displacement(
    load: Harmonics,
    stations: Places,
    love: LoveNumbers,
    components: Sequence[str] = ("up",),
) -> Array:
    """Displacement of stations by the spherical harmonics of a load.

    A load of degree n moves the ground up by ``4 pi G R / g h_n / (2n + 1)`` times
    itself, and along its surface gradient by the same with l_n.

    Args:
      load: Equivalent water height [mm], (epoch, degree, order).
      stations: Where the ground moves: `lon` and `lat` [degrees], shape (station,).
      love: Load Love numbers, at least to the degree of the load.
      components: Which of "up", "north" and "east", in the order wanted.

    Returns:
      Displacement [mm], shape (epoch, component, station).

    Raises:
      ValueError: If the Love numbers end before the load does, a component is unknown,
        or float64 is off.

    Source:
      Farrell (1972), section 2, doi:10.1029/RG010i003p00761.
    """
    require_float64("displacements by a field")
    components = check_components(components)
    lon, lat = (np.asarray(axis, np.float64) for axis in (stations.lon, stations.lat))
    check_shapes(load=(load.cosine, "epoch degree order"))
    moved = {}
    if "up" in components:
        moved["up"] = synthesise_at(_moved(load, love, love.h), lat=lat, lon=lon)
    if {"north", "east"} & set(components):
        potential = _moved(load, love, love.l)
        moved["east"], moved["north"] = gradient_at(potential, lat=lat, lon=lon)
    return jnp.stack([moved[component] for component in components], axis=1)


def _moved(load: Harmonics, love: LoveNumbers, number: Array) -> Harmonics:
    """Multiply a load by a Love number and what makes it a length per length."""
    count = load.cosine.shape[1]
    if len(number) < count:
        raise ValueError(
            f"the Love numbers end at degree {len(number) - 1}, but the load at "
            f"{count - 1}; compute more, or end the load earlier by max_degree="
        )
    degree = jnp.arange(count, dtype=number.dtype)
    water = 4 * np.pi * GRAVITATIONAL_CONSTANT * WATER_DENSITY
    factor = water * love.radius / love.gravity * number[:count] / (2 * degree + 1)
    factor = factor[None, :, None]
    return Harmonics(load.cosine * factor, load.sine * factor)


def _analysed(field: MassField, how: Harmonic | None) -> Harmonics:
    last = how.max_degree if how is not None else None
    last = (len(field.lat) - 1) // 2 if last is None else last
    return analyse(field.load, field.lat, field.lon, last)

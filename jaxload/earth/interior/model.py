"""A layered, spherical, elastic Earth: density and moduli along the radius."""

import dataclasses
from collections.abc import Sequence

import jax
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

from jaxload.constants import EARTH_RADIUS

__all__ = [
    "EarthModel",
    "earth_model",
    "from_velocities",
    "homogeneous",
    "refine",
]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class EarthModel:
    """Density and elastic moduli of a sphere, a polynomial in each layer.

    Within a layer the coordinate t runs linearly with the radius, from 0 at the bottom
    to 1 at the top, and a property of layer j is ``sum_p coefficient[j, p] * t**p``.
    The first coefficient is thus the value at the bottom of the layer, and scaling a
    row scales the property in that layer alone.

    Attributes:
      radius: Radii of the layer boundaries [m], shape (boundary,), increasing from 0
        at the centre to the surface; there is one layer less than boundaries.
      density: Coefficients of the density [kg/m3], shape (layer, power).
      bulk_modulus: Coefficients of the bulk modulus [Pa], shape (layer, power).
      shear_modulus: Coefficients of the shear modulus [Pa], shape (layer, power);
        a row of zeros is a fluid layer.
      name: What the model is called.
      ocean: Number of fluid layers on top. Above the last solid boundary, the ocean's
        floor, water lies at rest; every load lies on the floor.
    """

    radius: Array | NDArray[np.float64]
    density: Array | NDArray[np.float64]
    bulk_modulus: Array | NDArray[np.float64]
    shear_modulus: Array | NDArray[np.float64]
    name: str = dataclasses.field(default="", metadata={"static": True})
    ocean: int = dataclasses.field(default=0, metadata={"static": True})


def earth_model(
    radius: ArrayLike,
    vp: ArrayLike,
    vs: ArrayLike,
    density: ArrayLike,
    name: str = "user",
    ocean: bool = False,
) -> EarthModel:
    """Make a model from rows of radius, velocities and density.

    Between two rows density and velocities are linear in the radius. A radius given
    twice is a discontinuity. Rows may run upward or downward. ``vs = 0`` is a fluid.

    Args:
      radius: Radius [m], shape (row,), from the centre (0) to the surface.
      vp: Compressional velocity [m/s], shape (row,).
      vs: Shear velocity [m/s], shape (row,).
      density: Density [kg/m3], shape (row,).
      name: What the model is called.
      ocean: Whether fluid on top is meant: water at rest, with loads on its floor.
        Without it a fluid surface is refused, for it bears no load.

    Returns:
      The model, one layer per pair of rows of different radius.

    Raises:
      ValueError: If the rows do not describe an elastic sphere with a solid surface
        or, with `ocean`, a fluid one.

    Example:
      >>> earth_model([0, 6.368e6, 6.368e6, 6.371e6], [8e3, 8e3, 1450, 1450],
      ...             [4e3, 4e3, 0, 0], [5500, 5500, 1020, 1020], ocean=True)
    """
    columns = {"radius": radius, "vp": vp, "vs": vs, "density": density}
    rows = {key: np.asarray(value, dtype=float) for key, value in columns.items()}
    _check_rows(rows)
    upward = 1 if rows["radius"][0] < rows["radius"][-1] else -1
    r, p, s, d = (column[::upward] for column in rows.values())
    _check_surface(s, ocean)
    _check_profile(r, p, s, d)
    bottom = np.flatnonzero(np.diff(r) > 0)
    linear = [[Polynomial([c[i], c[i + 1] - c[i]]) for i in bottom] for c in (d, p, s)]
    model = from_velocities(np.append(r[bottom], r[-1]), *linear, name=name)
    solid = np.flatnonzero(s[bottom] > 0)[-1] + 1
    return dataclasses.replace(model, ocean=len(bottom) - int(solid))


def refine(model: EarthModel, radius: ArrayLike) -> EarthModel:
    """Cut the layers of a model at more radii; the Earth stays the same.

    Args:
      model: The Earth.
      radius: Where to cut [m], shape (cut,), between the centre and the surface; a
        radius that is a boundary already changes nothing.

    Returns:
      The same Earth in more layers, each with a coordinate of its own.

    Raises:
      ValueError: If a radius is not inside the Earth.
    """
    old, cuts = np.asarray(model.radius), np.asarray(radius, dtype=float)
    if not np.all((cuts > 0) & (cuts <= old[-1])):
        raise ValueError(
            f"cuts came between {cuts.min():g} and {cuts.max():g} m, expected radii "
            f"above 0 and up to the surface at {old[-1]:g} m"
        )
    new = np.union1d(old, cuts)
    layer = np.searchsorted(old, new[:-1], side="right") - 1
    bottom, width = old[layer], np.diff(old)[layer]
    pieces = [Polynomial(c) for c in np.stack([new[:-1] - bottom, np.diff(new)]).T]
    local = [p / w for p, w in zip(pieces, width)]
    rows = {
        name: _padded(
            [Polynomial(row)(t) for row, t in zip(np.asarray(old_rows), local)]
        )
        for name, old_rows in (
            (name, np.asarray(getattr(model, name))[layer])
            for name in ("density", "bulk_modulus", "shear_modulus")
        )
    }
    ocean = int(np.sum(layer >= len(old) - 1 - model.ocean))
    return dataclasses.replace(model, radius=new, ocean=ocean, **rows)


def homogeneous(
    density: float,
    bulk_modulus: float,
    shear_modulus: float,
    radius: float = EARTH_RADIUS,
    name: str = "homogeneous",
) -> EarthModel:
    """Return a sphere of one material.

    Args:
      density: Density [kg/m3].
      bulk_modulus: Bulk modulus [Pa].
      shear_modulus: Shear modulus [Pa].
      radius: Radius of the sphere [m].
      name: What the model is called.

    Returns:
      The model, one layer.

    Raises:
      ValueError: If a number is not positive and finite.
    """
    properties = np.array([density, bulk_modulus, shear_modulus, radius], dtype=float)
    if not np.all((properties > 0) & np.isfinite(properties)):
        raise ValueError(
            f"a homogeneous sphere came with density, bulk modulus, shear modulus and "
            f"radius {properties.tolist()}, expected positive numbers in SI units"
        )
    rho, bulk, shear = properties[:3, None, None]
    return EarthModel(np.array([0.0, properties[3]]), rho, bulk, shear, name)


def from_velocities(
    radius: NDArray[np.float64],
    density: Sequence[Polynomial],
    vp: Sequence[Polynomial],
    vs: Sequence[Polynomial],
    name: str,
) -> EarthModel:
    """Make a model from polynomials in the coordinate of each layer.

    Args:
      radius: Radii of the layer boundaries [m], shape (boundary,).
      density: Density of each layer [kg/m3].
      vp: Compressional velocity of each layer [m/s].
      vs: Shear velocity of each layer [m/s].
      name: What the model is called.

    Returns:
      The model, without an ocean.
    """
    shear = [d * v**2 for d, v in zip(density, vs)]
    bulk = [d * v**2 - 4 / 3 * m for d, v, m in zip(density, vp, shear)]
    return EarthModel(radius, _padded(density), _padded(bulk), _padded(shear), name)


def _padded(layers: Sequence[Polynomial]) -> NDArray[np.float64]:
    powers = max(len(layer.coef) for layer in layers)
    padded = [np.pad(p.coef, (0, powers - len(p.coef))) for p in layers]
    return np.stack(padded).astype(np.float64)


def _check_rows(rows: dict[str, NDArray[np.float64]]) -> None:
    for name, column in rows.items():
        if column.ndim != 1 or len(column) != len(rows["radius"]) or len(column) < 2:
            raise ValueError(
                f"{name} has shape {column.shape} beside a radius of shape "
                f"{rows['radius'].shape}, expected columns (row,) of at least two rows"
            )
        if not np.all(np.isfinite(column)):
            row = int(np.flatnonzero(~np.isfinite(column))[0])
            raise ValueError(
                f"{name} is {column[row]} in row {row}; give a number there"
            )


def _check_profile(
    radius: NDArray[np.float64],
    vp: NDArray[np.float64],
    vs: NDArray[np.float64],
    density: NDArray[np.float64],
) -> None:
    """Check rows that run upward."""
    step = np.diff(radius)
    once = (
        step[0] > 0 and step[-1] > 0 and not np.any((step[1:] == 0) & (step[:-1] == 0))
    )
    sharp = (vs[1:] > 0) == (vs[:-1] > 0)
    demands = (
        (radius[0] == 0, "the lowest radius is not 0: the rows must reach the centre"),
        (
            np.all(step >= 0),
            "the radii are not sorted; sort the rows from the centre up",
        ),
        (once, "a radius is given twice at an end or three times; drop a row"),
        (np.all(density > 0), "a density is not positive; give kg/m3"),
        (np.all(vs >= 0), "a shear velocity is negative; give 0 for a fluid"),
        (
            np.all(vp**2 > 4 / 3 * vs**2),
            "vp is below sqrt(4/3) vs: no such solid exists",
        ),
        (
            np.all(sharp[step > 0]),
            "vs falls to 0 within a layer; repeat the radius where the fluid begins",
        ),
    )
    for met, complaint in demands:
        if not met:
            raise ValueError(f"an Earth model cannot be made: {complaint}")


def _check_surface(vs: NDArray[np.float64], ocean: bool) -> None:
    """Check that what lies on top is what was asked for, in rows that run upward."""
    if not np.any(vs):
        raise ValueError("an Earth model cannot be made: no row is solid; give some vs")
    if vs[-1] == 0 and not ocean:
        raise ValueError(
            "an Earth model cannot be made: the surface is fluid (vs = 0); pass "
            "ocean=True if it is water over a floor that bears the loads, else make "
            "it crust"
        )
    if vs[-1] != 0 and ocean:
        raise ValueError(
            f"an Earth model cannot be made: ocean=True, but the surface is solid "
            f"(vs = {vs[-1]:g} m/s); end the rows with water or leave ocean out"
        )

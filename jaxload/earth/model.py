"""A layered, spherical, elastic Earth: density and moduli along the radius."""

import dataclasses
from collections.abc import Sequence
from itertools import pairwise

import jax
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

from jaxload.constants import EARTH_RADIUS

__all__ = ["EarthModel", "earth_model", "homogeneous", "prem"]


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
    """

    radius: Array | NDArray[np.float64]
    density: Array | NDArray[np.float64]
    bulk_modulus: Array | NDArray[np.float64]
    shear_modulus: Array | NDArray[np.float64]
    name: str = dataclasses.field(default="", metadata={"static": True})


# PREM's layers from the centre: boundaries [km]; density [g/cm3], vp and vs [km/s] as
# polynomials in r/a. Between 220 km depth and the Moho PREM is transversely isotropic;
# these are the polynomials it gives for an equivalent isotropic Earth, at a period of
# 1 s. Its 3 km of ocean over 12 km of crust are one crust here with the moduli of the
# latter, of such a density that the total mass is kept.
_BOUNDARY = (0, 1221.5, 3480, 3630, 5600, 5701, 5771, 5971, 6151, 6346.6, 6356, 6371)
_LOWER_MANTLE = (7.9565, -6.4761, 5.5283, -3.0807)
_DENSITY = (
    (13.0885, 0, -8.8381),
    (12.5815, -1.2638, -3.6426, -5.5281),
    _LOWER_MANTLE,
    _LOWER_MANTLE,
    _LOWER_MANTLE,
    (5.3197, -1.4836),
    (11.2494, -8.0298),
    (7.1089, -3.8045),
    (2.6910, 0.6924),
    (2.900,),
    (2.28340,),
)
_LIGHTER = (2.600 / 2.28340) ** 0.5
_VP = (
    (11.2622, 0, -6.3640),
    (11.0487, -4.0362, 4.8023, -13.5732),
    (15.3891, -5.3181, 5.5242, -2.5514),
    (24.9520, -40.4673, 51.4832, -26.6419),
    (29.2766, -23.6027, 5.5242, -2.5514),
    (19.0957, -9.8672),
    (39.7027, -32.6166),
    (20.3926, -12.2569),
    (4.1875, 3.9382),
    (6.800,),
    (5.800 * _LIGHTER,),
)
_VS = (
    (3.6678, 0, -4.4475),
    (0,),
    (6.9254, 1.4672, -2.0834, 0.9783),
    (11.1671, -13.7818, 17.4575, -9.2777),
    (22.3459, -17.2473, -2.0834, 0.9783),
    (9.9839, -4.9324),
    (22.3512, -18.5856),
    (8.9496, -4.4597),
    (2.1519, 2.3481),
    (3.900,),
    (3.200 * _LIGHTER,),
)


def prem() -> EarthModel:
    """Return PREM, isotropic, with its ocean spread over the upper crust.

    The top 15 km are one crust with the moduli of 2600 kg/m3, 5.8 km/s and 3.2 km/s
    and a density of 2283.40 kg/m3, which keeps the mass of the Earth.

    Returns:
      The model, 11 layers, radius 6371 km.

    Source:
      Dziewonski & Anderson (1981), table I, doi:10.1016/0031-9201(81)90046-7.
    """
    radius = 1e3 * np.array(_BOUNDARY)
    density, vp, vs = (_localised(table, radius) for table in (_DENSITY, _VP, _VS))
    return _from_velocities(radius, density, vp, vs, "PREM")


def earth_model(
    radius: ArrayLike,
    vp: ArrayLike,
    vs: ArrayLike,
    density: ArrayLike,
    name: str = "user",
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

    Returns:
      The model, one layer per pair of rows of different radius.

    Raises:
      ValueError: If the rows do not describe an elastic sphere with a solid surface.
    """
    columns = {"radius": radius, "vp": vp, "vs": vs, "density": density}
    rows = {key: np.asarray(value, dtype=float) for key, value in columns.items()}
    _check_rows(rows)
    upward = 1 if rows["radius"][0] < rows["radius"][-1] else -1
    r, p, s, d = (column[::upward] for column in rows.values())
    _check_profile(r, p, s, d)
    bottom = np.flatnonzero(np.diff(r) > 0)
    linear = [[Polynomial([c[i], c[i + 1] - c[i]]) for i in bottom] for c in (d, p, s)]
    return _from_velocities(np.append(r[bottom], r[-1]), *linear, name=name)


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
    numbers = np.array([density, bulk_modulus, shear_modulus, radius], dtype=float)
    if not np.all((numbers > 0) & np.isfinite(numbers)):
        raise ValueError(
            f"a homogeneous sphere came with density, bulk modulus, shear modulus and "
            f"radius {numbers.tolist()}, expected positive numbers in SI units"
        )
    rho, bulk, shear = numbers[:3, None, None]
    return EarthModel(np.array([0.0, numbers[3]]), rho, bulk, shear, name)


def _localised(
    table: Sequence[Sequence[float]], radius: NDArray[np.float64]
) -> list[Polynomial]:
    """Turn polynomials in r/a [1e3 SI units] into ones in the layer coordinate."""
    x = radius / EARTH_RADIUS
    ratios = [Polynomial([low, high - low]) for low, high in pairwise(x)]
    return [Polynomial(1e3 * np.array(row))(ratio) for row, ratio in zip(table, ratios)]


def _from_velocities(
    radius: NDArray[np.float64],
    density: Sequence[Polynomial],
    vp: Sequence[Polynomial],
    vs: Sequence[Polynomial],
    name: str,
) -> EarthModel:
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
        (vs[-1] > 0, "the surface is fluid; leave the ocean out or make it crust"),
        (
            np.all(sharp[step > 0]),
            "vs falls to 0 within a layer; repeat the radius where the fluid begins",
        ),
    )
    for met, complaint in demands:
        if not met:
            raise ValueError(f"an Earth model cannot be made: {complaint}")

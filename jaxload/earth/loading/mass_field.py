"""Fields of mass on a regular grid: water, air, sea and soil as equivalent water.

A millimetre of water is a kilogram per square metre, so loads of any origin are counted
in either, and add up.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import check_shapes, is_concrete, whole_array
from jaxload.constants import (
    EARTH_RADIUS,
    SEAWATER_DENSITY,
    STANDARD_GRAVITY,
    WATER_DENSITY,
)
from jaxload.sphere.geometry import cell_area

__all__ = [
    "MassField",
    "area_weights",
    "from_pressure",
    "from_sea_level",
    "from_soil_moisture",
    "from_water",
    "masked",
]

#: Surface pressure on this Earth, from Everest to the strongest anticyclone [Pa].
PRESSURES = (30_000.0, 110_000.0)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class MassField:
    """Mass per area on a regular grid in longitude and latitude.

    The axes are NumPy arrays: they shape the computation, so make a field inside a
    function that is jitted or differentiated, do not pass it in.

    Attributes:
      load: Equivalent water height [mm], that is mass per area [kg/m2], shape (epoch,
        lat, lon).
      known: False where the field says nothing, which is not that nothing is there;
        `load` is 0 there, shape (lat, lon).
      lat: Latitude of the cells' centres [degrees], shape (lat,), equally spaced.
      lon: Longitude of the centres [degrees], shape (lon,), equally spaced, eastward.
    """

    load: Array
    known: Array
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]


def from_water(height: ArrayLike, lat: ArrayLike, lon: ArrayLike) -> MassField:
    """Make a field of equivalent water height.

    Args:
      height: Equivalent water height [mm], shape (epoch, lat, lon). A cell that is NaN
        at every epoch is not known, and carries nothing.
      lat: Latitude of the centres [degrees], shape (lat,).
      lon: Longitude of the centres [degrees], shape (lon,).

    Returns:
      The field.

    Raises:
      ValueError: If shapes disagree, or a cell is NaN at some epochs only.

    Example:
      >>> water = from_water(twsa.values, twsa.lat.values, twsa.lon.values)
    """
    load = whole_array("height", height)
    lat, lon = (np.asarray(axis, np.float64) for axis in (lat, lon))
    check_shapes(height=(load, "epoch lat lon"), lat=(lat, "lat"), lon=(lon, "lon"))
    load = load if jnp.issubdtype(load.dtype, jnp.floating) else load.astype(float)
    _check_gaps(load)
    missing = jnp.isnan(load)
    return MassField(jnp.where(missing, 0, load), ~missing.all(axis=0), lat, lon)


def from_pressure(
    pressure: ArrayLike,
    lat: ArrayLike,
    lon: ArrayLike,
    ocean: ArrayLike | None = None,
    reference: ArrayLike | None = None,
) -> MassField:
    """Make a field of the mass of air above the ground.

    The sea gives way under air as an inverted barometer does: what is left on its floor
    is the mean pressure over all oceans.

    Args:
      pressure: Surface pressure [Pa], shape (epoch, lat, lon).
      lat: Latitude of the centres [degrees], shape (lat,).
      lon: Longitude of the centres [degrees], shape (lon,).
      ocean: Share of each cell that is ocean [-], shape (lat, lon); without it the air
        loads the sea floor as it loads land. The grid must then hold all oceans.
      reference: Pressure that does not load [Pa], shape (lat, lon); the mean of all
        epochs if not given.

    Returns:
      The field: anomalies from the reference.

    Raises:
      ValueError: If shapes disagree, values are not those of a pressure in Pa, or one
        epoch comes without a reference.

    Source:
      Wunsch & Stammer (1997), Atmospheric loading and the oceanic "inverted barometer"
      effect, doi:10.1029/96RG03037.
    """
    pressure = whole_array("pressure", pressure)
    check_shapes(pressure=(pressure, "epoch lat lon"))
    _check_pressure(pressure)
    field = from_water(_anomaly(pressure, reference) / STANDARD_GRAVITY, lat, lon)
    if ocean is None:
        return field
    share = _share("ocean", ocean, field)
    return dataclasses.replace(field, load=_inverted_barometer(field, share))


def from_sea_level(
    height: ArrayLike,
    lat: ArrayLike,
    lon: ArrayLike,
    ocean: ArrayLike | None = None,
    steric: ArrayLike | None = None,
) -> MassField:
    """Make a field of the mass of sea water.

    Args:
      height: Sea-level anomaly [mm], shape (epoch, lat, lon); NaN on land.
      lat: Latitude of the centres [degrees], shape (lat,).
      lon: Longitude of the centres [degrees], shape (lon,).
      ocean: Share of each cell that is ocean [-], shape (lat, lon); all of every cell
        with numbers if not given.
      steric: The part of the anomaly that is warmth or salt, not mass [mm], shape
        (epoch, lat, lon).

    Returns:
      The field.

    Raises:
      ValueError: If shapes disagree, or a cell is NaN at some epochs only.
    """
    height = whole_array("height", height)
    if steric is not None:
        steric = jnp.asarray(steric, height.dtype)
        axes = "epoch lat lon"
        check_shapes(height=(height, axes), steric=(steric, axes))
        height = height - steric
    field = from_water(height * (SEAWATER_DENSITY / WATER_DENSITY), lat, lon)
    return field if ocean is None else masked(field, ocean)


def from_soil_moisture(
    layers: ArrayLike,
    lat: ArrayLike,
    lon: ArrayLike,
    reference: ArrayLike | None = None,
) -> MassField:
    """Make a field of the water in several layers of soil, snow and canopy.

    Args:
      layers: Water in each layer [kg/m2], shape (epoch, layer, lat, lon). A cell that
        is NaN at every epoch, as the sea is, carries nothing.
      lat: Latitude of the centres [degrees], shape (lat,).
      lon: Longitude of the centres [degrees], shape (lon,).
      reference: Water that does not load [kg/m2], shape (lat, lon); the mean of all
        epochs if not given.

    Returns:
      The field: anomalies of the sum of the layers.

    Raises:
      ValueError: If shapes disagree, a layer is missing where another is not, or one
        epoch comes without a reference.
    """
    layers = whole_array("layers", layers)
    check_shapes(layers=(layers, "epoch layer lat lon"))
    return from_water(_anomaly(layers.sum(axis=1), reference), lat, lon)


def masked(field: MassField, share: ArrayLike) -> MassField:
    """Keep the load of land, or of sea, alone.

    Args:
      field: The field.
      share: Share of each cell that is kept [-], 0 to 1, shape (lat, lon).

    Returns:
      The field with every load multiplied by its share.

    Raises:
      ValueError: If the shape is another or a share is not within 0 and 1.
    """
    kept = _share("share", share, field)
    return dataclasses.replace(field, load=field.load * kept[None])


def area_weights(field: MassField) -> Array:
    """Share of the sphere that each row of cells takes, per cell.

    Args:
      field: The field.

    Returns:
      Solid angle of a cell over that of the sphere [-], shape (lat,).
    """
    # A row on a pole ends there: it is half as high as the others.
    half = abs(field.lat[1] - field.lat[0]) / 2
    south = np.clip(field.lat - half, -90, 90)
    north = np.clip(field.lat + half, -90, 90)
    area = cell_area(south, north, abs(field.lon[1] - field.lon[0]))
    share = area / (4 * np.pi * EARTH_RADIUS**2)
    return share.astype(field.load.dtype)


def _anomaly(values: Array, reference: ArrayLike | None) -> Array:
    if reference is not None:
        reference = jnp.asarray(reference, values.dtype)
        check_shapes(values=(values, "epoch lat lon"), reference=(reference, "lat lon"))
        return values - reference[None]
    if len(values) < 2:
        raise ValueError(
            "one epoch has no anomaly from its own mean; give the state that does not "
            "load by reference="
        )
    return values - values.mean(axis=0, keepdims=True)


def _inverted_barometer(field: MassField, ocean: Array) -> Array:
    weight = ocean * area_weights(field)[:, None]
    total = weight.sum()
    mean = jnp.einsum("ejk,jk->e", field.load, weight) / jnp.where(total > 0, total, 1)
    return (1 - ocean)[None] * field.load + ocean[None] * mean[:, None, None]


def _share(name: str, share: ArrayLike, field: MassField) -> Array:
    share = jnp.asarray(share, field.load.dtype)
    check_shapes(load=(field.load, "epoch lat lon"), **{name: (share, "lat lon")})
    if is_concrete(share):
        values = np.asarray(share)
        # Written so that a NaN fails it.
        fine = (values >= 0) & (values <= 1)
        if not fine.all():
            row, column = map(int, np.argwhere(~fine)[0])
            raise ValueError(
                f"{name} is {values[row, column]:g} in row {row}, column {column}, "
                "expected a share within 0 and 1"
            )
    return share


def _check_gaps(load: Array) -> None:
    if not is_concrete(load):
        return
    missing = np.isnan(np.asarray(load))
    some = missing.any(axis=0) & ~missing.all(axis=0)
    if some.any():
        row, column = map(int, np.argwhere(some)[0])
        epoch = int(np.flatnonzero(missing[:, row, column])[0])
        raise ValueError(
            f"the field is NaN at epoch {epoch} in row {row}, column {column}, and in "
            f"{int(some.sum())} cells at some epochs only; fill the gaps, or drop "
            "those epochs"
        )


def _check_pressure(pressure: Array) -> None:
    if not is_concrete(pressure):
        return
    low, high = PRESSURES
    values = np.asarray(pressure)
    values = values[np.isfinite(values)]
    if values.size and not (values.min() >= low and values.max() <= high):
        raise ValueError(
            f"pressure runs from {values.min():g} to {values.max():g}, expected "
            f"surface pressure in Pa within {low:g} and {high:g}; multiply hPa by 100"
        )

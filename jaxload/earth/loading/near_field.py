"""What the cells of a regular grid do to stations that are near them."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from jaxload._platform import map_parts
from jaxload.constants import DEGREE
from jaxload.earth.kernels.rectangle import RectangleKernel, rectangle_response
from jaxload.earth.kernels.table import KernelTable, interpolate_table
from jaxload.earth.loading.far_field import (
    FarTable,
    Geometry,
    Raster,
    displacements,
    look,
    read_far,
)
from jaxload.earth.loading.places import COMPONENTS, responses_of

__all__ = [
    "NearCells",
    "RowDiscs",
    "disc_entries",
    "near_cells",
    "near_sum",
    "rectangle_entries",
]

#: Cells of one station that are summed together.
TOGETHER = 256

#: Memory of such cells for one component on its way [bytes], roughly.
GROUP_BYTES = 2**16


class NearCells(NamedTuple):
    """Groups of cells near a station.

    Attributes:
      station: The station, shape (group,).
      row: Row of each cell, shape (group, TOGETHER); -1 where the group has no more.
      column: Column of each cell, same shape.
    """

    station: NDArray[np.int32]
    row: NDArray[np.int32]
    column: NDArray[np.int32]


class RowDiscs(NamedTuple):
    """The discs that stand for near cells.

    Attributes:
      table: The discs.
      disc: Which of them serves each row, shape (lat,).
      share: A cell's area over that disc's [-], shape (lat,).
    """

    table: KernelTable
    disc: Array
    share: Array


def near_cells(
    station: NDArray[np.float64],
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    reach: float,
) -> NearCells:
    """Find the cells near each station.

    Args:
      station: Longitude and latitude of the stations [degrees], shape (2, station).
      lat: Latitude of the rows [degrees], shape (lat,).
      lon: Longitude of the columns [degrees], shape (lon,).
      reach: Up to where a cell is near [degrees].

    Returns:
      The cells, at least one group.
    """
    limit = np.sin(min(reach, 180.0) * (DEGREE / 2)) ** 2
    groups = [(0, np.full((TOGETHER, 2), -1))]
    for number, (east, north) in enumerate(station.T):
        rows = np.flatnonzero(np.abs(lat - north) <= reach)
        rise = np.sin((lat[rows] - north) * (DEGREE / 2)) ** 2
        level = np.cos(lat[rows] * DEGREE) * np.cos(north * DEGREE)
        half = np.sin((lon - east) * (DEGREE / 2)) ** 2
        row, column = np.nonzero(rise[:, None] + np.outer(level, half) <= limit)
        cells = np.stack([rows[row], column], axis=1)
        cells = np.pad(cells, ((0, -len(cells) % TOGETHER), (0, 0)), constant_values=-1)
        groups += [(number, part) for part in cells.reshape(-1, TOGETHER, 2)]
    numbers, parts = zip(*groups)
    row, column = np.moveaxis(np.stack(parts).astype(np.int32), 2, 0)
    return NearCells(np.array(numbers, np.int32), row, column)


@functools.partial(jax.jit, static_argnames="components")
def disc_entries(
    discs: RowDiscs,
    raster: Raster,
    stations: tuple[Array, Array],
    cells: NearCells,
    components: tuple[str, ...],
) -> Array:
    """Displacement by a unit of water on each near cell, as a disc.

    Args:
      discs: The discs of the rows.
      raster: The grid.
      stations: Latitudes and longitudes [radians], each of shape (station,).
      cells: From `near_cells`.
      components: Which of "up", "north" and "east".

    Returns:
      Displacement per length of water [m/m], shape (component, group, TOGETHER).
    """

    @functools.partial(jax.checkpoint, prevent_cse=False)
    def group(group: NearCells) -> Array:
        row, sight = _see(raster, stations, group)
        chord = 2 * jnp.sqrt(sight.square)
        values = interpolate_table(discs.table, chord, discs.disc[row])
        responses = [discs.share[row] * value for value in values]
        named = dict(zip(discs.table.responses, responses))
        return jnp.stack(displacements(named, sight, components))

    each = GROUP_BYTES * (len(components) + 1)
    return jnp.moveaxis(map_parts(group, cells, each, remake=False), 0, 1)


def rectangle_entries(
    kernel: RectangleKernel,
    sides: tuple[NDArray[np.float64], float],
    places: tuple[NDArray[np.float64], ...],
    cells: NearCells,
    components: tuple[str, ...],
) -> Array:
    """Displacement by a unit of water on each near cell, as it is.

    Args:
      kernel: Reaches as far as any corner of these cells.
      sides: Southern and northern edge of the rows, shape (2, lat), and width of a
        column [degrees].
      places: Longitude and latitude of the stations, shape (2, station), and longitude
        of the columns, shape (lon,) [degrees].
      cells: From `near_cells`.
      components: Which of "up", "north" and "east".

    Returns:
      Displacement per length of water [m/m], shape (component, group, TOGETHER); 0
      where a group has no more cells.
    """
    (south, north), width = sides
    station, lon = places
    there = np.nonzero(cells.row >= 0)
    row, column = cells.row[there], cells.column[there]
    ends = tuple(station[:, cells.station[there[0]]])
    middles = lon[column], (south[row] + north[row]) / 2
    moved = rectangle_response(kernel, ends, middles, width, north[row] - south[row])
    entries = jnp.stack([moved[COMPONENTS.index(name)] for name in components])
    return jnp.zeros((len(components), *cells.row.shape)).at[:, *there].set(entries)


@functools.partial(jax.jit, static_argnames="components")
def near_sum(
    entries: Array,
    far: FarTable,
    raster: Raster,
    load: Array,
    stations: tuple[Array, Array],
    cells: NearCells,
    components: tuple[str, ...],
) -> Array:
    """Sum, over near cells, what they do less what `far_sum` takes them to do.

    Args:
      entries: What they do [m/m], shape (component, group, TOGETHER).
      far: The table that `far_sum` reads.
      raster: The grid.
      load: Equivalent water height [mm], shape (epoch, lat, lon).
      stations: Latitudes and longitudes [radians], each of shape (station,).
      cells: From `near_cells`.
      components: Which of "up", "north" and "east".

    Returns:
      Displacement [mm], shape (epoch, component, station).
    """
    names = responses_of(components)

    @functools.partial(jax.checkpoint, prevent_cse=False)
    def group(part: tuple[Array, NearCells]) -> Array:
        entries, group = part
        row, sight = _see(raster, stations, group)
        taken = [_read_mixed(v, far, sight.square, raster.mix[row]) for v in far.values]
        taken = displacements(dict(zip(names, taken)), sight, components)
        excess = jnp.where((group.row >= 0)[None, :], entries - jnp.stack(taken), 0)
        water = load[:, row, jnp.maximum(group.column, 0)].astype(excess.dtype)
        return jnp.einsum("ck,ek->ec", excess, water, precision="highest")

    parts = (jnp.moveaxis(entries, 1, 0), cells)
    each = GROUP_BYTES * (len(components) + 1) + 16 * TOGETHER * len(load)
    groups = map_parts(group, parts, each, remake=False)
    total = jax.ops.segment_sum(groups, cells.station, len(stations[0]))
    return jnp.moveaxis(total, 0, 2)


def _see(
    raster: Raster, stations: tuple[Array, Array], group: NearCells
) -> tuple[Array, Geometry]:
    """Rows of a group's cells, and where they are as the station sees them."""
    row, column = jnp.maximum(group.row, 0), jnp.maximum(group.column, 0)
    apart = raster.lon[column] - stations[1][group.station]
    half, beside = jnp.sin(apart / 2) ** 2, jnp.sin(apart)
    return row, look(stations[0][group.station], raster.lat[row], half, beside)


def _read_mixed(values: Array, far: FarTable, square: Array, mix: Array) -> Array:
    first, second = (read_far(v, far.start, square) for v in values)
    return mix[:, 0] * first + mix[:, 1] * second

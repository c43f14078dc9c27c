"""What the cells of a regular grid do to stations far from them, row by row.

A disc of small radius a acts, at the distance theta, as its area times what a point
would do, but for a relative a^2 / theta^2, and that share is known too: by the mean
value theorem the action per area is linear in a^2 up to a relative (a / theta)^4 / 20.
So two tables, for two radii, serve the cells of all rows. They are dense enough to be
read linearly in sin(theta / 2), whose square costs one product and one sum per cell.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from jaxload._platform import by_chunks, on_platform
from jaxload.constants import DEGREE
from jaxload.earth.kernels.disc import disc_kernel
from jaxload.earth.kernels.table import KernelTable, interpolate_smooth, tabulate
from jaxload.earth.loading.places import responses_of
from jaxload.earth.love.from_model import LoveNumbers

__all__ = [
    "FarTable",
    "Geometry",
    "Raster",
    "displacements",
    "far_sum",
    "far_table",
    "look",
    "radius_weights",
    "read_far",
]

#: Nodes of the table. Read linearly, it is right to 2e-7 at 2 degrees, and beyond to
#: less by the square of the distance.
NODES = 2**15

#: Memory of a pair of a station and a cell on its way [bytes], roughly.
PAIR_BYTES = 150

#: Radii of its discs over that of the largest: their squares are Chebyshev's nodes.
PAIR = (0.3826834323650898, 0.9238795325112867)


class FarTable(NamedTuple):
    """Responses to two discs, as if their series were endless.

    Attributes:
      values: At equal steps of sin(theta / 2) up to 1 [m/m], shape (response, 2, node).
      start: sin(theta / 2) of the first node [-]. Below it the first value is read.
    """

    values: Array
    start: Array


class Raster(NamedTuple):
    """A regular grid.

    Attributes:
      lat: Latitude of the rows [radians], shape (lat,).
      lon: Longitude of the columns [radians], shape (lon,).
      mix: From `radius_weights`, for the disc as large as a cell of each row [-],
        (lat, 2).
    """

    lat: Array
    lon: Array
    mix: Array


class Geometry(NamedTuple):
    """Where cells are as stations see them, of any shape.

    Attributes:
      square: sin^2(theta / 2) [-].
      north: Cosine of the angle between the station's north and the cell [-].
      east: Cosine of the angle between its east and the cell [-].
    """

    square: Array
    north: Array
    east: Array


def radius_weights(radius: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a disc of each radius takes of the table's two.

    Args:
      radius: Radii of the cells' discs [degrees], shape (disc,).

    Returns:
      Weights [-], shape (disc, 2).
    """
    # Lagrange's, for responses per area, in the area.
    edges = np.sin(radius.max() * np.array(PAIR) * (DEGREE / 2)) ** 2
    area, other = np.sin(radius * (DEGREE / 2))[:, None] ** 2, edges[::-1]
    return area / edges * (area - other) / (edges - other)


def far_table(
    love: LoveNumbers,
    largest: float,
    reach: float,
    responses: tuple[str, ...],
    last: int,
) -> FarTable:
    """Tabulate the responses to two discs from some distance to the antipode.

    Args:
      love: Load Love numbers from degree 0.
      largest: Radius of the largest disc that will be asked for [degrees].
      reach: From where [degrees]; beyond the dense nodes of `kernel_table`.
      responses: Some of "uplift" and "tangential".
      last: The last degree.

    Returns:
      The table.
    """
    kernel = disc_kernel(love, largest * np.array(PAIR), last)
    start = jnp.asarray(np.sin(min(reach, 90.0) * (DEGREE / 2)))
    return _sample(tabulate(kernel, 180.0, responses), start)


@jax.jit
def _sample(table: KernelTable, start: Array) -> FarTable:
    # The antipode's own nodes ring; the smooth responses end level there.
    last = jnp.sin(table.layout.stop / 2)
    chord = 2 * jnp.minimum(jnp.linspace(start, 1, NODES), last)
    discs = [
        jnp.stack(interpolate_smooth(table, chord, jnp.full(NODES, disc)))
        for disc in (0, 1)
    ]
    return FarTable(jnp.stack(discs, axis=1), start)


def read_far(values: Array, start: Array, square: Array) -> Array:
    """Interpolate one response of one disc.

    Args:
      values: At the nodes [m/m], shape (node,).
      start: sin(theta / 2) of the first node [-].
      square: sin^2(theta / 2) [-], any shape.

    Returns:
      The response [m/m], same shape.
    """
    # Not jnp.clip: the index follows from a position known to be in bounds.
    position = jnp.maximum(jnp.sqrt(square) - start, 0) * ((NODES - 1) / (1 - start))
    left = jnp.minimum(position.astype(jnp.int32), NODES - 2)
    here, after = (
        values.at[left + step].get(mode="promise_in_bounds") for step in (0, 1)
    )
    return here + (position - left.astype(position.dtype)) * (after - here)


def look(station_lat: Array, lat: Array, half: Array, beside: Array) -> Geometry:
    """Find cells from stations, from differences in which no digits are lost.

    Args:
      station_lat: Latitude of the stations [radians].
      lat: Latitude of the cells [radians].
      half: sin^2 of half the difference in longitude [-].
      beside: Sine of that difference, cell less station [-].

    Returns:
      What is seen, of the shape to which all these broadcast.
    """
    apart, level = lat - station_lat, jnp.cos(lat)
    square = jnp.sin(apart / 2) ** 2 + level * jnp.cos(station_lat) * half
    north = jnp.sin(apart) + 2 * level * jnp.sin(station_lat) * half
    return Geometry(square, north, level * beside)


def displacements(
    responses: dict[str, Array], sight: Geometry, components: tuple[str, ...]
) -> list[Array]:
    """Turn responses into components.

    Args:
      responses: "uplift", and "tangential" over sin(theta) [m/m], any shape.
      sight: Where the cells are, of the same shape.
      components: Which of "up", "north" and "east".

    Returns:
      Displacement by a unit of water [m/m], an array of that shape per component.
    """
    made = {
        "up": lambda: responses["uplift"],
        "north": lambda: -responses["tangential"] * sight.north,
        "east": lambda: -responses["tangential"] * sight.east,
    }
    return [made[component]() for component in components]


def far_sum(
    table: FarTable,
    raster: Raster,
    load: Array,
    stations: tuple[Array, Array],
    components: tuple[str, ...],
) -> Array:
    """Sum over all cells of a grid, none of which is near.

    Args:
      table: From `far_table`.
      raster: The grid.
      load: Equivalent water height [mm], shape (lat, epoch, lon).
      stations: Latitudes and longitudes [radians], each of shape (station,).
      components: Which of "up", "north" and "east".

    Returns:
      Displacement [mm], shape (epoch, component, station).
    """
    names = responses_of(components)
    apart = raster.lon[None, :] - stations[1][:, None]
    half, beside = jnp.sin(apart / 2) ** 2, jnp.sin(apart)

    shape = (load.shape[1], len(components), len(stations[0]))

    def of_row(part: tuple[Array, Array, Array]) -> Array:
        lat, mix, load = part
        sight = look(stations[0][:, None], lat, half, beside)
        values = jnp.einsum("rdn,d->rn", table.values, mix, precision="highest")
        responses = [read_far(v, table.start, sight.square) for v in values]
        entries = displacements(dict(zip(names, responses)), sight, components)
        load = load.astype(table.values.dtype)
        # A product each: stacked, the entries would be computed over and over.
        parts = [jnp.einsum("sl,el->es", e, load, precision="highest") for e in entries]
        return jnp.stack(parts, axis=1)

    # Going back, a row is computed again rather than remembered.
    @functools.partial(jax.checkpoint, prevent_cse=False)
    def row(total: Array, part: tuple[Array, Array, Array]) -> tuple[Array, None]:
        return total + of_row(part), None

    total = jnp.zeros(shape, table.values.dtype)
    each = PAIR_BYTES * apart.size + 4 * total.nbytes
    return on_platform(
        (raster.lat, raster.mix, load),
        cpu=lambda rows: jax.lax.scan(row, total, rows)[0],
        accelerator=lambda rows: by_chunks(jax.vmap(of_row), rows, each).sum(axis=0),
    )

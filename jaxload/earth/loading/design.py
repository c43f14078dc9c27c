"""From water on cells to displacement at stations."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from jaxload._check import require_float64
from jaxload._platform import chunk_size, on_platform
from jaxload.constants import DEGREE
from jaxload.earth.kernels.disc import DiscKernel
from jaxload.earth.kernels.rectangle import RectangleKernel, rectangle_response
from jaxload.earth.kernels.table import KernelTable, interpolate_table, tabulate
from jaxload.earth.loading.places import (
    Places,
    check_components,
    coordinates,
    local_frames,
    responses_of,
)

__all__ = ["Places", "check_components", "design_matrix"]

#: Entries computed at a time on a CPU: enough for every core, few enough to stay in
#: cache. And the memory of one on its way [bytes], roughly.
ENTRIES, ENTRY_BYTES = 2**15, 1000


def design_matrix(
    kernel: DiscKernel,
    stations: Places,
    grid: Places,
    components: Sequence[str] = ("up",),
    rectangles: RectangleKernel | None = None,
) -> Array:
    """Displacement of every station by a unit of water on every cell.

    The water of a cell lies on a disc about its centre, or, if `rectangles` are given,
    where it does within their reach of a station: beside a cell of 0.25 degrees the
    disc is wrong by some percent, at its corner by more. The kernel is summed at the
    nodes of one table per distinct disc radius and interpolated there: entries agree
    with `disc_uplift` and `disc_tangential`, ringing and all, to a relative 1e-6 where
    the series resolves the discs (q of `disc_kernel` above 10), mostly to 1e-8.
    Differentiable with respect to the Love numbers. Beyond the result it needs memory
    for small parts of it only.

    Args:
      kernel: From `disc_kernel`, with the radius of each cell or one for all.
      stations: Where the ground moves: `lon` and `lat` [degrees], shape (station,).
      grid: Where the water lies: `lon` and `lat` [degrees], shape (cell,).
      components: Some of "up", "north" and "east", in the order wanted. A station in
        the very middle of a disc is not moved sideways by it.
      rectangles: From `rectangle_kernel`, of the same Love numbers: cells that lie
        wholly within its reach of a station are squares in lon and lat, with sides of
        `grid.spacing`. Discs everywhere if None. Not for compensated discs.

    Returns:
      Displacement per equivalent water height [mm/mm], shape (component * station,
      cell): every station's first component, then every station's second. Upward it
      is negative within reach of the load.

    Raises:
      ValueError: If coordinates are missing, not finite or out of range, components
        are unknown or repeated, the kernel was made for another number of cells,
        `rectangles` in another frame or for a grid without spacing, or float64 is off.

    Example:
      >>> kernel = disc_kernel(love, radius=grid.cell_radius)
      >>> design = design_matrix(kernel, stations, grid)
      >>> up, north, east = np.split(
      ...     design_matrix(kernel, stations, grid, ("up", "north", "east")), 3
      ... )
      >>> exact = rectangle_kernel(love, reach=2.0)
      >>> design = design_matrix(kernel, stations, grid, rectangles=exact)
    """
    require_float64("design matrices")
    components = check_components(components)
    station, cell = coordinates("stations", stations), coordinates("grid", grid)
    if kernel.index.ndim and len(kernel.index) != cell.shape[1]:
        raise ValueError(
            f"kernel has {len(kernel.index)} along 'cell', but grid has "
            f"{cell.shape[1]}; make it with radius=grid.cell_radius"
        )
    frame, centre = local_frames(*station), local_frames(*cell)[:, 0]
    disc = np.broadcast_to(kernel.index, len(centre))
    table = tabulate(kernel, _reach(frame[:, 0], centre), responses_of(components))
    near = None
    if rectangles is not None:
        side = _side(kernel, grid, rectangles)
        pairs = _pairs_within(rectangles, frame[:, 0], centre, side)
        near = _rectangles(rectangles, station, cell, pairs, side)
    places = (jnp.asarray(array) for array in (frame, centre, disc))
    return _read(table, *places, components, near)


def _side(kernel: DiscKernel, grid: Places, rectangles: RectangleKernel) -> float:
    """Side of the cells [degrees]."""
    if rectangles.frame != kernel.frame:
        raise ValueError(
            f"rectangles are in the frame {rectangles.frame}, but kernel is in "
            f"{kernel.frame}; make both of the same Love numbers"
        )
    side = getattr(grid, "spacing", None)
    if side is None:
        raise ValueError(
            "grid has no spacing, expected the side of its cells in degrees; make it "
            "with jaxload.sphere, or do without rectangles"
        )
    return float(side)


def _pairs_within(
    rectangles: RectangleKernel,
    station: NDArray[np.float64],
    cell: NDArray[np.float64],
    side: float,
) -> NDArray[np.int64]:
    """Station and cell of the pairs to be replaced, shape (2, pair)."""
    # No corner of a cell is farther than a side from its middle.
    farthest = rectangles.nodes.reach - side * DEGREE
    if farthest <= 0:
        return np.zeros((2, 0), int)
    chord = 2 * np.sin(farthest / 2)
    # 1 - cos(theta) is half the chord's square.
    close = [np.flatnonzero(1 - cell @ vector <= chord**2 / 2) for vector in station]
    return np.stack(
        [np.repeat(np.arange(len(close)), list(map(len, close))), np.concatenate(close)]
    )


#: Share of stations that have a latitude of their own up to which pairs of station and
#: cell are looked for that are alike, and angles that are the same [degrees].
SHARED, SAME = 0.25, 1e-9


class Near(NamedTuple):
    """Entries known better than as discs.

    Attributes:
      station: Of each entry, shape (pair,).
      cell: Of each entry, shape (pair,).
      up, north, east: The entry of each component [m/m], shape (pair,).
    """

    station: Array
    cell: Array
    up: Array
    north: Array
    east: Array


def _rectangles(
    rectangles: RectangleKernel,
    station: NDArray[np.float64],
    cell: NDArray[np.float64],
    pairs: NDArray[np.int64],
    side: float,
) -> Near | None:
    if not pairs.size:
        return None
    first, second = pairs
    some, index = _distinct_pairs(station, cell, pairs)
    ends = tuple(station[:, first[some]]), tuple(cell[:, second[some]])
    entries = rectangle_response(rectangles, *ends, side, side)
    if len(some) < len(first):
        entries = tuple(entry[index] for entry in entries)
    return Near(jnp.asarray(first), jnp.asarray(second), *entries)


def _distinct_pairs(
    station: NDArray[np.float64],
    cell: NDArray[np.float64],
    pairs: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs that differ by more than a turn about the axis, and which each is of.

    Places that are themselves on a grid see cells in the same way along each row.
    """
    first, second = pairs
    whole = np.arange(len(first))
    if len(np.unique(station[1])) > SHARED * station.shape[1]:
        return whole, whole
    east = (cell[0, second] - station[0, first] + 180) % 360 - 180
    keys = np.stack([east, station[1, first], cell[1, second]]) / SAME
    order = np.lexsort(np.round(keys).astype(np.int64))
    ordered = np.round(keys[:, order])
    new = np.append(True, (np.diff(ordered, axis=1) != 0).any(axis=0))
    index = np.empty(len(first), np.int64)
    index[order] = np.cumsum(new) - 1
    return order[new], index


def _reach(station: NDArray[np.float64], cell: NDArray[np.float64]) -> float:
    """The largest distance between a station and a cell [degrees], rounded up."""
    cosine = min((cell @ vector).min() for vector in station)
    return min(float(np.arccos(np.clip(cosine, -1, 1))) / DEGREE + 1e-3, 180.0)


@functools.partial(jax.jit, static_argnames="components")
def _read(
    table: KernelTable,
    frame: Array,
    cell: Array,
    disc: Array,
    components: tuple[str, ...],
    near: Near | None = None,
) -> Array:
    """Read the table part by part, shape (component * station, cell)."""
    by = lambda entries: lambda *places: _discs(table, places, components, entries)
    design = on_platform(
        frame,
        cell,
        disc,
        cpu=by(ENTRIES),
        accelerator=by(max(chunk_size(ENTRY_BYTES), ENTRIES)),
    )
    if near is not None:
        entries = jnp.stack([getattr(near, component) for component in components])
        design = design.at[:, near.station, near.cell].set(
            entries, mode="promise_in_bounds", unique_indices=True
        )
    return design.reshape(-1, len(cell))


def _discs(
    table: KernelTable,
    places: tuple[Array, Array, Array],
    components: tuple[str, ...],
    entries_at_a_time: int,
) -> Array:
    """The table at every pair, shape (component, station, cell)."""
    frame, cell, disc = places
    stations, cells = len(frame), len(cell)
    high, wide = _part(stations, cells, entries_at_a_time)
    across = -(-cells // wide)

    def part(index: Array, design: Array) -> Array:
        # The last parts reach back over their neighbours: all are of one size, and
        # nothing is cut off a larger result in the end.
        top = jnp.minimum(index // across * high, stations - high)
        left = jnp.minimum(index % across * wide, cells - wide)
        frames = jax.lax.dynamic_slice_in_dim(frame, top, high)
        there = jax.lax.dynamic_slice_in_dim(cell, left, wide)
        discs = jax.lax.dynamic_slice_in_dim(disc, left, wide)
        entries = _entries(table, frames, there, discs, components)
        zero = jnp.zeros_like(top)
        return jax.lax.dynamic_update_slice(design, entries, (zero, top, left))

    design = jnp.zeros((len(components), stations, cells), table.values.dtype)
    return jax.lax.fori_loop(0, -(-stations // high) * across, part, design)


def _part(stations: int, cells: int, entries: int) -> tuple[int, int]:
    """Stations and cells of one part, all parts of like size."""
    wide = -(-cells // -(-cells // entries))
    steps = -(-stations // max(entries // wide, 1))
    return -(-stations // steps), wide


# Going back, a part is computed again: its weights would outweigh the result.
@functools.partial(jax.checkpoint, static_argnums=4)
def _entries(
    table: KernelTable,
    frames: Array,
    cell: Array,
    disc: Array,
    components: tuple[str, ...],
) -> Array:
    """Entries of some stations and cells, shape (component, station, cell)."""

    def row(frame: Array) -> Array:
        up, north, east = frame
        across = cell - up[None, :]
        chord = jnp.sqrt((across**2).sum(axis=1))
        values = dict(zip(table.responses, interpolate_table(table, chord, disc)))
        # The table's tangential is over sin(theta), which is the length of what the
        # horizontal vectors see of the cell. The ground moves away from it.
        entries = {
            "up": lambda: values["uplift"],
            "north": lambda: -values["tangential"] * (across @ north),
            "east": lambda: -values["tangential"] * (across @ east),
        }
        return jnp.stack([entries[component]() for component in components])

    return jax.vmap(row, out_axes=1)(frames)

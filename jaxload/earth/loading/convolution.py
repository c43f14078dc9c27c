"""Displacement by a gridded field of mass, without its design matrix.

The sum over cells streams through the rows of the grid: the kernel between all stations
and one row, one matrix product with the row's water at every epoch, the next row. Cells
near a station are then corrected by the table of their own discs.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import (
    check_shapes,
    is_concrete,
    require_float64,
    whole_array,
)
from jaxload._platform import chunk_size, on_platform
from jaxload.constants import DEGREE
from jaxload.earth.kernels.disc import disc_kernel
from jaxload.earth.kernels.rectangle import rectangle_kernel
from jaxload.earth.kernels.table import MARGIN, tabulate
from jaxload.earth.loading.far_field import (
    PAIR_BYTES,
    FarTable,
    Raster,
    far_sum,
    far_table,
    radius_weights,
)
from jaxload.earth.loading.near_field import (
    NearCells,
    RowDiscs,
    disc_entries,
    near_cells,
    near_sum,
    rectangle_entries,
)
from jaxload.earth.loading.places import (
    Places,
    check_components,
    coordinates,
    responses_of,
)
from jaxload.earth.love.from_model import LoveNumbers

__all__ = ["Convolution", "convolve"]

#: Pairs of a station and a cell of one row that a CPU takes at a time, so that memory
#: does not grow with the stations.
PAIRS = 2**19

#: Discs are resolved whose radius [radians] times the last degree is at least this.
RESOLUTION = 10

#: What cells near a station can be.
CELLS = ("disc", "rectangle")

#: Steps of an axis may differ by this share: axes are often stored in single precision.
SPACING_TOLERANCE = 1e-3


@dataclasses.dataclass(frozen=True)
class Convolution:
    """How to convolve a field with Green's functions.

    Attributes:
      cells: What a cell near a station is: "rectangle", which it is indeed, or "disc",
        as in `design_matrix`. Discs overlap and leave gaps: a smooth field on cells of
        1 degree comes out wrong by 7% of its largest displacement, by 0.2% with
        rectangles. With these `max_degree` matters to far cells only.
      max_degree: Where the series of a disc ends; with the Love numbers if None.
      near: Distance up to which cells are near, in radii of the largest disc, at least
        4; the first cell beyond is wrong by a relative near^-4 / 20 as a disc.
    """

    cells: str = "rectangle"
    max_degree: int | None = None
    near: float = 16.0

    def __post_init__(self) -> None:
        if self.cells not in CELLS:
            raise ValueError(f"cells is {self.cells!r}, expected one of {CELLS}")
        if not self.near >= 4:
            raise ValueError(
                f"near is {self.near}, expected at least 4 radii of a disc"
            )


def convolve(
    love: LoveNumbers,
    load: ArrayLike,
    axes: tuple[ArrayLike, ArrayLike],
    stations: Places,
    components: Sequence[str] = ("up",),
    settings: Convolution | None = None,
) -> Array:
    """Displacement of stations by a field of mass on a regular grid.

    Each cell is a disc as large about its centre, as in `design_matrix`, or what it is
    where it is near a station. The matrix itself is never there. Of far cells the
    ringing that a series has because it ends is taken out; but for that, a relative
    1e-5 of the total or less, the result is the matrix's to 1e-6. Differentiable with
    respect to the load and the Love numbers. A land or sea mask is applied beforehand:
    `load * share`, or `jaxload.earth.masked`.

    Args:
      love: Load Love numbers from degree 0.
      load: Equivalent water height [mm], or mass per area [kg/m2], shape (epoch, lat,
        lon); 0, not NaN, where nothing is.
      axes: Latitudes and longitudes of the centres of rows and columns [degrees],
        shapes (lat,) and (lon,), each equally spaced, in either direction; on a part of
        the globe or all of it. A row on a pole has the half of its cells that exists.
      stations: Where the ground moves: `lon` and `lat` [degrees], shape (station,).
      components: Which of "up", "north" and "east", in the order wanted.
      settings: How; the defaults of `Convolution` if None.

    Returns:
      Displacement [mm], shape (epoch, component, station).

    Raises:
      ValueError: If the load holds a NaN, an axis is not equally spaced, shapes
        disagree, coordinates are out of range, components are unknown, the Love numbers
        do not resolve the cells, or float64 is off.

    Example:
      >>> water = np.where(land > 0, land * twsa, 0)
      >>> up = convolve(love, water, (lat, lon), stations)[:, 0]

    Source:
      Farrell (1972), section 2, doi:10.1029/RG010i003p00761.
    """
    require_float64("convolutions")
    settings = Convolution() if settings is None else settings
    components = check_components(components)
    load, lat, lon = _checked(load, *axes)
    station = coordinates("stations", stations)
    last = settings.max_degree or love.h.shape[0] - 1
    grid = _grid(lat, lon)
    reach = _reach(grid, last, settings)
    task = Task(love, last, grid, station, reach, components)
    cells = near_cells(station, lat, lon, reach)
    entries = (_as_discs if settings.cells == "disc" else _as_rectangles)(task, cells)
    far = far_table(love, grid.radius.max(), reach, responses_of(components), last)
    raster, places = _raster(grid), _in_radians(station)
    total = _far(far, raster, load, places, components)
    return total + near_sum(entries, far, raster, load, places, cells, components)


class Grid(NamedTuple):
    """Cells of a regular grid, in degrees.

    Attributes:
      lat: Latitude of the rows, shape (lat,).
      lon: Longitude of the columns, shape (lon,).
      edges: Southern and northern edge of the rows, shape (2, lat).
      width: Width of a column.
      radius: Radius of the disc as large as a cell of each row, shape (lat,).
    """

    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    edges: NDArray[np.float64]
    width: float
    radius: NDArray[np.float64]


class Task(NamedTuple):
    """What is to be summed; in degrees.

    Attributes:
      love: Load Love numbers.
      last: Last degree of discs.
      grid: The cells.
      station: Longitude and latitude, shape (2, station).
      reach: Distance up to which cells are near.
      components: Which of "up", "north" and "east".
    """

    love: LoveNumbers
    last: int
    grid: Grid
    station: NDArray[np.float64]
    reach: float
    components: tuple[str, ...]


def _checked(
    load: ArrayLike, lat: ArrayLike, lon: ArrayLike
) -> tuple[Array, NDArray[np.float64], NDArray[np.float64]]:
    load = whole_array("load", load)
    lat, lon = (np.asarray(axis, np.float64) for axis in (lat, lon))
    check_shapes(load=(load, "epoch lat lon"), lat=(lat, "lat"), lon=(lon, "lon"))
    _check_axis("lat", lat, float(np.abs(lat).max(initial=0)), 90)
    around = float(np.ptp(lon)) * len(lon) / max(len(lon) - 1, 1) if lon.size else 0.0
    _check_axis("lon", lon, around, 360)
    if is_concrete(load):
        missing = np.isnan(np.asarray(load))
        if missing.any():
            epoch, row, column = map(int, np.argwhere(missing)[0])
            raise ValueError(
                f"load holds {int(missing.sum())} NaN, the first at epoch {epoch}, lat "
                f"{lat[row]:g}, lon {lon[column]:g}; put 0 where nothing is known"
            )
    return load, lat, lon


def _check_axis(
    name: str, axis: NDArray[np.float64], extent: float, most: float
) -> None:
    if len(axis) < 2:
        raise ValueError(f"{name} has {len(axis)} values, expected at least 2")
    steps = np.diff(axis)
    mean = steps.mean()
    # Written so that a NaN fails it.
    even = np.abs(steps - mean) < SPACING_TOLERANCE * np.abs(mean)
    if not even.all():
        worst = int(np.argmin(even))
        raise ValueError(
            f"{name} goes from {axis[worst]:g} to {axis[worst + 1]:g} at index "
            f"{worst}, but by {mean:g} on average, expected equal steps; interpolate "
            "the field to a regular grid"
        )
    if extent > most * (1 + SPACING_TOLERANCE):
        raise ValueError(
            f"{name} runs from {axis[0]:g} to {axis[-1]:g}, expected degrees, lat "
            "within 90 and every lon once; are the axes swapped?"
        )


def _grid(lat: NDArray[np.float64], lon: NDArray[np.float64]) -> Grid:
    half = abs(lat[-1] - lat[0]) / (len(lat) - 1) / 2
    width = abs(lon[-1] - lon[0]) / (len(lon) - 1)
    edges = np.clip(lat + np.array([[-half], [half]]), -90, 90)
    south, north = edges * DEGREE
    height = 2 * np.cos((north + south) / 2) * np.sin((north - south) / 2)
    # A cap of angular radius a covers 4 pi sin^2(a / 2).
    radius = 2 * np.arcsin(np.sqrt(width * DEGREE * height / (4 * np.pi))) / DEGREE
    return Grid(lat, lon, edges, width, radius)


def _reach(grid: Grid, last: int, settings: Convolution) -> float:
    """Up to where cells are near [degrees]."""
    largest = grid.radius.max()
    if last * largest * DEGREE < RESOLUTION:
        raise ValueError(
            f"a sum to degree {last} does not resolve cells as large as discs of "
            f"{largest:.3g} degrees, expected at least degree "
            f"{int(RESOLUTION / (largest * DEGREE)) + 1}; take finer cells, "
            "or Love numbers to that degree (in a study, earth.max_degree)"
        )
    # Below this the tables still ring.
    least = 1.02 * (largest + MARGIN / last / DEGREE)
    most = 180.0 if settings.cells == "disc" else 90 - _to_corner(grid)
    return min(max(settings.near * largest, least), most)


def _to_corner(grid: Grid) -> float:
    """More than it is from the middle of a cell to its corner [degrees]."""
    return 1.01 * (grid.width + (grid.edges[1] - grid.edges[0]).max()) / 2


def _raster(grid: Grid) -> Raster:
    lat, lon = grid.lat * DEGREE, grid.lon * DEGREE
    return Raster(*map(jnp.asarray, (lat, lon, radius_weights(grid.radius))))


def _in_radians(station: NDArray[np.float64]) -> tuple[Array, Array]:
    lon, lat = station * DEGREE
    return jnp.asarray(lat), jnp.asarray(lon)


def _as_discs(task: Task, cells: NearCells) -> Array:
    """What near cells do as discs."""
    grid, rows = task.grid, np.unique(np.maximum(cells.row, 0))
    # Slivers at the poles are spread over the least disc that the series resolves.
    spread = np.maximum(grid.radius, 1.001 * RESOLUTION / task.last / DEGREE)
    kernel = disc_kernel(task.love, spread[rows], task.last)
    table = tabulate(kernel, task.reach, responses_of(task.components))
    disc = np.zeros(len(spread), int)
    disc[rows] = kernel.index
    ratio = np.sin(grid.radius * (DEGREE / 2)) / np.sin(spread * (DEGREE / 2))
    discs = RowDiscs(table, jnp.asarray(disc), jnp.asarray(ratio**2))
    places = _in_radians(task.station)
    return disc_entries(discs, _raster(grid), places, cells, task.components)


def _as_rectangles(task: Task, cells: NearCells) -> Array:
    """What near cells do as they are."""
    kernel = rectangle_kernel(task.love, task.reach + _to_corner(task.grid))
    sides, places = (task.grid.edges, task.grid.width), (task.station, task.grid.lon)
    return rectangle_entries(kernel, sides, places, cells, task.components)


@functools.partial(jax.jit, static_argnames="components")
def _far(
    table: FarTable,
    raster: Raster,
    load: Array,
    stations: tuple[Array, Array],
    components: tuple[str, ...],
) -> Array:
    """Go through the stations, some at a time, shape (epoch, component, station)."""
    field = load.transpose(1, 0, 2)
    by = lambda pairs: functools.partial(_far_by, components=components, pairs=pairs)
    wide = max(chunk_size(PAIR_BYTES), PAIRS)
    return on_platform(
        table, raster, field, stations, cpu=by(PAIRS), accelerator=by(wide)
    )


def _far_by(
    table: FarTable,
    raster: Raster,
    field: Array,
    stations: tuple[Array, Array],
    components: tuple[str, ...],
    pairs: int,
) -> Array:
    """Take so many pairs of a station and a cell of a row at a time."""
    count = len(stations[0])
    steps = -(-count // max(pairs // len(raster.lon), 1))
    together = -(-count // steps)
    blocks = [
        jnp.pad(axis, (0, steps * together - count), mode="edge").reshape(steps, -1)
        for axis in stations
    ]

    def block(part: list[Array]) -> Array:
        lat, lon = part
        return far_sum(table, raster, field, (lat, lon), components)

    total = jnp.moveaxis(jax.lax.map(block, blocks), 0, 2)
    return total.reshape(*total.shape[:2], -1)[..., :count]

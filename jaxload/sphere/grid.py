"""Regular cells in lon and lat that cover a region."""

import dataclasses

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.spatial import KDTree
from shapely import MultiPolygon, Polygon

from jaxload.constants import DEGREE, EARTH_RADIUS
from jaxload.sphere.belt import EDGE, is_near, lies_in, on_common_turn, ring_vectors
from jaxload.sphere.operators import laplacian

__all__ = [
    "Grid",
    "cell_at",
    "nearest_cell",
    "raster_grid",
    "regional_grid",
    "to_raster",
]

#: A raster of more cells than this is a slip in the spacing, not a region.
LARGEST_RASTER = 20_000_000


@dataclasses.dataclass(frozen=True, eq=False)
class Grid:
    """Cells of one spacing, numbered eastward in each row, rows from south to north.

    Attributes:
      lon: Longitude of the centres [degrees], shape (cell,); as continuous as the
        region was, so 170 to 190 across the dateline.
      lat: Latitude of the centres [degrees], shape (cell,).
      row: Index of each cell along `lat_axis`, shape (cell,).
      column: Index of each cell along `lon_axis`, shape (cell,).
      spacing: Side of a cell [degrees], in lon and in lat.
      lon_axis: Centres of the enclosing raster [degrees], ascending.
      lat_axis: Likewise.
    """

    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    row: NDArray[np.int64]
    column: NDArray[np.int64]
    spacing: float
    lon_axis: NDArray[np.float64]
    lat_axis: NDArray[np.float64]

    # Here and below in NumPy, not by `geometry`: a grid is float64 on the host however
    # JAX is configured.

    @property
    def cell_area(self) -> NDArray[np.float64]:
        """Area of each cell on the sphere [m2], shape (cell,)."""
        return EARTH_RADIUS**2 * self._row_solid_angle()[self.row]

    @property
    def cell_radius(self) -> NDArray[np.float64]:
        """Angular radius of the disc as large as each cell [degrees], shape (cell,).

        It is the same number to the last bit along a row, so that the radii of a grid
        are as many as its rows.
        """
        # A cap of angular radius a covers 4 pi sin^2(a / 2).
        half = np.arcsin(np.sqrt(self._row_solid_angle() / (4 * np.pi)))
        return (2 * half / DEGREE)[self.row]

    @property
    def periodic(self) -> bool:
        """Whether the first column lies east of the last, all round the Earth."""
        return abs(len(self.lon_axis) * self.spacing - 360) < 1e-3 * self.spacing

    @property
    def laplacian(self) -> sparse.csr_array:
        """The 5-point Laplacian in grid steps, zero outside; see `laplacian`."""
        return laplacian(self)

    def _row_solid_angle(self) -> NDArray[np.float64]:
        """Solid angle of one cell of each row [sr], shape (row,)."""
        # sin(b) - sin(a) = 2 cos((a + b) / 2) sin((b - a) / 2), without cancellation.
        step = self.spacing * DEGREE
        return step * 2 * np.cos(self.lat_axis * DEGREE) * np.sin(step / 2)


def regional_grid(
    region: Polygon | MultiPolygon,
    spacing: float = 0.25,
    buffer: float = 0.0,
    offset: float = 0.0,
) -> Grid:
    """Cover a region, and perhaps a belt around it, with cells.

    A cell belongs if its centre lies in the region or on its outline, or within
    `buffer` of the outline along a great circle, to a centimetre. Edges of
    the region are straight in lon and lat. Cells that would reach over a pole are left
    out. On which turn of longitude the region lies changes no cell.

    Args:
      region: Outline [degrees]; parts on both sides of the date line are joined.
      spacing: Side of a cell [degrees].
      buffer: Width of the belt [degrees of arc], 0 to 90.
      offset: Where the centres are, in cells from the multiples of `spacing`: 0 puts
        the centres on multiples, 0.5 the edges.

    Returns:
      The grid.

    Raises:
      ValueError: If an argument is out of range or no centre falls in the region.

    Example:
      >>> west = shapely.box(-125, 32, -103, 49)
      >>> grid = regional_grid(west, spacing=0.25, buffer=2.0)
    """
    _check_settings(region, spacing, buffer, offset)
    region = on_common_turn(region)
    # Where the region begins decides the turn, and nothing else depends on it.
    turn = 360 * np.floor((region.bounds[0] + 180 + EDGE) / 360)
    region = shapely.transform(region, lambda vertex: vertex - np.array([turn, 0.0]))
    axes = _enclosing_axes(region, spacing, buffer, offset)
    size = len(axes[0]) * len(axes[1])
    if size > LARGEST_RASTER:
        raise ValueError(
            f"spacing {spacing:g} makes a raster of {size:,} cells, more than "
            f"{LARGEST_RASTER:,}; is it in degrees?"
        )
    lon, lat = np.meshgrid(*axes)
    belongs = lies_in(region, lon, lat)
    if buffer > 0:
        outside = ~belongs
        step = min(spacing, buffer) / 20
        belongs[outside] = is_near(region, lon[outside], lat[outside], buffer, step)
    if not belongs.any():
        raise ValueError(
            f"no cell centre falls in the region with spacing {spacing:g} degrees; "
            "make it finer"
        )
    return _pack(axes[0] + turn, axes[1], belongs, spacing)


def _check_settings(
    region: Polygon | MultiPolygon, spacing: float, buffer: float, offset: float
) -> None:
    if not isinstance(region, Polygon | MultiPolygon) or region.is_empty:
        raise ValueError(
            f"region is a {type(region).__name__}, expected a Polygon or MultiPolygon "
            "that is not empty"
        )
    limits = {
        "spacing": (spacing, 0 < spacing <= 30, "above 0 and up to 30 degrees"),
        "buffer": (buffer, 0 <= buffer < 90, "0 to 90 degrees"),
        "offset": (offset, 0 <= offset < 1, "0 to 1 cells"),
    }
    for name, (value, fine, expected) in limits.items():
        if not fine:
            raise ValueError(f"{name} is {value}, expected {expected}")
    west, south, east, north = region.bounds
    if max(abs(south), abs(north)) > 90 + EDGE or east - west > 360 + EDGE:
        raise ValueError(
            f"region spans {west:g} to {east:g} in lon and {south:g} to {north:g} in "
            "lat; are lon and lat swapped?"
        )


def _enclosing_axes(
    region: Polygon | MultiPolygon, spacing: float, buffer: float, offset: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Axes of the raster in which every cell of the grid must lie."""
    west, south, east, north = region.bounds
    lat_axis = _axis(south - buffer, north + buffer, spacing, offset)
    lat_axis = lat_axis[np.abs(lat_axis) + spacing / 2 <= 90 + 1e-9]
    poleward = max(abs(south), abs(north))
    # Meridians converge: the belt spans more degrees of lon than of arc.
    widening = 180.0
    if poleward + buffer < 90:
        ratio = np.sin(buffer * DEGREE) / np.cos(poleward * DEGREE)
        widening = np.arcsin(min(ratio, 1.0)) / DEGREE
    half = min((east - west) / 2 + widening, 180.0)
    middle = (west + east) / 2
    lon_axis = _axis(middle - half, middle + half, spacing, offset)
    return lon_axis[lon_axis < lon_axis[:1] + 360 - (1 - 1e-9) * spacing], lat_axis


def _axis(
    low: float, high: float, spacing: float, offset: float
) -> NDArray[np.float64]:
    first = np.ceil(low / spacing - offset - 1e-9)
    last = np.floor(high / spacing - offset + 1e-9)
    return (np.arange(first, last + 1) + offset) * spacing


def _pack(
    lon_axis: NDArray[np.float64],
    lat_axis: NDArray[np.float64],
    belongs: NDArray[np.bool_],
    spacing: float,
) -> Grid:
    """The cells of a raster that belong, in the smallest raster that holds them."""
    rows = np.flatnonzero(belongs.any(axis=1))
    columns = np.flatnonzero(belongs.any(axis=0))
    lat_axis = lat_axis[rows[0] : rows[-1] + 1]
    lon_axis = lon_axis[columns[0] : columns[-1] + 1]
    row, column = np.nonzero(
        belongs[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    )
    return Grid(
        lon=lon_axis[column],
        lat=lat_axis[row],
        row=row,
        column=column,
        spacing=float(spacing),
        lon_axis=lon_axis,
        lat_axis=lat_axis,
    )


def raster_grid(lon_axis: ArrayLike, lat_axis: ArrayLike) -> Grid:
    """Take every cell of a regular raster, such as that of a gridded product.

    Args:
      lon_axis: Centres [degrees], ascending and evenly spaced.
      lat_axis: Centres [degrees], with the same spacing.

    Returns:
      The grid; values of shape (lat, lon) are reshaped to (cell,) in its order.

    Raises:
      ValueError: If the axes are not evenly spaced, or differently.
    """
    axes = [np.asarray(axis, dtype=np.float64) for axis in (lon_axis, lat_axis)]
    steps = np.concatenate([np.diff(axis) for axis in axes])
    if any(axis.ndim != 1 for axis in axes) or not len(steps) or steps.min() <= 0:
        raise ValueError(
            "the axes of a raster must be 1-D, ascending and longer than 1"
        )
    spacing = float(np.median(steps))
    if np.abs(steps - spacing).max() > 1e-3 * spacing:
        raise ValueError(
            f"the axes step by {steps.min():g} to {steps.max():g} degrees, expected "
            "one spacing in lon and lat"
        )
    belongs = np.ones((len(axes[1]), len(axes[0])), dtype=bool)
    return _pack(axes[0], axes[1], belongs, spacing)


def to_raster(grid: Grid, values: ArrayLike) -> NDArray[np.floating]:
    """Lay values of cells out on the enclosing raster.

    Args:
      grid: The grid.
      values: Values, shape (..., cell); integers become float64.

    Returns:
      The values, shape (..., lat, lon), NaN where there is no cell.

    Raises:
      ValueError: If the last axis does not have one value per cell.
    """
    values = np.asarray(values)
    if values.shape[-1:] != grid.lon.shape:
        raise ValueError(
            f"values have shape {values.shape}, expected {len(grid.lon)} cells last"
        )
    shape = (*values.shape[:-1], len(grid.lat_axis), len(grid.lon_axis))
    floating = np.issubdtype(values.dtype, np.floating)
    raster = np.full(shape, np.nan, dtype=values.dtype if floating else np.float64)
    raster[..., grid.row, grid.column] = values
    return raster


def cell_at(grid: Grid, lon: ArrayLike, lat: ArrayLike) -> NDArray[np.int64]:
    """Find the cell that holds each point.

    Args:
      grid: The grid.
      lon: Longitude [degrees], any turn, shape (point,).
      lat: Latitude [degrees], shape (point,).

    Returns:
      The index of the cell, or -1 for a point outside the grid, shape (point,).
    """
    east, north = (np.asarray(x, dtype=np.float64) for x in (lon, lat))
    # What lies on a side to a millionth of a cell is taken to lie on it.
    steps_east = (east - grid.lon_axis[0]) / grid.spacing + 0.5 + 1e-6
    steps_north = (north - grid.lat_axis[0]) / grid.spacing + 0.5 + 1e-6
    column = np.floor(steps_east % (360 / grid.spacing)).astype(np.int64)
    row = np.floor(steps_north).astype(np.int64)
    shape = (len(grid.lat_axis), len(grid.lon_axis))
    index = np.full(shape, -1)
    index[grid.row, grid.column] = np.arange(len(grid.lon))
    inside = (row >= 0) & (row < shape[0]) & (column < shape[1])
    return np.where(inside, index[row * inside, column * inside], -1)


def nearest_cell(
    grid: Grid, lon: ArrayLike, lat: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find the cell whose centre is nearest to each point.

    Args:
      grid: The grid.
      lon: Longitude [degrees], any turn, shape (point,).
      lat: Latitude [degrees], shape (point,).

    Returns:
      The index of the cell and its distance along a great circle [degrees], each of
      shape (point,).
    """
    tree = KDTree(ring_vectors(grid.lon, grid.lat))
    chord, cell = tree.query(ring_vectors(lon, lat))
    return np.asarray(cell), 2 * np.arcsin(np.minimum(chord / 2, 1)) / DEGREE

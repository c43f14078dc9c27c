"""Difference operators on the cells of a grid, as sparse matrices."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import KDTree

from jaxload.constants import DEGREE, EARTH_RADIUS

__all__ = ["Cells", "diffusion_terms", "first_differences", "identity", "laplacian"]

#: Steps to the west, east, south and north neighbour, as (row, column).
STEPS = ((0, -1), (0, 1), (-1, 0), (1, 0))

#: More than the cells that can be as near as the fourth nearest: a circle about a
#: cell of a lattice passes through 16 others at most, up to a radius of 18 cells.
CANDIDATES = 32

METRICS = ("grid", "sphere")
BOUNDARIES = ("zero", "free", "edge")


class Cells(Protocol):
    """Cells of a regular grid, as `sphere.Grid` has them."""

    @property
    def lon(self) -> NDArray[np.float64]:
        """Longitude of the centres [degrees], shape (cell,)."""
        ...

    @property
    def lat(self) -> NDArray[np.float64]:
        """Latitude of the centres [degrees], shape (cell,)."""
        ...

    @property
    def row(self) -> NDArray[np.int64]:
        """Index of each cell along `lat_axis`, shape (cell,)."""
        ...

    @property
    def column(self) -> NDArray[np.int64]:
        """Index of each cell along `lon_axis`, shape (cell,)."""
        ...

    @property
    def spacing(self) -> float:
        """Side of a cell [degrees]."""
        ...

    @property
    def lon_axis(self) -> NDArray[np.float64]:
        """Centres of the enclosing raster [degrees], ascending."""
        ...

    @property
    def lat_axis(self) -> NDArray[np.float64]:
        """Likewise."""
        ...

    @property
    def cell_area(self) -> NDArray[np.float64]:
        """Area of the cells [m2], shape (cell,)."""
        ...

    @property
    def periodic(self) -> bool:
        """Whether the columns go all round the Earth."""
        ...


def laplacian(
    grid: Cells, metric: str = "grid", boundary: str = "zero"
) -> sparse.csr_array:
    r"""The negative Laplacian from each cell and its four neighbours.

    The step is one cell, so its units are those of the values: with ``metric="grid"``
    an inner row is 4 at the cell and -1 at each neighbour. With ``"sphere"`` it is the
    Laplace-Beltrami operator in units of the step at the equator,
    ``-((f_e - 2 f + f_w) / cos^2 + (cos_n (f_n - f) - cos_s (f - f_s)) / cos)``
    with cosines of the latitude of the centre and of the cell's north and south edge:
    a finite-volume form, so that the matrix times cos(lat) of each row is symmetric.

    Where the columns go all round the Earth, the first is east of the last. At the
    outline of the grid:
      * ``"zero"``: what lies outside is zero. Symmetric in grid steps, and invertible.
      * ``"free"``: nothing flows across. Constants on each connected part are its
        null space, so a prior from it must not be inverted by itself.
      * ``"edge"``: as in the program GNSS2TWS. The first and last cell of each row and
        of each column form the edge, and each is compared with the two nearest cells
        of the edge (2, -1, -1); every other cell with the four nearest of all cells,
        which are not always its neighbours. Ties go to the south and west. Not
        symmetric, singular (constants), and in grid steps only.

    Args:
      grid: The cells.
      metric: ``"grid"`` or ``"sphere"``.
      boundary: ``"zero"``, ``"free"`` or ``"edge"``.

    Returns:
      The operator [per square step], shape (cell, cell).

    Raises:
      ValueError: If a choice is unknown, or ``"edge"`` meets ``"sphere"`` or a grid
        that is too small.

    Source:
      On the sphere: the flux through the sides of a cell, by the divergence theorem.
      Edge stencil: Jiang et al. (2022), GNSS2TWS, GPS Solutions 26:144,
      doi:10.1007/s10291-022-01301-8.
    """
    for name, value, choices in (
        ("metric", metric, METRICS),
        ("boundary", boundary, BOUNDARIES),
    ):
        if value not in choices:
            raise ValueError(f"{name} is {value!r}, expected one of {choices}")
    if boundary == "edge":
        return _edge_stencil(grid, metric)
    neighbour = _neighbours(grid)
    weight = np.ones(neighbour.shape) if metric == "grid" else _sphere_weights(grid)
    here = neighbour >= 0
    diagonal = (weight if boundary == "zero" else weight * here).sum(axis=0)
    cell = np.broadcast_to(np.arange(len(grid.lon)), neighbour.shape)
    return _assemble(
        np.concatenate([cell[0], cell[here]]),
        np.concatenate([cell[0], neighbour[here]]),
        np.concatenate([diagonal, -weight[here]]),
        len(grid.lon),
    )


def _assemble(
    row: NDArray, column: NDArray, value: NDArray, cells: int
) -> sparse.csr_array:
    return sparse.csr_array((value, (row, column)), shape=(cells, cells))


def _index(grid: Cells) -> NDArray[np.int64]:
    """The cell at each place of the raster, -1 for none, with a margin of one."""
    index = np.full((len(grid.lat_axis) + 2, len(grid.lon_axis) + 2), -1)
    index[grid.row + 1, grid.column + 1] = np.arange(len(grid.lon))
    if grid.periodic:
        index[:, 0], index[:, -1] = index[:, -2], index[:, 1]
    return index


def _neighbours(grid: Cells) -> NDArray[np.int64]:
    """The neighbour of each cell in each of `STEPS`, -1 for none, shape (4, cell)."""
    index = _index(grid)
    return np.stack(
        [index[grid.row + 1 + up, grid.column + 1 + east] for up, east in STEPS]
    )


def _sphere_weights(grid: Cells) -> NDArray[np.float64]:
    """Weights of the four neighbours, in the order of `STEPS`, shape (4, cell)."""
    half = grid.spacing / 2
    centre = np.cos(grid.lat * DEGREE)
    south = np.cos((grid.lat - half) * DEGREE) / centre
    north = np.cos((grid.lat + half) * DEGREE) / centre
    return np.stack([centre**-2, centre**-2, south, north])


def _edge_stencil(grid: Cells, metric: str) -> sparse.csr_array:
    edge = _edge_cells(grid)
    if metric != "grid":
        raise ValueError("boundary 'edge' is defined in grid steps; use metric 'grid'")
    if len(edge) < 3 or len(grid.lon) < 5:
        raise ValueError("boundary 'edge' needs 3 cells on the edge and 5 in all")
    inner = np.setdiff1d(np.arange(len(grid.lon)), edge)
    place = np.stack([grid.row, grid.column], axis=1)
    around = len(grid.lon_axis) if grid.periodic else 0
    parts = [
        _compared(edge, edge[_nearest(place[edge], place[edge], 2, around)]),
        _compared(inner, _nearest_of_inner(grid, place, inner)),
    ]
    row, column, value = (np.concatenate(part) for part in zip(*parts))
    return _assemble(row, column, value, len(grid.lon))


def _edge_cells(grid: Cells) -> NDArray[np.int64]:
    """The first and last cell of each row and of each column."""
    seen = []
    around = len(grid.lon_axis) if grid.periodic else None
    for line, along, size in (
        (grid.row, grid.column, around),
        (grid.column, grid.row, None),
    ):
        order = np.lexsort([along, line])
        for cells in np.split(order, np.flatnonzero(np.diff(line[order])) + 1):
            seen += _ends(cells, along[cells], size)
    return np.unique(seen)


def _ends(cells: NDArray, place: NDArray, around: int | None) -> list[int]:
    """First and last of cells in order; those beside the widest gap on a circle."""
    if around is None:
        return [cells[0], cells[-1]]
    gap = np.diff(place, append=place[0] + around)
    last = int(np.argmax(gap))
    return [cells[last], cells[(last + 1) % len(cells)]] if gap[last] > 1 else []


def _compared(
    cell: NDArray, others: NDArray
) -> tuple[NDArray, NDArray, NDArray[np.float64]]:
    """Entries of rows that compare a cell with others: their number, and -1 each."""
    count = others.shape[1]
    row = np.concatenate([cell, np.repeat(cell, count)])
    column = np.concatenate([cell, others.ravel()])
    value = np.full(len(row), -1.0)
    value[: len(cell)] = count
    return row, column, value


def _nearest(
    points: NDArray, others: NDArray, count: int, around: int = 0
) -> NDArray[np.int64]:
    """The nearest of the others but the point itself; of equals, the first.

    Places are (row, column); `around` is the number of columns of a circle, or 0.
    """
    candidates = min(CANDIDATES, len(others))
    tree = KDTree(others, boxsize=[0, around] if around else None)
    distance, index = tree.query(points, k=candidates)
    square = np.rint(distance**2).astype(np.int64)
    order = np.lexsort([index, square], axis=1)
    return np.take_along_axis(index, order, axis=1)[:, 1 : count + 1]


def _nearest_of_inner(grid: Cells, place: NDArray, inner: NDArray) -> NDArray[np.int64]:
    """The four nearest cells of each inner cell, shape (inner, 4)."""
    nearest = _neighbours(grid)[:, inner].T
    # Beside a notch or a hole the four nearest are not the four neighbours.
    notched = np.flatnonzero((nearest < 0).any(axis=1))
    around = len(grid.lon_axis) if grid.periodic else 0
    nearest[notched] = _nearest(place[inner[notched]], place, 4, around)
    return nearest


def first_differences(grid: Cells) -> sparse.csr_array:
    """The difference across each edge between two cells.

    With it as the prior's operator, slopes are penalised instead of curvature; its
    square is the ``"free"`` Laplacian.

    Args:
      grid: The cells.

    Returns:
      The operator, shape (edge, cell): first the eastward differences, then the
      northward ones, neighbour minus cell [per step].
    """
    neighbour = _neighbours(grid)[[1, 3]]
    cell = np.broadcast_to(np.arange(len(grid.lon)), neighbour.shape)
    here = neighbour >= 0
    edge = np.arange(here.sum())
    value = np.repeat([-1.0, 1.0], len(edge))
    place = (np.tile(edge, 2), np.concatenate([cell[here], neighbour[here]]))
    return sparse.csr_array((value, place), shape=(len(edge), len(grid.lon)))


def identity(grid: Cells) -> sparse.csr_array:
    """The operator of ridge regression: each cell's value itself.

    Args:
      grid: The cells.

    Returns:
      The identity, shape (cell, cell).
    """
    return sparse.csr_array(sparse.eye_array(len(grid.lon)))


def diffusion_terms(
    grid: Cells,
) -> tuple[sparse.csr_array, sparse.csr_array, sparse.csr_array]:
    r"""The parts of the operator of diffusion with decay, on finite volumes.

    For any decay k [1/km] and exchange c [-] across the rim, the operator
    ``k M_0 + c M_1 + M_2 / k`` is ``(k^2 - Laplacian) / k`` integrated over each cell
    and divided by the root of its area, with ``-df/dn = c k f`` on the rim. Applied to
    a field it gives white noise of unit variance where the field is what
    `jaxload.inversion.matern_prior` says.

    Args:
      grid: The cells.

    Returns:
      Root of the area [km], diagonal; length of the rim over it [-], diagonal; flux
      out of the cell over it [1/km]; each of shape (cell, cell).

    Source:
      Lindgren, Rue & Lindstrom (2011), doi:10.1111/j.1467-9868.2011.00777.x; here with
      cells for their triangles.
    """
    root = np.sqrt(grid.cell_area) / 1e3
    cosine = np.cos(grid.lat * DEGREE)
    flux = laplacian(grid, "sphere", "free") * (cosine / root)[:, None]
    half = grid.spacing / 2
    north, south = (np.cos((grid.lat + side) * DEGREE) for side in (half, -half))
    sides = np.stack([np.ones_like(north), np.ones_like(north), south, north])
    outside = np.sum(sides * (_neighbours(grid) < 0), axis=0)
    rim = EARTH_RADIUS / 1e3 * grid.spacing * DEGREE * outside
    diagonal = lambda values: sparse.csr_array(sparse.diags_array(values))
    return diagonal(root), diagonal(rim / root), sparse.csr_array(flux)

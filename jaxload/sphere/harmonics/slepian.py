"""Slepian functions: band-limited fields that are concentrated in a region.

Among all fields of spherical harmonics up to a degree, the first has the largest share
of its square in the region, the second the largest of what is orthogonal to it, and so
on. Each share is the eigenvalue of a function; their sum is the Shannon number,
``(L + 1)^2`` times the region's share of the sphere, and about so many functions are
concentrated well.

The localisation matrix is never made: it is an integral over the region of products of
harmonics, so that multiplying by it is a synthesis at the nodes of a quadrature and an
analysis of what comes out. Few of its eigenvalues differ from zero, which an iteration
of a subspace finds.

Source: Simons, Dahlen & Wieczorek (2006), doi:10.1137/S0036144504445765.
"""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxload.constants import DEGREE
from jaxload.sphere.grid import Grid
from jaxload.sphere.harmonics.coefficients import Harmonics
from jaxload.sphere.harmonics.legendre_functions import associated_legendre

__all__ = ["RegionNodes", "SlepianFunctions", "cell_nodes", "slepian_functions"]

Floats = NDArray[np.float64]

#: Functions beyond the Shannon number that are iterated: some in proportion, and some.
WIDER, MORE = 1.5, 40

#: Change of an eigenvalue from which on the iteration has converged, and how often it
#: is repeated at most.
CONVERGED, REPEATED = 1e-12, 60


@dataclasses.dataclass(frozen=True, eq=False)
class RegionNodes:
    """Nodes of a quadrature over a region.

    Attributes:
      lon: Longitude [degrees], shape (node,).
      lat: Latitude [degrees], shape (node,); nodes of one latitude share their work.
      solid_angle: Weight of each node [sr], shape (node,).
    """

    lon: Floats
    lat: Floats
    solid_angle: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class SlepianFunctions:
    """Band-limited fields that are concentrated in a region.

    Attributes:
      harmonics: Of each, with a mean square of 1 over the sphere and orthogonal to each
        other there, shape (function, degree, order).
      concentration: Share of the square of each that lies in the region [-],
        descending, shape (function,).
      shannon_number: Sum of the concentrations of all functions, also of those that
        are left out.
    """

    harmonics: Harmonics
    concentration: Floats
    shannon_number: float


def cell_nodes(grid: Grid, max_degree: int) -> RegionNodes:
    """Make the quadrature over the cells of a grid for products of two harmonics.

    Gauss-Legendre in longitude along each run of cells and in the sine of latitude
    across each row, with as many nodes as harmonics of twice the degree need.

    Args:
      grid: The cells; their union is the region.
      max_degree: Last degree of each of the two.

    Returns:
      The nodes.
    """
    half = grid.spacing / 2
    parts = []
    for row, lat in enumerate(grid.lat_axis):
        columns = np.sort(grid.column[grid.row == row])
        south, north = (np.sin((lat + d) * DEGREE) for d in (-half, half))
        sines, heights = _gauss(south, north, max_degree * grid.spacing * DEGREE)
        runs = np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1)
        for run in runs:
            if not len(run):
                continue
            west, east = grid.lon_axis[run[[0, -1]]] + (-half, half)
            turn = max_degree * (east - west) * DEGREE
            lon, widths = _gauss(west, east, turn)
            places = np.meshgrid(lon, np.arcsin(np.clip(sines, -1, 1)) / DEGREE)
            areas = np.outer(heights, widths * DEGREE)
            parts.append([values.ravel() for values in (*places, areas)])
    return RegionNodes(*np.concatenate(parts, axis=1))


def _gauss(low: float, high: float, phase: float) -> tuple[Floats, Floats]:
    """Nodes and weights between two ends, for waves of that phase at the ends."""
    count = math.ceil(phase / 2 + 1.1 * math.sqrt(phase)) + 1
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return (low + high) / 2 + (high - low) / 2 * nodes, (high - low) / 2 * weights


def slepian_functions(
    nodes: RegionNodes, max_degree: int, least_concentration: float
) -> SlepianFunctions:
    """Find the band-limited functions that are concentrated in a region.

    Args:
      nodes: Quadrature over the region, for twice the degree.
      max_degree: The last degree.
      least_concentration: Share of the square in the region below which functions are
        left out [-], between 0 and 1.

    Returns:
      The `SlepianFunctions`.

    Raises:
      ValueError: If the share is out of range, no function has it, or the degree cannot
        be reached.

    Example:
      >>> nodes = cell_nodes(grid, 20)
      >>> basis = slepian_functions(nodes, 20, least_concentration=0.001)

    Source:
      Simons, Dahlen & Wieczorek (2006), section 4, doi:10.1137/S0036144504445765.
    """
    if not 0 < least_concentration < 1:
        raise ValueError(
            f"the least concentration is {least_concentration:g}, expected a share "
            "between 0 and 1"
        )
    shannon = (max_degree + 1) ** 2 * nodes.solid_angle.sum() / (4 * np.pi)
    kernel = _Localisation(nodes, max_degree)
    size = min(math.ceil(WIDER * shannon) + MORE, (max_degree + 1) ** 2)
    while True:
        shares, vectors = _leading(kernel, size, least_concentration)
        if shares[-1] < least_concentration / 10 or size == (max_degree + 1) ** 2:
            break
        size = min(2 * size, (max_degree + 1) ** 2)
    kept = shares >= least_concentration
    if not kept.any():
        raise ValueError(
            f"no function of degree {max_degree} has a share of "
            f"{least_concentration:g} of its square in the region, the best has "
            f"{shares[0]:.2g}; take a higher degree, a larger region or a smaller share"
        )
    chosen = vectors[:, kept]
    largest = np.abs(chosen).argmax(axis=0)
    chosen = chosen * np.sign(chosen[largest, np.arange(chosen.shape[1])])
    cosine, sine = chosen.T.reshape(-1, 2, max_degree + 1, max_degree + 1).swapaxes(
        0, 1
    )
    functions = Harmonics(jnp.asarray(cosine), jnp.asarray(sine))
    return SlepianFunctions(functions, shares[kept], float(shannon))


class _Localisation:
    """The localisation matrix of a region, as a map of coefficients."""

    def __init__(self, nodes: RegionNodes, max_degree: int) -> None:
        lat, row = np.unique(nodes.lat, return_inverse=True)
        order = np.argsort(row, kind="stable")
        self.bounds = np.searchsorted(row[order], np.arange(len(lat) + 1))
        angle = np.arange(max_degree + 1) * (nodes.lon[order] * DEGREE)[:, None]
        self.waves = np.stack([np.cos(angle), np.sin(angle)])
        self.weight = nodes.solid_angle[order] / (4 * np.pi)
        functions = np.asarray(associated_legendre(lat, max_degree))
        self.functions = np.ascontiguousarray(functions.transpose(1, 2, 0))
        self.count = max_degree + 1

    def mask(self) -> Floats:
        """One where there is such a coefficient, flat."""
        exists = np.tril(np.ones((2, self.count, self.count)))
        exists[1, :, 0] = 0
        return exists.ravel()

    def __matmul__(self, vectors: Floats) -> Floats:
        """Integrate fields times harmonics over the region, shape (flat, vector)."""
        width = vectors.shape[1]
        by_order = vectors.reshape(2, self.count, self.count, width)
        by_order = by_order.transpose(0, 2, 1, 3)
        sums = np.matmul(self.functions, by_order)  # (2, order, row, vector)
        for row, (first, end) in enumerate(zip(self.bounds, self.bounds[1:])):
            waves = self.waves[:, first:end].transpose(0, 2, 1).reshape(-1, end - first)
            field = waves.T @ sums[:, :, row].reshape(-1, width)
            field *= self.weight[first:end, None]
            sums[:, :, row] = (waves @ field).reshape(2, self.count, width)
        back = np.matmul(self.functions.transpose(0, 2, 1), sums)
        return back.transpose(0, 2, 1, 3).reshape(-1, width)


def _leading(kernel: _Localisation, size: int, least: float) -> tuple[Floats, Floats]:
    """Largest eigenvalues, descending, and their vectors, by subspace iteration."""
    mask = kernel.mask()
    start = np.random.default_rng(0).standard_normal((len(mask), size))
    basis = np.linalg.qr(start * mask[:, None])[0]
    shares, vectors, image = _rotated(kernel, basis)
    for _ in range(REPEATED):
        before = shares[shares >= least / 10]
        shares, vectors, image = _rotated(kernel, np.linalg.qr(image)[0])
        change = np.abs(shares[: len(before)] - before)
        if len(before) and change.max() < CONVERGED:
            break
    return np.clip(shares, 0, 1), vectors


def _rotated(kernel: _Localisation, basis: Floats) -> tuple[Floats, Floats, Floats]:
    """Eigenvalues of the matrix in a subspace, descending, vectors and their images."""
    image = kernel @ basis
    small = basis.T @ image
    shares, turn = np.linalg.eigh((small + small.T) / 2)
    turn = turn[:, ::-1]
    return shares[::-1], basis @ turn, image @ turn

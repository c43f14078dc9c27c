"""A disc kernel tabulated over distance, to a relative 1e-6 of its sum over degrees.

The table holds the sum itself near the discs and near their antipode, where nodes are
dense. Between them the sum rings with the wavelength of its last degree, by a relative
1e-5 or so, which graded nodes could not follow: there it holds what is left without
that (see `truncation`), which is put back where the table is read.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray
from scipy.special import wrightomega

from jaxload.constants import DEGREE
from jaxload.earth.discs import DiscKernel, disc_uplift
from jaxload.earth.truncation import cut_terms, cut_weights

__all__ = ["KernelTable", "read_table", "tabulate"]

#: Nodes per half wavelength of the last degree, where the table follows the ringing.
OVERSAMPLING = 6

#: Nodes from pole to pole, however low the last degree.
FEWEST = 100

#: How far beyond the largest disc it does so, in radians times the last degree.
MARGIN = 200.0

#: Between, nodes are this far apart, as a fraction of the distance to the disc, ...
GRADING = 0.1

#: ... but never farther than half a wavelength of this degree: tables of Love numbers
#: are uneven at the 1e-4 level up to degree 1,000.
ROUGHNESS_DEGREE = 2000

#: Nodes per interpolating polynomial.
STENCIL = 8


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Layout:
    """Where the nodes are: dense [0, start], graded [start, stop], dense [stop, pi].

    Attributes:
      step: Distance of dense nodes [radians].
      edge: Radius of the largest disc [radians].
      start: Where the graded nodes begin [radians].
      stop: Where they end and nodes count from the antipode [radians].
      scale: Graded nodes per unit of `_graded` [-].
      counts: Number of dense, of graded, and of antipodal dense nodes.
    """

    step: float
    edge: float
    start: float
    stop: float
    scale: float
    counts: tuple[int, int, int] = dataclasses.field(metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class KernelTable:
    """Uplift per length of water, tabulated over distance.

    Attributes:
      values: At the nodes, less the terms at the cut on graded ones [m/m], shape
        (disc, node).
      cut: From `cut_weights` [m/m], shape (4, disc).
      edge: Chord of each disc's radius [-], shape (disc,).
      layout: Where the nodes are.
      last: The last degree of the sum.
    """

    values: Array
    cut: Array
    edge: Array
    layout: Layout
    last: int = dataclasses.field(metadata={"static": True})


def tabulate(kernel: DiscKernel, reach: float) -> KernelTable:
    """Sum the kernel at the nodes of a table.

    Args:
      kernel: The discs.
      reach: The largest distance that will be asked for [degrees], up to 180.

    Returns:
      The table.
    """
    last = kernel.load.shape[0] - 1
    layout = _lay_out(last, float(kernel.radius[-1]) * DEGREE, reach * DEGREE)
    nodes = jnp.asarray(_nodes(layout))
    return _fill(kernel, layout, nodes)


def read_table(table: KernelTable, chord: Array, disc: Array) -> Array:
    """Interpolate in a table.

    Args:
      table: The table.
      chord: Distances as chords of the unit sphere, 2 sin(theta / 2) [-], shape
        (node,), up to the table's reach.
      disc: Which disc each is a distance from, shape (node,).

    Returns:
      Uplift per length of water [m/m], shape (node,).
    """
    layout = table.layout
    theta = 2 * jnp.arcsin(jnp.minimum(chord / 2, 1))
    position, first, count = _position(layout, theta)
    left = jnp.clip(position.astype(int) - (STENCIL // 2 - 1), 0, count - STENCIL)
    origin = disc * table.values.shape[1] + first + left
    flat, value = table.values.ravel(), jnp.zeros_like(theta)
    for node, weight in enumerate(_lagrange(position - left.astype(position.dtype))):
        value += weight * flat.at[origin + node].get(mode="promise_in_bounds")
    if layout.counts[1] == 0:
        return value
    graded = (theta > layout.start) & (theta <= layout.stop)
    # Elsewhere the terms may be singular: take them at a harmless distance.
    there = jnp.where(graded, theta, layout.start)
    known = cut_terms(there, table.edge[disc], table.cut[:, disc], table.last)
    return value + jnp.where(graded, known, 0)


@jax.jit
def _fill(kernel: DiscKernel, layout: Layout, nodes: Array) -> KernelTable:
    last = kernel.load.shape[0] - 1
    edge = 2 * jnp.sin(kernel.radius * (DEGREE / 2))
    weights = cut_weights(kernel.load[-2], kernel.load[-1], edge, last)
    cut = kernel.uplift[-1] * weights
    dense, graded, _ = layout.counts
    middle = slice(dense, dense + graded)
    known = cut_terms(nodes[middle, None], edge[None, :], cut[:, None, :], last)
    values = disc_uplift(kernel, nodes / DEGREE).at[middle].add(-known)
    return KernelTable(values.T, cut, edge, layout, last)


def _lay_out(last: int, edge: float, reach: float) -> Layout:
    # A whole number of steps from pole to pole, so that the antipode is a node.
    step = math.pi / max(OVERSAMPLING * last, FEWEST)
    width = MARGIN / last
    start, stop = edge + width, math.pi - width
    if reach <= start or start >= stop:
        # So few degrees, or so near, that dense nodes serve everywhere.
        counts = (_dense(reach, step), 0, 0)
        return Layout(step, edge, math.pi, math.pi, 1.0, counts)
    length = _graded(min(reach, stop) - edge, width, math.log)
    graded = max(math.ceil(length), STENCIL - 1)
    beyond = _dense(math.pi - stop, step) if reach > stop else 0
    counts = (_dense(start, step), graded + 1, beyond)
    return Layout(step, edge, start, stop, graded / length, counts)


def _dense(length: float, step: float) -> int:
    """Nodes from 0 to a length or beyond it, but not beyond pi."""
    wanted = max(math.ceil(length / step), STENCIL - 1)
    return min(wanted, round(math.pi / step)) + 1


def _graded(distance: Any, width: Any, log: Callable[[Any], Any]) -> Any:
    """Count nodes from `width` to `distance` beyond the edge: log, then uniform."""
    uniform = (distance - width) * (ROUGHNESS_DEGREE / math.pi)
    return log(distance / width) / GRADING + uniform


def _graded_distance(count: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """The inverse of `_graded`; the omega function solves x + log(x) = z."""
    rate = GRADING * ROUGHNESS_DEGREE / math.pi
    start = width * rate
    return wrightomega(GRADING * count + start + math.log(start)).real / rate


def _nodes(layout: Layout) -> NDArray[np.float64]:
    """Distances of the nodes [radians], shape (node,)."""
    dense, graded, beyond = layout.counts
    width = layout.start - layout.edge
    middle = layout.edge + _graded_distance(np.arange(graded) / layout.scale, width)
    near, back = layout.step * np.arange(dense), layout.step * np.arange(beyond)
    return np.minimum(np.concatenate([near, middle, np.pi - back]), np.pi)


def _position(layout: Layout, theta: Array) -> tuple[Array, Array, Array]:
    """Place in its range of nodes, the range's first node, and its number of nodes."""
    dense, graded, beyond = layout.counts
    position = theta / layout.step
    first, count = jnp.zeros(theta.shape, int), jnp.full(theta.shape, dense)
    if graded:
        width = layout.start - layout.edge
        distance = jnp.maximum(theta - layout.edge, width)
        place = layout.scale * _graded(distance, width, jnp.log)
        middle = theta > layout.start
        position = jnp.where(middle, place, position)
        first, count = jnp.where(middle, dense, first), jnp.where(middle, graded, count)
    if beyond:
        back = theta > layout.stop
        position = jnp.where(back, (math.pi - theta) / layout.step, position)
        first = jnp.where(back, dense + graded, first)
        count = jnp.where(back, beyond, count)
    return position, first, count


def _lagrange(place: Array) -> list[Array]:
    """Weights of Lagrange's polynomial through the nodes 0 to STENCIL - 1."""
    weights = []
    for node in range(STENCIL):
        others = [other for other in range(STENCIL) if other != node]
        weight = 1 / math.prod(node - other for other in others)
        for other in others:
            weight = weight * (place - other)
        weights.append(weight)
    return weights

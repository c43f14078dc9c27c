"""Disc kernels tabulated over distance, to a relative 1e-6 of their sum over degrees.

The table holds the sum itself near the discs and near their antipode, where nodes are
dense. Between them the sum rings with the wavelength of its last degree, by a relative
1e-5 or so, which graded nodes could not follow: there it holds what is left without
that (see `truncation`), which is put back where the table is read.

Of the tangential displacement the table holds the quotient by sin(theta): it is even
about the disc's middle and about the antipode, where the displacement itself is 0 and
has no direction.
"""

import dataclasses
import functools
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
from jaxload.earth.kernels.disc import DiscKernel, disc_tangential, disc_uplift
from jaxload.earth.kernels.truncation import cut_slopes, cut_terms, cut_weights

__all__ = ["KernelTable", "interpolate_smooth", "interpolate_table", "tabulate"]

#: How the response of the Earth falls with the degree, by response.
DECAY = {"uplift": 0, "tangential": 1}

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
    """Responses per length of water, tabulated over distance.

    Attributes:
      values: At the nodes, less the terms at the cut on graded ones [m/m], shape
        (response, disc, node).
      cut: From `cut_weights` [m/m], shape (response, 4, disc).
      edge: Chord of each disc's radius [-], shape (disc,).
      layout: Where the nodes are.
      last: The last degree of the sum.
      responses: "uplift"; "tangential", which is divided by sin(theta).
    """

    values: Array
    cut: Array
    edge: Array
    layout: Layout
    last: int = dataclasses.field(metadata={"static": True})
    responses: tuple[str, ...] = dataclasses.field(metadata={"static": True})


def tabulate(
    kernel: DiscKernel, reach: float, responses: tuple[str, ...] = ("uplift",)
) -> KernelTable:
    """Sum the kernel at the nodes of a table.

    Args:
      kernel: The discs.
      reach: The largest distance that will be asked for [degrees], up to 180.
      responses: Some of "uplift" and "tangential".

    Returns:
      The table.
    """
    last = kernel.load.shape[0] - 1
    layout = _lay_out(last, float(kernel.radius[-1]) * DEGREE, reach * DEGREE)
    nodes = jnp.asarray(_nodes(layout))
    return _fill(kernel, layout, nodes, responses)


def interpolate_table(table: KernelTable, chord: Array, disc: Array) -> list[Array]:
    """Interpolate in a table.

    Args:
      table: The table.
      chord: Distances as chords of the unit sphere, 2 sin(theta / 2) [-], shape
        (node,), up to the table's reach.
      disc: Which disc each is a distance from, shape (node,).

    Returns:
      Each response per length of water [m/m], each of shape (node,).
    """
    layout, theta = table.layout, _angle(chord)
    values = _interpolate(table, theta, disc)
    if layout.counts[1] == 0:
        return values
    graded = (theta > layout.start) & (theta <= layout.stop)
    # Elsewhere the terms may be singular: take them at a harmless distance.
    there, edge = jnp.where(graded, theta, layout.start), table.edge[disc]
    total = []
    for response, value, cut in zip(table.responses, values, table.cut):
        known = _terms(response, there, edge, cut[:, disc], table.last)
        total.append(value + jnp.where(graded, known, 0))
    return total


def interpolate_smooth(table: KernelTable, chord: Array, disc: Array) -> list[Array]:
    """Interpolate in a table without the terms at the cut: the series as if endless.

    Not for the dense nodes about the discs and their antipode, whose values ring.

    Args:
      table: The table.
      chord: Distances as chords of the unit sphere [-], shape (node,).
      disc: Which disc each is a distance from, shape (node,).

    Returns:
      Each response per length of water [m/m], each of shape (node,).
    """
    return _interpolate(table, _angle(chord), disc)


def _angle(chord: Array) -> Array:
    return 2 * jnp.arcsin(jnp.minimum(chord / 2, 1))


def _interpolate(table: KernelTable, theta: Array, disc: Array) -> list[Array]:
    position, first, count = _position(table.layout, theta)
    left = jnp.clip(position.astype(int) - (STENCIL // 2 - 1), 0, count - STENCIL)
    origin = disc * table.values.shape[2] + first + left
    weights = _lagrange(position - left.astype(position.dtype))
    results = []
    for values in table.values:
        flat, value = values.ravel(), jnp.zeros_like(theta)
        for node, weight in enumerate(weights):
            value += weight * flat.at[origin + node].get(mode="promise_in_bounds")
        results.append(value)
    return results


@functools.partial(jax.jit, static_argnames="responses")
def _fill(
    kernel: DiscKernel, layout: Layout, nodes: Array, responses: tuple[str, ...]
) -> KernelTable:
    last = kernel.load.shape[0] - 1
    edge = 2 * jnp.sin(kernel.radius * (DEGREE / 2))
    dense, graded, _ = layout.counts
    middle, values, cuts = slice(dense, dense + graded), [], []
    for response in responses:
        ends = kernel.load[-2], kernel.load[-1]
        weights = cut_weights(*ends, edge, last, DECAY[response])
        cut = getattr(kernel, response)[-1] * weights
        there = nodes[middle, None], edge[None, :]
        known = _terms(response, *there, cut[:, None, :], last)
        value = _sums(kernel, response, nodes)
        values.append(value.at[middle].add(-known).T)
        cuts.append(cut)
    return KernelTable(
        jnp.stack(values), jnp.stack(cuts), edge, layout, last, responses
    )


def _terms(response: str, theta: Array, edge: Array, cut: Array, last: int) -> Array:
    if response == "uplift":
        return cut_terms(theta, edge, cut, last)
    return cut_slopes(theta, edge, cut, last) / jnp.sin(theta)


def _sums(kernel: DiscKernel, response: str, theta: Array) -> Array:
    """The sum over degrees of what a table holds, shape (node, disc)."""
    if response == "uplift":
        return disc_uplift(kernel, theta / DEGREE)
    degree = jnp.arange(kernel.load.shape[0], dtype=theta.dtype)
    # dP_n/dtheta / sin(theta) is -n (n + 1) / 2 at the middle, and (-1)^n times the
    # opposite at the antipode.
    limit = -degree * (degree + 1) / 2 * kernel.tangential
    signs = jnp.stack([jnp.ones_like(degree), 2 * (degree % 2) - 1])
    poles = jnp.einsum("pn,n,nd->pd", signs, limit, kernel.load, precision="highest")
    sine = jnp.sin(theta)[:, None]
    beyond = theta[:, None] > math.pi / 2
    at_pole = (theta[:, None] == 0) | (theta[:, None] == math.pi)
    sums = disc_tangential(kernel, theta / DEGREE) / jnp.where(at_pole, 1, sine)
    return jnp.where(at_pole, jnp.where(beyond, poles[1], poles[0]), sums)


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

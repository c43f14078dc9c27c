"""Response of the Earth to water on cells between two meridians and two parallels.

**Boundaries instead of areas.** Let a point mass at the distance t lift the ground by
u(t). With U(t) the integral of u sin from 0 to t, the vector U / sin(t) along the
gradient of t has the divergence u: what a cell does is the flux of that vector out of
it. Horizontally a point mass moves the ground along the gradient of w(t). Turning the
station about the Earth's centre is turning the cell the other way, so what the cell
does is minus the integral of w times the outward part of that turn along its boundary.
U and w follow from the same series as the point masses,

    U / sin(t) = h_0 tan(t / 2) - sum h_n / (n (n + 1)) dP_n/dt,    w = sum l_n P_n,

where all that is singular is in closed form and the rest is tabulated (see `kummer`).

**Near a station.** Each edge is split where it comes closest, at the distance d, and
each half is run through by x = d sinh(q), Gauss-Legendre in q: a station may be
within a cell, on its edge or on its corner.

**Instead of a disc.** A disc of the cell's area about its middle is wrong by this much
of the uplift, for cells of 0.25 degrees on PREM (station due north or east of the
middle, on the edge or one cell away):

    latitude  middle  north edge  east edge  corner  north beside  east beside
    0         +0.6%   +18%        +18%       -20%    +1.5%         +1.5%
    45        +1.6%   -19%        +31%       -23%    -5.5%         +14%
    60        +4.8%   -40%        +37%       -31%    -9.5%         +35%

Cells away from the equator are narrow, and a disc is not. It is right to 1e-3 beyond
2, 7 and 9 times the height of the cell at these latitudes, to 1e-4 beyond 6, 26 and 31;
horizontally it takes up to 2, 8 and 10 times, and 4, 29 and 33.

Source: Farrell (1972), doi:10.1029/RG010i003p00761, for the series; Gauss's theorem.
"""

import dataclasses
import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import check_shapes, is_concrete, require_float64
from jaxload._platform import map_parts
from jaxload.constants import DEGREE, GRAVITATIONAL_CONSTANT, WATER_DENSITY
from jaxload.earth.kernels.kummer import continue_series, derivative_tail, tail
from jaxload.earth.kernels.legendre import legendre_derivative_series, legendre_series
from jaxload.earth.love.from_model import LoveNumbers

__all__ = ["RectangleKernel", "rectangle_kernel", "rectangle_response"]

#: Gauss-Legendre nodes on each half of an edge.
NODES = 16

#: A station nearer to an edge than this, in lengths of the edge, is so near.
NEAREST = 1e-7

#: What stands for the square of half a chord of no length.
SMALLEST = 1e-40

#: Steps of the ladder of `kummer` that the two series start on.
UPLIFT_STEP, TANGENTIAL_STEP = 2, 1

#: Pairs computed at a time on a CPU: few enough to stay in cache. And the memory of one
#: on its way [bytes], roughly: 16 numbers at each node of its boundary.
TOGETHER, PAIR_BYTES = 1024, 8 * NODES * 16 * 8

#: Nodes of the table per factor e of distance, ...
PER_FACTOR = 20.0

#: ... per last degree of the series near the station, in radians, ...
PER_DEGREE = 2.0

#: ... and per radian wherever it is, for published Love numbers are uneven.
PER_RADIAN = 640.0

#: Nodes per interpolating polynomial.
STENCIL = 8


@dataclasses.dataclass(frozen=True)
class Nodes:
    """Where the table has its nodes: scale (asinh(t / near) + even t) is their number.

    Attributes:
      near: Distance up to which nodes are evenly spaced [radians].
      even: Nodes per radian farther away, over those per factor e of distance.
      scale: Nodes per factor e of distance.
      count: Number of nodes.
      reach: The largest distance [radians].
    """

    near: float
    even: float
    scale: float
    count: int
    reach: float


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class RectangleKernel:
    """What the boundary of a cell does to a station, by distance.

    Attributes:
      uplift: What is left of U / sin(t) without its closed form [m/m], shape (node,).
      tangential: What is left of w [m/m], shape (node,).
      uplift_tail: Weights of the closed form of U [m/m], shape (step,).
      tangential_tail: Weights of the closed form of w [m/m], shape (step,).
      mean: Degree 0 of the uplift [m/m], scalar.
      nodes: Where the nodes are.
      frame: Reference frame of the Love numbers.
    """

    uplift: Array
    tangential: Array
    uplift_tail: Array
    tangential_tail: Array
    mean: Array
    nodes: Nodes = dataclasses.field(metadata={"static": True})
    frame: str = dataclasses.field(metadata={"static": True})


def rectangle_kernel(love: LoveNumbers, reach: float) -> RectangleKernel:
    """Prepare the response to cells within reach of a station.

    Not for Love numbers that end before degree 5,000: the table does not follow what
    their series then rings by.

    Args:
      love: Load Love numbers from degree 0.
      reach: The largest distance between a station and a corner of a cell that will be
        asked for [degrees], above 0 and up to 90.

    Returns:
      The kernel; differentiable with respect to the Love numbers.

    Raises:
      ValueError: If `reach` is out of range, or float64 is off.

    Example:
      >>> kernel = rectangle_kernel(love, reach=3.0)
    """
    require_float64("rectangle kernels")
    if not 0 < reach <= 90:
        raise ValueError(
            f"reach is {reach:g}, expected above 0 and up to 90 degrees; farther away "
            "a disc of the same area serves as well"
        )
    nodes = _lay_out(love.h.shape[0] - 1, reach * DEGREE)
    return _tabulate(love, nodes)


def rectangle_response(
    kernel: RectangleKernel,
    stations: tuple[ArrayLike, ArrayLike],
    cells: tuple[ArrayLike, ArrayLike],
    width: ArrayLike,
    height: ArrayLike,
) -> tuple[Array, Array, Array]:
    """Displacement of stations by water on cells, in pairs.

    Args:
      kernel: From `rectangle_kernel`.
      stations: Longitude and latitude of each pair's station [degrees], shape (pair,).
      cells: Longitude and latitude of the middle of its cell [degrees], shape (pair,).
      width: Longitudes that the cell covers [degrees], shape (pair,) or scalar.
      height: Latitudes that the cell covers [degrees], shape (pair,) or scalar.

    Returns:
      Displacement up, north and east per length of water [m/m], each of shape (pair,);
      NaN for a cell that is not wholly within the kernel's reach.

    Raises:
      ValueError: If shapes disagree, or a cell does not lie on the sphere.

    Example:
      >>> up, north, east = rectangle_response(
      ...     kernel, (station_lon, station_lat), (cell_lon, cell_lat), 0.25, 0.25
      ... )
    """
    station_lon, station_lat = map(_float, stations)
    cell_lon, cell_lat = map(_float, cells)
    width = jnp.broadcast_to(_float(width), cell_lon.shape)
    height = jnp.broadcast_to(_float(height), cell_lon.shape)
    pairs = Pairs(station_lon, station_lat, cell_lon, cell_lat, width, height)
    check_shapes(**{name: (axis, "pair") for name, axis in pairs._asdict().items()})
    _check_pairs(pairs)
    return _respond(kernel, pairs)


class Pairs(NamedTuple):
    """Stations and cells [degrees], shape (pair,) each."""

    station_lon: Array
    station_lat: Array
    cell_lon: Array
    cell_lat: Array
    width: Array
    height: Array


class Boundary(NamedTuple):
    """Nodes around cells, and the line across the boundary there, pointing outward.

    All in radians, shape (pair, node). Longitude and latitude count from the station.
    """

    lon: Array
    lat: Array
    eastward: Array
    northward: Array


def _lay_out(last: int, reach: float) -> Nodes:
    near = PER_FACTOR / (PER_DEGREE * max(last, 20))
    even = PER_RADIAN / PER_FACTOR
    length = math.asinh(reach / near) + even * reach
    count = max(math.ceil(PER_FACTOR * length), STENCIL - 1) + 1
    return Nodes(near, even, (count - 1) / length, count, reach)


def _distances(nodes: Nodes) -> NDArray[np.float64]:
    """Distances of the nodes [radians], by Newton's method."""
    places = np.arange(nodes.count) / nodes.scale
    # Below the solution of a concave equation Newton's steps only ever fall short.
    theta = np.zeros_like(places)
    for _ in range(50):
        missing = places - np.arcsinh(theta / nodes.near) - nodes.even * theta
        theta += missing / (1 / np.hypot(theta, nodes.near) + nodes.even)
    return theta


@functools.partial(jax.jit, static_argnames=("nodes",))
def _tabulate(love: LoveNumbers, nodes: Nodes) -> RectangleKernel:
    degree = jnp.arange(love.h.shape[0], dtype=love.h.dtype)
    scale = GRAVITATIONAL_CONSTANT * WATER_DENSITY * love.radius / love.gravity
    over = jnp.maximum(degree * (degree + 1), 1)
    up = continue_series(-scale * love.h / over, UPLIFT_STEP)
    along = continue_series(scale * love.l, TANGENTIAL_STEP)
    theta = jnp.asarray(_distances(nodes)) / DEGREE
    return RectangleKernel(
        uplift=legendre_derivative_series(up.rest[:, None], theta)[:, 0],
        tangential=legendre_series(along.rest[:, None], theta)[:, 0],
        uplift_tail=up.weights,
        tangential_tail=along.weights,
        mean=scale * love.h[0],
        nodes=nodes,
        frame=love.frame,
    )


@jax.jit
def _respond(kernel: RectangleKernel, pairs: Pairs) -> tuple[Array, Array, Array]:
    """Go through the pairs, a few at a time."""
    count = len(pairs.width)
    together = max(min(TOGETHER, count), 1)
    padded = [jnp.pad(axis, (0, -count % together), mode="edge") for axis in pairs]
    blocks = Pairs(*(axis.reshape(-1, together) for axis in padded))
    some = functools.partial(_respond_together, kernel)
    responses = map_parts(some, blocks, PAIR_BYTES * together)
    up, north, east = (axis.ravel()[:count] for axis in responses)
    return up, north, east


def _respond_together(
    kernel: RectangleKernel, pairs: Pairs
) -> tuple[Array, Array, Array]:
    """Integrate along the boundaries, shape (pair,) each."""
    latitude = pairs.station_lat[:, None] * DEGREE
    around = _boundary(pairs, latitude)
    half = _half_chord(around.lon, around.lat, latitude)
    lift, push = _read(kernel, half)
    away, north, east = _turns(around, latitude, 1 - 2 * half**2)
    sine = 2 * half * jnp.sqrt(1 - half**2)
    sums = (lift / sine * away, -push * north, -push * east)
    within = half.max(axis=1) <= math.sin(kernel.nodes.reach / 2)
    up, north, east = (jnp.where(within, x.sum(axis=1), jnp.nan) for x in sums)
    return up, north, east


def _turns(
    around: Boundary, latitude: Array, closeness: Array
) -> tuple[Array, Array, Array]:
    """Outward parts at the nodes of three fields on the sphere, shape (pair, node).

    Away from the station, of length sin(t), and the turns about the Earth's centre that
    would move the station northward and eastward. A turn that moves the station s along
    e moves p by e (s p) - s (e p).

    Args:
      around: The nodes p.
      latitude: Of the stations [radians], shape (pair, 1).
      closeness: Cosine of the distance t from the station [-], shape (pair, node).
    """
    level, rise = jnp.cos(latitude), jnp.sin(latitude)
    there = latitude + around.lat
    there_level, there_rise = jnp.cos(there), jnp.sin(there)
    # 1 - cos(lon), by which nothing small is a difference of large numbers.
    bulge, turned = 2 * jnp.sin(around.lon / 2) ** 2, jnp.sin(around.lon)

    def outward(eastward: Array, northward: Array) -> Array:
        return eastward * around.eastward + northward * around.northward

    risen = jnp.sin(around.lat)
    at_station = outward(-level * turned, there_rise * level * bulge - risen)
    to_north = outward(rise * turned, jnp.cos(around.lat) - rise * there_rise * bulge)
    to_east = outward(1 - bulge, -there_rise * turned)
    northing = risen + rise * there_level * bulge
    north = to_north * closeness - at_station * northing
    east = to_east * closeness - at_station * there_level * turned
    return -at_station, north, east


def _half_chord(lon: Array, lat: Array, latitude: Array) -> Array:
    """Half the chord to the station [-] from differences in longitude and latitude."""
    level = jnp.cos(latitude) * jnp.cos(latitude + lat)
    square = jnp.sin(lat / 2) ** 2 + level * jnp.sin(lon / 2) ** 2
    # Where a station is a corner, nodes of no weight are at no distance.
    return jnp.sqrt(jnp.maximum(square, SMALLEST))


def _boundary(pairs: Pairs, latitude: Array) -> Boundary:
    """Nodes on the four edges of each cell."""
    # Subtracted in degrees: the difference of two near numbers is exact.
    lon, lat = pairs.cell_lon - pairs.station_lon, pairs.cell_lat - pairs.station_lat
    lon = lon - 360 * jnp.round(lon / 360)
    (west, east), (south, north) = (
        [(middle + side * size / 2)[:, None] * DEGREE for side in (-1, 1)]
        for middle, size in ((lon, pairs.width), (lat, pairs.height))
    )
    edges = [_meridian(x, (south, north), latitude) for x in (west, east)]
    edges += [_parallel(y, (west, east), latitude) for y in (south, north)]
    signed = [
        edge._replace(eastward=sign * edge.eastward, northward=sign * edge.northward)
        for edge, sign in zip(edges, (-1, 1, -1, 1))
    ]
    return Boundary(*(jnp.concatenate(axes, axis=1) for axes in zip(*signed)))


def _meridian(lon: Array, ends: tuple[Array, Array], latitude: Array) -> Boundary:
    """Nodes on an eastern edge."""
    closest = jnp.clip(0, *ends)
    distance = 2 * jnp.arcsin(_half_chord(lon, closest, latitude))
    lat, weight = _graded(ends, closest, distance)
    return Boundary(lon + jnp.zeros_like(lat), lat, weight, jnp.zeros_like(lat))


def _parallel(lat: Array, ends: tuple[Array, Array], latitude: Array) -> Boundary:
    """Nodes on a northern edge."""
    closest = jnp.clip(0, *ends)
    level = jnp.cos(latitude + lat)
    distance = 2 * jnp.arcsin(_half_chord(closest, lat, latitude))
    # In longitude; at a pole, where all of the edge is one point, any will do.
    distance = distance / jnp.maximum(level, 1e-9)
    lon, weight = _graded(ends, closest, distance)
    return Boundary(lon, lat + jnp.zeros_like(lon), jnp.zeros_like(lon), level * weight)


def _graded(
    ends: tuple[Array, Array], closest: Array, distance: Array
) -> tuple[Array, Array]:
    """Places and weights on an edge, dense where it is closest to the station.

    Args:
      ends: Where it begins and ends, shape (pair, 1) each.
      closest: Where it is closest to the station, shape (pair, 1).
      distance: How close, in the unit of `ends`, shape (pair, 1).
    """
    start, stop = ends
    distance = jnp.maximum(distance, NEAREST * (stop - start))
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    halves = []
    for length in (start - closest, stop - closest):
        top = jnp.arcsinh(jnp.abs(length) / distance)
        q = top * ((1 + nodes) / 2)[None, :]
        place = closest + jnp.sign(length) * distance * jnp.sinh(q)
        weight = distance * top * jnp.cosh(q) * (weights / 2)[None, :]
        halves.append((place, weight))
    places, weights = (jnp.concatenate(parts, axis=1) for parts in zip(*halves))
    return places, weights


def _read(kernel: RectangleKernel, half: Array) -> tuple[Array, Array]:
    """U / sin(t) and w at half a chord, sin(t / 2) [m/m], shape (pair, node) each."""
    theta = 2 * jnp.arcsin(jnp.minimum(half, 1))
    nodes, cosine = kernel.nodes, jnp.sqrt(1 - half**2)
    position = nodes.scale * (jnp.arcsinh(theta / nodes.near) + nodes.even * theta)
    left = position.astype(int) - (STENCIL // 2 - 1)
    left = jnp.clip(left, 0, nodes.count - STENCIL)
    weights = _lagrange(position - left.astype(position.dtype))

    def interpolate(values: Array) -> Array:
        values_at = (values.at[left + i].get(mode="clip") for i in range(STENCIL))
        return sum((w * v for w, v in zip(weights, values_at)), jnp.zeros_like(half))

    lift = derivative_tail(kernel.uplift_tail, UPLIFT_STEP, half, cosine)
    lift += interpolate(kernel.uplift) + kernel.mean * half / cosine
    push = tail(kernel.tangential_tail, TANGENTIAL_STEP, half)
    return lift, push + interpolate(kernel.tangential)


def _lagrange(place: Array) -> list[Array]:
    """Weights of Lagrange's polynomial through the nodes 0 to STENCIL - 1."""
    weights = []
    for node in range(STENCIL):
        others = [other for other in range(STENCIL) if other != node]
        scale = math.prod(node - other for other in others)
        factors = (place - other for other in others)
        weights.append(functools.reduce(jnp.multiply, factors) / scale)
    return weights


def _float(values: ArrayLike) -> Array:
    return jnp.asarray(values, jnp.float64)


def _check_pairs(pairs: Pairs) -> None:
    """Refuse what lies off the sphere, where values can be looked at."""
    if not all(map(is_concrete, pairs)):
        return
    lon, lat, cell_lon, cell_lat, width, height = map(np.asarray, pairs)
    demands = {
        "a station at": (np.abs(lat) <= 90) & (np.abs(lon) <= 360),
        "a cell about": (np.abs(cell_lat) <= 90) & (np.abs(cell_lon) <= 360),
        "a cell of no size or beyond a pole about": (width > 0)
        & (width <= 360)
        & (height > 0)
        & (np.abs(cell_lat) + height / 2 <= 90 + 1e-9),
    }
    for what, fine in demands.items():
        if not fine.all():
            worst = np.flatnonzero(~fine)[0]
            where = (lon, lat) if "station" in what else (cell_lon, cell_lat)
            raise ValueError(
                f"rectangle_response got {what} lon {where[0][worst]:g}, lat "
                f"{where[1][worst]:g} at index {worst}, expected degrees on the "
                "sphere; are lon and lat swapped?"
            )

"""Integrate the spheroidal equations from the deep Earth to its solid surface.

Degree n feels the Earth down to a depth of a few a/n only, so each degree has a mesh of
its own: it starts where the influence of what lies deeper has died out, puts nodes on
every discontinuity, and spends the same number of Runge-Kutta steps on what remains.
One scan then carries all degrees at once, through solid and fluid layers alike.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
from jax import Array
from scipy.integrate import DOP853

from jaxload._platform import chunk_size, on_platform
from jaxload.earth.interior import periodic
from jaxload.earth.interior.layers import (
    Layers,
    density_gradient,
    layers_of,
    material_in,
    split_layers,
)
from jaxload.earth.interior.model import EarthModel
from jaxload.earth.interior.spheroidal import (
    Material,
    enter_fluid,
    enter_solid,
    fluid_start,
    rate,
    solid_start,
)

__all__ = ["Integration", "propagate", "runge_kutta_step"]

# Stage weights, nodes and weights of the explicit Runge-Kutta method of order 8 of
# Dormand & Prince, Hairer et al. (1993), Solving ordinary differential equations I,
# section II.10, doi:10.1007/978-3-540-78862-1.
_STAGES, _NODES, _WEIGHTS = DOP853.A, DOP853.C, DOP853.B

#: Memory that a degree takes on its way up [bytes], roughly.
DEGREE_BYTES = 2**16

HIGHEST = jax.lax.Precision.HIGHEST


@dataclasses.dataclass(frozen=True)
class Integration:
    """How finely and from how deep the equations are integrated.

    With the defaults the load Love numbers h', n l' and n k' of PREM differ by less
    than 1e-10 from those of an integration with four times the steps from deeper down.

    Attributes:
      steps: Runge-Kutta steps of each degree; at least two for each layer are made.
      reach: Start of degree n at the radius a exp(-reach / n); the share of the wrong
        start in the result falls as exp(-2 reach).
      innermost: Least starting radius, as a fraction of the surface radius.
      chunk: Number of degrees carried together. Memory grows with it; 256 was fastest
        on a CPU, a processor with more lanes may want more.
    """

    steps: int = 64
    reach: float = 17.0
    innermost: float = 0.01
    chunk: int = 256

    def __post_init__(self) -> None:
        if self.steps < 1 or self.chunk < 1:
            raise ValueError(
                f"Integration came with steps={self.steps} and chunk={self.chunk}, "
                "expected at least 1 of each"
            )
        if not (self.reach > 0 and 0 < self.innermost < 1):
            raise ValueError(
                f"Integration came with reach={self.reach} and innermost="
                f"{self.innermost}, expected a positive reach and innermost within 0..1"
            )


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Mesh:
    """Where each degree steps; the nodes within a layer are equidistant in ln r.

    Attributes:
      start: ln r from which a layer is crossed, shape (layer, degree).
      length: Length of a step in ln r, shape (layer, degree).
      first: Number of the first step in a layer, shape (layer, degree).
      end: Number after that of the last step in a layer, shape (layer, degree).
    """

    start: Array
    length: Array
    first: Array
    end: Array


def propagate(
    model: EarthModel,
    degree: Array,
    settings: Integration | None = None,
    period: Array | None = None,
) -> Array:
    """Return the deformation at the solid surface in three independent ways, by degree.

    Args:
      model: The Earth.
      degree: Spherical harmonic degrees, float64, shape (degree,).
      settings: How to integrate; the defaults of `Integration` if None.
      period: Period of the forcing [s], scalar; None if all is at rest.

    Returns:
      The six rows of `spheroidal` for three solutions that are regular at the centre,
      dimensionless, shape (degree, 6, 3). Their scale is arbitrary.
    """
    settings = settings or Integration()
    # Whole chunks and no name: what is compiled once serves again.
    nameless = dataclasses.replace(model, name="")
    padded = jnp.pad(degree, (0, -len(degree) % settings.chunk), mode="edge")
    return _propagate(nameless, padded, settings, period)[: len(degree)]


@functools.partial(jax.jit, static_argnames="settings")
def _propagate(
    model: EarthModel, degree: Array, settings: Integration, period: Array | None
) -> Array:
    layers, _ = split_layers(layers_of(model, period), model.ocean)
    # Chunks bound the memory, and keep what a step works on in the processor's cache.
    carry = jax.checkpoint(lambda chunk: _carry_up(layers, chunk, settings))
    few = lambda degree: jax.lax.map(carry, degree.reshape(-1, settings.chunk))
    whole = chunk_size(DEGREE_BYTES) >= len(degree)
    all_at_once = (lambda degree: carry(degree)[None]) if whole else few
    state = on_platform(degree, cpu=few, accelerator=all_at_once)
    return jnp.moveaxis(state, 3, 1).reshape(-1, 6, 3)


def _carry_up(layers: Layers, degree: Array, settings: Integration) -> Array:
    mesh = _mesh(layers, degree, settings)

    @jax.checkpoint
    def step(state: Array, number: Array) -> tuple[Array, None]:
        layer, here, radius, length = _locate(layers, mesh, number)
        material = functools.partial(material_in, here)
        entering = (number > 0) & (number == _pick(mesh.first, layer))
        state = _cross(state, here, material(radius), degree, entering)
        state = runge_kutta_step(state, here, radius, length, degree)
        return _kept_apart(state, here, degree), None

    _, here, radius, _ = _locate(layers, mesh, jnp.array(0))
    steps = jnp.arange(_steps(layers, settings))
    return jax.lax.scan(step, _start(here, radius, degree), steps)[0]


def _steps(layers: Layers, settings: Integration) -> int:
    return max(settings.steps, 2 * len(layers.top))


def _mesh(layers: Layers, degree: Array, settings: Integration) -> Mesh:
    """Share the steps out among the layers that a degree crosses, at least one each."""
    depth = settings.reach / jnp.maximum(degree, 1)
    deepest = -jnp.minimum(depth, -jnp.log(settings.innermost))[None]
    top = jnp.log(layers.top)[:, None]
    below = jnp.concatenate([jnp.full((1, 1), -jnp.inf), top[:-1]])
    start = jnp.maximum(below, deepest)
    extent = jnp.maximum(top - start, 0)
    crossed = (extent > 0).astype(extent.dtype)
    steps = _steps(layers, settings)
    spare = steps - jnp.sum(crossed, axis=0, keepdims=True)
    share = extent / jnp.sum(extent, axis=0, keepdims=True)
    end = jnp.cumsum(crossed + spare * share, axis=0)
    # The last sum is a whole number but for rounding, the others may be any.
    end = jnp.floor(end).astype(int).at[-1].set(steps)
    first = jnp.concatenate([jnp.zeros_like(end[:1]), end[:-1]])
    count = jnp.maximum(end - first, 1).astype(extent.dtype)
    return Mesh(start, extent / count, first, end)


def _pick(table: Array, layer: Array) -> Array:
    return jnp.take_along_axis(table, layer[None], axis=0)[0]


def _locate(
    layers: Layers, mesh: Mesh, number: Array
) -> tuple[Array, Layers, Array, Array]:
    """Return the layer, its properties, ln r and the length of one step."""
    layer = jnp.sum(mesh.end <= number, axis=0)
    here = jax.tree.map(lambda leaf: leaf[..., layer], layers)
    start, length, first = (
        _pick(table, layer) for table in (mesh.start, mesh.length, mesh.first)
    )
    done = (number - first).astype(length.dtype)
    return layer, here, start + done * length, length


def _start(here: Layers, log_radius: Array, degree: Array) -> Array:
    material = material_in(here, log_radius)
    flowing = here.fluid & (degree > 0)
    solid = solid_start(material, degree)
    if here.spin is None:
        fluid = fluid_start(material, degree)
    else:
        fluid = periodic.dynamic_fluid_start(material, degree)
    return jnp.where(flowing[None, None], fluid, solid)


def _cross(
    state: Array, here: Layers, material: Material, degree: Array, entering: Array
) -> Array:
    to_fluid = entering & here.fluid & ~here.fluid_below & (degree > 0)
    to_solid = entering & ~here.fluid & here.fluid_below & (degree > 0)
    if here.spin is None:
        fluid = enter_fluid(state, material)
        solid = enter_solid(state, material, here.density_below)
    else:
        fluid = periodic.enter_dynamic_fluid(state, material, here.spin)
        solid = periodic.leave_dynamic_fluid(
            state, material, here.density_below, here.spin
        )
    state = jnp.where(to_fluid[None, None], fluid, state)
    return jnp.where(to_solid[None, None], solid, state)


def _kept_apart(state: Array, here: Layers, degree: Array) -> Array:
    if here.spin is None:
        return state
    flowing = here.fluid & (degree > 0)
    return jnp.where(flowing[None, None], periodic.keep_apart(state), state)


def runge_kutta_step(
    state: Array, here: Layers, log_radius: Array, length: Array, degree: Array
) -> Array:
    """Make one Runge-Kutta step.

    Args:
      state: The state, shape (row, solution, degree).
      here: Layers indexed by one layer per degree.
      log_radius: ln r, shape (degree,).
      length: Length of the step in ln r, negative if downward, shape (degree,).
      degree: Spherical harmonic degree, shape (degree,).

    Returns:
      The state after the step.
    """

    def moved(slopes: Array, weights: Array) -> Array:
        mean = jnp.einsum("s,srcd->rcd", weights, slopes, precision=HIGHEST)
        return state + length[None, None] * mean

    # A scan over the stages compiles several times faster than writing them out, and
    # one dense product per stage runs faster than its few terms.
    def stage(slopes: Array, at: tuple[Array, ...]) -> tuple[Array, None]:
        number, node, weights = at
        slope = _slope(moved(slopes, weights), here, log_radius + node * length, degree)
        return slopes.at[number].set(slope), None

    stages = (jnp.arange(len(_NODES)), jnp.asarray(_NODES), jnp.asarray(_STAGES))
    slopes = jnp.zeros((len(_NODES), *state.shape), state.dtype)
    slopes, _ = jax.lax.scan(stage, slopes, stages)
    return moved(slopes, jnp.asarray(_WEIGHTS))


def _slope(state: Array, here: Layers, log_radius: Array, degree: Array) -> Array:
    material, flowing = material_in(here, log_radius), here.fluid & (degree > 0)
    if here.spin is None:
        return rate(state, material, degree, flowing)
    solid = periodic.solid_rate(state, material, here.spin, degree)
    gradient = density_gradient(here, log_radius)
    fluid = periodic.fluid_rate(state, material, gradient, here.spin, degree)
    return jnp.where(flowing[None, None], fluid, solid)

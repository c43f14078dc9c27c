"""Put a known pattern under the network and see what comes back."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import check_shapes
from jaxload.inversion.binding import Observations, bind
from jaxload.inversion.estimation.least_squares import solve
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.problem import Problem
from jaxload.inversion.sharding import require_one_device
from jaxload.inversion.uncertainty.sampling import noise_samples

__all__ = ["Recovery", "checkerboard", "recover", "spikes"]


def checkerboard(
    row: ArrayLike, column: ArrayLike, size: int, amplitude: float = 1.0
) -> NDArray[np.float64]:
    """Squares of cells, up and down by turns.

    Args:
      row: Row of each cell in the raster, integer, shape (cell,).
      column: Column of each cell, integer, shape (cell,).
      size: Cells along the side of a square, positive.
      amplitude: Load on a square [mm].

    Returns:
      The pattern [mm], shape (cell,).

    Raises:
      ValueError: If shapes disagree or the size is not positive.

    Example:
      >>> checkerboard([0, 0, 0, 1], [0, 1, 2, 0], size=1, amplitude=100.0)
      array([ 100., -100.,  100., -100.])
    """
    row, column = np.asarray(row), np.asarray(column)
    check_shapes(row=(row, "cell"), column=(column, "cell"))
    if size < 1:
        raise ValueError(f"size is {size}, expected one cell or more")
    return amplitude * (-1.0) ** (row // size + column // size)


def spikes(count: int, cells: ArrayLike, amplitude: float = 1.0) -> NDArray[np.float64]:
    """Load on a few cells, none on the others.

    Args:
      count: Number of cells of the grid.
      cells: Numbers of those that are loaded, shape (load,).
      amplitude: Load on them [mm].

    Returns:
      The pattern [mm], shape (cell,).

    Raises:
      ValueError: If there is no cell of a number.
    """
    cells = np.asarray(cells)
    wrong = (cells < 0) | (cells >= count)
    if wrong.any():
        raise ValueError(
            f"cells holds {cells[wrong][0]}, but there are {count} cells, numbered "
            "from 0"
        )
    pattern = np.zeros(count)
    pattern[cells] = amplitude
    return pattern


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Recovery:
    """What came back of a pattern.

    Attributes:
      load: Estimated load [mm], shape (epoch, cell).
      gain: Regression of the load on the pattern [-], one if its amplitude came back,
        shape (epoch,).
      correlation: Between load and pattern over the cells [-], shape (epoch,).
      rms: Root mean square of load minus pattern [mm], shape (epoch,).
    """

    load: Array
    gain: Array
    correlation: Array
    rms: Array


def recover(
    problem: Problem,
    data: Observations,
    beta: ArrayLike,
    pattern: ArrayLike,
    *,
    key: Array | None = None,
) -> Recovery:
    """Compute what a network would see of a pattern, and invert it.

    Args:
      problem: Design matrix and prior.
      data: From `observations`; only which are missing counts, and their noise.
      beta: Weight of the prior, scalar, positive.
      pattern: The true load [mm], shape (cell,).
      key: A `jax.random.key`; with it, noise is added.

    Returns:
      The `Recovery` at every epoch.

    Raises:
      ValueError: As `solve`.

    Source:
      Leveque, Rivera & Wittlinger (1993), doi:10.1111/j.1365-246X.1993.tb05605.x, who
      also show what such a test hides: a coarse board can fail where a fine one
      succeeds, and success with one pattern is not resolution.
    """
    pattern = jnp.asarray(pattern, problem.design.dtype)
    data, beta = bind(problem, data, beta)
    require_one_device(data)
    check_shapes(design=(problem.design, "row cell"), pattern=(pattern, "cell"))
    uplift = einsum("rc,c->r", problem.design, pattern)
    uplift = jnp.broadcast_to(uplift, data.values.shape)
    if key is not None:
        uplift = uplift + noise_samples(data.noise, key, data.values.shape)
    uplift = jnp.where(jnp.isfinite(data.values), uplift, jnp.nan)
    made = dataclasses.replace(data, values=uplift)
    return _scores(solve(problem, made, beta).load, pattern)


@jax.jit
def _scores(load: Array, pattern: Array) -> Recovery:
    gain = einsum("ec,c->e", load, pattern) / jnp.sum(pattern**2)
    about = load - load.mean(axis=1, keepdims=True)
    shape = pattern - pattern.mean()
    size = jnp.sqrt(jnp.sum(about**2, axis=1) * jnp.sum(shape**2))
    correlation = einsum("ec,c->e", about, shape) / jnp.where(size > 0, size, jnp.nan)
    rms = jnp.sqrt(jnp.mean((load - pattern[None, :]) ** 2, axis=1))
    return Recovery(load, gain, correlation, rms)

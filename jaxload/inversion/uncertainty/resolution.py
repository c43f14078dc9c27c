"""What an inversion can resolve: averaging kernels, point spread, radius, freedom.

The estimate is linear in the data, and so in the true load: without noise it is
``x = A x_true`` with the resolution matrix A of the epoch's network. A row of A, an
averaging kernel, says of what the estimate of a cell is an average; a column, a point
spread, into what the network and the prior smear one cell's load. Everything here
depends on the gaps of an epoch, and costs an inverse of its own: bind the days of
interest alone.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import check_shapes
from jaxload.inversion.binding import Observations
from jaxload.inversion.estimation.factor import Factor, epoch_inverse, factor_of
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.noise import shares_noise
from jaxload.inversion.problem import Problem, Solution
from jaxload.inversion.uncertainty.functionals import (
    Functionals,
    check_cells,
    factor_for,
)

__all__ = [
    "Resolution",
    "averaging_kernels",
    "degrees_of_freedom",
    "leverage",
    "observation_weights",
    "point_spread",
    "resolution_map",
]

#: Cells whose kernels are held at a time.
BATCH = 256


def observation_weights(solution: Factor | Solution, functionals: Functionals) -> Array:
    """Compute the weight of each observation in the estimate of each functional.

    Args:
      solution: From `solve` or `factorise`.
      functionals: From `averages`, `some_cells` or `every_cell`.

    Returns:
      Weights [mm/mm], shape (epoch, functional, row); zero where nothing was observed.
      Their product with the displacement is the functional of what `solve` gives.

    Raises:
      ValueError: If a solution holds no factor, or shapes disagree.
    """
    factor = factor_for(solution, functionals)
    return _weights(factor.problem, factor.data, factor.beta, functionals)


def averaging_kernels(solution: Factor | Solution, functionals: Functionals) -> Array:
    """Compute of what each functional's estimate is an average.

    Args:
      solution: From `solve` or `factorise`.
      functionals: From `averages`, `some_cells` or `every_cell`.

    Returns:
      Rows of the resolution matrix [mm/mm], shape (epoch, functional, cell).

    Raises:
      ValueError: As `observation_weights`.

    Source:
      Backus & Gilbert (1968), doi:10.1111/j.1365-246X.1968.tb00216.x.
    """
    weights = observation_weights(solution, functionals)
    return einsum("efr,rc->efc", weights, factor_of(solution).problem.design)


def point_spread(solution: Factor | Solution, cells: ArrayLike) -> Array:
    """Compute what the inversion makes of a unit load.

    Args:
      solution: From `solve` or `factorise`.
      cells: Numbers of the cells that are loaded, one at a time, shape (load,).

    Returns:
      Columns of the resolution matrix [mm/mm], shape (epoch, load, cell).

    Raises:
      ValueError: If a solution holds no factor, or there is no cell of a number.
    """
    factor = factor_of(solution)
    unit = factor.problem.design[:, check_cells(factor.problem, cells)]
    return _responses(factor.problem, factor.data, factor.beta, unit)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Resolution:
    """The resolution of every cell, from its averaging kernel a.

    Attributes:
      radius: That of a disc about the cell over which a kernel of one value would have
        the second moment of this one, ``(2 sum a_j^2 s_j^2 / sum a_j^2)^1/2`` with s_j
        the distance to cell j, in the unit of the positions, shape (epoch, cell).
      total: ``sum a_j``: how much of a load that is the same on all cells is seen [-],
        shape (epoch, cell).
      centre_weight: The cell's weight in its own kernel [-], shape (epoch, cell). Its
        sum over the cells is the number of `degrees_of_freedom`.
    """

    radius: Array
    total: Array
    centre_weight: Array


def resolution_map(
    solution: Factor | Solution, functionals: Functionals, position: ArrayLike
) -> Resolution:
    """Compute the radius of resolution of every cell.

    A kernel is not stored longer than it takes, so that all cells of a large grid can
    be asked for: an epoch costs ``2 row cell^2`` operations. Cells are taken to be of
    like size.

    Args:
      solution: From `solve` or `factorise`.
      functionals: From `every_cell`.
      position: Coordinates of the cells, shape (cell, axis). Distances are straight:
        for unit vectors times the radius of a sphere they are chords, shorter than the
        arc by 0.1% at 0.15 radians.

    Returns:
      The `Resolution`; NaN where a kernel is zero, as without data.

    Raises:
      ValueError: As `observation_weights`, and if the functionals are not the cells.
    """
    design = factor_of(solution).problem.design
    position = jnp.asarray(position, design.dtype)
    check_shapes(
        design=(design, "row cell"),
        position=(position, "cell axis"),
        functionals=(functionals.cross, "cell row"),
    )
    weights = observation_weights(solution, functionals)
    return jax.lax.map(lambda epoch: _resolution(epoch, design, position), weights)


@jax.jit
def _resolution(weights: Array, design: Array, position: Array) -> Resolution:
    def one(part: tuple[Array, Array, Array]) -> Resolution:
        weights, here, cell = part
        kernel = einsum("r,rc->c", weights, design)
        square = jnp.sum((position - here[None, :]) ** 2, axis=1)
        moment = jnp.sum(kernel**2 * square) / jnp.sum(kernel**2)
        return Resolution(jnp.sqrt(2 * moment), jnp.sum(kernel), kernel[cell])

    cells = jnp.arange(len(position))
    return jax.lax.map(one, (weights, position, cells), batch_size=BATCH)


def leverage(solution: Factor | Solution) -> Array:
    """Compute by how much each observation determines its own prediction.

    Near one, nothing but the observation itself speaks for the value there; near zero
    its neighbours and the prior do.

    Args:
      solution: From `solve` or `factorise`.

    Returns:
      Diagonal of the matrix that takes data to their fit [-], shape (epoch, row); zero
      where nothing was observed.

    Raises:
      ValueError: If a solution holds no factor.

    Source:
      Hoaglin & Welsch (1978), doi:10.1080/00031305.1978.10479237.
    """
    factor = factor_of(solution)
    data, beta = factor.data, factor.beta
    noise, seen = data.noise, data.seen
    if shares_noise(noise):
        lost = _lost(factor.problem, data, beta)
    else:
        sigma = jnp.broadcast_to(noise.sigma, seen.shape)
        scaled = (beta * sigma) ** 2 * factor.solved.inverse_diagonal
        lost = jnp.where(seen, scaled, 0)
    return jnp.where(seen, 1 - lost, 0)


def degrees_of_freedom(solution: Factor | Solution) -> Array:
    """Compute how many independent numbers an estimate takes from its data.

    Args:
      solution: From `solve` or `factorise`.

    Returns:
      Trace of the resolution matrix, shape (epoch,): from the number of free fields,
      where beta is large, to that of the observations, where it is small.

    Raises:
      ValueError: If a solution holds no factor.

    Source:
      Tarantola (2005), Inverse Problem Theory, section 3.3,
      doi:10.1137/1.9780898717921.
    """
    return leverage(solution).sum(axis=1)


@jax.jit
def _weights(
    problem: Problem, data: Observations, beta: Array, functionals: Functionals
) -> Array:
    rows = len(problem.gram)

    def one(whole: Array, _: Array) -> Array:
        return einsum("rf,rs->fs", functionals.fields, whole[:, :rows])

    return epoch_inverse(problem, data, beta).each(one)


@jax.jit
def _responses(problem: Problem, data: Observations, beta: Array, unit: Array) -> Array:
    every = jnp.concatenate([problem.cross, problem.null_space], axis=1).T

    def one(whole: Array, _: Array) -> Array:
        image = einsum("rs,sl->rl", whole[:, : len(unit)], unit)
        return einsum("rl,rc->lc", image, every)

    return epoch_inverse(problem, data, beta).each(one)


@jax.jit
def _lost(problem: Problem, data: Observations, beta: Array) -> Array:
    rows = len(problem.gram)

    def one(whole: Array, covariance: Array) -> Array:
        return jnp.sum(whole[:rows, :rows] * covariance, axis=1)

    return epoch_inverse(problem, data, beta).each(one)

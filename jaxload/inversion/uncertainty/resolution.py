"""What an inversion can resolve: averaging kernels, point spread, radius, freedom.

The estimate is linear in the data, and so in the true load: without noise it is
``x = A x_true`` with the resolution matrix A of the epoch's network. A row of A, an
averaging kernel, says of what the estimate of a cell is an average; a column, a point
spread, into what the network and the prior smear one cell's load. Everything here
depends on the gaps of an epoch: pass the days of interest.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import check_shapes
from jaxload.inversion.estimation.least_squares import dual
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.noise import Noise
from jaxload.inversion.observations import checked_arguments
from jaxload.inversion.problem import Problem
from jaxload.inversion.uncertainty.epoch_variance import each_inverse, fields
from jaxload.inversion.uncertainty.functionals import Target, check_cells

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


def observation_weights(
    target: Target,
    displacement: ArrayLike,
    sigma: ArrayLike | Noise,
    beta: ArrayLike,
) -> Array:
    """By how much each observation enters the estimate of each functional.

    Args:
      target: The functionals.
      displacement: Observed uplift [mm], shape (epoch, row); only which are NaN counts.
        An epoch costs an inverse of the size of the rows: pass those of interest.
      sigma: As in `solve`.
      beta: Weight of the prior, scalar, positive.

    Returns:
      Weights [mm/mm], shape (epoch, functional, row); zero where nothing was observed.
      Their product with the displacement is the functional of what `solve` gives.

    Raises:
      ValueError: As `solve`.
    """
    displacement, noise, beta = checked_arguments(
        target.problem, displacement, sigma, beta
    )
    return _weights(target, jnp.isfinite(displacement), noise, beta)


def averaging_kernels(
    target: Target,
    displacement: ArrayLike,
    sigma: ArrayLike | Noise,
    beta: ArrayLike,
) -> Array:
    """Of what each functional's estimate is an average: rows of the resolution matrix.

    Args:
      target: The functionals.
      displacement: Observed uplift [mm], shape (epoch, row); only which are NaN counts.
        An epoch costs an inverse of the size of the rows: pass those of interest.
      sigma: As in `solve`.
      beta: Weight of the prior, scalar, positive.

    Returns:
      Kernels [mm/mm], shape (epoch, functional, cell).

    Raises:
      ValueError: As `solve`.

    Source:
      Backus & Gilbert (1968), doi:10.1111/j.1365-246X.1968.tb00216.x.
    """
    weights = observation_weights(target, displacement, sigma, beta)
    return einsum("efr,rc->efc", weights, target.problem.design)


def point_spread(
    problem: Problem,
    cells: ArrayLike,
    displacement: ArrayLike,
    sigma: ArrayLike | Noise,
    beta: ArrayLike,
) -> Array:
    """What the inversion makes of a unit load: columns of the resolution matrix.

    Args:
      problem: Design matrix and prior.
      cells: Numbers of the cells that are loaded, one at a time, shape (load,).
      displacement: Observed uplift [mm], shape (epoch, row); only which are NaN counts.
      sigma: As in `solve`.
      beta: Weight of the prior, scalar, positive.

    Returns:
      Estimated load [mm/mm], shape (epoch, load, cell).

    Raises:
      ValueError: As `solve`, and if there is no cell of a number.
    """
    cells = check_cells(problem, cells)
    displacement, noise, beta = checked_arguments(problem, displacement, sigma, beta)
    every = jnp.concatenate([problem.cross, problem.free], axis=1).T
    seen = jnp.isfinite(displacement)
    unit = problem.design[:, cells]
    return _responses(problem, seen, noise, beta, (unit, every))


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
      own: The cell's weight in its own kernel [-], shape (epoch, cell). Its sum over
        the cells is the number of `degrees_of_freedom`.
    """

    radius: Array
    total: Array
    own: Array


def resolution_map(
    target: Target,
    position: ArrayLike,
    displacement: ArrayLike,
    sigma: ArrayLike | Noise,
    beta: ArrayLike,
) -> Resolution:
    """The radius of resolution of every cell.

    A kernel is not stored longer than it takes, so that all cells of a large grid can
    be asked for. Cells are taken to be of like size.

    Args:
      target: From `every_cell`.
      position: Coordinates of the cells, shape (cell, axis). Distances are straight:
        for unit vectors times the radius of a sphere they are chords, shorter than the
        arc by 0.1% at 0.15 radians.
      displacement: Observed uplift [mm], shape (epoch, row); only which are NaN counts.
        An epoch costs ``2 row cell^2`` operations: pass those of interest.
      sigma: As in `solve`.
      beta: Weight of the prior, scalar, positive.

    Returns:
      The `Resolution`; NaN where a kernel is zero, as without data.

    Raises:
      ValueError: As `solve`, and if the functionals are not the cells.
    """
    position = jnp.asarray(position, target.problem.design.dtype)
    check_shapes(position=(position, "cell axis"), target=(target.cross, "cell row"))
    weights = observation_weights(target, displacement, sigma, beta)
    check_shapes(
        target=(target.cross, "cell row"), design=(target.problem.design, "row cell")
    )
    return jax.lax.map(
        lambda epoch: _resolution(epoch, target.problem.design, position), weights
    )


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


def leverage(
    problem: Problem,
    displacement: ArrayLike,
    sigma: ArrayLike | Noise,
    beta: ArrayLike,
) -> Array:
    """By how much each observation determines its own prediction.

    Near one, nothing but the observation itself speaks for the value there; near zero
    its neighbours and the prior do.

    Args:
      problem: Design matrix and prior.
      displacement: Observed uplift [mm], shape (epoch, row); only which are NaN counts.
      sigma: As in `solve`.
      beta: Weight of the prior, scalar, positive.

    Returns:
      Diagonal of the matrix that takes data to their fit [-], shape (epoch, row); zero
      where nothing was observed.

    Raises:
      ValueError: As `solve`.

    Source:
      Hoaglin & Welsch (1978), doi:10.1080/00031305.1978.10479237.
    """
    displacement, noise, beta = checked_arguments(problem, displacement, sigma, beta)
    seen = jnp.isfinite(displacement)
    if noise.correlation is not None or noise.common is not None:
        lost = _lost(problem, seen, noise, beta)
    else:
        precision = dual(problem, displacement, noise, beta).precision
        sigma = jnp.broadcast_to(noise.sigma, seen.shape)
        lost = jnp.where(seen, (beta * sigma) ** 2 * precision, 0)
    return jnp.where(seen, 1 - lost, 0)


def degrees_of_freedom(
    problem: Problem,
    displacement: ArrayLike,
    sigma: ArrayLike | Noise,
    beta: ArrayLike,
) -> Array:
    """How many independent numbers the estimate of an epoch takes from its data.

    Args:
      problem: Design matrix and prior.
      displacement: Observed uplift [mm], shape (epoch, row); only which are NaN counts.
      sigma: As in `solve`.
      beta: Weight of the prior, scalar, positive.

    Returns:
      Trace of the resolution matrix, shape (epoch,): from the number of free fields,
      where beta is large, to that of the observations, where it is small.

    Raises:
      ValueError: As `solve`.

    Source:
      Tarantola (2005), Inverse Problem Theory, section 3.3,
      doi:10.1137/1.9780898717921.
    """
    return leverage(problem, displacement, sigma, beta).sum(axis=1)


@jax.jit
def _weights(target: Target, seen: Array, noise: Noise, beta: Array) -> Array:
    covariance, rows = fields(target), seen.shape[1]

    def one(whole: Array, _: Array) -> Array:
        return einsum("rf,rs->fs", covariance, whole[:, :rows])

    return each_inverse(target.problem, seen, noise, beta, one)


@jax.jit
def _responses(
    problem: Problem, seen: Array, noise: Noise, beta: Array, ends: tuple[Array, Array]
) -> Array:
    unit, every = ends

    def one(whole: Array, _: Array) -> Array:
        image = einsum("rs,sl->rl", whole[:, : len(unit)], unit)
        return einsum("rl,rc->lc", image, every)

    return each_inverse(problem, seen, noise, beta, one)


@jax.jit
def _lost(problem: Problem, seen: Array, noise: Noise, beta: Array) -> Array:
    rows = seen.shape[1]

    def one(whole: Array, covariance: Array) -> Array:
        return jnp.sum(whole[:rows, :rows] * covariance, axis=1)

    return each_inverse(problem, seen, noise, beta, one)

"""What is to be known of the load: linear functionals and their prior covariance."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import check_shapes, is_concrete
from jaxload.inversion.estimation.factor import Factor, factor_of
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.prior.smoothness import Prior, prior_covariance, prior_variance
from jaxload.inversion.problem import Problem, Solution

__all__ = [
    "Functionals",
    "averages",
    "check_cells",
    "every_cell",
    "factor_for",
    "some_cells",
]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Functionals:
    """Linear functionals of the load of an epoch, such as means over basins.

    Made once by `averages`, `some_cells` or `every_cell`; what is asked of it after
    that can be jitted and differentiated.

    Attributes:
      cross: Prior covariance with the rows up to 1/beta^2, ``W C G'``, shape
        (functional, row).
      null_space_amounts: Amount of the free fields in each, ``W F``, shape
        (functional, null).
      variance: Prior variance up to 1/beta^2, free fields left out, shape
        (functional,).
      covariance: Prior covariance likewise, shape (functional, functional); None where
        there are too many functionals to want it.
    """

    cross: Array
    null_space_amounts: Array
    variance: Array
    covariance: Array | None

    @property
    def fields(self) -> Array:
        """Covariance with the rows and amounts of the free fields, side by side.

        Shape (row + null, functional).
        """
        return jnp.concatenate([self.cross, self.null_space_amounts], axis=1).T


def averages(problem: Problem, prior: Prior, weights: ArrayLike) -> Functionals:
    """Weighted sums over cells: means over basins, differences, gradients.

    Args:
      problem: From `prior_problem`.
      prior: The prior that it was made with.
      weights: Weight of each cell [-], finite, shape (functional, cell).

    Returns:
      The `Functionals`.

    Raises:
      ValueError: If shapes disagree, or a weight is not a number.

    Example:
      >>> basins = averages(problem, prior, np.array([[0.5, 0.5, 0.0, 0.0]]))
      >>> posterior_sd(water, basins).sd.shape
      (1096, 1)
    """
    weights = jnp.asarray(weights, problem.design.dtype)
    check_shapes(
        design=(problem.design, "row cell"), weights=(weights, "functional cell")
    )
    _check_prior(problem, prior)
    if is_concrete(weights) and not np.isfinite(np.asarray(weights)).all():
        place = tuple(map(int, np.argwhere(~np.isfinite(np.asarray(weights)))[0]))
        raise ValueError(
            f"weights is {weights[place]:g} at (functional, cell) {place}, expected "
            "finite numbers; give cells that do not count a weight of zero"
        )
    covariance = einsum("fc,cg->fg", weights, prior_covariance(prior, weights.T))
    return Functionals(
        einsum("fc,cr->fr", weights, problem.cross),
        einsum("fc,ck->fk", weights, problem.null_space),
        jnp.diag(covariance),
        (covariance + covariance.T) / 2,
    )


def some_cells(problem: Problem, prior: Prior, cells: ArrayLike) -> Functionals:
    """Single cells by their number.

    Args:
      problem: From `prior_problem`.
      prior: The prior that it was made with.
      cells: Numbers of cells, shape (functional,).

    Returns:
      The `Functionals`.

    Raises:
      ValueError: If shapes disagree, or there is no cell of a number.
    """
    cells = check_cells(problem, cells)
    count = problem.design.shape[1]
    return averages(problem, prior, (cells[:, None] == np.arange(count)).astype(float))


def every_cell(problem: Problem, prior: Prior) -> Functionals:
    """All cells, without the covariance between them.

    Args:
      problem: From `prior_problem`.
      prior: The prior that it was made with.

    Returns:
      The `Functionals`; its functionals are the cells.

    Raises:
      ValueError: If problem and prior have different cells.
    """
    _check_prior(problem, prior)
    variance = prior_variance(prior).astype(problem.design.dtype)
    return Functionals(problem.cross, problem.null_space, variance, None)


def factor_for(solution: Factor | Solution, functionals: Functionals) -> Factor:
    """The factor of a solution, checked against functionals.

    Args:
      solution: From `solve` or `factorise`.
      functionals: From `averages`, `some_cells` or `every_cell`.

    Returns:
      The factor.

    Raises:
      ValueError: If a solution holds no factor, or shapes disagree.
    """
    factor = factor_of(solution)
    check_shapes(
        gram=(factor.problem.gram, "row row"),
        functionals=(functionals.cross, "functional row"),
    )
    return factor


def check_cells(problem: Problem, cells: ArrayLike) -> np.ndarray:
    """Check numbers of cells.

    Args:
      problem: Whose cells they are.
      cells: Integers from 0 on, shape (functional,).

    Returns:
      The same, as an array.

    Raises:
      ValueError: If they are not integers, or there is no cell of a number.
    """
    cells, count = np.asarray(cells), problem.design.shape[1]
    if cells.ndim != 1 or cells.dtype.kind not in "iu":
        raise ValueError(
            f"cells has shape {cells.shape} and type {cells.dtype}, expected a list of "
            "integers; take np.flatnonzero of a mask"
        )
    wrong = (cells < 0) | (cells >= count)
    if wrong.any():
        raise ValueError(
            f"cells holds {cells[wrong][0]}, but there are {count} cells, numbered "
            "from 0; is it a number of another grid?"
        )
    return cells


def _check_prior(problem: Problem, prior: Prior) -> None:
    check_shapes(
        problem=(problem.null_space, "cell null"),
        prior=(jnp.asarray(prior.null_space), "cell null"),
    )

"""Predict groups of rows from all others: leave-group-out, and groups by distance.

Loads and noise are correlated over distance, so that a row with a near neighbour is
predicted well even by a solution that is rough everywhere else. What is left out
together with its neighbours says how well the places between the stations are known.
"""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.cluster.hierarchy
import scipy.spatial.distance
from jax import Array
from numpy import typing as npt
from numpy.typing import NDArray

from jaxload._check import check_shapes
from jaxload.inversion.binding import Observations
from jaxload.inversion.estimation.data_space import LeftOut
from jaxload.inversion.estimation.factor import Factor, data_space_inverse, factor_of
from jaxload.inversion.hyperparameters.criteria import root_mean_square
from jaxload.inversion.problem import Problem, Solution
from jaxload.inversion.sharding import by_shards

__all__ = ["distance_blocks", "leave_group_out", "leave_group_out_residual"]


def distance_blocks(distance: npt.ArrayLike, size: float) -> NDArray[np.int64]:
    """Divide rows into blocks in which no two are farther apart than a size.

    Not for: rows near the edge of a block, which have neighbours in the next one. Where
    that matters take ``distance <= radius`` itself as the groups: every row is then
    left out with all that is near it.

    Args:
      distance: Between rows, in any unit, shape (row, row).
      size: Largest distance within a block, in the same unit.

    Returns:
      Number of the block of each row, from 0, shape (row,): `groups` for
      `leave_group_out`.

    Raises:
      ValueError: If `distance` is not square, or `size` is negative or NaN.

    Source:
      Complete linkage: Defays (1977), doi:10.1093/comjnl/20.4.364.
    """
    distance = np.asarray(distance, float)
    check_shapes(distance=(distance, "row row"))
    if not size >= 0:
        raise ValueError(f"size is {size:g}, expected a distance that is not negative")
    if len(distance) < 2:
        return np.zeros(len(distance), int)
    pairs = scipy.spatial.distance.squareform((distance + distance.T) / 2, checks=False)
    tree = scipy.cluster.hierarchy.complete(pairs)
    labels = scipy.cluster.hierarchy.fcluster(tree, size, criterion="distance")
    return np.unique(labels, return_inverse=True)[1].astype(int)


def leave_group_out_residual(
    solution: Factor | Solution, groups: npt.ArrayLike
) -> Array:
    """Compute each observation minus its prediction from the rows outside its group.

    Exact without solving anything twice: with K the inverse of the epoch's data-space
    matrix and B the observed rows of a group, ``r_B = (K_BB)^-1 (K d)_B``. Noise that
    a group shares with others, a common offset for one, is predicted with the load.

    Args:
      solution: From `solve` or `factorise`.
      groups: What is left out together; concrete. Either the number of each row's group
        from 0, as `distance_blocks` gives, shape (row,); or for each row those that
        are left out when it is predicted, itself among them, boolean, shape (row, row).

    Returns:
      Residual [mm], shape (epoch, row); NaN where there is no observation, or where
      without the group the free fields of the prior are undetermined.

    Raises:
      ValueError: If a solution holds no factor, or `groups` are not as said or leave no
        row to predict from.

    Source:
      As leave-one-out, with blocks for single rows: Rasmussen & Williams (2006),
      Gaussian Processes for Machine Learning, eq. 5.12.
    """
    factor = factor_of(solution)
    left_out = _left_out(groups, factor.problem.design.shape[0])
    multiplier = factor.solved.multiplier
    return _residual(factor.problem, factor.data, factor.beta, multiplier, left_out)


def leave_group_out(
    solution: Factor | Solution, groups: npt.ArrayLike, *, by_sigma: bool = False
) -> Array:
    """Compute the rms of the leave-group-out residuals, a criterion for `select`.

    Args:
      solution: From `solve` or `factorise`.
      groups: As in `leave_group_out_residual`.
      by_sigma: Whether each residual is divided by the standard error of its
        observation, for rows of different quality such as three components.

    Returns:
      The rms over all observations [mm, or 1 by sigma], scalar; smaller is better.

    Raises:
      ValueError: As `leave_group_out_residual`.

    Example:
      >>> blocks = inversion.distance_blocks(distance, size=100.0)
      >>> criterion = functools.partial(inversion.leave_group_out, groups=blocks)
      >>> beta = inversion.select(problem, data, criterion=criterion)
    """
    residual = leave_group_out_residual(solution, groups)
    if by_sigma:
        sigma = factor_of(solution).data.noise.sigma
        residual = residual / jnp.broadcast_to(sigma, residual.shape)
    return root_mean_square(residual)


@jax.jit
def _residual(
    problem: Problem,
    data: Observations,
    beta: Array,
    multiplier: Array,
    groups: LeftOut,
) -> Array:
    return by_shards(_own_residual, data, multiplier, (problem, beta, groups))


def _own_residual(
    data: Observations, multiplier: Array, alike: tuple[Problem, Array, LeftOut]
) -> Array:
    problem, beta, groups = alike
    inverse = data_space_inverse(problem, data, beta, steady=True)
    return inverse.left_out(multiplier, groups)


def _left_out(groups: npt.ArrayLike, rows: int) -> LeftOut:
    groups = np.asarray(groups)
    if groups.shape == (rows,) and groups.dtype.kind in "iu":
        index = _padded(
            [np.flatnonzero(groups == group) for group in set(groups)], rows
        )
        _check_some_left(index, rows)
        return LeftOut(index, index)
    if groups.shape == (rows, rows) and groups.dtype.kind == "b":
        _check_own(groups)
        index = _padded([np.flatnonzero(near) for near in groups], rows)
        _check_some_left(index, rows)
        is_own = index == np.arange(rows)[:, None]
        return LeftOut(index, np.where(is_own, index, rows).astype(np.int32))
    raise ValueError(
        f"groups has shape {groups.shape} and dtype {groups.dtype}, expected whole "
        f"numbers of shape ({rows},) or booleans of shape ({rows}, {rows})"
    )


def _padded(members: list[NDArray], rows: int) -> NDArray[np.int32]:
    longest = max(len(rows_of_one) for rows_of_one in members)
    index = np.full((len(members), longest), rows, np.int32)
    for group, rows_of_one in enumerate(members):
        index[group, : len(rows_of_one)] = rows_of_one
    return index


def _check_own(groups: NDArray[np.bool_]) -> None:
    if not np.diag(groups).all():
        row = int(np.argmin(np.diag(groups)))
        raise ValueError(
            f"the group of row {row} does not hold row {row}; set the diagonal of "
            "groups to True"
        )


def _check_some_left(index: NDArray[np.int32], rows: int) -> None:
    if ((index < rows).sum(axis=1) == rows).any():
        raise ValueError(
            "a group holds every row and leaves no data to predict it from; make the "
            "groups smaller"
        )

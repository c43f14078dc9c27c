"""Predict groups of rows from all others: leave-group-out, and groups by distance.

Loads and noise are correlated over distance, so that a row with a near neighbour is
predicted well even by a solution that is rough everywhere else. What is left out
together with its neighbours says how well the places between the stations are known.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import scipy.cluster.hierarchy
import scipy.spatial.distance
from jax import Array
from jax.typing import ArrayLike
from numpy import typing as npt
from numpy.typing import NDArray

from jaxload._check import check_shapes
from jaxload.inversion.estimation.least_squares import dual
from jaxload.inversion.linalg.spd import einsum, inverse
from jaxload.inversion.missing.patterns import Gaps
from jaxload.inversion.noise import (
    Noise,
    noise_covariance,
    over_epochs,
    scaled_noise,
)
from jaxload.inversion.observations import checked_arguments, known_gaps
from jaxload.inversion.problem import Problem

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
    problem: Problem,
    displacement: ArrayLike,
    sigma: ArrayLike | Noise,
    beta: ArrayLike,
    *,
    groups: npt.ArrayLike,
    gaps: Gaps | None = None,
) -> Array:
    """Each observation minus its prediction from the rows outside its group.

    Exact without solving anything twice: with K the inverse of the epoch's data-space
    matrix and B the observed rows of a group, ``r_B = (K_BB)^-1 (K d)_B``. Noise that
    a group shares with others, a common offset for one, is predicted with the load.

    Args:
      problem: Design matrix and prior.
      displacement: Observed uplift [mm], shape (epoch, row); NaN if missing.
      sigma: Standard error [mm], shape (row,) or (epoch, row), or a `Noise`.
      beta: Weight of the prior, scalar.
      groups: What is left out together; concrete. Either the number of each row's group
        from 0, as `distance_blocks` gives, shape (row,); or for each row those that
        are left out when it is predicted, itself among them, boolean, shape (row, row).
      gaps: As in `solve`.

    Returns:
      Residual [mm], shape (epoch, row); NaN where there is no observation, or where
      without the group the free fields of the prior are undetermined.

    Raises:
      ValueError: As `solve`, and if `groups` are not as said or leave no row to predict
        from.

    Source:
      As leave-one-out, with blocks for single rows: Rasmussen & Williams (2006),
      Gaussian Processes for Machine Learning, eq. 5.12.
    """
    members = _members(groups, problem.design.shape[0])
    displacement, noise, beta = checked_arguments(problem, displacement, sigma, beta)
    gaps = known_gaps(displacement, noise, gaps)
    solved = dual(problem, displacement, noise, beta, gaps=gaps)
    # A common offset whose variance changes makes every epoch's inverse its own.
    steady = noise.common is None or jnp.ndim(noise.common) == 0
    arguments = (problem, displacement, noise, beta, solved.multiplier, members)
    return _residual(*arguments, gaps if steady else None)


def leave_group_out(
    problem: Problem,
    displacement: ArrayLike,
    sigma: ArrayLike | Noise,
    beta: ArrayLike,
    *,
    groups: npt.ArrayLike,
    gaps: Gaps | None = None,
) -> Array:
    """Root mean square of the leave-group-out residuals, a criterion for `select`.

    Args:
      problem: Design matrix and prior.
      displacement: Observed uplift [mm], shape (epoch, row); NaN if missing.
      sigma: Standard error [mm], shape (row,) or (epoch, row), or a `Noise`.
      beta: Weight of the prior, scalar.
      groups: As in `leave_group_out_residual`.
      gaps: As in `solve`.

    Returns:
      The rms over all observations [mm], scalar; smaller is better.

    Raises:
      ValueError: As `leave_group_out_residual`.

    Example:
      >>> blocks = inversion.distance_blocks(distance, size=100.0)
      >>> criterion = functools.partial(inversion.leave_group_out, groups=blocks)
      >>> beta = inversion.select(problem, up, sigma, criterion=criterion)
    """
    left_out = leave_group_out_residual(
        problem, displacement, sigma, beta, groups=groups, gaps=gaps
    )
    return _rms(left_out)


@jax.jit
def _rms(left_out: Array) -> Array:
    # A square of NaN has a derivative of NaN, masked or not.
    known = jnp.isfinite(left_out)
    squares = jnp.where(known, left_out, 0) ** 2
    return jnp.sqrt(jnp.sum(squares) / jnp.sum(known, dtype=squares.dtype))


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class _Members:
    """The rows of each group, padded by the number of rows.

    Attributes:
      index: Rows that are left out together, shape (group, member).
      wanted: Those whose residual is taken from this group; else the number of rows.
    """

    index: NDArray[np.int32]
    wanted: NDArray[np.int32]


def _members(groups: npt.ArrayLike, rows: int) -> _Members:
    groups = np.asarray(groups)
    if groups.shape == (rows,) and groups.dtype.kind in "iu":
        index = _padded(
            [np.flatnonzero(groups == group) for group in set(groups)], rows
        )
        _check_some_left(index, rows)
        return _Members(index, index)
    if groups.shape == (rows, rows) and groups.dtype.kind == "b":
        _check_own(groups)
        index = _padded([np.flatnonzero(near) for near in groups], rows)
        _check_some_left(index, rows)
        own = index == np.arange(rows)[:, None]
        return _Members(index, np.where(own, index, rows).astype(np.int32))
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


@jax.jit
def _residual(
    problem: Problem,
    displacement: Array,
    noise: Noise,
    beta: Array,
    multiplier: Array,
    members: _Members,
    gaps: Gaps | None,
) -> Array:
    seen = jnp.isfinite(displacement)
    noise = scaled_noise(noise, beta, seen)
    if gaps is None:
        return _one_by_one(problem, noise, seen, multiplier, members)
    return _by_gaps(problem, noise, seen, multiplier, members, gaps)


def _by_gaps(
    problem: Problem,
    noise: Noise,
    seen: Array,
    multiplier: Array,
    members: _Members,
    gaps: Gaps,
) -> Array:
    """From the inverse of all rows, as `shared_dual` does it."""
    whole = inverse(problem.gram + noise_covariance(noise))
    whole = whole - _explained(whole, problem.drift)

    def of_group(part: tuple[Array, Array]) -> tuple[Array, Array]:
        epoch, common = part
        left = _eliminated(whole, common)
        there = seen.at[epoch].get(mode="fill", fill_value=False)
        some = multiplier.at[epoch].get(mode="fill", fill_value=0)
        known = jnp.ones(seen.shape[1], bool).at[common].set(False, mode="drop")
        found = _left_out(left, problem.drift, known, some, members)
        return left, jnp.where(there, found, jnp.nan)

    def of_epoch(part: tuple[Array, Array, Array]) -> Array:
        epoch, group, missing = part
        there = seen.at[epoch].get(mode="fill", fill_value=False)
        some = multiplier.at[epoch].get(mode="fill", fill_value=0)
        inverted = _eliminated(lefts[group], missing)
        return _left_out(inverted, problem.drift, there, some[None], members)[0]

    lefts, result = [], jnp.full(seen.shape, jnp.nan, multiplier.dtype)
    for groups in gaps.groups:
        left, found = jax.lax.map(
            jax.checkpoint(of_group), (groups.epoch, groups.common)
        )
        lefts.append(left)
        result = result.at[groups.epoch].set(found, mode="drop")
    lefts = jnp.concatenate(lefts)
    for rest in gaps.rests:
        flat = jax.tree.map(
            lambda part: part.reshape(-1, *part.shape[2:]),
            (rest.epoch, rest.group, rest.missing),
        )
        found = jax.lax.map(jax.checkpoint(of_epoch), flat)
        result = result.at[flat[0]].set(found, mode="drop")
    return result


def _one_by_one(
    problem: Problem, noise: Noise, seen: Array, multiplier: Array, members: _Members
) -> Array:
    """From an inverse of each epoch's own."""

    def one(here: Noise, epoch: tuple[Array, Array]) -> Array:
        seen, multiplier = epoch
        both = seen[:, None] & seen[None, :]
        alone = jnp.diag(jnp.where(seen, 0, 1).astype(multiplier.dtype))
        matrix = problem.gram + noise_covariance(here)
        inverted = jnp.where(both, inverse(jnp.where(both, matrix, alone)), 0)
        drift = jnp.where(seen[:, None], problem.drift, 0)
        inverted = inverted - _explained(inverted, drift)
        return _left_out(inverted, problem.drift, seen, multiplier[None], members)[0]

    return over_epochs(one, noise, (seen, multiplier))


def _left_out(
    inverted: Array, drift: Array, seen: Array, multiplier: Array, members: _Members
) -> Array:
    """Residuals of epochs that observe the same rows, shape (epoch, row)."""
    index = members.index
    known = seen.at[index].get(mode="fill", fill_value=False)
    both = known[:, :, None] & known[:, None, :]
    block = inverted.at[index[:, :, None], index[:, None, :]].get(
        mode="fill", fill_value=0
    )
    eye = jnp.eye(index.shape[1], dtype=inverted.dtype)[None]
    told = _determined(drift, seen, jnp.where(known, index, len(seen)))
    block = jnp.where(both & told[:, None, None], block, eye)
    right = multiplier.at[:, index].get(mode="fill", fill_value=0)
    found = einsum("gmn,egn->egm", inverse(block), jnp.where(known[None], right, 0))
    found = jnp.where(told[None, :, None], found, jnp.nan)
    nothing = jnp.full(multiplier.shape, jnp.nan, multiplier.dtype)
    result = nothing.at[:, members.wanted].set(found, mode="drop")
    return jnp.where(seen[None], result, jnp.nan)


def _determined(drift: Array, seen: Array, index: Array) -> Array:
    """Whether an epoch determines the free fields without a group, shape (group,)."""
    if drift.shape[1] == 0:
        return jnp.ones(len(index), bool)
    rows = jax.lax.stop_gradient(jnp.where(seen[:, None], drift, 0))
    pairs = rows[:, :, None] * rows[:, None, :]
    whole = jnp.sum(pairs, axis=0)
    lost = jnp.sum(pairs.at[index].get(mode="fill", fill_value=0), axis=1)
    scale = jnp.sqrt(jnp.diag(whole))
    left = (whole[None] - lost) / (scale[:, None] * scale[None, :])[None]
    inflation = jnp.diagonal(inverse(left), axis1=1, axis2=2).max(axis=1)
    return inflation * 1e3 * float(jnp.finfo(drift.dtype).eps) < 1


def _eliminated(inverted: Array, missing: Array) -> Array:
    """The inverse without some rows; those that are left, and near zero elsewhere."""
    if not len(missing):
        return inverted
    rows = inverted.at[missing].get(mode="fill", fill_value=0)
    padding = (missing == len(inverted)).astype(inverted.dtype)
    block = rows.at[:, missing].get(mode="fill", fill_value=0) + jnp.diag(padding)
    weighted = einsum("jk,kr->jr", inverse(block), rows)
    return inverted - einsum("kr,ks->rs", rows, weighted)


def _explained(inverted: Array, drift: Array) -> Array:
    """What drops out of the inverse when the drift is estimated beside the load."""
    if drift.shape[1] == 0:
        return jnp.zeros((1, 1), inverted.dtype)
    image = einsum("st,tk->sk", inverted, drift)
    normal = einsum("tk,tl->kl", drift, image)
    return einsum("sk,kl,tl->st", image, inverse(normal), image)

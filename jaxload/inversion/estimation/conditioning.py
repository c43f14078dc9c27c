"""What rows that are known at every epoch leave to be explained at the others."""

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import check_shapes
from jaxload.inversion.binding import check_finite
from jaxload.inversion.linalg.saddle_point import saddle_inverse
from jaxload.inversion.linalg.spd import einsum, inverse
from jaxload.inversion.problem import Problem

__all__ = ["given_last_rows"]


def given_last_rows(
    problem: Problem, displacement: ArrayLike, sigma: ArrayLike, beta: ArrayLike
) -> tuple[Problem, Array]:
    """Condition the prior on rows without gaps; the others remain as data.

    Where many rows have no gaps, such as virtual stations, and few have some, one
    matrix of the many serves all epochs, and gaps cost only inverses of the few. The
    density of all rows is that of the known ones times that of the others, less their
    prediction, under the problem returned. Where the prior leaves fields D free and
    densities are restricted, each is meant times det(D'D)^-1/2.

    Differentiable in every array.

    Args:
      problem: Design matrix and prior of all rows, the known ones last. Those determine
        what the prior leaves free.
      displacement: Of the known rows [mm], nothing missing, shape (epoch, known).
      sigma: Their standard error [mm], independent of each other and of the other
        rows, shape (known,).
      beta: Weight of the prior, scalar, positive.

    Returns:
      The problem of the other rows, without free fields, whose loads are additional to
      the load given the known rows; and the prediction of the other rows by the known
      ones [mm], shape (epoch, other).

    Raises:
      ValueError: If shapes disagree, no row is known, or more than there are, or, where
        values can be seen, a displacement is not finite.

    Example:
      >>> others, predicted = inversion.given_last_rows(problem, filled, error, beta)
      >>> data = inversion.observations(heights - predicted, sigma)
      >>> density = inversion.log_evidence(inversion.factorise(others, data, beta))

    Source:
      Rasmussen & Williams (2006), Gaussian Processes for Machine Learning, eqs. 2.25,
      2.26 and, for what is free, 2.41 and 2.42.
    """
    dtype = problem.design.dtype
    displacement, sigma, beta = (
        jnp.asarray(x, dtype) for x in (displacement, sigma, beta)
    )
    check_shapes(displacement=(displacement, "epoch known"), sigma=(sigma, "known"))
    others = len(problem.design) - len(sigma)
    if others < 0 or not len(sigma):
        raise ValueError(
            f"displacement has {len(sigma)} known rows, expected 1 to "
            f"{len(problem.design)}, which is all there are"
        )
    check_finite("displacement", displacement, "known rows have no missing data")
    # Under jit a value that is not finite is no missing datum: everything is NaN then.
    finite = jnp.isfinite(displacement).all(axis=0) & jnp.isfinite(sigma)
    sigma = jnp.where(finite, sigma, jnp.nan)
    displacement = jnp.where(finite[None, :], displacement, 0)
    matrix = problem.gram[others:, others:] + jnp.diag((beta * sigma) ** 2)
    known, _ = saddle_inverse(inverse(matrix), problem.null_space_response[others:])
    # Covariance of the known rows with the others and with the load; then what is free.
    to_rows, to_cells = (
        jnp.concatenate([covariance, fields.T])
        for covariance, fields in (
            (problem.gram[others:, :others], problem.null_space_response[:others]),
            (problem.cross[:, others:].T, problem.null_space),
        )
    )
    weight = einsum("kl,lr->kr", known, to_rows)
    predicted = einsum("ek,kr->er", displacement, weight[: len(sigma)])
    # NaN here would look like missing data; the problem is NaN then.
    predicted = jnp.where(finite.all(), predicted, 0)
    rest = Problem(
        problem.design[:others],
        problem.cross[:, :others] - einsum("kc,kr->cr", to_cells, weight),
        problem.gram[:others, :others] - einsum("kr,ks->rs", to_rows, weight),
        problem.null_space[:, :0],
        problem.null_space_response[:others, :0],
    )
    return rest, predicted

"""Lessons whose places without a receiver a network fills."""

import dataclasses
from collections.abc import Callable

import jax.numpy as jnp
from jax import Array

from jaxload.gapfill.joint.joint_model import (
    Hyperparameters,
    Lesson,
    Parameters,
    independent,
    told_displacement,
)
from jaxload.inversion import given_last_rows

__all__ = ["filled_by", "filled_with", "not_foretold"]


def filled_by(
    parameters: Parameters, lesson: Lesson, segment: int | None = None
) -> tuple[Lesson, Callable[[Hyperparameters, Array], Array]]:
    """Let a network fill places, and see how well it does elsewhere.

    Args:
      parameters: Of one member.
      lesson: In the form of displacement.
      segment: As in `lstm.apply`.

    Returns:
      The `Lesson`, filled; and a function that, from numbers of the inversion and which
      rows count, tells minus the log density of those receivers by the network alone,
      for each observation.
    """
    mean, sd = told_displacement(parameters, lesson.features, segment=segment)
    # A prediction that is not finite is no missing datum: every density is NaN then.
    finite = jnp.isfinite(mean).all()
    mean, sd = jnp.where(finite, mean, 0), jnp.where(finite, sd, jnp.nan)
    count = len(lesson.folds.distance)
    filled = filled_with(lesson, mean[:, count:], sd[count:])

    def own(hyperparameters: Hyperparameters, rows: Array) -> Array:
        error = lesson.sigma[:count] * jnp.exp(hyperparameters.noise)
        rest = lesson.displacement[:, :count] - mean[:, :count]
        return independent(rest, sd[:count] ** 2 + error**2, rows[:count])

    return filled, own


def filled_with(lesson: Lesson, mean: Array, sd: Array) -> Lesson:
    """Fill places.

    Args:
      lesson: In the form of displacement.
      mean: Their displacement [mm], shape (epoch, place), without the receivers.
      sd: Its standard deviation [mm], shape (place,).

    Returns:
      The `Lesson`, filled.
    """
    seen = lesson.observed
    up = jnp.concatenate([lesson.displacement[:, :seen], mean], axis=1)
    sigma = jnp.concatenate([lesson.sigma[:seen], sd])
    return dataclasses.replace(lesson, displacement=up, sigma=sigma)


def not_foretold(filled: Lesson, hyperparameters: Hyperparameters) -> Lesson:
    """Take filled places as what the prior knows beforehand.

    Args:
      filled: From `filled_by`.
      hyperparameters: Of one member.

    Returns:
      The `Lesson` of all other rows, without what filled places let expect of them.
    """
    seen = filled.observed
    if seen == len(filled.sigma):
        return filled
    problem, foretold = given_last_rows(
        filled.problem,
        filled.displacement[:, seen:],
        filled.sigma[seen:],
        jnp.exp(hyperparameters.beta),
    )
    count = len(filled.folds.distance)
    return dataclasses.replace(
        filled,
        problem=problem,
        displacement=filled.displacement[:, :seen] - foretold,
        sigma=filled.sigma[:seen],
        features=filled.features[:, :count],
    )

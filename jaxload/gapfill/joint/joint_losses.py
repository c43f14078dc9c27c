"""What a network minimises while it learns, and what it watches."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from jaxload.gapfill.joint.joint_model import (
    Lesson,
    Parameters,
    independent,
    log_density,
    not_expected,
    observations,
    surprise,
)
from jaxload.gapfill.joint.virtual_rows import filled_by, not_foretold
from jaxload.gapfill.training.optimise import Objective
from jaxload.gapfill.training.spatial_folds import held_out

__all__ = [
    "displacement_objectives",
    "two_stage_objectives",
    "water_alone_objectives",
    "water_objectives",
]


def water_objectives(
    segment: int | None = None, own: float = 1.0
) -> tuple[Objective, Objective]:
    """What the form of water minimises, and what it watches.

    Args:
      segment: As in `lstm.apply`.
      own: Weight of the network by itself beside the evidence; with 0 the exact
        evidence is all.

    Returns:
      Minus the log evidence of a member's own rows, plus `own` times what
      `water_alone_objectives` minimises; and minus the log density of the held-out ones
      given those; all for each observation. For `training.descend`, with a `Lesson` as
      data.
    """

    def loss(parameters: Parameters, lesson: Lesson, held: Array, key: Array) -> Array:
        del key
        rest = not_expected(parameters, lesson, segment)
        said = log_density(rest, parameters.inversion, held)
        return own * _by_itself(rest, ~held) - said / observations(lesson, ~held)

    def score(
        parameters: Parameters, lesson: Lesson, held: Array, watched: Array
    ) -> Array:
        rest = not_expected(parameters, lesson, segment)
        return surprise(rest, parameters.inversion, watched, held & ~watched)

    return _of_members(loss), _watching(score)


def water_alone_objectives(
    segment: int | None = None,
) -> tuple[Objective, Objective]:
    """Heights by the water that the network expects, and nothing beside it.

    Args:
      segment: As in `lstm.apply`.

    Returns:
      Minus the log density of the rows that a member learns from, for each observation,
      as if each erred by itself: by as much as is most likely, and no less than its
      standard error. What weather cannot tell of a row then counts for little. And the
      same of those that it holds out. For `training.descend`, with a `Lesson` as data.
    """

    def missed(parameters: Parameters, lesson: Lesson, rows: Array) -> Array:
        return _by_itself(not_expected(parameters, lesson, segment), rows)

    return _own_and_held(missed)


def displacement_objectives(
    segment: int | None = None, own: float = 1.0
) -> tuple[Objective, Objective]:
    """What the form of displacement minimises, and what it watches.

    Args:
      segment: As in `lstm.apply`.
      own: Weight of the network by itself beside what the inversion foretells.

    Returns:
      Minus the log density, for each observation, of neighbourhoods held out for this
      step given all other rows, plus `own` times that of all receivers by the network
      alone; and the former for those held out for good. For `training.descend`.
    """

    def loss(parameters: Parameters, lesson: Lesson, held: Array, key: Array) -> Array:
        filled, by_itself = filled_by(parameters, lesson, segment)
        folds = lesson.folds
        fold = held_out(folds.distance, folds.radius, folds.centres, key)
        rest = not_foretold(filled, parameters.inversion)
        fold = jnp.pad(fold, (0, len(rest.sigma) - len(fold)))
        silent = held[: len(fold)]
        missed = surprise(rest, parameters.inversion, fold & ~silent, silent)
        return missed + own * by_itself(parameters.inversion, ~held)

    def score(
        parameters: Parameters, lesson: Lesson, held: Array, watched: Array
    ) -> Array:
        filled = filled_by(parameters, lesson, segment)[0]
        rest = not_foretold(filled, parameters.inversion)
        asked, silent = (x[: len(rest.sigma)] for x in (watched, held & ~watched))
        return surprise(rest, parameters.inversion, asked, silent)

    return _of_members(loss), _watching(score)


def two_stage_objectives(segment: int | None = None) -> tuple[Objective, Objective]:
    """The network's own likelihood alone: trained first, inverted afterwards.

    Args:
      segment: As in `lstm.apply`.

    Returns:
      Minus the log density of receivers by the network, for each observation: those
      that a member learns from, and those that it holds out. For `training.descend`.
    """

    def missed(parameters: Parameters, lesson: Lesson, rows: Array) -> Array:
        return filled_by(parameters, lesson, segment)[1](parameters.inversion, rows)

    return _own_and_held(missed)


def _by_itself(lesson: Lesson, rows: Array) -> Array:
    """Minus the log density of rows, each with the variance that makes it largest."""
    rest = lesson.displacement
    seen = jnp.isfinite(rest) & rows[None, :]
    number = jnp.maximum(jnp.sum(seen, axis=0), 1).astype(rest.dtype)
    mean = jnp.sum(jnp.where(seen, rest, 0) ** 2, axis=0) / number
    return independent(rest, jnp.maximum(mean, lesson.sigma**2), rows)


def _own_and_held(missed: Callable[..., Array]) -> tuple[Objective, Objective]:
    """The same of the rows that a member learns from, and of those it is watched on."""

    def loss(parameters: Parameters, lesson: Lesson, held: Array, key: Array) -> Array:
        del key
        return missed(parameters, lesson, ~held)

    def score(
        parameters: Parameters, lesson: Lesson, held: Array, watched: Array
    ) -> Array:
        del held
        return missed(parameters, lesson, watched)

    return _of_members(loss), _watching(score)


def _of_members(one: Callable[..., Array]) -> Objective:
    def every(parameters: Parameters, lesson: Lesson, key: Array) -> Array:
        held = lesson.folds.held
        keys = jax.random.split(key, len(held))
        return jax.vmap(one, in_axes=(0, None, 0, 0))(parameters, lesson, held, keys)

    return every


def _watching(one: Callable[..., Array]) -> Objective:
    def every(parameters: Parameters, lesson: Lesson, key: Array) -> Array:
        del key
        held, asked = lesson.folds.held, lesson.folds.asked
        return jax.vmap(one, in_axes=(0, None, 0, 0))(parameters, lesson, held, asked)

    return every

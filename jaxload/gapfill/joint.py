"""A network trained through the inversion: it learns from what the data space says.

In both forms the network reads weather and place, is one for all places, and never sees
water: the displacement of receivers is all there is to learn from.

* *Water*: the network gives the prior mean m of the load at every place and epoch, and
  the inversion corrects it. It is trained by the evidence of the data,
  ``log N(d; G m, G C G' / beta^2 + factor^2 Sigma + tau^2 11')``, together with beta,
  the noise factor and tau, and by its own likelihood at every receiver by itself: what
  all receivers share counts for little in the evidence, which may take it for an offset
  or leave it to the correction, and neither reaches cells far from all receivers.
* *Displacement*: the network gives mean and standard deviation of displacement at
  places without a receiver, which enter the inversion as further rows. It is trained by
  what is said so of neighbourhoods that are held out, others at every step, and by its
  own likelihood at the receivers too. *Two stages* take the latter alone.
"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import check_shapes
from jaxload.gapfill.lstm import Network, Weights, apply, initialise
from jaxload.gapfill.neighbourhoods import held_out
from jaxload.gapfill.training import Objective
from jaxload.inversion import (
    Gaps,
    Noise,
    Problem,
    find_gaps,
    given_last_rows,
    log_evidence,
)

__all__ = [
    "Folds",
    "Hyperparameters",
    "Lesson",
    "Parameters",
    "displacement_objectives",
    "first_parameters",
    "make_lesson",
    "noise_of",
    "not_expected",
    "surprise",
    "told_displacement",
    "told_water",
    "two_stage_objectives",
    "water_alone_objectives",
    "water_objectives",
]

#: What an output of one stands for: load and displacement [mm].
WATER, UPLIFT = 100.0, 5.0

#: Factor on the sigma of what is held out: it says nothing any more.
SILENCE = 1e4


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Hyperparameters:
    """Positive numbers of the inversion, as logarithms, each of shape ().

    Attributes:
      beta: Weight of the prior.
      noise: Factor on the standard errors of the receivers [-].
      common: Standard deviation of the offset that they share [mm].
    """

    beta: Array
    noise: Array
    common: Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Parameters:
    """All that is trained.

    Attributes:
      network: One network for all places.
      inversion: What the inversion is told.
    """

    network: Weights
    inversion: Hyperparameters


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Folds:
    """Whom members hold out.

    Attributes:
      held: For the whole training, to end it in time, boolean, shape (member, row).
      distance: Between receivers, in any unit, shape (station, station).
      radius: Up to where a receiver is held out with its neighbour, same unit, ().
      centres: How many neighbourhoods every step holds out beside.
    """

    held: Array
    distance: Array
    radius: Array
    centres: int = dataclasses.field(metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Lesson:
    """What there is to learn from.

    Rows are the receivers first; then what else was observed (water), or the places to
    be filled (displacement), whose own displacement counts for nothing.

    Attributes:
      problem: Design matrix and prior of the rows.
      displacement: Observations [mm], shape (epoch, row); NaN if missing.
      sigma: Standard error [mm], shape (row,).
      gaps: Of `displacement`; in the form of displacement of the receivers' alone.
      features: What the network reads [-], shape (epoch, place, feature). In the form
        of displacement places are rows.
      moved: What a unit of load at a place makes of each row [mm/mm], shape
        (row, place); of no meaning in the form of displacement.
      folds: Who is held out.
    """

    problem: Problem
    displacement: Array
    sigma: Array
    gaps: Gaps
    features: Array
    moved: Array
    folds: Folds


def make_lesson(
    problem: Problem,
    displacement: ArrayLike,
    sigma: ArrayLike,
    features: ArrayLike,
    folds: Folds,
    *,
    moved: ArrayLike | None = None,
) -> Lesson:
    """Check what is to be learned from, and lay it out.

    Args:
      problem: Design matrix and prior of the rows.
      displacement: Observations [mm], shape (epoch, row); NaN if missing. Rows that are
        places to be filled hold zeros.
      sigma: Standard error [mm], shape (row,).
      features: What the network reads [-], shape (epoch, place, feature).
      folds: Who is held out.
      moved: As in `Lesson`, for the form of water.

    Returns:
      The `Lesson`.

    Raises:
      ValueError: If shapes disagree or a feature is not finite.
    """
    displacement = np.asarray(displacement)
    features = jnp.asarray(features, jnp.float32)
    given = jnp.zeros((0, features.shape[1])) if moved is None else jnp.asarray(moved)
    named = {
        "displacement": (displacement, "epoch row"),
        "sigma": (np.asarray(sigma), "row"),
        "features": (features, "epoch place feature"),
        "held": (folds.held, "member row"),
        "moved": (given, "row place" if moved is not None else "_ place"),
        "design": (problem.design, "row cell"),
    }
    if moved is None:
        named["features"] = (features, "epoch row feature")
        named["moved"] = (given, "_ row")
    check_shapes(**named)
    bad = ~np.isfinite(np.asarray(features)).all(axis=0)
    if bad.any():
        place, feature = map(int, np.argwhere(bad)[0])
        raise ValueError(
            f"feature {feature} of place {place} is not finite at every epoch; fill "
            "its gaps, or leave the feature out"
        )
    dtype = problem.design.dtype
    with_gaps = displacement.shape[1] if moved is not None else len(folds.distance)
    return Lesson(
        problem,
        jnp.asarray(displacement, dtype),
        jnp.asarray(sigma, dtype),
        find_gaps(displacement[:, :with_gaps]),
        features,
        given.astype(dtype),
        folds,
    )


def first_parameters(
    network: Network, hyperparameters: tuple[float, float, float], keys: Array
) -> Parameters:
    """Parameters to begin with: the network says nothing yet.

    Args:
      network: Its size; the readout begins at zero, so that the first step starts from
        the inversion without a network.
      hyperparameters: Beta, noise factor and common standard deviation [mm], positive.
      keys: Of `jax.random.split`, one for each member, shape (member,).

    Returns:
      The `Parameters`, an axis of members first.
    """
    drawn = jax.vmap(lambda key: initialise(network, key))(keys)
    drawn = dataclasses.replace(drawn, readout=jnp.zeros_like(drawn.readout))
    logarithm = jnp.log(jnp.asarray(hyperparameters, jnp.float64))
    each = (jnp.broadcast_to(value, keys.shape) for value in logarithm)
    return Parameters(drawn, Hyperparameters(*each))


def told_water(
    parameters: Parameters, features: Array, *, segment: int | None = None
) -> Array:
    """The load that one network expects.

    Args:
      parameters: Of one member.
      features: Shape (epoch, place, feature).
      segment: As in `lstm.apply`.

    Returns:
      Anomaly of the load [mm], of mean zero in time, shape (epoch, place), float64.
    """
    output = apply(parameters.network, features, segment=segment)[..., 0]
    return _anomaly(WATER * output.astype(jnp.float64))


def told_displacement(
    parameters: Parameters, features: Array, *, segment: int | None = None
) -> tuple[Array, Array]:
    """The displacement that one network expects, and how sure it is.

    Args:
      parameters: Of one member, with two outputs.
      features: Shape (epoch, place, feature).
      segment: As in `lstm.apply`.

    Returns:
      Anomaly of the displacement [mm], of mean zero in time, shape (epoch, place), and
      its standard deviation [mm], the same at all epochs, shape (place,); float64.
    """
    output = apply(parameters.network, features, segment=segment)
    output = output.astype(jnp.float64)
    size = jnp.exp(jnp.mean(output[..., 1], axis=0))
    return _anomaly(UPLIFT * output[..., 0]), UPLIFT * size


def _anomaly(values: Array) -> Array:
    return values - jnp.mean(values, axis=0, keepdims=True)


def noise_of(
    lesson: Lesson, hyperparameters: Hyperparameters, silent: ArrayLike = False
) -> Noise:
    """The noise of the rows under some hyperparameters.

    Args:
      lesson: With standard errors.
      hyperparameters: Of one member.
      silent: Which rows are to say nothing, boolean, shape () or (row,).

    Returns:
      The `Noise`.
    """
    receiver = _receivers(lesson)
    factor = jnp.where(receiver, jnp.exp(hyperparameters.noise), 1)
    silent = jnp.broadcast_to(jnp.asarray(silent), receiver.shape)
    factor = jnp.where(silent, SILENCE, factor)
    common = jnp.exp(2 * hyperparameters.common)
    return Noise(lesson.sigma * factor, common=common, common_rows=receiver)


def not_expected(
    parameters: Parameters, lesson: Lesson, segment: int | None = None
) -> Lesson:
    """A lesson without what the water moves that a network expects.

    Args:
      parameters: Of one member.
      lesson: In the form of water.
      segment: As in `lstm.apply`.

    Returns:
      The `Lesson`, whose displacement is what the inversion is to explain.
    """
    load = told_water(parameters, lesson.features, segment=segment)
    moved = jnp.einsum("ep,rp->er", load, lesson.moved)
    return dataclasses.replace(lesson, displacement=lesson.displacement - moved)


def surprise(
    lesson: Lesson,
    hyperparameters: Hyperparameters,
    asked: Array,
    silent: Array | None = None,
) -> Array:
    """By how much some rows surprise who knows the others.

    Args:
      lesson: What the inversion is to explain.
      hyperparameters: Of one member.
      asked: Which rows, boolean, shape (row,).
      silent: Which rows are not known either, boolean, shape (row,); None for none.

    Returns:
      Minus the log density of those rows given the others, for each observation, ().
    """
    silent = jnp.zeros_like(asked) if silent is None else silent
    both = _density(lesson, hyperparameters, silent)
    others = _density(lesson, hyperparameters, silent | asked)
    return -(both - others) / _count(lesson, asked)


def water_objectives(segment: int | None = None) -> tuple[Objective, Objective]:
    """What the form of water minimises, and what it watches.

    Args:
      segment: As in `lstm.apply`.

    Returns:
      Minus the log evidence of a member's own rows, plus what `water_alone_objectives`
      minimises; and minus the log density of the held-out ones given those; all for
      each observation. For `training.descend`, with a `Lesson` as data.
    """

    def loss(parameters: Parameters, lesson: Lesson, held: Array, key: Array) -> Array:
        del key
        rest = not_expected(parameters, lesson, segment)
        said = _density(rest, parameters.inversion, held) / _count(lesson, ~held)
        return _by_itself(rest, ~held) - said

    def score(parameters: Parameters, lesson: Lesson, held: Array, key: Array) -> Array:
        del key
        rest = not_expected(parameters, lesson, segment)
        return surprise(rest, parameters.inversion, held)

    return _of_members(loss), _of_members(score)


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
    segment: int | None = None,
) -> tuple[Objective, Objective]:
    """What the form of displacement minimises, and what it watches.

    Args:
      segment: As in `lstm.apply`.

    Returns:
      Minus the log density, for each observation, of neighbourhoods held out for this
      step given all other rows, plus that of all receivers by the network alone; and
      the former for those held out for good. For `training.descend`.
    """

    def loss(parameters: Parameters, lesson: Lesson, held: Array, key: Array) -> Array:
        filled, own = _filled(parameters, lesson, segment)
        folds = lesson.folds
        fold = held_out(folds.distance, folds.radius, folds.centres, key)
        silent = held[: len(fold)]
        rest = _not_foretold(filled, parameters.inversion)
        missed = surprise(rest, parameters.inversion, fold & ~silent, silent)
        return missed + own(parameters.inversion, ~held)

    def score(parameters: Parameters, lesson: Lesson, held: Array, key: Array) -> Array:
        del key
        filled = _filled(parameters, lesson, segment)[0]
        rest = _not_foretold(filled, parameters.inversion)
        return surprise(rest, parameters.inversion, held[: len(rest.sigma)])

    return _of_members(loss), _of_members(score)


def two_stage_objectives(segment: int | None = None) -> tuple[Objective, Objective]:
    """The network's own likelihood alone: trained first, inverted afterwards.

    Args:
      segment: As in `lstm.apply`.

    Returns:
      Minus the log density of receivers by the network, for each observation: those
      that a member learns from, and those that it holds out. For `training.descend`.
    """

    def missed(parameters: Parameters, lesson: Lesson, rows: Array) -> Array:
        return _filled(parameters, lesson, segment)[1](parameters.inversion, rows)

    return _own_and_held(missed)


def _by_itself(lesson: Lesson, rows: Array) -> Array:
    """Minus the log density of rows, each with the variance that makes it largest."""
    rest = lesson.displacement
    seen = jnp.isfinite(rest) & rows[None, :]
    number = jnp.maximum(jnp.sum(seen, axis=0), 1).astype(rest.dtype)
    mean = jnp.sum(jnp.where(seen, rest, 0) ** 2, axis=0) / number
    return _independent(rest, jnp.maximum(mean, lesson.sigma**2), rows)


def _independent(rest: Array, variance: Array, rows: Array) -> Array:
    """Minus the log density of rows that err by themselves, for each observation."""
    seen, variance = jnp.isfinite(rest) & rows[None, :], variance[None, :]
    density = jnp.where(seen, rest, 0) ** 2 / variance + jnp.log(2 * jnp.pi * variance)
    count = jnp.maximum(jnp.sum(seen), 1).astype(rest.dtype)
    return jnp.sum(jnp.where(seen, density, 0)) / 2 / count


def _own_and_held(missed: Callable[..., Array]) -> tuple[Objective, Objective]:
    """The same of the rows that a member learns from, and of those it holds out."""

    def loss(parameters: Parameters, lesson: Lesson, held: Array, key: Array) -> Array:
        del key
        return missed(parameters, lesson, ~held)

    def score(parameters: Parameters, lesson: Lesson, held: Array, key: Array) -> Array:
        del key
        return missed(parameters, lesson, held)

    return _of_members(loss), _of_members(score)


def _of_members(one: Callable[..., Array]) -> Objective:
    def every(parameters: Parameters, lesson: Lesson, key: Array) -> Array:
        held = lesson.folds.held
        keys = jax.random.split(key, len(held))
        return jax.vmap(one, in_axes=(0, None, 0, 0))(parameters, lesson, held, keys)

    return every


def _receivers(lesson: Lesson) -> Array:
    return jnp.arange(len(lesson.sigma)) < len(lesson.folds.distance)


def _count(lesson: Lesson, rows: Array) -> Array:
    seen = jnp.isfinite(lesson.displacement) & rows[None, :]
    return jnp.maximum(jnp.sum(seen), 1).astype(lesson.sigma.dtype)


def _density(lesson: Lesson, hyperparameters: Hyperparameters, silent: Array) -> Array:
    """Log density of all rows but the silent ones, which stand for a constant."""
    noise = noise_of(lesson, hyperparameters, silent)
    beta = jnp.exp(hyperparameters.beta)
    given = (lesson.problem, lesson.displacement, noise, beta)
    said = log_evidence(*given, gaps=lesson.gaps)
    seen = jnp.isfinite(lesson.displacement) & silent[None, :]
    spread = jnp.where(silent, jnp.log(2 * jnp.pi * (SILENCE * lesson.sigma) ** 2), 0)
    return said + jnp.sum(jnp.where(seen, spread[None, :], 0)) / 2


def _filled(
    parameters: Parameters, lesson: Lesson, segment: int | None
) -> tuple[Lesson, Callable[[Hyperparameters, Array], Array]]:
    """A lesson whose empty places the network fills, and how well it does elsewhere."""
    mean, sd = told_displacement(parameters, lesson.features, segment=segment)
    receiver = _receivers(lesson)
    filled = dataclasses.replace(
        lesson,
        displacement=jnp.where(receiver[None, :], lesson.displacement, mean),
        sigma=jnp.where(receiver, lesson.sigma, sd),
    )

    def own(hyperparameters: Hyperparameters, rows: Array) -> Array:
        error = lesson.sigma * jnp.exp(hyperparameters.noise)
        rest = lesson.displacement - mean
        return _independent(rest, sd**2 + error**2, rows & receiver)

    return filled, own


def _not_foretold(filled: Lesson, hyperparameters: Hyperparameters) -> Lesson:
    """Receivers alone, to whom the prior brings what filled places say."""
    count = len(filled.folds.distance)
    if count == len(filled.sigma):
        return filled
    problem, foretold = given_last_rows(
        filled.problem,
        filled.displacement[:, count:],
        filled.sigma[count:],
        jnp.exp(hyperparameters.beta),
    )
    return dataclasses.replace(
        filled,
        problem=problem,
        displacement=filled.displacement[:, :count] - foretold,
        sigma=filled.sigma[:count],
    )

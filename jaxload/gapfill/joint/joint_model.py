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
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import check_shapes
from jaxload.gapfill.networks.lstm import Network, Weights, apply, initialise
from jaxload.inversion import Gaps, Noise, Problem, find_gaps, log_evidence

__all__ = [
    "Folds",
    "Hyperparameters",
    "Lesson",
    "Parameters",
    "check_predictions",
    "first_parameters",
    "independent",
    "log_density",
    "make_lesson",
    "members_of",
    "noise_of",
    "not_expected",
    "observations",
    "receivers",
    "surprise",
    "told_displacement",
    "told_water",
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
      held: For the whole training, boolean, shape (member, row).
      distance: Between receivers, in any unit, shape (station, station).
      radius: Up to where a receiver is held out with its neighbour, same unit, ().
      centres: How many neighbourhoods every step holds out beside.
      watched: By whom of those held out a training is ended in time, likewise; None for
        all. The others it never sees in any way.
    """

    held: Array
    distance: Array
    radius: Array
    centres: int = dataclasses.field(metadata={"static": True})
    watched: Array | None = None

    @property
    def asked(self) -> Array:
        """Whose surprise ends a training, boolean, shape (member, row)."""
        return self.held if self.watched is None else self.watched


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Lesson:
    """What there is to learn from.

    Rows are the receivers first, then what else was observed, such as means of GRACE;
    last, in the form of displacement, the places to be filled, whose own displacement
    counts for nothing.

    Attributes:
      problem: Design matrix and prior of the rows.
      displacement: Observations [mm], shape (epoch, row); NaN if missing.
      sigma: Standard error [mm], shape (row,).
      gaps: Of `displacement`, but for places to be filled.
      features: What the network reads [-], shape (epoch, place, feature). In the form
        of displacement places are the receivers, then those to be filled.
      moved: What a unit of load at a place makes of each row [mm/mm], shape
        (row, place); in the form of displacement of no row.
      folds: Who is held out.
    """

    problem: Problem
    displacement: Array
    sigma: Array
    gaps: Gaps
    features: Array
    moved: Array
    folds: Folds

    @property
    def observed(self) -> int:
        """How many rows come before the places to be filled."""
        receivers, rows = self.folds.distance.shape[0], self.sigma.shape[0]
        filled = 0 if len(self.moved) else self.features.shape[1] - receivers
        return rows - filled


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
      moved: As in `Lesson`, for the form of water; None for that of displacement.

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
    if folds.watched is not None:
        named["watched"] = (folds.watched, "member row")
    sizes = check_shapes(**named)
    receivers = len(folds.distance)
    if moved is None and not receivers <= sizes["place"] <= sizes["row"]:
        raise ValueError(
            f"features has {sizes['place']} places, expected those of {receivers} "
            f"receivers and of places to be filled, among {sizes['row']} rows"
        )
    bad = ~np.isfinite(np.asarray(features)).all(axis=0)
    if bad.any():
        place, feature = map(int, np.argwhere(bad)[0])
        raise ValueError(
            f"feature {feature} of place {place} is not finite at every epoch; fill "
            "its gaps, or leave the feature out"
        )
    dtype = problem.design.dtype
    filled = 0 if moved is not None else sizes["place"] - receivers
    return Lesson(
        problem,
        jnp.asarray(displacement, dtype),
        jnp.asarray(sigma, dtype),
        find_gaps(displacement[:, : sizes["row"] - filled]),
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


def members_of(parameters: Parameters) -> list[Parameters]:
    """Take the members of an ensemble apart.

    Args:
      parameters: An axis of members first.

    Returns:
      The parameters of each.
    """
    take = lambda number: jax.tree.map(lambda values: values[number], parameters)
    return [take(number) for number in range(len(parameters.inversion.beta))]


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
    receiver = receivers(lesson)
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
    # A prediction that is not finite is no missing datum: every density is NaN then.
    finite = jnp.isfinite(load).all()
    moved = jnp.einsum("ep,rp->er", jnp.where(finite, load, 0), lesson.moved)
    return dataclasses.replace(
        lesson,
        displacement=lesson.displacement - moved,
        sigma=jnp.where(finite, lesson.sigma, jnp.nan),
    )


def check_predictions(members: Sequence[ArrayLike]) -> None:
    """Check that what members of an ensemble predict is finite.

    Args:
      members: Prediction of each member, any shape.

    Raises:
      ValueError: If one is not.
    """
    bad = [n for n, one in enumerate(members) if not np.isfinite(one).all()]
    if bad:
        raise ValueError(
            f"network {bad[0] + 1} of {len(members)} predicts values that are not "
            "finite; use a smaller filler.learning_rate, or see whether the weather "
            "has missing values"
        )


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
    both = log_density(lesson, hyperparameters, silent)
    others = log_density(lesson, hyperparameters, silent | asked)
    return -(both - others) / observations(lesson, asked)


def log_density(
    lesson: Lesson, hyperparameters: Hyperparameters, silent: Array
) -> Array:
    """How likely all rows are but some.

    Args:
      lesson: What the inversion is to explain.
      hyperparameters: Of one member.
      silent: Which rows do not count, boolean, shape (row,).

    Returns:
      Log density of the others, ().
    """
    noise = noise_of(lesson, hyperparameters, silent)
    beta = jnp.exp(hyperparameters.beta)
    given = (lesson.problem, lesson.displacement, noise, beta)
    said = log_evidence(*given, gaps=lesson.gaps)
    # Silent rows err by so much that each has a density by itself, the same always.
    seen = jnp.isfinite(lesson.displacement) & silent[None, :]
    spread = jnp.where(silent, jnp.log(2 * jnp.pi * (SILENCE * lesson.sigma) ** 2), 0)
    return said + jnp.sum(jnp.where(seen, spread[None, :], 0)) / 2


def independent(rest: Array, variance: Array, rows: Array) -> Array:
    """How unlikely rows are that err by themselves.

    Args:
      rest: What is not explained of them [mm], shape (epoch, row); NaN if missing.
      variance: Of each [mm^2], shape (row,).
      rows: Which ones count, boolean, shape (row,).

    Returns:
      Minus their log density, for each observation, ().
    """
    seen, variance = jnp.isfinite(rest) & rows[None, :], variance[None, :]
    density = jnp.where(seen, rest, 0) ** 2 / variance + jnp.log(2 * jnp.pi * variance)
    count = jnp.maximum(jnp.sum(seen), 1).astype(rest.dtype)
    return jnp.sum(jnp.where(seen, density, 0)) / 2 / count


def receivers(lesson: Lesson) -> Array:
    """Which rows are receivers.

    Args:
      lesson: Any.

    Returns:
      Boolean, shape (row,).
    """
    return jnp.arange(len(lesson.sigma)) < len(lesson.folds.distance)


def observations(lesson: Lesson, rows: Array) -> Array:
    """How many observations some rows have.

    Args:
      lesson: Any.
      rows: Which ones, boolean, shape (row,).

    Returns:
      Their number, 1 if there are none, ().
    """
    seen = jnp.isfinite(lesson.displacement) & rows[None, :]
    return jnp.maximum(jnp.sum(seen), 1).astype(lesson.sigma.dtype)

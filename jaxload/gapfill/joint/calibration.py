"""How sure an inversion with what a network tells may be.

Numbers of the training are too sure: network and inversion were fitted to the same
heights, and of what a network gets wrong over a whole neighbourhood the receivers that
it learned from tell nothing. Neighbourhoods held out do. Numbers by which these
surprise least serve for standard errors; those of the training remain better for the
mean, which they keep from following noise that lasts longer than an epoch.
"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
from jax import Array
from numpy.typing import NDArray

from jaxload.gapfill.joint.joint_model import (
    Hyperparameters,
    Lesson,
    Parameters,
    members_of,
    not_expected,
    surprise,
    told_displacement,
)
from jaxload.gapfill.joint.virtual_rows import filled_with, not_foretold
from jaxload.inversion import find_gaps

__all__ = ["calibrated", "calibrated_with_filled"]

#: How far a number may go from where it begins, as a factor up or down.
REACH = 100.0

MOST_ITERATIONS = 40


def calibrated(
    lesson: Lesson, parameters: Parameters, *, every: int = 1
) -> Hyperparameters:
    """Find the numbers by which what members held out surprises least.

    Args:
      lesson: In the form of water.
      parameters: Of all members, an axis of members first; their networks stay as they
        are.
      every: Only every so many epochs are looked at.

    Returns:
      The numbers for all members together, each of shape ().

    Example:
      >>> numbers = calibrated(lesson, learned.last.parameters)
      >>> noise, beta = joint.noise_of(lesson, numbers), jnp.exp(numbers.beta)
    """
    rest = jax.jit(lambda one, lesson: not_expected(one, lesson).displacement)
    left = [(rest(one, lesson)[::every],) for one in members_of(parameters)]
    thin = _thinned(lesson, every)
    best = _least(_surprise, thin, left, _begin(parameters))
    return Hyperparameters(*(jnp.asarray(x) for x in best))


def calibrated_with_filled(
    lesson: Lesson, parameters: Parameters, *, every: int = 1
) -> tuple[Hyperparameters, Array]:
    """Find them with how sure members may be of places that they fill.

    Args:
      lesson: In the form of displacement, with places to be filled.
      parameters: As in `calibrated`.
      every: Likewise.

    Returns:
      The numbers for all members together, and the factor on the standard deviations
      of filled places, each of shape ().
    """
    told = jax.jit(told_displacement)
    count, filled = len(lesson.folds.distance), []
    for one in members_of(parameters):
        mean, sd = told(one, lesson.features)
        filled.append((mean[::every, count:], sd[count:]))
    begin = np.append(_begin(parameters), 0.0)
    best = _least(_filled_surprise, _thinned(lesson, every), filled, begin)
    return Hyperparameters(*(jnp.asarray(x) for x in best[:3])), jnp.exp(best[3])


def _begin(parameters: Parameters) -> NDArray[np.float64]:
    numbers = parameters.inversion
    every = (numbers.beta, numbers.noise, numbers.common)
    return np.array([float(jnp.mean(x)) for x in every])


def _thinned(lesson: Lesson, every: int) -> Lesson:
    """Some of the epochs; which values are missing is the same for all members."""
    some = lesson.displacement[::every]
    return dataclasses.replace(
        lesson,
        displacement=some,
        features=lesson.features[:1],
        gaps=find_gaps(np.asarray(some)[:, : lesson.observed]),
    )


def _least(
    surprise: Callable[..., Array],
    lesson: Lesson,
    told: list[tuple[Array, ...]],
    begin: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Logarithms of numbers at which members are surprised least on average."""
    slope = jax.jit(jax.value_and_grad(surprise))
    held, asked = lesson.folds.held, lesson.folds.asked
    rows = [(a, h & ~a) for a, h in zip(asked, held)]

    def mean(place: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        found = [
            slope(jnp.asarray(place), lesson, *of_member, *both)
            for of_member, both in zip(told, rows)
        ]
        value = np.mean([float(value) for value, _ in found])
        return float(value), np.mean([np.asarray(by) for _, by in found], axis=0)

    reach = np.log(REACH)
    best = scipy.optimize.minimize(
        mean,
        begin,
        jac=True,
        method="L-BFGS-B",
        bounds=[(x - reach, x + reach) for x in begin],
        options={"maxiter": MOST_ITERATIONS},
    )
    return best.x


def _surprise(
    place: Array, lesson: Lesson, left: Array, asked: Array, silent: Array
) -> Array:
    rest = dataclasses.replace(lesson, displacement=left)
    return surprise(rest, Hyperparameters(*place), asked, silent)


def _filled_surprise(
    place: Array, lesson: Lesson, mean: Array, sd: Array, asked: Array, silent: Array
) -> Array:
    numbers = Hyperparameters(*place[:3])
    rest = not_foretold(filled_with(lesson, mean, sd * jnp.exp(place[3])), numbers)
    seen = len(rest.sigma)
    return surprise(rest, numbers, asked[:seen], silent[:seen])

"""How sure an inversion about what a network expects may be."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
from jax import Array
from numpy.typing import NDArray

from jaxload.gapfill.joint import (
    Hyperparameters,
    Lesson,
    Parameters,
    not_expected,
    surprise,
)
from jaxload.inversion import find_gaps

__all__ = ["calibrated"]

#: How far a number may go from where it begins, as a factor up or down.
REACH = 100.0

MOST_ITERATIONS = 40


def calibrated(
    lesson: Lesson, parameters: Parameters, *, every: int = 1
) -> Hyperparameters:
    """Find the numbers by which what members held out surprises least.

    Those of the training are too sure: network and inversion were fitted to the same
    heights, and of what a network gets wrong over a whole neighbourhood the receivers
    that it learned from tell nothing. Neighbourhoods held out do. The numbers found
    serve for standard errors; those of the training remain better for the mean, which
    they keep from following noise that lasts longer than an epoch.

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
    left = []
    for member in range(len(lesson.folds.held)):
        one = jax.tree.map(lambda values, n=member: values[n], parameters)
        left.append(np.asarray(rest(one, lesson))[::every])
    # Which values are missing is the same for all: one program serves them.
    thin = dataclasses.replace(
        lesson,
        displacement=jnp.asarray(left[0]),
        features=lesson.features[:1],
        gaps=find_gaps(left[0]),
    )
    slope = jax.jit(jax.value_and_grad(_surprise))

    def mean(place: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        found = [
            slope(jnp.asarray(place), thin, jnp.asarray(values), held)
            for values, held in zip(left, lesson.folds.held)
        ]
        value = np.mean([float(value) for value, _ in found])
        return float(value), np.mean([np.asarray(by) for _, by in found], axis=0)

    numbers = parameters.inversion
    begin = np.array(
        [np.mean(x) for x in (numbers.beta, numbers.noise, numbers.common)]
    )
    best = scipy.optimize.minimize(
        mean,
        begin,
        jac=True,
        method="L-BFGS-B",
        bounds=[(x - np.log(REACH), x + np.log(REACH)) for x in begin],
        options={"maxiter": MOST_ITERATIONS},
    )
    return Hyperparameters(*(jnp.asarray(x) for x in best.x))


def _surprise(place: Array, lesson: Lesson, left: Array, held: Array) -> Array:
    rest = dataclasses.replace(lesson, displacement=left)
    return surprise(rest, Hyperparameters(*place), held)

"""A step of joint training at two sizes: southwest China weekly, a country daily.

Beside it, in the same process, what of it the inversion takes: the gradient of the
evidence by beta, noise and common mode alone, without a network.
"""

import argparse
import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from benchmarks import _networks
from benchmarks._harness import measure, measure_and_watch, report
from jaxload import inversion, sphere
from jaxload.gapfill import joint, lstm, objectives

__all__ = ["main"]

#: As studies have them: numbers of a place and epoch, and units of the network.
FEATURES, HIDDEN = 12, 16


def main() -> None:
    """Time a step of each size, and store what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="southwest China only")
    options = parser.parse_args()
    with jax.enable_x64(True):
        southwest = _networks.invented(57, (68, 60), 521)
        rows = [_timed("southwest China, weekly, 4 members", southwest, 320, 4, None)]
        if not options.small:
            country = _stations_of(_networks.national(), 263)
            segment = math.isqrt(len(country.displacement))
            named = "national, daily, 1 member"
            rows.append(_timed(named, country, 1148, 1, segment))
        report("joint", rows)


def _stations_of(network: _networks.Network, count: int) -> _networks.Network:
    return dataclasses.replace(
        network,
        design=network.design[:count],
        displacement=network.displacement[:, :count],
        sigma=network.sigma[:count],
    )


def _timed(
    name: str,
    network: _networks.Network,
    places: int,
    members: int,
    segment: int | None,
) -> dict[str, Any]:
    lesson = _lesson(network, places, members)
    keys = jax.random.split(jax.random.key(1), members)
    sizes = lstm.Network(FEATURES, HIDDEN)
    parameters = joint.first_parameters(sizes, (0.1, 1.2, 1.0), keys)
    loss = objectives.water_objectives(segment)[0]

    def total(parameters: joint.Parameters, lesson: joint.Lesson, key: Array) -> Array:
        return jnp.sum(loss(parameters, lesson, key))

    def alone(numbers: joint.Hyperparameters, lesson: joint.Lesson) -> Array:
        noise = joint.noise_of(lesson, numbers)
        given = (lesson.problem, lesson.displacement, noise, jnp.exp(numbers.beta))
        return inversion.log_evidence(*given, gaps=lesson.gaps)

    step = jax.jit(jax.grad(total))
    inverted = jax.jit(jax.grad(alone))
    first = jax.tree.map(lambda x: x[0], parameters.inversion)
    times, _ = measure_and_watch(lambda: step(parameters, lesson, keys[0]))
    return {
        "size": name,
        "stations": len(network.sigma),
        "epochs": len(network.displacement),
        "cells": network.design.shape[1],
        "places": places,
        **times,
        "evidence_alone_s": measure(inverted, first, lesson)["median_s"],
    }


def _lesson(network: _networks.Network, places: int, members: int) -> joint.Lesson:
    """Any weather: the time of a step does not depend on it."""
    rng = np.random.default_rng(5)
    epochs, stations = network.displacement.shape
    features = rng.normal(size=(epochs, places, FEATURES)).astype(np.float32)
    moved = -0.01 * rng.uniform(size=(stations, places))
    held = np.zeros((members, stations), bool)
    held[:, : stations // 5] = True
    lon, lat = rng.uniform(100, 110, stations), rng.uniform(25, 35, stations)
    distance = sphere.angular_distance(lon[:, None], lat[:, None], lon[None], lat[None])
    folds = joint.Folds(jnp.asarray(held), distance, jnp.asarray(1.0), 1)
    problem = inversion.smooth_problem(jnp.asarray(network.design), network.operator)
    given = (problem, network.displacement, network.sigma, features, folds)
    return joint.make_lesson(*given, moved=moved)


if __name__ == "__main__":
    main()

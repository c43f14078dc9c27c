"""A step of joint training at two sizes: southwest China weekly, a country daily.

In both forms, on water and on displacement. Beside the former, in the same process,
what of it the inversion takes: the gradient of the evidence by beta, noise and common
mode alone, without a network. With --models, in processor seconds, steps on water of
models side by side.
"""

import argparse
import dataclasses
import functools
import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from benchmarks import _networks
from benchmarks._harness import measure, measure_and_watch, report
from jaxload import inversion, sphere
from jaxload.gapfill.joint import joint_losses, joint_model
from jaxload.gapfill.joint.schedule import model_sizes
from jaxload.gapfill.models.named import named_architecture
from jaxload.gapfill.networks import lstm

__all__ = ["main", "training_step"]

#: As studies have them: numbers of a place and epoch, and units of the network.
FEATURES, HIDDEN = 12, 16


class Size(NamedTuple):
    """Size of a training.

    Attributes:
      name: For the table.
      places: Places of weather.
      cells: Virtual stations.
      members: Networks side by side.
    """

    name: str
    places: int
    cells: int
    members: int


SOUTHWEST = Size("southwest China, weekly, 4 members", 320, 87, 4)
COUNTRY = Size("national, daily, 1 member", 1148, 741, 1)

#: Hyperparameters that a step begins with.
INITIAL = joint_model.InitialHyperparameters(0.1, 1.2, 1.0)

OBJECTIVES = {
    "water": joint_losses.joint_load_losses,
    "displacement": joint_losses.joint_displacement_losses,
}


#: Models side by side, of as many units, and the losses of both parts of a training.
MODELS: dict[str, dict[str, Any]] = {
    "lstm": {"hidden": HIDDEN},
    "convolution": {"channels": HIDDEN},
    "mlp": {"hidden": HIDDEN},
}
PARTS = {
    "pretraining": joint_losses.pretraining_load_losses,
    "joint": joint_losses.joint_load_losses,
}

#: Steps that are timed after the first.
REPEATS = 5


def main() -> None:
    """Time a step of each size, and store the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="southwest China only")
    parser.add_argument("--models", action="store_true", help="models alone")
    options = parser.parse_args()
    with jax.enable_x64(True):
        southwest = _networks.invented(57, (68, 60), 521)
        if options.models:
            report("joint_models", model_costs(southwest, SOUTHWEST))
            return
        rows = [_timed(southwest, SOUTHWEST, form, None) for form in OBJECTIVES]
        if not options.small:
            country = _stations_of(_networks.national(), 263)
            segment = math.isqrt(len(country.displacement))
            rows += [_timed(country, COUNTRY, form, segment) for form in OBJECTIVES]
        report("joint", rows)


def _stations_of(network: _networks.Network, count: int) -> _networks.Network:
    return dataclasses.replace(
        network,
        design=network.design[:count],
        displacement=network.displacement[:, :count],
        sigma=network.sigma[:count],
    )


def _timed(
    network: _networks.Network,
    size: Size,
    form: str,
    segment: int | None,
) -> dict[str, Any]:
    name, places, cells, members = size
    water = form == "water"
    if water:
        training_data = _load_data(network, places, members)
    else:
        training_data = _displacement_data(network, cells, members)
    keys = jax.random.split(jax.random.key(1), members)
    sizes = lstm.NetworkSize(FEATURES, HIDDEN, 1 if water else 2)
    parameters = joint_model.initial_parameters(sizes, INITIAL, keys)
    loss = OBJECTIVES[form](segment)[0]

    def total(
        parameters: joint_model.Parameters,
        training_data: joint_model.TrainingData,
        key: Array,
    ) -> Array:
        return jnp.sum(loss(parameters, training_data, key))

    step = jax.jit(jax.grad(total))
    times, _ = measure_and_watch(lambda: step(parameters, training_data, keys[0]))
    row = {
        "size": name,
        "form": form,
        "stations": len(network.sigma),
        "epochs": len(network.displacement),
        "cells": network.design.shape[1],
        "places": training_data.features.shape[1],
        **times,
    }
    return row | _evidence_cost(training_data, parameters) if water else row


def training_step(name: str) -> tuple[Callable, tuple[Any, ...]]:
    """Make the gradient of a step on water, and its arguments.

    Args:
      name: "country", "southwest" or "tiny", which is for tests.

    Returns:
      Function and arguments.
    """
    segment = None
    if name == "country":
        network, size = _stations_of(_networks.national(), 263), COUNTRY
        segment = math.isqrt(len(network.displacement))
    elif name == "southwest":
        network, size = _networks.invented(57, (68, 60), 521), SOUTHWEST
    else:
        network, size = _networks.invented(8, (5, 5), 40), Size("tiny", 6, 0, 2)
    training_data = _load_data(network, size.places, size.members)
    keys = jax.random.split(jax.random.key(1), size.members)
    sizes = lstm.NetworkSize(FEATURES, HIDDEN, 1)
    parameters = joint_model.initial_parameters(sizes, INITIAL, keys)
    loss = OBJECTIVES["water"](segment)[0]
    total = lambda parameters, training_data, seed: jnp.sum(
        loss(parameters, training_data, jax.random.wrap_key_data(seed))
    )
    seed = jax.random.key_data(keys[0])
    return jax.grad(total), (parameters, training_data, seed)


def model_costs(network: _networks.Network, size: Size) -> list[dict[str, Any]]:
    """Time steps on water of models, before and through the inversion.

    Args:
      network: Heights and their design.
      size: Places and members.

    Returns:
      Of each model processor seconds of a step, the least of some, and relative to the
      long short-term memory.
    """
    data = _load_data(network, size.places, size.members)
    keys = jax.random.split(jax.random.key(1), size.members)
    rows = []
    for name, settings in MODELS.items():
        architecture = named_architecture(name, settings)
        build = functools.partial(architecture.build, model_sizes("water", data))
        parameters = joint_model.initial_parameters(build, INITIAL, keys)
        row: dict[str, Any] = {"size": size.name, "model": name}
        for part, objective in PARTS.items():
            loss = objective(None)[0]
            step = jax.jit(jax.grad(lambda *x, loss=loss: jnp.sum(loss(*x))))
            row[f"{part}_cpu_s"] = _least_cpu(step, parameters, data, keys[0])
        reference = rows[0] if rows else row
        for part in PARTS:
            key = f"{part}_cpu_s"
            row[f"{part}_relative"] = row[key] / reference[key]
        rows.append(row)
    return rows


def _least_cpu(step: Callable, *arguments: Any) -> float:
    """Least processor time of some steps [s]; the first, which compiles, is apart."""
    times = []
    for _ in range(REPEATS + 1):
        start = time.process_time()
        jax.block_until_ready(step(*arguments))
        times.append(time.process_time() - start)
    return min(times[1:])


def _evidence_cost(
    training_data: joint_model.TrainingData, parameters: joint_model.Parameters
) -> dict[str, Any]:
    """What of a step the inversion takes, for one member."""

    def log_evidence(
        hyperparameters: joint_model.Hyperparameters,
        training_data: joint_model.TrainingData,
    ) -> Array:
        noise = joint_model.noise_of(training_data, hyperparameters)
        data = inversion.observations(
            training_data.displacement, noise, pattern=training_data.pattern
        )
        beta = jnp.exp(hyperparameters.log_beta)
        factor = inversion.factorise(training_data.problem, data, beta)
        return inversion.log_evidence(factor)

    first = jax.tree.map(lambda x: x[0], parameters.inversion)
    inverted = jax.jit(jax.grad(log_evidence))
    return {"evidence_alone_s": measure(inverted, first, training_data)["median_s"]}


def _load_data(
    network: _networks.Network, places: int, members: int
) -> joint_model.TrainingData:
    """Any weather: the time of a step does not depend on it."""
    rng = np.random.default_rng(5)
    epochs, stations = network.displacement.shape
    features = rng.normal(size=(epochs, places, FEATURES)).astype(np.float32)
    moved = -0.01 * rng.uniform(size=(stations, places))
    problem = inversion.smooth_problem(jnp.asarray(network.design), network.operator)
    return joint_model.make_training_data(
        problem,
        network.displacement,
        network.sigma,
        features,
        _folds(stations, stations, members),
        moved=moved,
    )


def _displacement_data(
    network: _networks.Network, cells: int, members: int
) -> joint_model.TrainingData:
    """Cells to be filled, each between two stations: nor on where they are."""
    rng = np.random.default_rng(6)
    epochs, stations = network.displacement.shape
    rows = stations + cells
    features = rng.normal(size=(epochs, rows, FEATURES)).astype(np.float32)
    pairs, share = rng.integers(stations, size=(2, cells)), rng.uniform(size=(cells, 1))
    one, other = network.design[pairs]
    design = np.concatenate([network.design, share * one + (1 - share) * other])
    problem = inversion.smooth_problem(jnp.asarray(design), network.operator)
    up = np.pad(network.displacement, ((0, 0), (0, cells)))
    sigma = np.pad(network.sigma, (0, cells), constant_values=1.0)
    folds = _folds(stations, rows, members)
    return joint_model.make_training_data(problem, up, sigma, features, folds)


def _folds(stations: int, rows: int, members: int) -> joint_model.Folds:
    rng = np.random.default_rng(7)
    held = np.zeros((members, rows), bool)
    held[:, : stations // 5] = True
    lon, lat = rng.uniform(100, 110, stations), rng.uniform(25, 35, stations)
    distance = sphere.angular_distance(lon[:, None], lat[:, None], lon[None], lat[None])
    return joint_model.Folds(jnp.asarray(held), distance, jnp.asarray(1.0), 1)


if __name__ == "__main__":
    main()

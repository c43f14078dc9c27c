"""A network trained through the inversion, and what both say together."""

import dataclasses
import functools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sparse
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, inversion, sphere
from jaxload.gapfill import joint
from jaxload.gapfill.validation import score
from jaxload.pipeline.blocks import blocks
from jaxload.pipeline.clock import Clock
from jaxload.pipeline.empty_cells import as_rows, empty_cells, with_rows
from jaxload.pipeline.errors import Errors, standard_deviations
from jaxload.pipeline.estimate import Estimate
from jaxload.pipeline.filling import describe_validation
from jaxload.pipeline.gravity_rows import GravityRows, gravity_rows
from jaxload.pipeline.ground import Ground
from jaxload.pipeline.inverted import Inverted, by_stations, name_unsolved
from jaxload.pipeline.learned import Learned
from jaxload.pipeline.learning import Trained, make_folds, train, tuned_numbers
from jaxload.pipeline.model import Model, make_model, of_stations
from jaxload.pipeline.network_features import network_features, weather_raster
from jaxload.pipeline.weather import Places

__all__ = ["invert_jointly"]

Floats = NDArray[np.float64]


def invert_jointly(
    study: config.Study,
    gnss: xr.Dataset,
    ground: Ground,
    folder: pathlib.Path | None,
    clock: Clock,
) -> Inverted:
    """Train a network with the inversion, and invert with it.

    Args:
      study: Says in its table ``[filler]`` whether the network tells of "water" or of
        "displacement".
      gnss: Heights of the stations as anomalies, cleaned and without their loads.
      ground: Where water is sought.
      folder: Where the results go; None keeps nothing of the training.
      clock: Told of the stages.

    Returns:
      The `Inverted`, with what was learned.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If weather does not cover a place or has gaps, stations stand too
        close to each other to hold some out, or another training was kept.
    """
    assert study.filler is not None
    if study.filler.method == "water":
        return _with_water(study, gnss, ground, folder, clock)
    return _with_displacement(study, gnss, ground, folder, clock)


# The network tells of displacement where no station stands.


def _with_displacement(
    study: config.Study,
    gnss: xr.Dataset,
    ground: Ground,
    folder: pathlib.Path | None,
    clock: Clock,
) -> Inverted:
    count = gnss.sizes["station"]
    with clock.stage("design"):
        cells = empty_cells(study, ground.region, gnss)
        nothing = np.zeros((gnss.sizes["time"], cells.sizes["station"]))
        rows = with_rows(gnss, as_rows(cells, gnss, nothing, np.ones(len(nothing[0]))))
        model = make_model(study, rows, ground.grid)
    alone = by_stations(study, of_stations(model, count), gnss, ground, clock)
    with clock.stage("weather"):
        name, lon, lat = (rows[n].values for n in ("station", "lon", "lat"))
        places = Places(name.tolist(), lon, lat)
        hear = functools.partial(clock.watch, "weather")
        features = network_features(study, places, gnss, folder, hear)
    with clock.stage("learn"):
        folds, keys = make_folds(study, gnss, len(name))
        sigma = np.asarray(model.noise.sigma)
        lesson = joint.make_lesson(model.problem, model.up, sigma, features, folds)
        start = (tuned_numbers(of_stations(model, count), gnss.time.values), keys)
        hear = functools.partial(clock.watch, "learn")
        trained = train(study, lesson, start, folder, hear)
    mean, sd, told = _told_of_rows(trained, lesson)
    lesson = dataclasses.replace(
        lesson,
        displacement=lesson.displacement.at[:, count:].set(mean[:, count:]),
        sigma=lesson.sigma.at[count:].set(sd[count:]),
    )
    with clock.stage("solve"):
        found = _solved(lesson, trained)
        name_unsolved(gnss, found)
    filled = as_rows(cells, gnss, mean[:, count:], sd[count:])
    filling = _held_out_scores(study, gnss, told[:, :, :count], folds)
    filling["cells"] = cells.sizes["station"]
    learned = _learned(trained, filled, filling)
    model = dataclasses.replace(model, up=np.asarray(lesson.displacement))
    beta = float(jnp.exp(trained.numbers.beta))
    with clock.stage("errors"):
        hear = functools.partial(clock.watch, "errors")
        given = ((found, beta), ground.basins.weights, hear)
        errors = standard_deviations(study, model, *given)
    choice = dataclasses.replace(alone.choice, beta=beta)
    return Inverted(found, choice, errors, alone.regions, learned)


def _told_of_rows(
    trained: Trained, lesson: joint.Lesson
) -> tuple[Floats, Floats, Floats]:
    """Mean and error of the rows over all members, and what each told."""
    run = jax.jit(joint.told_displacement)
    told = [run(one, lesson.features) for one in _members(trained)]
    means = np.stack([np.asarray(mean) for mean, _ in told])
    within = np.mean([np.asarray(sd) ** 2 for _, sd in told], axis=0)
    between = _variance(means).mean(axis=0)
    return means.mean(axis=0), np.sqrt(within + between), means


def _held_out_scores(
    study: config.Study, gnss: xr.Dataset, told: Floats, folds: joint.Folds
) -> dict:
    """Each station as told by the members that never saw it; NaN where all did."""
    assert study.filler is not None
    held = np.asarray(folds.held)[:, : told.shape[2]].astype(float)
    total = np.einsum("mes,ms->es", told, held)
    number = held.sum(axis=0)
    mean = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    up = gnss.up.values
    return describe_validation(study.filler.method, gnss, up, score(mean, up))


# The network tells of the water that is to be expected everywhere.


@dataclasses.dataclass(frozen=True, eq=False)
class _Expected:
    """Water as a network expects it, never held on cells as a whole.

    Attributes:
      members: At the nodes of the raster [mm], shape (member, epoch, place).
      to_cells: From the raster to cells, shape (cell, place).
      moved: Displacement of rows by it, shape (row, place).
    """

    members: Floats
    to_cells: sparse.csr_array
    moved: Floats


def _with_water(
    study: config.Study,
    gnss: xr.Dataset,
    ground: Ground,
    folder: pathlib.Path | None,
    clock: Clock,
) -> Inverted:
    grid = ground.grid
    with clock.stage("design"):
        model = make_model(study, gnss, grid)
    alone = by_stations(study, model, gnss, ground, clock)
    model, gravity = _with_gravity(study, model, gnss, ground)
    raster = weather_raster(study, grid)
    to_cells = sphere.linear_weights(
        raster.lon_axis, raster.lat_axis, grid.lon, grid.lat
    )
    with clock.stage("weather"):
        names = [f"node {number}" for number in range(len(raster.lon))]
        places = Places(names, raster.lon, raster.lat, nearest=True)
        hear = functools.partial(clock.watch, "weather")
        features = network_features(study, places, gnss, folder, hear)
    with clock.stage("learn"):
        folds, keys = make_folds(study, gnss, model.up.shape[1])
        moved = (to_cells.T @ np.asarray(model.problem.design).T).T
        given = (model.problem, model.up, np.asarray(model.noise.sigma), features)
        lesson = joint.make_lesson(*given, folds, moved=moved)
        start = (tuned_numbers(alone.model, gnss.time.values), keys)
        hear = functools.partial(clock.watch, "learn")
        trained = train(study, lesson, start, folder, hear)
    run = jax.jit(joint.told_water)
    told = [np.asarray(run(one, lesson.features)) for one in _members(trained)]
    expected = _Expected(np.stack(told), to_cells, np.asarray(lesson.moved))
    with clock.stage("solve"):
        found = _solved(lesson, trained, expected)
        name_unsolved(gnss, found)
    with clock.stage("errors"):
        errors = _errors_of_water(
            study, model, (found, trained), expected, ground, clock
        )
    beta = float(jnp.exp(trained.numbers.beta))
    choice = dataclasses.replace(alone.choice, beta=beta)
    learned = _learned(trained)
    learned.summary["gravity_rows"] = 0 if gravity is None else len(gravity.names)
    return Inverted(found, choice, errors, alone.regions, learned)


def _with_gravity(
    study: config.Study, model: Model, gnss: xr.Dataset, ground: Ground
) -> tuple[Model, GravityRows | None]:
    """Means of GRACE as rows behind the stations, if they are asked for."""
    gravity = gravity_rows(study, gnss, ground)
    if gravity is None:
        return model, None
    design = jnp.concatenate([model.problem.design, jnp.asarray(gravity.design)])
    sigma = np.concatenate([np.asarray(model.noise.sigma), gravity.sigma])
    stations = np.arange(len(sigma)) < model.up.shape[1]
    noise = dataclasses.replace(model.noise, sigma=sigma, common_rows=stations)  # pyright: ignore[reportArgumentType]
    up = np.concatenate([model.up, gravity.water], axis=1)
    problem = inversion.prior_problem(design, model.prior)
    return dataclasses.replace(model, problem=problem, up=up, noise=noise), gravity


def _solved(
    lesson: joint.Lesson, trained: Trained, expected: _Expected | None = None
) -> Estimate:
    """Invert what the network leaves, and add again what it expects."""
    noise = joint.noise_of(lesson, trained.numbers)
    beta = jnp.exp(trained.numbers.beta)
    up, moved, mean = np.asarray(lesson.displacement), 0.0, None
    if expected is not None:
        mean = expected.members.mean(axis=0)
        moved = mean @ expected.moved.T
    given = (lesson.problem, up - moved, noise, beta)
    solution = inversion.solve(*given, gaps=lesson.gaps)
    left_out = inversion.leave_one_out_residual(*given, gaps=lesson.gaps)
    fitted = np.asarray(solution.fitted) + moved
    solution = dataclasses.replace(solution, fitted=fitted)
    if expected is not None and mean is not None:
        # In place, and some epochs at a time: two whole records in memory, not more.
        load = np.array(solution.load)
        for epochs in blocks(len(load)):
            load[epochs] += mean[epochs] @ expected.to_cells.T
        solution = dataclasses.replace(solution, load=load)  # pyright: ignore[reportArgumentType]
    return Estimate(solution, noise, np.asarray(left_out))


def _errors_of_water(
    study: config.Study,
    model: Model,
    given: tuple[Estimate, Trained],
    expected: _Expected,
    ground: Ground,
    clock: Clock,
) -> Errors:
    """Errors of the posterior, joined by the spread of what members lead to."""
    found, trained = given
    beta = float(jnp.exp(trained.numbers.beta))
    hear = functools.partial(clock.watch, "errors")
    weights = ground.basins.weights
    errors = standard_deviations(study, model, (found, beta), weights, hear)
    if errors.regions is None or len(expected.members) < 2:
        return errors
    multipliers = np.stack(
        [
            np.asarray(
                inversion.dual(
                    model.problem, model.up - one @ expected.moved.T, found.noise, beta
                ).multiplier
            )
            for one in expected.members
        ]
    )
    cross = np.asarray(model.problem.cross)
    share = weights / weights.sum(axis=1, keepdims=True)
    means = expected.members @ (expected.to_cells.T @ share.T)
    means += multipliers @ (share @ cross).T
    regions = np.sqrt(errors.regions**2 + _variance(means))
    cells = errors.cells
    if cells is not None:
        for epochs in blocks(len(cells)):
            loads = [
                one[epochs] @ expected.to_cells.T + multiplier[epochs] @ cross.T
                for one, multiplier in zip(expected.members, multipliers)
            ]
            cells[epochs] = np.hypot(cells[epochs], np.sqrt(_variance(np.stack(loads))))
    return dataclasses.replace(errors, regions=regions, cells=cells)


# Both.


def _members(trained: Trained) -> list[joint.Parameters]:
    every = trained.fitted.parameters
    return [
        jax.tree.map(lambda values, n=number: values[n], every)
        for number in range(len(trained.fitted.step))
    ]


def _variance(members: Floats) -> Floats:
    """Of one member about the mean; none where there is only one."""
    if len(members) < 2:
        return np.zeros(members.shape[1:])
    return members.var(axis=0, ddof=1)


def _learned(
    trained: Trained, rows: xr.Dataset | None = None, filling: dict | None = None
) -> Learned:
    fitted = trained.fitted
    return Learned(fitted.curve, fitted.step, trained.summary, rows, filling or {})

"""A network trained through the inversion, and the estimate by both."""

import dataclasses
import functools
import math
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, inversion, sphere
from jaxload.gapfill.joint import joint_model
from jaxload.gapfill.joint.calibration import calibrate, calibrate_virtual
from jaxload.gapfill.joint.virtual_rows import with_virtual_rows
from jaxload.gapfill.scores import score
from jaxload.pipeline.estimation.hyperparameters import Choice
from jaxload.pipeline.estimation.inversion import InversionResult, invert_stations
from jaxload.pipeline.estimation.problem import Model, make_model, of_stations
from jaxload.pipeline.estimation.uncertainty import Errors, uncertainty_kind
from jaxload.pipeline.estimation.unsolved import warn_unsolved
from jaxload.pipeline.fill.ensemble_posterior import (
    PriorMeanEnsemble,
    VirtualDataEnsemble,
    solve_about_mean,
    total_uncertainty,
)
from jaxload.pipeline.fill.features import network_features, weather_raster
from jaxload.pipeline.fill.grace_rows import GravityRows, gravity_rows
from jaxload.pipeline.fill.published import describe_validation
from jaxload.pipeline.fill.training import (
    TUNING_EPOCHS,
    JointTraining,
    as_summary,
    initial_hyperparameters,
    make_folds,
    member_variance,
    train_study_members,
)
from jaxload.pipeline.inputs.study_area import StudyArea
from jaxload.pipeline.inputs.virtual_stations import (
    append_virtual_stations,
    as_virtual_stations,
    cells_without_station,
)
from jaxload.pipeline.inputs.weather import WeatherPlaces
from jaxload.pipeline.progress import Clock
from jaxload.pipeline.training_record import TrainingRecord

__all__ = ["invert_jointly"]

Floats = NDArray[np.float64]

#: Why the weight of the prior was taken.
TRAINED = "trained with the network"


def invert_jointly(
    study: config.Study,
    gnss: xr.Dataset,
    area: StudyArea,
    folder: pathlib.Path | None,
    clock: Clock,
) -> InversionResult:
    """Train a network with the inversion, and invert with it.

    Args:
      study: Its table ``[gapfill]`` says whether the network predicts the prior mean of
        the load ("joint-load") or uplift ("joint-displacement").
      gnss: Heights of the stations as anomalies, cleaned and without their loads.
      area: Where water is sought.
      folder: Where the results go; None keeps nothing of the training.
      clock: Told of the stages.

    Returns:
      The `InversionResult`, with what was learned.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If weather does not cover a place or has gaps, stations stand too
        close to each other to hold some out, or another training was kept.
    """
    assert study.gapfill is not None
    if study.gapfill.method == "joint-load":
        return _with_water(study, gnss, area, folder, clock)
    return _with_displacement(study, gnss, area, folder, clock)


# The network tells of displacement where no station stands.


def _with_displacement(
    study: config.Study,
    gnss: xr.Dataset,
    area: StudyArea,
    folder: pathlib.Path | None,
    clock: Clock,
) -> InversionResult:
    count = gnss.sizes["station"]
    with clock.stage("design"):
        cells = cells_without_station(study, area.region, gnss)
        nothing = np.zeros((gnss.sizes["time"], cells.sizes["station"]))
        rows = append_virtual_stations(
            gnss, as_virtual_stations(cells, gnss, nothing, np.ones(len(nothing[0])))
        )
        model = make_model(study, rows, area.grid)
    stations = of_stations(model, count)
    alone = invert_stations(study, stations, gnss, area, clock)
    model, gravity = _with_gravity(study, model, gnss, area)
    with clock.stage("weather"):
        name, lon, lat = (rows[n].values for n in ("station", "lon", "lat"))
        places = WeatherPlaces(name.tolist(), lon, lat)
        report_progress = functools.partial(clock.watch, "weather")
        features = network_features(study, places, gnss, folder, report_progress)
    with clock.stage("learn"):
        sigma = np.asarray(model.noise.sigma)
        folds, keys = make_folds(study, gnss, len(sigma))
        training_data = joint_model.make_training_data(
            model.problem, model.up, sigma, features, folds
        )
        start = (initial_hyperparameters(stations, gnss.time.values), keys)
        report_progress = functools.partial(clock.watch, "learn")
        trained = train_study_members(
            study, training_data, start, folder, report_progress
        )
    told = _predict_virtual_stations(trained, training_data)
    mean, sd = told.mean[:, count:], told.sd[count:]
    filled = with_virtual_rows(training_data, jnp.asarray(mean), jnp.asarray(sd))
    model = dataclasses.replace(model, up=np.asarray(filled.displacement))
    with clock.stage("solve"):
        found = solve_about_mean(filled, trained)
        warn_unsolved(gnss.time.values, found.solution.ok)
    filling = _held_out_scores(study, gnss, told.members[:, :, :count], folds)
    filling["cells"] = cells.sizes["station"]
    learned, errors = _learned(trained, gravity), Errors("none")
    learned = dataclasses.replace(
        learned, rows=as_virtual_stations(cells, gnss, mean, sd), filling=filling
    )
    with clock.stage("errors"):
        if uncertainty_kind(study, model) != "none":
            every = math.ceil(len(model.up) / TUNING_EPOCHS)
            given = (training_data, trained.fitted.parameters)
            sure, factor = calibrate_virtual(*given, every=every)
            learned.summary["uncertainty_hyperparameters"] = {
                **as_summary(sure),
                "filled": float(factor),
            }
            within = jnp.asarray(told.within[count:]) * factor
            noise = joint_model.noise_of(
                with_virtual_rows(training_data, jnp.asarray(mean), within), sure
            )
            believed = (noise, float(jnp.exp(sure.log_beta)))
            members = (found, trained, VirtualDataEnsemble(told.members[:, :, count:]))
            report_progress = functools.partial(clock.watch, "errors")
            given = (members, believed, area.basins.weights, report_progress)
            errors = total_uncertainty(study, model, *given)
    choice = Choice(float(jnp.exp(trained.numbers.log_beta)), TRAINED, "1", [])
    return InversionResult(found, choice, errors, alone.regions, learned)


@dataclasses.dataclass(frozen=True, eq=False)
class _Displacement:
    """What members tell of places.

    Attributes:
      members: Displacement [mm], shape (member, epoch, place).
      within: How sure members are of it [mm], shape (place,).
    """

    members: Floats
    within: Floats

    @property
    def mean(self) -> Floats:
        """Over the members, shape (epoch, place)."""
        return self.members.mean(axis=0)

    @property
    def sd(self) -> Floats:
        """With what members differ by, shape (place,)."""
        between = member_variance(self.members).mean(axis=0)
        return np.sqrt(self.within**2 + between)


def _predict_virtual_stations(
    trained: JointTraining, training_data: joint_model.TrainingData
) -> _Displacement:
    run = jax.jit(joint_model.predict_displacement)
    members = joint_model.unstack_members(trained.fitted.parameters)
    told = [run(one, training_data.features) for one in members]
    joint_model.check_predictions([mean for mean, _ in told])
    within = np.mean([np.asarray(sd) ** 2 for _, sd in told], axis=0)
    return _Displacement(np.stack([np.asarray(x) for x, _ in told]), np.sqrt(within))


def _held_out_scores(
    study: config.Study, gnss: xr.Dataset, told: Floats, folds: joint_model.Folds
) -> dict:
    """Each station as told by the members that never saw it; NaN where all did."""
    assert study.gapfill is not None
    held = np.asarray(folds.held)[:, : told.shape[2]].astype(float)
    total = np.einsum("mes,ms->es", told, held)
    number = held.sum(axis=0)
    mean = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    up = gnss.up.values
    return describe_validation(study.gapfill.method, gnss, up, score(mean, up))


# The network tells of the water that is to be expected everywhere.


def _with_water(
    study: config.Study,
    gnss: xr.Dataset,
    area: StudyArea,
    folder: pathlib.Path | None,
    clock: Clock,
) -> InversionResult:
    with clock.stage("design"):
        model = make_model(study, gnss, area.grid)
    alone = invert_stations(study, model, gnss, area, clock)
    model, gravity = _with_gravity(study, model, gnss, area)
    raster = weather_raster(study, area.grid)
    with clock.stage("weather"):
        names = [f"node {number}" for number in range(len(raster.lon))]
        places = WeatherPlaces(names, raster.lon, raster.lat, nearest=True)
        report_progress = functools.partial(clock.watch, "weather")
        features = network_features(study, places, gnss, folder, report_progress)
    with clock.stage("learn"):
        folds, keys = make_folds(study, gnss, model.up.shape[1])
        to_cells = sphere.linear_weights(
            raster.lon_axis, raster.lat_axis, area.grid.lon, area.grid.lat
        )
        moved = (to_cells.T @ np.asarray(model.problem.design).T).T
        given = (model.problem, model.up, np.asarray(model.noise.sigma), features)
        training_data = joint_model.make_training_data(*given, folds, moved=moved)
        start = (initial_hyperparameters(alone.model, gnss.time.values), keys)
        report_progress = functools.partial(clock.watch, "learn")
        trained = train_study_members(
            study, training_data, start, folder, report_progress
        )
    with clock.stage("solve"):
        run = jax.jit(joint_model.predict_load)
        members = joint_model.unstack_members(trained.fitted.parameters)
        told = [np.asarray(run(one, training_data.features)) for one in members]
        joint_model.check_predictions(told)
        expected = PriorMeanEnsemble(np.stack(told), to_cells, moved)
        found = solve_about_mean(training_data, trained, expected)
        warn_unsolved(gnss.time.values, found.solution.ok)
    learned, errors = _learned(trained, gravity), Errors("none")
    with clock.stage("errors"):
        if uncertainty_kind(study, model) != "none":
            every = math.ceil(len(model.up) / TUNING_EPOCHS)
            sure = calibrate(training_data, trained.fitted.parameters, every=every)
            learned.summary["uncertainty_hyperparameters"] = as_summary(sure)
            believed = (
                joint_model.noise_of(training_data, sure),
                float(jnp.exp(sure.log_beta)),
            )
            report_progress = functools.partial(clock.watch, "errors")
            given = (
                (found, trained, expected),
                believed,
                area.basins.weights,
                report_progress,
            )
            errors = total_uncertainty(study, model, *given)
    choice = Choice(float(jnp.exp(trained.numbers.log_beta)), TRAINED, "1", [])
    return InversionResult(found, choice, errors, alone.regions, learned)


def _with_gravity(
    study: config.Study, model: Model, gnss: xr.Dataset, area: StudyArea
) -> tuple[Model, GravityRows | None]:
    """Means of GRACE as rows behind the stations, if they are asked for."""
    gravity = gravity_rows(study, gnss, area)
    if gravity is None:
        return model, None
    count = gnss.sizes["station"]
    # Places to be filled stay last.
    behind = lambda rows, more, axis=0: np.insert(
        np.asarray(rows), [count] * more.shape[axis], more, axis=axis
    )
    sigma = behind(model.noise.sigma, gravity.sigma)
    stations = np.arange(len(sigma)) < count
    noise = dataclasses.replace(model.noise, sigma=sigma, common_rows=stations)  # pyright: ignore[reportArgumentType]
    up = behind(model.up, gravity.water, 1)
    design = jnp.asarray(behind(model.problem.design, gravity.design))
    problem = inversion.prior_problem(design, model.prior)
    return dataclasses.replace(model, problem=problem, up=up, noise=noise), gravity


def _learned(trained: JointTraining, gravity: GravityRows | None) -> TrainingRecord:
    trained.summary["gravity_rows"] = 0 if gravity is None else len(gravity.names)
    return TrainingRecord(trained.curves, trained.summary)

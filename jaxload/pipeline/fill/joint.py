"""A network trained through the inversion, and the estimate by both."""

import dataclasses
import functools
import logging
import math
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, inversion, sphere
from jaxload.gapfill.joint import joint_model
from jaxload.gapfill.joint.calibration import calibrate, calibrate_virtual
from jaxload.gapfill.joint.mean_rows import MeanRows, make_mean_rows
from jaxload.gapfill.joint.virtual_rows import with_virtual_rows
from jaxload.gapfill.scores import score
from jaxload.pipeline.estimation.cell_resolution import warn_of_no_resolution
from jaxload.pipeline.estimation.hyperparameters import Choice
from jaxload.pipeline.estimation.inversion import (
    InversionResult,
    StationsOnly,
    invert_stations,
    without_factor,
)
from jaxload.pipeline.estimation.network_noise import UnsuitableRecord
from jaxload.pipeline.estimation.problem import Model, make_model, of_stations
from jaxload.pipeline.estimation.solution import Estimate
from jaxload.pipeline.estimation.uncertainty import Errors, uncertainty_kind
from jaxload.pipeline.estimation.unsolved import warn_unsolved
from jaxload.pipeline.fill.displacement_ensemble import (
    implied_water,
    predict_displacements,
)
from jaxload.pipeline.fill.ensemble_posterior import (
    CalibratedPrior,
    EnsembleEstimate,
    MeansUpdate,
    PriorMeanEnsemble,
    VirtualDataEnsemble,
    solve_about_mean,
    total_uncertainty,
)
from jaxload.pipeline.fill.features import (
    NetworkFeatures,
    network_features,
    weather_raster,
)
from jaxload.pipeline.fill.kept_features import feature_results, sampled_weather
from jaxload.pipeline.fill.network_posterior import (
    held_out_residuals,
    invert_about_mean,
    unseen_left_out,
)
from jaxload.pipeline.fill.observed_means import (
    StudyMeans,
    first_weights,
    read_study_means,
    weigh_means,
)
from jaxload.pipeline.fill.station_models import describe_validation
from jaxload.pipeline.fill.study_model import check_trained_jointly, model_drivers
from jaxload.pipeline.fill.training import (
    TUNING_EPOCHS,
    JointTraining,
    as_summary,
    draw_perturbation,
    initial_hyperparameters,
    make_folds,
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

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]


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
      area: The study area.
      folder: Where the results go; None keeps nothing of the training.
      clock: Times the stages.

    Returns:
      The `InversionResult`, with the record of the training.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If weather does not cover a place or has gaps, stations stand too
        close to each other to hold some out, or another training was kept.
    """
    assert study.gapfill is not None
    # What is wrong with a model shows before anything is computed.
    check_trained_jointly(study)
    warn_of_no_resolution(study)
    if study.gapfill.method == "joint-load":
        return _invert_about_prior_mean(study, gnss, area, folder, clock)
    return _invert_with_virtual_stations(study, gnss, area, folder, clock)


def _invert_with_virtual_stations(
    study: config.Study,
    gnss: xr.Dataset,
    area: StudyArea,
    folder: pathlib.Path | None,
    clock: Clock,
) -> InversionResult:
    count = gnss.sizes["station"]
    with clock.stage("design_matrix"):
        cells = cells_without_station(study, area.region, gnss)
        nothing = np.zeros((gnss.sizes["time"], cells.sizes["station"]))
        rows = append_virtual_stations(
            gnss, as_virtual_stations(cells, gnss, nothing, np.ones(len(nothing[0])))
        )
        model = make_model(study, rows, area.grid)
        means = read_study_means(study, gnss, area)
    stations = of_stations(model, count)
    stations_only = invert_stations(study, stations, gnss, area, clock)
    with clock.stage("features_of_weather"):
        name, lon, lat = (rows[n].values for n in ("station", "lon", "lat"))
        places = WeatherPlaces(name.tolist(), lon, lat)
        report_progress = functools.partial(clock.watch, "features_of_weather")
        features = network_features(study, places, gnss, folder, report_progress)
        kept = _kept(study, features, places, gnss)
    with clock.stage("training"):
        sigma = np.asarray(model.noise.sigma)
        folds, keys = make_folds(study, gnss, len(sigma))
        training_data = joint_model.make_training_data(
            model.problem,
            model.up,
            sigma,
            features.values,
            folds,
            drivers=model_drivers(study, features.weather, gnss),
            means=_mean_rows(means, model),
            perturbation=draw_perturbation(study, stations_only.network),
        )
        initial = initial_hyperparameters(stations, gnss.time.values)
        report_progress = functools.partial(clock.watch, "training")
        trained = train_study_members(
            study,
            training_data,
            initial,
            keys,
            folder,
            report_progress,
            weigh_means=_weighing(means, model, training_data),
        )
    members = joint_model.unstack_members(trained.fitted.parameters)
    predicted = predict_displacements(members, training_data)
    mean, sd = predicted.mean[:, count:], predicted.sd[count:]
    held_out = _held_out_by(folds, count)
    left_out = _held_out_mean(predicted.members[:, :, :count], held_out)
    filling = _scores_of(study, gnss, left_out)
    filling["cells"] = cells.sizes["station"]
    kept |= {
        "rows": as_virtual_stations(cells, gnss, mean, sd),
        "filling": filling,
        "left_out": left_out,
    }
    if config.allows_network_noise(study):
        with clock.stage("prior_mean"):
            beta = _beta_of(trained)
            prior_mean = implied_water(model.problem, predicted, beta, count)
        learned = dataclasses.replace(_learned(trained, None, features), **kept)
        about = prior_mean, held_out, stations_only
        result = _under_network_noise(study, stations, gnss, area, about, clock)
        if result is not None:
            return dataclasses.replace(result, learned=learned)
    filled = with_virtual_rows(training_data, jnp.asarray(mean), jnp.asarray(sd))
    model = dataclasses.replace(model, up=np.asarray(filled.displacement))
    with clock.stage("inversion"):
        update = _means_update(means, model)
        estimate, update = solve_about_mean(filled, trained, means=update)
        warn_unsolved(gnss.time.values, estimate.solution.ok)
    learned, errors = _learned(trained, update, features), Errors("none")
    learned = dataclasses.replace(learned, **kept)
    with clock.stage("standard_errors_of_regions"):
        if uncertainty_kind(study, model) != "none":
            every = math.ceil(len(model.up) / TUNING_EPOCHS)
            calibrated, factor = calibrate_virtual(
                training_data, trained.fitted.parameters, every=every
            )
            learned.summary["uncertainty_hyperparameters"] = {
                **as_summary(calibrated),
                "filled": float(factor),
            }
            within = jnp.asarray(predicted.within[count:]) * factor
            noise = joint_model.noise_of(
                with_virtual_rows(training_data, jnp.asarray(mean), within), calibrated
            )
            ensemble = VirtualDataEnsemble(predicted.members[:, :, count:])
            errors = total_uncertainty(
                study,
                model,
                EnsembleEstimate(estimate, _beta_of(trained), ensemble),
                CalibratedPrior(noise, float(jnp.exp(calibrated.log_beta))),
                area.basins.weights,
                update,
            )
    return _result(trained, estimate, errors, stations_only, learned)


def _kept(
    study: config.Study,
    features: NetworkFeatures,
    places: WeatherPlaces,
    gnss: xr.Dataset,
) -> dict[str, Any]:
    """What results hold of the features: `features` and `weather`."""
    return {
        "features": feature_results(study, features, places, gnss.time.values),
        "weather": sampled_weather(study, features, places, gnss),
    }


def _held_out_by(folds: joint_model.Folds, count: int) -> NDArray[np.bool_]:
    """Which stations each member held out, shape (member, station)."""
    return np.array(folds.held_out)[:, :count]


def _held_out_mean(members: Floats, held_out: NDArray[np.bool_]) -> Floats:
    """Mean of the members that held a station out; NaN where none did."""
    total = np.einsum("mes,ms->es", members, held_out.astype(float))
    number = held_out.sum(axis=0)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _scores_of(study: config.Study, gnss: xr.Dataset, left_out: Floats) -> dict:
    """Scores of each station by what was predicted without it."""
    assert study.gapfill is not None
    up = gnss.up.values
    return describe_validation(study.gapfill.method, gnss, up, score(left_out, up))


def _invert_about_prior_mean(
    study: config.Study,
    gnss: xr.Dataset,
    area: StudyArea,
    folder: pathlib.Path | None,
    clock: Clock,
) -> InversionResult:
    with clock.stage("design_matrix"):
        model = make_model(study, gnss, area.grid)
        means = read_study_means(study, gnss, area)
    stations_only = invert_stations(study, model, gnss, area, clock)
    raster = weather_raster(study, area.grid)
    with clock.stage("features_of_weather"):
        names = [f"node {number}" for number in range(len(raster.lon))]
        places = WeatherPlaces(names, raster.lon, raster.lat, nearest=True)
        report_progress = functools.partial(clock.watch, "features_of_weather")
        features = network_features(study, places, gnss, folder, report_progress)
        kept = _kept(study, features, places, gnss)
    with clock.stage("training"):
        folds, keys = make_folds(study, gnss, model.up.shape[1])
        to_cells = sphere.linear_weights(
            raster.lon_axis, raster.lat_axis, area.grid.lon, area.grid.lat
        )
        moved = (to_cells.T @ np.asarray(model.problem.design).T).T
        training_data = joint_model.make_training_data(
            model.problem,
            model.up,
            np.asarray(model.noise.sigma),
            features.values,
            folds,
            moved=moved,
            drivers=model_drivers(study, features.weather, gnss),
            means=_mean_rows(means, model, to_cells),
            perturbation=draw_perturbation(study, stations_only.network),
        )
        initial = initial_hyperparameters(stations_only.model, gnss.time.values)
        report_progress = functools.partial(clock.watch, "training")
        trained = train_study_members(
            study,
            training_data,
            initial,
            keys,
            folder,
            report_progress,
            weigh_means=_weighing(means, model, training_data, to_cells),
        )
    with clock.stage("prior_mean"):
        members = joint_model.unstack_members(trained.fitted.parameters)
        predicted = _predict_loads(members, training_data)
        prior_mean = PriorMeanEnsemble(np.stack(predicted), to_cells, moved)
        held_out = _held_out_by(folds, model.up.shape[1])
        kept["left_out"] = _held_out_mean(prior_mean.members @ moved.T, held_out)
    if config.allows_network_noise(study):
        learned = dataclasses.replace(_learned(trained, None, features), **kept)
        about = prior_mean, held_out, stations_only
        result = _under_network_noise(study, model, gnss, area, about, clock)
        if result is not None:
            return dataclasses.replace(result, learned=learned)
    with clock.stage("inversion"):
        update = _means_update(means, model)
        estimate, update = solve_about_mean(training_data, trained, prior_mean, update)
        residuals = held_out_residuals(model.up, prior_mean, held_out)
        left_out = unseen_left_out(estimate.left_out, model.up, prior_mean, residuals)
        estimate = dataclasses.replace(estimate, left_out=left_out)
        warn_unsolved(gnss.time.values, estimate.solution.ok)
    learned, errors = _learned(trained, update, features), Errors("none")
    learned = dataclasses.replace(learned, **kept)
    with clock.stage("standard_errors_of_regions"):
        if uncertainty_kind(study, model) != "none":
            every = math.ceil(len(model.up) / TUNING_EPOCHS)
            calibrated = calibrate(
                training_data, trained.fitted.parameters, every=every
            )
            learned.summary["uncertainty_hyperparameters"] = as_summary(calibrated)
            noise = joint_model.noise_of(training_data, calibrated)
            errors = total_uncertainty(
                study,
                model,
                EnsembleEstimate(estimate, _beta_of(trained), prior_mean),
                CalibratedPrior(noise, float(jnp.exp(calibrated.log_beta))),
                area.basins.weights,
                update,
            )
    result = _result(trained, estimate, errors, stations_only, learned)
    means_of_weather = prior_mean.of_regions(area.basins.weights, gnss.time.values)
    return dataclasses.replace(result, contributions=means_of_weather)


def _under_network_noise(
    study: config.Study,
    model: Model,
    gnss: xr.Dataset,
    area: StudyArea,
    about: tuple[PriorMeanEnsemble, NDArray[np.bool_], StationsOnly],
    clock: Clock,
) -> InversionResult | None:
    """Invert heights about what was learned, if noise of a network suits the record.

    What was learned are prior means of water, and which stations each member held out;
    beside it stands the inversion of stations alone.
    """
    prior_mean, held_out, stations_only = about
    try:
        inverted = invert_about_mean(
            study,
            model,
            gnss,
            area,
            prior_mean,
            held_out,
            stations_only.network,
            clock,
        )
    except UnsuitableRecord as error:
        if study.inversion.noise == "network":
            raise
        logger.info("errors are taken as independent: %s", error)
        return None
    return InversionResult(
        inverted.estimate,
        inverted.choice,
        inverted.errors,
        stations_only.regions,
        stations_only_cells=stations_only.cells,
        contributions=prior_mean.of_regions(area.basins.weights, gnss.time.values),
        summary=inverted.summary,
    )


def _result(
    trained: JointTraining,
    estimate: Estimate,
    errors: Errors,
    stations_only: StationsOnly,
    learned: TrainingRecord,
) -> InversionResult:
    """Put together what was estimated with trained hyperparameters."""
    return InversionResult(
        without_factor(estimate),
        Choice(_beta_of(trained), trained.criterion, "1", []),
        errors,
        stations_only.regions,
        learned,
        stations_only.cells,
    )


def _beta_of(trained: JointTraining) -> float:
    return float(jnp.exp(trained.hyperparameters.log_beta))


def _mean_rows(
    means: StudyMeans | None, model: Model, to_cells: Any = None
) -> MeanRows | None:
    """Observed means of a study as training data, weighed as at the beginning."""
    if means is None:
        return None
    return make_mean_rows(first_weights(means).means, model.prior, to_cells)


def _means_update(means: StudyMeans | None, model: Model) -> MeansUpdate | None:
    return None if means is None else MeansUpdate(means, model.prior)


def _weighing(
    means: StudyMeans | None,
    model: Model,
    training_data: joint_model.TrainingData,
    to_cells: Any = None,
) -> Callable[[joint_model.Parameters], MeanRows] | None:
    """How means are weighed once a network has been pre-trained."""
    if means is None or means.settings is None:
        return None

    def weigh(parameters: joint_model.Parameters) -> MeanRows:
        members = joint_model.unstack_members(parameters)
        hyperparameters = jax.tree.map(
            lambda x: jnp.mean(x, axis=0), parameters.inversion
        )
        load, up, data = None, np.asarray(training_data.displacement), training_data
        if to_cells is None:
            filled, seen = predict_displacements(members, data), data.observed
            mean, sd = jnp.asarray(filled.mean), jnp.asarray(filled.sd)
            data = with_virtual_rows(data, mean[:, seen:], sd[seen:])
            up = np.asarray(data.displacement)
        else:
            load = np.mean(_predict_loads(members, data), axis=0)
            up = up - load @ np.asarray(data.moved).T
        noise = joint_model.noise_of(data, hyperparameters)
        solution = inversion.solve_representers(
            data.problem,
            inversion.observations(up, noise),
            jnp.exp(hyperparameters.log_beta),
        )
        weighed = weigh_means(means, solution, model.prior, load, to_cells)
        return make_mean_rows(weighed.means, model.prior, to_cells, weighed.model)

    return weigh


def _predict_loads(
    members: Sequence[joint_model.Parameters], training_data: joint_model.TrainingData
) -> list[Floats]:
    run = jax.jit(
        lambda one, data: joint_model.predict_load(
            one, data.features, drivers=data.drivers
        )
    )
    predicted = [np.asarray(run(one, training_data)) for one in members]
    joint_model.check_predictions(predicted)
    return predicted


def _learned(
    trained: JointTraining,
    means: MeansUpdate | None,
    features: NetworkFeatures,
) -> TrainingRecord:
    summary = trained.summary
    described = {} if means is None else means.study.summary
    summary["gravity_rows"] = described.get("gravity", {}).get("means", 0)
    summary["well_rows"] = described.get("wells", {}).get("means", 0)
    if means is not None and means.weighed is not None:
        model = dataclasses.asdict(means.weighed.model)
        summary["observed_means"] = described | {"weights": model}
    summary.update(features.record)
    return TrainingRecord(trained.curves, summary)

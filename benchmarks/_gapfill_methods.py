"""Every way to water where no receiver stands, on one case, in one form."""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
from jax import Array
from numpy.typing import NDArray

from benchmarks._gapfill_case import FAR, SHARE, Case, Estimate
from jaxload import inversion, series, sphere
from jaxload.gapfill.features import joined_features, place_features, weather_features
from jaxload.gapfill.joint import calibration, joint_model, schedule
from jaxload.gapfill.networks import ensemble
from jaxload.gapfill.published import dwlim, mllim as forest
from jaxload.gapfill.training import optimise
from jaxload.gapfill.training.spatial_folds import centres_for_fraction
from jaxload.inversion import Noise, Problem
from jaxload.inversion.uncertainty.functionals import Functionals
from jaxload.pipeline.estimation.noise_model import without_seasons
from jaxload.pipeline.fill.ensemble_posterior import CalibratedPrior
from jaxload.pipeline.fill.training import member_variance
from jaxload.series.decomposition.emd import Decomposition

__all__ = ["METHODS"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: The weight of the prior in the articles.
PUBLISHED = 0.01

#: Least correlation of a control station with temperature or pressure.
THRESHOLD = 0.5

#: Units of the networks that are one for all places, and how networks are trained.
HIDDEN = 16
JOINTLY = schedule.make_schedule()
BY_EVIDENCE = schedule.make_schedule(likelihood_weight=0.0)
TWO_STAGES = schedule.make_schedule(joint_steps=None)
CONTROL = ensemble.Training(
    hidden=32,
    descent=optimise.OptimiserSettings(steps=160, learning_rate=0.01, patience=4),
)

#: MEEMD of the weekly weather, with fewer copies than the article's hundred.
COMPONENTS = Decomposition(method="meemd", components=10, trials=20)


@dataclasses.dataclass(frozen=True)
class Rows:
    """What is inverted, and the mean about which, shape (epoch, cell)."""

    problem: Problem
    displacement: Floats
    noise: Noise
    beta: float
    mean: Floats | None = None


#: From masked stations, and the member that held them out (None: no mask), to rows.
Maker = Callable[[Mask, int | None], Rows]


def _once(function: Callable[[Case], Any]) -> Callable[[Case], Any]:
    """Keep what several methods share with the case."""

    @functools.wraps(function)
    def kept(case: Case) -> Any:
        if function.__name__ not in case.cache:
            case.cache[function.__name__] = function(case)
        return case.cache[function.__name__]

    return kept


def published(case: Case) -> Estimate:
    """The traditional inversion with the articles' beta."""
    noise = Noise(jnp.asarray(case.sigma))
    rows = Rows(case.traditional, case.up, noise, PUBLISHED)
    return _estimate(case, lambda *_: rows)


def tuned(case: Case) -> Estimate:
    """The traditional inversion tuned by the evidence."""
    noise, beta = _tuned(case)
    rows = Rows(case.traditional, case.up, noise, beta)
    return _estimate(case, lambda *_: rows)


def interpolated(case: Case) -> Estimate:
    """Empty cells get what stations see, weighted by inverse distance."""
    lon, lat = case.world.stations.lon, case.world.stations.lat
    to_cells = _distance(case, case.empty.lon, case.empty.lat)
    apart = _distance(case, lon, lat) + np.where(np.eye(len(lon)), np.inf, 0)

    def predict_cells(distance: Floats, masked: Mask) -> Floats:
        distance = np.where(masked[None, :], np.inf, distance)
        weights = np.asarray(sphere.inverse_distance_weights(distance, 2.0))
        seen = np.isfinite(case.up)
        total = np.where(seen, case.up, 0) @ weights.T
        return total / np.maximum(seen @ weights.T, 1e-12)

    missed = predict_cells(apart, np.zeros(len(lon), bool)) - case.up
    return _filled(
        case, lambda masked: predict_cells(to_cells, masked), _rms(missed), True
    )


def seasonal(case: Case) -> Estimate:
    """A smooth annual and semi-annual prior mean, solved exactly."""
    noise, weights, functions = _seasonal_weights(case)

    def rows(masked: Mask, _: int | None) -> Rows:
        mean = _seasonal_mean(case, masked)
        return Rows(case.traditional, case.up, noise, weights[0], mean)

    estimate = _estimate(case, rows)
    sd = []
    data = inversion.observations(case.up, noise)
    for target in _targets(case, case.traditional):
        variance = inversion.time_function_variance(
            case.traditional, data, weights, functions, functionals=target
        )
        sd.append(np.sqrt(variance))
    return dataclasses.replace(estimate, basin_sd=sd[0], far_sd=sd[1])


def mllim(case: Case) -> Estimate:
    """Forests of all stations tell the displacement of empty cells, beta 0.01."""
    return _filled(case, *_by_forests(case))


def mllim_tuned(case: Case) -> Estimate:
    """The same, tuned by the evidence."""
    return _filled(case, *_by_forests(case), tuned=True)


def dwlim_published(case: Case) -> Estimate:
    """Networks of control stations tell that of empty cells, beta 0.01."""
    return _filled(case, *_by_networks(case))


def dwlim_tuned(case: Case) -> Estimate:
    """The same, tuned by the evidence."""
    return _filled(case, *_by_networks(case), tuned=True)


@_once
def _by_forests(case: Case) -> tuple[Callable[[Mask], Floats], float]:
    weather = _normalised(_weather_at(case, case.world.stations))
    forests = forest.fit_forests(weather, case.raw, forest.ForestSettings(trees=50))
    validated = forest.leave_one_station_out(forests, weather, case.raw)
    error = _rms(np.asarray(validated.predicted) - case.raw)
    cells = _normalised(_weather_at(case, case.empty))

    def predict_cells(masked: Mask) -> Floats:
        excluded = np.broadcast_to(masked, (cells.shape[1], len(masked)))
        return forest.predict(forests, cells, excluded) - case.corrections

    return predict_cells, error


@_once
def _by_networks(case: Case) -> tuple[Callable[[Mask], Floats], float]:
    stations, cells = case.world.stations, case.empty
    weather = _weather_at(case, stations)
    control = dwlim.control_stations(
        case.raw, weather[..., 0], weather[..., 1], THRESHOLD
    )
    both = np.concatenate([weather, _weather_at(case, cells)], axis=1)
    features = weather_features(both[..., 0], both[..., 1], COMPONENTS)
    at_stations, at_cells = np.split(features, [case.stations], axis=1)
    networks = ensemble.train(at_stations[:, control], case.raw[:, control], CONTROL)
    between = _distance(case, stations.lon, stations.lat)[:, control]
    is_own = np.arange(case.stations)[:, None] == np.flatnonzero(control)[None, :]
    validated = dwlim.validate(
        ensemble.predict(networks, at_stations), between, is_own, case.raw
    )
    predictions = ensemble.predict(networks, at_cells)
    distance = _distance(case, cells.lon, cells.lat)[:, control]

    def predict_cells(masked: Mask) -> Floats:
        out = np.broadcast_to(masked[control], distance.shape)
        return (
            dwlim.inverse_distance_mean(predictions, distance, out) - case.corrections
        )

    return predict_cells, _rms(np.asarray(validated.predicted) - case.raw)


def two_stages(case: Case) -> Estimate:
    """A network for all places, trained on displacement and then inverted."""
    return _by_displacement(case, TWO_STAGES)


def by_displacement(case: Case) -> Estimate:
    """The same network trained through the inversion of what is held out."""
    return _by_displacement(case, JOINTLY)


def _by_displacement(
    case: Case, training_schedule: schedule.TrainingSchedule
) -> Estimate:
    weather = [_weather_at(case, x) for x in (case.world.stations, case.empty)]
    weather = np.concatenate(weather, axis=1)
    lon, lat = (
        np.concatenate([getattr(x, n) for x in (case.world.stations, case.empty)])
        for n in ("lon", "lat")
    )
    features = _features(case, weather, lon, lat)
    rows = len(case.design)
    displacement = np.zeros((len(case.time), rows))
    displacement[:, : case.stations] = case.up
    sigma = np.pad(case.sigma, (0, rows - case.stations), constant_values=1.0)
    training_data = joint_model.make_training_data(
        case.filled, displacement, sigma, features, _folds(case, rows)
    )
    fitted = _trained(case, "displacement", training_data, training_schedule)
    predict_cells = jax.jit(
        jax.vmap(joint_model.predict_displacement, in_axes=(0, None))
    )
    mean, sd = map(np.asarray, predict_cells(fitted.parameters, training_data.features))
    whole = jax.tree.map(jnp.mean, fitted.parameters.inversion)
    receiver = np.arange(rows) < case.stations
    within = np.sqrt((sd**2).mean(axis=0))

    def noise_of(hyperparameters: joint_model.Hyperparameters, error: Floats) -> Noise:
        now = dataclasses.replace(
            training_data, sigma=jnp.where(receiver, sigma, error)
        )
        return joint_model.noise_of(now, hyperparameters)

    def rows_of(_: Mask, member: int | None) -> Rows:
        some = slice(None) if member is None else slice(member, member + 1)
        filled, spread = (
            mean[some].mean(axis=0),
            member_variance(mean[some]).mean(axis=0),
        )
        error = np.sqrt((sd[some] ** 2).mean(axis=0) + spread)
        values = np.where(receiver, displacement, filled)
        beta = float(jnp.exp(whole.log_beta))
        return Rows(case.filled, values, noise_of(whole, error), beta)

    best, factor = calibration.calibrate_virtual(training_data, fitted.parameters)
    noise = noise_of(best, within * float(factor))
    calibrated = CalibratedPrior(noise, float(jnp.exp(best.log_beta)))
    estimate = _estimate(case, rows_of, calibrated)
    base = rows_of(np.zeros(case.stations, bool), None)
    members = [
        dataclasses.replace(base, displacement=np.where(receiver, displacement, one))
        for one in mean
    ]
    return _joined(case, estimate, members)


def water(case: Case) -> Estimate:
    """Joint training, the network as prior mean of the water."""
    return _by_water(case, JOINTLY)


def water_by_evidence(case: Case) -> Estimate:
    """The same, by the exact evidence alone."""
    return _by_water(case, BY_EVIDENCE)


def _by_water(case: Case, training_schedule: schedule.TrainingSchedule) -> Estimate:
    places = case.world.places
    weather = [x[:, case.places] for x in (case.temperature, case.pressure)]
    lon, lat = places.lon[case.places], places.lat[case.places]
    features = _features(case, np.stack(weather, axis=-1), lon, lat)
    moved = case.design[: case.stations] @ case.to_cells.T
    training_data = joint_model.make_training_data(
        case.traditional, case.up, case.sigma, features, _folds(case), moved=moved
    )
    fitted = _trained(case, "water", training_data, training_schedule)
    predict_cells = jax.jit(jax.vmap(joint_model.predict_load, in_axes=(0, None)))
    means = np.asarray(predict_cells(fitted.parameters, training_data.features))
    whole = jax.tree.map(jnp.mean, fitted.parameters.inversion)
    noise, beta = (
        joint_model.noise_of(training_data, whole),
        float(jnp.exp(whole.log_beta)),
    )

    def rows(_: Mask, member: int | None) -> Rows:
        mean = means.mean(axis=0) if member is None else means[member]
        return Rows(case.traditional, case.up, noise, beta, mean @ case.to_cells)

    best = calibration.calibrate(training_data, fitted.parameters)
    calibrated = CalibratedPrior(
        joint_model.noise_of(training_data, best), float(jnp.exp(best.log_beta))
    )
    estimate = _estimate(case, rows, calibrated)
    everyone = np.zeros(case.stations, bool)
    return _joined(case, estimate, [rows(everyone, n) for n in range(len(means))])


def _joined(case: Case, estimate: Estimate, members: list[Rows]) -> Estimate:
    """Errors of the posterior, joined by the spread of what members lead to."""
    spread = _spread(case, members)
    sd = [np.hypot(x, y) for x, y in zip((estimate.basin_sd, estimate.far_sd), spread)]
    return dataclasses.replace(estimate, basin_sd=sd[0], far_sd=sd[1])


def _spread(case: Case, members: list[Rows]) -> list[Floats]:
    """Deviation between members, of basins and of sampled cells."""
    parts = ([], [])
    for rows in members:
        load = np.asarray(_solved(rows, np.zeros(case.stations, bool)).load)
        parts[0].append(load @ case.basins.T)
        parts[1].append(load[:, case.sampled])
    return [np.sqrt(member_variance(np.stack(part))) for part in parts]


def _trained(
    case: Case,
    form: schedule.Form,
    training_data: joint_model.TrainingData,
    training_schedule: schedule.TrainingSchedule,
) -> optimise.Fitted:
    keys = jax.random.split(jax.random.key(case.seed), len(case.held))
    noise, beta = _tuned_to_weather(case)
    factor = float(jnp.mean(noise.sigma / case.sigma))
    initial = joint_model.InitialHyperparameters(
        beta, factor, float(np.sqrt(noise.common))
    )
    return schedule.train_ensemble(
        form, training_data, HIDDEN, initial, keys, training_schedule=training_schedule
    ).last


def _folds(case: Case, rows: int | None = None) -> joint_model.Folds:
    held = np.zeros((len(case.held), rows or case.stations), bool)
    held[:, : case.stations] = case.held
    centres = max(1, centres_for_fraction(case.distance, FAR, SHARE) // 2)
    radius = jnp.asarray(FAR)
    watched = held.copy()
    watched[:, : case.stations] &= ~np.asarray(case.scored)
    arrays = (jnp.asarray(held), jnp.asarray(case.distance), radius)
    return joint_model.Folds(*arrays, centres, jnp.asarray(watched))


def _features(
    case: Case, weather: Floats, lon: Floats, lat: Floats
) -> NDArray[np.float32]:
    """Weather in its own units of spread, place, climate and time of the year."""
    both = weather[..., 0], weather[..., 1]
    still = place_features(lon, lat, both)
    return joined_features([weather_features(*both)], still, case.time)


def _weather_at(case: Case, points) -> Floats:
    weather = (case.temperature, case.pressure)
    return np.stack([case.world.read_off(x, points) for x in weather], axis=-1)


def _normalised(weather: Floats) -> Floats:
    """In units of its spread at each place: places lie at all heights."""
    return np.asarray(weather_features(weather[..., 0], weather[..., 1]))


def _distance(case: Case, lon: Floats, lat: Floats) -> Floats:
    """From places to stations [degrees], shape (place, station)."""
    stations = case.world.stations
    arc = sphere.angular_distance(
        lon[:, None], lat[:, None], stations.lon[None], stations.lat[None]
    )
    return np.asarray(arc)


@_once
def _tuned_to_weather(case: Case) -> tuple[Noise, float]:
    """The same for heights without trends and seasons.

    These a network learns soon, and an inversion that has to explain them calls the
    season of the whole region a common mode.
    """
    fast = without_seasons(case.up, case.time)
    return _of_largest_evidence(case.traditional, fast, case.sigma)


@_once
def _tuned(case: Case) -> tuple[Noise, float]:
    """Noise and beta of the largest evidence, for the stations alone."""
    return _of_largest_evidence(case.traditional, case.up, case.sigma)


def _of_largest_evidence(
    problem: Problem, displacement: Floats, sigma: Floats
) -> tuple[Noise, float]:
    model = inversion.scaled_model(problem, sigma)
    start = {"beta": 0.02, "noise_factor": 1.0, "common": 1.0}
    tuned = inversion.tune(model, start, displacement).estimate
    scaled = jnp.asarray(sigma * tuned["noise_factor"])
    return Noise(scaled, common=tuned["common"]), tuned["beta"]


@_once
def _seasonal_weights(case: Case) -> tuple[Noise, tuple[float, float], Array]:
    """Beta and the weight of the maps with the largest evidence, and the seasons."""
    noise, beta = _tuned(case)
    functions = jnp.asarray(series.seasonal_basis(case.time)[:, 2:])

    def minus(logs: Array, problem: Problem, up: Array) -> Array:
        with_common = dataclasses.replace(noise, common=jnp.exp(logs[2]))
        data = inversion.observations(up, with_common)
        weights = jnp.exp(logs[0]), jnp.exp(logs[1])
        regression = inversion.time_function_mean(problem, data, weights, functions)
        return -regression.log_evidence

    slope = jax.jit(jax.value_and_grad(minus))
    arguments = (case.traditional, jnp.asarray(case.up))
    both = lambda x: tuple(np.asarray(v, float) for v in slope(x, *arguments))
    start = np.log([beta, PUBLISHED, float(noise.common)])
    best = scipy.optimize.minimize(both, start, jac=True, method="L-BFGS-B")
    beta, amplitude, common = np.exp(best.x)
    noise = dataclasses.replace(noise, common=common)
    return noise, (beta, amplitude), functions


def _seasonal_mean(case: Case, masked: Mask) -> Floats:
    noise, weights, functions = _seasonal_weights(case)
    up = np.where(masked, np.nan, case.up)
    regression = inversion.time_function_mean(
        case.traditional, inversion.observations(up, noise), weights, functions
    )
    return np.asarray(functions @ regression.maps)


def _targets(case: Case, problem: Problem) -> Iterator[Functionals]:
    prior = inversion.smooth_prior(case.world.cells.laplacian)
    yield inversion.averages(problem, prior, case.basins)
    yield inversion.some_cells(problem, prior, case.sampled)


def _filled(
    case: Case,
    predict_cells: Callable[[Mask], Floats],
    error: float,
    tuned: bool = False,
) -> Estimate:
    """Empty cells as further rows, whose sigma is the error at stations left out."""
    sigma = np.full(len(case.design), error)
    sigma[: case.stations] = case.sigma
    everyone = np.zeros(case.stations, bool)
    of_all = np.concatenate([case.up, predict_cells(everyone)], axis=1)
    noise, beta = Noise(jnp.asarray(sigma)), PUBLISHED
    if tuned:
        noise, beta = _of_largest_evidence(case.filled, of_all, sigma)

    def rows(masked: Mask, member: int | None) -> Rows:
        displacement = of_all
        if member is not None:
            displacement = np.concatenate([case.up, predict_cells(masked)], axis=1)
        return Rows(case.filled, displacement, noise, beta)

    return _estimate(case, rows)


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.nanmean(values**2)))


def _estimate(
    case: Case, rows_of: Maker, calibrated: CalibratedPrior | None = None
) -> Estimate:
    """Water, predictions of held-out stations, and errors by a calibrated prior."""
    everyone = np.zeros(case.stations, bool)
    rows = rows_of(everyone, None)
    load = np.asarray(_solved(rows, everyone).load)[:, case.inside]
    predicted = []
    for member, (held, scored) in enumerate(
        zip(np.asarray(case.held), np.asarray(case.scored))
    ):
        solution = _solved(rows_of(held, member), held)
        # What receivers share is part of what one more of them would see.
        fitted = np.asarray(solution.fitted + solution.common[:, None])
        predicted.append(np.where(scored, fitted[:, : case.stations], np.nan))
    prior = calibrated or CalibratedPrior(rows.noise, rows.beta)
    data = inversion.observations(rows.displacement, prior.noise)
    factor = inversion.factorise(rows.problem, data, prior.beta)
    sd = [
        np.asarray(inversion.posterior_sd(factor, target).sd)
        for target in _targets(case, rows.problem)
    ]
    anomaly = load - load.mean(axis=0)
    return Estimate(anomaly, sd[0], sd[1], np.stack(predicted, axis=1))


def _solved(rows: Rows, masked: Mask) -> inversion.Solution:
    out = np.zeros(rows.displacement.shape[1], bool)
    out[: len(masked)] = masked
    displacement = np.where(out, np.nan, rows.displacement)
    problem, noise, beta = rows.problem, rows.noise, rows.beta
    return inversion.solve(
        problem, inversion.observations(displacement, noise), beta, mean=rows.mean
    )


METHODS: dict[str, Callable[[Case], Estimate]] = {
    "traditional, beta 0.01": published,
    "traditional, tuned": tuned,
    "inverse distance": interpolated,
    "seasonal prior mean": seasonal,
    "MLLIM": mllim,
    "MLLIM, tuned": mllim_tuned,
    "DWLIM": dwlim_published,
    "DWLIM, tuned": dwlim_tuned,
    "two stages": two_stages,
    "joint, displacement": by_displacement,
    "joint, water": water,
    "joint, water, evidence alone": water_by_evidence,
}

"""Heights with north and east: rows, frame, leaving stations out, and whole studies."""

import dataclasses
import functools

import numpy as np
import pytest
import shapely
import xarray as xr

from jaxload import config, earth, inversion, io, sphere
from jaxload.constants import EARTH_RADIUS
from jaxload.inversion.estimation.normal_equations import primal_load
from jaxload.pipeline.estimation.component_layout import component_rows
from jaxload.pipeline.estimation.hyperparameters import choose, named_criterion
from jaxload.pipeline.estimation.inversion import restrict_to_stations
from jaxload.pipeline.estimation.noise_model import (
    has_unknown_noise,
    with_shared_noise,
)
from jaxload.pipeline.estimation.problem import make_model
from jaxload.pipeline.estimation.solution import estimate
from jaxload.pipeline.estimation.uncertainty import standard_deviations
from jaxload.pipeline.report.components import with_horizontals
from jaxload.pipeline.report.datasets import station_results
from jaxload.sweep.evaluation import _of_heights

EPOCHS, STATIONS, BETA = 12, 8, 0.03
THREE = ("up", "north", "east")
TIME = np.datetime64("2015-01-01", "D") + np.arange(EPOCHS)
NO_FRAME = dict.fromkeys(config.FRAME_SETTINGS, 0.0)
ANY_FRAME = dict.fromkeys(config.FRAME_SETTINGS, 1e4)


def study_with(components=THREE, sigma="station", **settings):
    return config.Study(
        gnss=config.Gnss(files="x", components=components, sigma=sigma),
        region=config.Region(boundary="x"),
        earth=config.Earth(max_degree=3000),
        inversion=config.Inversion(beta_count=5, **settings),
    )


@pytest.fixture(scope="module")
def grid():
    return sphere.regional_grid(shapely.box(10, 45, 13, 47.5), 0.5, 0.5)


@pytest.fixture(scope="module")
def gnss():
    """Stations with gaps, of which the last two have heights alone."""
    rng = np.random.default_rng(5)
    dims, variables = ("time", "station"), {}
    gaps = rng.random((EPOCHS, STATIONS)) < 0.15
    for name, size in zip(THREE, (4.0, 1.2, 1.0)):
        values = np.where(gaps, np.nan, size * rng.normal(size=gaps.shape))
        sigma = size * rng.uniform(0.8, 1.2, STATIONS) + 0 * values
        if name != "up":
            values[:, 6:] = sigma[:, 6:] = np.nan
        variables |= {name: (dims, values), f"{name}_sigma": (dims, sigma)}
    coords = {
        "time": TIME.astype("M8[ns]"),
        "station": [f"S{n:03}" for n in range(STATIONS)],
        "lon": ("station", rng.uniform(10, 13, STATIONS)),
        "lat": ("station", rng.uniform(45, 47.5, STATIONS)),
        "height": ("station", np.zeros(STATIONS)),
    }
    return io.label_dataset(xr.Dataset(variables, coords))


@pytest.fixture(scope="module")
def model(gnss, grid):
    return make_model(study_with(), gnss, grid)


def geocentric(lon, lat, radius):
    lon, lat = np.radians(lon), np.radians(lat)
    level = np.cos(lat)
    place = np.array([level * np.cos(lon), level * np.sin(lon), np.sin(lat)])
    return radius * place


def test_errors_of_a_frame_are_those_of_a_transformation_of_seven_parameters(gnss):
    lon, lat, radius = gnss.lon.values, gnss.lat.values, EARTH_RADIUS * 1e3
    shift, turn, scale = np.array([3.0, -2.0, 1.5]), np.array([0.4, 1.1, -0.7]), 0.6
    before = geocentric(lon, lat, radius)
    # Small turns one after the other, as matrices.
    after = before.copy()
    for axis, size in enumerate(turn / radius):
        one, other = (axis + 1) % 3, (axis + 2) % 3
        matrix = np.eye(3)
        matrix[[one, other], [one, other]] = np.cos(size)
        matrix[one, other], matrix[other, one] = -np.sin(size), np.sin(size)
        after = matrix @ after
    after = after * (1 + scale / radius) + shift[:, None]
    tiny = 1e-6
    of = functools.partial(geocentric, radius=1.0)
    up = of(lon, lat)
    north = (of(lon, lat + tiny) - of(lon, lat - tiny)) / np.radians(2 * tiny)
    east = np.cross(north, up, axis=0)
    moved = [np.sum((after - before) * axis, axis=0) for axis in (up, north, east)]
    patterns = earth.frame_displacement(gnss, earth.FrameErrors(1, 1, 1))
    found = patterns @ np.concatenate([shift, turn, [scale]])
    np.testing.assert_allclose(found, np.concatenate(moved), atol=1e-5)
    only = earth.frame_displacement(gnss, earth.FrameErrors(0, 0, 2), ("east", "up"))
    np.testing.assert_array_equal(only[:, 0], np.repeat([0.0, 2.0], STATIONS))


def test_rows_are_heights_of_all_stations_and_what_horizontals_there_are(gnss, model):
    rows = component_rows(study_with(), gnss)
    assert list(rows.component) == ["up"] * 8 + ["north"] * 6 + ["east"] * 6
    assert list(rows.station) == [*range(8), *range(6), *range(6)]
    np.testing.assert_array_equal(model.up[:, 8:14], gnss.north.values[:, :6])
    np.testing.assert_array_equal(model.up[:, 14:], gnss.east.values[:, :6])
    sigma = np.nanmedian(gnss.east_sigma.values[:, :6], axis=0)
    np.testing.assert_allclose(model.noise.sigma[14:], sigma)


def dense_water(model, grid, epoch):
    """Water with the noise written out in full, from the Laplacian itself."""
    apart = abs(grid.row[:, None] - grid.row) + abs(grid.column[:, None] - grid.column)
    operator = 4.0 * np.eye(len(grid.lon)) - (apart == 1)
    noise = model.noise
    sigma = np.broadcast_to(noise.sigma, model.up.shape)[epoch]
    covariance = np.diag(sigma**2) + noise.patterns @ noise.patterns.T
    seen = np.isfinite(model.up[epoch])
    weight = np.linalg.inv(covariance[np.ix_(seen, seen)])
    rows = np.asarray(model.problem.design)[seen]
    normal = rows.T @ weight @ rows + BETA**2 * operator.T @ operator
    return np.linalg.solve(normal, rows.T @ weight @ model.up[epoch, seen])


@pytest.mark.parametrize("sigma", ["station", "daily"])
def test_water_is_that_of_the_noise_of_frame_and_components(sigma, gnss, grid):
    study = study_with(sigma=sigma, frame_translation_mm=3.0)
    varied = gnss.assign(up_sigma=gnss.up_sigma * (1 + (gnss.time.dt.day % 3)))
    model = make_model(study, varied, grid)
    assert model.noise.patterns.shape == (20, 7)
    water = estimate(study, model, TIME, BETA).solution.load
    for epoch in (0, 5, 11):
        expected = dense_water(model, grid, epoch)
        np.testing.assert_allclose(water[epoch], expected, rtol=1e-7, atol=1e-7)


def test_normal_equations_take_the_noise_of_the_frame_too(grid, model):
    operator = np.eye(len(grid.lon))
    noise = dataclasses.replace(model.noise, common=None)
    data = model.up, np.ones(EPOCHS, bool)
    nothing = np.zeros((len(operator), 0))
    load = primal_load(model.problem.design, (operator, nothing), noise, data)[0]
    covariance = np.diag(noise.sigma**2) + noise.patterns @ noise.patterns.T
    seen = np.isfinite(model.up[3])
    weight = np.linalg.inv(covariance[np.ix_(seen, seen)])
    rows = np.asarray(model.problem.design)[seen]
    expected = np.linalg.solve(
        rows.T @ weight @ rows + operator, rows.T @ weight @ model.up[3, seen]
    )
    np.testing.assert_allclose(load[3], expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("which", ["translation", "rotation", "scale"])
def test_a_frame_that_is_unknown_may_move_by_centimetres(which, gnss, grid, rng):
    study = study_with(**ANY_FRAME)
    before = estimate(study, make_model(study, gnss, grid), TIME, BETA)
    sizes = earth.FrameErrors(*(10.0 * (which == name) for name in FRAME))
    patterns = earth.frame_displacement(gnss, sizes)
    moved = rng.normal(size=(EPOCHS, patterns.shape[1])) @ patterns.T
    parts = zip(THREE, moved.reshape(EPOCHS, 3, STATIONS).transpose(1, 0, 2))
    shifted = gnss.assign({name: gnss[name] + values for name, values in parts})
    after = estimate(study, make_model(study, shifted, grid), TIME, BETA)
    np.testing.assert_allclose(after.solution.load, before.solution.load, atol=1e-3)
    fixed = study_with(**NO_FRAME)
    apart = [
        np.asarray(
            estimate(fixed, make_model(fixed, x, grid), TIME, BETA).solution.load
        )
        for x in (gnss, shifted)
    ]
    assert abs(apart[0] - apart[1]).max() > 10


FRAME = ("translation", "rotation", "scale")


def test_a_station_is_left_out_with_all_of_its_components(model):
    study = study_with()
    found = np.asarray(estimate(study, model, TIME, BETA).left_out)
    rows = model.rows
    for station in (2, 7):
        own = rows.station == station
        without = model.up.copy()
        without[:, own] = np.nan
        data = inversion.observations(without, model.noise)
        water = inversion.solve(model.problem, data, BETA)
        noise, left = model.noise, without - np.asarray(water.fitted)
        # Noise that a station shares with the others is predicted with the load.
        shared = np.zeros_like(left)
        for epoch in range(EPOCHS):
            seen = np.isfinite(without[epoch])
            whole = np.diag(noise.sigma**2) + noise.patterns @ noise.patterns.T
            gain = np.linalg.solve(whole[np.ix_(seen, seen)], left[epoch, seen])
            shared[epoch] = (noise.patterns @ noise.patterns.T)[:, seen] @ gain
        expected = model.up - np.asarray(water.fitted) - shared
        np.testing.assert_allclose(found[:, own], expected[:, own], atol=1e-6)


def test_beta_is_chosen_by_stations_left_out_in_units_of_sigma(gnss, model, caplog):
    known = study_with(**dict.fromkeys(config.FRAME_SETTINGS, 1.0))
    choice = choose(known, model, gnss, lambda _: None)[1]
    assert (choice.name, choice.unit) == ("leave-one-out rms by sigma", "1")
    assert 'use "abic"' in caplog.text
    tried = choice.tried[2]
    left_out = estimate(study_with(), model, TIME, tried["beta"]).left_out
    ratio = np.asarray(left_out) / np.asarray(model.noise.sigma)
    np.testing.assert_allclose(tried["value"], np.sqrt(np.nanmean(ratio**2)))


def _sideways(model):
    """Rows of horizontals among those of all stations and components."""
    rows = model.rows
    block = {"up": 0, "north": STATIONS, "east": 2 * STATIONS}
    index = np.array([block[str(name)] for name in rows.component]) + rows.station
    return index[rows.component != "up"]


def test_errors_of_the_frame_are_as_large_as_the_data_say(gnss, grid, rng):
    days = 80
    time = TIME[0] + np.arange(days)
    sizes = earth.FrameErrors(translation=3.0, rotation=0.0, scale=1.5)
    patterns = earth.frame_displacement(gnss, sizes)
    moved = rng.normal(size=(days, patterns.shape[1])) @ patterns.T
    parts, dims, longer = moved.reshape(days, 3, STATIONS), ("time", "station"), {}
    for number, name in enumerate(THREE):
        sigma = 4.0 if name == "up" else 1.2
        values = parts[:, number] + sigma * rng.normal(size=(days, STATIONS))
        longer |= {name: (dims, values), f"{name}_sigma": (dims, sigma + 0 * values)}
        if name != "up":
            values[:, 6:] = np.nan
    places = gnss[["lon", "lat", "height"]]
    simulated = xr.Dataset(longer, {**places.coords, "time": time.astype("M8[ns]")})
    study = study_with(frame_translation_mm="estimate", frame_scale_mm=1.5)
    assert has_unknown_noise(study)
    model = with_shared_noise(study, make_model(study, simulated, grid), time)
    assert 2.4 < model.rows.frame.translation < 3.6
    assert model.rows.frame.rotation < 0.3
    assert model.rows.frame.scale == 1.5
    patterns = earth.frame_displacement(simulated, model.rows.frame)
    rows = model.rows.component != "up"
    np.testing.assert_allclose(model.noise.patterns[rows], patterns[_sideways(model)])


@pytest.fixture(scope="module")
def simulated(gnss, grid):
    """Water of the prior itself, and what a moving frame makes of its displacement."""
    rng, days = np.random.default_rng(3), 300
    apart = abs(grid.row[:, None] - grid.row) + abs(grid.column[:, None] - grid.column)
    operator = 4.0 * np.eye(len(grid.lon)) - (apart == 1)
    water = np.linalg.solve(operator, rng.normal(size=(len(operator), days))).T / BETA
    sizes = dict.fromkeys(config.FRAME_SETTINGS, 3.0)
    model = make_model(study_with(**sizes), gnss, grid)
    values = water @ np.asarray(model.problem.design).T
    noise = rng.normal(size=values.shape) * np.asarray(model.noise.sigma)
    amounts = rng.normal(size=(days, model.noise.patterns.shape[1]))
    frame = amounts @ model.noise.patterns.T
    values = np.where(rng.random(values.shape) < 0.1, np.nan, values + noise + frame)
    return water, dataclasses.replace(model, up=values)


def errors_of(study, model, water):
    """Rms error of cells [mm], and errors of their mean in units of its sd."""
    days = np.datetime64("2015-01-01") + np.arange(len(water))
    found = estimate(study, model, days, BETA)
    weights = np.full((1, water.shape[1]), 1 / water.shape[1])
    sd = standard_deviations(study, model, found, BETA, weights).regions[:, 0]
    error = np.asarray(found.solution.load) - water
    return np.sqrt(np.mean(error**2)), error.mean(axis=1) / sd


def test_errors_with_horizontals_and_frame_are_what_is_stated(simulated):
    water, model = simulated
    study = study_with(errors="regions")
    error, ratio = errors_of(study, model, water)
    # The standard deviation of 300 draws is known to 4%.
    assert 0.87 < ratio.std() < 1.13
    frozen = dataclasses.replace(model.noise, patterns=None)
    fixed = dataclasses.replace(model, noise=frozen)
    without, overstated = errors_of(study, fixed, water)
    assert overstated.std() > 1.3
    assert error < without


def test_horizontals_make_water_no_worse_than_heights_alone(simulated, gnss, grid):
    water, model = simulated
    alone = study_with(("up",), errors="regions")
    heights = make_model(alone, gnss, grid)
    heights = dataclasses.replace(heights, up=model.up[:, :STATIONS])
    # What the frame does to heights is known to them too.
    patterns = model.noise.patterns[:STATIONS]
    noise = dataclasses.replace(heights.noise, patterns=patterns)
    heights = dataclasses.replace(heights, noise=noise)
    before, ratio = errors_of(alone, heights, water)
    after = errors_of(study_with(errors="regions"), model, water)[0]
    assert 0.87 < ratio.std() < 1.13
    assert after < before


def test_a_sweep_judges_by_heights_of_stations_left_out(gnss, model):
    groups = model.rows.station
    by_sigma = named_criterion(study_with(), gnss, model.rows).function
    data = inversion.observations(model.up, model.noise)
    factor = inversion.factorise(model.problem, data, BETA)
    left_out = inversion.leave_group_out_residual(factor, groups)[:, :STATIONS]
    expected = np.sqrt(np.nanmean(np.asarray(left_out) ** 2))
    np.testing.assert_allclose(_of_heights(by_sigma, model)(factor), expected)
    assert _of_heights(inversion.gcv, model) is inversion.gcv


def test_heights_alone_give_what_they_gave_without_horizontals(gnss, grid):
    alone = study_with(("up",))
    before = estimate(alone, make_model(alone, gnss, grid), TIME, BETA).solution.load
    bare = gnss.assign({name: gnss[name] * np.nan for name in ("north", "east")})
    study = study_with(**NO_FRAME)
    after = estimate(study, make_model(study, bare, grid), TIME, BETA).solution.load
    np.testing.assert_allclose(after, before, rtol=1e-10)


def test_results_hold_horizontals_frame_and_what_is_left(gnss, model):
    found = estimate(study_with(), model, TIME, BETA)
    heights = station_results(gnss, restrict_to_stations(found, STATIONS))
    stations = with_horizontals(heights, gnss, found, model.rows)
    np.testing.assert_array_equal(stations.north, gnss.north)
    assert np.isnan(stations.predicted_north.values[:, 6:]).all()
    assert list(stations.frame_parameter.values) == list(earth.FRAME_PARAMETERS)
    # What is left, the frame and the water make the observations.
    sizes = earth.FrameErrors(1, 1, 1)
    moved = stations.frame.values @ earth.frame_displacement(gnss, sizes).T
    moved = moved.reshape(EPOCHS, 3, STATIONS)
    for number, (name, predicted) in enumerate(
        zip(THREE, ("predicted", "predicted_north", "predicted_east"))
    ):
        whole = stations[predicted] + stations[f"residual_{name}"] + moved[:, number]
        there = np.isfinite(stations[f"residual_{name}"].values)
        assert there.sum() > 50
        np.testing.assert_allclose(
            whole.values[there], gnss[name].values[there], atol=2e-5
        )


REFUSED = {
    "unknown": ({"components": ("up", "nort")}, "did you mean north"),
    "without up": ({"components": ("north", "east")}, 'without "up"'),
    "twice": ({"components": ("up", "up")}, "name each component once"),
    "none": ({"components": ()}, 'without "up"'),
    "network": ({"noise": "network"}, 'inversion.noise "network"'),
    "memory": ({"correlation_time_days": 5.0}, "correlation_time_days"),
    "robust": ({"robust": "huber"}, "inversion.robust"),
    "components": ({"unknowns": "components"}, 'unknowns "components"'),
    "gravity": ({"grace": "x.nc"}, "inversion.grace"),
    "single": ({"precision": "float32-refined"}, "inversion.precision"),
    "negative": ({"frame_scale_mm": -1.0}, "inversion.frame_scale_mm is -1"),
    "frame alone": (
        {"components": ("up",), "frame_scale_mm": 2.0},
        "frame_scale_mm is set",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_computed_with_horizontals_is_refused_by_name(case):
    settings, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        study_with(**settings)


def test_a_list_of_components_belongs_to_another_table(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(
        '[gnss]\nfiles = "x"\n[region]\nboundary = "x"\n'
        '[inversion]\ncomponents = ["up", "north"]\n'
    )
    with pytest.raises(ValueError, match=r"belong to the table \[gnss\]"):
        config.read_study(path)

"""Inversion about a trained prior mean under noise that stations share."""

import dataclasses

import numpy as np
import pytest
import scipy.sparse as sparse
import xarray as xr
from twin_files import twin_heights, write_twin

from jaxload import config, description, inversion, pipeline, synthetic
from jaxload.pipeline.estimation.inversion import invert, invert_stations
from jaxload.pipeline.estimation.network_noise import (
    estimate_network,
    network_model,
    of_other_heights,
)
from jaxload.pipeline.estimation.network_uncertainty import network_errors
from jaxload.pipeline.estimation.problem import make_model
from jaxload.pipeline.fill import training
from jaxload.pipeline.fill.displacement_ensemble import (
    DisplacementEnsemble,
    implied_water,
)
from jaxload.pipeline.fill.ensemble_posterior import PriorMeanEnsemble
from jaxload.pipeline.fill.network_posterior import (
    held_out_residuals,
    invert_about_mean,
)
from jaxload.pipeline.fill.training import draw_perturbation
from jaxload.pipeline.progress import Clock, ignore
from jaxload.sweep.shared import Shared

pytest.importorskip("netCDF4")

DAY = np.timedelta64(1, "D")

WORLD = synthetic.TwinSettings(
    stations=26, days=1000, radius=2.5, belt=1.0, spacing=1.0, start="2015-01-01"
)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """A study, its heights, its area and its inverse problem."""
    folder = tmp_path_factory.mktemp("study")
    world = synthetic.twin(WORLD)
    rng = np.random.default_rng(1)
    up = world.displacement + rng.normal(scale=1.5, size=world.displacement.shape)
    up[:200, 3] = np.nan
    write_twin(world, folder, twin_heights(world, up))
    study = config.Study(
        gnss=config.Gnss(files="gnss/*.up"),
        region=config.Region(boundary="region.geojson", spacing=1.0, buffer=1.0),
        earth=config.Earth(max_degree=2000),
        screening=config.Screening(action="none"),
        cleaning=config.Cleaning(average="weekly"),
        inversion=config.Inversion(noise="network", errors="cells"),
        folder=str(folder),
    )
    prepared = Shared(Clock(ignore)).prepared(study)
    model = make_model(study, prepared.gnss, prepared.area.grid)
    # An offset of each station is an anomaly's, as gap filling has it.
    model = dataclasses.replace(model, up=model.up - np.nanmean(model.up, axis=0))
    return study, prepared, model


@pytest.fixture(scope="module")
def by_network(case):
    study, prepared, model = case
    return network_model(study, model, prepared.gnss)[0]


def ensemble(model, members: np.ndarray, count: int) -> PriorMeanEnsemble:
    """Prior means on a raster of every other cell."""
    cells = model.problem.design.shape[1]
    row = np.arange(cells)
    to_cells = sparse.csr_array((np.ones(cells), (row, row // 2)), shape=(cells, count))
    moved = (to_cells.T @ np.asarray(model.problem.design).T).T
    return PriorMeanEnsemble(members, to_cells, moved)


def loads(solution) -> np.ndarray:
    return np.asarray(inversion.load_at(solution, slice(None)))


@pytest.mark.slow
def test_a_prior_mean_of_zero_is_the_inversion_of_stations_alone(case):
    study, prepared, model = case
    count = (model.problem.design.shape[1] + 1) // 2
    mean = ensemble(model, np.zeros((1, len(model.up), count)), count)
    nobody = np.zeros((1, model.up.shape[1]), bool)
    clock = Clock(ignore)
    about = invert_about_mean(
        study, model, prepared.gnss, prepared.area, mean, nobody, None, clock
    )
    gnss = prepared.gnss
    centred = gnss.assign(up=gnss.up - gnss.up.mean("time"))
    alone = invert(study, centred, prepared.area, clock)
    ours, theirs = loads(about.estimate.solution), loads(alone.estimate.solution)
    scale = np.abs(theirs).max()
    np.testing.assert_allclose(ours, theirs, atol=1e-6 * scale)
    np.testing.assert_allclose(about.errors.regions, alone.errors.regions, rtol=1e-6)
    assert about.choice.name == "spectra"


@pytest.mark.slow
def test_heights_about_a_mean_are_inverted_and_the_mean_added(case, caplog):
    study, prepared, model = case
    count = (model.problem.design.shape[1] + 1) // 2
    rng = np.random.default_rng(2)
    members = rng.normal(scale=20.0, size=(2, len(model.up), count)).cumsum(axis=1) / 5
    mean = ensemble(model, members, count)
    held_out = np.zeros((2, model.up.shape[1]), bool)
    held_out[0, :4] = held_out[1, 3:9] = True
    about = invert_about_mean(
        study,
        model,
        prepared.gnss,
        prepared.area,
        mean,
        held_out,
        None,
        Clock(ignore),
    )
    # Few were held out.
    assert about.summary["noise"]["stations_held_out"] == 9
    assert "which is 9 of 26 stations" in caplog.text
    prior = members.mean(axis=0) @ mean.to_cells.T
    left = model.up - prior @ np.asarray(model.problem.design).T
    ours = loads(about.estimate.solution) - prior
    # The update is that of the residuals, under their own spectra.
    seen = held_out_residuals(model.up, mean, held_out)
    rest = dataclasses.replace(model, up=left)
    network = network_model(study, rest, prepared.gnss, held_out=seen)[0]
    estimated = estimate_network(rest, network)[0]
    theirs = loads(estimated.solution)
    np.testing.assert_allclose(ours, theirs, atol=1e-8 * np.abs(theirs).max())
    # A station that is left out is predicted about a mean that has not seen it.
    expected = estimated.left_out - left + seen
    np.testing.assert_allclose(about.estimate.left_out, expected, atol=1e-8)
    assert np.nanmax(np.abs(seen[:, 3] - left[:, 3])) < 1e-9
    assert np.nanmax(np.abs(seen[:, 0] - left[:, 0])) > 0.1
    fitted = np.asarray(about.estimate.solution.fitted)
    through = loads(about.estimate.solution) @ np.asarray(model.problem.design).T
    np.testing.assert_allclose(fitted, through, atol=1e-6 * np.abs(fitted).max())


@pytest.mark.slow
def test_members_that_differ_where_nothing_is_observed_add_their_variance(case):
    study, prepared, model = case
    count = (model.problem.design.shape[1] + 1) // 2
    members = np.zeros((2, len(model.up), count))
    mean = ensemble(model, members, count)
    apart = np.arange(len(model.up)) % 7 + 1.0
    members[0] += apart[:, None]
    # Stations do not see by which the members differ.
    unseen = dataclasses.replace(mean, moved=np.zeros_like(mean.moved))
    nobody = np.zeros((2, model.up.shape[1]), bool)
    arguments = study, model, prepared.gnss, prepared.area
    alone = dataclasses.replace(unseen, members=members[1:])
    one = invert_about_mean(*arguments, alone, nobody[:1], None, Clock(ignore))
    both = invert_about_mean(*arguments, unseen, nobody, None, Clock(ignore))
    share = prepared.area.basins.weights.sum(axis=1)
    expected = one.errors.regions**2 + np.outer(apart**2, share**2) / 2
    np.testing.assert_allclose(both.errors.regions, np.sqrt(expected), rtol=1e-5)
    assert both.errors.cells is not None
    cells = np.concatenate([part.sd for part in both.errors.cells()])
    alone = np.concatenate([part.sd for part in one.errors.cells()])
    expected = np.sqrt(alone**2 + apart[:, None] ** 2 / 2)
    np.testing.assert_allclose(cells, expected, rtol=1e-4)


@pytest.mark.slow
def test_other_heights_under_the_same_spectra_are_linear(case, by_network):
    model = case[2]
    rng = np.random.default_rng(3)
    other = np.where(np.isfinite(model.up), rng.normal(size=model.up.shape), np.nan)
    solve = lambda up: loads(
        estimate_network(
            dataclasses.replace(model, up=up), of_other_heights(by_network, up)
        )[0].solution
    )
    first, second = solve(model.up), solve(other)
    # To the tolerance of the solver of gaps.
    scale = np.abs(first).max()
    both = solve(2 * model.up - other)
    np.testing.assert_allclose(both, 2 * first - second, atol=5e-3 * scale)
    original = loads(estimate_network(model, by_network)[0].solution)
    np.testing.assert_allclose(first, original, atol=1e-9 * scale)


def test_residuals_are_about_members_that_held_a_station_out():
    up = np.array([[10.0, 20.0, 30.0], [np.nan, 5.0, 6.0]])
    members = np.array([[[1.0], [2.0]], [[3.0], [4.0]]])
    mean = PriorMeanEnsemble(
        members, sparse.csr_array(np.ones((1, 1))), np.ones((3, 1))
    )
    held_out = np.array([[True, False, False], [True, True, False]])
    expected = [[10 - 2.0, 20 - 3.0, 30 - 2.0], [np.nan, 5 - 4.0, 6 - 3.0]]
    residuals = held_out_residuals(up, mean, held_out)
    np.testing.assert_allclose(residuals, expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gapfill.method": "mllim"}, "goes with gapfill.method"),
        ({"gapfill.method": "joint-load", "gapfill.wells": "w.csv"}, "takes no months"),
    ],
)
def test_other_gap_filling_is_refused(changes, message, tmp_path):
    text = '[gnss]\nfiles="x"\n[region]\nboundary="y"\n[inversion]\nnoise="network"\n'
    path = tmp_path / "study.toml"
    path.write_text(text + '[weather]\ntemperature = "t.nc"\n')
    with pytest.raises(ValueError, match=message):
        config.read_study(path, changes=changes)


def test_joint_training_takes_noise_of_a_network_by_default(tmp_path):
    text = (
        '[gnss]\nfiles="x"\n[region]\nboundary="y"\n[weather]\ntemperature = "t.nc"\n'
    )
    path = tmp_path / "study.toml"
    path.write_text(text + '[gapfill]\nmethod = "joint-load"\n')
    assert config.allows_network_noise(config.read_study(path))
    changes = {"gapfill.method": "joint-displacement"}
    assert config.allows_network_noise(config.read_study(path, changes=changes))
    rows = changes | {"gapfill.grace": "grace.nc"}
    assert not config.allows_network_noise(config.read_study(path, changes=rows))


@pytest.mark.slow
def test_the_baseline_of_stations_alone_has_the_same_noise(case):
    study, prepared, model = case
    filled = config.Gapfill(method="joint-load")
    weather = config.Weather(temperature="t.nc")
    joint = dataclasses.replace(study, gapfill=filled, weather=weather)
    gnss = prepared.gnss.assign(up=prepared.gnss.up - prepared.gnss.up.mean("time"))
    clock = Clock(ignore)
    alone = invert_stations(joint, model, gnss, prepared.area, clock)
    network, _ = network_model(study, model, gnss)
    expected = loads(estimate_network(model, network)[0].solution)
    expected = expected @ prepared.area.basins.weights.T
    np.testing.assert_allclose(alone.regions, expected, atol=1e-6 * abs(expected).max())


def test_the_prior_mean_of_regions_is_that_of_their_cells(rng):
    members, to_cells = rng.normal(size=(2, 3, 4)), rng.uniform(size=(5, 4))
    weights = rng.uniform(size=(2, 5))
    ensemble = PriorMeanEnsemble(members, sparse.csr_array(to_cells), np.ones((1, 4)))
    days = np.arange("2020-01", "2020-04", dtype="M8[M]").astype("M8[ns]")
    means = ensemble.of_regions(weights, days).twsa_prior_mean
    cells = np.stack([(m[:, None] * to_cells).sum(axis=2) for m in members])
    expected = (cells[:, :, None] * weights).sum(axis=3).mean(axis=0)
    np.testing.assert_allclose(means, expected)
    assert means.dims == ("time", "region")


def test_water_of_predicted_displacement_is_inverted_as_that_of_heights(case, rng):
    _, prepared, model = case
    count, days = 20, 4
    places = model.up.shape[1]
    predicted = DisplacementEnsemble(
        rng.normal(size=(2, days, places)), rng.uniform(0.5, 2.0, places)
    )
    mean = implied_water(model.problem, predicted, 0.03, count)
    design = np.asarray(model.problem.design)
    laplacian = prepared.area.grid.laplacian.toarray()
    precision = 0.03**2 * laplacian.T @ laplacian
    between = predicted.members.var(axis=0, ddof=1).mean(axis=0)
    weight = 1 / (predicted.within**2 + between)
    normal = design.T @ (weight[:, None] * design) + precision
    for number, member in enumerate(predicted.members):
        water = np.linalg.solve(normal, design.T @ (weight * member).T).T
        ours = mean.prior_load(number, slice(None))
        np.testing.assert_allclose(ours, water, atol=1e-8 * np.abs(water).max())
        up = model.up[:days, :count]
        (residual,) = [r for k, r in enumerate(mean.residuals(up)) if k == number]
        np.testing.assert_allclose(residual, up - water @ design[:count].T, atol=1e-7)


@pytest.mark.slow
def test_cells_are_filled_under_noise_of_a_network(case, tmp_path, monkeypatch):
    study, prepared, _ = case
    days = prepared.gnss.time.values
    daily = np.arange(days[0] - 400 * DAY, days[-1] + 7 * DAY, dtype="M8[D]")
    lon, lat = (np.arange(v.min() - 2, v.max() + 3) for v in _places(prepared))
    seasons = np.cos(2 * np.pi * (daily - daily[0]).astype(float) / 365.25)
    warm = 280 + 8 * seasons[:, None, None] + np.zeros((1, len(lat), len(lon)))
    xr.Dataset(
        {"t2m": (("time", "lat", "lon"), warm + 0.2 * lat[:, None], {"units": "K"})},
        {"time": daily.astype("M8[ns]"), "lat": lat, "lon": lon},
    ).to_netcdf(tmp_path / "t.nc")
    filled = config.Gapfill(
        method="joint-displacement",
        hidden=3,
        members=2,
        steps=10,
        joint_steps=0,
        neighbourhood_km=60.0,
    )
    weather = config.Weather(temperature=str(tmp_path / "t.nc"))
    study = dataclasses.replace(study, gapfill=filled, weather=weather)
    result = pipeline.run(study, tmp_path / "out")
    assert result.summary["noise"]["load_slope"] > 0
    assert result.summary["noise"]["stations_held_out"] > 0
    # What was predicted where no station is, and the water that it implies.
    cells = result.virtual_stations
    assert cells is not None
    assert cells.sizes["cell"] == result.summary["filling"]["cells"]
    assert np.isfinite(result.regions.twsa_prior_mean).all()
    assert (result.water.twsa_sd.max("time") > 0).any()
    assert result.stations.sizes["station"] == prepared.gnss.sizes["station"]
    lines = "\n".join(description.describe(tmp_path / "out"))
    assert "networks trained (joint-displacement)" in lines
    # Spectra that differ in their last digits are of the same training.
    draw = training.draw_shared_noise
    nearly = lambda *given: draw(*given) * (1 + 1e-12)
    monkeypatch.setattr(training, "draw_shared_noise", nearly)
    again = pipeline.run(study, tmp_path / "out")
    np.testing.assert_array_equal(again.learning.loss, result.learning.loss)
    memory = dataclasses.replace(study.inversion, noise_memory_days=30.0)
    with pytest.raises(ValueError, match="holds checkpoints of another model"):
        pipeline.run(dataclasses.replace(study, inversion=memory), tmp_path / "out")


def _places(prepared):
    return prepared.area.grid.lon, prepared.area.grid.lat


@pytest.mark.slow
def test_systematic_seasons_enlarge_errors_of_regions_and_cells(case, by_network):
    study, prepared, model = case
    weights = prepared.area.basins.weights

    def errors(**settings):
        settings = dataclasses.replace(study.inversion, **settings)
        changed = dataclasses.replace(study, inversion=settings)
        return network_errors(changed, model, by_network, weights)

    without = errors(systematic_season_mm=0.0, systematic_rate_mm_per_year=0.0)
    seasons = errors(systematic_season_mm=1.0, systematic_rate_mm_per_year=0.0)
    more = errors(systematic_season_mm=2.0, systematic_rate_mm_per_year=0.0)
    added, four_times = (e.regions**2 - without.regions**2 for e in (seasons, more))
    assert (added > 0).all()
    np.testing.assert_allclose(four_times, 4 * added, rtol=1e-6)
    # A millimetre at all stations is tens of millimetres of water.
    assert 5 < np.sqrt(np.mean(added)) < 50
    means = seasons.means, without.means
    assert all(m is not None for m in means)
    of_functions = seasons.means.function_variance - without.means.function_variance
    np.testing.assert_allclose(
        added, without.means.functions**2 @ of_functions, rtol=1e-6
    )
    assert of_functions[:2] == pytest.approx(0)
    cells = [
        np.concatenate([part.sd for part in e.cells()]) for e in (seasons, without)
    ]
    assert (cells[0] > cells[1]).mean() > 0.9
    with_rate = errors(systematic_rate_mm_per_year=0.3).means.function_variance
    assert (with_rate[1] >= seasons.means.function_variance[1]).all()
    # What was learned about a mean has learned the seasons of the heights.
    learned = dataclasses.replace(
        by_network,
        maps=dataclasses.replace(by_network.maps, load=0 * by_network.maps.load),
        of_heights=by_network.maps,
    )
    changed = dataclasses.replace(
        study, inversion=dataclasses.replace(study.inversion, systematic_season_mm=1.0)
    )
    about = network_errors(changed, model, learned, weights).means.function_variance
    np.testing.assert_allclose(about[2:], of_functions[2:], rtol=1e-6)


def test_noise_of_all_members_adds_up_to_zero(case, by_network):
    filled = config.Gapfill(method="joint-load", members=3)
    study = dataclasses.replace(
        case[0], gapfill=filled, weather=config.Weather(temperature="t.nc")
    )
    added = draw_perturbation(study, by_network)
    assert added is not None
    assert added.shape == (3, *case[2].up.shape)
    np.testing.assert_allclose(added.sum(axis=0), 0, atol=1e-9)
    shared = added[:, :, :20].mean(axis=2)
    assert (shared.std(axis=1) > 0.01).all()
    assert draw_perturbation(study, None) is None
    for change in ({"members": 1}, {"perturbed_heights": False}):
        other = dataclasses.replace(filled, **change)
        assert (
            draw_perturbation(dataclasses.replace(study, gapfill=other), by_network)
            is None
        )

"""What a study file can ask of the inversion, against plain NumPy on dense matrices."""

import dataclasses

import numpy as np
import pytest
import shapely
import xarray as xr

from jaxload import config, inversion, io, sphere
from jaxload.inversion.estimation import factor
from jaxload.pipeline.estimation.cell_resolution import resolution_of_cells
from jaxload.pipeline.estimation.hyperparameters import choose
from jaxload.pipeline.estimation.problem import make_model, make_prior
from jaxload.pipeline.estimation.solution import estimate
from jaxload.pipeline.estimation.uncertainty import standard_deviations
from jaxload.pipeline.inputs.prior_amplitude import relative_amplitude
from jaxload.pipeline.report.datasets import station_results

EPOCHS, STATIONS, BETA = 40, 9, 0.03
GNSS, REGION = config.Gnss(files="x"), config.Region(boundary="x")
TIME = np.datetime64("2015-01-01", "D") + np.arange(EPOCHS)


def study_with(folder=".", beta_count=5, **settings):
    return config.Study(
        gnss=GNSS,
        region=REGION,
        earth=config.Earth(max_degree=3000),
        inversion=config.Inversion(beta_count=beta_count, **settings),
        folder=str(folder),
    )


@pytest.fixture(scope="module")
def grid():
    return sphere.regional_grid(shapely.box(10, 45, 13, 47.5), 0.5, 0.5)


@pytest.fixture(scope="module")
def gnss():
    rng = np.random.default_rng(5)
    up = 3 * rng.normal(size=(EPOCHS, STATIONS)) + 2 * rng.normal(size=(EPOCHS, 1))
    up[rng.random(up.shape) < 0.15] = np.nan
    up[7, 2] = 60.0
    dims = ("time", "station")
    sigma = np.broadcast_to(rng.uniform(1, 3, STATIONS), up.shape)
    coords = {
        "time": TIME.astype("M8[ns]"),
        "station": [f"S{n:03}" for n in range(STATIONS)],
        "lon": ("station", rng.uniform(10, 13, STATIONS)),
        "lat": ("station", rng.uniform(45, 47.5, STATIONS)),
        "height": ("station", np.zeros(STATIONS)),
    }
    dataset = xr.Dataset({"up": (dims, up), "up_sigma": (dims, sigma)}, coords)
    return io.label_dataset(dataset)


@pytest.fixture(scope="module")
def model(gnss, grid):
    return make_model(study_with(), gnss, grid)


def with_noise(model, **changes):
    noise = dataclasses.replace(model.noise, **changes)
    return dataclasses.replace(model, noise=noise)


@pytest.fixture(scope="module")
def dense(model, grid):
    """Design matrix and prior covariance, the latter from the Laplacian itself."""
    apart = abs(grid.row[:, None] - grid.row) + abs(grid.column[:, None] - grid.column)
    operator = 4.0 * np.eye(len(grid.lon)) - (apart == 1)
    return np.asarray(model.problem.design), np.linalg.inv(operator.T @ operator)


def posterior(dense, up, noise):
    """Water, its covariance and the misfit that belongs to the noise, of one epoch."""
    design, prior = dense
    seen = np.isfinite(up)
    rows = design[seen]
    covariance = prior / BETA**2
    noise = noise[np.ix_(seen, seen)]
    gain = covariance @ rows.T @ np.linalg.inv(rows @ covariance @ rows.T + noise)
    return gain @ up[seen], covariance - gain @ rows @ covariance


def test_errors_of_cells_and_regions_are_those_of_the_posterior(model, dense, gnss):
    common = 1.5**2
    model = with_noise(model, common=common)
    found = estimate(study_with(), model, TIME, BETA)
    weights = np.random.default_rng(1).random((2, len(dense[1])))
    errors = standard_deviations(study_with(), model, found, BETA, weights)
    assert (errors.kind, errors.method) == ("cells", "exact")
    parts = list(errors.cells())
    assert all(part.relative_error is None for part in parts)
    of_cells = np.concatenate([part.sd for part in parts])
    noise = np.diag(np.asarray(model.noise.sigma) ** 2) + common
    for epoch in (0, 7, 39):
        water, covariance = posterior(dense, model.up[epoch], noise)
        np.testing.assert_allclose(found.solution.load[epoch], water, atol=1e-6)
        sd = np.sqrt(np.diag(covariance))
        np.testing.assert_allclose(of_cells[epoch], sd, rtol=1e-5)
        sd = np.sqrt(np.diag(weights @ covariance @ weights.T))
        np.testing.assert_allclose(errors.regions[epoch], sd, rtol=1e-7)
        left = model.up[epoch] - dense[0] @ water
        own = 1 / np.asarray(model.noise.sigma) ** 2 * np.isfinite(left)
        offset = np.sum(own * np.nan_to_num(left)) / (own.sum() + 1 / common)
        stations = station_results(gnss, found)
        np.testing.assert_allclose(stations.common_mode[epoch], offset, rtol=1e-4)
    assert stations.common_mode.attrs["units"] == "mm"


def test_a_study_in_float32_finds_the_water_criteria_and_errors_of_float64(
    model, gnss, caplog
):
    found = {}
    for precision in ("float64", "float32-refined"):
        study = study_with(precision=precision)
        settled, choice = choose(study, model, gnss, lambda _: None)
        estimated = estimate(study, settled, TIME, choice.beta)
        assert estimated.solution.factor.data.precision == precision
        weights = np.ones((1, model.problem.design.shape[1]))
        errors = standard_deviations(study, settled, estimated, choice.beta, weights)
        found[precision] = (
            choice.beta,
            [tried["value"] for tried in choice.tried],
            np.asarray(estimated.solution.load),
            np.concatenate([part.sd for part in errors.cells()]),
        )
    want, got = found.values()
    assert not caplog.records
    assert got[0] == want[0]
    assert got[1] != want[1]
    np.testing.assert_allclose(got[1], want[1], rtol=1e-6)
    for values, wanted in zip(got[2:], want[2:]):
        error = 1e-6 * np.nanmax(abs(wanted))
        np.testing.assert_allclose(values, wanted, rtol=0, atol=error)


def test_an_estimate_and_its_errors_factorise_once(model, dense, monkeypatch):
    calls, solve = [], factor.eliminated_solution
    monkeypatch.setattr(
        factor, "eliminated_solution", lambda *given: calls.append(1) or solve(*given)
    )
    found = estimate(study_with(), model, TIME, BETA)
    assert found.left_out is not None
    weights = np.ones((1, len(dense[1])))
    standard_deviations(study_with(), model, found, BETA, weights)
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({}, "cells"),
        ({"errors": "regions"}, "regions"),
        ({"errors": "none"}, "none"),
        ({"correlation_time_days": 5.0}, "none"),
    ],
)
def test_errors_are_those_that_were_asked_for(model, settings, kind):
    study = study_with(**settings)
    found = estimate(study, model, TIME, BETA)
    weights = np.full((1, model.problem.design.shape[1]), 0.1)
    errors = standard_deviations(study, model, found, BETA, weights)
    assert errors.kind == kind
    assert (errors.cells is not None) == (kind == "cells")
    assert (errors.regions is not None) == (kind in ("cells", "regions"))


def test_an_outlier_is_weighed_by_its_huber_loss(model, gnss):
    found = estimate(study_with(robust="huber"), model, TIME, BETA)
    left = (model.up - np.asarray(found.solution.fitted)) / model.noise.sigma
    expected = np.minimum(1, 1.345 / np.abs(left))
    np.testing.assert_allclose(found.weights, expected, atol=1e-3)
    assert found.weights[7, 2] < 0.1
    stations = station_results(gnss, found)
    np.testing.assert_allclose(stations.weight, found.weights, atol=1e-6)
    used = np.asarray(model.noise.sigma) / np.sqrt(found.weights)
    np.testing.assert_allclose(stations.up_sigma_effective, used, rtol=1e-5)
    # Other stations of that day are predicted as if it were hardly there.
    plain = estimate(study_with(), model, TIME, BETA)
    others = np.arange(STATIONS) != 2
    lowered, before = (x.left_out[7, others] for x in (found, plain))
    assert np.nanmean(lowered**2) < np.nanmean(before**2)


def test_poor_stations_count_less(model, gnss):
    up = model.up.copy()
    up[:, 4] *= 8
    noisy = dataclasses.replace(model, up=up)
    study = study_with(beta=BETA, station_weights=True)
    settled, choice = choose(study, noisy, gnss, lambda _: None)
    left = estimate(study_with(), noisy, TIME, BETA).left_out
    rms = np.sqrt(np.nanmean(left**2, axis=0))
    raised = np.maximum(1, rms / np.median(rms))
    sigma = np.asarray(model.noise.sigma)
    np.testing.assert_allclose(settled.noise.sigma, sigma * raised, rtol=1e-9)
    assert raised[4] > 3
    assert choice.beta == BETA


def test_a_memory_that_is_over_by_tomorrow_is_none(model):
    found = estimate(study_with(correlation_time_days=1e-3), model, TIME, BETA)
    plain = estimate(study_with(), model, TIME, BETA)
    np.testing.assert_allclose(found.solution.load, plain.solution.load, atol=1e-6)
    assert found.left_out is None
    shared = with_noise(model, common=1.0)
    found = estimate(
        study_with(correlation_time_days=1e-3), shared, TIME, BETA
    ).solution
    plainly = estimate(study_with(), shared, TIME, BETA).solution
    np.testing.assert_allclose(found.load, plainly.load, atol=1e-6)
    np.testing.assert_allclose(found.common, plainly.common, atol=1e-8)
    longer = estimate(study_with(correlation_time_days=30.0), model, TIME, BETA)
    rough, smooth = (np.diff(x.solution.load, axis=0) for x in (plain, longer))
    assert np.std(smooth) < 0.5 * np.std(rough)


@pytest.mark.slow
def test_components_make_the_water_of_the_series_they_rebuild(gnss, grid, dense):
    study = study_with(unknowns="components", components=2)
    given = make_model(study, gnss, grid)
    found = estimate(study, given, TIME, BETA)
    parts = given.parts
    mean, patterns = np.asarray(parts.mean), np.asarray(parts.patterns)
    rebuilt = mean + np.asarray(parts.amplitudes) @ patterns
    noise = np.diag(np.asarray(given.noise.sigma) ** 2)
    for epoch in (0, 39):
        water = posterior(dense, rebuilt[epoch], noise)[0]
        np.testing.assert_allclose(found.solution.load[epoch], water, atol=1e-6)
    _, choice = choose(study, given, gnss, lambda _: None)
    assert len(choice.tried) == 5


def test_more_components_than_stations_are_refused(gnss, grid):
    study = study_with(unknowns="components", components=STATIONS + 1)
    with pytest.raises(ValueError, match="components is 10, but there are 9 stations"):
        make_model(study, gnss, grid)


CRITERIA = {
    "leave-group-out": ("leave-group-out rms", "mm"),
    "gcv": ("generalised cross-validation", "1"),
    "l-curve": ("norm of the misfit", "1"),
    "abic": ("ABIC", "1"),
}


@pytest.mark.parametrize("name", CRITERIA)
def test_every_criterion_chooses_by_its_own_rule(model, gnss, name):
    study, shares = study_with(criterion=name, block_km=60.0, beta_count=13), []
    water = 100 * np.cos(np.arange(EPOCHS) / 5)[:, None]
    load = np.asarray(model.problem.design).sum(axis=1) * water
    model = dataclasses.replace(model, up=load + 0.3 * model.up)
    settled, choice = choose(study, model, gnss, shares.append)
    assert (choice.name, choice.unit) == CRITERIA[name]
    assert settled is model
    np.testing.assert_allclose(shares, np.arange(1, 14) / 13)
    betas, values = (np.array([r[k] for r in choice.tried]) for k in ("beta", "value"))
    np.testing.assert_allclose(betas, np.geomspace(1e-3, 1, 13))
    if name == "l-curve":
        assert betas[0] < choice.beta < betas[-1]
        assert (np.diff(values) > 0).all()
        assert (np.diff([row["norm"] for row in choice.tried]) < 0).all()
    else:
        assert choice.beta == betas[np.argmin(values)]


def test_one_block_leaves_no_station_to_predict_from(model, gnss):
    study = study_with(criterion="leave-group-out", block_km=1e4)
    with pytest.raises(ValueError, match="all 9 stations lie within"):
        choose(study, model, gnss, lambda _: None)


def test_a_season_of_the_whole_region_is_no_common_mode(model):
    rng = np.random.default_rng(2)
    days = np.datetime64("2015-01-01", "D") + 7 * np.arange(160)
    sigma = np.asarray(model.noise.sigma)
    season = 6 * np.cos(2 * np.pi * np.arange(160) * 7 / 365.2425)[:, None]
    up = sigma * rng.normal(size=(160, STATIONS)) + 1.2 * rng.normal(size=(160, 1))
    up += season
    given = dataclasses.replace(model, up=up)
    there = xr.Dataset(coords={"time": days.astype("M8[ns]")})
    study = study_with(beta=0.3, common_mode_mm="estimate")
    settled, _ = choose(study, given, there, lambda _: None)
    assert float(settled.noise.common) ** 0.5 == pytest.approx(1.2, rel=0.25)


def covariance(prior):
    cells = len(prior.null_space)
    return np.asarray(inversion.prior_covariance(prior, np.eye(cells)))


def test_priors_are_what_their_names_say(grid):
    cells = len(grid.lon)
    np.testing.assert_allclose(
        covariance(make_prior(study_with(prior="identity"), grid)),
        np.eye(cells),
        atol=1e-9,
    )
    slopes = make_prior(study_with(prior="first-differences"), grid)
    level = np.asarray(slopes.null_space)
    np.testing.assert_allclose(abs(level), cells**-0.5, rtol=1e-9)
    # The square of the differences is the Laplacian that nothing crosses.
    laplacian = sphere.laplacian(grid, boundary="free").toarray()
    whole = laplacian @ covariance(slopes)
    np.testing.assert_allclose(whole, np.eye(cells) - 1 / cells, atol=1e-8)
    long = make_prior(study_with(prior="matern", correlation_length_km=400.0), grid)
    unit = np.diag(covariance(long))
    np.testing.assert_allclose(unit, 1, atol=0.2)
    wide = make_prior(study_with(metric="sphere", boundary="free"), grid)
    assert np.asarray(wide.null_space).shape == (cells, 1)


def test_cells_too_coarse_for_a_correlation_length_are_warned_of(grid, caplog):
    make_prior(study_with(prior="matern", correlation_length_km=200.0), grid)
    assert "a correlation length of 200 km is 3.6 cells of 56 km" in caplog.text


def write_map(path, lon, lat, values, name="water"):
    dims = ("time", "lat", "lon")[-values.ndim :]
    coords = {"lat": lat, "lon": lon}
    xr.Dataset({name: (dims, values)}, coords=coords).to_netcdf(path)
    return study_with(path.parent, amplitude=path.name)


def test_a_map_of_amplitudes_is_interpolated_to_the_cells(grid, tmp_path):
    pytest.importorskip("netCDF4")
    # Longitudes from 0 to 360 and latitudes downward, as some files have them.
    lon, lat = np.arange(0.5, 360), np.arange(60.5, 30, -1)
    plane = lambda lon, lat: 5 + lon - 0.3 * (lat - 45)
    values = plane(lon[None, :], lat[:, None])
    study = write_map(tmp_path / "a.nc", lon, lat, np.where(values < 0, 1e3, values))
    expected = plane(grid.lon, grid.lat)
    expected /= np.sqrt(np.mean(expected**2))
    found = relative_amplitude(study, grid)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(np.asarray(make_prior(study, grid).scale), found)
    # A record counts by its standard deviation.
    record = np.stack([3 + values, 3 - values])
    study = write_map(tmp_path / "b.nc", lon, lat, record)
    np.testing.assert_allclose(relative_amplitude(study, grid), expected, rtol=1e-6)
    # The sea takes what is nearest.
    values[:, lon > 11.5] = np.nan
    study = write_map(tmp_path / "c.nc", lon, lat, values)
    found = relative_amplitude(study, grid)
    east = grid.lon > 11.5
    assert np.isfinite(found).all()
    assert found[east].max() <= found[~east].max() * 1.1


@pytest.mark.parametrize(
    "kind", ["capitals", "by units", "months since", "a step", "filler", "packed"]
)
def test_a_map_of_amplitudes_has_axes_as_any_other_grid(grid, tmp_path, caplog, kind):
    pytest.importorskip("netCDF4")
    lon, lat = np.arange(0.5, 360), np.arange(60.5, 30, -1)
    values = 900 + np.hypot(lon - 10, lat[:, None] - 45)
    values = np.stack([values, 0.9 * values, values, 0.8 * values])
    coords = {"time": np.arange(4.0), "lat": lat, "lon": lon}
    source = xr.Dataset({"w": (("time", "lat", "lon"), values)}, coords)
    source.time.attrs["units"] = "days since 2010-01-01"
    source.to_netcdf(tmp_path / "plain.nc")
    expected = relative_amplitude(study_with(tmp_path, amplitude="plain.nc"), grid)
    if kind == "capitals":
        source = source.rename(lat="LATITUDE", lon="Longitude", time="Time")
    elif kind == "by units":
        source = source.rename(lat="y", lon="x")
        source.y.attrs["units"], source.x.attrs["units"] = (
            "degrees_north",
            "degree_east",
        )
    elif kind == "months since":
        source.time.attrs["units"] = "months since 2010-01-15"
    elif kind == "a step":
        source = source.expand_dims(expver=[1]).rename(time="valid_time")
    elif kind == "filler":
        source.w[:, :, lon > 200] = -9999.0
    elif kind == "packed":
        packed = np.round(source.w / 0.05).astype("int16")
        packed[:, :, lon > 200] = -32768
        source = source.assign(w=packed.assign_attrs(scale_factor=0.05, add_offset=0.0))
    source.to_netcdf(tmp_path / "other.nc")
    found = relative_amplitude(study_with(tmp_path, amplitude="other.nc"), grid)
    np.testing.assert_allclose(found, expected, rtol=2e-3)
    named = {"filler": "w: -9999 stands", "packed": "w: -32768, unpacked -1638.4"}
    assert named.get(kind, "") in caplog.text


def test_a_map_of_amplitudes_that_cannot_be_used_is_named(grid, tmp_path):
    pytest.importorskip("netCDF4")
    lon, lat = np.arange(8.5, 12), np.arange(40.5, 50)
    small = write_map(tmp_path / "a.nc", lon, lat, np.ones((len(lat), len(lon))))
    with pytest.raises(ValueError, match=r"a.nc does not cover \d+ of \d+ cells"):
        relative_amplitude(small, grid)
    lon = np.arange(0.5, 20)
    dry = write_map(tmp_path / "b.nc", lon, lat, np.zeros((len(lat), len(lon))))
    with pytest.raises(ValueError, match="has an amplitude of 0 in the region"):
        relative_amplitude(dry, grid)
    empty = write_map(tmp_path / "c.nc", lon, lat, np.full((10, 20), np.nan))
    with pytest.raises(ValueError, match="and a value somewhere"):
        relative_amplitude(empty, grid)
    two = tmp_path / "d.nc"
    dims = ("lat", "lon")
    flat = (dims, np.ones((10, 20)))
    xr.Dataset({"p": flat, "q": flat}, {"lat": lat, "lon": lon}).to_netcdf(two)
    with pytest.raises(ValueError, match="holds p, q, expected one variable on lat"):
        relative_amplitude(study_with(tmp_path, amplitude="d.nc"), grid)


def test_the_resolution_is_that_of_an_epoch_with_a_usual_number_of_heights(
    model, dense, grid, caplog
):
    study = study_with()
    settled = model.noise, BETA
    assert resolution_of_cells(study, model, settled, grid) is None
    study = dataclasses.replace(study, output=config.Output(store=("resolution",)))
    found = resolution_of_cells(study, model, settled, grid)
    count = np.isfinite(model.up).sum(axis=1)
    epoch = found.attrs["epoch"]
    assert count[epoch] == np.sort(count)[EPOCHS // 2]
    design, prior = dense
    seen = np.isfinite(model.up[epoch])
    rows, covariance = design[seen], prior / BETA**2
    noise = np.diag(np.asarray(model.noise.sigma)[seen] ** 2)
    system = rows @ covariance @ rows.T + noise
    kernels = covariance @ rows.T @ np.linalg.inv(system) @ rows
    shown = found.resolution.values[grid.row, grid.column]
    np.testing.assert_allclose(shown, np.diag(kernels), rtol=1e-6, atol=1e-9)
    place = 6371.0 * np.asarray(sphere.unit_vectors(grid.lon, grid.lat))
    away = ((place[:, None] - place) ** 2).sum(axis=2)
    radius = np.sqrt(2 * (kernels**2 * away).sum(axis=1) / (kernels**2).sum(axis=1))
    shown = found.resolution_radius.values[grid.row, grid.column]
    np.testing.assert_allclose(shown, radius, rtol=1e-3)
    assert not caplog.text
    days = dataclasses.replace(study.inversion, correlation_time_days=5.0)
    study = dataclasses.replace(study, inversion=days)
    assert resolution_of_cells(study, model, settled, grid) is None
    assert 'output.store names "resolution", which is left out' in caplog.text

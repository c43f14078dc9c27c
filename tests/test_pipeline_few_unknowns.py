"""Loads of few unknowns in a study, against dense least squares and cells."""

import dataclasses

import numpy as np
import pytest
import shapely
import xarray as xr

from jaxload import config, inversion, io, sphere
from jaxload.constants import GRAVITATIONAL_CONSTANT
from jaxload.inversion.prior.smoothness import prior_covariance
from jaxload.pipeline.estimation.few_unknowns import (
    basin_patches,
    describe_unknowns,
    few_unknowns_prior,
    slepian_design,
    smoothed_fields,
    study_functions,
)
from jaxload.pipeline.estimation.hyperparameters import choose
from jaxload.pipeline.estimation.problem import make_model
from jaxload.pipeline.estimation.solution import estimate
from jaxload.pipeline.estimation.uncertainty import standard_deviations
from jaxload.pipeline.inputs.earth import study_love_numbers
from jaxload.sphere.harmonics.scattered import synthesise_at

EPOCHS, STATIONS, BETA = 12, 30, 0.02
TIME = np.datetime64("2015-01-01", "D") + np.arange(EPOCHS)
BASINS = {
    "west": shapely.box(0, 40, 5.25, 48),
    "east": shapely.box(5.25, 40, 10, 48),
}


def study_with(folder=".", **settings):
    regions = settings.pop("regions", ())
    settings = {"unknowns": "slepian", "slepian_degree": 40} | settings
    return config.Study(
        gnss=config.Gnss(files="x"),
        region=config.Region(boundary="all.geojson"),
        earth=config.Earth(max_degree=3000),
        inversion=config.Inversion(**settings),
        evaluation=config.Evaluation(regions=regions),
        folder=str(folder),
    )


@pytest.fixture(scope="module")
def grid():
    return sphere.regional_grid(shapely.box(0, 40, 12, 48), 0.5)


@pytest.fixture(scope="module")
def gnss():
    rng = np.random.default_rng(5)
    up = 5 * rng.normal(size=(EPOCHS, STATIONS))
    up[rng.random(up.shape) < 0.1] = np.nan
    dims = ("time", "station")
    sigma = np.broadcast_to(rng.uniform(1, 3, STATIONS), up.shape)
    coords = {
        "time": TIME.astype("M8[ns]"),
        "station": [f"S{n:03}" for n in range(STATIONS)],
        "lon": ("station", rng.uniform(0.5, 11.5, STATIONS)),
        "lat": ("station", rng.uniform(40.5, 47.5, STATIONS)),
        "height": ("station", np.zeros(STATIONS)),
    }
    dataset = xr.Dataset({"up": (dims, up), "up_sigma": (dims, sigma)}, coords)
    return io.label_dataset(dataset)


def test_slepian_loads_move_stations_as_greens_functions_of_their_band_do(gnss, grid):
    """A point mass moves the ground by a / M sum_n h_n P_n; Farrell (1972), eq. 37.

    On the globe the product of two fields of a band is integrated exactly.
    """
    last = 40
    study = study_with(prior="none", slepian_smoothing_km=0.0, slepian_degree=last)
    love = study_love_numbers(study)
    radius, gravity = float(love.radius), float(love.gravity)
    sine, weight = np.polynomial.legendre.leggauss(last + 1)
    columns = 2 * last + 2
    lon, lat = np.meshgrid(
        np.arange(columns) * 360 / columns, np.degrees(np.arcsin(sine))
    )
    area = np.repeat(weight, columns) * 2 * np.pi / columns * radius**2
    place = sphere.unit_vectors(lon.ravel(), lat.ravel())
    station = sphere.unit_vectors(gnss.lon.values, gnss.lat.values)
    cosine = np.clip(np.asarray(station) @ np.asarray(place).T, -1, 1)
    mass = gravity * radius**2 / GRAVITATIONAL_CONSTANT
    greens = np.polynomial.legendre.legval(cosine, np.asarray(love.h)[: last + 1])
    functions = study_functions(study, grid).harmonics
    water = np.asarray(synthesise_at(functions, lat=lat.ravel(), lon=lon.ravel()))
    want = 1e3 * radius / mass * greens @ (area * water).T
    got = np.asarray(slepian_design(study, gnss, grid)) @ smoothed_fields(study, grid)
    np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-8 * abs(want).max())


@pytest.mark.parametrize("smoothing", [0.0, 150.0])
def test_no_prior_is_ordinary_least_squares(gnss, grid, smoothing):
    study = study_with(prior="none", slepian_smoothing_km=smoothing)
    model = make_model(study, gnss, grid)
    model, choice = choose(study, model, gnss, lambda _: None)
    found = estimate(study, model, TIME, choice.beta)
    fields = smoothed_fields(study, grid)
    raw = smoothed_fields(study_with(prior="none", slepian_smoothing_km=0.0), grid)
    response = np.asarray(slepian_design(study, gnss, grid)) @ fields
    count = fields.shape[1]
    assert 5 < count < STATIONS / 2
    weights = np.random.default_rng(1).random((2, len(grid.lon)))
    errors = standard_deviations(study, model, found, choice.beta, weights)
    of_cells = np.concatenate([part.sd for part in errors.cells()])
    for epoch in range(EPOCHS):
        up, sigma = model.up[epoch], np.asarray(model.noise.sigma)
        seen = np.isfinite(up)
        rows = response[seen] / sigma[seen, None]
        amounts = np.linalg.lstsq(rows, up[seen] / sigma[seen], rcond=None)[0]
        np.testing.assert_allclose(
            found.solution.load[epoch], fields @ amounts, rtol=1e-5, atol=1e-6
        )
        left = np.asarray(found.left_out)[epoch]
        spread = np.linalg.inv(rows.T @ rows)
        leverage = np.einsum("rk,kl,rl->r", rows, spread, rows)
        want = (up - response @ amounts)[seen] / (1 - leverage)
        np.testing.assert_allclose(left[seen], want, rtol=1e-5)
        sd = np.sqrt(np.einsum("ck,kl,cl->c", fields, spread, fields))
        np.testing.assert_allclose(of_cells[epoch], sd, rtol=1e-5)
        both = weights @ fields @ spread @ fields.T @ weights.T
        np.testing.assert_allclose(
            errors.regions[epoch], np.sqrt(np.diag(both)), rtol=1e-6
        )
    # Smoothing comes after the inversion: it changes maps, not what moves stations.
    assert (abs(fields).max() < abs(raw).max()) == (smoothing > 0)
    unsmoothed = make_model(
        study_with(prior="none", slepian_smoothing_km=0.0), gnss, grid
    )
    same = estimate(study, unsmoothed, TIME, 1.0)
    np.testing.assert_allclose(same.solution.fitted, found.solution.fitted, atol=1e-6)


def test_a_prior_of_coefficients_has_the_standard_deviation_of_one_over_beta(
    gnss, grid
):
    study = study_with(prior="identity", beta=BETA, slepian_smoothing_km=0.0)
    prior = few_unknowns_prior(study, grid)
    variance = np.asarray(inversion.prior_variance(prior))
    dense = np.asarray(prior_covariance(prior, np.eye(len(grid.lon))))
    np.testing.assert_allclose(variance, np.diag(dense))
    assert np.average(variance, weights=grid.cell_area) == pytest.approx(1, rel=0.02)
    model = make_model(study, gnss, grid)
    found = estimate(study, model, TIME, BETA)
    design = np.asarray(model.problem.design)
    up, sigma = model.up[3], np.asarray(model.noise.sigma)
    seen = np.isfinite(up)
    rows, covariance = design[seen], dense / BETA**2
    noise = np.diag(sigma[seen] ** 2)
    gain = covariance @ rows.T @ np.linalg.inv(rows @ covariance @ rows.T + noise)
    np.testing.assert_allclose(
        found.solution.load[3], gain @ up[seen], rtol=1e-6, atol=1e-6
    )
    left = np.diag(covariance - gain @ rows @ covariance)
    errors = standard_deviations(study, model, found, BETA, np.ones((1, len(left))))
    sd = np.concatenate([part.sd for part in errors.cells()])[3]
    np.testing.assert_allclose(sd, np.sqrt(left), rtol=1e-4)


def test_loads_within_the_band_are_recovered_without_noise(gnss, grid):
    study = study_with(prior="none", slepian_smoothing_km=0.0)
    fields = smoothed_fields(study, grid)
    truth = np.random.default_rng(2).normal(size=(EPOCHS, fields.shape[1]))
    response = np.asarray(slepian_design(study, gnss, grid)) @ fields
    up = np.where(np.isfinite(gnss.up.values), truth @ response.T, np.nan)
    model = make_model(study, gnss.assign(up=(("time", "station"), up)), grid)
    found = estimate(study, model, TIME, 1.0)
    np.testing.assert_allclose(found.solution.load, truth @ fields.T, atol=1e-4)


@pytest.fixture
def outlined(tmp_path):
    """A folder with the outlines of the study region and of its basins."""
    write = lambda name, shape: (tmp_path / name).write_text(shapely.to_wkt(shape))
    write("all.wkt", shapely.box(0, 40, 12, 48))
    for name, shape in BASINS.items():
        write(f"{name}.wkt", shape)
    write("over.wkt", shapely.box(4, 40, 7, 48))
    return tmp_path


def patches_of(folder, *names):
    study = study_with(
        folder,
        unknowns="patches",
        prior="none",
        regions=tuple(f"{name}.wkt" for name in names),
    )
    region = dataclasses.replace(study.region, boundary="all.wkt")
    return dataclasses.replace(study, region=region)


def test_patches_are_one_unknown_per_basin_and_one_elsewhere(outlined, gnss, grid):
    study = patches_of(outlined, *BASINS)
    assert describe_unknowns(study, grid)["names"] == ("west", "east", "elsewhere")
    model = make_model(study, gnss, grid)
    found = estimate(study, model, TIME, 1.0)
    # Cells between 5 and 5.5 degrees lie half in either.
    west = np.clip((5.25 - grid.lon) / 0.5 + 0.5, 0, 1)
    inside = np.clip((10 - grid.lon) / 0.5 + 0.5, 0, 1)
    edge = np.clip((48 - grid.lat) / 0.5 + 0.5, 0, 1)
    edge = edge * np.clip((grid.lat - 40) / 0.5 + 0.5, 0, 1)
    edge_lon = np.clip(grid.lon / 0.5 + 0.5, 0, 1)
    share = np.stack([west * edge_lon, inside - west, 1 - inside])
    middle = (edge == 1) & (edge_lon == 1)
    shares = basin_patches({"all": shapely.box(0, 40, 12, 48)} | BASINS, grid).share
    np.testing.assert_allclose(shares[middle], share.T[middle], atol=1e-6)
    response = np.asarray(model.problem.design) @ shares
    sigma = np.asarray(model.noise.sigma)
    for epoch in range(EPOCHS):
        up = model.up[epoch]
        seen = np.isfinite(up)
        rows, values = response[seen] / sigma[seen, None], up[seen] / sigma[seen]
        amounts = np.linalg.lstsq(rows, values, rcond=None)[0]
        np.testing.assert_allclose(
            found.solution.load[epoch], shares @ amounts, rtol=1e-6, atol=1e-6
        )


def test_basins_that_overlap_are_no_patches(outlined, gnss, grid):
    study = patches_of(outlined, "west", "over")
    with pytest.raises(ValueError, match=r"west and over .* share [\d,]+ km2; leave"):
        make_model(study, gnss, grid)


def test_more_functions_than_stations_need_a_prior(gnss, grid):
    study = study_with(prior="none", slepian_degree=80)
    few = gnss.isel(station=slice(5))
    with pytest.raises(ValueError, match=r"leaves \d+ unknowns to 5 stations; use"):
        make_model(study, few, grid)
    make_model(study_with(prior="identity", slepian_degree=80), few, grid)


def test_more_functions_than_cells_are_refused(gnss):
    coarse = sphere.regional_grid(shapely.box(0, 40, 12, 48), 4.0)
    with pytest.raises(ValueError, match=r"functions, more than there are cells, \d"):
        make_model(study_with(prior="none", slepian_degree=60), gnss, coarse)


def test_a_region_that_holds_no_function_names_the_settings(gnss):
    small = sphere.regional_grid(shapely.box(0, 40, 1, 41), 0.25)
    study = study_with(prior="none", slepian_degree=4)
    with pytest.raises(ValueError, match=r"the best has .*inversion.slepian_degree"):
        make_model(study, gnss, small)


REFUSED = {
    "a smooth prior": ({"prior": "laplacian"}, 'use "identity", or "none"'),
    "no prior of cells": (
        {"prior": "none", "unknowns": "epochs"},
        "leaves every cell undetermined",
    ),
    "a weight of nothing": ({"prior": "none", "beta": 0.1}, "leave inversion.beta out"),
    "no degree": ({"prior": "none", "slepian_degree": 0}, "is 0, expected 1 or more"),
    "no share": (
        {"prior": "none", "slepian_least_concentration": 1.5},
        "concentration is 1.5, expected a share",
    ),
    "smoothing by less than nothing": (
        {"prior": "none", "slepian_smoothing_km": -1.0},
        "expected a radius in km, or 0",
    ),
    "smoothing in metres": (
        {"prior": "none", "slepian_smoothing_km": 150e3},
        "expected a radius in km up to",
    ),
    "gravity": ({"prior": "none", "grace": "g.nc"}, "combined with inversion.grace"),
    "spectra": ({"prior": "none", "noise": "network"}, "cannot be combined with"),
    "an L-curve": ({"prior": "none", "criterion": "l-curve"}, "cannot be combined"),
    "a degree beyond the Love numbers": (
        {"prior": "none", "slepian_degree": 4000},
        "earth.max_degree is 3000; take",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_settings_that_few_unknowns_do_not_have_are_refused(case):
    settings, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        study_with(**settings)


@pytest.mark.parametrize("unknowns", ["slepian", "patches"])
def test_few_unknowns_take_errors_as_independent(unknowns):
    assert not config.allows_network_noise(
        study_with(unknowns=unknowns, prior="identity")
    )

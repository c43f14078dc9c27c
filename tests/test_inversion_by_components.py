"""Components inverted for epochs, against `solve` and against doing it by hand."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sp
from jax.test_util import check_grads

from jaxload import earth, inversion, io, series, sphere
from jaxload.inversion.principal_components import (
    leave_one_out_by_components,
    solve_by_components,
)

EPOCHS, ROWS, CELLS, BETA = 25, 7, 20, 0.4
ROUGHNESS = sp.diags_array([-1.0, 2.5, -1.0], offsets=[-1, 0, 1], shape=(CELLS, CELLS))


@pytest.fixture
def design(rng):
    return rng.normal(size=(ROWS, CELLS))


@pytest.fixture
def problem(design):
    return inversion.smooth_problem(design, ROUGHNESS)


@pytest.fixture
def displacement(rng):
    return rng.normal(size=(EPOCHS, ROWS)) + 2


@pytest.fixture
def sigma(rng):
    return rng.uniform(0.5, 2.0, size=ROWS)


def normal_equations(design, rows, sigma):
    weighted = design / sigma[:, None] ** 2
    normal = design.T @ weighted + BETA**2 * (ROUGHNESS.T @ ROUGHNESS).toarray()
    return np.linalg.solve(normal, weighted.T @ rows.T).T


@pytest.mark.slow
def test_all_components_give_what_all_epochs_give(problem, displacement, sigma):
    parts = series.principal_components(displacement, ROWS)
    # The mean is one more pattern, of amplitude one.
    patterns = np.concatenate([parts.patterns, parts.mean[None]])
    amplitudes = np.concatenate([parts.amplitudes, np.ones((EPOCHS, 1))], axis=1)
    got = solve_by_components(
        problem, inversion.observations(patterns, sigma), BETA, amplitudes
    )
    want = inversion.solve(problem, inversion.observations(displacement, sigma), BETA)
    assert got.ok.all()
    np.testing.assert_allclose(got.load, want.load, atol=1e-9)
    np.testing.assert_allclose(got.fitted, want.fitted, atol=1e-9)


@pytest.mark.slow
def test_leading_components_give_what_the_series_they_rebuild_give(
    problem, displacement, sigma
):
    displacement[displacement > 3] = np.nan
    parts = series.principal_components(displacement, 3)
    noise = inversion.Noise(sigma, common=4.0)
    data = inversion.observations(parts.patterns, noise)
    got = solve_by_components(problem, data, BETA, parts.amplitudes)
    rebuilt = series.reconstructed(parts) - parts.mean[None, :]
    want = inversion.solve(problem, inversion.observations(rebuilt, noise), BETA)
    np.testing.assert_allclose(got.load, want.load, atol=1e-9)
    np.testing.assert_allclose(got.common, want.common, atol=1e-9)


def test_leaving_out_a_row_is_inverting_the_patterns_without_it(
    design, problem, sigma, rng
):
    """As GNSS2TWS does it: invert without a station, recombine, predict, compare."""
    patterns, amplitudes = rng.normal(size=(3, ROWS)), rng.normal(size=(EPOCHS, 3))
    missed = np.zeros((EPOCHS, ROWS))
    for row in range(ROWS):
        rest = np.delete(np.arange(ROWS), row)
        water = normal_equations(design[rest], patterns[:, rest], sigma[rest])
        predicted = amplitudes @ water @ design[row]
        missed[:, row] = amplitudes @ patterns[:, row] - predicted
    data = inversion.observations(patterns, sigma)
    factor = inversion.factorise(problem, data, BETA)
    got = leave_one_out_by_components(factor, amplitudes)
    np.testing.assert_allclose(got, np.sqrt(np.mean(missed**2)), rtol=1e-9)


def test_patterns_are_scanned_as_epochs_are(problem, displacement, sigma):
    parts = series.principal_components(displacement, 3)
    betas = np.geomspace(0.05, 5, 9)
    data = inversion.observations(parts.patterns, sigma)
    got = inversion.scan(problem, data, betas)
    want = [
        leave_one_out_by_components(
            inversion.factorise(problem, data, beta), parts.amplitudes
        )
        for beta in betas
    ]
    # A mean over components there, a sum here.
    np.testing.assert_allclose(got * np.sqrt(3), want, rtol=1e-8)


def test_a_row_without_a_pattern_is_a_row_deleted(design, problem, sigma, rng):
    patterns, amplitudes = rng.normal(size=(2, ROWS)), rng.normal(size=(EPOCHS, 2))
    patterns[:, 4] = np.nan
    amplitudes[6] = np.nan
    rest = np.delete(np.arange(ROWS), 4)
    water = normal_equations(design[rest], patterns[:, rest], sigma[rest])
    data = inversion.observations(patterns, sigma)
    got = solve_by_components(problem, data, BETA, amplitudes)
    np.testing.assert_array_equal(np.flatnonzero(~got.ok), [6])
    np.testing.assert_allclose(got.load, amplitudes @ water, atol=1e-9)
    factor = inversion.factorise(problem, data, BETA)
    known = leave_one_out_by_components(factor, amplitudes[:6])
    missed = []
    for row in rest:
        others = np.delete(rest, np.flatnonzero(rest == row))
        water = normal_equations(design[others], patterns[:, others], sigma[others])
        missed.append(amplitudes[:6] @ (patterns[:, row] - water @ design[row]))
    np.testing.assert_allclose(known, np.sqrt(np.mean(np.square(missed))), rtol=1e-9)


def test_a_row_that_misses_one_pattern_is_no_score(problem, sigma, rng):
    """Amplitudes of a part of the patterns would be those of other series."""
    patterns, amplitudes = rng.normal(size=(2, ROWS)), rng.normal(size=(EPOCHS, 2))
    patterns[1, 4] = np.nan
    data = inversion.observations(patterns, sigma)
    factor = inversion.factorise(problem, data, BETA)
    residual = np.asarray(inversion.leave_one_out_residual(factor))
    seen = np.delete(np.arange(ROWS), 4)
    want = np.sqrt(np.mean((amplitudes @ residual[:, seen]) ** 2))
    got = leave_one_out_by_components(factor, amplitudes)
    np.testing.assert_allclose(got, want, rtol=1e-9)


def test_a_pattern_that_cannot_be_inverted_is_flagged_at_every_epoch(design, sigma):
    free = sp.diags_array([-1.0, 1.0], offsets=[0, 1], shape=(CELLS - 1, CELLS))
    problem = inversion.smooth_problem(design, free)
    patterns = np.full((1, ROWS), np.nan)
    data = inversion.observations(patterns, sigma)
    got = solve_by_components(problem, data, BETA, np.ones((3, 1)))
    assert not got.ok.any()
    assert np.isnan(got.load).all()
    factor = inversion.factorise(problem, data, BETA)
    assert np.isnan(leave_one_out_by_components(factor, np.ones((3, 1))))


@pytest.mark.slow
def test_gradients_agree_with_finite_differences(problem, sigma, rng):
    patterns, amplitudes = rng.normal(size=(2, ROWS)), rng.normal(size=(3, 2))

    def outputs(patterns, amplitudes, beta):
        data = inversion.observations(patterns, sigma)
        factor = inversion.factorise(problem, data, beta)
        left_out = leave_one_out_by_components(factor, amplitudes)
        found = solve_by_components(problem, data, beta, amplitudes)
        return jnp.sum(found.load**2) + left_out

    check_grads(outputs, (patterns, amplitudes, 0.4), order=1, modes=["rev"])


ERRORS = {
    "transposed": (lambda p, a: (p.T, a), "'component'"),
    "other components": (lambda p, a: (p, a[:, :1]), "'component'"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_wrong_is_named(name, problem, rng):
    change, message = ERRORS[name]
    given = change(rng.normal(size=(2, ROWS)), rng.normal(size=(EPOCHS, 2)))
    patterns, amplitudes = given
    data = inversion.observations(patterns, np.ones(patterns.shape[1]))
    with pytest.raises(ValueError, match=message):
        solve_by_components(problem, data, BETA, amplitudes)


def test_the_dtype_of_the_problem_is_kept(design, sigma, rng):
    problem = inversion.smooth_problem(design.astype(np.float32), ROUGHNESS)
    patterns, amplitudes = rng.normal(size=(2, ROWS)), rng.normal(size=(EPOCHS, 2))
    data = inversion.observations(patterns, sigma)
    got = solve_by_components(problem, data, BETA, amplitudes)
    assert got.load.dtype == got.common.dtype == jnp.float32


def western_us(data):
    """Every fifteenth day of more than half of the stations, on cells of a degree."""
    west = data / "western_us"
    gnss = io.read_gnss(west / "gnss" / "p*.up", sites=west / "sites.txt")
    gnss = gnss.isel(time=slice(None, None, 15))
    grid = sphere.regional_grid(
        io.read_region(west / "boundaries" / "region_buffered.txt"), 1.0
    )
    kernel = earth.disc_kernel(
        earth.load_love_numbers("prem", frame="CF"), radius=grid.cell_radius
    )
    design = earth.design_matrix(kernel, gnss, grid)
    problem = inversion.smooth_problem(design, grid.laplacian)
    up = gnss.up.values
    sigma = gnss.up_sigma.median("time").values
    return problem, up - np.nanmean(up, axis=0), sigma


@pytest.mark.slow
def test_stations_of_the_western_us_that_components_never_saw_are_predicted(data):
    """About as well by five components as by `solve` of the observations."""
    problem, up, sigma = western_us(data)
    hidden = np.arange(up.shape[1]) % 5 == 0
    used = np.where(hidden[None, :], np.nan, up)
    miss = lambda water: np.nanstd((up - np.asarray(water.fitted))[:, hidden])
    direct = miss(inversion.solve(problem, inversion.observations(used, sigma), 0.01))
    parts = series.principal_components(used, 5, weights=1 / sigma**2)
    assert parts.converged
    assert parts.explained[0] > 0.3
    assert 0.5 < parts.explained.sum() < 0.9
    patterns = inversion.observations(parts.patterns, sigma)
    few = miss(solve_by_components(problem, patterns, 0.01, parts.amplitudes))
    assert direct < 0.8 * np.nanstd(up[:, hidden])
    assert 0.9 < few / direct < 1.1

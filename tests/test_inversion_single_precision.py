"""Records whose epochs are solved in float32 and refined, beside float64."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxload import inversion, sphere
from jaxload.inversion.hyperparameters import beta_scan
from jaxload.inversion.uncertainty import posterior

EPOCHS, ROWS = 60, 40
GRID = sphere.raster_grid(np.arange(100.0, 113), np.arange(30.0, 42))
SIGMA = np.linspace(1.5, 4.0, ROWS)
PRECISIONS = ("float64", "float32-refined")
BETAS = np.geomspace(1e-3, 0.3, 4)


@pytest.fixture(scope="module")
def displacement():
    """Of stations that begin late, fail for weeks and for days; one day has none."""
    rng = np.random.default_rng(5)
    values = 4 * rng.normal(size=(EPOCHS, ROWS)) + 3 * rng.normal(size=(EPOCHS, 1))
    for row in range(0, ROWS, 2):
        values[: rng.integers(30), row] = np.nan
        for start in rng.integers(EPOCHS, size=6):
            values[start : start + 1 + int(rng.exponential(8)), row] = np.nan
    values[rng.random(values.shape) < 0.03] = np.nan
    values[47] = np.nan
    return values


def prior_of(boundary):
    return inversion.smooth_prior(sphere.laplacian(GRID, boundary=boundary))


def problem_of(prior):
    """Stations that feel water far around them, as elastic loading lets them."""
    rng = np.random.default_rng(6)
    lon, lat = rng.uniform(100, 112, ROWS), rng.uniform(30, 41, ROWS)
    square = (lon[:, None] - GRID.lon) ** 2 + (lat[:, None] - GRID.lat) ** 2
    return inversion.prior_problem(-0.1 / np.sqrt(square + 0.5), prior)


PROBLEMS = {
    each: (prior_of(each), problem_of(prior_of(each))) for each in ("zero", "free")
}


def both(displacement, **settings):
    return {
        each: inversion.observations(displacement, SIGMA, precision=each, **settings)
        for each in PRECISIONS
    }


def condition(problem, beta):
    return np.linalg.cond(np.asarray(problem.gram) + np.diag((beta * SIGMA) ** 2))


@pytest.mark.parametrize("boundary", PROBLEMS)
@pytest.mark.parametrize("common_mode", [None, 2.0])
def test_water_and_criteria_are_those_of_float64(displacement, boundary, common_mode):
    _, problem = PROBLEMS[boundary]
    beta = 3e-3
    assert condition(problem, beta) > 1e6
    data = both(displacement, common_mode=common_mode)
    want, found = (inversion.solve(problem, data[each], beta) for each in PRECISIONS)
    np.testing.assert_array_equal(found.ok, want.ok)
    size = np.nanmax(abs(want.load))
    np.testing.assert_allclose(found.load, want.load, rtol=0, atol=1e-6 * size)
    assert not np.array_equal(found.load, want.load)
    for criterion in (inversion.leave_one_out, inversion.gcv, inversion.abic):
        np.testing.assert_allclose(criterion(found), criterion(want), rtol=1e-6)
    # Their diagonals of the inverse are not refined.
    left, out = (inversion.leave_one_out_residual(each) for each in (want, found))
    np.testing.assert_allclose(out, left, rtol=0, atol=1e-4 * np.nanmax(abs(left)))


@pytest.mark.parametrize(
    "criterion", [inversion.leave_one_out, inversion.l_curve, inversion.abic]
)
def test_a_scan_finds_the_criteria_of_float64(displacement, criterion):
    _, problem = PROBLEMS["zero"]
    data = both(displacement)
    want, found = (
        jax.tree.leaves(inversion.scan(problem, data[p], BETAS, criterion=criterion))
        for p in PRECISIONS
    )
    np.testing.assert_allclose(found, want, rtol=1e-6)
    assert not np.array_equal(found, want)


@pytest.mark.parametrize("boundary", PROBLEMS)
def test_standard_deviations_are_those_of_float64(displacement, boundary):
    prior, problem = PROBLEMS[boundary]
    data, cells = both(displacement), inversion.every_cell(problem, prior)
    sd = {}
    for each in PRECISIONS:
        factor = inversion.factorise(problem, data[each], 0.02)
        parts = inversion.stream_sd(factor, cells, member=8)
        sd[each] = np.concatenate([np.asarray(part.sd) for _, part in parts])
    want, found = (sd[each] for each in PRECISIONS)
    np.testing.assert_allclose(found, want, rtol=0, atol=1e-6 * np.nanmax(want))
    assert not np.array_equal(found, want, equal_nan=True)


def test_what_float32_cannot_solve_is_solved_in_float64_with_a_warning(
    displacement, caplog
):
    _, problem = PROBLEMS["zero"]
    beta = 1e-5
    assert condition(problem, beta) > 1e8
    data = both(displacement)
    want, found = (inversion.solve(problem, data[each], beta) for each in PRECISIONS)
    assert "the record is solved in float64" in caplog.text
    np.testing.assert_array_equal(found.load, want.load)


def test_criteria_that_float32_misses_are_evaluated_in_float64(
    displacement, caplog, monkeypatch
):
    monkeypatch.setattr(beta_scan, "TOLERANCE", 1e-14)
    _, problem = PROBLEMS["zero"]
    data = both(displacement)
    want, found = (inversion.scan(problem, data[each], BETAS) for each in PRECISIONS)
    assert "all weights are evaluated in float64" in caplog.text
    np.testing.assert_array_equal(found, want)


def test_standard_deviations_that_float32_misses_are_computed_in_float64(
    displacement, caplog, monkeypatch
):
    monkeypatch.setattr(posterior, "TOLERANCE", 1e-14)
    prior, problem = PROBLEMS["zero"]
    data, cells = both(displacement), inversion.every_cell(problem, prior)
    first = [
        next(inversion.stream_sd(inversion.factorise(problem, data[p], 0.01), cells))
        for p in PRECISIONS
    ]
    assert "of 2 blocks of epochs" in caplog.text
    found, want = (np.asarray(part.sd) for _, part in first)
    np.testing.assert_allclose(found, want, rtol=1e-12)


def test_float32_is_refined_where_one_inverse_serves_all_epochs(displacement):
    daily = np.broadcast_to(SIGMA, displacement.shape)
    for settings in ({"sigma": daily}, {"sigma": SIGMA, "share_inverse": False}):
        with pytest.raises(ValueError, match="one inverse for all epochs"):
            inversion.observations(
                displacement, precision="float32-refined", **settings
            )
    with pytest.raises(ValueError, match="precision is 'half'"):
        inversion.observations(displacement, SIGMA, precision="half")


def test_under_jit_the_type_of_the_problem_is_kept(displacement):
    _, problem = PROBLEMS["zero"]
    data = both(displacement)
    solve = jax.jit(lambda data: inversion.solve(problem, data, 0.01).load)
    np.testing.assert_array_equal(
        solve(data["float32-refined"]),
        solve(dataclasses.replace(data["float32-refined"], precision="float64")),
    )


def test_devices_share_records_in_float64(displacement):
    mesh = jax.sharding.Mesh(np.asarray(jax.devices()[:1]), ("epoch",))
    data = inversion.shard_epochs(both(displacement)["float32-refined"], mesh)
    with pytest.raises(ValueError, match="computed on one device"):
        inversion.factorise(PROBLEMS["zero"][1], data, 0.01)

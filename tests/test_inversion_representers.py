"""The load of some epochs from its coefficients, against that of the whole record."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sp

from jaxload import inversion
from jaxload.inversion.estimation.factor import data_space_inverse
from jaxload.inversion.estimation.representers import (
    Term,
    as_dense,
    functionals_of,
    load_at,
    sums_over_epochs,
)
from jaxload.inversion.estimation.robust import reweight_representers
from jaxload.inversion.principal_components import represent_components
from jaxload.inversion.problem import with_normal_matrix
from jaxload.inversion.temporal.smoothing import solve_in_time_representers

EPOCHS, ROWS, CELLS, BETA = 12, 6, 9, 0.6
CHAIN = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(CELLS, CELLS))
SLOPE = sp.diags_array([-1.0, 1.0], offsets=[0, 1], shape=(CELLS - 1, CELLS))


@pytest.fixture
def displacement(rng):
    """With gaps, and an epoch that observes nothing."""
    values = rng.normal(size=(EPOCHS, ROWS))
    values[rng.uniform(size=values.shape) < 0.2] = np.nan
    values[7] = np.nan
    return values


def problem_of(rng, operator):
    return inversion.smooth_problem(rng.normal(size=(ROWS, CELLS)), operator)


def check(got, want):
    whole = np.asarray(want.load)
    for epochs in (slice(0, 5), slice(5, EPOCHS)):
        np.testing.assert_allclose(load_at(got, epochs), whole[epochs], atol=1e-9)
    np.testing.assert_allclose(got.load, whole, atol=1e-9)
    for name in ("fitted", "ok", "common"):
        got_values, values = getattr(got, name), getattr(want, name)
        np.testing.assert_allclose(got_values, values, atol=1e-9)


@pytest.mark.parametrize("daily", [False, True])
def test_coefficients_give_the_load_of_any_epoch(daily, displacement, rng):
    problem = problem_of(rng, CHAIN)
    sigma = rng.uniform(0.5, 2, (EPOCHS, ROWS) if daily else ROWS)
    data = inversion.observations(displacement, inversion.Noise(sigma, common=0.5))
    got = inversion.solve_representers(problem, data, BETA)
    check(got, inversion.solve(problem, data, BETA))
    left = inversion.leave_one_out_residual(got)
    assert np.isfinite(left).sum() == np.isfinite(displacement).sum()
    coefficients = np.asarray(got.terms[0].coefficients)
    assert coefficients.shape == (EPOCHS, ROWS)
    np.testing.assert_array_equal(coefficients[np.isnan(displacement)], 0)


def test_free_fields_have_coefficients_of_their_own(displacement, rng):
    problem = problem_of(rng, SLOPE)
    data = inversion.observations(displacement, np.ones(ROWS))
    got = inversion.solve_representers(problem, data, BETA)
    check(got, inversion.solve(problem, data, BETA))
    # No row says what the level is on that epoch.
    np.testing.assert_array_equal(np.isnan(load_at(got, slice(7, 8))), True)
    assert [term.coefficients.shape[1] for term in got.terms] == [ROWS, 1]


def test_few_cells_are_their_own_coefficients(displacement, rng):
    problem = with_normal_matrix(problem_of(rng, CHAIN), CHAIN)
    data = inversion.observations(displacement, np.ones(ROWS))
    got = inversion.solve_representers(problem, data, BETA, method="primal")
    check(got, inversion.solve(problem, data, BETA))
    np.testing.assert_array_equal(as_dense(got.terms[0]), np.eye(CELLS))


def test_a_record_with_a_memory_has_coefficients_too(displacement, rng):
    problem = problem_of(rng, SLOPE)
    data = inversion.observations(displacement, np.ones(ROWS), share_inverse=False)
    days = np.arange("2020-01-01", EPOCHS, dtype="M8[D]")
    memory = inversion.autoregression(days, 5.0)
    got = solve_in_time_representers(problem, data, BETA, memory)
    check(got, inversion.solve_in_time(problem, data, BETA, memory))


def test_coefficients_of_components_are_their_amplitudes(rng):
    problem = problem_of(rng, CHAIN)
    patterns = inversion.observations(rng.normal(size=(3, ROWS)), np.ones(ROWS))
    amplitudes = rng.normal(size=(EPOCHS, 3))
    amplitudes[4, 1] = np.nan
    got = represent_components(problem, patterns, BETA, amplitudes)
    check(got, inversion.solve_by_components(problem, patterns, BETA, amplitudes))
    assert not got.ok[4]


def test_outliers_are_held_down_in_coefficients_too(displacement, rng):
    displacement[2, 1] = 30.0
    problem = problem_of(rng, CHAIN)
    data = inversion.observations(displacement, np.ones(ROWS))
    got, weights = reweight_representers(problem, data, BETA, inversion.Huber())
    want = inversion.reweight(problem, data, BETA, inversion.Huber())
    check(got, want.solution)
    np.testing.assert_allclose(weights, want.weights, atol=1e-9)
    assert weights[2, 1] < 0.2


def test_sums_over_cells_and_epochs_need_no_map(displacement, rng):
    problem = problem_of(rng, SLOPE)
    data = inversion.observations(displacement, np.ones(ROWS))
    got = inversion.solve_representers(problem, data, BETA)
    # A sparse term, as of a prior mean at the nodes of a raster.
    nodes = sp.csr_array(rng.normal(size=(CELLS, 2)))
    mean = Term(rng.normal(size=(EPOCHS, 2)), nodes)
    got = dataclasses.replace(got, terms=(*got.terms, mean))
    load, whole = got.load, np.asarray(got.ok)
    of_prior = np.asarray(inversion.solve(problem, data, BETA).load)
    expected = of_prior + mean.coefficients @ nodes.toarray().T
    np.testing.assert_allclose(load, expected, atol=1e-9)
    cells = rng.uniform(size=(2, CELLS))
    np.testing.assert_allclose(functionals_of(got, cells), load @ cells.T, atol=1e-9)
    epochs = rng.normal(size=(3, EPOCHS)) * whole
    expected = epochs[:, whole] @ load[whole]
    np.testing.assert_allclose(sums_over_epochs(got, epochs), expected, atol=1e-9)
    np.testing.assert_array_equal(as_dense(mean), nodes.toarray())


@pytest.mark.parametrize("operator", [CHAIN, SLOPE])
def test_blocks_of_epochs_are_solved_as_groups_are(operator, rng):
    values = rng.normal(size=(150, ROWS))
    # Outages of many days, and single days.
    values[20:90, 1], values[80:150, 4] = np.nan, np.nan
    values[rng.uniform(size=values.shape) < 0.05] = np.nan
    values[:, 5] = np.nan
    problem = problem_of(rng, operator)
    noise = inversion.Noise(np.ones(ROWS), common=0.5)
    data = inversion.observations(values, noise)
    factor = inversion.factorise(problem, data, BETA)
    shared = data_space_inverse(problem, factor.data, factor.beta)
    right = jnp.asarray(np.nan_to_num(values))
    want, got = shared._by_groups(right), shared._by_blocks(right)
    seen = np.isfinite(values)
    for name in ("multiplier", "inverse_diagonal"):
        pair = (np.asarray(getattr(x, name))[seen] for x in (got, want))
        np.testing.assert_allclose(*pair, atol=1e-10)
    np.testing.assert_allclose(got.log_determinant, want.log_determinant, atol=1e-10)

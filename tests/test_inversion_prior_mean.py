"""A prior mean has no missing values: what is not finite is refused, or makes NaN."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sp

from jaxload import inversion
from jaxload.inversion import factorise, observations
from jaxload.inversion.hyperparameters.evidence import epoch_log_evidence

EPOCHS, ROWS, CELLS = 6, 4, 5
FIXED = sp.csr_array(
    sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(CELLS, CELLS))
)
MEMORY = inversion.autoregression(np.arange(EPOCHS), 3.0)
SIGMA = np.ones(ROWS)


@pytest.fixture
def problem(rng):
    return inversion.smooth_problem(rng.normal(size=(ROWS, CELLS)), FIXED)


@pytest.fixture
def up(rng):
    return rng.normal(size=(EPOCHS, ROWS))


@pytest.fixture
def broken():
    mean = np.ones((EPOCHS, CELLS))
    mean[2, 3] = np.nan
    return mean


def solve_in_time(problem, up, sigma, beta, *, mean):
    return inversion.solve_in_time(
        problem, inversion.observations(up, sigma), beta, MEMORY, mean=mean
    )


def evidence_in_time(problem, up, sigma, beta, *, mean):
    return inversion.temporal_log_evidence(
        problem, inversion.observations(up, sigma), beta, MEMORY, mean=mean
    )


def reweight(problem, up, sigma, beta, *, mean):
    loss = inversion.Huber()
    return inversion.reweight(
        problem, inversion.observations(up, sigma), beta, loss, mean=mean
    ).solution


def bound(problem, up, sigma, beta):
    pattern = inversion.find_pattern(up)
    return problem, inversion.observations(up, sigma, pattern=pattern), beta


def log_evidence(*given, mean):
    return inversion.log_evidence(inversion.factorise(*bound(*given), mean=mean))


def abic(*given, mean):
    return inversion.abic(inversion.factorise(*bound(*given), mean=mean))


def solve(*given, mean):
    return inversion.solve(*bound(*given), mean=mean)


DENSITIES = [log_evidence, abic, evidence_in_time]
SOLUTIONS = [solve, solve_in_time, reweight]


@pytest.mark.parametrize("function", [*DENSITIES, *SOLUTIONS])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_prior_mean_that_is_not_finite_is_refused(
    function, value, problem, up, broken
):
    broken[2, 3] = value
    with pytest.raises(ValueError, match=r"mean is (nan|inf) at index \(2, 3\)"):
        function(problem, up, SIGMA, 0.5, mean=broken)


def jitted(function, problem, up):
    call = functools.partial(function, problem, up, SIGMA, 0.5)
    return jax.jit(lambda mean: call(mean=mean))


@pytest.mark.parametrize("function", DENSITIES)
def test_under_jit_the_density_of_a_mean_that_is_not_finite_is_nan(
    function, problem, up, broken
):
    run = jitted(function, problem, up)
    assert np.isnan(run(broken))
    assert np.isnan(run(np.full((EPOCHS, CELLS), np.nan)))
    assert np.isfinite(run(np.ones((EPOCHS, CELLS))))


@pytest.mark.parametrize("function", SOLUTIONS)
def test_under_jit_water_about_a_mean_that_is_not_finite_is_not_ok(
    function, problem, up, broken
):
    solution = jitted(function, problem, up)(broken)
    ok = np.asarray(solution.ok)
    # Epochs help each other in time, so that all of them are spoiled.
    want = np.arange(EPOCHS) != 2
    np.testing.assert_array_equal(ok, want & (function is not solve_in_time))
    for values in (solution.load, solution.fitted):
        np.testing.assert_array_equal(np.isfinite(values).all(axis=1), ok)
        assert not np.isfinite(np.asarray(values)[~ok]).any()
    good = jitted(function, problem, up)(np.ones((EPOCHS, CELLS)))
    np.testing.assert_allclose(
        np.asarray(solution.load)[ok], np.asarray(good.load)[ok], rtol=1e-10
    )


def test_the_evidence_of_other_epochs_keeps_its_derivative(problem, up, broken):
    def density(mean):
        gaps = inversion.find_pattern(up)
        each = epoch_log_evidence(
            factorise(problem, observations(up, SIGMA, pattern=gaps), 0.5, mean=mean)
        )
        return jnp.sum(jnp.where(np.arange(EPOCHS) != 2, each, 0))

    slope = jax.jit(jax.grad(density))(broken)
    rest = np.arange(EPOCHS) != 2
    want = jax.jit(jax.grad(density))(np.ones((EPOCHS, CELLS)))
    np.testing.assert_allclose(np.asarray(slope)[rest], np.asarray(want)[rest])


def test_known_rows_that_are_not_finite_are_refused_or_make_nan(problem, up):
    filled = up[:, 2:].copy()
    filled[1, 0] = np.nan
    call = lambda filled: inversion.given_last_rows(problem, filled, SIGMA[2:], 0.5)
    with pytest.raises(ValueError, match="known rows have no missing data"):
        call(filled)
    rest, _ = jax.jit(call)(filled)
    assert np.isnan(rest.gram).all()

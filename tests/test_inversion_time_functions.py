"""Maps of functions of time, against all epochs written out as one Gaussian."""

import jax
import numpy as np
import pytest
import scipy.sparse as sp
from jax.test_util import check_grads
from scipy.stats import multivariate_normal

from jaxload import inversion

EPOCHS, ROWS, CELLS = 6, 4, 9
BETA, AMPLITUDE = 0.7, 0.4
CHAIN = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(CELLS, CELLS))
FREE = sp.diags_array([-1.0, 1.0], offsets=[0, 1], shape=(CELLS - 1, CELLS))


@pytest.fixture
def design(rng):
    return rng.normal(size=(ROWS, CELLS))


@pytest.fixture
def displacement(rng):
    values = rng.normal(size=(EPOCHS, ROWS))
    values[1, 2] = values[3, :2] = values[4] = np.nan
    return values


@pytest.fixture
def functions():
    turn = np.linspace(0, 5, EPOCHS)
    return np.stack([np.cos(turn), np.sin(turn)], axis=1)


@pytest.fixture
def noise(rng):
    return inversion.Noise(rng.uniform(0.5, 2, (EPOCHS, ROWS)), common=0.6)


def written_out(design, noise, functions):
    """Prior covariance of the load (epoch cell), and of all data."""
    smooth = np.linalg.inv((CHAIN.T @ CHAIN).toarray())
    in_time = np.eye(EPOCHS) / BETA**2 + functions @ functions.T / AMPLITUDE**2
    prior = np.kron(in_time, smooth)
    whole = np.kron(np.eye(EPOCHS), design)
    errors = [np.diag(row**2) + noise.common for row in noise.sigma]
    covariance = whole @ prior @ whole.T
    for epoch, block in enumerate(errors):
        here = slice(ROWS * epoch, ROWS * (epoch + 1))
        covariance[here, here] += block
    return prior, prior @ whole.T, covariance


def test_maps_and_rest_are_those_of_one_gaussian(
    design, displacement, functions, noise
):
    problem = inversion.smooth_problem(design, CHAIN)
    weights = (BETA, AMPLITUDE)
    found = inversion.time_function_mean(
        problem, inversion.observations(displacement, noise), weights, functions
    )
    mean = functions @ np.asarray(found.maps)
    load = inversion.solve(
        problem, inversion.observations(displacement, noise), BETA, mean=mean
    ).load
    _, cross, covariance = written_out(design, noise, functions)
    seen = np.isfinite(displacement).ravel()
    data, block = displacement.ravel()[seen], covariance[np.ix_(seen, seen)]
    expected = cross[:, seen] @ np.linalg.solve(block, data)
    np.testing.assert_allclose(np.ravel(load), expected, rtol=1e-9, atol=1e-10)
    density = multivariate_normal(cov=block).logpdf(data)
    np.testing.assert_allclose(found.log_evidence, density, rtol=1e-10)


def test_the_variance_is_that_of_one_gaussian(
    design, displacement, functions, noise, rng
):
    problem = inversion.smooth_problem(design, CHAIN)
    means = rng.uniform(size=(3, CELLS))
    target = inversion.averages(problem, inversion.smooth_prior(CHAIN), means)
    found = inversion.time_function_variance(
        problem,
        inversion.observations(displacement, noise),
        (BETA, AMPLITUDE),
        functions,
        functionals=target,
    )
    prior, cross, covariance = written_out(design, noise, functions)
    seen = np.isfinite(displacement).ravel()
    cross, block = cross[:, seen], covariance[np.ix_(seen, seen)]
    after = prior - cross @ np.linalg.solve(block, cross.T)
    whole = np.kron(np.eye(EPOCHS), means)
    expected = np.diag(whole @ after @ whole.T).reshape(EPOCHS, 3)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_maps_that_may_not_move_leave_the_mean_at_zero(
    design, displacement, functions, noise
):
    problem = inversion.smooth_problem(design, CHAIN)
    found = inversion.time_function_mean(
        problem, inversion.observations(displacement, noise), (BETA, 1e7), functions
    )
    alone = inversion.log_evidence(
        inversion.factorise(problem, inversion.observations(displacement, noise), BETA)
    )
    np.testing.assert_allclose(found.maps, 0, atol=1e-9)
    np.testing.assert_allclose(found.log_evidence, alone, rtol=1e-10)


def test_two_receivers_at_one_place_are_no_obstacle(
    design, displacement, functions, noise
):
    twice = inversion.smooth_problem(design[[0, 0, 1, 2]], CHAIN)
    found = inversion.time_function_mean(
        twice, inversion.observations(displacement, noise), (BETA, AMPLITUDE), functions
    )
    assert np.isfinite(found.maps).all()


@pytest.mark.slow
def test_the_evidence_has_the_derivatives_of_its_weights(
    design, displacement, functions, noise
):
    problem = inversion.smooth_problem(design, CHAIN)
    evidence = jax.jit(
        lambda weights: (
            inversion.time_function_mean(
                problem, inversion.observations(displacement, noise), weights, functions
            ).log_evidence
        )
    )
    check_grads(evidence, ((BETA, AMPLITUDE),), order=1, modes=["rev"], rtol=1e-6)


def test_fields_left_free_are_refused(design, displacement, functions, noise):
    problem = inversion.smooth_problem(design, FREE)
    with pytest.raises(ValueError, match="leaves fields free"):
        inversion.time_function_mean(
            problem,
            inversion.observations(displacement, noise),
            (BETA, AMPLITUDE),
            functions,
        )

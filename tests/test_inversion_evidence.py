"""The evidence against densities written out, epoch by epoch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sp
from scipy.stats import multivariate_normal

from jaxload.inversion import factorise, find_pattern, observations
from jaxload.inversion.hyperparameters.evidence import (
    abic,
    epoch_log_evidence,
    log_evidence,
    variance_components,
)
from jaxload.inversion.linalg.saddle_point import observed_inverse
from jaxload.inversion.noise import Noise
from jaxload.inversion.prior.smoothness import smooth_problem

EPOCHS, ROWS, CELLS, BETA = 15, 7, 12, 0.6


def chain(ends):
    """Second differences in one dimension: zero beyond the ends, or free there."""
    matrix = sp.lil_array(
        sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(CELLS, CELLS))
    )
    if ends == "free":
        matrix[0, 0] = matrix[-1, -1] = 1.0
    return sp.csr_array(matrix)


@pytest.fixture
def design(rng):
    return rng.normal(size=(ROWS, CELLS))


@pytest.fixture
def displacement(rng):
    """An epoch without data, one with a single observation, and others."""
    values = rng.normal(size=(EPOCHS, ROWS))
    for row in values[3:]:
        row[rng.permutation(ROWS)[:3]] = np.nan
    values[3] = np.nan
    values[4, 1:] = np.nan
    values[4, 0] = 0.5
    return values


@pytest.fixture
def noise(rng):
    distance = abs(np.arange(ROWS)[:, None] - np.arange(ROWS))
    correlation = 0.5 * np.eye(ROWS) + 0.5 * np.exp(-distance / 3.0)
    return Noise(rng.uniform(0.5, 2.0, size=ROWS), correlation, 0.7)


def covariance(design, operator, noise, beta):
    """Of all rows of an epoch, its matrices written out."""
    sigma = np.diag(noise.sigma)
    prior = np.linalg.pinv((operator.T @ operator).toarray(), rcond=1e-10)
    own = sigma @ noise.correlation @ sigma + noise.common
    return design @ prior @ design.T / beta**2 + own


def test_the_evidence_is_the_density_of_each_epoch(design, displacement, noise, rng):
    problem = smooth_problem(design, chain("zero"))
    mean = rng.normal(size=(EPOCHS, CELLS))
    got = epoch_log_evidence(
        factorise(problem, observations(displacement, noise), BETA, mean=mean)
    )
    whole = covariance(design, chain("zero"), noise, BETA)
    for epoch, row in enumerate(displacement):
        seen = np.flatnonzero(np.isfinite(row))
        if not len(seen):
            assert abs(got[epoch]) < 1e-9
            continue
        expected = design[seen] @ mean[epoch]
        want = multivariate_normal.logpdf(
            row[seen], expected, whole[np.ix_(seen, seen)]
        )
        np.testing.assert_allclose(got[epoch], want, rtol=1e-9)
    together = log_evidence(
        factorise(problem, observations(displacement, noise), BETA, mean=mean)
    )
    np.testing.assert_allclose(together, np.sum(got), rtol=1e-12)
    score = abic(factorise(problem, observations(displacement, noise), BETA, mean=mean))
    np.testing.assert_allclose(score, 2 - 2 * together, rtol=1e-12)


def test_with_a_free_level_it_is_the_density_of_contrasts(design, displacement, noise):
    problem = smooth_problem(design, chain("free"))
    got = epoch_log_evidence(
        factorise(problem, observations(displacement, noise), BETA)
    )
    whole = covariance(design, chain("free"), noise, BETA)
    level = design @ np.ones((CELLS, 1))
    for epoch, row in enumerate(displacement):
        seen = np.flatnonzero(np.isfinite(row))
        if len(seen) < 2:
            assert got[epoch] == 0
            continue
        contrast = scipy.linalg.null_space(level[seen].T)
        inner = contrast.T @ whole[np.ix_(seen, seen)] @ contrast
        want = multivariate_normal.logpdf(contrast.T @ row[seen], cov=inner)
        np.testing.assert_allclose(got[epoch], want, rtol=1e-8)


def test_noise_that_changes_in_time_changes_each_density(design, displacement, rng):
    problem = smooth_problem(design, chain("zero"))
    sigma = rng.uniform(0.5, 2, size=displacement.shape)
    common = rng.uniform(0, 1, size=EPOCHS)
    got = epoch_log_evidence(
        factorise(problem, observations(displacement, Noise(sigma, None, common)), BETA)
    )
    for epoch in range(5, EPOCHS):
        here = Noise(sigma[epoch], np.eye(ROWS), common[epoch])
        whole = covariance(design, chain("zero"), here, BETA)
        seen = np.flatnonzero(np.isfinite(displacement[epoch]))
        want = multivariate_normal.logpdf(
            displacement[epoch, seen], cov=whole[np.ix_(seen, seen)]
        )
        np.testing.assert_allclose(got[epoch], want, rtol=1e-9)


@pytest.mark.slow
def test_an_epoch_that_says_nothing_leaves_the_gradient_alone(design, displacement):
    """With a free level that is an epoch without data, or with a single observation."""
    problem = smooth_problem(design, chain("free"))
    gaps, sigma = find_pattern(displacement), jnp.ones(ROWS)
    at = lambda beta, d, g: log_evidence(
        factorise(problem, observations(d, sigma, pattern=g), beta)
    )
    got = jax.grad(at)(BETA, displacement, gaps)
    rest = np.delete(displacement, [3, 4], axis=0)
    want = jax.grad(at)(BETA, rest, find_pattern(rest))
    np.testing.assert_allclose(got, want, rtol=1e-9)
    assert np.isfinite(got)


def drawn(design, truth, sigma, rng, epochs=400, ends="zero"):
    """Data from the model itself, one of an epoch's missing."""
    root = np.linalg.pinv(chain(ends).toarray())
    load = rng.normal(size=(epochs, CELLS)) @ root.T / truth
    values = load @ design.T + sigma * rng.normal(size=(epochs, len(sigma)))
    values[np.arange(epochs), rng.integers(0, len(sigma), size=epochs)] = np.nan
    return values


@pytest.mark.slow
@pytest.mark.parametrize("ends", ["zero", "free"])
def test_variance_components_are_where_the_evidence_is_largest(ends, rng):
    """The restricted likelihood is flat in all factors where they stand still."""
    design = rng.normal(size=(ROWS, CELLS))
    problem = smooth_problem(design, chain(ends))
    groups, sigma = np.array([0, 0, 0, 0, 1, 1, 1]), np.full(ROWS, 1.5)
    true_sigma = np.where(groups == 0, 0.5, 2.0)
    data = drawn(design, 0.8, true_sigma, rng, ends=ends)
    data[0] = np.nan
    found = variance_components(
        problem, observations(data, sigma), groups=groups, beta=3.0, tolerance=1e-8
    )
    assert found.converged
    gaps = find_pattern(data)

    def at(logs):
        changed = jnp.asarray(found.sigma) * jnp.exp(logs[1:])[groups]
        beta = found.beta * jnp.exp(logs[0])
        return log_evidence(
            factorise(problem, observations(data, changed, pattern=gaps), beta)
        )

    slope = jax.grad(at)(jnp.zeros(3))
    np.testing.assert_allclose(slope, 0, atol=1e-4)
    np.testing.assert_allclose(found.sigma, sigma * found.factor[groups])
    if ends == "zero":
        np.testing.assert_allclose(found.sigma, true_sigma, rtol=0.15)
        assert abs(np.log(found.beta / 0.8)) < 0.15


def test_variance_components_take_sigma_that_changes_in_time(design, rng):
    problem = smooth_problem(design, chain("zero"))
    shape = rng.uniform(0.8, 1.2, size=(400, ROWS))
    data = drawn(design, 0.8, np.ones(ROWS), rng)
    found = variance_components(problem, observations(data, 3 * shape), beta=0.3)
    assert found.converged
    assert found.sigma.shape == shape.shape
    assert abs(np.log(3 * found.factor[0])) < 0.15


def test_an_estimate_that_does_not_converge_says_so(design, rng):
    problem = smooth_problem(design, chain("zero"))
    data = drawn(design, 0.8, np.ones(ROWS), rng, epochs=30)
    found = variance_components(
        problem, observations(data, np.ones(ROWS)), tolerance=-1.0
    )
    assert not found.converged


ERRORS = {
    "correlated": ({"sigma": Noise(np.ones(ROWS), common=1.0)}, "independent rows"),
    "groups of another network": ({"groups": np.array([0, 1])}, "groups has shape"),
    "a group without rows": ({"groups": np.full(ROWS, 1)}, "belongs to group 0"),
    "named groups": ({"groups": np.full(ROWS, 0.5)}, "whole number"),
    "beta zero": ({"beta": 0.0}, "beta is 0"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_wrong_is_named(name, design, displacement):
    change, message = ERRORS[name]
    problem = smooth_problem(design, chain("zero"))
    settings = {"sigma": np.ones(ROWS)} | change
    data = observations(displacement, settings.pop("sigma"))
    with pytest.raises(ValueError, match=message):
        variance_components(problem, data, **settings)


@pytest.mark.parametrize("missing", [0, 1, 3])
def test_the_inverse_of_observed_rows_is_that_of_their_block(rng, missing):
    root = rng.normal(size=(5, 8))
    matrix, seen = root @ root.T, np.arange(5) >= missing
    inverted, log_determinant = observed_inverse(matrix, seen)
    block = matrix[np.ix_(seen, seen)]
    np.testing.assert_allclose(
        inverted[np.ix_(seen, seen)], np.linalg.inv(block), rtol=1e-9
    )
    assert not inverted[~seen].any()
    assert not inverted[:, ~seen].any()
    np.testing.assert_allclose(log_determinant, np.linalg.slogdet(block)[1], rtol=1e-9)

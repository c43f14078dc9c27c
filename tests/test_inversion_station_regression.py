"""Amplitudes of known series of stations, against one dense Gaussian of all data."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.stats import multivariate_normal

from jaxload import inversion
from jaxload.inversion.estimation.eliminated_systems import is_eliminated

EPOCHS, ROWS, CELLS = 40, 5, 9
BETA = 0.7
PRIOR = inversion.AmplitudePrior(sd=0.6, mean=0.2)
CHAIN = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(CELLS, CELLS))


@pytest.fixture
def problem(rng):
    return inversion.smooth_problem(rng.normal(size=(ROWS, CELLS)), CHAIN)


@pytest.fixture
def displacement(rng):
    values = rng.normal(size=(EPOCHS, ROWS))
    values[rng.random(values.shape) < 0.2] = np.nan
    values[:15, 2] = values[7] = np.nan
    return values


@pytest.fixture
def warmth(rng, displacement):
    series = rng.normal(size=(EPOCHS, ROWS)) + np.sin(np.arange(EPOCHS) / 5)[:, None]
    return np.where(np.isfinite(displacement), series, np.nan)


@pytest.fixture(params=["the same every day", "of its day"])
def noise(request, rng):
    shape = (EPOCHS, ROWS) if request.param == "of its day" else (ROWS,)
    return inversion.Noise(rng.uniform(0.5, 2, shape), common=0.6)


class Dense:
    """Load, amplitudes and data as one Gaussian."""

    def __init__(self, problem, displacement, noise, warmth, prior=PRIOR):
        smooth = np.linalg.inv((CHAIN.T @ CHAIN).toarray()) / BETA**2
        design = np.asarray(problem.design)
        sigma = np.broadcast_to(noise.sigma, displacement.shape)
        load = np.kron(np.eye(EPOCHS), smooth)
        response = np.kron(np.eye(EPOCHS), design)
        known = np.nan_to_num(warmth)
        moves = np.concatenate([np.diag(row) for row in known])
        errors = np.kron(np.eye(EPOCHS), np.full((ROWS, ROWS), noise.common))
        errors += np.diag(sigma.ravel() ** 2)
        self.seen = np.isfinite(displacement).ravel()
        self.data = (displacement - known * prior.mean).ravel()[self.seen]
        both = np.hstack([response, moves])[self.seen]
        size = load.shape[0]
        self.prior = np.zeros((size + ROWS, size + ROWS))
        self.prior[:size, :size] = load
        self.prior[size:, size:] = prior.sd**2 * np.eye(ROWS)
        cross = self.prior @ both.T
        block = np.ix_(self.seen, self.seen)
        self.held = response[self.seen] @ load @ response[self.seen].T + errors[block]
        self.covariance = both @ cross + errors[block]
        self.gain = np.linalg.solve(self.covariance, cross.T).T
        self.mean = self.gain @ self.data
        self.posterior = self.prior - self.gain @ cross.T


def test_amplitudes_and_load_are_those_of_one_gaussian(
    problem, displacement, noise, warmth, rng
):
    data = inversion.observations(displacement, noise)
    found = inversion.station_amplitudes(problem, data, BETA, warmth, prior=PRIOR)
    dense = Dense(problem, displacement, noise, warmth)
    expected = PRIOR.mean + dense.mean[-ROWS:]
    np.testing.assert_allclose(found.amplitude, expected, rtol=1e-9, atol=1e-10)
    covariance = dense.posterior[-ROWS:, -ROWS:]
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-9, atol=1e-10)
    corrected = displacement - warmth * found.amplitude
    weights = rng.uniform(size=(2, CELLS))
    target = inversion.averages(problem, inversion.smooth_prior(CHAIN), weights)
    factor = inversion.factorise(
        problem, inversion.observations(corrected, noise), BETA
    )
    of_epochs = np.kron(np.eye(EPOCHS), weights)
    size = EPOCHS * CELLS
    means = of_epochs @ dense.mean[:size]
    found_means = np.ravel(inversion.posterior_mean(factor, target))
    np.testing.assert_allclose(found_means, means, rtol=1e-8, atol=1e-9)
    added = inversion.amplitude_variance(
        problem, data, BETA, warmth, covariance=found.covariance, functionals=target
    )
    known = np.asarray(inversion.posterior_sd(factor, target).sd) ** 2
    variance = np.diag(of_epochs @ dense.posterior[:size, :size] @ of_epochs.T)
    np.testing.assert_allclose((known + added).ravel(), variance, rtol=1e-8)
    with_term, without = (
        multivariate_normal(cov=matrix).logpdf(dense.data)
        for matrix in (dense.covariance, dense.held)
    )
    assert found.evidence_gain == pytest.approx(with_term - without, rel=1e-8)


def test_sums_over_eliminated_gaps_are_those_of_single_epochs(
    problem, displacement, warmth, rng
):
    noise = inversion.Noise(rng.uniform(0.5, 2, ROWS))
    of_spans = inversion.observations(displacement, noise)
    alone = inversion.observations(displacement, noise, share_inverse=False)
    assert is_eliminated(of_spans, problem)
    assert not is_eliminated(alone, problem)
    found, expected = (
        inversion.station_amplitudes(problem, data, BETA, warmth, prior=PRIOR)
        for data in (of_spans, alone)
    )
    np.testing.assert_allclose(found.covariance, expected.covariance, rtol=1e-10)
    np.testing.assert_allclose(found.amplitude, expected.amplitude, rtol=1e-10)


def test_a_prior_without_spread_holds_its_mean(problem, displacement, warmth):
    data = inversion.observations(displacement, np.ones(ROWS))
    held = inversion.AmplitudePrior(sd=0.0, mean=0.3)
    found = inversion.station_amplitudes(problem, data, BETA, warmth, prior=held)
    np.testing.assert_array_equal(found.amplitude, 0.3)
    np.testing.assert_array_equal(found.sd, 0)
    assert found.evidence_gain == 0


def test_a_series_that_ends_before_the_data_is_refused(problem, displacement, warmth):
    warmth[30:] = np.nan
    data = inversion.observations(displacement, np.ones(ROWS))
    with pytest.raises(ValueError, match="series is not finite at"):
        inversion.station_amplitudes(problem, data, BETA, warmth, prior=PRIOR)


def test_free_fields_of_the_prior_are_refused(rng, displacement, warmth):
    free = sp.diags_array([-1.0, 1.0], offsets=[0, 1], shape=(CELLS - 1, CELLS))
    problem = inversion.smooth_problem(rng.normal(size=(ROWS, CELLS)), free)
    data = inversion.observations(displacement, np.ones(ROWS))
    with pytest.raises(ValueError, match="leaves fields free"):
        inversion.station_amplitudes(problem, data, BETA, warmth, prior=PRIOR)

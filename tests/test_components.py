"""Principal components against the SVD, the likelihood and least squares."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from jaxload import series

EPOCHS, STATIONS, COUNT = 150, 12, 2
TIGHT = series.Expectation(tolerance=1e-10)


@pytest.fixture
def whole(rng):
    """Two components, noise, a mean, and stations of different size."""
    shared = rng.normal(size=(EPOCHS, COUNT)) @ rng.normal(size=(COUNT, STATIONS))
    noise = 0.4 * rng.normal(size=(EPOCHS, STATIONS))
    return 3 * shared + noise + rng.normal(size=STATIONS)


@pytest.fixture
def gapped(whole, rng):
    values = whole.copy()
    values[rng.random(values.shape) < 0.2] = np.nan
    values[20:110, 3] = np.nan
    return values


@pytest.fixture
def weights(rng):
    return rng.uniform(0.2, 3.0, size=(EPOCHS, STATIONS))


def svd(values, count):
    mean = values.mean(axis=0)
    left, size, right = np.linalg.svd(values - mean, full_matrices=False)
    return mean + (left[:, :count] * size[:count]) @ right[:count], size**2


def test_without_gaps_they_are_the_singular_vectors(whole):
    parts = series.principal_components(whole, COUNT)
    want, variance = svd(whole, COUNT)
    np.testing.assert_allclose(series.reconstructed(parts), want, atol=1e-10)
    np.testing.assert_allclose(parts.explained, (variance / variance.sum())[:COUNT])
    moment = parts.amplitudes.T @ parts.amplitudes / EPOCHS
    np.testing.assert_allclose(moment, np.eye(COUNT), atol=1e-10)
    np.testing.assert_allclose(
        parts.noise, variance[COUNT:].sum() / EPOCHS / (STATIONS - COUNT)
    )
    largest = np.argmax(abs(np.asarray(parts.patterns)), axis=1)
    assert (parts.patterns[np.arange(COUNT), largest] > 0).all()
    assert parts.converged


def log_likelihood(parameters, values, weights):
    """Of what was observed, epoch by epoch, with dense covariances."""
    mean, root, noise = parameters
    total = 0.0
    for row, weight in zip(values, weights):
        seen = np.flatnonzero(np.isfinite(row))
        own = np.diag(noise / weight[seen])
        covariance = root[seen] @ root[seen].T + own
        residual = row[seen] - mean[seen]
        total -= np.linalg.slogdet(covariance)[1] / 2
        total -= residual @ np.linalg.solve(covariance, residual) / 2
    return total


def parameters_of(parts, values, weights):
    """Mean, W and noise: patterns hold the noise along them too."""
    parts = jax.tree.map(np.asarray, parts)
    scale = np.sqrt(np.where(np.isfinite(values), weights, 0).max(axis=0))
    variance = np.sum((scale * parts.patterns) ** 2, axis=1)
    root = (parts.patterns * np.sqrt(1 - parts.noise / variance)[:, None]).T
    return parts.mean, root, parts.noise


@pytest.mark.parametrize("weighted", [False, True])
def test_with_gaps_and_weights_any_other_model_is_less_likely(
    gapped, weights, weighted, rng
):
    weights = weights if weighted else np.ones_like(weights)
    values = gapped
    parts = series.principal_components(values, COUNT, weights=weights, settings=TIGHT)
    assert parts.converged
    best = parameters_of(parts, values, weights)
    most = log_likelihood(best, values, weights)
    for _ in range(20):
        other = [x * (1 + 1e-3 * rng.choice([-1, 1], size=np.shape(x))) for x in best]
        assert log_likelihood(other, values, weights) < most
    for factor in (1.001, 0.999):
        other = *best[:2], factor * best[2]
        assert log_likelihood(other, values, weights) < most


def test_weights_of_stations_are_weights_of_their_observations(gapped, weights):
    once = series.principal_components(gapped, COUNT, weights=weights[0])
    each = np.broadcast_to(weights[0], gapped.shape)
    daily = series.principal_components(gapped, COUNT, weights=each)
    np.testing.assert_allclose(once.patterns, daily.patterns, rtol=1e-12)


def least_squares(values, count, weights):
    """Alternating least squares in NumPy: the misfit that nothing falls below."""
    seen = np.isfinite(values)
    weights, data = np.where(seen, weights, 0), np.where(seen, values, 0)
    patterns = np.linalg.svd(data, full_matrices=False)[2][:count]
    for _ in range(300):
        amplitudes = np.stack(
            [
                scipy.linalg.lstsq(np.sqrt(w)[:, None] * patterns.T, np.sqrt(w) * d)[0]
                for w, d in zip(weights, data)
            ]
        )
        patterns = np.stack(
            [
                scipy.linalg.lstsq(np.sqrt(w)[:, None] * amplitudes, np.sqrt(w) * d)[0]
                for w, d in zip(weights.T, data.T)
            ],
            axis=1,
        )
    return np.sum(weights * (data - amplitudes @ patterns) ** 2)


@pytest.mark.slow
def test_without_noise_they_are_weighted_least_squares(gapped, weights):
    values, used = gapped[:60] - np.nanmean(gapped[:60], axis=0), weights[:60]
    settings = series.Expectation(center=False, noise=0.0, tolerance=1e-9)
    parts = series.principal_components(values, COUNT, weights=used, settings=settings)
    misfit = np.nansum(used * (values - series.reconstructed(parts)) ** 2)
    np.testing.assert_allclose(misfit, least_squares(values, COUNT, used), rtol=1e-4)
    np.testing.assert_array_equal(parts.mean, 0)


def test_gaps_of_a_field_of_low_rank_are_filled(rng):
    truth = rng.normal(size=(EPOCHS, COUNT)) @ rng.normal(size=(COUNT, STATIONS))
    values = np.where(rng.random(truth.shape) < 0.3, np.nan, truth)
    parts = series.principal_components(values, COUNT, settings=TIGHT)
    np.testing.assert_allclose(series.reconstructed(parts), truth, atol=1e-4)


@pytest.mark.slow
def test_errors_of_patterns_are_what_they_are_said_to_be(rng):
    epochs, stations = 400, 60
    amplitude = rng.normal(size=epochs)
    amplitude = (amplitude - amplitude.mean()) / amplitude.std()
    pattern, sigma = rng.uniform(1, 3, stations), rng.uniform(0.5, 4, stations)
    values = amplitude[:, None] * pattern + sigma * rng.normal(size=(epochs, stations))
    values[rng.random(values.shape) < 0.5] = np.nan
    parts = series.principal_components(values, 1, weights=1 / sigma**2)
    score = (parts.patterns[0] - pattern) / parts.sigma[0]
    assert 0.8 < np.sqrt(np.mean(score**2)) < 1.25
    np.testing.assert_allclose(parts.noise, 1, rtol=0.05)


@pytest.mark.slow
def test_what_was_never_observed_is_not_a_number_and_changes_nothing(gapped):
    want = series.principal_components(gapped, COUNT)
    more = np.insert(np.insert(gapped, 4, np.nan, axis=0), 5, np.nan, axis=1)
    got = series.principal_components(more, COUNT)
    assert np.isnan(got.patterns[:, 5]).all()
    assert np.isnan(got.mean[5])
    np.testing.assert_array_equal(got.amplitudes[4], 0)
    np.testing.assert_allclose(np.delete(got.patterns, 5, 1), want.patterns, atol=1e-9)
    np.testing.assert_allclose(np.delete(got.amplitudes, 4, 0), want.amplitudes, 1e-7)
    np.testing.assert_allclose(got.noise, want.noise, rtol=1e-9)


def test_float32_and_jit_give_the_same(gapped):
    want = series.principal_components(gapped, COUNT)
    fit = jax.jit(lambda values: series.principal_components(values, COUNT))
    got = fit(gapped.astype(np.float32))
    assert got.patterns.dtype == got.sigma.dtype == got.noise.dtype == jnp.float32
    np.testing.assert_allclose(got.patterns, want.patterns, atol=1e-3)
    assert got.converged


def test_as_many_components_as_a_share_of_variance_needs(gapped):
    share = float(series.principal_components(gapped, COUNT).explained.sum()) - 0.01
    parts = series.principal_components(gapped, share)
    assert len(parts.explained) == COUNT
    assert parts.explained[:-1].sum() < share < parts.explained.sum()


def test_a_common_mode_is_removed_and_a_local_one_is_left(rng):
    common = 3 * rng.normal(size=(EPOCHS, 1)) * rng.uniform(0.8, 1.2, STATIONS)
    local = np.zeros((EPOCHS, STATIONS))
    local[:, 2] = 1.5 * rng.normal(size=EPOCHS)
    values = common + local + 0.1 * rng.normal(size=common.shape)
    values[rng.random(values.shape) < 0.2] = np.nan
    left = values - series.common_mode(series.principal_components(values, COUNT))
    want = np.where(np.isnan(values), np.nan, local)
    assert np.nanstd(left - want) < 0.1 * np.nanstd(common)
    alone = series.common_mode(series.principal_components(local + 0 * values, 1))
    np.testing.assert_array_equal(alone, 0)


def test_a_stack_is_the_weighted_mean_of_what_is_there(gapped, weights):
    gapped[7, 2:] = np.nan
    got = series.stacked_mode(gapped, weights=weights)
    used = np.where(np.isfinite(gapped), weights, np.nan)
    residual = gapped - np.nansum(used * gapped, axis=0) / np.nansum(used, axis=0)
    want = np.nansum(used * residual, axis=1) / np.nansum(used, axis=1)
    want[7] = np.nan
    np.testing.assert_allclose(got, np.repeat(want[:, None], STATIONS, 1), atol=1e-12)


ERRORS = {
    "none": (
        lambda v: series.principal_components(v, 0),
        "count is 0, expected 1 to 12",
    ),
    "too many": (lambda v: series.principal_components(v, 13), "count is 13"),
    "not whole": (lambda v: series.principal_components(v, 2.5), "count is 2.5"),
    "weights of another": (
        lambda v: series.principal_components(v, 1, weights=np.ones(3)),
        "'station'",
    ),
    "negative weight": (
        lambda v: series.principal_components(v, 1, weights=-np.ones(STATIONS)),
        "weights holds -1",
    ),
    "share under jit": (
        lambda v: jax.jit(lambda x: series.principal_components(x, 0.5))(v),
        "under jit",
    ),
    "noise": (lambda _: series.Expectation(noise=-1.0), "noise is -1"),
    "tolerance": (lambda _: series.Expectation(tolerance=0.0), "tolerance is 0"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_wrong_is_named(name, whole):
    call, message = ERRORS[name]
    with pytest.raises(ValueError, match=message):
        call(whole)

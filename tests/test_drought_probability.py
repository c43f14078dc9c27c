"""Classes of drought have the probabilities that the errors of storage give them."""

import numpy as np
import pytest
import scipy.stats

from jaxload import evaluate

YEARS = 15
MONTH = np.tile(np.arange(1, 13), YEARS)


@pytest.fixture
def storage(rng):
    season = 80 * np.cos(2 * np.pi * MONTH / 12)
    return season + rng.normal(0, 12, len(MONTH)).cumsum()


def dense_covariance(sd, weights, days, memory):
    correlation = np.exp(-abs(days[:, None] - days) / memory)
    return weights @ (sd[:, None] * correlation * sd) @ weights.T


def test_errors_with_a_memory_are_those_of_the_dense_covariance(rng):
    days = np.sort(rng.choice(400, 300, replace=False)).astype(float)
    sd = rng.uniform(2, 5, 300)
    weights = rng.uniform(size=(13, 300)) * (rng.uniform(size=(13, 300)) < 0.1)
    covariance = evaluate.mean_covariance(sd, weights, days, 20.0)
    expected = dense_covariance(sd, weights, days, 20.0)
    np.testing.assert_allclose(covariance, expected, rtol=1e-10)
    independent = evaluate.mean_covariance(sd, weights, days)
    np.testing.assert_allclose(independent, (weights * sd**2) @ weights.T, rtol=1e-12)


def test_independent_days_average_out_and_a_long_memory_does_not():
    days, weights = np.arange(30.0), np.full((1, 30), 1 / 30)
    sd = np.full(30, 6.0)
    alone = evaluate.mean_covariance(sd, weights, days)[0, 0]
    assert np.sqrt(alone) == pytest.approx(6 / np.sqrt(30))
    shared = evaluate.mean_covariance(sd, weights, days, 1e9)[0, 0]
    assert np.sqrt(shared) == pytest.approx(6, rel=1e-6)


def test_draws_have_the_mean_and_covariance_they_are_of(rng):
    root = rng.normal(size=(5, 5))
    covariance, mean = root @ root.T, np.arange(5.0)
    mean[2] = np.nan
    draws = evaluate.normal_draws(mean, covariance, 40_000, seed=3)
    assert np.isnan(draws[2]).all()
    rows = [0, 1, 3, 4]
    np.testing.assert_allclose(draws[rows].mean(axis=1), mean[rows], atol=0.1)
    part = covariance[np.ix_(rows, rows)]
    np.testing.assert_allclose(np.cov(draws[rows]), part, atol=0.03 * part.max())
    with pytest.raises(ValueError, match="covariance is not positive"):
        evaluate.normal_draws(np.zeros(2), [[1.0, 2.0], [2.0, 1.0]], 10)
    with pytest.raises(ValueError, match="covariance has shape"):
        evaluate.normal_draws(np.zeros(2), np.eye(3), 10)


@pytest.mark.parametrize("kind", ["severity", "ranks"])
def test_draws_have_the_exact_probabilities_of_a_climatology_from_elsewhere(
    kind, storage, rng
):
    longer = storage + rng.normal(0, 20, len(storage))
    mean, month, sd = storage[60:84], MONTH[60:84], np.full(24, 15.0)
    draws = evaluate.normal_draws(mean, sd, 20_000)
    if kind == "severity":
        normal = evaluate.climatology(longer, MONTH)
        limiting = evaluate.limiting_severity(normal, month)
        columns = (draws - np.asarray(normal.mean)[month - 1, None]) / np.asarray(
            normal.sd
        )[month - 1, None]
    else:
        record = evaluate.MonthlyRecord(longer, MONTH)
        limiting = evaluate.limiting_storage(month, 1, record)
        others = evaluate.MonthlyRecord(longer[:, None], MONTH)
        columns = evaluate.standardised_index(draws, month, 1, others)
    exact = evaluate.class_probabilities(mean, sd, limiting)
    shares = evaluate.class_frequencies(columns)
    np.testing.assert_allclose(exact.sum(axis=0), 1, rtol=1e-12)
    np.testing.assert_allclose(shares, exact, atol=0.015)
    by_scipy = scipy.stats.norm.cdf(limiting[0], mean, sd)
    np.testing.assert_allclose(1 - exact[0], by_scipy, atol=1e-12)


def test_a_storage_without_error_has_one_class():
    limiting = np.array([[-10.0, -10], [-20, -20], [-30, -30], [-40, -np.inf]])
    exact = evaluate.class_probabilities([-25.0, np.nan], [0.0, 1.0], limiting)
    np.testing.assert_array_equal(exact[:, 0], [0, 0, 1, 0, 0])
    assert np.isnan(exact[:, 1]).all()


def test_months_without_an_index_have_no_shares():
    draws = np.array([[-1.0, -3.0, 0.0, -0.9], [np.nan] * 4])
    shares = evaluate.class_frequencies(draws)
    np.testing.assert_array_equal(shares[:, 0], [0.25, 0.5, 0, 0, 0.25])
    assert np.isnan(shares[:, 1]).all()


def test_an_event_is_described_by_the_spells_that_overlap_it():
    """Four draws: earlier and broken, none, as it is, and longer than its record."""
    draws = np.zeros((8, 4))
    draws[1:4, 0], draws[5, 0] = -1.0, -2.0
    draws[0, 1] = -1.0
    draws[3:6, 2] = -1.5
    draws[4:, 3] = -3.0
    event = evaluate.DroughtEvent(3, 6, 4, -4.0, -1.6, "severe")
    about = evaluate.event_uncertainties(draws, [event])[0]
    assert about.probability == 0.75
    np.testing.assert_allclose(about.start, np.quantile([1, 3, 4], [0.05, 0.5, 0.95]))
    np.testing.assert_allclose(about.stop, np.quantile([6, 6, 8], [0.05, 0.5, 0.95]))
    least, total = [-2, -1.5, -3], [-5, -4.5, -12]
    np.testing.assert_allclose(about.least, np.quantile(least, [0.05, 0.5, 0.95]))
    np.testing.assert_allclose(about.severity, np.quantile(total, [0.05, 0.5, 0.95]))
    longer = evaluate.event_uncertainties(draws, [event], least_months=4)[0]
    assert longer.probability == 0.5
    none = evaluate.event_uncertainties(draws[:, 1:2], [event])[0]
    assert none.probability == 0
    assert np.isnan(none.start).all()


def test_a_known_drought_is_dated_within_its_interval(rng):
    """Of eighty noisy records of one drought, nine in ten intervals hold its start."""
    truth = np.where(np.arange(180) // 12 == 7, -60.0, 0.0)
    truth += rng.normal(0, 15, 180)
    longer = rng.normal(0, 25, 180)
    normal = evaluate.climatology(longer, MONTH)
    level = np.asarray(normal.mean)[MONTH - 1], np.asarray(normal.sd)[MONTH - 1]
    sd = 8.0
    held = []
    exact = evaluate.drought_events((truth - level[0]) / level[1], least_months=6)[0]
    for seed in range(80):
        seen = truth + rng.normal(0, sd, 180)
        index = (seen - level[0]) / level[1]
        events = evaluate.drought_events(index, least_months=4)
        event = max(events, key=lambda one: one.months)
        draws = evaluate.normal_draws(seen, np.full(180, sd), 200, seed)
        draws = (draws - level[0][:, None]) / level[1][:, None]
        about = evaluate.event_uncertainties(draws, [event])[0]
        held.append(about.start[0] <= exact.start <= about.start[2])
    assert np.mean(held) > 0.85


def test_probabilities_hold_as_often_as_they_promise():
    """Storage is known by its posterior, whose errors have a memory of two months."""
    months, sd = 10 * 12, 9.0
    lag = abs(np.arange(months)[:, None] - np.arange(months))
    prior = 15.0**2 * np.exp(-lag / 6)
    noise = sd**2 * np.exp(-lag / 2)
    gain = np.linalg.solve(prior + noise, prior).T
    covariance = prior - gain @ prior
    covariance = (covariance + covariance.T) / 2
    calendar = np.arange(months) % 12 + 1
    promised, dry = [], []
    for seed in range(40):
        truth = evaluate.normal_draws(np.zeros(months), prior, 1, 2 * seed)[:, 0]
        error = evaluate.normal_draws(np.zeros(months), noise, 1, 2 * seed + 1)[:, 0]
        draws = evaluate.normal_draws(gain @ (truth + error), covariance, 100, seed)
        index = evaluate.standardised_index(draws, calendar, 3)[2:]
        promised.append(1 - evaluate.class_frequencies(index)[0])
        dry.append(evaluate.standardised_index(truth, calendar, 3)[2:] <= -0.8)
    promised, dry = np.concatenate(promised), np.concatenate(dry)
    for low, high in ((0, 0.1), (0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.95)):
        some = (promised >= low) & (promised < high)
        assert some.sum() > 200
        assert dry[some].mean() == pytest.approx(promised[some].mean(), abs=0.06)

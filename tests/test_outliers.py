"""Outliers and running filters against plain NumPy."""

import numpy as np
import pytest

from jaxload import series

YEARS = 2010 + np.arange(700) / 365.25


@pytest.fixture
def noisy(rng):
    values = rng.normal(size=(700, 3)) + 6 * np.cos(2 * np.pi * YEARS)[:, None]
    values[rng.random(values.shape) < 0.2] = np.nan
    values[100:140, 1] = np.nan
    return values


@pytest.fixture
def spoiled(noisy):
    bad = np.zeros(noisy.shape, bool)
    bad[[50, 51, 300, 600], 0] = True
    bad[[10, 699], 1] = True
    bad &= np.isfinite(noisy)
    return np.where(bad, noisy + 30, noisy), bad


@pytest.mark.parametrize(
    "settings",
    [
        series.Rejection(limit=4.5),
        series.Rejection("iqr", limit=3.5),
        series.Rejection(limit=5, window=41),
        series.Rejection("iqr", limit=5, window=41),
    ],
    ids=["sigma", "iqr", "sigma, median", "iqr, median"],
)
def test_what_was_spoiled_goes_and_nothing_else(spoiled, settings):
    values, bad = spoiled
    got = series.reject_outliers(values, YEARS, settings=settings)
    np.testing.assert_array_equal(got.rejected, bad)
    np.testing.assert_array_equal(got.count, bad.sum(axis=0))
    np.testing.assert_array_equal(got.values, np.where(bad, np.nan, values))
    assert got.iterations > 1


def test_three_sigma_is_iterated_as_by_hand(noisy):
    bad = (np.arange(700) % 97 == 0) | (np.arange(700) < 15)
    values = noisy + 40 * bad[:, None]
    got = series.reject_outliers(values, YEARS)
    turns = 2 * np.pi * YEARS
    basis = [YEARS**0, YEARS - YEARS.mean()]
    basis += [f(n * turns) for n in (1, 2) for f in (np.cos, np.sin)]
    basis = np.stack(basis, axis=1)
    for station, column in enumerate(values.T):
        seen = np.isfinite(column)
        for _ in range(20):
            left = column - basis @ np.linalg.lstsq(basis[seen], column[seen])[0]
            scale = np.sqrt(np.mean(left[seen] ** 2))
            seen = np.isfinite(column) & ~(abs(left) > 3 * scale)
        want = np.isfinite(column) & ~seen
        np.testing.assert_array_equal(got.rejected[:, station], want)


def test_poor_observations_may_stand_further_away(noisy):
    sigma = np.ones(noisy.shape)
    noisy[33] += 15
    sigma[33] = 20
    got = series.reject_outliers(noisy, YEARS, sigma=sigma)
    assert not got.rejected[33].any()
    sigma[33] = 0
    got = series.reject_outliers(noisy, YEARS, sigma=sigma)
    assert np.isnan(got.values[33]).all()
    assert not got.rejected[33].any()


def test_series_that_fit_exactly_or_hold_little_lose_nothing():
    exact = 3 + 700 * np.cos(2 * np.pi * YEARS)
    few = np.where(np.arange(700) % 100 == 0, exact**2, np.nan)
    none = np.full(700, np.nan)
    values = np.stack([exact, few, none], axis=1)
    got = series.reject_outliers(values, YEARS)
    np.testing.assert_array_equal(got.count, [0, 0, 0])


def test_a_step_that_is_known_costs_no_data(noisy):
    values = noisy + 50 * (YEARS > 2011.8)[:, None]
    known = series.events(3, steps=[2011.8])
    settings = series.Rejection(limit=4.5)
    got = series.reject_outliers(values, YEARS, events=known, settings=settings)
    assert got.count.sum() == 0


def test_running_filters_are_those_of_each_window(noisy):
    window, half = 15, 7
    median = np.asarray(series.running_median(noisy, window, least=4))
    mean = np.asarray(series.moving_average(noisy, window, least=4))
    for epoch in range(0, 700, 3):
        inside = noisy[max(epoch - half, 0) : epoch + half + 1]
        for station in range(3):
            seen = inside[np.isfinite(inside[:, station]), station]
            found = median[epoch, station], mean[epoch, station]
            want = (np.median(seen), seen.mean()) if len(seen) >= 4 else (np.nan,) * 2
            np.testing.assert_allclose(found, want, rtol=1e-12)


def test_the_filter_of_hampel_replaces_spikes_by_the_median(spoiled):
    values, bad = spoiled
    got = np.asarray(series.hampel(values, 41, limit=6))
    middle = np.asarray(series.running_median(values, 41))
    np.testing.assert_array_equal(got[bad], middle[bad])
    np.testing.assert_array_equal(got[~bad], values[~bad])


def test_settings_without_a_meaning_are_refused(noisy):
    with pytest.raises(ValueError, match="odd number"):
        series.running_median(noisy, 10)
    with pytest.raises(ValueError, match="expected 'sigma' or 'iqr'"):
        series.Rejection("mad")
    with pytest.raises(ValueError, match="positive"):
        series.Rejection(limit=0)


def test_interquartile_ranges_are_about_the_median_not_the_mean(rng):
    # Skewed, so that median and mean of the residuals differ.
    values = rng.exponential(size=(700, 2)) ** 2
    settings = series.Rejection("iqr", limit=1.0, most=1)
    got = series.reject_outliers(values, YEARS, settings=settings)
    fit = series.fit_trajectory(values, YEARS, terms=settings.terms)
    left = values - np.asarray(series.evaluate_trajectory(fit, YEARS))
    lower, middle, upper = np.quantile(left, [0.25, 0.5, 0.75], axis=0)
    assert (abs(middle) > 0.2).all()
    np.testing.assert_array_equal(got.rejected, abs(left - middle) > upper - lower)

"""Means, trajectories and seasons against plain NumPy."""

import jax
import numpy as np
import pytest

from jaxload import series

TIME = np.arange("2010-01-15", "2013-06-03", dtype="datetime64[D]")
YEARS = series.decimal_years(TIME)


@pytest.fixture
def gappy(rng):
    values = rng.normal(size=(len(TIME), 2))
    values[40:80, 0] = np.nan
    return values


@pytest.mark.parametrize("weighted", [False, True])
def test_monthly_means_are_the_means_of_the_months(rng, gappy, weighted):
    sigma = rng.uniform(1, 3, size=gappy.shape)
    got = series.monthly_means(gappy, TIME, sigma=sigma, weighted=weighted)
    assert len(got.time) == 42
    for period, day in enumerate(got.time):
        inside = TIME.astype("M8[M]") == day.astype("M8[M]")
        for column in range(2):
            seen = inside & np.isfinite(gappy[:, column])
            here, error = gappy[seen, column], sigma[seen, column]
            weight = error**-2 if weighted else np.ones_like(error)
            want = np.nan, np.nan
            if len(here) >= 10:
                want = (
                    np.average(here, weights=weight),
                    np.sqrt(np.sum((weight * error) ** 2) / weight.sum() ** 2),
                )
            got_here = got.values[period, column], got.sigma[period, column]
            np.testing.assert_allclose(got_here, want, rtol=1e-12)
            assert got.count[period, column] == len(here)


def test_weeks_go_from_sunday_to_saturday_and_are_dated_by_their_wednesday():
    days = np.arange("2018-01-03", "2020-12-31", dtype="M8[D]")
    got = series.weekly_means(np.arange(len(days), dtype=float)[:, None], days)
    assert got.time[0] == np.datetime64("2018-01-03")
    assert got.time[-1] == np.datetime64("2020-12-30")
    assert len(got.time) == 157
    # The second week begins on the fifth day of the record: days 4 to 10.
    assert got.values[1, 0] == 7
    assert got.sigma is None


def test_means_with_too_few_values_are_missing(gappy):
    got = series.weekly_means(gappy, TIME, least=7)
    assert np.isnan(got.values[0]).all()
    assert got.count[0].tolist() == [2, 2]


def test_unsorted_time_is_refused():
    with pytest.raises(ValueError, match="ascend"):
        series.period_mean(np.zeros((3, 1)), TIME[[1, 0, 2]], TIME[:1], TIME[1:2])
    with pytest.raises(ValueError, match="ascend"):
        series.fit_trajectory(np.zeros((3, 1)), YEARS[[1, 0, 2]])


def test_weights_without_sigma_are_refused(gappy):
    with pytest.raises(ValueError, match="need sigma"):
        series.weekly_means(gappy, TIME, weighted=True)


def test_the_annual_amplitude_is_found_beside_trend_and_noise_free_terms():
    years = (TIME - TIME[0]) / np.timedelta64(1, "D") / 365.2425
    values = 3 + 5 * years + 7 * np.cos(2 * np.pi * years + 1)
    values += 2 * np.sin(4 * np.pi * years)
    columns = np.stack([values, 2 * values], axis=1)
    columns[10:90] = np.nan
    np.testing.assert_allclose(series.annual_amplitude(columns, TIME), [7, 14])


QUAKE, TAU = 2011.3, 0.08


def columns_of(years):
    """Every kind of term, written out."""
    turns = 2 * np.pi * years
    since = np.where(years > QUAKE, years - QUAKE, 0) / TAU
    return np.stack(
        [
            np.ones_like(years),
            years - (YEARS[0] + YEARS[-1]) / 2,
            np.cos(turns),
            np.sin(turns),
            np.cos(2 * turns),
            np.sin(2 * turns),
            years >= QUAKE,
            years >= 2012.5,
            1 - np.exp(-since),
            np.log(1 + since),
        ],
        axis=1,
    )


def happened(stations):
    relaxation = [[QUAKE, TAU]]
    return series.events(
        stations,
        steps=[QUAKE, 2012.5],
        exponential=relaxation,
        logarithmic=relaxation,
    )


def test_a_trajectory_is_that_of_weighted_least_squares_on_what_is_seen(rng, gappy):
    sigma = rng.uniform(1, 3, size=gappy.shape)
    values = gappy * sigma + (columns_of(YEARS) @ np.arange(3, 13))[:, None]
    fit = series.fit_trajectory(values, YEARS, sigma=sigma, events=happened(2))
    for station in range(2):
        seen = np.isfinite(values[:, station])
        basis = columns_of(YEARS)[seen] / sigma[seen, station, None]
        want, squares = np.linalg.lstsq(
            basis, values[seen, station] / sigma[seen, station]
        )[:2]
        left = squares[0] / (seen.sum() - 10)
        covariance = np.linalg.inv(basis.T @ basis) * left
        np.testing.assert_allclose(fit.estimates[:, station], want, rtol=1e-7)
        np.testing.assert_allclose(fit.covariance[station], covariance, rtol=1e-6)
        np.testing.assert_allclose(fit.scatter[station], np.sqrt(left), rtol=1e-8)
    assert fit.names[1] == "rate"
    np.testing.assert_array_equal(fit.rate, fit.estimates[1])
    np.testing.assert_array_equal(fit.step_sizes, fit.estimates[6:8].T)


def test_a_term_that_nothing_determines_leaves_the_others_alone(gappy):
    plain = series.fit_trajectory(gappy, YEARS)
    outside = series.events(2, steps=[2009.0, 2015.0, np.nan])
    fit = series.fit_trajectory(gappy, YEARS, events=outside)
    np.testing.assert_allclose(fit.estimates[:6], plain.estimates, rtol=1e-12)
    np.testing.assert_allclose(fit.sigma[:6], plain.sigma, rtol=1e-12)
    assert np.isnan(fit.estimates[6:]).all()
    assert np.isnan(fit.sigma[6:]).all()
    here = series.evaluate_trajectory(fit, YEARS)
    np.testing.assert_allclose(here, series.evaluate_trajectory(plain, YEARS))


def test_a_station_without_data_is_missing_and_the_others_are_as_alone(gappy):
    wide = np.concatenate([gappy, np.full_like(gappy[:, :1], np.nan)], axis=1)
    fit = series.fit_trajectory(wide, YEARS)
    assert np.isnan(fit.estimates[:, 2]).all()
    assert np.isnan(series.evaluate_trajectory(fit, YEARS)[:, 2]).all()
    alone = series.fit_trajectory(gappy, YEARS)
    np.testing.assert_allclose(fit.estimates[:, :2], alone.estimates, rtol=1e-12)


def test_seasons_stay_when_all_else_is_taken_out():
    terms = np.arange(3.0, 13.0)
    values = (columns_of(YEARS) @ terms)[:, None]
    fit = series.fit_trajectory(values, YEARS, events=happened(1))
    seasons = columns_of(YEARS)[:, 2:6] @ terms[2:6]
    got = series.detrended(fit, values, YEARS)[:, 0]
    np.testing.assert_allclose(got, seasons, atol=1e-6)
    amplitude, peak = fit.season(1.0)
    np.testing.assert_allclose(amplitude[0], np.hypot(5, 6), rtol=1e-7)
    np.testing.assert_allclose(peak[0], np.arctan2(6, 5) / (2 * np.pi), rtol=1e-7)
    with pytest.raises(ValueError, match="no kinds"):
        series.evaluate_trajectory(fit, YEARS, ("season",))


def test_the_relaxation_time_is_found_among_candidates(rng):
    values = 20 * columns_of(YEARS)[:, 9:] + 0.5 * rng.normal(size=(len(YEARS), 2))
    given = series.events(2, steps=[QUAKE], logarithmic=[[QUAKE, 1.0]])
    found = series.relaxation_times(values, YEARS, given, [0.01, TAU, 0.4])
    np.testing.assert_array_equal(found.logarithmic[:, 0], [[QUAKE, TAU]] * 2)
    np.testing.assert_array_equal(found.steps, given.steps)


def test_single_precision_stands_heights_above_the_ellipsoid(gappy):
    high = (gappy + 2.0e4).astype(np.float32)
    years = YEARS.astype(np.float32)
    fit = series.fit_trajectory(high, years)
    want = series.fit_trajectory(high.astype(float), years.astype(float))
    assert fit.estimates.dtype == np.float32
    np.testing.assert_allclose(fit.estimates[1:], want.estimates[1:], atol=2e-3)


def test_trajectories_can_be_compiled_and_differentiated(gappy):
    def rate(values):
        return series.fit_trajectory(values, YEARS).rate.sum()

    slope = jax.jit(jax.grad(rate))(np.nan_to_num(gappy))
    clock = YEARS - YEARS.mean()
    basis = np.stack([clock**0, clock], axis=1)
    seasons = columns_of(YEARS)[:, 2:6]
    want = np.linalg.pinv(np.concatenate([basis, seasons], axis=1))[1]
    np.testing.assert_allclose(slope[:, 0], want, atol=1e-9)


def test_rates_are_those_of_lines_through_what_was_observed(rng):
    days = np.arange("2015-01-01", "2018-01-01", dtype="M8[D]")
    values = rng.normal(size=(len(days), 5))
    values[rng.random(values.shape) < 0.4] = np.nan
    values[:, 3], values[:, 4] = np.nan, np.nan
    values[7, 4] = 1.0
    rates = series.linear_rates(values, days)
    years = series.decimal_years(days)
    for column in range(3):
        seen = np.isfinite(values[:, column])
        line = np.polyfit(years[seen] - 2015, values[seen, column], 1)
        np.testing.assert_allclose(rates[column], line[0], rtol=1e-9)
    assert np.isnan(rates[3:]).all()

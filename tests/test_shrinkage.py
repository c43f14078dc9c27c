"""Terms that short records do not determine, against plain NumPy and real series."""

import jax
import numpy as np
import pytest

from jaxload import series

TREND = ("offset", "trend")
DAYS = np.arange("2010-01-01", "2016-01-01", dtype="M8[D]")
YEARS = series.decimal_years(DAYS)
LENGTHS = (5, 8, 13, 20, 31, 45, 60, 90, 120, 180, 270, 365, 450, 550, 700)


def basis_of(years):
    turns = 2 * np.pi * (years - 2000)
    return np.stack(
        [
            np.ones_like(years),
            years - (YEARS[0] + YEARS[-1]) / 2,
            np.cos(turns),
            np.sin(turns),
            np.cos(2 * turns),
            np.sin(2 * turns),
        ],
        axis=1,
    )


@pytest.fixture
def network(rng):
    """Stations with rate and season, the last of which begins with the last days."""
    terms = np.array([20.0, 2.0, 4.0, -3.0, 0.5, 0.5])[:, None] * rng.uniform(
        0.5, 1.5, size=(6, 9)
    )
    truth = basis_of(YEARS) @ terms
    return truth, truth + 3 * rng.normal(size=truth.shape), terms


def cut(values, days):
    """The last days of a station, on the same time axis."""
    young = values.copy()
    young[:-days] = np.nan
    return young


def rms(values):
    return np.sqrt(np.nanmean(values**2, axis=0))


def test_long_records_are_fitted_by_plain_least_squares(network):
    up = network[1]
    got = series.remove_terms(up, YEARS, TREND)
    fit = series.fit_trajectory(up, YEARS)
    plain = up - np.asarray(series.evaluate_trajectory(fit, YEARS, TREND))
    np.testing.assert_array_equal(got.values, plain)
    assert np.asarray(got.shrinkage.determined).all()
    assert not np.asarray(got.shrinkage.precision).any()


def test_a_term_is_held_as_by_an_observation_of_zero(rng):
    """Theil's mixed estimation: what is held is one more observation."""
    up = 5 + rng.normal(size=(400, 1))
    sigma = rng.uniform(1, 2, size=up.shape)
    held = np.array([[0, 50.0, 3.0, 3.0, np.inf, np.inf]])
    years = YEARS[:400]
    fit = series.fit_trajectory(up, years, sigma=sigma, precision=held)
    weight = 1 / sigma[:, 0] ** 2
    basis = basis_of(years + (YEARS[-1] - years[-1]) / 2)[:, :4]
    basis[:, 2:] = basis_of(years)[:, 2:4]
    normal = basis.T @ (weight[:, None] * basis)
    normal += np.diag(held[0, :4]) * weight.mean()
    want = np.linalg.solve(normal, basis.T @ (weight * up[:, 0]))
    # The weighted mean goes first, so that the offset alone differs.
    np.testing.assert_allclose(fit.estimates[1:4, 0], want[1:], atol=2e-2)
    level = np.average(up[:, 0], weights=weight)
    want = np.linalg.solve(normal, basis.T @ (weight * (up[:, 0] - level)))
    np.testing.assert_allclose(fit.estimates[1:4, 0], want[1:], rtol=1e-9)
    assert fit.estimates[0, 0] == pytest.approx(want[0] + level)
    assert np.isnan(fit.estimates[4:, 0]).all()


def test_precision_and_noise_cannot_be_given_together(network):
    noise = series.NoiseAmplitudes(*np.ones((3, 9)))
    with pytest.raises(ValueError, match="noise and precision"):
        series.fit_trajectory(
            network[1], YEARS, noise=noise, precision=np.zeros((9, 6))
        )
    with pytest.raises(ValueError, match=r"expected \(station, term\) \(9, 6\)"):
        series.fit_trajectory(network[1], YEARS, precision=np.zeros((6, 9)))


@pytest.mark.parametrize("days", [1, 5, 31, 90, 200, 400, 700])
def test_a_young_station_keeps_what_its_record_does_not_determine(days, network):
    truth, up, terms = network
    up = up.copy()
    up[:, 0] = cut(up[:, :1], days)[:, 0]
    got = series.remove_terms(up, YEARS, TREND)
    here = np.asarray(got.values)[-days:, 0]
    assert np.asarray(got.shrinkage.determined).tolist() == [False] + 8 * [True]
    assert rms(here) <= 1.05 * up[-days:, 0].std() + 1e-9
    # Neither its season nor its noise comes out another, whatever its mean.
    season = truth[-days:, 0] - basis_of(YEARS[-days:])[:, :2] @ terms[:2, 0]
    left = here - season - (up - truth)[-days:, 0]
    assert np.std(left) < 1.0
    others = series.remove_terms(up[:, 1:], YEARS, TREND)
    np.testing.assert_array_equal(np.asarray(got.values)[:, 1:], others.values)


def test_a_rate_far_larger_than_those_of_others_is_taken_out(network):
    up = network[1].copy()
    up[:, 0] -= 100 * (YEARS - YEARS[0])
    up[:, 0] = cut(up[:, :1], 550)[:, 0]
    got = series.remove_terms(up, YEARS, TREND)
    left = np.asarray(got.values)[-550:, 0]
    assert np.polyfit(YEARS[-550:], left, 1)[0] == pytest.approx(0, abs=8)
    assert not got.shrinkage.determined[0]


def test_what_a_long_record_with_gaps_determines_is_its_own(network):
    """Summers alone, for six years: neither rate nor seasons are in doubt."""
    up = network[1].copy()
    summer = (YEARS % 1 > 0.3) & (YEARS % 1 < 0.8)
    up[~summer, 0] = np.nan
    kinds = ("offset", "trend", "seasons")
    assert np.asarray(series.shrinkage(up, YEARS, kinds).determined).all()
    # The offset beside a season whose half is never seen is another matter.
    assert not series.shrinkage(up, YEARS, TREND).determined[0]


def test_steps_of_a_short_record_do_not_make_it_grow(rng):
    """A relaxation as long as the record passes for its rate, which stays."""
    days = 200
    up = 3 * rng.normal(size=(days, 6)).cumsum(axis=0) / 5
    known = series.events(6, steps=[YEARS[100]], exponential=[[YEARS[3], 4.0]])
    plain = series.fit_trajectory(up, YEARS[:days], events=known)
    steps = ("steps", "exponential", "logarithmic")
    wild = up - np.asarray(series.evaluate_trajectory(plain, YEARS[:days], steps))
    assert (wild.std(axis=0) > 2 * up.std(axis=0)).any()
    got = series.remove_terms(up, YEARS[:days], steps, events=known)
    assert (np.std(got.values, axis=0) <= 1.05 * up.std(axis=0)).all()


def test_stations_without_data_stay_missing(network):
    up = cut(network[1], 300)
    up[:, 3] = np.nan
    got = series.remove_terms(up, YEARS, TREND, sigma=np.ones_like(up))
    np.testing.assert_array_equal(np.isnan(got.values), np.isnan(up))
    assert got.shrinkage.months[3] == 0
    assert got.shrinkage.determined[3]


def test_values_without_a_standard_error_are_not_fitted(network):
    up, sigma = cut(network[1], 90), np.ones_like(network[1])
    up[-1, 0], sigma[-1, 0] = 5e3, np.nan
    got = np.asarray(series.remove_terms(up, YEARS, TREND, sigma=sigma).values)
    assert rms(got[:-1, :1])[0] < 4


def test_removal_can_be_compiled(network):
    up = network[1].copy()
    up[:, 0] = cut(up[:, :1], 90)[:, 0]
    once = lambda x: series.remove_terms(x, YEARS, TREND).values
    np.testing.assert_allclose(jax.jit(once)(up), once(up), rtol=1e-9, atol=1e-9)


def test_detrended_keeps_short_series_as_they_are(network):
    up = cut(network[1], 60)
    fit = series.fit_trajectory(up, YEARS)
    wild = up - np.asarray(series.evaluate_trajectory(fit, YEARS, TREND))
    assert rms(wild).max() > 100
    got = np.asarray(series.detrended(fit, up, YEARS))
    assert (rms(got) <= 1.05 * np.nanstd(up, axis=0)).all()


def test_unknown_kinds_are_refused(network):
    with pytest.raises(ValueError, match="no kinds of terms"):
        series.remove_terms(network[1], YEARS, ("season",))


def test_no_real_series_grows_at_any_length(data):
    """Thirty stations of the western United States, cut anywhere."""
    files = sorted((data / "western_us" / "gnss").glob("*.up"))[::11]
    rng = np.random.default_rng(2)
    columns = []
    for file in files:
        table = np.loadtxt(file)
        day = [f"{int(n):08d}" for n in table[:, 0]]
        day = np.array([f"{d[:4]}-{d[4:6]}-{d[6:]}" for d in day], "M8[D]")
        whole = np.full(6300, np.nan)
        whole[(day - np.datetime64("2006-01-01")).astype(int)] = table[:, 1]
        for length in LENGTHS:
            start = rng.integers(0, 5500)
            column = np.full(700, np.nan)
            column[:length] = whole[start : start + length]
            columns.append(column)
    up = np.stack(columns, axis=1)
    up = up[:, np.isfinite(up).sum(axis=0) > 2]
    got = np.asarray(series.remove_terms(up, YEARS[:700], TREND).values)
    assert up.shape[1] > 400
    np.testing.assert_array_equal(np.isnan(got), np.isnan(up))
    growth = rms(got) / np.nanstd(up, axis=0)
    assert growth.max() <= 1.05

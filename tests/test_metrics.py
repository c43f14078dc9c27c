import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal
import scipy.stats
from jax.test_util import check_grads

from jaxload import evaluate

PAIRS = {
    "bias": (evaluate.bias, lambda a, b: np.mean(a - b)),
    "rmse": (evaluate.rmse, lambda a, b: np.sqrt(np.mean((a - b) ** 2))),
    "nse": (
        evaluate.nse,
        lambda a, b: 1 - np.sum((a - b) ** 2) / np.sum((b - b.mean()) ** 2),
    ),
    "pcc": (evaluate.pcc, lambda a, b: scipy.stats.pearsonr(a, b).statistic),
    "r2": (evaluate.r2, lambda a, b: scipy.stats.linregress(a, b).rvalue ** 2),
}


@pytest.fixture
def series(rng):
    """Five pairs of series of 60 epochs, correlated, with gaps of their own."""
    truth = rng.normal(3, 2, (5, 60))
    estimate = 0.7 * truth + rng.normal(1, 1, (5, 60))
    truth[rng.random(truth.shape) < 0.1] = np.nan
    estimate[rng.random(truth.shape) < 0.2] = np.nan
    return estimate, truth


@pytest.mark.parametrize("name", PAIRS)
def test_a_metric_is_its_twin_over_the_common_epochs(series, name):
    metric, twin = PAIRS[name]
    found = metric(*series)
    for index, (estimate, truth) in enumerate(zip(*series)):
        seen = np.isfinite(estimate) & np.isfinite(truth)
        np.testing.assert_allclose(
            found[index], twin(estimate[seen], truth[seen]), rtol=1e-12
        )


@pytest.mark.parametrize("name", PAIRS)
def test_any_axis_will_do(series, name):
    metric, _ = PAIRS[name]
    estimate, truth = series
    along = metric(estimate.T, truth.T, axis=0)
    np.testing.assert_allclose(along, metric(estimate, truth), rtol=1e-13)
    flat = metric(estimate.ravel(), truth.ravel())
    np.testing.assert_allclose(metric(estimate, truth, axis=(0, 1)), flat, rtol=1e-12)


def test_scikit_learn_agrees(series):
    sklearn = pytest.importorskip("sklearn.metrics")
    seen = np.isfinite(series[0]) & np.isfinite(series[1])
    estimate, truth = (x[seen] for x in series)
    nse = sklearn.r2_score(truth, estimate)
    np.testing.assert_allclose(evaluate.nse(estimate, truth), nse, rtol=1e-12)
    rmse = sklearn.root_mean_squared_error(truth, estimate)
    np.testing.assert_allclose(evaluate.rmse(estimate, truth), rmse, rtol=1e-12)


def test_the_taylor_statistics_obey_the_law_of_cosines(series):
    found = evaluate.taylor_statistics(*series)
    law = found.std**2 + found.reference_std**2
    law -= 2 * found.std * found.reference_std * found.pcc
    np.testing.assert_allclose(found.centred_rmse**2, law, rtol=1e-12)
    seen = np.isfinite(series[0]) & np.isfinite(series[1])
    for index, mask in enumerate(seen):
        estimate, truth = (x[index][mask] for x in series)
        np.testing.assert_allclose(found.std[index], estimate.std(), rtol=1e-12)
        np.testing.assert_allclose(found.reference_std[index], truth.std(), rtol=1e-12)


@pytest.mark.parametrize("name", PAIRS)
def test_fewer_than_three_common_values_measure_nothing(name):
    metric, _ = PAIRS[name]
    estimate = np.array([[1.0, 2, np.nan, 4], [1, 2.0, 4, np.nan]])
    truth = np.array([[1.0, np.nan, 3, 4], [1, 3.0, 4, 4]])
    assert np.isnan(metric(estimate, truth)).tolist() == [True, False]


def test_a_constant_has_no_correlation_and_explains_nothing():
    ramp, flat = np.arange(5.0), np.full(5, 2.0)
    assert np.isnan(evaluate.pcc(flat, ramp))
    assert np.isnan(evaluate.pcc(ramp, flat))
    assert np.isnan(evaluate.nse(ramp, flat))
    assert evaluate.nse(flat, ramp) == 0
    assert evaluate.nse(ramp, ramp) == 1


def test_a_large_offset_does_not_cost_digits(series):
    estimate, truth = series
    shifted = evaluate.pcc(estimate + 1e6, truth + 1e6)
    np.testing.assert_allclose(shifted, evaluate.pcc(estimate, truth), rtol=1e-8)


@pytest.mark.parametrize("name", PAIRS)
def test_float32_stays_float32_under_jit(series, name):
    metric, _ = PAIRS[name]
    single = jax.jit(metric)(*(x.astype(np.float32) for x in series))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, metric(*series), rtol=2e-5)


@pytest.mark.parametrize("name", PAIRS)
def test_a_series_read_in_single_precision_is_judged_by_a_double_one(series, name):
    metric, _ = PAIRS[name]
    estimate, truth = (jnp.asarray(x) for x in series)
    mixed = metric(estimate.astype(np.float32), truth)
    assert mixed.dtype == np.float64
    np.testing.assert_allclose(mixed, metric(estimate, truth), rtol=2e-5)


@pytest.mark.parametrize("name", PAIRS)
def test_a_metric_can_be_differentiated_past_gaps(series, name):
    metric, _ = PAIRS[name]
    estimate, truth = (jnp.asarray(x) for x in series)
    gap = jnp.isnan(estimate)

    def score(x):
        return metric(jnp.where(gap, jnp.nan, x), truth)

    start = jnp.where(gap, 0.0, estimate)
    check_grads(score, (start,), order=1, modes=("rev",))
    assert np.isfinite(jax.grad(lambda x: score(x).sum())(start)).all()


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"estimate has shape \(3,\), but reference"):
        evaluate.pcc(np.zeros(3), np.zeros((3, 1)))


def test_the_weighted_scatter_is_that_of_repeated_values():
    # Weight 4 is the value four times.
    values, sigma = np.array([1.0, 5.0, 2.0, np.nan]), np.array([1.0, 0.5, 1.0, 1.0])
    repeated = np.array([1.0, 5, 5, 5, 5, 2])
    np.testing.assert_allclose(evaluate.wrms(values, sigma), repeated.std(), rtol=1e-13)
    assert np.isnan(evaluate.wrms(values, sigma * np.array([np.nan, 1, 1, 1])))


def test_a_correction_is_judged_by_the_scatter_it_removes(rng):
    load, noise = rng.normal(scale=3, size=500), rng.normal(scale=1, size=500)
    observed, sigma = load + noise, rng.uniform(1, 2, 500)
    observed[::7] = np.nan
    seen = np.isfinite(observed)

    def scatter(x):
        mean = np.average(x[seen], weights=sigma[seen] ** -2)
        return np.sqrt(np.average((x[seen] - mean) ** 2, weights=sigma[seen] ** -2))

    expected = 1 - scatter(observed - load) / scatter(observed)
    found = evaluate.wrms_reduction(observed, observed - load, sigma)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found > 0.6
    assert evaluate.wrms_reduction(observed, observed, sigma) == 0
    assert evaluate.wrms_reduction(observed, observed + load, sigma) < 0


def test_only_days_that_both_have_count_in_a_reduction(rng):
    observed, sigma = rng.normal(size=50), np.ones(50)
    corrected = 0.5 * observed
    corrected[:10] = np.nan
    wild = observed.copy()
    wild[:10] = 1e3
    for before in (observed, wild):
        found = evaluate.wrms_reduction(before, corrected, sigma)
        np.testing.assert_allclose(found, 0.5, rtol=1e-12)


def test_without_gaps_detrending_is_scipys(rng):
    values = rng.normal(size=(4, 30)).cumsum(axis=1)
    time = np.linspace(2006.0, 2009.0, 30)
    expected = scipy.signal.detrend(values)
    found = evaluate.detrend(values, time)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11)
    found = evaluate.detrend(values.T, time, axis=0)
    np.testing.assert_allclose(found, expected.T, rtol=0, atol=1e-11)


def test_with_gaps_detrending_fits_what_is_there(rng):
    time = np.sort(rng.uniform(2000, 2010, 40))
    values = 5 + 3 * time + rng.normal(size=(2, 40))
    values[0, 5:12] = np.nan
    values[1, 2:] = np.nan
    found = evaluate.detrend(values, time)
    seen = np.isfinite(values[0])
    fit = np.polynomial.Polynomial.fit(time[seen], values[0, seen], 1)
    np.testing.assert_allclose(
        found[0, seen], values[0, seen] - fit(time[seen]), atol=1e-9
    )
    np.testing.assert_array_equal(np.isnan(found[0]), ~seen)
    assert np.isnan(found[1]).all()
    with pytest.raises(ValueError, match=r"time has shape \(39,\), but values"):
        evaluate.detrend(values, time[1:])

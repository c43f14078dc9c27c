"""One series follows another by the epochs at which they correlate best."""

import numpy as np
import pytest

from jaxload import evaluate

COUNT = 60


@pytest.fixture
def pair(rng):
    """Columns that follow by 0, 2 and 5 epochs, and one that leads by 3."""
    source = rng.normal(size=(COUNT + 20, 4))
    lags = (0, 2, 5, -3)
    following = [source[10 - lag : 10 - lag + COUNT, i] for i, lag in enumerate(lags)]
    noise = 0.3 * rng.normal(size=(COUNT, 4))
    return source[10 : 10 + COUNT], np.stack(following, axis=1) + noise


def test_lags_are_found_and_what_correlates_before_and_after(pair):
    found = evaluate.best_lag(*pair)
    np.testing.assert_array_equal(found.lag[:3], [0, 2, 5])
    assert (np.asarray(found.after)[:3] > 0.9).all()
    assert (np.abs(np.asarray(found.before)[1:]) < 0.5).all()
    assert found.before[0] == found.after[0]


def test_a_leading_series_is_found_where_it_may_lead(pair):
    assert evaluate.best_lag(*pair, negative=True).lag[3] == -3
    np.testing.assert_array_equal(
        evaluate.best_lag(pair[1], pair[0], negative=True).lag, [0, -2, -5, 3]
    )


def test_correlations_are_those_of_what_overlaps(pair):
    one, other = pair
    other[[7, 30], 0] = np.nan
    found = np.asarray(evaluate.lag_correlations(one, other, [0, 4, -2]))
    for row, (a, b) in enumerate(
        ((one, other), (one[:-4], other[4:]), (one[2:], other[:-2]))
    ):
        for column in range(4):
            both = np.isfinite(a[:, column]) & np.isfinite(b[:, column])
            expected = np.corrcoef(a[both, column], b[both, column])[0, 1]
            assert found[row, column] == pytest.approx(expected, rel=1e-12)


@pytest.mark.slow
def test_of_equal_lags_the_shortest_is_taken():
    turn = np.tile([1.0, -1.0], 12)
    found = evaluate.best_lag(turn, turn, most=6, negative=True)
    assert int(found.lag) == 0
    assert int(evaluate.best_lag(turn, -turn, most=6).lag) == 1


def test_without_common_epochs_there_is_no_lag():
    gap = np.full(10, np.nan)
    found = evaluate.best_lag(np.arange(10.0), gap, most=3)
    assert int(found.lag) == 0
    assert np.isnan(float(found.after))


def test_lags_that_cannot_be_are_refused():
    line = np.arange(5.0)
    with pytest.raises(ValueError, match="put NaN where one has none"):
        evaluate.best_lag(line, line[:4])
    with pytest.raises(ValueError, match="reach 5 epochs, but the series have 5"):
        evaluate.best_lag(line, line, most=5)
    with pytest.raises(ValueError, match="expected a list of integers"):
        evaluate.lag_correlations(line, line, [0.5])
    with pytest.raises(ValueError, match="expected 0 epochs or more"):
        evaluate.best_lag(line, line, most=-1)

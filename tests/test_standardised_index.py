"""An index of storage is the rank of a month among others, as a normal deviation."""

import numpy as np
import pytest
import scipy.stats

from jaxload import evaluate

YEARS = 12
MONTH = np.tile(np.arange(1, 13), YEARS)


@pytest.fixture
def storage(rng):
    season = 120 * np.cos(2 * np.pi * (MONTH - 9) / 12)
    return season[:, None] + rng.normal(0, 30, (len(MONTH), 3)).cumsum(axis=0) / 3


def by_scipy(values, month, scale):
    """Ranks and quantiles of scipy.stats, month by month."""
    means = np.full_like(values, np.nan)
    for row in range(scale - 1, len(values)):
        means[row] = np.mean(values[row - scale + 1 : row + 1], axis=0)
    index = np.full_like(values, np.nan)
    for one in range(1, 13):
        rows = np.flatnonzero((month == one) & np.isfinite(means[:, 0]))
        rank = scipy.stats.rankdata(means[rows], axis=0)
        index[rows] = scipy.stats.norm.ppf((rank - 0.44) / (len(rows) + 0.12))
    return index


@pytest.mark.parametrize("scale", [1, 3, 12, 48])
def test_the_index_is_that_of_ranks_and_quantiles_by_scipy(storage, scale):
    storage[30, :] = storage[18, :]
    index = evaluate.standardised_index(storage, MONTH, scale)
    np.testing.assert_allclose(index, by_scipy(storage, MONTH, scale), atol=1e-12)


def test_only_the_order_of_values_matters(storage):
    index = evaluate.standardised_index(storage, MONTH)
    other = evaluate.standardised_index(np.exp(storage / 100), MONTH)
    np.testing.assert_array_equal(other, index)


def test_a_missing_month_takes_every_mean_that_needs_it(storage):
    storage[40] = np.nan
    index = evaluate.standardised_index(storage, MONTH, 6)
    missing = np.flatnonzero(np.isnan(index[:, 0]))
    np.testing.assert_array_equal(missing, [*range(5), *range(40, 46)])


def test_a_longer_record_ranks_a_month_among_its_years(storage):
    """The driest ever is the first of one more than the years of the climatology."""
    longer = evaluate.MonthlyRecord(storage[:, 0], MONTH)
    values = np.array([-1e3, 1e3, np.median(storage[2::12, 0])])
    index = evaluate.standardised_index(values, [1, 2, 3], 1, longer)
    n = YEARS + 1
    ranks = np.array([1, n, YEARS // 2 + 1])
    expected = scipy.stats.norm.ppf((ranks - 0.44) / (n + 0.12))
    np.testing.assert_allclose(index, expected, atol=1e-12)


def test_a_year_without_others_has_no_index():
    index = evaluate.standardised_index(np.arange(14.0), np.arange(14) % 12 + 1)
    assert np.isnan(index[2:12]).all()
    assert np.isfinite(index[[0, 1, 12, 13]]).all()


@pytest.mark.parametrize("scale", [1, 6])
def test_the_limiting_storage_is_where_the_class_begins(storage, scale):
    longer = evaluate.MonthlyRecord(storage[:, 0], MONTH)
    months = np.arange(1, 13)
    limiting = evaluate.limiting_storage(months, scale, longer, (-0.8, -1.3, -4.0))
    assert np.isneginf(limiting[2]).all()
    others = evaluate.MonthlyRecord(evaluate.trailing_mean(longer.values, scale), MONTH)
    for number, limit in enumerate((-0.8, -1.3)):
        for step, dry in ((-1e-9, True), (1e-9, False)):
            at = limiting[number] + step
            index = scipy.stats.norm.ppf(evaluate.plotting_position(at, months, others))
            assert ((index <= limit) == dry).all()


def test_what_cannot_be_ranked_is_refused(storage):
    with pytest.raises(ValueError, match="scale is 49, expected 1 to 48 months"):
        evaluate.standardised_index(storage, MONTH, 49)
    with pytest.raises(ValueError, match="scale is 12 months, but the record has 7"):
        evaluate.standardised_index(storage[:7], MONTH[:7], 12)
    with pytest.raises(ValueError, match="month 3 is followed by 5"):
        evaluate.standardised_index(storage[:2], [3, 5])
    with pytest.raises(ValueError, match="month holds 13"):
        evaluate.plotting_position(storage[:1], [13])
    with pytest.raises(ValueError, match="month has shape"):
        evaluate.plotting_position(storage, MONTH[:5])

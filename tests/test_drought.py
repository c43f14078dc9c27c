"""Droughts are dry for the time of the year, and no index falls between classes."""

import jax
import numpy as np
import pytest

from jaxload import evaluate

YEARS = 7
MONTH = np.tile(np.arange(1, 13), YEARS)


@pytest.fixture
def storage(rng):
    season = 120 * np.cos(2 * np.pi * (MONTH - 9) / 12)
    values = season[:, None] + rng.normal(0, 30, (len(MONTH), 3))
    values[5, 0] = values[20:24, 1] = np.nan
    return values


def by_hand(values, month):
    index = np.full_like(values, np.nan)
    for one in range(1, 13):
        rows = np.flatnonzero(month == one)
        part = values[rows]
        index[rows] = (part - np.nanmean(part, axis=0)) / np.nanstd(part, axis=0)
    return index


def test_the_index_is_the_anomaly_of_a_calendar_month_in_its_deviations(storage):
    index = evaluate.drought_severity(storage, MONTH)
    np.testing.assert_allclose(index, by_hand(storage, MONTH), rtol=1e-12)


def test_the_order_of_months_is_nobodys_business(storage, rng):
    order = rng.permutation(len(MONTH))
    index = evaluate.drought_severity(storage, MONTH)
    mixed = evaluate.drought_severity(storage[order], MONTH[order])
    np.testing.assert_allclose(mixed, np.asarray(index)[order], rtol=1e-12)


def test_seasons_units_and_a_large_mean_do_not_matter(storage):
    index = evaluate.drought_severity(storage, MONTH)
    other = evaluate.drought_severity(1e6 + storage / 10 + MONTH[:, None], MONTH)
    np.testing.assert_allclose(other, index, atol=1e-6)


def test_a_climatology_from_elsewhere_judges(storage):
    normal = evaluate.climatology(storage, MONTH)
    np.testing.assert_array_equal(normal.years[4:7, 0], [7, 6, 7])
    later = np.asarray(normal.mean)[[6, 7]] - 2 * np.asarray(normal.sd)[[6, 7]]
    index = evaluate.drought_severity(later, np.array([7, 8]), normal)
    np.testing.assert_allclose(index, -2, rtol=1e-10)


@pytest.mark.parametrize("years", [2, 3, 10])
def test_no_index_of_n_years_exceeds_the_root_of_n_less_one(years):
    month = np.full(years, 4)
    values = np.zeros(years)
    values[1] = -500.0
    index = np.asarray(evaluate.drought_severity(values, month))
    assert index.min() == pytest.approx(-np.sqrt(years - 1))


def test_a_month_of_one_year_or_without_change_has_no_index():
    month = np.array([1, 2, 2, 3, 3])
    index = evaluate.drought_severity(np.array([1.0, 5, 5, 2, 4]), month)
    np.testing.assert_allclose(index, [np.nan, np.nan, np.nan, -1, 1])


@pytest.mark.parametrize(
    ("index", "name"),
    [
        (3.0, "none"),
        (0.0, "none"),
        (-0.79, "none"),
        (-0.795, "none"),
        (-0.80, "mild"),
        (-1.295, "mild"),
        (-1.30, "moderate"),
        (-1.595, "moderate"),
        (-1.60, "severe"),
        (-1.995, "severe"),
        (-2.0, "extreme"),
        (-9.0, "extreme"),
        (-np.inf, "extreme"),
    ],
)
def test_every_index_has_a_class(index, name):
    number = int(evaluate.drought_class(index))
    assert evaluate.DROUGHT_CLASSES[number - 1] == name


def test_without_an_index_there_is_no_class():
    np.testing.assert_array_equal(evaluate.drought_class([np.nan, -1.0]), [0, 2])


def test_classes_can_be_compiled_over_fields(storage):
    run = jax.jit(lambda x: evaluate.drought_class(evaluate.drought_severity(x, MONTH)))
    kind = np.asarray(run(storage))
    assert kind.shape == storage.shape
    np.testing.assert_array_equal(kind == 0, np.isnan(storage))


def test_droughts_are_runs_that_gaps_end():
    index = [-1.0, -1.4, 0.2, -0.9, np.nan, -2.5, -0.7, -0.8, -0.8]
    found = evaluate.drought_events(index)
    assert [(e.start, e.stop) for e in found] == [(0, 2), (3, 4), (5, 6), (7, 9)]
    first, *_, last = found
    assert (first.peak, first.least, first.kind) == (1, -1.4, "moderate")
    assert first.severity == pytest.approx(-2.4)
    assert (last.months, last.kind) == (2, "mild")
    assert found[2].kind == "extreme"


def test_short_droughts_can_be_left_out():
    index = [-1.0, 0, -1, -1, -1]
    (only,) = evaluate.drought_events(index, least_months=2)
    assert (only.start, only.months) == (2, 3)
    assert evaluate.drought_events(index, limit=-1.5) == []


def test_what_cannot_be_an_index_is_refused():
    with pytest.raises(ValueError, match="one month for each"):
        evaluate.drought_severity(np.zeros(4), np.ones(3, int))
    with pytest.raises(ValueError, match="month holds 0, expected calendar months"):
        evaluate.climatology(np.zeros(2), np.array([0, 1]))
    with pytest.raises(ValueError, match="expected one series"):
        evaluate.drought_events(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="expected a negative index"):
        evaluate.drought_events(np.zeros(2), limit=0.5)

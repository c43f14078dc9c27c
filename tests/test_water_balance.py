"""Storage changes by what comes in and goes out, with the errors of all."""

import numpy as np
import pytest

from jaxload import evaluate


def test_constant_fluxes_close_the_balance_exactly_whatever_the_months(rng):
    """Daily storage by steady monthly fluxes: means of months, differenced."""
    days = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30])
    amounts = rng.normal(0, 50, len(days))
    step = 200
    rates = np.repeat(amounts / days / step, days * step)
    storage = rates.cumsum() - rates / 2
    month = np.repeat(np.arange(len(days)), days * step)
    means = np.array([storage[month == m].mean() for m in range(len(days))])
    change = evaluate.storage_change(means)
    flux = evaluate.centred_flux(amounts)
    np.testing.assert_allclose(change[1:-1], flux[1:-1], rtol=1e-9)
    assert np.isnan(change[[0, -1]]).all()
    assert np.isnan(flux[[0, -1]]).all()


def test_errors_of_changes_are_those_of_draws(rng):
    root = rng.normal(size=(6, 6))
    covariance = root @ root.T
    sd = evaluate.storage_change_sd(covariance)
    operator = np.zeros((6, 6))
    for row in range(1, 5):
        operator[row, row + 1], operator[row, row - 1] = 0.5, -0.5
    expected = np.sqrt(np.diag(operator @ covariance @ operator.T))
    np.testing.assert_allclose(sd[1:-1], expected[1:-1], rtol=1e-12)
    alone = evaluate.storage_change_sd(np.full(6, 4.0))
    np.testing.assert_allclose(alone[1:-1], 4 / np.sqrt(2))
    common = evaluate.storage_change_sd(np.full((6, 6), 16.0))
    np.testing.assert_allclose(common[1:-1], 0, atol=1e-12)
    with pytest.raises(ValueError, match="expected a row and a column"):
        evaluate.storage_change_sd(np.zeros((3, 4)))


def test_a_missing_month_takes_its_neighbours():
    storage = np.arange(7.0)
    storage[3] = np.nan
    missing = np.flatnonzero(np.isnan(evaluate.storage_change(storage)))
    np.testing.assert_array_equal(missing, [0, 2, 4, 6])


def test_groundwater_is_what_is_left_with_the_errors_of_all(rng):
    parts = rng.normal(size=(4, 50))
    total = parts.sum(axis=0) + 300
    sd = np.array([3.0, 1.0, 2.0])
    parts[0, 7] = np.nan
    known = np.isfinite(parts[0])
    components = tuple((x, np.full(50, s)) for x, s in zip(parts, sd))
    left, error = evaluate.remaining_storage((total, np.full(50, 6.0)), components)
    expected = parts[3] - parts[3][known].mean()
    np.testing.assert_allclose(left[known], expected[known], atol=1e-9)
    assert np.isnan(left[7])
    assert np.isnan(error[7])
    np.testing.assert_allclose(error[known], np.sqrt(36 + (sd**2).sum()))

"""Missing months of one series by another, and by how much they miss."""

import numpy as np
import pytest

from jaxload import evaluate

YEARS = 2003 + (np.arange(204) + 0.5) / 12


@pytest.fixture
def records(rng):
    """Two columns: a season, a trend and rain of several months that both follow."""
    rain = rng.standard_normal((230, 2))
    rain = np.stack([np.convolve(x, np.full(12, 0.3), "valid") for x in rain.T], axis=1)
    common = 30 * rain[: len(YEARS)]
    season = np.cos(2 * np.pi * YEARS)[:, None]
    predictor = 2 * common + 90 * season + rng.normal(0, 8, common.shape)
    truth = 0.8 * common + 40 * season - 3 * (YEARS - 2010)[:, None]
    target = truth + rng.normal(0, 6, common.shape)
    target[170:181] = np.nan
    return truth, target, predictor


def test_scale_and_gap_are_those_of_the_simulation(records):
    truth, target, predictor = records
    bridged = evaluate.bridge_gaps(target, predictor, YEARS)
    np.testing.assert_allclose(bridged.scale, 0.4, atol=3 * bridged.scale_sd.max())
    assert (bridged.scale_sd < 0.05).all()
    gap = np.isnan(target)
    missed = (bridged.estimate - truth)[gap]
    assert np.sqrt(np.mean(missed**2)) < bridged.sd.max()
    assert (bridged.sd < 0.5 * bridged.season_sd).all()
    np.testing.assert_array_equal(bridged.months, 193)


def test_an_estimate_is_ordinary_least_squares(records):
    _, target, predictor = records
    bridged = evaluate.bridge_gaps(target, predictor, YEARS)
    known = np.isfinite(target[:, 0])
    turn = 2 * np.pi * YEARS
    terms = [np.ones_like(YEARS), YEARS - 2010, predictor[:, 0]]
    terms += [f(n * turn) for n in (1, 2) for f in (np.cos, np.sin)]
    terms = np.stack(terms, axis=1)

    def fitted(months):
        return terms @ np.linalg.lstsq(terms[months], target[months, 0], rcond=None)[0]

    np.testing.assert_allclose(bridged.estimate[:, 0], fitted(known), atol=1e-8)
    year = np.floor(YEARS) == 2009
    expected = fitted(known & ~year)[year]
    np.testing.assert_allclose(bridged.held_out[year, 0], expected, atol=1e-8)


def test_the_stated_error_is_that_of_withheld_years(rng):
    ratios = []
    for _ in range(60):
        predictor = 10 * rng.standard_normal((204, 1))
        truth = predictor + rng.normal(0, 5, predictor.shape)
        target = truth.copy()
        target[100:112] = np.nan
        bridged = evaluate.bridge_gaps(target, predictor, YEARS)
        missed = (bridged.estimate - truth)[100:112]
        ratios.append(np.mean(missed**2) / bridged.sd[0] ** 2)
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("memory", [0.0, 0.8])
def test_the_stated_error_of_the_scale_holds_for_errors_that_last(rng, memory):
    noise = rng.standard_normal((2, len(YEARS), 200))
    for month in range(1, len(YEARS)):
        fresh = np.sqrt(1 - memory**2) * noise[:, month]
        noise[:, month] = memory * noise[:, month - 1] + fresh
    bridged = evaluate.bridge_gaps(0.5 * noise[0] + noise[1], noise[0], YEARS)
    ratio = (bridged.scale - 0.5) / bridged.scale_sd
    assert np.std(ratio) == pytest.approx(1.1, abs=0.25)


def test_few_months_or_years_bridge_nothing(records):
    _, target, predictor = records
    short = np.where(YEARS[:, None] < 2005, target, np.nan)
    short[:, 1] = np.nan
    bridged = evaluate.bridge_gaps(short, predictor, YEARS)
    assert np.isnan(bridged.estimate).all()
    assert np.isnan(bridged.sd).all()
    np.testing.assert_array_equal(bridged.months, [24, 0])
    with pytest.raises(ValueError, match=r"expected .month, column. twice"):
        evaluate.bridge_gaps(target, predictor[:10], YEARS)

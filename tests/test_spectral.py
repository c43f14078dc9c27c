"""Series from a few periods, with and without gaps."""

import numpy as np
import pytest

from jaxload import series


def by_fourier(values, count):
    """Inverse transform of the largest coefficients."""
    spectrum = np.fft.rfft(values, axis=0)
    power = abs(spectrum) ** 2
    power[0] = np.inf
    if len(values) % 2 == 0:
        power[-1] /= 2
    order = np.argsort(-power, axis=0)
    np.put_along_axis(spectrum, order[count + 1 :], 0, axis=0)
    return np.fft.irfft(spectrum, n=len(values), axis=0)


@pytest.mark.parametrize("epochs", [156, 157])
def test_without_gaps_it_is_the_transform_of_the_largest_coefficients(rng, epochs):
    values = 7 + rng.normal(size=(epochs, 20))
    # The shortest period of an even number of epochs is among the strongest.
    values[:, 3] += 3 * (-1.0) ** np.arange(epochs)
    got = series.reconstruct(values, count=8)
    np.testing.assert_allclose(got.values, by_fourier(values, 8), atol=1e-11)
    assert got.converged.all()


def waves(epochs):
    turns = 2 * np.pi * np.arange(epochs) / epochs
    return 2 + 5 * np.cos(3 * turns + 1) + 2 * np.sin(6 * turns) + np.cos(40 * turns)


@pytest.mark.slow
def test_periods_are_found_through_random_gaps(rng):
    want = waves(300)
    values = np.where(rng.random(300) < 0.4, np.nan, want)[:, None]
    got = series.reconstruct(values, count=3, hold=0)
    np.testing.assert_allclose(got.values[:, 0], want, atol=1e-9)
    np.testing.assert_allclose(got.periods[:, 0], [100, 50, 7.5])
    np.testing.assert_allclose(got.amplitudes[:, 0], [5, 2, 1], atol=1e-9)
    np.testing.assert_allclose(got.explained, 1)
    held = series.reconstruct(values, count=3).values[:, 0]
    np.testing.assert_allclose(held, want, atol=0.1)


def test_a_long_gap_is_not_filled_with_anything(rng):
    truth = 4 * np.cos(2 * np.pi * np.arange(157) / 52.18)
    values = (truth + 0.5 * rng.normal(size=157))[:, None]
    values[60:100] = np.nan
    got = np.asarray(series.reconstruct(values, count=8).values)
    assert abs(got[60:100]).max() < 8
    seen = np.isfinite(values)
    error = (got - truth[:, None])[seen]
    assert np.sqrt(np.mean(error**2)) < 0.5


def test_stations_without_enough_data_are_missing(rng):
    values = rng.normal(size=(60, 3))
    values[5:, 1] = np.nan
    values[:, 2] = np.nan
    got = series.reconstruct(values, count=4)
    np.testing.assert_array_equal(np.isnan(got.values).all(axis=0), [False, True, True])
    np.testing.assert_array_equal(got.converged, [True, False, False])


def test_more_periods_than_a_record_holds_are_refused():
    with pytest.raises(ValueError, match="1 to 5 periods"):
        series.reconstruct(np.zeros((10, 1)), count=6)
    with pytest.raises(ValueError, match="hold"):
        series.reconstruct(np.zeros((10, 1)), count=2, hold=-1)

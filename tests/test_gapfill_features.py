"""Weather and the time of the year as features of places."""

import numpy as np
import pytest

from jaxload.gapfill.features import (
    calendar_features,
    joined_features,
    normalised,
    place_features,
    weather_features,
)
from jaxload.io.cache import ArrayCache
from jaxload.series.decomposition.emd import Decomposition


@pytest.fixture
def weather(rng):
    """Temperature [K] and pressure [Pa], 200 days at 3 places."""
    days = np.arange(200)[:, None]
    season = np.cos(2 * np.pi * (days / 90 - np.arange(3) / 10))
    temperature = 285 + 12 * season + rng.normal(size=(200, 3))
    return temperature, 7e4 - 300 * season + 90 * rng.normal(size=(200, 3))


def test_normalised_series_have_zero_mean_and_unit_deviation(weather):
    for values in weather:
        scaled, mean, sd = normalised(values)
        np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-10)
        np.testing.assert_allclose((scaled**2).mean(axis=0), 1)
        np.testing.assert_allclose(mean + sd * scaled, values)


def test_units_do_not_matter(weather):
    temperature, pressure = weather
    want = weather_features(temperature, pressure)
    got = weather_features(1.8 * temperature - 459.67, pressure / 100)
    np.testing.assert_allclose(got, want, atol=1e-9)


def test_without_settings_features_are_the_two_normalised_series(weather):
    found = weather_features(*weather)
    assert found.shape == (200, 3, 2)
    for index, values in enumerate(weather):
        np.testing.assert_array_equal(found[..., index], normalised(values)[0])


@pytest.mark.parametrize("method", ["emd", "eemd", "meemd"])
def test_features_are_ten_components_of_each(weather, method):
    settings = Decomposition(method, components=10, trials=4)
    found = weather_features(*weather, settings)
    assert found.shape == (200, 3, 20)
    for parts, values in zip(np.split(found, 2, axis=2), weather):
        scaled = normalised(values)[0]
        np.testing.assert_allclose(parts.sum(axis=2), scaled, atol=1e-10)
        changes = abs(np.diff(parts, axis=0)).mean(axis=(0, 1))
        assert changes[0] > 5 * changes[-1]


def test_places_keep_their_order_and_are_kept_on_disk(weather, tmp_path):
    settings, cache = Decomposition("emd", components=4), ArrayCache(tmp_path)
    heard = []
    watch = lambda done, total: heard.append((done, total))
    found = weather_features(*weather, settings, cache=cache, watch=watch)
    assert heard[-1] == (6, 6)
    assert len(list(tmp_path.iterdir())) == 6
    turned = [values[:, ::-1] for values in weather]
    again = weather_features(*turned, settings, cache=cache)
    np.testing.assert_array_equal(again, found[:, ::-1])
    assert len(list(tmp_path.iterdir())) == 6


def test_the_year_turns_once_and_twice():
    time = np.arange("2000-01-01", "2021-01-01", dtype="datetime64[D]")
    found = calendar_features(time)
    assert found.shape == (len(time), 4)
    turns = 2 * np.pi * np.arange(len(time)) / 365.2425
    want = [np.cos(turns), np.sin(turns), np.cos(2 * turns), np.sin(2 * turns)]
    np.testing.assert_allclose(found, np.transpose(want), atol=1e-9)
    # On the same day of any year they are the same to a day's leap.
    same = found[(time - time.astype("datetime64[Y]")).astype(int) == 100]
    assert np.ptp(same, axis=0).max() < 4 * np.pi / 365


def test_missing_weather_is_refused_with_its_place(weather):
    temperature, pressure = weather
    pressure[5, 1] = np.nan
    with pytest.raises(
        ValueError, match=r"pressure has missing .* at 1 of 3 places, first at place 1"
    ):
        weather_features(temperature, pressure)
    with pytest.raises(ValueError, match="values has missing"):
        normalised(pressure)


def test_weather_of_other_length_or_places_is_refused(weather):
    temperature, pressure = weather
    with pytest.raises(ValueError, match="pressure has 199 along 'epoch'"):
        weather_features(temperature, pressure[1:])
    with pytest.raises(ValueError, match="pressure has 2 along 'place'"):
        weather_features(temperature, pressure[:, 1:])


def test_constant_weather_is_refused(weather):
    temperature, pressure = weather
    temperature[:, 2] = 280 + 0.1
    with pytest.raises(ValueError, match="temperature is constant at 1 of 3 places"):
        weather_features(temperature, pressure)


@pytest.mark.parametrize(
    "time", [np.arange(5.0), np.array(["2011-01-01", "NaT"], "datetime64[D]")]
)
def test_times_that_are_no_dates_are_refused(time):
    with pytest.raises(ValueError, match="expected datetime64"):
        calendar_features(time)


def test_places_are_told_apart_by_position_and_climate():
    rng = np.random.default_rng(2)
    lon, lat = np.array([99.0, 101.0, 106.0]), np.full(3, 25.0)
    weather = rng.normal([280.0, 290.0, 270.0], [5.0, 1.0, 9.0], (300, 3))
    found = place_features(lon, lat, [weather])
    assert found.shape == (3, 4)
    np.testing.assert_array_equal(found[:, 1], 0)
    columns = found[:, [0, 2, 3]]
    np.testing.assert_allclose(columns.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(columns.std(axis=0), 1)
    for column, values in zip(
        columns.T, (lon, weather.mean(axis=0), weather.std(axis=0))
    ):
        assert np.corrcoef(column, values)[0, 1] == pytest.approx(1)


def test_what_all_places_share_is_joined_to_what_each_has():
    rng = np.random.default_rng(3)
    time = np.arange("2011-01-01", "2011-01-08", dtype="datetime64[D]")
    own, shared = rng.normal(size=(7, 3, 2)), rng.normal(size=(7, 1, 1))
    still = rng.normal(size=(3, 2))
    found = joined_features([own, shared], still, time)
    assert found.shape == (7, 3, 2 + 1 + 4 + 2)
    assert found.dtype == np.float32
    for epoch in range(7):
        for place in range(3):
            season = calendar_features(time)[epoch]
            want = [*own[epoch, place], *shared[epoch, 0], *season, *still[place]]
            np.testing.assert_allclose(found[epoch, place], want, rtol=1e-6)


@pytest.mark.parametrize("shape", [(6, 3, 2), (7, 2, 2), (7, 3)])
def test_parts_of_other_epochs_or_places_are_refused(shape):
    time = np.arange("2011-01-01", "2011-01-08", dtype="datetime64[D]")
    with pytest.raises(ValueError, match=r"changing\[0\] has shape .* 7 epochs at 3"):
        joined_features([np.zeros(shape)], np.zeros((3, 2)), time)


def test_climate_of_other_places_is_refused():
    lon = np.arange(3.0)
    with pytest.raises(ValueError, match="'place'"):
        place_features(lon, lon, [np.zeros((5, 2))])

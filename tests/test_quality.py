"""Scores of stations, and those that are out of family."""

import jax
import numpy as np
import pytest

from jaxload import io, series, sphere

YEARS = 2010 + np.arange(1500) / 365.25


@pytest.fixture
def network(rng):
    """Thirty stations that move together, but for what a test does to them."""
    peak = 0.7 + 0.03 * rng.normal(size=30)
    turns = 2 * np.pi * (YEARS[:, None] - peak)
    rate = rng.normal(0, 0.5, size=30)
    values = rng.uniform(4, 7, size=30) * np.cos(turns) + rate * (YEARS[:, None] - 2012)
    values += rng.normal(0, 2, size=values.shape)
    values[rng.random(values.shape) < 0.2] = np.nan
    place = rng.uniform(0, 3, size=(2, 30))
    return values, np.hypot(*(place[:, :, None] - place[:, None, :]))


@pytest.mark.slow
def test_scores_are_those_that_were_put_in(network):
    values, _ = network
    values[:, 0] = np.nan
    values[:300, 1] = np.nan
    known = series.events(30, steps=[2012.0, np.nan])
    got = series.assess(values, YEARS, events=known)
    np.testing.assert_allclose(got.completeness, np.isfinite(values).mean(axis=0))
    np.testing.assert_allclose(got.noise[1:], 2, rtol=0.12)
    np.testing.assert_allclose(got.scatter[1:], 2, rtol=0.1)
    np.testing.assert_allclose(got.peak[1:], 0.7, atol=0.15)
    np.testing.assert_allclose(got.span[1], YEARS[-1] - YEARS[300], atol=0.05)
    np.testing.assert_array_equal(got.steps, [0] + [1] * 29)
    assert np.isnan([got.rate[0], got.amplitude[0], got.scatter[0]]).all()
    assert got.count[0] == 0
    assert got.span[0] == 0


@pytest.mark.slow
def test_a_network_that_moves_together_has_no_suspects(network):
    values, distance = network
    found = series.suspects(series.assess(values, YEARS), distance)
    assert not found.suspect.any()


@pytest.mark.slow
def test_each_kind_of_stranger_is_caught_and_nobody_else(network):
    values, distance = network
    season = np.cos(2 * np.pi * (YEARS - 0.7))
    values[:, 3] += 12 * (YEARS - 2012)
    values[:, 7] += 20 * season
    values[:, 11] -= 12 * season
    values[:, 20] = np.nan
    found = series.suspects(series.assess(values, YEARS), distance)
    assert np.flatnonzero(found.suspect).tolist() == [3, 7, 11]
    assert found.rate[3] > 5
    assert found.amplitude[7] > 5
    assert abs(found.phase[11]) > 0.4
    assert abs(found.rate[11]) < 5
    assert abs(found.amplitude[11]) < 5


def test_too_few_stations_are_refused(network):
    values, distance = network
    quality = jax.tree.map(lambda x: x[:3], series.assess(values, YEARS))
    with pytest.raises(ValueError, match="4 or more"):
        series.suspects(quality, distance[:3, :3])
    with pytest.raises(ValueError, match="3 or more"):
        series.Family(neighbours=2)


def column_of(path, time):
    """Heights of a station at some of its days."""
    table = np.genfromtxt(path, delimiter=",", names=True, dtype=None, encoding=None)
    found = np.full(len(time), np.nan)
    day = table["Date"].astype("M8[D]")
    inside = np.isin(day, time)
    found[np.searchsorted(time, day[inside])] = table["vertical"][inside]
    return found


@pytest.mark.slow
def test_the_pumped_aquifer_is_caught_and_the_mountain_beside_it_is_not(data):
    folder = data / "western_us"
    names = np.loadtxt(folder / "sites.txt", usecols=0, dtype=str)
    lon, lat = np.loadtxt(folder / "sites.txt", usecols=(1, 2)).T
    order = np.argsort(sphere.angular_distance(lon, lat, -119.2, 36.2))
    files = [folder / "gnss" / f"{name.lower()}.up" for name in names[order[:17]]]
    files = [path for path in files if path.stem != "p571"]
    gnss = io.read_gnss(files, sites=folder / "sites.txt")
    time = gnss.time.values.astype("M8[D]")
    pair = [
        column_of(data / "loading" / "stations" / f"{name}_UNR.txt", time)
        for name in ("CRCN", "P571")
    ]
    values = np.concatenate([gnss.up.values, np.stack(pair, axis=1)], axis=1)
    lon = np.append(gnss.lon.values, [-119.57, -118.7667])
    lat = np.append(gnss.lat.values, [36.10, 36.2314])
    distance = sphere.angular_distance(lon[:, None], lat[:, None], lon[None], lat[None])
    quality = series.assess(values, series.decimal_years(time))
    found = series.suspects(quality, distance)
    assert np.asarray(found.suspect)[-2:].tolist() == [True, False]
    assert found.rate[-2] < -20

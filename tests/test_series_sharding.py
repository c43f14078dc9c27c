"""Stations shared out among devices give what one device gives."""

import jax
import numpy as np
import pytest

from jaxload import series

STATIONS, EPOCHS = 140, 300
YEARS = 2010 + np.arange(EPOCHS) / 365.25


@pytest.fixture(scope="module")
def up():
    """Seasons and noise, with a step, outliers, gaps and a short record."""
    rng = np.random.default_rng(3)
    season = 4 * np.cos(2 * np.pi * YEARS)[:, None]
    up = season + rng.normal(size=(EPOCHS, STATIONS))
    up[200:, 4] += 15
    up[50, 1] = up[250, 6] = 40
    up[rng.random(up.shape) < 0.1] = np.nan
    up[:230, 2] = np.nan
    return up


ASKED = {
    "fit": lambda up: series.fit_trajectory(up, YEARS).estimates,
    "quality": lambda up: series.assess(up, YEARS),
    "outliers": lambda up: series.reject_outliers(up, YEARS),
    "terms": lambda up: series.remove_terms(up, YEARS, ("offset", "trend")).values,
    "median": lambda up: series.running_median(up, 5),
    "periods": lambda up: series.reconstruct(up, 3).values,
}


QUICK = ("fit", "median")
MARKS = (pytest.mark.slow, pytest.mark.thorough)
SLOW = [pytest.param(k, marks=MARKS) for k in ASKED if k not in QUICK]


@pytest.mark.parametrize("name", [*QUICK, *SLOW])
def test_several_devices_give_what_one_gives(up, name):
    assert len(jax.local_devices()) > 1
    one = ASKED[name](up)
    with series.stations_over(jax.local_devices()):
        many = ASKED[name](up)
    for left, right in zip(jax.tree.leaves(one), jax.tree.leaves(many), strict=True):
        # One record of ten weeks hardly tells rate and seasons apart.
        np.testing.assert_allclose(right, left, rtol=1e-7, atol=1e-9)


@pytest.mark.slow
def test_steps_are_those_of_one_device(up):
    one = series.find_steps(up, YEARS)
    with series.stations_over(jax.local_devices()):
        many = series.find_steps(up, YEARS)
    # The step that was put in, but for the noise of a day.
    assert len(one.epoch[4]) == 1
    assert abs(one.epoch[4][0] - 200) <= 1
    np.testing.assert_array_equal(many.epoch, one.epoch)
    np.testing.assert_allclose(many.size, one.size, rtol=1e-9)


def test_each_device_has_its_stations(up):
    with series.stations_over(jax.local_devices()):
        fit = series.fit_trajectory(up, YEARS)
    assert len(fit.freedom.sharding.device_set) == len(jax.local_devices())


@pytest.mark.slow
def test_a_part_of_a_network_is_held_by_the_sizes_of_all(up):
    whole = series.remove_terms(up, YEARS, ("offset", "trend"))
    terms = series.Terms()
    everyone = {}

    def keep(arrays):
        everyone.update(arrays)
        return arrays

    series.shrinkage(up, YEARS, ("offset", "trend"), terms=terms, gather=keep)
    parts = [
        series.remove_terms(
            up[:, part], YEARS, ("offset", "trend"), gather=lambda _: everyone
        )
        for part in (slice(0, 60), slice(60, STATIONS))
    ]
    assert not np.asarray(whole.shrinkage.determined).all()
    values = np.concatenate([part.values for part in parts], axis=1)
    np.testing.assert_allclose(values, whole.values, rtol=1e-7, atol=1e-9)


def test_few_stations_stay_on_one_device(up):
    with series.stations_over(jax.local_devices()):
        fit = series.fit_trajectory(up[:, :3], YEARS)
    assert len(fit.freedom.sharding.device_set) == 1

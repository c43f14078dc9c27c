"""Random forests of all stations, asked where none stands."""

import dataclasses
import importlib.util
import warnings

import numpy as np
import pytest

from jaxload.gapfill.published.mllim import (
    ForestSettings,
    fit_forests,
    leave_one_station_out,
    predict,
)

trees = pytest.importorskip("sklearn.tree", reason="scikit-learn is not installed")
ensembles = pytest.importorskip(
    "sklearn.ensemble", reason="scikit-learn is not installed"
)

SETTINGS = ForestSettings(trees=20, workers=2)


@pytest.fixture(scope="module")
def network():
    """Weather, and stations that it moves alike, with offsets and gaps."""
    rng = np.random.default_rng(3)
    features = rng.normal(size=(400, 4, 2))
    up = 3 * np.sin(features[..., 0]) - features[..., 1]
    up += 0.3 * rng.normal(size=up.shape)
    up[rng.random(up.shape) < 0.1] = np.nan
    return features, up


@pytest.fixture(scope="module")
def forests(network):
    return fit_forests(*network, SETTINGS)


@pytest.fixture(scope="module")
def regressors(network):
    """The same forests as scikit-learn grows them."""
    found = []
    for station, (features, up) in enumerate(
        zip(network[0].swapaxes(0, 1), network[1].T)
    ):
        seed = np.random.SeedSequence((0, station)).generate_state(1)[0]
        regressor = ensembles.RandomForestRegressor(
            20, min_samples_leaf=5, random_state=int(seed)
        )
        found.append(regressor.fit(features[np.isfinite(up)], up[np.isfinite(up)]))
    return found


def test_filters_of_warnings_are_never_emptied_and_stay_as_they_were(
    network, monkeypatch
):
    emptied, fit = [], trees.DecisionTreeRegressor.fit

    def careless(*given, **settings):
        # As a thread does that ends while another has filters of its own.
        warnings.simplefilter("ignore")
        return fit(*given, **settings)

    monkeypatch.setattr(warnings, "resetwarnings", lambda: emptied.append(True))
    monkeypatch.setattr(trees.DecisionTreeRegressor, "fit", careless)
    before = list(warnings.filters)
    leave_one_station_out(fit_forests(*network, SETTINGS), *network)
    assert not emptied
    assert warnings.filters == before


def test_trees_are_those_that_scikit_learn_grows(forests, regressors):
    for ours, theirs in zip(forests.trees, regressors, strict=True):
        for one, other in zip(ours, theirs.estimators_, strict=True):
            np.testing.assert_array_equal(one.tree_.value, other.tree_.value)
            np.testing.assert_array_equal(one.tree_.threshold, other.tree_.threshold)


def test_a_cell_is_told_the_mean_of_all_forests(forests, regressors, rng):
    weather = rng.normal(size=(100, 3, 2))
    predicted = predict(forests, weather)
    each = [
        np.stack([one.predict(weather[:, place]) for place in range(3)], axis=1)
        for one in regressors
    ]
    np.testing.assert_allclose(predicted, np.mean(each, axis=0), rtol=1e-12)
    truth = 3 * np.sin(weather[..., 0]) - weather[..., 1]
    assert np.corrcoef(predicted.ravel(), truth.ravel())[0, 1] > 0.95


def test_the_seed_decides_and_the_workers_do_not(network, forests, regressors):
    features, up = network
    one = fit_forests(features, up, dataclasses.replace(SETTINGS, workers=1))
    other = fit_forests(features, up, dataclasses.replace(SETTINGS, seed=1))
    predicted = predict(forests, features)
    np.testing.assert_array_equal(predict(one, features), predicted)
    assert np.abs(predict(other, features) - predicted).max() > 0.01
    fewer = fit_forests(features[:, :2], up[:, :2], SETTINGS)
    others = np.array([[True, False]])
    np.testing.assert_allclose(
        predict(fewer, features[:, :1], others)[:, 0],
        regressors[1].predict(features[:, 0]),
        rtol=1e-12,
    )


def test_a_station_is_judged_by_the_forests_of_others(network, forests, regressors):
    features, up = network
    found = leave_one_station_out(forests, features, up)
    others = [regressors[k].predict(features[:, 0]) for k in (1, 2, 3)]
    want = np.mean(others, axis=0)
    np.testing.assert_allclose(found.predicted[:, 0], want, rtol=1e-12)
    seen = np.isfinite(up[:, 0])
    want, truth = want[seen], up[seen, 0]
    np.testing.assert_allclose(found.pcc[0], np.corrcoef(want, truth)[0, 1])
    np.testing.assert_allclose(found.rmse[0], np.sqrt(np.mean((want - truth) ** 2)))


def test_a_place_without_forests_is_told_nothing(forests, regressors, rng):
    weather = rng.normal(size=(5, 2, 2))
    own = np.array([[True] * 4, [True, True, True, False]])
    predicted = predict(forests, weather, own)
    assert np.isnan(predicted[:, 0]).all()
    want = regressors[3].predict(weather[:, 1])
    np.testing.assert_allclose(predicted[:, 1], want, rtol=1e-12)


def test_what_cannot_be_grown_is_said(network, forests):
    features, up = network
    gap = features.copy()
    gap[3, 1, 0] = np.nan
    with pytest.raises(ValueError, match="epoch 3, station 1, feature 0; fill"):
        fit_forests(gap, up)
    with pytest.raises(ValueError, match="displacement has 399 along 'epoch'"):
        fit_forests(features, up[1:])
    with pytest.raises(ValueError, match="station 2 has 0 values, expected at least"):
        fit_forests(features, np.where(np.arange(4) == 2, np.nan, up))
    with pytest.raises(ValueError, match="features has 1 along 'feature'"):
        predict(forests, features[..., :1])
    with pytest.raises(ValueError, match=r"excluded has shape \(4,\)"):
        predict(forests, features, np.zeros(4, bool))
    one = fit_forests(features[:, :1], up[:, :1], SETTINGS)
    with pytest.raises(ValueError, match="there is 1"):
        leave_one_station_out(one, features[:, :1], up[:, :1])
    with pytest.raises(ValueError, match="trees is 0"):
        ForestSettings(trees=0)


def test_without_scikit_learn_the_remedy_is_told(network, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install jaxload\[forest\]"):
        fit_forests(*network)

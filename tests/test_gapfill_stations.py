"""Models fitted to stations: one protocol for forests, networks and user's own code."""

import types

import numpy as np
import pytest

from jaxload import config, gapfill
from jaxload.config.gap_filling import Gapfill
from jaxload.config.model_choice import STATION_MODELS
from jaxload.gapfill.networks import ensemble
from jaxload.gapfill.published import dwlim, mllim
from jaxload.gapfill.stations.fitting import as_station_model
from jaxload.gapfill.stations.place_network import FittedPlaceNetwork
from jaxload.gapfill.training.optimise import OptimiserSettings
from jaxload.pipeline.fill.study_model import study_station_model
from jaxload.sphere import angular_distance

EPOCHS, STATIONS, CELLS = 60, 5, 3


@pytest.fixture(scope="module")
def world():
    """Heights that follow two features, with gaps, and the features of all places."""
    rng = np.random.default_rng(3)
    features = rng.normal(size=(EPOCHS, STATIONS + CELLS, 2))
    lon, lat = 100 + 3 * rng.random((2, STATIONS + CELLS)) - [[0], [75]]
    up = features[:, :STATIONS] @ [2.0, -1.0]
    up += 0.3 * rng.normal(size=up.shape)
    up[rng.random(up.shape) < 0.1] = np.nan
    weather = {"t": features[:, :STATIONS, 0], "p": features[:, :STATIONS, 1]}
    at = lambda part: gapfill.Positions(lon[part], lat[part])
    first, last = slice(STATIONS), slice(STATIONS, None)
    heights = gapfill.StationHeights(up, at(first), tuple("abcde"), weather)
    return types.SimpleNamespace(
        heights=heights,
        up=up,
        stations=features[:, first],
        cells=features[:, last],
        places=at(last),
    )


def test_forests_of_the_protocol_are_those_of_mllim(world):
    fitted = gapfill.train(world.heights, gapfill.StationForests(8), world.stations)
    grown = mllim.fit_forests(world.stations, world.up, mllim.ForestSettings(8))
    validation = mllim.leave_one_station_out(grown, world.stations, world.up)
    predicted = fitted.predict(world.places, world.cells)
    np.testing.assert_array_equal(predicted.mean, mllim.predict(grown, world.cells))
    np.testing.assert_array_equal(fitted.validation.rmse, validation.rmse)
    error = np.sqrt(np.mean(np.asarray(validation.rmse) ** 2))
    np.testing.assert_allclose(predicted.sigma, np.full(CELLS, error))


def test_networks_of_the_protocol_are_those_of_dwlim(world):
    training = ensemble.Training(hidden=3, descent=OptimiserSettings(5))
    model = gapfill.StationNetworks(training, cell_deg=0.5)
    fitted = gapfill.train(world.heights, model, world.stations)
    control = dwlim.correlated_stations(world.up, world.heights.weather)
    networks = ensemble.train(
        world.stations[:, control], world.up[:, control], training
    )
    both = np.concatenate([world.stations, world.cells], axis=1)
    predictions = ensemble.predict(networks, both)
    at = world.heights.places
    lon, lat = (
        np.concatenate([getattr(x, name) for x in (at, world.places)])
        for name in ("lon", "lat")
    )
    arc = np.asarray(
        angular_distance(
            lon[:, None], lat[:, None], at.lon[control][None], at.lat[control][None]
        )
    )
    mean = dwlim.inverse_distance_mean(predictions, arc)
    predicted = fitted.predict(world.places, world.cells)
    np.testing.assert_allclose(predicted.mean, mean[:, STATIONS:], atol=1e-5)
    cell = np.floor(np.stack([at.lon, at.lat], axis=1) / 0.5)
    shared = (cell[:, None] == cell[control][None]).all(axis=2)
    validation = dwlim.validate(
        predictions[:, :, :STATIONS], arc[:STATIONS], shared, world.up
    )
    np.testing.assert_allclose(fitted.validation.rmse, validation.rmse, atol=1e-5)
    weights = 1 / arc[STATIONS:]
    weights /= weights.sum(axis=1, keepdims=True)
    squares = np.asarray(validation.rmse)[control] ** 2
    np.testing.assert_allclose(predicted.sigma, np.sqrt(weights @ squares), rtol=1e-4)


def test_stations_are_weighted_by_distance_with_what_they_observe(world):
    fitted = gapfill.train(world.heights, gapfill.InverseDistance(2.0), world.stations)
    predicted = fitted.predict(world.places, world.cells).mean
    at, epoch, cell = world.heights.places, 7, 1
    arc = np.asarray(
        angular_distance(at.lon, at.lat, world.places.lon[cell], world.places.lat[cell])
    )
    seen = np.isfinite(world.up[epoch])
    expected = np.average(world.up[epoch, seen], weights=arc[seen] ** -2)
    assert predicted[epoch, cell] == pytest.approx(expected)


def test_a_station_does_not_predict_itself(world):
    fitted = gapfill.train(world.heights, gapfill.InverseDistance(), world.stations)
    changed = world.up.copy()
    changed[:, 2] += 100.0
    heights = gapfill.StationHeights(changed, world.heights.places)
    other = gapfill.train(heights, gapfill.InverseDistance(), world.stations)
    np.testing.assert_allclose(
        fitted.validation.predicted[:, 2], other.validation.predicted[:, 2]
    )


@pytest.mark.slow
def test_a_network_for_all_places_is_fitted_as_forests_are(world):
    model = gapfill.PlaceNetwork(
        4, members=2, steps=30, learning_rate=0.05, neighbourhood_km=30.0
    )
    fitted = gapfill.train(world.heights, model, world.stations)
    predicted = fitted.predict(world.places, world.cells)
    assert predicted.mean.shape == (EPOCHS, CELLS)
    assert (predicted.sigma > 0).all()
    # Of the law that made the heights; noise has 0.3.
    truth = world.cells @ [2.0, -1.0]
    truth -= truth.mean(axis=0)
    assert np.corrcoef(predicted.mean.ravel(), truth.ravel())[0, 1] > 0.8
    missed = np.asarray(fitted.validation.predicted) - world.up
    factor = fitted.record["sigma_factor"]
    unscaled = fitted.predict(world.heights.places, world.stations).sigma / factor
    assert np.sqrt(np.nanmean((missed / unscaled) ** 2)) == pytest.approx(factor)


def test_what_has_no_fit_is_trained_as_an_ensemble():
    assert isinstance(as_station_model(8), gapfill.PlaceNetwork)
    forests = gapfill.StationForests()
    assert as_station_model(forests) is forests
    assert hasattr(FittedPlaceNetwork, "predict")


def test_features_of_another_length_are_refused(world):
    with pytest.raises(ValueError, match="features has 59 along 'epoch'"):
        gapfill.train(world.heights, gapfill.StationForests(), world.stations[1:])


def study(tmp_path, **filling):
    return config.Study(
        gnss=config.Gnss(files="*.up"),
        region=config.Region(boundary="r.txt"),
        weather=config.Weather(temperature="t.nc"),
        gapfill=Gapfill(**filling),
        folder=str(tmp_path),
    )


@pytest.mark.parametrize(
    ("method", "model"), [("mllim", "forest"), ("dwlim", "station-lstm")]
)
def test_published_methods_are_models_of_virtual_stations(tmp_path, method, model):
    other = study(tmp_path, method="virtual-stations", model=model)
    assert study_station_model(study(tmp_path, method=method)) == study_station_model(
        other
    )
    assert other.gapfill.station_model == model


def test_any_model_of_displacement_fills_stations(tmp_path):
    for name in ("lstm", "convolution", "mlp"):
        made = study_station_model(
            study(tmp_path, method="virtual-stations", model=name)
        )
        assert isinstance(made, gapfill.PlaceNetwork)
    weighted = study(
        tmp_path,
        method="virtual-stations",
        model="inverse-distance",
        model_settings={"power": 1.0},
    )
    assert study_station_model(weighted) == gapfill.InverseDistance(1.0)


def test_code_with_a_fit_is_taken_as_it_is(tmp_path):
    code = """
class Mean:
    def __init__(self, shrink=1.0):
        self.shrink = shrink

    def fit(self, heights, features, watch):
        return self
"""
    (tmp_path / "models.py").write_text(code)
    made = study_station_model(
        study(
            tmp_path,
            method="virtual-stations",
            model="models.py:Mean",
            model_settings={"shrink": 0.5},
            trust=True,
        )
    )
    assert (type(made).__name__, made.shrink) == ("Mean", 0.5)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"method": "joint-load", "model": "forest"}, 'use "virtual-stations"'),
        ({"method": "mllim", "model": "station-lstm"}, "trains no model of its own"),
        (
            {"method": "virtual-stations", "model": "water-balance"},
            "needs displacement",
        ),
        ({"method": "virtual-stations", "model": "forrest"}, "did you mean forest"),
    ],
)
def test_models_that_do_not_go_with_a_method_are_refused(settings, problem):
    with pytest.raises(ValueError, match=rf"^gapfill\.model .*{problem}"):
        Gapfill(**settings)


def test_a_setting_that_a_station_model_does_not_have_is_refused(tmp_path):
    wrong = study(
        tmp_path,
        method="virtual-stations",
        model="forest",
        model_settings={"leaves": 3},
    )
    with pytest.raises(ValueError, match=r"^gapfill\.model_settings of forest"):
        study_station_model(wrong)


def test_names_of_station_models_are_known():
    assert STATION_MODELS == ("forest", "station-lstm", "inverse-distance")

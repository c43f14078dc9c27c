"""Models fitted to stations: one protocol for forests, networks and user's own code."""

import types

import numpy as np
import pytest
import xarray as xr

from jaxload import config, gapfill
from jaxload.config.gap_filling import Gapfill
from jaxload.gapfill.networks import ensemble
from jaxload.gapfill.published import dwlim, mllim
from jaxload.gapfill.stations.fitting import as_station_model
from jaxload.gapfill.stations.protocol import PredictedUplift
from jaxload.gapfill.training.optimise import OptimiserSettings
from jaxload.pipeline.fill import station_models
from jaxload.pipeline.fill.study_model import (
    check_trained_jointly,
    study_station_model,
)
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


def test_a_model_that_is_fitted_to_stations_is_not_trained_jointly(tmp_path):
    code = "class Mean:\n    def fit(self, heights, features, watch):\n        pass\n"
    (tmp_path / "mean.py").write_text(code)
    fitted = {"method": "joint-load", "model": "mean.py:Mean", "trust": True}
    with pytest.raises(ValueError, match=r"has fit and no build.*virtual-stations"):
        check_trained_jointly(study(tmp_path, **fitted))
    check_trained_jointly(study(tmp_path, method="joint-load"))


@pytest.mark.parametrize(
    ("model", "settings", "problem"),
    [
        ("inverse-distance", {"power": "2"}, "power is '2', expected a positive"),
        ("inverse-distance", {"power": True}, "power is True"),
        ("forest", {"min_leaf": 1.5}, r"min_leaf is 1\.5, expected a whole number"),
        ("station-lstm", {"training": 3}, "training is 3, expected a `Training`"),
        ("station-lstm", {"control_correlation": -1}, "control_correlation is -1"),
    ],
)
def test_a_setting_of_another_kind_is_refused(tmp_path, model, settings, problem):
    wrong = study(
        tmp_path, method="virtual-stations", model=model, model_settings=settings
    )
    with pytest.raises(ValueError, match=f"of {model}: {problem}"):
        study_station_model(wrong)


def test_networks_of_stations_need_weather(world):
    bare = gapfill.StationHeights(world.up, world.heights.places)
    with pytest.raises(ValueError, match="there is no weather by which stations"):
        gapfill.train(bare, gapfill.StationNetworks(), world.stations)


class OutsideModel:
    """A model of a user, parts of which are replaced by wrong ones."""

    curve = best = None

    def __init__(self, **wrong):
        self.wrong, self.record = wrong, wrong.get("record", {})

    def fit(self, heights, features, watch):
        del watch
        if "fit" in self.wrong:
            return self.wrong["fit"](features)
        self.validation = station_models.Validation(*[heights.up] * 4)
        return self

    def predict(self, places, features, watch):
        del places, watch
        shape = features.shape[:2]
        given = {"mean": np.zeros(shape), "sigma": np.ones(shape[1])} | self.wrong
        return PredictedUplift(given["mean"], given["sigma"])


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"fit": lambda x: x[None].no_such}, "fit fails: AttributeError: .*no_such"),
        ({"fit": lambda _: None}, "a NoneType without predict and validation and"),
        ({"record": 3}, "record of what fit returns is a int, expected a dict"),
        (
            {"mean": np.zeros((2, 2))},
            r"mean of .* has shape \(2, 2\), expected \(60, 3",
        ),
        ({"mean": np.full((60, 3), np.nan)}, "180 of 180 values of mean .* not finite"),
        ({"mean": "much"}, "without numbers in mean"),
        ({"sigma": np.array([1.0, 0.0, 1.0])}, "1 of 3 values of sigma .* not pos"),
    ],
)
def test_a_model_of_a_user_that_goes_wrong_is_said(
    world, tmp_path, monkeypatch, wrong, problem
):
    named = {"method": "virtual-stations", "model": "own.py:Own", "trust": True}
    with pytest.raises(ValueError, match=rf"^gapfill\.model own\.py:Own: .*{problem}"):
        fill_with(world, study(tmp_path, **named), OutsideModel(**wrong), monkeypatch)


def test_cells_between_stations_need_no_weather(world, tmp_path, monkeypatch):
    # The file of the weather is not there.
    weighted = study(tmp_path, method="virtual-stations", model="inverse-distance")
    monkeypatch.setattr(station_models, "describe_validation", lambda *_: {})
    filled = fill_with(world, weighted, gapfill.InverseDistance())
    assert filled.summary["features"] == []
    up = world.up - np.nanmean(world.up, axis=0)
    heights = gapfill.StationHeights(up, world.heights.places)
    fitted = gapfill.InverseDistance().fit(heights, world.stations)
    expected = fitted.predict(world.places, world.cells).mean
    np.testing.assert_allclose(filled.rows.up, expected, atol=1e-5)


def fill_with(world, named, model, monkeypatch=None):
    """Fill the cells of the world by a model."""
    stations, cells = world.heights.places, world.places
    at = lambda places, kind: {
        "station": [f"{kind}{number}" for number in range(len(places.lon))],
        "lon": ("station", places.lon),
        "lat": ("station", places.lat),
    }
    time = np.datetime64("2020-01-01", "ns") + np.arange(EPOCHS) * np.timedelta64(
        1, "D"
    )
    gnss = xr.Dataset(
        {"up": (("time", "station"), world.up, {"units": "mm"})},
        {"time": time, **at(stations, "s")},
    )
    if monkeypatch is not None:
        both = np.concatenate([world.stations, world.cells], axis=1)
        weather = station_models.WeatherSeries({})
        features = station_models.NetworkFeatures(both, ("a", "b"), weather)
        monkeypatch.setattr(station_models, "study_station_model", lambda _: model)
        monkeypatch.setattr(station_models, "network_features", lambda *_: features)
    return station_models.fill(
        named, gnss, xr.Dataset(coords=at(cells, "c")), None, lambda _: None
    )


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

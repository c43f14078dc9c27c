"""What is said of cells that were filled: in the summary, in words and in errors."""

import numpy as np
import pytest
import xarray as xr

from jaxload import config, description, io
from jaxload.gapfill.networks import ensemble
from jaxload.gapfill.scores import score
from jaxload.gapfill.training import optimise
from jaxload.pipeline.fill import station_models
from jaxload.pipeline.inputs.weather import WeatherSeries

EPOCHS, STATIONS, CELLS = 120, 4, 2
NAMES = ["LHAS", "KMIN", "XIAG", "YNMZ"]


def places(names, lon):
    lat = ("station", np.full(len(names), 25.0))
    return xr.Dataset(coords={"station": names, "lon": ("station", lon), "lat": lat})


@pytest.fixture
def weather(rng, monkeypatch):
    """Of all places, as if it had been read."""
    shape = (EPOCHS, STATIONS + CELLS)
    temperature = 280 + np.cumsum(rng.normal(size=shape), axis=0)
    pressure = 1e5 + rng.normal(size=shape)
    found = WeatherSeries({"temperature": temperature, "pressure": pressure})
    monkeypatch.setattr(station_models, "read_weather", lambda *_: found)
    return found


@pytest.fixture
def gnss(weather, rng):
    """Stations that move with the temperature, all but the first."""
    up = weather.variables["temperature"][:, :STATIONS] + 0.1 * rng.normal(
        size=(EPOCHS, STATIONS)
    )
    up[:, 0] = rng.normal(size=EPOCHS)
    time = np.datetime64("2015-01-01", "ns") + np.arange(EPOCHS) * np.timedelta64(
        1, "D"
    )
    dataset = places(NAMES, np.arange(100.0, 104)).assign_coords(time=time)
    return dataset.assign(up=(("time", "station"), up))


@pytest.fixture
def cells():
    return places(["G001", "G002"], np.array([100.5, 102.5]))


def study_with(**filling):
    return config.Study(
        gnss=config.Gnss(files="gnss/*.up"),
        region=config.Region(boundary="region.geojson"),
        weather=config.Weather(temperature="t.nc", pressure="p.nc"),
        features=config.Features(method="none"),
        gapfill=config.Gapfill(trees=2, hidden=2, steps=10, **filling),
    )


def fill(gnss, cells, **filling):
    return station_models.fill(study_with(**filling), gnss, cells, None, lambda _: None)


def test_the_summary_holds_a_taylor_diagram_of_the_stations(gnss, rng):
    up = gnss.up.values.copy()
    up[:7, 1], up[:-2, 3] = np.nan, np.nan
    predicted = up + rng.normal(size=up.shape)
    summary = station_models.describe_validation(
        "mllim", gnss, up, score(predicted, up)
    )
    assert list(summary["stations"]) == NAMES
    for number, name in enumerate(NAMES[:3]):
        each, seen = summary["stations"][name], np.isfinite(up[:, number])
        ours, theirs = predicted[seen, number], up[seen, number]
        assert each["predicted_sd_mm"] == pytest.approx(ours.std())
        assert each["observed_sd_mm"] == pytest.approx(theirs.std())
        assert each["centred_rmse_mm"] == pytest.approx((ours - theirs).std())
        assert each["rmse_mm"] >= each["centred_rmse_mm"]
    # Two values tell nothing.
    assert all(np.isnan(list(summary["stations"]["YNMZ"].values())))


@pytest.mark.parametrize(("method", "least"), [("mllim", 10), ("dwlim", 10)])
def test_a_station_with_too_few_heights_is_called_by_its_name(
    method, least, gnss, cells
):
    # Among control stations it is not the third, but the second.
    gnss.up[5:, 2] = np.nan
    said = f"^station XIAG has 5 values, expected at least {least}.*; leave it out"
    with pytest.raises(ValueError, match=said):
        fill(gnss, cells, method=method)


@pytest.mark.parametrize("stopped", [None, 27])
def test_the_summary_says_whether_networks_of_stations_diverged(
    stopped, gnss, cells, monkeypatch
):
    held_out = np.ones((3, STATIONS - 1))
    curve = optimise.Curve(np.array([0, 10, 20]), held_out, held_out)
    best = np.full(STATIONS - 1, 20)
    networks = ensemble.Ensemble(None, None, None, best, curve, stopped)
    monkeypatch.setattr(ensemble, "train", lambda *_, **__: networks)

    def predict(_, features, **__):
        return np.cumsum(features[:, None, :, 0] * np.ones((1, len(best), 1)), axis=0)

    monkeypatch.setattr(ensemble, "predict", predict)
    found = fill(gnss, cells, method="dwlim").summary
    assert found["control_stations"] == NAMES[1:]
    assert (found["steps"], found["diverged_at"]) == (20, stopped)


STATION = {"pcc": 0.8, "rmse_mm": 3.0}
TAYLOR = {"predicted_sd_mm": 2.0, "observed_sd_mm": 4.0, "centred_rmse_mm": 2.5}
FILLING = {
    "method": "dwlim",
    "cells": 2,
    "control_stations": NAMES,
    "mean_pcc": 0.8,
    "share_of_pcc_above_0.5": 1.0,
    "share_of_rmse_below_5_mm": 1.0,
    "stations": {"LHAS": STATION},
}
LEARNING = {"members": 2, "method": "joint-load", "best_step": [3, 4], "steps": 10}
SUMMARY = {
    "title": "a result",
    "stations": 4,
    "cells": 9,
    "epochs": 120,
    "first_day": "2015-01-01",
    "last_day": "2015-04-30",
    "beta": 0.1,
    "criterion": {},
    "criterion_name": "evidence",
    "signal_rms_mm": 1.0,
    "misfit_rms_mm": 1.0,
    "leave_one_out_rms_mm": None,
    "seconds": {"total": 1.0},
    "peak_memory_gib": 1.0,
    "device": "cpu",
    "versions": {"jaxload": "0", "jax": "0"},
    "errors": {"kind": "none"},
    "evaluation": {},
}


def described(folder, **more):
    io.write_json(SUMMARY | more, folder / "summary.json")
    return "\n".join(description.describe(folder))


def test_scatter_is_told_where_a_result_knows_it(tmp_path):
    assert "scatter" not in described(tmp_path, filling=FILLING)
    quiet = {name: 4 * value for name, value in TAYLOR.items()}
    unknown = dict.fromkeys(STATION | TAYLOR)
    stations = {
        "LHAS": STATION | TAYLOR,
        "KMIN": STATION | quiet,
        "XIAG": unknown,
        "YNMZ": STATION | TAYLOR,
    }
    said = described(tmp_path, filling=FILLING | {"stations": stations})
    assert "at 100%, scatter 2.00 mm where 4.00 mm was seen (medians)\n" in said


@pytest.mark.parametrize(
    ("key", "table", "steps", "said"),
    [
        ("filling", FILLING, {"diverged_at": 7}, "; training diverged at step 7\n"),
        ("filling", FILLING, {"diverged_at": None}, None),
        (
            "learning",
            LEARNING,
            {"diverged_at": 7, "diverged_at_pretraining": None},
            "10 steps; training through the inversion diverged at step 7\n",
        ),
        (
            "learning",
            LEARNING,
            {"diverged_at": None, "diverged_at_pretraining": 5},
            "10 steps; training by itself diverged at step 5\n",
        ),
        (
            "learning",
            LEARNING,
            {"diverged_at": None, "diverged_at_pretraining": None},
            None,
        ),
    ],
)
def test_a_result_tells_where_its_training_diverged(tmp_path, key, table, steps, said):
    lines = described(tmp_path, **{key: table | steps})
    assert said in lines if said else "diverged" not in lines

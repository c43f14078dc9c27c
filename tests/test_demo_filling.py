"""The demonstrations of filling, whole but small, from their files to their lines."""

import dataclasses
import functools

import numpy as np
import pytest
import xarray as xr

from jaxload import cli, config, demo, io, synthetic
from jaxload.demo import filling

SMALL = synthetic.WeatherSettings(start="2015-01-01", stop="2016-06-30", spacing=0.5)


def with_features(make, features, *given):
    return dataclasses.replace(make(*given), features=features)


@pytest.mark.slow
@pytest.mark.parametrize(
    "system",
    [
        "dwlim",
        pytest.param("mllim", marks=pytest.mark.thorough),
        pytest.param("joint", marks=pytest.mark.thorough),
    ],
)
def test_a_demonstration_fills_and_is_held_against_the_truth(
    system, tmp_path, monkeypatch
):
    fewer = dataclasses.replace(filling.FILLERS[system], trees=5, steps=10)
    if system == "dwlim":
        fewer = dataclasses.replace(fewer, hidden=4)
        quick = config.Features(
            method="meemd", components=3, ensemble_size=2, workers=1
        )
        study = functools.partial(with_features, filling.filling_study, quick)
        monkeypatch.setattr(filling, "filling_study", study)
    monkeypatch.setitem(filling.FILLERS, system, fewer)
    # Noise of a network, which joint training takes, needs 128 epochs.
    world = (
        dataclasses.replace(SMALL, stop="2017-12-31") if system == "joint" else SMALL
    )
    lines = demo.run_filling(system, tmp_path, world)
    assert "57 stations" in lines[0]
    summary = io.read_json(tmp_path / "summary.json")
    for name in ("filled", "stations_alone"):
        scores = summary["truth"][name]
        assert 0.2 < scores["all_pcc"] < 1
        assert scores["all_nse"] <= scores["all_pcc"] ** 2 + 1e-9
    written = config.read_study(tmp_path / "data" / "study.toml")
    assert written == filling.filling_study(system, tmp_path / "data")
    names = [
        *(f"Province {n}" for n in range(1, 6)),
        *(f"Basin {n}" for n in range(1, 11)),
    ]
    assert list(summary["evaluation"]) == ["region", *names]
    expected = {
        "mllim": {"virtual_stations.nc"},
        "dwlim": {"virtual_stations.nc", "learning.nc", "features"},
        "joint": {"learning.nc"},
    }
    assert expected[system] <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("system", ["mllim", "dwlim", "joint"])
def test_the_study_of_every_system_survives_its_file(system, tmp_path):
    study = demo.filling_study(system, tmp_path)
    io.write_text(tmp_path / "study.toml", config.to_toml(study))
    assert config.read_study(tmp_path / "study.toml") == study


@pytest.mark.slow
def test_cells_are_compared_where_stations_are_far(rng):
    lat, lon = np.arange(20.0, 26.0), np.arange(100.0, 106.0)
    time = np.arange("2015-01", "2015-07", dtype="M8[M]").astype("M8[ns]")
    true = rng.normal(size=(6, 6, 6))
    off = np.array(true)
    # What is beside the station is wrong, all else is right.
    off[:, 0, 0] = rng.normal(size=6)
    axes = {"time": time, "lat": lat, "lon": lon}
    water = xr.Dataset(
        {
            "twsa": (("time", "lat", "lon"), off),
            "cell_mask": (("lat", "lon"), np.full((6, 6), 2)),
        },
        coords=axes,
    )
    truth = xr.Dataset(
        {"twsa": (("time", "lat", "lon"), true)},
        coords=axes
        | {"station_lon": ("station", [100.0]), "station_lat": ("station", [20.0])},
    )
    found = demo.compare_cells(water, truth)
    assert found["far_nse"] == pytest.approx(1)
    assert found["far_rmse_mm"] == pytest.approx(0)
    assert found["all_nse"] < 0.999


def test_an_unknown_system_is_refused_by_name(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["demo", "--system", "magic"])
    assert stopped.value.code == 2
    assert "magic" in capsys.readouterr().err

"""The benchmark of filling: its studies, scores and stored cells."""

import dataclasses
import json
import types

import numpy as np
import pytest

from benchmarks import _gapfill_case, _gapfill_methods, gapfill
from jaxload import synthetic
from jaxload.series import seasonal_basis

pytest.importorskip("flax", reason="flax is not installed")

CELLS, EPOCHS = 6, 160


def empty_case(folder):
    settings = synthetic.WeatherSettings(seed=4, truth="independent")
    times = _gapfill_case.StageTimes()
    return _gapfill_case.Case(None, folder, settings, None, times)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", _gapfill_methods.METHODS)
def test_every_method_is_a_study(tmp_path, name):
    case = empty_case(tmp_path)
    method = _gapfill_methods.METHODS[name]
    study = case.study(method.changes)
    assert study.path("gnss").parent == tmp_path
    if study.gapfill is not None:
        assert study.gapfill.seed == 4
        assert ("GRACE" in name) == bool(study.gapfill.grace)


def test_methods_differ_in_what_their_names_say(tmp_path):
    case, methods = empty_case(tmp_path), _gapfill_methods.METHODS
    study = lambda name: case.study(methods[name].changes)
    assert study("two stages").gapfill.joint_steps == 0
    assert study("joint, water, operator alone").gapfill.joint_steps == 0
    assert study("joint, water, evidence alone").gapfill.network_likelihood_weight == 0
    assert "precipitation" in study("joint, water").weather.variables
    assert "precipitation" not in study("MLLIM").weather.variables


@pytest.fixture(scope="module")
def case():
    """A truth of six cells, of which the last four are far."""
    time = np.datetime64("2015-01-04") + 7 * np.arange(EPOCHS)
    rng = np.random.default_rng(2)
    basis = seasonal_basis(time)
    truth = basis @ rng.normal(size=(6, CELLS)) + rng.normal(size=(EPOCHS, CELLS))
    gnss = types.SimpleNamespace(time=types.SimpleNamespace(values=time))
    return types.SimpleNamespace(
        truth=truth,
        inside=np.arange(CELLS),
        far=np.arange(2, CELLS),
        sampled=np.array([3, 5]),
        basins=np.full((1, CELLS), 1 / CELLS),
        stations_only=types.SimpleNamespace(gnss=gnss),
        basis=basis,
    )


def test_the_truth_has_no_error(case):
    far, basin = np.ones((EPOCHS, 4)), np.ones((EPOCHS, 1))
    scores = _gapfill_case.score(case, _gapfill_case.Estimate(case.truth, far, basin))
    assert scores["far_nse"] == pytest.approx(1)
    assert scores["far_deseasonalised_nse"] == pytest.approx(1)
    assert scores["far_trend_error_mm_per_year"] == pytest.approx(0, abs=1e-12)
    assert scores["far_within_68"] == scores["basin_within_95"] == 1


def test_scores_without_seasons_differ_from_scores_of_trends(case):
    seasons = case.basis[:, 2:]
    fit = np.linalg.lstsq(case.basis, case.truth, rcond=None)[0]
    only = _gapfill_case.score(case, _gapfill_case.Estimate(seasons @ fit[2:]))
    assert only["far_nse"] > 0
    assert only["far_deseasonalised_nse"] == pytest.approx(0, abs=0.01)
    true = only["far_true_trend_mm_per_year"]
    assert only["far_trend_error_mm_per_year"] == pytest.approx(true)
    assert "far_within_68" not in only


def test_intervals_hold_as_many_as_they_should(case):
    rng = np.random.default_rng(0)
    sd = np.full((EPOCHS, 2), 3.0)
    off = case.truth + 3.0 * rng.normal(size=case.truth.shape)
    scores = _gapfill_case.score(case, _gapfill_case.Estimate(off, sd))
    assert scores["far_within_68"] == pytest.approx(0.68, abs=0.06)
    assert scores["far_within_95"] == pytest.approx(0.95, abs=0.04)


def test_a_run_goes_on_where_another_stopped(tmp_path, monkeypatch):
    path = tmp_path / "found.json"
    monkeypatch.setattr(gapfill, "PATH", path)
    world, both = "southwest China", ["MLLIM", "DWLIM"]
    assert gapfill._missing(world, 1, both) == both
    gapfill._keep(world, 1, "MLLIM", {"far_nse": 0.5, "cpu_minutes": 3.0})
    gapfill._keep(world, 2, "DWLIM", {"far_nse": 0.6, "cpu_minutes": 5.0})
    assert gapfill._missing(world, 1, both) == ["DWLIM"]
    assert set(json.loads(path.read_text())["worlds"][world]) == {"1", "2"}
    assert gapfill._minutes_left([*both, "new"]) == pytest.approx(3 + 5 + 4)
    # Of other settings it is another cell.
    monkeypatch.setitem(gapfill.METHODS, "MLLIM", gapfill.METHODS["MLLIM, tuned"])
    assert gapfill._missing(world, 1, both) == both
    # One that failed is told below the table, and run again.
    gapfill._keep(world, 2, "DWLIM", {"failed": "no file of rain"})
    assert gapfill._missing(world, 2, ["DWLIM"]) == ["DWLIM"]
    assert "* DWLIM, seed 2: no file of rain" in gapfill._tables()


def test_a_method_that_fails_is_reported_and_others_go_on(
    tmp_path, monkeypatch, caplog
):
    def fail(_):
        raise ValueError("no file of rain")

    monkeypatch.setitem(gapfill.METHODS, "MLLIM", fail)
    found = gapfill._scored(empty_case(tmp_path), "MLLIM")
    assert found == {"failed": "no file of rain"}
    assert "no file of rain" in caplog.text


def test_targets_are_counted_by_seed(tmp_path, monkeypatch):
    monkeypatch.setattr(gapfill, "PATH", tmp_path / "found.json")
    for seed, gain in ((1, 0.03), (2, 0.01)):
        scores = {"far_nse": 0.8, "far_within_68": 0.7, "far_within_95": 0.99}
        gapfill._keep("southwest China", seed, "two stages", scores)
        scores = scores | {"far_nse": 0.8 + gain}
        gapfill._keep("southwest China", seed, "joint, water", scores)
    text = gapfill._tables()
    assert "joint, water beats two stages by 0.02 in far NSE: 1 of 2" in text
    assert "joint, water: 68% intervals of far hold 60% to 76%: 2 of 2" in text
    assert "joint, water: 95% intervals of far hold 91% to 98%: 0 of 2" in text
    assert "| joint, water | 2 | 0.820 ± 0.014 |" in text


def test_cells_filled_once_count_for_each_method_that_has_them(tmp_path):
    class Filling:
        """Fills the cells once, as what studies share does."""

        done = False

        def prepared(self, study):
            del study
            if not self.done:
                case.times.seconds["gap_filling"] = 60.0
            self.done = True

    case = dataclasses.replace(empty_case(tmp_path), shared=Filling())
    for name in ("MLLIM", "MLLIM, tuned"):
        case.times.seconds.clear()
        study = case.study(_gapfill_methods.METHODS[name].changes)
        _gapfill_case._prepared(case, study)
        assert case.times.training == 60.0


def test_stages_are_timed_by_the_processor(monkeypatch):
    clock = iter([1.0, 3.0, 10.0, 14.0, 14.5])
    monkeypatch.setattr(_gapfill_case.time, "process_time", lambda: next(clock))
    times = _gapfill_case.StageTimes()
    for stage, share in (
        ("read", 0.0),
        ("read", 1.0),
        ("training", 0.0),
        ("training", 0.5),
    ):
        times(stage, share)
    times("training", 1.0)
    assert times.seconds == {"read": 2.0, "training": 4.5}
    assert times.training == 4.5

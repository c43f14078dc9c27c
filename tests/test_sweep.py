"""Sweeps: which settings are evaluated, by whom, and each as if run by itself."""

import csv
import dataclasses
import json
import logging
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import xarray as xr
from twin_files import write_twin

from jaxload import cli, config, io, pipeline, sweep, synthetic
from jaxload.pipeline.progress import Clock, ignore
from jaxload.pipeline.stages import prepare
from jaxload.sweep import evaluation, presence, run, shared, storage
from jaxload.sweep.draws import draw_settings
from jaxload.sweep.results import importance, not_beaten
from jaxload.sweep.trials import open_trials

pytest.importorskip("netCDF4")
pytest.importorskip("optuna")

WORLD = synthetic.TwinSettings(
    stations=10, days=90, radius=2.0, belt=1.0, spacing=0.5, start="2015-01-01"
)
STUDY = """
title = "a small world"
[gnss]
files = "gnss/*.up"
[region]
boundary = "region.geojson"
spacing = 0.5
buffer = 1.0
[earth]
max_degree = 3000
[evaluation]
grace = "grace.nc"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files of a study, and the study."""
    world, place = synthetic.twin(WORLD), tmp_path_factory.mktemp("study")
    write_twin(world, place)
    lon, lat = np.arange(95.5, 110), np.arange(20.5, 34)
    month = np.array(["2015-01-16", "2015-02-15", "2015-03-16"], "M8[ns]")
    tilt = (lon[None] - 100) / 10 + (lat[:, None] - 25) / 8
    water = np.array([3.0, -1.0, 2.0])[:, None, None] * (1 + tilt)
    field = {"lwe_thickness": (("time", "lat", "lon"), water, {"units": "cm"})}
    axes = {"time": month, "lat": lat, "lon": lon}
    xr.Dataset(field, axes).to_netcdf(place / "grace.nc")
    (place / "study.toml").write_text(STUDY)
    return place


def write_sweep(folder, name, text):
    path = folder / f"{name}.toml"
    path.write_text('study = "study.toml"\n' + text)
    return path


@pytest.fixture
def make_sweep(folder, request):
    number = iter(range(100))

    def make(text):
        name = f"{request.node.name[:40]}-{next(number)}".replace("/", "-")
        return config.read_sweep(write_sweep(folder, name, text))

    return make


BETAS = (0.01, 0.1)
GRID = """
criteria = ["leave-one-out", "evidence", "held-out", "grace"]
[settings]
inversion.beta = [0.1, 0.01]
inversion.common_mode_mm = [0.0, 1.0]
earth.frame = ["CE", "CF"]
"""


@pytest.fixture(scope="module")
def grid(folder):
    return config.read_sweep(write_sweep(folder, "grid", GRID))


@pytest.fixture(scope="module")
def swept(grid, tmp_path_factory):
    """A whole sweep over a grid: its folder and what it found."""
    out = tmp_path_factory.mktemp("swept")
    return out, sweep.run_sweep(grid, out)


def value_of(result, criterion, **settings):
    number = result.sweep.criteria.index(criterion)
    names = {name.replace("__", "."): value for name, value in settings.items()}
    (only,) = [each for each in result.complete if each.settings == names]
    return only.values[number]


def test_a_grid_holds_every_combination_with_beta_varying_fastest(grid):
    settings = list(grid.combinations())
    assert grid.count == len(settings) == 8
    assert [each["inversion.beta"] for each in settings] == [0.1, 0.01] * 4
    frames = [each["earth.frame"] for each in settings]
    assert frames == ["CE"] * 4 + ["CF"] * 4
    assert len({json.dumps(each, sort_keys=True) for each in settings}) == 8


def test_a_list_takes_values_side_by_side(make_sweep):
    text = 'method = "list"\n[settings]\ninversion.beta = [0.1, 0.2]\n'
    swept = make_sweep(text + 'inversion.block_km = [50.0, 60.0]\nearth.frame = "CM"\n')
    assert list(swept.combinations()) == [
        {"inversion.beta": 0.1, "inversion.block_km": 50.0, "earth.frame": "CM"},
        {"inversion.beta": 0.2, "inversion.block_km": 60.0, "earth.frame": "CM"},
    ]


def test_an_interval_is_spaced_as_it_says():
    logarithmic = config.Interval(0.001, 1.0, 4, "log").values
    np.testing.assert_allclose(logarithmic, [0.001, 0.01, 0.1, 1.0], rtol=1e-11)
    assert config.Interval(1, 10, 4).values == (1, 4, 7, 10)
    assert config.Interval(0.0, 1.0, 3).values == (0.0, 0.5, 1.0)


@pytest.mark.parametrize("method", ["random", "qmc"])
def test_drawn_settings_are_the_same_for_every_worker_and_within_their_ends(
    method, make_sweep
):
    text = f'method = "{method}"\ntrials = 16\nseed = 3\n[settings]\n'
    text += 'inversion.beta = { low = 0.001, high = 1.0, scale = "log" }\n'
    drawn = make_sweep(text + 'earth.frame = ["CE", "CF"]\ngnss.sigma = "daily"\n')
    first, again = (list(draw_settings(drawn)) for _ in range(2))
    assert first == again
    assert len(first) == 16
    betas = np.array([each["inversion.beta"] for each in first])
    assert ((betas > 0.001) & (betas < 1)).all()
    # Half of them below the middle, by the logarithm.
    assert 4 <= (betas < 0.0316).sum() <= 12
    assert {each["earth.frame"] for each in first} == {"CE", "CF"}
    assert {each["gnss.sigma"] for each in first} == {"daily"}


def test_each_setting_has_the_criterion_of_its_own_run(swept, folder):
    for common, frame in ((0.0, "CE"), (1.0, "CF")):
        changes = {
            "inversion.beta": 0.1,
            "inversion.common_mode_mm": common,
            "earth.frame": frame,
            "inversion.errors": "none",
        }
        study = config.read_study(folder / "study.toml", changes=changes)
        summary = pipeline.run(study).summary
        place = {
            "inversion__beta": 0.1,
            "inversion__common_mode_mm": common,
            "earth__frame": frame,
        }
        got = value_of(swept[1], "leave-one-out", **place)
        np.testing.assert_allclose(got, summary["leave_one_out_rms_mm"], rtol=1e-9)
        (score,) = summary["evaluation"].values()
        got = value_of(swept[1], "grace", **place)
        np.testing.assert_allclose(got, score["rmse_mm"], rtol=1e-6)


@pytest.mark.parametrize(
    ("criterion", "name"),
    [("abic", "evidence"), ("leave-group-out", "held-out")],
)
def test_criteria_are_those_by_which_a_run_chooses_beta(criterion, name, swept, folder):
    changes = {
        "inversion.beta_min": 0.01,
        "inversion.beta_max": 0.1,
        "inversion.beta_count": 2,
        "inversion.criterion": criterion,
        "inversion.common_mode_mm": 1.0,
        "earth.frame": "CF",
        "inversion.errors": "none",
    }
    study = config.read_study(folder / "study.toml", changes=changes)
    tried = pipeline.run(study).summary["criterion"]
    for each in tried:
        got = value_of(
            swept[1],
            name,
            inversion__beta=round(each["beta"], 12),
            inversion__common_mode_mm=1.0,
            earth__frame="CF",
        )
        want = 1 - each["value"] / 2 if name == "evidence" else each["value"]
        np.testing.assert_allclose(got, want, rtol=1e-9)


def test_stations_on_local_ground_are_counted_before_any_inversion(folder, caplog):
    study = config.read_study(folder / "study.toml")
    station = prepare(study, None, Clock(ignore)).gnss.station.values[0]
    local = config.LocalEarth(
        thickness_km=(8.0,),
        vp_km_s=(2.2,),
        vs_km_s=(0.9,),
        density_kg_m3=(2100.0,),
        stations=(str(station), "NONE"),
    )
    study = dataclasses.replace(study, earth=config.Earth(local=(local,)))
    summary = prepare(study, None, Clock(ignore)).summary
    assert summary["local_earth_stations"] == [1]
    said = "earth.local[0] names NONE, which are no stations of this study"
    assert [r.getMessage() for r in caplog.records].count(said) == 1


def test_what_settings_share_is_computed_once(grid):
    kept = shared.Shared(pipeline.progress.Clock(pipeline.ignore))
    for settings in grid.combinations():
        study = grid.study_with(settings)
        kept.model(study, kept.prepared(study))
    assert kept.count == {"prepared": 1, "design": 2, "prior": 1, "problem": 2}


def test_settings_that_differ_in_beta_only_go_through_one_scan(grid):
    groups = {evaluation.group_of(grid.study_with(s)) for s in grid.combinations()}
    assert len(groups) == 4


def test_a_table_a_dataset_and_figures_come_out(swept):
    out, result = swept
    rows = list(csv.DictReader((out / "trials.csv").read_text().splitlines()))
    assert len(rows) == 8
    assert float(rows[0]["leave-one-out"]) == result.complete[0].values[0]
    with io.read_dataset(out / "trials.nc") as table:
        assert table.sizes == {"setting": 8}
        np.testing.assert_allclose(
            table.evidence, [each.values[1] for each in result.complete], rtol=1e-6
        )
        assert table.earth_frame.values.tolist() == ["CE"] * 4 + ["CF"] * 4
        assert table.pareto.values.astype(bool).tolist() == result.pareto.tolist()
    names = {path.name for path in out.glob("*.png")}
    assert {"parallel_coordinates.png", "importance.png", "pareto.png"} <= names
    assert "criterion_leave-one-out.png" in names


def test_a_folder_of_a_sweep_is_described(swept, capsys):
    out, result = swept
    assert cli.main(["info", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "8 of 8 settings were evaluated"
    assert lines[1].startswith(
        f"best by leave-one-out ({result.best.values[0]:.6g} mm)"
    )
    assert lines[-1] == f"jaxload run {out / 'best.toml'} --out OUT runs the best"


def test_the_best_study_runs_from_anywhere(swept, tmp_path):
    out, result = swept
    place = tmp_path / "elsewhere" / "best.toml"
    place.parent.mkdir()
    place.write_text((out / "best.toml").read_text())
    summary = pipeline.run(config.read_study(place)).summary
    np.testing.assert_allclose(
        summary["leave_one_out_rms_mm"], result.best.values[0], rtol=1e-9
    )
    largest = config.read_study(out / "best_evidence.toml").inversion
    values = [each.values[1] for each in result.complete]
    best = result.complete[int(np.argmax(values))]
    assert largest.beta == best.settings["inversion.beta"]


def test_a_second_start_evaluates_nothing_and_writes_the_same(swept, grid, monkeypatch):
    out, first = swept
    before = (out / "trials.csv").read_text()
    monkeypatch.setattr("jaxload.sweep.run.evaluate_alike", None)
    again = sweep.run_sweep(grid, out)
    assert (out / "trials.csv").read_text() == before
    assert [each.values for each in again.complete] == [
        each.values for each in first.complete
    ]


def test_the_pareto_set_is_what_nothing_beats():
    losses = np.array([[1, 4], [2, 2], [4, 1], [3, 3], [2, 2], [1, 5.0]])
    assert not_beaten(losses).tolist() == [True, True, True, False, True, False]


def test_importance_is_the_share_of_the_variance(make_sweep):
    keys = "inversion.beta = { low = 0.1, high = 0.9, count = 9 }\n"
    text = f"[settings]\n{keys}inversion.common_mode_mm = [0.0, 1.0, 2.0]\n"
    plan = make_sweep(text)
    rows = [
        storage.Evaluated(
            number,
            settings,
            (10 * settings["inversion.beta"] + settings["inversion.common_mode_mm"],),
            "",
            0.1,
            0.0,
        )
        for number, settings in enumerate(plan.combinations())
    ]
    shares = importance(sweep.SweepResult(plan, rows), 0)
    values = 10 * np.linspace(0.1, 0.9, 9)
    first, second = values.var(), np.arange(3.0).var()
    np.testing.assert_allclose(
        shares["inversion.beta"], first / (first + second), atol=0.05
    )


class Stub:
    """Criteria that cost nothing, for tests of who evaluates what."""

    def __init__(self, monkeypatch, fail=lambda _: None):
        self.evaluated, self.fail = [], fail
        monkeypatch.setattr("jaxload.sweep.run.evaluate_alike", self)

    def __call__(self, studies, criteria, _, report):
        for number, study in enumerate(studies):
            self.fail(study)
            beta = study.inversion.beta
            self.evaluated.append((beta, study.inversion.common_mode_mm))
            values = {name: abs(beta - 0.3) for name in criteria}
            report(number, evaluation.Outcome(values, beta, 0.0))


FEW = """
[settings]
inversion.beta = [0.1, 0.2, 0.3]
inversion.common_mode_mm = [0.0, 1.0]
"""


def test_a_worker_that_was_killed_loses_its_settings_to_the_next(
    make_sweep, tmp_path, monkeypatch
):
    plan = make_sweep(FEW)
    first = open_trials(plan, tmp_path, "killed")
    first.plan()
    claims = first.claim(lambda each: each["inversion.common_mode_mm"])
    assert [each.settings["inversion.beta"] for each in claims] == [0.1, 0.2, 0.3]
    first.tell(claims[0], {"leave-one-out": 0.5}, 0.1, 1.0)
    stub = Stub(monkeypatch)
    result = sweep.run_sweep(plan, tmp_path)
    assert len(result.complete) == 6
    assert sorted(stub.evaluated) == [
        *((0.1, 1.0), (0.2, 0.0), (0.2, 1.0), (0.3, 0.0), (0.3, 1.0))
    ]
    assert result.best.settings["inversion.beta"] == 0.3


def test_a_setting_whose_worker_was_killed_before_it_signed_is_not_lost(
    make_sweep, tmp_path, monkeypatch
):
    plan = make_sweep(FEW)
    first = open_trials(plan, tmp_path, "killed")
    first.plan()
    first.study.ask()
    Stub(monkeypatch)
    assert len(sweep.run_sweep(plan, tmp_path).complete) == 6


def test_settings_of_a_living_worker_are_left_to_it(make_sweep, tmp_path, monkeypatch):
    plan = make_sweep(FEW)
    other = open_trials(plan, tmp_path, "other")
    with presence.signing(other.study, "other"):
        other.plan()
        taken = other.claim(lambda each: each["inversion.common_mode_mm"])
        stub = Stub(monkeypatch)
        sweep.run_sweep(plan, tmp_path)
        assert {common for _, common in stub.evaluated} == {1.0}
        for claim in taken:
            other.tell(claim, {"leave-one-out": 1.0}, 0.1, 1.0)
    assert len(sweep.read_results(plan, tmp_path).complete) == 6


def test_an_interrupted_worker_gives_its_settings_back(
    make_sweep, tmp_path, monkeypatch
):
    plan = make_sweep(FEW)

    def stop(study):
        if study.inversion.beta == 0.2:
            raise KeyboardInterrupt

    Stub(monkeypatch, stop)
    with pytest.raises(KeyboardInterrupt):
        sweep.run_sweep(plan, tmp_path)
    stub = Stub(monkeypatch)
    assert len(sweep.run_sweep(plan, tmp_path).complete) == 6
    assert len(stub.evaluated) == 5


def test_parts_share_out_all_settings(make_sweep, tmp_path, monkeypatch):
    plan, counts = make_sweep(FEW), []
    for number in (1, 2, 3, 4):
        stub = Stub(monkeypatch)
        result = sweep.run_sweep(plan, tmp_path, part=(number, 4))
        counts.append(len(stub.evaluated))
    assert counts == [2, 2, 1, 1]
    assert len(result.complete) == 6
    assert [each.number for each in result.complete] == list(range(6))


@pytest.mark.parametrize("method", ["tpe", "nsga2"])
def test_samplers_of_optuna_come_near_the_best(
    method, make_sweep, tmp_path, monkeypatch
):
    text = f'method = "{method}"\ntrials = 40\nseed = 1\n'
    text += 'criteria = ["leave-one-out", "gcv"]\n[settings]\n'
    text += "inversion.beta = { low = 0.01, high = 1.0 }\n"
    plan = make_sweep(text)
    stub = Stub(monkeypatch)
    result = sweep.run_sweep(plan, tmp_path)
    assert len(result.complete) == len(stub.evaluated) == 40
    assert abs(result.best.settings["inversion.beta"] - 0.3) < 0.03
    assert len(sweep.run_sweep(plan, tmp_path).complete) == 40


@pytest.mark.parametrize("method", ["random", "qmc"])
def test_draws_are_evaluated_once_each_and_shared_out(
    method, make_sweep, tmp_path, monkeypatch
):
    text = f'method = "{method}"\ntrials = 12\n[settings]\n'
    plan = make_sweep(text + "inversion.beta = { low = 0.1, high = 1.0 }\n")
    stub = Stub(monkeypatch)
    for number in (1, 2):
        result = sweep.run_sweep(plan, tmp_path, part=(number, 2))
    assert len(result.complete) == len(stub.evaluated) == 12
    drawn = [each["inversion.beta"] for each in draw_settings(plan)]
    assert sorted(beta for beta, _ in stub.evaluated) == sorted(drawn)


def test_more_trials_continue_a_sweep(make_sweep, tmp_path, monkeypatch):
    text = 'method = "random"\ntrials = {}\n[settings]\n'
    text += "inversion.beta = {{ low = 0.1, high = 1.0 }}\n"
    stub = Stub(monkeypatch)
    for trials in (4, 10):
        sweep.run_sweep(make_sweep(text.format(trials)), tmp_path)
        assert len(stub.evaluated) == trials


def test_a_sampler_that_repeats_itself_ends(make_sweep, tmp_path, monkeypatch):
    text = 'method = "tpe"\ntrials = 12\n[settings]\ninversion.beta = [0.1, 0.2]\n'
    stub = Stub(monkeypatch)
    result = sweep.run_sweep(make_sweep(text), tmp_path)
    assert sorted(stub.evaluated) == [(0.1, 0.0), (0.2, 0.0)]
    assert len(result.complete) == 2


def test_workers_that_other_machines_run_keep_their_settings(
    make_sweep, tmp_path, monkeypatch
):
    plan = make_sweep(f'storage = "sqlite:///{tmp_path}/trials.db"\n' + FEW)
    other = open_trials(plan, tmp_path / "there", "other")
    alike = lambda each: each["inversion.common_mode_mm"]
    with monkeypatch.context() as there:
        there.setattr("socket.gethostname", lambda: "elsewhere")
        signs = presence.signing(other.study, "other")
        signs.__enter__()
    other.plan()
    taken = other.claim(alike)
    stub = Stub(monkeypatch)
    sweep.run_sweep(plan, tmp_path / "here")
    assert len(stub.evaluated) == 3
    for claim in taken:
        other.tell(claim, {"leave-one-out": 1.0}, 0.1, 1.0)
    signs.__exit__(None, None, None)
    assert len(sweep.read_results(plan, tmp_path / "here").complete) == 6


def test_a_worker_of_another_machine_without_a_sign_of_life_has_ended():
    sign = {"host": "elsewhere", "process": 1, "time": time.time()}
    assert not presence.has_ended(sign)
    assert presence.has_ended(sign | {"time": time.time() - 2 * presence.SILENCE})


def test_settings_that_two_machines_planned_are_evaluated_once(
    make_sweep, tmp_path, monkeypatch
):
    plan = make_sweep(f'storage = "sqlite:///{tmp_path}/trials.db"\n' + FEW)
    first = open_trials(plan, tmp_path / "one", "one")
    first.plan()
    for text in {storage.settings_of(t) for t in first.study.get_trials()}:
        first.study.enqueue_trial({}, user_attrs={"settings": text})
    stub = Stub(monkeypatch)
    result = sweep.run_sweep(plan, tmp_path / "two")
    assert len(result.complete) == len(stub.evaluated) == 6
    assert result.left == 0


def test_a_result_of_a_setting_that_was_taken_for_lost_is_no_error(
    make_sweep, tmp_path
):
    plan = make_sweep(FEW)
    slow = open_trials(plan, tmp_path, "slow")
    slow.plan()
    (*_, claim) = slow.claim(lambda _: 0)
    open_trials(plan, tmp_path, "next").restore()
    slow.tell(claim, {"leave-one-out": 1.0}, 0.1, 1.0)
    slow.refuse(claim, "too late")


def test_parts_share_a_database(make_sweep, tmp_path, monkeypatch):
    plan = make_sweep(f'storage = "sqlite:///{tmp_path}/trials.db"\n' + FEW)
    stub = Stub(monkeypatch)
    for number in (1, 2):
        result = sweep.run_sweep(plan, tmp_path / str(number), part=(number, 2))
    assert len(result.complete) == len(stub.evaluated) == 6


def test_a_worker_for_which_nothing_is_left_ends_in_order(
    make_sweep, tmp_path, monkeypatch
):
    plan = make_sweep(FEW)
    other = open_trials(plan, tmp_path, "other")
    with presence.signing(other.study, "other"):
        other.plan()
        other.claim(lambda _: 0)
        Stub(monkeypatch)
        result = sweep.run_sweep(plan, tmp_path)
        assert result.left == 6
        assert sweep.describe_sweep(tmp_path) == [
            "0 of 6 settings were evaluated, 6 are with other workers"
        ]


def test_whatever_makes_a_setting_fail_leaves_the_others(
    make_sweep, tmp_path, monkeypatch
):
    def fail(study):
        if study.inversion.common_mode_mm == 1.0:
            raise RuntimeError("RESOURCE_EXHAUSTED: out of memory")

    Stub(monkeypatch, fail)
    result = sweep.run_sweep(make_sweep(FEW), tmp_path)
    assert len(result.complete) == 3
    wrong = [each.error for each in result.evaluated if each.error]
    assert set(wrong) == {"RuntimeError: RESOURCE_EXHAUSTED: out of memory"}


def test_intervals_are_of_the_type_of_their_setting(make_sweep):
    text = "[settings]\ninversion.beta = { low = 1, high = 2, count = 3 }\n"
    text += "inversion.beta_count = { low = 5, high = 9, count = 3 }\n"
    values = make_sweep(text).values
    assert values["inversion.beta"] == (1.0, 1.5, 2.0)
    assert values["inversion.beta_count"] == (5, 7, 9)


def test_values_of_lists_side_by_side_may_repeat(make_sweep):
    text = 'method = "list"\n[settings]\ninversion.beta = [0.1, 0.1]\n'
    swept = make_sweep(text + 'earth.frame = ["CE", "CF"]\n')
    assert len(list(swept.combinations())) == 2


def test_a_setting_that_cannot_be_evaluated_is_named_and_left_out(
    make_sweep, tmp_path, monkeypatch, caplog
):
    text = '[settings]\ninversion.prior = ["laplacian", "matern"]\n'
    plan = make_sweep(text + "inversion.beta = [0.1, 0.2]\n")
    Stub(monkeypatch)
    with caplog.at_level(logging.WARNING, "jaxload"):
        result = sweep.run_sweep(plan, tmp_path)
    assert len(result.complete) == 2
    wrong = [each for each in result.evaluated if each.values is None]
    assert len(wrong) == 2
    assert all('"matern" needs a positive length' in each.error for each in wrong)
    rows = list(csv.DictReader((tmp_path / "trials.csv").read_text().splitlines()))
    assert sum("positive length" in row["error"] for row in rows) == 2
    assert "could not be (trials.csv says why)" in sweep.describe_sweep(tmp_path)[0]


def test_settings_that_failed_are_tried_again_where_that_is_wanted(
    make_sweep, tmp_path, monkeypatch
):
    plan = make_sweep(FEW)

    def refuse(study):
        if study.inversion.common_mode_mm == 1.0:
            raise ValueError("the disk is full")

    Stub(monkeypatch, refuse)
    for _ in range(2):
        assert len(sweep.run_sweep(plan, tmp_path).complete) == 3
    Stub(monkeypatch)
    assert len(sweep.run_sweep(plan, tmp_path, resume=True).complete) == 6


def test_a_sweep_of_which_nothing_works_stops_and_says_why(
    make_sweep, tmp_path, monkeypatch
):
    keys = "inversion.common_mode_mm = { low = 0.1, high = 0.9, count = 100 }\n"
    plan = make_sweep(f"[settings]\n{keys}")

    def refuse(_):
        raise ValueError("no file matches gnss/*.up")

    Stub(monkeypatch, refuse)
    with pytest.raises(
        ValueError, match="none could be evaluated: no file matches gnss"
    ):
        sweep.run_sweep(plan, tmp_path)


WRONG = {
    "no settings": ("", "the table [settings] is missing"),
    "unknown key": (
        "[settings]\ninversion.bta = [1.0]",
        "settings.inversion.bta is no setting of a study; did you mean inversion.beta?",
    ),
    "unknown method": ('method = "gird"\n[settings]\ninversion.beta = [1.0]', "grid"),
    "unknown criterion": (
        'criteria = ["loo"]\n[settings]\ninversion.beta = [1.0]',
        "criteria",
    ),
    "empty list": ("[settings]\ninversion.beta = []", "is an empty list"),
    "twice": ("[settings]\ninversion.beta = [1.0, 1.0]", "has a value twice"),
    "one value as two": ("[settings]\ninversion.beta = [1, 1.0]", "has a value twice"),
    "an interval of words": (
        "[settings]\nearth.frame = { low = 1, high = 2 }",
        "settings.earth.frame: it takes no numbers",
    ),
    "halves of whole numbers": (
        "[settings]\ngapfill.seed = { low = 0.5, high = 2 }",
        "it takes whole numbers",
    ),
    "a thousand million values": (
        "[settings]\ninversion.beta = { low = 0.5, high = 2.0, count = 1000000000 }",
        "count is 1000000000, expected 2 to 1,000,000",
    ),
    "ends": (
        "[settings]\ninversion.beta = { low = 1.0, high = 0.5 }",
        "settings.inversion.beta: low is 1 and high 0.5",
    ),
    "logarithm": (
        '[settings]\ninversion.beta = { low = 0.0, high = 1.0, scale = "log" }',
        "needs positive numbers",
    ),
    "lists of two lengths": (
        'method = "list"\n[settings]\ninversion.beta = [1.0, 2.0]\n'
        "inversion.block_km = [1.0, 2.0, 3.0]",
        "2 of inversion.beta, 3 of inversion.block_km",
    ),
    "a value of another type": (
        '[settings]\ninversion.beta = ["large"]',
        'inversion.beta is "large"',
    ),
    "nsga2 of one criterion": (
        'method = "nsga2"\n[settings]\ninversion.beta = [1.0]',
        "is for several criteria",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_sweep_that_makes_no_sense_is_refused_in_one_sentence(name, make_sweep):
    text, message = WRONG[name]
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        make_sweep(text)
    assert "\n" not in str(error.value)


NAMED = """
[gnss]
files = "x"
[region]
boundary = "y"
[weather]
snow = { files = "s.nc" }
[weather.ndvi]
files = "n.nc"
[weather.static.elevation]
files = "dem.nc"
[gapfill]
method = "joint-load"
[gapfill.model_settings]
hidden = 8
"""


@pytest.fixture
def sweep_of_names(tmp_path):
    (tmp_path / "study.toml").write_text(NAMED)
    return lambda text: config.read_sweep(write_sweep(tmp_path, "sweep", text))


SETTINGS = {
    "weather.ndvi.antecedent_days": "[10, 30]",
    "weather.ndvi.components": "{ low = 1, high = 5 }",
    "weather.snow.antecedent_days": "[10, 30]",
    "weather.static.elevation.transformation": '["", "log1p"]',
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_of_tables_that_the_study_names_are_varied(name, sweep_of_names):
    plan = sweep_of_names(f"[settings]\n{name} = {SETTINGS[name]}")
    value = plan.values[name][1]
    weather = plan.study_with({name: value}).weather
    assert weather is not None
    *tables, setting = name.split(".")
    named = weather.static if "static" in tables else weather.variables
    assert getattr(named[tables[-1]], setting) == value


@pytest.mark.parametrize("values", ["[4, 8]", "{ low = 4, high = 8, count = 2 }"])
def test_settings_of_a_model_that_the_study_has_are_varied(values, sweep_of_names):
    name = "gapfill.model_settings.hidden"
    plan = sweep_of_names(f"[settings]\n{name} = {values}")
    assert plan.values[name] == (4, 8)
    filling = plan.study_with({name: 4}).gapfill
    assert filling is not None
    assert filling.model_settings == {"hidden": 4}


STRANGE = {
    "gapfill.model_settings.hiden": "did you mean gapfill.model_settings.hidden",
    "weather.ndvy.antecedent_days": "did you mean weather.ndvi.antecedent_days",
    "weather.ndvi.antecedent_day": "did you mean weather.ndvi.antecedent_days",
    "weather.static.slope.transformation": "is no setting of a study",
}


@pytest.mark.parametrize("name", STRANGE)
def test_settings_of_tables_that_the_study_lacks_are_slips(name, sweep_of_names):
    with pytest.raises(ValueError, match=STRANGE[name]):
        sweep_of_names(f"[settings]\n{name} = [10, 30]")


def test_ends_of_intervals_of_named_tables_are_of_their_type(sweep_of_names):
    text = "[settings]\nweather.ndvi.components = { low = 0.5, high = 2 }"
    with pytest.raises(ValueError, match=r"low is 0\.5, but it takes whole numbers"):
        sweep_of_names(text)


def test_a_missing_study_is_named(tmp_path):
    (tmp_path / "sweep.toml").write_text(
        'study = "none.toml"\n[settings]\ninversion.beta = [1.0]\n'
    )
    with pytest.raises(FileNotFoundError, match=r"none\.toml is not a file"):
        config.read_sweep(tmp_path / "sweep.toml")


def test_too_many_settings_are_counted_and_refused(folder, capsys, tmp_path):
    keys = (
        *("inversion.beta", "inversion.block_km", "region.spacing"),
        "inversion.common_mode_mm",
    )
    lines = [f"{key} = {{ low = 0.1, high = 0.9, count = 200 }}" for key in keys]
    path = write_sweep(folder, "many", "[settings]\n" + "\n".join(lines))
    assert cli.main(["sweep", str(path), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "1,600,000,000 settings" in said
    assert "51 years" in said
    assert "--yes" in said
    assert not (tmp_path / "out").exists()


def test_a_folder_of_another_sweep_is_refused(make_sweep, swept):
    other = make_sweep(FEW)
    with pytest.raises(ValueError, match="holds a sweep of another study"):
        sweep.run_sweep(other, swept[0])


def test_two_workers_of_one_name_are_refused(make_sweep, tmp_path, monkeypatch):
    plan, folders = make_sweep(FEW), (tmp_path / "one", tmp_path / "two")
    shared_storage = f'storage = "sqlite:///{tmp_path}/trials.db"\n'
    of_database = make_sweep(shared_storage + FEW)
    Stub(monkeypatch)
    place = io.prepare_folder(tmp_path / "workers" / "node1")
    with io.locked_folder(place), pytest.raises(ValueError, match="named node1 runs"):
        sweep.run_sweep(plan, tmp_path, worker="node1")
    study = open_trials(of_database, folders[0], "node1").study
    with (
        presence.signing(study, "node1"),
        pytest.raises(ValueError, match="named node1 runs"),
    ):
        sweep.run_sweep(of_database, folders[1], worker="node1")


@pytest.mark.parametrize("name", ["../x", ".turn", "a b"])
def test_a_name_that_is_no_folder_is_refused(name, make_sweep, tmp_path):
    with pytest.raises(ValueError, match="is no name for a folder"):
        sweep.run_sweep(make_sweep(FEW), tmp_path, worker=name)


def test_a_storage_that_is_none_is_refused(make_sweep, tmp_path):
    plan = make_sweep('storage = "nonsense://"\n' + FEW)
    with pytest.raises(ValueError, match="the storage nonsense:// cannot be used"):
        sweep.run_sweep(plan, tmp_path)


def test_workers_share_a_database(make_sweep, tmp_path, monkeypatch):
    plan = make_sweep(f'storage = "sqlite:///{tmp_path}/trials.db"\n' + FEW)
    stub = Stub(monkeypatch)
    assert len(sweep.run_sweep(plan, tmp_path / "one").complete) == 6
    assert len(sweep.run_sweep(plan, tmp_path / "two").complete) == 6
    assert len(stub.evaluated) == 6


def test_criteria_that_a_study_does_not_have_are_named(make_sweep, tmp_path):
    text = 'criteria = ["evidence"]\n[settings]\ninversion.robust = ["huber"]\n'
    with pytest.raises(
        ValueError, match='criterion "evidence" is not known with robust'
    ):
        sweep.run_sweep(make_sweep(text + "inversion.beta = [0.1]\n"), tmp_path)


def test_a_sweep_without_optuna_says_what_to_install(make_sweep, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ValueError, match=r"install jaxload\[sweep\]"):
        sweep.run_sweep(make_sweep(FEW), tmp_path)


@pytest.mark.parametrize("text", ["3/2", "0/2", "2", "a/b", "1/0"])
def test_a_part_that_is_none_is_refused(text, folder, tmp_path, capsys):
    path = write_sweep(folder, "part", FEW)
    words = ["sweep", str(path), "--out", str(tmp_path), "--part", text]
    assert cli.main(words) == 2
    assert "expected a number and a count, as 2/8" in capsys.readouterr().err


def test_samplers_that_learn_have_no_parts(make_sweep, tmp_path):
    plan = make_sweep('method = "tpe"\n' + FEW)
    with pytest.raises(ValueError, match="learns from all settings and has no shares"):
        sweep.run_sweep(plan, tmp_path, part=(1, 2))


@pytest.mark.parametrize(
    ("changes", "criteria"),
    [
        ({"inversion.robust": "huber"}, ("leave-one-out", "grace")),
        ({"inversion.station_weights": True}, ("leave-one-out",)),
        ({"inversion.common_mode_mm": "estimate"}, ("leave-one-out",)),
        ({"inversion.beta": "choose"}, ("leave-one-out", "grace")),
    ],
)
def test_estimates_of_other_kinds_are_judged_as_their_own_run(
    changes, criteria, folder
):
    changes = {
        "inversion.beta": 0.05,
        "inversion.beta_count": 3,
        "earth.frame": "CF",
        **changes,
    }
    study = config.read_study(folder / "study.toml", changes=changes)
    kept = shared.Shared(pipeline.progress.Clock(pipeline.ignore))
    outcomes = []
    evaluation.evaluate_alike(
        [study], criteria, kept, lambda _, outcome: outcomes.append(outcome)
    )
    settings = {**changes, "inversion.errors": "none"}
    single = pipeline.run(config.read_study(folder / "study.toml", changes=settings))
    got = outcomes[0].values
    want = single.summary["leave_one_out_rms_mm"]
    np.testing.assert_allclose(got["leave-one-out"], want, rtol=1e-8)
    np.testing.assert_allclose(outcomes[0].beta, single.summary["beta"], rtol=1e-12)
    if "grace" in criteria:
        (score,) = single.summary["evaluation"].values()
        np.testing.assert_allclose(got["grace"], score["rmse_mm"], rtol=1e-6)


def test_workers_share_out_the_gpus_of_a_machine(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    monkeypatch.delenv("XLA_PYTHON_CLIENT_MEM_FRACTION", raising=False)
    fraction = "XLA_PYTHON_CLIENT_MEM_FRACTION"
    two = [run.gpu_settings(number, 2) for number in (0, 1)]
    assert two == [{"CUDA_VISIBLE_DEVICES": one} for one in ("2", "5")]
    four = [run.gpu_settings(number, 4) for number in range(4)]
    assert [each["CUDA_VISIBLE_DEVICES"] for each in four] == ["2", "5", "2", "5"]
    assert {each[fraction] for each in four} == {"0.375"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert run.gpu_settings(0, 2) == {}


MEMBERS = """
members = 3
[settings]
inversion.beta = [0.02, 0.1]
inversion.common_mode_mm = [0.5]
earth.frame = ["CE", "CF"]
"""


@pytest.fixture(scope="module")
def combined(folder, tmp_path_factory):
    """The product of three settings, each setting's own run, and its weight."""
    plan = config.read_sweep(write_sweep(folder, "members", MEMBERS))
    out = tmp_path_factory.mktemp("combined")
    result = sweep.run_sweep(plan, out)
    place = sweep.combine(result, out)
    best = result.ranked()[:3]
    runs = [pipeline.run(plan.study_with(each.settings)) for each in best]
    weights = np.array([each.values[0] for each in best]) ** -2.0
    return place, runs, weights / weights.sum(), (plan, result, out)


@pytest.mark.parametrize(("file", "name"), [("twsa", "water"), ("regions", "regions")])
def test_a_combination_is_mean_and_spread_of_its_members(file, name, combined):
    place, runs, weights, _ = combined
    with io.read_dataset(place / f"{file}.nc") as product:
        members = [getattr(run, name) for run in runs]
        water = np.array([member.twsa.values for member in members], float)
        sd = np.array([member.twsa_sd.values for member in members], float)
        mean = np.average(water, axis=0, weights=weights)
        np.testing.assert_allclose(product.twsa, mean, rtol=1e-4, atol=1e-3)
        spread = np.average((water - mean) ** 2, axis=0, weights=weights)
        np.testing.assert_allclose(
            product.twsa_spread, np.sqrt(spread), rtol=1e-4, atol=1e-3
        )
        total = np.sqrt(np.average(sd**2, axis=0, weights=weights) + spread)
        np.testing.assert_allclose(product.twsa_sd, total, rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(product.weight, weights, rtol=1e-6)
        assert product.twsa.attrs["units"] == "mm"


def test_a_combination_computes_no_member_twice(combined, monkeypatch):
    *_, (_, result, out) = combined
    monkeypatch.setattr("jaxload.sweep.combination.invert_prepared", None)
    sweep.combine(result, out)


def test_members_are_weighed_by_what_the_sweep_knows(make_sweep):
    values = {"evidence": np.log([1.0, 3.0]), "held-out": [1.0, 2.0], "gcv": [1, 9]}
    for names, want in (
        (("evidence",), [0.25, 0.75]),
        (("evidence", "held-out"), [0.8, 0.2]),
        (("gcv",), [0.5, 0.5]),
    ):
        plan = make_sweep(f"criteria = {json.dumps(names)}\n" + FEW)
        rows = [
            storage.Evaluated(n, {}, tuple(values[k][n] for k in names), "", 0.1, 0.0)
            for n in (0, 1)
        ]
        np.testing.assert_allclose(sweep.member_weights(plan, rows), want)


def test_members_of_negligible_weight_leave_finite_errors(make_sweep, tmp_path, caplog):
    text = 'criteria = ["evidence"]\n[settings]\ninversion.beta = [0.0001, 0.05]\n'
    result = sweep.run_sweep(make_sweep(text), tmp_path)
    assert np.ptp([each.values[0] for each in result.complete]) > 100
    with caplog.at_level(logging.WARNING, "jaxload"):
        place = sweep.combine(result, tmp_path)
    assert "1 of 2 settings have less than a thousandth of the weight" in caplog.text
    with io.read_dataset(place / "regions.nc") as product:
        np.testing.assert_array_equal(product.twsa_spread, 0)
        assert np.isfinite(product.twsa_sd).all()
        assert "twsa_monthly" not in product
        assert "beta" not in product.attrs


def test_settings_with_other_cells_are_not_combined(make_sweep, tmp_path):
    text = "[settings]\ninversion.beta = 0.1\nregion.spacing = [0.5, 1.0]\n"
    result = sweep.run_sweep(make_sweep(text), tmp_path)
    with pytest.raises(ValueError, match="differ in their cells cannot be combined"):
        sweep.combine(result, tmp_path)


def test_one_setting_is_no_combination(make_sweep, tmp_path, monkeypatch):
    Stub(monkeypatch)
    result = sweep.run_sweep(make_sweep("[settings]\ninversion.beta = 0.1\n"), tmp_path)
    with pytest.raises(ValueError, match="needs two settings or more"):
        sweep.combine(result, tmp_path)


@pytest.mark.slow
def test_workers_started_together_share_the_settings_and_survive_a_kill(
    folder, tmp_path
):
    keys = 'inversion.beta = { low = 0.001, high = 1.0, count = 30, scale = "log" }\n'
    text = f"[settings]\n{keys}inversion.common_mode_mm = [0.0, 0.5, 1.0, 2.0]\n"
    path, out = write_sweep(folder, "together", text), tmp_path / "out"
    words = [sys.executable, "-m", "jaxload", "sweep", str(path), "--out", str(out)]
    process = subprocess.Popen(
        [*words, "--workers", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    # The worker that the first one started, once it has taken settings.
    deadline, victim = time.monotonic() + 240, None
    while victim is None and time.monotonic() < deadline:
        time.sleep(0.3)
        journal = out / "trials.journal"
        journal = journal.read_text() if journal.is_file() else ""
        for lock in out.glob("workers/*/.jaxload.lock"):
            name = lock.parent.name
            about = json.loads(lock.read_text() or "{}")
            if about.get("process", process.pid) != process.pid and name in journal:
                victim = about["process"]
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    said, warned = process.communicate(timeout=240)
    assert process.returncode == 0, warned.decode()
    assert "120 of 120 settings were evaluated" in said.decode()
    assert b"ended with exit code -9" in warned


@pytest.mark.slow
def test_two_commands_with_one_folder_share_the_settings(folder, tmp_path):
    path = write_sweep(folder, "joined", GRID)
    words = [
        sys.executable,
        "-m",
        "jaxload",
        "sweep",
        str(path),
        "--out",
        str(tmp_path),
    ]
    several = [
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [each.communicate(timeout=240) for each in several]
    assert [each.returncode for each in several] == [0, 0], said
    swept = sweep.read_results(config.read_sweep(path), tmp_path)
    assert len(swept.complete) == 8
    assert len({json.dumps(e.settings) for e in swept.complete}) == 8


def test_noise_of_a_network_is_judged_by_whole_runs(make_sweep, tmp_path):
    text = 'criteria = ["evidence"]\n[settings]\ninversion.noise = ["network"]\n'
    text += "inversion.noise_memory_days = [30.0]\n"
    with pytest.raises(
        ValueError, match='criterion "evidence" is not known with noise of a network'
    ):
        sweep.run_sweep(make_sweep(text), tmp_path)

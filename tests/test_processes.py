"""Several processes do a study together, and end together."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

import jaxload
from jaxload import _launch
from jaxload.io.gnss import files as gnss_files
from tests.test_cli import edit, write_study

xr = pytest.importorskip("xarray")

ROOT = pathlib.Path(jaxload.__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def test_a_process_alone_is_not_one_of_several():
    assert _launch.find_launch(None, None, None, {}) is None
    assert _launch.find_launch("1", 0, "localhost:4000", {}) is None
    assert _launch.find_launch(None, None, None, {"SLURM_STEP_NUM_TASKS": "1"}) is None


def test_a_launcher_tells_processes_apart():
    for name in ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE"):
        launch = _launch.find_launch(None, None, None, {name: "2"})
        assert launch == (None, None, None)
    assert _launch.find_launch("auto", None, None, {}) == (None, None, None)


def test_options_and_variables_say_the_same():
    options = _launch.find_launch("2", 1, "node7:4000", {})
    variables = {
        "JAX_NUM_PROCESSES": "2",
        "JAX_PROCESS_ID": "1",
        "JAX_COORDINATOR_ADDRESS": "node7:4000",
    }
    assert options == _launch.find_launch(None, None, None, variables)
    assert options == (2, 1, "node7:4000")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("2", None, None), "belong together"),
        ((None, 1, None), "belong together"),
        (("two", 0, "localhost:4000"), "expected a number from 1 on"),
        (("2", 2, "localhost:4000"), "--process is 2, expected a number from 0 to 1"),
        (("2", -1, "localhost:4000"), "--process is -1"),
        (("2", 0, "localhost"), "expected host:port"),
        (("2", 0, "localhost:99999"), "expected host:port"),
    ],
)
def test_settings_of_processes_that_cannot_be_are_refused(words, message):
    with pytest.raises(ValueError, match=message):
        _launch.find_launch(*words, {})


def free_port():
    with contextlib.closing(socket.create_server(("localhost", 0))) as server:
        return server.getsockname()[1]


def start(folder, out, *more, devices=(1, 1)):
    """Processes of one run, with as many devices each as a node has cores."""
    count = len(devices)
    place = ["--processes", str(count), "--coordinator", f"localhost:{free_port()}"]
    command = [sys.executable, "-m", "jaxload", "run", str(folder / "study.toml")]
    command += ["--out", str(out), *place, *more]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return [
        subprocess.Popen(
            [*command, "--process", str(n)],
            env=ENVIRONMENT | {"JAX_NUM_CPU_DEVICES": str(number)},
            **pipes,
        )
        for n, number in enumerate(devices)
    ]


def finish(processes):
    """Exit codes, and what each process wrote."""
    try:
        words = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [process.returncode for process in processes], words


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = write_study(tmp_path_factory.mktemp("processes"))
    edit("study.toml", "beta_count = 3", 'beta_count = 3\nerrors = "cells"')(folder)
    return folder


@pytest.mark.slow
def test_two_processes_do_what_one_does(study, tmp_path):
    alone = [sys.executable, "-m", "jaxload", "run", str(study / "study.toml")]
    subprocess.run(
        [*alone, "--out", str(tmp_path / "one")],
        env=ENVIRONMENT,
        check=True,
        capture_output=True,
    )
    codes, words = finish(start(study, tmp_path / "two", devices=(3, 1)))
    assert codes == [0, 0], words
    assert "five stations" in words[0][0]
    assert words[1] == ("", "")
    for name in ("twsa.nc", "regions.nc", "stations.nc"):
        one, two = (
            xr.load_dataset(tmp_path / folder / name) for folder in ("one", "two")
        )
        xr.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-6)
    one, two = (
        json.loads((tmp_path / folder / "summary.json").read_text())
        for folder in ("one", "two")
    )
    assert one["beta"] == two["beta"]
    assert one["leave_one_out_rms_mm"] == pytest.approx(
        two["leave_one_out_rms_mm"], rel=1e-9
    )
    codes, words = finish(start(study, tmp_path / "two", "--resume", devices=(1, 2)))
    assert codes == [0, 0], words
    assert "five stations" in words[0][0]


def check_one_sentence(words):
    said = [line for _, error in words for line in error.splitlines()]
    said = [line for line in said if not line.startswith("WARNING")]
    assert len(said) == 1, said
    assert said[0].startswith("jaxload: ")
    return said[0]


def wait_for(folder, processes):
    """Wait until the first process has a folder for results, and so all are joined."""
    while not folder.is_dir():
        assert all(process.poll() is None for process in processes)
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
def test_a_killed_process_ends_the_others(study, tmp_path, killed):
    processes = start(study, tmp_path / "out")
    wait_for(tmp_path / "out", processes)
    processes[killed].send_signal(signal.SIGKILL)
    codes, words = finish(processes)
    assert codes[killed] == -signal.SIGKILL
    assert codes[1 - killed] == 4
    said = check_one_sentence(words)
    assert f"process {killed} of 2 ended before the others" in said
    assert not (tmp_path / "out" / "summary.json").exists()


@pytest.mark.slow
def test_input_that_one_process_refuses_ends_all_with_its_sentence(tmp_path):
    bad = write_study(tmp_path)
    edit("study.toml", 'region.txt"', 'nowhere.txt"')(bad)
    processes = start(bad, tmp_path / "out")
    codes, words = finish(processes)
    assert codes == [2, 2]
    assert "nowhere.txt" in check_one_sentence(words)


@pytest.mark.slow
def test_fewer_epochs_than_processes_are_refused(study, tmp_path):
    processes = start(study, tmp_path / "out", "--set", "gnss.end=2019-11-01")
    codes, words = finish(processes)
    assert codes == [2, 2], words
    assert "fewer than the 2 devices" in check_one_sentence(words)


PREPARING = """
import pathlib, sys
import jax

index, port, study, folder = sys.argv[1:]
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_num_cpu_devices", 1 + int(index))
jax.config.update("jax_cpu_collectives_implementation", "gloo")
jax.distributed.initialize("localhost:" + port, 2, int(index))
from tests import test_processes
test_processes.keep_prepared(pathlib.Path(study), pathlib.Path(folder, "two" + index))
"""


def keep_prepared(study, place):
    """Prepare a study, and keep its heights and what was warned of."""
    from jaxload import config
    from jaxload.pipeline import doubts, progress, stages

    clock = progress.Clock(progress.ignore)
    read = []
    io_open = gnss_files._attempt
    gnss_files._attempt = lambda reading, path: (
        read.append(path.name) or io_open(reading, path)
    )
    with doubts.collected_warnings() as warnings:
        prepared = stages.prepare(config.read_study(study), None, clock)
    gnss_files._attempt = io_open
    rows = prepared.rows
    np.savez(f"{place}.npz", **{name: rows[name].values for name in KEPT})
    plain = {"warnings": warnings, "summary": prepared.summary, "read": read}
    pathlib.Path(f"{place}.json").write_text(json.dumps(plain))


KEPT = ("station", "lon", "up", "rate_removed", "trend_determined", "trend_shrinkage")


def write_network(folder):
    """Stations with steps, outliers and gaps, a bad file and a short record."""
    rng = np.random.default_rng(5)
    days = np.arange("2017-01-01", "2019-07-01", dtype="M8[D]")
    years = 2017 + np.arange(len(days)) / 365.25
    (folder / "gnss").mkdir(parents=True)
    lines = []
    for number in range(8):
        up = 4 * np.cos(2 * np.pi * years) + rng.normal(size=len(days))
        up[400 + 20 * number :] += 12 * (number % 2)
        up[60 + number] += 50
        seen = rng.random(len(days)) > 0.1
        seen[: 700 * (number == 3)] = False
        rows = [
            f"{day} {value:.3f} 1.0\n".replace("-", "", 2)
            for day, value in zip(days[seen].astype(str), up[seen])
        ]
        if number == 5:
            rows[7] = "20170110 nonsense\n"
        if number == 1:
            rows.insert(9, rows[9])
        (folder / "gnss" / f"st{number:02}.up").write_text("".join(rows))
        lines.append(f"ST{number:02} {10.2 + 0.3 * number} {45.5 + 0.2 * number}\n")
    (folder / "gnss" / "sites.txt").write_text("".join(lines))
    corners = ["9.5 45", "13 45", "13 47.5", "9.5 47.5"]
    (folder / "region.txt").write_text("\n".join(corners))
    (folder / "study.toml").write_text(
        """
title = "seven stations"
[gnss]
files = "gnss/*.up"
[region]
boundary = "region.txt"
spacing = 0.5
buffer = 0.5
[cleaning]
outliers = "3-sigma"
steps = "detect"
trend = "remove"
reconstruct = 8
[screening]
least_rate = 0.01
"""
    )
    return folder / "study.toml"


@pytest.mark.slow
@pytest.mark.thorough
def test_stations_are_read_and_cleaned_by_two_processes_as_by_one(tmp_path):
    study = write_network(tmp_path / "network")
    port = str(free_port())
    words = [sys.executable, "-c", PREPARING]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [
        subprocess.Popen(
            [*words, str(n), port, str(study), str(tmp_path)], env=ENVIRONMENT, **pipes
        )
        for n in range(2)
    ]
    keep_prepared(study, tmp_path / "one")
    codes, words = finish(processes)
    assert codes == [0, 0], words
    arrays = [np.load(tmp_path / f"{name}.npz") for name in ("one", "two0", "two1")]
    plain = [
        json.loads((tmp_path / f"{name}.json").read_text())
        for name in ("one", "two0", "two1")
    ]
    files = [each.pop("read") for each in plain]
    assert sorted(files[1] + files[2]) == files[0]
    assert len(files[1]) == len(files[2]) == 4
    for two, rest in zip(arrays[1:], plain[1:]):
        for name in KEPT[2:]:
            np.testing.assert_allclose(two[name], arrays[0][name], 1e-9, 1e-9)
        assert (two["station"] == arrays[0]["station"]).all()
        assert rest["warnings"] == plain[0]["warnings"]
        assert rest["summary"]["cleaning"]["steps"] == 2
    np.testing.assert_array_equal(arrays[1]["up"], arrays[2]["up"])
    assert "st05.up line 8 has 2 columns" in " ".join(plain[0]["warnings"])
    assert "rows of days that it has already" in " ".join(plain[0]["warnings"])
    assert plain[0]["summary"]["cleaning"]["short_records"]


TRAINING = """
import dataclasses, json, pathlib, sys
import jax

index, count, port, folder = map(str, sys.argv[1:])
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_num_cpu_devices", 1 + 2 * int(index))
if count == "2":
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize("localhost:" + port, 2, int(index))
import numpy as np
from jaxload.gapfill.joint import schedule
from jaxload.gapfill.networks import ensemble
from jaxload.gapfill.training.checkpoints import DiskCheckpoints
from jaxload.gapfill.training.optimise import OptimiserSettings
from tests import test_gapfill_curriculum as small

steps = OptimiserSettings(steps=6, every=3, learning_rate=0.01)
kept = lambda name: DiskCheckpoints(pathlib.Path(folder, name), "a model")
trained = small.train_ensemble(
    small.small_training_data(),
    schedule.TrainingSchedule(steps, steps),
    checkpoints=kept if index == "0" else None,
    watch=lambda share: None,
)
rng = np.random.default_rng(0)
features = rng.normal(size=(40, 3, 2))
networks = ensemble.train(
    features, features.sum(axis=2), ensemble.Training(hidden=2, dtype="float64",
    warm_up=2, descent=steps),
)
filled = ensemble.predict(networks, features)
# An offset that anomalies are free of follows rounding alone.
network = dataclasses.replace(trained.last.parameters.network, offset=np.zeros(1))
leaves = [*jax.tree.leaves((network, trained.last.parameters.inversion))]
leaves += [trained.last.curve.held_out]
leaves += [*jax.tree.leaves(networks.weights), filled]
sums = [float(np.nansum(np.abs(np.asarray(x, float)))) for x in leaves]
pathlib.Path(folder, "sums" + index).write_text(json.dumps(sums))
"""


#: What one training has compiled serves those of the same devices.
COMPILED = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}


def train(folder, count):
    folder.mkdir(exist_ok=True)
    cache = {"JAX_COMPILATION_CACHE_DIR": str(folder.parent / "compiled"), **COMPILED}
    port = str(free_port())
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TRAINING, str(n), str(count), port, str(folder)],
            env=cache | ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(count)
    ]
    codes, words = finish(processes)
    assert codes == [0] * count, words
    return [json.loads((folder / f"sums{n}").read_text()) for n in range(count)]


@pytest.mark.slow
@pytest.mark.thorough
def test_networks_trained_by_two_processes_are_those_of_one(tmp_path):
    [one] = train(tmp_path / "one", 1)
    two = train(tmp_path / "two", 2)
    assert two[0] == two[1]
    # The networks of a joint training are float32.
    assert two[0] == pytest.approx(one, rel=1e-6)
    steps = sorted(path.name for path in (tmp_path / "two" / "jointly").iterdir())
    assert steps == ["3", "6", "model.json"]
    # What two processes kept, one takes up.
    shutil.rmtree(tmp_path / "two" / "jointly" / "6")
    [again] = train(tmp_path / "two", 1)
    assert again == pytest.approx(one, rel=1e-6)

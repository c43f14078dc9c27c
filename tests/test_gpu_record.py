"""The record of an accelerator is written line by line, and goes on where it ended."""

import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import _gpu_values, gpu_record
from benchmarks._launch_programs import PROGRAMS, Program, paths, shape


@pytest.fixture(autouse=True)
def _no_extra_checks():
    """Benchmarks run with the promotion rules that users have."""
    with (
        jax.numpy_rank_promotion("allow"),
        jax.numpy_dtype_promotion("standard"),
    ):
        yield


def product_program():
    return Program("product", "4", 0, lambda: (lambda a: a @ a, (shape(4, 4),)))


@pytest.fixture
def one_path(monkeypatch):
    """As if the earth were one product of matrices."""
    calls = []

    def several(small):
        calls.append(small)
        return {"earth": [product_program()]}

    monkeypatch.setattr(gpu_record, "paths", several)
    return calls


def lines_of(folder, part):
    return json.loads((folder / f"gpu_{part}.json").read_text())["rows"]


def test_ceilings_are_measured_and_those_measured_count(tmp_path, one_path):
    gpu_record.main(["rates", "--small", "--out", str(tmp_path)])
    lines = {line["what"]: line for line in lines_of(tmp_path, "rates")}
    assert not [line for line in lines.values() if "failed" in line]
    product = lines["product of 512, float64"]
    assert product["per_s"] == pytest.approx(2 * 512**3 / product["median_s"])
    assert lines["a launch in a loop"]["launches"] >= gpu_record.TURNS
    gpu_record.main(["earth", "--small", "--out", str(tmp_path)])
    (line,) = lines_of(tmp_path, "earth")
    assert one_path == [True]
    assert line["flops"] == {"dot float64": 2 * 4**3}
    share = 2 * 4**3 / product["per_s"] / line["median_s"]
    assert line["share_of_ceiling"] == pytest.approx(share)
    assert {"first_s", "compile_s", "launches", "temp_gib"} <= set(line)


@pytest.mark.usefixtures("one_path")
def test_what_stands_in_a_record_is_not_measured_again(tmp_path):
    older, newer = tmp_path / "older", tmp_path / "newer"
    gpu_record.main(["earth", "--out", str(older)])
    before = lines_of(older, "earth")
    gpu_record.main(["earth", "--out", str(newer), "--before", str(older)])
    assert lines_of(newer, "earth") == before


@pytest.mark.usefixtures("one_path")
def test_a_line_at_which_a_part_was_cut_is_not_tried_again(tmp_path):
    cut = {"what": product_program().key, "cut": True}
    (tmp_path / "gpu_earth.json").write_text(json.dumps({"rows": [cut]}))
    gpu_record.main(["earth", "--out", str(tmp_path)])
    assert lines_of(tmp_path, "earth") == [cut]


@pytest.mark.usefixtures("one_path")
def test_no_line_begins_where_no_time_is_left(tmp_path):
    gpu_record.main(["earth", "--out", str(tmp_path), "--budget", "10"])
    assert lines_of(tmp_path, "earth") == []


def test_a_line_that_fails_says_why(tmp_path, monkeypatch):
    broken = Program("broken", "4", 0, lambda: 1 / 0)
    several = lambda _: {"earth": [broken, product_program()]}
    monkeypatch.setattr(gpu_record, "paths", several)
    gpu_record.main(["earth", "--out", str(tmp_path)])
    first, second = lines_of(tmp_path, "earth")
    assert first["failed"] == "ZeroDivisionError: division by zero"
    assert second["median_s"] > 0


def test_every_path_of_the_table_is_in_the_record():
    recorded = {
        program.name.removeprefix("step of ").split(",")[0]
        for several in paths().values()
        for program in several
    }
    for name in {program.name.split(",")[0] for program in PROGRAMS.values()}:
        short = name.removeprefix("step of 75 ").split(" to 10")[0]
        assert short in recorded, name


def test_paths_have_three_sizes():
    for several in paths().values():
        sizes = {}
        for program in several:
            sizes.setdefault(program.name, []).append(program.size)
        assert {len(set(each)) for each in sizes.values()} == {3}


def test_values_are_a_record_with_its_gaps_and_a_problem_that_belongs_together():
    (first, *_) = paths(small=True)["criteria"]
    function, (problem, values, *rest) = _gpu_values.call_of(first)
    assert np.isnan(values).any()
    np.testing.assert_allclose(problem.gram, problem.design @ problem.cross, rtol=1e-12)
    assert np.linalg.eigvalsh(problem.gram)[0] > 0
    assert jnp.isfinite(function(problem, values, *rest))


@pytest.mark.slow
def test_a_record_of_a_small_part_is_made_from_the_command_line(tmp_path):
    command = [sys.executable, "-m", "benchmarks.gpu_record", "sweep", "--small"]
    subprocess.run([*command, "--out", str(tmp_path)], check=True)
    lines = lines_of(tmp_path, "sweep")
    assert [line["what"] for line in lines] == [
        f"leave-one-out at {count} betas, small" for count in (1, 5, 25)
    ]
    assert all(line["median_s"] > 0 for line in lines)


def test_parity_is_held_against_another_process(tmp_path, monkeypatch):
    path = tmp_path / "0.npz"
    np.savez(path, **{"0": np.full((4, 4), 2.0)})
    monkeypatch.setattr(gpu_record, "paths", lambda _: {"earth": [ones_program()]})
    monkeypatch.setattr(gpu_record.tempfile, "TemporaryDirectory", InFolder(tmp_path))
    monkeypatch.setattr(gpu_record.subprocess, "Popen", lambda *_, **__: Nobody())
    gpu_record.main(["parity", "--out", str(tmp_path)])
    (line,) = lines_of(tmp_path, "parity")
    # Ones by ones are four, where the other has two.
    assert line["largest_error"] == 1
    assert line["missing_alike"]


def test_the_cpu_writes_what_it_makes(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_record, "paths", lambda _: {"earth": [ones_program()]})
    gpu_record.main(["reference", "--out", str(tmp_path)])
    with np.load(tmp_path / "0.npz") as results:
        np.testing.assert_array_equal(results["0"], np.full((4, 4), 4.0))


def ones_program():
    return Program("product", "4", 0, lambda: (lambda a: a @ a, (jnp.ones((4, 4)),)))


class InFolder:
    """A folder that is there and stays."""

    def __init__(self, path):
        self.path = path

    def __call__(self):
        return self

    def __enter__(self):
        return str(self.path)

    def __exit__(self, *_):
        return None


class Nobody:
    """A process that has ended."""

    poll = terminate = wait = lambda _: 0

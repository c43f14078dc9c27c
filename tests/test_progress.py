"""Stages are counted, shown with the time left, and noted in a log."""

import contextlib
import io
import logging
import pathlib
import re
import signal
import subprocess
import sys

import pytest
from rich.console import Console

from jaxload import _console, config, pipeline
from jaxload.pipeline.expected_stages import stages_of_study
from jaxload.pipeline.progress import Clock, ignore, part_of
from jaxload.pipeline.run_log import RUN_LOG, kept_log


class Watching:
    """A watch that keeps what it is told."""

    def __init__(self):
        self.plans, self.shares = [], []

    def plan(self, stages):
        self.plans.append(stages)

    def __call__(self, stage, share):
        self.shares.append((stage, share))


def test_a_stage_that_is_left_out_or_not_expected_changes_the_count():
    watch, lines = Watching(), []
    clock = Clock(watch, note=lines.append)
    clock.expect(["a", "b", "c", "d_e"])
    for name in ("a", "c", "new", "d_e", "a"):
        with clock.stage(name):
            pass
    numbers = [re.match(r"stage (\d+ of \d+): ([\w ]+),", line) for line in lines]
    expected = [
        ("1 of 4", "a"),
        ("2 of 3", "c"),
        ("3 of 4", "new"),
        ("4 of 4", "d e"),
        ("5 of 5", "a"),
    ]
    assert [match.groups() for match in numbers[::2]] == expected
    assert [match.groups() for match in numbers[1::2]] == expected
    assert all(line.endswith(", begins") for line in lines[::2])
    assert not any("begins" in line for line in lines[1::2])
    assert watch.plans[0] == ("a", "b", "c", "d_e")
    assert watch.plans[-1] == ("a", "c", "new", "d_e", "a")
    assert set(clock.seconds) == {"a", "c", "new", "d_e"}


def test_a_clock_without_a_plan_numbers_nothing_on_the_terminal():
    watch = Watching()
    with Clock(watch).stage("a"):
        pass
    assert watch.plans == []
    assert watch.shares == [("a", 0.0), ("a", 1.0)]


def test_a_log_has_a_line_for_each_stage_and_warning_and_says_how_it_ended(tmp_path):
    for append in (False, True):
        with (
            contextlib.suppress(ValueError),
            kept_log(tmp_path, "1.0 runs\na study", append) as note,
        ):
            clock = Clock(ignore, note=note)
            clock.expect(["first_stage", "second"])
            with clock.stage("first_stage"):
                logging.getLogger("jaxload.x").warning("dry\nwell")
                logging.getLogger("jaxload.y").warning("dry\nwell")
            if append:
                raise ValueError("no room")
    lines = (tmp_path / RUN_LOG).read_text().splitlines()
    assert all(re.match(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d  \S", line) for line in lines)
    words = [line[21:] for line in lines]
    assert [words[n] for n in (0, 1, 2, 4, 5, 9)] == [
        "jaxload 1.0 runs a study",
        "stage 1 of 2: first stage, begins",
        "warning: dry well",
        "finished",
        "jaxload 1.0 runs a study",
        "stopped: no room",
    ]
    stage = r"stage 1 of 2: first stage, \d\.\d s, peak memory \d+\.\d\d GiB"
    assert all(re.fullmatch(stage, words[n]) for n in (3, 8))
    assert len(lines) == 10


def test_a_log_says_that_a_run_was_interrupted(tmp_path):
    with (
        contextlib.suppress(KeyboardInterrupt),
        kept_log(tmp_path, "1.0 runs x", append=False),
    ):
        raise KeyboardInterrupt
    assert (tmp_path / RUN_LOG).read_text().endswith("  interrupted\n")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_log_says_in_which_stage_a_run_ended(tmp_path, error):
    with (
        contextlib.suppress(error),
        kept_log(tmp_path, "1.0 runs x", append=False) as note,
    ):
        clock = Clock(ignore, note=note)
        clock.expect(["first_stage", "second"])
        with clock.stage("first_stage"):
            raise error
    lines = (tmp_path / RUN_LOG).read_text().splitlines()
    ended = r"stage 1 of 2: first stage, left after \d+\.\d s, peak memory"
    assert re.search(ended, lines[-2])
    assert not clock.seconds


def test_a_new_run_replaces_its_log_and_no_file_of_others(tmp_path):
    for _ in range(2):
        with kept_log(tmp_path, "1.0 runs x", append=False):
            pass
    assert len((tmp_path / RUN_LOG).read_text().splitlines()) == 2
    (tmp_path / RUN_LOG).write_text("what a shell put here\n")
    with kept_log(tmp_path, "1.0 runs x", append=False):
        pass
    lines = (tmp_path / RUN_LOG).read_text().splitlines()
    assert lines[0] == "what a shell put here"
    assert len(lines) == 3


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path):
    (tmp_path / RUN_LOG).mkdir()
    with kept_log(tmp_path, "1.0 runs x", append=False) as note:
        note("a line")


def shown(columns=120):
    """What the terminal shows amid two stages, as text."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=columns)
    with _console.progress_on(console) as watch:
        watch("simulation", 1.0)
        watch.plan(("reading", "standard_errors_of_cells", "figures"))
        watch("reading", 1.0)
        watch("standard_errors_of_cells", 0.0)
        (line,) = [x for x in watch.progress.tasks if "errors" in x.description]
        line.start_time -= 30
        watch("standard_errors_of_cells", 0.25)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())


def test_the_terminal_shows_which_stage_its_share_and_the_time_left():
    last = re.split("[\r\n]+", shown())
    errors = [x for x in last if "standard errors of cells" in x][-1]
    assert "2 of 3  standard errors of cells" in errors
    assert "25%" in errors
    # A quarter took 30 s.
    assert re.search(r"0:01:(29|30|31) left", errors)
    assert not any(" of " in x for x in last if "simulation" in x)
    assert any("1 of 3  reading" in x and "100%" in x for x in last)


def test_the_progress_of_a_part_is_progress_of_its_stage():
    shares = []
    half = part_of(shares.append, 0.5, 1.0)
    for share in (0.0, 0.5, 1.0):
        part_of(half, 0.0, 0.4)(share)
    assert shares == pytest.approx([0.5, 0.6, 0.7])


def test_a_stage_hands_out_what_reports_its_share():
    watch = Watching()
    with Clock(watch).stage("inversion") as report_progress:
        report_progress(0.25)
    assert watch.shares == [("inversion", share) for share in (0.0, 0.25, 1.0)]


KILLED = """
import os, signal, sys, pathlib
from jaxload.pipeline.progress import Clock, ignore
from jaxload.pipeline.run_log import kept_log
with kept_log(pathlib.Path(sys.argv[1]), "1.0 runs x", False) as note:
    clock = Clock(ignore, note=note)
    clock.expect(["first", "second_stage"])
    with clock.stage("first"):
        pass
    with clock.stage("second_stage"):
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_the_log_of_a_run_that_was_killed_ends_with_what_was_under_way(tmp_path):
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    last = (tmp_path / RUN_LOG).read_text().splitlines()[-1]
    assert last.endswith("stage 2 of 2: second stage, begins")


@pytest.mark.parametrize("share", [float("nan"), float("inf"), -1.0, 3.0])
def test_a_share_out_of_its_range_stops_no_run(share):
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=120)
    with _console.progress_on(console) as watch:
        watch("reading", 0.5)
        watch("reading", share)
        (task,) = watch.progress.tasks
        assert task.completed == {-1.0: 0.0, 3.0: 1.0}.get(share, 0.5)
        watch.progress.refresh()


@pytest.mark.parametrize("joint", [False, True])
def test_stages_of_filling_are_those_of_the_method(joint):
    method = "joint-load" if joint else "mllim"
    study = config.Study(
        gnss=config.Gnss(files="*.up"),
        region=config.Region(boundary="a.geojson"),
        weather=config.Weather(temperature="t.nc", pressure="p.nc"),
        gapfill=config.Gapfill(method=method),
    )
    stages = stages_of_study(study)
    assert ("training" in stages) == joint
    assert ("gap_filling" in stages) != joint
    assert ("spectra_of_noise" in stages) == joint


def test_every_stage_of_the_pipeline_is_one_that_is_expected():
    room = pathlib.Path(pipeline.__file__).parent
    text = "".join(path.read_text() for path in room.rglob("*.py"))
    named = set(re.findall(r'clock\.stage\(\s*"(\w+)"', text))
    known = set(re.findall(r'"(\w+)"', (room / "expected_stages.py").read_text()))
    assert len(named) > 20
    assert named <= known

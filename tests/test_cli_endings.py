"""How a run ends that cannot go on, or is not let: what is said, and what is kept."""

import dataclasses
import fcntl
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

import jaxload
from jaxload import cli, config, description, io
from jaxload.io.files import folders
from jaxload.pipeline import runs
from jaxload.pipeline.estimation import inversion
from jaxload.pipeline.results.provenance import Origin, origin_of
from tests.test_cli import (
    BETA,
    TOML,
    UP,
    check_one_sentence,
    edit,
    python,
    run,
    write_study,
)

pytest.importorskip("netCDF4")

OWN = {**os.environ, "PYTHONPATH": str(pathlib.Path(jaxload.__file__).parents[1])}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A study, and its result in ``out``."""
    folder = write_study(tmp_path_factory.mktemp("done"))
    edit(TOML, BETA[0], BETA[1].format(0.01))(folder)
    assert run(folder, folder / "out") == 0
    return folder


@pytest.fixture
def study(done, tmp_path):
    """Of one's own, without its result."""
    names = shutil.ignore_patterns("out")
    return shutil.copytree(done, tmp_path / "study", ignore=names)


def contents(folder):
    return {name: (folder / name).read_bytes() for name in names_of_results(folder)}


def names_of_results(folder):
    """Files of results; the log says of every run when it was."""
    return [x.name for x in folder.iterdir() if x.is_file() and x.name != "run.log"]


def without_costs(folder):
    summary = io.read_json(folder / "summary.json")
    return {k: v for k, v in summary.items() if k not in ("seconds", "peak_memory_gib")}


def refuse_in(folder):
    """A disk on which a folder has no room."""
    write = io.write_dataset

    def full(dataset, path, **more):
        if os.fspath(path).startswith(os.fspath(folder)):
            raise ValueError(f"{path} cannot be written (No space left on device)")
        write(dataset, path, **more)

    return full


def test_results_without_room_go_to_the_temporary_folder_and_come_back(
    done, study, tmp_path, monkeypatch, capsys
):
    spare, out = tmp_path / "spare", tmp_path / "out"
    spare.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spare))
    with monkeypatch.context() as patch:
        patch.setattr(io, "write_dataset", refuse_in(out))
        assert run(study, out) == 2
    (kept,) = spare.iterdir()
    expected = ["No space left", f"the results are kept in {kept}", "--resume"]
    check_one_sentence(capsys.readouterr(), expected)
    assert names_of_results(out) == []
    # Nothing is computed again.
    with monkeypatch.context() as patch:
        patch.setattr("jaxload.pipeline.runs.compute", None)
        assert run(study, out, "--resume") == 0
    assert list(spare.iterdir()) == []
    assert without_costs(out) == without_costs(done / "out")
    for name, content in contents(done / "out").items():
        if name not in ("summary.json", "state.json"):
            assert (out / name).read_bytes() == content, name


def test_results_without_any_room_are_said_to_be_lost(
    study, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(io, "write_dataset", refuse_in(tmp_path))
    assert run(study, tmp_path / "out") == 2
    check_one_sentence(capsys.readouterr(), ["the results are lost", "No space left"])
    assert not [x for x in tmp_path.iterdir() if x.name.startswith("jaxload-")]


def stopped_before_its_figures(study, out, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Figure, "savefig", stop)
        assert run(study, out) == 130


CHANGES = {
    "a setting": (edit(TOML, "beta = 0.01", "beta = 0.02"), "inversion.beta"),
    "a series": (edit(UP, "20191103 ", "20191103 1"), "bbbb.up"),
    "a reference": (
        lambda folder: (folder / "grace.nc").write_bytes(b"other"),
        "grace.nc",
    ),
    "a series less": (lambda folder: (folder / UP).unlink(), "bbbb.up"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_results_of_what_has_changed_are_not_taken_up(
    study, tmp_path, monkeypatch, capsys, what
):
    out = tmp_path / "out"
    stopped_before_its_figures(study, out, monkeypatch)
    capsys.readouterr()
    change, name = CHANGES[what]
    change(study)
    before = contents(out), contents(out / ".unfinished")
    assert run(study, out, "--resume") == 2
    expected = ["cannot be taken up", name, "run without --resume"]
    check_one_sentence(capsys.readouterr(), expected)
    assert before == (contents(out), contents(out / ".unfinished"))


def test_results_of_an_earlier_release_are_refused_and_replaced(
    study, tmp_path, monkeypatch, capsys
):
    out = tmp_path / "out"
    stopped_before_its_figures(study, out, monkeypatch)
    capsys.readouterr()
    about = out / ".unfinished" / "about.json"
    assert "correlation_time_days" in about.read_text()
    older = about.read_text().replace("correlation_time_days", "memory_days")
    about.write_text(older)
    assert run(study, out, "--resume") == 2
    expected = ["an earlier release of jaxload computed them", "run without --resume"]
    check_one_sentence(capsys.readouterr(), expected)
    # What such a release left under its own names goes, as other older results do.
    (out / "filled.nc").write_bytes((out / "twsa.nc").read_bytes())
    assert run(study, out) == 0
    assert not (out / "filled.nc").exists()
    assert (out / "twsa.nc").exists()


@pytest.mark.parametrize("what", ["a setting", "a series"])
def test_a_complete_result_of_what_has_changed_is_not_taken_for_this_one(
    done, study, tmp_path, capsys, what
):
    out = shutil.copytree(done / "out", tmp_path / "out")
    CHANGES[what][0](study)
    before = contents(out)
    assert run(study, out, "--resume") == 2
    expected = ["results of another study, or of inputs that have changed"]
    check_one_sentence(capsys.readouterr(), expected)
    assert contents(out) == before


@pytest.mark.slow
def test_figures_of_another_format_are_drawn_and_nothing_is_computed(
    done, study, tmp_path, monkeypatch
):
    out = shutil.copytree(done / "out", tmp_path / "out")
    before = contents(out)
    with (study / TOML).open("a") as file:
        file.write('\n[figures]\nformat = "svg"\n')
    monkeypatch.delattr(runs, "compute")
    assert run(study, out, "--resume") == 0
    after = contents(out)
    drawn = {name.removesuffix(".png") for name in before if name.endswith(".png")}
    assert {name for name in after if name.endswith((".png", ".svg"))} == {
        f"{name}.svg" for name in drawn
    }
    kept = [name for name in before if name.endswith((".nc", "state.json"))]
    assert kept
    assert all(after[name] == before[name] for name in kept)
    listed = set(io.read_json(out / "summary.json")["files"])
    assert listed == set(after) - {"summary.json"}
    # A third run has nothing to do.
    monkeypatch.delattr(runs, "draw")
    assert run(study, out, "--resume") == 0
    assert contents(out) == after


def test_a_result_is_of_its_study_whatever_changes_no_number(tmp_path):
    gnss, region = config.Gnss("*.up"), config.Region("a.geojson")
    study = config.Study(gnss, region, folder=str(tmp_path))
    (tmp_path / "dem.nc").write_bytes(b"heights of the ground")
    shaded = config.Figures(topography="dem.nc")
    drawn = dataclasses.replace(study, figures=shaded)
    assert origin_of(drawn).digest == origin_of(study).digest
    digest = lambda changed: Origin(config.to_toml(changed), {}).digest
    idle = [
        {"figures": config.Figures(format="pdf", belt=True)},
        {"features": config.Features(cache="kept", workers=4)},
    ]
    for change in idle:
        assert digest(dataclasses.replace(study, **change)) == digest(study)
    numbers = [
        {"title": "other"},
        {"features": config.Features(seed=1)},
        {"inversion": config.Inversion(beta=0.1)},
        {"output": config.Output(compression=False)},
    ]
    for change in numbers:
        assert digest(dataclasses.replace(study, **change)) != digest(study)


def test_a_complete_result_that_was_damaged_is_named(done, study, tmp_path, capsys):
    out = shutil.copytree(done / "out", tmp_path / "out")
    assert run(study, out, "--resume") == 0
    capsys.readouterr()
    content = bytearray((out / "twsa.nc").read_bytes())
    for place in range(8000, len(content) - 4000, 501):
        content[place] ^= 8
    (out / "twsa.nc").write_bytes(content)
    assert run(study, out, "--resume") == 2
    expected = ["twsa.nc cannot be read", "run without --resume"]
    check_one_sentence(capsys.readouterr(), expected)


def test_a_kept_result_that_was_damaged_is_named(study, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    stopped_before_its_figures(study, out, monkeypatch)
    capsys.readouterr()
    content = bytearray((out / "twsa.nc").read_bytes())
    content[len(content) // 2] ^= 1
    (out / "twsa.nc").write_bytes(content)
    assert run(study, out, "--resume") == 2
    expected = ["twsa.nc is missing or damaged", "run without --resume"]
    check_one_sentence(capsys.readouterr(), expected)


HOLD = """
import sys, time
from jaxload.io.files import folders
from jaxload.pipeline import runs
with folders.locked_folder(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_two_runs_do_not_share_a_folder_and_the_dead_hold_none(
    done, study, tmp_path, capsys
):
    out = shutil.copytree(done / "out", tmp_path / "out")
    before = contents(out)
    words = [sys.executable, "-c", HOLD, str(out)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=OWN) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert run(study, out) == 2
        expected = ["is in use by process", str(other.pid), "choose another folder"]
        check_one_sentence(capsys.readouterr(), expected)
        left = contents(out)
        assert folders.LOCK in left
        assert {k: v for k, v in left.items() if k != folders.LOCK} == before
        other.kill()
    # Its file is still there, but nobody holds it.
    assert (out / folders.LOCK).is_file()
    assert run(study, out) == 0
    assert not (out / folders.LOCK).exists()


def test_a_lock_without_a_name_in_it_is_respected_too(tmp_path):
    with (tmp_path / folders.LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with (
            pytest.raises(ValueError, match="in use by another process"),
            folders.locked_folder(tmp_path),
        ):
            pass


def unsolved(monkeypatch, which):
    """Let some epochs have no solution."""
    estimate = inversion.estimate

    def worse(*given):
        found = estimate(*given)
        ok = np.array(found.solution.ok)
        ok[which] = False
        (term,) = found.solution.terms
        factors = np.where(ok[:, None], np.asarray(term.coefficients), np.nan)
        terms = (dataclasses.replace(term, coefficients=factors),)
        solution = dataclasses.replace(found.solution, ok=ok, terms=terms)
        return dataclasses.replace(found, solution=solution)

    monkeypatch.setattr(inversion, "estimate", worse)


def test_more_than_one_epoch_in_a_hundred_without_water_is_said_first(
    study, tmp_path, monkeypatch, capsys
):
    unsolved(monkeypatch, slice(10, 14))
    assert run(study, tmp_path / "out") == 0
    captured = capsys.readouterr()
    line = (
        "4 of 152 epochs (3%) could not be solved and have no value: 2019-11-11 to "
        "2019-11-14"
    )
    assert captured.out.splitlines()[0] == line
    assert description.describe(tmp_path / "out")[0] == line
    assert "4 of 152 epochs could not be solved" in captured.err


def test_one_epoch_in_a_hundred_without_water_is_not_said_first(
    study, tmp_path, monkeypatch, capsys
):
    unsolved(monkeypatch, slice(10, 11))
    assert run(study, tmp_path / "out") == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[0] == "five stations"
    assert "1 of 152 epochs could not be solved: 2019-11-11" in captured.err


def test_no_epoch_with_water_ends_with_three_and_leaves_the_older_result(
    done, study, tmp_path, monkeypatch, capsys
):
    out = shutil.copytree(done / "out", tmp_path / "out")
    before = contents(out)
    unsolved(monkeypatch, slice(None))
    assert run(study, out) == 3
    check_one_sentence(capsys.readouterr(), ["none of 152 epochs could be solved"])
    assert contents(out) == before
    assert not (out / ".unfinished").exists()
    assert run(study, tmp_path / "new") == 3
    assert names_of_results(tmp_path / "new") == []
    last = (tmp_path / "new" / "run.log").read_text().splitlines()[-1]
    assert "stopped: none of 152 epochs could be solved" in last


SLOWLY = """
import signal, sys, time
# Ignored in what a shell runs in the background.
signal.signal(signal.SIGINT, signal.default_int_handler)
from jaxload import cli, pipeline
from jaxload.pipeline import runs
def compute(*_):
    print("computing", file=sys.stderr, flush=True)
    time.sleep(60)
runs.compute = compute
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sent", "code", "word"),
    [(signal.SIGTERM, 143, "ended"), (signal.SIGINT, 130, "interrupted")],
)
def test_a_run_that_is_asked_to_end_leaves_in_order(done, tmp_path, sent, code, word):
    out = shutil.copytree(done / "out", tmp_path / "out")
    before = contents(out)
    words = ["run", str(done / "study.toml"), "--out", str(out)]
    with subprocess.Popen(
        [sys.executable, "-c", SLOWLY, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=OWN,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "computing\n"
        process.send_signal(sent)
        written, said = process.communicate(timeout=30)
    assert process.returncode == code
    assert written == ""
    assert said == (
        f"{word}; what was complete is kept, and --resume goes on from there\n"
    )
    # The lock is gone too.
    assert contents(out) == before


def test_the_handler_of_a_caller_comes_back(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    assert cli.main(["info", str(tmp_path)]) == 2
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_reader_who_has_seen_enough_is_no_error(done):
    words = [sys.executable, "-m", "jaxload.cli", "info", str(done / "out")]
    reading, writing = os.pipe()
    os.close(reading)
    with subprocess.Popen(
        words, stdout=writing, stderr=subprocess.PIPE, text=True, env=OWN
    ) as process:
        os.close(writing)
        assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 0


@pytest.mark.slow
def test_an_output_that_takes_no_more_is_one_sentence(done):
    words = [sys.executable, "-m", "jaxload.cli", "info", str(done / "out")]
    with pathlib.Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            words, stdout=full, stderr=subprocess.PIPE, text=True, env=OWN, check=False
        )
    assert ended.returncode == 2
    assert ended.stderr.startswith("jaxload: standard output cannot be written to (No")
    assert ended.stderr.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_letters_that_the_terminal_lacks_are_shown_as_numbers(done, tmp_path, encoding):
    out = shutil.copytree(done / "out", tmp_path / "Größe 水")
    summary = io.read_json(out / "summary.json")
    title = "Größe 水 \udce4"
    io.write_json({**summary, "title": title}, out / "summary.json")
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    ended = python("-m", "jaxload.cli", "info", str(out), environment=environment)
    assert (ended.returncode, ended.stderr) == (0, "")
    shown = {"ascii": "Gr\\xf6\\xdfe \\u6c34 \\udce4", "utf-8": "Größe 水 \\udce4"}
    assert ended.stdout.splitlines()[0] == shown[encoding]
    missing = python(
        "-m", "jaxload.cli", "info", str(tmp_path / "水"), environment=environment
    )
    assert missing.returncode == 2
    assert missing.stderr.startswith("jaxload: ")
    assert "Traceback" not in missing.stderr


@pytest.mark.slow
def test_a_run_in_a_narrow_encoding_says_all(done, tmp_path):
    folder = shutil.copytree(
        done, tmp_path / "Größe", ignore=shutil.ignore_patterns("out")
    )
    edit(TOML, "five stations", "fünf Stationen")(folder)
    ended = python(
        "-m",
        "jaxload.cli",
        "run",
        str(folder / "study.toml"),
        "--out",
        str(folder / "Wässer"),
        environment={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert ended.returncode == 0, ended.stderr
    assert "f\\xfcnf Stationen" in ended.stdout
    summary = json.loads((folder / "Wässer" / "summary.json").read_text("utf-8"))
    assert summary["title"] == "fünf Stationen"

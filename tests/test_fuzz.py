"""Readers of text and damaged files: a few here, many by ``make fuzz``."""

import logging
import warnings

import fuzz
import pytest


@pytest.mark.parametrize("name", fuzz.READERS)
def test_every_good_file_is_read_without_a_finding(tmp_path, name):
    reader = fuzz.READERS[name]
    (tmp_path / "s").write_text("ABCD 10 50\n")
    for good in reader.good:
        (tmp_path / reader.name).write_text(good)
        reader.check(reader.read(tmp_path / reader.name))


def test_an_input_is_the_same_in_every_run():
    assert fuzz.make(1, "sites", 5) == fuzz.make(1, "sites", 5)
    assert len({fuzz.make(1, "sites", number) for number in range(50)}) > 25


def test_a_traceback_a_warning_and_an_impossible_result_are_found(tmp_path):
    def broken(path):
        raise {"a": KeyError, "b": ValueError}[path.name]("one\ntwo")

    def warns(_):
        warnings.warn("odd", UserWarning, stacklevel=1)

    def refuse(_):
        raise AssertionError("cannot be")

    reader = fuzz.Reader(broken, ("x",))
    assert "KeyError" in fuzz.judge(reader, tmp_path / "a")
    assert "no sentence" in fuzz.judge(reader, tmp_path / "b")
    assert "UserWarning" in fuzz.judge(fuzz.Reader(warns, ("x",)), tmp_path)
    impossible = fuzz.Reader(lambda _: None, ("x",), refuse)
    assert "cannot be" in fuzz.judge(impossible, tmp_path)


def test_a_run_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz, "READERS", {"sites": fuzz.READERS["sites"]})
    (tmp_path / "seed_3.jsonl").write_text(
        '{"reader": "sites", "first": 0, "stop": 4, "seconds": 1, "findings": []}\n'
    )
    (entry,) = fuzz.run(3, 4, 1, tmp_path)
    assert entry["seconds"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", fuzz.READERS)
def test_damaged_files_are_answered(name):
    inputs = 10_000 // len(fuzz.READERS) + 1
    assert fuzz.try_inputs(0, name, range(inputs)) == []


def test_the_level_of_the_log_is_restored():
    before = logging.getLogger("jaxload").level
    fuzz.try_inputs(1, "sites", range(2))
    assert logging.getLogger("jaxload").level == before

"""What the package warns of reaches the terminal once, and stays with the result."""

import json
import logging

import pytest

from jaxload import cli, description, io
from jaxload.pipeline.doubts import collected_warnings, first_messages
from tests.test_cli import BETA, TOML, UP, edit, run, write_study

pytest.importorskip("netCDF4")

logger = logging.getLogger("jaxload.anywhere")


@pytest.fixture
def study(tmp_path):
    (tmp_path / "study").mkdir()
    return write_study(tmp_path / "study")


def test_a_warning_is_kept_once_in_the_order_of_the_first_time():
    with collected_warnings() as messages:
        logger.warning("%d rows\n are\todd", 3)
        logger.info("nothing to worry about")
        logger.error("worse")
        logger.warning("3 rows are odd")
        assert messages == ["3 rows are odd", "worse"]
    logger.warning("too late")
    assert messages == ["3 rows are odd", "worse"]
    assert not logging.getLogger("jaxload").handlers


def test_a_collection_ends_with_the_error_that_ended_the_run():
    with pytest.raises(KeyError), collected_warnings():
        raise KeyError
    assert not logging.getLogger("jaxload").handlers


def test_a_summary_lists_some_hundred_warnings_and_numbers_the_others():
    few = [f"warning {number}" for number in range(200)]
    assert first_messages(few) == few
    assert first_messages([*few, "a", "b"]) == [*few, "and 2 more warnings"]


def test_a_warning_of_a_run_is_on_the_terminal_once_and_first_in_its_description(
    study, tmp_path, capsys
):
    edit(UP, "\n20191103 ", "\n20191103 x")(study)
    edit(TOML, BETA[0], BETA[1].format(0.01))(study)
    assert run(study, tmp_path / "out") == 0
    captured = capsys.readouterr()
    # On one line of its own, however long, so that a script can find it.
    lines = [line for line in captured.err.splitlines() if "bbbb.up line 3" in line]
    assert len(lines) == 1
    assert lines[0].startswith("WARNING: ")
    assert "warning: " not in captured.out
    kept = json.loads((tmp_path / "out" / "summary.json").read_text())["warnings"]
    assert [line.removeprefix("WARNING: ") for line in lines] == kept
    assert cli.main(["info", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"warning: {kept[0]}"
    assert said[1] == "five stations"


def test_the_terminal_shows_a_warning_once_though_it_is_logged_often(
    tmp_path, capsys, monkeypatch
):
    def describe(*_, **__):
        for _ in range(3):
            logger.warning("[bold]a doubt[/bold]")
        return []

    monkeypatch.setattr(description, "describe", describe)
    assert cli.main(["info", str(tmp_path)]) == 0
    assert capsys.readouterr().err == "WARNING: [bold]a doubt[/bold]\n"


def test_a_result_from_before_warnings_were_kept_is_described(tmp_path):
    from tests.test_filling_summary import SUMMARY

    io.write_json(SUMMARY, tmp_path / "summary.json")
    assert description.describe(tmp_path)[0] == "a result"

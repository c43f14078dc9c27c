"""Settings changed by their names, as ``jaxload run --set`` does."""

import tomllib

import pytest
from test_cli import STUDY

from jaxload import cli, config
from jaxload.config.changes import parse_change, with_changes


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(STUDY)
    return path


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("inversion.beta=0.02", ("inversion.beta", 0.02)),
        ("inversion.beta = 1e-3", ("inversion.beta", 1e-3)),
        ("inversion.beta=choose", ("inversion.beta", "choose")),
        ('inversion.beta="choose"', ("inversion.beta", "choose")),
        ("inversion.station_weights=true", ("inversion.station_weights", True)),
        ("title=Rain = water", ("title", "Rain = water")),
        ("evaluation.regions=['a', 'b']", ("evaluation.regions", ["a", "b"])),
        ("gnss.start=2010-01-01", ("gnss.start", tomllib.loads("x=2010-01-01")["x"])),
        ("title=a\nb = 2", ("title", "a\nb = 2")),
        ("title=1\nb = 2", ("title", "1\nb = 2")),
    ],
)
def test_a_change_is_a_name_and_a_value_of_toml_or_text(text, change):
    assert parse_change(text) == change


@pytest.mark.parametrize("text", ["", "beta", "=2", "inversion.=2", ".beta=2", "a.b="])
def test_what_is_no_change_is_refused(text):
    with pytest.raises(ValueError, match=r"write it as inversion\.beta=0\.02"):
        parse_change(text)


def test_changed_settings_take_the_place_of_those_in_the_file(study):
    before = config.read_study(study)
    changes = {"inversion.beta": 0.02, "cleaning.outliers": "iqr", "title": "new"}
    changed = config.read_study(study, changes=changes)
    assert (before.inversion.beta, changed.inversion.beta) == ("choose", 0.02)
    assert (changed.cleaning.outliers, changed.title) == ("iqr", "new")
    assert changed.gnss == before.gnss
    assert changed.inversion.beta_count == 3


def test_the_content_itself_stays():
    content = {"inversion": {"beta": 1.0}}
    assert with_changes(content, {"inversion.beta": 2.0})["inversion"]["beta"] == 2.0
    assert content == {"inversion": {"beta": 1.0}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("inversion.bta=1", "inversion.bta is not a known setting; did you mean beta"),
        ("inverson.beta=1", "inverson is not a known setting; did you mean inversion"),
        ("inversion.beta=-1", "inversion.beta"),
        ("inversion.prior=lapacian", "inversion.prior"),
        ("title.beta=1", "title.beta cannot be set, as title is 'five stations'"),
    ],
)
def test_a_change_that_cannot_be_made_is_one_sentence(study, capsys, change, message):
    out = study.parent / "out"
    assert cli.main(["run", str(study), "--out", str(out), "--set", change]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert "with" in line
    assert "changed" in line
    assert not out.exists()


def test_a_setting_of_an_earlier_release_is_set_and_warned_of(study, caplog):
    changed = config.read_study(study, changes={"inversion.approach": "components"})
    assert changed.inversion.unknowns == "components"
    assert "approach" in caplog.text

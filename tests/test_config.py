"""Study files are checked key by key, and survive a round trip."""

import dataclasses

import pytest

from jaxload import config

GOOD = """
title = "a \\"quoted\\" \\\\study\\nin\\ttwo lines é"
[gnss]
files = "gnss/*.up"
start = 2006-01-01
sigma = "daily"
[region]
boundary = "region.txt"
spacing = 1
[inversion]
beta = 0.01
[evaluation]
regions = ["a.geojson", "b.geojson: ONE, TWO"]
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "study.toml"
        path.write_text(text)
        return path

    return write


def test_a_study_file_is_read(write, tmp_path):
    study = config.read_study(write(GOOD))
    assert study.gnss.start == "2006-01-01"
    assert study.region.spacing == 1.0
    assert isinstance(study.region.spacing, float)
    assert study.inversion.beta == 0.01
    assert study.evaluation.regions[1] == "b.geojson: ONE, TWO"
    assert study.path("region.txt") == tmp_path / "region.txt"
    assert config.read_study(write(GOOD), "/data").folder == "/data"


def test_a_study_survives_the_round_trip(write):
    study = config.read_study(write(GOOD))
    assert config.read_study(write(config.to_toml(study))) == study


def test_settings_are_frozen(write):
    study = config.read_study(write(GOOD))
    with pytest.raises(dataclasses.FrozenInstanceError):
        study.inversion.beta = 1.0


ERRORS = {
    "a typing slip": ("spacing = 1", "spacng = 1", "did you mean spacing"),
    "an unknown table": ("[region]", "[mars]", "mars is not a known setting"),
    "beta zero": ("beta = 0.01", "beta = 0", "beta is 0, expected a positive"),
    "beta negative": ("beta = 0.01", "beta = -0.01", "beta is -0.01"),
    "beta a word": ("beta = 0.01", 'beta = "chose"', "did you mean choose"),
    "text for a number": ("spacing = 1", 'spacing = "one"', "expected a number"),
    "a number for text": ('"region.txt"', "5", "boundary is 5, expected text"),
    "no file": ('files = "gnss/*.up"', "", "gnss.files is missing"),
    "an impossible day": ("2006-01-01", '"2006-13-01"', "expected yyyy-mm-dd"),
    "not a list": ('["a.geojson", "b.geojson: ONE, TWO"]', "3", "a list of strings"),
    "not TOML": ("[gnss]", "[gnss", "is not TOML"),
    "a missing table": (
        '[region]\nboundary = "region.txt"\nspacing = 1',
        "",
        r"the table \[region\] is missing",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_wrong_is_named(name, write):
    old, new, message = ERRORS[name]
    assert old in GOOD
    with pytest.raises(ValueError, match=message):
        config.read_study(write(GOOD.replace(old, new)))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="check the path of the study"):
        config.read_study(tmp_path / "absent.toml")

"""The model of a study: its name, its settings, and whether its code is trusted."""

import dataclasses

import pytest

from jaxload import config
from jaxload.config.model_choice import (
    MODELS,
    SKELETONS,
    check_model,
    is_outside,
    model_parts,
)
from jaxload.gapfill.models.named import CLASSES

STUDY = """
[gnss]
files = "gnss/*.up"
[region]
boundary = "region.txt"
[weather]
temperature = "t.nc"
pressure = "p.nc"
[gapfill]
method = "joint-load"
"""


def read(folder, text):
    path = folder / "study.toml"
    path.write_text(STUDY + text)
    return config.read_study(path)


@pytest.mark.parametrize(
    "name",
    [
        *MODELS,
        "water-balance+lstm",
        "land-surface+convolution",
        "models.py:WaterNet",
        "code/models.py:WaterNet",
        "my_package.models:WaterNet",
        "water-balance+models.py:WaterNet",
    ],
)
def test_models_and_code_are_names(name):
    check_model("gapfill.model", name)
    assert "+".join(model_parts(name)) == name


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("lstmm", "did you mean lstm"),
        ("waterbalance", "did you mean water-balance"),
        (
            "tree",
            "expected lstm, convolution, mlp, water-balance, land-surface, forest, "
            "station-lstm, inverse-distance, or code",
        ),
        ("lstm+mlp", "only water-balance and land-surface can be corrected"),
        ("water-balence+mlp", "corrected by another model; did you mean water-balance"),
        ("water-balance+land-surface", "expected lstm, convolution, mlp, or code as"),
        ("water-balance+", "expected lstm, convolution, mlp"),
        ("models.py:", "expected a module or file of Python and a name in it"),
        (":Net", "expected a module or file of Python"),
        ("my package:Net", "expected a module or file of Python"),
        ("models.py:Net()", "expected a module or file of Python"),
    ],
)
def test_a_slip_in_the_name_of_a_model_is_named(name, problem):
    with pytest.raises(ValueError, match=rf"^gapfill\.model is .*{problem}"):
        check_model("gapfill.model", name)


def test_a_study_has_a_model_with_settings_of_any_kind(tmp_path):
    text = """
model = "water-balance+convolution"
[gapfill.model_settings.water-balance]
prior_sd = 0.5
[gapfill.model_settings.convolution]
channels = 8
"""
    study = read(tmp_path, text)
    settings = {"water-balance": {"prior_sd": 0.5}, "convolution": {"channels": 8}}
    assert study.gapfill.model_settings == settings
    assert study.gapfill.trust is False
    (tmp_path / "again.toml").write_text(config.to_toml(study))
    again = config.read_study(tmp_path / "again.toml")
    assert again == dataclasses.replace(study, folder=again.folder)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('model = "lstmm"', r"gapfill\.model is 'lstmm'.*did you mean lstm"),
        ("model = 3", r"gapfill\.model is 3, expected text"),
        ('trust = "yes"', r"gapfill\.trust is 'yes', expected true or false"),
        ("model_settings = 3", r"gapfill\.model_settings is 3"),
    ],
)
def test_a_model_that_is_none_is_refused(tmp_path, text, problem):
    with pytest.raises(ValueError, match=problem):
        read(tmp_path, text)


def test_methods_that_train_no_model_take_none(tmp_path):
    for text in ('model = "mlp"', "model_settings = { hidden = 3 }"):
        (tmp_path / "study.toml").write_text(
            STUDY.replace('"joint-load"', '"mllim"') + text
        )
        with pytest.raises(ValueError, match=r"gapfill\.model.*\"mllim\""):
            config.read_study(tmp_path / "study.toml")
    displacement = STUDY.replace("joint-load", "joint-displacement")
    for model in SKELETONS:
        (tmp_path / "study.toml").write_text(displacement + f'model = "{model}"')
        with pytest.raises(ValueError, match=r'predicts water.*use "joint-load"'):
            config.read_study(tmp_path / "study.toml")


def test_every_name_has_a_class():
    assert tuple(CLASSES) == MODELS


@pytest.mark.parametrize(
    ("name", "outside"),
    [
        ("lstm", False),
        ("models.py:Net", True),
        ("my_package.models:Net", True),
        ("jaxload.py:Net", True),
        ("jaxload/models.py:Net", True),
        ("jaxload.models.py:Net", True),
        ("jaxloader.models:Net", True),
        ("jaxload.gapfill.models.recurrent:Recurrent", False),
    ],
)
def test_files_are_code_of_others_whatever_their_name(name, outside):
    assert is_outside(name) is outside

"""Editors complete and check study files by a schema that agrees with the reader."""

import copy
import json
import tomllib

import pytest

from jaxload import cli, config, studies

jsonschema = pytest.importorskip("jsonschema")

SCHEMA = config.json_schema()
MINIMAL = {"gnss": {"files": "gnss/*.up"}, "region": {"boundary": "region.txt"}}


@pytest.fixture(scope="module")
def validator():
    kind = jsonschema.validators.validator_for(SCHEMA)
    assert kind is jsonschema.Draft202012Validator
    kind.check_schema(SCHEMA)
    return kind(SCHEMA)


@pytest.mark.parametrize("name", studies.example_names())
def test_every_shipped_study_agrees_with_the_schema(validator, name):
    content = tomllib.loads(studies.example_text(name))
    validator.validate(content)
    for table in content.values():
        if isinstance(table, dict):
            table["colour"] = "green"
            assert not validator.is_valid(content)
            del table["colour"]
    assert not validator.is_valid(content | {"colours": {}})


def changed(change):
    content = copy.deepcopy(MINIMAL)
    for where, value in change.items():
        *tables, key = where.split(".")
        inside = content
        for table in tables:
            inside = inside.setdefault(table, {})
        inside[key] = value
    return content


GOOD = {
    "a number for a weight": {"inversion.beta": 0.1},
    "a whole number for a number": {"inversion.beta": 1},
    "a word for a weight": {"inversion.beta": "choose"},
    "a table for a grid": {"loads.soil": {"files": "a.nc", "units": "mm"}},
    "a list of tables": {"gnss.files": ["x", {"files": "y", "format": "pos"}]},
    "several columns": {
        "gnss.columns": {"up": 3, "time": ["year", "doy"]},
        "gnss.units": "mm",
    },
    "a filler": {"loads.soil": {"files": "a.nc", "fill": -99.0}},
    "weather without pressure": {"weather.temperature": "t.nc"},
    "weather by any name": {
        "weather.ndvi": {"files": "n.nc", "transformation": "log1p"}
    },
    "static fields": {
        "weather.static": {"z": "z.nc", "c": {"files": "c.nc"}},
        "weather.snow": "s.nc",
    },
    "checks": {"screening.checks": ["rate", "phase"]},
}
BAD = {
    "an unknown table": {"mars": {}},
    "an old table": {"filler": {}},
    "an old setting": {"cleaning.mean": "weekly"},
    "a slip": {"region.spacng": 1},
    "a slip in an inline table": {"loads.soil": {"files": "a", "unit": "mm"}},
    "an unknown choice": {"earth.frame": "CX"},
    "an unknown choice in a list": {"screening.checks": ["rat"]},
    "an unknown word for a weight": {"inversion.beta": "chose"},
    "text for a number": {"region.spacing": "one"},
    "half a count": {"inversion.beta_count": 2.5},
    "true for a number": {"region.spacing": True},
    "a number for text": {"gnss.sites": 5},
    "no files of a grid": {"loads.soil": {"units": "mm"}},
    "no column of heights": {"gnss.columns": {"time": 0}, "gnss.units": "mm"},
    "a weather variable that is no table": {"weather.ndvi": "n.nc"},
    "a slip in a weather variable": {"weather.ndvi": {"files": "n.nc", "unit": "1"}},
    "a folder": {"folder": 3},
}


def is_read(content, tmp_path):
    """By the reader, from the same content written as TOML."""
    text = "\n".join(
        f"{name} = {json.dumps(value)}"
        if not isinstance(value, dict)
        # An inline table of TOML is written as JSON is, but for its colons.
        else f"{name} = {inline(value)}"
        for name, value in content.items()
    )
    (tmp_path / "study.toml").write_text(text)
    try:
        config.read_study(tmp_path / "study.toml")
    except ValueError:
        return False
    return True


def inline(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {inline(x)}" for k, x in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return json.dumps(value)


@pytest.mark.parametrize("name", GOOD)
def test_what_the_reader_takes_the_schema_takes(validator, tmp_path, name):
    content = changed(GOOD[name])
    assert is_read(content, tmp_path)
    validator.validate(content)


@pytest.mark.parametrize("name", BAD)
def test_what_the_reader_refuses_the_schema_refuses(validator, tmp_path, name):
    content = changed(BAD[name])
    if name != "an old setting":
        assert not is_read(content, tmp_path)
    assert not validator.is_valid(content)


def test_a_study_needs_heights_and_a_region(validator):
    for name in MINIMAL:
        assert not validator.is_valid({k: v for k, v in MINIMAL.items() if k != name})
        assert not validator.is_valid(MINIMAL | {name: {}})


def test_every_setting_of_the_schema_has_its_meaning_choices_and_default():
    inversion = SCHEMA["$defs"]["Inversion"]["properties"]
    kinds = ["epochs", "components", "slepian", "patches"]
    assert inversion["unknowns"]["enum"] == kinds
    assert inversion["unknowns"]["default"] == "epochs"
    assert inversion["beta_min"]["default"] == config.Inversion().beta_min
    for table in (SCHEMA, *SCHEMA["$defs"].values()):
        assert table["additionalProperties"] is False
        assert all(setting["description"] for setting in table["properties"].values())
    listed = {setting.name: setting for setting in config.settings()}
    for table, ref in SCHEMA["properties"].items():
        if "$ref" in ref:
            name = ref["$ref"].rpartition("/")[2]
            for key, setting in SCHEMA["$defs"][name]["properties"].items():
                assert listed[f"{table}.{key}"].meaning == setting["description"]
                needed = key in SCHEMA["$defs"][name]["required"]
                assert (listed[f"{table}.{key}"].default is None) == needed
                assert not (needed and "default" in setting)
    assert "null" not in json.dumps(SCHEMA)


def test_the_command_line_prints_the_schema(capsys):
    assert cli.main(["settings", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == SCHEMA

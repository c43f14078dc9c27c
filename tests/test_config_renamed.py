"""Names of earlier releases are read, with a warning, for one release."""

import dataclasses
import pathlib

import pytest

from jaxload import config
from jaxload.config import renamed

ROOT = pathlib.Path(__file__).parents[1]

#: A present setting of every table, with a value that is not its default; every old
#: name has its place here. Written by hand, apart from the registry.
PRESENT = {
    "gnss": {"files": '"gnss/*.up"', "outside_grid": '"drop"'},
    "region": {"boundary": '"region.txt"'},
    "cleaning": {"average": '"weekly"'},
    "loads": {
        "displacement": '["soil: a/*.ntal"]',
        "displacement_units": '"cm"',
        "displacement_stamp": '"start"',
    },
    "weather": {"temperature": '"t.nc"', "pressure": '"p.nc"'},
    "features": {"ensemble_size": "40", "noise_ratio": "0.3"},
    "gapfill": {
        "method": '"dwlim"',
        "network_likelihood_weight": "0.5",
        "virtual_station_loads": '["soil: b/*.ntal"]',
        "control_correlation": "0.4",
        "validation_fraction": "0.3",
        "window_epochs": "730",
    },
    "inversion": {"beta_min": "0.01", "beta_max": "0.1"},
}
ALONE = {
    "gnss": {"files": '"gnss/*.up"', "sigma": '"station"'},
    "region": {"boundary": '"region.txt"'},
}
#: What each old name is now, written by hand.
OLD_TABLES = {"filler": "gapfill"}
OLD_SETTINGS = {
    "gnss.outside": "outside_grid",
    "cleaning.mean": "average",
    "loads.stations": "displacement",
    "loads.stations_units": "displacement_units",
    "loads.stations_stamp": "displacement_stamp",
    "features.trials": "ensemble_size",
    "features.noise": "noise_ratio",
    "gapfill.own_likelihood": "network_likelihood_weight",
    "gapfill.cell_loads": "virtual_station_loads",
    "gapfill.threshold": "control_correlation",
    "gapfill.held_out": "validation_fraction",
    "gapfill.window": "window_epochs",
    "inversion.smallest_beta": "beta_min",
    "inversion.largest_beta": "beta_max",
    "inversion.memory_days": "correlation_time_days",
    "inversion.approach": "unknowns",
}
OLD_METHODS = {
    "forest": "mllim",
    "lstm": "dwlim",
    "water": "joint-load",
    "displacement": "joint-displacement",
}


def text_of(tables):
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in table.items())
        for name, table in tables.items()
    )


@pytest.fixture
def read(tmp_path):
    def read(tables):
        (tmp_path / "study.toml").write_text(text_of(tables))
        return config.read_study(tmp_path / "study.toml")

    return read


def with_setting(table, key):
    """A study that has one of the settings that were renamed."""
    if key in PRESENT.get(table, {}):
        return PRESENT
    value = {"correlation_time_days": "9.0", "unknowns": '"components"'}[key]
    return {**ALONE, table: {key: value}}


def defaults(settings):
    return {field.name: field.default for field in dataclasses.fields(settings)}


def warned(caplog):
    return [record.getMessage() for record in caplog.records]


def test_the_registry_holds_no_other_names():
    there = {
        f"{table}.{old}": new
        for table, names in renamed.SETTINGS.items()
        for old, new in names.items()
    }
    assert there == OLD_SETTINGS
    assert renamed.TABLES == OLD_TABLES
    assert renamed.VALUES == {"gapfill.method": OLD_METHODS}
    known = {setting.name for setting in config.settings()}
    for old, new in OLD_SETTINGS.items():
        assert f"{old.partition('.')[0]}.{new}" in known
        assert old not in known


@pytest.mark.parametrize("old", OLD_SETTINGS)
def test_an_old_setting_is_read_as_the_present_one_with_one_warning(read, caplog, old):
    table, _, key = old.partition(".")
    new = OLD_SETTINGS[old]
    tables = with_setting(table, new)
    expected = read(tables)
    assert not caplog.records
    settings = getattr(expected, table)
    assert getattr(settings, new) != defaults(settings)[new]
    older = {key if name == new else name: x for name, x in tables[table].items()}
    assert read(tables | {table: older}) == expected
    (message,) = warned(caplog)
    assert f"{table}.{key} is now called {table}.{new}; jaxload 0.3 will" in message
    assert "study.toml" in message


@pytest.mark.parametrize("old", OLD_METHODS)
def test_an_old_method_is_read_as_the_present_one(read, caplog, old):
    method, weather = OLD_METHODS[old], {"weather": PRESENT["weather"]}
    tables = ALONE | weather | {"gapfill": {"method": f'"{method}"'}}
    expected = read(tables)
    assert expected.gapfill.method == method
    assert not caplog.records
    assert read(tables | {"gapfill": {"method": f'"{old}"'}}) == expected
    (message,) = warned(caplog)
    assert f'gapfill.method "{old}" is now called "{method}"; jaxload 0.3' in message


def test_a_study_of_an_earlier_release_is_read_whole(read, caplog):
    back = {
        new: old for table in renamed.SETTINGS.values() for old, new in table.items()
    }
    older = {
        name: {back.get(key, key): value for key, value in table.items()}
        for name, table in PRESENT.items()
    }
    older["filler"] = older.pop("gapfill") | {"method": '"lstm"'}
    assert read(older) == read(PRESENT)
    messages = warned(caplog)
    assert any("the table [filler] is now called [gapfill]" in m for m in messages)
    assert any("filler.held_out is now called gapfill.val" in m for m in messages)
    assert len(messages) == len(set(messages)) == 1 + 1 + 14


@pytest.mark.parametrize("old", OLD_SETTINGS)
def test_a_setting_under_both_names_is_refused_by_a_message_with_both(read, old):
    table, _, key = old.partition(".")
    new = OLD_SETTINGS[old]
    tables = with_setting(table, new)
    both = tables[table] | {key: tables[table][new]}
    with pytest.raises(
        ValueError, match=rf"{table}\.{key} and {table}\.{new} are one setting"
    ):
        read(tables | {table: both})


def test_a_table_under_both_names_is_refused(read):
    with pytest.raises(ValueError, match=r"\[filler\] and \[gapfill\] are one table"):
        read(PRESENT | {"filler": {"seed": "1"}})


def test_what_is_wrong_under_an_old_name_is_still_named(read, tmp_path):
    table = {"filler": {"held_out": "2.0"}}
    with pytest.raises(ValueError, match=r"validation_fraction is 2, expected"):
        read(ALONE | {"weather": PRESENT["weather"]} | table)
    (tmp_path / "study.toml").write_text("filler = 3\n")
    with pytest.raises(ValueError, match=r"gapfill is 3, expected a table"):
        config.read_study(tmp_path / "study.toml")


OLD_SUMMARY = {
    "covered": {"cells": {"covered": 1.0}},
    "evaluation": {"covered": {"covered": 1.0, "reference_covered": 0.5, "pcc": 0.9}},
    "against_traditional": {
        "grace": {"traditional": {"filled": {"pcc": 0.9}, "traditional": {"pcc": 0.8}}},
        "better": {"pcc": 1},
    },
    "filling": {"of_the_mean": {"pcc": 0.9}},
    "learning": {"before": {"beta": 1}, "after": {"beta": 2}, "for_errors": {}},
    "lag_months": {"S": {"before": 0.1, "after": 0.5, "months": 1}},
    "seconds": {"traditional": 1.0, "read": 2.0},
}


def test_a_summary_of_an_earlier_release_is_read_under_present_names():
    """Names of regions and stations stay, though they be those of old keys."""
    assert renamed.current_summary(OLD_SUMMARY) == {
        "coverage_fraction": {"cells": {"covered": 1.0}},
        "evaluation": {
            "covered": {
                "coverage_fraction": 1.0,
                "reference_coverage_fraction": 0.5,
                "pcc": 0.9,
            }
        },
        "gain_over_stations_only": {
            "grace": {
                "traditional": {
                    "filled": {"pcc": 0.9},
                    "stations_only": {"pcc": 0.8},
                }
            },
            "better": {"pcc": 1},
        },
        "filling": {"network_mean": {"pcc": 0.9}},
        "learning": {
            "initial": {"beta": 1},
            "trained": {"beta": 2},
            "uncertainty_hyperparameters": {},
        },
        "lag_months": {"S": {"before": 0.1, "after": 0.5, "months": 1}},
        "seconds": {"inversion_of_stations_only": 1.0, "reading": 2.0},
    }


def test_the_page_of_renamed_names_is_the_registry():
    page = ROOT / "docs" / "renamed.md"
    rows = [
        tuple(cell.strip().strip("`") for cell in line.split("|")[1:-1])
        for line in page.read_text().splitlines()
        if line.startswith("| `")
    ]
    expected = [(f"[{old}]", f"[{new}]") for old, new in renamed.TABLES.items()]
    before = {new: old for old, new in renamed.TABLES.items()}
    expected += [
        (f"{before.get(table, table)}.{old}", f"{table}.{new}")
        for table, names in renamed.SETTINGS.items()
        for old, new in names.items()
    ]
    expected += [
        (f'filler.method = "{old}"', f'{setting} = "{new}"')
        for setting, values in renamed.VALUES.items()
        for old, new in values.items()
    ]
    expected += list(renamed.FILES.items())
    expected += [
        (f"{file}: {old}", f"{file}: {new}")
        for file, names in renamed.VARIABLES.items()
        for old, new in names.items()
    ]
    expected += [
        (f"{above}.{old}".lstrip("."), f"{above}.{new}".lstrip("."))
        for above, names in renamed.SUMMARY_KEYS.items()
        for old, new in names.items()
    ]
    assert rows == expected

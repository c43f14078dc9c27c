"""Loads at stations as a study names them."""

import pytest

from jaxload import config
from jaxload.config import StationLoad, station_load
from jaxload.pipeline.evaluate import groundwater

STUDY = """
[gnss]
files = "x"
[region]
boundary = "y"
[loads]
"""


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ("loading/*.ntal", "ntal"),
        ("loading/*.ntal.gz", "ntal"),
        ("loading/NTAL21.*.txt", "ntal21"),
        ("loading/*.hydl.txt", "hydl"),
        ("*.txt", "stations"),
        ("Soil: loading/*.txt", "soil"),
        ("C:/loading/*.ntol", "ntol"),
        (StationLoad("loading/*.txt", "Soil"), "soil"),
        (StationLoad(("a/*.ntal", "b/*.ntal")), "ntal"),
    ],
)
def test_a_load_is_called_after_its_files_or_as_the_study_says(entry, name):
    assert station_load(entry).name == name


def test_a_study_describes_files_that_do_not_say_what_they_hold(tmp_path):
    text = STUDY + (
        'displacement = ["loading/*.ntal", { files = "hydl/*.txt", name = "soil", '
        'units = "cm", columns = "year doy - up", time_format = "doy/365" }]'
    )
    (tmp_path / "study.toml").write_text(text)
    study = config.read_study(tmp_path / "study.toml")
    air, soil = map(station_load, study.loads.displacement)
    assert (air.paths, air.units, air.columns) == (("loading/*.ntal",), "", "")
    assert soil == StationLoad("hydl/*.txt", "soil", "cm", "year doy - up", "doy/365")
    (tmp_path / "again.toml").write_text(config.to_toml(study))
    assert config.read_study(tmp_path / "again.toml").loads == study.loads


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{ name = 'soil' }", r"loads\.displacement\[0\]\.files is missing"),
        (
            "{ files = 'x', unit = 'mm' }",
            r"loads\.displacement\[0\]\.unit .* mean units",
        ),
        ("1", r"loads\.displacement\[0\] is 1, expected text or a table"),
    ],
)
def test_a_load_that_is_none_is_refused(tmp_path, entry, message):
    (tmp_path / "study.toml").write_text(STUDY + f"displacement = [{entry}]")
    with pytest.raises(ValueError, match=message):
        config.read_study(tmp_path / "study.toml")


def test_a_study_describes_tables_of_wells(tmp_path):
    text = STUDY + (
        "displacement = ['x']\n[groundwater]\nwells = { files = ['a.csv', 'b.csv'], "
        "sites = 's.txt', value = 'stage', quantity = 'level', units = 'feet' }\n"
    )
    (tmp_path / "study.toml").write_text(text)
    study = config.read_study(tmp_path / "study.toml")
    wells = config.well_source(study.groundwater.wells)
    assert (wells.paths, str(wells)) == (("a.csv", "b.csv"), "a.csv, b.csv")
    assert (wells.value, wells.quantity, wells.units) == ("stage", "level", "feet")
    (tmp_path / "again.toml").write_text(config.to_toml(study))
    assert config.read_study(tmp_path / "again.toml") == study
    assert config.well_source("a.csv") == config.WellSource("a.csv")
    for change, message in (
        ("'level'", r"groundwater\.wells\.quantity is 'lvl', expected depth or level"),
        ("'stage'", r"groundwater\.wells\.value is 1, expected text"),
    ):
        bad = {"'level'": "'lvl'", "'stage'": "1"}[change]
        (tmp_path / "study.toml").write_text(text.replace(change, bad))
        with pytest.raises(ValueError, match=message):
            config.read_study(tmp_path / "study.toml")


def test_wells_of_a_study_stand_where_a_list_says(tmp_path):
    (tmp_path / "wells.csv").write_text("name,date,stage\nW1,2018-01-01,30\n")
    (tmp_path / "sites.txt").write_text("W1 100.5 25.25\nW2 101 26\n")
    source = config.WellSource(
        "wells.csv", "sites.txt", value="stage", quantity="level"
    )
    settings = config.Groundwater(wells=source)
    study = config.Study(
        config.Gnss("x"),
        config.Region("y"),
        loads=config.Loads(displacement=("z",)),
        groundwater=settings,
        folder=str(tmp_path),
    )
    wells = groundwater.read_wells_of(study, settings)
    assert (float(wells.lon[0]), float(wells.lat[0])) == (100.5, 25.25)
    (tmp_path / "sites.txt").write_text("W2 101 26\n")
    with pytest.raises(ValueError, match=r"sites\.txt has no place of 1 of 1 wells"):
        groundwater.read_wells_of(study, settings)

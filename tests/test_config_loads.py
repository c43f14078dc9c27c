"""Loads at stations as a study names them."""

import pytest

from jaxload import config
from jaxload.config import StationLoad, station_load

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
        'stations = ["loading/*.ntal", { files = "hydl/*.txt", name = "soil", units = '
        '"cm", columns = "year doy - up" }]'
    )
    (tmp_path / "study.toml").write_text(text)
    study = config.read_study(tmp_path / "study.toml")
    air, soil = map(station_load, study.loads.stations)
    assert (air.paths, air.units, air.columns) == (("loading/*.ntal",), "", "")
    assert soil == StationLoad("hydl/*.txt", "soil", "cm", "year doy - up")
    (tmp_path / "again.toml").write_text(config.to_toml(study))
    assert config.read_study(tmp_path / "again.toml").loads == study.loads


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{ name = 'soil' }", r"loads\.stations\[0\]\.files is missing"),
        ("{ files = 'x', unit = 'mm' }", r"loads\.stations\[0\]\.unit .* mean units"),
        ("1", r"loads\.stations\[0\] is 1, expected text or a table"),
    ],
)
def test_a_load_that_is_none_is_refused(tmp_path, entry, message):
    (tmp_path / "study.toml").write_text(STUDY + f"stations = [{entry}]")
    with pytest.raises(ValueError, match=message):
        config.read_study(tmp_path / "study.toml")

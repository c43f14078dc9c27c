"""Stations that a table marks as on soft ground."""

import dataclasses

import numpy as np
import pytest
import xarray as xr

from jaxload import config, io, sphere
from jaxload.pipeline.prepare.screening import screen
from jaxload.pipeline.prepare.soft_ground import soft_ground_flags

NAMES = ["AB01", "AB02", "AB03"]
TABLES = {
    "commas": "station,lon,soft\nab01,1,yes\nAB02,2,no\nXX09,3,1\n",
    "blanks behind a comment sign": "# site soft\nAB01 1\n# AB02 1\nAB02 0\n",
    "semicolons, in another order": "Soft; Station\nTRUE; AB01\nfalse; AB03\n",
    "tabs with an empty word": "name\tsoft\nAB01\tY\nAB02\t\n",
}


@pytest.fixture
def gnss():
    rng = np.random.default_rng(3)
    dims = ("time", "station")
    days = np.datetime64("2015-01-01", "ns") + np.arange(40) * np.timedelta64(1, "D")
    coords = {
        "time": days,
        "station": NAMES,
        "lon": ("station", np.array([1.0, 2.0, 3.0])),
        "lat": ("station", np.array([41.0, 42.0, 43.0])),
        "height": ("station", np.zeros(3)),
    }
    values = {
        "up": (dims, rng.normal(size=(40, 3))),
        "up_sigma": (dims, np.full((40, 3), 2.0)),
    }
    return io.label_dataset(xr.Dataset(values, coords))


@pytest.fixture
def study(tmp_path):
    def make(table, **settings):
        (tmp_path / "ground.txt").write_text(table)
        return config.Study(
            gnss=config.Gnss(files="x"),
            region=config.Region(boundary="x"),
            screening=config.Screening(soft_ground="ground.txt", **settings),
            folder=str(tmp_path),
        )

    return make


@pytest.fixture
def grid():
    return sphere.raster_grid(np.arange(0.0, 5), np.arange(40.0, 45))


@pytest.mark.parametrize("table", TABLES)
def test_a_column_marks_stations_whatever_parts_it(study, gnss, table):
    assert soft_ground_flags(study(TABLES[table]), gnss).tolist() == [
        True,
        False,
        False,
    ]


def test_marked_stations_count_less(study, gnss, grid):
    screened = screen(study(TABLES["commas"], soft_ground_factor=4.0), gnss, grid)
    sigma = screened.gnss.up_sigma
    np.testing.assert_array_equal(sigma.values[0], [8.0, 2.0, 2.0])
    assert sigma.attrs == gnss.up_sigma.attrs
    assert screened.table.soft_ground.values.tolist() == [1, 0, 0]
    assert screened.table.status.values.tolist() == ["weighed down", "used", "used"]
    assert screened.summary["soft_ground"] == ["AB01"]


def test_marked_stations_can_be_left_out(study, gnss, grid):
    screened = screen(study(TABLES["commas"], soft_ground_action="drop"), gnss, grid)
    assert screened.gnss.station.values.tolist() == ["AB02", "AB03"]
    assert screened.gnss.up_sigma.equals(gnss.up_sigma.isel(station=[1, 2]))
    assert screened.table.status.values.tolist() == ["left out", "used", "used"]


def test_without_a_table_nothing_changes(study, gnss, grid):
    plain = dataclasses.replace(study(""), screening=config.Screening())
    screened = screen(plain, gnss, grid)
    assert screened.gnss.identical(gnss)
    assert "soft_ground" not in screened.table
    assert "soft_ground" not in screened.summary


REFUSED = {
    "nothing": ("", "is empty, expected a line with names"),
    "no such column": ("station,rock\nAB01,1\n", "line 1 names the columns station, r"),
    "a word that is no flag": ("station,soft\nAB01,maybe\n", "line 2: soft of AB01 is"),
    "a line of other columns": ("station,soft\nAB01,1,2\n", "line 2"),
    "a contradiction": ("station,soft\nAB01,1\nab01,0\n", "line 3: AB01 was marked"),
    "other stations": (
        "station,soft\nP001,1\n",
        "has none of the 3 stations, but P001",
    ),
    "a header alone": ("station,soft\n", "has none of the 3 stations, but no line"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_table_that_marks_nothing_is_refused(study, gnss, case):
    table, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        soft_ground_flags(study(table), gnss)


def test_soft_ground_everywhere_cannot_be_left_out(study, gnss, grid):
    table = "station,soft\n" + "".join(f"{name},1\n" for name in NAMES)
    with pytest.raises(ValueError, match='all stations are on soft ground; use "downw'):
        screen(study(table, soft_ground_action="drop"), gnss, grid)


def test_a_factor_that_favours_soft_ground_is_refused(study):
    with pytest.raises(ValueError, match=r"soft_ground_factor is 0\.5, expected 1 or"):
        study("", soft_ground_factor=0.5)

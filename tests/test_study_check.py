"""Studies looked through before they are run."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest
import xarray as xr
from twin_files import write_twin

from jaxload import cli, config, io, pipeline, synthetic
from jaxload.pipeline.inspection import study_check
from jaxload.pipeline.inspection.effort import estimate_effort
from jaxload.pipeline.inspection.study_check import StudyCheck

pytest.importorskip("netCDF4")

RESULTS = pathlib.Path(__file__).parents[1] / "benchmarks" / "results"
WORLD = synthetic.TwinSettings(
    stations=6, days=400, radius=1.5, belt=0.5, spacing=0.5, start="2015-01-01"
)
STUDY = """
[gnss]
files = "gnss/*.up"
[region]
boundary = "region.geojson"
spacing = 0.5
buffer = 0.5
[earth]
max_degree = 3000
[loads]
soil = "soil.nc"
"""


def write_soil(path, first="2015-01", months=14, units="kg m-2"):
    start = np.datetime64(first, "M")
    time = (start + np.arange(months)).astype("M8[ns]")
    lon, lat = np.arange(-175.0, 180, 10), np.arange(-85.0, 90, 10)
    values = np.random.default_rng(1).uniform(1, 9, size=(months, len(lat), len(lon)))
    field = (("time", "lat", "lon"), values, {"units": units})
    coords = {"time": time, "lat": lat, "lon": lon}
    xr.Dataset({"soil_water": field}, coords).to_netcdf(path)


@pytest.fixture(scope="module")
def study_file(tmp_path_factory):
    folder, world = tmp_path_factory.mktemp("study"), synthetic.twin(WORLD)
    write_twin(world, folder)
    write_soil(folder / "soil.nc")
    write_soil(folder / "late.nc", "2019-01")
    write_soil(folder / "short.nc", months=6)
    write_soil(folder / "odd.nc", units="K")
    path = folder / "study.toml"
    path.write_text(STUDY)
    return path


def test_a_study_that_can_be_run_is_described(study_file, capsys):
    before = sorted(study_file.parent.rglob("*"))
    assert cli.main(["check", str(study_file)]) == 0
    said = capsys.readouterr().out
    assert "6 stations, 400 epochs from 2015-01-01 to 2016-02-04, " in said
    assert "loads.soil: soil_water (soil_water), 2015-01-" in said
    assert "14 entries, cells of 10 by 10 degrees" in said
    assert f"{study_file} can be run." in said
    assert sorted(study_file.parent.rglob("*")) == before


def test_all_that_stands_against_a_study_is_listed_at_once(study_file, capsys):
    changes = [
        'loads.soil="nowhere.nc"',
        'loads.displacement=["load/*.ntal"]',
        'evaluation.grace="grace.nc"',
        'cleaning.steps="steps.txt"',
    ]
    words = [word for change in changes for word in ("--set", change)]
    assert cli.main(["check", str(study_file), *words]) == cli.BAD_INPUT
    caught = capsys.readouterr()
    assert "can be run" not in caught.out
    (said,) = [x for x in caught.err.splitlines() if x.startswith("jaxload:")]
    assert "4 things stand against" in said
    for name in ("nowhere.nc", "load/*.ntal", "grace.nc", "steps.txt"):
        assert name in said


#: A file of each setting that names some, which is not there.
ABSENT = {
    "gnss.sites": '"no.txt"',
    "cleaning.steps": '"no.txt"',
    "loads.atmosphere": '"no/*"',
    "loads.ocean": '{ files = ["no_*.nc"] }',
    "loads.land_mask": '"no.nc"',
    "loads.displacement": '["soil: no/*.hydl"]',
    "earth.love": '"no.dat"',
    "inversion.amplitude": '"no.nc"',
    "inversion.grace": '{ files = "no.nc", smoothing_km = 300.0 }',
    "inversion.thermoelastic": '"no.csv"',
    "drought.climatology": '"no.nc"',
    "water_balance": '{ precipitation = "no.csv", evapotranspiration = "no.nc" }',
    "groundwater.wells": '"no.csv"',
    "network.candidates": '"no.csv"',
    "screening.soft_ground": '"no.csv"',
}


@pytest.mark.parametrize("setting", ABSENT)
def test_a_missing_file_of_any_setting_is_named_with_it(setting, study_file):
    pair = config.parse_change(f"{setting}={ABSENT[setting]}")
    without_soil = [config.parse_change('loads.soil=""')]
    changes = dict([pair, *(without_soil if setting == "inversion.grace" else [])])
    if setting == "loads.land_mask":
        changes |= dict([config.parse_change('loads.atmosphere="soil.nc"')])
    study = config.read_study(study_file, changes=changes)
    named = [name for name, _ in config.study_files(study)]
    assert any(name.startswith(setting) for name in named)
    problems = StudyCheck()
    study_check._check_others(study, problems)
    assert problems.problems
    assert all(text.startswith(setting) for text in problems.problems)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("late.nc", "is of 2019-01-"),
        ("odd.nc", "is in 'K'"),
    ],
)
def test_grids_that_cannot_be_used_are_a_problem(name, what, study_file):
    study = config.read_study(study_file)
    loads = dataclasses.replace(study.loads, soil=name)
    checked = pipeline.check_study(dataclasses.replace(study, loads=loads))
    (problem,) = checked.problems
    assert problem.startswith("loads.soil")
    assert name in problem
    assert what in problem


def test_a_grid_that_ends_before_the_heights_is_doubtful(study_file):
    study = config.read_study(study_file)
    loads = dataclasses.replace(study.loads, soil="short.nc")
    checked = pipeline.check_study(dataclasses.replace(study, loads=loads))
    assert not checked.problems
    assert any("loads.soil ends on 2015-06-" in each for each in checked.warnings)


def test_headers_say_what_reading_finds(study_file):
    path = study_file.parent / "soil.nc"
    header, whole = io.read_grid_header(path), io.read_grid(path)
    assert header.quantity == whole.attrs["quantity"]
    assert header.entries == whole.sizes["time"]
    assert header.first == whole.time.values[0].astype("M8[D]")
    assert header.box == (
        whole.lon.values[0],
        whole.lat.values[0],
        whole.lon.values[-1],
        whole.lat.values[-1],
    )


@pytest.mark.parametrize("name", ["large_3000x60000x7305", "large_800x10222x9000"])
def test_measured_runs_took_what_is_estimated_within_a_factor_of_three(name):
    study = config.Study(config.Gnss(files="x"), config.Region(boundary="y"))
    rows = json.loads((RESULTS / f"{name}.json").read_text())["rows"]
    for row in rows:
        sizes = row["epochs"], row["stations"], row["cells"]
        effort = estimate_effort(study, sizes, network=False)
        assert 1 / 3 < effort.seconds / row["processors_s"] < 3
        assert 0.5 < effort.memory / (row["peak_memory_gib"] * 2**30) < 2

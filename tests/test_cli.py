"""The command line: what it says, how it ends, and what it leaves behind."""

import contextlib
import functools
import json
import logging
import os
import pathlib
import shutil
import subprocess
import sys
import tomllib

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

import jaxload
from jaxload import cli, config, demo, io, studies, synthetic
from jaxload._cores import available_cores
from jaxload.pipeline.inputs.observations import read_observations
from jaxload.pipeline.inputs.virtual_stations import cells_without_station

pytest.importorskip("netCDF4")

STUDIES = pathlib.Path(studies.__file__).parent
STUDY = """
title = "five stations"
[gnss]
files = "gnss/*.up"
[region]
boundary = "region.txt"
spacing = 0.5
buffer = 0.5
[earth]
max_degree = 3000
[inversion]
beta_count = 3
[evaluation]
grace = "grace.nc"
"""
SITES = {
    "AAAA": (10.2, 45.3),
    "BBBB": (11.1, 46.9),
    "CCCC": (12.6, 45.8),
    "DDDD": (10.9, 46.1),
    "EEEE": (12.1, 47.2),
}
DAYS = np.arange("2019-11-01", "2020-04-01", dtype="M8[D]")
MONTHS = np.array(["2019-11", "2019-12", "2020-02", "2020-03"], "M8[M]")


def series(seed):
    rng = np.random.default_rng(seed)
    up = 4 * np.sin(np.arange(len(DAYS)) / 30) + rng.normal(size=len(DAYS))
    dates = np.char.replace(DAYS.astype(str), "-", "")
    return "".join(f"{day} {value:.3f} 1.5\n" for day, value in zip(dates, up))


def write_grace(path, fill=None):
    lon, lat = np.arange(7.5, 16), np.arange(42.5, 51)
    values = np.random.default_rng(0).normal(size=(len(MONTHS), len(lat), len(lon)))
    values = values if fill is None else np.full_like(values, fill)
    xr.Dataset(
        {"lwe_thickness": (("time", "lat", "lon"), values, {"units": "cm"})},
        coords={"time": MONTHS.astype("M8[ns]"), "lat": lat, "lon": lon},
    ).to_netcdf(path)


def write_study(folder):
    (folder / "gnss").mkdir()
    for seed, name in enumerate(SITES):
        (folder / "gnss" / f"{name.lower()}.up").write_text(series(seed))
    sites = "".join(f"{name} {lon} {lat}\n" for name, (lon, lat) in SITES.items())
    (folder / "gnss" / "sites.txt").write_text(sites)
    (folder / "region.txt").write_text("10 45\n13 45\n13 47.5\n10 47.5\n")
    (folder / "study.toml").write_text(STUDY)
    write_grace(folder / "grace.nc")
    return folder


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    return write_study(folder)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A result, with the words that were said on the way."""
    folder = tmp_path_factory.mktemp("finished")
    write_study(folder)
    with contextlib.redirect_stdout((folder / "said").open("w")) as stream, stream:
        code = cli.main(["run", str(folder / "study.toml"), "--out", f"{folder}/out"])
    assert code == 0
    return folder / "out", (folder / "said").read_text()


def run(study, out, *more):
    return cli.main(["run", str(study / "study.toml"), "--out", str(out), *more])


def test_a_run_says_what_came_out(finished):
    folder, said = finished
    summary = json.loads((folder / "summary.json").read_text())
    assert "five stations" in said
    assert f"5 stations, {summary['cells']} cells, 152 epochs" in said
    assert "from 2019-11-01 to 2020-03-31" in said
    assert f"beta {summary['beta']:.3g}" in said
    assert f"leave-one-out {summary['leave_one_out_rms_mm']:.2f} mm" in said
    assert "over 4 months" in said
    assert "standard errors of cells, exact; no common mode in the noise" in said
    assert "(of 3, leave-one-out rms)" in said
    assert summary["criterion_unit"] == "mm"


@pytest.mark.slow
def test_a_study_can_ask_for_much_at_once(study, tmp_path):
    more = (
        'criterion = "l-curve"\nbeta_count = 5\ncommon_mode_mm = 0.5\n'
        'robust = "student-t"\nstation_weights = true\nprior = "first-differences"'
    )
    edit(TOML, BETA[0], more)(study)
    assert run(study, tmp_path / "out") == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["common_mode_mm"] == 0.5
    assert summary["errors"]["method"] == "exact"
    with xr.open_dataset(tmp_path / "out" / "stations.nc") as stations:
        assert {"weight", "common_mode"} <= set(stations.data_vars)
    with xr.open_dataset(tmp_path / "out" / "twsa.nc") as water:
        assert "inversion.noise" in water.twsa_sd.comment
        assert "student-t" in water.settings


@pytest.mark.parametrize(
    "way", ["correlation_time_days = 20.0", 'unknowns = "components"']
)
def test_ways_whose_errors_are_not_known_say_so(study, tmp_path, capsys, way):
    edit(TOML, BETA[0], f"beta = 0.1\n{way}")(study)
    assert run(study, tmp_path / "out") == 0
    said = capsys.readouterr().out
    assert "no standard errors" in said
    assert "leave-one-out undefined mm" in said
    assert (tmp_path / "out" / "station_fit.png").is_file()


def test_info_says_the_same_and_lists_every_file(finished, capsys):
    folder, said = finished
    assert cli.main(["info", str(folder)]) == 0
    captured = capsys.readouterr()
    # What was warned of stood on the terminal when it happened.
    summary = json.loads((folder / "summary.json").read_text())
    first = "".join(f"warning: {message}\n" for message in summary["warnings"])
    assert captured.out == first + said
    assert captured.err == ""
    for path in folder.iterdir():
        assert path.name in captured.out or path.name in ("summary.json", "run.log")
    assert "twsa.nc: twsa, cell_mask" in captured.out
    assert "time 152" in captured.out


def test_relative_paths_are_read_against_the_data_folder(study, tmp_path, capsys):
    (study / "study.toml").rename(tmp_path / "study.toml")
    assert run(tmp_path, tmp_path / "out") == 2
    check_one_sentence(capsys.readouterr(), ["region.txt does not exist"])
    assert run(tmp_path, tmp_path / "out", "--data", str(study)) == 0
    assert (tmp_path / "out" / "summary.json").is_file()


def replace(folder, file, old, new):
    path = folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def edit(file, old, new):
    return lambda folder: replace(folder, file, old, new)


def write(file, content):
    return lambda folder: (folder / file).write_bytes(content)


def exchange_sites(folder):
    path = folder / "gnss" / "sites.txt"
    rows = [line.split() for line in path.read_text().splitlines()]
    path.write_text("".join(f"{name} {lat} {lon}\n" for name, lon, lat in rows))


def truncate(file):
    def damage(folder):
        whole = (folder / file).read_bytes()
        (folder / file).write_bytes(whole[: len(whole) // 2])

    return damage


def outline_elsewhere(folder):
    text = (folder / "region.txt").read_text()
    (folder / "region.txt").write_text(text.replace(" 4", " -4"))


def named_region(folder):
    ring = [[10, 45], [13, 45], [13, 47], [10, 47], [10, 45]]
    polygon = {"type": "Polygon", "coordinates": [ring]}
    feature = {"type": "Feature", "properties": {"name": "PO"}, "geometry": polygon}
    (folder / "basins.geojson").write_text(json.dumps(feature))
    replace(folder, "study.toml", "grace =", 'regions = ["basins.geojson: RHINE"]\n#')


def second_region(folder):
    (folder / "basins").mkdir()
    (folder / "basins" / "region.txt").write_text("11 45\n12 45\n12 47\n")
    replace(folder, "study.toml", "grace =", 'regions = ["basins/region.txt"]\n#')


def small_amplitude(folder):
    lon, lat = np.arange(10, 12.0), np.arange(45, 48.0)
    values = (("lat", "lon"), np.ones((len(lat), len(lon))))
    xr.Dataset({"sd": values}, {"lat": lat, "lon": lon}).to_netcdf(folder / "a.nc")
    replace(folder, "study.toml", "beta_count = 3", 'amplitude = "a.nc"')


def nothing_but_nan(folder):
    dates = np.char.replace(DAYS.astype(str), "-", "")
    lines = "".join(f"{day} nan nan\n" for day in dates)
    (folder / "gnss" / "aaaa.up").write_text(lines)


UP, TOML = "gnss/bbbb.up", "study.toml"
BETA = ("beta_count = 3", "beta = {}")
BAD = {
    "a missing column": (
        edit(UP, " 1.5\n", "\n"),
        ["bbbb.up line 1 has 2 columns, expected 3: yyyymmdd up sigma"],
    ),
    "text in the series": (
        edit(UP, "\n20191103 ", "\n20191103 x"),
        ["bbbb.up line 3: up is 'x", "expected a number"],
    ),
    "a day that is none": (
        edit(UP, "20191102", "20191142"),
        ["bbbb.up line 2: 20191142 is not a day"],
    ),
    "an empty station file": (write(UP, b""), ["bbbb.up holds no data"]),
    "a binary station file": (
        write(UP, b"\x89PNG\r\n\x00\xff" * 9),
        ["bbbb.up line 1", "expected"],
    ),
    "half a netCDF file": (
        write(UP, b"\x89HDF\r\n\x1a\n" * 9),
        ["bbbb.up cannot be read as netCDF"],
    ),
    "nothing but NaN": (nothing_but_nan, ["aaaa.up has no day with a value"]),
    "no coordinates": (
        edit("gnss/sites.txt", "CCCC", "XXXX"),
        ["station CCCC has no coordinates", "sites file"],
    ),
    "half a coordinate": (
        edit("gnss/sites.txt", "CCCC 12.6 45.8", "CCCC 12.6"),
        ["sites.txt line 3 has 2 columns"],
    ),
    "a station outside the grid": (
        edit("gnss/sites.txt", "CCCC 12.6", "CCCC 52.6"),
        ["1 of 5 stations", "outside the grid: CCCC", "region.buffer"],
    ),
    "latitudes before longitudes": (
        exchange_sites,
        ["5 of 5 stations", "latitude and longitude exchanged", "gnss.sites_order"],
    ),
    "an order that is none": (
        edit(TOML, "[region]", 'sites_order = "lat, lon"\n[region]'),
        ["gnss.sites_order is 'lat, lon', expected", "lon lat or lat lon"],
    ),
    "a wrong name of a folder": (
        edit(TOML, "gnss/*.up", "gns/*.up"),
        ["nothing is called", "holds gnss"],
    ),
    "the wrong hemisphere": (
        outline_elsewhere,
        ["none of 5 stations", "is the outline in another hemisphere?"],
    ),
    "an outline that is a line": (
        write("region.txt", b"10 45\n13 45\n"),
        ["2 distinct vertices, expected 3 or more"],
    ),
    "beta zero": (
        edit(TOML, BETA[0], BETA[1].format(0)),
        ["inversion.beta is 0, expected a positive number"],
    ),
    "beta negative": (
        edit(TOML, BETA[0], BETA[1].format(-0.5)),
        ["inversion.beta is -0.5, expected a positive number"],
    ),
    "beta not a number": (
        edit(TOML, BETA[0], BETA[1].format("nan")),
        ["inversion.beta is nan, expected a positive number"],
    ),
    "beta infinite": (
        edit(TOML, BETA[0], BETA[1].format("inf")),
        ["inversion.beta is inf, expected a positive number"],
    ),
    "infinite betas to try": (
        edit(TOML, BETA[0], "beta_max = inf"),
        ["inversion tries 25 betas from 0.001 to inf"],
    ),
    "an unknown criterion": (
        edit(TOML, BETA[0], 'criterion = "leave-two-out"'),
        ["inversion.criterion is 'leave-two-out'", "did you mean leave-one-out?"],
    ),
    "a memory beside robust weights": (
        edit(TOML, BETA[0], 'correlation_time_days = 20\nrobust = "huber"'),
        ["inversion.correlation_time_days cannot be combined with inversion.robust"],
    ),
    "more components than stations": (
        edit(TOML, BETA[0], 'unknowns = "components"\ncomponents = 6'),
        ["inversion.components is 6, but there are 5 stations"],
    ),
    "one group of all stations": (
        edit(TOML, BETA[0], 'criterion = "leave-group-out"\nblock_km = 2000'),
        ["all 5 stations lie within inversion.block_km, 2000"],
    ),
    "a small map of amplitudes": (small_amplitude, ["a.nc does not cover", "cells"]),
    "no map of amplitudes": (
        edit(TOML, BETA[0], 'amplitude = "b.nc"'),
        ["b.nc does not exist"],
    ),
    "no epoch in the period": (
        edit(TOML, '"gnss/*.up"', '"gnss/*.up"\nstart = 2031-01-01'),
        ["no epoch lies between 2031-01-01", "2019-11-01 to 2020-03-31"],
    ),
    "spacing zero": (edit(TOML, "spacing = 0.5", "spacing = 0"), ["spacing", "0"]),
    "buffer negative": (
        edit(TOML, "buffer = 0.5", "buffer = -2"),
        ["buffer", "-2"],
    ),
    "spacing infinite": (
        edit(TOML, "spacing = 0.5", "spacing = inf"),
        ["spacing", "inf"],
    ),
    "an unknown key": (
        edit(TOML, "spacing", "spacng"),
        ["region.spacng is not a known setting; did you mean spacing?"],
    ),
    "no TOML": (write(TOML, b"[gnss\n"), ["study.toml is not TOML"]),
    "no table": (write(TOML, b""), ["the table [gnss] is missing"]),
    "no such files": (
        edit(TOML, "gnss/*.up", "gnss/*.pos"),
        ["nothing is called", "*.pos; check the path"],
    ),
    "an unknown format": (
        edit(TOML, "gnss/*.up", "region.txt"),
        ["region.txt is of no known format"],
    ),
    "a truncated netCDF": (
        truncate("grace.nc"),
        ["grace.nc cannot be read as netCDF"],
    ),
    "no netCDF": (write("grace.nc", b"hello"), ["grace.nc cannot be read as netCDF"]),
    "no reference": (
        lambda folder: (folder / "grace.nc").unlink(),
        ["grace.nc does not exist"],
    ),
    "no such region": (
        named_region,
        ["basins.geojson holds no region 'RHINE'; by name it has P"],
    ),
    "two regions of one name": (
        second_region,
        ["region.txt is a second region called region; rename it"],
    ),
    "no Earth model": (
        edit(TOML, "max_degree", 'model = "mars.txt"\nmax_degree'),
        ["mars.txt", "check the path"],
    ),
}


def names_of_results(folder):
    """Files of results; the log says of every run when it was."""
    there = folder.iterdir() if folder.exists() else ()
    return [path.name for path in there if path.name != "run.log"]


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence_and_nothing_written(study, tmp_path, capsys, case):
    damage, expected = BAD[case]
    damage(study)
    assert run(study, tmp_path / "out", "--strict") == 2
    captured = capsys.readouterr()
    check_one_sentence(captured, expected)
    assert not names_of_results(tmp_path / "out")


def test_one_station_with_its_latitude_first_is_named(study, tmp_path, capsys):
    replace(study, "gnss/sites.txt", "12.6 45.8", "45.8 12.6")
    assert run(study, tmp_path / "out") == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "CCCC far from all other stations, but with latitude" in said
    assert "CCCC would be inside with latitude and longitude exchanged" in said


def read_stations(folder):
    study = config.read_study(folder / "study.toml")
    return read_observations(study)


def test_a_study_may_say_that_latitudes_come_first(study):
    plain = read_stations(study)
    exchange_sites(study)
    for setting in ('order = "lat lon"', 'columns = ["station", "lat", "lon"]'):
        replace(study, TOML, "[region]", f"sites_{setting}\n[region]")
        xr.testing.assert_identical(read_stations(study), plain)
        replace(study, TOML, f"sites_{setting}\n", "")


def test_a_study_may_name_its_files_below_the_home_folder(study, monkeypatch):
    plain = read_stations(study)
    monkeypatch.setenv("HOME", str(study))
    replace(study, TOML, "gnss/*.up", "~/gnss/*.up")
    xr.testing.assert_identical(read_stations(study), plain)


def test_a_bad_file_is_named_and_the_others_go_on(study, tmp_path, capsys):
    edit(UP, "\n20191103 ", "\n20191103 x")(study)
    edit(TOML, BETA[0], BETA[1].format(0.01))(study)
    assert run(study, tmp_path / "out") == 0
    captured = capsys.readouterr()
    assert "bbbb.up line 3" in " ".join(captured.err.split())
    assert "4 stations" in captured.out
    assert "left out: " in captured.out
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert "bbbb.up line 3" in summary["files_left_out"]


def check_one_sentence(captured, expected):
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 1, captured.err
    assert lines[0].startswith("jaxload: ")
    assert "Traceback" not in lines[0]
    assert len(lines[0]) < 600
    for part in expected:
        assert part in lines[0]


def test_a_study_that_is_not_there_is_named(tmp_path, capsys):
    assert run(tmp_path, tmp_path / "out") == 2
    check_one_sentence(capsys.readouterr(), ["study.toml is not a file; check"])
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_cannot_be_written_to_is_refused(study, tmp_path, capsys):
    (tmp_path / "file").write_text("here first")
    for out in (tmp_path / "file", tmp_path / "file" / "below", "/proc/jaxload"):
        assert run(study, out) == 2
        check_one_sentence(capsys.readouterr(), [f"{out} cannot be written to"])
    assert (tmp_path / "file").read_text() == "here first"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("summary.json", None, "summary.json is not a file"),
        ("summary.json", b'{"title": ', "summary.json is not JSON"),
        (
            "summary.json",
            b'{"title": "x"}',
            "does not describe a result (no 'epochs')",
        ),
        ("summary.json", b"[1, 2]", "summary.json does not describe a result"),
        ("twsa.nc", b"half", "twsa.nc cannot be read as netCDF"),
    ],
    ids=["absent", "half", "another file", "a list", "broken netCDF"],
)
def test_info_on_a_broken_result_is_one_sentence(
    finished, tmp_path, capsys, name, content, expected
):
    for path in finished[0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert cli.main(["info", str(tmp_path)]) == 2
    check_one_sentence(capsys.readouterr(), [expected])


def test_a_reference_without_a_value_is_no_failure(study, tmp_path):
    write_grace(study / "grace.nc", fill=np.nan)
    assert run(study, tmp_path / "out") == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    score = summary["evaluation"]["region"]
    assert score["months"] == 0
    assert score["pcc"] is score["nse"] is score["rmse_mm"] is None


def test_a_reference_elsewhere_is_named(study, tmp_path, capsys):
    edit(TOML, BETA[0], BETA[1].format(0.01))(study)
    with xr.open_dataset(study / "grace.nc") as grace:
        grace = grace.load().assign_coords(lon=grace.lon + 100)
    grace.to_netcdf(study / "grace.nc")
    assert run(study, tmp_path / "out") == 2
    expected = ["grace.nc: basin region does not touch the grid", "107.5 to 115.5"]
    check_one_sentence(capsys.readouterr(), expected)


def test_a_single_epoch_is_a_study(study, tmp_path):
    day = '"gnss/*.up"\nstart = 2019-12-05\nend = 2019-12-05'
    edit(TOML, '"gnss/*.up"', day)(study)
    assert run(study, tmp_path / "out") == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["epochs"] == 1
    assert (tmp_path / "out" / "regions.png").is_file()


def test_a_second_run_that_is_interrupted_leaves_the_first_result(
    finished, tmp_path, monkeypatch
):
    study, out = finished[0].parent, tmp_path / "out"
    shutil.copytree(finished[0], out)
    before = {name: (out / name).read_bytes() for name in names_of_results(out)}
    monkeypatch.setattr(
        xr.Dataset, "to_netcdf", interrupt_after(1, xr.Dataset.to_netcdf)
    )
    assert run(study, out) == 130
    after = {name: (out / name).read_bytes() for name in names_of_results(out)}
    assert after == before


def test_a_second_run_without_its_figures_does_not_pass_for_a_result(
    finished, tmp_path, monkeypatch, capsys
):
    study, out = finished[0].parent, tmp_path / "out"
    shutil.copytree(finished[0], out)
    with monkeypatch.context() as patch:
        patch.setattr(Figure, "savefig", interrupt_after(0, None))
        assert run(study, out) == 130
    capsys.readouterr()
    assert cli.main(["info", str(out)]) == 2
    expected = ["not yet written; jaxload run --resume writes them"]
    check_one_sentence(capsys.readouterr(), expected)
    assert run(study, out, "--resume") == 0
    log = [line[21:] for line in (out / "run.log").read_text().splitlines()]
    begun = [line.split()[2:4] for line in log if line.startswith("jaxload ")]
    assert begun == [["runs", "five"], ["goes", "on"]]
    assert "interrupted" in log
    assert log[-1] == "finished"
    for path in finished[0].iterdir():
        # These say when the study was run.
        if path.name not in ("summary.json", "state.json", "run.log"):
            assert (out / path.name).read_bytes() == path.read_bytes(), path.name
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


def test_brackets_in_a_message_are_not_markup(study, tmp_path, capsys):
    replace(study, "study.toml", "gnss/*.up", "gnss/[bold]x.up")
    assert run(study, tmp_path / "out") == 2
    assert "[bold]x.up" in capsys.readouterr().err


def test_a_traceback_is_shown_where_it_is_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError):
        run(tmp_path, tmp_path / "out", "--traceback")


def interrupt_after(calls, function):
    """Let some calls pass, then leave half a file and stop."""
    count = 0

    def interrupted(self, path, *args, **kwargs):
        nonlocal count
        count += 1
        if count > calls:
            pathlib.Path(path).write_bytes(b"half")
            raise KeyboardInterrupt
        return function(self, path, *args, **kwargs)

    return interrupted


@pytest.mark.parametrize(
    ("owner", "method", "calls"),
    [
        (xr.Dataset, "to_netcdf", 0),
        (xr.Dataset, "to_netcdf", 1),
        (Figure, "savefig", 2),
    ],
    ids=["first file", "second file", "third figure"],
)
def test_an_interruption_leaves_only_whole_files(
    study, tmp_path, monkeypatch, capsys, owner, method, calls
):
    function = interrupt_after(calls, getattr(owner, method))
    monkeypatch.setattr(owner, method, function)
    assert run(study, tmp_path / "out") == 130
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "interrupted" in captured.err
    names = names_of_results(tmp_path / "out")
    if owner is Figure:
        # The results are there, and wait for their figures.
        names.remove(".unfinished")
    assert len(names) == (0 if owner is xr.Dataset else 7 + calls)
    for name in names:
        assert not name.startswith(".")
        path = tmp_path / "out" / name
        if path.suffix == ".nc":
            xr.load_dataset(path)
        elif path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".csv":
            assert path.read_text().endswith("\n")
        else:
            assert path.read_bytes().endswith(b"IEND\xaeB`\x82")


def test_a_full_disk_is_one_sentence(study, tmp_path, monkeypatch, capsys):
    def full(_, path, *__, **___):
        pathlib.Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    edit(TOML, BETA[0], BETA[1].format(0.01))(study)
    monkeypatch.setattr(Figure, "savefig", full)
    assert run(study, tmp_path / "out") == 2
    check_one_sentence(
        capsys.readouterr(),
        [
            ".png cannot be written (No space left on device); the results are kept",
            "with --resume",
        ],
    )
    names = sorted(names_of_results(tmp_path / "out"))
    state = ["state.json", "state.nc"]
    assert names == [
        *(".unfinished", "product_scores.csv", "products.nc", "regions.nc"),
        *(*state, "stations.nc", "twsa.nc"),
    ]


def test_a_verbose_run_tells_of_every_beta(study, tmp_path, capsys):
    # As libraries leave one behind when they are imported.
    root = logging.getLogger()
    root.addHandler(handler := logging.StreamHandler(sys.stderr))
    try:
        assert run(study, tmp_path / "out", "--verbose") == 0
    finally:
        root.removeHandler(handler)
    assert capsys.readouterr().err.count("leave-one-out rms") == 3
    assert logging.getLogger("jaxload").propagate


@pytest.mark.parametrize("words", [[], ["walk"], ["run", "study.toml"], ["run"]])
def test_words_that_are_not_understood_give_the_usage(words, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert "usage: jaxload" in said
    # Whoever knows no command yet learns how to begin.
    assert ("jaxload init --from FOLDER" in said) == (words == [])


def python(*words, environment=os.environ):
    """Python as a process of its own."""
    here = pathlib.Path(jaxload.__file__).parents[1]
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**environment, "PYTHONPATH": str(here)},
    )


def program(*words):
    """The console script as a process of its own."""
    return python("-m", "jaxload.cli", *words)


def test_the_program_ends_with_the_exit_codes(tmp_path):
    # That it ends with 0 too: test_the_package_runs_as_a_module.
    failed = program("run", str(tmp_path / "absent.toml"), "--out", str(tmp_path / "o"))
    assert failed.returncode == 2
    assert failed.stdout == ""
    assert failed.stderr == (
        f"jaxload: {tmp_path}/absent.toml is not a file; check the path of the study\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("devices", [None, 3])
def test_each_core_is_a_device_unless_the_user_says_otherwise(devices, tmp_path):
    code = (
        "import sys, jax; from jaxload import cli\n"
        "cli.main(['run', sys.argv[1] + '/x', '--out', 'x'])\n"
        "print(len(jax.devices('cpu')))"
    )
    free = {k: v for k, v in os.environ.items() if k != "JAX_NUM_CPU_DEVICES"}
    setting = {} if devices is None else {"JAX_NUM_CPU_DEVICES": str(devices)}
    done = python("-c", code, str(tmp_path), environment={**free, **setting})
    assert done.returncode == 0
    assert int(done.stdout) == (devices or available_cores())


@pytest.mark.slow
@pytest.mark.thorough
def test_the_groundwater_demo_finds_groundwater(tmp_path, capsys):
    assert (
        cli.main(["demo", "--system", "groundwater", "--out", str(tmp_path / "out")])
        == 0
    )
    said = capsys.readouterr().out
    assert "here: least, median, largest" in said
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert len(summary["gwsa_correlation"]) == 66
    assert min(summary["gwsa_correlation"].values()) >= 0.8
    falls = summary["wrms_reduction_percent"].values()
    assert min(each["total"] for each in falls) > 0
    assert cli.main(["info", str(tmp_path / "out")]) == 0
    assert "GRACE less soil: correlation" in capsys.readouterr().out


def files_of(table):
    """Every name or pattern of a file in a study, whatever table it is in."""
    for name, value in table.items():
        if name == "periods":  # such as "GRACE: 2011-01..2017-06"
            continue
        if isinstance(value, dict):
            yield from files_of(value)
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and pathlib.PurePath(text).suffix:
                yield text


def brief(world, monkeypatch):
    """Half a year of all China, coarsely: the whole takes many minutes."""
    if world == "mainland_china":
        short = {"start": "2019-07-01", "stop": "2019-12-31", "spacing": 1.0}
        made = functools.partial(synthetic.WeatherSettings, **short)
        monkeypatch.setattr(synthetic, "WeatherSettings", made)


def empty_cells_of(study, folder):
    with xr.open_dataset(folder / "truth.nc") as truth:
        names = {name: truth[f"station_{name}"] for name in ("lon", "lat")}
        places = xr.Dataset(coords=names)
    region = io.read_region(study.path(study.region.boundary))
    return cells_without_station(study, region, places).station.values


WEATHER = {"temperature.nc", "pressure.nc", "storage.nc", "gnss/steps.txt"}
GROUND = {"loads/ocean.nc", "wells.csv", "precipitation.nc", "gnss/offsets.csv"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("world", "stations", "among"),
    [
        ("southwest_china", 57, WEATHER),
        pytest.param("mainland_china", 263, WEATHER, marks=pytest.mark.thorough),
        ("western_yunnan", 66, GROUND),
    ],
)
def test_a_world_has_what_its_studies_read(
    world, stations, among, tmp_path, capsys, monkeypatch
):
    brief(world, monkeypatch)
    assert cli.main(["world", world, "--out", str(tmp_path), "--seed", "2"]) == 0
    said = capsys.readouterr().out
    for name in demo.WORLDS[world]:
        assert name.removesuffix(".toml") in said
        study = config.read_study(STUDIES / name, str(tmp_path))
        assert len(list(tmp_path.glob(study.gnss.files))) == stations
        loads = study.loads.displacement if study.loads else ()
        references = study.evaluation.grace
        named = {study.region.boundary, *loads, *np.atleast_1d(references)}
        named |= set(files_of(tomllib.loads((STUDIES / name).read_text())))
        assert among <= named
        for pattern in filter(None, named):
            assert list(tmp_path.glob(str(pattern))), pattern
        for pattern in loads:
            assert len(list(tmp_path.glob(pattern))) == stations
        for pattern in study.gapfill.virtual_station_loads if study.gapfill else ():
            there = {path.name.split(".")[1] for path in tmp_path.glob(pattern)}
            assert there == set(empty_cells_of(study, tmp_path)), pattern
    assert (tmp_path / "truth.nc").is_file()


def test_every_study_has_its_world_or_observations():
    made = {name for names in demo.WORLDS.values() for name in names}
    observed = {"western_us.toml", "western_us_weather.toml"}
    assert {path.name for path in STUDIES.glob("*.toml")} == made | observed


def test_a_world_that_is_not_there_or_cannot_be_drawn_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        cli.main(["world", "atlantis", "--out", str(tmp_path)])
    assert "choose from" in capsys.readouterr().err
    given = ["world", "western_yunnan", "--out", str(tmp_path), "--seed", "-1"]
    assert cli.main(given) == 2
    assert "seed is -1, expected zero or more" in capsys.readouterr().err
    with pytest.raises(ValueError, match="world is 'atlantis', expected one of south"):
        demo.simulate("atlantis", tmp_path)
    assert not list(tmp_path.iterdir())

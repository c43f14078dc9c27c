"""Study files drafted from folders of data."""

import json
import tomllib

import numpy as np
import pytest
import shapely
import xarray as xr
from twin_files import twin_heights, write_twin

from jaxload import cli, config, drafting, io, pipeline, synthetic

pytest.importorskip("netCDF4")

WORLD = synthetic.TwinSettings(
    stations=6, days=800, radius=1.5, belt=0.5, spacing=0.5, start="2015-01-01"
)
TENV3 = "site YYMMMDD yyyy.yyyy __MJD week d reflon _e0(m) __east(m) ____n0(m) "
TENV3 += "_north(m) u0(m) ____up(m) _ant(m) sig_e(m) sig_n(m) sig_u(m) __corr_en "
TENV3 += "__corr_eu __corr_nu _latitude(deg) _longitude(deg) __height(m)\n"


@pytest.fixture(scope="module")
def world():
    return synthetic.twin(WORLD)


def write_tenv3(world, folder):
    folder.mkdir()
    years = 2015 + np.arange(WORLD.days) / 365.25
    mjd = 57023 + np.arange(WORLD.days)
    for n, name in enumerate(world.station):
        lines = [TENV3]
        for day, year, number, up in zip(
            world.time, years, mjd, world.displacement[:, n], strict=True
        ):
            if np.isnan(up):
                continue
            date = day.astype("M8[s]").item().strftime("%y%b%d").upper()
            height = 0.3 + up / 1000 + 0.004 * (year - 2015)
            lines.append(
                f"{name} {date} {year:.4f} {number} {1825} 4 {world.lon[n]:.1f} "
                f"100 0.1 200 0.2 300 {height:.6f} 0.1 0.001 0.001 0.003 0 0 0 "
                f"{world.lat[n]:.6f} {world.lon[n]:.6f} 300.1\n"
            )
        (folder / f"{name}.tenv3").write_text("".join(lines))


def write_grace(path, world):
    lon, lat = (
        np.arange(np.floor(x.min()) - 3, x.max() + 4) for x in (world.lon, world.lat)
    )
    time = np.arange("2015-01", "2017-01", dtype="M8[M]").astype("M8[ns]")
    values = np.random.default_rng(1).normal(size=(len(time), len(lat), len(lon)))
    field = (("time", "lat", "lon"), values, {"units": "cm"})
    coords = {"time": time, "lat": lat, "lon": lon}
    xr.Dataset({"lwe_thickness": field}, coords).to_netcdf(path)


def test_a_folder_of_prepared_heights_becomes_a_study_that_can_be_run(world, tmp_path):
    data, out = tmp_path / "data", tmp_path / "study.toml"
    write_twin(world, data)
    write_grace(data / "grace.nc", world)
    (data / "notes.txt").write_text("nothing of use\n")
    wide = shapely.geometry.mapping(shapely.box(-20, -20, 60, 80))
    (data / "basins.geojson").write_text(json.dumps(wide))
    assert cli.main(["init", "--from", str(data), "--out", str(out)]) == 0
    tables = tomllib.loads(out.read_text())
    assert tables["gnss"]["files"] == "data/gnss/*.up"
    assert tables["region"]["boundary"] == "data/region.geojson"
    assert tables["evaluation"]["grace"] == "data/grace.nc"
    assert "cleaning" not in tables
    # What the data do not settle stands beside it.
    text = out.read_text()
    assert '#   "data/basins.geojson": evaluation.regions' in text
    assert "# grace_smoothing_km = 300" in text
    checked = pipeline.check_study(config.read_study(out))
    assert checked.problems == []


def test_raw_series_are_cleaned_and_an_outline_is_drawn_about_them(world, tmp_path):
    write_tenv3(world, tmp_path / "tenv3")
    out = tmp_path / "study.toml"
    drafting.write_draft(drafting.draft_study(tmp_path / "tenv3", out), out)
    study = config.read_study(out)
    assert study.cleaning.trend == "remove"
    assert study.cleaning.steps == "detect"
    region = io.read_region(tmp_path / "study_region.geojson")
    assert shapely.contains_xy(region, world.lon, world.lat).all()
    assert pipeline.check_study(study).problems == []


def test_a_question_without_an_answer_means_the_folder_one_is_in(
    world, tmp_path, monkeypatch, capsys
):
    io.write_up(twin_heights(world), tmp_path / "gnss")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: " ")
    assert cli.main(["init"]) == 0
    assert "6 stations in gnss/*.up" in capsys.readouterr().out
    assert (tmp_path / "study.toml").is_file()


def test_stations_far_apart_and_junk_are_named(world, tmp_path):
    gnss = twin_heights(world)
    apart = {x: gnss[x].mean() + 9 * (gnss[x] - gnss[x].mean()) for x in ("lon", "lat")}
    io.write_up(gnss.assign_coords(apart), tmp_path / "far")
    draft = drafting.draft_study(tmp_path / "far", tmp_path / "study.toml")
    assert any("degrees apart (median)" in note for note in draft.notes)
    near = twin_heights(world)
    io.write_up(near, tmp_path / "near")
    draft = drafting.draft_study(tmp_path / "near", tmp_path / "study.toml")
    assert not any("apart" in note for note in draft.notes)
    (tmp_path / "junk").mkdir()
    for name in ("photo.jpg", "thesis.docx"):
        (tmp_path / "junk" / name).write_bytes(b"\x00\x01nothing")
    with pytest.raises(ValueError, match=r"format: photo\.jpg, thesis\.docx; it needs"):
        drafting.draft_study(tmp_path / "junk", tmp_path / "study.toml")


def test_a_study_that_is_there_is_not_written_over(world, tmp_path, capsys):
    io.write_up(twin_heights(world), tmp_path / "gnss")
    out = tmp_path / "study.toml"
    out.write_text("mine")
    assert cli.main(["init", "--from", str(tmp_path), "--out", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert out.read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("nowhere", "does not exist"),
        ("empty", "holds no series of stations in a known format; it needs a file"),
        ("file", "is a file"),
    ],
)
def test_folders_without_series_are_refused(name, what, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    with pytest.raises((ValueError, OSError), match=what):
        drafting.draft_study(tmp_path / name, tmp_path / "study.toml")


@pytest.mark.parametrize("name", ["nl\nx", 'quote"d', "del\x7f", "Gebäude 1"])
def test_folders_of_any_name_become_studies_that_can_be_read(name, world, tmp_path):
    data, out = tmp_path / name, tmp_path / "study.toml"
    io.write_up(twin_heights(world), data / "gnss")
    write_grace(data / "grace.nc", world)
    (data / "dead").symlink_to(data / "nowhere")
    drafting.write_draft(drafting.draft_study(data, out), out)
    assert config.read_study(out).evaluation.grace == f"{name}/grace.nc"


def test_a_name_that_is_no_text_leaves_nothing_half_written(world, tmp_path):
    data, out = tmp_path / "caf\udce9", tmp_path / "study.toml"
    io.write_up(twin_heights(world), data / "gnss")
    draft = drafting.draft_study(data, out)
    with pytest.raises(ValueError, match="cannot be written into a study"):
        drafting.write_draft(draft, out)
    assert sorted(path.name for path in tmp_path.iterdir()) == [data.name]

"""A finished study goes on day by day, by the parameters of its run."""

import hashlib
import json
import pathlib
import shutil

import example_objects as small
import numpy as np
import pytest
import test_cli
import xarray as xr

from jaxload import cli, config, inversion, pipeline, series
from jaxload.inversion.estimation.robust import loss_weight
from jaxload.inversion.uncertainty.direct_epochs import is_direct, solve_directly
from jaxload.io.files import digests
from jaxload.io.gnss import later_readings
from jaxload.io.gnss.later_readings import mark_file, read_later
from jaxload.pipeline.estimation import error_correlation
from jaxload.pipeline.results import pending
from jaxload.pipeline.update import study_update
from jaxload.pipeline.update.later_epochs import LAG

pytest.importorskip("netCDF4")

#: Everything that a run would choose by the record is stated, so that the run of all
#: days has the parameters of the run of some.
STATED = '\nbeta = 0.05\n[evaluation]\ngrace = "grace.nc"\n'
LAST = "20200229"


def write(folder, stated=STATED, cleaning=""):
    """The five stations of the command line, with all days."""
    folder.mkdir(parents=True)
    test_cli.write_study(folder)
    text = test_cli.STUDY.replace('\n[evaluation]\ngrace = "grace.nc"\n', stated)
    (folder / "study.toml").write_text(text.replace("[earth]", f"{cleaning}\n[earth]"))
    return folder


def until(folder, last, names=("*",)):
    """Cut files of stations after a day."""
    for name in names:
        for path in (folder / "gnss").glob(f"{name}.up"):
            lines = path.read_text().splitlines(keepends=True)
            path.write_text("".join(x for x in lines if x[:8] <= last))
    return folder


def compute(folder, out):
    study = config.read_study(folder / "study.toml")
    pipeline.run(study, out).close()
    return out


def whole_and_part(place, **more):
    """Results of all days, and those of some with the files of all beside them."""
    whole = write(place / "whole", **more)
    compute(whole, place / "whole_out")
    part = until(write(place / "data", **more), LAST)
    compute(part, place / "out")
    return place


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return whole_and_part(tmp_path_factory.mktemp("update"))


@pytest.fixture
def study(finished, tmp_path):
    """A copy of the results of some days, with their data."""
    shutil.copytree(finished / "out", tmp_path / "out")
    shutil.copytree(finished / "data", tmp_path / "data")
    return tmp_path


def bring(study, finished, names=("*",)):
    """Bring the files of all days."""
    for name in names:
        for path in (finished / "whole" / "gnss").glob(f"{name}.up"):
            shutil.copy(path, study / "data" / "gnss" / path.name)


def update(study, **more):
    return pipeline.update_study(study / "out", str(study / "data"), **more)


def assert_equal_results(one, two, exact=1e-8):
    """Files agree to the precision that they are written in, means in float64."""
    assert_equal_products(one, two)
    for name in ("twsa.nc", "stations.nc", "regions.nc"):
        with xr.open_dataset(one / name) as x, xr.open_dataset(two / name) as y:
            for variable in y.variables:
                np.testing.assert_array_equal(x[variable].dtype, y[variable].dtype)
                if y[variable].dtype.kind == "f":
                    size = np.nanmax(np.abs(y[variable].values), initial=1.0)
                    np.testing.assert_allclose(
                        x[variable].values, y[variable].values, atol=4e-7 * size, rtol=0
                    )
                else:
                    np.testing.assert_array_equal(x[variable], y[variable])
    with xr.open_dataset(one / "state.nc") as x, xr.open_dataset(two / "state.nc") as y:
        for variable in ("region_twsa", "region_twsa_sd"):
            np.testing.assert_allclose(x[variable], y[variable], atol=exact, rtol=0)


def assert_equal_products(one, two):
    """Seasons and scores are of maps in float32 after an update."""
    for name in ("products.nc", "seasons.nc", "bridged.nc", "wavelets.nc"):
        assert (one / name).exists() == (two / name).exists(), name
        if not (one / name).exists():
            continue
        with xr.open_dataset(one / name) as x, xr.open_dataset(two / name) as y:
            assert set(x.variables) == set(y.variables)
            for variable in y.variables:
                if y[variable].dtype.kind != "f":
                    np.testing.assert_array_equal(x[variable], y[variable])
                    continue
                size = np.nan_to_num(np.abs(y[variable].values)).max(initial=1.0)
                np.testing.assert_allclose(
                    x[variable], y[variable], atol=3e-5 * size, rtol=0, err_msg=variable
                )


def contents(folder):
    """Digests of results; the log has a line of every update."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.is_file() and path.name != "run.log"
    }


def test_a_month_that_is_added_equals_the_run_of_all_days(study, finished):
    bring(study, finished)
    added = update(study)
    assert added.about["new_epochs"] == ["2020-03-01", "2020-03-31", "31"]
    assert added.about["changed_mm"] == {}
    assert_equal_results(study / "out", finished / "whole_out")
    summaries = [
        json.loads((folder / "summary.json").read_text())
        for folder in (study / "out", finished / "whole_out")
    ]
    for name in ("epochs", "last_day", "beta", "stations", "unsolved"):
        assert summaries[0][name] == summaries[1][name]
    for name in ("leave_one_out_rms_mm", "misfit_rms_mm", "signal_rms_mm"):
        assert summaries[0][name] == pytest.approx(summaries[1][name], rel=1e-6)
    scores = [summary["evaluation"]["region"] for summary in summaries]
    assert scores[0] == pytest.approx(scores[1], abs=1e-9)
    assert summaries[0]["files"] == summaries[1]["files"]


@pytest.mark.slow
def test_what_an_update_leaves_as_it_was_is_named(study, finished, capsys):
    bring(study, finished)
    words = ["update", str(study / "out"), "--data", str(study / "data")]
    assert cli.main(words) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "still of the record until 2020-02-29: " in said
    assert "--figures draws figures anew" in said
    figures = [path for path in (study / "out").glob("*.png")]
    before = {path.name: path.read_bytes() for path in figures}
    log = (study / "out" / "run.log").read_text()
    assert log.count("  jaxload ") == 2
    assert "seasons and products, " in log.split(" updates")[1]
    assert log.endswith("  finished\n")
    # Without a new day too.
    assert cli.main([*words, "--figures"]) == 0
    assert (study / "out" / "regions.png").read_bytes() != before["regions.png"]
    summary = json.loads((study / "out" / "summary.json").read_text())
    assert summary["update"]["earlier"] == {}


@pytest.mark.slow
def test_products_without_maps_are_named_as_those_of_the_earlier_record(
    finished, tmp_path, caplog
):
    stated = STATED + '\n[output]\nstore = ["regions"]\n'
    data = until(write(tmp_path / "data", stated=stated), LAST)
    compute(data, tmp_path / "out")
    bring(tmp_path, finished)
    about = update(tmp_path).about
    assert "products.nc" in about["earlier"]["files"]
    assert about["earlier"]["last_day"] == "2020-02-29"
    said = 'of the record until 2020-02-29 still, as output.store has no "twsa"'
    assert said in caplog.text
    # The next update remembers where they end.
    lines = (data / "gnss" / "aaaa.up").read_text()
    (data / "gnss" / "aaaa.up").write_text(lines + "20200401 1.000 1.5\n")
    assert update(tmp_path).about["earlier"]["last_day"] == "2020-02-29"


def test_results_of_the_first_version_of_a_state_go_on(study, finished):
    path = study / "out" / "state.json"
    path.write_text(
        path.read_text().replace('"state_version": 2', '"state_version": 1')
    )
    bring(study, finished)
    assert update(study).about["new_epochs"][2] == "31"
    assert_equal_water(study / "out", finished / "whole_out")


def test_a_second_update_changes_nothing_and_says_so(study, finished, capsys):
    bring(study, finished)
    words = ["update", str(study / "out"), "--data", str(study / "data")]
    assert cli.main(words) == 0
    assert "added 31 epochs from 2020-03-01 to 2020-03-31" in capsys.readouterr().out
    before = contents(study / "out")
    assert cli.main(words) == 0
    assert "nothing is new" in capsys.readouterr().out
    assert contents(study / "out") == before
    assert cli.main(["info", str(study / "out")]) == 0
    assert "updated on" in capsys.readouterr().out


def test_days_one_after_the_other_are_the_days_together(study, finished):
    for last in ("20200301", "20200305"):
        bring(study, finished)
        until(study / "data", last)
        update(study)
    bring(study, finished)
    update(study)
    assert_equal_results(study / "out", finished / "whole_out")


def test_a_late_station_is_entered_when_it_comes(study, finished):
    bring(study, finished, ("aaaa", "bbbb", "cccc", "dddd"))
    first = update(study)
    assert first.about["latency"]["days_behind"] == {"EEEE": 31}
    assert first.about["latency"]["stations"] == 4
    bring(study, finished)
    second = update(study)
    assert second.about["new_epochs"] == []
    assert len(second.about["changed_mm"]) == 31
    assert max(second.about["changed_mm"].values()) > 0.1
    assert_equal_results(study / "out", finished / "whole_out")


def test_a_reprocessed_day_is_solved_again_with_the_size_of_the_change(study):
    path = study / "data" / "gnss" / "cccc.up"
    lines = path.read_text().splitlines(keepends=True)
    place = next(n for n, line in enumerate(lines) if line.startswith("20200110"))
    day, value, sigma = lines[place].split()
    lines[place] = f"{day} {float(value) + 20:.3f} {sigma}\n"
    before = xr.load_dataset(study / "out" / "state.nc").region_twsa
    path.write_text("".join(lines))
    again = update(study)
    assert list(again.about["changed_mm"]) == ["2020-01-10"]
    after = xr.load_dataset(study / "out" / "state.nc").region_twsa
    moved = np.abs(after - before).max("region")
    assert int((moved > 0).sum()) == 1
    assert again.about["changed_mm"]["2020-01-10"] == pytest.approx(
        float(moved.max()), abs=1e-5
    )
    shutil.rmtree(study / "run", ignore_errors=True)
    compute(study / "data", study / "run")
    assert_equal_results(study / "out", study / "run")


def test_a_day_that_is_taken_back_is_taken_out(study):
    path = study / "data" / "gnss" / "bbbb.up"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(x for x in lines if not x.startswith("20191224")))
    assert list(update(study).about["changed_mm"]) == ["2019-12-24"]
    with xr.open_dataset(study / "out" / "stations.nc") as stations:
        assert np.isnan(stations.up.sel(time="2019-12-24", station="BBBB"))


def test_standard_errors_stay_those_of_the_run(study, finished):
    bring(study, finished)
    for path in (study / "data" / "gnss").glob("*.up"):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text(
            "".join(
                x.replace(" 1.5\n", " 4.5\n") if x[:6] == "202003" else x for x in lines
            )
        )
    update(study)
    assert_equal_water(study / "out", finished / "whole_out")
    with xr.open_dataset(study / "out" / "stations.nc") as stations:
        march = stations.sel(time=slice("2020-03-01", None))
        np.testing.assert_allclose(march.up_sigma, 4.5)
        np.testing.assert_allclose(march.up_sigma_effective, 1.5)


def assert_equal_water(one, two):
    with xr.open_dataset(one / "twsa.nc") as x, xr.open_dataset(two / "twsa.nc") as y:
        np.testing.assert_allclose(x.twsa, y.twsa, atol=1e-4)
        np.testing.assert_allclose(x.twsa_sd, y.twsa_sd, atol=1e-4)


def test_a_new_station_is_named_and_left_out(study, finished, caplog):
    bring(study, finished)
    (study / "data" / "gnss" / "ffff.up").write_text(test_cli.series(9))
    sites = study / "data" / "gnss" / "sites.txt"
    sites.write_text(sites.read_text() + "FFFF 11.5 46.5\n")
    added = update(study)
    assert added.about["new_stations"] == ["FFFF"]
    assert "FFFF" in caplog.text
    assert_equal_results(study / "out", finished / "whole_out")


def test_a_longer_reference_is_compared_without_new_days(study):
    months = np.arange("2019-11", "2020-03", dtype="M8[M]")
    with xr.open_dataset(study / "data" / "grace.nc") as grace:
        longer = (
            grace.load()
            .isel(time=[0, 1, 1, 2])
            .assign_coords(time=months.astype("M8[ns]"))
        )
    longer.to_netcdf(study / "data" / "grace.nc")
    about = update(study).about
    assert about["references"] == ["grace.nc"]
    summary = json.loads((study / "out" / "summary.json").read_text())
    assert summary["evaluation"]["region"]["months"] == 4


def test_an_update_that_fails_leaves_the_folder_as_it_was(study, finished, monkeypatch):
    bring(study, finished)
    before = contents(study / "out")

    def fail(*_):
        raise ValueError("the disk is full")

    monkeypatch.setattr(study_update, "change_stations", fail)
    with pytest.raises(ValueError, match="disk is full"):
        update(study)
    assert contents(study / "out") == before
    assert not (study / "out" / ".update").exists()


@pytest.mark.parametrize("moved", [0, 1, 3])
def test_an_update_that_is_killed_is_completed_by_the_next(
    study, finished, monkeypatch, moved
):
    bring(study, finished)
    move, count = pending.move_result, iter(range(moved))

    def killed(source, target):
        if next(count, None) is None:
            raise KeyboardInterrupt
        move(source, target)

    monkeypatch.setattr(pending, "move_result", killed)
    with pytest.raises(KeyboardInterrupt):
        update(study)
    monkeypatch.undo()
    assert (study / "out" / ".update" / "about.json").is_file()
    assert update(study).about == {}
    assert_equal_results(study / "out", finished / "whole_out")
    assert not (study / "out" / ".update").exists()


def stateless(study):
    (study / "out" / "state.nc").unlink()


def of_another_study(study):
    path = study / "out" / "state.json"
    path.write_text(path.read_text().replace("beta = 0.05", "beta = 0.06"))


def of_another_version(study):
    path = study / "out" / "state.json"
    path.write_text(
        path.read_text().replace('"state_version": 2', '"state_version": 99')
    )


def early(study):
    path = study / "data" / "gnss" / "aaaa.up"
    path.write_text("20191001 1.000 1.5\n" + path.read_text())


def gone(study):
    (study / "data" / "gnss" / "dddd.up").unlink()


def moved(study):
    path = study / "data" / "gnss" / "aaaa.up"
    path.write_text(path.read_text() + "20200301 1.000 1.5\n")
    sites = study / "data" / "gnss" / "sites.txt"
    sites.write_text(sites.read_text().replace("AAAA 10.2 45.3", "AAAA 10.8 45.3"))


def another_region(study):
    (study / "data" / "region.txt").write_text("10 45\n13 45\n13 47\n10 47\n")


def unfinished(study):
    (study / "out" / "summary.json").unlink()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (stateless, "has no state.nc to go on from"),
        (of_another_study, "is not the state of the results beside it"),
        (of_another_version, "is of version 99"),
        (early, "adds no days before"),
        (gone, "dddd.up was read by the run and is gone"),
        (moved, "station AAAA stands at 10.8 E"),
        (another_region, "region.txt has changed or is gone"),
        (unfinished, "holds no finished study"),
    ],
)
def test_what_cannot_be_updated_is_refused_in_one_sentence(
    study, capsys, damage, words
):
    damage(study)
    before = contents(study / "out")
    code = cli.main(["update", str(study / "out"), "--data", str(study / "data")])
    said = capsys.readouterr().err
    assert code == 2
    assert words in said
    assert said.count("\n") == 1
    assert contents(study / "out") == before


def test_an_end_before_that_of_the_results_is_refused(study):
    with pytest.raises(ValueError, match="takes no days away"):
        update(study, end="2020-01-31")


def named_study(place, files, stated=STATED):
    """Results of some days of a study that names its series so."""
    data = until(write(place / "data", stated=stated), LAST)
    text = (data / "study.toml").read_text()
    text = text.replace('files = "gnss/*.up"', f'files = "{files}"')
    (data / "study.toml").write_text(text)
    return data


@pytest.mark.parametrize(
    "files", ["{place}/data/gnss/*.up", "../st/../data/gnss", "~/data/gnss/*.up"]
)
def test_series_are_the_same_by_whichever_path_they_are_named(
    finished, tmp_path, monkeypatch, files
):
    monkeypatch.setenv("HOME", str(tmp_path))
    data = named_study(tmp_path, files.format(place=tmp_path))
    (tmp_path / "st").mkdir()
    for name in ("study.toml", "region.txt", "grace.nc"):
        shutil.move(data / name, tmp_path / "st" / name)
    compute(tmp_path / "st", tmp_path / "out")
    assert pipeline.update_study(tmp_path / "out").about == {}
    bring(tmp_path, finished)
    about = pipeline.update_study(tmp_path / "out").about
    assert about["new_epochs"] == ["2020-03-01", "2020-03-31", "31"]
    assert_equal_results(tmp_path / "out", finished / "whole_out")


def test_series_named_by_absolute_paths_stay_when_the_other_data_move(
    finished, tmp_path
):
    data = named_study(tmp_path, f"{tmp_path}/data/gnss")
    compute(data, tmp_path / "out")
    (tmp_path / "far" / "off").mkdir(parents=True)
    for name in ("region.txt", "grace.nc"):
        shutil.move(data / name, tmp_path / "far" / "off" / name)
    bring(tmp_path, finished)
    about = pipeline.update_study(tmp_path / "out", str(tmp_path / "far/off")).about
    assert about["new_epochs"][2] == "31"
    assert about["references"] == []


def test_an_end_holds_for_one_update_only(study, finished):
    bring(study, finished)
    assert update(study, end="20200310").about["new_epochs"][1:] == ["2020-03-10", "10"]
    state = json.loads((study / "out" / "state.json").read_text())
    assert config.parse_study(state["study"], ".").gnss.end == ""
    assert update(study, end="2020-03-10").about == {}
    added = update(study).about
    assert added["new_epochs"] == ["2020-03-11", "2020-03-31", "21"]
    assert_equal_results(study / "out", finished / "whole_out")
    assert update(study).about == {}


def test_results_until_some_day_are_not_taken_for_those_of_the_whole_study(
    study, finished
):
    bring(study, finished)
    whole = config.read_study(study / "data" / "study.toml")
    update(study, end="2020-03-10")
    with pytest.raises(ValueError, match="holds results of another study"):
        pipeline.run(whole, study / "out", resume=True)
    update(study)
    pipeline.run(whole, study / "out", resume=True).close()


def test_days_beyond_the_end_of_the_study_are_not_taken_away(finished, tmp_path):
    data = write(tmp_path / "data")
    text = (data / "study.toml").read_text()
    text = text.replace("[gnss]", '[gnss]\nend = "2020-02-29"')
    (data / "study.toml").write_text(text)
    compute(data, tmp_path / "out")
    assert update(tmp_path).about == {}
    assert update(tmp_path, end="2020-03-31").about["new_epochs"][2] == "31"
    assert_equal_results(tmp_path / "out", finished / "whole_out")
    assert update(tmp_path).about == {}
    path = data / "gnss" / "cccc.up"
    path.write_text(path.read_text().replace("20200115", "#20200115"))
    again = update(tmp_path).about
    assert list(again["changed_mm"]) == ["2020-01-15"]
    assert again["new_epochs"] == []


def digested(monkeypatch):
    """Names of the files that are digested from now on."""
    names, digest = [], hashlib.file_digest

    def watched(file, kind):
        names.append(pathlib.Path(file.name).name)
        return digest(file, kind)

    monkeypatch.setattr(hashlib, "file_digest", watched)
    return names


def test_an_update_digests_each_file_and_archive_once(tmp_path, monkeypatch):
    data = named_study(tmp_path, "all.zip")
    shutil.copy(data / "gnss" / "sites.txt", data / "sites.txt")
    shutil.make_archive(str(data / "all"), "zip", data / "gnss")
    text = (data / "study.toml").read_text()
    text = text.replace("[gnss]", '[gnss]\nsites = "sites.txt"')
    (data / "study.toml").write_text(text)
    compute(data, tmp_path / "out")
    names = digested(monkeypatch)
    path = data / "gnss" / "aaaa.up"
    path.write_text(path.read_text() + "20200301 1.000 1.5\n")
    shutil.make_archive(str(data / "all"), "zip", data / "gnss")
    assert update(tmp_path).about["new_epochs"][2] == "1"
    assert sorted(names) == ["all.zip", "grace.nc", "region.txt", "sites.txt"]


def test_a_file_so_large_that_parts_are_digested_is_not_read_again(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(digests, "LARGE", 1 << 10)
    monkeypatch.setattr(digests, "PART", 1 << 6)
    data = until(write(tmp_path / "data"), LAST)
    compute(data, tmp_path / "out")
    path = data / "gnss" / "cccc.up"
    path.write_text(path.read_text() + "20200301 1.000 1.5\n")
    read, names = later_readings.read_files, []

    def watched(files, reading):
        names.extend(path.name for path in files)
        return read(files, reading)

    monkeypatch.setattr(later_readings, "read_files", watched)
    assert update(tmp_path).about["new_epochs"][2] == "1"
    assert names == ["cccc.up"]


@pytest.mark.slow
def test_a_month_is_provisional_until_it_has_ended(tmp_path):
    finished = whole_and_part(tmp_path, cleaning='[cleaning]\naverage = "monthly"\n')
    shutil.copytree(tmp_path / "out", tmp_path / "once")
    bring(tmp_path, finished)
    until(tmp_path / "data", "20200310")
    about = update(tmp_path).about
    assert about["provisional"][0].startswith("2020-03")
    with xr.open_dataset(tmp_path / "out" / "regions.nc") as regions:
        assert regions.provisional.values.tolist() == [0, 0, 0, 0, 1]
    bring(tmp_path, finished)
    assert update(tmp_path).about["provisional"] == []
    # As if all of it had come at once, by the mean of its days.
    pipeline.update_study(tmp_path / "once", str(tmp_path / "data"))
    assert_equal_results(tmp_path / "out", tmp_path / "once")
    read = xr.load_dataset(tmp_path / "out" / "state.nc").up_read
    with xr.open_dataset(tmp_path / "out" / "stations.nc") as stations:
        mean = read.sel(day=slice("2020-03-01", "2020-03-31")).mean("day")
        np.testing.assert_allclose(stations.up[-1], mean, atol=1e-5)


@pytest.mark.slow
def test_maps_in_zarr_and_coefficients_go_on(tmp_path):
    pytest.importorskip("zarr")
    output = '[output]\nformat = "zarr"\nstore = ["twsa", "regions", "coefficients"]\n'
    finished = whole_and_part(tmp_path, cleaning=output)
    bring(tmp_path, finished)
    update(tmp_path)
    for name in ("regions.nc", "stations.nc", "coefficients.nc"):
        with (
            xr.open_dataset(tmp_path / "out" / name) as x,
            xr.open_dataset(tmp_path / "whole_out" / name) as y,
        ):
            for variable in y.data_vars:
                if y[variable].dtype.kind == "f":
                    np.testing.assert_allclose(x[variable], y[variable], atol=2e-4)
    x, y = (
        xr.open_zarr(tmp_path / place / "twsa.zarr", consolidated=False)
        for place in ("out", "whole_out")
    )
    np.testing.assert_allclose(x.twsa, y.twsa, atol=2e-4)
    np.testing.assert_array_equal(x.time, y.time)


@pytest.mark.slow
def test_trends_and_outliers_go_on_as_in_the_run(tmp_path):
    """The line of each station is that of the run, and so is what is an outlier."""
    cleaning = '[cleaning]\noutliers = "3-sigma"\ntrend = "remove"\n'
    data = until(write(tmp_path / "data", cleaning=cleaning), LAST)
    compute(data, tmp_path / "out")
    finished = tmp_path / "all"
    write(finished / "whole")
    path = finished / "whole" / "gnss" / "aaaa.up"
    path.write_text(path.read_text().replace("20200305", "20200305  900.000 1.5\n#", 1))
    bring(tmp_path, finished)
    state = xr.load_dataset(tmp_path / "out" / "state.nc")
    with xr.open_dataset(tmp_path / "out" / "stations.nc") as before:
        cleaned = before.up.load()
    update(tmp_path)
    with xr.open_dataset(tmp_path / "out" / "stations.nc") as after:
        up = after.up.load()
    np.testing.assert_array_equal(up[: len(cleaned)], cleaned)
    assert np.isnan(up.sel(time="2020-03-05", station="AAAA"))
    read = xr.load_dataset(tmp_path / "out" / "state.nc").up_read
    days = np.arange(len(up), dtype=float)
    for station in map(str, state.row.values):
        removed = read.sel(station=station).values - up.sel(station=station).values
        known = np.isfinite(removed[: len(cleaned)])
        line = np.polyfit(
            days[: len(cleaned)][known], removed[: len(cleaned)][known], 1
        )
        later = removed[len(cleaned) :]
        expected = np.polyval(line, days[len(cleaned) :])
        np.testing.assert_allclose(
            later[np.isfinite(later)], expected[np.isfinite(later)], atol=2e-4
        )


def test_standard_errors_of_months_are_those_of_their_covariance(rng):
    sd = rng.uniform(1, 2, (90, 3))
    sd[rng.random(sd.shape) < 0.2] = np.nan
    days = np.datetime64("2020-01-01") + np.arange(90)
    shares = (np.arange(90) // 30 == np.arange(4)[:, None]).astype(float)
    errors = error_correlation.independent_means(sd)
    whole = error_correlation.covariance_of_means(errors, days, shares)
    expected = np.sqrt(np.diagonal(whole, axis1=1, axis2=2).T)
    np.testing.assert_allclose(
        error_correlation.sd_of_means(errors, days, shares), expected, rtol=1e-12
    )


def test_bounds_of_outliers_reject_what_was_rejected(rng):
    years = 2010 + np.arange(300) / 365.25
    up = 3 * np.sin(2 * np.pi * years)[:, None] + rng.normal(size=(300, 4))
    up[rng.random(up.shape) < 0.02] += 15
    sigma = rng.uniform(0.8, 1.2, up.shape)
    for rule in ("sigma", "iqr"):
        settings = series.Rejection(rule=rule)
        cleaned = series.reject_outliers(up, years, sigma=sigma, settings=settings)
        bounds = series.outlier_bounds(
            cleaned.values, years, sigma=sigma, settings=settings
        )
        far = series.beyond_bounds(up, years, bounds, sigma=sigma)
        np.testing.assert_array_equal(far, cleaned.rejected)
        assert cleaned.rejected.sum() > 10


def dense_sd(time, memory, seen, sigma, until=None, since=None):
    """Posterior standard deviations of a series by its whole covariance."""
    use = seen.copy()
    if until is not None:
        use &= (time <= until) & (time >= since)
    prior = np.exp(-np.abs(time[:, None] - time[None]) / memory)
    rows = prior[use]
    data = rows[:, use] + sigma**2 * np.eye(use.sum())
    return np.sqrt(np.diag(prior - rows.T @ np.linalg.solve(data, rows)))


@pytest.mark.parametrize("sigma", [0.05, 0.5, 3.0])
@pytest.mark.parametrize("memory", [7.0, 20.0])
def test_the_lag_loses_less_than_one_percent_of_the_standard_error(rng, memory, sigma):
    """Epochs that are left as they were would gain less than 1% by what is new."""
    time = np.arange(400.0)
    seen = rng.random(400) < 0.7
    lag = np.ceil(LAG * memory)
    everything = dense_sd(time, memory, seen, sigma)
    new = 300.0
    # What was known when the day came, of an epoch that is not computed again.
    before = dense_sd(time, memory, seen, sigma, until=new - 1, since=0)
    kept = (time < new - lag) & (time > 2 * lag)
    assert (before[kept] / everything[kept]).max() < 1.01
    # What the window knows, of an epoch that is.
    window = dense_sd(
        time, memory, seen, sigma, until=new + 2 * lag, since=new - 2 * lag
    )
    again = np.abs(time - new) <= lag
    assert (window[again] / everything[again]).max() < 1.01


@pytest.mark.slow
def test_a_load_with_a_memory_goes_on_by_a_window(tmp_path):
    stated = STATED.replace("beta = 0.05", "beta = 0.05\ncorrelation_time_days = 5.0")
    finished = whole_and_part(tmp_path, stated=stated)
    bring(tmp_path, finished)
    about = update(tmp_path).about
    assert about["provisional"] == ["2020-03-19", "2020-03-31", "13"]
    x, y = (
        xr.load_dataset(tmp_path / place / "state.nc").region_twsa.values
        for place in ("out", "whole_out")
    )
    old = xr.load_dataset(finished / "whole_out" / "twsa.nc").twsa
    assert np.abs(x - y).max() < 0.05 * np.abs(y).max()
    # Beyond the window nothing changed, at its end all is as in the run of all days.
    np.testing.assert_allclose(x[-13:], y[-13:], rtol=0, atol=0.01 * np.abs(y).max())
    assert old.shape[0] == len(x)
    with xr.open_dataset(tmp_path / "out" / "regions.nc") as regions:
        assert regions.provisional.values.sum() == 13


@pytest.mark.slow
def test_weights_of_stations_and_days_go_on(tmp_path):
    """A day by frozen weights is the day inverted by itself with them."""
    stated = STATED.replace(
        "beta = 0.05",
        'beta = 0.05\nstation_weights = true\nrobust = "huber"\ncommon_mode_mm = 1.0',
    )
    data = until(write(tmp_path / "data", stated=stated), LAST)
    text = (data / "study.toml").read_text()
    (data / "study.toml").write_text(text.replace("[gnss]", '[gnss]\nsigma = "daily"'))
    compute(data, tmp_path / "out")
    finished = tmp_path / "all"
    write(finished / "whole")
    bring(tmp_path, finished)
    until(data, "20200301")
    with xr.open_dataset(tmp_path / "out" / "stations.nc") as stations:
        ratio = (stations.up_sigma_effective**2 * stations.weight / 1.5**2).median(
            "time"
        )
    added = update(tmp_path)
    assert added.water is not None
    weight = np.asarray(added.water.estimate.weights)[0]
    sigma = np.asarray(added.water.estimate.noise.sigma)[0]
    np.testing.assert_allclose(sigma**2 * weight, 1.5**2 * ratio, rtol=1e-5)
    assert len(np.unique(np.round(ratio, 3))) > 1
    up = xr.load_dataset(tmp_path / "out" / "state.nc").up_read.values[-1]
    left = up - np.asarray(added.water.estimate.solution.fitted)[0]
    left = left - float(added.water.estimate.solution.common[0])
    size = np.abs(left) / np.sqrt(1.5**2 * ratio.values)
    np.testing.assert_allclose(weight, loss_weight(inversion.Huber(), size), atol=1e-3)


def mean_referenced(station, days, level):
    """A .tenv3 file, which is read about the mean of its heights."""
    rng = np.random.default_rng(3)
    up = np.round(0.01 * rng.normal(size=400), 6)[:days] + level
    head = "site YYMMMDD yyyy.yyyy __MJD week d reflon _e0(m) __east(m) ____n0(m)"
    head += " _north(m) u0(m) ____up(m) _ant(m) sig_e(m) sig_n(m) sig_u(m)"
    head += " __corr_en __corr_eu"
    head += " __corr_nu _latitude(deg) _longitude(deg) __height(m)"
    lines = [head]
    for n, value in enumerate(up):
        day = np.datetime64("2019-01-01") + n
        name = day.astype(object).strftime("%y%b%d").upper()
        mjd = (day - np.datetime64("1858-11-17")).astype(int)
        lines.append(
            f"{station} {name} {2019 + n / 365:.4f} {mjd} 2000 1 10.0 1 0.1 2 0.2 100 "
            f"{value:.6f} 0.0 0.001 0.001 0.003 0 0 0 46.0000000000 10.5000000000 900.0"
        )
    return "\n".join(lines) + "\n"


def test_a_file_that_has_grown_is_read_at_its_end_and_brought_to_its_zero(tmp_path):
    path = tmp_path / "ABCD.tenv3"
    path.write_text(mean_referenced("ABCD", 380, 0.2))
    mark = mark_file(path)
    (first,), gone = read_later(path, {})
    path.write_text(mean_referenced("ABCD", 400, 0.2))
    assert mark_file(path).size > mark.size
    (later,), gone = read_later(path, {path: mark})
    assert gone == []
    assert later.floats
    assert not later.whole
    assert len(later.day) < 250
    common, rows, others = np.intersect1d(later.day, first.day, return_indices=True)
    shift = later.up[rows] - first.up[others]
    assert len(common) > 20
    np.testing.assert_allclose(shift, shift[0], atol=1e-9)
    (whole,), _ = read_later(path, {})
    np.testing.assert_allclose(
        later.up[-20:] - later.up[-21], whole.up[-20:] - whole.up[-21], atol=1e-9
    )


def test_a_file_whose_beginning_changed_is_read_as_a_whole(tmp_path):
    path = tmp_path / "ABCD.tenv3"
    path.write_text(mean_referenced("ABCD", 380, 0.2))
    mark = mark_file(path)
    path.write_text(mean_referenced("ABCD", 400, 0.3))
    (later,), _ = read_later(path, {path: mark})
    assert later.whole
    assert len(later.day) == 400
    path.unlink()
    other = tmp_path / "EFGH.tenv3"
    other.write_text(mean_referenced("EFGH", 10, 0.2))
    _, gone = read_later(str(tmp_path / "*.tenv3"), {path: mark})
    assert gone == [pathlib.Path(path)]


OF_PLACES = {
    "ground of its own": """
beta = 0.05
[[earth.local]]
thickness_km = [8.0]
vp_km_s = [2.2]
vs_km_s = [0.9]
density_kg_m3 = [2100.0]
stations = ["BBBB", "CCCC"]
[evaluation]
grace = "grace.nc"
""",
    "Slepian functions": """
beta = 0.05
unknowns = "slepian"
prior = "identity"
slepian_degree = 60
[evaluation]
grace = "grace.nc"
""",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", OF_PLACES)
def test_stations_keep_their_ground_and_functions_in_an_update(tmp_path, kind):
    soft = '[screening]\nsoft_ground = "soft.txt"\n'
    for name in ("whole", "data"):
        folder = write(tmp_path / name, OF_PLACES[kind], soft)
        (folder / "soft.txt").write_text("station,soft\nAAAA,1\n")
        text = (folder / "study.toml").read_text()
        daily = text.replace("[region]", 'sigma = "daily"\n[region]')
        (folder / "study.toml").write_text(daily)
    until(tmp_path / "data", LAST)
    compute(tmp_path / "whole", tmp_path / "whole_out")
    compute(tmp_path / "data", tmp_path / "out")
    bring(tmp_path, tmp_path)
    assert update(tmp_path).about["new_epochs"][2] == "31"
    assert_equal_results(tmp_path / "out", tmp_path / "whole_out")
    summary = json.loads((tmp_path / "whole_out" / "summary.json").read_text())
    assert summary["screening"]["soft_ground"] == ["AAAA"]
    if kind == "Slepian functions":
        assert summary["unknowns"]["kind"] == "slepian"
    else:
        assert summary["local_earth_stations"] == [2]


@pytest.mark.parametrize("common", [0.0, 4.0])
@pytest.mark.parametrize("daily", [False, True])
def test_epochs_solved_directly_are_those_of_the_library(rng, common, daily):
    prior = small.prior()
    cells = small.design().shape[1]
    design = np.asarray(small.design())
    problem = inversion.prior_problem(design, prior)
    up = rng.normal(size=(5, len(design)))
    up[0, :2], up[3] = np.nan, np.nan
    sigma = rng.uniform(1, 2, up.shape if daily else len(design))
    noise = inversion.Noise(sigma, None, common)
    weights = rng.uniform(size=(2, cells))
    targets = (
        inversion.averages(problem, prior, weights),
        inversion.every_cell(problem, prior),
    )
    assert is_direct(problem, noise)
    direct = solve_directly(problem, up, noise, 0.3, targets)
    solution, left_out = inversion.solve_record(
        problem, inversion.observations(up, noise), 0.3
    )
    np.testing.assert_array_equal(direct.solution.ok, solution.ok)
    for name in ("load", "fitted", "common"):
        np.testing.assert_allclose(
            getattr(direct.solution, name),
            np.asarray(getattr(solution, name)),
            atol=1e-10,
        )
    np.testing.assert_allclose(direct.left_out, left_out, atol=1e-10)
    for sd, target in zip(direct.sd, targets):
        expected = inversion.posterior_sd(solution.factor, target).sd
        np.testing.assert_allclose(sd, expected, atol=1e-10)

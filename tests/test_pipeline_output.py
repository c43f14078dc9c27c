"""What a study writes, in which format, and what its coefficients are good for."""

import dataclasses
import errno
import importlib.util
import os
import pathlib
import shutil

import numpy as np
import pytest
import xarray as xr
from twin_files import write_twin

from jaxload import config, inversion, io, pipeline, synthetic
from jaxload.io import records
from jaxload.pipeline.chunks import annual_amplitudes, means_over, regrouped
from jaxload.pipeline.report import datasets
from jaxload.pipeline.results import space, storage

pytest.importorskip("netCDF4")

WORLD = synthetic.TwinSettings(
    stations=9, days=60, radius=1.5, belt=0.5, spacing=0.5, start="2015-01-01"
)
needs_zarr = pytest.mark.skipif(
    importlib.util.find_spec("zarr") is None, reason="zarr is not installed"
)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder, world = tmp_path_factory.mktemp("study"), synthetic.twin(WORLD)
    write_twin(world, folder)
    return config.Study(
        gnss=config.Gnss(files="gnss/*.up"),
        region=config.Region(boundary="region.geojson", spacing=0.5, buffer=0.5),
        earth=config.Earth(max_degree=2000),
        inversion=config.Inversion(beta=0.05),
        folder=str(folder),
    )


def with_output(study, **settings):
    return dataclasses.replace(study, output=config.Output(**settings))


@pytest.fixture(scope="module")
def plain(study, tmp_path_factory):
    """The folder of a result as it is written by default."""
    out = tmp_path_factory.mktemp("plain")
    pipeline.run(study, out).close()
    return out


@pytest.fixture(scope="module")
def maps(plain):
    return io.read_dataset(plain / "twsa.nc", load=True)


@pytest.mark.parametrize("large", [False, True])
def test_maps_in_memory_are_those_of_the_file(study, maps, large, monkeypatch):
    if large:
        monkeypatch.setattr(storage, "IN_MEMORY", 0)
    water = pipeline.run(study).water
    assert isinstance(water.twsa.variable.data, np.memmap) == large
    for name in maps.data_vars:
        np.testing.assert_array_equal(water[name], maps[name])
    for name in ("twsa", "twsa_sd"):
        assert water[name].attrs == maps[name].attrs


@needs_zarr
def test_zarr_holds_what_netcdf_holds(study, maps, tmp_path):
    out = tmp_path / "out"
    study = with_output(study, format="zarr")
    with_files = pipeline.run(study, out)
    np.testing.assert_array_equal(with_files.water.twsa, maps.twsa)
    with_files.close()
    names = {path.name for path in out.iterdir() if path.suffix != ".png"}
    expected = {"twsa.zarr", "stations.nc", "regions.nc", "summary.json", "run.log"}
    assert names == expected | {"state.nc", "state.json"}
    with io.read_dataset(out / "twsa.zarr") as water:
        for name in maps.data_vars:
            np.testing.assert_array_equal(water[name], maps[name])
        for name in ("twsa", "twsa_sd"):
            assert water[name].attrs == maps[name].attrs
    # Taken up, it is read; and the next result of another format replaces it.
    pipeline.run(study, out, resume=True).close()
    pipeline.run(with_output(study), out).close()
    assert not (out / "twsa.zarr").exists()
    assert (out / "twsa.nc").is_file()
    pipeline.run(study, out).close()
    assert (out / "twsa.zarr").is_dir()
    assert not (out / "twsa.nc").exists()


@needs_zarr
def test_a_zarr_that_another_run_writes_is_left_to_it(study, tmp_path):
    study = with_output(study, format="zarr")
    with (
        io.locked_folder(tmp_path),
        pytest.raises(ValueError, match="is in use by process"),
    ):
        pipeline.run(study, tmp_path)


@needs_zarr
def test_a_folder_of_others_with_the_name_of_a_result_is_kept(study, tmp_path):
    (tmp_path / "twsa.zarr").mkdir()
    with pytest.raises(ValueError, match=r"twsa\.zarr is a folder"):
        pipeline.run(with_output(study, format="zarr"), tmp_path)


def test_water_follows_from_its_coefficients(study, maps, plain, tmp_path):
    study = with_output(study, store=("regions", "coefficients"))
    result = pipeline.run(study, tmp_path)
    assert "twsa" not in result.water
    assert result.summary["errors"]["kind"] == "regions"
    result.close()
    names = {path.name for path in tmp_path.iterdir() if path.suffix != ".png"}
    expected = {"twsa.nc", "stations.nc", "regions.nc", "coefficients.nc"}
    assert names == {*expected, "summary.json", "state.nc", "state.json", "run.log"}
    with io.read_dataset(tmp_path / "coefficients.nc") as stored:
        water = xr.dot(stored.coefficient, stored.response, dim="field")
        lon, lat = stored.cell_lon.values, stored.cell_lat.values
        at = maps.twsa.sel(lon=xr.DataArray(lon), lat=xr.DataArray(lat))
        np.testing.assert_allclose(water, at, rtol=1e-6, atol=1e-5)
    mine, theirs = (io.read_json(x / "summary.json") for x in (tmp_path, plain))
    assert mine["plausibility"] == theirs["plausibility"]


def test_cells_that_are_solved_for_are_stored_as_water(
    study, maps, tmp_path, monkeypatch
):
    """Their response would be unity, with as many numbers as cells squared."""

    def of_cells(study, area, time, solution):
        terms = (inversion.Term(solution.load, None),)
        solution = dataclasses.replace(solution, terms=terms)
        return datasets.coefficient_results(study, area, time, solution)

    monkeypatch.setattr("jaxload.pipeline.stages.coefficient_results", of_cells)
    study = with_output(study, store=("regions", "coefficients"))
    pipeline.run(study, tmp_path).close()
    with io.read_dataset(tmp_path / "coefficients.nc") as stored:
        assert "response" not in stored
        lon, lat = (xr.DataArray(stored[x].values) for x in ("cell_lon", "cell_lat"))
        at = maps.twsa.sel(lon=lon, lat=lat)
        np.testing.assert_allclose(stored.water, at, rtol=1e-6, atol=1e-5)
        assert stored.water.units == "mm"


def test_regions_are_written_if_the_study_stores_them(study, tmp_path):
    study = with_output(study, store=("coefficients",))
    result = pipeline.run(study, tmp_path)
    assert "regions.nc" not in result.summary["files"]
    result.close()
    again = pipeline.run(study, tmp_path, resume=True)
    assert not again.regions.data_vars
    again.close()


def test_no_room_for_the_results_is_noticed_before_they_are_computed(
    study, tmp_path, monkeypatch
):
    room = shutil.disk_usage(tmp_path)._replace(free=1 << 10)
    monkeypatch.setattr(space.shutil, "disk_usage", lambda _: room)
    monkeypatch.setattr("jaxload.pipeline.stages.invert", None)
    with pytest.raises(ValueError, match=r"No space left in .* KiB, but 1 KiB are"):
        pipeline.run(study, tmp_path)
    assert not (tmp_path / ".unfinished").exists()


def test_the_size_of_results_is_about_that_of_their_files(study, plain):
    grid = pipeline_grid(study)
    size = space.size_of_results(study, grid, 60, 9)
    written = sum((plain / n).stat().st_size for n in ("twsa.nc", "stations.nc"))
    # Small files have headers of their size.
    assert 0.2 * written < size < 2 * written


def pipeline_grid(study):
    from jaxload.pipeline.inputs.study_area import read_study_area

    return read_study_area(study).grid


def test_a_disk_that_fills_up_amid_the_maps_leaves_them_in_the_other(
    study, maps, tmp_path, monkeypatch
):
    spare, out = tmp_path / "spare", tmp_path / "out"
    spare.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spare))
    write = records._Netcdf._write

    def full(writer, name, epochs, values):
        if str(out) in writer.file.filepath() and name == "twsa_sd":
            raise OSError(errno.ENOSPC, "No space left on device")
        write(writer, name, epochs, values)

    with monkeypatch.context() as patch:
        patch.setattr(records._Netcdf, "_write", full)
        with pytest.raises(ValueError, match=r"No space left .* kept in .* --resume"):
            pipeline.run(study, out)
    assert [path.name for path in out.iterdir()] == ["run.log"]
    with monkeypatch.context() as patch:
        patch.setattr("jaxload.pipeline.runs.compute", None)
        result = pipeline.run(study, out, resume=True)
    np.testing.assert_array_equal(result.water.twsa, maps.twsa)
    np.testing.assert_array_equal(result.water.twsa_sd, maps.twsa_sd)
    result.close()
    assert list(spare.iterdir()) == []


@pytest.mark.parametrize("kind", [ValueError, RuntimeError])
def test_an_error_of_the_computation_is_not_one_of_the_disk(
    study, tmp_path, monkeypatch, kind
):
    calls = []

    def fails(*_):
        calls.append(1)
        raise kind("the matrix is not positive definite")

    monkeypatch.setattr(storage, "compute_maps", fails)
    with pytest.raises(kind, match=r"^the matrix is not positive definite$"):
        pipeline.run(study, tmp_path)
    assert len(calls) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["run.log"]


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_an_error_behind_the_maps_leaves_no_maps(study, tmp_path, monkeypatch, kind):
    def fails(*_):
        assert (tmp_path / ".unfinished" / "twsa.nc").is_file()
        raise kind

    monkeypatch.setattr("jaxload.pipeline.stages.describe_errors", fails)
    with pytest.raises(kind):
        pipeline.run(study, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["run.log"]


def test_what_waits_to_be_written_outlives_a_run_that_fails(
    study, tmp_path, monkeypatch
):
    kept = tmp_path / ".unfinished" / "about.json"
    kept.parent.mkdir()
    kept.write_text("{}")
    monkeypatch.setattr("jaxload.pipeline.stages.invert", None)
    with pytest.raises(TypeError):
        pipeline.run(study, tmp_path)
    assert kept.is_file()


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="room is not reserved")
def test_maps_in_a_temporary_file_have_their_room_or_are_refused(
    study, tmp_path, monkeypatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(storage, "IN_MEMORY", 0)
    reserve, taken = os.posix_fallocate, []

    def full(file, start, size):
        if taken:
            raise OSError(errno.ENOSPC, "No space left on device")
        reserve(file, start, size)
        taken.append(os.fstat(file).st_blocks * 512 - size)

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(ValueError, match=r"no room for maps of .*No space left.*run"):
        pipeline.run(study)
    assert taken[0] >= 0


def test_zarr_is_looked_for_before_anything_is_computed(study, tmp_path, monkeypatch):
    real = importlib.import_module

    def missing(name):
        if name == "zarr":
            raise ImportError("no zarr")
        return real(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ValueError, match=r"install jaxload\[zarr\] \(no zarr\)"):
        pipeline.run(with_output(study, format="zarr"), tmp_path / "out")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"store": ()}, "output.store is empty"),
        ({"store": ("twsa", "twsa")}, "names a result twice"),
        ({"format": "grib"}, "netcdf"),
    ],
)
def test_an_output_that_is_none_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        config.Output(**settings)


def test_errors_of_cells_need_maps(study):
    with pytest.raises(ValueError, match=r'output\.store has no "twsa"'):
        dataclasses.replace(
            study,
            output=config.Output(store=("regions",)),
            inversion=config.Inversion(errors="cells"),
        )


def test_parts_of_any_length_are_put_together(rng):
    whole = rng.normal(size=(23, 2))
    cuts = [slice(0, 5), slice(5, 16), slice(16, 17), slice(17, 23)]
    parts = list(regrouped(((cut, whole[cut]) for cut in cuts), 4))
    assert [len(part) for _, part in parts] == [4] * 5 + [3]
    for epochs, part in parts:
        np.testing.assert_array_equal(part, whole[epochs])


def test_means_and_amplitudes_are_those_of_the_maps(rng):
    from jaxload import series, sphere

    time = np.arange("2015-01-01", 900, dtype="M8[D]")
    factors, fields = rng.normal(size=(900, 3)), rng.normal(size=(20, 3))
    factors[17] = np.nan
    ok = np.isfinite(factors).all(axis=1)
    terms = (inversion.Term(factors, fields),)
    solution = inversion.RepresenterSolution(terms, factors, ok, factors[:, 0])
    weights = rng.uniform(size=(3, 20))
    weights[1] = 0
    load = factors @ fields.T
    expected = np.asarray(sphere.area_mean(weights, load))
    np.testing.assert_allclose(means_over(weights, solution), expected, atol=1e-12)
    expected = series.annual_amplitude(load, time)
    np.testing.assert_allclose(annual_amplitudes(solution, time), expected, atol=1e-9)


def test_nothing_of_an_unfinished_record_is_in_the_folder_of_results(plain):
    hidden = [p.name for p in pathlib.Path(plain).iterdir() if p.name.startswith(".")]
    assert hidden == []

"""Results are whole under their final name, or not there at all."""

import importlib.util
import json
import pathlib

import numpy as np
import pytest
import xarray as xr

from jaxload import io

pytest.importorskip("netCDF4")


@pytest.fixture
def dataset(rng):
    time = np.array(["2010-01-01", "2010-01-02", "2010-01-04"], "M8[ns]")
    values = rng.normal(size=(3, 2))
    values[1, 0] = np.nan
    return xr.Dataset(
        {
            "up": (("time", "station"), values, {"units": "mm"}),
            "mask": ("station", np.array([0, 2], np.int8)),
            "number": ((), np.int64(7)),
        },
        coords={"time": time, "station": ["A", "B"]},
        attrs={"title": "a test"},
    )


def test_a_dataset_comes_back_in_single_precision(dataset, tmp_path):
    io.write_dataset(dataset, tmp_path / "x.nc")
    with io.read_dataset(tmp_path / "x.nc") as back:
        assert back.up.dtype == np.float32
        np.testing.assert_array_equal(back.up, dataset.up.astype(np.float32))
        assert back.mask.dtype == np.int8
        np.testing.assert_array_equal(back.mask, [0, 2])
        assert int(back.number) == 7
        np.testing.assert_array_equal(back.time, dataset.time)
        assert back.station.values.tolist() == ["A", "B"]
        assert (back.title, back.up.units) == ("a test", "mm")
    assert [path.name for path in tmp_path.iterdir()] == ["x.nc"]


def test_every_file_follows_the_convention(dataset, tmp_path):
    io.write_dataset(dataset, tmp_path / "x.nc")
    with io.read_dataset(tmp_path / "x.nc") as back:
        assert back.attrs["Conventions"].startswith("CF-1.")
        assert back.time.attrs["standard_name"] == "time"
        assert back.up.encoding["zlib"]
    assert "Conventions" not in dataset.attrs
    assert "standard_name" not in dataset.time.attrs


def half_then(error):
    """A writer that fails in the middle of the file."""

    def fail(_, path, *__, **___):
        pathlib.Path(path).write_bytes(b"half")
        raise error

    return fail


def test_a_missing_library_is_named_before_anything_is_computed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r"install jaxload\[netcdf\]"):
        io.require_netcdf()


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        (OSError(28, "No space left on device"), ValueError, "No space left on device"),
        (KeyboardInterrupt(), KeyboardInterrupt, "^$"),
        (MemoryError(), MemoryError, "^$"),
    ],
    ids=["full disk", "interrupted", "out of memory"],
)
def test_a_failure_midway_keeps_the_old_file(
    dataset, tmp_path, monkeypatch, error, raised, message
):
    path = tmp_path / "x.nc"
    io.write_dataset(dataset, path)
    before = path.read_bytes()
    monkeypatch.setattr(xr.Dataset, "to_netcdf", half_then(error))
    with pytest.raises(raised, match=message):
        io.write_dataset(dataset * 2, path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.nc"]


def test_a_new_file_replaces_the_old_one(dataset, tmp_path):
    io.write_dataset(dataset, tmp_path / "x.nc")
    io.write_dataset(dataset.assign(up=2 * dataset.up), tmp_path / "x.nc")
    with io.read_dataset(tmp_path / "x.nc") as back:
        np.testing.assert_allclose(back.up, 2 * dataset.up, rtol=1e-7)


def test_a_file_may_be_replaced_while_it_is_read(dataset, tmp_path):
    io.write_dataset(dataset, tmp_path / "x.nc")
    with io.read_dataset(tmp_path / "x.nc") as old:
        io.write_dataset(dataset.assign(up=2 * dataset.up), tmp_path / "x.nc")
        np.testing.assert_allclose(old.up, dataset.up, rtol=1e-7)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.95])
def test_a_part_of_a_netcdf_is_refused_in_one_sentence(dataset, tmp_path, share):
    path = tmp_path / "x.nc"
    io.write_dataset(dataset, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"x\.nc cannot be read as netCDF") as caught:
        io.read_dataset(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(path))


def test_what_is_not_there_is_named(tmp_path):
    for read in (io.read_dataset, io.read_json):
        with pytest.raises(FileNotFoundError, match=r"absent is not a file; check"):
            read(tmp_path / "absent")


def test_numbers_that_are_not_finite_become_null(tmp_path):
    content = {
        "nan": float("nan"),
        "inf": np.float64(np.inf),
        "list": [1.5, np.float32(2.5), -np.inf],
        "array": np.array([1.0, np.nan]),
        "flag": np.bool_(True),
        "count": np.int64(3),
        "deep": {"pcc": np.nan, "name": "a"},
        4: (None, "b"),
    }
    io.write_json(content, tmp_path / "x.json")
    text = (tmp_path / "x.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    expected = {
        "nan": None,
        "inf": None,
        "list": [1.5, 2.5, None],
        "array": [1.0, None],
        "flag": True,
        "count": 3,
        "deep": {"pcc": None, "name": "a"},
        "4": [None, "b"],
    }
    assert json.loads(text) == expected
    assert io.read_json(tmp_path / "x.json") == expected


def test_json_that_cannot_be_made_leaves_the_old_one(tmp_path):
    io.write_json({"a": 1}, tmp_path / "x.json")
    with pytest.raises(TypeError, match="not JSON serializable"):
        io.write_json({"a": object()}, tmp_path / "x.json")
    assert io.read_json(tmp_path / "x.json") == {"a": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize("content", [b'{"a": 1', b"\xff\xfe\x00", b""])
def test_broken_json_is_refused(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.json is not JSON"):
        io.read_json(tmp_path / "x.json")


def test_a_folder_is_made_with_its_parents_and_left_empty(tmp_path):
    folder = io.prepare_folder(tmp_path / "a" / "b")
    assert folder == tmp_path / "a" / "b"
    assert list(folder.iterdir()) == []
    assert io.prepare_folder(folder) == folder


def test_left_overs_are_removed_be_they_files_or_folders(tmp_path):
    for number in range(3):
        (tmp_path / f".twsa.zarr.{number}.0.part" / "twsa").mkdir(parents=True)
        (tmp_path / f".twsa.nc.{number}.1.part").touch()
    (tmp_path / "a.orbax-checkpoint-tmp-1").mkdir()
    (tmp_path / "twsa.zarr").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / ".x.zarr.9.9.part").symlink_to(tmp_path / "other")
    io.remove_left_overs(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"twsa.zarr", "other"}
    io.remove_left_overs(tmp_path / "missing")


def test_a_left_over_that_stays_does_not_keep_the_others(tmp_path, monkeypatch):
    for number in range(3):
        (tmp_path / f".x.nc.{number}.0.part").touch()
    unlink, kept = pathlib.Path.unlink, []

    def refused(path, *args):
        if not kept:
            kept.append(path)
            raise PermissionError(13, "Permission denied")
        unlink(path, *args)

    monkeypatch.setattr(pathlib.Path, "unlink", refused)
    io.remove_left_overs(tmp_path)
    assert list(tmp_path.iterdir()) == kept


def test_a_folder_that_cannot_be_is_refused(tmp_path, dataset):
    (tmp_path / "file").write_text("here first")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ValueError, match=r"cannot be written to \(.*\); choose"):
            io.prepare_folder(folder)
        with pytest.raises(ValueError, match="cannot be written"):
            io.write_dataset(dataset, folder / "x.nc")
        with pytest.raises(ValueError, match="cannot be written"):
            io.write_json({}, folder / "x.json")
    assert (tmp_path / "file").read_text() == "here first"


def test_a_classic_file_that_ends_early_is_refused(tmp_path):
    """Its library would read the rest as zeros."""
    path = tmp_path / "old.nc"
    content = xr.Dataset({"up": ("time", np.arange(5000.0))})
    content.to_netcdf(path, format="NETCDF3_CLASSIC", engine="netcdf4")
    assert io.read_dataset(path).up.values[-1] == 4999
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ValueError, match=r"old.nc .*ends before its data do"):
        io.read_dataset(path)


@pytest.mark.parametrize("shape", [(3000, 40, 50), (9, 700, 800), (40, 20, 20)])
def test_a_map_is_read_without_most_of_the_others(rng, tmp_path, shape):
    values = rng.normal(size=shape).astype(np.float32)
    maps = xr.Dataset({"twsa": (("time", "lat", "lon"), values)})
    io.write_dataset(maps, tmp_path / "x.nc")
    with xr.open_dataset(tmp_path / "x.nc") as file:
        np.testing.assert_array_equal(file.twsa[shape[0] // 2], values[shape[0] // 2])
        together, rows, columns = file.twsa.encoding["chunksizes"] or shape
    unpacked = together * shape[1] * shape[2]
    assert unpacked <= max(2**20, shape[1] * shape[2])
    # A cell's series needs no more than a quarter of the file.
    assert rows * columns <= 1.1 * shape[1] * shape[2] / 4 or values.size < 2**20


def test_a_result_without_epochs_can_be_written(tmp_path):
    maps = xr.Dataset({"twsa": (("time", "lat", "lon"), np.zeros((0, 40, 50)))})
    io.write_dataset(maps, tmp_path / "x.nc")
    assert io.read_dataset(tmp_path / "x.nc").twsa.shape == (0, 40, 50)

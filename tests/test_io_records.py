"""Records of maps come block by block, and are whole, growing or refused."""

import importlib.util
import time

import numpy as np
import pytest
import xarray as xr

from jaxload import io
from jaxload.io import records
from jaxload.io.files.netcdf import save_netcdf
from jaxload.io.records import block_length, writing_record

pytest.importorskip("netCDF4")

NAMES = {
    "twsa": {"units": "mm", "long_name": "water"},
    "twsa_sd": {"units": "mm"},
}
needs_zarr = pytest.mark.skipif(
    importlib.util.find_spec("zarr") is None, reason="zarr is not installed"
)
EITHER = pytest.mark.parametrize(
    "name", ["twsa.nc", pytest.param("twsa.zarr", marks=needs_zarr)]
)


@pytest.fixture
def small(rng):
    """All that a record has beside its maps."""
    days = np.arange("2010-01-01", 700, dtype="M8[D]").astype("M8[ns]")
    return xr.Dataset(
        {
            "cell_mask": (("lat", "lon"), np.ones((30, 50), np.int8)),
            "solved": ("time", np.ones(700, np.int8)),
            "row_lon": ("row", rng.normal(size=2)),
        },
        {
            "time": days,
            "lat": np.arange(30.0),
            "lon": np.arange(50.0),
            "row": ["昆明", "B"],
        },
        {"title": "a test", "beta": 0.5},
    )


@pytest.fixture
def maps(rng):
    values = rng.normal(size=(700, 30, 50)).astype(np.float32)
    values[:, :5] = np.nan
    values[600] = np.nan
    return values


def write(dataset, path, maps, compressed=True, stop=None):
    size = block_length(maps.shape)
    with writing_record(dataset, path, NAMES, compressed) as writer:
        for number, name in enumerate(NAMES, 1):
            for first in range(0, len(maps), size):
                if stop is not None and first >= stop:
                    raise KeyboardInterrupt
                epochs = slice(first, min(first + size, len(maps)))
                writer.write(name, epochs, number * maps[epochs])
        writer.describe("twsa_sd", {"method": "exact"})
        writer.describe("", {"comment": "whole"})


@EITHER
@pytest.mark.parametrize("compressed", [True, False])
def test_blocks_come_back_as_one_record(name, compressed, small, maps, tmp_path):
    write(small, tmp_path / name, maps, compressed)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    io.check_whole(tmp_path / name)
    assert io.is_result(tmp_path / name)
    with io.read_dataset(tmp_path / name) as back:
        assert back.twsa.dtype == np.float32
        np.testing.assert_array_equal(back.twsa, maps)
        np.testing.assert_array_equal(back.twsa_sd, 2 * maps)
        for variable in (*small.data_vars, *small.coords):
            values = small[variable]
            if values.dtype == np.float64 and variable in small.data_vars:
                values = values.astype(np.float32)
            np.testing.assert_array_equal(back[variable], values)
        assert back.cell_mask.dtype == np.int8
        assert (back.twsa.units, back.twsa_sd.method) == ("mm", "exact")
        assert (back.title, back.comment) == ("a test", "whole")
        assert back.attrs["Conventions"].startswith("CF-1.")
        assert back.time.attrs["standard_name"] == "time"


@EITHER
def test_a_map_of_a_day_is_read_within_fifty_milliseconds(name, tmp_path, rng):
    shape = (400, 96, 110)
    coords = {
        "time": np.arange("2010-01-01", shape[0], dtype="M8[D]").astype("M8[ns]"),
        "lat": np.arange(float(shape[1])),
        "lon": np.arange(float(shape[2])),
    }
    maps = rng.normal(size=shape).astype(np.float32)
    write(xr.Dataset(coords=coords), tmp_path / name, maps)
    with io.read_dataset(tmp_path / name) as record:
        record.twsa[0].load()
        spent = []
        for day in (50, 130, 210, 290, 370):
            start = time.process_time()
            record.twsa[day].load()
            spent.append(time.process_time() - start)
    assert min(spent) < 0.05


def test_a_block_holds_whole_pieces_of_the_file():
    assert block_length((9000, 90, 110)) == 2 * 105
    # Maps of which a piece holds few.
    assert block_length((9000, 300, 500)) % ((1 << 20) // 150_000) == 0
    assert block_length((9000, 2000, 3000)) == 256
    assert block_length((10, 9, 9)) == 10


def test_half_a_netcdf_record_has_no_name(small, maps, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write(small, tmp_path / "twsa.nc", maps, stop=300)
    assert list(tmp_path.iterdir()) == []


@needs_zarr
def test_a_growing_zarr_is_read_with_a_warning(small, maps, tmp_path, caplog):
    path, size = tmp_path / "twsa.zarr", block_length(maps.shape)
    with writing_record(small, path, {"twsa": {}}) as writer:
        writer.write("twsa", slice(0, size), maps[:size])
        writer.describe("twsa", {})
        with io.read_dataset(path) as growing:
            np.testing.assert_array_equal(growing.twsa[:size], maps[:size])
            assert np.isnan(growing.twsa[size:]).all()
        assert f"still being written: {size} of 700 epochs" in caplog.text
        with pytest.raises(ValueError, match="was not written to its end"):
            io.check_whole(path)
        for first in range(size, 700, size):
            epochs = slice(first, min(first + size, 700))
            writer.write("twsa", epochs, maps[epochs])
    io.check_whole(path)


@needs_zarr
def test_a_growing_zarr_counts_epochs_of_water_alone(small, maps, tmp_path):
    with writing_record(small, tmp_path / "twsa.zarr", NAMES) as writer:
        writer.write("twsa", slice(0, 700), maps)
        writer.write("twsa_sd", slice(0, 100), maps[:100])
        writer.describe("twsa_sd", {})
        with io.read_dataset(tmp_path / "twsa.zarr") as growing:
            assert growing.attrs["epochs_written"] == 700
            assert np.isfinite(growing.twsa[650, 9]).all()
    with io.read_dataset(tmp_path / "twsa.zarr") as whole:
        assert "epochs_written" not in whole.attrs


@needs_zarr
@pytest.mark.parametrize("damage", ["lost", "changed"])
def test_a_zarr_that_lost_a_piece_is_refused(damage, small, maps, tmp_path):
    path = tmp_path / "twsa.zarr"
    write(small, path, maps)
    piece = path / "twsa" / "c" / "0" / "0" / "0"
    if damage == "lost":
        piece.unlink()
    else:
        content = bytearray(piece.read_bytes())
        content[len(content) // 2] ^= 1
        piece.write_bytes(bytes(content))
    with pytest.raises(ValueError, match="cannot be read as Zarr"):
        io.check_whole(path)


@EITHER
def test_an_error_of_the_writing_thread_is_one_sentence(
    name, small, maps, tmp_path, monkeypatch
):
    def full(*_):
        raise OSError(28, "No space left on device")

    kind = records._Zarr if name.endswith("zarr") else records._Netcdf
    monkeypatch.setattr(kind, "_write", full)
    with pytest.raises(ValueError, match=r"cannot be written \(No space left"):
        write(small, tmp_path / name, maps)


@EITHER
@pytest.mark.parametrize("kind", [ValueError, RuntimeError, OSError, KeyError])
def test_an_error_of_what_is_written_stays_what_it_is(name, kind, small, tmp_path):
    error = kind("out of memory")
    with (
        pytest.raises(kind) as raised,
        writing_record(small, tmp_path / name, NAMES),
    ):
        raise error
    assert raised.value is error


def test_zarr_without_its_library_is_named(monkeypatch, small, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with (
        pytest.raises(ValueError, match=r"install jaxload\[zarr\]"),
        writing_record(small, tmp_path / "twsa.zarr", NAMES),
    ):
        pass
    (tmp_path / "twsa.zarr").mkdir()
    with pytest.raises(ValueError, match=r"install jaxload\[zarr\]"):
        io.read_dataset(tmp_path / "twsa.zarr")


def test_a_folder_that_is_no_zarr_is_one_sentence(small, tmp_path):
    (tmp_path / "twsa.zarr").mkdir()
    assert not io.is_result(tmp_path / "twsa.zarr")
    save_netcdf(small, tmp_path / "other.nc", {})
    assert not io.is_result(tmp_path / "other.nc")

"""Faults on purpose: damaged files here, many of them by ``make faults``."""

import io as streams
import logging
import struct
import zipfile

import damaged
import faults
import full_disks
import numpy as np
import pytest
import xarray as xr

from jaxload import io

pytest.importorskip("netCDF4")

NETCDF = [name for name, one in damaged.SAMPLES.items() if one.name.endswith(".nc")]
#: Readers of grids, which have axes.
GRIDS = ["water", "soil", "pressure", "land"]


def packed():
    content = streams.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("sample.nc", b"text")
    return content.getvalue()


OTHERS = {
    "text": b"2010-01-01 1.0 2.0\n" * 20,
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(200),
    "an archive": packed(),
    "nothing": b"",
    "zeros": bytes(5000),
    "the first bytes of HDF5": b"\x89HDF\r\n\x1a\n",
    "the first bytes of netCDF-3": b"CDF\x01",
    "a folder": None,
}


def check_refused(read, path):
    with pytest.raises((ValueError, OSError)) as caught:
        read(path)
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    assert len(message) < 600


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("name", NETCDF)
def test_a_file_of_another_kind_is_refused_by_name(tmp_path, name, kind):
    path = tmp_path / "sample.nc"
    if OTHERS[kind] is None:
        path.mkdir()
    else:
        path.write_bytes(OTHERS[kind])
    check_refused(damaged.SAMPLES[name].read, path)


def changed(name, tmp_path, change, **how):
    """A good file, read, changed and written again."""
    path = tmp_path / "sample.nc"
    damaged.SAMPLES[name].write(path)
    dataset = xr.load_dataset(path)
    path.unlink()
    change(dataset).to_netcdf(path, **how)
    return path


def main_variable(dataset):
    return max(dataset.data_vars, key=lambda x: dataset[x].ndim)


def as_text(dataset):
    name = main_variable(dataset)
    words = np.full(dataset[name].shape, "dry")
    return dataset.assign({name: (dataset[name].dims, words, dataset[name].attrs)})


def without_axis(dataset):
    last = dataset[main_variable(dataset)].dims[-1]
    return dataset.isel({last: 0}, drop=True)


@pytest.mark.parametrize("change", [as_text, without_axis])
@pytest.mark.parametrize(
    "name", ["water", "soil", "pressure", "land", "series", "stokes", "amplitude"]
)
def test_a_variable_of_text_or_without_an_axis_is_refused(tmp_path, name, change):
    path = changed(name, tmp_path, change)
    check_refused(damaged.SAMPLES[name].read, path)


@pytest.mark.parametrize("name", ["water", "pressure"])
def test_the_classic_format_holds_the_same(tmp_path, name):
    sample = damaged.SAMPLES[name]
    sample.write(tmp_path / "sample.nc")
    expected = damaged.arrays(sample.read(tmp_path / "sample.nc"))
    folder = tmp_path / "classic"
    folder.mkdir()
    path = changed(name, folder, lambda x: x, format="NETCDF3_CLASSIC")
    found = damaged.arrays(sample.read(path))
    for key, values in expected.items():
        if values.dtype.kind == "f":
            np.testing.assert_allclose(found[key], values, rtol=1e-6)
        else:
            np.testing.assert_array_equal(found[key], values)


@pytest.mark.parametrize("name", GRIDS)
def test_axes_whose_ends_are_zeros_are_refused(tmp_path, name):
    def lose(dataset):
        axis = next(x for x in ("lat", "latitude") if x in dataset.coords)
        values = dataset[axis].values.copy()
        values[2:] = 0
        return dataset.assign_coords({axis: values})

    path = changed(name, tmp_path, lose)
    check_refused(damaged.SAMPLES[name].read, path)


def test_axes_and_times_out_of_order_are_warned_of(tmp_path, caplog):
    def disorder(dataset):
        return dataset.isel(lat=[3, 0, 4, 1, 2, 5], time=[1, 0, *range(2, 12)])

    sample = damaged.SAMPLES["water"]
    sample.write(tmp_path / "sample.nc")
    expected = sample.read(tmp_path / "sample.nc")
    assert "order" not in caplog.text
    found = sample.read(changed("water", tmp_path, disorder))
    assert "sample.nc has lat that goes up and down" in caplog.text
    assert "2010-01-01 after 2010-02-01" in caplog.text
    np.testing.assert_array_equal(found.twsa, expected.twsa)


def test_coefficients_that_were_never_written_are_refused(tmp_path):
    path = tmp_path / "sample.nc"
    damaged.SAMPLES["stokes"].write(path)
    dataset = xr.load_dataset(path)
    dataset["sine"][:] = 9.969209968386869e36
    dataset.to_netcdf(tmp_path / "other.nc")
    check_refused(io.read_stokes, tmp_path / "other.nc")


@pytest.mark.parametrize("size", [2**64 - 8, 2**64 - 16, 2**63, 5000])
def test_a_table_of_hdf5_that_its_library_never_ends_is_refused(tmp_path, size):
    path = tmp_path / "sample.nc"
    damaged.SAMPLES["result"].write(path)
    content = bytearray(path.read_bytes())
    place = content.index(b"GCOL\x01")
    # The size of the second of its objects, each of a header and eight bytes.
    content[place + 48 : place + 56] = struct.pack("<Q", size)
    path.write_bytes(content)
    check_refused(io.read_dataset, path)


def test_a_large_file_with_whole_tables_is_read(tmp_path):
    # So many texts that there are several collections of them.
    names = [f"station {number} of a long name" for number in range(900)]
    dataset = xr.Dataset({"x": ("station", np.arange(900.0))}, {"station": names})
    dataset.to_netcdf(tmp_path / "sample.nc")
    assert (tmp_path / "sample.nc").read_bytes().count(b"GCOL\x01") > 1
    assert io.read_dataset(tmp_path / "sample.nc").station.values.tolist() == names


def test_coordinates_of_results_have_a_checksum(tmp_path):
    path = tmp_path / "sample.nc"
    damaged.SAMPLES["result"].write(path)
    content = path.read_bytes()
    place = content.index(np.arange(95.0, 109.0, 2.0).tobytes())
    path.write_bytes(
        content[: place + 2] + bytes([content[place + 2] ^ 1]) + content[place + 3 :]
    )
    with pytest.raises(ValueError, match=r"sample\.nc cannot be read as netCDF"):
        io.read_dataset(path)


def test_a_result_is_whole_only_to_its_last_value(tmp_path):
    path = tmp_path / "sample.nc"
    damaged.SAMPLES["result"].write(path)
    io.check_whole(path)
    content = bytearray(path.read_bytes())
    # Compressed values are most of the file.
    for place in range(0, len(content), 97):
        content[place] ^= 0 if place < 12_000 else 4
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"sample\.nc cannot be read as netCDF"):
        io.check_whole(path)


def test_a_kept_array_with_a_flipped_bit_is_computed_again(tmp_path, rng):
    cache, array = io.ArrayCache(tmp_path), rng.normal(size=(3, 4))
    cache.put("a", array)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), array)
    np.testing.assert_array_equal(cache.get("a"), array)
    content = bytearray((tmp_path / "a.npy").read_bytes())
    for place in range(0, len(content), 7):
        content[place] ^= 16
        (tmp_path / "a.npy").write_bytes(content)
        assert cache.get("a") is None
        content[place] ^= 16
    # As earlier versions wrote it, without a digest.
    np.save(tmp_path / "a.npy", array)
    assert cache.get("a") is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["water", "pressure", "result", "series", "stokes"])
def test_damaged_binary_files_are_answered_and_end_no_process(tmp_path, name):
    count = damaged.run(name, 60, 1, tmp_path)
    assert count.findings == {}
    assert sum(count.answers.values()) == 60
    refused = sum(n for (_, answer), n in count.answers.items() if answer == "refused")
    assert refused > 20


def test_a_crash_is_a_finding_and_the_next_input_goes_on(tmp_path):
    log = tmp_path / "water_0.jsonl"
    log.write_text('[0]\n[0, "cut", "refused"]\n[1]\n')
    done = damaged.subprocess.CompletedProcess([], -11, stderr="Fatal error\n")
    damaged._blame(log, done)
    assert damaged._next(log) == 2
    assert damaged._counted(log).findings == {
        1: "?: the process ended with -11: Fatal error"
    }
    assert logging.getLogger("jaxload").propagate


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "kills"),
    [("demo", 2), pytest.param("joint", 2, marks=pytest.mark.thorough)],
)
def test_a_killed_run_is_taken_up_bit_for_bit(tmp_path, kind, kills):
    entries = faults.kill_runs(kind, kills, tmp_path)
    assert faults.faults_of(entries) == []
    assert sum(entry["killed"] for entry in entries) == kills
    assert any("different" in entry for entry in entries)


def test_files_that_are_not_whole_are_found(tmp_path):
    (tmp_path / ".half.nc.1.1.part").write_bytes(b"half")
    (tmp_path / "summary.json").write_text('{"a": 1}')
    (tmp_path / "a.up").write_text("1 2\n")
    assert faults.broken_files(tmp_path) == []
    for name in ("twsa.nc", "beta.png", "about.json", "study.toml", "b.up"):
        (tmp_path / name).write_bytes(b"{ half")
    found = faults.broken_files(tmp_path)
    assert len(found) == 5, found


def test_results_that_differ_in_one_number_are_found(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        damaged.SAMPLES["result"].write(tmp_path / folder / "twsa.nc")
        io.write_json({"beta": 1.0, "seconds": {}}, tmp_path / folder / "summary.json")
    pair = tmp_path / "a", tmp_path / "b"
    assert faults.different(*pair) == []
    io.write_json({"beta": 1.5, "seconds": {"x": 1}}, pair[1] / "summary.json")
    assert faults.different(*pair) == ["summary.json: beta"]
    water = xr.load_dataset(pair[1] / "twsa.nc")
    water.twsa[0, 0, 0] = np.nextafter(water.twsa[0, 0, 0], np.float32(np.inf))
    io.write_dataset(water, pair[1] / "twsa.nc")
    assert faults.different(*pair) == ["summary.json: beta", "twsa.nc: twsa"]


@pytest.mark.slow
@pytest.mark.parametrize("spare", ["room", "full", "older"])
def test_a_full_disk_is_one_sentence_and_what_was_computed_is_kept(tmp_path, spare):
    if not full_disks.can_mount():
        pytest.skip("a small disk cannot be mounted, which one has to be root for")
    found = full_disks.fill_disks("run", 4, tmp_path / "f", spare)
    assert [what for entry in found for what in entry["wrong"]] == []
    failed = [entry for entry in found if entry["code"] == 2]
    assert len(found) == 4
    # Figures, most of what is written, take the room of older ones.
    assert len(failed) >= (1 if spare == "older" else 2)
    if spare == "room":
        assert all(entry["kept"] or entry["refused"] for entry in failed)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300, -1e18, "east"])
@pytest.mark.parametrize("name", ["lon_center", "lat_span", "lon_span"])
def test_boxes_of_mascons_beyond_the_earth_are_refused(tmp_path, name, value):
    path = tmp_path / "sample.nc"
    damaged.SAMPLES["mascons"].write(path)
    boxes = xr.load_dataset(path, group="mascon")
    values = boxes[name].values.astype(object if value == "east" else float)
    values[3] = value
    groups = {x: xr.load_dataset(path, group=x) for x in ("time", "solution")}
    groups["mascon"] = boxes.assign({name: ("box", values.astype(type(value)))})
    other = tmp_path / "other.nc"
    for group, held in groups.items():
        held.to_netcdf(other, "a" if other.exists() else "w", group=group)
    check_refused(damaged.SAMPLES["mascons"].read, other)


def test_entries_of_zeros_are_warned_of_unless_it_is_rain(tmp_path, caplog):
    def lose(dataset):
        name = main_variable(dataset)
        return dataset.assign({name: dataset[name].where(dataset.time < last, 0.0)})

    last = damaged.MONTHS[9]
    for name in ("water, plain", "water"):
        damaged.SAMPLES[name].read(changed(name, tmp_path, lose))
        message = (
            "sample.nc: lwe_thickness is 0 everywhere at 3 of 12 times, from 2010-10"
        )
        assert message in caplog.text
        caplog.clear()
    damaged.SAMPLES["water"].read(
        changed(
            "water",
            tmp_path,
            lambda x: x.assign(lwe_thickness=x.lwe_thickness.where(False, 0.0)),
        )
    )
    assert "everywhere" not in caplog.text
    path = tmp_path / "rain.nc"
    field = (damaged.GRID, np.zeros((30, 6, 7)), {"units": "mm/day"})
    rain = xr.Dataset({"precipitation": field}, damaged._axes(damaged.DAYS))
    rain.precipitation[3] = 1.0
    rain.to_netcdf(path)
    io.read_grid(path, "precipitation")
    assert "everywhere" not in caplog.text


@pytest.mark.parametrize("raised", [PermissionError(13, "no"), RuntimeError("HDF")])
@pytest.mark.parametrize("full", [True, False])
def test_the_library_is_not_believed_about_a_full_disk(
    tmp_path, monkeypatch, raised, full
):
    def fail(*_, **__):
        raise raised

    reason = OSError(28, "No space left on device") if full else None
    monkeypatch.setattr(xr.Dataset, "to_netcdf", fail)
    monkeypatch.setattr("jaxload.io.files.netcdf.why_full", lambda _: reason)
    with pytest.raises(ValueError, match="cannot be written") as caught:
        damaged.SAMPLES["result"].write(tmp_path / "sample.nc")
    assert ("No space left" in str(caught.value)) == full
    assert list(tmp_path.iterdir()) == []


def test_mascons_of_more_water_than_fits_a_number_are_refused(tmp_path):
    path = tmp_path / "sample.nc"
    damaged.SAMPLES["mascons"].write(path)
    groups = ("mascon", "time", "solution")
    held = {group: xr.load_dataset(path, group=group) for group in groups}
    held["solution"].cmwe[2, 3] = 1e200
    path.unlink()
    for group, content in held.items():
        content.to_netcdf(path, "a" if path.exists() else "w", group=group)
    check_refused(damaged.SAMPLES["mascons"].read, path)

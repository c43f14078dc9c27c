"""Files follow the CF conventions, so that other programs know their axes."""

import numpy as np
import pytest
import test_cli
import xarray as xr
from compliance import complaints_of, needs_checker

from jaxload import config, io, pipeline
from jaxload.io import conventions
from jaxload.io.appending import EpochChange, change_epochs
from jaxload.io.conventions import with_convention
from jaxload.io.records import writing_record
from jaxload.pipeline.evaluate.regions import within_record
from jaxload.pipeline.report.file_labels import labelled_for_file, method_of

pytest.importorskip("netCDF4")

DAYS = np.arange("2020-02-28", "2020-03-04", dtype="M8[D]").astype("M8[ns]")


def maps(days=DAYS):
    rng = np.random.default_rng(1)
    values = rng.normal(size=(len(days), 3, 4)).astype("f4")
    labels = {"units": "mm", "long_name": "water"}
    coords = {
        "time": days,
        "lat": 40 + 0.25 * np.arange(3),
        "lon": -120 + 0.25 * np.arange(4),
    }
    return xr.Dataset({"twsa": (("time", "lat", "lon"), values, labels)}, coords)


def test_cells_have_limits_and_axes_their_letters():
    water = with_convention(maps())
    np.testing.assert_allclose(water.lat_bnds[:, 0], [39.875, 40.125, 40.375])
    np.testing.assert_allclose(water.lon_bnds[-1], [-119.375, -119.125])
    assert [water[x].attrs["axis"] for x in ("time", "lat", "lon")] == ["T", "Y", "X"]
    assert water.lat.attrs["bounds"] == "lat_bnds"
    assert water.twsa.attrs["grid_mapping"] == "crs"


def test_cells_at_a_pole_end_there():
    axis = np.array([89.0, 89.5, 90.0])
    water = with_convention(maps().assign_coords(lat=axis))
    assert water.lat_bnds.values.max() == 90.0


def test_cells_of_uneven_axes_have_no_limits():
    water = with_convention(maps().assign_coords(lat=[40.0, 41.0, 43.0]))
    assert "lat_bnds" not in water
    assert "bounds" not in water.lat.attrs


def test_the_datum_is_that_of_epsg():
    pyproj = pytest.importorskip("pyproj")
    datum = pyproj.CRS.from_cf(conventions.DATUM)
    assert datum == pyproj.CRS.from_epsg(4326)
    assert datum.ellipsoid.inverse_flattening == conventions.DATUM["inverse_flattening"]


def test_a_file_that_is_read_and_written_again_stays_as_it_is(tmp_path):
    water = labelled_for_file(maps(), {})
    io.write_dataset(water, tmp_path / "one.nc")
    with io.read_dataset(tmp_path / "one.nc") as one:
        assert set(one.data_vars) == {"twsa"}
        io.write_dataset(one, tmp_path / "two.nc")
    read = xr.open_dataset
    with read(tmp_path / "one.nc") as one, read(tmp_path / "two.nc") as two:
        xr.testing.assert_identical(one, two)


@pytest.mark.parametrize("name", ["twsa.nc", "twsa.zarr"])
def test_epochs_that_are_appended_have_their_intervals(tmp_path, name):
    if name.endswith("zarr"):
        pytest.importorskip("zarr")
    path, days = tmp_path / name, DAYS
    some = labelled_for_file(maps(days[:3]), {"title": "water"})
    with writing_record(some.drop_vars("twsa"), path, {"twsa": {}}) as writer:
        writer.write("twsa", slice(0, 3), some.twsa.values)
    spans = np.stack([days, days + np.timedelta64(1, "D")], axis=1)
    new = {"twsa": maps().twsa.values[3:]}
    places = np.arange(3, len(days))
    change = EpochChange("time", days, places, new, bounds=spans, event="days added")
    change_epochs(path, change)
    with io.read_dataset(path) as water:
        np.testing.assert_array_equal(water.time_bnds, spans)
        np.testing.assert_array_equal(water.time, days)
        events = water.attrs["history"].splitlines()
    assert len(events) == 2
    assert events[1].endswith("days added")


def test_limits_of_time_are_in_the_units_of_time(tmp_path):
    noon = DAYS + np.timedelta64(12, "h")
    spans = np.stack([DAYS, DAYS + np.timedelta64(1, "D")], axis=1)
    water = maps(noon).assign_coords(time_bnds=(("time", "bnds"), spans))
    io.write_dataset(water, tmp_path / "x.nc")
    with xr.open_dataset(tmp_path / "x.nc", decode_times=False) as raw:
        assert raw.time.attrs["units"].startswith("seconds since")
        np.testing.assert_array_equal(raw.time_bnds[:, 0] + 43200, raw.time)
    with xr.open_dataset(tmp_path / "x.nc") as back:
        np.testing.assert_array_equal(back.time_bnds, spans)


def test_the_time_of_writing_can_be_stated(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert conventions.history_line("x").startswith("1970-01-02T00:00:00Z jaxload")


def test_months_outside_the_record_are_left_out():
    start = np.arange("2019-11", "2020-07", dtype="M8[M]")
    coords = {
        "start": ("month", start.astype("M8[ns]")),
        "stop": ("month", (start + 1).astype("M8[ns]")),
    }
    months = xr.Dataset({"water": ("month", np.arange(8.0))}, coords)
    left = within_record(months, DAYS).start.values.astype("M8[M]")
    assert left.astype(str).tolist() == ["2020-02", "2020-03"]


def test_means_and_standard_errors_have_cell_methods_of_their_own():
    assert method_of("twsa", ("time", "lat", "lon")) == "time: mean area: mean"
    assert method_of("up", ("time", "station")) == "time: mean"
    assert method_of("gwsa_month", ("month", "station")) == "month: mean"
    assert method_of("twsa_sd", ("time", "lat", "lon")) == ""
    assert method_of("weight", ("time", "station")) == ""


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A study with every table that needs no more data than heights and GRACE."""
    folder = tmp_path_factory.mktemp("cf")
    test_cli.write_study(folder)
    more = "[drought]\n[network]\ncount = 1\n[output]\n"
    more += 'store = ["twsa", "regions", "coefficients"]\n'
    text = (folder / "study.toml").read_text() + more
    (folder / "study.toml").write_text(text.replace("beta_count = 3", "beta = 0.05"))
    study = config.read_study(folder / "study.toml")
    pipeline.run(study, folder / "out").close()
    return folder / "out"


@pytest.mark.slow
@needs_checker
def test_every_file_passes_a_checker_of_the_conventions(results, tmp_path):
    files = list(results.glob("*.nc"))
    assert len(files) >= 6
    assert complaints_of(files, tmp_path) == {}


@pytest.mark.slow
def test_gdal_and_rioxarray_read_map_and_datum(results):
    rasterio = pytest.importorskip("rasterio")
    pytest.importorskip("rioxarray")
    path = results / "twsa.nc"
    with xr.open_dataset(path, decode_coords="all") as water:
        assert water.rio.crs.to_epsg() == 4326
        assert water.twsa.rio.crs.to_epsg() == 4326
        first, lat = water.twsa[0].values, water.lat.values
    with rasterio.open(f"netcdf:{path}:twsa") as raster:
        assert raster.crs.to_epsg() == 4326
        assert raster.count == len(test_cli.DAYS)
        np.testing.assert_array_equal(raster.read(1), first[::-1])
        assert raster.bounds.top == pytest.approx(lat.max() + 0.25)


@pytest.mark.slow
def test_every_file_says_what_it_was_made_of(results):
    for path in sorted(results.glob("*.nc")):
        with io.read_dataset(path) as dataset:
            assert {"title", "source", "history"} <= set(dataset.attrs), path.name
            if path.name != "state.nc":
                assert "[inversion]" in dataset.attrs["settings"], path.name

"""Results in formats of other programs hold what the results hold."""

import csv
import importlib.util
import json

import numpy as np
import pytest
import shapely
import xarray as xr

from jaxload import cli, export, io, labelled
from jaxload.export import features, opened, tables
from jaxload.export.maps import half_sides, months_of_maps
from jaxload.pipeline.report.file_labels import labelled_for_file

pytest.importorskip("netCDF4")

DAYS = np.arange("2018-01-01", "2020-07-01", dtype="M8[D]").astype("M8[ns]")
LON, LAT = 10 + 0.5 * np.arange(4), 45 + 0.5 * np.arange(3)
ABOUT = {"title": "small", "settings": "x = 1", "source": "jaxload 0.2.0"}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Maps, stations and regions as a run writes them."""
    folder, rng = tmp_path_factory.mktemp("results"), np.random.default_rng(0)
    shape, mm = (len(DAYS), 3, 4), {"units": "mm"}
    years = (DAYS - DAYS[0]) / np.timedelta64(1, "D") / 365.2425
    water = 20 * np.cos(2 * np.pi * (years - 0.25))[:, None, None] + 5 * years[
        :, None, None
    ] * np.ones(shape[1:])
    water = water + rng.normal(size=shape)
    water[10] = np.nan
    mask = np.full(shape[1:], 2, np.int8)
    mask[:, 0] = 1
    maps = xr.Dataset(
        {
            "twsa": (("time", "lat", "lon"), water.astype("f4"), mm),
            "twsa_sd": (("time", "lat", "lon"), np.full(shape, 3, "f4"), mm),
            "cell_mask": (("lat", "lon"), mask),
        },
        {"time": DAYS, "lat": LAT, "lon": LON},
    )
    up = rng.normal(size=(len(DAYS), 2))
    up[:5, 1] = np.nan
    stations = xr.Dataset(
        {"up": (("time", "station"), up.astype("f4"), mm)},
        {
            "time": DAYS,
            "station": ["AAAA", "BBBB"],
            "lon": ("station", [10.2, 11.1]),
            "lat": ("station", [45.3, 45.9]),
            "height": ("station", [100.0, 200.0]),
        },
    )
    month = np.array(["2018-01-16", "2018-02-15"], "M8[ns]")
    regions = xr.Dataset(
        {
            "twsa": (("time", "region"), up.astype("f4"), mm),
            "twsa_monthly": (("month", "region"), np.ones((2, 2), "f4"), mm),
        },
        {"time": DAYS, "region": ["a", "b"], "month": month},
    )
    for name, part in (
        ("twsa", maps),
        ("stations", stations),
        ("regions", regions),
    ):
        io.write_dataset(labelled_for_file(part, ABOUT), folder / f"{name}.nc")
    return folder


@pytest.fixture(scope="module")
def maps(results):
    return io.read_dataset(results / "twsa.nc", load=True)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_tables_have_a_row_for_each_time_and_place(results, tmp_path):
    paths = export.export_results(results, "csv", tmp_path)
    names = {path.name for path in paths}
    assert names == {"regions.csv", "regions_month.csv", "stations.csv"}
    stations = rows(tmp_path / "stations.csv")
    assert len(stations) == 2 * len(DAYS)
    assert stations[1]["station"] == "BBBB"
    assert stations[1]["up"] == ""
    assert (stations[1]["lon"], stations[0]["time"]) == ("11.1", "2018-01-01")
    with io.read_dataset(results / "regions.nc") as regions:
        found = [float(row["twsa"] or "nan") for row in rows(tmp_path / "regions.csv")]
        np.testing.assert_allclose(found, regions.twsa.values.ravel(), rtol=1e-6)


def test_tables_of_maps_have_cells_of_the_region_alone(results, maps, tmp_path):
    export.export_results(results, "csv", tmp_path, ["maps"])
    table = rows(tmp_path / "twsa.csv")
    assert {float(row["lon"]) for row in table} == set(LON[1:])
    known = np.isfinite(maps.twsa.values[:, :, 1:])
    found = [float(row["twsa"]) for row in table if row["twsa"]]
    assert len(found) == known.sum()
    expected = maps.twsa.values[:, :, 1:][known]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_tables_hold_every_variable_once():
    shapes = [("time", "region"), ("month", "station"), ("month", "region"), ("month",)]
    variables = {
        f"v{n}": (dims, np.zeros([2] * len(dims))) for n, dims in enumerate(shapes)
    }
    for some in (variables, dict(reversed(variables.items()))):
        named = tables._tables(xr.Dataset(some), "groundwater")
        assert len(named) == 4
        assert sorted(x for names in named.values() for x in names) == sorted(variables)


def test_numbers_in_tables_keep_the_digits_of_their_precision(tmp_path):
    single, double = np.float32(0.1234567), -120.12345678901234
    dataset = xr.Dataset({"a": ("time", [single]), "b": ("time", [double])})
    tables._write(dataset, ["a", "b"], tmp_path / "x.csv", False, lambda _: None)
    row = rows(tmp_path / "x.csv")[0]
    assert (row["a"], float(row["b"])) == (str(single), double)


def test_every_epoch_is_a_band_with_its_day(results, maps, tmp_path):
    rasterio = pytest.importorskip("rasterio")
    export.export_results(results, "geotiff", tmp_path, ["twsa"])
    with rasterio.open(tmp_path / "twsa.tif") as raster:
        assert raster.crs.to_epsg() == 4326
        assert np.isnan(raster.nodata)
        assert raster.count == len(DAYS)
        assert raster.descriptions[3] == "2018-01-04"
        assert raster.units[0] == "mm"
        assert raster.bounds == (9.75, 44.75, 11.75, 46.25)
        inside = maps.twsa.where(maps.cell_mask == 2)
        np.testing.assert_array_equal(raster.read(4)[::-1], inside[3])
        # A cell is where its coordinates say.
        at = next(raster.sample([(11.0, 45.5)], indexes=[4]))[0]
        assert at == maps.twsa.sel(lon=11.0, lat=45.5)[3]


def test_months_are_means_of_their_days(results, maps, tmp_path):
    rasterio = pytest.importorskip("rasterio")
    options = export.ExportOptions(by="month", belt=True)
    paths = export.export_results(results, "geotiff", tmp_path, options=options)
    assert len(paths) == 30
    with rasterio.open(tmp_path / "twsa_2018-01.tif") as raster:
        mean = maps.twsa.sel(time="2018-01").mean("time")
        np.testing.assert_allclose(raster.read(1)[::-1], mean, rtol=1e-5)
    with pytest.raises(ValueError, match="standard errors of days"):
        export.export_results(results, "geotiff", tmp_path, ["twsa_sd"], options)


def test_a_month_of_few_days_has_no_mean(maps):
    some = maps.twsa[: 31 + 9]
    months = dict(months_of_maps(some))
    assert np.isfinite(months[np.datetime64("2018-01")]).all()
    assert np.isnan(months[np.datetime64("2018-02")]).all()


def test_a_month_of_one_week_has_no_mean(maps):
    weekly = maps.twsa[::7][:6]
    months = dict(months_of_maps(weekly))
    assert np.isfinite(months[np.datetime64("2018-01")]).all()
    assert np.isnan(months[np.datetime64("2018-02")]).all()


def test_a_single_cell_of_unknown_size_is_not_exported():
    cell = xr.Dataset(coords={"lat": [45.0], "lon": [10.0]})
    with pytest.raises(ValueError, match="have a single cell"):
        half_sides(cell)
    cell.attrs["settings"] = "[region]\nspacing = 0.2\n"
    assert half_sides(cell) == (0.1, 0.1)


def test_cells_over_the_date_line_are_cut_in_two():
    lon = features._turned(np.array([179.0, 180.0, 183.5, -179.75]))
    np.testing.assert_array_equal(lon, [179, 180, -176.5, -179.75])
    cells = features._boxes(lon, np.full(4, 89.75), (0.5, 0.5))
    kinds = [cell.geom_type for cell in cells]
    assert kinds == ["Polygon", "MultiPolygon", "Polygon", "MultiPolygon"]
    np.testing.assert_allclose(shapely.area(cells), 0.75)
    bounds = [part.bounds for part in cells[1].geoms]
    assert bounds == [(179.5, 89.25, 180, 90), (-180, 89.25, -179.5, 90)]
    bounds = [part.bounds for part in cells[3].geoms]
    assert bounds == [(179.75, 89.25, 180, 90), (-180, 89.25, -179.25, 90)]


def test_zarr_holds_what_netcdf_holds(results, tmp_path):
    pytest.importorskip("zarr")
    export.export_results(results, "zarr", tmp_path)
    for name in ("twsa", "stations", "regions"):
        with (
            io.read_dataset(tmp_path / f"{name}.zarr") as copy,
            io.read_dataset(results / f"{name}.nc") as original,
        ):
            xr.testing.assert_equal(copy, original)
            assert copy.attrs == original.attrs
            for variable in original.data_vars:
                assert copy[variable].attrs == original[variable].attrs


def test_features_have_statistics_of_cells_and_stations(results, maps, tmp_path):
    export.export_results(results, "geojson", tmp_path)
    cells = json.loads((tmp_path / "cells.geojson").read_text())["features"]
    assert len(cells) == 9
    first = cells[0]
    cell = shapely.geometry.shape(first["geometry"])
    assert cell.bounds == (10.25, 44.75, 10.75, 45.25)
    statistics = first["properties"]
    assert statistics["trend_mm_per_year"] == pytest.approx(5, abs=0.3)
    assert statistics["annual_amplitude_mm"] == pytest.approx(20, abs=0.3)
    assert statistics["sd_rms_mm"] == pytest.approx(3)
    fits = labelled.seasonal_fits(maps.twsa)
    assert statistics["trend_sd_mm_per_year"] == pytest.approx(
        float(fits.trend_sd.sel(lon=10.5, lat=45)), rel=1e-4
    )
    stations = json.loads((tmp_path / "stations.geojson").read_text())["features"]
    about = stations[1]["properties"]
    assert (about["epochs"], about["first_day"]) == (len(DAYS) - 5, "2018-01-06")
    assert stations[1]["geometry"]["coordinates"] == [11.1, 45.9]


def test_geoparquet_holds_what_geojson_holds(results, tmp_path):
    geopandas = pytest.importorskip("geopandas")
    pytest.importorskip("pyarrow")
    export.export_results(results, "geoparquet", tmp_path)
    frame = geopandas.read_parquet(tmp_path / "cells.parquet")
    assert frame.crs.to_epsg() == 4326
    export.export_results(results, "geojson", tmp_path, ["cells"])
    cells = json.loads((tmp_path / "cells.geojson").read_text())["features"]
    trends = [cell["properties"]["trend_mm_per_year"] for cell in cells]
    np.testing.assert_allclose(frame.trend_mm_per_year, trends, rtol=1e-5)


REFUSED = {
    "no result": (("--to", "csv"), "holds no results of jaxload"),
    "no folder": (("--to", "csv"), "is not a folder"),
    "months": (("--to", "csv", "--by", "month"), "only geotiff has; leave out --by"),
    "belt": (("--to", "zarr", "--belt"), "zarr holds all cells"),
    "belt without maps": (
        ("--to", "csv", "--belt"),
        "no table of regions and stations has cells, of which --belt is about",
    ),
    "belt of stations": (
        ("--to", "geojson", "--what", "stations", "--belt"),
        "stations alone are exported, but --belt is about cells",
    ),
    "no part": (("--to", "csv", "--what", "drought"), "has no drought.nc; it has maps"),
    "no map": (("--to", "geotiff", "--what", "up"), "'up' is no map of the result"),
    "no feature": (("--to", "geojson", "--what", "maps"), "'maps' has no features"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_exported_is_said_in_a_sentence(case, results, tmp_path, capsys):
    words, sentence = REFUSED[case]
    if "geotiff" in words:
        pytest.importorskip("rasterio")
    folder = {"no result": tmp_path, "no folder": tmp_path / "x"}.get(case, results)
    code = cli.main(["export", str(folder), *words, "--out", str(tmp_path / "out")])
    assert code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert sentence in said
    assert "Traceback" not in said


def test_files_that_are_there_are_kept_unless_they_may_go(results, tmp_path, capsys):
    words = ["export", str(results), "--to", "csv", "--out", str(tmp_path)]
    assert cli.main(words) == 0
    assert cli.main(words) == 2
    assert "regions.csv is there already" in " ".join(capsys.readouterr().err.split())
    assert cli.main([*words, "--overwrite"]) == 0


def test_a_missing_library_is_named_with_its_extra(results, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", {}.get)
    with pytest.raises(ValueError, match=r"pip install 'jaxload\[export\]'"):
        export.export_results(results, "geoparquet", tmp_path)


@pytest.mark.parametrize("name", ["x.csv", "x.zarr"])
def test_half_an_export_has_no_name(tmp_path, name):
    def fill(path):
        if name.endswith("zarr"):
            path.mkdir()
            path = path / "part"
        path.write_text("half")
        raise OSError(28, "No space left on device")

    with (
        pytest.raises(ValueError, match=r"cannot be written \(No space left"),
        opened.writing(tmp_path / name) as temporary,
    ):
        fill(temporary)
    assert list(tmp_path.iterdir()) == []

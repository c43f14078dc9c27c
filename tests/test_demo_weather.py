"""A world of China written as the formats of a real study, and read back."""

import dataclasses

import numpy as np
import pytest

from jaxload import io
from jaxload.demo.files.china import HELD, write_weather_world
from jaxload.demo.files.common import simulated_folder
from jaxload.synthetic.weather_settings import WeatherSettings
from jaxload.synthetic.world_with_weather import weather_world

SETTINGS = WeatherSettings(start="2017-03-01", stop="2018-08-31", spacing=0.5)


@pytest.fixture(scope="module")
def world():
    return weather_world(SETTINGS)


@pytest.fixture(scope="module")
def folder(world, tmp_path_factory):
    pytest.importorskip("netCDF4")
    folder = tmp_path_factory.mktemp("southwest")
    write_weather_world(world, folder)
    return folder


def centred(values):
    return values - np.nanmean(values, axis=0)


@pytest.mark.slow
def test_heights_are_read_back_to_a_thousandth_of_a_millimetre(world, folder):
    gnss = io.read_gnss(folder / "gnss" / "*.tenv3")
    np.testing.assert_array_equal(gnss.station.values, world.stations.name)
    np.testing.assert_allclose(gnss.lon.values, world.stations.lon, atol=1e-9)
    np.testing.assert_allclose(gnss.lat.values, world.stations.lat, atol=1e-9)
    np.testing.assert_allclose(gnss.height.values, world.stations.height, atol=1e-4)
    rows = np.searchsorted(world.time, gnss.time.values.astype("M8[D]"))
    given = world.displacement[rows]
    np.testing.assert_allclose(gnss.up.values, centred(given), atol=2e-3)
    np.testing.assert_allclose(gnss.up_sigma.values, world.sigma[rows], atol=1e-3)
    # Nothing was measured sideways.
    assert np.nanmin(gnss.east_sigma.values) > 999


@pytest.mark.slow
def test_steps_are_read_back(world, folder):
    table = io.read_offsets(folder / "gnss" / "steps.txt")
    heights = world.heights["up"]
    assert table.sizes["event"] == len(heights.step_station) > 3
    for index, day in zip(heights.step_station, heights.step_day):
        found = io.offset_days(table, str(world.stations.name[index]))
        assert found.tolist() == [day.item()]


@pytest.mark.slow
@pytest.mark.parametrize("product", ["ntal", "ntol"])
def test_loads_of_stations_and_of_empty_cells_are_read_back(world, folder, product):
    pattern = f"{product.upper()}.*.txt"
    at = io.read_loading(folder / "loads" / "stations" / pattern, units="m")
    np.testing.assert_array_equal(at.station.values, world.stations.name)
    given = getattr(world.loads["up"], product)
    np.testing.assert_allclose(at.up.values, given, atol=1e-5)
    cells = io.read_loading(folder / "loads" / "cells" / pattern, units="m")
    sites = io.read_sites(folder / "cells.txt")
    assert list(sites) == cells.station.values.tolist()
    assert len(sites) == 87
    given = getattr(world.centre_loads, product)[:, world.empty]
    np.testing.assert_allclose(cells.up.values, given, atol=1e-5)
    east = [site.lon for site in sites.values()]
    np.testing.assert_allclose(east, world.centres.lon[world.empty])


@pytest.mark.slow
def test_weather_is_read_back_as_that_of_real_products(world, folder):
    weather = world.weather
    kinds = {"temperature": 1 / 64, "pressure": 1.0, "precipitation": 1 / 64}
    for name, digit in kinds.items():
        read = io.read_grid(folder / f"{name}.nc", name)
        np.testing.assert_allclose(read.lat.values, world.places.lat_axis)
        np.testing.assert_allclose(read.lon.values, world.places.lon_axis)
        np.testing.assert_array_equal(read.time.values.astype("M8[D]"), world.time)
        given = getattr(weather, name)
        found = read[name].values.reshape(given.shape)
        np.testing.assert_allclose(found, given, atol=digit / 2 + 1e-2 * digit)


@pytest.mark.slow
def test_water_of_satellites_and_model_is_read_back(world, folder):
    month = world.gravity.month
    for name, water in world.gravity.centres.items():
        read = io.read_grid(folder / f"grace_{name.lower()}.nc")
        np.testing.assert_array_equal(read.time.values.astype("M8[M]"), month)
        np.testing.assert_array_equal(
            read.time_bnds.values[:, 0].astype("M8[M]"), month
        )
        found = read.twsa.values.reshape(water.shape)
        np.testing.assert_allclose(found, water, atol=0.04)
    model = io.read_grid(folder / "storage.nc").tws.values.reshape(world.model.shape)
    np.testing.assert_array_equal(np.isnan(model), np.isnan(world.model))
    np.testing.assert_allclose(model - HELD, world.model, atol=0.04)


@pytest.mark.slow
def test_the_truth_is_beside_it_and_the_outline_is_that_of_the_region(world, folder):
    assert io.read_region(folder / "region.geojson").equals(world.region)
    with io.read_dataset(folder / "truth.nc") as truth:
        truth = truth.load()
    may = world.time.astype("M8[M]") == np.datetime64("2017-05")
    water = world.water(np.flatnonzero(may)).mean(axis=0)
    cells = world.cells
    found = truth.twsa.sel(time="2017-05").values[0][cells.row, cells.column]
    np.testing.assert_allclose(found, water, atol=1e-3)
    np.testing.assert_allclose(
        truth.centre_loading.values, world.centre_loads.loading, atol=1e-4
    )
    size = np.cos(np.radians(cells.lat))
    wide = np.average(water, weights=size)
    narrow = float(truth.region_twsa.values[may].mean())
    # The belt is drier or wetter, not another climate.
    assert np.sign(wide) == np.sign(narrow)


@pytest.mark.slow
def test_a_world_measured_sideways_has_east_and_north_in_its_files(world, tmp_path):
    pytest.importorskip("netCDF4")
    heights = world.heights["up"]
    both = dataclasses.replace(
        world,
        heights={"up": heights, "east": heights},
        loads={"up": world.loads["up"], "east": world.loads["up"]},
        modelled_loads={"up": world.loads["up"], "east": world.loads["up"]},
    )
    write_weather_world(both, tmp_path)
    gnss = io.read_gnss(tmp_path / "gnss" / "*.tenv3")
    np.testing.assert_allclose(gnss.east.values, gnss.up.values, atol=3e-3)
    load = io.read_loading(tmp_path / "loads" / "stations" / "NTAL.*.txt", units="m")
    np.testing.assert_array_equal(load.east.values, load.up.values)
    assert not np.isfinite(load.north.values).any()


def test_a_world_of_an_earlier_version_is_called_so(tmp_path):
    (tmp_path / "study.toml").write_text("title = 'x'\n")
    message = r"holds what an earlier version simulated, .*; remove .* simulated anew"
    with (
        pytest.raises(ValueError, match=message),
        simulated_folder(tmp_path, "china", SETTINGS),
    ):
        pass
    (tmp_path / "study.toml").rename(tmp_path / "notes.txt")
    message = r"files that are no simulated world, such as notes\.txt; remove"
    with (
        pytest.raises(ValueError, match=message),
        simulated_folder(tmp_path, "china", SETTINGS),
    ):
        pass
    assert (tmp_path / "notes.txt").is_file()

"""Grids of a study: where land is, how much of a region they cover, their settings."""

import dataclasses

import numpy as np
import pytest
import shapely
import xarray as xr

from jaxload import config, earth, io, sphere
from jaxload.io.grids import open as open_module, read as read_module
from jaxload.io.masks import land_cells, rasterise
from jaxload.pipeline.evaluate.regions import reference_means
from jaxload.pipeline.inputs.land_sea import sea_share
from jaxload.pipeline.inputs.observations import read_gravity
from jaxload.pipeline.prepare import grid_loads, loads

pytest.importorskip("netCDF4")

LAT, LON = np.arange(-87.5, 90, 5.0), np.arange(2.5, 360, 5.0)
DAYS = np.arange("2010-01-01", "2010-01-13", dtype="M8[D]")
PLACES = {"INLAND": (100.0, 40.0), "COAST": (-1.5, 52.5), "ISLAND": (-16.9, 65.0)}


def watch(share):
    del share


def study_in(folder, **tables):
    return config.Study(
        gnss=config.Gnss(files="gnss"),
        region=config.Region(boundary="region.geojson"),
        earth=config.Earth(max_degree=500),
        folder=str(folder),
        **tables,
    )


def heights():
    dims, zero = ("time", "station"), np.zeros((len(DAYS), len(PLACES)))
    lon, lat = np.array(list(PLACES.values())).T
    return xr.Dataset(
        {"up": (dims, zero), "up_sigma": (dims, zero + 2.0)},
        {
            "time": DAYS.astype("M8[ns]"),
            "station": list(PLACES),
            "lon": ("station", lon),
            "lat": ("station", lat),
            "height": ("station", 0 * lon),
        },
    )


def write(folder, name, variable, values, units, axes=(LAT, LON)):
    coords = {"time": DAYS.astype("M8[ns]") + np.timedelta64(12, "h")}
    coords |= {"lat": axes[0], "lon": axes[1]}
    array = xr.DataArray(values, coords, tuple(coords), attrs={"units": units})
    array.to_dataset(name=variable).to_netcdf(folder / name)
    return name


def land_of(axes=(LAT, LON)):
    """Share of land, made from the cells one by one."""
    lat, _, cells = land_cells()
    step = round(abs(axes[0][1] - axes[0][0]) / 0.25)
    share = np.zeros((len(axes[0]), len(axes[1])))
    weight = np.cos(np.radians(lat))
    for row, south in enumerate(np.searchsorted(lat, axes[0] - step / 8)):
        for column, west in enumerate((axes[1] - step / 8 + 180) % 360 / 0.25):
            block = np.s_[south : south + step, round(west) : round(west) + step]
            of = weight[south : south + step, None] * np.ones((1, step))
            share[row, column] = (cells[block] * of).sum() / of.sum()
    return share


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Air that moves, and soil water in the ways in which models write the sea."""
    folder = tmp_path_factory.mktemp("grids")
    lat, lon = np.meshgrid(np.radians(LAT), np.radians(LON), indexing="ij")
    phase = np.arange(len(DAYS))[:, None, None] / 3
    air = 98_000 + 1500 * np.sin(2 * lon + phase) * np.cos(lat)
    air += 800 * np.cos(phase) * np.sin(lat)
    write(folder, "sp.nc", "sp", air, "Pa")
    land = land_of() > 0.5
    water = 300 + 40 * np.sin(phase + lon) * np.cos(lat)
    for name, sea in (("zero", 0.0), ("missing", np.nan)):
        write(folder, f"soil_{name}.nc", "soil_water", np.where(land, water, sea), "mm")
    return folder


def air_load(folder, **names):
    study = study_in(folder, loads=config.Loads(atmosphere="sp.nc", **names))
    return loads.loads_at_stations(study, heights(), watch)["atmosphere"]


def test_the_sea_gives_way_under_air_whatever_soil_models_say_of_the_sea(folder):
    alone = air_load(folder)
    for name in ("zero", "missing"):
        beside = air_load(folder, soil=f"soil_{name}.nc")
        np.testing.assert_array_equal(beside, alone)
    with xr.open_dataset(folder / "sp.nc") as source:
        air = source.sp.transpose("time", "lat", "lon").values
    love = earth.load_love_numbers("prem", "CF", 500)
    field = earth.from_pressure(air, LAT, LON, 1 - land_of())
    expected = np.asarray(earth.displacement(field, heights(), love))[:, 0]
    np.testing.assert_allclose(alone, expected - expected.mean(axis=0), atol=1e-6)
    # Air that loads the floor of the sea as land moves stations much more.
    rigid = earth.displacement(earth.from_pressure(air, LAT, LON), heights(), love)
    assert np.std(rigid[:, 0, 1:]) > 1.3 * np.std(alone[:, 1:])


def test_soil_that_is_zero_at_sea_loads_as_soil_that_is_missing_there(folder):
    found = []
    for name in ("zero", "missing"):
        study = study_in(folder, loads=config.Loads(soil=f"soil_{name}.nc"))
        found.append(loads.loads_at_stations(study, heights(), watch)["soil"])
    np.testing.assert_allclose(*found, atol=1e-9)
    assert np.std(found[0]) > 0.1


def test_a_mask_of_the_study_says_where_the_sea_is(folder):
    axes = {"latitude": LAT, "longitude": LON}
    share = xr.DataArray(land_of(), axes, tuple(axes), "lsm", {"units": "(0 - 1)"})
    bundled = air_load(folder)
    for name, mask in (("x", share), ("y", (100 * share).assign_attrs(units="%"))):
        mask.to_netcdf(folder / f"mask_{name}.nc")
        given = air_load(folder, land_mask=f"mask_{name}.nc")
        np.testing.assert_allclose(given, bundled, atol=1e-6)
    (1 - share).rename("sea").to_netcdf(folder / "sea.nc")
    table = config.GridSource("sea.nc", "sea")
    with pytest.raises(ValueError, match=r"loads.land_mask sea.nc: .* 1 on land and 0"):
        air_load(folder, land_mask=table)
    share[:20].to_netcdf(folder / "south.nc")
    with pytest.raises(ValueError, match=r"south.nc spans .* expected a mask of the g"):
        air_load(folder, land_mask="south.nc")
    (share * 1e4).to_netcdf(folder / "metres.nc")
    with pytest.raises(ValueError, match=r"lsm runs from 0 to .* expected shares of l"):
        air_load(folder, land_mask="metres.nc")


SEAS = {
    "Pacific": (-150, 0, False),
    "Black Sea": (35, 43, False),
    "Baltic": (19, 58, False),
    "Hudson Bay": (-85, 60, False),
    "Ross ice shelf": (-175, -81.5, False),
    "Caspian": (51, 41.5, True),
    "Lake Superior": (-87.5, 47.7, True),
    "Greenland": (-40, 72, True),
    "South Pole": (10, -89.9, True),
    "Britain": (-1.5, 52.5, True),
    "Tibet": (90, 32, True),
}


@pytest.mark.parametrize("name", SEAS)
def test_seas_are_sea_and_land_ice_and_lakes_are_land(name):
    lon, lat, is_land = SEAS[name]
    rows, columns, cells = land_cells()
    assert cells[np.abs(rows - lat).argmin(), np.abs(columns - lon).argmin()] == is_land


def test_the_mask_has_as_much_land_as_the_earth():
    lat, _, cells = land_cells()
    share = np.average(cells.mean(axis=1), weights=np.cos(np.radians(lat)))
    # 29.2% with ice shelves of 1.6 million km2, which are sea here.
    assert share == pytest.approx(0.2885, abs=2e-3)


def test_outlines_become_the_cells_that_they_mostly_hold():
    square = np.array([[-10, -10], [20, -10], [20, 40], [-10, 40], [-10, -10.0]])
    cells = rasterise([square], 18)
    expected = np.zeros((18, 36), bool)
    expected[8:13, 17:20] = True
    np.testing.assert_array_equal(cells, expected)
    shifted = rasterise([square + np.array([0.0, 6.0])], 18)
    np.testing.assert_array_equal(shifted, np.roll(expected, 1, axis=0))


def test_shares_of_sea_are_those_of_the_cells():
    grid = xr.Dataset(coords={"lat": LAT, "lon": (LON + 180) % 360 - 180})
    grid = grid.sortby("lon")
    expected = 1 - land_of((LAT, grid.lon.values))
    found = sea_share(io.read_land(), grid)
    np.testing.assert_allclose(found, expected, atol=5e-3)
    point = xr.Dataset(coords={"lat": [52.4, 52.5], "lon": [-1.6, -1.5]})
    np.testing.assert_array_equal(sea_share(io.read_land(), point), 0.0)


def test_soil_of_era5_leaves_the_air_load_alone(cases):
    """Real ERA5 soil moisture is zero at sea, where GLDAS is missing."""
    folder = cases / "grids"
    air = "02_era5_cds_6hourly_sp/daily_means_as_truth.nc"
    gnss = heights().assign_coords(
        time=np.arange("2010-02-10", "2010-02-22", dtype="M8[D]").astype("M8[ns]")
    )
    found = []
    for soil in ("moda.nc", "moda_masked.nc", ""):
        soil = soil and f"03_era5_soil_zero_at_sea/{soil}"
        study = study_in(folder, loads=config.Loads(atmosphere=air, soil=soil))
        found.append(loads.loads_at_stations(study, gnss, watch))
    for other in found[1:]:
        np.testing.assert_array_equal(other["atmosphere"], found[0]["atmosphere"])
    np.testing.assert_allclose(found[0]["soil"], found[1]["soil"], atol=1e-3)
    assert io.read_land()["land"].shape == (720, 1440)


def test_soil_that_ends_at_sixty_south_is_land_without_antarctica(folder, caplog):
    with xr.open_dataset(folder / "soil_missing.nc") as source:
        whole = source.where(source.lat > -60).load()
    whole.to_netcdf(folder / "whole.nc")
    whole.sel(lat=slice(-60, None)).to_netcdf(folder / "cut.nc")
    found = []
    for name in ("whole.nc", "cut.nc"):
        study = study_in(folder, loads=config.Loads(soil=name))
        found.append(loads.loads_at_stations(study, heights(), watch)["soil"])
    np.testing.assert_allclose(*found, atol=1e-9)
    assert "loads.soil cut.nc spans -60 to 90 in lat: what lies beyond, 0.0%" in (
        caplog.text
    )
    whole.sel(lat=slice(-60, 30)).to_netcdf(folder / "half.nc")
    study = study_in(folder, loads=config.Loads(soil="half.nc"))
    with pytest.raises(ValueError, match=r"half.nc spans .* expected the globe"):
        loads.loads_at_stations(study, heights(), watch)


def test_centres_of_other_names_cells_and_sides_give_regional_means(tmp_path):
    box = shapely.box(174, -20, 186, -15)
    grid = sphere.regional_grid(box, 1.0, offset=0.5)
    lon, lat = np.arange(150.3125, 210, 0.625), np.arange(-29.75, 0, 0.5)
    season = 40 * np.cos(np.arange(len(DAYS)))[:, None, None]
    water = season * np.ones((1, len(lat), len(lon)))
    turned = np.argsort((lon + 180) % 360 - 180)
    axes = (lat, ((lon + 180) % 360 - 180)[turned])
    write(tmp_path, "one.nc", "lwe_thickness", water[:, :, turned] / 10, "cm", axes)
    write(tmp_path, "two.nc", "storage", water[:, :, turned], "mm", axes)
    both = ("one.nc", config.GridSource("two.nc", "storage"))
    study = study_in(tmp_path, evaluation=config.Evaluation(grace=both))
    given = read_gravity(study, "evaluation.grace", both)
    means = reference_means(study, {"box": box}, grid, {"grace": given})["grace"]
    np.testing.assert_allclose(means.water[:, 0], season[:, 0, 0], rtol=1e-5)
    np.testing.assert_allclose(means.covered, 1.0, atol=1e-6)
    far = {"far": shapely.box(10, 40, 20, 50)}
    with pytest.raises(ValueError, match=r"one.nc, two.nc: "):
        reference_means(study, far, grid, {"grace": given})


def wave(kind, lon, lat, turn):
    """A field whose pattern is turned about the axis of the Earth, in time too."""
    east, north = np.meshgrid(np.radians(lon - turn), np.radians(lat))
    phase = np.arange(len(DAYS))[:, None, None] / 3
    change = np.sin(2 * east + phase) * np.cos(north) + np.cos(9 * east + 2 * phase)
    return 98_000 + 900 * change if kind == "atmosphere" else 300 + 40 * change


@pytest.mark.parametrize("kind", ["soil", "atmosphere"])
@pytest.mark.parametrize("ascending", [True, False])
def test_a_fine_load_across_180_moves_stations_as_one_elsewhere(
    tmp_path, kind, ascending
):
    name, units = {"soil": ("soil_water", "mm"), "atmosphere": ("sp", "Pa")}[kind]
    lat = np.arange(-19.5, -10)
    places = {"A": (177.3, -15.2), "B": (180.0, -14.0), "C": (183.6, -16.9)}
    found = []
    for turn in (-60, 0):
        lon = np.arange(172.5, 188) + turn
        lon = lon if ascending else np.sort((lon + 180) % 360 - 180)
        folder = tmp_path / f"{turn}"
        folder.mkdir()
        write(folder, "globe.nc", name, wave(kind, LON, LAT, turn), units)
        fine = wave(kind, lon, lat, turn)
        write(folder, "fine.nc", name, fine, units, (lat, lon))
        land = np.broadcast_to(np.abs(LAT[:, None]) < 80, (12, 36, 72)).astype(float)
        write(folder, "land.nc", "land_mask", land, "1")
        gnss = heights().assign_coords(station=list(places))
        east, north = np.array(list(places.values())).T
        east = (east + turn + 180) % 360 - 180
        gnss = gnss.assign_coords(lon=("station", east), lat=("station", north))
        files = {kind: "globe.nc", f"{kind}_regional": "fine.nc"}
        study = study_in(folder, loads=config.Loads(land_mask="land.nc", **files))
        study = dataclasses.replace(study, earth=config.Earth(max_degree=1200))
        found.append(loads.loads_at_stations(study, gnss, watch)[kind])
    assert np.abs(found[0]).max() > 0.3
    np.testing.assert_allclose(found[1], found[0], atol=1e-6)


def count_values_read(monkeypatch):
    """Numbers of values that are read from netCDF at once."""
    from xarray.backends import netCDF4_

    sizes, read = [], netCDF4_.NetCDF4ArrayWrapper._getitem

    def counted(self, key):
        values = read(self, key)
        sizes.append(np.size(values))
        return values

    monkeypatch.setattr(netCDF4_.NetCDF4ArrayWrapper, "_getitem", counted)
    return sizes


LARGE_LOADS = {
    "air": {"atmosphere": "sp.nc"},
    "soil": {"soil": "soil_missing.nc"},
    "sea": {"ocean": "sea.nc"},
    "air and finer air": {"atmosphere": "sp.nc", "atmosphere_regional": "fine.nc"},
}


@pytest.mark.parametrize("name", LARGE_LOADS)
def test_large_grids_are_read_some_epochs_at_a_time(folder, monkeypatch, name):
    pytest.importorskip("dask")
    land = land_of() > 0.5
    sea = np.cos(np.arange(len(DAYS)) / 2)[:, None, None] * np.where(land, np.nan, 0.1)
    sea[3, 30] = np.nan
    write(folder, "sea.nc", "sla", sea, "m")
    axes = np.arange(31.25, 72, 2.5), np.arange(-28.75, 120, 2.5)
    fine = 98_000 + np.random.default_rng(1).normal(
        size=(len(DAYS), *map(len, axes)), scale=300
    )
    write(folder, "fine.nc", "sp", fine, "Pa", axes)
    study = study_in(folder, loads=config.Loads(**LARGE_LOADS[name]))
    [(kind, whole)] = loads.loads_at_stations(study, heights(), watch).items()
    cells = LAT.size * LON.size
    monkeypatch.setattr(grid_loads, "LARGE_FILES", 1000)
    monkeypatch.setattr(grid_loads, "VALUES", 2 * cells)
    monkeypatch.setattr(open_module, "PIECE", 2 * cells * 8)
    sizes = count_values_read(monkeypatch)
    pieces = loads.loads_at_stations(study, heights(), watch)[kind]
    np.testing.assert_allclose(pieces, whole, rtol=1e-12, atol=1e-12)
    # Each epoch is read twice: for the mean of all, and less that.
    assert max(sizes) <= 2 * cells
    assert sum(sizes) < 3 * len(DAYS) * 2 * cells


def test_large_grids_are_checked_as_others_are(folder, caplog):
    pytest.importorskip("dask")
    air = np.full((len(DAYS), LAT.size, LON.size), 98_000.0)
    air += np.random.default_rng(2).normal(size=air.shape)
    air[4:6, 3, 7] = -9999.0
    write(folder, "filled.nc", "sp", air, "Pa")
    settings = io.GridSettings(chunks={"time": 3})
    held = io.read_grid(folder / "filled.nc", settings=settings)
    assert held.pressure.chunks[0] == (3, 3, 3, 3)
    assert int(np.isnan(held.pressure.values).sum()) == 2
    assert "-9999 stands in 2 of 7776" in caplog.text
    air[:] = 98.0
    write(folder, "hectopascals.nc", "sp", air, "Pa")
    lazy = io.read_grid(folder / "hectopascals.nc", settings=settings)
    with pytest.raises(ValueError, match="makes pressure run from 98"):
        lazy.pressure.max().compute()


def test_large_grids_without_dask_are_warned_of(folder, monkeypatch, caplog):
    monkeypatch.setattr(read_module, "has_dask", lambda: False)
    monkeypatch.setattr(grid_loads, "LARGE_FILES", 1000)
    air_load(folder)
    assert "all of which is read into memory" in caplog.text
    assert "jaxload[lazy]" in caplog.text


def test_files_that_are_large_and_cut_small_are_in_memory(folder):
    pytest.importorskip("dask")
    settings = io.GridSettings(largest=200_000, box=(0, 40, 20, 60))
    assert (folder / "sp.nc").stat().st_size > 200_000
    cut = io.read_grid(folder / "sp.nc", settings=settings)
    assert cut.pressure.chunks is None
    whole = io.read_grid(folder / "sp.nc", settings=io.GridSettings(largest=200_000))
    assert whole.pressure.chunks is not None


def test_means_of_pieces_are_pieces(folder):
    pytest.importorskip("dask")
    pieces = io.read_grid(
        folder / "sp.nc", settings=io.GridSettings(chunks={"time": 2})
    )
    weeks = io.week_periods("2010-01-01", "2010-01-12")
    means = io.period_means(pieces, weeks, least=0.1)
    assert [len(part) for part in means.pressure.chunks] == [3, 1, 1]
    whole = io.period_means(io.read_grid(folder / "sp.nc"), weeks, least=0.1)
    np.testing.assert_array_equal(means.pressure, whole.pressure)

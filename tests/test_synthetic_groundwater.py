"""The world of western Yunnan: its loads act as they should and have nature's sizes."""

import dataclasses
import pathlib

import numpy as np
import pytest
import shapely

from jaxload import config, demo, earth, evaluate, io, studies, synthetic
from jaxload.constants import STANDARD_GRAVITY
from jaxload.demo.published_table import ROWS, table_lines

SETTINGS = synthetic.GroundwaterSettings(stations=14, wells=4, spacing=0.25)

#: Ranges over stations, with how far those of one drawn world may leave them.
CORRELATION = {
    "atmosphere": (0.50, 0.66, 0.15),
    "soil_water": (0.64, 0.81, 0.12),
    "ocean": (-0.66, -0.52, 0.15),
    "all": (0.81, 0.89, 0.06),
}
REDUCTION = {
    "atmosphere": (7.5, 12.8, 5.0),
    "soil_water": (20.5, 34.8, 8.0),
    "ocean": (-6.4, -3.2, 2.0),
    "all": (33.8, 43.9, 9.0),
}


@pytest.fixture(scope="module")
def world():
    return synthetic.groundwater_world(SETTINGS)


@pytest.fixture(scope="module")
def folder(world, tmp_path_factory):
    pytest.importorskip("netCDF4")
    folder = tmp_path_factory.mktemp("yunnan")
    demo.write_world(world, folder)
    return folder


@pytest.fixture(scope="module")
def weekly(world):
    """Uplift by every load and all but groundwater, and heights with 8 periods."""
    loads = {name: synthetic.week_means(x) for name, x in world.loading.items()}
    loads = {name: x - x.mean(axis=0) for name, x in loads.items()}
    heights = sum(loads.values())
    loads["all"] = heights - loads["groundwater"]
    rng = np.random.default_rng(0)
    noisy = np.fft.rfft(heights + 1.5 * rng.normal(size=heights.shape), axis=0)
    weak = np.abs(noisy) < np.sort(np.abs(noisy), axis=0)[-8]
    return loads, np.fft.irfft(np.where(weak, 0, noisy), n=len(heights), axis=0)


@pytest.mark.slow
@pytest.mark.thorough
def test_one_seed_makes_one_world(world):
    again = synthetic.groundwater_world(SETTINGS)
    np.testing.assert_array_equal(again.displacement, world.displacement)
    np.testing.assert_array_equal(again.wells.depth, world.wells.depth)
    np.testing.assert_array_equal(again.gwsa, world.gwsa)


@pytest.mark.slow
@pytest.mark.parametrize("load", CORRELATION)
def test_loads_explain_heights_as_the_article_has_it(weekly, load):
    loads, heights = weekly
    found = np.asarray(evaluate.pcc(loads[load], heights, axis=0))
    low, high, margin = CORRELATION[load]
    assert low - margin / 2 < np.median(found) < high + margin / 2
    assert (found > low - 2 * margin).all()
    assert (found < high + 2 * margin).all()
    left = (heights - loads[load]).std(axis=0)
    reduction = 100 * (1 - left / heights.std(axis=0))
    low, high, margin = REDUCTION[load]
    assert low - margin / 2 < np.median(reduction) < high + margin / 2
    assert (reduction > low - 2 * margin).all()
    assert (reduction < high + 2 * margin).all()


@pytest.mark.slow
def test_sizes_are_those_of_the_article(world, weekly):
    loads, heights = weekly
    for name, least, most in (("soil_water", 4, 8), ("ocean", 0.7, 2)):
        assert least < np.abs(loads[name]).max() < most
    # The article says 8 mm of the air too, which its own table 4 belies.
    assert 1.5 < np.abs(loads["atmosphere"]).max() < 8
    water = synthetic.week_means(world.gwsa)
    assert 130 < np.median(np.abs(water - water.mean(axis=0)).max(axis=0)) < 290
    assert 55 < np.median(water.std(axis=0)) < 135
    assert 15 < np.median(np.ptp(heights, axis=0)) < 35


@pytest.mark.slow
def test_displacement_is_that_of_the_fields_by_another_way(world):
    """Soil water by harmonics to degree 89, which do not know the box's finer cells."""
    rasters, land = world.rasters, synthetic.land_of(world.rasters)
    patterns = synthetic.weighted(world.fields.soil.patterns, land)
    days = slice(0, 1000, 100)
    water = np.einsum("em,mjk->ejk", world.fields.soil.series[days], patterns.globe)
    snow = synthetic.weighted(world.fields.snow.patterns, land)
    water += np.einsum("em,mjk->ejk", world.fields.snow.series[days], snow.globe)
    field = earth.from_water(water, rasters.globe_lat, rasters.globe_lon)
    moved = np.asarray(earth.displacement(field, world))[:, 0]
    expected = world.loading["soil_water"][days]
    assert np.abs(moved - expected).max() < 0.06 * np.abs(expected).max()


@pytest.mark.slow
def test_air_weighs_on_land_and_its_mean_on_the_sea(world):
    rasters = world.rasters
    land = synthetic.land_of(rasters).globe[0]
    pressure = world.fields.pressure
    rows, columns = rasters.window
    # The first pattern is the winter high of Asia.
    load = synthetic.loads_of(world.fields, rasters)["atmosphere"].patterns.globe[0]
    inland = land == 1
    inland[rows, columns] = False
    np.testing.assert_allclose(
        load[inland], pressure.patterns.globe[0][inland] / STANDARD_GRAVITY
    )
    at_sea = land == 0
    at_sea[rows, columns] = False
    assert np.ptp(load[at_sea]) < 1e-9
    assert load[at_sea][0] > 0


@pytest.mark.slow
def test_heights_hold_the_loads_and_what_is_said_of_the_rest(world):
    total = sum(world.loading.values())
    years = (world.time - world.time[0]).astype(float) / 365.25
    left = world.displacement - total - world.rate * years[:, None]
    quiet = np.setdiff1d(np.arange(SETTINGS.stations), world.step_station)
    spread = np.nanstd(left[:, quiet], axis=0)
    assert 3.0 < np.median(spread) < 6.5
    gross = np.nanmean(np.abs(left[:, quiet]) > 15)
    assert gross == pytest.approx(SETTINGS.outliers, rel=0.5)
    for index, day in zip(world.step_station, world.step_day):
        after = world.time >= day
        step = np.nanmedian(left[after, index]) - np.nanmedian(left[~after, index])
        assert 3 < abs(step) < 18
    inside = world.time[np.isfinite(world.displacement).any(axis=1)]
    assert str(inside[0]) >= SETTINGS.start
    assert str(inside[-1]) <= SETTINGS.stop


@pytest.mark.slow
def test_stations_stand_apart_in_the_region(world):
    assert shapely.contains_xy(world.region, world.lon, world.lat).all()
    apart = np.hypot(world.lon[:, None] - world.lon, world.lat[:, None] - world.lat)
    assert apart[~np.eye(len(apart), dtype=bool)].min() > 0.15


@pytest.mark.slow
def test_rain_comes_before_soil_water_and_that_before_groundwater(world):
    def peak(modes):
        rows, columns = (n // 2 for n in modes.patterns.box.shape[1:])
        values = modes.series @ modes.patterns.box[:, rows, columns]
        turn = np.exp(-2j * np.pi * np.arange(1095) / 365)
        return -np.angle((values[:1095] * turn).mean()) * 365 / (2 * np.pi) % 365

    fields = world.fields
    rain, soil, groundwater = map(peak, (fields.rain, fields.soil, fields.groundwater))
    assert 170 < rain < 230
    assert 35 < soil - rain < 75
    assert 35 < groundwater - soil < 95


@pytest.mark.slow
def test_what_is_written_is_read_back(world, folder):
    sites = folder / "gnss" / "sites.txt"
    gnss = io.read_gnss(folder / "gnss" / "*.up", sites=sites)
    assert gnss.sizes["station"] == SETTINGS.stations
    rows = np.searchsorted(world.time, gnss.time.values.astype("M8[D]"))
    np.testing.assert_allclose(gnss.up.values, world.displacement[rows], atol=1e-3)
    steps = io.read_offsets(folder / "gnss" / "offsets.csv")
    assert list(steps.station.values) == list(world.station[world.step_station])
    assert io.read_region(folder / "region.geojson").area > 10
    wells = io.read_wells(folder / "wells.csv")
    depth = world.wells.depth[np.isfinite(world.wells.depth).any(axis=1)]
    drop = (np.nanmean(depth, axis=0) - depth) * 50
    np.testing.assert_allclose(wells.gwsa.values, drop, atol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "quantity"), [("pressure", "pressure"), ("soil", "soil_water")]
)
def test_fine_and_coarse_grids_tell_of_the_same_field(folder, name, quantity):
    coarse, fine = (
        io.read_grid(folder / "loads" / f"{name}_{part}.nc", quantity)[quantity]
        for part in ("global", "regional")
    )
    assert str(fine.time.values[0])[:10] == "2018-01-03"
    assert fine.lat.values[1] - fine.lat.values[0] == 0.25
    inner = {"lat": slice(22, 28), "lon": slice(96, 102)}
    blocks = fine.sel(inner).coarsen(lat=8, lon=8).mean()
    known = coarse.sel(lat=blocks.lat, lon=blocks.lon)
    scatter = (known - known.mean("time")) - (blocks - blocks.mean("time"))
    assert float(np.abs(scatter).max()) < (2.0 if name == "pressure" else 0.2)


@pytest.mark.slow
def test_gravity_sees_groundwater_two_months_late(folder):
    total = io.read_grid(folder / "grace.nc").twsa
    assert str(total.time.values[0])[:7] == "2018-10"
    soil = io.read_grid(folder / "loads" / "soil_regional.nc").soil_water
    with io.read_dataset(folder / "truth.nc") as truth:
        water = truth.gwsa.load()
    centre = {"lat": slice(23, 28), "lon": slice(97, 102)}
    month = {"time": "1MS"}
    left = total.sel(centre).mean(["lat", "lon"]).values
    ours, ground = (
        x.sel(centre).mean(["lat", "lon"]).resample(month).mean().values[9:36]
        for x in (soil, water)
    )
    found = evaluate.best_lag(ground, left - ours)
    assert int(found.lag) == 2
    assert float(found.after) > 0.8 > float(found.before) + 0.1


@pytest.mark.slow
def test_the_sea_has_no_soil_and_the_land_no_sea_level(folder):
    soil = io.read_grid(folder / "loads" / "soil_global.nc").soil_water[0]
    sea = io.read_grid(folder / "loads" / "ocean.nc").sea_level[0]
    np.testing.assert_array_equal(np.isnan(soil), ~np.isnan(sea))
    weight = np.cos(np.radians(soil.lat)) * np.isfinite(soil)
    assert float(weight.sum() / 180 / np.cos(np.radians(soil.lat)).sum()) == (
        pytest.approx(0.29, abs=0.03)
    )


def test_the_study_of_the_demonstration_is_the_one_among_the_examples():
    file = pathlib.Path(studies.__file__).parent / "cors_groundwater.toml"
    study = config.read_study(file, ".")
    assert study == demo.groundwater_study()


def test_the_table_lays_every_row_beside_the_article():
    summary = {
        row.key[0]: {f"S{i}": {other.key[1]: i / 4 for other in ROWS} for i in (1, 2)}
        for row in ROWS
    }
    lines = table_lines(summary)
    assert len(lines) == len(ROWS) + 1
    assert len({len(line) for line in lines}) == 1
    assert "0.25   0.38   0.50" in lines[1]
    assert table_lines({}) == lines[:1]


@pytest.mark.slow
def test_the_demonstration_finds_the_groundwater_and_says_so(tmp_path):
    pytest.importorskip("netCDF4")
    settings = dataclasses.replace(SETTINGS, stations=30)
    lines = demo.run_groundwater(tmp_path, settings)
    assert len(lines) == len(ROWS) + 5
    assert "at 30 of 30 stations" in lines[-2]
    summary = io.read_json(tmp_path / "summary.json")
    assert len(summary["gwsa_correlation"]) == 30
    assert min(summary["gwsa_correlation"].values()) >= 0.8
    assert all(x["total"] > 0 for x in summary["wrms_reduction_percent"].values())
    lags = [entry["months"] for entry in summary["lag_months"].values()]
    assert np.median(lags) == 2
    assert list(summary["dsi"]) == ["region", *(f"Area {n}" for n in range(1, 5))]
    truth = summary["truth"]
    assert max(truth["soil_error_mm"].values()) < 0.3
    assert max(truth["atmosphere_error_mm"].values()) < 0.3
    assert max(truth["ocean_error_mm"].values()) < 0.15
    written = config.read_study(tmp_path / "data" / "study.toml")
    assert written == demo.groundwater_study(tmp_path / "data")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"stations": 1}, "1 stations, 15 wells and 1099 days is too small"),
        ({"stop": "2018-01-20"}, "21 days is too small"),
        ({"spacing": 0.2}, "spacing is 0.2, expected 0.25 degrees or a whole part"),
    ],
)
def test_a_world_that_cannot_be_is_refused(change, said):
    settings = dataclasses.replace(synthetic.GroundwaterSettings(), **change)
    with pytest.raises(ValueError, match=said):
        synthetic.groundwater_world(settings)

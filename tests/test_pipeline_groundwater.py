"""From raw heights to groundwater: each step against plain NumPy, and real files."""

import dataclasses
import json
import logging

import numpy as np
import pytest
import shapely
import xarray as xr
from compliance import complaints_of, needs_checker

from jaxload import config, earth, io, pipeline, sphere
from jaxload.pipeline.expected_stages import stages_of_study
from jaxload.pipeline.inputs.observations import make_design, read_observations
from jaxload.pipeline.prepare import cleaning, loads

pytest.importorskip("netCDF4")

DAYS = np.arange("2018-01-07", "2019-12-29", dtype="M8[D]")
WEEKS = DAYS[3::7]
YEAR = 2 * np.pi / 365.2425
LON = np.array([98.2, 99.1, 100.3, 101.4, 98.6, 100.8, 99.6, 101.1])
LAT = np.array([23.6, 26.4, 24.2, 25.3, 25.1, 26.7, 25.4, 24.0])
NAMES = [f"W{n:03}" for n in range(len(LON))]
REGION = shapely.box(97.5, 23, 102, 27.5)
DIMS = ("time", "latitude", "longitude")
GLOBE = (np.arange(-85.0, 90, 10), np.arange(5.0, 360, 10))
FINE = (np.arange(19.5, 32), np.arange(93.5, 106))
EARTH = config.Earth(max_degree=3000)


def nobody(share):
    del share


def turn(days, phase=0.0):
    return np.cos(YEAR * (days - np.datetime64("2018-01-01")).astype(float) - phase)


def waves(axes, phase):
    """A smooth field whose fine version is the coarse one's own."""
    lat, lon = np.radians(axes[0])[:, None], np.radians(axes[1])[None]
    return (1 + np.cos(lat) * np.cos(lon - phase) / 2)[None] * np.ones((1, 1, 1))


def is_land(axes):
    lon, lat = np.meshgrid(axes[1], axes[0])
    return (lon > 60) & (lon < 150) & (lat > 15) & (lat < 75)


def write(folder, name, values, axes, time=WEEKS, units="Pa"):
    """One variable, called as agencies call it."""
    variable = name.split("_")[0]
    coords = {"time": time.astype("M8[ns]"), "latitude": axes[0], "longitude": axes[1]}
    array = (DIMS, values.astype(np.float32), {"units": units})
    path = folder / f"{name}.nc"
    xr.Dataset({variable: array}, coords).to_netcdf(path)
    return path.name


def pressure(axes, phase=1.0):
    return 80_000 + 900 * turn(WEEKS, phase)[:, None, None] * waves(axes, 0.3)


def soil(axes):
    water = 400 + 90 * turn(WEEKS, 3.8)[:, None, None] * waves(axes, 1.2)
    return np.where(is_land(axes)[None], water, np.nan)


def sea(axes):
    height = 0.1 * turn(WEEKS, 2.0)[:, None, None] * waves(axes, 2.0)
    return np.where(is_land(axes)[None], np.nan, height)


@pytest.fixture(scope="module")
def grids(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grids")
    for axes, name in ((GLOBE, "global"), (FINE, "fine")):
        write(folder, f"sp_{name}", pressure(axes), axes)
        write(
            folder,
            f"precip_{name}",
            2 + turn(WEEKS)[:, None, None] * waves(axes, 0),
            axes,
            units="mm/day",
        )
        values = soil(axes)
        coords = (axes, WEEKS, "kg m-2")
        write_soil(folder / f"soil_{name}.nc", values, *coords)
    write(folder, "sla_global", sea(GLOBE), GLOBE, units="m")
    land = is_land(GLOBE)[None].astype(float)
    write(folder, "lsm_global", land, GLOBE, WEEKS[:1], units="1")
    return folder


def write_soil(path, values, axes, time, units):
    coords = {"time": time.astype("M8[ns]"), "latitude": axes[0], "longitude": axes[1]}
    array = (DIMS, values.astype(np.float32), {"units": units})
    xr.Dataset({"soil_water": array}, coords).to_netcdf(path)


LOADS = config.Loads(
    atmosphere="sp_global.nc",
    atmosphere_regional="sp_fine.nc",
    soil="soil_global.nc",
    soil_regional="soil_fine.nc",
    ocean="sla_global.nc",
    land_mask="lsm_global.nc",
)


def heights(up, time=WEEKS, sigma=2.0):
    dims = ("time", "station")
    coords = {
        "time": time.astype("M8[ns]"),
        "station": NAMES[: up.shape[1]],
        "lon": ("station", LON[: up.shape[1]]),
        "lat": ("station", LAT[: up.shape[1]]),
        "height": ("station", np.zeros(up.shape[1])),
    }
    values = {"up": (dims, up), "up_sigma": (dims, np.full(up.shape, sigma))}
    return io.label_dataset(xr.Dataset(values, coords))


def study_of(folder=".", **tables):
    return config.Study(
        gnss=config.Gnss(files="gnss/*.up"),
        region=config.Region(boundary="region.geojson", spacing=0.5, buffer=0.5),
        earth=EARTH,
        folder=str(folder),
        **tables,
    )


# Cleaning


@pytest.fixture(scope="module")
def raw():
    """Rate, season, a step in one station, gross errors in all, noise, gaps."""
    rng = np.random.default_rng(3)
    days = (DAYS - DAYS[0]).astype(float)[:, None]
    season = 8 * turn(DAYS)[:, None] * np.linspace(0.5, 1, 8)
    up = season + 5 * days / 365 + 200 + rng.normal(size=(len(DAYS), 8))
    up[400:, 2] += 15.0
    bad = rng.random(up.shape) < 0.01
    up[bad] += 40.0
    up[rng.random(up.shape) < 0.1] = np.nan
    return up, season, bad & np.isfinite(up)


def offsets(folder):
    (folder / "steps.csv").write_text(f"station,day\nW002,{DAYS[400]}\n")
    return "steps.csv"


@pytest.mark.parametrize("rule", ["3-sigma", "iqr"])
def test_cleaning_leaves_the_season_of_every_station(rule, raw, tmp_path):
    up, season, bad = raw
    steps = offsets(tmp_path)
    settings = config.Cleaning(outliers=rule, steps=steps, trend="remove")
    cleaned = cleaning.clean(
        study_of(tmp_path, cleaning=settings), heights(up, DAYS), nobody
    )
    assert np.isnan(cleaned.up.values[bad]).all()
    assert cleaned.attrs["outliers"] < 1.5 * bad.sum() + 20
    assert cleaned.attrs["steps"] == 1
    left = cleaned.up.values - (season - season.mean(axis=0))
    assert np.nanstd(left) < 1.1
    assert (
        abs(np.nanmean(left[:400] - 0, axis=0) - np.nanmean(left[400:], axis=0)).max()
        < 0.4
    )


def test_a_file_of_steps_that_says_nothing_of_the_stations_is_named(tmp_path, caplog):
    name = offsets(tmp_path)
    few = heights(np.zeros((40, 2)), DAYS[:40])
    known = study_of(tmp_path, cleaning=config.Cleaning(steps=name))
    cleaning.find_events(known, few)
    assert "has no event of any of 2 stations (W000, W001)" in caplog.text
    caplog.clear()
    (tmp_path / name).write_text(
        f"station,day,kind\nW001,{DAYS[9]},log\nW00000CHN,{DAYS[9]},step\n"
    )
    found = cleaning.find_events(known, few.assign_coords(station=["W000", "W001"]))
    assert np.isfinite(found.steps).sum() == 1
    assert (
        "relaxations without a time, which stay in the heights of W001" in caplog.text
    )


@pytest.mark.slow
def test_steps_that_nobody_knows_are_detected(raw):
    up, season, _ = raw
    study = study_of(
        cleaning=config.Cleaning(steps="detect", trend="remove", outliers="iqr")
    )
    cleaned = cleaning.clean(study, heights(up[:, :3], DAYS), nobody)
    assert cleaned.attrs["steps"] == 1
    assert np.nanstd(cleaned.up.values[:, 2] - season[:, 2]) < 1.5


def test_weeks_are_means_of_their_days_with_their_errors(raw):
    up = raw[0]
    cleaned = cleaning.clean(
        study_of(cleaning=config.Cleaning(average="weekly")), heights(up, DAYS), nobody
    )
    np.testing.assert_array_equal(cleaned.time.values.astype("M8[D]"), WEEKS)
    week = up[70:77, 4]
    seen = np.isfinite(week).sum()
    assert seen >= 4
    assert cleaned.up.values[10, 4] == pytest.approx(np.nanmean(week))
    assert cleaned.up_sigma.values[10, 4] == pytest.approx(2 / np.sqrt(seen))
    spans = cleaned.time_bnds.values.astype("M8[D]")
    assert (spans[10] == [DAYS[70], DAYS[77]]).all()


def test_a_reconstruction_keeps_the_strongest_periods_and_the_gaps(raw):
    season = raw[1]
    up = season.copy()
    up[200:260, 1] = np.nan
    settings = config.Cleaning(average="weekly", reconstruct=4)
    cleaned = cleaning.clean(study_of(cleaning=settings), heights(up, DAYS), nobody)
    weekly = season.reshape(-1, 7, 8).mean(axis=1)
    seen = np.isfinite(cleaned.up.values)
    np.testing.assert_array_equal(seen, cleaned.up_observed.notnull())
    assert not seen[30:36, 1].any()
    assert seen[:, 0].all()
    assert abs(cleaned.up.values - weekly)[:, 0].max() < 1.0


@pytest.mark.parametrize(
    "mode", ["stack", pytest.param("components", marks=pytest.mark.slow)]
)
def test_what_stations_share_beside_their_seasons_goes(mode, raw):
    rng = np.random.default_rng(8)
    shared = 4 * rng.normal(size=(len(DAYS), 1))
    own = raw[1] + 0.5 * rng.normal(size=raw[1].shape)
    study = study_of(cleaning=config.Cleaning(common_mode=mode))
    cleaned = cleaning.clean(study, heights(own + shared, DAYS), nobody)
    assert (cleaned.up.values - own).std() < 0.5
    assert np.corrcoef(cleaned.up.values[:, 0], raw[1][:, 0])[0, 1] > 0.97


def test_fewer_epochs_than_periods_are_refused(raw):
    study = study_of(cleaning=config.Cleaning(average="monthly", reconstruct=13))
    with pytest.raises(ValueError, match="reconstruct is 13, but 24 epochs hold 12"):
        cleaning.clean(study, heights(raw[0], DAYS), nobody)


# Loads


@pytest.mark.slow
def test_loads_by_grids_are_those_of_remove_and_restore(grids):
    gnss = heights(np.zeros((len(WEEKS), 8)))
    found = loads.loads_at_stations(study_of(grids, loads=LOADS), gnss, nobody)
    assert list(found) == ["atmosphere", "soil", "ocean"]
    love = earth.load_love_numbers("prem", "CF", 3000)
    water = earth.from_soil_moisture(soil(GLOBE)[:, None], *GLOBE)
    fine = earth.from_soil_moisture(soil(FINE)[:, None], *FINE)
    expected = earth.remove_restore(water, fine, gnss, love)[:, 0]
    np.testing.assert_allclose(found["soil"], expected, atol=2e-3)
    ocean = earth.from_sea_level(1000 * sea(GLOBE), *GLOBE)
    expected = np.asarray(earth.displacement(ocean, gnss, love))[:, 0]
    expected = expected - expected.mean(axis=0)
    np.testing.assert_allclose(found["ocean"], expected, atol=2e-3)
    share = (~is_land(GLOBE)).astype(float)
    air = earth.from_pressure(pressure(GLOBE), *GLOBE, share)
    fine = earth.from_pressure(pressure(FINE), *FINE)
    # The corner of the box that is sea to the coarse grid is left to it.
    corner = sphere_share(share)
    fine = dataclasses.replace(fine, known=fine.known & (corner < 0.5))
    expected = earth.remove_restore(air, fine, gnss, love)[:, 0]
    np.testing.assert_allclose(found["atmosphere"], expected, atol=2e-3)
    assert np.ptp(found["soil"], axis=0).min() > 2


def sphere_share(share):
    """The coarse cell under each fine one."""
    row = np.searchsorted(GLOBE[0] + 5, FINE[0])
    column = np.searchsorted(GLOBE[1] + 5, FINE[1])
    return share[np.ix_(row, column)]


def test_a_load_is_interpolated_and_its_gaps_are_named(caplog):
    time = np.delete(WEEKS, slice(30, 36)).astype("M8[ns]")
    values = turn(time.astype("M8[D]"))[:, None] * np.ones((1, 2))
    gnss = heights(np.zeros((len(WEEKS), 2)))
    with caplog.at_level(logging.WARNING):
        found = loads.loads_at_epochs(values, time, gnss, "the load")
    assert (
        f"the load was interpolated over gaps: {WEEKS[29]} to {WEEKS[36]}"
        in caplog.text
    )
    clock = (time - time[0]).astype(float)
    expected = np.interp(
        (WEEKS - time[0]).astype("m8[ns]").astype(float), clock, values[:, 0]
    )
    np.testing.assert_allclose(found[:, 1], expected, atol=1e-12)


def test_a_daily_load_is_averaged_as_the_heights_are(raw):
    study = study_of(cleaning=config.Cleaning(average="weekly"))
    gnss = cleaning.clean(study, heights(raw[0], DAYS), nobody)
    values = np.random.default_rng(1).normal(size=(len(DAYS), 8))
    found = loads.loads_at_epochs(values, DAYS.astype("M8[ns]"), gnss, "x")
    np.testing.assert_allclose(found, values.reshape(-1, 7, 8).mean(axis=1), atol=1e-12)


def test_heights_beyond_a_load_are_not_used(caplog):
    values, time = np.ones((40, 2)), WEEKS[:40].astype("M8[ns]")
    gnss = heights(np.zeros((len(WEEKS), 2)))
    with caplog.at_level(logging.WARNING):
        found = loads.loads_at_epochs(values, time, gnss, "the load")
    lost = len(WEEKS) - 40
    assert f"does not reach {lost} of {len(WEEKS)} epochs" in caplog.text
    assert np.isnan(found[40:]).all()
    assert np.isfinite(found[:40]).all()


def test_every_load_is_scored_by_what_its_removal_does(rng):
    first, second = rng.normal(size=(2, len(WEEKS), 3))
    up = 2 * first - 0.5 * second + rng.normal(size=first.shape)
    given = {"air": first, "sea": second}
    gnss = loads.remove_loads(study_of(), heights(up), given)
    np.testing.assert_allclose(gnss.up, up - first - second)
    np.testing.assert_allclose(gnss.load_total, first + second)
    scores = loads.load_scores(gnss)
    reduction, alike = scores["wrms_reduction_percent"], scores["load_correlation"]
    for name, load in {**given, "total": first + second}.items():
        expected = 100 * (1 - (up - load).std(axis=0) / up.std(axis=0))
        ours = [reduction[station][name] for station in NAMES[:3]]
        np.testing.assert_allclose(ours, expected, rtol=1e-9)
        r = np.corrcoef(up[:, 1], load[:, 1])[0, 1]
        assert alike["W001"][name] == pytest.approx(r)


def test_loads_lose_their_trends_where_heights_do():
    days = (WEEKS - WEEKS[0]).astype(float)[:, None] / 365
    load = 3 + 2 * days + turn(WEEKS)[:, None]
    study = study_of(cleaning=config.Cleaning(trend="remove"))
    gnss = loads.remove_loads(study, heights(np.zeros(load.shape)), {"air": load})
    left = gnss.load_air.values - turn(WEEKS)[:, None]
    assert abs(np.polyfit(days[:, 0], left[:, 0], 1)[0]) < 1e-6


REFUSED = {
    "a region for the globe": ({"soil": "soil_fine.nc"}, "expected the globe; name it"),
    "another variable": ({"soil": "sp_global.nc"}, "sp"),
    "no such file": ({"soil": "nowhere.nc"}, "nowhere.nc"),
    "soil without land": ({"soil": "empty.nc"}, "empty.nc has no land"),
    "another decade": ({"soil": "old.nc"}, "old.nc"),
    "stations outside": (
        {"soil": "soil_global.nc", "soil_regional": "north.nc"},
        "soil_regional north.nc.*W000",
    ),
    "regions of other times": (
        {"soil": "soil_global.nc", "soil_regional": "late.nc"},
        "fewer than two times in common",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_grids_that_cannot_be_used_are_named(case, grids):
    write_soil(grids / "empty.nc", soil(GLOBE) * np.nan, GLOBE, WEEKS, "kg m-2")
    write_soil(
        grids / "old.nc",
        soil(GLOBE),
        GLOBE,
        WEEKS - np.timedelta64(4000, "D"),
        "kg m-2",
    )
    north = (FINE[0] + 12, FINE[1])
    write_soil(grids / "north.nc", soil(north), north, WEEKS, "kg m-2")
    write_soil(
        grids / "late.nc",
        soil(FINE),
        FINE,
        WEEKS + np.timedelta64(7 * len(WEEKS), "D"),
        "kg m-2",
    )
    settings, message = REFUSED[case]
    study = study_of(grids, loads=config.Loads(**settings))
    late = np.timedelta64(350 * (case == "regions of other times"), "D")
    time = WEEKS + late
    gnss = heights(np.zeros((len(WEEKS), 8)), time)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        loads.loads_at_stations(study, gnss, nobody)
    assert "\n" not in str(caught.value)


# The Earth


def test_water_beyond_the_distance_asked_for_does_nothing():
    gnss, grid = heights(np.zeros((3, 8)), WEEKS[:3]), sphere.regional_grid(REGION, 0.5)
    whole = np.asarray(make_design(study_of(), gnss, grid))
    near = dataclasses.replace(study_of(), earth=config.Earth("prem", "CF", 3000))
    near = dataclasses.replace(
        near, earth=dataclasses.replace(near.earth, max_distance_deg=2.0)
    )
    cut = np.asarray(make_design(near, gnss, grid))
    east = np.radians(gnss.lon.values[:, None] - grid.lon[None])
    one, two = np.radians(gnss.lat.values)[:, None], np.radians(grid.lat)[None]
    arc = np.sin(one) * np.sin(two) + np.cos(one) * np.cos(two) * np.cos(east)
    inside = np.degrees(np.arccos(np.clip(arc, -1, 1))) <= 2
    np.testing.assert_array_equal(cut, np.where(inside, whole, 0))
    assert 0 < inside.mean() < 1


# Real files


def real(data, name, **settings):
    folder = data / "loading" / "stations"
    sites = settings.pop("sites")
    return config.Study(
        gnss=config.Gnss(files=f"{name}.pos", sites=str(sites)),
        region=config.Region(boundary="none"),
        folder=str(folder),
        **settings,
    )


@pytest.mark.parametrize("name", ["AHID", "ANAT"])
def test_positions_become_the_cleaned_series_of_the_same_station(name, data, tmp_path):
    sites = tmp_path / "sites.txt"
    sites.write_text(f"{name} -111 42\n")
    steps = "ANAT.pos_break.neu" if name == "ANAT" else ""
    entries = [f"{name}.ntal", f"{name}.ntol", *([f"{name}.gia"] if not steps else [])]
    study = real(
        data,
        name,
        sites=sites,
        cleaning=config.Cleaning(outliers="3-sigma", trend="remove", steps=steps),
        loads=config.Loads(displacement=tuple(entries), displacement_units="mm"),
    )
    gnss = cleaning.clean(study, read_observations(study), nobody)
    found = loads.loads_at_stations(study, gnss, nobody)
    assert list(found) == [entry.rpartition(".")[2] for entry in entries]
    gnss = loads.remove_loads(study, gnss, found)
    reduction = loads.load_scores(gnss)["wrms_reduction_percent"][name]
    assert reduction["ntal"] > 0.5
    assert reduction["total"] > 0
    if name == "ANAT":
        assert gnss.attrs["steps"] == 4
        return
    table = np.loadtxt(data / "loading" / "stations" / "ahid.up")
    day = np.array([f"{d:.0f}" for d in table[:, 0]])
    day = np.array([f"{d[:4]}-{d[4:6]}-{d[6:]}" for d in day], "M8[ns]")
    given = xr.DataArray(1000 * table[:, 1], {"time": day}, "time")
    ours, theirs = xr.align(gnss.up[:, 0].dropna("time"), given)
    assert len(ours) > 5200
    assert np.corrcoef(ours, theirs)[0, 1] > 0.999
    assert abs(ours - theirs).max() < 0.3


def test_air_and_sea_lower_the_scatter_of_p144_as_they_should(data):
    folder = data / "loading" / "stations"
    table = np.genfromtxt(
        folder / "P144_UNR.txt", delimiter=",", dtype=None, names=True, encoding=None
    )
    seen = np.isfinite(table["vertical"])
    day = np.array(table["Date"], "M8[D]")[seen]
    up = table["vertical"][seen][:, None]
    gnss = heights(up, day).assign_coords(station=["P144"])
    settings = config.Loads(
        displacement=("combo: combo21.P144.txt",), displacement_units="m"
    )
    study = study_of(folder, loads=settings)
    found = loads.loads_at_stations(study, gnss, nobody)
    gnss = loads.remove_loads(study, gnss, found)
    both = np.isfinite(gnss.up.values[:, 0])
    clock = (day - day[0]).astype(float)[both]

    def scatter(values):
        values = values[both, 0]
        return (values - np.polyval(np.polyfit(clock, values, 1), clock)).std()

    assert scatter(up) == pytest.approx(7.73, abs=0.01)
    assert scatter(gnss.up.values) == pytest.approx(7.66, abs=0.01)


# A whole study


@pytest.fixture(scope="module")
def world(grids, tmp_path_factory):
    """Heights of loads and of groundwater that is known, and what else saw it."""
    folder = tmp_path_factory.mktemp("world")
    for path in grids.iterdir():
        (folder / path.name).symlink_to(path)
    outline = shapely.geometry.mapping(REGION)
    (folder / "region.geojson").write_text(json.dumps(outline))
    (folder / "west.txt").write_text(
        "97.5 23\n99.5 23\n99.5 27.5\n97.5 27.5\n97.5 23\n"
    )
    level = 150 * turn(DAYS, 4.5)
    gnss = heights(np.zeros((len(WEEKS), 8)))
    moved = loads.loads_at_stations(study_of(grids, loads=LOADS), gnss, nobody)
    total = sum(moved.values())
    grid = sphere.regional_grid(REGION, 0.5, 0.5)
    love = earth.load_love_numbers("prem", "CF", 3000)
    kernel = earth.disc_kernel(love, radius=grid.cell_radius)
    design = np.asarray(earth.design_matrix(kernel, gnss, grid))
    up = level[:, None] * design.sum(axis=1) + np.repeat(total, 7, axis=0)
    up += np.random.default_rng(4).normal(size=up.shape)
    io.write_up(heights(up, DAYS), folder / "gnss")
    months = np.arange("2018-01", "2020-01", dtype="M8[M]")
    days = months.astype("M8[D]") + np.timedelta64(15, "D")
    late = (
        150
        * turn(days - np.timedelta64(61, "D"), 4.5)[:, None, None]
        * np.ones((1, 13, 13))
    )
    water = late + 90 * turn(days, 3.8)[:, None, None] * waves(FINE, 1.2)
    field = (("time", "lat", "lon"), water / 10, {"units": "cm"})
    coords = {"time": days.astype("M8[ns]"), "lat": FINE[0], "lon": FINE[1]}
    xr.Dataset({"lwe_thickness": field}, coords).to_netcdf(folder / "grace.nc")
    rows = [f"A,{d},99.4,25.3,{5 - v / 50:.3f}" for d, v in zip(DAYS, level)]
    text = "\n".join(["well,date,lon,lat,depth", *rows])
    (folder / "wells.csv").write_text(text + "\n")
    return folder, level


def groundwater_study(folder):
    return dataclasses.replace(
        study_of(folder),
        title="a small groundwater study",
        cleaning=config.Cleaning(trend="remove", average="weekly", reconstruct=4),
        loads=LOADS,
        inversion=config.Inversion(prior="identity", beta=0.003),
        evaluation=config.Evaluation(regions=("west.txt",)),
        groundwater=config.Groundwater(
            grace="grace.nc", wells="wells.csv", precipitation="precip_fine.nc"
        ),
    )


@pytest.fixture(scope="module")
def result(world, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    heard = []
    study = groundwater_study(world[0])
    pipeline.run(study, out, lambda stage, share: heard.append((stage, share)))
    return out, json.loads((out / "summary.json").read_text()), heard


@pytest.mark.slow
@needs_checker
def test_files_of_groundwater_follow_the_conventions(result, tmp_path):
    files = list(result[0].glob("*.nc"))
    assert "groundwater.nc" in {path.name for path in files}
    assert complaints_of(files, tmp_path) == {}


@pytest.mark.slow
def test_groundwater_is_found_and_called_what_it_is(world, result):
    out, summary, heard = result
    stages = list(dict.fromkeys(stage for stage, _ in heard))
    assert stages[:7] == [
        "checksums_of_inputs",
        "reading",
        "screening",
        "cleaning",
        "checks_of_heights",
        "known_loads",
        "reading_references",
    ]
    # The first comes before a study is computed, the others after it.
    expected = stages_of_study(groundwater_study(world[0]))
    assert stages[1:-3] == expected
    log = (out / "run.log").read_text()
    for number, stage in enumerate(stages, 1):
        words = stage.replace("_", " ")
        assert f"stage {number} of {len(stages)}: {words}," in log
    assert log.endswith("finished\n")
    with xr.open_dataset(out / "twsa.nc") as water:
        assert "twsa" not in water
        assert (
            water.gwsa.attrs["long_name"]
            == "groundwater storage anomaly as equivalent water height"
        )
        assert "standard_name" not in water.gwsa.attrs
    with xr.open_dataset(out / "groundwater.nc") as beside:
        beside.load()
    truth = world[1].reshape(-1, 7).mean(axis=1)
    for index, name in enumerate(NAMES):
        values = beside.gwsa.values[:, index]
        assert np.corrcoef(values, truth)[0, 1] > 0.95
        statistics = summary["station_statistics"][name]
        assert statistics["max"] == pytest.approx(values.max(), rel=1e-5)
        assert statistics["sd"] == pytest.approx(values.std(ddof=1), rel=1e-5)
        assert summary["wrms_reduction_percent"][name]["total"] > 0
    figures = {"loads", "gwsa_maps", "drought", "grace", "wells"}
    assert figures < {path.stem for path in out.glob("*.png")}


@pytest.mark.slow
def test_stations_keep_the_loads_and_the_cleaned_heights(result):
    with xr.open_dataset(result[0] / "stations.nc") as stations:
        left = stations.up_cleaned - stations.load_total
        np.testing.assert_allclose(stations.up, left, atol=1e-4)
        names = ("atmosphere", "soil", "ocean")
        total = sum(stations[f"load_{name}"] for name in names)
        np.testing.assert_allclose(stations.load_total, total, atol=1e-4)
        # Bounds have those of what they bound, and a datum has none.
        words = {"suspect", "status", "reason", "time_bnds", "crs"}
        for name, array in stations.drop_vars(words).data_vars.items():
            assert {"units", "long_name"} <= set(array.attrs), name


@pytest.mark.slow
def test_gravity_follows_by_two_months_and_wells_agree(result):
    summary = result[1]
    for name in NAMES:
        lag = summary["lag_months"][name]
        assert lag["months"] == 2
        assert lag["after"] > 0.95 > lag["before"]
    well = summary["wells"]["A"]
    assert well["correlation"] > 0.95
    assert well["well_sd_mm"] == pytest.approx(150 / np.sqrt(2), rel=0.05)
    assert set(summary["precipitation"]) == {"region", "west"}


@pytest.mark.slow
def test_drought_is_the_anomaly_of_a_month_in_deviations(result):
    out, summary, _ = result
    with xr.open_dataset(out / "groundwater.nc") as beside:
        values = beside.gwsa_region.sel(region="west").values.astype(float)
    for month, found in summary["dsi"]["west"].items():
        row = int(month[:4]) % 2018 * 12 + int(month[5:]) - 1
        same = values[row % 12 :: 12]
        expected = (values[row] - same.mean()) / same.std()
        assert found["dsi"] == pytest.approx(expected, abs=1e-3)
        # Of two years one is a deviation below their mean, the other above.
        assert found["class"] == ("mild" if expected < 0 else "none")
    assert len(summary["dsi"]["west"]) == 24


WRONG = {
    "grace elsewhere": (
        {"grace": "far.nc"},
        "groundwater.grace far.nc: .*W000",
    ),
    "grace of another time": ({"grace": "old.nc"}, "groundwater.grace old.nc: .* time"),
    "wells of nowhere": ({"wells": "bare.csv"}, "bare.csv does not say where"),
    "rain elsewhere": ({"precipitation": "dry.nc"}, "groundwater.precipitation dry.nc"),
    "rain of unknown hours": (
        {"precipitation": "amount.nc"},
        "groundwater.precipitation amount.nc: .* or by precipitation_hours beside",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_compared_is_said_before_the_inversion(case, world):
    folder = world[0]
    with xr.open_dataset(folder / "grace.nc") as grace:
        grace.assign_coords(lon=grace.lon + 40).to_netcdf(folder / "far.nc")
        time = grace.time - np.timedelta64(4000, "D")
        grace.assign_coords(time=time).to_netcdf(folder / "old.nc")
    (folder / "bare.csv").write_text(
        "well,date,depth\nA,2018-02-01,3\nA,2018-02-02,4\n"
    )
    axes = (FINE[0] - 60, FINE[1])
    write(folder, "precip", np.ones((len(WEEKS), 13, 13)), axes, units="mm/day")
    (folder / "precip.nc").rename(folder / "dry.nc")
    write(folder, "precip", np.ones((len(WEEKS), 13, 13)), FINE, units="mm")
    (folder / "precip.nc").rename(folder / "amount.nc")
    settings, message = WRONG[case]
    study = dataclasses.replace(
        groundwater_study(folder),
        loads=config.Loads(soil="soil_global.nc"),
        groundwater=config.Groundwater(**settings),
    )
    heard = []
    with pytest.raises(ValueError, match=message):
        pipeline.run(study, watch=lambda *progress: heard.append(progress))
    assert "choice_of_beta" not in {stage for stage, _ in heard}

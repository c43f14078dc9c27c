"""Cells without a station, filled from files; each step against plain NumPy."""

import dataclasses
import functools
import json
import shutil

import jax.numpy as jnp
import numpy as np
import pytest
import shapely
import xarray as xr
from compliance import complaints_of, needs_checker

from jaxload import cli, config, description, io, pipeline, sphere
from jaxload.gapfill.joint import joint_model
from jaxload.gapfill.networks import ensemble
from jaxload.gapfill.published import mllim
from jaxload.pipeline.estimation.hyperparameters import Choice
from jaxload.pipeline.estimation.network_noise import UnsuitableRecord
from jaxload.pipeline.estimation.problem import make_model
from jaxload.pipeline.estimation.solution import estimate
from jaxload.pipeline.estimation.uncertainty import Errors
from jaxload.pipeline.evaluate.products import BY_STATIONS_ONLY
from jaxload.pipeline.evaluate.references import with_references
from jaxload.pipeline.fill import joint, training
from jaxload.pipeline.fill.ensemble_posterior import (
    CalibratedPrior,
    EnsembleEstimate,
    PriorMeanEnsemble,
    VirtualDataEnsemble,
    solve_about_mean,
    total_uncertainty,
)
from jaxload.pipeline.fill.features import network_features, weather_raster
from jaxload.pipeline.fill.network_posterior import MeanInversion
from jaxload.pipeline.fill.observed_means import first_weights, read_study_means
from jaxload.pipeline.fill.station_models import fill
from jaxload.pipeline.fill.training import (
    JointTraining,
    initial_hyperparameters,
    make_folds,
)
from jaxload.pipeline.inputs.observations import make_design, read_observations
from jaxload.pipeline.inputs.study_area import read_study_area
from jaxload.pipeline.inputs.virtual_stations import (
    append_virtual_stations,
    as_virtual_stations,
    cells_without_station,
    is_virtual,
)
from jaxload.pipeline.inputs.weather import WeatherPlaces, read_weather
from jaxload.pipeline.prepare import loads
from jaxload.pipeline.report.datasets import about_of_study
from jaxload.pipeline.report.file_labels import labelled_for_file

pytest.importorskip("netCDF4")
pytest.importorskip("sklearn")

REGION = shapely.box(97.2, 23.2, 101.8, 26.8)
DAYS = np.arange("2018-01-03", "2018-12-28", dtype="M8[D]")
LON = np.array([97.6, 98.4, 98.8, 97.9, 99.3, 99.7, 98.2, 100.4])
LAT = np.array([23.7, 23.5, 24.6, 25.4, 24.2, 26.3, 26.6, 25.2])
MIDDLE = DAYS - DAYS.astype("M8[M]").astype("M8[D]") == np.timedelta64(14, "D")
WELL = (99.75, 24.75)
NAMES = [f"S{n:03}" for n in range(len(LON))]
AXES = (np.arange(20.5, 30), np.arange(94.5, 105))
EARTH = config.Earth(max_degree=3000)
DIMS = ("time", "station")


def ignore(share):
    del share


def turn(time, phase=0.0):
    days = (time - np.datetime64("2018-01-01")).astype(float)
    return np.cos(2 * np.pi * days / 365.2425 - phase)


@pytest.fixture(scope="module")
def memory():
    return weather_memory()


def weather_memory():
    """What the weather of two places remembers, each of unit variance, (day, 2)."""
    rng = np.random.default_rng(4)
    found = []
    for noise in rng.normal(size=(2, len(DAYS) + 90)):
        smooth = np.convolve(noise, np.exp(-np.arange(60) / 8), mode="same")
        found.append(smooth[45 : 45 + len(DAYS)] / smooth.std())
    return np.stack(found, axis=1)


def temperature(memory, lon, lat):
    """Linear in position at every moment, shape (day, place)."""
    level = 285 + 0.5 * (lon - 99) - 0.8 * (lat - 25)
    season = 8 * turn(DAYS, 3.5) + 2 * memory[:, 0]
    return level[None] + season[:, None] + np.outer(memory[:, 1], lat - 25)


def pressure(memory, lon, lat):
    level = 82_000 - 900 * (lon - 99) + 300 * (lat - 25)
    season = 400 * turn(DAYS, 0.2) - 150 * memory[:, 0]
    return level[None] + season[:, None] - 60 * np.outer(memory[:, 1], lon - 99)


def write_grid(path, values, units, time=DAYS, name=None):
    shape = (len(time), *(len(axis) for axis in AXES))
    name = name or {"K": "Tair_f_tavg", "Pa": "sp", "mm": "TWS_tavg"}[units]
    coords = {"time": time.astype("M8[ns]"), "lat": AXES[0], "lon": AXES[1]}
    array = (("time", "lat", "lon"), values.reshape(shape), {"units": units})
    xr.Dataset({name: array}, coords).to_netcdf(path)


def raster():
    lon, lat = np.meshgrid(AXES[1], AXES[0])
    return lon.ravel(), lat.ravel()


def table(values, names, time):
    coords = {
        "time": time.astype("M8[ns]"),
        "station": names,
        "lon": ("station", LON),
        "lat": ("station", LAT),
        "height": ("station", np.zeros(len(LON))),
    }
    data = {"up": (DIMS, values), "up_sigma": (DIMS, np.full(values.shape, 2.0))}
    return io.label_dataset(xr.Dataset(data, coords))


def write_wells(path, water):
    """Water tables that follow the water: of two wells inside, and of one far away."""
    lines = ["well,lon,lat,date,level,specific_yield"]
    for name, lon, lat in (("A", *WELL), ("B", *WELL), ("far", 60.0, 60.0)):
        for day, height in zip(DAYS[MIDDLE], water[MIDDLE]):
            if name != "B" or str(day) >= "2018-03":
                lines.append(f"{name},{lon},{lat},{day},{height / 100:.4f},0.1")
    path.write_text("\n".join(lines) + "\n")


def write_loading(folder, names, scale):
    folder.mkdir()
    for number, name in enumerate(names):
        values = scale * (1 + 0.1 * number) * turn(DAYS, 1.0) / 1000
        lines = [f"{v:.8f},,,{day}" for v, day in zip(values, DAYS)]
        text = "\n".join(["vertical,north,east,Date", *lines])
        (folder / f"NTAL.{name}.txt").write_text(text + "\n")


def expected_cells():
    """Names and centres of the cells of one degree without a station."""
    found = []
    centres = [
        (lon, lat) for lat in np.arange(23.5, 27) for lon in np.arange(97.5, 102)
    ]
    for number, (lon, lat) in enumerate(centres):
        inside = (np.floor(LON) == np.floor(lon)) & (np.floor(LAT) == np.floor(lat))
        if not inside.any():
            found.append((f"G{number + 1:03}", lon, lat))
    return found


@pytest.fixture(scope="module")
def data(tmp_path_factory, memory):
    return write_data(tmp_path_factory.mktemp("data"), memory)


def write_data(folder, memory):
    """Weather, water that follows it, heights that follow the water, and gravity."""
    lon, lat = raster()
    write_grid(folder / "t.nc", temperature(memory, lon, lat), "K")
    write_grid(folder / "p.nc", pressure(memory, lon, lat), "Pa")
    outline = json.dumps(shapely.geometry.mapping(REGION))
    (folder / "region.geojson").write_text(outline)
    water = 80 * turn(DAYS, 4.2) + 30 * memory[:, 0]
    storage = water[:, None] * (1 + 0.1 * (lat - 25))[None]
    write_grid(folder / "tws.nc", storage + 600, "mm")
    months = np.unique(DAYS.astype("M8[M]"))
    monthly = [storage[DAYS.astype("M8[M]") == month].mean(axis=0) for month in months]
    middle = months.astype("M8[D]") + np.timedelta64(15, "D")
    for name, more in (("csr", 5.0), ("jpl", -1.0)):
        given = (np.stack(monthly) + more, "mm", middle, "lwe_thickness")
        write_grid(folder / f"{name}.nc", *given)
    study = study_in(folder)
    places = table(np.zeros((len(DAYS), len(LON))), NAMES, DAYS)
    grid = sphere.regional_grid(REGION, 0.5, 0.5)
    design = np.asarray(make_design(study, places, grid))
    rng = np.random.default_rng(1)
    up = water[:, None] * (1 + 0.1 * (grid.lat - 25))[None] @ design.T
    up += rng.normal(size=up.shape) + turn(DAYS, 1.0)[:, None]
    up[30:60, 2] = np.nan
    up -= np.nanmean(up, axis=0)
    io.write_up(table(up, NAMES, DAYS), folder / "gnss")
    write_wells(folder / "wells.csv", water)
    write_loading(folder / "stations", NAMES, 1.0)
    write_loading(folder / "cells", [name for name, _, _ in expected_cells()], 2.0)
    return folder


def study_in(folder, method="mllim", **filling):
    return config.Study(
        gnss=config.Gnss(files="gnss/*.up"),
        region=config.Region(boundary="region.geojson", spacing=0.5, buffer=0.5),
        title="a small world",
        earth=EARTH,
        weather=config.Weather(temperature="t.nc", pressure="p.nc"),
        gapfill=config.Gapfill(method=method, trees=5, **filling),
        inversion=config.Inversion(beta=0.02, errors="regions"),
        evaluation=config.Evaluation(grace=("csr.nc", "jpl.nc"), land_model="tws.nc"),
        folder=str(folder),
    )


def changed(study, **tables):
    """The study with settings of some of its tables changed."""
    new = {
        name: dataclasses.replace(getattr(study, name), **settings)
        for name, settings in tables.items()
    }
    return dataclasses.replace(study, **new)


@pytest.fixture(scope="module")
def study(data):
    given = study_in(data, virtual_station_loads=("cells/NTAL.*.txt",))
    stations = config.Loads(
        displacement=("stations/NTAL.*.txt",), displacement_units="m"
    )
    return dataclasses.replace(given, loads=stations)


@pytest.fixture(scope="module")
def gnss(study):
    return read_observations(study)


@pytest.fixture(scope="module")
def cells(study, gnss):
    return cells_without_station(study, REGION, gnss)


@pytest.fixture(scope="module")
def rows(study, gnss, cells):
    filled = fill(study, gnss, cells, None, ignore)
    return append_virtual_stations(gnss, filled.rows), filled


# Cells and their weather


def test_cells_without_a_station_are_counted_over_all_cells(cells):
    names, lon, lat = zip(*expected_cells())
    assert cells.station.values.tolist() == list(names)
    np.testing.assert_allclose(cells.lon, lon)
    np.testing.assert_allclose(cells.lat, lat)
    assert len(names) == 20 - 8


def test_a_region_full_of_stations_is_not_filled(study, gnss):
    outline = shapely.box(98.1, 24.1, 98.9, 24.9)
    with pytest.raises(ValueError, match="stands in each of 1 cells of 1 degrees"):
        cells_without_station(study, outline, gnss)


def test_a_station_called_as_a_cell_is_refused(gnss, cells):
    shape = (gnss.sizes["time"], cells.sizes["station"])
    filled = as_virtual_stations(cells, gnss, np.zeros(shape), np.ones(shape[1]))
    named = gnss.assign_coords(station=[str(cells.station.values[0]), *NAMES[1:]])
    with pytest.raises(ValueError, match="has the name of a cell"):
        append_virtual_stations(named, filled)


PLACES = WeatherPlaces(["A", "B"], np.array([97.62, 100.9]), np.array([23.41, 26.2]))


def test_weather_is_read_between_nodes_and_averaged_over_weeks(study, gnss, memory):
    start = DAYS[35:280:7].astype("M8[ns]")
    bounds = np.stack([start, start + np.timedelta64(7, "D")], axis=1)
    weekly = gnss.isel(time=slice(35, 280, 7))
    weekly = weekly.assign(time_bnds=(("time", "bnds"), bounds))
    found = read_weather(study, PLACES, weekly)
    for name, field in (("temperature", temperature), ("pressure", pressure)):
        exact = field(memory, PLACES.lon, PLACES.lat)
        means = exact[35:280].reshape(35, 7, 2).mean(axis=1)
        np.testing.assert_allclose(found.variables[name], means, rtol=2e-5)
    daily = read_weather(study, PLACES, gnss).variables["temperature"]
    exact = temperature(memory, PLACES.lon, PLACES.lat)
    np.testing.assert_allclose(daily, exact, rtol=2e-5)


def test_large_weather_is_read_some_entries_at_a_time(study, gnss, monkeypatch):
    pytest.importorskip("dask")
    whole = read_weather(study, PLACES, gnss)
    monkeypatch.setattr("jaxload.pipeline.inputs.weather_files.LARGE_FILES", 1000)
    monkeypatch.setattr("jaxload.io.grids.open.PIECE", 10_000)
    entries, sample = [], io.sample_grid

    def noted(grid, *arguments, **keywords):
        entries.append(max(grid[grid.attrs["quantity"]].chunks[0]))
        return sample(grid, *arguments, **keywords)

    monkeypatch.setattr(io, "sample_grid", noted)
    pieces = read_weather(study, PLACES, gnss)
    np.testing.assert_array_equal(
        pieces.variables["temperature"], whole.variables["temperature"]
    )
    np.testing.assert_array_equal(
        pieces.variables["pressure"], whole.variables["pressure"]
    )
    assert len(entries) >= 2
    assert max(entries) < 30 < len(gnss.time)


def test_amounts_of_rain_need_the_hours_in_which_they_gathered(study, gnss, data):
    lon, _ = raster()
    rain = np.broadcast_to(0.001 * (lon - 90), (len(DAYS), len(lon)))
    coords = {"time": DAYS.astype("M8[ns]"), "lat": AXES[0], "lon": AXES[1]}
    shape = (len(DAYS), len(AXES[0]), len(AXES[1]))
    total = (tuple(coords), rain.reshape(shape), {"units": "m"})
    xr.Dataset({"tp": total}, coords).to_netcdf(data / "tp.nc")
    rainy = changed(study, weather={"precipitation": "tp.nc"})
    said = "weather.precipitation tp.nc: .* is an amount.* by precipitation_hours"
    with pytest.raises(ValueError, match=said):
        read_weather(rainy, PLACES, gnss)
    rainy = changed(rainy, weather={"precipitation_hours": 1.0})
    found = read_weather(rainy, PLACES, gnss).variables["precipitation"]
    exact = np.broadcast_to(24 * (PLACES.lon - 90), found.shape)
    np.testing.assert_allclose(found, exact, rtol=1e-5)
    with pytest.raises(ValueError, match=r"weather.precipitation_hours is -1"):
        changed(rainy, weather={"precipitation_hours": -1.0})
    table = config.GridSource("tp.nc", span="1 hour")
    named = changed(study, weather={"precipitation": table})
    again = read_weather(named, PLACES, gnss).variables["precipitation"]
    np.testing.assert_array_equal(again, found)


def test_a_table_states_what_a_grid_does_not(study, gnss, data):
    plain = read_weather(study, PLACES, gnss)
    with xr.open_dataset(data / "p.nc") as source:
        source = source.load()
    (name,) = source.data_vars
    bare = (source[name] / 100).rename("p").drop_attrs(deep=False)
    bare[:, 0, 0] = -999.0
    bare["time"] = (bare.time.values - np.datetime64("2000-01-01")) / np.timedelta64(
        1, "D"
    )
    bare.to_netcdf(data / "bare.nc")
    table = config.GridSource(
        "bare.nc", "p", "hPa", "days since 2000-01-01", fill=-999.0
    )
    named = changed(study, weather={"pressure": table})
    np.testing.assert_allclose(
        read_weather(named, PLACES, gnss).variables["pressure"],
        plain.variables["pressure"],
        rtol=1e-6,
    )
    wrong = changed(study, weather={"pressure": dataclasses.replace(table, span="9 h")})
    with pytest.raises(ValueError, match=r"weather.pressure bare.nc: span is '9 h'"):
        read_weather(wrong, PLACES, gnss)
    for absent, words in (("units", "state them by units = "), ("time_units", "state")):
        less = dataclasses.replace(table, **{absent: ""})
        poor = changed(study, weather={"pressure": less})
        said = rf"weather.pressure bare.nc: .*{words}.*in a study: {{ files"
        with pytest.raises(ValueError, match=said):
            read_weather(poor, PLACES, gnss)


def broken(kind, memory):
    lon, lat = raster()
    values, days = temperature(memory, lon, lat), DAYS
    if kind == "a gap":
        values[100:115] = np.nan
    elif kind == "an early end":
        values, days = values[:300], DAYS[:300]
    elif kind == "the sea":
        values[:, lon < 99] = np.nan
    return values, "K", days


BROKEN = {
    "a gap": r"t.nc: has no data at 15 of 359 epochs of the heights at A \(97.62 E, "
    r"23.41 N\), from 2018-04-13 to 2018-04-27 \(2 such places of 2\)",
    "an early end": "no data at 59 of 359 epochs .* from 2018-10-30 to 2018-12-27",
    "the sea": r"no data at 359 of 359 epochs .* at A .*\(1 such places of 2\)",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_weather_with_gaps_is_refused(kind, study, gnss, memory, tmp_path):
    write_grid(tmp_path / "t.nc", *broken(kind, memory))
    weather = {"temperature": str(tmp_path / "t.nc")}
    with pytest.raises(ValueError, match=f"weather.temperature .*{BROKEN[kind]}"):
        read_weather(changed(study, weather=weather), PLACES, gnss)


def test_forests_learn_from_variables_by_any_name(study, gnss, cells, rows):
    """The pressure of the world under another name makes the same cells."""
    _, before = rows
    other = {"weight": config.WeatherVariable("p.nc", quantity="pressure")}
    weather = config.Weather(temperature="t.nc", other=other)
    found = fill(dataclasses.replace(study, weather=weather), gnss, cells, None, ignore)
    np.testing.assert_array_equal(found.rows.up, before.rows.up)
    assert before.summary["features"] == ["temperature", "pressure"]
    assert found.summary["features"] == ["temperature", "weight"]
    assert found.summary["weather"]["weight"]["units"] == "Pa"


def test_forests_say_that_static_fields_are_left_out(
    study, gnss, cells, rows, data, caplog
):
    _, before = rows
    axes = dict(zip(("lat", "lon"), AXES))
    heights_of_ground = xr.DataArray(np.add.outer(*AXES), axes, name="z")
    heights_of_ground.to_dataset().to_netcdf(data / "z.nc")
    hilly = changed(study, weather={"static": {"elevation": "z.nc"}})
    found = fill(hilly, gnss, cells, None, ignore)
    np.testing.assert_array_equal(found.rows.up, before.rows.up)
    assert "weather.static (elevation) is left out" in caplog.text


def test_places_at_sea_may_take_the_weather_of_the_coast(study, gnss, memory, tmp_path):
    write_grid(tmp_path / "t.nc", *broken("the sea", memory))
    weather = {"temperature": str(tmp_path / "t.nc")}
    beyond = WeatherPlaces(
        ["A", "B"], np.array([96.0, 99.5]), np.array([24.5, 24.5]), True
    )
    found = read_weather(changed(study, weather=weather), beyond, gnss).variables[
        "temperature"
    ]
    np.testing.assert_array_equal(found[:, 0], found[:, 1])


def test_weather_that_does_not_cover_a_cell_names_it(study, gnss):
    away = WeatherPlaces(
        ["S001", "G012"], np.array([99.0, 110.3]), np.array([24.0, 25.0])
    )
    with pytest.raises(ValueError, match=r"weather.temperature t.nc: .*G012 \(110.3"):
        read_weather(study, away, gnss)


# Filling


def test_forests_fill_cells_with_the_error_they_have_at_stations(
    gnss, cells, rows, memory
):
    filled = rows[1]
    lon, lat = (np.concatenate([x[n] for x in (gnss, cells)]) for n in ("lon", "lat"))
    weather = [f(memory, lon, lat) for f in (temperature, pressure)]
    scaled = [(x - x.mean(axis=0)) / x.std(axis=0) for x in weather]
    features, count = np.stack(scaled, axis=2), len(LON)
    up = gnss.up.values - np.nanmean(gnss.up.values, axis=0)
    forests = mllim.fit_forests(
        features[:, :count], up, mllim.ForestSettings(trees=5, workers=1)
    )
    # Files hold a few digits less, on which a split may turn.
    predicted = mllim.predict(forests, features[:, count:])
    assert np.corrcoef(predicted.ravel(), filled.rows.up.values.ravel())[0, 1] > 0.99
    scores = filled.summary["stations"].values()
    errors = np.array([score["rmse_mm"] for score in scores])
    np.testing.assert_allclose(filled.rows.up_sigma, np.sqrt(np.mean(errors**2)))
    assert filled.summary["cells"] == 12
    assert filled.summary["mean_pcc"] > 0.7
    assert filled.summary["article"]["share_of_pcc_above_0.5"] == 0.8421


def test_forests_by_their_own_name_fill_as_the_published_method(
    study, gnss, cells, rows
):
    named = changed(study, gapfill={"method": "virtual-stations", "model": "forest"})
    again = fill(named, gnss, cells, None, ignore)
    np.testing.assert_array_equal(again.rows.up, rows[1].rows.up)
    assert again.summary["model"] == rows[1].summary["model"] == "forest"
    assert "article" not in again.summary


def test_what_heights_are_counted_from_does_not_matter(study, gnss, cells, rows):
    other = gnss.assign(up=gnss.up + xr.DataArray(np.arange(8.0) * 100, dims="station"))
    again = fill(study, other, cells, None, ignore)
    # Rounding may turn a split.
    np.testing.assert_allclose(again.rows.up, rows[1].rows.up, atol=0.5)


def test_no_station_that_moves_with_the_weather_is_said(data, gnss, cells):
    changed_study = study_in(data, "dwlim", control_correlation=0.999)
    with pytest.raises(ValueError, match=r"above 0\.999, the largest absolute corr"):
        fill(changed_study, gnss, cells, None, ignore)


@pytest.mark.parametrize(("said", "window"), [({}, None), ({"window_epochs": 90}, 90)])
def test_networks_are_trained_in_the_windows_that_are_asked_for(
    data, gnss, cells, monkeypatch, said, window
):
    class Enough(Exception):
        pass

    def train(*given, **_):
        settings = given[2]
        assert settings.window == window
        assert settings.warm_up == 60
        raise Enough

    monkeypatch.setattr(ensemble, "train", train)
    with pytest.raises(Enough):
        fill(study_in(data, "dwlim", **said), gnss, cells, None, ignore)


def test_components_are_kept_where_results_go(data, gnss, cells, tmp_path):
    changed_study = changed(study_in(data), features={"method": "emd", "components": 3})
    fill(changed_study, gnss, cells, tmp_path, ignore)
    kept = sorted((tmp_path / "features").glob("*.npy"))
    # Places of one longitude have one pressure, but for rounding.
    assert len(LON) + 12 < len(kept) <= 2 * (len(LON) + 12)
    before = [path.stat().st_mtime_ns for path in kept]
    fill(changed_study, gnss, cells, tmp_path, ignore)
    assert [path.stat().st_mtime_ns for path in kept] == before


# Loads


def test_what_is_removed_from_stations_is_removed_from_cells(study, rows):
    given = rows[0]
    moved = loads.loads_at_stations(study, given, ignore)
    left = loads.remove_loads(study, given, moved)
    filled = is_virtual(left)
    names = [name for name, _, _ in expected_cells()]
    for scale, which in ((1.0, ~filled), (2.0, filled)):
        factor = scale * (1 + 0.1 * np.arange(which.sum()))
        load = turn(DAYS, 1.0)[:, None] * factor[None]
        removed = (given.up - left.up).values[:, which]
        there = np.isfinite(removed)
        np.testing.assert_allclose(removed[there], load[there], atol=1e-5)
    assert left.station.values[filled].tolist() == names


def test_cells_without_a_load_are_named(study, rows, tmp_path):
    write_loading(tmp_path / "cells", [n for n, _, _ in expected_cells()][1:], 2.0)
    entry = f"ntal: {tmp_path}/cells/NTAL.*.txt"
    changed_study = changed(study, gapfill={"virtual_station_loads": (entry,)})
    name, lon, _ = expected_cells()[0]
    message = (
        f"virtual_station_loads .* nothing of 1 of 12 places \\({name} at {lon:g} E"
    )
    with pytest.raises(ValueError, match=message):
        loads.loads_at_stations(changed_study, rows[0], ignore)


def test_other_loads_of_cells_than_of_stations_are_refused(study, rows):
    changed_study = changed(
        study, gapfill={"virtual_station_loads": ("ntol: cells/*.txt",)}
    )
    message = "out of stations, but gapfill.virtual_station_loads ntol out of filled"
    with pytest.raises(ValueError, match=message):
        loads.loads_at_stations(changed_study, rows[0], ignore)


# A study


@pytest.fixture(scope="module")
def out(study, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    return folder, pipeline.run(study, folder)


def test_cells_and_stations_are_inverted_as_one_network(study, out):
    folder, result = out
    grid = sphere.regional_grid(REGION, 0.5, 0.5)
    with xr.open_dataset(folder / "virtual_stations.nc") as filled:
        filled = filled.load()
    stations, used = result.stations, result.water
    everyone = xr.Dataset(
        coords={name: ("row", used[f"row_{name}"].values) for name in ("lon", "lat")}
    )
    assert used.is_virtual.values.tolist() == [0] * len(LON) + [1] * 12
    design = np.asarray(make_design(study, everyone, grid))
    up = np.concatenate([stations.up, filled.displacement], axis=1)
    sigma = used.row_sigma.values
    laplacian = grid.laplacian.toarray()
    seen = np.isfinite(up[0])
    whitened = design[seen] / sigma[seen, None]
    normal = whitened.T @ whitened + 0.02**2 * laplacian.T @ laplacian
    load = np.linalg.solve(normal, whitened.T @ (up[0, seen] / sigma[seen]))
    ours = result.water.twsa.values[0, grid.row, grid.column]
    np.testing.assert_allclose(ours, load, atol=1e-3 * abs(load).max())
    assert stations.sizes["station"] == len(LON)
    assert filled.displacement.attrs["units"] == "mm"
    assert "[gapfill]" in filled.attrs["settings"]


def test_stations_alone_are_the_study_without_gap_filling(study, out):
    plain = dataclasses.replace(study, gapfill=None)
    alone = pipeline.run(plain).regions
    ours = out[1].regions
    np.testing.assert_allclose(ours.twsa_stations_only, alone.twsa, atol=0.01)
    np.testing.assert_allclose(
        ours.twsa_stations_only_monthly, alone.twsa_monthly, atol=0.01
    )
    assert abs(ours.twsa - ours.twsa_stations_only).max() > 1


def test_water_by_stations_alone_is_a_product_beside_others(out):
    products = out[1].products
    names = ["gnss", "gnss_stations_only", "grace", "land_model"]
    assert products["product"].values.tolist() == names
    alone = products.water.sel(product="gnss_stations_only").values
    np.testing.assert_allclose(
        alone, out[1].regions.twsa_stations_only_monthly_land_model, atol=0.01
    )
    both = products.water.sel(product=["gnss", "grace"], region="region").values
    days = products.month.values.astype("M8[D]").astype(float)
    line = np.stack([np.ones(len(days)), days - days.mean()], axis=1)
    left = both - line @ np.linalg.lstsq(line, both)[0]
    found = products.pcc.sel(product="gnss", other="grace", period="all")
    np.testing.assert_allclose(
        found.sel(region="region"), np.corrcoef(left.T)[0, 1], atol=2e-4
    )


def test_what_the_filler_predicts_without_a_station_is_kept(out):
    stations, scores = out[1].stations, out[1].summary["filling"]["stations"]
    up = stations.up_cleaned if "up_cleaned" in stations else stations.up
    missed = stations.filler_prediction - (up - up.mean("time"))
    for name, rmse in zip(stations.station.values, np.sqrt((missed**2).mean("time"))):
        assert rmse == pytest.approx(scores[str(name)]["rmse_mm"], rel=1e-3)


def test_weather_and_features_are_kept_with_their_names(study, gnss, cells, memory):
    kept = dataclasses.replace(study, output=config.Output(store=("twsa", "features")))
    features = fill(kept, gnss, cells, None, ignore).features
    assert features.name.values.tolist() == ["temperature", "pressure"]
    assert features.sizes["place"] == len(LON) + 12
    lon, lat = (features[f"place_{x}"].values for x in ("lon", "lat"))
    expected = temperature(memory, lon, lat)[: features.sizes["time"]]
    np.testing.assert_allclose(features.weather_temperature, expected, atol=0.05)
    scaled = features.feature.sel(name="temperature")
    np.testing.assert_allclose(scaled.mean("time"), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std("time"), 1, atol=1e-5)
    assert fill(study, gnss, cells, None, ignore).features is None


def test_what_filling_changes_is_differences_and_percent_of_skill(out):
    summary = json.loads((out[0] / "summary.json").read_text())
    against = summary["gain_over_stations_only"]
    changes = []
    for reference in ("grace", "land_model"):
        both = against[reference]["region"]
        new, old = both["filled"], both["stations_only"]
        change = both["change_percent"]
        wanted = 100 * (new["nse"] / old["nse"] - 1) if old["nse"] > 0.1 else None
        assert change["nse"] == (wanted if wanted is None else pytest.approx(wanted))
        assert both["difference"]["pcc"] == pytest.approx(new["pcc"] - old["pcc"])
        changes.append(change["rmse_mm"])
    assert against["mean_change_percent"]["rmse_mm"] == pytest.approx(np.mean(changes))
    assert against["article_change_percent"] == {"pcc": 8.85, "r2": 7.99}
    assert summary["filling"]["cells"] == 12


def test_references_are_means_of_centres_and_of_months(out, data):
    regions = out[1].regions
    with xr.open_dataset(data / "tws.nc") as grid:
        inside = grid.TWS_tavg.sel(lon=slice(98, 101), lat=slice(24, 26))
        monthly = inside.mean(("lat", "lon")).resample(time="MS").mean()
    off = 0.02 * np.ptp(monthly.values)
    anomaly = (monthly - monthly.mean()).values
    np.testing.assert_allclose(regions.tws_land_model.values[:, 0], anomaly, atol=off)
    # Two centres, 5 and -1 mm off.
    grace = monthly.values - 600 + (5 - 1) / 2
    np.testing.assert_allclose(regions.twsa_grace.values[:, 0], grace, atol=off)


def test_a_result_tells_what_was_filled(out):
    lines = description.describe(out[0])
    assert any(line.startswith("12 cells filled (mllim)") for line in lines)
    assert any("stations alone, medians over regions: correlation" in x for x in lines)
    assert any(
        line.startswith("virtual_stations.nc: displacement, sigma") for line in lines
    )


@pytest.mark.parametrize(
    ("percents", "said"),
    [
        ((2.5, 4.0, 3.0), "WRMS falls by 3.00% (medians)"),
        ((-2.5, None, -4.5), "WRMS rises by 3.50% (medians)"),
        ((None, None), "WRMS of heights is undefined (medians)"),
    ],
)
def test_a_load_that_makes_heights_scatter_more_is_told_as_such(
    out, tmp_path, percents, said
):
    summary = json.loads((out[0] / "summary.json").read_text())
    stations = [f"S{number}" for number in range(len(percents))]
    summary["wrms_reduction_percent"] = {
        name: {"ntal": percent} for name, percent in zip(stations, percents)
    }
    summary["load_correlation"] = {name: {"ntal": 0.4} for name in stations}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    expected = f"load of ntal: correlation with heights 0.40, {said}"
    assert expected in description.describe(tmp_path)


def test_bad_weather_ends_the_program_with_one_sentence(
    study, memory, tmp_path, capsys
):
    write_grid(tmp_path / "t.nc", *broken("an early end", memory))
    changed_study = changed(study, weather={"temperature": str(tmp_path / "t.nc")})
    (tmp_path / "study.toml").write_text(config.to_toml(changed_study))
    words = ["run", str(tmp_path / "study.toml"), "--data", study.folder]
    assert cli.main([*words, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert "weather.temperature" in said[0]
    assert "Traceback" not in said[0]


# Networks trained through the inversion


def small(data, method, **filling):
    sizes = {"hidden": 3, "members": 2, "neighbourhood_km": 60.0}
    sizes |= {"steps": 20, "joint_steps": 20}
    sizes |= {"spacing": 2.0} if method == "joint-load" else {}
    changed_study = study_in(data, method, seed=2, **{**sizes, **filling})
    return changed(
        changed_study, gnss={"end": "2018-06-30"}, evaluation={"land_model": ""}
    )


@pytest.fixture(scope="module")
def water(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("joint-load")
    return folder, pipeline.run(small(data, "joint-load"), folder)


@pytest.mark.slow
@needs_checker
@pytest.mark.parametrize("system", ["mllim", "dwlim", "joint-load"])
def test_files_of_every_system_follow_the_conventions(data, request, tmp_path, system):
    if system == "dwlim":
        folder = tmp_path / "dwlim"
        some = small(data, system, control_correlation=0.5)
        pipeline.run(some, folder).close()
    else:
        fixture = {"mllim": "out", "joint-load": "water"}[system]
        folder = request.getfixturevalue(fixture)[0]
    files = list(folder.glob("*.nc"))
    wanted = "learning.nc" if system == "joint-load" else "virtual_stations.nc"
    assert wanted in {path.name for path in files}
    assert complaints_of(files, tmp_path) == {}


@pytest.mark.slow
@needs_checker
def test_the_file_of_features_follows_the_conventions(study, gnss, cells, tmp_path):
    kept = dataclasses.replace(study, output=config.Output(store=("twsa", "features")))
    features = fill(kept, gnss, cells, None, ignore).features
    about = about_of_study(study)
    io.write_dataset(labelled_for_file(features, about), tmp_path / "features.nc")
    assert complaints_of([tmp_path / "features.nc"], tmp_path) == {}


@pytest.mark.slow
def test_water_is_what_the_network_expects_and_the_heights_correct(data, water):
    result = water[1]
    grid = sphere.regional_grid(REGION, 0.5, 0.5)
    design = np.asarray(make_design(small(data, "joint-load"), result.stations, grid))
    load = result.water.twsa.values[:, grid.row, grid.column]
    predicted = load.astype(np.float64) @ design.T
    np.testing.assert_allclose(result.stations.predicted, predicted, atol=1e-4)
    learning = result.summary["learning"]
    assert result.summary["beta"] == pytest.approx(learning["trained"]["beta"])
    assert learning["trained"] != learning["initial"]
    # Errors are sized by what was held out, and no curve of weights was tried.
    assert set(learning["uncertainty_hyperparameters"]) == set(learning["trained"])
    assert learning["uncertainty_hyperparameters"] != learning["trained"]
    assert not (water[0] / "beta.png").exists()
    said = "\n".join(description.describe(water[0]))
    assert "(trained with the network)" in said
    assert "sized by the neighbourhoods that members of the network held out" in said
    # What the network alone predicts is kept: at stations that a member held out, and
    # over regions.
    alone = result.stations.filler_prediction.dropna("station", how="all")
    assert 0 < alone.sizes["station"] < result.stations.sizes["station"]
    assert "known loads were taken out" in alone.attrs["comment"]
    prior = result.regions.twsa_prior_mean
    assert prior.dims == result.regions.twsa.dims
    assert np.isfinite(prior.values).all()
    assert np.abs(prior - result.regions.twsa).max() > 0
    assert result.virtual_stations is None
    assert result.learning is not None
    assert result.learning.validation_loss.shape == (3, 2)
    assert result.learning.validation_loss_pretraining.shape == (3, 2)
    best = result.learning.validation_loss.min("step").values
    np.testing.assert_allclose(learning["score_best"], best)


@pytest.mark.slow
@pytest.mark.parametrize("suitable", [True, False])
def test_features_and_stations_alone_are_kept_under_either_noise(
    data, water, tmp_path, monkeypatch, suitable
):
    def invert(study, model, gnss, *_):
        """As the real one does, but for its noise, which needs two years."""
        if not suitable:
            raise UnsuitableRecord("too short")
        alone = estimate(study, model, gnss.time.values, 0.02)
        choice = Choice(0.02, "spectra", "mm", [])
        return MeanInversion(alone, choice, Errors("none"), {"noise": {}})

    monkeypatch.setattr(joint, "invert_about_mean", invert)
    study = changed(
        small(data, "joint-load"),
        gapfill={"checkpoints": str(tmp_path / "kept")},
        inversion={"beta": "choose", "errors": "none"},
        output={"store": ("twsa", "regions", "features")},
    )
    assert config.allows_network_noise(study)
    shutil.copytree(water[0] / "checkpoints", tmp_path / "kept")
    result = pipeline.run(study)
    assert result.features is not None
    assert "weather_temperature" in result.features
    assert result.products is not None
    assert BY_STATIONS_ONLY in result.products["product"].values


@pytest.mark.slow
def test_scores_against_what_taught_are_said_to_flatter(water, tmp_path):
    folder = shutil.copytree(water[0], tmp_path / "taught")
    summary = json.loads((folder / "summary.json").read_text())
    assert "flatter" not in "\n".join(description.describe(folder))
    summary["learning"]["gravity_rows"] = 1
    (folder / "summary.json").write_text(json.dumps(summary))
    assert "scores against it flatter" in "\n".join(description.describe(folder))


@pytest.mark.slow
def test_a_training_is_taken_up_where_it_stopped(data, water):
    folder, before = water
    # As if the program had ended before the last look.
    shutil.rmtree(folder / "checkpoints" / "jointly" / "20")
    study = changed(small(data, "joint-load"), inversion={"errors": "none"})
    again = pipeline.run(study, folder)
    np.testing.assert_array_equal(again.water.twsa, before.water.twsa)
    # Nobody asked how sure it is.
    assert "twsa_sd" not in again.water
    assert "uncertainty_hyperparameters" not in again.summary["learning"]
    assert (folder / "checkpoints" / "jointly" / "20").is_dir()
    other = small(data, "joint-load", hidden=4)
    with pytest.raises(ValueError, match="holds checkpoints of another model"):
        pipeline.run(other, folder)


@pytest.mark.slow
@pytest.mark.thorough
def test_large_studies_are_trained_in_segments(data, water, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "MAX_STATE_BYTES", 0)
    study = changed(small(data, "joint-load"), inversion={"errors": "none"})
    found, whole = pipeline.run(study, tmp_path).water.twsa, water[1].water.twsa
    np.testing.assert_allclose(found, whole, atol=1e-3 * float(abs(whole).max()))


@pytest.mark.slow
@pytest.mark.thorough
def test_networks_of_stations_weigh_their_errors_as_their_predictions(data, tmp_path):
    result = pipeline.run(small(data, "dwlim", control_correlation=0.5), tmp_path)
    assert (tmp_path / "learning.png").is_file()
    summary, filled = result.summary["filling"], result.virtual_stations
    assert filled is not None
    assert result.learning is not None
    controls = summary["control_stations"]
    assert 2 <= len(controls) == result.learning.sizes["member"]
    which = [NAMES.index(name) for name in controls]
    errors = np.array([summary["stations"][name]["rmse_mm"] for name in controls])
    for number, (lon, lat) in enumerate(zip(filled.lon.values, filled.lat.values)):
        weight = 1 / np.asarray(
            sphere.angular_distance(lon, lat, LON[which], LAT[which])
        )
        expected = np.sqrt(weight @ errors**2 / weight.sum())
        np.testing.assert_allclose(filled.sigma[0, number], expected, rtol=1e-4)


@pytest.mark.slow
def test_a_network_fills_cells_through_the_inversion(data, tmp_path):
    footprints = config.Gravimetry("csr.nc", footprint_deg=2.0)
    study = small(data, "joint-displacement")
    study = changed(study, inversion={"grace": footprints})
    result = pipeline.run(study, tmp_path)
    files = {path.name for path in tmp_path.iterdir()}
    assert {
        "virtual_stations.nc",
        "learning.nc",
        "learning.png",
        "checkpoints",
    } <= files
    filled = result.virtual_stations
    assert filled is not None
    assert filled.displacement.shape == (179, 12)
    np.testing.assert_allclose(filled.displacement.mean("time"), 0, atol=1e-9)
    np.testing.assert_allclose(
        filled.sigma[0], result.water.row_sigma[len(LON) :], rtol=1e-6
    )
    assert "grace" in result.summary["gain_over_stations_only"]
    lines = description.describe(tmp_path)
    for start in ("12 cells filled", "2 networks trained"):
        assert any(line.startswith(f"{start} (joint-displacement)") for line in lines)
    learning = result.summary["learning"]
    assert learning["gravity_rows"] == learning["observed_means"]["gravity"]["means"]
    assert learning["observed_means"]["weights"]["error_factor"] > 0
    # How sure one may be of filled cells is found beside the other numbers.
    assert set(learning["uncertainty_hyperparameters"]) == {
        *learning["trained"],
        "filled",
    }
    assert learning["uncertainty_hyperparameters"]["filled"] != 1
    assert (result.regions.twsa_sd > 0).all()


@pytest.mark.slow
def test_water_is_learned_from_gravity_too(data, water, tmp_path):
    more = {"grace": "csr.nc", "grace_sigma": 0.1, "wells": "wells.csv"}
    result = pipeline.run(small(data, "joint-load", **more), tmp_path)
    learning = result.summary["learning"]
    assert (learning["gravity_rows"], learning["well_rows"]) == (1, 2)
    assert learning["observed_means"]["gravity"]["months"] == 6
    assert result.stations.sizes["station"] == len(LON)
    # A mean that is nearly certain is followed, each from its own level.
    like = []
    for one in (water[1], result):
        both = [
            x.values.squeeze()
            for x in (one.regions.twsa_monthly, one.regions.twsa_grace)
        ]
        seen = np.isfinite(np.sum(both, axis=0))
        like.append(np.corrcoef(*(x[seen] for x in both))[0, 1])
    assert like[0] < 0.99 < 0.999 < like[1]


# Their parts


def posterior(design, covariance, noise, beta, up, mean):
    """Prior mean, corrected by what an epoch observes, written out in full."""
    seen = np.isfinite(up)
    own = design[seen]
    data = own @ covariance @ own.T / beta**2 + noise[np.ix_(seen, seen)]
    gain = covariance @ own.T / beta**2 @ np.linalg.inv(data)
    return mean + gain @ (up - design @ mean)[seen], covariance / beta**2 - gain @ (
        own @ covariance / beta**2
    )


def test_members_are_corrected_each_and_their_spread_joins_the_error(data, gnss, rng):
    study = study_in(data, "joint-load", spacing=2.0)
    ground, gnss = read_study_area(study), gnss.isel(time=slice(28, 33))
    model, grid = make_model(study, gnss, ground.grid), ground.grid
    raster = weather_raster(study, grid)
    axes = (raster.lon_axis, raster.lat_axis, grid.lon, grid.lat)
    to_cells = sphere.linear_weights(*axes)
    design = np.asarray(model.problem.design)
    means = 50 * rng.normal(size=(3, 5, len(raster.lon)))
    expected = PriorMeanEnsemble(means, to_cells, design @ to_cells)
    folds = make_folds(study, gnss, len(LON))[0]
    features = np.zeros((5, len(raster.lon), 1))
    sigma = np.asarray(model.noise.sigma)
    given = (model.problem, model.up, sigma, features, folds)
    training_data = joint_model.make_training_data(*given, moved=expected.moved)
    numbers = joint_model.Hyperparameters(*jnp.log(jnp.array([0.03, 1.5, 2.0])))
    trained = JointTraining(None, numbers, xr.Dataset(), {})  # pyright: ignore[reportArgumentType]
    found, _ = solve_about_mean(training_data, trained, expected)
    beta = float(jnp.exp(numbers.log_beta))
    done, weights = EnsembleEstimate(found, beta, expected), ground.basins.weights
    # Errors have another noise and prior than the water.
    sure = joint_model.Hyperparameters(*jnp.log(jnp.array([0.02, 1.8, 1.0])))
    calibrated = CalibratedPrior(joint_model.noise_of(training_data, sure), 0.02)
    errors = total_uncertainty(study, model, done, calibrated, weights)
    covariance = np.linalg.inv((grid.laplacian.T @ grid.laplacian).toarray())
    noise = np.diag((1.5 * sigma) ** 2) + 2.0**2
    for epoch in range(5):
        solve = functools.partial(
            posterior, design, covariance, noise, 0.03, model.up[epoch]
        )
        loads = [solve(to_cells @ one[epoch])[0] for one in means]
        water = np.mean(loads, axis=0)
        np.testing.assert_allclose(found.solution.load[epoch], water, atol=1e-6)
        errs = np.diag((1.8 * sigma) ** 2) + 1.0
        given = (design, covariance, errs, 0.02, model.up[epoch])
        left = posterior(*given, np.zeros(len(grid.lon)))[1]
        variance = weights @ left @ weights.T
        variance += np.var(np.stack(loads) @ weights.T, axis=0, ddof=1)
        assert errors.regions is not None
        np.testing.assert_allclose(errors.regions[epoch] ** 2, variance[0], rtol=1e-6)


def test_members_differ_in_the_places_that_they_fill(rng):
    up = rng.normal(size=(5, 7))
    ensemble = VirtualDataEnsemble(rng.normal(size=(3, 5, 2)))
    for left, of_member in zip(ensemble.residuals(up), ensemble.members, strict=True):
        np.testing.assert_array_equal(left[:, :5], up[:, :5])
        np.testing.assert_array_equal(left[:, 5:], of_member)
    assert not ensemble.prior_load(1, slice(0, 3)).any()


def test_cells_lie_between_the_nodes_of_the_raster(data):
    for spacing in (0.7, 2.0, 9.0):
        study = study_in(data, "joint-load", spacing=spacing)
        grid = sphere.regional_grid(REGION, 0.5, 0.5)
        raster = weather_raster(study, grid)
        given = (raster.lon_axis, raster.lat_axis, grid.lon, grid.lat)
        weights = sphere.linear_weights(*given)
        np.testing.assert_allclose(weights @ raster.lon, grid.lon, atol=1e-9)
        np.testing.assert_allclose(weights @ raster.lat, grid.lat, atol=1e-9)


def test_features_tell_places_apart(data, gnss, memory):
    places = dataclasses.replace(PLACES, lat=np.array([23.41, 23.41]))
    study = study_in(data, "joint-load")
    network = network_features(study, places, gnss, None, ignore)
    features = network.values
    assert len(network.names) == features.shape[2]
    assert network.names[:2] == ("temperature", "pressure")
    assert network.names[6:8] == ("longitude", "latitude")
    assert features.shape == (len(DAYS), 2, 2 + 4 + 6)
    series = temperature(memory, places.lon, places.lat)
    scaled = (series - series.mean(axis=0)) / series.std(axis=0)
    np.testing.assert_allclose(features[:, :, 0], scaled, atol=1e-4)
    np.testing.assert_allclose(features[:, :, 6], [[-1, 1]] * len(DAYS), rtol=1e-6)
    # One latitude for both tells nothing.
    assert not features[:, :, 7].any()


def test_gravity_and_wells_are_means_over_the_epochs_of_months(data, gnss, caplog):
    some = {"grace": "csr.nc", "grace_sigma": 10.0, "wells": "wells.csv"}
    study = study_in(data, "joint-load", wells_sigma=30.0, **some)
    ground = with_references(study, read_study_area(study))
    means = read_study_means(study, gnss, ground)
    assert means is not None
    assert "1 of 3 wells of gapfill.wells are off the cells" in caplog.text
    assert "far" in caplog.text
    both = first_weights(means).means
    assert both.design.shape == (3, len(ground.grid.lon))
    np.testing.assert_allclose(both.design.sum(axis=1), 1)
    assert ground.grid.lon[both.design[1].argmax()] == pytest.approx(WELL[0], abs=0.25)
    np.testing.assert_allclose(np.diag(both.covariance), [100, 900, 900])
    month = DAYS.astype("M8[M]").astype(int) - DAYS[0].astype("M8[M]").astype(int)
    np.testing.assert_array_equal(both.period, month)
    grace = ground.references["grace"].water.values[:, 0]
    np.testing.assert_allclose(both.values[:, 0], grace - grace.mean(), atol=1e-9)
    # A level of one metre at a specific yield of 0.1 is 100 mm of water.
    assert np.isnan(both.values[:, 2]).sum() == 2
    np.testing.assert_allclose(
        np.diff(both.values[:, 1]), np.diff(water_of(data)[MIDDLE]), atol=0.02
    )
    assert means.summary["wells"]["months"] == len(both.years)


def water_of(folder):
    lines = (folder / "wells.csv").read_text().splitlines()[1:]
    at = {line.split(",")[3]: float(line.split(",")[4]) * 100 for line in lines}
    return np.array([at.get(str(day), np.nan) for day in DAYS])


def test_gravity_that_ends_early_is_said_and_of_another_time_refused(
    data, gnss, caplog
):
    study = study_in(data, "joint-load", grace="csr.nc")
    ground = read_study_area(study)
    later = gnss.assign_coords(time=gnss.time + np.timedelta64(100, "D"))
    means = read_study_means(study, later, ground)
    assert means is not None
    end = DAYS[-1].astype("M8[M]") + 1
    assert f"csr.nc ends before the heights: it is missing since {end}" in caplog.text
    assert means.summary["gravity"]["last"] == str(end - 1)
    late = gnss.assign_coords(time=gnss.time + np.timedelta64(4000, "D"))
    with pytest.raises(
        ValueError, match=r"gapfill.grace csr\.nc has no month in common"
    ):
        read_study_means(study, late, ground)
    wells = study_in(data, "joint-load", wells="wells.csv")
    with pytest.raises(ValueError, match=r"none of the 3 wells of gapfill\.wells"):
        read_study_means(wells, late, ground)


def test_stations_too_close_to_hold_some_out_are_said(data, gnss):
    study = study_in(data, "joint-load", neighbourhood_km=2000.0)
    with pytest.raises(
        ValueError, match=r"gapfill\.neighbourhood_km: .* smaller radius"
    ):
        make_folds(study, gnss, len(LON))


def test_training_begins_without_the_season_in_the_common_mode(data, gnss):
    study = study_in(data, "joint-load")
    grid = sphere.regional_grid(REGION, 0.5, 0.5)
    initial = initial_hyperparameters(make_model(study, gnss, grid), gnss.time.values)
    # Noise of one beside a sigma of two, and a common mode that is a season.
    assert 0.4 < initial.noise_factor < 0.6
    assert initial.common_mode_sd < 0.6

"""A whole study on a small twin world; what is written is recomputed in NumPy."""

import dataclasses
import json
import pathlib

import jax
import numpy as np
import pytest
import shapely
import xarray as xr
from twin_files import twin_heights

import jaxload
from jaxload import config, demo, earth, io, pipeline, sphere, synthetic
from jaxload.pipeline.estimation.unsolved import Unsolved, warn_unsolved
from jaxload.pipeline.report import figures, figures_of_water
from jaxload.pipeline.report.figures import draw
from jaxload.pipeline.results.files import remove_older

pytest.importorskip("netCDF4")

DEGREE = np.pi / 180
WORLD = synthetic.TwinSettings(
    stations=12, days=150, radius=2.0, belt=1.0, spacing=0.5, start="2015-01-01"
)
EARTH = config.Earth(max_degree=3000)
MONTHS = np.array(["2014-12", "2015-01", "2015-02", "2015-04", "2015-05"], "M8[M]")
FIGURES = (
    "availability.png",
    "beta.png",
    "kernel.png",
    "leave_one_out.png",
    "regions.png",
    "standard_error.png",
    "station_fit.png",
    "station_map.png",
    "station_mean.png",
    "twsa_maps.png",
)


@pytest.fixture(scope="module")
def world():
    return synthetic.twin(WORLD)


def grace_field():
    """Centimetres on one-degree cells; March is not there."""
    lon, lat = np.arange(95.5, 110), np.arange(20.5, 34)
    cycle = np.cos(2 * np.pi * np.arange(len(MONTHS)) / 7)[:, None, None]
    tilt = (lon[None, :] - 100) / 10 + (lat[:, None] - 25) / 8
    values = 8 * cycle + 3 * tilt * np.arange(len(MONTHS))[:, None, None] ** 2
    middle = MONTHS.astype("M8[D]") + np.timedelta64(15, "D")
    return xr.Dataset(
        {"lwe_thickness": (("time", "lat", "lon"), values, {"units": "cm"})},
        coords={"time": middle.astype("M8[ns]"), "lat": lat, "lon": lon},
    )


@pytest.fixture(scope="module")
def study(world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    io.write_up(twin_heights(world), folder / "gnss")
    outline = shapely.geometry.mapping(world.region)
    (folder / "region.geojson").write_text(json.dumps(outline))
    west, south, east, north = world.region.bounds
    half = world.region & shapely.box(west, south, (west + east) / 2, north)
    ring = np.asarray(half.exterior.coords)
    np.savetxt(folder / "west.txt", ring, fmt="%.6f")
    grace_field().to_netcdf(folder / "grace.nc")
    return config.Study(
        gnss=config.Gnss(files="gnss/*.up"),
        region=config.Region(boundary="region.geojson", spacing=0.5, buffer=1.0),
        title="a small world",
        earth=EARTH,
        inversion=config.Inversion(beta_count=5),
        evaluation=config.Evaluation(grace="grace.nc", regions=("west.txt",)),
        folder=str(folder),
    )


@pytest.fixture(scope="module")
def out(study, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    pipeline.run(study, folder)
    return folder


@pytest.fixture(scope="module")
def water(out):
    with xr.open_dataset(out / "twsa.nc", decode_coords="all") as dataset:
        return dataset.load()


@pytest.fixture(scope="module")
def stations(out):
    with xr.open_dataset(out / "stations.nc", decode_coords="all") as dataset:
        return dataset.load()


@pytest.fixture(scope="module")
def regions(out):
    with xr.open_dataset(out / "regions.nc", decode_coords="all") as dataset:
        return dataset.load()


@pytest.fixture(scope="module")
def summary(out):
    return json.loads((out / "summary.json").read_text())


def test_a_run_leaves_its_files_and_nothing_else(out):
    files = {"twsa.nc", "stations.nc", "regions.nc", "summary.json", *FIGURES}
    files |= {"state.nc", "state.json", "run.log", "products.nc"}
    files |= {"product_scores.csv"}
    assert {path.name for path in out.iterdir()} == files
    for name in FIGURES:
        content = (out / name).read_bytes()
        assert content.startswith(b"\x89PNG\r\n\x1a\n")
        assert content.endswith(b"IEND\xaeB`\x82")


def test_water_is_compressed_float32_in_cf_convention(out):
    netcdf = pytest.importorskip("netCDF4")
    with netcdf.Dataset(out / "twsa.nc") as file:
        twsa = file["twsa"]
        assert twsa.dimensions == ("time", "lat", "lon")
        assert twsa.dtype == np.float32
        assert twsa.filters()["zlib"]
        assert twsa.units == "mm"
        assert "water storage" in twsa.long_name
        assert file["time"].standard_name == "time"
        assert "since" in file["time"].units
        assert file["lat"].units == "degrees_north"
        assert file["lon"].units == "degrees_east"
        assert "_FillValue" not in file["time"].ncattrs()
        assert file.Conventions.startswith("CF-1.")
        assert file.source == f"jaxload {jaxload.__version__}"


def test_every_variable_says_what_it_is(water, stations, regions):
    for dataset in (water, stations, regions):
        for name, array in dataset.data_vars.items():
            assert array.attrs.get("long_name"), name
            unitless = {
                "cell_mask",
                "region_outline",
                "solved",
                "suspect",
                "status",
                "reason",
            }
            assert array.attrs.get("units") or name in unitless, name


def test_the_settings_in_the_result_make_the_same_study(water, study, tmp_path):
    (tmp_path / "again.toml").write_text(water.attrs["settings"])
    assert config.read_study(tmp_path / "again.toml", study.folder) == study


def test_the_mask_says_where_water_is(water, world):
    mask = water.cell_mask.values
    lon, lat = np.meshgrid(water.lon, water.lat)
    half = 0.25
    cells = shapely.box(lon - half, lat - half, lon + half, lat + half)
    # A cell of the region has its centre inside the outline.
    np.testing.assert_array_equal(
        mask == 2, shapely.contains_xy(world.region, lon, lat)
    )
    assert (mask[shapely.intersects(cells, world.region)] > 0).all()
    known = np.isfinite(water.twsa.values)
    np.testing.assert_array_equal(known, np.broadcast_to(mask > 0, known.shape))


def test_stations_hold_what_was_read(stations, world):
    sizes = {"time": WORLD.days, "station": WORLD.stations}
    assert stations.sizes == sizes | {"candidate": WORLD.stations, "bnds": 2}
    assert (stations.status == "used").all()
    np.testing.assert_array_equal(stations.time, world.time.astype("M8[ns]"))
    order = [world.station.tolist().index(name) for name in stations.station.values]
    for name, truth in (("up", world.displacement), ("up_sigma", world.sigma)):
        np.testing.assert_allclose(stations[name], truth[:, order], atol=6e-4, rtol=0)
    sigma = np.nanmedian(stations.up_sigma, axis=0)
    seen = np.isfinite(stations.up.values)
    expected = np.where(seen, sigma[None, :], np.nan)
    np.testing.assert_allclose(stations.up_sigma_effective, expected, rtol=1e-6)


def dense(study, stations):
    """Design matrix and Laplacian of the study, as plain arrays."""
    region = io.read_region(study.path(study.region.boundary))
    grid = sphere.regional_grid(region, 0.5, 1.0)
    love = earth.load_love_numbers("prem", "CF", EARTH.max_degree)
    kernel = earth.disc_kernel(love, radius=grid.cell_radius)
    design = np.asarray(earth.design_matrix(kernel, stations, grid))
    neighbour = (
        abs(grid.row[:, None] - grid.row) + abs(grid.column[:, None] - grid.column) == 1
    )
    return grid, design, neighbour - 4.0 * np.eye(len(grid.lon))


def test_predicted_is_the_design_matrix_times_the_water(study, water, stations):
    grid, design, _ = dense(study, stations)
    load = water.twsa.values[:, grid.row, grid.column].astype(np.float64)
    predicted = load @ design.T
    np.testing.assert_allclose(
        stations.predicted, predicted, rtol=0, atol=1e-6 * abs(predicted).max()
    )


@pytest.mark.parametrize("epoch", [0, 70, 149])
def test_water_solves_the_normal_equations(study, water, stations, summary, epoch):
    grid, design, operator = dense(study, stations)
    up, sigma = stations.up.values[epoch], np.nanmedian(stations.up_sigma, axis=0)
    seen = np.isfinite(up)
    rows = design[seen] / sigma[seen, None]
    normal = rows.T @ rows + summary["beta"] ** 2 * operator.T @ operator
    expected = np.linalg.solve(normal, rows.T @ (up[seen] / sigma[seen]))
    found = water.twsa.values[epoch, grid.row, grid.column]
    np.testing.assert_allclose(found, expected, atol=1e-5 * abs(expected).max())


def test_the_summary_says_what_the_files_hold(summary, stations, water):
    def rms(values):
        return np.sqrt(np.nanmean(np.asarray(values, np.float64) ** 2))

    assert summary["stations"] == WORLD.stations
    assert summary["epochs"] == WORLD.days
    assert summary["cells"] == int((water.cell_mask > 0).sum())
    assert (summary["first_day"], summary["last_day"]) == ("2015-01-01", "2015-05-30")
    assert summary["epochs_not_solved"] == 0
    for name, values in (
        ("signal_rms_mm", stations.up),
        ("misfit_rms_mm", stations.up - stations.predicted),
        ("leave_one_out_rms_mm", stations.leave_one_out_residual),
    ):
        np.testing.assert_allclose(summary[name], rms(values), rtol=1e-6)
    assert (
        summary["misfit_rms_mm"]
        < summary["leave_one_out_rms_mm"]
        < summary["signal_rms_mm"]
    )
    assert 0.05 < summary["peak_memory_gib"] < 64
    assert summary["device"]
    assert summary["versions"]["jaxload"] == jaxload.__version__
    assert summary["versions"]["jax"] == jax.__version__


def test_the_seconds_of_the_stages_make_the_total(summary):
    seconds = dict(summary["seconds"])
    total = seconds.pop("total")
    assert {"reading", "design_matrix", "inversion", "placing_results"} <= set(seconds)
    assert all(value >= 0 for value in seconds.values())
    assert total == pytest.approx(sum(seconds.values()), rel=0.2)


def test_every_value_of_water_has_its_error(water, regions, summary):
    for dataset in (water, regions):
        known = np.isfinite(dataset.twsa.values)
        np.testing.assert_array_equal(np.isfinite(dataset.twsa_sd.values), known)
        assert (dataset.twsa_sd.values[known] > 0).all()
        assert dataset.twsa_sd.attrs["method"] == "exact"
    assert summary["errors"]["kind"] == "cells"
    median = summary["errors"]["region_sd_mm"]["west"]
    assert median == pytest.approx(float(regions.twsa_sd.sel(region="west").median()))


def test_beta_is_the_lowest_point_of_the_criterion(summary, water):
    betas = [row["beta"] for row in summary["criterion"]]
    values = [row["value"] for row in summary["criterion"]]
    assert len(betas) == 5
    assert summary["beta"] == betas[int(np.argmin(values))]
    assert water.attrs["beta"] == summary["beta"]
    assert min(values) == pytest.approx(summary["leave_one_out_rms_mm"], rel=1e-6)


def area_weighted(outline, lon, lat, half, fields):
    """Mean over an outline by many points, each in the cell that holds it."""
    west, south, east, north = outline.bounds
    step = 0.01
    x = np.arange(west + step / 2, east, step)
    y = np.arange(south + step / 2, north, step)
    x, y = (axis.ravel() for axis in np.meshgrid(x, y))
    inside = shapely.contains_xy(outline, x, y)
    x, y = x[inside], y[inside]
    column = np.floor((x - (lon[0] - half)) / (2 * half)).astype(int)
    row = np.floor((y - (lat[0] - half)) / (2 * half)).astype(int)
    weight = np.zeros(fields.shape[1:])
    np.add.at(weight, (row, column), np.cos(y * DEGREE))
    return np.nansum(fields * weight, axis=(1, 2)) / weight.sum()


@pytest.fixture(scope="module")
def outlines(study):
    ring = np.loadtxt(pathlib.Path(study.folder) / "west.txt")
    region = io.read_region(study.path("region.geojson"))
    return {"region": region, "west": shapely.Polygon(ring)}


@pytest.mark.parametrize("name", ["region", "west"])
def test_regional_means_are_area_means_of_the_map(water, regions, outlines, name):
    expected = area_weighted(
        outlines[name], water.lon.values, water.lat.values, 0.25, water.twsa.values
    )
    found = regions.twsa.sel(region=name)
    np.testing.assert_allclose(found, expected, atol=2e-3 * expected.std())
    np.testing.assert_allclose(regions.coverage_fraction, 1.0, atol=1e-9)
    np.testing.assert_allclose(regions.twsa_grace_coverage_fraction, 1.0, atol=1e-9)


def test_the_summary_says_how_much_of_each_region_is_covered(summary):
    assert set(summary["coverage_fraction"]) == {"cells", "grace"}
    for shares in summary["coverage_fraction"].values():
        assert shares == pytest.approx({"region": 1.0, "west": 1.0})


def months_of(regions, name):
    """Month, our monthly mean and that of GRACE, from daily means and the file."""
    daily = regions.twsa.sel(region=name)
    month = daily.time.values.astype("M8[M]")
    ours = [daily.values[month == one].mean() for one in MONTHS[1:]]
    return MONTHS[1:], np.array(ours, np.float64)


@pytest.mark.parametrize("name", ["region", "west"])
def test_the_evaluation_is_that_of_a_plain_computation(
    regions, outlines, summary, name
):
    month, ours = months_of(regions, name)
    source = grace_field()
    theirs = 10 * area_weighted(
        outlines[name],
        source.lon.values,
        source.lat.values,
        0.5,
        source.lwe_thickness.values,
    )
    # The first month of GRACE lies before the record.
    np.testing.assert_allclose(
        regions.twsa_grace.sel(region=name), theirs[1:], rtol=2e-3, atol=0.05
    )
    np.testing.assert_allclose(
        regions.twsa_monthly.sel(region=name), ours, rtol=1e-5, atol=1e-4
    )
    days = (month.astype("M8[D]") + np.timedelta64(15, "D")).astype(float)
    ours, theirs = (
        values - np.polyval(np.polyfit(days - days[0], values, 1), days - days[0])
        for values in (ours, theirs[1:])
    )
    score = summary["evaluation"][name]
    error = ours - theirs
    assert score["months"] == 4
    assert score["pcc"] == pytest.approx(np.corrcoef(ours, theirs)[0, 1], abs=2e-3)
    assert score["rmse_mm"] == pytest.approx(np.sqrt((error**2).mean()), rel=2e-3)
    nse = 1 - (error**2).sum() / ((theirs - theirs.mean()) ** 2).sum()
    assert score["nse"] == pytest.approx(nse, abs=5e-3)


def test_two_runs_are_the_same_whatever_precision_jax_is_set_to(study, water, out):
    jax.config.update("jax_enable_x64", False)
    try:
        again = pipeline.run(study)
        assert not jax.config.read("jax_enable_x64")
    finally:
        jax.config.update("jax_enable_x64", True)
    np.testing.assert_array_equal(again.water.twsa, water.twsa)
    summary = json.loads((out / "summary.json").read_text())
    for key in ("beta", "criterion", "leave_one_out_rms_mm", "evaluation"):
        assert again.summary[key] == summary[key], key


def test_daily_errors_weigh_each_observation(study, stations, water, summary):
    daily = config.Study(
        gnss=config.Gnss(files="gnss/*.up", sigma="daily"),
        region=study.region,
        earth=EARTH,
        inversion=config.Inversion(beta=summary["beta"], errors="none"),
        folder=study.folder,
    )
    result = pipeline.run(daily)
    grid, design, operator = dense(study, stations)
    epoch = 100
    up, sigma = stations.up.values[epoch], stations.up_sigma.values[epoch]
    seen = np.isfinite(up)
    rows = design[seen] / sigma[seen, None]
    normal = rows.T @ rows + summary["beta"] ** 2 * operator.T @ operator
    expected = np.linalg.solve(normal, rows.T @ (up[seen] / sigma[seen]))
    found = result.water.twsa.values[epoch, grid.row, grid.column]
    np.testing.assert_allclose(found, expected, atol=1e-5 * abs(expected).max())
    assert abs(found - water.twsa.values[epoch, grid.row, grid.column]).max() > 0.1
    assert result.summary["evaluation"] == {}
    assert len(result.summary["criterion"]) == 1


def test_stations_outside_are_dropped_where_that_is_asked(study, caplog):
    narrow = config.Study(
        gnss=config.Gnss(files="gnss/*.up", outside_grid="drop", end="2015-01-20"),
        region=config.Region(boundary="west.txt", spacing=0.5),
        earth=EARTH,
        inversion=config.Inversion(beta=0.01, errors="none"),
        folder=study.folder,
    )
    result = pipeline.run(narrow)
    left = result.summary["stations"]
    # Some of those inside have begun after the period.
    left += len(result.summary["heights"]["stations_without_days"])
    assert 0 < left < WORLD.stations
    assert f"left out {WORLD.stations - left} stations outside" in caplog.text
    assert result.summary["last_day"] == "2015-01-20"


def test_the_watch_hears_of_every_stage(study):
    heard = []
    short = config.Study(
        gnss=config.Gnss(files="gnss/*.up", end="2015-01-10"),
        region=study.region,
        earth=EARTH,
        inversion=config.Inversion(beta_count=5),
        folder=study.folder,
    )
    pipeline.run(short, watch=lambda stage, share: heard.append((stage, share)))
    stages = list(dict.fromkeys(stage for stage, _ in heard))
    assert stages == [
        "reading",
        "screening",
        "checks_of_heights",
        "design_matrix",
        "choice_of_beta",
        "inversion",
        "standard_errors_of_regions",
        "evaluation",
        "seasons_and_products",
        "maps_of_water",
        "standard_errors_of_cells",
    ]
    for stage in stages:
        shares = [share for name, share in heard if name == stage]
        assert shares == sorted(shares)
        assert (shares[0], shares[-1]) == (0.0, 1.0)


@pytest.mark.slow
def test_the_demonstration_says_in_five_lines_how_close_it_came(tmp_path):
    settings = synthetic.TwinSettings(
        stations=12, days=60, radius=2.0, belt=1.0, spacing=0.5
    )
    lines = demo.run_twin(tmp_path, settings)
    assert len(lines) == 5
    assert "12 stations and 60 days" in lines[0]
    assert "correlation" in lines[3]
    truth = json.loads((tmp_path / "summary.json").read_text())["truth"]
    assert f"{100 * truth['region_within_95']:.0f}% of the days" in lines[3]
    assert 0.5 < truth["region_within_95"] <= 1
    assert str(tmp_path) in lines[4]
    assert (tmp_path / "twin.png").stat().st_size > 10_000
    # What it left behind is a study that can be run again.
    study = config.read_study(tmp_path / "data" / "study.toml")
    assert study.path(study.region.boundary).is_file()


def test_a_figure_of_what_has_no_value_is_not_drawn(study, out, tmp_path, caplog):
    pytest.importorskip("matplotlib")
    result = pipeline.run(study, out, resume=True)
    water = result.water.load()
    empty = water.assign(
        twsa_sd=water.twsa_sd.where(False),
        annual_amplitude=(water.twsa.std("time") * np.nan).rename("annual_amplitude"),
    )
    names = draw(dataclasses.replace(result, water=empty), tmp_path)
    assert "station_fit.png" in names
    assert not {"standard_error.png", "annual_amplitude.png"} & set(names)
    for name in ("standard_error", "annual_amplitude"):
        assert f"the figure {name} was not drawn" in caplog.text
        assert not (tmp_path / f"{name}.png").exists()
    # The library of netCDF does not survive a file that is opened beside itself.
    result.close()


def test_the_map_of_standard_errors_names_the_epochs_it_is_of(
    study, out, tmp_path, monkeypatch
):
    pytest.importorskip("matplotlib")
    result = pipeline.run(study, out, resume=True)
    drawn = {}
    monkeypatch.setattr(figures_of_water, "EPOCHS", 4)
    monkeypatch.setattr(
        figures.io,
        "write_figure",
        lambda figure, path: drawn.update({path.stem: figure}),
    )
    draw(result, tmp_path)
    title = drawn["standard_error"].axes[0].get_title()
    solved = int(result.water.solved.sum())
    assert title.endswith(f"median of 4 of {solved:,} epochs")
    detrended = "without" if study.evaluation.detrend else "with"
    shown = drawn["regions"].axes[0].get_title(loc="left")
    assert f" {detrended} linear trends, " in shown


def test_figures_of_an_earlier_result_go_and_those_of_others_stay(tmp_path):
    for name in ("twsa.nc", "drought.png", "wells.png", "mine.png", "groundwater.nc"):
        (tmp_path / name).write_text("x")
    remove_older(tmp_path, {"twsa.nc": ""})
    assert sorted(x.name for x in tmp_path.iterdir()) == ["mine.png", "twsa.nc"]


def test_epochs_without_a_solution_are_named_with_what_they_lack(caplog):
    time = np.arange("2010-01-01", "2010-01-06", dtype="M8[D]").astype("M8[ns]")
    warn_unsolved(time, [True, False, False, True, False], "from stations alone")
    assert "3 of 5 epochs could not be solved from stations alone: " in caplog.text
    assert "2010-01-02 to 2010-01-03, 2010-01-05" in caplog.text
    with pytest.raises(
        Unsolved, match="none of 5 epochs could be solved from stations"
    ):
        warn_unsolved(time, np.zeros(5, bool), "from stations alone")

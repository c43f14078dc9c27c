"""Products beside water by heights: smoothed alike, scored by period, with seasons."""

import csv
import dataclasses

import numpy as np
import pytest
import shapely
import xarray as xr
from compliance import complaints_of, needs_checker

from jaxload import config, evaluate, io, series, sphere
from jaxload.pipeline.evaluate.alike import smoothed_alike
from jaxload.pipeline.evaluate.gap_months import bridge_product, describe_bridge
from jaxload.pipeline.evaluate.groundwater import read_references
from jaxload.pipeline.evaluate.product_scores import (
    AlikeProducts,
    compare_products,
    describe_products,
)
from jaxload.pipeline.evaluate.product_seasons import fit_products
from jaxload.pipeline.evaluate.products import MonthlyProduct, read_products
from jaxload.pipeline.evaluate.wavelet_maps import compare_wavelets
from jaxload.pipeline.expected_stages import is_compared, stages_of_study
from jaxload.pipeline.inputs.land_sea import sea_share
from jaxload.pipeline.inputs.rain import SEASONS, _seasons, precipitation_source
from jaxload.pipeline.inputs.study_area import StudyArea
from jaxload.pipeline.monthly_cells import calendar_months
from jaxload.pipeline.report.datasets import about_of_study
from jaxload.pipeline.report.file_labels import labelled_for_file
from jaxload.pipeline.report.water_tables import tables_of
from jaxload.sphere.harmonics.footprints import FieldFilter, footprint_weights

STUDY = config.Study(
    gnss=config.Gnss(files="none"),
    region=config.Region(boundary="none"),
    evaluation=config.Evaluation(
        periods=("early: 2003-01..2007", "gap: 2008-01..2008-06"), detrend=True
    ),
)
MONTHS = calendar_months(np.array(["2003-01-05", "2012-12-20"], "M8[ns]"))
TIME = series.span_middles(MONTHS)
YEARS = series.decimal_years(TIME)
RADIUS = 150.0


@pytest.fixture(scope="module")
def area():
    whole = shapely.box(100, 24, 106, 30)
    outlines = {"whole": whole, "west": shapely.box(100, 24, 103, 30)}
    grid = sphere.regional_grid(whole, 0.5, 1.0)
    return StudyArea(
        whole, outlines, grid, sphere.basin_weights(grid, outlines), {}, {}
    )


@pytest.fixture(scope="module")
def water(area):
    """A season, a trend and drifting blobs smaller than the filter, (month, cell)."""
    rng, grid = np.random.default_rng(5), area.grid
    season = 60 * np.cos(2 * np.pi * (YEARS[:, None] - 0.25)) * (1 + grid.lat / 60)
    blobs = 30 * rng.standard_normal((len(YEARS), len(grid.lon)))
    slow = 25 * np.cumsum(rng.standard_normal((len(YEARS), 3)), axis=0) / 5
    shape = np.stack([grid.lon - 103, grid.lat - 27, np.ones_like(grid.lon)])
    return season + blobs + slow @ shape + 4 * (YEARS[:, None] - 2008)


def product(area, cells, kind="gravimetry", smoothing=0.0):
    means = np.asarray(sphere.area_mean(area.basins.weights, np.asarray(cells, float)))
    return MonthlyProduct(MONTHS, kind, smoothing, means, cells)


@pytest.fixture(scope="module")
def products(area, water):
    rng = np.random.default_rng(6)
    smooth = np.asarray(smoothed_alike(area.grid, water, RADIUS), float)
    smooth += 2 * rng.standard_normal(smooth.shape)
    smooth[(YEARS > 2008) & (YEARS < 2008.5)] = np.nan
    model = 0.5 * water + 10 * rng.standard_normal((len(YEARS), 1))
    return {
        "gnss": product(area, water + 5 * rng.standard_normal((len(YEARS), 1)), "gnss"),
        "grace": product(area, smooth, smoothing=RADIUS),
        "land_model": product(area, model, "land_model"),
        "table": dataclasses.replace(product(area, water), cells=None),
    }


@pytest.fixture(scope="module")
def compared(area, products):
    return compare_products(STUDY, AlikeProducts(products, area), MONTHS)


def test_water_is_smoothed_by_the_footprints_of_the_filter(area, water):
    grid = area.grid
    smoothed = smoothed_alike(grid, water[:2], RADIUS)
    places = np.stack([grid.lon, grid.lat], axis=1)
    weights = footprint_weights(
        FieldFilter(1e3 * RADIUS), places, places, grid.cell_area
    )
    # Far inland there is no sea within its reach, and land outside counts as inside.
    expected = (weights @ water[:2].T / weights.sum(axis=1)[:, None]).T
    inland = grid.lat > 28
    np.testing.assert_allclose(
        smoothed[:, inland], expected[:, inland], rtol=2e-3, atol=0.1
    )


def test_sea_outside_has_no_water_and_missing_months_stay_missing():
    island = sphere.regional_grid(shapely.box(-157, 18, -154, 21), 0.5)
    values = np.full((2, len(island.lon)), 100.0)
    values[1] = np.nan
    smoothed = smoothed_alike(island, values, 300.0)
    assert (smoothed[0] < 50).all()
    assert np.isnan(smoothed[1]).all()


def test_land_without_water_is_as_the_cells_near_it():
    whole, part = (
        sphere.regional_grid(shapely.box(*box), 0.5)
        for box in ((93, 18, 113, 37), (100, 24, 106, 30))
    )
    axes = xr.Dataset(coords={"lat": whole.lat_axis, "lon": whole.lon_axis})
    sea = sea_share(io.read_land(), axes)[whole.row, whole.column]
    everywhere = np.where(sea > 0.5, np.nan, 100.0)[None]
    expected = sphere.to_raster(whole, smoothed_alike(whole, everywhere, 300.0))[0]
    found = smoothed_alike(part, np.full((1, len(part.lon)), 100.0), 300.0)[0]
    row = np.searchsorted(whole.lat_axis, part.lat_axis[part.row] - 0.1)
    column = np.searchsorted(whole.lon_axis, part.lon_axis[part.column] - 0.1)
    # Corners have too little of the weight in cells with water.
    known = np.isfinite(found)
    assert known.mean() > 0.9
    assert found[known].min() < 95
    np.testing.assert_allclose(found[known], expected[row, column][known], atol=1.5)


def test_scores_are_those_of_series_smoothed_alike(area, products, compared):
    alike = np.asarray(smoothed_alike(area.grid, products["gnss"].cells, RADIUS), float)
    ours = np.asarray(sphere.area_mean(area.basins.weights, alike))[:, 1]
    theirs = products["grace"].regions[:, 1]
    known = np.isfinite(theirs)
    line = np.stack([np.ones(known.sum()), YEARS[known]], axis=1)
    bare = [
        x[known] - line @ np.linalg.lstsq(line, x[known])[0] for x in (ours, theirs)
    ]
    early = (YEARS[known] < 2008).nonzero()[0]
    pair = [x[early] for x in bare]
    found = compared.sel(product="gnss", other="grace", region="west", period="early")
    np.testing.assert_allclose(found.pcc, np.corrcoef(*pair)[0, 1], rtol=1e-9)
    np.testing.assert_allclose(found.nse, evaluate.nse(*pair), rtol=1e-9)
    np.testing.assert_allclose(found.rmse, evaluate.rmse(*pair), rtol=1e-9)
    np.testing.assert_allclose(found.standard_deviation, pair[0].std(), rtol=1e-9)
    assert found.month_count == 60
    assert found.smoothing_radius == RADIUS


def test_few_common_months_of_noise_have_no_perfect_score(area):
    rng, size = np.random.default_rng(8), (len(MONTHS), len(area.grid.lon))
    noise = {name: rng.standard_normal(size) for name in ("gnss", "grace")}
    counts, found = (4, 7, 17, 18), []
    for count in counts:
        noise["grace"][count:] = np.nan
        short = {name: product(area, x, name) for name, x in noise.items()}
        alike = AlikeProducts(short, area)
        whole = compare_products(STUDY, alike, MONTHS)
        found.append(whole.sel(product="gnss", other="grace", period="all"))
        noise["grace"] = rng.standard_normal(size)
    # Trends take two of the months, seasons six.
    assert np.isnan(found[0].pcc).all()
    assert np.isfinite(found[1].pcc).all()
    for name in ("pcc_deseasonalised", "lag", "pcc_at_lag"):
        assert all(np.isnan(x[name]).all() for x in found[:3])
        assert np.isfinite(found[3][name]).all()
    assert [int(x.month_count[0]) for x in found] == [0, *counts[1:]]


def test_products_that_miss_a_part_of_a_region_are_warned_of(area, caplog):
    lon, lat = np.arange(97.25, 109, 0.5), np.arange(21.25, 33, 0.5)
    field = np.ones((len(MONTHS), len(lat), len(lon)))
    field[:, :, lon < 101.5] = np.nan
    coords = {"time": TIME, "lat": lat, "lon": lon}
    gridded = xr.Dataset({"lwe": (("time", "lat", "lon"), field)}, coords)
    gridded.attrs["quantity"] = "lwe"
    several = dataclasses.replace(area, products={"CSR": gridded})
    evaluation = config.Evaluation(products={"CSR": "csr.nc"})
    study = dataclasses.replace(STUDY, evaluation=evaluation)
    read = read_products(study, several, TIME)
    np.testing.assert_allclose(read["CSR"].regions, 1)
    texts = [record.getMessage() for record in caplog.records]
    # From 101.25 to 103 of 100 to 103 degrees: a cell with any value has one.
    assert any("products.CSR covers only 58.3% of region west" in x for x in texts)


def test_comparisons_that_a_record_is_too_short_for_are_warned_of(area, water, caplog):
    settings = config.Evaluation(
        grace="g.nc", bridge="grace", wavelets=True, periods=("old: 1990..1999",)
    )
    study = dataclasses.replace(STUDY, evaluation=settings)
    few = MONTHS[:20]
    products = {
        "gnss": dataclasses.replace(product(area, water), kind="gnss"),
        "grace": product(area, water),
    }
    products = {name: x.in_months(few) for name, x in products.items()}
    alike = AlikeProducts(products, area)
    compare_products(study, alike, few)
    assert compare_wavelets(alike, few) is None
    assert np.isnan(bridge_product(study, alike, few).scale).all()
    texts = " ".join(record.getMessage() for record in caplog.records)
    assert "evaluation.periods has old" in texts
    assert "evaluation.wavelets is set" in texts
    assert "evaluation.bridge is grace" in texts


def test_unsmoothed_water_scores_worse_on_cells_beside_a_smooth_product(
    area, products, compared
):
    rough = {k: dataclasses.replace(x, smoothing_km=0.0) for k, x in products.items()}
    without = compare_products(STUDY, AlikeProducts(rough, area), MONTHS)
    chosen = dict(other="grace", period="all")
    assert compared.cell_nse.sel(chosen).median() > 0.9
    assert without.cell_nse.sel(chosen).median() < 0.85


def test_regions_are_compared_over_the_cells_that_both_have(area, water):
    west = area.grid.lon < 103
    rng = np.random.default_rng(7)
    uneven = water + np.where(west, 80 * rng.standard_normal((len(YEARS), 1)), 0)
    partly = np.where(west, np.nan, uneven)
    # In some months more cells are missing, in others all.
    partly[10:20, area.grid.lat > 27] = np.nan
    partly[30:40] = np.nan
    products = {"gnss": product(area, uneven, "gnss"), "grace": product(area, partly)}
    compared = compare_products(STUDY, AlikeProducts(products, area), MONTHS)
    pair = dict(product="gnss", other="grace", region="whole", period="all")
    assert float(compared.rmse.sel(pair)) < 1e-9
    assert int(compared.month_count.sel(pair)) == len(MONTHS) - 10
    # What is shown of each is its own mean.
    np.testing.assert_allclose(
        compared.water.sel(product="gnss"), products["gnss"].regions
    )
    ours, _ = AlikeProducts(products, area).pair("gnss", "grace")
    assert np.isfinite(ours.regions[30:40, 0]).all()
    usual = np.asarray(
        sphere.area_mean(area.basins.weights, np.where(west, np.nan, uneven))
    )
    np.testing.assert_allclose(ours.regions[30:40], usual[30:40])


def test_a_period_without_a_product_has_no_score(compared):
    gap = compared.sel(period="gap", product="gnss", region="whole")
    assert np.isnan(gap.pcc.sel(other="grace"))
    assert gap.month_count.sel(other="grace") == 0
    assert gap.pcc.sel(other="land_model") > 0.5
    assert gap.month_count.sel(other="table") == 6


def test_tables_are_compared_as_they_are_and_land_models_smoothed(compared):
    radii = compared.smoothing_radius
    assert radii.sel(product="table", other="grace") == 0
    assert radii.sel(product="land_model", other="grace") == RADIUS
    assert radii.sel(product="gnss", other="land_model") == 0
    assert np.isnan(compared.cell_pcc.sel(other="table")).all()


def test_triple_collocation_takes_one_product_of_each_kind(compared):
    names = compared.collocated_product.values.tolist()
    assert names == [["gnss", x, "land_model"] for x in ("grace", "table")]
    found = compared.sel(region="whole").isel(triple=0)
    np.testing.assert_allclose(found.collocation_error[0], 5, rtol=0.3)
    np.testing.assert_allclose(found.collocation_error[2], 10, rtol=0.2)
    np.testing.assert_allclose(found.collocation_scaling, [1, 1, 0.5], rtol=0.05)


def test_the_summary_has_scores_by_product_period_and_region(compared):
    described = describe_products(compared)
    assert set(described) == {"grace", "land_model", "table"}
    assert described["grace"]["smoothing_km"] == RADIUS
    scores = described["grace"]["early"]["west"]
    assert scores["months"] == 60
    assert scores["pcc"] > 0.9


def test_scores_are_a_table_of_text(compared):
    text = tables_of({"products.nc": compared})["product_scores.csv"]
    rows = list(csv.DictReader(text.splitlines()))
    # Of twelve pairs grace has no month in the gap, which leaves six.
    assert len(rows) == 2 * (12 + 12 + 6)
    wanted = dict(period="early", region="west", product="gnss", other="grace")
    row = next(row for row in rows if wanted.items() <= row.items())
    assert (row["smoothing_km"], row["months"]) == ("150", "60")
    assert float(row["nse"]) == pytest.approx(compared.nse.sel(wanted).item(), abs=6e-4)


def test_seasons_are_those_of_daily_values(area):
    days = np.arange("2003-01-01", "2013-01-01", dtype="M8[D]").astype("M8[ns]")
    turn = 2 * np.pi * (series.decimal_years(days) - 2000)
    daily = 70 * np.cos(turn - 1.0) + 20 * np.cos(2 * turn) + 3 * turn / (2 * np.pi)
    months = days.astype("M8[M]")
    means = np.array([daily[months == m].mean() for m in np.unique(months)])
    cells = np.repeat(means[:, None], len(area.grid.lon), axis=1)
    stations = xr.Dataset(
        {"up": (("time", "station"), -daily[:, None] / 50)},
        {"time": days, "station": ["A"], "lon": ("station", [1.0]),
         "lat": ("station", [2.0])},
    )  # fmt: skip
    fits = fit_products({"gnss": product(area, cells)}, area, MONTHS, stations)
    at = fits.sel(product="gnss", region="west", lon=103.0, lat=27.0)
    np.testing.assert_allclose(at.annual_amplitude, 70, rtol=2e-3)
    np.testing.assert_allclose(at.region_semiannual_amplitude, 20, rtol=5e-3)
    np.testing.assert_allclose(at.annual_phase, 365.2425 / (2 * np.pi), atol=1.0)
    np.testing.assert_allclose(at.trend, 3, rtol=0.02)
    here = fits.sel(station="A", component="up")
    np.testing.assert_allclose(here.station_annual_amplitude, 1.4, rtol=2e-3)
    half = 365.2425 / 2
    phase = (here.station_annual_phase - at.annual_phase) % 365.2425
    np.testing.assert_allclose(phase, half, atol=0.5)


def test_the_gap_of_a_product_is_bridged_by_heights(area, products, water):
    study = dataclasses.replace(
        STUDY, evaluation=config.Evaluation(grace="g.nc", bridge="grace")
    )
    bridged = bridge_product(study, AlikeProducts(products, area), MONTHS)
    assert bridged.is_estimated.sum("month").values.tolist() == [6, 6]
    gap = bridged.is_estimated[:, 0].values == 1
    smooth = np.asarray(smoothed_alike(area.grid, water, RADIUS), float)
    truth = np.asarray(sphere.area_mean(area.basins.weights, smooth))
    missed = (bridged.water.values - truth)[gap]
    assert np.sqrt(np.mean(missed**2)) < 2 * bridged.held_out_rmse.max()
    assert (bridged.held_out_rmse < bridged.season_rmse).all()
    assert np.isfinite(bridged.cell_water.sel(lon=103.0, lat=27.0)).all()
    described = describe_bridge(bridged)
    assert described["regions"]["west"]["months_estimated"] == 6
    np.testing.assert_array_equal(
        bridged.water[~gap, 0], products["grace"].regions[~gap, 0]
    )


def test_wavelets_stop_at_the_gap_and_find_the_season(area, products):
    found = compare_wavelets(AlikeProducts(products, area), MONTHS)
    season = found.sel(other="grace", region="whole").sel(
        wave_period=12, method="nearest"
    )
    assert (season.coherence[24:40] > season.coherence_limit).all()
    assert (season.cone_of_influence[60:66] == 0).all()
    assert found.cone_of_influence.sel(other="land_model", region="whole")[62] > 40


def test_products_of_other_months_are_brought_to_those_of_the_study(products):
    later = calendar_months(np.array(["2012-06-05", "2013-03-20"], "M8[ns]"))
    moved = products["grace"].in_months(later)
    np.testing.assert_array_equal(moved.regions[:7], products["grace"].regions[-7:])
    assert np.isnan(moved.regions[7:]).all()
    assert moved.cells.shape == (10, products["grace"].cells.shape[1])


def test_precipitation_of_months_is_that_of_its_days_over_each_region(tmp_path):
    pytest.importorskip("netCDF4")
    time = np.arange("2019-12-15", "2020-03-10", dtype="M8[D]").astype("M8[ns]")
    lat, lon = np.arange(23.75, 31, 0.5), np.arange(99.75, 107, 0.5)
    # Twice as much in the west, and three times as much in February.
    daily = np.where(lon < 103, 4.0, 2.0) * np.ones((len(time), len(lat), 1))
    daily[time.astype("M8[M]") == np.datetime64("2020-02")] *= 3
    fields = {"precipitation": (("time", "lat", "lon"), daily, {"units": "mm/day"})}
    rain = xr.Dataset(fields, {"time": time, "lat": lat, "lon": lon})
    rain.to_netcdf(tmp_path / "rain.nc")
    study = dataclasses.replace(
        STUDY,
        evaluation=config.Evaluation(land_model="tws.nc", precipitation="rain.nc"),
        folder=str(tmp_path),
    )
    gnss = xr.Dataset({"time": time[20:-12]})
    regions = {
        "west": shapely.box(100, 24, 103, 30),
        "east": shapely.box(103, 24, 106, 30),
    }
    found = read_references(study, gnss, regions).rain.precipitation
    assert found.month.values.astype("M8[M]").astype(str).tolist() == [
        "2020-01",
        "2020-02",
    ]
    expected = [[31 * 4, 31 * 2], [29 * 12, 29 * 6]]
    np.testing.assert_allclose(found.sel(region=["west", "east"]), expected, rtol=1e-6)


def test_series_that_are_kept_have_the_scores_of_their_products(compared):
    pair = compared.sel(other="grace", region="west")
    inside = pair.in_period.sel(period="early").values.astype(bool)
    assert inside.sum() == 60
    ours, theirs = pair.compared_gnss.values, pair.compared_other.values
    both = inside & np.isfinite(ours)
    r = np.corrcoef(ours[both], theirs[both])[0, 1]
    score = pair.sel(product="gnss", period="early")
    assert r == pytest.approx(score.pcc.item(), abs=1e-9)
    rms = np.sqrt(np.mean((ours - theirs)[both] ** 2))
    assert rms == pytest.approx(score.rmse.item(), rel=1e-9)


def test_seasons_of_precipitation_are_means_over_their_months():
    fields = np.arange(1.0, 19.0)[:, None, None] * np.ones((18, 1, 2))
    fields[:, :, 1] = np.nan
    calendar = np.arange(18) % 12 + 1
    found = _seasons(fields, calendar)
    assert list(found) == list(SEASONS)
    # January to June are there twice, twelve months apart.
    by_month = np.concatenate([np.arange(7.0, 13), np.arange(7.0, 13)])
    assert found["March to May"][0, 0] == pytest.approx(by_month[2:5].mean())
    winter = by_month[[11, 0, 1]].mean()
    assert found["December to February"][0, 0] == pytest.approx(winter)
    assert found["year"][0, 0] == pytest.approx(by_month.mean())
    assert np.isnan(found["year"][0, 1])
    assert list(_seasons(fields[:5], calendar[:5])) == ["March to May"]


@pytest.mark.parametrize("setting", ["groundwater", "evaluation", "weather", "none"])
def test_precipitation_is_that_of_the_first_table_with_a_grid(setting):
    study = dataclasses.replace(
        STUDY,
        groundwater=config.Groundwater(precipitation="wells.nc", grace="")
        if setting == "groundwater"
        else None,
        loads=config.Loads(displacement=("soil.txt",)),
        evaluation=config.Evaluation(land_model="tws.nc", precipitation="rain.nc")
        if setting in ("groundwater", "evaluation")
        else STUDY.evaluation,
        weather=None
        if setting == "none"
        else config.Weather(precipitation="era5.nc", temperature="t.nc"),
    )
    source = precipitation_source(study)
    if setting == "none":
        assert source is None
        assert not is_compared(study)
        return
    assert source is not None
    assert source[0] == f"{setting}.precipitation"
    assert is_compared(study)
    assert "reading_references" in stages_of_study(study)


def test_precipitation_without_a_product_is_refused():
    with pytest.raises(ValueError, match=r"evaluation\.precipitation stands beside"):
        config.Evaluation(precipitation="rain.nc")


@pytest.mark.slow
@needs_checker
def test_files_of_products_follow_the_conventions(area, products, compared, tmp_path):
    study = dataclasses.replace(
        STUDY, evaluation=config.Evaluation(grace="g.nc", bridge="grace")
    )
    alike = AlikeProducts(products, area)
    parts = {
        "products": compared,
        "wavelets": compare_wavelets(alike, MONTHS),
        "bridged": bridge_product(study, alike, MONTHS),
    }
    for name, part in parts.items():
        labelled = labelled_for_file(part, about_of_study(study))
        io.write_dataset(labelled, tmp_path / f"{name}.nc")
    assert complaints_of(tmp_path.glob("*.nc"), tmp_path) == {}

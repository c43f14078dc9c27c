"""Drought and water balance of a study: from water of regions to tables."""

import csv
import dataclasses
import json
import logging
from io import StringIO

import numpy as np
import pytest
import scipy.stats
import shapely
import xarray as xr
from twin_files import write_twin

from jaxload import config, description, evaluate, pipeline, sphere, synthetic
from jaxload.inversion.estimation.representers import RepresenterSolution, Term
from jaxload.pipeline.estimation.error_correlation import LASTING_ERRORS
from jaxload.pipeline.estimation.uncertainty import CellErrors, Errors
from jaxload.pipeline.evaluate.drought import (
    compute_drought,
    drought_of_record,
    read_climatology,
    warn_of_independent_days,
)
from jaxload.pipeline.evaluate.drought_maps import MonthlyVariance, map_drought
from jaxload.pipeline.evaluate.monthly_water import monthly_storage
from jaxload.pipeline.evaluate.water_balance import (
    areas_on_grid,
    compute_water_balance,
    read_water_balance,
)
from jaxload.pipeline.inputs.study_area import StudyArea
from jaxload.pipeline.report.water_tables import tables_of

pytest.importorskip("netCDF4")

REGIONS = {"north": shapely.box(10, 45, 12, 46), "south": shapely.box(10, 43, 12, 45)}
DAYS = np.arange("2010-01-01", "2022-01-01", dtype="M8[D]").astype("M8[ns]")
MONTHS = np.arange("2010-01", "2022-01", dtype="M8[M]")
#: Months in which the north is dry: March 2015 to October 2016.
DRY = (np.datetime64("2015-03") <= MONTHS) & (np.datetime64("2016-10") >= MONTHS)
SD = 12.0


def area():
    grid = sphere.regional_grid(shapely.box(9.5, 42.5, 12.5, 46.5), 0.5, 0.0)
    basins = sphere.basin_weights(grid, REGIONS)
    return StudyArea(REGIONS["north"], REGIONS, grid, basins, {}, {})


def study(folder=".", drought=None, balance=None):
    return config.Study(
        gnss=config.Gnss(files="*.up"),
        region=config.Region(boundary="region.txt"),
        drought=drought,
        water_balance=balance,
        folder=str(folder),
    )


@pytest.fixture
def regions(rng):
    """Days of two regions, of which one has a long drought and the other none."""
    month = DAYS.astype("M8[M]").astype(int) - MONTHS[0].astype(int)
    years = rng.normal(0, 12, (len(MONTHS), 2))
    years[DRY, 0] -= 70
    season = 60 * np.cos(2 * np.pi * np.arange(len(MONTHS)) / 12)
    daily = (season[:, None] + years)[month]
    sd = np.full(daily.shape, SD)
    coords = {"time": DAYS, "region": list(REGIONS)}
    dims = ("time", "region")
    return xr.Dataset({"twsa": (dims, daily), "twsa_sd": (dims, sd)}, coords)


def test_monthly_errors_are_those_of_days_with_their_memory(regions):
    days = np.arange(31)
    for memory in (0.0, 15.0):
        storage = monthly_storage(regions, memory)
        correlation = np.eye(31)
        if memory:
            correlation = np.exp(-abs(days[:, None] - days) / memory)
        expected = SD * np.sqrt(correlation.mean())
        assert storage.sd[0, 1] == pytest.approx(expected, rel=1e-9)
    assert storage.calendar[14] == 3
    first = regions.twsa.values[:31].mean(axis=0)
    np.testing.assert_allclose(storage.mean[0], first)


def test_errors_that_last_give_none_of_months(regions):
    regions.twsa_sd.attrs[LASTING_ERRORS] = "of amplitudes"
    storage = monthly_storage(regions)
    assert storage.covariance is None
    assert np.isnan(storage.sd).all()


def test_days_without_water_count_for_nothing_and_months_without_are_named(
    regions, caplog
):
    regions.twsa[40:59] = np.nan
    regions.twsa[3:10, 0] = np.nan
    with caplog.at_level(logging.WARNING):
        storage = monthly_storage(regions)
    assert "1 of 144 months have fewer than ten days" in caplog.text
    assert "2010-02" in caplog.text
    np.testing.assert_allclose(storage.sd[0], SD / np.sqrt([24, 31]))
    assert np.isnan(storage.sd[1]).all()


def test_a_drought_is_dated_with_its_probability(regions):
    settings = config.Drought(scales=(1, 3), draws=400)
    storage = monthly_storage(regions)
    dry, summary = compute_drought(study(drought=settings), storage, None, np.ones(2))
    for index in ("dsi", "1 month", "3 months"):
        event = max(summary["drought"]["north"][index], key=lambda one: one["months"])
        assert "2015-03" <= event["start"] <= "2015-05"
        # Means over three months are dry for two more.
        assert event["end"] == ("2016-12" if index == "3 months" else "2016-10")
        assert event["probability"] == 1
        assert event["start_05"] <= event["start"] <= event["start_95"]
    shares = dry.probability.sel(region="north", index="dsi").values
    np.testing.assert_allclose(shares.sum(axis=0), 1, rtol=1e-12)
    assert (shares[0, DRY] < 0.05).all()
    severity = evaluate.drought_severity(storage.mean, storage.calendar)
    np.testing.assert_allclose(dry.drought_index.sel(index="dsi"), severity)
    percentile = dry.percentile.sel(region="south").values[5::12]
    rank = scipy.stats.rankdata(storage.mean[5::12, 1])
    np.testing.assert_allclose(percentile, 100 * (rank - 0.44) / 12.12)


def test_without_errors_there_is_an_index_and_no_probability(regions):
    storage = monthly_storage(regions.drop_vars("twsa_sd"))
    settings = config.Drought(scales=(1,))
    dry, summary = compute_drought(study(drought=settings), storage, None, np.ones(2))
    assert np.isfinite(dry.drought_index).all()
    assert np.isnan(dry.probability).all()
    assert "probability" not in summary["drought"]["north"]["dsi"][0]


def grace(path, months, water):
    """A grid of half degrees about another mean; `water` by month."""
    lon, lat = np.arange(9.25, 13, 0.5), np.arange(42.25, 47, 0.5)
    field = np.broadcast_to(water[:, None, None], (len(water), len(lat), len(lon)))
    middle = months.astype("M8[D]") + np.timedelta64(14, "D")
    dims, units = ("time", "lat", "lon"), {"units": "mm"}
    coords = {"time": middle.astype("M8[ns]"), "lat": lat, "lon": lon}
    xr.Dataset({"lwe_thickness": (dims, field, units)}, coords).to_netcdf(path)


def test_a_longer_record_judges_about_the_mean_of_the_study(regions, tmp_path, rng):
    """Probabilities are exact then: those of a normal error about a limit."""
    months = np.arange("1990-01", "2022-01", dtype="M8[M]")
    water = 500 + 60 * np.cos(2 * np.pi * (months.astype(int) % 12) / 12)
    water = water + rng.normal(0, 20, len(months))
    grace(tmp_path / "long.nc", months, water)
    settings = config.Drought(scales=(1, 6), climatology="long.nc", draws=200)
    setup = study(tmp_path, settings)
    reference = read_climatology(setup, area(), DAYS)
    storage = monthly_storage(regions)
    dry, _ = compute_drought(setup, storage, reference, np.ones(2))
    both = months >= MONTHS[0]
    aligned = water - water[both].mean() + storage.mean[:, 0].mean()
    same = aligned[6::12]
    limit = same.mean() - 0.8 * same.std()
    row = 12 * 5 + 6
    expected = scipy.stats.norm.sf(limit, storage.mean[row, 0], storage.sd[row, 0])
    got = dry.probability.sel(region="north", index="dsi").values[0, row]
    assert got == pytest.approx(expected, abs=1e-9)
    index = dry.drought_index.sel(region="north", index="1 month").values[row]
    rank = 1 + (same < storage.mean[row, 0]).sum()
    assert index == pytest.approx(
        scipy.stats.norm.ppf((rank - 0.44) / (len(same) + 1.12))
    )


WRONG = {
    "too long": ({"scales": (1, 48)}, "drought.scales has 48 months, but the heights"),
    "of no time in common": (
        {"climatology": "old.nc", "scales": (1,)},
        "drought.climatology old.nc has 0 months in common with the heights, 2010-01",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_judge_a_drought_is_refused(case, tmp_path):
    settings, message = WRONG[case]
    months = np.arange("1990-01", "2000-01", dtype="M8[M]")
    grace(tmp_path / "old.nc", months, np.zeros(len(months)))
    setup = study(tmp_path, config.Drought(**{"cell_scales": ()} | settings))
    with pytest.raises(ValueError, match=message):
        read_climatology(setup, area(), DAYS[: 12 * 31])


def test_usual_time_scales_beyond_a_short_record_are_left_out():
    short = drought_of_record(config.Drought(), DAYS[: 31 * 7])
    assert (short.scales, short.cell_scales) == ((1, 3, 6), (1,))
    whole = drought_of_record(config.Drought(), DAYS)
    assert whole == config.Drought()


def test_a_climatology_of_few_years_or_another_amplitude_is_warned_of(
    regions, tmp_path, caplog, rng
):
    months = np.arange("2014-01", "2018-01", dtype="M8[M]")
    grace(tmp_path / "short.nc", months, rng.normal(0, 2, len(months)))
    settings = config.Drought(scales=(1,), climatology="short.nc", draws=10)
    setup = study(tmp_path, settings)
    with caplog.at_level(logging.WARNING):
        reference = read_climatology(setup, area(), DAYS)
        compute_drought(setup, monthly_storage(regions), reference, np.ones(2))
    assert "judged by 4.0 years of drought.climatology short.nc" in caplog.text
    assert "times as much as the water of north" in caplog.text


def test_a_smoothed_record_judges_as_if_it_were_not_where_amplitudes_are_matched(
    regions, tmp_path, rng
):
    months = np.arange("1995-01", "2022-01", dtype="M8[M]")
    water = 40 * np.cos(2 * np.pi * months.astype(int) / 12)
    water = water + rng.normal(0, 25, len(months))
    grace(tmp_path / "whole.nc", months, water)
    grace(tmp_path / "smooth.nc", months, 0.3 * water + 100)
    settings = config.Drought(scales=(1,), match_amplitude=True, climatology="whole.nc")
    storage, indices = monthly_storage(regions.drop_vars("twsa_sd")), []
    for name in ("whole.nc", "smooth.nc"):
        setup = study(tmp_path, dataclasses.replace(settings, climatology=name))
        reference = read_climatology(setup, area(), DAYS)
        dry, _ = compute_drought(setup, storage, reference, np.ones(2))
        indices.append(dry.drought_index.values)
    np.testing.assert_allclose(indices[0], indices[1], atol=1e-4)


def test_droughts_about_a_line_are_warned_of(caplog):
    setup = dataclasses.replace(
        study(drought=config.Drought(scales=(1,))),
        cleaning=config.Cleaning(trend="remove"),
    )
    with caplog.at_level(logging.WARNING):
        read_climatology(setup, area(), DAYS)
    assert "droughts are judged about a line" in caplog.text
    assert "drought is judged by" not in caplog.text


def test_errors_of_independent_days_are_warned_of(caplog):
    errors = Errors("regions", np.ones((5, 1)))
    warn_of_independent_days(config.Drought(), errors)
    assert "drought.error_memory_days is 0" in caplog.text
    caplog.clear()
    warn_of_independent_days(config.Drought(error_memory_days=20), errors)
    warn_of_independent_days(config.Drought(), Errors("none"))
    assert not caplog.records


def test_cells_have_the_index_of_their_own_months(rng):
    grid = area().grid
    cells = len(grid.lon)
    fields, coefficients = rng.normal(size=(cells, 3)), rng.normal(size=(len(DAYS), 3))
    coefficients[100] = np.nan
    ok = np.isfinite(coefficients).all(axis=1)
    terms = (Term(coefficients, fields),)
    solution = RepresenterSolution(terms, np.zeros((len(DAYS), 1)), ok, np.zeros(1))
    errors = (
        CellErrors(part, np.full((len(DAYS[part]), cells), 2.0, np.float32), None)
        for part in (slice(0, 3000), slice(3000, len(DAYS)))
    )
    variance = MonthlyVariance(DAYS, 0.0)
    noted = variance.noted(Errors("cells", cells=lambda: errors))
    assert noted.cells is not None
    assert len(list(noted.cells())) == 2
    settings = config.Drought(cell_scales=(1, 3))
    maps = map_drought(settings, solution, grid, DAYS, variance)
    load = coefficients @ fields.T
    month = DAYS.astype("M8[M]")
    means = np.stack([np.nanmean(load[month == m], axis=0) for m in MONTHS])
    calendar = np.arange(len(MONTHS)) % 12 + 1
    for number, scale in enumerate((1, 3)):
        expected = evaluate.standardised_index(means, calendar, scale)
        raster = sphere.to_raster(grid, expected)
        np.testing.assert_allclose(maps.cell_index.values[number], raster, atol=1e-6)
    # Of twelve years three are dry: the limit lies between the third and the fourth.
    cell = means[7::12, 0]
    ordered = np.sort(cell)
    middle = (ordered[2] + ordered[3]) / 2
    sd = 2 / np.sqrt(31)
    expected = scipy.stats.norm.cdf((middle - cell) / sd)
    row, column = np.argwhere(sphere.to_raster(grid, np.arange(cells)) == 0)[0]
    got = maps.cell_drought_probability.values[0, 7::12, row, column]
    np.testing.assert_allclose(got, expected, atol=1e-5)


def fluxes(folder, rng):
    """Amounts of months by region, two products of rain, in two units."""
    rain = rng.uniform(20, 120, (len(MONTHS), 2))
    evaporation = rng.uniform(20, 60, (len(MONTHS), 2))
    runoff = rng.uniform(5, 40, (len(MONTHS), 2))
    write(folder / "P.csv", rain, ("north", "south"))
    write(folder / "P2.csv", rain + np.array([4.0, 0.0]), ("N", "S"))
    days = (MONTHS + 1).astype("M8[D]") - MONTHS.astype("M8[D]")
    per_day = evaporation / days.astype(int)[:, None]
    write(folder / "ET.csv", per_day, ("North", "SOUTH"))
    volume = runoff * areas_on_grid(area()) / 1e6
    write(folder / "R.csv", volume, ("north", "south"))
    return rain - evaporation - runoff


def write(path, values, names):
    rows = [",".join(["date", *names])]
    rows += [f"{m}-15,{a:.9g},{b:.9g}" for m, (a, b) in zip(MONTHS, values)]
    path.write_text("\n".join(rows) + "\n")


def balance_of_files(**others):
    source = config.RegionSource
    products = (
        source("P.csv", units="mm/month"),
        source("P2.csv", units="mm/month", regions=("north: N", "south: S")),
    )
    return config.WaterBalance(
        precipitation=products,
        evapotranspiration=source("ET.csv", units="mm/day", relative_error=0.1),
        runoff=source("R.csv", units="km3/month", error=3.0),
        **others,
    )


def test_storage_that_gathers_what_is_left_of_rain_closes_the_balance(
    regions, tmp_path, rng
):
    net = fluxes(tmp_path, rng)
    setup = study(tmp_path, balance=balance_of_files())
    parts = read_water_balance(setup, area(), DAYS)
    storage = monthly_storage(regions)
    gathered = net.cumsum(axis=0) - net / 2
    storage = dataclasses.replace(storage, mean=gathered)
    balance, summary = compute_water_balance(storage, parts, areas_on_grid(area()))
    # One product of rain has 4 mm more in the north: its mean has 2 mm more.
    north, south = balance.imbalance.values[1:-1].T
    np.testing.assert_allclose(north, 2, atol=1e-4)
    np.testing.assert_allclose(south, 0, atol=1e-4)
    assert summary["water_balance"]["south"]["correlation"] > 0.9999
    assert summary["water_balance"]["north"]["mean_imbalance_mm"] == pytest.approx(2)
    spread = balance.precipitation_sd.values[1:-1]
    np.testing.assert_allclose(spread, [[4 / np.sqrt(2), 0]] * len(spread), atol=1e-4)
    evaporation = balance.evapotranspiration
    np.testing.assert_allclose(
        balance.evapotranspiration_sd[1:-1], 0.1 * evaporation[1:-1], rtol=1e-6
    )
    change = balance.storage_change_sd.values[5, 0]
    expected = np.sqrt((storage.sd[4, 0] ** 2 + storage.sd[6, 0] ** 2) / 4)
    assert change == pytest.approx(expected)
    names = ("precipitation_sd", "evapotranspiration_sd", "runoff_sd")
    total = sum(balance[name].values[5, 0] ** 2 for name in names) + change**2
    assert balance.imbalance_sd.values[5, 0] == pytest.approx(np.sqrt(total))


def test_groundwater_is_what_snow_soil_and_reservoirs_leave(
    regions, tmp_path, rng, caplog
):
    snow = rng.uniform(0, 50, (len(MONTHS), 2))
    km2 = areas_on_grid(area())
    write(tmp_path / "snow.csv", 1000 + snow, ("north", "south"))
    stored = rng.uniform(2, 3, len(MONTHS))
    write(tmp_path / "dams.csv", np.stack([stored, stored], 1), ("north", "other"))
    settings = config.WaterBalance(
        snow=config.RegionSource("snow.csv", units="mm", error=5.0),
        reservoirs=config.RegionSource("dams.csv", units="km3"),
    )
    parts = read_water_balance(study(tmp_path, balance=settings), area(), DAYS)
    storage = monthly_storage(regions)
    balance, summary = compute_water_balance(storage, parts, km2)
    water = storage.mean[:, 0] - snow[:, 0] - stored * 1e6 / km2[0]
    left = balance.groundwater.values
    np.testing.assert_allclose(left[:, 0], water - water.mean(), atol=1e-4)
    error = np.hypot(storage.sd[:, 0], 5.0)
    np.testing.assert_allclose(balance.groundwater_sd.values[:, 0], error)
    south = storage.mean[:, 1] - snow[:, 1]
    np.testing.assert_allclose(left[:, 1], south - south.mean(), atol=1e-4)
    assert summary["water_balance"]["north"]["groundwater_months"] == 144
    assert "water_balance.reservoirs has no value for south" in caplog.text


def test_grids_are_averaged_over_regions_and_months(tmp_path):
    lon, lat = np.arange(9.25, 13, 0.5), np.arange(42.25, 47, 0.5)
    middle = (MONTHS.astype("M8[D]") + np.timedelta64(14, "D")).astype("M8[ns]")
    rate = np.arange(len(MONTHS))[:, None, None] * np.ones((1, len(lat), len(lon)))
    dims = ("time", "lat", "lon")
    coords = {"time": middle, "lat": lat, "lon": lon}
    field = (dims, rate / 86400, {"units": "kg m-2 s-1"})
    xr.Dataset({"evspsbl": field}, coords).to_netcdf(tmp_path / "et.nc")
    snow = (dims, 1000 + rate, {"units": "kg m-2"})
    xr.Dataset({"snw": snow}, coords).to_netcdf(tmp_path / "snow.nc")
    write(tmp_path / "P.csv", np.ones((len(MONTHS), 2)), ("north", "south"))
    source = config.RegionSource
    settings = config.WaterBalance(
        precipitation=source("P.csv", units="mm/month", error=1.0),
        evapotranspiration=source("et.nc", variable="evspsbl", span="month"),
        snow=source("snow.nc", variable="snw", span="month"),
    )
    parts = read_water_balance(study(tmp_path, balance=settings), area(), DAYS)
    days = ((MONTHS + 1).astype("M8[D]") - MONTHS.astype("M8[D]")).astype(int)
    expected = np.arange(len(MONTHS)) * days
    got = parts["evapotranspiration"].values[0, :, 1]
    np.testing.assert_allclose(got, expected, rtol=1e-5)
    snow_got = parts["snow"].values[0, :, 0]
    np.testing.assert_allclose(snow_got, 1000 + np.arange(len(MONTHS)), rtol=1e-5)


REFUSED = {
    "no units": ({"units": ""}, "water_balance.runoff R.csv: the table states no unit"),
    "no time": ({"units": "mm"}, "does not say in which time"),
    "no region": (
        {"regions": ("middle: north",)},
        "names 'middle', which is no region of the study .north, south.; name one of",
    ),
    "no column": ({"regions": ("north: west",)}, "there is no column 'west'"),
    "no name": ({"files": "other.csv"}, r'say which by regions = \["REGION: COLUMN"\]'),
    "no time in common": (
        {"files": "old.csv"},
        "has no value of the regions from 2010",
    ),
    "no file": ({"files": "none.csv"}, "none.csv"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_water_of_the_regions_is_refused_with_a_remedy(case, tmp_path, rng):
    fluxes(tmp_path, rng)
    write(tmp_path / "other.csv", np.ones((len(MONTHS), 2)), ("x", "y"))
    (tmp_path / "old.csv").write_text("date,north,south\n1999-01-15,1,2\n")
    usual = {"files": "R.csv", "units": "mm/month", "error": 1.0}
    wrong, message = REFUSED[case]
    runoff = config.RegionSource(**usual | wrong)
    settings = dataclasses.replace(balance_of_files(), runoff=runoff)
    error = FileNotFoundError if case == "no file" else ValueError
    with pytest.raises(error, match=message):
        read_water_balance(study(tmp_path, balance=settings), area(), DAYS)


@pytest.mark.parametrize("same", [True, False])
def test_two_tables_with_one_month_have_to_agree_on_it(same, tmp_path, rng):
    fluxes(tmp_path, rng)
    month, *row = (tmp_path / "P.csv").read_text().splitlines()[5].split(",")
    row = row if same else ["1.0", ""]
    (tmp_path / "late.csv").write_text(f"date,north,south\n{month},{','.join(row)}\n")
    both = config.RegionSource(("P.csv", "late.csv"), units="mm/month", error=1.0)
    settings = dataclasses.replace(balance_of_files(), precipitation=both)
    setup = study(tmp_path, balance=settings)
    if same:
        one = dataclasses.replace(both, files="P.csv")
        alone = dataclasses.replace(settings, precipitation=one)
        want = read_water_balance(study(tmp_path, balance=alone), area(), DAYS)
        got = read_water_balance(setup, area(), DAYS)
        flux = "precipitation"
        np.testing.assert_array_equal(got[flux].values, want[flux].values)
        return
    said = f"the tables have for north several values of {month[:7]}; leave out a file"
    with pytest.raises(ValueError, match=f"water_balance.precipitation.*{said}"):
        read_water_balance(setup, area(), DAYS)


def test_a_flux_without_any_error_is_warned_of(tmp_path, rng, caplog):
    fluxes(tmp_path, rng)
    runoff = config.RegionSource("R.csv", units="km3/month")
    settings = dataclasses.replace(balance_of_files(), runoff=runoff)
    with caplog.at_level(logging.WARNING):
        read_water_balance(study(tmp_path, balance=settings), area(), DAYS)
    assert "water_balance.runoff has no error and one product only" in caplog.text


def test_tables_have_a_line_for_each_month_of_a_region(regions):
    storage = monthly_storage(regions)
    settings = config.Drought(scales=(1, 12), draws=100)
    km2 = areas_on_grid(area())
    dry, _ = compute_drought(study(drought=settings), storage, None, km2)
    tables = tables_of({"drought.nc": dry})
    assert set(tables) == {"drought.csv", "regions_monthly.csv"}
    rows = list(csv.DictReader(StringIO(tables["regions_monthly.csv"])))
    assert len(rows) == 2 * len(MONTHS)
    row = next(
        r
        for r in rows
        if (r["region"], r["year"], r["month"]) == ("north", "2015", "7")
    )
    at = 12 * 5 + 6
    assert float(row["water_mm"]) == pytest.approx(storage.mean[at, 0], abs=0.006)
    km3 = storage.mean[at, 0] * km2[0] * 1e-6
    assert float(row["water_km3"]) == pytest.approx(km3, abs=6e-5)
    assert float(row["percentile"]) < 20
    assert row["class_dsi"] != "none"
    assert float(row["drought_probability_dsi"]) > 0.9
    assert 0 <= float(row["class_probability_1_month"]) <= 1
    # There is no mean of twelve months before the twelfth.
    assert rows[3]["index_12_months"] == rows[3]["class_12_months"] == ""
    events = list(csv.DictReader(StringIO(tables["drought.csv"])))
    assert {"start", "end", "depth", "probability", "start_05"} <= set(events[0])


def test_a_year_and_a_half_of_missing_events_leaves_a_table_of_its_header(regions):
    storage = monthly_storage(regions)
    storage = dataclasses.replace(storage, mean=np.full_like(storage.mean, np.nan))
    settings = config.Drought(scales=(1,), draws=10)
    dry, summary = compute_drought(study(drought=settings), storage, None, np.ones(2))
    assert summary["drought"] == {"north": {}, "south": {}}
    assert tables_of({"drought.nc": dry})["drought.csv"].count("\n") == 1


# A whole study


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """Three years of a small world, run from files to tables."""
    folder = tmp_path_factory.mktemp("world")
    place = {"radius": 2.0, "belt": 1.0, "spacing": 0.5}
    settings = synthetic.TwinSettings(
        stations=12, days=800, start="2015-01-01", **place
    )
    write_world(synthetic.twin(settings), folder)
    months = np.arange("2015-01", "2018-01", dtype="M8[M]")
    rows = [f"{m}-15,{a:.3f}" for m, a in zip(months, np.arange(36.0))]
    for name in ("P", "ET", "soil"):
        body = "\n".join(["date,region", *rows])
        (folder / f"{name}.csv").write_text(body + "\n")
    source = config.RegionSource
    setup = config.Study(
        gnss=config.Gnss(files="gnss/*.up"),
        region=config.Region(boundary="region.geojson", spacing=0.5, buffer=1.0),
        title="a small world",
        earth=config.Earth(max_degree=3000),
        inversion=config.Inversion(beta=0.01, errors="cells"),
        drought=config.Drought(scales=(1, 3), cell_scales=(1,), draws=50),
        water_balance=config.WaterBalance(
            precipitation=source("P.csv", units="mm/month", relative_error=0.1),
            evapotranspiration=source("ET.csv", units="mm/month", relative_error=0.1),
            soil=source("soil.csv", units="mm", error=4.0),
        ),
        folder=str(folder),
    )
    out = folder / "out"
    pipeline.run(setup, out)
    return setup, out


def write_world(world, folder):
    write_twin(world, folder)


@pytest.mark.slow
def test_a_run_writes_its_tables_maps_and_figures(result):
    _, out = result
    names = {path.name for path in out.iterdir()}
    tables = {"drought.csv", "regions_monthly.csv", "water_balance.csv"}
    figures = {
        "drought_probability.png",
        "drought_map.png",
        "water_balance.png",
        "components.png",
    }
    assert tables | figures | {"drought.nc", "water_balance.nc"} <= names
    summary = json.loads((out / "summary.json").read_text())
    assert tables <= set(summary["files"])
    with xr.open_dataset(out / "drought.nc") as dry:
        assert dry.cell_index.dims == ("cell_scale", "month", "lat", "lon")
        known = dry.cell_drought_probability.values
        assert np.nanmax(known) <= 1
        assert np.isfinite(known).any()
        water = dry.water.values
    with xr.open_dataset(out / "regions.nc") as regions:
        days = regions.twsa.values[:31].mean(axis=0)
    np.testing.assert_allclose(water[0], days, rtol=1e-4)
    lines = description.describe(out)
    assert any(line.startswith("gravest drought of region") for line in lines)
    assert any(line.startswith("water balance of region: corr") for line in lines)
    assert "tables: drought.csv, regions_monthly.csv, water_balance.csv" in lines


@pytest.mark.slow
def test_tables_are_part_of_a_result_that_is_taken_up(result):
    setup, out = result
    before = (out / "drought.csv").stat().st_mtime_ns
    again = pipeline.run(setup, out, resume=True)
    again.close()
    assert (out / "drought.csv").stat().st_mtime_ns == before
    (out / "regions_monthly.csv").unlink()
    pipeline.run(setup, out, resume=True).close()
    assert (out / "regions_monthly.csv").exists()

"""Heights that are no anomaly, short records, and water that cannot be so."""

import dataclasses
import json
import logging

import numpy as np
import pytest
import shapely
import xarray as xr

from jaxload import cli, config, description, io, pipeline, series, synthetic
from jaxload.pipeline.inputs.observations import read_observations
from jaxload.pipeline.prepare import cleaning, loads
from jaxload.pipeline.prepare.heights import check_heights, ready_heights
from jaxload.pipeline.report.plausibility import Extremes

pytest.importorskip("netCDF4")

DAYS = 1200
WORLD = synthetic.TwinSettings(
    stations=10, days=DAYS, radius=1.5, belt=0.5, spacing=0.5, start="2015-01-01"
)
REMOVE = config.Cleaning(trend="remove")


def nobody(share):
    del share


def dataset(up, sigma, world):
    dims, count = ("time", "station"), up.shape[1]
    coords = {
        "time": world.time[: len(up)].astype("M8[ns]"),
        "station": world.station[:count],
        "lon": ("station", world.lon[:count]),
        "lat": ("station", world.lat[:count]),
        "height": ("station", np.zeros(count)),
    }
    values = {"up": (dims, up.copy()), "up_sigma": (dims, sigma.copy())}
    return io.label_dataset(xr.Dataset(values, coords))


@pytest.fixture(scope="module")
def world():
    return synthetic.twin(WORLD)


@pytest.fixture
def gnss(world, rng):
    """Heights of all stations from the first day on, one day in twenty missing."""
    up = world.loading + 2 * rng.normal(size=world.loading.shape)
    up[rng.random(up.shape) < 0.05] = np.nan
    return dataset(up, np.full(up.shape, 2.0), world)


@pytest.fixture
def study_of(world, tmp_path):
    """A study of heights that are written as files, and how to change its tables."""

    def ask(heights, /, **tables):
        io.write_up(heights, tmp_path / "gnss")
        outline = shapely.geometry.mapping(world.region)
        (tmp_path / "region.geojson").write_text(json.dumps(outline))
        given = {
            "gnss": config.Gnss(files="gnss/*.up"),
            "region": config.Region("region.geojson", spacing=0.5, buffer=0.5),
            "earth": config.Earth(max_degree=3000),
            "inversion": config.Inversion(beta=0.05),
        }
        return config.Study(**{**given, **tables}, folder=str(tmp_path))

    return ask


def plain(**tables):
    """A study none of whose files are read."""
    given = {"gnss": config.Gnss("gnss/*.up"), "region": config.Region("none")}
    return config.Study(**{**given, **tables})


def median_scatter(gnss):
    up = gnss.up.values
    return np.median(1.4826 * np.nanmedian(abs(up - np.nanmedian(up, axis=0)), axis=0))


# Short records


def test_one_young_station_moves_the_map_little(world, gnss, study_of, caplog):
    """Its last forty days alone, in heights that lose their trends."""
    whole = pipeline.run(study_of(gnss, cleaning=REMOVE))
    assert whole.summary["cleaning"]["short_records"] == {}
    start = DAYS - 40
    young = gnss.copy(deep=True)
    young.up[:start, 3] = np.nan
    with caplog.at_level(logging.WARNING):
        result = pipeline.run(study_of(young, cleaning=REMOVE))
    assert f"{world.station[3]} with 2" in caplog.text
    here = result.stations.isel(time=slice(start, None), station=3)
    np.testing.assert_allclose(
        np.ptp(here.up.values),
        np.nanmax(young.up[start:, 3]) - np.nanmin(young.up[start:, 3]),
        atol=0.1,
    )
    assert here.trend_determined == 0
    change = (result.water.twsa - whole.water.twsa)[start:]
    assert float(abs(change).max()) < 100


@pytest.mark.parametrize(
    "days",
    [
        pytest.param(5, marks=pytest.mark.slow),
        31,
        pytest.param(90, marks=(pytest.mark.slow, pytest.mark.thorough)),
    ],
)
def test_a_short_study_keeps_its_heights_and_writes_no_amplitude(
    days, world, gnss, study_of, tmp_path
):
    end = str(world.time[days - 1])[:10]
    study = study_of(
        gnss.isel(time=slice(0, days)),
        gnss=config.Gnss("gnss/*.up", end=end),
        cleaning=config.Cleaning(trend="remove", outliers="3-sigma"),
    )
    out = tmp_path / "out"
    result = pipeline.run(study, out)
    before = gnss.up.values[:days]
    after = result.stations.up.values
    seen = np.isfinite(before).sum(axis=0) > 0
    growth = np.sqrt(np.nanmean(after**2, axis=0)) / np.nanstd(before[:, seen], axis=0)
    assert growth.max() < 1.05
    assert "annual_amplitude" not in result.water
    assert not (out / "annual_amplitude.png").exists()
    said = "\n".join(description.describe(out))
    assert "annual amplitude not written, of less than a year and a half" in said
    assert f"trends not determined by the records of {seen.sum()} of" in said


@pytest.mark.parametrize("days", [pytest.param(6, marks=pytest.mark.slow), 35])
def test_a_short_study_is_scored_by_the_months_that_there_are(
    days, gnss, study_of, tmp_path
):
    time = np.arange("2014-12", "2015-06", dtype="M8[M]").astype("M8[ns]")
    lon, lat = np.arange(98.5, 107), np.arange(23.5, 32)
    values = 5 * np.cos(np.arange(6.0))[:, None, None] + np.zeros((6, 9, 9))
    array = (("time", "lat", "lon"), values, {"units": "cm"})
    coords = {"time": time + np.timedelta64(15, "D"), "lat": lat, "lon": lon}
    xr.Dataset({"lwe_thickness": array}, coords).to_netcdf(tmp_path / "grace.nc")
    study = study_of(
        gnss.isel(time=slice(0, days)),
        evaluation=config.Evaluation(grace="grace.nc"),
        inversion=config.Inversion(beta=0.05, common_mode_mm="estimate"),
    )
    result = pipeline.run(study, tmp_path / "out")
    score = result.summary["evaluation"]["region"]
    assert score["months"] == days // 31
    assert not np.isfinite(score["pcc"])
    assert np.isfinite(result.water.twsa.values).any()
    said = "\n".join(description.describe(tmp_path / "out"))
    assert "correlation undefined, NSE undefined, RMSE" in said


def test_a_year_and_a_half_has_an_amplitude(study_of, gnss, tmp_path):
    result = pipeline.run(study_of(gnss), tmp_path / "out")
    assert "annual_amplitude" in result.water
    assert (tmp_path / "out" / "annual_amplitude.png").is_file()
    found = result.summary["plausibility"]
    assert found["largest_amplitude_mm"] == pytest.approx(
        float(result.water.annual_amplitude.max()), rel=1e-6
    )
    assert found["amplitudes_beyond"] == 0


def test_short_records_are_dropped_where_that_is_asked(gnss):
    young = gnss.copy(deep=True)
    young.up[:-40, 2] = np.nan
    settings = config.Cleaning(trend="remove", short_records="drop")
    cleaned = cleaning.clean(plain(cleaning=settings), young, nobody)
    others = np.delete(gnss.station.values, 2)
    assert list(cleaned.station.values) == list(others)
    kept = cleaning.clean(plain(cleaning=REMOVE), young, nobody)
    assert cleaning.cleaning_summary(kept)["short_records"] == {
        str(gnss.station.values[2]): 2
    }
    np.testing.assert_array_equal(cleaned.up, kept.up.sel(station=others))
    short = gnss.isel(time=slice(0, 60))
    with pytest.raises(ValueError, match='short_records is "drop"'):
        cleaning.clean(plain(cleaning=settings), short, nobody)


@pytest.mark.parametrize("mean", ["none", "weekly", "monthly"])
def test_loads_lose_what_the_heights_lost_however_short(mean, gnss, rng):
    """Heights that are their load and noise keep the noise alone."""
    days = np.arange(len(gnss.time))[:, None] / 365.2425
    load = 8 * np.cos(2 * np.pi * (days - 0.1)) + 6 * days + np.zeros((1, 10))
    noise = rng.normal(size=load.shape)
    noise[: DAYS - 100, 0] = np.nan
    noise[: DAYS - 300, 1] = np.nan
    both = dataset(load + noise, np.ones_like(noise), gnss_world(gnss))
    study = plain(cleaning=config.Cleaning(trend="remove", average=mean))
    cleaned = cleaning.clean(study, both, nobody)
    there = loads.loads_at_epochs(load, gnss.time.values, cleaned, "x")
    left = loads.remove_loads(study, cleaned, {"water": there}).up.values
    spread = np.nanstd(left, axis=0)
    assert spread.max() < 1.3
    assert np.sqrt(np.nanmean(left**2, axis=0)).max() < 1.3


def gnss_world(gnss):
    kind = dataclasses.make_dataclass("W", ["time", "station", "lon", "lat"])
    return kind(*(gnss[name].values for name in ("time", "station", "lon", "lat")))


def test_heights_of_two_stations_keep_what_no_common_mode_can_be_seen_in(gnss, caplog):
    early = gnss.copy(deep=True)
    early.up[:50, 2:] = np.nan
    study = plain(cleaning=config.Cleaning(common_mode="stack"))
    with caplog.at_level(logging.WARNING):
        cleaned = cleaning.clean(study, early, nobody)
    np.testing.assert_array_equal(cleaned.up[:50, :2], early.up[:50, :2])
    np.testing.assert_array_equal(cleaned.up.notnull(), early.up.notnull())
    assert "no common mode was taken out of" in caplog.text


# Heights that are no anomaly


def test_stations_without_a_day_in_the_period_are_named_and_left_out(gnss, caplog):
    empty = gnss.copy(deep=True)
    empty.up[:, 4] = np.nan
    with caplog.at_level(logging.WARNING):
        left, found = ready_heights(plain(), empty)
    name = str(gnss.station.values[4])
    assert found["stations_without_days"] == [name]
    assert name not in left.station.values
    assert f"1 of 10 stations without a day in the period: {name}" in caplog.text
    with pytest.raises(ValueError, match="none of 10 stations has a height"):
        ready_heights(plain(), empty.assign(up=empty.up * np.nan))


def test_a_day_of_large_sigma_does_not_move_the_map(gnss, study_of, caplog):
    gnss = gnss.isel(time=slice(0, 60))
    bad = gnss.copy(deep=True)
    bad.up[30, 2], bad.up_sigma[30, 2] = (
        6000.0,
        50 * float(gnss.up_sigma[:, 2].median()),
    )
    with caplog.at_level(logging.WARNING):
        moved = pipeline.run(study_of(bad))
    assert "left out 1 days of 1 stations" in caplog.text
    assert "50 times" in caplog.text
    name = str(gnss.station.values[2])
    assert moved.summary["heights"]["days_of_large_sigma"] == {name: 1}
    missing = gnss.copy(deep=True)
    missing.up[30, 2] = np.nan
    without = pipeline.run(study_of(missing))
    np.testing.assert_allclose(moved.water.twsa, without.water.twsa, atol=1e-3)
    # A study may keep it, and is warned of both the day and the water.
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        kept = pipeline.run(
            study_of(bad, gnss=config.Gnss("gnss/*.up", largest_sigma=0))
        )
    assert float(abs(kept.water.twsa[30]).max()) > 2000
    assert f"{name} by 599" in caplog.text
    assert "water beyond 2000 mm" in caplog.text
    assert kept.summary["plausibility"]["cells_beyond"] > 0
    day = str(gnss.time.values[30])[:10]
    assert kept.summary["plausibility"]["largest_on"] == day


def test_daily_errors_weigh_every_day_themselves(gnss):
    bad = gnss.copy(deep=True)
    bad.up_sigma[30, 2] *= 50
    study = plain(gnss=config.Gnss("x", sigma="daily"))
    left, found = ready_heights(study, bad)
    np.testing.assert_array_equal(left.up, bad.up)
    assert found["days_of_large_sigma"] == {}


def test_absolute_heights_are_refused_and_mended(gnss, study_of, tmp_path, capsys):
    gnss = gnss.isel(time=slice(0, 60))
    high = gnss.copy(deep=True)
    high.up[:, 1] += 1_500_000.0
    study = study_of(high)
    (tmp_path / "study.toml").write_text(config.to_toml(study))
    words = ["run", str(tmp_path / "study.toml"), "--out", str(tmp_path / "out")]
    assert cli.main(words) == 2
    said = capsys.readouterr().err
    name = str(gnss.station.values[1])
    assert "1 of 10 stations are no anomalies but absolute" in said
    assert f"{name} 1500.0 m" in said
    assert 'gnss.reference = "mean"' in said
    mean = config.Gnss("gnss/*.up", reference="mean")
    mended = pipeline.run(study_of(high, gnss=mean))
    plain_one = pipeline.run(study_of(gnss, gnss=mean))
    np.testing.assert_allclose(mended.water.twsa, plain_one.water.twsa, atol=1e-2)
    up = mended.stations.up.values
    np.testing.assert_allclose(np.nanmean(up, axis=0), 0, atol=1e-5)


def test_raw_heights_of_a_network_are_refused(gnss, rng):
    raw = gnss.assign(up=gnss.up + rng.uniform(200, 900, size=10))
    with pytest.raises(ValueError, match="half of them have a median beyond") as caught:
        check_heights(plain(), raw)
    assert 'gnss.reference = "mean"' in str(caught.value)
    check_heights(plain(cleaning=REMOVE), raw)


def test_an_offset_of_one_station_is_warned_of_with_its_size(gnss, caplog):
    up = gnss.copy(deep=True)
    up.up[:, 5] += 80.0
    name = str(gnss.station.values[5])
    with caplog.at_level(logging.WARNING):
        found = check_heights(plain(), up)
    assert list(found["offsets_mm"]) == [name]
    assert found["offsets_mm"][name] == pytest.approx(80, abs=15)
    assert name in caplog.text
    assert 'gnss.reference = "mean"' in caplog.text


def test_a_network_of_anomalies_is_not_doubted(gnss, caplog):
    with caplog.at_level(logging.WARNING):
        found = check_heights(plain(), ready_heights(plain(), gnss)[0])
    assert not caplog.text
    assert found.pop("scatter_mm") == pytest.approx(median_scatter(gnss))
    assert not any(found.values())


def test_two_zeros_in_one_series_are_found(gnss, caplog):
    joined = gnss.copy(deep=True)
    joined.up[430:, 6] -= 52.6
    with caplog.at_level(logging.WARNING):
        found = check_heights(plain(), joined)
    name = str(gnss.station.values[6])
    assert list(found["jumps"]) == [name]
    assert found["jumps"][name]["size_mm"] == pytest.approx(-52.6, abs=8)
    day = np.datetime64(found["jumps"][name]["day"])
    assert abs(day - joined.time.values[430].astype("M8[D]")) <= np.timedelta64(12, "D")
    assert not found["single_days"]
    assert 'cleaning.steps = "detect"' in caplog.text


@pytest.mark.parametrize("later", [False, True])
def test_two_files_of_one_station_with_two_zeros_are_found(later, gnss, caplog):
    twice = gnss.copy(deep=True)
    twice.up[:, 8] = twice.up[:, 7] - 52.6
    if later:
        twice.up[:450, 8], twice.up[450:, 7] = np.nan, np.nan
    twice["lon"][8], twice["lat"][8] = twice.lon[7] + 1e-4, twice.lat[7]
    with caplog.at_level(logging.WARNING):
        found = check_heights(plain(), twice)
    pair = ", ".join(map(str, gnss.station.values[7:9]))
    assert found["other_zeros_mm"][pair] == pytest.approx(52.6, abs=12)
    assert "stand at one place" in caplog.text
    assert not check_heights(plain(cleaning=REMOVE), twice)["other_zeros_mm"]


def test_a_single_day_of_a_metre_is_warned_of(gnss, caplog):
    bad = gnss.copy(deep=True)
    bad.up[222, 3] = -900.0
    with caplog.at_level(logging.WARNING):
        found = check_heights(plain(), bad)
    name, day = str(gnss.station.values[3]), str(gnss.time.values[222])[:10]
    assert found["single_days"][name]["day"] == day
    assert found["single_days"][name]["size_mm"] == pytest.approx(-900, abs=15)
    assert f"{name} by -" in caplog.text
    assert "cleaning.outliers" in caplog.text


@pytest.mark.parametrize("factor", [0.1, 10.0, 100.0])
def test_a_file_in_other_units_is_out_of_family(factor, gnss, caplog):
    odd = gnss.copy(deep=True)
    odd.up[:, 2] *= factor
    with caplog.at_level(logging.WARNING):
        found = check_heights(plain(), odd)
    name = str(gnss.station.values[2])
    assert found["scatter_ratio"][name] == pytest.approx(factor, rel=0.3)
    assert list(found["scatter_ratio"]) == [name]
    assert "gnss.units" in caplog.text


def test_heights_in_metres_taken_for_millimetres_scatter_too_much(gnss, caplog):
    with caplog.at_level(logging.WARNING):
        check_heights(plain(), gnss.assign(up=gnss.up * 100))
    assert "heights scatter by" in caplog.text


@pytest.mark.parametrize("mean", ["weekly", "monthly"])
def test_seasons_and_slopes_are_no_jumps(mean, gnss):
    """A slope of 60 mm a year, a season of 40 mm, and gaps of months in both."""
    days = np.arange(len(gnss.time))[:, None] / 365.2425
    up = 60 * days + 40 * np.cos(2 * np.pi * days) + gnss.up.values
    up[300:420, :5] = np.nan
    sloping = dataset(up, np.ones_like(up), gnss_world(gnss))
    for settings in (config.Cleaning(), config.Cleaning(average=mean)):
        here = plain(cleaning=settings)
        heights = cleaning.clean(here, sloping, nobody)
        heights["up"] = heights.up - heights.up.mean("time")
        assert not check_heights(here, heights)["jumps"]


# Water that cannot be so


def test_water_beyond_its_bound_is_counted_and_placed(caplog):
    twsa = np.zeros((600, 3, 4), np.float32)
    twsa[:, 0, 0] = np.nan
    twsa[400, 1, 2], twsa[20, 2, 3] = -3000, 2500
    water = xr.Dataset(
        {"twsa": (("time", "lat", "lon"), twsa)},
        {
            "time": np.arange("2015-01-01", 600, dtype="M8[D]").astype("M8[ns]"),
            "lat": [10.0, 11, 12],
            "lon": [100.0, 101, 102, 103],
        },
    )
    extremes = Extremes()
    for epochs in (slice(0, 300), slice(300, 600)):
        extremes.take(epochs, water.twsa[epochs])
    with caplog.at_level(logging.WARNING):
        found = extremes.check(water)
    assert found == {
        "bound_mm": 2000.0,
        "cells_beyond": 2,
        "largest_mm": -3000.0,
        "largest_at": [102.0, 11.0],
        "largest_on": "2016-02-05",
    }
    assert "-3000 mm at 102 E, 11 N on 2016-02-05" in caplog.text
    amplitude = (("lat", "lon"), np.full((3, 4), 1200.0))
    found = extremes.check(water.assign(annual_amplitude=amplitude))
    assert found["amplitudes_beyond"] == 12


# What people have


def test_the_day_of_279_times_the_usual_sigma_is_left_out(cases, tmp_path):
    sites = tmp_path / "sites.txt"
    sites.write_text("P156 -123.9 40.02\n")
    study = config.Study(
        gnss=config.Gnss(files="P156.pos", sites=str(sites)),
        region=config.Region(boundary="none"),
        folder=str(cases / "gnss" / "27_mit_sio_pos"),
    )
    gnss = read_observations(study)
    left, found = ready_heights(study, gnss)
    assert found["days_of_large_sigma"] == {"P156": 1}
    assert float(gnss.up.max()) > 1000
    assert float(abs(left.up - left.up.median("time")).max()) < 60


def test_a_young_station_of_the_western_united_states_stays_itself(data):
    """One station in thirty, of whose record the last ninety days are left."""
    files = sorted((data / "western_us" / "gnss").glob("*.up"))[:30]
    gnss = io.read_gnss(
        files, sites=data / "western_us" / "sites.txt", start="2018-01-01"
    )
    cut = gnss.copy(deep=True)
    days = np.flatnonzero(cut.up[:, 7].notnull().values)[-90:]
    cut.up[: days[0], 7] = np.nan
    cleaned = cleaning.clean(plain(cleaning=REMOVE), cut, nobody)
    before, after = cut.up.values[days, 7], cleaned.up.values[days, 7]
    assert np.ptp(after) == pytest.approx(np.ptp(before), abs=2)
    assert np.sqrt(np.mean(after**2)) <= 1.05 * before.std()
    name = str(cut.station.values[7])
    assert cleaning.cleaning_summary(cleaned)["short_records"][name] == 4
    years = series.decimal_years(gnss.time.values)
    fit = series.fit_trajectory(gnss.up.values, years, sigma=gnss.up_sigma.values)
    kinds = ("offset", "trend")
    line = np.asarray(series.evaluate_trajectory(fit, years, kinds))
    good = cleaned.trend_determined.values.astype(bool)
    assert good.sum() > 20
    there = np.isin(gnss.station.values, cleaned.station.values[good])
    np.testing.assert_array_equal(
        cleaned.up.values[:, good], (gnss.up.values - line)[:, there]
    )

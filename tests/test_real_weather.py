"""The benchmark of real weather: what it runs, and how it judges."""

import argparse

import numpy as np
import pytest
import xarray as xr

from benchmarks import (
    _real_weather_halves,
    _real_weather_scores as scores,
    _real_weather_tables as tables,
)
from benchmarks.real_weather import DRIVERS, METHODS, STUDY, cells_to_run, settings_of
from jaxload import config

MONTHS = np.arange("2006-01", "2018-01", dtype="M8[M]").astype("M8[ns]")


def test_every_method_with_its_drivers_is_a_study():
    for method, drivers in tables.RUNS:
        study = config.read_study(STUDY, changes=METHODS[method] | DRIVERS[drivers])
        assert (study.gapfill is None) == (not drivers)


def test_a_run_goes_on_where_the_last_one_stopped():
    every = argparse.Namespace(method=None, drivers=None, draw=None)
    whole = cells_to_run({}, every)
    assert len(whole) == len(tables.RUNS) * 5
    done = {"settings": settings_of(whole[0])}
    assert cells_to_run({whole[0].key: done}, every) == whole[1:]
    # One that failed, or that is of other settings, is run again.
    for other in ({"refused": "no file"} | done, {}, {"settings": "of before"}):
        assert cells_to_run({whole[0].key: other}, every) == whole
    assert "no file" in tables._refusals({whole[0].key: {"refused": "no file"}})
    some = argparse.Namespace(method="joint water", drivers="rain", draw=2)
    assert cells_to_run({}, some) == [tables.Cell("joint water", "rain", 2)]


def test_trends_count_nowhere_and_seasons_have_a_ratio_of_their_own():
    year = MONTHS.astype("M8[M]").astype(int) / 12
    season = np.cos(2 * np.pi * year)
    rest = 0.3 * np.random.default_rng(1).normal(size=len(year))
    theirs = 2 * season + rest + 5 * year
    found = scores.score_agreement(season + rest - year, theirs, MONTHS)
    assert found["amplitude_ratio"] == pytest.approx(0.5, abs=0.08)
    assert found["deseasonalised_r"] == pytest.approx(1.0, abs=1e-3)
    assert 0.9 < found["r"] < 0.999
    assert found["months"] == len(MONTHS)


def test_a_pillow_that_stops_early_leaves_no_jump_in_the_mean():
    month = np.array(
        [f"{y}-{m:02}" for y in range(2001, 2025) for m in (3, 4)], "M8[M]"
    )
    snow = np.stack([np.full(len(month), 100.0), np.full(len(month), 900.0)], axis=1)
    snow[24:, 1] = np.nan
    np.testing.assert_allclose(scores.range_anomalies(snow, month), 0.0)
    snow[24:, 0] = 150.0
    assert scores.range_anomalies(snow, month)[-1] == pytest.approx(25.0)


def test_pillows_are_joined_by_number_and_come_in_millimetres(tmp_path):
    weekly, yearly = tmp_path / "weekly_2013_2021", tmp_path / "wyear_1990_2011"
    weekly.mkdir()
    yearly.mkdir()
    (weekly / "ground_measures_metadata.csv").write_text(
        "station_id,name,elevation_m,latitude,longitude,state\n"
        "SNOTEL:305_CO_SNTL,Apishapa,3048,37.3,-105.1,Colorado\n"
        "CDEC:ADM,Adin Mountain,1890,41.2,-120.8,California\n"
    )
    for part, year in (("train", 2013), ("test", 2020)):
        (weekly / f"ground_measures_{part}_features.csv").write_text(
            f",{year}-03-01,{year}-03-08,{year}-05-01\n"
            "SNOTEL:305_CO_SNTL,1.0,3.0,9.0\nCDEC:ADM,4.0,,9.0\n"
        )
    (yearly / "wyear_climatesummary.txt").write_text(
        "siteClim,yearClim,marSWEmean,aprSWEmean\n305,2010,5.0,NaN\n306,2010,7.0,7.0\n"
    )
    pillows = scores.read_pillows(tmp_path)
    months = ["2010-03", "2013-03", "2020-03"]
    np.testing.assert_array_equal(pillows.month, np.array(months, "M8[M]"))
    want = 25.4 * np.array([[5.0, np.nan], [2.0, np.nan], [2.0, np.nan]])
    np.testing.assert_allclose(pillows.snow, want)


def test_the_table_counts_wins_by_draw_and_by_region():
    name = lambda run, draw: tables.Cell(run[0], run[1], draw).key
    regions = {region: {"rmse_mm": 1.0, "deseasonalised_r": 0.9} for region in REGIONS}
    worse = {region: {"rmse_mm": 2.0, "deseasonalised_r": 0.8} for region in REGIONS}
    worse["region"] = {"rmse_mm": 0.5, "deseasonalised_r": 0.95}
    cells: dict[str, dict] = {
        name(tables.JOINT, 0): {"grace": regions},
        name(tables.BASE, 0): {"grace": worse},
    }
    for draw, error in zip(tables.DRAWS, (1.0, 1.0, 1.0, 3.0), strict=True):
        cells[name(tables.JOINT, draw)] = {"held_out_rms_mm": error}
        cells[name(tables.BASE, draw)] = {"held_out_rms_mm": 2.0}
    text = tables._targets(cells)
    assert "better in 3 of 4" in text
    assert "better in 5 of 6 regions" in text
    assert "in 1 of 6 regions, -0.05 at the lowest" in text


REGIONS = tuple(tables.REGIONS)


def test_halves_are_compared_with_their_standard_errors():
    first = _real_weather_halves.part_stations(7)
    assert first.sum() == 3

    def invert(left_out):
        """Each half is wrong by a constant, and says twice as much."""
        error = 3.0 if left_out[first].any() else -4.0
        dims = ("time", "region")
        twsa, sd = np.full((5, 2), error), np.full((5, 2), 2 * abs(error))
        return xr.Dataset(
            {"twsa": (dims, twsa), "twsa_sd": (dims, sd)}, coords={"region": ["a", "b"]}
        )

    halves = _real_weather_halves.compare_halves(invert, first)
    assert halves["b"]["observed_mm"] == pytest.approx(7.0)
    assert halves["b"]["stated_mm"] == pytest.approx(10.0)
    key = " | ".join(_real_weather_halves.HALVES[1])
    head, rows = _real_weather_halves.halves_table({key: halves}, {"b": "basin"})
    assert head[2:] == ["basin"]
    assert rows[0][2:] == ["7.0 / 10.0 = 0.70"]

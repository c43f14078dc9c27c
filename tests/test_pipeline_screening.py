"""Stations that a study names, excludes, or suspects."""

import dataclasses

import numpy as np
import pytest
import shapely
import xarray as xr

from jaxload import config, io, plot, series, sphere
from jaxload.pipeline.inputs.observations import make_design
from jaxload.pipeline.prepare.screening import screen, select_stations

TIME = np.arange(np.datetime64("2012-01-01"), np.datetime64("2015-12-31"), 7)
YEARS = series.decimal_years(TIME)
SEASON = np.cos(2 * np.pi * (YEARS - 0.7))
COUNT = 24


@pytest.fixture(scope="module")
def grid():
    return sphere.regional_grid(shapely.box(100, 24, 106, 30), spacing=1.0, buffer=1.0)


@pytest.fixture(scope="module")
def study():
    return config.Study(
        gnss=config.Gnss(files="none"),
        region=config.Region(boundary="none"),
        earth=config.Earth(max_degree=1000),
    )


@pytest.fixture
def gnss(rng):
    up = 5 * SEASON[:, None] + rng.normal(0, 1.5, (len(TIME), COUNT))
    up += rng.normal(0, 0.3, COUNT) * (YEARS[:, None] - 2014)
    place = rng.uniform((101, 25), (105, 29), (COUNT, 2)).T
    coords = {
        "time": TIME.astype("M8[ns]"),
        "station": [f"S{number:03d}" for number in range(COUNT)],
        "lon": ("station", place[0]),
        "lat": ("station", place[1]),
        "height": ("station", np.zeros(COUNT)),
    }
    dims = ("time", "station")
    values = {"up": (dims, up), "up_sigma": (dims, np.full(up.shape, 1.5))}
    return io.label_dataset(xr.Dataset(values, coords))


def changed(gnss, station, values):
    up = gnss.up.copy()
    up[:, station] = values
    return gnss.assign(up=up)


def with_screening(study, **settings):
    return dataclasses.replace(study, screening=config.Screening(**settings))


def test_a_network_that_moves_together_is_used_whole(study, gnss, grid, caplog):
    found = screen(study, gnss, grid)
    assert found.gnss.identical(gnss)
    assert (found.table.status == "used").all()
    assert found.summary["suspects"] == {}
    assert not caplog.records


def sinking(up, _):
    return up - 20 * (YEARS - 2014)


def wandering(up, rng):
    """What sank for a while and was detrended: scatter without a rate."""
    wander = np.cumsum(rng.normal(0, 4, len(YEARS)))
    basis = series.seasonal_basis(TIME)
    return up + wander - basis @ np.linalg.lstsq(basis, wander, rcond=None)[0]


def turned_round(up, _):
    return up - 10 * SEASON


def porous(up, _):
    return up + 25 * SEASON


STRANGERS = {
    "rate": (sinking, "rate -20"),
    "scatter": (wandering, "slow scatter"),
    "phase": (turned_round, "months from that of its neighbours"),
    "amplitude": (porous, "annual amplitude 30"),
}


@pytest.mark.parametrize("check", STRANGERS)
def test_each_stranger_is_named_with_its_reason_and_nobody_else(
    check, study, gnss, grid, rng, caplog
):
    change, reason = STRANGERS[check]
    strange = changed(gnss, 7, change(gnss.up.values[:, 7], rng))
    found = screen(study, strange, grid)
    assert list(found.summary["suspects"]) == ["S007"]
    assert reason in found.summary["suspects"]["S007"]
    assert found.gnss.identical(strange)
    assert found.table.status.values.tolist().count("kept") == 1
    (record,) = caplog.records
    assert "S007" in record.message
    assert "screening.action" in record.message
    blind = with_screening(study, checks=tuple({*STRANGERS} - {check}))
    if check != "amplitude":  # its amplitude is scatter to nobody else
        assert screen(blind, strange, grid).summary["suspects"] == {}


def test_suspects_are_dropped_or_weighed_down_as_the_study_says(study, gnss, grid, rng):
    strange = changed(gnss, 7, sinking(gnss.up.values[:, 7], rng))
    dropped = screen(with_screening(study, action="drop"), strange, grid)
    assert "S007" not in dropped.gnss.station
    assert dropped.gnss.sizes["station"] == COUNT - 1
    assert dropped.table.sizes["candidate"] == COUNT
    heavy = with_screening(study, action="downweight", factor=4.0)
    weighed = screen(heavy, strange, grid)
    ratio = (weighed.gnss.up_sigma / strange.up_sigma).isel(time=0).values
    np.testing.assert_array_equal(ratio, np.where(np.arange(COUNT) == 7, 4, 1))
    assert weighed.gnss.up_sigma.dims == gnss.up_sigma.dims
    untouched = screen(with_screening(study, action="none"), strange, grid)
    assert untouched.gnss.identical(strange)
    assert "rate_z" not in untouched.table


def test_a_young_station_is_not_judged_and_judges_nobody(study, gnss, grid):
    young = gnss.up.values[:, 3].copy()
    young[:-13] = np.nan
    young += 300 * (YEARS - YEARS[-1])
    found = screen(study, changed(gnss, 3, young), grid)
    assert found.summary["suspects"] == {}
    assert np.isnan(found.table.rate.values[3])


def test_a_record_too_short_for_rates_is_not_screened(study, gnss, grid):
    short = gnss.isel(time=slice(0, 40))
    found = screen(study, short, grid)
    assert found.gnss.identical(short)
    assert "rate_z" not in found.table


def test_ground_that_rises_with_water_is_found_by_gravity(study, gnss, grid, rng):
    months = np.arange("2012-01", "2016-01", dtype="M8[M]").astype("M8[D]") + 15
    turn = 2 * np.pi * (series.decimal_years(months) - 0.2)
    field = 150 * np.cos(turn)[:, None, None] * np.ones((1, 12, 12))
    axes = {"lat": np.arange(21.5, 33), "lon": np.arange(97.5, 109)}
    gravity = xr.Dataset(
        {"twsa": (("time", "lat", "lon"), field)},
        coords={"time": months.astype("M8[ns]"), **axes},
    )
    # Heights as this water moves elastic ground, but for one station.
    uplift = np.asarray(make_design(study, gnss, grid)).sum(axis=1)
    cycle = 150 * np.cos(2 * np.pi * (YEARS - 0.2))
    elastic = cycle[:, None] * uplift + rng.normal(0, 1, (len(YEARS), COUNT))
    elastic[:, 5] -= 2 * cycle * uplift[5]
    strange = gnss.assign(up=(gnss.up.dims, elastic, gnss.up.attrs))
    only = with_screening(study, checks=("grace",))
    found = screen(only, strange, grid, gravity)
    assert list(found.summary["suspects"]) == ["S005"]
    assert "by GRACE" in found.summary["suspects"]["S005"]
    assert abs(found.table.grace_phase.values[5]) > 5.5
    np.testing.assert_allclose(np.delete(found.table.grace_phase.values, 5), 0, atol=1)


def test_stations_are_taken_and_left_out_by_name(study, gnss, caplog):
    settings = config.Gnss(files="x", exclude=("s003: pumped aquifer", "S004", "NONE"))
    chosen = select_stations(dataclasses.replace(study, gnss=settings), gnss)
    assert chosen.sizes["station"] == COUNT - 2
    assert "S003 (pumped aquifer)" in chosen.excluded
    assert "S004 (named in gnss.exclude)" in chosen.excluded
    assert "NONE" in caplog.text
    settings = config.Gnss(files="x", include=("s001", "S002"))
    chosen = select_stations(dataclasses.replace(study, gnss=settings), gnss)
    assert chosen.station.values.tolist() == ["S001", "S002"]


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"include": ("S0O1",)}, "gnss.include names S0O1.*did you mean S0"),
        ({"include": ("S001",), "exclude": ("S001",)}, "leave no station"),
    ],
)
def test_names_that_leave_nothing_are_refused(study, gnss, settings, match):
    chosen = dataclasses.replace(study, gnss=config.Gnss(files="x", **settings))
    with pytest.raises(ValueError, match=match):
        select_stations(chosen, gnss)


def test_the_figure_names_suspects_and_shows_every_score(study, gnss, grid, rng):
    pytest.importorskip("matplotlib")
    strange = changed(gnss, 7, sinking(gnss.up.values[:, 7], rng))
    found = screen(study, strange, grid)
    figure = plot.screening(found.table, [np.array([[100, 24], [106, 24], [106, 30]])])
    place, scores = figure.axes
    assert [text.get_text() for text in place.texts] == ["S007"]
    labels = [label.get_text() for label in scores.get_yticklabels()]
    assert labels == ["rate", "annual amplitude", "slow scatter", "annual term"]
    marked = np.concatenate([line.get_xdata() for line in scores.lines[:2]])
    rate_z = abs(found.table.rate_z.values) / 5
    np.testing.assert_allclose(np.sort(marked), np.sort(np.clip(rate_z, 1e-2, None)))

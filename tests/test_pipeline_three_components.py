"""A study of three components as a whole: read, cleaned, inverted and written."""

import dataclasses
import json

import numpy as np
import pytest
import shapely
import xarray as xr

from jaxload import config, io, pipeline, synthetic
from jaxload.pipeline.prepare import cleaning, horizontals

pytest.importorskip("netCDF4")

THREE = ("up", "north", "east")
WORLD = synthetic.TwinSettings(
    stations=12,
    days=1100,
    radius=2.0,
    belt=1.0,
    spacing=0.5,
    start="2015-01-01",
    horizontal=1.0,
)
#: The last stations come in files of heights alone.
ALONE = 2


def network(world, **changed):
    dims, variables = ("time", "station"), {}
    parts = {"up": (world.displacement, world.sigma), **world.horizontals, **changed}
    for name, (values, sigma) in parts.items():
        variables |= {name: (dims, values), f"{name}_sigma": (dims, sigma)}
    coords = {
        "time": world.time.astype("M8[ns]"),
        "station": world.station,
        "lon": ("station", world.lon),
        "lat": ("station", world.lat),
        "height": ("station", np.zeros(len(world.lon))),
    }
    return io.label_dataset(xr.Dataset(variables, coords))


def write_study(world, folder, gnss):
    last = len(world.station) - ALONE
    io.write_gnss(gnss.isel(station=slice(last)), folder / "three.nc")
    io.write_up(gnss.isel(station=slice(last, None)), folder / "up")
    outline = shapely.geometry.mapping(world.region)
    (folder / "region.geojson").write_text(json.dumps(outline))
    (folder / "steps.txt").write_text("T003 2016-02-10\n")
    return config.Study(
        gnss=config.Gnss(files=("three.nc", "up/*.up"), components=THREE),
        region=config.Region(boundary="region.geojson", spacing=0.5, buffer=1.0),
        earth=config.Earth(max_degree=3000),
        cleaning=config.Cleaning(
            trend="remove",
            outliers="3-sigma",
            steps="steps.txt",
            average="monthly",
            short_records="drop",
        ),
        inversion=config.Inversion(beta=0.03),
        folder=str(folder),
    )


@pytest.fixture(scope="module")
def world():
    return synthetic.twin(WORLD)


@pytest.fixture(scope="module")
def study(world, tmp_path_factory):
    return write_study(world, tmp_path_factory.mktemp("study"), network(world))


@pytest.fixture(scope="module")
def out(study, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    pipeline.run(study, folder)
    return folder


@pytest.mark.slow
def test_stations_of_a_study_hold_all_components(out):
    summary = json.loads((out / "summary.json").read_text())
    with xr.open_dataset(out / "stations.nc") as stations:
        for name in ("north", "east"):
            there = np.isfinite(stations[name].values).any(axis=0)
            # Two short records are left out.
            assert list(there) == [True] * 8 + [False] * ALONE
            predicted = np.isfinite(stations[f"predicted_{name}"].values).all(axis=0)
            assert list(predicted) == list(there)
            assert stations[f"residual_{name}"].units == "mm"
            of_part = summary["components"][name]
            left_out = stations[f"leave_one_out_residual_{name}"].values
            rms = np.sqrt(np.nanmean(left_out.astype(float) ** 2))
            np.testing.assert_allclose(of_part["leave_one_out_rms_mm"], rms, rtol=1e-6)
            assert of_part["stations"] == 8
            of_up = summary["components"]["up"]
            assert of_part["sigma_mm"] < 0.6 * of_up["sigma_mm"]
        assert stations.frame.dims == ("time", "frame_parameter")
        assert np.isfinite(stations.up.values).any(axis=0).all()
    assert set(summary["cleaning"]["north"]) == {"outliers", "steps"}
    assert set(summary["frame_rms_mm"]) == set(stations.frame_parameter.values)


@pytest.mark.slow
def test_plates_and_known_steps_move_no_water(out, world, tmp_path, caplog):
    moved, years = {}, np.arange(WORLD.days)[:, None] / 365.25
    begun = world.time >= np.datetime64("2016-02-10")
    for name, rate in (("north", 25.0), ("east", -18.0)):
        values, sigma = world.horizontals[name]
        values = values + rate * years
        values[:, 3] += 12.0 * begun
        moved[name] = (values, sigma)
    other = write_study(world, tmp_path, network(world, **moved))
    after = pipeline.run(other, None)
    with xr.open_dataset(out / "twsa.nc") as before:
        np.testing.assert_allclose(after.water.twsa, before.twsa, atol=1e-3)
    still = dataclasses.replace(other, cleaning=config.Cleaning(average="monthly"))
    pipeline.run(still, None)
    assert "stations move north at 25" in caplog.text
    assert "the motion of a plate" in caplog.text


def test_a_component_that_no_file_has_is_refused(study):
    alone = dataclasses.replace(study.gnss, files="up/*.up")
    with pytest.raises(ValueError, match="names north, but none of 2 stations"):
        pipeline.run(dataclasses.replace(study, gnss=alone), None)


def test_horizontals_that_are_all_too_short_are_left_out_with_a_warning(
    world, study, caplog
):
    gnss = network(world)
    first = gnss.time < gnss.time[90]
    for name in ("north", "east"):
        gnss[name] = gnss[name].where(first)
    cleaned = cleaning.clean(study, gnss, lambda _: None)
    cleaned, counts = horizontals.clean_horizontals(study, gnss, cleaned)
    assert cleaned.sizes["station"] > ALONE
    assert cleaned.up.notnull().any("time").all()
    assert not cleaned.north.notnull().any()
    assert counts["north"] == {}
    assert "north is not inverted: the records of" in caplog.text

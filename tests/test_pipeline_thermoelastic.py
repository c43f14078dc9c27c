"""Stations that expand with temperature, from the study file to the results."""

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
import xarray as xr
from twin_files import twin_heights, write_twin

from jaxload import cli, config, description, pipeline, synthetic
from jaxload.pipeline.estimation.error_correlation import LASTING_ERRORS
from jaxload.pipeline.evaluate.monthly_water import monthly_storage

pytest.importorskip("netCDF4")

WORLD = synthetic.TwinSettings(
    stations=12,
    days=760,
    radius=2.5,
    belt=1.0,
    spacing=0.5,
    missing=0.02,
    start="2015-01-01",
)
SPREAD = 0.25


@pytest.fixture(scope="module")
def world() -> synthetic.Twin:
    return synthetic.twin(WORLD)


@pytest.fixture(scope="module")
def amplitude() -> np.ndarray:
    """Of the stations [mm/K]."""
    return SPREAD * np.random.default_rng(8).normal(size=WORLD.stations)


@pytest.fixture(scope="module")
def temperature(world) -> xr.Dataset:
    """Daily, warmest in July, with weather of some days that moves east."""
    days = np.arange(-60, WORLD.days + 60)
    time = world.time[0].astype("M8[D]") + days
    lon = np.arange(world.lon.min() - 5, world.lon.max() + 5)
    lat = np.arange(world.lat.min() - 5, world.lat.max() + 5)
    rng = np.random.default_rng(9)
    weather = np.convolve(rng.normal(size=len(days)), np.ones(15) / 3, "same")
    season = -10 * np.cos(2 * np.pi * (days - 15) / 365.25)
    values = 285 + (season + weather)[:, None, None] * (
        1 + 0.1 * np.sin(lon)[None, None, :] + 0.02 * (lat - lat.mean())[None, :, None]
    )
    field = (("time", "lat", "lon"), values, {"units": "K"})
    coords = {"time": time.astype("M8[ns]"), "lat": lat, "lon": lon}
    return xr.Dataset({"tas": field}, coords)


@pytest.fixture(scope="module")
def study(world, temperature, amplitude, tmp_path_factory) -> config.Study:
    folder = tmp_path_factory.mktemp("study")
    temperature.to_netcdf(folder / "temperature.nc")
    at = temperature.tas.interp(
        lon=xr.DataArray(world.lon, dims="station"),
        lat=xr.DataArray(world.lat, dims="station"),
    ).sel(time=world.time.astype("M8[ns]"))
    up = world.displacement + amplitude * (at.values - at.values.mean(axis=0))
    up[:200, 3], up[400:430, 5], up[100] = np.nan, np.nan, np.nan
    write_twin(world, folder, twin_heights(world, up))
    return config.Study(
        gnss=config.Gnss(files="gnss/*.up"),
        region=config.Region(boundary="region.geojson", spacing=0.5, buffer=1.0),
        earth=config.Earth(max_degree=3000),
        screening=config.Screening(action="none"),
        output=config.Output(store=("regions",)),
        folder=str(folder),
    )


def inverted(study: config.Study, **settings: Any) -> config.Study:
    usual: dict[str, Any] = {"errors": "regions", "beta_count": 5}
    usual |= {"noise": "independent"}
    if settings.get("noise") == "network":
        usual = {"errors": "regions"}
    inversion = config.Inversion(**(usual | settings))
    return dataclasses.replace(study, inversion=inversion)


def results(study: config.Study, folder) -> dict:
    pipeline.run(study, folder)
    opened = {
        name: xr.load_dataset(folder / f"{name}.nc") for name in ("regions", "stations")
    }
    return opened | {"summary": json.loads((folder / "summary.json").read_text())}


TERM = config.Thermoelastic("temperature.nc", sd_mm_per_kelvin=SPREAD)


@pytest.fixture(scope="module")
def without(study, tmp_path_factory):
    return results(inverted(study), tmp_path_factory.mktemp("without"))


@pytest.fixture(scope="module")
def independent(study, tmp_path_factory):
    folder = tmp_path_factory.mktemp("independent")
    found = results(inverted(study, thermoelastic=TERM), folder)
    return found | {"lines": description.describe(folder)}


@pytest.fixture(scope="module")
def network(study, tmp_path_factory):
    settings = inverted(study, thermoelastic=TERM, noise="network")
    return results(settings, tmp_path_factory.mktemp("network"))


def assert_recovered(found: dict, amplitude: np.ndarray) -> None:
    stations = found["stations"]
    error = stations.thermoelastic_amplitude.values - amplitude
    stated = stations.thermoelastic_amplitude_sd.values
    assert np.sqrt(np.mean((error / stated) ** 2)) < 2
    assert np.sqrt(np.mean(error**2)) < 0.4 * np.sqrt(np.mean(amplitude**2))
    assert (stated < 0.8 * SPREAD).all()


def test_amplitudes_of_stations_are_found_beside_the_water(independent, amplitude):
    assert_recovered(independent, amplitude)


@pytest.mark.slow
def test_amplitudes_are_found_under_noise_of_a_network(network, amplitude):
    assert_recovered(network, amplitude)


def test_stations_are_predicted_with_their_expansion(independent, without):
    left = independent["summary"]["leave_one_out_rms_mm"]
    assert left < 0.9 * without["summary"]["leave_one_out_rms_mm"]
    stations, other = independent["stations"], without["stations"]
    misfit, before = (
        float(np.sqrt(((s.up - s.predicted) ** 2).mean())) for s in (stations, other)
    )
    assert misfit < before
    moved = stations.thermoelastic.std("time") / stations.thermoelastic.std()
    assert moved.max() > moved.min()
    mean = stations.thermoelastic.where(stations.up.notnull()).mean("time")
    np.testing.assert_allclose(mean, 0, atol=1e-4)


def test_regional_errors_hold_those_of_the_amplitudes(study, independent, tmp_path):
    beta = independent["summary"]["beta"]
    known = results(inverted(study, beta=beta), tmp_path)
    sd, others = (x["regions"].twsa_sd for x in (independent, known))
    more = np.sqrt(np.maximum(sd**2 - others**2, 0))[:, 0]
    assert float((sd / others).min()) > 1 - 1e-6
    # Most where it is hot or cold.
    warmth = abs(independent["stations"].thermoelastic).mean("station")
    assert np.corrcoef(more[warmth > 0], warmth[warmth > 0])[0, 1] > 0.9


def test_errors_of_amplitudes_are_not_those_of_single_days(independent):
    regions = independent["regions"]
    assert "amplitudes" in regions.twsa_sd.attrs[LASTING_ERRORS]
    assert monthly_storage(regions).covariance is None


def test_a_prior_without_spread_gives_the_run_without_the_term(
    study, without, tmp_path
):
    held = config.Thermoelastic("temperature.nc", sd_mm_per_kelvin=0.0)
    found = results(inverted(study, thermoelastic=held), tmp_path)
    for name in ("twsa", "twsa_sd"):
        np.testing.assert_array_equal(found["regions"][name], without["regions"][name])
    assert (found["stations"].thermoelastic == 0).all()


def test_what_is_found_is_said(independent):
    term = independent["summary"]["thermoelastic"]
    assert term["evidence_gain"] > 10
    assert term["prior_sd_mm_per_kelvin"] == SPREAD
    assert any("thermal expansion of" in line for line in independent["lines"])


def test_temperature_that_ends_early_is_refused(study, temperature, tmp_path):
    path = tmp_path / "short.nc"
    temperature.sel(time=slice(None, "2016-06-30")).to_netcdf(path)
    short = inverted(study, thermoelastic=str(path))
    with pytest.raises(ValueError, match=r"short.nc: temperature is missing at \d+ of"):
        pipeline.run(short)


def test_a_table_has_a_column_for_each_station(study, world, tmp_path):
    names = list(world.station)
    months = np.arange("2014-11", "2017-05", dtype="M8[M]")
    warmth = 10 * np.cos(2 * np.pi * np.arange(len(months)) / 12)
    lines = [",".join(["date", *names[:-1]])]
    lines += [f"{m}-15," + ",".join([f"{w:.3f}"] * 11) for m, w in zip(months, warmth)]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    table = inverted(study, thermoelastic=str(tmp_path / "t.csv"))
    with pytest.raises(ValueError, match=f"1 of 12 stations .{names[-1]}"):
        pipeline.run(table)


def test_a_file_that_is_not_there_ends_the_command(study, tmp_path, capsys):
    path = tmp_path / "study.toml"
    text = config.to_toml(inverted(study, thermoelastic="none.nc"))
    path.write_text(f'folder = "{study.folder}"\n' + text)
    code = cli.main(["run", str(path), "--out", str(tmp_path / "out")])
    assert code != 0
    assert "none.nc" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"sd_mm_per_kelvin": -0.1}, "sd_mm_per_kelvin is -0.1, expected a standard"),
        ({"sd_mm_per_kelvin": 100.0}, "check the units"),
        ({"lag_days": -3.0}, "lag_days is -3, expected days"),
        ({"time": "date"}, "time is for tables by station"),
        ({"files": ("a.nc", "b.csv")}, "give one kind"),
        ({"files": ""}, "files is missing"),
    ],
)
def test_settings_that_cannot_be_are_refused(change, text):
    with pytest.raises(ValueError, match=text):
        config.Thermoelastic(**({"files": "t.nc"} | change))


def test_what_has_no_such_term_is_refused(study):
    for change in ({"robust": "huber"}, {"correlation_time_days": 5.0}):
        with pytest.raises(ValueError, match=r"inversion\.thermoelastic cannot be"):
            inverted(study, thermoelastic=TERM, errors="auto", **change)
    three = config.Gnss(files="x", components=("up", "north", "east"))
    with pytest.raises(ValueError, match="with horizontals; leave one of them out"):
        dataclasses.replace(inverted(study, thermoelastic=TERM), gnss=three)

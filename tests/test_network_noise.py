"""Studies whose stations share noise with a memory."""

import dataclasses
import json

import numpy as np
import pytest
import shapely
import xarray as xr
from twin_files import twin_heights, write_twin

from jaxload import config, pipeline, series, synthetic
from jaxload.pipeline.estimation import network_noise
from jaxload.pipeline.estimation.error_correlation import (
    MeanErrors,
    covariance_of_means,
    error_model,
    independent_means,
)
from jaxload.pipeline.evaluate.monthly_water import monthly_storage

pytest.importorskip("netCDF4")

WORLD = synthetic.TwinSettings(
    stations=16, days=900, radius=2.5, belt=1.0, spacing=0.5, start="2015-01-01"
)

#: Density of the common mode by which it grows with each day of the period, up to its
#: memory [mm2, days].
GROWTH, MEMORY = 0.3, 60.0


@pytest.fixture(scope="module")
def world() -> synthetic.Twin:
    return synthetic.twin(WORLD)


def common_mode(days: int) -> np.ndarray:
    """Flicker noise up to its memory, by a Fourier sum."""
    frequency = np.fft.rfftfreq(4 * days)
    density = GROWTH * np.minimum(1 / np.maximum(frequency, 1e-9), MEMORY)
    white = np.fft.rfft(np.random.default_rng(3).normal(size=4 * days))
    return np.fft.irfft(white * np.sqrt(density))[:days]


@pytest.fixture(scope="module")
def study(world, tmp_path_factory) -> config.Study:
    folder = tmp_path_factory.mktemp("study")
    up = world.displacement + common_mode(WORLD.days)[:, None]
    up[:600, 3] = np.nan
    gnss = twin_heights(world, up)
    write_twin(world, folder, gnss.isel(time=np.r_[0:300, 302 : WORLD.days]))
    months = np.arange("2015-01", "2017-06", dtype="M8[M]").astype("M8[D]")
    lon, lat = np.arange(90.5, 115), np.arange(15.5, 40)
    field = (
        np.ones((len(months), len(lat), len(lon)))
        * np.arange(len(months))[:, None, None]
    )
    grace = xr.Dataset(
        {"lwe_thickness": (("time", "lat", "lon"), field, {"units": "cm"})},
        coords={
            "time": (months + np.timedelta64(15, "D")).astype("M8[ns]"),
            "lat": lat,
            "lon": lon,
        },
    )
    grace.to_netcdf(folder / "grace.nc")
    return config.Study(
        gnss=config.Gnss(files="gnss/*.up"),
        region=config.Region(boundary="region.geojson", spacing=0.5, buffer=1.0),
        earth=config.Earth(max_degree=3000),
        screening=config.Screening(action="none"),
        # All seasons of this world are of its water.
        inversion=config.Inversion(
            noise="network", noise_memory_days=60.0, systematic_season_mm=0.0
        ),
        evaluation=config.Evaluation(grace="grace.nc"),
        folder=str(folder),
    )


@pytest.fixture(scope="module")
def results(study, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    pipeline.run(study, folder)
    opened = {}
    for name in ("twsa", "regions", "stations"):
        with xr.open_dataset(folder / f"{name}.nc") as dataset:
            opened[name] = dataset.load()
    return opened | {"summary": json.loads((folder / "summary.json").read_text())}


def true_regional_mean(world, results) -> np.ndarray:
    """Of the world's water, over the cells of the region, as an anomaly."""
    days = np.isin(
        world.time.astype("M8[D]"), results["regions"].time.values.astype("M8[D]")
    )
    inside = np.array(
        [
            world.region.covers(shapely.Point(*p))
            for p in zip(world.grid.lon, world.grid.lat)
        ]
    )
    weights = np.where(inside, np.cos(np.deg2rad(world.grid.lat)), 0)
    mean = world.water[days] @ weights / weights.sum()
    return mean - mean.mean()


def test_noise_of_a_network_is_taken_where_many_stations_observe(
    study, results, tmp_path, monkeypatch
):
    settings = dataclasses.replace(study.inversion, noise="auto", errors="regions")
    automatic = dataclasses.replace(study, inversion=settings)
    monkeypatch.setattr(network_noise, "MANY", 8)
    pipeline.run(automatic, tmp_path / "many")
    with xr.open_dataset(tmp_path / "many" / "regions.nc") as regions:
        np.testing.assert_array_equal(regions.twsa, results["regions"].twsa)


def test_noise_of_a_few_stations_is_independent(study, tmp_path, caplog):
    caplog.set_level("INFO")
    settings = {"errors": "regions", "beta_count": 25}
    for name in ("auto", "independent"):
        inverted = config.Inversion(noise=name, **settings)
        pipeline.run(dataclasses.replace(study, inversion=inverted), tmp_path / name)
    assert "fewer than 20 stations observe nearly always" in caplog.text
    few, independent = (
        xr.load_dataset(tmp_path / name / "regions.nc")
        for name in ("auto", "independent")
    )
    np.testing.assert_array_equal(few.twsa, independent.twsa)
    summary = json.loads((tmp_path / "auto" / "summary.json").read_text())
    assert "noise" not in summary


@pytest.mark.parametrize(
    "changes",
    [
        {"beta": 0.02},
        {"criterion": "gcv"},
        {"beta_count": 10},
        {"common_mode_mm": "estimate"},
        {"robust": "huber"},
        {"correlation_time_days": 10.0},
        {"station_weights": True},
        {"grace": "grace.nc"},
        {"noise": "independent"},
    ],
)
def test_settings_that_spectra_replace_keep_noise_independent(study, changes):
    settings = config.Inversion(**({"noise": "auto"} | changes))
    automatic = dataclasses.replace(study, inversion=config.Inversion())
    assert config.allows_network_noise(automatic)
    changed = dataclasses.replace(study, inversion=settings)
    assert not config.allows_network_noise(changed)
    if "noise" not in changes:
        with pytest.raises(ValueError, match=next(iter(changes))):
            config.Inversion(**({"noise": "network"} | changes))


def test_noise_that_stations_share_is_seen_by_its_spectrum(results):
    noise = results["summary"]["noise"]
    shared = noise["common_white_mm"] ** 2 + noise["regional_white_mm"] ** 2
    growing = (
        noise["common_flicker_mm2_per_day"] + noise["regional_flicker_mm2_per_day"]
    )
    expected = GROWTH * MEMORY
    assert shared + 60 * growing == pytest.approx(expected, rel=0.5)
    assert noise["memory_days"] == 60
    assert noise["relative_residual"] < 1e-3


def test_the_mean_of_the_region_misses_the_truth_by_what_is_stated(world, results):
    regions = results["regions"]
    found = regions.twsa.values[:, 0].astype(float)
    error = found - np.nanmean(found) - true_regional_mean(world, results)
    stated = np.sqrt(np.nanmean(regions.twsa_sd.values[:, 0] ** 2))
    assert 0.5 < np.nanstd(error) / stated < 1.5


def test_errors_of_months_are_those_of_correlated_days(results):
    regions = results["regions"]
    daily = np.nanmedian(regions.twsa_sd.values)
    monthly = np.nanmedian(regions.twsa_monthly_sd.values)
    # Independent days would have a fifth of it.
    assert 0.5 * daily < monthly < daily
    correlation = regions.twsa_error_correlation.values[:, 0]
    assert correlation[0] == pytest.approx(1)
    assert (np.diff(correlation[:20]) < 0).all()


def test_a_day_that_no_file_has_and_a_young_station_do_no_harm(results):
    stations, twsa = results["stations"], results["twsa"]
    solved = twsa.solved.values > 0
    assert (~solved).sum() == 2
    water = twsa.twsa.values[solved][:, twsa.cell_mask.values > 0]
    assert np.isfinite(water).all()
    assert abs(water).max() < 1000
    young = stations.leave_one_out_residual.values[600:, 3]
    assert np.nanstd(young) < 2 * np.nanstd(stations.leave_one_out_residual.values)
    assert np.isfinite(young).any()


def test_maps_have_errors_of_every_day(results):
    twsa = results["twsa"]
    cells, solved = twsa.cell_mask.values > 0, twsa.solved.values > 0
    assert np.isfinite(twsa.twsa_sd.values[solved][:, cells]).all()
    assert "spectra" in twsa.twsa_sd.attrs["method"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"robust": "huber"}, "robust"),
        ({"common_mode_mm": "estimate"}, "common_mode_mm"),
        ({"beta": 0.02}, "beta"),
        ({"station_weights": True}, "station_weights"),
        ({"correlation_time_days": 5.0}, "correlation_time_days"),
    ],
)
def test_what_spectra_replace_is_refused(change, text):
    with pytest.raises(ValueError, match=f'noise "network" .*inversion.{text}'):
        config.Inversion(noise="network", **change)


def test_a_memory_that_is_no_time_is_refused():
    with pytest.raises(ValueError, match="noise_memory_days is 0, expected a positive"):
        config.Inversion(noise="network", noise_memory_days=0.0)


def test_a_record_of_a_season_has_no_spectra(study):
    short = dataclasses.replace(study.gnss, end="2015-03-31")
    with pytest.raises(ValueError, match="the record has 90 epochs of 1 days"):
        pipeline.run(dataclasses.replace(study, gnss=short))


def test_daily_errors_and_network_noise_are_refused_together(study):
    daily = dataclasses.replace(study.gnss, sigma="daily")
    with pytest.raises(ValueError, match=r'gnss.sigma = "station"'):
        dataclasses.replace(study, gnss=daily)


def test_errors_of_means_are_those_of_the_covariance_written_out():
    rng = np.random.default_rng(4)
    days = np.delete(np.arange(60), [7, 8, 30])
    time = np.datetime64("2020-01-01") + days
    lags, keep = np.arange(60.0), np.exp(-np.arange(60.0) / 8)
    sd, functions = rng.uniform(1, 2, (57, 1)), rng.normal(size=(57, 2))
    sd[5] = np.nan
    errors = MeanErrors(lags, keep[:, None], sd, functions, np.array([[0.3], [0.7]]))
    shares = np.zeros((3, 57))
    shares[0, [3, 4, 5, 9, 20]], shares[1, 20:57] = 1, 1
    known = np.where(np.isfinite(sd[:, 0]), shares, 0)
    known /= np.maximum(known.sum(axis=1, keepdims=True), 1)
    dense = np.exp(-abs(np.subtract.outer(days, days)) / 8)
    dense *= np.nan_to_num(sd) * np.nan_to_num(sd).T
    dense += functions @ np.diag([0.3, 0.7]) @ functions.T
    found = covariance_of_means(errors, time, shares)[0]
    np.testing.assert_allclose(found, known @ dense @ known.T, atol=1e-12)
    single = covariance_of_means(independent_means(sd), time, shares)[0]
    expected = (known * np.nan_to_num(sd[:, 0]) ** 2) @ known.T
    np.testing.assert_allclose(single, expected, atol=1e-12)


def test_functions_of_time_whose_errors_last_are_named():
    time = np.datetime64("2000-01-01", "ns") + np.arange(800) * np.timedelta64(1, "D")
    basis = series.seasonal_basis(time)
    sd, variance = np.ones((800, 2)), np.arange(12.0).reshape(6, 2)
    means = MeanErrors(np.arange(9.0), np.ones((9, 2)), sd, basis, variance)
    labelled = xr.Dataset().assign(error_model(means))
    of = labelled.error_function.sel
    np.testing.assert_array_equal(of(function="offset"), 1)
    trend = of(function="trend").values
    assert np.ptp(trend) == pytest.approx(799 / 365.25, rel=1e-3)
    first = of(function=["annual cosine", "annual sine"]).values
    np.testing.assert_allclose(np.hypot(*first.T), 1)
    # A quarter and an eighth of a year after the first of January.
    np.testing.assert_allclose(first[[0, 91]], [[1, 0], [0, 1]], atol=0.03)
    half = of(function=["semi-annual cosine", "semi-annual sine"]).values
    np.testing.assert_allclose(half[[0, 46]], [[1, 0], [0, 1]], atol=0.03)
    assert labelled.twsa_function_sd.sel(function="trend").values[1] == np.sqrt(3)


def test_months_of_droughts_have_the_errors_of_the_months_of_a_reference(results):
    regions = results["regions"]
    storage = monthly_storage(regions)
    shared = np.isin(
        storage.months.start.astype("M8[M]"), regions.month.values.astype("M8[M]")
    )
    expected = regions.twsa_monthly_sd.values
    found = storage.sd[shared][np.isfinite(expected).any(axis=1)]
    np.testing.assert_allclose(
        found, expected[np.isfinite(expected).any(axis=1)], rtol=1e-4
    )
    smallest = [np.linalg.eigvalsh(x)[0] for x in storage.covariance]
    assert min(smallest) > -1e-9 * storage.covariance.max()
    plain = monthly_storage(regions.drop_vars("twsa_error_correlation"))
    # Days of a month share most of their error.
    assert np.nanmedian(storage.sd / plain.sd) > 3

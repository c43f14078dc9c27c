"""A study under noise of a network goes on day by day, by its frozen spectra."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import shapely
import xarray as xr
from compliance import complaints_of, needs_checker
from twin_files import twin_heights

from jaxload import config, description, io, pipeline, series, synthetic
from jaxload.inversion.spectral.spectra import NetworkSpectra
from jaxload.pipeline.estimation import inversion as estimation
from jaxload.pipeline.estimation.network_uncertainty import with_growth
from jaxload.pipeline.frozen.frozen_network import NETWORK, network_of_state
from jaxload.pipeline.update import later_epochs, study_update

pytest.importorskip("netCDF4")

pytestmark = pytest.mark.slow

WORLD = synthetic.TwinSettings(
    stations=20, days=821, radius=2.0, belt=1.0, spacing=1.0, start="2015-01-01",
    missing=0.03,
)  # fmt: skip

#: Days of the run; those behind it are added.
FIRST = 790


@pytest.fixture(scope="module")
def heights():
    """Heights of a twin, with a common mode of one mm, gaps and a young station."""
    world = synthetic.twin(WORLD)
    rng = np.random.default_rng(8)
    up = world.displacement + rng.normal(size=(WORLD.days, 1))
    up[:400, 3] = np.nan
    up[100:103] = np.nan
    sigma = np.broadcast_to(1.5, up.shape)
    return twin_heights(world, up, sigma), world.region


def write(heights, folder, days):
    """The heights until some day, one file for each station."""
    gnss, region = heights
    shutil.rmtree(folder / "gnss", ignore_errors=True)
    io.write_up(gnss.isel(time=slice(0, days)), folder / "gnss")
    outline = shapely.geometry.mapping(region)
    (folder / "region.geojson").write_text(json.dumps(outline))
    return config.Study(
        gnss=config.Gnss(files="gnss/*.up"),
        region=config.Region(boundary="region.geojson", spacing=1.0, buffer=1.0),
        earth=config.Earth(max_degree=1500),
        screening=config.Screening(action="none"),
        inversion=config.Inversion(noise="network"),
        folder=str(folder),
    )


@pytest.fixture(scope="module")
def finished(heights, tmp_path_factory):
    """Results of the first days."""
    place = tmp_path_factory.mktemp("finished")
    (place / "data").mkdir()
    pipeline.run(write(heights, place / "data", FIRST), place / "out").close()
    return place


@pytest.fixture
def study(finished, tmp_path):
    shutil.copytree(finished / "out", tmp_path / "out")
    shutil.copytree(finished / "data", tmp_path / "data")
    return tmp_path


def update(study, **more):
    return pipeline.update_study(study / "out", str(study / "data"), **more)


def state_of(folder):
    about = json.loads((folder / "state.json").read_text())
    return xr.load_dataset(folder / "state.nc"), about


def frozen_model(frozen):
    """Spectra and functions of time of a run, in place of those of the whole record."""

    def network_model(_study, model, gnss, _temperature=None, *, watch):
        watch(1.0)
        network = network_of_state(frozen, (model.problem, model.prior))
        time = gnss.time.values
        functions = series.seasonal_basis(time)
        years = series.decimal_years(time)
        functions[:, 1] = years - years[:FIRST].mean()
        rest = model.up - functions @ np.asarray(network.maps.smoothed)
        position = np.arange(len(time))
        network = dataclasses.replace(
            network, functions=functions, position=position, rest=rest
        )
        return network, estimation.Choice(1.0, "spectra", "mm", [])

    return network_model


@pytest.fixture(scope="module")
def whole(heights, finished, tmp_path_factory):
    """The run of all days by the frozen spectra."""
    place = tmp_path_factory.mktemp("whole")
    (place / "data").mkdir()
    frozen = state_of(finished / "out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimation, "network_model", frozen_model(frozen))
        keep = lambda model, network, weights: dataclasses.replace(
            with_growth(model, network, weights), growth=network.growth
        )
        patch.setattr(estimation, "with_growth", keep)
        study = write(heights, place / "data", WORLD.days)
        pipeline.run(study, place / "out").close()
    return place / "out"


def of_regions(folder, name="region_twsa"):
    return xr.load_dataset(folder / "state.nc")[name].values[:, 0]


def test_a_window_that_is_the_whole_record_gives_the_run_of_all_days(
    heights, study, whole, monkeypatch
):
    monkeypatch.setattr(later_epochs, "SPARE", WORLD.days)
    write(heights, study / "data", WORLD.days)
    added = update(study)
    assert added.about["new_epochs"][2] == str(WORLD.days - FIRST)
    assert added.water is not None
    since = added.places[0]
    for name in ("region_twsa", "coefficient"):
        one, other = (
            xr.load_dataset(folder / "state.nc")[name].values[since:]
            for folder in (study / "out", whole)
        )
        size = np.nanmax(np.abs(other))
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-8 * size)


def test_a_window_differs_from_the_run_of_all_days_by_little(
    heights, study, whole, monkeypatch
):
    monkeypatch.setattr(later_epochs, "SPARE", 128)
    before = xr.load_dataset(study / "out" / "twsa.nc").twsa
    write(heights, study / "data", WORLD.days)
    added = update(study)
    lag = state_of(study / "out")[1][NETWORK]["lag"]
    assert added.places[0] == FIRST - lag
    assert len(added.time) - added.places[0] < 450
    one, other = (of_regions(folder) for folder in (study / "out", whole))
    sd = of_regions(study / "out", "region_twsa_sd")
    size = np.abs(one - other)[added.places] / sd[added.places]
    assert np.sqrt(np.mean(size**2)) < 0.05
    assert size.max() < 0.15
    errors = sd[added.places] / of_regions(whole, "region_twsa_sd")[added.places]
    np.testing.assert_allclose(errors, 1, atol=0.02)
    with xr.open_dataset(study / "out" / "twsa.nc") as after:
        assert after.sizes["time"] == WORLD.days
        kept = slice(0, FIRST - lag)
        np.testing.assert_array_equal(after.twsa[kept], before[kept])
        cells = after.cell_mask.values > 0
        assert np.isfinite(after.twsa_sd.values[-1][cells]).all()
    summary = json.loads((study / "out" / "summary.json").read_text())
    assert summary["epochs"] == WORLD.days


def test_amplitudes_and_monthly_errors_go_on_with_the_days(heights, study, whole):
    write(heights, study / "data", WORLD.days)
    update(study)
    for name, variable in (("twsa", "annual_amplitude"), ("regions", "twsa_rest_sd")):
        one, other = (
            xr.load_dataset(folder / f"{name}.nc")[variable].values
            for folder in (study / "out", whole)
        )
        size = np.nanmax(np.abs(other))
        np.testing.assert_allclose(one, other, rtol=0, atol=0.02 * size)


def test_seasons_are_those_of_the_maps_of_all_days(heights, study):
    write(heights, study / "data", WORLD.days)
    update(study)
    seasons = xr.load_dataset(study / "out" / "seasons.nc").sel(product="gnss")
    assert seasons.last_month == "2017-03"
    with xr.open_dataset(study / "out" / "twsa.nc") as maps:
        months = maps.twsa.resample(time="MS").mean().load()
        cells = maps.cell_mask.values > 0
    starts = months.time.values.astype("M8[M]")
    bounds = np.stack([starts, starts + 1], axis=1).astype("M8[ns]")
    basis = series.seasonal_basis(series.span_middles(bounds))
    terms = np.linalg.lstsq(basis, months.values[:, cells], rcond=None)[0]
    # What a mean over a month takes off an annual wave.
    expected = np.hypot(*terms[2:4]) / np.sinc(1 / 12)
    found = seasons.annual_amplitude.values[cells]
    np.testing.assert_allclose(found, expected, rtol=1e-3)
    rates = seasons.trend.values[cells]
    np.testing.assert_allclose(rates, terms[1], rtol=1e-3, atol=1e-3)


@needs_checker
def test_files_of_an_update_follow_the_conventions(heights, study, tmp_path):
    write(heights, study / "data", FIRST + 5)
    update(study)
    files = list((study / "out").glob("*.nc"))
    assert "seasons.nc" in {path.name for path in files}
    assert complaints_of(files, tmp_path) == {}


def test_provisional_days_are_those_of_the_lag_with_their_size(heights, study):
    write(heights, study / "data", FIRST + 1)
    about = update(study).about
    state, values = state_of(study / "out")
    lag = values[NETWORK]["lag"]
    assert about["new_epochs"][2] == "1"
    assert len(about["changed_mm"]) == lag
    assert about["provisional"][2] == str(lag)
    with xr.open_dataset(study / "out" / "regions.nc") as regions:
        assert regions.provisional.values.sum() == lag
        assert regions.provisional.values[-1] == 1
    growth = state.growth_regions.values[0, 0]
    rest = state.region_rest_sd.values[-1, 0]
    expected = rest * np.sqrt(1 - growth**-2)
    size = next(iter(about["provisional_mm"].values()))
    assert size == pytest.approx(expected, rel=1e-3)
    said = "\n".join(description.describe_update(about))
    assert f"means over regions of the last by {size:.1f} mm rms" in said


@pytest.mark.thorough
def test_days_one_after_the_other_are_nearly_the_days_together(
    heights, study, monkeypatch
):
    monkeypatch.setattr(later_epochs, "SPARE", 128)
    shutil.copytree(study / "out", study / "once")
    for days in (FIRST + 1, FIRST + 2, FIRST + 5):
        write(heights, study / "data", days)
        update(study)
    pipeline.update_study(study / "once", str(study / "data"))
    one, other = (of_regions(study / name) for name in ("out", "once"))
    sd = of_regions(study / "out", "region_twsa_sd")
    lag = state_of(study / "out")[1][NETWORK]["lag"]
    # In the lag of the last update all is computed anew.
    assert np.nanmax((np.abs(one - other) / sd)[-lag:]) < 0.02
    assert np.nanmax(np.abs(one - other) / sd) < 0.15


def changed(study, heights, day, change):
    """Heights in which a day of half of the stations is another."""
    gnss, region = heights
    up = gnss.up.values.copy()
    up[day, ::2] += change
    other = gnss.assign(up=(gnss.up.dims, up, gnss.up.attrs))
    write((other, region), study / "data", FIRST)


@pytest.mark.parametrize(
    ("day", "change"),
    [
        (FIRST - 3, np.nan),
        pytest.param(FIRST - 3, 30.0, marks=pytest.mark.thorough),
        pytest.param(200, 30.0, marks=pytest.mark.thorough),
    ],
)
def test_a_day_that_changes_changes_those_around_it(heights, study, day, change):
    before = of_regions(study / "out")
    changed(study, heights, day, change)
    about = update(study).about
    lag = state_of(study / "out")[1][NETWORK]["lag"]
    assert about["new_epochs"] == []
    assert len(about["changed_mm"]) == len(range(day - lag, min(day + lag + 1, FIRST)))
    moved = np.nan_to_num(np.abs(of_regions(study / "out") - before))
    assert (moved[: day - lag] == 0).all()
    # One day weighs little beside its neighbours, but far more than rounding.
    near = moved[day - 1 : day + 2].max()
    assert near > 0.1
    assert near > 0.5 * moved.max()


def test_trend_and_seasons_go_on_as_those_of_the_run(heights, study):
    """Heights that are the functions of time of the run, alone, have their maps."""
    state, _ = state_of(study / "out")
    gnss, region = heights
    years = series.decimal_years(gnss.time.values)
    functions = series.seasonal_basis(gnss.time.values)
    functions[:, 1] = years - years[:FIRST].mean()
    order = [list(state.row.values).index(name) for name in gnss.station.values]
    up = functions @ state.map_smoothed.values[:, order]
    alone = gnss.assign(up=(gnss.up.dims, up, gnss.up.attrs))
    write((alone, region), study / "data", WORLD.days)
    added = update(study)
    assert added.water is not None
    found = np.asarray(added.water.estimate.solution.terms[0].coefficients)
    expected = (functions @ state.map_coefficients.values)[added.places]
    assert added.places[-1] == WORLD.days - 1
    size = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.01 * size)


def of_another_version(study):
    path = study / "out" / "state.json"
    path.write_text(
        path.read_text().replace('"state_version": 2', '"state_version": 99')
    )


def of_another_study(study):
    path = study / "out" / "state.json"
    path.write_text(path.read_text().replace("spacing = 1", "spacing = 2"))


def early(study):
    path = next((study / "data" / "gnss").glob("*.up"))
    path.write_text("20141201 1.000 1.5\n" + path.read_text())


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (of_another_version, "is of version 99, but"),
        (of_another_study, "is not the state of the results beside it"),
        (early, "adds no days before"),
    ],
)
def test_what_cannot_go_on_is_refused(study, damage, words):
    damage(study)
    before = (study / "out" / "state.nc").read_bytes()
    with pytest.raises(ValueError, match=words):
        update(study)
    assert (study / "out" / "state.nc").read_bytes() == before


def test_an_update_that_fails_leaves_the_folder_as_it_was(heights, study, monkeypatch):
    write(heights, study / "data", FIRST + 1)
    before = (study / "out" / "state.nc").read_bytes()

    def fail(*_):
        raise ValueError("the disk is full")

    monkeypatch.setattr(study_update, "estimate_window", fail)
    with pytest.raises(ValueError, match="disk is full"):
        update(study)
    assert (study / "out" / "state.nc").read_bytes() == before


def test_errors_grow_towards_both_ends_of_a_run(finished):
    state, _ = state_of(finished / "out")
    growth = state.growth_regions.values[:, 0]
    rest = state.region_rest_sd.values[:, 0]
    assert growth[0] > 1.05
    assert (np.diff(growth) <= 1e-6).all()
    last = rest[-1] / rest[-1 - np.arange(0, 150, 30)]
    np.testing.assert_allclose(last, growth[0] / growth[:150:30], rtol=1e-6)
    first = rest[0] / rest[:90:30]
    np.testing.assert_allclose(first, growth[0] / growth[:90:30], rtol=1e-6)
    with xr.open_dataset(finished / "out" / "twsa.nc") as maps:
        cells = maps.cell_mask.values > 0
        sd = maps.twsa_sd.values[[0, 50, -1]][:, cells]
    assert (sd[[0, 2]] > sd[1]).all()


def test_spectra_are_kept_to_the_last_digit(finished):
    state, about = state_of(finished / "out")
    spectra = NetworkSpectra(**about[NETWORK]["spectra"])
    summary = json.loads((finished / "out" / "summary.json").read_text())
    noise = summary["noise"]
    assert noise["regional_length_km"] == spectra.length
    assert noise["load_density_at_a_year"] == spectra.load
    assert state.map_smoothed.shape == (6, WORLD.stations)

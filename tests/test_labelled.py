"""Places, basins and seasons of labelled results."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import shapely
import xarray as xr

import jaxload.accessor
from jaxload import labelled, series, sphere

DAYS = np.arange("2015-01-01", "2019-01-01", dtype="M8[D]").astype("M8[ns]")
YEARS = series.decimal_years(DAYS) - 2000


def maps(values=None, days=DAYS):
    shape = (len(days), 4, 5)
    if values is None:
        values = np.random.default_rng(3).normal(size=shape)
    mm = {"units": "mm", "long_name": "water"}
    dims = ("time", "lat", "lon")
    variables = {"twsa": (dims, values, mm), "twsa_sd": (dims, np.full(shape, 4.0), mm)}
    axes = {"lat": 44.0 + np.arange(4), "lon": 10.0 + np.arange(5)}
    return xr.Dataset(variables, {"time": days, **axes})


def waves(trend=3.0, amplitude=10.0, day=60.0):
    turn = 2 * np.pi * (YEARS - day / 365.2425)
    return 2 + trend * (YEARS - YEARS.mean()) + amplitude * np.cos(turn)


def test_seasons_without_noise_are_found_exactly():
    fit = series.fit_seasons(waves()[:, None], DAYS)
    assert fit.mean[0] == pytest.approx(2)
    assert fit.trend[0] == pytest.approx(3)
    assert fit.annual_amplitude[0] == pytest.approx(10)
    assert fit.annual_phase[0] == pytest.approx(60)
    assert fit.semiannual_amplitude[0] == pytest.approx(0, abs=1e-9)


def test_gaps_change_nothing_where_there_is_no_noise():
    values = np.stack([waves(), waves()], axis=1)
    values[100:300, 1] = np.nan
    fit = series.fit_seasons(values, DAYS)
    for field in ("mean", "trend", "annual_amplitude", "annual_phase"):
        both = getattr(fit, field)
        assert both[0] == pytest.approx(both[1])


def test_fits_of_series_with_gaps_are_those_of_their_known_epochs(rng):
    values = waves()[:, None] + rng.normal(size=(len(DAYS), 2))
    values[rng.random(values.shape) < 0.3] = np.nan
    fit = series.fit_seasons(values, DAYS)
    for column, seen in enumerate(np.isfinite(values).T):
        basis = series.seasonal_basis(DAYS)[seen]
        terms, *_ = np.linalg.lstsq(basis, values[seen, column])
        found = fit.mean[column], fit.trend[column], fit.annual_amplitude[column]
        np.testing.assert_allclose(found, [*terms[:2], np.hypot(*terms[2:4])])


def test_fits_are_those_of_least_squares(rng):
    values = rng.normal(size=(len(DAYS), 3))
    fit = series.fit_seasons(values, DAYS)
    terms, *_ = np.linalg.lstsq(series.seasonal_basis(DAYS), values)
    np.testing.assert_allclose(fit.trend, terms[1])
    np.testing.assert_allclose(fit.annual_amplitude, np.hypot(*terms[2:4]))
    np.testing.assert_allclose(
        fit.annual_amplitude, series.annual_amplitude(values, DAYS)
    )


@pytest.mark.parametrize(("memory", "factor"), [(0.0, 1.2), (0.9, 1.25)])
def test_standard_errors_are_the_scatter_of_fits(rng, memory, factor):
    noise = rng.normal(size=(len(DAYS), 150))
    for epoch in range(1, len(DAYS)):
        noise[epoch] += memory * noise[epoch - 1]
    fit = series.fit_seasons(waves()[:, None] + noise, DAYS)
    for field in ("trend", "annual_amplitude", "annual_phase", "mean"):
        scatter = getattr(fit, field).std()
        stated = np.sqrt((getattr(fit, f"{field}_sd") ** 2).mean())
        assert 1 / factor < scatter / stated < factor, field


def test_a_short_record_tells_no_season_from_a_trend():
    some = DAYS[:500]
    fit = series.fit_seasons(np.zeros((500, 1)), some)
    assert all(np.isnan(getattr(fit, f.name)) for f in dataclasses.fields(fit))
    none = series.fit_seasons(np.full((len(DAYS), 1), np.nan), DAYS)
    assert np.isnan(none.trend).all()


def test_transposed_series_are_refused():
    with pytest.raises(ValueError, match="is values transposed"):
        series.fit_seasons(np.zeros((2, len(DAYS))), DAYS)


def test_the_accessor_fits_every_cell(monkeypatch):
    # Read row by row.
    monkeypatch.setattr(labelled.seasons, "VALUES", 1)
    values = waves()[:, None, None] * np.arange(1, 21).reshape(4, 5)
    fits = maps(values).jaxload.annual()
    np.testing.assert_allclose(fits.trend, 3 * np.arange(1, 21).reshape(4, 5))
    assert fits.trend.attrs["units"] == "mm year-1"
    assert fits.annual_phase_sd.attrs["units"] == "day"
    assert fits.trend.dims == ("lat", "lon")
    assert jaxload.accessor.WaterAccessor


def test_a_basin_mean_is_the_mean_over_its_area():
    water, box = maps(), shapely.box(9.5, 43.5, 12.0, 45.5)
    mean = water.jaxload.basin_mean({"box": box})
    area = sphere.raster_grid(water.lon.values, water.lat.values).cell_area
    share = np.array([1, 1, 0.5, 0, 0]) * np.array([1, 1, 0, 0])[:, None]
    weight = share.ravel() * area
    cells = water.twsa.values.reshape(len(DAYS), -1)
    np.testing.assert_allclose(
        mean.twsa.sel(region="box"), cells @ weight / weight.sum(), rtol=1e-5
    )
    assert float(mean.coverage_fraction[0]) == pytest.approx(1)


def test_a_basin_mean_states_no_error_but_the_largest():
    box = shapely.box(9.5, 43.5, 12.0, 45.5)
    mean = maps().jaxload.basin_mean(box)
    assert "twsa_sd" not in mean
    np.testing.assert_allclose(mean.twsa_sd_largest, 4.0)
    assert "without standard errors" in mean.twsa.attrs["comment"]


def test_a_basin_mean_leaves_out_cells_without_water():
    water = maps()
    water.twsa[:, 0, 0] = np.nan
    mean = water.jaxload.basin_mean(shapely.box(9.5, 43.5, 11.5, 44.5))
    np.testing.assert_allclose(mean.twsa[:, 0], water.twsa[:, 0, 1])


def with_belt(water):
    """The maps, the first column of which lies in the belt, the last in neither."""
    mask = np.full((4, 5), 2, np.int8)
    mask[:, 0], mask[:, -1] = 1, 0
    water.twsa[:, :, -1] = np.nan
    water.twsa[:, :, 0] += 100
    return water.assign(cell_mask=(("lat", "lon"), mask))


def test_a_basin_mean_leaves_out_the_belt_and_counts_what_is_left(monkeypatch):
    monkeypatch.setattr(labelled.places, "EPOCHS", 100)
    water = with_belt(maps())
    basins = {
        "west": shapely.box(9.5, 43.5, 11.5, 44.5),
        "east": shapely.box(12.5, 43.5, 14.5, 44.5),
    }
    mean = water.jaxload.basin_mean(basins)
    np.testing.assert_allclose(mean.twsa[:, 0], water.twsa[:, 0, 1])
    np.testing.assert_allclose(mean.twsa[:, 1], water.twsa[:, 0, 3])
    np.testing.assert_allclose(mean.coverage_fraction, 0.5)
    np.testing.assert_allclose(mean.twsa_sd_largest, 4.0)
    both = water.jaxload.basin_mean(basins, belt=True)
    np.testing.assert_allclose(both.twsa[:, 0], water.twsa[:, 0, :2].mean("lon"))
    np.testing.assert_allclose(both.coverage_fraction, [1, 0.5])


def test_a_basin_without_water_is_refused():
    water = with_belt(maps())
    for west, east in ((9.5, 10.5), (13.5, 14.5)):
        with pytest.raises(ValueError, match="mine has no cell with twsa"):
            water.jaxload.basin_mean({"mine": shapely.box(west, 43.5, east, 44.5)})


def test_the_cell_of_a_place_is_the_one_it_lies_in():
    water = maps()
    one = water.jaxload.at(11.4, 45.6)
    assert (float(one.lon), float(one.lat)) == (11, 46)
    several = water.jaxload.at([10.1, 374.2], [44, 47])
    assert several.twsa.dims == ("time", "place")
    np.testing.assert_array_equal(several.lon, [10, 14])


@pytest.mark.parametrize("axis", ["lon", "lat"])
def test_a_place_far_from_a_single_row_of_cells_is_outside(axis):
    row = maps().isel({axis: [2]})
    assert float(row.jaxload.at(12.4, 46.4)[axis]) == {"lon": 12, "lat": 46}[axis]
    place = {"lon": (150.0, 46.0), "lat": (12.0, 80.0)}[axis]
    with pytest.raises(ValueError, match="lies outside the maps"):
        row.jaxload.at(*place)


def test_a_single_cell_is_as_wide_as_its_limits_or_its_study_say():
    cell = maps().isel(lon=[0], lat=[0])
    assert labelled.cell_sides(cell) == (np.inf, np.inf)
    assert labelled.cell_sides(maps().isel(lon=[0])) == (1, 1)
    stated = cell.assign_attrs(settings="[region]\nspacing = 0.25\n")
    assert labelled.cell_sides(stated) == (0.25, 0.25)
    bounds = (("lon", "nv"), np.array([[9.75, 10.25]]))
    assert labelled.cell_sides(cell.assign(lon_bnds=bounds)) == (0.5, 0.5)


WRONG = {
    "outside": (lambda x: x.at(16.0, 45.0), "longitude 16 lies outside the maps"),
    "lengths": (lambda x: x.at([1.0], 45.0), "give two numbers, or two lists"),
    "name": (lambda x: x.annual("rain"), "the dataset has no rain; it has twsa"),
    "basin": (lambda x: x.basin_mean(shapely.box(0, 0, 1, 1)), "does not touch"),
    "polygon": (lambda x: x.basin_mean({"a": 3}), "a is int, expected a polygon"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_is_refused(case):
    call, sentence = WRONG[case]
    with pytest.raises(ValueError, match=sentence):
        call(maps().jaxload)


def test_a_dataset_without_maps_is_refused():
    with pytest.raises(ValueError, match="has no axis lon"):
        xr.Dataset({"twsa": ("time", np.zeros(3))}).jaxload.at(1, 2)


def test_the_accessor_is_there_once_it_is_imported_and_not_before():
    code = "import xarray, jaxload, jaxload.labelled\n"
    code += "assert not hasattr(xarray.Dataset, 'jaxload')\n"
    code += "import jaxload.accessor\nassert hasattr(xarray.Dataset, 'jaxload')"
    subprocess.run([sys.executable, "-c", code], check=True)

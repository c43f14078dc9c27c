"""A truth not made of what inverts it: each difference is there, and so large."""

import dataclasses

import numpy as np
import pytest
import shapely
from scipy import sparse

from jaxload import sphere
from jaxload.synthetic import independent_truth as truth
from jaxload.synthetic.surface import shares
from jaxload.synthetic.weather import PlaceWeather
from jaxload.synthetic.weather_settings import WeatherSettings
from jaxload.synthetic.world_with_weather import weather_world

BRIEF = WeatherSettings(stop="2011-06-30", spacing=1.0)


@pytest.fixture(scope="module")
def cells():
    return sphere.regional_grid(shapely.box(100, 23, 104, 27), 0.25, 0.5)


@pytest.fixture(scope="module")
def places():
    return sphere.raster_grid(np.arange(97.5, 108), np.arange(20.5, 31))


@pytest.fixture(scope="module")
def water(cells, places):
    fine = truth.third_cells(cells)
    even = shares(places, fine.lon, fine.lat)
    return truth.rough_water(cells, even, np.random.default_rng(3))


def test_fine_cells_fill_the_inverted_ones(cells, water):
    fine = water.cells
    assert len(fine.lon) == 9 * len(cells.lon)
    assert fine.cell_area.sum() == pytest.approx(cells.cell_area.sum(), rel=1e-6)
    # Each has its centre within a cell, and nine share one.
    near = abs(fine.lon[:, None] - cells.lon) < cells.spacing / 2
    near &= abs(fine.lat[:, None] - cells.lat) < cells.spacing / 2
    assert (near.sum(axis=1) == 1).all()
    assert (near.sum(axis=0) == 9).all()
    ascending = np.lexsort([fine.column, fine.row])
    np.testing.assert_array_equal(ascending, np.arange(len(fine.lon)))


def test_what_scores_is_the_mean_of_fine_water(cells, places, water, rng):
    storage = rng.normal(size=len(places.lon))
    fine, coarse = storage @ water.to_fine, storage @ water.to_cells
    for cell in (0, 57, len(cells.lon) - 1):
        inside = abs(water.cells.lon - cells.lon[cell]) < cells.spacing / 2
        inside &= abs(water.cells.lat - cells.lat[cell]) < cells.spacing / 2
        area = np.cos(np.radians(water.cells.lat[inside]))
        mean = (fine[inside] * area).sum() / area.sum()
        assert coarse[cell] == pytest.approx(mean, rel=1e-6)


def test_no_water_on_the_inverted_cells_is_the_true_one(cells, places, water):
    """The best of all fields that are uniform on the cells leaves a third."""
    storage = np.ones((1, len(places.lon))) * 100
    fine = (storage @ water.to_fine)[0]
    column = np.zeros((len(cells.lat_axis), len(cells.lon_axis)), int)
    column[cells.row, cells.column] = np.arange(len(cells.lon))
    cell = column[water.cells.row // 3, water.cells.column // 3]
    uniform = sparse.csr_array(
        (np.ones(len(cell)), (np.arange(len(cell)), cell)),
        shape=(len(cell), len(cells.lon)),
    )
    best = sparse.linalg.lsqr(uniform, fine)[0]
    left = fine - uniform @ best
    assert left.std() / fine.mean() > 0.3
    # Nor is it smooth from one fine cell to the next.
    raster = np.full((len(water.cells.lat_axis), len(water.cells.lon_axis)), np.nan)
    raster[water.cells.row, water.cells.column] = fine
    assert np.nanstd(np.diff(raster, axis=1)) > fine.std()
    assert fine.min() > 0


def test_the_far_field_is_on_all_land_but_the_inverted(cells):
    time = np.arange("2011-01-01", "2013-01-01", dtype="M8[D]")
    far = truth.draw_far_field(cells, time, np.random.default_rng(4))
    loaded = abs(far.patterns).max(axis=0) > 0
    assert 0.25 < (loaded * far.cells.cell_area).sum() / far.cells.cell_area.sum() < 0.4
    for lon, lat in zip(cells.lon, cells.lat):
        on = abs(far.cells.lon - lon) <= 1
        assert not loaded[on & (abs(far.cells.lat - lat) < 1)].any()
    # Where it is not lies within two degrees of the cells.
    india = (abs(far.cells.lon - 79) <= 1) & (abs(far.cells.lat - 23) <= 1)
    assert loaded[india].all()
    assert 30 < (far.series @ far.patterns[:, india]).std() < 120


def test_weather_is_known_with_errors_of_the_stated_size(places, rng):
    shape = (1500, len(places.lon))
    true = PlaceWeather(
        280 + rng.normal(size=shape), np.full(shape, 9e4), rng.gamma(1.0, 3.0, shape)
    )
    names = ("rain error", "warmth error", "weight error")
    streams = {name: np.random.default_rng(n) for n, name in enumerate(names)}
    known = truth.uncertain_weather(true, places, streams)
    ratio = np.log(known.precipitation / true.precipitation)
    assert 0.05 < np.sqrt(np.mean(ratio.mean(axis=0) ** 2)) < 0.4
    assert 0.1 < ratio.std(axis=0).mean() < 0.3
    assert 30 < (known.pressure - true.pressure).std() < 90
    assert 0.6 < (known.temperature - true.temperature).std() < 1.8


def test_the_other_land_model_keeps_its_own_balance():
    """With constant weather it stays, where what comes in and goes out agree."""
    shape = (900, 2)
    warm = np.full(shape, 290.0)
    weather = PlaceWeather(warm, warm, np.full(shape, 4.0))
    model = truth.one_reservoir_model(weather, np.array([1.0, 0.0]), 800)
    assert abs(model[:, 0]).max() < 1e-3
    assert np.isnan(model[:, 1]).all()
    wetter = np.full(shape, 4.0)
    wetter[850:] = 14.0
    model = truth.one_reservoir_model(
        dataclasses.replace(weather, precipitation=wetter), np.ones(2), 800
    )
    assert (np.diff(model[50:, 0]) > 0).all()
    assert model[50, 0] - model[49, 0] == pytest.approx(10.0, rel=1e-6)


def test_a_truth_that_is_neither_is_refused():
    with pytest.raises(ValueError, match="truth is 'other', expected inverted or ind"):
        WeatherSettings(truth="other")
    with pytest.raises(ValueError, match="has heights alone; leave horizontals out"):
        WeatherSettings(truth="independent", horizontals=True)


@pytest.mark.slow
@pytest.mark.thorough
def test_a_world_of_independent_truth_differs_in_what_it_says(monkeypatch):
    monkeypatch.setattr(truth, "MAX_DEGREE", 4000)
    usual = weather_world(BRIEF)
    world = weather_world(dataclasses.replace(BRIEF, truth="independent"))
    # The same water and receivers.
    np.testing.assert_array_equal(world.storage, usual.storage)
    np.testing.assert_array_equal(world.sigma, usual.sigma)
    # Another Earth, the far field and rough water.
    up, before = world.loads["up"], usual.loads["up"]
    left = (up.loading - before.loading).std() / before.loading.std()
    assert 0.2 < left < 1.5
    assert np.corrcoef(up.loading.ravel(), before.loading.ravel())[0, 1] > 0.6
    np.testing.assert_allclose(up.ntal.std() / before.ntal.std(), 1, atol=0.3)
    # What is taken out of heights is not quite what is in them.
    wrong = world.modelled_loads["up"].ntal - up.ntal
    assert 0.02 < wrong.std() / up.ntal.std() < 0.6
    assert usual.modelled_loads["up"] is usual.loads["up"]
    # The weather that is known is not that which drove the water.
    assert (world.weather.precipitation != usual.weather.precipitation).any()
    seen = np.isfinite(world.model) & np.isfinite(usual.model)
    assert np.corrcoef(world.model[seen], usual.model[seen])[0, 1] < 0.97

"""The twin world is what its settings say, and its heights are those of its water."""

import dataclasses
import itertools

import numpy as np
import pytest
import shapely

from jaxload import earth, synthetic
from jaxload.constants import GRAVITATIONAL_CONSTANT, WATER_DENSITY
from jaxload.synthetic.outlines import divided_outline

SMALL = synthetic.TwinSettings(
    stations=5, days=40, radius=1.5, belt=0.5, spacing=1.0, missing=0.3
)
LARGE = synthetic.TwinSettings(spacing=1.0, belt=1.0)
ONE_KIND = {"seasonal": 0.0, "interannual": 0.0, "weather": 0.0}


@pytest.fixture(scope="module")
def small():
    return synthetic.twin(SMALL)


@pytest.fixture(scope="module")
def large():
    return synthetic.twin(LARGE)


def arrays(world):
    return {
        field.name: getattr(world, field.name)
        for field in dataclasses.fields(world)
        if isinstance(getattr(world, field.name), np.ndarray)
    }


def test_one_seed_makes_one_world(small):
    again = synthetic.twin(SMALL)
    assert again.region.equals_exact(small.region, 0)
    for name, values in arrays(small).items():
        np.testing.assert_array_equal(values, getattr(again, name), err_msg=name)


def test_another_seed_makes_another_world(small):
    other = synthetic.twin(dataclasses.replace(SMALL, seed=2))
    assert not other.region.equals_exact(small.region, 1e-3)
    assert not np.isin(other.lon, small.lon).any()
    assert abs(np.nanmean(other.displacement) - np.nanmean(small.displacement)) > 1e-3


def test_a_world_has_the_size_that_was_asked_for(small):
    epoch, station, cell = SMALL.days, SMALL.stations, len(small.grid.lon)
    assert small.water.shape == (epoch, cell)
    for name in ("loading", "displacement", "sigma"):
        assert getattr(small, name).shape == (epoch, station)
    assert small.time[0] == np.datetime64(SMALL.start)
    assert (np.diff(small.time) == np.timedelta64(1, "D")).all()
    assert len(set(small.station)) == station
    np.testing.assert_array_equal(np.isnan(small.displacement), np.isnan(small.sigma))
    assert np.isfinite(small.loading).all()


def legendre_sum(coefficients, cosine):
    """Sum of c_n P_n(x) by the three-term recurrence, upward."""
    before, now = np.ones_like(cosine), cosine
    total = coefficients[0] * before + coefficients[1] * now
    for degree in range(1, len(coefficients) - 1):
        after = ((2 * degree + 1) * cosine * now - degree * before) / (degree + 1)
        before, now = now, after
        total = total + coefficients[degree + 1] * now
    return total


def disc_response(love, radius, distance):
    """Uplift per water height at some arcs [rad] from a disc of one radius [rad]."""
    count = len(love.h)
    polynomial = np.ones(count + 1)
    polynomial[1] = x = np.cos(radius)
    for n in range(1, count):
        polynomial[n + 1] = (
            (2 * n + 1) * x * polynomial[n] - n * polynomial[n - 1]
        ) / (n + 1)
    degree = np.arange(count)
    gamma = np.empty(count)
    gamma[0] = (1 - x) / 2
    gamma[1:] = (polynomial[: count - 1] - polynomial[2:]) / 2
    scale = 4 * np.pi * GRAVITATIONAL_CONSTANT * WATER_DENSITY
    scale *= float(love.radius) / float(love.gravity)
    coefficients = scale * np.asarray(love.h) * gamma / (2 * degree + 1)
    return legendre_sum(coefficients, np.cos(distance))


def test_the_loading_is_the_sum_over_degrees_of_every_disc(small):
    love = earth.load_love_numbers("prem", frame="CF")
    grid, station = small.grid, 2
    lon, lat = np.radians(grid.lon), np.radians(grid.lat)
    here = np.radians((small.lon[station], small.lat[station]))
    chord = np.sin((lat - here[1]) / 2) ** 2
    chord += np.cos(lat) * np.cos(here[1]) * np.sin((lon - here[0]) / 2) ** 2
    distance = 2 * np.arcsin(np.sqrt(chord))
    uplift = np.zeros(SMALL.days)
    for row in np.unique(grid.row):
        cells = grid.row == row
        half = np.radians(grid.spacing / 2)
        middle = lat[cells][0]
        area = 2 * half * (np.sin(middle + half) - np.sin(middle - half))
        radius = np.arccos(1 - area / (2 * np.pi))
        response = disc_response(love, radius, distance[cells])
        uplift += small.water[:, cells] @ response
    np.testing.assert_allclose(
        small.loading[:, station], uplift, rtol=0, atol=2e-6 * abs(uplift).max()
    )


def test_water_presses_the_ground_down(large):
    nearest = np.argmin(
        np.hypot(
            large.grid.lon[:, None] - large.lon, large.grid.lat[:, None] - large.lat
        ),
        axis=0,
    )
    for station, cell in enumerate(nearest):
        assert np.corrcoef(large.water[:, cell], large.loading[:, station])[0, 1] < -0.5


def test_stations_stand_inside_the_region_and_cluster_in_its_west(large):
    assert shapely.contains_xy(large.region, large.lon, large.lat).all()
    west, _, east, _ = large.region.bounds
    assert (large.lon < (west + east) / 2).mean() > 0.55


def test_gaps_share_what_the_settings_say(large):
    seen = np.isfinite(large.displacement)
    first = seen.argmax(axis=0)
    lost = [1 - seen[day:, station].mean() for station, day in enumerate(first)]
    assert np.mean(lost) == pytest.approx(LARGE.missing, abs=0.025)
    late = (first > 60).mean()
    assert 0.1 <= late <= 0.25


def test_a_world_without_failures_lacks_only_what_was_not_built():
    world = synthetic.twin(dataclasses.replace(SMALL, missing=0.0))
    seen = np.isfinite(world.displacement)
    assert (np.diff(seen.astype(int), axis=0) >= 0).all()
    assert seen[-1].all()
    assert seen[0].sum() >= SMALL.stations - SMALL.stations // 5


def test_noise_is_as_large_as_the_settings_say(large):
    noise = large.displacement - large.loading
    assert np.nanmedian(large.sigma) == pytest.approx(LARGE.white, rel=0.15)
    expected = np.sqrt(LARGE.white**2 + LARGE.flicker**2 + LARGE.common**2)
    assert np.sqrt(np.nanmean(noise**2)) == pytest.approx(expected, rel=0.15)
    # What all stations share is the common mode, with white noise averaged down.
    shared = np.nanmean(noise, axis=1).std()
    assert shared == pytest.approx(LARGE.common, rel=0.25)


def test_a_world_without_noise_shows_its_loading():
    world = synthetic.twin(
        dataclasses.replace(SMALL, white=1e-9, flicker=0.0, common=0.0)
    )
    seen = np.isfinite(world.displacement)
    assert 0 < seen.sum() < seen.size
    np.testing.assert_allclose(
        world.displacement[seen], world.loading[seen], rtol=0, atol=1e-7
    )


def water_of(**only):
    settings = dataclasses.replace(
        SMALL, days=1461, radius=4.0, stations=2, **(ONE_KIND | only)
    )
    world = synthetic.twin(settings)
    return (world.time - world.time[0]).astype(float), world.water


def test_seasonal_water_has_the_amplitude_of_the_settings():
    day, water = water_of(seasonal=90.0)
    turn = 2 * np.pi * day / 365.2425
    waves = [f(k * turn) for k in (1, 2) for f in (np.cos, np.sin)]
    base = np.column_stack([np.ones_like(turn), *waves])
    fit, residual, *_ = np.linalg.lstsq(base, water, rcond=None)
    annual, half = np.hypot(*fit[1:3]), np.hypot(*fit[3:5])
    assert residual.max() < 1e-6 * (water**2).sum(axis=0).max()
    np.testing.assert_allclose(half, 0.2 * annual, rtol=1e-3)
    # A factor of three standard deviations of the logarithm each way.
    assert (abs(np.log(annual / 90.0)) < 3 * 0.4 + 0.08).all()
    assert annual.std() > 1.0


def test_weather_has_the_size_and_the_memory_of_its_kind():
    _, water = water_of(weather=25.0)
    assert water.std() == pytest.approx(25.0, rel=0.2)
    lagged = [np.corrcoef(cell[:-1], cell[1:])[0, 1] for cell in water.T]
    assert np.mean(lagged) == pytest.approx(np.exp(-1 / 20), abs=0.02)


def test_interannual_water_is_slow_and_of_the_size_of_the_settings():
    _, water = water_of(interannual=35.0)
    assert 35 / 2.5 < np.sqrt((water**2).mean()) < 35 * 2.5
    assert abs(np.diff(water, axis=0)).max() < 35 / 20


@pytest.mark.parametrize(("stations", "days"), [(1, 40), (0, 40), (5, 1), (-3, 40)])
def test_a_world_that_is_too_small_is_refused(stations, days):
    settings = dataclasses.replace(SMALL, stations=stations, days=days)
    with pytest.raises(ValueError, match=f"{stations} stations and {days} days is too"):
        synthetic.twin(settings)


@pytest.mark.parametrize("count", [1, 4, 10])
def test_parts_of_a_region_make_it_and_are_about_as_large(count):
    region = shapely.Polygon(
        [(97, 22), (104, 21), (108, 26), (103, 27), (102, 33), (97, 33)]
    )
    parts = divided_outline(region, count, "Area")
    assert list(parts) == [f"Area {number}" for number in range(1, count + 1)]
    outlines = list(parts.values())
    assert shapely.union_all(outlines).symmetric_difference(region).area < 1e-9
    areas = np.array([part.area for part in outlines])
    assert areas.sum() == pytest.approx(region.area)
    assert areas.min() > 0.5 * areas.mean()
    lat = [part.centroid.y for part in outlines]
    # Numbers go from north to south, but for parts that lie side by side.
    assert all(after - before < 1 for before, after in itertools.pairwise(lat))


def test_what_is_in_a_part_is_nearest_to_its_middle():
    """An even square at the equator is cut into four quarters."""
    square = shapely.box(-2, -2, 2, 2)
    parts = divided_outline(square, 4, "Area").values()
    for part in parts:
        assert part.area == pytest.approx(4, rel=0.05)
        assert abs(part.centroid.x) == pytest.approx(1, abs=0.1)
        assert abs(part.centroid.y) == pytest.approx(1, abs=0.1)

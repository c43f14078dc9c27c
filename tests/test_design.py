"""The design matrix by table is the sum over degrees."""

import dataclasses
import subprocess
import sys
import textwrap
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxload.earth.kernels.disc import disc_kernel, disc_tangential, disc_uplift
from jaxload.earth.kernels.point import point_tangential, point_uplift
from jaxload.earth.kernels.rectangle import rectangle_kernel
from jaxload.earth.kernels.table import interpolate_table, tabulate
from jaxload.earth.kernels.truncation import cut_slopes, cut_terms, cut_weights
from jaxload.earth.loading.design import _read, design_matrix
from jaxload.earth.love.from_model import LoveNumbers, load_love_numbers
from jaxload.sphere.geometry import angular_distance, azimuth, cell_area

EDGE = 1e-3


class Places(NamedTuple):
    lon: np.ndarray
    lat: np.ndarray


def love_numbers(last):
    n = np.arange(last + 1.0)
    h, l, k = -6.2 + 5.3 / (1 + n / 40), 1.9 / (5 + n), -2.6 / (5 + n)
    leaves = map(jnp.asarray, (h, l, k, 6_371_000.0, 9.82))
    return LoveNumbers(*leaves, frame="CE", source="test")


def raster(west, south, columns, rows, spacing):
    lon, lat = np.meshgrid(
        west + spacing * np.arange(columns), south + spacing * np.arange(rows)
    )
    return Places(lon.ravel(), lat.ravel())


def equal_area_radius(grid, spacing):
    half = np.deg2rad(spacing) / 2
    area = 4 * half * np.sin(half) * np.cos(np.deg2rad(grid.lat))
    return np.rad2deg(2 * np.arcsin(np.sqrt(area / (4 * np.pi))))


def about(grid, radius, rng, count):
    """Places inside, on the edge of, and just outside some of the discs."""
    cell = rng.integers(0, len(grid.lon), 3 * count)
    reach = np.repeat([0.5, 1.0, 1.5], count)
    reach = radius[cell] * (reach + rng.uniform(-0.5, 0.5, 3 * count) * (reach != 1))
    reach = reach * (1 + EDGE * rng.normal(size=3 * count) * (reach == radius[cell]))
    toward = rng.uniform(0, 2 * np.pi, 3 * count)
    east = reach * np.sin(toward) / np.cos(np.deg2rad(grid.lat[cell]))
    return Places(grid.lon[cell] + east, grid.lat[cell] + reach * np.cos(toward))


def summed(kernel, stations, grid, pairs):
    """Entries of the design matrix, each summed over the degrees."""
    theta, disc = distances(kernel, stations, grid, pairs)[:2]
    return np.asarray(disc_uplift(kernel, theta))[np.arange(len(disc)), disc]


def summed_sideways(kernel, stations, grid, pairs):
    """Displacement north and east, summed over the degrees, shape (2, pair)."""
    theta, disc, ends = distances(kernel, stations, grid, pairs)
    push = np.asarray(disc_tangential(kernel, theta))[np.arange(len(disc)), disc]
    toward = np.deg2rad(np.asarray(azimuth(*ends)))
    return np.stack([-push * np.cos(toward), -push * np.sin(toward)])


def distances(kernel, stations, grid, pairs):
    station, cell = pairs.T
    ends = [axis[i] for i, axis in zip((station, station, cell, cell), stations + grid)]
    disc = np.broadcast_to(kernel.index, len(grid.lon))[cell]
    return angular_distance(*ends), disc, ends


def sample(stations, grid, rng, count):
    """Pairs of a station and a cell: some of the nearest, some of all."""
    pairs = [axis[:, None] for axis in stations], [axis[None, :] for axis in grid]
    theta = np.asarray(angular_distance(*pairs[0], *pairs[1]))
    near = np.argsort(theta, axis=None)[: 20 * count]
    chosen = np.concatenate(
        [rng.choice(near, count), rng.choice(theta.size, count), near[:30]]
    )
    return np.stack(np.unravel_index(chosen, theta.shape), axis=1)


@pytest.mark.parametrize("last", [pytest.param(40_000, marks=pytest.mark.slow), 5_000])
def test_every_entry_is_the_sum_over_degrees(rng, last):
    grid = raster(-112.0, 30.0, 30, 60, 0.25)
    radius = equal_area_radius(grid, 0.25)
    far = Places(rng.uniform(-125, -95, 20), rng.uniform(25, 55, 20))
    near = about(grid, radius, rng, 20)
    stations = Places(*map(np.concatenate, zip(near, far)))
    kernel = disc_kernel(load_love_numbers("prem", "CF"), radius, last)
    design = np.asarray(design_matrix(kernel, stations, grid))
    pairs = sample(stations, grid, rng, 400)
    expected = summed(kernel, stations, grid, pairs)
    np.testing.assert_allclose(design[tuple(pairs.T)], expected, rtol=1e-6)
    assert (design < 0).all()


@pytest.mark.parametrize("last", [40_000, 5_000])
def test_every_horizontal_entry_is_the_sum_over_degrees(rng, last):
    grid = raster(-112.0, 30.0, 30, 60, 0.25)
    radius = equal_area_radius(grid, 0.25)
    far = Places(rng.uniform(-125, -95, 20), rng.uniform(25, 55, 20))
    near = about(grid, radius, rng, 20)
    stations = Places(*map(np.concatenate, zip(near, far)))
    kernel = disc_kernel(load_love_numbers("prem", "CF"), radius, last)
    design = design_matrix(kernel, stations, grid, ("north", "east"))
    design = np.asarray(design).reshape(2, len(stations.lon), -1)
    pairs = sample(stations, grid, rng, 400)
    expected = summed_sideways(kernel, stations, grid, pairs)
    error = np.hypot(*(design[:, *pairs.T] - expected))
    assert (error / np.hypot(*expected)).max() < 1e-6


def test_uneven_love_numbers_of_another_program_do_no_harm(reference, rng):
    text = (reference / "love_numbers_REF6371_0_40000.txt").read_text()
    table = np.loadtxt(text.replace("D", "E").splitlines(), skiprows=1)
    h, l, k = map(jnp.asarray, table[:, 1:].T)
    love = dataclasses.replace(love_numbers(3), h=h, l=l, k=k)
    grid = raster(-112.0, 30.0, 20, 60, 0.25)
    stations = Places(rng.uniform(-125, -95, 60), rng.uniform(25, 55, 60))
    kernel = disc_kernel(love, equal_area_radius(grid, 0.25))
    design = np.asarray(design_matrix(kernel, stations, grid))
    pairs = sample(stations, grid, rng, 400)
    expected = summed(kernel, stations, grid, pairs)
    np.testing.assert_allclose(design[tuple(pairs.T)], expected, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("last", [20_000, 200, 1])
def test_stations_all_over_the_globe_are_served_to_the_antipode(rng, last):
    grid = raster(-179.0, -87.0, 60, 30, 6.0)
    radius = equal_area_radius(grid, 6.0)
    # Some stations within 0.02 degrees of the antipode of a cell, one right on it.
    cell = rng.integers(0, len(grid.lon), 40)
    shift = 0.02 * rng.uniform(-1, 1, (2, 40)) * (np.arange(40) > 0)
    opposite = Places(grid.lon[cell] - 180 + shift[0], -grid.lat[cell] + shift[1])
    anywhere = Places(rng.uniform(-180, 180, 40), rng.uniform(-90, 90, 40))
    stations = Places(*map(np.concatenate, zip(opposite, anywhere)))
    kernel = disc_kernel(love_numbers(last), radius)
    design = np.asarray(design_matrix(kernel, stations, grid))
    pairs = np.concatenate(
        [sample(stations, grid, rng, 200), np.stack([np.arange(40), cell], axis=1)]
    )
    expected = summed(kernel, stations, grid, pairs)
    # An early end makes entries swing about zero: judge them against the largest.
    size = np.abs(expected).max()
    np.testing.assert_allclose(
        design[tuple(pairs.T)], expected, rtol=1e-6, atol=1e-6 * size
    )


@pytest.mark.slow
def test_the_middle_and_the_antipode_of_a_disc_are_not_moved_sideways():
    grid = Places(np.array([20.0]), np.array([50.0]))
    stations = Places(np.array([20.0, 200.0, 20.0]), np.array([50.0, -50.0, 50.001]))

    def sideways(l):
        kernel = disc_kernel(dataclasses.replace(love_numbers(3000), l=l), 0.5)
        return design_matrix(kernel, stations, grid, ("north", "east"))

    l = love_numbers(3000).l
    north, east = np.asarray(sideways(l)).reshape(2, 3)
    size = 4e-3
    assert north[0] == east[0] == 0
    assert np.abs([north[1], *east[1:]]).max() < 1e-12 * size
    assert -size < north[2] < 0
    kernel = disc_kernel(love_numbers(3000), 0.5)
    np.testing.assert_allclose(
        north[2], disc_tangential(kernel, jnp.array([0.001]))[0, 0], rtol=1e-7
    )
    assert np.isfinite(jax.jacrev(lambda l: sideways(l).sum())(l)).all()


def test_components_come_in_the_order_asked_for(rng):
    grid = raster(-100.0, 40.0, 6, 5, 0.5)
    stations = Places(rng.uniform(-102, -95, 7), rng.uniform(38, 44, 7))
    kernel = disc_kernel(love_numbers(3000), equal_area_radius(grid, 0.5))
    up, north, east = np.split(
        design_matrix(kernel, stations, grid, ("up", "north", "east")), 3
    )
    turned = np.split(design_matrix(kernel, stations, grid, ["east", "up"]), 2)
    np.testing.assert_allclose(turned, [east, up], rtol=1e-12, atol=1e-20)
    np.testing.assert_allclose(up, design_matrix(kernel, stations, grid), rtol=1e-12)
    # Water in the north-east pulls the ground toward it.
    southwest = np.argmin(stations.lon + stations.lat)
    assert north[southwest, -1] > 0
    assert east[southwest, -1] > 0


@pytest.mark.parametrize(
    ("components", "message"),
    [
        ("up", r"the string 'up', expected a tuple; write \('up',\)"),
        (("up", "down"), "holds 'down', expected some of"),
        (("up", "east", "up"), "expected each at most once"),
        ((), "components is empty"),
    ],
)
def test_components_that_are_none_are_named(components, message):
    kernel, grid = disc_kernel(love_numbers(2000), 1.0), raster(0.0, 0.0, 2, 2, 1.0)
    with pytest.raises(ValueError, match=message):
        design_matrix(kernel, grid, grid, components)


@pytest.mark.slow
def test_discs_of_very_different_size_share_a_table(rng):
    grid = raster(0.0, 0.0, 4, 1, 1.0)
    kernel = disc_kernel(love_numbers(3000), np.array([0.02, 0.2, 3.0, 30.0]))
    stations = Places(rng.uniform(-60, 60, 80), rng.uniform(-60, 60, 80))
    pairs = sample(stations, grid, rng, 100)
    np.testing.assert_allclose(
        np.asarray(design_matrix(kernel, stations, grid))[tuple(pairs.T)],
        summed(kernel, stations, grid, pairs),
        rtol=2e-6,
    )


def test_one_radius_serves_all_cells(rng):
    grid = raster(10.0, 45.0, 8, 5, 0.5)
    stations = Places(rng.uniform(9, 15, 12), rng.uniform(44, 48, 12))
    love = love_numbers(3000)
    one = design_matrix(disc_kernel(love, 0.125), stations, grid)
    each = design_matrix(disc_kernel(love, np.full(40, 0.125)), stations, grid)
    np.testing.assert_array_equal(one, each)


def test_each_cell_takes_its_own_disc():
    grid = Places(np.zeros(3), np.zeros(3))
    kernel = disc_kernel(love_numbers(2000), np.array([3.0, 1.0, 2.0]))
    design = design_matrix(kernel, Places(np.zeros(1), np.zeros(1)), grid)
    expected = disc_uplift(kernel, jnp.zeros(1))[0]
    np.testing.assert_allclose(design[0], expected[np.array([2, 0, 1])], rtol=1e-9)


def test_turning_the_earth_changes_nothing(rng):
    grid = raster(170.0, -10.0, 10, 10, 1.0)
    stations = Places(rng.uniform(165, 185, 15), rng.uniform(-15, 5, 15))
    kernel = disc_kernel(love_numbers(3000), equal_area_radius(grid, 1.0))
    turned, cells = (Places(p.lon - 360, p.lat) for p in (stations, grid))
    np.testing.assert_allclose(
        design_matrix(kernel, turned, cells),
        design_matrix(kernel, stations, grid),
        rtol=1e-9,
    )


@pytest.mark.slow
def test_the_design_matrix_is_linear_in_the_love_numbers_both_ways(rng):
    love, grid = love_numbers(2500), raster(0.0, 40.0, 4, 3, 0.5)
    stations = Places(rng.uniform(-5, 6, 5), rng.uniform(35, 46, 5))
    radius = equal_area_radius(grid, 0.5)

    @jax.jit
    def design(h):
        kernel = disc_kernel(dataclasses.replace(love, h=h), radius)
        return design_matrix(kernel, stations, grid)

    change = jnp.asarray(rng.normal(size=2501))
    pushed = jax.jvp(design, (love.h,), (change,))[1]
    np.testing.assert_allclose(pushed, design(change), rtol=1e-11, atol=1e-18)
    seed = jnp.asarray(rng.normal(size=(5, 12)))
    pulled = jax.vjp(design, love.h)[1](seed)[0]
    np.testing.assert_allclose(
        float(pulled @ change), float((seed * pushed).sum()), rtol=1e-10
    )


def test_reading_a_table_and_going_back_need_little_more_memory_than_the_result():
    table = tabulate(disc_kernel(love_numbers(2000), 0.5), 30.0)
    frame, cell, disc = jnp.ones((400, 3, 3)), jnp.ones((5000, 3)), jnp.zeros(5000, int)

    def read(values):
        changed = dataclasses.replace(table, values=values)
        return _read(changed, frame, cell, disc, ("up",))

    def pull(values, seed):
        return jax.vjp(read, values)[1](seed)

    def temporary(function, *arguments):
        compiled = jax.jit(function).lower(*arguments).compile()
        analysis = compiled.memory_analysis()
        assert analysis is not None
        return analysis.temp_size_in_bytes

    result = 400 * 5000 * 8
    assert temporary(read, table.values) < 0.2 * result
    assert temporary(pull, table.values, jnp.ones((400, 5000))) < 3 * result


def test_without_its_terms_at_the_cut_a_series_hardly_rings():
    theta = jnp.linspace(1.0, 25.0, 400)
    edge, remainders = jnp.array([2 * np.sin(np.deg2rad(0.125) / 2)]), []
    for last in (20_000, 40_000):
        love = dataclasses.replace(love_numbers(last), h=jnp.full(last + 1, -6.0))
        kernel = disc_kernel(love, 0.125)
        load = kernel.load[-2], kernel.load[-1]
        weights = kernel.uplift[-1] * cut_weights(*load, edge, last)
        terms = cut_terms(jnp.deg2rad(theta), edge, weights, last)
        total = disc_uplift(kernel, theta)[:, 0]
        remainders.append(total - terms)
        assert np.abs(terms / total).max() > 1e-5
    # Both are now the endless sum.
    np.testing.assert_allclose(*remainders, rtol=2e-8)


def test_neither_does_a_series_of_slopes():
    theta = jnp.linspace(1.0, 25.0, 400)
    edge, remainders = jnp.array([2 * np.sin(np.deg2rad(0.125) / 2)]), []
    for last in (20_000, 40_000):
        n = np.maximum(np.arange(last + 1.0), 1)
        love = dataclasses.replace(love_numbers(last), l=jnp.asarray(1.9 / n))
        kernel = disc_kernel(love, 0.125)
        load = kernel.load[-2], kernel.load[-1]
        weights = kernel.tangential[-1] * cut_weights(*load, edge, last, decay=1)
        terms = cut_slopes(jnp.deg2rad(theta), edge, weights, last)
        total = disc_tangential(kernel, theta)[:, 0]
        remainders.append(total - terms)
        assert np.abs(terms / total).max() > 1e-5
    np.testing.assert_allclose(*remainders, rtol=2e-7)


@pytest.mark.slow
def test_a_table_may_end_anywhere():
    kernel = disc_kernel(love_numbers(3000), np.array([0.3, 0.5]))
    theta = np.array([0.0, 0.01, 0.49, 0.51, 2.0, 4.3, 4.4, 9.0, 60.0, 177.0, 180.0])
    expected = np.asarray(disc_uplift(kernel, jnp.asarray(theta)))[:, 1]
    chord, disc = 2 * np.sin(np.deg2rad(theta) / 2), jnp.ones(len(theta), int)
    for reach in (1e-3, 4.4, 179.0):
        near = theta <= reach
        chords = jnp.asarray(np.where(near, chord, 0.0))
        found = jax.jit(interpolate_table)(tabulate(kernel, reach), chords, disc)[0]
        np.testing.assert_allclose(found[near], expected[near], rtol=1e-6)


class Squares(NamedTuple):
    lon: np.ndarray
    lat: np.ndarray
    spacing: float | np.ndarray


def squares(west, south, columns, rows, spacing):
    cells = raster(west, south, columns, rows, spacing)
    return Squares(cells.lon, cells.lat, spacing)


def subdivided(love, place, cell, side):
    """Up, north and east by points, the finer the nearer: brute force."""
    lon, lat, size = (np.full(1, x) for x in (*cell, side))
    kept = []
    while size.size:
        away = np.asarray(angular_distance(place[0], place[1], lon, lat))
        far = away > 12 * size
        kept.append((lon[far], lat[far], size[far]))
        lon, lat, size = (
            axis[~far & (size > 1e-5 * side)] for axis in (lon, lat, size)
        )
        across, along = (x.ravel()[:, None] / 4 for x in np.meshgrid([-1, 1], [-1, 1]))
        lon, lat = (lon + across * size).ravel(), (lat + along * size).ravel()
        size = np.tile(size / 2, 4)
    lon, lat, size = (np.concatenate(axis) for axis in zip(*kept))
    return by_points(love, place, Squares(lon, lat, size))


def by_points(love, place, cells):
    lon, lat, size = cells
    mass = 1000 * np.asarray(cell_area(lat - size / 2, lat + size / 2, size))
    away = angular_distance(place[0], place[1], lon, lat)
    toward = np.deg2rad(np.asarray(azimuth(place[0], place[1], lon, lat)))
    push = -mass * np.asarray(point_tangential(love, away))
    up = (mass * np.asarray(point_uplift(love, away))).sum()
    return np.stack([up, (push * np.cos(toward)).sum(), (push * np.sin(toward)).sum()])


PLACES = {
    "middle": (0, 0),
    "edge": (0.5, 0),
    "corner": (0.5, 0.5),
    "beside": (0.6, 0.2),
}


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_a_station_in_or_beside_a_cell_sees_the_cell_as_it_is(place):
    love, cell = love_numbers(5000), (-110.0, 42.0)
    station = tuple(c + 0.25 * shift for c, shift in zip(cell, PLACES[place]))
    grid = Squares(np.full(1, cell[0]), np.full(1, cell[1]), 0.25)
    stations = Places(np.full(1, station[0]), np.full(1, station[1]))
    kernel = disc_kernel(love, equal_area_radius(grid, 0.25))
    components = ("up", "north", "east")
    exact = rectangle_kernel(love, reach=1.0)
    design = design_matrix(kernel, stations, grid, components, exact)[:, 0]
    expected, disc = (
        subdivided(love, station, cell, 0.25),
        np.asarray(design_matrix(kernel, stations, grid, components))[:, 0],
    )
    size = np.linalg.norm(expected)
    assert np.linalg.norm(design - expected) < 1e-3 * size
    # The disc is not good enough there.
    assert np.linalg.norm(disc - expected) > 5e-3 * size


@pytest.mark.slow
def test_a_patch_of_cells_does_what_one_cell_of_their_size_does(rng):
    love, side = love_numbers(5000), 0.25
    small = squares(-111.0, 44.0, 5, 5, side)
    large = Squares(np.array([-110.5]), np.array([44.5]), 5 * side)
    stations = Places(rng.uniform(-112, -109, 9), rng.uniform(43, 46, 9))
    exact, components = rectangle_kernel(love, reach=6.0), ("east", "up", "north")
    parts, whole = (
        design_matrix(disc_kernel(love, 0.5), stations, cells, components, exact)
        for cells in (small, large)
    )
    size = np.abs(whole).max()
    np.testing.assert_allclose(
        parts.sum(axis=1), whole[:, 0], rtol=1e-6, atol=1e-7 * size
    )


@pytest.mark.slow
def test_beyond_their_reach_rectangles_are_discs(rng):
    love = love_numbers(3000)
    grid = squares(-112.0, 40.0, 12, 10, 0.5)
    stations = Places(rng.uniform(-112, -106, 5), rng.uniform(40, 45, 5))
    kernel = disc_kernel(love, equal_area_radius(grid, 0.5))
    discs = np.asarray(design_matrix(kernel, stations, grid))
    exact = rectangle_kernel(love, reach=2.0)
    design = np.asarray(design_matrix(kernel, stations, grid, rectangles=exact))
    ends = stations.lon[:, None], stations.lat[:, None]
    away = angular_distance(ends[0], ends[1], grid.lon[None], grid.lat[None])
    away = np.asarray(away)
    assert (design[away > 2.0] == discs[away > 2.0]).all()
    assert (design[away < 1.4] != discs[away < 1.4]).all()
    np.testing.assert_allclose(design, discs, rtol=0.5)


def test_places_on_a_grid_see_rectangles_as_single_places_do():
    love = love_numbers(400)
    grid = squares(178.0, 40.0, 9, 8, 0.5)
    kernel = disc_kernel(love, radius=equal_area_radius(grid, 0.5))
    exact = rectangle_kernel(love, reach=2.0)
    design = partial(design_matrix, kernel, grid=grid, rectangles=exact)
    # Across the date line, by another turn.
    lon = np.where(grid.lon > 180.9, grid.lon - 360, grid.lon)
    together = design(stations=Places(lon, grid.lat), components=("up", "east"))
    together = np.asarray(together).reshape(2, -1, len(lon))
    for place in (0, 30, 44, 71):
        one = Places(lon[[place]], grid.lat[[place]])
        single = np.asarray(design(stations=one, components=("up", "east")))
        away = angular_distance(one.lon, one.lat, grid.lon, grid.lat)
        near = np.asarray(away) < 1.4
        assert near.sum() > 5
        np.testing.assert_allclose(
            together[:, place, near], single[:, near], rtol=1e-9, atol=1e-15
        )


def test_rectangles_of_another_frame_or_of_no_size_are_refused():
    love, grid = love_numbers(3000), raster(0.0, 0.0, 2, 2, 1.0)
    kernel, exact = disc_kernel(love, 0.5), rectangle_kernel(love, 3.0)
    with pytest.raises(ValueError, match="grid has no spacing"):
        design_matrix(kernel, grid, grid, rectangles=exact)
    other = dataclasses.replace(exact, frame="CM")
    with pytest.raises(ValueError, match="in the frame CM, but kernel is in CE"):
        design_matrix(kernel, grid, squares(0.0, 0.0, 2, 2, 1.0), rectangles=other)


@pytest.mark.slow
def test_a_design_matrix_needs_little_more_memory_than_itself():
    script = """
        import resource
        import jax, numpy as np
        jax.config.update("jax_enable_x64", True)
        from tests.test_design import *
        rng = np.random.default_rng(1)
        love, grid = love_numbers(3000), raster(-120.0, 20.0, 200, 100, 0.25)
        grid, kernel = Squares(*grid, 0.25), disc_kernel(love, 0.14)
        exact = rectangle_kernel(love, 1.0)

        def peak(count):
            lon, lat = rng.uniform(-120, -70, count), rng.uniform(20, 45, count)
            design = design_matrix(kernel, Places(lon, lat), grid, ("up",), exact)
            jax.block_until_ready(design)
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

        before = peak(100)
        print((peak(2000) - before) / (2000 * 20_000 * 8))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    assert float(done.stdout) < 1.5


@pytest.mark.parametrize(
    ("stations", "message"),
    [
        (Places(np.array([0.0]), np.array([91.0])), "stations has lon 0, lat 91"),
        (Places(np.array([0.0, 361.0]), np.zeros(2)), "at index 1"),
        (Places(np.array([np.nan]), np.array([1.0])), "lon nan"),
        (Places(np.zeros(2), np.zeros(3)), r"shape \(2,\) and lat of shape \(3,\)"),
        (Places(np.zeros(0), np.zeros(0)), "stations has lon of shape"),
    ],
)
def test_bad_coordinates_are_named(stations, message):
    kernel, grid = disc_kernel(love_numbers(20), 1.0), raster(0.0, 0.0, 2, 2, 1.0)
    with pytest.raises(ValueError, match=message):
        design_matrix(kernel, stations, grid)
    with pytest.raises(ValueError, match=message.replace("stations", "grid")):
        design_matrix(kernel, grid, stations)


def test_a_kernel_for_another_grid_is_refused():
    kernel, grid = disc_kernel(love_numbers(20), np.ones(5)), raster(0.0, 0.0, 2, 2, 1)
    with pytest.raises(ValueError, match=r"5 along 'cell', but grid has 4"):
        design_matrix(kernel, grid, grid)


def test_single_precision_is_refused():
    kernel, grid = disc_kernel(love_numbers(20), 1.0), raster(0.0, 0.0, 2, 2, 1.0)
    with jax.enable_x64(False), pytest.raises(ValueError, match="float64"):
        design_matrix(kernel, grid, grid)

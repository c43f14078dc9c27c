"""Water on cells, against subdivision down to points, closed forms and discs."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxload.constants import EARTH_RADIUS, WATER_DENSITY
from jaxload.earth.interior.reference_models import prem
from jaxload.earth.kernels.disc import disc_kernel, disc_tangential, disc_uplift
from jaxload.earth.kernels.half_spaces import half_space, half_space_rectangle
from jaxload.earth.kernels.point import point_tangential, point_uplift
from jaxload.earth.kernels.rectangle import rectangle_kernel, rectangle_response
from jaxload.earth.love.from_model import load_love_numbers
from jaxload.sphere.geometry import angular_distance, azimuth, cell_area, disc_radius

CELL = 0.25


@pytest.fixture(scope="module")
def love():
    return load_love_numbers("prem", "CF", 5_000)


@pytest.fixture(scope="module")
def kernel(love):
    return rectangle_kernel(love, reach=12.0)


def respond(kernel, lon, lat, cell, width=CELL, height=CELL):
    """Up, north and east, shape (3, station), of one cell at many stations."""
    lon, lat = np.broadcast_arrays(np.atleast_1d(lon), np.atleast_1d(lat))
    cells = [np.full(lon.shape, at) for at in cell]
    return np.array(
        rectangle_response(
            kernel, (lon.astype(float), lat.astype(float)), cells, width, height
        )
    )


def pieces(lon, lat, cell, width, height, depth=56):
    """Halve a cell, across its length, wherever it is longer than it is far away."""
    level = np.cos(np.deg2rad(cell[1]))
    aside = max(abs(cell[0] - lon) - width / 2, 0) * level
    beside = max(abs(cell[1] - lat) - height / 2, 0)
    if depth == 0:
        return []
    if np.hypot(aside, beside) >= max(width * level, height):
        return [(lon, lat, *cell, width, height)]
    across = width * level > height
    step = (width / 4, 0) if across else (0, height / 4)
    size = (width / 2, height) if across else (width, height / 2)
    found = []
    for side in (-1, 1):
        half = (cell[0] + side * step[0], cell[1] + side * step[1])
        found += pieces(lon, lat, half, *size, depth - 1)
    return found


def by_subdivision(love, cases):
    """Integrals over cells of the response to points, by Gauss's rule, (case, 3)."""
    found = [np.array(pieces(*case)) for case in cases]
    lon, lat, cell_lon, cell_lat, width, height = np.concatenate(found).T[:, :, None]
    nodes, weights = np.polynomial.legendre.leggauss(6)
    x, y = (a.ravel() for a in np.meshgrid(nodes, nodes))
    weight = np.outer(weights, weights).ravel() / 4
    east, north = cell_lon + width / 2 * x, cell_lat + height / 2 * y
    area = EARTH_RADIUS**2 * np.deg2rad(width) * np.deg2rad(height)
    mass = WATER_DENSITY * area * np.cos(np.deg2rad(north)) * weight
    theta = angular_distance(lon + 0 * x, lat + 0 * x, east, north)
    angle = np.deg2rad(np.asarray(azimuth(lon + 0 * x, lat + 0 * x, east, north)))
    up, away = (
        mass * np.asarray(of_point(love, theta.ravel())).reshape(mass.shape)
        for of_point in (point_uplift, point_tangential)
    )
    parts = np.stack([up, -away * np.cos(angle), -away * np.sin(angle)], -1).sum(axis=1)
    ends = np.cumsum([len(f) for f in found])[:-1]
    return np.array([part.sum(axis=0) for part in np.split(parts, ends)])


PLACES = {
    "middle": (0.0, 0.0),
    "inside": (0.3, -0.2),
    "near an edge": (0.4999, 0.1),
    "just outside": (0.10, -0.5001),
    "edge": (0.5, 0.23),
    "corner": (-0.5, 0.5),
    "beside": (1.0, 0.0),
    "away": (3.0, -2.0),
}


@pytest.mark.slow
def test_cells_equal_their_subdivision_into_points(love, kernel):
    cases = [
        (10 + x * CELL, latitude + y * CELL, (10.0, latitude), CELL, CELL)
        for latitude in (0.0, 60.0)
        for x, y in PLACES.values()
    ]
    for cell, width, height in (
        ((-30.0, 45.0), 0.02, 0.5),
        ((0.0, -80.0), 2.0, 0.1),
        ((120.0, 88.0), 20.0, 1.5),
    ):
        cases.append(
            (cell[0] + 0.3 * width, cell[1] - 0.4 * height, cell, width, height)
        )
    expected = by_subdivision(love, cases)
    for (lon, lat, *cell), exact in zip(cases, expected):
        ours = respond(kernel, lon, lat, *cell)[:, 0]
        # Gauss's rule for 1 / r over a square, at the distance of its size.
        np.testing.assert_allclose(ours, exact, atol=5e-6 * abs(exact[0]))


@pytest.mark.slow
@pytest.mark.parametrize("latitude", [0.0, 60.0])
def test_a_tiny_cell_presses_on_a_half_space(latitude):
    kernel, space = rectangle_kernel(load_love_numbers("prem"), 1.0), half_space(prem())
    tiny, metres = 1e-5, 1e-5 * np.pi / 180 * EARTH_RADIUS
    level = np.cos(np.deg2rad(latitude))
    for east, north in PLACES.values():
        ours = respond(
            kernel, east * tiny, latitude + north * tiny, (0.0, latitude), tiny, tiny
        )[:, 0]
        across, along = jnp.asarray(metres * level), jnp.asarray(metres)
        flat = half_space_rectangle(space, east * across, north * along, across, along)
        # The crust differs from the half-space by 5e-5 within a metre; latitudes have
        # 15 digits in all.
        expected = np.array(flat)
        np.testing.assert_allclose(ours, expected, atol=2e-4 * abs(expected[0]))


def test_a_patch_of_cells_is_one_large_cell(kernel):
    lon, lat = np.array([10.0, 10.25, 9.9, 13.0]), np.array([59.0, 59.25, 59.4, 58.0])
    whole = respond(kernel, lon, lat, (10.0, 59.0), 1.0, 0.75)
    centres = [(9.625 + CELL * i, 58.75 + CELL * j) for i in range(4) for j in range(3)]
    parts = sum(respond(kernel, lon, lat, centre) for centre in centres)
    np.testing.assert_allclose(parts, whole, atol=1e-7 * np.abs(whole).max())
    np.testing.assert_allclose(parts[0], whole[0], rtol=1e-9)


@pytest.mark.slow
def test_all_longitudes_about_a_pole_are_a_disc():
    love = load_love_numbers("prem", "CF")
    kernel = rectangle_kernel(love, 20.0)
    lat = np.array([90.0, 89.7, 88.0, 80.0])
    ours = respond(kernel, [0.0, 10.0, 200.0, -70.0], lat, (0.0, 89.5), 360.0, 1.0)
    disc = disc_kernel(love, 1.0)
    theta = jnp.asarray(90 - lat)
    uplift = disc_uplift(disc, theta)[:, 0]
    np.testing.assert_allclose(ours[0, 1:], uplift[1:], rtol=1e-5)
    # In the middle of a disc its series rings more.
    np.testing.assert_allclose(ours[0, 0], uplift[0], rtol=2e-4)
    southward = np.asarray(disc_tangential(disc, theta))[:, 0]
    np.testing.assert_allclose(-ours[1], southward, rtol=6e-5, atol=1e-8)
    # The circle is one edge, whose ends come near a station too.
    np.testing.assert_allclose(ours[2], 0, atol=2e-9)


@pytest.mark.slow
def test_what_mirrors_cell_and_station_mirrors_the_displacement(kernel):
    up, north, east = respond(kernel, [0.2, -0.2, 0.2], [0.3, 0.3, -0.3], (0.0, 0.0))
    np.testing.assert_allclose(up, up[0], rtol=1e-12)
    np.testing.assert_allclose(north, north[0] * np.array([1, 1, -1]), rtol=1e-10)
    np.testing.assert_allclose(east, east[0] * np.array([1, -1, 1]), rtol=1e-10)
    # A load draws what is beside it toward itself.
    assert north[0] < 0
    assert east[0] < 0
    middle = respond(kernel, 0.0, 0.0, (0.0, 0.0))[:, 0]
    np.testing.assert_allclose(middle[1:], 0, atol=1e-15)


def test_longitudes_are_a_circle(kernel):
    here = respond(kernel, [-179.9], 10.0, (180.0, 10.2))
    for lon, cell_lon in ((180.1, 180.0), (180.1, -180.0), (-179.9, -180.0)):
        again = respond(kernel, [lon], 10.0, (cell_lon, 10.2))
        np.testing.assert_allclose(again, here, rtol=1e-8)


@pytest.mark.slow
def test_the_table_is_as_good_as_the_series(love):
    near, far = rectangle_kernel(love, 3.0), rectangle_kernel(love, 90.0)
    lon, lat = np.array([10.1, 10.5, 12.0]), np.array([45.0, 44.0, 45.5])
    expected = respond(near, lon, lat, (10.0, 45.0))
    ours = respond(far, lon, lat, (10.0, 45.0))
    np.testing.assert_allclose(ours, expected, rtol=1e-6)
    # A small cell is as good as a point far away.
    up = respond(far, 10.0, -30.0, (10.0, 45.0))[0, 0]
    area = cell_area(45 - CELL / 2, 45 + CELL / 2, CELL)
    point = WATER_DENSITY * area * point_uplift(love, jnp.array([75.0]))[0]
    np.testing.assert_allclose(up, point, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("latitude", "percent", "beyond"),
    [
        (0.0, [0.7, 18, 18, -20, 1.5, 1.5], 3),
        (45.0, [1.5, -19, 31, -23, -5.5, 14], 8),
        (60.0, [4.6, -40, 37, -31, -9.5, 35], 10),
    ],
)
def test_how_wrong_the_disc_of_equal_area_is(latitude, percent, beyond):
    love = load_love_numbers("prem", "CF")
    kernel, cell = rectangle_kernel(love, 12.0), (10.0, latitude)
    area = cell_area(latitude - CELL / 2, latitude + CELL / 2, CELL)
    disc = disc_kernel(love, float(disc_radius(area)))
    half = CELL / 2
    east = np.array(
        [0, 0, half, half, 0, CELL, beyond * CELL / np.cos(np.deg2rad(latitude))]
    )
    north = np.array([0, half, 0, half, CELL, 0, 0])
    up = respond(kernel, 10 + east, latitude + north, cell)[0]
    theta = angular_distance(10 + east, latitude + north, *cell)
    error = np.asarray(disc_uplift(disc, theta))[:, 0] / up - 1
    np.testing.assert_allclose(100 * error[:-1], percent, rtol=0.05, atol=0.2)
    # Beyond so many cells it is right to 1e-3.
    assert abs(error[-1]) < 1e-3


def test_cells_beyond_the_reach_are_not_a_number(love):
    kernel = rectangle_kernel(love, 2.0)
    up = respond(kernel, [10.0, 11.8, 12.1, 40.0], 0.0, (10.0, 0.0))[0]
    np.testing.assert_array_equal(np.isnan(up), [False, False, True, True])


@pytest.mark.slow
def test_pairs_differentiate_in_the_love_numbers():
    love = load_love_numbers("prem", "CF", 100)

    @jax.jit
    def displaced(h, l):
        kernel = rectangle_kernel(dataclasses.replace(love, h=h, l=l), 10.0)
        stations = jnp.array([10.0, 10.5, 11.0]), jnp.array([45.0, 45.2, 45.5])
        cells = jnp.full(3, 10.0), jnp.full(3, 45.0)
        return [1e3 * x for x in rectangle_response(kernel, stations, cells, 1.0, 1.0)]

    check_grads(displaced, (love.h, love.l), order=1, modes=["rev"], rtol=1e-6)


def test_many_pairs_are_as_one(kernel, rng):
    lon, lat = rng.uniform(9, 11, 1500), rng.uniform(44, 46, 1500)
    together = respond(kernel, lon, lat, (10.0, 45.0))
    some = respond(kernel, lon[1200:1203], lat[1200:1203], (10.0, 45.0))
    np.testing.assert_allclose(together[:, 1200:1203], some, rtol=1e-9, atol=1e-15)
    assert respond(kernel, np.zeros(0), np.zeros(0), (10.0, 45.0)).shape == (3, 0)


@pytest.mark.parametrize("reach", [0.0, -1.0, 91.0, np.nan])
def test_a_reach_beyond_a_quarter_of_the_globe_is_refused(reach):
    with pytest.raises(ValueError, match="expected above 0 and up to 90 degrees"):
        rectangle_kernel(load_love_numbers("prem", max_degree=20), reach)


@pytest.mark.parametrize(
    ("station", "cell", "size", "message"),
    [
        ((0.0, 91.0), (0.0, 0.0), (1.0, 1.0), "a station at lon 0, lat 91"),
        ((0.0, np.nan), (0.0, 0.0), (1.0, 1.0), "a station at lon 0, lat nan"),
        ((0.0, 0.0), (0.0, 120.0), (1.0, 1.0), "a cell about lon 0, lat 120"),
        ((0.0, 0.0), (0.0, 89.9), (1.0, 1.0), "beyond a pole about lon 0, lat 89.9"),
        ((0.0, 0.0), (0.0, 0.0), (0.0, 1.0), "of no size"),
        ((0.0, 0.0), (0.0, 0.0), (1.0, -1.0), "of no size"),
    ],
)
def test_what_lies_off_the_sphere_is_named(kernel, station, cell, size, message):
    with pytest.raises(ValueError, match=message):
        respond(kernel, *station, cell, *size)


def test_pairs_that_are_none_are_refused(kernel):
    with pytest.raises(ValueError, match="along 'pair'"):
        rectangle_response(
            kernel, (np.zeros(3), np.zeros(3)), (np.zeros(2), np.zeros(2)), 1.0, 1.0
        )


def test_single_precision_is_refused(love):
    with jax.enable_x64(False), pytest.raises(ValueError, match="float64"):
        rectangle_kernel(love, 1.0)

"""Distances, directions, areas and weights on the sphere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxload.constants import EARTH_RADIUS
from jaxload.sphere.geometry import (
    angular_distance,
    arc_from_length,
    azimuth,
    cell_area,
    disc_radius,
    inverse_distance_weights,
    unit_vectors,
)


@pytest.fixture
def pairs(rng):
    lon = rng.uniform(-180, 360, (2, 500))
    lat = np.rad2deg(np.arcsin(rng.uniform(-1, 1, (2, 500))))
    return lon[0], lat[0], lon[1], lat[1]


def travel(lon, lat, azimuth, arc):
    """Where one ends, by vectors: along the arc from a place in a direction."""
    lon, lat, azimuth, arc = np.deg2rad([lon, lat, azimuth, arc])
    up = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    east = np.stack([-np.sin(lon), np.cos(lon), 0 * lon])
    north = np.cross(up, east, axis=0)
    ahead = np.cos(azimuth) * north + np.sin(azimuth) * east
    return np.cos(arc) * up + np.sin(arc) * ahead


def test_unit_vectors_follow_the_axes_of_the_earth():
    vectors = unit_vectors(np.array([0.0, 90.0, 45.0]), np.array([0.0, 0.0, 90.0]))
    np.testing.assert_allclose(vectors, np.eye(3), atol=1e-16)


def test_the_distance_is_the_angle_between_the_unit_vectors(pairs):
    ours = angular_distance(*pairs)
    a, b = np.asarray(unit_vectors(*pairs[:2])), np.asarray(unit_vectors(*pairs[2:]))
    angle = np.arctan2(np.linalg.norm(np.cross(a, b), axis=1), (a * b).sum(axis=1))
    np.testing.assert_allclose(ours, np.rad2deg(angle), rtol=1e-13)


@pytest.mark.parametrize("step", [1e-3, 1e-6, 1e-9])
def test_a_small_distance_keeps_its_digits(step):
    # The latitude that the float holds, so that no rounding of the input is judged.
    step = (45.0 + step) - 45.0
    np.testing.assert_allclose(
        angular_distance(10.0, 45.0, 10.0, 45.0 + step), step, rtol=1e-13
    )


@pytest.mark.parametrize("step", [1e-3, 1e-6, 1e-9])
def test_a_distance_near_the_antipode_keeps_its_digits(step):
    step = (45.0 + step) - 45.0
    short = 180 - angular_distance(10.0, 45.0, 190.0, -45.0 - step)
    np.testing.assert_allclose(short, step, rtol=1e-9, atol=3e-14)


def test_the_gradient_of_the_distance_is_finite_where_the_ends_meet():
    slope = jax.grad(angular_distance, argnums=(0, 1, 2, 3))(5.0, 50.0, 5.0, 50.0)
    np.testing.assert_array_equal(slope, 0)


def test_distance_and_azimuth_differentiate(pairs):
    some = tuple(axis[:20] for axis in pairs)
    check_grads(jax.jit(angular_distance), some, order=1, rtol=1e-6)
    # Away from the jump between 0 and 360 degrees.
    northward = jax.jit(lambda *ends: jnp.cos(jnp.deg2rad(azimuth(*ends))))
    check_grads(northward, some, order=1, rtol=1e-6)


def test_setting_out_along_the_azimuth_for_the_distance_arrives(pairs):
    arrived = travel(*pairs[:2], azimuth(*pairs), angular_distance(*pairs))
    np.testing.assert_allclose(arrived.T, unit_vectors(*pairs[2:]), atol=1e-14)


def test_azimuths_of_the_four_winds():
    ends = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, -1.0], [-1.0, 0.0]])
    here = np.zeros(4)
    winds = azimuth(here, here, ends[:, 0], ends[:, 1])
    np.testing.assert_allclose(winds, [0, 90, 180, 270], atol=1e-12)


def test_the_azimuth_of_a_place_to_itself_is_north_and_has_no_gradient():
    assert azimuth(7.0, 60.0, 7.0, 60.0) == 0
    assert jax.grad(azimuth, argnums=2)(7.0, 60.0, 7.0, 60.0) == 0


def test_the_cells_of_the_globe_add_up_to_it():
    south = np.arange(-90.0, 90.0, 0.25)
    rows = cell_area(south, south + 0.25, np.full(south.shape, 360.0))
    np.testing.assert_allclose(rows.sum(), 4 * np.pi * EARTH_RADIUS**2, rtol=1e-14)


def test_a_cell_has_the_area_of_its_integral():
    lat = np.deg2rad(np.linspace(50, 50.25, 20_001))
    integral = np.trapezoid(np.cos(lat), lat) * np.deg2rad(0.25) * EARTH_RADIUS**2
    np.testing.assert_allclose(cell_area(50.0, 50.25, 0.25), integral, rtol=1e-11)


@pytest.mark.parametrize("radius", [1e-4, 0.125, 10.0, 90.0, 180.0])
def test_the_disc_of_equal_area_is_the_spherical_cap(radius):
    cap = 4 * np.pi * EARTH_RADIUS**2 * np.sin(np.deg2rad(radius) / 2) ** 2
    np.testing.assert_allclose(disc_radius(cap), radius, rtol=1e-13)


def test_thirteen_point_nine_kilometres_are_an_eighth_of_a_degree():
    arc = float(arc_from_length(13_900.0))
    np.testing.assert_allclose(arc, 13.9 / 6371 * 180 / np.pi, rtol=1e-15)
    assert abs(arc - 0.125) < 1e-4


def test_inverse_distance_weights_equal_their_definition(rng):
    distance = rng.uniform(0.1, 5, (40, 7))
    raw = distance**-2.0
    expected = raw / raw.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(inverse_distance_weights(distance), expected, rtol=1e-14)


def test_a_coincident_source_takes_the_whole_weight():
    weights = inverse_distance_weights(np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 2.0]]))
    np.testing.assert_array_equal(weights, [[0, 1, 0], [0.5, 0.5, 0]])


def test_a_source_at_infinite_distance_does_not_count():
    weights = inverse_distance_weights(np.array([[1.0, np.inf], [np.inf, np.inf]]))
    np.testing.assert_array_equal(weights, [[1, 0], [0, 0]])


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_weights_neither_overflow_nor_underflow(scale):
    weights = inverse_distance_weights(scale * np.array([1.0, 2.0]))
    np.testing.assert_allclose(weights, [0.8, 0.2], rtol=1e-14)


@pytest.mark.slow
def test_weights_have_finite_gradients_even_at_a_source():
    slope = jax.jacobian(inverse_distance_weights)(jnp.array([0.0, 1.0, jnp.inf]))
    assert np.isfinite(slope).all()
    distance = jnp.array([0.5, 1.0, 3.0])
    check_grads(jax.jit(inverse_distance_weights), (distance,), order=1, rtol=1e-6)


@pytest.mark.parametrize("power", [0, -2, float("nan")])
def test_a_power_that_is_not_positive_is_refused(power):
    with pytest.raises(ValueError, match="power is"):
        inverse_distance_weights(np.ones(3), power)


def test_single_precision_stays_single():
    point = [jnp.float32(x) for x in (1, 2, 3, 4)]
    assert angular_distance(*point).dtype == jnp.float32
    assert azimuth(*point).dtype == jnp.float32
    assert disc_radius(jnp.float32(1e9)).dtype == jnp.float32
    assert inverse_distance_weights(jnp.ones(3, jnp.float32)).dtype == jnp.float32


def test_whole_degrees_are_taken_as_numbers():
    assert angular_distance(0, 0, 90, 0) == pytest.approx(90)

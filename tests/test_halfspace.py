"""Loads on a half-space, against quadrature, each other, and the Earth near a load."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import special
from scipy.integrate import dblquad

from jaxload.constants import EARTH_RADIUS, WATER_DENSITY
from jaxload.earth.interior.reference_models import prem
from jaxload.earth.kernels.half_spaces import (
    HalfSpace,
    half_space,
    half_space_disc,
    half_space_point,
    half_space_rectangle,
)
from jaxload.earth.kernels.point import (
    point_strain,
    point_tangential,
    point_tilt,
    point_uplift,
)
from jaxload.earth.love.from_model import asymptotes, load_love_numbers

SPACE = HalfSpace(*map(jnp.asarray, (3.4e10, 2.7e10, 9.8)))


def at(distances):
    return jnp.asarray(np.atleast_1d(distances) / (EARTH_RADIUS * np.pi / 180))


def test_a_point_presses_as_boussinesq_says():
    up, outward = half_space_point(SPACE, jnp.array([10.0]))
    lame, shear, force = 3.4e10, 2.7e10, 9.8
    poisson = lame / (2 * (lame + shear))
    np.testing.assert_allclose(up, -(1 - poisson) * force / (2 * np.pi * shear * 10))
    pulled = -(1 - 2 * poisson) * force / (4 * np.pi * shear * 10)
    np.testing.assert_allclose(outward, pulled)


def test_the_half_space_is_the_limit_of_high_degrees():
    # A point on the Earth lifts it by h / (2 sin(theta / 2)) a / mass, moves it alike.
    limits, space = asymptotes(prem()), half_space(prem())
    love = load_love_numbers("prem", "CE", 10)
    scale = 6.67430e-11 / love.gravity
    up, outward = half_space_point(space, jnp.array(1.0))
    np.testing.assert_allclose(up, scale * limits.h[0], rtol=1e-12)
    np.testing.assert_allclose(outward, -scale * limits.l[0], rtol=1e-12)


def test_displacement_by_a_point_mass_tends_to_the_half_space():
    love, space = load_love_numbers("prem", "CE"), half_space(prem())
    metres = np.array([11.0, 50.0, 200.0])
    expected = half_space_point(space, jnp.asarray(metres))
    for of_point, flat in zip((point_uplift, point_tangential), expected):
        error = np.asarray(of_point(love, at(metres)) / flat) - 1
        # What comes next grows with the distance over the depth of the crust, 15 km.
        assert (np.abs(error) < 0.8 * metres / 15e3).all()
    uplift = np.asarray(point_uplift(love, at(metres)) / expected[0]) - 1
    np.testing.assert_allclose(uplift / uplift[0], metres / metres[0], rtol=0.02)


def test_strain_and_tilt_by_a_point_mass_tend_to_the_half_space():
    love, space = load_love_numbers("prem", "CE"), half_space(prem())
    metres = jnp.array([11.0, 30.0])
    (up, outward), (tilt, along) = jax.jvp(
        lambda r: half_space_point(space, r), (metres,), (jnp.ones(2),)
    )
    strain = point_strain(love, at(metres))
    np.testing.assert_allclose(strain.along, along, rtol=2e-4)
    np.testing.assert_allclose(strain.across, outward / metres, rtol=2e-4)
    # No area is strained beside a load on a half-space: it is of the next order here.
    assert (np.abs(strain.areal / strain.along) < 2e-4).all()
    np.testing.assert_allclose(point_tilt(love, at(metres)).elastic, tilt, rtol=2e-4)
    del up


def test_a_disc_bulges_by_elliptic_integrals():
    ratio = np.array([0.0, 0.3, 0.9, 0.999999, 1.0])
    up, _ = half_space_disc(SPACE, jnp.asarray(ratio) * 50, jnp.asarray(50.0))
    unit = WATER_DENSITY * half_space_point(SPACE, jnp.array(1.0))[0]
    np.testing.assert_allclose(up, 4 * unit * 50 * special.ellipe(ratio**2), rtol=1e-12)


@pytest.mark.parametrize("distance", [0.5, 1.5, 4.0])
def test_a_disc_is_the_sum_of_its_points(distance):
    up, outward = half_space_disc(SPACE, jnp.asarray(distance), jnp.asarray(1.0))
    unit = [WATER_DENSITY * float(x) for x in half_space_point(SPACE, jnp.array(1.0))]

    # Polar coordinates about the station, where 1 / r does not count.
    def chord(angle):
        inside = 1 - (distance * np.sin(angle)) ** 2
        far = distance * np.cos(angle) + np.sqrt(max(inside, 0))
        near = distance * np.cos(angle) - np.sqrt(max(inside, 0))
        return max(far, 0) - max(near, 0)

    half = np.arcsin(1 / distance) if distance > 1 else np.pi
    nodes, weights = np.polynomial.legendre.leggauss(100)
    # Dense toward the ends, where chords vanish as a square root.
    angles = half * np.sin(np.pi / 2 * nodes)
    weights = weights * np.pi / 2 * np.cos(np.pi / 2 * nodes)
    lengths = np.array([chord(a) for a in angles])
    total = half * weights @ lengths
    toward = half * weights @ (lengths * np.cos(angles))
    np.testing.assert_allclose(up, unit[0] * total, rtol=1e-5)
    # What a point does is directed away from the point, so along minus the angle.
    np.testing.assert_allclose(outward, unit[1] * toward, rtol=1e-5)


@pytest.mark.parametrize("place", [(3.0, 0.5), (1.2, 0.3), (-2.0, 1.9)])
def test_a_rectangle_is_the_sum_of_its_points(place):
    unit = [WATER_DENSITY * float(x) for x in half_space_point(SPACE, jnp.array(1.0))]
    x, y = map(jnp.asarray, place)
    ours = half_space_rectangle(SPACE, x, y, jnp.asarray(2.0), jnp.asarray(3.0))

    def integral(part):
        def of(north, east):
            away = np.array([1.0, place[1] - north, place[0] - east])
            r = np.hypot(*away[1:])
            return (away / [r, r**2, r**2])[part]

        return dblquad(of, -1, 1, -1.5, 1.5, epsabs=1e-9)[0]

    expected = [unit[min(part, 1)] * integral(part) for part in range(3)]
    np.testing.assert_allclose(ours, expected, rtol=1e-7)


def test_four_quarters_make_a_rectangle_even_on_its_edges_and_corners():
    east = jnp.array([0.0, 1.0, 1.0, 0.3, 5.0])
    north = jnp.array([0.0, 0.0, 1.5, -0.2, 2.0])
    size = [jnp.asarray(2.0), jnp.asarray(3.0)]
    whole = half_space_rectangle(SPACE, east, north, *size)
    parts = [
        half_space_rectangle(SPACE, east + x, north + y, *(s / 2 for s in size))
        for x in (-0.5, 0.5)
        for y in (-0.75, 0.75)
    ]
    for component in range(3):
        total = sum(part[component] for part in parts)
        np.testing.assert_allclose(total, whole[component], rtol=1e-11, atol=1e-20)


@pytest.mark.slow
def test_loads_on_a_half_space_differentiate_in_its_moduli():
    def all_of_them(lame, shear):
        space = HalfSpace(lame * 1e10, shear * 1e10, jnp.asarray(9.8e7))
        east, size = jnp.array([0.0, 30.0]), jnp.asarray(20.0)
        disc = half_space_disc(space, east, size)
        return disc, half_space_rectangle(space, east, east, size, size)

    check_grads(all_of_them, (jnp.asarray(3.4), jnp.asarray(2.7)), order=1)

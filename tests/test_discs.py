"""Discs of water, against closed forms and other programs."""

import dataclasses
import itertools
import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import integrate, special

from jaxload.constants import GRAVITATIONAL_CONSTANT, WATER_DENSITY
from jaxload.earth.kernels.disc import (
    disc_geoid,
    disc_gravity,
    disc_kernel,
    disc_tangential,
    disc_uplift,
)
from jaxload.earth.kernels.legendre import legendre_series
from jaxload.earth.kernels.point import point_gravity, point_tangential, point_uplift
from jaxload.earth.love.from_model import LoveNumbers

RADIUS = 6_371_000.0


def love_numbers(h, l, k, gravity=9.8, gravitation=GRAVITATIONAL_CONSTANT):
    """Love numbers; other programs' constant of gravitation counts only over g."""
    gravity = gravity * GRAVITATIONAL_CONSTANT / gravitation
    leaves = map(jnp.asarray, (h, l, k, RADIUS, gravity))
    return LoveNumbers(*leaves, frame="CE", source="test")


def smooth_love_numbers(last):
    n = np.arange(last + 1.0)
    return love_numbers(
        -6.2 + 5.3 / (1 + n / 40), 1.9 / (5 + n), -2.6 / (5 + n) * (n > 0)
    )


def comma_separated(path, header):
    return np.loadtxt(path, delimiter=",", skiprows=header)


@pytest.fixture(scope="module")
def diskload_love(reference):
    text = (reference / "love_numbers_REF6371_0_40000.txt").read_text()
    table = np.loadtxt(text.replace("D", "E").splitlines(), skiprows=1)
    return love_numbers(*table[:, 1:].T, gravity=9.8046961, gravitation=6.67384e-11)


@pytest.fixture(scope="module")
def diskload_cases(reference):
    return comma_separated(reference / "diskload_cases.csv", 2)


@pytest.fixture(scope="module")
def loaddef_love(reference):
    n, h, nl, nk = comma_separated(reference / "loaddef_lln_PREM_all_0_10000.csv", 3).T
    degree = np.maximum(n, 1)
    return love_numbers(h, nl / degree, nk / degree, 9.818634933837371, 6.672e-11)


@pytest.mark.parametrize("radius", [0.1, 0.125, 0.14, 0.25, 1.0, 10.0])
@pytest.mark.parametrize("compensated", [False, True])
def test_discs_agree_with_diskload(diskload_love, diskload_cases, radius, compensated):
    case = (diskload_cases[:, 0] == radius) & (diskload_cases[:, 1] == compensated)
    theta, *expected = diskload_cases[case, 2:].T
    kernel = disc_kernel(diskload_love, radius, compensated=compensated)
    for sum_up, mm in zip((disc_uplift, disc_tangential, disc_geoid), expected):
        ours = 1e3 * np.asarray(sum_up(kernel, jnp.asarray(theta)))[:, 0]
        np.testing.assert_allclose(ours, mm, rtol=0, atol=1e-8 * np.abs(mm).max())
        # Relative to each value too, but not to diskload's tangential displacement
        # below 0.01 degrees, where cos(theta) has cost it its digits.
        good = (theta >= 0.01) | (sum_up is not disc_tangential)
        np.testing.assert_allclose(ours[good], mm[good], rtol=1e-8)


@pytest.mark.parametrize("radius", [0.0899, 0.1, 0.125, 0.14, 0.25, 1.0, 10.0])
def test_discs_agree_with_loaddef(reference, loaddef_love, radius):
    rows = comma_separated(reference / "loaddef_analytic_disk_PREM.csv", 2)
    rows = rows[(rows[:, 0] == radius) & (rows[:, 1] == 0)]
    kernel = disc_kernel(loaddef_love, radius)
    uplift = np.asarray(disc_uplift(kernel, jnp.asarray(rows[:, 2])))[:, 0]
    # The table has 11 digits of numbers summed from 10 digits of Love numbers.
    np.testing.assert_allclose(uplift, rows[:, 3], rtol=1e-9)
    tangential = np.asarray(disc_tangential(kernel, jnp.asarray(rows[:, 2])))[:, 0]
    peak = np.abs(rows[:, 4]).max()
    np.testing.assert_allclose(tangential, rows[:, 4], rtol=0, atol=3e-8 * peak)


@pytest.mark.parametrize("radius", [1e-4, 0.1, 1.0, 30.0, 90.0])
def test_the_load_of_a_disc_equals_its_jacobi_polynomial(radius):
    kernel = disc_kernel(smooth_love_numbers(2000), radius)
    n, a = np.arange(1, 2001), np.deg2rad(radius)
    # Gamma_n / (2n + 1) = sin(a)^2 / (2n (n + 1)) P_n'(cos a), and P_n' is Jacobi's.
    jacobi = special.eval_jacobi(n - 1, 1, 1, np.cos(a))
    expected = np.concatenate([[np.sin(a / 2) ** 2], np.sin(a) ** 2 / (4 * n) * jacobi])
    scale = np.abs(expected).max()
    np.testing.assert_allclose(
        kernel.load[:, 0], expected, rtol=1e-9, atol=1e-13 * scale
    )


def test_the_load_keeps_its_digits_on_the_smallest_disc():
    kernel = disc_kernel(smooth_love_numbers(1000), 1e-6)
    n, square = np.arange(1001), np.sin(np.deg2rad(1e-6) / 2) ** 2
    # The hypergeometric series of P_n' about cos(a) = 1; here two terms suffice.
    expected = square * (1 - square) * (1 + (1 - n) * (n + 2) / 2 * square)
    expected[0] = square
    np.testing.assert_allclose(kernel.load[:, 0], expected, rtol=1e-12)


def test_a_disc_of_constant_response_is_uniform_within_and_nothing_beyond():
    n = np.arange(20_001.0)
    love = love_numbers(2 * n + 1, n, n)
    kernel = disc_kernel(love, 5.0)
    theta = jnp.array([0.0, 1.0, 3.0, 8.0, 40.0, 180.0])
    water = disc_uplift(kernel, theta)[:, 0] / kernel.uplift[0]
    # A step summed to 20,000 degrees overshoots by 1 / (pi N) over the distance.
    np.testing.assert_allclose(water, [1, 1, 1, 0, 0, 0], atol=0.02)


def test_a_compensated_disc_is_the_disc_less_a_uniform_layer():
    love, theta = smooth_love_numbers(500), jnp.linspace(0, 180, 30)
    plain = disc_kernel(love, 7.0)
    balanced = disc_kernel(love, 7.0, compensated=True)
    mean = np.sin(np.deg2rad(3.5)) ** 2
    layer = mean * love.h[0] * plain.uplift[0] / love.h[0]
    expected = (disc_uplift(plain, theta) - layer) / (1 - mean)
    np.testing.assert_allclose(disc_uplift(balanced, theta), expected, rtol=1e-11)
    assert (balanced.load[0] == 0).all()


@pytest.mark.parametrize(
    ("of_disc", "of_point"),
    [(disc_uplift, point_uplift), (disc_tangential, point_tangential)],
)
def test_far_away_a_disc_acts_as_a_point_of_its_mass(of_disc, of_point):
    love, theta = smooth_love_numbers(40_000), jnp.array([10.0, 40.0, 120.0])
    kernel = disc_kernel(love, 0.3)
    mass = WATER_DENSITY * 4 * np.pi * RADIUS**2 * np.sin(np.deg2rad(0.15)) ** 2
    np.testing.assert_allclose(
        of_disc(kernel, theta)[:, 0], mass * of_point(love, theta), rtol=2e-3
    )


def test_cells_of_one_radius_share_a_disc():
    radius = np.array([0.2, 0.1, 0.2, 0.1 + 1e-12, 0.3])
    kernel = disc_kernel(smooth_love_numbers(50), radius)
    np.testing.assert_allclose(kernel.radius, [0.1, 0.2, 0.3], rtol=1e-9)
    np.testing.assert_array_equal(kernel.index, [1, 0, 1, 0, 2])
    assert disc_kernel(smooth_love_numbers(50), 0.1).index.shape == ()


def test_max_degree_ends_the_series_early():
    love, theta = smooth_love_numbers(300), jnp.array([0.5, 20.0])
    early = disc_kernel(love, 2.0, max_degree=120)
    cut = jax.tree.map(lambda leaf: leaf[:121] if jnp.ndim(leaf) else leaf, love)
    np.testing.assert_allclose(
        disc_uplift(early, theta), disc_uplift(disc_kernel(cut, 2.0), theta), rtol=1e-14
    )


@pytest.mark.slow
def test_kernels_differentiate_in_the_love_numbers():
    love, theta = smooth_love_numbers(200), jnp.array([0.0, 1.0, 60.0])

    @jax.jit
    def responses(h, l, k):
        changed = dataclasses.replace(love, h=h, l=l, k=k)
        kernel = disc_kernel(changed, np.array([0.5, 1.0]))
        sums = [f(kernel, theta) for f in (disc_uplift, disc_tangential, disc_geoid)]
        return sums, 1e6 * disc_gravity(kernel, theta).elastic

    check_grads(responses, (love.h, love.l, love.k), order=1, rtol=1e-6)


@pytest.mark.parametrize(
    ("radius", "message"),
    [
        (0.0, "radius holds 0"),
        (-1.0, "radius holds -1"),
        (13.9e3, "is it in km"),
        (np.array([0.1, np.nan]), "radius holds nan"),
        (np.zeros(0), "radius has shape"),
        (np.ones((2, 2)), "radius has shape"),
    ],
)
def test_radii_out_of_range_are_refused(radius, message):
    with pytest.raises(ValueError, match=message):
        disc_kernel(smooth_love_numbers(20), radius)


@pytest.mark.parametrize("max_degree", [0, -3, 21])
def test_a_degree_that_the_table_does_not_hold_is_refused(max_degree):
    with pytest.raises(ValueError, match="expected 1 to 20"):
        disc_kernel(smooth_love_numbers(20), 1.0, max_degree=max_degree)


def test_love_numbers_of_different_lengths_are_refused():
    love = dataclasses.replace(smooth_love_numbers(20), l=jnp.zeros(5))
    with pytest.raises(ValueError, match="along 'degree'"):
        disc_kernel(love, 1.0)


def test_single_precision_is_refused():
    love = smooth_love_numbers(20)
    with jax.enable_x64(False), pytest.raises(ValueError, match="float64"):
        disc_kernel(love, 1.0)


def test_on_the_disc_and_beyond_it_its_attraction_is_that_of_all_its_points():
    kernel = disc_kernel(smooth_love_numbers(40_000), 5.0)
    theta = np.array([0.0, 2.5, 7.0, 60.0, 180.0])
    newtonian = np.asarray(disc_gravity(kernel, jnp.asarray(theta)).newtonian)[:, 0]
    # A point at the distance t pulls with 1 / (4 sin(t / 2)) downward; beside that,
    # water overhead pulls as a plate does.
    sheet = 2 * np.pi * GRAVITATIONAL_CONSTANT * WATER_DENSITY
    for at, ours in zip(theta, newtonian):
        plate = sheet if at < 5 else 0
        expected = plate - sheet / (2 * np.pi) * over_disc(at, 5.0)
        np.testing.assert_allclose(ours, expected, rtol=1e-5)


def over_disc(theta, radius):
    """Integral of 1 / (4 sin(t / 2)) over a disc, t from a place at theta."""
    middle, edge = np.deg2rad([theta, radius])

    def ring(distance):
        # What part of the circle about the place lies on the disc.
        if distance <= edge - middle:
            share = 2 * np.pi
        elif not abs(middle - edge) < distance < min(middle + edge, np.pi):
            share = 0.0
        else:
            top = np.cos(edge) - np.cos(middle) * np.cos(distance)
            bottom = np.sin(middle) * np.sin(distance)
            share = 2 * np.arccos(np.clip(top / max(bottom, 1e-300), -1, 1))
        return share * np.cos(distance / 2) / 2

    ends = [max(middle - edge, 0), abs(middle - edge), min(middle + edge, np.pi)]
    return sum(
        integrate.quad(ring, low, high, epsrel=1e-9, limit=200)[0]
        for low, high in itertools.pairwise(ends)
    )


def test_water_weighs_down_an_instrument_above_it_and_lifts_one_below():
    kernel = disc_kernel(smooth_love_numbers(2000), 5.0, compensated=True)
    theta = jnp.array([1.0, 5.0, 50.0])
    below = disc_gravity(kernel, theta).newtonian[:, 0]
    above = disc_gravity(kernel, theta, under_water=False).newtonian[:, 0]
    mean = np.sin(np.deg2rad(2.5)) ** 2
    beyond = -mean / (1 - mean)
    sheet = 4 * np.pi * GRAVITATIONAL_CONSTANT * WATER_DENSITY
    water = [1, (1 + beyond) / 2, beyond]
    np.testing.assert_allclose((below - above) / sheet, water, rtol=1e-12)


@pytest.mark.parametrize("compensated", [False, True])
def test_the_attraction_is_its_series_where_that_converges(compensated):
    kernel = disc_kernel(smooth_love_numbers(40_000), 10.0, compensated=compensated)
    theta, n = jnp.array([3.0, 30.0]), jnp.arange(40_001.0)
    scale = 4 * np.pi * GRAVITATIONAL_CONSTANT * WATER_DENSITY
    series = scale * legendre_series(n[:, None] * kernel.load, theta)
    ours = disc_gravity(kernel, theta).newtonian
    # The series of a step rings by 1 / (pi N) over the distance to it.
    np.testing.assert_allclose(ours, series, atol=1e-3 * scale)


def test_far_away_the_gravity_of_a_disc_is_that_of_a_point():
    love, theta = smooth_love_numbers(40_000), jnp.array([20.0, 120.0])
    ours = disc_gravity(disc_kernel(love, 0.3), theta)
    mass = WATER_DENSITY * 4 * np.pi * RADIUS**2 * np.sin(np.deg2rad(0.15)) ** 2
    expected = point_gravity(love, theta)
    for part in ("elastic", "newtonian"):
        np.testing.assert_allclose(
            getattr(ours, part)[:, 0], mass * getattr(expected, part), rtol=3e-3
        )


def test_discs_that_the_degrees_do_not_resolve_are_said_so(caplog):
    with caplog.at_level(logging.WARNING):
        disc_kernel(smooth_love_numbers(2000), np.array([0.5, 2.0]))
        assert not caplog.records
        disc_kernel(smooth_love_numbers(2000), np.array([0.125, 2.0]))
    (record,) = caplog.records
    assert "0.125 degrees is not resolved" in record.message
    assert "degree 4584 or beyond" in record.message


def test_the_ringing_is_as_large_as_it_is_said_to_be():
    love = smooth_love_numbers(40_000)
    full, cut = disc_kernel(love, 1.0), disc_kernel(love, 1.0, max_degree=2_000)
    q = 2_000 * np.deg2rad(1.0)
    at = jnp.array([0.0, 0.5, 1.0, 2.0, 5.0])
    error = np.abs(disc_uplift(cut, at) / disc_uplift(full, at) - 1)[:, 0]
    assert error[0] < 2 / q**1.5
    assert error[2] < 0.5 / q
    assert error[[1, 3]].max() < 2 / q**2
    assert error.max() > 1e-5


@pytest.mark.parametrize("theta", [np.nan, -1.0, 180.5])
def test_distances_off_the_sphere_are_refused(theta):
    kernel = disc_kernel(smooth_love_numbers(20), 90.0)
    for sum_up in (disc_uplift, disc_tangential, disc_geoid, disc_gravity):
        with pytest.raises(ValueError, match="expected degrees from 0 and up to 180"):
            sum_up(kernel, jnp.array([1.0, theta]))

"""Discs of water and point masses, against closed forms and other programs."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import special

from jaxload.constants import GRAVITATIONAL_CONSTANT, WATER_DENSITY
from jaxload.earth.discs import (
    disc_geoid,
    disc_kernel,
    disc_tangential,
    disc_uplift,
)
from jaxload.earth.greens import point_tangential, point_uplift
from jaxload.earth.love import LoveNumbers

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


def test_point_loads_agree_with_loaddef(reference, loaddef_love):
    rows = comma_separated(
        reference / "loaddef_greens_functions_PREM_nodiskfactor.csv", 3
    )
    rows = rows[rows[:, 0] < 180]
    theta = jnp.asarray(rows[:, 0])
    # LoadDef continues the Love numbers by its own asymptotes, not by the last ones.
    for of_point, expected in zip((point_uplift, point_tangential), rows[:, 1:3].T):
        np.testing.assert_allclose(of_point(loaddef_love, theta), expected, rtol=2e-6)


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


def test_a_point_on_an_earth_of_one_love_number_is_newtons_potential():
    last = 300
    love = love_numbers(np.full(last + 1, -2.0), np.zeros(last + 1), np.zeros(last + 1))
    theta = jnp.array([1e-4, 1.0, 90.0, 180.0])
    chord = 2 * np.sin(np.deg2rad(np.asarray(theta)) / 2)
    expected = -2 * GRAVITATIONAL_CONSTANT / (9.8 * RADIUS) / chord
    np.testing.assert_allclose(point_uplift(love, theta), expected, rtol=1e-11)


def test_point_loads_hardly_depend_on_where_the_table_ends():
    theta = jnp.asarray(np.geomspace(1e-3, 170, 20))
    short, long = smooth_love_numbers(5000), smooth_love_numbers(40_000)
    for of_point in (point_uplift, point_tangential):
        expected = of_point(long, theta)
        # The next term of these Love numbers is 1e-4 of the first at degree 5,000.
        np.testing.assert_allclose(of_point(short, theta), expected, rtol=1e-4)


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


def test_kernels_differentiate_in_the_love_numbers():
    love, theta = smooth_love_numbers(200), jnp.array([0.0, 1.0, 60.0])

    @jax.jit
    def responses(h, l, k):
        changed = dataclasses.replace(love, h=h, l=l, k=k)
        kernel = disc_kernel(changed, np.array([0.5, 1.0]))
        sums = [f(kernel, theta) for f in (disc_uplift, disc_tangential, disc_geoid)]
        points = [f(changed, theta[1:]) for f in (point_uplift, point_tangential)]
        return sums, [1e15 * point for point in points]

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

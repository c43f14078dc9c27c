"""Series continued to any degree, against quadrature and integrated Love numbers."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.integrate import quad

from jaxload.earth.interior.model import homogeneous
from jaxload.earth.interior.reference_models import prem
from jaxload.earth.interior.response import load_response
from jaxload.earth.kernels.kummer import (
    continue_series,
    derivative_sum,
    tail,
    value_sum,
)
from jaxload.earth.love.from_model import load_love_numbers

THETA = np.array([1e-4, 0.02, 0.3, 4.0, 60.0, 120.0, 179.0])


def shifted(theta, shift):
    """The sums of P_n / (n + shift) and of its derivative, by quadrature.

    1 / (n + shift) is the integral of y^(n + shift - 1) over y from 0 to 1, and the sum
    of y^n P_n is known.
    """
    half, turn = np.sin(np.deg2rad(theta) / 2), np.sin(np.deg2rad(theta))

    def along(q, slope):
        rest = np.exp(-q)
        y = -np.expm1(-q)
        size = np.sqrt(rest**2 + 4 * y * half**2)
        term = -y * turn / size**3 if slope else 1 / size
        return y ** (shift - 1) * term * rest

    bend = -np.log(half)
    pieces = [0, 0.5, 1, bend, bend + 2, bend + 6, bend + 40]
    pieces = np.unique(pieces)
    settings = {"epsabs": 0, "epsrel": 1e-12, "limit": 200}
    return [
        sum(
            quad(along, low, high, (slope,), **settings)[0]
            for low, high in itertools.pairwise(pieces)
        )
        for slope in (False, True)
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("shift", "first"), [(5.3, 1), (3.7, 1), (1.0, 1)])
def test_a_rational_series_sums_to_its_integral(shift, first):
    n = jnp.arange(10_001.0)
    series = continue_series(1 / (n + shift), first)
    expected = np.array([shifted(theta, shift) for theta in THETA]).T
    ours = value_sum(series, jnp.asarray(THETA))
    np.testing.assert_allclose(ours, expected[0], rtol=1e-11)
    slope = derivative_sum(series, jnp.asarray(THETA))
    np.testing.assert_allclose(slope, expected[1], rtol=1e-9)


def test_each_step_of_the_ladder_has_the_sum_of_its_series():
    theta = np.array([0.5, 50.0, 180.0])
    sine = jnp.asarray(np.sin(np.deg2rad(theta) / 2))
    shifts = [np.array([shifted(t, j)[0] for t in theta[:2]]) for j in (1, 2, 3)]
    steps = [
        float("nan"),
        1 / (2 * np.asarray(sine[:2])),
        shifts[0],
        shifts[0] - shifts[1],
        (shifts[0] - 2 * shifts[1] + shifts[2]) / 2,
    ]
    for first, expected in enumerate(steps[1:]):
        ours = tail(jnp.array([1.0]), first, sine)
        np.testing.assert_allclose(ours[:2], expected, rtol=1e-12)
    assert (tail(jnp.array([1.0]), -1, sine) == 0).all()
    # Alternating at the antipode: log 2 and, by partial fractions, 2 log 2 - 1.
    two = [float(tail(jnp.array([1.0]), j, sine)[2]) for j in (1, 2)]
    np.testing.assert_allclose(two, [np.log(2), 2 * np.log(2) - 1], rtol=1e-14)


@pytest.mark.parametrize("last", [10_000, 40_000])
def test_prem_is_foretold_to_degree_one_million(last):
    high = np.array([50_000, 200_000, 1_000_000])
    h, l, k = load_response(prem(), high)
    love = load_love_numbers("prem", "CE", last)
    for ours, expected, first in ((love.h, h, 0), (love.l, l, 1), (love.k, k, 1)):
        weights = np.asarray(continue_series(ours, first).weights)
        step = np.cumprod([1.0 / (high + i) for i in range(1, 6)], axis=0)
        ladder = np.concatenate([np.ones((1, 3)), step])[first : first + 4]
        np.testing.assert_allclose(weights @ ladder, expected, rtol=1e-9)


@pytest.mark.slow
def test_a_homogeneous_sphere_is_foretold_from_degree_two_thousand_on():
    sphere = homogeneous(5517.0, 1.9e11, 1.4e11)
    known, high = np.arange(1300, 2001), np.array([5_000, 100_000])
    h, _, _ = load_response(sphere, np.concatenate([known, high]))
    # The fit looks at no degree below.
    h, expected = jnp.concatenate([jnp.zeros(1300), h[:-2]]), h[-2:]
    weights = np.asarray(continue_series(h, 0).weights)
    ladder = np.cumprod([np.ones(2), *(1 / (high + i) for i in (1, 2, 3))], axis=0)
    np.testing.assert_allclose(weights @ ladder, expected, rtol=1e-9)


def test_what_is_left_fades_where_the_ladder_does_not_fit():
    n = np.arange(501)
    rough = jnp.asarray(1 + 0.1 * np.sin(n / 7))
    rest = np.asarray(continue_series(rough, 0).rest)
    assert abs(rest[-1]) < 1e-5
    assert np.abs(rest[200:300]).max() > 0.05


def test_few_degrees_are_continued_without_failing():
    for last in (1, 2, 5):
        series = continue_series(jnp.ones(last + 1), 0)
        total = value_sum(series, jnp.array([1.0, 90.0]))
        expected = 1 / (2 * np.sin(np.deg2rad([0.5, 45.0])))
        np.testing.assert_allclose(total, expected, rtol=0.6)


@pytest.mark.slow
def test_sums_differentiate_in_the_coefficients():
    theta = jnp.array([0.5, 90.0, 180.0])

    @jax.jit
    def both(c):
        series = continue_series(c, 0)
        return value_sum(series, theta), derivative_sum(series, theta)

    check_grads(both, (1 + 1 / (1 + jnp.arange(200.0)),), order=1, rtol=1e-6)

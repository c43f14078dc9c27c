"""Legendre polynomials and sums over their degrees, by identities and digits."""

import decimal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import special

from jaxload import _platform
from jaxload._platform import form
from jaxload.earth.kernels.legendre import (
    legendre_derivative_series,
    legendre_derivatives,
    legendre_polynomials,
    legendre_series,
)

LAST = 40_000
PI = decimal.Decimal("3.14159265358979323846264338327950288419716939937511")


@pytest.fixture
def theta(rng):
    return jnp.asarray(np.concatenate([rng.uniform(0, 180, 40), [0, 90, 180]]))


def cosine(theta):
    return np.cos(np.deg2rad(np.asarray(theta)))


def many_digits(theta, degrees):
    """P_n and dP_n/dtheta to 40 digits, by Bonnet's recurrence in decimals."""
    with decimal.localcontext(prec=45):
        angle = decimal.Decimal(theta) * PI / 180
        x = sum(_terms(angle, 0))
        sine = sum(_terms(angle, 1))
        before, here, found = decimal.Decimal(1), x, {}
        for n in range(1, max(degrees) + 1):
            if n in degrees:
                found[n] = (float(here), float(n * (x * here - before) / sine))
            before, here = here, ((2 * n + 1) * x * here - n * before) / (n + 1)
    return np.array([found[n] for n in degrees]).T


def _terms(angle, first):
    term = angle if first else decimal.Decimal(1)
    for k in range(first, 120, 2):
        yield term
        term = -term * angle**2 / ((k + 1) * (k + 2))


def test_low_degrees_equal_their_closed_forms(theta):
    x = cosine(theta)
    closed = [x**0, x, (3 * x**2 - 1) / 2, (5 * x**3 - 3 * x) / 2]
    np.testing.assert_allclose(legendre_polynomials(theta, 3), closed, atol=2e-16)


@pytest.mark.usefixtures("both_forms")
def test_every_degree_is_one_at_the_pole_and_alternates_at_the_antipode():
    poles = legendre_polynomials(jnp.array([0.0, 180.0]), LAST)
    np.testing.assert_array_equal(poles[:, 0], 1)
    np.testing.assert_array_equal(poles[:, 1], (-1.0) ** np.arange(LAST + 1))
    assert (legendre_derivatives(jnp.array([0.0, 180.0]), 1000) == 0).all()


@pytest.mark.usefixtures("both_forms")
@pytest.mark.parametrize("angle", [1e-4, 0.125, 30.0, 89.9, 135.0, 179.999])
def test_values_and_derivatives_agree_with_forty_digits(angle):
    degrees = [1, 2, 17, 1000, 20_001, LAST]
    value, slope = many_digits(angle, degrees)
    at = jnp.array([angle])
    # What half a unit in the last place of theta does, and the rounding of n steps.
    size = 1e-15 + np.array(degrees) * 1e-16
    ours = legendre_polynomials(at, LAST)[np.array(degrees), 0]
    np.testing.assert_array_less(np.abs(ours - value), size)
    ours = legendre_derivatives(at, LAST)[np.array(degrees), 0]
    scale = np.maximum(np.abs(slope), np.sqrt(degrees) / 10 * (angle > 1e-3))
    np.testing.assert_array_less(np.abs(ours - slope) / scale, 4 * size)


@pytest.mark.usefixtures("both_forms")
def test_moderate_degrees_agree_with_scipy(theta):
    n = np.arange(301)[:, None]
    expected = special.eval_legendre(n, cosine(theta)[None, :])
    np.testing.assert_allclose(legendre_polynomials(theta, 300), expected, atol=3e-14)


def test_polynomials_are_orthogonal():
    x, weight = np.polynomial.legendre.leggauss(80)
    p = np.asarray(legendre_polynomials(jnp.asarray(np.rad2deg(np.arccos(x))), 60))
    expected = np.diag(2 / (2 * np.arange(61) + 1))
    np.testing.assert_allclose((p * weight) @ p.T, expected, atol=1e-14)


@pytest.mark.usefixtures("both_forms")
def test_bonnets_recurrence_holds_to_the_last_degree(theta):
    p = np.asarray(legendre_polynomials(theta, LAST))
    n = np.arange(1, LAST)[:, None]
    left = (2 * n + 1) * cosine(theta) * p[1:-1]
    np.testing.assert_allclose(left, (n + 1) * p[2:] + n * p[:-2], atol=2e-10)


def test_derivatives_of_neighbours_give_the_polynomial(theta):
    theta = theta[:-3]
    p = np.asarray(legendre_polynomials(theta, 500))
    slope = np.asarray(legendre_derivatives(theta, 500))
    n = np.arange(1, 500)[:, None]
    # d(P_{n+1} - P_{n-1})/dx = (2n + 1) P_n.
    left = (slope[2:] - slope[:-2]) / -np.sin(np.deg2rad(np.asarray(theta)))
    np.testing.assert_allclose(left, (2 * n + 1) * p[1:-1], rtol=1e-9, atol=1e-9)


@pytest.mark.usefixtures("both_forms")
def test_derivatives_keep_their_digits_at_a_tiny_angle():
    n, angle = np.arange(101.0), 1e-7
    expected = -n * (n + 1) / 2 * np.deg2rad(angle)
    slope = legendre_derivatives(jnp.array([angle]), 100)[:, 0]
    np.testing.assert_allclose(slope, expected, rtol=1e-11)


def test_the_kernel_of_christoffel_and_darboux_sums_up(theta):
    p = np.asarray(legendre_polynomials(theta, 201))
    y = np.asarray(legendre_polynomials(jnp.array([33.0]), 201))
    n = np.arange(201)[:, None]
    total = ((2 * n + 1) * p[:-1] * y[:-1]).sum(axis=0)
    gap = cosine(theta) - cosine(33.0)
    closed = 201 * (p[201] * y[200] - p[200] * y[201]) / gap
    np.testing.assert_allclose(total, closed, rtol=1e-9, atol=1e-8)


@pytest.mark.usefixtures("both_forms")
def test_a_series_of_powers_is_the_generating_function(theta):
    power = np.array([0.5, -0.9, 0.99])
    coefficients = jnp.asarray(power ** np.arange(4001)[:, None])
    x = cosine(theta)[:, None]
    closed = (1 - 2 * power * x + power**2) ** -0.5
    np.testing.assert_allclose(legendre_series(coefficients, theta), closed, rtol=1e-11)


@pytest.mark.usefixtures("both_forms")
def test_a_series_equals_the_sum_of_its_terms(theta, rng):
    # 300 is not a whole number of blocks.
    c = rng.normal(size=(301, 4))
    p, slope = legendre_polynomials(theta, 300), legendre_derivatives(theta, 300)
    np.testing.assert_allclose(
        legendre_series(jnp.asarray(c), theta), p.T @ c, atol=1e-12
    )
    np.testing.assert_allclose(
        legendre_derivative_series(jnp.asarray(c), theta), slope.T @ c, atol=1e-10
    )


@pytest.mark.usefixtures("both_forms")
def test_the_derivative_series_is_the_derivative_of_the_series(theta, rng):
    c = jnp.asarray(rng.normal(size=(200, 2)))
    _, moved = jax.jvp(
        lambda angle: legendre_series(c, angle), (theta,), (jnp.ones_like(theta),)
    )
    expected = legendre_derivative_series(c, theta) * (np.pi / 180)
    np.testing.assert_allclose(moved, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.usefixtures("both_forms")
def test_series_differentiate_in_coefficients_and_angle(rng):
    c = jnp.asarray(rng.normal(size=(150, 2)))
    angle = jnp.array([0.0, 20.0, 90.0, 140.0])
    check_grads(jax.jit(legendre_series), (c, angle), order=1, rtol=1e-5)


@pytest.mark.usefixtures("both_forms")
def test_going_back_through_a_series_transposes_it(theta, rng):
    c = jnp.asarray(rng.normal(size=(300, 3)))
    seed = jnp.asarray(rng.normal(size=(len(theta), 3)))
    _, pull = jax.vjp(lambda c: legendre_series(c, theta), c)
    expected = np.asarray(legendre_polynomials(theta, 299)) @ seed
    np.testing.assert_allclose(pull(seed)[0], expected, atol=1e-12)


def test_angles_in_chunks_give_the_same_series(theta, rng, monkeypatch):
    monkeypatch.setattr(_platform, "accelerator_memory", lambda: 8 * 20 * 6 * 512 * 8)
    c = jnp.asarray(rng.normal(size=(500, 3)))
    whole = legendre_series(c, theta)
    jax.clear_caches()
    with form("accelerator"):
        text = str(jax.make_jaxpr(legendre_series)(c, theta))
        chunks = legendre_series(c, theta)
    jax.clear_caches()
    # Two loops over degrees, one over blocks, and one over chunks of 20 angles.
    assert text.count("scan[") == 4
    np.testing.assert_allclose(chunks, whole, rtol=1e-11, atol=1e-11)


def test_the_memory_of_a_series_and_of_its_gradient_stays_flat():
    theta = jnp.linspace(0, 30, 500)

    def extra(degrees, function):
        c = jnp.ones((degrees, 2))
        analysis = jax.jit(function).lower(c).compile().memory_analysis()
        return analysis.temp_size_in_bytes - 4 * c.nbytes

    def series(c):
        return legendre_series(c, theta)

    def gradient(c):
        return jax.grad(lambda c: legendre_series(c, theta).sum())(c)

    # All P_n of 40,000 degrees would be 160 MB.
    assert extra(40_000, series) < 2e6
    assert extra(40_000, gradient) < 10e6


@pytest.mark.usefixtures("both_forms")
def test_wrong_ranks_are_named():
    with pytest.raises(ValueError, match="coefficients has shape"):
        legendre_series(jnp.ones(5), jnp.ones(3))
    with pytest.raises(ValueError, match="theta has shape"):
        legendre_series(jnp.ones((5, 1)), jnp.ones((3, 1)))


@pytest.mark.usefixtures("both_forms")
def test_single_precision_stays_single():
    theta = jnp.array([1.0, 100.0], jnp.float32)
    assert legendre_polynomials(theta, 10).dtype == jnp.float32
    assert legendre_series(jnp.ones((9, 1), jnp.float32), theta).dtype == jnp.float32

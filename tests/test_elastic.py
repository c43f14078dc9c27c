import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.integrate import solve_ivp
from scipy.special import spherical_jn

from jaxload.constants import GRAVITATIONAL_CONSTANT as G
from jaxload.earth.interior.model import earth_model, homogeneous
from jaxload.earth.interior.propagation import Integration, propagate
from jaxload.earth.interior.reference_models import prem
from jaxload.earth.interior.response import (
    load_response,
    shear_response,
    tidal_response,
)
from jaxload.earth.interior.structure import gravity, material_at

RADIUS = 6_371_000.0
BALLS = {
    "like the Earth": (5514.0, 3.5e11, 1.5e11),
    "stiff": (5514.0, 9e11, 9e11),
    "light and soft": (2000.0, 3e10, 1e10),
}


def sphere(n, density, bulk, shear, forcing):
    """Solve a homogeneous compressible ball in spherical Bessel functions.

    The dilatation and r.curl curl u obey two coupled Helmholtz equations, whose
    wavenumbers are the roots of a quadratic; the third solution is harmonic.
    """
    a, lame, square = RADIUS, bulk - 2 / 3 * shear, n * (n + 1)
    pull = 4 / 3 * np.pi * G * density
    p, s = pull / ((lame + 2 * shear) / density), pull / (shear / density)
    root = np.sqrt(4 * p**2 + square * p * s)
    columns = [
        _bessel(n, 2 * p + sign * root, pull, s, lame, shear) for sign in (1, -1)
    ]
    columns.append(
        [
            n,
            2 * shear * n * (n - 1) / a,
            1,
            2 * shear * (n - 1) / a,
            pull * n * a,
            pull * n * (2 * n - 2),
        ]
    )
    y = np.array(columns).T
    g = pull * a
    unit = (2 * n + 1) * np.array([g / (4 * np.pi * G * a), 1, 1 / a])
    rows, demand = y[[1, 3, 5]], unit * np.array(forcing)
    if n == 1:
        rows, demand = y[[1, 3, 4]], np.append(demand[:2], 1)
    scale = np.abs(rows).max(axis=1)
    share = np.linalg.solve(rows / scale[:, None], demand / scale)
    return np.array([g, g, 1]) * (y[[0, 2, 4]] @ share) - [0, 0, 1]


def _bessel(n, k2, pull, s, lame, shear):
    a, square, k = RADIUS, n * (n + 1), np.sqrt(complex(k2))
    f, slope = spherical_jn(n, k * a), k * spherical_jn(n, k * a, derivative=True)
    f, f1 = 1.0, (slope / f).real
    f2 = -2 * f1 / a - (k2 - square / a**2) * f
    f3 = -2 * f2 / a + 2 * f1 / a**2 - (k2 - square / a**2) * f1 - 2 * square / a**3 * f
    c = square * s / k2 / k2
    y1 = -f1 / k2 + c * f / a
    d1 = -f2 / k2 + c * (f1 / a - f / a**2)
    dd1 = -f3 / k2 + c * (f2 / a - 2 * f1 / a**2 + 2 * f / a**3)
    y3 = a / square * (d1 + 2 * y1 / a - f)
    d3 = y3 / a + a / square * (dd1 + 2 * d1 / a - 2 * y1 / a**2 - f1)
    y5, d5 = -3 * pull * f / k2, -3 * pull * f1 / k2
    y2, y4 = lame * f + 2 * shear * d1, shear * (d3 - y3 / a + y1 / a)
    return [y1, y2, y3, y4, y5, d5 - 3 * pull * y1 + (n + 1) * y5 / a]


LOAD, TIDE = (-1, 0, 1), (0, 0, 1)


@pytest.mark.parametrize("ball", BALLS.values(), ids=BALLS)
def test_a_homogeneous_sphere_matches_its_bessel_functions(ball):
    degree = np.array([1, 2, 3, 5, 10, 30, 100])
    for response, forcing in ((load_response, LOAD), (tidal_response, TIDE)):
        found = np.stack(response(homogeneous(*ball), degree), axis=1)
        start = 1 if forcing is TIDE else 0
        exact = np.stack([sphere(n, *ball, forcing) for n in degree[start:]])
        np.testing.assert_allclose(found[start:], exact, rtol=1e-9, atol=1e-12)


def test_a_homogeneous_sphere_shrinks_as_a_whole_by_bessel_functions():
    density, bulk, shear = BALLS["like the Earth"]
    pull = 4 / 3 * np.pi * G * density
    k = np.sqrt(4 * pull * density / (bulk + 4 / 3 * shear))
    f, f1 = spherical_jn(0, k * RADIUS), k * spherical_jn(0, k * RADIUS, True)
    f2 = -2 * f1 / RADIUS - k**2 * f
    stress = (bulk - 2 / 3 * shear) * f - 2 * shear * f2 / k**2
    demanded = -pull / (4 * np.pi * G)
    exact = -f1 / k**2 * demanded / stress * pull * RADIUS
    h, l, k = load_response(homogeneous(density, bulk, shear), [0])
    assert float(h[0]) == pytest.approx(exact, rel=1e-9)
    assert float(l[0]) == 0
    assert float(k[0]) == 0


def test_an_incompressible_sphere_matches_kelvin():
    density, shear = 5514.0, 1.5e11
    n = np.arange(2, 60)
    weight = density * float(gravity(homogeneous(density, 1.0, 1.0), RADIUS)) * RADIUS
    yielding = 1 / (1 + (2 * n**2 + 4 * n + 3) / n * shear / weight)
    model = homogeneous(density, 1e9 * shear, shear)
    h, l, k = tidal_response(model, n)
    np.testing.assert_allclose(h, (2 * n + 1) / (2 * (n - 1)) * yielding, rtol=1e-6)
    np.testing.assert_allclose(l, 3 / (2 * n * (n - 1)) * yielding, rtol=1e-6)
    np.testing.assert_allclose(k, 3 / (2 * (n - 1)) * yielding, rtol=1e-6)
    h, _, k = load_response(model, n)
    np.testing.assert_allclose(h, -(2 * n + 1) / 3 * yielding, rtol=1e-6)
    np.testing.assert_allclose(k, -yielding, rtol=1e-6)


def test_prem_agrees_with_published_load_love_numbers(reference):
    table = np.loadtxt(reference / "love_numbers_PREM_wang2012_1_5000.txt", skiprows=1)
    found = load_response(prem(), table[1:, 0])
    for number, column, tolerance in zip(found, (1, 2, 3), (5e-4, 2.5e-3, 1e-3)):
        np.testing.assert_allclose(number, table[1:, column], rtol=tolerance)


@pytest.mark.slow
def test_prem_agrees_with_loaddef_but_for_its_semidiurnal_period(reference):
    path = reference / "loaddef_lln_PREM_all_0_10000.csv"
    n, *columns = np.loadtxt(path, delimiter=",", skiprows=3).T
    h, l, k = (np.asarray(x) for x in load_response(prem(), n))
    for found, theirs in zip((h, n * l, n * k), columns):
        error = np.abs(found / np.where(theirs == 0, 1, theirs) - 1)[2:]
        assert error.max() < 6e-3
        # What inertia does dies out with the degree; what stays is their value of the
        # constant of gravitation, 3.4e-4 less, to which all of them are proportional.
        assert error[:3].max() > 2e-3
        assert error[500:].max() < 5e-4
    assert float(h[0]) == pytest.approx(columns[0][0], rel=1e-3)


@pytest.mark.slow
def test_prem_agrees_with_loaddef_at_its_longest_sound_period(reference):
    path = reference / "loaddef_lln_PREM_period_sensitivity.csv"
    rows = np.loadtxt(path, delimiter=",", skiprows=3)
    _, _, n, *columns = rows[rows[:, 0] == 100].T[:6]
    n, columns = n[n != 7], [c[n != 7] for c in columns]  # Degree 7 is an outlier.
    h, l, k = (np.asarray(x) for x in load_response(prem(), n))
    for found, theirs in zip((h, n * l, n * k), columns):
        np.testing.assert_allclose(found[2:], theirs[2:], rtol=3e-3)
    np.testing.assert_allclose(h[:2], columns[0][:2], rtol=1e-3)


def test_prem_has_its_published_body_tide():
    h, l, k = tidal_response(prem(), [2])
    # Agnew (2007), Treatise on Geophysics 3.06, for PREM: 0.6032, 0.0839, 0.2980.
    np.testing.assert_allclose([h[0], l[0], k[0]], [0.6032, 0.0839, 0.2980], rtol=5e-4)


def test_load_tide_and_shear_are_reciprocal():
    n = np.array([2, 3, 10, 50, 300, 2000, 20_000])
    h, l, k = tidal_response(prem(), n)
    _, l_load, k_load = load_response(prem(), n)
    h_shear, _, k_shear = shear_response(prem(), n)
    for one, other in ((k_load, k - h), (k_shear, l), (h_shear, l - l_load)):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_at_degree_one_the_dropped_condition_holds_by_itself():
    y = np.asarray(propagate(prem(), jnp.array([1.0]))[0])
    share = np.linalg.solve(y[[1, 3, 4]], [-3, 0, 1])
    assert y[5] @ share == pytest.approx(3, rel=1e-10)
    # So does moving the Earth as a whole: no stress, no flux, and y1 = y3 = y5.
    share = np.linalg.solve(y[[1, 3, 4]], [0, 0, 1])
    np.testing.assert_allclose(y @ share, [1, 0, 1, 0, 1, 0], atol=1e-10)


def test_at_degree_one_load_and_shear_hang_together():
    # A shear force along the surface is held in balance by the load that has the same
    # moment; how the load moves the ground tells how the shear lifts it.
    y = np.asarray(propagate(prem(), jnp.array([1.0]))[0])
    load, pushed = (
        y @ np.linalg.solve(y[[1, 3, 4]], demand) for demand in ([-3, 0, 1], [-2, 1, 0])
    )

    # Betti: y1 y2' + 2 y3 y4' + y5 y6' is the same with the two exchanged.
    def work(one, other):
        return one[0] * other[1] + 2 * one[2] * other[3] + one[4] * other[5]

    assert work(load, pushed) == pytest.approx(work(pushed, load), rel=1e-9)
    assert pushed[5] == pytest.approx(0, abs=1e-9)  # No net force, so no flux.


def test_degree_zero_matches_two_equations_in_si_units():
    model = prem()
    jitted = jax.jit(lambda r: (*material_at(model, r), gravity(model, r)))

    def rate(r, y):
        density, bulk, shear, g = map(float, jitted(r))
        beta = bulk + 4 / 3 * shear
        lame = bulk - 2 / 3 * shear
        strain = (y[1] - 2 * lame * y[0] / r) / beta
        hoop = lame * (strain + y[0] / r) + (lame + 2 * shear) * y[0] / r
        return strain, -4 * density * g * y[0] / r - 2 / r * (y[1] - hoop)

    r = 1e3
    y = np.array([r, 3 * float(material_at(model, r)[1])])
    for bottom, top in zip(np.append(r, model.radius[1:-1]), model.radius[1:]):
        ends = (bottom * (1 + 1e-14), top * (1 - 1e-14))
        y = solve_ivp(rate, ends, y, "DOP853", rtol=1e-10, atol=0).y[:, -1]
    g = float(gravity(model, RADIUS))
    exact = -(y[0] / y[1]) * g**2 / (4 * np.pi * G * RADIUS)
    assert float(load_response(model, [0])[0][0]) == pytest.approx(exact, rel=1e-8)


def core_model(core_shear):
    """A solid ball, a shell of nearly incompressible core, a mantle in two layers."""
    radius = np.array([0, 1.2e6, 1.2e6, 3.5e6, 3.5e6, 5.7e6, 5.7e6, RADIUS])
    density = np.array([12.0, 12, 11, 11, 5, 4.5, 3.5, 3.2]) * 1e3
    shear = np.array([2.0, 2, core_shear, core_shear, 2.5, 2, 1, 0.7]) * 1e11
    bulk = np.array([1e13, 1e13, 1e15, 1e15, 6e11, 4e11, 2e11, 1e11])
    vp = np.sqrt((bulk + 4 / 3 * shear) / density)
    return earth_model(radius, vp, np.sqrt(shear / density), density)


@pytest.mark.slow
def test_a_fluid_core_is_the_limit_of_a_soft_one():
    n = np.array([2, 3, 4, 8, 20])
    fluid = np.stack(load_response(core_model(0), n))
    errors = []
    for shear in (1e-3, 1e-4):
        soft = np.stack(load_response(core_model(shear), n))
        errors.append(np.abs(soft / fluid - 1).max())
    assert errors[1] < 2e-4
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.2)


@pytest.mark.slow
def test_a_boundary_between_equal_materials_changes_nothing():
    radius, vp, vs, density = (
        np.array(c)
        for c in zip((0, 9e3, 5e3, 9e3), (5e6, 8e3, 4e3, 5e3), (RADIUS, 6e3, 3e3, 3e3))
    )
    n = np.array([0, 1, 2, 9, 100, 3000])
    whole = load_response(earth_model(radius, vp, vs, density), n)
    cut = np.array([0, 1.1e6, 5e6, 6.1e6, 6.3e6, RADIUS])
    rows = (np.interp(cut, radius, column) for column in (vp, vs, density))
    parts = load_response(earth_model(cut, *rows), n)
    np.testing.assert_allclose(parts, whole, rtol=1e-8, atol=1e-13)


@pytest.mark.slow
def test_the_default_integration_is_converged():
    n = np.array([0, 1, 2, 3, 5, 16, 27, 100, 561, 5000, 40_000])
    fine = Integration(steps=4 * Integration().steps, reach=21.0, innermost=3e-3)
    scale = np.stack([np.ones(len(n)), np.maximum(n, 1), np.maximum(n, 1)])
    coarse, fine = (
        scale * np.stack(load_response(prem(), n, s)) for s in (Integration(), fine)
    )
    np.testing.assert_allclose(coarse, fine, rtol=0, atol=1e-10)


@pytest.mark.slow
def test_a_degree_does_not_depend_on_its_company():
    n = np.array([7, 10_000, 0, 7, 1, 250])
    together = np.stack(load_response(prem(), n, Integration(chunk=4)), axis=1)
    alone = np.stack([np.stack(load_response(prem(), [m]))[:, 0] for m in n])
    np.testing.assert_allclose(together, alone, rtol=1e-12, atol=1e-15)


def test_the_scale_of_density_and_moduli_does_not_matter():
    # Twice the density pulls and weighs twice as much, so four times the moduli
    # hold it the same way.
    model, n = prem(), np.array([0, 1, 2, 30, 1000])
    heavy = dataclasses.replace(
        model,
        density=2 * model.density,
        bulk_modulus=4 * model.bulk_modulus,
        shear_modulus=4 * model.shear_modulus,
    )
    np.testing.assert_allclose(
        load_response(heavy, n), load_response(model, n), rtol=1e-11, atol=1e-14
    )


def scaled(density, bulk, shear):
    model = prem()
    return dataclasses.replace(
        model,
        density=model.density * density[:, None],
        bulk_modulus=model.bulk_modulus * bulk[:, None],
        shear_modulus=model.shear_modulus * shear[:, None],
    )


LAYERS = len(prem().density)


def numbers(density, bulk, shear):
    degree = np.array([0.0, 1, 2, 20, 5000])
    return jnp.stack(load_response(scaled(density, bulk, shear), degree))


@pytest.fixture(scope="module")
def pullback():
    return jax.vjp(numbers, *(jnp.ones(LAYERS) for _ in range(3)))[1]


@pytest.mark.slow
def test_love_numbers_are_differentiable_in_density_and_moduli():
    ones = jnp.ones(LAYERS)
    check_grads(numbers, (ones,) * 3, order=1, modes=["fwd"], rtol=1e-6, eps=1e-5)


@pytest.mark.slow
def test_reverse_derivatives_are_the_transpose_of_forward_ones(pullback, rng):
    ones = (jnp.ones(LAYERS),) * 3
    change = tuple(jnp.asarray(rng.standard_normal(LAYERS)) for _ in range(3))
    weight = jnp.asarray(rng.standard_normal((3, 5)))
    forward = jax.jvp(numbers, ones, change)[1]
    reverse = pullback(weight)
    assert float(jnp.sum(weight * forward)) == pytest.approx(
        float(sum(jnp.sum(g * c) for g, c in zip(reverse, change))), rel=1e-9
    )


@pytest.mark.slow
def test_a_stiffer_crust_yields_less_under_small_loads_only(pullback):
    def slope(degree):
        return pullback(jnp.zeros((3, 5)).at[0, degree].set(1.0))[2]

    large, small = slope(2), slope(4)
    assert small[-1] > 1
    assert abs(large[-1]) < 0.02
    assert jnp.max(jnp.abs(small[:-2])) < 1e-3
    assert small[1] == large[1] == 0  # The outer core has no shear modulus to scale.


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_degrees():
    def temporary(count):
        degree = jnp.arange(count, dtype=float)
        lowered = jax.jit(lambda n: load_response(prem(), n)).lower(degree)
        return lowered.compile().memory_analysis().temp_size_in_bytes

    # The surface values themselves are 144 bytes a degree, copied a few times.
    assert temporary(5000) - temporary(500) < 4500 * 1500


@pytest.mark.slow
def test_forty_thousand_degrees_need_little_memory():
    degree = jnp.arange(40_001, dtype=float)
    compiled = jax.jit(lambda n: load_response(prem(), n)).lower(degree).compile()
    # The surface values of each degree, a few times over, whatever the steps.
    assert compiled.memory_analysis().temp_size_in_bytes < 40_001 * 1500


def test_tide_and_shear_below_degree_two_are_nan():
    for response in (tidal_response, shear_response):
        numbers = np.stack(response(prem(), [0, 1, 2]))
        np.testing.assert_array_equal(np.isnan(numbers), [[True, True, False]] * 3)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"steps": 0}, "steps=0"),
        ({"chunk": 0}, "chunk=0"),
        ({"reach": 0.0}, "reach=0.0"),
        ({"innermost": 1.0}, "innermost=1.0"),
    ],
)
def test_an_impossible_integration_is_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        Integration(**setting)


def test_single_precision_is_refused():
    jax.config.update("jax_enable_x64", False)
    try:
        with pytest.raises(ValueError, match="Love numbers need float64"):
            load_response(prem(), [2])
    finally:
        jax.config.update("jax_enable_x64", True)

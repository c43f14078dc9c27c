import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from jax.test_util import check_grads
from scipy.integrate import quad

from jaxload.constants import GRAVITATIONAL_CONSTANT as G
from jaxload.earth.interior.layers import density_gradient, layers_of, material_in
from jaxload.earth.interior.model import EarthModel, earth_model, homogeneous, refine
from jaxload.earth.interior.reference_models import prem
from jaxload.earth.interior.response import load_response
from jaxload.earth.interior.structure import (
    check_earth,
    enclosed_mass,
    fluid_layers,
    gravity,
    mass_polynomial,
    material_at,
    moment_of_inertia,
)

ROWS = {
    "radius": [0.0, 3e6, 3e6, 6e6],
    "vp": [9e3, 8e3, 8e3, 6e3],
    "vs": [0.0, 0.0, 4e3, 3e3],
    "density": [11e3, 10e3, 5e3, 3e3],
}


def rows(**changes):
    """Return ROWS with entries replaced, as ``column=(row, value)``."""
    changed = {name: np.array(column) for name, column in ROWS.items()}
    for name, (row, value) in changes.items():
        changed[name][row] = value
    return changed


def test_prem_has_the_mass_and_gravity_of_the_earth():
    model = prem()
    surface, core, inner = model.radius[-1], 3.48e6, 1.2215e6
    # The values of its authors, whose constant of gravitation was 3.5e-4 smaller.
    np.testing.assert_allclose(enclosed_mass(model, surface), 5.974e24, rtol=2e-4)
    found = gravity(model, np.array([inner, core, surface]))
    np.testing.assert_allclose(found, [4.4002, 10.6823, 9.8156], rtol=8e-4)


def test_prem_has_the_moment_of_inertia_of_the_earth():
    model = prem()
    radius = np.linspace(0, 6.371e6, 200_001)
    shells = np.asarray(material_at(model, radius)[0]) * radius**4
    expected = 8 * np.pi / 3 * np.trapezoid(shells, radius)
    found = moment_of_inertia(model)
    assert found == pytest.approx(expected, rel=1e-5)
    # Dziewonski & Anderson (1981): 0.3308.
    mass = float(enclosed_mass(model, 6.371e6))
    assert found / (mass * 6.371e6**2) == pytest.approx(0.3308, abs=1e-4)
    check_earth(model, "prem")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"density": 11000.0},
            r"it has a mass of 1\.19\d+e\+25 kg, but the Earth 5.972",
        ),
        ({"density": 5515.0}, r"it has a moment of inertia of 0\.4 M R2"),
        ({"density": 5515.0, "radius": 6.2e6}, "it has a mass of 5.5"),
    ],
)
def test_a_model_that_is_not_the_earth_is_refused(change, message):
    numbers = {"density": 5515.0, "bulk_modulus": 1e11, "shear_modulus": 1e11, **change}
    with pytest.raises(ValueError, match=message):
        check_earth(homogeneous(**numbers), "it")


def test_prem_is_the_tabulated_prem(reference):
    table = np.loadtxt(reference / "earth_model_PREM_no_ocean.txt")[:, :4] * 1e3
    above = np.append(True, np.diff(table[:, 0]) != 0)
    radius, vp, vs, rho = table[above].T
    density, bulk, shear = material_at(prem(), radius)
    np.testing.assert_allclose(density, rho, rtol=2e-6)
    np.testing.assert_allclose(
        jnp.sqrt((bulk + 4 / 3 * shear) / density), vp, rtol=2e-6
    )
    np.testing.assert_allclose(jnp.sqrt(shear / density), vs, rtol=3e-6)


def test_the_crust_of_prem_has_lost_density_but_no_stiffness():
    density, bulk, shear = material_at(prem(), 6.365e6)
    assert float(density) == pytest.approx(2283.4)
    assert float(shear) == pytest.approx(2600 * 3200**2)
    assert float(bulk + 4 / 3 * shear) == pytest.approx(2600 * 5800**2)


def test_the_mass_is_the_integral_of_the_density():
    model = prem()
    density = jax.jit(lambda r: material_at(model, r)[0])
    for radius in (4e5, 3.3e6, 5.65e6, 6.37e6):
        shell = lambda r: 4 * np.pi * r**2 * float(density(r))
        edges = model.radius[(model.radius > 0) & (model.radius < radius)]
        mass, _ = quad(shell, 0, radius, points=edges, epsrel=1e-12, limit=200)
        np.testing.assert_allclose(enclosed_mass(model, radius), mass, rtol=1e-10)


@given(
    density=st.floats(500, 20_000),
    radius=st.floats(1e5, 1e8),
    fraction=st.floats(1e-6, 1),
)
@settings(max_examples=20, deadline=None)
def test_gravity_in_a_homogeneous_ball_grows_linearly(density, radius, fraction):
    model = homogeneous(density, 1e11, 1e11, radius)
    r = fraction * radius
    exact = 4 / 3 * np.pi * G * density * r
    np.testing.assert_allclose(gravity(model, r), exact, rtol=1e-12)


def test_rows_may_run_upward_or_downward():
    upward = earth_model(**rows())
    downward = earth_model(**{name: column[::-1] for name, column in rows().items()})
    jax.tree.map(np.testing.assert_array_equal, upward, downward)


def test_between_rows_density_and_velocities_are_linear():
    model = earth_model(**rows())
    radius = np.array([1e6, 2e6, 4e6, 5e6])
    density, bulk, shear = material_at(model, radius)
    np.testing.assert_allclose(density, [32e3 / 3, 31e3 / 3, 13e3 / 3, 11e3 / 3])
    speeds = jnp.sqrt((bulk + 4 / 3 * shear) / density), jnp.sqrt(shear / density)
    np.testing.assert_allclose(speeds[0], [26e3 / 3, 25e3 / 3, 22e3 / 3, 20e3 / 3])
    np.testing.assert_allclose(speeds[1], [0, 0, 11e3 / 3, 10e3 / 3])


def test_a_radius_given_twice_is_a_discontinuity():
    model = earth_model(**rows())
    density, _, shear = material_at(model, np.array([3e6 * (1 - 1e-12), 3e6]))
    np.testing.assert_allclose(density, [10e3, 5e3])
    assert shear[0] == 0 < shear[1]
    np.testing.assert_array_equal(fluid_layers(model), [True, False])


@pytest.mark.slow
def test_rows_drawn_closer_together_converge_to_prem():
    model, n = prem(), np.array([0, 1, 2, 10, 100, 1000])
    exact = np.stack(load_response(model, n))[0]
    errors = []
    for spacing in (100e3, 50e3):
        sampled = load_response(_sampled(model, spacing), n)[0]
        errors.append(np.abs(np.asarray(sampled) / exact - 1).max())
    assert errors[1] < 2e-4
    assert errors[0] > 3 * errors[1]  # Linear pieces are of second order.


def _sampled(model, spacing):
    radius = []
    for low, high in zip(model.radius, model.radius[1:]):
        count = int(np.ceil((high - low) / spacing)) + 1
        radius.append(np.linspace(low, high, count))
    inside = [r + (r.mean() - r) * 1e-9 for r in radius]
    density, bulk, shear = material_at(model, np.concatenate(inside))
    vp, vs = jnp.sqrt((bulk + 4 / 3 * shear) / density), jnp.sqrt(shear / density)
    return earth_model(np.concatenate(radius), vp, vs, density)


@pytest.mark.slow
def test_gravity_is_differentiable_in_the_density():
    model = prem()

    def pull(density, radius):
        return gravity(dataclasses.replace(model, density=density), radius)

    radius = jnp.array([1e6, 4e6, 6.371e6])
    check_grads(pull, (jnp.asarray(model.density), radius), order=1, rtol=1e-6)
    # Gravity is linear in the density, so its derivative along it is itself.
    density = jnp.asarray(model.density)
    along = jax.jvp(lambda d: pull(d, radius), (density,), (density,))[1]
    np.testing.assert_allclose(along, gravity(model, radius), rtol=1e-12)


def test_gravity_at_the_centre_is_zero_and_has_a_derivative():
    assert gravity(prem(), 0.0) == 0
    assert jnp.isfinite(jax.grad(lambda r: gravity(prem(), r))(0.0))


def test_a_model_passes_through_jit_and_keeps_its_name():
    model = jax.jit(lambda m: m)(prem())
    assert isinstance(model, EarthModel)
    assert model.name == "PREM"
    polynomial = mass_polynomial(model)
    assert polynomial.shape == (11, model.density.shape[1] + 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"radius": (0, 1e5)}, "lowest radius is not 0"),
        ({"radius": (0, -1e5)}, "lowest radius is not 0"),
        ({"radius": (1, 4e6)}, "radii are not sorted"),
        ({"radius": (3, 3e6)}, "given twice at an end or three times"),
        ({"radius": (slice(None), [-3e6, -1e6, -1e6, 0])}, "lowest radius is not 0"),
        ({"vs": (3, 0.0)}, r"surface is fluid \(vs = 0\); pass ocean=True"),
        ({"vs": (slice(None), 0.0)}, "no row is solid"),
        ({"vs": (3, np.nan)}, "vs is nan in row 3"),
        ({"radius": (2, np.nan)}, "radius is nan in row 2"),
        ({"vs": (1, 1e3)}, "falls to 0 within a layer"),
        ({"vs": (2, -4e3)}, "shear velocity is negative"),
        ({"vs": (3, 5.9e3)}, "vp is below"),
        ({"vp": (0, 0.0)}, "vp is below"),
        ({"density": (0, 0.0)}, "density is not positive"),
        ({"density": (1, np.nan)}, "density is nan in row 1"),
        ({"vp": (2, np.inf)}, "vp is inf in row 2"),
    ],
)
def test_rows_that_are_no_earth_are_refused_in_one_sentence(changes, message):
    with pytest.raises(ValueError, match=message) as error:
        earth_model(**rows(**changes))
    assert "\n" not in str(error.value)


def test_an_ocean_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"ocean=True, but the surface is solid"):
        earth_model(**rows(), ocean=True)


def test_a_fluid_shell_below_ground_is_no_ocean():
    assert earth_model(**rows()).ocean == 0
    assert prem().ocean == 0


@pytest.mark.slow
def test_a_model_cut_into_more_layers_is_the_same_earth():
    model = prem()
    cut = refine(model, [1e6, 3.48e6, 5.65e6, 6.37e6])  # 3480 km is a boundary already.
    assert len(cut.density) == len(model.density) + 3
    radius = np.linspace(0, 6.371e6, 777)
    for new, old in zip(material_at(cut, radius), material_at(model, radius)):
        np.testing.assert_allclose(new, old, rtol=1e-14)
    n = np.array([0, 1, 2, 100, 1000])
    np.testing.assert_allclose(
        load_response(cut, n), load_response(model, n), rtol=1e-8, atol=1e-13
    )


@pytest.mark.parametrize("wrong", [0.0, -1e6, 7e6, np.nan])
def test_a_cut_outside_the_earth_is_refused(wrong):
    with pytest.raises(
        ValueError, match="expected radii above 0 and up to the surface"
    ):
        refine(prem(), [3e6, wrong])


def test_columns_of_different_length_are_refused():
    with pytest.raises(ValueError, match=r"vs has shape \(3,\) beside"):
        earth_model(**{**ROWS, "vs": [0.0, 0.0, 4e3]})
    with pytest.raises(ValueError, match="at least two rows"):
        earth_model([0.0], [9e3], [4e3], [5e3])


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan, np.inf])
def test_a_ball_of_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match="expected positive numbers"):
        homogeneous(5e3, wrong, 1e11)


def test_the_gradient_of_density_is_its_derivative_in_every_layer():
    layers = layers_of(prem())
    middle = jnp.log((layers.bottom + 3 * layers.top) / 4)

    def density(log_radius):
        return material_in(layers, log_radius).density

    ones = jnp.ones_like(middle)
    by_log_radius = jax.jvp(density, (middle,), (ones,))[1]
    want = np.asarray(by_log_radius / jnp.exp(middle))
    assert (abs(want) > 0.1).sum() > 3
    got = density_gradient(layers, middle)
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-13)

"""An Earth under water: the floor bears the load, the water follows."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from jaxload.constants import GRAVITATIONAL_CONSTANT as G
from jaxload.earth.interior.model import earth_model, refine
from jaxload.earth.interior.ocean import water_on
from jaxload.earth.interior.propagation import propagate
from jaxload.earth.interior.reference_models import prem
from jaxload.earth.interior.response import (
    load_response,
    shear_response,
    tidal_response,
)
from jaxload.earth.interior.structure import enclosed_mass, gravity, material_at
from jaxload.earth.love.from_model import asymptotes, love_numbers

WET = prem(ocean=True)
DEGREE = np.array([0, 1, 2, 3, 10, 100, 1000, 40_000.0])


def covered(thickness, density):
    """The solid part of PREM under another ocean, or bare."""
    keep = len(WET.density) - 1
    bare = dataclasses.replace(
        WET,
        radius=WET.radius[:-1],
        density=WET.density[:keep],
        bulk_modulus=WET.bulk_modulus[:keep],
        shear_modulus=WET.shear_modulus[:keep],
        ocean=0,
    )
    if thickness == 0:
        return bare
    rows = (
        np.concatenate([old, value * np.eye(1, old.shape[1])])
        for old, value in (
            (bare.density, density),
            (bare.bulk_modulus, 2e9),
            (bare.shear_modulus, 0.0),
        )
    )
    radius = np.append(bare.radius, bare.radius[-1] + thickness)
    return dataclasses.replace(
        bare,
        **dict(zip(("density", "bulk_modulus", "shear_modulus"), rows)),
        radius=radius,
        ocean=1,
    )


@pytest.fixture(scope="module")
def bare():
    return np.stack(load_response(covered(0, 0), DEGREE))


@pytest.mark.slow
def test_an_ocean_of_no_density_does_nothing(bare):
    apart = []
    for density in (1.0, 1e-3):
        wet = np.stack(load_response(covered(3e3, density), DEGREE))
        apart.append(np.abs(wet - bare).max())
    assert apart[1] < 1e-6
    assert apart[0] / apart[1] == pytest.approx(1000, rel=0.01)


@pytest.mark.slow
def test_a_thin_ocean_loads_the_dry_earth_with_what_gathers_in_it(bare):
    # Water fills the gap between potential and floor: w = c (1 + k' - h') of the
    # load L + w, with c = 3 / (2 n + 1) of the ratio of its density to the Earth's.
    density, model = 1020.0, covered(0, 0)
    ground = model.radius[-1]
    mean = float(enclosed_mass(model, ground)) / (4 / 3 * np.pi * ground**3)
    n = DEGREE[2:-1]
    h, l, k = bare[:, 2:-1]
    gathered = 3 / (2 * n + 1) * density / mean * (1 + k - h)
    whole = 1 / (1 - gathered)
    exact = np.stack([whole * h, whole * l, whole * (1 + k) - 1])
    apart = []
    for thickness in (300.0, 3.0):
        wet = np.stack(load_response(covered(thickness, density), n))
        apart.append(np.abs(wet - exact).max())
    assert apart[1] < 1e-5
    assert apart[0] / apart[1] == pytest.approx(100, rel=0.1)


@pytest.mark.slow
def test_equilibrium_water_enlarges_k_and_presses_the_floor_down():
    h, _, k = (float(x[0]) for x in tidal_response(WET, [2]))
    h_dry, _, k_dry = (float(x[0]) for x in tidal_response(prem(), [2]))
    assert h < h_dry
    assert k > k_dry
    # The tide raises 1 + k - h of water, and this loads the Earth: to first order.
    h_load, _, _ = (float(x[0]) for x in load_response(prem(), [2]))
    water = 3 / 5 * 1020 / 5514 * (1 + k - h)
    assert h - h_dry == pytest.approx(water * h_load, rel=0.02)


def test_load_tide_and_shear_are_reciprocal_under_water():
    n = DEGREE[2:]
    through = water_on(WET, n).tide / (2 * n + 1)
    h, l, k = tidal_response(WET, n)
    _, l_load, k_load = load_response(WET, n)
    h_shear, _, k_shear = shear_response(WET, n)
    pairs = (
        ((1 + k_load) * through, 1 + k - h),
        (k_shear * through, l),
        (k_shear - h_shear, l_load),
    )
    for one, other in pairs:
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_the_dropped_condition_of_degree_one_holds_under_water():
    y = np.asarray(propagate(WET, jnp.array([1.0]))[0])
    water = water_on(WET, jnp.array([1.0]))
    stress = y[1] - np.asarray(water.lift[:, 0]) @ y[::4]
    flux = y[5] - np.asarray(water.draw[:, 0]) @ y[::4]
    share = np.linalg.solve(np.stack([stress, y[3], y[4]]), [-3, 0, 1])
    assert flux @ share == pytest.approx(3, rel=1e-10)
    # Nor does the water resist being moved with the Earth as a whole.
    share = np.linalg.solve(np.stack([stress, y[3], y[4]]), [0, 0, 1])
    np.testing.assert_allclose(y @ share, [1, 0, 1, 0, 1, 0], atol=1e-10)
    assert flux @ share == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("n", [2, 50, 3000])
def test_the_answer_of_water_matches_a_shooting_in_si_units(n):
    """Poisson's equation in water whose density follows the potential."""
    deep = covered(100e3, 1020.0)
    floor, top = deep.radius[-2:]

    def rate(r, y):
        return y[1], n * (n + 1) / r**2 * y[0] - 2 / r * y[1]

    # Within water of one density only its surfaces hold mass: at the top, which rises
    # by potential over gravity, the slope of the potential jumps.
    g = float(gravity(deep, top))
    slope = -(n + 1) / top + 4 * np.pi * G * 1020 / g
    y = solve_ivp(rate, (top, floor), [1.0, slope], "DOP853", rtol=1e-10).y[:, -1]
    pull = float(gravity(deep, floor))
    density = 4 * np.pi * G * 1020 * floor / pull
    flux = floor * y[1] / y[0] + n + 1 - density
    water = water_on(deep, jnp.array([float(n)]))
    assert float(water.draw[1, 0] - density) == pytest.approx(flux, rel=1e-8)


def test_uniform_water_is_squeezed_as_a_column():
    # At degree 0 a load L on the floor pulls the water above it down, by L of its mass.
    water = water_on(WET, jnp.array([0.0]))
    mass = float(enclosed_mass(WET, 6.371e6) - enclosed_mass(WET, 6.368e6))
    fraction = mass / float(enclosed_mass(WET, 6.368e6))
    assert float(water.pull[0]) == pytest.approx(-fraction, rel=2e-3)
    # A larger floor spreads it wider, in weaker gravity: four times the pressure.
    assert float(water.lift[0, 0]) == pytest.approx(4 * fraction, rel=2e-3)


@pytest.mark.slow
def test_water_in_two_layers_is_the_same_water():
    cut = refine(WET, [6.3695e6])
    assert cut.ocean == 2
    np.testing.assert_allclose(
        load_response(cut, DEGREE), load_response(WET, DEGREE), rtol=1e-9, atol=1e-12
    )


def test_love_numbers_under_water_are_those_of_the_floor():
    love = love_numbers(WET, 3, "CE")
    assert float(love.radius) == 6.368e6
    assert float(love.gravity) == pytest.approx(float(gravity(WET, 6.368e6)))
    assert float(love.h[2]) == float(load_response(WET, [2])[0][0])


def test_there_is_no_closed_form_under_water():
    with pytest.raises(ValueError, match="PREM has an ocean, for which there is no"):
        asymptotes(WET)


def test_rows_with_water_on_top_make_an_ocean():
    radius = [0, 6.3e6, 6.3e6, 6.303e6]
    columns = ([9e3, 9e3, 1450, 1450], [5e3, 5e3, 0, 0], [5500, 5500, 1020, 1020])
    model = earth_model(radius, *columns, ocean=True)
    assert model.ocean == 1
    assert float(material_at(model, 6.302e6)[0]) == 1020
    with pytest.raises(ValueError, match="pass ocean=True if it is water over a floor"):
        earth_model(radius, *columns)

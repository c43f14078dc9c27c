import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxload.earth.interior.model import homogeneous, refine
from jaxload.earth.interior.reference_models import ak135, iasp91, prem
from jaxload.earth.interior.response import load_response, tidal_response
from jaxload.earth.interior.structure import (
    enclosed_mass,
    fluid_layers,
    gravity,
    ground_radius,
    mass_polynomial,
    material_at,
)
from jaxload.earth.love.from_model import in_frame, love_numbers

RADIUS = 6_371_000.0
MODELS = {
    "prem": prem(),
    "prem with ocean": prem(ocean=True),
    "iasp91": iasp91(),
    "ak135": ak135(),
}


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]


def moment_of_inertia(model):
    """Integrate the density by Gauss's rule, exact for these polynomials."""
    node, weight = np.polynomial.legendre.leggauss(8)
    low, width = model.radius[:-1, None], np.diff(model.radius)[:, None]
    r = low + width * (node + 1) / 2
    density = np.asarray(material_at(model, r)[0])
    return 8 / 3 * np.pi * np.sum(width / 2 * weight * density * r**4)


def speeds(model, radius):
    density, bulk, shear = (np.asarray(x) for x in material_at(model, radius))
    return np.sqrt((bulk + 4 / 3 * shear) / density), np.sqrt(shear / density), density


def test_published_models_weigh_as_the_earth(model):
    mass = float(enclosed_mass(model, RADIUS))
    # 398600.4418 km3/s2 over G of CODATA 2018.
    assert mass == pytest.approx(5.9722e24, rel=6e-4)
    assert float(gravity(model, RADIUS)) == pytest.approx(9.82, rel=6e-4)


def test_published_models_resist_rotation_as_the_earth(model):
    ratio = moment_of_inertia(model) / float(mass_polynomial(model)[-1].sum())
    # Of the Earth: 0.3307 M a2, with a at the equator; IERS Conventions (2010).
    assert ratio / RADIUS**2 == pytest.approx(0.3307, rel=2.5e-3)


def test_the_ocean_of_prem_takes_nothing_from_its_mass():
    dry, wet = (float(enclosed_mass(m, RADIUS)) for m in (prem(), prem(ocean=True)))
    assert wet == pytest.approx(dry, rel=1e-8)
    assert float(ground_radius(prem(ocean=True))) == 6.368e6
    assert float(material_at(prem(ocean=True), 6.37e6)[0]) == pytest.approx(1020)


def test_iasp91_has_its_tabulated_velocities_on_both_sides():
    # Kennett & Engdahl (1991), table 2: depth, vp, vs below and above it.
    depth = np.array([35, 410, 660, 2889, 5153.9]) * 1e3
    below = [[8.0400, 9.3600, 10.7900, 8.0088, 11.0914]]
    below += [[4.4700, 5.0700, 5.9500, 0, 3.4385]]
    above = [[6.5, 9.03, 10.2, 13.6908, 10.2578], [3.75, 4.87, 5.6, 7.3015, 0]]
    for side, table in ((-1e-3, below), (1e-3, above)):
        found = speeds(iasp91(), RADIUS - depth + side)[:2]
        np.testing.assert_allclose(found, 1e3 * np.array(table), rtol=0, atol=0.06)


def test_iasp91_is_continuous_where_it_has_no_discontinuity():
    depth = np.array([120, 760, 2740]) * 1e3
    below, above = (speeds(iasp91(), RADIUS - depth + d) for d in (-1e-3, 1e-3))
    np.testing.assert_allclose(below, above, rtol=1e-5)


def test_ak135_has_its_tabulated_velocities_and_density():
    # Kennett et al. (1995), table 3; Montagner & Kennett (1996) for the density.
    depth = np.array([10, 77.5, 360, 1057, 2640, 3995.0]) * 1e3
    found = np.array(speeds(ak135(), RADIUS - depth))[:, [0, 2, 3, 4]]
    expected = [[5.8, 8.8475, 11.5495, 13.5312], [3.46, 4.783, 6.4187, 7.2031]]
    expected += [[2.72, 3.4577, 4.6198, 5.3962]]
    np.testing.assert_allclose(found, 1e3 * np.array(expected), rtol=1e-9)
    np.testing.assert_array_equal(
        np.asarray(fluid_layers(ak135())), ak135().shear_modulus[:, 0] == 0
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["iasp91", "ak135"])
def test_continental_earths_load_much_as_prem_does(name):
    n = [0, 1, 2, 3, 5, 10]
    ours = np.stack(load_response(MODELS[name], n))
    np.testing.assert_allclose(ours[0], load_response(prem(), n)[0], rtol=0.022)
    np.testing.assert_allclose(ours[2], load_response(prem(), n)[2], rtol=7e-3)
    # Published h' and k' of degree 2 lie within -0.99..-1.01 and -0.303..-0.308.
    assert -1.01 < ours[0, 2] < -0.99
    assert -0.308 < ours[2, 2] < -0.303
    h, l, k = (float(x[0]) for x in tidal_response(MODELS[name], [2]))
    np.testing.assert_allclose([h, l, k], [0.6032, 0.0839, 0.2980], rtol=5e-3)


def test_prem_softens_with_the_period_as_its_attenuation_says():
    period = 12.42 * 3600
    now, then = prem(period=period), refine(prem(), np.array([6.291e6]))
    np.testing.assert_array_equal(now.density, then.density)
    # Dziewonski & Anderson (1981), table I, from the inner core to the upper crust.
    q_mu = [84.6, np.inf, 312, 312, 312, 143, 143, 143, 80, 600, 600, 600]
    q_kappa = [1327.7] + 11 * [57_823]
    for name, q in (("shear_modulus", q_mu), ("bulk_modulus", q_kappa)):
        old = np.where(getattr(then, name) == 0, 1, getattr(then, name))
        speed = np.sqrt(getattr(now, name) / old)[:, 0]
        slowed = 1 - np.log(period) / (np.pi * np.array(q))
        solid = getattr(then, name)[:, 0] > 0
        np.testing.assert_allclose(speed[solid], slowed[solid], rtol=1e-12)


def test_a_period_of_one_second_is_prem_itself():
    jax.tree.map(np.testing.assert_array_equal, prem(period=1.0), prem())


@pytest.mark.slow
def test_the_softened_body_tide_is_a_percent_larger():
    n = np.array([2.0])
    soft, hard = (tidal_response(prem(p), n) for p in (44_712.0, 1.0))
    # Anelastic less elastic h and k of the solid Earth's semidiurnal tide: about 1%.
    assert float(soft[0][0] / hard[0][0]) == pytest.approx(1.012, abs=0.004)
    assert float(soft[2][0] / hard[2][0]) == pytest.approx(1.014, abs=0.006)


# Periods of the gravest free oscillations of PREM [s]: 0S0, 0S2, 0S3, 0S4.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("degree", "period"), [(0, 1227.5), (2, 3233.0), (3, 2134.0), (4, 1546.0)]
)
def test_prem_rings_at_the_periods_of_its_free_oscillations(degree, period):
    soft = prem(period=period)
    slow, fast = (
        float(load_response(soft, [degree], period=period * f)[0][0])
        for f in (1.002, 0.998)
    )
    # A response changes its sign at a resonance and is large beside it.
    assert slow < -20
    assert fast > 10


@pytest.mark.parametrize("wrong", [0.5, 0.0, -1.0, np.nan, np.inf])
def test_a_period_without_moduli_is_refused(wrong):
    with pytest.raises(ValueError, match="expected at least 1 s"):
        prem(period=wrong)


@pytest.mark.slow
@pytest.mark.parametrize(
    "ball",
    [*MODELS.values(), homogeneous(5514.0, 3.5e11, 1.5e11)],
    ids=[*MODELS, "ball"],
)
def test_frames_of_any_earth_differ_by_a_translation(ball):
    love = love_numbers(ball, 3, "CE")
    for frame in ("CM", "CF"):
        moved = in_frame(love, frame)
        shifts = [float(getattr(love, x)[1] - getattr(moved, x)[1]) for x in "hlk"]
        np.testing.assert_allclose(shifts, shifts[0], rtol=0, atol=1e-15)
        assert jnp.all(moved.h[2:] == love.h[2:])
    assert float(in_frame(love, "CM").k[1]) == -1
    cf = in_frame(love, "CF")
    assert float(cf.h[1] + 2 * cf.l[1]) == pytest.approx(0, abs=1e-15)

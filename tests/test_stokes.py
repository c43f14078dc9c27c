"""Stokes coefficients: closed forms, Wahr's formulas written out, there and back."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from jax.test_util import check_grads

from jaxload import earth, io
from jaxload.constants import (
    EARTH_RADIUS,
    GRAVITATIONAL_CONSTANT,
    WATER_DENSITY,
)
from jaxload.earth.grace.low_degrees import (
    LowDegrees,
    low_degrees_of,
    remove_mean,
    remove_rate,
    replace_low_degrees,
    stokes_of,
)
from jaxload.earth.grace.stokes import (
    Stokes,
    displacement_from_stokes,
    gm_from_density,
    stokes_from_uplift,
    stokes_from_water,
    water_from_stokes,
)
from jaxload.sphere.harmonics.coefficients import Harmonics
from jaxload.sphere.harmonics.gaussian import gaussian_weights, smooth
from jaxload.sphere.harmonics.scattered import gradient_at, synthesise_at
from jaxload.sphere.harmonics.transform import analyse, synthesise

GM, RADIUS = 3.986004415e14, 6378136.3


@pytest.fixture(scope="module")
def love():
    return earth.load_love_numbers("prem", frame="CF", max_degree=60)


def random_harmonics(rng, last=20, epochs=4):
    shape = (2, epochs, last + 1, last + 1)
    cosine, sine = np.tril(rng.normal(size=shape))
    sine[..., 0] = 0
    return Harmonics(jnp.asarray(cosine), jnp.asarray(sine))


def assert_same(one, other, rtol=1e-12):
    np.testing.assert_allclose(one.cosine, other.cosine, rtol=rtol)
    np.testing.assert_allclose(one.sine, other.sine, rtol=rtol)


def test_water_is_what_wahr_et_al_write(rng, love):
    stokes = Stokes(random_harmonics(rng), GM, RADIUS)
    density = 3 * GM / (4 * np.pi * GRAVITATIONAL_CONSTANT * RADIUS**3)
    assert density == pytest.approx(5495, abs=1)
    water = water_from_stokes(stokes, love)
    for n in range(21):
        metres = RADIUS * density / (3 * WATER_DENSITY) * (2 * n + 1) / (1 + love.k[n])
        expected = 1000 * metres * stokes.harmonics.cosine[:, n]
        np.testing.assert_allclose(water.cosine[:, n], expected, rtol=1e-12)


def test_a_formula_with_a_density_is_had_by_the_gm_of_that_density(rng, love):
    """A = 6371.39 km and rho_e = 5500 kg/m3, smoothed and summed term by term."""
    radius, density, lon, lat = 6371390.0, 5500.0, 103.0, 25.0
    coefficients = random_harmonics(rng, last=6, epochs=1)
    height, bell = 0.0, gaussian_weights(6, 300e3 / radius)
    for n in range(7):
        for m in range(n + 1):
            # SciPy's spherical harmonics are complex, with the phase (-1)^m.
            y = scipy.special.sph_harm_y(n, m, np.deg2rad(90 - lat), np.deg2rad(lon))
            y = y * (-1) ** m * np.sqrt(4 * np.pi * (1 if m == 0 else 2))
            term = (
                coefficients.cosine[0, n, m] * y.real
                + coefficients.sine[0, n, m] * y.imag
            )
            height += bell[n] * (2 * n + 1) / (1 + love.k[n]) * term
    height *= radius * density / (3 * WATER_DENSITY)
    stokes = Stokes(coefficients, gm_from_density(density, radius), radius)
    water = smooth(water_from_stokes(stokes, love), 300e3, radius)
    np.testing.assert_allclose(
        synthesise_at(water, lat=[lat], lon=[lon])[0, 0], 1000 * height
    )


def test_water_and_stokes_coefficients_turn_into_each_other(rng, love):
    water = random_harmonics(rng, last=60)
    stokes = stokes_from_water(water, love, GM, RADIUS)
    assert_same(water_from_stokes(stokes, love), water)


def test_uplift_tells_the_stokes_coefficients_that_make_it(rng, love):
    stokes = Stokes(random_harmonics(rng, last=60), GM, RADIUS)
    up = displacement_from_stokes(stokes, love)[0]
    assert_same(stokes_from_uplift(up, love, GM, RADIUS).harmonics, stokes.harmonics)


def test_a_degree_that_lifts_nothing_is_not_seen_in_the_uplift(love):
    without_degree_2 = dataclasses.replace(love, h=love.h.at[2].set(0.0))
    up = Harmonics(jnp.ones((4, 4)), jnp.zeros((4, 4)))
    found = stokes_from_uplift(up, without_degree_2, GM, RADIUS).harmonics.cosine
    assert not found[2].any()
    assert jnp.isfinite(found).all()


def test_water_of_one_degree_moves_the_ground_as_farrell_says(love):
    n = 7
    water = np.zeros((n + 1, n + 1))
    water[n, 0] = 1.0
    radius, gm = love.radius, love.gravity * love.radius**2
    harmonics = Harmonics(water, np.zeros_like(water))
    stokes = stokes_from_water(harmonics, love, gm, radius)
    up, potential = displacement_from_stokes(stokes, love)
    factor = 4 * np.pi * GRAVITATIONAL_CONSTANT * radius * WATER_DENSITY
    factor = factor / (love.gravity * (2 * n + 1))
    np.testing.assert_allclose(up.cosine[n, 0], factor * love.h[n], rtol=1e-12)
    np.testing.assert_allclose(potential.cosine[n, 0], factor * love.l[n], rtol=1e-12)


def test_horizontals_point_toward_added_water(love):
    water = np.zeros((5, 5))
    water[1:, 0] = 1.0  # most water at the north pole
    stokes = stokes_from_water(Harmonics(water, 0 * water), love, GM, RADIUS)
    potential = displacement_from_stokes(stokes, love)[1]
    east, north = gradient_at(potential, lat=[70.0], lon=[10.0])
    assert north[0] > 0
    assert abs(east[0]) < 1e-12


@pytest.mark.parametrize("frame", ["CE", "CF"])
def test_mass_is_the_same_in_every_frame_that_knows_it(rng, love, frame):
    """Degree 1 of the potential differs by frame, the water behind it does not."""
    water = random_harmonics(rng, last=3)
    framed = earth.in_frame(love, frame)
    stokes = stokes_from_water(water, framed, GM, RADIUS)
    ratio = stokes.harmonics.cosine[:, 1, 0] / water.cosine[:, 1, 0]
    ratio = ratio * 3 * GM / (4 * np.pi * GRAVITATIONAL_CONSTANT * RADIUS**2)
    np.testing.assert_allclose(ratio, 1 + framed.k[1])
    assert_same(water_from_stokes(stokes, framed), water)


def test_degree_one_of_the_potential_tells_nothing_in_the_frame_cm(rng, love):
    stokes = Stokes(random_harmonics(rng), GM, RADIUS)
    with pytest.raises(ValueError, match=r"CM.*in_frame"):
        water_from_stokes(stokes, earth.in_frame(love, "CM"))


def test_love_numbers_that_end_too_early_are_refused(rng, love):
    stokes = Stokes(random_harmonics(rng, last=61), GM, RADIUS)
    with pytest.raises(ValueError, match="degree 61, but the Love numbers end at 60"):
        displacement_from_stokes(stokes, love)


@pytest.mark.parametrize("kilometres", [100, 300, 500, 2000])
def test_smoothing_weights_are_the_legendre_transform_of_the_bell(kilometres):
    angle, last = kilometres / 6371, 200
    nodes, weights = scipy.special.roots_legendre(400)
    # Only where the bell is not as good as 0.
    bottom = max(-1.0, 1 - 60 * (1 - np.cos(angle)))
    t = bottom + (nodes + 1) * (1 - bottom) / 2
    bell = weights * np.exp(-np.log(2) * (1 - t) / (1 - np.cos(angle)))
    legendre = np.polynomial.legendre.legvander(t, last).T
    expected = legendre @ bell / bell.sum()
    np.testing.assert_allclose(gaussian_weights(last, angle), expected, atol=1e-11)


@pytest.mark.parametrize("kilometres", [5, 30, 300, 2000])
def test_smoothing_weights_are_ratios_of_bessel_functions(kilometres):
    angle, degree = kilometres / 6371, np.arange(721)
    b = np.log(2) / (2 * np.sin(angle / 2) ** 2)
    expected = scipy.special.ive(degree + 0.5, b) / scipy.special.ive(0.5, b)
    seen = expected > 1e-250
    ours = np.asarray(gaussian_weights(720, angle))
    np.testing.assert_allclose(ours[seen], expected[seen], rtol=1e-10)
    assert seen.sum() > 100
    assert (np.diff(ours) <= 0).all()


def test_smoothing_weights_stay_where_the_usual_recursion_explodes():
    angle, last = 300 / 6371, 720
    b = np.log(2) / (1 - np.cos(angle))
    usual = [1.0, 1 / np.tanh(b) - 1 / b]
    for n in range(1, last):
        usual.append(usual[-2] - (2 * n + 1) / b * usual[-1])
    ours = np.asarray(gaussian_weights(last, angle))
    np.testing.assert_allclose(ours[:60], usual[:60], atol=1e-8)
    assert np.abs(usual).max() > 1e10
    assert ours[-1] < 1e-100


def test_smoothing_keeps_the_mean_and_averages_the_rest():
    lat, lon = np.arange(89.5, -90, -1), np.arange(0.5, 360)
    spot = np.exp(-((lat[:, None] - 40) ** 2 + (lon[None, :] - 90) ** 2) / 200)
    harmonics = analyse(spot, lat, lon, 60)
    smoothed = smooth(harmonics, 500e3, EARTH_RADIUS)
    assert smoothed.cosine[0, 0] == harmonics.cosine[0, 0]
    before, after = (
        float(synthesise(x, lat, lon).max()) for x in (harmonics, smoothed)
    )
    assert 0.2 < after / before < 0.9


@pytest.mark.parametrize("radius", [0.0, -1.0, 3e8, np.nan])
def test_a_radius_that_is_none_is_refused(rng, radius):
    with pytest.raises(ValueError, match="smoothing radius is"):
        smooth(random_harmonics(rng), radius, EARTH_RADIUS)


def low_degrees(epochs, **known):
    nothing = np.full(epochs, np.nan)
    names = (field.name for field in dataclasses.fields(LowDegrees))
    return LowDegrees(**{name: known.get(name, nothing) for name in names})


def test_low_degrees_are_replaced_and_missing_ones_kept(rng):
    stokes = Stokes(random_harmonics(rng), GM, RADIUS)
    c30 = np.array([1.0, np.nan, 3.0, np.nan])
    low = low_degrees(4, c10=np.arange(4.0), s11=np.full(4, 5.0), c30=c30)
    found = replace_low_degrees(stokes, low).harmonics
    coefficients = stokes.harmonics
    np.testing.assert_array_equal(found.cosine[:, 1, 0], np.arange(4.0))
    np.testing.assert_array_equal(found.sine[:, 1, 1], 5.0)
    np.testing.assert_array_equal(found.cosine[:, 1, 1], coefficients.cosine[:, 1, 1])
    np.testing.assert_array_equal(found.cosine[:, 2, 0], coefficients.cosine[:, 2, 0])
    expected = np.where(np.isnan(c30), coefficients.cosine[:, 3, 0], c30)
    np.testing.assert_array_equal(found.cosine[:, 3, 0], expected)
    np.testing.assert_array_equal(found.cosine[:, 4:], coefficients.cosine[:, 4:])


@pytest.mark.parametrize("name", ["c10", "c11", "s11", "c20", "c30"])
def test_a_low_degree_goes_to_its_own_degree_and_order_only(name, rng):
    stokes = Stokes(random_harmonics(rng), GM, RADIUS)
    low = low_degrees(4, **{name: np.arange(4.0)})
    found, coefficients = replace_low_degrees(stokes, low).harmonics, stokes.harmonics
    kind = {"c": "cosine", "s": "sine"}[name[0]]
    degree, order = int(name[1]), int(name[2])
    for part in ("cosine", "sine"):
        expected = np.array(getattr(coefficients, part))
        if part == kind:
            expected[:, degree, order] = np.arange(4.0)
        np.testing.assert_array_equal(getattr(found, part), expected)


def test_replacements_of_other_epochs_are_refused(rng):
    stokes = Stokes(random_harmonics(rng), GM, RADIUS)
    with pytest.raises(ValueError, match="match them by time"):
        replace_low_degrees(stokes, low_degrees(3))


def test_the_mean_of_the_baseline_is_zero_afterwards(rng):
    baseline = np.array([True, False, True, False])
    stokes = Stokes(random_harmonics(rng), GM, RADIUS)
    anomaly = remove_mean(stokes, baseline).harmonics
    assert np.abs(anomaly.cosine[baseline].mean(axis=0)).max() < 1e-15
    kept = anomaly.sine[1] - anomaly.sine[0]
    coefficients = stokes.harmonics.sine
    np.testing.assert_allclose(kept, coefficients[1] - coefficients[0], atol=1e-15)


@pytest.mark.parametrize("baseline", [np.zeros(4, bool), np.ones(3, bool), np.ones(4)])
def test_a_baseline_that_is_none_is_refused(rng, baseline):
    with pytest.raises(ValueError, match="at least one True"):
        remove_mean(Stokes(random_harmonics(rng), GM, RADIUS), baseline)


def test_a_rate_is_taken_away(rng):
    years = np.array([0.0, 0.5, 1.0, 3.0])
    rate = jax.tree.map(lambda x: x[0], random_harmonics(rng))
    steady = jax.tree.map(lambda x: years[:, None, None] * x[None], rate)
    left = remove_rate(Stokes(steady, GM, RADIUS), rate, years).harmonics
    assert max(np.abs(left.cosine).max(), np.abs(left.sine).max()) < 1e-14


def test_a_rate_of_another_degree_is_refused(rng):
    stokes = Stokes(random_harmonics(rng), GM, RADIUS)
    rate = jax.tree.map(lambda x: x[0], random_harmonics(rng, last=4))
    with pytest.raises(ValueError, match="cut them to one degree"):
        remove_rate(stokes, rate, np.zeros(4))


def test_gradients_with_respect_to_coefficients_and_love_numbers(rng, love):
    coefficients = random_harmonics(rng, last=4, epochs=1)

    def both(cosine, h, k):
        numbers = dataclasses.replace(love, h=h, k=k)
        stokes = Stokes(Harmonics(cosine, coefficients.sine), GM, RADIUS)
        up = displacement_from_stokes(stokes, numbers)[0].cosine / RADIUS
        return up, water_from_stokes(stokes, numbers).cosine / RADIUS

    short = (coefficients.cosine, love.h[:5], love.k[:5])
    check_grads(jax.jit(both), short, order=1, atol=1e-5, rtol=1e-5)


def test_a_month_of_grace_takes_its_low_degrees_from_the_technical_notes(data):
    folder = data / "grace" / "l2_fixture"
    gsm = io.read_level2(folder / "GSM-2_2018152-2018181_GRFO_JPLEM_BA01_0603.txt")
    notes = (
        io.read_tn13(folder / "TN-13_geocenter_JPL.txt"),
        io.read_tn14(folder / "TN-14_SLR_C20_C30.txt"),
    )
    low = low_degrees_of(*(io.match_months(note, gsm.time) for note in notes))
    coefficients = stokes_of(gsm)
    assert (coefficients.gm, coefficients.radius) == (3.986004415e14, 6378136.3)
    found = replace_low_degrees(coefficients, low).harmonics
    june = io.match_months(notes[1], gsm.time)
    assert (
        float(found.cosine[0, 2, 0]) == float(june.c20[0]) != float(gsm.cosine[0, 2, 0])
    )
    assert float(found.sine[0, 1, 1]) == float(low.s11[0]) != 0
    kept = np.tril(np.ones((61, 61)), 0).astype(bool)
    kept[[1, 1, 2, 3], [0, 1, 0, 0]] = False
    np.testing.assert_array_equal(found.cosine[0][kept], gsm.cosine.values[0][kept])

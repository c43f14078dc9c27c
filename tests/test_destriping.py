"""Destriping: what it takes, what it leaves, and GRACE as another program made it."""

import jax
import numpy as np
import pytest
import xarray as xr
from jax.test_util import check_grads

from jaxload import earth
from jaxload.constants import EARTH_RADIUS
from jaxload.earth.grace.destriping import (
    Destriping,
    Window,
    destripe,
    destriping_matrices,
)
from jaxload.earth.grace.stokes import Stokes, gm_from_density, water_from_stokes
from jaxload.sphere.harmonics.coefficients import Harmonics
from jaxload.sphere.harmonics.gaussian import smooth
from jaxload.sphere.harmonics.transform import synthesise


def striped(rng, last=60, epochs=3):
    shape = (2, epochs, last + 1, last + 1)
    return Harmonics(*np.tril(rng.normal(size=shape)))


def by_parity(array, order, parity):
    degrees = np.arange(order, array.shape[-1])
    degrees = degrees[degrees % 2 == parity]
    return degrees, array[:, degrees, order]


def test_a_quartic_in_the_degrees_of_one_parity_is_taken_away_whole():
    degree = np.arange(61.0)[:, None] / 30
    curve = np.where(np.arange(61)[:, None] % 2, 1 + degree**4, 2 - degree**3)
    field = Harmonics(np.tril(np.tile(curve, (1, 61))), np.zeros((61, 61)))
    left = np.asarray(destripe(field).cosine)
    assert np.abs(left[:, 6:50]).max() < 1e-11
    np.testing.assert_array_equal(left[:, :6], field.cosine[:, :6])


@pytest.mark.parametrize("order", [6, 17, 40])
@pytest.mark.parametrize("parity", [0, 1])
def test_what_is_left_is_what_numpy_leaves_of_a_polynomial_fit(rng, order, parity):
    field = striped(rng)
    left = by_parity(np.asarray(destripe(field).sine), order, parity)[1]
    degrees, given = by_parity(field.sine, order, parity)
    place = (degrees - degrees.mean()) / 20
    for one, other in zip(left, given):
        fitted = np.polyval(np.polyfit(place, other, 4), place)
        np.testing.assert_allclose(one, other - fitted, atol=1e-11)


def test_orders_with_too_few_degrees_stay_as_they_are(rng):
    field = striped(rng)
    left = np.asarray(destripe(field).cosine)
    # From order 51 on, five degrees of one parity are left or fewer.
    np.testing.assert_array_equal(left[:, :, 51:], field.cosine[:, :, 51:])
    assert (left[:, 50::2, 50] != field.cosine[:, 50::2, 50]).any()


def test_destriping_twice_is_destriping_once(rng):
    once = destripe(striped(rng))
    np.testing.assert_allclose(destripe(once).cosine, once.cosine, atol=1e-12)


def test_a_moving_window_fits_each_degree_from_its_neighbours(rng):
    settings = Destriping(polynomial_degree=2, window=Window(), first_order=8)
    field = striped(rng, epochs=1)
    order, middle = 10, 36
    width = 13  # 30 exp(-1) + 1 is 12.04; the next odd number
    near = middle + 2 * np.arange(-(width // 2), width // 2 + 1)
    given = field.cosine[0, near, order]
    fitted = np.polyval(np.polyfit((near - middle) / 10, given, 2), 0)
    left = destripe(field, settings).cosine[0, middle, order]
    np.testing.assert_allclose(left, field.cosine[0, middle, order] - fitted)


def test_the_matrices_are_projections_that_keep_parities_apart():
    matrices = destriping_matrices(40)
    np.testing.assert_allclose(matrices @ matrices, matrices, atol=1e-13)
    assert not matrices[:, 0::2, 1::2].any()
    assert not matrices[:, 1::2, 0::2].any()


def test_gradients_pass_through(rng):
    field = striped(rng, last=20, epochs=1)
    cosine = lambda x: destripe(Harmonics(x, field.sine)).cosine
    check_grads(jax.jit(cosine), (field.cosine,), order=1)


@pytest.mark.parametrize(
    "settings",
    [{"polynomial_degree": -1}, {"first_order": -1}, {"spare": -1}],
)
def test_settings_that_mean_nothing_are_refused(settings):
    with pytest.raises(ValueError, match="expected 0 or more"):
        Destriping(**settings)


@pytest.mark.parametrize("where", ["westus", "china"])
def test_grace_becomes_the_water_that_another_program_made_of_it(data, where):
    """P4M6 and 300 km, mean density 5517 kg/m3, to a hundredth of a millimetre."""
    given = xr.open_dataset(data / "grace/jpl_rl06_gsm_stokes_anomaly_lmax60.nc")
    name = f"jpl_rl06_sh60_p4m6_g300_twsa_{where}.nc"
    expected = xr.open_dataset(data / "grace" / name)
    love = earth.LoveNumbers(
        *(given[f"love_{x}"].values for x in "hlk"), EARTH_RADIUS, 9.81, "CF"
    )
    both = (given[x].values.astype(np.float64) * 1e-10 for x in ("clm", "slm"))
    radius = given.attrs["radius"]
    clean = destripe(Harmonics(*both))
    stokes = Stokes(clean, gm_from_density(5517.0, radius), radius)
    water = smooth(water_from_stokes(stokes, love), 300e3, EARTH_RADIUS)
    ours = np.asarray(synthesise(water, expected.lat, expected.lon))
    theirs = 10 * expected.lwe_thickness.values
    assert np.sqrt(((ours - theirs) ** 2).mean(axis=(1, 2))).max() < 0.01

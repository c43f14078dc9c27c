"""Forcings with a period, held against an independent program and against rest."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from jaxload.constants import GRAVITATIONAL_CONSTANT as G
from jaxload.earth.interior.model import earth_model, homogeneous
from jaxload.earth.interior.propagation import Integration, propagate
from jaxload.earth.interior.reference_models import iasp91, prem
from jaxload.earth.interior.response import (
    load_response,
    shear_response,
    tidal_response,
)
from jaxload.io.earth.profiles import read_earth_profile

# LoadDef counts in another constant of gravitation. Moduli larger by the ratio, at a
# period shorter by its root, make ours the same problem.
RATIO = G / 6.672e-11
SEMIDIURNAL = 12.42 * 3600


@pytest.fixture(scope="module")
def loaddef(reference):
    """Degrees, h, n l and n k of LoadDef, and the Earth it computed them for."""
    rows = np.loadtxt(
        reference / "loaddef_lln_PREM_all_0_10000.csv", delimiter=",", skiprows=3
    )
    path = reference / "earth_model_PREM_no_ocean.txt"
    rows = rows[np.r_[0:31, 50, 100, 500, 2000, 10_000]]
    return rows[:, 0], rows[:, 1:].T, stiffened(earth_model(*read_earth_profile(path)))


def stiffened(model):
    return dataclasses.replace(
        model,
        bulk_modulus=model.bulk_modulus * RATIO,
        shear_modulus=model.shear_modulus * RATIO,
    )


def response(model, n, period=None):
    period = None if period is None else period / RATIO**0.5
    h, l, k = (np.asarray(x) for x in load_response(model, n, period=period))
    return np.stack([h, n * l, n * k])


def off(found, theirs):
    return np.abs(found / np.where(theirs == 0, 1, theirs) - 1)[:, 2:]


@pytest.mark.slow
def test_at_the_period_of_the_tide_loaddef_is_matched(loaddef):
    n, theirs, model = loaddef
    found = response(model, n, SEMIDIURNAL)
    assert off(found, theirs).max() < 7e-5
    np.testing.assert_allclose(found[:2, :2], theirs[:2, :2], rtol=4e-5, atol=1e-9)


@pytest.mark.slow
def test_what_sets_numbers_at_rest_apart_from_loaddef_is_its_period(loaddef):
    n, theirs, model = loaddef
    error = off(response(model, n), theirs)
    np.testing.assert_allclose(error[:, 0], [3.5e-3, 2.5e-3, 5.2e-3], rtol=0.05)
    assert error[:, 4].max() < 9e-4  # From degree 6 on.
    assert error[:, -5:].max() < 7e-5


@pytest.mark.slow
def test_what_sets_prem_apart_from_loaddef_is_a_slip_in_its_model(loaddef):
    # Its file repeats the velocities above 220 km depth below it, where PREM jumps,
    # and so softens the 10 km from there to its next row.
    n, theirs, model = loaddef
    error = off(response(stiffened(prem()), n, SEMIDIURNAL), theirs)
    assert 1e-3 < error[0, 18:29].max() < 1.3e-3
    assert error[:, -2:].max() < 5e-5
    row = int(np.flatnonzero(model.radius == 6.151e6)[0])
    for name in ("bulk_modulus", "shear_modulus"):
        moduli, density = getattr(model, name), model.density
        top = moduli[row - 1].sum() / density[row - 1].sum()
        assert top == pytest.approx(moduli[row, 0] / density[row, 0], rel=1e-9)
        assert top < 0.94 * moduli[row - 1, 0] / density[row - 1, 0]


@pytest.mark.slow
def test_a_ball_forced_slowly_is_at_rest():
    ball, n = homogeneous(5514.0, 3.5e11, 1.5e11), np.array([0, 1, 2, 5, 40.0])
    still = np.stack(load_response(ball, n))
    slow, slower = (
        np.abs(np.stack(load_response(ball, n, period=t)) - still).max()
        for t in (1e5, 1e6)
    )
    assert slower < 3e-5
    assert slow / slower == pytest.approx(100, rel=0.01)  # Inertia goes as 1 / T2.


@pytest.mark.slow
def test_the_default_integration_is_converged_at_a_period():
    n = np.arange(28.0)
    coarse, fine = (
        n * np.stack(load_response(prem(), n, Integration(steps=s), SEMIDIURNAL))
        for s in (64, 256)
    )
    np.testing.assert_allclose(coarse, fine, rtol=0, atol=2e-9)


def test_with_inertia_load_tide_and_shear_are_still_reciprocal():
    n = np.array([2, 3, 10, 50, 2000.0])
    h, l, k = tidal_response(prem(), n, period=SEMIDIURNAL)
    _, l_load, k_load = load_response(prem(), n, period=SEMIDIURNAL)
    h_shear, _, k_shear = shear_response(prem(), n, period=SEMIDIURNAL)
    for one, other in ((k_load, k - h), (k_shear, l), (h_shear, l - l_load)):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-12)


@pytest.mark.slow
def test_with_inertia_degree_one_stays_in_its_frame_by_itself():
    # Weight and attraction of the load balance, so nothing accelerates the Earth.
    found = []
    for innermost in (0.03, 0.01):
        settings, period = Integration(innermost=innermost), jnp.array(SEMIDIURNAL)
        y = np.asarray(propagate(prem(), jnp.array([1.0]), settings, period)[0])
        share = np.linalg.solve(y[[1, 3, 5]], [-3, 0, 3])
        found.append(abs(y[4] @ share - 1))
    # What is left is the momentum of the ball within, where the integration starts.
    assert found[1] < 3e-6
    assert found[0] / found[1] == pytest.approx(27, rel=0.1)


@pytest.mark.slow
def test_a_buoyant_core_does_not_spoil_long_periods():
    # The core of iasp91 is buoyant enough for motions that grow 1e16-fold through it.
    n = np.arange(2, 28.0)
    still = np.stack(load_response(iasp91(), n))
    coarse, fine = (
        np.stack(load_response(iasp91(), n, Integration(steps=s), 360_000.0))
        for s in (100, 300)
    )
    np.testing.assert_allclose(coarse, fine, rtol=0, atol=1e-6)
    assert np.abs(fine - still).max() < 3e-4


@pytest.mark.parametrize("wrong", [0.0, -3600.0, np.nan, np.inf, [3600.0, 7200.0]])
def test_a_period_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="expected one positive number of seconds"):
        load_response(prem(), [2], period=wrong)

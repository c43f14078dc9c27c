"""Robust weights against losses minimised directly, and on outliers of known size."""

import dataclasses

import jax
import numpy as np
import pytest
import scipy.optimize
import scipy.sparse as sp

from jaxload import inversion
from jaxload.inversion import observations
from jaxload.inversion.estimation.robust import (
    Huber,
    StudentT,
    loss_weight,
    reweight,
    station_weights,
    weighted_sigma,
    weights_from_residuals,
)
from jaxload.inversion.noise import Noise

EPOCHS, ROWS, CELLS = 30, 40, 12
BETA = 0.5
CHAIN = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(CELLS, CELLS))
LOSSES = {
    "Huber": Huber(tolerance=1e-9, iterations=500),
    "Student-t": StudentT(tolerance=1e-9, iterations=500),
}


@dataclasses.dataclass
class World:
    problem: inversion.Problem
    clean: np.ndarray
    dirty: np.ndarray
    wrong: np.ndarray
    sigma: np.ndarray
    load: np.ndarray


@pytest.fixture
def world(rng):
    """Data from the model; one observation in twelve is off by 10 to 30 sigma."""
    problem = inversion.smooth_problem(rng.normal(size=(ROWS, CELLS)), CHAIN)
    load = rng.normal(size=(EPOCHS, CELLS)) @ np.linalg.inv(CHAIN.toarray()) / BETA
    sigma = rng.uniform(0.5, 1.5, ROWS)
    clean = load @ np.asarray(problem.design).T + sigma * rng.normal(
        size=(EPOCHS, ROWS)
    )
    clean[rng.uniform(size=clean.shape) < 0.1] = np.nan
    wrong = rng.uniform(size=clean.shape) < 1 / 12
    size = rng.choice([-1, 1], clean.shape) * rng.uniform(10, 30, clean.shape)
    return World(problem, clean, clean + wrong * size * sigma, wrong, sigma, load)


def rho(loss, u):
    if isinstance(loss, Huber):
        k, size = loss.threshold, abs(u)
        return np.where(size < k, u**2 / 2, k * size - k**2 / 2)
    nu = loss.freedom
    return (nu + 1) / 2 * np.log1p(u**2 / nu)


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_is_minimised(name, world):
    """No optimiser that sees the loss itself finds anything lower nearby."""
    loss = LOSSES[name]
    got = reweight(world.problem, observations(world.dirty, world.sigma), BETA, loss)
    assert got.solution.ok.all()
    design = np.asarray(world.problem.design)
    for epoch in (0, 7, 20):
        seen = np.isfinite(world.dirty[epoch])

        def cost(load, epoch=epoch, seen=seen):
            u = ((world.dirty[epoch] - design @ load) / world.sigma)[seen]
            return rho(loss, u).sum() + BETA**2 / 2 * ((CHAIN @ load) ** 2).sum()

        load = np.asarray(got.solution.load[epoch])
        found = scipy.optimize.minimize(cost, load, tol=1e-12)
        assert cost(load) <= found.fun * (1 + 1e-9)
        np.testing.assert_allclose(load, found.x, atol=1e-3)


@pytest.mark.parametrize("name", LOSSES)
def test_outliers_hardly_matter(name, world):
    clean = inversion.solve(
        world.problem, inversion.observations(world.clean, world.sigma), BETA
    ).load
    dirty = inversion.solve(
        world.problem, inversion.observations(world.dirty, world.sigma), BETA
    ).load
    robust = reweight(
        world.problem, observations(world.dirty, world.sigma), BETA, LOSSES[name]
    )
    off = lambda load: np.sqrt(np.mean((load - clean) ** 2) / np.mean(clean**2))
    assert off(dirty) > 0.07
    assert off(robust.solution.load) < {"Huber": 0.025, "Student-t": 0.015}[name]
    seen = np.isfinite(world.dirty)
    assert np.median(robust.weights[seen & world.wrong]) < 0.1
    assert np.median(robust.weights[seen & ~world.wrong]) > 0.99
    assert (np.asarray(robust.weights)[~seen] == 0).all()


def test_without_outliers_little_is_lost(world):
    clean = inversion.solve(
        world.problem, inversion.observations(world.clean, world.sigma), BETA
    )
    robust = reweight(
        world.problem, observations(world.clean, world.sigma), BETA, Huber()
    )
    error = lambda solution: np.sqrt(np.mean((solution.load - world.load) ** 2))
    assert error(robust.solution) < 1.1 * error(clean)


def test_the_common_offset_is_not_taken_for_outliers(world, rng):
    offset = 20 * rng.normal(size=(EPOCHS, 1))
    noise = Noise(world.sigma, common=400.0)
    got = reweight(
        world.problem, observations(world.clean + offset, noise), BETA, Huber()
    )
    np.testing.assert_allclose(got.solution.common, offset[:, 0], atol=4)
    assert np.median(got.weights[np.isfinite(world.clean)]) > 0.99


def test_weights_that_have_not_converged_are_flagged(world):
    once = Huber(iterations=1, tolerance=1e-9)
    got = reweight(world.problem, observations(world.dirty, world.sigma), BETA, once)
    assert got.iterations == 1
    assert not got.solution.ok.any()


def test_an_epoch_without_data_gives_the_prior_mean(world, rng):
    world.dirty[3] = np.nan
    mean = rng.normal(size=(EPOCHS, CELLS))
    got = reweight(
        world.problem, observations(world.dirty, world.sigma), BETA, Huber(), mean=mean
    )
    np.testing.assert_array_equal(got.solution.load[3], mean[3])
    assert got.solution.ok.all()


def test_weights_are_the_derivative_of_the_loss():
    u = np.array([-7.0, -1.0, 0.4, 2.0])
    for loss in LOSSES.values():
        slope = (rho(loss, u + 1e-6) - rho(loss, u - 1e-6)) / 2e-6
        np.testing.assert_allclose(loss_weight(loss, u), slope / u, rtol=1e-6)


def test_stations_that_are_typical_or_better_weigh_one():
    weights = station_weights(np.array([1.0, 2.0, 4.0, 2.0, np.nan]))
    np.testing.assert_allclose(weights, [1, 1, 0.25, 1, 1])
    np.testing.assert_allclose(station_weights(np.array([3.0]), typical=1.5), [0.25])


def test_weights_from_residuals_lower_the_noisy_station(rng):
    residual = rng.normal(size=(4000, 5)) * [1, 1, 1, 1, 3.0]
    residual[::3, 4] = np.nan
    weights = weights_from_residuals(residual)
    assert weights[:4].min() > 0.9
    np.testing.assert_allclose(weights[4], 1 / 9, rtol=0.1)


def test_a_weight_of_four_halves_sigma():
    got = weighted_sigma(np.array([1.0, 3.0]), np.array([[4.0, 1.0], [1.0, 9.0]]))
    np.testing.assert_allclose(got, [[0.5, 3.0], [1.0, 1.0]])


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_weights_that_are_not_positive_are_refused(bad):
    with pytest.raises(ValueError, match=r"weights is .* at index"):
        weighted_sigma(np.ones(3), np.array([1.0, bad, 1.0]))


ERRORS = {
    "threshold": (lambda: Huber(threshold=0.0), "threshold is 0"),
    "freedom": (lambda: StudentT(freedom=-1.0), "freedom is -1"),
    "tolerance": (lambda: Huber(tolerance=float("nan")), "tolerance is nan"),
    "iterations": (lambda: Huber(iterations=0), "iterations is 0"),
    "rms of zero": (lambda: station_weights(np.array([1.0, 0.0])), "rms is 0"),
    "rms of two axes": (lambda: station_weights(np.ones((2, 2))), "expected"),
    "weights of others": (lambda: weighted_sigma(np.ones(2), np.ones(3)), "'row'"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_wrong_is_named(name):
    call, message = ERRORS[name]
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.slow
def test_jit_changes_nothing(world):
    """Nor do gaps that are known beforehand, of which the first solution makes use."""
    pattern = inversion.find_pattern(world.dirty, kinds=1)
    data = observations(world.dirty, world.sigma, pattern=pattern)
    at = (world.problem, data, BETA, Huber(tolerance=1e-6))
    want = reweight(*at)
    got = jax.jit(reweight, static_argnums=3)(*at)
    assert got.iterations == want.iterations
    np.testing.assert_allclose(got.solution.load, want.solution.load, rtol=1e-6)
    with pytest.raises(ValueError, match="another record"):
        observations(world.clean[1:], world.sigma, pattern=pattern)

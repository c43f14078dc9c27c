"""What works where JAX has no float64: ``make test32``.

Inversion, networks and scores take the precision of their arrays. Love numbers, design
matrices and harmonics refuse in one sentence, and are made with float64 switched on for
as long as it takes.
"""

import example_objects as small
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sp

from jaxload import earth, evaluate, inversion, series
from jaxload.gapfill.networks import ensemble, lstm
from jaxload.gapfill.training.optimise import OptimiserSettings

#: Of float32, whose digits are 1.2e-7, after some hundred operations.
CLOSE = {"rtol": 1e-4, "atol": 1e-4}
ROWS, CELLS, EPOCHS = 7, 5, 12
SLOPE = sp.diags_array([-1.0, 1.0], offsets=[0, 1], shape=(CELLS - 1, CELLS))


@pytest.fixture
def problem(rng):
    design = rng.normal(size=(ROWS, CELLS)).astype(np.float32)
    return inversion.smooth_problem(design, SLOPE)


@pytest.fixture
def displacement(rng):
    values = rng.normal(size=(EPOCHS, ROWS)).astype(np.float32)
    values[3, 2] = values[5] = np.nan
    return values


def test_this_is_run_without_float64():
    assert jnp.asarray(np.ones(1)).dtype == jnp.float32


def test_the_load_is_that_of_the_normal_equations(problem, displacement):
    sigma, beta = np.linspace(0.5, 1, ROWS, dtype=np.float32), 0.7
    data = inversion.observations(displacement, sigma)
    found = inversion.solve(problem, data, beta).load
    assert found.dtype == jnp.float32
    roughness = beta**2 * (SLOPE.T @ SLOPE).toarray()
    for epoch, heights in enumerate(displacement.astype(float)):
        seen = np.isfinite(heights)
        if seen.any():
            scaled = np.asarray(problem.design, float)[seen] / sigma[seen, None]
            right = scaled.T @ (heights[seen] / sigma[seen])
            wanted = np.linalg.solve(scaled.T @ scaled + roughness, right)
            np.testing.assert_allclose(found[epoch], wanted, **CLOSE)


def test_the_weight_is_chosen_as_in_double_precision(problem, displacement):
    def errors(problem, values, sigma):
        data = inversion.observations(values, sigma)
        found = [inversion.solve(problem, data, b) for b in np.geomspace(0.1, 10, 5)]
        return [float(inversion.leave_one_out(one)) for one in found]

    values = errors(problem, displacement, np.ones(ROWS, np.float32))
    with jax.enable_x64(True):
        twin = inversion.smooth_problem(np.asarray(problem.design, float), SLOPE)
        wanted = errors(twin, displacement.astype(float), np.ones(ROWS))
    np.testing.assert_allclose(values, wanted, **CLOSE)


def test_slopes_of_the_load_are_those_of_double_precision(problem, displacement):
    sigma = np.ones(ROWS, np.float32)

    def total(problem, beta):
        data = inversion.observations(displacement, sigma)
        return jnp.sum(inversion.solve(problem, data, beta).load ** 2)

    found = jax.grad(total, argnums=1)(problem, 0.7)
    with jax.enable_x64(True):
        twin = inversion.smooth_problem(np.asarray(problem.design, float), SLOPE)
        wanted = jax.grad(total, argnums=1)(twin, 0.7)
    np.testing.assert_allclose(found, wanted, rtol=1e-3)


def test_a_design_matrix_needs_float64_and_serves_afterwards():
    with pytest.raises(ValueError, match="float64"):
        earth.load_love_numbers()
    with jax.enable_x64(True):
        design = np.asarray(small.design())
        operator = small.grid().laplacian
    problem = inversion.smooth_problem(design.astype(np.float32), operator)
    sigma = np.ones(small.STATIONS, np.float32)
    heights = small.heights().astype(np.float32)
    found = inversion.solve(problem, inversion.observations(heights, sigma), 0.02)
    with jax.enable_x64(True):
        twin = inversion.smooth_problem(design, operator)
        data = inversion.observations(small.heights(), sigma)
        wanted = inversion.solve(twin, data, 0.02)
        load, fitted = np.asarray(wanted.load), np.asarray(wanted.fitted)
    np.testing.assert_allclose(found.fitted, fitted, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found.load, load, atol=1e-3 * np.nanmax(abs(load)))


def test_harmonics_need_float64_and_are_exact_with_it(rng):
    waves = np.tril(rng.normal(size=(2, 5, 5)))
    waves[1, :, 0] = 0
    lat, lon = np.arange(-80.0, 81, 20), np.arange(10.0, 360, 20)
    with pytest.raises(ValueError, match="float64"):
        earth.synthesise(earth.Harmonics(*map(jnp.asarray, waves)), lat, lon)
    with jax.enable_x64(True):
        field = earth.synthesise(earth.Harmonics(*map(jnp.asarray, waves)), lat, lon)
        again = earth.analyse(field, lat, lon, 4)
        np.testing.assert_allclose(again.cosine, waves[0], atol=1e-12)


def test_a_step_of_training_has_the_slopes_of_double_precision(rng):
    inputs, wanted = rng.normal(size=(20, 2, 3)), rng.normal(size=(20, 2, 1))
    network = lstm.NetworkSize(3, 4, 1)

    def slopes(dtype):
        weights = lstm.initialise(network, jax.random.key(0), "float32")
        weights = jax.tree.map(lambda x: jnp.asarray(x, dtype), weights)
        given, target = jnp.asarray(inputs, dtype), jnp.asarray(wanted, dtype)

        def loss(weights):
            return jnp.mean((lstm.apply(weights, given) - target) ** 2)

        return jax.tree.map(np.asarray, jax.jit(jax.grad(loss))(weights))

    found = slopes("float32")
    with jax.enable_x64(True):
        wanted_slopes = slopes("float64")
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, **CLOSE), found, wanted_slopes
    )


def test_members_are_trained(rng):
    features = rng.normal(size=(120, 2, 3))
    target = features.sum(axis=2)
    short = OptimiserSettings(steps=40, every=10, learning_rate=0.02)
    settings = ensemble.Training(hidden=4, window=None, warm_up=0, descent=short)
    trained = ensemble.train(features, target, settings)
    assert trained.weights.readout.dtype == jnp.float32
    assert (trained.curve.held_out[-1] < 0.8 * trained.curve.held_out[0]).all()


def test_scores_and_means_are_those_of_double_precision(rng):
    ours, theirs = rng.normal(size=(2, 50))
    single = ours.astype(np.float32), theirs.astype(np.float32)
    for name in ("rmse", "nse", "pcc", "bias"):
        found = getattr(evaluate, name)(*single)
        with jax.enable_x64(True):
            wanted = float(getattr(evaluate, name)(ours, theirs))
        np.testing.assert_allclose(found, wanted, **CLOSE)
    found = series.moving_average(single[0][:, None], 5)[:, 0]
    wanted = np.convolve(ours, np.full(5, 0.2), "same")[2:-2]
    np.testing.assert_allclose(found[2:-2], wanted, **CLOSE)


def test_standard_errors_are_those_of_the_inverse_precision(displacement, problem):
    target = inversion.every_cell(problem, inversion.smooth_prior(SLOPE))
    data = inversion.observations(displacement, np.ones(ROWS, np.float32))
    sd = inversion.posterior_sd(inversion.solve(problem, data, 0.7), target).sd
    assert sd.dtype == jnp.float32
    design = np.asarray(problem.design, float)
    precision = design.T @ design + 0.7**2 * (SLOPE.T @ SLOPE).toarray()
    wanted = np.sqrt(np.diag(np.linalg.inv(precision)))
    np.testing.assert_allclose(sd[0], wanted, rtol=1e-3)

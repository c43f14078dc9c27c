"""Resolution from its definition: what an inversion makes of one load after another."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sp

from jaxload import inversion
from jaxload.inversion import factorise, observations
from jaxload.inversion.noise import Noise
from jaxload.inversion.prior.smoothness import prior_problem, smooth_prior
from jaxload.inversion.uncertainty.functionals import averages, every_cell
from jaxload.inversion.uncertainty.recovery_tests import checkerboard, recover, spikes
from jaxload.inversion.uncertainty.resolution import (
    averaging_kernels,
    degrees_of_freedom,
    leverage,
    observation_weights,
    point_spread,
    resolution_map,
)
from jaxload.inversion.uncertainty.sampling import noise_samples

EPOCHS, ROWS, SIDE = 5, 8, 5
CELLS = SIDE * SIDE
BETA = 0.4


def laplacian(ends):
    chain = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(SIDE, SIDE))
    chain = chain.tolil()
    if ends == "free":
        chain[0, 0] = chain[-1, -1] = 1.0
    eye = sp.eye_array(SIDE)
    return sp.kron(chain, eye) + sp.kron(eye, chain)


NOISES = {
    "plain": lambda rng: rng.uniform(0.5, 2.0, size=ROWS),
    "daily": lambda rng: rng.uniform(0.5, 2.0, size=(EPOCHS, ROWS)),
    "common": lambda rng: Noise(rng.uniform(0.5, 2.0, size=ROWS), None, 0.7),
}


@pytest.fixture(params=["zero", "free"])
def case(request, rng):
    prior = smooth_prior(laplacian(request.param))
    displacement = rng.normal(size=(EPOCHS, ROWS))
    displacement[1, [2, 5]] = np.nan
    displacement[3, 1:] = np.nan
    problem = prior_problem(rng.normal(size=(ROWS, CELLS)), prior)
    return types.SimpleNamespace(
        prior=prior,
        problem=problem,
        displacement=displacement,
        every=every_cell(problem, prior),
        position=np.stack(np.divmod(np.arange(CELLS), SIDE), axis=1).astype(float),
    )


def resolution_matrix(case, noise):
    """Column after column: invert what the network sees of a unit load."""
    columns = []
    for unit in np.eye(CELLS):
        seen = np.isfinite(case.displacement)
        uplift = np.where(seen, np.asarray(case.problem.design) @ unit, np.nan)
        columns.append(
            inversion.solve(
                case.problem, inversion.observations(uplift, noise), BETA
            ).load
        )
    return np.stack(columns, axis=-1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", NOISES)
def test_kernels_and_point_spreads_are_rows_and_columns_of_one_matrix(case, kind, rng):
    noise = NOISES[kind](rng)
    want = resolution_matrix(case, noise)
    factor = factorise(case.problem, observations(case.displacement, noise), BETA)
    rows = averaging_kernels(factor, case.every)
    np.testing.assert_allclose(rows, want, rtol=1e-7, atol=1e-9)
    cells = [3, 0, 17]
    columns = point_spread(factor, cells)
    swapped = np.swapaxes(want, 1, 2)[:, cells]
    np.testing.assert_allclose(columns, swapped, rtol=1e-7, atol=1e-9)
    freedom = degrees_of_freedom(factor)
    trace = np.trace(want, axis1=1, axis2=2)
    np.testing.assert_allclose(freedom, trace, rtol=1e-7)
    own = resolution_map(factor, case.every, case.position).centre_weight
    np.testing.assert_allclose(own, np.diagonal(want, axis1=1, axis2=2), atol=1e-9)


def test_observation_weights_make_the_estimate(case, rng):
    weights = rng.normal(size=(2, CELLS))
    sigma = NOISES["plain"](rng)
    target = averages(case.problem, case.prior, weights)
    got = observation_weights(
        factorise(case.problem, observations(case.displacement, sigma), BETA), target
    )
    seen = np.isfinite(case.displacement)
    assert (np.asarray(got)[~np.broadcast_to(seen[:, None], got.shape)] == 0).all()
    load = inversion.solve(
        case.problem, inversion.observations(case.displacement, sigma), BETA
    ).load
    estimate = np.einsum("efr,er->ef", got, np.nan_to_num(case.displacement))
    np.testing.assert_allclose(estimate, load @ weights.T, rtol=1e-8, atol=1e-10)


def test_leverage_is_the_change_of_a_fit_with_its_observation(case, rng):
    sigma = NOISES["plain"](rng)
    got = leverage(
        factorise(case.problem, observations(case.displacement, sigma), BETA)
    )
    fit = lambda d: (
        inversion.solve(case.problem, inversion.observations(d, sigma), BETA).fitted
    )
    for row in range(ROWS):
        moved = case.displacement.copy()
        moved[:, row] += 1.0
        change = (fit(moved) - fit(case.displacement))[:, row]
        want = np.where(np.isnan(case.displacement[:, row]), 0, change)
        np.testing.assert_allclose(got[:, row], want, atol=1e-9)


def test_freedom_goes_from_the_free_fields_to_the_data(case):
    sigma = np.ones(ROWS)
    seen = np.isfinite(case.displacement).sum(axis=1)
    free = case.problem.null_space.shape[1]
    stiff = degrees_of_freedom(
        factorise(case.problem, observations(case.displacement, sigma), 1e5)
    )
    np.testing.assert_allclose(stiff, free, atol=1e-6)
    soft = degrees_of_freedom(
        factorise(case.problem, observations(case.displacement, sigma), 1e-5)
    )
    np.testing.assert_allclose(soft, seen, atol=1e-6)


def test_without_data_nothing_is_resolved(case):
    case.displacement[2] = np.nan
    data = observations(case.displacement, np.ones(ROWS))
    factor = factorise(case.problem, data, BETA)
    kernels = averaging_kernels(factor, case.every)
    found = resolution_map(factor, case.every, case.position)
    if case.problem.null_space.shape[1]:
        assert np.isnan(kernels[2]).all()
    else:
        np.testing.assert_array_equal(kernels[2], 0)
    assert np.isnan(found.radius[2]).all()
    assert np.isfinite(np.delete(found.radius, 2, axis=0)).all()


def test_the_radius_is_that_of_an_even_disc():
    """Each row sees the sum over one disc, and nothing is smoothed."""
    side = 41
    place = np.stack(np.divmod(np.arange(side**2), side), axis=1).astype(float)
    middle = np.array([20.0, 20.0])
    radius = 9.0
    disc = np.linalg.norm(place - middle, axis=1) <= radius
    prior = smooth_prior(sp.eye_array(side**2))
    problem = prior_problem(disc[None, :].astype(float), prior)
    target = every_cell(problem, prior)
    found = resolution_map(
        factorise(problem, observations(np.zeros((1, 1)), np.ones(1)), 1e-3),
        target,
        place,
    )
    at = int(20 * side + 20)
    np.testing.assert_allclose(found.radius[0, at], radius, rtol=0.02)
    np.testing.assert_allclose(found.total[0, at], 1.0, rtol=1e-6)
    np.testing.assert_allclose(found.centre_weight[0, at], 1 / disc.sum(), rtol=1e-6)


def test_more_stations_resolve_finer():
    """On a line, with footprints two cells wide."""
    cells = 60
    line = np.arange(cells, dtype=float)
    chain = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(cells, cells))
    prior = smooth_prior(chain)
    radius = []
    for step in (3, 12):
        stations = np.arange(0, cells, step)
        design = -np.exp(-(((line - stations[:, None]) / 2.0) ** 2))
        problem = prior_problem(design, prior)
        found = resolution_map(
            factorise(
                problem,
                observations(
                    np.zeros((1, len(stations))), np.full(len(stations), 0.01)
                ),
                0.1,
            ),
            every_cell(problem, prior),
            line[:, None],
        )
        radius.append(np.median(found.radius))
    assert radius[0] < 0.6 * radius[1]


def test_the_map_can_be_jitted_and_keeps_its_dtype(case):
    sigma = np.ones(ROWS)
    want = resolution_map(
        factorise(case.problem, observations(case.displacement, sigma), BETA),
        case.every,
        case.position,
    )

    @jax.jit
    def call(problem, functionals, position, displacement, sigma):
        factor = factorise(problem, observations(displacement, sigma), BETA)
        return resolution_map(factor, functionals, position)

    record = (case.position, case.displacement, sigma)
    got = call(case.problem, case.every, *map(jnp.asarray, record))
    np.testing.assert_allclose(got.radius, want.radius, rtol=1e-7)
    single = lambda tree: jax.tree.map(lambda x: x.astype(jnp.float32), tree)
    factor = factorise(
        single(case.problem), observations(case.displacement, sigma), BETA
    )
    low = resolution_map(factor, single(case.every), case.position)
    assert low.radius.dtype == jnp.float32


def test_a_checkerboard_has_squares_of_its_size():
    row, column = np.divmod(np.arange(36), 6)
    board = checkerboard(row, column, size=2, amplitude=50.0).reshape(6, 6)
    np.testing.assert_array_equal(board[:2, :2], 50)
    np.testing.assert_array_equal(board[:2, 2:4], -50)
    np.testing.assert_array_equal(board[2:4, :2], -50)
    assert board.sum() == 50 * 4
    np.testing.assert_array_equal(checkerboard(row - 2, column, 2), -board.ravel() / 50)


@pytest.mark.slow
def test_a_pattern_comes_back_where_the_network_is_dense():
    """A station on every cell that feels it alone, and then on half of them."""
    row, column = np.divmod(np.arange(CELLS), SIDE)
    board = checkerboard(row, column, 1, 100.0)
    prior = smooth_prior(sp.eye_array(CELLS))
    sigma = np.full(CELLS, 0.1)
    problem = prior_problem(-np.eye(CELLS), prior)
    displacement = np.zeros((2, CELLS))
    displacement[1, 12:] = np.nan
    got = recover(problem, observations(displacement, sigma), 1.0, board)
    kept = 1 / (1 + 0.1**2)
    np.testing.assert_allclose(got.load[0], kept * board, rtol=1e-9)
    np.testing.assert_allclose(got.gain, [kept, kept * 12 / 25], rtol=1e-9)
    np.testing.assert_allclose(got.correlation[0], 1)
    assert got.correlation[1] < 0.8
    np.testing.assert_allclose(got.rms[0], 100 * (1 - kept), rtol=1e-7)
    noisy = recover(
        problem, observations(displacement, sigma), 1.0, board, key=jax.random.key(1)
    )
    apart = np.asarray(noisy.load - got.load)[0]
    assert 0.05 < apart.std() < 0.2


def test_spikes_come_back_as_point_spreads(case):
    sigma = np.ones(ROWS)
    pattern = spikes(CELLS, [7], 3.0)
    assert pattern.sum() == 3
    got = recover(case.problem, observations(case.displacement, sigma), BETA, pattern)
    want = point_spread(
        factorise(case.problem, observations(case.displacement, sigma), BETA), [7]
    )[:, 0]
    np.testing.assert_allclose(got.load, 3 * want, rtol=1e-8, atol=1e-10)


def test_nothing_that_comes_back_has_no_correlation():
    prior = smooth_prior(sp.eye_array(CELLS))
    problem = prior_problem(np.ones((1, CELLS)), prior)
    got = recover(
        problem, observations(np.full((1, 1), np.nan), np.ones(1)), 1.0, np.ones(CELLS)
    )
    assert np.isnan(got.correlation).all()
    assert got.gain == 0


def test_noise_has_the_covariance_it_was_given(rng):
    place = rng.normal(size=(4, 2))
    near = np.exp(-np.linalg.norm(place[:, None] - place[None], axis=-1))
    sigma, some = np.array([0.5, 1.0, 2.0, 1.5]), np.array([1.0, 1.0, 0.0, 1.0])
    want = np.outer(sigma, sigma) * near + 0.6 * np.outer(some, some)
    count = 40_000
    noise = Noise(sigma, near, np.full(count, 0.6), some)
    draws = np.asarray(noise_samples(noise, jax.random.key(0), (count, 4)))
    np.testing.assert_allclose(draws.T @ draws / count, want, atol=0.1)
    np.testing.assert_allclose(draws[1:].T @ draws[:-1] / count, 0, atol=0.1)


ERRORS = {
    "cell too far": (
        lambda c: point_spread(
            factorise(c.problem, observations(c.displacement, c.sigma), BETA), [CELLS]
        ),
        "cells holds 25, but there are 25 cells",
    ),
    "spike too far": (lambda _: spikes(4, [0, 4]), "cells holds 4, but there are 4"),
    "no square": (lambda _: checkerboard([0], [0], 0), "size is 0, expected one cell"),
    "rows and columns of other cells": (
        lambda _: checkerboard([0, 1], [0], 1),
        "column has 1 along 'cell'",
    ),
    "pattern of another grid": (
        lambda c: recover(
            c.problem, observations(c.displacement, c.sigma), BETA, np.ones(3)
        ),
        "pattern has 3 along 'cell'",
    ),
    "positions of other cells": (
        lambda c: resolution_map(
            factorise(c.problem, observations(c.displacement, c.sigma), BETA),
            c.every,
            np.ones((3, 2)),
        ),
        "position has 3 along 'cell', but design has 25",
    ),
    "a map of basins": (
        lambda c: resolution_map(
            factorise(c.problem, observations(c.displacement, c.sigma), BETA),
            averages(c.problem, c.prior, np.ones((2, CELLS))),
            np.ones((2, 2)),
        ),
        "position has 2 along 'cell', but design has 25",
    ),
    "beta negative": (
        lambda c: averaging_kernels(
            factorise(c.problem, observations(c.displacement, c.sigma), -1.0), c.every
        ),
        "beta is -1",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("case", ["zero"], indirect=True)
def test_what_is_wrong_is_named(name, case):
    call, message = ERRORS[name]
    case.sigma = np.ones(ROWS)
    with pytest.raises(ValueError, match=message):
        call(case)

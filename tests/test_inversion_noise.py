"""Noise with a structure, against covariances written out in full."""

import numpy as np
import pytest
import scipy.sparse as sp

from jaxload import inversion
from jaxload.inversion.noise import (
    Noise,
    exponential_correlation,
)

EPOCHS, ROWS, CELLS = 11, 7, 10
BETA = 0.6
CHAIN = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(CELLS, CELLS))
FREE = sp.diags_array([-1.0, 1.0], offsets=[0, 1], shape=(CELLS - 1, CELLS))
OPERATORS = {"definite": CHAIN, "free level": FREE}


@pytest.fixture
def design(rng):
    return rng.normal(size=(ROWS, CELLS))


@pytest.fixture
def displacement(rng):
    values = rng.normal(size=(EPOCHS, ROWS))
    for epoch, row in enumerate(values):
        row[rng.permutation(ROWS)[: epoch % (ROWS - 1)]] = np.nan
    return values


def correlation(rng):
    place = rng.uniform(size=(ROWS, 2))
    distance = np.linalg.norm(place[:, None] - place[None, :], axis=-1)
    return exponential_correlation(distance, 0.4)


def noises(rng):
    sigma, daily = rng.uniform(0.5, 2, ROWS), rng.uniform(0.5, 2, (EPOCHS, ROWS))
    rows, tau = np.arange(ROWS) < 4, rng.uniform(0, 3, EPOCHS)
    return {
        "sigma per row": Noise(sigma),
        "sigma per epoch": Noise(daily),
        "correlated": Noise(sigma, correlation(rng)),
        "common offset": Noise(sigma, common=2.0),
        "common offset of some rows": Noise(sigma, common=2.0, common_rows=rows),
        "common offset that varies": Noise(sigma, common=tau, common_rows=rows),
        "all, sigma per row": Noise(sigma, correlation(rng), tau, rows),
        "all, sigma per epoch": Noise(daily, correlation(rng), tau, rows),
    }


NOISES = list(noises(np.random.default_rng(0)))


def written_out(noise, epoch):
    """The covariance of one epoch's rows, term by term."""
    sigma = np.broadcast_to(noise.sigma, (EPOCHS, ROWS))[epoch]
    between = np.eye(ROWS) if noise.correlation is None else noise.correlation
    rows = np.ones(ROWS) if noise.common_rows is None else noise.common_rows
    tau = np.broadcast_to(noise.common, EPOCHS)[epoch]
    return np.outer(sigma, sigma) * between + tau * np.outer(rows, rows)


def one_epoch(problem, operator, noise, displacement, epoch):
    """Load, offset and log determinant of an epoch from its normal equations."""
    seen = np.isfinite(displacement[epoch])
    rows = np.asarray(problem.design)[seen]
    covariance = written_out(noise, epoch)
    weight = np.linalg.inv(covariance[np.ix_(seen, seen)])
    roughness = BETA**2 * (operator.T @ operator).toarray()
    data = displacement[epoch, seen]
    load = np.linalg.solve(rows.T @ weight @ rows + roughness, rows.T @ weight @ data)
    shared = np.ones(ROWS) if noise.common_rows is None else noise.common_rows
    tau = np.broadcast_to(noise.common, EPOCHS)[epoch]
    offset = tau * shared[seen] @ weight @ (data - rows @ load)
    matrix = np.asarray(problem.gram) + BETA**2 * covariance
    matrix = matrix[np.ix_(seen, seen)]
    drift = np.asarray(problem.drift)[seen]
    left = drift.T @ np.linalg.solve(matrix, drift)
    log_determinant = np.linalg.slogdet(matrix)[1] + np.linalg.slogdet(left)[1]
    return load, offset, log_determinant


@pytest.mark.parametrize("boundary", OPERATORS)
@pytest.mark.parametrize("name", NOISES)
def test_every_noise_is_its_covariance_in_the_normal_equations(
    name, boundary, design, displacement, rng
):
    noise, operator = noises(rng)[name], OPERATORS[boundary]
    problem = inversion.smooth_problem(design, operator)
    got = inversion.solve(problem, displacement, noise, BETA)
    log_determinant = inversion.dual(problem, displacement, noise, BETA).log_determinant
    assert got.ok.all()
    for epoch in range(EPOCHS):
        load, offset, size = one_epoch(problem, operator, noise, displacement, epoch)
        np.testing.assert_allclose(got.load[epoch], load, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(got.common[epoch], offset, rtol=1e-8, atol=1e-11)
        np.testing.assert_allclose(log_determinant[epoch], size, rtol=1e-9, atol=1e-9)

"""Every method against normal equations, and each against the others' memory and cost."""

import numpy as np
import pytest
import scipy.sparse as sp

from jaxload import inversion
from jaxload.inversion.method import METHODS
from jaxload.inversion.noise import Noise
from jaxload.inversion.problem import with_normal_matrix

EPOCHS, ROWS, CELLS = 9, 12, 7
BETA = 0.6
CHAIN = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(CELLS, CELLS))
SLOPE = sp.diags_array([-1.0, 1.0], offsets=[0, 1], shape=(CELLS - 1, CELLS))
BEND = sp.diags_array([1.0, -2.0, 1.0], offsets=[0, 1, 2], shape=(CELLS - 2, CELLS))
OPERATORS = {"definite": CHAIN, "free level": SLOPE, "free line": BEND}


@pytest.fixture
def displacement(rng):
    """From no gap to three rows left."""
    values = rng.normal(size=(EPOCHS, ROWS))
    for epoch, row in enumerate(values):
        row[rng.permutation(ROWS)[: epoch % (ROWS - 3)]] = np.nan
    return values


def a_problem(rng, name):
    operator = OPERATORS[name]
    problem = inversion.smooth_problem(rng.normal(size=(ROWS, CELLS)), operator)
    return with_normal_matrix(problem, operator)


def correlation(rng):
    place = rng.uniform(size=(ROWS, 2))
    distance = np.linalg.norm(place[:, None] - place[None, :], axis=-1)
    return np.exp(-distance / 0.4)


def noises(rng):
    sigma, daily = rng.uniform(0.5, 2, ROWS), rng.uniform(0.5, 2, (EPOCHS, ROWS))
    rows, tau = np.arange(ROWS) < 4, rng.uniform(0, 3, EPOCHS)
    return {
        "sigma per row": Noise(sigma),
        "sigma per epoch": Noise(daily),
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


def textbook(problem, operator, noise, displacement):
    loads = []
    for epoch, row in enumerate(displacement):
        seen = np.isfinite(row)
        design = np.asarray(problem.design)[seen]
        weight = np.linalg.inv(written_out(noise, epoch)[np.ix_(seen, seen)])
        normal = design.T @ weight @ design
        normal += BETA**2 * (operator.T @ operator).toarray()
        loads.append(np.linalg.solve(normal, design.T @ weight @ row[seen]))
    return np.array(loads)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("prior", OPERATORS)
def test_all_methods_agree(prior, noise, displacement, rng):
    problem = a_problem(rng, prior)
    noise = noises(rng)[noise]
    gaps = inversion.find_gaps(displacement, kinds=1)
    want = textbook(problem, OPERATORS[prior], noise, displacement)
    commons = []
    for method in METHODS:
        if method == "shared" and np.ndim(noise.sigma) == 2:
            continue
        got = inversion.solve(
            problem, displacement, noise, BETA, gaps=gaps, method=method
        )
        assert got.ok.all(), method
        np.testing.assert_allclose(
            got.load, want, rtol=1e-8, atol=1e-8 * abs(want).max(), err_msg=method
        )
        fitted = want @ problem.design.T
        np.testing.assert_allclose(
            got.fitted, fitted, rtol=1e-8, atol=1e-8, err_msg=method
        )
        commons.append(got.common)
    for common in commons[1:]:
        np.testing.assert_allclose(common, commons[0], rtol=1e-8, atol=1e-8)

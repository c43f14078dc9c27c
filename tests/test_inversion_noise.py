"""Noise with a structure, against covariances written out in full."""

import dataclasses

import numpy as np
import pytest
import scipy.sparse as sp

from jaxload import inversion
from jaxload.inversion.noise import (
    Noise,
    covariance_noise,
    exponential_correlation,
)
from jaxload.inversion.stacking import Rows, split_rows, stack_rows

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
    frame = 3 * rng.normal(size=(ROWS, 3))
    return {
        "sigma per row": Noise(sigma),
        "sigma per epoch": Noise(daily),
        "correlated": Noise(sigma, correlation(rng)),
        "common offset": Noise(sigma, common=2.0),
        "common offset of some rows": Noise(sigma, common=2.0, common_rows=rows),
        "common offset that varies": Noise(sigma, common=tau, common_rows=rows),
        "all, sigma per row": Noise(sigma, correlation(rng), tau, rows),
        "all, sigma per epoch": Noise(daily, correlation(rng), tau, rows),
        "patterns": Noise(sigma, patterns=frame),
        "patterns, sigma per epoch": Noise(daily, patterns=frame),
        "patterns and a common offset": Noise(sigma, None, 2.0, rows, frame),
        "all and patterns": Noise(daily, correlation(rng), tau, rows, frame),
    }


NOISES = list(noises(np.random.default_rng(0)))


def written_out(noise, epoch):
    """The covariance of one epoch's rows, term by term."""
    sigma = np.broadcast_to(noise.sigma, (EPOCHS, ROWS))[epoch]
    between = np.eye(ROWS) if noise.correlation is None else noise.correlation
    rows = np.ones(ROWS) if noise.common_rows is None else noise.common_rows
    tau = np.broadcast_to(noise.common, EPOCHS)[epoch]
    patterns = np.zeros((ROWS, 1)) if noise.patterns is None else noise.patterns
    own = np.outer(sigma, sigma) * between
    return own + tau * np.outer(rows, rows) + patterns @ patterns.T


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
    drift = np.asarray(problem.null_space_response)[seen]
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
    gaps = inversion.find_pattern(displacement, kinds=1)
    got = inversion.solve(
        problem, inversion.observations(displacement, noise, pattern=gaps), BETA
    )
    dual = inversion.factorise(
        problem, inversion.observations(displacement, noise), BETA
    ).solved
    assert got.ok.all()
    for epoch in range(EPOCHS):
        load, offset, size = one_epoch(problem, operator, noise, displacement, epoch)
        np.testing.assert_allclose(got.load[epoch], load, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(got.common[epoch], offset, rtol=1e-8, atol=1e-11)
        np.testing.assert_allclose(
            dual.log_determinant[epoch], size, rtol=1e-9, atol=1e-9
        )


def other_kinds(rng, design):
    """Heights with a common offset; wells; averages that vary in quality."""
    up = Rows(design, rng.normal(size=(EPOCHS, ROWS)), np.full(ROWS, 0.8), "up")
    up = dataclasses.replace(up, sigma=Noise(up.sigma, correlation(rng), common=1.5))
    wells = Rows(
        np.eye(CELLS)[[2, 5]], rng.normal(size=(EPOCHS, 2)), np.ones(2), "well"
    )
    footprint = np.repeat(np.eye(2), CELLS // 2, axis=1) / (CELLS // 2)
    quality = rng.uniform(1, 2, (EPOCHS, 2))
    average = Rows(footprint, rng.normal(size=(EPOCHS, 2)), quality, "average")
    average.displacement[::2] = np.nan
    return up, wells, average


def test_stacked_kinds_of_rows_add_their_normal_equations(design, rng):
    kinds = other_kinds(rng, design)
    rows = stack_rows(kinds)
    problem = inversion.smooth_problem(rows.design, CHAIN)
    got = inversion.solve(
        problem, inversion.observations(rows.displacement, rows.sigma), BETA
    )
    for epoch in range(EPOCHS):
        normal = BETA**2 * (CHAIN.T @ CHAIN).toarray()
        right = np.zeros(CELLS)
        for kind in kinds:
            noise = kind.sigma if isinstance(kind.sigma, Noise) else Noise(kind.sigma)
            seen = np.isfinite(kind.displacement[epoch])
            covariance = block(noise, epoch, kind.design.shape[0])[np.ix_(seen, seen)]
            weighted = kind.design[seen].T @ np.linalg.inv(covariance)
            normal += weighted @ kind.design[seen]
            right += weighted @ kind.displacement[epoch, seen]
        np.testing.assert_allclose(
            got.load[epoch], np.linalg.solve(normal, right), rtol=1e-8, atol=1e-10
        )
    parts = split_rows(kinds, got.fitted)
    assert list(parts) == ["up", "well", "average"]
    np.testing.assert_allclose(parts["well"], got.load[:, [2, 5]], rtol=1e-8)


def block(noise, epoch, rows):
    sigma = np.asarray(noise.sigma)
    sigma = sigma if sigma.ndim == 1 else sigma[epoch]
    between = np.eye(rows) if noise.correlation is None else noise.correlation
    return np.outer(sigma, sigma) * between + noise.common


def test_a_stack_of_one_kind_is_that_kind(design, displacement):
    rows = stack_rows([Rows(design, displacement, np.full(ROWS, 2.0), "up")])
    np.testing.assert_array_equal(rows.displacement, displacement)
    assert rows.sigma.correlation is None
    assert rows.sigma.common is None
    assert rows.name == "up"


def test_stacking_refuses_what_does_not_fit(design, displacement, rng):
    up, wells, _ = other_kinds(rng, design)
    with pytest.raises(ValueError, match="at least one"):
        stack_rows([])
    with pytest.raises(ValueError, match="both have a common offset"):
        stack_rows([up, dataclasses.replace(up, name="again")])
    with pytest.raises(ValueError, match="displacement of well has 4 along 'epoch'"):
        stack_rows([up, dataclasses.replace(wells, displacement=np.ones((4, 2)))])
    with pytest.raises(ValueError, match="a name for each"):
        split_rows([up, up], displacement)
    with pytest.raises(ValueError, match="7 rows, but the kinds have 9"):
        split_rows([up, wells], displacement)


def test_correlation_falls_by_e_over_its_length():
    distance = np.array([[0.0, 300.0], [300.0, 0.0]])
    np.testing.assert_allclose(
        exponential_correlation(distance, 300.0),
        [[1, np.exp(-1)], [np.exp(-1), 1]],
    )
    np.testing.assert_allclose(
        exponential_correlation(distance, 300.0, share=0.5),
        [[1, np.exp(-1) / 2], [np.exp(-1) / 2, 1]],
    )


def test_a_covariance_is_taken_apart_and_put_together(rng):
    root = rng.normal(size=(ROWS, ROWS))
    covariance = root @ root.T
    noise = covariance_noise(covariance)
    np.testing.assert_allclose(written_out(noise, 0), covariance, rtol=1e-12)


def test_two_receivers_at_one_place_need_noise_of_their_own(design, displacement):
    distance = 1 - np.eye(ROWS)
    distance[0, 1] = distance[1, 0] = 0
    problem = inversion.smooth_problem(design[[0, 0, *range(2, ROWS)]], CHAIN)
    own = Noise(np.ones(ROWS), exponential_correlation(distance, 1.0, share=0.9))
    assert inversion.solve(
        problem, inversion.observations(displacement, own), BETA
    ).ok.all()
    same = Noise(np.ones(ROWS), exponential_correlation(distance, 1.0))
    with pytest.raises(ValueError, match="for rows at one place"):
        inversion.solve(problem, inversion.observations(displacement, same), BETA)


def asymmetric():
    matrix = np.eye(ROWS)
    matrix[0, 1] = 0.5
    return matrix


ONES = np.ones(ROWS)
BAD_NOISES = {
    "correlation not symmetric": (
        Noise(ONES, asymmetric()),
        r"correlation is not symmetric: 0.5 at \(0, 1\) but 0 at",
    ),
    "correlation of another scale": (Noise(ONES, 2 * np.eye(ROWS)), "is not one"),
    "correlation of NaN": (Noise(ONES, np.full((ROWS, ROWS), np.nan)), "not symmetric"),
    "correlation of others": (Noise(ONES, np.eye(3)), "correlation has 3 along 'row'"),
    "common negative": (Noise(ONES, common=-1.0), "common is -1"),
    "common NaN": (Noise(ONES, common=np.full(EPOCHS, np.nan)), "common is nan"),
    "common of others": (Noise(ONES, common=np.ones(3)), "common has 3 along 'epoch'"),
    "rows of others": (
        Noise(ONES, common=1.0, common_rows=np.ones(3, bool)),
        "common_rows has 3 along 'row'",
    ),
    "sigma zero": (Noise(0 * ONES), r"sigma is 0 at index \(0,\)"),
}


@pytest.mark.parametrize("name", BAD_NOISES)
def test_a_noise_that_is_none_is_refused(name, design, displacement):
    noise, message = BAD_NOISES[name]
    problem = inversion.smooth_problem(design, CHAIN)
    with pytest.raises(ValueError, match=message):
        inversion.solve(problem, inversion.observations(displacement, noise), BETA)


BAD_MATRICES = {
    "not symmetric": (lambda: covariance_noise(asymmetric()), "is not symmetric"),
    "variance of zero": (lambda: covariance_noise(np.zeros((2, 2))), "not positive"),
    "not square": (lambda: covariance_noise(np.ones((2, 3))), "'row'"),
    "length": (lambda: exponential_correlation(np.eye(2), 0.0), "length is 0"),
    "share": (lambda: exponential_correlation(np.eye(2), 1.0, 1.5), "share is 1.5"),
}


@pytest.mark.parametrize("name", BAD_MATRICES)
def test_a_matrix_that_is_none_is_refused(name):
    call, message = BAD_MATRICES[name]
    with pytest.raises(ValueError, match=message):
        call()

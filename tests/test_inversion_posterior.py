"""Posterior spread against dense normal equations, draws, and a true prior."""

import dataclasses
import functools
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sp
import shapely

from jaxload import earth, inversion, synthetic
from jaxload._platform import form
from jaxload.inversion import factorise, find_pattern, observations
from jaxload.inversion.estimation.least_squares import solve
from jaxload.inversion.missing.pattern import blocks_in_time, missing_rows
from jaxload.inversion.noise import Noise
from jaxload.inversion.prior.smoothness import (
    prior_problem,
    prior_samples,
    smooth_prior,
)
from jaxload.inversion.uncertainty import posterior, stochastic_diagonal
from jaxload.inversion.uncertainty.functionals import averages, every_cell, some_cells
from jaxload.inversion.uncertainty.posterior import (
    over_epochs,
    posterior_covariance,
    posterior_mean,
    posterior_sd,
    stream_sd,
)
from jaxload.inversion.uncertainty.sampling import (
    Sampling,
    noise_samples,
    posterior_samples,
)
from jaxload.inversion.uncertainty.stochastic_diagonal import Probing

EPOCHS, ROWS, SIDE = 23, 8, (4, 5)
CELLS = SIDE[0] * SIDE[1]
BETA = 0.7


def chain(size, ends):
    matrix = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(size, size))
    matrix = matrix.tolil()
    if ends == "free":
        matrix[0, 0] = matrix[-1, -1] = 1.0
    return matrix


def laplacian(ends):
    rows, columns = chain(SIDE[0], ends), chain(SIDE[1], ends)
    return sp.kron(rows, sp.eye_array(SIDE[1])) + sp.kron(
        sp.eye_array(SIDE[0]), columns
    )


# Second differences along a line: constants and slopes are free.
BEND = sp.diags_array([1.0, -2.0, 1.0], offsets=[0, 1, 2], shape=(CELLS - 2, CELLS))
OPERATORS = {
    "zero outside": laplacian("zero"),
    "free level": laplacian("free"),
    "free level and slope": BEND,
    "identity": sp.eye_array(CELLS),
}
CASES = [
    *(("zero outside", kind) for kind in ("by row", "by epoch and row", "common")),
    *(
        ("free level and slope", kind)
        for kind in ("by row", "correlated and common", "common by epoch")
    ),
    ("free level", "by epoch and row"),
    ("identity", "correlated"),
]


@pytest.fixture
def design(rng):
    return rng.normal(size=(ROWS, CELLS))


@pytest.fixture
def displacement(rng):
    """From no gap to three rows left, with a row that is missing for long."""
    values = rng.normal(size=(EPOCHS, ROWS))
    for epoch, row in enumerate(values):
        row[rng.permutation(ROWS)[: epoch % (ROWS - 3)]] = np.nan
    values[5:19, 3] = np.nan
    return values


@pytest.fixture
def sigma(rng):
    return rng.uniform(0.5, 2.0, size=ROWS)


@pytest.fixture
def weights(rng):
    return rng.normal(size=(3, CELLS))


def make_noise(name, rng):
    place = rng.normal(size=(ROWS, 2))
    near = np.exp(-np.linalg.norm(place[:, None] - place[None], axis=-1))
    sigma = rng.uniform(0.5, 2.0, size=ROWS)
    some = np.arange(ROWS) < 6
    return {
        "by row": Noise(sigma),
        "by epoch and row": Noise(rng.uniform(0.5, 2.0, size=(EPOCHS, ROWS))),
        "correlated": Noise(sigma, near),
        "common": Noise(sigma, None, 0.8, some),
        "correlated and common": Noise(sigma, near, 0.8),
        "common by epoch": Noise(sigma, None, rng.uniform(size=EPOCHS), some),
    }[name]


def noise_matrices(noise):
    """R of every epoch, in plain NumPy."""
    sigma = np.broadcast_to(noise.sigma, (EPOCHS, ROWS))
    correlation = np.eye(ROWS) if noise.correlation is None else noise.correlation
    flag = np.ones(ROWS) if noise.common_rows is None else noise.common_rows * 1.0
    common = np.broadcast_to(noise.common, EPOCHS)
    return [
        np.outer(s, s) * correlation + c * np.outer(flag, flag)
        for s, c in zip(sigma, common)
    ]


def dense(design, operator, displacement, noise, beta):
    """(G' R^-1 G + beta^2 L' L)^-1 of the rows that are there, epoch by epoch."""
    roughness = beta**2 * (operator.T @ operator).toarray()
    result = []
    for row, matrix in zip(displacement, noise_matrices(noise)):
        seen = np.isfinite(row)
        precision = np.linalg.inv(matrix[np.ix_(seen, seen)])
        normal = design[seen].T @ precision @ design[seen] + roughness
        result.append(np.linalg.inv(normal))
    return np.array(result)


def variances(covariances):
    return np.diagonal(covariances, axis1=1, axis2=2)


def prepared(design, name):
    prior = smooth_prior(OPERATORS[name])
    return prior_problem(design, prior), prior


@pytest.mark.parametrize(
    ("operator", "kind"),
    [("zero outside", "common"), ("free level and slope", "by row")],
)
def test_means_over_basins_need_no_load(
    operator, kind, design, displacement, weights, rng
):
    problem, prior = prepared(design, operator)
    data = observations(displacement, make_noise(kind, rng))
    load = solve(problem, data, 0.7).load
    target = averages(problem, prior, weights)
    got = posterior_mean(factorise(problem, data, 0.7), target)
    np.testing.assert_allclose(got, load @ weights.T, rtol=1e-9, atol=1e-9)


def test_means_over_basins_know_no_prior_mean(design, displacement, weights, sigma):
    problem, prior = prepared(design, "identity")
    data, mean = observations(displacement, sigma), np.ones((EPOCHS, CELLS))
    factor = factorise(problem, data, 0.7, mean=mean)
    with pytest.raises(ValueError, match="prior mean"):
        posterior_mean(factor, averages(problem, prior, weights))


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_covariances_are_those_of_the_normal_equations(
    name, kind, design, displacement, weights, rng
):
    noise = make_noise(kind, rng)
    whole = dense(design, OPERATORS[name], displacement, noise, BETA)
    want = weights @ whole @ weights.T
    problem, prior = prepared(design, name)
    target = averages(problem, prior, weights)
    got = posterior_covariance(
        factorise(problem, observations(displacement, noise), BETA), target
    )
    np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-9 * abs(want).max())
    cells = posterior_sd(
        factorise(problem, observations(displacement, noise), BETA),
        every_cell(problem, prior),
    )
    np.testing.assert_allclose(cells.sd**2, variances(whole), rtol=1e-7)
    assert cells.exact


@pytest.mark.parametrize(("member", "kinds"), [(1, 2), (4, 3), (50, 1)])
def test_the_layout_of_gaps_changes_nothing(
    member, kinds, design, displacement, sigma, weights
):
    problem, prior = prepared(design, "free level")
    target = averages(problem, prior, weights)
    pattern = find_pattern(displacement, member=member, kinds=kinds)
    factor = factorise(
        problem, observations(displacement, sigma, pattern=pattern), BETA
    )
    got = posterior_sd(factor, target).sd
    streamed = [part.sd for _, part in stream_sd(factor, target, member=member)]
    np.testing.assert_allclose(np.concatenate(streamed), got, rtol=1e-9)
    daily = np.broadcast_to(sigma, displacement.shape)
    want = posterior_sd(
        factorise(problem, observations(displacement, daily), BETA), target
    ).sd
    np.testing.assert_allclose(got, want, rtol=1e-9)
    assert max(len(pattern.groups), len(pattern.gaps)) <= kinds


@pytest.mark.slow
@pytest.mark.parametrize("held", [EPOCHS, 9])
@pytest.mark.parametrize("kind", ["by row", "by epoch and row"])
def test_an_accelerator_streams_as_many_epochs_as_it_holds(
    kind, held, design, displacement, rng, monkeypatch
):
    problem, prior = prepared(design, "free level")
    target = every_cell(problem, prior)
    factor = factorise(problem, observations(displacement, make_noise(kind, rng)), BETA)
    want = [part.sd for _, part in stream_sd(factor, target)]
    monkeypatch.setattr(posterior, "_fitting", lambda _: held)
    with form("accelerator"):
        epochs, parts = zip(*stream_sd(factor, target))
        got = [part.sd for part in parts]
    assert [span.stop - span.start for span in epochs] == {
        EPOCHS: [EPOCHS],
        9: [9, 9, 5],
    }[held]
    np.testing.assert_allclose(
        np.concatenate(got), np.concatenate(want), rtol=1e-9, atol=1e-12
    )


def test_blocks_hold_every_gap_once(displacement):
    missing = np.isnan(displacement)
    found = np.zeros(displacement.shape, int)
    for epochs, block in blocks_in_time(missing, member=4):
        for place, epoch in enumerate(range(epochs.start, epochs.stop)):
            for index in (block.common, block.missing[place]):
                np.add.at(found[epoch], index[index < ROWS], 1)
    np.testing.assert_array_equal(found, missing)
    np.testing.assert_array_equal(missing_rows(find_pattern(displacement)), missing)


@pytest.mark.slow
def test_a_stream_is_the_whole_record_in_order(design, displacement, rng):
    problem, prior = prepared(design, "free level")
    target = every_cell(problem, prior)
    for kind in ("by row", "common by epoch"):
        noise = make_noise(kind, rng)
        want = posterior_sd(
            factorise(problem, observations(displacement, noise), BETA), target
        ).sd
        parts = list(
            stream_sd(
                factorise(problem, observations(displacement, noise), BETA),
                target,
                member=5,
            )
        )
        assert [epochs.start for epochs, _ in parts] == [0, 5, 10, 15, 20]
        got = np.concatenate([part.sd for _, part in parts])
        np.testing.assert_allclose(got, want, rtol=1e-9)


def test_jit_with_and_without_the_layout_changes_nothing(
    design, displacement, sigma, weights
):
    problem, prior = prepared(design, "free level")
    target = averages(problem, prior, weights)
    want = posterior_covariance(
        factorise(problem, observations(displacement, sigma), BETA), target
    )
    both = jax.jit(
        lambda t, d, b: (
            posterior_covariance(
                factorise(problem, observations(d, sigma, pattern=b), BETA), t
            ),
            posterior_sd(
                factorise(problem, observations(d, sigma, pattern=b), BETA), t
            ).sd,
        )
    )
    for blocks in (find_pattern(displacement), None):
        covariance, sd = both(target, jnp.asarray(displacement), blocks)
        np.testing.assert_allclose(covariance, want, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(sd**2, variances(want), rtol=1e-9)


def test_single_cells_are_those_of_all(design, displacement, sigma):
    problem, prior = prepared(design, "free level")
    every = posterior_sd(
        factorise(problem, observations(displacement, sigma), BETA),
        every_cell(problem, prior),
    ).sd
    target = some_cells(problem, prior, [7, 0])
    some = posterior_sd(
        factorise(problem, observations(displacement, sigma), BETA), target
    ).sd
    np.testing.assert_allclose(some, every[:, np.array([7, 0])], rtol=1e-9)


def test_without_data_the_prior_remains(design, displacement, sigma):
    problem, prior = prepared(design, "zero outside")
    target = every_cell(problem, prior)
    displacement[2] = np.nan
    operator = OPERATORS["zero outside"]
    want = np.linalg.inv((operator.T @ operator).toarray()) / BETA**2
    got = posterior_sd(
        factorise(problem, observations(displacement, sigma), BETA), target
    ).sd
    np.testing.assert_allclose(got[2], np.sqrt(np.diag(want)), rtol=1e-9)
    assert (got[0] < got[2]).all()
    vague = posterior_sd(
        factorise(problem, observations(displacement, 1e9 * sigma), BETA), target
    ).sd
    np.testing.assert_allclose(vague[0], np.sqrt(np.diag(want)), rtol=1e-9)


@pytest.mark.parametrize(("name", "needed"), [("free level", 1), ("identity", 0)])
def test_where_free_fields_are_undetermined_there_is_no_number(
    name, needed, design, displacement, sigma
):
    problem, prior = prepared(design, name)
    displacement[4] = np.nan
    displacement[6, 1:] = np.nan
    displacement[6, 0] = 1.0
    for noise in (sigma, np.broadcast_to(sigma, displacement.shape)):
        got = posterior_sd(
            factorise(problem, observations(displacement, noise), BETA),
            every_cell(problem, prior),
        ).sd
        lost = np.isnan(got).any(axis=1)
        assert lost[4] == (needed > 0)
        assert lost.sum() == lost[4]


def test_a_slope_needs_two_rows(design, displacement, sigma):
    problem, prior = prepared(design, "free level and slope")
    displacement[6, 1:] = np.nan
    displacement[6, 0] = 1.0
    target = some_cells(problem, prior, [0, 3])
    covariance = posterior_covariance(
        factorise(problem, observations(displacement, sigma), BETA), target
    )
    assert np.isnan(covariance[6]).all()
    assert np.isfinite(np.delete(covariance, 6, axis=0)).all()


def test_perfect_data_leave_no_doubt_of_what_they_see(design, displacement):
    problem, prior = prepared(design, "zero outside")
    target = averages(problem, prior, design)
    small = 1e-5
    got = posterior_sd(
        factorise(problem, observations(displacement, np.full(ROWS, small)), BETA),
        target,
    ).sd
    seen = np.isfinite(displacement)
    np.testing.assert_allclose(got[seen], small, rtol=1e-2)
    assert (got[~seen] > 0.1).all()


def test_two_receivers_at_one_place_are_one_that_is_better(
    design, displacement, sigma, weights
):
    problem, prior = prepared(design, "free level")
    better = sigma.copy()
    better[0] /= np.sqrt(2)
    want = posterior_sd(
        factorise(problem, observations(displacement, better), BETA),
        averages(problem, prior, weights),
    ).sd
    twice = prior_problem(np.concatenate([design, design[:1]]), prior)
    got = posterior_sd(
        factorise(
            twice,
            observations(
                np.concatenate([displacement, displacement[:, :1]], axis=1),
                np.append(sigma, sigma[0]),
            ),
            BETA,
        ),
        averages(twice, prior, weights),
    ).sd
    np.testing.assert_allclose(got, want, rtol=1e-8)


def test_variances_of_epochs_add(design, displacement, sigma, weights):
    problem, prior = prepared(design, "free level")
    displacement[11] = np.nan
    target = averages(problem, prior, weights)
    spread = posterior_sd(
        factorise(problem, observations(displacement, sigma), BETA), target
    )
    sums = np.zeros((2, EPOCHS))
    sums[0, [3, 0]] = 1, -1
    sums[1, 12:18] = 1 / 6
    got = over_epochs(spread, sums)
    want = np.sqrt(
        [spread.sd[3] ** 2 + spread.sd[0] ** 2, (spread.sd[12:18] ** 2).sum(0) / 36]
    )
    np.testing.assert_allclose(got.sd, want, rtol=1e-12)
    assert got.exact
    undetermined = np.zeros((1, EPOCHS))
    undetermined[0, 10:12] = 1, -1
    assert np.isnan(over_epochs(spread, undetermined).sd).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind"),
    [("zero outside", "correlated and common"), ("free level", "common by epoch")],
)
def test_samples_have_the_posterior_covariance(name, kind, design, weights, rng):
    """Every epoch has the same gap, so that all draws are of one distribution."""
    many, count = 4000, 2
    noise = dataclasses.replace(make_noise(kind, rng), common=0.8)
    used = noise
    if kind == "common by epoch":
        used = dataclasses.replace(noise, common=np.full(many, 0.8))
    one = np.full((1, ROWS), 0.3)
    one[0, [1, 5]] = np.nan
    displacement = np.broadcast_to(one, (many, ROWS))
    problem, prior = prepared(design, name)
    draws = posterior_samples(
        factorise(problem, observations(displacement, used), BETA),
        prior,
        Sampling(count=count),
    )
    assert draws.shape == (many, count, CELLS)
    estimate = inversion.solve(problem, inversion.observations(one, noise), BETA).load[
        0
    ]
    error = (np.asarray(draws) - np.asarray(estimate)) @ weights.T
    error = error.reshape(-1, len(weights))
    want = posterior_covariance(
        factorise(problem, observations(one, noise), BETA),
        averages(problem, prior, weights),
    )[0]
    whitened = error @ np.linalg.inv(np.linalg.cholesky(want)).T
    got = whitened.T @ whitened / len(whitened)
    np.testing.assert_allclose(got, np.eye(len(got)), atol=5 * np.sqrt(2 / len(error)))
    np.testing.assert_allclose(whitened.mean(axis=0), 0, atol=5 / np.sqrt(len(error)))


@pytest.mark.slow
def test_samples_of_one_seed_are_the_same_and_of_epochs_are_not(
    design, displacement, sigma
):
    problem, prior = prepared(design, "zero outside")
    displacement[:] = 0.0
    factor = factorise(problem, observations(displacement, sigma), BETA)
    draw = functools.partial(posterior_samples, factor, prior)
    first, again = draw(Sampling(3, seed=1)), draw(Sampling(3, seed=1))
    np.testing.assert_array_equal(first, again)
    flat = np.asarray(first).reshape(-1, CELLS)
    assert len(np.unique(flat.round(9), axis=0)) == len(flat)
    assert abs(first - draw(Sampling(3, seed=2))).min() > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind"),
    [("zero outside", "common by epoch"), ("free level", "by epoch and row")],
)
def test_probing_is_unbiased_and_knows_its_error(
    name, kind, design, displacement, weights, rng
):
    noise = make_noise(kind, rng)
    problem, prior = prepared(design, name)
    target = averages(problem, prior, weights)
    want = posterior_sd(
        factorise(problem, observations(displacement, noise), BETA), target
    )
    assert want.exact
    seeds = 150
    found, claimed = [], []
    for seed in range(seeds):
        how = Probing(budget=0, count=12, seed=seed)
        got = posterior_sd(
            factorise(problem, observations(displacement, noise), BETA),
            target,
            probing=how,
        )
        assert not got.exact
        found.append(got.sd**2)
        claimed.append(2 * got.relative_error * got.sd**2)
    found, claimed = np.array(found), np.array(claimed)
    standard = found.std(axis=0) / np.sqrt(seeds)
    apart = (found.mean(axis=0) - want.sd**2) / (standard + 1e-12)
    assert np.sqrt(np.mean(apart**2)) < 1.5
    ratio = np.sqrt(np.mean(claimed**2, axis=0)) / (found.std(axis=0) + 1e-12)
    assert 0.8 < np.median(ratio) < 1.25


def test_an_accelerator_computes_exactly_what_two_cores_would_not(design, displacement):
    problem, prior = prepared(design, "zero outside")
    target = every_cell(problem, prior)
    values, probing = jnp.asarray(displacement), Probing()
    budgets = {}
    for name in ("cpu", "accelerator"):
        with form(name):
            budgets[name] = stochastic_diagonal.budget_at(probing, values)
    assert budgets == stochastic_diagonal.BUDGETS
    assert stochastic_diagonal.budget_at(Probing(budget=7), values) == 7
    rows, count = len(design), len(target.variance)
    each = 2 * rows**2 * count + 4 * rows**3
    for budget in budgets.values():
        most = int(budget // each)
        assert stochastic_diagonal.affordable(most, target, budget)
        assert not stochastic_diagonal.affordable(most + 1, target, budget)


def test_probing_is_left_alone_where_one_inverse_serves(design, displacement, sigma):
    problem, prior = prepared(design, "zero outside")
    target = every_cell(problem, prior)
    got = posterior_sd(
        factorise(problem, observations(displacement, sigma), BETA),
        target,
        probing=Probing(budget=0),
    )
    assert got.exact
    assert float(got.relative_error.max()) == 0


@pytest.mark.slow
def test_more_probes_err_less(design, displacement, weights, rng):
    noise = make_noise("by epoch and row", rng)
    problem, prior = prepared(design, "zero outside")
    target = averages(problem, prior, weights)
    few, many = (
        posterior_sd(
            factorise(problem, observations(displacement, noise), BETA),
            target,
            probing=Probing(budget=0, count=count),
        ).relative_error.mean()
        for count in (8, 800)
    )
    assert 5 < few / many < 20


def study():
    """The network, gaps and errors of a twin world, and means over its quarters."""
    world = synthetic.twin(
        synthetic.TwinSettings(
            stations=30, days=150, radius=4.0, spacing=0.75, belt=2.0, missing=0.2
        )
    )
    grid = world.grid
    love = earth.load_love_numbers("prem", frame="CF")
    kernel = earth.disc_kernel(love, radius=grid.cell_radius)
    design = np.asarray(earth.design_matrix(kernel, world, grid))
    prior = smooth_prior(grid.laplacian)
    centre = world.region.centroid
    angle = np.arctan2(grid.lat - centre.y, grid.lon - centre.x)
    quarter = np.floor(angle / (np.pi / 2)).astype(int) % 4
    inside = shapely.contains_xy(world.region, grid.lon, grid.lat)
    basins = np.array([inside & (quarter == number) for number in range(4)] + [inside])
    weights = basins / basins.sum(axis=1, keepdims=True)
    return world, prior, prior_problem(design, prior), weights


def coverage(error, sd):
    ratio = abs(np.asarray(error) / np.asarray(sd))
    return np.mean(ratio < 0.994458), np.mean(ratio < 1.959964)


@pytest.mark.slow
def test_intervals_cover_what_they_say_when_the_prior_is_true():
    """Six draws of 150 days and five means, on the network of the twin world."""
    world, prior, problem, weights = study()
    true_beta = 0.02
    noise = Noise(np.nanmedian(world.sigma, axis=0), common=0.5)
    target = averages(problem, prior, weights)
    seen = np.isfinite(world.displacement)
    assert 0.1 < 1 - seen.mean() < 0.5
    errors = []
    for key in jax.random.split(jax.random.key(5), 6):
        of_water, of_noise = jax.random.split(key)
        water = prior_samples(prior, of_water, len(seen)) / true_beta
        up = water @ problem.design.T + noise_samples(noise, of_noise, seen.shape)
        up = jnp.where(seen, up, jnp.nan)
        for beta in (true_beta, 3 * true_beta):
            load = inversion.solve(
                problem, inversion.observations(up, noise), beta
            ).load
            errors.append((load - water) @ weights.T)
    spread = posterior_sd(
        factorise(problem, observations(world.displacement, noise), true_beta), target
    ).sd
    inner, outer = coverage(np.array(errors[::2]), spread[None])
    assert 0.64 < inner < 0.72
    assert 0.93 < outer < 0.97
    # The bands can be missed: a beta three times too large is too sure of itself.
    spread = posterior_sd(
        factorise(problem, observations(world.displacement, noise), 3 * true_beta),
        target,
    ).sd
    inner, outer = coverage(np.array(errors[1::2]), spread[None])
    assert inner < 0.5
    assert outer < 0.8


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_keeps_the_dtype_of_its_input(dtype, design, displacement, sigma, weights):
    prior = smooth_prior(OPERATORS["zero outside"])
    problem = prior_problem(jnp.asarray(design, dtype), prior)
    target = averages(problem, prior, weights)
    assert (
        posterior_sd(
            factorise(problem, observations(displacement, sigma), BETA), target
        ).sd.dtype
        == dtype
    )
    covariance = posterior_covariance(
        factorise(problem, observations(displacement, sigma), BETA), target
    )
    assert covariance.dtype == dtype
    draws = posterior_samples(
        factorise(problem, observations(displacement, sigma), BETA), prior, Sampling(1)
    )
    assert draws.dtype == dtype
    double = prior_problem(design, prior)
    whole = posterior_sd(
        factorise(double, observations(displacement, sigma), BETA),
        averages(double, prior, weights),
    )
    got = posterior_sd(
        factorise(problem, observations(displacement, sigma), BETA), target
    )
    np.testing.assert_allclose(got.sd, whole.sd, rtol=1e-3)


ERRORS = {
    "weights of another grid": (
        lambda c: averages(c.problem, c.prior, np.ones((2, CELLS + 1))),
        "weights has 21 along 'cell'",
    ),
    "weights of one functional": (
        lambda c: averages(c.problem, c.prior, np.ones(CELLS)),
        r"weights has shape \(20,\), expected \(functional cell\)",
    ),
    "weights that are not numbers": (
        lambda c: averages(c.problem, c.prior, np.full((1, CELLS), np.nan)),
        r"weights is nan at \(functional, cell\) \(0, 0\)",
    ),
    "a prior of another grid": (
        lambda c: every_cell(c.problem, smooth_prior(sp.eye_array(3))),
        "prior has 3 along 'cell'",
    ),
    "a cell too far": (
        lambda c: some_cells(c.problem, c.prior, [0, CELLS]),
        "cells holds 20, but there are 20 cells",
    ),
    "a cell before the first": (
        lambda c: some_cells(c.problem, c.prior, [-1]),
        "cells holds -1",
    ),
    "a mask for cells": (
        lambda c: some_cells(c.problem, c.prior, np.ones(CELLS, bool)),
        "expected a list of integers; take np.flatnonzero",
    ),
    "no samples": (lambda _: Sampling(0), "count is 0, expected one"),
    "one probe": (lambda _: Probing(count=1), "count is 1, expected 2"),
    "a budget that is no number": (
        lambda _: Probing(budget=np.nan),
        "budget is nan",
    ),
    "all covariances of all cells": (
        lambda c: posterior_covariance(
            factorise(c.problem, observations(c.d, c.s), 1.0),
            every_cell(c.problem, c.prior),
        ),
        "make them with averages or some_cells",
    ),
    "beta zero": (
        lambda c: posterior_sd(
            factorise(c.problem, observations(c.d, c.s), 0.0),
            every_cell(c.problem, c.prior),
        ),
        "beta is 0, expected a positive",
    ),
    "sigma of another network": (
        lambda c: posterior_sd(
            factorise(c.problem, observations(c.d, c.s[1:]), 1.0),
            every_cell(c.problem, c.prior),
        ),
        "sigma has 7 along 'row'",
    ),
    "blocks of another record": (
        lambda c: posterior_sd(
            factorise(
                c.problem, observations(c.d, c.s, pattern=find_pattern(c.d[1:])), 1.0
            ),
            every_cell(c.problem, c.prior),
        ),
        "another record",
    ),
    "blocks of other gaps": (
        lambda c: posterior_sd(
            factorise(
                c.problem,
                observations(c.d, c.s, pattern=find_pattern(np.ones(c.d.shape))),
                1.0,
            ),
            every_cell(c.problem, c.prior),
        ),
        "another record",
    ),
    "no member": (lambda c: find_pattern(c.d, member=0), "member is 0"),
    "nothing at a time": (
        lambda c: next(
            stream_sd(
                factorise(c.problem, observations(c.d, c.s), 1.0),
                every_cell(c.problem, c.prior),
                member=0,
            )
        ),
        "member is 0",
    ),
    "a pattern of one epoch": (
        lambda c: find_pattern(c.d[0]),
        "expected .epoch row",
    ),
    "functionals of another network": (
        lambda c: posterior_sd(
            factorise(c.problem, observations(c.d, c.s), 1.0),
            every_cell(prior_problem(np.ones((3, CELLS)), c.prior), c.prior),
        ),
        "functionals has 3 along 'row'",
    ),
    "a solution that holds no factor": (
        lambda c: posterior_sd(
            jax.jit(inversion.solve)(c.problem, observations(c.d, c.s), 1.0),
            every_cell(c.problem, c.prior),
        ),
        "without a factor answers no questions",
    ),
    "weights of other epochs": (
        lambda c: over_epochs(
            posterior_sd(
                factorise(c.problem, observations(c.d, c.s), 1.0),
                every_cell(c.problem, c.prior),
            ),
            np.ones((1, 3)),
        ),
        "weights has 3 along 'epoch'",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_wrong_is_named(name, design, displacement, sigma):
    call, message = ERRORS[name]
    problem, prior = prepared(design, "zero outside")
    case = types.SimpleNamespace(problem=problem, prior=prior, d=displacement, s=sigma)
    with pytest.raises(ValueError, match=message):
        call(case)


def test_blocks_of_a_traced_record_are_refused(displacement):
    with pytest.raises(ValueError, match="call it outside jit"):
        jax.jit(find_pattern)(jnp.asarray(displacement))

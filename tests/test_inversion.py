"""The batched data-space solver against dense normal equations, epoch by epoch."""

import dataclasses
import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sp

from jaxload import inversion
from jaxload.inversion.estimation import factor

EPOCHS, STATIONS, ROWS, COLUMNS = 37, 9, 5, 6
CELLS = ROWS * COLUMNS


def chain(size, ends):
    """Second differences in one dimension: zero beyond the ends, or free there."""
    matrix = sp.lil_array(
        sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(size, size))
    )
    if ends == "free":
        matrix[0, 0] = matrix[-1, -1] = 1.0
    return sp.csr_array(matrix)


def laplacian(ends):
    rows, columns = chain(ROWS, ends), chain(COLUMNS, ends)
    return sp.kron(rows, sp.eye_array(COLUMNS)) + sp.kron(sp.eye_array(ROWS), columns)


def differences():
    step = lambda n: sp.diags_array([-1.0, 1.0], offsets=[0, 1], shape=(n - 1, n))
    return sp.vstack(
        [
            sp.kron(step(ROWS), sp.eye_array(COLUMNS)),
            sp.kron(sp.eye_array(ROWS), step(COLUMNS)),
        ]
    )


OPERATORS = {
    "zero outside": laplacian("zero"),
    "free": laplacian("free"),
    "identity": sp.eye_array(CELLS),
    "first differences": differences(),
}


@pytest.fixture
def design(rng):
    return rng.normal(size=(STATIONS, CELLS))


@pytest.fixture
def displacement(rng):
    """From no gap to a single station left, with runs of missing days."""
    values = rng.normal(size=(EPOCHS, STATIONS))
    for epoch, row in enumerate(values):
        row[rng.permutation(STATIONS - 1)[: epoch % STATIONS]] = np.nan
    values[5:25, 3] = np.nan
    return values


@pytest.fixture
def sigma(rng):
    return rng.uniform(0.5, 2.0, size=STATIONS)


def normal_equations(design, operator, displacement, sigma, beta, mean=0):
    """The textbook estimate: delete missing rows, form the normal matrix, solve."""
    seen = np.isfinite(displacement)
    rows, weight = design[seen], 1 / sigma[seen] ** 2
    roughness = beta**2 * (operator.T @ operator).toarray()
    residual = displacement[seen] - rows @ np.broadcast_to(mean, CELLS)
    normal = rows.T * weight @ rows + roughness
    return mean + np.linalg.solve(normal, rows.T @ (weight * residual))


def every_epoch(design, operator, displacement, sigma, beta):
    sigma = np.broadcast_to(sigma, displacement.shape)
    return np.array(
        [
            normal_equations(design, operator, d, s, beta)
            for d, s in zip(displacement, sigma)
        ]
    )


@pytest.mark.parametrize("beta", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("name", OPERATORS)
def test_equals_normal_equations(name, design, displacement, sigma, beta):
    operator = OPERATORS[name]
    problem = inversion.smooth_problem(design, operator)
    got = inversion.solve(problem, inversion.observations(displacement, sigma), beta)
    want = every_epoch(design, operator, displacement, sigma, beta)
    assert got.ok.all()
    np.testing.assert_allclose(got.load, want, rtol=1e-9, atol=1e-9 * abs(want).max())
    np.testing.assert_allclose(got.fitted, want @ design.T, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", OPERATORS)
def test_sigma_that_varies_in_time_equals_normal_equations(
    name, design, displacement, rng
):
    operator = OPERATORS[name]
    sigma = rng.uniform(0.5, 2.0, size=displacement.shape)
    problem = inversion.smooth_problem(design, operator)
    got = inversion.solve(problem, inversion.observations(displacement, sigma), 0.7)
    want = every_epoch(design, operator, displacement, sigma, 0.7)
    np.testing.assert_allclose(got.load, want, rtol=1e-9, atol=1e-9 * abs(want).max())


def test_a_constant_sigma_given_per_epoch_changes_nothing(design, displacement, sigma):
    problem = inversion.smooth_problem(design, OPERATORS["zero outside"])
    once = inversion.solve(problem, inversion.observations(displacement, sigma), 0.3)
    each = np.broadcast_to(sigma, displacement.shape)
    daily = inversion.solve(problem, inversion.observations(displacement, each), 0.3)
    np.testing.assert_allclose(once.load, daily.load, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["zero outside", "free"])
def test_a_prior_mean_is_where_no_data_pull(name, design, displacement, sigma, rng):
    operator = OPERATORS[name]
    mean = rng.normal(size=(EPOCHS, CELLS))
    problem = inversion.smooth_problem(design, operator)
    got = inversion.solve(
        problem, inversion.observations(displacement, sigma), 0.3, mean=mean
    )
    want = [
        normal_equations(design, operator, d, sigma, 0.3, m)
        for d, m in zip(displacement, mean)
    ]
    np.testing.assert_allclose(got.load, want, rtol=1e-8, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("member", [1, 2, 7, 64])
@pytest.mark.parametrize("kinds", [1, 3])
def test_the_layout_of_gaps_changes_nothing(design, displacement, sigma, member, kinds):
    problem = inversion.smooth_problem(design, OPERATORS["zero outside"])
    gaps = inversion.find_pattern(displacement, member=member, kinds=kinds)
    got = inversion.solve(
        problem, inversion.observations(displacement, sigma, pattern=gaps), 0.3
    )
    want = every_epoch(design, OPERATORS["zero outside"], displacement, sigma, 0.3)
    np.testing.assert_allclose(got.load, want, rtol=1e-9, atol=1e-12)
    assert max(len(gaps.groups), len(gaps.gaps)) <= kinds


def test_jit_with_and_without_the_layout_changes_nothing(design, displacement, sigma):
    problem = inversion.smooth_problem(design, OPERATORS["free"])
    want = inversion.solve(
        problem, inversion.observations(displacement, sigma), 0.3
    ).load
    gaps = inversion.find_pattern(displacement)
    solve = jax.jit(
        lambda p, d, s, b, g: (
            inversion.solve(p, inversion.observations(d, s, pattern=g), b).load
        )
    )
    arguments = (problem, jnp.asarray(displacement), jnp.asarray(sigma), 0.3)
    np.testing.assert_allclose(solve(*arguments, gaps), want, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(solve(*arguments, None), want, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", OPERATORS)
def test_leave_one_out_is_deleting_each_station(name, design, displacement, sigma):
    operator = OPERATORS[name]
    problem = inversion.smooth_problem(design, operator)
    got = inversion.leave_one_out_residual(
        inversion.factorise(problem, inversion.observations(displacement, sigma), 0.3)
    )
    enough = 3
    for epoch, row in enumerate(displacement):
        for station in np.flatnonzero(np.isfinite(row)):
            rest = row.copy()
            rest[station] = np.nan
            if np.isfinite(rest).sum() < enough:
                continue
            load = normal_equations(design, operator, rest, sigma, 0.3)
            want = row[station] - design[station] @ load
            np.testing.assert_allclose(got[epoch, station], want, rtol=1e-7)
    # With a free level, the last station of an epoch cannot be predicted.
    alone = np.isfinite(displacement).sum(axis=1, keepdims=True) < 2
    undetermined = alone & (problem.null_space_response.shape[1] > 0)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(displacement) | undetermined)
    rms = inversion.leave_one_out(
        inversion.factorise(problem, inversion.observations(displacement, sigma), 0.3)
    )
    np.testing.assert_allclose(rms, np.sqrt(np.nanmean(np.square(got))), rtol=1e-12)


def test_an_epoch_without_data_gives_the_prior_mean(design, displacement, sigma, rng):
    problem = inversion.smooth_problem(design, OPERATORS["zero outside"])
    displacement[[2, 36]] = np.nan
    mean = rng.normal(size=(EPOCHS, CELLS))
    got = inversion.solve(
        problem, inversion.observations(displacement, sigma), 1.0, mean=mean
    )
    np.testing.assert_array_equal(got.load[2], mean[2])
    np.testing.assert_array_equal(got.load[36], mean[36])
    assert got.ok.all()


def test_an_epoch_without_data_is_flagged_where_the_prior_leaves_a_level_free(
    design, displacement, sigma
):
    problem = inversion.smooth_problem(design, OPERATORS["free"])
    displacement[2] = np.nan
    got = inversion.solve(problem, inversion.observations(displacement, sigma), 1.0)
    assert not got.ok[2]
    assert np.isnan(got.load[2]).all()
    assert got.ok.sum() == EPOCHS - 1


def test_two_receivers_at_one_place_are_legal(design, displacement, sigma):
    design = np.concatenate([design, design[:1]])
    displacement = np.concatenate([displacement, displacement[:, :1]], axis=1)
    sigma = np.append(sigma, sigma[0])
    problem = inversion.smooth_problem(design, OPERATORS["zero outside"])
    got = inversion.solve(problem, inversion.observations(displacement, sigma), 0.1)
    want = every_epoch(design, OPERATORS["zero outside"], displacement, sigma, 0.1)
    np.testing.assert_allclose(got.load, want, rtol=1e-8, atol=1e-10)


def test_a_free_level_is_found_on_every_separate_part_of_the_grid():
    part = laplacian("free")
    fields = inversion.null_space_of(sp.block_diag([part, part, sp.eye_array(2)]))
    assert fields.shape == (2 * CELLS + 2, 2)
    np.testing.assert_array_equal(fields.sum(axis=0), CELLS)


def test_free_fields_that_are_not_constant_are_found_and_estimated(rng):
    """Second differences along a line see no straight line."""
    size = 12
    bend = sp.diags_array([1.0, -2.0, 1.0], offsets=[0, 1, 2], shape=(size - 2, size))
    fields = inversion.null_space_of(bend)
    line = np.arange(size) - 3.0
    np.testing.assert_allclose(fields @ (fields.T @ line), line, atol=1e-9)
    design, displacement = rng.normal(size=(6, size)), rng.normal(size=(4, 6))
    got = inversion.solve(
        inversion.smooth_problem(design, bend),
        inversion.observations(displacement, np.ones(6)),
        0.7,
    )
    normal = design.T @ design + 0.7**2 * (bend.T @ bend).toarray()
    want = np.linalg.solve(normal, design.T @ displacement.T).T
    np.testing.assert_allclose(got.load, want, rtol=1e-8, atol=1e-9)


def test_a_matrix_that_is_not_positive_definite_is_flagged_not_raised(
    design, displacement, sigma
):
    problem = inversion.smooth_problem(design, OPERATORS["zero outside"])
    bad = dataclasses.replace(problem, gram=-1e3 * problem.gram)
    got = inversion.solve(bad, inversion.observations(displacement, sigma), 0.1)
    assert not got.ok.any()


def test_known_beta_is_recovered(rng):
    """With data drawn from the model, the rms has its minimum near the truth."""
    operator = OPERATORS["zero outside"]
    design = rng.normal(size=(60, CELLS)) / 3
    problem = inversion.smooth_problem(design, operator)
    root = np.linalg.inv(operator.toarray())
    truth = 0.5
    load = rng.normal(size=(400, CELLS)) @ root.T / truth
    noisy = load @ design.T + rng.normal(size=(400, 60))
    betas = truth * np.geomspace(1 / 30, 30, 21)
    beta = inversion.select(
        problem, inversion.observations(noisy, np.ones(60)), betas=betas
    )
    assert 0.6 < beta / truth < 1.7


def test_the_end_of_the_range_is_reported(design, displacement, sigma, caplog):
    problem = inversion.smooth_problem(design, OPERATORS["zero outside"])
    with caplog.at_level(logging.WARNING):
        inversion.select(
            problem, inversion.observations(displacement, sigma), betas=[1e-8, 1e-7]
        )
    assert "widen" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_keeps_the_dtype_of_its_input(dtype, design, displacement, sigma):
    problem = inversion.smooth_problem(
        jnp.asarray(design, dtype), OPERATORS["zero outside"]
    )
    got = inversion.solve(problem, inversion.observations(displacement, sigma), 1.0)
    assert got.load.dtype == got.fitted.dtype == dtype


ERRORS = {
    "transposed": (lambda d, s: (d.T, s, 1.0), "transposed"),
    "beta zero": (lambda d, s: (d, s, 0.0), "beta is 0, expected a positive"),
    "beta negative": (lambda d, s: (d, s, -1.0), "beta is -1"),
    "beta not a number": (lambda d, s: (d, s, np.nan), "beta is nan"),
    "sigma negative": (lambda d, s: (d, -s, 1.0), r"sigma is -\S+ at index \(0,\)"),
    "sigma of another network": (lambda d, s: (d, s[1:], 1.0), "'row'"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_wrong_is_named(name, design, displacement, sigma):
    change, message = ERRORS[name]
    problem = inversion.smooth_problem(design, OPERATORS["zero outside"])
    values, errors, beta = change(displacement, sigma)
    with pytest.raises(ValueError, match=message):
        inversion.solve(problem, inversion.observations(values, errors), beta)


def test_a_pattern_that_is_stale_is_recognised(design, displacement, sigma):
    """Another gap, as many of them: refused, and NaN where it cannot be seen."""
    problem = inversion.smooth_problem(design, OPERATORS["zero outside"])
    pattern = inversion.find_pattern(displacement)
    other = displacement.copy()
    seen, missing = (np.flatnonzero(f(other[5]))[0] for f in (np.isfinite, np.isnan))
    other[5, [seen, missing]] = np.nan, 1.0
    assert np.isnan(other).sum() == np.isnan(displacement).sum()
    with pytest.raises(ValueError, match="another record"):
        inversion.observations(other, sigma, pattern=pattern)

    @jax.jit
    def under_jit(values):
        data = inversion.observations(values, sigma, pattern=pattern)
        found = inversion.solve(problem, data, 0.3)
        return found, inversion.leave_one_out_residual(found)

    found, left_out = under_jit(other)
    np.testing.assert_array_equal(np.flatnonzero(~found.ok), [5])
    assert np.isnan(found.load[5]).all()
    assert np.isnan(left_out[5]).all()
    want, residual = under_jit(displacement)
    np.testing.assert_array_equal(found.load[:5], want.load[:5])
    np.testing.assert_array_equal(left_out[:5], residual[:5])


def test_masked_rows_are_rows_without_data(design, displacement, sigma):
    """Without a new pattern: which rows count may be traced."""
    problem = inversion.smooth_problem(design, OPERATORS["free"])
    noise = inversion.Noise(sigma, common=0.5)
    groups = np.arange(STATIONS) // 2
    target = inversion.averages(
        problem, inversion.smooth_prior(OPERATORS["free"]), np.ones((1, CELLS)) / CELLS
    )
    data = inversion.observations(displacement, noise)

    @jax.jit
    def answers(used):
        part = dataclasses.replace(data, used=used)
        found = inversion.solve(problem, part, 0.3)
        return (
            found.load,
            inversion.leave_one_out_residual(found),
            inversion.leave_group_out_residual(found, groups),
            inversion.epoch_log_evidence(found),
            inversion.posterior_sd(found, target).sd,
        )

    masked = np.array([1, STATIONS - 1])
    used = ~np.isin(np.arange(STATIONS), masked)
    deleted = displacement.copy()
    deleted[:, masked] = np.nan
    there = inversion.observations(deleted, noise)
    want = inversion.solve(problem, there, 0.3)
    enough = np.isfinite(deleted).sum(axis=1) > 1
    questions = (
        want.load,
        inversion.leave_one_out_residual(want),
        inversion.leave_group_out_residual(want, groups),
        inversion.epoch_log_evidence(want),
        inversion.posterior_sd(want, target).sd,
    )
    for one, other in zip(answers(jnp.asarray(used)), questions):
        np.testing.assert_allclose(one[enough], other[enough], rtol=1e-8, atol=1e-10)


def test_random_minibatches_are_compiled_once(design, displacement, sigma, rng):
    problem = inversion.smooth_problem(design, OPERATORS["zero outside"])
    compiled = []

    def step(batch):
        data = inversion.observations(batch, sigma, share_inverse=False)
        return inversion.log_evidence(inversion.factorise(problem, data, 0.3))

    jitted = jax.jit(lambda batch: compiled.append(1) or step(batch))
    for _ in range(4):
        batch = displacement[rng.permutation(EPOCHS)[:5]]
        np.testing.assert_allclose(jitted(batch), step(batch), rtol=1e-10)
    assert len(compiled) == 1


def test_what_is_asked_of_a_solution_is_factorised_once(
    design, displacement, sigma, monkeypatch
):
    problem = inversion.smooth_problem(design, OPERATORS["free"])
    data = inversion.observations(displacement, sigma)
    calls = []
    solve = factor.eliminated_solution
    monkeypatch.setattr(
        factor, "eliminated_solution", lambda *given: calls.append(1) or solve(*given)
    )
    found = inversion.solve(problem, data, 0.3)
    inversion.leave_one_out_residual(found)
    inversion.l_curve(found)
    inversion.leave_group_out(found, np.arange(STATIONS) // 2)
    assert len(calls) == 1


def test_arrays_that_are_not_bound_are_refused(design, displacement):
    problem = inversion.smooth_problem(design, OPERATORS["free"])
    with pytest.raises(ValueError, match=r"data = inversion.observations\(up, sigma\)"):
        inversion.solve(problem, displacement, 0.3)


def test_the_gaps_of_another_record_are_refused(design, displacement, sigma):
    problem = inversion.smooth_problem(design, OPERATORS["zero outside"])
    gaps = inversion.find_pattern(displacement)
    worse = displacement.copy()
    worse[0, 0] = np.nan
    for other in (displacement[1:], worse):
        with pytest.raises(ValueError, match="another record"):
            inversion.solve(
                problem, inversion.observations(other, sigma, pattern=gaps), 1.0
            )


def test_a_singular_operator_is_named(design):
    half = sp.eye_array(CELLS).tolil()
    half[3, 3] = 0
    with pytest.raises(ValueError, match="singular"):
        inversion.smooth_problem(design, half, null_space=np.zeros((CELLS, 0)))


def test_sigma_is_not_asked_for_where_nothing_was_observed(design, displacement, sigma):
    displacement[:, 4] = np.nan
    sigma[4] = np.nan
    problem = inversion.smooth_problem(design, OPERATORS["zero outside"])
    got = inversion.solve(problem, inversion.observations(displacement, sigma), 0.3)
    rest = np.delete(displacement, 4, axis=1), np.delete(sigma, 4)
    want = every_epoch(np.delete(design, 4, 0), OPERATORS["zero outside"], *rest, 0.3)
    np.testing.assert_allclose(got.load, want, rtol=1e-9, atol=1e-12)

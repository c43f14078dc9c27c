"""Memory in time against the dense space-time normal equations."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sp
import scipy.stats

from jaxload import inversion
from jaxload._platform import form
from jaxload.inversion import observations
from jaxload.inversion.noise import Noise
from jaxload.inversion.temporal import markov as chains, space_time
from jaxload.inversion.temporal.evidence import temporal_log_evidence
from jaxload.inversion.temporal.markov import (
    TemporalPrior,
    autoregression,
    random_walk,
    smooth_chain,
    smoother,
    time_covariance,
)
from jaxload.inversion.temporal.smoothing import (
    hold_out,
    solve_in_time,
    temporal_residual,
)

EPOCHS, ROWS, CELLS = 17, 5, 8
TIMES = np.cumsum(np.random.default_rng(3).uniform(0.5, 2.0, EPOCHS))
LAG = abs(TIMES[:, None] - TIMES[None, :])
SINCE = np.minimum(TIMES[:, None], TIMES[None, :]) - TIMES[0]
MEMORIES = {
    "autoregression": (autoregression(TIMES, 4.0), np.exp(-LAG / 4.0)),
    "random walk": (random_walk(TIMES, 0.3), 1 + 0.3 * SINCE),
}
FIXED = sp.csr_array(
    sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(CELLS, CELLS))
)
FREE = FIXED.tolil()
FREE[0, 0] = FREE[-1, -1] = 1.0
CHAIN = MEMORIES["autoregression"]
OPERATORS = {"fixed": FIXED, "free": sp.csr_array(FREE)}


@pytest.fixture
def design(rng):
    return rng.normal(size=(ROWS, CELLS))


@pytest.fixture
def displacement(rng):
    values = rng.normal(size=(EPOCHS, ROWS))
    values[rng.random(values.shape) < 0.25] = np.nan
    values[3:12, 2] = np.nan
    values[:, 0] = rng.normal(size=EPOCHS)
    return values


@pytest.fixture(params=["row", "epoch row"])
def sigma(request, rng):
    return rng.uniform(0.5, 2.0, size=(EPOCHS, ROWS)[request.param == "row" :])


def written_out(sigma):
    """The covariance of the noise of all observations, term by term."""
    noise = sigma if isinstance(sigma, Noise) else Noise(sigma)
    each = np.broadcast_to(noise.sigma, (EPOCHS, ROWS))
    between = np.eye(ROWS) if noise.correlation is None else noise.correlation
    rows = np.ones(ROWS) if noise.common_rows is None else noise.common_rows
    common = np.broadcast_to(noise.common, EPOCHS)
    blocks = [
        np.outer(s, s) * between + tau * np.outer(rows, rows)
        for s, tau in zip(each, common)
    ]
    return scipy.linalg.block_diag(*blocks)


def shared_noises(rng):
    distance = abs(np.subtract.outer(np.arange(ROWS), np.arange(ROWS)))
    sigma, some = rng.uniform(0.5, 2.0, (EPOCHS, ROWS)), np.arange(ROWS) < 3
    tau = rng.uniform(0, 3, EPOCHS)
    return {
        "correlated": Noise(sigma[0], np.exp(-distance / 2.0)),
        "common offset": Noise(sigma[0], common=2.0),
        "all, sigma per epoch": Noise(sigma, np.exp(-distance / 2.0), tau, some),
    }


def dense(design, operator, covariance, displacement, sigma, beta):
    """The textbook estimate of the stacked record, free fields free at every epoch."""
    seen = np.isfinite(displacement).ravel()
    rough = (operator.T @ operator).toarray()
    spatial = np.linalg.pinv(rough, rcond=1e-12, hermitian=True)
    level = np.full((CELLS, 1), CELLS**-0.5)[:, : CELLS - np.linalg.matrix_rank(rough)]
    prior = np.kron(covariance, spatial) / beta**2
    forward = np.kron(np.eye(EPOCHS), design)[seen]
    free = forward @ np.kron(np.eye(EPOCHS), level)
    matrix = forward @ prior @ forward.T + written_out(sigma)[np.ix_(seen, seen)]
    count = free.shape[1]
    whole = np.block([[matrix, free], [free.T, np.zeros((count, count))]])
    right = np.concatenate([displacement.ravel()[seen], np.zeros(count)])
    answer = np.linalg.solve(whole, right)
    load = prior @ forward.T @ answer[: seen.sum()]
    amount = answer[seen.sum() :].reshape(EPOCHS, -1)
    return load.reshape(EPOCHS, CELLS) + amount @ level.T


@pytest.mark.parametrize("name", MEMORIES)
def test_a_chain_has_the_covariance_of_its_closed_form(name, rng):
    memory, covariance = MEMORIES[name]
    values = jnp.asarray(rng.normal(size=(EPOCHS, 3)))
    got = time_covariance(memory, values)
    np.testing.assert_allclose(got, covariance @ values, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", MEMORIES)
def test_the_smoother_is_the_dense_filter_of_each_series(name, rng):
    memory, covariance = MEMORIES[name]
    variance = np.array([0.0, 1e-12, 0.1, 50.0])
    values = rng.normal(size=(EPOCHS, len(variance)))
    prepared = smoother(memory, jnp.asarray(variance))
    got = smooth_chain(prepared, jnp.asarray(values))
    for series, size in enumerate(variance):
        data = size * covariance + np.eye(EPOCHS)
        want = size * covariance @ np.linalg.solve(data, values[:, series])
        np.testing.assert_allclose(got[:, series], want, rtol=1e-9, atol=1e-13)
    logs = [np.linalg.slogdet(v * covariance + np.eye(EPOCHS))[1] for v in variance]
    np.testing.assert_allclose(prepared.log_determinant, sum(logs), rtol=1e-12)


def test_both_ways_to_run_a_recurrence_agree(rng):
    keep, values = (jnp.asarray(rng.uniform(size=(EPOCHS, 3))) for _ in range(2))
    for reverse in (False, True):
        want = chains._one_by_one(keep, values, reverse)
        got = chains._by_doubling(keep, values, reverse)
        np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize("operator", OPERATORS)
def test_equals_the_dense_space_time_system(operator, design, displacement, sigma):
    problem = inversion.smooth_problem(design, OPERATORS[operator])
    for memory, covariance in MEMORIES.values():
        got = solve_in_time(problem, observations(displacement, sigma), 0.7, memory)
        want = dense(design, OPERATORS[operator], covariance, displacement, sigma, 0.7)
        assert got.ok.all()
        np.testing.assert_allclose(got.load, want, atol=1e-8 * abs(want).max())
        fitted = want @ design.T
        np.testing.assert_allclose(got.fitted, fitted, atol=1e-8 * abs(fitted).max())


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_evidence_is_the_density_of_the_contrasts(
    operator, design, displacement, rng
):
    """A dense multivariate normal; the free fields of every epoch projected out."""
    problem = inversion.smooth_problem(design, OPERATORS[operator])
    displacement[5], displacement[8, 1:] = np.nan, np.nan
    seen = np.isfinite(displacement)
    seen &= seen.sum(axis=1, keepdims=True) > problem.null_space_response.shape[1]
    used = np.flatnonzero(seen)
    noise, (memory, covariance) = shared_noises(rng)["all, sigma per epoch"], CHAIN
    whole = np.kron(covariance, problem.gram) / 0.7**2 + written_out(noise)
    level = np.kron(np.eye(EPOCHS), problem.null_space_response)[used]
    contrast = scipy.linalg.null_space(level.T) if level.size else np.eye(len(used))
    inner = contrast.T @ whole[np.ix_(used, used)] @ contrast
    data = contrast.T @ displacement.ravel()[used]
    want = scipy.stats.multivariate_normal.logpdf(data, cov=inner)
    got = temporal_log_evidence(problem, observations(displacement, noise), 0.7, memory)
    np.testing.assert_allclose(got, want, rtol=1e-10)
    mean = rng.normal(size=(EPOCHS, CELLS))
    moved = displacement + mean @ design.T
    got = temporal_log_evidence(
        problem, observations(moved, noise), 0.7, memory, mean=mean
    )
    np.testing.assert_allclose(got, want, rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("name", ["correlated", "all, sigma per epoch"])
@pytest.mark.parametrize("memory", MEMORIES)
def test_segments_side_by_side_have_the_evidence_of_one_filter(
    operator, name, memory, design, displacement, rng
):
    problem = inversion.smooth_problem(design, OPERATORS[operator])
    displacement[5], displacement[8, 1:] = np.nan, np.nan
    noise, chain = shared_noises(rng)[name], MEMORIES[memory][0]

    def density(displacement, beta, chain):
        data = observations(displacement, noise, share_inverse=False)
        return temporal_log_evidence(problem, data, beta, chain)

    run = jax.jit(jax.value_and_grad(density, argnums=(1, 2)))
    want = run(displacement, jnp.asarray(0.7), chain)
    with form("accelerator"):
        got = jax.jit(jax.value_and_grad(density, argnums=(1, 2)))(
            displacement, jnp.asarray(0.7), chain
        )
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(want)):
        scale = abs(np.asarray(other)).max()
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9 * scale)


QUICK = {("fixed", "correlated"), ("free", "all, sigma per epoch")}
CASES = [
    pytest.param(*case, marks=() if case in QUICK else pytest.mark.slow)
    for case in itertools.product(OPERATORS, shared_noises(np.random.default_rng(0)))
]


@pytest.mark.parametrize(("operator", "name"), CASES)
def test_noise_that_rows_share_is_its_covariance(
    operator, name, design, displacement, rng
):
    problem = inversion.smooth_problem(design, OPERATORS[operator])
    noise, (memory, covariance) = shared_noises(rng)[name], MEMORIES["random walk"]
    got = solve_in_time(problem, observations(displacement, noise), 0.7, memory)
    want = dense(design, OPERATORS[operator], covariance, displacement, noise, 0.7)
    assert got.ok.all()
    np.testing.assert_allclose(got.load, want, atol=1e-8 * abs(want).max())
    alone = autoregression(TIMES, 1e-3)
    got = solve_in_time(problem, observations(displacement, noise), 0.7, alone)
    want = inversion.solve(problem, inversion.observations(displacement, noise), 0.7)
    np.testing.assert_allclose(got.load, want.load, atol=1e-8 * abs(want.load).max())
    np.testing.assert_allclose(got.common, want.common, atol=1e-8)


@pytest.mark.parametrize("operator", OPERATORS)
def test_without_memory_it_is_the_solution_epoch_by_epoch(
    operator, design, displacement, sigma
):
    problem = inversion.smooth_problem(design, OPERATORS[operator])
    want = inversion.solve(
        problem, inversion.observations(displacement, sigma), 0.7
    ).load
    memory = autoregression(TIMES, 1e-3)
    got = solve_in_time(problem, observations(displacement, sigma), 0.7, memory).load
    np.testing.assert_allclose(got, want, atol=1e-8 * abs(want).max())


def test_a_prior_mean_is_taken_off_and_put_back(design, displacement, rng):
    problem = inversion.smooth_problem(design, FIXED)
    memory = MEMORIES["autoregression"][0]
    mean = rng.normal(size=(EPOCHS, CELLS))
    got = solve_in_time(
        problem, observations(displacement, np.ones(ROWS)), 0.7, memory, mean=mean
    )
    shifted = displacement - mean @ design.T
    want = solve_in_time(problem, observations(shifted, np.ones(ROWS)), 0.7, memory)
    np.testing.assert_allclose(got.load, want.load + mean, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(got.fitted, want.fitted + mean @ design.T, atol=1e-11)


def test_an_epoch_without_data_is_filled_from_its_neighbours(design, displacement):
    displacement[6] = np.nan
    displacement[:, 4] = np.nan
    memory, covariance = MEMORIES["autoregression"]
    problem = inversion.smooth_problem(design, FIXED)
    got = solve_in_time(problem, observations(displacement, np.ones(ROWS)), 0.7, memory)
    want = dense(design, FIXED, covariance, displacement, np.ones(ROWS), 0.7)
    assert abs(want[6]).max() > 0.01
    np.testing.assert_allclose(got.load, want, atol=1e-8 * abs(want).max())


def test_an_epoch_whose_level_is_undetermined_is_flagged(design, displacement):
    displacement[6] = np.nan
    problem = inversion.smooth_problem(design, OPERATORS["free"])
    memory = MEMORIES["autoregression"][0]
    got = solve_in_time(problem, observations(displacement, np.ones(ROWS)), 0.7, memory)
    np.testing.assert_array_equal(got.ok, np.arange(EPOCHS) != 6)
    np.testing.assert_array_equal(np.isfinite(got.load).all(axis=1), got.ok)


def test_an_iteration_cut_short_is_flagged_not_returned(
    design, displacement, monkeypatch
):
    monkeypatch.setattr(space_time, "MOST_ITERATIONS", 1)
    problem = inversion.smooth_problem(design, FIXED)
    # Fewer epochs than elsewhere, or the program compiled there would run.
    memory = autoregression(TIMES[:9], 4.0)
    got = solve_in_time(
        problem, observations(displacement[:9], np.ones(ROWS)), 0.7, memory
    )
    assert not got.ok.any()
    assert np.isnan(got.load).all()


def test_a_common_mode_and_stations_that_came_late_need_few_iterations(
    rng, monkeypatch
):
    monkeypatch.setattr(space_time, "MOST_ITERATIONS", 60)
    epochs, rows, beta, tau2 = 40, 24, 0.03, 100.0
    place, cell = np.linspace(0, 1, rows), np.linspace(0, 1, CELLS)
    design = -np.exp(-((np.subtract.outer(place, cell) / 0.2) ** 2))
    data = rng.normal(size=(epochs, CELLS)).cumsum(axis=0) @ design.T
    data += rng.normal(size=(epochs, rows)) + 10 * rng.normal(size=(epochs, 1))
    data[rng.random(data.shape) < 0.1] = np.nan
    data[:25, ::2] = np.nan
    memory = autoregression(np.arange(epochs), 20.0)
    problem = inversion.smooth_problem(design, FIXED)
    got = solve_in_time(
        problem, observations(data, Noise(np.ones(rows), common=tau2)), beta, memory
    )
    seen = np.isfinite(data).ravel()
    lag = abs(np.subtract.outer(np.arange(epochs), np.arange(epochs)))
    spatial = np.linalg.inv((FIXED.T @ FIXED).toarray()) / beta**2
    signal = np.kron(np.exp(-lag / 20.0), design @ spatial @ design.T)
    noise = np.kron(np.eye(epochs), np.eye(rows) + tau2)
    whole = (signal + noise)[np.ix_(seen, seen)]
    want = signal[:, seen] @ np.linalg.solve(whole, data.ravel()[seen])
    assert got.ok.all()
    want = want.reshape(epochs, rows)
    np.testing.assert_allclose(got.fitted, want, atol=1e-7 * abs(want).max())


def drawn(rng, epochs, time_scale):
    """A load with a memory, drawn from the model itself, and noisy observations."""
    design = rng.normal(size=(12, CELLS)) / 3
    white = rng.normal(size=(epochs, CELLS)) @ np.linalg.inv(FIXED.toarray()).T
    keep, load = np.exp(-1 / time_scale), white.copy()
    for epoch in range(1, epochs):
        fresh = np.sqrt(1 - keep**2) * white[epoch]
        load[epoch] = keep * load[epoch - 1] + fresh
    data = load @ design.T + 1.5 * rng.normal(size=(epochs, 12))
    data[rng.random(data.shape) < 0.1] = np.nan
    return design, load, data


@pytest.mark.slow
def test_hidden_stations_tell_the_memory_and_the_load_gains_by_it(rng):
    truth, epochs = 12.0, 400
    design, load, data = drawn(rng, epochs, truth)
    problem = inversion.smooth_problem(design, FIXED)
    sigma, days = np.full(12, 1.5), np.arange(epochs)
    hidden = hold_out(data, jax.random.key(1), 0.25)
    scales = truth * np.array([1e-3, 0.1, 1.0, 10.0])

    @jax.jit
    def score(scale):
        memory = autoregression(days, scale)
        error = temporal_residual(
            problem, observations(data, sigma), 1.0, memory, hidden=hidden
        )
        return jnp.sqrt(jnp.nanmean(error**2))

    scores = [float(score(scale)) for scale in scales]
    assert scales[np.argmin(scores)] == truth
    assert scores[2] < 0.97 * scores[0]
    memory = autoregression(days, truth)
    with_memory = solve_in_time(problem, observations(data, sigma), 1.0, memory).load
    without = inversion.solve(problem, inversion.observations(data, sigma), 1.0).load
    rms = lambda values: float(np.sqrt(np.mean((values - load) ** 2)))
    assert rms(with_memory) < 0.8 * rms(without)


def test_what_is_hidden_was_observed_and_comes_in_whole_stretches(displacement):
    seen = np.isfinite(displacement)
    rows = np.asarray(hold_out(displacement, jax.random.key(0), 0.5))
    assert rows.any()
    for row in range(ROWS):
        np.testing.assert_array_equal(rows[:, row], seen[:, row] & rows[:, row].any())
    many = np.zeros((5000, 10))
    short = np.asarray(hold_out(many, jax.random.key(0), 0.2, stretch=7))
    assert 0.17 < short.mean() < 0.23
    np.testing.assert_array_equal(short[:4998:7], short[6:5000:7])


def test_a_hidden_observation_is_not_used(design, displacement):
    problem = inversion.smooth_problem(design, FIXED)
    memory = MEMORIES["autoregression"][0]
    hidden = np.zeros(displacement.shape, bool)
    hidden[4, 0] = hidden[9, 0] = True
    residual = lambda values: temporal_residual(
        problem, observations(values, np.ones(ROWS)), 0.7, memory, hidden=hidden
    )
    got = residual(displacement)
    np.testing.assert_array_equal(np.isfinite(got), hidden)
    changed = displacement + 100 * hidden
    moved = residual(changed)
    np.testing.assert_allclose(moved[hidden] - got[hidden], 100, rtol=1e-9)


def test_keeps_single_precision(design, displacement):
    problem = inversion.smooth_problem(jnp.asarray(design, jnp.float32), FIXED)
    memory, covariance = MEMORIES["autoregression"]
    got = solve_in_time(problem, observations(displacement, np.ones(ROWS)), 0.7, memory)
    want = dense(design, FIXED, covariance, displacement, np.ones(ROWS), 0.7)
    assert got.load.dtype == got.fitted.dtype == jnp.float32
    np.testing.assert_allclose(got.load, want, atol=1e-3 * abs(want).max())


def test_dates_are_days():
    dates = np.array(["2020-01-01", "2020-01-02", "2020-01-05"], "datetime64[ns]")
    got, want = autoregression(dates, 3.0), autoregression([0, 1, 4], 3.0)
    np.testing.assert_allclose(got.keep, want.keep, rtol=1e-12)
    np.testing.assert_allclose(want.keep, [0, np.exp(-1 / 3), np.exp(-1)], rtol=1e-12)


ERRORS = {
    "time scale zero": (lambda: autoregression(TIMES, 0.0), "time_scale is 0, expec"),
    "time scale not a number": (lambda: autoregression(TIMES, np.nan), "is nan"),
    "a time scale each epoch": (lambda: autoregression(TIMES, TIMES), "scalar"),
    "rate negative": (lambda: random_walk(TIMES, -1.0), "rate is -1, expected"),
    "an epoch twice": (
        lambda: autoregression([0, 1, 1], 1.0),
        r"times\[2\] is 1.*sort",
    ),
    "times of two axes": (lambda: autoregression([[0, 1]], 1.0), "shape"),
    "share": (lambda: hold_out(np.ones((2, 2)), jax.random.key(0), 1.0), "share is 1"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_wrong_is_named(name):
    call, message = ERRORS[name]
    with pytest.raises(ValueError, match=message):
        call()


def test_what_does_not_fit_is_refused(design, displacement):
    problem = inversion.smooth_problem(design, FIXED)
    memory = MEMORIES["autoregression"][0]
    short = TemporalPrior(memory.keep[1:], memory.fresh[1:])
    with pytest.raises(ValueError, match="'epoch'"):
        solve_in_time(problem, observations(displacement, np.ones(ROWS)), 0.7, short)
    with pytest.raises(ValueError, match="beta is -1"):
        solve_in_time(problem, observations(displacement, np.ones(ROWS)), -1.0, memory)
    plain = dataclasses.replace(Noise(np.ones(ROWS)))
    got = solve_in_time(problem, observations(displacement, plain), 0.7, memory)
    want = solve_in_time(
        problem, observations(displacement, np.ones(ROWS)), 0.7, memory
    )
    np.testing.assert_array_equal(got.load, want.load)

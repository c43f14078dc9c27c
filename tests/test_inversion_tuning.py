"""Hyperparameters found where the evidence is largest."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sp
from traces import count_traces

from jaxload.inversion import factorise, observations
from jaxload.inversion.hyperparameters.empirical_bayes import scaled_model, tune
from jaxload.inversion.hyperparameters.evidence import log_evidence, variance_components
from jaxload.inversion.noise import Noise
from jaxload.inversion.prior.smoothness import smooth_problem
from jaxload.inversion.problem import Problem
from jaxload.inversion.temporal.markov import autoregression

ROWS, CELLS, EPOCHS = 12, 16, 400
TRUTH = {"beta": 0.7, "noise_factor": 1.3, "common": 0.5}
START = {"beta": 0.1, "noise_factor": 1.0, "common": 2.0}


def chain(ends="zero"):
    matrix = sp.lil_array(
        sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(CELLS, CELLS))
    )
    if ends == "free":
        matrix[0, 0] = matrix[-1, -1] = 1.0
    return sp.csr_array(matrix)


@pytest.fixture
def design(rng):
    return rng.normal(size=(ROWS, CELLS)) / 2


def drawn(design, missing, seed):
    """Data from the model itself."""
    rng = np.random.default_rng(seed)
    root = np.linalg.inv(chain().toarray())
    load = rng.normal(size=(EPOCHS, CELLS)) @ root.T / TRUTH["beta"]
    values = load @ design.T
    values += TRUTH["noise_factor"] * rng.normal(size=values.shape)
    values += np.sqrt(TRUTH["common"]) * rng.normal(size=(EPOCHS, 1))
    lost = rng.permuted(np.arange(ROWS)[None] + 0 * values, axis=1) < missing
    lost[:40] = False
    return np.where(lost, np.nan, values)


@pytest.mark.slow
@pytest.mark.parametrize("missing", [0, 3])
def test_known_hyperparameters_are_recovered_within_their_errors(design, missing):
    model = scaled_model(smooth_problem(design, chain()), np.ones(ROWS))
    for seed in (1, 2, 3):
        tuned = tune(model, START, drawn(design, missing, seed))
        assert tuned.converged
        for name, truth in TRUTH.items():
            error = tuned.relative_error[name]
            assert 0.001 < error < 0.3, name
            assert abs(np.log(tuned.estimate[name] / truth)) < 3 * error, name


@pytest.mark.slow
def test_what_is_maximised_is_the_log_evidence(design):
    """Patterns that recur are summed up; the value and the maximum are the same."""
    problem, data = smooth_problem(design, chain("free")), drawn(design, 0, 4)
    data[100:150, 2:5] = np.nan
    data[200, 1:3] = data[201, 7:9] = np.nan
    data[202] = data[203, 1:] = np.nan
    tuned = tune(scaled_model(problem, np.ones(ROWS)), START, data)

    def at(logs):
        beta, factor, common = jnp.exp(logs)
        noise = Noise(factor * jnp.ones(ROWS), None, common)
        return log_evidence(
            factorise(problem, observations(data[:202], noise), beta)
        ) + log_evidence(factorise(problem, observations(data[204:], noise), beta))

    best = jnp.log(jnp.asarray([tuned.estimate[name] for name in START]))
    np.testing.assert_allclose(tuned.log_evidence, at(best), rtol=1e-9)
    at, steps = jax.jit(at), 1e-3 * jnp.eye(3)
    slope = [(at(best + step) - at(best - step)) / 2e-3 for step in steps]
    np.testing.assert_allclose(slope, 0, atol=0.05)
    errors = np.array(list(tuned.relative_error.values()))
    hessian = np.linalg.inv(tuned.correlation * np.outer(errors, errors))
    bend = [(at(best + s) - 2 * at(best) + at(best - s)) / 1e-6 for s in steps]
    np.testing.assert_allclose(-np.array(bend), np.diag(hessian), rtol=1e-3)


@pytest.mark.slow
def test_it_is_what_variance_components_converge_to(design):
    problem, data = smooth_problem(design, chain()), drawn(design, 3, 5)
    start = {"beta": 0.2, "noise_factor": 0.5}
    tuned = tune(scaled_model(problem, np.ones(ROWS)), start, data)
    found = variance_components(
        problem, observations(data, np.ones(ROWS)), tolerance=1e-7
    )
    np.testing.assert_allclose(tuned.estimate["beta"], found.beta, rtol=1e-4)
    np.testing.assert_allclose(tuned.estimate["noise_factor"], found.factor, rtol=1e-4)


def test_a_correlation_length_is_found_through_a_model_of_ones_own(rng):
    """Loads at the rows themselves, their covariance known but for two numbers."""
    place = np.sort(rng.uniform(0, 10, size=ROWS))
    apart = jnp.asarray(abs(place[:, None] - place))

    def model(values):
        gram = values["variance"] * jnp.exp(-apart / values["length"])
        eye, none = jnp.eye(ROWS), jnp.zeros((ROWS, 0))
        return Problem(eye, gram, gram, none, none), Noise(0.3 * jnp.ones(ROWS))

    truth = {"variance": 2.0, "length": 3.0}
    gram, _ = model(truth)
    root = np.linalg.cholesky(np.asarray(gram.gram))
    data = rng.normal(size=(600, ROWS)) @ root.T + 0.3 * rng.normal(size=(600, ROWS))
    tuned = tune(model, {"variance": 1.0, "length": 0.5}, data)
    for name, value in truth.items():
        distance = abs(np.log(tuned.estimate[name] / value))
        assert distance < 3 * tuned.relative_error[name]
    assert abs(tuned.correlation[0, 1]) > 0.5


def test_every_fifth_epoch_gives_larger_errors(design):
    problem, data = smooth_problem(design, chain()), drawn(design, 0, 6)
    model = scaled_model(problem, np.ones(ROWS))
    start = {"beta": 0.5, "noise_factor": 1.0}
    all_of_it, part = (tune(model, start, data, every=every) for every in (1, 5))
    ratio = part.relative_error["beta"] / all_of_it.relative_error["beta"]
    assert 1.7 < ratio < 3.0
    same = tune(model, start, data[::5])
    assert part.estimate == pytest.approx(same.estimate, rel=1e-6)


@pytest.mark.slow
def test_noise_that_changes_in_time_is_taken_along(design):
    data = drawn(design, 3, 7)[:60]
    sigma = np.random.default_rng(1).uniform(0.8, 1.2, size=data.shape)
    problem, start = smooth_problem(design, chain()), {"noise_factor": 1.0}
    tuned = tune(scaled_model(problem, sigma), start, data, every=2)
    half = tune(scaled_model(problem, sigma[::2]), start, data[::2])
    assert tuned.estimate == pytest.approx(half.estimate, rel=1e-6)
    noise = Noise(tuned.estimate["noise_factor"] * sigma[::2])
    want = log_evidence(factorise(problem, observations(data[::2], noise), 1.0))
    np.testing.assert_allclose(tuned.log_evidence, want, rtol=1e-9)


@pytest.mark.slow
def test_a_memory_is_found_with_the_weight_of_the_prior(design):
    """The time scale of loads that were drawn with one, from gappy data."""
    rng, truth = np.random.default_rng(10), {"beta": 0.7, "time_scale": 8.0}
    days, few = np.arange(300), design[:4]
    white = rng.normal(size=(300, CELLS)) @ np.linalg.inv(chain().toarray()).T
    load, keep = white / truth["beta"], np.exp(-1 / truth["time_scale"])
    for day in days[1:]:
        load[day] = keep * load[day - 1] + np.sqrt(1 - keep**2) * load[day]
    data = load @ few.T + rng.normal(size=(300, 4))
    data[rng.random(data.shape) < 0.2] = np.nan
    problem = smooth_problem(few, chain())

    def model(values):
        memory = autoregression(days, values["time_scale"])
        return problem, Noise(jnp.ones(4)), memory

    tuned = tune(model, {"beta": 0.3, "time_scale": 2.0}, data)
    assert tuned.converged
    for name, value in truth.items():
        error = tuned.relative_error[name]
        assert 0.01 < error < 0.3
        assert abs(np.log(tuned.estimate[name] / value)) < 3 * error
    with pytest.raises(ValueError, match="every is 2, expected 1"):
        tune(model, {"time_scale": 2.0}, data, every=2)


def test_what_runs_into_its_limit_has_no_error(design):
    data = drawn(design, 0, 8)
    model = scaled_model(smooth_problem(design, chain()), np.ones(ROWS))
    limits = {"noise_factor": (0.5, 1.1)}
    tuned = tune(model, {"beta": 0.5, "noise_factor": 1.0}, data, limits=limits)
    np.testing.assert_allclose(tuned.estimate["noise_factor"], 1.1)
    assert np.isnan(tuned.relative_error["noise_factor"])
    assert tuned.relative_error["beta"] > 0


def test_an_ascent_cut_short_is_flagged(design):
    model = scaled_model(smooth_problem(design, chain()), np.ones(ROWS))
    tuned = tune(model, START, drawn(design, 0, 9), most_iterations=1)
    assert not tuned.converged
    assert tuned.iterations == 1


ERRORS = {
    "nothing to start from": ({"start": {}}, "start every hyperparameter"),
    "negative": ({"start": {"beta": -1.0}}, "expected positive"),
    "not a number": ({"start": {"beta": np.nan}}, "expected positive"),
    "outside its limits": ({"limits": {"beta": (2.0, 3.0)}}, "within its limits"),
    "limits of nothing": ({"limits": {"bta": (2.0, 3.0)}}, r"\['bta'\]"),
    "unknown": ({"start": {"lenght": 1.0}}, "'lenght' is unknown"),
    "no stride": ({"every": 0}, "every is 0"),
    "transposed": ({"displacement": np.ones((ROWS, 9))}, "transposed"),
    "all masked": ({"displacement": np.full((9, ROWS), np.nan)}, "no evidence"),
    "not positive definite": ({}, "not a number at the start"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_wrong_is_named(name, design):
    change, message = ERRORS[name]
    call = {"start": {"beta": 1.0}, "displacement": np.ones((9, ROWS))} | change
    problem = smooth_problem(design, chain())
    if name == "not positive definite":
        gram = -np.asarray(problem.gram) - 1e3 * np.eye(ROWS)
        problem = Problem(
            problem.design,
            problem.cross,
            jnp.asarray(gram),
            problem.null_space,
            problem.null_space_response,
        )
    with pytest.raises(ValueError, match=message):
        tune(scaled_model(problem, np.ones(ROWS)), **call)


def test_other_data_and_another_design_compile_nothing_anew(design):
    rng = np.random.default_rng(3)
    for seed in (4, 5):
        values = drawn(design, 0, seed)[:30]
        model = scaled_model(smooth_problem(design, chain()), 1 + rng.random(ROWS))
        with count_traces() as traced:
            tune(model, START, values, most_iterations=2)
        design = design + 0.1
    # The first time, all is new.
    assert traced["_loss"] == 0

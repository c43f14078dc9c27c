"""Every function that takes observations, and every way to call it wrongly."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sp

from jaxload import inversion
from jaxload.inversion.estimation.robust import weighted_sigma
from jaxload.inversion.hyperparameters.empirical_bayes import scaled_model
from jaxload.inversion.noise import Noise, covariance_noise
from jaxload.inversion.uncertainty.sampling import Sampling

EPOCHS, ROWS, CELLS = 4, 3, 5
CHAIN = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(CELLS, CELLS))
PRIOR = inversion.smooth_prior(CHAIN)
DESIGN = np.random.default_rng(1).normal(size=(ROWS, CELLS))
PROBLEM = inversion.prior_problem(DESIGN, PRIOR)
GOOD = np.random.default_rng(2).normal(size=(EPOCHS, ROWS))
ONES = np.ones(ROWS)
GROUPS = np.array([0, 0, 1])
CELL = np.arange(2)


def memory(displacement):
    return inversion.autoregression(np.arange(max(np.shape(displacement)[0], 1)), 3.0)


@functools.cache
def known_target():
    return inversion.some_cells(PROBLEM, PRIOR, CELL)


def target(problem):
    if problem is PROBLEM:
        return known_target()
    return inversion.some_cells(problem, PRIOR, CELL)


def tuned(problem, displacement, sigma, beta):
    model = scaled_model(problem, sigma)
    return inversion.tune(model, {"beta": beta}, displacement, most_iterations=1)


def weighed_down(problem, displacement, sigma, beta):
    data = inversion.observations(displacement, sigma)
    return inversion.reweight(problem, data, beta, inversion.Huber())


def bound(function):
    """Called with the problem, bound data and beta."""
    return lambda p, d, s, b: function(p, inversion.observations(d, s), b)


def with_factor(question, *rest):
    """A question that is asked of a factor."""
    return bound(lambda p, data, b: question(inversion.factorise(p, data, b), *rest))


def with_target(question):
    return bound(
        lambda p, data, b: question(inversion.factorise(p, data, b), target(p))
    )


#: Every function of observations, called with problem, displacement, sigma, beta.
FUNCTIONS = {
    "solve": bound(inversion.solve),
    "solved": with_factor(lambda factor: factor.solved),
    "leave_one_out": with_factor(inversion.leave_one_out),
    "leave_one_out_residual": with_factor(inversion.leave_one_out_residual),
    "leave_group_out": with_factor(inversion.leave_group_out, GROUPS),
    "leave_group_out_residual": with_factor(inversion.leave_group_out_residual, GROUPS),
    "gcv": with_factor(inversion.gcv),
    "l_curve": with_factor(inversion.l_curve),
    "log_evidence": with_factor(inversion.log_evidence),
    "epoch_log_evidence": with_factor(inversion.epoch_log_evidence),
    "abic": with_factor(inversion.abic),
    "scan": lambda p, d, s, b: inversion.scan(p, inversion.observations(d, s), [b]),
    "select": lambda p, d, s, b: inversion.select(
        p, inversion.observations(d, s), betas=[b]
    ),
    "variance_components": lambda p, d, s, b: inversion.variance_components(
        p, inversion.observations(d, s), beta=b
    ),
    "tune": tuned,
    "reweight": weighed_down,
    "solve_in_time": lambda p, d, s, b: inversion.solve_in_time(
        p, inversion.observations(d, s), b, memory(d)
    ),
    "temporal_residual": lambda p, d, s, b: inversion.temporal_residual(
        p,
        inversion.observations(d, s),
        b,
        memory(d),
        hidden=np.zeros(np.shape(d), bool),
    ),
    "posterior_sd": with_target(inversion.posterior_sd),
    "posterior_covariance": with_target(inversion.posterior_covariance),
    "stream_sd": with_target(lambda *given: list(inversion.stream_sd(*given))),
    "posterior_samples": with_factor(inversion.posterior_samples, PRIOR, Sampling(1)),
    "observation_weights": with_target(inversion.observation_weights),
    "averaging_kernels": with_target(inversion.averaging_kernels),
    "point_spread": with_factor(inversion.point_spread, CELL),
    "resolution_map": bound(
        lambda p, data, b: inversion.resolution_map(
            inversion.factorise(p, data, b),
            inversion.every_cell(p, PRIOR),
            np.arange(float(CELLS))[:, None],
        )
    ),
    "leverage": with_factor(inversion.leverage),
    "degrees_of_freedom": with_factor(inversion.degrees_of_freedom),
    "recover": bound(lambda p, data, b: inversion.recover(p, data, b, np.ones(CELLS))),
}


def skewed():
    matrix = np.eye(ROWS)
    matrix[0, 1] = 0.5
    return matrix


INDEFINITE = np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]])
SECOND = np.arange(ROWS) == 1

#: What is called wrongly, and what every function has to say of it.
WRONG = {
    "beta zero": ({"beta": 0.0}, r"betas? (is|holds) 0|start is"),
    "beta negative": ({"beta": -1.0}, r"betas? (is|holds) -1|start is"),
    "beta NaN": ({"beta": np.nan}, r"betas? (is|holds) nan|start is"),
    "beta infinite": ({"beta": np.inf}, r"betas? (is|holds) inf|start is"),
    "several betas": ({"beta": np.ones(2)}, "has shape"),
    "sigma zero": ({"sigma": ONES - SECOND}, r"sigma is 0 at index \(1,\).*mask"),
    "sigma negative": ({"sigma": ONES - 2 * SECOND}, r"sigma is -1 at index \(1,\)"),
    "sigma NaN": ({"sigma": ONES * np.nan}, r"sigma is nan at index \(0,\)"),
    "sigma infinite": (
        {"sigma": np.where(SECOND, np.inf, 1.0)},
        r"sigma is inf at index \(1,\)",
    ),
    "sigma of one epoch": (
        {"sigma": 1.0 - 2 * (np.arange(EPOCHS * ROWS) == 7).reshape(EPOCHS, ROWS)},
        r"sigma is -1 at index \(2, 1\)",
    ),
    "one sigma": ({"sigma": 1.0}, r"sigma has shape \(\), expected .*give"),
    "sigma of others": ({"sigma": np.ones(2)}, "sigma has 2 along 'row'"),
    "sigma transposed": ({"sigma": np.ones((ROWS, EPOCHS))}, "is sigma transposed"),
    "transposed": (
        {"displacement": GOOD.T},
        "(are values|is data|is it|is sigma) transposed",
    ),
    "one axis": (
        {"displacement": GOOD[0]},
        r"(values|displacement) has shape \(3,\), expect",
    ),
    "no epochs": ({"displacement": GOOD[:0]}, "left nothing|no epoch"),
    "skewed noise": ({"sigma": Noise(ONES, skewed())}, r"not symmetric.*\(0, 1\)"),
    "indefinite noise": ({"sigma": Noise(ONES, INDEFINITE)}, "not positive definite"),
    "noise of others": ({"sigma": Noise(ONES, np.eye(2))}, "along 'row'"),
    "negative offset": ({"sigma": Noise(ONES, None, -1.0)}, "common is -1.*give 0"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_in_a_sentence_by_each_function(name):
    change, message = WRONG[name]
    call = {"problem": PROBLEM, "displacement": GOOD, "sigma": ONES, "beta": 1.0}
    call |= change
    for function in FUNCTIONS:
        if isinstance(call["sigma"], Noise) and function == "variance_components":
            continue
        try:
            FUNCTIONS[function](*call.values())
            said = "nothing"
        except ValueError as error:
            said = str(error)
        assert re.search(message, said), f"{function}: {said}"
        assert "\n" not in said, function
        assert len(said) < 260, function


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_weights_amplitudes_and_lengths_that_are_none_are_refused(bad):
    with pytest.raises(ValueError, match=r"weights is .* at index \(1,\).*mask"):
        weighted_sigma(ONES, np.where(SECOND, bad, 1.0))
    with pytest.raises(ValueError, match=r"scale is .* at cell 2"):
        inversion.smooth_prior(CHAIN, scale=np.where(np.arange(CELLS) == 2, bad, 1.0))
    with pytest.raises(ValueError, match=r"time_scale is .*expected a positive"):
        inversion.autoregression(np.arange(3), bad)


def test_a_covariance_that_is_none_is_refused():
    for matrix, message in ((skewed(), "symmetric"), (INDEFINITE, "positive definite")):
        with pytest.raises(ValueError, match=f"covariance is not {message}"):
            covariance_noise(matrix)


def test_a_singular_prior_is_refused():
    half = sp.csr_array(np.diag([1.0, 1.0, 0.0, 1.0, 1.0]))
    with pytest.raises(ValueError, match=r"singular.*pass it as null_space="):
        inversion.smooth_problem(DESIGN, half, null_space=np.zeros((CELLS, 0)))


HOST = {
    "scan",
    "select",
    "variance_components",
    "tune",
    "stream_sd",
    "posterior_samples",
}


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - HOST))
def test_checks_of_values_do_not_stand_in_the_way_of_jit(name):
    at = jax.tree.map(jnp.asarray, (PROBLEM, GOOD, ONES, 1.0))
    jax.eval_shape(FUNCTIONS[name], *at)


def test_an_epoch_without_data_has_the_prior():
    data = GOOD.copy()
    data[1] = np.nan
    assert (
        not inversion.solve(PROBLEM, inversion.observations(data, ONES), 2.0)
        .load[1]
        .any()
    )
    assert not weighed_down(PROBLEM, data, ONES, 2.0).solution.load[1].any()
    assert FUNCTIONS["degrees_of_freedom"](PROBLEM, data, ONES, 2.0)[1] == 0
    assert FUNCTIONS["epoch_log_evidence"](PROBLEM, data, ONES, 2.0)[1] == 0
    prior = np.sqrt(inversion.prior_variance(PRIOR))[CELL] / 2
    got = inversion.posterior_sd(
        inversion.factorise(PROBLEM, inversion.observations(data, ONES), 2.0),
        known_target(),
    ).sd[1]
    np.testing.assert_allclose(got, prior, rtol=1e-10)


def test_a_record_without_data_is_no_error_where_there_is_an_answer():
    nothing = np.full((EPOCHS, ROWS), np.nan)
    assert not inversion.solve(
        PROBLEM, inversion.observations(nothing, ONES), 1.0
    ).load.any()
    assert not FUNCTIONS["solve_in_time"](PROBLEM, nothing, ONES, 1.0).load.any()
    assert np.isnan(
        inversion.leave_one_out(
            inversion.factorise(PROBLEM, inversion.observations(nothing, ONES), 1.0)
        )
    )
    free = sp.csr_array(np.diff(np.eye(CELLS), axis=0))
    problem = inversion.smooth_problem(DESIGN, free)
    assert (
        inversion.log_evidence(
            inversion.factorise(problem, inversion.observations(nothing, ONES), 1.0)
        )
        == 0
    )
    assert not inversion.solve(
        problem, inversion.observations(nothing, ONES), 1.0
    ).ok.any()
    for name in ("scan", "select", "tune", "variance_components"):
        with pytest.raises(ValueError, match=r"no epoch|no observation"):
            FUNCTIONS[name](PROBLEM, nothing, ONES, 1.0)


def test_a_component_that_vanishes_has_not_converged():
    """Data without any scatter say so of the noise, and a warning says it not."""
    level = np.ones((EPOCHS, ROWS))
    found = inversion.variance_components(
        PROBLEM, inversion.observations(level, ONES), beta=1.0
    )
    assert not found.converged


def test_integers_are_numbers():
    whole = np.arange(EPOCHS * ROWS).reshape(EPOCHS, ROWS)
    got = inversion.solve(PROBLEM, inversion.observations(whole, np.ones(ROWS, int)), 1)
    want = inversion.solve(
        PROBLEM, inversion.observations(whole.astype(float), ONES), 1.0
    )
    np.testing.assert_array_equal(got.load, want.load)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - HOST))
def test_a_float32_design_makes_all_of_it_float32(name):
    low = jax.tree.map(lambda values: values.astype(jnp.float32), PROBLEM)
    got = FUNCTIONS[name](low, GOOD, ONES, 1.0)
    assert all(leaf.dtype != np.float64 for leaf in jax.tree.leaves(got))

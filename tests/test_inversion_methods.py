"""Every method against normal equations; derivatives, memory, choice and failure."""

import dataclasses
import itertools
import re
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sp
from jax.test_util import check_grads

from jaxload import inversion
from jaxload._platform import form
from jaxload.inversion.estimation.cost_model import (
    METHODS,
    ProblemSize,
    costs,
    fastest_method,
)
from jaxload.inversion.estimation.method import planned
from jaxload.inversion.linalg.iterative_refinement import Refinement, refined
from jaxload.inversion.linalg.pcg import ConjugateGradient
from jaxload.inversion.linalg.spd import determined_inverse
from jaxload.inversion.noise import Noise, exponential_correlation
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


QUICK = {
    ("definite", "sigma per row"),
    ("definite", "all, sigma per epoch"),
    ("free line", "all, sigma per row"),
}
CASES = [
    pytest.param(*case, marks=() if case in QUICK else pytest.mark.slow)
    for case in itertools.product(OPERATORS, NOISES)
]


@pytest.mark.parametrize(("prior", "noise"), CASES)
def test_all_methods_agree(prior, noise, displacement, rng):
    problem = a_problem(rng, prior)
    noise = noises(rng)[noise]
    gaps = inversion.find_pattern(displacement, kinds=1)
    want = textbook(problem, OPERATORS[prior], noise, displacement)
    commons = []
    for method in METHODS:
        if method == "shared" and np.ndim(noise.sigma) == 2:
            continue
        got = inversion.solve(
            problem,
            inversion.observations(displacement, noise, pattern=gaps),
            BETA,
            method=method,
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


@pytest.mark.parametrize("daily", [False, True])
def test_under_jit_without_gaps_nothing_changes(daily, displacement, rng):
    problem = a_problem(rng, "free level")
    sigma = noises(rng)["sigma per epoch" if daily else "sigma per row"].sigma
    want = inversion.solve(problem, inversion.observations(displacement, sigma), BETA)
    unknown = jax.jit(lambda *given: inversion.observations(*given))
    bound = unknown(displacement, sigma)
    assert bound.pattern is None
    got = jax.jit(inversion.solve)(problem, bound, BETA)
    np.testing.assert_allclose(got.load, want.load, rtol=1e-8, atol=1e-9)
    np.testing.assert_array_equal(got.ok, want.ok)


POINT = np.array([[1.0, np.nan, -0.5, 0.2], [0.3, 0.2, 0.8, -1.0]])


@dataclasses.dataclass
class Inputs:
    """What `outputs` below takes, each alone or together."""

    design: np.ndarray
    displacement: np.ndarray
    sigma: np.ndarray
    beta: float
    mean: np.ndarray
    length: float
    common: np.ndarray


@pytest.fixture
def inputs(rng):
    return Inputs(
        rng.normal(size=(4, 3)),
        np.nan_to_num(POINT),
        rng.uniform(0.7, 1.4, 4),
        0.8,
        rng.normal(size=(2, 3)),
        0.6,
        np.array([0.4, 1.1]),
    )


DISTANCE = abs(np.subtract.outer(np.arange(4.0), np.arange(4.0)))


def outputs(operator, method, given):
    """Load, fit and offset as functions of every array and hyperparameter."""
    problem = inversion.smooth_problem(given["design"], operator)
    penalty = jnp.asarray((operator.T @ operator).toarray())
    problem = dataclasses.replace(problem, normal=penalty)
    noise = Noise(
        given["sigma"],
        exponential_correlation(jnp.asarray(DISTANCE), given["length"], 0.8),
        given["common"],
        jnp.array([1.0, 1.0, 0.0, 1.0]),
    )
    data = jnp.where(np.isnan(POINT), jnp.nan, given["displacement"])
    gaps = inversion.find_pattern(POINT, kinds=1)
    found = inversion.solve(
        problem,
        inversion.observations(data, noise, pattern=gaps),
        given["beta"],
        mean=given["mean"],
        method=method,
    )
    return found.load, found.fitted, found.common


THOROUGH = pytest.mark.thorough
SMALL = {"definite": CHAIN.tocsr()[:3, :3], "free level": SLOPE.tocsr()[:2, :3]}


FIRST_ORDER = [
    pytest.param(*case, marks=() if case[0] in ("shared", "epoch") else THOROUGH)
    for case in itertools.product(METHODS, SMALL)
]


@pytest.mark.slow
@pytest.mark.parametrize(("method", "prior"), FIRST_ORDER)
def test_derivatives_of_first_order(method, prior, inputs):
    given = jax.tree.map(jnp.asarray, dataclasses.asdict(inputs))
    function = jax.jit(lambda given: outputs(SMALL[prior], method, given))
    check_grads(function, (given,), order=1, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "prior"),
    [
        ("shared", "free level"),
        pytest.param("epoch", "definite", marks=pytest.mark.thorough),
        pytest.param("conjugate_gradient", "free level", marks=pytest.mark.thorough),
        pytest.param("primal", "definite", marks=pytest.mark.thorough),
        pytest.param("refined", "definite", marks=pytest.mark.thorough),
    ],
)
def test_derivatives_of_second_order(method, prior, inputs):
    given = jax.tree.map(jnp.asarray, dataclasses.asdict(inputs))
    # The design goes through the host; its second order has a test of its own.
    design = given.pop("design")
    function = jax.jit(
        lambda given: outputs(SMALL[prior], method, given | {"design": design})
    )
    check_grads(function, (given,), order=2, modes=["fwd", "rev"], atol=1e-3, rtol=1e-3)


@pytest.mark.slow
def test_an_epoch_that_is_not_ok_leaves_the_gradient_of_the_others_finite(rng):
    """A loss over the epochs that are ok can be learned from."""
    problem = a_problem(rng, "free level")
    displacement = rng.normal(size=(EPOCHS, ROWS))
    displacement[2] = np.nan

    def loss(design, beta):
        problem = inversion.smooth_problem(design, SLOPE)
        found = inversion.solve(
            problem, inversion.observations(displacement, np.ones(ROWS)), beta
        )
        return jnp.sum(jnp.where(found.ok[:, None], found.load, 0) ** 2)

    assert not inversion.solve(
        problem, inversion.observations(displacement, np.ones(ROWS)), BETA
    ).ok[2]
    for gradient in jax.grad(loss, argnums=(0, 1))(problem.design, BETA):
        assert np.isfinite(gradient).all()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["shared", "epoch", "conjugate_gradient"])
def test_the_reverse_pass_takes_at_most_three_times_the_memory(method, rng):
    epochs, rows, cells = 600, 40, 60
    design = rng.normal(size=(rows, cells))
    displacement = rng.normal(size=(epochs, rows))
    for row in range(rows):
        for start in rng.integers(0, epochs, 6):
            displacement[start : start + 15, row] = np.nan
    problem = inversion.smooth_problem(design, sp.eye_array(cells))
    gaps = inversion.find_pattern(displacement, kinds=2)

    def loss(problem, displacement, sigma, beta, gaps):
        found = inversion.solve(
            problem,
            inversion.observations(displacement, sigma, pattern=gaps),
            beta,
            method=method,
        )
        return jnp.sum(found.load**2)

    at = (problem, jnp.asarray(displacement), jnp.ones(rows), jnp.asarray(0.5), gaps)
    gradient = jax.grad(loss, argnums=(0, 1, 2, 3))
    taken = []
    for function in (loss, gradient):
        memory = jax.jit(function).lower(*at).compile().memory_analysis()
        taken.append(memory.temp_size_in_bytes + memory.output_size_in_bytes)
    assert taken[1] < 3 * taken[0]


def test_an_epoch_that_has_not_converged_is_flagged(displacement, rng):
    problem = a_problem(rng, "definite")
    displacement[4] = np.nan
    few = ConjugateGradient(iterations=1)
    daily = noises(rng)["sigma per epoch"]
    got = inversion.solve(
        problem, inversion.observations(displacement, daily), BETA, method=few
    )
    assert got.ok[4]
    assert got.ok.sum() == 1
    assert np.isnan(got.load[~got.ok]).all()


@pytest.mark.slow
def test_a_matrix_that_is_not_positive_definite_is_flagged_by_each(displacement, rng):
    problem = a_problem(rng, "definite")
    bad = dataclasses.replace(problem, gram=-1e3 * problem.gram)
    for method in ("shared", "epoch", "conjugate_gradient", "refined"):
        got = inversion.solve(
            bad,
            inversion.observations(displacement, np.ones(ROWS)),
            BETA,
            method=method,
        )
        assert not got.ok.any(), method


@pytest.mark.parametrize("method", METHODS[1:])
def test_situations_of_the_field_change_nothing(method, displacement, rng):
    """A prior mean, two receivers at one place, an epoch without data, a drift."""
    design = rng.normal(size=(ROWS, CELLS))
    design[1] = design[0]
    twice = inversion.smooth_problem(design, SLOPE)
    noise = noises(rng)["all, sigma per epoch"]
    displacement[1], mean = np.nan, rng.normal(size=(EPOCHS, CELLS))
    left = displacement - mean @ design.T
    some = np.arange(EPOCHS) != 1
    got = inversion.solve(
        twice,
        inversion.observations(displacement, noise),
        BETA,
        mean=mean,
        method=method,
    )
    np.testing.assert_array_equal(got.ok, some)
    left[1] = 0
    want = (mean + textbook(twice, SLOPE, noise, left))[some]
    np.testing.assert_allclose(
        got.load[some], want, rtol=1e-8, atol=1e-8 * abs(want).max()
    )


def test_the_problem_of_few_cells_can_be_solved_by_normal_equations(rng):
    """A map of amplitudes and a free level included."""
    scale = rng.uniform(0.5, 2.0, CELLS)
    prior = inversion.smooth_prior(SLOPE, scale=scale)
    problem = inversion.prior_problem(rng.normal(size=(ROWS, CELLS)), prior)
    data = rng.normal(size=(EPOCHS, ROWS))
    want = inversion.solve(
        problem, inversion.observations(data, np.ones(ROWS)), BETA, method="epoch"
    )
    got = inversion.solve(
        problem, inversion.observations(data, np.ones(ROWS)), BETA, method="primal"
    )
    np.testing.assert_allclose(got.load, want.load, rtol=1e-8, atol=1e-9)
    assert inversion.prior_problem(problem.design[:CELLS], prior).normal is None


def test_more_gaps_than_data_change_nothing(rng):
    problem = a_problem(rng, "definite")
    displacement = np.full((EPOCHS, ROWS), np.nan)
    displacement[np.arange(EPOCHS), np.arange(EPOCHS) % ROWS] = 1.0
    want = textbook(problem, CHAIN, Noise(np.ones(ROWS)), displacement)
    for method in METHODS:
        got = inversion.solve(
            problem,
            inversion.observations(displacement, np.ones(ROWS)),
            BETA,
            method=method,
        )
        np.testing.assert_allclose(got.load, want, rtol=1e-8, atol=1e-9)


@pytest.mark.slow
def test_fewer_data_than_free_fields_are_flagged_by_each(rng):
    """One observation cannot tell a level from a slope."""
    problem = a_problem(rng, "free line")
    displacement = rng.normal(size=(EPOCHS, ROWS))
    displacement[3, 1:] = np.nan
    for method in METHODS[:4]:
        got = inversion.solve(
            problem,
            inversion.observations(displacement, np.ones(ROWS)),
            BETA,
            method=method,
        )
        assert not got.ok[3], method
        assert got.ok.sum() == EPOCHS - 1, method


def hilbert(dtype):
    """Rows so alike that float32 cannot tell them apart."""
    place = np.linspace(0, 1, ROWS)
    design = np.exp(-((place[:, None] - np.linspace(0, 1, CELLS)[None, :]) ** 2))
    return inversion.smooth_problem(jnp.asarray(design * 30, dtype), CHAIN)


@pytest.mark.parametrize(
    ("method", "beta"),
    [
        ("shared", 1.0),
        ("shared", 10.0),
        ("shared", 100.0),
        ("primal", 0.03),
        ("primal", 10.0),
    ],
)
def test_float32_warns_where_its_rounding_is_more_than_a_hundredth_of_sigma(
    method, beta, rng
):
    """What it says is what the rounding does, within a factor of three."""
    values = 100 * rng.normal(size=(EPOCHS, ROWS))
    data = inversion.observations(values, np.ones(ROWS)), beta
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        low = inversion.solve(hilbert(jnp.float32), *data, method=method)
        high = inversion.solve(hilbert(jnp.float64), *data, method=method)
    error = abs(np.asarray(low.fitted) - np.asarray(high.fitted)).max()
    if error < 0.01:
        assert not caught, str(caught[0].message)
        return
    (warning,) = caught
    assert warning.category is RuntimeWarning
    said = float(re.search(r"error of (\S+) sigma", str(warning.message)).group(1))
    assert error / 3 < said < error * 3


@pytest.mark.parametrize("method", METHODS)
def test_float32_stays_float32_and_near(method, displacement, rng):
    problem = a_problem(rng, "definite")
    low = jax.tree.map(lambda values: values.astype(jnp.float32), problem)
    want = inversion.solve(
        problem, inversion.observations(displacement, np.ones(ROWS)), BETA
    )
    got = inversion.solve(
        low, inversion.observations(displacement, np.ones(ROWS)), BETA, method=method
    )
    assert got.load.dtype == got.fitted.dtype == got.common.dtype == jnp.float32
    assert got.ok.all()
    np.testing.assert_allclose(got.load, want.load, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_refinement_solves_what_float32_cannot_invert(rng):
    rows, cells = 120, 60
    operator = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(cells,) * 2)
    problem = inversion.smooth_problem(rng.normal(size=(rows, cells)), operator)
    displacement = rng.normal(size=(4, rows))
    displacement[1, 5] = np.nan
    beta = float(np.sqrt(np.linalg.norm(problem.gram, 2) / 1e5))
    bound = inversion.observations(displacement, np.ones(rows))
    data = (problem, bound, beta)
    got, want = inversion.solve(*data, method="refined"), inversion.solve(*data)
    assert got.ok.all()
    np.testing.assert_allclose(got.load, want.load, atol=1e-6 * abs(want.load).max())


def test_each_step_of_refinement_divides_the_error(rng):
    root = rng.normal(size=(ROWS, ROWS))
    matrix = jnp.asarray(root @ root.T + ROWS * np.eye(ROWS))
    right = jnp.asarray(rng.normal(size=(3, ROWS)))
    low = jnp.linalg.inv(matrix).astype(jnp.float32)
    error = []
    for steps in (0, 1, 4):
        found, solved = refined(
            lambda values: values @ matrix,
            lambda values: values @ low,
            right,
            Refinement(1e-13, steps),
        )
        want = np.linalg.solve(matrix, right.T).T
        error.append(abs(found - want).max() / abs(want).max())
        assert solved.all() or steps == 0
    assert error[0] > 1e-8
    assert error[1] < 1e-3 * error[0]
    assert error[2] < 1e-13


CHOICES = {
    "western US, sigma per row": (
        ProblemSize(6209, 332, 6811, 0, 46.0, True),
        "shared",
    ),
    "western US, sigma per day": (ProblemSize(6209, 332, 6811), "ConjugateGradient"),
    "a few stations": (ProblemSize(3000, 9, 800), "ConjugateGradient"),
    "few cells, many rows": (ProblemSize(500, 400, 30, normal=True), "primal"),
    "one epoch": (ProblemSize(1, 300, 5000), "epoch"),
}


@pytest.mark.parametrize("name", CHOICES)
def test_shapes_choose_the_method(name):
    shape, want = CHOICES[name]
    chosen = fastest_method(shape)
    assert (chosen if isinstance(chosen, str) else type(chosen).__name__) == want
    assert all(cost > 0 for cost in costs(shape).values())


#: What an H200 would choose: an inverse of each epoch is cheap for few stations.
CHOICES_OF_ACCELERATORS = {
    "western US, sigma per row": (
        ProblemSize(6209, 332, 6811, 0, 46.0, True),
        "shared",
    ),
    "western US, sigma per day": (ProblemSize(6209, 332, 6811), "ConjugateGradient"),
    "a few stations": (ProblemSize(3000, 9, 800), "epoch"),
    "a network of 100, sigma per day": (ProblemSize(3000, 100, 800), "epoch"),
    "one epoch": (ProblemSize(1, 300, 5000), "epoch"),
}


@pytest.mark.parametrize("name", CHOICES_OF_ACCELERATORS)
def test_shapes_choose_the_method_of_an_accelerator(name):
    shape, want = CHOICES_OF_ACCELERATORS[name]
    chosen = fastest_method(shape, "accelerator")
    assert (chosen if isinstance(chosen, str) else type(chosen).__name__) == want
    # No method is dearer than on two cores.
    there, here = costs(shape, "accelerator"), costs(shape)
    assert there.keys() == here.keys()
    assert all(0 < there[name] < here[name] for name in there)


def test_the_method_is_that_of_where_the_data_lie(rng):
    design = rng.normal(size=(30, 60))
    problem = inversion.smooth_problem(design, sp.eye_array(60))
    values = rng.normal(size=(400, len(design)))
    sigma = rng.uniform(1, 2, size=values.shape)
    data = inversion.observations(values, sigma)
    shape = ProblemSize(400, *design.shape)
    for name in ("cpu", "accelerator"):
        with form(name):
            chosen, _ = planned(problem, data, None)
        # One of them by its name, the other with its settings.
        assert type(chosen) is type(fastest_method(shape, name))
    assert isinstance(fastest_method(shape, "cpu"), ConjugateGradient)
    assert fastest_method(shape, "accelerator") == "epoch"


ERRORS = {
    "unknown": (
        lambda p, d: inversion.solve(
            p, inversion.observations(d, np.ones(ROWS)), BETA, method="fast"
        ),
        "method is 'fast', expected one of",
    ),
    "shared for daily sigma": (
        lambda p, d: inversion.solve(
            p, inversion.observations(d, np.ones(d.shape)), BETA, method="shared"
        ),
        "the same at all epochs",
    ),
    "shared under jit": (
        lambda p, d: jax.jit(
            lambda d: (
                inversion.solve(
                    p, inversion.observations(d, np.ones(ROWS)), BETA, method="shared"
                ).load
            )
        )(d),
        "call find_pattern outside",
    ),
    "primal without L": (
        lambda p, d: inversion.solve(
            dataclasses.replace(p, normal=None),
            inversion.observations(d, np.ones(ROWS)),
            BETA,
            method="primal",
        ),
        "with_normal_matrix",
    ),
    "operator of other cells": (
        lambda p, _: with_normal_matrix(p, sp.eye_array(3)),
        "operator has 3 along 'cell'",
    ),
    "tolerance": (lambda *_: ConjugateGradient(tolerance=2.0), "tolerance is 2"),
    "iterations": (lambda *_: ConjugateGradient(iterations=0), "iterations is 0"),
    "tolerance of refinement": (lambda *_: Refinement(tolerance=0.0), "tolerance is 0"),
    "steps": (lambda *_: Refinement(steps=-1), "steps is -1"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_wrong_is_named(name, displacement, rng):
    call, message = ERRORS[name]
    with pytest.raises(ValueError, match=message):
        call(a_problem(rng, "definite"), displacement)


def test_unknowns_that_only_rounding_tells_apart_are_not_known():
    alike = jnp.array([[1.0, 1.0], [1.0, 1.0 + 1e-14]])
    apart = jnp.array([[1e-12, 0.5e-6], [0.5e-6, 1.0]])
    inverted, known = determined_inverse(jnp.stack([alike, apart, 0 * apart]))
    np.testing.assert_array_equal(known, [False, True, False])
    np.testing.assert_allclose(inverted[1] @ apart, np.eye(2), atol=1e-9)
    assert np.isfinite(inverted).all()

"""Every function that can be differentiated, by all its numbers, in one table.

`solve` has a table of its own for each of its methods, in test_inversion_methods.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sp
from jax.test_util import check_grads

from jaxload import inversion
from jaxload.inversion.noise import Noise, exponential_correlation
from jaxload.inversion.temporal.evidence import temporal_log_evidence

GAPPED = np.array([[1.0, np.nan, -0.5, 0.2], [0.3, 0.2, 0.8, -1.0], [0.7, 0.1, 0.4, 2]])
EPOCHS, ROWS = GAPPED.shape
CELLS = 5
TIMES = np.array([0.0, 1.0, 2.5])
SLOPE = sp.diags_array([-1.0, 1.0], offsets=[0, 1], shape=(CELLS - 1, CELLS))
PRIOR = inversion.smooth_prior(SLOPE)
DESIGN = np.random.default_rng(5).normal(size=(ROWS, CELLS))
PROBLEM = inversion.prior_problem(DESIGN, PRIOR)
TARGET = inversion.some_cells(PROBLEM, PRIOR, np.arange(2))
GAPS = inversion.find_pattern(GAPPED, kinds=1)
DISTANCE = jnp.asarray(abs(np.subtract.outer(np.arange(4.0), np.arange(4.0))))
GROUPS = np.array([0, 0, 1, 1])


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Numbers:
    """What functions are differentiated by; logarithms where positive."""

    data: jax.Array
    beta: jax.Array
    sigma: jax.Array
    common: jax.Array
    length: jax.Array
    mean: jax.Array
    time_scale: jax.Array

    @property
    def observed(self):
        return jnp.where(np.isnan(GAPPED), jnp.nan, self.data)

    @property
    def plain(self):
        data = inversion.observations(self.observed, jnp.exp(self.sigma))
        return data, jnp.exp(self.beta)

    @property
    def shared(self):
        correlation = exponential_correlation(DISTANCE, jnp.exp(self.length), 0.8)
        noise = Noise(jnp.exp(self.sigma), correlation, jnp.exp(self.common))
        data = inversion.observations(self.observed, noise, pattern=GAPS)
        return data, jnp.exp(self.beta)

    @property
    def factor(self):
        return inversion.factorise(PROBLEM, *self.shared)

    @property
    def about_mean(self):
        return inversion.factorise(PROBLEM, *self.shared, mean=self.mean)

    @property
    def daily(self):
        sigma = jnp.exp(self.sigma)[None, :] * (1 + 0.1 * jnp.arange(3.0))[:, None]
        data = inversion.observations(self.observed, sigma)
        return inversion.factorise(PROBLEM, data, jnp.exp(self.beta))

    @property
    def memory(self):
        return inversion.autoregression(TIMES, jnp.exp(self.time_scale))


def at(rng):
    return Numbers(
        jnp.asarray(np.nan_to_num(GAPPED)),
        jnp.asarray(-0.2),
        jnp.asarray(0.3 * rng.normal(size=ROWS)),
        jnp.asarray(0.1),
        jnp.asarray(0.2),
        jnp.asarray(rng.normal(size=(EPOCHS, CELLS))),
        jnp.asarray(0.5),
    )


def solution(found):
    return found.load, found.fitted, found.common


def network(numbers):
    """Losses of stations and gains of new ones, which look like turned old ones."""
    weights = 0.1 + np.arange(2.0 * CELLS).reshape(2, CELLS)
    factor = inversion.factorise(PROBLEM, *numbers.plain)
    stations = inversion.monitoring_network(factor, PRIOR, weights)
    places = inversion.candidates(DESIGN[::-1] + 0.3, jnp.exp(numbers.common))
    losses = inversion.station_losses(stations)
    return losses, inversion.candidate_gains(stations, places)


def robust(loss, numbers):
    loss = dataclasses.replace(loss, tolerance=1e-12, iterations=500)
    found = inversion.reweight(PROBLEM, *numbers.plain, loss, mean=numbers.mean)
    return solution(found.solution)


#: Criteria and estimates, as functions of `Numbers`.
TABLE = {
    "solve": lambda n: solution(inversion.solve(PROBLEM, *n.shared, mean=n.mean)),
    "factorise": lambda n: n.factor.solved,
    "reweight, Huber": functools.partial(robust, inversion.Huber()),
    "reweight, StudentT": functools.partial(robust, inversion.StudentT()),
    "solve_in_time": lambda n: solution(
        inversion.solve_in_time(PROBLEM, *n.plain, n.memory, mean=n.mean)
    ),
    "solve_in_time, shared noise": lambda n: solution(
        inversion.solve_in_time(PROBLEM, *n.shared, n.memory, mean=n.mean)
    ),
    "temporal_log_evidence": lambda n: temporal_log_evidence(
        PROBLEM, *n.shared, n.memory, mean=n.mean
    ),
    "leave_one_out": lambda n: inversion.leave_one_out(n.factor),
    "leave_group_out": lambda n: inversion.leave_group_out(n.factor, GROUPS),
    "gcv": lambda n: inversion.gcv(n.factor),
    "l_curve": lambda n: jax.tree.leaves(inversion.l_curve(n.factor)),
    "log_evidence": lambda n: inversion.log_evidence(n.about_mean),
    "abic": lambda n: inversion.abic(n.about_mean),
    "posterior_sd": lambda n: inversion.posterior_sd(n.factor, TARGET).sd,
    "posterior_sd, daily sigma": lambda n: inversion.posterior_sd(n.daily, TARGET).sd,
    "posterior_covariance": lambda n: inversion.posterior_covariance(n.factor, TARGET),
    "averaging_kernels": lambda n: inversion.averaging_kernels(n.factor, TARGET),
    "point_spread": lambda n: inversion.point_spread(
        inversion.factorise(PROBLEM, *n.plain), np.arange(2)
    ),
    "leverage": lambda n: inversion.leverage(n.factor),
    "station_losses, candidate_gains": network,
    "degrees_of_freedom": lambda n: inversion.degrees_of_freedom(n.factor),
}

#: Those whose first derivatives are checked at every run; all are with ``-m slow``.
QUICK = {
    "leave_one_out",
    "log_evidence",
}
SLOW, THOROUGH = (pytest.mark.slow,), (pytest.mark.slow, pytest.mark.thorough)


#: Those of each kind that are always checked with ``-m slow``.
TYPICAL = {
    "solve",
    "reweight, Huber",
    "solve_in_time, shared noise",
    "leave_group_out",
    "posterior_sd, daily sigma",
    "averaging_kernels",
}


def marks(name, order):
    """Those that are minimised are checked most, second derivatives too."""
    if name in QUICK:
        return () if order == 1 else SLOW
    return SLOW if order == 1 and name in TYPICAL else THOROUGH


ORDERS = [
    pytest.param(name, order, marks=marks(name, order))
    for order in (1, 2)
    for name in TABLE
]


@pytest.mark.parametrize(("name", "order"), ORDERS)
def test_derivatives_agree_with_finite_differences(name, order, rng):
    function = jax.jit(TABLE[name])
    check_grads(function, (at(rng),), order, modes=["rev"], atol=1e-4, rtol=1e-4)


def through_the_prior(given):
    """The design, a map of amplitudes and a free field, into all that they enter."""
    prior = inversion.smooth_prior(SLOPE, scale=jnp.exp(given["scale"]))
    problem = inversion.prior_problem(given["design"], prior)
    data = inversion.observations(GAPPED, np.ones(ROWS), pattern=GAPS)
    found = inversion.solve(problem, data, 0.7)
    target = inversion.some_cells(problem, prior, np.arange(2))
    spread = inversion.posterior_sd(found, target)
    evidence = inversion.log_evidence(found)
    return found.load, found.fitted, spread.sd, evidence


@pytest.mark.slow
@pytest.mark.parametrize("order", [1, pytest.param(2, marks=pytest.mark.thorough)])
def test_derivatives_by_the_design_and_the_prior(order, rng):
    given = {
        "design": jnp.asarray(DESIGN),
        "scale": jnp.asarray(0.1 * rng.normal(size=CELLS)),
    }
    check_grads(
        jax.jit(through_the_prior),
        (given,),
        order,
        modes=["rev"],
        atol=1e-4,
        rtol=1e-4,
    )


@pytest.mark.slow
def test_derivatives_forwards_are_those_backwards(rng):
    """Of what is solved by an iteration or a filter; vectors on either side."""
    for name in ("solve_in_time, shared noise", "temporal_log_evidence"):
        function, numbers = TABLE[name], at(rng)
        ahead = jax.tree.map(lambda values: 1.0 + 0 * values, numbers)
        made, moved = jax.jvp(jax.jit(function), (numbers,), (ahead,))
        back = jax.vjp(jax.jit(function), numbers)[1](jax.tree.map(jnp.cos, made))[0]
        forwards = jax.tree.map(lambda m, v: jnp.sum(jnp.cos(m) * v), made, moved)
        backwards = jax.tree.map(jnp.sum, back)
        sums = [sum(map(float, jax.tree.leaves(t))) for t in (forwards, backwards)]
        np.testing.assert_allclose(*sums, rtol=1e-8)

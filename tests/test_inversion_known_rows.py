"""Rows known at every epoch, taken into the prior, against all rows at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sp
from jax.test_util import check_grads

from jaxload import inversion
from jaxload.inversion import Noise

EPOCHS, OTHERS, KNOWN, CELLS, BETA = 5, 6, 5, 9, 0.7
OPERATORS = {
    "nothing free": sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(9, 9)),
    "level free": sp.diags_array([-1.0, 1.0], offsets=[0, 1], shape=(8, 9)),
    "line free": sp.diags_array([1.0, -2.0, 1.0], offsets=[0, 1, 2], shape=(7, 9)),
}


@pytest.fixture(params=OPERATORS)
def problem(request, rng):
    design = rng.normal(size=(OTHERS + KNOWN, CELLS))
    return inversion.smooth_problem(design, OPERATORS[request.param])


@pytest.fixture
def displacement(rng):
    values = rng.normal(size=(EPOCHS, OTHERS + KNOWN))
    for epoch in range(EPOCHS):
        values[epoch, rng.permutation(OTHERS)[:epoch]] = np.nan
    return values


@pytest.fixture
def sigma(rng):
    return rng.uniform(0.3, 2.0, OTHERS + KNOWN)


def of_others(sigma):
    return Noise(jnp.asarray(sigma[:OTHERS]), common=jnp.asarray(1.7))


def of_all(sigma):
    rows = jnp.arange(len(sigma)) < OTHERS
    return Noise(jnp.asarray(sigma), common=jnp.asarray(1.7), common_rows=rows)


def given(problem, displacement, sigma, beta=BETA):
    known = (displacement[:, OTHERS:], sigma[OTHERS:])
    rest, foretold = inversion.given_last_rows(problem, *known, beta)
    return rest, displacement[:, :OTHERS] - foretold


def log_volume(drift, displacement):
    """Of the contrasts in which the restricted likelihood is a density."""
    seen = np.isfinite(displacement)
    normal = np.einsum("er,rk,rl->ekl", seen, drift, drift)
    return np.linalg.slogdet(normal)[1].sum() / 2


def test_the_density_is_that_of_the_known_rows_times_that_of_the_others(
    problem, displacement, sigma
):
    whole = inversion.log_evidence(
        inversion.factorise(
            problem, inversion.observations(displacement, of_all(sigma)), BETA
        )
    )
    without_rows = displacement.copy()
    without_rows[:, :OTHERS] = np.nan
    known = inversion.log_evidence(
        inversion.factorise(problem, inversion.observations(without_rows, sigma), BETA)
    )
    whole = whole - log_volume(problem.null_space_response, displacement)
    known = known - log_volume(problem.null_space_response, without_rows)
    rest, left = given(problem, displacement, sigma)
    others = inversion.log_evidence(
        inversion.factorise(rest, inversion.observations(left, of_others(sigma)), BETA)
    )
    np.testing.assert_allclose(known + others, whole, rtol=1e-8)


def test_what_the_others_add_to_the_load_completes_it(problem, displacement, sigma):
    without_rows = displacement.copy()
    without_rows[:, :OTHERS] = np.nan
    known = inversion.solve(problem, inversion.observations(without_rows, sigma), BETA)
    whole = inversion.solve(
        problem, inversion.observations(displacement, of_all(sigma)), BETA
    )
    rest, left = given(problem, displacement, sigma)
    want = displacement[:, :OTHERS] - known.fitted[:, :OTHERS]
    np.testing.assert_allclose(left, want, atol=1e-8)
    added = inversion.solve(rest, inversion.observations(left, of_others(sigma)), BETA)
    np.testing.assert_allclose(known.load + added.load, whole.load, atol=1e-8)
    np.testing.assert_allclose(
        known.fitted[:, :OTHERS] + added.fitted, whole.fitted[:, :OTHERS], atol=1e-8
    )


@pytest.mark.slow
def test_it_differentiates_in_what_is_known(problem, displacement, sigma):
    def evidence(values, errors, beta):
        up = jnp.asarray(displacement).at[:, OTHERS:].set(values)
        rest, left = given(
            problem, up, jnp.asarray(sigma).at[OTHERS:].set(errors), beta
        )
        return inversion.log_evidence(
            inversion.factorise(
                rest, inversion.observations(left, of_others(sigma)), beta
            )
        )

    at = (jnp.asarray(displacement[:, OTHERS:]), jnp.asarray(sigma[OTHERS:]), BETA)
    check_grads(jax.jit(evidence), at, order=1, modes=["rev"], rtol=1e-5)


@pytest.mark.parametrize("known", [0, 12])
def test_known_rows_are_some_of_the_rows(problem, known):
    with pytest.raises(ValueError, match=f"has {known} known rows, expected 1 to 11"):
        inversion.given_last_rows(problem, np.zeros((3, known)), np.ones(known), BETA)

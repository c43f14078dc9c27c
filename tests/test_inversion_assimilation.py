"""Monthly means of the load brought into days, against the joint solve written out."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sp
import scipy.stats
from jax.test_util import check_grads

from jaxload import inversion
from jaxload.inversion.assimilation import mean_innovations, period_evidence

EPOCHS, ROWS, CELLS, MEANS, BETA = 12, 6, 9, 2, 0.6
CHAIN = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(CELLS, CELLS))
SLOPE = sp.diags_array([-1.0, 1.0], offsets=[0, 1], shape=(CELLS - 1, CELLS))
PERIOD = np.repeat([0, 1, 2, 3], 3)
YEARS = np.array([0.04, 0.12, 0.21, 0.63])


def case(rng, operator=CHAIN, daily=False, gaps=True, drift=0, beyond=None, offset=0.3):
    """With a period without means, and another without one of them."""
    prior = inversion.smooth_prior(operator)
    problem = inversion.prior_problem(rng.normal(size=(ROWS, CELLS)), prior)
    values = rng.normal(size=(EPOCHS, ROWS))
    if gaps:
        values[rng.uniform(size=values.shape) < 0.2] = np.nan
        values[7, 2:] = np.nan
    sigma = rng.uniform(0.5, 2, (EPOCHS, ROWS) if daily else ROWS)
    data = inversion.observations(values, inversion.Noise(sigma, common=offset))
    observed = rng.normal(size=(4, MEANS))
    observed[2] = observed[3, 0] = np.nan
    means = inversion.ObservedMeans(
        design=rng.uniform(size=(MEANS, CELLS)),
        values=observed,
        covariance=np.array([[0.5, 0.1], [0.1, 0.7]]),
        period=PERIOD,
        years=YEARS,
        drift=YEARS[:, None] ** np.arange(drift),
        beyond=beyond,
    )
    return prior, problem, data, means


def joint(prior, problem, data, means, model):
    """Posterior of all epochs at once, from covariances written out.

    The data are each epoch's estimate by its own heights and the observed means.
    """
    covariance = np.asarray(inversion.prior_covariance(prior, np.eye(CELLS))) / BETA**2
    design, values = np.asarray(problem.design), np.asarray(data.values)
    load, noise = persistence(model)
    estimate = np.zeros((EPOCHS * CELLS, EPOCHS * ROWS))
    for epoch in range(EPOCHS):
        seen = np.isfinite(values[epoch])
        inside = design[seen]
        matrix = inside @ covariance @ inside.T
        matrix += noise_of(data, epoch)[np.ix_(seen, seen)]
        gain = np.linalg.solve(matrix, inside @ covariance).T
        rows = epoch * ROWS + np.flatnonzero(seen)
        estimate[epoch * CELLS : (epoch + 1) * CELLS, rows] = gain
    observe = np.kron(np.eye(EPOCHS), design)
    left = np.eye(EPOCHS * CELLS) - estimate @ observe
    of_noise = np.block(
        [
            [noise[i, j] * shared_noise(data, i, j) for j in range(EPOCHS)]
            for i in range(EPOCHS)
        ]
    )
    errors = left @ np.kron(load, covariance) @ left.T
    apart = YEARS[PERIOD][:, None] - YEARS[PERIOD]
    common = model.common**2 * np.exp(-abs(apart) / model.decay_years)
    common += model.common_seasonal**2 * np.cos(2 * np.pi * apart)
    # Of what all rows share, the epochs' estimates know nothing.
    of_noise = of_noise + np.kron(common, np.ones((ROWS, ROWS)))
    errors += estimate @ of_noise @ estimate.T
    first = estimate @ np.nan_to_num(values).reshape(-1)
    used = np.array([0, 1, 3])
    average = np.kron((PERIOD[None] == used[:, None]) / 3.0, means.design)
    drift = (
        mean_innovations.DRIFT**2
        * np.diag(means.covariance).mean()
        * means.drift
        @ means.drift.T
    )
    extra = np.kron(np.eye(3), model.error_factor**2 * means.covariance)
    extra += np.kron(drift[np.ix_(used, used)], np.eye(MEANS))
    if means.beyond is not None:
        weights = (PERIOD[None] == used[:, None]) / 3.0
        between = weights @ load @ weights.T
        extra += np.kron(model.beyond**2 * between, means.beyond)
    known = np.isfinite(means.values[used].reshape(-1))
    average, extra = average[known], extra[np.ix_(known, known)]
    whole = average @ errors @ average.T + extra
    innovation = means.values[used].reshape(-1)[known] - average @ first
    gain = np.linalg.solve(whole, average @ errors).T
    density = scipy.stats.multivariate_normal(cov=whole).logpdf(innovation)
    after = errors - gain @ average @ errors
    rows = np.kron(np.eye(EPOCHS), np.ones((1, ROWS)))
    seen_by = -common @ rows @ estimate.T @ average.T
    shared = seen_by @ np.linalg.solve(whole, innovation)
    return (first + gain @ innovation).reshape(EPOCHS, CELLS), after, density, shared


def persistence(model):
    apart = YEARS[PERIOD][:, None] - YEARS[PERIOD]
    slow = np.exp(-abs(apart) / model.decay_years)
    load = model.seasonal * np.cos(2 * np.pi * apart) + model.slow * slow
    daily = 1 - model.seasonal - model.slow
    noise = model.noise * slow + (1 - model.noise) * np.eye(EPOCHS)
    return load + daily * np.eye(EPOCHS), noise


def noise_of(data, epoch):
    return shared_noise(data, epoch, epoch)


def shared_noise(data, first, second):
    sigma = np.asarray(data.noise.sigma)
    one, other = (sigma, sigma) if sigma.ndim == 1 else (sigma[first], sigma[second])
    offset = data.noise.common
    return np.diag(one * other) + (0.0 if offset is None else float(offset))


def assimilated(prior, problem, data, means, model):
    solution = inversion.solve_representers(problem, data, BETA)
    return inversion.assimilate(inversion.innovations(solution, prior, means), model)


def spread_of(result, prior, problem):
    """Posterior variance of every cell and of a sum, (epoch, cell + 1)."""
    factor = result.solution.factor
    one = np.ones((1, CELLS))
    columns = []
    for target, weights in (
        (inversion.every_cell(problem, prior), None),
        (inversion.averages(problem, prior, one), one),
    ):
        variance = np.asarray(inversion.posterior_sd(factor, target).sd) ** 2
        for epochs, part in inversion.assimilated_reduction(result, target, weights):
            variance[epochs] -= part
        columns.append(variance)
    return np.concatenate(columns, axis=1)


@pytest.mark.parametrize("daily", [False, True])
def test_independent_days_and_months_have_the_joint_posterior(daily, rng):
    model = inversion.PeriodModel()
    prior, problem, data, means = case(rng, daily=daily)
    result = assimilated(prior, problem, data, means, model)
    load, covariance, *_ = joint(prior, problem, data, means, model)
    np.testing.assert_allclose(result.solution.load, load, atol=1e-10)
    np.testing.assert_allclose(
        result.solution.fitted, load @ np.asarray(problem.design).T, atol=1e-10
    )
    each = covariance.reshape(EPOCHS, CELLS, EPOCHS, CELLS)
    each = np.einsum("eced->ecd", each)
    want = np.einsum("ecc->ec", each), each.sum(axis=(1, 2))[:, None]
    got = spread_of(result, prior, problem)
    np.testing.assert_allclose(got, np.concatenate(want, axis=1), atol=1e-10)


LASTING = inversion.PeriodModel(0.4, 0.35, 0.3, 0.2, 1.3, 0.8, 0.6, 0.5)
BEYOND = np.array([[1.0, 0.4], [0.4, 0.9]])


@pytest.mark.parametrize("operator", [CHAIN, SLOPE])
def test_load_and_noise_that_persist_are_weighed_as_in_the_joint_system(operator, rng):
    prior, problem, data, means = case(rng, operator, drift=2, beyond=BEYOND)
    if operator is SLOPE:
        # The level is free: it has no prior variance to write out, but a large one.
        flat = np.full((CELLS, 1), CELLS**-0.5)
        loose = np.asarray(inversion.prior_covariance(prior, np.eye(CELLS)))
        loose = loose + 1e7 * flat @ flat.T
        root = np.linalg.inv(np.linalg.cholesky(loose))
        wide = inversion.smooth_prior(sp.csr_array(root))
        problem_wide = inversion.prior_problem(np.asarray(problem.design), wide)
        want = joint(wide, problem_wide, data, means, LASTING)
        tolerance = 1e-4
    else:
        want, tolerance = joint(prior, problem, data, means, LASTING), 1e-9
    result = assimilated(prior, problem, data, means, LASTING)
    np.testing.assert_allclose(result.solution.load, want[0], atol=tolerance)
    density = inversion.period_log_evidence(result.innovations, LASTING)
    np.testing.assert_allclose(density, want[2], atol=tolerance)


def test_standard_errors_are_those_of_the_joint_system_without_gaps(rng):
    prior, problem, data, means = case(rng, gaps=False, drift=1, beyond=BEYOND)
    result = assimilated(prior, problem, data, means, LASTING)
    covariance = joint(prior, problem, data, means, LASTING)[1]
    each = np.einsum("eced->ecd", covariance.reshape((EPOCHS, CELLS) * 2))
    want = np.einsum("ecc->ec", each), each.sum(axis=(1, 2))[:, None]
    want = np.concatenate(want, axis=1)
    np.testing.assert_allclose(spread_of(result, prior, problem), want, atol=1e-9)
    target = inversion.every_cell(problem, prior)
    parts = inversion.assimilated_reduction(result, target, by_period=True)
    before = np.asarray(inversion.posterior_sd(result.solution.factor, target).sd) ** 2
    for epochs, part in parts:
        np.testing.assert_allclose(before[epochs] - part, want[epochs, :-1], atol=1e-9)


def test_what_all_rows_share_is_estimated_from_the_means(rng):
    prior, problem, data, means = case(rng, drift=1, offset=0.0)
    result = assimilated(prior, problem, data, means, LASTING)
    shared = joint(prior, problem, data, means, LASTING)[3]
    np.testing.assert_allclose(result.solution.common, shared, atol=1e-9)
    assert abs(shared).max() > 1e-3


def test_what_runs_to_a_bound_is_named_for_what_it_is(rng):
    prior, problem, data, means = case(rng, drift=1, beyond=BEYOND)
    solution = inversion.solve_representers(problem, data, BETA)
    # Means that agree to the last digit have no error of their own.
    close = np.where(np.isnan(means.values), np.nan, 0.0)
    close[[0, 1, 3]] += inversion.innovations(solution, prior, means).estimated[
        [0, 1, 3]
    ]
    means = dataclasses.replace(means, values=close)
    compared = inversion.innovations(solution, prior, means)
    start = inversion.PeriodModel(beyond=0.5)
    tuned = inversion.tune_periods(compared, start, persistent=False)
    assert set(tuned.at_bounds) == {
        "error_factor at its smallest",
        "beyond at its smallest",
    }
    assert tuned.model.common == 0


def test_the_gradient_of_the_evidence_is_that_of_differences(rng):
    prior, problem, data, means = case(rng, drift=1, beyond=BEYOND)
    solution = inversion.solve_representers(problem, data, BETA)
    found = inversion.innovations(solution, prior, means)
    spans = period_evidence._spans(found)
    place = period_evidence._place_of(LASTING)
    slope = np.asarray(period_evidence._objective(place, spans)[1])
    steps = 1e-5 * np.eye(len(place))
    values = [
        period_evidence._objective(place + step, spans)[0]
        - period_evidence._objective(place - step, spans)[0]
        for step in steps
    ]
    np.testing.assert_allclose(slope, np.array(values) / 2e-5, rtol=1e-5, atol=1e-6)


def density_of(prior, problem, data, means, model):
    """Heights' and means' log densities, by what is differentiated."""
    bound = inversion.bind_means(means, prior)
    factor = inversion.factorise(problem, data, BETA)
    return (
        inversion.log_evidence(factor),
        inversion.means_log_evidence(factor, bound, model),
    )


@pytest.mark.parametrize("model", [inversion.PeriodModel(beyond=0.8), LASTING])
def test_the_differentiable_density_of_means_is_that_of_the_joint_system(model, rng):
    prior, problem, data, means = case(rng, drift=2, beyond=BEYOND)
    found = float(density_of(prior, problem, data, means, model)[1])
    expected = joint(prior, problem, data, means, model)[2]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_heights_and_means_have_their_joint_density_written_out(rng):
    """Heights of all epochs and their means are one Gaussian vector."""
    prior, problem, data, means = case(rng)
    covariance = np.asarray(inversion.prior_covariance(prior, np.eye(CELLS))) / BETA**2
    heights = np.kron(np.eye(EPOCHS), np.asarray(problem.design))
    average = np.kron((PERIOD[None] == np.arange(4)[:, None]) / 3.0, means.design)
    operator = np.concatenate([heights, average])
    whole = operator @ np.kron(np.eye(EPOCHS), covariance) @ operator.T
    noise = [noise_of(data, epoch) for epoch in range(EPOCHS)]
    whole += scipy.linalg.block_diag(*noise, *[means.covariance] * 4)
    observed = np.append(np.asarray(data.values).reshape(-1), means.values.reshape(-1))
    seen = np.isfinite(observed)
    expected = scipy.stats.multivariate_normal(cov=whole[np.ix_(seen, seen)]).logpdf(
        observed[seen]
    )
    found = density_of(prior, problem, data, means, inversion.PeriodModel())
    np.testing.assert_allclose(float(sum(found)), expected, rtol=1e-10)


@pytest.mark.parametrize("model", [inversion.PeriodModel(), LASTING])
def test_the_density_of_means_has_the_derivatives_of_differences(model, rng):
    prior, problem, data, means = case(rng, drift=1, beyond=BEYOND)
    bound = inversion.bind_means(means, prior)
    hole = jnp.isnan(bound.values)

    def density(beta, factor, values, moved):
        noise = inversion.Noise(data.noise.sigma * factor, common=0.3)
        moved_data = inversion.observations(
            data.values - moved, noise, pattern=data.pattern
        )
        observed = jnp.where(hole, jnp.nan, values)
        return inversion.means_log_evidence(
            inversion.factorise(problem, moved_data, beta),
            dataclasses.replace(bound, values=observed),
            model,
        )

    start = (
        jnp.asarray(BETA),
        jnp.ones(ROWS),
        jnp.where(hole, 0, bound.values),
        0.1 * jnp.ones((EPOCHS, ROWS)),
    )
    check_grads(density, start, order=1, modes=["rev"], rtol=1e-5)


def test_means_that_persist_need_a_prior_that_determines_all(rng):
    prior, problem, data, means = case(rng, SLOPE)
    with pytest.raises(ValueError, match="leaves no field free"):
        density_of(prior, problem, data, means, LASTING)

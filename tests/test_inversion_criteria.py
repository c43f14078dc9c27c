"""Criteria for the weight of the prior against rows deleted and dense matrices."""

import functools
import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sp
import shapely
from scipy.spatial import KDTree
from traces import count_traces

from jaxload import earth, sphere, synthetic
from jaxload._platform import form
from jaxload.inversion import factorise, find_pattern, observations
from jaxload.inversion.estimation.least_squares import solve
from jaxload.inversion.hyperparameters.beta_scan import best, scan, select
from jaxload.inversion.hyperparameters.criteria import (
    gcv,
    l_curve,
    l_curve_corner,
    leave_one_out,
    leave_one_out_residual,
)
from jaxload.inversion.hyperparameters.evidence import abic, log_evidence
from jaxload.inversion.hyperparameters.group_cross_validation import (
    distance_blocks,
    leave_group_out,
    leave_group_out_residual,
)
from jaxload.inversion.noise import Noise
from jaxload.inversion.prior.smoothness import smooth_problem

EPOCHS, ROWS, CELLS = 23, 8, 20
BETAS = np.geomspace(0.03, 30, 7)


def chain(size, ends):
    """Second differences in one dimension: zero beyond the ends, or free there."""
    matrix = sp.lil_array(
        sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(size, size))
    )
    if ends == "free":
        matrix[0, 0] = matrix[-1, -1] = 1.0
    return sp.csr_array(matrix)


OPERATORS = {"zero outside": chain(CELLS, "zero"), "free": chain(CELLS, "free")}


@pytest.fixture
def design(rng):
    return rng.normal(size=(ROWS, CELLS))


@pytest.fixture(params=["zero outside, independent", "free, both"])
def case(request):
    return request.param.split(", ")


@pytest.fixture
def operator(case):
    return OPERATORS[case[0]]


@pytest.fixture
def problem(design, operator):
    return smooth_problem(design, operator)


@pytest.fixture
def whole(rng):
    """A record without gaps."""
    return rng.normal(size=(EPOCHS, ROWS))


@pytest.fixture
def gapped(whole):
    """Gaps of their own in most epochs, of one size, which compiles soonest."""
    values = whole.copy()
    order = np.random.default_rng(3)
    for row in values[4:]:
        row[order.permutation(ROWS)[:4]] = np.nan
    return values


@pytest.fixture
def often(whole):
    """Two patterns that recur, and single epochs of others."""
    values = np.concatenate([whole, -whole[::-1]])
    values[:20, 2] = np.nan
    values[21, 4:6] = np.nan
    values[40, 1:3] = np.nan
    return values


def noises(rng):
    """Noise that is the same at all epochs, without and with correlation."""
    sigma = rng.uniform(0.5, 2.0, size=ROWS)
    distance = abs(np.arange(ROWS)[:, None] - np.arange(ROWS))
    correlation = 0.5 * np.eye(ROWS) + 0.5 * np.exp(-distance / 3.0)
    some = (np.arange(ROWS) < 5).astype(float)
    return {
        "independent": Noise(sigma),
        "both": Noise(sigma, correlation, 0.7, some),
    }


@pytest.fixture
def noise(case, rng):
    return noises(rng)[case[1]]


def covariance(noise):
    """The noise as a matrix, written out."""
    sigma = np.asarray(noise.sigma)
    inner = np.eye(ROWS) if noise.correlation is None else noise.correlation
    rows = np.ones(ROWS) if noise.common_rows is None else noise.common_rows
    return np.diag(sigma) @ inner @ np.diag(sigma) + noise.common * np.outer(rows, rows)


def hat(design, operator, noise, beta, seen):
    """The matrix from data to fit, of the normal equations of all cells."""
    weight = np.linalg.inv(covariance(noise)[np.ix_(seen, seen)])
    rows = design[seen]
    normal = rows.T @ weight @ rows + beta**2 * (operator.T @ operator).toarray()
    inverse = np.linalg.solve(normal, rows.T @ weight)
    return inverse, rows @ inverse, weight


def epochs(displacement):
    for row in displacement:
        yield row, np.flatnonzero(np.isfinite(row))


def test_gcv_is_that_of_the_dense_hat_matrix(problem, design, operator, noise, gapped):
    beta, misfit, trace, count = 0.6, 0.0, 0.0, 0
    for row, seen in epochs(gapped):
        _, fit, weight = hat(design, operator, noise, beta, seen)
        left = row[seen] - fit @ row[seen]
        misfit += left @ weight @ left
        trace += np.trace(np.eye(len(seen)) - fit)
        count += len(seen)
    got = gcv(factorise(problem, observations(gapped, noise), beta))
    np.testing.assert_allclose(got, count * misfit / trace**2, rtol=1e-8)


def test_the_l_curve_has_the_norms_of_the_solution(
    problem, design, operator, noise, gapped
):
    beta, misfit, norm = 0.6, 0.0, 0.0
    for row, seen in epochs(gapped):
        inverse, fit, weight = hat(design, operator, noise, beta, seen)
        left = row[seen] - fit @ row[seen]
        misfit += left @ weight @ left
        norm += np.sum((operator @ (inverse @ row[seen])) ** 2)
    got = l_curve(factorise(problem, observations(gapped, noise), beta))
    np.testing.assert_allclose(got.misfit, np.sqrt(misfit), rtol=1e-8)
    np.testing.assert_allclose(got.norm, np.sqrt(norm), rtol=1e-8)


@pytest.mark.parametrize(
    "record", ["whole", pytest.param("often", marks=pytest.mark.slow)]
)
def test_a_scan_is_the_criterion_at_each_beta(record, problem, noise, request):
    displacement = request.getfixturevalue(record)
    for criterion in (leave_one_out, gcv, l_curve, abic):
        got = scan(
            problem, observations(displacement, noise), BETAS, criterion=criterion
        )
        data = observations(displacement, noise)
        want = [criterion(factorise(problem, data, beta)) for beta in BETAS]
        want = jax.tree.map(lambda *values: np.array(values), *want)
        close = functools.partial(np.testing.assert_allclose, rtol=1e-8)
        jax.tree.map(close, got, want)


def test_a_scan_takes_noise_that_changes_in_time(problem, gapped, rng):
    sigma = rng.uniform(0.5, 2.0, size=gapped.shape)
    for given in (sigma, Noise(sigma[0], None, sigma[:, 0])):
        got = scan(problem, observations(gapped, given), BETAS[:3])
        want = [
            leave_one_out(factorise(problem, observations(gapped, given), beta))
            for beta in BETAS[:3]
        ]
        np.testing.assert_allclose(got, want, rtol=1e-9)


def test_all_weights_are_scanned_at_once_on_an_accelerator(problem, often, noise):
    data, criteria = observations(often, noise), (leave_one_out, log_evidence, gcv)
    want = scan(problem, data, BETAS, criterion=criteria)
    with form("accelerator"), count_traces() as traced:
        got = scan(problem, data, BETAS, criterion=criteria)
    np.testing.assert_allclose(got, want, rtol=1e-9)
    assert traced["_sums_at_all"] == 1


def test_several_criteria_of_one_scan_are_those_of_scans_of_their_own(
    problem, often, noise
):
    data, criteria = observations(often, noise), (leave_one_out, log_evidence, gcv)
    shown = []
    several = scan(
        problem, data, BETAS, criterion=criteria, watch=lambda *pair: shown.append(pair)
    )
    for values, criterion in zip(several, criteria):
        alone = scan(problem, data, BETAS, criterion=criterion)
        np.testing.assert_allclose(values, alone, rtol=1e-12)
    assert [beta for beta, _ in shown] == BETAS.tolist()
    assert shown[2][1] == tuple(values[2] for values in several)


def test_several_criteria_take_functions_of_other_kinds_too(problem, gapped, noise):
    data, groups = observations(gapped, noise), np.arange(ROWS) // 2
    leave_two_out = functools.partial(leave_group_out, groups=groups)
    got = scan(problem, data, BETAS[:2], criterion=(leave_two_out, log_evidence))
    for number, beta in enumerate(BETAS[:2]):
        factor = factorise(problem, data, beta)
        want = leave_two_out(factor), log_evidence(factor)
        np.testing.assert_allclose([x[number] for x in got], want, rtol=1e-12)


def test_a_scan_calls_any_other_function_and_shows_progress(problem, whole):
    seen = []
    got = scan(
        problem,
        observations(whole, np.ones(ROWS)),
        BETAS,
        criterion=lambda factor: (factor.beta - 1) ** 2,
        watch=lambda beta, value: seen.append((beta, value)),
    )
    np.testing.assert_allclose(got, (BETAS - 1) ** 2)
    np.testing.assert_allclose(seen, np.stack([BETAS, got], axis=1))


def test_a_row_that_free_fields_use_up_is_left_out_of_a_sweep_too(rng):
    """Two separate chains, one of them seen by a single row: it sets its own level."""
    chains = sp.block_diag([chain(6, "free"), chain(6, "free")])
    design = rng.normal(size=(5, 12))
    design[:4, 6:] = design[4:, :6] = 0
    problem = smooth_problem(design, chains)
    whole = rng.normal(size=(9, 5))
    got = scan(problem, observations(whole, np.ones(5)), BETAS)
    want = [
        leave_one_out(factorise(problem, observations(whole, np.ones(5)), beta))
        for beta in BETAS
    ]
    np.testing.assert_allclose(got, want, rtol=1e-8)
    residual = leave_one_out_residual(
        factorise(problem, observations(whole, np.ones(5)), 1.0)
    )
    assert np.isnan(residual[:, 4]).all()
    assert np.isfinite(residual[:, :4]).all()


GROUPS = {
    "blocks": np.array([0, 0, 1, 1, 1, 2, 2, 0]),
    "single rows": np.arange(ROWS),
    "neighbours": abs(np.arange(ROWS)[:, None] - np.arange(ROWS)) <= 1,
}


def rows_left_out_with(groups, row):
    return groups[row] if groups.ndim == 2 else groups == groups[row]


@pytest.mark.parametrize("daily", [False, True])
@pytest.mark.parametrize("name", GROUPS)
def test_leave_group_out_is_deleting_each_group(
    name, daily, problem, design, operator, gapped, rng
):
    once, groups = noises(rng)["both"], GROUPS[name]
    noise = once
    if daily:
        once = Noise(once.sigma)
        noise = Noise(np.broadcast_to(once.sigma, gapped.shape))
    got = leave_group_out_residual(
        factorise(problem, observations(gapped, noise), 0.6), groups=groups
    )
    checked = 0
    for epoch, (row, seen) in enumerate(epochs(gapped)):
        for here in seen:
            rest = np.setdiff1d(seen, np.flatnonzero(rows_left_out_with(groups, here)))
            if len(rest) <= problem.null_space_response.shape[1]:
                continue
            inverse, fit, weight = hat(design, operator, once, 0.6, rest)
            # Noise that rows share is predicted with the load.
            shared = (
                covariance(once)[here, rest] @ weight @ (row[rest] - fit @ row[rest])
            )
            want = row[here] - design[here] @ (inverse @ row[rest]) - shared
            np.testing.assert_allclose(got[epoch, here], want, rtol=1e-7, atol=1e-9)
            checked += 1
    assert checked > 40
    rms = leave_group_out(
        factorise(problem, observations(gapped, noise), 0.6), groups=groups
    )
    np.testing.assert_allclose(rms, np.sqrt(np.nanmean(np.square(got))), rtol=1e-12)


def test_leaving_out_single_rows_is_leave_one_out(problem, noise, gapped):
    groups = np.arange(ROWS)
    got = leave_group_out_residual(
        factorise(problem, observations(gapped, noise), 0.6), groups=groups
    )
    want = leave_one_out_residual(factorise(problem, observations(gapped, noise), 0.6))
    np.testing.assert_allclose(got, want, rtol=1e-8)


@pytest.mark.slow
def test_what_is_undetermined_without_its_group_is_not_a_number(design, gapped):
    groups = np.array([0, 0, 0, 0, 0, 0, 0, 1])
    gapped[:, 7] = np.nan
    few = gapped[4:10]
    data = observations(few, np.ones(ROWS), pattern=find_pattern(few, kinds=1))

    def leave(problem):
        return leave_group_out_residual(factorise(problem, data, 0.6), groups)

    free = smooth_problem(design, OPERATORS["free"])
    assert np.isnan(leave(free)).all()
    # Where zero is the prior mean, it is what such observations are predicted by.
    zero = smooth_problem(design, OPERATORS["zero outside"])
    np.testing.assert_allclose(leave(zero), few, rtol=1e-9)


@pytest.mark.slow
def test_leave_group_out_can_be_scanned_and_jitted(problem, gapped):
    groups = GROUPS["blocks"]
    criterion = functools.partial(leave_group_out, groups=groups)
    sigma = jnp.ones(ROWS)
    got = scan(problem, observations(gapped, sigma), BETAS[:2], criterion=criterion)
    data = observations(gapped, sigma)
    jitted = jax.jit(lambda beta, data: criterion(factorise(problem, data, beta)))
    want = [jitted(beta, data) for beta in BETAS[:2]]
    np.testing.assert_allclose(got, want, rtol=1e-10)


def test_blocks_hold_no_two_rows_farther_apart_than_their_size(rng):
    place = rng.uniform(size=(40, 2))
    distance = np.linalg.norm(place[:, None] - place, axis=-1)
    labels = distance_blocks(distance, 0.3)
    same = labels[:, None] == labels
    assert distance[same].max() <= 0.3
    assert sorted(set(labels)) == list(range(labels.max() + 1))
    assert labels.max() < 25


def diagonal_l_curve(betas):
    """A textbook problem: singular values that decay, smooth truth, white noise."""
    count = np.arange(40)
    singular = 10.0 ** (-count / 4)
    data = singular**1.3 + 1e-4 * (-1.0) ** count
    load = singular / (singular**2 + betas[:, None] ** 2) * data
    left = betas[:, None] ** 2 / (singular**2 + betas[:, None] ** 2) * data
    return np.sqrt((left**2).sum(axis=1)), np.sqrt((load**2).sum(axis=1))


def test_the_corner_is_where_a_dense_l_curve_bends_most():
    betas = np.geomspace(1e-7, 1, 4001)
    misfit, norm = (np.log(values) for values in diagonal_l_curve(betas))
    place = np.log(betas)
    x1, y1 = np.gradient(misfit, place), np.gradient(norm, place)
    x2, y2 = np.gradient(x1, place), np.gradient(y1, place)
    curvature = (x1 * y2 - x2 * y1) / (x1**2 + y1**2) ** 1.5
    want = betas[10:-10][np.argmax(curvature[10:-10])]
    few = np.geomspace(1e-7, 1, 36)
    got = l_curve_corner(few, *diagonal_l_curve(few))
    assert abs(np.log(got / want)) < 0.2
    # The corner is where noise of 1e-4 begins to be fitted.
    assert 1e-5 < want < 1e-3


def test_select_by_the_l_curve_gives_its_corner(rng):
    """A smooth truth seen through a smooth kernel by too many rows, and some noise."""
    cell, row = np.arange(CELLS), np.linspace(0, CELLS, 30)
    design = np.exp(-(((row[:, None] - cell) / 3) ** 2))
    truth = np.outer(rng.normal(size=40), np.sin(np.pi * (cell + 1) / (CELLS + 1)))
    noisy = truth @ design.T + 0.01 * rng.normal(size=(40, 30))
    problem = smooth_problem(design, OPERATORS["zero outside"])
    betas = np.geomspace(0.1, 1e4, 31)
    curve = scan(
        problem, observations(noisy, 0.01 * np.ones(30)), betas, criterion=l_curve
    )
    assert (np.diff(curve.misfit) > 0).all()
    assert (np.diff(curve.norm) < 0).all()
    want = l_curve_corner(betas, curve.misfit, curve.norm)
    sigma = 0.01 * np.ones(30)
    assert want == select(
        problem, observations(noisy, sigma), criterion=l_curve, betas=betas
    )
    best_fit = solve(problem, observations(noisy, sigma), want).load
    assert np.sqrt(np.mean((best_fit - truth) ** 2)) < 0.05 * np.std(truth)


@pytest.mark.parametrize("missing", [0, 12])
def test_known_beta_is_recovered(missing, rng):
    """With data drawn from the model, each criterion is least near the truth."""
    operator, truth, rows, count = OPERATORS["zero outside"], 0.5, 40, 300
    design = rng.normal(size=(rows, CELLS)) / 3
    root = np.linalg.inv(operator.toarray())
    load = rng.normal(size=(count, CELLS)) @ root.T / truth
    noisy = load @ design.T + rng.normal(size=(count, rows))
    order = rng.permuted(np.arange(rows) + np.zeros((count, 1)), axis=1)
    noisy[order < missing] = np.nan
    betas = truth * np.geomspace(1 / 30, 30, 21)
    problem = smooth_problem(design, operator)
    for criterion in (leave_one_out, gcv, abic):
        beta = select(
            problem,
            observations(noisy, np.ones(rows)),
            betas=betas,
            criterion=criterion,
        )
        assert 0.7 < beta / truth < 1.45


@pytest.mark.slow
def test_on_the_twin_every_criterion_finds_nearly_the_best_beta():
    """Best is what brings the water nearest to the truth, inside the region."""
    settings = synthetic.TwinSettings(
        stations=30, days=120, radius=3.0, spacing=0.5, belt=1.5, common=0.0
    )
    twin = synthetic.twin(settings)
    grid = sphere.regional_grid(twin.region, 0.5, 1.5)
    love = earth.load_love_numbers("prem", frame="CF")
    kernel = earth.disc_kernel(love, radius=grid.cell_radius)
    problem = smooth_problem(earth.design_matrix(kernel, twin, grid), grid.laplacian)
    sigma, betas = np.nanmedian(twin.sigma, axis=0), np.geomspace(1e-3, 1, 19)
    place = np.stack([twin.grid.lon, twin.grid.lat], axis=1)
    near = KDTree(place).query(np.stack([grid.lon, grid.lat], axis=1))[1]
    inside = shapely.contains_xy(twin.region, grid.lon, grid.lat)

    def error(beta):
        load = np.asarray(
            solve(problem, observations(twin.displacement, sigma), beta).load
        )
        return np.sqrt(np.mean((load - twin.water[:, near])[:, inside] ** 2))

    least = min(error(beta) for beta in betas)
    away = np.hypot(*(x[:, None] - x for x in (twin.lon, twin.lat)))
    groups = functools.partial(leave_group_out, groups=away < 0.5)
    for criterion in (leave_one_out, groups, gcv, abic, l_curve):
        beta = select(
            problem,
            observations(twin.displacement, sigma),
            criterion=criterion,
            betas=betas,
        )
        assert error(beta) < 1.1 * least


CRITERIA = {
    "leave-one-out": leave_one_out,
    "GCV": gcv,
    "ABIC": abic,
    "L-curve": lambda factor: sum(jax.tree.leaves(l_curve(factor))),
    "leave-group-out": functools.partial(
        leave_group_out, groups=np.array([0, 0, 1, 1, 2, 2, 0, 1])
    ),
}


@pytest.mark.parametrize("name", CRITERIA)
def test_float32_gives_the_same_in_fewer_digits(name, design, gapped):
    problem = smooth_problem(design, OPERATORS["zero outside"])
    single = jax.tree.map(lambda values: jnp.asarray(values, jnp.float32), problem)
    data = observations(gapped, np.ones(ROWS))
    got = CRITERIA[name](factorise(single, data, 0.6))
    want = CRITERIA[name](factorise(problem, data, 0.6))
    assert got.dtype == jnp.float32
    np.testing.assert_allclose(got, want, rtol=1e-4)


def test_a_sweep_in_float32_gives_the_same_in_fewer_digits(problem, often, rng):
    single = jax.tree.map(lambda values: jnp.asarray(values, jnp.float32), problem)
    noise = noises(rng)["both"]
    got = scan(single, observations(often, noise), BETAS)
    np.testing.assert_allclose(
        got, scan(problem, observations(often, noise), BETAS), rtol=1e-4
    )


def two(problem, displacement, **settings):
    data = observations(displacement, np.ones(displacement.shape[1]))
    return scan(problem, data, [0.1, 1.0], **settings)


def nowhere(factor):
    return np.nan * factor.beta


ERRORS = {
    "no betas": (
        lambda p, d: scan(p, observations(d, np.ones(ROWS)), []),
        "one or more",
    ),
    "a matrix of betas": (
        lambda p, d: scan(p, observations(d, np.ones(ROWS)), [[1.0]]),
        "in a row",
    ),
    "negative beta": (
        lambda p, d: scan(p, observations(d, np.ones(ROWS)), [-1, 1]),
        "holds -1",
    ),
    "beta not a number": (
        lambda p, d: scan(p, observations(d, np.ones(ROWS)), [0.1, np.nan]),
        "holds nan",
    ),
    "unsorted betas": (
        lambda p, d: scan(p, observations(d, np.ones(ROWS)), [2, 1]),
        "ascending",
    ),
    "negative sigma": (
        lambda p, d: scan(p, observations(d, -np.ones(ROWS)), [1, 2]),
        "sigma is -1",
    ),
    "transposed": (lambda p, d: two(p, d.T), "transposed"),
    "one observation an epoch": (
        lambda p, d: two(p, np.where(np.arange(ROWS) == 2, d, np.nan)),
        "no epoch has more than 1 observations",
    ),
    "nowhere a number": (
        lambda p, d: select(
            p, observations(d, np.ones(ROWS)), criterion=nowhere, betas=[1, 2]
        ),
        "not a number for any of the 2 betas",
    ),
    "select by the evidence": (
        lambda p, d: select(p, observations(d, np.ones(ROWS)), criterion=log_evidence),
        "select by abic",
    ),
    "values of other betas": (lambda *_: best([1.0, 2.0], [3.0]), "shape"),
    "too few for a corner": (
        lambda *_: l_curve_corner([1, 2, 3], [1, 2, 3], [3, 2, 1]),
        "five or more",
    ),
    "no corner": (
        lambda *_: l_curve_corner(BETAS, BETAS, np.exp(-(np.log(BETAS) ** 2))),
        "no corner",
    ),
    "a norm of zero": (
        lambda *_: l_curve_corner(BETAS, BETAS, 0 * BETAS),
        "not positive",
    ),
    "groups of another network": (
        lambda p, d: leave_group_out(
            factorise(p, observations(d, np.ones(ROWS)), 1.0), groups=[0, 1]
        ),
        "groups has shape",
    ),
    "one group of all": (
        lambda p, d: leave_group_out(
            factorise(p, observations(d, np.ones(ROWS)), 1.0), groups=[0] * ROWS
        ),
        "leaves no data",
    ),
    "a neighbourhood of all": (
        lambda p, d: leave_group_out(
            factorise(p, observations(d, np.ones(ROWS)), 1.0),
            groups=np.ones((ROWS, ROWS), bool),
        ),
        "leaves no data",
    ),
    "a row outside its neighbourhood": (
        lambda p, d: leave_group_out(
            factorise(p, observations(d, np.ones(ROWS)), 1.0),
            groups=np.zeros((ROWS, ROWS), bool),
        ),
        "does not hold row 0",
    ),
    "distances that are not square": (
        lambda *_: distance_blocks(np.ones((3, 2)), 1.0),
        "'row'",
    ),
    "a negative distance": (lambda *_: distance_blocks(np.ones((3, 3)), -1), "-1"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_wrong_is_named(name, problem, whole):
    call, message = ERRORS[name]
    with pytest.raises(ValueError, match=message):
        call(problem, whole)


def test_the_end_of_the_range_is_reported(problem, whole, caplog):
    with caplog.at_level(logging.WARNING):
        select(
            problem,
            observations(whole, np.ones(ROWS)),
            betas=[1e-8, 1e-7],
            criterion=gcv,
        )
    assert "widen" in caplog.text


def test_a_record_without_gaps_is_solved_once_for_all_betas(problem, whole):
    """What `solve` gives at one beta is what the criteria of that beta are made of."""
    solution = solve(problem, observations(whole, np.ones(ROWS)), BETAS[2])
    curve = scan(problem, observations(whole, np.ones(ROWS)), BETAS, criterion=l_curve)
    misfit = np.linalg.norm(whole - solution.fitted)
    np.testing.assert_allclose(curve.misfit[2], misfit, rtol=1e-9)

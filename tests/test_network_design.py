"""New stations against networks that have them, removals against networks without."""

import dataclasses
import itertools

import jax
import numpy as np
import pytest
import scipy.sparse as sp
from jax.test_util import check_grads

from jaxload import earth, inversion, sphere, synthetic
from jaxload.inversion import Noise
from jaxload.inversion.network import average_day, candidate_places, network_search

EPOCHS, ROWS, SIDE, PLACES, REGIONS = 6, 7, (4, 5), 9, 2
CELLS, BETA = SIDE[0] * SIDE[1], 0.7


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


def world(seed, ends="zero", kind="common"):
    """A network, its candidates, and all in dense matrices."""
    rng = np.random.default_rng(seed)
    design, new = rng.normal(size=(ROWS, CELLS)), rng.normal(size=(PLACES, CELLS))
    sigma, new_sigma = rng.uniform(0.5, 2, ROWS), rng.uniform(0.5, 2, PLACES)
    place = rng.normal(size=(ROWS + PLACES, 2))
    near = np.exp(-np.linalg.norm(place[:, None] - place[None], axis=-1))
    correlation = near if kind == "correlated" else np.eye(ROWS + PLACES)
    common = {"plain": 0.0, "common": 0.8, "correlated": 0.3}[kind]
    every = np.concatenate([sigma, new_sigma])
    covariance = every[:, None] * correlation * every + common
    weights = rng.uniform(size=(REGIONS, CELLS)) / CELLS
    operator = laplacian(ends)
    prior = inversion.smooth_prior(operator)
    problem = inversion.prior_problem(design, prior)
    is_near = kind == "correlated"
    noise = Noise(sigma, near[:ROWS, :ROWS] if is_near else None, common)
    data = inversion.observations(np.zeros((EPOCHS, ROWS)), noise)
    factor = inversion.factorise(problem, data, BETA)
    network = inversion.monitoring_network(factor, prior, weights)
    places = inversion.candidates(
        new, new_sigma, correlation=near[ROWS:] if is_near else None
    )
    dense = np.concatenate([design, new]), covariance, operator.toarray(), weights
    return factor, network, places, dense


def solved_again(dense, rows):
    """Posterior covariance of the regions with some rows, by normal equations."""
    design, noise, operator, weights = dense
    rows = np.asarray(rows)
    precision = np.linalg.inv(noise[np.ix_(rows, rows)])
    normal = design[rows].T @ precision @ design[rows]
    normal += BETA**2 * operator.T @ operator
    return weights @ np.linalg.solve(normal, weights.T)


def variance_with(dense, chosen=(), without=()):
    rows = [r for r in range(ROWS) if r not in without]
    return np.diag(solved_again(dense, [*rows, *(ROWS + np.array(chosen, int))]))


CASES = [
    ("zero", "plain"),
    ("zero", "common"),
    ("zero", "correlated"),
    ("free", "common"),
    ("free", "correlated"),
]


@pytest.mark.parametrize(("ends", "kind"), CASES)
def test_the_gain_of_a_place_is_that_of_really_adding_the_station(ends, kind):
    _, network, places, dense = world(1, ends, kind)
    np.testing.assert_allclose(network.variance, variance_with(dense), rtol=1e-10)
    gains = np.asarray(inversion.candidate_gains(network, places))
    added = [variance_with(dense, [place]) for place in range(PLACES)]
    wanted = variance_with(dense) - np.array(added)
    assert gains.shape == (PLACES, REGIONS)
    np.testing.assert_allclose(gains, wanted, rtol=0, atol=1e-10 * wanted.max())


@pytest.mark.parametrize(("ends", "kind"), CASES)
def test_stations_added_together_gain_what_the_larger_network_has(ends, kind):
    _, network, places, dense = world(2, ends, kind)
    some = dataclasses.replace(
        places,
        design=places.design[:3],
        sigma=places.sigma[:3],
        common=places.common[:3],
        correlation=None
        if places.correlation is None
        else places.correlation[:3, : ROWS + 3],
    )
    covariance = inversion.covariance_with(network, some)
    wanted = solved_again(dense, range(ROWS + 3))
    np.testing.assert_allclose(covariance, wanted, rtol=1e-10)


@pytest.mark.parametrize(("ends", "kind"), CASES)
def test_the_loss_of_a_station_is_that_of_solving_without_it(ends, kind):
    _, network, _, dense = world(3, ends, kind)
    without = [variance_with(dense, (), [row]) for row in range(ROWS)]
    wanted = np.array(without) - variance_with(dense)
    losses = inversion.station_losses(network)
    np.testing.assert_allclose(losses, wanted, rtol=1e-9, atol=1e-11 * wanted.max())


def test_candidates_are_computed_in_parts_as_they_are_together(monkeypatch):
    _, network, places, _ = world(4, "free")
    whole = inversion.candidate_gains(network, places)
    monkeypatch.setattr(candidate_places, "TOGETHER", 4)
    parts = inversion.candidate_gains(network, places)
    np.testing.assert_allclose(parts, whole, rtol=1e-12)


def test_the_network_of_a_full_record_has_the_errors_of_its_days():
    factor, network, _, dense = world(5, "free")
    prior = inversion.smooth_prior(sp.csc_array(dense[2]))
    regions = inversion.averages(factor.problem, prior, dense[3])
    of_days = inversion.posterior_sd(factor, regions).sd
    sd = np.sqrt(network.variance)
    np.testing.assert_allclose(of_days, np.broadcast_to(sd, of_days.shape), rtol=1e-10)


def test_a_station_counts_by_the_information_of_its_average_day():
    factor, _, _, dense = world(6)
    up = np.zeros((EPOCHS, ROWS))
    up[: EPOCHS // 2, 1] = up[:, 4] = up[0, 6] = np.nan
    by_day = np.ones((EPOCHS, 1)) * np.asarray(factor.data.noise.sigma)
    by_day[1, 3] = 9.0
    design, covariance, operator, weights = dense
    prior = inversion.smooth_prior(sp.csc_array(operator))
    data = inversion.observations(up, Noise(by_day, None, 0.8))
    factor = inversion.factorise(factor.problem, data, BETA)
    network = inversion.monitoring_network(factor, prior, weights)
    information = np.where(np.isfinite(up), by_day**-2.0, 0).mean(axis=0)
    used = np.flatnonzero(information)
    noise = covariance.copy()
    noise[used, used] = 1 / information[used] + 0.8
    wanted = np.diag(solved_again((design, noise, operator, weights), used))
    np.testing.assert_allclose(network.variance, wanted, rtol=1e-10)
    assert list(np.asarray(network.observed)) == [True] * 4 + [False] + [True] * 2
    np.testing.assert_array_equal(inversion.station_losses(network)[4], 0)
    # Information is averaged, so that single days are worse in the mean.
    regions = inversion.averages(factor.problem, prior, weights)
    of_days = np.asarray(inversion.posterior_sd(factor, regions).sd) ** 2
    assert (of_days.mean(axis=0) > wanted).all()


def test_stations_are_left_out_in_the_order_in_which_they_matter():
    _, network, _, dense = world(7, "free")
    share = np.array([0.25, 0.75])
    removed = inversion.removal_order(network, 4, weights=[1, 3])
    gone = []
    for row, variance in zip(removed.rows, removed.variance[1:]):
        left = [r for r in range(ROWS) if r not in gone]
        least = min(left, key=lambda r: variance_with(dense, (), [*gone, r]) @ share)
        assert row == least
        gone.append(row)
        np.testing.assert_allclose(variance, variance_with(dense, (), gone), rtol=1e-9)


def test_the_only_station_that_holds_a_free_field_cannot_be_left_out():
    rng = np.random.default_rng(0)
    prior = inversion.smooth_prior(laplacian("free"))
    problem = inversion.prior_problem(rng.normal(size=(2, CELLS)), prior)
    data = inversion.observations(np.array([[0.0, np.nan]]), np.ones(2))
    factor = inversion.factorise(problem, data, BETA)
    network = inversion.monitoring_network(factor, prior, np.ones((1, CELLS)))
    losses = np.asarray(inversion.station_losses(network))
    assert losses[0] == np.inf
    assert losses[1] == 0


@pytest.mark.parametrize("seed", [0, 1, 16, 17, 18])
def test_exchange_ends_no_worse_than_greedy_and_next_to_the_best_of_all(seed):
    _, network, places, dense = world(seed)
    best = min(
        variance_with(dense, chosen).mean()
        for chosen in itertools.combinations(range(PLACES), 3)
    )
    plans = {
        search: inversion.design_network(network, places, 3, search=search)
        for search in ("greedy", "exchange")
    }
    ends = {}
    for search, plan in plans.items():
        for end in range(4):
            wanted = variance_with(dense, plan.chosen[:end])
            np.testing.assert_allclose(plan.variance[end], wanted, rtol=1e-10)
        ends[search] = plan.variance[-1].mean()
    assert best * (1 - 1e-10) <= ends["exchange"] <= ends["greedy"] * (1 + 1e-10)
    np.testing.assert_allclose(ends["exchange"], best, rtol=1e-9)


def test_exchange_finds_what_greedy_misses():
    _, network, places, _ = world(16)
    greedy, exchange = (
        inversion.design_network(network, places, 3, search=search).variance[-1]
        for search in network_search.SEARCHES
    )
    assert exchange.mean() < 0.95 * greedy.mean()


def test_the_first_of_a_greedy_search_is_the_place_of_the_largest_gain():
    _, network, places, _ = world(9)
    plan = inversion.design_network(network, places, 1, weights=[0, 2])
    assert plan.chosen[0] == np.argmax(plan.gains[:, 1])
    gains = inversion.candidate_gains(network, places)
    np.testing.assert_allclose(plan.gains, gains, rtol=1e-12)
    assert plan.cost == 1


@pytest.mark.parametrize("search", network_search.SEARCHES)
@pytest.mark.parametrize("seed", range(4))
def test_what_is_chosen_stays_within_its_budget(seed, search):
    _, network, places, dense = world(seed)
    costs = np.random.default_rng(seed).uniform(1, 5, PLACES)
    plan = inversion.design_network(
        network, places, 4, search=search, costs=costs, budget=6.0
    )
    assert plan.cost == pytest.approx(costs[plan.chosen].sum())
    assert plan.cost <= 6
    affordable = [
        chosen
        for size in range(1, 5)
        for chosen in itertools.combinations(range(PLACES), size)
        if costs[list(chosen)].sum() <= 6
    ]
    best = min(variance_with(dense, chosen).mean() for chosen in affordable)
    before, after = (plan.variance[step].mean() for step in (0, -1))
    assert best * (1 - 1e-9) <= after
    # At least the share that gain per cost, or the single best, is known to reach.
    assert before - after >= 0.5 * (before - best)


@dataclasses.dataclass
class Cells:
    lon: np.ndarray
    lat: np.ndarray


@pytest.fixture(scope="module")
def response():
    """Places and cells of half a degree on an Earth of few degrees."""
    lon, lat = np.meshgrid(10 + 0.5 * np.arange(5), 45 + 0.5 * np.arange(4))
    cells = Cells(lon.ravel(), lat.ravel())
    love = earth.load_love_numbers("prem", "CF", 3000)
    kernel = earth.disc_kernel(love, radius=0.25)
    return earth.uplift_at(kernel, cells, reach=10.0), kernel, cells


@pytest.mark.parametrize("search", network_search.SEARCHES)
def test_candidates_that_exclude_each_other_are_not_chosen_together(search):
    _, network, places, dense = world(16)
    free = inversion.design_network(network, places, 3, search=search).chosen
    exclude = np.eye(PLACES, dtype=bool)
    exclude[np.ix_(free, free)] = True
    plan = inversion.design_network(network, places, 3, search=search, exclude=exclude)
    assert len({*plan.chosen} & {*free}) == 1
    allowed = [
        chosen
        for chosen in itertools.combinations(range(PLACES), 3)
        if not exclude[np.ix_(chosen, chosen)][~np.eye(3, dtype=bool)].any()
    ]
    best = min(variance_with(dense, chosen).mean() for chosen in allowed)
    assert plan.variance[-1].mean() >= best * (1 - 1e-10)
    every = np.ones((PLACES, PLACES), bool)
    with pytest.raises(ValueError, match="only 1 candidates could be chosen"):
        inversion.design_network(network, places, 2, exclude=every)
    with pytest.raises(ValueError, match="expected a symmetric matrix of 9"):
        inversion.design_network(network, places, 2, exclude=np.eye(3))


def test_uplift_at_moving_places_is_the_design_matrix(response):
    at, kernel, cells = response
    places = Cells(np.array([10.0, 11.3, 12.2]), np.array([45.0, 46.1, 44.9]))
    wanted = earth.design_matrix(kernel, places, cells)
    np.testing.assert_allclose(at(places.lon, places.lat), wanted, rtol=1e-6)


def test_uplift_is_differentiated_by_the_place_in_the_middle_of_a_cell_too(response):
    at, _, _ = response
    near = (np.array([11.27]), np.array([45.61]))
    check_grads(at, near, order=1, modes=["fwd"], eps=1e-5, rtol=1e-4)
    middle = np.array([10.5]), np.array([45.5])
    slope = jax.jvp(at, middle, (np.ones(1), np.zeros(1)))[1][0]
    assert np.isfinite(slope).all()
    # Ground in the middle of a disc is level.
    assert abs(slope[6]) < 1e-3 * abs(slope).max()


def moving_network(response):
    _, kernel, cells = response
    rng = np.random.default_rng(4)
    places = Cells(rng.uniform(10, 12, 5), rng.uniform(45, 46.5, 5))
    prior = inversion.smooth_prior(laplacian("zero"))
    design = earth.design_matrix(kernel, places, cells)
    problem = inversion.prior_problem(design, prior)
    data = inversion.observations(np.zeros((2, 5)), np.full(5, 0.05), common_mode=0.02)
    factor = inversion.factorise(problem, data, 0.1)
    return inversion.monitoring_network(factor, prior, np.eye(CELLS)[[3, 16]])


def test_stations_move_to_where_no_near_place_is_better(response):
    at, network = response[0], moving_network(response)
    start = np.array([10.6, 11.1]), np.array([45.4, 46.1])
    moved = inversion.refine_places(network, at, start, 0.05, reach=0.2)

    def variances(lon, lat):
        places = inversion.candidates(at(lon, lat), 0.05)
        return np.diag(inversion.covariance_with(network, places))

    np.testing.assert_allclose(moved.start, variances(*start), rtol=1e-12)
    ended = variances(moved.lon, moved.lat)
    np.testing.assert_allclose(moved.variance, ended, rtol=1e-12)
    assert moved.variance.mean() < 0.999 * moved.start.mean()
    for lon, lat in itertools.product((-0.02, 0, 0.02), repeat=2):
        other = [
            np.clip(x + step, first - room, first + room)
            for x, step, first, room in (
                (moved.lon, lon, start[0], 0.2),
                (moved.lat, lat, start[1], 0.2),
            )
        ]
        assert variances(*other).mean() > ended.mean() * (1 - 1e-6)
    for end, first in zip((moved.lon, moved.lat), start):
        assert (abs(end - first) <= 0.2 + 1e-12).all()


def test_the_gain_that_is_predicted_is_the_gain_that_errors_have():
    """Thousands of days of water drawn from the prior, with the station and without."""
    rng = np.random.default_rng(12)
    _, network, places, dense = world(12, "zero", "common")
    design, noise, operator, weights = dense
    prior = inversion.smooth_prior(sp.csc_array(operator))
    plan = inversion.design_network(network, places, 1)
    days, new = 20_000, ROWS + int(plan.chosen[0])
    water = inversion.prior_samples(prior, jax.random.key(0), days) / BETA
    up = water @ design.T + rng.multivariate_normal(np.zeros(len(noise)), noise, days)
    errors = []
    for rows in ([*range(ROWS)], [*range(ROWS), new]):
        sigma = np.sqrt(noise[rows, rows] - 0.8)
        problem = inversion.prior_problem(design[rows], prior)
        data = inversion.observations(up[:, rows], sigma, common_mode=0.8**0.5)
        load = inversion.solve(problem, data, BETA).load
        errors.append((np.asarray(load) - water) @ weights.T)
    # Scatter of a variance over so many days: 1%.
    for error, variance in zip(errors, plan.variance):
        np.testing.assert_allclose(error.var(axis=0), variance, rtol=0.04)
    ratio = errors[1].var(axis=0) / errors[0].var(axis=0)
    predicted = plan.variance[1] / plan.variance[0]
    assert (predicted < 0.95).all()
    np.testing.assert_allclose(ratio, predicted, atol=0.015)


def regional_errors(twin, rows, design, prior, weights, beta=None):
    """Factor, weight and errors of the daily mean of the region, from some stations."""
    sigma = np.nanmedian(twin.sigma, axis=0)[rows]
    problem = inversion.prior_problem(design[rows], prior)
    data = inversion.observations(twin.displacement[:, rows], sigma, common_mode=0.7)
    beta = beta or inversion.select(problem, data, criterion=inversion.leave_one_out)
    factor = inversion.factorise(problem, data, beta)
    regions = inversion.averages(problem, prior, weights)
    mean = np.asarray(inversion.posterior_mean(factor, regions))[:, 0]
    inside = sphere.basin_weights(twin.grid, {"all": twin.region}).weights
    return factor, beta, mean - np.asarray(sphere.area_mean(inside, twin.water))[:, 0]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_water_of_a_twin_world_is_better_by_what_was_predicted(seed):
    settings = synthetic.TwinSettings(
        seed=seed, stations=40, days=730, flicker=0.0, missing=0.0
    )
    twin = synthetic.twin(settings)
    grid = sphere.regional_grid(twin.region, 0.5, 2.0)
    kernel = earth.disc_kernel(earth.load_love_numbers(), radius=grid.cell_radius)
    design = np.asarray(earth.design_matrix(kernel, twin, grid))
    prior = inversion.smooth_prior(grid.laplacian)
    weights = sphere.basin_weights(grid, {"all": twin.region}).weights
    order = np.random.default_rng(seed).permutation(40)
    old, new = order[:20], order[20:]
    errors_of = lambda rows, beta=None: regional_errors(
        twin, rows, design, prior, weights, beta
    )
    factor, beta, before = errors_of(old)
    network = inversion.monitoring_network(factor, prior, weights)
    sigma = np.nanmedian(twin.sigma, axis=0)[new]
    places = inversion.candidates(design[new], sigma)
    plan = inversion.design_network(network, places, 5, search="exchange")
    after = errors_of([*old, *new[plan.chosen]], beta)[2]
    predicted = float(np.sqrt(plan.variance[-1, 0] / plan.variance[0, 0]))
    assert predicted < 0.93
    # Of 730 days that depend on each other; water is no draw from the prior.
    assert after.std() / before.std() == pytest.approx(predicted, abs=0.05)
    least = np.argsort(plan.gains[:, 0])[:5]
    beside = errors_of([*old, *new[least]], beta)[2]
    assert beside.std() / before.std() == pytest.approx(1, abs=0.02)
    # Errors are what the plan takes them to be.
    assert before.std() == pytest.approx(float(plan.variance[0, 0]) ** 0.5, rel=0.2)


def of(**changes):
    _, network, places, _ = world(1)
    arguments = {"network": network, "places": places, "count": 2} | changes
    return inversion.design_network(**arguments)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": 0}, "count is 0, expected from 1 to 9"),
        ({"count": 10}, "count is 10, expected from 1 to 9"),
        ({"search": "annealing"}, "search is 'annealing', expected greedy or exchange"),
        ({"weights": [1.0]}, "there are 2 regions"),
        ({"weights": [0, 0]}, "weights of regions are 0, 0"),
        ({"weights": [-1, 2]}, "not negative"),
        ({"costs": np.ones(PLACES)}, "there is none; give one"),
        ({"costs": np.zeros(PLACES), "budget": 3}, "expected costs > 0"),
        ({"costs": np.ones(3), "budget": 3}, "there are 9 candidates"),
        ({"budget": 0.5}, "the cheapest candidate costs 1"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        of(**changes)


def test_candidates_without_a_standard_error_or_of_other_cells_are_refused():
    _, network, places, _ = world(1)
    with pytest.raises(ValueError, match="sigma is 0 at index"):
        inversion.candidates(places.design, [0.0] + [1.0] * (PLACES - 1))
    with pytest.raises(ValueError, match="at least one candidate"):
        inversion.candidates(np.zeros((0, CELLS)), 1.0)
    with pytest.raises(ValueError, match="along 'cell'"):
        inversion.candidate_gains(network, inversion.candidates(np.ones((2, 3)), 1.0))
    _, correlated, places, _ = world(1, kind="correlated")
    places = dataclasses.replace(places, correlation=None)
    with pytest.raises(ValueError, match="no correlation with them"):
        inversion.candidate_gains(correlated, places)


def test_a_network_that_leaves_a_free_field_undetermined_is_refused():
    factor, _, _, dense = world(1, "free")
    nothing = inversion.observations(np.full((2, ROWS), np.nan), np.ones(ROWS))
    factor = inversion.factorise(factor.problem, nothing, BETA)
    prior = inversion.smooth_prior(sp.csc_array(dense[2]))
    with pytest.raises(ValueError, match="leave fields that the prior does not"):
        inversion.monitoring_network(factor, prior, dense[3])
    with pytest.raises(ValueError, match="expected from 1 to 6"):
        inversion.removal_order(world(1)[1], ROWS)
    assert average_day.ROUNDING < 1e-9

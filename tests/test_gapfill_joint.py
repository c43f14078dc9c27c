"""Training through the inversion, against densities written out in full."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sp
from scipy.stats import multivariate_normal, norm

from jaxload import inversion
from jaxload.gapfill.joint import joint_losses, joint_model
from jaxload.gapfill.networks import lstm
from jaxload.gapfill.training import optimise, spatial_folds

EPOCHS, STATIONS, PLACES, CELLS, FEATURES = 12, 6, 5, 10, 3
CHAIN = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(CELLS, CELLS))
NUMBERS = (0.4, 1.3, 0.7)
HELD = np.array([[0, 1, 0, 0, 1, 0], [0, 0, 1, 0, 0, 0]], bool)


def folds(rows=STATIONS):
    held = np.zeros((2, rows), bool)
    held[:, :STATIONS] = HELD
    line = np.arange(float(STATIONS))
    distance = abs(line[:, None] - line[None, :])
    return joint_model.Folds(
        jnp.asarray(held), jnp.asarray(distance), jnp.asarray(1.0), 1
    )


@pytest.fixture
def heights(rng):
    values = rng.normal(size=(EPOCHS, STATIONS))
    values[rng.uniform(size=values.shape) < 0.2] = np.nan
    return values


@pytest.fixture
def water(rng, heights):
    design = rng.normal(size=(STATIONS, CELLS))
    problem = inversion.smooth_problem(design, CHAIN)
    sigma = rng.uniform(0.5, 1, STATIONS)
    features = rng.normal(size=(EPOCHS, PLACES, FEATURES))
    moved = 0.01 * rng.normal(size=(STATIONS, PLACES))
    return joint_model.make_training_data(
        problem, heights, sigma, features, folds(), moved=moved
    )


@pytest.fixture
def filling(rng, heights):
    rows = STATIONS + 4
    problem = inversion.smooth_problem(rng.normal(size=(rows, CELLS)), CHAIN)
    displacement = np.concatenate([heights, np.zeros((EPOCHS, 4))], axis=1)
    features = rng.normal(size=(EPOCHS, rows, FEATURES))
    sigma = rng.uniform(0.5, 1, rows)
    return joint_model.make_training_data(
        problem, displacement, sigma, features, folds(rows)
    )


def parameters(outputs=1, loud=True):
    network = lstm.NetworkSize(FEATURES, 4, outputs)
    keys = jax.random.split(jax.random.key(3), 2)
    first = joint_model.initial_parameters(
        network, joint_model.InitialHyperparameters(*NUMBERS), keys
    )
    if not loud:
        return first
    readout = jax.random.normal(jax.random.key(4), first.network.readout.shape) / 2
    network = dataclasses.replace(first.network, readout=readout.astype(jnp.float32))
    return dataclasses.replace(first, network=network)


def member(tree, number):
    return jax.tree.map(lambda values: values[number], tree)


def masked_log_evidence(training_data, displacement, sigma, rows):
    """Of the rows that are asked for, every epoch written out."""
    beta, factor, common = NUMBERS
    smooth = np.linalg.inv((CHAIN.T @ CHAIN).toarray()) / beta**2
    design = np.asarray(training_data.problem.design)
    receiver = np.arange(len(sigma)) < STATIONS
    scale = np.where(receiver, factor, 1)
    covariance = design @ smooth @ design.T + np.diag((scale * sigma) ** 2)
    covariance += common**2 * np.outer(receiver, receiver)
    total = 0.0
    for epoch in np.asarray(displacement):
        seen = np.isfinite(epoch) & rows
        block = covariance[np.ix_(seen, seen)]
        total += multivariate_normal(cov=block).logpdf(epoch[seen]) if seen.any() else 0
    return total


@pytest.mark.slow
def test_the_loss_of_water_is_the_evidence_and_the_network_by_itself(water):
    weights = parameters()
    loss, score = joint_losses.joint_load_losses()
    losses, scores = (f(weights, water, jax.random.key(0)) for f in (loss, score))
    for number, held in enumerate(HELD):
        mean = joint_model.predict_load(member(weights, number), water.features)
        assert np.std(mean) > 1
        left = np.asarray(water.displacement - mean @ water.moved.T)
        own, all_rows = (
            masked_log_evidence(water, left, np.asarray(water.sigma), rows)
            for rows in (~held, np.ones(STATIONS, bool))
        )
        seen = np.isfinite(left)
        alone = by_itself(left, water.sigma, ~held)
        expected = (
            alone - own / seen[:, ~held].sum(),
            (own - all_rows) / seen[:, held].sum(),
        )
        np.testing.assert_allclose(losses[number], expected[0], rtol=1e-6)
        np.testing.assert_allclose(scores[number], expected[1], rtol=1e-6)


def by_itself(left, sigma, rows):
    variance = np.maximum(np.nanmean(left**2, axis=0), np.asarray(sigma) ** 2)
    density = norm.logpdf(left, scale=np.sqrt(variance))
    return -np.nanmean(density[:, rows])


@pytest.mark.slow
def test_without_the_network_by_itself_the_exact_evidence_is_all(water):
    weights, key = parameters(), jax.random.key(0)
    losses = [
        joint_losses.joint_load_losses(likelihood_weight=w)[0](weights, water, key)
        for w in (0, 1)
    ]
    alone = joint_losses.pretraining_load_losses()[0](weights, water, key)
    np.testing.assert_allclose(losses[1] - losses[0], alone, rtol=1e-9)
    for number, held in enumerate(HELD):
        load = joint_model.predict_load(member(weights, number), water.features)
        rest = np.asarray(water.displacement - load @ water.moved.T)
        sigma = np.asarray(water.sigma)
        expected = -masked_log_evidence(water, rest, sigma, ~held)
        count = np.isfinite(rest[:, ~held]).sum()
        np.testing.assert_allclose(losses[0][number], expected / count, rtol=1e-6)


@pytest.mark.slow
def test_by_itself_every_row_errs_as_is_most_likely_but_no_less_than_it_says(water):
    # Two receivers say that they are worse than they turn out to be.
    sigma = water.sigma.at[:2].set(20.0)
    water, weights = dataclasses.replace(water, sigma=sigma), parameters()
    losses, scores = (
        f(weights, water, jax.random.key(0))
        for f in joint_losses.pretraining_load_losses()
    )
    for number, held in enumerate(HELD):
        mean = joint_model.predict_load(member(weights, number), water.features)
        left = np.asarray(water.displacement - mean @ water.moved.T)
        expected = [by_itself(left, sigma, rows) for rows in (~held, held)]
        np.testing.assert_allclose(losses[number], expected[0])
        np.testing.assert_allclose(scores[number], expected[1])
        # No other variance of a receiver would make its heights more likely.
        for factor in (0.9, 1.1):
            other = np.nanmean(left[:, 3] ** 2) * factor
            density = norm.logpdf(left[:, 3], scale=np.sqrt(other))
            assert by_itself(left, sigma, [3]) <= -np.nanmean(density)


@pytest.mark.slow
def test_filled_places_are_rows_that_tell_of_what_is_held_out(filling):
    weights = parameters(outputs=2)
    scores = joint_losses.joint_displacement_losses()[1](
        weights, filling, jax.random.key(0)
    )
    for number, held in enumerate(np.asarray(filling.folds.held_out)):
        mean, sd = map(
            np.asarray,
            joint_model.predict_displacement(member(weights, number), filling.features),
        )
        receiver = np.arange(len(sd)) < STATIONS
        rows = np.where(receiver[None, :], filling.displacement, mean)
        sigma = np.where(receiver, filling.sigma, sd)
        parts = [
            masked_log_evidence(filling, rows, sigma, r) for r in (~held, held | ~held)
        ]
        expected = (parts[0] - parts[1]) / np.isfinite(rows[:, held]).sum()
        np.testing.assert_allclose(scores[number], expected, rtol=1e-6)


@pytest.mark.slow
def test_every_step_holds_out_others_and_none_whom_a_member_never_sees(filling):
    weights, loss = parameters(outputs=2), joint_losses.joint_displacement_losses()[0]
    alone = joint_losses.network_only_losses()[0]
    everyone = np.ones(STATIONS, bool)
    drawn = set()
    for seed in range(3):
        key = jax.random.key(seed)
        found = loss(weights, filling, key) - alone(weights, filling, key)
        keys = jax.random.split(key, len(HELD))
        folds = filling.folds
        for number, held in enumerate(HELD):
            given_key = (
                folds.distance,
                folds.radius,
                folds.neighbourhoods_per_step,
                keys[number],
            )
            fold = np.asarray(spatial_folds.sample_neighbourhoods(*given_key))
            drawn.add(tuple(fold))
            mean, sd = map(
                np.asarray,
                joint_model.predict_displacement(
                    member(weights, number), filling.features
                ),
            )
            receiver = np.arange(len(sd)) < STATIONS
            rows = np.where(receiver[None, :], filling.displacement, mean)
            sigma = np.where(receiver, filling.sigma, sd)
            some = [everyone & ~held & ~fold, everyone & ~held]
            some = [np.pad(x, (0, 4), constant_values=True) for x in some]
            parts = [masked_log_evidence(filling, rows, sigma, x) for x in some]
            count = np.isfinite(rows[:, :STATIONS][:, fold & ~held]).sum()
            expected = (parts[0] - parts[1]) / max(count, 1)
            np.testing.assert_allclose(found[number], expected, rtol=1e-6, atol=1e-9)
    assert len(drawn) > 1


def test_only_those_who_are_watched_end_a_training(water, filling):
    by_outputs = {1: water, 2: filling}
    every = {
        1: (joint_losses.joint_load_losses, joint_losses.pretraining_load_losses),
        2: (joint_losses.joint_displacement_losses, joint_losses.network_only_losses),
    }
    for outputs, training_data in by_outputs.items():
        for objective in every[outputs]:
            score = objective()[1]
            watched = training_data.folds.held_out.at[:, 2:].set(False)
            folds = dataclasses.replace(
                training_data.folds, early_stopping_rows=watched
            )
            some = dataclasses.replace(training_data, folds=folds)
            # What stands beside those who are watched does not matter if never seen.
            moved = training_data.displacement.at[:, 4].add(
                jnp.where(HELD[0, 4], 9.0, 0.0)
            )
            other = dataclasses.replace(some, displacement=moved)
            weights = parameters(outputs=outputs)
            found, same, whole = (
                score(weights, x, jax.random.key(0))[0]
                for x in (some, other, training_data)
            )
            np.testing.assert_allclose(found, same, rtol=1e-6)
            assert abs(found - whole) > 1e-3


@pytest.mark.slow
def test_other_observations_stand_before_the_places_to_be_filled(filling):
    """One more row that says nothing changes nothing; one that says much does."""
    design = np.insert(np.asarray(filling.problem.design), STATIONS, 0.3, axis=0)
    problem = inversion.smooth_problem(design, CHAIN)
    up = np.insert(np.asarray(filling.displacement), STATIONS, 1.0, axis=1)
    weights = parameters(outputs=2)
    score = joint_losses.joint_displacement_losses()[1]

    def found(error):
        sigma = np.insert(np.asarray(filling.sigma), STATIONS, error)
        more = folds(STATIONS + 5)
        training_data = joint_model.make_training_data(
            problem, up, sigma, filling.features, more
        )
        assert training_data.observed == STATIONS + 1
        return score(weights, training_data, jax.random.key(0))

    want = score(weights, filling, jax.random.key(0))
    np.testing.assert_allclose(found(1e6), want, rtol=1e-5)
    assert (abs(found(0.1) - want) > 1e-3).all()


def test_places_that_are_no_rows_are_refused(filling):
    rows = (filling.problem, filling.displacement, filling.sigma)
    for places in (STATIONS - 1, STATIONS + 5):
        features = np.zeros((EPOCHS, places, FEATURES))
        with pytest.raises(ValueError, match="expected those of 6 stations"):
            joint_model.make_training_data(*rows, features, filling.folds)


@pytest.mark.slow
def test_two_stages_score_the_network_alone(filling):
    weights = parameters(outputs=2)
    loss, score = joint_losses.network_only_losses()
    found = [f(weights, filling, jax.random.key(0)) for f in (loss, score)]
    for number, held in enumerate(HELD):
        displacement = joint_model.predict_displacement(
            member(weights, number), filling.features
        )
        mean, sd = (np.asarray(x)[..., :STATIONS] for x in displacement)
        heights = np.asarray(filling.displacement)[:, :STATIONS]
        error = NUMBERS[1] * np.asarray(filling.sigma)[:STATIONS]
        variance = np.broadcast_to(sd**2 + error**2, heights.shape)
        density = ((heights - mean) ** 2 / variance + np.log(2 * np.pi * variance)) / 2
        for values, rows in zip(found, (~held, held), strict=True):
            expected = np.nanmean(density[:, rows])
            np.testing.assert_allclose(values[number], expected, rtol=1e-6)


def test_two_stages_do_not_predict_virtual_stations(filling):
    """Which are most of the places of a national study, and count for nothing."""
    loss = jax.jit(joint_losses.network_only_losses()[0])
    extra = np.repeat(np.asarray(filling.features[:, STATIONS:]), 20, axis=1)
    features = jnp.concatenate([filling.features, jnp.asarray(extra)], axis=1)
    more = dataclasses.replace(filling, features=features)
    weights, key = parameters(outputs=2), jax.random.key(0)
    few, many = (
        loss.lower(weights, data, key).cost_analysis()["flops"]
        for data in (filling, more)
    )
    assert many == few
    np.testing.assert_array_equal(loss(weights, filling, key), loss(weights, more, key))


def test_a_network_that_says_nothing_is_the_inversion_without_one(water):
    weights = parameters(loud=False)
    assert not np.asarray(
        joint_model.predict_load(member(weights, 0), water.features)
    ).any()


@pytest.mark.parametrize(
    ("kind", "outputs", "objective"),
    [
        ("water", 1, joint_losses.pretraining_load_losses),
        ("filling", 2, joint_losses.network_only_losses),
        pytest.param(
            "water", 1, joint_losses.joint_load_losses, marks=pytest.mark.slow
        ),
        pytest.param(
            "filling", 2, joint_losses.joint_displacement_losses, marks=pytest.mark.slow
        ),
    ],
)
def test_a_network_that_diverged_has_no_loss(request, kind, outputs, objective):
    good, data = parameters(outputs), request.getfixturevalue(kind)
    readout = good.network.readout.at[1].set(jnp.nan)
    network = dataclasses.replace(good.network, readout=readout)
    broken = dataclasses.replace(good, network=network)
    for function in objective():
        values = np.asarray(jax.jit(function)(broken, data, jax.random.key(0)))
        np.testing.assert_array_equal(np.isfinite(values), [True, False])


def test_before_training_errors_are_as_large_as_residuals_or_standard_errors(water):
    """The network predicts zero, so that heights are what is left."""
    quiet = np.where(np.arange(STATIONS) < 3, 0.01, 5.0)
    up = np.asarray(water.displacement) * quiet
    data = dataclasses.replace(water, displacement=jnp.asarray(up))
    loss = joint_losses.pretraining_load_losses()[0]
    got = loss(parameters(loud=False), data, jax.random.key(0))
    variance = np.maximum(np.nanmean(up**2, axis=0), np.asarray(data.sigma) ** 2)
    for member, held in enumerate(HELD):
        want = -norm.logpdf(up, 0, np.sqrt(variance))[:, ~held]
        np.testing.assert_allclose(got[member], np.nanmean(want), rtol=1e-5)


@pytest.mark.slow
def test_the_loss_has_the_derivative_of_every_number_of_the_inversion(water):
    loss, key = joint_losses.joint_load_losses()[0], jax.random.key(0)
    weights = parameters()

    def of(numbers):
        inverted = joint_model.Hyperparameters(*numbers)
        return loss(dataclasses.replace(weights, inversion=inverted), water, key).sum()

    now = [
        getattr(weights.inversion, n)
        for n in ("log_beta", "log_noise_factor", "log_common_mode_sd")
    ]
    slopes = jax.grad(of)(now)
    for number, slope in enumerate(slopes):
        up, down = (
            of([x + s * 1e-4 * (n == number) for n, x in enumerate(now)])
            for s in (1, -1)
        )
        np.testing.assert_allclose(slope.sum(), (up - down) / 2e-4, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "outputs", "objective"),
    [
        ("water", 1, joint_losses.joint_load_losses),
        ("water", 1, joint_losses.pretraining_load_losses),
        ("filling", 2, joint_losses.joint_displacement_losses),
        ("filling", 2, joint_losses.network_only_losses),
    ],
    ids=["water", "water alone", "displacement", "two stages"],
)
def test_segments_change_no_loss_and_no_slope(request, kind, outputs, objective):
    training_data, weights = request.getfixturevalue(kind), parameters(outputs)
    key = jax.random.key(0)

    def of(segment):
        loss, score = objective(segment)
        total = lambda weights: jnp.sum(loss(weights, training_data, key))
        loss_and_slopes = jax.jit(jax.value_and_grad(total))(weights)
        return *loss_and_slopes, score(weights, training_data, key)

    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    jax.tree.map(close, of(5), of(None))


@pytest.mark.slow
def test_training_lowers_the_loss_of_what_is_not_held_out(water):
    loss, score = joint_losses.joint_load_losses()
    settings = optimise.OptimiserSettings(steps=30, every=10, learning_rate=0.02)
    start, key = parameters(loud=False), jax.random.key(7)
    fitted = optimise.train_members(loss, score, start, water, settings, key=key)
    assert (fitted.curve.loss[-1] < fitted.curve.loss[1]).all()


def test_features_with_gaps_and_of_other_length_are_refused(water):
    def training_data(features):
        rows = (water.problem, water.displacement, water.sigma)
        return joint_model.make_training_data(
            *rows, features, water.folds, moved=water.moved
        )

    broken = np.array(water.features)
    broken[3, 2, 1] = np.nan
    with pytest.raises(ValueError, match="feature 1 of place 2 is not finite"):
        training_data(broken)
    with pytest.raises(ValueError, match="epoch"):
        training_data(water.features[:-1])


def test_neighbours_are_held_out_together(rng):
    place = rng.uniform(0, 10, (80, 2))
    distance = np.linalg.norm(place[:, None] - place[None], axis=-1)
    centres = spatial_folds.centres_for_fraction(distance, 1.5, 0.2)
    keys = jax.random.split(jax.random.key(0), 200)
    draw = lambda key: spatial_folds.sample_neighbourhoods(distance, 1.5, centres, key)
    held = np.asarray(jax.vmap(draw)(keys))
    assert 0.15 < held.mean() < 0.25
    own, out = spatial_folds.neighbourhoods(distance, 1.5, 6)
    np.testing.assert_array_equal(own.sum(axis=0), 1)
    for mine, away in zip(own, out, strict=True):
        assert (distance[np.ix_(mine, ~away)] > 1.5).all()


def test_neighbourhoods_that_leave_nobody_are_refused():
    near = np.zeros((9, 9))
    with pytest.raises(ValueError, match="too few are left"):
        spatial_folds.centres_for_fraction(near, 1.0, 0.2)
    with pytest.raises(ValueError, match="expected 2 to 9"):
        spatial_folds.neighbourhoods(near, 1.0, 1)


def test_the_loss_of_displacement_adds_the_likelihood_of_the_network(filling):
    weights, key = parameters(outputs=2), jax.random.key(0)
    with_network, without = (
        joint_losses.joint_displacement_losses(None, weight)[0](weights, filling, key)
        for weight in (2.0, 0.0)
    )
    network = joint_losses.network_only_losses()[0](weights, filling, key)
    np.testing.assert_allclose(with_network, without + 2 * network, rtol=1e-9)


def test_kept_apart_the_inversion_is_not_learned_and_neighbourhoods_score_alone(water):
    weights, key = parameters(), jax.random.key(0)
    apart, score = joint_losses.joint_load_losses(kept_apart=True)
    learned = joint_losses.joint_load_losses()[0]
    total = lambda loss: jax.value_and_grad(lambda w: loss(w, water, key).sum())
    (value, slope), (same, other) = (total(f)(weights) for f in (apart, learned))
    np.testing.assert_allclose(value, same, rtol=1e-12)
    assert not any(np.any(x) for x in jax.tree.leaves(slope.inversion))
    assert all(np.all(x) for x in jax.tree.leaves(other.inversion))
    scores = score(weights, water, key)
    recorded = joint_losses.load_records()(weights, water, key)
    np.testing.assert_allclose(recorded["nll_by_themselves"], scores, rtol=1e-12)
    given_others = joint_losses.joint_load_losses()[1](weights, water, key)
    np.testing.assert_allclose(recorded["nll_given_others"], given_others, rtol=1e-12)
    for number, held in enumerate(HELD):
        load = joint_model.predict_load(member(weights, number), water.features)
        rest = np.asarray(water.displacement - load @ water.moved.T)
        density = masked_log_evidence(water, rest, np.asarray(water.sigma), held)
        seen = np.isfinite(rest[:, held])
        np.testing.assert_allclose(scores[number], -density / seen.sum(), rtol=1e-6)
        rmse = np.sqrt(np.nanmean(rest[:, held] ** 2))
        np.testing.assert_allclose(recorded["rmse_mm"][number], rmse, rtol=1e-6)


def test_epochs_of_an_autoregression_repeat_each_other(rng):
    values = np.zeros((20_000, 2))
    for epoch in range(1, len(values)):
        values[epoch] = 0.6 * values[epoch - 1] + rng.normal(size=2)
    values[rng.uniform(size=values.shape) < 0.2] = np.nan
    found = joint_losses.repetition(jnp.asarray(values))
    np.testing.assert_allclose(found, 1.6 / 0.4, rtol=0.05)
    white = joint_losses.repetition(jnp.asarray(rng.normal(size=(20_000, 2))))
    assert 1 <= white < 1.05


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "outputs", "objective"),
    [
        ("water", 1, joint_losses.pretraining_load_losses),
        ("water", 1, joint_losses.joint_load_losses),
        ("filling", 2, joint_losses.network_only_losses),
        ("filling", 2, joint_losses.joint_displacement_losses),
    ],
)
def test_members_learn_from_heights_of_their_own(
    request, rng, kind, outputs, objective
):
    training_data, weights = request.getfixturevalue(kind), parameters(outputs)
    added = rng.normal(size=(2, EPOCHS, STATIONS))
    perturbed = dataclasses.replace(training_data, perturbation=jnp.asarray(added))
    key = jax.random.key(0)
    for function in objective():
        found = function(weights, perturbed, key)
        assert np.isfinite(found).all()
        for number in range(2):
            up = np.array(training_data.displacement)
            up[:, :STATIONS] += added[number]
            own = dataclasses.replace(training_data, displacement=jnp.asarray(up))
            expected = function(weights, own, key)[number]
            np.testing.assert_allclose(found[number], expected, rtol=1e-6)


def test_what_is_added_to_heights_has_a_series_for_each_station(water):
    given = (water.problem, water.displacement, water.sigma, water.features)
    with pytest.raises(ValueError, match="perturbation"):
        joint_model.make_training_data(
            *given, folds(), moved=water.moved, perturbation=np.zeros((2, EPOCHS, 1))
        )

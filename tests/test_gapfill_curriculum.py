"""Networks taught by themselves first, then through the inversion."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sp

from jaxload import inversion
from jaxload.gapfill.joint import joint_model, schedule
from jaxload.gapfill.joint.calibration import calibrate
from jaxload.gapfill.networks import lstm
from jaxload.gapfill.training.optimise import OptimiserSettings

EPOCHS, STATIONS, CELLS = 40, 6, 9
NUMBERS = (0.4, 1.3, 0.7)
SHORT = OptimiserSettings(steps=10, every=5, learning_rate=0.01, weight_decay=0.5)
HIDDEN = 3
KEYS = jax.random.split(jax.random.key(3), 2)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def training_data():
    return small_training_data()


def small_training_data():
    rng = np.random.default_rng(5)
    chain = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(CELLS, CELLS))
    design = -0.01 * rng.uniform(1, 2, (STATIONS, CELLS))
    season = np.sin(np.arange(EPOCHS) / 4)
    load = 100 * season[:, None] * np.ones(CELLS)
    heights = load @ design.T + rng.normal(scale=0.3, size=(EPOCHS, STATIONS))
    heights[rng.uniform(size=heights.shape) < 0.1] = np.nan
    features = np.stack([season, np.cos(np.arange(EPOCHS) / 4)], axis=-1)
    features = np.broadcast_to(features[:, None], (EPOCHS, CELLS, 2))
    held = jnp.asarray([[0, 1, 0, 0, 1, 0], [0, 0, 1, 0, 0, 0]], bool)
    line = np.arange(float(STATIONS))
    distance = jnp.asarray(abs(line[:, None] - line))
    return joint_model.make_training_data(
        inversion.smooth_problem(design, chain),
        heights,
        np.full(STATIONS, 0.3),
        features,
        joint_model.Folds(held, distance, jnp.asarray(1.0), 1),
        moved=design,
    )


def train_ensemble(training_data, training_schedule, form="water", **keywords):
    initial = joint_model.InitialHyperparameters(*NUMBERS)
    given = (form, training_data, HIDDEN, initial, KEYS)
    return schedule.train_ensemble(
        *given, training_schedule=training_schedule, **keywords
    )


def test_the_inversion_takes_up_the_network_and_begins_with_its_own_numbers(
    training_data,
):
    class Memory:
        def __init__(self, name):
            self.name = name

        def restore(self, state):
            first[self.name] = state
            return state

        def save(self, step, state):
            pass

    first, heard = {}, []
    training_schedule = schedule.TrainingSchedule(SHORT, SHORT)
    learned = train_ensemble(
        training_data, training_schedule, checkpoints=Memory, watch=heard.append
    )
    assert list(first) == ["alone", "jointly"]
    taken_up, taught = first["jointly"].parameters, learned.pretraining.parameters
    for after, before in zip(
        jax.tree.leaves(taken_up.network), jax.tree.leaves(taught.network)
    ):
        np.testing.assert_array_equal(after, before)
    factor = np.exp([taken_up.inversion.log_beta, taken_up.inversion.log_noise_factor])
    np.testing.assert_allclose(factor[0], 4 * NUMBERS[0])
    np.testing.assert_allclose(factor[1], NUMBERS[1])
    assert learned.last is learned.joint
    assert heard == sorted(heard)
    assert heard[-1] == 1


def test_a_part_through_the_inversion_is_slower_or_missing():
    made = schedule.make_schedule(30, 20, learning_rate=0.1, weight_decay=0.5)
    assert (made.pretraining.steps, made.joint.steps) == (30, 20)
    assert made.joint.learning_rate == pytest.approx(0.03)
    assert made.pretraining.weight_decay == made.joint.weight_decay == 0.5
    assert schedule.make_schedule(joint_steps=None).joint is None


def test_two_stages_end_with_the_network_by_itself(training_data):
    learned = train_ensemble(
        training_data, schedule.TrainingSchedule(SHORT, joint=None)
    )
    assert learned.joint is None
    assert learned.last is learned.pretraining
    # Nothing of the inversion is in the loss: what is held out decides.
    begun = jnp.log(jnp.asarray([4 * NUMBERS[0], *NUMBERS[1:]]))
    begun = joint_model.Hyperparameters(*(jnp.broadcast_to(x, 2) for x in begun))
    network = dataclasses.replace(learned.last.parameters, inversion=begun)
    expected = dataclasses.astuple(calibrate(training_data, network))
    for found, value in zip(
        dataclasses.astuple(learned.last.parameters.inversion), expected
    ):
        np.testing.assert_allclose(found, np.broadcast_to(value, 2), rtol=1e-4)
    assert abs(float(expected[0] - begun.log_beta[0])) > 0.1


def test_a_network_taught_first_knows_what_all_places_have_in_common(training_data):
    training_schedule = schedule.TrainingSchedule(
        OptimiserSettings(steps=150, learning_rate=0.03),
        OptimiserSettings(steps=20, learning_rate=0.003),
    )
    learned = train_ensemble(training_data, training_schedule)
    expected = joint_model.predict_load(
        jax.tree.map(lambda x: x[0], learned.last.parameters), training_data.features
    )
    season = 100 * np.sin(np.arange(EPOCHS) / 4)
    assert np.corrcoef(expected.mean(axis=1), season)[0, 1] > 0.97
    assert (
        learned.pretraining.curve.held_out[-1].max()
        < learned.pretraining.curve.held_out[0].min()
    )


def test_weights_decay_and_numbers_of_the_inversion_do_not(training_data):
    strong = dataclasses.replace(SHORT, weight_decay=20.0)
    # Pre-training of displacement alone estimates none of them anew.
    end = [
        train_ensemble(
            training_data,
            schedule.TrainingSchedule(settings, None),
            form="displacement",
        ).pretraining.parameters
        for settings in (SHORT, strong)
    ]
    factor = schedule.INITIAL_BETA_FACTOR["displacement"]
    weak, small = (np.abs(x.network.recurrent).mean() for x in end)
    assert small < weak
    for parameters in end:
        np.testing.assert_allclose(
            np.exp(parameters.inversion.log_beta), factor * NUMBERS[0]
        )


def test_rates_are_swept_side_by_side(training_data):
    training_schedule = schedule.TrainingSchedule(SHORT, SHORT)
    swept = train_ensemble(
        training_data, training_schedule, learning_rate_factor=jnp.asarray([1.0, 0.2])
    )
    plain, slow = (
        train_ensemble(training_data, training_schedule),
        train_ensemble(training_data, training_schedule, learning_rate_factor=0.2),
    )
    for member, alone in enumerate((plain, slow)):
        for part in ("pretraining", "joint"):
            ours, theirs = (getattr(x, part).curve for x in (swept, alone))
            got, want = ours.loss[:, member], theirs.loss[:, member]
            np.testing.assert_allclose(got, want, rtol=1e-4)
    assert not np.allclose(
        plain.pretraining.curve.loss[:, 1], slow.pretraining.curve.loss[:, 1]
    )


def test_kept_apart_hyperparameters_are_those_of_what_is_held_out(training_data):
    made = schedule.TrainingSchedule(SHORT, SHORT, kept_apart=True)
    learned = train_ensemble(training_data, made)
    stiff = joint_model.InitialHyperparameters(4 * NUMBERS[0], *NUMBERS[1:])
    first = joint_model.initial_parameters(lstm.NetworkSize(2, HIDDEN), stiff, KEYS)
    begun = dataclasses.replace(
        learned.pretraining.parameters, inversion=first.inversion
    )
    expected = calibrate(training_data, begun)
    assert learned.joint is not None
    found = learned.joint.parameters.inversion
    for got, want in zip(jax.tree.leaves(found), jax.tree.leaves(expected)):
        np.testing.assert_allclose(got, np.full(got.shape, want), rtol=1e-6)
    curve = learned.joint.curve
    np.testing.assert_array_equal(curve.others["nll_by_themselves"], curve.held_out)
    assert np.isfinite(curve.others["rmse_mm"]).all()

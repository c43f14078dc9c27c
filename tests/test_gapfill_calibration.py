"""How sure one may be, by what was held out."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sp

from jaxload import inversion
from jaxload.gapfill.joint import joint_model
from jaxload.gapfill.joint.calibration import calibrate, calibrate_virtual
from jaxload.gapfill.networks import lstm

EPOCHS, STATIONS, CELLS, MEMBERS = 500, 10, 7, 2
#: Weight of the prior, factor on sigma, offset that all share [mm].
TRUE = (0.6, 1.4, 2.5)
SIGMA = np.linspace(0.6, 1.0, STATIONS)


def parameters(numbers):
    """Networks that expect nothing."""
    keys = jax.random.split(jax.random.key(0), MEMBERS)
    return joint_model.initial_parameters(
        lstm.NetworkSize(1, 2), joint_model.InitialHyperparameters(*numbers), keys
    )


@pytest.fixture(scope="module")
def training_data():
    """Heights drawn from what an inversion believes of them."""
    rng = np.random.default_rng(7)
    chain = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(CELLS, CELLS))
    design = rng.uniform(-2, -0.5, (STATIONS, CELLS))
    beta, factor, common = TRUE
    prior = np.linalg.inv((chain.T @ chain).toarray()) / beta**2
    covariance = design @ prior @ design.T + np.diag((factor * SIGMA) ** 2) + common**2
    heights = rng.multivariate_normal(np.zeros(STATIONS), covariance, EPOCHS)
    heights[rng.uniform(size=heights.shape) < 0.1] = np.nan
    held = np.arange(STATIONS)[None] % 5 == np.arange(MEMBERS)[:, None]
    line = np.arange(float(STATIONS))
    distance = jnp.asarray(abs(line[:, None] - line))
    return joint_model.make_training_data(
        inversion.smooth_problem(design, chain),
        heights,
        SIGMA,
        np.ones((EPOCHS, CELLS, 1)),
        joint_model.Folds(jnp.asarray(held), distance, jnp.asarray(1.0), 1),
        moved=design,
    )


@pytest.mark.slow
def test_numbers_are_those_from_which_heights_were_drawn(training_data):
    found = calibrate(training_data, parameters((3.0, 1.0, 0.5)))
    got = np.array([found.log_beta, found.log_noise_factor, found.log_common_mode_sd])
    # Who knows eight receivers knows what all share, however much it is as a rule.
    assert (abs(got - np.log(TRUE)) < [0.1, 0.05, 0.4]).all()


@pytest.mark.slow
def test_an_overconfident_prior_is_widened_to_the_least_held_out_nlpd(
    training_data,
):
    sure = parameters((5.0, 1.4, 2.5))
    found = calibrate(training_data, sure, every=2)
    assert found.log_beta < np.log(5.0) - 1
    some = np.asarray(training_data.displacement)[::2]
    thin = dataclasses.replace(
        training_data,
        displacement=jnp.asarray(some),
        pattern=inversion.find_pattern(some),
    )

    def negative_log_predictive_density(**changed):
        numbers = dataclasses.replace(found, **changed)
        each = [
            joint_model.negative_log_predictive_density(thin, numbers, held)
            for held in training_data.folds.held_out
        ]
        return float(np.mean(each))

    least = negative_log_predictive_density()
    for name in ("log_beta", "log_noise_factor", "log_common_mode_sd"):
        for step in (-0.2, 0.2):
            assert (
                negative_log_predictive_density(**{name: getattr(found, name) + step})
                > least
            )


@pytest.mark.slow
def test_places_that_are_filled_badly_are_believed_less(training_data):
    """Filled by a network that expects nothing, and says that it is sure."""
    beside = np.asarray(training_data.problem.design)[:4]
    design = np.concatenate([training_data.problem.design, beside])
    chain = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(CELLS, CELLS))
    up = np.pad(np.asarray(training_data.displacement), ((0, 0), (0, 4)))
    held = jnp.pad(training_data.folds.held_out, ((0, 0), (0, 4)))
    filling = joint_model.make_training_data(
        inversion.smooth_problem(design, chain),
        up,
        np.pad(SIGMA, (0, 4), constant_values=1.0),
        np.ones((EPOCHS, STATIONS + 4, 1)),
        dataclasses.replace(training_data.folds, held_out=held),
    )
    keys = jax.random.split(jax.random.key(0), MEMBERS)
    sure = joint_model.initial_parameters(
        lstm.NetworkSize(1, 2, 2), joint_model.InitialHyperparameters(*TRUE), keys
    )
    _, factor = calibrate_virtual(filling, sure, every=2)
    one = jax.tree.map(lambda values: values[0], sure)
    predicted_sd = joint_model.predict_displacement(one, filling.features)[1][-1]
    # The network says nothing of what the water moves there.
    prior = np.linalg.inv((chain.T @ chain).toarray()) / TRUE[0] ** 2
    true = np.sqrt(np.diag(beside @ prior @ beside.T))
    assert factor > 1.2
    assert factor * predicted_sd > 0.7 * true.min()

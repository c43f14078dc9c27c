"""Networks trained side by side, run anywhere, weighted by distance."""

import dataclasses
import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxload.gapfill.networks.ensemble import Training, predict, train
from jaxload.gapfill.networks.lstm import apply
from jaxload.gapfill.networks.windows import hold_out_spans, make_windows
from jaxload.gapfill.published.dwlim import (
    control_stations,
    correlated_stations,
    inverse_distance_mean,
    validate,
)
from jaxload.gapfill.training.member_batches import losses
from jaxload.gapfill.training.optimise import OptimiserSettings

DESCENT = OptimiserSettings(steps=60, learning_rate=0.03, every=20)
SETTINGS = Training(hidden=6, descent=DESCENT)


@pytest.fixture(scope="module")
def observations():
    """Weather that drives displacement with a memory, and gaps."""
    rng = np.random.default_rng(1)
    features = rng.normal(size=(300, 3, 2))
    target = np.zeros((300, 3))
    for epoch in range(1, 300):
        target[epoch] = 0.8 * target[epoch - 1] + features[epoch] @ [1.0, -0.5]
    target = 5 + [2.0, 4.0, 1.0] * (target + 0.1 * rng.normal(size=target.shape))
    target[rng.random(target.shape) < 0.1] = np.nan
    target[:150, 2] = np.nan
    return features, target


@pytest.fixture(scope="module")
def ensemble(observations):
    return train(*observations, SETTINGS)


def test_members_learn_what_weather_does(ensemble, observations):
    features, _ = observations
    predicted = predict(ensemble, features)
    assert ensemble.stopped_at is None
    assert ensemble.curve.held_out[0].min() > 0.8
    assert ensemble.curve.held_out[-1].max() < 0.35
    fresh = np.random.default_rng(2).normal(size=(300, 1, 2))
    truth = np.zeros(300)
    for epoch in range(1, 300):
        truth[epoch] = 0.8 * truth[epoch - 1] + fresh[epoch, 0] @ [1.0, -0.5]
    for member in range(3):
        found = predict(ensemble, fresh)[30:, member, 0]
        assert np.corrcoef(found, truth[30:])[0, 1] > 0.85
    assert predicted.shape == (300, 3, 3)


@pytest.mark.slow
def test_a_member_is_the_same_alone(ensemble, observations):
    features, target = observations
    alone = train(features[:, :1], target[:, :1], SETTINGS)
    want = jax.tree.map(lambda x: x[:1], ensemble.weights)
    close = lambda a, b: np.testing.assert_allclose(a, b, atol=2e-3)
    jax.tree.map(close, alone.weights, want)


def test_members_learn_the_same_however_they_are_shared_out(ensemble, observations):
    features, target = observations
    one = jax.devices()[:1]
    whole = train(features, target, SETTINGS, devices=one)
    close = lambda a, b: np.testing.assert_allclose(a, b, atol=2e-3)
    jax.tree.map(close, whole.weights, ensemble.weights)
    np.testing.assert_array_equal(whole.step, ensemble.step)
    close(whole.curve.loss, ensemble.curve.loss)
    assert ensemble.curve.held_out.shape == (len(ensemble.curve.step), 3)
    predicted, again = (
        predict(ensemble, features[:, :3], devices=devices)
        for devices in (one, jax.devices())
    )
    assert len(jax.devices()) == 2
    np.testing.assert_allclose(predicted, again, atol=1e-5)


@pytest.mark.slow
def test_one_station_learns_at_several_rates_side_by_side(ensemble, observations):
    features, target = (np.repeat(x[:, :1], 2, axis=1) for x in observations)
    swept = train(features, target, SETTINGS, learning_rate_factor=np.array([1.0, 0.1]))
    scores = swept.curve.held_out
    np.testing.assert_allclose(scores[-1, 0], ensemble.curve.held_out[-1, 0], rtol=0.05)
    assert scores[1, 1] > 1.2 * scores[1, 0]


def test_predictions_are_those_of_each_member_in_the_unit_of_the_target(
    ensemble, observations
):
    features, _ = observations
    predicted = predict(ensemble, features)
    own = jax.tree.map(lambda x: x[1], ensemble.weights)
    mean, scale = float(ensemble.mean[1]), float(ensemble.scale[1])
    want = mean + scale * np.asarray(apply(own, features))[..., 0]
    np.testing.assert_allclose(predicted[:, 1], want, atol=1e-4)


@pytest.mark.parametrize("window", [None, 7, 30, 100, 400])
def test_every_epoch_is_judged_once_after_warming_up(window):
    windows = make_windows(100, window, 12)
    np.testing.assert_array_equal(
        np.sort(windows.epoch[windows.judged]), np.arange(100)
    )
    assert (np.diff(windows.epoch, axis=0) <= 1).all()
    before = np.argmax(windows.judged, axis=0)
    first = windows.epoch[before, np.arange(len(before))]
    np.testing.assert_array_equal(before, np.minimum(first, 12))


def test_spans_are_held_out_of_every_member(rng):
    seen = rng.random((900, 4)) < [0.9, 0.5, 0.1, 0.02]
    out = hold_out_spans(seen, 5, 0)
    assert not np.any(out & ~seen)
    share = out.sum(axis=0) / seen.sum(axis=0)
    np.testing.assert_allclose(share, 0.2, atol=0.13)
    # Whole spans, not single days: few changes among the days that were seen.
    assert np.abs(np.diff(out[seen[:, 0], 0].astype(int))).sum() <= 12


def test_losses_of_groups_have_the_derivatives_of_all_at_once(rng):
    parameters, data = (jnp.asarray(rng.normal(size=(7, 3))) for _ in range(2))
    loss = lambda parameters, data: jnp.sum(jnp.sin(parameters) * data)
    pull = jnp.asarray(rng.normal(size=7))
    got = jax.grad(lambda x: pull @ losses(loss, x, data))(parameters)
    np.testing.assert_allclose(got, pull[:, None] * np.cos(parameters) * data)
    want = (np.sin(parameters) * data).sum(axis=1)
    np.testing.assert_allclose(losses(loss, parameters, data), want)


@pytest.mark.slow
def test_windows_learn_the_same_from_a_short_memory(observations):
    settings = dataclasses.replace(SETTINGS, window=70, warm_up=25)
    ensemble = train(*observations, settings)
    assert ensemble.curve.held_out[-1].max() < 0.35


@pytest.mark.slow
def test_segments_change_no_training(ensemble, observations):
    settings = dataclasses.replace(SETTINGS, segment=40)
    curve = train(*observations, settings).curve
    np.testing.assert_allclose(curve.held_out, ensemble.curve.held_out, rtol=1e-3)


def test_a_training_that_diverges_says_when_and_keeps_what_was_good(
    observations, caplog
):
    features, target = observations
    hasty = OptimiserSettings(steps=40, learning_rate=1e38, every=10)
    settings = dataclasses.replace(SETTINGS, descent=hasty)
    with caplog.at_level(logging.WARNING):
        ensemble = train(features, target, settings)
    assert 1 <= ensemble.stopped_at <= 10
    assert f"diverged at step {ensemble.stopped_at}" in caplog.text
    assert np.isfinite(predict(ensemble, features)).all()


def test_what_cannot_be_learned_is_said(observations):
    features, target = observations
    gap = features.copy()
    gap[7, 2, 1] = np.nan
    with pytest.raises(ValueError, match="epoch 7, member 2, feature 1; fill"):
        train(gap, target)
    with pytest.raises(ValueError, match="target has 299 along 'epoch'"):
        train(features, target[1:])
    empty = np.where(np.arange(3) == 1, np.nan, target)
    with pytest.raises(ValueError, match="member 1 has 0 values, expected at least 10"):
        train(features, empty)
    with pytest.raises(ValueError, match="member 0 has only equal values"):
        train(features, np.where(np.arange(3) == 0, 1.0, target))
    with pytest.raises(ValueError, match=r"held_out is 0\.7"):
        Training(held_out=0.7)


def test_a_network_of_other_features_is_refused(ensemble, observations):
    features, _ = observations
    with pytest.raises(ValueError, match="weights has 2 along 'feature', but features"):
        predict(ensemble, np.concatenate([features, features], axis=-1))


def test_control_stations_are_those_that_weather_moves(rng):
    temperature, pressure, noise = rng.normal(size=(3, 500, 4))
    up = noise.copy()
    up[:, 1] -= 2 * temperature[:, 1]
    up[:, 2] += 2 * pressure[:, 2]
    up[:, 3] = 7.0
    up[rng.random(up.shape) < 0.2] = np.nan
    chosen = control_stations(up, temperature, pressure)
    np.testing.assert_array_equal(chosen, [False, True, True, False])
    largest = max(
        abs(np.corrcoef(weather[seen, k], up[seen, k])[0, 1])
        for k in range(3)
        for weather in (temperature, pressure)
        for seen in [np.isfinite(up[:, k])]
    )
    with pytest.raises(ValueError, match=f"the largest absolute .* is {largest:.2f};"):
        control_stations(up, temperature, pressure, threshold=0.99)


def test_control_stations_may_move_with_any_variable(rng):
    rain, warmth, up = rng.normal(size=(3, 400, 3))
    up[:, 2] += 2 * rain[:, 2]
    chosen = correlated_stations(up, {"temperature": warmth, "precipitation": rain})
    np.testing.assert_array_equal(chosen, [False, False, True])
    with pytest.raises(ValueError, match="correlates with temperature above"):
        correlated_stations(up, {"temperature": warmth})


def test_near_members_count_most_and_the_own_one_not():
    predictions = np.array([[[1.0, 1.0, 1.0], [4.0, 4.0, 4.0]]])
    distance = np.array([[1.0, 2.0], [0.0, 3.0], [5.0, np.inf]])
    got = inverse_distance_mean(predictions, distance)
    np.testing.assert_allclose(got, [[(1 + 4 / 2) / 1.5, 1.0, 1.0]])
    squared = inverse_distance_mean(predictions, distance, power=2.0)
    np.testing.assert_allclose(squared[0, 0], (1 + 4 / 4) / 1.25)
    own = np.array([[False, False], [True, False], [True, False]])
    got = inverse_distance_mean(predictions, distance, own)
    np.testing.assert_allclose(got, [[2.0, 4.0, np.nan]])
    with pytest.raises(ValueError, match="distance has negative or NaN values"):
        inverse_distance_mean(predictions, -distance)


def test_stations_are_judged_by_the_members_of_others(rng):
    up = rng.normal(size=(200, 3))
    up[:40, 1] = np.nan
    # Each member is right at its own station and nowhere else.
    predictions = np.repeat(rng.normal(size=(200, 3, 1)), 3, axis=2)
    predictions[:, np.arange(3), np.arange(3)] = np.nan_to_num(up)
    distance = 1.0 - np.eye(3)
    own = np.eye(3, dtype=bool)
    fair = validate(predictions, distance, own, up)
    blind = validate(predictions, distance, np.zeros_like(own), up)
    np.testing.assert_allclose(blind.rmse, 0, atol=1e-12)
    want = (predictions[:, 1, 0] + predictions[:, 2, 0]) / 2
    np.testing.assert_allclose(fair.predicted[:, 0], want)
    np.testing.assert_allclose(fair.pcc[0], np.corrcoef(want, up[:, 0])[0, 1])
    error = (predictions[40:, [0, 2], 1].mean(axis=1) - up[40:, 1]) ** 2
    np.testing.assert_allclose(fair.rmse[1], np.sqrt(error.mean()))
    np.testing.assert_allclose(fair.taylor.std[0], want.std())

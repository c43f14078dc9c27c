"""The loop that trains, on losses whose minimum is known."""

import dataclasses
import functools
import logging
import os
import shutil
import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from traces import count_traces

from jaxload import io
from jaxload.gapfill.joint import joint_losses
from jaxload.gapfill.networks import ensemble as lstm_ensemble
from jaxload.gapfill.training import checkpoints, optimise, sharding

TARGET = np.array([[1.0, -2.0], [0.5, 3.0]])
KEY = jax.random.key(7)


def loss(weights, data, key):
    """Squared distance from a target that trembles."""
    tremble = 0.01 * jax.random.normal(key, weights.shape)
    return jnp.sum((weights - data + tremble) ** 2, axis=1)


def score(weights, data, key):
    """Another minimum, on the way."""
    del key
    return jnp.sum((weights - data / 2) ** 2, axis=1)


def train(settings, **keywords):
    start = jnp.zeros(TARGET.shape)
    data = jnp.asarray(TARGET)
    return optimise.train_members(
        loss, score, start, data, settings, key=KEY, **keywords
    )


def test_each_member_keeps_the_parameters_that_scored_best():
    settings = optimise.OptimiserSettings(
        steps=200, every=5, patience=100, learning_rate=0.05
    )
    fitted = train(settings)
    curve = fitted.curve
    np.testing.assert_allclose(curve.loss[-1], 0, atol=0.01)
    best = curve.held_out.argmin(axis=0)
    np.testing.assert_array_equal(fitted.step, curve.step[best])
    assert (fitted.step < 200).all()
    assert len(set(fitted.step)) == 2
    found = score(fitted.parameters, TARGET, KEY)
    np.testing.assert_allclose(found, curve.held_out.min(axis=0))


@dataclasses.dataclass(frozen=True)
class Device:
    process_index: int
    id: int


@pytest.mark.parametrize(
    ("counts", "parts", "chosen"),
    [
        ((2, 2), 2, [(0, 0), (1, 0)]),
        ((1, 3), 3, [(0, 0), (1, 0), (1, 1)]),
        ((3, 1), 4, [(0, 0), (1, 0), (0, 1), (0, 2)]),
        ((1, 1, 1, 1), 5, [(0, 0), (1, 0), (2, 0), (3, 0)]),
    ],
)
def test_every_process_has_a_part_whatever_its_devices(
    monkeypatch, counts, parts, chosen
):
    devices = [Device(n, i) for n, count in enumerate(counts) for i in range(count)]
    monkeypatch.setattr(sharding, "Mesh", lambda devices, _: devices)
    share = sharding.make_share(parts, devices)
    assert [(each.process_index, each.id) for each in share.mesh] == chosen


@pytest.mark.parametrize("count", [1, 2])
def test_a_second_training_of_the_same_kind_compiles_nothing_anew(rng, count):
    settings = lstm_ensemble.Training(
        hidden=2, window=10, warm_up=2, descent=optimise.OptimiserSettings(steps=2)
    )
    devices = jax.devices()[:count]
    for seed in (0, 1):
        # Another learning rate is no other program.
        descent = dataclasses.replace(settings.descent, learning_rate=0.01 * (1 + seed))
        settings = dataclasses.replace(settings, descent=descent)
        features = rng.normal(size=(60, 2, 1)).astype(np.float32)
        with count_traces() as traced:
            trained = lstm_ensemble.train(
                features, features.sum(axis=2) + seed, settings, devices=devices
            )
            lstm_ensemble.predict(trained, features, devices=devices)
    assert sum(traced.values()) == 0, traced


def test_joint_losses_of_the_same_kind_are_the_same_functions():
    for losses in (joint_losses.joint_load_losses, joint_losses.network_only_losses):
        assert losses(40) is losses(40)
        assert losses(40) is not losses(50)


def test_members_shared_out_are_those_that_one_device_trains():
    data = jnp.asarray(np.random.default_rng(0).normal(size=(5, 2)))
    start, learning_rate_factor = jnp.zeros(data.shape), np.linspace(0.5, 1, 5)
    settings = optimise.OptimiserSettings(
        steps=40, every=5, patience=3, learning_rate=0.1
    )

    def fit(devices):
        return optimise.train_members(
            loss,
            score,
            start,
            data,
            settings,
            key=KEY,
            learning_rate_factor=learning_rate_factor,
            devices=devices,
        )

    def loss(weights, data, key):
        del key
        return jnp.sum((weights - data) ** 2, axis=1)

    # Five among two are three and three, one of them a copy.
    one, two = fit(jax.devices()[:1]), fit(jax.devices())
    assert len(jax.devices()) == 2
    np.testing.assert_array_equal(one.step, two.step)
    np.testing.assert_allclose(one.parameters, two.parameters, rtol=1e-12)
    np.testing.assert_allclose(one.curve.loss, two.curve.loss, rtol=1e-12)
    assert two.curve.held_out.shape == (len(two.curve.step), 5)
    assert two.parameters.devices() == one.parameters.devices()


def test_a_training_goes_on_with_another_number_of_devices():
    data = jnp.asarray(np.random.default_rng(0).normal(size=(3, 2)))
    settings = optimise.OptimiserSettings(steps=8, every=4, learning_rate=0.1)

    def loss(weights, data, key):
        del key
        return jnp.sum((weights - data) ** 2, axis=1)

    class Memory:
        def __init__(self, state=None):
            self.first, self.states = state, []

        def restore(self, state):
            return state if self.first is None else self.first

        def save(self, _, state):
            self.states.append(state)

    def fit(count, checkpoints):
        return optimise.train_members(
            loss,
            loss,
            jnp.zeros(data.shape),
            data,
            settings,
            key=KEY,
            checkpoints=checkpoints,
            devices=jax.devices()[:count],
        )

    for before, after in ((1, 2), (2, 1)):
        memory = Memory()
        whole = fit(before, memory)
        again = fit(after, Memory(memory.states[0]))
        np.testing.assert_allclose(again.parameters, whole.parameters, rtol=1e-12)
        np.testing.assert_allclose(again.curve.loss, whole.curve.loss, rtol=1e-12)


def test_a_member_that_diverges_beside_others_is_named_by_its_step():
    start, data = jnp.zeros((3, 2)), jnp.asarray([[1.0], [2.0], [3.0]])

    def exploding(weights, data, key):
        del key
        far = jnp.where(weights[:, 0] > data[:, 0] / 10, jnp.inf, 1)
        return jnp.sum((weights - 1) ** 2, axis=1) * far

    settings = optimise.OptimiserSettings(steps=40, every=20, learning_rate=0.05)
    found = [
        optimise.train_members(
            exploding, exploding, start, data, settings, key=KEY, devices=devices
        ).diverged_at
        for devices in (jax.devices()[:1], jax.devices())
    ]
    # Three steps of 0.05 take the first member past 0.1, which the fourth sees.
    assert found == [4, 4]


def test_weights_decay_apart_from_the_loss_where_they_are_to():
    def flat(weights, data, key):
        del key
        return 0 * (weights["a"] + weights["b"]) - data * weights["count"]

    start = {name: jnp.ones(1) for name in ("a", "b", "count")}
    settings = optimise.OptimiserSettings(
        steps=30, every=10, learning_rate=0.1, weight_decay=0.5
    )
    decaying = {"a": True, "b": False, "count": False}
    one = jnp.ones(())
    fitted = optimise.train_members(
        flat, flat, start, one, settings, key=KEY, decaying=decaying
    )
    np.testing.assert_allclose(fitted.parameters["a"], 0.95**30, rtol=1e-6)
    np.testing.assert_array_equal(fitted.parameters["b"], 1)


def test_members_at_several_paces_train_as_at_those_rates_alone():
    start, data = {"w": jnp.ones(2)}, jnp.asarray(3.0)
    settings = optimise.OptimiserSettings(
        steps=20, every=10, learning_rate=0.01, weight_decay=0.2
    )

    def distance(weights, data, key):
        del key
        return (weights["w"] - data) ** 2

    def train_at(settings, **keywords):
        given = (distance, distance, start, data, settings)
        return optimise.train_members(*given, key=KEY, **keywords).parameters["w"]

    both = train_at(settings, learning_rate_factor=jnp.asarray([1.0, 4.0]))
    for member, rate in enumerate((0.01, 0.04)):
        alone = train_at(dataclasses.replace(settings, learning_rate=rate))
        np.testing.assert_allclose(both[member], alone[member], rtol=1e-5)
    assert both[1] > both[0]


def test_patience_ends_a_training():
    fitted = train(optimise.OptimiserSettings(steps=2000, every=5, patience=2))
    assert fitted.curve.step[-1] == fitted.step.max() + 10


@pytest.mark.parametrize(("steps", "looks"), [(5, [0, 5]), (15, [0, 10, 15])])
def test_a_training_takes_no_more_steps_than_asked_for(steps, looks):
    heard = []
    fitted = train(
        optimise.OptimiserSettings(steps=steps, every=10), watch=heard.append
    )
    assert fitted.curve.step.tolist() == looks
    assert heard == [step / steps for step in looks[1:]]
    assert fitted.step.max() <= steps
    each = train(optimise.OptimiserSettings(steps=steps, every=1, patience=100))
    np.testing.assert_array_equal(fitted.curve.loss[-1], each.curve.loss[-1])
    np.testing.assert_array_equal(fitted.curve.held_out, each.curve.held_out[looks])


def test_a_short_last_look_is_taken_up_again_bit_for_bit_the_same(tmp_path):
    settings = optimise.OptimiserSettings(steps=25, every=10, patience=100)
    whole = train(settings)
    store = checkpoints.DiskCheckpoints(tmp_path, "a model")

    def switch_off(share):
        if share >= 0.8:
            raise SwitchedOffError

    with pytest.raises(SwitchedOffError):
        train(settings, checkpoints=store, watch=switch_off)
    # Once from the last full look, and once from the end.
    for _ in range(2):
        again = train(settings, checkpoints=store)
        assert again.curve.step.tolist() == [0, 10, 20, 25]
        np.testing.assert_array_equal(again.parameters, whole.parameters)
        np.testing.assert_array_equal(again.curve.held_out, whole.curve.held_out)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_member_without_a_first_score_is_refused(value):
    def blind(weights, data, key):
        return score(weights, data, key).at[1].set(value)

    start, data = jnp.zeros(TARGET.shape), jnp.asarray(TARGET)
    with pytest.raises(ValueError, match=f"member 1 .*first step .* {value}, expected"):
        optimise.train_members(
            loss, blind, start, data, optimise.OptimiserSettings(steps=5), key=KEY
        )


class SwitchedOffError(Exception):
    """Stands for a machine without power."""


def test_a_training_taken_up_again_ends_bit_for_bit_the_same(tmp_path):
    settings = optimise.OptimiserSettings(steps=20, every=5, patience=100)
    whole = train(settings)
    store = checkpoints.DiskCheckpoints(tmp_path / "kept", "a model")

    def switch_off(share):
        if share >= 0.5:
            raise SwitchedOffError

    with pytest.raises(SwitchedOffError):
        train(settings, checkpoints=store, watch=switch_off)
    heard = []
    again = train(settings, checkpoints=store, watch=heard.append)
    assert heard == [0.75, 1.0]
    for ours, theirs in zip(
        jax.tree.leaves((again.parameters, again.step, again.curve.loss)),
        jax.tree.leaves((whole.parameters, whole.step, whole.curve.loss)),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert sorted(p.name for p in store.folder.iterdir()) == ["15", "20", "model.json"]


def test_checkpoints_of_another_model_are_refused(tmp_path):
    settings = optimise.OptimiserSettings(steps=5, every=5)
    train(settings, checkpoints=checkpoints.DiskCheckpoints(tmp_path, "one"))
    other = checkpoints.DiskCheckpoints(tmp_path, "two")
    with pytest.raises(ValueError, match="holds checkpoints of another model"):
        train(settings, checkpoints=other)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"model": "on', "\xff"])
def test_checkpoints_of_which_nothing_is_said_are_refused_in_one_sentence(
    content, tmp_path
):
    store = checkpoints.DiskCheckpoints(tmp_path, "one")
    settings = optimise.OptimiserSettings(steps=5, every=5)
    train(settings, checkpoints=store)
    path = tmp_path / "model.json"
    assert io.read_json(path) == {"model": "one"}
    path.write_text(content, encoding="latin-1")
    with pytest.raises(ValueError, match="does not say of which model") as caught:
        train(settings, checkpoints=store)
    said = str(caught.value)
    assert said.startswith(str(path))
    assert said.endswith(
        f"delete the folder {tmp_path} to begin anew, or train into another"
    )
    assert "\n" not in said


def test_a_folder_without_checkpoints_belongs_to_who_trains_first(tmp_path):
    (tmp_path / "model.json").write_text("")
    store = checkpoints.DiskCheckpoints(tmp_path, "one")
    settings = optimise.OptimiserSettings(steps=5, every=5)
    first = train(settings, checkpoints=store)
    again = train(settings, checkpoints=store)
    np.testing.assert_array_equal(again.parameters, first.parameters)


def test_a_power_cut_leaves_no_half_of_what_says_which_model(tmp_path, monkeypatch):
    def cut(self, *_, **__):
        self.touch()
        raise SwitchedOffError

    monkeypatch.setattr(type(tmp_path), "write_text", cut)
    store = checkpoints.DiskCheckpoints(tmp_path, "one")
    with pytest.raises(SwitchedOffError):
        train(optimise.OptimiserSettings(steps=5, every=5), checkpoints=store)
    assert not (tmp_path / "model.json").exists()


def test_a_state_that_a_disk_has_no_room_for_is_not_begun(
    tmp_path, caplog, monkeypatch
):
    room = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(checkpoints.shutil, "disk_usage", lambda _: room)
    store = checkpoints.DiskCheckpoints(tmp_path / "kept", "one")
    store.save(7, {"weights": jnp.zeros(3)})
    assert "step 7 of the training cannot be kept" in caplog.text
    assert "No space left" in caplog.text
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["model.json"]


def test_a_training_that_cannot_be_kept_goes_on_and_says_so(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    store = checkpoints.DiskCheckpoints(tmp_path / "file" / "in", "one")
    store.save(7, {"weights": jnp.zeros(3)})
    assert "step 7 of the training cannot be kept" in caplog.text
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "9").write_text("no folder")
    checkpoints.DiskCheckpoints(tmp_path / "kept", "one").save(8, {"w": jnp.zeros(3)})
    assert (tmp_path / "kept" / "8").is_dir()


def test_a_broken_checkpoint_is_named(tmp_path):
    store = checkpoints.DiskCheckpoints(tmp_path, "one")
    settings = optimise.OptimiserSettings(steps=5, every=5)
    train(settings, checkpoints=store)
    for path in (tmp_path / "5").rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"checkpoint .*5 cannot be read"):
        train(settings, checkpoints=store)


def test_fingerprints_tell_data_and_settings_apart(rng):
    values = rng.normal(size=(3, 2))
    settings = optimise.OptimiserSettings()
    first = checkpoints.fingerprint(values, settings)
    assert first == checkpoints.fingerprint(values.copy(), optimise.OptimiserSettings())
    assert first != checkpoints.fingerprint(values + 1e-9, settings)
    assert first != checkpoints.fingerprint(values, optimise.OptimiserSettings(steps=3))


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Case:
    """Stands for a problem, some of which is static."""

    values: Any
    centres: Any = dataclasses.field(default=1, metadata={"static": True})


def test_fingerprints_tell_static_fields_and_nesting_apart():
    values = np.arange(4.0)
    alike = [
        Case(values),
        Case(values, 2),
        Case(values, "2"),
        Case(values, np.sin),
        Case(values, np.cos),
        Case(values, functools.partial(loss, key=1)),
        Case(values, functools.partial(loss, key=2)),
        Case(values, optimise.OptimiserSettings()),
        Case(values, optimise.OptimiserSettings(steps=3)),
        Case((values, None)),
        Case((values,)),
        Case([values]),
        Case({"a": values}),
        Case({"b": values}),
        values,
        values.reshape(2, 2),
        values.astype(np.float32),
        (values[:2], values[2:]),
        ("ab", "c"),
        ("a", "bc"),
        np.float64(1),
        np.ones(1),
        1,
        True,
    ]
    names = [checkpoints.fingerprint(case) for case in alike]
    assert len(set(names)) == len(alike)


def test_fingerprints_are_the_same_wherever_things_lie_in_memory():
    def make():
        def rule():
            return object()

        given = {"rule": rule, "one": rule(), "two": frozenset({"x", "y", "z"})}
        return Case(jnp.arange(3.0), functools.partial(jax.jit(rule), **given))

    first, second = make(), make()
    assert checkpoints.fingerprint(first) == checkpoints.fingerprint(second)
    code = (
        "from jaxload.gapfill.training.checkpoints import DiskCheckpoints;"
        "from jaxload.gapfill.training.checkpoints import fingerprint as name;"
        "print(name({'a': (1.5, None, frozenset('xyz'), DiskCheckpoints, len)}))"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    given = {"a": (1.5, None, frozenset("xyz"), checkpoints.DiskCheckpoints, len)}
    assert said == [checkpoints.fingerprint(given) + "\n"] * 2


def test_a_training_that_diverges_says_when_and_keeps_what_was_good(caplog):
    def exploding(weights, data, key):
        return loss(weights, data, key) * jnp.where(weights[:, 0] > 0.2, jnp.inf, 1)

    settings = optimise.OptimiserSettings(steps=200, every=5, learning_rate=0.05)
    start = jnp.zeros(TARGET.shape)
    with caplog.at_level(logging.WARNING):
        fitted = optimise.train_members(
            exploding, score, start, jnp.asarray(TARGET), settings, key=KEY
        )
    assert 0 < fitted.diverged_at < 20
    assert fitted.curve.step[-1] < fitted.diverged_at
    assert (fitted.parameters[:, 0] > 0).all()
    assert np.isfinite(fitted.curve.loss[1:]).all()
    assert f"training diverged at step {fitted.diverged_at};" in caplog.text


def test_weights_that_grow_by_themselves_are_refused():
    with pytest.raises(ValueError, match="weight_decay is -1, expected zero or"):
        optimise.OptimiserSettings(weight_decay=-1)


@pytest.mark.parametrize("name", ["steps", "every", "patience", "learning_rate"])
def test_settings_that_train_nothing_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} is 0"):
        optimise.OptimiserSettings(**{name: 0})

"""Models of users: modules of Flax and Equinox, and functions of parameters."""

import functools
import logging
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sp
from flax import linen, nnx

from jaxload import inversion
from jaxload.gapfill.joint import joint_losses, joint_model, schedule
from jaxload.gapfill.models.adapters import as_architecture
from jaxload.gapfill.models.corrected import Corrected
from jaxload.gapfill.models.named import CLASSES, code_of, named_architecture
from jaxload.gapfill.models.protocol import ModelSizes, check_network
from jaxload.gapfill.models.recurrent import Recurrent
from jaxload.gapfill.training.optimise import OptimiserSettings

EPOCHS, STATIONS, CELLS, FEATURES = 30, 6, 7, 2
NUMBERS = (0.4, 1.3, 0.7)
KEY = jax.random.key(2)
KEYS = jax.random.split(jax.random.key(3), 2)
SIZES = ModelSizes(FEATURES, 1)


class Mine(nnx.Module):
    """Two layers of Flax NNX, with dropout and a state that is no weight."""

    def __init__(self, inputs, outputs, *, rngs, hidden=3):
        self.first = nnx.Linear(inputs, hidden, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)
        self.last = nnx.Linear(hidden, outputs, rngs=rngs)

    def __call__(self, features):
        return self.last(self.dropout(jnp.tanh(self.first(features))))


class Older(linen.Module):
    """Two layers of Flax Linen that leave the axis of outputs out."""

    hidden: int = 3

    @linen.compact
    def __call__(self, features, drivers):
        hidden = jnp.tanh(linen.Dense(self.hidden)(features))
        return linen.Dense(1)(hidden)[..., 0] + 0 * drivers["rain"]


def function(key, inputs, outputs, hidden=3):
    """Two layers as plain functions of parameters."""
    first, last = jax.random.split(key)
    weights = {
        "first": jax.random.normal(first, (inputs, hidden), jnp.float32),
        "last": jax.random.normal(last, (hidden, outputs), jnp.float32),
    }

    def predict(weights, features):
        return jnp.tanh(features @ weights["first"]) @ weights["last"]

    return weights, predict


RAIN = {"rain": jnp.ones((EPOCHS, CELLS), jnp.float32)}
MODELS = {"nnx": Mine, "linen": Older, "linen module": Older(4), "function": function}


@functools.cache
def training_data():
    rng = np.random.default_rng(5)
    chain = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(CELLS, CELLS))
    design = -0.01 * rng.uniform(1, 2, (STATIONS, CELLS))
    season = np.sin(np.arange(EPOCHS) / 4)
    heights = 100 * season[:, None] * np.ones(CELLS) @ design.T
    heights += rng.normal(scale=0.3, size=heights.shape)
    features = np.stack([season, np.cos(np.arange(EPOCHS) / 4)], axis=-1)
    features = np.broadcast_to(features[:, None], (EPOCHS, CELLS, FEATURES))
    held = jnp.asarray([[0, 1, 0, 0, 1, 0], [0, 0, 1, 0, 0, 0]], bool)
    line = np.arange(float(STATIONS))
    return joint_model.make_training_data(
        inversion.smooth_problem(design, chain),
        heights,
        np.full(STATIONS, 0.3),
        features,
        joint_model.Folds(
            held, jnp.asarray(abs(line[:, None] - line)), jnp.ones(()), 1
        ),
        moved=design,
        drivers=RAIN,
    )


def train(model, steps=40, rate=0.03, **keywords):
    two_stages = schedule.TrainingSchedule(
        OptimiserSettings(steps=steps, every=10, learning_rate=rate, patience=9), None
    )
    initial = joint_model.InitialHyperparameters(*NUMBERS)
    return schedule.train_ensemble(
        "water",
        training_data(),
        model,
        initial,
        KEYS,
        training_schedule=two_stages,
        **keywords,
    )


def in_numpy(kind, weights, features):
    """What each of the models computes."""
    if kind == "function":
        return np.tanh(features @ weights["first"]) @ weights["last"]
    names = ("first", "last") if kind == "nnx" else ("Dense_0", "Dense_1")
    layers = [(weights[n]["kernel"], weights[n]["bias"]) for n in names]
    (first, offset), (last, end) = [[np.asarray(x) for x in pair] for pair in layers]
    return np.tanh(features @ first + offset) @ last + end


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_of_any_kind_is_run_with_its_weights(rng, kind):
    features = rng.normal(size=(EPOCHS, CELLS, FEATURES)).astype(np.float32)
    sizes = ModelSizes(FEATURES, 1, ("rain",))
    network = as_architecture(MODELS[kind]).build(sizes, KEY)
    run = jax.jit(
        lambda network, features: network(features, drivers=RAIN, segment=None)
    )
    got = run(network, features)
    weights = jax.tree.map(np.asarray, dict(network.weights))
    np.testing.assert_allclose(
        got, in_numpy(kind, weights, features), rtol=1e-5, atol=1e-6
    )
    assert got.shape == (EPOCHS, CELLS, 1)
    # Another key makes another network, of the same kind to JAX.
    other = as_architecture(MODELS[kind]).build(sizes, jax.random.key(9))
    assert not np.allclose(run(other, features), got)


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_of_any_kind_learns_from_heights(kind):
    trained = train(MODELS[kind]).last
    assert (trained.curve.held_out[-1] < trained.curve.held_out[0] - 0.2).all()
    members = joint_model.unstack_members(trained.parameters)
    data = training_data()
    load = joint_model.predict_load(members[0], data.features, drivers=data.drivers)
    season = np.sin(np.arange(EPOCHS) / 4)
    assert np.corrcoef(np.asarray(load).mean(axis=1), season)[0, 1] > 0.9


def test_a_module_of_equinox_learns_likewise():
    equinox = pytest.importorskip("equinox")

    class Theirs(equinox.Module):
        first: equinox.nn.Linear
        last: equinox.nn.Linear

        def __init__(self, inputs, outputs, *, key, hidden=3):
            keys = jax.random.split(key)
            kind = jnp.float32
            self.first = equinox.nn.Linear(inputs, hidden, key=keys[0], dtype=kind)
            self.last = equinox.nn.Linear(hidden, outputs, key=keys[1], dtype=kind)

        def __call__(self, features):
            one = lambda x: self.last(jnp.tanh(self.first(x)))
            return jax.vmap(jax.vmap(one))(features)

    trained = train(Theirs).last
    assert (trained.curve.held_out[-1] < trained.curve.held_out[0] - 0.2).all()


def test_nothing_of_equinox_is_imported_for_other_models():
    as_architecture(Mine)
    if "equinox" in sys.modules:
        pytest.skip("another test has imported equinox")
    assert "equinox" not in sys.modules


def test_settings_reach_the_model(rng):
    features = rng.normal(size=(EPOCHS, CELLS, FEATURES)).astype(np.float32)
    for kind, path in (("nnx", ("first", "kernel")), ("function", ("first",))):
        network = as_architecture(MODELS[kind], {"hidden": 7}).build(SIZES, KEY)
        weights = functools.reduce(lambda x, n: x[n], path, network.weights)
        assert jax.tree.leaves(weights)[0].shape == (FEATURES, 7)
        assert network(features, drivers={}, segment=None).shape[:2] == (EPOCHS, CELLS)


def of(weights, predict):
    """A model with these weights."""
    return lambda: (weights, predict)


def of_what(key, size):
    """A model with a setting that has no default."""
    del key, size


@pytest.mark.parametrize(
    ("model", "settings", "problem"),
    [
        (Mine, {"hiden": 3}, "Mine has no setting hiden; did you mean hidden"),
        (function, {"width": 3}, "function has no setting width; known are hidden"),
        (of_what, {}, "needs size among its settings"),
        (3.5, {}, "is a float, expected a class of Flax or Equinox modules"),
        (dict, {}, "is a type, expected a class"),
        (CLASSES["convolution"], {"channel": 3}, "did you mean channels"),
        (CLASSES["convolution"], {"levels": 0}, "levels is 0, expected 1 or more"),
    ],
)
def test_settings_that_a_model_does_not_take_are_named(model, settings, problem):
    with pytest.raises(ValueError, match=problem):
        as_architecture(model, settings)


ONE = jnp.ones((FEATURES, 1), jnp.float32)


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (
            of(ONE, lambda _, x: x),
            r"returns shape \(30, 7, 2\) .* expected \(30, 7, 1\)",
        ),
        (of(ONE, lambda w, x: jnp.sum(x @ w)), r"returns shape \(\) for features"),
        (of(ONE, lambda w, x: (x, w)), "returns a tuple for features"),
        (of(ONE * jnp.nan, lambda w, x: x @ w), "are not all finite before the first"),
        (of(jnp.ones(3, jnp.int32), lambda _, x: x), "are int32, expected floats"),
        (of(ONE, lambda w, x: (x @ w).astype(jnp.int32)), "returns int32, expected fl"),
        (of(ONE, lambda w, x: x @ w.T), "cannot be run: TypeError: dot_general"),
        (of(ONE, lambda w, _: w["no"]), "cannot be run: "),
        (
            lambda: None,
            "cannot be made: it returns a NoneType, expected parameters",
        ),
        (lambda: 1 / 0, "cannot be made: ZeroDivisionError: division by zero"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_in_one_sentence(model, problem):
    with pytest.raises(ValueError, match=problem) as raised:
        train(model)
    assert "\n" not in str(raised.value)


def test_a_model_of_displacement_has_two_outputs():
    model, data = as_architecture(Mine), training_data()
    network = model.build(SIZES, KEY)
    with pytest.raises(ValueError, match=r"30, 7, 2\): epochs, places and 2 outputs"):
        check_network("mine", network, data.features, data.drivers, 2)


def test_weights_that_become_no_numbers_are_said_and_the_start_is_kept(caplog):
    # The derivative of a root at zero is infinite, times zero no number.
    predict = lambda w, x: x @ w + jnp.sqrt(jnp.sum(0 * w) ** 2)
    with caplog.at_level(logging.WARNING):
        trained = train(of(ONE, predict)).last
    assert trained.diverged_at is not None
    np.testing.assert_array_equal(
        trained.parameters.network.weights, np.stack([ONE, ONE])
    )
    assert "training diverged at step" in caplog.text
    assert "no better than its start, whose weights are kept" in caplog.text


def test_training_that_gets_worse_than_its_start_keeps_the_start(caplog):
    """A model that begins with the truth, and a learning rate that is far too large."""
    truth = jnp.asarray([[1.0], [0.0]], jnp.float32)
    with caplog.at_level(logging.WARNING):
        trained = train(of(truth, lambda w, x: x @ w), steps=10, rate=5.0).last
    np.testing.assert_array_equal(trained.step, 0)
    np.testing.assert_array_equal(trained.parameters.network.weights[0], truth)
    assert (
        "pre-training predicts the stations held out by 2 of 2 members" in caplog.text
    )
    assert "whose weights are kept" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        train(function)
    assert not caplog.text


def test_every_evaluation_can_be_logged():
    heard = []
    trained = train(function, on_step=lambda part, now: heard.append((part, now))).last
    assert [part for part, _ in heard] == ["alone"] * 4
    assert [now.step for _, now in heard] == [10, 20, 30, 40]
    for name in ("loss", "held_out"):
        each = np.stack([getattr(now, name) for _, now in heard])
        np.testing.assert_array_equal(each, getattr(trained.curve, name)[1:])
    last = heard[int(trained.step[0] // 10) - 1][1].parameters.network.weights["first"]
    np.testing.assert_array_equal(
        last[0], trained.parameters.network.weights["first"][0]
    )


class Believer:
    """An architecture with a prior of its weights."""

    def build(self, sizes, key):
        del sizes, key
        return Believed(jnp.full((FEATURES, 1), 0.5, jnp.float32))


@jax.tree_util.register_pytree_node_class
class Believed:
    def __init__(self, weights):
        self.weights = weights

    def tree_flatten(self):
        return (self.weights,), None

    @classmethod
    def tree_unflatten(cls, _, weights):
        return cls(*weights)

    def __call__(self, features, *, drivers, segment):
        del drivers, segment
        return features @ self.weights

    def log_prior(self, features, drivers):
        assert features.shape == (EPOCHS, CELLS, FEATURES)
        assert drivers.keys() == {"rain"}
        return -3 * jnp.sum(self.weights**2)


def test_the_prior_of_a_model_is_in_its_training_loss_and_nowhere_else():
    data, initial = training_data(), joint_model.InitialHyperparameters(*NUMBERS)
    plain = of(jnp.full((FEATURES, 1), 0.5, jnp.float32), lambda w, x: x @ w)
    values = []
    for model in (Believer(), as_architecture(plain)):
        draw = functools.partial(model.build, SIZES)
        start = joint_model.initial_parameters(draw, initial, KEYS)
        both = joint_losses.pretraining_load_losses()
        values.append([np.asarray(f(start, data, KEY)) for f in both])
    (loss, score), (without, same) = values
    np.testing.assert_allclose(score, same, rtol=1e-12)
    held = np.asarray(data.folds.held_out)
    count = EPOCHS * (~held).sum(axis=1)
    count = count / float(joint_losses.repetition(data.displacement))
    np.testing.assert_allclose(loss - without, 3 * 2 * 0.25 / count, rtol=1e-6)


def test_drivers_that_do_not_fit_are_named():
    data = training_data()
    make = functools.partial(
        joint_model.make_training_data,
        data.problem,
        data.displacement,
        data.sigma,
        data.features,
        data.folds,
        moved=data.moved,
    )
    short = np.ones((EPOCHS - 1, CELLS))
    with pytest.raises(ValueError, match=r"driver snow has shape \(29, 7\), expected"):
        make(drivers={"snow": short})
    broken = np.ones((EPOCHS, CELLS))
    broken[4, 3] = np.nan
    with pytest.raises(ValueError, match="snow is not finite at epoch 4 of place 3"):
        make(drivers={"snow": broken})
    days = np.full((EPOCHS, 1), 7.0)
    assert schedule.model_sizes("water", make(drivers={"days": days})) == ModelSizes(
        FEATURES, 1, ("days",), EPOCHS
    )
    year = np.full((EPOCHS, 1), 30.4)
    assert (
        schedule.model_sizes("water", make(drivers={"days": year})).epochs_per_year
        == 12
    )


def test_a_number_of_hidden_units_is_a_long_short_term_memory():
    assert (
        as_architecture(5) == Recurrent(5) == named_architecture("lstm", {"hidden": 5})
    )
    assert as_architecture(Recurrent(3)) == Recurrent(3)


def test_every_name_makes_its_model_and_a_sum_its_two():
    for name, kind in CLASSES.items():
        assert isinstance(named_architecture(name), kind)
    settings = {"lstm": {"hidden": 3}, "water-balance": {"prior_sd": 0.5}}
    model = named_architecture("water-balance+lstm", settings)
    assert isinstance(model, Corrected)
    assert (model.correction.hidden, model.skeleton.prior_sd) == (3, 0.5)
    with pytest.raises(
        ValueError, match=r"\[gapfill.model_settings.lstm\], not hidden"
    ):
        named_architecture("water-balance+lstm", {"hidden": 3})


FILE = """
import dataclasses

import jax.numpy as jnp
from flax import nnx


@dataclasses.dataclass
class Size:
    hidden: int = 3


class WaterNet(nnx.Module):
    def __init__(self, inputs, outputs, *, rngs, hidden=Size().hidden):
        self.only = nnx.Linear(inputs, outputs, rngs=rngs)

    def __call__(self, features):
        return self.only(features)
"""


def test_a_file_of_code_is_run_only_where_it_is_trusted(tmp_path):
    (tmp_path / "mine.py").write_text(FILE)
    path = lambda name: tmp_path / name
    named = functools.partial(named_architecture, path=path)
    for name in ("mine.py:WaterNet", "my_package.models:WaterNet"):
        with pytest.raises(
            ValueError, match=r"set gapfill\.trust = true if you trust it"
        ):
            named(name)
    model = named("mine.py:WaterNet", {"hidden": 4}, trust=True)
    network = model.build(SIZES, KEY)
    ones = jnp.ones((3, 2, FEATURES), jnp.float32)
    output = network(ones, drivers={}, segment=None)
    assert output.shape == (3, 2, 1)
    # One file is imported once, a changed one again; checkpoints are of its text.
    assert named("mine.py:WaterNet", trust=True).model is model.model
    before = code_of(model)
    assert before == FILE.encode()
    (tmp_path / "mine.py").write_text(FILE + "\n\nMORE = 1\n")
    after = named("mine.py:WaterNet", trust=True)
    assert after.model is not model.model
    assert code_of(after) != before
    assert code_of(Recurrent(3)) == b""
    both = named("water-balance+mine.py:WaterNet", trust=True)
    assert code_of(both) == code_of(after)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("mine.py:WaterNett", FILE, "mine.py has no WaterNett; did you mean WaterNet"),
        ("other.py:WaterNet", FILE, "other.py is not a file; check gapfill.model"),
        ("mine.py:Net", "import nowhere_at_all", "there is no module nowhere_at_all"),
        ("mine.py:Net", "1 / 0", "importing mine.py fails with ZeroDivisionError"),
        ("mine.py:Net", "raise SystemExit(3)", "fails with SystemExit: 3"),
        ("mine.py:Net", "class", "fails with SyntaxError"),
        ("mine.py:Net", "Net = 4.5", "is a float, expected a class of Flax"),
        ("nowhere_at_all.models:Net", "", "there is no module nowhere_at_all"),
        ("jaxload.gapfill:Net", "", "jaxload.gapfill has no Net"),
    ],
)
def test_code_that_is_not_there_or_fails_is_named(tmp_path, name, text, problem):
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(ValueError, match=problem) as raised:
        named_architecture(name, trust=True, path=lambda name: tmp_path / name)
    assert "\n" not in str(raised.value)
    assert f"the model {name}" in str(raised.value)

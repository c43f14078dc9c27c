"""The network's own scan against flax's cell, values and derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax.test_util import check_grads

from jaxload import _platform
from jaxload._platform import form
from jaxload.gapfill.networks import lstm_blocks, lstm_scan
from jaxload.gapfill.networks.lstm import NetworkSize, apply, hidden_states, initialise


@pytest.fixture(autouse=True)
def short_programs(monkeypatch):
    """What is written out for accelerators takes a CPU long to compile."""
    monkeypatch.setattr(lstm_scan, "UNROLL", 2)


NETWORK = NetworkSize(features=3, hidden=5, outputs=2)
TOLERANCE = {"float32": 1e-6, "float64": 1e-12}


def plainly(weights, inputs):
    """The same network as a plain scan over flax's own cell."""
    features, hidden = weights.features.shape[0], weights.recurrent.shape[0]
    kind, rngs = weights.bias.dtype, nnx.Rngs(0)
    cell = nnx.OptimizedLSTMCell(features, hidden, param_dtype=kind, rngs=rngs)
    graph, state = nnx.split(cell)
    state["dense_i"]["kernel"] = state["dense_i"]["kernel"].replace(weights.features)
    state["dense_h"]["kernel"] = state["dense_h"]["kernel"].replace(weights.recurrent)
    state["dense_h"]["bias"] = state["dense_h"]["bias"].replace(weights.bias)
    cell = nnx.merge(graph, state)
    empty = jnp.zeros((inputs.shape[1], hidden), kind)
    states = jax.lax.scan(cell, (empty, empty), inputs)[1]
    readout = jnp.einsum("tph,ho->tpo", states, weights.readout)
    return readout + weights.offset[None, None, :]


def numbers(rng, *shape, dtype="float64"):
    return jnp.asarray(rng.normal(size=shape), dtype)


#: More than two blocks of epochs whose gates are computed again, and a rest.
EPOCHS = 70


@pytest.mark.usefixtures("both_forms")
@pytest.mark.parametrize(
    ("dtype", "segment"), [("float32", None), ("float64", None), ("float64", 40)]
)
def test_outputs_and_derivatives_are_those_of_flax(rng, dtype, segment):
    weights = initialise(NETWORK, jax.random.key(1), dtype)
    inputs = numbers(rng, EPOCHS, 4, 3, dtype=dtype)
    wanted = numbers(rng, EPOCHS, 4, 2, dtype=dtype)

    def both(run):
        def loss(*given):
            outputs = run(*given)
            return jnp.mean((outputs - wanted) ** 2), outputs

        return jax.jit(jax.grad(loss, argnums=(0, 1), has_aux=True))(weights, inputs)

    got = both(lambda *given: apply(*given, segment=segment))
    with jax.numpy_rank_promotion("allow"):
        want = both(plainly)
    limit = TOLERANCE[dtype]
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=limit, atol=limit)
    jax.tree.map(close, got, want)


@pytest.mark.slow
def test_derivatives_are_those_of_small_differences(rng):
    weights = initialise(NETWORK, jax.random.key(2), "float64")
    inputs = numbers(rng, 40, 2, 3)
    run = jax.jit(lambda *given: hidden_states(*given, segment=35))
    check_grads(run, (weights, inputs), 1, "rev")


@pytest.mark.slow
def test_members_side_by_side_are_members_one_after_the_other(rng):
    keys = jax.random.split(jax.random.key(3), 3)
    members = [initialise(NETWORK, key, "float64") for key in keys]
    inputs = numbers(rng, 3, EPOCHS, 4, 3)
    loss = lambda weights, inputs: jnp.sum(apply(weights, inputs) ** 2)
    slope = jax.jit(jax.grad(loss))
    together = jax.tree.map(lambda *each: jnp.stack(each), *members)
    got = jax.jit(jax.vmap(jax.grad(loss)))(together, inputs)
    for number, member in enumerate(members):
        close = lambda a, b, n=number: np.testing.assert_allclose(a[n], b, rtol=1e-9)
        jax.tree.map(close, got, slope(member, inputs[number]))


@pytest.mark.parametrize("networks", [3, 5], ids=["3", "as many as epochs"])
def test_networks_summed_up_in_segments_have_the_derivatives_of_each(rng, networks):
    # Here the axis of networks is made before the derivative, not after it.
    keys = jax.random.split(jax.random.key(8), networks)
    members = [initialise(NETWORK, key, "float64") for key in keys]
    inputs = numbers(rng, 13, 4, 3)
    together = jax.tree.map(lambda *each: jnp.stack(each), *members)

    def loss(weights, inputs):
        return jnp.sum(apply(weights, inputs, segment=5) ** 2)

    def total(weights, inputs):
        return jnp.sum(jax.vmap(loss, in_axes=(0, None))(weights, inputs))

    got = jax.jit(jax.grad(total, argnums=(0, 1)))(together, inputs)
    each = [jax.grad(loss, argnums=(0, 1))(member, inputs) for member in members]
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    jax.tree.map(lambda a, *b: close(a, np.stack(b)), got[0], *(x[0] for x in each))
    close(got[1], sum(x[1] for x in each))


def test_networks_may_share_inputs_and_weights(rng):
    keys = jax.random.split(jax.random.key(7), 3)
    members = [initialise(NETWORK, key, "float64") for key in keys]
    inputs = numbers(rng, 2, 9, 4, 3)

    def loss(weights, inputs):
        return jnp.sum(apply(weights, inputs, segment=5) ** 2)

    both = jax.value_and_grad(loss, argnums=(0, 1))
    together = jax.tree.map(lambda *each: jnp.stack(each), *members)
    every_record = jax.vmap(both, in_axes=(None, 0))
    got = jax.jit(jax.vmap(every_record, in_axes=(0, None)))(together, inputs)
    want = [[both(member, record) for record in inputs] for member in members]
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    for member, row in enumerate(want):
        for record, cell in enumerate(row):
            own = jax.tree.map(lambda x, at=(member, record): x[at], got)
            jax.tree.map(close, own, cell)


def test_an_epoch_knows_nothing_of_later_ones(rng):
    weights = initialise(NETWORK, jax.random.key(4), "float64")
    inputs = numbers(rng, 30, 2, 3)
    output = lambda inputs: jnp.sum(apply(weights, inputs, segment=8)[10])
    slopes = jax.jit(jax.grad(output))(inputs)
    assert not np.any(slopes[11:])
    assert np.all(np.any(slopes[:11], axis=(1, 2)))


@pytest.mark.slow
@pytest.mark.thorough
def test_segments_bound_what_is_kept_for_derivatives(rng):
    weights = initialise(
        NetworkSize(features=3, hidden=16), jax.random.key(5), "float64"
    )
    inputs = numbers(rng, 1024, 8, 3)

    def temporary(segment):
        loss = lambda weights: jnp.sum(apply(weights, inputs, segment=segment))
        compiled = jax.jit(jax.grad(loss)).lower(weights).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    # Of 1,024 epochs, 32 beginnings of segments and the inside of one are kept.
    assert temporary(32) < temporary(None) / 5


def test_the_first_weights_are_orthogonal_and_remember():
    weights = initialise(
        NetworkSize(features=4, hidden=8), jax.random.key(6), "float64"
    )
    square = weights.recurrent @ weights.recurrent.T
    np.testing.assert_allclose(square, np.eye(8), atol=1e-12)
    np.testing.assert_array_equal(weights.bias, np.repeat([0, 1, 0, 0], 8))
    again = initialise(NetworkSize(features=4, hidden=8), jax.random.key(6), "float64")
    np.testing.assert_array_equal(weights.features, again.features)


def test_what_does_not_fit_is_said(rng):
    weights = initialise(NETWORK, jax.random.key(7))
    with pytest.raises(ValueError, match="weights has 3 along 'feature', but inputs"):
        apply(weights, numbers(rng, 10, 2, 4))
    with pytest.raises(ValueError, match="segment is 0, expected 1 epoch or more"):
        apply(weights, numbers(rng, 10, 2, 3), segment=0)
    with pytest.raises(ValueError, match="hidden is 0, expected 1 or more"):
        NetworkSize(features=3, hidden=0)


@pytest.mark.slow
@pytest.mark.parametrize("segment", [None, 15])
@pytest.mark.parametrize("memory", [40 * 2**30, 2**18])
def test_an_accelerator_goes_back_through_blocks_of_epochs_side_by_side(
    rng, monkeypatch, segment, memory
):
    monkeypatch.setattr(_platform, "accelerator_memory", lambda: memory)
    monkeypatch.setattr(lstm_blocks, "LONG_BLOCK", 16)
    jax.clear_caches()
    draw = lambda key: initialise(NetworkSize(5, 7, 2), key, "float64")
    weights = jax.vmap(draw)(jax.random.split(jax.random.key(1), 2))
    # Steeper than networks begin, so that derivatives grow and fade on their way.
    weights = jax.tree.map(lambda x: 2 * x, weights)
    inputs = jnp.asarray(rng.normal(size=(2, 40, 3, 5)))
    output = jax.vmap(lambda *one: apply(*one, segment=segment))
    total = lambda *both: jnp.sum(jnp.sin(output(*both)))
    run = lambda: (output(weights, inputs), jax.grad(total, (0, 1))(weights, inputs))
    want = run()
    with form("accelerator"):
        text = str(jax.make_jaxpr(jax.grad(total))(weights, inputs))
        got = run()
    jax.clear_caches()
    # Unit derivatives of two whole blocks of 16 epochs and of three places, side by
    # side where memory allows; 8 epochs are before them.
    assert ("f64[2,6,15,7]" in text) == (memory > 2**18)
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(want)):
        scale = float(jnp.abs(other).max())
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12 * scale)

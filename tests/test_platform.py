"""Forms for CPUs and accelerators: chosen where they run, of the same numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from jaxload import _platform, config, earth
from jaxload._platform import form, map_batches, map_parts, on_platform
from jaxload.inversion.linalg import spd
from jaxload.pipeline.estimation import uncertainty


def twice(values):
    return on_platform(values, cpu=lambda x: x + x, accelerator=lambda x: 2 * x)


@pytest.fixture
def beside_an_accelerator(monkeypatch):
    """As if the process had an accelerator too, so that the platform decides."""
    monkeypatch.setattr(_platform, "_has_cpus_only", lambda: False)
    jax.clear_caches()
    yield
    jax.clear_caches()


@pytest.fixture
def little_memory(monkeypatch):
    """An accelerator that holds few parts at a time."""
    monkeypatch.setattr(_platform, "accelerator_memory", lambda: 8 * 3 * 100)
    jax.clear_caches()
    yield
    jax.clear_caches()


def written_out(function, platform, *given):
    return export.export(jax.jit(function), platforms=[platform])(*given).mlir_module()


@pytest.mark.usefixtures("beside_an_accelerator")
def test_the_platform_compiled_for_decides():
    given = np.ones(3)
    assert "multiply" in written_out(twice, "cuda", given)
    assert "multiply" not in written_out(twice, "cpu", given)


def test_a_process_with_cpus_only_traces_one_form():
    assert "platform_index" not in str(jax.make_jaxpr(twice)(1.0))
    assert "mul" not in str(jax.make_jaxpr(twice)(1.0))


def test_a_form_holds_for_all_that_is_traced_within():
    nested = lambda x: on_platform(x, cpu=twice, accelerator=twice)
    with form("accelerator"):
        assert "mul" in str(jax.make_jaxpr(nested)(1.0))
    assert "mul" not in str(jax.make_jaxpr(nested)(1.0))


def test_the_form_of_arrays_is_that_of_where_they_lie(monkeypatch):
    here = jnp.ones(2)
    traced = []
    jax.make_jaxpr(lambda x: traced.append(_platform.form_at(x)) or x)(1.0)
    forms = [_platform.form_at(x) for x in (here, np.ones(2), None)]
    assert forms + traced == ["cpu"] * 4
    with form("accelerator"):
        assert _platform.form_at(here) == "accelerator"

    # Beside an accelerator, arrays on the CPU are the CPU's, and others are not.
    class Device:
        platform = "gpu"

    monkeypatch.setattr(_platform, "_has_cpus_only", lambda: False)
    monkeypatch.setattr(jax, "devices", lambda *_: [Device()])
    forms = [_platform.form_at(x) for x in (here, np.ones(2), None)]
    assert forms == ["cpu", "accelerator", "accelerator"]


@pytest.mark.usefixtures("beside_an_accelerator")
def test_what_both_forms_call_is_traced_for_both():
    shared = jax.jit(twice)
    both = lambda x: on_platform(x, cpu=shared, accelerator=shared)
    given = np.ones(3)
    assert "multiply" in written_out(both, "cuda", given)
    assert "multiply" not in written_out(both, "cpu", given)


def test_what_was_compiled_outside_of_a_form_is_not_taken_within():
    shared = jax.jit(twice)
    shared(1.0)
    with form("accelerator"):
        assert "mul" in str(jax.make_jaxpr(shared)(1.0))


def test_a_form_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="form is 'gpu', expected 'cpu' or"):  # noqa: SIM117
        with form("gpu"):
            pass


def test_memory_is_the_default_where_there_is_no_accelerator():
    assert _platform.accelerator_memory() == 40 * 2**30


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("count", [1, 7, 12])
def test_chunks_and_single_parts_give_the_same(rng, count):
    parts, scale = rng.normal(size=(count, 5)), jnp.asarray(3.0)
    total = lambda parts, scale: jnp.sum(
        map_parts(lambda part: scale * jnp.sin(part) ** 2, parts, each=100.0) ** 2
    )
    batches = lambda parts, scale: map_batches(
        lambda part: scale * jnp.sin(part), parts[:, :, None], each=100.0
    )
    run = lambda: (
        jax.value_and_grad(total, argnums=(0, 1))(parts, scale),
        jax.jvp(total, (parts, scale), (parts, scale)),
        jax.vmap(total, (None, 0))(parts, jnp.arange(3.0)),
        batches(parts, scale),
    )
    want = run()
    with form("accelerator"):
        text = str(jax.make_jaxpr(total)(parts, scale))
        got = run()
    assert ("scan" in text) == (count > 3)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-13), got, want
    )


@pytest.mark.parametrize("size", [1, 5, 70])
def test_both_forms_of_the_inverse_agree(rng, size):
    root = rng.normal(size=(3, size, size))
    matrix = root @ np.swapaxes(root, 1, 2) + np.eye(size)[None]
    weights = rng.normal(size=(3, size, size))

    def value(matrix):
        inverted, log_determinant = spd.inverse_and_log_determinant(matrix)
        return jnp.sum(weights * inverted) + jnp.sum(jnp.sin(log_determinant))

    run = lambda: (
        spd.inverse_and_log_determinant(matrix),
        jax.vmap(spd.inverse)(matrix),
        jax.grad(value)(matrix),
        jax.jvp(value, (matrix,), (weights,))[1],
    )
    want = run()
    with form("accelerator"):
        got = run()
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9), got, want
    )


def test_no_form_inverts_what_is_not_positive_definite():
    matrix = jnp.asarray([[1.0, 2.0], [2.0, 1.0]])
    for name in ("cpu", "accelerator"):
        with form(name):
            inverted, log_determinant = spd.inverse_and_log_determinant(matrix)
            assert np.isnan(inverted).any()
            assert np.isnan(log_determinant)


@pytest.mark.slow
@pytest.mark.parametrize("memory", [40 * 2**30, 2**20])
def test_both_forms_transform_harmonics_alike(rng, monkeypatch, memory):
    monkeypatch.setattr(_platform, "accelerator_memory", lambda: memory)
    jax.clear_caches()
    last = 70
    lat, lon = np.linspace(90, -90, 2 * last + 1), np.arange(0, 360, 2.0)
    cosine = np.tril(rng.normal(size=(2, last + 1, last + 1)))
    given = earth.Harmonics(cosine, np.tril(cosine[::-1], -1))

    def run():
        value = lambda given: jnp.sum(earth.synthesise(given, lat, lon) ** 3)
        field = earth.synthesise(given, lat, lon)
        return field, earth.analyse(field, lat, lon, last), jax.grad(value)(given)

    want = run()
    with form("accelerator"):
        got = run()
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(want)):
        scale = abs(np.asarray(other)).max()
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11 * scale)


@pytest.mark.parametrize(
    ("name", "kind"), [("cpu", "regions"), ("accelerator", "cells")]
)
def test_standard_errors_of_cells_follow_from_what_the_device_does(name, kind):
    study = config.Study(gnss=config.Gnss("*.up"), region=config.Region("region.txt"))
    national = (3653, 1163, 17227)
    with form(name):
        assert uncertainty.kind_by_size(study, national, daily=False) == kind
        assert uncertainty.kind_by_size(study, (300, 40, 300), daily=False) == "cells"

"""Benchmarks time what they say, and the references of the inversion say the same."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import _harness, cpu_reference, joint, network_errors
from benchmarks._networks import BETA, invented


@pytest.fixture(autouse=True)
def _no_extra_checks():
    """Benchmarks run with the promotion rules that users have."""
    with (
        jax.numpy_rank_promotion("allow"),
        jax.numpy_dtype_promotion("standard"),
    ):
        yield


@pytest.fixture
def compiling(monkeypatch):
    """A function that takes a minute at its first call, and a second at others."""
    calls, clock = [], [0.0]

    def call():
        clock[0] += 1.0 if calls else 60.0
        calls.append(len(calls))
        return None, None, calls[-1]

    monkeypatch.setattr(_harness.time, "perf_counter", lambda: clock[0])
    return call


def test_the_first_call_is_apart_from_those_that_follow(compiling):
    found = _harness.measure(compiling, repeat=2)
    assert found == {"first_call_s": 60, "median_s": 1, "times_s": [1, 1]}


def test_the_first_call_is_timed_while_its_memory_is_watched(compiling):
    found, result = _harness.measure_and_watch(compiling, repeat=2)
    assert found["first_call_s"] == 60
    assert found["times_s"] == [1, 1]
    assert found["peak_gib"] > 0
    assert result[2] == 0


def test_a_step_of_networks_is_timed_from_its_first_call(compiling):
    pytest.importorskip("flax", reason="flax is not installed")
    from benchmarks import lstm

    found, row = lstm.stepped("a step", compiling)
    assert found[2] == 0
    assert (row["first_call_s"], row["median_s"]) == (60, 1)


@pytest.mark.parametrize("reference", ["by_flax", "plainly"])
def test_the_references_of_networks_learn_the_same(rng, reference):
    pytest.importorskip("flax", reason="flax is not installed")
    from benchmarks import lstm

    weights = lstm.initialise(lstm.NETWORK, jax.random.key(0))
    inputs = rng.normal(size=(40, 1, 20)).astype(np.float32)
    record = (inputs, np.cumsum(inputs[..., 0], axis=0))
    slopes = [
        jax.grad(lstm.loss_of(run))(weights, record)
        for run in (getattr(lstm, reference), lstm.apply)
    ]
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
    jax.tree.map(close, *slopes)


@pytest.mark.parametrize("form", ["water", "displacement"])
def test_a_step_through_the_inversion_is_timed_from_its_first_call(
    network, form, monkeypatch
):
    # Quick to compile, and quicker yet to run.
    loss = lambda parameters, *_: jnp.exp(parameters.inversion.log_beta)
    monkeypatch.setitem(joint.OBJECTIVES, form, lambda _: (loss,))
    evidence = lambda factor: factor.beta
    monkeypatch.setattr(joint.inversion, "log_evidence", evidence)
    row = joint._timed(network, joint.Size("a step", 4, 5, 1), form, None)
    assert row["places"] == (4 if form == "water" else 12 + 5)
    assert row["first_call_s"] > 20 * row["median_s"]


@pytest.fixture(scope="module")
def network():
    return invented(12, (6, 5), 20)


def test_the_references_agree_with_each_other(network):
    plain = cpu_reference.in_data_space(network, 20)
    published = cpu_reference.by_all_cells(network, 20)
    rough = [
        cpu_reference.stacked(
            network.design, network.operator, row, network.sigma, BETA
        )
        for row in network.displacement
    ]
    np.testing.assert_allclose(published.load, rough, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(plain.load, rough, rtol=1e-8, atol=1e-8)


def test_the_left_out_residual_of_the_reference_is_that_of_leaving_out(network):
    products = cpu_reference.prior_products(network.design, network.operator)
    rows = network.displacement[:3].copy()
    _, residual = cpu_reference.data_space(products, rows, network.sigma, BETA)
    station = int(np.flatnonzero(np.isfinite(rows).all(axis=0))[0])
    without = rows.copy()
    without[:, station] = np.nan
    load, _ = cpu_reference.data_space(products, without, network.sigma, BETA)
    want = rows[:, station] - load @ network.design[station]
    np.testing.assert_allclose(residual[:, station], want, rtol=1e-9)


@pytest.mark.slow
def test_the_quick_table_is_whole_and_exact():
    rows = cpu_reference.quick()
    errors = [
        row[key] for row in rows for key in ("error", "dense_error") if key in row
    ]
    assert max(errors) < 1e-8
    assert sum(row["what"].startswith("exponent of") for row in rows) == 1
    named = {row["what"]: row for row in rows}
    assert np.isfinite(named["both"]["ratio"])
    assert named["water, float32 refined"]["share"] > 0
    assert named["gaps, scan of 4 betas"]["s_per_beta"] > 0


def test_scatter_of_independent_days_is_that_of_draws_from_their_model(rng):
    days, sigma = 6000, np.array([1.0, 2.0, 1.5, 1.0])
    root = rng.normal(size=(5, 5))
    load = rng.normal(size=(days, 5)) @ root
    design, region = rng.normal(size=(4, 5)), np.full((1, 5), 0.2)
    heights = load @ design.T + sigma * rng.normal(size=(days, 4))
    heights[rng.random(heights.shape) < 0.1] = np.nan
    covariance = root.T @ root
    parts = design @ covariance @ design.T, sigma, region @ covariance @ design.T
    halves = [np.array([0, 2]), np.array([1, 3])]
    kinds = network_errors.independent_scatter(*parts, heights, halves)
    for stated, observed in kinds.values():
        ratios = {name: float(observed[name][0] / stated[name][0]) for name in stated}
        assert ratios == pytest.approx(dict.fromkeys(ratios, 1.0), abs=0.15)
        assert ratios["day to day"] == pytest.approx(1, abs=0.04)

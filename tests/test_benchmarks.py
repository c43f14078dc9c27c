"""The benchmark of the inversion runs, and its references say the same."""

import jax
import numpy as np
import pytest

from benchmarks import cpu_reference
from benchmarks._networks import BETA, invented


@pytest.fixture(autouse=True)
def _no_extra_checks():
    """Benchmarks run with the promotion rules that users have."""
    with (
        jax.numpy_rank_promotion("allow"),
        jax.numpy_dtype_promotion("standard"),
    ):
        yield


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

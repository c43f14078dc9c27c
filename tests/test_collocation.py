"""Three products of one signal: errors and scaling as they were put in."""

import numpy as np
import pytest

from jaxload import evaluate

SCALING, ERROR = np.array([1.0, 0.6, 1.3]), np.array([10.0, 5.0, 20.0])


@pytest.fixture
def products(rng):
    signal = 40 * rng.standard_normal(4000)
    noise = rng.standard_normal((3, 4000))
    return SCALING[:, None] * signal + ERROR[:, None] * noise + 7


def test_errors_and_scaling_are_those_of_the_simulation(products):
    found = evaluate.triple_collocation(products)
    np.testing.assert_allclose(found.error_sd, ERROR, rtol=0.05)
    np.testing.assert_allclose(found.scaling, SCALING, rtol=0.02)
    signal = SCALING * 40
    expected = signal / np.hypot(signal, ERROR)
    np.testing.assert_allclose(found.correlation, expected, rtol=0.01)
    assert found.count == 4000


def test_columns_are_judged_one_by_one_over_what_all_three_have(products):
    gaps = products.copy()
    gaps[1, :3000] = np.nan
    both = evaluate.triple_collocation(np.stack([products, gaps], axis=-1))
    for column, alone in enumerate((products, gaps[:, 3000:])):
        once = evaluate.triple_collocation(alone)
        np.testing.assert_allclose(both.error_sd[:, column], once.error_sd)
        np.testing.assert_allclose(both.scaling[:, column], once.scaling)
    np.testing.assert_array_equal(both.count, [4000, 1000])


def test_what_contradicts_the_model_is_missing(products, rng):
    unrelated = products.copy()
    unrelated[2] = -unrelated[0] + rng.standard_normal(4000)
    assert np.isnan(evaluate.triple_collocation(unrelated).error_sd).all()
    assert np.isnan(evaluate.triple_collocation(products[:, :11]).error_sd).all()
    with pytest.raises(ValueError, match=r"expected three series"):
        evaluate.triple_collocation(products[:2])

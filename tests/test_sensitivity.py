import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxload.earth.interior.model import homogeneous, refine
from jaxload.earth.interior.partials import sensitivity
from jaxload.earth.interior.reference_models import prem
from jaxload.earth.interior.response import load_response

DEGREE = np.array([1, 2, 100, 5000])
PROPERTIES = ("density", "bulk_modulus", "shear_modulus")


@pytest.fixture(scope="module")
def kernel():
    return sensitivity(prem(), DEGREE)


def changed(model, name, layer, fraction):
    factor = np.ones((len(model.radius) - 1, 1))
    factor[layer] += fraction
    return dataclasses.replace(model, **{name: getattr(model, name) * factor})


@pytest.mark.slow
# Inner core, outer core, lower and upper mantle, the two layers of the crust.
@pytest.mark.slow
@pytest.mark.parametrize("layer", [0, 1, 3, 8, 9, 10])
@pytest.mark.parametrize("name", PROPERTIES)
def test_derivatives_are_those_of_central_differences(kernel, name, layer):
    step = 1e-4
    up, down = (
        np.stack(load_response(changed(prem(), name, layer, s), DEGREE))
        for s in (step, -step)
    )
    scale = np.array([np.ones(4), DEGREE, DEGREE])
    found = scale * np.asarray(getattr(kernel, name))[:, :, layer]
    expected = scale * (up - down) / (2 * step)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=2e-7)


@pytest.mark.slow
def test_forward_and_reverse_derivatives_are_the_same(kernel, rng):
    model, change = prem(), rng.standard_normal((3, 11))

    def numbers(factors):
        rows = {
            name: getattr(model, name) * factor[:, None]
            for name, factor in zip(PROPERTIES, factors)
        }
        return jnp.stack(load_response(dataclasses.replace(model, **rows), DEGREE))

    ones = jnp.ones((3, 11))
    forward = jax.jvp(numbers, (ones,), (jnp.asarray(change),))[1]
    parts = (
        np.asarray(getattr(kernel, name)) @ c for name, c in zip(PROPERTIES, change)
    )
    np.testing.assert_allclose(forward, sum(parts), rtol=1e-8, atol=1e-12)


@pytest.mark.slow
def test_stiffer_and_lighter_is_the_same_in_other_units(kernel):
    # Numbers do not change if all density grows by f and all moduli by 2 f.
    parts = [np.asarray(getattr(kernel, name)).sum(axis=-1) for name in PROPERTIES]
    total = parts[0] + 2 * parts[1] + 2 * parts[2]
    np.testing.assert_allclose(total, 0, rtol=0, atol=1e-8)


@pytest.mark.slow
def test_fluids_have_no_shear_modulus_to_feel(kernel):
    assert np.all(np.asarray(kernel.shear_modulus)[:, :, 1] == 0)


@pytest.mark.slow
def test_a_stiffer_crust_yields_less_under_small_loads(kernel):
    h = np.asarray(kernel.shear_modulus)[0]
    assert h[3, -1] > 1  # Degree 5,000: h' is negative and shrinks.
    assert np.abs(h[1, -1]) < 0.02
    assert np.abs(h[3, :-2]).max() < 1e-3


@pytest.mark.slow
def test_degree_n_feels_the_earth_down_to_its_radius_over_n():
    degree, a = np.array([50, 200, 800]), 6.371e6
    depth = np.geomspace(1e2, 1.5e6, 60)
    ball = homogeneous(5514.0, 3.5e11, 1.5e11)
    kernel = sensitivity(ball, degree, depth=depth)
    middle = a - (kernel.radius[:-1] + kernel.radius[1:]) / 2
    weight = np.abs(np.asarray(kernel.shear_modulus)[0])
    centroid = (weight * np.asarray(middle)).sum(axis=1) / weight.sum(axis=1)
    # Strain falls off as exp(-n depth / a), its energy twice as fast.
    np.testing.assert_allclose(centroid * degree / a, centroid[-1] * 800 / a, rtol=0.06)
    assert 0.5 < centroid[-1] * 800 / a < 1.5


@pytest.mark.slow
def test_layers_cut_in_two_share_the_sensitivity(kernel):
    cut = sensitivity(prem(), DEGREE, depth=[5e3, 3e6])
    assert len(cut.radius) == 14
    whole, parts = np.asarray(kernel.shear_modulus), np.asarray(cut.shear_modulus)
    np.testing.assert_allclose(parts[..., -2:].sum(axis=-1), whole[..., -1], rtol=1e-6)
    np.testing.assert_array_equal(cut.radius, refine(prem(), [6.366e6, 3.371e6]).radius)


@pytest.mark.slow
def test_reverse_differentiation_keeps_little():
    model, count = prem(), 2560

    def total(factor):
        shear = model.shear_modulus * factor[:, None]
        softer = dataclasses.replace(model, shear_modulus=shear)
        return load_response(softer, jnp.arange(count, dtype=float))[0].sum()

    compiled = jax.jit(jax.grad(total)).lower(jnp.ones(11)).compile()
    kept = compiled.memory_analysis().temp_size_in_bytes
    # 64 steps of 12 stages of 18 float64 would be 110 kB a degree; kept are its surface
    # values, and the states between the steps of one chunk at a time.
    assert kept < 20e6


@pytest.mark.parametrize("wrong", [-1.0, 6.371e6, 7e6])
def test_a_depth_outside_the_earth_is_refused(wrong):
    with pytest.raises(
        ValueError, match="expected radii above 0 and up to the surface"
    ):
        sensitivity(prem(), [2], depth=[1e3, wrong])

"""On an accelerator the numbers are those of the CPU; skipped by name without one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sp

from jaxload import earth, inversion, sphere

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def both():
    """Run a function on the accelerator and on the CPU."""
    if jax.devices()[0].platform == "cpu":
        pytest.skip("there is no accelerator here")
    cpu = jax.devices("cpu")[0]

    def both(function):
        there = jax.tree.map(np.asarray, function())
        with jax.default_device(cpu):
            here = jax.tree.map(np.asarray, function())
        return there, here

    return both


def test_love_numbers_are_those_of_the_cpu(both):
    degree = jnp.asarray([0.0, 1.0, 2.0, 30.0, 100.0, 5000.0, 40_000.0])
    there, here = both(lambda: earth.load_response(earth.prem(), degree))
    for ours, theirs in zip(there, here):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_a_design_matrix_is_that_of_the_cpu(both):
    grid = sphere.raster_grid(np.arange(100, 104, 0.25), np.arange(25, 28, 0.25))
    stations = sphere.raster_grid(np.arange(101, 103, 0.3), np.arange(26, 27, 0.3))

    def design():
        love = earth.load_love_numbers("prem", frame="CF")
        kernel = earth.disc_kernel(love, radius=grid.cell_radius)
        return earth.design_matrix(kernel, stations, grid)

    there, here = both(design)
    np.testing.assert_allclose(there, here, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("daily", [False, True])
def test_water_is_that_of_the_cpu(both, rng, daily):
    cells, stations, epochs = 80, 40, 150
    design = rng.normal(size=(stations, cells))
    operator = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(cells,) * 2)
    up = rng.normal(size=(epochs, stations))
    up[rng.uniform(size=up.shape) < 0.2] = np.nan
    sigma = rng.uniform(1, 2, size=up.shape if daily else stations)

    def water():
        problem = inversion.smooth_problem(design, operator)
        solution = inversion.solve(problem, up, sigma, 0.3)
        residual = inversion.leave_one_out_residual(problem, up, sigma, 0.3)
        return solution.load, residual

    for ours, theirs in zip(*both(water)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)

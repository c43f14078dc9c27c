"""Priors against dense covariances, closed forms and finite differences."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sp
import scipy.special
import shapely
from jax.test_util import check_grads

from jaxload import inversion, sphere
from jaxload.inversion.linalg.selected_inverse import inverse_diagonal
from jaxload.inversion.linalg.sparse_cholesky import factorised
from jaxload.inversion.prior.matern import matern_prior, matern_problem
from jaxload.inversion.prior.roughness import make_roughness, solve_normal
from jaxload.inversion.prior.smoothness import (
    prior_covariance,
    prior_problem,
    prior_samples,
    prior_variance,
    smooth_prior,
)
from jaxload.sphere.operators import diffusion_terms

GRID = sphere.regional_grid(shapely.box(0, 40, 6, 45) - shapely.box(2, 42, 3, 43), 1.0)
CELLS = len(GRID.lon)
TWO_PARTS = shapely.MultiPolygon([shapely.box(0, 0, 3, 3), shapely.box(5, 0, 8, 3)])
LINE = np.arange(CELLS)
OPERATORS = {
    "zero outside": sphere.laplacian(GRID),
    "sphere": sphere.laplacian(GRID, "sphere"),
    "free": sphere.laplacian(GRID, boundary="free"),
    "edge": sphere.laplacian(GRID, boundary="edge"),
    "first differences": sphere.first_differences(GRID),
    "identity": sphere.identity(GRID),
    "two parts": sphere.laplacian(
        sphere.regional_grid(TWO_PARTS, 1.0), boundary="free"
    ),
    "bends, which see no line": sp.diags_array(
        [1.0, -2.0, 1.0], offsets=[0, 1, 2], shape=(CELLS - 2, CELLS)
    ),
}


def dense_covariance(operator, scale):
    """Pseudo-inverse of the scaled normal matrix."""
    rough = operator.toarray() / scale
    return np.linalg.pinv(rough.T @ rough, rcond=1e-11, hermitian=True)


@pytest.fixture(params=OPERATORS)
def operator(request):
    return OPERATORS[request.param]


@pytest.fixture(params=["no scale", "a scale"])
def scale(request, operator, rng):
    cells = operator.shape[1]
    return np.ones(cells) if request.param == "no scale" else rng.uniform(1, 3, cells)


def test_covariance_and_variance_are_those_of_the_dense_inverse(operator, scale):
    prior = smooth_prior(operator, scale=None if (scale == 1).all() else scale)
    want = dense_covariance(operator, scale)
    got = prior_covariance(prior, jnp.eye(len(scale)))
    error = 1e-9 * abs(want).max()
    np.testing.assert_allclose(got, want, atol=error)
    np.testing.assert_allclose(prior_variance(prior), np.diag(want), atol=error)
    free = len(scale) - np.linalg.matrix_rank(operator.toarray(), tol=1e-9)
    assert prior.null_space.shape[1] == free
    np.testing.assert_allclose(
        operator @ (prior.null_space / scale[:, None]), 0, atol=1e-9
    )


def test_samples_have_the_covariance_of_the_prior(operator, scale):
    prior = smooth_prior(operator, scale=scale)
    count = 20_000
    drawn = np.asarray(prior_samples(prior, jax.random.key(0), count))
    want = dense_covariance(operator, scale)
    spread = np.sqrt(np.diag(want))
    error = (drawn.T @ drawn / count - want) / np.outer(spread, spread)
    # Entries scatter by sqrt(2 / count) = 0.01 or less.
    assert abs(error).max() < 0.06
    assert abs(error).mean() < 0.01
    np.testing.assert_allclose(drawn @ prior.null_space, 0, atol=1e-6)


def test_a_scale_is_an_operator_on_the_scaled_load(operator, scale, rng):
    """Normal equations of ``|L (x / scale)|^2``, where the data fix the free fields."""
    design = rng.normal(size=(6, len(scale)))
    data = rng.normal(size=(3, 6))
    data[1, 2] = np.nan
    problem = prior_problem(design, smooth_prior(operator, scale=scale))
    got = inversion.solve(problem, inversion.observations(data, np.ones(6)), 0.7).load
    rough = operator.toarray() / scale
    for load, row in zip(got, data):
        seen = np.isfinite(row)
        rows = design[seen]
        normal = rows.T @ rows + 0.7**2 * rough.T @ rough
        want = np.linalg.solve(normal, rows.T @ row[seen])
        np.testing.assert_allclose(load, want, atol=1e-7 * abs(want).max())


def test_the_short_way_is_the_long_way(rng):
    design, operator = rng.normal(size=(4, CELLS)), OPERATORS["free"]
    short = inversion.smooth_problem(design, operator)
    long = prior_problem(design, smooth_prior(operator, scale=np.ones(CELLS)))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-9), short, long)


@pytest.mark.parametrize("size", [1, 5, 70, 300])
def test_the_selected_diagonal_is_that_of_the_inverse(size, rng):
    entries = sp.random_array((size, size), density=min(1, 3 / size), rng=rng)
    matrix = sp.csc_array(entries.T @ entries + 0.1 * sp.eye_array(size))
    want = np.diag(np.linalg.inv(matrix.toarray()))
    np.testing.assert_allclose(inverse_diagonal(factorised(matrix)), want, rtol=1e-9)


def test_the_selected_diagonal_needs_a_positive_definite_matrix():
    with pytest.raises(np.linalg.LinAlgError, match="positive definite"):
        factorised(sp.csc_array(-sp.eye_array(3)))


def matern(distance, length):
    q = np.sqrt(8) * np.maximum(distance, 1e-6) / length
    return q * scipy.special.k1(q)


def test_the_matern_prior_has_the_covariance_of_its_closed_form():
    length = 750.0
    grid = sphere.regional_grid(shapely.box(0, 27, 39, 57), 0.5)
    prior = matern_prior(diffusion_terms(grid), length)
    centre = sphere.cell_at(grid, [20.0], [42.0])[0]
    unit = np.zeros((len(grid.lon), 1))
    unit[centre] = 1
    got = np.asarray(prior_covariance(prior, unit))[:, 0]
    place = (grid.lon[centre], grid.lat[centre])
    arc = sphere.angular_distance(*place, grid.lon, grid.lat)
    distance = np.radians(np.asarray(arc)) * 6371.0
    near = distance < 2 * length
    want = matern(distance, length)
    # The cell itself feels the grid most.
    np.testing.assert_allclose(got[near], want[near], atol=0.022)
    away = near & (distance > 100)
    np.testing.assert_allclose(got[away], want[away], atol=0.008)
    assert matern(length, length) == pytest.approx(0.14, abs=0.005)
    variance = np.asarray(prior_variance(prior))
    assert variance[centre] == pytest.approx(got[centre], rel=1e-9)
    # Straight rims and corners; with nothing exchanged they would be 2 and 4.
    assert variance.min() > 0.9
    assert variance.max() < 1.2


def test_the_matern_variance_is_one_whatever_the_grid_is_made_of():
    """Half the spacing, a quarter of the cells' departure from the closed form."""
    error = []
    for spacing in (1.0, 0.5):
        grid = sphere.regional_grid(shapely.box(0, -12, 24, 12), spacing, offset=0.5)
        variance = prior_variance(matern_prior(diffusion_terms(grid), 700.0))
        middle = sphere.cell_at(grid, [12.1], [0.1])[0]
        error.append(abs(float(variance[middle]) - 1))
    assert error[1] < 0.03
    assert error[1] < error[0] / 2.5


def test_a_scale_makes_every_variance_what_it_should_be(rng):
    terms, wanted = diffusion_terms(GRID), rng.uniform(10, 50, CELLS)
    plain = prior_variance(matern_prior(terms, 400.0))
    prior = matern_prior(terms, 400.0, wanted / np.sqrt(plain))
    np.testing.assert_allclose(prior_variance(prior), wanted**2, rtol=1e-9)
    uniform = matern_prior(terms, 400.0, 3.0)
    np.testing.assert_allclose(prior_variance(uniform), 9 * plain, rtol=1e-9)


def test_an_ill_shaped_terms_tuple_is_refused():
    terms = diffusion_terms(GRID)
    with pytest.raises(ValueError, match="2 matrices, expected 3"):
        matern_prior(terms[:2], 400.0)
    other = diffusion_terms(sphere.regional_grid(shapely.box(0, 0, 3, 3), 1.0))
    with pytest.raises(ValueError, match="'cell'"):
        matern_prior((*terms[:2], other[2]), 400.0)


SMALL = sphere.raster_grid(np.arange(4.0), 40 + np.arange(3.0))


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(), (12,)], ids=["one scale", "a map"])
def test_gradients_in_length_scale_and_design(shape, rng):
    terms, design = diffusion_terms(SMALL), jnp.asarray(rng.normal(size=(3, 12)))

    @jax.jit
    def outputs(design, length, scale):
        problem = matern_problem(design, terms, jnp.exp(length), jnp.exp(scale))
        return jnp.sum(jnp.sin(problem.gram)) + jnp.sum(problem.cross**2)

    scale = jnp.asarray(0.1 * rng.normal(size=shape))
    at = (design, jnp.asarray(5.5), scale)
    order = 1 if shape else 2
    check_grads(outputs, at, order=order, atol=1e-4, rtol=1e-4)
    concrete = matern_problem(design, terms, float(np.exp(5.5)), np.exp(scale))
    want = jnp.sum(jnp.sin(concrete.gram)) + jnp.sum(concrete.cross**2)
    np.testing.assert_allclose(outputs(*at), want, rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("operator", ["zero outside", "two parts"])
def test_gradients_in_a_scale_beside_free_fields(operator, rng):
    operator = OPERATORS[operator]
    cells = operator.shape[1]
    design = jnp.asarray(rng.normal(size=(5, cells)))
    data, sigma = rng.normal(size=(2, 5)), np.ones(5)

    @jax.jit
    def outputs(scale):
        prior = smooth_prior(operator, scale=jnp.exp(scale))
        solution = inversion.solve(
            prior_problem(design, prior), inversion.observations(data, sigma), 0.5
        )
        return jnp.sum(solution.load**2) + jnp.sum(prior_variance(prior))

    at = jnp.asarray(0.2 * rng.normal(size=cells))
    check_grads(outputs, (at,), order=1, modes=["rev"], atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_samples_follow_the_length_by_their_gradient():
    terms, key = diffusion_terms(SMALL), jax.random.key(2)

    @jax.jit
    def outputs(length):
        return jnp.sum(prior_samples(matern_prior(terms, length), key, 3) ** 2)

    check_grads(outputs, (jnp.asarray(300.0),), order=1, atol=1e-4, rtol=1e-4)


def test_a_prior_mean_from_a_function_is_differentiated_through(rng):
    problem = inversion.smooth_problem(rng.normal(size=(4, CELLS)), OPERATORS["free"])
    data, features = rng.normal(size=(3, 4)), jnp.asarray(rng.normal(size=(3, 2)))

    @jax.jit
    def misfit(weights):
        mean = jnp.tanh(features @ weights)
        solution = inversion.solve(
            problem, inversion.observations(data, np.ones(4)), 0.7, mean=mean
        )
        return jnp.sum(solution.load**2)

    weights = jnp.asarray(rng.normal(size=(2, CELLS)))
    check_grads(misfit, (weights,), order=1, modes=["rev"], atol=1e-4, rtol=1e-4)


def test_a_sum_of_operators_that_turns_out_singular_gives_not_a_number():
    terms = (OPERATORS["free"], OPERATORS["identity"])

    def solved(amount):
        coefficients = jnp.stack([jnp.ones_like(amount), amount])
        roughness = make_roughness(terms, coefficients, np.zeros((CELLS, 0)))
        return solve_normal(roughness, jnp.ones((CELLS, 1)))

    np.testing.assert_allclose(jax.jit(solved)(jnp.asarray(2.0)), 0.25, rtol=1e-10)
    assert np.isnan(jax.jit(solved)(jnp.asarray(0.0))).all()
    with pytest.raises(ValueError, match="singular"):
        solved(jnp.asarray(0.0))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_keeps_the_dtype_of_its_input(dtype, rng):
    prior = matern_prior(diffusion_terms(GRID), 400.0, rng.uniform(1, 2, CELLS))
    design = jnp.asarray(rng.normal(size=(4, CELLS)), dtype)
    problem = prior_problem(design, prior)
    assert {leaf.dtype for leaf in jax.tree.leaves(problem)} == {jnp.dtype(dtype)}
    assert prior_covariance(prior, design.T).dtype == dtype


def scaled(scale):
    return lambda: smooth_prior(OPERATORS["zero outside"], scale=scale)


def with_one(value):
    scale = np.ones(CELLS)
    scale[7] = value
    return scale


def with_free_cells():
    """A prior whose cells are free, and none is held."""
    prior = smooth_prior(OPERATORS["identity"], null_space=np.zeros((CELLS, 0)))
    free = 0 * prior.roughness.coefficients
    roughness = dataclasses.replace(prior.roughness, coefficients=free)
    return dataclasses.replace(prior, roughness=roughness)


TERMS = diffusion_terms(GRID)
ERRORS = {
    "scale zero": (scaled(with_one(0.0)), r"scale is 0 at cell 7 \(1 in all\).*fill"),
    "scale negative": (scaled(with_one(-2.0)), "scale is -2 at cell 7"),
    "scale not a number": (scaled(with_one(np.nan)), "scale is nan at cell 7"),
    "scale of another grid": (scaled(np.ones(CELLS + 1)), "'cell'"),
    "one scale, negative": (scaled(-1.0), "scale is -1, expected positive"),
    "length zero": (lambda: matern_prior(TERMS, 0.0), "length is 0, expected a pos"),
    "length negative": (lambda: matern_prior(TERMS, -5.0), "length is -5, expected"),
    "length not a number": (lambda: matern_prior(TERMS, np.nan), "length is nan"),
    "a length per cell": (lambda: matern_prior(TERMS, np.ones(CELLS)), "scalar"),
    "free of another grid": (
        lambda: smooth_prior(OPERATORS["free"], null_space=np.ones((3, 1))),
        "'cell'",
    ),
    "singular": (
        lambda: smooth_prior(OPERATORS["free"], null_space=np.zeros((CELLS, 0))),
        "singular",
    ),
    "sees nothing": (
        lambda: smooth_prior(sp.csr_array((CELLS, CELLS))),
        "more than 16 fields",
    ),
    "design of another grid": (
        lambda: matern_problem(np.ones((2, 3)), TERMS, 300.0),
        "'cell'",
    ),
    "fields of another grid": (
        lambda: prior_covariance(smooth_prior(OPERATORS["free"]), jnp.ones((3, 1))),
        "'cell'",
    ),
    "variance of free cells": (
        lambda: prior_variance(with_free_cells()),
        "are all its free fields held",
    ),
    "variance under a traced length": (
        lambda: jax.jit(lambda x: prior_variance(matern_prior(TERMS, x)))(300.0),
        "outside jit",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_wrong_is_named(name):
    call, message = ERRORS[name]
    with pytest.raises(ValueError, match=message):
        call()

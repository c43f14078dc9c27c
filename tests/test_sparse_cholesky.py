"""Sparse systems of many right sides, against dense algebra and SuperLU."""

import numpy as np
import pytest
import scipy.sparse as sp
import shapely
from scipy.sparse.linalg import splu

from jaxload import sphere
from jaxload.inversion.linalg.nested_dissection import dissect
from jaxload.inversion.linalg.selected_inverse import inverse_diagonal
from jaxload.inversion.linalg.sparse_cholesky import COLUMNS, factorised, solved
from jaxload.inversion.prior.normal_solver import prepare_solver

SIZE = 400
RASTER = sphere.raster_grid(80 + 0.5 * np.arange(70), 20 + 0.5 * np.arange(60))
HOLED = sphere.regional_grid(
    shapely.box(0, 40, 24, 60) - shapely.box(5, 44, 11, 55), 0.5
)


def from_links(row, column):
    """A positive definite matrix with entries at some places."""
    graph = sp.coo_array((np.ones(len(row)), (row, column)), (SIZE, SIZE))
    entries = sp.csr_array(graph + graph.T)
    return sp.csr_array(sp.diags_array(entries.sum(axis=1) + 0.1) - entries)


def matrices():
    rng, chain = np.random.default_rng(0), np.arange(SIZE - 1)
    some = rng.integers(SIZE, size=(2, 700))
    return {
        "cells apart": sp.csr_array(2.0 * sp.eye_array(SIZE)),
        "a chain": from_links(chain, chain + 1),
        "a star": from_links(0 * chain, chain + 1),
        "all linked": from_links(*np.triu_indices(SIZE, 1)),
        "links at random": from_links(*some[:, some[0] != some[1]]),
        "parts": from_links(*(x[chain % 130 != 0] for x in (chain, chain + 1))),
        "a grid": sp.csr_array(
            sphere.laplacian(sphere.raster_grid(*[np.arange(20.0)] * 2))
        ),
        "nothing": sp.csr_array((0, 0)),
    }


@pytest.mark.parametrize("name", matrices())
def test_solutions_and_the_inverse_are_those_of_dense_algebra(name, rng):
    matrix = matrices()[name]
    factor = factorised(matrix)
    dense = matrix.toarray()
    right = rng.normal(size=(len(dense), COLUMNS + 3))
    np.testing.assert_allclose(
        solved(factor, right), np.linalg.solve(dense, right), rtol=1e-8, atol=1e-10
    )
    inverse = np.linalg.inv(dense)
    np.testing.assert_allclose(inverse_diagonal(factor), np.diag(inverse), rtol=1e-9)
    weight = rng.uniform(1, 2, len(dense))
    np.testing.assert_allclose(
        solved(factor, right, weight), inverse @ (weight[:, None] * (inverse @ right)),
        rtol=1e-7, atol=1e-8,
    )  # fmt: skip


@pytest.mark.parametrize("grid", [RASTER, HOLED], ids=["raster", "with a hole"])
@pytest.mark.parametrize("squared", [False, True])
def test_the_factor_of_a_grid_stays_sparse(grid, squared):
    matrix = sp.csr_array(sphere.laplacian(grid))
    matrix = sp.csr_array(matrix.T @ matrix) if squared else matrix
    cells = len(grid.lon)
    fronts = dissect(matrix)
    np.testing.assert_array_equal(
        np.sort(np.concatenate([front.interior for front in fronts])), np.arange(cells)
    )
    entries = sum(len(f.interior) * (len(f.interior) + len(f.border)) for f in fronts)
    assert entries < (22 if squared else 13) * cells * np.log2(cells)


OPERATORS = {
    "in grid steps": sphere.laplacian(RASTER),
    "on the sphere": sphere.laplacian(RASTER, "sphere"),
    "of the other sign": -sphere.laplacian(HOLED, "sphere"),
    "rows of any weight": sphere.laplacian(HOLED)
    * np.random.default_rng(1).uniform(0.1, 9, len(HOLED.lon))[:, None],
    "neither symmetric nor to be made so": sphere.laplacian(HOLED)
    + 0.3 * sp.eye_array(len(HOLED.lon), k=1),
    "symmetric and indefinite": sphere.laplacian(HOLED)
    - 0.21 * sp.eye_array(len(HOLED.lon)),
    "with signs that disagree": sphere.laplacian(HOLED)
    + sp.triu(0.1 * sp.eye_array(len(HOLED.lon), k=40)) * 30,
}


@pytest.mark.parametrize("name", OPERATORS)
def test_normal_equations_are_solved_as_by_pivoting(name, rng):
    operator = sp.csc_array(OPERATORS[name])
    fields = rng.normal(size=(operator.shape[1], 5))
    null = np.zeros((operator.shape[1], 0))
    found = prepare_solver([operator], null)((1.0,))(fields)
    factor = splu(operator)
    want = factor.solve(factor.solve(fields, "T"))
    np.testing.assert_allclose(found, want, rtol=0, atol=1e-10 * abs(want).max())


def test_free_fields_leave_a_solution_of_the_normal_equations(rng):
    operator = sp.csc_array(sphere.laplacian(RASTER, "sphere", "free"))
    null = np.ones((operator.shape[1], 1))
    right = operator.T @ (operator @ rng.normal(size=(operator.shape[1], 3)))
    found = prepare_solver([operator], null)((1.0,))(right)
    image = operator.T @ (operator @ found)
    np.testing.assert_allclose(image, right, rtol=0, atol=1e-9 * abs(right).max())


def test_a_sum_is_solved_anew_for_other_coefficients(rng):
    terms = [sp.csc_array(term) for term in sphere.diffusion_terms(HOLED)]
    solver = prepare_solver(terms, np.zeros((len(HOLED.lon), 0)))
    fields = rng.normal(size=(len(HOLED.lon), 2))
    for weights in ((1.0, 0.5, 2.0), (0.2, 0.0, 1.0)):
        operator = sum(w * term for w, term in zip(weights, terms)).toarray()
        want = np.linalg.solve(operator.T @ operator, fields)
        np.testing.assert_allclose(
            solver(weights)(fields), want, rtol=0, atol=1e-9 * abs(want).max()
        )

"""Gaps eliminated span by span, against each epoch's own dense system."""

import jax
import numpy as np
import pytest

from jaxload import inversion, sphere
from jaxload._platform import form
from jaxload.inversion.estimation import eliminated_systems
from jaxload.inversion.estimation.eliminated_systems import (
    eliminate_gaps,
    is_eliminated,
)
from jaxload.inversion.estimation.elimination_tree import (
    eliminate,
    solve_systems,
    variance_increase,
)
from jaxload.inversion.missing.gap_spans import divide_record, groups_of
from jaxload.inversion.uncertainty import posterior

EPOCHS, ROWS, SIZES = 45, 14, (20, 6, 3)


@pytest.fixture
def missing(rng):
    """Rows that begin late, fail for long or for days; days without any or all."""
    gaps = rng.random((EPOCHS, ROWS)) < 0.1
    for row in range(0, ROWS, 2):
        gaps[: rng.integers(30), row] = True
        first = rng.integers(EPOCHS)
        gaps[first : first + 12, row + 1] = True
    gaps[21:24] = gaps[21]
    gaps[30], gaps[31], gaps[40:] = False, True, False
    return gaps


@pytest.fixture
def matrix(rng):
    root = rng.normal(size=(ROWS, ROWS))
    return root @ root.T + 0.5 * np.eye(ROWS)


def test_systems_are_solved_as_each_alone(rng, missing, matrix):
    values = np.where(missing, 0, rng.normal(size=missing.shape))
    spans = divide_record(missing, SIZES)
    whole = np.linalg.slogdet(matrix)[1]
    found = solve_systems(spans, np.linalg.inv(matrix), whole, values)
    for epoch, seen in enumerate(~missing):
        own = matrix[np.ix_(seen, seen)]
        inverse = np.linalg.inv(own)
        want = inverse @ values[epoch, seen]
        np.testing.assert_allclose(found.multiplier[epoch, seen], want, atol=1e-10)
        diagonal = found.inverse_diagonal[epoch]
        np.testing.assert_allclose(diagonal[seen], np.diag(inverse), rtol=1e-9)
        np.testing.assert_allclose(diagonal[~seen], 0, atol=1e-9)
        determinant = np.linalg.slogdet(own)[1]
        assert found.log_determinant[epoch] == pytest.approx(determinant, abs=1e-9)


def test_gaps_raise_a_variance_by_what_their_rows_say(rng, missing, matrix):
    fields = rng.normal(size=(ROWS, 5))
    inverse = np.linalg.inv(matrix)
    steps = [eliminate(span, inverse) for span in divide_record(missing, SIZES)]
    found = variance_increase(steps, inverse @ fields, slice(0, EPOCHS))
    without = np.einsum("rf,rs,sf->f", fields, inverse, fields)
    for epoch, seen in enumerate(~missing):
        own = np.linalg.inv(matrix[np.ix_(seen, seen)])
        left = np.einsum("rf,rs,sf->f", fields[seen], own, fields[seen])
        np.testing.assert_allclose(found[epoch], without - left, atol=1e-9)


def test_every_gap_is_eliminated_once(missing):
    total = np.zeros(EPOCHS, int)

    def visit(span, above):
        above += len(span.gone)
        if span.group is not None:
            some = np.bincount(
                span.group.epoch, minlength=span.epochs.stop - span.epochs.start
            )
            total[span.epochs] = above + some
        elif not span.parts:
            total[span.epochs] = above
        for part in span.parts:
            visit(part, above)

    spans = divide_record(missing, SIZES)
    for span in spans:
        visit(span, 0)
    np.testing.assert_array_equal(total, missing.sum(axis=1))
    assert any(list(groups_of(span)) for span in spans)


def test_an_epoch_whose_gap_is_not_definite_is_not_a_number_alone(rng, matrix):
    missing = np.zeros((6, ROWS), bool)
    missing[1, 2] = missing[4, 5] = missing[4, 6] = True
    inverse = np.linalg.inv(matrix)
    inverse[5, 5] = inverse[6, 6] = inverse[5, 6] = inverse[6, 5] = 1.0
    values = np.where(missing, 0, rng.normal(size=missing.shape))
    spans = divide_record(missing, (6, 3))
    found = solve_systems(spans, inverse, 0.0, values)
    steps = [eliminate(span, inverse) for span in spans]
    raised = variance_increase(steps, inverse, slice(0, 6))
    for result in (found.multiplier, found.inverse_diagonal, raised):
        lost = np.isnan(result).all(axis=1)
        np.testing.assert_array_equal(lost, np.arange(6) == 4)
        assert np.isfinite(result[~lost]).all()


GRID = sphere.raster_grid(np.arange(100.0, 106), np.arange(30.0, 35))


@pytest.fixture
def network(rng, missing):
    prior = inversion.smooth_prior(sphere.laplacian(GRID, boundary="free"))
    design = rng.normal(size=(ROWS, len(GRID.lon)))
    values = np.where(missing, np.nan, rng.normal(size=missing.shape))
    # As many as the free fields, fewer, and none.
    values[33, 1:] = np.nan
    data = inversion.observations(values, rng.uniform(0.5, 2.0, ROWS))
    return inversion.prior_problem(design, prior), prior, data


def test_numpy_and_compiled_programs_agree(network):
    problem, prior, data = network
    factor = inversion.factorise(problem, data, 0.7)
    assert is_eliminated(factor.data, problem)
    cells = inversion.every_cell(problem, prior)
    criteria = (inversion.leave_one_out, inversion.abic, inversion.l_curve)

    def answers():
        here = inversion.factorise(problem, data, 0.7)
        scanned = inversion.scan(problem, data, [0.1, 0.7], criterion=criteria)
        sd = np.asarray(inversion.posterior_sd(here, cells).sd)
        return here.solved, scanned, sd

    found = answers()
    with form("accelerator"):
        assert not is_eliminated(factor.data, problem)
        want = answers()
    for one, other in zip(
        (*vars(found[0]).values(), found[2]), (*vars(want[0]).values(), want[2])
    ):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-9)
    for one, other in zip(jax.tree.leaves(found[1]), jax.tree.leaves(want[1])):
        np.testing.assert_allclose(one, other, rtol=1e-8)


@pytest.mark.parametrize("member", [7, 32, 300])
def test_streamed_standard_deviations_come_in_members(network, member, monkeypatch):
    problem, prior, data = network
    cells = inversion.every_cell(problem, prior)
    whole = np.asarray(
        inversion.posterior_sd(inversion.factorise(problem, data, 0.7), cells).sd
    )
    for module in (posterior, eliminated_systems):
        monkeypatch.setattr(module, "VARIANCE", (20, 6, 3))
    factor = inversion.factorise(problem, data, 0.7)
    parts = list(inversion.stream_sd(factor, cells, member=member))
    assert [part.start for part, _ in parts] == list(range(0, EPOCHS, member))
    joined = np.concatenate([np.asarray(spread.sd) for _, spread in parts])
    np.testing.assert_allclose(joined, whole, rtol=1e-10)


def test_eliminations_that_are_not_kept_are_made_again(network, monkeypatch):
    problem, _, data = network
    factor = inversion.factorise(problem, data, 0.7)
    kept = eliminate_gaps(problem, factor.data, factor.beta)
    monkeypatch.setattr(eliminated_systems, "KEPT", 0)
    made = eliminate_gaps(problem, factor.data, factor.beta)
    assert kept.steps is not None
    assert made.steps is None
    image = np.asarray(kept.inverse)
    epochs = slice(0, EPOCHS)
    one, other = (
        variance_increase(list(each.of(epochs)), image, epochs) for each in (kept, made)
    )
    np.testing.assert_array_equal(one, other)

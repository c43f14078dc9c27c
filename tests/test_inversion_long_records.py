"""Records that are solved part by part, against those that are solved whole."""

import gc

import jax
import numpy as np
import pytest
import scipy.sparse as sp

from jaxload import inversion
from jaxload.inversion.estimation import eliminated_systems, long_records
from jaxload.inversion.estimation.representers import load_at
from jaxload.inversion.hyperparameters import sufficient_statistics
from jaxload.inversion.uncertainty import eliminated_variance

EPOCHS, ROWS, CELLS, BETA = 600, 7, 9, 0.6
CHAIN = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(CELLS, CELLS))
SLOPE = sp.diags_array([-1.0, 1.0], offsets=[0, 1], shape=(CELLS - 1, CELLS))


@pytest.fixture
def displacement(rng):
    """With outages, and epochs that observe nothing or one row."""
    values = rng.normal(size=(EPOCHS, ROWS))
    for row in range(ROWS):
        first = rng.integers(EPOCHS - 40)
        values[first : first + 40, row] = np.nan
    values[rng.uniform(size=values.shape) < 0.1] = np.nan
    values[70] = np.nan
    values[71, 1:] = np.nan
    return values


@pytest.fixture
def by_parts(monkeypatch):
    """Records are long from the first byte, and parts have a span or two blocks."""
    monkeypatch.setattr(long_records, "LONG", 0)
    monkeypatch.setattr(long_records, "available_cores", lambda: 1)
    monkeypatch.setattr(long_records, "PART", 2 * 32 * ROWS * 8)


def noise_of(kind, rng):
    common = {"none": 0.0, "steady": 0.5, "daily": rng.uniform(0.1, 1, EPOCHS)}[kind]
    return inversion.Noise(rng.uniform(0.5, 2, ROWS), common=common)


@pytest.mark.usefixtures("by_parts")
@pytest.mark.parametrize("common", ["none", "steady", "daily"])
@pytest.mark.parametrize("operator", [CHAIN, SLOPE], ids=["chain", "slope"])
def test_parts_of_a_record_give_what_the_whole_gives(
    operator, common, displacement, rng, monkeypatch
):
    problem = inversion.smooth_problem(rng.normal(size=(ROWS, CELLS)), operator)
    data = inversion.observations(displacement, noise_of(common, rng))
    shares = []
    solution, left_out = inversion.solve_record(
        problem, data, BETA, watch=shares.append
    )
    # Every epoch stands in one part.
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert left_out.dtype == np.float32
    again = inversion.leave_one_out_residual(solution)
    monkeypatch.setattr(long_records, "LONG", np.inf)
    whole, left_whole = inversion.solve_record(problem, data, BETA)
    assert left_whole.dtype == np.float64
    np.testing.assert_allclose(left_out, left_whole, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(again, left_whole, rtol=1e-9, atol=1e-9)
    for epochs in (slice(0, 250), slice(250, EPOCHS)):
        want = load_at(whole, epochs)
        np.testing.assert_allclose(load_at(solution, epochs), want, atol=1e-9)
    np.testing.assert_array_equal(solution.ok, whole.ok)
    np.testing.assert_allclose(solution.common, whole.common, atol=1e-9)
    np.testing.assert_allclose(solution.fitted, whole.fitted, atol=1e-9)
    np.testing.assert_allclose(
        np.asarray(solution.fitted, np.float32), whole.fitted, rtol=1e-6, atol=1e-6
    )


@pytest.mark.usefixtures("by_parts")
@pytest.mark.parametrize("common", ["none", "steady"])
def test_criteria_add_up_over_the_parts_of_a_record(
    common, displacement, rng, monkeypatch
):
    problem = inversion.smooth_problem(rng.normal(size=(ROWS, CELLS)), SLOPE)
    data = inversion.observations(displacement, noise_of(common, rng))
    criteria = (inversion.leave_one_out, inversion.abic, inversion.l_curve)
    criteria += (inversion.gcv,) if common == "none" else ()
    parts = inversion.scan(problem, data, [0.3, 0.7], criterion=criteria)
    monkeypatch.setattr(long_records, "LONG", np.inf)
    whole = inversion.scan(problem, data, [0.3, 0.7], criterion=criteria)
    for of_parts, of_whole in zip(parts, whole, strict=True):
        pairs = zip(jax.tree.leaves(of_parts), jax.tree.leaves(of_whole), strict=True)
        for got, want in pairs:
            np.testing.assert_allclose(got, want, rtol=1e-9)


def arrays_of(size):
    """Arrays of as many bytes or more that are alive, one for each memory."""
    memory = {}
    for array in jax.live_arrays():
        if array.nbytes >= size:
            memory[array.unsafe_buffer_pointer()] = array.nbytes
    for container in gc.get_objects():
        for array in gc.get_referents(container):
            of_numpy = isinstance(array, np.ndarray) and array.base is None
            if of_numpy and array.nbytes >= size:
                memory[array.ctypes.data] = array.nbytes
    return memory


@pytest.mark.usefixtures("by_parts")
def test_criteria_hold_no_array_of_the_record_but_the_data(
    displacement, rng, monkeypatch
):
    # Larger than all else that is alive.
    values = np.tile(displacement, (2, 10))
    rows = values.shape[1]
    problem = inversion.smooth_problem(rng.normal(size=(rows, CELLS)), CHAIN)
    data = inversion.observations(values, np.ones(rows))
    size, most = values.nbytes, []
    before = set(arrays_of(size))
    monkeypatch.setattr(long_records, "PART", 2 * 32 * rows * 8)
    sums = sufficient_statistics._sums

    def watched(*arguments):
        # Once for all would do; it takes long to look at all that is alive.
        if len(most) < 3:
            most.append(set(arrays_of(size)) - before)
        return sums(*arguments)

    monkeypatch.setattr(sufficient_statistics, "_sums", watched)
    inversion.scan(problem, data, [0.3], criterion=inversion.leave_one_out)
    assert len(most) == 3
    assert not set.union(*most)


@pytest.mark.usefixtures("by_parts")
@pytest.mark.parametrize(("common", "most"), [("steady", 256), ("daily", 64)])
def test_parts_are_of_few_epochs_and_hold_each_once(common, most, displacement, rng):
    problem = inversion.smooth_problem(rng.normal(size=(ROWS, CELLS)), CHAIN)
    data = inversion.observations(displacement, noise_of(common, rng))
    factor = inversion.factorise(problem, data, BETA)
    parts = list(long_records.solved_parts(problem, factor.data, factor.beta))
    epochs = np.concatenate([part.epochs for part in parts])
    np.testing.assert_array_equal(np.sort(epochs[epochs < EPOCHS]), np.arange(EPOCHS))
    assert max(len(part.epochs) for part in parts) == most
    for part in parts:
        spare = part.epochs == EPOCHS
        seen = np.isfinite(np.asarray(part.data.values))
        assert not seen[spare].any()
        np.testing.assert_array_equal(
            seen[~spare], np.isfinite(displacement[part.epochs[~spare]])
        )


def test_deviations_of_long_records_are_those_of_short_ones(
    displacement, rng, monkeypatch
):
    problem = inversion.smooth_problem(rng.normal(size=(ROWS, CELLS)), SLOPE)
    data = inversion.observations(displacement, noise_of("steady", rng))
    prior = inversion.smooth_prior(SLOPE)
    means = inversion.averages(problem, prior, rng.uniform(size=(2, CELLS)))
    short = inversion.factorise(problem, data, BETA)
    want = inversion.posterior_sd(short, means).sd
    assert short.eliminations.steps is not None
    monkeypatch.setattr(eliminated_systems, "LONG", 0)
    monkeypatch.setattr(eliminated_variance, "SPANS", 1)
    long = inversion.factorise(problem, data, BETA)
    np.testing.assert_allclose(inversion.posterior_sd(long, means).sd, want, rtol=1e-9)
    assert long.eliminations.steps is None

"""Epochs laid out over devices give what one device gives."""

import dataclasses
import functools
import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sp
from jax.sharding import Mesh

from jaxload import inversion

EPOCHS, ROWS, CELLS = 23, 7, 15
EXACT = {"rtol": 1e-10, "atol": 1e-10}
DEVICES = int(os.environ.get("SHARDS", "2"))


def operator(free):
    if free:
        return sp.csr_array(np.diff(np.eye(CELLS), axis=0))
    return sp.csr_array(2 * np.eye(CELLS) - np.eye(CELLS, k=1) - np.eye(CELLS, k=-1))


@functools.cache
def world(free=False):
    rng = np.random.default_rng(7)
    prior = inversion.smooth_prior(operator(free))
    design = jnp.asarray(rng.normal(size=(ROWS, CELLS)))
    return inversion.prior_problem(design, prior), prior


@functools.cache
def heights():
    """Gaps of all kinds: single days, an outage, a day without any, a late station."""
    rng = np.random.default_rng(8)
    up = rng.normal(size=(EPOCHS, ROWS))
    up[rng.random(up.shape) < 0.2] = np.nan
    up[5:17, 2] = up[:14, 4] = up[19] = np.nan
    return up


def noises():
    rng = np.random.default_rng(9)
    sigma = rng.uniform(0.5, 2, ROWS)
    return {
        "steady": sigma,
        "daily": sigma * rng.uniform(0.5, 2, (EPOCHS, 1)),
        "common": inversion.Noise(sigma, None, 1.3),
        "varying": inversion.Noise(sigma, None, rng.uniform(0.5, 2, EPOCHS)),
    }


@pytest.fixture
def mesh():
    if len(jax.devices()) < DEVICES:
        pytest.skip(f"there are fewer than {DEVICES} devices")
    return Mesh(np.asarray(jax.devices()[:DEVICES]), ("epoch",))


SLOW = [
    pytest.param("daily", marks=(pytest.mark.slow, pytest.mark.thorough)),
    pytest.param("varying", marks=pytest.mark.slow),
]


@pytest.fixture(params=["steady", *SLOW])
def both(request, mesh):
    """The same observations on one device, and over several."""
    data = inversion.observations(heights(), noises()[request.param])
    return data, inversion.shard_epochs(data, mesh)


def assert_same(ask, both, exact=EXACT):
    one, many = (inversion.gather_epochs(ask(data), data) for data in both)
    for left, right in zip(jax.tree.leaves(one), jax.tree.leaves(many), strict=True):
        np.testing.assert_allclose(right, left, **exact)


@pytest.mark.parametrize("free", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_load_is_that_of_one_device(both, free):
    solve = functools.partial(inversion.solve, world(free)[0], beta=0.3)
    assert_same(lambda data: solve(data), both)


@pytest.mark.slow
def test_an_offset_of_one_variance_is_that_of_one_device(mesh):
    data = inversion.observations(heights(), noises()["common"])
    both = data, inversion.shard_epochs(data, mesh)
    one, many = (inversion.factorise(world()[0], each, 0.3) for each in both)
    for criterion in (inversion.leave_one_out, inversion.log_evidence):
        np.testing.assert_allclose(criterion(many), criterion(one), **EXACT)
    assert_same(lambda data: inversion.solve(world()[0], data, 0.3).load, both)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["epoch", "conjugate_gradient", "refined"])
def test_every_method_solves_shards(mesh, method):
    data = inversion.observations(heights(), noises()["steady"])
    both = data, inversion.shard_epochs(data, mesh)
    ask = lambda data: inversion.solve(world()[0], data, 0.3, method=method).load
    one, many = (inversion.gather_epochs(ask(data), data) for data in both)
    np.testing.assert_allclose(many, one, rtol=1e-7, atol=1e-7)


CRITERIA = [
    inversion.leave_one_out,
    inversion.gcv,
    inversion.log_evidence,
    inversion.l_curve,
    functools.partial(inversion.leave_group_out, groups=np.arange(ROWS) // 3),
]


def test_criteria_are_those_of_one_device(both):
    one, many = (inversion.factorise(world()[0], data, 0.3) for data in both)
    for criterion in CRITERIA:
        left, right = (jax.tree.leaves(criterion(each)) for each in (one, many))
        np.testing.assert_allclose(right, left, **EXACT)


@pytest.mark.slow
def test_criteria_of_free_fields_are_those_of_one_device(mesh):
    data = inversion.observations(heights(), noises()["steady"])
    both = data, inversion.shard_epochs(data, mesh)
    one, many = (inversion.factorise(world(True)[0], data, 0.3) for data in both)
    for criterion in CRITERIA:
        left, right = (jax.tree.leaves(criterion(each)) for each in (one, many))
        np.testing.assert_allclose(right, left, **EXACT)


def symmetric_slope(criterion, data):
    """Of a criterion, in beta and in a symmetric change of the gram matrix."""
    problem = world()[0]

    def value(beta, gram):
        changed = dataclasses.replace(problem, gram=(gram + gram.T) / 2)
        return criterion(inversion.factorise(changed, data, beta))

    return jax.grad(value, (0, 1))(0.3, problem.gram)


@pytest.mark.slow
@pytest.mark.parametrize(
    "criterion",
    [
        inversion.leave_one_out,
        pytest.param(inversion.gcv, marks=pytest.mark.thorough),
    ],
)
def test_derivatives_of_criteria_are_those_of_one_device(both, criterion):
    one, many = (symmetric_slope(criterion, data) for data in both)
    for left, right in zip(one, many, strict=True):
        np.testing.assert_allclose(right, left, **EXACT)


@pytest.mark.slow
def test_the_derivative_of_the_evidence_is_that_of_one_device(mesh):
    data = inversion.observations(heights(), noises()["steady"])
    both = data, inversion.shard_epochs(data, mesh)
    one, many = (symmetric_slope(inversion.log_evidence, data) for data in both)
    for left, right in zip(one, many, strict=True):
        np.testing.assert_allclose(right, left, **EXACT)


COLLECTIVES = ("all-gather", "all-to-all", "collective-permute", "reduce-scatter")


def count_instructions(text, name):
    return sum(f" {name}(" in line or f" {name}-start(" in line for line in text)


@pytest.mark.parametrize(
    "number",
    [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, len(CRITERIA)))],
)
def test_a_criterion_exchanges_two_sums_at_most(mesh, number):
    data = inversion.observations(heights(), noises()["steady"])
    data = inversion.shard_epochs(data, mesh)

    @jax.jit
    def criterion(problem, data, beta):
        return CRITERIA[number](inversion.factorise(problem, data, beta))

    compiled = criterion.lower(world()[0], data, 0.3).compile()
    lines = compiled.as_text().splitlines()
    assert 1 <= count_instructions(lines, "all-reduce") <= 2
    assert not [name for name in COLLECTIVES if count_instructions(lines, name)]
    left, right = (
        jax.tree.leaves(value)
        for value in (
            compiled(world()[0], data, 0.3),
            CRITERIA[number](inversion.factorise(world()[0], data, 0.3)),
        )
    )
    np.testing.assert_allclose(left, right, **EXACT)


@pytest.mark.slow
def test_a_solution_exchanges_nothing(mesh):
    data = inversion.observations(heights(), noises()["steady"])
    data = inversion.shard_epochs(data, mesh)
    solve = jax.jit(lambda problem, data: inversion.solve(problem, data, 0.3).load)
    lines = solve.lower(world()[0], data).compile().as_text().splitlines()
    assert not [
        name for name in (*COLLECTIVES, "all-reduce") if count_instructions(lines, name)
    ]


@pytest.mark.slow
def test_standard_deviations_are_those_of_one_device(both):
    problem, prior = world()
    basins = np.random.default_rng(1).random((2, CELLS))
    regions = inversion.averages(problem, prior, basins)
    ask = lambda data: (
        inversion.posterior_sd(inversion.factorise(problem, data, 0.3), regions).sd,
        inversion.posterior_covariance(
            inversion.factorise(problem, data, 0.3), regions
        ),
    )
    # Variances are differences of larger numbers, whose rounding they keep.
    assert_same(ask, both, {"rtol": 1e-9, "atol": 1e-10})


@pytest.mark.slow
def test_standard_deviations_of_cells_come_in_the_order_of_time(both):
    problem, prior = world()
    cells = inversion.every_cell(problem, prior)
    fields = []
    for data in both:
        factor, field, end = inversion.factorise(problem, data, 0.3), [], 0
        for epochs, part in inversion.stream_sd(factor, cells, member=4):
            assert epochs.start == end
            end = epochs.stop
            field.append(np.asarray(part.sd))
        assert end == EPOCHS
        fields.append(np.concatenate(field))
    np.testing.assert_allclose(fields[1], fields[0], **EXACT)


@pytest.mark.slow
def test_probed_standard_deviations_are_those_of_one_device(mesh):
    problem, prior = world()
    data = inversion.observations(heights(), noises()["daily"])
    both = data, inversion.shard_epochs(data, mesh)
    cells, probing = inversion.every_cell(problem, prior), inversion.Probing(budget=0.0)
    ask = lambda data: inversion.posterior_sd(
        inversion.factorise(problem, data, 0.3), cells, probing=probing
    )
    assert_same(ask, both)


@pytest.mark.slow
@pytest.mark.parametrize("criterion", [inversion.leave_one_out, inversion.abic])
def test_a_scan_is_that_of_one_device(both, criterion):
    one, many = (
        inversion.scan(world()[0], data, [0.1, 1.0], criterion=criterion)
        for data in both
    )
    np.testing.assert_allclose(many, one, **EXACT)


@pytest.mark.slow
def test_a_prior_mean_is_laid_out_with_the_epochs(mesh):
    mean = np.random.default_rng(2).normal(size=(EPOCHS, CELLS))
    data = inversion.observations(heights(), noises()["steady"])
    both = data, inversion.shard_epochs(data, mesh)
    ask = lambda data: inversion.solve(world()[0], data, 0.3, mean=mean).load
    assert_same(ask, both)


def test_a_load_kept_as_coefficients_is_that_of_one_device(mesh):
    data = inversion.observations(heights(), noises()["steady"])
    both = data, inversion.shard_epochs(data, mesh)
    one, many = (inversion.solve_representers(world()[0], data, 0.3) for data in both)
    np.testing.assert_allclose(many.load, one.load, **EXACT)


def test_a_load_in_float32_is_that_of_one_device(mesh):
    single = functools.partial(jax.tree.map, lambda x: jnp.asarray(x, jnp.float32))
    problem = single(world()[0])
    data = inversion.observations(*single((heights(), noises()["steady"])))
    one, many = (
        inversion.solve_representers(problem, each, jnp.float32(2.0))
        for each in (data, inversion.shard_epochs(data, mesh))
    )
    np.testing.assert_allclose(many.load, one.load, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_robust_weights_are_those_of_one_device(mesh):
    data = inversion.observations(heights(), noises()["steady"])
    both = data, inversion.shard_epochs(data, mesh)
    ask = lambda data: (
        inversion.reweight(world()[0], data, 0.3, inversion.Huber()).solution.load
    )
    one, many = (inversion.gather_epochs(ask(data), data) for data in both)
    np.testing.assert_allclose(many, one, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_variance_components_are_those_of_one_device(mesh):
    data = inversion.observations(heights(), noises()["daily"])
    both = data, inversion.shard_epochs(data, mesh)
    one, many = (inversion.variance_components(world()[0], each) for each in both)
    np.testing.assert_allclose(many.beta, one.beta, **EXACT)
    np.testing.assert_allclose(many.sigma, one.sigma, **EXACT)


@pytest.mark.slow
def test_heights_on_several_devices_are_tuned_as_on_one(mesh):
    data = inversion.observations(heights(), noises()["steady"])
    model = inversion.scaled_model(world()[0], noises()["steady"])
    shards = inversion.shard_epochs(data, mesh).values[:EPOCHS]
    one, many = (inversion.tune(model, {"beta": 0.3}, up) for up in (heights(), shards))
    assert many.estimate["beta"] == pytest.approx(one.estimate["beta"], rel=1e-10)


@pytest.mark.slow
def test_a_mesh_may_have_two_axes(mesh):
    data = inversion.observations(heights(), noises()["steady"])
    square = Mesh(mesh.devices.reshape(1, -1), ("node", "card"))
    both = data, inversion.shard_epochs(data, square)
    assert_same(lambda data: inversion.solve(world()[0], data, 0.3).load, both)


@pytest.mark.slow
def test_shards_can_be_laid_out_anew(mesh):
    data = inversion.observations(heights(), noises()["daily"])
    once = inversion.shard_epochs(data, mesh)
    again = inversion.shard_epochs(once, Mesh(mesh.devices[:1], ("epoch",)))
    assert_same(lambda data: inversion.solve(world()[0], data, 0.3).load, (data, again))


def test_fewer_epochs_than_devices_are_refused(mesh):
    data = inversion.observations(heights()[: DEVICES - 1], noises()["steady"])
    with pytest.raises(ValueError, match=f"{DEVICES - 1} epochs, fewer than the"):
        inversion.shard_epochs(data, mesh)


def test_what_couples_epochs_asks_for_the_whole_record(mesh):
    data = inversion.observations(heights(), noises()["daily"])
    data = inversion.shard_epochs(data, mesh)
    memory = inversion.autoregression(np.arange(EPOCHS), 5.0)
    with pytest.raises(ValueError, match="before shard_epochs"):
        inversion.solve_in_time(world()[0], data, 0.3, memory)
    with pytest.raises(ValueError, match="before shard_epochs"):
        inversion.averaging_kernels(
            inversion.factorise(world()[0], data, 0.3),
            inversion.every_cell(*world()),
        )


@pytest.mark.slow
def test_four_devices_do_as_two_do():
    """Four devices have to be asked for before JAX begins."""
    names = "load or criteria or exchange or standard or scan or refused"
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", names]
    words += ["-m", "not slow"]
    environment = os.environ | {"SHARDS": "4"}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=pathlib.Path(__file__).parents[1],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout

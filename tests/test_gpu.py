"""What an accelerator makes of the programs, as far as each machine can tell.

With one, its numbers are the CPU's; these tests are skipped by name without. Without
one, the ways that only accelerators take give the same numbers on the CPU, and every
program can be written out for CUDA.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sp
from jax import export

from jaxload import earth, inversion, sphere
from jaxload._platform import form
from jaxload.gapfill.joint import joint_losses, joint_model
from jaxload.gapfill.networks import lstm
from jaxload.gapfill.training import member_batches
from jaxload.inversion import observations
from jaxload.inversion.temporal.smoothing import solve_in_time
from jaxload.inversion.uncertainty.functionals import every_cell

CELLS, STATIONS, EPOCHS, PLACES, FEATURES = 60, 25, 40, 6, 5
BETA = 30.0
CHAIN = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(CELLS, CELLS))
MEMBERS = 7
GRID = sphere.raster_grid(np.arange(100, 104, 0.25), np.arange(25, 28, 0.25))
POINTS = sphere.raster_grid(np.arange(101, 103, 0.3), np.arange(26, 27, 0.3))


class World:
    """Cells in a line, and receivers with gaps; made where it is used."""

    def __init__(self):
        design = np.random.default_rng(6).normal(size=(STATIONS, CELLS))
        prior = inversion.smooth_prior(CHAIN)
        self.problem = inversion.smooth_problem(design, CHAIN)
        self.pattern = inversion.find_pattern(UP)
        self.every = every_cell(inversion.prior_problem(design, prior), prior)
        self.memory = inversion.autoregression(np.arange(float(EPOCHS)), 4.0)
        line = np.arange(float(STATIONS))
        held = jnp.asarray([line < 5, line > 20])
        distance = jnp.asarray(abs(line[:, None] - line))
        folds = joint_model.Folds(held, distance, jnp.asarray(2.0), 1)
        given = (self.problem, UP, SIGMA[0], normal(EPOCHS, PLACES, FEATURES), folds)
        self.training_data = joint_model.make_training_data(
            *given, moved=0.01 * design[:, :PLACES]
        )
        self.keys = jax.random.split(jax.random.key(1), 2)


def love_numbers(_, degree):
    return earth.load_response(earth.prem(), degree)


def design_matrix(_):
    love = earth.load_love_numbers("prem", frame="CF")
    kernel = earth.disc_kernel(love, radius=GRID.cell_radius)
    return earth.design_matrix(kernel, POINTS, GRID)


def water(world, up, sigma):
    data = inversion.observations(up, sigma, pattern=world.pattern)
    found = inversion.solve(world.problem, data, BETA)
    return found.load, inversion.leave_one_out_residual(found)


def evidence(world, beta, up, sigma):
    value = lambda beta: inversion.log_evidence(
        inversion.factorise(
            world.problem,
            inversion.observations(up, sigma, pattern=world.pattern),
            beta,
        )
    )
    return jax.value_and_grad(value)(beta)


def spread(world, sigma):
    return inversion.posterior_sd(
        inversion.factorise(world.problem, inversion.observations(UP, sigma), BETA),
        world.every,
    ).sd


def water_with_a_memory(world, up, sigma):
    return solve_in_time(
        world.problem, observations(up, sigma), BETA, world.memory
    ).load


def networks(_, inputs):
    network = lstm.NetworkSize(FEATURES, 8)
    keys = jax.random.split(jax.random.key(0), MEMBERS)
    weights = jax.vmap(lambda key: lstm.initialise(network, key))(keys)
    loss = lambda weights, inputs: jnp.mean((lstm.apply(weights, inputs) - 1) ** 2)
    total = lambda weights: member_batches.losses(loss, weights, inputs).sum()
    return jax.value_and_grad(total)(weights)


def joint_training(world, numbers):
    network = lstm.NetworkSize(FEATURES, 4)
    initial = joint_model.InitialHyperparameters(*numbers)
    first = joint_model.initial_parameters(network, initial, world.keys)
    loss = joint_losses.joint_load_losses(None)[0]
    total = lambda parameters: jnp.sum(
        loss(parameters, world.training_data, world.keys[0])
    )
    return jax.value_and_grad(total)(first)


def normal(*shape):
    return np.random.default_rng(8).normal(size=shape).astype(np.float32)


DEGREES = np.asarray([0.0, 1.0, 2.0, 30.0, 100.0, 5000.0, 40_000.0])
UP = normal(EPOCHS, STATIONS).astype(float)
UP[normal(STATIONS, EPOCHS).T < -1] = np.nan
SIGMA = 1 + abs(normal(EPOCHS, STATIONS).astype(float))

#: A function, and what it is given.
PROGRAMS = {
    "Love numbers": (love_numbers, DEGREES),
    "a design matrix": (design_matrix,),
    "water": (water, UP, SIGMA[0]),
    "water, errors of every day": (water, UP, SIGMA),
    "evidence": (evidence, BETA, UP, SIGMA[0]),
    "spread": (spread, SIGMA[0]),
    "spread, errors of every day": (spread, SIGMA),
    "water with a memory": (water_with_a_memory, UP, SIGMA[0]),
    "networks": (networks, normal(MEMBERS, EPOCHS, 2, FEATURES)),
    "joint training": (joint_training, np.asarray([0.4, 1.3, 0.7])),
}
#: How far its numbers may differ, each from the other, and as a share of the largest.
DOUBLE, SINGLE = (1e-8, 1e-11), (1e-4, 1e-5)
TOLERANCE = dict.fromkeys(PROGRAMS, DOUBLE) | {
    "Love numbers": (1e-9, 1e-13),
    "networks": SINGLE,
    "joint training": SINGLE,
}
#: Those that do something else on an accelerator.
OTHERWISE = [
    "Love numbers",
    "a design matrix",
    "water",
    "water, errors of every day",
    "evidence",
    "spread",
    "spread, errors of every day",
    "water with a memory",
    "networks",
]


def made(name):
    """A program, and what it is given."""
    function, *given = PROGRAMS[name]
    return functools.partial(function, World()), [jnp.asarray(x) for x in given]


def found(name):
    function, given = made(name)
    return jax.tree.map(np.asarray, function(*given))


def assert_same(name, ours, theirs):
    ours, theirs = jax.tree.leaves(ours), jax.tree.leaves(theirs)
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs):
        rtol, share = TOLERANCE[name]
        atol = share * np.nanmax(abs(other))
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol)


@pytest.mark.gpu
@pytest.mark.parametrize("name", PROGRAMS)
def test_an_accelerator_finds_the_numbers_of_the_cpu(name):
    if jax.devices()[0].platform == "cpu":
        pytest.skip("there is no accelerator here")
    there = found(name)
    with jax.default_device(jax.devices("cpu")[0]):
        here = found(name)
    assert_same(name, there, here)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERWISE)
def test_what_only_accelerators_do_gives_the_same_numbers(name):
    if jax.devices()[0].platform != "cpu":
        pytest.skip("an accelerator is here and does it itself")
    want = found(name)
    with form("accelerator"):
        got = found(name)
    assert_same(name, got, want)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_can_be_written_out_for_cuda(name):
    function, given = made(name)
    exported = export.export(jax.jit(function), platforms=["cuda"])(*given)
    assert exported.platforms == ("cuda",)
    assert "lapack" not in exported.mlir_module()

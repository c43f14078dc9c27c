"""The derivative of every public function that has one, in one table.

A function is contracted with fixed weights to a number, and the slope of that number
along a random direction, by reverse differentiation, is held against its central
difference. Value and derivative are one program, so that a function compiles once.
Second derivatives and other directions are in the slow tests of each function.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import test_inversion_gradients as inverse
from example_objects import Learned, stations, training_data

from jaxload import earth, evaluate, inversion, series, sphere
from jaxload.gapfill.joint import joint_losses
from jaxload.gapfill.networks import lstm

RNG = np.random.default_rng(11)
LOVE = earth.load_love_numbers("prem", "CF", 120)
DEGREES = 5
LAT, LON = np.arange(-80.0, 81, 20), np.arange(10.0, 360, 20)
REGION = 5.0 + 10 * np.arange(6)
ANGLES = np.array([0.5, 3.0, 40.0])
EPOCHS = 60
YEARS = 2010 + np.arange(EPOCHS) / 12
MONTHS = np.arange(EPOCHS) % 12 + 1
DAYS = np.datetime64("2010-01-01") + np.arange(EPOCHS)
MIDDLES = DAYS[0] + 12 * np.arange(EPOCHS)
SPHERE = earth.homogeneous(5500.0, 2e11, 1e11)
HIDDEN = np.arange(inverse.GAPPED.size).reshape(inverse.GAPPED.shape) % 3 == 0


def normal(*shape):
    return RNG.normal(size=shape)


def waves(*lead):
    coefficients = np.tril(RNG.normal(size=(2, *lead, DEGREES + 1, DEGREES + 1)))
    coefficients[1, ..., 0] = 0
    return earth.Harmonics(*coefficients)


WATER, SERIES = waves(), normal(EPOCHS, 3)
STOKES = earth.Stokes(jax.tree.map(lambda x: 1e-9 * x, waves(2)), 3.986e14, 6.378e6)
GLOBE, FINE = normal(2, LAT.size, LON.size), normal(2, 6, 6)


def love(h, l, k):
    """Love numbers as arrays enter them, of the order of one."""
    return dataclasses.replace(LOVE, h=h, l=l, k=k)


NUMBERS = (LOVE.h, LOVE.l, LOVE.k)


def point(response):
    return lambda *numbers: response(love(*numbers), ANGLES), NUMBERS


def disc(response):
    def kernel(*numbers):
        return earth.disc_kernel(love(*numbers), radius=np.array([0.6]))

    return lambda *numbers: response(kernel(*numbers), ANGLES), NUMBERS


def in_center_of_mass(*numbers):
    found = earth.in_frame(love(*numbers), "CM")
    return found.h, found.l, found.k


def rectangle(*numbers):
    kernel = earth.rectangle_kernel(love(*numbers), 10.0)
    places = (jnp.array([10.0, 11.0]), jnp.array([45.0, 45.5]))
    return earth.rectangle_response(kernel, places, ([10.0] * 2, [45.0] * 2), 1.0, 1.0)


def moving(lon, lat):
    """The uplift of two stations, by where they stand."""
    with jax.ensure_compile_time_eval():
        grid = sphere.Grid(
            *np.array([[15.0, 20.0, 25.0], [10.0, 10.0, 15.0]]), *[None] * 5
        )
        at = earth.uplift_at(earth.disc_kernel(LOVE, radius=2.0), grid, reach=40.0)
    return at(lon, lat)


def half_space(lame, shear):
    space = earth.HalfSpace(1e10 * lame, 1e10 * shear, jnp.asarray(9.8e7))
    near, size = jnp.array([0.0, 30.0]), jnp.asarray(20.0)
    return (
        earth.half_space_point(space, near + 5),
        earth.half_space_disc(space, near, size),
        earth.half_space_rectangle(space, near, near, size, size),
    )


def model(density):
    return dataclasses.replace(SPHERE, density=SPHERE.density * density[:, None])


@functools.cache
def mass():
    with jax.ensure_compile_time_eval():
        return earth.from_water(GLOBE, LAT, LON)


def moved(load, *numbers):
    field = dataclasses.replace(mass(), load=load)
    return earth.displacement(field, stations(), love(*numbers))


def with_coefficients(function):
    def of(coefficients):
        found = function(dataclasses.replace(STOKES, harmonics=coefficients))
        return found.harmonics if isinstance(found, earth.Stokes) else found

    return of, (jax.tree.map(lambda x: 1e9 * x, STOKES.harmonics),)


def low_degrees(first, zonal):
    low = earth.LowDegrees(first, first, first, zonal, zonal)
    return earth.replace_low_degrees(STOKES, low).harmonics


def pair(metric):
    return metric, (SERIES, normal(EPOCHS, 3))


def network(inputs, readout):
    weights = lstm.initialise(lstm.NetworkSize(2, 3, 1), jax.random.key(0), "float64")
    return lstm.apply(dataclasses.replace(weights, readout=readout), inputs)


@functools.cache
def joint_training():
    with jax.ensure_compile_time_eval():
        return Learned().parameters, training_data()


def joint_loss(common):
    parameters, data = joint_training()
    numbers = dataclasses.replace(parameters.inversion, log_common_mode_sd=common)
    loss = joint_losses.joint_load_losses()[0]
    parameters = dataclasses.replace(parameters, inversion=numbers)
    return loss(parameters, data, jax.random.key(0))


def common_mode():
    return (joint_training()[0].inversion.log_common_mode_sd,)


def memory(scale, values):
    chain = inversion.autoregression(inverse.TIMES, jnp.exp(scale))
    data = inversion.observations(values, np.ones(inverse.ROWS))
    return inversion.temporal_residual(inverse.PROBLEM, data, 0.7, chain, hidden=HIDDEN)


@functools.cache
def fit():
    with jax.ensure_compile_time_eval():
        return series.fit_trajectory(SERIES, YEARS)


def through_the_prior(design, scale):
    prior = inversion.smooth_prior(inverse.SLOPE, scale=jnp.exp(scale))
    problem = inversion.prior_problem(design, prior)
    return problem.cross, problem.gram


def new_station(design):
    data = inversion.observations(inverse.GAPPED, np.ones(inverse.ROWS))
    factor = inversion.factorise(inverse.PROBLEM, data, 0.7)
    weights = 1.0 + np.arange(inverse.CELLS)[None, :]
    network = inversion.monitoring_network(factor, inverse.PRIOR, weights)
    places = inversion.candidates(design, 0.5)
    return inversion.candidate_gains(network, places)


def components(patterns, beta):
    data = inversion.observations(patterns, np.ones(inverse.ROWS))
    given = (inverse.PROBLEM, data, jnp.exp(beta), np.ones((3, 2)))
    return inverse.solution(inversion.solve_by_components(*given))


#: Functions of arrays, and where they are differentiated, or what gives these.
TABLE = {
    # sphere
    "angular_distance": (sphere.angular_distance, (5.0, 50.0, 7.0, 44.0)),
    "azimuth": (sphere.azimuth, (5.0, 50.0, 7.0, 44.0)),
    "unit_vectors": (sphere.unit_vectors, (normal(3), normal(3))),
    "cell_area": (sphere.cell_area, (1.0, 2.0, 1.0)),
    "disc_radius": (sphere.disc_radius, (np.array([1e8, 1e9]),)),
    "arc_from_length": (sphere.arc_from_length, (np.array([1e4]),)),
    "inverse_distance_weights": (
        sphere.inverse_distance_weights,
        (np.exp(normal(3, 4)),),
    ),
    "area_mean": (
        lambda x: sphere.area_mean(np.full((2, 3), 1 / 3), x),
        (normal(4, 3),),
    ),
    # sphere.harmonics, by the names of earth
    "synthesise": (lambda w: earth.synthesise(w, LAT, LON), (WATER,)),
    "analyse": (lambda x: earth.analyse(x, LAT, LON, 4), (normal(LAT.size, LON.size),)),
    "synthesise_at": (
        lambda w: earth.synthesise_at(w, lat=[34.0, -90.0], lon=[10.0, 0.0]),
        (WATER,),
    ),
    "gradient_at": (
        lambda w: earth.gradient_at(w, lat=[34.0, -90.0], lon=[10.0, 0.0]),
        (WATER,),
    ),
    "smooth": (lambda w: earth.smooth(w, 3e5, 6.371e6), (WATER,)),
    # Gravity fields
    "destripe": (
        lambda w: earth.destripe(w, earth.Destriping(first_order=1, spare=0)),
        (WATER,),
    ),
    "remove_mean": with_coefficients(earth.remove_mean),
    "remove_rate": with_coefficients(
        lambda s: earth.remove_rate(s, jax.tree.map(lambda x: 1e-9 * x, WATER), [0, 1])
    ),
    "water_from_stokes": with_coefficients(lambda s: earth.water_from_stokes(s, LOVE)),
    "displacement_from_stokes": with_coefficients(
        lambda s: earth.displacement_from_stokes(s, LOVE)
    ),
    "replace_low_degrees": (low_degrees, (normal(2), normal(2))),
    "stokes_from_water": (
        lambda w, *numbers: (
            earth.stokes_from_water(w, love(*numbers), 3.986e14, 6.378e6).harmonics
        ),
        (WATER, *NUMBERS),
    ),
    "stokes_from_uplift": (
        lambda w, *numbers: (
            earth.stokes_from_uplift(w, love(*numbers), 3.986e14, 6.378e6).harmonics
        ),
        (WATER, *NUMBERS),
    ),
    # Green's functions
    "point_uplift": point(earth.point_uplift),
    "point_tangential": point(earth.point_tangential),
    "point_gravity": point(earth.point_gravity),
    "point_tilt": point(earth.point_tilt),
    "point_strain": point(earth.point_strain),
    "point_geoid": point(earth.point_geoid),
    "disc_uplift": disc(earth.disc_uplift),
    "disc_tangential": disc(earth.disc_tangential),
    "disc_gravity": disc(earth.disc_gravity),
    "disc_geoid": disc(earth.disc_geoid),
    "rectangle_response": (rectangle, NUMBERS),
    "half_space_point, half_space_disc, half_space_rectangle": (
        half_space,
        (3.4, 2.7),
    ),
    "in_frame": (in_center_of_mass, NUMBERS),
    "uplift_at": (moving, (np.array([15.3, 22.0]), np.array([14.0, 9.0]))),
    # Earth models
    "gravity": (lambda d: earth.gravity(model(d), 5e6), (np.ones(1),)),
    "enclosed_mass": (lambda d: earth.enclosed_mass(model(d), 5e6), (np.ones(1),)),
    # Loads
    "from_water": (
        lambda x: earth.from_water(x, LAT, LON).load,
        (normal(2, LAT.size, LON.size),),
    ),
    "from_pressure": (
        lambda x: earth.from_pressure(x, LAT, LON, reference=0 * x[0]).load,
        (normal(2, LAT.size, LON.size),),
    ),
    "from_sea_level": (
        lambda x: earth.from_sea_level(x, LAT, LON).load,
        (normal(2, LAT.size, LON.size),),
    ),
    "from_soil_moisture": (
        lambda x: earth.from_soil_moisture(x, LAT, LON).load,
        (normal(2, 3, LAT.size, LON.size),),
    ),
    "displacement": (moved, lambda: (mass().load, *NUMBERS)),
    "convolve": (
        lambda x: earth.convolve(LOVE, x, (REGION, REGION), stations()),
        (FINE,),
    ),
    # series
    "fit_trajectory": (lambda x: series.fit_trajectory(x, YEARS).estimates, (SERIES,)),
    "detrended": (lambda x: series.detrended(fit(), x, YEARS), (SERIES,)),
    "moving_average": (lambda x: series.moving_average(x, 5), (SERIES,)),
    "weekly_means": (lambda x: series.weekly_means(x, DAYS).values, (SERIES,)),
    "annual_amplitude": (lambda x: series.annual_amplitude(x, MIDDLES), (SERIES,)),
    # evaluate
    **{
        name: pair(getattr(evaluate, name))
        for name in ("bias", "rmse", "nse", "pcc", "r2", "taylor_statistics")
    },
    "wrms": (evaluate.wrms, (SERIES, np.exp(normal(EPOCHS, 3)))),
    "detrend": (lambda x: evaluate.detrend(x, YEARS, axis=0), (SERIES,)),
    "drought_severity": (lambda x: evaluate.drought_severity(x, MONTHS), (SERIES,)),
    # gapfill
    "lstm.apply": (network, (normal(20, 2, 2), normal(3, 1))),
    "joint_load_losses": (joint_loss, common_mode),
    # inversion
    "temporal_residual": (memory, (0.5, np.nan_to_num(inverse.GAPPED))),
    "solve_by_components": (components, (normal(2, inverse.ROWS), -0.3)),
    "candidate_gains, by the design": (new_station, (normal(2, inverse.CELLS),)),
    "smooth_prior, prior_problem": (
        through_the_prior,
        (inverse.DESIGN, 0.1 * normal(inverse.CELLS)),
    ),
    **{
        f"inversion.{name}": (function, lambda: (inverse.at(np.random.default_rng(1)),))
        for name, function in inverse.TABLE.items()
    },
}

#: Second forms of functions that are in the table already.
SLOW = {
    "inversion.reweight, Huber",
    "inversion.solve_in_time, shared noise",
    "inversion.posterior_sd, daily sigma",
    # -2 log_evidence.
    "inversion.abic",
}


def contracted(function):
    """A number that every element of every array of the result enters."""

    def number(*arguments):
        total = 0.0
        for values in jax.tree.leaves(function(*arguments)):
            if jnp.issubdtype(jnp.result_type(values), jnp.floating):
                weight = jnp.sin(1.0 + jnp.arange(np.size(values), dtype=float))
                finite = jnp.where(jnp.isfinite(values), values, 0.0)
                total += jnp.sum(weight.reshape(np.shape(values)) * finite)
        return total

    return number


def marked():
    for name in TABLE:
        yield pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else [])


@pytest.mark.parametrize("name", list(marked()))
def test_the_derivative_is_the_limit_of_differences(name):
    function, arguments = TABLE[name]
    arguments = arguments() if callable(arguments) else arguments
    arguments = jax.tree.map(lambda x: jnp.asarray(x, float), arguments)
    numbers = tuple(range(len(arguments)))
    program = jax.jit(jax.value_and_grad(contracted(function), numbers))
    # It runs three times: what compiles sooner is the quickest.
    quick = {"xla_backend_optimization_level": 0}
    program = program.lower(*arguments).compile(compiler_options=quick)
    draw = np.random.default_rng(2).normal
    way = jax.tree.map(lambda x: jnp.asarray(draw(size=x.shape)) * size(x), arguments)

    def shifted(step):
        return program(*jax.tree.map(lambda x, y: x + step * y, arguments, way))[0]

    slopes = jax.tree.leaves(program(*arguments)[1])
    parts = [jnp.sum(s * w) for s, w in zip(slopes, jax.tree.leaves(way))]
    got, want = float(sum(parts)), float(shifted(1e-5) - shifted(-1e-5)) / 2e-5
    # A sum of parts that cancel is known as well as they are.
    scale = max(abs(want), *(abs(float(part)) for part in parts))
    assert scale > 0
    assert abs(got - want) < 1e-5 * scale


def size(values):
    """Steps are of the order of what they change."""
    return jnp.maximum(jnp.max(jnp.abs(values)), 1e-3)

"""The programs whose launches are counted, at the sizes that they are meant for.

Only where data are missing is held in memory; all other arrays are shapes.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import _networks, joint
from jaxload import earth, inversion, series
from jaxload.gapfill.networks import ensemble, lstm
from jaxload.gapfill.networks.windows import TrainingWindows
from jaxload.inversion.missing.pattern import MissingPattern
from jaxload.inversion.problem import Problem
from jaxload.series.fitting.step_scan import level_shocks

__all__ = ["PROGRAMS", "SIZES", "Program", "Size", "paths", "shape"]

#: A function, and what it is given.
Call = tuple[Callable, tuple[Any, ...]]


@dataclasses.dataclass(frozen=True)
class Size:
    """Rows, cells and epochs of a network, and where its data are missing.

    Attributes:
      rows: Number of rows.
      cells: Number of cells.
      epochs: Number of epochs.
      gaps: Makes the record, NaN where missing, shape (epoch, row).
    """

    rows: int
    cells: int
    epochs: int
    gaps: Callable[[], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Program:
    """A program and how many launches it may have.

    Attributes:
      name: What it computes.
      size: Name of the size.
      budget: Launches of one call, at most.
      build: Makes the function and its arguments.
      trips: Turns of loops that the compiler does not know.
    """

    name: str
    size: str
    budget: int
    build: Callable[[], Call]
    trips: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def key(self) -> str:
        """Name and size."""
        return f"{self.name}, {self.size}"


def shape(*axes: int, dtype: Any = np.float64) -> Any:
    """An array of which only the shape is known."""
    return jax.ShapeDtypeStruct(axes, dtype)


def _western() -> np.ndarray:
    return _networks.observations()[0]


def _national() -> np.ndarray:
    """263 stations begin late and fail; 900 rows are always there."""
    rng = np.random.default_rng(2)
    values = _networks.with_gaps(np.zeros((3653, 1163)), 263, 35, rng)
    for row in range(263):
        values[: int(rng.exponential(150)), row] = np.nan
    return values


def _small() -> np.ndarray:
    rng = np.random.default_rng(5)
    return _networks.with_gaps(np.zeros((200, 40)), 30, 2, rng)


def _large() -> np.ndarray:
    """Every station is missing a ninth of the time."""
    rng = np.random.default_rng(4)
    return _networks.with_gaps(np.zeros((7305, 3000)), 3000, 57, rng)


SIZES = {
    "small": Size(40, 300, 200, _small),
    "western": Size(332, 6811, 6209, _western),
    "national": Size(1163, 17227, 3653, _national),
    "large": Size(3000, 60_000, 7305, _large),
}


@functools.cache
def pattern_of(name: str) -> MissingPattern:
    """Where the data of a size are missing."""
    return inversion.find_pattern(SIZES[name].gaps())


def problem_of(name: str, free: int = 0) -> Problem:
    """The inverse problem of a size, as shapes."""
    rows, cells = SIZES[name].rows, SIZES[name].cells
    design, cross = shape(rows, cells), shape(cells, rows)
    return Problem(
        design, cross, shape(rows, rows), shape(cells, free), shape(rows, free)
    )


def criterion_at(
    criterion: Callable,
    problem: Problem,
    values: jax.Array,
    sigma: jax.Array,
    beta: jax.Array,
    pattern: MissingPattern | None,
) -> jax.Array:
    """A criterion of a record at one weight of the prior."""
    data = inversion.observations(values, sigma, pattern=pattern)
    return criterion(inversion.factorise(problem, data, beta))


def _arguments(name: str, *, daily: bool = False, betas: int = 0) -> tuple[Any, ...]:
    size = SIZES[name]
    sigma = shape(size.epochs, size.rows) if daily else shape(size.rows)
    beta = shape(betas) if betas else shape()
    pattern = None if daily else pattern_of(name)
    return problem_of(name), shape(size.epochs, size.rows), sigma, beta, pattern


def _criterion(criterion: Callable, name: str, *, daily: bool = False) -> Call:
    return functools.partial(criterion_at, criterion), _arguments(name, daily=daily)


def _gradient(criterion: Callable, name: str, *, daily: bool = False) -> Call:
    value = functools.partial(criterion_at, criterion)
    arguments = _arguments(name, daily=daily)
    return jax.grad(value, argnums=(2, 3)), arguments


def _betas(criterion: Callable, name: str, count: int = 25) -> Call:
    value = functools.partial(criterion_at, criterion)
    over = jax.vmap(value, in_axes=(None, None, None, 0, None))
    return over, _arguments(name, betas=count)


def _regions(name: str, *, count: int = 10) -> Call:
    """Standard deviations of means over regions, sigma of every day."""
    size = SIZES[name]
    cross, free = shape(count, size.rows), shape(count, 0)
    functionals = inversion.Functionals(cross, free, shape(count), shape(count, count))

    def spread(problem, values, sigma, beta, functionals):
        data = inversion.observations(values, sigma)
        factor = inversion.factorise(problem, data, beta)
        return inversion.posterior_sd(factor, functionals).sd

    return spread, (*_arguments(name, daily=True)[:4], functionals)


def _cells(name: str) -> Call:
    """Standard deviations of every cell at every epoch, in one program."""
    size = SIZES[name]
    functionals = inversion.Functionals(
        shape(size.cells, size.rows), shape(size.cells, 0), shape(size.cells), None
    )

    def spread(problem, values, sigma, beta, pattern, functionals):
        data = inversion.observations(values, sigma, pattern=pattern)
        factor = inversion.factorise(problem, data, beta)
        return inversion.posterior_sd(factor, functionals).sd

    return spread, (*_arguments(name), functionals)


def _in_time(name: str, *, gradient: bool = False) -> Call:
    size = SIZES[name]

    def density(problem, values, sigma, beta, scale):
        data = inversion.observations(values, sigma, share_inverse=False)
        prior = inversion.autoregression(np.arange(float(size.epochs)), scale)
        return inversion.temporal_log_evidence(problem, data, beta, prior)

    function = jax.grad(density, argnums=(2, 3, 4)) if gradient else density
    return function, (*_arguments(name)[:4], shape())


def _love_numbers(last: int = 10_000) -> Call:
    """Of every degree."""
    return earth.load_response, (earth.prem(), jnp.arange(last + 1.0))


def _design_matrix(stations: int = 332) -> Call:
    """Of the western network, from Love numbers on."""
    _, _, places, grid = _networks.observations()
    lon, lat = (np.asarray(axis)[:stations] for axis in (places.lon, places.lat))
    places = _networks.Places(lon, lat)
    love = earth.load_love_numbers("prem", frame="CF")

    def design(love):
        kernel = earth.disc_kernel(love, radius=grid.cell_radius)
        return earth.design_matrix(kernel, places, grid)

    return design, (love,)


def _synthesis(last: int, epochs: int) -> Call:
    """Of fields on the coarsest equally spaced grid that resolves a degree."""
    rows, columns = 2 * last + 1, 2 * last + 2
    lat, lon = np.linspace(90, -90, rows), np.arange(columns) * 360 / columns
    both = shape(epochs, last + 1, last + 1), shape(epochs, last + 1, last + 1)
    return lambda harmonics: earth.synthesise(harmonics, lat, lon), (
        earth.Harmonics(*both),
    )


def _analysis(last: int, epochs: int) -> Call:
    """Of such fields."""
    rows, columns = 2 * last + 1, 2 * last + 2
    lat, lon = np.linspace(90, -90, rows), np.arange(columns) * 360 / columns
    field = shape(epochs, rows, columns)
    return lambda field: earth.analyse(field, lat, lon, last), (field,)


def _convolution(cells: str, step: float = 0.25, stations: int = 1000) -> Call:
    """Of a globe at 30 epochs."""
    rng = np.random.default_rng(1)
    rows = round(180 / step)
    lat, lon = step * (np.arange(rows) + 0.5) - 90, step * np.arange(2 * rows)
    east, north = rng.uniform(-180, 180, stations), rng.uniform(-70, 70, stations)
    places = _networks.Places(east, north)
    settings = earth.Convolution(cells=cells)

    def displacement(love, load):
        return earth.convolve(love, load, (lat, lon), places, ("up",), settings)

    love = earth.load_love_numbers("prem", frame="CF")
    return displacement, (love, shape(30, rows, 2 * rows))


def _series(stations: int, epochs: int) -> tuple[Any, ...]:
    """Heights, time and standard errors."""
    values = shape(epochs, stations)
    return values, 2006 + np.arange(epochs) / 365.2425, values


def _trajectories(stations: int = 1000, epochs: int = 6209) -> Call:
    """Under white and flicker noise."""

    def fit(values, sigma, noise):
        return series.fit_trajectory(values, years, sigma=sigma, noise=noise)

    values, years, sigma = _series(stations, epochs)
    return fit, (values, sigma, series.NoiseAmplitudes(*[shape(stations)] * 3))


def _pass_of_steps(stations: int = 1000, epochs: int = 6209) -> Call:
    """What a step at any epoch would gain, beside those that are known."""

    def scores(values, weight, noise, known):
        return level_shocks(values, jnp.asarray(years), weight, noise, known, (1, 0.5))

    values, years, weight = _series(stations, epochs)
    noise = series.NoiseAmplitudes(*[shape(stations)] * 3)
    return scores, (values, weight, noise, shape(*values.shape, dtype=bool))


def _noise_likelihood(stations: int = 1000, epochs: int = 6209) -> Call:
    """White and flicker noise of each station."""
    values, years, sigma = _series(stations, epochs)
    estimate = lambda values, sigma: series.estimate_noise(values, years, sigma=sigma)
    return estimate, (values, sigma)


def _network_step(members: int, epochs: int) -> Call:
    """A gradient of networks side by side, each of 32 units and of 20 features."""
    size = lstm.NetworkSize(20)
    draw = jax.vmap(lambda key: lstm.initialise(size, key))
    weights = jax.eval_shape(draw, jax.random.split(jax.random.key(0), members))
    series = shape(members, epochs, 1, dtype=np.float32)
    inputs = shape(members, epochs, 1, 20, dtype=np.float32)
    windows = TrainingWindows(inputs, series, series, series)
    loss = ensemble.training_objectives(ensemble.Training())[0]
    total = lambda *args: loss(*args).sum()
    return jax.grad(total), (weights, windows, shape(2, dtype=np.uint32))


CRITERIA = {
    "leave-one-out": inversion.leave_one_out,
    "GCV": inversion.gcv,
    "evidence": inversion.log_evidence,
}
ONE_BETA = {"western": 500, "national": 500, "large": 3000}


def _programs() -> list[Program]:
    loo, part = inversion.leave_one_out, functools.partial
    programs = [
        Program(name, size, most, part(_criterion, criterion, size))
        for size, most in ONE_BETA.items()
        for name, criterion in CRITERIA.items()
    ]
    programs += [
        Program(
            f"gradient of {name}", "western", 2000, part(_gradient, value, "western")
        )
        for name, value in CRITERIA.items()
        if name != "GCV"
    ]
    programs.append(
        Program(
            "leave-one-out at 25 betas", "western", 1000, part(_betas, loo, "western")
        )
    )
    for size, most in (("western", 2000), ("national", 5000)):
        build = part(_criterion, loo, size, daily=True)
        programs.append(Program("leave-one-out, daily sigma", size, most, build))
        programs.append(
            Program("regions' sd, daily sigma", size, most, part(_regions, size))
        )
    build = part(_gradient, loo, "western", daily=True)
    programs.append(
        Program("gradient of leave-one-out, daily sigma", "western", 5000, build)
    )
    build = part(_cells, "western")
    programs.append(Program("sd of every cell and epoch", "western", 5000, build))
    build = part(_in_time, "western")
    programs.append(Program("evidence with a temporal prior", "western", 10_000, build))
    build = part(_in_time, "western", gradient=True)
    programs.append(
        Program("gradient of evidence with a temporal prior", "western", 30_000, build)
    )
    programs.append(Program("Love numbers to 10,000", "PREM", 5000, _love_numbers))
    programs.append(Program("design matrix", "western", 12_000, _design_matrix))
    programs += [
        Program(name, "degree 719, 12 epochs", 10_000, part(build, 719, 12))
        for name, build in (("synthesis", _synthesis), ("analysis", _analysis))
    ]
    programs += [
        Program(f"convolution, {cells}s", "global", 10_000, part(_convolution, cells))
        for cells in ("disc", "rectangle")
    ]
    programs += [
        Program(name, "1,000 stations, 6,209 epochs", most, build)
        for name, most, build in (
            ("trajectories, flicker noise", 20_000, _trajectories),
            ("pass of steps", 20_000, _pass_of_steps),
            ("noise by likelihood", 200_000, _noise_likelihood),
        )
    ]
    build = part(_network_step, 75, 3650)
    programs += [
        Program("step of 75 LSTMs", "3,650 days", 12_000, build),
        Program(
            "joint step",
            "national, daily",
            20_000,
            part(joint.training_step, "country"),
        ),
    ]
    return programs


def _at_sizes(name: str, build: Callable, sizes: Sequence[tuple[Any, ...]]) -> list:
    """A program at several sizes, without a budget."""
    label = lambda size: " x ".join(map(str, size))
    return [Program(name, label(size), 0, partial(build, *size)) for size in sizes]


def paths(small: bool = False) -> dict[str, list[Program]]:
    """Every path of the table at three sizes.

    Args:
      small: One tiny size instead, for a test.

    Returns:
      Programs by part of the record of a GPU.
    """
    pick = lambda tiny, *sizes: [tiny] if small else list(sizes)
    networks = pick(("small",), ("western",), ("national",), ("large",))
    stations = pick((3, 150), (100, 6209), (332, 6209), (1000, 6209))
    criteria = [
        (name, partial(_criterion, value)) for name, value in CRITERIA.items()
    ] + [
        (f"gradient of {name}", partial(_gradient, CRITERIA[name]))
        for name in ("leave-one-out", "evidence")
    ]
    loo = CRITERIA["leave-one-out"]
    daily = [
        ("leave-one-out, daily sigma", partial(_criterion, loo, daily=True)),
        ("regions' sd, daily sigma", _regions),
        ("sd of every cell and epoch", _cells),
    ]
    in_time = "evidence with a temporal prior"
    temporal = [
        (in_time, _in_time),
        ("gradient of " + in_time, partial(_in_time, gradient=True)),
    ]
    betas = [
        (f"leave-one-out at {count} betas", partial(_betas, loo, count=count))
        for count in (1, 5, 25)
    ]
    fields = pick((12, 2), (180, 365), (360, 48), (719, 12))
    globes = pick((10.0, 5), (1.0, 1000), (0.5, 1000), (0.25, 1000))
    all_earth = [
        ("Love numbers", _love_numbers, pick((60,), (1000,), (10_000,), (40_000,))),
        ("design matrix", _design_matrix, pick((2,), (40,), (166,), (332,))),
        ("synthesis", _synthesis, fields),
        ("analysis", _analysis, fields),
        ("convolution, discs", partial(_convolution, "disc"), globes),
        ("convolution, rectangles", partial(_convolution, "rectangle"), globes),
    ]
    of_series = [
        ("trajectories, flicker noise", _trajectories, stations),
        ("pass of steps", _pass_of_steps, stations),
        ("noise by likelihood", _noise_likelihood, stations),
    ]
    members = pick((3, 100), (5, 3650), (75, 3650), (1000, 3650))
    trained = pick(("tiny",), ("tiny",), ("southwest",), ("country",))
    of_networks = [
        ("step of LSTMs", _network_step, members),
        ("joint step", joint.training_step, trained),
    ]
    at_networks = lambda several: [(*one, networks) for one in several]
    parts = {
        "criteria": at_networks(criteria),
        "sweep": at_networks(betas),
        "daily": at_networks(daily),
        "temporal": at_networks(temporal),
        "earth": all_earth,
        "series": of_series,
        "networks": of_networks,
    }
    return {
        part: [program for one in several for program in _at_sizes(*one)]
        for part, several in parts.items()
    }


#: By name and size.
PROGRAMS = {program.key: program for program in _programs()}

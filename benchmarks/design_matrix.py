"""Time and error of discs and design matrices, beside NumPy in the same process.

The floor counts arithmetic at the rate of long vectors. Horizontals of the larger
network take 12 to 14 times as much: eight values a response are read from the table at
computed places, which no vector instruction of a CPU does at once. Read alone, a value
takes 7 ns here, the arithmetic with it 0.7 ns.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.interpolate import CubicSpline

from benchmarks._harness import measure, report
from benchmarks._rates import Rates, measure_rates
from jaxload import earth, sphere
from jaxload.earth.kernels.table import tabulate

LAST = 40_000
NUMPY_LAST = 20_000
NUMPY_NODES = 4_000
SPACING = 0.25

#: Operations per node and degree: Legendre's recurrence, and its derivative's.
RECURRENCE = {"uplift": 7, "tangential": 11}

#: Operations per entry: chord, arcsine, logarithm and Lagrange's eight weights, ...
PLACE = 140

#: ... and, per response, eight products and the terms at the cut.
RESPONSE = {"uplift": 90, "tangential": 200}

COMPONENTS = (("up",), ("north", "east"), ("up", "north", "east"))


class Case(NamedTuple):
    """A network and the cells it sees."""

    name: str
    stations: "Places"
    grid: "Places"
    radius: np.ndarray


class Places(NamedTuple):
    lon: np.ndarray
    lat: np.ndarray


def make_case(stations: int, cells: int, rows: int) -> Case:
    rng = np.random.default_rng(1)
    columns = -(-cells // rows)
    south, west = 30.0, -125.0
    lon, lat = np.meshgrid(
        west + SPACING * np.arange(columns), south + SPACING * np.arange(rows)
    )
    grid = Places(lon.ravel()[:cells], lat.ravel()[:cells])
    half = SPACING / 2
    area = sphere.cell_area(grid.lat - half, grid.lat + half, SPACING)
    east, north = west + SPACING * columns, south + SPACING * rows
    where = rng.uniform((west, south), (east, north), (stations, 2)).T
    name = f"{stations} x {cells}"
    return Case(name, Places(*where), grid, np.asarray(sphere.disc_radius(area)))


def numpy_loads(radius: np.ndarray, last: int) -> np.ndarray:
    """Gamma_n / (2n + 1) as it is usually written, shape (degree, disc)."""
    p = numpy_polynomials(radius, last + 1)
    n = np.arange(1, last + 1)[:, None]
    rest = (p[:-2] - p[2:]) / (2 * (2 * n + 1))
    return np.concatenate([(1 - np.cos(np.deg2rad(radius)))[None, :] / 2, rest])


def numpy_polynomials(theta: np.ndarray, last: int) -> np.ndarray:
    x = np.cos(np.deg2rad(theta))
    p = np.empty((last + 1, len(theta)))
    p[0], p[1] = 1, x
    for n in range(1, last):
        p[n + 1] = ((2 * n + 1) * x * p[n] - n * p[n - 1]) / (n + 1)
    return p


def numpy_design_matrix(response: np.ndarray, case: Case) -> np.ndarray:
    """Sum the series at nodes for every grid row, then a cubic spline in distance."""
    distance = numpy_distance(case)
    radius, disc = np.unique(np.round(case.radius, 9), return_inverse=True)
    # Half of the nodes around the discs, half in geometric steps beyond.
    split, half = 3 * radius.max(), NUMPY_NODES // 2
    nodes = np.concatenate(
        [
            np.linspace(0, split, half, endpoint=False),
            np.geomspace(split, distance.max() * 1.001, half),
        ]
    )
    last = len(response) - 1
    weights = response[:, None] * numpy_loads(radius, last)
    table = numpy_polynomials(nodes, last).T @ weights
    design = np.empty(distance.shape)
    for row in range(len(radius)):
        there = disc == row
        design[:, there] = CubicSpline(nodes, table[:, row])(distance[:, there])
    return design


def numpy_distance(case: Case) -> np.ndarray:
    lon, lat = np.deg2rad(case.stations)[:, :, None]
    other_lon, other_lat = np.deg2rad(case.grid)[:, None, :]
    haversine = (
        np.sin((other_lat - lat) / 2) ** 2
        + np.cos(lat) * np.cos(other_lat) * np.sin((other_lon - lon) / 2) ** 2
    )
    return np.rad2deg(2 * np.arcsin(np.sqrt(haversine)))


def worst(design: np.ndarray, case: Case, kernel: earth.DiscKernel) -> dict:
    """Largest error of some entries against the sum over degrees of each."""
    rng = np.random.default_rng(2)
    distance = numpy_distance(case)
    near = np.flatnonzero(distance < 3 * case.radius[None, :])
    chosen = np.concatenate(
        [rng.choice(near, 1000), rng.choice(distance.size, 2000, replace=False)]
    )
    station, cell = np.unravel_index(chosen, distance.shape)
    theta = sphere.angular_distance(
        case.stations.lon[station],
        case.stations.lat[station],
        case.grid.lon[cell],
        case.grid.lat[cell],
    )
    exact = np.asarray(earth.disc_uplift(kernel, theta))
    exact = exact[np.arange(len(cell)), kernel.index[cell]]
    error = np.abs(design[station, cell] - exact)
    return {
        "error_relative": float((error / np.abs(exact)).max()),
        "error_m_per_m": float(error.max()),
    }


def one_disc(love: earth.LoveNumbers) -> list[dict]:
    """A disc of 0.125 degrees at 96 angles to degree 40,000."""
    theta = np.geomspace(1e-3, 90, 96)

    def ours():
        return earth.disc_uplift(earth.disc_kernel(love, 0.125), jnp.asarray(theta))

    def by_numpy():
        weights = response * numpy_loads(np.array([0.125]), LAST)[:, 0]
        return weights @ numpy_polynomials(theta, LAST)

    times = measure(ours)
    response = np.asarray(earth.disc_kernel(love, 0.125).uplift)
    difference = np.abs(by_numpy() / np.asarray(ours())[:, 0] - 1).max()
    work = {"work": "one disc, 96 angles", "degree": LAST}
    return [
        {**work, "by": "jaxload", **times},
        {**work, "by": "NumPy", **measure(by_numpy)},
        {"work": "their difference", "error_relative": float(difference)},
    ]


def floor(
    kernel: earth.DiscKernel, case: Case, components: tuple[str, ...], rates: Rates
) -> float:
    """Return the least time to make the table, read it and write the result."""
    responses = ["uplift"] * ("up" in components)
    responses += ["tangential"] * (components != ("up",))
    reach = float(numpy_distance(case).max())
    nodes = tabulate(kernel, reach).values.shape[2]
    degrees, discs = kernel.load.shape
    entries = len(case.stations.lon) * len(case.grid.lon)
    product = 2 * nodes * degrees * discs * len(responses)
    flop = entries * (PLACE + sum(RESPONSE[r] for r in responses))
    flop += nodes * degrees * sum(RECURRENCE[r] for r in responses)
    return rates.seconds(product, flop, 8 * entries * len(components))


def one_matrix(love: earth.LoveNumbers, case: Case, rates: Rates) -> list[dict]:
    rows = []
    for last in (LAST, NUMPY_LAST):
        for components in COMPONENTS if last == LAST else COMPONENTS[:1]:
            rows.append(one_row(love, case, rates, last, components))
    kernel = earth.disc_kernel(love, case.radius, NUMPY_LAST)
    response = np.asarray(kernel.uplift)
    times = measure(numpy_design_matrix, response, case, repeat=1)
    error = worst(numpy_design_matrix(response, case), case, kernel)
    work = {"work": f"design matrix {case.name}: up", "degree": NUMPY_LAST}
    return [*rows, {**work, "by": "NumPy", **times, **error}]


def one_row(
    love: earth.LoveNumbers,
    case: Case,
    rates: Rates,
    last: int,
    components: tuple[str, ...],
) -> dict:
    def ours():
        kernel = earth.disc_kernel(love, case.radius, last)
        return earth.design_matrix(kernel, case.stations, case.grid, components)

    times = measure(ours)
    kernel = earth.disc_kernel(love, case.radius, last)
    least = floor(kernel, case, components, rates)
    error = {}
    if components == ("up",):
        error = worst(np.asarray(ours()), case, kernel)
    return {
        "work": f"design matrix {case.name}: {' '.join(components)}",
        "degree": last,
        "by": "jaxload",
        **times,
        "floor_s": least,
        "ratio": times["median_s"] / least,
        **error,
    }


def main() -> None:
    """Time one disc, then the matrices of two networks."""
    jax.config.update("jax_enable_x64", True)
    love, rates = earth.load_love_numbers("prem", "CF"), measure_rates()
    rows = one_disc(love)
    for stations, cells, grid_rows in ((332, 6_811, 92), (1_200, 20_000, 125)):
        rows += one_matrix(love, make_case(stations, cells, grid_rows), rates)
    report("design_matrix", rows)


if __name__ == "__main__":
    main()

"""All epochs at western-US size, gaps and all, beside plain NumPy and SciPy.

    python -m benchmarks.inversion
    python -m benchmarks.inversion methods

The second measures the constants of `jaxload.inversion.method`.

The observations beside the checkout are used where they are, else noise with gaps that
persist as real ones do; the time does not depend on the values.
"""

import pathlib
import sys
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
import shapely
from scipy import sparse

from benchmarks._harness import measure, report
from jaxload import earth, inversion, io, sphere
from jaxload.inversion.definite import inverse
from jaxload.inversion.method import Shape, costs
from jaxload.inversion.problem import with_normal_matrix

__all__ = ["main"]

DATA = pathlib.Path(__file__).parents[2] / "shared" / "data" / "western_us"
BETA = 0.0178


def observations() -> tuple[np.ndarray, np.ndarray, Any, sphere.Grid]:
    """Displacement, its sigma per station and day, the stations and the grid."""
    if DATA.is_dir():
        gnss = io.read_gnss(DATA / "gnss" / "*.up", sites=DATA / "sites.txt")
        region = io.read_region(DATA / "boundaries" / "region_buffered.txt")
        return (
            gnss.up.values,
            gnss.up_sigma.values,
            gnss,
            sphere.regional_grid(region, 0.25),
        )
    rng = np.random.default_rng(1)
    grid = sphere.regional_grid(shapely.box(-122, 33, -103, 50), 0.25)
    stations, epochs = 332, 6209
    places = _Places(rng.uniform(-121, -104, stations), rng.uniform(34, 49, stations))
    values = 4 * rng.normal(size=(epochs, stations))
    for station in range(stations):
        for start in rng.integers(0, epochs, size=60):
            values[start : start + int(rng.exponential(15)), station] = np.nan
    sigma = 2.65 * rng.lognormal(sigma=0.1, size=values.shape)
    return values, np.where(np.isnan(values), np.nan, sigma), places, grid


class _Places:
    def __init__(self, lon: np.ndarray, lat: np.ndarray) -> None:
        self.lon, self.lat = lon, lat


def numpy_way(
    problem: inversion.Problem, displacement: np.ndarray, sigma: np.ndarray, beta: float
) -> tuple[np.ndarray, np.ndarray]:
    """Multipliers and leave-one-out residuals, one epoch after the other.

    Obviously right: take out the missing rows, factorise, solve.
    """
    gram = np.asarray(problem.gram)
    matrix = gram + np.diag((beta * sigma) ** 2)
    multiplier = np.zeros(displacement.shape)
    residual = np.full(displacement.shape, np.nan)
    for epoch, row in enumerate(displacement):
        seen = np.flatnonzero(np.isfinite(row))
        factor = scipy.linalg.cho_factor(matrix[np.ix_(seen, seen)], lower=True)
        inverse = scipy.linalg.cho_solve(factor, np.eye(len(seen)))
        dual = inverse @ row[seen]
        multiplier[epoch, seen] = dual
        residual[epoch, seen] = dual / np.diag(inverse)
    return multiplier, residual


def dense_way(
    design: np.ndarray, operator: Any, row: np.ndarray, sigma: np.ndarray, beta: float
) -> np.ndarray:
    """One epoch as published codes do it: normal equations of all cells."""
    seen = np.isfinite(row)
    rows = design[seen] / sigma[seen, None]
    normal = rows.T @ rows + beta**2 * (operator.T @ operator).toarray()
    right = rows.T @ (row[seen] / sigma[seen])
    return scipy.linalg.cho_solve(scipy.linalg.cho_factor(normal, lower=True), right)


def main() -> None:
    """Run the benchmark."""
    jax.config.update("jax_enable_x64", True)
    if sys.argv[1:] == ["methods"]:
        method_constants()
    else:
        western_us()


def western_us() -> None:
    """Criteria and water of all epochs, for sigma per station and per day."""
    displacement, daily, places, grid = observations()
    sigma = np.nanmedian(daily, axis=0)
    love = earth.load_love_numbers("prem", frame="CF")
    kernel = earth.disc_kernel(love, radius=grid.cell_radius)
    design = earth.design_matrix(kernel, places, grid)
    prepared = measure(inversion.smooth_problem, design, grid.laplacian)
    problem = inversion.smooth_problem(design, grid.laplacian)
    gaps = inversion.find_gaps(displacement)
    data = (problem, jnp.asarray(displacement), sigma, BETA)
    size = f"{len(sigma)} stations, {len(grid.lon)} cells, {len(displacement)} epochs"

    criterion = measure(inversion.leave_one_out, *data, gaps=gaps, repeat=5)
    solution = measure(inversion.solve, *data, gaps=gaps)
    some = np.linspace(0, len(displacement) - 1, 400).astype(int)
    start = time.perf_counter()
    want, left_out = numpy_way(problem, displacement[some], sigma, BETA)
    reference = (time.perf_counter() - start) / len(some) * len(displacement)
    few = some[::200]
    start = time.perf_counter()
    dense = [
        dense_way(np.asarray(design), grid.laplacian, displacement[e], sigma, BETA)
        for e in few
    ]
    published = (time.perf_counter() - start) / len(few) * len(displacement)

    got = inversion.dual(*data, gaps=gaps)
    residual = inversion.leave_one_out_residual(*data, gaps=gaps)
    load = inversion.solve(*data, gaps=gaps).load[few]
    rows = [
        {"what": f"prior: C G' and G C G', {size}", **prepared},
        {
            "what": "leave-one-out at one beta, all epochs",
            **criterion,
            "numpy_s": reference,
            "ratio": reference / criterion["median_s"],
            "largest_error": _error(residual[some], left_out),
        },
        {
            "what": "water on all cells, all epochs",
            **solution,
            "dense_s_extrapolated": published,
            "ratio": published / solution["median_s"],
            "largest_error": _error(load, np.array(dense)),
        },
        {"what": "multipliers", "largest_error": _error(got.multiplier[some], want)},
        *daily_rows(problem, displacement, daily),
    ]
    report("inversion", rows)


def daily_rows(
    problem: inversion.Problem, displacement: np.ndarray, sigma: np.ndarray
) -> list[dict]:
    """Sigma that differs from day to day: all epochs iterate, or each is inverted."""
    few = np.linspace(0, len(displacement) - 1, 200).astype(int)
    found = measure(inversion.solve, problem, displacement, sigma, BETA)
    part = (problem, displacement[few], sigma[few], BETA)
    each = measure(inversion.solve, *part, method="epoch")
    share = len(displacement) / len(few)
    load = inversion.solve(problem, displacement, sigma, BETA).load[few]
    want = inversion.solve(*part, method="epoch").load
    return [
        {
            "what": "sigma per day: water, the method chosen",
            **found,
            "ratio": each["median_s"] * share / found["median_s"],
            "largest_error": _error(load, np.asarray(want)),
        },
        {
            "what": f"sigma per day: an inverse an epoch, {len(few)} epochs",
            **each,
        },
    ]


def method_constants() -> None:
    """Time of a multiplication and addition in each kind of work, and predictions."""
    rng = np.random.default_rng(1)
    rows = [_per_product(rng, size) for size in (100, 332, 1000)]
    rows += [_per_inverse(rng, size) for size in (100, 332, 700)]
    for epochs, size, cells in ((3000, 9, 60), (2000, 80, 40), (500, 332, 300)):
        rows += _predictions(rng, epochs, size, cells)
    report("inversion_methods", rows)


def _per_product(rng: np.random.Generator, size: int) -> dict:
    epochs = 4_000_000 // size
    one = jnp.asarray(rng.normal(size=(epochs, size)))
    two = jnp.asarray(rng.normal(size=(size, size)))
    found = measure(jax.jit(lambda a, b: a @ b), one, two, repeat=9)
    unit = found["median_s"] / (epochs * size**2)
    return {"what": f"product with {size} x {size}", **found, "unit_s": unit}


def _per_inverse(rng: np.random.Generator, size: int) -> dict:
    count = max(4, 300_000_000 // size**3)
    root = rng.normal(size=(count, size, size))
    matrix = jnp.asarray(root @ root.transpose(0, 2, 1) + size * np.eye(size))
    one_by_one = jax.jit(lambda many: jax.lax.map(inverse, many))
    found = measure(one_by_one, matrix, repeat=5)
    unit = found["median_s"] / (count * 2 * size**3)
    return {"what": f"inverse of {size} x {size}", **found, "unit_s": unit}


def _predictions(
    rng: np.random.Generator, epochs: int, size: int, cells: int
) -> list[dict]:
    """What `method.costs` says of each method, and what it takes."""
    operator = sparse.eye_array(cells)
    problem = inversion.smooth_problem(rng.normal(size=(size, cells)), operator)
    problem = with_normal_matrix(problem, operator)
    displacement = jnp.asarray(rng.normal(size=(epochs, size)))
    missing = jnp.asarray(rng.uniform(size=displacement.shape) < 0.1)
    displacement = jnp.where(missing, jnp.nan, displacement)
    gaps = inversion.find_gaps(displacement)
    shape = Shape(epochs, size, cells, 0, 0.1 * size, shared=True, normal=True)
    call = (problem, displacement, jnp.ones(size), 0.5)
    return [
        {
            "what": f"{name}: {epochs} epochs, {size} rows, {cells} cells",
            "predicted_s": cost,
            **measure(inversion.solve, *call, gaps=gaps, method=name, repeat=5),
        }
        for name, cost in costs(shape).items()
    ]


def _error(got: Any, want: np.ndarray) -> float:
    """Largest difference relative to the largest value."""
    return float(np.nanmax(abs(np.asarray(got) - want)) / np.nanmax(abs(want)))


if __name__ == "__main__":
    main()

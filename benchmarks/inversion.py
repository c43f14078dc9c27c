"""All epochs at western-US size, gaps and all, beside plain NumPy and SciPy.

    python -m benchmarks.inversion

The observations beside the checkout are used where they are, else noise with gaps that
persist as real ones do; the time does not depend on the values.
"""

import pathlib
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
import shapely

from benchmarks._harness import measure, report
from jaxload import earth, inversion, io, sphere

__all__ = ["main"]

DATA = pathlib.Path(__file__).parents[2] / "shared" / "data" / "western_us"
BETA = 0.0178


def observations() -> tuple[np.ndarray, np.ndarray, Any, sphere.Grid]:
    """Displacement, its sigma per station, the stations and the grid."""
    if DATA.is_dir():
        gnss = io.read_gnss(DATA / "gnss" / "*.up", sites=DATA / "sites.txt")
        region = io.read_region(DATA / "boundaries" / "region_buffered.txt")
        sigma = gnss.up_sigma.median("time").values
        return gnss.up.values, sigma, gnss, sphere.regional_grid(region, 0.25)
    rng = np.random.default_rng(1)
    grid = sphere.regional_grid(shapely.box(-122, 33, -103, 50), 0.25)
    stations, epochs = 332, 6209
    places = _Places(rng.uniform(-121, -104, stations), rng.uniform(34, 49, stations))
    values = 4 * rng.normal(size=(epochs, stations))
    for station in range(stations):
        for start in rng.integers(0, epochs, size=60):
            values[start : start + int(rng.exponential(15)), station] = np.nan
    return values, np.full(stations, 2.65), places, grid


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
    displacement, sigma, places, grid = observations()
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
    ]
    report("inversion", rows)


def _error(got: Any, want: np.ndarray) -> float:
    """Largest difference relative to the largest value."""
    return float(np.nanmax(abs(np.asarray(got) - want)) / np.nanmax(abs(want)))


if __name__ == "__main__":
    main()

"""What a memory from epoch to epoch gains, on a known world and on real stations.

    python -m benchmarks.temporal

Whole stations are hidden, a fold of them at a time, and predicted from the rest without
memory (`solve`) and with it (`solve_in_time`). Each way has the beta that predicts
best; on the twin world the water that follows is held against the true water.
"""

import functools
import logging
import pathlib
import statistics
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import shapely

from benchmarks._harness import report
from jaxload import earth, evaluate, inversion, io, sphere, synthetic
from jaxload.inversion.temporal.markov import autoregression
from jaxload.inversion.temporal.smoothing import solve_in_time

__all__ = ["main"]

DATA = pathlib.Path(__file__).parents[2] / "shared" / "data" / "western_us"
BETAS = 0.01 * np.sqrt(2.0) ** np.arange(8)
SCALES = (3.0, 10.0, 20.0, 30.0, 100.0)
FOLDS = 4


def problem_of(places: Any, grid: sphere.Grid) -> inversion.Problem:
    """The smoothed inverse problem of a network."""
    love = earth.load_love_numbers("prem", frame="CF")
    kernel = earth.disc_kernel(love, radius=grid.cell_radius)
    design = earth.design_matrix(kernel, places, grid)
    return inversion.smooth_problem(design, grid.laplacian)


def invert_in_time(*data: Any, times: np.ndarray, scale: float) -> inversion.Solution:
    """Invert with a memory of `scale` days."""
    problem, up, sigma, beta = data
    bound = inversion.observations(up, sigma, share_inverse=False)
    return solve_in_time(problem, bound, beta, autoregression(times, scale))


def invert_epochs(problem: inversion.Problem, up: Any, sigma: Any, beta: float) -> Any:
    """Invert each epoch by itself."""
    return inversion.solve(problem, inversion.observations(up, sigma), beta)


def ways(times: np.ndarray) -> dict[str, Any]:
    """Each way to invert, called with problem, displacement, sigma and beta."""
    by_name: dict[str, Any] = {"no memory": invert_epochs}
    for scale in SCALES:
        name = f"memory of {scale:g} days"
        by_name[name] = functools.partial(invert_in_time, times=times, scale=scale)
    return by_name


def hidden_rms(invert: Any, data: tuple, beta: float) -> tuple[float, float]:
    """Error of stations that were not used [mm], and the seconds of one inversion."""
    problem, up, sigma = data
    squares, count, seconds = 0.0, 0, []
    for fold in range(FOLDS):
        hidden = np.isfinite(up) & (np.arange(up.shape[1]) % FOLDS == fold)[None, :]
        start = time.perf_counter()
        solution = invert(problem, np.where(hidden, np.nan, up), sigma, beta)
        error = (up - np.asarray(solution.fitted))[hidden]
        seconds.append(time.perf_counter() - start)
        squares, count = squares + np.sum(error**2), count + hidden.sum()
    return float(np.sqrt(squares / count)), statistics.median(seconds)


def compare(
    where: str, data: tuple, times: np.ndarray, truth: Any = None
) -> list[dict[str, Any]]:
    """One row for each way, at the beta that predicts hidden stations best."""
    problem, up, sigma = data
    rows = []
    for name, invert in ways(times).items():
        scores = [hidden_rms(invert, data, float(beta)) for beta in BETAS]
        best = int(np.argmin([score[0] for score in scores]))
        row = {
            "where": f"{where}, {up.shape[1]} stations, {len(up)} epochs",
            "what": name,
            "beta": float(BETAS[best]),
            "hidden_rms_mm": scores[best][0],
            "scatter_mm": float(np.nanstd(up)),
            "median_s": statistics.median(score[1] for score in scores),
        }
        if truth is not None:
            load = np.asarray(invert(problem, up, sigma, float(BETAS[best])).load)
            row |= truth(load)
        logging.info("%s", row)
        rows.append(row)
    return rows


def on_twin() -> list[dict[str, Any]]:
    """Three years of sixty stations in a world whose water is known."""
    world = synthetic.twin()
    grid = sphere.regional_grid(world.region, 0.5, 2.0)
    sigma = np.nanmedian(world.sigma, axis=0)
    days = np.arange(len(world.time), dtype=float)
    # The mean is not seen by a network that moves about its own mean.
    up = world.displacement - np.nanmean(world.displacement, axis=0)
    cells = sphere.cell_at(world.grid, grid.lon, grid.lat)
    within = shapely.contains_xy(world.region, grid.lon, grid.lat) & (cells >= 0)
    area = grid.cell_area[within] / grid.cell_area[within].sum()
    want = (world.water - world.water.mean(axis=0))[:, cells[within]]

    def truth(load: np.ndarray) -> dict[str, float]:
        got = (load - load.mean(axis=0))[:, within]
        return {
            "nse_cells": float(jnp.mean(evaluate.nse(got, want, axis=0))),
            "nse_region_mean": float(evaluate.nse(got @ area, want @ area)),
        }

    data = (problem_of(world, grid), up, sigma)
    return compare("twin", data, days, truth)


def on_western_us() -> list[dict[str, Any]]:
    """Every third day of seventeen years of real stations."""
    gnss = io.read_gnss(DATA / "gnss" / "*.up", sites=DATA / "sites.txt")
    region = io.read_region(DATA / "boundaries" / "region_buffered.txt")
    grid = sphere.regional_grid(region, 0.25)
    sigma = gnss.up_sigma.median("time").values
    up, times = gnss.up.values[::3], gnss.time.values[::3]
    return compare("western US", (problem_of(gnss, grid), up, sigma), times)


def main() -> None:
    """Run the benchmark."""
    jax.config.update("jax_enable_x64", True)
    rows = on_twin()
    if DATA.is_dir():
        rows += on_western_us()
    report("temporal", rows)


if __name__ == "__main__":
    main()

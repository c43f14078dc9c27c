"""Standard deviations of all cells at all epochs, beside plain NumPy and SciPy.

    python -m benchmarks.posterior

Western-US size with the real gaps where the observations are beside the checkout, a
national size (263 stations with gaps and 900 simulated rows), noise that varies in
time, exact and by probes, and how often intervals hold the truth: with the true prior,
with a wrong beta, with a wrong prior, and with the water of the twin world.
"""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
import shapely

from benchmarks._harness import measure, report
from benchmarks._networks import observations
from jaxload import earth, inversion, sphere, synthetic
from jaxload.inversion.noise import Noise
from jaxload.inversion.prior.smoothness import (
    Prior,
    prior_problem,
    prior_samples,
    prior_variance,
    smooth_prior,
)
from jaxload.inversion.uncertainty.functionals import (
    Functionals,
    averages,
    every_cell,
)
from jaxload.inversion.uncertainty.posterior import (
    posterior_covariance,
    posterior_sd,
    stream_sd,
)
from jaxload.inversion.uncertainty.resolution import degrees_of_freedom, resolution_map
from jaxload.inversion.uncertainty.sampling import (
    Sampling,
    noise_samples,
    posterior_samples,
)
from jaxload.inversion.uncertainty.stochastic_diagonal import Probing

__all__ = ["main"]

BETA = 0.0178
RADIUS_KM = 6371.0
SIGMAS = (0.994458, 1.959964)


class _Places:
    def __init__(self, lon: np.ndarray, lat: np.ndarray) -> None:
        self.lon, self.lat = lon, lat


def factor_of(problem: inversion.Problem, up: Any, sigma: Any) -> inversion.Factor:
    """What posterior questions are asked of."""
    data = inversion.observations(up, sigma)
    return inversion.factorise(problem, data, BETA)


def numpy_way(
    problem: inversion.Problem,
    target: Functionals,
    row: np.ndarray,
    sigma: np.ndarray,
) -> np.ndarray:
    """One epoch, obviously right: take out the missing rows, factorise, subtract."""
    seen = np.isfinite(row)
    gram = np.asarray(problem.gram)[np.ix_(seen, seen)]
    factor = np.linalg.cholesky(gram + np.diag((BETA * sigma[seen]) ** 2))
    cross = np.asarray(target.cross)[:, seen]
    image = scipy.linalg.solve_triangular(factor, cross.T, lower=True)
    variance = np.asarray(target.variance) - np.sum(image**2, axis=0)
    return np.sqrt(variance) / BETA


def compared(
    what: str,
    function: Callable[[], Any],
    problem: inversion.Problem,
    target: Functionals,
    up: np.ndarray,
    sigma: np.ndarray,
) -> dict[str, Any]:
    """Time of a function and its error against `numpy_way` at a few epochs."""
    times = measure(function, repeat=2)
    some = np.linspace(0, len(up) - 1, 12).astype(int)
    daily = np.broadcast_to(sigma, up.shape)
    seconds, want = [], []
    for epoch in some:
        start = time.perf_counter()
        want.append(numpy_way(problem, target, up[epoch], daily[epoch]))
        seconds.append(time.perf_counter() - start)
    reference = float(np.median(seconds)) * len(up)
    error = np.max(abs(np.asarray(function())[some] / np.array(want) - 1))
    return {
        "what": what,
        **times,
        "numpy_s": reference,
        "ratio": reference / times["median_s"],
        "largest_error": float(error),
    }


def streamed(factor: inversion.Factor, target: Functionals) -> int:
    """Walk through a record without keeping it; the number of values seen."""
    parts = stream_sd(factor, target)
    return sum(np.asarray(part.sd).size for _, part in parts)


def western() -> list[dict[str, Any]]:
    """Rows of the table at western-US size."""
    up, each, places, grid = observations()
    sigma = np.nanmedian(each, axis=0)
    love = earth.load_love_numbers("prem", frame="CF")
    kernel = earth.disc_kernel(love, radius=grid.cell_radius)
    design = np.asarray(earth.design_matrix(kernel, places, grid))
    prior = smooth_prior(grid.laplacian)
    problem = prior_problem(design, prior)
    size = f"{len(sigma)} rows, {len(grid.lon)} cells, {len(up)} epochs"
    cells = every_cell(problem, prior)
    factor = factor_of(problem, up, sigma)
    sd = lambda target: posterior_sd(factor, target).sd
    basins = averages(problem, prior, _squares(grid))
    few = slice(3000, 3100)
    daily = each[few]
    changing = factor_of(problem, up[few], daily)
    some = factor_of(problem, up[few], sigma)
    return [
        {
            "what": f"prior variance of all cells, {size}",
            **measure(prior_variance, prior),
        },
        compared(
            f"sd of all cells, {size}", lambda: sd(cells), problem, cells, up, sigma
        ),
        {"what": "the same, streamed", **measure(streamed, factor, cells, repeat=1)},
        compared(
            f"sd of {len(basins.variance)} basins, {size}",
            lambda: sd(basins),
            problem,
            basins,
            up,
            sigma,
        ),
        {
            "what": "their covariances",
            **measure(lambda: posterior_covariance(factor, basins)),
        },
        compared(
            "sd of all cells, sigma of the day, 100 epochs, exact",
            lambda: posterior_sd(changing, cells).sd,
            problem,
            cells,
            up[few],
            daily,
        ),
        *(probed(changing, cells, count) for count in (8, 32)),
        {
            "what": "5 posterior samples of all cells, 100 epochs",
            **measure(lambda: posterior_samples(some, prior, Sampling(5))),
        },
        resolved(factor_of(problem, up[:1], sigma), cells, grid),
    ]


def _squares(grid: sphere.Grid) -> np.ndarray:
    """Means over squares of 4 degrees."""
    place = np.stack([grid.lat // 4, grid.lon // 4], axis=1)
    number = np.unique(place, axis=0, return_inverse=True)[1].ravel()
    inside = number[None, :] == np.arange(number.max() + 1)[:, None]
    return inside / inside.sum(axis=1, keepdims=True)


def probed(factor: inversion.Factor, target: Functionals, count: int) -> dict[str, Any]:
    """Time of probing, its error and what it says of it."""
    how = Probing(budget=0, count=count)
    times = measure(lambda: posterior_sd(factor, target, probing=how), repeat=2)
    got = posterior_sd(factor, target, probing=how)
    want = posterior_sd(factor, target)
    error = np.asarray(got.sd / want.sd - 1)
    return {
        "what": f"these by {count} probes",
        **times,
        "rms_error": float(np.sqrt(np.mean(error**2))),
        "claimed_error": float(np.sqrt(jnp.mean(got.relative_error**2))),
        "largest_error": float(abs(error).max()),
    }


def resolved(
    factor: inversion.Factor, target: Functionals, grid: sphere.Grid
) -> dict[str, Any]:
    """Time of the map of resolution of a day, and a summary of it."""
    lon, lat = np.radians(grid.lon), np.radians(grid.lat)
    unit = [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]
    position = RADIUS_KM * np.stack(unit, axis=1)
    call = lambda: resolution_map(factor, target, position)
    times, resolution = measure(call, repeat=2), call()
    return {
        "what": "map of resolution, one day",
        **times,
        "radius_km": float(np.median(resolution.radius)),
        "freedom": float(degrees_of_freedom(factor)[0]),
    }


def national() -> list[dict[str, Any]]:
    """All cells of a country, streamed; and a few epochs of noise that varies."""
    rng = np.random.default_rng(2)
    rows, gappy, epochs = 1163, 263, 3653
    grid = sphere.regional_grid(shapely.box(80, 22, 120, 48.5), 0.25)
    places = _Places(rng.uniform(81, 119, rows), rng.uniform(23, 47, rows))
    love = earth.load_love_numbers("prem", frame="CF")
    kernel = earth.disc_kernel(love, radius=grid.cell_radius)
    prior = smooth_prior(grid.laplacian)
    problem = prior_problem(earth.design_matrix(kernel, places, grid), prior)
    up = np.zeros((epochs, rows))
    for row in range(gappy):
        up[: int(rng.exponential(150)), row] = np.nan
        for start in rng.integers(0, epochs, size=35):
            up[start : start + 1 + int(rng.exponential(15)), row] = np.nan
    sigma = np.where(np.arange(rows) < gappy, 2.65, 4.0)
    target = every_cell(problem, prior)
    part = (up[-96:], sigma)
    check = compared(
        "",
        lambda: posterior_sd(factor_of(problem, *part), target).sd,
        problem,
        target,
        *part,
    )
    size = f"{rows} rows, {len(grid.lon)} cells, {epochs} epochs"
    times = measure(streamed, factor_of(problem, up, sigma), target, repeat=1)
    reference = check["numpy_s"] / len(part[0]) * epochs
    few = part[0][:8]
    daily = sigma * rng.lognormal(0, 0.08, size=few.shape)
    changing = factor_of(problem, few, daily)
    exact = lambda: posterior_sd(changing, target).sd
    return [
        {
            "what": f"sd of all cells, streamed, {size}",
            **times,
            "numpy_s": reference,
            "ratio": reference / times["median_s"],
            "largest_error": check["largest_error"],
        },
        {
            "what": "the same, sigma varies by 8%, 8 epochs, exact",
            **measure(exact, repeat=2),
        },
        probed(changing, target, 32),
    ]


def calibration() -> list[dict[str, Any]]:
    """How many intervals of basin means hold the truth."""
    world = synthetic.twin(
        synthetic.TwinSettings(stations=40, days=400, radius=4.0, spacing=0.5, belt=2.0)
    )
    love = earth.load_love_numbers("prem", frame="CF")
    kernel = earth.disc_kernel(love, radius=world.grid.cell_radius)
    design = np.asarray(earth.design_matrix(kernel, world, world.grid))
    prior = smooth_prior(world.grid.laplacian)
    weights = _quarters(world)
    sigma = np.nanmedian(world.sigma, axis=0)
    beta = 0.02
    waters = [
        np.asarray(prior_samples(prior, key, len(world.time))) / beta
        for key in jax.random.split(jax.random.key(1), 4)
    ]
    ups = [
        _observed(
            world, water @ design.T + noise_samples(sigma, key, world.sigma.shape)
        )
        for water, key in zip(waters, jax.random.split(jax.random.key(2), 4))
    ]
    rough = smooth_prior(sphere.first_differences(world.grid))
    alike = beta * float(
        jnp.sqrt(jnp.median(prior_variance(rough)) / jnp.median(prior_variance(prior)))
    )
    truths = [(u, w) for u, w in zip(ups, waters)]
    cases: list[tuple[Any, ...]] = [
        ("the true prior", prior, beta, sigma, truths),
        ("beta half the true one", prior, beta / 2, sigma, truths),
        ("beta twice the true one", prior, 2 * beta, sigma, truths),
        ("sigma half the true one", prior, beta, sigma / 2, truths),
        ("first differences of like variance", rough, alike, sigma, truths),
    ]
    of_twin = [(world.displacement, world.water)]
    data = inversion.observations(world.displacement, sigma)
    chosen = inversion.select(prior_problem(design, prior), data)
    for name, noise in (
        ("white noise", sigma),
        ("white noise and common mode", Noise(jnp.asarray(sigma), common=0.5)),
    ):
        name = f"water of the twin, {name}, beta {chosen:.3g} by leave-one-out"
        cases.append((name, prior, chosen, noise, of_twin))
    return [
        {"what": f"coverage: {name}", **_coverage(design, weights, *case)}
        for name, *case in cases
    ]


def _observed(world: synthetic.Twin, up: Any) -> np.ndarray:
    return np.where(np.isfinite(world.displacement), up, np.nan)


def _quarters(world: synthetic.Twin) -> np.ndarray:
    """Means over the quarters of the region, and over the whole of it."""
    grid, centre = world.grid, world.region.centroid
    angle = np.arctan2(grid.lat - centre.y, grid.lon - centre.x)
    quarter = np.floor(angle / (np.pi / 2)).astype(int) % 4
    inside = shapely.contains_xy(world.region, grid.lon, grid.lat)
    basins = np.array([inside & (quarter == number) for number in range(4)] + [inside])
    return basins / basins.sum(axis=1, keepdims=True)


def _coverage(
    design: np.ndarray,
    weights: np.ndarray,
    prior: Prior,
    beta: float,
    noise: Any,
    truths: list[tuple[np.ndarray, np.ndarray]],
) -> dict[str, float]:
    problem = prior_problem(design, prior)
    target = averages(problem, prior, weights)
    ratios = []
    for up, water in truths:
        solution = inversion.solve(problem, inversion.observations(up, noise), beta)
        load, sd = np.asarray(solution.load), posterior_sd(solution, target).sd
        ratios.append(abs((load - water) @ weights.T / sd))
    inner, outer = (float(np.mean(np.array(ratios) < limit)) for limit in SIGMAS)
    return {"within_68": inner, "within_95": outer}


def main() -> None:
    """Run the benchmark."""
    jax.config.update("jax_enable_x64", True)
    report("posterior", [*western(), *national(), *calibration()])


if __name__ == "__main__":
    main()

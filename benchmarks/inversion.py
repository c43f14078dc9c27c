"""What each method of the inversion costs, and sigma that differs from day to day.

    python -m benchmarks.inversion
    python -m benchmarks.inversion methods

The first inverts all epochs of the western US, with the real gaps and the sigma of each
station and day, by the method chosen and by an inverse an epoch. The second measures
the constants of `jaxload.inversion.estimation.cost_model`. Beside plain NumPy and SciPy
the inversion is timed by `benchmarks.cpu_reference`.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from scipy import sparse

from benchmarks._harness import largest_error, measure, report
from benchmarks._networks import BETA, observations
from jaxload import earth, inversion
from jaxload.inversion.estimation.cost_model import ProblemSize, costs
from jaxload.inversion.linalg.spd import inverse
from jaxload.inversion.problem import with_normal_matrix

__all__ = ["main"]


def main() -> None:
    """Run the benchmark."""
    jax.config.update("jax_enable_x64", True)
    if sys.argv[1:] == ["methods"]:
        method_constants()
    else:
        report("inversion", daily_rows())


def daily_rows() -> list[dict]:
    """All epochs iterate together, or each is inverted."""
    displacement, sigma, places, grid = observations()
    love = earth.load_love_numbers("prem", frame="CF")
    kernel = earth.disc_kernel(love, radius=grid.cell_radius)
    design = earth.design_matrix(kernel, places, grid)
    problem = inversion.smooth_problem(design, grid.laplacian)
    few = np.linspace(0, len(displacement) - 1, 200).astype(int)
    data = inversion.observations(displacement, sigma)
    times = measure(inversion.solve, problem, data, BETA)
    part = (problem, inversion.observations(displacement[few], sigma[few]), BETA)
    each = measure(inversion.solve, *part, method="epoch")
    share = len(displacement) / len(few)
    load = inversion.solve(problem, data, BETA).load[few]
    want = inversion.solve(*part, method="epoch").load
    size = f"{sigma.shape[1]} stations, {len(grid.lon)} cells, {len(sigma)} epochs"
    return [
        {
            "what": f"water, the method chosen, {size}",
            **times,
            "ratio": each["median_s"] * share / times["median_s"],
            "error": largest_error(load, want),
        },
        {"what": f"an inverse an epoch, {len(few)} epochs", **each},
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
    times = measure(jax.jit(lambda a, b: a @ b), one, two, repeat=9)
    unit = times["median_s"] / (epochs * size**2)
    return {"what": f"product with {size} x {size}", **times, "unit_s": unit}


def _per_inverse(rng: np.random.Generator, size: int) -> dict:
    count = max(4, 300_000_000 // size**3)
    root = rng.normal(size=(count, size, size))
    matrix = jnp.asarray(root @ root.transpose(0, 2, 1) + size * np.eye(size))
    one_by_one = jax.jit(lambda many: jax.lax.map(inverse, many))
    times = measure(one_by_one, matrix, repeat=5)
    unit = times["median_s"] / (count * 2 * size**3)
    return {"what": f"inverse of {size} x {size}", **times, "unit_s": unit}


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
    data = inversion.observations(displacement, jnp.ones(size))
    shape = ProblemSize(epochs, size, cells, 0, 0.1 * size, shared=True, normal=True)
    call = (problem, data, 0.5)
    return [
        {
            "what": f"{name}: {epochs} epochs, {size} rows, {cells} cells",
            "predicted_s": cost,
            **measure(inversion.solve, *call, method=name, repeat=5),
        }
        for name, cost in costs(shape).items()
    ]


if __name__ == "__main__":
    main()

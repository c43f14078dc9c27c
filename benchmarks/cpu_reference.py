"""The inversion beside plain NumPy and SciPy in float64, written to be obviously right.

    python -m benchmarks.cpu_reference
    python -m benchmarks.cpu_reference --quick

Two references get the same arrays in the same process: least squares over all cells, an
epoch at a time, as published codes do it; and the data-space algorithm. They do some of
the epochs, and their time is scaled to all. At western-US size with the real gaps, at a
national size, and over a sweep whose times are fitted by powers of the number of rows,
cells and epochs; then at many weights of the prior. `--quick` does the same for small
networks and stores nothing.

What the columns say:
  * `median_s`: time of jaxload, compilation left out; `first_call_s` with it.
  * `data_space_s`, `dense_s`: time of either reference for all epochs, from the least
    of three for each dozen epochs, and from the least of all epochs: NumPy suffers most
    from other work on the machine, and is not to look slow for that.
  * `ratio`, `dense_ratio`: that over the median.
  * `least_s`: least time of jaxload, which the exponents are fitted to.
  * `error`, `dense_error`: largest difference from either, over the largest value.
  * `peak_gib`: largest memory of the whole process during a call; `more_gib` is what
    the call added to it.
  * `share`: the time that the products over all epochs and the writing of the result
    would take at the rates measured here, over the median.
  * `times_...`: least time for many weights over that for one.
"""

import argparse
import dataclasses
import functools
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import scipy.linalg
import scipy.sparse.linalg

from benchmarks._harness import largest_error, measure, report, resident_memory, show
from benchmarks._networks import BETA, Network, invented, national, western
from benchmarks._rates import Rates, measure_rates
from jaxload import inversion

__all__ = [
    "data_space",
    "main",
    "normal_equations",
    "prior_products",
    "quick",
    "stacked",
]

#: Least squares of all cells does so many epochs, or as many as it can in a minute.
DENSE_EPOCHS, DENSE_S = 20, 60.0

#: It is done for no more cells than that, and its time scaled by its operations: above,
#: OpenBLAS's products of a matrix with its transpose crash (numpy/numpy issue 19685).
LARGEST = 12_000

#: Epochs of the data-space algorithm that are timed together.
BLOCK = 12

#: Weights tried in a record without gaps, and with.
MANY, FEW = np.geomspace(1e-3, 1, 50), np.geomspace(5e-3, 5e-2, 4)


def stacked(
    design: np.ndarray, operator: Any, row: np.ndarray, sigma: np.ndarray, beta: float
) -> np.ndarray:
    """Water of one epoch: the misfit of ``[G / sigma; beta L] x = [d / sigma; 0]``."""
    seen = np.isfinite(row)
    matrix = np.vstack([design[seen] / sigma[seen, None], beta * operator.toarray()])
    right = np.concatenate([row[seen] / sigma[seen], np.zeros(operator.shape[0])])
    return np.linalg.lstsq(matrix, right)[0]


def normal_equations(
    design: np.ndarray, penalty: np.ndarray, row: np.ndarray, sigma: np.ndarray
) -> np.ndarray:
    """The same given ``beta^2 L'L``, by Cholesky, which is many times faster."""
    seen = np.isfinite(row)
    rows = design[seen] / sigma[seen, None]
    normal = rows.T @ rows
    normal += penalty
    # Transposed it lies as LAPACK wants it and is factorised in its place.
    factor = scipy.linalg.cho_factor(normal.T, lower=True, overwrite_a=True)
    return scipy.linalg.cho_solve(factor, rows.T @ (row[seen] / sigma[seen]))


def prior_products(design: np.ndarray, operator: Any) -> tuple[np.ndarray, np.ndarray]:
    """``C G'`` and ``G C G'``, with C the inverse of ``L'L``."""
    factor = scipy.sparse.linalg.splu((operator.T @ operator).tocsc())
    cross = factor.solve(np.ascontiguousarray(design.T))
    return cross, design @ cross


def data_space(
    products: tuple[np.ndarray, np.ndarray],
    displacement: np.ndarray,
    sigma: np.ndarray,
    beta: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Water on all cells and leave-one-out residuals of every epoch.

    Take out the missing rows, factorise, solve; then one product for all epochs.
    """
    cross, gram = products
    matrix = gram + np.diag((beta * sigma) ** 2)
    multiplier = np.zeros(displacement.shape)
    residual = np.full(displacement.shape, np.nan)
    for epoch, row in enumerate(displacement):
        seen = np.flatnonzero(np.isfinite(row))
        factor = scipy.linalg.cho_factor(matrix[np.ix_(seen, seen)], lower=True)
        inverse = scipy.linalg.cho_solve(factor, np.eye(len(seen)))
        multiplier[epoch, seen] = inverse @ row[seen]
        residual[epoch, seen] = multiplier[epoch, seen] / np.diag(inverse)
    return multiplier @ cross.T, residual


@dataclasses.dataclass(frozen=True, eq=False)
class Reference:
    """What a reference found at some epochs, and what it would take for all.

    Attributes:
      epochs: Those it did, shape (some,).
      load: Water [mm], shape (some, cell).
      residual: Leave-one-out residual [mm], shape (some, row); None where not found.
      seconds: For all epochs.
      prior_s: Seconds for the products of the prior.
      about: A row of the table.
    """

    epochs: np.ndarray
    load: np.ndarray
    residual: np.ndarray | None
    seconds: float
    prior_s: float
    about: dict[str, Any]


def in_data_space(network: Network, some: int) -> Reference:
    """The data-space algorithm at some epochs, the products of the prior apart."""
    start = time.perf_counter()
    products = prior_products(network.design, network.operator)
    prior_s = time.perf_counter() - start
    epochs = _spread(network, some)
    part = (products, network.displacement[epochs], network.sigma, BETA)
    memory, (load, residual) = resident_memory(lambda: data_space(*part))
    blocks = [part[1][start : start + BLOCK] for start in range(0, len(epochs), BLOCK)]
    least = [
        min(measure(data_space, products, block, *part[2:], repeat=3)["times_s"])
        for block in blocks
    ]
    seconds = sum(least) * len(network.displacement) / len(epochs)
    about = {
        "what": f"data space in NumPy, {len(epochs)} epochs done",
        "data_space_s": seconds,
        **memory,
    }
    return Reference(epochs, load, residual, seconds, prior_s, about)


def by_all_cells(network: Network, some: int) -> Reference:
    """Least squares of all cells at some epochs, ``L'L`` apart."""
    used = slice(min(network.design.shape[1], LARGEST))
    operator = network.operator[used, used]
    penalty = BETA**2 * (operator.T @ operator).toarray()
    design = network.design[:, used]
    epochs, times, loads = _spread(network, some), [], []

    def done() -> None:
        for row in network.displacement[epochs]:
            start = time.perf_counter()
            loads.append(normal_equations(design, penalty, row, network.sigma))
            times.append(time.perf_counter() - start)
            if sum(times) > DENSE_S:
                break

    memory, _ = resident_memory(done)
    scale = _operations(network.design) / _operations(design)
    seconds = scale * min(times) * len(network.displacement)
    part = "" if scale == 1 else f", {used.stop} cells"
    what = f"least squares of all cells, {len(times)} epochs{part} done"
    about = {"what": what, "dense_s": seconds, **memory}
    # Some of the cells have another solution than all.
    solved_epochs = epochs[: len(times) if scale == 1 else 0]
    return Reference(solved_epochs, np.array(loads), None, seconds, 0.0, about)


def _operations(design: np.ndarray) -> float:
    """Multiplications and additions for one epoch of `normal_equations`."""
    rows, cells = design.shape
    return rows * cells**2 + cells**3 / 3


def beside(
    network: Network, some: int, dense: int, rates: Rates | None = None
) -> list[dict[str, Any]]:
    """The criterion and the water of all epochs, beside both references."""
    plain, published = in_data_space(network, some), by_all_cells(network, dense)
    once = prepared(network, plain)
    problem = inversion.smooth_problem(network.design, network.operator)
    data = inversion.observations(network.displacement, network.sigma)
    left_out = lambda: inversion.leave_one_out_residual(
        inversion.factorise(problem, data, BETA)
    )
    criterion, got = _watched(left_out)
    criterion["error"] = largest_error(got[plain.epochs], plain.residual)
    solve = functools.partial(inversion.solve, problem, data, BETA)
    water = water_row(solve, plain, published)
    rows = [
        *once,
        {"what": "leave-one-out", **criterion},
        {"what": "water", **water},
        both_row(criterion, water, plain),
    ]
    if rates is not None:
        refined = water_row(lambda: solve(method="refined"), plain, published)
        rows.append({"what": "water, float32 refined", **refined})
        for row in (rows[3], rows[5]):
            row["share"] = _least(network, rates) / row["median_s"]
    part = described(network)
    return [{"part": part, **row} for row in [*rows, plain.about, published.about]]


def both_row(
    criterion: dict[str, Any], water: dict[str, Any], plain: Reference
) -> dict[str, Any]:
    """The criterion and the water together, which is what `data_space` finds."""
    median = criterion["median_s"] + water["median_s"]
    least = min(criterion["times_s"]) + min(water["times_s"])
    return {
        "what": "both",
        "first_call_s": criterion["first_call_s"] + water["first_call_s"],
        "median_s": median,
        "least_s": least,
        "data_space_s": plain.seconds,
        "ratio": plain.seconds / median,
    }


def water_row(solve: Any, plain: Reference, published: Reference) -> dict[str, Any]:
    """Time, memory and errors of one way to find the water."""
    row, got = _watched(lambda: solve().load)
    row |= {
        "error": largest_error(got[plain.epochs], plain.load),
        "dense_s": published.seconds,
        "dense_ratio": published.seconds / row["median_s"],
    }
    if len(published.epochs):
        row["dense_error"] = largest_error(got[published.epochs], published.load)
    return row


def _watched(function: Any) -> tuple[dict[str, Any], Any]:
    times = measure(function, repeat=5)
    memory, result = resident_memory(function)
    return {**times, **memory}, result


def prepared(network: Network, plain: Reference) -> list[dict[str, Any]]:
    """What is done once."""
    prior = measure(inversion.smooth_problem, network.design, network.operator)
    return [
        {
            "what": "prior: C G' and G C G'",
            **prior,
            "data_space_s": plain.prior_s,
            "ratio": plain.prior_s / prior["median_s"],
        },
        {
            "what": "layout of the gaps",
            **measure(inversion.find_pattern, network.displacement),
        },
    ]


def described(network: Network) -> str:
    """A network in words."""
    seen = np.isfinite(network.displacement)
    epochs, rows = seen.shape
    patterns = len(np.unique(np.packbits(seen, axis=1), axis=0))
    size = f"{rows} rows, {network.design.shape[1]} cells, {epochs} epochs"
    return (
        f"{network.name}: {size}, {1 - seen.mean():.0%} missing in {patterns} patterns"
    )


def _least(network: Network, rates: Rates) -> float:
    epochs, rows = network.displacement.shape
    cells = network.design.shape[1]
    return rates.seconds(
        product=2 * epochs * rows * (rows + cells), byte=8 * epochs * cells
    )


def _spread(network: Network, count: int) -> np.ndarray:
    """Numbers of some epochs, over the whole record."""
    epochs = len(network.displacement)
    return np.unique(np.linspace(0, epochs - 1, min(count, epochs)).astype(int))


def many_weights(network: Network) -> list[dict[str, Any]]:
    """Leave-one-out at many weights beside one, by the same call; then with gaps."""
    problem = inversion.smooth_problem(network.design, network.operator)
    whole = np.where(np.isfinite(network.displacement), network.displacement, 0)
    data = inversion.observations(whole, network.sigma)
    one = measure(inversion.scan, problem, data, MANY[:1], repeat=9)
    many = measure(inversion.scan, problem, data, MANY, repeat=9)
    direct = lambda beta: inversion.leave_one_out(
        inversion.factorise(problem, data, beta)
    )
    single = measure(direct, BETA, repeat=9)
    got = inversion.scan(problem, data, MANY)
    gappy = inversion.observations(network.displacement, network.sigma)
    some = measure(inversion.scan, problem, gappy, FEW, repeat=5)
    rows = [
        {"what": "no gaps, scan of one beta", **one},
        {"what": "no gaps, leave_one_out at one beta", **single},
        {
            "what": f"no gaps, scan of {len(MANY)} betas",
            **many,
            "times_scan_of_one": min(many["times_s"]) / min(one["times_s"]),
            "times_leave_one_out": min(many["times_s"]) / min(single["times_s"]),
            "error": largest_error(got, [float(direct(beta)) for beta in MANY]),
        },
        {
            "what": f"gaps, scan of {len(FEW)} betas",
            **some,
            "s_per_beta": some["median_s"] / len(FEW),
        },
    ]
    part = f"{network.name}: leave-one-out at many weights"
    return [{"part": part, **row} for row in rows]


class Size(NamedTuple):
    """What the cost depends on; cells along longitude and latitude."""

    rows: int
    cells: tuple[int, int]
    epochs: int


def growth(
    base: Size, sizes: dict[str, Sequence[Any]], some: int
) -> list[dict[str, Any]]:
    """Times as one size grows, and the powers of it that they follow."""
    rows, point = [], functools.cache(functools.partial(_point, some=some))
    for name, values in sizes.items():
        points = [point(base._replace(**{name: value})) for value in values]
        logs = np.log([np.prod(value) for value in values])
        power = {
            key: float(np.polyfit(logs, np.log([p[key] for p in points]), 1)[0])
            for key in ("least_s", "data_space_s", "dense_s")
        }
        rows += [*points, {"what": f"exponent of {name}", **power}]
    return [{**row, "part": "criterion and water as sizes grow"} for row in rows]


def _point(size: Size, some: int) -> dict[str, Any]:
    by_name = {row["what"]: row for row in beside(invented(*size), some, dense=2)}
    both, water = by_name["both"], by_name["water"]
    count = f"{size.rows} rows, {np.prod(size.cells)} cells, {size.epochs} epochs"
    keys = ("dense_s", "dense_ratio", "error", "dense_error")
    return {
        "what": count,
        **{key: value for key, value in both.items() if key != "what"},
        **{key: water[key] for key in keys},
    }


def quick() -> list[dict[str, Any]]:
    """The same for small networks."""
    size = Size(rows=30, cells=(10, 9), epochs=40)
    network = invented(*size)
    return [
        *beside(network, some=20, dense=3, rates=measure_rates()),
        *many_weights(network),
        *growth(size, {"rows": (20, 30)}, some=8),
    ]


def full() -> list[dict[str, Any]]:
    """The table."""
    rates, west = measure_rates(), western()
    sizes: dict[str, Sequence[Any]] = {
        "rows": (100, 200, 400, 800),
        "cells": ((40, 25), (50, 40), (80, 50), (100, 80)),
        "epochs": (1000, 2000, 4000, 8000),
    }
    return [
        *beside(west, some=200, dense=DENSE_EPOCHS, rates=rates),
        *many_weights(west),
        *beside(national(), some=40, dense=DENSE_EPOCHS, rates=rates),
        *growth(Size(200, (50, 40), 2000), sizes, some=40),
    ]


def main() -> None:
    """Run the benchmark."""
    jax.config.update("jax_enable_x64", True)
    parser = argparse.ArgumentParser(description="jaxload beside NumPy and SciPy")
    parser.add_argument("--quick", action="store_true", help="small, nothing stored")
    if parser.parse_args().quick:
        show("cpu_reference, quick", quick())
    else:
        report("cpu_reference", full())


if __name__ == "__main__":
    main()
